"""`frank` with a running frankd: mint, status, factor and keys, and what it says when the daemon is
not there, not ready, or refuses."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

from cli_support import (check_header, frank, frank_in_time, program, read, run, sample,
                         signatures)
from daemon_support import HOPELESS, LET_HOPELESS
from harness import Frankd, free_port, wait_until

import zmq  # the harness has it

FACTOR = 100000
B = base64.b64encode(bytes(range(64))).decode()
HARD = ["--factor", str(HOPELESS)]


def daemon(*args, **options):
    factor = [] if "--factor" in args else ["--factor", str(FACTOR)]
    return Frankd([*factor, "--device", "cpu:0", *args], **options)


def answer_of(done):
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done
    return json.loads(lines[0])


def status_of(frankd):
    return answer_of(frank_in_time("status", "--connect", frankd.ipc, "--json"))


def mint_asks_the_daemon():
    path = sample("test2.message")
    a, b, _ = signatures(read(path))[0]
    with daemon() as frankd:
        answer = answer_of(frank_in_time("mint", "--eml", path, "--connect", frankd.ipc, "--json"))
        check_header(answer["header"].encode(), a, b, FACTOR, b"\r\n")
        # The daemon's own factor, and its own word for where that comes from.
        assert answer["factor"] == FACTOR and answer["source"] not in ("", "request"), answer
        done = frank_in_time("mint", "--eml", path, "--connect", frankd.ipc, "--factor", "1000000",
                             "--to", "example.com", "--to", "joe@example.org")
        assert done.returncode == 0 and done.stderr == "", done
        check_header(done.stdout[:-1], a, b, 1000000)
        # The search was done here, not by workers of frank's own.
        totals = status_of(frankd)["totals"]
        assert totals["met"] >= 2, totals


def filter_asks_the_daemon_and_leaves_stamped_messages():
    message = read(sample("rfc6376.signed.msg"))
    with daemon() as frankd:
        once = frank_in_time("mint", "--filter", "--connect", frankd.ipc, stdin=message)
        assert once.returncode == 0 and once.stdout.endswith(message) and once.stderr == "", once
        assert frank("verify", "--factor", str(FACTOR), stdin=once.stdout).returncode == 0
        before = status_of(frankd)["totals"]
        assert before["met"] >= 1, before
        again = frank_in_time("mint", "--filter", "--connect", frankd.ipc, stdin=once.stdout)
        assert again.stdout == once.stdout and "already stamped" in again.stderr, again
        assert status_of(frankd)["totals"] == before, (before, status_of(frankd))


def endpoints_are_tried_in_turn():
    with daemon() as frankd:
        absent = f"ipc://{frankd.folder}/absent.sock"
        done = frank_in_time("mint", "--b", B, "--connect", absent, "--connect", frankd.ipc)
        assert done.returncode == 0, done
        check_header(done.stdout[:-1], "rsa-sha256", B, FACTOR)


def refusals_and_deadlines_have_their_statuses():
    with daemon() as frankd:
        hard = frank_in_time("mint", "--b", B, *HARD, "--connect", frankd.ipc, "--json")
        record = json.loads(hard.stdout.splitlines()[-1])
        assert hard.returncode == 3 and record["error"] == "too-hard", hard
        assert record["eta_ms"] > 0 and str(HOPELESS) in record["message"], record
    with daemon(config=LET_HOPELESS) as frankd:
        late = frank_in_time("mint", "--b", B, *HARD, "--deadline", "300ms", "--connect",
                             frankd.ipc)
        assert late.returncode == 1 and "not met" in late.stderr, late
        check_header(late.stdout[:-1], "rsa-sha256", B)


def interrupt_takes_the_request_back():
    with daemon(config=LET_HOPELESS) as frankd:
        process = subprocess.Popen([program("frank"), "mint", "--b", B, *HARD, "--deadline", "1h",
                                    "--connect", frankd.ipc],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until("it is searching", lambda: status_of(frankd)["queue"]["running"] == 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGINT and out == b"", (process.returncode, out, err)
        wait_until("it was cancelled", lambda: status_of(frankd)["totals"]["cancelled"] == 1)


def killed_daemon_is_asked_again():
    """The first daemon cannot meet its own factor, the one that is started in its place can. Where
    that start takes longer than frank waits, frank says so, and it is tried again."""
    for _ in range(10):
        with tempfile.TemporaryDirectory() as folder, daemon(
                *HARD, folder=folder, config=LET_HOPELESS) as frankd:
            process = subprocess.Popen([program("frank"), "mint", "--b", B, "--deadline", "10m",
                                        "--connect", frankd.ipc],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_until("it is searching", lambda: status_of(frankd)["queue"]["running"] == 1)
            frankd.process.kill()
            frankd.process.wait()
            frankd.args = ["--factor", str(FACTOR), "--device", "cpu:0"]
            frankd.start()
            out, err = process.communicate(timeout=180)
        if b"no daemon answered" not in err:
            break
    assert process.returncode == 0, (process.returncode, err)
    check_header(out[:-1], "rsa-sha256", B, FACTOR)


def status_tells_and_waits():
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/mint.sock"
        waiter = subprocess.Popen([program("frank"), "status", "--wait", "600", "--connect",
                                   endpoint], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # This takes some seconds, for which the other waits as well.
        absent = frank("status", "--connect", endpoint)
        assert absent.returncode == 3 and "mint.sock: No such file" in absent.stderr, absent
        assert waiter.poll() is None, "it waits for a daemon that is not there yet"
        with daemon(folder=folder):
            out, err = waiter.communicate(timeout=180)
            assert waiter.returncode == 0 and b"ready" in out, (waiter.returncode, err)
            text = frank_in_time("status", "--connect", endpoint)
            assert text.returncode == 0, text
            for word in (b"frankd ", b"queue ", b"factor  100000", b"cpu:0"):
                assert word in text.stdout, (word, text)
            watcher = subprocess.Popen([program("frank"), "status", "--watch", "--json",
                                        "--connect", endpoint], stdout=subprocess.PIPE)
            told = []
            while len(told) < 2:  # one that came too late is told as that
                record = json.loads(watcher.stdout.readline())
                assert "uptime_ms" in record or record["error"] == "timeout", record
                told += [record["uptime_ms"]] if "uptime_ms" in record else []
            watcher.kill()
            watcher.communicate()
            assert told[1] >= told[0] + 900, told


def factor_tells_value_source_and_cost():
    with daemon() as frankd:
        answer = answer_of(frank_in_time("factor", "example.com", "--connect", frankd.ipc,
                                         "--json"))
        assert answer["factor"] == FACTOR and answer["source"], answer
        assert answer["domains"][0]["domain"] == "example.com", answer
        text = frank_in_time("factor", "example.com", "--connect", frankd.ipc)
        assert text.returncode == 0 and b"factor   100000" in text.stdout, text
        assert b"example.com" in text.stdout and b"cost" in text.stdout, text


def dry_run_uses_the_daemons_devices():
    with daemon() as frankd:
        plan = answer_of(frank_in_time("mint", "--b", B, "--dry-run", "--json", "--connect",
                                       frankd.ipc))
        assert [device["name"] for device in plan["devices"]] == ["cpu:0"], plan
        assert plan["factor"] == FACTOR and plan["rate_hps"] > 0, plan
        totals = status_of(frankd)["totals"]
        assert sum(totals.values()) == 0, totals


# ---- a daemon that is not Frank's own, and may say anything ----

EVIL = "\x1b[31mevil\x1b]0;x\x07\x7f\u009b31m"


class Foreign:
    """A ROUTER that answers each verb with what `answers` has for it: a dict, or a function of the
    request's body that gives one; with the key "error" in it, it is an error."""

    def __init__(self, **answers):
        self.answers = {"ping": {}, "cancel": {}, **answers}
        self.folder = tempfile.mkdtemp(prefix="frank-")
        self.endpoint = f"ipc://{self.folder}/foreign.sock"
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(self.endpoint)
        self.asked = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.ending.is_set():
            if not self.socket.poll(50):
                continue
            *route, version, verb, request_id, body = self.socket.recv_multipart()
            answer = self.answers.get(verb.decode())
            self.asked.append(verb.decode())
            if callable(answer):
                answer = answer(json.loads(body))
            if answer is not None:
                kind = b"error" if "error" in answer else b"ok"
                text = json.dumps(answer, ensure_ascii=False).encode()
                self.socket.send_multipart([*route, version, kind, request_id, text])
        self.socket.close(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join(5)
        self.context.term()
        shutil.rmtree(self.folder, ignore_errors=True)


def stamp(body, digits=8, **changes):
    """A right answer to a mint request, with a nonce of so many digits."""
    factor = body.get("factor", 1)
    for count in range(1 << 20):
        n = f"{count:0{digits}x}"
        h = hashlib.sha256((n + body["b"]).encode()).hexdigest()
        if int(h, 16) * factor < 1 << 256:
            break
    return {"header": f"MSMR-Key: v=1; a={body['a']}; n={n};\r\n\th={h}", "n": n, "h": h,
            "a": body["a"], "factor": factor, "source": "request", "met": True, "bits": 1.0,
            "attempts": 1, "elapsed_ms": 1, "device": "cpu:0", **changes}


def long_nonces_of_another_mint_are_taken():
    message = read(sample("rfc6376.signed.msg"))
    for digits in (40, 41, 63, 64):
        with Foreign(mint=lambda body: stamp(body, digits)) as foreign:
            args = ["--factor", "100", "--connect", foreign.endpoint]
            done = frank_in_time("mint", "--filter", *args, stdin=message)
            assert done.returncode == 0 and done.stdout.endswith(message), (digits, done)
            head = done.stdout[:-len(message)].decode()
            assert re.search(f"n=[0-9a-f]{{{digits}}};", head), head
            assert all(len(line) <= 78 for line in head.splitlines()), head
            assert frank("verify", "--factor", "100", stdin=done.stdout).returncode == 0
            # What stands in a message already can be told as well.
            again = frank("mint", "-", "--factor", "100", stdin=done.stdout)
            assert again.returncode == 0 and again.stdout.decode() == head, (head, again)
            record = answer_of(frank_in_time("mint", "-", "--json", *args, stdin=message))
            assert len(record["n"]) == digits, record


def texts_of_a_daemon_are_cut_between_characters():
    for shift in range(4):
        text = "x" * shift + "\u20ac" * 3000 + "\U0001f600"
        with Foreign(mint={"error": "busy", "message": text}) as foreign:
            for locale in ("C.UTF-8", "C"):
                done = frank_in_time("mint", "--b", B, "--json", "--connect", foreign.endpoint,
                                     env={"LC_ALL": locale})
                record = json.loads(done.stdout)
                assert done.returncode == 3 and record["error"] == "busy", (shift, done)
                if locale == "C.UTF-8":
                    assert set(record["message"].lstrip("x")) == {"\u20ac"}, record
        with Foreign(mint=lambda body: stamp(body, source=text, device=text),
                     factor={"factor": 5, "source": text}, status={"ready": True}) as foreign:
            args = ["--b", B, "--json", "--connect", foreign.endpoint]
            record = answer_of(frank_in_time("mint", *args))
            assert record["met"] is True and set(record["source"].lstrip("x")) == {"\u20ac"}, record
            plan = answer_of(frank_in_time("mint", "--dry-run", *args))
            assert plan["source"].lstrip("x?") == "" or "\u20ac" in plan["source"], plan


def texts_of_a_daemon_do_not_command_the_terminal():
    device = {"name": EVIL, "engine": EVIL, "state": "ready", "why": EVIL, "rate_hps": 1e6}
    status = {"ready": True, "version": EVIL, "devices": [device], "totals": {EVIL: 5},
              "factor": {"value": 1, "source": EVIL}}
    factor = {"factor": 5, "source": EVIL, "domains": [{"domain": EVIL, "factor": 5, "source": EVIL}]}
    with Foreign(mint=lambda body: stamp(body, source=EVIL, device=EVIL), status=status,
                 factor=factor) as foreign:
        for args in (["status"], ["status", "--wait", "60"], ["factor"], ["factor", "example.com"],
                     ["mint", "--b", B], ["mint", "--b", B, "--dry-run"]):
            for json_too in ([], ["--json"]):
                for locale in ("C.UTF-8", "C"):
                    done = frank_in_time(*args, *json_too, "--connect", foreign.endpoint,
                                         env={"LC_ALL": locale})
                    assert done.returncode == 0, (args, done)
                    shown = done.stdout.decode() + done.stderr
                    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown), (args, shown)
                    assert json_too or args[:3] == ["mint", "--b", B] or "evil" in shown, (args, shown)
        # JSON has it all the same.
        record = answer_of(frank_in_time("factor", "--json", "--connect", foreign.endpoint))
        assert record["source"] == EVIL, record
    for error in ({"error": "busy", "message": EVIL}, {"error": EVIL, "message": "x"}):
        with Foreign(mint=error, status=error, factor=error) as foreign:
            for args in (["status"], ["factor"], ["mint", "--b", B], ["mint", "--b", B, "--json"]):
                done = frank_in_time(*args, "--connect", foreign.endpoint)
                assert done.returncode == 3, (args, done)
                shown = done.stdout.decode() + done.stderr
                assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown), (args, shown)


