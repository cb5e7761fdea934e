"""What the tests of the daemon share: how far they go, many requests in flight, and a check of an
answer's every member by hashlib and Python's integers and floats alone.
"""

import math
import os
import threading
import time

import zmq

from frank_client import check_stamp
from harness import (Fault, children_of, patience, random_b,  # noqa: F401 (for the tests)
                     sanitized, state_of, stretched, wait_until)

# 1 in CI; the full run (reliability's row 7: 100 rounds) sets 20.
SCALE = max(1.0, float(os.environ.get("FRANK_TEST_SCALE", "1")))

# name of the key, characters of b, a=
SHAPES = (("ed25519", 88, "ed25519-sha256"), ("rsa1024", 172, "rsa-sha256"),
          ("rsa2048", 344, "rsa-sha256"), ("rsa4096", 684, "rsa-sha256"))

# A factor that nobody meets by luck: within a minute one run in a million does, at 10^8 attempts a
# second. (2^40, which frankd takes by itself, is met by one in 200.) What asks for it needs
# LET_HOPELESS in its configuration.
HOPELESS = 2**53 - 1
LET_HOPELESS = f"max_factor = {HOPELESS}\n"


def status(frankd):
    """The daemon's status by a connection of its own."""
    with frankd.client() as client:
        ok, body = client.ask("status")
    assert ok, body
    return body


def waiting(frankd):
    """Requests that are accepted and not answered."""
    queue = status(frankd)["queue"]
    return queue["waiting"] + queue["running"]


def devices(frankd):
    """Status of the devices by name."""
    return {device["name"]: device for device in status(frankd)["devices"]}


def rate_hps(frankd):
    """Attempts per second of all ready devices."""
    rate = sum(d["rate_hps"] for d in status(frankd)["devices"] if d["state"] == "ready")
    assert rate > 0, "no device tells a rate"
    return rate


def zombies_of(pid):
    return [child for child, _ in children_of(pid) if state_of(child) == "Z"]


def no_zombie_stays(pid):
    """Who has just died is a zombie until it is waited for: only one that stays is a mistake."""
    wait_until(f"no zombie is left of {pid}", lambda: not zombies_of(pid), 5)


def descriptors_of(pid):
    """What each descriptor of a process stands for."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
    return found


def request(b, alg, **members):
    """A mint body; a= only where the default would not do."""
    body = {"b": b, **members}
    if alg != "rsa-sha256":
        body["a"] = alg
    return body


def jobs_of_all_shapes(count):
    """`count` pairs of (b, a=), the four shapes in turn."""
    return [(random_b(SHAPES[i % 4][1]), SHAPES[i % 4][2]) for i in range(count)]


def check_answer(reply, b, names=None, elapsed_ms=None, source=None, **expected):
    """check_stamp, and all else that an ok reply to `mint` says. names: the devices there are;
    elapsed_ms: how long it took as the client saw it; expected: as check_stamp takes it."""
    check_stamp(reply, b, **expected)
    for member in ("factor", "attempts", "elapsed_ms"):
        assert type(reply[member]) is int, f"{member} is no integer: {reply}"
    bits = 256 - math.log2(max(1, int(reply["h"], 16)))
    assert abs(reply["bits"] - bits) < 0.0002, f"bits should be {bits}: {reply}"
    assert reply["attempts"] >= 1, reply
    if names is not None:
        assert reply["device"] in set(names) | {"host"}, f"no such device: {reply}"
    if source is not None:
        assert reply["source"] == source, reply
    if elapsed_ms is not None:
        assert 0 <= reply["elapsed_ms"] <= elapsed_ms + 5, f"took {elapsed_ms} ms: {reply}"


def collect(client, ids, timeout_s):
    """Reads until every id has its reply: {id: (ok, body)}. Fails on a reply that nobody asked
    for, on a second reply to one id, and when some are missing."""
    wanted = set(ids)
    found = {}
    timeout_s = stretched(timeout_s)
    until = time.monotonic() + timeout_s
    while len(found) < len(wanted):
        left = until - time.monotonic()
        if left <= 0 or not client.socket.poll(max(1, int(left * 1000))):
            missing = sorted(wanted - set(found))
            raise AssertionError(f"{len(missing)} of {len(wanted)} without a reply in "
                                 f"{timeout_s} s: {missing[:8]}")
        ok, got, body = client.recv()
        if got not in wanted:
            raise Fault(f"a reply to {got}, which was not asked: {body}")
        if got in found:
            raise Fault(f"a second reply to {got}: {body}")
        found[got] = (ok, body)
    return found


def assert_silent(client, wait_s=0.2):
    """Nothing more comes: each request had one reply."""
    if client.socket.poll(int(wait_s * 1000)):
        raise Fault(f"an extra reply: {client.socket.recv_multipart()}")


def in_threads(count, work):
    """Runs work(0) ... work(count - 1) in threads; raises the first failure."""
    failures = []

    def guarded(i):
        try:
            work(i)
        except BaseException as error:  # handed on to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def percentile(values, share):
    """The value below which `share` of them lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def roomy_client(frankd):
    """A client whose socket takes any number of messages: what is lost is lost by the daemon."""
    context = zmq.Context()
    context.setsockopt(zmq.RCVHWM, 0)
    context.setsockopt(zmq.SNDHWM, 0)
    client = frankd.client(context=context)
    client._own_context = True  # it ends with the client
    return client
