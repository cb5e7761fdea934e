"""frank-bench names what is wrong with its input, and whatever ends it, it leaves no process and no
file behind."""

import os
import shutil
import signal
import tempfile
import time

import harness
from bench_support import Bench, is_gone, needed, records

# What is given, and what the message must name.
BAD = [
    ([], "--daemon"),
    (["--json"], "--daemon"),
    (["--daemon", "--shape", "rsa512"], "rsa512"),
    (["--daemon", "--shape", "rsa1024", "--shape", "rsa2048"], "rsa2048"),
    (["--daemon", "--shape"], "--shape"),
    (["--daemon", "--seconds", "0"], "--seconds"),
    (["--daemon", "--seconds", "-1"], "-1"),
    (["--daemon", "--seconds", "1.5"], "1.5"),
    (["--daemon", "--seconds", "99999999999999999999"], "99999999999999999999"),
    (["--daemon", "--seconds", ""], "--seconds"),
    (["--daemon", "--rounds", "0"], "--rounds"),
    (["--daemon", "--rounds", "101"], "101"),
    (["--daemon", "--rounds", "five"], "five"),
    (["--daemon", "--frobnicate"], "--frobnicate"),
    (["--daemon", "soon"], "soon"),
]


def bad_input_is_named():
    needed()
    for args, name in BAD:
        status, out, err, left = Bench(*args).end()
        assert status == 2 and name in err and left == [], (args, status, out, err, left)
        assert err.count("\n") == 1, (args, err)
        assert out == "" or "--json" in args, (args, out)
        status, out, err, left = Bench(*args, "--json").end()
        if args[-1:] == ["--shape"]:
            continue  # --json was taken for the shape: no flag, and refused as such
        assert status == 2 and left == [], (args, status, out, err)
        record, = records(out)
        assert record["error"] == "usage" and name in record["message"], (args, record)


def a_missing_frankd_is_named():
    path = needed()
    with tempfile.TemporaryDirectory() as folder:
        alone = shutil.copy(path, folder)
        status, out, err, _ = Bench("--daemon", "--json", path=alone).end()
        assert status == 2 and os.path.join(folder, "frankd") in err, (status, out, err)
        record, = records(out)
        assert record["error"] == "no-frankd" and folder in record["message"], record


def a_long_tmpdir_is_named():
    needed()
    bench = Bench("--daemon", "--seconds", "1", "--json", subfolder="x" * 100)
    status, out, err, left = bench.end()
    assert status == 1 and "TMPDIR" in err and left == [], (status, out, err, left)
    assert "TMPDIR" in records(out)[-1]["message"], out


def an_interruption_leaves_nothing():
    needed()
    for number in (signal.SIGINT, signal.SIGTERM):
        bench = Bench("--daemon", "--seconds", "2", "--json")
        frankd = bench.frankd()
        bench.process.send_signal(number)
        status, out, err, left = bench.end()
        assert status == 1 and left == [], (number, status, out, err, left)
        assert is_gone(frankd)
        assert records(out)[-1]["error"] == "interrupted", out


def a_frankd_that_dies_is_told():
    needed()
    for pause_s in (0, 2):  # while it starts, and with its queue full
        bench = Bench("--daemon", "--seconds", "4", "--rounds", "1", "--json")
        frankd = bench.frankd()
        time.sleep(pause_s)
        os.kill(frankd, signal.SIGKILL)
        killed_s = time.monotonic()
        status, out, err, left = bench.end()
        assert time.monotonic() - killed_s < 20, err
        assert status == 1 and left == [], (status, out, err, left)
        assert is_gone(frankd) and ("has died" in err or "ended" in err), err
        assert records(out)[-1]["error"] == "failed", out


if __name__ == "__main__":
    harness.run(bad_input_is_named, a_missing_frankd_is_named, a_long_tmpdir_is_named,
                an_interruption_leaves_nothing, a_frankd_that_dies_is_told)
