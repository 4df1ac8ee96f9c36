#!/usr/bin/env python3
"""-d and -D, -stats, -debugcon and -serial: what a run tells about itself."""
import re
import unittest

import common
import mini


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Log(common.GuestTest):
    def run_guest(self, *args, name="rings", accel="jit"):
        kernel = self.write("kernel", mini.kernel(name))
        return self.orrery("-m", "32", "-kernel", kernel, "-accel", accel, "-debugcon", "file:out", *mini.EXIT, *args,
                           timeout=60)

    def log(self, items, **how):
        """The log of a run with -d items, block by block: a list of texts."""
        result = self.run_guest("-d", items, "-D", self.path("log"), **how)
        self.assertEqual(result.status, 1, str(result))
        self.assertEqual(result.err, b"")
        return self.read("log").decode()

    def test_in_asm(self):
        log = self.log("in_asm")
        self.assertRegex(log, r"(?m)^0x00100000: .* mov +esp, 0x90000$")
        self.assertRegex(log, r"(?m)^0x0010[0-9a-f]{4}: .*\bsysenter\b")
        self.assertNotRegex(log, "IR:|OUT:")

    def test_ir(self):
        log = self.log("ir")
        self.assertRegex(log, r"(?m)^IR:")
        self.assertRegex(log, r"(?m)^ +esp = mov 0x90000$")
        self.assertNotIn("OUT:", log)
        self.assertEqual(log, self.log("op"), "QEMU's name for it")

    def test_out_asm(self):
        log = self.log("out_asm")
        self.assertRegex(log, r"(?m)^OUT: \d+ bytes, \d+ out of line$")
        self.assertGreater(len(log.splitlines()), 1000)

    def test_int(self):
        log = self.log("int")
        for vector in ("00", "03", "04", "05", "06", "07", "0d", "11", "22", "30"):
            self.assertRegex(log, rf"(?m)^(fault|instruction): vector 0x{vector} at 00(10|23):0010[0-9a-f]{{4}}")
        self.assertNotRegex(log, "IR:|OUT:|IN:")

    def test_all_of_them(self):
        log = self.log("in_asm,ir,out_asm,int")
        blocks = log.split("----------------\n")
        self.assertGreater(len(blocks), 50)
        for block in blocks[1:]:
            self.assertRegex(block, r"(?s)\AIN: .*\nIR:\n.*\nOUT: ")

    def test_interp(self):
        log = self.log("in_asm,ir,out_asm", accel="interp")
        self.assertRegex(log, r"(?m)^IN: ")
        self.assertRegex(log, r"(?m)^IR:")

    def test_same_run_with_log(self):
        """Looking changes nothing."""
        plain = self.run_guest("-statehash")
        logged = self.run_guest("-statehash", "-d", "in_asm,ir,out_asm,int", "-D", self.path("log"))
        self.assertIsNotNone(plain.state_hash)
        self.assertEqual(plain.state_hash, logged.state_hash)

    def test_standard_error(self):
        result = self.run_guest("-d", "in_asm")
        self.assertIn(b"mov esp, 0x90000", result.err)

    def test_stats(self):
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                result = self.run_guest("-stats", name="smc", accel=accel)
                stats = dict(line.split(": ", 1) for line in result.err.decode().splitlines())
                number = {k: float(re.match(r"[0-9.]+", v).group()) for k, v in stats.items() if v[:1].isdigit()}
                self.assertGreater(number["guest instructions retired"], 4000)
                self.assertGreater(number["blocks translated"], 10)
                self.assertGreater(number["code cache in use"], 100)
                self.assertIn("host seconds", number)
                self.assertIn("million guest instructions a second", number)
                self.assertGreaterEqual(number["guest RAM touched"], 4096)

    def test_retired_is_exact(self):
        """The count of retired instructions is the program's, on every back end: what 1000 turns of a loop more count."""
        counts = []
        for accel in common.BACKENDS:
            for turns in (1000, 2000):  # CLI; MOV ECX, turns; LOOP $; HLT
                kernel = self.write("kernel", mini.bzimage(b"\xfa\xb9" + turns.to_bytes(4, "little") + b"\xe2\xfe\xf4"))
                result = self.orrery("-kernel", kernel, "-accel", accel, "-stats", timeout=20)
                self.assertEqual(result.status, 4, str(result))
                counts.append(int(re.search(rb"guest instructions retired: (\d+)\n", result.err).group(1)))
        self.assertEqual(counts, [counts[0], counts[0] + 1000] * 2)

    def test_debugcon_on_standard_output(self):
        kernel = self.write("kernel", mini.kernel("hello"))
        result = self.orrery("-kernel", kernel, "-debugcon", "stdio", *mini.EXIT, timeout=20)
        self.assertEqual(result.out, b"hello e9\n")
        self.assertEqual(result.status, 35)

    def test_no_debugcon(self):
        """Without the device nothing answers at its port."""
        kernel = self.write("kernel", mini.kernel("hello"))
        result = self.orrery("-kernel", kernel, *mini.EXIT, timeout=20)
        self.assertEqual((result.status, result.out, result.err), (35, b"", b""))


if __name__ == "__main__":
    common.main()
