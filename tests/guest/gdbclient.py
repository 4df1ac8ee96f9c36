"""GDB for the tests: the real one, driven by its own Python, and a connection for single packets."""
import json
import os
import shlex
import shutil
import socket
import subprocess
import time

import common

GDB = shutil.which("gdb")

MARK = "@@@ end of output"

# What GDB runs: each command, a mark behind its output. "ctrl-c N COMMAND": SIGINT N seconds after its start.
DRIVER = """
import json, os, signal, threading
import gdb
with open({commands!r}) as f:
    commands = json.load(f)
for c in commands:
    if c.startswith("ctrl-c "):
        _, seconds, c = c.split(" ", 2)
        threading.Timer(float(seconds), lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        gdb.execute(c)
    except (gdb.error, KeyboardInterrupt) as e:
        gdb.write("ERROR: " + str(e) + "\\n")
    gdb.write({mark!r})
    gdb.flush()
"""


def has_python():
    """A GDB with Python inside?"""
    return GDB and subprocess.run([GDB, "-q", "-nx", "-batch", "-ex", "python import json"],
                                  capture_output=True).returncode == 0


def run(test, commands, *args, remote=None, timeout=60):
    """Runs GDB on a machine of its own, or on the one at `remote`. The outputs of the commands, in their order."""
    script, todo = (test.path(name) for name in ("driver.py", "commands"))
    machine = shlex.join([common.ORRERY, "-display", "none", "-gdb", "stdio", *args]) + " 2>stderr"
    first = ["set pagination off", "set confirm off", "set width 0", "set tcp connect-timeout 20",
             f"target remote {remote}" if remote else f"target remote | exec {machine}"]
    with open(todo, "w") as f:
        json.dump([*first, *commands], f)
    with open(script, "w") as f:
        f.write(DRIVER.format(commands=todo, mark=MARK))
    done = subprocess.run([GDB, "-q", "-nx", "-batch", "-x", script], cwd=test.dir, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    outs = done.stdout.split(MARK)
    if len(outs) != len(first) + len(commands) + 1:
        test.fail(f"GDB has ended early: {done.stdout}")
    return outs[len(first):-1]


class Packets:
    """The machine behind a Unix socket, and packets to it."""

    def __init__(self, test, *args, acks=False):
        self.test, self.acks, self.data = test, acks, b""
        self.errors = open(test.path("stderr"), "w+b")
        path = test.path("g")
        self.process = subprocess.Popen([common.ORRERY, "-display", "none", "-gdb", f"unix:{path}", *args], cwd=test.dir,
                                        stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                        preexec_fn=common.no_core)
        test.addCleanup(self.close)
        self.path = path
        self.connect()

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 20
        while True:
            try:
                self.socket.connect(self.path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.socket.settimeout(60)
        self.data = b""

    def raw(self, data):
        self.socket.sendall(data)

    def byte(self):
        while not self.data:
            got = self.socket.recv(65536)
            if not got:
                self.test.fail("the connection has ended")
            self.data += got
        first, self.data = self.data[:1], self.data[1:]
        return first

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        self.raw(b"$" + data + b"#%02x" % (sum(data) & 255))

    def packet(self):
        """The next packet; acknowledgements are skipped."""
        while (c := self.byte()) != b"$":
            self.test.assertEqual(c, b"+")
        data = b""
        while (c := self.byte()) != b"#":
            data += c
        self.test.assertEqual(int(self.byte() + self.byte(), 16), sum(data) & 255)
        return data.decode("latin-1")

    def ask(self, text):
        """The answer, without console output."""
        self.send(text)
        while (answer := self.packet()).startswith("O") and answer != "OK":
            self.output = bytes.fromhex(answer[1:]).decode()
        return answer

    def close(self):
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
