#!/usr/bin/env python3
"""Debian's kernel for x86-64 boots, runs programs of 64 and of 32 bits, and powers off, on every back end with the same
state at the end."""
import gzip
import os
import stat
import unittest

import common
import mini


def busybox(pack):
    """The program /bin/busybox in an initramfs of make-linux (cpio, newc)."""
    with open(os.path.join(common.CACHE, pack), "rb") as f:
        data = gzip.decompress(f.read())
    at = 0
    while data[at:at + 6] == b"070701":
        size, name_size = (int(data[at + i:at + i + 8], 16) for i in (54, 94))
        name = data[at + 110:at + 110 + name_size - 1]
        begin = at + (110 + name_size + 3) // 4 * 4
        if name.lstrip(b"./") == b"bin/busybox":
            return data[begin:begin + size]
        at = (begin + size + 3) // 4 * 4
    raise KeyError(f"no busybox in {pack}")


class Linux64(common.GuestTest):
    def test_same_boot_on_every_back_end(self):
        hashes = {}
        for accel in common.BACKENDS:
            result = self.orrery(*self.linux(accel=accel, bits="64"), "-statehash", timeout=500)
            self.assertIn(b"@@BOOTED", result.out, str(result))
            self.assertEqual(result.status, 0, str(result))
            self.assertIsNotNone(result.state_hash, str(result))
            hashes[accel] = result.state_hash
        self.assertEqual(len(set(hashes.values())), 1, str(hashes))

    def test_programs(self):
        """Of both sizes, each by its own system calls: what they compute is the same, and the same as here."""
        with open(os.path.join(common.CACHE, "tiny64.cpio.gz"), "rb") as f:
            initrd = f.read()
        initrd += bytes(-len(initrd) % 4)
        files = [("busybox32", stat.S_IFREG | 0o755, busybox("tiny.cpio.gz"))]
        arguments = self.linux("shell=1", bits="64")
        arguments[arguments.index("-initrd") + 1] = self.write(
            "initrd", initrd + gzip.compress(common.archive(files), mtime=0))
        t = self.terminal(*arguments)
        t.wait_for("# ")
        for program in ("busybox", "/busybox32"):
            for command, answer in (("uname -m", "x86_64"),
                                    ("sh -c 'echo $((123456789 * 987654321))'", "121932631112635269"),
                                    ("awk 'BEGIN {printf \"%.15f\\n\", 22 / 7 * 1.0625}'", "3.339285714285714"),
                                    ("sh -c 'seq 20000 | md5sum'", "e071f707df7bbeee2a6a1eb48011ddd0")):
                with self.subTest(program=program, command=command):
                    t.type(f"{program} {command}\n")
                    t.wait_for("\n")
                    self.assertIn(answer, t.wait_for("# ").decode())
        t.type("poweroff -f\n")
        self.assertEqual(t.finish(60).status, 0)


    @unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
    def test_fast_system_calls_of_32_bits(self):
        """In compatibility mode by SYSCALL on AMD's and by SYSENTER on Intel's; a kernel of 32 bits takes SYSENTER on both."""
        program = mini.assemble("vdso", 0x100054, "elf32-i386")  # behind the file's headers: the pages of both are the same
        files = [("init", stat.S_IFREG | 0o755, program)]
        initrd = self.write("initrd", gzip.compress(common.archive(files), mtime=0))
        for cpu, bits, code in (("orrery", "64", b"0f05"), ("max", "64", b"0f34"), ("orrery", "", b"0f34"), ("orrery32", "", b"0f34")):
            with self.subTest(cpu=cpu, bits=bits):
                arguments = self.linux("panic=-1", bits=bits)
                arguments[arguments.index("-initrd") + 1] = initrd
                result = self.orrery(*arguments, "-cpu", cpu)
                self.assertEqual(result.status, 0, str(result))
                self.assertRegex(result.out, rb"(?m)^(..)*" + code + rb"(..)*\r?\ndone\r?$")


if __name__ == "__main__":
    common.main()
