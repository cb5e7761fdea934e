"""Devices that lie, hang, die, crawl or never open, beside one that is sound: no wrong answer, no
lost answer, the status tells what is wrong, and SIGTERM always ends the daemon.

The devices are real workers with the engine for tests, host/engine/test/test_engines.h.
"""

import os
import re
import signal
import tempfile
import time
import unittest.mock

from daemon_support import (HOPELESS, LET_HOPELESS, check_answer, collect, devices, in_threads,
                            jobs_of_all_shapes, no_zombie_stays, patience, rate_hps, request,
                            status, waiting)
from harness import Frankd, is_running, measured_until, random_b, run, wait_until


def config(open_limit_s=120):
    """Sick devices are ended soon, but none that only waits for its turn on a busy machine. The
    limit for opening is for devices that never open: others need it, too."""
    return f"""
slice = 20ms
stall_floor = 150ms
kill_floor = 1600ms
open_limit = {open_limit_s}s
worker_nice = 0
"""


def open_limit_s(name):
    return patience(3) if name == "faulty:open" else 120


BATCH = 24
GRACE_S = 1.0

# What the status must come to say of a device while jobs run: wrong hits, quarantine, and the
# reason. The others must stay ready.
LIARS = {
    "faulty:wrong": (True, r"wrong result"),
    "faulty:attempts": (True, r"wrong result"),
    "faulty:caught": (True, r"failed in a search"),
    "null:0": (True, r"wrong result"),  # it claims attempts and never finds anything
    "faulty:die": (False, r"died"),
    "faulty:hang": (False, r"hung"),
    "faulty:selftest": (False, r"known answer|self-test|selftest"),
    "faulty:open": (False, r"did not open in time"),
}


def work(client, factor, count=BATCH):
    """Has `count` jobs done, all in flight at once; every answer is checked."""
    jobs = jobs_of_all_shapes(count)
    ids = {client.send("mint", request(b, alg, factor=factor, deadline_ms=600000)): (b, alg)
           for b, alg in jobs}
    for name, (ok, reply) in collect(client, ids, patience(60)).items():
        b, alg = ids[name]
        assert ok, reply
        check_answer(reply, b, factor=factor, alg=alg)
    return count


def work_until(frankd, what, condition, factor, limit_s=120.0):
    """Keeps the devices busy until condition(status) holds: the jobs done, and that status."""
    done = 0
    until = time.monotonic() + patience(limit_s)
    with frankd.client() as client:
        while True:
            done += work(client, factor)
            now = status(frankd)
            if condition(now):
                return done, now
            assert time.monotonic() < until, \
                f"not within {limit_s} s of work: {what}; the devices: {now['devices']}"


def device_of(now, name):
    return next(device for device in now["devices"] if device["name"] == name)


def moderate_factor(frankd):
    """So that BATCH jobs take the sound device about half a second."""
    wait_until("the sound device works", lambda: devices(frankd)["cpu:0"]["rate_hps"] > 0)
    return max(1000, int(devices(frankd)["cpu:0"]["rate_hps"] * 0.5 / BATCH / 2.75))


def reasons_told(frankd, name):
    """Why the device has failed, each time, as the log says."""
    return [re.search(r'why="([^"]*)"', line)[1] for line in list(frankd.lines)
            if f"event=device-failed device={name} " in line]


