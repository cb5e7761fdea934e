"""Frank's own FPGA core as a device: simulated in the worker, and behind a server by TCP, with servers
that die, stop, talk nonsense or lie. A right stamp, or a clear error in time.
"""

import base64
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request
import zlib

from cli_support import (Skip, check_header, check_test, frank, frank_in_time, program, read,
                         records, run, sample, signatures, soon)
from daemon_support import HOPELESS, LET_HOPELESS, check_answer, devices, patience, status
from harness import Frankd, free_port, kept_port, place_of, random_b, wait_until

B = base64.b64encode(bytes(range(64))).decode()
FACTOR = 20000  # some tenths of a second of the simulation
# A b of RSA-8192: with its nonce 22 blocks, where the core takes 12.
LONG_B = base64.b64encode(bytes(i * 7 % 256 for i in range(1024))).decode()


def needed():
    """Skips where this build has no simulated core."""
    done = frank("devices", "--device", "fpga:sim", "--json")
    if done.returncode != 0 and ("not in this build" in done.stderr or
                                 "no engine" in done.stderr or "no device" in done.stderr):
        raise Skip(done.stderr.strip())
    assert done.returncode == 0, done
    return records(done)[0]


def mint(*args, b=B):
    """frank mint --json; (the final record, the finished process)."""
    done = frank("mint", "--b", b, "--json", "--deadline", "10m", *args, timeout_s=600)
    return records(done)[-1], done


def check_mint(record, done, factor, b=B):
    assert done.returncode == 0 and record["met"] is True, (record, done)
    check_header(record["header"].encode(), record["a"], b, factor, line_end=b"\r\n")


