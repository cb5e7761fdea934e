"""`frank factor`, with a frankd and without; a resolver that does not do its work; every bad
argument."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time

from cli_support import FLOOR, TOO_LATE, frank, in_time, is_late, program, run
from factor_server import Key
from harness import Frankd, wait_until
from published_support import (B, MAX_FACTOR, MESSAGE, Home, Publisher, names,
                               need_resolver, record_of)


# ---- frank factor ----

def factor_shows_what_a_url_publishes():
    need_resolver()
    key = Key()
    until = int(time.time()) + 600
    with Home() as home, Publisher(key=key, mode="testing", previous={
            "epoch": 411, "factor": 1500, "until": until}) as publisher:
        args = ["factor", publisher.url, "--factor-key", key.public_base64]
        record = record_of(home.frank(*args, "--json"))
        assert record["factor"] == 2000 and record["source"] == "authority.example#412", record
        assert record["expires"] == publisher.document["expires"], record
        source, = record["sources"]
        assert source["name"] == publisher.url and source["state"] == "in-force", source
        assert source["in_force"] is True and source["key"] == key.id, source
        assert source["epoch"] == 412 and source["issuer"] == "authority.example", source
        assert (source["previous_factor"], source["previous_until"]) == (1500, until), source
        assert source["testing"] is True and source["kept"] is False, source
        assert record["eta_ms"] is None or record["eta_ms"] >= 0, record
        text = home.frank(*args)
        assert text.returncode == 0 and text.stderr == "", text
        for word in (b"factor   2000 (", b"10.97 bits", b"authority.example#412",
                     b"expires  in ", b"previous 1500 still counts", b"mode     testing", b"cost "):
            assert word in text.stdout, (word, text)
        explained = home.frank(*args, "--explain")
        for word in ("source 1, " + publisher.url, "/.well-known/msmr/factor.jws", key.id,
                     "(authority)", "in force   yes"):
            assert word in explained.stdout.decode(), (word, explained)
        # Another key: told, with what was found.
        wrong = ["factor", publisher.url, "--factor-key", Key().public_base64]
        done = home.frank(*wrong, "--explain")
        assert done.returncode == 3 and publisher.url in done.stderr, done
        assert b"in force   no" in done.stdout, done
        record = record_of(home.frank(*wrong, "--json"), 3)
        assert record["error"] == "no-factor" and record["sources"][0]["why"], record
        home.keep(*args, "--json", text=b"2000")
        url = publisher.url
        publisher.stop()
        done = home.frank(*args, "--json")
        record = record_of(done)
        assert record["sources"][0]["kept"] is True and record["factor"] == 2000, record
        assert url in done.stderr, done


def factor_shows_what_a_domain_asks_for():
    need_resolver()
    records = {"asks": "v=MSMR1; f=3000", "hostile": f"v=MSMR1; f={MAX_FACTOR + 1}",
               "broken": "v=MSMR1; f=-3"}
    with Home() as home, names(records) as nsd:
        def ask(name, *args):
            return home.frank("factor", name, "--dns-server", nsd.address, *args)

        record = record_of(ask("someone@Asks.example", "--json"))
        assert record["factor"] == 3000 and record["source"] == "dns:asks.example", record
        domain, = record["domains"]
        assert domain["domain"] == "asks.example" and domain["state"] == "found", domain
        assert 30 <= domain["ttl_s"] <= 3600 and domain["dnssec"] == "none", domain
        explained = ask("asks.example", "--explain")
        for word in ("TXT of _msmr.asks.example", "it asks for 3000", "DNSSEC     none"):
            assert word in explained.stdout.decode(), (word, explained)
        for name, state, why in (("absent.example", "absent", ""),
                                 ("hostile.example", "too-high", str(MAX_FACTOR + 1)),
                                 ("broken.example", "failed", "")):
            done = ask(name, "--json")
            record = record_of(done)
            assert record["factor"] == FLOOR and record["source"] == "floor", (name, record)
            domain, = record["domains"]
            assert domain["state"] == state and why in domain["why"] and domain["why"], domain
            assert (name in done.stderr) == (state == "failed"), done
        purged = ask("asks.example", "--purge")
        assert purged.returncode == 0 and "--purge" in purged.stderr, purged
    # The record of a domain as a source: by its own factor.
    with Home() as home, names(records) as nsd:
        record = record_of(home.frank("factor", "dns:asks.example", "--json", "--dns-server",
                                      nsd.address))
        assert record["factor"] == 3000 and record["source"] == "dns:asks.example", record
        plan = record_of(home.frank("mint", "--b", B, "--json", "--factor-url", "dns:asks.example",
                                    "--dns-server", nsd.address))
        assert plan["factor"] == 3000 and plan["source"] == "dns:asks.example", plan


def dnssec_is_told_and_heeded():
    need_resolver()
    records = {"asks": "v=MSMR1; f=3000"}
    for spoil, state, source in (((), "secure", "dns:asks.example"),
                                 ([("f=3000", "f=3001")], "bogus", "floor")):
        with Home() as home, names(records, signed={"example"}, spoil=spoil) as nsd:
            args = ["asks.example", "--dns-server", nsd.address]
            record = record_of(home.frank("factor", *args, "--json", "--dns-anchor", nsd.anchor))
            assert record["domains"][0]["dnssec"] == state, record
            assert record["source"] == source, record
            # Nobody checks: none.
            record = record_of(home.frank("factor", *args, "--json"))
            assert record["domains"][0]["dnssec"] == "none", record
            assert record["source"] == "dns:asks.example", record
            explained = home.frank("factor", *args, "--explain", "--dns-anchor", nsd.anchor)
            assert f"DNSSEC     {state}" in explained.stdout.decode(), explained


def factor_shows_what_a_frankd_uses():
    need_resolver()
    key = Key()
    records = {"asks": "v=MSMR1; f=3000", "hostile": f"v=MSMR1; f={MAX_FACTOR + 1}"}
    with Home() as home, Publisher(key=key) as publisher, names(records) as nsd:
        config = (f'dns_servers = ["{nsd.address}"];\nstate = "{home.state}";\n'
                  "look_up_limit = 10s;\n")
        os.makedirs(home.state)
        args = ["--device", "cpu:0", "--factor-url", publisher.url, "--factor-key",
                key.public_base64]
        with Frankd(args, config=config) as frankd:
            def ask(*more):
                return home.frank("factor", *more, "--connect", frankd.ipc)

            wait_until("frankd has the document", lambda: record_of(ask("--json"))["factor"] == 2000)
            text = ask()
            assert b"source   authority.example#412, of " + publisher.url.encode() in text.stdout
            assert key.public_base64.encode() not in text.stdout, text
            # A domain's own: nothing is said of when the source's was issued.
            text = ask("a@asks.example")
            assert b"factor   3000 (" in text.stdout and b"source   dns:asks.example\n" in text.stdout
            assert b"issued" not in text.stdout, text
            explained = ask("asks.example", "--explain").stdout.decode()
            for word in ("TXT of _msmr.", "it asks for 3000", "source 1, " + publisher.url + "\n",
                         "key named  " + key.public_base64, "source 2, floor",
                         "in force   no: one before it serves"):
                assert word in explained, (word, explained)
            text = ask("hostile.example")
            assert str(MAX_FACTOR + 1).encode() in text.stdout and b"ignored" in text.stdout, text
            # An answer that is kept is asked for again when it is forgotten.
            def look_ups():
                return record_of(home.frank("status", "--json", "--connect", frankd.ipc))["factor"][
                    "lookups"]["started"]

            before = look_ups()
            assert record_of(ask("asks.example", "--json"))["factor"] == 3000
            assert look_ups() == before
            assert record_of(ask("asks.example", "--json", "--purge"))["factor"] == 3000
            assert look_ups() > before
            assert ask("--purge").returncode == 0
            # What it is asked for, it uses.
            record = record_of(home.frank("mint", "--b", B, "--json", "--connect", frankd.ipc,
                                          "--to", "a@asks.example"))
            assert record["factor"] == 3000 and record["source"] == "dns:asks.example", record


def many_at_once_keep_a_whole_document():
    need_resolver()
    with Home() as home, Publisher() as publisher:
        args = [program("frank"), "verify", "--json", "--factor-url", publisher.url]
        env = {**os.environ, **home.env}
        for epoch in range(413, 417):
            publisher.publish(2000 + epoch, epoch=epoch)
            running = [subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env) for _ in range(12)]
            for process in running:
                out, err = process.communicate(MESSAGE, timeout=180)
                if TOO_LATE.search(err.decode()):  # so many at once take long
                    out = home.frank(*args[1:], stdin=MESSAGE).stdout
                assert json.loads(out)["source"].endswith(f"#{epoch}"), (out, err)
            home.keep("factor", publisher.url, "--json", text=str(2000 + epoch).encode())
        # While another writes, what is there stays, and what was fetched counts all the same.
        before = home.kept()
        folder = os.open(home.state, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        publisher.publish(3000, epoch=417)
        assert record_of(home.frank("factor", publisher.url, "--json"))["factor"] == 3000
        assert home.kept() == before
        os.close(folder)
        url = publisher.url
        publisher.stop()
        record = record_of(home.frank("factor", url, "--json"))
        assert record["factor"] == 2416 and record["sources"][0]["kept"] is True, record


# ---- a resolver that does not do its work ----

def copy_beside(folder, resolver):
    """A frank of its own, with another program in the resolver's place (None: with none)."""
    path = os.path.join(folder, "frank")
    shutil.copy(program("frank"), path)
    os.symlink(program("frank-worker"), os.path.join(folder, "frank-worker"))
    if resolver is not None:
        child = os.path.join(folder, "frank-resolver")
        with open(child, "w", encoding="utf-8") as file:
            file.write(resolver)
        os.chmod(child, 0o755)
    return path


