"""frank-milter --mode mint at the milter protocol: what is stamped, what is not and why, and what
becomes of mail when the daemon is away, slow or full."""

import os
import re
import shutil
import subprocess
import threading
import time

import harness
from daemon_support import HOPELESS, patience, sanitized
from milter_support import (FACTOR, MilterClient, SENDER, Signer, apply, b_of, frank_milter,
                            log_events, make_folder, message, metrics, run_cases, short_stamp)

FOLDER = None
SIGNER = None


def milter(frankd, *args, config=""):
    return frank_milter("mint", "--connect", frankd.ipc if frankd else "ipc:///nowhere/mint.sock",
                        *args, config=config, folder=FOLDER)


def client(server, **options):
    return MilterClient(("127.0.0.1", server.port_number), **options)


def daemon(*args):
    return harness.Frankd(["--factor", str(FACTOR), "--device", "cpu:0", *args])


def keys_of(text):
    return re.findall(rb"(?:^|\n)(MSMR-Key:.*?\r\n(?:[ \t].*?\r\n)*)", text)


def last(server, event, **words):
    """The last line of that event, with those words in it; waits for it."""
    return server.wait_events(event, **words)[-1]


def a_stamp_is_put_at_the_top():
    with daemon() as frankd, milter(frankd) as server, client(server) as mta:
        text = SIGNER.sign(message())
        changes = mta.mail(text, queue="4Qid7")
        assert changes.verdict == "c" and not changes.changed, vars(changes)
        index, name, value = changes.inserted[0]
        assert (index, name) == (0, "MSMR-Key") and len(changes.inserted) == 1
        assert "\r" not in value and re.fullmatch(
            r"v=1; a=rsa-sha256; n=[0-9a-f]+;\n\th=[0-9a-f]{64}", value), value
        n, h = re.search(r"n=([0-9a-f]+)", value)[1], re.search(r"h=([0-9a-f]+)", value)[1]
        out = subprocess.run(["sha256sum"], input=(n + b_of(text)).encode(), capture_output=True,
                             check=True).stdout.decode()
        assert out.split()[0] == h and int(h, 16) * FACTOR < 1 << 256
        told = last(server, "stamped")
        assert told["queue"] == "4Qid7" and told["b"] == b_of(text)[:8] and told["met"] == "yes", told
        assert told["d"] == SENDER and told["factor"] == str(FACTOR), told


def rules_leave_mail_alone():
    config = ('local_domains = ["here.test"]; skip_domains = ["deaf.test", "x@rcpt.test"];'
              "max_recipients = 2; skip_lists = true;")
    signed = SIGNER.sign(message())
    cases = [
        ("no-signature", message(), {}),
        ("bounce", signed, {"sender": ""}),
        ("local", signed, {"recipients": ["a@here.test", "b@HERE.test"]}),
        ("skip-domain", signed, {"recipients": ["a@here.test", "a@deaf.test"]}),
        ("skip-domain", signed, {"recipients": ["X@rcpt.test"]}),
        ("too-many-recipients", signed, {"recipients": [f"{i}@rcpt.test" for i in range(3)]}),
        ("list", SIGNER.sign(message(more=b"List-Id: <l.x>\r\n")), {}),
        ("list", SIGNER.sign(message(more=b"Precedence: bulk\r\n")), {}),
        ("skip-header", SIGNER.sign(message(more=b"X-MSMR: skip\r\n")), {}),
    ]
    with daemon() as frankd, milter(frankd, config=config) as server, client(server) as mta:
        for number, (why, text, options) in enumerate(cases):
            changes = mta.mail(text, queue=f"4Q{number}", **options)
            assert changes.verdict == "c" and not changes.inserted, (why, vars(changes))
            told = last(server, "unstamped", queue=f"4Q{number}")
            assert (told["why"], told["action"]) == (why, "accept"), told
            removed = [(i, n) for i, n, v in changes.changed if v == ""]
            assert removed == ([(1, "X-MSMR")] if why == "skip-header" else []), removed
        # those that the rules let through, on the same connection
        for options in ({}, {"recipients": ["a@here.test", "b@rcpt.test"]}):
            assert len(mta.mail(signed, **options).inserted) == 1, options


