"""OpenCL drivers that are sound, odd, broken, hung or missing: what frank and frankd make of them.

The driver is the one of tests/opencl/fake: the kernel as plain C, behind the real ICD loader, which
does wrong what FRANK_FAKE_CL asks for (fake/faults.h). Everything else is real.
"""

import atexit
import base64
import contextlib
import hashlib
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest.mock

from cli_support import check_header, frank, program, records, run, tested
from daemon_support import check_answer, collect, devices, no_zombie_stays, patience, status
from harness import Frankd, cpu_seconds, random_b, wait_until

FAKE = os.environ["FRANK_FAKE_OPENCL"]
B = base64.b64encode(bytes(range(64))).decode()
GPU = "opencl:0.0"
# More launches than opening a tuned device takes, self-test and rate: from here on it is at work.
AT_WORK = 400


# Where devices that open are tuned once for all tests; those that must not be have none.
SHARED = tempfile.mkdtemp(prefix="frank-")
atexit.register(shutil.rmtree, SHARED, ignore_errors=True)


def env_of(faults="", cache="", **more):
    # The signal of a crash that was asked for is no finding of a sanitizer.
    asan = os.environ.get("ASAN_OPTIONS", "") + (":handle_segv=0" if "crash" in faults else "")
    return {"OCL_ICD_VENDORS": FAKE, "FRANK_FAKE_CL": faults, "CACHE_DIRECTORY": cache,
            "XDG_CACHE_HOME": "", "HOME": "", "ASAN_OPTIONS": asan, **more}


def listed(done):
    """What `frank devices --json` says: {name: record}, notes."""
    told = records(done)
    found = {record["device"]: record for record in told if "device" in record}
    return found, told[-1].get("notes", [])


def listing(faults="", *args, cache=SHARED, status_wanted=0, **more):
    """`frank devices --json ARGS`: ({name: record}, notes, what it said on standard error)."""
    done = frank("devices", "--json", *args, env=env_of(faults, cache, **more), timeout_s=300)
    assert done.returncode == status_wanted, (faults, done)
    return *listed(done), done.stderr


def gpu_tested(faults=""):
    """What `frank devices --test` says of the GPU, which passes."""
    done = tested("--device", "opencl", env=env_of(faults, SHARED), timeout_s=300)
    assert done.returncode == 0, (faults, done)
    test = listed(done)[0][GPU]["test"]
    assert test["passed"] is True, (faults, test)
    return test


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="frank-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def own_cpu_time(pid, seconds=2):
    """CPU time of the first thread of a process while so many seconds go by, and these, measured."""
    before_s, start = cpu_seconds(f"{pid}/task/{pid}"), time.monotonic()
    time.sleep(seconds)
    return cpu_seconds(f"{pid}/task/{pid}") - before_s, time.monotonic() - start


# ---- sound devices ----

def gpu_is_used_unnamed_and_a_cpu_device_only_named():
    found, _, _ = listing()
    assert found[GPU]["state"] == "ready" and found[GPU]["self_test"] == "passed", found
    assert found[GPU]["model"].startswith("Fake GPU ("), found[GPU]
    assert re.fullmatch(r"uint\d+x[12]", found[GPU]["variant"]), found[GPU]
    assert "cpu:0" in found, found
    found, notes, _ = listing("cpu")
    assert GPU not in found and f"{GPU}: there, but not named" in notes, (found, notes)
    found, _, _ = listing("cpu", "--device", "opencl")
    assert list(found) == [GPU] and found[GPU]["place"] == "all cores", found


def gpu_searches_and_every_stamp_is_right():
    gpu_tested()
    for shape in ("uint1x1", "uint4x1"):
        done = frank("mint", "--b", B, "--bits", "16", "--deadline", "600s", "--device", GPU,
                     "--isa", shape, env=env_of(cache=SHARED), timeout_s=700)
        assert done.returncode == 0, done
        check_header(done.stdout[:-1], "rsa-sha256", B, 1 << 16)


