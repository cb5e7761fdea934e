"""The factor in frankd: sources in their order, recipients' look-ups, and whatever goes wrong with
them, with real servers on loopback.

Scorecard row 12: a hostile source delays no mint, and the last good document stays.
"""

import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import tempfile
import time

from authority_support import Authority, verb
from daemon_support import patience, status
from dns_server import Nsd, Silent, txt
from factor_server import MODES, FactorServer, Key
from frank_client import check_stamp, mint_patiently
from harness import Frankd, measured_until, one_try_passes, program, random_b, run, wait_until


class Publisher(Authority):
    """An authority.test that says where it is and by which key it signs."""

    def __init__(self, *args):
        super().__init__(args, issuer="authority.test")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self):
        _, records, _ = verb(self.state, "keys")
        return records[0]["key"]

    def publish(self, factor):
        verb(self.state, "publish", "--factor", str(factor))

    def start_again(self):
        self.start(port=self.port)


BASE = ["--device", "cpu"]
FACTOR = 3000  # minted in a millisecond


def sources(frankd):
    return status(frankd)["factor"]["sources"]


def in_force(frankd):
    one = [s for s in sources(frankd) if s["in_force"]]
    assert len(one) == 1, one
    return one[0]


def mint(frankd, **members):
    b = random_b()
    with frankd.client() as client:
        ok, reply = client.mint(b, **members)
    assert ok, reply
    check_stamp(reply, b)
    return reply


def config(**members):
    """A configuration file. Values are texts, numbers, lists, or times ("300ms")."""
    return "".join(f"{name} = {value if name.endswith('_limit') else json.dumps(value)};\n"
                   for name, value in members.items())


def until_source(frankd, source, timeout_s=30):
    wait_until(f"{source} is in force", lambda: in_force(frankd)["source"] == source,
               patience(timeout_s), 0.1)


def stamp_between(frankd, factor, above):
    """A signature and a stamp that meets `factor` but not `above`."""
    for _ in range(1000):
        b = random_b()
        with frankd.client() as client:
            ok, reply = client.mint(b, factor=factor)
        assert ok, reply
        if int(reply["h"], 16) * above >= 2 ** 256:
            return b, reply
    raise AssertionError("every stamp meets more than it has to")


def seconds_until_minted(frankd, authority, factor):
    """Publishes the factor, and waits until frankd mints for it."""
    authority.publish(factor)
    began = time.monotonic()
    wait_until("the change is minted for", lambda: mint(frankd)["factor"] == factor, 15, 0.1)
    return time.monotonic() - began


def a_change_reaches_new_mints_within_max_age():
    with Publisher("--factor", "2000", "--max-age", "2s", "--grace", "1h") as authority:
        with Frankd(BASE + ["--factor-url", authority.url, "--factor-key", authority.key]) as frankd:
            until_source(frankd, "authority.test#1")
            reply = mint(frankd)
            assert (reply["factor"], reply["source"]) == (2000, "authority.test#1"), reply
            b, old = stamp_between(frankd, 2000, 2600)
            seconds_until_minted(frankd, authority, 2600)
            # Mail in flight across the change is not punished: what met the old one still does.
            done = subprocess.run(
                [program("frank"), "verify", "--b", b, "--header", old["header"], "--factor-url",
                 authority.url, "--factor-key", authority.key, "--json"],
                capture_output=True, text=True, timeout=180, check=False)
            assert done.returncode == 0, done
            record = json.loads(done.stdout.splitlines()[-1])
            assert record["result"] == "pass" and record["factor"] == 2000, record
            factors = itertools.count(2601)
            took_s = measured_until(
                patience(4), lambda: seconds_until_minted(frankd, authority, next(factors)))
            assert min(took_s) <= patience(4), f"{took_s} s with a max-age of 2 s"


