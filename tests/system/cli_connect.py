"""`frank` with a running frankd: mint, status, factor and keys, and what it says when the daemon is
not there, not ready, or refuses."""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from cli_support import (FACTOR_MAX, check_header, frank, program, read, run, sample, signatures)
from harness import Frankd, free_port, wait_until

FACTOR = 100000
B = base64.b64encode(bytes(range(64))).decode()


def daemon(*args, **options):
    return Frankd(["--factor", str(FACTOR), "--device", "cpu:0", *args], **options)


def answer_of(done):
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done
    return json.loads(lines[0])


def mint_asks_the_daemon():
    path = sample("test2.message")
    a, b, _ = signatures(read(path))[0]
    with daemon() as frankd:
        answer = answer_of(frank("mint", "--eml", path, "--connect", frankd.ipc, "--json"))
        check_header(answer["header"].encode(), a, b, FACTOR, b"\r\n")
        # The daemon's own factor, and its own word for where that comes from.
        assert answer["factor"] == FACTOR and answer["source"] not in ("", "request"), answer
        done = frank("mint", "--eml", path, "--connect", frankd.ipc, "--factor", "1000000", "--to",
                     "example.com", "--to", "joe@example.org")
        assert done.returncode == 0 and done.stderr == "", done
        check_header(done.stdout[:-1], a, b, 1000000)
        # Told once: the search was done here, not by workers of frank's own.
        totals = answer_of(frank("status", "--connect", frankd.ipc, "--json"))["totals"]
        assert totals["met"] == 2, totals


def filter_asks_the_daemon_and_leaves_stamped_messages():
    message = read(sample("rfc6376.signed.msg"))
    with daemon() as frankd:
        once = frank("mint", "--filter", "--connect", frankd.ipc, stdin=message)
        assert once.returncode == 0 and once.stdout.endswith(message) and once.stderr == "", once
        assert frank("verify", "--factor", str(FACTOR), stdin=once.stdout).returncode == 0
        again = frank("mint", "--filter", "--connect", frankd.ipc, stdin=once.stdout)
        assert again.stdout == once.stdout and "already stamped" in again.stderr, again
        assert answer_of(frank("status", "--connect", frankd.ipc, "--json"))["totals"]["met"] == 1


def endpoints_are_tried_in_turn():
    with daemon() as frankd:
        absent = f"ipc://{frankd.folder}/absent.sock"
        done = frank("mint", "--b", B, "--connect", absent, "--connect", frankd.ipc)
        assert done.returncode == 0, done
        check_header(done.stdout[:-1], "rsa-sha256", B, FACTOR)


def refusals_and_deadlines_have_their_statuses():
    with daemon() as frankd:
        hard = frank("mint", "--b", B, "--factor", str(FACTOR_MAX), "--connect", frankd.ipc,
                     "--json")
        record = json.loads(hard.stdout.splitlines()[-1])
        assert hard.returncode == 3 and record["error"] == "too-hard", hard
        assert record["eta_ms"] > 0 and str(FACTOR_MAX) in record["message"], record
        late = frank("mint", "--b", B, "--bits", "40", "--deadline", "300ms", "--connect",
                     frankd.ipc)
        assert late.returncode == 1 and "not met" in late.stderr, late
        check_header(late.stdout[:-1], "rsa-sha256", B)


def interrupt_takes_the_request_back():
    with daemon() as frankd:
        process = subprocess.Popen([program("frank"), "mint", "--b", B, "--bits", "40",
                                    "--deadline", "1h", "--connect", frankd.ipc],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until("it is searching", lambda: answer_of(
            frank("status", "--connect", frankd.ipc, "--json"))["queue"]["running"] == 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        assert process.returncode == -signal.SIGINT and out == b"", (process.returncode, out, err)
        wait_until("it was cancelled", lambda: answer_of(
            frank("status", "--connect", frankd.ipc, "--json"))["totals"]["cancelled"] == 1)


def killed_daemon_is_asked_again():
    with tempfile.TemporaryDirectory() as folder:
        with daemon(folder=folder) as frankd:
            process = subprocess.Popen([program("frank"), "mint", "--b", B, "--bits", "26",
                                        "--deadline", "50s", "--connect", frankd.ipc],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(0.2)
            frankd.process.kill()
            frankd.process.wait()
            frankd.start()
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, (process.returncode, err)
            check_header(out[:-1], "rsa-sha256", B, 1 << 26)


def status_tells_and_waits():
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/mint.sock"
        waiter = subprocess.Popen([program("frank"), "status", "--wait", "20", "--connect",
                                   endpoint], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        assert waiter.poll() is None, "it waits for a daemon that is not there yet"
        with daemon(folder=folder):
            out, err = waiter.communicate(timeout=20)
            assert waiter.returncode == 0 and b"ready" in out, (waiter.returncode, err)
            text = frank("status", "--connect", endpoint)
            assert text.returncode == 0, text
            for word in (b"frankd ", b"queue ", b"factor  100000", b"cpu:0"):
                assert word in text.stdout, (word, text)
            watcher = subprocess.Popen([program("frank"), "status", "--watch", "--json",
                                        "--connect", endpoint], stdout=subprocess.PIPE)
            lines = [json.loads(watcher.stdout.readline()) for _ in range(2)]
            watcher.kill()
            watcher.communicate()
            assert lines[1]["uptime_ms"] >= lines[0]["uptime_ms"] + 900, lines


def factor_tells_value_source_and_cost():
    with daemon() as frankd:
        answer = answer_of(frank("factor", "example.com", "--connect", frankd.ipc, "--json"))
        assert answer["factor"] == FACTOR and answer["source"], answer
        assert answer["domains"][0]["domain"] == "example.com", answer
        text = frank("factor", "example.com", "--connect", frankd.ipc)
        assert text.returncode == 0 and b"factor   100000" in text.stdout, text
        assert b"example.com" in text.stdout and b"cost" in text.stdout, text


def dry_run_uses_the_daemons_devices():
    with daemon() as frankd:
        plan = answer_of(frank("mint", "--b", B, "--dry-run", "--json", "--connect", frankd.ipc))
        assert [device["name"] for device in plan["devices"]] == ["cpu:0"], plan
        assert plan["factor"] == FACTOR and plan["rate_hps"] > 0, plan
        totals = answer_of(frank("status", "--connect", frankd.ipc, "--json"))["totals"]
        assert sum(totals.values()) == 0, totals


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
            done = frank("mint", "--b", B, "--connect", endpoint, "--keys", keys)
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
        keys_of_keygen_open_a_curve_endpoint)
