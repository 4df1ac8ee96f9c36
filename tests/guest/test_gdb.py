#!/usr/bin/env python3
"""Debugging: the real GDB on boot sectors, protected mode and Linux, forwards and back; single packets; the monitor's break
points and -stop-on. On both back ends."""
import functools
import os
import re
import socket
import subprocess
import time
import unittest

import common
import gdbclient
import mini
import qmpclient

ASSEMBLER = unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
WITH_GDB = unittest.skipUnless(gdbclient.has_python(), "no GDB with Python")
QUIET = ("-net", "none", "-serial", "null", "-m", "16")


def both(test):
    """Runs a test on both back ends."""
    @functools.wraps(test)
    def run(self):
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                test(self, accel)
    return run


class DebugTest(common.GuestTest):
    def floppy(self, name):
        code = mini.assemble(name, 0x7c00)
        self.write("floppy", code + bytes(368640 - len(code)))
        return ("-fda", "floppy", *QUIET)

    def kernel(self, name):
        self.write("kernel", mini.kernel(name))
        self.write("elf", mini.assemble(name, output="elf32-i386"))
        return ("-kernel", "kernel", *mini.EXIT, *QUIET)

    def gdb(self, commands, *args, **how):
        """The output of each command, by the command; of one that is repeated a list."""
        outs = {}
        for command, out in zip(commands, gdbclient.run(self, commands, *args, **how)):
            outs[command] = out if command not in outs else [*([outs[command]] if isinstance(outs[command], str) else
                                                               outs[command]), out]
        return outs

    def stderr(self):
        return self.read("stderr").decode()


