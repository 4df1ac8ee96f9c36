#!/usr/bin/env python3
"""Systems of Debian's packages, unmodified, each to where somebody can work with it, within a limit of time: boot loaders,
memtest86+, iPXE, GNU Mach, the Debian installer, and a whole Debian on IDE and on virtio that fetches a page.

Those that show a screen run in guest-screen, next to this test's build; the rest on the serial port."""
import hashlib
import http.server
import os
import shutil
import subprocess
import threading
import unittest

import common
import mini

GRUB = "/usr/lib/grub-rescue"
MEMTEST = "/boot/memtest86+ia32.bin"
INSTALLER = "/usr/lib/debian-installer/images/12/i386"
IPXE = "/usr/lib/ipxe/ipxe.iso"
LKRN = "/boot/ipxe.lkrn"
MEMDISK = "/usr/lib/syslinux/memdisk"
ISOLINUX = "/usr/lib/ISOLINUX/isolinux.bin"
MODULES = "/usr/lib/syslinux/modules/bios"
LIMIT = 240  # seconds of the host's
PAGE = b"A page of the host's.\n" * 5000


SEABIOS = "/usr/share/seabios/bios-256k.bin"
BOCHS = "/usr/share/bochs/BIOS-bochs-latest"
# A boot sector that says where it comes from.
DISK_PROGRAM = """
.intel_syntax noprefix
.code16
.globl _start
_start: sti
        mov si, offset text
1:      lods al, byte ptr cs:[si]
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        test al, al
        jnz 1b
2:      hlt
        jmp 2b
text:   .asciz "From memory"
        .org 510
        .word 0xaa55
"""


def needs(path, package):
    return unittest.skipUnless(os.path.exists(path), f"{path} (package {package}) is not installed")


def tools(*names):
    missing = [name for name in names if not shutil.which(name, path=os.environ["PATH"] + ":/sbin:/usr/sbin")]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


class Guest(common.ScreenTest):
    LIMIT = LIMIT


class Grub(Guest):
    """The rescue floppy and CD: from the menu to the command line, which finds the medium and reads files."""

    def rescue(self, *machine, device):
        text = self.at_screen(["cpu=pentium", *machine], [
            "wait 60 GNU GRUB  version 2", "wait 10 command-line", "keys c", "wait 10 grub>",
            "type ls", "keys ret", f"wait 30 ({device})", f"type ls ({device})/boot/grub", "keys ret", "wait 30 i386-pc/",
            "show"])
        self.assertIn("grub> ", text)

    @needs(f"{GRUB}/grub-rescue-floppy.img", "grub-rescue-pc")
    def test_floppy(self):
        self.rescue(f"fda={GRUB}/grub-rescue-floppy.img", device="fd0")

    @needs(f"{GRUB}/grub-rescue-cdrom.iso", "grub-rescue-pc")
    def test_cdrom(self):
        self.rescue(f"cdrom={GRUB}/grub-rescue-cdrom.iso", device="cd")


class Firmware(Guest):
    """GRUB's rescue media under other firmware, to the command line, which finds them. Bochs' BIOS does not read diskettes."""

    def rescue_under(self, bios, medium, device):
        if not os.path.exists(bios):
            self.skipTest(f"{bios} is not installed")
        self.at_screen(["cpu=pentium", f"bios={bios}", medium], [
            "wait 60 GNU GRUB  version 2", "wait 10 command-line", "keys c", "wait 10 grub>", "type ls", "keys ret",
            f"wait 30 ({device}"])

    @needs(f"{GRUB}/grub-rescue-cdrom.iso", "grub-rescue-pc")
    def test_seabios(self):
        self.rescue_under(SEABIOS, f"fda={GRUB}/grub-rescue-floppy.img", "fd0")
        self.rescue_under(SEABIOS, f"cdrom={GRUB}/grub-rescue-cdrom.iso", "cd")
        self.rescue_under(SEABIOS, f"hda={GRUB}/grub-rescue-usb.img", "hd0")

    @needs(f"{GRUB}/grub-rescue-cdrom.iso", "grub-rescue-pc")
    def test_bochs(self):
        self.rescue_under(BOCHS, f"cdrom={GRUB}/grub-rescue-cdrom.iso", "cd")
        self.rescue_under(BOCHS, f"hda={GRUB}/grub-rescue-usb.img", "hd0")


class Memtest(Guest):
    @needs(MEMTEST, "memtest86+")
    def test_pass(self):
        """A whole pass over 16 MiB without an error."""
        text = self.at_screen(["cpu=pentium", "ram=16", f"kernel={MEMTEST}"], ["wait 1500 Pass:  1 ", "show"])
        self.assertRegex(text, r"Memory *: *15MB")  # the rest is the BIOS's
        self.assertRegex(text, r"Pass: +1 +Errors: 0 ")


