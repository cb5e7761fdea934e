"""An SMTP server that keeps every message with its envelope: where the mail of a test ends.

It never loses a message that it said yes to, and it can ask for another try, as greylisting does.
"""

import socketserver
import threading
import time

from harness import wait_until


class Delivery:
    """One message as it came: sender, recipients (addresses without <>), data (bytes, CRLF, dots
    undone), at_s (monotonic)."""

    def __init__(self, sender, recipients, data):
        self.sender, self.recipients, self.data = sender, recipients, data
        self.at_s = time.monotonic()

    def fields(self, name=None):
        """The header's fields from the top: [(name in lower case, value)], folds undone."""
        found = []
        for line in self.data.split(b"\r\n\r\n", 1)[0].split(b"\r\n"):
            # RFC 5322, section 3.2.2: some readers take such a line for the header's end.
            assert line.strip(), f"a line of white space alone in the header: {self.data}"
            if line[:1] in (b" ", b"\t") and found:
                found[-1][1] += b"\r\n" + line
            else:
                key, _, value = line.partition(b":")
                found.append([key.strip().lower().decode("latin-1"), value])
        return [(key, value.replace(b"\r\n", b"").decode("latin-1").strip())
                for key, value in found if name is None or key == name.lower()]

    def values(self, name):
        return [value for _, value in self.fields(name)]

    def result(self):
        """What the Authentication-Results say of x-msmr: "pass"; None where nothing does."""
        found = [value.split("x-msmr=", 1)[1].split()[0].rstrip(";")
                 for value in self.values("authentication-results") if "x-msmr=" in value]
        assert len(found) <= 1, found
        return found[0] if found else None


class _Handler(socketserver.StreamRequestHandler):
    timeout = 300

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink ESMTP")
        sender, recipients = None, []
        while True:
            line = self.rfile.readline(8192)
            if not line:
                return
            words = line.decode("latin-1").strip()
            verb = words[:4].upper()
            if verb in ("EHLO", "LHLO"):
                self.say("250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 SIZE")
            elif verb == "MAIL":
                sender, recipients = address(words), []
                self.say("250 ok")
            elif verb == "RCPT":
                recipients.append(address(words))
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                data = self.read_data()
                if data is None:
                    return
                self.say(self.server.sink.take(Delivery(sender, recipients, data)))
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def read_data(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)


def address(words):
    """The address of a MAIL or RCPT command."""
    return words.split("<", 1)[1].split(">", 1)[0] if "<" in words else words.split(":", 1)[1].strip()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class Sink:
    """Attributes: port, deliveries (a list that grows). refuse: a function of a Delivery that gives
    a reply such as "451 later", or None: taken."""

    def __init__(self, refuse=None):
        self.deliveries = []
        self.refuse = refuse
        self._lock = threading.Lock()
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.sink = self
        self.port = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(0.1,), daemon=True).start()

    def take(self, delivery):
        with self._lock:
            reply = self.refuse(delivery) if self.refuse else None
            if reply is None:
                self.deliveries.append(delivery)
        return reply or "250 ok"

    def wait(self, count, timeout_s=60.0):
        """The first `count` deliveries."""
        wait_until(f"{count} deliveries (there are {len(self.deliveries)})",
                   lambda: len(self.deliveries) >= count, timeout_s)
        return self.deliveries[:count]

    def stop(self):
        self._listener.shutdown()
        self._listener.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
