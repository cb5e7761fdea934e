"""frank-bench measures: its records can be read, every figure is there, every stamp was right, what
belongs together is held against each other. How large the figures are is not for a test to say: other
work runs beside it."""

import math
import os
import re
import shutil
import tempfile

import harness
from bench_support import (Bench, find, is_figure, measured, needed, opencl_devices, records,
                           rows_of)

DAEMON = [("daemon", "attempts_per_s", 1 << 20), ("cpu", "attempts_per_s", None),
          ("cpu", "compressions_per_s", None), ("daemon/cpu", "ratio", None)]
DAEMON += [("daemon", metric, factor) for metric in ("stamps_per_s", "p50_us", "p99_us")
           for factor in (1, 16)]
MEMORY = [("frankd", "resident_kib", None), ("frank-door", "resident_kib", None)]


def the_daemon_is_measured():
    needed()
    status, out, err, left = measured("--daemon", "--rounds", "1", "--json")
    assert status == 0, (status, out, err)
    assert err == "", err  # no terminal: no progress
    assert left == [], left
    machine, *rounds, final = records(out)
    assert machine["record"] == "machine" and machine["schema"] == 1, machine
    for key in ("cpu", "kernel", "date", "version", "compiler"):
        assert machine[key] and isinstance(machine[key], str), (key, machine)
    assert machine["cpu_devices"] >= 1 and machine["cores"] >= 1, machine
    assert len(rounds) == 1 and rounds[0]["record"] == "round", rounds
    assert final["record"] == "final" and final["rounds"] == 1, final
    assert final["comparable"] is False and final["doubts"], final  # one round says little
    assert final["queue_stamps_min"] > 0, final
    for subject, metric, factor in DAEMON:
        row = find(final, subject, metric, "ed25519", factor)
        assert is_figure(row["median"]) and row["samples"] == [row["median"]], row
        assert row["min"] == row["max"] == row["median"] and row["rounds"] == [1], row
        assert find(rounds[0], subject, metric, "ed25519", factor)["value"] == row["median"], row
    for subject, metric, factor in MEMORY:
        assert is_figure(find(final, subject, metric, "rsa2048", factor)["median"])
    # Each stamp per second was a stamp that was checked, and those of the warm-up come on top.
    stamps = [row["median"] for row in rows_of(final, metric="stamps_per_s")]
    assert final["stamps_checked"] >= final["queue_stamps_min"] + sum(stamps), final
    ratio = find(final, "daemon/cpu", "ratio", "ed25519")
    daemon = find(final, "daemon", "attempts_per_s", "ed25519", 1 << 20)
    cpu = find(final, "cpu", "attempts_per_s", "ed25519")
    assert ratio["variant"] == daemon["variant"] == cpu["variant"] != "", ratio
    assert math.isclose(ratio["median"], daemon["median"] / cpu["median"], rel_tol=1e-6), ratio
    for factor in (1, 16):
        p50, p99 = (find(final, "daemon", f"p{n}_us", "ed25519", factor) for n in (50, 99))
        assert p50["median"] <= p99["median"], (p50, p99)


def code_paths_are_forced_one_by_one():
    needed()
    status, out, err, _ = measured("--isa", "all", "--device", "cpu:0", "--shape", "rsa1024",
                                   "--rounds", "1", "--stamps", "0", "--json")
    assert status == 0, (status, out, err)
    final = records(out)[-1]
    rates = rows_of(final, metric="attempts_per_s")
    paths = [row["variant"] for row in rates]
    assert "portable" in paths and len(set(paths)) == len(paths), paths
    for row in rates:
        assert row["subject"] == row["device"] == "cpu:0" and row["shape"] == "rsa1024", row
        compressions = rows_of(final, metric="compressions_per_s", variant=row["variant"])[0]
        assert math.isclose(compressions["median"], 3 * row["median"], rel_tol=1e-6), row


