#!/usr/bin/env python3
"""The text monitor: what it says of a guest whose state is known (where QEMU is installed, the same as QEMU), its commands,
and typing at it."""
import re
import shutil
import socket
import time
import unittest

import common
import mini
import qmpclient

PROMPT = "(qemu) "


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Inspection(common.GuestTest):
    """The guest of mini/registers.s, standing at its last instruction."""

    def machine(self, program=None, *args):
        m = qmpclient.Machine(self, "-m", "16", "-kernel", "regs", "-serial", "null", "-net", "none", *args,
                              qmp="q-other" if program else "q", program=program)
        end = time.monotonic() + 60
        while "EAX=a0a0a0a0" not in m.qmp.hmp("info registers"):
            self.assertLess(time.monotonic(), end, m.qmp.hmp("info registers"))
            time.sleep(0.05)
        return m

    def setUp(self):
        super().setUp()
        self.write("regs", mini.assemble("registers"))

    def test_registers(self):
        text = self.machine().qmp.hmp("info registers")
        for line in ("CPU#0",
                     "EAX=a0a0a0a0 EBX=b0b0b0b0 ECX=c0c0c0c0 EDX=d0d0d0d0",
                     "ESI=51515151 EDI=d1d1d1d1 EBP=b9b9b9b9 ESP=00090000",
                     "ES =002b 00000000 ffffffff 00cff300 DPL=3 DS   [-WA]",
                     "CS =0008 00000000 ffffffff 00cf9b00 DPL=0 CS32 [-RA]",
                     "FS =0020 00001234 000007ff 00009300 DPL=0 DS16 [-WA]",
                     "GS =0038 00000000 0fffffff 00c09700 DPL=0 DS   [EWA]",
                     "LDT=0030 00000000 00000007 00008200 DPL=0 LDT",
                     "TR =0018 00000000 00000067 00008b00 DPL=0 TSS32-busy",
                     "IDT=     00005000 000001ff",
                     "CR0=80000011 CR2=0dead000 CR3=00020000 CR4=00000610",
                     "DR0=00001234 DR1=00000000 DR2=00000000 DR3=00005678 ",
                     "FCW=037f FSW=3000 [ST=6] FTW=c0 MXCSR=00001fa0",
                     "FPR6=8000000000000000 3fff FPR7=c90fdaa22168c235 4000",
                     "XMM00=4444444433333333 2222222211111111 XMM01=0000000000000000 0000000000000000",
                     "XMM06=0000000000000000 0000000000000000 XMM07=0000000000000000 0000000022222222"):
            with self.subTest(line=line):
                self.assertIn(line, text.split("\n"))
        self.assertRegex(text, r"(?m)^EIP=[0-9a-f]{8} EFL=00000c47 \[DO-Z-PC\] CPL=0 II=0 A20=1 SMM=0 HLT=0$")

    @unittest.skipUnless(shutil.which("qemu-system-i386"), "no qemu-system-i386")
    def test_as_qemu(self):
        """Every line of what scripts read is QEMU's (7.2; the address of the TLB's entries, too)."""
        ours, theirs = self.machine(), self.machine(shutil.which("qemu-system-i386"), "-cpu", "pentium3,-pse36",
                                                    "-debugcon", "null")
        for command in ("info registers", "info mem", "x/6xw 0x30000", "x/3xg 0x30000", "x/10xb 0x30000", "x/3oh 0x30000",
                        "xp/5dw 0x31000", "x/2ub 0x30000", "x/2xw 0x300000", "p $eip", "p/x $esp + 4 * 2 & 0xff", "p -1",
                        "p/x $gs", "p/c 65", "gva2gpa 0x30004", "gva2gpa 0x400123", "gva2gpa 0x300000", "sum 0x31000 8",
                        "info status", "foo", "info foo", "x", "p (1", "i /1b 0x61 extra junk", "x/4c 0x30000",
                        "x/2cw 0x30000", "x 0x30000", "x/2h 0x30000", "x/d 0x30000", "p $eip", "x/2xw 0x30000", "i 0x500",
                        "o 0x500", "sendkey", "sendkey foo", "sendkey a-foo", "mouse_move 1", "mouse_button", "eject",
                        "eject nothing", "change", "change nothing x", "cpu 0", "cpu 1", "system_wakeup", "info vnc",
                        "memsave 0 10 /x", "p 5/0", "x/1y 0", "screendump", "screendump /nowhere/x",
                        "set_password spice x", "gdbserver none", "info uuid", "info name",
                        "info replay"):
            with self.subTest(command=command):
                a, b = ours.qmp.hmp(command), theirs.qmp.hmp(command)
                if command == "info registers":  # the TSS is busy: QEMU says so in memory only
                    b = b.replace("00008900 DPL=0 TSS32-avl", "00008b00 DPL=0 TSS32-busy")
                if command == "p (1":
                    a, b = bool(a), bool(b)
                if command.startswith("i /"):
                    a, b = a[:1], b[:1]
                self.assertEqual(a, b)

    def test_pages(self):
        q = self.machine().qmp
        tlb = q.hmp("info tlb").split("\n")
        self.assertIn("0000000000030000: 0000000000031000 ---------", [line[:-9] + "---------" for line in tlb])
        self.assertTrue(any(re.fullmatch(r"0000000000400000: 0000000000400000 --PDA--UW", line) for line in tlb), tlb[-4:])
        self.assertEqual(q.hmp("info mem"), "0000000000000000-0000000000030000 0000000000030000 -rw\n"
                         "0000000000030000-0000000000031000 0000000000001000 -r-\n"
                         "0000000000031000-0000000000200000 00000000001cf000 -rw\n"
                         "0000000000400000-0000000000800000 0000000000400000 urw\n")
        self.assertEqual(q.hmp("x/xw 0x300000"), "00300000: Cannot access memory\n")
        self.assertEqual(q.hmp("x/1s 0x30000"), '00030000: "Hello"\n')
        self.assertIn("jmp", q.hmp("x/1i $pc"))
        self.assertIn("eb fe", q.hmp("xp/1i $pc"))

    def test_formats(self):
        q = self.machine().qmp
        self.assertEqual(q.hmp("x/2tb 0x30000"), "00030000: 01001000 01100101\n")
        self.assertEqual(q.hmp("x/1th 0x30000"), "00030000: 0110010101001000\n")
        self.assertEqual(q.hmp("x/2s 0x30000")[:19], '00030000: "Hello"\n0')
        self.assertEqual(q.hmp("p/t 5"), f"{5:064b}\n")

    def test_lapic(self):
        q = self.machine().qmp
        before = q.hmp("info lapic")
        self.assertRegex(before, r"(?m)^LVT0\t 0x[0-9a-f]{8} active-hi (level|edge ) (masked)? *ExtINT \(vec 0\)$")
        self.assertRegex(before, r"(?m)^Timer\t DCR=0x[0-9a-f] \(divide by \d+\) initial_count = \d+ current_count = \d+$")
        self.assertRegex(before, r"(?m)^SPIV\t 0x[0-9a-f]{8} APIC (en|dis)abled, focus=o(n|ff), spurious vec \d+$")
        self.assertRegex(before, r"(?m)^IRR\t \(none\)$")
        self.assertEqual(q.hmp("info lapic"), before)

    def test_forwarding(self):
        """Ports of the host come and go while the guest runs."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        q = self.machine(None, "-nic", "user,id=n").qmp
        if "n:" not in q.hmp("info network"):
            self.skipTest("built without libslirp")
        self.assertEqual(q.hmp(f"hostfwd_add tcp:127.0.0.1:{port}-:22"), "")
        self.assertIn("Could not set up", q.hmp(f"hostfwd_add n tcp:127.0.0.1:{port}-:23"))
        self.assertRegex(q.hmp("info usernet"), rf"TCP\[HOST_FORWARD\] +\d+ +127.0.0.1 +{port} +10.0.2.15 +22")
        socket.create_connection(("127.0.0.1", port), 20).close()
        self.assertIn("removed", q.hmp(f"hostfwd_remove n tcp:127.0.0.1:{port}"))
        self.assertIn("not found", q.hmp(f"hostfwd_remove tcp:127.0.0.1:{port}"))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 20)
        self.assertEqual(q.hmp("hostfwd_add zz"), "Invalid host forwarding rule 'zz'\n")
        self.assertEqual(q.hmp("hostfwd_add x tcp::1-:2"), "unrecognized netdev id 'x'\n")

    def test_lists(self):
        q = self.machine().qmp
        pic = q.hmp("info pic")
        self.assertRegex(pic, r"pic0: irr=[0-9a-f]{2} imr=[0-9a-f]{2} isr=[0-9a-f]{2} hprio=0 irq_base=[0-9a-f]{2} rr_sel=0 "
                              r"elcr=[0-9a-f]{2} fnm=0")
        self.assertEqual(len(re.findall(r"(?m)^  pin ", pic)), 24)
        self.assertRegex(q.hmp("info pci"), r"(?m)^  Bus  0, device   1, function 1:\n    IDE controller: PCI device 8086:7010$")
        tree = q.hmp("info mtree")
        self.assertIn("0000000000000000-0000000000ffffff (prio 0, ram): pc.ram", tree)
        self.assertRegex(tree, r"00000000000003f8-00000000000003ff \(prio \d+, i/o\): com1")
        self.assertIn('dev: isa-serial, id "com1"', q.hmp("info qtree"))
        self.assertIn("com1.", q.hmp("info state com1"))
        self.assertIn("not found", q.hmp("info state nothing"))
        for name in re.findall(r"(?m)^info (\w+)", q.hmp("help info")):
            with self.subTest(info=name):
                self.assertNotIn("unknown", q.hmp("info " + name))
        for refused in ("device_add usb-mouse", "gpa2hva 0", "boot_set c", "log int", "change ide9 x", "eject ide9"):
            self.assertIn("Error", q.hmp(refused))


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Typing(common.GuestTest):
    def arguments(self, *more):
        self.write("k", mini.kernel("panel"))
        return ["-m", "16", "-display", "none", "-kernel", "k", "-debugcon", "file:out", *mini.EXIT, *more]

    def test_terminal(self):
        t = self.terminal(*self.arguments("-serial", "null", "-monitor", "stdio"))
        t.wait_for("monitor - type 'help'")
        t.wait_for(PROMPT)

        def answer(keys):
            t.type(keys)
            t.wait_for("\n")
            return t.wait_for(PROMPT).decode().replace("\r", "")

        self.assertEqual(answer("p/d 1+1\r"), "2\n")
        self.assertEqual(answer("p/d 12\x7f3\r"), "13\n")          # backspace
        self.assertEqual(answer("\x1b[A\x1b[A\r"), "2\n")        # history
        self.assertEqual(answer("d 1\x01p/\x1b[F2\x1b[D3\r"), "132\n")  # start and end of the line, one to the left
        self.assertIn("paused", answer("stop\r") + answer("info statu\t\r"))
        self.assertIn("0: 'p/d 1+1'", answer("info history\r"))
        self.assertEqual(answer("nonsense\x15p 5\r"), "5\n")     # the whole line deleted
        t.type("quit\r")
        self.assertEqual(t.finish(20).status, 0)
        self.assertEqual(t.mode(), t.before)

    def test_multiplexed(self):
        self.write("e", mini.kernel("echo"))
        t = self.terminal("-m", "16", "-kernel", "e", "-nographic", *mini.EXIT)
        t.wait_for("ready")
        t.type("abc")
        t.wait_for("abc")
        t.type("\x01c")
        t.wait_for(PROMPT)
        t.type("p 6*7\r")
        t.wait_for("0x2a")
        t.wait_for(PROMPT)
        t.type("stop\r")
        t.wait_for(PROMPT)
        t.type("\x01c")
        t.type("xyz")  # waits
        time.sleep(0.3)
        t.type("\x01c")
        t.wait_for(PROMPT)
        t.type("cont\r")
        t.wait_for("xyz")
        t.type("\x01c")
        t.type("Q")
        self.assertEqual(t.finish(20).status, 0x45)

    def test_socket(self):
        """Over a Unix socket; while nobody is connected the machine runs."""
        t = qmpclient.Machine(self, *self.arguments("-serial", "null", "-monitor",
                                                    "unix:" + self.path("mon") + ",server,nowait"))
        t.wait_for("out", "start\n")
        for _ in range(2):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.path("mon"))
            s.settimeout(20)
            s.sendall(b"info name\nsendkey a 10\nhelp x\n")
            seen = b""
            while seen.count(PROMPT.encode()) < 4:
                seen += s.recv(4096)
            self.assertIn(b"virtual memory dump", seen)
            s.close()
        t.wait_for("out", "key 1e\nkey 9e\nkey 1e\nkey 9e\n")
        t.qmp.hmp("sendkey esc")
        self.assertEqual(t.finish(), 0x45)

    def test_options(self):
        for bad, words in ((["-monitor", "tcp:1"], "HOST:PORT"), (["-mon", "x"], "no -chardev"),
                           (["-monitor", "chardev:x"], "'x'"), (["-chardev", "null,id=a", "-mon", "a,mode=x"], "mode"),
                           (["-monitor", "stdio", "-serial", "stdio"], "standard input")):
            with self.subTest(bad=bad):
                result = self.orrery(*self.arguments(*bad), timeout=20)
                self.assertEqual(result.status, 1, str(result))
                self.assertIn(words, result.err.decode())
        result = self.orrery(*self.arguments("-serial", "null", "-monitor", "stdio"), stdin=b"p 2+3\nnmi\nquit\n", timeout=20)
        self.assertEqual(result.status, 0, str(result))
        self.assertIn(b"\r\n0x5\r\n(qemu) ", result.out)


if __name__ == "__main__":
    common.main()
