"""frank-milter against those who wish it ill: mail servers that keep to the protocol in strange ways,
daemons that lie, deaths in the middle, and the sums of the counters."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import harness
import zmq
from daemon_support import patience, sanitized
from milter_client import Closed
from milter_support import (AUTHSERV_ID, FACTOR, MilterClient, Signer, frank_milter, log_events,
                            make_folder, message, metrics, result_of, run_cases, split_message,
                            stamp, verify_milter)

FOLDER = None
SIGNER = None
NUMBER = iter(range(1, 100000))


def client(server, **options):
    return MilterClient(("127.0.0.1", server.port_number), **options)


def verifier(*args, **options):
    return verify_milter(FOLDER, SIGNER, *args, **options)


def fresh(sign=None, **options):
    return SIGNER.sign(message(number=next(NUMBER), **options), **(sign or {}))


def judge(mta, text, **options):
    return result_of(mta.mail(text, **options))


def filter_pid(server):
    return harness.children_of(server.pid)[0][0]


class Router:
    """Something at an endpoint that answers with what `answer(verb, body)` gives: ("ok" or "error",
    body), or None: no answer before release(), which gives it."""

    def __init__(self, answer):
        self.answer = answer
        self.endpoint = f"ipc://{FOLDER}/router-{next(NUMBER)}.sock"
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(self.endpoint)
        self.ends = threading.Event()
        self.held = []  # who waits for an answer: its client, version and id
        self.released = None  # the answer for all of them, once there is one
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while not self.ends.is_set():
            while self.released is not None and self.held:
                self.reply(*self.held.pop(), self.released)
            if not self.socket.poll(50):
                continue
            who, version, verb, wire_id, body = self.socket.recv_multipart()[:5]
            answer = self.answer(verb.decode(), body)
            if answer is not None:
                self.reply(who, version, wire_id, answer)
            else:
                self.held.append((who, version, wire_id))

    def reply(self, who, version, wire_id, answer):
        self.socket.send_multipart([who, version, answer[0].encode(), wire_id, answer[1].encode()])

    def release(self, answer):
        self.released = answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()
        self.context.destroy(linger=0)


def a_delivery_counts_once_and_lists_do_not():
    """Whatever the client repeats of its recipients, and however it spells them."""
    bob = ["bob@rcpt.test", "BOB@rcpt.test", '"bob"@rcpt.test', "bob@RCPT.test.", "bob@rcpt.test"]
    with verifier(config='lists = ["lists.test"];') as server, client(server) as mta:
        text = stamp(fresh())
        for _ in range(3):
            found, value = judge(mta, text, recipients=bob)
            assert found == "pass", value
        found, value = judge(mta, text, recipients=bob)
        assert found == "policy" and "delivered 4 times" in value, value
        text = stamp(fresh())
        for _ in range(5):
            assert judge(mta, text, recipients=["all@lists.test"])[0] == "pass"
        assert judge(mta, text, recipients=["bob@rcpt.test", "all@lists.test"])[0] == "pass"


def many_connections_count_right():
    """24 deliveries of one mail at the same moment: 3 pass, the others are replays."""
    text = stamp(fresh())
    results = []

    def deliver(mta):
        for _ in range(20):  # it is not counted where the store is busy with others for a second
            result, value = judge(mta, text)
            if result != "temperror" or "the store cannot be had now" not in value:
                break
        results.append(result)

    with verifier() as server:
        clients = [client(server) for _ in range(24)]
        threads = [threading.Thread(target=deliver, args=(mta,)) for mta in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(patience(60))
        for one in clients:
            one.close()
    assert sorted(results) == ["pass"] * 3 + ["policy"] * 21, results


def headers_are_what_the_mail_server_means():
    """No end of header, names that are none, values with line ends, no space after the colon."""
    with verifier() as server:
        with client(server) as mta:
            mta.envelope("a@sender.test", ["bob@rcpt.test"])
            assert result_of(mta.end())[0] == "none"  # RCPT, then the end
            assert judge(mta, b"X-\xff\xfe: 1\r\n" + stamp(fresh()))[0] == "pass"
            # a second To: behind a name that would end the header
            good = stamp(fresh())
            at = good.index(b"Subject:")
            hidden = good[:at] + b"X-\xff: 1\r\nTo: eve@rcpt.test\r\n" + good[at:]
            found, value = judge(mta, hidden)
            assert found == "policy", value
            with_rules = b"X-\xff: 1\r\nTo: eve@rcpt.test\r\n"
            found, value = judge(mta, with_rules + stamp(fresh()))
            assert found == "policy" and "cover: two To: fields" in value, value
            # what no mail server should hand on: a value that ends, or goes on as another field
            for strange in (b" x\n", b" x\nTo: eve@rcpt.test", b" x\n\n"):
                fields, body = split_message(stamp(fresh()))
                mta.envelope("a@sender.test", ["bob@rcpt.test"])
                mta.header([(b"X-Odd", strange)] + fields)
                mta.body(body)
                assert result_of(mta.end())[0] == "permerror", strange
        simple = {"canonicalize": (b"simple", b"simple")}
        for steps in (0x1FFFFF, 0x1FFFFF & ~0x100000):
            with client(server, steps=steps) as mta:
                found, value = judge(mta, stamp(fresh(sign=simple)))
                assert found == "pass", (steps, value)
        # another connection of Sendmail's on the same socket (SMFIC_QUIT_NC)
        with client(server) as mta:
            assert judge(mta, stamp(fresh()))[0] == "pass"
            mta.send(b"K")
            mta.greeted = False
            assert judge(mta, stamp(fresh()))[0] == "pass"


def log_lines_cannot_be_forged():
    """What a signature and a daemon say stays within its own word."""
    text = SIGNER.sign(message(number=next(NUMBER)))
    evil = text.replace(b"d=sender.test", b'd=x met=no queue=FORGED why="a\r\n\tevent=stamped', 1)
    lies = {"error": "internal", "message": 'no" action=tempfail queue=FORGED why="x'}
    with harness.Frankd(["--factor", str(FACTOR), "--device", "cpu:0"]) as frankd, \
            frank_milter("mint", "--connect", frankd.ipc, folder=FOLDER) as server, \
            client(server) as mta:
        assert mta.mail(evil, queue="4Real").inserted
        harness.wait_until("its line", lambda: log_events(server.lines, "stamped"))
        told = log_events(server.lines, "stamped")
        assert len(told) == 1 and told[0]["queue"] == "4Real" and told[0]["met"] == "yes", told
    with Router(lambda verb, body: ("error", json.dumps(lies))) as router, \
            frank_milter("mint", "--connect", router.endpoint, folder=FOLDER) as server, \
            client(server) as mta:
        assert not mta.mail(text, queue="4Real").inserted
        harness.wait_until("its line", lambda: log_events(server.lines, "unstamped"))
        told = log_events(server.lines, "unstamped")
        assert (told[0]["queue"], told[0]["action"]) == ("4Real", "accept"), told


def a_daemon_that_lies_does_no_harm():
    """Answers too deep for a stack, stamps that are none, words that would be other fields."""
    signed = stamp(fresh(), factor=1)
    deep = '{"factor":' + "[" * 2000 + "]" * 2000 + "}"
    answers = [
        ("ok", deep), ("ok", "[" * 100000), ("ok", ""), ("ok", "{}"), ("ok", '{"factor": -1}'),
        ("ok", json.dumps({"n": "00", "h": "0" * 64, "met": True, "factor": 1,
                           "header": "MSMR-Key: v=1; a=rsa-sha256; n=00;\r\n\th=" + "0" * 64})),
        ("error", json.dumps({"error": "busy", "message": "", "retry_after_ms": 1})),
        ("error", json.dumps({"error": "x" * 5000, "message": "\u0000\n" * 500})),
    ]
    now = {}
    asked = []

    def answer(verb, body):
        asked.append(verb)
        return now["answer"]

    with Router(answer) as router, \
            frank_milter("mint", "--connect", router.endpoint, "--deadline", "2s",
                         folder=FOLDER) as server:
        child = filter_pid(server)
        for case in answers:
            now["answer"] = case
            del asked[:]
            with client(server) as mta:
                for text in (signed, fresh()):
                    changes = mta.mail(text)
                    assert changes.verdict == "c" and not changes.inserted, (case[1][:60], changes)
                assert len(asked) < 200, len(asked)  # one that is busy is not pestered
        assert filter_pid(server) == child, server.log()
    evil = {"factor": FACTOR, "source": 'x\nX-Forged: y" reason="z'}
    with Router(lambda verb, body: ("ok", json.dumps(evil))) as router, \
            verifier("--connect", router.endpoint, factor=0) as server, client(server) as mta:
        harness.wait_until("the factor", lambda: log_events(server.lines, "factor"))
        found, value = judge(mta, stamp(fresh()))
        assert found == "pass" and "Forged" not in value, value
    with Router(lambda verb, body: ("ok", deep)) as router, \
            verifier("--connect", router.endpoint, factor=0) as server, client(server) as mta:
        assert judge(mta, stamp(fresh()))[0] == "temperror"


@contextlib.contextmanager
def standing_still(frankd):
    """frankd and its children are stopped meanwhile."""
    pids = [frankd.pid] + [pid for pid, _ in harness.children_of(frankd.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def a_daemon_that_stands_still_costs_the_deadline():
    with harness.Frankd(["--factor", str(FACTOR), "--device", "cpu:0"]) as frankd:
        with standing_still(frankd), \
                frank_milter("mint", "--connect", frankd.ipc, "--deadline", "2s",
                             folder=FOLDER) as server, client(server) as mta:
            texts = (fresh(), stamp(fresh(), factor=1))

            def all_in_time(_):
                start = time.monotonic()
                for text in texts:
                    changes = mta.mail(text)
                    assert changes.verdict == "c" and not changes.inserted, vars(changes)
                # deadline, a second of grace, a turn; twice, and once more to ask for the factor
                assert time.monotonic() - start < patience(12)

            harness.one_try_passes(3, all_in_time)


def kill_children(server):
    for pid, _ in harness.children_of(server.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def the_counters_add_up():
    """Filters are killed under 12 connections, one of them for certain at the end of a mail: what
    the mail server was told, what it was not, and what the counters say are one sum."""
    folder = os.path.join(FOLDER, "sums")
    file = os.path.join(folder, "mint.prom")
    os.makedirs(folder, exist_ok=True)
    texts = [fresh() for _ in range(60)]
    done, cut, open_now = [], [], {}
    enough = threading.Event()

    def deliver(server, number):
        while not enough.is_set():
            try:
                with client(server, timeout=60) as mta:
                    open_now[number] = mta
                    for text in texts[number::12]:
                        mta.envelope("a@sender.test", ["bob@rcpt.test"])
                        fields, body = split_message(text)
                        mta.header(fields)
                        mta.body(body)
                        cut.append(1)
                        mta.end()
                        cut.pop()
                        done.append(1)
            except Exception:  # killed; whatever way the socket tells it
                time.sleep(0.05)

    with harness.Frankd(["--factor", "300000", "--device", "cpu:0"]) as frankd, \
            frank_milter("mint", "--connect", frankd.ipc, "--metrics", file,
                         folder=folder) as server:
        threads = [threading.Thread(target=deliver, args=(server, i)) for i in range(12)]
        for thread in threads:
            thread.start()
        try:
            for turn in range(6):
                some = len(done) + 12
                harness.wait_until("mail flows", lambda some=some: len(done) >= some, patience(60))
                kill_children(server)
            some = len(done) + 1
            harness.wait_until("mail flows", lambda: len(done) >= some, patience(60))
            with standing_still(frankd):  # a mail takes its 30 s then
                harness.wait_until("the filter is at a mail's end", lambda: any(
                    mta.under_way.is_set() for mta in list(open_now.values())), patience(30))
                kill_children(server)
        finally:
            enough.set()
        for thread in threads:
            thread.join(patience(60))
        harness.wait_until("it serves again", lambda: harness.children_of(server.pid))
        server.end()
    counted = metrics(file)
    told = sum(value for name, value in counted.items() if re.match(
        r"frank_milter_(stamped|kept|unstamped|tempfailed|lost)_total", name))
    assert told == counted['frank_milter_mails_total{mode="mint"}'], counted
    assert counted['frank_milter_lost_total{mode="mint"}'] > 0, counted
    # each mail that was answered is counted; one that was cut off may have reached its end or not
    assert len(done) <= told <= len(done) + len(cut), (len(done), told, len(cut))


def a_full_disk_is_told():
    """The counters lie in shared memory of a file: a write to a page without room would kill."""
    folder = os.path.join(FOLDER, "full")
    os.makedirs(folder, exist_ok=True)
    script = """mount -t tmpfs -o size=16k none "$1" || exit 77
                head -c 20000 /dev/zero > "$1/fill"
                shift
                exec "$@" """
    for mode in ("mint", "verify"):
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", folder, harness.program("frank-milter"),
             "--mode", mode, "--authserv-id", AUTHSERV_ID, "--state", folder, "--socket",
             f"inet:{harness.free_port()}@127.0.0.1"],
            capture_output=True, text=True, timeout=patience(30), check=False)
        if done.returncode == 77 or "unshare failed" in done.stderr:
            print(f"skip  a_full_disk_is_told: {done.stderr.strip()}")
            return
        assert done.returncode == 1, done
        assert f"{folder}/{mode}.counters: No space left on device" in done.stderr, done


def levels_of_the_log_change_by_sighup():
    folder = os.path.join(FOLDER, "levels")
    os.makedirs(folder, exist_ok=True)
    with verify_milter(folder, SIGNER) as server, client(server) as mta:
        path = [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".conf")][0]

        def is_told():
            """Whether a mail has its line in the log. A line of level error is provoked after it:
            once that is read, so are all before it."""
            queue = f"4Q{next(NUMBER)}"
            before = len(log_events(server.lines, "refused"))
            judge(mta, fresh(), queue=queue)
            with contextlib.suppress(AssertionError, Closed, OSError):
                client(server, actions=0).close()
            server.wait_events("refused", before + 1)
            return queue in [event["queue"] for event in log_events(server.lines, "judged")]

        assert is_told()
        for level, told in (("error", False), ("info", True)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"log_level = {level};")
            os.kill(server.pid, signal.SIGHUP)
            harness.wait_until(f"level {level}", lambda told=told: is_told() == told)
            assert is_told() == told, level
        for _ in range(200):
            os.kill(server.pid, signal.SIGHUP)
        assert judge(mta, fresh())[0] == "none"


def idle_connections_share_their_settings():
    """A mail server keeps many connections open; the settings have some 200 KiB."""
    with verifier() as server:
        before = harness.memory_kib(filter_pid(server))
        idle = [client(server) for _ in range(200)]
        for mta in idle:
            mta.envelope("a@sender.test", ["bob@rcpt.test"])
        after = harness.memory_kib(filter_pid(server))
        print(f"      200 idle connections: {after - before} KiB", flush=True)
        assert sanitized() or after - before < 200 * 100, (before, after)
        for mta in idle:
            mta.close()


def the_end_waits_for_no_mail_that_cannot_end():
    """SIGTERM while a client is between RCPT and its text: there is nothing to wait for."""
    def it_ends_at_once(_):
        with verifier() as server:
            mta = client(server)
            mta.envelope("a@sender.test", ["bob@rcpt.test"])
            start = time.monotonic()
            assert server.end() == 0
            took_s = time.monotonic() - start
            mta.socket.close()
            assert took_s < patience(5), took_s

    harness.one_try_passes(3, it_ends_at_once)


def signals_of_others_do_not_end_the_filter():
    """What a service manager sends to every process of a service."""
    with verifier() as server, client(server) as mta:
        child = filter_pid(server)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            os.kill(child, number)
            time.sleep(0.3)
            assert judge(mta, fresh())[0] == "none"
        with client(server) as another:
            assert judge(another, fresh())[0] == "none"
        assert filter_pid(server) == child


def a_mint_holds_nobody_up():
    """A mail whose daemon does not answer, and a hundred others that need none: these are all done
    while that one still waits."""
    asked = threading.Event()

    def hold(verb, _):
        if verb == "mint":
            asked.set()

    with Router(hold) as router, \
            frank_milter("mint", "--connect", router.endpoint, "--deadline", "600s",
                         folder=FOLDER) as server, client(server) as slow:
        text = fresh()
        results, others = [], []
        minting = threading.Thread(target=lambda: results.append(slow.mail(text)))
        minting.start()
        assert asked.wait(patience(30)), "no mint is asked for"

        def pester():
            while len(others) < 100:
                with client(server) as mta:
                    others.append(len(mta.mail(message()).inserted))

        threads = [threading.Thread(target=pester) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(patience(60))
        assert len(others) >= 100 and not any(others), others
        assert not results, "the mint has ended"
        router.release(("error", json.dumps({"error": "internal", "message": "enough"})))
        minting.join(patience(30))
        assert [changes.verdict for changes in results] == ["c"], results


def test():
    global FOLDER, SIGNER
    FOLDER = make_folder()
    try:
        SIGNER = Signer(FOLDER)
        run_cases(a_delivery_counts_once_and_lists_do_not, many_connections_count_right,
                  headers_are_what_the_mail_server_means, log_lines_cannot_be_forged,
                  a_daemon_that_lies_does_no_harm,
                  a_daemon_that_stands_still_costs_the_deadline, the_counters_add_up,
                  levels_of_the_log_change_by_sighup, idle_connections_share_their_settings,
                  a_full_disk_is_told,
                  the_end_waits_for_no_mail_that_cannot_end,
                  signals_of_others_do_not_end_the_filter, a_mint_holds_nobody_up)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    harness.run(test)
