"""`frank mint` and `frank verify` by factors that others publish, without a frankd: by a URL and by the
recipients' records in DNS, and what happens where nothing good is to be had."""

import json
import os
import signal
import subprocess
import time

from cli_support import FLOOR, check_header, frank, in_time, program, read, run, sample, soon
from dns_server import Silent
from factor_server import MODES, FactorServer, Key, base64url
from harness import wait_until
from published_support import (B, MAX_FACTOR, MESSAGE, Home, Publisher, dead_url, names,
                               need_resolver, never, record_of)


# ---- mint ----

def mint_takes_what_is_published():
    need_resolver()
    key = Key()
    for signed in (False, True):
        with Home() as home, Publisher(key=key if signed else None) as publisher:
            args = ["--factor-url", publisher.url] + (["--factor-key", key.public_base64] if signed else [])
            done = home.frank("mint", "--b", B, "--json", *args)
            record = record_of(done)
            assert record["factor"] == 2000 and record["source"] == "authority.example#412", record
            assert done.stderr == "", done
            check_header(record["header"].encode(), "rsa-sha256", B, 2000, b"\r\n")
            path = "/.well-known/msmr/factor.jws" if signed else "/.well-known/msmr/factor"
            assert publisher.asked[0] == path, publisher.asked
            plan = record_of(home.frank("mint", "--b", B, "--json", "--dry-run", *args))
            assert plan["factor"] == 2000 and plan["source"] == "authority.example#412", plan
            text = home.frank("mint", "--b", B, "--dry-run", *args)
            assert b"2000 (10.97 bits, source authority.example#412)" in text.stdout, text
            passed = home.frank("mint", "--filter", *args, stdin=MESSAGE)
            assert passed.returncode == 0 and passed.stdout.endswith(MESSAGE), passed
            again = home.frank("mint", "--filter", *args, stdin=passed.stdout)
            assert again.stdout == passed.stdout and "already stamped" in again.stderr, again


def mint_takes_the_largest_of_the_recipients():
    need_resolver()
    records = {"low": "v=MSMR1; f=1000", "high": "v=MSMR1; f=3000; e=7",
               "none": "v=MSMR1; u=https://x.example", "hostile": f"v=MSMR1; f={MAX_FACTOR + 1}",
               "limit": f"v=MSMR1; f={MAX_FACTOR}", "broken": "v=MSMR1; f=x",
               "other": "v=spf1 -all"}
    cases = [  # recipients, factor, source, what is noted
        (["low.example"], 1000, "dns:low.example", ""),
        (["a@LOW.example", "b@low.example."[:-1]], 1000, "dns:low.example", ""),
        (["low.example", '"a b"@high.example'], 3000, "dns:high.example", ""),
        (["low.example", "none.example"], FLOOR, "floor", ""),
        (["low.example", "other.example"], FLOOR, "floor", ""),
        (["low.example", "absent.example"], FLOOR, "floor", ""),
        (["low.example", "a@[192.0.2.1]"], FLOOR, "floor", ""),
        (["low.example", "hostile.example"], FLOOR, "floor", "hostile.example"),
        (["low.example", "broken.example"], FLOOR, "floor", "broken.example"),
        (["limit.example", "hostile.example"], MAX_FACTOR, "dns:limit.example", str(MAX_FACTOR + 1)),
    ]
    with Home() as home, names(records) as nsd:
        for recipients, factor, source, noted in cases:
            to = [word for name in recipients for word in ("--to", name)]
            done = home.frank("mint", "--b", B, "--dry-run", "--json", "--dns-server", nsd.address,
                              *to)
            plan = record_of(done)
            assert (plan["factor"], plan["source"]) == (factor, source), (recipients, plan, done)
            assert (noted in done.stderr if noted else done.stderr == ""), (recipients, done)
        # Where a domain publishes none, the named source is the default.
        with Publisher(factor=2000) as publisher:
            args = ["mint", "--b", B, "--dry-run", "--json", "--dns-server", nsd.address,
                    "--factor-url", publisher.url]
            for recipients, factor, source in (
                    (["low.example", "absent.example"], 2000, "authority.example#412"),
                    (["high.example", "absent.example"], 3000, "dns:high.example"),
                    (["low.example"], 1000, "dns:low.example")):
                to = [word for name in recipients for word in ("--to", name)]
                plan = record_of(home.frank(*args, *to))
                assert (plan["factor"], plan["source"]) == (factor, source), (recipients, plan)
        # A dead source that nobody needs.
        args[args.index("--factor-url") + 1] = dead_url()
        plan = record_of(home.frank(*args, "--to", "low.example"))
        assert plan["source"] == "dns:low.example", plan
        record = record_of(home.frank(*args, "--to", "absent.example"), 3)
        assert record["error"] == "no-factor", record
        many = [word for i in range(998) for word in ("--to", f"a@d{i}.example")]
        done = home.frank("mint", "--b", B, "--dry-run", "--json", "--dns-server", nsd.address,
                          *many, "--to", "high.example", "--factor", "7")
        assert record_of(done)["factor"] == 7, done
        done = home.frank("mint", "--b", B, "--dry-run", "--json", "--dns-server", nsd.address,
                          *many, "--to", "high.example", late=never)  # as it comes
        plan = record_of(done)
        assert plan["factor"] == FLOOR and done.stderr.count("frank mint:") <= 1, (plan, done.stderr)


