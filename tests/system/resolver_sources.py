"""Sources of factors that are down, lie or are attacked: frank-resolver with a hostile HTTP server.

Each bad input is a test case: the source's record says what is wrong, and the last good document
stays."""

import os
import subprocess
import sys
import time

from factor_server import FactorServer, Key
from harness import cpu_seconds, kept_port, memory_kib, place_of, program, run, wait_until
from resolver_support import Folder, Resolver

# Nobody here asks DNS; nothing may leave this host.
NO_DNS = ["--dns-server", "127.0.0.1@9"]

# mode -> a word of the reason; where signed and unsigned sources differ: two.
BAD = {
    "unsigned": "",
    "wrong signature": "signature",
    "expired": "expired",
    "future": "in the future",
    "lower epoch": "epoch",
    "same epoch": "epoch",
    "other issuer": "issuer",
    "unknown key": "key",
    "huge": "longer than 16384 bytes",
    "huge told": "",
    "slow": "",
    "silent": "",
    "drip": "timed out",
    "redirect": "redirects are not followed",
    "huge headers": "longer than 16384 bytes",
    "error": "HTTP status 500",
    "empty": "",
    "wrong types": "",
    "deep": "",
    "not json": "",
    "factor 0": "factor",
    "factor 2^60": "factor",
    "cut": "",
    "not modified": "",
}
ONLY_SIGNED = {"unsigned", "wrong signature", "unknown key"}
# 304 confirms what is there: no failure where something was named.
NO_FAILURE_LATER = {"not modified"}


def _resolver(server, *args, key=True, state=None):
    source = server.url + (f" {server.key.public_base64}" if key and server.key else "")
    arguments = [*NO_DNS, "--source", source, *args]
    if state is not None:
        arguments += ["--state", state]
    return Resolver(arguments)


def _is_bad(mode, source, tried_before=0):
    """Whether it tells of the mode. (A server that stands still for seconds fails in another way
    first, and is asked again.)"""
    if mode in NO_FAILURE_LATER and source.has_document:
        return source.fetches > tried_before and source.next_s > source.confirmed_s
    return source.failures > 0 and source.reason != "" and BAD[mode] in source.reason


def _check_bad(mode, bad, good):
    assert bytes(bad.document) == bytes(good.document) and bad.has_document, (mode, str(bad))
    if mode in NO_FAILURE_LATER:
        return
    assert bad.confirmed_s == good.confirmed_s and not bad.kept, (mode, str(bad))
    assert bad.next_s > bad.confirmed_s, (mode, str(bad))


def _bear(modes, key):
    """A source for each mode: good once, then bad, then good again; all by one resolver."""
    servers = {mode: FactorServer(key=key) for mode in modes}
    pinned = f" {key.public_base64}" if key else ""
    arguments = list(NO_DNS)
    for server in servers.values():
        server.publish(500, epoch=6)
        server.publish(1000)
        arguments += ["--source", server.url + pinned]
    try:
        with Resolver(arguments) as resolver:
            good = {}
            for index, mode in enumerate(modes):
                good[mode] = resolver.source(index, lambda s: s.has_document)
                assert (good[mode].epoch, good[mode].document.factor) == (7, 1000), good[mode]
                assert good[mode].document.issuer == b"authority.test", good[mode]
                assert good[mode].key_id.decode() == (key.id if key else ""), good[mode]
                servers[mode].mode = mode
            tried = {mode: good[mode].fetches for mode in modes}
            before = {mode: servers[mode].count("msmr/factor" + (".jws" if key else ""))
                      for mode in modes}
            resolver.refresh()
            for index, mode in enumerate(modes):
                bad = resolver.source(index, lambda s: _is_bad(mode, s, tried[mode]))
                _check_bad(mode, bad, good[mode])
                asked = servers[mode].count("msmr/factor" + (".jws" if key else ""))
                assert asked > before[mode], (mode, servers[mode].requests)
                print(f"      {mode}: \"{bad.reason}\"", flush=True)
            resolver.ping()
            assert not resolver.measures_memory or memory_kib(resolver.pid, "VmData") < 64 << 10
            for server in servers.values():
                server.mode = "good"
                server.publish(2000)
            resolver.refresh()
            for index, mode in enumerate(modes):
                back = resolver.source(index, lambda s: s.epoch == 8)
                assert back.document.factor == 2000 and back.reason == "", (mode, str(back))
    finally:
        for server in servers.values():
            server.stop()


