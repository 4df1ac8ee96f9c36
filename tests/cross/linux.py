#!/usr/bin/env python3
"""linux.py ARCH ORRERY CACHE [--full] [--memory MIB]: the boot of Debian's kernel to its shell on ARCH (arm64, riscv64), as
check.py has built it, under qemu-user. ORRERY, the same version on this host, boots it first and records a journal with a
state hash every 10 million instructions; ARCH replays that, which fails at the first hash that differs. CACHE is the folder
that tests/guest/make-linux has filled. Without --full the kernel leaves out the self-tests of its ciphers and looks for no ISA
PnP cards: 2.7 instead of 6.7 thousand million instructions. Exit status 77: something is missing."""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

import check

EVERY = 10_000_000  # instructions between hashes
SHORT = "cryptomgr.notests noisapnp"


def boot(command, args, options):
    """(seconds, instructions, final hash), or no return."""
    began = time.monotonic()
    done = subprocess.run([*command, "-m", str(args.memory), "-nographic", "-no-reboot", "-stats", "-statehash",
                           "-kernel", f"{args.cache}/vmlinuz", "-initrd", f"{args.cache}/tiny.cpio.gz",
                           "-append", "console=ttyS0 quiet" + ("" if args.full else f" {SHORT}"), *options],
                          stdin=subprocess.DEVNULL, capture_output=True)
    text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    found = re.search(r"retired: (\d+)\n(?:.*\n)*state hash: ([0-9a-f]{16})", text)
    if done.returncode or "@@BOOTED" not in text or not found:
        sys.exit(f"{command[0]}: status {done.returncode}\n{text[-2000:]}")
    return time.monotonic() - began, int(found[1]), found[2]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("arch", choices=check.CPUS)
    p.add_argument("orrery")
    p.add_argument("cache")
    p.add_argument("--full", action="store_true", help="the boot as it is")
    p.add_argument("--memory", type=int, default=64, metavar="MIB", help="the guest's; every hash reads all of it")
    args = p.parse_args()
    folder = os.path.join(check.ROOT, f"build-{args.arch}")
    if not os.path.exists(f"{folder}/frontend/orrery") or not os.path.exists(f"{args.cache}/vmlinuz"):
        check.skip(f"no {folder}/frontend/orrery (check.py) or no {args.cache}/vmlinuz (make-linux)")
    there = [f"qemu-{check.CPUS[args.arch]}", "-L", f"{folder}/sysroot", f"{folder}/frontend/orrery"]
    with tempfile.TemporaryDirectory(prefix="orrery-cross-") as work:
        journal = os.path.join(work, "journal")
        seconds, insns, want = boot([args.orrery], args, ["-record", f"{journal},check={EVERY}"])
        print(f"here: {insns} instructions in {seconds:.0f} s, {insns // EVERY} hashes, the last {want}", flush=True)
        seconds, again, found = boot(there, args, ["-replay", journal, "-accel", check.ACCEL[args.arch]])
    print(f"{args.arch}: {again} instructions in {seconds:.0f} s, the last hash {found}")
    return 0 if (again, found) == (insns, want) else 1


if __name__ == "__main__":
    sys.exit(main())
