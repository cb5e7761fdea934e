"""frank-milter --mode verify at the milter protocol: every result of the spec of MSMR v1, forged
fields, replays, hostile mail, and where the factor comes from."""

import json
import os
import re
import shutil
import signal
import time

import harness
from daemon_support import patience, sanitized
from dns_server import Nsd, txt
from mail_support import Server
from milter_support import (AUTHSERV_ID, FACTOR, MilterClient, SENDER, Signer, apply, b_of,
                            log_events, make_folder, message, metrics, result_of, run_cases,
                            short_stamp, stamp, verify_milter)
from published_support import Publisher

FOLDER = None
SIGNER = None
NUMBER = iter(range(1, 100000))


def client(server):
    return MilterClient(("127.0.0.1", server.port_number))


def verifier(*args, **options):
    return verify_milter(FOLDER, SIGNER, *args, **options)


def fresh(**options):
    """A signed message that nobody has seen."""
    return SIGNER.sign(message(number=next(NUMBER), **options))


def judge(mta, text, **options):
    return result_of(mta.mail(text, **options))


def each_result_of_the_spec():
    good = stamp(fresh())
    n = re.search(rb"n=([0-9a-f]+)", good)[1]
    tampered = good.replace(b"Hello.", b"Hallo.")
    moved = re.match(rb"MSMR-Key:.*?\r\n\t.*?\r\n", good, re.S)[0] + fresh()
    weak = short_stamp(fresh, FACTOR)
    cases = [
        (good, "pass", f"factor {FACTOR}"),
        (fresh(), "none", ""),
        (weak, "policy", "factor"),
        (tampered, "policy", "dkim"),
        (moved, "fail", ""),
        (good.replace(b"n=" + n, b"n=0" + n[1:] if n[:1] != b"0" else b"n=1" + n[1:]), "fail", ""),
        (good.replace(b"MSMR-Key: v=1;", b"MSMR-Key: v=2;"), "neutral", ""),
        (good.replace(b"a=rsa-sha256; n=", b"a=rsa-sha1; n="), "neutral", ""),
        (good.replace(b"MSMR-Key: v=1;", b"MSMR-Key: v=1; v=1;"), "permerror", ""),
        (good.replace(b"n=" + n + b";", b""), "permerror", ""),
        (b"MSMR-Key: nonsense\r\n" + good, "pass", ""),
    ]
    with verifier() as server, client(server) as mta:
        for number, (text, result, part) in enumerate(cases):
            changes = mta.mail(text, queue=f"4V{number}")
            found, value = result_of(changes)
            assert changes.verdict == "c" and found == result and part in value, (number, value)
            assert changes.inserted[0][0] == 0 and not changes.changed
            if result == "pass":
                assert f'header.b={b_of(text)[:8]}' in value.replace('"', ""), value
                assert f"policy.factor={FACTOR} policy.source=fixed" in value, value
            assert "\r" not in changes.value("Authentication-Results")
            assert all(len(line) <= 78 for line in
                       ("Authentication-Results:" + changes.value("Authentication-Results")
                        ).replace("\t", " " * 8).split("\n")), changes.inserted
            harness.wait_until("its line", lambda: any(
                e["queue"] == f"4V{number}" and e["result"] == result
                for e in log_events(server.lines, "judged")))


