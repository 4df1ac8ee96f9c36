#!/usr/bin/env python3
"""Displays: a window on an X server without a screen, a VNC client, a terminal. What each shows is compared with
-screendump (or the text that the guest wrote), and what is typed and moved there with what arrives in the guest."""
import os
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
import unittest

import common
import mini
import qmpclient
import rfb
from test_vga import ppm

F1, F2, F3, F4, F10 = 0xffbe, 0xffbf, 0xffc0, 0xffc1, 0xffc7
MODES = {"text": (), "graphics": (F1,), "square": (F1, F2)}
NAMES = {F1: "F1", F2: "F2", F3: "F3", F4: "F4", F10: "F10"}


def needs(*programs):
    missing = [p for p in programs if not shutil.which(p)]
    return unittest.skipIf(missing, f"{', '.join(missing)} not installed")


def library(name):
    """The emulator was built with it."""
    listed = subprocess.run([common.ORRERY, "-display", "help"], capture_output=True, text=True).stdout.split()
    return unittest.skipUnless(name in listed, f"built without {name}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Machine:
    """The emulator with the guest of mini/screen.s, in the background."""

    def __init__(self, test, *args, env=None, accel="jit"):
        self.test = test
        for name in ("out", "screen.ppm"):
            if os.path.exists(test.path(name)):
                os.remove(test.path(name))
        kernel = test.write("kernel", mini.kernel("screen"))
        environment = {**os.environ, **(env or {})}
        if not env:
            environment.pop("DISPLAY", None)
            environment.pop("WAYLAND_DISPLAY", None)
        self.command = [common.ORRERY, "-m", "32", "-kernel", kernel, "-accel", accel, "-debugcon", "file:out",
                        "-screendump", "screen.ppm", *mini.EXIT, *args]
        self.environment = environment

    def start(self):
        self.process = subprocess.Popen(self.command, cwd=self.test.dir, env=self.environment, stderr=subprocess.PIPE)
        self.test.addCleanup(self.end)
        return self

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def said(self):
        path = self.test.path("out")
        return self.test.read("out").decode() if os.path.exists(path) else ""

    def wait_for(self, lines, seconds=30, after=0):
        """Until the guest has printed these lines one after the other; the place behind them."""
        text, end = "\n".join(lines.split()) + "\n", time.monotonic() + seconds
        while text not in self.said()[after:]:
            if time.monotonic() > end or (hasattr(self, "process") and self.process.poll() is not None):
                self.test.fail(f"no {lines!r}, but {self.said()[after:].split()}")
            time.sleep(0.02)
        return self.said().index(text, after) + len(text)

    def finish(self):
        """Waits for the end that F10 has brought; the picture of -screendump."""
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.test.fail(f"still running; the guest said {self.said().split()}")
        self.test.assertEqual(self.process.returncode, 1, self.process.stderr.read().decode())
        return ppm(self.test.read("screen.ppm"))


def same(test, seen, dumped, what):
    """Two pictures are equal; if not, where."""
    test.assertEqual(seen[:2], dumped[:2], what)
    if seen[2] != dumped[2]:
        at = next(i for i in range(len(seen[2])) if seen[2][i] != dumped[2][i]) // 3
        test.fail(f"{what}: pixel {at % seen[0]}, {at // seen[0]} differs")


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
@library("vnc")
class Vnc(common.GuestTest):
    def machine(self, *options, extra=(), **more):
        port = free_port()
        m = Machine(self, "-vnc", ",".join((f"127.0.0.1:{port - 5900}", *options)), *extra, **more).start()
        m.address = ("127.0.0.1", port)
        m.wait_for("ready")
        return m

    def client(self, machine, encoding=rfb.RAW, password=None):
        client = rfb.Client(getattr(machine, "address"), encoding, password)
        self.addCleanup(client.close)
        return client

    def test_pictures(self):
        """In every encoding and mode the client has what -screendump has, changed parts included."""
        for accel, encoding, mode in [("jit", e, m) for e in (rfb.RAW, rfb.HEXTILE, rfb.ZLIB) for m in MODES] + [
                ("interp", rfb.ZLIB, "square")]:
            with self.subTest(accel=accel, encoding=encoding, mode=mode):
                m = self.machine(accel=accel)
                client = self.client(m, encoding)
                for symbol in MODES[mode]:
                    client.until(lambda c: any(any(r) for r in c.pixels))
                    client.key(symbol)
                m.wait_for(mode)
                lit = {"text": lambda c: c.width == 720 and any(c.pixels[399]),
                       "graphics": lambda c: c.width == 640 and any(c.pixels[479]),
                       "square": lambda c: c.width == 640 and any(c.pixels[479]) and c.pixels[110][4 * 110:][:4] == b"\0\x80\xff\0"}
                client.until(lit[mode])
                client.key(F10)
                same(self, client.picture(), m.finish(), f"{encoding} {mode}")
                self.assertIn(encoding, client.encodings)

    def test_only_changes(self):
        """A small change is a small message."""
        m = self.machine()
        client = self.client(m)
        client.key(F1)
        client.until(lambda c: c.width == 640 and any(c.pixels[479]))
        m.wait_for("kbb")
        while select.select([client.socket], [], [], 0.3)[0]:
            client.update()
        client.key(F2, True)
        head = client.read(4)
        area = 0
        for _ in range(struct.unpack(">xxH", head)[0]):
            width, height = struct.unpack(">xxxxHHi", client.read(12))[:2]
            client.read(4 * width * height)
            area += width * height
        self.assertGreaterEqual(area, 400)
        self.assertLess(area, 20 * 64 + 1)

    def test_keys(self):
        m = self.machine()
        client = self.client(m)
        at = m.wait_for("ready")
        for symbol, codes in ((ord("a"), "k1e k9e"), (0xff52, "ke0 k48 ke0 kc8"), (0xff0d, "k1c k9c"),
                              (0xff13, "ke1 k1d k45 ke1 k9d kc5"), (0xff61, "ke0 k2a ke0 k37 ke0 kb7 ke0 kaa"),
                              (0xffb8, "k48 kc8"), (ord("/"), "k35 kb5"), (0xffea, "ke0 k38 ke0 kb8")):
            client.key(symbol)
            at = m.wait_for(codes, after=at)
        # Shift is put right around what needs another, and keys come up whose symbol has changed.
        client.key(ord("!"))
        at = m.wait_for("k2a k02 kaa k82", after=at)
        client.key(0xffe1, True)
        client.key(ord("/"), True)
        client.key(0xffe1, False)
        client.key(ord("7"), False)
        at = m.wait_for("k2a kaa k35 k2a kaa kb5", after=at)
        client.key(ord("A"))  # Caps Lock is the guest's own
        at = m.wait_for("k1e k9e", after=at)
        # A repetition of the client's is not another stroke; who leaves holds nothing down.
        client.key(ord("b"), True, True, True)
        at = m.wait_for("k30", after=at)
        client.close()
        m.wait_for("kb0", after=at)

    def test_keys_by_position(self):
        m = self.machine()
        client = self.client(m)
        client.until(lambda c: c.extended)
        for number, codes in ((0x56, "k56 kd6"), (0xb8, "ke0 k38 ke0 kb8"), (0x7d, "k7d kfd")):
            client.extended_key(number, 1)
            client.extended_key(number, 0)
            m.wait_for(codes)

    def test_layout(self):
        """Symbols with -k: where they are on the guest's keyboard, with AltGr, dead ones too."""
        m = self.machine(extra=["-k", "de"])
        client = self.client(m)
        at = m.wait_for("ready")
        for symbol, codes in ((ord("z"), "k15 k95"), (ord("Y"), "k2c kac"), (0xf6, "k27 ka7"), (ord("/"), "k2a k08 kaa k88"),
                              (ord("@"), "ke0 k38 k10 ke0 kb8 k90"), (0x10020ac, "ke0 k38 k12 ke0 kb8 k92"),
                              (0x20ac, "ke0 k38 k12 ke0 kb8 k92"), (0xfe52, "k29 ka9"), (0xfe50, "k2a k0d kaa k8d"),
                              (0xff0d, "k1c k9c")):
            client.key(symbol)
            at = m.wait_for(codes, after=at)
        client.key(0xfe03, True)  # held as on the client's own keyboard
        client.key(ord("{"))
        client.key(0xfe03, False)
        at = m.wait_for("ke0 k38 k08 k88 ke0 kb8", after=at)
        client.key(0xfe03, True)  # AltGr on the client's, Shift on the guest's
        client.key(ord("'"))
        client.key(0xfe03, False)
        m.wait_for("ke0 k38 k2a ke0 kb8 k2b kaa ke0 k38 kab ke0 kb8", after=at)
        m = self.machine()  # a US keyboard has two plain Alt keys
        client = self.client(m)
        at = m.wait_for("ready")
        client.key(0xffea, True)
        client.key(ord("1"))
        client.key(0xffea, False)
        m.wait_for("ke0 k38 k02 k82 ke0 kb8", after=at)

    def test_monitors(self):
        """Passwords come and go by the monitors, and who comes is told."""
        m = self.machine("password=on", extra=["-qmp", "unix:q,server=on,wait=off"])
        q = qmpclient.QMP(self, self.path("q"))
        self.addCleanup(q.close)
        port = str(m.address[1])
        for line, good in (("set_password vnc abc", "abc"), ("change vnc password d", "d"),
                           ("expire_password vnc now", None), ("expire_password vnc +600", "d")):
            self.assertEqual(q.hmp(line), "")
            if good:
                self.client(m, password=good).close()
            with self.assertRaises((rfb.Refused, EOFError)):
                self.client(m, password=good and "other" or "d")
        q.command("expire_password", protocol="vnc", time="never")
        q.command("change-vnc-password", password="new")
        self.assertIn("does not accept", q.refused("set_password", protocol="x", password="y")["desc"])
        q.refused("expire_password", protocol="vnc", time="soon")
        q.events.clear()
        client = self.client(m, password="new")
        client.until(lambda c: any(c.pixels[399]))
        its = {"family": "ipv4", "host": "127.0.0.1", "service": str(client.socket.getsockname()[1]), "websocket": False}
        mine = {"family": "ipv4", "host": "127.0.0.1", "service": port, "auth": "vnc"}
        self.assertEqual(q.command("query-vnc"), {"enabled": True, "clients": [its], **mine})
        self.assertEqual(q.command("query-vnc-servers")[0]["clients"], [its])
        self.assertIn(f"Client: 127.0.0.1:{its['service']} (ipv4)", q.hmp("info vnc"))
        client.close()
        for name in ("VNC_CONNECTED", "VNC_INITIALIZED", "VNC_DISCONNECTED"):
            while True:
                data = q.wait_event(name)["data"]
                if data["client"] == its:
                    break
            self.assertEqual(data["server"], {**mine, "websocket": False})

    def test_first_picture(self):
        """Who comes late, and cannot do anything but take one picture, gets all of the present one."""
        m = self.machine()
        first = self.client(m)
        first.key(F1)
        first.until(lambda c: c.width == 640 and any(c.pixels[479]))
        shown = first.picture()
        first.close()
        for version, layout in ((b"003.003", (32, 24, 255, 255, 255, 16, 8, 0)), (b"003.007", (16, 16, 31, 63, 31, 11, 5, 0)),
                                (b"003.008", (8, 8, 7, 7, 3, 0, 3, 6)), (b"003.008", (16, 15, 31, 31, 31, 10, 5, 0)),
                                (b"003.008", (32, 24, 255, 255, 255, 0, 8, 16))):
            with self.subTest(version=version, layout=layout):
                client = rfb.Client(m.address, rfb.RAW, version=version, layout=layout, simple=True)
                self.addCleanup(client.close)
                self.assertEqual((client.width, client.height), (640, 480))
                self.assertEqual(client.update(), 1)
                same(self, client.picture(), self.coarse(shown, layout), str(layout))
                client.close()

    def coarse(self, picture, layout):
        """The picture in a client's colours."""
        out = bytearray(picture[2])
        for i, most in enumerate(layout[2:5]):
            out[i::3] = out[i::3].translate(bytes(((n * most + 127) // 255 * 255 + most // 2) // most for n in range(256)))
        return (*picture[:2], bytes(out))

    def packets(self, m, after):
        """Mouse packets as (buttons, dx, dy)."""
        data = [int(line[1:], 16) for line in m.said()[after:].split() if line[0] == "m"]
        found = []
        for flags, x, y in zip(data[0::3], data[1::3], data[2::3]):
            self.assertTrue(flags & 8, data)
            found.append((flags & 7, x - (flags << 4 & 256), y - (flags << 3 & 256)))
        return found

    def moved(self, m, after, wanted, count):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            time.sleep(0.05)
            found = self.packets(m, after)
            sums = tuple(sum(p[i] for p in found) for i in (1, 2))
            if sums == wanted and len(found) >= count:
                return found
        self.fail(f"moved by {sums}, not {wanted}")

    def test_pointer(self):
        m = self.machine()
        client = self.client(m)
        at = m.wait_for("ready")
        client.pointer(100, 50)  # by way of the corner
        self.moved(m, at, (-720 + 100, 400 - 50), 3)
        at = len(m.said())
        client.pointer(110, 70, 1)
        client.pointer(110, 70, 4)
        client.pointer(110, 70, 2)
        client.pointer(110, 70, 0)
        found = self.moved(m, at, (10, -20), 4)
        self.assertEqual([p[0] for p in found], [1, 2, 4, 0])
        at = len(m.said())
        client.pointer(0, 70)  # pushed against the edge
        self.moved(m, at, (-110 - 64, 0), 1)

    def test_password(self):
        self.write("password", b"open now\n")
        m = self.machine("password-file=" + self.path("password"))
        for wrong in ("open", "", None):
            with self.assertRaises((rfb.Refused, EOFError)):
                self.client(m, password=wrong)
        client = self.client(m, password="open now")
        client.until(lambda c: any(c.pixels[399]))
        m.end()
        m = self.machine("password=on")  # none is set: nobody comes in
        with self.assertRaises((rfb.Refused, EOFError)):
            self.client(m, password="")

    def test_stalled_client(self):
        """One who does not read what was sent, or sends half a message, does not hold up the guest."""
        m = self.machine()
        lazy, client = self.client(m), self.client(m)
        client.key(F1)
        m.wait_for("graphics")
        for _ in range(200):
            lazy.request(False)
        began = time.monotonic()
        at = len(m.said())
        for _ in range(10):
            client.key(ord("x"))
            at = m.wait_for("k2d kad", after=at)
        self.assertLess(time.monotonic() - began, 4)  # the library would wait five seconds
        half = self.client(m)
        half.socket.sendall(b"\4\1")
        client.key(ord("y"))
        m.wait_for("k15 k95", after=at)

    def test_garbage(self):
        """Whatever clients send, the next one is served."""
        m = self.machine()
        rng = random.Random(1)
        begin = (b"", b"RFB 003.008\n", b"RFB 003.008\n\1\1")
        parts = (b"\0" * 20, b"\2\0\xff\xff", b"\3\0" + b"\xff" * 8, b"\4\1\0\0\xff\xff\xff\xff", b"\5\xff" + b"\xff" * 4,
                 b"\6\0\0\0\xff\xff\xff\xff", b"\xff" * 12, b"\xff\0\0\1" + b"\xff" * 8, b"GET / HTTP/1.0\r\n\r\n")
        for _ in range(24):
            with socket.create_connection(m.address, 20) as s:
                s.sendall(rng.choice(begin) + b"".join(rng.choice((rng.choice(parts), rng.randbytes(9)))
                                                       for _ in range(rng.randrange(12))))
                s.shutdown(socket.SHUT_WR)
                s.settimeout(0.05)
                try:
                    while s.recv(65536):
                        pass
                except OSError:
                    pass
        client = self.client(m)
        client.until(lambda c: any(c.pixels[399]))
        at = len(m.said())
        client.key(0xff0d)
        m.wait_for("k1c k9c", after=at)

    def test_address(self):
        """All interfaces, IPv6, a Unix socket; a port in use is one line."""
        m = self.machine()
        port = m.address[1] - 5900
        for argument in (f"127.0.0.1:{port}", f":{port}"):
            second = self.orrery("-m", "32", "-kernel", self.path("kernel"), "-vnc", argument)
            self.assertEqual(second.status, 1)
            self.assertRegex(second.err, rb"^orrery: -vnc: cannot listen at '[^\n]*: Address already in use\n$")
        m.end()
        for _ in range(2):  # what a killed one leaves is no obstacle
            m = Machine(self, "-display", "vnc=unix:socket").start()
            m.wait_for("ready")
            m.address = self.path("socket")
            client = self.client(m)
            client.until(lambda c: any(c.pixels[399]))
            m.process.kill()
            m.process.wait()
            client.close()
        m = Machine(self, "-vnc", f":{port}").start()
        m.wait_for("ready")
        m.address = ("127.0.0.1", port + 5900)
        client = self.client(m)
        m.process.send_signal(signal.SIGTERM)
        self.assertEqual(m.process.wait(20), 0)


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
@library("sdl")
@needs("Xvfb", "xdotool", "import")
class Window(common.GuestTest):
    def setUp(self):
        super().setUp()
        read, write = os.pipe()
        server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
                                  pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        os.close(write)
        number = b""
        while not number.endswith(b"\n"):
            self.assertTrue(select.select([read], [], [], 30)[0], "Xvfb does not start")
            more = os.read(read, 16)
            self.assertTrue(more, "Xvfb does not start")
            number += more
        os.close(read)
        self.env = {**os.environ, "DISPLAY": f":{int(number)}", "SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "dummy"}

    def xdo(self, *args):
        done = subprocess.run(["xdotool", *args], env=self.env, capture_output=True, text=True, timeout=60)
        return done.stdout

    def machine(self, *args, **more):
        m = Machine(self, *args, env=self.env, **more).start()
        m.wait_for("ready")
        m.window = self.eventually(lambda: self.xdo("search", "--name", "^Orrery").split())[-1]
        self.xdo("windowfocus", "--sync", m.window)
        return m

    def eventually(self, ask, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ask()
            if found:
                return found
            time.sleep(0.1)
        self.fail("it does not happen")

    def title(self, m):
        return self.xdo("getwindowname", m.window)

    def size(self, m):
        text = self.xdo("getwindowgeometry", "--shell", m.window)
        return tuple(int(re.search(f"^{n}=(\\d+)", text, re.M).group(1)) for n in ("WIDTH", "HEIGHT"))

    def picture(self, m):
        done = subprocess.run(["import", "-silent", "-window", m.window, "-depth", "8", "ppm:-"], env=self.env,
                              capture_output=True, timeout=60)
        return ppm(done.stdout)

    def key(self, m, *symbols):
        for symbol in symbols:
            self.xdo("key", NAMES.get(symbol, symbol))

    def settled(self, m, size):
        """The picture, when the window has this size and stands still."""
        self.eventually(lambda: self.size(m) == size)
        before = None
        for _ in range(50):
            now = self.picture(m)
            if now == before and any(now[2][-3 * size[0]:]):
                return now
            before = now
            time.sleep(0.2)
        self.fail("the picture does not stand still")

    def test_pictures(self):
        for accel, mode in [("jit", m) for m in MODES] + [("interp", "square")]:
            with self.subTest(accel=accel, mode=mode):
                m = self.machine(accel=accel)
                self.key(m, *MODES[mode])
                m.wait_for(mode)
                seen = self.settled(m, (720, 400) if mode == "text" else (640, 480))
                self.key(m, F10)
                same(self, seen, m.finish(), mode)

    def test_keys(self):
        m = self.machine()
        at = m.wait_for("ready")
        for name, codes in (("a", "k1e k9e"), ("Return", "k1c k9c"), ("Up", "ke0 k48 ke0 kc8"),
                            ("KP_Up", "k48 kc8"), ("105", "ke0 k1d ke0 k9d"), ("108", "ke0 k38 ke0 kb8"), ("Pause", "ke1 k1d k45 ke1 k9d kc5"),
                            ("Print", "ke0 k2a ke0 k37 ke0 kb7 ke0 kaa"), ("shift+1", "k2a k02 kaa k82"),
                            ("ctrl+alt+Delete", "k1d k38 ke0 k53 k9d kb8 ke0 kd3")):
            self.key(m, name)
            at = m.wait_for(codes, after=at)

    @needs("setxkbmap")
    def test_other_layout(self):
        """By position, whatever the host's layout makes of it; one that changes on the way, too."""
        subprocess.run(["setxkbmap", "de"], env=self.env, timeout=30)
        m = self.machine()
        at = m.wait_for("ready")
        for layout in ("de", "fr", "us"):
            subprocess.run(["setxkbmap", layout], env=self.env, timeout=30)
            for keycode, codes in (("29", "k15 k95"), ("94", "k56 kd6"), ("34", "k1a k9a"), ("20", "k0c k8c"),
                                   ("24", "k10 k90"), ("108", "ke0 k38 ke0 kb8")):
                self.key(m, keycode)
                at = m.wait_for(codes, after=at)

    def test_held_key(self):
        """The host's repetition is not passed on: the guest's keyboard has its own. Losing the focus lets go."""
        m = self.machine()
        at = m.wait_for("ready")
        self.xdo("keydown", "b")
        at = m.wait_for("k30 k30 k30", after=at)
        began = time.monotonic()
        m.wait_for("k30 " * 10, after=at)
        self.assertGreater(time.monotonic() - began, 0.5)  # 10.9 a second, and X sends 25
        at = len(m.said())
        other = self.xdo("search", "--maxdepth", "0", "").split()[0]  # the root window
        self.xdo("windowfocus", other)
        m.wait_for("kb0", after=at)

    def test_mouse(self):
        m = self.machine()
        at = m.wait_for("ready")
        self.xdo("mousemove", "--window", m.window, "200", "200")
        self.xdo("click", "1")  # captures
        self.eventually(lambda: "releases the mouse" in self.title(m))
        self.xdo("mousemove_relative", "--", "10", "20")
        self.xdo("mousedown", "3")
        m.wait_for("m0a m00 m00", after=at)
        self.xdo("mouseup", "3")
        data = [int(n, 16) for n in re.findall("^m(..)$", m.said()[at:], re.M)]
        self.assertEqual(sum(data[1::3]), 10)
        self.assertEqual(sum(256 - y for y in data[2::3] if y), 20)
        self.xdo("key", "ctrl+alt+g")
        self.eventually(lambda: "releases" not in self.title(m))

    def test_commands(self):
        """A picture saved, the size, the title, the end."""
        m = self.machine("-name", "old one,process=x")
        self.write("orrery-1.png", b"mine")
        self.key(m, "ctrl+alt+s")
        self.eventually(lambda: os.path.exists(self.path("orrery-2.png")) or os.path.exists(self.path("orrery-1.ppm")))
        self.assertEqual(self.read("orrery-1.png"), b"mine")
        self.key(m, "ctrl+alt+equal")
        self.eventually(lambda: self.size(m) == (1440, 800))
        self.key(m, "ctrl+alt+minus")
        self.eventually(lambda: self.size(m) == (720, 400))
        self.eventually(lambda: re.match(r"Orrery \(old one\) \d+%", self.title(m)))
        self.assertNotIn("k1f", m.said().split())  # none of it was the guest's
        self.key(m, "ctrl+alt+q")
        self.assertEqual(m.process.wait(20), 0)

    def test_grab_modifiers(self):
        """Other keys than Ctrl-Alt are for the window; those are then the guest's."""
        for mod, key in (("rctrl", "Control_R+s"), ("lshift-lctrl-lalt", "shift+ctrl+alt+s")):
            m = self.machine("-display", f"sdl,grab-mod={mod}")
            at = m.wait_for("ready")
            self.key(m, "ctrl+alt+g")
            m.wait_for("k1d k38 k22", after=at)
            self.key(m, key)
            self.eventually(lambda: os.path.exists(self.path("orrery-1.png")) or os.path.exists(self.path("orrery-1.ppm")))
            for name in os.listdir(self.dir):
                if name.startswith("orrery-"):
                    os.remove(self.path(name))
            m.end()

    def test_scaling(self):
        """A larger window shows whole multiples, in the middle."""
        m = self.machine("-display", "sdl,scale=integer")
        self.xdo("windowsize", "--sync", m.window, "900", "600")
        width, height, large = self.settled_large(m)
        self.key(m, F10)
        w, h, small = m.finish()
        for y in range(0, h, 7):
            for x in range(0, w, 5):
                at = 3 * ((y + (height - h) // 2) * width + x + (width - w) // 2)
                self.assertEqual(large[at:at + 3], small[3 * (y * w + x):][:3], (x, y))

    def settled_large(self, m):
        self.eventually(lambda: self.size(m) == (900, 600))
        time.sleep(1)
        return self.picture(m)

    @needs("openbox", "xprop")
    def test_managed(self):
        """With a window manager: full screen and back, closing the window ends the run."""
        manager = subprocess.Popen(["openbox"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(manager.wait)
        self.addCleanup(manager.terminate)
        self.eventually(lambda: "window id" in subprocess.run(["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"],
                                                              env=self.env, capture_output=True, text=True).stdout)
        m = self.machine()
        self.key(m, "ctrl+alt+f")
        self.eventually(lambda: self.size(m) == (1280, 1024))
        self.key(m, "ctrl+alt+f")
        self.eventually(lambda: self.size(m) == (720, 400))
        self.xdo("mousemove", "--window", m.window, "200", "200")
        self.xdo("click", "1")
        self.eventually(lambda: "releases the mouse" in self.title(m))
        at = len(m.said())
        self.key(m, "alt+F4")  # what belongs to the desktop is the guest's while it has the mouse
        m.wait_for("k38 k3e cursor kb8 kbe", after=at)
        self.key(m, "ctrl+alt+g")
        self.eventually(lambda: "releases" not in self.title(m))
        self.key(m, "alt+F4")
        self.assertEqual(m.process.wait(20), 0)
        m = self.machine("-full-screen")
        self.eventually(lambda: self.size(m) == (1280, 1024))


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
@library("curses")
@needs("tmux")
class Curses(common.GuestTest):
    LOW = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"

    def tmux(self, *args):
        return subprocess.run(["tmux", "-u", "-L", "t", "-f", "/dev/null", *args], env=self.env, capture_output=True,
                              timeout=30).stdout.decode()

    def machine(self, *args, size=(80, 25), locale="C.UTF-8"):
        self.env = {**os.environ, "TMUX_TMPDIR": self.dir, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        m = Machine(self, "-curses", *args)
        script = "cd %s; LC_ALL=%s %s 2>errors; echo status $? >status; sleep 60" % (
            self.dir, locale, " ".join("'" + a + "'" for a in m.command))
        self.tmux("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "sleep 60")
        self.addCleanup(self.tmux, "kill-server")
        self.tmux("set-option", "-g", "status", "off")
        self.tmux("set-option", "-g", "default-terminal", "screen-256color")
        self.tmux("set-option", "-g", "escape-time", "0")
        self.tmux("resize-window", "-x", str(size[0]), "-y", str(size[1]))
        self.tmux("respawn-window", "-k", script)
        m.wait_for("ready")
        return m

    def lines(self):
        return self.tmux("capture-pane", "-p").split("\n")

    def shows(self, condition):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if condition(self.lines()):
                return self.lines()
            time.sleep(0.1)
        self.fail("\n".join(self.lines()))

    def wanted(self):
        glyphs = self.LOW + bytes(range(32, 127)).decode() + "⌂" + bytes(range(128, 255)).decode("cp437") + " "
        return ["".join(glyphs[i & 255] for i in range(row * 80, row * 80 + 80)).rstrip() for row in range(25)]

    def ended(self, status):
        end = time.monotonic() + 20
        while not os.path.exists(self.path("status")) or not self.read("status"):
            self.assertLess(time.monotonic(), end, "still running")
            time.sleep(0.05)
        self.assertEqual(self.read("status"), b"status %d\n" % status, self.read("errors"))

    def test_text(self):
        m = self.machine()
        wanted = self.wanted()
        self.shows(lambda lines: [line.rstrip() for line in lines[:25]] == wanted)
        self.assertEqual(self.tmux("display-message", "-p", "#{cursor_flag}").strip(), "0")
        self.tmux("send-keys", "F4")
        m.wait_for("cursor")
        self.shows(lambda _: self.tmux("display-message", "-p", "#{cursor_flag} #{cursor_x} #{cursor_y}").strip() == "1 20 10")
        self.tmux("send-keys", "F10")
        self.ended(1)

    def test_colours(self):
        self.machine()
        wanted = self.wanted()
        self.shows(lambda lines: [line.rstrip() for line in lines[:25]] == wanted)
        order = (0, 4, 2, 6, 1, 5, 3, 7)  # the PC's colours in a terminal's order
        front, back, row, column = 7, 0, 0, 0
        for part in re.findall(r"\x1b\[[0-9;]*m|\x1b[^m]*m|\n|.", self.tmux("capture-pane", "-p", "-e", "-N"), re.S):
            if part == "\n":
                row, column = row + 1, 0
            elif part[0] == "\x1b":
                for code in [int(c or 0) for c in part[2:-1].split(";")]:
                    if code == 0:
                        front, back = 7, 0
                    elif 30 <= code < 38 or 90 <= code < 98:
                        front = order.index(code % 10) + 8 * (code >= 90)
                    elif code in (39, 49):
                        front, back = (7, back) if code == 39 else (front, 0)
                    elif 40 <= code < 48:
                        back = order.index(code % 10)
            elif row < 25:
                n = row * 80 + column
                if part != " ":
                    self.assertEqual((front, back), (n >> 4 & 15, n >> 8 & 7), f"row {row}, column {column}")
                column += 1

    def test_keys(self):
        m = self.machine()
        at = m.wait_for("ready")
        for keys, codes in ((["a"], "k1e k9e"), (["A"], "k2a k1e k9e kaa"), (["Enter"], "k1c k9c"),
                            (["Up"], "ke0 k48 ke0 kc8"), (["BSpace"], "k0e k8e"), (["Tab"], "k0f k8f"),
                            (["C-c"], "k1d k2e kae k9d"), (["M-x"], "k38 k2d kad kb8"), (["Escape"], "k01 k81"),
                            (["F5"], "k3f kbf"), (["S-F5"], "k2a k3f kbf kaa"), (["BTab"], "k2a k0f k8f kaa"),
                            (["C-a", "C-a"], "k1d k1e k9e k9d"), (["C-a", "d"], "k1d k38 ke0 k53 ke0 kd3 kb8 k9d"),
                            (["PPage"], "ke0 k49 ke0 kc9")):
            self.tmux("send-keys", *keys)
            at = m.wait_for(codes, after=at)
        self.tmux("send-keys", "-l", "The quick {brown} fox 1234567890")  # all at once
        text = "".join("the quick [brown] fox 1234567890")
        numbers = {c: i for i, c in enumerate(" \x1b1234567890-=\b\tqwertyuiop[]\n\x1dasdfghjkl;'`\x2a\\zxcvbnm,./")}
        numbers[" "] = 0x39
        made = [f"k{numbers[c]:02x}" for c in text]
        end = time.monotonic() + 20
        while [k for k in m.said()[at:].split() if int(k[1:], 16) < 0x80 and k != "k2a"] != made:
            self.assertLess(time.monotonic(), end, m.said()[at:].split())
            time.sleep(0.05)

    def test_layout(self):
        m = self.machine("-k", "de")
        at = m.wait_for("ready")
        for keys, codes in (("z", "k15 k95"), ("ö", "k27 ka7"), ("@", "ke0 k38 k10 k90 ke0 kb8"), ("^", "k29 ka9 k39 kb9"),
                            ("?", "k2a k0c k8c kaa")):
            self.tmux("send-keys", "-l", keys)
            at = m.wait_for(codes, after=at)

    def test_graphics_and_end(self):
        m = self.machine()
        self.tmux("send-keys", "F1")
        m.wait_for("graphics")
        self.shows(lambda lines: any(line.strip() == "640 x 480 graphics" for line in lines))
        self.tmux("send-keys", "F3")
        wanted = self.wanted()
        self.shows(lambda lines: [line.rstrip() for line in lines[:25]] == wanted)
        self.tmux("send-keys", "C-a", "h")
        self.shows(lambda lines: any("Ctrl-A X" in line for line in lines))
        self.tmux("send-keys", "a")
        self.shows(lambda lines: [line.rstrip() for line in lines[:25]] == wanted)
        self.tmux("send-keys", "C-a", "x")
        self.ended(0)

    def test_small_terminal(self):
        """The view moves to where the cursor is."""
        m = self.machine(size=(40, 8))
        wanted = self.wanted()
        self.tmux("send-keys", "F4")
        m.wait_for("cursor")
        self.shows(lambda lines: [line.rstrip() for line in lines[:8]] == [w[:40].rstrip() for w in wanted[3:11]])

    def test_without_unicode(self):
        self.machine(locale="C")
        lines = self.shows(lambda lines: "ABCDEFG" in lines[0])
        self.assertTrue(all(ord(c) < 128 for line in lines for c in line))


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Options(common.GuestTest):
    def run_hello(self, *args, env=None):
        kernel = self.write("kernel", mini.kernel("chart"))
        environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        return subprocess.run([common.ORRERY, "-m", "32", "-kernel", kernel, *mini.EXIT, *args], cwd=self.dir,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env={**environment, **(env or {})})

    def test_refused(self):
        for args, says in ((("-display", "what"), "unknown display 'what'"), (("-vnc", "x"), "is not an address"),
                           (("-vnc", ":99999"), "is not an address"), (("-speed", "fast"), "is not a speed"),
                           (("-speed", "0%"), "is not a speed"), (("-display", "none,x=y"), "has no properties"),
                           (("-vnc", ":1,what=1"), "unknown or malformed property 'what'"),
                           (("-curses",), "are no terminal"), (("-curses", "-daemonize"), "no terminal"), (("-sdl",), "-display sdl: "), (("-vnc", ":1", "-vnc", ":2"), "is already there"),
                           (("-vnc", ":1", "-vga", "none"), "needs a VGA"),
                           (("-vnc", ":1,password-file=/nowhere"), "cannot read a password")):
            with self.subTest(args=args):
                result = self.run_hello(*args)
                if "built without" in result.stderr:
                    continue
                self.assertEqual(result.returncode, 1)
                self.assertIn(says, result.stderr)
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_default(self):
        """Without a display to show it on, a run goes on, and says so if nothing of it would be seen."""
        for args in ((), ("-nographic",), ("-display", "none"), ("-serial", "file:x"), ("-screendump", "x.ppm"),
                     ("-vnc", "none"), ("-k", "en-us", "-display", "none"), ("-vga", "none")):
            result = self.run_hello(*args)
            self.assertEqual((result.returncode, result.stderr), (1, ""), args)
        master, slave = os.openpty()  # somebody who looks is told
        for args, says in (((), True), (("-display", "none"), False)):
            subprocess.run([common.ORRERY, "-m", "32", "-kernel", self.path("kernel"), *mini.EXIT, *args], cwd=self.dir,
                           stdin=subprocess.DEVNULL, stderr=slave, timeout=60)
            os.set_blocking(master, False)
            try:
                text = os.read(master, 1000)
            except BlockingIOError:
                text = b""
            self.assertEqual(b"no display" in text, says, text)
        os.close(master)
        os.close(slave)

    def test_speed(self):
        """Real time, half of it, and as fast as it goes; the state is the same."""
        kernel = self.write("kernel", mini.kernel("pace"))
        ends, took = set(), {}
        for speed in ("max", "realtime", "50%", "200"):
            for accel in common.BACKENDS if speed == "200" else ("jit",):
                began = time.monotonic()
                result = self.orrery("-m", "32", "-cpu", "486", "-kernel", kernel, "-speed", speed, "-display", "none", "-accel", accel,
                                     "-statehash", *mini.EXIT)
                took[speed] = time.monotonic() - began
                ends.add((result.status, result.state_hash))
        self.assertEqual(len(ends), 1, ends)
        for speed, least in (("realtime", 0.95), ("50%", 1.9), ("200", 0.45)):
            self.assertGreater(took[speed], least, took)
        self.assertLess(took["max"], took["50%"])

    def test_replay(self):
        """Keys typed on a display are in the journal."""
        if "vnc" not in subprocess.run([common.ORRERY, "-display", "help"], capture_output=True, text=True).stdout:
            self.skipTest("built without vnc")
        port = free_port()
        m = Machine(self, "-vnc", f"localhost:{port - 5900}", "-record", "journal", "-statehash").start()
        m.wait_for("ready")
        client = rfb.Client(("127.0.0.1", port), rfb.RAW)
        for symbol in (ord("a"), F1, F2):
            client.key(symbol)
            time.sleep(0.1)
        client.pointer(5, 5)
        client.key(F10)  # with which the guest ends
        picture = m.finish()
        client.close()
        said = self.read("out")
        result = self.orrery("-m", "32", "-kernel", self.path("kernel"), "-debugcon", "file:out", "-accel", "interp",
                             "-screendump", "screen.ppm", *mini.EXIT, "-replay", "journal", "-display", "none")
        self.assertEqual(result.status, 1, str(result))
        self.assertEqual(self.read("out"), said)
        same(self, ppm(self.read("screen.ppm")), picture, "replayed")


if __name__ == "__main__":
    common.main()
