#!/usr/bin/env python3
"""The VGA BIOS, called by guests that are a system BIOS of their own (mini/realmode.inc): what INT 10h answers, and
what the screen then shows, on every back end."""
import os
import struct
import subprocess
import unittest

import common
import mini
from test_vga import ppm

# INT 10h AH=00h: mode, columns, rows, character height, picture, screen dots of a pixel, colours; text: 0 colours
MODES = [
    (0x00, 40, 25, 16, (720, 400), (2, 1), 0), (0x01, 40, 25, 16, (720, 400), (2, 1), 0),
    (0x02, 80, 25, 16, (720, 400), (1, 1), 0), (0x03, 80, 25, 16, (720, 400), (1, 1), 0),
    (0x04, 40, 25, 8, (640, 400), (2, 2), 4), (0x05, 40, 25, 8, (640, 400), (2, 2), 4),
    (0x06, 80, 25, 8, (640, 400), (1, 2), 2), (0x07, 80, 25, 16, (720, 400), (1, 1), 0),
    (0x0d, 40, 25, 8, (640, 400), (2, 2), 16), (0x0e, 80, 25, 8, (640, 400), (1, 2), 16),
    (0x0f, 80, 25, 14, (640, 350), (1, 1), 2), (0x10, 80, 25, 14, (640, 350), (1, 1), 16),
    (0x11, 80, 30, 16, (640, 480), (1, 1), 2), (0x12, 80, 30, 16, (640, 480), (1, 1), 16),
    (0x13, 40, 25, 8, (640, 400), (2, 2), 256),
]
# VBE: mode, width, height, bits
VBE_MODES = [
    (0x100, 640, 400, 8), (0x101, 640, 480, 8), (0x102, 800, 600, 4), (0x103, 800, 600, 8), (0x105, 1024, 768, 8),
    (0x107, 1280, 1024, 8), (0x10d, 320, 200, 15), (0x10e, 320, 200, 16), (0x10f, 320, 200, 24), (0x111, 640, 480, 16),
    (0x115, 800, 600, 24), (0x118, 1024, 768, 24), (0x11b, 1280, 1024, 24), (0x11c, 1600, 1200, 8),
    (0x140, 320, 200, 32), (0x144, 1024, 768, 32), (0x192, 1920, 1080, 32), (0x18c, 2560, 1600, 32),
]

EGA = [0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
       0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff]


def interrupt(ax, bx=0, cx=0, dx=0):
    return f"int10 {ax:#x}, {bx:#x}, {cx:#x}, {dx:#x}\n"


def type_text(text, colour=7):
    return "".join(interrupt(0x0e00 | ord(c), colour) for c in text)


def show(*registers):
    return "".join(f"movw %{r}, %ax\ncall put_word\n" for r in registers)


