"""kill -9 and kill -STOP of every child of frankd in turn, while 40 jobs run and the client asks
again as a client should: 40 right answers each time, the child comes back, nothing leaks.
"""

import contextlib
import http.client
import os
import shutil
import signal
import tempfile
import threading
import time

from daemon_support import (check_answer, descriptors_of, in_threads, jobs_of_all_shapes, patience,
                            no_zombie_stays, rate_hps, request, status)
from frank_client import mint_patiently
from harness import Frankd, free_port, is_running, run, wait_until

JOBS = 40
THREADS = 8
ASK_AGAIN_S = 1.5  # as long as the client waits for a reply before it asks again

# Silent devices are ended soon, so that a stopped one is seen to come back. A door that does not
# answer frankd's pings for 3 s is ended: that is fixed.
CONFIG = """
insecure = true
stall_floor = 150ms
kill_floor = 2s
worker_nice = 0
"""


def children(frankd):
    """Every child as the status tells it: name -> (pid, restarts, state)."""
    now = status(frankd)
    return {entry["name"]: (entry["pid"], entry["restarts"], entry["state"])
            for entry in now["devices"] + now["children"]}


def strike(frankd, name, number):
    """Sends a signal to the child of that name; returns its process id. Frankd may just have
    replaced it, where the machine kept it waiting."""
    struck = []

    def found():
        pid = children(frankd)[name][0]
        try:
            if pid > 0:  # 0 would be all of this test's own group
                os.kill(pid, number)
                struck.append(pid)
        except ProcessLookupError:
            pass
        return struck

    wait_until(f"{name} is there to be struck", found)
    return struck[0]


def failures_told(frankd, name):
    """How often the log says that the child has failed."""
    return sum(f'event=child-failed child="{name}"' in line or
               f"event=device-failed device={name} " in line for line in frankd.lines)


def all_ready(frankd):
    return all(state == "ready" for _, _, state in children(frankd).values())


def run_jobs(endpoint, factor, when_running):
    """Has 40 jobs done by clients that ask again; calls when_running once some have begun. Returns
    the seconds that the slowest took."""
    jobs = jobs_of_all_shapes(JOBS)
    took_s = [0.0] * JOBS
    begun = threading.Barrier(THREADS + 1)

    def one_client(which):
        begun.wait()
        for i in range(which, JOBS, THREADS):
            b, alg = jobs[i]
            start = time.monotonic()
            reply = mint_patiently(endpoint, request(b, alg, factor=factor, deadline_ms=600000),
                                   tries=40, timeout_s=patience(ASK_AGAIN_S))
            took_s[i] = time.monotonic() - start
            check_answer(reply, b, factor=factor, alg=alg)

    def disturb(_):
        begun.wait()
        time.sleep(0.15)
        when_running()

    in_threads(THREADS + 1, lambda i: one_client(i) if i < THREADS else disturb(i))
    return max(took_s)


def web_is_healthy(port):
    try:
        web = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        web.request("GET", "/healthz")
        answer = web.getresponse()
        answer.read()
        web.close()
        return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False