def a_mail_with_a_stamp_is_left_alone():
    text = SIGNER.sign(message(number=2))
    with daemon() as frankd, milter(frankd) as server, client(server) as mta:
        once = apply(text, mta.mail(text))
        assert len(keys_of(once)) == 1
        changes = mta.mail(once)
        assert not changes.inserted and last(server, "kept"), vars(changes)
        # a stamp that does not meet the factor in force is no reason; one is left there where the
        # daemon does not say within a second which factor that is
        short = short_stamp(lambda: SIGNER.sign(message(number=time.monotonic_ns())), FACTOR)
        inserted = []

        def is_stamped_anew():
            inserted[:] = mta.mail(short).inserted
            return inserted

        harness.wait_until("a short stamp is no reason", is_stamped_anew)
        assert len(inserted) == 1, inserted
        # nor is one of another signature
        other = SIGNER.sign(message(number=3))
        mixed = keys_of(once)[0] + other
        assert len(mta.mail(mixed).inserted) == 1
        # a retry of the same mail costs no second search
        asked = mta.mail(other)
        again = mta.mail(other)
        assert asked.inserted == again.inserted


def folded_and_odd_signatures_are_read():
    text = SIGNER.sign(message(number=4))
    b = b_of(text)
    # the value of b= folded after every 8 characters, with a last ';'
    at = text.index(b"b=" + b[:8].encode())
    end = text.index(b"\r\nFrom:")
    folded = b"\r\n\t".join(b[i:i + 8].encode() for i in range(0, len(b), 8))
    odd = text[:at] + b"b=" + folded + b" ;" + text[end:]
    two = SIGNER.sign(odd)  # a second signature above the first
    with daemon() as frankd, milter(frankd) as server, client(server) as mta:
        for whole, signature in ((odd, b), (two, b_of(two))):
            assert mta.mail(whole).value("MSMR-Key")
            assert last(server, "stamped", b=signature[:8])
        # a signature whose base64 is not canonical is as if absent
        bad = text.replace(b[-8:].encode(), b[-8:-2].encode() + b"!=", 1)
        assert not mta.mail(bad).inserted
        assert last(server, "unstamped")["why"] == "no-signature"


def signing_domains_choose():
    text = SIGNER.sign(SIGNER.sign(message(number=5)).replace(b"d=sender.test", b"d=other.test", 1))
    inner = b_of(text[text.index(b"DKIM-Signature", 1):])
    with daemon() as frankd, milter(frankd, config='signing_domains = ["other.test"];') as server, \
            client(server) as mta:
        assert mta.mail(text).inserted and last(server, "stamped", b=inner[:8])
        assert not mta.mail(SIGNER.sign(message(number=6))).inserted


def hostile_headers_are_bounded():
    """Huge headers, hundreds of signatures, 8-bit names, 1,000 recipients: an answer for each."""
    many = b"".join(b"DKIM-Signature: v=1; a=rsa-sha1; b=AAAA%d\r\n" % i for i in range(500))
    huge = b"".join(b"List-Id: " + b"x" * 60000 + b"\r\n" for _ in range(20))
    recipients = [f"user{i}@domain{i % 200}.test" for i in range(1000)]
    with daemon() as frankd, milter(frankd, "--max-recipients", "1000") as server:
        with client(server) as mta:
            assert not mta.mail(many + SIGNER.sign(message())).inserted  # 64 are looked at
            assert last(server, "unstamped", why="no-signature")
            assert not mta.mail(huge + SIGNER.sign(message())).inserted
            assert last(server, "unstamped", why="header-too-large")
            eight = b"X-\xff\xfe: \x80\r\n" + SIGNER.sign(message(subject="Grüße"))
            assert len(mta.mail(eight).inserted) == 1
            before = harness.memory_kib(harness.children_of(server.pid)[0][0])
            changes = mta.mail(SIGNER.sign(message(number=7)), recipients=recipients)
            assert len(changes.inserted) == 1, vars(changes)
            for _ in range(20):
                mta.mail(many + SIGNER.sign(message()), recipients=recipients)
            after = harness.memory_kib(harness.children_of(server.pid)[0][0])
            assert sanitized() or after - before < 64 << 10, (before, after)
        # one that hangs up in the middle of a mail, and one that says nonsense
        with client(server) as mta:
            mta.envelope("a@sender.test", ["b@rcpt.test"])
            mta.header([(b"From", b" a@sender.test")])
            mta.abort()
            assert len(mta.mail(SIGNER.sign(message(number=8))).inserted) == 1
        mta = client(server)
        mta.socket.sendall(b"\xff\xff\xff\xffM")
        mta.socket.close()
        with client(server) as mta:
            assert len(mta.mail(SIGNER.sign(message(number=9))).inserted) == 1


