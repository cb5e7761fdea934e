"""Where devices sit and which are used: affinity masks, and a core with two hardware threads.

Where the machine has no such core, hwloc is told that two of its CPUs are one (HWLOC_SYNTHETIC with
HWLOC_THISSYSTEM=1): binding and measuring are then as real as ever.
"""

import json
import os
import re

from cli_support import frank, run
from harness import Frankd, Skip, wait_until


def devices(*args, cpus=None, **env):
    """The devices and the final record of `frank devices --json`, bound to `cpus` where given."""
    have = os.sched_getaffinity(0)
    try:
        if cpus is not None:
            os.sched_setaffinity(0, cpus)
        done = frank("devices", "--json", *args, env=env)
    finally:
        os.sched_setaffinity(0, have)
    assert done.returncode == 0, done
    *found, final = [json.loads(line) for line in done.stdout.splitlines()]
    return found, final


def two_cpus():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise Skip("this process may use one CPU only")
    return cpus[:2]


def one_core_of_two_threads():
    """The environment in which two of our CPUs are the threads of one core."""
    first, second = two_cpus()
    return {"HWLOC_SYNTHETIC": f"[numa] core:1 pu:2(indexes={first},{second})",
            "HWLOC_THISSYSTEM": "1"}


def only_cpus_of_the_affinity_mask_are_devices():
    found, _ = devices()
    places = [device["place"] for device in found]
    assert len(set(places)) == len(places), places
    seen = set()
    for cpu in sorted(os.sched_getaffinity(0)):
        one, _ = devices(cpus={cpu})
        assert [device["device"] for device in one] == ["cpu:0"], (cpu, one)
        assert re.fullmatch(r"(package \d+ )?(core|thread) \d+", one[0]["place"]), one
        seen.add(one[0]["place"])
    assert seen >= set(places), (seen, places)


def table_shows_places_and_fits_a_terminal():
    lines = frank("devices").stdout.decode().splitlines()
    found, _ = devices()
    column = lines[0].index("PLACE")
    for line, device in zip(lines[1:], found):
        assert line[column:].startswith(device["place"]), (line, device)
        assert len(line) <= 80, line


def second_thread_is_used_only_where_measured_better():
    env = one_core_of_two_threads()
    second = two_cpus()[1]
    found, final = devices(**env)
    names = [device["device"] for device in found]
    notes = [note for note in final["notes"] if "second threads" in note]
    assert len(notes) == 1 and "from cpu:1 on" in notes[0], final
    times = re.search(r"with both a core does (\d+\.\d+) times", notes[0])
    if "not used" in notes[0]:
        assert names == ["cpu:0"], (names, notes)
        assert times is None or float(times[1]) <= 1.055, notes
        assert "could not be measured" in notes[0] or times, notes
    else:
        assert names == ["cpu:0", "cpu:1"] and float(times[1]) >= 1.045, (names, notes)
        assert found[1]["place"] == f"core 0 thread {second}", found
    assert found[0]["place"] == "core 0", found
    # The same for an engine's name, which must not name what would slow it down.
    by_engine, final = devices("--device", "cpu", **env)
    used = 1 if any("not used" in note for note in final["notes"]) else 2
    assert len(by_engine) == used, (by_engine, final)
    # Listed or not, it opens by its own name.
    named, _ = devices("--device", "cpu:1", **env)
    assert [device["device"] for device in named] == ["cpu:1"], named
    assert named[0]["place"] == f"core 0 thread {second}", named
    assert frank("devices", "--device", "cpu:2", env=env).returncode == 3


def core_with_one_usable_thread_has_no_second():
    env = one_core_of_two_threads()
    for cpu in two_cpus():
        found, final = devices(cpus={cpu}, **env)
        assert [device["place"] for device in found] == ["core 0"], found
        # (A driver of OpenCL may not like the topology that this test makes up.)
        assert [note for note in final["notes"] if not note.startswith(("opencl", "fpga"))] == [], final


def workers_sit_where_their_devices_are():
    """A core's worker may use the whole core, a second thread's worker that thread alone."""
    env = one_core_of_two_threads()
    first, second = two_cpus()
    kept = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        for name, cpus in (("cpu:0", {first, second}), ("cpu:1", {second})):
            with Frankd(["--factor", "1000", "--device", name]) as frankd:
                workers = frankd.children("frank-worker")
                assert len(workers) == 1, workers
                wait_until("bound", lambda: os.sched_getaffinity(workers[0]) == cpus)
                wait_until("told", lambda: any("event=devices-limited" in line and
                                               "second threads" in line for line in frankd.lines))
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if __name__ == "__main__":
    run(only_cpus_of_the_affinity_mask_are_devices, table_shows_places_and_fits_a_terminal,
        second_thread_is_used_only_where_measured_better,
        core_with_one_usable_thread_has_no_second, workers_sit_where_their_devices_are)