@ASSEMBLER
@WITH_GDB
class RealMode(DebugTest):
    @both
    def test_boot_sector(self, accel):
        out = self.gdb(["info registers eip cs ip cs_base", "x/i $pc", "stepi", "x/2i $pc", "break *0x7c00", "continue",
                        "x/3i $pc", "p $cr0", "info registers eflags", "set $ax = 0x1234", "p/x $eax", "stepi", "p $ax",
                        "set var *(short *)0x510 = 0x77", "p *(short *)0x510", "set $pc = 0x7c00", "p $ip", "p $sp"],
                       *self.floppy("corrupt16"), "-accel", accel, "-S")
        self.assertRegex(out["info registers eip cs ip cs_base"],
                         r"eip +0xfffffff0 .*\ncs +0xf000 .*\nip +0xfff0 .*\ncs_base +0xffff0000 ")
        self.assertRegex(out["x/i $pc"], r"=> 0xfffffff0:\tljmp +\$0xf000,")
        self.assertIn("0x000f", out["stepi"][0])
        self.assertIn("=> 0xf", out["x/2i $pc"])
        self.assertIn("Breakpoint 1, 0x00007c00", out["continue"])
        self.assertRegex(out["x/3i $pc"], r"=> 0x7c00:\tcli *\n   0x7c01:\txor +%ax,%ax\n   0x7c03:\tmov +%ax,%ds")
        self.assertIn("[ ET ]", out["p $cr0"])
        self.assertRegex(out["info registers eflags"], r"eflags .*\[.*\]")
        self.assertIn("0x1234", out["p/x $eax"])
        self.assertIn("0x00007c01", out["stepi"][1])
        self.assertIn("= 4660", out["p $ax"])
        self.assertIn("= 119", out["p *(short *)0x510"])
        self.assertIn("= 31744", out["p $ip"])

    @both
    def test_segments(self, accel):
        """A breakpoint is met by its linear address, whatever CS is."""
        code = bytearray(512)
        code[0:5] = b"\xea\x05\x00\xc0\x07"  # jmp 07c0:0005
        code[5:9] = b"\x90\x90\xeb\xfe"
        code[510:512] = b"\x55\xaa"
        self.write("floppy", bytes(code) + bytes(368640 - 512))
        out = self.gdb(["break *0x7c06", "continue", "info registers eip cs ip cs_base", "x/2i $pc", "stepi",
                        "set $pc = 0x7c05", "p/x $ip", "set $cs = 0x123", "p/x $cs_base"],
                       "-fda", "floppy", *QUIET, "-accel", accel, "-S")
        self.assertIn("Breakpoint 1", out["continue"])
        self.assertRegex(out["info registers eip cs ip cs_base"],
                         r"eip +0x7c06 .*\ncs +0x7c0 .*\nip +0x6 .*\ncs_base +0x7c00 ")
        self.assertRegex(out["x/2i $pc"], r"=> 0x7c06:\tnop\n   0x7c07:\tjmp +0x7c07")
        self.assertIn("0x00007c07", out["stepi"])
        self.assertIn("= 0x5", out["p/x $ip"])
        self.assertIn("= 0x1230", out["p/x $cs_base"])

    @both
    def test_change_of_mode(self, accel):
        """The script of the documentation: GDB follows the firmware into protected mode and back."""
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/debugging.md")) as f:
            script = re.search(r"(?ms)^    define hook-stop\n.*?^    end$", f.read()).group(0)
        out = self.gdb(["monitor stop-on mode pe", "continue", "x/i $pc", "stepi", "x/i $pc", "p $code_bits", "monitor delete",
                        "tbreak *0x7c00", "continue", "x/2i $pc"],
                       *self.floppy("corrupt16"), "-accel", accel, "-S", before=script)
        self.assertIn("change of pe", out["continue"][0])
        self.assertRegex(out["x/i $pc"][0], r"\tljmpl? ")
        self.assertRegex(out["x/i $pc"][1], r"\tmov +\$0x10,%eax")
        self.assertIn("= 32", out["p $code_bits"])
        self.assertRegex(out["x/2i $pc"], r"=> 0x7c00:\tcli *\n   0x7c01:\txor +%ax,%ax")

    @both
    def test_who_wrote_that(self, accel):
        """From the crash back to the instruction that has written over the pointer, and on to the first one of the boot
        sector."""
        out = self.gdb(["break *0x7c00", "continue", "monitor stop-on vector 6", "continue", "p/x *(unsigned short *)0x510",
                        "delete", "monitor delete", "watch *(unsigned short *)0x510", "reverse-continue", "x/i $pc", "p $cx",
                        "delete", "break *0x7c00", "reverse-continue", "p/x $pc"],
                       *self.floppy("corrupt16"), "-accel", accel, "-S")
        self.assertIn("vector 0x6", out["continue"][1] + self.stderr())
        self.assertIn("= 0x7d40", out["p/x *(unsigned short *)0x510"])
        self.assertRegex(out["reverse-continue"][0], r"(?s)watchpoint 2.*Old value = .*New value = ")
        self.assertRegex(out["x/i $pc"], r"=> 0x7c[0-9a-f]+:\trep movsb")
        self.assertIn("= 18\n", out["p $cx"])  # before the whole of it
        self.assertIn("Breakpoint 3", out["reverse-continue"][1])
        self.assertIn("= 0x7c00", out["p/x $pc"])


