"""How frankd starts, changes and ends: what stands in the way of a start is named, SIGHUP and a
changed factor file take effect, SIGTERM under load leaves no accepted request without an answer.
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import zmq

from daemon_support import (HOPELESS, LET_HOPELESS, check_answer, collect, in_threads,
                            jobs_of_all_shapes, patience, rate_hps, request, roomy_client, status,
                            waiting)
from frank_client import VERSION, Client, Timeout
from harness import (Frankd, children_of, free_port, one_try_passes, program, random_b, run,
                     wait_until)


def factor_in_force(client):
    ok, reply = client.ask("factor")
    assert ok, reply
    return reply["factor"], reply["source"]


def refused_start(*arguments, config=None, folder=None, limit_s=180):
    """Runs frankd with what must stop it: (exit status, what it wrote to standard error)."""
    own = tempfile.mkdtemp(prefix="frank-")
    try:
        path = "/dev/null"
        if config is not None:
            path = os.path.join(own, "frankd.conf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(config)
        done = subprocess.run([program("frankd"), "--config", path, *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=limit_s, check=False, cwd=folder or own)
        return done.returncode, done.stderr
    finally:
        shutil.rmtree(own, ignore_errors=True)


# ---- the end


def sigterm_under_load_answers_every_request():
    """220 accepted requests of all kinds; more come while it drains."""
    one_try_passes(3, lambda which: all_are_answered_within_grace(2 * 4**which))


def all_are_answered_within_grace(grace_s):
    """What comes while it drains must come within the grace."""
    with Frankd(["--device", "cpu"], config=f"grace = {grace_s}s\n" + LET_HOPELESS) as frankd:
        easy = max(1000, int(rate_hps(frankd) * 0.01))
        clients = [frankd.client() for _ in range(4)]
        try:
            asked = []
            for client in clients:
                # The hopeless ones are the first client's, and come first: once others wait, no
                # client may add more than half of the queued work.
                kinds = ("best", "fail") if client is clients[0] else ("easy",)
                mine = {}
                for i, (b, alg) in enumerate(jobs_of_all_shapes(100 if len(kinds) == 2 else 40)):
                    kind = kinds[i // 4 % len(kinds)]
                    members = {"factor": easy} if kind == "easy" else \
                        {"factor": HOPELESS, "on_deadline": kind}
                    mine[client.send("mint", request(b, alg, deadline_ms=3600000, **members))] = \
                        (b, alg, kind, members["factor"])
                asked.append(mine)
                if len(asked) == 1:
                    wait_until("the first 100 are accepted", lambda: waiting(frankd) == 100)
            wait_until("every request is accepted or answered", lambda: waiting(frankd) +
                       status(frankd)["totals"]["met"] >= 220, patience(10))
            wait_until("one is answered", lambda: status(frankd)["totals"]["met"] > 0)
            start = time.monotonic()
            frankd.signal(signal.SIGTERM)
            wait_until("it drains", lambda: status(frankd)["draining"])
            for client in clients:
                client.send("mint", {"b": random_b(), "factor": 1}, "late")
                client.send("ping", {}, "ping")
            status_now = status(frankd)
            assert status_now["draining"] is True and status_now["ready"] is False, status_now
            assert frankd.wait_end(grace_s + patience(10)) == 0, frankd.process.returncode
            took_s = time.monotonic() - start
            results = {}
            for client, mine in zip(clients, asked):
                replies = collect(client, set(mine) | {"late", "ping"}, patience(5))
                assert replies.pop("ping")[0], "a ping is refused while it drains"
                ok, reply = replies.pop("late")
                assert not ok and reply["error"] == "shutting-down", reply
                assert reply.get("retry_after_ms", 0) >= 0, reply
                for name, (ok, reply) in replies.items():
                    b, alg, kind, factor = mine[name]
                    if ok:
                        check_answer(reply, b, factor=factor, alg=alg, met=None)
                        assert reply["met"] or kind != "fail", (kind, reply)
                        result = "met" if reply["met"] else "best"
                    else:
                        result = reply["error"]
                        assert result == "shutting-down" and kind == "fail", (kind, reply)
                    results[(kind, result)] = results.get((kind, result), 0) + 1
            assert sum(results.values()) == 220, results
            assert results.get(("best", "best"), 0) == 52, results
            assert results.get(("fail", "shutting-down"), 0) == 48, results
            assert results.get(("easy", "met"), 0) > 0, results
            # Their deadlines are an hour away.
            assert grace_s <= took_s < grace_s + patience(5), f"the end took {took_s:.1f} s"
            print(f"      ended after {took_s:.2f} s with a grace of {grace_s} s: {results}")
        finally:
            for client in clients:
                client.close()
        assert not os.path.exists(frankd.ipc[len("ipc://"):]), "the socket's file is left behind"


def what_can_be_done_is_done_before_the_end():
    """Jobs that fit into the grace are all met, and the end does not wait for the rest of it."""
    with Frankd(["--device", "cpu"], config="grace = 10min\nworker_nice = 0\n") as frankd:
        factor = max(1000, int(rate_hps(frankd) * 0.01))
        with frankd.client() as client:
            jobs = jobs_of_all_shapes(40)
            ids = {client.send("mint", request(b, alg, factor=factor, deadline_ms=10**6)): (b, alg)
                   for b, alg in jobs}
            wait_until("they are accepted", lambda: waiting(frankd) +
                       status(frankd)["totals"]["met"] >= 40)
            start = time.monotonic()
            frankd.signal(signal.SIGTERM)
            for name, (ok, reply) in collect(client, ids, 200).items():
                assert ok, reply
                check_answer(reply, ids[name][0], factor=factor, alg=ids[name][1])
            assert frankd.wait_end(30) == 0
            print(f"      40 stamps and the end {time.monotonic() - start:.2f} s after SIGTERM")


def no_request_falls_between_two_stools():
    """Requests that are on their way while the end begins are answered, each by a stamp or by
    shutting-down: those that frankd has not read from its door, and those that the door reads just
    then. (A door that is gone reads nothing: what is under way to it then, nobody answers.)"""
    for where in ("door to frankd", "client to door") * 3:
        with Frankd(["--device", "cpu"], config="grace = 10min\n" + LET_HOPELESS) as frankd:
            with frankd.client() as client, frankd.client() as other:
                ok, reply = client.ask("ping")
                assert ok, reply
                b = random_b()
                if where == "client to door":  # with nothing to wait for, the door might be gone
                    other.send("mint", {"b": b, "factor": HOPELESS, "deadline_ms": 3600000}, "last")
                    wait_until("it is accepted", lambda: waiting(frankd) == 1)
                else:
                    frankd.signal(signal.SIGSTOP)
                ids = [client.send("mint", {"b": b, "factor": 1}) for _ in range(400)]
                if where == "door to frankd":
                    ok, reply = client.ask("ping")  # the door has read them all
                    assert ok, reply
                else:
                    time.sleep(0.01)
                frankd.signal(signal.SIGTERM)
                frankd.signal(signal.SIGCONT)
                replies = collect(client, ids, patience(10))
                wrong = [reply for ok, reply in replies.values()
                         if not ok and reply["error"] != "shutting-down"]
                assert not wrong, wrong[:3]
                if where == "client to door":
                    frankd.signal(signal.SIGTERM)  # a second one: at once
                    ok, reply = collect(other, ["last"], patience(10))["last"]
                    assert ok, reply
                assert frankd.wait_end(patience(10)) == 0


def thousands_of_answers_at_once_reach_their_clients():
    """A queue that is full to the brim, answered in one go: by a common deadline, and by the end of
    the grace. More at once than libzmq takes for one peer, and than the door's channel holds."""
    for how in ("deadline", "end"):
        one_try_passes(3, lambda which, how=how: thousands_are_answered_at_once(
            how, patience(5000) * 4**which))


