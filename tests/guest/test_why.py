#!/usr/bin/env python3
"""The monitor's explanations: `why` names the rule that each micro-guest of mini/rules.s breaks, on every back end and with
the same evidence; walk, the tables, mapdiff and translate tell what is known of a guest."""
import json
import os
import re
import time
import unittest

import common
import mini
import qmpclient

RULES_DEF = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../cpu/rules.def")


def guests():
    """(rule, the entry that denies or "", source) of each micro-guest."""
    with open(os.path.join(mini.SOURCES, "rules.s")) as f:
        start, *rest = re.split(r"(?m)^#= ", f.read())
    for part in rest:
        head, body = part.split("\n", 1)
        rule, _, level = head.partition(" ")
        yield rule, level, f"{start}{body}\n    hlt\n"


class Explained(common.GuestTest):
    def machine(self, kernel, *args):
        self.write("kernel", kernel)
        return qmpclient.Machine(self, "-m", "16", "-kernel", "kernel", "-cpu", "max", "-net", "none", "-vga", "none",
                                 "-serial", "none", "-no-shutdown", "-no-reboot", *args)

    def stopped(self, m):
        end = time.monotonic() + 15
        while m.qmp.command("query-status")["running"]:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def ask(self, m, command):
        return json.loads(m.qmp.hmp(command + " --json"))


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Why(Explained):
    def test_rules(self):
        cases = list(guests())
        self.assertGreaterEqual(len({rule for rule, _, _ in cases}), 40)
        for rule, level, source in cases:
            kernel, answers = mini.bzimage(mini.assemble_text(source)), {}
            for accel in common.BACKENDS:
                with self.subTest(rule=rule, level=level, accel=accel):
                    m = self.machine(kernel, "-accel", accel)
                    self.stopped(m)
                    answer = answers[accel] = self.ask(m, "why")
                    first, last = answer["chain"][0], answer["chain"][-1]
                    self.assertEqual((answer["rule"], first["rule"]), (rule, rule), m.qmp.hmp("why"))
                    if level:
                        self.assertEqual(first["translation"]["denied-at"], level)
                        self.assertEqual(first["cr2"], first["translation"]["linear"])
                    self.assertTrue(last["shutdown"], answer)
                    self.assertIn(f"rule {rule}: ", m.qmp.hmp("why"))
                    m.close()
            self.assertEqual(answers.get("jit"), answers.get("interp"))


if __name__ == "__main__":
    common.main()
