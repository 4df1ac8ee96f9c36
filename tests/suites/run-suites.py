#!/usr/bin/env python3
"""Runs third-party CPU suites, built by their own instructions, and prints a table of how they went.

    run-suites.py [--orrery FILE] [--cache DIR] [--qemu FILE] [--accel NAME] SUITE...

A SUITE is one of
    test386=ROM,REFERENCE   test386.asm: the ROM and test386-EE-reference.txt. The ROM is built with POST_PORT 0x190 and
                            OUT_PORT 0xE9, ROM128 for the larger one
    kvm=DIR                 kvm-unit-tests for i386 or x86_64: the folder with its *.flat files
    linux=PROGRAM           a static Linux program of 32 or 64 bits that runs on this host and in a guest; what it prints must
                            be the same (test-i386 of QEMU and v86)
--qemu runs kvm-unit-tests in QEMU's translator too. --cache is what tests/guest/make-linux has filled (linux=).
docs/isa-suites.md says what came out. Exit status 0 if everything that should pass does."""
import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAX_CPU = ("smap", "tsc", "umip", "msr", "pmu", "la57", "tsc_adjust", "tsx-ctrl")
VMEXIT = ("cpuid", "vmcall", "mov_from_cr8", "mov_to_cr8", "inl_from_pmtimer", "ipi", "ipi_halt", "ple_round_robin",
          "tscdeadline", "tscdeadline_immed", "toggle_cr0_wp", "toggle_cr4_pge")
# What tests something that is not there: a hypervisor's calls, virtual machine extensions, firmware that resumes.
NOT_MEANT = {"hypercall": "calls a hypervisor", "vmexit vmcall": "calls a hypervisor",
             "s3": "needs firmware that resumes from sleep", "init": "resets the machine",
             "msr": "expects registers that KVM has", "intel-iommu": "tests an IOMMU",
             "vmware_backdoors": "calls a hypervisor"}
AMD_CPU = ("syscall",)  # of 64 bits: SYSCALL in compatibility mode is AMD's, as the default model is
CALLS_HOST = ("apic",)  # makes a hypervisor's calls unless it is told that it is on a real machine
VERDICTS = {1: "pass", 77: "skip"}  # exit status: (v << 1) | 1


