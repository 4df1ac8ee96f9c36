#!/usr/bin/env python3
"""The firmware's tables before those who read them: Debian's kernel, started from a CD-ROM by isolinux, with and without ACPI;
iasl, dmidecode and biosdecode, where they are installed, with what the kernel saw."""
import base64
import gzip
import os
import re
import shutil
import struct
import subprocess
import unittest

import common

ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin"
LDLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
INIT = b"""#!/bin/sh
export PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /sys
mount -t devtmpfs d /dev
mount -t proc p /proc
mount -t sysfs s /sys
exec >/dev/ttyS0 2>&1
dump() { echo "@@FILE $1"; base64 $2; echo "@@END"; }
for f in DSDT FACP APIC HPET FACS; do [ -e /sys/firmware/acpi/tables/$f ] && dump $f /sys/firmware/acpi/tables/$f; done
dump DMI /sys/firmware/dmi/tables/DMI
dump SMBIOS /sys/firmware/dmi/tables/smbios_entry_point
dd if=/dev/mem of=m bs=65536 skip=14 count=2 2>/dev/null
dump ROM m
for f in interrupts mtrr; do dump $f /proc/$f; done
dump hpet /sys/devices/system/clocksource/clocksource0/available_clocksource
hwclock -u -r >m
dump hwclock m
dmesg >m
dump dmesg m
poweroff -f
"""
# What its log must say: with ACPI, without, and without I/O APIC either
LOG = {
    "": [r"INT_SRC_OVR \(bus 0 bus_irq 0 global_irq 2 dfl dfl\)", r"ACPI: Using ACPI \(MADT\) for SMP configuration", r"ACPI: HPET id: 0x8086a201 base: 0xfed00000",
         r"IOAPIC\[0\]: apic_id 0, version \d+, address 0xfec00000, GSI 0-23", r"ACPI: PM: \(supports S0 S5\)",
         r"SMBIOS 2\.\d present", r"pci_bus 0000:00: root bus resource \[io  0x0000-0x0cf7 window\]"],
    "acpi=off": [r"found SMP MP-table at", r"Intel MultiProcessor Specification v1\.4", r"MPTABLE: OEM ID: ORRERY",
                 r"Processors: 1$", r"PCI: PCI BIOS revision 2\.10 entry at", r"PnP BIOS version 1\.0", r"PIIX/ICH IRQ router \[8086:7000\]"],
    "acpi=off noapic pci=biosirq": [r"PIIX/ICH IRQ router \[8086:7000\]", r"PCI: PCI BIOS revision 2\.10 entry at"],
}


@unittest.skipUnless(shutil.which("xorriso") and os.path.exists(ISOLINUX), "no isolinux, or no xorriso to make a disc with")
class Tables(common.GuestTest):
    def disc(self, append):
        tree = self.path("tree")
        os.makedirs(tree, exist_ok=True)
        for source, name in ((ISOLINUX, "isolinux.bin"), (LDLINUX, "ldlinux.c32"), (f"{common.CACHE}/vmlinuz", "vmlinuz")):
            shutil.copy(source, os.path.join(tree, name))
        with open(f"{common.CACHE}/tiny.cpio.gz", "rb") as f:
            tiny = f.read()
        self.write("tree/initrd", tiny + bytes(-len(tiny) % 4) + gzip.compress(common.archive([("init", 0o100755, INIT)]), mtime=0))
        self.write("tree/isolinux.cfg", f"default k\nprompt 0\nlabel k\nkernel vmlinuz\nappend initrd=initrd console=ttyS0 quiet "
                   f"cryptomgr.notests noisapnp iomem=relaxed {append}\n".encode())
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", self.path("cd"), "-b", "isolinux.bin", "-c", "boot.cat",
                        "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree], check=True, capture_output=True)

    def files(self, append):
        """What Linux saw, by name."""
        self.disc(append)
        result = self.orrery("-m", "128", "-display", "none", "-no-reboot", "-cdrom", "cd", "-serial", "file:serial", "-rtc",
                             "base=2026-03-04T05:06:07", timeout=120)
        self.assertIn(result.status, (0, 4), str(result))  # off, or halted for good where nothing switches off
        found = re.findall(rb"@@FILE (\S+)\r?\n(.*?)@@END", self.read("serial"), re.S)
        files = {name.decode(): base64.b64decode(data) for name, data in found}
        self.assertIn("dmesg", files, self.read("serial")[-2000:])
        return files

    def check(self, append):
        files = self.files(append)
        log = files["dmesg"].decode(errors="replace")
        for text in LOG[append]:
            self.assertTrue(re.search(text, log, re.M), text)
        for text in ("corrupt", r"\bBUG\b", "[Ii]ncorrect checksum", "ACPI Error", "ACPI Warning", "broken BIOS", "Firmware Bug"):
            self.assertFalse(re.search(text, log), text)
        self.assertIn(b"2026-03-04 05:06" if b"2026-03" in files["hwclock"] else b"Mar  4 05:06", files["hwclock"])
        return files, log

    def tool(self, *command):
        if not shutil.which(command[0]):
            print(f"no {command[0]} ... ", end="", flush=True)
            return None
        done = subprocess.run(command, cwd=self.dir, capture_output=True, text=True)
        return done.stdout + done.stderr

    def decode(self, rom):
        """biosdecode finds all that lies below 1 MiB."""
        self.write("memory", bytes(0xe0000) + rom)
        text = self.tool("biosdecode", "-d", self.path("memory"))
        if text is not None:
            for found in ("ACPI 1.0 present", "SMBIOS 2.", "Intel Multiprocessor present", "PCI Interrupt Routing 1.0 present",
                          "BIOS32 Service Directory present", "PNP BIOS 1.0 present"):
                self.assertIn(found, text)

    def test_acpi(self):
        files, log = self.check("")
        self.assertIn(b"IO-APIC   2-edge      timer", files["interrupts"])
        self.assertIn(b"hpet", files["hpet"])
        self.assertIn(b"reg00: base=0x080000000", files["mtrr"])
        self.decode(files["ROM"])
        for name in ("DSDT", "FACP", "APIC", "HPET"):
            self.write(name, files[name])
            said = self.tool("iasl", "-d", name)
            if said is not None:
                self.assertNotRegex(said, "(?i)error|warning")
        said = self.tool("iasl", "-tc", "DSDT.dsl")
        if said is not None:
            self.assertIn("0 Errors, 0 Warnings", said)
        entry = bytearray(files["SMBIOS"])
        struct.pack_into("<I", entry, 0x18, 32)  # the tables behind it, as dmidecode wants them in a file
        entry[0x15] = (entry[0x15] - sum(entry[0x10:0x1f])) & 0xff
        entry[4] = (entry[4] - sum(entry[:0x1f])) & 0xff
        self.write("dump", bytes(entry).ljust(32, b"\0") + files["DMI"])
        said = self.tool("dmidecode", "--from-dump", self.path("dump"))
        if said is not None:
            for text in ("Manufacturer: Orrery", "Size: 128 MB", "Boot from CD is supported", "End Of Table"):
                self.assertIn(text, said)
            self.assertNotIn("<", said)  # <BAD INDEX>, <OUT OF SPEC>

    def test_mp_table(self):
        files, _ = self.check("acpi=off")
        self.assertIn(b"IO-APIC   2-edge      timer", files["interrupts"])

    def test_irq_routing(self):
        files, _ = self.check("acpi=off noapic pci=biosirq")
        self.assertIn(b"XT-PIC      timer", files["interrupts"])


if __name__ == "__main__":
    common.main()
