"""What slow, greedy and many clients cost an authority: nothing that others would notice.

200 clients of one byte per second, heads of 1 MiB, endless pipelining, slow bodies, more connections
than there are places, more from one address than it may have. FRANK_TEST_SCALE multiplies the time
under load (9 s)."""

import os
import resource
import socket
import threading
import time

from authority_support import BASE, PATIENCE_S, Authority
from harness import (Skip, check_ten_seconds, measured_until, memory_kib, one_try_passes, patience,
                     run, sanitized, wait_until)

WINDOWS = 3
TRIES = 12  # windows in all, where the machine had no quiet moment
SECONDS = 9 * min(50, int(os.environ.get("FRANK_TEST_SCALE", "1")))
PLACES = 1024
PER_ADDRESS = 32
GROWTH_KIB = 24 * 1024  # 1,000 connections have 8 KiB each for their heads, and bodies of reports
# Below it the work of neighbours decides; what waits for a slow client waits for seconds.
NOISE_S = 0.250
STRANGER = ["--trusted-proxy", "192.0.2.1"]  # then loopback is an address like any other


def fetch_s(authority):
    begin = time.monotonic()
    status, _, _ = authority.ask(BASE + "factor")
    assert status == 200, status
    return time.monotonic() - begin


def p99(authority, seconds):
    times = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        times.append(fetch_s(authority))
        time.sleep(0.02)
    return sorted(times)[int(len(times) * 0.99)]


def metric(authority, name, source=None):
    for line in authority.ask("/metrics", source=source)[2].splitlines():
        if line.startswith(f"frank_authority_{name} "):
            return float(line.split()[1])
    raise AssertionError(name)


class Slow(threading.Thread):
    """Keeps `count` connections that each send one byte of `text` a second, and connects again what
    is closed."""

    def __init__(self, port, count, text):
        super().__init__(daemon=True)
        self.port, self.count, self.text = port, count, text
        self.stop_now = threading.Event()
        self.opened = 0

    def connect(self):
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        peer.setblocking(False)
        self.opened += 1
        return peer, 0

    def run(self):
        peers = []
        while not self.stop_now.is_set():
            kept = []
            for peer, sent in peers:
                try:
                    peer.send(self.text[sent:sent + 1] or b"x")
                    kept.append((peer, sent + 1))
                except (BlockingIOError, InterruptedError):
                    kept.append((peer, sent))
                except OSError:
                    peer.close()
            peers = kept
            while len(peers) < self.count and not self.stop_now.is_set():
                try:
                    peers.append(self.connect())
                except OSError:
                    break
            self.stop_now.wait(1)
        for peer, _ in peers:
            peer.close()