class Ipxe(Guest):
    @needs(IPXE, "ipxe")
    def test_shell(self):
        """To its shell, which knows the network card. What it waits for most is a thousand ticks of the clock."""
        text = self.at_screen([f"cdrom={IPXE}", "device=e1000", "pace=64"], [
            "wait 120 Ctrl-B", "keys ctrl-b", "wait 20 iPXE>", "type ifstat", "keys ret", "wait 10 net0: 52:54", "show"])
        self.assertIn("on 0000:00:0", text)

    @needs(LKRN, "ipxe")
    def test_kernel(self):
        """The same as -kernel: it has nothing but its real-mode part."""
        text = self.at_screen([f"kernel={LKRN}", "device=e1000", "pace=64"], [
            "wait 120 Ctrl-B", "keys ctrl-b", "wait 20 iPXE>", "type ifstat", "keys ret", "wait 10 net0: 52:54", "show"])
        self.assertIn("on 0000:00:0", text)


class Memdisk(Guest):
    @needs(MEMDISK, "syslinux-common")
    @unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
    def test_floppy(self):
        """A kernel of real-mode code that makes a drive of its initrd, and boots from it."""
        self.write("floppy", mini.assemble_text(DISK_PROGRAM, 0x7c00).ljust(1440 << 10, b"\0"))
        text = self.at_screen([f"kernel={MEMDISK}", "initrd=floppy"], ["wait 30 From memory", "show"])
        self.assertIn("MEMDISK", text)


class FrameBuffer(Guest):
    def test_vesa(self):
        """vga= is the loader's: the kernel's real-mode part sets a mode of VBE, and its console is in the frame buffer."""
        kernel = os.path.join(common.CACHE, "vmlinuz")
        if not os.path.exists(kernel):
            self.fail(f"{kernel} is missing: run tests/guest/make-linux {common.CACHE}")
        self.at_screen([f"kernel={kernel}", "append=vga=0x317 cryptomgr.notests noisapnp", "ram=128"], [
            "pass 4", "picture a.ppm"])
        picture, head = self.read("a.ppm"), b"P6\n1024 768\n255\n"
        self.assertTrue(picture.startswith(head), picture[:20])
        lit = sum(1 for i in range(len(head), len(picture), 3) if picture[i] > 100)
        self.assertGreater(lit, 5000, "characters")


class Mach(Guest):
    def test_panic(self):
        """GNU Mach starts, finds its devices, and misses its bootstrap modules."""
        kernel = os.path.join(common.CACHE, "gnumach")
        if not os.path.exists(kernel):
            self.fail(f"{kernel} is missing: run tests/guest/make-linux {common.CACHE}")
        text = self.at_screen([f"kernel={kernel}"], ["wait 60 panic", "pass 0.2", "show"])
        self.assertRegex(text, r"panic.*[Nn]o bootstrap")


class Syslinux(Guest):
    @tools("mformat", "mcopy", "syslinux")
    @needs(MEMTEST, "memtest86+")
    def test_floppy(self):
        """A floppy disk made with syslinux: its prompt, and from there a kernel of the Linux boot protocol."""
        self.write("syslinux.cfg", b"PROMPT 1\nSAY Made for a test\nLABEL memtest\nKERNEL memtest\n")
        for command in (["mformat", "-C", "-f", "1440", "-i", "floppy", "::"],
                        ["mcopy", "-i", "floppy", "syslinux.cfg", "::"], ["mcopy", "-i", "floppy", MEMTEST, "::memtest"],
                        ["syslinux", "--install", "floppy"]):
            subprocess.run(command, cwd=self.dir, check=True, capture_output=True)
        self.at_screen(["cpu=pentium", "fda=floppy", "ram=16"], [
            "wait 30 Made for a test", "wait 10 boot:", "type nothing", "keys ret", "wait 10 failed: No such file",
            "type memtest", "keys ret", "wait 30 Memtest86+"])


