#!/usr/bin/env python3
"""Is a checked-in firmware image what the reference compiler, Debian 12's gcc 12.2.0, makes of the sources?
   usage: check-rom.py COMPILER BUILT CHECKED-IN"""
import subprocess
import sys

REFERENCE = "12.2.0"
SKIPPED = 77


def main():
    compiler, built, kept = sys.argv[1:]
    if compiler == "prebuilt":
        print("SKIP: no gcc for x86")
        return SKIPPED
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    if version != REFERENCE:
        print(f"SKIP: the images are made by gcc {REFERENCE}, this is {version}")
        return SKIPPED
    with open(built, "rb") as a, open(kept, "rb") as b:
        if a.read() == b.read():
            return 0
    print(f"{kept} is not what its sources make: copy {built} there")
    return 1


sys.exit(main())
