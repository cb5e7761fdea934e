"""Row 11 of the scorecard at CI size: 200 clients of one byte per second, headers of 1 MiB, endless
pipelining; and more slow clients than there are places. frank-web grows by 8 MiB at most, and other
clients see at most twice the idle p99 (or 50 ms, below which this machine's own noise decides).

FRANK_TEST_SCALE multiplies the time under load (12 s)."""

import functools
import http.client
import os
import selectors
import socket
import threading
import time

from harness import (Frankd, check_ten_seconds, cpu_seconds, free_port, measured_until, memory_kib,
                     run, sanitized, wait_until)

SLOW_CLIENTS = 200
SECONDS = 12 * min(50, int(os.environ.get("FRANK_TEST_SCALE", "1")))
GROWTH_KIB = 8 * 1024
NOISE_S = 0.050
WINDOWS = 20  # of which one is to be as quiet as that
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: "


def fetch(port, path="/metrics", timeout_s=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        start = time.monotonic()
        connection.request("GET", path)
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200, reply.status
        return time.monotonic() - start
    finally:
        connection.close()


def p99(times):
    return sorted(times)[int(len(times) * 0.99)]


def times_of(port, path, count=0, seconds=0.0, pause_s=0.02):
    """How long each of many requests took: so many, or for so long. frank-web cuts a connection off
    after ten seconds: of who stood still himself, too. So one that fails late is a long one."""
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(times) < count:
        begin = time.monotonic()
        try:
            times.append(fetch(port, path))
        except OSError:
            if time.monotonic() - begin < 5:
                raise
            times.append(time.monotonic() - begin)
        time.sleep(pause_s)
    return times


def measure(port, seconds):
    """The p99 of requests made 50 times a second."""
    return p99(times_of(port, "/metrics", 1, seconds))


class SlowClients(threading.Thread):
    """Keeps `count` connections that each send one byte per second, and connects again whatever is
    closed."""

    def __init__(self, port, count):
        super().__init__(daemon=True)
        self.port, self.count = port, count
        self.stop_now = threading.Event()
        self.opened = 0

    def connect(self):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        peer.setblocking(False)
        self.opened += 1
        return peer, 0

    def run(self):
        peers = []
        while not self.stop_now.is_set():
            kept = []
            for peer, sent in peers:
                try:
                    peer.send(REQUEST[sent:sent + 1] or b"x")
                    kept.append((peer, sent + 1))
                except (BlockingIOError, InterruptedError):
                    kept.append((peer, sent))
                except OSError:
                    peer.close()
            peers = kept
            while len(peers) < self.count:
                try:
                    peers.append(self.connect())
                except OSError:
                    break
            self.stop_now.wait(1)
        for peer, _ in peers:
            peer.close()

    def stop(self):
        self.stop_now.set()
        self.join()


class Flood(threading.Thread):
    """One client with headers of 1 MiB, and one that pipelines requests and reads no answer."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.stop_now = threading.Event()
        self.refused = 0
        self.pipelined = 0
        self.wrong = []

    def long_header(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as peer:
            try:
                peer.sendall(REQUEST + b"y" * (1 << 20) + b"\r\n\r\n")
                answer = peer.recv(100)
            except OSError:
                answer = b""
            self.wrong += [answer] if b" 200 " in answer else []
            self.refused += 1

    def pipeline(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as peer:
            peer.setblocking(False)
            until = time.monotonic() + 0.5
            burst = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100
            with selectors.DefaultSelector() as selector:
                selector.register(peer, selectors.EVENT_WRITE)
                while time.monotonic() < until:
                    if selector.select(0.1):
                        try:
                            self.pipelined += peer.send(burst)
                        except OSError:
                            return

    def run(self):
        while not self.stop_now.is_set():
            try:
                self.long_header()
                self.pipeline()
            except OSError:
                pass  # it was cut off
            self.stop_now.wait(0.2)

    def stop(self):
        self.stop_now.set()
        self.join()


def start():
    port = free_port()
    frankd = Frankd(["--http", f"127.0.0.1:{port}", "--device", "cpu:0"])
    return port, frankd


def answers(port):
    try:
        return fetch(port, "/readyz") > 0
    except (OSError, AssertionError):
        return False


def undisturbed(test):
    """test(port, frankd), once more where frank-web answered frankd's pings too late and was ended:
    that may be this machine's fault once, but not each time."""
    @functools.wraps(test)
    def tried():
        for _ in range(4):
            port, frankd = start()
            with frankd:
                wait_until("/readyz answers", lambda: answers(port))
                try:
                    return test(port, frankd)
                except (AssertionError, OSError) as failure:
                    if not any("event=child-failed" in line and 'why="it hung"' in line
                               for line in frankd.lines):
                        raise
                    print(f"once more, for frank-web hung: {failure}")
        raise AssertionError("frank-web hung each time")
    return tried


@undisturbed
def slow_and_greedy_clients_cost_nobody_else(port, frankd):
    [pid] = frankd.children("frank-web")
    measure(port, 0.5)  # caches warm
    idle_s = measure(port, 4)
    idle_kib = memory_kib(pid)
    slow, flood = SlowClients(port, SLOW_CLIENTS), Flood(port)
    slow.start()
    flood.start()
    wait_until("all slow clients are there", lambda: slow.opened >= SLOW_CLIENTS, 60)
    cpu, begin = cpu_seconds(pid), time.monotonic()
    times_s = measured_until(max(2 * idle_s, NOISE_S), lambda: measure(port, SECONDS / 3), 3,
                             WINDOWS if not sanitized() else 3)
    loaded_s = min(times_s)
    wait_until("all attacks were tried", lambda: flood.refused > 5 and flood.pipelined > 0, 60)
    busy = (cpu_seconds(pid) - cpu) / (time.monotonic() - begin)
    grown_kib = memory_kib(pid, "VmHWM") - idle_kib
    slow.stop()
    flood.stop()
    assert frankd.children("frank-web") == [pid], "frank-web was started again"
    idle_s = max(idle_s, measure(port, 4))
    print(f"p99 idle {idle_s * 1e3:.2f} ms, loaded {loaded_s * 1e3:.2f} ms (target twice); memory "
          f"{idle_kib} KiB + {grown_kib} KiB; {busy:.1%} of a core; {slow.opened} slow "
          f"connections, {flood.refused} long headers, {flood.pipelined >> 10} KiB pipelined")
    assert flood.wrong == [], flood.wrong
    if sanitized():
        print("not judged: times, and memory, for AddressSanitizer keeps what was freed")
    else:
        assert grown_kib <= GROWTH_KIB, f"{grown_kib} KiB more"
        # The figures are printed in every run; only what no neighbour's work explains is a failure.
        assert loaded_s <= max(2 * idle_s, NOISE_S), (idle_s, times_s)


@undisturbed
def more_slow_clients_than_places_leave_room(port, frankd):
    [pid] = frankd.children("frank-web")
    slow = SlowClients(port, 600)
    slow.start()
    wait_until("they are many", lambda: slow.opened > 500, 60)
    times = times_of(port, "/healthz", 100, pause_s=0.03)
    slow.stop()
    assert frankd.children("frank-web") == [pid], "frank-web was started again"
    # A connection that finishes no request is cut, whatever it sends: there is a place for others.
    assert sum(took_s > 2 for took_s in times) <= 10, times


@undisturbed
def a_slow_request_has_ten_seconds(port, frankd):
    del frankd
    check_ten_seconds(port)


if __name__ == "__main__":
    run(slow_and_greedy_clients_cost_nobody_else, more_slow_clients_than_places_leave_room,
        a_slow_request_has_ten_seconds)