def sources_serve_in_their_order():
    folder = tempfile.mkdtemp(prefix="frank-file-")
    path = os.path.join(folder, "factor")
    with open(path, "w", encoding="ascii") as file:
        file.write("4000\n")
    key = Key()
    with FactorServer(issuer="first.test", key=key) as first, \
         FactorServer(issuer="second.test") as second:
        first.mode = "wrong signature"
        first.publish(1111)
        second.publish(2222)
        second.max_age = 1
        text = config(factor_url=first.url, factor_key=key.public_base64,
                      factor_sources=[second.url, f"file:{path}", "fixed:5000"])
        with Frankd(BASE, config=text) as frankd:
            until_source(frankd, "second.test#1")
            assert mint(frankd)["source"] == "second.test#1"
            wait_until("the first was asked, too", lambda: sources(frankd)[0]["failures"] > 0,
                       patience(20), 0.1)
            states = sources(frankd)
            assert [s["kind"] for s in states] == ["url", "url", "file", "fixed", "floor"], states
            assert [s["state"] for s in states] == ["unusable", "in-force"] + ["standby"] * 3, states
            assert "signature is wrong" in states[0]["why"], states[0]
            # The factor in force tells why the others do not count, in frank factor, too.
            done = subprocess.run([program("frank"), "factor", "--connect", frankd.ipc, "--json"],
                                  capture_output=True, text=True, timeout=180, check=False)
            told = json.loads(done.stdout.splitlines()[-1])
            assert told["source"] == "second.test#1" and "signature" in told["sources"][0]["why"]
            # It begins to lie: what it said last goes on to count.
            second.mode = "factor 0"
            wait_until("its failure is told", lambda: "factor is 0" in sources(frankd)[1]["why"],
                       patience(20), 0.1)
            assert in_force(frankd)["source"] == "second.test#1"
            first.mode = "good"
            until_source(frankd, "first.test#1", 60)
            assert mint(frankd)["factor"] == 1111


def what_expires_gives_way_to_the_next():
    one_try_passes(3, lambda which: it_serves_for_its_lifetime(4 * 3**which))


def it_serves_for_its_lifetime(lifetime_s):
    """In which frankd must start and be seen to follow it."""
    with FactorServer(issuer="short.test") as server:
        server.lifetime_s = lifetime_s
        server.publish(1500)
        with Frankd(BASE, config=config(factor_url=server.url, factor_sources=["fixed:1600"])) \
                as frankd:
            until_source(frankd, "short.test#1", lifetime_s)
            server.mode = "error"
            until_source(frankd, "fixed")
            assert mint(frankd)["factor"] == 1600
            why = sources(frankd)[0]["why"]
            assert "expired" in why, why


def above_max_factor_is_no_source():
    with FactorServer(issuer="greedy.test") as server:
        server.publish(2 ** 41)
        with Frankd(BASE, config=config(factor_url=server.url, floor=2000)) as frankd:
            wait_until("its factor is refused", lambda: "max-factor" in sources(frankd)[0]["why"],
                       patience(20), 0.1)
            reply = mint(frankd)
            assert (reply["factor"], reply["source"]) == (2000, "floor"), reply


def the_last_good_outlasts_a_restart():
    with FactorServer(issuer="kept.test", key=Key()) as server, \
         tempfile.TemporaryDirectory(prefix="frank-state-") as state:
        server.publish(1700)
        text = config(factor_url=server.url, factor_key=server.key.public_base64, state=state)
        with Frankd(BASE, config=text) as frankd:
            until_source(frankd, "kept.test#1")
        server.mode = "error"
        with Frankd(BASE, config=text) as frankd:
            until_source(frankd, "kept.test#1")
            assert in_force(frankd)["kept"] is True, sources(frankd)
            # Nor does its epoch go back.
            server.mode = "lower epoch"
            wait_until("the older epoch is refused", lambda: "epoch" in sources(frankd)[0]["why"],
                       patience(40), 0.1)
            assert mint(frankd)["factor"] == 1700


def a_reload_takes_over_sources():
    with FactorServer(issuer="new.test") as server:
        server.publish(1800)
        with Frankd(BASE, config=config(factor_sources=["fixed:1000"])) as frankd:
            assert mint(frankd)["factor"] == 1000
            with open(frankd.config, "w", encoding="utf-8") as file:
                file.write(config(factor_url=server.url, factor_sources=["fixed:1000"]))
            frankd.signal(signal.SIGHUP)
            until_source(frankd, "new.test#1")
            with open(frankd.config, "w", encoding="utf-8") as file:
                file.write(config(factor_sources=["fixed:1200"]))
            frankd.signal(signal.SIGHUP)
            until_source(frankd, "fixed")
            assert mint(frankd)["factor"] == 1200
            # A wrong file changes nothing.
            with open(frankd.config, "w", encoding="utf-8") as file:
                file.write(config(factor_url="gopher://x"))
            frankd.signal(signal.SIGHUP)
            wait_until("it is refused", lambda: "reload-refused" in frankd.log(), patience(10))
            assert mint(frankd)["factor"] == 1200


