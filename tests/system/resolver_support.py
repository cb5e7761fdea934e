"""Starts a frank-resolver by hand, as frankd does, and talks to it in records.

    with Resolver(["--source", "https://127.0.0.1:8443"]) as resolver:
        source = resolver.source(0, lambda s: s.has_document)
        answer = resolver.lookup("example.org")

The records are those of host/factor/messages.h and host/base/records.h, a packet of them is as
host/base/chan.c writes it: {length, type, 0} and a payload padded to 8 bytes, one after another.
"""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from harness import Fault, memory_kib, program, stretched, wait_until

CHANNEL_FD = 3
END_S = 60.0
PACKET_MAX = 90112

READY, FAILED, PING, PONG = 1, 2, 3, 4
SOURCE, LOOKUP, DOMAIN, REFRESH = 16, 17, 18, 19

FOUND, ABSENT, UNKNOWN = 0, 1, 2  # enum frank_resolver_answer; UNKNOWN is FAILED there
NONE, SECURE, BOGUS = 0, 1, 2  # enum frank_dnssec

# Popen's own pipes must not get the number that the channel has in the child.
while os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC) <= CHANNEL_FD:
    pass


class Document(ctypes.Structure):
    """struct frank_factor_document"""
    _fields_ = [("issuer", ctypes.c_char * 80), ("kind", ctypes.c_uint32),
                ("testing", ctypes.c_uint32), ("epoch", ctypes.c_uint64),
                ("issued_s", ctypes.c_int64), ("expires_s", ctypes.c_int64),
                ("factor", ctypes.c_uint64), ("has_previous", ctypes.c_uint32),
                ("reserved", ctypes.c_uint32), ("previous_epoch", ctypes.c_uint64),
                ("previous_factor", ctypes.c_uint64), ("previous_until_s", ctypes.c_int64)]


class Source(ctypes.Structure):
    """struct frank_resolver_source"""
    _fields_ = [("index", ctypes.c_uint32), ("has_document", ctypes.c_uint32),
                ("kept", ctypes.c_uint32), ("dnssec", ctypes.c_uint32),
                ("dns_only", ctypes.c_uint32), ("reserved", ctypes.c_uint32),
                ("document", Document), ("confirmed_s", ctypes.c_int64),
                ("next_s", ctypes.c_int64), ("fetches", ctypes.c_uint64),
                ("failures", ctypes.c_uint64), ("key_id", ctypes.c_char * 48),
                ("url", ctypes.c_char * 128), ("why", ctypes.c_char * 192)]

    @property
    def epoch(self):
        return self.document.epoch if self.has_document else 0

    @property
    def reason(self):
        return self.why.decode()

    def __str__(self):
        return (f"source {self.index}: document {self.has_document} kept {self.kept} issuer "
                f"{self.document.issuer.decode()} epoch {self.document.epoch} factor "
                f"{self.document.factor} fetches {self.fetches} failures {self.failures} dnssec "
                f"{self.dnssec} why \"{self.reason}\"")


class Domain(ctypes.Structure):
    """struct frank_resolver_domain"""
    _fields_ = [("domain", ctypes.c_char * 256), ("answer", ctypes.c_uint32),
                ("dnssec", ctypes.c_uint32), ("factor", ctypes.c_uint64),
                ("ttl_s", ctypes.c_uint32), ("took_ms", ctypes.c_uint32),
                ("why", ctypes.c_char * 192)]

    @property
    def name(self):
        return self.domain.decode()

    @property
    def reason(self):
        return self.why.decode()

    def __str__(self):
        return (f"{self.name}: answer {self.answer} dnssec {self.dnssec} factor {self.factor} ttl "
                f"{self.ttl_s} took {self.took_ms} ms why \"{self.reason}\"")


class Ended(Exception):
    """The resolver has closed its channel."""


