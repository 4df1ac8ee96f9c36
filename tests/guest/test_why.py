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
            for answer in answers.values():  # how long firmware waits depends on the wall clock when there is a monitor
                for fault in [answer, *answer["chain"]]:
                    fault.pop("icount", None)
            self.assertEqual(answers.get("jit"), answers.get("interp"))


    def test_every_rule_is_used(self):
        """No rule without a place that raises by it, and none of those without a rule."""
        top, text = os.path.dirname(os.path.dirname(RULES_DEF)), ""
        for folder in ("cpu", "jit"):
            for file in os.listdir(os.path.join(top, folder)):
                if file.endswith((".c", ".h")):
                    with open(os.path.join(top, folder, file)) as f:
                        text += f.read()
        with open(RULES_DEF) as f:
            rules = re.findall(r"(?m)^RULE\((\w+),", f.read())
        self.assertGreater(len(rules), 90)
        self.assertEqual([rule for rule in rules if not re.search(rf"\bRULE_{rule}\b", text)], [])
        self.assertNotRegex(text, r"why\w*\(RULE_none\b")

    def test_nothing(self):
        m = self.machine(mini.bzimage(mini.assemble_text(".globl _start\n_start: jmp _start\n")))
        self.assertEqual(self.ask(m, "why"), {"chain": []})
        self.assertIn("no exception", m.qmp.hmp("why"))
        self.assertIn("there is no --json", m.qmp.hmp("info registers --json"))

    def test_snapshot(self):
        """What was seen then is in a snapshot."""
        source = next(source for rule, level, source in guests() if (rule, level) == ("page_nx", "PDE"))
        m = self.machine(mini.bzimage(mini.assemble_text(source)))
        self.stopped(m)
        before = self.ask(m, "why")
        self.assertEqual(m.qmp.hmp("savevm " + self.path("snap")), "")
        m.close()
        m = self.machine(mini.bzimage(mini.assemble_text(source)), "-S", "-loadvm", self.path("snap"))
        self.assertEqual(self.ask(m, "why"), before)

    def test_symbols(self):
        source = next(source for rule, _, source in guests() if rule == "ltr_null")
        elf = self.write("elf", mini.assemble_text(source, output="elf32-i386"))
        m = self.machine(mini.bzimage(mini.assemble_text(source)), "-symbols", elf)
        self.stopped(m)
        first = self.ask(m, "why")["chain"][0]
        self.assertEqual((first["symbol"], first["instruction"]), ("test+0x2", "ltr ax"))
        self.assertRegex(m.qmp.hmp("why"), r"at 0008:[0-9a-f]{8} <test\+0x2>, CPL 0")
        self.assertRegex(m.qmp.hmp("x/2i $pc"), r"^<test\+0x2>:\n0x[0-9a-f]{8}:  0f 00 d8 +ltr ax\n")
        result = self.orrery("-symbols", self.write("no", b"nothing"), "-kernel", "kernel")
        self.assertEqual(result.status, 1)
        self.assertIn(b"symbols", result.err)


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Inspection(Explained):
    """A guest whose tables are known: mini/registers.s, and one that changes a mapping again and again."""

    def registers(self, *args):
        m = self.machine(mini.assemble("registers"), *args)
        end = time.monotonic() + 20
        while "EAX=a0a0a0a0" not in m.qmp.hmp("info registers"):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        m.qmp.command("stop")
        return m

    def test_walk(self):
        m = self.registers()

        def walk(what):
            before = m.qmp.hmp("info tlb"), m.qmp.hmp("info registers")
            answer = self.ask(m, "walk " + what)
            self.assertEqual((m.qmp.hmp("info tlb"), m.qmp.hmp("info registers")), before, "the guest has noticed")
            self.assertEqual("denied by rule" in m.qmp.hmp("walk " + what), not answer["allowed"])
            return answer

        for what, rule in (("ds:0x30000", None), ("ds:0x30000 as w", None), ("fs:0x7fe as w size 4", "seg_limit"),
                           ("fs:0x7fc size 4", None), ("cs:0x30000 as w", "seg_write_code"), ("gs:0 as r", "seg_expand_down"),
                           ("0x300000", "page_present"), ("0x30000 as w at cpl 3", "page_user"),
                           ("0x400000 as w at cpl 3", None), ("0x20:0 at cpl 3", "data_privilege"), ("0:0", "seg_null"),
                           ("0x40:0", "table_limit"), ("0x18:0", "data_type"), ("0x10:0 as x", "code_type"),
                           ("8:0x100000 as x", None)):
            with self.subTest(what=what):
                answer = walk(what)
                self.assertEqual(answer.get("rule"), rule, answer)
        answer = walk("ds:0x30004")
        self.assertEqual([(e["level"], e["address"], e["entry"] & ~0x20, e["bits"].replace("A ", "")) for e in
                          answer["translation"]["entries"]],
                         [("PDE", 0x20000, 0x21007, "U/S R/W P"), ("PTE", 0x210c0, 0x31001, "P")])
        self.assertEqual(answer["physical"], 0x31004)
        self.assertEqual(answer["cache"]["limit"], 0xffffffff)
        answer = walk("0x300000 as w at cpl 3")
        self.assertEqual((answer["translation"]["denied-at"], answer["error-code"]), ("PTE", 6))
        for bad in ("walk", "walk 0 as z", "walk 0 at cpl 4", "walk 0 size 0", "walk 0 as r with"):
            self.assertRegex(m.qmp.hmp(bad), "expected|understood|unexpected")

    def test_tables(self):
        m = self.registers()
        entries = {e["selector"]: e["descriptor"] for e in self.ask(m, "info gdt")["entries"]}
        self.assertEqual(sorted(entries), [8, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38])
        self.assertEqual(entries[0x20], {"low": 0x123407ff, "high": 0x9300, "kind": "data, writable", "type": 0x13, "dpl": 0,
                                         "present": True, "base": 0x1234, "limit": 0x7ff})
        self.assertEqual(entries[0x18]["kind"], "32-bit TSS, busy")
        self.assertEqual(self.ask(m, "info ldt")["limit"], 7)
        self.assertEqual(self.ask(m, "info idt")["limit"], 0x1ff)
        tss = self.ask(m, "info tss")
        self.assertEqual((tss["selector"], tss["kind"], tss["limit"]), (0x18, "32-bit TSS", 0x67))
        self.assertIn("io-map", tss["fields"])
        pages = {p["linear"]: p for p in self.ask(m, "info pages")["entries"]}
        self.assertEqual((pages[0x30000]["physical"], pages[0x30000]["writable"]), (0x31000, False))
        self.assertEqual((pages[0x400000]["size"], pages[0x400000]["user"]), (0x400000, True))
        self.assertNotIn(0x300000, pages)
        self.assertIn({"linear": 0x100000, "who": "supervisor", "access": "fetch"}, self.ask(m, "info tlb")["entries"])
        self.assertRegex(m.qmp.hmp("info gdt"), r"(?m)^0008 descriptor 00cf9b00 0000ffff: 32-bit code, readable")

    def test_mapdiff(self):
        _, _, source = next(guests())
        start = source[:source.index("\ntest:") + 7]
        kernel = mini.bzimage(mini.assemble_text(start + """
            paging
        1:  add dword ptr [PTE], 0x1000
            jnc 1b
            jmp 1b
        """))
        m = self.machine(kernel, "-history", "on")
        while not self.ask(m, "info pages")["paging"]:
            time.sleep(0.01)
        m.qmp.command("stop")
        m.qmp.hmp("map before")
        self.assertEqual(self.ask(m, "mapdiff before")["changes"], [])
        m.qmp.command("cont")
        time.sleep(0.05)
        m.qmp.command("stop")
        m.qmp.hmp("map after")
        answer = self.ask(m, "mapdiff before after")
        self.assertGreater(answer["to"], answer["from"])
        self.assertEqual({c["linear"] for c in answer["changes"]}, {0x300000})
        at = m.qmp.hmp("info registers")
        ticks = self.ask(m, f"mapdiff {answer['from']} {answer['to']}")
        self.assertEqual(ticks, answer)
        self.assertEqual(m.qmp.hmp("info registers"), at)
        self.assertIn("Error", m.qmp.hmp("mapdiff 99999999999999"))
        self.assertIn("+ 00300000", m.qmp.hmp("mapdiff before now"))
        self.assertIn("there is no map", m.qmp.hmp("mapdiff nothing"))

    def test_translate(self):
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                m = self.registers("-accel", accel)
                first = self.ask(m, "translate $pc")
                self.assertEqual((first["translated"], first["instructions"], first["count"]), (True, 1, 0))
                self.assertIn("eb fe", first["guest"][0])
                self.assertTrue(first["ir"] and first["optimized"])
                self.assertEqual(bool(first["host"]), accel == "jit" and first["host-bytes"] > 0)
                m.qmp.command("cont")
                time.sleep(0.05)
                m.qmp.command("stop")
                again = self.ask(m, "translate $pc")
                self.assertGreater(again["count"], 1000)
                self.assertIn(f"entered {again['count']} times", m.qmp.hmp("translate $pc"))
                self.assertIn("jmp", m.qmp.hmp("translate $pc"))
                self.assertIn("Error", m.qmp.hmp("translate 0x300000"))
                m.close()


if __name__ == "__main__":
    common.main()
