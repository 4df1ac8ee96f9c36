#!/usr/bin/env python3
"""Builds the variants, runs their tests with meson, and sums up in a last line "N passed, N failed".

A variant is a build folder with its own compiler and options. Without --full only the release build is made; --full
adds clang, the sanitizers, and the checks of formatting and of what a static analyser finds. Test programs count by the
tests inside them, where they say how many those were (CMocka, Python's unittest)."""
import json
import os
import re
import subprocess
import sys
import time

SKIPPED = 77  # exit status of a check or test that cannot be made here

WERROR = ["-Dwerror=true", "-Dtests=enabled"]
# name, environment, meson options, suites to run (None: all)
VARIANTS = [
    ("build", {}, ["--buildtype=release", *WERROR], None),
]
FULL = [
    ("build-clang", {"CC": "clang"}, ["--buildtype=debugoptimized", *WERROR], ["unit", "oracle", "traces"]),
    ("build-sanitize", {}, ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", *WERROR],
     ["unit", "oracle", "sanitized", "traces"]),
]
TEST_ENV = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}

CHECKS = [["tests/check-layers.py"], ["tests/check-lists.py"]]
FULL_CHECKS = [["tests/check-format.py"], ["tests/check-tidy.py", "build-clang"],
               ["tests/cross/check.py", "arm64", "build/frontend/orrery"],
               ["tests/cross/check.py", "riscv64", "build/frontend/orrery"]]


class Tally:
    def __init__(self):
        self.passed, self.skipped, self.failed = 0, 0, []

    def add(self, name, status):
        if status == 0:
            self.passed += 1
        elif status == SKIPPED:
            self.skipped += 1
        else:
            self.failed.append(name)


def run(command, env=None):
    return subprocess.run(command, env={**os.environ, **(env or {})}).returncode


def build(folder, env, options):
    if not os.path.exists(f"{folder}/build.ninja"):
        if run(["meson", "setup", folder, *options], env):
            return False
    return run(["ninja", "-C", folder], env) == 0


def number(pattern, text):
    return sum(int(n) for n in re.findall(pattern, text, re.M))


def inner_counts(output):
    """(passed, skipped, failed) of the tests inside a program, by what it printed; None if it does not say."""
    if re.search(r"^\[=+\] .*\btest", output, re.M):  # CMocka; Running N, then what became of them
        return (number(r"\[  PASSED  \] (\d+)", output), number(r"\[  SKIPPED \] (\d+)", output),
                number(r"\[  FAILED  \] (\d+)", output))
    ran = number(r"^Ran (\d+) tests? in", output)
    if ran:  # unittest
        bad = number(r"failures=(\d+)", output) + number(r"errors=(\d+)", output)
        skipped = number(r"skipped=(\d+)", output)
        return max(ran - bad - skipped, 0), skipped, bad
    return None


def count_test(tally, folder, result):
    name = f"{folder}: {result['name']}"
    good = result["result"] in ("OK", "EXPECTEDFAIL")
    if result["result"] == "SKIP":
        why = re.search(r"^SKIP.*", result.get("stdout", ""), re.M)
        print(f"{name}: {why.group(0) if why else 'SKIP'}")
        tally.skipped += 1
        return
    passed, skipped, bad = inner_counts(result.get("stdout", "") + result.get("stderr", "")) or (int(good), 0, 0)
    tally.passed += passed
    tally.skipped += skipped
    if not good:
        tally.failed += [name] * max(bad, 1)


def meson_tests(tally, folder, suites):
    log = f"{folder}/meson-logs/testlog.json"
    if os.path.exists(log):
        os.remove(log)
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs"]
    for suite in suites or []:
        command += ["--suite", suite]
    run(command, TEST_ENV)
    try:
        with open(log) as lines:
            results = [json.loads(line) for line in lines]
    except OSError:
        results = []
    if not results:
        tally.failed.append(f"{folder}: no tests ran")
    for result in results:
        count_test(tally, folder, result)


def main():
    full = "--full" in sys.argv[1:]
    tally, began = Tally(), time.monotonic()
    for folder, env, options, suites in VARIANTS + (FULL if full else []):
        print(f"== {folder} ({time.monotonic() - began:.0f} s)", flush=True)
        if build(folder, env, options):
            meson_tests(tally, folder, suites)
        else:
            tally.failed.append(f"{folder}: does not build")
    for check in CHECKS + (FULL_CHECKS if full else []):
        print(f"== {' '.join(check)} ({time.monotonic() - began:.0f} s)", flush=True)
        tally.add(" ".join(check), run([sys.executable, *check]))
    for name in dict.fromkeys(tally.failed):
        print(f"FAILED {name}")
    if tally.skipped:
        print(f"{tally.skipped} skipped")
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
