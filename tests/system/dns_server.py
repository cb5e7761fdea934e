"""Debian's nsd, serving zones of the test's making on a free port of loopback; and what no real
server does: a relay that counts, a server that keeps silent, one that answers with junk.

    with Nsd({"example.org": "_msmr TXT \\"v=MSMR1; f=1000\\""}) as nsd:
        ... nsd.address  ("127.0.0.1@5353")

A zone named in `signed` is signed by ldns-signzone; nsd.anchor is a file of its trust anchors.
"""

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from harness import Skip, free_port, wait_until

REFRESH_S = 3600
UPSTREAM_S = 2  # how long what stands before an nsd waits for it
# A minute where a record says nothing else; negative answers for two minutes.
HEAD = """$ORIGIN {zone}.
$TTL {ttl}
@ IN SOA ns hostmaster {serial} {refresh} 600 86400 120
@ IN NS ns
ns IN A 127.0.0.1
"""


def txt(*strings):
    """The TXT record's data, as a zone file has it."""
    return "TXT " + " ".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
                             for text in strings)


def _find(name, package):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if path is None:
        raise Skip(f"{name} is not here (Debian package {package})")
    return path


def question(name, kind, of_class=1):
    """A DNS message that asks for it, without recursion."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", random.randrange(1 << 16), 0, 1, 0, 0, 0) + labels + \
        struct.pack(">BHH", 0, kind, of_class)


def exchange(message, port, timeout_s=UPSTREAM_S):
    """The server's answer by UDP; None where none comes: a datagram that was lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
        upstream.settimeout(timeout_s)
        try:
            upstream.sendto(message, ("127.0.0.1", port))
            return upstream.recv(65535)
        except OSError:
            return None


class PortTaken(Exception):
    """Another has the port by now."""


