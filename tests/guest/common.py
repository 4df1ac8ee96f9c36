"""What the guest tests share: running the emulator from outside, in a fresh folder, with a time limit.

Every test file is a program:  test_X.py ORRERY CACHE [unittest arguments]
ORRERY is the emulator, CACHE the folder that make-linux has filled."""
import gzip
import os
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

ORRERY, CACHE = (os.path.abspath(a) for a in (sys.argv[1:3] if len(sys.argv) > 2 else ("orrery", "cache")))
for name in ("DISPLAY", "WAYLAND_DISPLAY"):  # no windows on the desk of who runs the tests
    os.environ.pop(name, None)
BACKENDS = ("jit", "interp")
TIMEOUT = 240  # seconds a run may take

STATE_HASH = re.compile(rb"^state hash: ([0-9a-f]{16})$", re.M)


class Result:
    """How a run ended: exit status (negative: killed by that signal), output, -statehash."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        found = STATE_HASH.search(err)
        self.state_hash = found.group(1).decode() if found else None

    def __str__(self):
        return f"status {self.status}\n--- stdout\n{show(self.out)}\n--- stderr\n{show(self.err)}"


def show(data):
    text = data.decode(errors="backslashreplace")
    return text if len(text) < 6000 else text[:3000] + "\n[...]\n" + text[-3000:]


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def archive(files):
    """An initramfs in cpio's "newc" format."""
    out = b""
    for number, (name, mode, data) in enumerate([*files, ("TRAILER!!!", 0, b"")]):
        name = name.encode() + b"\0"
        fields = (number + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + name
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


class GuestTest(unittest.TestCase):
    """A test with a folder of its own, self.dir, and runs of the emulator in it."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="orrery-test-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def orrery(self, *args, stdin=b"", timeout=TIMEOUT):
        """Runs the emulator to its end."""
        command = [ORRERY, *args]
        try:
            done = subprocess.run(command, cwd=self.dir, input=stdin, capture_output=True, timeout=timeout,
                                  preexec_fn=no_core)
        except subprocess.TimeoutExpired as late:
            self.fail(f"still running after {timeout} s: {' '.join(command)}\n--- stdout\n"
                      f"{show(late.stdout or b'')}\n--- stderr\n{show(late.stderr or b'')}")
        return Result(done.returncode, done.stdout, done.stderr)

    def linux(self, append="", accel="jit", whole=False, bits=""):
        """The arguments that boot Debian's kernel, of amd64 if bits is "64"; unless it is to be whole, without the kernel's tests of its ciphers and
        its look for ISA PnP cards, which are two thirds of it."""
        append = append if whole else f"cryptomgr.notests noisapnp {append}"
        for name in (f"vmlinuz{bits}", f"tiny{bits}.cpio.gz"):
            if not os.path.exists(os.path.join(CACHE, name)):
                self.fail(f"{CACHE}/{name} is missing: run tests/guest/make-linux {CACHE}")
        return ["-m", "256", "-nographic", "-no-reboot", "-kernel", f"{CACHE}/vmlinuz{bits}",
                "-initrd", f"{CACHE}/tiny{bits}.cpio.gz", "-append", f"console=ttyS0 quiet {append}".strip(),
                "-accel", accel]

    def initrd(self, modules, files):
        """An initramfs with busybox, a pack of make-linux's modules and files: (name, mode, data)."""
        data = b""
        for name in ("tiny.cpio.gz", f"{modules}.cpio.gz"):
            if not os.path.exists(os.path.join(CACHE, name)):
                self.fail(f"{CACHE}/{name} is missing: run tests/guest/make-linux {CACHE}")
            with open(os.path.join(CACHE, name), "rb") as f:
                data += f.read()
            data += bytes(-len(data) % 4)
        return self.write("initrd", data + gzip.compress(archive(files), mtime=0))

    def terminal(self, *args):
        t = Terminal(self, [ORRERY, *args])
        self.addCleanup(t.close)
        return t


class ScreenTest(GuestTest):
    """Guests before whose screen somebody sits: in guest-screen, which is next to the build's tests."""

    LIMIT = TIMEOUT
    SCREEN = os.path.join(os.path.dirname(os.path.dirname(ORRERY)), "tests", "guest-screen")

    def at_screen(self, machine, steps, limit=None, accel="jit"):
        """Runs the steps; what the shown screens said."""
        command = [self.SCREEN, f"accel={accel}", *machine]
        began = time.monotonic()
        with subprocess.Popen(command, cwd=self.dir, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, preexec_fn=no_core) as process:
            late = threading.Timer(limit or self.LIMIT, process.terminate)
            late.start()
            out, err = process.communicate("".join(s + "\n" for s in steps).encode())
            late.cancel()
        result = Result(process.returncode, out, err)
        self.assertEqual(result.status, 0, str(result))
        print(f"{time.monotonic() - began:.1f} s, {err.decode().strip()} ... ", end="", flush=True)
        return out.decode()


class Terminal:
    """The emulator on a pseudo-terminal, like a user's; standard error goes to a pipe of its own."""

    def __init__(self, test, command):
        self.test, self.seen = test, b""
        self.master, self.slave = pty.openpty()
        # A state that raw mode changes in every way, so that a wrong restore shows.
        mode = termios.tcgetattr(self.slave)
        mode[0] |= termios.ICRNL | termios.IXON | termios.BRKINT
        mode[3] |= termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN
        termios.tcsetattr(self.slave, termios.TCSANOW, mode)
        self.before = termios.tcgetattr(self.slave)
        self.errors = open(os.path.join(test.dir, "terminal-stderr"), "w+b")
        self.process = subprocess.Popen(command, cwd=test.dir, stdin=self.slave, stdout=self.slave,
                                        stderr=self.errors, start_new_session=True, preexec_fn=no_core)

    def mode(self):
        return termios.tcgetattr(self.slave)

    def pull(self, seconds):
        """Takes in what comes within the given time; false if nothing came."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def wait_for(self, text, timeout=TIMEOUT):
        """Reads until text comes; leaves in self.seen what follows it, returns what came before."""
        text = text.encode() if isinstance(text, str) else text
        end = time.monotonic() + timeout
        while text not in self.seen:
            if time.monotonic() > end:
                self.fail(f"no {text!r} within {timeout} s")
            if not self.pull(0.1) and self.process.poll() is not None and not self.pull(0.2):
                self.fail(f"ended with status {self.process.returncode} before {text!r} came")
        before, self.seen = self.seen.split(text, 1)
        return before

    def type(self, text):
        os.write(self.master, text.encode())

    def kill(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)

    def finish(self, timeout=TIMEOUT):
        """Waits for the end; a Result with all output that wait_for() has not taken."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            self.pull(0.1)
            if time.monotonic() > end:
                self.fail(f"still running after {timeout} s")
        while self.pull(0.1):
            pass
        self.errors.seek(0)
        return Result(self.process.returncode, self.seen, self.errors.read())

    def fail(self, why):
        self.errors.seek(0)
        self.test.fail(f"{why}\n--- terminal\n{show(self.seen)}\n--- stderr\n{show(self.errors.read())}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
        os.close(self.master)
        os.close(self.slave)


def has_user_network():
    """Whether the emulator was built with libslirp."""
    return subprocess.run([ORRERY, "-nic", "user", "-version"], capture_output=True).returncode == 0


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