class Screen:
    def __init__(self, data):
        self.width, self.height, self.pixels = ppm(data)

    def dot(self, x, y):
        at = (y * self.width + x) * 3
        return int.from_bytes(self.pixels[at:at + 3], "big")


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class VgaBios(common.GuestTest):
    maxDiff = None

    def assemble(self, source):
        assembler, linker = mini.tools()
        self.write("t.s", f'.include "realmode.inc"\n{source}\nends\n'.encode())
        for command in ([assembler, "--32", "-I", mini.SOURCES, "-o", "t.o", "t.s"],
                        [linker, "-m", "elf_i386", "-N", "-Ttext", "0", "-e", "_start", "--oformat", "binary", "-o",
                         "t.bin", "t.o"]):
            done = subprocess.run(command, cwd=self.dir, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def boot(self, source, accel="jit"):
        """What the guest wrote to the debug port, the screen, the state's hash."""
        self.assemble(source if "test:" in source else f"test:\n{source}\nexit 0")
        result = self.orrery("-m", "16", "-bios", "t.bin", "-accel", accel, "-debugcon", "file:out", "-statehash",
                             "-screendump", "a.ppm", *mini.EXIT, timeout=60)
        self.assertEqual(result.status, 1, str(result))
        return self.read("out"), Screen(self.read("a.ppm")), result.state_hash

    def both(self, source):
        """boot() on every back end, which must agree."""
        runs = [self.boot(source, accel) for accel in common.BACKENDS]
        for run in runs[1:]:
            self.assertEqual((run[0], run[1].pixels, run[2]), (runs[0][0], runs[0][1].pixels, runs[0][2]))
        return runs[0][0], runs[0][1]

    def words(self, source):
        """The words that the guest has written in hexadecimal."""
        return [int(w, 16) for w in self.both(source)[0].decode().split()]

    _fonts = {}

    @staticmethod
    def hidden():
        """The cursor away from what is looked at."""
        return interrupt(0x0100, 0, 0x2000)

    def font(self, height):
        """The ROM's font, as AH=11h AL=30h shows it."""
        if height not in self._fonts:
            which = {8: 3, 14: 2, 16: 6}[height]
            out = self.boot(interrupt(0x1130, which << 8) + f"""
                pushw %es
                popw %ds
                movw %bp, %si
                movw ${256 * height}, %cx
                movw $0xe9, %dx
                rep outsb""")[0]
            self.assertEqual(len(out), 256 * height)
            self._fonts[height] = [out[i:i + height] for i in range(0, len(out), height)]
        return self._fonts[height]

    def assert_char(self, screen, char, column, row, height, scale=(1, 1), cell=8, colours=None):
        """The character's shape stands there, in two colours if they are given."""
        sx, sy = scale
        glyph = self.font(height)[ord(char)]
        front = back = None
        for y, bits in enumerate(glyph):
            for x in range(8):
                for dy in range(sy):
                    for dx in range(sx):
                        got = screen.dot((column * cell + x) * sx + dx, (row * height + y) * sy + dy)
                        if bits >> (7 - x) & 1:
                            front = got if front is None else front
                            self.assertEqual(got, front, f"{char!r} at {x}, {y}")
                        else:
                            back = got if back is None else back
                            self.assertEqual(got, back, f"{char!r} at {x}, {y}")
        self.assertNotEqual(front, back)
        if colours:
            self.assertEqual((front, back), colours)

    # -- modes --

    def test_modes(self):
        for mode, columns, rows, height, size, scale, colours in MODES:
            with self.subTest(mode=hex(mode)):
                colour = 1 if colours == 2 else 3 if colours == 4 else 10
                out, screen = self.both(
                    interrupt(mode) + show("ax") +
                    interrupt(0x0f00) + show("ax", "bx") +
                    interrupt(0x0200, 0, 0, 0x0203) + interrupt(0x0900 | ord("R"), colour, 2) +
                    interrupt(0x0800) + show("ax") +
                    type_text("\r\nW") + interrupt(0x0300) + show("dx") +
                    (interrupt(0x0c00 | colour, 0, 5, 7) + interrupt(0x0d00, 0, 5, 7) + show("ax") if colours else "") +
                    (interrupt(0x0c80 | 1, 0, 5, 7) + interrupt(0x0d00, 0, 5, 7) + show("ax")
                     if colours and colours < 256 else ""))
                words = [int(w, 16) for w in out.decode().split()]
                self.assertEqual(words[0], 0x3f if mode == 6 else 0x20 if mode > 7 else 0x30)
                self.assertEqual(words[1:3], [columns << 8 | mode, 0])
                self.assertEqual(words[3], ord("R") | (0 if colours else colour << 8))
                self.assertEqual(words[4], 0x0301)
                if colours:
                    self.assertEqual(words[5] & 0xff, colour)
                if colours and colours < 256:
                    self.assertEqual(words[6] & 0xff, colour ^ 1)
                self.assertEqual((screen.width, screen.height), size)
                cell = 8 if colours else 9
                self.assert_char(screen, "R", 3, 2, height, scale, cell)
                self.assert_char(screen, "R", 4, 2, height, scale, cell)
                self.assert_char(screen, "W", 0, 3, height, scale, cell)
                if colours >= 16:
                    want = {16: EGA[colour], 256: EGA[colour]}[colours]
                    self.assert_char(screen, "R", 3, 2, height, scale, cell, (want, 0))
                    if colours == 256:
                        self.assertEqual(screen.dot(5 * 2, 7 * 2), want)

    def test_scroll(self):
        """A window of the screen, up and down, in text and every kind of graphics."""
        for mode, scale, height, cell in ((0x03, (1, 1), 16, 9), (0x04, (2, 2), 8, 8), (0x06, (1, 2), 8, 8),
                                          (0x0d, (2, 2), 8, 8), (0x12, (1, 1), 16, 8), (0x13, (2, 2), 8, 8)):
            with self.subTest(mode=hex(mode)):
                source = interrupt(mode) + self.hidden()
                for row, text in enumerate("abcdef"):
                    source += interrupt(0x0200, 0, 0, row << 8) + interrupt(0x0900 | ord(text), 7, 6)
                source += interrupt(0x0602, 0x0100, 0x0102, 0x0403)  # rows 1 to 4, columns 2 and 3, by 2
                source += interrupt(0x0701, 0x0100, 0x0004, 0x0304)
                screen = self.both(source)[1]
                want = {0: "aaaa a", 1: "bbddab", 2: "cceebc", 3: "dd  cd", 4: "ee  ee", 5: "ffffff"}
                for row, line in want.items():
                    for column, char in enumerate(line):
                        if char != " ":
                            self.assert_char(screen, char, column, row, height, scale, cell)
                if mode >= 0x0d:  # the new lines have the colour that was asked for
                    self.assertEqual(screen.dot(2 * 8 * scale[0], 3 * height * scale[1]), EGA[1])
                    self.assertEqual(screen.dot(4 * 8 * scale[0], 0), EGA[1])

    def test_clear(self):
        """AL bit 7 keeps the memory, AL = 0 of AH=06h clears."""
        screen = self.both(interrupt(0x12) + type_text("X") + interrupt(0x92))[1]
        self.assert_char(screen, "X", 0, 0, 16)
        words = self.words(interrupt(3) + type_text("X") + interrupt(0x83) + interrupt(0x0f00) + show("ax") +
                           interrupt(0x0800) + show("ax") + interrupt(0x0600, 0x1e00, 0, 0x184f) +
                           interrupt(0x0800) + show("ax"))
        self.assertEqual(words, [0x5083, 0x0758, 0x1e20])

    # -- text --

    def test_teletype(self):
        """The cursor's way, and lines that leave at the top."""
        source = interrupt(3) + type_text("ab\bc\r\n\nd") + interrupt(0x0300) + show("cx", "dx")
        source += interrupt(0x0200, 0, 0, 0x184e) + type_text("xyz") + interrupt(0x0300) + show("dx")
        source += interrupt(0x0200, 0, 0, 0x0100) + interrupt(0x0800) + show("ax")
        self.assertEqual(self.words(source), [0x0607, 0x0201, 0x1801, 0x0764])

    def test_string(self):
        source = """
test:   movw $0x1301, %ax
        movw $0x001e, %bx
        movw $3, %cx
        movw $0x0210, %dx
        pushw $0xf000
        popw %es
        movw $text, %bp
        int $0x10
        movw $0x1302, %ax
        movw $2, %cx
        movw $0x0300, %dx
        movw $attributes, %bp
        int $0x10
        int10 0x0300
        movw %dx, %ax
        call put_word
        int10 0x0200, 0, 0, 0x0212
        int10 0x0800
        call put_word
        int10 0x0200, 0, 0, 0x0301
        int10 0x0800
        call put_word
        exit 0
text:   .ascii "abc"
attributes:
        .byte 'd', 0x4f, 'e', 0x2f
"""
        self.assertEqual(self.words(source), [0x0213, 0x1e63, 0x2f65])

    def test_pages(self):
        """Each page has its cursor; the CRT controller shows the one that was chosen."""
        source = interrupt(3) + self.hidden() + type_text("A") + interrupt(0x0200, 0x0300, 0, 0x0102)
        source += interrupt(0x0900 | ord("B"), 0x0307, 1) + interrupt(0x0503) + interrupt(0x0300, 0x0300) + show("dx")
        source += interrupt(0x0300, 0) + show("dx") + interrupt(0x0f00) + show("bx")
        out, screen = self.both(source)
        self.assertEqual(out.decode().split(), ["0102", "0001", "0300"])
        self.assert_char(screen, "B", 2, 1, 16, cell=9)
        self.assertEqual(screen.dot(3, 3), 0)

    def test_no_pages(self):
        """Page numbers that are none: neither a cursor is moved nor another page's read."""
        source = interrupt(0x0200, 0, 0, 0x0305) + interrupt(0x0200, 0xb800, 0, 0x0102) + interrupt(0x0300, 0xb800)
        source += show("dx") + interrupt(0x0300) + show("dx")
        self.assertEqual(self.words(source), [0, 0x0305])

    def test_cursor_shape(self):
        """Shapes for a CGA's eight lines are moved to the height there is, unless that is switched off."""
        get = "movw $0x0e0a, %ax\nmovw $0x3d4, %dx\noutb %al, %dx\nincw %dx\ninb %dx, %al\nmovb %al, %ah\n" \
              "movw $0x3d4, %dx\nmovb $0x0b, %al\noutb %al, %dx\nincw %dx\ninb %dx, %al\ncall put_word\n"
        source = interrupt(3) + get
        for shape in (0x0607, 0x0007, 0x2000, 0x0c0d):
            source += interrupt(0x0100, 0, shape) + get
        source += interrupt(0x1201, 0x34) + show("ax") + interrupt(0x0100, 0, 0x0607) + get
        self.assertEqual(self.words(source), [0x0d0e, 0x0d0e, 0x000f, 0x2000, 0x0c0d, 0x1212, 0x0607])

    # -- fonts --

    def test_fonts(self):
        """8 by 8: 50 rows; a character of the guest's own; two fonts at once."""
        source = """
test:   int10 0x1112, 0
        int10 0x1130, 0x0100
        pushw %dx
        movw %cx, %ax
        call put_word
        popw %ax
        call put_word
        int10 0x0200, 0, 0, 0x3100
        int10 0x0e51
        pushw $0xf000
        popw %es
        movw $shape, %bp
        int10 0x1100, 0x0800, 1, 0x51
        pushw %ds
        popw %es
        exit 0
shape:  .byte 0x81, 0x42, 0x24, 0x18, 0x18, 0x24, 0x42, 0x81
"""
        out, screen = self.both(source)
        self.assertEqual([int(w, 16) for w in out.decode().split()][0], 8)
        self.assertEqual([int(w, 16) for w in out.decode().split()][1] & 0xff, 49)
        lit = [[bool(screen.dot(x, 49 * 8 + y)) for x in range(8)] for y in range(8)]
        self.assertEqual(lit, [[x in (y, 7 - y) for x in range(8)] for y in range(8)])

    def test_font_again(self):
        """The number of rows is the mode's whatever fonts came before: 50, 28, 25, and 25 again."""
        source = "".join(interrupt(0x1100 | n) + interrupt(0x1130, 0x0100) + show("dx") for n in (0x12, 0x11, 0x14, 0x14))
        self.assertEqual([word & 0xff for word in self.words(source)], [49, 27, 24, 24])

    def test_two_fonts(self):
        source = interrupt(0x1104, 0) + interrupt(0x1101, 1) + interrupt(0x1103, 4) + interrupt(0x0900 | ord("M"), 7, 1)
        source += interrupt(0x0200, 0, 0, 1) + interrupt(0x0900 | ord("M"), 15, 1) + interrupt(0x0200, 0, 0, 0x0500)
        screen = self.both(source)[1]
        for column, height in ((0, 16), (1, 14)):
            for y in range(height):
                bits = sum(bool(screen.dot(column * 9 + x, y)) << (7 - x) for x in range(8))
                self.assertEqual(bits, self.font(height)[ord("M")][y])

    def test_graphics_font(self):
        """Mode 12h with 8 by 8: vector 43h, rows, characters."""
        source = interrupt(0x12) + interrupt(0x1123, 0, 0, 60) + interrupt(0x1130, 0x0100) + show("cx", "dx")
        source += interrupt(0x0200, 0, 0, 0x3b4f) + interrupt(0x0900 | ord("k"), 2, 1)
        out, screen = self.both(source)
        self.assertEqual([int(w, 16) & 0xff for w in out.decode().split()], [8, 59])
        self.assert_char(screen, "k", 79, 59, 8, colours=(EGA[2], 0))

    # -- colours --

    def test_palette(self):
        source = """
test:   int10 0x13
        int10 0x1010, 5, 0x1234, 0x3000     # red 30, green 12, blue 34
        int10 0x1015, 5
        movw %cx, %ax
        call put_word
        movw %dx, %ax
        call put_word
        int10 0x101b, 5, 1
        int10 0x1015, 5
        movw %cx, %ax
        call put_word
        pushw $0xf000
        popw %es
        int10 0x1012, 0xfe, 2, colours
        xorw %ax, %ax
        movw %ax, %es
        int10 0x1017, 0xfe, 2, 0x2000
        movw %es:0x2002, %ax
        call put_word
        int10 0x1018, 0x0f
        int10 0x1019
        movw %bx, %ax
        call put_word
        int10 0x03
        int10 0x1000, 0x2a01                # register 1 to 2A
        int10 0x1001, 0x1300                # the border
        int10 0x1007, 1
        movw %bx, %ax
        call put_word
        int10 0x1008
        movw %bx, %ax
        call put_word
        int10 0x1003, 0                     # intensity instead of blinking
        int10 0x1013, 0x0100                # sixteen pages of 16
        int10 0x1013, 0x0301
        int10 0x101a
        movw %bx, %ax
        call put_word
        movw $0x2000, %dx
        movw $0x1009, %ax
        int $0x10
        movw %es:0x2001, %ax
        call put_word
        movw %es:0x2010, %ax
        call put_word
        exit 0
colours: .byte 1, 2, 3, 4, 5, 6
"""
        gray = (0x30 * 77 + 0x12 * 151 + 0x34 * 28 + 0x80) >> 8
        self.assertEqual(self.words(source), [0x1234, 0x3000, gray << 8 | gray, 0x0403, 0x000f, 0x2a01,
                                              0x1300, 0x0301, 0x022a, 0x0013])

    def test_cga_palette(self):
        """AH=0Bh in mode 4: background and the two sets."""
        for which, colours in ((0, (0x00aa00, 0xaa0000, 0xaa5500)), (1, (0x00aaaa, 0xaa00aa, 0xaaaaaa))):
            source = interrupt(4) + interrupt(0x0b00, 0x0001) + interrupt(0x0b00, 0x0100 | which)
            for c in range(1, 4):
                source += interrupt(0x0c00 | c, 0, c, 0)
            screen = self.both(source)[1]
            self.assertEqual(screen.dot(0, 0), 0x0000aa)
            self.assertEqual(tuple(screen.dot(2 * c, 0) for c in range(1, 4)), colours)

    def test_default_colours(self):
        """Mode 13h: places in the rings of hues; no palette with AH=12h BL=31h; grays with BL=33h."""
        read = "".join(interrupt(0x1015, i) + show("cx", "dx") for i in (0x20, 0x28, 0x2c, 0x36, 0x68, 0xf7, 0xf8, 0x1a))
        words = self.words(interrupt(0x13) + read)
        colours = [(words[i + 1] >> 8, words[i] >> 8, words[i] & 0xff) for i in range(0, len(words), 2)]
        self.assertEqual(colours, [(0, 0, 63), (63, 0, 0), (63, 63, 0), (0, 31, 63), (0, 0, 28), (11, 12, 16), (0, 0, 0),
                                   (36, 36, 36)])
        words = self.words(interrupt(0x1010, 1, 0x0203, 0x0100) + interrupt(0x1201, 0x31) + interrupt(0x13) +
                           interrupt(0x1015, 1) + show("cx") + interrupt(0x1200, 0x31) + interrupt(0x1200, 0x33) +
                           interrupt(0x13) + interrupt(0x1015, 0x28) + show("cx"))
        self.assertEqual(words, [0x0203, 0x1313])

    # -- information and state --

    def test_information(self):
        source = """
test:   int10 0x1a00
        call put_word
        movw %bx, %ax
        call put_word
        int10 0x1200, 0x10
        movw %bx, %ax
        call put_word
        movw %cx, %ax
        call put_word
        int10 0x1200, 0x30                  # 200 lines
        call put_word
        int10 3
        xorw %ax, %ax
        movw %ax, %es
        movw $0x2000, %di
        int10 0x1b00
        call put_word
        movw %es:0x2005, %ax                # columns
        call put_word
        movw %es:0x2022, %ax                # rows, height
        call put_word
        movw %es:0x2027, %ax                # colours
        call put_word
        movw %es:0x2029, %ax                # pages, lines
        call put_word
        lesw %es:0x2000, %di
        movw %es:(%di), %ax
        call put_word
        exit 0
"""
        self.assertEqual(self.words(source), [0x1a1a, 0x0008, 0x0003, 0x0f09, 0x1212, 0x1b1b, 80,
                                              0x0819, 16, 0x0008, 0xe0ff])
        screen = self.both(interrupt(0x1201, 0x30) + interrupt(3) + type_text("Q"))[1]
        self.assertEqual(screen.height, 350)
        self.assert_char(screen, "Q", 0, 0, 14, cell=8)

    def save_and_restore(self, function, parts, select):
        """Calls of AH=1Ch or 4F04h around a switch to mode 13h; select: the register that names what to do."""
        call = f"""
            movw $0x3000, %bx
            movw %bx, %es
            xorw %bx, %bx
            movw ${parts}, %cx
            movw ${function:#x}, %ax
            movb $WHAT, %{select}
            int $0x10
"""
        return call.replace("WHAT", "1") + interrupt(0x93) + call.replace("WHAT", "2")

    def test_kernel(self):
        """What -kernel starts finds what the ROM has left, below the firmware's lines."""
        source = """
test:   xorw %ax, %ax
        movw %ax, %ds
        movw $0xe9, %dx
        movb 0x410, %al
        andb $0x30, %al
        outb %al, %dx
        .irp at, 0x449, 0x450, 0x460, 0x484, 0x4a8, 0x40, 0x74, 0x7c, 0x10c
        movw $\\at, %si
        movw $4, %cx
        rep outsb
        .endr
        exit 0"""
        want = bytearray(self.both(source)[0])
        want[6] = 2  # the cursor's row
        kernel = self.write("kernel", mini.kernel("area"))
        result = self.orrery("-m", "32", "-kernel", kernel, "-debugcon", "file:out", *mini.EXIT)
        self.assertEqual(result.status, 1, str(result))
        self.assertEqual(self.read("out").hex(" "), want.hex(" "))

    def test_save(self):
        """Mode 12h's state comes back as it was, cursor, palette and all."""
        source = (interrupt(0x12) + interrupt(0x0200, 0, 0, 0x0405) + type_text("S", 14) + interrupt(0x1000, 0x1e00) +
                  interrupt(0x1010, 0x1e, 0x2000, 0x3f00) + interrupt(0x1c00, 0, 7) + show("bx"))
        for function, parts, select in ((0x1c00, 7, "al"), (0x4f04, 15, "dl")):
            out, screen = self.both(source + self.save_and_restore(function, parts, select) + interrupt(0x0300) +
                                    show("dx") + interrupt(0x0f00) + show("ax"))
            words = [int(w, 16) for w in out.decode().split()]
            self.assertEqual(words[1:], [0x0406, 0x5012])
            self.assert_char(screen, "S", 5, 4, 16, colours=(EGA[14], 0xff8200))

    def test_print_screen(self):
        """INT 05h after AH=12h BL=20h: every row goes to INT 17h."""
        source = """
test:   int10 0x1112
        int10 0x0200, 0, 0, 0x3100
        int10 0x0e45
        int10 0x1200, 0x20
        movw $printer, %es:0x17 * 4
        movw $0xf000, %es:0x17 * 4 + 2
        int $5
        movb %es:0x500, %al
        call put_byte
        exit 0
printer:
        outb %al, $0xe9
        movb $0x90, %ah
        iret
"""
        out = self.both(source)[0].decode()
        self.assertEqual(out, (" " * 80 + "\r\n") * 49 + "E" + " " * 79 + "\r\n" + "00")

    # -- VBE --

    def test_vbe_modes(self):
        """Each mode is set, with and without the linear frame buffer; the BIOS writes text into it."""
        for mode, width, height, bits in VBE_MODES:
            with self.subTest(mode=hex(mode)):
                out, screen = self.both(
                    interrupt(0x4f02, mode) + show("ax") + interrupt(0x4f03) + show("bx") +
                    interrupt(0x0200, 0, 0, 0x0302) + interrupt(0x0900 | ord("V"), 12, 1) +
                    interrupt(0x0200, 0, 0, (height // 16 - 1) << 8) + type_text("\nZ", 12) +
                    interrupt(0x0200, 0, 0, (height // 16 - 1) << 8) + interrupt(0x0800) + show("ax") +
                    interrupt(0x0c0a, 0, width - 1, height // 2) + interrupt(0x0d00, 0, width - 1, height // 2) +
                    show("ax"))
                words = [int(w, 16) for w in out.decode().split()]
                self.assertEqual(words[:3], [0x4f, mode, ord("Z")])
                self.assertEqual(words[3] & 0xff, 10)
                self.assertEqual((screen.width, screen.height), (width, height))
                red = EGA[12] & {15: 0xf8f8f8, 16: 0xf8fcf8}.get(bits, 0xffffff)
                red |= {15: red >> 5 & 0x070707, 16: red >> 5 & 0x070007 | red >> 6 & 0x0300}.get(bits, 0)
                self.assert_char(screen, "V", 2, 2, 16, colours=(red, 0))
                self.assert_char(screen, "Z", 0, height // 16 - 1, 16, colours=(red, 0))
                self.assertNotEqual(screen.dot(width - 1, height // 2), 0)
                self.assertEqual(screen.dot(width - 2, height // 2), 0)

    def vbe_block(self, function, size, cx=0, before=b""):
        """An information block of VBE, as bytes."""
        source = f"""
test:   xorw %ax, %ax
        movw %ax, %es
        movw %ax, %ds
        movl ${int.from_bytes(before.ljust(4, bytes(1)), "little"):#x}, %es:0x2000
        movw $0x2000, %di
        movw ${function:#x}, %ax
        movw ${cx:#x}, %cx
        int $0x10
        outb %al, $0xe9
        xchgb %ah, %al
        outb %al, $0xe9
        movw $0x2000, %si
        movw ${size}, %cx
        movw $0xe9, %dx
        rep outsb
        exit 0
"""
        out = self.both(source)[0]
        self.assertEqual(len(out), size + 2)
        return int.from_bytes(out[:2], "little"), out[2:]

    def test_vbe_information(self):
        status, block = self.vbe_block(0x4f00, 512, before=b"VBE2")
        self.assertEqual((status, block[:4]), (0x4f, b"VESA"))
        version, oem, caps, modes, memory = struct.unpack_from("<HIIIH", block, 4)
        self.assertEqual((version, caps, memory), (0x300, 1, 256))
        self.assertEqual((oem >> 16, modes >> 16), (0xc000, 0xc000))
        for mode, width, height, bits in VBE_MODES:
            status, block = self.vbe_block(0x4f01, 256, mode)
            attributes, window, _, granularity, size, segment, _, function, pitch, x, y = struct.unpack_from(
                "<HBBHHHHIHHH", block)
            planes, depth, _, model = struct.unpack_from("<BBBB", block, 0x18)
            self.assertEqual((status, attributes, window, granularity, size, segment, function >> 16),
                             (0x4f, 0x1f if bits == 4 else 0x9f, 7, 64, 64, 0xa000, 0xc000))
            self.assertEqual((x, y, depth, planes, model),
                             (width, height, bits, 4 if bits == 4 else 1, {4: 3, 8: 4}.get(bits, 6)))
            self.assertEqual(pitch, width // 8 if bits == 4 else width * ((bits + 7) // 8))
        self.assertEqual(self.vbe_block(0x4f01, 256, 0x1ff)[0], 0x14f)
        status, block = self.vbe_block(0x4f15, 128)  # BL is 0: capabilities only
        self.assertEqual(status, 0x4f)

    def test_mode_list(self):
        """Every mode of the list can be set."""
        source = """
test:   xorw %ax, %ax
        movw %ax, %es
        movw $0x2000, %di
        int10 0x4f00
        lfsw %es:0x200e, %si
1:      movw %fs:(%si), %bx
        cmpw $-1, %bx
        je 2f
        addw $2, %si
        movw %bx, %ax
        call put_word
        orw $0x8000, %bx
        movw $0x4f02, %ax
        int $0x10
        call put_word
        jmp 1b
2:      exit 0
"""
        words = self.words(source)
        self.assertTrue(all(w == 0x4f for w in words[1::2]))
        self.assertEqual(set(m[0] for m in VBE_MODES) - set(words[::2]), set())
        self.assertEqual(len(words[::2]), len(set(words[::2])))

    def test_edid(self):
        out = self.both("""
test:   xorw %ax, %ax
        movw %ax, %es
        movw %ax, %ds
        movw $0x2000, %di
        int10 0x4f15, 1
        movw $0x2000, %si
        movw $128, %cx
        movw $0xe9, %dx
        rep outsb
        exit 0""")[0]
        self.assertEqual(out[:8], b"\0" + b"\xff" * 6 + b"\0")
        self.assertEqual(sum(out) & 0xff, 0)
        self.assertIn(b"Orrery\n", out)

    def test_banks(self):
        """The window's banks by interrupt and by far call; what the window shows is the picture."""
        source = """
test:   int10 0x4f02, 0x105                 # 1024 by 768: bank 11 begins with line 704
        int10 0x4f05, 0, 0, 11
        call put_word
        movw $0xa000, %ax
        movw %ax, %fs
        movb $2, %fs:5
        int10 0x4f05, 0x0100
        movw %dx, %ax
        call put_word
        xorw %ax, %ax
        movw %ax, %es
        movw $0x2000, %di
        int10 0x4f01, 0, 0x105
        xorw %bx, %bx
        movw $1, %dx
        lcall *%es:0x200c
        movb $4, %fs:7
        int10 0x4f05, 0, 0, 0x100
        call put_word
        int10 0x4f05, 1
        call put_word
        exit 0
"""
        source = source.replace("int10 0x4f01, 0, 0x105", "movw $0x2000, %di\nmovw $0x4f01, %ax\nmovw $0x105, %cx\nint $0x10")
        out, screen = self.both(source)
        self.assertEqual(out.decode().split(), ["004f", "000b", "014f", "014f"])
        self.assertEqual(screen.dot(5, 704), EGA[2])
        self.assertEqual(screen.dot(7, 64), EGA[4])

    def test_scrolling_start(self):
        """Longer lines, display start with and without waiting, and what does not fit."""
        source = (interrupt(0x4f02, 0x101) + interrupt(0x4f06, 0, 1000) + show("ax", "bx", "cx", "dx") +
                  interrupt(0x0c02, 0, 999, 1000) + interrupt(0x4f07, 0, 360, 600) + show("ax") +
                  interrupt(0x4f07, 1) + show("cx", "dx") + interrupt(0x4f07, 0x80, 360, 521) + show("ax") +
                  interrupt(0x4f07, 0, 361, 0) + show("ax") + interrupt(0x4f06, 3) + show("bx") +
                  interrupt(0x4f06, 2, 2000) + show("bx") + interrupt(0x4f06, 0, 60000) + show("ax"))
        source = source.replace(interrupt(0x0c02, 0, 999, 1000), """
            int10 0x4f05, 0, 0, 15          # (999, 1000) is byte 1000999, in bank 15
            movw $0xa000, %ax
            movw %ax, %fs
            movb $2, %fs:1000999 - 15 * 65536
""")
        words = self.words(source)
        self.assertEqual(words[:4], [0x4f, 1000, 1000, 16777])
        self.assertEqual(words[4:9], [0x4f, 360, 600, 0x4f, 0x24f])
        self.assertEqual(words[9:], [(16 << 20) // 480 & 0xfff8, 2000, 0x24f])
        end = source.index("int10 0x4f06, 0x3")
        self.assertEqual(self.both(source[:end])[1].dot(639, 479), EGA[2])

    def test_dac_width(self):
        source = """
test:   int10 0x4f02, 0x101
        int10 0x4f08, 0x0800
        movw %bx, %ax
        call put_word
        pushw $0xf000
        popw %es
        movw $colours, %di
        int10 0x4f09, 0, 1, 0
        call put_word
        xorw %ax, %ax
        movw %ax, %es
        movw $0x2000, %di
        int10 0x4f09, 1, 1, 0
        movw %es:0x2000, %ax
        call put_word
        int10 0x4f08, 1
        movw %bx, %ax
        call put_word
        int10 0x4f02, 0x111
        int10 0x4f08, 0x0800
        call put_word
        int10 0x4f02, 0x81ff
        call put_word
        int10 0x4fff
        call put_word
        int10 0x4f02, 0x8101
        int10 0x4f08, 0x0800
        pushw $0xf000
        popw %es
        movw $colours, %di
        int10 0x4f09, 0x80, 1, 0
        exit 0
colours: .byte 0xfe, 0x81, 0x43, 0
"""
        out, screen = self.both(source)
        self.assertEqual([int(w, 16) for w in out.decode().split()],
                         [0x0800, 0x4f, 0x81fe, 0x0801, 0x034f, 0x014f, 0x0100])
        self.assertEqual(screen.dot(1, 1), 0x4381fe)

    def test_protected_mode(self):
        """The code of 4F0Ah, copied and called in protected mode: start, palette, window."""
        source = """
test:   int10 0x4f02, 0x4101
        int10 0x4f06, 0, 1024
        int10 0x4f0a
        pushw %es
        popw %ds
        movw %di, %si
        movw $0x2000, %ax
        movw %ax, %es
        xorw %di, %di
        rep movsb
        pushw $0xf000
        popw %ds
        lgdt gdtr
        movl %cr0, %eax
        orb $1, %al
        movl %eax, %cr0
        ljmpl $8, $0xf0000 + flat
        .code32
flat:   movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movl $0x7c00, %esp
        movl $0x20000, %esi
        movzwl 2(%esi), %ebp                # to pixel 16 of line 3
        addl %esi, %ebp
        xorl %ebx, %ebx
        movl $(3 * 1024 + 16) / 4, %ecx
        xorl %edx, %edx
        call *%ebp
        call put
        movzwl 4(%esi), %ebp
        addl %esi, %ebp
        movl $0x80, %ebx
        movl $2, %ecx
        movl $0, %edx
        movl $0xf0000 + colours, %edi
        call *%ebp
        call put
        movzwl (%esi), %ebp
        addl %esi, %ebp
        xorl %ebx, %ebx
        movl $3, %edx
        call *%ebp
        call put
        movl $0x100, %ebx
        call *%ebp
        movl %edx, %eax
        call put
        movb $0, %al
        outb %al, $0xf4
put:    outb %al, $0xe9
        xchgb %al, %ah
        outb %al, $0xe9
        ret
        .code16
        .balign 8
gdtr:   .word 23
        .long 0xf0000 + gdt
gdt:    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
colours: .byte 1, 2, 63, 0, 3, 62, 5, 0
"""
        out, screen = self.both(source)
        self.assertEqual(struct.unpack("<4H", out), (0x4f, 0x4f, 0x4f, 3))
        self.assertEqual(screen.dot(0, 0), 0xff0804)


if __name__ == "__main__":
    common.main()
