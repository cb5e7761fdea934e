"""`frank verify --dkim`: the signature itself and the mail rules that need no envelope, with their exit
statuses; what it says; keys from a file and from DNS; factors that others publish."""

import hashlib
import json

from dns_server import Nsd, Silent, txt
from cli_support import frank, in_time
from harness import run
from mail_dkim_support import DOMAIN, MESSAGE, Keys, b_of, change_b, crlf, now, sign, spoilt
from published_support import Home, Publisher, dead_url, need_resolver

FACTOR = 16
CHECKED = "hash, factor, DKIM, mail rules without an envelope"


def stamp(b, a="rsa-sha256", factor=FACTOR):
    """An MSMR-Key that meets the factor, and not twice of it."""
    for nonce in range(1 << 24):
        n = f"{nonce:06x}"
        h = hashlib.sha256(n.encode() + b).digest()
        number = int.from_bytes(h, "big")
        if number * factor < 1 << 256 <= number * factor * 2:
            return f"MSMR-Key: v=1; a={a}; n={n};\n\th={h.hex()}\n".encode()
    raise AssertionError("no nonce")


def stamped(signed, a="rsa-sha256", factor=FACTOR):
    line_end = b"\r\n" if b"\r\n" in signed else b"\n"
    return stamp(b_of(signed), a, factor).replace(b"\n", line_end) + signed


def fresh(keys, selector="rsa2048", message=MESSAGE, **more):
    return sign(message, keys, selector, tags=more.pop("tags", f"; t={now()}"), **more)


def verify(keys, message, *args, factor=FACTOR):
    """(exit status, the JSON record) by the key file."""
    done = frank("verify", "--dkim", "--dkim-keys", keys.path(), "--json", "--factor", str(factor),
                 *args, stdin=message)
    return done.returncode, json.loads(done.stdout)


def good_mail_passes():
    with Keys() as keys:
        for selector, a in (("rsa2048", "rsa-sha256"), ("ed", "ed25519-sha256")):
            for c in ("simple/simple", "relaxed/relaxed"):
                for message in (MESSAGE, crlf(MESSAGE)):
                    signed = fresh(keys, selector, message=message, c=c)
                    status, record = verify(keys, stamped(signed, a))
                    assert status == 0 and record["result"] == "pass", record
                    assert record["checked"] == CHECKED and record["rule"] is None, record
                    b = b_of(signed)[:8].decode()
                    assert record["header_b"] == b and record["factor"] == FACTOR, record
                    assert record["dkim"] == [{"result": "pass", "reason": "", "header_b": b,
                                               "a": a, "d": DOMAIN, "s": selector}], record


def text_says_all_of_it():
    with Keys() as keys:
        signed = fresh(keys)
        done = frank("verify", "--dkim", "--dkim-keys", keys.path(), "--factor", str(FACTOR),
                     stdin=stamped(signed))
        b = b_of(signed)[:8]
        lines = done.stdout.splitlines()
        assert done.returncode == 0 and len(lines) == 2, done
        assert lines[0].startswith(b"pass (4.") and b"header.b=" + b in lines[0], done
        assert lines[1] == (b"dkim=pass header.b=" + b + b" header.a=rsa-sha256 header.d=" +
                            DOMAIN.encode() + b" header.s=rsa2048"), done
        assert "cover, age" in done.stderr and "recipients and replays" in done.stderr, done
        done = frank("verify", "--dkim", "--dkim-keys", keys.path(), "--factor", str(FACTOR),
                     stdin=stamped(signed) + b"P.S.\n")
        assert done.returncode == 1 and done.stdout.startswith(b"policy ("), done
        assert b"; dkim: " in done.stdout.splitlines()[0], done
        assert b"dkim=fail (the body is not the one that was signed)" in done.stdout, done