def the_mail_rules_hold():
    def signed(**options):
        fields = options.pop("fields", None)
        sign = options.pop("sign", {})
        return stamp(SIGNER.sign(message(number=next(NUMBER), **options), fields, **sign))

    two_to = signed(more=b"To: eve@rcpt.test\r\n")
    no_to = signed(to="")
    uncovered = signed(fields=[b"from", b"subject", b"date", b"message-id"])
    with_length = signed(sign={"length": True})
    groups = signed(to='Friends: "Bob, the" <BOB@rcpt.test>, eve@rcpt.test;')
    cc = signed(more=b"Cc: eve@rcpt.test\r\n")
    bob, eve = ["bob@rcpt.test"], ["eve@rcpt.test"]
    cases = [
        (signed(), {"recipients": ["Bob@RCPT.test"]}, "pass", ""),
        (signed(), {"recipients": eve}, "policy", "recipient"),
        (signed(), {"recipients": bob + eve}, "policy", "recipient"),
        (signed(), {"recipients": ["all@lists.test"]}, "pass", ""),
        (groups, {"recipients": bob + eve}, "pass", ""),
        (cc, {"recipients": bob + eve}, "pass", ""),
        (two_to, {"recipients": bob}, "policy", "cover"),
        (no_to, {"recipients": bob}, "policy", "cover"),
        (uncovered, {"recipients": bob}, "policy", "cover"),
        (with_length, {"recipients": bob}, "policy", "cover"),
    ]
    with verifier(config='lists = ["*.lists.test", "lists.test"];') as server, \
            client(server) as mta:
        for number, (text, options, result, part) in enumerate(cases):
            found, value = judge(mta, text, **options)
            assert found == result and part in value, (number, value)
    with verifier(config='rules = ["dkim"];') as server, client(server) as mta:
        for text, options, _, _ in cases:
            assert judge(mta, text, **options)[0] == "pass", text
        assert judge(mta, signed().replace(b"Hello.", b"Hallo."))[0] == "policy"


def old_and_future_signatures():
    """t= and x= by dkimpy's own clock, which is moved for it."""
    import dkim
    real = dkim.time.time
    texts = {}
    try:
        for name, shift in (("old", -29 * 86400), ("recent", -27 * 86400), ("ahead", 7200),
                            ("clock", 600)):
            dkim.time.time = lambda shift=shift: real() + shift
            texts[name] = stamp(fresh())
    finally:
        dkim.time.time = real
    with verifier() as server, client(server) as mta:
        for name, result in (("old", "policy"), ("recent", "pass"), ("ahead", "policy"),
                             ("clock", "pass")):
            found, value = judge(mta, texts[name])
            # libopendkim itself refuses one that is an hour ahead
            assert found == result, (name, value)
            assert result == "pass" or "age: " in value or "dkim: " in value, (name, value)