def each_liar_is_found_out_and_quarantined():
    for name, (lies, why) in LIARS.items():
        text = config(open_limit_s(name))
        with Frankd(["--device", "cpu:0", "--device", name], config=text) as frankd:
            start = time.monotonic()
            done, now = work_until(frankd, f"{name} is quarantined",
                                   lambda now: device_of(now, name)["state"] == "quarantined",
                                   moderate_factor(frankd))
            took_s = time.monotonic() - start
            device = device_of(now, name)
            # On a busy machine it may have been late at other times.
            told = reasons_told(frankd, name)
            assert any(re.search(why, reason) for reason in told), \
                f"{name}: the reason is not told: {told}"
            assert device["why"] in told, f"{name}: {device}, {told}"
            assert device["restarts"] >= 3, f"{name}: {device}"
            assert (device["wrong_hits"] > 0) == lies, f"{name}: {device}"
            assert now["wrong_hits"] == device["wrong_hits"], f"{name}: {now}"
            assert device["rate_hps"] == 0, f"{name}: a dead device shines with a rate: {device}"
            assert device_of(now, "cpu:0")["wrong_hits"] == 0, now["devices"]
            assert now["totals"]["met"] == done, (done, now["totals"])
            no_zombie_stays(frankd.pid)
            print(f"      {name}: {done} right answers, quarantined after {took_s:.1f} s, "
                  f"{device['restarts']} restarts, {device['wrong_hits']} wrong hits")


def the_slow_and_the_unlucky_go_on_working():
    """Slow is not sick; who dies now and then is restarted."""
    # It sleeps for nine times as long as it searched, and is not killed for that.
    with Frankd(["--device", "cpu:0", "--device", "faulty:slow"],
                config="slice = 20ms\nstall_floor = 150ms\nkill_floor = 2min\n") as frankd:
        work_until(frankd, "faulty:slow has done some work",
                   lambda now: device_of(now, "faulty:slow")["attempts"] > 100000,
                   moderate_factor(frankd))
        device = devices(frankd)["faulty:slow"]
        assert device["state"] == "ready" and device["restarts"] == 0, device
        # One that is late, as it may be on a busy machine, has a rate of zero until it speaks.
        wait_until("it is told to be slow", lambda: 0 < devices(frankd)["faulty:slow"]["rate_hps"] <
                   devices(frankd)["cpu:0"]["rate_hps"])
    with Frankd(["--device", "cpu:0", "--device", "faulty:flaky"], config=config()) as frankd:
        done, now = work_until(frankd, "faulty:flaky was restarted and works",
                               lambda now: device_of(now, "faulty:flaky")["restarts"] >= 2,
                               moderate_factor(frankd))
        assert device_of(now, "faulty:flaky")["wrong_hits"] == 0, now["devices"]
        assert now["totals"]["met"] == done, (done, now["totals"])


def all_of_them_at_once_change_no_answer():
    """One sound device among ten that are not: four clients, every answer right."""
    names = list(LIARS) + ["faulty:slow", "faulty:flaky"]
    arguments = ["--device", "cpu:0"]
    for name in names:
        arguments += ["--device", name]
    with Frankd(arguments, config=config(patience(5))) as frankd:
        factor = moderate_factor(frankd)

        def one_client(_):
            with frankd.client() as client:
                for _ in range(3):
                    work(client, factor, 20)

        in_threads(4, one_client)
        done, now = work_until(frankd, "somebody lies", lambda now: now["wrong_hits"] > 0, factor)
        assert now["totals"]["met"] == 4 * 3 * 20 + done, now["totals"]
        no_zombie_stays(frankd.pid)
        told = {d["name"]: (d["state"], d["restarts"], d["wrong_hits"]) for d in now["devices"]}
        print(f"      {240 + done} right answers; state, restarts, wrong hits: {told}")


def a_quarantined_device_is_tried_again():
    with Frankd(["--device", "cpu:0", "--device", "faulty:die"],
                config=config() + "quarantine = 300ms\n") as frankd:
        # Six failures in a row bring it there; later restarts come after a quarantine.
        work_until(frankd, "faulty:die is tried again after its quarantine",
                   lambda now: device_of(now, "faulty:die")["restarts"] >= 7,
                   moderate_factor(frankd))


