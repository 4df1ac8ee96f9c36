"""A small VNC client (RFC 6143): raw, hextile and zlib rectangles in 32 bits, raw in other formats, password, keys,
pointer."""
import socket
import struct
import time
import zlib

RAW, HEXTILE, ZLIB = 0, 5, 6
DESKTOP_SIZE, EXTENDED_KEYS = -223, -258

# DES, FIPS 46-3
_IP = [(58, 60, 62, 64, 57, 59, 61, 63)[i // 8] - 8 * (i % 8) for i in range(64)]
_FP = [_IP.index(i + 1) + 1 for i in range(64)]
_E = [(4 * (i // 6) + i % 6 - 1) % 32 + 1 for i in range(48)]
_P = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4,
      25]
_PC1 = [57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63,
        55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4]
_PC2 = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55,
        30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32]
_S = [
    "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
    "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
    "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
    "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
    "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
    "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
    "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
    "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
]


def _bits(data):
    return [byte >> (7 - i) & 1 for byte in data for i in range(8)]


def _pick(bits, table):
    return [bits[i - 1] for i in table]


def des(key, block):
    """One block of 8 bytes, enciphered."""
    halves, keys = _pick(_bits(key), _PC1), []
    c, d = halves[:28], halves[28:]
    for i in range(16):
        n = 1 if i in (0, 1, 8, 15) else 2
        c, d = c[n:] + c[:n], d[n:] + d[:n]
        keys.append(_pick(c + d, _PC2))
    bits = _pick(_bits(block), _IP)
    left, right = bits[:32], bits[32:]
    for k in keys:
        x, out = [a ^ b for a, b in zip(_pick(right, _E), k)], []
        for i in range(8):
            b = x[6 * i:6 * i + 6]
            row, column = b[0] * 2 + b[5], b[1] * 8 + b[2] * 4 + b[3] * 2 + b[4]
            out += _bits([int(_S[i][row * 16 + column], 16)])[4:]
        left, right = right, [a ^ b for a, b in zip(left, _pick(out, _P))]
    bits = _pick(right + left, _FP)
    return bytes(int("".join(map(str, bits[i:i + 8])), 2) for i in range(0, 64, 8))


def answer(password, challenge):
    """RFC 6143, 7.2.2: the key's bytes have their bits mirrored."""
    key = bytes(int(f"{b:08b}"[::-1], 2) for b in password.encode()[:8].ljust(8, b"\0"))
    return des(key, challenge[:8]) + des(key, challenge[8:])


class Refused(Exception):
    pass


class Client:
    """Connects, and keeps a picture: width, height, rows of pixels 0x00RRGGBB as bytes."""

    def __init__(self, address, encoding, password=None, timeout=20, version=b"003.008",
                 layout=(32, 24, 255, 255, 255, 16, 8, 0), simple=False):
        """layout: bits, depth, largest red, green and blue, their shifts. simple: without extensions."""
        self.version, self.layout = version, layout
        self.socket = (socket.create_connection(address, timeout) if isinstance(address, tuple)
                       else socket.socket(socket.AF_UNIX))
        if not isinstance(address, tuple):
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        self.encodings, self.inflate, self.extended = set(), zlib.decompressobj(), False
        try:
            self.shake_hands(encoding, password, simple)
        except (Refused, OSError, EOFError):
            self.close()
            raise

    def shake_hands(self, encoding, password, simple):
        assert self.read(12) == b"RFB 003.008\n"
        self.socket.sendall(b"RFB " + self.version + b"\n")
        kind = 1 if password is None else 2
        if self.version == b"003.003":
            kinds = self.read(4)[3:]
        else:
            kinds = self.read(self.read(1)[0])
        if kind not in kinds:
            raise Refused(f"security types {kinds}")
        if self.version != b"003.003":
            self.socket.sendall(bytes([kind]))
        if kind == 2:
            self.socket.sendall(answer(password, self.read(16)))
        if (kind == 2 or self.version == b"003.008") and struct.unpack(">I", self.read(4))[0]:
            raise Refused(self.read(struct.unpack(">I", self.read(4))[0]).decode())
        self.socket.sendall(b"\1")  # shared
        width, height = struct.unpack(">HH", self.read(20)[:4])
        self.name = self.read(struct.unpack(">I", self.read(4))[0]).decode()
        self.resize(width, height)
        self.socket.sendall(struct.pack(">BxxxBBBBHHHBBBxxx", 0, *self.layout[:2], 0, 1, *self.layout[2:]))
        wanted = [encoding] if simple else [encoding, DESKTOP_SIZE, EXTENDED_KEYS]
        self.socket.sendall(struct.pack(f">BxH{len(wanted)}i", 2, len(wanted), *wanted))
        self.request(False)

    def close(self):
        self.socket.close()

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError("the server has closed the connection")
            data += more
        return data

    def resize(self, width, height):
        self.width, self.height = width, height
        self.pixels = [bytearray(4 * width) for _ in range(height)]

    def request(self, changes=True):
        self.socket.sendall(struct.pack(">BBHHHH", 3, changes, 0, 0, self.width, self.height))

    def key(self, symbol, *down):
        """Down and up, or as said."""
        for d in down or (True, False):
            self.socket.sendall(struct.pack(">BBxxI", 4, d, symbol))

    def extended_key(self, number, down):
        self.socket.sendall(struct.pack(">BBHII", 255, 0, down, 0, number))

    def pointer(self, x, y, buttons=0):
        self.socket.sendall(struct.pack(">BBHH", 5, buttons, x, y))

    def put(self, x, y, width, data):
        for n in range(len(data) // (4 * width)):
            self.pixels[y + n][4 * x:4 * (x + width)] = data[4 * width * n:4 * width * (n + 1)]

    def widened(self, data):
        """Pixels as they come, as blue, green, red, 0."""
        bits, _, *most = self.layout[:5]
        shifts = self.layout[5:]
        pixels = struct.unpack("<%d%s" % (len(data) * 8 // bits, {8: "B", 16: "H", 32: "I"}[bits]), data)
        table = {p: bytes([*(((p >> s & m) * 255 + m // 2) // m for m, s in zip(reversed(most), reversed(shifts))), 0])
                 for p in set(pixels)}
        return b"".join(table[p] for p in pixels)

    def hextile(self, x, y, width, height):
        back = front = bytes(4)
        for ty in range(y, y + height, 16):
            for tx in range(x, x + width, 16):
                w, h = min(16, x + width - tx), min(16, y + height - ty)
                kind = self.read(1)[0]
                if kind & 1:
                    self.put(tx, ty, w, self.read(4 * w * h))
                    continue
                back = self.read(4) if kind & 2 else back
                front = self.read(4) if kind & 4 else front
                self.put(tx, ty, w, back * (w * h))
                for _ in range(self.read(1)[0] if kind & 8 else 0):
                    colour = self.read(4) if kind & 16 else front
                    at, size = self.read(2)
                    sw, sh = (size >> 4) + 1, (size & 15) + 1
                    self.put(tx + (at >> 4), ty + (at & 15), sw, colour * (sw * sh))

    def rectangle(self):
        x, y, width, height, encoding = struct.unpack(">HHHHi", self.read(12))
        self.encodings.add(encoding)
        if encoding == RAW:
            self.put(x, y, width, self.widened(self.read(self.layout[0] // 8 * width * height)))
        elif encoding == HEXTILE:
            self.hextile(x, y, width, height)
        elif encoding == ZLIB:
            data = self.inflate.decompress(self.read(struct.unpack(">I", self.read(4))[0]))
            self.put(x, y, width, data)
        elif encoding == DESKTOP_SIZE:
            self.resize(width, height)
            return True
        elif encoding == EXTENDED_KEYS:
            self.extended = True
        else:
            raise ValueError(f"rectangle of encoding {encoding}")
        return False

    def update(self):
        """Takes in one message of the server; asks for more after a picture. The rectangles that it had."""
        kind = self.read(1)[0]
        if kind != 0:
            raise ValueError(f"message {kind}")
        count, resized = struct.unpack(">xH", self.read(3))[0], False
        for _ in range(count):
            resized |= self.rectangle()
        self.request(not resized)
        return count

    def picture(self):
        """Width, height and RGB bytes, as in a PPM."""
        rows = []
        for row in self.pixels:
            rgb = bytearray(3 * self.width)
            rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
            rows.append(bytes(rgb))
        return self.width, self.height, b"".join(rows)

    def until(self, condition, seconds=20):
        """Updates until the condition is true."""
        end = time.monotonic() + seconds
        while not condition(self):
            if time.monotonic() > end:
                raise TimeoutError("the picture does not become as it should")
            self.update()
