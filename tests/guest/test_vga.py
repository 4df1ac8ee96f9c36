#!/usr/bin/env python3
"""The screen from outside: -screendump as PPM and PNG, its options, and Linux's console on the VGA, read off the
picture with the font that a miniature guest has shown."""
import re
import struct
import zlib

import common
import mini


def ppm(data):
    """Width, height, pixels."""
    found = re.match(rb"P6\n(\d+) (\d+)\n255\n", data)
    width, height = (int(n) for n in found.groups())
    pixels = data[found.end():]
    assert len(pixels) == width * height * 3
    return width, height, pixels


def png(data):
    """The same of a PNG, RGB with 8 bits."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, idat = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body, at = data[at + 8:at + 8 + length], at + 12 + length
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 2)
        elif kind == b"IDAT":
            idat += body
    raw, stride, rows = zlib.decompress(idat), width * 3, []
    before = bytes(stride)
    for y in range(height):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            a, b, c = row[x - 3] if x >= 3 else 0, before[x], before[x - 3] if x >= 3 else 0
            p = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            row[x] = (row[x] + (0, a, b, (a + b) // 2, p)[kind]) & 255
        before = bytes(row)
        rows.append(before)
    return width, height, b"".join(rows)


def cells(picture):
    """The 80 by 25 cells of 9 by 16 dots, each as its shape: lit or not."""
    width, height, pixels = picture
    assert (width, height) == (720, 400)
    lit = bytes(any(pixels[i:i + 3]) for i in range(0, len(pixels), 3))
    return [[b"".join(lit[(row * 16 + y) * 720 + col * 9:][:9] for y in range(16)) for col in range(80)]
            for row in range(25)]


class Vga(common.GuestTest):
    def guest(self, *args, name="chart"):
        kernel = self.write("kernel", mini.kernel(name))
        return self.orrery("-m", "32", "-kernel", kernel, *mini.EXIT, *args)

    def shapes(self):
        """What each character looks like."""
        result = self.guest("-screendump", "chart.ppm")
        self.assertEqual(result.status, 1, str(result))
        rows = cells(ppm(self.read("chart.ppm")))
        flat = [shape for row in rows[1:] for shape in row]
        return {shape: chr(code) for code, shape in reversed(list(enumerate(flat[:256]))) if code not in (0, 255)}

    def test_linux_console(self):
        shapes = self.shapes()
        dumps = {}
        for accel in common.BACKENDS:
            result = self.orrery(*self.linux("console=tty0 loglevel=7", accel), "-screendump", "a.ppm", "-statehash",
                                 timeout=500)
            self.assertEqual(result.status, 0, str(result))
            dumps[accel] = (result.state_hash, self.read("a.ppm"))
            if accel == "jit":
                text = ["".join(shapes.get(cell, "?") for cell in row) for row in cells(ppm(dumps[accel][1]))]
                print("\n" + "\n".join(text))
                self.assertRegex("\n".join(text), r"\] Run /init as init process")
                self.assertRegex("\n".join(text), r"\] reboot: Power down")
        self.assertEqual(dumps["jit"], dumps["interp"])

    def test_formats(self):
        self.assertEqual(self.guest("-screendump", "a.ppm").status, 1)
        result = self.guest("-screendump", "a.PNG")
        if b"built without libpng" in result.err:
            self.assertEqual(result.status, 1)
            return
        self.assertEqual(png(self.read("a.PNG")), ppm(self.read("a.ppm")))

    def test_modes(self):
        """The last mode of mini/vga.s is 640 by 480."""
        self.assertEqual(self.guest("-screendump", "a.ppm", name="vga").status, 1)
        width, height, pixels = ppm(self.read("a.ppm"))
        self.assertEqual((width, height), (640, 480))
        self.assertEqual(pixels[:3], b"\x12\x34\x56")

    def test_options(self):
        for args, says in ((("-vga", "ega"), b"-vga: 'ega'"),
                           (("-vga", "none", "-screendump", "x"), b"-screendump needs a VGA"),
                           (("-screendump", "no/such/place"), b"cannot write"),
                           (("-device", "piix3-ide"), b"part of the board")):
            result = self.guest(*args)
            self.assertEqual(result.status, 1)
            self.assertIn(says, result.err)
        self.assertEqual(self.guest("-vga", "std").status, 1)
        self.assertEqual(self.guest("-vga", "none", "-device", "VGA").status, 1)  # of the guest: there is one

    def test_linux_without(self):
        """-vga none: a machine without a screen boots as well."""
        result = self.orrery(*self.linux("console=tty0"), "-vga", "none", timeout=500)
        self.assertIn(b"@@BOOTED", result.out, str(result))
        self.assertEqual(result.status, 0, str(result))


if __name__ == "__main__":
    common.main()
