#!/usr/bin/env python3
"""Checks that every source file is in the meson.build of its folder (or of the one above), so that no file and no test
is forgotten."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ["base", "mmu", "devices", "cpu", "jit", "machine", "frontend", "bios", "tests"]


def listed(folder):
    """What the meson.build files from folder up to the root name, without suffixes .c and .py."""
    names = set()
    while True:
        path = os.path.join(ROOT, folder, "meson.build")
        if os.path.exists(path):
            with open(path) as f:
                names |= {os.path.splitext(os.path.basename(n))[0] for n in re.findall(r"'([^'\n]+)'", f.read())}
        if not folder:
            return names
        folder = os.path.dirname(folder)


def problems():
    for top in FOLDERS:
        for where, _, files in os.walk(os.path.join(ROOT, top)):
            folder = os.path.relpath(where, ROOT)
            names = listed(folder)
            for file in sorted(files):
                stem, suffix = os.path.splitext(file)
                source = suffix == ".c" or (suffix == ".py" and stem.startswith("test_"))
                if source and stem not in names:
                    yield f"{folder}/{file}: in no meson.build"


def main():
    found = list(problems())
    for problem in found:
        print(problem)
    print("lists:", "complete" if not found else f"{len(found)} files missing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
