#!/usr/bin/env python3
"""What is wrong is refused: one line on standard error that begins "orrery: ", exit status 1, nothing written."""
import os
import resource
import stat
import subprocess
import unittest

import common
import mini

LOOP = b"\xeb\xfe"  # a payload that would run forever: nothing here may get that far


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class BadInput(common.GuestTest):
    def setUp(self):
        super().setUp()
        self.kernel = self.write("kernel", mini.bzimage(LOOP))
        self.write("disk", bytes(64 * 512))
        self.write("empty", b"")
        self.write("text", b"This is a text file.\n" * 100)
        os.mkdir(self.path("folder"))

    def files(self):
        """Everything in the folder and what it holds."""
        found = {}
        for name in sorted(os.listdir(self.dir)):
            mode = os.lstat(self.path(name)).st_mode
            found[name] = self.read(name) if stat.S_ISREG(mode) else mode
        return found

    def refused(self, *args, says=(), kernel="kernel"):
        """Runs with a good kernel (None: none) and these arguments."""
        with self.subTest(" ".join(["-kernel", kernel or "(none)", *args])):
            before = self.files()
            result = self.orrery(*(["-kernel", kernel] if kernel is not None else []), *args, timeout=20)
            self.assertEqual(result.status, 1, str(result))
            self.assertEqual(result.out, b"", str(result))
            lines = result.err.decode().splitlines()
            self.assertEqual(len(lines), 1, str(result))
            self.assertTrue(lines[0].startswith("orrery: "), str(result))
            self.assertTrue(result.err.endswith(b"\n"))
            for text in (says,) if isinstance(says, str) else says:
                self.assertIn(text.lower(), lines[0].lower())
            self.assertEqual(self.files(), before, "files changed")

    def test_the_good_one_runs(self):
        """The kernel that all the others are measured against is not refused."""
        self.write("kernel", mini.bzimage(b"\xfa\xf4"))  # CLI, HLT
        result = self.orrery("-kernel", "kernel")
        self.assertEqual(result.status, 4, str(result))

    def test_options(self):
        self.refused("-nosuchoption", says="nosuchoption")
        self.refused("--nosuchoption", says="nosuchoption")
        self.refused("-", says="-")
        self.refused("---m", "64")
        self.refused("stray", says="stray")
        self.refused("-hda", "disk", "disk", says="primary master")
        self.refused("")
        self.refused("-M64", says="-M64")
        for option in ("-m", "-kernel", "-initrd", "-append", "-bios", "-boot", "-hda", "-hdb", "-hdc", "-hdd", "-cdrom", "-fda",
                       "-fdb", "-drive", "-global", "-parallel", "-serial", "-debugcon",
                       "-device", "-accel", "-record", "-replay", "-d", "-D", "-display", "-vga", "-net", "-nic",
                       "-monitor", "-smp", "-machine", "-audiodev", "-soundhw"):
            self.refused(option, says=(option.lstrip("-"), "argument"))
        for option, value in (("-display", "crt"), ("-net", "tap"),
                              ("-machine", "isapc"), ("-monitor", "stdin"), ("-qmp", "udp:1")):
            self.refused(option, value, says=value)
        self.refused("-record", "j", "-replay", "j", says="replay")
        self.refused("-initrd", "disk", kernel=None, says="-kernel")
        self.refused("-cpu", "286", says="80386")
        self.refused("-bios", "disk", kernel=None, says=("bios", "64 KiB"))
        self.refused("-bios", "none", kernel=None, says="No such file")
        self.refused("-bios", "empty", kernel=None, says="empty")
        self.refused("-bios", "disk", says="rom image")

    def test_networks(self):
        with_user = common.has_user_network()
        for option, says in (("-nic tap", "tap"), ("-nic model=e1000", "no kind"), ("-nic none,id=x", "none"),
                             ("-nic user,foo=1", "foo"), ("-nic user,model=ne3000", "ne3000"),
                             ("-nic user,mac=1:2:3", "mac"), ("-nic user,mac=", "mac"), ("-nic user,addr=40", "addr"),
                             ("-nic user,hostfwd=tcp:22", "hostfwd"), ("-nic user,hostfwd=sctp::22-:22", "hostfwd"),
                             ("-nic user,hostfwd=tcp::0-:22", "hostfwd"), ("-nic user,hostfwd=tcp::22-:65536", "hostfwd"),
                             ("-nic user,hostfwd=tcp:1.2.3:22-:22", "hostfwd"),
                             ("-nic user,guestfwd=tcp:10.0.2.9:80-tcp:1.2.3.4:80", "guestfwd"),
                             ("-nic user,net=1.2.3.4/31", "net"), ("-nic user,dhcpstart=9.9.9.9", "dhcpstart"),
                             ("-nic user,restrict=maybe", "restrict"), ("-netdev user", "id"),
                             ("-netdev user,id=n -netdev user,id=n", "taken"),
                             ("-device e1000,netdev=n", "netdev"), ("-net nic -net nic", "-nic"),
                             ("-netdev user,id=n -device e1000,netdev=n -device rtl8139,netdev=n", "another card"),
                             ("-nic user " * 9, "8"), ("-object rng-random,id=r", "rng-random"),
                             ("-object filter-dump,netdev=n", "file="), ("-object filter-dump,netdev=n,file=f", "'n'"),
                             ("-nic user -object filter-dump,netdev=net0,file=none/f", "none/f")):
            self.refused(*option.split(), says=says if with_user or "user" not in option else "libslirp")

    def test_memory(self):
        for size in ("0", "abc", "-1", "", "64X", "64MM", "1e3", "99999999999999999999", "0x", "64 M"):
            self.refused("-m", size, says="-m")
        for size in ("8G", "3585", "3584M1", "1T", "16E", "4G", "512K"):
            self.refused("-m", size)
        # More than an address space holds, whatever the host would promise
        self.refused("-m", "17179869183G")

    def test_kernel(self):
        good = mini.bzimage(LOOP * 1000)
        self.refused(kernel="none", says=("kernel", "none", "No such file"))
        self.refused(kernel="empty", says=("kernel", "empty"))
        self.refused(kernel="folder", says=("kernel", "folder", "directory"))
        self.refused(kernel="text", says="bzImage")
        self.refused(kernel="disk", says="bzImage")
        self.refused(kernel="/dev/null")
        for size in (1, 511, 512, 600, 1023, 1024, 1025, len(good) // 2, len(good) - 512):
            self.write("short", good[:size])
            self.refused(kernel="short", says="kernel")
        self.write("low", mini.bzimage(bytes(600 << 10), loadflags=0))
        self.refused(kernel="low", says="loaded low")
        self.write("sector", bytes(510) + b"\x55\xaa" + bytes(4096))
        self.refused(kernel="sector", says="bzImage")
        self.write("big", mini.bzimage(bytes(4 << 20)))
        self.refused("-m", "4", kernel="big", says="memory")
        elf = b"\x7fELF\x01\x01\x01" + bytes(2000)
        self.write("elf", elf)
        self.refused(kernel="elf", says="bzImage")
        vmlinuz = os.path.join(common.CACHE, "vmlinuz")
        with open(vmlinuz, "rb") as f:
            self.write("cut", f.read(1 << 20))
        self.refused(kernel="cut", says="truncated")

    def test_initrd(self):
        self.refused("-initrd", "none", says=("initrd", "none", "No such file"))
        self.refused("-initrd", "empty", says=("initrd", "empty"))
        self.refused("-initrd", "folder", says="directory")
        self.write("big", bytes(8 << 20))
        self.refused("-m", "8", "-initrd", "big", says="memory")
        self.refused("-append", "x" * 3000, says="command line")

    def test_disk(self):
        for hd in ("-hda", "-hdb", "-hdc", "-hdd"):
            self.refused(hd, "none", says=("none", "No such file"))
        self.refused("-hda", "empty", says="empty")
        self.refused("-hda", "folder", says="directory")
        self.refused("-hda", "/dev/null")
        for name, magic in (("qcow2", b"QFI\xfb\0\0\0\3"), ("VMDK", b"KDMV\1\0\0\0"), ("VHDX", b"vhdxfile"),
                            ("VDI", b"<<< Oracle VM VirtualBox Disk Image >>>\n".ljust(64, b"\0") +
                             b"\x7f\x10\xda\xbe\1\0\1\0")):
            self.write("image", magic + bytes(1024 * 1024 - len(magic)))
            self.refused("-hda", "image", says=name)
            self.refused("-snapshot", "-hda", "image", says=name)
        self.refused("-hda", "disk", "-hdb", "disk", says="use")

    def test_virtio(self):
        with open(self.path("image"), "wb") as f:
            f.truncate(1 << 20)
        disk, named = ["-drive", "if=virtio,file=image"], ["-drive", "if=none,id=d,file=image"]
        for line, words in (("file=none", "No such file"), ("file=image,index=0", "index"), ("media=disk", "image"),
                            ("file=image,media=cdrom", "disks"), ("file=image,format=qcow2", "qcow2"),
                            ("file=image,id=" + "x" * 64, "too long"), ("file=image,id=a,,b", "comma")):
            self.refused("-drive", "if=virtio," + line, says=words)
        self.refused(*disk, *disk, says="use")
        self.refused(*named, *["-device", "virtio-blk-pci,drive=d"] * 2, says="in use")
        self.refused("-drive", "if=none,id=d", "-device", "virtio-blk-pci,drive=d", says="image")
        for line, words in (("virtio-blk-pci", "drive=ID"), ("virtio-blk-pci,drive=x", "'x'"),
                            ("virtio-rng-pci,addr=20", "addr"), ("virtio-rng-pci,addr=2", "taken"),
                            ("virtio-rng-pci,disable-legacy=on,disable-modern=on", "nothing"),
                            ("virtio-net-pci,netdev=x", "'x'"), ("virtio-net-pci,mac=x", "mac"),
                            ("virtconsole", "virtio-serial-pci"), ("virtserialport,name=a", "virtio-serial-pci")):
            self.refused("-device", line, says=words)

    def test_floppy(self):
        with open(self.path("large"), "wb") as f:
            f.truncate(2881 * 1024)
        for option in ("-fda", "-fdb"):
            self.refused(option, "none", says=("none", "No such file"))
            self.refused(option, "large", says="2880 KiB")
        with open(self.path("floppy"), "wb") as f:
            f.truncate(1440 * 1024)
        self.refused("-fda", "floppy", "-fdb", "floppy", says="use")
        for line, words in (("index=2", "index"), ("unit=2", "unit"), ("bus=1", "bus"), ("media=cdrom", "media"),
                            ("format=qcow2", "qcow2"), ("readonly=maybe", "maybe"), ("file=a,,b", "'a,b'"),
                            ("file=large", "2880 KiB")):
            self.refused("-drive", "if=floppy," + line, says=words)
        self.refused("-fda", "floppy", "-drive", "if=floppy,index=0", says="floppy drive A")
        self.refused(*["-drive", "if=floppy"] * 3, says="no place")
        self.refused("-device", "floppy,unit=2", says="unit")
        self.refused("-device", "floppy,drive=x", says="'x'")
        self.refused("-device", "floppy,bus=ide.0", says="bus")
        self.refused("-drive", "if=none,id=a,media=cdrom", "-device", "floppy,drive=a", says="media")
        self.refused("-drive", "if=none,id=a", "-global", "isa-fdc.driveB=a", "-fdb", "floppy", says="floppy drive B")
        self.refused("-global", "isa-fdc.driveA=b", says=("-global", "'b'"))
        self.refused("-global", "isa-fdc", says="isa-fdc")

    def test_drive(self):
        for line, words in (("file=none", ("none", "No such file")), ("", "image"), ("disk", "no property"),
                            ("file=disk,what=1", "no property 'what'"), ("file=disk,media", "needs a value"),
                            ("file=disk,format=qcow2", ("qcow2", "raw")), ("file=disk,if=scsi", "virtio"),
                            ("file=disk,index=4", "index"),
                            ("file=disk,index=x", "index"), ("file=disk,index=", "index"), ("file=disk,bus=2", "bus"),
                            ("file=disk,unit=2", "unit"), ("file=disk,index=0,unit=0", "excludes"),
                            ("file=disk,media=tape", "tape"), ("file=disk,readonly=maybe", "maybe"),
                            ("file=disk,snapshot=1", "snapshot"), ("file=disk,cache=much", "cache"),
                            ("file=disk,if=none", "id"),
                            ("file=disk,if=none,id=a,unit=0", "if=none"), ("file=disk,id=", "id"),
                            ("file=disk,media=cdrom,readonly=off", "reads"), ("media=disk", "file"),
                            ("file=no,,where,format=raw", "no,where")):
            self.refused("-drive", line, says=words)
        self.refused("-drive", "file=disk,snapshot=on", "-hda", "disk", says=("-hda", "primary master"))
        self.refused("-cdrom", "disk", "-hdc", "disk", says=("-hdc", "secondary master"))
        self.refused("-cdrom", "none", says=("none", "No such file"))
        self.refused("-drive", "file=disk,id=a", "-drive", "media=cdrom,id=a", says="taken")
        self.refused(*["-drive", "media=cdrom"] * 5, says="no place")
        self.refused("-drive", f"media=cdrom,id={'x' * 64}", says="too long")
        self.write("image", b"QFI\xfb\0\0\0\3".ljust(4096, b"\0"))
        self.refused("-drive", "file=image,readonly=on", says="qcow2")
        self.write("bin", (b"\0" + b"\xff" * 10 + b"\0").ljust(2352 * 512, b"\0"))
        self.refused("-cdrom", "bin", says="2352")

    def test_ide_devices(self):
        none = ["-drive", "file=disk,if=none,id=a"]
        for device, words in (("ide-hd", "drive"), ("ide-hd,drive=b", "'b'"), ("ide-hd,drive=a,bus=ide.2", "bus"),
                              ("ide-hd,drive=a,bus=scsi.0", "bus"), ("ide-hd,drive=a,unit=2", "unit"),
                              ("ide-hd,drive=a,serial=1", "serial"), ("ide-hd,drive", "value")):
            self.refused(*none, "-device", device, says=words)
        self.refused(*none, "-device", "ide-hd,drive=a", "-device", "ide-hd,drive=a", says="in use")
        self.refused("-drive", "file=disk,id=a", "-device", "ide-hd,drive=a", says="in use")
        self.refused("-drive", "if=none,id=c,media=cdrom", "-device", "ide-hd,drive=c", says="media")
        self.refused("-drive", "if=none,id=d", "-device", "ide-hd,drive=d", says="image")
        self.refused("-hda", "disk", "-device", "ide-cd,bus=ide.0,unit=0", says="primary master")
        self.refused(*["-device", "ide-cd"] * 5, says="no place")
        self.refused("-device", "ide-cdrom", says="unknown device")

    def test_unwritable(self):
        self.refused("-record", "nowhere/j", says=("nowhere/j", "No such file"))
        self.refused("-record", "folder", says="folder")
        self.refused("-debugcon", "file:nowhere/x", says="nowhere/x")
        self.refused("-parallel", "file:nowhere/x", says="nowhere/x")
        self.refused("-serial", "file:folder", says="folder")
        self.refused("-d", "int", "-D", "nowhere/log", says="nowhere/log")
        self.refused("-serial", "telnet:1", says="telnet")
        self.refused("-debugcon", "what", says="what")

    def test_nothing_is_overwritten_before_all_is_well(self):
        for name in ("j", "out", "log"):
            self.write(name, b"precious")
        for bad in (["-m", "8G"], ["-hda", "none"], ["-initrd", "none"], ["-device", "nonsense"]):
            self.refused("-record", "j", *bad)
            self.refused("-serial", "file:out", *bad)
            self.refused("-debugcon", "file:out", *bad)
            self.refused("-d", "int", "-D", "log", *bad)
        self.refused("-record", "kernel", "-serial", "file:out", "-hda", "none")
        self.refused("-record", "j", "-nosuchoption")

    def test_devices(self):
        self.refused("-device", "nonsense", says="nonsense")
        self.refused("-device", "isa-debug-exit,nonsense=1", says="nonsense")
        self.refused("-device", "isa-debug-exit,iobase=abc", says="iobase")
        self.refused("-device", "isa-debug-exit,iobase=0x10000", says="iobase")
        self.refused("-device", "isa-debug-exit,iobase", says="iobase")
        self.refused("-device", "isa-debug-exit,iosize=5", says="iosize")
        self.refused("-device", "x" * 300)
        self.refused("-device", "")

    def test_accelerators(self):
        self.refused("-accel", "fast", says=("fast", "jit"))
        self.refused("-accel", "", says="jit")
        self.refused("-accel", "jit,cache-size=0")
        self.refused("-accel", "jit,cache-size=1T")
        self.refused("-accel", "jit,cache-size=ten")
        self.refused("-accel", "jit,threads=multi", says="threads")
        self.refused("-d", "nonsense", says="nonsense")
        self.refused("-d", "in_asm,nonsense", says="nonsense")

    def test_journal(self):
        self.refused("-replay", "none", says="No such file")
        for name in ("empty", "text", "disk", "kernel", "folder"):
            self.refused("-replay", name, says=name)

    def test_help_is_no_error(self):
        for option in ("-help", "--help", "-h", "-version"):
            result = self.orrery(option)
            self.assertEqual(result.status, 0, str(result))
            self.assertEqual(result.err, b"")
            self.assertTrue(result.out.endswith(b"\n"))

    def test_two_hyphens(self):
        self.write("kernel", mini.bzimage(b"\xfa\xf4"))
        self.assertEqual(self.orrery("--kernel", "kernel", "--m", "32").status, 4)

    def test_memory_that_the_host_refuses(self):
        """Under a limit of address space the guest's memory is refused in so many words, without a crash."""
        with open(common.ORRERY, "rb") as f:
            if b"__asan_" in f.read():
                self.skipTest("a sanitizer needs more address space than that")
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

        done = subprocess.run([common.ORRERY, "-m", "3584", "-kernel", self.kernel], capture_output=True, text=True,
                              preexec_fn=limit, timeout=20)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"\Aorrery: .*memory.*\n\Z")


if __name__ == "__main__":
    common.main()