# ---- recipients ----

ZONES = {
    "low.example": "_msmr TXT \"v=MSMR1; f=1000\"",
    "high.example": "_msmr TXT \"v=MSMR1; f=5000; u=https://never.asked.test; e=7\"",
    "huge.example": "_msmr TXT \"v=MSMR1; f=9007199254740991\"",
    "none.example": "www A 127.0.0.1",
    "split.example": "_msmr " + txt("v=MSM", "R1; f=40", "00"),
    "junk.example": "_msmr TXT \"v=MSMR1; f=abc\"",
}


def with_dns(address, look_up_limit="10s", **members):
    """A mint waits for its look-ups as long as it may, where the test says nothing else: what comes
    late is answered by the default."""
    return config(factor_sources=[f"fixed:{FACTOR}"], dns_servers=[address],
                  look_up_limit=look_up_limit, **members)


def mint_in_time(frankd, recipients):
    """A mint whose look-ups were all answered before the limit; what is answered later is known to
    the next one."""
    for _ in range(10):
        before = status(frankd)["factor"]["lookups"]["timed_out"]
        reply = mint(frankd, recipients=recipients)
        if status(frankd)["factor"]["lookups"]["timed_out"] == before:
            return reply
    raise AssertionError(f"look-ups of {recipients[:3]} are never answered in time")


def recipients_are_asked_in_dns():
    with Nsd(ZONES) as nsd, Frankd(BASE, config=with_dns(nsd.address)) as frankd:
        # The first one starts the resolver, which a request waits for no longer than it may.
        wait_until("look-ups are answered",
                   lambda: mint(frankd, recipients=["a@high.example"])["source"] == "dns:high.example",
                   patience(30), 0.2)
        for recipients, factor, source in (
                (["low.example"], 1000, "dns:low.example"),
                (["a@low.example", "b@HIGH.example"], 5000, "dns:high.example"),
                (["low.example", "none.example"], FACTOR, "fixed"),
                (["none.example"], FACTOR, "fixed"),
                (["split.example"], 4000, "dns:split.example"),
                (["junk.example"], FACTOR, "fixed"),
                (["junk.example", "high.example"], 5000, "dns:high.example"),
                # One hostile domain must not leave a mail to many without a stamp.
                (["huge.example"] + [f"u{i}@low.example" for i in range(50)], FACTOR, "fixed"),
                (["x@[192.0.2.1]"], FACTOR, "fixed")):
            reply = mint_in_time(frankd, recipients)
            assert (reply["factor"], reply["source"]) == (factor, source), (recipients, reply)
        # What names its factor is asked for nothing.
        reply = mint(frankd, recipients=["high.example"], factor=77)
        assert (reply["factor"], reply["source"]) == (77, "request"), reply
        counts = status(frankd)["factor"]["lookups"]
        assert counts["too_high"] >= 1 and counts["absent"] >= 1 and counts["failed"] >= 1, counts
        assert "domain=\"huge.example\" factor=9007199254740991" in frankd.log(), frankd.log()
        with frankd.client() as client:
            ok, told = client.ask("factor", {"recipients": ["low.example", "none.example", "huge.example"]})
        assert ok and told["factor"] == FACTOR, told
        states = [(d["domain"], d["state"], d["factor"]) for d in told["domains"]]
        assert states == [("low.example", "found", 1000), ("none.example", "absent", FACTOR),
                          ("huge.example", "too-high", FACTOR)], states


def a_purge_forgets():
    with Nsd(ZONES) as nsd, Frankd(BASE, config=with_dns(nsd.address)) as frankd:
        wait_until("look-ups are answered",
                   lambda: mint(frankd, recipients=["low.example"])["source"] == "dns:low.example",
                   patience(30), 0.2)
        # A minute is its time to live: from here on it is looked up anew where it is purged alone.
        started = status(frankd)["factor"]["lookups"]["started"]
        assert mint(frankd, recipients=["low.example"])["factor"] == 1000
        assert status(frankd)["factor"]["lookups"]["started"] == started
        with frankd.client() as client:
            ok, told = client.ask("factor", {"recipients": ["low.example"], "purge": True})
        assert ok and told["domains"][0]["factor"] == 1000, told
        assert status(frankd)["factor"]["lookups"]["started"] == started + 1
        # Nor does what the resolver has cached count, whose time is a minute.
        nsd.change("low.example", "_msmr TXT \"v=MSMR1; f=1100\"")
        assert mint(frankd, recipients=["low.example"])["factor"] == 1000
        with frankd.client() as client:
            ok, told = client.ask("factor", {"recipients": ["low.example"], "purge": True})
        assert ok and told["domains"][0]["factor"] == 1100, told
        assert mint(frankd, recipients=["low.example"])["factor"] == 1100


