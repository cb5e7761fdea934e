"""frank-web as monitoring meets it: every endpoint of a running frankd, what it refuses, and the
port that is somebody else's."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess

from daemon_support import HOPELESS, LET_HOPELESS
from harness import Frankd, Skip, free_port, random_b, run, wait_until

STATUS_KEYS = {"version", "uptime_ms", "queue", "devices", "factor", "totals"}
DEVICE_KEYS = {"name", "engine", "state", "rate_hps", "attempts", "wrong_hits", "restarts"}


def ask(port, path, method="GET", body=None, headers=None, timeout_s=60):
    """(status, headers, body) of one request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read().decode()
    finally:
        connection.close()


def answers(port, path):
    """True when it answers 200; false while nobody listens, too."""
    try:
        return ask(port, path)[0] == 200
    except OSError:
        return False


def refusal(port, path, **options):
    """The status of an answer that may come before all of the request was sent: the connection is
    closed then, and where the request is still under way that takes the answer with it."""
    for _ in range(50):
        try:
            return ask(port, path, **options)[0]
        except ConnectionError:
            continue
    raise AssertionError(f"no answer to {path[:20]} in 50 tries")


def serve(*args, **options):
    port = free_port()
    return port, Frankd(["--http", f"127.0.0.1:{port}", "--factor", "1000", "--device", "cpu:0",
                         *args], **options)


def value(metrics, name):
    """The value of one series."""
    for line in metrics.splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no series {name} in:\n{metrics}")


def all_endpoints_answer():
    port, frankd = serve()
    with frankd:
        wait_until("/readyz says ready", lambda: answers(port, "/readyz"))
        assert ask(port, "/healthz")[::2] == (200, "alive\n")
        status, headers, body = ask(port, "/")
        assert status == 200 and all(path in body for path in ("/healthz", "/readyz", "/metrics"))
        assert headers["Content-Type"].startswith("text/plain")
        with frankd.client() as client:
            for _ in range(5):
                ok, reply = client.mint(random_b())
                assert ok, reply
        wait_until("five stamps are counted",
                   lambda: json.loads(ask(port, "/status")[2])["totals"]["met"] == 5)
        status, headers, body = ask(port, "/status?pretty")
        told = json.loads(body)
        assert status == 200 and headers["Content-Type"] == "application/json"
        assert STATUS_KEYS <= told.keys(), told.keys()
        assert DEVICE_KEYS <= told["devices"][0].keys(), told["devices"]
        assert told["devices"][0]["state"] == "ready" and told["devices"][0]["attempts"] > 0
        assert told["factor"]["value"] == 1000
        status, headers, body = ask(port, "/metrics")
        assert status == 200 and "version=0.0.4" in headers["Content-Type"]
        assert value(body, 'frank_jobs_total{result="met"}') == 5
        assert value(body, "frank_mint_seconds_count") == 5
        assert value(body, 'frank_mint_seconds_bucket{le="+Inf"}') == 5
        assert value(body, 'frank_device_state{device="cpu:0",state="ready"}') == 1
        assert value(body, "frank_factor") == 1000
        # HEAD: the same headers, no body.
        status, head, body = ask(port, "/healthz", "HEAD")
        assert (status, body, head["Content-Length"]) == (200, "", "6"), head


def the_wire_and_the_web_say_the_same():
    port, frankd = serve()
    with frankd, frankd.client() as client:
        ok, reply = client.mint(random_b())
        assert ok, reply
        wait_until("/status answers", lambda: answers(port, "/status"))

        def say_the_same():
            ok, wire = client.ask("status", timeout_s=60)
            assert ok and STATUS_KEYS <= wire.keys(), wire
            web = json.loads(ask(port, "/status")[2])  # of up to a second ago
            return wire["totals"]["met"] == 1 and wire["totals"] == web["totals"] and \
                wire["queue"] == web["queue"]

        wait_until("they say the same", say_the_same)


def metrics_of_a_live_daemon_pass_promtool():
    if shutil.which("promtool") is None:
        raise Skip("promtool is not installed")
    port, frankd = serve()
    with frankd:
        wait_until("/metrics answers", lambda: answers(port, "/metrics"))
        done = subprocess.run(["promtool", "check", "metrics"], input=ask(port, "/metrics")[2],
                              capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done


def what_is_not_served_is_refused():
    port, frankd = serve()
    with frankd:
        wait_until("/healthz answers", lambda: answers(port, "/healthz"))
        for path in ("/nothing", "/status/", "//", "/healthz/../status", "/%2e%2e/", "/METRICS"):
            assert ask(port, path)[0] == 404, path
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
            status, headers, _ = ask(port, "/status", method)
            assert status == 405 and headers["Allow"] == "GET, HEAD", (method, status, headers)
        assert refusal(port, "/status", method="POST", body="x=1") == 405
        assert refusal(port, "/status", body="x=1") == 400
        assert refusal(port, "/status", headers={"Transfer-Encoding": "chunked"}) == 400
        assert refusal(port, "/healthz", headers={"X": "y" * 100000}) == 431
        assert refusal(port, "/" + "x" * 100000) in (404, 414, 431)
        for raw in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /healthz HTTP/9.9\r\n\r\n",
                    b"\r\n" * 1000, b"GET /healthz HTTP/1.1\r\n\x00: x\r\n",
                    b"\x16\x03\x01\x02\x00\x01\x00" + os.urandom(400)):
            with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
                peer.sendall(raw)
                peer.settimeout(1)
                try:
                    answer = peer.recv(4096)
                except (ConnectionResetError, TimeoutError):
                    answer = b""  # cut off, or still waiting for the rest of a request
            assert b" 200 " not in answer.split(b"\r\n")[0], (raw[:40], answer[:80])
        assert ask(port, "/healthz")[0] == 200