def a_given_factor_asks_nobody():
    with Home() as home, Publisher() as publisher, Silent() as dns:
        record = record_of(home.frank("mint", "--b", B, "--json", "--factor", "100", "--to",
                                      "low.example", "--dns-server", dns.address))
        assert record["source"] == "request" and dns.asked == [], (record, dns.asked)
        clash = home.frank("mint", "--b", B, "--factor", "100", "--factor-url", publisher.url)
        assert clash.returncode == 2 and "exclude" in clash.stderr, clash
        assert publisher.asked == [], publisher.asked


def silent_dns_leaves_the_floor():
    need_resolver()
    with Home() as home, Silent() as dns:
        server = ["--dns-server", dns.address]

        def both_are_asked_for():
            # Soon: it does not wait for what mail cannot wait for.
            done = soon(10, lambda: home.frank("mint", "--b", B, "--dry-run", "--json", *server,
                                               "--to", "a@x.example", "--to", "y.example",
                                               late=never))
            assert record_of(done)["source"] == "floor", done
            assert "2 domains" in done.stderr and "the floor serves" in done.stderr, done
            return {"_msmr.x.example", "_msmr.y.example"} <= set(dns.asked)

        wait_until("both are asked for", both_are_asked_for)
        passed = home.frank("mint", "--filter", "--to", "a@x.example", "--to", "b@X.example", *server,
                            stdin=MESSAGE, late=never)
        assert "the factor of x.example" in passed.stderr, "each domain once: " + passed.stderr
        assert passed.returncode == 0 and passed.stdout.startswith(b"MSMR-Key: "), passed
        assert passed.stdout.endswith(MESSAGE), passed


def a_dead_source_is_told_and_loses_no_mail():
    need_resolver()
    with Home() as home, Publisher() as bad:
        cases = [(dead_url(), [], "onnect")]
        now = int(time.time())
        for name, answer in (("500", (500, b"")), ("404", (404, b"")), ("301", (301, b"")),
                             ("empty", (200, b"")), ("text", (200, b"<html>")),
                             ("nested", (200, b"[" * 10000)),
                             ("zero", (200, json.dumps({**bad.document, "factor": 0}).encode())),
                             ("expired", (200, json.dumps({**bad.document, "issued": now - 9,
                                                           "expires": now - 5}).encode())),
                             ("future", (200, json.dumps({**bad.document, "issued": now + 900,
                                                          "expires": now + 9000}).encode())),
                             ("huge", (200, json.dumps({**bad.document,
                                                        "factor": MAX_FACTOR + 1}).encode()))):
            bad.answers[f"/{name}/.well-known/msmr/factor"] = answer
            cases.append((f"{bad.url}/{name}", [], ""))
        cases.append((f"{bad.url}/500", ["--to", "a@[192.0.2.1]"], "500"))
        for url, args, named in cases:
            done = home.frank("mint", "--b", B, "--factor-url", url, *args)
            assert done.returncode == 3 and done.stdout == b"", (url, done)
            assert url in done.stderr and named in done.stderr, (url, done.stderr)
            assert done.stderr.count("\n") == 1, done.stderr
            record = record_of(home.frank("mint", "--b", B, "--json", "--factor-url", url, *args), 3)
            assert record["error"] == "no-factor" and url in record["message"], record
            passed = home.frank("mint", "--filter", "--factor-url", url, *args, stdin=MESSAGE)
            assert passed.returncode == 0 and passed.stdout == MESSAGE, (url, passed)
            assert url in passed.stderr and "unchanged" in passed.stderr, passed
            held = home.frank("mint", "--filter", "--tempfail", "--factor-url", url, stdin=MESSAGE)
            assert held.returncode == 75 and held.stdout == b"", (url, held)