def without_a_daemon_mail_goes_on_and_is_counted():
    file = os.path.join(FOLDER, "open.prom")
    with milter(None, "--deadline", "1s", "--metrics", file) as server, client(server) as mta:
        for tries in range(1, 6):
            changes = mta.mail(SIGNER.sign(message()))
            assert changes.verdict == "c" and not changes.inserted, vars(changes)
            if changes.progress >= 1:
                break
        else:  # one that stood still for its whole second has nothing to tell
            raise AssertionError("the mail server is not told that the filter is at it")
        told = last(server, "unstamped")
        assert (told["why"], told["action"]) == ("timeout", "accept"), told
        server.end()
        counted = metrics(file)
        assert counted['frank_milter_unstamped_total{why="timeout"}'] == tries, counted
        assert counted['frank_milter_stamped_total{met="yes"}'] == 0
    config = "on_failure = tempfail;"
    with milter(None, "--deadline", "1s", "--metrics", file, config=config) as server, \
            client(server) as mta:
        assert mta.mail(SIGNER.sign(message())).verdict == "t"
        assert last(server, "unstamped")["action"] == "tempfail"
        # what the rules leave alone is no failure
        assert mta.mail(message()).verdict == "c"
        server.end()
        counted = metrics(file)
        assert counted['frank_milter_tempfailed_total{why="timeout"}'] == 1, counted
        assert counted['frank_milter_unstamped_total{why="timeout"}'] == 0
        assert counted['frank_milter_unstamped_total{why="no-signature"}'] == 1


def the_deadline_gives_the_best_that_was_found():
    with daemon("--max-factor", str(HOPELESS)) as frankd, \
            milter(frankd, "--deadline", "2s", "--factor", str(HOPELESS)) as server, \
            client(server) as mta:
        def the_best_comes(_):
            changes = mta.mail(SIGNER.sign(message(number=time.monotonic_ns())))
            assert changes.verdict == "c" and len(changes.inserted) == 1, vars(changes)
            assert changes.progress >= 1, vars(changes)

        harness.one_try_passes(3, the_best_comes)
        assert last(server, "stamped")["met"] == "no"


def the_next_daemon_is_asked_where_one_is_away():
    with daemon() as frankd:
        with frank_milter("mint", "--connect", "ipc:///nowhere/mint.sock", "--connect", frankd.ipc,
                          folder=FOLDER) as server, client(server) as mta:
            assert len(mta.mail(SIGNER.sign(message(number=11))).inserted) == 1