def readyz_tells_the_drain_and_healthz_still_answers():
    port, frankd = serve(config="grace = 10min\n" + LET_HOPELESS)
    with frankd, frankd.client() as client:
        wait_until("/readyz says ready", lambda: answers(port, "/readyz"))
        # A request that cannot be met keeps the daemon draining until it is taken back.
        name = client.send("mint", {"b": random_b(), "factor": HOPELESS, "deadline_ms": 3600000})
        wait_until("it is taken", lambda: json.loads(ask(port, "/status")[2])["queue"] !=
                   {"waiting": 0, "running": 0, "bound": 10000})
        frankd.signal(signal.SIGTERM)
        wait_until("/readyz tells the drain",
                   lambda: ask(port, "/readyz")[::2] == (503, "not ready: shutting down\n"))
        assert ask(port, "/healthz")[0] == 200
        assert frankd.process.poll() is None
        client.send("cancel", {"id": name})
        assert frankd.wait_end(120) == 0


def a_silent_frankd_is_not_ready():
    port, frankd = serve()
    with frankd:
        wait_until("/readyz says ready", lambda: answers(port, "/readyz"))
        frankd.signal(signal.SIGSTOP)
        try:
            wait_until("/readyz notices", lambda: ask(port, "/readyz")[0] == 503)
            assert "no status for" in ask(port, "/readyz")[2]
            assert ask(port, "/healthz")[0] == 200
        finally:
            frankd.signal(signal.SIGCONT)
        wait_until("/readyz says ready again", lambda: answers(port, "/readyz"))


def a_killed_web_child_comes_back():
    port, frankd = serve()
    with frankd, frankd.client() as client:
        wait_until("/healthz answers", lambda: answers(port, "/healthz"))
        [pid] = frankd.children("frank-web")
        os.kill(pid, signal.SIGKILL)
        ok, reply = client.mint(random_b())
        assert ok, reply

        wait_until("/readyz answers again", lambda: answers(port, "/readyz"))
        assert frankd.children("frank-web") != [pid]
        wait_until("the restart is counted", lambda: value(
            ask(port, "/metrics")[2],
            f'frank_child_restarts_total{{child="web http://127.0.0.1:{port}"}}') == 1)


def a_port_in_use_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        frankd = Frankd(["--http", f"127.0.0.1:{port}", "--device", "cpu:0"], wait=False)
        try:
            assert frankd.wait_end(120) == 1, frankd.log()
            wait_until("the reason is logged", lambda: f"127.0.0.1:{port}" in frankd.log() and
                       "in use" in frankd.log())
        finally:
            frankd.stop()


def connections_are_kept_and_pipelined_requests_answered_in_order():
    port, frankd = serve()
    with frankd:
        wait_until("/readyz says ready", lambda: answers(port, "/readyz"))
        # A connection has ten seconds for the next request; this machine may stand still longer.
        wait_until("20 requests go over one connection", lambda: is_kept(port), 60)
        paths, want = ["/healthz", "/nothing", "/readyz"] * 20, [b"200", b"404", b"200"] * 20
        for _ in range(10):
            codes = pipelined(port, paths)
            if len(codes) == len(want):
                break
        assert codes == want, codes


def is_kept(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        first = connection.sock
        for _ in range(20):
            connection.request("GET", "/nothing")
            if not connection.getresponse().read() or connection.sock is not first:
                return False
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def pipelined(port, paths):
    """The status of each answer that came, in their order."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as peer:
        peer.sendall(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths))
        answer = b""
        try:
            while answer.count(b"HTTP/1.1") < len(paths) and (piece := peer.recv(65536)):
                answer += piece
        except ConnectionError:
            pass
    return re.findall(rb"HTTP/1.1 ([0-9]+)", answer)


if __name__ == "__main__":
    run(all_endpoints_answer, the_wire_and_the_web_say_the_same,
        metrics_of_a_live_daemon_pass_promtool, what_is_not_served_is_refused,
        readyz_tells_the_drain_and_healthz_still_answers, a_silent_frankd_is_not_ready,
        a_killed_web_child_comes_back, a_port_in_use_is_named,
        connections_are_kept_and_pipelined_requests_answered_in_order)