def a_silent_dns_costs_its_time_once():
    """Who asks waits for the limit and gets the default; the answer of a slow server is kept."""
    one_try_passes(3, nobody_answers_look_ups)


def nobody_answers_look_ups(_):
    with Silent() as silent, \
         Frankd(BASE, config=with_dns(silent.address, look_up_limit="300ms")) as frankd:
        took_s = []
        for i in range(3):
            began = time.monotonic()
            reply = mint(frankd, recipients=[f"d{i}.example"])
            took_s.append(time.monotonic() - began)
            assert (reply["factor"], reply["source"]) == (FACTOR, "fixed"), reply
            assert reply["elapsed_ms"] >= 290, reply  # from arrival on
        assert min(took_s) < patience(3), took_s
        # A deadline shorter than the look-up's time is kept.
        began = time.monotonic()
        mint(frankd, recipients=["e.example"], deadline_ms=200)
        assert time.monotonic() - began < patience(3)
        assert status(frankd)["factor"]["lookups"]["timed_out"] == 4
        # One that waits can be taken back.
        with frankd.client() as client:
            first = client.send("mint", {"b": random_b(), "recipients": ["f.example"]})
            ok, told = client.ask("cancel", {"id": first})
            assert ok, told


def without_a_resolver_the_default_serves():
    with Frankd(BASE, config=config(factor_sources=[f"fixed:{FACTOR}"], look_up=False)) as frankd:
        reply = mint(frankd, recipients=["a.example"])
        assert (reply["factor"], reply["source"]) == (FACTOR, "fixed"), reply
        assert frankd.children("frank-resolver") == []
        assert not any("resolver" in child["name"] for child in status(frankd)["children"])


# ---- whatever happens ----


def scorecard_12_a_hostile_source_delays_no_mint():
    """Mints beside every kind of hostile source, against mints beside none, in one run."""

    def delay_ms(beside, alone):
        """By how much longer mints beside the sources take than mints beside none: by turns, so
        that what else the machine does counts for both."""
        took = {beside: [], alone: []}
        with beside.client() as one, alone.client() as other:
            for _ in range(150):
                for frankd, client in ((beside, one), (alone, other)):
                    began = time.monotonic()
                    ok, reply = client.mint(random_b())
                    took[frankd].append((time.monotonic() - began) * 1000)
                    assert ok, reply
                time.sleep(0.01)
        return statistics.median(took[beside]) - statistics.median(took[alone])

    modes = [mode for mode in MODES if mode not in ("good", "lower epoch", "same epoch", "other issuer")]
    delays = {}
    with Frankd(BASE + ["--factor", str(FACTOR)]) as alone:
        for at in range(0, len(modes), 7):
            servers = [FactorServer(issuer=f"hostile{i}.test", key=Key())
                       for i in range(len(modes[at:at + 7]))]
            for server, mode in zip(servers, modes[at:]):
                server.publish(FACTOR)
                server.mode = mode
            keys = [f"{server.url} {server.key.public_base64}" for server in servers]
            try:
                with Frankd(BASE, config=config(
                        factor_sources=keys + [f"fixed:{FACTOR}"])) as beside:
                    # While the slow ones are being slow.
                    delays[at] = min(measured_until(
                        50, lambda beside=beside: delay_ms(beside, alone), most=3))
                    wait_until("every source was asked",
                               lambda s=servers: all(one.requests for one in s), patience(20))
                    assert in_force(beside)["source"] == "fixed", sources(beside)
                    # It is ended by frankd where it does not answer for 3 s: on a busy machine.
                    died = [line for line in beside.lines if 'child="resolver"' in line and
                            "failed" in line and "hung" not in line]
                    assert not died, died
            finally:
                for server in servers:
                    server.stop()
    assert max(delays.values()) <= 50, delays