def a_broken_resolver_is_told():
    ready = "import os, socket, struct, time\ns = socket.socket(fileno=3)\n"
    cases = {
        "missing": (None, "no frank-resolver"),
        "dies": ("#!/bin/sh\nexit 1\n", "died"),
        "no program": ("\0\0\0", "cannot start"),
        "hangs": ("#!/bin/sh\nexec sleep 60\n", "did not start in time"),
        "rubbish": (f"#!/usr/bin/python3\n{ready}s.send(b'x' * 100)\ntime.sleep(60)\n", "out of turn"),
        "out of turn": (f"#!/usr/bin/python3\n{ready}s.send(struct.pack('<IHH', 8, 17, 0) + bytes(8))\n"
                        "time.sleep(60)\n", "out of turn"),
    }
    for name, (text, said) in cases.items():
        with tempfile.TemporaryDirectory() as folder, Home() as home:
            path = copy_beside(folder, text)

            def ask(*args, stdin=b""):
                def once():
                    done = subprocess.run([path, *args], input=stdin, capture_output=True,
                                          timeout=180, check=False, env={**os.environ, **home.env})
                    done.stderr = done.stderr.decode()
                    return done

                return in_time(once, late=lambda done: name != "hangs" and is_late(done))

            # frank waits 5 s for it: "hangs" is told so, the others only where this machine stands
            # still.
            url = ["--factor-url", "https://authority.example"]
            done = ask("mint", "--b", B, *url)
            if name == "missing" and "authority.example" not in done.stderr:
                raise AssertionError(done)
            assert done.returncode == 3 and said in done.stderr, (name, done)
            passed = ask("mint", "--filter", *url, stdin=MESSAGE)
            assert passed.returncode == 0 and passed.stdout == MESSAGE, (name, passed)
            floor = ask("mint", "--b", B, "--json", "--to", "example.org", "--deadline", "10m")
            assert record_of(floor)["source"] == "floor" and said in floor.stderr, (name, floor)


