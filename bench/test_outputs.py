"""What frank-bench writes can be read by others: JSON, CSV, Markdown and pictures, of one run; a file
appears whole or not at all; a terminal gets a progress line, and nothing else does."""

import csv
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree

import harness
from bench_support import LIMIT_S, Bench, measured, needed, records
from cli_support import soon

ONE = ["--shape", "ed25519", "--rounds", "1"]
QUICK = ["--shape", "ed25519", "--shape", "rsa2048", "--rounds", "1"]


def png_size(path):
    with open(path, "rb") as file:
        head = file.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", head
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def one_run_writes_every_format():
    needed()
    with tempfile.TemporaryDirectory() as folder:
        paths = {end: os.path.join(folder, "figures." + end) for end in ("json", "csv", "md")}
        args = [word for path in paths.values() for word in ("--export", path)]
        status, out, err, left = measured(*QUICK, "--stamps", "10", "--json", *args)
        assert (status, err, left) == (0, "", []), (status, out, err, left)
        assert sorted(os.listdir(folder)) == sorted(os.path.basename(p) for p in paths.values())
        with open(paths["json"], encoding="utf-8") as file:
            assert file.read() == out
        final = records(out)[-1]
        with open(paths["csv"], encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == len(final["rows"]), (lines, final)
        for line, row in zip(lines, final["rows"]):
            for key in ("subject", "role", "shape", "metric", "unit"):
                assert line[key] == row[key], (key, line, row)
            assert abs(float(line["median"]) / row["median"] - 1) < 1e-6, (line, row)
            assert [float(x) for x in line["samples"].split()], line
        with open(paths["md"], encoding="utf-8") as file:
            text = file.read()
        table = [line for line in text.splitlines() if line.startswith("|")]
        assert len(table) >= len(final["rows"]) + 4, text
        for line in table:
            bars = len(re.findall(r"(?<!\\)\|", line))
            assert bars in (3, 10), line  # two columns, or nine
        assert "| cpu | " in text and "RSA-2048" in text, text


def formats_go_to_standard_output():
    needed()
    status, out, err, _ = measured(*QUICK, "--stamps", "0", "--csv")
    assert (status, err) == (0, ""), (status, out, err)
    lines = list(csv.DictReader(out.splitlines()))
    assert {line["shape"] for line in lines} == {"ed25519", "rsa2048"}, lines
    status, out, err, _ = measured(*ONE, "--stamps", "0", "--markdown")
    assert (status, err) == (0, "") and out.startswith("| machine |"), (status, out, err)


def pictures_are_drawn():
    needed()
    if not shutil.which("gnuplot"):
        raise harness.Skip("gnuplot is not installed")
    with tempfile.TemporaryDirectory() as folder:
        svg = os.path.join(folder, "it's a plot.svg")
        png = os.path.join(folder, "plot.png")
        status, out, err, _ = measured(*QUICK, "--stamps", "0", "--isa", "portable", "--plot", svg)
        assert (status, err) == (0, ""), (status, out, err)
        text = "".join(xml.etree.ElementTree.parse(svg).getroot().itertext())
        for word in ("cpu, portable", "Ed25519", "RSA-2048", "million attempts per second"):
            assert word in text, (word, text)
        status, out, err, _ = measured(*ONE, "--stamps", "0", "--plot", png)
        assert (status, err) == (0, ""), (status, out, err)
        width, height = png_size(png)
        assert width >= 800 and height >= 400, (width, height)
        assert sorted(os.listdir(folder)) == ["it's a plot.svg", "plot.png"], os.listdir(folder)


def a_missing_gnuplot_is_named_at_once():
    needed()
    with tempfile.TemporaryDirectory() as folder:
        status, out, err, _ = soon(10, lambda: Bench("--plot", os.path.join(folder, "a.svg"),
                                                     env={"PATH": folder}).end())
        assert status == 64 and "gnuplot" in err and out == "", (status, out, err)
        assert os.listdir(folder) == []


def a_gnuplot_that_fails_is_quoted():
    needed()
    with tempfile.TemporaryDirectory() as folder:
        fake = os.path.join(folder, "gnuplot")
        with open(fake, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho 'no such terminal' >&2\nexit 1\n")
        os.chmod(fake, 0o755)
        old = os.path.join(folder, "a.svg")
        with open(old, "w", encoding="utf-8") as file:
            file.write("the old one")
        status, out, err, _ = measured(*ONE, "--stamps", "0", "--json", "--plot", old,
                                       env={"PATH": folder})
        assert status == 3 and "no such terminal" in err, (status, out, err)
        assert records(out)[-1]["error"] == "failed", out
        with open(old, encoding="utf-8") as file:
            assert file.read() == "the old one"
        assert sorted(os.listdir(folder)) == ["a.svg", "gnuplot"]


def a_gnuplot_that_draws_no_picture_is_told():
    needed()
    with tempfile.TemporaryDirectory() as folder:
        fake = os.path.join(folder, "gnuplot")
        for script, fault in (("exec /usr/bin/yes", "does not stop writing"),
                              ("echo nonsense", "drew no picture")):
            with open(fake, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + script + "\n")
            os.chmod(fake, 0o755)
            status, out, err, _ = measured(*ONE, "--device", "faulty:simulated", "--stamps", "0",
                                           "--plot", os.path.join(folder, "a.svg"),
                                           env={"PATH": folder})
            assert status == 3 and fault in err, (script, status, out, err)
            assert os.listdir(folder) == ["gnuplot"]


def a_full_disk_is_no_success():
    path = needed()
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([path, *ONE, "--seconds", "2", "--stamps", "0", "--csv"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 3 and "standard output" in done.stderr, done


def run_on_terminal(*args, env):
    """What it writes to a terminal that is its standard error."""
    path = needed()
    ours, theirs = pty.openpty()
    text = b""
    try:
        process = subprocess.Popen([path, *args], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=theirs, env=env)
        os.close(theirs)
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            ready, _, _ = select.select([ours], [], [], 0.2)
            if ready:
                try:
                    text += os.read(ours, 65536)
                except OSError:
                    break  # the last writer has gone
            elif process.poll() is not None:
                break
        assert process.wait(60) == 0
    finally:
        os.close(ours)
    return text.decode()


def progress_is_for_terminals():
    args = ["--shape", "ed25519", "--seconds", "1", "--rounds", "2", "--stamps", "0"]
    text = run_on_terminal(*args, env=dict(os.environ, TERM="xterm"))
    assert "round 1 of 2, Ed25519: cpu" in text and "left" in text, text
    assert text.endswith("\r\x1b[K"), text  # taken away again
    assert run_on_terminal(*args, env=dict(os.environ, TERM="dumb")) == ""


if __name__ == "__main__":
    harness.run(one_run_writes_every_format, formats_go_to_standard_output, pictures_are_drawn,
                a_missing_gnuplot_is_named_at_once, a_gnuplot_that_fails_is_quoted,
                a_gnuplot_that_draws_no_picture_is_told, a_full_disk_is_no_success,
                progress_is_for_terminals)
