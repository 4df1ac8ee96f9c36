#!/usr/bin/env python3
"""An IDE disk, driven by mini/disk.s: what the guest reads is the file's, what it writes lands there, or with
-snapshot nowhere."""
import os
import struct
import unittest

import common
import mini

SECTORS = 4096

OUTPUT = """\
sectors 00001000
pio read 00000005 00000007 status 50
pio write a5a50001
bus master found
dma read 00000010 00000011 00000017 status 00
dma write status 00
beyond the end 10
interrupt 00000007 00000001
"""


def image():
    """Sector n holds the number n in every 32-bit word."""
    return b"".join(struct.pack("<I", n) * 128 for n in range(SECTORS))


def changed():
    """The image after the guest's writes: sectors 9 and 10 by PIO, 32 to 39 by DMA."""
    data = bytearray(image())
    data[9 * 512:11 * 512] = struct.pack("<I", 0xa5a50001) * 256
    data[32 * 512:40 * 512] = b"".join(struct.pack("<I", 0x5a5a0000 + i) for i in range(1024))
    return bytes(data)


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Disk(common.GuestTest):
    def run_guest(self, accel, *args):
        kernel = self.write("kernel", mini.kernel("disk"))
        result = self.orrery("-m", "32", "-kernel", kernel, "-accel", accel, "-debugcon", "file:out", "-statehash",
                             *mini.EXIT, *args, timeout=60)
        self.assertEqual(self.read("out").decode(), OUTPUT, str(result))
        self.assertEqual(result.status, 1, str(result))
        return result

    def test_reads_and_writes(self):
        hashes = set()
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                disk = self.write("disk", image())
                hashes.add(self.run_guest(accel, "-hda", disk).state_hash)
                self.assertEqual(self.read("disk"), changed())
        self.assertEqual(len(hashes), 1)

    def test_snapshot(self):
        disk = self.write("disk", image())
        first = self.run_guest("jit", "-hda", disk, "-snapshot")
        second = self.run_guest("jit", "-hda", disk, "-snapshot")
        self.assertEqual(self.read("disk"), image())
        self.assertEqual(first.state_hash, second.state_hash)

    def test_replay_on_the_other_back_end(self):
        disk = self.write("disk", image())
        first = self.run_guest("jit", "-hda", disk, "-snapshot", "-record", self.path("j"))
        again = self.run_guest("interp", "-hda", disk, "-snapshot", "-replay", self.path("j"))
        self.assertEqual(first.state_hash, again.state_hash)

    def test_replay_refuses_another_disk(self):
        disk = self.write("disk", image())
        self.run_guest("jit", "-hda", disk, "-snapshot", "-record", self.path("j"))
        self.write("disk", image() + bytes(512))
        kernel = self.path("kernel")
        result = self.orrery("-m", "32", "-kernel", kernel, "-debugcon", "null", *mini.EXIT, "-hda", disk, "-snapshot",
                             "-replay", self.path("j"))
        self.assertEqual(result.status, 1, str(result))
        self.assertIn(b"hd0", result.err)

    def test_spellings(self):
        """The same disk in the same place, by each of the options; writes go where they say."""
        disk = self.write("disk", image())
        for args, written in ((["-drive", f"file={disk}"], True), (["-drive", f"file={disk},format=raw,if=ide"], True),
                              (["-drive", f"file={disk},bus=0,unit=0,media=disk,cache=writeback"], True),
                              (["-drive", f"if=none,id=d,file={disk}", "-device", "ide-hd,drive=d"], True),
                              (["-device", "ide-hd,drive=d,bus=ide.0,unit=0", "-drive",
                                f"if=none,id=d,file={disk}"], True),
                              (["-drive", f"file={disk},index=0,snapshot=on"], False),
                              (["-snapshot", "-drive", f"file={disk}"], False),
                              (["-snapshot", "-drive", f"file={disk},snapshot=off"], True)):
            with self.subTest(args):
                self.write("disk", image())
                self.run_guest("jit", *args)
                self.assertEqual(self.read("disk"), changed() if written else image())
        comma = self.write("a,b", image())
        self.run_guest("jit", "-drive", f"format=raw,file={comma.replace(',', ',,')}")
        self.assertEqual(self.read("a,b"), changed())

    def test_read_only_file(self):
        """A file that may only be read is fine with -snapshot."""
        disk = self.write("disk", image())
        os.chmod(disk, 0o444)
        self.run_guest("jit", "-hda", disk, "-snapshot")
        self.assertEqual(self.read("disk"), image())


if __name__ == "__main__":
    common.main()
