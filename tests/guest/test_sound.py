#!/usr/bin/env python3
"""Sound from outside: mini/sound.s finds the cards and plays, the WAV file holds what it played, the same on both back
ends and in replays; listening changes nothing; options."""
import array
import os
import struct
import sys
import time
import unittest

import common
import mini

OUTPUT = """\
reset aa version 0405
interrupt 21
opl 00 c0
speaker 21
fm 21
16 bits 22
8 bits 00c7 018f 00c7 018f
interrupts 0b
"""
CARDS = ["-audiodev", "wav,id=snd,path=wav", "-machine", "pc,pcspk-audiodev=snd", "-device", "sb16,audiodev=snd"]


def frames(wav, rate=44100):
    """Left and right of a WAV file as Orrery writes them, its header checked."""
    riff, length, wave, fmt, size, pcm, channels, got, bytes_a_second, align, bits, data, data_length = struct.unpack(
        "<4sI4s4sIHHIIHH4sI", wav[:44])
    assert (riff, wave, fmt, data) == (b"RIFF", b"WAVE", b"fmt ", b"data"), wav[:44]
    assert (size, pcm, channels, got, bytes_a_second, align, bits) == (16, 1, 2, rate, rate * 4, 4, 16), wav[:44]
    assert (length, data_length) == (len(wav) - 8, len(wav) - 44), wav[:44]
    samples = array.array("h", wav[44:])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples[::2], samples[1::2]


