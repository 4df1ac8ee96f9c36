#!/usr/bin/env python3
"""Network cards with Debian's own drivers, and user networking: the guest asks for an address, pings the router, fetches
a page from a server of the host's, and serves one to the host through a forwarded port. A recorded run happens again
without any network, on both back ends."""
import hashlib
import http.server
import os
import random
import re
import socket
import struct
import threading
import time
import unittest
import urllib.request

import common

SCRIPT = b"""#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs d /dev
exec </dev/null >/dev/ttyS0 2>&1
$b mkdir -p /proc /sys /www/cgi-bin
$b mount -t proc p /proc
$b mount -t sysfs s /sys
for m in $modules; do $b insmod /modules/$m.ko $($b test $m = ne && echo io=0x300); done
echo @@card $($b cat /sys/class/net/eth0/address) $($b readlink /sys/class/net/eth0/device/driver)
if [ -n "$dhcp" ]; then
    $b ip link set eth0 up
    $b udhcpc -n -q -f -i eth0 -s /lease
else
    $b ip addr add 10.0.2.15/24 dev eth0
    $b ip link set eth0 up
fi
$b ip route add default via 10.0.2.2
$b ping -c 3 -i 0.2 -s 1400 -q 10.0.2.2
echo @@page $($b wget -q -O - http://10.0.2.2:$port/page | $b md5sum)
$b dd if=/dev/zero bs=1024 count=300 2>/dev/null | $b tr '\\000' x >/www/data
$b httpd -p 80 -h /www
echo @@listening
while [ ! -e /done ] && [ -z "$alone" ]; do $b usleep 20000; done
$b ifconfig eth0
$b poweroff -f
"""

LEASE = b"""#!/bin/busybox sh
[ "$1" = bound ] && echo @@lease $ip $router && /bin/busybox ip addr add $ip/24 dev eth0
"""

DONE = b"""#!/bin/busybox sh
echo Content-type: text/plain
echo
echo bye
>/done
"""

FILES = [("start", 0o100755, SCRIPT), ("lease", 0o100755, LEASE), ("www", 0o040755, b""),
         ("www/cgi-bin", 0o040755, b""), ("www/cgi-bin/done", 0o100755, DONE)]

DATA = b"x" * (300 * 1024)

# Its modules, driver as in sysfs, options.
CARDS = {
    "virtio-net-pci": ("virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover "
                       "virtio_net", "virtio_net", "-nic user,model=virtio-net-pci{}"),
    "ne2k_isa": ("8390p ne", "ne", "-netdev user,id=net0{} -device ne2k_isa,netdev=net0,irq=5"),
    "ne2k_pci": ("8390 ne2k-pci", "ne2k-pci", "-nic user,model=ne2k_pci{}"),
    "rtl8139": ("mii 8139cp", "8139cp", "-nic user,model=rtl8139{}"),
    "rtl8139 without C+": ("mii 8139too", "8139too", "-netdev user,id=net0{} -device rtl8139,netdev=net0,cplus=off"),
    "e1000": ("e1000", "e1000", "-net nic -net user{}"),
}


class Page(http.server.BaseHTTPRequestHandler):
    """The server on the host: one page, of the bytes that its server has."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.page)))
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_message(self, *args):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@unittest.skipUnless(common.has_user_network(), "built without libslirp")
class Net(common.GuestTest):
    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.server.page = random.Random(1).randbytes(200000)
        self.digest = hashlib.md5(self.server.page).hexdigest()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def arguments(self, card, accel, append="", port=0):
        """Those of a guest with this card, and a port of the host's that leads to its web server."""
        modules, _, options = CARDS[card]
        arguments = self.linux(f'rdinit=/start modules="{modules}" port={self.server.server_port} {append}', accel)
        arguments[arguments.index("-initrd") + 1] = self.initrd("net", FILES)
        return arguments + options.format(f",hostfwd=tcp:127.0.0.1:{port}-:80" if port else "").split()

    def visit(self, port):
        """Fetches what the guest serves, then lets it end."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/data", timeout=60) as answer:
            data = answer.read()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/cgi-bin/done", timeout=60) as answer:
            answer.read()
        return data

    def run_guest(self, card, accel, append="", more=()):
        port = free_port()
        t = self.terminal(*self.arguments(card, accel, append, port), "-statehash", *more)
        before = t.wait_for("@@listening")
        self.assertEqual(self.visit(port), DATA)
        result = t.finish()
        result.out = before + result.out
        self.check(result, card)
        return result

    def check(self, result, card):
        out = result.out.decode(errors="replace")
        self.assertEqual(result.status, 0, str(result))
        self.assertRegex(out, r"@@card 52:54:00:12:34:56 .*/" + CARDS[card][1] + r"\s", str(result))
        self.assertIn("3 packets received, 0% packet loss", out, str(result))
        self.assertIn(f"@@page {self.digest}", out, str(result))
        self.assertNotIn("NETDEV WATCHDOG", out)

    def test_cards(self):
        """All but the one of test_replay."""
        for card in CARDS:
            if card == "e1000":
                continue
            with self.subTest(card=card):
                dhcp = card == "ne2k_pci"
                result = self.run_guest(card, "jit", "dhcp=1" if dhcp else "")
                if dhcp:
                    self.assertIn(b"@@lease 10.0.2.15 10.0.2.2", result.out, str(result))

    def test_replay(self):
        """On both back ends, with the server gone; all frames are the same, too."""
        dump = ("-object", "filter-dump,id=f,netdev=net0,file=")
        recorded = self.run_guest("e1000", "jit", more=("-record", self.path("j"), dump[0], dump[1] + self.path("first")))
        self.check_dump(self.read("first"))
        self.server.shutdown()
        for accel in common.BACKENDS:
            with self.subTest(accel=accel):
                result = self.orrery(*self.arguments("e1000", accel), "-replay", self.path("j"), "-statehash", dump[0],
                                     dump[1] + self.path("second"))
                self.check(result, "e1000")
                self.assertEqual(result.state_hash, recorded.state_hash, str(result))
                self.assertEqual(self.read("first"), self.read("second"))

    def check_dump(self, data):
        """A pcap file whose records end where it ends."""
        self.assertEqual(data[:4], struct.pack("<I", 0xa1b23c4d))
        at = 24
        while at < len(data):
            at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        self.assertEqual(at, len(data))


if __name__ == "__main__":
    common.main()
