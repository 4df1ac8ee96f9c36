#!/usr/bin/env python3
"""Command lines in the shapes that people are used to: each of them starts, and the guest (mini/habits.s) finds the machine
that was meant; what Orrery does not have is a warning, or one line and status 1. The manual names all options."""
import datetime
import os
import re
import shlex
import subprocess
import unittest

import common
import mini

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/manual.md")
PLAIN = {"memory": "0700 ffff", "floppy": "50", "ide": "- - cd -", "date": "2026-01-01 12:00", "ports": "31"}

# What is said, and what the guest sees of it beside PLAIN; a last word that is no pair is in the warning.
LINES = [
    ("-kernel k", {}),
    ("--kernel k --m 32", {"memory": "0100 7c00"}),
    ("-m 64 -kernel k", {"memory": "0300 fc00"}),
    ("-m 64M -kernel k -serial stdio", {"memory": "0300 fc00"}),
    ("-m size=32M,maxmem=64M,slots=2 -kernel k", {"memory": "0100 7c00"}),
    ("-m 1G -kernel k -nographic", {"memory": "3f00 ffff"}),
    ("-fda a.img -boot a -kernel k", {"floppy": "40"}),
    ("-fda boot.bin -kernel k", {"floppy": "40"}),
    ("-fda a.img -fdb b.img -kernel k", {"floppy": "42"}),
    ("-drive if=floppy,format=raw,file=a.img -kernel k", {"floppy": "40"}),
    ("-drive format=raw,file=a.img,if=floppy,index=0 -m size=32M,maxmem=32M -serial stdio -name Native -kernel k",
     {"floppy": "40", "memory": "0100 7c00"}),
    ("-hda c.img -kernel k", {"ide": "cimg - cd -"}),
    ("c.img -kernel k", {"ide": "cimg - cd -"}),
    ("-kernel k -m 128 c.img", {"ide": "cimg - cd -"}),
    ("-hda c.img -hdb d.img -hdd os.bin -kernel k", {"ide": "cimg dimg cd osbi"}),
    ("-drive format=raw,file=c.img -kernel k", {"ide": "cimg - cd -"}),
    ("-drive file=c.img,index=0,media=disk,format=raw -drive file=d.img,index=1,media=disk,format=raw -smp 2 -m 512 -kernel k",
     {"ide": "cimg dimg cd -", "memory": "1f00 ffff"}, "one CPU"),
    ("-drive format=raw,file=os.bin,if=ide,index=0,media=disk -kernel k", {"ide": "osbi - cd -"}),
    ("-hda c.img -drive file=d.img,media=disk,cache=writeback -drive file=os.bin,media=disk,cache=none -kernel k",
     {"ide": "cimg dimg osbi -"}),
    ("-cdrom os.iso -m 512M -kernel k", {"ide": "- - cd -", "memory": "1f00 ffff"}),
    ("-hda c.img -cdrom os.iso -boot d -kernel k", {"ide": "cimg - cd -"}),
    ("-boot order=dc,menu=on -drive file=os.iso,media=cdrom -kernel k", {"ide": "cd - cd -"}),
    ("-drive id=disk,file=c.img,if=none,format=raw -device ide-hd,drive=disk,bus=ide.1 -kernel k", {"ide": "- - cimg -"}),
    ("-drive file=c.img,if=virtio,format=raw -drive id=disk,file=d.img,if=none -device virtio-blk-pci,drive=disk -kernel k", {}),
    ("-kernel k -soundhw pcspk -nic none", {}),
    ("-kernel k -device sb16 -device adlib -vga std", {}),
    ("-kernel k -localtime -net none", {"date": None}),
    ("-kernel k -rtc base=localtime,clock=vm", {"date": None}),
    ("-kernel k -rtc base=utc,clock=host,driftfix=slew", {"date": "now"}, "clock=host"),
    ("-kernel k -rtc base=1999-12-31T23:59:10", {"date": "1999-12-31 23:59"}),
    ("-kernel k -rtc base=2000-02-29", {"date": "2000-02-29 00:00"}),
    ("-kernel k -startdate 2006-06-17T16:01:21", {"date": "2006-06-17 16:01"}),
    ("-kernel k -serial none -parallel none", {"ports": "20"}),
    ("-kernel k -parallel none", {"ports": "21"}),
    ("-kernel k -serial stdio -serial null -serial none -serial file:com4 -vga std", {"ports": "3b"}),
    ("-kernel k -vga none", {"ports": "11"}),
    ("-kernel k -nodefaults", {"ports": "00", "ide": "- - - -", "floppy": "00"}),
    ("-kernel k -nodefaults -vga std -serial stdio", {"ports": "21", "ide": "- - - -", "floppy": "00"}),
    ("-kernel k -vga cirrus", {}, "cirrus"),
    ("-kernel k -vga vmware -usb -usbdevice tablet", {}, "vmware"),
    ("-kernel k -device usb-ehci,id=e -device usb-storage,bus=e.0,drive=x", {}, "USB"),
    ("-kernel k -enable-kvm", {}, "translator"),
    ("-kernel k -accel kvm -accel tcg", {}, "kvm"),
    ("-kernel k -accel tcg,thread=single", {}, "tcg"),
    ("-kernel k -machine pc,accel=kvm:tcg", {}, "kvm"),
    ("-kernel k -machine type=pc,accel=interp", {}),
    ("-kernel k -M pc-i440fx-2.8 -smp 1", {}),
    ("-kernel k -machine accel=tcg,usb=off,vmport=off", {}, "tcg"),
    ("-kernel k -machine pc,usb=on", {}, "usb=on"),
    ("-kernel k -smp cpus=1,cores=1,threads=1", {}),
    ("-kernel k -smp 4,sockets=2,cores=2", {}, "one CPU"),
    ("-kernel k -icount shift=0", {}, "icount"),
    ("-kernel k -no-acpi -no-hpet -no-fd-bootchk -win2k-hack -boot b", {}, "-no-acpi"),
    ("-kernel k -global kvm-pit.lost_tick_policy=discard", {}, "kvm-pit"),
    ("-kernel k -d guest_errors,cpu_reset -D log", {}, "guest_errors"),
    ("-kernel k -d int,cpu_reset -D log -no-reboot", {}),
    ("-kernel k -uuid 12345678-1234-1234-1234-123456789abc -L . -no-quit -show-cursor", {}, "-uuid"),
    ("-kernel k -realtime mlock=off -overcommit mem-lock=off -msg timestamp=on", {}, "-realtime"),
    ("-kernel k -smbios type=0,vendor=x", {}, "-smbios"),
    ("-kernel k -name guest=os,debug-threads=on", {}),
    ("-kernel k -pidfile pid", {}),
    ("-kernel k -net nic", {}),
    ("-kernel k -net user", {}, "no card"),
    ("-kernel k -net nic,vlan=0,model=ne2k_pci -net user,vlan=0,id=x", {}),
    ("-kernel k -netdev user,id=x", {}, "'x'"),
    ("-kernel k -fdb b.img", {"floppy": "52"}),
    ("-kernel k -device floppy,unit=1", {"floppy": "05"}),
    ("-kernel k -drive file=c.img,if=none,id=d -device ide-hd,drive=d", {"ide": "cimg - - -"}),
    ("-kernel k -drive file=c.img,format=raw,readonly,werror=report,rerror=stop", {"ide": "cimg - cd -"}),
    ("-kernel k -drive file=c.img,if=none,id=d", {}, "'d'"),
    ("-kernel k -device virtio-serial -device virtio-rng", {}),
    ("-kernel k -nodefaults -device VGA", {"ports": "20", "ide": "- - - -", "floppy": "00"}),
    ("-kernel k -device cirrus-vga,id=v", {}, "cirrus-vga"),
    ("-kernel k -std-vga -parallel file:lp", {}, "-std-vga"),
    ("-kernel k -d trace:ide_*,int -D log", {}, "ide_*"),
    ("-kernel k -accel tcg,tb-size=2048", {}, "2048"),
    ("-kernel k -monitor null -serial mon:stdio -parallel none", {"ports": "21"}),
]

