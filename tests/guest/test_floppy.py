#!/usr/bin/env python3
"""Floppy drive A and the printer, driven by mini/floppy.s: what the guest reads is the file's, what it writes lands
there, or with -snapshot nowhere; drives as the options make them."""
import hashlib
import os
import struct
import unittest

import common
import mini

SECTORS = 2880

OUTPUT = """\
drive types {types}
reset c0 c1 c2 c3
version 90
seek 20 00 20 28
dma read 04 00 00 29 00 01 02 data 000005a0 000005c3
dma write {dma}
pio read 44 80 00 29 01 01 02 data {data}
pio write {pio}
no such sector 40 04 00 28 00 13 02
interrupts 06
"""
WRITTEN = {"types": "40", "dma": "04 00 00 28 01 06 02", "data": "d0d00080 d0d0017f", "pio": "40 80 00 29 00 01 02"}
PROTECTED = {"types": "40", "dma": "44 02 00 28 01 03 02", "data": "000005b5 000005b6", "pio": "40 02 00 28 00 11 02"}


def image():
    """Sector n holds the number n in every 32-bit word."""
    return b"".join(struct.pack("<I", n) * 128 for n in range(SECTORS))


def changed():
    """The image after the guest's writes: three sectors of cylinder 40 by DMA, two by PIO."""
    data = bytearray(image())
    first = 40 * 36
    data[(first + 20) * 512:(first + 23) * 512] = b"".join(struct.pack("<I", 0xd0d00000 + i) for i in range(384))
    data[(first + 16) * 512:(first + 18) * 512] = b"".join(struct.pack("<I", 0xf0f00000 + i) for i in range(256))
    return bytes(data)


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Floppy(common.GuestTest):
    maxDiff = None

    def run_guest(self, accel, *args, says=WRITTEN):
        kernel = self.write("kernel", mini.kernel("floppy"))
        result = self.orrery("-m", "32", "-kernel", kernel, "-accel", accel, "-debugcon", "file:out", "-parallel",
                             "file:paper", "-statehash", *mini.EXIT, *args, timeout=60)
        self.assertEqual(self.read("out").decode(), OUTPUT.format(**says), str(result))
        self.assertEqual(result.status, 1, str(result))
        self.assertEqual(self.read("paper"), b"printed\n")
        return result

    def test_reads_and_writes(self):
        hashes = set()
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                disk = self.write("disk", image())
                hashes.add(self.run_guest(accel, "-fda", disk).state_hash)
                self.assertEqual(self.read("disk"), changed())
        self.assertEqual(len(hashes), 1)

    def test_snapshot(self):
        disk = self.write("disk", image())
        first = self.run_guest("jit", "-fda", disk, "-snapshot")
        second = self.run_guest("interp", "-drive", f"if=floppy,index=0,format=raw,file={disk}", "-snapshot")
        self.assertEqual(self.read("disk"), image())
        self.assertEqual(first.state_hash, second.state_hash)

    def test_write_protected(self):
        disk = self.write("disk,1", image())
        os.chmod(disk, 0o444)
        hashes = {self.run_guest(accel, "-drive", f"file={disk.replace(',', ',,')},if=floppy,readonly=on",
                                 says=PROTECTED).state_hash for accel in common.BACKENDS}
        self.assertEqual(self.read("disk,1"), image())
        self.assertEqual(len(hashes), 1)

    def test_two_drives(self):
        a, b = self.write("disk", image()), self.write("b", bytes(1200 * 1024))
        self.run_guest("jit", "-fda", a, "-fdb", b, says={**WRITTEN, "types": "42"})
        for second in (["-drive", "if=floppy,index=1"], ["-device", "floppy,unit=1"]):
            self.write("disk", image())
            self.run_guest("jit", "-fda", a, *second, says={**WRITTEN, "types": "45"})

    def test_ways_to_name_a_drive(self):
        """Each of them makes drive A, and with write protection where it says so."""
        disk = self.write("disk", image())
        for line in ("-drive if=none,id=d,file=DISK -device floppy,drive=d",
                     "-drive if=none,id=d,file=DISK -device floppy,drive=d,unit=0,bus=floppy-bus.0,id=a",
                     "-drive if=none,id=d,file=DISK,format=raw -global isa-fdc.driveA=d",
                     "--drive file=DISK,if=floppy,format=raw,unit=0,media=disk"):
            with self.subTest(line=line):
                self.run_guest("jit", *line.replace("DISK", disk).split(), "-snapshot")
        self.run_guest("jit", "-drive", f"if=floppy,file={disk},readonly=on", says=PROTECTED)
        self.assertEqual(self.read("disk"), image())

    def test_replay_on_the_other_back_end(self):
        disk = self.write("disk", image())
        first = self.run_guest("jit", "-fda", disk, "-snapshot", "-record", self.path("j"))
        again = self.run_guest("interp", "-fda", disk, "-snapshot", "-replay", self.path("j"))
        self.assertEqual(first.state_hash, again.state_hash)
        kernel = self.path("kernel")
        result = self.orrery("-m", "32", "-kernel", kernel, "-debugcon", "null", "-parallel", "null", *mini.EXIT,
                             "-snapshot", "-replay", self.path("j"))
        self.assertEqual(result.status, 1, str(result))
        self.assertIn(b"floppy0", result.err)


INIT = b"""#!/bin/sh
export PATH=/bin
/bin/busybox mount -t devtmpfs d /dev
exec >/dev/ttyS0 2>&1
/bin/busybox --install -s /bin
for m in $(cat /modules/order); do insmod /modules/$m.ko; done
until [ -b /dev/fd0 ] && [ -c /dev/lp0 ]; do sleep 1; done
md5sum </dev/fd0
dd if=/dev/fd1 of=/dev/fd0 bs=512 seek=1000 count=50 conv=fsync 2>/dev/null
echo "printed by Linux" >/dev/lp0
poweroff -f
"""


class LinuxFloppy(common.GuestTest):
    def test_drivers(self):
        """Debian's drivers: a whole disk read, part of one copied to another, a line printed."""
        args = self.linux()
        args[args.index("-initrd") + 1] = self.initrd("isa", [("init", 0o100755, INIT)])
        a, b = self.write("a", image()), self.write("b", os.urandom(720 * 1024))
        result = self.orrery(*args, "-fda", a, "-fdb", b, "-parallel", "file:paper")
        self.assertEqual(result.status, 0, str(result))
        self.assertIn(hashlib.md5(image()).hexdigest(), result.out.decode(), str(result))
        expected = bytearray(image())
        expected[1000 * 512:1050 * 512] = self.read("b")[:50 * 512]
        self.assertEqual(self.read("a"), bytes(expected))
        self.assertIn(b"printed by Linux", self.read("paper"))


if __name__ == "__main__":
    common.main()
