#!/usr/bin/env python3
"""Debian's own kernel boots and powers off, on every back end, with the same state at the end, in bounded memory."""
import os
import re
import subprocess
import time

import common


class Linux(common.GuestTest):
    def test_same_boot_on_every_back_end(self):
        hashes = {}
        for accel in common.BACKENDS:
            result = self.orrery(*self.linux(accel=accel, whole=True), "-statehash", timeout=500)
            self.assertIn(b"@@BOOTED", result.out, str(result))
            self.assertEqual(result.status, 0, str(result))
            self.assertIsNotNone(result.state_hash, str(result))
            hashes[accel] = result.state_hash
        self.assertEqual(len(set(hashes.values())), 1, str(hashes))

    @staticmethod
    def file_pages(pid):
        with open(f"/proc/{pid}/status") as f:
            found = re.search(r"^RssFile:\s*(\d+) kB", f.read(), re.M)
        return int(found.group(1)) * 1024 if found else 0

    def test_memory(self):
        """Peak resident memory, without the pages of the program's and its libraries' files, which processes share: what
        the guest touched of its 256 MiB, and at most 64 MiB more."""
        with open(self.path("stderr"), "w+b") as errors:
            process = subprocess.Popen([common.ORRERY, *self.linux(whole=True), "-stats"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=errors)
            libraries, done = 0, 0
            while not done:
                time.sleep(0.1)
                libraries = max(libraries, self.file_pages(process.pid))
                done, status, usage = os.wait4(process.pid, os.WNOHANG)
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            stats = errors.read().decode()
        self.assertEqual(process.returncode, 0, stats)
        touched = int(re.search(r"^guest RAM touched: (\d+)", stats, re.M).group(1))
        peak = usage.ru_maxrss * 1024 - libraries
        print(f"peak {peak >> 20} MiB and {libraries >> 20} of files, guest touched {touched >> 20} MiB ... ", end="", flush=True)
        self.assertGreater(touched, 8 << 20)
        self.assertLess(touched, 256 << 20)
        self.assertLessEqual(peak, touched + (64 << 20))

    def test_reboot(self):
        """Without -no-reboot the machine starts again, and gets as far."""
        t = self.terminal(*(a for a in self.linux("shell=1") if a != "-no-reboot"))
        for _ in range(2):
            t.wait_for("@@BOOTED")
            t.wait_for("# ")
            t.type("reboot -f\n")
        t.wait_for("@@BOOTED")
        t.type("\x01x")
        self.assertEqual(t.finish().status, 0)

    def test_no_reboot(self):
        t = self.terminal(*self.linux("shell=1"))
        t.wait_for("# ")
        t.type("reboot -f\n")
        self.assertEqual(t.finish(60).status, 0)

    def test_guest_memory_sizes(self):
        """What -m says is what the kernel finds; 3.5 GiB is the most."""
        for size, least, most in (("64", 40, 64), ("1G", 980, 1024), ("3584", 3480, 3584)):
            with self.subTest(size=size):
                arguments = self.linux("shell=1")
                arguments[1] = size
                t = self.terminal(*arguments)
                t.wait_for("# ")
                t.type("echo ram=$(sed -n 's/MemTotal: *//p' /proc/meminfo).\n")
                t.wait_for("ram=")
                t.wait_for("ram=")
                mib = int(t.wait_for(" kB.").decode()) >> 10
                t.type("\x01x")
                self.assertEqual(t.finish().status, 0)
                self.assertTrue(least <= mib <= most, f"{mib} MiB of {size}")


if __name__ == "__main__":
    common.main()