def rules_that_do_not_hold_are_policy():
    two = MESSAGE.replace(b"To: ", b"To: eve@x.example\nTo: ")
    none = MESSAGE.replace(b"To: Bob <bob@receiver.example>\n", b"")
    hour, day = 3600, 86400
    with Keys() as keys:
        rows = [  # what it is, message, the rule, words of the reason
            ("the body is changed", fresh(keys) + b"P.S.\n", "dkim", "does not verify"),
            ("no key", fresh(keys, "absent"), "dkim", "does not verify"),
            ("To is not covered", fresh(keys, h=["From", "Subject"]), "cover", "h="),
            ("two To", fresh(keys, message=two, h=["From", "To"]), "cover", "two To"),
            ("no To", fresh(keys, message=none), "cover", "no To"),
            ("l=", fresh(keys, length=5), "cover", "l="),
            ("t= is old", fresh(keys, tags=f"; t={now() - 29 * day}"), "age", "29 days"),
            ("x= is past", fresh(keys, tags=f"; t={now() - hour}; x={now() - 60}"), "age", "x="),
            ("x= is long past", fresh(keys, tags=f"; t={now() - day}; x={now() - 2 * hour}"), "dkim",
             "does not verify"),
            ("t= is ahead", fresh(keys, tags=f"; t={now() + 2 * hour}"), "dkim", "does not verify"),
        ]
        for what, message, rule, word in rows:
            status, record = verify(keys, stamped(message))
            assert (status, record["result"], record["rule"]) == (1, "policy", rule), (what, record)
            assert record["reason"].startswith(rule) and word in record["reason"], (what, record)
        # of two that do not hold the first is told; without t= nothing is asked of the age
        status, record = verify(keys, stamped(fresh(keys, h=["From"], tags="; t=1000000000")))
        assert record["rule"] == "cover", record
        status, record = verify(keys, stamped(fresh(keys, tags="")))
        assert (status, record["result"]) == (0, "pass"), record
        status, record = verify(keys, stamped(fresh(keys)), factor=FACTOR * 2)
        assert (status, record["result"], record["rule"]) == (1, "policy", None), record
        assert record["dkim"][0]["result"] == "pass", record


def what_binds_to_nothing_is_no_pass():
    with Keys() as keys:
        good = fresh(keys)
        cases = [
            ("no key", good, "none", 1),
            ("another's", stamp(b"AAAA") + good, "fail", 1),
            ("rsa-sha1", stamped(sign(MESSAGE, keys, "rsa2048", a="rsa-sha1")), "fail", 1),
            ("b with !", stamped(change_b(good, lambda b: b[:8] + b"!" + b[8:])), "fail", 1),
            ("b without padding", stamped(change_b(good, lambda b: b.rstrip(b"="))), "fail", 1),
            ("malformed", b"MSMR-Key: v=1; a=rsa-sha256; n=xyz; h=1\n" + good, "permerror", 2),
            ("another version", b"MSMR-Key: v=2; a=rsa-sha256\n" + good, "neutral", 1),
            ("no signature", stamp(b"AAAA") + MESSAGE, "fail", 1),
        ]
        for what, message, result, exit_status in cases:
            status, record = verify(keys, message)
            assert (status, record["result"]) == (exit_status, result), (what, record)
            assert record["rule"] is None, (what, record)
            assert all(one["result"] == "not-checked" for one in record["dkim"]), (what, record)


def only_what_a_stamp_is_bound_to_is_verified():
    """Of two signatures, one that is broken and one that is good, with a stamp for one or both."""
    with Keys() as keys:
        rsa = fresh(keys, alone=True)
        ed = change_b(fresh(keys, "ed", alone=True) + MESSAGE, spoilt)[:-len(MESSAGE)]
        message = ed + rsa + MESSAGE
        for_ed, for_rsa = stamp(b_of(ed + MESSAGE), "ed25519-sha256"), stamp(b_of(rsa + MESSAGE))
        rows = [(for_ed, "policy", "dkim", ["fail", "not-checked"]),
                (for_rsa, "pass", None, ["not-checked", "pass"]),
                (for_ed + for_rsa, "pass", None, ["fail", "pass"]),
                (for_rsa + for_ed, "pass", None, ["fail", "pass"])]
        for stamps, result, rule, dkim in rows:
            _, record = verify(keys, stamps + message)
            assert (record["result"], record["rule"]) == (result, rule), record
            assert [one["result"] for one in record["dkim"]] == dkim, record
        _, record = verify(keys, for_rsa + rsa * 500 + MESSAGE)
        assert record["result"] == "pass" and record["signatures"] == 500, record
        assert [one["result"] for one in record["dkim"]] == ["pass"] + ["not-checked"] * 7, record


