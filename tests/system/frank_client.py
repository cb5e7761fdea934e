"""A small frank/1 client in Python for the system tests, and the independent check of a stamp.

It shares no code with Frank: pyzmq for the frames, hashlib for the hash. One object is one DEALER
(or REQ) socket; not thread-safe.
"""

import hashlib
import json
import time

import zmq

VERSION = b"frank/1"
REPLY_S = 90.0  # as long as a reply that must come may take on a busy machine


class Timeout(Exception):
    """No reply came in the time allowed."""


class Fault(Exception):
    """What no busy machine explains, and so no second try makes good."""


class Client:
    """One connection to one endpoint."""

    def __init__(self, endpoint, kind=zmq.DEALER, context=None, curve=None, routing_id=None):
        """curve: (server_public, client_public, client_secret), Z85 text as bytes."""
        self._own_context = context is None
        self.context = context or zmq.Context()
        self.socket = self.context.socket(kind)
        self.kind = kind
        self.socket.linger = 0
        if routing_id is not None:
            self.socket.setsockopt(zmq.ROUTING_ID, routing_id)
        if curve is not None:
            self.socket.curve_serverkey, self.socket.curve_publickey, self.socket.curve_secretkey = curve
        self.socket.connect(endpoint)
        self._serial = 0

    def close(self):
        self.socket.close(0)
        if self._own_context:
            self.context.term()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, verb, body=None, request_id=None):
        """Sends one request; returns its id (text). body: a dict, or bytes as they are."""
        if request_id is None:
            self._serial += 1
            request_id = f"r{self._serial}"
        if body is None:
            body = {}
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.socket.send_multipart([VERSION, verb.encode(), request_id.encode("latin-1"), body])
        return request_id

    def recv(self, timeout_s=REPLY_S):
        """The next reply: (ok, id, body as a dict). Raises Timeout."""
        if not self.socket.poll(max(0, int(timeout_s * 1000))):
            raise Timeout(f"no reply within {timeout_s} s")
        frames = self.socket.recv_multipart()
        assert len(frames) == 4, f"a reply of {len(frames)} frames: {frames}"
        assert frames[0] == VERSION, frames
        assert frames[1] in (b"ok", b"error"), frames
        body = json.loads(frames[3].decode("utf-8"))
        assert isinstance(body, dict), body
        if frames[1] == b"error":
            assert isinstance(body["error"], str) and isinstance(body["message"], str), body
        return frames[1] == b"ok", frames[2].decode("latin-1"), body

    def ask(self, verb, body=None, timeout_s=REPLY_S, request_id=None):
        """Sends and waits for the reply of the same id; other replies in between are dropped."""
        request_id = self.send(verb, body, request_id)
        until = time.monotonic() + timeout_s
        while True:
            ok, got, reply = self.recv(until - time.monotonic())
            if got == request_id:
                return ok, reply

    def mint(self, b, timeout_s=REPLY_S, **members):
        """A mint request and its reply: (ok, body)."""
        return self.ask("mint", {"b": b, **members}, timeout_s)


def mint_patiently(endpoint, body, tries=10, timeout_s=3.0, **options):
    """Asks as a client should: a new connection and a new id after each time-out, `busy`,
    `shutting-down` and `no-device` included. Returns the ok body; raises Timeout."""
    last = None
    for _ in range(tries):
        with Client(endpoint, **options) as client:
            try:
                ok, reply = client.ask("mint", body, timeout_s)
            except Timeout as error:
                last = error
                continue
        if ok:
            return reply
        last = reply
        if reply["error"] not in ("busy", "shutting-down", "no-device"):
            raise AssertionError(f"unexpected refusal: {reply}")
        time.sleep(min(1.0, reply.get("retry_after_ms", 200) / 1000))
    raise Timeout(f"no answer after {tries} tries, last: {last}")


def check_stamp(reply, b, factor=None, met=True, alg=None):
    """Checks an ok reply against b by other means than Frank's own. Raises AssertionError, and
    Fault where the stamp is not what it says."""
    text = "".join(b.split())
    header = reply["header"]
    name, _, value = header.partition(":")
    assert name == "MSMR-Key", header
    lines = header.split("\r\n")
    assert len(lines) == 2 and lines[1].startswith("\t") and all(len(x) <= 78 for x in lines), header
    tags = dict(part.strip().split("=", 1) for part in value.split(";"))
    assert tags["v"] == "1" and tags["a"] == reply["a"], (tags, reply)
    assert tags["n"] == reply["n"] and tags["h"] == reply["h"], (tags, reply)
    assert 1 <= len(tags["n"]) <= 40 and tags["n"] == tags["n"].lower(), tags
    digest = hashlib.sha256((tags["n"] + text).encode("ascii")).hexdigest()
    if digest != tags["h"]:
        raise Fault(f"hash is {digest}, the header says {tags['h']}")
    if (int(digest, 16) * reply["factor"] < 2**256) != reply["met"]:
        raise Fault(f"the hash does not say so: {reply}")
    if met is not None:
        assert reply["met"] is met, reply
    if factor is not None:
        assert reply["factor"] == factor, reply
    if alg is not None:
        assert reply["a"] == alg, reply