def whatever_a_source_does_is_a_reason():
    need_resolver()
    key = Key()
    alone = set(MODES) - {"good", "lower epoch", "same epoch", "other issuer"}  # no harm at first
    with Home() as kept, Publisher(key=key) as publisher:
        args = ["mint", "--b", B, "--json", "--dry-run", "--deadline", "6s", "--factor-key",
                key.public_base64, "--factor-url", publisher.url]
        assert kept.keep(*args, text=b"2000")["factor"] == 2000
        for mode in sorted(set(MODES) - {"good", "not modified"}):
            publisher.mode = mode
            if mode in alone:
                with Home() as home:
                    done = home.frank(*args, late=never)
                    assert record_of(done, 3)["error"] == "no-factor", (mode, done)
                    assert done.stderr.count("\n") == 1 and publisher.url in done.stderr, (mode, done)
            done = kept.frank(*args, late=lambda done: "did not start in time" in done.stderr)
            plan = record_of(done)
            assert plan["source"] == "authority.example#412", (mode, done)
            assert "last good document serves" in done.stderr, (mode, done)


def new_keys_come_from_a_set_that_the_old_one_signed():
    need_resolver()
    old, new = Key(), Key()
    with Home() as home, Home() as stranger, Publisher(key=old) as publisher:
        args = ["factor", publisher.url, "--json", "--factor-key", old.public_base64]
        publisher.keys = [old, new]
        publisher.keys_issued += 1
        assert home.keep(*args, text=new.x.encode())["sources"][0]["key"] == old.id
        # The old one is gone: who has seen the set knows the new one, another does not.
        publisher.key = publisher.keys_signer = new
        publisher.keys = [new]
        publisher.keys_issued += 1
        publisher.publish(2100)
        record = record_of(home.frank(*args))
        assert record["sources"][0]["key"] == new.id and record["factor"] == 2100, record
        assert record_of(stranger.frank(*args), 3)["error"] == "no-factor"


def tls_is_checked():
    need_resolver()
    with Home() as home, FactorServer(tls=True) as server, \
            FactorServer(tls="self-signed") as stranger:
        for one in (server, stranger):
            one.publish(2000)
        args = ["factor", server.url, "--json"]
        assert record_of(home.frank(*args, "--ca-file", server.ca_file))["factor"] == 2000
        home.frank("factor", server.url, "--purge")  # which asks without its certificate
        for url, ca in ((server.url, []), (server.url, ["--ca-file", stranger.ca_file]),
                        (stranger.url, ["--ca-file", server.ca_file])):
            done = home.frank("factor", url, "--json", *ca)
            assert record_of(done, 3)["error"] == "no-factor", (url, done)
            assert "certificate" in done.stderr.lower() or "TLS" in done.stderr, done


