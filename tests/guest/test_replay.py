#!/usr/bin/env python3
"""-record and -replay: a run with typed input happens again, on every back end; what is damaged or does not fit is
refused before anything runs."""
import os
import time

import common


class Replay(common.GuestTest):
    def record(self):
        """A session with input at several moments, recorded in self.path("j"); its Result."""
        t = self.terminal(*self.linux("shell=1"), "-record", self.path("j"), "-statehash")
        t.wait_for("# ")
        t.type("echo one; cat /proc/uptime\n")
        t.wait_for("# ")
        t.pull(0.7)  # the guest idles at its prompt
        t.type("sum=0; for i in 1 2 3 4; do sum=$((sum + i)); done; echo sum $sum\n")
        t.wait_for("sum 10")
        t.type("poweroff -f\n")
        result = t.finish()
        self.assertEqual(result.status, 0, str(result))
        self.assertIsNotNone(result.state_hash, str(result))
        return result

    def replay(self, accel="jit", journal="j", **replace):
        arguments = self.linux(replace.get("append", "shell=1"), accel)
        arguments[1] = replace.get("memory", arguments[1])
        return self.orrery(*arguments, "-replay", self.path(journal), "-statehash", *replace.get("more", []))

    def check_refused(self, result, *words):
        self.assertEqual(result.status, 1, str(result))
        self.assertEqual(len(result.err.splitlines()), 1, str(result))
        self.assertTrue(result.err.startswith(b"orrery: "), str(result))
        self.assertEqual(result.out, b"")
        for word in words:
            self.assertIn(word, result.err.decode())

    def test_repeats(self):
        recorded = self.record()
        self.assertLess(os.path.getsize(self.path("j")), 100000)
        before = self.read("j")
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                result = self.replay(accel)
                self.assertEqual(result.status, 0, str(result))
                self.assertIn(b"sum 10", result.out)
                self.assertEqual(result.state_hash, recorded.state_hash, str(result))
        self.assertEqual(self.read("j"), before, "replaying changed the journal")

        with self.subTest("input during a replay is ignored"):
            t = self.terminal(*self.linux("shell=1"), "-replay", self.path("j"), "-statehash")
            t.wait_for("# ")
            t.type("echo in''truder\n")
            result = t.finish()
            self.assertEqual(result.state_hash, recorded.state_hash, str(result))
            self.assertNotIn(b"intruder", result.out)

        with self.subTest("other machines are refused, saying what differs"):
            self.check_refused(self.replay(memory="128"), "ram")
            self.check_refused(self.replay(append="shell=2"), "linux")
            self.check_refused(self.replay(more=["-serial", "mon:stdio", "-serial", "null"]), "serial1")
            self.check_refused(self.replay(more=["-device", "isa-debug-exit"]), "device")

        with self.subTest("damage is refused"):
            size = len(before)
            for at in (0, 9, 20, size // 4, size // 2, size - 20, size - 1):
                damaged = bytearray(before)
                damaged[at] ^= 0x10
                self.write("damaged", damaged)
                self.check_refused(self.replay(journal="damaged"))
            for length in (0, 7, 30, size // 2, size - 8, size - 1):
                self.write("damaged", before[:length])
                self.check_refused(self.replay(journal="damaged"))
            self.write("damaged", before + b"more")
            self.check_refused(self.replay(journal="damaged"))
            self.check_refused(self.replay(journal="none"), "No such file")
            self.check_refused(self.replay(journal="."))

    def test_ended_by_the_user(self):
        """A recording that Ctrl-A X or SIGTERM ended is complete and repeats up to that instruction."""
        for how in ("keys", "signal"):
            with self.subTest(how=how):
                t = self.terminal(*self.linux("shell=1"), "-record", self.path("j"), "-statehash")
                t.wait_for("# ")
                t.type("while true; do date; done\n")
                t.wait_for("20")
                t.pull(0.5)
                if how == "keys":
                    t.type("\x01x")
                else:
                    t.kill()
                recorded = t.finish()
                self.assertEqual(recorded.status, 0, str(recorded))
                result = self.replay()
                self.assertEqual(result.status, 0, str(result))
                self.assertEqual(result.state_hash, recorded.state_hash)

    def test_killed_recording_is_refused(self):
        t = self.terminal(*self.linux("shell=1"), "-record", self.path("j"))
        t.wait_for("# ")
        t.process.kill()
        t.process.wait()
        self.check_refused(self.replay())

    def test_recording_does_not_change_the_run(self):
        plain = self.orrery(*self.linux(), "-statehash")
        recorded = self.orrery(*self.linux(), "-statehash", "-record", self.path("j"))
        again = self.orrery(*self.linux(), "-statehash", "-replay", self.path("j"))
        self.assertEqual(plain.state_hash, recorded.state_hash)
        self.assertEqual(plain.state_hash, again.state_hash)

    def test_wall_clock_does_not_matter(self):
        """The host's date and speed stay outside: a run at another time ends in the same state."""
        first = self.orrery(*self.linux(), "-statehash")
        time.sleep(1.1)
        second = self.orrery(*self.linux(), "-statehash")
        self.assertEqual(first.state_hash, second.state_hash)


if __name__ == "__main__":
    common.main()