@ASSEMBLER
@WITH_GDB
class ProtectedMode(DebugTest):
    @both
    def test_breakpoints(self, accel):
        out = self.gdb(["file elf", "break *&bump", "continue", "x/i $pc", "p $ecx", "stepi", "p (int)counter", "delete",
                        "hbreak *&bumped", "continue", "p $ecx", "delete", "watch *(int *)&counter", "continue", "delete",
                        "rwatch *(int *)&other", "continue", "p $pc == (long)&after_magic - 3", "delete",
                        "awatch *(int *)&flag", "continue", "continue", "delete", "info registers cs ss cr0 cpl",
                        "set var *(int *)&flag = 1", "continue"],
                       *self.kernel("debuggee"), "-accel", accel, "-S")
        self.assertIn("Breakpoint 1, ", out["continue"][0])
        self.assertRegex(out["x/i $pc"], r"<bump>:\tincl? ")
        self.assertIn("= 3", out["p $ecx"][0])
        self.assertIn("= 1", out["p (int)counter"])
        self.assertIn("Breakpoint 2", out["continue"][1])
        self.assertIn("= 2", out["p $ecx"][1])
        self.assertRegex(out["continue"][2], r"(?s)watchpoint 3.*Old value = 2\nNew value = 3")
        self.assertRegex(out["continue"][3], r"(?s)read watchpoint 4.*Value = 0")
        self.assertIn("= 1", out["p $pc == (long)&after_magic - 3"])
        for n in (4, 5):
            self.assertRegex(out["continue"][n], r"(?s)access .*watchpoint 5.*Value = 0")
        self.assertRegex(out["info registers cs ss cr0 cpl"], r"cs +0x10 .*\nss +0x18 .*\ncr0 .*\[ .*PE.*\]\ncpl +0x0 ")
        self.assertIn("exited with code 01", out["continue"][6])

    @both
    def test_registers(self, accel):
        out = self.gdb(["file elf", "tbreak *&after_magic", "continue", "p/x $xmm1.v4_int32", "set $xmm1.v4_int32[2] = 0x77",
                        "p/x $xmm1.uint128", "set $esi = 0xabcdef", "p/x $esi", "set $st0 = 1.5", "p $st0",
                        "set $mxcsr = 0x1fa0", "p $mxcsr", "set $eflags = 0xad7", "p $eflags", "set $ds = 0x28",
                        "p $ds_base == 0", "set $ds = 0x60", "p/x $ds", "set $fs_base = 0x1000", "p/x $fs_base",
                        "set $cr4 = 0x80000000", "p/x $cr3", "p/x $gdtr_limit", "p/x $dr7", "x/i 0xf0000000",
                        "set var *(int *)0xfffffff0 = 0", "stepi"],
                       *self.kernel("debuggee"), "-accel", accel, "-S")
        self.assertIn("{0x11111111, 0x22222222, 0x33333333, 0x44444444}", out["p/x $xmm1.v4_int32"])
        self.assertIn("0x44444444000000772222222211111111", out["p/x $xmm1.uint128"])
        self.assertIn("0xabcdef", out["p/x $esi"])
        self.assertIn("= 1.5", out["p $st0"])
        self.assertRegex(out["p $mxcsr"], r"\[ PE.*PM \]")
        self.assertRegex(out["p $eflags"], r"\[ CF.*AF.*ZF.*SF.*OF \]")
        self.assertIn("= 1", out["p $ds_base == 0"])
        self.assertIn("ERROR", out["set $ds = 0x60"])
        self.assertIn("= 0x28", out["p/x $ds"])
        self.assertIn("= 0x1000", out["p/x $fs_base"])
        self.assertIn("ERROR", out["set $cr4 = 0x80000000"])
        self.assertIn("= 0xff", out["p/x $gdtr_limit"])
        self.assertIn("ERROR", out["set var *(int *)0xfffffff0 = 0"])
        self.assertIn("after_in", out["stepi"])

    @both
    def test_interrupt_and_attach_again(self, accel):
        args = [*self.kernel("debuggee"), "-accel", accel]
        if os.path.exists(self.path("g")):
            os.unlink(self.path("g"))
        m = gdbclient.Packets(self, *args)
        m.socket.close()
        sock = self.path("g")
        out = self.gdb(["file elf", "ctrl-c 2 continue", "x/i $pc", "monitor info status", "monitor nonsense", "detach"],
                       remote=sock)
        self.assertIn("SIGINT", out["ctrl-c 2 continue"])
        self.assertRegex(out["x/i $pc"], r"<spin(\+\d+)?>")
        self.assertIn("VM status: paused", out["monitor info status"])
        self.assertIn("unknown command: 'nonsense'", out["monitor nonsense"])
        time.sleep(0.2)
        self.assertIsNone(m.process.poll())
        out = self.gdb(["file elf", "x/i $pc", "tbreak *&spin", "continue", "set var *(int *)&flag = 1", "continue"],
                       remote=sock)
        self.assertRegex(out["x/i $pc"], r"<spin(\+\d+)?>")
        self.assertIn("Temporary breakpoint 1", out["continue"][0])
        self.assertIn("exited with code 01", out["continue"][1])
        self.assertEqual(m.process.wait(20), 1)

    @both
    def test_steps(self, accel):
        """A REP is one step; the shadow of STI; and back again."""
        out = self.gdb(["file elf", "tbreak *&strings", "continue", "stepi", "p $ecx", "p $pc == (long)&strings",
                        "reverse-stepi", "p $ecx", "tbreak *&after_strings", "continue", "stepi", "stepi", "stepi",
                        "p $pc == (long)&after_sti + 1", "reverse-stepi", "p $pc == (long)&after_sti"],
                       *self.kernel("debuggee"), "-accel", accel, "-S")
        self.assertIn("= 0", out["p $ecx"][0])
        self.assertIn("= 0", out["p $pc == (long)&strings"])
        self.assertIn("= 5", out["p $ecx"][1])
        self.assertIn("= 1", out["p $pc == (long)&after_sti + 1"])
        self.assertIn("= 1", out["p $pc == (long)&after_sti"])

    @both
    def test_who_wrote_that(self, accel):
        out = self.gdb(["file elf", "break *&crash", "continue", "p/x (int)action", "watch *(int *)&action", "reverse-continue",
                        "p $pc", "p $ecx", "x/i $pc", "reverse-continue", "reverse-continue"],
                       *self.kernel("corrupt"), "-accel", accel, "-S")
        self.assertIn("Breakpoint 1", out["continue"])
        self.assertIn("= 0x10", out["p/x (int)action"])
        self.assertRegex(out["reverse-continue"][0], r"(?s)watchpoint 2.*Old value = 16\n")
        self.assertRegex(out["p $pc"], r"<fill\+\d+>")
        self.assertIn("= 16", out["p $ecx"])
        self.assertRegex(out["x/i $pc"], r"mov +%ecx,")
        self.assertIn("watchpoint 2", out["reverse-continue"][1])  # where it was set
        self.assertIn("No more reverse-execution history", out["reverse-continue"][2])

    @both
    def test_triple_fault(self, accel):
        """It is a stop; the machine can be looked at, and goes back."""
        out = self.gdb(["continue", "p $cr0", "monitor info status", "continue", "reverse-stepi", "monitor info status"],
                       *self.kernel("triple"), "-accel", accel, "-S")
        self.assertIn("SIGABRT", out["continue"][0])
        self.assertIn("PE", out["p $cr0"])
        self.assertIn("paused (shutdown)", out["monitor info status"][0])
        self.assertIn("SIGABRT", out["continue"][1])
        self.assertNotIn("ERROR", out["reverse-stepi"])
        self.assertNotIn("shutdown", out["monitor info status"][1])


