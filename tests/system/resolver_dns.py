"""Look-ups for recipients, and sources that are domains: frank-resolver with Debian's nsd."""

import re
import time

from dns_server import Junk, Nsd, Relay, Silent, txt
from factor_server import FactorServer, Key
from harness import memory_kib, run, wait_until
from resolver_support import (ABSENT, BOGUS, FOUND, NONE, SECURE, UNKNOWN, Folder, Resolver)

TTL_MIN_S = 30  # nothing is believed for less

OURS = "v=MSMR1; f=1000000"
LONG = ["v=MSMR1; f=", "12", "34567", "", "; x=" + "y" * 250, "y" * 255, "; e=", "7"]


def _record(name, data, ttl=""):
    return f"_msmr.{name} {ttl} IN {data}\n"


def _crowd(name, count, with_ours):
    lines = [_record(name, txt(f"v=spf1 include:{i}.example.net " + "x" * 180))
             for i in range(count)]
    if with_ours:
        lines.insert(count // 2, _record(name, txt(OURS)))
    return "".join(lines)


ZONE = "".join([
    _record("plain", txt(OURS)),
    _record("short", txt(OURS), "5"),
    _record("week", txt(OURS), "604800"),
    _record("ten-minutes", txt(OURS), "600"),
    _record("strings", txt(*LONG)),
    _crowd("crowd", 50, True),
    _crowd("others", 50, False),
    _record("two", txt(OURS)), _record("two", txt("v=MSMR1; f=2000000")),
    _record("no-factor", txt("v=MSMR1; u=https://msmr.example.org")),
    _record("wrong-factor", txt("v=MSMR1; f=many")),
    _record("factor-0", txt("v=MSMR1; f=0")),
    _record("factor-2-60", txt("v=MSMR1; f=1152921504606846976")),
    _record("no-list", txt("v=MSMR1; f=1; f=2")),
    _record("other-version", txt("v=MSMR2; f=1000")),
    _record("too-long", txt(*(["v=MSMR1; f=5; x="] + ["z" * 255] * 9))),
    _record("alias", "CNAME _msmr.plain"),
    _record("no-txt", "A 127.0.0.1"),
    _record("loop", "CNAME _msmr.pool"), _record("pool", "CNAME _msmr.loop"),
    _record("bytes", 'TXT "v=MSMR1; f=\\000\\255\\010"'),
])


def lookups_say_what_dns_says():
    """Each name of a zone: the answer, the factor, and how long it may be believed."""
    cases = [
        # name, answer, factor, seconds, a word of the reason
        ("plain", FOUND, 1000000, 60, ""),
        ("short", FOUND, 1000000, 30, ""),
        ("week", FOUND, 1000000, 3600, ""),
        ("ten-minutes", FOUND, 1000000, 600, ""),
        ("strings", FOUND, 1234567, 60, ""),
        ("crowd", FOUND, 1000000, 60, ""),
        ("others", ABSENT, 0, 60, "no TXT record begins with v=MSMR1"),
        ("two", UNKNOWN, 0, 30, "more than one record"),
        ("no-factor", ABSENT, 0, 60, "no f="),
        ("wrong-factor", UNKNOWN, 0, 30, "f=many"),
        ("factor-0", UNKNOWN, 0, 30, "f=0"),
        ("factor-2-60", UNKNOWN, 0, 30, "f=1152921504606846976"),
        ("no-list", UNKNOWN, 0, 30, "TXT record"),
        ("other-version", ABSENT, 0, 60, "no TXT record begins with v=MSMR1"),
        ("too-long", UNKNOWN, 0, 30, "bytes, above 2048"),
        ("alias", FOUND, 1000000, 60, ""),
        ("no-txt", ABSENT, 0, 60, "no TXT record"),
        ("nobody", ABSENT, 0, 60, "no such name"),
        ("loop", UNKNOWN, 0, 30, "DNS"),
        ("bytes", UNKNOWN, 0, 30, "TXT record"),
    ]
    with Nsd({"example.org": ZONE}) as nsd, Resolver(["--dns-server", nsd.address]) as resolver:
        start = time.monotonic()
        for name, state, factor, ttl_s, word in cases:
            got = resolver.lookup(name + ".example.org",
                                  lambda got: got.answer == state and word in got.reason)
            assert (got.answer, got.factor, got.dnssec) == (state, factor, NONE), got
            # What libunbound had in its cache (alias leads to plain, negative answers have one SOA
            # of 60 s) is older by as much as has passed since the first answer.
            passed_s = time.monotonic() - start
            assert max(TTL_MIN_S, ttl_s - 2 - passed_s) <= got.ttl_s <= ttl_s, (got, passed_s)
            assert word in got.reason and bool(got.reason) == (state != FOUND), got
        resolver.ask("PLAIN.Example.ORG.")  # from the cache
        upper = resolver.answer("plain.example.org")
        assert upper.answer == FOUND, upper


def lookups_name_what_is_no_domain():
    with Resolver(["--dns-server", "127.0.0.1@9"]) as resolver:
        for name in ("", "localhost", "a..b", "-" * 64 + ".org", "[127.0.0.1]", "127.0.0.1",
                     "x y.org", "a/../../etc.org", "é.org", "a." * 123 + "org"):
            resolver.ask(name)
            resolver.until(f"an answer for {name!r}", lambda: resolver.domains)
            got = resolver.domains.pop()
            assert got.answer == UNKNOWN and "not a domain's name" in got.reason, got


def servers_that_fail_are_told():
    """REFUSED, SERVFAIL, a zone cut short by a server without TCP, silence."""
    zones = {"example.org": ZONE, "broken.org": ""}
    with Nsd(zones, broken={"broken.org"}) as nsd, Relay(nsd) as relay, Silent() as silent:
        with Resolver(["--dns-server", nsd.address]) as resolver:
            for name in ("somewhere.else.com", "a.broken.org"):
                got = resolver.lookup(name, tries=1)
                assert got.answer == UNKNOWN and got.ttl_s == 30 and "DNS:" in got.reason, got
            assert resolver.lookup("crowd.example.org").answer == FOUND
        # The same server by UDP alone: the answer of 50 records is cut, and TCP is not there.
        with Resolver(["--dns-server", relay.address]) as resolver:
            assert resolver.lookup("plain.example.org").answer == FOUND
            got = resolver.lookup("crowd.example.org", tries=1)
            assert got.answer == UNKNOWN and got.factor == 0, got
        with Resolver(["--dns-server", silent.address]) as resolver:
            got = resolver.lookup("plain.example.org", tries=1)
            assert got.answer == UNKNOWN and got.took_ms <= 31000, got
            wait_until("the server is asked", lambda: silent.asked)
            resolver.ping()


def lookups_have_a_bound_and_an_answer_each():
    """300 names and one name three times, at a server that keeps silent: 256 wait, the others are
    refused at once; then an answer for each of three askers of a slow one."""
    with Silent() as silent, Resolver(["--dns-server", silent.address]) as resolver:
        resolver.ask(*[f"d{i}.example.org" for i in range(300)])
        resolver.until("44 refusals", lambda: len(resolver.domains) >= 44)
        resolver.ping()
        resolver.until("300 answers", lambda: len(resolver.domains) == 300, 45)
        # At once: before any of those that wait for the server.
        assert ["too many" in d.reason for d in resolver.domains] == [True] * 44 + [False] * 256
        assert len({d.name for d in resolver.domains}) == 300
        assert all(d.answer == UNKNOWN for d in resolver.domains)
    with Nsd({"example.org": ZONE}) as nsd, Relay(nsd, 0.2) as relay, \
            Resolver(["--dns-server", relay.address]) as resolver:
        for _ in range(5):
            resolver.ask(*["plain.example.org"] * 3, fresh=True)
            states = [resolver.answer("plain.example.org").answer for _ in range(3)]
            if UNKNOWN not in states:  # else the server stood still
                break
        assert states == [FOUND] * 3, states
        assert resolver.lookup("plain.example.org").answer == FOUND  # from the cache


def dnssec_is_told_and_required():
    zones = {"signed.org": ZONE, "plain.org": ZONE}
    with Nsd(zones, signed={"signed.org"}) as nsd:
        arguments = ["--dns-server", nsd.address, "--dns-anchor", nsd.anchor]
        with Resolver(arguments) as resolver:
            for name in ("plain", "strings", "crowd"):
                got = resolver.lookup(name + ".signed.org", lambda got: got.dnssec == SECURE)
                assert (got.answer, got.dnssec) == (FOUND, SECURE), got
            got = resolver.lookup("nobody.signed.org", lambda got: got.dnssec == SECURE)
            assert (got.answer, got.dnssec) == (ABSENT, SECURE), got
            got = resolver.lookup("plain.plain.org")
            assert (got.answer, got.dnssec) == (FOUND, NONE), got
        with Resolver(arguments + ["--require-dnssec"]) as resolver:
            got = resolver.lookup("plain.signed.org")
            assert (got.answer, got.factor) == (FOUND, 1000000), got
            got = resolver.lookup("plain.plain.org")
            assert (got.answer, got.factor) == (ABSENT, 0) and "not signed" in got.reason, got
        with Resolver(["--dns-server", nsd.address]) as resolver:
            got = resolver.lookup("plain.signed.org")  # nobody checks
            assert (got.answer, got.dnssec) == (FOUND, NONE), got
    with Nsd(zones, signed={"signed.org"}, spoil=[("f=1000000", "f=1000001")]) as nsd, \
            Resolver(["--dns-server", nsd.address, "--dns-anchor", nsd.anchor]) as resolver:
        got = resolver.lookup("plain.signed.org", lambda got: got.dnssec == BOGUS)
        assert (got.answer, got.dnssec, got.factor) == (UNKNOWN, BOGUS, 0), got
        assert "bogus" in got.reason, got


def junk_does_no_harm():
    """Answers that are damaged in every way: each look-up is answered, nothing crashes."""
    with Nsd({"example.org": ZONE + "*.any 60 IN " + txt(OURS)}) as nsd, Junk(20261126, nsd) as junk, \
            Resolver(["--dns-server", junk.address]) as resolver:
        for turn in range(3):
            names = [f"n{turn}-{i}.any.example.org" for i in range(200)]
            resolver.ask(*names)
            resolver.until("200 answers", lambda: len(resolver.domains) == 200, 60)
            assert {d.name for d in resolver.domains} == set(names)
            for got in resolver.domains:
                assert got.answer in (FOUND, ABSENT, UNKNOWN) and 30 <= got.ttl_s <= 3600, got
            resolver.domains.clear()
            resolver.ping()


def many_names_stay_in_bounds():
    """40,000 names once each: the memory is that of a bounded cache, not of the names."""
    with Nsd({"example.org": "*.any 3600 IN " + txt(OURS + "; x=" + "y" * 200)}) as nsd, \
            Resolver(["--dns-server", nsd.address]) as resolver:
        sizes = []
        for turn in range(200):
            resolver.ask(*[f"n{turn}-{i}.any.example.org" for i in range(200)])
            resolver.until("200 answers", lambda: len(resolver.domains) == 200, 60)
            others = [d.name for d in resolver.domains if d.answer != FOUND]
            resolver.domains.clear()
            for name in others:  # the server stood still
                assert resolver.lookup(name).answer == FOUND, name
            sizes.append(memory_kib(resolver.pid, "VmData"))
        if not resolver.measures_memory:
            print("      memory not measured: a sanitizer's own would count", flush=True)
            return
        assert sizes[-1] < 48 << 10, sizes
        assert sizes[-1] - sizes[len(sizes) // 2] < 4 << 10, sizes
        print(f"      VmData after each 5,000: {sizes[24::25]} KiB", flush=True)


def domains_lead_to_documents():
    """u= and k= are followed; a higher e= fetches at once; a KEY of the configuration wins over
    k=; without u= the record itself is the document; all of it comes back after a restart."""
    key = Key()
    with FactorServer(key=key) as server, Folder() as state, \
            Nsd({"example.org": _source(server, key, 1)}) as nsd:
        server.max_age = 3600
        server.publish(1000)
        arguments = ["--dns-server", nsd.address, "--state", state, "--source", "dns:example.org"]
        with Resolver(arguments) as resolver:
            got = resolver.source(0, lambda s: s.has_document)
            assert (got.epoch, got.document.factor, got.dns_only) == (1, 1000, 0), got
            assert got.key_id.decode() == key.id and got.url.decode() == server.url, got
            server.publish(2000)
            nsd.change("example.org", _source(server, key, 2))
            resolver.refresh()
            got = resolver.source(0, lambda s: s.epoch == 2)
            assert got.document.factor == 2000, got
            server.mode = "error"  # a record that leads nowhere leaves the last good one
            nsd.change("example.org", _source(server, key, 3))
            resolver.refresh()
            got = resolver.source(0, lambda s: s.failures > 0 and "500" in s.reason)
            assert got.epoch == 2, got
        with Resolver(arguments) as resolver:
            assert resolver.source(0, lambda s: True).epoch == 2
            assert resolver.history[0].kept == 1, resolver.history[0]
        server.mode = "good"
        with Resolver(arguments[:-1] + [f"dns:example.org {Key().public_base64}"]) as resolver:
            got = resolver.source(0, lambda s: s.failures > 0 and s.reason and s.url)
            assert not got.has_document and got.url.decode() == server.url, got
        with Resolver(arguments[:-1] + [f"dns:example.org {key.public_base64}"]) as resolver:
            got = resolver.source(0, lambda s: s.has_document)
            assert got.epoch == 2, got


def _source(server, key, epoch):
    return "_msmr 1 IN " + txt(f"v=MSMR1; u={server.url}; k={key.public_base64}; e={epoch}") + "\n"


def domains_stand_for_themselves():
    """f= without u=: a document for a day, whose epoch rises with the factor."""
    with Folder() as state, Nsd({"example.org": "_msmr 1 IN " + txt("v=MSMR1; f=5000")}) as nsd:
        arguments = ["--dns-server", nsd.address, "--state", state, "--source", "dns:Example.org"]
        with Resolver(arguments) as resolver:
            got = resolver.source(0, lambda s: s.has_document)
            assert (got.dns_only, got.epoch, got.document.factor) == (1, 1, 5000), got
            assert got.document.issuer == b"example.org" and got.key_id == b"", got
            assert got.document.expires_s - got.document.issued_s == 86400, got
            nsd.change("example.org", "_msmr 1 IN " + txt("v=MSMR1; f=6000"))
            resolver.refresh()
            got = resolver.source(0, lambda s: s.document.factor == 6000)
            assert got.epoch == 2, got
            nsd.change("example.org", "_msmr 1 IN " + txt("v=MSMR1; f=7000; e=1"))
            resolver.refresh()
            got = resolver.source(0, lambda s: "epoch" in s.reason)
            assert (got.epoch, got.document.factor) == (2, 6000), got
            nsd.change("example.org", "_msmr 1 IN " + txt("v=spf1 -all"))
            resolver.refresh()
            got = resolver.source(0, lambda s: "no TXT record" in s.reason)
            assert (got.epoch, got.document.factor) == (2, 6000), got
        with Resolver(arguments) as resolver:
            got = resolver.history[0] if resolver.history else resolver.source(0, lambda s: True)
            assert (got.kept, got.dns_only, got.document.factor) == (1, 1, 6000), got


def bogus_records_count_for_nothing():
    """A signed domain whose record was changed on the way: neither its u= nor its k= is used."""
    key = Key()
    with FactorServer(key=key) as server, FactorServer() as thief:
        server.publish(1000)
        thief.publish(9)
        records = "_msmr 1 IN " + txt(f"v=MSMR1; u={thief.url}; e=1") + "\n"
        with Nsd({"signed.org": records}, signed={"signed.org"}) as nsd:
            arguments = ["--dns-server", nsd.address, "--dns-anchor", nsd.anchor, "--source",
                         "dns:signed.org"]
            with Resolver(arguments) as resolver:
                got = resolver.source(0, lambda s: s.has_document)
                assert got.dnssec == SECURE and got.document.factor == 9, got
        asked = len(thief.requests)
        with Nsd({"signed.org": records}, signed={"signed.org"}, spoil=[("e=1", "e=2")]) as nsd:
            arguments[1], arguments[3] = nsd.address, nsd.anchor
            with Resolver(arguments) as resolver:
                got = resolver.source(0, lambda s: s.failures > 0 and s.dnssec == BOGUS)
                assert not got.has_document and got.url == b"", got
                assert "bogus" in got.reason, got
        assert len(thief.requests) == asked, thief.requests
        with Nsd({"plain.org": records}) as nsd:
            with Resolver(["--dns-server", nsd.address, "--require-dnssec", "--source",
                           "dns:plain.org"]) as resolver:
                got = resolver.source(0, lambda s: "not signed" in s.reason)
                assert not got.has_document and got.failures > 0, got
        assert len(thief.requests) == asked, thief.requests


def bad_flags_are_named():
    for arguments, words in [
            (["--dns-server", "here"], "here"),
            (["--dns-server", "127.0.0.1", "--dns-anchor", "/nowhere/root.key"],
             "/nowhere/root.key"),
            (["--dns-server", "127.0.0.1", "--ca-file", "/nowhere/ca.pem"], "/nowhere/ca.pem"),
            (["--source", "ftp://example.org"], "ftp://example.org"),
            (["--source", "http://example.org"], "http://example.org"),
            (["--source", "https://user@example.org"], "https://user@example.org"),
            (["--source", "dns:localhost"], "dns:localhost"),
            (["--source", "https://example.org short"], "short"),
            (["--source", "https://example.org/" + "x" * 300], "too long")]:
        resolver = Resolver(arguments, wait=False)
        try:
            resolver.until("FAILED", lambda: resolver.failed is not None)
        finally:
            status = resolver.stop()
        assert status == 1 and words in resolver.failed, (arguments, resolver.failed)
        assert resolver.failed_is_fatal == 1, (arguments, resolver.failed)
        assert not re.search(r"[^ -~]", resolver.failed), resolver.failed


if __name__ == "__main__":
    run(lookups_say_what_dns_says, lookups_name_what_is_no_domain, servers_that_fail_are_told,
        lookups_have_a_bound_and_an_answer_each, dnssec_is_told_and_required, junk_does_no_harm,
        many_names_stay_in_bounds, domains_lead_to_documents, domains_stand_for_themselves,
        bogus_records_count_for_nothing, bad_flags_are_named)
