#!/usr/bin/env python3
"""Checks that a checked-in firmware image is what its sources build. Versions of the compiler generate different code, so
only the reference version (Debian 12's) decides; with another one, or none, the check is skipped, saying so.
   usage: check-firmware.py COMPILER BUILT CHECKED-IN"""
import subprocess
import sys

REFERENCE = "12.2.0"
SKIPPED = 77


def main():
    compiler, built, checked_in = sys.argv[1:]
    if compiler == "prebuilt":
        print("firmware: skipped, there is no gcc for x86")
        return SKIPPED
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
    if version != REFERENCE:
        print(f"firmware: skipped, gcc {version} is not {REFERENCE}")
        return SKIPPED
    with open(built, "rb") as a, open(checked_in, "rb") as b:
        if a.read() == b.read():
            return 0
    print(f"firmware: {checked_in} is old; replace it by {built}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