def signalled(home, publisher, args, number):
    """frank waits for a silent publisher and gets the signal: (status, standard output, standard
    error, seconds after the signal)."""
    asked = len(publisher.asked)
    url = [publisher.url] if args == ["factor"] else ["--factor-url", publisher.url]
    process = subprocess.Popen([program("frank"), *args, *url], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**os.environ, **home.env})
    process.stdin.write(MESSAGE)
    process.stdin.close()
    process.stdin = None
    wait_until("it asked", lambda: len(publisher.asked) > asked or process.poll() is not None)
    process.send_signal(number)
    start = time.monotonic()
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err, time.monotonic() - start


def a_source_that_hangs_has_a_limit():
    need_resolver()
    with Home() as home, Publisher() as publisher:
        publisher.mode = "silent"
        done = soon(15, lambda: home.frank("mint", "--b", B, "--factor-url", publisher.url,
                                           "--deadline", "4s", late=never))
        assert done.returncode == 3 and publisher.url in done.stderr, done
        # A signal ends the waiting; a filter writes nothing and says "later".
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            for args, status in ((["mint", "--b", B, "--json"], -number), (["mint", "--filter"], 75),
                                 (["verify", "--json"], -number), (["factor"], -number)):
                for _ in range(20):
                    code, out, err, waited_s = signalled(home, publisher, args, number)
                    # Well before the source's own time is over, which is 5 s: then it is no news.
                    if code == status and waited_s < 2.5:
                        break
                assert code == status and waited_s < 2.5, (args, number, code, err, waited_s)
                if "--json" in args:
                    assert json.loads(out.splitlines()[-1])["error"] == "cancelled", (args, out)
                else:
                    assert out == b"", (args, out)


def the_last_good_document_serves():
    need_resolver()
    key = Key()
    args = ["mint", "--b", B, "--json", "--dry-run", "--factor-key", key.public_base64, "--factor-url"]
    with Home() as home, Publisher(key=key) as publisher:
        assert home.keep(*args, publisher.url, text=b"2000")["factor"] == 2000
        # Back in epochs, and another's signature: refused, and what was good goes on.
        right = dict(publisher.document)
        publisher.document.update(epoch=411, factor=1)
        done = home.frank(*args, publisher.url)
        assert record_of(done)["factor"] == 2000 and publisher.url in done.stderr, done
        assert "epoch" in done.stderr and "last good document" in done.stderr, done
        publisher.document = {**right, "epoch": 500, "factor": 1}
        publisher.key = Key()
        done = home.frank(*args, publisher.url)
        assert record_of(done)["factor"] == 2000 and "key" in done.stderr, done
        publisher.key = key
        publisher.document = {**right, "epoch": 413, "factor": 2100}
        record = home.keep(*args, publisher.url, text=b"2100")
        assert record["source"] == "authority.example#413", record
        url = publisher.url
        publisher.stop()
        done = home.frank(*args, url)
        assert record_of(done)["factor"] == 2100 and "last good document" in done.stderr, done
        # It belongs to this key: another key knows nothing.
        other = [*args]
        other[other.index(key.public_base64)] = Key().public_base64
        assert record_of(home.frank(*other, url), 3)["error"] == "no-factor"
        # A file that somebody changed is not believed.
        path, text = home.kept()
        with open(path, "wb") as file:
            file.write(text.replace(b"2100", b"2101"))
        assert record_of(home.frank(*args, url), 3)["error"] == "no-factor"
        with open(path, "wb") as file:
            file.write(text)
        assert record_of(home.frank(*args, url))["factor"] == 2100
        # Forgotten on demand.
        done = home.frank("factor", url, "--factor-key", key.public_base64, "--purge", late=never)
        assert done.returncode == 3 and "forgotten" in done.stderr and url in done.stderr, done
        assert home.kept() is None, os.listdir(home.state)
        assert record_of(home.frank(*args, url), 3)["error"] == "no-factor"
        again = home.frank("factor", url, "--factor-key", key.public_base64, "--purge", late=never)
        assert again.returncode == 3 and "nothing was kept" in again.stderr, again


