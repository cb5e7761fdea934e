"""Row 11 of the scorecard at CI size: 200 clients of one byte per second, headers of 1 MiB, endless
pipelining; and more slow clients than there are places. frank-web grows by 8 MiB at most, and other
clients see at most twice the idle p99 (or 10 ms, below which this machine's own noise decides).

FRANK_TEST_SCALE multiplies the time under load (12 s)."""

import http.client
import os
import selectors
import socket
import threading
import time

from harness import Frankd, cpu_seconds, free_port, memory_kib, run, sanitized, wait_until

SLOW_CLIENTS = 200
SECONDS = 12 * min(50, int(os.environ.get("FRANK_TEST_SCALE", "1")))
GROWTH_KIB = 8 * 1024
NOISE_S = 0.010
REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Long: "


def fetch(port, path="/metrics", timeout_s=5):
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


def measure(port, seconds):
    """The p99 of requests made 50 times a second."""
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        times.append(fetch(port))
        time.sleep(0.02)
    return p99(times)


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

    def long_header(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as peer:
            try:
                peer.sendall(REQUEST + b"y" * (1 << 20) + b"\r\n\r\n")
                answer = peer.recv(100)
            except OSError:
                answer = b""
            assert b" 200 " not in answer, answer
            self.refused += 1

    def pipeline(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as peer:
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
            self.long_header()
            self.pipeline()
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
        return fetch(port, "/readyz") < 5
    except (OSError, AssertionError):
        return False


def slow_and_greedy_clients_cost_nobody_else():
    port, frankd = start()
    with frankd:
        wait_until("/readyz answers", lambda: answers(port))
        [pid] = frankd.children("frank-web")
        measure(port, 0.5)  # caches warm
        idle_s = measure(port, 4)
        idle_kib = memory_kib(pid)
        slow, flood = SlowClients(port, SLOW_CLIENTS), Flood(port)
        slow.start()
        flood.start()
        time.sleep(1)
        cpu, begin = cpu_seconds(pid), time.monotonic()
        # Other work on this machine only ever adds: the quietest of three windows counts.
        loaded_s = min(measure(port, SECONDS / 3) for _ in range(3))
        busy = (cpu_seconds(pid) - cpu) / (time.monotonic() - begin)
        grown_kib = memory_kib(pid, "VmHWM") - idle_kib
        slow.stop()
        flood.stop()
        assert frankd.children("frank-web") == [pid], "frank-web was started again"
        idle_s = max(idle_s, measure(port, 4))
        print(f"p99 idle {idle_s * 1e3:.2f} ms, loaded {loaded_s * 1e3:.2f} ms (target twice); memory "
              f"{idle_kib} KiB + {grown_kib} KiB; {busy:.1%} of a core; {slow.opened} slow "
              f"connections, {flood.refused} long headers, {flood.pipelined >> 10} KiB pipelined")
        assert flood.refused > 5 and flood.pipelined > 0 and slow.opened >= SLOW_CLIENTS
        if sanitized():
            print("memory is not judged: AddressSanitizer keeps what was freed")
        else:
            assert grown_kib <= GROWTH_KIB, f"{grown_kib} KiB more"
        # The figures are printed in every run; only what no neighbour's work explains is a failure.
        assert loaded_s <= max(2 * idle_s, 5 * NOISE_S), (idle_s, loaded_s)


def more_slow_clients_than_places_leave_room():
    port, frankd = start()
    with frankd:
        wait_until("/readyz answers", lambda: answers(port))
        [pid] = frankd.children("frank-web")
        slow = SlowClients(port, 600)
        slow.start()
        wait_until("they are many", lambda: slow.opened > 500)
        failed = 0
        for _ in range(100):
            try:
                fetch(port, "/healthz", timeout_s=2)
            except OSError:
                failed += 1
            time.sleep(0.03)
        slow.stop()
        assert failed == 0, f"{failed} of 100 requests failed"
        # A connection that finishes no request is cut, whatever it sends.
        assert frankd.children("frank-web") == [pid], "frank-web was started again"


def a_slow_request_has_ten_seconds():
    port, frankd = start()
    with frankd:
        wait_until("/readyz answers", lambda: answers(port))
        with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
            begin = time.monotonic()
            closed = False
            while not closed and time.monotonic() < begin + 15:
                try:
                    peer.send(b"G")
                    peer.settimeout(0.5)
                    closed = peer.recv(100) == b""
                except TimeoutError:
                    pass
                except OSError:
                    closed = True
            took = time.monotonic() - begin
        assert closed and 9 < took < 13, took


if __name__ == "__main__":
    run(slow_and_greedy_clients_cost_nobody_else, more_slow_clients_than_places_leave_room,
        a_slow_request_has_ten_seconds)
