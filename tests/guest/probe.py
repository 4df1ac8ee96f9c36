#!/usr/bin/env python3
"""A questioner of firmware: calls its services as a script says, and writes down what came back.

A script (tests/guest/probe/*.probe) is text, a step a line; a # begins a comment:
    # comment
    13 ax=0201 bx=0000 es=2000 cx=0001 dx=0080     INT 13h with these registers, the others zero
    dump 0040:0010 16      memory               poke 0040:0017 00 00     writes it
    in 3da                 a port; in.2, in.4   out 3d4 0e               out.2, out.4 likewise
    fill 2000:0000 200 cc  count and byte       wait 4                   ticks of the timer
    keys e0 48 e0 c8       scan codes, as if from the keyboard
    pointers 0000:0040 4   far pointers: of what lies anywhere in a ROM only the segment
    vga                    the VGA's registers, and a sum of its colours
Numbers are hexadecimal. What a step answered stands behind " | ": the registers that changed, then CF, ZF. A register that
stands before it as "cx=?" is passed as zero and its answer is not looked at. An indented line "seabios | ..." is what
SeaBIOS 1.16 answers on QEMU's PC where that differs, with the reason behind "; ".

"#! args ..." gives the emulator further arguments; "#! boot cd MEDIUM" boots from a disc that xorriso makes, without emulation
(none), with that of a floppy of so many KiB (1200, 1440, 2880) or of a disk; otherwise it is a hard disk. "#! disks ..." adds
empty disks of so many sectors (decimal) instead of the disc, "#! floppies ..." has floppies of so many KiB.

    probe.py orrery EMULATOR FILE...       compares with the answers; -w writes them into the file
    probe.py qemu FILE...                  the same for QEMU with SeaBIOS and the lines of "seabios"
"""
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mini  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe")
REGISTERS = ("ax", "bx", "cx", "dx", "si", "di", "bp", "es", "ds")
SIZES = {"": 1, ".1": 1, ".2": 2, ".4": 4}
WINDOW = 0x2000  # the segment that ES and DS have unless they are said
HEADS, SECTORS = 16, 63
# Offsets in F000 that programs know (IBM AT Technical Reference)
KNOWN = (0xe05b, 0xe2c3, 0xe3fe, 0xe401, 0xe6f2, 0xe6f5, 0xe739, 0xe82e, 0xe987, 0xec59, 0xef57, 0xefc7, 0xefd2, 0xf065, 0xf0a4,
         0xf841, 0xf84d, 0xf859, 0xfa6e, 0xfe6e, 0xfea5, 0xff53, 0xff54)