def a_daemon_that_dies_in_the_middle_costs_no_stamp():
    """40 mails on 8 connections while frankd is killed and started again: each has its stamp."""
    texts = [SIGNER.sign(message(number=100 + i)) for i in range(40)]
    results = []

    def deliver(server, part):
        with client(server) as mta:
            for text in part:
                results.append(len(mta.mail(text).inserted))

    with harness.Frankd(["--factor", "2000000", "--device", "cpu:0"]) as frankd, \
            milter(frankd, "--deadline", "120s") as server:
        threads = [threading.Thread(target=deliver, args=(server, texts[i::8])) for i in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            time.sleep(0.5)
            frankd.process.kill()
            frankd.process.wait(60)
            frankd.start()
        for thread in threads:
            thread.join(patience(150))
        assert results == [1] * 40, results
        assert not log_events(server.lines, "unstamped")


def settings_are_read_again():
    folder = os.path.join(FOLDER, "reload")
    os.makedirs(folder, exist_ok=True)
    with daemon() as frankd, frank_milter("mint", "--connect", frankd.ipc, folder=folder,
                                          config="max_recipients = 1;") as server:
        path = [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".conf")][0]
        two = {"recipients": ["a@x.test", "b@x.test"]}
        with client(server) as mta:
            assert not mta.mail(SIGNER.sign(message()), **two).inserted
        with open(path, "w", encoding="utf-8") as file:
            file.write('max_recipients = 2; socket_mode = "0600";')
        os.kill(server.pid, 1)
        assert last(server, "reloaded")
        told = {e["key"]: e["result"] for e in log_events(server.lines, "reload")}
        assert told == {"max_recipients": "changed", "socket_mode": "needs-a-restart"}, told
        with client(server) as mta:
            assert mta.mail(SIGNER.sign(message()), **two).inserted
        with open(path, "w", encoding="utf-8") as file:
            file.write("max_recipients = many;")
        os.kill(server.pid, 1)
        assert "max_recipients" in last(server, "reload-failed")["why"]
        with client(server) as mta:
            assert mta.mail(SIGNER.sign(message()), **two).inserted


def counters_outlive_their_processes():
    """The filter, then the keeper is killed: what was counted before counts on."""
    folder = os.path.join(FOLDER, "counters")
    file = os.path.join(folder, "mint.prom")
    os.makedirs(folder, exist_ok=True)
    config = f'metrics = "{file}";'
    with daemon() as frankd, frank_milter("mint", "--connect", frankd.ipc, folder=folder,
                                          config=config) as server:
        def deliver():
            with client(server) as mta:
                return len(mta.mail(SIGNER.sign(message())).inserted)

        def filter_pid():
            return [pid for pid, name in harness.children_of(server.pid) if "filter" in name[-7:] or
                    name.startswith("frank-milter")][0]

        assert deliver() == 1
        os.kill(filter_pid(), 9)
        assert last(server, "filter-back")
        assert deliver() == 1
        child = filter_pid()
        server.kill()
        harness.wait_until("the filter ends with its keeper",
                           lambda: not os.path.exists(f"/proc/{child}"))
        server.start()
        assert deliver() == 1
        server.end()
        assert metrics(file)['frank_milter_stamped_total{met="yes"}'] == 3, metrics(file)


def mails_under_way_come_to_their_end():
    """SIGTERM during a mint of 4 s: the mail still gets its stamp, and the milter ends."""
    def it_gets_its_stamp(_):
        results = []
        with daemon("--max-factor", str(HOPELESS)) as frankd, \
                milter(frankd, "--deadline", "4s", "--factor", str(HOPELESS)) as server, \
                client(server) as mta:
            text = SIGNER.sign(message(number=12))
            thread = threading.Thread(target=lambda: results.append(len(mta.mail(text).inserted)))
            thread.start()
            harness.wait_until("the filter is at it", mta.under_way.is_set)
            assert server.end() == 0
            thread.join(patience(20))
        assert results == [1], results

    harness.one_try_passes(3, it_gets_its_stamp)


def miltertest_agrees():
    """The script of OpenDKIM's own tool for milters, another implementation of the mail server's
    side."""
    if not shutil.which("miltertest"):
        raise harness.Skip("miltertest is not installed")
    text = SIGNER.sign(message(number=13))
    head = text[:text.index(b"\r\nFrom:")].partition(b":")[2].strip().decode().replace("\r\n", "\n")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "milter_mint.lua")
    with daemon() as frankd, milter(frankd) as server:
        done = subprocess.run(["miltertest", "-s", script, "-D", f"port={server.port_number}", "-D",
                               f"signature={head}"], capture_output=True, text=True,
                              timeout=patience(60), check=False)
        assert done.returncode == 0, (done.stdout, done.stderr)