@WITH_GDB
class Linux(DebugTest):
    def debug(self, commands, accel):
        return self.gdb(commands, *self.linux(accel=accel), "-serial", "null", "-monitor", "none", "-S", timeout=120)

    @both
    def test_start(self, accel):
        out = self.debug(["tbreak *0x100000", "continue", "x/i $pc", "p/x $cs", "stepi", "p $esi != 0", "info registers cr0"], accel)
        self.assertRegex(out["x/i $pc"], r"=> 0x100000:\tcld")
        self.assertIn("= 0x10", out["p/x $cs"])
        self.assertIn("0x00100001", out["stepi"])
        self.assertIn("= 1", out["p $esi != 0"])
        self.assertRegex(out["info registers cr0"], r"\[ .*PE.*\]")

    def test_paging(self):
        """After two thousand million instructions the kernel turns paging on; an instruction back it is off."""
        out = self.debug(["monitor stop-on mode pg", "continue", "p $cr0", "reverse-stepi", "p $cr0", "x/i $pc", "stepi",
                          "p $cr0"], "jit")
        self.assertIn("change of pg", out["continue"])
        self.assertIn("PG", out["p $cr0"][0])
        self.assertNotIn("PG", out["p $cr0"][1])
        self.assertRegex(out["x/i $pc"], r"\tmov +%e..,%cr0")
        self.assertIn("PG", out["p $cr0"][2])