class Step:
    """A line of a script."""

    def __init__(self, text):
        self.text = text.rstrip()
        words, _, self.answer = (part.strip() for part in text.partition("|"))
        self.words = words.split()
        self.others = {}  # firmware: (answer, reason)
        self.line = "  ".join([words])

    @property
    def kind(self):
        return self.words[0].partition(".")[0]

    def registers(self):
        """Values of REGISTERS, and those that are not looked at."""
        values = dict.fromkeys(REGISTERS, 0)
        values["es"] = values["ds"] = WINDOW
        ignored = set()
        for word in self.words[1:]:
            name, value = word.split("=")
            short = name[1:] if len(name) == 3 else name
            if value == "?":
                ignored.add(short)
            else:
                values[short] = int(value, 16)
        return values, ignored

    def code(self):
        kind, size = self.kind, SIZES.get("." + self.words[0].partition(".")[2], 1)
        if re.fullmatch("[0-9a-f]{2}", kind) and kind != "in":
            values = self.registers()[0]
            return struct.pack("<BB7IHH", 1, int(kind, 16), *(values[r] for r in REGISTERS))
        if kind in ("poke", "dump", "fill", "pointers"):
            segment, offset = (int(n, 16) for n in self.words[1].split(":"))
            if kind == "poke":
                data = bytes.fromhex("".join(self.words[2:]))
                return struct.pack("<BHHH", 2, offset, segment, len(data)) + data
            count = int(self.words[2], 16)
            if kind in ("dump", "pointers"):
                return struct.pack("<BHHH", 3, offset, segment, count * (4 if kind == "pointers" else 1))
            return struct.pack("<BHHHB", 6, offset, segment, count, int(self.words[3], 16))
        if kind == "out":
            return struct.pack("<BBHI", 4, size, int(self.words[1], 16), int(self.words[2], 16))
        if kind == "in":
            return struct.pack("<BBH", 5, size, int(self.words[1], 16))
        if kind == "vga":
            return b"\x09"
        if kind == "wait":
            return struct.pack("<BH", 7, int(self.words[1], 16))
        if kind == "keys":
            codes = bytes.fromhex("".join(self.words[1:]))
            return struct.pack("<BB", 8, len(codes)) + codes
        raise ValueError(f"no such step: {self.text}")

    def answers(self):
        return self.kind not in ("poke", "fill", "out", "wait", "keys")

    def show(self, raw):
        """A line of the debug port in the form of a script."""
        if self.kind == "dump":
            return bytes.fromhex(raw).hex(" ")
        if self.kind == "pointers":
            pairs = struct.iter_unpack("<HH", bytes.fromhex(raw))
            return " ".join(f"{seg:04x}:{'*' if seg >= 0xc000 and off not in KNOWN else f'{off:04x}'}" for off, seg in pairs)
        if self.kind == "vga":
            data, at, out = bytes.fromhex(raw), 0, []
            for name, count in (("misc", 1), ("seq", 5), ("crtc", 25), ("gc", 9), ("attr", 21), ("mask", 1)):
                out.append(f"{name} {data[at:at + count].hex(' ')}")
                at += count
            return ", ".join(out) + f", colours {zlib.crc32(data[at:]):08x}"
        if self.kind == "in":
            return raw[-2 * SIZES.get("." + self.words[0].partition(".")[2], 1):]
        values, ignored = self.registers()
        got = dict(zip(REGISTERS, (int(raw[8 * i:8 * i + 8], 16) for i in range(7))))
        got["es"], got["ds"], flags = (int(raw[56 + 4 * i:60 + 4 * i], 16) for i in range(3))
        out = []
        for name in REGISTERS:
            if got[name] == values[name] or name in ignored:
                continue
            wide = got[name] > 0xffff or values[name] > 0xffff
            out.append(f"e{name}={got[name]:08x}" if wide else f"{name}={got[name]:04x}")
        out += [name for name, bit in (("CF", 1), ("ZF", 0x40)) if flags & bit]
        return " ".join(out) or "-"


class Script:
    def __init__(self, path):
        self.path = path
        self.items = []  # text, or Step
        with open(path) as lines:
            for line in lines:
                line = line.rstrip("\n")
                if line.startswith("  ") and "|" in line:
                    name, rest = (s.strip() for s in line.split("|", 1))
                    answer, _, reason = (s.strip() for s in rest.partition(";"))
                    self.steps[-1].others[name] = (answer, reason)
                elif not line.strip() or line.startswith("#"):
                    self.items.append(line)
                else:
                    self.items.append(Step(line))

    @property
    def steps(self):
        return [s for s in self.items if isinstance(s, Step)]

    def directive(self, name):
        """The words of a comment "#! NAME ..."."""
        return [w for s in self.items if isinstance(s, str) and s.startswith(f"#! {name} ") for w in s.split()[2:]]

    def code(self):
        return mini.assemble("probe", 0x7c00) + b"".join(s.code() for s in self.steps) + b"\0"

    def render(self):
        out = []
        for item in self.items:
            if isinstance(item, str):
                out.append(item)
                continue
            line = " ".join(item.words)
            out.append(f"{line} | {item.answer}" if item.answers() else line)
            for name, (answer, reason) in item.others.items():
                out.append(f"    {name} | {answer}" + (f" ; {reason}" if reason else ""))
        return "\n".join(out) + "\n"


def disk_image(code, cylinders=20):
    """A disk whose one partition ends with it, so that all firmware sees the same geometry."""
    if len(code) > 61 * 512:
        raise ValueError(f"a script makes {len(code)} bytes, and {61 * 512} have room")
    data = bytearray(code.ljust(cylinders * HEADS * SECTORS * 512, b"\0"))
    data[446:462] = struct.pack("<8B2I", 0x80, 1, 1, 0, 6, HEADS - 1, SECTORS, cylinders - 1, SECTORS,
                                (cylinders * HEADS - 1) * SECTORS)
    return bytes(data)


