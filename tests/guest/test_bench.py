#!/usr/bin/env python3
"""The kernels of the micro-benchmark give the same checksums natively and on every back end, and the benchmark runs."""
import os
import re
import subprocess
import sys
import unittest

import common

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.path.join(os.path.dirname(HERE), "bench")
sys.path.insert(0, BENCH)
import bench  # noqa: E402
import build  # noqa: E402


class Bench(common.GuestTest):
    def setUp(self):
        super().setUp()
        try:
            build.build(self.dir)
        except (FileNotFoundError, RuntimeError) as e:
            self.skipTest(f"the kernels cannot be built: {e}")

    def runner(self, *command):
        runner = bench.Runner(command, 60)
        self.addCleanup(runner.stop)
        return runner

    def test_checksums(self):
        native = self.runner(self.path("native"))
        right = {name: native.run(number, 3)[1] for name, (number, _, _) in native.kernels().items()}
        self.assertGreater(len(right), 90)
        for accel in common.BACKENDS:
            guest = self.runner(common.ORRERY, *bench.GUEST, "-kernel", self.path("guest"), "-accel", accel)
            kernels = guest.kernels()
            self.assertLess(set(right), set(kernels))
            for name, (number, _, _) in kernels.items():
                with self.subTest(accel=accel, kernel=name):
                    checksum, expected = guest.run(number, 3)[1], right.get(bench.same_as(name, right))
                    if expected is not None:
                        self.assertEqual(checksum, expected)

    def test_table(self):
        out = subprocess.run([os.path.join(BENCH, "bench.py"), common.ORRERY, "--tsv", "--best", "1", "--time", "0.02",
                              "--only", "int/(sort|crc)$", "--no-qemu", "--density"],
                             capture_output=True, text=True, timeout=100)
        self.assertEqual(out.returncode, 0, out.stderr)
        rows = [line.split("\t") for line in out.stdout.splitlines()]
        self.assertEqual(rows[0], ["kernel", "unit", "native ns", "orrery ns", "orrery/native", "host/guest"])
        self.assertEqual([r[0] for r in rows[1:7]],
                         ["int/sort", "int/crc", "real/int/sort", "pm16/int/sort", "real/int/crc", "pm16/int/crc"])
        for row in rows[1:7]:
            self.assertEqual(len(row), 6, row)
            self.assertTrue(all(re.fullmatch(r"[\d.e+-]+", cell) for cell in row[2:]), row)


if __name__ == "__main__":
    common.main()