def thousands_are_answered_at_once(how, common_ms):
    """By a deadline common_ms after the first is sent: all must be accepted until then."""
    each = 5300  # of three clients; a door takes 16,384 requests
    # A device that hangs: nothing is found meanwhile, and no rate tells how much work that is.
    config = "queue = 16000\ngrace = 300ms\nstall_floor = 100ms\nkill_floor = 1h\n"
    with Frankd(["--device", "faulty:hang"], config=config + LET_HOPELESS) as frankd:
        door = frankd.children("frank-door")
        with roomy_client(frankd) as one, roomy_client(frankd) as two, \
                roomy_client(frankd) as three:
            clients = (one, two, three)
            # In its third slice.
            wait_until("the device hangs", lambda: one.mint(random_b(), factor=HOPELESS,
                                                            deadline_ms=500)[0] and
                       status(frankd)["devices"][0]["zero_rate"])
            asked = {client: {} for client in clients}
            start = time.monotonic()
            for i in range(3 * each):
                client = clients[i % 3]
                b = base64.b64encode(b"%06d" % i + bytes(58)).decode()
                left_ms = int(common_ms - (time.monotonic() - start) * 1000)
                assert left_ms > 0, "the machine is too slow for this deadline"
                asked[client][client.send("mint", {
                    "b": b, "factor": HOPELESS,
                    "deadline_ms": 3600000 if how == "end" else left_ms})] = b
            wait_until("they are accepted", lambda: waiting(frankd) == 3 * each,
                       common_ms / 4000 if how == "deadline" else 60)
            if how == "end":
                frankd.signal(signal.SIGTERM)
            replies = {}

            def read(i):
                client = clients[i]
                replies[client] = collect(client, asked[client], patience(15) + common_ms / 1000)

            in_threads(3, read)
            for client, mine in asked.items():
                for name, b in mine.items():
                    ok, reply = replies[client][name]
                    assert ok, reply
                    check_answer(reply, b, factor=HOPELESS, met=False)
            if how == "end":
                assert frankd.wait_end(patience(10)) == 0
            else:
                assert frankd.children("frank-door") == door, "the door was replaced"