def place_is_that_of_the_pci_device():
    try:
        address = sorted(os.listdir("/sys/bus/pci/devices"))[0]
    except (OSError, IndexError):
        print("      skipped: this machine shows no PCI device")
        return
    found, _, _ = listing(f"pci={address}", "--device", "opencl")
    assert found[GPU]["place"].endswith(f"pci {address}"), found
    # One that is not there is a place unknown, no reason to leave the device out.
    found, _, _ = listing("pci=ffff:ff:1f.7", "--device", "opencl")
    assert found[GPU]["state"] == "ready" and found[GPU]["place"] == "", found
    # One address told by two drivers is one device, used once; one driver means two of them.
    found, notes, _ = listing(f"many-devices=2,pci={address}")
    assert {GPU, "opencl:0.1"} <= set(found), (found, notes)
    with folder() as path:
        for name in ("one", "two"):
            library = shutil.copy(os.path.join(FAKE, "libfrank_fake_opencl.so"),
                                  os.path.join(path, f"{name}.so"))
            with open(os.path.join(path, f"{name}.icd"), "w", encoding="ascii") as file:
                file.write(library + "\n")
        found, notes, _ = listing(f"pci={address}", OCL_ICD_VENDORS=path)
        assert GPU in found and "opencl:1.0" not in found, (found, notes)
        assert any("opencl:1.0 is opencl:0.0 again" in note for note in notes), notes


def odd_answers_are_borne():
    found, _, _ = listing("long-name", "--device", "opencl")
    model = found[GPU]["model"]
    assert found[GPU]["state"] == "ready" and len(model) < 96 and model.isprintable(), found
    # (Devices of type CPU are tuned faster.)
    found, notes, _ = listing("cpu,many-devices=70", "--device", "opencl:0.63")
    assert list(found) == ["opencl:0.63"], found
    assert any("6 more are not looked at" in note for note in notes), notes
    found, _, _ = listing("cpu,many-devices=3", "--device", "opencl")
    assert {f"opencl:0.{i}" for i in range(3)} <= set(found), found
    rates = {}
    for faults in ("", "no-callback", "callback-fails"):
        rates[faults or "sound"] = round(gpu_tested(faults)["rsa4096"])
    print(f"      attempts per second, RSA-4096: {rates}")


# ---- what is missing or unfit ----

def what_is_missing_is_named_and_the_cpu_goes_on():
    with folder() as path:
        with open(os.path.join(path, "libOpenCL.so.1"), "w", encoding="ascii"):
            pass
        no_driver = os.path.join(path, "vendors")
        os.mkdir(no_driver)
        for faults, more, told in (
                ("", {"LD_LIBRARY_PATH": path}, "libOpenCL.so.1 cannot be loaded"),
                ("", {"OCL_ICD_VENDORS": no_driver}, "no OpenCL platform"),
                ("none-platform", {}, "no OpenCL platform"),
                ("no-device", {}, "no OpenCL device on 1 platform"),
                ("old", {}, f"{GPU} (Fake GPU) is left out: it is older than OpenCL 1.2"),
                ("no-compiler", {}, f"{GPU} (Fake GPU) is left out: its driver has no compiler"),
                ("unavailable", {}, f"{GPU} (Fake GPU) is left out: its driver says"),
                ("probe-crash", {}, "looking for its devices ended early")):
            found, notes, _ = listing(faults, **more)
            assert "cpu:0" in found and GPU not in found, (faults, found)
            assert any(note.startswith("opencl: ") and told in note for note in notes), \
                (faults, notes)
            done = frank("mint", "--b", B, "--device", "opencl", env=env_of(faults, **more),
                         timeout_s=120)
            assert done.returncode == 3 and "no device opencl here; there is: cpu:0" in \
                done.stderr, (faults, done)


def only_a_worker_of_an_opencl_device_has_the_library():
    for name in ("frank", "frankd", "frank-worker", "frank-door", "frank-web"):
        needed = subprocess.run(["readelf", "-d", program(name)], capture_output=True, text=True,
                                check=True).stdout
        assert "OpenCL" not in needed, (name, needed)
    with unittest.mock.patch.dict(os.environ, env_of()), \
            Frankd(["--device", "cpu:0", "--device", GPU]) as frankd:
        holders = {}
        for name, device in devices(frankd).items():
            with open(f"/proc/{device['pid']}/maps", encoding="ascii") as file:
                holders[name] = "libOpenCL" in file.read()
        assert holders == {"cpu:0": False, GPU: True}, holders
        for pid in [frankd.pid, *frankd.children("frank-door")]:
            with open(f"/proc/{pid}/maps", encoding="ascii") as file:
                assert "libOpenCL" not in file.read(), pid


