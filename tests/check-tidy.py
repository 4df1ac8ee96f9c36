#!/usr/bin/env python3
"""Runs clang-tidy (.clang-tidy says which checks) over the sources of the emulator.
   usage: check-tidy.py BUILD-FOLDER [FILE...]     a folder with compile_commands.json; all files unless some are named
Versions find different things, so only the reference version (Debian 12's) decides; else the check is skipped."""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys

REFERENCE = "14"
SKIPPED = 77
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def version():
    if not shutil.which("clang-tidy"):
        return None
    found = re.search(r"version (\d+)", subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True).stdout)
    return found and found.group(1)


def sources(folder):
    """The emulator's files that this build compiles, without the tests."""
    with open(os.path.join(folder, "compile_commands.json")) as f:
        files = {os.path.normpath(os.path.join(c["directory"], c["file"])) for c in json.load(f)}
    return sorted(f for f in files if not os.path.relpath(f, ROOT).startswith("tests/"))


def tidy(folder, path):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", folder, path], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout


def main():
    folder = os.path.abspath(sys.argv[1])
    if version() != REFERENCE:
        print(f"tidy: skipped, needs clang-tidy {REFERENCE}")
        return SKIPPED
    if not os.path.exists(os.path.join(folder, "compile_commands.json")):
        print(f"tidy: {folder} is no build folder")
        return 1
    files = [os.path.abspath(f) for f in sys.argv[2:]] or sources(folder)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for status, output in pool.map(lambda f: tidy(folder, f), files):
            if status:
                bad += 1
                print(output, end="", flush=True)
    print(f"tidy: {len(files)} files,", f"{bad} with findings" if bad else "clean")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
