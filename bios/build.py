#!/usr/bin/env python3
"""Builds a firmware image: compiles the 16-bit and the 32-bit sources, links them, and checks the image.
   usage: build.py COMPILER ROOT FONTS OUTPUT              FONTS: program that prints the fonts (vga/rom_data.c)
          build.py prebuilt ROOT FONTS OUTPUT              copies prebuilt/bios.bin
          build.py --kernel COMPILER ROOT OUTPUT           the ROM that starts kernels; COMPILER may be prebuilt
          build.py --can COMPILER                         status 0 if it makes such code
The order of files is fixed, so one version of the compiler gives one image."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SIZE = 0x20000
FONT_AT, FONT_SIZE = 0x1fa6e, 1024  # where programs look for it: F000:FA6E
PROBE = "char f(void) { return *(char __seg_fs *)1; }"
POST_ENTRIES = ("post_setup", "post_lock")
COMMON = ["-march=i386", "-Os", "-std=gnu11", "-ffreestanding", "-fno-pic", "-fno-pie", "-fno-stack-protector",
          "-fno-asynchronous-unwind-tables", "-fomit-frame-pointer", "-fwrapv", "-fno-delete-null-pointer-checks", "-fno-strict-aliasing", "-fcf-protection=none",
          "-mpreferred-stack-boundary=2", "-mregparm=3", "-ffunction-sections", "-fdata-sections", "-fno-tree-loop-distribute-patterns",
          "-Wall", "-Wextra", "-Werror", "-Wno-address-of-packed-member", "-nostdlib", "-I."]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def sources(folder):
    return sorted(f for f in os.listdir(folder) if f.endswith((".c", ".S")))


def compile_all(compiler, root, folder, mode, work):
    """Names are relative to the root, so that the image does not depend on where that is."""
    objects = []
    for name in sources(os.path.join(root, "bios", folder)):
        out = os.path.join(work, f"{folder}-{name}.o")
        done = subprocess.run([compiler, mode, *COMMON, "-c", "-o", out, os.path.join("bios", folder, name)], cwd=root,
                              capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        objects.append(out)
    return objects


def low_font(fonts):
    """The first 128 characters of 8 rows."""
    rows = run(fonts).split("font_8:", 1)[1].split(".globl", 1)[0]
    return bytes(int(n) for line in re.findall(r"\.byte (.*)", rows) for n in line.split(","))[:FONT_SIZE]


def build(compiler, root, fonts, output):
    """system/ holds what runs in real mode, post/ what runs in flat 32-bit mode at power-on."""
    bios = os.path.join(root, "bios")
    with tempfile.TemporaryDirectory() as work:
        linker = run(compiler, "-print-prog-name=ld").strip()
        objcopy = run(compiler, "-print-prog-name=objcopy").strip()
        objects = compile_all(compiler, root, "system", "-m16", work)
        # Both halves have functions of the same names; only the entries of the second are seen by the first.
        post = os.path.join(work, "post-all.o")
        run(linker, "-m", "elf_i386", "-r", "-o", post, *compile_all(compiler, root, "post", "-m32", work))
        run(objcopy, *(f"--keep-global-symbol={name}" for name in POST_ENTRIES), post)
        elf, image = os.path.join(work, "elf"), os.path.join(work, "image")
        run(linker, "-m", "elf_i386", "--no-check-sections", "--gc-sections", "--build-id=none", "-nostdlib", "-e", "reset_entry",
            "-z", "noexecstack", "-T", os.path.join(bios, "bios.ld"), "-o", elf, *objects, post)
        run(objcopy, "-O", "binary", "--gap-fill", "0", elf, image)
        with open(image, "rb") as f:
            data = bytearray(f.read())
        data[FONT_AT:FONT_AT + FONT_SIZE] = low_font(fonts)
        if len(data) != SIZE:
            sys.exit(f"image of {len(data)} bytes instead of {SIZE}")
        with open(output, "wb") as f:
            f.write(data)
        shutil.copy(elf, output + ".elf")


def build_kernel(compiler, root, output):
    """kernel/start.s as it is, but for the checksum of its PnP header."""
    if compiler == "prebuilt":
        shutil.copy(os.path.join(root, "bios", "prebuilt", "kernel.bin"), output)
        return
    with tempfile.TemporaryDirectory() as work:
        linker = run(compiler, "-print-prog-name=ld").strip()
        obj, image = os.path.join(work, "o"), os.path.join(work, "image")
        run(compiler, "-m16", "-march=i386", "-c", "-o", obj, os.path.join(root, "bios", "kernel", "start.s"))
        run(linker, "-m", "elf_i386", "-Ttext", "0", "-e", "_start", "--oformat", "binary", "-o", image, obj)
        with open(image, "rb") as f:
            data = bytearray(f.read())
        at = data.index(b"$PnP")
        data[at + 9] = -sum(data[at:at + 32]) & 0xff
        with open(output, "wb") as f:
            f.write(data)


def can(compiler):
    """Whether this compiler makes 16-bit code for x86, and has a linker for it."""
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "o")
        for mode in ("-m16", "-m32"):
            done = subprocess.run([compiler, mode, *COMMON, "-x", "c", "-c", "-o", out, "-"], input=PROBE, capture_output=True,
                                  text=True, cwd=work)
            if done.returncode:
                return False
        linker = run(compiler, "-print-prog-name=ld").strip()
        return subprocess.run([linker, "-m", "elf_i386", "-r", "-o", out + "2", out], capture_output=True).returncode == 0


def main():
    if sys.argv[1] == "--can":
        sys.exit(not can(sys.argv[2]))
    elif sys.argv[1] == "--kernel":
        build_kernel(*sys.argv[2:])
    elif sys.argv[1] == "prebuilt":
        shutil.copy(os.path.join(sys.argv[2], "bios", "prebuilt", "bios.bin"), sys.argv[4])
    else:
        build(*sys.argv[1:])


if __name__ == "__main__":
    main()