class Installer(Guest):
    @needs(f"{INSTALLER}/text", "debian-installer-12-netboot-i386")
    def test_text(self):
        """Its first question, and with an answer the second."""
        folder = f"{INSTALLER}/text/debian-installer/i386"
        text = self.at_screen(["ram=512", f"kernel={folder}/linux", f"initrd={folder}/initrd.gz",
                               "append=vga=normal nomodeset fb=false"], [
            "wait 300 Choose the language", "pass 1", "show", "keys ret", "wait 60 Select your location", "show"])
        self.assertIn("English", text)
        self.assertIn("United States", text)

    @needs(ISOLINUX, "isolinux")
    @needs(f"{INSTALLER}/text", "debian-installer-12-netboot-i386")
    @tools("xorriso")
    def test_menu(self):
        """Its boot menu in text from a CD by isolinux, and the kernel from there, which misses a root."""
        os.makedirs(self.path("disc/isolinux"))
        folder = f"{INSTALLER}/text/debian-installer/i386"
        for name in (ISOLINUX, f"{MODULES}/ldlinux.c32", f"{MODULES}/menu.c32", f"{MODULES}/libutil.c32"):
            shutil.copy(name, self.path("disc/isolinux"))
        shutil.copy(f"{folder}/linux", self.path("disc"))
        self.write("disc/isolinux/isolinux.cfg", b"UI menu.c32\nMENU TITLE Debian installer\nLABEL install\nMENU LABEL Install\n"
                   b"KERNEL /linux\nAPPEND vga=normal\nLABEL other\nMENU LABEL Local disk\nLOCALBOOT 0\n")
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", "disc.iso", "-b", "isolinux/isolinux.bin", "-c",
                        "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "disc"],
                       cwd=self.dir, check=True, capture_output=True)
        self.at_screen(["cpu=pentiumpro", "ram=256", "cdrom=disc.iso"], [
            "wait 30 Debian installer", "wait 5 Local disk", "keys down up ret", "wait 60 Unable to mount root fs"])

    @needs(f"{INSTALLER}/gtk", "debian-installer-12-netboot-i386")
    def test_graphical(self):
        """The graphical one: a banner of many shades, a window of one, and a key moves the bar in its list."""
        folder = f"{INSTALLER}/gtk/debian-installer/i386"
        self.at_screen(["ram=1024", f"kernel={folder}/linux", f"initrd={folder}/initrd.gz"], [
            "pass 60", "picture a.ppm", "keys down", "pass 3", "picture b.ppm"])
        pictures = [self.read(name) for name in ("a.ppm", "b.ppm")]
        head, size = b"P6\n1280 800\n255\n", 3 * 1280
        self.assertTrue(all(p.startswith(head) for p in pictures))
        banner, below = (pictures[0][len(head):][row * size:(row + 1) * size] for row in (40, 110))
        self.assertGreater(len({banner[i:i + 3] for i in range(0, size, 3)}), 100)
        self.assertEqual(len(set(below)), 3, "one colour")
        changed = [row for row in range(800) if len({p[len(head):][row * size:(row + 1) * size] for p in pictures}) > 1]
        self.assertTrue(20 < len(changed) < 100, changed)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args):
        pass


@unittest.skipUnless(common.has_user_network(), "built without libslirp")
class Debian(common.GuestTest):
    """A whole system as debootstrap installs it: to the login prompt, logged in, an address by DHCP, a page of a server on
    the host's loopback, switched off in good order."""

    def boot(self, root, *options):
        disk, kernel, initrd = (os.path.join(common.CACHE, f"debian{name}") for name in (".img", "-vmlinuz", "-initrd"))
        for name in (disk, kernel, initrd):
            if not os.path.exists(name):
                self.skipTest(f"{name} is missing: run tests/guest/make-debian {common.CACHE}")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        t = self.terminal("-m", "256", "-nographic", "-no-reboot", "-snapshot", "-kernel", kernel, "-initrd", initrd,
                          "-append", f"root={root} ro console=ttyS0 quiet",
                          *(o.replace("DISK", disk) for o in options))
        t.wait_for("guest login: ", 240)
        t.type("root\n")
        t.wait_for("Password: ")
        t.type("orrery\n")
        t.wait_for("root@guest:~#")
        t.type("until ip route | grep -q default; do sleep 0.2; done; ip -br -4 address; "
               f"wget -q -O - http://10.0.2.2:{server.server_port}/page | md5sum; mount | grep ' / '; echo do''ne\n")
        text = t.wait_for("\ndone", 120).decode()
        self.assertIn("10.0.2.15/24", text)
        self.assertIn(hashlib.md5(PAGE).hexdigest(), text)
        self.assertIn(f"{root} on / type ext4", text)
        t.type("poweroff\n")
        self.assertEqual(t.finish(120).status, 0)

    def test_ide(self):
        self.boot("/dev/sda", "-hda", "DISK", "-nic", "user,model=e1000")

    def test_virtio(self):
        self.boot("/dev/vda", "-drive", "file=DISK,if=virtio", "-nic", "user,model=virtio")


if __name__ == "__main__":
    common.main()
