#!/usr/bin/env python3
"""Miniature guests on every back end. Each mini/*.s that has expectations is a test; they stand in its comments:
    #! status N      exit status (1 unless said)
    #! args ARG...   further arguments
    #! out TEXT      the next line on the debug port; all of them together are the whole output
    #! err REGEX     matches standard error
    #! cache MIB     size of the code cache
The state at the end must be the same on every back end, and a replay must end like the recorded run."""
import os
import re
import shlex
import unittest

import common
import mini


def expectations(name):
    want = {"status": ["1"], "args": [], "out": [], "err": [], "cache": []}
    with open(os.path.join(mini.SOURCES, name + ".s")) as lines:
        found = [m.groups() for m in (re.match(r"#! (\w+) ?(.*)", line.rstrip("\n")) for line in lines) if m]
    for key, value in found:
        want[key].append(value)
    return want if found else None


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Mini(common.GuestTest):
    maxDiff = None

    def run_one(self, name, want, accel, *more):
        """One run: what came out of the debug port, and the Result."""
        kernel = self.write("kernel", mini.kernel(name))
        accel = ",cache-size=".join([accel] + want["cache"])
        result = self.orrery("-m", "32", "-kernel", kernel, "-accel", accel, "-debugcon", "file:out", "-statehash",
                             *mini.EXIT, *shlex.split(" ".join(want["args"])), *more, timeout=60)
        return self.read("out").decode(errors="backslashreplace"), result

    def check(self, name, want):
        hashes = {}
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                out, result = self.run_one(name, want, accel)
                self.assertEqual(out.splitlines()[:500], want["out"], str(result))
                self.assertEqual(result.status, int(want["status"][-1]), str(result))
                for regex in want["err"]:
                    self.assertRegex(result.err.decode(), re.compile(regex, re.M))
                hashes[accel] = result.state_hash
        self.assertEqual(len(set(hashes.values())), 1, f"state hashes differ: {hashes}")
        self.assertIsNotNone(hashes["jit"])
        recorded = self.run_one(name, want, "jit", "-record", "j")
        replayed = self.run_one(name, want, "interp", "-replay", "j")
        self.assertEqual(str(recorded[1]), str(replayed[1]))
        self.assertEqual(recorded[0], replayed[0])


for file in sorted(os.listdir(mini.SOURCES)):
    stem, suffix = os.path.splitext(file)
    rows = expectations(stem) if suffix == ".s" else None
    if rows:
        setattr(Mini, "test_" + stem, lambda self, n=stem, w=rows: self.check(n, w))

if __name__ == "__main__":
    common.main()
