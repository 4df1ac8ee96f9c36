#!/usr/bin/env python3
"""Virtio devices with Debian's own drivers: disks are read, written and mounted, random numbers come, consoles pass bytes,
the network card shows its address; by both interfaces and on both back ends, and a recorded run happens again."""
import hashlib
import re
import struct

import common

SCRIPT = b"""#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev
exec </dev/null >/dev/ttyS0 2>&1
$b mkdir -p /proc /sys /mnt
$b mount -t proc p /proc
$b mount -t sysfs s /sys
for m in $($b cat /modules/order); do $b insmod /modules/$m.ko; done
echo @@disk $($b cat /sys/block/vda/size /sys/block/vda/ro /sys/block/vda/serial) $($b md5sum </dev/vda)
echo written by the guest | $b dd of=/dev/vdb bs=512 seek=100 conv=notrunc 2>/dev/null
$b sync
$b mke2fs /dev/vdc >/dev/null
$b mount -t ext4 /dev/vdc /mnt
$b cat /modules/virt* >/mnt/a
$b umount /mnt
$b mount -t ext4 -o discard /dev/vdc /mnt
$b grep -q "/dev/vdc /mnt" /proc/mounts && $b cat /modules/virt* | $b cmp - /mnt/a && echo @@same
$b rm /mnt/a
$b umount /mnt
echo @@rng $($b cat /sys/class/misc/hw_random/rng_current) $($b dd if=/dev/hwrng bs=16 count=1 2>/dev/null | $b md5sum)
echo @@port $($b cat /sys/class/virtio-ports/vport*p1/name)
echo to the console >/dev/hvc0
echo to the port | $b tee /dev/vport*p1 >/dev/null
$b sleep 0.1
echo @@card $($b cat /sys/class/net/eth0/address) $($b readlink /sys/class/net/eth0/device/driver)
$b grep virtio /proc/interrupts
$b poweroff -f
"""

SECTORS = 2048
IMAGE = b"".join(struct.pack("<I", n) * 128 for n in range(SECTORS))
WRITTEN = b"written by the guest\n"
OUTPUT = rb"@@disk 2048 1 theserial ([0-9a-f]{32}) .*@@same.*@@rng virtio_rng.0 ([0-9a-f]{32}) .*" \
         rb"@@port org.test.0.*@@card 52:54:00:aa:bb:cc [./]*bus/virtio/drivers/virtio_net"


class Virtio(common.GuestTest):
    def run_guest(self, accel, variant="", *more):
        arguments = self.linux("rdinit=/start", accel)
        arguments[1] = "64"
        arguments[arguments.index("-initrd") + 1] = self.initrd("virtio", [("start", 0o100755, SCRIPT)])
        disks = []
        for name in "abc":
            disks.append(self.write(f"disk{name}", IMAGE))
        result = self.orrery(
            *arguments, "-debugcon", "file:console", "-statehash",
            "-drive", f"if=none,id=first,file={disks[0]},readonly=on", "-device",
            f"virtio-blk-pci,drive=first,serial=theserial{variant}",
            "-drive", f"file={disks[1]},format=raw,if=virtio", "-drive", f"file={disks[2]},if=virtio",
            "-device", f"virtio-rng-pci,seed=7{variant}", "-device", f"virtio-serial-pci{variant}",
            "-device", "virtconsole,chardev=debugcon", "-device", "virtserialport,name=org.test.0",
            "-device", f"virtio-net-pci,mac=52:54:00:aa:bb:cc{variant}", *more)
        found = re.search(OUTPUT, result.out, re.S)
        self.assertIsNotNone(found, str(result))
        self.assertEqual(found.group(1).decode(), hashlib.md5(IMAGE).hexdigest())
        self.assertEqual(result.status, 0, str(result))
        self.assertEqual(self.read("console").replace(b"\r", b""), b"to the console\n")
        self.assertEqual(self.read("diska"), IMAGE)
        expected = bytearray(IMAGE)
        expected[51200:51200 + len(WRITTEN)] = WRITTEN
        self.assertEqual(self.read("diskb"), bytes(expected))
        return result.state_hash, found.group(2)

    def test_one_interface_only(self):
        """What comes of it is the same; the drivers say less or more, so the time is another."""
        for variant in (",disable-modern=on", ",disable-legacy=on"):
            with self.subTest(variant):
                self.run_guest("jit", variant)

    def test_replay_on_the_other_back_end(self):
        """Which also shows that both do the same."""
        first = self.run_guest("jit", "", "-record", self.path("j"))
        again = self.run_guest("interp", "", "-replay", self.path("j"))
        self.assertEqual(first, again)

    def test_random_numbers_of_the_host(self):
        """They come through the journal."""
        arguments = ("-device", "virtio-rng-pci,host=on,id=second")
        first = self.run_guest("jit", "", *arguments, "-record", self.path("j"))
        self.assertEqual(first, self.run_guest("jit", "", *arguments, "-replay", self.path("j")))


if __name__ == "__main__":
    common.main()