def device_that_does_not_open_is_left_out_with_its_reason():
    for faults, told in (
            ("build", r"the kernel does not build: .*error"),
            ("build-crash", r"died"),
            ("nomem", r"no memory on the device \(CL_MEM_OBJECT_ALLOCATION_FAILURE\)"),
            ("nomem-launch", r"the device failed.*: CL_OUT_OF_RESOURCES"),
            ("fail-event", r"the device failed.*: CL_OUT_OF_RESOURCES"),
            ("crash", r"died"),
            ("abort", r"died"),
            ("wrong", r"self-test"),
            ("miss", r"self-test")):
        found, _, _ = listing(faults, "--device", GPU, "--device", "cpu:0", cache="")
        assert found["cpu:0"]["state"] == "ready", found
        assert found[GPU]["state"] in ("paused", "starting"), (faults, found)
        assert found[GPU]["numa_node"] is None, found
        why = found[GPU]["why"]
        assert re.search(told, why) and why.isprintable(), (faults, why)
        done = frank("mint", "--b", B, "--factor", "1000", "--deadline", "600s", "--device", GPU,
                     "--device", "cpu:0", env=env_of(faults), timeout_s=700)
        assert done.returncode == 0, (faults, done)
        check_header(done.stdout[:-1], "rsa-sha256", B, 1000)


# ---- what is kept ----

def kept_file(path):
    names = os.listdir(path)
    assert len(names) == 1 and re.fullmatch(r"opencl-[0-9a-f]{16}", names[0]), names
    return os.path.join(path, names[0])


