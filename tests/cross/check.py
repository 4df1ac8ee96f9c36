#!/usr/bin/env python3
"""check.py ARCH ORRERY: builds for ARCH (arm64, riscv64) with Debian's cross compiler into build-ARCH and runs under
qemu-user: unit tests of the CPU, the back ends and the memory, the oracle's recorded results of an x86 processor, its 64-bit trials, captured
traces if they are there, and miniature guests, whose state at the end must be that of ORRERY, the same version on this host.
On Arm also with host pages of 16 and 64 KiB. Exit status 77: a tool or the libraries are missing."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CPUS = {"arm64": "aarch64", "riscv64": "riscv64"}
ACCEL = {"arm64": "jit", "riscv64": "interp"}
UNIT = ["test_a64_encode", "test_decode", "test_excp", "test_flags", "test_interp", "test_ir", "test_lift",
        "test_lift_string", "test_lift64", "test_mem", "test_mmu", "test_native", "test_native64", "test_native_vec64",
        "test_opt", "test_phys", "test_seg", "test_sem_ext", "test_sem_vec", "test_sem_vec64", "test_sem_x87",
        "test_smc", "test_softfp80", "test_system", "test_vec", "test_x87_ops"]
GUESTS = ["apic", "arpl", "debug", "hello", "icebp", "limits", "long", "paging", "ports", "real", "rings", "smc", "smm",
          "step", "strings", "timer", "triple", "vectors", "vme", "watch", "windows", "x87"]
PAGES = {"arm64": ["16384", "65536"], "riscv64": []}  # of the host, besides 4096
PAGED = ["hello", "long", "paging", "smc", "vectors"]  # guests that run with each of them
TRACES = os.environ.get("ORRERY_TRACES", os.path.join(ROOT, "..", "shared", "traces"))
TIMEOUT = 60  # seconds for each program, but for those with many trials:
LONG_TIMEOUT = 600


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def build(arch):
    """The build folder, or no return."""
    folder = f"build-{arch}"
    sysroot = os.path.join(ROOT, folder, "sysroot")
    for tool in (f"{CPUS[arch]}-linux-gnu-gcc", f"qemu-{CPUS[arch]}", "meson", "apt-get"):
        if not shutil.which(tool):
            skip(f"no {tool}")
    os.makedirs(sysroot, exist_ok=True)
    if subprocess.run(["tests/cross/make-sysroot", arch, sysroot], cwd=ROOT).returncode:
        skip(f"no libraries for {arch}")
    if not os.path.exists(os.path.join(ROOT, folder, "build.ninja")):
        subprocess.run(["meson", "setup", folder, "--cross-file", f"{sysroot}/cross.ini", "--cross-file",
                        f"tests/cross/{arch}.ini", "-Dwerror=true", "-Dtests=enabled"], cwd=ROOT, check=True)
    subprocess.run(["ninja", "-C", folder, "frontend/orrery", "tests/oracle", "tests/oracle64", "tests/run-traces", *(f"tests/{name}" for name in UNIT)], cwd=ROOT, check=True)
    return os.path.join(ROOT, folder)


def run(command, folder, env=None, timeout=TIMEOUT):
    """(status, output, errors); a status of None: out of time."""
    try:
        done = subprocess.run(command, cwd=folder, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return None, b"", b"out of time"
    return done.returncode, done.stdout, done.stderr


def guest(command, name, want, accel):
    """Exit status, debug output and state hash of a miniature guest."""
    import mini
    with tempfile.TemporaryDirectory(prefix="orrery-cross-") as work:
        with open(os.path.join(work, "kernel"), "wb") as f:
            f.write(mini.kernel(name))
        status, _, errors = run([*command, "-m", "32", "-kernel", "kernel", "-accel", ",cache-size=".join(
            [accel] + want["cache"]), "-debugcon", "file:out", "-statehash", *mini.EXIT,
            *shlex.split(" ".join(want["args"]))], work)
        found = re.search(rb"^state hash: ([0-9a-f]{16})$", errors, re.M)
        with open(os.path.join(work, "out"), "rb") as f:
            return status, f.read(), found.group(1) if found else errors


def main():
    arch, orrery = sys.argv[1], os.path.abspath(sys.argv[2])
    folder = build(arch)
    emulate = [f"qemu-{CPUS[arch]}", "-L", f"{folder}/sysroot"]
    sys.argv = [sys.argv[0]]
    sys.path.insert(0, os.path.join(ROOT, "tests", "guest"))
    sys.dont_write_bytecode = True
    import mini
    import test_mini
    failed = []
    for name in UNIT:
        status, out, errors = run([*emulate, f"tests/{name}"] + (["300"] if name == "test_x87_ops" else []), folder,
                                  {"NATIVE_COUNT": "1500"})
        if status not in (0, 77):
            failed.append(f"{name}: {status}\n{(out + errors).decode(errors='replace')[-2000:]}")
    for command in (["tests/oracle", "--recorded", f"{ROOT}/tests/oracle/recorded.gz"],
                    ["tests/oracle64", "--trials", "100000"],
                    ["tests/run-traces", "--default", TRACES]):
        status, out, errors = run([*emulate, *command], folder, timeout=LONG_TIMEOUT)
        print(out.decode(errors="replace"), end="")
        if status not in (0, 77):
            failed.append(f"{command[0]}: {status}\n{errors.decode(errors='replace')[-2000:]}")
    guests = GUESTS if mini.tools() else []
    for name in guests:
        want = test_mini.expectations(name)
        here = guest([orrery], name, want, "jit")
        for page in ["4096"] + (PAGES[arch] if name in PAGED else []):
            there = guest([*emulate, "-p", page, f"{folder}/frontend/orrery"], name, want, ACCEL[arch])
            if here != there:
                failed.append(f"guest {name}: {here} here, {there} there with pages of {page} bytes")
    print(*failed, f"{arch}: {len(UNIT)} unit tests, {len(guests)} guests, {len(failed)} failed", sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