def a_daemon_may_say_anything_of_its_sources():
    source = {"name": "https://x.example KEY", "kind": "url", "state": "in-force", "in_force": True,
              "factor": 5, "source": "x#1", "issued": 1, "expires": 2, "confirmed": 1, "next": 3,
              "previous_factor": 4, "previous_until": 9, "fetches": 7, "failures": 2, "kept": True,
              "testing": True, "dnssec": "secure", "why": "once it failed"}
    domain = {"domain": "a.example", "factor": 5, "source": "dns:a.example", "state": "found",
              "published": 5, "dnssec": "secure", "ttl_s": 300, "why": ""}
    whole = {"factor": 5, "source": "x#1", "expires": 2, "eta_ms": 1, "domains": [domain],
             "sources": [source, {**source, "in_force": False, "state": "standby", "kind": "dns"}]}
    odd = [None, True, -1, 1e300, EVIL, [], [EVIL], {}, {"x": EVIL}, 2**62]
    replies = [whole, {"factor": 5}, {}]
    for member in whole:
        replies += [{**whole, member: value} for value in odd]
    for member in source:
        replies += [{**whole, "sources": [{**source, member: value}]} for value in odd]
    for member in domain:
        replies += [{**whole, "domains": [{**domain, member: value}]} for value in odd]
    replies += [{**whole, "sources": [value, source], "domains": [value, domain]} for value in odd]
    with Foreign(factor=lambda body: replies[int(body["recipients"][0].split(".")[0][1:])]) as foreign:
        for i, reply in enumerate(replies):
            done = frank_in_time("factor", f"d{i}.example", "--explain", "--connect",
                                 foreign.endpoint)
            assert done.returncode == 0, (reply, done)
            shown = done.stdout.decode() + done.stderr
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown), (reply, shown)
        text = frank_in_time("factor", "d0.example", "--explain", "--connect", foreign.endpoint)
        for word in ("of https://x.example\n", "previous 4 counts no more", "mode     testing",
                     "source 1, https://x.example\n", "key named  KEY", "asked      7 times, 2 failed",
                     "why        once it failed", "in force   yes", "in force   no: one before it serves",
                     "kept       from an earlier time", "DNSSEC     secure", "kept for   300 s"):
            assert word in text.stdout.decode(), (word, text)
    bodies = []
    with Foreign(factor=lambda body: bodies.append(body) or whole) as foreign:
        for args, body in ((["a.example", "--purge"], {"recipients": ["a.example"], "purge": True}),
                           (["--purge"], {"recipients": [], "purge": True}),
                           (["b@a.example"], {"recipients": ["b@a.example"]}), ([], {"recipients": []})):
            assert frank_in_time("factor", *args, "--connect", foreign.endpoint).returncode == 0
            assert bodies.pop() == body, args