def without_a_device_requests_are_refused_at_once():
    with Frankd(["--device", "faulty:die"], config=config()) as frankd, frankd.client() as client:
        until = time.monotonic() + patience(120)
        while devices(frankd)["faulty:die"]["state"] != "quarantined":  # for a minute
            client.mint(random_b(), factor=2**36, deadline_ms=300)
            assert time.monotonic() < until, status(frankd)
        took_s = []
        for _ in range(20):
            start = time.monotonic()
            ok, reply = client.mint(random_b(), factor=2**36, deadline_ms=5000)
            took_s.append(time.monotonic() - start)
            assert not ok and reply["error"] == "no-device" and reply["retry_after_ms"] > 0, reply
        assert min(took_s) < patience(0.5), f"not at once: {took_s}"
        # What was found before still serves; nothing else is accepted.
        ok, reply = client.ask("status")
        assert ok and reply["ready"] is False, reply


def a_device_without_progress_tells_a_rate_of_zero():
    """It is not killed yet, it does not crash, it lies only by silence."""
    config = "stall_floor = 150ms\nkill_floor = 1h\n"
    with Frankd(["--device", "cpu:0", "--device", "faulty:hang"], config=config) as frankd:
        work_until(frankd, "the silence is told",
                   lambda now: device_of(now, "faulty:hang")["zero_rate"], moderate_factor(frankd))
        device = devices(frankd)["faulty:hang"]
        assert device["state"] == "ready" and device["stalls"] >= 1, device
        assert device["rate_hps"] == 0, f"a silent device shines with its last rate: {device}"
        # On a busy machine the sound one may be late with its last slice.
        wait_until("the sound one tells its rate", lambda:
                   devices(frankd)["cpu:0"]["rate_hps"] > 0 and
                   devices(frankd)["cpu:0"]["zero_rate"] is False)


def work_of_a_lost_worker_is_reassigned_soon():
    """A worker is killed or stopped under load: how long the unluckiest job then takes, as its
    client sees it. The bar is max(5 slices, 250 ms), by the default floor of 250 ms; what is
    asserted of one round of some is far wider, because the machine of a test has other things to
    do. By deadlines, or by the end of a device that hangs, it would be 10 s and more."""
    config = "slice = 20ms\nkill_floor = 10s\nworker_nice = 0\nquarantine = 100ms\n"
    with Frankd(["--device", "cpu"], config=config) as frankd:
        if len(devices(frankd)) < 2:
            print("      one device only: nobody to take over")
            return
        # Too short for a second device to help with a job while the first still has it.
        factor = max(100, int(rate_hps(frankd) * 0.0001))
        figures = {number.name: measured_until(
            patience(1500), lambda number=number: lose_worker(frankd, number, factor), 2, 6)
            for number in (signal.SIGKILL, signal.SIGSTOP)}
        print(f"      the unluckiest job was answered after (ms): {figures}; bar: 250 and its work")
        for worst_ms in figures.values():
            assert min(worst_ms) <= patience(1500), figures


def lose_worker(frankd, number, factor):
    """Six clients have jobs done, and a worker gets a signal: the milliseconds from then on until
    those who had asked had their answers."""
    wait_until("both devices are ready", lambda: all(
        device["state"] == "ready" for device in devices(frankd).values()), patience(20))
    pid = devices(frankd)["cpu:0"]["pid"]
    struck_at = []
    spans = []

    def one_client(which):
        if which == 0:
            time.sleep(0.3)
            struck_at.append(time.monotonic())
            os.kill(pid, number)
            return
        with frankd.client() as client:
            while not struck_at or time.monotonic() < struck_at[0] + 1.2:
                b = random_b(88)
                start = time.monotonic()
                ok, reply = client.mint(b, factor=factor, deadline_ms=600000)
                spans.append((start, time.monotonic()))
                assert ok, reply
                check_answer(reply, b, factor=factor)

    in_threads(7, one_client)
    # Whoever had none in flight just then asked for one soon after. (Nobody did: no measurement.)
    worst_ms = max((round((end - struck_at[0]) * 1000) for start, end in spans
                    if start <= struck_at[0] + 0.005 and end >= struck_at[0]), default=10**6)
    wait_until("the worker is replaced", lambda: devices(frankd)["cpu:0"]["pid"]
               not in (0, pid), patience(20))
    return worst_ms


