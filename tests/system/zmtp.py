"""Raw ZMTP 3.0 (ZeroMQ RFC 23) for tests that must send what no library would: half a handshake,
endless multipart messages, frames that never end."""

import socket
import struct


def connect(endpoint, timeout_s=60.0):
    """A raw stream socket to ipc:// or tcp://127.0.0.1:PORT."""
    if endpoint.startswith("ipc://"):
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        raw.settimeout(timeout_s)
        raw.connect(endpoint[len("ipc://"):])
        return raw
    host, port = endpoint[len("tcp://"):].rsplit(":", 1)
    raw = socket.create_connection((host, int(port)), timeout_s)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return raw


def greeting(mechanism=b"NULL", minor=0):
    return (b"\xff" + bytes(8) + b"\x7f" + bytes([3, minor]) + mechanism.ljust(20, b"\0")
            + b"\0" + bytes(31))


def ready(kind=b"DEALER", identity=b""):
    def prop(name, value):
        return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value
    body = b"\x05READY" + prop(b"Socket-Type", kind) + prop(b"Identity", identity)
    return bytes([4, len(body)]) + body


def frame(body, more=False):
    if len(body) < 256:
        return bytes([1 if more else 0, len(body)]) + body
    return bytes([3 if more else 2]) + struct.pack(">Q", len(body)) + body


def recv_exactly(raw, count):
    data = b""
    while len(data) < count:
        got = raw.recv(count - len(data))
        if not got:
            raise ConnectionError("closed")
        data += got
    return data


def shake_hands(raw, identity=b""):
    """The whole NULL handshake as a DEALER."""
    raw.sendall(greeting())
    recv_exactly(raw, 64)
    raw.sendall(ready(identity=identity))
    flags, size = recv_exactly(raw, 2)
    assert flags == 4, flags
    assert recv_exactly(raw, size).startswith(b"\x05READY")