def any_order_of_deaths_leaves_every_mint_answered():
    """Source, authority and resolver die and come back while 200 mints run: each is answered and
    names its source."""
    seed = int(os.environ.get("FRANK_TEST_SEED", "6"))
    chance = random.Random(seed)
    with Nsd(ZONES) as nsd, Publisher("--factor", str(FACTOR), "--max-age", "1s") as authority, \
         FactorServer(issuer="other.test") as other:
        other.max_age = 1
        other.publish(FACTOR + 1)
        port = other.port
        text = config(factor_url=authority.url, factor_key=authority.key,
                      factor_sources=[other.url], dns_servers=[nsd.address], floor=2000)
        with Frankd(BASE, config=text) as frankd:
            until_source(frankd, "authority.test#1")
            wait_until("the other is known: no other issuer's name counts there from now on",
                       lambda: sources(frankd)[1]["source"] == "other.test#1", patience(20), 0.1)
            allowed = {"authority.test#1", "other.test#1", "floor", "dns:high.example"}

            def kill_resolver():
                for pid in frankd.children("frank-resolver"):
                    os.kill(pid, chance.choice((signal.SIGKILL, signal.SIGSTOP)))

            def kill_authority():
                if authority.process.poll() is None:
                    authority.kill()
                else:
                    authority.start_again()

            def spoil_source():
                other.mode = chance.choice(list(MODES))

            answered = 0
            for i in range(200):
                if i % 8 == 7:
                    chance.choice((kill_resolver, kill_authority, spoil_source))()
                members = {"recipients": ["u@high.example"]} if i % 3 == 0 else {}
                b = random_b()
                reply = mint_patiently(frankd.ipc, {"b": b, **members}, timeout_s=patience(10))
                check_stamp(reply, b)
                assert reply["source"] in allowed, (seed, i, reply)
                answered += 1
            assert answered == 200
            assert other.port == port
            if authority.process.poll() is not None:
                authority.start_again()
            wait_until("the resolver is back", lambda: in_force(frankd)["source"] ==
                       "authority.test#1" and frankd.children("frank-resolver"), patience(60), 0.2)


def bad_settings_are_named():
    for name, value, said in (
            ("factor_url", "ftp://x.test", "factor_url"),
            ("factor_url", "https://u@x.test", "factor_url"),
            ("factor_url", "http://x.test", "factor_http"),
            ("factor_key", "AAAA", "factor_key"),
            ("factor_sources", ["https://x.test AAAA"], "factor_sources"),
            ("factor_sources", ["dns:localhost"], "factor_sources"),
            ("factor_sources", ["file:relative"], "factor_sources"),
            ("factor_sources", ["fixed:0"], "factor_sources"),
            ("factor_sources", ["fixed:2000000000000"], "max_factor"),
            ("dns_servers", ["ns.test"], "dns_servers"),
            ("dns_servers", ["127.0.0.1@0"], "dns_servers"),
            ("dns_anchor", "/no/such/file", "dns_anchor: /no/such/file: No such file"),
            ("factor_ca", "/no/such/file", "factor_ca: /no/such/file: No such file"),
            ("curve_secret", "/no/such/file", "curve_secret: /no/such/file: No such file"),
            ("curve_clients", "/no/such/folder", "curve_clients: /no/such/folder: No such file"),
            ("require_dnssec", True, "dns_anchor"),
            ("look_up_limit", "1h", "look_up_limit")):
        with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
            file.write(config(**{name: value}))
            file.flush()
            done = subprocess.run([program("frankd"), "--config", file.name, "--check"],
                                  capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 78 and said in done.stderr, (name, value, done)
    done = subprocess.run([program("frankd"), "--factor-key", Key().public_base64, "--check",
                           "--config", "/dev/null"],
                          capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 78 and "factor_url" in done.stderr, done


if __name__ == "__main__":
    run(a_change_reaches_new_mints_within_max_age, sources_serve_in_their_order,
        what_expires_gives_way_to_the_next, above_max_factor_is_no_source,
        the_last_good_outlasts_a_restart, a_reload_takes_over_sources,
        recipients_are_asked_in_dns, a_purge_forgets, a_silent_dns_costs_its_time_once,
        without_a_resolver_the_default_serves, scorecard_12_a_hostile_source_delays_no_mint,
        any_order_of_deaths_leaves_every_mint_answered, bad_settings_are_named)
