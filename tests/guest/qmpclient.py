"""A QMP connection for the tests, and the emulator behind it."""
import json
import os
import socket
import subprocess
import time

import common


class QMP:
    def __init__(self, test, path, negotiate=True):
        self.test, self.events = test, []
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 20
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rb")
        self.greeting = self.message()
        if negotiate:
            self.command("qmp_capabilities")

    def message(self):
        line = self.file.readline()
        if not line:
            self.test.fail("the connection has ended")
        return json.loads(line)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def answer(self):
        """The next message that is no event."""
        while True:
            message = self.message()
            if "event" not in message:
                return message
            self.events.append(message)

    def raw(self, text):
        self.send(text)
        return self.answer()

    def ask(self, name, **arguments):
        message = {"execute": name}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        return self.raw(json.dumps(message) + "\n")

    def command(self, name, **arguments):
        answer = self.ask(name, **arguments)
        self.test.assertIn("return", answer, f"{name}: {answer}")
        return answer["return"]

    def refused(self, name, **arguments):
        answer = self.ask(name, **arguments)
        self.test.assertIn("error", answer, f"{name}: {answer}")
        return answer["error"]

    def hmp(self, line):
        return self.command("human-monitor-command", command_line=line).replace("\r\n", "\n")

    def wait_event(self, name):
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            message = self.message()
            self.test.assertIn("event", message)
            self.events.append(message)

    def close(self):
        self.file.close()
        self.socket.close()

    def __del__(self):
        self.close()


class Machine:
    """The emulator with QMP at a Unix socket in the test's folder."""

    def __init__(self, test, *args, qmp="q", program=None, negotiate=True):
        self.test = test
        self.errors = open(test.path("stderr"), "w+b")
        path = test.path(qmp)
        if os.path.exists(path):
            os.unlink(path)
        self.process = subprocess.Popen(
            [program or common.ORRERY, *args, "-display", "none", "-qmp", f"unix:{path},server=on,wait=off"],
            cwd=test.dir, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors, preexec_fn=common.no_core)
        test.addCleanup(self.close)
        self.qmp = QMP(test, path, negotiate)

    def wait_for(self, name, text, timeout=60):
        """Until the file that the machine writes contains text."""
        text = text if isinstance(text, bytes) else text.encode()
        end = time.monotonic() + timeout
        while text not in self.test.read(name):
            if time.monotonic() > end or self.process.poll() is not None:
                self.test.fail(f"no {text!r} in {self.test.read(name)[-500:]!r}; {self.stderr()!r}")
            time.sleep(0.02)

    def stderr(self):
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()

    def finish(self, timeout=60):
        return self.process.wait(timeout)

    def close(self):
        self.qmp.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()
