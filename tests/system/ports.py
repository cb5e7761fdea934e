"""Ports of loopback for servers of a test: none is given twice, whatever tests run at the same time.

A port that is free now may be taken before its server listens there, by another server of the same test
or by a test beside it (CI runs six at a time, and in two builds); with some hundred servers in a run that
comes to a per cent. So a port is claimed for as long as this process lives, by a name among the
abstract sockets of Linux, which lie in no folder and go with their process.
"""

import random
import socket

_claims = []


def free_port():
    """A port that is free for TCP and UDP, and nobody else's. It is below those that the kernel gives to
    outgoing connections: none of them takes it before its server does. Those from 11000 on are in no
    configuration of ours that a test replaces ports in."""
    for _ in range(1000):
        port = random.randrange(11000, 32768)
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0frank-test-port-{port}")
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise AssertionError("no port is free")
