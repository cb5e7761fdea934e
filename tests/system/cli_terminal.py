"""What `frank` does on a terminal and nowhere else: the progress line, colour, and how it ends when
it is interrupted."""

import base64
import contextlib
import json
import math
import os
import pty
import re
import select
import signal
import subprocess
import time

from cli_support import FACTOR_MAX, check_header, frank, program, run
from harness import children_of, cpu_seconds, patience, wait_until

B = base64.b64encode(bytes(range(64))).decode()
HARD = ["mint", "--b", B, "--factor", str(FACTOR_MAX)]
MESSAGE = (f"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=one; h=from; bh=AAAA; b={B}\n"
           "From: a@example.com\n\nHello.\n").encode()


def on_terminal(args, env=(), stdout_too=False):
    """Runs frank with standard error (or both) on a pseudo-terminal: (what came there, status)."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", **dict(env)}
    environment.pop("NO_COLOR", None)
    environment.update(dict(env))
    process = subprocess.Popen([program("frank"), *args], stdin=subprocess.DEVNULL, stderr=theirs,
                               stdout=theirs if stdout_too else subprocess.PIPE, env=environment)
    os.close(theirs)
    seen = b""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            seen += part
    os.close(ours)
    if process.stdout:
        process.stdout.read()
        process.stdout.close()
    return seen.decode(), process.wait(5)


def progress_line_is_shown_on_a_terminal():
    seen, status = on_terminal([*HARD, "--deadline", "3s"])
    assert status == 1, seen
    line = re.search(r"([0-9.]+ ?[kMG]?) attempts  ([0-9.]+ ?[kMG]?)/s  chance so far ([0-9.]+)%  "
                     r"best ([0-9.]+) of 53\.00 bits", seen)
    assert line, seen
    assert seen.count("attempts  ") >= 3, seen
    assert re.search(r"\r\x1b\[K[^\r]*not met", seen), "the line is taken away before the end"


def chance_is_that_of_independent_attempts():
    scale = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
    row = r"\r([0-9.]+) ?([kMG]?) attempts .*? so far ([0-9.]+)%"
    seen, _ = on_terminal([*HARD, "--deadline", "2s"])
    number, prefix, _ = re.findall(row, seen)[-1]
    factor = int(3 * float(number) * scale[prefix])  # so that it is neither near 0 nor near 1
    largest = 0
    for _ in range(10):
        seen, _ = on_terminal(["mint", "--b", B, "--factor", str(factor), "--deadline", "2s"])
        for number, prefix, chance in re.findall(row, seen):
            ratio = float(number) * scale[prefix] / factor
            assert abs(float(chance) - 100 * (1 - math.exp(-ratio))) < 0.5, (factor, seen)
            largest = max(largest, ratio)
        if largest > 0.2:
            return
    raise AssertionError(f"only {largest} of the factor was seen in progress lines")


def progress_is_silent_elsewhere():
    done = frank(*HARD, "--deadline", "700ms", env={"TERM": "xterm"})
    assert done.returncode == 1, done
    assert "\r" not in done.stderr and "\x1b" not in done.stderr, done
    assert "attempts/s" not in done.stderr and done.stderr.count("\n") == 1, done
    for term in ("dumb", ""):
        seen, _ = on_terminal([*HARD, "--deadline", "700ms"], env={"TERM": term})
        assert "\x1b" not in seen and "chance" not in seen, seen


def colour_is_for_terminals_without_no_color():
    key = ["verify", "--b", "AAAA", "--header",
           "v=1; a=rsa-sha256; n=1; h=" + "0" * 64]
    seen, status = on_terminal(key, stdout_too=True)
    assert status == 1 and "\x1b[31mfail\x1b[0m" in seen, seen
    seen, _ = on_terminal(key, env={"NO_COLOR": "1"}, stdout_too=True)
    assert "\x1b" not in seen and "fail (" in seen, seen
    seen, _ = on_terminal(key, env={"TERM": "dumb"}, stdout_too=True)
    assert "\x1b" not in seen and "fail (" in seen, seen


@contextlib.contextmanager
def started(args, **options):
    """A frank that runs; none is left, whatever happens."""
    process = subprocess.Popen([program("frank"), *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_search(process):
    """Returns when the workers of a process have searched for a while."""
    def searching():
        return sum(cpu_seconds(pid) for pid in workers_of(process)) > 0.1

    wait_until("the workers search", searching)


def workers_of(process):
    return [pid for pid, name in children_of(process.pid) if name == "frank-worker"]


def interrupt_gives_the_best_and_ends_by_the_signal():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with started([*HARD, "--deadline", "1h"], stdin=subprocess.DEVNULL) as process:
            wait_for_search(process)
            sent = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            assert time.monotonic() - sent < patience(3), "it ends at once"
            assert process.returncode == -number, (process.returncode, err)
            check_header(out[:-1], "rsa-sha256", B)
            assert b"interrupted" in err, err


def interrupt_ends_with_a_record_of_json():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with started([*HARD, "--deadline", "1h", "--json"], stdin=subprocess.DEVNULL) as process:
            wait_for_search(process)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            assert process.returncode == -number, (process.returncode, err)
            record = json.loads(out)
            assert record["interrupted"] is True and record["met"] is False, record


def interrupted_filter_writes_nothing_and_says_later():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with started([*HARD[:1], "--filter", *HARD[3:], "--deadline", "1h"],
                     stdin=subprocess.PIPE) as process:
            process.stdin.write(MESSAGE)
            process.stdin.close()
            process.stdin = None
            wait_for_search(process)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 75 and out == b"", (process, out, err)
            assert b"nothing written" in err, err


def ignored_signal_stays_ignored():
    for number in (signal.SIGINT, signal.SIGHUP):  # in the background; by nohup
        with started([*HARD, "--deadline", "3s"], stdin=subprocess.DEVNULL,
                     preexec_fn=lambda: signal.signal(number, signal.SIG_IGN)) as process:
            time.sleep(0.7)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            assert process.returncode == 1 and b"not met" in err, (process.returncode, err)


def no_worker_outlives_frank():
    with started([*HARD, "--deadline", "1h"], stdin=subprocess.DEVNULL) as process:
        wait_for_search(process)
        workers = workers_of(process)
        process.kill()
        process.communicate(timeout=60)
        until = time.monotonic() + 20
        while any(os.path.exists(f"/proc/{pid}") for pid in workers) and time.monotonic() < until:
            time.sleep(0.05)
        left = [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
        # A worker that ended may still wait for its new parent to collect it.
        for pid in left:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                assert file.read().rsplit(")", 1)[1].split()[0] == "Z", pid


if __name__ == "__main__":
    run(progress_line_is_shown_on_a_terminal, chance_is_that_of_independent_attempts,
        progress_is_silent_elsewhere,
        colour_is_for_terminals_without_no_color, interrupt_gives_the_best_and_ends_by_the_signal,
        interrupt_ends_with_a_record_of_json,
        interrupted_filter_writes_nothing_and_says_later, ignored_signal_stays_ignored,
        no_worker_outlives_frank)
