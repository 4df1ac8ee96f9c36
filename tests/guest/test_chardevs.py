#!/usr/bin/env python3
"""What serial ports can be on: sockets, telnet, pseudo-terminals, pipes, files, rings, a mouse; slow and absent peers."""
import os
import re
import select
import socket
import subprocess
import time
import tty
import unittest

import common
import mini
import qmpclient


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Chardevs(common.GuestTest):
    """The guest of mini/echo.s, which ends with status 45h when it gets a Q."""

    def arguments(self, *more):
        self.write("k", mini.kernel("echo"))
        return ["-m", "16", "-display", "none", "-monitor", "none", "-kernel", "k", *mini.EXIT, *more]

    def start(self, *more):
        process = subprocess.Popen([common.ORRERY, *self.arguments(*more)], cwd=self.dir, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=common.no_core)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()

        self.addCleanup(end)
        return process

    def connect(self, address):
        s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.addCleanup(s.close)
        for _ in range(1000):
            try:
                s.connect(address)
                break
            except OSError:
                time.sleep(0.02)
        s.settimeout(30)
        return s

    def receive(self, s, text, read=None):
        seen = b""
        read = read or (lambda: s.recv(65536))
        while text not in seen:
            data = read()
            self.assertTrue(data, f"no {text!r} in {seen[-200:]!r}")
            seen += data
        return seen

    def talk(self, process, s, status=0x45):
        s.sendall(b"hello")
        self.receive(s, b"hello")
        s.sendall(b"Q")
        self.assertEqual(process.wait(30), status)

    def test_servers(self):
        """A server without nowait: the guest starts when somebody has come, so nothing is lost."""
        port = free_port()
        for options, address in ((["-serial", f"tcp:127.0.0.1:{port},server"], ("127.0.0.1", port)),
                                 (["-serial", f"tcp::{port},server=on,wait=on,nodelay"], ("127.0.0.1", port)),
                                 (["-serial", "unix:s,server"], self.path("s")),
                                 (["-chardev", "socket,id=c,path=s,server=on", "-serial", "chardev:c"], self.path("s")),
                                 (["-chardev", f"socket,id=c,host=127.0.0.1,port={port},server", "-serial", "chardev:c"],
                                  ("127.0.0.1", port))):
            with self.subTest(options=options):
                process = self.start(*options)
                self.assertIn(b"waiting for connection", process.stderr.readline())
                s = self.connect(address)
                self.receive(s, b"ready\r\n")
                self.talk(process, s)
        self.assertFalse(os.path.exists(self.path("s")), "the socket's name is left behind")

    def test_reconnect(self):
        process = self.start("-serial", "unix:s,server,nowait")
        for _ in range(3):
            s = self.connect(self.path("s"))
            s.sendall(b"abc")
            self.receive(s, b"abc")
            s.close()
        self.talk(process, self.connect(self.path("s")))

    def test_clients(self):
        mine, its = socket.socketpair()
        its.set_inheritable(True)
        process = subprocess.Popen([common.ORRERY, *self.arguments("-chardev", f"socket,id=c,fd={its.fileno()}", "-serial",
                                                                   "chardev:c")], cwd=self.dir, pass_fds=[its.fileno()],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        its.close()
        mine.settimeout(20)
        self.receive(mine, b"ready")
        mine.sendall(b"Q")
        self.assertEqual(process.wait(20), 0x45)
        mine.close()
        bad = self.orrery(*self.arguments("-chardev", "socket,id=c,fd=0", "-serial", "chardev:c"))
        self.assertEqual(bad.status, 1)
        self.assertIn(b"fd '0' is no socket", bad.err)
        for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, self.path("l"))):
            with socket.socket(family) as listener:
                listener.bind(address)
                listener.listen()
                name = address if isinstance(address, str) else f"127.0.0.1:{listener.getsockname()[1]}"
                process = self.start("-serial", ("unix:" if isinstance(address, str) else "tcp:") + name)
                s = listener.accept()[0]
                s.settimeout(30)
                self.receive(s, b"ready")
                self.talk(process, s)
                s.close()

    def test_telnet(self):
        port = free_port()
        process = self.start("-serial", f"telnet:127.0.0.1:{port},server")
        s = self.connect(("127.0.0.1", port))
        seen = self.receive(s, b"ready")
        self.assertTrue(seen.startswith(b"\xff\xfb\x01\xff\xfb\x03"), seen)  # IAC WILL ECHO, IAC WILL SGA
        s.sendall(b"a\xff\xfd\x01b\xff\xfa\x18\x00xyz\xff\xf0c\xff\xff\xff\xf1d")  # options are not data
        self.receive(s, b"abc\xff\xffd")
        self.talk(process, s)

    def test_pty(self):
        process = self.start("-serial", "pty")
        line = process.stdout.readline().decode()
        name = re.fullmatch(r"char device redirected to (/dev/pts/\d+) \(label serial0\)\n", line)
        self.assertTrue(name, line)
        for last in (False, True):
            fd = os.open(name[1], os.O_RDWR | os.O_NOCTTY)
            tty.setraw(fd)

            def read():
                self.assertTrue(select.select([fd], [], [], 20)[0])
                return os.read(fd, 4096)

            time.sleep(0.5)
            os.write(fd, b"xyz")
            self.receive(None, b"xyz", read)
            if last:
                os.write(fd, b"Q")
            os.close(fd)
        self.assertEqual(process.wait(30), 0x45)

    def test_pipes(self):
        for names in (("p",), ("p.in", "p.out")):
            for name in names:
                os.mkfifo(self.path(name))
            process = self.start("-serial", "pipe:p")
            if len(names) == 2:
                fd = os.open(self.path("p.out"), os.O_RDONLY)
                out = os.open(self.path("p.in"), os.O_WRONLY)
                self.receive(None, b"ready", lambda: os.read(fd, 4096))
                os.write(out, b"Q")
                self.assertEqual(process.wait(30), 0x45)
                os.close(fd)
                os.close(out)
            else:
                process.kill()
                process.wait()
                os.unlink(self.path("p"))

    def test_files(self):
        self.write("log", b"before ")
        self.write("old", b"kept ")
        process = self.start("-chardev", "file,id=f,path=old,append=on", "-serial", "chardev:f", "-chardev",
                             "socket,id=s,path=s,server=on,wait=on,logfile=log", "-serial", "chardev:s", "-debugcon", "null",
                             "-serial", "file:n,e,w")
        self.connect(self.path("s"))
        for _ in range(500):
            if b"ready" in self.read("old"):
                break
            time.sleep(0.02)
        process.terminate()
        process.wait(20)
        self.assertEqual(self.read("old"), b"kept ready\r\n")
        self.assertEqual(self.read("log"), b"")
        self.assertEqual(self.read("n,e,w"), b"")

    def test_slow_reader(self):
        """The guest stands until its output is taken: nothing is lost, and what waits is bounded."""
        process = self.start("-serial", "unix:s,server")
        s = self.connect(self.path("s"))
        self.receive(s, b"ready\r\n")
        s.sendall(b"F")
        self.assertEqual(s.recv(1), b"F")
        time.sleep(1.5)
        with open(f"/proc/{process.pid}/stat") as f:
            before = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        time.sleep(1)
        with open(f"/proc/{process.pid}/stat") as f:
            self.assertLess(sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) - before, 30, "it does not wait")
        with open(f"/proc/{process.pid}/status") as f:
            self.assertLess(int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]), 200000, "kB")
        seen = self.receive(s, b".")
        self.assertEqual(seen, b"".join(b"%08x" % i for i in range(100000)) + b".")
        self.talk(process, s)

    def test_vanished_reader(self):
        """Output for somebody who has gone is dropped, and the guest goes on."""
        process = self.start("-serial", "unix:s,server", "-stats")
        s = self.connect(self.path("s"))
        self.receive(s, b"ready\r\n")
        s.sendall(b"F")
        time.sleep(0.5)
        s.close()
        s = self.connect(self.path("s"))
        self.receive(s, b".")
        self.talk(process, s)

    def test_device(self):
        """A serial port of -device on a -chardev of its own."""
        process = self.start("-serial", "none", "-chardev", "socket,id=mine,path=s,server=on", "-device",
                             "isa-serial,iobase=0x3f8,irq=4,chardev=mine")
        s = self.connect(self.path("s"))
        self.receive(s, b"ready")
        self.talk(process, s)

    def test_ring(self):
        self.write("k", mini.kernel("echo"))
        m = qmpclient.Machine(self, "-m", "16", "-kernel", "k", "-chardev", "ringbuf,id=r,size=64", "-serial", "chardev:r")
        end = time.monotonic() + 20
        text = ""
        while "ready" not in text and time.monotonic() < end:
            text += m.qmp.command("ringbuf-read", device="r", size=64)
        self.assertIn("ready", text)
        self.assertEqual(m.qmp.hmp("ringbuf_read r 10"), "\n")

    def test_mouse(self):
        """It says what it is when it gets power, and movements come as packets."""
        self.write("k", mini.kernel("echo"))
        m = qmpclient.Machine(self, "-m", "16", "-kernel", "k", "-S", "-serial", "msmouse", "-debugcon", "file:out")
        self.assertIn("Microsoft", m.qmp.hmp("info mice"))
        m.qmp.command("cont")
        m.wait_for("out", b"M3")
        m.qmp.hmp("mouse_move 5 -3")
        m.wait_for("out", b"M3\x4c\x05\x3d")
        m.qmp.hmp("mouse_button 1")
        m.wait_for("out", b"M3\x4c\x05\x3d\x60\0\0")

    def test_refused(self):
        for bad, words in ((["-serial", "tcp:127.0.0.1:1"], "refused"), (["-serial", "tcp:nohost"], "HOST:PORT"),
                           (["-serial", "tcp:127.0.0.1:1,what"], "what"), (["-serial", "unix:"], "path"),
                           (["-serial", "unix:" + "x" * 200], "too long"), (["-serial", "udp:127.0.0.1:1"], "udp"),
                           (["-serial", "pipe:none"], "none"), (["-serial", "chardev:x"], "'x'"),
                           (["-chardev", "null"], "id"), (["-chardev", "nonsense,id=a"], "nonsense"),
                           (["-chardev", "null,id=a", "-chardev", "null,id=a"], "already"),
                           (["-chardev", "null,id=a,path=x"], "path"), (["-chardev", "file,id=a"], "path"),
                           (["-chardev", "socket,id=a"], "path"), (["-chardev", "socket,id=a,path=x,port=1"], "path"),
                           (["-chardev", "socket,id=a,path=x,server=maybe"], "maybe"),
                           (["-chardev", "ringbuf,id=a,size=63"], "power of two"),
                           (["-chardev", "null,id=a", "-serial", "chardev:a", "-serial", "chardev:a"], "in use"),
                           (["-serial", "stdio", "-serial", "stdio"], "standard input")):
            with self.subTest(bad=bad):
                result = self.orrery(*self.arguments(*bad), timeout=20)
                self.assertEqual(result.status, 1, str(result))
                self.assertIn(words, result.err.decode())


if __name__ == "__main__":
    common.main()
