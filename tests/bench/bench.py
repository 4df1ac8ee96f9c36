#!/usr/bin/env python3
"""Micro-benchmark of the translator: small kernels, one for each mechanism, in Orrery, natively and on QEMU.

  tests/bench/bench.py ORRERY [--tsv] [--best N] [--time SECONDS] [--only REGEX] [--density] [--no-qemu] [--no-native]
                       [--also NAME='COMMAND'] [--build FOLDER]

Every emulator runs the same guest and is told over its serial port what to run and how often. Printed is CPU time of
the process in nanoseconds for one unit of each kernel (the best of N runs), and how many times as long as natively, and
as fast as QEMU, that is. Kernels return a checksum that must be the same everywhere, or the row is marked WRONG.
--density adds host instructions per guest instruction on the fast paths of translated code, weighted by what ran
(-profile); what helpers and the interpreter do is not in it.
--also measures further emulators, given as a command with QEMU's options for disks and devices left out."""
import argparse
import math
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import build

SKIPPED = 77
DENSITY_TIME = 0.2  # seconds of a run that is profiled
CALIBRATE = 0.02  # seconds that are long enough to tell the speed
CHECK_REPS = 3  # repetitions whose checksums are compared
GUEST = ["-m", "64", "-serial", "stdio", "-display", "none", "-monitor", "none"]


class Dead(Exception):
    pass


