#!/usr/bin/env python3
"""Linux's driver for the Sound Blaster 16: found, played to through /dev/dsp, and recorded from."""
import array
import math

import common

# The driver mutes everything at first; without a mixer program the volumes are set through /dev/port: mixer registers 30h
# to 33h at 224h and 225h.
INIT = b"""#!/bin/sh
export PATH=/bin
/bin/busybox mount -t devtmpfs d /dev
exec >/dev/ttyS0 2>&1
/bin/busybox --install -s /bin
mount -t proc p /proc
for m in $(cat /modules/order); do
    options=
    [ $m != snd_sb16 ] || options="isapnp=0 port=0x220 irq=5 dma8=1 dma16=5 mpu_port=0x330 fm_port=0x388"
    insmod /modules/$m.ko $options 2>/dev/null
done
grep Blaster /proc/asound/cards
outb() { printf "$2" | dd of=/dev/port bs=1 seek=$1 conv=notrunc 2>/dev/null; }
for r in 060 061 062 063; do outb 548 "\\\\$r"; outb 549 "\\\\370"; done
cat /raw >/dev/dsp && echo played
dd if=/dev/dsp bs=500 count=2 2>/dev/null | od -t x1 | head -n 2
grep SoundBlaster /proc/interrupts
poweroff -f
"""


class LinuxSound(common.GuestTest):
    def test_driver(self):
        tone = bytes(int(128.5 + 100 * math.sin(i * 2 * math.pi * 500 / 8000)) for i in range(8000))
        args = self.linux()
        args[args.index("-initrd") + 1] = self.initrd("sound", [("init", 0o100755, INIT), ("raw", 0o100644, tone)])
        result = self.orrery(*args, "-soundhw", "sb16", "-audiodev", "wav,id=snd,path=wav")
        self.assertEqual(result.status, 0, str(result))
        for text in (b"Sound Blaster 16 at 0x220, irq 5, dma 1&5", b"played", b"80 80 80 80", b"SoundBlaster"):
            self.assertIn(text, result.out, str(result))
        left = array.array("h", self.read("wav")[44:])[::2]
        self.assertIn(sum(a < 0 <= b for a, b in zip(left, left[1:])), range(499, 502))
        self.assertIn(max(left), range(25400, 25700))


if __name__ == "__main__":
    common.main()