def times_of_a_daemon_may_be_any_number():
    for expires, told in ((0, None), (-1, None), (1, b"1970-01-01 00:00:01Z"), (1e300, None),
                          (253402300799, b"9999-12-31 23:59:59Z"), (253402300800, None),
                          (2**62, None), (-2**62, None), (6.7e16, None), ("x", None)):
        answer = {"factor": 5, "source": "file", "expires": expires}
        with Foreign(factor=answer) as foreign:
            done = frank_in_time("factor", "--connect", foreign.endpoint)
            assert done.returncode == 0 and b"factor   5 (" in done.stdout, (expires, done)
            assert (told or b"expires") in done.stdout or told is None, (expires, done)
            assert (b"expires" in done.stdout) == (told is not None), (expires, done)


def interrupted_waiting_ends_with_a_record():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with Foreign(mint=lambda body: None) as foreign:
            process = subprocess.Popen([program("frank"), "mint", "--b", B, "--json", "--deadline",
                                        "1h", "--connect", foreign.endpoint],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_until("it asked", lambda: "mint" in foreign.asked)
            process.send_signal(number)
            out, err = process.communicate(timeout=120)
            assert process.returncode == -number, (process.returncode, err)
            assert json.loads(out)["error"] == "cancelled", (out, err)
            wait_until("it was taken back", lambda: "cancel" in foreign.asked)
            foreign.asked.clear()
            message = read(sample("test2.message"))
            process = subprocess.Popen([program("frank"), "mint", "--filter", "--deadline", "1h",
                                        "--connect", foreign.endpoint], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdin.write(message)
            process.stdin.close()
            process.stdin = None
            wait_until("it asked again", lambda: "mint" in foreign.asked)
            process.send_signal(number)
            out, err = process.communicate(timeout=120)
            assert process.returncode == 75 and out == b"", (process.returncode, out, err)


def watch_ends_with_a_record():
    with tempfile.TemporaryDirectory() as folder:
        for there in (True, False):
            for number in (signal.SIGINT, signal.SIGHUP):
                with Foreign(status={"ready": True}) as foreign:
                    endpoint = foreign.endpoint if there else f"ipc://{folder}/absent.sock"
                    watcher = subprocess.Popen(
                        [program("frank"), "status", "--watch", "--json", "--connect", endpoint],
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    first = json.loads(watcher.stdout.readline())
                    while there and first.get("error") == "timeout":  # an answer that was too late
                        first = json.loads(watcher.stdout.readline())
                    assert ("error" in first) != there, first
                    watcher.send_signal(number)
                    out, err = watcher.communicate(timeout=120)
                    assert watcher.returncode == -number, (watcher.returncode, err)
                    last = json.loads(out.splitlines()[-1])
                    assert last["error"] == "cancelled", (out, err)


def a_filter_sends_the_recipients_that_can_be_used():
    message = read(sample("test2.message"))
    sent = []

    def mint(body):
        sent.append(body["recipients"])
        return stamp(body)

    with Foreign(mint=mint) as foreign:
        done = frank_in_time("mint", "--filter", "--connect", foreign.endpoint, "--to",
                             "a@b.example", "--to", b"\xff@b.example", "--to", '"a b"@c.example',
                             "--to", "x" * 400, stdin=message)
        assert done.returncode == 0 and done.stdout.endswith(message), done
        assert "2 left out" in done.stderr, done.stderr
        assert sent and all(one == ["a@b.example", '"a b"@c.example'] for one in sent), sent


def status_tells_why_it_is_not_ready():
    with Foreign(status={"ready": False, "devices": []}) as foreign:
        done = frank_in_time("status", "--wait", "0.5", "--connect", foreign.endpoint)
        assert done.returncode == 1 and "frankd is not ready" in done.stderr, done


def keys_of_keygen_open_a_curve_endpoint():
    with tempfile.TemporaryDirectory() as folder:
        keys = os.path.join(folder, "keys")
        made = frank("keygen", keys)
        assert made.returncode == 0 and made.stdout.count(b"\n") == 4, made
        assert os.stat(os.path.join(keys, "server.secret")).st_mode & 0o077 == 0
        before = read(os.path.join(keys, "server.secret"))
        again = frank("keygen", keys, "--json")
        assert again.returncode == 2 and keys in again.stderr, again
        assert read(os.path.join(keys, "server.secret")) == before
        clients = os.path.join(folder, "clients")
        os.mkdir(clients)
        shutil.copy(os.path.join(keys, "client.public"), os.path.join(clients, "mail1"))
        config = (f'curve_secret = "{keys}/server.secret";\ncurve_clients = "{clients}";\n')
        endpoint = f"tcp://127.0.0.1:{free_port()}"
        with daemon(config=config, listen=[endpoint]):
            done = frank_in_time("mint", "--b", B, "--connect", endpoint, "--keys", keys)
            assert done.returncode == 0, done
            check_header(done.stdout[:-1], "rsa-sha256", B, FACTOR)
            # Without a key, and with one that nobody allowed: no answer, said so.
            for stranger in ([], ["--keys", os.path.join(folder, "other")]):
                if stranger:
                    assert frank("keygen", stranger[1]).returncode == 0
                    shutil.copy(os.path.join(keys, "server.public"), stranger[1])
                refused = frank("status", "--connect", endpoint, *stranger)
                assert refused.returncode == 3 and endpoint in refused.stderr, refused
        missing = frank("mint", "--b", B, "--connect", endpoint, "--keys", clients)
        assert missing.returncode == 2 and "client.secret" in missing.stderr, missing


if __name__ == "__main__":
    run(mint_asks_the_daemon, filter_asks_the_daemon_and_leaves_stamped_messages,
        endpoints_are_tried_in_turn, refusals_and_deadlines_have_their_statuses,
        interrupt_takes_the_request_back, killed_daemon_is_asked_again, status_tells_and_waits,
        factor_tells_value_source_and_cost, dry_run_uses_the_daemons_devices,
        long_nonces_of_another_mint_are_taken, texts_of_a_daemon_are_cut_between_characters,
        texts_of_a_daemon_do_not_command_the_terminal, a_daemon_may_say_anything_of_its_sources,
        times_of_a_daemon_may_be_any_number,
        interrupted_waiting_ends_with_a_record, watch_ends_with_a_record,
        a_filter_sends_the_recipients_that_can_be_used, status_tells_why_it_is_not_ready,
        keys_of_keygen_open_a_curve_endpoint)
