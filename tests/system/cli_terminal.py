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
import threading
import time

from cli_support import FACTOR_MAX, check_header, frank, program, run
from harness import children_of, is_running, wait_until

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
    until = time.monotonic() + 180
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
    return seen.decode(), process.wait(60)


def progress_line_is_shown_on_a_terminal():
    # Where a device takes longer to open there are fewer lines.
    for deadline_s in (3, 6, 12, 24, 48):
        seen, status = on_terminal([*HARD, "--deadline", f"{deadline_s}s"])
        assert status == 1, seen
        if seen.count("attempts  ") >= 3:
            break
    line = re.search(r"([0-9.]+ ?[kMG]?) attempts  ([0-9.]+ ?[kMG]?)/s  chance so far ([0-9.]+)%  "
                     r"best ([0-9.]+) of 53\.00 bits", seen)
    assert line, seen
    assert seen.count("attempts  ") >= 3, seen
    assert re.search(r"\r\x1b\[K[^\r]*not met", seen), "the line is taken away before the end"


def chance_is_that_of_independent_attempts():
    scale = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}
    row = r"\r([0-9.]+) ?([kMG]?) attempts .*? so far ([0-9.]+)%"
    found = []
    for deadline_s in (2, 4, 8, 16, 32):
        seen, _ = on_terminal([*HARD, "--deadline", f"{deadline_s}s"])
        found = re.findall(row, seen)
        if found:
            break
    number, prefix, _ = found[-1]
    factor = int(3 * float(number) * scale[prefix])  # so that it is neither near 0 nor near 1
    largest = 0
    for _ in range(30):
        seen, _ = on_terminal(["mint", "--b", B, "--factor", str(factor), "--deadline", "2s"])
        for number, prefix, chance in re.findall(row, seen):
            ratio = float(number) * scale[prefix] / factor
            assert abs(float(chance) - 100 * (1 - math.exp(-ratio))) < 0.5, (factor, seen)
            largest = max(largest, ratio)
        if largest > 0.2:
            return
        factor = factor * 3 // 4 + 1  # it is slower now, or met it before it was seen
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


class Search:
    """A frank that searches. Attributes: process, text (what standard error had, a terminal)."""

    def __init__(self, process, terminal):
        self.process = process
        self.text = ""
        self.reader = threading.Thread(target=self.read, args=(terminal,), daemon=True)
        self.reader.start()

    def read(self, terminal):
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # EIO: the other end is closed
                part = b""
            if not part:
                break
            self.text += part.decode("utf-8", "replace")
        os.close(terminal)

    def end(self):
        """Waits for it; (status, standard output)."""
        out, _ = self.process.communicate(timeout=180)
        self.reader.join(60)
        return self.process.returncode, out


@contextlib.contextmanager
def searching(args, stdin=b"", **options):
    """A frank whose progress says that it searches; none is left, whatever happens."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([program("frank"), *args], stdin=subprocess.PIPE, stderr=theirs,
                               stdout=subprocess.PIPE, env={**os.environ, "TERM": "xterm"},
                               **options)
    os.close(theirs)
    search = Search(process, ours)
    try:
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None
        wait_until("it searches", lambda: " attempts  " in search.text or
                   process.poll() is not None, 30)
        yield search
    finally:
        process.kill()
        process.wait()


def workers_of(process):
    return [pid for pid, name in children_of(process.pid) if name == "frank-worker"]


def interrupt_gives_the_best_and_ends_by_the_signal():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with searching([*HARD, "--deadline", "1h"]) as search:
            search.process.send_signal(number)
            status, out = search.end()  # well before its hour is over
            assert status == -number, (status, search.text)
            check_header(out[:-1], "rsa-sha256", B)
            assert "interrupted" in search.text, search.text


def interrupt_ends_with_a_record_of_json():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with searching([*HARD, "--deadline", "1h", "--json"]) as search:
            search.process.send_signal(number)
            status, out = search.end()
            assert status == -number, (status, search.text)
            record = json.loads(out)
            assert record["interrupted"] is True and record["met"] is False, record


def interrupted_filter_writes_nothing_and_says_later():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with searching([*HARD[:1], "--filter", *HARD[3:], "--deadline", "1h"],
                       stdin=MESSAGE) as search:
            search.process.send_signal(number)
            status, out = search.end()
            assert status == 75 and out == b"", (status, out, search.text)
            assert "nothing written" in search.text, search.text


def ignored_signal_stays_ignored():
    for number in (signal.SIGINT, signal.SIGHUP):  # in the background; by nohup
        for deadline_s in (4, 8, 16, 32):
            with searching([*HARD, "--deadline", f"{deadline_s}s"],
                           preexec_fn=lambda: signal.signal(number, signal.SIG_IGN)) as search:
                is_in_time = search.process.poll() is None
                search.process.send_signal(number)
                status, _ = search.end()
                assert status == 1 and "not met" in search.text, (status, search.text)
            if is_in_time:
                break


def no_worker_outlives_frank():
    with searching([*HARD, "--deadline", "1h"]) as search:
        workers = workers_of(search.process)
        assert workers, "it searches without a worker"
        search.process.kill()
        search.end()
        wait_until("no worker runs", lambda: not any(is_running(pid) for pid in workers), 20)


if __name__ == "__main__":
    run(progress_line_is_shown_on_a_terminal, chance_is_that_of_independent_attempts,
        progress_is_silent_elsewhere,
        colour_is_for_terminals_without_no_color, interrupt_gives_the_best_and_ends_by_the_signal,
        interrupt_ends_with_a_record_of_json,
        interrupted_filter_writes_nothing_and_says_later, ignored_signal_stays_ignored,
        no_worker_outlives_frank)