def stamps_are_held_against_the_law():
    needed()
    status, out, err, left = measured("--device", "cpu", "--shape", "ed25519", "--rounds", "2",
                                      "--stamps", "25", "--factor", "1000", "--isa", "portable",
                                      "--json")
    assert (status, left) == (0, []), (status, out, err)
    final = records(out)[-1]
    # The daemon was told to take the code path that the engines took.
    assert {row["variant"] for row in final["rows"]} == {"portable"}, final["rows"]
    times, = final["stamp_times"]
    assert len(times["times_us"]) == 25 and times["factor"] == 1000, times
    assert final["stamps_checked"] >= 25, final
    rate = find(final, "cpu", "attempts_per_s", "ed25519")["median"]
    law = find(final, "stamp", "stamp_law_mean_us", "ed25519", 1000)["median"]
    p95 = find(final, "stamp", "stamp_law_p95_us", "ed25519", 1000)["median"]
    assert math.isclose(law, 1000 / rate * 1e6, rel_tol=1e-6), (law, rate)
    assert math.isclose(p95, law * -math.log(0.05), rel_tol=2e-3), (law, p95)
    mean = find(final, "stamp", "stamp_mean_us", "ed25519", 1000)["median"]
    assert math.isclose(mean, sum(times["times_us"]) / 25, rel_tol=1e-6), (mean, times)
    within = sorted(times["times_us"])[math.ceil(0.95 * 25) - 1]
    assert find(final, "stamp", "stamp_p95_us", "ed25519", 1000)["median"] == within, times


def peers_are_held_against_ours_or_left_out_by_name():
    needed()
    with tempfile.TemporaryDirectory() as empty:  # no hashcat on the PATH
        status, out, err, left = measured("--peers", "--shape", "rsa2048", "--rounds", "1",
                                          "--json", env={"PATH": empty})
        assert (status, left) == (0, []), (status, out, err, left)
        final = records(out)[-1]
        skip, = [skip for skip in final["skipped"] if skip["subject"] == "hashcat"]
        assert "hashcat" in skip["why"], skip
        peer = find(final, "openssl", "attempts_per_s", "rsa2048")
        assert peer["role"] == "peer" and "OpenSSL" in peer["note"], peer
        for ours in ("daemon", "cpu"):
            rate, = rows_of(final, subject=ours, metric="attempts_per_s", shape="rsa2048")
            ratio = find(final, ours + "/openssl", "ratio", "rsa2048")["median"]
            assert math.isclose(ratio, rate["median"] / peer["median"], rel_tol=1e-6), (ratio, rate)
        # The daemon alone, without what --daemon measures besides.
        assert rows_of(final, metric="stamps_per_s") == [], final


def opencl_is_measured_beside_the_cpu():
    needed()
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as path:
        names = opencl_devices()
        env = {"CACHE_DIRECTORY": cache, "PATH": path}  # no hashcat on the PATH
        if shutil.which("ld"):  # PoCL links what it compiles, and aborts where it cannot
            os.symlink(shutil.which("ld"), os.path.join(path, "ld"))
        status, out, err, left = measured("--device", "cpu", "--device", "opencl", "--peers",
                                          "--shape", "ed25519", "--rounds", "1", "--json", env=env)
        assert (status, left) == (0, []), (status, out, err, left)
        assert os.listdir(cache), "nothing was kept"
    machine, final = records(out)[0], records(out)[-1]
    told = {device["device"]: device for device in machine["devices"]}
    assert told.keys() == set(names), (told, names)
    assert all(device["model"] for device in told.values()), told
    rates = {row["device"] + " " + row["role"]: row
             for row in rows_of(final, metric="attempts_per_s") if "device" in row}
    cpu, opencl = rates["cpu engine"], rates["opencl engine"]
    # What was tuned first is what is measured, by itself and through the daemon.
    assert opencl["variant"] == rates["opencl daemon"]["variant"] != "", rates
    assert opencl["variant"] in {device["variant"] for device in told.values()}, (opencl, told)
    for subject, over, under in (("opencl/cpu", opencl, cpu),
                                 ("daemon/opencl", rates["opencl daemon"], opencl),
                                 ("daemon/cpu", rates["cpu daemon"], cpu)):
        ratio = find(final, subject, "ratio", "ed25519")
        assert ratio["device"] == over["device"] and ratio["variant"] == over["variant"], ratio
        assert math.isclose(ratio["median"], over["median"] / under["median"], rel_tol=1e-6), ratio
    peer = find(final, "openssl", "attempts_per_s", "ed25519")["median"]
    ratio, = rows_of(final, subject="daemon/openssl", metric="ratio", device="opencl")
    assert math.isclose(ratio["median"], rates["opencl daemon"]["median"] / peer, rel_tol=1e-6), ratio
    # What its units could do is not known, and no figure.
    limits = rows_of(final, metric="share_of_limit")
    assert {row["device"] for row in limits} <= {"cpu"}, limits
    skipped = {skip["subject"] for skip in final["skipped"]}
    assert "limit of opencl " + opencl["variant"] in skipped, final["skipped"]