def the_last_good_document_expires():
    need_resolver()
    args = ["mint", "--b", B, "--json", "--dry-run", "--factor-url"]
    for life_s in (5, 10, 20, 40, 80):  # as short as this machine is fast
        with Home() as home, Publisher(expires=int(time.time()) + life_s) as publisher:
            url, expires = publisher.url, publisher.document["expires"]
            home.frank(*args, url)
            publisher.stop()
            served = 0
            while time.time() < expires:
                done = home.frank(*args, url)
                if time.time() >= expires or home.kept() is None:
                    break
                assert record_of(done)["factor"] == 2000, done
                served += 1
            if served == 0:
                continue  # it has expired before it was kept, or could be asked for again
            while time.time() < expires:
                time.sleep(0.1)
            done = home.frank(*args, url)
            assert record_of(done, 3)["error"] == "no-factor" and "expired" in done.stderr, done
            return
    raise AssertionError("no document was kept before it expired")


def nothing_is_kept_without_a_folder():
    need_resolver()
    with Publisher() as publisher, Home() as home:
        for state in (None, "/proc/nowhere/state", "/dev/null"):
            env = {**os.environ}
            for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
                env.pop(name, None)
            if state is not None:
                env["STATE_DIRECTORY"] = state

            def ask(*args):
                return subprocess.run([program("frank"), *args, publisher.url], capture_output=True,
                                      text=True, env=env, timeout=180, check=False)

            done = in_time(lambda: ask("mint", "--b", B, "--json", "--factor-url"))
            assert record_of(done)["factor"] == 2000, (state, done)
            told = in_time(lambda: ask("factor", "--explain"))
            assert told.returncode == 0, told
            assert ("nothing is kept" in told.stderr) == (state is None), (state, told)
        assert not os.path.exists(home.state)


# ---- verify ----

def stamp(factor=1000):
    """A stamped message and how many attempts it shows."""
    record = record_of(frank("mint", "-", "--json", "--factor", str(factor), stdin=MESSAGE))
    message = record["header"].encode().replace(b"\r\n", b"\n") + b"\n" + MESSAGE
    return message, 2**256 // (int(record["h"], 16) + 1)


def verify_honours_the_previous_factor_until_its_time():
    need_resolver()
    message, shown = stamp()
    key = Key()
    with Home() as home, Publisher(key=key) as publisher:
        def verify(*args, text=message):
            return home.frank("verify", "--factor-url", publisher.url, "--factor-key", key.public_base64,
                              *args, stdin=text)

        publisher.document.update(factor=shown - 1)
        record = record_of(verify("--json"))
        assert record["result"] == "pass" and record["factor"] == shown - 1, record
        assert record["source"] == "authority.example#412" and "previous" not in record, record
        publisher.document.update(factor=shown * 2 + 2, epoch=413)
        record = record_of(verify("--json"), 1)
        assert record["result"] == "policy" and record["factor"] == shown * 2 + 2, record
        # The one before counts until its time.
        until = int(time.time()) + 3600
        publisher.document.update(epoch=414, previous={"epoch": 412, "factor": shown - 1,
                                                       "until": until})
        record = record_of(verify("--json"))
        assert record["result"] == "pass" and record["source"] == "authority.example#412", record
        assert record["factor"] == shown - 1 and record["previous"] is True, record
        assert record["until"] == until, record
        # Who meets the new one passes by that.
        publisher.document.update(epoch=415, factor=shown - 1, previous={
            "epoch": 414, "factor": shown - 2, "until": until})
        record = record_of(verify("--json"))
        assert record["source"] == "authority.example#415" and "previous" not in record, record
        publisher.document.update(epoch=416, factor=shown * 2 + 2, previous={
            "epoch": 412, "factor": shown - 1, "until": until})
        text = verify()
        assert text.returncode == 0 and b"policy.source=authority.example#412" in text.stdout, text
        until = int(time.time()) + 3
        publisher.document.update(epoch=417, previous={
            "epoch": 412, "factor": shown - 1, "until": until})
        while time.time() < until:
            done = verify("--json")
            assert done.returncode == 0 or time.time() >= until, done
        record = record_of(verify("--json"), 1)
        assert record["result"] == "policy" and record["source"] == "authority.example#417", record
        assert record["factor"] == shown * 2 + 2, record
        # Not even the one before.
        publisher.document.update(epoch=418, previous={"epoch": 416, "factor": shown * 2,
                                                       "until": int(time.time()) + 3600})
        record = record_of(verify("--json"), 1)
        assert record["result"] == "policy" and record["factor"] == shown * 2, record
        # Testing is told, and changes no result.
        publisher.document.update(epoch=419, mode="testing")
        record = record_of(verify("--json"), 1)
        assert record["mode"] == "testing" and record["result"] == "policy", record
        text = verify()
        assert text.returncode == 1 and b"policy.mode=testing" in text.stdout, text
        publisher.document.pop("mode")
        publisher.document.update(epoch=420)
        assert "mode" not in record_of(verify("--json"), 1)


