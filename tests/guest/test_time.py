#!/usr/bin/env python3
"""Time: jumps through a Linux boot by instruction count, recordings with a state hash every so many ticks replayed on
every back end, everything that can come from outside in a recording, images whose contents have changed, and the
monitor's commands that go back.

With ORRERY_LONG=1 the boot is of more than a billion instructions, and there are 100 jumps."""
import os
import re
import subprocess
import time

import common
import qmpclient

JUMPS = os.path.join(os.path.dirname(os.path.dirname(common.ORRERY)), "tests", "jumps")
LONG = os.environ.get("ORRERY_LONG") == "1"


class Jumps(common.GuestTest):
    def jumps(self, accel, ticks, count, *more):
        kernel = [self.linux()[i] for i in range(3, 8) if self.linux()[i] not in ("-no-reboot",)]
        command = [JUMPS, *kernel, "-append", "console=ttyS0 quiet shell=1", "-m", "256", "-accel", accel,
                   "-ticks", str(ticks), "-jumps", str(count), *more]
        done = subprocess.run(command, cwd=self.dir, capture_output=True, timeout=3600)
        self.assertEqual(done.returncode, 0, common.show(done.stdout + done.stderr))
        self.assertIn(b"jumps: mean", done.stdout)
        if LONG:
            print(f"\n{accel}:\n{done.stdout.decode()}", flush=True)

    def test_translated(self):
        self.jumps("jit", 3000000000 if LONG else 300000000, 100 if LONG else 20)

    def test_interpreted(self):
        self.jumps("interp", 100000000 if LONG else 10000000, 100 if LONG else 20)

    def test_small_budget(self):
        self.jumps("jit", 200000000, 5, "-budget", "48")


class Recorded(common.GuestTest):
    def test_boot(self):
        """The same state every 10 million ticks; on every back end in the long run, as test_replay.py has it for less."""
        arguments = self.linux()
        if LONG:
            arguments[arguments.index("-append") + 1] += " shell=1"
        recorded = self.orrery(*arguments, "-record", "j,check=10M", "-statehash", "-stats", timeout=3600,
                               stdin=b"i=0; while [ $i -lt 120000 ]; do i=$((i+1)); done; poweroff -f\n" if LONG else b"")
        self.assertEqual(recorded.status, 0, str(recorded))
        for accel in common.BACKENDS if LONG else common.BACKENDS[:1]:
            arguments[-1] = accel
            replayed = self.orrery(*arguments, "-replay", "j", "-statehash", timeout=3600)
            self.assertEqual(replayed.status, 0, str(replayed))
            self.assertEqual(replayed.state_hash, recorded.state_hash)
        if LONG:
            print(recorded.err.decode(), flush=True)

    def test_icount(self):
        """QEMU's spelling."""
        arguments = self.linux()
        recorded = self.orrery(*arguments, "-icount", "shift=auto,rr=record,rrfile=j", "-statehash")
        replayed = self.orrery(*arguments, "-icount", "rrfile=j,rr=replay", "-statehash")
        self.assertEqual(replayed.status, 0, str(replayed))
        self.assertEqual(replayed.state_hash, recorded.state_hash)
        for bad in ("rr=record", "rr=no,rrfile=j"):
            self.assertEqual(self.orrery("-icount", bad).status, 1)

    def test_bad_options(self):
        for bad in (["-record", "j,check=x"], ["-record", "j,check=10"], ["-history", "0"], ["-history", "x"]):
            result = self.orrery(*bad)
            self.assertEqual(result.status, 1, str(result))
            self.assertEqual(len(result.err.splitlines()), 1)

    def test_other_contents(self):
        """A replay refuses an image that holds something else, and names it."""
        self.write("disk", bytes(1 << 20))
        arguments = [*self.linux(), "-hda", "disk", "-snapshot"]
        self.assertEqual(self.orrery(*arguments, "-record", "j").status, 0)
        self.assertEqual(self.orrery(*arguments, "-replay", "j").status, 0)
        with open(self.path("disk"), "r+b") as f:
            f.seek(700000)
            f.write(b"x")
        result = self.orrery(*arguments, "-replay", "j")
        self.assertEqual(result.status, 1, str(result))
        self.assertIn(b"contents of disk=", result.err)


class Machine(common.GuestTest):
    def machine(self, *args):
        return qmpclient.Machine(self, "-m", "16", "-net", "none", "-fda", "a.img", "-serial", "null", *args)

    def setUp(self):
        super().setUp()
        self.write("a.img", bytes(1474560))
        self.write("b.img", b"b" * 1474560)

    def test_all_inputs(self):
        """Mouse, keys, media, ports, the buttons of the front panel: a replay on each back end has them all."""
        m = self.machine("-record", "j,check=1M", "-nic", "user,model=ne2k_isa")
        for command in ("mouse_move 5 7 1", "mouse_button 1", "sendkey ctrl-alt-f1", "change floppy0 b.img",
                        "o /b 0x80 0x12", "i /b 0x64", "nmi", "eject -f floppy0", "change floppy0 a.img", "system_powerdown",
                        "system_reset", "mouse_move -3 2"):
            m.qmp.hmp(command)
            time.sleep(0.1)
        self.assertRegex(m.qmp.hmp("info replay"), r"Recording execution 'j': instruction count = [0-9]+")
        m.qmp.hmp("quit")
        self.assertEqual(m.process.wait(60), 0)
        for accel in common.BACKENDS:
            result = self.orrery("-m", "16", "-net", "none", "-fda", "a.img", "-serial", "null", "-display", "none",
                                 "-nic", "user,model=ne2k_isa", "-replay", "j", "-accel", accel)
            self.assertEqual(result.status, 0, str(result))

    def test_monitor(self):
        m = self.machine("-history", "64")
        time.sleep(0.5)
        hmp = m.qmp.hmp
        hmp("stop")
        self.assertRegex(hmp("history"), r"ticks: 0 to [0-9]+\r?\nnow: [0-9]+")
        now = int(re.search(r"now: ([0-9]+)", hmp("history")).group(1))
        before = hmp("info registers")
        self.assertIn("tick 1000 at", hmp("goto 1000"))
        registers = hmp("info registers")
        self.assertIn("tick 990 at", hmp("step-back 10"))
        self.assertIn("tick 1000 at", hmp("replay_seek 1000"))
        self.assertEqual(hmp("info registers"), registers)
        self.assertIn("no break point was met", hmp("reverse-continue"))
        self.assertIn("begin of the history", hmp("step-back"))
        self.assertIn("tick 0 at f000:0000fff0", hmp("goto 0"))
        self.assertIn("is not between 0 and", hmp(f"goto {now * 10}"))
        self.assertIn(f"tick {now} at", hmp(f"goto {now}"))
        self.assertEqual(hmp("info registers"), before)
        hmp("goto 5000")
        hmp("history fork")
        self.assertIn("ticks: 0 to 5000", hmp("history"))
        hmp("cont")
        time.sleep(0.3)
        hmp("stop")
        self.assertGreater(int(re.search(r"now: ([0-9]+)", hmp("history")).group(1)), 5000)
        hmp("history stop")
        self.assertIn("there is no history", hmp("goto 1"))
        hmp("history start")
        self.assertNotIn("ticks: 0 to", hmp("history"))
        self.assertIn("Record/replay is not active", hmp("info replay"))


if __name__ == "__main__":
    common.main()