def metrics_pass_promtool():
    """Both modes' files, and the alerts that the package installs."""
    if not shutil.which("promtool"):
        raise harness.Skip("promtool is not installed")
    rules = os.path.join(os.environ["FRANK_SOURCE"], "host/package/frank.rules.yml")
    done = subprocess.run(["promtool", "check", "rules", rules], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done
    names = set()
    for mode in ("mint", "verify"):
        file = os.path.join(FOLDER, f"{mode}-promtool.prom")
        with frank_milter(mode, "--metrics", file, folder=FOLDER) as server:
            server.end()
        with open(file, encoding="utf-8") as text:
            done = subprocess.run(["promtool", "check", "metrics"], input=text.read(),
                                  capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0 and not done.stderr, (mode, done)
        names |= {name.partition("{")[0] for name in metrics(file)}
    with open(rules, encoding="utf-8") as text:
        used = set(re.findall(r"\bfrank_milter_\w+", text.read()))
    assert used and used <= names, used - names


def bad_input_is_named():
    path = harness.program("frank-milter")
    cases = [
        (["--mode", "both"], 78, "--mode"),
        (["--socket", "8895"], 78, "--socket"),
        (["--socket", "inet:99999@127.0.0.1"], 78, "--socket"),
        (["--connect", "http://x"], 78, "--connect"),
        (["--deadline", "0s"], 78, "--deadline"),
        (["--skip-domains", "*"], 78, "--skip-domains"),
        (["--local-domains", "a.*.test"], 78, "--local-domains"),
        (["--local-domains", "list@"], 78, "--local-domains"),
        (["--connect", "tcp://192.0.2.1:5757"], 78, "client_keys"),
        (["--client-keys", "/no/such"], 78, "client_keys: /no/such: No such file"),
        (["--config", "/nowhere/x.conf"], 78, "/nowhere/x.conf"),
        (["--frobnicate"], 2, "frobnicate"),
        (["extra"], 2, "extra"),
        (["--socket", "inet:1@192.0.2.1", "--state", FOLDER], 1, "inet:1@192.0.2.1"),
        (["--state", "/proc/nowhere"], 1, "/proc/nowhere"),
    ]
    for args, status, named in cases:
        base = [] if "--config" in args else ["--config", "/dev/null"]
        done = subprocess.run([path, *base, *args], capture_output=True, text=True,
                              timeout=patience(30), check=False)
        assert done.returncode == status and named in done.stderr, (args, done)
    with milter(None) as server:
        done = subprocess.run([path, "--config", "/dev/null", "--state", FOLDER, "--socket",
                               f"inet:{server.port_number}@127.0.0.1"], capture_output=True,
                              text=True, timeout=patience(30), check=False)
        assert done.returncode == 1 and "cannot listen" in done.stderr, done


def test():
    global FOLDER, SIGNER
    FOLDER = make_folder()
    try:
        SIGNER = Signer(FOLDER)
        run_cases(a_stamp_is_put_at_the_top, rules_leave_mail_alone,
                  a_mail_with_a_stamp_is_left_alone, folded_and_odd_signatures_are_read,
                  signing_domains_choose, hostile_headers_are_bounded,
                  without_a_daemon_mail_goes_on_and_is_counted,
                  the_deadline_gives_the_best_that_was_found,
                  the_next_daemon_is_asked_where_one_is_away,
                  a_daemon_that_dies_in_the_middle_costs_no_stamp, settings_are_read_again,
                  counters_outlive_their_processes, mails_under_way_come_to_their_end,
                  bad_input_is_named, miltertest_agrees, metrics_pass_promtool)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    harness.run(test)
