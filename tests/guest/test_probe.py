#!/usr/bin/env python3
"""What the firmware answers to the questions of tests/guest/probe/*.probe (probe.py): each service, with its registers, and
what it leaves in memory; the same on every back end."""
import os
import shutil
import sys
import unittest

import common
import mini
import probe


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Probe(common.GuestTest):
    maxDiff = None

    def check(self, name):
        script = probe.Script(os.path.join(probe.FOLDER, name))
        if script.directive("boot") and not shutil.which("xorriso"):
            self.skipTest("no xorriso")
        images = probe.write_images(self.dir, script)
        hashes = []
        for accel in common.BACKENDS:
            command = [common.ORRERY, "-display", "none", "-nic", "none", "-no-reboot", "-statehash", "-accel", accel,
                       *images]
            done, (asked, got) = probe.run(command, self.dir, script)
            result = common.Result(done.returncode, done.stdout, done.stderr)
            self.assertEqual(result.status, 33, str(result))
            self.assertEqual([f"{' '.join(s.words)} | {a}" for s, a in zip(asked, got)],
                             [f"{' '.join(s.words)} | {s.answer}" for s in asked])
            hashes.append(result.state_hash)
        self.assertIsNotNone(hashes[0])
        self.assertEqual(hashes[0], hashes[1])


for file in sorted(os.listdir(probe.FOLDER)):
    setattr(Probe, "test_" + file.partition(".")[0], lambda self, f=file: self.check(f))

if __name__ == "__main__":
    sys.exit(common.main())
