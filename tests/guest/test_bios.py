#!/usr/bin/env python3
"""Orrery's own firmware on every back end: its services, what it boots from, and that other firmware boots the same."""
import os
import re
import struct
import time
import unittest

import common
import mini

SECTOR = 512


SERVICES = """\
int11: 4227
int12: 027f
left: 8efa 0803 0080 037f 03ff
88: - 7b80
e801: - 3c00 00fe 3c00 00fe
e820: - 0000 0000 0000 0000 fc00 0009 0000 0000 0001 0000
e820: - fc00 0009 0000 0000 0400 0000 0000 0000 0002 0000
e820: - 0000 000f 0000 0000 0000 0001 0000 0000 0002 0000
e820: - 0000 0010 0000 0000 0000 01ee 0000 0000 0001 0000
e820: - 0000 01fe 0000 0000 0000 0002 0000 0000 0002 0000
e820: - 0000 fffc 0000 0000 0000 0004 0000 0000 0002 0000
e820 bad: C
free: 0000 0000
c0: - 0008 00fc 7401 0040 0000
c1: - 9fc0 0001
a20: 0003 0000 - 0001 0000 0001
87: - - 0000
86: - 0001
83: - C 0080
4f: C 4f1e
ec: -
apm: - 0102 504d 0003 - 01ff C 800b
none: C 86ff
time: - 1200 - 2026 0101
set: 1234 5600 2031 0203
ticks: 0001 0000 0000
alarm: - -
pci: - 0001 0210 1200 4350 - 0009 C 8602 - 0010 - 1234 C 8709 fd00 0008
pirq: C 890e 0060 - 0c00 0800
keys: 0500 1e61 1e61
empty: 48e0 4800
no f11: 0935
typematic:
key: 1e61
key: 1e41
key: 2e03
key: 2d00
key: 1e41
key: 3b00
key: 5400
key: 8500
key: 4838
key: 4800
key: 48e0
key: e00d
key: 002e
no key:
shifts: 0406 0000
break: 0180 0000
hook: 3062
mouse: - 00aa - 00aa C 0500 - - - - 0020 0003 0064 0000 00fd 0005 0009
serial: 60b0 6058 0300
printer: 9000
disk: - 0000 123f 0f01 - 0300
error: C 0400 C 0400
edd: - aa55 0007 - aa55 - 5000 0200
tick: 0000 001f 001f 0000
drive: 0080
bios32: 0000 000e 0000 0000 0210 4350 2049
places: 00fc 00ea 00cf 322f 00cf + + + + + +
"""

# firmware's messages, beside what guests print
MESSAGES = ["-device", "isa-debugcon,iobase=0x402,chardev=debugcon"]
FLOPPY_TABLE = """\
usual: - 000e 02d4 000e
raised: - 000e 02d4 000e
to 255: - 0012 02e2 0012
across: - 0028 02d4 0028
raised across: - 0028 02d4 0028
lowered: - 0005 02d4 0005
"""

SEABIOS = "/usr/share/seabios/bios.bin"
BOCHS = "/usr/share/bochs/BIOS-bochs-latest"


def program(name):
    return mini.assemble(name, 0x7c00)


def boot_program(give_up=False):
    """bios_boot with its sum made right."""
    code = bytearray(program("bios_boot"))
    struct.pack_into("<H", code, 0x3fc, give_up)
    words = struct.unpack(f"<{len(code) // 2}H", code)
    struct.pack_into("<H", code, 0x3fe, -sum(words) & 0xffff)
    return bytes(code)


def image(code, sectors=20480):
    return code + bytes(sectors * SECTOR - len(code))


def hard_disk(code):
    """With a partition that ends at head 15, sector 63 of cylinder 19."""
    disk = bytearray(image(code))
    disk[446:462] = struct.pack("<8B2I", 0x80, 1, 1, 0, 6, 15, 63, 19, 63, 20 * 16 * 63 - 63)
    if code == boot_program():
        words = struct.unpack_from(f"<{16 * 256}H", disk)
        struct.pack_into("<H", disk, 0x3fe, (struct.unpack_from("<H", disk, 0x3fe)[0] - sum(words)) & 0xffff)
    return bytes(disk)