@ASSEMBLER
@WITH_GDB
class LongMode(DebugTest):
    """The code is linked low and runs high."""
    HIGH = 0xffffffff80000000

    @both
    def test_from_reset(self, accel):
        """Symbols of 64-bit code make GDB's registers those of 64-bit mode from the beginning."""
        out = self.gdb(["file elf", "p sizeof($rip)", f"add-symbol-file elf -o {self.HIGH:#x}", "hbreak *&bump", "continue", "x/i $pc", "p/x $r15", "p/x $xmm9.uint128",
                        "p/x $k_gs_base", "p $efer", "info registers code_bits cs cr3", "stepi", "stepi", "x/i $pc", "delete",
                        "watch *(long *)&counter", "continue", "p $pc == (long)&bumped", "reverse-stepi", "x/i $pc", "delete",
                        "set $r14 = 0x1122334455667788", "p/x $r14", "p/x $rsp - $rbp", "set $fs_base = 0xffff800000000000",
                        "p/x $fs_base", "set $fs_base = 0x800000000000", "x/gx &counter",
                        "set var *(long *)&flag = 1", "continue"],
                       *self.kernel("debuggee64"), "-symbols", "elf", "-accel", accel, "-S")
        self.assertIn("= 8", out["p sizeof($rip)"])
        self.assertRegex(out["continue"][0], r"Breakpoint 1, 0xffffffff80[0-9a-f]{6} in bump")
        self.assertRegex(out["x/i $pc"][0], r"=> 0xffffffff80[0-9a-f]+ <bump>:\tpush +%rbp")
        self.assertIn("= 0x123456789abcdef0", out["p/x $r15"])
        self.assertIn("= 0x123456789abcdef0", out["p/x $xmm9.uint128"])
        self.assertIn("= 0xffff800000001000", out["p/x $k_gs_base"])
        self.assertIn("[ SCE LME LMA NXE ]", out["p $efer"])
        self.assertRegex(out["info registers code_bits cs cr3"], r"code_bits +0x40 .*\ncs +0x8 .*\ncr3 +0x200000 ")
        self.assertRegex(out["x/i $pc"][1], r"<bump\+4>:\tincq +.*\(%rip\)")
        self.assertRegex(out["continue"][1], r"(?s)watchpoint 2.*Old value = 4294967295\nNew value = 4294967296")
        self.assertIn("= 1", out["p $pc == (long)&bumped"])
        self.assertRegex(out["x/i $pc"][2], r"<bump\+4>:\tincq ")
        self.assertIn("= 0x1122334455667788", out["p/x $r14"])
        self.assertIn("= 0x0", out["p/x $rsp - $rbp"])
        self.assertIn("ERROR", out["set $fs_base = 0x800000000000"])
        self.assertIn("= 0xffff800000000000", out["p/x $fs_base"])
        self.assertIn("0x00000000ffffffff", out["x/gx &counter"])
        self.assertIn("exited with code 01", out["continue"][2])

    @both
    def test_description(self, accel):
        """Without such symbols GDB gets what the CPU is when it asks."""
        if os.path.exists(self.path("g")):
            os.unlink(self.path("g"))
        m = gdbclient.Packets(self, *self.kernel("debuggee64"), "-accel", accel, "-S")
        ask = "qXfer:features:read:target.xml:0,3fff"
        bump = mini_symbol(self.path("elf"), "bump") + self.HIGH
        self.assertIn('<reg name="eip"', m.ask(ask))
        self.assertEqual(m.ask(f"Z0,{bump:x},1"), "E22")
        m.send("c")
        time.sleep(2)
        m.raw(b"\x03")
        self.assertRegex(m.packet(), "^T02")
        xml = m.ask(ask)
        self.assertIn("<architecture>i386:x86-64</architecture>", xml)
        self.assertIn('<reg name="r15" bitsize="64"', xml)
        self.assertEqual(m.ask(f"Z0,{bump:x},1"), "OK")
        self.assertIn(f"10:{bump.to_bytes(8, 'little').hex()};", m.ask("c"))
        self.assertEqual(m.ask("pf"), (0x123456789abcdef0).to_bytes(8, "little").hex())
        self.assertEqual(m.ask("m%x,1" % bump), "55")


def mini_symbol(path, name):
    lines = subprocess.run(["nm", path], capture_output=True, text=True).stdout.split("\n")
    return next(int(line.split()[0], 16) for line in lines if line.endswith(" " + name))


def hung_up(s):
    """The other end has closed the connection, perhaps with something unread."""
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True