def keys_from_dns():
    with Keys() as keys, Silent() as silent:
        text = keys.records[f"rsa2048._domainkey.{DOMAIN}"]
        records = f"rsa2048._domainkey {txt(text[:200], text[200:])}"
        message, absent = stamped(fresh(keys)), stamped(fresh(keys, "absent"))
        with Nsd({DOMAIN: records}) as nsd:
            for one, result, status in ((message, "pass", 0), (absent, "policy", 1)):
                args = ["verify", "--dkim", "--json", "--factor", str(FACTOR), "--dns-server",
                        nsd.address]
                done = in_time(lambda: frank(*args, stdin=one),
                               late=lambda done: done.returncode == 3)
                record = json.loads(done.stdout)
                assert (done.returncode, record["result"]) == (status, result), record
        for server in (silent.address, "127.0.0.1@1"):
            done = frank("verify", "--dkim", "--json", "--factor", str(FACTOR), "--dns-server",
                         server, stdin=message)
            record = json.loads(done.stdout)
            assert (done.returncode, record["result"], record["rule"]) == (3, "temperror", None), \
                record
            assert record["dkim"][0]["result"] == "temperror" and record["dkim"][0]["reason"], record


def published_factors_count_here_too():
    need_resolver()
    with Keys() as keys, Home() as home, Publisher(factor=FACTOR) as publisher:
        message = stamped(fresh(keys))
        args = ["verify", "--dkim", "--dkim-keys", keys.path(), "--json", "--factor-url"]

        def said():
            done = home.frank(*args, publisher.url, stdin=message)
            record = json.loads(done.stdout)
            return done.returncode, record["result"], record["factor"], record["source"], \
                record.get("previous")

        assert said() == (0, "pass", FACTOR, "authority.example#412", None), said()
        publisher.document.update(epoch=413, factor=FACTOR * 4,
                                  previous={"epoch": 412, "factor": FACTOR, "until": now() + 600})
        assert said() == (0, "pass", FACTOR, "authority.example#412", True), said()
        publisher.document.update(epoch=414, previous={"epoch": 413, "factor": FACTOR * 2,
                                                       "until": now() + 600})
        assert said() == (1, "policy", FACTOR * 4, "authority.example#414", None), said()
        done = home.frank(*args, dead_url(), stdin=message)
        record = json.loads(done.stdout)
        assert (done.returncode, record["result"], record["factor"]) == (3, "temperror", None), done
        # what does not hold whatever the factor is told all the same
        done = home.frank(*args, dead_url(), stdin=stamped(fresh(keys, h=["From"])))
        record = json.loads(done.stdout)
        assert (done.returncode, record["result"], record["rule"]) == (1, "policy", "cover"), done


def options_that_do_not_serve_are_named():
    with Keys() as keys:
        message = stamped(fresh(keys))
        for args, word in ((["--dkim", "--b", "AAAA", "--header", "v=1"], "--dkim needs a message"),
                           (["--dkim-keys", keys.path()], "goes with --dkim"),
                           (["--dkim", "--dkim-keys", "/nonexistent"], "/nonexistent"),
                           (["--dkim", "--dkim-keys", keys.folder], keys.folder),
                           (["--dkim", "--dns-server", "ns.example"], "ns.example"),
                           (["--dkm"], "--dkim")):
            done = frank("verify", *args, "--json", stdin=message)
            assert done.returncode == 2 and word in done.stderr, (args, done)
            assert "error" in json.loads(done.stdout), (args, done)


if __name__ == "__main__":
    run(good_mail_passes, text_says_all_of_it, rules_that_do_not_hold_are_policy,
        what_binds_to_nothing_is_no_pass, only_what_a_stamp_is_bound_to_is_verified, keys_from_dns,
        published_factors_count_here_too, options_that_do_not_serve_are_named)
