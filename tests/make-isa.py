#!/usr/bin/env python3
"""Makes docs/isa.md: every instruction form, how it is translated, and the evidence that it is right.

  tests/make-isa.py ORACLE            writes docs/isa.md
  tests/make-isa.py ORACLE --check    exit status 1 unless docs/isa.md is what would be written
  tests/make-isa.py ORACLE --traces DIR   counts the captured traces in DIR first, into tests/oracle/traces.tsv

The forms come from `ORACLE --forms`, the trials from tests/oracle/coverage.tsv (`ORACLE --coverage FILE` adds to it) and
tests/oracle/traces.tsv, the section on third-party suites from docs/isa-suites.md, written by hand."""
import collections
import glob
import gzip
import os
import re
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs/isa.md")
COVERAGE = os.path.join(ROOT, "tests/oracle/coverage.tsv")
TRACES = os.path.join(ROOT, "tests/oracle/traces.tsv")
SUITES = os.path.join(ROOT, "docs/isa-suites.md")
SINCE = {"P5": "Pentium", "P6": "Pentium Pro", "FPU": "x87", "SEP": "SYSENTER", "SSE41": "SSE4.1", "SSE42": "SSE4.2",
         "MMXEXT": "MMX extensions", "3DNOW": "3DNow!", "3DNOWEXT": "3DNow! extensions", "LM": "64-bit mode", "CX16": "CMPXCHG16B",
         "LAHF64": "LAHF in 64-bit mode"}

Form = collections.namedtuple("Form", "encoding name isa how privileged skip")


def isa_names():
    """The members of enum isa, in order."""
    with open(os.path.join(ROOT, "cpu/insn.h")) as f:
        body = re.search(r"enum isa \{(.*?)\};", f.read(), re.S)[1]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    names, value, values = {}, 0, {}
    for item in filter(None, (i.strip() for i in body.split(","))):
        name, _, given = (part.strip() for part in item.partition("="))
        if given:
            value = values.get(given, int(given, 0) if given.isdigit() else value)
        values[name] = value
        if name != "ISA_GENERATIONS":  # only counts
            names.setdefault(value, name.removeprefix("ISA_"))
        value += 1
    return names


def read_forms(oracle):
    names = isa_names()
    out = subprocess.run([oracle, "--forms"], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        encoding, name, isa, how, privileged, skip = line.split("\t")
        isa = names.get(int(isa), isa)
        yield Form(encoding, name, SINCE.get(isa, isa), how, privileged, skip)


def read_counts(path):
    counts = collections.Counter()
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                encoding, name, trials = line.rstrip("\n").split("\t")
                counts[encoding, name] += int(trials)
    return counts


def chunks(data, at, end):
    while at + 8 <= end:
        tag, size = data[at:at + 4], struct.unpack_from("<I", data, at + 4)[0]
        yield tag, at + 8, at + 8 + size
        at += 8 + size


def trace_instructions(path):
    """The bytes of each test's instruction, prefixes skipped."""
    with gzip.open(path) as f:
        data = f.read()
    for tag, at, end in chunks(data, 0, len(data)):
        if tag != b"TEST":
            continue
        for inner, a, _ in chunks(data, at + 4, end):
            if inner == b"BYTS":
                size = struct.unpack_from("<I", data, a)[0]
                yield data[a + 4:a + 4 + size].lstrip(b"\x26\x2e\x36\x3e\xf0\xf2\xf3")


def count_traces(forms, folder):
    """By one-byte opcode, and the reg field where forms have one."""
    by_opcode = {}
    for f in forms:
        m = re.match(r"([0-9A-F]{2})(\+r)?(?: /(\d))?(?: |$)", f.encoding)
        if not m or f.encoding.startswith("0F") or f.isa == "x87":
            continue
        for k in range(8 if m[2] else 1):
            by_opcode[int(m[1], 16) + k, m[3] and int(m[3])] = f
    counts = collections.Counter()
    for path in glob.glob(os.path.join(folder, "*.MOO.gz")):
        for code in trace_instructions(path):
            f = by_opcode.get((code[0], None)) or by_opcode.get((code[0], code[1] >> 3 & 7))
            if f:
                counts[f.encoding, f.name] += 1
    with open(TRACES, "w") as out:
        for f in forms:
            if counts[f.encoding, f.name]:
                out.write(f"{f.encoding}\t{f.name}\t{counts[f.encoding, f.name]}\n")


def thousands(n):
    return f"{n:,}" if n else ""


def result(form, trials, traces):
    if form.privileged and not traces and trials:
        return "no mismatch (its fault in user mode)"
    if trials or traces:
        return "no mismatch"
    return "no evidence" + (f": {form.skip}" if form.skip else "")


def page(forms):
    trials, traces = read_counts(COVERAGE), read_counts(TRACES)
    keys = [(f.encoding, f.name) for f in forms]
    bare = sum(not trials[k] and not traces[k] for k in keys)
    lines = [
        "# Instruction set", "",
        "<!-- made by tests/make-isa.py: do not edit -->", "",
        f"{len(forms):,} forms: the rows of `cpu/insn.def` and `cpu/vec.def`, those of the x87 taken apart by ModRM. "
        f"{bare} have no evidence here; unit tests and guests exercise them all the same.", "",
        "- **Since**: the first generation of processors, or the extension, that has the form.",
        "- **How**: `lifted` to IR as a whole, or IR with a call of a `helper` in C.",
        "- **Oracle**: trials on the hardware oracle (`tests/oracle`), alone or in sequences: a processor of the host "
        "and both back ends end in the same state, faults included.",
        "- **Traces**: instructions captured on a real 80286 (SingleStepTests).", "",
        "What the oracle does not compare is in `tests/oracle/undefined.def`, with the manual's words; what it does not "
        "run in `tests/oracle/skip.def`.", "",
        "| Instruction | Encoding | Since | How | Oracle | Traces | Result |",
        "|---|---|---|---|--:|--:|---|",
    ]
    for f, k in zip(forms, keys):
        lines.append(f"| {f.name.upper()} | {f.encoding} | {f.isa} | {f.how} | {thousands(trials[k])} | "
                     f"{thousands(traces[k])} | {result(f, trials[k], traces[k])} |")
    lines += ["", "## Third-party suites", ""]
    if os.path.exists(SUITES):
        with open(SUITES) as s:
            lines.append(s.read().rstrip("\n"))
    return "\n".join(lines) + "\n"


def main():
    oracle, options = sys.argv[1], sys.argv[2:]
    forms = list(read_forms(oracle))
    if options[:1] == ["--traces"]:
        count_traces(forms, options[1])
    text = page(forms)
    if options == ["--check"]:
        with open(PAGE) as f:
            same = f.read() == text
        print("isa.md:", f"{len(forms)} forms" if same else "is not what tests/make-isa.py makes of the tables: run it")
        return 0 if same else 1
    with open(PAGE, "w") as f:
        f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