def every_child_may_die_or_stop_while_40_jobs_run():
    web_port, tcp_port = free_port(), free_port()
    with Frankd(["--device", "cpu", "--http", f"127.0.0.1:{web_port}",
                 "--listen", f"tcp://127.0.0.1:{tcp_port}"], config=CONFIG) as frankd:
        tcp = f"tcp://127.0.0.1:{tcp_port}"
        # About a second of work in all: the four shapes need 5.5 blocks on average, the rate is
        # told for two.
        factor = max(1000, int(rate_hps(frankd) * 1.0 / JOBS / 2.75))
        wait_until("all children are ready", lambda: all_ready(frankd), patience(10))
        names = sorted(children(frankd))
        doors = [name for name in names if name.startswith("door")]
        assert len(doors) == 2 and any(name.startswith("web") for name in names), names
        wait_until("/healthz answers", lambda: web_is_healthy(web_port), patience(10))
        run_jobs(frankd.ipc, factor, lambda: None)
        descriptors = descriptors_of(frankd.pid)
        for name in names:
            for number in (signal.SIGKILL, signal.SIGSTOP):
                before = children(frankd)[name][1]
                endpoint = tcp if name.startswith("door tcp") else frankd.ipc
                struck = []
                slowest_s = run_jobs(endpoint, factor,
                                     lambda: struck.append(strike(frankd, name, number)))
                pid = struck[0]
                if number == signal.SIGSTOP and name.startswith("cpu"):
                    # It is idle now, if it had nothing when it was stopped: only work shows it.
                    for _ in range(10):
                        if children(frankd)[name][0] != pid:
                            break
                        run_jobs(endpoint, factor, lambda: None)
                wait_until(f"{name} comes back after {number.name}",
                           lambda: children(frankd)[name][0] not in (0, pid) and
                           all_ready(frankd), patience(20))
                # One more than before, or several where a busy machine had it late besides; and
                # each failure is told once.
                assert children(frankd)[name][1] > before, f"no restart of {name} is told"
                wait_until(f"as many restarts of {name} as failures are told", lambda:
                           children(frankd)[name][1] == failures_told(frankd, name), patience(5))
                no_zombie_stays(frankd.pid)
                assert frankd.process.poll() is None, "frankd died"
                print(f"      {number.name} {name}: 40 right answers, the slowest in "
                      f"{slowest_s:.2f} s")
        wait_until("/healthz answers again", lambda: web_is_healthy(web_port), patience(10))
        wait_until("frankd has as many descriptors as before",
                   lambda: len(descriptors_of(frankd.pid)) == len(descriptors), patience(5))
        after = status(frankd)
        assert after["wrong_hits"] == 0, after


def all_children_may_die_at_once():
    """Workers, doors and the web child killed together, then stopped together."""
    web_port, tcp_port = free_port(), free_port()
    with Frankd(["--device", "cpu", "--http", f"127.0.0.1:{web_port}",
                 "--listen", f"tcp://127.0.0.1:{tcp_port}"], config=CONFIG) as frankd:
        factor = max(1000, int(rate_hps(frankd) * 1.0 / JOBS / 2.75))
        for number in (signal.SIGKILL, signal.SIGSTOP):
            wait_until("all children are ready", lambda: all_ready(frankd), patience(30))
            descriptors = len(descriptors_of(frankd.pid))
            before = {pid for pid, _, _ in children(frankd).values()}
            assert 0 not in before, children(frankd)

            def strike_all():
                for pid in before:
                    with contextlib.suppress(ProcessLookupError):  # replaced: it was late
                        os.kill(pid, number)

            slowest_s = run_jobs(frankd.ipc, factor, strike_all)
            for _ in range(10):  # a worker that is stopped is seen when it has work
                if not before & {pid for pid, _, _ in children(frankd).values()}:
                    break
                run_jobs(frankd.ipc, factor, lambda: None)
            wait_until("all children are new and ready", lambda: all_ready(frankd) and
                       not before & {pid for pid, _, _ in children(frankd).values()}, patience(30))
            no_zombie_stays(frankd.pid)
            wait_until("frankd has as many descriptors as before",
                       lambda: len(descriptors_of(frankd.pid)) == descriptors, patience(5))
            assert frankd.process.poll() is None, "frankd died"
            print(f"      {number.name} of all: 40 right answers, the slowest in {slowest_s:.2f} s")


def frankd_killed_leaves_no_child():
    """kill -9 of frankd itself: its children die with it, and a new one takes the same path."""
    folder = tempfile.mkdtemp(prefix="frank-")
    try:
        first = Frankd(["--device", "cpu"], folder=folder)
        pids = [first.pid] + first.children()
        assert len(pids) >= 3, pids
        first.process.kill()
        first.wait_end()
        wait_until("its children are gone", lambda: not any(
            is_running(pid) for pid in pids), patience(10))
        with Frankd(["--device", "cpu"], folder=folder) as second, second.client() as client:
            b, alg = jobs_of_all_shapes(1)[0]
            ok, reply = client.mint(b, a=alg, factor=1000)
            assert ok, reply
            check_answer(reply, b, factor=1000, alg=alg)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run(every_child_may_die_or_stop_while_40_jobs_run, all_children_may_die_at_once,
        frankd_killed_leaves_no_child)
