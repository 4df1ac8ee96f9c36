#!/usr/bin/env python3
"""Builds the variants, runs their tests with meson, and sums up in a last line "N passed, N failed".

A variant is a build folder with its own compiler and options. Without --full only the release build is made; --full
adds clang, the sanitizers, and the source checks."""
import json
import os
import subprocess
import sys

# name, environment, meson options, suites to run (None: all)
VARIANTS = [
    ("build", {}, ["-Dwerror=true", "-Dtests=enabled"], None),
]
FULL = [
    ("build-clang", {"CC": "clang"}, ["--buildtype=debugoptimized", "-Dwerror=true", "-Dtests=enabled"], ["unit"]),
    ("build-sanitize", {}, ["--buildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Dwerror=true",
                            "-Dtests=enabled"], ["unit"]),
]
SANITIZER_ENV = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


def run(command, env=None):
    return subprocess.run(command, env={**os.environ, **(env or {})}).returncode == 0


def build(folder, env, options):
    if not os.path.exists(f"{folder}/build.ninja"):
        if not run(["meson", "setup", folder, *options], env):
            return False
    return run(["ninja", "-C", folder], env)


def meson_tests(folder, suites):
    """Runs the tests of one build; returns (passed, failed names)."""
    log = f"{folder}/meson-logs/testlog.json"
    if os.path.exists(log):
        os.remove(log)
    command = ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs"]
    for suite in suites or []:
        command += ["--suite", suite]
    run(command, SANITIZER_ENV)
    passed, failed = 0, []
    with open(log) as lines:
        for line in lines:
            result = json.loads(line)
            if result["result"] in ("OK", "EXPECTEDFAIL"):
                passed += 1
            elif result["result"] != "SKIP":
                failed.append(f"{folder}: {result['name']}")
    return passed, failed


def main():
    full = "--full" in sys.argv[1:]
    passed, failed = 0, []
    for folder, env, options, suites in VARIANTS + (FULL if full else []):
        print(f"== {folder}", flush=True)
        if not build(folder, env, options):
            failed.append(f"{folder}: does not build")
            continue
        ok, bad = meson_tests(folder, suites)
        passed += ok
        failed += bad
    checks = [["python3", "tests/check-layers.py"]] + ([["python3", "tests/check-format.py"]] if full else [])
    for check in checks:
        if run(check):
            passed += 1
        else:
            failed.append(check[-1])
    for name in failed:
        print(f"FAILED {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