# Images that start by themselves: a boot sector alone, and with a kernel behind it that ends within a sector.
BOOTS = [
    ("-fda boot.bin", "f\0"), ("-fda os.img -boot a", "fK"), ("-fda os.img", "fK"), ("-hda os.img", "hK"), ("os.img", "hK"),
    ("-drive format=raw,file=os.img", "hK"), ("-drive format=raw,file=os.img,if=floppy -m 16 -serial stdio", "fK"),
    ("-drive file=os.img,format=raw,index=0,media=disk -boot c -localtime", "hK"), ("-m 32 -enable-kvm -fda os.img -hda c.img", "fK"),
    ("-boot order=ca -fda boot.bin -hda os.img", "hK"), ("-boot once=a,strict=on -hda c.img -fda os.img", "fK"),
    ("-hda boot.bin -nographic", "h-"), ("-cpu 486 -machine pc -fda os.img -net none", "fK"),
]

MODELS = {  # what -cpu says: signature, and bits of EDX and ECX that are there or not
    "486": ("00000480", [(0, 1)], [(25, 0), (5, 0)], []),
    "486,+sse,+fxsr,+tsc": ("00000480", [(25, 1), (24, 1), (4, 1)], [], []),
    "pentium": ("0000052c", [(23, 0), (5, 1)], [], []),
    "pentium-v1,+mmx": ("0000052c", [(23, 1)], [], []),
    "pentium3,-sse,-apic": ("00000686", [(25, 0), (9, 0), (23, 1)], [], []),
    "pentium3,sse=off,sse2=on": ("00000686", [(25, 0), (26, 1)], [], []),
    "orrery": ("00060fb1", [(26, 1)], [(31, 1)], []),
    "qemu64,+lahf_lm": ("00060fb1", [(26, 1)], [(31, 1)], []),
    "kvm64,-hypervisor,-cx16": ("00060fb1", [(26, 1)], [(31, 0), (13, 0)], []),
    "EPYC-v2": ("00060fb1", [(26, 1)], [], "EPYC"),
    "qemu32": ("00000686", [(26, 1)], [], []),
    "kvm32,-vmx": ("00000686", [(26, 1)], [], []),
    "coreduo": (None, [(26, 1)], [], []),
    "core2duo": ("00000686", [(26, 1)], [], "core2duo"),
    "Nehalem-v1,+sse4_2,-pni": (None, [(26, 1)], [(20, 1), (0, 0)], "Nehalem"),
    "host": (None, [(26, 1)], [], "host"),
    "max,+lm,enforce": (None, [(26, 1)], [], "enforce"),
}

