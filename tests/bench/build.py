#!/usr/bin/env python3
"""Builds the micro-benchmark's programs into a folder:  build.py FOLDER
native      the kernels as a Linux program of 32 bits
guest       the same and the system kernels as a bare guest, a bzImage for -kernel; guest.elf holds its symbols."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "guest"))
import mini  # noqa: E402

COMMON = ["k_int", "k_flow", "k_fp", "k_str", "k_mem", "area", "main"]
FLAGS = ["-O2", "-march=pentium4", "-mno-sse", "-mfpmath=387", "-ffreestanding", "-fno-pic", "-fno-pie",
         "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-fno-tree-loop-distribute-patterns",
         "-fomit-frame-pointer", "-fno-toplevel-reorder", "-std=gnu11", "-Wall", "-Wextra", "-Werror"]


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr}")


class Builder:
    def __init__(self, folder):
        found = mini.tools()
        if not found:
            raise FileNotFoundError("no assembler for 32-bit x86 (binutils)")
        self.assembler, self.linker = found
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def compile(self, name, mode):
        out = self.path(f"{name}{mode}.o")
        run(["gcc", mode, *FLAGS, "-c", "-o", out, os.path.join(HERE, name + ".c")])
        return out

    def assemble(self, name, where=HERE):
        out = self.path(name + ".o")
        run([self.assembler, "--32", "-I", self.folder, "-o", out, os.path.join(where, name + ".s")])
        return out

    def link(self, name, objects, *options):
        out = self.path(name)
        run([self.linker, "-m", "elf_i386", "-N", "-e", "_start", *options, "-o", out, *objects])
        return out

    def binary(self, path):
        with open(path, "rb") as f:
            return f.read()

    def native(self):
        objects = [self.compile(n, "-m32") for n in COMMON + ["rt_user"]]
        self.link("native", objects)

    def low(self):
        """The 16-bit image, as an object with its bytes."""
        objects = [self.assemble("low16"), self.assemble("k_dos"), self.compile("low16", "-m16"), self.compile("k_int", "-m16")]
        self.link("low.bin", objects, "-Ttext", "0", "-Tbss", "0x4000", "--oformat", "binary")
        with open(self.path("low.s"), "w") as f:
            f.write(".globl low_image, low_image_end\n.section .rodata\nlow_image: .incbin \"low.bin\"\nlow_image_end:\n")
        return self.assemble("low", self.folder)

    def guest(self):
        objects = [self.assemble("boot"), *[self.compile(n, "-m32") for n in COMMON + ["k_sys", "rt_bare"]], self.low()]
        at = ["-Ttext", hex(mini.ENTRY)]
        self.link("guest.elf", objects, *at)
        self.link("guest.bin", objects, *at, "--oformat", "binary")
        setup = mini.assemble("setup", 0)
        with open(self.path("guest"), "wb") as f:
            f.write(mini.bzimage(self.binary(self.path("guest.bin")), setup))


def build(folder):
    b = Builder(folder)
    b.native()
    b.guest()


if __name__ == "__main__":
    build(*sys.argv[1:])