def a_second_sigterm_ends_at_once():
    with Frankd(["--device", "cpu"], config="grace = 1h\n" + LET_HOPELESS) as frankd, \
            frankd.client() as client:
        b = random_b()
        client.send("mint", {"b": b, "factor": HOPELESS, "deadline_ms": 3600000}, "one")
        wait_until("it is accepted", lambda: waiting(frankd) == 1)
        frankd.signal(signal.SIGTERM)
        wait_until("it drains", lambda: status(frankd)["draining"])
        time.sleep(0.3)
        assert frankd.process.poll() is None, "it did not wait for its grace"
        frankd.signal(signal.SIGINT)
        ok, reply = collect(client, ["one"], patience(20))["one"]
        assert ok, reply
        check_answer(reply, b, factor=HOPELESS, met=False)
        assert frankd.wait_end(patience(20)) == 0


def a_second_sigterm_waits_for_no_door_that_hangs():
    """After the first one frankd gives its doors 10 s for their last replies."""
    def attempt(_):
        with Frankd(["--device", "cpu:0"]) as frankd:
            door, = [pid for pid, name in children_of(frankd.pid) if name == "frank-door"]
            os.kill(door, signal.SIGSTOP)
            frankd.signal(signal.SIGTERM)
            time.sleep(1)  # it waits for the door
            start = time.monotonic()
            frankd.signal(signal.SIGTERM)
            assert frankd.wait_end(patience(20)) == 0
            assert time.monotonic() - start < 7

    one_try_passes(4, attempt)


def who_asks_while_a_slow_client_is_waited_for_is_told_so():
    """The door goes on for some seconds for a client that takes its replies slowly."""
    def attempt(_):
        with Frankd(["--device", "cpu:0"], config="grace = 200ms\n") as frankd, \
                frankd.client() as client, zmq.Context() as context, \
                context.socket(zmq.DEALER) as slow:
            slow.linger = 0
            slow.rcvhwm = 1
            slow.rcvbuf = 4096
            slow.connect(frankd.ipc)
            for i in range(2000):
                slow.send_multipart([VERSION, b"status", b"%d" % i, b"{}"])
                time.sleep(0.002 if i % 60 else 0.01)
            frankd.signal(signal.SIGTERM)
            start = time.monotonic()
            while time.monotonic() < start + 2:  # longer than it hears who asks on and on
                if slow.poll(20):
                    slow.recv_multipart()
                time.sleep(0.02)
            client.send("mint", {"b": random_b(), "factor": 1}, "late")
            ok, asked, reply = client.recv(20)
            assert (ok, asked, reply["error"]) == (False, "late", "shutting-down"), reply
            assert frankd.wait_end(patience(20)) == 0

    one_try_passes(4, attempt)


# ---- changes