@ASSEMBLER
class Packets(DebugTest):
    """What GDB seldom sends, and what it never should."""

    def machine(self, *args, name="debuggee"):
        if os.path.exists(self.path("g")):
            os.unlink(self.path("g"))
        return gdbclient.Packets(self, *self.kernel(name), *args)

    def symbol(self, name):
        if not hasattr(self, "symbols"):
            self.symbols = {}
            for line in subprocess.run(["nm", self.path("elf")], capture_output=True, text=True).stdout.split("\n"):
                if line:
                    at, _, what = line.split()
                    self.symbols[what] = int(at, 16)
        return self.symbols[name]

    def test_acknowledgement(self):
        m = self.machine("-S")
        m.send("qAttached")
        self.assertEqual(m.byte(), b"+")
        self.assertEqual(m.packet(), "1")
        m.raw(b"-")
        self.assertEqual(m.packet(), "1")
        m.raw(b"$qC#00")
        self.assertEqual(m.byte(), b"-")
        m.raw(b"garbage+++$lost$qC#b4")
        self.assertEqual(m.packet(), "QC1")
        self.assertEqual(m.ask("QStartNoAckMode"), "OK")
        m.raw(b"$qC#00$qC#b4")
        self.assertEqual(m.byte(), b"$")

    def test_gdbserver(self):
        """The monitor opens, moves and closes the place for GDB."""
        m = qmpclient.Machine(self, *self.kernel("debuggee"))
        q = m.qmp
        for path in ("g1", "g2", "g2"):  # a move ends the connection
            self.assertIn(f"Waiting for gdb connection on device 'unix:{path}'", q.hmp("gdbserver unix:" + path))
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.path(path))
            s.settimeout(20)
            s.sendall(b"$qAttached#8f")
            seen = b""
            while not seen.endswith(b"#31"):
                seen += s.recv(100)
            self.assertEqual(seen, b"+$1#31")
            self.assertEqual(q.command("query-status")["status"], "paused")
            other = s
        self.assertIn("Could not open", q.hmp("gdbserver unix:/nowhere/x"))
        self.assertTrue(hung_up(other))
        s = socket.socket(socket.AF_UNIX)
        q.hmp("gdbserver unix:g3")
        s.connect(self.path("g3"))
        self.assertEqual(q.hmp("gdbserver none"), "Disabled gdbserver\n")
        self.assertTrue(hung_up(s))
        self.assertFalse(os.path.exists(self.path("g3")))

    @both
    def test_packets(self, accel):
        m = self.machine("-S", "-accel", accel)
        supported = m.ask("qSupported:swbreak+;hwbreak+")
        for feature in ("PacketSize=", "qXfer:features:read+", "ReverseStep+", "ReverseContinue+", "vContSupported+"):
            self.assertIn(feature, supported)
        for packet, answer in (("?", "T05"), ("vCont?", "vCont;c;C;s;S"), ("vMustReplyEmpty", ""), ("qTStatus", ""),
                               ("Hg0", "OK"), ("T1", "OK"), ("qfThreadInfo", "m1"), ("qsThreadInfo", "l"), ("!", "OK"),
                               ("qqemu.sstepbits", "ENABLE=1,NOIRQ=2,NOTIMER=4"), ("qqemu.sstep", "0x7"),
                               ("Qqemu.sstep=9", "E22"), ("Qqemu.sstep=1", "OK"), ("qqemu.sstep", "0x1"),
                               ("p9999", "E14"), ("pzz", "E14"), ("P8=12", "E16"), ("P0=78563412", "OK"),
                               ("p0", "78563412"), ("m100000,0", ""), ("mffffffff", "E22"), ("m,", "E22"),
                               ("M200000,4:11223344", "OK"), ("m200000,4", "11223344"), ("M200000,4:112233", "E22"),
                               ("X200000,0:", "OK"), ("X200000,3:a}\x03b", "OK"), ("m200000,3", "612362"),
                               ("Z9,0,1", "E22"), ("Z0,100000000,1", "E22"), ("z0,1234,1", "OK"), ("Z2,1000,0", "E22"),
                               ("vCont;t", "E22"), ("vCont", "E22"), ("qXfer:features:read:other.xml:0,10", "E00"),
                               ("qRcmd,zz", "E22"), ("b", ""), ("bx", ""), ("R", None)):
            if answer is None:
                continue
            got = m.ask(packet.encode("latin-1"))
            self.assertEqual(got[:3] if packet == "?" else got, answer, packet)
        registers = m.ask("g")
        self.assertEqual(registers[:8], "78563412")
        self.assertEqual(m.ask("G" + "00" * 4 + registers[8:]), "OK")
        self.assertEqual(m.ask("g"), "00" * 4 + registers[8:])
        xml = m.ask("qXfer:features:read:target.xml:0,3fff")
        for word in ("<architecture>i386</architecture>", '"eip"', '"xmm7"', '"cs_base"', '"cr0"'):
            self.assertIn(word, xml)
        m.ask("Z0,%x,1" % self.symbol("bump"))
        self.assertRegex(m.ask("c"), r"^T05thread:1;swbreak:;04:")
        self.assertRegex(m.ask("s"), r"^T05thread:1;04:")
        self.assertRegex(m.ask("vCont;c:1"), r"swbreak")
        self.assertRegex(m.ask("bs"), r"^T05thread:1;04:")
        m.ask("z0,%x,1" % self.symbol("bump"))
        self.assertRegex(m.ask("bc"), r"replaylog:begin;")
        m.send("vKill;1")
        self.assertEqual(m.packet(), "OK")
        self.assertEqual(m.process.wait(20), 0)

    @both
    def test_physical(self, accel):
        """QEMU's switch to physical addresses; a watchpoint on a page that is mapped elsewhere."""
        m = self.machine("-S", "-accel", accel)
        at = self.symbol("watched_phys")
        for packet in ("Z0,%x,1", "c", "z0,%x,1"):  # firmware has loaded the kernel
            m.ask(packet % mini.ENTRY if "%" in packet else packet)
        self.assertEqual(m.ask("qqemu.PhyMemMode"), "0")
        self.assertEqual(m.ask("Qqemu.PhyMemMode:1"), "OK")
        self.assertEqual(m.ask("M%x,1:07" % at), "OK")
        self.assertEqual(m.ask("Z2,%x,4" % at), "OK")
        self.assertRegex(m.ask("c"), "^T05thread:1;watch:%x;" % at)
        self.assertEqual(m.ask("m%x,4" % at), "05000000")

    @both
    def test_step_over_interrupts(self, accel):
        """A step does not end in a handler, unless it is asked to."""
        m = self.machine("-S", "-accel", accel, "-cpu", "386", name="timer_steps")
        m.ask("Z0,%x,1" % self.symbol("ready"))
        m.ask("c")
        m.ask("z0,%x,1" % self.symbol("ready"))
        loop = range(self.symbol("ready"), self.symbol("loop_end"))
        for bits in (7, 1):
            m.ask("Qqemu.sstep=%x" % bits)
            outside = 0
            for _ in range(400):
                pc = int.from_bytes(bytes.fromhex(re.search("08:(........)", m.ask("s")).group(1)), "little")
                outside += pc not in loop
            self.assertEqual(outside > 0, bits == 1)

    @both
    def test_stop_on(self, accel):
        """The events that are no addresses."""
        self.kernel("debuggee")
        base = ["-kernel", "kernel", *mini.EXIT, *QUIET, "-accel", accel]
        for event, label, words in (("magic", "after_magic", "xchg bx,bx"),
                                    ("port=0x68,r", "after_in", "input from port 0x68"),
                                    ("port 0x80-0x8f", "after_out", "access to port 0x80-0x8f, by 0x80;"),
                                    ("vector=0x30", None, "vector 0x30, by 0x30;"),
                                    ("cr3", "after_cr3", "load of cr3"),
                                    ("mode=pg", "after_pg", "change of pg, by 0x2;"),
                                    ("mmio=%#x-%#x,w" % (self.symbol("watched_phys"), self.symbol("watched_phys") + 3),
                                     "after_phys", "write of physical")):
            with self.subTest(event=event):
                m = qmpclient.Machine(self, *base, "-S", "-stop-on", event)
                m.qmp.command("cont")
                m.qmp.wait_event("STOP")
                self.assertIn(words, m.stderr().decode())
                self.assertEqual(m.qmp.command("query-status")["status"], "debug")
                eip = int(re.search("EIP=([0-9a-f]+)", m.qmp.hmp("info registers")).group(1), 16)
                if event.startswith("mmio") and eip < mini.ENTRY:  # the kernel is loaded
                    m.qmp.command("cont")
                    m.qmp.wait_event("STOP")
                    eip = int(re.search("EIP=([0-9a-f]+)", m.qmp.hmp("info registers")).group(1), 16)
                if label:
                    self.assertEqual(eip, self.symbol(label))
                m.qmp.command("quit")
                m.finish()

    def test_triple(self):
        m = qmpclient.Machine(self, *self.kernel("triple"), "-stop-on", "triple", "-S")
        m.qmp.command("cont")
        m.qmp.wait_event("STOP")
        self.assertIn("CR0=", m.qmp.hmp("info registers"))
        m.qmp.command("quit")

    def test_options(self):
        for args, text in ((("-s", "-gdb", "stdio"), b"one debugger at most"), (("-gdb", "tcp:nowhere"), b"-gdb: "),
                           (("-gdb", "chardev:x"), b"-gdb: ")):
            r = self.orrery("-display", "none", *args)
            self.assertEqual(r.status, 1)
            self.assertIn(text, r.err)
        for event in ("nonsense", "vector", "vector=256", "port=5-4", "mode=xx", "magic=1", "port=1,r,w"):
            r = self.orrery("-stop-on", event)
            self.assertEqual(r.status, 1)
            self.assertIn(b"orrery: -stop-on: '", r.err)


