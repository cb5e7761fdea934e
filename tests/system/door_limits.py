"""What strangers can do to a door, and what the others feel of it.

endless multipart: the attacked door dies below its limit and comes back, the others are untouched
peers that do not read: bounded memory, prompt answers to those who do
1,500 raw connections: no spinning, no abort, the endpoint comes back

FRANK_TEST_SCALE=20 makes the floods 20 times longer (a minute and more each).
"""

import contextlib
import json
import multiprocessing
import resource
import select
import shutil
import tempfile
import threading
import time

import zmtp
from daemon_support import SCALE, sanitized
from frank_client import Client, Timeout, check_stamp
from harness import (Frankd, Skip, cpu_seconds, free_port, memory_kib, patience, random_b, run,
                     wait_until)

FLOOD_S = 3.0 * SCALE
WHOLE_DAEMON_KIB = 64 * 1024
PING_P99_S = 0.05
# A machine that others share adds its own delays (49 ms were seen at a load of 9): those of a
# daemon that nobody attacks, at the same time. Beyond them and this it is the door's fault. The
# figure is printed beside the target in every run.
PING_FAILS_S = 5 * PING_P99_S
BACK_S = 5  # the target
BACK_FAILS_S = 60


def door_of(frankd, endpoint):
    """The process id of the door at an endpoint; None while it is down."""
    for pid in frankd.children("frank-door"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="latin-1") as file:
            if endpoint in file.read().split("\0"):
                return pid
    return None


def whole_kib(frankd):
    return memory_kib(frankd.pid) + sum(memory_kib(pid) for pid in frankd.children())


def two_doors(folder_of, **options):
    """A frankd on ipc and on a tcp port of loopback."""
    port = free_port()
    ipc = f"ipc://{folder_of}/mint.sock"
    return Frankd(["--factor", "1", "--device", "cpu:0"], listen=[ipc, f"tcp://127.0.0.1:{port}"],
                  folder=folder_of, **options)


class Watch:
    """Measures, in a thread: the largest memory of the whole daemon."""

    def __init__(self, frankd):
        self.frankd = frankd
        self.before_kib = whole_kib(frankd)
        self.peak_kib = self.before_kib
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.wait(0.01):
            self.peak_kib = max(self.peak_kib, whole_kib(self.frankd))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    @property
    def growth_kib(self):
        return self.peak_kib - self.before_kib


def p99(values):
    return sorted(values)[int(len(values) * 0.99)]


def ping_in_child(endpoints, seconds, pipe):
    trips = [[] for _ in endpoints]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(endpoint)) for endpoint in endpoints]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for client, times in zip(clients, trips):
                start = time.monotonic()
                ok, _ = client.ask("ping")
                assert ok
                times.append(time.monotonic() - start)
            time.sleep(0.01)
    pipe.send(trips)


