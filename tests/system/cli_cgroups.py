"""Devices in control groups: a cpuset takes cores away, a CPU quota says how many are used."""

import json
import os
import subprocess
import tempfile

from cli_support import frank, run
from harness import Skip, program, wait_until


def devices(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180,
                          check=False, text=True)
    assert done.returncode == 0, done
    *found, final = [json.loads(line) for line in done.stdout.splitlines()]
    return [device["device"] for device in found], [device["place"] for device in found], final


def own_group():
    """The folder of this process's control group that has a cpuset, of version 1 or 2."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        groups = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in groups:
        if "cpuset" in controllers.split(","):
            return f"/sys/fs/cgroup/{controllers}{path}"
    for number, _, path in groups:
        if number == "0":
            return f"/sys/fs/cgroup{path}"
    raise Skip("no control group with a cpuset")


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def read_first(folder, *names):
    for name in names:
        try:
            with open(os.path.join(folder, name), encoding="ascii") as file:
                return file.read().strip()
        except OSError:
            continue
    raise Skip(f"{folder} has none of {', '.join(names)}")


def is_removed(group):
    """Removes a group; False while a worker that was killed is still in it."""
    try:
        os.rmdir(group)
    except OSError:
        return False
    return True


def cores_that_a_cpuset_takes_away_are_no_devices():
    everywhere, places, _ = devices([program("frank"), "devices", "--json"])
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2 or len(everywhere) < 2:
        raise Skip("this process may use one CPU only")
    parent = own_group()
    group = os.path.join(parent, f"frank-test-{os.getpid()}")
    try:
        os.mkdir(group)
    except OSError as refused:
        raise Skip(f"no control group can be made: {refused}") from refused
    try:
        if not os.path.exists(os.path.join(group, "cpuset.cpus")):
            raise Skip(f"{parent} hands no cpuset on to its groups")
        put(os.path.join(group, "cpuset.mems"),
            read_first(parent, "cpuset.mems.effective", "cpuset.effective_mems"))
        put(os.path.join(group, "cpuset.cpus"), str(cpus[-1]))
        # The shell moves itself and becomes frank.
        names, there, _ = devices(["sh", "-c", 'echo $$ > "$0" && exec "$1" devices --json',
                                   os.path.join(group, "cgroup.procs"), program("frank")])
        assert names == ["cpu:0"] and there[0] in places, (names, there, places)
        assert there != places[:1], (there, places)
    finally:
        wait_until("the group is empty", lambda: is_removed(group))


def with_quota(text, *args):
    """`frank devices` where the root group's cpu.max says `text`, in a mount namespace of its own."""
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        put(os.path.join(folder, "cpu.max"), text)
        inside = 'mount --bind "$0" /sys/fs/cgroup'
        tried = subprocess.run(["unshare", "-rm", "sh", "-c", inside, folder], check=False,
                               stderr=subprocess.PIPE, timeout=180, text=True)
        if tried.returncode != 0:
            raise Skip(f"no mount namespace can be made: {tried.stderr.strip()}")
        return devices(["unshare", "-rm", "sh", "-c", f'{inside} && exec "$@"', folder,
                        program("frank"), "devices", "--json", *args])


def quota_limits_the_devices_and_says_so():
    everywhere, _, before = devices([program("frank"), "devices", "--json"])
    assert not any("quota" in note for note in before["notes"]) or len(everywhere) == 1, before
    if len(everywhere) < 2:
        raise Skip("one device only: there is nothing to limit")
    for text in ("50000 100000\n", "100000 100000\n"):
        names, _, final = with_quota(text)
        assert names == ["cpu:0"], (text, names)
        assert any("quota allows no more" in note for note in final["notes"]), final
    names, _, final = with_quota("max 100000\n")
    assert names == everywhere, final
    # An engine's name does not pass the quota by; a device's own name does.
    assert with_quota("100000 100000\n", "--device", "cpu")[0] == ["cpu:0"]
    assert with_quota("100000 100000\n", "--device", "cpu:1")[0] == ["cpu:1"]


if __name__ == "__main__":
    assert frank("--version").returncode == 0
    run(cores_that_a_cpuset_takes_away_are_no_devices, quota_limits_the_devices_and_says_so)