@ASSEMBLER
class Monitor(DebugTest):
    @both
    def test_commands(self, accel):
        m = qmpclient.Machine(self, *self.floppy("corrupt16"), "-accel", accel, "-S", "-history", "on")
        hmp = m.qmp.hmp
        self.assertIn("No breakpoints", hmp("info breakpoints"))
        self.assertIn("breakpoint 1: code at 0x7c00", hmp("break 0x7c0:0"))
        hmp("cont")
        m.qmp.wait_event("STOP")
        self.assertIn("paused (debug)", hmp("info status"))
        self.assertIn("at 0000:00007c01,", hmp("step"))
        self.assertIn("at 0000:00007c05,", hmp("step 2"))
        self.assertIn("breakpoint 2: write of 0x510-0x511", hmp("watch 0x510 2"))
        self.assertIn("breakpoint 3: access to physical 0x520-0x521", hmp("watch phys 0x520 2 a"))
        hmp("cont")
        m.qmp.wait_event("STOP")
        self.assertRegex(hmp("info breakpoints"), r"1 +code at 0x7c00, hit 1 times\n2 +write of 0x510-0x511, hit 1 times")
        self.assertEqual("", hmp("delete 2"))
        self.assertIn("there is no breakpoint 2", hmp("delete 2"))
        hmp("cont")
        m.qmp.wait_event("STOP")
        self.assertIn("hit 1 times\n3", hmp("info breakpoints"))
        self.assertIn("breakpoint 3: access to physical 0x520-0x521, by 0x520", hmp("step 5"))
        hmp("delete")
        self.assertIn("No breakpoints", hmp("info breakpoints"))
        for command in ("break", "break 1:", "watch 0 5000", "watch 0 4 x", "stop-on", "stop-on port", "delete x"):
            self.assertNotEqual("", hmp(command))
        m.qmp.command("quit")
        m.finish()

    @both
    def test_dma(self, accel):
        """A floppy disk's sector arrives by DMA: its place in memory is watched."""
        m = qmpclient.Machine(self, *self.floppy("corrupt16"), "-accel", accel, "-S", "-stop-on", "phys=0x7c00-0x7c03,w")
        m.qmp.command("cont")
        m.qmp.wait_event("STOP")
        self.assertIn("write of physical 0x7c00-0x7c03, by 0x7c00", m.stderr().decode())
        m.qmp.command("quit")
        m.finish()


if __name__ == "__main__":
    common.main()
