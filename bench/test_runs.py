"""frank-bench --daemon measures: its records can be read, every figure is there, every stamp was
right. How large the figures are is not for a test to say: other work runs beside it."""

import math

import harness
from bench_support import Bench, needed, records

METRICS = ["bare_hps", "daemon_hps", "ratio", "factor1_stamps_per_s", "factor1_p50_us",
           "factor1_p99_us", "factor16_stamps_per_s", "factor16_p50_us", "factor16_p99_us",
           "frankd_rss_kib", "door_rss_kib"]


def is_figure(value):
    return isinstance(value, (int, float)) and math.isfinite(value) and value > 0


def json_records_are_complete():
    needed()
    status, out, err, left = Bench("--daemon", "--seconds", "1", "--rounds", "1", "--json").end()
    assert status == 0, (status, out, err)
    assert err == "", err  # no terminal: no progress
    assert left == [], left
    machine, *rounds, final = records(out)
    assert machine["record"] == "machine", machine
    for key in ("cpu", "kernel", "variant", "date", "version", "compiler"):
        assert machine[key] and isinstance(machine[key], str), (key, machine)
    assert machine["devices"] >= 1 and machine["blocks"] == 2 and machine["b_bytes"] == 88, machine
    assert len(rounds) == 1 and rounds[0]["record"] == "round", rounds
    one = rounds[0]
    assert one["shape"] == "ed25519" and one["queue_stamps"] > 0, one
    for name in METRICS:
        assert is_figure(one[name]), (name, one)
    # Each stamp per second was a stamp that was checked, and those of the warm-up come on top.
    counted = (one["queue_stamps"] + one["factor1_stamps_per_s"] + one["factor16_stamps_per_s"])
    assert one["stamps_checked"] >= counted, one
    assert math.isclose(one["ratio"], one["daemon_hps"] / one["bare_hps"], rel_tol=1e-3), one
    for part in ("factor1", "factor16"):
        assert one[part + "_p50_us"] <= one[part + "_p99_us"], one
    assert final["record"] == "final" and final["rounds"] == 1, final
    assert final["stamps_checked"] == one["stamps_checked"], final
    assert final["comparable"] is False, final  # one round says nothing about the spread
    assert sorted(final["metrics"]) == sorted(METRICS), final
    for name in METRICS:
        figure = final["metrics"][name]
        assert figure["median"] == figure["min"] == figure["max"] == one[name], (name, figure)


def the_table_names_what_was_measured():
    needed()
    status, out, err, left = Bench("--daemon", "--seconds", "1", "--rounds", "2",
                                   "--shape", "rsa1024").end()
    assert (status, err, left) == (0, "", []), (status, out, err, left)
    for text in ("RSA-1024: b of 172 characters, 3 compressions", "2 rounds of 1 s", "bare engines",
                 "daemon / bare", "factor 16", "10,000 queued", "stamps were checked, all are right",
                 "Not for comparing"):
        assert text in out, (text, out)


if __name__ == "__main__":
    harness.run(json_records_are_complete, the_table_names_what_was_measured)