def verify_cannot_tell_without_a_factor():
    need_resolver()
    message, shown = stamp()
    key = Key()
    now = int(time.time())
    with Home() as home, Publisher(key=key, factor=1) as publisher:
        signed = {name: key.jws(json.dumps({**publisher.document, **changes}).encode())
                  for name, changes in (("expired", {"issued": now - 90, "expires": now - 60}),
                                        ("future", {"issued": now + 900, "expires": now + 9000}))}
        cases = {"dead": None, "plain": (200, json.dumps(publisher.document).encode()),
                 "wrong key": (200, Key().jws(json.dumps(publisher.document).encode())),
                 "expired": (200, signed["expired"]), "future": (200, signed["future"]),
                 "forged": (200, key.jws(b'{"v":1}').split(b".")[0] + b"." + base64url(
                     json.dumps(publisher.document).encode()).encode() + b"." +
                     key.jws(b'{"v":1}').split(b".")[2])}
        for name, answer in cases.items():
            publisher.answers["/.well-known/msmr/factor.jws"] = answer
            url = dead_url() if answer is None else publisher.url
            args = ["verify", "--factor-url", url, "--factor-key", key.public_base64]
            done = home.frank(*args, "--json", stdin=message)
            record = record_of(done, 3)
            assert record["result"] == "temperror" and record["factor"] is None, (name, record)
            assert url in done.stderr, (name, done)
            text = home.frank(*args, stdin=message)
            assert text.returncode == 3 and text.stdout.startswith(b"temperror ("), (name, text)
            # What no factor could change is told all the same.
            none = home.frank(*args, "--json", stdin=MESSAGE)
            assert record_of(none, 1)["result"] == "none", (name, none)
    with Home() as home, Publisher(key=key) as publisher:
        # A message that is none needs no factor.
        done = home.frank("verify", "--factor-url", publisher.url, "--factor-key", key.public_base64)
        assert done.returncode == 2 and "empty" in done.stderr, done
        assert publisher.asked == [], publisher.asked
    assert shown >= 1000


def real_messages_are_stamped_by_a_published_factor():
    need_resolver()
    message = read(sample("rfc6376.signed.msg"))
    with Home() as home, Publisher() as publisher:
        done = home.frank("mint", "--filter", "--factor-url", publisher.url, stdin=message)
        assert done.returncode == 0 and done.stdout.endswith(message), done
        judged = home.frank("verify", "--factor-url", publisher.url, stdin=done.stdout)
        assert judged.returncode == 0, judged
        assert b"policy.source=authority.example#412" in judged.stdout, judged


if __name__ == "__main__":
    run(mint_takes_what_is_published,
        mint_takes_the_largest_of_the_recipients,
        a_given_factor_asks_nobody,
        silent_dns_leaves_the_floor,
        a_dead_source_is_told_and_loses_no_mail,
        whatever_a_source_does_is_a_reason,
        new_keys_come_from_a_set_that_the_old_one_signed,
        tls_is_checked,
        a_source_that_hangs_has_a_limit,
        the_last_good_document_serves,
        the_last_good_document_expires,
        nothing_is_kept_without_a_folder,
        verify_honours_the_previous_factor_until_its_time,
        verify_cannot_tell_without_a_factor,
        real_messages_are_stamped_by_a_published_factor)
