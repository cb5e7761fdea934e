"""The mail server's side of the milter protocol (version 6, as Postfix and Sendmail speak it): one
mail at a time, with every reply and every change that the filter asks for."""

import socket
import struct
import threading

# What a mail server offers: all changes, all steps, values with the space after the colon.
ACTIONS = 0x1FF
STEPS = 0x1FFFFF


class Closed(Exception):
    """The filter closed the connection."""


class Changes:
    """What the filter asked for at the end of a mail."""

    def __init__(self):
        self.inserted = []  # (index, name, value)
        self.changed = []  # (occurrence, name, value); value "" removes
        self.progress = 0
        self.verdict = None  # "c" continue, "a" accept, "t" tempfail, "r" reject, "d" discard

    def value(self, name):
        """The value of the one inserted field of that name."""
        found = [value for _, field, value in self.inserted if field.lower() == name.lower()]
        assert len(found) == 1, (name, self.inserted)
        return found[0]


class MilterClient:
    """A connection to a milter at (host, port) or a path."""

    def __init__(self, address, actions=ACTIONS, steps=STEPS, timeout=60):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if family == socket.AF_INET:  # many small writes, as no mail server does
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(b"O", struct.pack("!III", 6, actions, steps))
        code, data = self.read()
        assert code == b"O", (code, data)
        self.greeted = False
        self.under_way = threading.Event()  # the filter says that it is at the mail's end
        _, self.actions, self.steps = struct.unpack("!III", data[:12])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.send(b"Q")
        except OSError:
            pass
        self.socket.close()

    def send(self, code, data=b""):
        self.socket.sendall(struct.pack("!I", len(data) + 1) + code + data)

    def take(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise Closed()
            data += part
        return data

    def read(self):
        (length,) = struct.unpack("!I", self.take(4))
        data = self.take(length)
        return data[:1], data[1:]

    def ask(self, code, data=b"", skip=0):
        """Sends a command; `skip` is the step that says whether it is wanted, or answered."""
        if self.steps & skip:
            return None
        self.send(code, data)
        return self.read()[0]

    def macros(self, command, **names):
        data = b"".join(
            name.encode() + b"\0" + value.encode() + b"\0" for name, value in names.items()
        )
        self.send(b"D", command + data)

    def envelope(self, sender, recipients, queue="4TestId1"):
        if not self.greeted:
            self.ask(b"C", b"client.test\0" + b"4" + struct.pack("!H", 25) + b"127.0.0.1\0", 0x1)
            self.greeted = True
        reply = self.ask(b"M", b"<" + sender.encode() + b">\0", 0x4)
        if reply not in (b"c", None):
            return reply
        for recipient in recipients:
            self.ask(b"R", b"<" + recipient.encode() + b">\0", 0x8)
        self.ask(b"T", b"", 0x200)
        self.queue = queue
        return b"c"

    def header(self, fields):
        """`fields` are (name, value) with the value as after the colon, LF between folded lines."""
        for name, value in fields:
            if not self.steps & 0x100000 and value[:1] == b" ":
                value = value[1:]
            self.send(b"L", name + b"\0" + value + b"\0")
            if not self.steps & 0x80:
                assert self.read()[0] == b"c"
        self.ask(b"N", b"", 0x40)

    def body(self, text):
        if self.steps & 0x10:
            return
        for at in range(0, len(text), 65535):
            if self.ask(b"B", text[at : at + 65535]) == b"s":
                return

    def end(self):
        changes = Changes()
        self.under_way.clear()
        self.macros(b"E", i=self.queue)
        self.send(b"E")
        while True:
            code, data = self.read()
            if code == b"p":
                changes.progress += 1
                self.under_way.set()
            elif code in (b"i", b"m"):
                (index,) = struct.unpack("!I", data[:4])
                name, value = data[4:].split(b"\0")[:2]
                kept = changes.inserted if code == b"i" else changes.changed
                kept.append((index, name.decode(), value.decode("latin-1")))
            elif code in (b"c", b"a", b"t", b"r", b"d"):
                changes.verdict = code.decode()
                return changes
            else:
                raise AssertionError((code, data))

    def abort(self):
        self.send(b"A")

    def mail(self, message, sender="alice@sender.test", recipients=("bob@rcpt.test",), queue="4TestId1"):
        """Hands over one whole message (bytes, CRLF) and returns the Changes."""
        fields, body = split_message(message)
        reply = self.envelope(sender, recipients, queue)
        if reply != b"c":
            changes = Changes()
            changes.verdict = reply.decode()
            return changes
        self.header(fields)
        self.body(body)
        return self.end()


def split_message(message):
    """The fields as a mail server hands them to a milter, and the body."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1] += b"\n" + line
        else:
            name, _, value = line.partition(b":")
            fields.append([name, value])
    return [(name, value) for name, value in fields], body


def apply(message, changes):
    """The message as it goes on: fields removed and inserted."""
    fields, body = split_message(message)
    doomed = {(name.lower(), index) for index, name, value in changes.changed if value == ""}
    kept = []
    seen = {}
    for name, value in fields:
        key = name.decode().lower()
        seen[key] = seen.get(key, 0) + 1
        if (key, seen[key]) not in doomed:
            kept.append((name, value))
    for index, name, value in changes.inserted:
        space = "" if value[:1] in (" ", "\t") else " "
        kept.insert(index, (name.encode(), (space + value).encode("latin-1")))
    text = b"".join(name + b":" + value.replace(b"\n", b"\r\n") + b"\r\n" for name, value in kept)
    return text + b"\r\n" + body