def answers(script, output):
    """What the run wrote, a text for each step that answers."""
    lines = [line[1:] for line in output.split("\n") if line.startswith("@")]
    asked = [s for s in script.steps if s.answers()]
    got = [s.show(line) for s, line in zip(asked, lines)]
    return asked, got + ["(no answer)"] * (len(asked) - len(got))


def boot_disc(folder, code, medium):
    """A disc that xorriso makes, with a file or two beside the image that it boots."""
    tree = os.path.join(folder, "tree")
    os.makedirs(tree, exist_ok=True)
    if medium == "none":
        image, options = code.ljust(64 * 512, b"\0"), ["-no-emul-boot", "-boot-load-size", "64"]
    elif medium == "disk":
        image, options = disk_image(code), ["-hard-disk-boot"]
    else:
        image, options = code.ljust(int(medium) * 1024, b"\0"), []
    for name, data in (("boot.img", image), ("readme", b"a file\n")):
        with open(os.path.join(tree, name), "wb") as f:
            f.write(data)
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", "cd", "-b", "boot.img", *options, "tree"], cwd=folder, check=True,
                   capture_output=True)


def write_images(folder, script):
    """What every run has in its drives: a disk, a floppy, a disc; one of them has the script. Returns the arguments."""
    from test_bios import disc
    medium = script.directive("boot")[1:]
    files = {"disk": disk_image(b"\xcd\x18" if medium else script.code()), "floppy": bytes(range(256)) * 5760}
    if medium:
        boot_disc(folder, script.code(), medium[0])
    else:
        files["cd"] = disc(b"\xcd\x18", 0, 4)
    floppies = script.directive("floppies")
    for n, size in enumerate(floppies):
        files[f"floppy{n}"] = b"".join(i.to_bytes(4, "little") * 128 for i in range(int(size) * 2))
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
    drives = ["-cdrom", "cd"]
    for n, sectors in enumerate(script.directive("disks"), 1):
        with open(os.path.join(folder, f"disk{n}"), "wb") as f:
            f.truncate(int(sectors) * 512)
        drives = [*(drives if n > 1 else []), "-drive", f"file=disk{n},if=ide,index={n},format=raw"]
    for n, name in enumerate([f"floppy{n}" for n in range(len(floppies))] or ["floppy"]):
        drives += ["-drive", f"file={name},if=floppy,index={n},format=raw"]
    return ["-m", "32", "-drive", "file=disk,if=ide,index=0,format=raw", *drives, "-boot", "d" if medium else "c", "-debugcon", "file:out", "-rtc", "base=2026-03-04T05:06:07",
            *mini.EXIT, *script.directive("args")]


def run(command, folder, script):
    """A run with the images that write_images() has left there, which it does not change."""
    done = subprocess.run([*command, "-snapshot"], cwd=folder, capture_output=True, timeout=120)
    with open(os.path.join(folder, "out"), errors="replace") as f:
        return done, answers(script, f.read())


def main():
    args = sys.argv[1:]
    write = "-w" in args
    args = [a for a in args if a != "-w"]
    which = args.pop(0)
    command = ["qemu-system-i386", "-display", "none", "-nic", "none", "-no-reboot"] if which == "qemu" else \
        [os.path.abspath(args.pop(0)), "-display", "none", "-nic", "none", "-no-reboot"]
    failed = 0
    for path in args or sorted(os.path.join(FOLDER, n) for n in os.listdir(FOLDER)):
        script = Script(path)
        with tempfile.TemporaryDirectory() as folder:
            _, (asked, got) = run([*command, *write_images(folder, script)], folder, script)
        for step, answer in zip(asked, got):
            known = step.others.get("seabios", (step.answer, ""))
            want = known[0] if which == "qemu" else step.answer
            if answer == want or want == "*":
                continue
            failed += 1
            print(f"{os.path.basename(path)}: {' '.join(step.words)}\n    want {want}\n    got  {answer}")
            if which != "qemu":
                step.answer = answer
            elif answer == step.answer:
                del step.others["seabios"]
            else:
                step.others["seabios"] = (answer, known[1])
        if write:
            with open(path, "w") as f:
                f.write(script.render())
    print(f"{failed} answers differ")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
