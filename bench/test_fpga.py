"""The FPGA core as frank-bench measures it: simulated cycles are counted, not timed, so this is the
same on any machine, however busy.
"""

import math

from bench_support import Bench, find, measured, records
from harness import Skip, run

BAR = 0.98  # attempts per cycle against U/(64 N); the rest is filling the ring and loading jobs
SHAPES = {"ed25519": 2, "rsa1024": 3, "rsa2048": 6, "rsa4096": 11}
UNROLLS = (1, 8, 64)


def bench(*args):
    """Runs frank-bench on the simulated core, without stamps; its final record."""
    status, out, err, left = measured("--device", "fpga", "--stamps", "0", "--rounds", "1",
                                      "--json", *args)
    last = records(out)[-1]
    if status == 64 and ("there is no" in last["message"] or "not in this build" in last["message"]):
        raise Skip(last["message"])
    assert (status, left) == (0, []), (status, out, err, left)
    return last


def a_core_examines_nearly_as_many_as_its_rounds_allow():
    unrolls = [word for unroll in UNROLLS for word in ("--fpga-unroll", str(unroll))]
    final = bench("--clock-mhz", "65", *unrolls)
    assert all(row["simulated"] for row in final["rows"]), final["rows"]
    worst = 1.0
    for unroll in UNROLLS:
        for shape, blocks in SHAPES.items():
            rows = [row for row in final["rows"] if row["variant"] == f"u{unroll}"]
            of = {"rows": rows}
            per_cycle = find(of, "fpga", "attempts_per_cycle", shape)["median"]
            share = find(of, "fpga", "share_of_cycles", shape)["median"]
            projected = find(of, "fpga", "projected_attempts_per_s", shape)["median"]
            ideal = unroll / (64 * blocks)
            assert math.isclose(share, per_cycle / ideal, rel_tol=1e-6), (unroll, shape, share)
            assert math.isclose(projected, per_cycle * 65e6, rel_tol=1e-6), (unroll, projected)
            assert BAR <= share <= 1, f"U={unroll}, {shape}: {share:.4f} of U/(64 N)"
            worst = min(worst, share)
    print(f"      {len(UNROLLS) * len(SHAPES)} shares of U/(64 N), the lowest {worst:.4f}")


def a_number_that_is_no_core_is_refused():
    bench("--shape", "ed25519")  # the core is there at all
    for args, word in ((("--fpga-unroll", "3"), "--fpga-unroll"), (("--isa", "u3"), "u3"),
                       (("--device", "fpga:1"), "fpga:1"),
                       (("--device", "fpga:tcp:host"), "HOST:PORT")):
        status, out, _, _ = Bench("--device", "fpga", "--stamps", "0", "--seconds", "1", "--rounds",
                                  "1", "--json", *args).end()
        message = records(out)[-1]["message"]
        assert status == 64 and word in message, (args, status, message)
    status, out, _, _ = Bench("--device", "cpu:0", "--fpga-unroll", "8", "--stamps", "0", "--seconds",
                              "1", "--rounds", "1", "--json").end()
    message = records(out)[-1]["message"]
    assert status == 64, (status, message)
    assert "--fpga-unroll 8" in message and "no FPGA device is measured" in message, message


if __name__ == "__main__":
    run(a_core_examines_nearly_as_many_as_its_rounds_allow, a_number_that_is_no_core_is_refused)
