"""Miniature guests: assembles a source of tests/guest/mini/ and wraps it as a bzImage that -kernel accepts."""
import functools
import os
import shutil
import struct
import subprocess
import tempfile

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mini")
ENTRY = 0x100000

# isa-debug-exit where mini/prelude.inc expects it
EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]


def tools():
    """Assembler and linker for 32-bit x86, or None."""
    for prefix in ("", "x86_64-linux-gnu-", "i686-linux-gnu-"):
        assembler, linker = prefix + "as", prefix + "ld"
        if shutil.which(assembler) and shutil.which(linker):
            if subprocess.run([assembler, "--32", "-o", os.devnull, os.devnull], capture_output=True).returncode == 0:
                return assembler, linker
    return None


@functools.lru_cache(None)
def assemble(name, address=ENTRY, output="binary"):
    """The flat binary of mini/NAME.s, linked to run at address; or, with output "elf32-i386", with symbols."""
    with open(os.path.join(SOURCES, name + ".s")) as source:
        return assemble_text(source.read(), address, output)


def assemble_text(text, address=ENTRY, output="binary"):
    """The same for a source given as text."""
    found = tools()
    if not found:
        raise FileNotFoundError("no assembler for 32-bit x86 (binutils)")
    assembler, linker = found
    wide = "code64" in text
    if wide and output == "elf32-i386":
        output = "elf64-x86-64"
    with tempfile.TemporaryDirectory() as work:
        obj, out = os.path.join(work, "o"), os.path.join(work, "bin")
        for command in ([assembler, "--64" if wide else "--32", "-I", SOURCES, "-o", obj, "-"],
                        [linker, "-m", "elf_x86_64" if wide else "elf_i386", "-N", "-Ttext", hex(address), "-e", "_start", "--oformat", output,
                         "-o", out, obj]):
            done = subprocess.run(command, input=text, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        with open(out, "rb") as f:
            return f.read()


def bzimage(payload, setup=None, version=0x020c, loadflags=1):
    """A kernel file whose 32-bit part is payload (Linux, Documentation/arch/x86/boot.rst); setup is the 16-bit part, else the usual one."""
    payload += bytes(-len(payload) % 16)
    head = bytearray(setup or assemble("setup", 0))
    head[0x1f1] = 1  # setup sectors behind the boot sector
    struct.pack_into("<I", head, 0x1f4, len(payload) // 16)
    struct.pack_into("<H", head, 0x1fe, 0xaa55)
    head[0x200:0x202] = b"\xeb\x6a"  # the jump's target ends the header
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    head[0x211] = loadflags
    struct.pack_into("<I", head, 0x214, ENTRY)
    struct.pack_into("<I", head, 0x22c, 0x7fffffff)
    struct.pack_into("<I", head, 0x238, 2047)
    return bytes(head) + payload


def kernel(name):
    return bzimage(assemble(name))
