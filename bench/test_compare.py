"""Two runs are compared by what their files say: exit status 0 the same or faster, 1 slower, 2 not to
be told. A file that is none of ours is named with its fault, before anything is measured."""

import copy
import json
import os
import tempfile

import harness
from bench_support import Bench, needed, records

MACHINE = {"record": "machine", "schema": 1, "version": "0.1.0", "date": "2026-11-26T00:00:00Z",
           "cpu": "Test CPU", "cores": 2, "threads": 2, "cpu_devices": 2, "load": 0.1}
RATE = {"subject": "cpu", "role": "engine", "device": "cpu", "variant": "avx512",
        "shape": "ed25519", "metric": "attempts_per_s", "unit": "1/s", "simulated": False}


def run_of(*rows, **machine):
    """The records of a made-up run. rows: a row, its samples."""
    final = {"record": "final", "rounds": 5,
             "rows": [dict(row, samples=samples) for row, samples in rows]}
    return [dict(MACHINE, **machine), {"record": "round", "round": 1}, final]


def text_of(run):
    return "".join(json.dumps(record) + "\n" for record in run)


class Files:
    """Made-up files in a folder of their own."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def write(self, name, content):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path


def compare(before, now, *args):
    with Files() as files:
        old, new = files.write("old.json", text_of(before)), files.write("new.json", text_of(now))
        status, out, err, left = Bench("--compare", old, new, *args).end()
        assert err == "" and left == [], (status, out, err, left)
        return status, out


FAST = [100e6, 101e6, 102e6, 101e6, 100e6]
SLOW = [80e6, 81e6, 82e6, 81e6, 80e6]
WIDE = [80e6, 100e6, 120e6, 101e6, 99e6]


def verdicts_are_exit_statuses():
    needed()
    for before, now, args, status, word in [
            (FAST, FAST, [], 0, "same"), (SLOW, FAST, [], 0, "faster"), (FAST, SLOW, [], 1, "slower"),
            (FAST, SLOW, ["--fail-above", "25"], 0, "same"), (FAST, WIDE, [], 2, "spreads too wide"),
            (WIDE, WIDE, [], 2, "spreads too wide"), (FAST[:2], FAST, [], 2, "fewer than 3 rounds")]:
        got, out = compare(run_of((RATE, before)), run_of((RATE, now)), *args)
        assert got == status and word in out, (before, now, args, got, out)


def json_says_the_same():
    needed()
    status, out = compare(run_of((RATE, FAST)), run_of((RATE, SLOW)), "--json")
    final, = records(out)
    comparison = final["comparison"]
    assert status == 1 and final["record"] == "final", out
    assert comparison["verdict"] == "slower" and comparison["same_machine"] is True, comparison
    row, = comparison["rows"]
    assert row["before"] == 101e6 and row["now"] == 81e6 and row["verdict"] == "slower", row
    assert abs(row["change_percent"] - (81 / 101 - 1) * 100) < 1e-4, row
    for form, word in (("--csv", "-19.80,slower"), ("--markdown", "slower |")):
        status, out = compare(run_of((RATE, FAST)), run_of((RATE, SLOW)), form)
        assert status == 1 and word in out, (form, out)


def what_is_missing_is_named():
    needed()
    other = dict(RATE, shape="rsa2048")
    status, out = compare(run_of((RATE, FAST), (other, FAST)), run_of((RATE, FAST)))
    assert status == 2 and "RSA-2048" in out and "missing in the new run" in out, out
    status, out = compare(run_of((RATE, FAST)), run_of((RATE, FAST), (other, FAST)))
    assert status == 0 and "1 figure is not in the old run" in out, out
    status, out = compare(run_of((RATE, FAST), (other, FAST)), run_of((RATE, SLOW)))
    assert status == 1, out  # slower is slower, whatever is missing
    status, out = compare(run_of((RATE, FAST)), run_of((RATE, FAST), cpu="Other CPU"))
    assert status == 2 and "Other CPU" in out and "Test CPU" in out, out
    gpu = {"device": "opencl:0.0", "model": "A GPU"}  # by the same name, another one
    for now, same in (({"model": "A GPU"}, True), ({"model": "Another GPU"}, False),
                      ({"device": "opencl:1.0", "model": "Another GPU"}, True)):
        status, out = compare(run_of((RATE, FAST), devices=[gpu]),
                              run_of((RATE, FAST), devices=[dict(gpu, **now)]))
        assert (status == 0) is same and ("opencl:0.0: A GPU before" in out) is not same, (now, out)
    status, out = compare(run_of(), run_of())
    assert status == 2, out
    peer = dict(RATE, role="peer", subject="hashcat")  # its speed is not ours to judge
    status, out = compare(run_of((RATE, FAST), (peer, FAST)), run_of((RATE, FAST), (peer, SLOW)))
    assert status == 0 and "hashcat" not in out, out


def broken(records_of_run, change):
    run = copy.deepcopy(records_of_run)
    change(run)
    return text_of(run)


def set_row(**members):
    return lambda run: run[2]["rows"][0].update(members)


GOOD = run_of((RATE, FAST))
BROKEN = [
    (b"", "empty"),
    (b"\xff\xfe\x00", ":1:"),
    ("not JSON\n", ":1:"),
    ("[1, 2]\n", "no JSON object"),
    ("{}\n", "not a record"),
    ('{"record": "machine"}\n', "schema 0"),
    (broken(GOOD, lambda run: run[0].update(schema=2)), "schema 2"),
    (broken(GOOD, lambda run: run[0].update(cores=-1)), "machine record"),
    (broken(GOOD, lambda run: run[0].update(cpu=["x"])), "machine record"),
    (broken(GOOD, lambda run: run[0].update(cpu="x" * 500)), "machine record"),
    (broken(GOOD, lambda run: run[0].update(devices=7)), "machine record"),
    (broken(GOOD, lambda run: run[0].update(devices=[7])), "machine record"),
    (broken(GOOD, lambda run: run[0].update(devices=[{"device": "x" * 99}])), "machine record"),
    (broken(GOOD, lambda run: run[0].update(devices=[{"device": "x"}] * 999)), "machine record"),
    (broken(GOOD, lambda run: run.pop(0)), "no machine record"),
    (broken(GOOD, lambda run: run.pop(2)), "no final record"),
    (broken(GOOD, lambda run: run.append(run[2])), "second final"),
    (broken(GOOD, lambda run: run.append(run[0])), "second machine"),
    (broken(GOOD, lambda run: run[2].update(rows=7)), "without rows"),
    (broken(GOOD, lambda run: run[2].update(rounds=-1)), "final record"),
    (broken(GOOD, lambda run: run[2]["rows"].append(run[2]["rows"][0])), "row 2 is there twice"),
    (broken(GOOD, set_row(metric="speed")), "row 1"),
    (broken(GOOD, set_row(role="king")), "row 1"),
    (broken(GOOD, set_row(subject="")), "row 1"),
    (broken(GOOD, set_row(subject="x" * 1000)), "row 1"),
    (broken(GOOD, set_row(subject="a\0b")), ":3:"),
    (broken(GOOD, set_row(factor=-1)), "row 1"),
    (broken(GOOD, set_row(factor=1 << 60)), "row 1"),
    (broken(GOOD, set_row(samples=[])), "0 samples"),
    (broken(GOOD, set_row(samples=[1.0] * 101)), "101 samples"),
    (broken(GOOD, set_row(samples=["many"])), "no figure"),
    (broken(GOOD, set_row(samples=[-1.0])), "no figure"),
    (broken(GOOD, set_row(samples={})), "samples"),
    (broken(GOOD, set_row(samples=[1e308] * 5)), "no figure"),  # two of them add up to no number
    (broken(GOOD, set_row(subject="a\x1b[2Jb")), "row 1"),  # for a terminal, a command
    (broken(GOOD, set_row(variant="a\nb")), "row 1"),
    (broken(GOOD, lambda run: run[0].update(cpu="a\x9b2Jb")), "machine record"),
    ('{"record": "error", "message": "a\\u001b[2J\\nb"}\n', "failed: a [2J b"),
    (text_of(GOOD).replace("101000000.0", "1e999"), ":3:"),
    (text_of(GOOD)[:-40], ":3:"),
    ('{"record": "error", "error": "failed", "message": "a dead frankd"}\n', "a dead frankd"),
    ('{"record": "sonnet"}\n', "sonnet"),
    ('{"record": "final", "record": "final"}\n', ":1:"),
    ("[" * 100000, ":1:"),
    (b"x" * (64 * 1024 * 1024 + 1), "larger than 64 MiB"),
]


def a_broken_file_is_named_with_its_fault():
    needed()
    with Files() as files:
        good = files.write("good.json", text_of(GOOD))
        for i, (content, fault) in enumerate(BROKEN):
            path = files.write("broken.json", content)
            status, out, err, _ = Bench("--compare", good, path).end()
            assert status == 64 and out == "", (i, fault, status, out, err)
            assert "broken.json" in err and fault in err and err.count("\n") == 1, (i, fault, err)
        status, out, err, _ = Bench("--baseline", path, "--json").end()
        assert status == 64 and records(out)[-1]["error"] == "usage", (status, out, err)
        for path in (os.path.join(files.folder.name, "absent.json"), files.folder.name):
            status, out, err, _ = Bench("--baseline", path).end()
            assert status == 64 and path in err, (status, out, err)


def a_run_is_held_against_its_baseline():
    needed()
    args = ["--shape", "ed25519", "--device", "faulty:simulated", "--seconds", "1", "--stamps", "0"]
    with Files() as files:
        path = os.path.join(files.folder.name, "base.json")
        status, out, err, _ = Bench(*args, "--rounds", "3", "--export", path).end()
        assert status == 0, (status, out, err)
        # What is counted does not change from run to run; a rate may, whatever a test wishes.
        status, out, err, _ = Bench(*args, "--rounds", "3", "--json", "--baseline", path,
                                    "--fail-above", "90").end()
        comparison = records(out)[-1]["comparison"]
        assert status in (0, 2) or (status, comparison["verdict"]) == (1, "slower"), \
            (status, out, err)
        assert comparison["same_machine"], (status, out, err)
        row, = [row for row in comparison["rows"] if row["metric"] == "attempts_per_cycle"]
        assert row["verdict"] == "same" and row["change_percent"] == 0, row
        # Against a run that was ten times as fast it is slower.
        with open(path, encoding="utf-8") as file:
            run = records(file.read())
        for row in run[-1]["rows"]:
            row["samples"] = [10 * sample for sample in row["samples"]]
        fast = files.write("fast.json", text_of(run))
        status, out, err, _ = Bench(*args, "--rounds", "3", "--baseline", fast).end()
        assert status == 1 and "Slower by more than 5%" in out, (status, out, err)


if __name__ == "__main__":
    harness.run(verdicts_are_exit_statuses, json_says_the_same, what_is_missing_is_named,
                a_broken_file_is_named_with_its_fault, a_run_is_held_against_its_baseline)