def end_within(frankd, limit_s):
    """SIGTERM; returns the seconds until the end, which must come in time with status 0."""
    start = time.monotonic()
    frankd.signal(signal.SIGTERM)
    assert frankd.wait_end(limit_s) == 0, frankd.process.returncode
    return time.monotonic() - start


def sigterm_ends_it_though_every_device_hangs():
    """Accepted requests are answered with their best or refused; nobody waits for a device."""
    config = f"stall_floor = 150ms\nkill_floor = 1h\ngrace = {int(GRACE_S * 1000)}ms\n"
    for name in ("faulty:hang", "stopped workers", "faulty:open"):
        arguments = ["--device", name] if name == "faulty:hang" else ["--device", "cpu"]
        if name == "faulty:open":
            arguments += ["--device", name]
        text = config + LET_HOPELESS + f"open_limit = {open_limit_s(name)}s\n"
        with Frankd(arguments, config=text) as frankd:
            workers = frankd.children("frank-worker")
            with frankd.client() as client:
                bodies = {}
                for i in range(12):
                    b = random_b()
                    wish = "fail" if i % 3 == 0 else "best"
                    bodies[client.send("mint", {"b": b, "factor": HOPELESS, "on_deadline": wish,
                                                "deadline_ms": 3600000})] = (b, wish)
                wait_until("all are accepted", lambda: waiting(frankd) == 12)
                if name == "stopped workers":
                    for pid in workers:
                        os.kill(pid, signal.SIGSTOP)
                elif name == "faulty:hang":
                    wait_until("it hangs", lambda: devices(frankd)[name]["zero_rate"], patience(10))
                took_s = end_within(frankd, GRACE_S + 30)
                for request_id, (ok, reply) in collect(client, bodies, patience(5)).items():
                    b, wish = bodies[request_id]
                    if wish == "fail":
                        assert not ok and reply["error"] == "shutting-down", reply
                    else:
                        assert ok, reply
                        check_answer(reply, b, factor=HOPELESS, met=False)
            wait_until("no worker is left", lambda: not any(
                is_running(pid) for pid in workers), 5)
            print(f"      {name}: ended {took_s:.2f} s after SIGTERM with a grace of {GRACE_S} s")


def what_devices_keep_outlives_worker_and_daemon():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        cache = os.path.join(folder, "cache", "frank")

        def variant(frankd):
            return devices(frankd)["faulty:keeps"]["variant"].split("-")

        def start(directory):
            with unittest.mock.patch.dict(os.environ, CACHE_DIRECTORY=directory):
                return Frankd(["--device", "faulty:keeps"], config=config())

        with start(cache) as frankd:
            how, number = variant(frankd)
            assert how == "made" and os.stat(cache).st_mode & 0o7777 == 0o700, how
            os.kill(frankd.children("frank-worker")[0], signal.SIGKILL)
            wait_until("the next worker has it", lambda: variant(frankd) == ["kept", number],
                       patience(10))
        with start(cache) as frankd:
            assert variant(frankd) == ["kept", number]
        # Without a folder that can be used it goes on without, and says so once.
        with start("/" + "x" * 255) as frankd:
            assert variant(frankd)[0] == "unkept"
            assert frankd.log().count("event=nothing-kept") == 1, frankd.log()
            assert "level=warn" in next(line for line in frankd.lines if "nothing-kept" in line)


def engine_that_nobody_named_is_not_logged():
    with Frankd() as frankd:
        assert "no engine" not in frankd.log(), frankd.log()


if __name__ == "__main__":
    run(each_liar_is_found_out_and_quarantined, the_slow_and_the_unlucky_go_on_working,
        all_of_them_at_once_change_no_answer, a_quarantined_device_is_tried_again,
        without_a_device_requests_are_refused_at_once,
        a_device_without_progress_tells_a_rate_of_zero, work_of_a_lost_worker_is_reassigned_soon,
        sigterm_ends_it_though_every_device_hangs, what_devices_keep_outlives_worker_and_daemon,
        engine_that_nobody_named_is_not_logged)
