#!/usr/bin/env python3
"""A bus of your own behind TCP, for frank's driver: what protocol.md says, in one file.

    bus_server.py HOST:PORT

Put your simulator, or your board, into the class Bus: it is all that the driver needs. As it is, Bus
is a core that can tell who it is, and has no search: enough to see that the line works.
"""
import socket
import struct
import sys
import time
import zlib

REQUEST, ANSWER = 0x46524E52, 0x46524E41  # "FRNR", "FRNA"
HELLO, READ, WRITE, WAIT, NOW, RESET = range(1, 7)
OK, REFUSED, IO, TIMEOUT, BUSY, UNKNOWN = range(6)
PROTOCOL = 1
WINDOW = 128  # answers that are kept, should the line break
FRAME = struct.Struct(">IIIBBHIQ")  # and the CRC-32 of these 28 bytes
FRAME_BYTES = FRAME.size + 4


class Refused(Exception):
    """The core answered SLVERR: the access had no effect."""


class Bus:
    """Yours. Raise Refused for SLVERR, OSError where the core cannot be reached."""

    simulated = False  # True: now_ns is simulated time, which passes in wait_irq

    def __init__(self):
        self.registers = {0x000: 0x46524E4B, 0x004: 0x00010000,  # ID, VERSION
                          0x008: 0x00010908, 0x00C: 0x0010020C}  # PARAM0, PARAM1

    def read32(self, address):
        if address not in self.registers:
            raise Refused
        return self.registers[address]

    def write32(self, address, value):
        raise Refused

    def wait_irq(self, timeout_ns):
        """Waits at most timeout_ns; the level of the interrupt line. May return early."""
        time.sleep(min(timeout_ns / 1e9, 0.02))
        return False

    def now_ns(self):
        return time.monotonic_ns()

    def reset(self):
        """Pulls the reset line, or sets CTRL.RESET where there is none to pull."""


def pack(session, sequence, op, status, address, data):
    frame = FRAME.pack(ANSWER, session, sequence, op, status, 0, address, data)
    return frame + struct.pack(">I", zlib.crc32(frame))


def unpack(frame):
    """The fields of a request, or None: the line is not to be trusted any more."""
    magic, session, sequence, op, status, zero, address, data = FRAME.unpack(frame[:-4])
    good = struct.unpack(">I", frame[-4:])[0] == zlib.crc32(frame[:-4])
    if not good or magic != REQUEST or status or zero:
        return None
    return session, sequence, op, address, data


def execute(bus, op, address, data):
    """Does what a request asks for: status and data of the answer."""
    try:
        if op == READ:
            return OK, bus.read32(address)
        if op == WRITE and data <= 0xFFFFFFFF:
            bus.write32(address, data)
            return OK, 0
        if op == WAIT:
            # `address` is how long the client waits for an answer, in ms: we come well before.
            longest_s = min(address / 4000, 0.25)
            end = time.monotonic() + longest_s
            start_ns = bus.now_ns()
            while True:
                left_ns = data - (bus.now_ns() - start_ns)
                if bus.wait_irq(max(left_ns, 0)):
                    return OK, 1
                if left_ns <= 0 or time.monotonic() >= end:
                    return OK, 0
        if op == NOW:
            return OK, bus.now_ns()
        if op == RESET:
            bus.reset()
            return OK, 0
    except Refused:
        return REFUSED, 0
    except TimeoutError:
        return TIMEOUT, 0
    except OSError:
        return IO, 0
    return UNKNOWN, 0


class Session:
    """What outlives a connection: who the client is, what comes next, what was answered."""

    def __init__(self, bus):
        self.bus = bus
        self.number = None
        self.next = 0
        self.kept = {}

    def greet(self, session, address, data):
        if address != PROTOCOL:
            return pack(session, 0, HELLO, UNKNOWN, PROTOCOL, 0)
        if session != self.number:
            self.number, self.next, self.kept = session, data & 0xFFFFFFFF, {}
        return pack(session, 0, HELLO, OK, PROTOCOL, int(self.bus.simulated))

    def answer(self, session, sequence, op, address, data):
        """The answer to a request; None where it is out of order."""
        if session != self.number:
            return None
        if sequence != self.next:
            return self.kept.get(sequence)  # was done already: not a second time
        status, value = execute(self.bus, op, address, data)
        self.kept[sequence] = pack(session, sequence, op, status, address, value)
        self.kept.pop((sequence - WINDOW) & 0xFFFFFFFF, None)
        self.next = (self.next + 1) & 0xFFFFFFFF
        return self.kept[sequence]


def receive(connection):
    """The next frame; None where the connection has ended."""
    frame = b""
    while len(frame) < FRAME_BYTES:
        some = connection.recv(FRAME_BYTES - len(frame))
        if not some:
            return None
        frame += some
    return frame


def serve_connection(connection, session):
    """Until the client goes, or sends what is no request."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(60)  # a client that is idle for longer comes back
    while (frame := receive(connection)) is not None:
        request = unpack(frame)
        if request is None:
            return
        number, sequence, op, address, data = request
        if op == HELLO:
            answer = session.greet(number, address, data)
        else:
            answer = session.answer(number, sequence, op, address, data)
        if answer is None:
            return
        connection.sendall(answer)


def listen(place):
    host, _, port = place.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    return socket.create_server((host.strip("[]"), int(port)), family=family)


def main():
    if len(sys.argv) != 2 or ":" not in sys.argv[1]:
        sys.exit("usage: bus_server.py HOST:PORT")
    session = Session(Bus())
    with listen(sys.argv[1]) as listener:
        print("listening %s:%d" % listener.getsockname()[:2], flush=True)
        while True:  # one client after the other
            connection, _ = listener.accept()
            with connection:
                try:
                    serve_connection(connection, session)
                except OSError as error:
                    print("connection lost:", error, file=sys.stderr)


if __name__ == "__main__":
    main()
