#!/usr/bin/env python3
"""Snapshots in files, from outside: Linux goes on from one in another process, on the other back end, to the same state at
the end; the monitor's commands; what cannot be loaded is refused."""
import os

import common
import qmpclient

LOOP = "echo @@'GO'; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo @@$((i*2)); poweroff -f\n"


class Snapshot(common.GuestTest):
    def test_linux_goes_on_elsewhere(self):
        for accel, other in (("jit", "interp"), ("interp", "jit")):
            with self.subTest(saved_by=accel):
                if accel == "interp":  # goes on from the first one's file
                    t = self.terminal(*self.linux("shell=1", accel), "-loadvm", "shell", "-statehash", "-speed", "max",
                                      "-qmp", "unix:q2,server,nowait")
                    q = qmpclient.QMP(self, self.path("q2"))
                else:
                    t = self.terminal(*self.linux("shell=1", accel), "-statehash", "-speed", "max", "-qmp",
                                      "unix:q1,server,nowait")
                    q = qmpclient.QMP(self, self.path("q1"))
                    t.wait_for("# ")
                    self.assertEqual(q.hmp("savevm shell"), "")
                t.type(LOOP)
                t.wait_for("@@GO")
                self.assertEqual(q.hmp("savevm middle"), "")
                self.assertIn("middle", q.hmp("info snapshots"))
                end = t.finish()
                self.assertIn(b"@@6000", end.out, str(end))
                again = self.orrery(*self.linux("shell=1", other), "-loadvm", "middle", "-statehash")
                self.assertIn(b"@@6000", again.out, str(again))
                self.assertNotIn(b"@@GO", again.out, str(again))
                self.assertEqual(again.state_hash, end.state_hash, str(again))

    def test_monitor(self):
        self.write("text", b"no snapshot at all")
        m = qmpclient.Machine(self, "-m", "4", "-serial", "null", "-net", "none", "-display", "none")
        q = m.qmp
        self.assertIn("There is no snapshot available.", q.hmp("info snapshots"))
        q.hmp("stop")
        self.assertEqual(q.hmp("savevm one"), "")
        before = q.hmp("info registers")
        self.assertRegex(q.hmp("info snapshots"), r"^one .* MiB .*tick \d+")
        q.hmp("cont")
        q.hmp("stop")
        self.assertEqual(q.hmp("loadvm one"), "")
        self.assertEqual(q.hmp("info registers"), before)
        self.assertIn("no snapshot of Orrery's", q.hmp("loadvm text"))
        self.assertIn("No such file", q.hmp("loadvm none"))
        self.assertEqual(q.hmp("info registers"), before)
        self.assertIn("is no snapshot", q.hmp("delvm text"))
        self.assertEqual(q.hmp("delvm one"), "")
        self.assertFalse(os.path.exists(self.path("one")))
        self.assertTrue(os.path.exists(self.path("text")))

    def test_refused_at_start(self):
        self.write("text", b"ORRERYS\n\x01\0\0\0")
        for args, reason in ((["-loadvm", "none"], b"No such file"), (["-loadvm", "text"], b"damaged")):
            with self.subTest(args=args):
                result = self.orrery("-m", "4", "-serial", "null", "-display", "none", *args)
                self.assertEqual(result.status, 1, str(result))
                self.assertIn(reason, result.err, str(result))


if __name__ == "__main__":
    common.main()
