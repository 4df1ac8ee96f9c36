#!/usr/bin/env python3
"""Traces: the same on every back end, what orrery-trace makes of them, and that "who" agrees with them.
TRACE_WHO=N asks N times on each back end, and N / 20 times in Linux; CHROMIUM names the browser for the page."""
import collections
import json
import os
import random
import re
import shutil
import subprocess
import time
import unittest

import common
import mini
import qmpclient

TOOL = os.path.join(os.path.dirname(common.ORRERY), "orrery-trace")


def tool(*args, status=0):
    done = subprocess.run([TOOL, *args], capture_output=True, text=True, timeout=120)
    if done.returncode != status:
        raise AssertionError(f"orrery-trace {args}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
    return done.stdout


class Traced(common.GuestTest):
    started = None

    def start(self):
        """The tick of a kernel's first instruction: firmware takes the same time for all."""
        if not Traced.started:
            kernel = self.write("kernel", mini.kernel("halt"))
            self.orrery("-m", "32", "-kernel", kernel, "-display", "none", "-trace",
                        f"start,what=insn,pc={mini.ENTRY:#x}-{mini.ENTRY:#x}", timeout=60)
            Traced.started = int(tool("print", self.path("start"), "--kind", "insn", "--limit", "1").split()[0])
        return Traced.started

    def same(self, one, other):
        """Long texts: only the first line that differs is told."""
        if one == other:
            return
        pairs = list(zip(one.splitlines(), other.splitlines()))
        self.fail(next((f"{a!r} is not {b!r}" for a, b in pairs if a != b), f"one ends after {len(pairs)} lines"))

    def trace(self, name, accel, options="", *args, file="trace"):
        if "from=" not in options:
            options += f",from={self.start()}"
        kernel = self.write("kernel", mini.kernel(name))
        result = self.orrery("-m", "32", "-kernel", kernel, "-accel", accel, "-display", "none", "-statehash",
                             "-trace", file + options, *mini.EXIT, *args, timeout=60)
        return self.path(file), result


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Files(Traced):
    def test_same_everywhere(self):
        """Byte for byte on both back ends; and the guest does not notice."""
        for name in ("paging", "strings", "smm", "vme", "rings", "debug", "real", "long"):
            with self.subTest(guest=name):
                files, hashes = set(), set()
                for accel in common.BACKENDS:
                    file, result = self.trace(name, accel)
                    files.add(self.read(file))
                    hashes.add(result.state_hash)
                kernel = self.path("kernel")
                plain = self.orrery("-m", "32", "-kernel", kernel, "-display", "none", "-statehash", *mini.EXIT)
                self.assertEqual(hashes, {plain.state_hash})
                self.assertEqual(len(files), 1)
                self.assertGreater(len(files.pop()), 1000)

    def test_full_speed(self):
        """Without instructions and memory nothing is stepped, and the same is told."""
        files = set()
        for accel in common.BACKENDS:
            file, _ = self.trace("who", accel, ",what=int+io+dma")
            files.add(self.read(file))
        self.assertEqual(len(files), 1)
        text = tool("print", file, "--kind", "int,port,dma")
        for line in ("interrupt 0x20", "exception 0x06", "port 0043 <- 34", "i8237 writes 1 at (00205000): "):
            self.assertTrue(line in text, line)
        whole, _ = self.trace("who", "jit", file="whole")
        for kind in ("int", "port", "dma"):
            self.same(tool("print", file, "--kind", kind), tool("print", whole, "--kind", kind))

    def test_filters(self):
        whole, _ = self.trace("rings", "jit", file="whole")
        first, last = str(self.start() + 1000), str(self.start() + 1200)
        part, _ = self.trace("rings", "jit", f",from={first},to={last},screen=0", file="part")
        lines = tool("print", whole, "--from", first, "--to", last, "--kind", "insn,mem,port,int,regs")
        self.same(tool("print", part, "--kind", "insn,mem,port,int,regs"), lines)
        self.assertTrue(f" {first}  " in lines)
        some, _ = self.trace("rings", "jit", ",addr=0x8ff00-0x8ffff,pc=0x1000c0-0x100100", file="some")
        wanted = tool("print", whole, "--kind", "insn,mem", "--addr", "0x8ff00-0x8ffff", "--pc", "0x1000c0-0x100100")
        self.same(tool("print", some, "--kind", "insn,mem"), wanted)
        for bad in (",from=x", ",what=nothing", ",addr=5-3", ",colour=red", ",from"):
            result = self.orrery("-display", "none", "-trace", "bad" + bad)
            self.assertEqual(result.status, 1, str(result))
            self.assertEqual(result.err.count(b"\n"), 1, str(result))

    def test_diff(self):
        one, _ = self.trace("rings", "jit", file="one")
        self.assertEqual(tool("diff", one, one), "")
        other, _ = self.trace("rings", "jit", "", "-cpu", "pentium3", file="other")
        late, _ = self.trace("rings", "jit", f",to={self.start() + 900}", file="late")
        text = tool("diff", one, late, "--context", "2", status=2)
        self.assertIn("the end of", text)
        self.assertIn("- ", text)
        self.assertLess(len(text.splitlines()), 12)

    def test_damage(self):
        """A file that was cut off can be read up to there; one that was changed is refused."""
        file, _ = self.trace("x87", "jit", f",to={self.start() + 400000}")
        data = self.read(file)
        whole = tool("info", file)
        self.assertNotIn("without an index", whole)
        cut = self.write("cut", data[:len(data) // 2])
        self.assertIn("without an index", tool("info", cut))
        bad = self.write("bad", data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1:])
        done = subprocess.run([TOOL, "info", bad], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is damaged", done.stderr)
        done = subprocess.run([TOOL, "print", common.__file__], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Page(Traced):
    @unittest.skipUnless(os.environ.get("CHROMIUM") or shutil.which("chromium"), "no chromium")
    def test_in_browser(self):
        """What the page shows at a tick is what print says."""
        browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
        for guest, ticks in (("rings", (100, 1501, 6003)), ("long", (7003, 9011))):  # 64-bit code
            file, _ = self.trace(guest, "jit")
            page = self.path("page.html")
            tool("html", file, "-o", page, "--from", str(self.start() + ticks[0]))
            self.assertNotRegex(self.read("page.html"), rb"(?:src|href)\s*=\s*[\"']?https?:")
            self.look(browser, file, page, [self.start() + tick for tick in ticks])

    def look(self, browser, file, page, ticks):
        for tick in ticks:
            with self.subTest(tick=tick):
                done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu",
                                       f"--user-data-dir={self.path('profile')}", "--dump-dom",
                                       f"file://{page}#tick={tick}"], capture_output=True, text=True, timeout=120)
                dom = done.stdout
                now = re.search(r'id="now">([^<]*)<', dom).group(1).split()
                line = tool("print", file, "--from", str(tick), "--kind", "insn", "--limit", "1").split()
                self.assertEqual(now, line)
                registers = {"eax": 0}
                for text in tool("print", file, "--to", str(tick), "--kind", "regs,sync").splitlines():
                    for name, value in re.findall(r"(\w+) [0-9a-f]+ -> ([0-9a-f]+)", text):
                        registers[re.sub(r"^r(?=[a-ds][xpi]$|bp$|di$|flags$)", "e", name)] = int(value, 16)
                for name in ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eflags", "cs", "cr0"):
                    shown = re.search(rf'id="reg-{name}"[^>]*>([0-9a-f]+)<', dom).group(1)
                    self.assertEqual(int(shown, 16), registers.get(name, 0), name)
                self.assertIn("<pre>", dom)  # the screen


class Writer(collections.namedtuple("Writer", "tick kind before after")):
    pass


def writers(file):
    """By physical address of a byte: its last writer in a trace."""
    last = {}
    kind = "instruction"
    tick = 0
    for line in tool("print", file, "--kind", "insn,int,mem,walk,phys,dma").splitlines():
        if line[:14].strip():
            tick = int(line[:12])
            what = line[14:]
            if re.match(r"[0-9a-f]{4}:[0-9a-f]{8} ", what):
                kind = "instruction"
            elif re.match(r"SMI", what):
                kind = "smm"
            elif re.match(r"interrupt|exception|instruction's", what):
                kind = "interrupt"
        found = re.search(r"writes (\d+) at .*?\(([0-9a-f]+)\): (.*) -> (.*)$", line)
        if not found or found.group(3).endswith("...") or found.group(4).endswith("..."):
            continue
        size, at = int(found.group(1)), int(found.group(2), 16)
        by = "page-walk" if "page walk" in line else "smm" if "SMM" in line else "dma" if line[:14].strip() else kind
        old, new = (bytes.fromhex(v[2:])[::-1] if v.startswith("0x") else bytes.fromhex(v.replace(" ", ""))
                    for v in (found.group(3), found.group(4)))
        for i in range(size):
            last[at + i] = Writer(tick, by, old[i], new[i])
    return last


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Who(Traced):
    count = int(os.environ.get("TRACE_WHO", "500"))

    def compare(self, m, last, count, seed):
        """Asks for bytes whose last writers are known, of all kinds alike."""
        draw = random.Random(seed)
        by_kind = collections.defaultdict(list)
        for at, w in sorted(last.items()):
            by_kind[w.kind].append(at)
        for _ in range(count):
            at = draw.choice(by_kind[draw.choice(sorted(by_kind))])
            answer = json.loads(m.qmp.hmp(f"who --json phys /b {at:#x}"))
            with self.subTest(at=hex(at), answer=answer):
                self.assertEqual(Writer(answer["tick"], answer["writer"], answer["before"], answer["after"]), last[at])

    def ask(self, accel, count, seed):
        start = self.start() - 400000  # firmware's waiting has fewer ticks where there is a monitor
        self.write("kernel", mini.kernel("who"))
        m = qmpclient.Machine(self, "-m", "32", "-kernel", "kernel", "-accel", accel, "-history", "64", "-trace",
                              f"trace,screen=0,from={start}", "-debugcon", "file:out", "-net", "none")
        end = time.monotonic() + 60
        while not re.search(r"EFL=00000[0145].*(?s:HLT=1.*CS =0010)", m.qmp.hmp("info registers")):  # interrupts off
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        m.qmp.hmp("stop")
        m.qmp.hmp("trace off")
        before = m.qmp.hmp("info registers")
        last = writers(self.path("trace"))
        self.assertEqual({w.kind for w in last.values()}, {"instruction", "interrupt", "page-walk", "dma"})
        self.compare(m, last, count, seed)
        self.assertEqual(m.qmp.hmp("info registers"), before)
        return m

    def test_linux(self):
        """A piece of a boot: what was written in the trace was written last there."""
        m = qmpclient.Machine(self, *[a for a in self.linux() if a != "-nographic"], "-history", "256",
                              "-serial", "file:out", "-cpu", "orrery32")  # the kernel misses its event counters, and says so
        m.wait_for("out", "perfctr")
        m.qmp.hmp("stop")
        last = {}
        while len(last) < 1000: # the guest need not have come far in a moment
            self.assertEqual(m.qmp.hmp("trace on trace,what=insn+mem+int+dma"), "")
            m.qmp.hmp("cont")
            time.sleep(0.01)
            m.qmp.hmp("stop")
            self.assertEqual(m.qmp.hmp("trace off"), "")
            last = writers(self.path("trace"))
        before = m.qmp.hmp("info registers")
        self.compare(m, last, max(self.count // 20, 1), 1)
        self.assertEqual(m.qmp.hmp("info registers"), before)

    def test_memory(self):
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                self.ask(accel, self.count, accel)

    def test_words(self):
        m = self.ask("jit", 1, 0)
        self.assertRegex(m.qmp.hmp("who 0x204000"),
                         r"an instruction at tick \d+: 0x[0-9a-f]+ -> 0x[0-9a-f]+\n  0010:[0-9a-f]{8}  inc dword ptr")
        self.assertRegex(m.qmp.hmp("who phys /b 0x205000"), r"DMA of i8237 at tick")
        self.assertRegex(m.qmp.hmp("who phys 0x301800"), r"nobody|an instruction|the page walk")
        self.assertRegex(m.qmp.hmp("who ecx"), r"an instruction at tick \d+: 0x1 -> 0\n  0010:[0-9a-f]{8}  dec ecx")
        self.assertRegex(m.qmp.hmp("who cr0"), r"0x11 -> 0x80000011\n  0010:[0-9a-f]{8}  mov cr0, eax")
        self.assertIn("no such register", m.qmp.hmp("who eip"))
        self.assertIn("no memory", m.qmp.hmp("who phys 0xfee00000"))


if __name__ == "__main__":
    common.main()