def sighup_takes_over_what_can_change():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        config = os.path.join(folder, "frankd.conf")
        factor_file = os.path.join(folder, "factor")

        def write(path, text):
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.rename(path + ".new", path)

        with Frankd(["--device", "cpu"], config="factor = 1000\n", folder=folder) as frankd:
            with frankd.client() as client:

                def reload(text, until):
                    before = len(frankd.lines)
                    write(config, text)
                    frankd.signal(signal.SIGHUP)
                    wait_until(f"the log says {until}", lambda: any(
                        until in line for line in frankd.lines[before:]), patience(5))
                    return "\n".join(frankd.lines[before:])

                assert factor_in_force(client)[0] == 1000
                reload("factor = 2000\n", "event=reloaded")
                assert factor_in_force(client)[0] == 2000
                ok, reply = client.mint(random_b())
                assert ok and reply["factor"] == 2000, reply
                reload("factor = 2000\nmax_factor = 5000\nfloor = 5\n", "event=reloaded")
                ok, reply = client.mint(random_b(), factor=5001)
                assert not ok and reply["error"] == "too-hard", reply
                # What cannot change is said, what can is taken over all the same.
                said = reload("factor = 3000\nqueue = 50\nslice = 10ms\n", "event=reloaded")
                assert "key=queue result=needs-a-restart" in said, said
                assert "key=slice result=needs-a-restart" in said, said
                assert factor_in_force(client)[0] == 3000
                assert status(frankd)["queue"]["bound"] == 10000
                # A bad file changes nothing.
                for text, named in (("factor = 0x\n", "factor"), ("factor = 9\nno_such_key = 1\n",
                                                                  "no_such_key"),
                                    ("factor = {\n", "frankd.conf"), ("floor = 0\n", "floor"),
                                    ("factor = 600\nmax_factor = 500\n", "factor")):
                    said = reload(text, "event=reload-refused")
                    assert named in said, f"{named} is not named: {said}"
                    assert factor_in_force(client)[0] == 3000, text
                os.unlink(config)
                frankd.signal(signal.SIGHUP)
                wait_until("a missing file is refused", lambda: sum(
                    "event=reload-refused" in line for line in frankd.lines) == 6, patience(5))
                assert factor_in_force(client)[0] == 3000
                # A factor file takes the place of a fixed factor, and the floor that of both.
                write(factor_file, "7777\n")
                reload(f'factor_file = "{factor_file}"\n', "event=reloaded")
                assert factor_in_force(client) == (7777, "file")
                ok, reply = client.mint(random_b())
                assert ok and (reply["factor"], reply["source"]) == (7777, "file"), reply
                reload("floor = 123\n", "event=reloaded")
                assert factor_in_force(client) == (123, "floor")
                # A factor file that cannot be read: the factor in force stays.
                reload(f'floor = 123\nfactor_file = "{folder}/none"\n', "event=factor-kept")
                assert factor_in_force(client) == (123, "floor")
            assert frankd.process.poll() is None


def a_changed_factor_file_takes_effect_and_a_broken_one_does_not():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        path = os.path.join(folder, "factor")

        def write(text, rename):
            name = path + ".new" if rename else path
            with open(name, "wb") as file:
                file.write(text)
            if rename:
                os.rename(name, path)

        write(b"  4096\n", True)
        with Frankd(["--device", "cpu"], config=f'factor_file = "{path}"\n') as frankd:
            with frankd.client() as client:
                assert factor_in_force(client) == (4096, "file")
                for i, rename in enumerate((True, False, True)):
                    want = 5000 + i
                    start = time.monotonic()
                    write(b"%d" % want, rename)
                    wait_until(f"the factor is {want}",
                               lambda: factor_in_force(client) == (want, "file"), patience(2))
                    took_s = time.monotonic() - start
                print(f"      the last change was in force after {took_s:.2f} s")
                for broken in (b"", b"0\n", b"-5\n", b"1e6\n", b"12 34\n", b"5001x\n",
                               b"9007199254740992\n", b"\xff\xfe", b"7" * 5000, b"1\0002\n"):
                    warned = sum("event=factor-kept" in line for line in frankd.lines)
                    write(broken, True)
                    wait_until(f"{broken[:20]} is warned of", lambda: sum(
                        "event=factor-kept" in line for line in frankd.lines) > warned,
                        patience(3))
                    assert path in frankd.log(), "the file is not named"
                    assert factor_in_force(client) == (5002, "file"), broken[:20]
                os.unlink(path)
                time.sleep(1.3)
                assert factor_in_force(client) == (5002, "file"), "the file is gone"
                ok, reply = client.mint(random_b())
                assert ok and (reply["factor"], reply["source"]) == (5002, "file"), reply
                write(b"6000\n", True)
                wait_until("a good file is read again",
                           lambda: factor_in_force(client) == (6000, "file"), patience(3))