def tuned_kernel_is_kept_for_this_device_and_driver():
    def open_it(*args, faults="", cache=None):
        # One of type CPU, which is tuned faster.
        found, _, said = listing(f"cpu,{faults}".rstrip(","), "--device", GPU, *args,
                                 cache=cache or path)
        assert found[GPU]["state"] == "ready", found
        return found[GPU]["variant"], said

    def is_remade(*args, faults=""):
        before = os.stat(kept_file(path)).st_ino
        open_it(*args, faults=faults)
        return os.stat(kept_file(path)).st_ino != before

    with folder() as path:
        variant, said = open_it()
        assert said == "", said
        assert not is_remade()
        assert open_it()[0] == variant
        # Measured again: asked for, with another driver, with a binary that no longer builds, and
        # where the file was damaged. A driver that is back has lost its own.
        assert is_remade("--tune")
        assert is_remade(faults="driver=2.0") and not is_remade(faults="driver=2.0")
        assert is_remade()
        assert is_remade(faults="stale-binary")
        with open(kept_file(path), "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        assert is_remade() and not is_remade()
        # So it is where what was kept fails the self-test: here, since the work items of its binary
        # have fewer counters than it says.
        with open(kept_file(path), "rb") as file:
            whole = file.read()
        data = whole[80:88] + struct.pack("=I", 65536) + whole[92:]
        with open(kept_file(path), "wb") as file:
            file.write(whole[:48] + hashlib.sha256(data).digest() + data)
        assert is_remade() and not is_remade()
        # A forced shape neither reads nor writes it.
        assert not is_remade("--isa", "uint2x1")
        # Where nothing can be kept, that is a remark.
        file = os.path.join(path, "file")
        shutil.copy(kept_file(path), file)
        _, said = open_it(cache=file)
        assert "cannot be used" in said, said


# ---- at work ----


def config(open_limit_s=10):
    """A hanging driver is ended soon, but no device that only waits for its turn, or stands still
    with the machine."""
    return f"""
grace = 200ms
slice = 20ms
stall_floor = 150ms
kill_floor = {patience(5)}s
open_limit = {patience(open_limit_s)}s
worker_nice = 0
"""


def work(client, count=24):
    """Has `count` jobs done, all in flight at once; every answer is checked. Returns the devices
    that found them."""
    jobs = {client.send("mint", {"b": b, "factor": 20000, "deadline_ms": 600000}): b
            for b in (random_b(344) for _ in range(count))}
    names = set()
    for name, (ok, reply) in collect(client, jobs, 300).items():
        assert ok, reply
        check_answer(reply, jobs[name], factor=20000)
        names.add(reply["device"])
    return names


def driver_that_goes_wrong_costs_its_own_worker_alone():
    """Each while it is at work: no wrong answer, none lost, the CPU goes on, the status tells."""
    listing("", "--device", GPU)  # tunes it
    for faults, lies, told in (
            (f"hang@{AT_WORK}", False, r"hung"),
            (f"crash@{AT_WORK}", False, r"died"),
            (f"abort@{AT_WORK}", False, r"died"),
            (f"wrong@{AT_WORK}", True, r"wrong result"),
            (f"miss@{AT_WORK}", True, r"wrong result"),
            (f"nomem-launch@{AT_WORK}", False, r"failed in a search: CL_OUT_OF_RESOURCES"),
            (f"fail-event@{AT_WORK}", False, r"failed in a search: CL_OUT_OF_RESOURCES"),
            ("build-hang", False, r"did not open in time"),
            ("build-crash", False, r"died")):
        cache = SHARED if str(AT_WORK) in faults else ""
        with unittest.mock.patch.dict(os.environ, env_of(faults, cache)), \
                Frankd(["--device", "cpu:0", "--device", GPU], config=config()) as frankd:
            until = time.monotonic() + 300
            done = 0
            with frankd.client() as client:
                while devices(frankd)[GPU]["restarts"] < 1:
                    work(client)
                    done += 24
                    assert time.monotonic() < until, (faults, devices(frankd)[GPU])
            now = status(frankd)
            gpu = devices(frankd)[GPU]
            sound = devices(frankd)["cpu:0"]
            assert re.search(told, frankd.log(500)), (faults, frankd.log(500))
            assert (gpu["wrong_hits"] > 0) == lies, (faults, gpu)
            assert sound["state"] == "ready" and sound["wrong_hits"] == 0, (faults, sound)
            assert now["totals"]["met"] == done, (faults, now["totals"])
            no_zombie_stays(frankd.pid)
            frankd.signal(signal.SIGTERM)
            assert frankd.wait_end(patience(60)) == 0, faults
            print(f"      {faults}: {done} right answers, {gpu['restarts']} restarts")


def probe_that_hangs_holds_nobody_up():
    """Stamps are made while the driver is still being asked for its devices: before frankd gives
    that up. (A machine that stands still can be later than that.)"""
    for _ in range(5):
        with unittest.mock.patch.dict(os.environ, env_of("probe-hang")), \
                Frankd(["--factor", "1000"], wait=False) as frankd:
            def answers():
                with frankd.client() as client:
                    ok, _ = client.mint(B, timeout_s=patience(10))
                return ok
            wait_until("a stamp", answers, patience(10))
            if "took too long" not in frankd.log(500):
                assert GPU not in devices(frankd), devices(frankd)
                return
    raise AssertionError("no stamp before the driver was given up")


def waiting_for_the_device_takes_no_cpu_time():
    """Of the worker's own thread; what the fake driver computes in its thread does not count. A
    worker that waited spinning would take a whole core."""
    listing("", "--device", GPU)  # tunes it
    for faults in ("slow=20", "slow=20,no-callback"):
        with unittest.mock.patch.dict(os.environ, env_of(faults, SHARED)), \
                Frankd(["--device", GPU], config=config(30)) as frankd:
            pid = devices(frankd)[GPU]["pid"]
            idle_s, _ = own_cpu_time(pid)
            with frankd.client() as client:
                for _ in range(4):
                    client.send("mint", {"b": random_b(344), "factor": 2**40,
                                         "deadline_ms": 600000})
                wait_until("it works", lambda: devices(frankd)[GPU]["attempts"] > 10000,
                           patience(30))
                busy_s, wall_s = own_cpu_time(pid)
        print(f"      {faults}: idle {idle_s:.2f} s, busy {busy_s:.2f} s of {wall_s:.1f} s")
        assert idle_s <= 0.05, f"{faults}: idle, it took {idle_s:.2f} s of CPU time"
        assert busy_s < 0.1 * wall_s, f"{faults}: busy, it took {busy_s:.2f} s of {wall_s:.1f}"


if __name__ == "__main__":
    run(gpu_is_used_unnamed_and_a_cpu_device_only_named, gpu_searches_and_every_stamp_is_right,
        place_is_that_of_the_pci_device, odd_answers_are_borne,
        what_is_missing_is_named_and_the_cpu_goes_on,
        only_a_worker_of_an_opencl_device_has_the_library,
        device_that_does_not_open_is_left_out_with_its_reason,
        tuned_kernel_is_kept_for_this_device_and_driver,
        driver_that_goes_wrong_costs_its_own_worker_alone, probe_that_hangs_holds_nobody_up,
        waiting_for_the_device_takes_no_cpu_time)