def ping_for(endpoints, seconds, also=None):
    """Pings by turns, by a process of its own, so that the attack's work is not measured; the round
    trips of each endpoint in seconds. `also` is called again and again meanwhile."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=ping_in_child, args=(endpoints, seconds, theirs), daemon=True)
    child.start()
    theirs.close()
    while not ours.poll(0 if also else 0.1):
        if also:
            also()
    trips = ours.recv()  # EOFError: a ping was not answered
    child.join()
    return trips


def prompt(trips_of):
    """Pings that (endpoint, one of a daemon that nobody attacks) get, in the best of four runs: a
    busy machine can only make them longer. Returns the round trips to the endpoint; fails where
    they are longer than the machine explains."""
    best = None
    with Frankd(["--factor", "1", "--device", "cpu:0"]) as calm:
        for _ in range(4):
            both = trips_of(calm.ipc)
            if best is None or p99(both[0]) - p99(both[1]) < p99(best[0]) - p99(best[1]):
                best = both
            if p99(best[0]) <= PING_P99_S:
                break
    assert p99(best[0]) <= PING_FAILS_S + p99(best[1]), \
        f"p99 {p99(best[0]):.3f} s, and {p99(best[1]):.3f} s where nobody attacks"
    return best[0]


def seconds_until_back(endpoint, limit_s, **options):
    """How long until a new connection to the endpoint gets an answer."""
    start = time.monotonic()
    while True:
        with Client(endpoint, **options) as client:
            try:
                client.ask("ping", timeout_s=1)
                return time.monotonic() - start
            except Timeout:
                pass
        assert time.monotonic() - start < limit_s, f"{endpoint} not back within {limit_s} s"


def check_back(times_s):
    """How long it took after each attack: this machine may stand still after one of them."""
    assert sorted(times_s)[-2] <= patience(BACK_S), times_s


def flood_with_frames(endpoint, size, stop):
    """One message that never ends, on a new connection whenever the old one is closed."""
    chunk = zmtp.frame(b"x" * size, more=True) * max(1, 65536 // (size + 9))
    while not stop.is_set():
        try:
            with zmtp.connect(endpoint, 5.0) as raw:
                zmtp.shake_hands(raw)
                while not stop.is_set():
                    raw.sendall(chunk)
        except OSError:
            time.sleep(0.01)


def endless_multipart_costs_the_attacked_door_only():
    if sanitized():
        raise Skip("AddressSanitizer's memory cannot be limited")
    backs_s = []
    for size in (8, 1000, 60000):
        with temporary_folder() as folder, two_doors(folder, config="insecure = true;\n") as frankd:
            ipc, tcp = frankd.endpoints
            ipc_door = door_of(frankd, ipc)
            stop = threading.Event()
            flood = threading.Thread(target=flood_with_frames, args=(tcp, size, stop))
            with Watch(frankd) as watch, frankd.client(ipc) as client:
                flood.start()
                trips = prompt(lambda calm: ping_for((ipc, calm), FLOOD_S))
                b = random_b(88)
                ok, reply = client.mint(b)
                stop.set()
                flood.join()
            assert ok, reply
            check_stamp(reply, b, factor=1)
            back_s = seconds_until_back(tcp, BACK_FAILS_S)
            backs_s.append(back_s)
            print(f"      frames of {size} bytes: memory +{watch.growth_kib // 1024} MiB, "
                  f"{len(trips)} pings, p99 {p99(trips) * 1000:.1f} ms (target 50), "
                  f"back in {back_s:.1f} s (target {BACK_S})")
            assert watch.growth_kib <= WHOLE_DAEMON_KIB, watch.growth_kib
            assert door_of(frankd, ipc) == ipc_door, "the ipc door died, too"
    check_back(backs_s)


class Mute:
    """A peer that asks all the time and never reads."""

    def __init__(self, endpoint, verb):
        self.raw = zmtp.connect(endpoint)
        zmtp.shake_hands(self.raw)
        self.raw.setblocking(False)
        self.verb = verb
        self.serial = 0
        self.rest = b""

    def push(self):
        if not self.rest:
            self.serial += 1
            body = json.dumps({"b": random_b(88)}) if self.verb == b"mint" else "{}"
            self.rest = b"".join([zmtp.frame(b"frank/1", True), zmtp.frame(self.verb, True),
                                  zmtp.frame(b"m%d" % self.serial, True),
                                  zmtp.frame(body.encode())])
        with contextlib.suppress(OSError):
            self.rest = self.rest[self.raw.send(self.rest):]


def peers_that_do_not_read_are_bounded():
    if sanitized():
        raise Skip("AddressSanitizer's memory is not the daemon's")
    for verb in (b"ping", b"mint", b"status"):
        with Frankd(["--factor", "1", "--device", "cpu:0"]) as frankd:
            door = door_of(frankd, frankd.ipc)
            mutes = [Mute(frankd.ipc, verb) for _ in range(64)]

            def push():
                until = time.monotonic() + 0.02
                while time.monotonic() < until:
                    for mute in mutes:
                        mute.push()

            with Watch(frankd) as watch, frankd.client() as client:
                trips = prompt(lambda calm: ping_for((frankd.ipc, calm), 2 * FLOOD_S, push))
                b = random_b(88)
                ok, reply = client.mint(b)
            assert ok, reply
            check_stamp(reply, b, factor=1)
            print(f"      64 peers, {sum(m.serial for m in mutes)} x {verb.decode()}: memory "
                  f"+{watch.growth_kib // 1024} MiB, p99 {p99(trips) * 1000:.1f} ms (target 50)")
            assert watch.growth_kib <= WHOLE_DAEMON_KIB, watch.growth_kib
            assert door_of(frankd, frankd.ipc) == door, "the door died"
            for mute in mutes:
                mute.raw.close()


CROWD = 500  # connections without which the attack did not get far


class Crowd:
    """Raw connections that say nothing, opened again as they are closed."""

    def __init__(self, endpoint, size):
        self.endpoint = endpoint
        self.size = size
        self.open = {}
        self.most = 0

    def press(self):
        poll = select.poll()
        for descriptor in self.open:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(0):
            raw = self.open[descriptor]
            with contextlib.suppress(BlockingIOError):
                try:
                    gone = raw.recv(256) == b""
                except ConnectionError:
                    gone = True
                if gone:
                    del self.open[descriptor]
                    raw.close()
        until = time.monotonic() + 0.1
        while len(self.open) < self.size and time.monotonic() < until:
            try:
                raw = zmtp.connect(self.endpoint, timeout_s=0.1)
            except OSError:
                break
            raw.setblocking(False)
            self.open[raw.fileno()] = raw
        self.most = max(self.most, len(self.open))

    def leave(self):
        for raw in self.open.values():
            raw.close()
        self.open = {}


def raw_connections_at_the_descriptor_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
    if want < 2000:
        raise Skip(f"this process may open {hard} descriptors only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, want), hard))
    backs_s = []
    for attacked in (1, 0):
        config = "insecure = true;\ndoor_descriptors = 1024;\n"
        with temporary_folder() as folder, two_doors(folder, config=config) as frankd:
            target, other = frankd.endpoints[attacked], frankd.endpoints[1 - attacked]
            door = door_of(frankd, target)
            crowd = Crowd(target, 1500)
            start, used = time.monotonic(), cpu_seconds(door)

            def press():
                crowd.press()
                return crowd.most > CROWD

            wait_until(f"{CROWD} connections are made", press, 30)
            trips, = ping_for((other,), 2 * FLOOD_S, crowd.press)
            share = (cpu_seconds(door) - used) / (time.monotonic() - start)
            crowd.leave()
            back_s = seconds_until_back(target, BACK_FAILS_S)
            backs_s.append(back_s)
            print(f"      {crowd.most} connections to {target.split(':')[0]}: {share:.1%} of a core, "
                  f"{len(trips)} of {len(trips)} pings answered, "
                  f"back in {back_s:.1f} s (target {BACK_S})")
            assert share <= (0.1 if not sanitized() else 0.5), share
            assert door_of(frankd, target) == door, "the door died"
    check_back(backs_s)


@contextlib.contextmanager
def temporary_folder():
    folder = tempfile.mkdtemp(prefix="frank-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run(endless_multipart_costs_the_attacked_door_only, peers_that_do_not_read_are_bounded,
        raw_connections_at_the_descriptor_limit)
