#!/usr/bin/env python3
"""Checks that dependencies point one way: which folder may include which, who may use which library, and that a device
reaches memory by bus_master_*() alone, which never gets to registers."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# folder -> prefixes of project headers it may include
MAY = {
    "base": ["base/"],
    "mmu": ["base/", "mmu/"],
    "devices": ["base/", "mmu/phys.h", "devices/", "bios/images.h"],
    "cpu": ["base/", "mmu/", "cpu/", "jit/ir.h", "jit/ir.def"],
    "jit": ["base/", "mmu/", "cpu/", "jit/"],
    "machine": ["base/", "mmu/", "cpu/", "jit/", "devices/", "machine/", "bios/images.h"],
    "frontend": ["base/", "machine/orrery.h", "machine/trace_file.h", "machine/trace_text.h", "frontend/"],
}
# system header -> the only files that may include it
LIBRARIES = {
    "capstone": ["cpu/decode.c"],
    "ffi.h": ["jit/interp/ffi.c", "jit/interp/ffi.h"],
    "SDL": ["frontend/sdl.c", "frontend/sdl_audio.c"],
}
# how devices do not reach memory, but for the bus
MEMORY = re.compile(r"\b(phys_(read|write|ram|host|dma_read|dma_write)|bus_dma_(read|write))\(")
BUS = ["devices/core/bus.c", "devices/core/bus.h"]


def problems():
    for folder, allowed in MAY.items():
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in sorted(names):
                if not name.endswith((".c", ".h", ".def")):
                    continue
                path = os.path.relpath(os.path.join(where, name), ROOT)
                with open(os.path.join(ROOT, path)) as lines:
                    for number, line in enumerate(lines, 1):
                        own = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
                        if own and not own.group(1).startswith(tuple(allowed)):
                            yield f"{path}:{number}: {folder}/ must not include {own.group(1)}"
                        system = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
                        for library, users in LIBRARIES.items():
                            if system and system.group(1).startswith(library) and path not in users:
                                yield f"{path}:{number}: only {', '.join(users)} may include {library}"
                        if folder == "devices" and path not in BUS and MEMORY.search(line):
                            yield f"{path}:{number}: a device reaches memory by bus_master_read() and bus_master_write()"


def main():
    found = list(problems())
    for problem in found:
        print(problem)
    print("layering:", "clean" if not found else f"{len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