REFUSED = [
    ("-machine q35", "q35"), ("-M pc-q35-2.4", "q35"), ("-machine microvm", "microvm"), ("-M isapc", "isapc"),
    ("-machine pc,what=1", "what"), ("-machine", "argument"), ("-smp 0", "-smp"), ("-smp two", "two"), ("-smp 1,what=2", "what"),
    ("-accel what", "what"), ("-cpu z80", "pentium3"), ("-cpu 8086,+sse", "8086"), ("-rtc base=yesterday", "yesterday"),
    ("-rtc base=2001-02-30", "2001-02-30"), ("-rtc base=2001-02-03T25:00:00", "25"), ("-rtc what=1", "what"), ("-rtc base", "base"),
    ("-d what", "what"), ("-readconfig f", "-readconfig"), ("-incoming tcp:0:1", "-incoming"),
    ("-trace e,what=none", "none"), ("-vga what", "what"), ("-m slots=2", "-m"), ("-m 64,what=1", "what"), ("-m 4G", "memory"),
    ("-global what", "what"), ("-drive if=pflash,file=c.img", "pflash"), ("-device nvme,drive=x", "nvme"), ("-hda missing", "missing"),
    ("missing.img", "missing.img"), ("-pidfile none/pid", "none/pid"), ("-startdate x", "x"), ("-usbdevice", "argument"),
    ("-hda fat:rw:.", "fat:"), ("-drive file=http://localhost/x", "http:"), ("-blockdev x", "-drive"), ("-tftp x", "-nic"),
    ("-redir tcp:1::2", "hostfwd"), ("-boot e", "'e'"), ("-device AC97", "AC97"), ("-soundhw hda", "hda"),
    ("-netdev tap,id=t", "tap"), ("-hda c.img -hda d.img", "taken"),
]