def _never_good(modes, key):
    """The same as the first that is ever heard of a source."""
    # Of a first document nobody can tell what came before.
    modes = [mode for mode in modes if mode not in ("lower epoch", "same epoch", "other issuer")]
    servers = [FactorServer(key=key) for _ in modes]
    pinned = f" {key.public_base64}" if key else ""
    arguments = list(NO_DNS)
    for mode, server in zip(modes, servers):
        server.publish(1000)
        server.mode = mode
        arguments += ["--source", server.url + pinned]
    try:
        with Resolver(arguments) as resolver:
            for index, mode in enumerate(modes):
                bad = resolver.source(index, lambda s: _is_bad(mode, s))
                assert not bad.has_document and bad.epoch == 0, (mode, str(bad))
    finally:
        for server in servers:
            server.stop()


def _case(modes, is_signed):
    def test():
        key = Key() if is_signed else None
        _bear(modes, key)
        _never_good(modes, key)
    test.__name__ = ("signed: " if is_signed else "plain: ") + ", ".join(modes)
    return test


def keys_rotate():
    """A new key is taken from a set that the old one has signed, at once where a document needs
    it; never from a set that a stranger has signed, and never an older set."""
    old, new, newer = Key(), Key(), Key()
    with FactorServer(key=old) as server, Folder() as state:
        server.publish(1000)
        with _resolver(server, state=state) as resolver:
            first = resolver.source(0, lambda s: s.has_document)
            # A stranger's set and document: nothing is believed.
            server.keys, server.keys_mode, server.key = [server.stranger], "unknown key", \
                server.stranger
            server.publish(666)
            resolver.refresh()
            bad = resolver.source(0, lambda s: s.failures > first.failures)
            assert bad.epoch == 1 and bad.key_id.decode() == old.id, bad
            # The rotation: the old key signs a set of both, the new one the documents. (It is asked
            # all the time: an epoch above the stranger's, whichever key has signed that by then.)
            server.keys, server.keys_mode, server.key = [old, new], "good", new
            server.keys_issued += 10
            server.publish(2000, epoch=3)
            resolver.refresh()
            got = resolver.source(0, lambda s: s.epoch == 3)
            assert got.key_id.decode() == new.id and got.document.factor == 2000, got
        # What was learned outlives the process: the old key is not needed any more.
        server.keys, server.keys_signer = [new, newer], new
        server.keys_issued += 10
        server.key = newer
        server.publish(3000, epoch=4)
        with _resolver(server, key=False, state=state) as resolver:
            pass  # another source text: nothing of it counts
        arguments = [*NO_DNS, "--state", state, "--source", f"{server.url} {old.public_base64}"]
        with Resolver(arguments) as resolver:
            got = resolver.source(0, lambda s: s.epoch == 4)
            assert resolver.history[0].epoch == 3 and resolver.history[0].kept, resolver.history[0]
            assert got.key_id.decode() == newer.id and not got.kept, got
            # An older set, rightly signed by a key that was retired since.
            server.keys, server.keys_signer = [old, new, newer, server.stranger], new
            server.keys_issued -= 15
            server.key = server.stranger
            server.publish(666, epoch=5)
            resolver.refresh()
            bad = resolver.source(0, lambda s: s.failures > got.failures)
            assert bad.epoch == 4, bad