def a_code_path_is_for_the_engine_that_knows_it():
    needed()
    name = opencl_devices()[0]
    one = ["--shape", "ed25519", "--rounds", "1", "--stamps", "0", "--json"]
    status, out, err, _ = measured("--device", "cpu:0", "--device", name, "--isa", "portable",
                                   "--isa", "uint1x1", "--isa", "uint2x1", *one)
    assert status == 0, (status, out, err)
    found = {(row["device"], row["variant"])
             for row in rows_of(records(out)[-1], metric="attempts_per_s")}
    assert found == {("cpu:0", "portable"), (name, "uint1x1"), (name, "uint2x1")}, found
    for isa, words in (("uint3x1", ("uint3x1", "uint16x2")), ("all", ("no CPU device",)),
                       ("portable", ("no CPU device",)), ("mmx", ("mmx", "uint1x1"))):
        status, out, err, _ = Bench("--device", name, "--isa", isa, *one).end()
        message = records(out)[-1]["message"]
        assert status == 64 and all(word in message for word in words), (isa, status, message)


def a_simulation_is_marked_and_counted():
    needed()
    status, out, err, _ = measured("--device", "faulty:simulated", "--clock-mhz", "200", "--shape",
                                   "ed25519", "--shape", "rsa4096", "--rounds", "1", "--json")
    assert status == 0, (status, out, err)
    final = records(out)[-1]
    assert final["rows"] and all(row["simulated"] for row in final["rows"]), final
    for shape, blocks in (("ed25519", 2), ("rsa4096", 11)):
        # The device counts 64 cycles for each compression.
        share = find(final, "faulty:simulated", "attempts_per_cycle", shape)["median"]
        assert math.isclose(share, 1 / (64 * blocks), rel_tol=1e-6), (shape, share)
        projected = find(final, "faulty:simulated", "projected_attempts_per_s", shape)["median"]
        assert math.isclose(projected, 200e6 / (64 * blocks), rel_tol=1e-6), (shape, projected)
    skipped = {skip["subject"] for skip in final["skipped"]}
    assert "time to a stamp of faulty:simulated" in skipped, final["skipped"]
    status, out, _, _ = measured("--device", "faulty:simulated", "--shape", "ed25519", "--rounds",
                                 "1", "--clock-mhz", "200", "--stamps", "0")
    assert status == 0 and "SIMULATED" in out and "PROJECTED, not measured" in out, out


def the_table_names_what_was_measured():
    needed()
    status, out, err, left = measured("--daemon", "--rounds", "1", "--shape", "rsa1024")
    assert (status, err, left) == (0, "", []), (status, out, err, left)
    assert re.search(r"\b1 of \d+ s\b", out), out
    for text in ("RSA-1024", "code path", "daemon/cpu", "factor 16, stamps/s",
                 "resident, 10,000 queued", "stamps were checked, all are right",
                 "Not for comparing"):
        assert text in out, (text, out)


if __name__ == "__main__":
    harness.run(the_daemon_is_measured, code_paths_are_forced_one_by_one,
                stamps_are_held_against_the_law, peers_are_held_against_ours_or_left_out_by_name,
                opencl_is_measured_beside_the_cpu, a_code_path_is_for_the_engine_that_knows_it,
                a_simulation_is_marked_and_counted,
                the_table_names_what_was_measured)