# ---- the start


def a_taken_endpoint_is_named_and_its_owner_goes_on():
    port = free_port()
    with Frankd(["--device", "cpu", "--listen", f"tcp://127.0.0.1:{port}"],
                config="insecure = true\n") as frankd:
        path = frankd.ipc[len("ipc://"):]
        code, said = refused_start("--device", "cpu", "--listen", frankd.ipc)
        assert code == 1 and path in said, (code, said)
        code, said = refused_start("--device", "cpu", "--listen", f"tcp://127.0.0.1:{port}",
                                   config="insecure = true\n")
        assert code == 1 and f"127.0.0.1:{port}" in said, (code, said)
        code, said = refused_start("--device", "cpu", "--listen",
                                   f"ipc://{frankd.folder}/other.sock",
                                   "--http", f"127.0.0.1:{port}")
        assert code == 1 and f"127.0.0.1:{port}" in said, (code, said)
        for endpoint in frankd.endpoints + [f"tcp://127.0.0.1:{port}"]:
            with Client(endpoint) as client:
                b = random_b()
                ok, reply = client.mint(b, factor=1000)
                assert ok, reply
                check_answer(reply, b, factor=1000)
    # A port that somebody else has.
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        taken = other.getsockname()[1]
        code, said = refused_start("--device", "cpu", "--listen", f"tcp://127.0.0.1:{taken}",
                                   config="insecure = true\n")
        assert code == 1 and f"127.0.0.1:{taken}" in said, (code, said)


def a_stale_socket_is_no_hindrance():
    """The file that a killed frankd left, and one that is no socket, which is never removed."""
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        path = os.path.join(folder, "mint.sock")
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(path)
        with Frankd(["--device", "cpu"], folder=folder) as frankd, frankd.client() as client:
            ok, reply = client.mint(random_b(), factor=10)
            assert ok, reply
        assert not os.path.exists(path), "the socket's file is left behind"
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")
        code, said = refused_start("--device", "cpu", "--listen", f"ipc://{path}")
        assert code == 1 and path in said, (code, said)
        with open(path, encoding="utf-8") as file:
            assert file.read() == "precious", "a file that is no socket was harmed"


def a_folder_that_cannot_be_written_is_named():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        for endpoint in (f"ipc://{folder}/none/mint.sock", "ipc:///proc/mint.sock",
                         "ipc:///dev/null/mint.sock"):
            code, said = refused_start("--device", "cpu", "--listen", endpoint)
            assert code == 1 and endpoint[len("ipc://"):] in said, (code, endpoint, said)


def a_device_that_is_not_there_is_named_with_those_that_are():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        listen = f"ipc://{folder}/mint.sock"
        for device, there in (("cpu:9999", r"cpu:0"), ("gpu", ""), ("faulty:none", "faulty:hang")):
            code, said = refused_start("--device", device, "--listen", listen)
            assert code == 1 and f"no device {device}" in said and there in said, (code, said)
        code, said = refused_start("--device", "CPU 0!", "--listen", listen)
        assert code == 78 and "CPU 0!" in said, (code, said)
        code, said = refused_start("--device", "faulty:selftest", "--listen", listen)
        assert code == 1 and "faulty:selftest" in said and "no usable device" in said, (code, said)
        # An address where nobody listens; the notes of other devices are told on the same line.
        code, said = refused_start("--device", "fpga:tcp:127.0.0.1:1", "--listen", listen)
        assert code == 1 and "fpga:tcp:127.0.0.1:1" in said and "?" not in said, (code, said)
        code, said = refused_start("--device", "cpu", "--isa", "z80", "--listen", listen)
        assert code == 1 and "z80" in said, (code, said)