def tls_is_verified():
    """An authority that --ca-file names; one that nobody vouches for; a plain server."""
    key = Key()
    with FactorServer(key=key, tls=True) as server:
        server.publish(1000)
        with _resolver(server, "--ca-file", server.ca_file) as resolver:
            got = resolver.source(0, lambda s: s.has_document)
            assert got.epoch == 1, got
        with _resolver(server) as resolver:
            bad = resolver.source(0, lambda s: "certificate" in s.reason)
            assert not bad.has_document and bad.failures > 0, bad
    with FactorServer(key=key, tls="self-signed") as server:
        server.publish(1000)
        with _resolver(server) as resolver:
            bad = resolver.source(0, lambda s: "certificate" in s.reason)
            assert not bad.has_document and bad.failures > 0, bad
            assert not server.requests, server.requests
    with FactorServer(key=key) as server:
        server.publish(1000)
        with Resolver([*NO_DNS, "--source", server.url.replace("http:", "https:")]) as resolver:
            bad = resolver.source(0, lambda s: s.failures > 0)
            assert not bad.has_document and not server.requests, bad


def freshness_is_heeded():
    """A short max-age is followed by itself, with ETag and 304; without one and with a long one
    nothing is asked meanwhile; however often REFRESH comes, 5 s lie between two tries."""
    key = Key()
    with FactorServer(key=key) as server:
        server.max_age = 1
        server.publish(1000)
        with _resolver(server) as resolver:
            first = resolver.source(0, lambda s: s.has_document)
            again = resolver.source(0, lambda s: s.fetches >= 4 and s.reason == "")
            assert bytes(again.document) == bytes(first.document), again
            asked = [tag for path, tag in server.requests if path.endswith("factor.jws")]
            assert asked[0] is None and all(asked[1:]), asked
            assert again.confirmed_s > first.confirmed_s, (again, first)
            server.publish(2000)
            got = resolver.source(0, lambda s: s.epoch == 2)
            assert got.document.factor == 2000, got
    for max_age, low, high in ((100, 70, 91), (None, 210, 271), (10 ** 9, 2520, 3241)):
        with FactorServer(key=key) as server:
            server.max_age = max_age
            server.publish(1000)
            with _resolver(server) as resolver:
                got = resolver.source(0, lambda s: s.has_document)
                assert low <= got.next_s - got.confirmed_s <= high, (max_age, str(got), got.next_s)
                start = time.monotonic()
                for _ in range(50):
                    resolver.refresh()
                resolver.ping()
                asked = server.count("factor.jws")
                assert asked <= got.fetches + 1 + (time.monotonic() - start) / 5, server.requests
        with FactorServer(key=key) as server:  # it ends before it would be asked again
            server.max_age = max_age
            server.lifetime_s = 60
            server.publish(1000)
            with _resolver(server) as resolver:
                got = resolver.source(0, lambda s: s.has_document)
                assert got.next_s < got.document.expires_s, got


def failures_make_pauses():
    """Each pause is longer than the last; a source that is down costs nothing."""
    with kept_port() as nobody:
        start = time.monotonic()
        with Resolver([*NO_DNS, "--source", f"http://{place_of(nobody)}"]) as resolver:
            got = resolver.source(0, lambda s: s.failures >= 3, 60)
            took = time.monotonic() - start
            assert got.reason and got.failures == got.fetches, got
            # 5 s and 10 s, less a quarter of each at most; the first pause twice would be 10 s.
            assert took > 11, (took, got)
            assert cpu_seconds(resolver.pid) < 2, cpu_seconds(resolver.pid)