def crossings(samples):
    return sum(a < 0 <= b for a, b in zip(samples, samples[1:]))


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Sound(common.GuestTest):
    maxDiff = None

    def run_guest(self, *args, out=OUTPUT, kernel="sound"):
        kernel = self.write("kernel", mini.kernel(kernel))
        result = self.orrery("-m", "32", "-kernel", kernel, "-debugcon", "file:out", "-statehash", *mini.EXIT, *args,
                             timeout=60)
        self.assertEqual(self.read("out").decode(), out, str(result))
        self.assertEqual(result.status, 1, str(result))
        return result

    def check_sound(self, left, right):
        """The tenths of a second: loudspeaker, FM, 16 bits, 8 bits; each where it is."""
        ramp = left.index(-11000 + 5)
        self.assertEqual(list(left[ramp:ramp + 4409]), [5 * i - 11000 for i in range(1, 4410)])
        self.assertEqual(list(right[ramp:ramp + 4409]), [11000 - 5 * i for i in range(1, 4410)])
        speaker, fm, saw = ramp - 3 * 4410, ramp - 2 * 4410, ramp + 2 * 4410
        self.assertFalse(any(left[:max(speaker - 100, 0)]))
        self.assertIn(crossings(left[speaker + 441:speaker + 441 + 2205]), range(49, 52))
        self.assertIn(crossings(left[fm + 882:fm + 882 + 2205]), range(21, 24))
        self.assertIn(max(left[fm + 882:fm + 882 + 2205]), range(8100, 8300))
        self.assertIn(crossings(left[saw + 441:saw + 441 + 2205]), range(11, 15))
        self.assertIn(min(left[saw:saw + 4000]), range(-32768, -30000))
        self.assertFalse(any(left[saw + 4410 + 100:]))

    def test_sound(self):
        hashes, wavs = set(), set()
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                hashes.add(self.run_guest("-accel", accel, *CARDS).state_hash)
                wav = self.read("wav")
                self.check_sound(*frames(wav))
                wavs.add(wav)
        self.assertEqual((len(hashes), len(wavs)), (1, 1))

    def test_nobody_listens(self):
        """The guest runs the same with a file, with nothing, and by other options; a journal fits all of them."""
        hashes = {self.run_guest(*CARDS).state_hash}
        wav = self.read("wav")
        hashes.add(self.run_guest("-device", "sb16", "-record", self.path("j")).state_hash)
        hashes.add(self.run_guest("-soundhw", "sb16", "-audiodev", "driver=none,id=x").state_hash)
        self.write("wav", b"before")
        for accel in common.BACKENDS:
            hashes.add(self.run_guest("-accel", accel, "-replay", self.path("j"), *CARDS).state_hash)
            self.assertEqual(self.read("wav"), wav)
        self.assertEqual(len(hashes), 1)

    def test_options(self):
        self.run_guest("-soundhw", "sb16,pcspk", "-audiodev", "wav,id=a,path=a,,b,out.frequency=48000", "-audiodev",
                       "wav,id=b,path=b")
        left, right = frames(self.read("a,b"), 48000)
        self.assertIn(crossings(left[480:4800]), range(87, 92))  # firmware comes first
        self.assertEqual(left[:4800], right[:4800])
        left, right = frames(self.read("b"))
        self.assertFalse(any(left) or any(right))
        self.assertIn(b"sb16", self.orrery("-soundhw", "help").out)

    def test_all(self):
        """With an AdLib beside it the Sound Blaster's OPL3 keeps the ports; and the speaker is heard, unless unplugged."""
        self.run_guest("-soundhw", "all", "-audiodev", "wav,id=snd,path=wav")
        self.check_sound(*frames(self.read("wav")))
        self.run_guest("-soundhw", "sb16", "-audiodev", "wav,id=snd,path=wav")
        left, _ = frames(self.read("wav"))
        fm = left.index(-11000 + 5) - 2 * 4410
        self.assertFalse(any(left[:fm - 100]))

    def test_sdl(self):
        """SDL's own file driver stands for a sound card: what it gets comes at its pace, in real time."""
        os.environ.update(SDL_AUDIODRIVER="disk", SDL_DISKAUDIOFILE=self.path("raw"))
        self.addCleanup(os.environ.pop, "SDL_AUDIODRIVER")
        result = self.orrery("-kernel", self.write("halt", mini.bzimage(b"\xfa\xf4")), "-audiodev", "sdl,id=snd")
        if b"built without SDL" in result.err:
            self.skipTest("built without SDL")
        began = time.monotonic()
        result = self.run_guest("-soundhw", "sb16,pcspk", "-audiodev", "pa,id=snd")
        self.assertGreater(time.monotonic() - began, 0.7)
        self.assertEqual(result.err.count(b"orrery: "), 1, str(result))
        left = array.array("h", self.read("raw"))[::2]
        self.assertIn(5 * 1000 - 11000, left)
        os.environ["SDL_AUDIODRIVER"] = "nosuchdriver"
        self.assertIn(b"orrery: -audiodev: SDL", self.orrery("-kernel", "halt", "-audiodev", "sdl,id=snd").err)

    def test_refused(self):
        kernel = self.write("kernel", mini.kernel("sound"))
        for args, says in (
                (["-audiodev", "wav"], "id="), (["-audiodev", "id=a"], "driver"), (["-audiodev", "tape,id=a"], "tape"),
                (["-audiodev", "none,id=a", "-audiodev", "none,id=a"], "taken"),
                (["-audiodev", "none,id=a,path=b"], "path"), (["-audiodev", "wav,id=a,out.frequency=1"], "frequency"),
                (["-audiodev", "wav,id=a,path=/no/where"], "where"), (["-audiodev", "none,id=a,x=1"], "x"),
                (["-device", "sb16,audiodev=a"], "audiodev"), (["-machine", "pc,pcspk-audiodev=a"], "'a'"),
                (["-machine", "pc,x=y"], "x"), (["-soundhw", "gus"], "gus"), (["-device", "sb16,irq=6"], "irq")):
            with self.subTest(" ".join(args)):
                result = self.orrery("-kernel", kernel, *args, timeout=20)
                self.assertEqual(result.status, 1, str(result))
                self.assertEqual(len(result.err.splitlines()), 1, str(result))
                self.assertIn(says, result.err.decode())


if __name__ == "__main__":
    common.main()
