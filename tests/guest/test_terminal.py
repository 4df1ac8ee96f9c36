#!/usr/bin/env python3
"""-nographic on a terminal: an interactive shell, the escape keys, and terminal modes as they were at the end."""
import hashlib
import signal
import subprocess
import time

import common


class Interactive(common.GuestTest):
    def shell(self):
        t = self.terminal(*self.linux("shell=1"))
        t.wait_for("@@BOOTED")
        t.wait_for("# ")
        return t

    def check_end(self, t, status=0):
        result = t.finish(20)
        self.assertEqual(t.mode(), t.before, "terminal modes differ from those before")
        self.assertEqual(result.status, status, str(result))
        return result

    def test_shell(self):
        t = self.shell()
        self.assertNotEqual(t.mode(), t.before)  # raw
        t.type("echo $((6 * 7))-$(uname -m)\n")
        t.wait_for("\n42-i686")
        t.wait_for("# ")
        t.type("echo rea''dy; cat\n")  # a program that reads: the echo, and what comes back from it
        t.wait_for("ready")
        t.pull(0.5)  # what the shell had read ahead would be lost to cat
        t.type("hello\n")
        t.wait_for("hello")
        t.wait_for("hello")
        t.type("\x03")  # Ctrl-C is the guest's
        t.wait_for("# ")
        t.type("sleep 1; echo aw''ake\n")  # the guest's time passes while nobody types
        began = time.monotonic()
        t.wait_for("awake", 30)
        self.assertGreater(time.monotonic() - began, 0.5)
        t.type("poweroff -f\n")
        self.check_end(t)

    def test_long_line(self):
        """More input at once than the serial port's FIFO holds arrives whole."""
        t = self.shell()
        text = "".join(chr(ord("a") + i % 26) for i in range(800))
        t.type(f"echo {text} | md5sum; echo en''d\n")
        t.wait_for("\n" + hashlib.md5(text.encode() + b"\n").hexdigest())
        t.wait_for("end")
        t.type("\x01x")
        self.check_end(t)

    def test_help_and_quit(self):
        t = self.shell()
        t.type("\x01h")
        t.wait_for("Ctrl-A X")
        t.type("\x01x")
        self.check_end(t)

    def test_escaped_escape(self):
        """Ctrl-A Ctrl-A sends one to the guest."""
        t = self.shell()
        t.type("od -An -tx1 -N2\n")
        t.wait_for("\n")
        t.type("\x01\x01!\n")
        t.wait_for("01 21")
        t.type("\x01x")
        self.check_end(t)

    def test_quit_early(self):
        t = self.terminal(*self.linux())
        time.sleep(0.3)
        t.type("\x01X")
        self.check_end(t)

    def test_signals(self):
        for sig in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(signal=sig.name):
                t = self.shell()
                t.kill(sig)
                self.check_end(t)

    def test_idle_costs_nothing(self):
        """At the prompt the emulator sleeps."""
        t = self.shell()
        t.pull(1)

        def used():
            with open(f"/proc/{t.process.pid}/stat") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])  # clock ticks of 10 ms

        before = used()
        time.sleep(2)
        self.assertLess(used() - before, 60, "ticks of processor time in 2 s")
        t.type("\x01x")
        self.check_end(t)


class NoTerminal(common.GuestTest):
    def test_input_from_a_pipe(self):
        """Standard input at its end does not end the run, nor does it spin."""
        result = self.orrery(*self.linux(), stdin=b"")
        self.assertEqual(result.status, 0, str(result))
        self.assertIn(b"@@BOOTED", result.out)

    def test_serial_to_file(self):
        arguments = [a for a in self.linux() if a != "-nographic"]
        result = self.orrery(*arguments, "-serial", "file:" + self.path("serial"))
        self.assertEqual(result.status, 0, str(result))
        self.assertEqual(result.out, b"")
        self.assertIn(b"@@BOOTED", self.read("serial"))

    def test_closed_standard_output(self):
        """A reader that has gone (| head) ends nothing badly."""
        process = subprocess.Popen([common.ORRERY, *self.linux()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.close()
        errors = process.stderr.read()
        self.assertIn(process.wait(common.TIMEOUT), (0, 1, -signal.SIGPIPE), errors)
        process.stderr.close()


if __name__ == "__main__":
    common.main()