def restarts_keep_the_last_good():
    """Source down, resolver started anew: keys, document and ETag come back, are marked as kept,
    and a 304 confirms them. Other texts, keys and damaged files count for nothing."""
    key = Key()
    with FactorServer(key=key) as server, Folder() as state:
        server.publish(1000, epoch=5)
        with _resolver(server, state=state) as resolver:
            resolver.source(0, lambda s: s.has_document)
        server.mode = "error"
        with _resolver(server, state=state) as resolver:
            got = resolver.source(0, lambda s: "500" in s.reason)
            first = resolver.history[0]
            assert (first.epoch, first.kept, first.fetches) == (5, 1, 0), first
            assert (got.epoch, got.kept) == (5, 1) and got.failures > 0, got
        server.mode = "lower epoch"
        with _resolver(server, state=state) as resolver:
            got = resolver.source(0, lambda s: "epoch" in s.reason)
            assert got.epoch == 5 and got.failures > 0, got
        server.mode = "good"
        with _resolver(server, state=state) as resolver:
            got = resolver.source(0, lambda s: s.fetches > 0 and not s.kept)
            tags = [tag for path, tag in server.requests if path.endswith("factor.jws")]
            assert got.epoch == 5 and tags[-1], (str(got), server.requests)
        server.mode = "error"
        other = Resolver([*NO_DNS, "--state", state, "--source", f"{server.url} {Key().public_base64}",
                          "--source", server.url])
        with other as resolver:
            for index in (0, 1):
                got = resolver.source(index, lambda s: s.failures > 0)
                assert not got.has_document, got
        names = [name for name in os.listdir(state) if name.startswith("source-")]
        assert len(names) == 1, names
        path = os.path.join(state, names[0])
        with open(path, "rb") as file:
            whole = file.read()
        for damage in (whole[:-1], b"", whole.replace(b'"epoch":5', b'"epoch":9'), b"\0" * 200):
            with open(path, "wb") as file:
                file.write(damage)
            with _resolver(server, state=state) as resolver:
                got = resolver.source(0, lambda s: s.failures > 0)
                assert not got.has_document, got
                resolver.wait_log("event=kept-refused")
        with open(path, "wb") as file:
            file.write(whole)
        os.chmod(path, 0o666)
        with _resolver(server, state=state) as resolver:
            got = resolver.source(0, lambda s: s.failures > 0)
            assert not got.has_document, got
            resolver.wait_log("others may write it")


def full_disks_cost_a_line():
    """/dev/full is no folder, and a file-system without room is not at hand for everybody: a folder
    that cannot be made, and a limit on files' sizes that fails every write."""
    key = Key()
    with FactorServer(key=key) as server, Folder() as folder:
        server.publish(1000)
        with _resolver(server, state="/dev/full/state") as resolver:
            got = resolver.source(0, lambda s: s.has_document)
            assert got.epoch == 1 and got.reason == "", got
            resolver.ping()
            resolver.wait_log("event=not-kept")
            assert resolver.log().count("event=not-kept") == 1, resolver.log()
        state = os.path.join(folder, "state")
        source = f"{server.url} {key.public_base64}"
        start = time.monotonic()
        with Resolver([*NO_DNS, "--source", source, "--state", state],
                      prefix=("prlimit", "--fsize=100")) as resolver:
            server.max_age = 1
            got = resolver.source(0, lambda s: s.has_document)
            assert got.epoch == 1 and got.reason == "", got
            server.publish(2000)
            resolver.refresh()
            got = resolver.source(0, lambda s: s.epoch == 2)
            resolver.ping()
            resolver.wait_log("event=not-kept")
            # Not tried, nor told, more than once a minute.
            minutes = (time.monotonic() - start) / 60
            assert 1 <= resolver.log().count("event=not-kept") <= 1 + minutes, resolver.log()
            wait_until("nothing is left there", lambda: os.listdir(state) == [])


def kills_lose_nothing():
    """SIGKILL at any moment while epochs come and go: what a next one starts with is no older than
    what the last one told of."""
    key = Key()
    with FactorServer(key=key) as server, Folder() as state:
        server.max_age = 1
        told = 0
        for turn in range(8):
            server.publish(1000 + turn, epoch=10 * turn + 1)
            resolver = _resolver(server, state=state)
            try:
                first = resolver.source(0, lambda s: True)
                assert resolver.history[0].epoch >= told, (str(first), told)
                end = time.monotonic() + 0.15 * turn
                while time.monotonic() < end or not resolver.sources[0].fetches:
                    server.publish(2000, epoch=server.document["epoch"] + 1)
                    resolver.read(0.05)
                told = resolver.sources[0].epoch
                resolver.process.kill()
            finally:
                resolver.process.wait(60)
                resolver.stop()
        assert told > 1, told