def bits(word, wanted):
    return all(int(word, 16) >> bit & 1 == value for bit, value in wanted)


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Habits(common.GuestTest):
    def setUp(self):
        super().setUp()
        self.write("k", mini.kernel("habits"))
        self.write("a.img", bytes(1440 << 10))
        self.write("b.img", bytes(1200 << 10))
        self.write("boot.bin", mini.assemble("bootsect", 0x7c00))
        self.write("os.img", mini.assemble("bootsect", 0x7c00) + b"Kernel" * 100)
        self.write("c.img", b"cimg".ljust(1 << 20))
        self.write("d.img", b"dimg".ljust(1 << 20))
        self.write("os.bin", b"osbi".ljust(5000))
        self.write("os.iso", bytes(2048 * 32))

    def guest(self, line):
        """Runs a command line; what the guest has found, and standard error."""
        args = shlex.split(line)
        result = self.orrery(*args, "-debugcon", "file:out", *mini.EXIT, timeout=60)
        self.assertEqual(result.status, 3, str(result))
        return dict(text.split(" ", 1) for text in self.read("out").decode().splitlines()), result.err.decode()

    def check_warnings(self, err, word):
        for text in err.splitlines():
            self.assertTrue(text.startswith("orrery: warning: "), err)
        if word:
            self.assertIn(word, err)
        else:
            self.assertEqual(err, "")

    def test_lines(self):
        for line, found, *warning in LINES:
            if "-boot" in line and not self.has("-boot") or "-name" in line and not self.has("-name"):
                continue
            with self.subTest(line):
                guest, err = self.guest(line)
                cpu = guest.pop("cpu")
                self.assertTrue(cpu.startswith("00060fb1 "))
                expected = {**PLAIN, **found}
                if expected["date"] == "now":
                    expected["date"] = None
                    seen = datetime.datetime.strptime(guest["date"], "%Y-%m-%d %H:%M")
                    self.assertLess(abs(datetime.datetime.utcnow() - seen), datetime.timedelta(minutes=3))
                if expected["date"] is None:
                    self.assertNotEqual(guest["date"], PLAIN["date"])
                    expected["date"] = guest["date"]
                self.assertEqual(guest, expected)
                self.check_warnings(err, warning[0] if warning else None)

    def test_boots(self):
        for line, out in BOOTS:
            with self.subTest(line):
                result = self.orrery(*shlex.split(line), "-debugcon", "file:out", *mini.EXIT, timeout=60)
                self.assertEqual(self.read("out")[-2:].decode(), out, str(result))
                self.assertEqual(result.status, 3, str(result))

    def test_models(self):
        for model, (signature, edx, ecx, warning) in MODELS.items():
            with self.subTest(model):
                guest, err = self.guest(f"-kernel k -cpu {model}")
                words = guest["cpu"].split()
                self.assertIn(signature, (None, words[0]))
                self.assertTrue(bits(words[1], edx), words)
                self.assertTrue(bits(words[2], ecx), words)
                self.check_warnings(err, warning or None)

    def test_refused(self):
        for line, word in REFUSED:
            with self.subTest(line):
                result = self.orrery("-kernel", "k", *shlex.split(line), timeout=20)
                self.assertEqual(result.status, 1, str(result))
                self.assertEqual(result.out, b"")
                self.assertEqual(result.err.count(b"\n"), 1, str(result))
                self.assertTrue(result.err.startswith(b"orrery: "), str(result))
                self.assertIn(word, result.err.decode())

    def test_lists(self):
        for line, words in (("-cpu help", ("pentium3", "sse4.1")), ("-d help", ("cpu_reset", "in_asm")), ("-machine help", ("pc",)),
                            ("-cpu ?", ("486",))):
            result = self.orrery(*line.split())
            self.assertEqual((result.status, result.err), (0, b""))
            for word in words:
                self.assertIn(word, result.out.decode())

    def test_reset_log(self):
        self.write("r", mini.kernel("reboot"))
        self.orrery("-kernel", "r", "-d", "cpu_reset", "-D", "log", *mini.EXIT)
        log = self.read("log").decode()
        self.assertGreaterEqual(log.count("CPU reset after"), 2, log)
        self.assertRegex(log, r"EIP=[0-9a-f]{8} EFL=[0-9a-f]{8}")

    def test_date_is_recorded(self):
        """A replay has the date of the recording, whatever it is told."""
        first, _ = self.guest("-kernel k -rtc base=2001-02-03T04:05:06 -record j")
        again, _ = self.guest("-kernel k -rtc base=utc -accel interp -replay j")
        self.assertEqual(first["date"], "2001-02-03 04:05")
        self.assertEqual(again, first)

    def test_odd_images(self):
        """What is written into a last sector that is not whole makes it whole; with -snapshot nothing is."""
        guest, _ = self.guest("-kernel k -hda os.bin -snapshot")
        self.assertEqual(guest["ide"], "osbi - cd -")
        self.assertEqual(len(self.read("os.bin")), 5000)

    def test_features_are_recorded(self):
        self.guest("-kernel k -cpu 486,+tsc -record j")
        result = self.orrery("-kernel", "k", "-cpu", "486", "-replay", "j", "-debugcon", "null", *mini.EXIT)
        self.assertEqual(result.status, 1)
        self.assertIn(b"features", result.err)

    def test_daemon(self):
        """The command is back when the machine stands; its number is in the file until it ends."""
        self.write("h", mini.bzimage(b"\xeb\xfe"))  # for ever
        result = self.orrery("-kernel", "h", "-daemonize", "-pidfile", "pid", timeout=60)
        self.assertEqual(result.status, 0, str(result))
        pid = int(self.read("pid"))
        self.addCleanup(subprocess.run, ["kill", "-9", str(pid)], stderr=subprocess.DEVNULL)
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            self.assertIn(b"-daemonize", f.read())
        os.kill(pid, 15)
        for _ in range(600):
            if not os.path.exists(self.path("pid")):
                break
            common.time.sleep(0.05)
        self.assertFalse(os.path.exists(self.path("pid")))
        result = self.orrery("-kernel", "missing", "-daemonize", "-pidfile", "pid", timeout=60)
        self.assertEqual(result.status, 1, str(result))
        self.assertFalse(os.path.exists(self.path("pid")))

    def has(self, option):
        return option in self.help_options()

    def help_options(self):
        return set(re.findall(r"(?:^  | )(-[A-Za-z][a-z0-9A-Z-]*)", self.orrery("-help").out.decode(), re.M))

    def test_manual_has_all_options(self):
        """Every option of -help is in the manual, and what its tables of options have is one."""
        listed, ignored = self.orrery("-help").out.decode().split("without effect, but for a warning:")
        listed, ignored = set(re.findall(r"^  (-\S+)", listed, re.M)), set(re.findall(r"-\S+", ignored))
        with open(MANUAL, encoding="utf-8") as f:
            manual = f.read()
        named = set(re.findall(r"`(-[A-Za-z][A-Za-z0-9-]*)", manual))
        table = re.search(r"\n\| Option \|.*?\n\n", manual, re.S).group(0)
        rows = {name for row in table.splitlines()
                for name in re.findall(r"`(-[A-Za-z][a-zA-Z0-9-]*)", row.split(" | ")[0])}
        accepted = re.search(r"\nAccepted with a warning.*?\n\n", manual, re.S).group(0)
        self.assertEqual(rows - listed, set(), "in the manual only")
        self.assertEqual(listed - named - {"-hdb", "-hdc"}, set(), "not in the manual")
        self.assertEqual(set(re.findall(r"`(-[^`]+)`", accepted)), ignored)


if __name__ == "__main__":
    common.main()