def disc(boot, media, sectors):
    """An El Torito disc (1.0): a volume descriptor, the boot record, a catalog, the image."""
    def block(data):
        return data + bytes(-len(data) % 2048)
    catalog_at, image_at = 19, 20
    volume = b"\1CD001\1".ljust(80, b"\0") + struct.pack("<I", 4096)
    record = b"\0CD001\1EL TORITO SPECIFICATION".ljust(0x47, b"\0") + struct.pack("<I", catalog_at)
    head = bytearray(b"\1\0\0\0" + b"test".ljust(24, b"\0") + b"\0\0\x55\xaa")
    struct.pack_into("<H", head, 28, -sum(struct.unpack("<16H", head)) & 0xffff)
    entry = struct.pack("<BBHBBHI", 0x88, media, 0, 0, 0, sectors, image_at).ljust(32, b"\0")
    end = b"\xffCD001\1"
    return bytes(16 * 2048) + block(volume) + block(record) + block(end) + block(bytes(head) + entry) + block(boot)


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Bios(common.GuestTest):
    maxDiff = None

    def run_on(self, accel, *args, status=33, timeout=60):
        result = self.orrery("-m", "32", *args, "-debugcon", "file:out", "-serial", "file:serial", "-statehash", "-accel",
                             accel, *mini.EXIT, timeout=timeout)
        out = self.read("out").decode(errors="replace")
        self.assertEqual(result.status, status, str(result) + out)
        return out, result.state_hash

    def check(self, *args):
        """Runs on each back end; what the debug port showed, the same with equal states."""
        jit, interp = (self.run_on(accel, *args) for accel in common.BACKENDS)
        self.assertEqual(jit, interp)
        return jit[0]

    def boots(self, *args, drive, geometry=None, torito=None):
        out = self.check(*args)
        self.assertIn(f"drive: {drive:04x}\n", out)
        self.assertIn("es: 0000\n", out)
        if geometry:
            self.assertIn(f"int13: - {geometry} 0000\n", out)
        self.assertIn(f"el torito: {torito or 'C'}\n", out)
        self.assertIn("screen: 5003\n", out)
        return out

    def test_services(self):
        self.write("disk", image(program("bios_services")))
        out = self.check("-hda", "disk")
        self.assertEqual(out[out.index("int11"):], SERVICES)
        self.assertEqual(self.read("serial"), b"X")

    def test_disk(self):
        self.write("disk", hard_disk(boot_program()))
        self.boots("-hda", "disk", drive=0x80, geometry="0000 123f 0f01")
        self.boots("-hdd", "disk", drive=0x80, geometry="0000 123f 0f01")

    def test_disk_tables(self):
        """Vectors 41h and 46h: geometry as INT 13h has it, the drive's own beside it; zero without a disk."""
        self.write("disk", image(boot_program(), 20 * 16 * 63))
        self.write("large", b"")
        os.truncate(self.path("large"), 2000 * 16 * 63 * SECTOR)
        small = "0014 0010 ff00 00ff 00c8 0000 0014 003f"
        large = "03e8 a020 ff3f 00ff d0c8 1007 07d0 533f"
        none = " ".join(["0000"] * 8)
        for args, tables in ((["-hda", "disk"], [small, none]), (["-hda", "disk", "-hdb", "large"], [small, large])):
            self.assertEqual(re.findall("table: (.*)", self.check(*args)), tables)
        self.write("floppy", image(boot_program(), 2880))
        self.assertEqual(re.findall("table: (.*)", self.check("-fda", "floppy")), [none, none])

    def test_floppies(self):
        for sectors, geometry in ((2880, "0004 4f12 0101"), (5760, "0005 4f24 0101"), (1440, "0003 4f09 0101")):
            self.write("floppy", image(boot_program(), sectors))
            out = self.boots("-fda", "floppy", drive=0, geometry=geometry)
            self.assertIn("2880: -\n" if sectors == 5760 else "2880: C\n", out)

    def test_floppy_table(self):
        """The last sector of INT 1Eh's table, which MS-DOS raises up to 255, does not decide what is read."""
        code = program("bios_floppy")
        numbered = b"".join(struct.pack("<H", i).ljust(SECTOR, b"\0") for i in range(2880))
        self.write("floppy", code + numbered[len(code):])
        out = self.check("-fda", "floppy")
        self.assertEqual(out[out.index("usual"):], FLOPPY_TABLE)

    def test_moved_data(self):
        """The extended BIOS data area is where 40:0E says, as memory managers move it."""
        self.write("disk", image(program("bios_ebda")))
        out = self.check("-hda", "disk")
        handler = mini.assemble("bios_ebda", 0x7c00).rindex(b"\xcb") + 0x7c00
        self.assertEqual(out[out.index("before"):], f"before: - 9fc0\nafter: - 2000\nmouse: - - - {handler:04x} 0000\n"
                         "old: 0000\n")

    def test_stack(self):
        """Services do not depend on what interrupt handlers leave in the upper half of ESP, nor on a stack's place in its segment."""
        code = program("bios_esp")
        self.write("disk", image(code))
        self.write("floppy", image(b"", 2880))
        self.write("cd", disc(b"", 0, 1))
        args = ["-hda", "disk", "-fda", "floppy", "-cdrom", "cd", "-parallel", "null"]
        out = self.check(*args)
        for service in ("wrap", "disk", "floppy", "cd", "wait", "keys", "video", "bell", "printer", "move"):
            self.assertRegex(out, f"\n{service}:( 1e61)? - 7c00\n")

    def test_discs(self):
        code = boot_program()
        self.write("cd", disc(code, 0, 16))
        self.boots("-cdrom", "cd", drive=0xe0, torito="- 0013 01e0 0000 0000 07c0 0010")
        self.write("cd", disc(image(code, 2880), 2, 1))
        self.boots("-cdrom", "cd", drive=0x00, geometry="0004 4f12 0102", torito="- 0213 0100 0000 0000 07c0 0001")
        self.write("cd", disc(hard_disk(code), 4, 1))
        self.boots("-cdrom", "cd", drive=0x80, geometry="0000 123f 0f01", torito="- 0413 0180 0000 0000 07c0 0001")

    def test_order(self):
        """What comes first, and what comes when that gives up."""
        self.write("cd", disc(boot_program(), 0, 16))
        self.write("floppy", image(boot_program(), 2880))
        self.write("disk", image(boot_program(give_up=True)))
        all_three = ["-fda", "floppy", "-hda", "disk", "-cdrom", "cd"]
        for args, drives in (([], "80 00"), (["-boot", "d"], "e0"), (["-boot", "order=cd"], "80 e0"),
                             (["-boot", "a,menu=on,splash-time=100"], "00"), (["-boot", "once=d,order=a"], "e0")):
            out = self.run_on("jit", *all_three, *args, *MESSAGES)[0]
            self.assertEqual(re.findall(r"drive: 00(..)", out), drives.split(), out)
            self.assertEqual("F12" in out, "menu=on" in "".join(args))

    def test_resets(self):
        """Where software asked to go on after a reset, by all shutdown statuses; warm boots, resets, Ctrl-Alt-Del."""
        self.write("disk", image(program("bios_resets")))
        out = self.check("-hda", "disk", *MESSAGES).replace("\r", "")
        seen = re.findall(r"(stage|entered|end): ([0-9a-f ]*)|(Orrery BIOS|Booting)", out)
        steps = [" ".join(filter(None, s)) for s in seen]
        start, boot, want = "Orrery BIOS", "Booting", []
        for stage in range(5):
            want += [f"stage {stage:04x}", "entered 0000 0000 5aa5 0001"]
        want += ["stage 0005", boot, "stage 0006"]
        for stage in range(7, 12):
            want += [start, boot, f"stage {stage:04x}"]
        self.assertEqual(steps, [start, boot, *want, start, boot, "end 5aa5"])

    def wait_out(self, text, count=1):
        """Until the debug port has shown the text so often."""
        end = time.monotonic() + 60
        while self.read("out").decode(errors="replace").count(text) < count:
            self.assertLess(time.monotonic(), end, f"no {text!r}: {self.read('out')}")
            time.sleep(0.05)

    def test_menu(self):
        """F12, and a device by its number; Esc leaves the order as it was."""
        self.write("cd", disc(boot_program(), 0, 16))
        self.write("floppy", image(boot_program(), 2880))
        self.write("disk", image(boot_program()))
        for key, drive in (("1", 0), ("2", 0x80), ("3", 0xe0), ("esc", 0x80)):
            self.write("out", b"")
            t = self.terminal("-m", "32", "-display", "none", "-fda", "floppy", "-hda", "disk", "-cdrom", "cd", "-boot",
                              "menu=on,splash-time=60000", "-debugcon", "file:out", "-monitor", "stdio", *mini.EXIT, *MESSAGES)
            self.wait_out("Press F12 for boot menu.")
            t.type("sendkey f12\n")
            self.wait_out("3. DVD/CD ORRERY CD-ROM")
            t.type("sendkey x\n")  # nothing of that name
            t.type(f"sendkey {key}\n")
            self.wait_out(f"drive: {drive:04x}")
            self.assertEqual(t.finish().status, 33)

    def test_nothing(self):
        """A clear message, with what was tried, and another try at a key."""
        self.write("disk", bytes(1 << 20))
        guest = self.terminal("-m", "8", "-debugcon", "stdio", "-serial", "null", "-hda", "disk", "-device",
                              "ide-cd,bus=ide.1,unit=0", *MESSAGES)
        guest.wait_for("not bootable: its first sector has no boot signature")
        guest.wait_for("no disc in the drive")
        guest.wait_for("No bootable device.")
        guest.wait_for("Tried:")
        guest.wait_for("Press a key")

    def test_options(self):
        for text in ("x", "cc", "acdn", "order=", "menu=maybe", "what=1", "splash-time=0"):
            result = self.orrery("-boot", text)
            self.assertEqual(result.status, 1, str(result))
            self.assertIn(b"orrery: -boot: ", result.err)
        result = self.orrery("-cpu", "286", "-kernel", self.write("k", mini.kernel("halt")))
        self.assertIn(b"needs an 80386", result.err)

    def test_generations(self):
        """Firmware is code for an 80386. A program on an older CPU finds that one, whatever it has called, and boots from a
        floppy, a disk and a CD-ROM."""
        eight, two, three = ("fffe", "f000 f000 f000", "0000", "f000"), ("0000", "0000 0000 0000", "4000", "0000"), \
            ("0000", "0000 0000 7000", "4000", "0000")
        code = program("generation")
        self.write("floppy", image(code, 2880))
        self.write("disk", hard_disk(code))
        self.write("cd", disc(image(code, 16), 0, 16))
        for cpu, looks in (("8086", eight), ("286", two), ("386", three), ("486", three), ("pentium", three)):
            for medium in (["-fda", "floppy"], ["-hda", "disk"], ["-cdrom", "cd"])[:3 if cpu == "8086" else 1]:
                with self.subTest(cpu=cpu, medium=medium):
                    out = self.check("-cpu", cpu, *medium)
                    for name, look in zip(("push sp", "flags", "shift", "pushed"), looks):
                        self.assertEqual(re.findall(f"{name}: (.*)", out), [look] * 4, out)
                    if medium[0] != "-cdrom":  # which has no sectors by number of head and cylinder
                        self.assertIn("block move: - aa55\n", out)
                    self.assertIn("screen: 5003\n", out)

    def other(self, firmware):
        """Somebody else's firmware boots the same."""
        if not os.path.exists(firmware):
            self.skipTest(f"{firmware} is not installed")
        self.write("disk", hard_disk(boot_program()))
        self.write("cd", disc(boot_program(), 0, 16))
        for args, drive in ((["-hda", "disk"], 0x80), (["-cdrom", "cd", "-boot", "d"], 0xe0)):
            jit, interp = (self.run_on(accel, "-bios", firmware, *args) for accel in common.BACKENDS)
            self.assertEqual(jit, interp)
            self.assertRegex(jit[0], f"drive: 00({drive:02x}|9f|ef)")
            self.assertIn("screen: 5003\n", jit[0])

    def test_seabios(self):
        self.other(SEABIOS)

    def test_bochs(self):
        self.other(BOCHS)


if __name__ == "__main__":
    common.main()
