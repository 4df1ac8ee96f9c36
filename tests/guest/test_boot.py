#!/usr/bin/env python3
"""What -kernel and -bios start besides Linux, on every back end: a Multiboot kernel with modules, a ROM, a kernel by somebody
else's firmware."""
import os
import unittest

import common
import mini

SEABIOS = "/usr/share/seabios/bios.bin"


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Boot(common.GuestTest):
    def check(self, args, out, status):
        """Runs on each back end, records and replays; output, status and state hash are the same throughout."""
        hashes = set()
        for more in (["-accel", "jit"], ["-accel", "interp"], ["-record", "j"], ["-accel", "interp", "-replay", "j"]):
            with self.subTest(" ".join(more)):
                result = self.orrery(*args, "-debugcon", "file:out", "-statehash", *mini.EXIT, *more, timeout=60)
                self.assertEqual(self.read("out").decode(), out, str(result))
                self.assertEqual(result.status, status, str(result))
                hashes.add(result.state_hash)
        self.assertEqual(len(hashes), 1)
        return hashes.pop()

    def test_multiboot(self):
        self.write("k", mini.assemble("multiboot"))
        self.write("one", b"first")
        self.write("a,b", b"second")
        self.check(["-m", "5", "-kernel", "k"], "k\nF\n", 0x41)
        self.check(["-m", "5", "-kernel", "k", "-append", "x y=1", "-initrd", "one arg,a,,b"],
                   "k x y=1\none arg: first\na,b: second\nF\n", 0x41)

    def test_rom(self):
        self.write("rom", mini.assemble("rom", 0))
        self.check(["-m", "2", "-bios", "rom"], "upin ROM i\n", 0x43)

    @unittest.skipUnless(os.path.exists(SEABIOS), "seabios is not installed")
    def test_other_firmware(self):
        self.write("k", mini.assemble("multiboot"))
        self.write("h", mini.kernel("hello"))
        self.write("one", b"first")
        self.check(["-m", "5", "-bios", SEABIOS, "-kernel", "k", "-initrd", "one"], "k\none: first\nF\n", 0x41)
        self.check(["-m", "32", "-bios", SEABIOS, "-kernel", "h"], "hello e9\n", 0x23)

    def test_journal_knows_them(self):
        """A replay with another module or ROM is refused."""
        self.write("k", mini.assemble("multiboot"))
        self.write("one", b"first")
        self.write("rom", mini.assemble("rom", 0))
        for args, name in ((["-kernel", "k", "-initrd", "one"], "one"), (["-bios", "rom"], "rom")):
            run = ["-m", "2", *args, *mini.EXIT]
            self.orrery(*run, "-record", "j")
            data = self.read(name)
            self.write(name, data[:-1] + b"\1")
            result = self.orrery(*run, "-replay", "j")
            self.assertEqual(result.status, 1, str(result))
            self.assertIn(b"belongs to another machine", result.err)


if __name__ == "__main__":
    common.main()
