#!/usr/bin/env python3
"""Builds the demonstration: compiles and links the sources, real mode's and 32-bit ones, to an image that a boot sector
   begins, a multiple of 512 bytes.
   usage: build.py COMPILER ROOT OUTPUT [DISKETTE]     DISKETTE: the same, filled up to 1440 KiB
          build.py prebuilt ROOT OUTPUT [DISKETTE]     takes prebuilt.bin instead
The order of files is fixed and no path gets into the image, so one version of the compiler gives one image."""
import os
import shutil
import subprocess
import sys
import tempfile

FLAGS = ["-m32", "-march=i386", "-Os", "-std=gnu11", "-ffreestanding", "-fno-pic", "-fno-pie", "-fno-stack-protector",
         "-fno-asynchronous-unwind-tables", "-fomit-frame-pointer", "-fwrapv", "-fno-delete-null-pointer-checks",
         "-fno-strict-aliasing", "-fcf-protection=none", "-mpreferred-stack-boundary=2", "-mregparm=3", "-mno-sse",
         "-mno-80387", "-ffunction-sections", "-fdata-sections", "-fno-tree-loop-distribute-patterns", "-Wall", "-Wextra",
         "-Werror", "-Wno-address-of-packed-member", "-Wno-array-bounds", "-Wno-missing-field-initializers", "-nostdlib", "-Ui386",
         "-I."]
FOLDER = os.path.join("bios", "demo")
DISKETTE = 1440 * 1024


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(compiler, root, output):
    names = sorted(f for f in os.listdir(os.path.join(root, FOLDER)) if f.endswith((".c", ".S")))
    linker = run(compiler, "-print-prog-name=ld").strip()
    objcopy = run(compiler, "-print-prog-name=objcopy").strip()
    with tempfile.TemporaryDirectory() as work:
        objects = [os.path.join(work, f"{name}.o") for name in names]
        for name, out in zip(names, objects):
            run(compiler, *FLAGS, "-c", "-o", out, os.path.join(FOLDER, name), cwd=root)
        elf = os.path.join(work, "elf")
        run(linker, "-m", "elf_i386", "--gc-sections", "--build-id=none", "-z", "noexecstack", "--no-warn-rwx-segments", "-T",
            os.path.join(root, FOLDER, "demo.ld"), "-o", elf, *objects)
        run(objcopy, "-O", "binary", "--gap-fill", "0", elf, output)
        shutil.copy(elf, output + ".elf")


def main():
    compiler, root, output = sys.argv[1:4]
    if compiler == "prebuilt":
        shutil.copyfile(os.path.join(root, FOLDER, "prebuilt.bin"), output)
    else:
        build(compiler, os.path.abspath(root), os.path.abspath(output))
    with open(output, "rb") as f:
        image = f.read()
    if len(image) % 512 or image[510:512] != b"\x55\xaa":
        sys.exit(f"no boot image: {len(image)} bytes")
    for name in sys.argv[4:]:
        with open(name, "wb") as f:
            f.write(image.ljust(DISKETTE, b"\0"))


main()
