"""frank-bench names what is wrong with its input, and whatever ends it, it leaves no process and no
file behind."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

import harness
from bench_support import LIMIT_S, Bench, needed, records

# What is given, and what the message must name.
BAD = [
    (["--shape", "rsa512"], "rsa512"),
    (["--shape", "rsa512"], "rsa4096"),  # and what there is
    (["--shape", ""], "--shape"),
    (["--shape"], "--shape"),
    (["--device", "cpu:9999"], "cpu:0"),
    (["--device", "cpu:9999"], "cpu:9999"),
    (["--device", "gpu"], "gpu"),
    (["--device", ""], "--device"),
    (["--device", "x" * 300], "xxx"),
    (["--device", "cpu:0x"], "cpu:0x"),
    (["--isa", "mmx"], "mmx"),
    (["--isa", "mmx"], "portable"),
    (["--isa", ""], "--isa"),
    (["--isa", "portable", "--device", "null:0"], "no CPU device"),
    (["--seconds", "0"], "--seconds"),
    (["--seconds", "-1"], "-1"),
    (["--seconds", "1.5"], "1.5"),
    (["--seconds", "99999999999999999999"], "99999999999999999999"),
    (["--seconds", ""], "--seconds"),
    (["--rounds", "0"], "--rounds"),
    (["--rounds", "101"], "101"),
    (["--rounds", "five"], "five"),
    (["--stamps", "10001"], "10001"),
    (["--factor", "0"], "--factor"),
    (["--factor", "2000000000000"], "2000000000000"),
    (["--factor", "16", "--daemon"], "--stamps"),
    (["--clock-mhz", "fast"], "fast"),
    (["--csv", "--markdown"], "--csv"),
    (["--export", "figures.txt"], "figures.txt"),
    (["--export", "/nonexistent/figures.csv"], "/nonexistent/figures.csv"),
    (["--export", "/dev/null.md/x.md"], "/dev/null.md/x.md"),
    (["--plot", "figures.gif"], "figures.gif"),
    (["--plot", ".svgz"], ".svgz"),
    (["--plot", "/nonexistent/figures.svg"], "figures.svg"),
    (["--plot", "a.svg", "--plot", "b.svg"], "b.svg"),
    (["--baseline", "/nonexistent.json"], "/nonexistent.json"),
    (["--fail-above", "5"], "--baseline"),
    (["--baseline", "x", "--fail-above", "0"], "--fail-above"),
    (["--baseline", "x", "--fail-above", "100"], "100"),
    (["--baseline", "x", "--fail-above", "nan"], "nan"),
    (["--baseline", "x", "--fail-above", "5%"], "5%"),
    (["--compare", "one.json"], "two files"),
    (["--compare", "one.json", "two.json", "three.json"], "three.json"),
    (["--compare", "one.json", "two.json"], "one.json"),
    (["--compare", "one.json", "two.json", "--plot", "a.svg"], "--plot"),
    (["--compare", "one.json", "two.json", "--device", "cpu:0"], "--device"),
    (["--daemon", "--frobnicate"], "--frobnicate"),
    (["--daemon", "soon"], "soon"),
    (["--each", "-xy"], "-x"),
    (["--each=1"], "--each takes no value"),
]


SIMULATED = ["--device", "faulty:simulated", "--shape", "ed25519", "--seconds", "1", "--rounds",
             "1", "--stamps", "0"]


def bad_input_is_named():
    needed()
    for args, name in BAD:
        status, out, err, left = Bench(*args).end()
        assert status == 64 and name in err and left == [], (args, status, out, err, left)
        assert err.count("\n") == 1, (args, err)
        assert out == "", (args, out)
        status, out, err, left = Bench(*args, "--json").end()
        if args[-1:] == ["--shape"] or args[-2:-1] == ["--compare"] or "--csv" in args:
            continue  # there --json is no flag of its own
        assert status == 64 and left == [], (args, status, out, err)
        record, = records(out)
        assert record["error"] == "usage" and name in record["message"], (args, record)


def a_missing_frankd_is_named():
    path = needed()
    with tempfile.TemporaryDirectory() as folder:
        alone = shutil.copy(path, folder)
        status, out, err, _ = Bench("--daemon", "--json", path=alone).end()
        assert status == 64 and os.path.join(folder, "frankd") in err, (status, out, err)
        record, = records(out)
        assert record["error"] == "usage" and folder in record["message"], record


def a_long_tmpdir_is_named():
    needed()
    bench = Bench("--daemon", "--seconds", "1", "--json", subfolder="x" * 100)
    status, out, err, left = bench.end()
    assert status == 3 and "TMPDIR" in err and left == [], (status, out, err, left)
    assert "TMPDIR" in records(out)[-1]["message"], out


def an_interruption_leaves_nothing():
    needed()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # below nohup it is to be ignored
        numbers.append(signal.SIGHUP)
    for number in numbers:
        bench = Bench("--daemon", "--seconds", "2", "--json")
        frankd = bench.frankd()
        bench.process.send_signal(number)
        status, out, err, left = bench.end()
        assert status == 3 and left == [], (number, status, out, err, left)
        assert not harness.is_running(frankd)
        assert records(out)[-1]["error"] == "interrupted", out


def an_unwritable_folder_is_named():
    path = needed()
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise harness.Skip("root may write everywhere, and there is no setpriv to be somebody else")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        command = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        for option, name in (("--plot", "a.svg"), ("--export", "a.json")):
            target = os.path.join(folder, name)
            if option == "--plot" and not shutil.which("gnuplot"):
                continue
            done = subprocess.run([*command, path, option, target], capture_output=True, text=True,
                                  timeout=LIMIT_S, check=False)
            if command and done.returncode == 126 or "failed to execute" in done.stderr:
                raise harness.Skip("nobody else may run the built program")
            assert done.returncode == 64 and target in done.stderr, done


def a_file_of_another_kind_is_not_replaced():
    needed()
    for target in ("/dev/null", tempfile.gettempdir(), "nowhere.csv"):
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, "a.csv")
            os.symlink(target, link)
            status, out, err, _ = Bench("--export", link).end()
            assert status == 64 and link in err and out == "", (status, out, err)
            assert os.readlink(link) == target and os.listdir(folder) == ["a.csv"]


def a_file_that_is_replaced_stays_as_private():
    needed()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.csv")
        with open(path, "w", encoding="utf-8"):
            os.chmod(path, 0o600)
        status, out, err, _ = Bench(*SIMULATED, "--export", path).end()
        assert status == 0 and os.path.getsize(path) > 0, (status, out, err)
        assert os.stat(path).st_mode & 0o777 == 0o600, oct(os.stat(path).st_mode)


def a_closed_standard_output_is_no_file_of_ours():
    path = needed()
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "a.csv")
        command = 'exec "$0" "$@" <&- >&-'
        done = subprocess.run(["sh", "-c", command, path, *SIMULATED, "--markdown", "--export",
                               target], stderr=subprocess.PIPE, text=True, timeout=LIMIT_S,
                              check=False)
        assert done.returncode == 3 and "standard output" in done.stderr, done
        with open(target, encoding="utf-8") as file:
            assert file.read().startswith("subject,"), "not what it was to be"
        # Without standard error, nobody can be told, but the status tells.
        done = subprocess.run(["sh", "-c", command + " 2>&-", path, *SIMULATED, "--json",
                               "--export", target], timeout=LIMIT_S, check=False)
        assert done.returncode == 3 and os.listdir(folder) == ["a.csv"], done


def a_reader_that_leaves_ends_the_run():
    path = needed()
    with subprocess.Popen([path, *SIMULATED, "--rounds", "100", "--json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as bench:
        try:
            assert bench.stdout.readline().startswith('{"record":"machine"')
            bench.stdout.close()
            assert bench.wait(90) == 3  # after the first round, not a hundred
            assert bench.stderr.read() == "frank-bench: standard output: Broken pipe\n"
        finally:
            bench.kill()


def a_factor_that_takes_hours_is_named():
    needed()
    status, out, err, left = Bench("--device", "cpu:0", "--isa", "portable", "--shape", "ed25519",
                                   "--seconds", "1", "--rounds", "1", "--factor", str(1 << 40),
                                   "--json").end()
    assert status == 3 and left == [] and str(1 << 40) in err and "minutes" in err, (out, err, left)
    assert records(out)[-1]["error"] == "failed", out


def a_device_that_fails_is_named():
    needed()
    for device in ("faulty:die@3", "faulty:selftest", "faulty:nonsense"):
        status, out, err, left = Bench("--device", device, "--shape", "ed25519", "--seconds", "1",
                                       "--rounds", "1", "--stamps", "0", "--json").end()
        assert status == 3 and device in err and left == [], (device, status, out, err, left)
        assert records(out)[-1]["error"] == "failed", out


def an_interruption_leaves_no_file():
    needed()
    with tempfile.TemporaryDirectory() as folder:
        old = os.path.join(folder, "old.json")
        with open(old, "w", encoding="utf-8") as file:
            file.write("before")
        args = ["--shape", "ed25519", "--seconds", "60", "--stamps", "0", "--export", old,
                "--export", os.path.join(folder, "new.csv")]
        if shutil.which("gnuplot"):
            args += ["--plot", os.path.join(folder, "new.svg")]
        bench = Bench(*args)
        harness.wait_until("it searches", lambda: len(harness.children_of(bench.process.pid)) > 0,
                           timeout_s=30)
        children = [pid for pid, _ in harness.children_of(bench.process.pid)]
        bench.process.send_signal(signal.SIGINT)
        status, out, err, left = bench.end()
        assert status == 3 and "interrupted" in err and left == [], (status, out, err, left)
        assert out == "" and os.listdir(folder) == ["old.json"], (out, os.listdir(folder))
        with open(old, encoding="utf-8") as file:
            assert file.read() == "before"
        assert not any(harness.is_running(pid) for pid in children), children


def seconds_until_death_is_told(pause_s):
    """Kills the bench's frankd so long after it is there."""
    bench = Bench("--daemon", "--seconds", "4", "--rounds", "2", "--json")
    frankd = bench.frankd()
    time.sleep(pause_s)
    os.kill(frankd, signal.SIGKILL)
    killed_s = time.monotonic()
    status, out, err, left = bench.end()
    took_s = time.monotonic() - killed_s
    assert status == 3 and left == [], (status, out, err, left)
    assert not harness.is_running(frankd) and ("has died" in err or "ended" in err), err
    assert records(out)[-1]["error"] == "failed", out
    return took_s


def a_frankd_that_dies_is_told():
    needed()
    for pause_s in (0, 2):  # while it starts, and with its queue full
        took_s = harness.measured_until(20, lambda p=pause_s: seconds_until_death_is_told(p))
        assert min(took_s) <= 20, took_s


if __name__ == "__main__":
    harness.run(bad_input_is_named, a_missing_frankd_is_named, a_long_tmpdir_is_named,
                an_unwritable_folder_is_named, a_file_of_another_kind_is_not_replaced,
                a_file_that_is_replaced_stays_as_private, a_closed_standard_output_is_no_file_of_ours,
                a_reader_that_leaves_ends_the_run, a_factor_that_takes_hours_is_named,
                a_device_that_fails_is_named, an_interruption_leaves_nothing,
                an_interruption_leaves_no_file, a_frankd_that_dies_is_told)