def forged_results_do_not_survive():
    good = stamp(fresh())
    variants = [
        f"Authentication-Results: {AUTHSERV_ID}; x-msmr=pass",
        f"authentication-results:{AUTHSERV_ID.upper()};X-MSMR=pass",
        f"Authentication-Results: (comment) {AUTHSERV_ID} 1; spf=pass; x-msmr/1 = pass",
        f"Authentication-Results: \"{AUTHSERV_ID}\";\r\n\tdkim=pass;\r\n\tx-msmr=pass",
        f"Authentication-Results: {AUTHSERV_ID}; x-msmr(x)=(y)pass",
    ]
    others = [
        f"Authentication-Results: {AUTHSERV_ID}; dkim=pass header.b=AAAAAAAA",
        "Authentication-Results: elsewhere.test; x-msmr=pass",
        f"X-Authentication-Results: {AUTHSERV_ID}; x-msmr=pass",
    ]
    with verifier("--rules", "dkim") as server, client(server) as mta:
        for count in (1, 2, 15, 16, 17, 63, 64, 200):
            lines = [variants[i % len(variants)] for i in range(count)]
            forged = "\r\n".join(lines[:count // 2] + others + lines[count // 2:]) + "\r\n"
            text = forged.encode() + good
            changes = mta.mail(text)
            left = apply(text, changes)
            head = left[:left.index(b"\r\n\r\n")].decode()
            ours = re.findall(r"(?im)^authentication-results:(?:.*\r\n[ \t])*.*", head)
            claims = [field for field in ours if "x-msmr" in field.lower() and
                      AUTHSERV_ID in field.lower()]
            assert len(claims) == 1 and claims[0] in head[:len(claims[0]) + 1], (count, claims)
            assert len(changes.changed) == count and all(line in head for line in others), count
            assert result_of(changes)[0] == "pass"


def the_dkim_result_can_come_from_a_filter_before():
    good = stamp(fresh())
    b = b_of(good)[:8]

    def said(result, name=AUTHSERV_ID, prefix=b):
        return f'Authentication-Results: {name}; dkim={result} header.b="{prefix}"\r\n'.encode()

    cases = [
        (said("pass"), "pass"), (said("fail"), "policy"), (said("temperror"), "temperror"),
        (b"", "policy"), (said("pass", name="evil.test"), "policy"),
        (said("pass", prefix="AAAAAAAA"), "policy"),
        (said("fail") + said("pass"), "policy"),  # the topmost counts
        (said("pass", name="evil.test") + said("pass"), "pass"),
    ]
    with verifier("--rules", "dkim", config="dkim = header;") as server, client(server) as mta:
        for number, (fields, result) in enumerate(cases):
            changes = mta.mail(fields + good)
            assert result_of(changes)[0] == result and not changes.changed, (number, changes.inserted)


def replays_are_counted():
    good = stamp(fresh())
    pair = stamp(fresh(to="bob@rcpt.test, eve@rcpt.test"))
    with verifier() as server:
        with client(server) as mta:
            for _ in range(3):
                assert judge(mta, good)[0] == "pass"
            found, value = judge(mta, good)
            assert found == "policy" and "replay: " in value and "4" in value, value
            assert judge(mta, pair, recipients=["bob@rcpt.test"])[0] == "pass"
            assert judge(mta, pair, recipients=["eve@rcpt.test"])[0] == "pass"
        # the store outlives the milter
        server.restart()
        with client(server) as mta:
            found, value = judge(mta, good)
            assert found == "policy" and "replay" in value, value
            # a mail that fails DKIM fills nobody's count
            other = stamp(fresh())
            for _ in range(5):
                judge(mta, other.replace(b"Hello.", b"Hallo."))
            assert judge(mta, other)[0] == "pass"
    # without the rule that holds recipients to To:, one stamp for many is told by its count
    wide = stamp(fresh())
    with verifier("--rules", "dkim", "--rules", "replay") as server, client(server) as mta:
        results = [judge(mta, wide, recipients=[f"user{i}@rcpt.test"]) for i in range(4)]
        assert [found for found, _ in results] == ["pass", "policy", "policy", "policy"], results
        assert "4" in results[3][1] and "replay" in results[3][1], results[3]


def a_store_that_cannot_be_had_is_temperror():
    folder = os.path.join(FOLDER, "damaged")
    file = os.path.join(folder, "verify.prom")
    os.makedirs(folder, exist_ok=True)
    with verify_milter(folder, SIGNER, "--metrics", file) as server:
        state = [os.path.join(folder, n) for n in os.listdir(folder) if
                 os.path.isdir(os.path.join(folder, n))][0]
        with client(server) as mta:
            assert judge(mta, stamp(fresh()))[0] == "pass"
        for name in os.listdir(state):
            if name.startswith("replay.db"):
                with open(os.path.join(state, name), "r+b") as db:
                    size = os.path.getsize(os.path.join(state, name))
                    db.write(os.urandom(size))
        with client(server) as mta:
            found, value = judge(mta, stamp(fresh()))
            assert found == "temperror", value
            assert judge(mta, fresh())[0] == "none"
        server.end()
        assert metrics(file)["frank_milter_replay_store_failures_total"] >= 1


def a_store_that_was_removed_is_followed():
    """Both processes go on with the file that stands there: else nobody would expire its records."""
    folder = os.path.join(FOLDER, "removed")
    os.makedirs(folder, exist_ok=True)

    def holds_removed(server):
        names = []
        for fd in os.listdir(f"/proc/{server.pid}/fd"):
            try:
                names.append(os.readlink(f"/proc/{server.pid}/fd/{fd}"))
            except OSError:  # closed since
                pass
        assert any(f"{folder}/" in name for name in names), names
        return any("replay.db" in name and name.endswith("(deleted)") for name in names)

    with verify_milter(folder, SIGNER) as server:
        state = [os.path.join(folder, n) for n in os.listdir(folder) if
                 os.path.isdir(os.path.join(folder, n))][0]
        for name in os.listdir(state):
            if name.startswith("replay.db"):
                os.unlink(os.path.join(state, name))
        with client(server) as mta:
            assert judge(mta, stamp(fresh()))[0] == "pass"
        assert os.path.exists(os.path.join(state, "replay.db")) and holds_removed(server)
        os.kill(server.pid, signal.SIGHUP)
        harness.wait_until("the keeper has the new file", lambda: not holds_removed(server))
        with client(server) as mta:
            assert judge(mta, stamp(fresh()))[0] == "pass"


def hostile_mail_is_bounded():
    """500 signatures with keys of a slow DNS, and 1,000 recipients: time and look-ups bounded."""
    signed = fresh()
    good = stamp(signed)
    key = re.match(rb"MSMR-Key:.*?\r\n\t.*?\r\n", good, re.S)[0]
    signature = re.search(rb"DKIM-Signature:.*?\r\n(?![ \t])", good, re.S)[0]
    many = key * 500 + signature * 500 + good
    record = "v=DKIM1; k=rsa; p=" + public_key()
    zone = f"s1._domainkey IN {txt(record[:200], record[200:])}"
    with Nsd({SENDER: zone}) as nsd:
        with verify_milter(FOLDER, SIGNER, "--dkim-keys", "", "--dns-servers",
                           f"127.0.0.1@{nsd.port}", "--look-up-limit", "60s") as server, \
                client(server) as mta:
            assert judge(mta, good)[0] == "pass"
            child = harness.children_of(server.pid)[0][0]
            start = harness.cpu_seconds(child)
            found, value = judge(mta, many)
            spent_s = harness.cpu_seconds(child) - start
            assert found in ("pass", "policy") and spent_s < patience(5), (value, spent_s)
            before = harness.memory_kib(child)
            for _ in range(10):
                judge(mta, many, recipients=[f"user{i}@d{i % 50}.test" for i in range(1000)])
            after = harness.memory_kib(child)
            assert sanitized() or after - before < 64 << 10, (before, after)
    # nobody answers: temperror within the limit
    with verify_milter(FOLDER, SIGNER, "--dkim-keys", "", "--dns-servers",
                       f"127.0.0.1@{harness.free_port()}", "--look-up-limit", "1s") as server, \
            client(server) as mta:
        found, value = judge(mta, stamp(fresh()))
        assert found == "temperror", value
    # a header that nobody can read whole
    with verifier() as server, client(server) as mta:
        huge = b"".join(b"X-Huge: " + b"x" * 60000 + b"\r\n" for _ in range(20))
        found, value = judge(mta, huge + good)
        assert found == "permerror", value
        forged = f"Authentication-Results: {AUTHSERV_ID}; x-msmr=pass\r\n".encode()
        changes = mta.mail(forged + huge + forged + good)
        assert len(changes.changed) == 2 and result_of(changes)[0] == "permerror"
        mta2 = client(server)
        mta2.envelope("a@sender.test", ["b@rcpt.test"])
        mta2.socket.close()
        assert judge(mta, stamp(fresh()))[0] == "pass"


def public_key():
    with open(SIGNER.keys, encoding="utf-8") as file:
        return file.read().split("p=")[1].strip()


def hang_up(server, event):
    """SIGHUP; the words of the event that it ends in."""
    seen = len(log_events(server.lines, event))
    os.kill(server.pid, 1)
    harness.wait_until(event, lambda: len(log_events(server.lines, event)) > seen)
    return log_events(server.lines, event)[-1]


def the_factor_comes_from_a_publisher():
    """A published factor, its change with the one before it still counting, and a mode."""
    now = int(time.time())
    publisher = Publisher(factor=FACTOR, epoch=7)
    url = f"http://127.0.0.1:{publisher.port}"
    low = short_stamp(fresh, FACTOR << 6, FACTOR)
    try:
        with verifier("--factor-url", url, factor=0) as server:
            server.wait_events("factor", factor=str(FACTOR))
            with client(server) as mta:
                found, value = judge(mta, low)
                assert found == "pass" and "policy.source=authority.example#7" in \
                    value.replace('"', ""), value
            publisher.publish(factor=FACTOR << 6, epoch=8, mode="testing",
                              previous={"epoch": 7, "factor": FACTOR, "until": now + 600})
            os.kill(server.pid, 1)  # has the source asked again
            server.wait_events("factor", factor=str(FACTOR << 6))
            with client(server) as mta:
                found, value = judge(mta, low)
                assert found == "pass" and "policy.mode=testing" in value, value
                assert f"policy.factor={FACTOR} " in value and "#7" in value, value
    finally:
        publisher.stop()


def the_factor_comes_from_a_frankd():
    with harness.Frankd(["--factor", str(FACTOR), "--device", "cpu:0"]) as frankd:
        with verifier("--connect", frankd.ipc, factor=0) as server, client(server) as mta:
            server.wait_events("factor", factor=str(FACTOR))
            found, value = judge(mta, stamp(fresh()))
            assert found == "pass" and f"policy.factor={FACTOR} policy.source=fixed" in value, value
    # one that does not answer, after a reload: the factor from before counts, and the log says so
    folder = os.path.join(FOLDER, "away")
    os.makedirs(folder, exist_ok=True)
    with verify_milter(folder, SIGNER, config=f"factor = {FACTOR};", factor=None) as server:
        path = [os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".conf")][0]
        with open(path, "w", encoding="utf-8") as file:
            file.write('connect = "ipc:///nowhere/mint.sock";')
        hang_up(server, "reloaded")
        assert "/nowhere/mint.sock" in log_events(server.lines, "factor-kept")[0]["why"]
        with client(server) as mta:
            assert judge(mta, stamp(fresh()))[0] == "pass"
    # none can be had: mail with a stamp is temperror, mail without is none
    with verifier("--connect", "ipc:///nowhere/mint.sock", factor=0) as server, \
            client(server) as mta:
        assert judge(mta, stamp(fresh()))[0] == "temperror"
        assert judge(mta, fresh())[0] == "none"


def a_reload_is_all_or_nothing():
    """A resolver that is not there, another mode: the old settings stay, each of them."""
    folder = os.path.join(FOLDER, "reload")
    path, resolver = os.path.join(folder, "conf"), os.path.join(folder, "frank-resolver")
    os.makedirs(folder, exist_ok=True)
    for name in ("frank-milter", "frank-milter-filter"):
        shutil.copy(harness.program(name), folder)

    def configure(text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'authserv_id = "{AUTHSERV_ID}"; dkim_keys = "{SIGNER.keys}"; ' + text)

    configure(f"mode = verify; floor = {FACTOR};")
    port = harness.free_port()
    other = f'floor = {FACTOR << 20}; factor_url = "http://127.0.0.1:1"; report_none = false;'
    with Server("frank-milter", [os.path.join(folder, "frank-milter"), "--config", path, "--socket",
                                 f"inet:{port}@127.0.0.1", "--state", folder]) as server:
        server.port_number = port
        configure("mode = verify; " + other)
        why = hang_up(server, "reload-failed")["why"]
        assert "frank-resolver" in why, why
        time.sleep(2.5)  # the factor is looked at each second
        assert [e["factor"] for e in log_events(server.lines, "factor")] == [str(FACTOR)]
        assert not log_events(server.lines, "reload")
        configure("mode = mint; " + other)
        assert "mode" in hang_up(server, "reload-failed")["why"]
        with client(server) as mta:
            assert judge(mta, stamp(fresh()))[0] == "pass" and judge(mta, fresh())[0] == "none"
        # with the resolver it is taken over, and what has changed is told against what was in force
        configure("mode = verify; " + other)
        shutil.copy(harness.program("frank-resolver"), resolver)
        hang_up(server, "reloaded")
        told = {e["key"]: e["result"] for e in log_events(server.lines, "reload")}
        assert told == dict.fromkeys(("floor", "factor_url", "report_none"), "changed"), told
        harness.wait_until("the floor", lambda: log_events(server.lines, "factor")[-1]["factor"] ==
                           str(FACTOR << 20))
        with client(server) as mta:
            assert judge(mta, short_stamp(fresh, FACTOR << 20, FACTOR))[0] == "policy"
            assert not mta.mail(fresh()).inserted
        # without such a source it ends, and leaves nothing; with one it is there again
        for text, count in ((f"floor = {FACTOR};", 1), (other, 2), (f"floor = {FACTOR};", 1)):
            configure("mode = verify; " + text)
            hang_up(server, "reloaded")
            harness.wait_until("its children", lambda count=count:
                               len(harness.children_of(server.pid)) == count)


def the_estimation_is_told():
    """What mail showed and was reaches the store from which a factor is estimated."""
    from cli_support import frank
    folder = os.path.join(FOLDER, "observe")
    file = os.path.join(folder, "verify.prom")
    os.makedirs(folder, exist_ok=True)
    with verify_milter(folder, SIGNER, "--metrics", file, config="observe = true;") as server, \
            client(server) as mta:
        state = [os.path.join(folder, n) for n in os.listdir(folder) if
                 os.path.isdir(os.path.join(folder, n))][0]
        for _ in range(3):
            judge(mta, stamp(fresh()))
        judge(mta, b"X-Spam-Flag: YES\r\n" + stamp(fresh()))
        judge(mta, b"X-Spam-Flag: YES\r\n" + fresh())
        server.end()
    counted = metrics(file)
    assert counted["frank_milter_observed_total"] == 5, counted
    assert counted["frank_milter_observed_lost_total"] == 0, counted
    done = frank("factor", "--estimate", "--state", state, "--factor", str(FACTOR), "--json")
    assert done.returncode == 0, done
    data = json.loads(done.stdout.decode().splitlines()[-1])["data"]
    assert (data["stamped_ham"], data["stamped_spam"], data["unstamped_spam"]) == (3, 1, 1), data


def bad_input_is_named():
    import subprocess
    path = harness.program("frank-milter")
    missing = os.path.join(FOLDER, "no-keys")
    cases = [
        (["--rules", "dkim", "--rules", "magic"], 78, "magic"),
        (["--authserv-id", "a b"], 78, "--authserv-id"),
        (["--factor-key", "QUFBQQ=="], 78, "factor-key"),
        (["--factor-url", "ftp://x"], 78, "--factor-url"),
        (["--factor-url", "http://elsewhere.test"], 78, "http://elsewhere.test"),
        (["--dns-servers", "localhost"], 78, "--dns-servers"),
        (["--dkim-keys", missing], 78, missing),
        (["--floor", "100", "--max-factor", "10"], 78, "floor"),
    ]
    for args, status, named in cases:
        done = subprocess.run([path, "--config", "/dev/null", "--mode", "verify", "--state", FOLDER,
                               "--socket", f"inet:{harness.free_port()}@127.0.0.1", *args],
                              capture_output=True, text=True, timeout=patience(30), check=False)
        assert done.returncode == status and named in done.stderr, (args, done)


def test():
    global FOLDER, SIGNER
    FOLDER = make_folder()
    try:
        SIGNER = Signer(FOLDER)
        run_cases(each_result_of_the_spec, the_mail_rules_hold, old_and_future_signatures,
                  forged_results_do_not_survive, the_dkim_result_can_come_from_a_filter_before,
                  replays_are_counted, a_store_that_cannot_be_had_is_temperror,
                  a_store_that_was_removed_is_followed,
                  hostile_mail_is_bounded, the_factor_comes_from_a_publisher,
                  the_factor_comes_from_a_frankd, a_reload_is_all_or_nothing,
                  the_estimation_is_told, bad_input_is_named)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    harness.run(test)