class Server:
    """A frank-fpga-server of its own. Attributes: port, device, pid."""

    def __init__(self, *args, port=None):
        """port: one of free_port() unless told. (The kernel's own choice could be one of those for
        outgoing connections: who connects while the server is away could get it himself.)"""
        for _ in range(5):
            self.port = port or free_port()
            self.process = subprocess.Popen(
                [program("frank-fpga-server"), "--listen", f"127.0.0.1:{self.port}", *args],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            line = self.process.stdout.readline().split()
            if line == ["listening", f"127.0.0.1:{self.port}"]:
                break
            self.process.kill()
            why = self.process.communicate()
            assert "in use" in why[1], (line, why)  # another program's, by chance
        else:
            raise AssertionError(why)
        self.device = f"fpga:tcp:127.0.0.1:{self.port}"
        self.pid = self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.communicate()


class Stranger:
    """Something else that listens: `answer(connection)` is called for each who comes."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.device = f"fpga:tcp:127.0.0.1:{self.listener.getsockname()[1]}"
        self.ended = threading.Event()
        self.visits = 0
        self.threads = [threading.Thread(target=self._serve, daemon=True)]
        self.threads[0].start()

    def _serve(self):
        while not self.ended.is_set():
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            self.visits += 1
            thread = threading.Thread(target=self._visit, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _visit(self, connection):
        with connection:
            try:
                self.answer(connection, self.ended)
            except OSError:
                pass  # the other side has gone, as it should

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        self.listener.close()


FRAME_BYTES = 32  # driver/protocol.md
OP_WRITE = 3
JOB_TARGET = 0x030


class Liar:
    """Between a worker and a server. Once `lying` is set, every job that passes gets another target:
    the core reports counters that are no hits."""

    def __init__(self, server):
        self.server = server
        self.lying = threading.Event()

    def change(self, frame):
        magic, session, sequence, op, state, zero, address, data, _ = struct.unpack(">IIIBBHIQI", frame)
        if not (self.lying.is_set() and op == OP_WRITE and address == JOB_TARGET):
            return frame
        head = struct.pack(">IIIBBHIQ", magic, session, sequence, op, state, zero, address,
                           data | 0x0fffffff)
        return head + struct.pack(">I", zlib.crc32(head))

    def __call__(self, connection, ended):
        with socket.create_connection(("127.0.0.1", self.server.port)) as core:
            waiting = b""
            while not ended.is_set():
                for ready in select.select([connection, core], [], [], 0.1)[0]:
                    got = ready.recv(65536)
                    if not got:
                        return
                    if ready is core:
                        connection.sendall(got)
                        continue
                    waiting += got
                    whole = len(waiting) // FRAME_BYTES * FRAME_BYTES
                    core.sendall(b"".join(self.change(waiting[i:i + FRAME_BYTES])
                                          for i in range(0, whole, FRAME_BYTES)))
                    waiting = waiting[whole:]


# ---- the simulation in the worker ----


def the_simulated_core_stamps_a_real_message():
    needed()
    path = sample("rfc6376.signed.rsa.msg")
    a, b, _ = signatures(read(path))[0]
    done = frank("mint", "--device", "fpga", "--factor", str(FACTOR), "--deadline", "10m", "--eml",
                 path, timeout_s=600)
    assert done.returncode == 0, done
    check_header(done.stdout[:-1], a, b, FACTOR)
    for _ in range(3):
        record, done = mint("--device", "fpga:sim", "--factor", str(FACTOR))
        check_mint(record, done, FACTOR)
        if record["device"] != "host":  # which tries one nonce, and may be lucky
            break
    assert record["device"] == "fpga:sim", record


def it_is_told_as_a_simulation_and_used_where_it_is_named():
    device = needed()
    assert device["simulated"] is True and device["place"] == "simulated", device
    assert device["self_test"] == "passed" and device["rate_hps"] > 0, device
    assert "U=" in device["model"] and "simulated" in device["model"], device
    text = frank("devices", "--device", "fpga").stdout.decode()
    assert "fpga:sim" in text and ", simulated" in text, text
    *usual, final = records(frank("devices", "--json"))
    assert all(device["engine"] != "fpga" and not device["simulated"] for device in usual), usual
    assert "fpga:sim: there, but not named" in final["notes"], final
    plan = records(frank("mint", "--b", B, "--device", "fpga", "--device", "cpu:0", "--dry-run",
                         "--json"))[0]
    assert {d["name"]: d["simulated"] for d in plan["devices"]} == {"fpga:sim": True,
                                                                    "cpu:0": False}, plan
    text = frank("mint", "--b", B, "--device", "fpga:0", "--dry-run").stdout.decode()
    assert "fpga:0" in text and "attempts/s, simulated" in text, text


def unroll_and_isa_choose_each_for_its_own_engine():
    needed()
    for unroll in ("1", "8", "64"):
        both = records(frank("devices", "--device", "fpga", "--device", "cpu:0", "--isa",
                             "portable", "--fpga-unroll", unroll, "--json"))[:-1]
        assert {d["engine"]: d["variant"] for d in both} == {"fpga": f"u{unroll}",
                                                             "cpu": "portable"}, both
    one, final = records(frank("devices", "--device", "fpga", "--isa", "u8", "--json"))
    assert one["variant"] == "u8" and final["ready"] == 1, one


def the_test_of_devices_searches_on_it():
    needed()
    check_test("--device", "fpga")


def what_is_too_long_for_the_core_goes_elsewhere():
    needed()
    record, done = mint("--device", "fpga", "--factor", str(HOPELESS), b=LONG_B)
    assert done.returncode == 3 and record["error"] == "unsupported", done
    assert "22 blocks" in record["message"] and "12 at most" in record["message"], record
    for _ in range(3):
        record, done = mint("--device", "fpga", "--device", "cpu:0", "--factor", "200000", b=LONG_B)
        check_mint(record, done, 200000, LONG_B)
        assert record["device"] in ("cpu:0", "host"), record


def only_the_worker_holds_the_simulation():
    needed()
    for name in ("frank", "frankd", "frank-door", "frank-web", "frank-worker"):
        try:
            done = subprocess.run(["readelf", "-d", program(name)], capture_output=True, text=True,
                                  check=True)
        except FileNotFoundError as missing:
            raise Skip(f"binutils: {missing}") from missing
        holds = "libstdc++" in done.stdout
        assert holds == (name == "frank-worker"), f"{name}: {done.stdout}"


# ---- a core behind a server ----


def a_core_behind_a_server_stamps():
    needed()
    with Server("--unroll", "8") as server:
        record, done = mint("--device", server.device, "--factor", "2000")
        check_mint(record, done, 2000)
        assert record["device"] in (server.device, "host"), record
        device = records(frank("devices", "--device", server.device, "--json"))[0]
        assert device["variant"] == "u8" and device["simulated"] is True, device
        assert device["place"] == f"127.0.0.1:{server.port}" and device["rate_hps"] > 0, device
        # A simulation here can be made otherwise; that core is as it is.
        both = records(frank("devices", "--device", server.device, "--device", "fpga:sim",
                             "--fpga-unroll", "1", "--json"))[:-1]
        assert {d["device"]: d["variant"] for d in both} == {server.device: "u8",
                                                             "fpga:sim": "u1"}, both
        record, done = mint("--device", server.device, "--isa", "u4")
        assert done.returncode == 3 and "is u8, not u4" in record["message"], record


def two_at_once_are_told_that_it_is_busy():
    needed()
    with Server() as server:
        with Frankd(["--device", server.device]):
            record, done = soon(patience(20), lambda: mint("--device", server.device, "--factor",
                                                           str(HOPELESS)))
            assert done.returncode == 3 and "in use" in record["message"], record


def say_nothing(connection, ended):
    while not ended.is_set() and connection.recv(4096):
        pass


def close_at_once(connection, ended):
    del connection, ended


def talk_nonsense(connection, ended):
    while not ended.is_set() and connection.recv(4096):
        connection.sendall(os.urandom(4096))


def greet_as_mail_does(connection, ended):
    connection.sendall(b"220 mail.example ESMTP\r\n")
    while not ended.is_set() and connection.recv(4096):
        connection.sendall(b"502 command not recognized\r\n")


def what_is_no_core_is_named_in_time():
    needed()
    with kept_port() as nobody:
        absent = f"fpga:tcp:{place_of(nobody)}"
        record, done = soon(patience(15), lambda: mint("--device", absent))
        assert done.returncode == 3 and absent in record["message"], done
    record, done = mint("--device", "fpga:tcp:no-such-host.invalid:5000")
    assert done.returncode == 3 and "no-such-host.invalid" in record["message"], done
    for answer in (say_nothing, close_at_once, talk_nonsense, greet_as_mail_does):
        with Stranger(answer) as stranger:
            record, done = soon(patience(20), lambda: mint("--device", stranger.device))
            assert done.returncode == 3 and stranger.device in record["message"], (answer, done)
            wait_until("it was asked", lambda: stranger.visits > 0)
            print(f"      {answer.__name__}: {record['message']}")
            # Beside a device that works it harms nobody.
            record, done = soon(patience(20), lambda: mint("--device", stranger.device, "--device",
                                                           "cpu:0", "--factor", "1000"))
            check_mint(record, done, 1000)


def strike(server, number, args, factor, deadline_s):
    """frank mint on the server's core; the server gets the signal in mid-search. (b, the final
    record, the exit status, standard error, seconds); None where the search ended before. (Where it
    has not begun by then, it begins without the server.)"""
    b = random_b(88)
    command = [program("frank"), "mint", "--b", b, "--json", "--device", server.device, "--factor",
               str(factor), "--deadline", f"{deadline_s}s", *args]
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as search:
        time.sleep(0.7)
        if search.poll() is not None:
            search.communicate()
            return None
        server.signal(number)
        out, err = search.communicate(timeout=patience(deadline_s + 30))
    took_s = time.monotonic() - start
    return b, json.loads(out.splitlines()[-1]), search.returncode, err.decode(), took_s


def a_server_lost_in_mid_search_costs_no_stamp():
    needed()
    cpu_hps = records(frank("devices", "--device", "cpu:0", "--json"))[0]["rate_hps"]
    for number in (signal.SIGKILL, signal.SIGSTOP):
        # Two seconds of one core, on average: now and then it is over before the blow.
        factor = int(2 * cpu_hps)
        struck = None
        while struck is None:
            with Server() as server:
                struck = strike(server, number, ["--device", "cpu:0"], factor, 1200)
        b, record, code, err, took_s = struck
        assert code == 0 and record["met"] is True, (number, record, err)
        check_header(record["header"].encode(), record["a"], b, factor, line_end=b"\r\n")
        print(f"      {number.name} with cpu:0: met after {took_s:.1f} s")
        # Alone: the best that it had found, or that there is no device; in time, either way.
        for _ in range(10):
            with Server() as server:
                b, record, code, err, took_s = strike(server, number, [], HOPELESS, 8)
            assert code in (1, 3), (number, record, err)
            if code == 1:
                assert record["met"] is False, record
                check_header(record["header"].encode(), record["a"], b, line_end=b"\r\n")
            else:
                assert record["error"] == "no-device", record
            print(f"      {number.name} alone: status {code} after {took_s:.1f} s: "
                  f"{record.get('message', err.strip())}")
            if took_s < patience(8 + 12):
                break
        assert took_s < patience(8 + 12), (number, took_s)


# ---- the daemon ----

# Nobody is killed because this machine stands still: servers that do are the driver's to tell.
CONFIG = """
slice = 20ms
stall_floor = 250ms
kill_floor = 2min
open_limit = 2min
worker_nice = 0
quarantine = 3s
"""


def work(frankd, count, factor, b_length=88):
    """Jobs in flight together; every answer is checked. The devices that found them."""
    found = set()
    with frankd.client() as client:
        wanted = {}
        for _ in range(count):
            b = random_b(b_length)
            body = {"b": b, "factor": factor, "deadline_ms": 600000}
            wanted[client.send("mint", body)] = b
        for _ in range(count):
            ok, name, reply = client.recv(660)
            assert ok, reply
            check_answer(reply, wanted.pop(name), factor=factor, alg="rsa-sha256")
            found.add(reply["device"])
    return found


def work_until(frankd, what, condition, count=8, factor=1000000, limit_s=120):
    """Jobs so long that one device cannot take all of them at once: the slower one gets some, too.
    What the condition gives in the end."""
    until = time.monotonic() + patience(limit_s)
    while not (given := condition()):
        assert time.monotonic() < until, f"not within {limit_s} s: {what}; {devices(frankd)}"
        work(frankd, count, factor)
    return given


def in_state(frankd, name, *states):
    """What the device is said to be, if it is in one of these states."""
    device = devices(frankd)[name]
    return device if device["state"] in states else None


def metrics_of(http):
    """The page, as soon as frankd has told the web child how it is."""
    pages = []

    def is_there():
        try:
            with urllib.request.urlopen(f"http://{http}/metrics", timeout=60) as page:
                pages.append(page.read().decode())
        except OSError:  # "not yet" is one, too
            return False
        return True

    wait_until("there are metrics", is_there)
    return pages[-1]


def the_daemon_uses_it_beside_the_cores():
    needed()
    http = f"127.0.0.1:{free_port()}"
    with Frankd(["--device", "fpga", "--device", "cpu", "--fpga-unroll", "8", "--http", http],
                config=CONFIG) as frankd:
        work_until(frankd, "the core has worked",
                   lambda: devices(frankd)["fpga:sim"]["attempts"] > 100000)
        now = devices(frankd)
        assert now["fpga:sim"]["simulated"] is True and now["cpu:0"]["simulated"] is False, now
        assert now["fpga:sim"]["variant"] == "u8" and now["fpga:sim"]["state"] == "ready", now
        assert all(d["wrong_hits"] == 0 and d["restarts"] == 0 for d in now.values()), now
        text = metrics_of(http)
        assert 'frank_device_simulated{device="fpga:sim"} 1' in text, text
        assert 'frank_device_simulated{device="cpu:0"} 0' in text, text
        shown = frank_in_time("status", "--connect", frankd.ipc).stdout.decode()
        assert any("fpga:sim" in line and line.endswith("simulated")
                   for line in shown.splitlines()), shown
        # What has too many blocks for the core is for the cores alone.
        with frankd.client() as client:
            for _ in range(5):
                ok, reply = client.mint(LONG_B, 660, factor=FACTOR, deadline_ms=600000)
                assert ok and reply["device"].startswith(("cpu:", "host")), reply
                check_answer(reply, LONG_B, factor=FACTOR, alg="rsa-sha256")
        # A worker that is killed is replaced, and its core is as new.
        pid = now["fpga:sim"]["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_until("there is a new worker",
                   lambda: devices(frankd)["fpga:sim"]["pid"] not in (0, pid) and
                   devices(frankd)["fpga:sim"]["state"] == "ready", patience(20))
        work_until(frankd, "it works again",
                   lambda: devices(frankd)["fpga:sim"]["attempts"] >
                   now["fpga:sim"]["attempts"] + 50000)


def a_core_alone_serves_a_daemon():
    needed()
    with Frankd(["--device", "fpga"], config=CONFIG + LET_HOPELESS) as frankd:
        found = work(frankd, 12, FACTOR) | work(frankd, 6, 2000, 684)
        assert found <= {"fpga:sim", "host"} and "fpga:sim" in found, found
        with frankd.client() as client:
            ok, reply = client.mint(LONG_B, 660, factor=HOPELESS, deadline_ms=600000)
            assert not ok and reply["error"] == "unsupported", reply
            assert "22 blocks" in reply["message"] and "12 at most" in reply["message"], reply


def a_server_that_comes_back_is_used_again():
    needed()
    for number in (signal.SIGKILL, signal.SIGSTOP):
        with Server() as server:
            name = server.device
            with Frankd(["--device", name, "--device", "cpu:0"], config=CONFIG) as frankd:
                work_until(frankd, "the server's core has worked",
                           lambda: devices(frankd)[name]["attempts"] > 20000)
                server.signal(number)
                device = work_until(frankd, "its loss is told",
                                    lambda: in_state(frankd, name, "paused", "quarantined"))
                assert str(server.port) in device["why"] or "hung" in device["why"], device
                assert device["wrong_hits"] == 0 and device["rate_hps"] == 0, device
                print(f"      {number.name}: {device['why']}")
                with contextlib.ExitStack() as again:
                    if number == signal.SIGKILL:
                        server.process.wait(60)
                        again.enter_context(Server(port=server.port))
                    else:
                        server.signal(signal.SIGCONT)
                    attempts = device["attempts"]
                    work_until(frankd, "it is ready again and works",
                               lambda: in_state(frankd, name, "ready") and
                               devices(frankd)[name]["attempts"] > attempts + 20000)


def a_server_that_comes_back_with_another_core_is_told_as_that():
    needed()
    with Server("--unroll", "8") as server:
        name = server.device
        with Frankd(["--device", name, "--device", "cpu:0"], config=CONFIG) as frankd:
            work_until(frankd, "the server's core has worked",
                       lambda: devices(frankd)[name]["attempts"] > 20000)
            assert devices(frankd)[name]["variant"] == "u8", devices(frankd)[name]
            server.process.kill()
            server.process.wait(60)
            with Server("--unroll", "64", port=server.port):
                attempts = devices(frankd)[name]["attempts"]
                work_until(frankd, "the core is told as it is now, and works",
                           lambda: devices(frankd)[name]["variant"] == "u64" and
                           "U=64" in devices(frankd)[name]["model"] and
                           devices(frankd)[name]["state"] == "ready" and
                           devices(frankd)[name]["attempts"] > attempts + 20000)
                assert devices(frankd)[name]["wrong_hits"] == 0, devices(frankd)[name]


def one_that_is_never_a_core_comes_into_quarantine():
    needed()
    with Stranger(talk_nonsense) as stranger:
        with Frankd(["--device", stranger.device, "--device", "cpu:0"], config=CONFIG) as frankd:
            seen = []

            def is_quarantined():
                seen.append(in_state(frankd, stranger.device, "quarantined"))
                return seen[-1] is not None

            wait_until("it is quarantined", is_quarantined, patience(40))
            device = seen[-1]
            assert "127.0.0.1" in device["why"] and device["restarts"] >= 3, device
            assert work(frankd, 4, 1000) <= {"cpu:0", "host"}


def a_core_that_lies_is_found_out_counted_and_quarantined():
    needed()
    with Server() as server:
        liar = Liar(server)
        with Stranger(liar) as line:
            name = line.device
            with Frankd(["--device", name, "--device", "cpu:0"], config=CONFIG) as frankd:
                work_until(frankd, "it has worked",
                           lambda: devices(frankd)[name]["attempts"] > 20000)
                assert status(frankd)["wrong_hits"] == 0, status(frankd)
                liar.lying.set()
                work_until(frankd, "it is quarantined",
                           lambda: in_state(frankd, name, "quarantined"))
                now = status(frankd)
                device, = [device for device in now["devices"] if device["name"] == name]
                assert device["wrong_hits"] > 0 and now["wrong_hits"] == device["wrong_hits"], now
                print(f"      {device['wrong_hits']} wrong hits: {device['why']}")
                assert devices(frankd)["cpu:0"]["wrong_hits"] == 0, now
                liar.lying.clear()
                work_until(frankd, "it is tried again after its quarantine",
                           lambda: devices(frankd)[name]["state"] == "ready")


def good_behaviour_makes_up_for_no_lie():
    """What fails after ten good seconds begins anew to count its failures; what lied does not."""
    def failures(frankd):
        return [word for line in frankd.lines if "event=device-failed" in line
                for word in line.split() if word.startswith("failures=")]

    with Frankd(["--device", "cpu:0", "--device", "faulty:caught"], config=CONFIG) as frankd:
        work_until(frankd, "it has lied", lambda: len(failures(frankd)) >= 1)
        wait_until("it is ready again", lambda: devices(frankd)["faulty:caught"]["state"] ==
                   "ready", patience(20))
        time.sleep(10.5)  # host/mint/supervisor.c: stable_us
        before = len(failures(frankd))
        work_until(frankd, "it has lied again", lambda: len(failures(frankd)) > before)
        found = failures(frankd)
        # From the sixth on each is a quarantine, with one more chance after it.
        assert found == [f"failures={min(i + 1, 5)}" for i in range(len(found))], found


if __name__ == "__main__":
    run(the_simulated_core_stamps_a_real_message,
        it_is_told_as_a_simulation_and_used_where_it_is_named,
        unroll_and_isa_choose_each_for_its_own_engine, the_test_of_devices_searches_on_it,
        what_is_too_long_for_the_core_goes_elsewhere, only_the_worker_holds_the_simulation,
        a_core_behind_a_server_stamps, two_at_once_are_told_that_it_is_busy,
        what_is_no_core_is_named_in_time, a_server_lost_in_mid_search_costs_no_stamp,
        the_daemon_uses_it_beside_the_cores, a_core_alone_serves_a_daemon,
        a_server_that_comes_back_is_used_again,
        a_server_that_comes_back_with_another_core_is_told_as_that,
        one_that_is_never_a_core_comes_into_quarantine,
        a_core_that_lies_is_found_out_counted_and_quarantined, good_behaviour_makes_up_for_no_lie)
