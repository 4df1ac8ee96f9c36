#!/usr/bin/env python3
"""Builds the VGA BIOS: compiles and links the 16-bit sources, pads the image, and makes its checksum right.
   usage: build.py COMPILER ROOT DATA OUTPUT     DATA: program that prints the shared data (rom_data.c)
          build.py prebuilt ROOT DATA OUTPUT     copies prebuilt.bin
          build.py --embed IMAGE NAME OUTPUT     IMAGE as a C array NAME
The order of files is fixed and no path gets into the image, so one version of the compiler gives one image."""
import os
import shutil
import subprocess
import sys
import tempfile

FLAGS = ["-m16", "-march=i386", "-Os", "-std=gnu11", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-fwrapv",
         "-fno-asynchronous-unwind-tables", "-fomit-frame-pointer", "-fno-jump-tables", "-fno-strict-aliasing",
         "-fno-delete-null-pointer-checks", "-fno-tree-loop-distribute-patterns", "-fcf-protection=none",
         "-mpreferred-stack-boundary=2", "-mregparm=3", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra",
         "-Werror", "-Wno-array-bounds", "-I."]
FOLDER = os.path.join("bios", "vga")


def run(*command, cwd=None, out=subprocess.PIPE):
    done = subprocess.run(command, cwd=cwd, stdout=out, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout or ''}{done.stderr}")
    return done.stdout


def build(compiler, root, data):
    """The image, without its checksum."""
    root, data = os.path.abspath(root), os.path.abspath(data)
    names = sorted(f for f in os.listdir(os.path.join(root, FOLDER))
                   if f.endswith((".c", ".s")) and f != "rom_data.c")
    with tempfile.TemporaryDirectory() as work:
        shared = os.path.join(work, "shared.s")
        with open(shared, "w") as f:
            run(data, out=f)
        objects = []
        for name in [os.path.join(FOLDER, n) for n in names] + [shared]:
            objects.append(os.path.join(work, f"{len(objects)}.o"))
            run(compiler, *FLAGS, "-c", "-o", objects[-1], name, cwd=root)
        linker = run(compiler, "-print-prog-name=ld").strip()
        elf, image = os.path.join(work, "elf"), os.path.join(work, "image")
        link = [linker, "-m", "elf_i386", "--gc-sections", "--build-id=none", "-z", "noexecstack", "-T",
                os.path.join(root, FOLDER, "rom.lds")]
        run(*link, "-o", elf, *objects)
        run(*link, "--oformat", "binary", "-o", image, *objects)
        with open(image, "rb") as f:
            return bytearray(f.read())


def write(path, content):
    with open(path, "wb") as f:
        f.write(content)


def main():
    if sys.argv[1] == "--embed":
        with open(sys.argv[2], "rb") as f:
            image = f.read()
        rows = ("    " + "".join(f"{b}," for b in image[i:i + 24]) for i in range(0, len(image), 24))
        name = sys.argv[3]
        write(sys.argv[4], (f'#include "bios/images.h"\n\nconst unsigned {name}_size = {len(image)};\n'
                            f"const u8 {name}[] = {{\n" + "\n".join(rows) + "\n};\n").encode())
        return
    compiler, root, data, output = sys.argv[1:]
    if compiler == "prebuilt":
        shutil.copyfile(os.path.join(root, FOLDER, "prebuilt.bin"), output)
        return
    image = build(compiler, root, data)
    if len(image) % 512 or len(image) != image[2] * 512:
        sys.exit(f"the image has {len(image)} bytes")
    image[-1] = -sum(image[:-1]) & 0xff
    write(output, image)


main()
