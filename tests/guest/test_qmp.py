#!/usr/bin/env python3
"""QMP: the protocol, what its commands do to a guest, events, and what happens to broken input."""
import json
import random
import re
import socket
import subprocess
import time
import unittest

import common
import mini
import qmpclient
import rfb


@unittest.skipUnless(mini.tools(), "no assembler for 32-bit x86 (binutils)")
class Qmp(common.GuestTest):
    def machine(self, *args, name="panel", **how):
        self.write("k", mini.kernel(name))
        return qmpclient.Machine(self, "-m", "16", "-kernel", "k", "-serial", "null", "-debugcon", "file:out", *mini.EXIT,
                                 *args, **how)

    def test_protocol(self):
        m = self.machine(negotiate=False)
        q = m.qmp
        version = q.greeting["QMP"]["version"]
        self.assertEqual(version["qemu"]["major"], 7)
        self.assertEqual(q.greeting["QMP"]["capabilities"], ["oob"])
        self.assertIn("'what'", q.refused("qmp_capabilities", enable=["what"])["desc"])
        self.assertEqual(q.refused("query-status")["class"], "CommandNotFound")
        q.command("qmp_capabilities")
        self.assertEqual(q.refused("qmp_capabilities")["class"], "CommandNotFound")
        self.assertEqual(q.command("query-version"), version)
        for text, words in (("[1]", "JSON object"), ("5\n", "JSON object"), ('{"a" 1}', "parse"), ('{"x":1}', "'x'"),
                            ("{}", "execute"), ('{"execute":5}', "string"), ('{"execute":"stop","arguments":[]}', "object"),
                            ('{"execute":"stop","arguments":{"x":1}}', "'x' is unexpected"),
                            ('{"execute":"memsave","arguments":{"val":0}}', "'size' is missing"),
                            ('{"execute":"memsave","arguments":{"val":"0","size":1,"filename":"f"}}', "integer"),
                            ('{"execute":"stop",' + " " * (1 << 20), "size limit"),
                            ("\n" + "[" * 1000 + "\n", "nesting"),
                            ('{"execute": 99999999999999999999999999}', "parse"),
                            ('{"execute": "\xff"}'.encode("latin1"), "parse"), ("}", "parse")):
            with self.subTest(text=text[:40]):
                answer = q.raw(text if text != "}" else "}\n")
                self.assertEqual(answer["error"]["class"], "GenericError", answer)
                self.assertIn(words, answer["error"]["desc"])
                q.send("\n")
        for identity in (1, "x", {"a": [None, 2.5]}):
            self.assertEqual(q.raw(json.dumps({"execute": "query-kvm", "id": identity}))["id"], identity)
        self.assertEqual(q.raw(json.dumps({"execute": "nope", "id": 7}))["id"], 7)
        answer = q.raw("{'execute':\n 'query-name'\n}{\"execute\":\"query-uuid\"}")  # two at once, the first over lines
        self.assertIn("return", answer)
        self.assertIn("UUID", q.answer()["return"])
        q.command("quit")
        self.assertEqual(q.wait_event("SHUTDOWN")["data"], {"guest": False, "reason": "host-qmp-quit"})
        self.assertEqual(m.finish(), 0)

    def test_out_of_band(self):
        """As capable of it as QEMU is: no command here needs it."""
        for enable in ([], ["oob"]):
            q = self.machine(negotiate=False).qmp
            q.command("qmp_capabilities", enable=enable)
            error = q.raw('{"exec-oob": "query-status", "id": 1}')["error"]["desc"]
            self.assertIn("does not support OOB" if enable else "'exec-oob' is unexpected", error)
            self.assertIn("clashes", q.raw('{"exec-oob": "stop", "execute": "stop"}')["error"]["desc"])
            q.close()

    def test_schema(self):
        """What the schema says is there, and takes such arguments; every type that is named is described."""
        q = self.machine().qmp
        schema = {e["name"]: e for e in q.command("query-qmp-schema")}
        for entry in schema.values():
            for used in ("arg-type", "ret-type", "element-type"):
                self.assertIn(entry.get(used, "any"), schema)
            for m in entry.get("members", ()):
                self.assertIn(m["type"], schema)
        commands = {n for n, e in schema.items() if e["meta-type"] == "command"}
        self.assertEqual(commands, {c["name"] for c in q.command("query-commands")})
        self.assertEqual(schema[schema["memsave"]["arg-type"]]["members"][3],
                         {"name": "cpu-index", "type": "int", "default": None})
        self.assertLessEqual({"STOP", "RTC_CHANGE", "SHUTDOWN"},
                             {n for n, e in schema.items() if e["meta-type"] == "event"})

    def test_clock(self):
        """Setting the guest's clock is told, with by how much."""
        m = self.machine()
        q = m.qmp
        m.wait_for("out", "start\n")
        q.hmp("o/1b 0x70 9")  # the year, from 26 to 55
        q.hmp("o/1b 0x71 0x55")
        self.assertEqual(q.wait_event("RTC_CHANGE")["data"]["offset"], 915148800)
        q.hmp("o/1b 0x71 0x26")
        self.assertEqual(q.wait_event("RTC_CHANGE")["data"]["offset"], 0)

    def test_end(self):
        """The end with everybody there: a VNC client, GDB, two monitors."""
        listed = subprocess.run([common.ORRERY, "-display", "help"], capture_output=True, text=True).stdout.split()
        if "vnc" not in listed:
            self.skipTest("built without vnc")
        m = self.machine("-vnc", "unix:v", "-qmp", "unix:other,server,nowait", "-gdb", "unix:g")
        client = rfb.Client(self.path("v"), rfb.RAW)
        client.update()
        other = qmpclient.QMP(self, self.path("other"))
        debugger = socket.socket(socket.AF_UNIX)
        debugger.connect(self.path("g"))
        m.qmp.wait_event("VNC_INITIALIZED")
        m.qmp.wait_event("STOP")
        m.qmp.command("quit")
        self.assertEqual(m.finish(), 0, m.stderr())
        self.assertNotIn(b"ERROR", m.stderr())
        for connection in (client, other, debugger):
            connection.close()

    def test_errors_inside(self):
        """An error in the inside of an argument says where; the words are QEMU's."""
        q = self.machine().qmp
        for keys, words in (([{"type": "qcode"}], "Parameter 'keys[0].data' is missing"),
                            ([{"type": "foo", "data": "a"}], "Parameter 'type' does not accept value 'foo'"),
                            ([{"type": "qcode", "data": "zz"}], "Parameter 'data' does not accept value 'zz'"),
                            ([5], "Invalid parameter type for 'keys[0]', expected: object"),
                            (5, "Invalid parameter type for 'keys', expected: array")):
            self.assertEqual(q.refused("send-key", keys=keys)["desc"], words)
        for event, words in (({"type": "btn", "data": {"button": "left"}}, "Parameter 'events[0].data.down' is missing"),
                             ({"type": "btn", "data": {"button": "left", "down": 5}},
                              "Invalid parameter type for 'events[0].data.down', expected: boolean"),
                             ({"type": "btn", "data": {"button": "zz", "down": True}},
                              "Parameter 'button' does not accept value 'zz'"),
                             ({"type": "rel", "data": {"axis": "z", "value": 1}},
                              "Parameter 'axis' does not accept value 'z'")):
            self.assertEqual(q.refused("input-send-event", events=[event])["desc"], words)

    def test_queries(self):
        m = self.machine("-name", "a machine,process=x")
        q = m.qmp
        self.assertEqual(q.command("query-status"), {"status": "running", "singlestep": False, "running": True})
        self.assertEqual(q.command("query-name"), {"name": "a machine"})
        self.assertEqual(q.command("query-memory-size-summary")["base-memory"], 16 << 20)
        self.assertEqual([c["target"] for c in q.command("query-cpus-fast")], ["i386"])
        names = {c["name"] for c in q.command("query-commands")}
        self.assertLessEqual({"stop", "cont", "quit", "send-key", "query-block", "qmp_capabilities"}, names)
        for name in names:
            if name.startswith("query-"):
                q.command(name)
        self.assertEqual({c["label"] for c in q.command("query-chardev")}, {"serial0", "parallel0", "debugcon", "compat_monitor0"})
        devices = q.command("query-pci")[0]["devices"]
        self.assertIn((0x8086, 0x1237), {(d["id"]["vendor"], d["id"]["device"]) for d in devices})
        self.assertIn("VGA controller", {d["class_info"]["desc"] for d in devices})
        self.assertEqual(q.command("qom-get", path="/machine", property="type"), "pc-machine")

    def test_together(self):
        """Commands that follow at once find the guest where it was, though it runs and changes what they are about."""
        m = self.machine(name="index")
        right = 0
        time.sleep(0.3)  # until the guest is at it
        for _ in range(100):
            m.qmp.hmp("o /1b 0x70 0x32")
            time.sleep(0.0002)  # a script is not that quick
            right += "= 0x20" in m.qmp.hmp("i /1b 0x71")
        self.assertGreater(right, 10)  # all, but for a host with no time
        self.assertEqual(m.qmp.command("query-status")["status"], "running")
        m.qmp.command("quit")
        self.assertEqual(m.finish(), 0)

    def test_run_states(self):
        m = self.machine("-S")
        q = m.qmp
        self.assertEqual(q.command("query-status")["status"], "prelaunch")
        before = q.hmp("info registers")
        self.assertEqual(q.hmp("info registers"), before)
        q.command("cont")
        q.wait_event("RESUME")
        m.wait_for("out", "start\n")
        q.command("stop")
        q.wait_event("STOP")
        self.assertEqual(q.command("query-status")["status"], "paused")
        q.command("system_reset")  # happens although the guest stands
        self.assertEqual(q.wait_event("RESET")["data"], {"guest": False, "reason": "host-qmp-system-reset"})
        self.assertEqual(q.command("query-status")["status"], "prelaunch")
        q.command("cont")
        m.wait_for("out", "start\nstart\n")
        q.command("inject-nmi")
        m.wait_for("out", "nmi\n")
        q.command("system_powerdown")
        q.wait_event("POWERDOWN")
        m.wait_for("out", "power\n")
        q.hmp("o /1b 0x64 0xfe")  # a reset by the keyboard controller is the guest's
        self.assertTrue(q.wait_event("RESET")["data"]["guest"])
        q.command("send-key", keys=[{"type": "qcode", "data": "esc"}])
        self.assertEqual(m.finish(), 0x45)

    def test_triple_fault(self):
        """It resets the machine; under -no-reboot -no-shutdown the machine stands, and that is told once."""
        m = self.machine(name="triple")
        self.assertTrue(m.qmp.wait_event("RESET")["data"]["guest"])
        m.wait_for("out", "going\ngoing\n")
        m.qmp.command("quit")
        self.assertEqual(m.finish(), 0)
        m = self.machine("-S", "-no-reboot", "-no-shutdown", name="triple")
        q = m.qmp
        q.command("cont")
        self.assertEqual(q.wait_event("SHUTDOWN")["data"], {"guest": True, "reason": "guest-reset"})
        q.wait_event("STOP")
        for _ in range(20):
            self.assertEqual(q.command("query-status")["status"], "shutdown")
        self.assertNotIn("SHUTDOWN", [e["event"] for e in q.events])
        q.command("quit")
        self.assertEqual(m.finish(), 0)

    def test_shutdown(self):
        for more, reason in ((["-no-reboot"], "guest-reset"), ([], "guest-shutdown")):
            m = self.machine("-no-shutdown", *more)
            q = m.qmp
            m.wait_for("out", "start\n")
            q.hmp("o /1b 0x64 0xfe" if more else "o /2h 0x604 0x2000")
            self.assertEqual(q.wait_event("SHUTDOWN")["data"], {"guest": True, "reason": reason})
            q.wait_event("STOP")
            self.assertEqual(q.command("query-status")["status"], "shutdown")
            self.assertIn("Reset", q.refused("cont")["desc"])
            if not more:
                q.command("system_reset")
                q.wait_event("RESET")
                q.command("cont")
                m.wait_for("out", "start\nstart\n")
            q.command("quit")
            self.assertEqual(m.finish(), 0)

    def test_input(self):
        m = self.machine()
        q = m.qmp
        m.wait_for("out", "start\n")
        q.command("send-key", keys=[{"type": "qcode", "data": "ctrl"}, {"type": "number", "data": 0x1e}], hold_time=20)
        m.wait_for("out", "key 1d\nkey 1e\nkey 9e\nkey 9d\n")
        q.command("input-send-event", events=[
            {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": "b"}}},
            {"type": "key", "data": {"down": False, "key": {"type": "qcode", "data": "b"}}}])
        m.wait_for("out", "key 30\nkey b0\n")
        q.hmp("o 0x64 0xd4")  # the mouse reports
        q.hmp("o 0x60 0xf4")
        m.wait_for("out", "mouse fa\n")
        q.command("input-send-event", events=[{"type": "rel", "data": {"axis": "x", "value": 5}},
                                              {"type": "btn", "data": {"button": "left", "down": True}}])
        m.wait_for("out", "mouse 09\nmouse 05\nmouse 00\n")
        q.hmp("mouse_move 0 3")  # the button is still held
        m.wait_for("out", "mouse 29\nmouse 00\nmouse fd\n")
        self.assertIn("foo", q.refused("send-key", keys=[{"type": "qcode", "data": "foo"}])["desc"])
        q.refused("input-send-event", events=[{"type": "rel", "data": {"axis": "z", "value": 5}}])
        q.hmp("sendkey esc 10")
        self.assertEqual(m.finish(), 0x45)

    def test_files(self):
        m = self.machine()
        q = m.qmp
        m.wait_for("out", "start\n")
        q.command("pmemsave", val=0x100000, size=64, filename=self.path("mem"))
        self.assertEqual(self.read("mem"), mini.assemble("panel")[:64])
        q.command("memsave", val=0x100000, size=5000, filename=self.path("mem"))
        self.assertEqual(self.read("mem")[:64], mini.assemble("panel")[:64])
        self.assertEqual(len(self.read("mem")), 5000)
        q.command("pmemsave", val=0xb8000, size=4, filename=self.path("mem"))  # the text screen, which is empty
        self.assertEqual(self.read("mem"), b"O\7r\7")
        q.command("pmemsave", val=0xfffffff0, size=0x20, filename=self.path("mem"))  # nothing there
        self.assertEqual(len(self.read("mem")), 32)
        q.refused("pmemsave", val=0, size=1, filename="/nowhere/x")
        q.command("screendump", filename=self.path("s.ppm"))
        self.assertRegex(self.read("s.ppm")[:20], rb"^P6\s+720 400\s+255\s")
        answer = q.ask("screendump", filename=self.path("s.png"), format="png")
        if "return" in answer:
            self.assertEqual(self.read("s.png")[:8], b"\x89PNG\r\n\x1a\n")
        q.refused("screendump", filename=self.path("s"), format="gif")

    def test_media(self):
        for name in ("a.iso", "b.iso"):
            self.write(name, bytes(1 << 20))
        m = self.machine("-cdrom", "a.iso")
        q = m.qmp

        def tray(is_open):
            self.assertEqual(q.wait_event("DEVICE_TRAY_MOVED")["data"],
                             {"device": "ide1-cd0", "tray-open": is_open, "id": "ide1-cd0"})

        def drive():
            return next(d for d in q.command("query-block") if d["device"] == "ide1-cd0")

        self.assertEqual(drive()["inserted"]["file"], "a.iso")
        q.command("eject", device="ide1-cd0")
        tray(True)
        self.assertNotIn("inserted", drive())
        q.command("blockdev-change-medium", device="ide1-cd0", filename="b.iso")
        tray(False)
        self.assertEqual(drive()["inserted"]["file"], "b.iso")
        q.command("blockdev-open-tray", id="ide1-cd0")
        tray(True)
        q.command("blockdev-close-tray", id="ide1-cd0")
        tray(False)
        self.assertEqual(drive()["inserted"]["file"], "b.iso")
        self.assertEqual(q.refused("eject", device="none")["class"], "DeviceNotFound")
        q.refused("blockdev-change-medium", device="ide1-cd0", filename="missing.iso")
        q.refused("blockdev-change-medium", device="ide1-cd0", filename="b.iso", read_only_mode="read-write")
        for line in ("change ide1-cd0 a.iso raw retain", "change -f ide1-cd0 b.iso", "change ide1-cd0 -f a.iso"):
            self.assertEqual(q.hmp(line), "")
        self.assertEqual(drive()["inserted"]["file"], "a.iso")

    def test_replay(self):
        """Whatever an operator has done happens again, on either back end."""
        m = self.machine("-record", "j", "-statehash")
        q = m.qmp
        m.wait_for("out", "start\n")
        q.command("inject-nmi")
        q.command("stop")
        q.command("system_reset")
        q.command("inject-nmi")
        q.hmp("o /1b 0x80 0x55")
        q.command("cont")
        m.wait_for("out", "start\n")
        q.command("system_powerdown")
        q.hmp("sendkey ctrl-alt-x 30")
        m.wait_for("out", "key 9d\n")
        q.hmp("i 0x60")
        q.hmp("sendkey esc")
        self.assertEqual(m.finish(), 0x45)
        out = self.read("out")
        state = common.STATE_HASH.search(m.stderr())[1].decode()
        for accel in common.BACKENDS:
            result = self.orrery("-m", "16", "-kernel", "k", "-serial", "null", "-debugcon", "file:out", *mini.EXIT, "-replay",
                                 "j", "-accel", accel, "-statehash", timeout=60)
            self.assertEqual(result.status, 0x45, str(result))
            self.assertEqual(self.read("out"), out)
            self.assertEqual(result.state_hash, state)

    def test_broken_input(self):
        """Whatever comes over the line, the next connection works."""
        m = self.machine()
        m.qmp.close()
        parts = [b'{"execute":"query-status"}', b'{"execute":"qmp_capabilities"}\n', b"{", b"}", b"[", b"]", b'"', b"'",
                 b"\\", b",", b":", b"1e9999", b"-0", b"\xff\xfe", b"\0", b"null", b"true", b"\n", b"\\u0000", b'{"id":',
                 b'{"execute":"human-monitor-command","arguments":{"command-line":"',
                 b'{"execute":"send-key","arguments":{"keys":[{"type":"qcode","data":', b'{"execute":"input-send-event",'
                 b'"arguments":{"events":[{"type":"abs","data":{"axis":"x","value":99999}}]}}']
        rng = random.Random(1)
        for _ in range(20):
            q = qmpclient.QMP(self, self.path("q"))
            q.socket.settimeout(5)
            q.send(b"".join(rng.choice(parts) for _ in range(rng.randrange(60))))
            q.close()
        q = qmpclient.QMP(self, self.path("q"))
        q.send(b"[" * 300000 + b"\n")
        self.assertIn("nesting", q.answer()["error"]["desc"])
        q.send(b'"' + b"x" * 1200000 + b"\n")
        self.assertIn("size", q.answer()["error"]["desc"])
        self.assertEqual(q.command("query-status")["status"], "running")
        with open(f"/proc/{m.process.pid}/status") as f:
            self.assertLess(int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]), 200000, "kB")

    def test_broken_lines(self):
        """The same for the text monitor's commands."""
        m = self.machine()
        q = m.qmp
        words = ["x", "xp", "/", "/99999999999i", "/4xg", "/3s", "print", "$eip", "$", "(", ")", "-", "+", "*", "0x", "info",
                 "registers", "tlb", "sendkey", "a-b-c-d", "\"", "\\", "eject", "change", "ide1-cd0", "sum", "i", "o", "help",
                 "gva2gpa", "0xffffffffffffffff", "1/0", "%", "'", "mouse_move", "999999999999", "99", "((((((", "~~~~~~"]
        rng = random.Random(2)
        for _ in range(300):
            line = " ".join(rng.choice(words) for _ in range(rng.randrange(1, 7)))
            if not re.match(r"(x|xp|sum) .*999", line) and not line.startswith(("sum", "o ")):
                q.hmp(line)
        q.hmp("print " + "(" * 100000)
        q.hmp("x" * 100000)
        self.assertEqual(q.command("query-status")["status"], "running")


if __name__ == "__main__":
    common.main()