def check_names_file_and_line():
    good = "factor = 4096\nlisten = [\"ipc:///tmp/x.sock\"]\n"
    code, said = refused_start("--check", config=good)
    assert code == 0, (code, said)
    for text, line, named in (
            ("factor = 4096\nfacto = 1\n", 2, "factor"),
            ("\n\nqueue = many\n", 3, "queue"),
            ("factor = -1\n", 1, "factor"),
            ("factor = 1.5\n", 1, "factor"),
            ("queue = 0\n", 1, "queue"),
            ("queue = 100001\n", 1, "queue"),
            ("log_level = loud\n", 1, "log_level"),
            ("floor = 5\nslice = 0ms\n", 2, "slice"),
            ("cache_age = 5parsec\n", 1, "cache_age"),
            ("ipc_mode = 0999\n", 1, "ipc_mode"),
            ("http = \"8.8.8.8:80\"\n", 1, "http"),
            ("listen = [\"udp://x\"]\n", 1, "listen"),
            ("bind = perhaps\n", 1, "bind"),
            ("factor = 5\nfactor = {\n", None, "frankd.conf")):
        code, said = refused_start("--check", config=text)
        assert code == 78, (code, text, said)
        assert named in said, f"{named} is not named: {said}"
        if line is not None:
            assert f"frankd.conf:{line}" in said, f"line {line} is not named: {said}"
    for arguments, want, named in ((["--factor", "0x10"], 78, "--factor"),
                                   (["--factor", "99999999999999999999"], 78, "--factor"),
                                   (["--listen", "ipc://relative"], 78, "--listen"),
                                   (["--listen", "tcp://127.0.0.1:5"], 78, "tcp://127.0.0.1:5"),
                                   (["--no-such"], 2, "no-such"), (["stray"], 2, "stray")):
        code, said = refused_start("--check", *arguments)
        assert code == want and named in said, (code, want, arguments, said)
    code, said = refused_start("--config", "/nonexistent/frankd.conf", "--check")
    assert code == 78 and "/nonexistent/frankd.conf" in said, (code, said)


def readiness_is_told_to_the_service_manager():
    """READY=1 when a stamp can be had, STOPPING=1 at the end; by a path and by an abstract name."""
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        for address in (f"{folder}/notify", f"@frank-test-{os.getpid()}"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
                listener.bind(address.replace("@", "\0", 1))
                listener.settimeout(120)
                os.environ["NOTIFY_SOCKET"] = address
                try:
                    frankd = Frankd(["--device", "cpu", "--factor", "77"])
                finally:
                    del os.environ["NOTIFY_SOCKET"]
                with frankd:
                    told = listener.recv(4096).decode()
                    assert "READY=1" in told.split("\n"), told
                    assert any(part.startswith("STATUS=") for part in told.split("\n")), told
                    with frankd.client() as client:
                        ok, reply = client.mint(random_b())
                        assert ok and reply["factor"] == 77, reply
                    frankd.signal(signal.SIGTERM)
                    assert frankd.wait_end(patience(10)) == 0
                    told = listener.recv(4096).decode()
                    assert "STOPPING=1" in told.split("\n"), told


def nobody_is_served_after_the_end():
    """The endpoint is free again; a client without a daemon times out and does not hang."""
    with Frankd(["--device", "cpu"]) as frankd:
        frankd.signal(signal.SIGTERM)
        assert frankd.wait_end(patience(10)) == 0
        with frankd.client() as client:
            try:
                got = client.ask("ping", timeout_s=0.3)
                raise AssertionError(f"a reply without a daemon: {got}")
            except Timeout:
                pass
            frankd.start()  # on the same path, and the same client gets through
            ok, reply = client.ask("ping", request_id="again")
            assert ok, reply


if __name__ == "__main__":
    run(sigterm_under_load_answers_every_request, what_can_be_done_is_done_before_the_end,
        no_request_falls_between_two_stools, thousands_of_answers_at_once_reach_their_clients,
        a_second_sigterm_ends_at_once, a_second_sigterm_waits_for_no_door_that_hangs,
        who_asks_while_a_slow_client_is_waited_for_is_told_so,
        sighup_takes_over_what_can_change,
        a_changed_factor_file_takes_effect_and_a_broken_one_does_not,
        a_taken_endpoint_is_named_and_its_owner_goes_on, a_stale_socket_is_no_hindrance,
        a_folder_that_cannot_be_written_is_named,
        a_device_that_is_not_there_is_named_with_those_that_are, check_names_file_and_line,
        readiness_is_told_to_the_service_manager, nobody_is_served_after_the_end)