class Runner:
    """A process that runs kernels on command."""

    def __init__(self, command, limit):
        self.command, self.limit, self.buffer = command, limit, b""
        self.process = None

    def start(self):
        if self.process and self.process.poll() is None:
            return
        self.buffer = b""
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.clock = (~self.process.pid << 3) | 2  # its CPU-time clock: clock_getcpuclockid(3)
        self.expect(r"^R$", time.monotonic() + 30)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def end(self):
        """Ends it in good order."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.stop()

    def send(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError as e:
            raise Dead from e

    def line(self, end):
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Dead
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Dead
            self.buffer += data
        raw, self.buffer = self.buffer.split(b"\n", 1)
        return raw.decode("latin-1").strip()

    def expect(self, pattern, end):
        while True:
            line = self.line(end)
            found = re.search(pattern, line)
            if found:
                return found

    def kernels(self):
        """Rows of the list: name to (number, units in one repetition, unit)."""
        self.start()
        end = time.monotonic() + 30
        self.send("list\n")
        rows = {}
        while True:
            line = self.line(end)
            if line == "E":
                return rows
            if line.startswith("K\t"):
                _, name, ops, unit = line.split("\t")
                rows[name] = (len(rows), int(ops), unit)

    def run(self, number, reps):
        """CPU seconds, checksum and time stamps of one run."""
        self.start()
        end = time.monotonic() + self.limit
        self.send(f"{number} {reps}\n")
        self.expect(r"^S$", end)
        began = time.clock_gettime(self.clock)
        found = self.expect(r"^E (\d+) (\d+)", end)
        return time.clock_gettime(self.clock) - began, int(found[1]), int(found[2])

    def measure(self, number, seconds, best):
        """CPU seconds of one repetition, and the checksum of the first few."""
        checksum = self.run(number, CHECK_REPS)[1]
        reps = 1
        while True:
            took = self.run(number, reps)[0]
            if took >= CALIBRATE or reps >= 1 << 30:
                break
            reps *= 2 if took > CALIBRATE / 8 else 8
        reps = max(1, min(int(reps * seconds / max(took, 1e-9)), (1 << 31) - 1))
        return min(self.run(number, reps)[0] for _ in range(best)) / reps, checksum


class Table:
    def __init__(self, names, tsv, density):
        self.names, self.tsv, self.density = names, tsv, density
        self.rows = []

    def columns(self):
        others = [n for n in self.names if n != "orrery"]
        return (["kernel", "unit"] + [f"{n} ns" for n in self.names] +
                [f"orrery/{n}" for n in others if n == "native"] + [f"{n}/orrery" for n in others if n != "native"] +
                ["host/guest"] * self.density)

    def ratios(self, ns):
        """How many times native, and how many times as fast as the others."""
        out = []
        for name in [n for n in self.names if n == "native"]:
            out.append(ns["orrery"] / ns[name] if ns.get("orrery") and ns.get(name) else None)
        for name in [n for n in self.names if n not in ("native", "orrery")]:
            out.append(ns[name] / ns["orrery"] if ns.get("orrery") and ns.get(name) else None)
        return out

    def head(self):
        if self.tsv:
            print("\t".join(self.columns()), flush=True)
        else:
            print(f"{'kernel':44}{'unit':>22}" + "".join(f"{c:>15}" for c in self.columns()[2:]), flush=True)

    def add(self, name, unit, ns, wrong, density):
        ratios = self.ratios(ns) + [density] * self.density
        self.rows.append((name, ns, ratios))
        if self.tsv:
            cells = [f"{ns[n]:.4g}" if n in ns else "" for n in self.names]
            cells += [f"{r:.3g}" if r else "" for r in ratios]
            print("\t".join([name, unit] + cells + (["WRONG"] if wrong else [])), flush=True)
        else:
            cells = [f"{ns[n]:.4g}" if n in ns else "-" for n in self.names]
            cells += [f"{r:.3g}" if r else "-" for r in ratios]
            print(f"{name:44}{unit[:21]:>22}" + "".join(f"{c:>15}" for c in cells) + ("  WRONG" if wrong else ""),
                  flush=True)

    def foot(self):
        """Geometric means of the ratios, by group."""
        for group in dict.fromkeys(name.rpartition("/")[0] for name, _, _ in self.rows):
            means = []
            for i in range(len(self.columns()) - 2 - len(self.names)):
                found = [r[i] for n, _, r in self.rows if n.rpartition("/")[0] == group and r[i]]
                means.append(math.exp(sum(map(math.log, found)) / len(found)) if found else None)
            cells = [""] * len(self.names) + [f"{m:.3g}" if m else "-" for m in means]
            if self.tsv:
                print("\t".join(["geomean " + group, ""] + cells))
            else:
                print(f"{'geomean ' + group:66}" + "".join(f"{c:>15}" for c in cells))


def commands(args, guest, native):
    """The runners by name. QEMU's -device for the guest's own exit is not needed: it is killed."""
    out = {}
    if not args.no_native:
        out["native"] = [native]
    qemu = shutil.which("qemu-system-i386")
    if qemu and not args.no_qemu:
        out["qemu"] = [qemu, "-accel", "tcg", *GUEST, "-kernel", guest]
    for extra in args.also:
        name, command = extra.split("=", 1)
        out[name] = [*shlex.split(command), *GUEST, "-kernel", guest]
    out["orrery"] = [args.orrery, *GUEST, "-kernel", guest]
    return out


def same_as(name, kernels):
    """The native kernel to compare with: 16-bit ones with the same source in 32 bits."""
    return re.sub(r"^(real|pm16)/", "", name) if name not in kernels else name


def measure_density(runner, number, reps):
    """Host instructions per guest instruction, as the profile of a run tells; None if it does not."""
    with tempfile.TemporaryDirectory() as work:
        profiled = Runner([*runner.command, "-profile", os.path.join(work, "profile")], runner.limit)
        try:
            profiled.run(number, reps)
        except Dead:
            return None
        finally:
            profiled.end()
        with open(os.path.join(work, "profile.report")) as f:
            found = re.search(r"^host instructions per guest instruction: ([\d.]+)$", f.read(), re.M)
    return float(found[1]) if found else None


def measure_all(args, runners):
    lists = {}
    for name, runner in runners.items():
        try:
            lists[name] = runner.kernels()
        except Dead:
            sys.exit(f"bench: {name} does not start: {shlex.join(runner.command)}")
    table = Table(list(runners), args.tsv, args.density)
    table.head()
    for kernel, (_, ops, unit) in lists["orrery"].items():
        if not re.search(args.only, kernel):
            continue
        ns, sums, density = {}, set(), None
        for name, runner in runners.items():
            key = same_as(kernel, lists[name])
            if key not in lists[name]:
                continue
            try:
                seconds, checksum = runner.measure(lists[name][key][0], args.time, args.best)
            except Dead:
                print(f"bench: {name} does not finish {kernel}", file=sys.stderr)
                runner.stop()
                continue
            ns[name] = seconds * 1e9 / ops
            sums.add(checksum)
        if args.density and ns.get("orrery"):
            reps = int(DENSITY_TIME * 1e9 / ns["orrery"] / ops) + 1
            density = measure_density(runners["orrery"], lists["orrery"][kernel][0], reps)
        table.add(kernel, unit, ns, len(sums) > 1, density)
    table.foot()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("orrery")
    p.add_argument("--tsv", action="store_true", help="tab-separated values")
    p.add_argument("--best", type=int, default=3, metavar="N", help="runs of each kernel, the best counts")
    p.add_argument("--time", type=float, default=0.1, metavar="SECONDS", help="length of a run")
    p.add_argument("--limit", type=float, default=30, metavar="SECONDS", help="a run longer than this is given up")
    p.add_argument("--only", default="", metavar="REGEX", help="kernels to run")
    p.add_argument("--also", action="append", default=[], metavar="NAME=COMMAND", help="another emulator")
    p.add_argument("--density", action="store_true", help="host instructions per guest instruction")
    p.add_argument("--no-qemu", action="store_true")
    p.add_argument("--no-native", action="store_true")
    p.add_argument("--build", metavar="FOLDER", help="where to build the programs (default: a folder that is dropped)")
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = args.build or work
        try:
            build.build(folder)
        except (FileNotFoundError, RuntimeError) as e:
            print(f"bench: skipped, the kernels cannot be built: {e}", file=sys.stderr)
            sys.exit(SKIPPED)
        runners = {name: Runner(command, args.limit) for name, command in
                   commands(args, os.path.join(folder, "guest"), os.path.join(folder, "native")).items()}
        try:
            measure_all(args, runners)
        finally:
            for runner in runners.values():
                runner.stop()


if __name__ == "__main__":
    main()
