#!/usr/bin/env python3
"""-profile, -profile-symbols, -profile-every, -perf-map."""
import os
import re
import subprocess
import unittest

import common
import mini

EVERY = 1009


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Profile(common.GuestTest):
    def setUp(self):
        super().setUp()
        self.kernel = self.write("kernel", mini.kernel("hot"))
        self.elf = self.write("hot.elf", mini.assemble("hot", mini.ENTRY, "elf32-i386"))

    def run_guest(self, *args, accel="jit", kernel=None, status=1):
        result = self.orrery("-m", "32", "-kernel", kernel or self.kernel, "-accel", accel, "-debugcon", "file:out",
                             "-statehash", *mini.EXIT, *args, timeout=60)
        self.assertEqual(result.status, status, str(result))
        return result

    def stacks(self, *args, **how):
        """The folded stacks of a run: text to count."""
        self.run_guest("-profile", self.path("p"), "-profile-every", str(EVERY), *args, **how)
        return self.folded("p")

    def folded(self, name):
        rows = [line.rsplit(" ", 1) for line in self.read(name).decode().splitlines()]
        self.assertEqual(rows, sorted(rows), "sorted")
        return {stack: int(count) for stack, count in rows}

    def test_hot_function(self):
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                stacks = self.stacks("-profile-symbols", self.elf, accel=accel)
                hot, cold = stacks["kernel;main;outer;hot"], stacks["kernel;main;outer;cold"]
                self.assertAlmostEqual(hot, 300 * 9000 * 4 / EVERY, delta=hot / 50)
                self.assertAlmostEqual(hot / cold, 9, delta=0.5)
                self.assertAlmostEqual(stacks["kernel;rare"], 600000 / EVERY, delta=10)
                self.assertAlmostEqual(stacks["user;user_loop"], 1000000 / EVERY, delta=10)

    def test_64_bit_code(self):
        """Frames of RBP; the code has been moved to the top of the address space."""
        kernel = self.write("kernel64", mini.kernel("hot64"))
        elf = self.write("hot64.elf", mini.assemble("hot64", mini.ENTRY, "elf32-i386"))
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                stacks = self.stacks("-profile-symbols", elf + ",offset=0xffffffff80000000", accel=accel, kernel=kernel)
                hot, cold = (sum(count for stack, count in stacks.items() if re.match(rf"kernel;0x0010.{{4}};outer;{leaf}$", stack))
                             for leaf in ("hot", "cold"))
                self.assertAlmostEqual(hot / cold, 9, delta=0.5)
        self.assertRegex("\n".join(self.stacks(kernel=kernel)), r"(?m);0xffffffff8010[0-9a-f]{4};0xffffffff8010[0-9a-f]{4}$")

    def test_same_in_every_run(self):
        runs = [self.stacks("-profile-symbols", self.elf, accel=accel) for accel in ("jit", "jit", "interp")]
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(runs[0], runs[2])

    def test_changes_nothing(self):
        plain = self.run_guest().state_hash
        for accel in common.BACKENDS:
            profiled = self.run_guest("-profile", self.path("p"), "-profile-every", "1000", accel=accel)
            self.assertEqual(profiled.state_hash, plain)

    def test_replay(self):
        self.run_guest("-record", self.path("j"))
        self.run_guest("-replay", self.path("j"), "-profile", self.path("p"), "-profile-symbols", self.elf)
        self.assertIn("kernel;main;outer;hot", self.folded("p"))

    def test_without_symbols(self):
        stacks = self.stacks()
        for stack in stacks:
            self.assertRegex(stack, r"^(kernel|user)(;0x0010[0-9a-f]{4})+$|^(kernel|real)(;0x000[c-f][0-9a-f]{4})+$")

    def test_symbol_list(self):
        nm = subprocess.run(["nm", self.elf], capture_output=True, text=True, check=True).stdout
        self.write("System.map", nm.encode())
        self.assertEqual(self.stacks("-profile-symbols", "System.map"), self.stacks("-profile-symbols", self.elf))

    def test_offset(self):
        nm = subprocess.run(["nm", self.elf], capture_output=True, text=True, check=True).stdout
        moved = "".join(f"{int(l[:8], 16) + 0x5000:08x}{l[8:]}\n" for l in nm.splitlines())
        self.write("System.map", moved.encode())
        self.assertEqual(self.stacks("-profile-symbols", "System.map,offset=-0x5000"),
                         self.stacks("-profile-symbols", self.elf))

    def test_real_mode(self):
        stacks = self.stacks(kernel=self.write("real", mini.kernel("real")))
        self.assertTrue(all(re.match(r"(kernel|real|virtual-8086);0x[0-9a-f]{8}", s) for s in stacks), stacks)

    def test_host(self):
        self.stacks("-profile-symbols", self.elf)
        categories = {s.split(";")[0] for s in self.folded("p.host")}
        known = {"translated code", "translation", "helpers", "devices", "TLB misses", "TLB flushes", "code writes",
                 "faults and interrupts", "interpreter", "run loop", "machine", "profiler", "outside", "state hash"}
        self.assertLessEqual(categories, known)
        report = self.read("p.report").decode()
        self.assertRegex(report, rf"\Aguest: \d+ samples, one every {EVERY} instructions\n")
        self.assertRegex(report, r"\nguest functions\n +\d+\.\d\d% +\d+  hot\n")
        ratio = re.search(r"\nhost instructions per guest instruction: (\d+\.\d\d)\n", report)
        self.assertTrue(0.5 < float(ratio[1]) < 30, report)
        self.assertRegex(report, r"\n +\d+\.\d\d% +\d+ +4 +\d+  pm32_r0 +0x0010[0-9a-f]{4} hot\n")
        self.assertRegex(report, r"\nhost: \d+ samples of CPU time\n")

    def test_host_interpreter(self):
        self.stacks("-profile-symbols", self.elf, accel="interp")
        host = self.folded("p.host")
        most = max(host, key=host.get)
        self.assertRegex(most, r"^interpreter;")
        self.assertNotIn("host instructions per", self.read("p.report").decode())

    def test_errors(self):
        self.write("text", b"This is not a list of symbols.\n")
        stripped = self.path("stripped")
        subprocess.run(["strip", "-o", stripped, self.elf], check=True)
        for args, why in ((["-profile", "no/such/dir"], r"-profile: cannot write 'no/such/dir': No such file"),
                          (["-profile"], "option '-profile' needs an argument"),
                          (["-profile-every", "5000"], "-profile-symbols and -profile-every need -profile"),
                          (["-profile-symbols", self.elf], "-profile-symbols and -profile-every need -profile"),
                          (["-profile", "p", "-profile-every", "7"], "-profile-every: '7' is not a number"),
                          (["-profile", "p", "-profile-every", "1e6"], "-profile-every: '1e6' is not a number"),
                          (["-profile", "p", "-profile-symbols", "nofile"], "symbols 'nofile': No such file"),
                          (["-profile", "p", "-profile-symbols", "."], "symbols '.': Is a directory"),
                          (["-profile", "p", "-profile-symbols", "text"], "symbols 'text': neither an ELF file nor"),
                          (["-profile", "p", "-profile-symbols", stripped], "no symbols of functions in it"),
                          (["-profile", "p", "-profile-symbols", "text,offset=x"], "bad offset 'x'"),
                          (["-perf-map", "-accel", "interp"], "a perf map needs translated code")):
            result = self.orrery("-kernel", self.kernel, *args)
            self.assertEqual(result.status, 1, str(result))
            self.assertRegex(result.err.decode(), rf"\Aorrery: .*{re.escape(why)}.*\n\Z")
            self.assertFalse(os.path.exists(self.path("p")), "nothing is left behind")

    def perf_map(self, *args, **how):
        """Host address to size and name."""
        process = subprocess.Popen([common.ORRERY, "-m", "32", "-kernel", how.get("kernel", self.kernel), "-debugcon",
                                    "null", *mini.EXIT, "-perf-map", *args], cwd=self.dir, stdin=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, preexec_fn=common.no_core)
        path = f"/tmp/perf-{process.pid}.map"
        self.addCleanup(lambda: os.path.exists(path) and os.remove(path))
        err = process.communicate(timeout=60)[1].decode()
        self.assertEqual(process.returncode, 1, err)
        with open(path) as lines:
            rows = [line.split() for line in lines]
        self.assertTrue(all(len(row) == 3 for row in rows))
        return {int(start, 16): (int(size, 16), name) for start, size, name in rows}, err

    def test_perf_map(self):
        entries, _ = self.perf_map("-d", "in_asm,out_asm", "-D", self.path("log"))
        blocks = self.read("log").decode().split("----------------\n")[1:]
        self.assertGreater(len(blocks), 10)
        for block in blocks:
            guest = re.search(r"^(0x[0-9a-f]{8}): ", block, re.M)[1]
            size, cold = map(int, re.search(r"^OUT: (\d+) bytes, (\d+) out of line$", block, re.M).groups())
            host = int(re.search(r"^OUT: .*\n(0x[0-9a-f]+): ", block, re.M)[1], 16)
            self.assertEqual(entries[host][0], size)
            self.assertRegex(entries[host][1], rf"^guest_({guest[2:]}_pm32_r[03]|[0-9a-f]{{8}}_(real16|pm16_r0))$")
            self.assertIn((cold, entries[host][1] + "_cold"), entries.values())
        self.assertEqual(len(entries), 2 * len(blocks))
        self.assertTrue(any(name.endswith("_pm32_r3") for _, name in entries.values()))

    def test_perf_map_of_a_full_cache(self):
        """When the cache is emptied its addresses come again: the list never has one twice."""
        kernel = self.write("evict", mini.kernel("evict"))
        entries, err = self.perf_map("-accel", "jit,cache-size=1", "-stats", kernel=kernel)
        self.assertRegex(err, r"emptied [1-9]")
        translated = int(re.search(r"blocks translated: (\d+)", err)[1])
        self.assertLess(len(entries) / 2, translated)
        ordered = sorted(entries)
        for at, after in zip(ordered, ordered[1:]):
            self.assertLessEqual(at + entries[at][0], after)


if __name__ == "__main__":
    common.main()