class Nsd:
    """zones: name -> lines of records below it. signed: names of zones to sign. spoil: (old, new)
    texts replaced after signing: what makes an answer bogus. broken: zones whose file does not
    load (SERVFAIL). port: a free one where it is 0."""

    def __init__(self, zones, signed=(), spoil=(), broken=(), port=0):
        self.program = _find("nsd", "nsd")
        self.folder = tempfile.mkdtemp(prefix="frank-nsd-")
        self.wanted_port = port
        self.identity = "frank-" + os.urandom(8).hex()  # so that it is known from another test's
        self.anchor = None
        self.process = None
        self.serial = 1
        self.zones = dict(zones)
        self.signed = set(signed)
        self.spoil = list(spoil)
        self.broken = set(broken)
        self.keys = {}
        try:
            for zone in self.signed:
                self._make_key(zone)
            for zone, records in self.zones.items():
                self._write_zone(zone, records)
            self._start()
        except BaseException:
            self.stop()
            raise

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _make_key(self, zone):
        keygen = _find("ldns-keygen", "ldnsutils")
        base = subprocess.run([keygen, "-k", "-a", "ECDSAP256SHA256", zone], cwd=self.folder,
                              check=True, capture_output=True, text=True).stdout.strip()
        self.keys[zone] = base
        self.anchor = self._path("anchors")
        with open(self.anchor, "a", encoding="ascii") as out, \
                open(self._path(base + ".ds"), encoding="ascii") as ds:
            out.write(ds.read())

    def _write_zone(self, zone, records):
        """The file is another one at once: nsd sees no half of it."""
        made = self._path(zone + ".made")
        with open(made, "w", encoding="ascii") as file:
            file.write(HEAD.format(zone=zone, ttl=60, serial=self.serial, refresh=REFRESH_S))
            file.write(records + "\n")
        if zone in self.signed:
            subprocess.run([_find("ldns-signzone", "ldnsutils"), "-f", made + ".signed", made,
                            self.keys[zone]], cwd=self.folder, check=True, capture_output=True)
            with open(made + ".signed", encoding="ascii") as file:
                text = file.read()
            for old, new in self.spoil:
                text = text.replace(old, new)
            with open(made, "w", encoding="ascii") as file:
                file.write(text)
        if zone in self.broken:
            with open(made, "w", encoding="ascii") as file:
                file.write("this is no zone file\n")
        os.rename(made, self._path(zone + ".zone"))

    def _write_settings(self):
        lines = ["server:", f"  ip-address: {self.address}", '  username: ""', '  chroot: ""',
                 f'  zonesdir: "{self.folder}"', f'  pidfile: "{self._path("pid")}"',
                 f'  xfrdfile: "{self._path("xfrd")}"', f'  xfrdir: "{self.folder}"',
                 f'  zonelistfile: "{self._path("list")}"', '  database: ""', "  server-count: 1",
                 f'  identity: "{self.identity}"', "  rrl-ratelimit: 0", "remote-control:",
                 "  control-enable: no"]
        for zone in self.zones:
            lines += ["zone:", f"  name: {zone}", f"  zonefile: {zone}.zone"]
        with open(self._path("nsd.conf"), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def _start(self, tries=10):
        """Where another took the port before nsd did: with the next one."""
        self.port = self.wanted_port or free_port()
        self.address = f"127.0.0.1@{self.port}"
        self._write_settings()
        with open(self._path("log"), "wb") as log:
            self.process = subprocess.Popen([self.program, "-d", "-c", self._path("nsd.conf")],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=log)
        try:
            wait_until(f"nsd answers (its log is {self._path('log')})", self._answers, 20)
        except PortTaken:
            if self.wanted_port or tries == 1:
                raise
            self._start(tries - 1)

    def _answers(self):
        if self.process.poll() is not None:
            with open(self._path("log"), encoding="utf-8") as log:
                said = log.read()
            raise PortTaken(said) if "already in use" in said else AssertionError(
                "nsd ended: " + said)
        said = exchange(question("id.server", 16, 3), self.port, 0.2)  # RFC 4892
        return said is not None and self.identity.encode() in said

    def _serves(self, zone):
        said = exchange(question(zone, 6), self.port, 0.2)
        return said is not None and struct.pack(">II", self.serial, REFRESH_S) in said

    def change(self, zone, records):
        """Other records from now on; no question goes unanswered meanwhile."""
        self.zones[zone] = records
        self.serial += 1
        self._write_zone(zone, records)
        told = [0.0]

        def has_changed():
            if time.monotonic() > told[0] + 5:  # again: it may have been at work on something else
                told[0] = time.monotonic()
                self.process.send_signal(signal.SIGHUP)
            return self._serves(zone)
        wait_until(f"nsd has the new {zone} (its log is {self._path('log')})", has_changed, 20)

    def _end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(60)

    def stop(self):
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()


def name_of(message):
    """The name that a DNS message asks for, in lower case."""
    labels = []
    at = 12
    while at < len(message) and message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1").lower())
        at += 1 + message[at]
    return ".".join(labels)


class UdpServer:
    """A UDP port whose datagrams go to react(message, reply), in one thread. No TCP."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.address = f"127.0.0.1@{self.socket.getsockname()[1]}"
        self.asked = []  # names
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                message, peer = self.socket.recvfrom(4096)
            except OSError:
                continue
            self.asked.append(name_of(message))
            for answer in self.react(message):
                try:
                    self.socket.sendto(answer, peer)
                except OSError:
                    pass

    def react(self, message):
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self._stop.set()
        self._thread.join(60)
        self.socket.close()


class Silent(UdpServer):
    """Never answers."""

    def react(self, message):
        return []


class Relay(UdpServer):
    """Asks an Nsd by UDP, after a while."""

    def __init__(self, nsd, delay_s=0.0):
        self.nsd = nsd
        self.delay_s = delay_s
        super().__init__()

    def react(self, message):
        self._stop.wait(self.delay_s)
        said = exchange(message, self.nsd.port)
        return [said] if said is not None else []


class Junk(UdpServer):
    """Answers with the right id and question, and something wrong with the rest, by a seed."""

    def __init__(self, seed, nsd):
        self.random = random.Random(seed)
        self.nsd = nsd
        super().__init__()

    def react(self, message):
        chance = self.random
        said = exchange(message, self.nsd.port)
        if said is None:
            return []
        real = bytearray(said)
        start = 12 + len(name_of(message)) + 2 + 4  # behind the question
        kind = chance.randrange(5)
        if kind == 0:  # some bytes are others
            for _ in range(chance.randrange(1, 8)):
                real[chance.randrange(start, len(real))] = chance.randrange(256)
        elif kind == 1:  # cut short
            real = real[:chance.randrange(12, len(real))]
        elif kind == 2:  # counts that do not fit
            real[chance.randrange(6, 12)] = chance.randrange(256)
        elif kind == 3:  # junk behind the question
            real = real[:start] + bytes(chance.randrange(256)
                                        for _ in range(chance.randrange(900)))
            real[6:8] = (chance.randrange(20)).to_bytes(2, "big")
        else:  # other flags
            real[2] ^= 1 << chance.randrange(7)
            real[3] = chance.randrange(256)
        return [bytes(real)]