class Resolver:
    """A running frank-resolver. Attributes: sources (the last SOURCE of each index), domains (the
    DOMAINs that nobody has asked this object for yet), failed (the text of FAILED), pid."""

    def __init__(self, args=(), wait=True, environment=None, prefix=()):
        """args: its flags. wait: until READY. prefix: a command that runs it (strace)."""
        self.sources = {}
        self.history = []  # every SOURCE
        self.domains = []
        self.failed = None
        self.is_ready = False
        self.pongs = 0
        self.lines = []
        self._sanitizer = []
        env = {name: value for name, value in os.environ.items()
               if not name.lower().endswith("_proxy")}
        env.update(environment or {})
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = theirs.fileno()
        try:
            self.process = subprocess.Popen(
                [*prefix, program("frank-resolver"), *args], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                env=env, pass_fds=(CHANNEL_FD,),
                preexec_fn=lambda: os.dup2(fd, CHANNEL_FD))
        finally:
            theirs.close()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if wait:
            try:
                self.until("READY", lambda: self.is_ready)
            except BaseException:
                self.stop()
                raise

    @property
    def measures_memory(self):
        """False under AddressSanitizer, whose own memory would count."""
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as maps:
            return "asan" not in maps.read() and memory_kib(self.pid, "VmSize") < 1 << 30

    @property
    def pid(self):
        return self.process.pid

    def _read_log(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            del self.lines[:-2000]
            if "Sanitizer" in line or "runtime error:" in line:
                self._sanitizer.append(line.rstrip("\n"))
        self.process.stderr.close()

    def log(self):
        return "\n".join(self.lines[-60:])

    def wait_log(self, text):
        """What was logged before a record may be read after it: the log has a reader of its own."""
        wait_until(f"it logs {text}", lambda: text in self.log(), 20)

    def send(self, kind, payload=b""):
        padding = -len(payload) % 8
        self.channel.settimeout(END_S)
        self.channel.send(struct.pack("=IHH", len(payload), kind, 0) + payload + bytes(padding))

    def send_many(self, kind, payloads):
        """All in as few packets as hold them."""
        packet = b""
        self.channel.settimeout(END_S)
        for payload in payloads:
            record = struct.pack("=IHH", len(payload), kind, 0) + payload + bytes(-len(payload) % 8)
            if len(packet) + len(record) > PACKET_MAX:
                self.channel.send(packet)
                packet = b""
            packet += record
        self.channel.send(packet)

    def _take(self, kind, payload):
        if kind == READY:
            self.is_ready = True
        elif kind == FAILED:
            self.failed = payload[8:].split(b"\0")[0].decode()
            self.failed_is_fatal = struct.unpack_from("=i", payload, 4)[0]
        elif kind == PONG:
            self.pongs += 1
        elif kind == SOURCE:
            assert len(payload) == ctypes.sizeof(Source), len(payload)
            source = Source.from_buffer_copy(payload)
            self.sources[source.index] = source
            self.history.append(source)
        elif kind == DOMAIN:
            assert len(payload) == ctypes.sizeof(Domain), len(payload)
            self.domains.append(Domain.from_buffer_copy(payload))
        else:
            raise AssertionError(f"record of type {kind}")

    def read(self, timeout_s):
        """Takes one packet, if one comes in time."""
        self.channel.settimeout(max(timeout_s, 0.001))
        try:
            packet = self.channel.recv(PACKET_MAX)
        except TimeoutError:
            return False
        except ConnectionResetError:
            packet = b""
        if not packet:
            raise Ended(f"the resolver is gone; it said: {self.failed}\n{self.log()}")
        at = 0
        while at < len(packet):
            length, kind, _ = struct.unpack_from("=IHH", packet, at)
            at += 8
            self._take(kind, packet[at:at + length])
            at += length + -length % 8
        return True

    def until(self, what, condition, timeout_s=30.0):
        """Reads until condition() is true; AssertionError names `what` after timeout_s,
        stretched."""
        timeout_s = stretched(timeout_s)
        end = time.monotonic() + timeout_s
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not within {timeout_s} s: {what}; sources: "
                                     f"{[str(s) for s in self.sources.values()]}\n{self.log()}")
            self.read(left)

    def source(self, index, condition, timeout_s=30.0):
        """The first record of the source, the last known included, that meets the condition."""
        self.until(f"source {index}",
                   lambda: index in self.sources and condition(self.sources[index]), timeout_s)
        return self.sources[index]

    def refresh(self):
        self.send(REFRESH)

    def ask(self, *domains, fresh=False):
        self.send_many(LOOKUP, [struct.pack("=256sII", domain.encode(), fresh, 0)
                                for domain in domains])

    def answer(self, domain, timeout_s=40.0):
        """The next DOMAIN for it."""
        def found():
            return next((d for d in self.domains if d.name == domain), None)
        self.until(f"an answer for {domain}", lambda: found() is not None, timeout_s)
        answer = found()
        self.domains.remove(answer)
        return answer

    def lookup(self, domain, is_right=lambda got: got.answer != UNKNOWN, tries=5):
        """Its answer. libunbound gives a server up that stands still for a second or two, and that
        such an answer is not, so where it is not right it is asked for again, past all caches."""
        self.ask(domain)
        got = self.answer(domain)
        while not is_right(got) and tries > 1:
            tries -= 1
            self.ask(domain, fresh=True)
            got = self.answer(domain)
        return got

    def ping(self):
        """A PING, answered in time."""
        want = self.pongs + 1
        self.send(PING, struct.pack("=Q", want))
        self.until("PONG", lambda: self.pongs >= want, 10)

    def stop(self, timeout_s=END_S):
        """Closes the channel, which ends it; returns the exit status. Idempotent."""
        self.channel.close()
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(END_S)
            raise Fault("frank-resolver did not end with its channel:\n" + self.log())
        self._reader.join(END_S)
        if self._sanitizer:
            raise Fault("a sanitizer said: " + "\n".join(self._sanitizer) + "\n" +
                        "\n".join(self.lines[-200:]))
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("--- frank-resolver wrote:\n" + self.log(), file=sys.stderr)
        status = self.stop()
        if kind is None and status != 0:
            raise AssertionError(f"frank-resolver ended with {status}:\n" + self.log())


class Folder:
    """A temporary folder for a with statement."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="frank-resolver-")
        return self.path

    def __exit__(self, kind, value, trace):
        shutil.rmtree(self.path, ignore_errors=True)
