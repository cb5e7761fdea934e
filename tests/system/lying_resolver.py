"""What stands in for frank-resolver where a test wants one that lies: run by frankd as its child.

The file "lie" beside it names the lie. Records are those of host/factor/messages.h.
"""

import os
import select
import socket
import struct
import time

from resolver_support import DOMAIN, LOOKUP, PING, PONG, READY, SOURCE, Document, Domain, Source

READY_BYTES = 96
READ_BYTES = 1 << 17
FULL_BYTES = 60000  # of a packet


def record(kind, payload):
    return struct.pack("<IHH", len(payload), kind, 0) + payload + bytes(-len(payload) % 8)


def records(packet):
    at = 0
    while at < len(packet):
        length, kind, _ = struct.unpack_from("<IHH", packet, at)
        yield kind, packet[at + 8:at + 8 + length]
        at += 8 + length + -length % 8


def source(index=0, factor=1700, epoch=1, issuer=b"liar.test", why=b""):
    now_s = int(time.time())
    document = Document(issuer=issuer, epoch=epoch, issued_s=now_s - 10, expires_s=now_s + 3600,
                        factor=factor)
    return record(SOURCE, bytes(Source(index=index, has_document=1, document=document,
                                       confirmed_s=now_s, next_s=now_s + 10, fetches=1, why=why)))


def domain(name, answer=0, factor=1234, why=b""):
    return record(DOMAIN, bytes(Domain(domain=name, answer=answer, factor=factor, ttl_s=60,
                                       why=why)))


class Liar:
    """Answers pings and look-ups, and floods between them."""

    def __init__(self, channel, answer, flood=None, pings=True):
        self.channel = channel
        self.answer = answer
        self.flood = flood
        self.pings = pings

    def send(self, packet):
        try:
            self.channel.send(packet)
        except OSError:
            os._exit(0)

    def run(self):
        while True:
            if select.select([self.channel], [], [], 0.001 if self.flood else None)[0]:
                packet = self.channel.recv(READ_BYTES)
                if not packet:
                    return
                out = b""
                for kind, payload in records(packet):
                    if kind == PING and self.pings:
                        out += record(PONG, payload)
                    elif kind == LOOKUP:
                        out += self.answer(payload.split(b"\0")[0])
                    if len(out) > FULL_BYTES:
                        self.send(out)
                        out = b""
                if out:
                    self.send(out)
            elif self.flood:
                self.send(self.flood())


class Counter:
    """A number that rises by one each time."""

    def __init__(self):
        self.value = 0

    def next(self):
        self.value += 1
        return self.value


def flood_of_sources():
    """Another factor, and good and bad in turn, a hundred times a packet."""
    count = Counter()

    def packet():
        numbers = [count.next() for _ in range(60)]
        return b"".join(source(factor=1000 + n % 5, epoch=n, why=b"bad" if n % 2 else b"")
                        for n in numbers)
    return packet


def flood_of_domains():
    count = Counter()
    return lambda: b"".join(domain(b"f%d.test" % count.next(), why=b"w" * 150) for _ in range(150))


def chatter():
    time.sleep(0.3)
    return source()


DEAF = "deaf to pings"

# name: (what it says before anything else, its answer to a look-up, its flood)
LIES = {
    "nothing": (b"", None, None),
    "ready twice": (record(READY, bytes(READY_BYTES)), lambda name: b"", None),
    "half a record": (b"abc", lambda name: b"", None),
    "a length beyond all": (struct.pack("<IHH", 0xfffffff8, SOURCE, 0), lambda name: b"", None),
    "another length": (record(SOURCE, bytes(7)), lambda name: b"", None),
    "no such record": (record(999, bytes(8)), lambda name: b"", None),
    "no such source": (source(index=7), lambda name: b"", None),
    "a text without an end": (source(why=b"x" * 192), lambda name: b"", None),
    "a terminal's commands": (source(why=b"\x1b[2J"), lambda name: b"", None),
    "an issuer that ends its field": (source(issuer=b'a" factor="1'), lambda name: b"", None),
    "an answer that is none": (source(), lambda name: domain(name, answer=9), None),
    "an answer with commands": (source(), lambda name: domain(name, 2, why=b"\x1b[2J"), None),
    "silence": (source(), lambda name: b"", None),
    "other names": (source(), lambda name: domain(b"x-" + name), None),
    "five answers": (source(), lambda name: domain(name) * 5, None),
    "death at a look-up": (source(), lambda name: os._exit(1), None),
    "a flood of sources": (source(), domain, flood_of_sources()),
    "a flood of domains": (source(), domain, flood_of_domains()),
    DEAF: (source(), domain, chatter),
}


def main():
    channel = socket.socket(fileno=3)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lie"),
              encoding="ascii") as file:
        name = file.read()
    first, answer, flood = LIES[name]
    if answer is None:
        time.sleep(60)
        return
    channel.send(record(READY, bytes(READY_BYTES)))
    channel.send(first)
    Liar(channel, answer, flood, name != DEAF).run()


if __name__ == "__main__":
    main()