def sources_are_followed_side_by_side():
    """Eight sources: the silent and the slow ones hold up nobody."""
    for _ in range(4):
        if _follow_side_by_side():
            break
        print("      the silent were given up before the good ones had answered; again", flush=True)
    else:
        raise AssertionError("the good sources wait for the silent ones")
    arguments = [word for _ in range(9) for word in ("--source", "http://127.0.0.1:9")]
    done = subprocess.run([program("frank-resolver"), *NO_DNS, *arguments],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "one too many" in done.stderr, done


def _follow_side_by_side():
    """Whether all good ones were there before the first of the silent, to whom five seconds are
    given, had failed. Not so where the servers, which are ours, stand still."""
    key = Key()
    servers = [FactorServer(key=key, issuer=f"authority{i}.test") for i in range(8)]
    try:
        arguments = list(NO_DNS)
        for number, server in enumerate(servers):
            server.publish(1000 + number)
            server.mode = ("silent", "good", "slow", "good")[number % 4]
            arguments += ["--source", f"{server.url} {key.public_base64}"]
        with Resolver(arguments) as resolver:
            for number in (1, 3, 5, 7):
                got = resolver.source(number, lambda s: s.has_document)
                assert got.document.factor == 1000 + number, got
                assert got.document.issuer == b"authority%d.test" % number, got
            in_time = all(resolver.sources[number].failures == 0 for number in (0, 4))
            for number in (0, 2, 4, 6):
                got = resolver.source(number, lambda s: s.failures > 0)
                assert not got.has_document, got
        return in_time
    finally:
        for server in servers:
            server.stop()


def requests_are_modest():
    """What is sent: our name, no cookie, no password of a .netrc, no compression asked for."""
    key = Key()
    seen = []
    with FactorServer(key=key) as server, Folder() as home:
        with open(os.path.join(home, ".netrc"), "w", encoding="ascii") as file:
            file.write("machine 127.0.0.1 login me password secret\n")
        server.publish(1000)
        plain = server.answer

        def answer(request):
            seen.append(dict(request.headers))
            plain(request)
        server.answer = answer
        with Resolver([*NO_DNS, "--source", f"{server.url} {key.public_base64}"],
                      environment={"HOME": home}) as resolver:
            resolver.source(0, lambda s: s.has_document)
    assert seen[0]["User-Agent"].startswith("frank/"), seen
    for name in ("Cookie", "Authorization", "Accept-Encoding", "Referer"):
        assert all(name not in headers for headers in seen), seen


def bad_records_end_it():
    """What no starter sends: it says so and leaves."""
    for kind, payload in ((99, b""), (17, b"short"), (3, b"")):
        resolver = Resolver(NO_DNS)
        resolver.send(kind, payload)
        try:
            resolver.until("FAILED", lambda: resolver.failed is not None)
        finally:
            assert resolver.stop() == 1


def _groups(modes):
    return [modes[first:first + 8] for first in range(0, len(modes), 8)]


BEARS = [_case(modes, True) for modes in _groups(list(BAD))] + [
    _case(modes, False) for modes in _groups([mode for mode in BAD if mode not in ONLY_SIGNED])]
OTHERS = [keys_rotate, tls_is_verified, freshness_is_heeded, failures_make_pauses,
          restarts_keep_the_last_good, kills_lose_nothing, full_disks_cost_a_line, sources_are_followed_side_by_side,
          requests_are_modest, bad_records_end_it]

if __name__ == "__main__":
    # Arguments: parts of the tests' names ("huge", "keys").
    wanted = [test for test in BEARS + OTHERS
              if not sys.argv[1:] or any(word in test.__name__ for word in sys.argv[1:])]
    run(*wanted)
