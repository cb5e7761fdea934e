"""Many mails by smtp-source through the whole way: sign, queue, stamp, deliver, verify. None is lost, none
comes twice, and each that has no stamp stands in the counter; frankd, its resolver and the milter
are killed meanwhile.

    mail_load.py [PREFIX...]    only the tests whose names begin so
"""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time

from daemon_support import SCALE, patience, sanitized
from harness import children_of, run, wait_until
from mail_line import ALICE, BOB, MailLine
from mail_support import need_mail_programs

MAILS = 200 if sanitized() else 2000
# Mail that was put off is tried again soon: the package's own 5 minutes are longer than this test.
HURRY = {"minimal_backoff_time": "1s", "maximal_backoff_time": "2s", "queue_run_delay": "1s",
         "transport_retry_time": "1s"}
AT_A_TIME = 8  # mails that are being stamped: the processes of the transport `mint`


class Source:
    """smtp-source at work: `count` mails, `sessions` at a time."""

    def __init__(self, port, count, sessions=8):
        # -d: the sessions stay, as those of a busy program do.
        self.process = subprocess.Popen(
            ["/usr/sbin/smtp-source", "-d", "-s", str(sessions), "-m", str(count), "-l", "2000", "-f",
             ALICE, "-t", BOB, f"127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def running(self):
        return self.process.poll() is None

    def finish(self, timeout_s):
        _, said = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0 and not said, said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.process.kill()
            self.process.communicate()


def counters(line):
    """The minting milter's metrics: {name and labels: value}. They are written once more at its end."""
    path = os.path.join(line.folder, "mint.prom")
    with open(path, encoding="utf-8") as file:
        return {name: float(value) for name, value in
                re.findall(r"(?m)^(frank_milter_\S+) (\S+)$", file.read())}


def counted(line, name):
    return int(sum(value for key, value in counters(line).items() if key.startswith(name)))


def message_ids(deliveries):
    return [delivery.values("message-id")[0] for delivery in deliveries]


def check_all_there(line, count, timeout_s):
    """None lost, none doubled; waits until nothing is on its way."""
    wait_until(f"{count} mails have come", lambda: len(line.sink.deliveries) >= count,
               patience(timeout_s), 0.1)
    wait_until("no mail waits", lambda: not line.sender.queue() and not line.receiver.queue(),
               patience(60), 0.2)
    assert len(line.sink.deliveries) == count, f"{len(line.sink.deliveries)} instead of {count}"
    assert len(set(message_ids(line.sink.deliveries))) == count, "some came twice"


def check_unstamped(line, least=0, most=0, cut=0):
    """Those without a stamp are exactly those that the milter counted, and each stands in its log;
    `cut`: how many may have been cut off in between. All others pass, but for stamps that the
    deadline cut short, which only a frankd that was away explains: they are counted, too."""
    bare = [d for d in line.sink.deliveries if not d.values("msmr-key")]
    line.minter.end()
    unstamped = counted(line, "frank_milter_unstamped_total")
    print(f"{len(line.sink.deliveries)} mails, {len(bare)} without a stamp, {unstamped} counted")
    # A filter that is killed right after it has counted may not have said so to Postfix yet, nor to
    # the log: then Postfix has it stamped once more.
    assert len(bare) <= unstamped <= len(bare) + cut, (len(bare), unstamped, line.minter.log())
    assert unstamped - cut <= len(line.unstamped()) <= unstamped, (unstamped, line.minter.log())
    assert least <= len(bare) <= most, f"{len(bare)} without a stamp, {most} at most"
    short = counted(line, 'frank_milter_stamped_total{met="no"}')
    assert most > 0 or short == 0, counters(line)
    for delivery in line.sink.deliveries:
        expected = "pass" if delivery.values("msmr-key") else "none"
        if delivery.result() == "policy" and expected == "pass":
            short -= 1
        else:
            assert delivery.result() == expected, delivery.data
    assert short >= 0, "fewer short stamps are counted than there are"


def metrics_of(line_config):
    """The milter's configuration with a metrics file in the line's folder; MailLine fills it in."""
    return 'metrics = "{folder}/mint.prom";\n' + line_config


def many_mails_are_all_stamped_and_pass():
    need_mail_programs("smtp-source")
    with MailLine(mint=metrics_of(""), **HURRY) as line:
        start = time.monotonic()
        with Source(line.sender.submission_port, MAILS) as source:
            source.finish(patience(300))
            submitted_s = time.monotonic() - start
            check_all_there(line, MAILS, 300)
        took_s = time.monotonic() - start
        print(f"{MAILS} mails: handed in after {submitted_s:.1f} s, delivered after {took_s:.1f} s")
        check_unstamped(line)
        assert counted(line, "frank_milter_stamped_total") == MAILS, counters(line)


def restart_frankd(line, wait):
    """kill -9, and back after wait()."""
    line.frankd.process.kill()
    line.frankd.process.wait(60)
    wait()
    line.frankd.start()


def frankd_may_die_twice_on_the_way():
    """frank-milter asks again until frankd is back; what it cannot have stamped by its deadline goes
    on without a stamp, and is counted. The second time frankd is away for longer than that."""
    need_mail_programs("smtp-source")
    with MailLine(mint=metrics_of("deadline = 3s;\n"), **HURRY) as line:
        start = time.monotonic()
        with Source(line.sender.submission_port, MAILS) as source:
            wait_until("mail flows", lambda: len(line.stamped()) >= MAILS // 5, patience(120), 0.1)
            restart_frankd(line, lambda: time.sleep(0.5))
            wait_until("mail flows", lambda: len(line.stamped()) >= MAILS // 2, patience(120), 0.1)
            before = len(line.unstamped())
            restart_frankd(line, lambda: wait_until(
                "mail goes on without a stamp", lambda: len(line.unstamped()) > before, 30))
            source.finish(patience(300))
            check_all_there(line, MAILS, 300)
        # Who has no stamp has waited 3 s for one: so many fit into the time, whatever the machine.
        took_s = time.monotonic() - start
        check_unstamped(line, least=1, most=int(AT_A_TIME * (took_s / 3 + 1)))


def scorecard_15():
    """frankd is killed every 5 s, its resolver and the milter (its filter, or all of it) every 20 s."""
    need_mail_programs("smtp-source")
    mails = max(1000, MAILS) * int(min(10, SCALE))
    with MailLine(mint=metrics_of("deadline = 1s;\n"), **HURRY) as line:
        ended = threading.Event()
        killed = {"frankd": 0, "resolver": 0, "filter": 0, "milter": 0}

        def kill_child(pid, name, which):
            """It is there some time after its parent's start, the resolver at the first look-up."""
            until = time.monotonic() + 2
            while time.monotonic() < until and not ended.is_set():
                found = [p for p, comm in children_of(pid) if comm == name[:15]]
                if found:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(found[0], signal.SIGKILL)
                        killed[which] += 1
                    return
                time.sleep(0.05)

        def kill_all_the_time():
            for beat in itertools.count(1):
                start = time.monotonic()
                restart_frankd(line, lambda: time.sleep(2.5))  # for longer than a mail waits
                killed["frankd"] += 1
                if beat % 4 == 1:
                    kill_child(line.frankd.pid, "frank-resolver", "resolver")
                elif beat % 8 == 3:
                    kill_child(line.minter.pid, "frank-milter-filter", "filter")
                elif beat % 8 == 7:
                    line.minter.restart()
                    killed["milter"] += 1
                if ended.wait(max(0, start + 5 - time.monotonic())):
                    return

        killer = threading.Thread(target=kill_all_the_time, daemon=True)
        with Source(line.sender.submission_port, mails) as source:
            killer.start()
            try:
                source.finish(patience(600))
                wait_until("most mails have come", lambda: len(line.sink.deliveries) >= mails,
                           patience(600), 0.1)
            finally:
                ended.set()
                killer.join(patience(150))
            check_all_there(line, mails, 300)
        print("killed: " + ", ".join(f"{name} {count} times" for name, count in killed.items()))
        assert killed["frankd"] >= 2, "it was over before anything happened"
        check_unstamped(line, least=1, most=mails,
                        cut=AT_A_TIME * (killed["filter"] + killed["milter"]))


TESTS = (many_mails_are_all_stamped_and_pass, frankd_may_die_twice_on_the_way, scorecard_15)

if __name__ == "__main__":
    run(*[test for test in TESTS
          if len(sys.argv) < 2 or test.__name__.startswith(tuple(sys.argv[1:]))])