def every_bad_argument_is_named():
    key = base64.b64encode(bytes(31)).decode()
    with tempfile.TemporaryDirectory() as folder:
        missing = os.path.join(folder, "missing")
        bad_urls = ["", "x", "example.com", "ftp://example.com", "https://", "http://example.com",
                    "https://user@example.com", "https://example.com/?q", "https://example.com/#f",
                    "https://example.com/a b", "https://example.com:0", "https://example.com:99999",
                    "https://" + "x" * 200 + ".example", "dns:", "dns:example", "dns:[192.0.2.1]",
                    "dns:" + "x." * 127 + "y", "https://exa\u00e4mple.com", "https://example.com\n"]
        table = [(["mint", "--b", B, "--factor-url", url], "--factor-url") for url in bad_urls]
        table += [(["verify", "--factor-url", url], "--factor-url") for url in bad_urls]
        table += [(["factor", url], url[:20].strip()) for url in bad_urls if ":" in url]
        for text in ("", "x", key, "A" * 43 + "!", "A" * 200, base64.b64encode(bytes(33)).decode()):
            for args in (["mint", "--b", B, "--factor-url"], ["verify", "--factor-url"], ["factor"]):
                table.append(([*args, "https://example.com", "--factor-key", text], "--factor-key"))
        for server in ("", "localhost", "127.0.0.1:53", "127.0.0.1@", "127.0.0.1@0", "127.0.0.1@65536",
                       "127.0.0.1@x", "@53", "::1@99999", "1.2.3", "[::1]"):
            for args in (["mint", "--b", B], ["verify"], ["factor", "example.com"]):
                table.append(([*args, "--dns-server", server], "--dns-server"))
        for option in ("--ca-file", "--dns-anchor"):
            for args in (["mint", "--b", B], ["verify"], ["factor", "example.com"]):
                table.append(([*args, option, missing], missing))
        table += [
            (["mint", "--b", B, "--factor-key", "A" * 43 + "="], "--factor-key"),
            (["factor", "example.com", "--factor-key", "A" * 43 + "="], "--factor-key"),
            (["mint", "--b", B, "--factor-url", "https://x.example", "--bits", "5"], "exclude"),
            (["verify", "--factor-url", "https://x.example", "--factor", "5"], "exclude"),
            (["mint", "--b", B, "--factor-url", "https://x.example", "--connect", "ipc:///x"],
             "exclude"),
            (["mint", "--b", B, "--dns-server", "::1", "--connect", "ipc:///x"], "exclude"),
            (["factor", "https://x.example", "--connect", "ipc:///x"], "--connect"),
            (["factor", "x.example", "--dns-server", "::1", "--connect", "ipc:///x"], "exclude"),
            (["factor", "x.example", "--connect", "nonsense"], "nonsense"),
            (["factor", "--dns-server", "::1"], "--dns-server"),
            (["factor", "--ca-file", "/dev/null"], "--ca-file"),
            (["factor", "--state", "/x"], "--state"), (["factor", "x.example", "--factor", "5"], "--factor"),
            (["factor", "--estimate", "--explain"], "exclude"),
            (["factor", "--estimate", "--connect", "ipc:///x"], "exclude"),
            (["factor", "--estimate", "x.example"], "x.example"),
            (["factor", "example", "--dns-server", "::1"], "example"),
            (["factor", "a b", "--dns-server", "::1"], "a b"),
            (["factor", b"\xff.example"], "UTF-8"),
            (["mint", "--b", B, *["--dns-server", "::1"] * 5], "4 servers"),
            (["mint", "--b", B, "--factor-ulr", "x"], "did you mean --factor-url"),
            (["verify", "--factor-kay", "x"], "did you mean --factor-key"),
            (["factor", "--explian"], "did you mean --explain"),
            (["factor", "--prge"], "did you mean --purge"),
            (["factor", "--dns-sever", "x"], "did you mean --dns-server"),
        ]
        if not os.path.exists("/run/frank/mint.sock"):
            # No frankd is there, and DNS has no such name: nobody can be asked.
            table.append((["factor", "a@[192.0.2.1]"], "a@[192.0.2.1]"))
        for args, named in table:
            done = frank(*args, stdin=MESSAGE)
            assert done.returncode == 2 and named in done.stderr, (args, named, done)
            assert done.stderr.count("\n") == 1 and done.stdout == b"", (args, done)
            record = record_of(frank(*args, "--json", stdin=MESSAGE), 2)
            assert record["error"] and record["message"], (args, record)
            if args[0] == "mint":
                held = frank("mint", "--filter", *args[3:], stdin=MESSAGE)
                assert held.returncode == 75 and held.stdout == b"", (args, held)


if __name__ == "__main__":
    run(factor_shows_what_a_url_publishes,
        factor_shows_what_a_domain_asks_for,
        dnssec_is_told_and_heeded,
        factor_shows_what_a_frankd_uses,
        many_at_once_keep_a_whole_document,
        a_broken_resolver_is_told,
        every_bad_argument_is_named)
