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
import subprocess
import tempfile
import threading

from harness import Skip, free_port, wait_until

# A minute where a record says nothing else; negative answers for two minutes.
HEAD = """$ORIGIN {zone}.
$TTL {ttl}
@ IN SOA ns hostmaster {serial} 3600 600 86400 120
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


class Nsd:
    """zones: name -> lines of records below it. signed: names of zones to sign. spoil: (old, new)
    texts replaced after signing: what makes an answer bogus. broken: zones whose file does not
    load (SERVFAIL). port: a free one where it is 0."""

    def __init__(self, zones, signed=(), spoil=(), broken=(), port=0):
        self.program = _find("nsd", "nsd")
        self.folder = tempfile.mkdtemp(prefix="frank-nsd-")
        self.port = port or free_port()
        self.address = f"127.0.0.1@{self.port}"
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
            self._write()
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
        plain = self._path(zone + ".zone")
        with open(plain, "w", encoding="ascii") as file:
            file.write(HEAD.format(zone=zone, ttl=60, serial=self.serial))
            file.write(records + "\n")
        if zone in self.signed:
            subprocess.run([_find("ldns-signzone", "ldnsutils"), "-f", plain + ".signed", plain,
                            self.keys[zone]], cwd=self.folder, check=True, capture_output=True)
            with open(plain + ".signed", encoding="ascii") as file:
                text = file.read()
            for old, new in self.spoil:
                text = text.replace(old, new)
            with open(plain, "w", encoding="ascii") as file:
                file.write(text)
        if zone in self.broken:
            with open(plain, "w", encoding="ascii") as file:
                file.write("this is no zone file\n")

    def _write(self):
        lines = ["server:", f"  ip-address: {self.address}", '  username: ""', '  chroot: ""',
                 f'  zonesdir: "{self.folder}"', f'  pidfile: "{self._path("pid")}"',
                 f'  xfrdfile: "{self._path("xfrd")}"', f'  xfrdir: "{self.folder}"',
                 f'  zonelistfile: "{self._path("list")}"', '  database: ""', "  server-count: 1",
                 "  rrl-ratelimit: 0", "remote-control:", "  control-enable: no"]
        for zone, records in self.zones.items():
            self._write_zone(zone, records)
            lines += ["zone:", f"  name: {zone}", f"  zonefile: {zone}.zone"]
        with open(self._path("nsd.conf"), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")

    def _start(self):
        self.process = subprocess.Popen([self.program, "-d", "-c", self._path("nsd.conf")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(self._path("log"), "wb"))
        wait_until(f"nsd answers (its log is {self._path('log')})", self._answers, 20)

    def _answers(self):
        if self.process.poll() is not None:
            with open(self._path("log"), encoding="utf-8") as log:
                raise AssertionError("nsd ended: " + log.read())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.2)
            try:
                probe.sendto(b"\x12\x34\0\0\0\1\0\0\0\0\0\0\0\0\2\0\1", ("127.0.0.1", self.port))
                return len(probe.recv(512)) >= 12
            except OSError:
                return False

    def change(self, zone, records):
        """Other records from now on."""
        self.zones[zone] = records
        self.serial += 1
        self._end()
        self._write()
        self._start()

    def _end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)

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
        self._thread.join(5)
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
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(2)
            upstream.sendto(message, ("127.0.0.1", self.nsd.port))
            return [upstream.recv(65535)]


class Junk(UdpServer):
    """Answers with the right id and question, and something wrong with the rest, by a seed."""

    def __init__(self, seed, nsd):
        self.random = random.Random(seed)
        self.nsd = nsd
        super().__init__()

    def _real(self, message):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(2)
            upstream.sendto(message, ("127.0.0.1", self.nsd.port))
            return bytearray(upstream.recv(65535))

    def react(self, message):
        chance = self.random
        real = self._real(message)
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