def run(command, timeout, cwd=None):
    """Exit status (None: too slow) and standard output."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, cwd=cwd)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return None, late.stdout or b""


def row(*cells):
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


class Suites:
    def __init__(self, options, work):
        self.options, self.work, self.failed = options, work, 0
        models = run([options.orrery, "-cpu", "help"], 20)[1].decode().split()
        self.max_cpu = ["-cpu", "max"] if "max" in models else []

    def path(self, name):
        return os.path.join(self.work, name)

    def orrery(self, *args):
        return [self.options.orrery, "-accel", self.options.accel, "-display", "none", *args]

    def report(self, suite, test, verdict, *more):
        self.failed += verdict in ("FAIL", "too slow")
        row(suite, test, verdict, *more)

    def test386(self, value):
        rom, reference = value.split(",")
        run(self.orrery("-bios", rom, "-debugcon", "file:" + self.path("out"), "-serial", "file:" + self.path("post"),
                        "-device", "isa-debugcon,iobase=0x190,readback=0x190,chardev=serial0,id=post"), 300)
        with open(self.path("post"), "rb") as post, open(self.path("out"), "rb") as out, open(reference, "rb") as ref:
            last, same = post.read()[-1:].hex(), out.read() == ref.read()
        verdict = "pass" if last == "ff" and same else "FAIL"
        self.report("test386", os.path.basename(rom), verdict,
                    f"POST {last.upper()}, output {'equals' if same else 'differs from'} the reference")

    def kvm_one(self, command, file, name):
        more = ["-append", name[1]] if len(name) > 1 else []
        if name[0] in CALLS_HOST:
            more += ["-initrd", self.path("environment")]
            with open(self.path("environment"), "w", encoding="ascii") as f:
                f.write("TEST_DEVICE=0\n")
        status, out = run([*command, "-kernel", file, *more], self.options.timeout)
        lines = out.decode(errors="replace").splitlines()
        passed, failed = (sum(line.startswith(word) for line in lines) for word in ("PASS", "FAIL"))
        verdict = "too slow" if status is None else VERDICTS.get(status, "FAIL")
        return verdict, f"{passed} of {passed + failed}"

    def kvm(self, folder):
        common = ["-no-reboot", "-serial", "stdio", "-device", "pc-testdev", "-device",
                  "isa-debug-exit,iobase=0xf4,iosize=0x4"]
        qemu = self.options.qemu and [self.options.qemu, "-nodefaults", "-display", "none", "-accel", "tcg", *common]
        stems = sorted(re.sub(r"\.flat$", "", f) for f in os.listdir(folder) if f.endswith(".flat"))
        wide = elf_bits(os.path.join(folder, "dummy.elf")) == 64
        tests = [[s] for s in stems if s != "vmexit"] + [["vmexit", a] for a in VMEXIT if "vmexit" in stems]
        for name in tests:
            file, title = os.path.join(folder, name[0] + ".flat"), " ".join(name)
            cpu = name[0] not in AMD_CPU if wide else name[0] in MAX_CPU
            if title in NOT_MEANT:
                verdict, counts = "-", NOT_MEANT[title]
            else:
                verdict, counts = self.kvm_one(self.orrery(*common, *(self.max_cpu if cpu else [])), file, name)
            more = [counts]
            if qemu:
                more.append(", ".join(self.kvm_one(qemu + (["-cpu", "max"] if cpu else []), file, name)))
            self.report("kvm-unit-tests", title, verdict, *more)

    def initrd(self, program, tiny):
        """The small Linux's initramfs, and over it another that runs the program with COM2 as standard output."""
        with open(program, "rb") as f:
            prog = f.read()
        init = (b"#!/bin/sh\n/bin/busybox mount -t devtmpfs d /dev\n/bin/busybox stty -F /dev/ttyS1 raw -echo\n"
                b"/prog >/dev/ttyS1\n/bin/busybox poweroff -f\n")
        archive = b"".join(newc(n, mode, data) for n, mode, data in
                           (("init", 0o100755, init), ("prog", 0o100755, prog), ("TRAILER!!!", 0, b"")))
        with open(os.path.join(self.options.cache, tiny), "rb") as base, open(self.path("initrd"), "wb") as f:
            f.write(base.read() + gzip.compress(archive, 1))
        return self.path("initrd")

    def linux(self, program):
        native = [os.path.abspath(program)]
        if shutil.which("setarch"):  # data can be executed, as in a guest without NX
            native = ["setarch", "-X", *native]
        expected = run(native, 300)[1]
        bits = "64" if elf_bits(program) == 64 else ""
        run(self.orrery("-m", "256", "-no-reboot", "-serial", "null", "-serial", "file:" + self.path("out"), "-kernel",
                        os.path.join(self.options.cache, "vmlinuz" + bits), "-initrd",
                        self.initrd(program, f"tiny{bits}.cpio.gz"), "-append",
                        "console=ttyS0 quiet", *(["-cpu", "max,-nx"] if bits else self.max_cpu)), self.options.timeout * 5)
        with open(self.path("out"), "rb") as f:
            out = f.read()
        wrong = sum(a != b for a, b in zip(out.splitlines(), expected.splitlines()))
        wrong += abs(len(out.splitlines()) - len(expected.splitlines()))
        self.report("linux", os.path.basename(program), "FAIL" if wrong else "pass",
                    f"{wrong} of {len(expected.splitlines())} lines differ from the host's")


def elf_bits(file):
    """32 or 64: the class of an ELF file."""
    with open(file, "rb") as f:
        return 32 * f.read(5)[4]


def newc(name, mode, data):
    """One member of a cpio archive in the form that Linux unpacks."""
    head = "070701" + "".join(f"{v:08x}" for v in (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))
    text = head.encode() + name.encode() + b"\0"
    return text + bytes(-len(text) % 4) + data + bytes(-len(data) % 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orrery", default=os.path.join(TOP, "build/frontend/orrery"))
    parser.add_argument("--cache", default=os.path.join(TOP, "cache"))
    parser.add_argument("--accel", default="jit")
    parser.add_argument("--qemu")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one test")
    parser.add_argument("suites", nargs="+", metavar="SUITE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orrery-suites-") as work:
        suites = Suites(options, work)
        row("Suite", "Test", "Orrery", "", *(["QEMU"] if options.qemu else []))
        row("---", "---", "---", "---", *(["---"] if options.qemu else []))
        for suite in options.suites:
            kind, _, value = suite.partition("=")
            if kind not in ("test386", "kvm", "linux"):
                parser.error(f"unknown suite '{suite}'")
            getattr(suites, kind)(value)
    sys.exit(suites.failed != 0)


if __name__ == "__main__":
    main()
