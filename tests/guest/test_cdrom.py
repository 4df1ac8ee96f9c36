#!/usr/bin/env python3
"""Debian's kernel with its own IDE, CD-ROM and disk drivers: an ISO made by xorriso is mounted and read by PIO and DMA,
and a disk of 3 TiB is seen in full, with the same state at the end on both back ends."""
import hashlib
import os
import random
import shutil
import subprocess
import unittest

import common

# The commands run with the drivers loaded for DMA, and again with them for PIO.
SCRIPT = b"""#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev
exec </dev/null >/dev/ttyS0 2>&1
$b mkdir -p /mnt /sys /proc
$b mount -t sysfs s /sys
$b mount -t proc p /proc
for dma in 7 0; do
    for m in $($b cat /modules/order); do
        options=
        [ $m = libata ] && options=dma=$dma
        $b insmod /modules/$m.ko $options
    done
    for d in $devices; do
        n=0
        while [ ! -e /dev/$d ] && [ $n -lt 100 ]; do $b usleep 100000; n=$((n + 1)); done
    done
    echo @@mode $($b cat /sys/class/ata_device/*/xfer_mode | $b grep XFER)
    . /commands
    for m in sr_mod sd_mod isofs ata_piix libata; do $b rmmod $m; done
    for m in cdrom t10_pi crc64_rocksoft crc64 crc_t10dif crct10dif_common scsi_mod scsi_common; do $b rmmod $m; done
done
$b dmesg | $b grep -E "I/O error|exception|failed command" && echo @@errors
$b poweroff -f
"""

# The tray: a drive that ejects at the last close, and does not close by itself; then one that does. A disc that comes
# in while the device is being opened is a changed one: the next opening reads it.
ISO_COMMANDS = b"""
echo @@capacity $($b cat /sys/block/sr0/size)
$b mount -r -t iso9660 /dev/sr0 /mnt && echo @@mounted
echo @@sum $($b md5sum /mnt/deep/folder/random.bin)
$b umount /mnt
echo 0 >/proc/sys/dev/cdrom/autoclose
echo 1 >/proc/sys/dev/cdrom/autoeject
$b dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>/dev/null && echo @@ejected
echo 0 >/proc/sys/dev/cdrom/autoeject
$b dd if=/dev/sr0 of=/dev/null bs=2048 count=1 2>&1 | $b grep "No medium"
echo 1 >/proc/sys/dev/cdrom/autoclose
$b true </dev/sr0
echo @@again $($b dd if=/dev/sr0 bs=2048 skip=16 count=1 2>/dev/null | $b dd bs=1 skip=1 count=5 2>/dev/null)
"""

DISK_COMMANDS = b"""
echo @@size $($b cat /sys/block/sda/size)
echo last sectors by $dma | $b dd of=/dev/sda bs=512 seek=$((6442450943 - dma)) conv=notrunc,fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
echo @@end $($b dd if=/dev/sda bs=512 skip=$((6442450943 - dma)) count=1 2>/dev/null)
echo @@beyond 2 TiB $($b dd if=/dev/sda bs=512 skip=5368709120 count=1 2>/dev/null)
"""

DISK_SECTORS = 6442450944  # 3 TiB
MARK = b"a mark beyond 2 TiB\n"


class Ide(common.GuestTest):
    def boot(self, accel, commands, devices, *args):
        """Boots with the IDE modules and runs the commands when the devices are there."""
        initrd = self.initrd("ide", [("start", 0o100755, SCRIPT), ("commands", 0o100644, commands)])
        arguments = self.linux(f'rdinit=/start devices="{devices}"', accel)
        arguments[arguments.index("-initrd") + 1] = initrd
        result = self.orrery(*arguments, "-statehash", *args, timeout=500)
        self.assertEqual(result.status, 0, str(result))
        self.assertNotIn(b"@@errors", result.out, str(result))
        return result

    def check_twice(self, result, text):
        """What must come out with DMA and with PIO."""
        self.assertEqual(result.out.count(text.encode()), 2, f"{text}\n{result}")

    def make_iso(self):
        data = random.Random(1).randbytes(3 << 20)
        os.makedirs(self.path("tree/deep/folder"))
        self.write("tree/deep/folder/random.bin", data)
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", self.path("disc.iso"), self.path("tree")],
                       check=True, capture_output=True)
        return hashlib.md5(data).hexdigest()

    def check_iso(self, result, digest):
        for text in (f"@@capacity {os.path.getsize(self.path('disc.iso')) // 512}", "@@mounted", f"@@sum {digest} ",
                     "@@ejected", "No medium", "@@again CD001"):
            self.check_twice(result, text)

    def make_disk(self):
        with open(self.path("disk"), "wb") as f:
            try:
                f.truncate(DISK_SECTORS * 512)
                os.pwrite(f.fileno(), MARK, 5368709120 * 512)
            except OSError as why:
                self.skipTest(f"no sparse file of 3 TiB here: {why}")

    def check_disk(self, result):
        for text in (f"@@size {DISK_SECTORS}", "@@end last sectors by", "@@beyond 2 TiB " + MARK.decode().strip()):
            self.check_twice(result, text)
        with open(self.path("disk"), "rb") as f:
            for dma in (7, 0):
                f.seek((DISK_SECTORS - 1 - dma) * 512)
                self.assertTrue(f.read(512).startswith(b"last sectors by %d\n" % dma))

    def test_both(self):
        """A CD-ROM drive and a large disk; the same on both back ends."""
        with_iso = shutil.which("xorriso")
        if not with_iso:
            print("no xorriso to make an ISO image with: the disk alone ... ", end="", flush=True)
        digest = self.make_iso() if with_iso else ""
        hashes = {}
        for accel in common.BACKENDS:
            self.make_disk()
            result = self.boot(accel, DISK_COMMANDS + (ISO_COMMANDS if with_iso else b""),
                               "sda sr0" if with_iso else "sda", "-drive", "file=disk,format=raw",
                               *(["-cdrom", "disc.iso"] if with_iso else []))
            self.assertIn(b"@@mode XFER_MW_DMA_2", result.out, str(result))
            self.assertIn(b"@@mode XFER_PIO_4", result.out, str(result))
            self.check_disk(result)
            if with_iso:
                self.check_iso(result, digest)
            hashes[accel] = result.state_hash
        self.assertEqual(len(set(hashes.values())), 1, str(hashes))

    @unittest.skipUnless(shutil.which("xorriso"), "no xorriso to make an ISO image with")
    def test_as_a_device(self):
        """The drive in another place, by -drive and -device."""
        digest = self.make_iso()
        result = self.boot("jit", ISO_COMMANDS, "sr0", "-drive", "if=none,id=d,file=disc.iso,media=cdrom", "-device",
                           "ide-cd,drive=d,bus=ide.0,unit=1")
        self.check_iso(result, digest)


if __name__ == "__main__":
    common.main()