class Greedy(threading.Thread):
    """Heads of 1 MiB, requests without end whose answers nobody reads, and bodies that never end."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.stop_now = threading.Event()
        self.rounds = 0

    def send(self, head, piece, times):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.3) as peer:
                peer.sendall(head)
                for _ in range(times):
                    peer.sendall(piece)
        except OSError:
            pass

    def run(self):
        get = f"GET {BASE}history HTTP/1.1\r\nHost: x\r\n".encode()
        post = f"POST {BASE}report HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        while not self.stop_now.is_set():
            self.send(get + b"X: ", b"y" * 65536, 16)
            self.send(b"", (get + b"\r\n") * 100, 400)
            self.send(post, b"1000\r\n" + b"z" * 4096 + b"\r\n", 256)
            self.rounds += 1


def slow_and_greedy_clients_cost_nobody_else():
    with Authority(["--factor", "1000"]) as authority:
        p99(authority, 0.5)
        idle_s = p99(authority, 3)
        pid = authority.http_pid()
        idle_kib = memory_kib(pid)
        head = f"GET {BASE}factor HTTP/1.1\r\nHost: x\r\nX-Long: ".encode()
        body = (f"POST {BASE}report HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
                "Content-Length: 60000\r\n\r\n").encode()
        threads = [Slow(authority.port, 200, head), Slow(authority.port, 100, body),
                   Greedy(authority.port)]
        for thread in threads:
            thread.start()
        wait_until("they are all there", lambda: threads[0].opened >= 200 and
                   threads[1].opened >= 100 and threads[2].rounds > 1)
        limit_s = max(2 * idle_s, patience(NOISE_S))
        loaded = measured_until(limit_s, lambda: p99(authority, SECONDS / WINDOWS), WINDOWS, TRIES)
        loaded_s = min(loaded)
        grown_kib = memory_kib(pid, "VmHWM") - idle_kib
        for thread in threads:
            thread.stop_now.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        print(f"p99 idle {idle_s * 1e3:.2f} ms, loaded {loaded_s * 1e3:.2f} ms; memory {idle_kib} KiB "
              f"+ {grown_kib} KiB; {threads[0].opened} + {threads[1].opened} slow connections, "
              f"{threads[2].rounds} greedy rounds")
        assert authority.http_pid() == pid, "its process was started again"
        assert loaded_s <= limit_s, (idle_s, loaded)
        if sanitized():
            print("memory is not judged: AddressSanitizer keeps what was freed")
        else:
            assert grown_kib <= GROWTH_KIB, f"{grown_kib} KiB more"


def a_request_has_ten_seconds_in_all():
    post = f"POST {BASE}report HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n".encode()
    with Authority(["--factor", "1000"]) as authority:
        for start in (b"", post):
            check_ten_seconds(authority.port, start)
        wait_until("both are counted", lambda: metric(authority, "connections_cut_total") >= 2)


def an_address_has_its_share_of_places():
    def more_than_its_share(_):
        """Over before the first of them has had its ten seconds."""
        peers = []
        elsewhere = ("127.0.0.2", 0)
        refused = metric(authority, "connections_refused_total", elsewhere)
        try:
            for _ in range(PER_ADDRESS + 20):
                peers.append(socket.create_connection(("127.0.0.1", authority.port),
                                                      timeout=PATIENCE_S))
            # From elsewhere on this host: served all the same.
            assert authority.ask(BASE + "factor", source=elsewhere)[0] == 200
            ended = 0
            for peer in peers:
                peer.settimeout(0.05)
                try:
                    ended += peer.recv(1) == b""
                except TimeoutError:
                    pass
                except OSError:
                    ended += 1
            assert ended == 20, ended
            refused = metric(authority, "connections_refused_total", elsewhere) - refused
            assert refused == 20, refused
        finally:
            for peer in peers:
                peer.close()
            wait_until("its places are free again",
                       lambda: metric(authority, "connections", elsewhere) < 3)
        assert authority.ask(BASE + "factor")[0] == 200

    with Authority(["--factor", "1000", *STRANGER]) as authority:
        one_try_passes(5, more_than_its_share, 8)


def more_connections_than_places_leave_room():
    needed = PLACES + 300
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Skip(f"only {hard} files may be open, and {needed} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    with Authority(["--factor", "1000"]) as authority:
        pid = authority.http_pid()
        peers = []
        try:
            for number in range(PLACES + 200):
                peers.append(socket.create_connection(("127.0.0.1", authority.port),
                                                      timeout=PATIENCE_S))
                if number % 100 == 99:
                    assert authority.ask(BASE + "factor")[0] == 200
            for _ in range(50):
                assert authority.ask(BASE + "factor")[0] == 200
            assert metric(authority, "connections") <= PLACES
            assert metric(authority, "connections_cut_total") >= 200
        finally:
            for peer in peers:
                peer.close()
        wait_until("their places are free", lambda: metric(authority, "connections") < 5)
        assert authority.http_pid() == pid


if __name__ == "__main__":
    run(slow_and_greedy_clients_cost_nobody_else, a_request_has_ten_seconds_in_all,
        an_address_has_its_share_of_places, more_connections_than_places_leave_room)
