"""Bad input of every kind that a client can send: the code as specified, a message that names the
input, a daemon that goes on, other requests untouched, memory that does not grow.

FRANK_TEST_SCALE of 20 or more makes the 100 rounds of the scorecard.
"""

import json
import re
import socket
import threading

import zmq

from daemon_support import (SCALE, assert_silent, check_answer, collect, patience, sanitized,
                            status, waiting)
from frank_client import Client, Timeout
from harness import Frankd, memory_kib, random_b, run, wait_until

ROUNDS = round(min(100, max(20, 5 * SCALE)))  # in fewer, a small leak stays below the bar
WARM_UP_ROUNDS = 2
MEMORY_SLACK_KIB = 1024
MAX_FACTOR = 2**52  # of this daemon: hopeless even for one that searches all through this test

B = random_b(88)
BAD = "bad-request"


def raw(text):
    """A body as bytes, with B in the place of $B."""
    return text.replace("$B", B).encode("utf-8")


def with_b(**members):
    return {"b": B, **members}


# name, verb, body (dict or bytes), code, pattern that the message must have
ROWS = [
    # ---- not JSON, or no object
    ("empty body", "mint", b"", BAD, r"body is empty"),
    ("open brace", "mint", b"{", BAD, r"body"),
    ("text", "mint", b"hello", BAD, r"body.*hello"),
    ("string", "mint", b'"b"', BAD, r"body"),
    ("number", "mint", b"1", BAD, r"body"),
    ("null", "mint", b"null", BAD, r"body"),
    ("array", "mint", b"[]", BAD, r"body is an array"),
    ("array of an object", "mint", raw('[{"b":"$B"}]'), BAD, r"body is an array"),
    ("two objects", "mint", raw('{"b":"$B"} {}'), BAD, r"body"),
    ("rubbish after it", "mint", raw('{"b":"$B"}x'), BAD, r"body.*x"),
    ("comma at the end", "mint", raw('{"b":"$B",}'), BAD, r"body"),
    ("no colon", "mint", raw('{"b" "$B"}'), BAD, r"\bb\b.*body|body"),
    ("single quotes", "mint", raw("{'b':'$B'}"), BAD, r"body"),
    ("bare name", "mint", raw('{b:"$B"}'), BAD, r"body"),
    ("comment", "mint", raw('{"b":"$B"/**/}'), BAD, r"body"),
    ("string not closed", "mint", raw('{"b":"$B}'), BAD, r"b.*body"),
    ("line end in a string", "mint", raw('{"b":"$B\n"}'), BAD, r"b.*body"),
    ("NUL in a string", "mint", b'{"b":"AA\x00AA"}', BAD, r"b.*body"),
    ("NUL after the object", "mint", raw('{"b":"$B"}') + b"\x00", BAD, r"body"),
    ("escaped NUL", "mint", rb'{"b":"AAAA\u0000"}', BAD, r"b.*body|b is"),
    ("unknown escape", "mint", rb'{"b":"AA\xAA"}', BAD, r"b.*body"),
    ("half a surrogate", "mint", rb'{"b":"\ud800"}', BAD, r"b.*body"),
    ("half an escape", "mint", rb'{"b":"\u00"}', BAD, r"b.*body"),
    ("byte order mark", "mint", b"\xef\xbb\xbf" + raw('{"b":"$B"}'), BAD, r"body"),
    ("UTF-16", "mint", '{"b":"AAAA"}'.encode("utf-16-le"), BAD, r"body"),
    ("Latin-1", "mint", b'{"b":"AAA\xe9"}', BAD, r"b.*body"),
    ("UTF-8 too long", "mint", b'{"b":"\xc1\x81AAA"}', BAD, r"b.*body"),
    ("UTF-8 surrogate", "mint", b'{"b":"\xed\xa0\x80A"}', BAD, r"b.*body"),
    ("UTF-8 cut", "mint", b'{"b":"AAA\xe2\x82"}', BAD, r"b.*body"),
    ("not UTF-8 in an unknown member", "mint", raw('{"b":"$B","x":"') + b'\xff"}', BAD,
     r"x.*body"),
    ("NaN", "mint", raw('{"b":"$B","factor":NaN}'), BAD, r"factor.*body"),
    ("leading zero", "mint", raw('{"b":"$B","factor":0100}'), BAD, r"factor.*body"),
    ("plus", "mint", raw('{"b":"$B","factor":+5}'), BAD, r"factor.*body"),
    ("hexadecimal", "mint", raw('{"b":"$B","factor":0x10}'), BAD, r"factor.*body"),
    ("overflow", "mint", raw('{"b":"$B","factor":1e999}'), BAD, r"factor.*body"),
    ("30 digits", "mint", raw('{"b":"$B","factor":' + "9" * 30 + "}"), BAD, r"factor.*body"),
    ("deep arrays", "mint", b"[" * 8000, BAD, r"nested 8000 deep"),
    ("deep arrays in a member", "mint", raw('{"b":"$B","x":' + "[" * 2000 + "]" * 2000 + "}"),
     BAD, r"nested 2001 deep"),
    ("deep objects", "mint", b'{"b":' * 2000 + b"1" + b"}" * 2000, BAD, r"nested 2000 deep"),
    ("16 KiB and one", "mint", raw('{"b":"$B"}').ljust(16385), BAD, r"16385 bytes"),
    ("20,000 bytes", "mint", b"{" * 20000, BAD, r"20000 bytes"),
    ("60,000 bytes of b", "mint", b'{"b":"' + b"A" * 60000 + b'"}', BAD, r"60008 bytes"),
    ("a name twice", "mint", raw('{"b":"$B","b":"$B"}'), BAD, r"b.*body|duplicate"),
    # ---- b
    ("no b", "mint", {}, BAD, r"b and dkim"),
    ("only a factor", "mint", {"factor": 5}, BAD, r"b and dkim"),
    ("b and dkim", "mint", with_b(dkim=f"a=rsa-sha256; b={B}"), BAD, r"b and dkim"),
    ("b empty", "mint", {"b": ""}, BAD, r'b is ""'),
    ("b white", "mint", {"b": " \t\r\n"}, BAD, r"b is"),
    ("b a number", "mint", {"b": 5}, BAD, r"b is 5"),
    ("b null", "mint", {"b": None}, BAD, r"b is null"),
    ("b true", "mint", {"b": True}, BAD, r"b is true"),
    ("b an array", "mint", {"b": [B]}, BAD, r"b is an array"),
    ("b an object", "mint", {"b": {"b": B}}, BAD, r"b is an object"),
    ("b no base64", "mint", {"b": "!!!!"}, BAD, r'b is "!!!!"'),
    ("b of the URL alphabet", "mint", {"b": "AA-_"}, BAD, r'b is "AA-_"'),
    ("b of 3", "mint", {"b": "AAA"}, BAD, r'b is "AAA"'),
    ("b of 5", "mint", {"b": "AAAAA"}, BAD, r'b is "AAAAA"'),
    ("b without padding", "mint", {"b": "AAAAAA"}, BAD, r'b is "AAAAAA"'),
    ("b too much padding", "mint", {"b": "AAAA===="}, BAD, r'b is "AAAA===="'),
    ("b three padding", "mint", {"b": "A==="}, BAD, r'b is "A==="'),
    ("b only padding", "mint", {"b": "===="}, BAD, r'b is "===="'),
    ("b padding inside", "mint", {"b": "AA==AAAA"}, BAD, r'b is "AA==AAAA"'),
    ("b low bits of two", "mint", {"b": "AAAAAB=="}, BAD, r'b is "AAAAAB=="'),
    ("b low bits of one", "mint", {"b": "AAAAAAB="}, BAD, r'b is "AAAAAAB="'),
    ("b vertical tab", "mint", {"b": "AAAA\vAAAA"}, BAD, r"b is"),
    ("b form feed", "mint", {"b": "AAAA\fAAAA"}, BAD, r"b is"),
    ("b no-break space", "mint", {"b": "AAAA\u00a0AAAA"}, BAD, r"b is"),
    ("b not ASCII", "mint", {"b": "AAA\u00e9"}, BAD, r"b is"),
    ("b wide letters", "mint", {"b": "\uff21" * 4}, BAD, r"b is"),
    ("b of 2052", "mint", {"b": "A" * 2052}, BAD, r"b is.*2048"),
    ("b of 16,000", "mint", {"b": "A" * 16000}, BAD, r"b is.*2048"),
    # ---- dkim
    ("dkim a number", "mint", {"dkim": 1}, BAD, r"dkim is 1"),
    ("dkim empty", "mint", {"dkim": ""}, BAD, r"dkim is"),
    ("dkim no tag-list", "mint", {"dkim": "hello"}, BAD, r"dkim is"),
    ("dkim without b", "mint", {"dkim": "v=1; a=rsa-sha256; d=x; s=y; h=from; bh=AAAA"}, BAD,
     r"dkim is"),
    ("dkim without a", "mint", {"dkim": f"v=1; d=x; s=y; h=from; bh=AAAA; b={B}"}, BAD,
     r"dkim is"),
    ("dkim twice b", "mint", {"dkim": f"v=1; a=rsa-sha256; b={B}; b={B}"}, BAD, r"dkim is"),
    ("dkim bad b", "mint", {"dkim": "v=1; a=rsa-sha256; d=x; s=y; h=from; bh=AAAA; b=AAA"}, BAD,
     r"dkim is"),
    ("dkim with rsa-sha1", "mint",
     {"dkim": f"v=1; a=rsa-sha1; d=x; s=y; h=from; bh=AAAA; b={B}"}, "unsupported", r"dkim is"),
    ("dkim and another a", "mint", {"a": "ed25519-sha256", "dkim":
                                    f"v=1; a=rsa-sha256; d=x; s=y; h=from; bh=AAAA; b={B}"},
     BAD, r'a is "ed25519-sha256".*rsa-sha256'),
    # ---- a
    ("a rsa-sha1", "mint", with_b(a="rsa-sha1"), "unsupported", r'a is "rsa-sha1"'),
    ("a unknown", "mint", with_b(a="dilithium-sha3"), "unsupported", r'a is "dilithium-sha3"'),
    ("a empty", "mint", with_b(a=""), "unsupported", r'a is ""'),
    ("a with a blank", "mint", with_b(a="rsa-sha256 "), "unsupported", r"a is"),
    ("a a number", "mint", with_b(a=256), BAD, r"a is 256"),
    ("a null", "mint", with_b(a=None), BAD, r"a is null"),
    ("a an array", "mint", with_b(a=["rsa-sha256"]), BAD, r"a is an array"),
    # ---- recipients
    ("recipients a string", "mint", with_b(recipients="a@x.org"), BAD, r"recipients is"),
    ("recipients a number", "mint", with_b(recipients=1), BAD, r"recipients is 1"),
    ("recipients null", "mint", with_b(recipients=None), BAD, r"recipients is null"),
    ("recipients an object", "mint", with_b(recipients={}), BAD, r"recipients is an object"),
    ("1001 recipients", "mint", with_b(recipients=["x.org"] * 1001), BAD, r"recipients has 1001"),
    ("a recipient a number", "mint", with_b(recipients=["x.org", 5]), BAD,
     r"recipients\[1\] is 5"),
    ("a recipient null", "mint", with_b(recipients=[None]), BAD, r"recipients\[0\] is null"),
    ("a recipient an array", "mint", with_b(recipients=[["x.org"]]), BAD, r"recipients\[0\] is"),
    ("a recipient empty", "mint", with_b(recipients=[""]), BAD, r'recipients\[0\] is ""'),
    ("a recipient without a domain", "mint", with_b(recipients=["user@"]), BAD,
     r"recipients\[0\].*user@"),
    ("a recipient without a name", "mint", with_b(recipients=["@x.org"]), BAD,
     r"recipients\[0\].*@x.org"),
    ("a recipient with two dots", "mint", with_b(recipients=["a@x..org"]), BAD,
     r"recipients\[0\].*x\.\.org"),
    ("a recipient with a line end", "mint", with_b(recipients=["a@x.org\r\nb@y.org"]), BAD,
     r"recipients\[0\]"),
    ("a recipient of 3000", "mint", with_b(recipients=["a@" + "x" * 3000]), BAD,
     r"recipients\[0\]"),
    # ---- factor
    ("factor 0", "mint", with_b(factor=0), BAD, r"factor is 0\b"),
    ("factor -1", "mint", with_b(factor=-1), BAD, r"factor is -1"),
    ("factor -2^63", "mint", with_b(factor=-2**63), BAD, r"factor is -9223372036854775808"),
    ("factor 1.5", "mint", with_b(factor=1.5), BAD, r"factor is 1\.5"),
    ("factor 1000.0", "mint", raw('{"b":"$B","factor":1000.0}'), BAD, r"factor is 1000"),
    ("factor 1e6", "mint", raw('{"b":"$B","factor":1e6}'), BAD, r"factor is 1000000"),
    ("factor 2^53", "mint", with_b(factor=2**53), BAD, r"factor is 9007199254740992"),
    ("factor 2^63-1", "mint", with_b(factor=2**63 - 1), BAD, r"factor is 9223372036854775807"),
    ("factor 2^63", "mint", with_b(factor=2**63), BAD, r"factor"),
    ("factor a string", "mint", with_b(factor="1000"), BAD, r'factor is "1000"'),
    ("factor null", "mint", with_b(factor=None), BAD, r"factor is null"),
    ("factor false", "mint", with_b(factor=False), BAD, r"factor is false"),
    ("factor an array", "mint", with_b(factor=[5]), BAD, r"factor is an array"),
    ("factor above max-factor", "mint", with_b(factor=MAX_FACTOR + 1), "too-hard",
     rf"factor {MAX_FACTOR + 1}.*{MAX_FACTOR}"),
    ("factor 2^53-1", "mint", with_b(factor=2**53 - 1), "too-hard", r"factor 9007199254740991"),
    # ---- deadline_ms, on_deadline, priority
    ("deadline 0", "mint", with_b(deadline_ms=0), BAD, r"deadline_ms is 0\b"),
    ("deadline -5", "mint", with_b(deadline_ms=-5), BAD, r"deadline_ms is -5"),
    ("deadline an hour and 1", "mint", with_b(deadline_ms=3600001), BAD,
     r"deadline_ms is 3600001"),
    ("deadline 10^18", "mint", with_b(deadline_ms=10**18), BAD, r"deadline_ms is 10{18}"),
    ("deadline 2.5", "mint", with_b(deadline_ms=2.5), BAD, r"deadline_ms is 2\.5"),
    ("deadline a string", "mint", with_b(deadline_ms="5s"), BAD, r'deadline_ms is "5s"'),
    ("deadline null", "mint", with_b(deadline_ms=None), BAD, r"deadline_ms is null"),
    ("on_deadline unknown", "mint", with_b(on_deadline="worst"), BAD, r'on_deadline is "worst"'),
    ("on_deadline capital", "mint", with_b(on_deadline="Best"), BAD, r'on_deadline is "Best"'),
    ("on_deadline empty", "mint", with_b(on_deadline=""), BAD, r'on_deadline is ""'),
    ("on_deadline a number", "mint", with_b(on_deadline=0), BAD, r"on_deadline is 0"),
    ("on_deadline null", "mint", with_b(on_deadline=None), BAD, r"on_deadline is null"),
    ("priority -1", "mint", with_b(priority=-1), BAD, r"priority is -1"),
    ("priority 10", "mint", with_b(priority=10), BAD, r"priority is 10"),
    ("priority 5.0", "mint", raw('{"b":"$B","priority":5.0}'), BAD, r"priority is 5"),
    ("priority a string", "mint", with_b(priority="high"), BAD, r'priority is "high"'),
    ("priority null", "mint", with_b(priority=None), BAD, r"priority is null"),
    # ---- other verbs
    ("verb unknown", "mine", {}, BAD, r'verb "mine"'),
    ("verb in capitals", "MINT", {}, BAD, r'verb "MINT"'),
    ("verb empty", "", {}, BAD, r'verb ""'),
    ("verb with a blank", "mint ", {}, BAD, r'verb "mint "'),
    ("verb with NUL", "mint\0", {}, BAD, r"verb"),
    ("verb not ASCII", "m\u00efnt", {}, BAD, r"verb"),
    ("verb of 60,000", "x" * 60000, {}, BAD, r'verb "xxxx'),
    ("cancel empty", "cancel", b"", BAD, r"body is empty"),
    ("cancel without id", "cancel", {}, BAD, r"id is missing"),
    ("cancel id a number", "cancel", {"id": 1}, BAD, r"id is 1"),
    ("cancel id null", "cancel", {"id": None}, BAD, r"id is null"),
    ("cancel id empty", "cancel", {"id": ""}, BAD, r'id is ""'),
    ("cancel id of 65", "cancel", {"id": "x" * 65}, BAD, r"id is"),
    ("cancel id with a blank", "cancel", {"id": "a b"}, BAD, r'id is "a b"'),
    ("cancel id not ASCII", "cancel", {"id": "\u00e9"}, BAD, r"id is"),
    ("cancel no object", "cancel", b"[]", BAD, r"body is an array"),
    ("status broken", "status", b"{", BAD, r"body"),
    ("status no object", "status", b"[]", BAD, r"body is an array"),
    ("status huge", "status", b" " * 30000, BAD, r"30000 bytes"),
    ("ping broken", "ping", b"{]", BAD, r"body"),
    ("ping deep", "ping", b"[" * 16000, BAD, r"nested 16000 deep"),
    ("factor recipients a number", "factor", {"recipients": 1}, BAD, r"recipients is 1"),
    ("factor recipient a number", "factor", {"recipients": ["x.org", 2]}, BAD,
     r"recipients\[1\] is 2"),
    ("factor 1001 recipients", "factor", {"recipients": ["x.org"] * 1001}, BAD,
     r"recipients has 1001"),
    ("factor broken", "factor", b"[", BAD, r"body"),
]

GOOD_FRAMES = [b"frank/1", b"ping", b"id", b"{}"]

# Messages without an envelope to answer to: dropped, and counted.
DROPPED = [
    ("one frame", [b"frank/1"]),
    ("one empty frame", [b""]),
    ("two frames", GOOD_FRAMES[:2]),
    ("three frames", GOOD_FRAMES[:3]),
    ("five frames", GOOD_FRAMES + [b""]),
    ("five frames, delimiter last", GOOD_FRAMES + [b"{}"]),
    ("six frames", GOOD_FRAMES + [b"", b""]),
    ("two delimiters", [b"", b""] + GOOD_FRAMES),
    ("300 frames", GOOD_FRAMES * 75),
    ("300 empty frames", [b""] * 300),
    ("version 2", [b"frank/2", b"ping", b"id", b"{}"]),
    ("version in capitals", [b"FRANK/1", b"ping", b"id", b"{}"]),
    ("version empty behind a delimiter", [b"", b"", b"ping", b"id", b"{}"]),
    ("version with NUL", [b"frank/1\0", b"ping", b"id", b"{}"]),
    ("version short", [b"frank", b"ping", b"id", b"{}"]),
    ("version of 60,000", [b"frank/1" * 8500, b"ping", b"id", b"{}"]),
    ("id empty", [b"frank/1", b"ping", b"", b"{}"]),
    ("id of 65", [b"frank/1", b"ping", b"x" * 65, b"{}"]),
    ("id of 60,000", [b"frank/1", b"ping", b"x" * 60000, b"{}"]),
    ("id with a blank", [b"frank/1", b"ping", b"a b", b"{}"]),
    ("id with NUL", [b"frank/1", b"ping", b"a\0", b"{}"]),
    ("id with DEL", [b"frank/1", b"ping", b"a\x7f", b"{}"]),
    ("id not ASCII", [b"frank/1", b"ping", "\u00e9".encode(), b"{}"]),
    ("another order", [b"ping", b"frank/1", b"id", b"{}"]),
    ("HTTP", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]),
]


def check_refusal(row, ok, reply):
    name, _, _, code, pattern = row
    assert not ok, f"{name}: not refused: {reply}"
    assert reply["error"] == code, f"{name}: {reply}"
    assert re.search(pattern, reply["message"]), f"{name}: not named ({pattern}): {reply}"
    assert len(reply["message"]) < 300 and reply["message"].isprintable(), f"{name}: {reply}"
    assert ("eta_ms" in reply) == (code == "too-hard"), f"{name}: {reply}"


def send_row(client, row, request_id):
    _, verb, body, _, _ = row
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    client.socket.send_multipart([b"frank/1", verb.encode("utf-8"), request_id.encode(), body])


def one_round(client, which):
    """Every row, and after each a request that is fine: for a nonce that is known, or now and then
    for one that a device must find."""
    failures = []
    for i, row in enumerate(ROWS):
        send_row(client, row, "bad")
        b, factor = (random_b(88), 500) if i % 10 == which % 10 else (B, 1)
        client.send("mint", {"b": b, "factor": factor}, "good")
        replies = collect(client, ["bad", "good"], patience(10))
        try:
            check_refusal(row, *replies["bad"])
        except AssertionError as failure:  # all of them are told at once
            failures.append(str(failure))
        ok, reply = replies["good"]
        assert ok, f"after {row[0]}: {reply}"
        check_answer(reply, b, factor=factor)
    assert not failures, "\n".join(failures)
    for name, frames in DROPPED:
        client.socket.send_multipart(frames)
        ok, reply = client.ask("ping", request_id="after")
        assert ok, f"after {name}: {reply}"


class Bystander:
    """A client with requests of its own all the while: some that wait, and one after another that
    are answered."""

    WAITING = 20

    def __init__(self, frankd):
        self.frankd = frankd
        self.answered = 0
        self.failure = None
        self.stop = threading.Event()
        self.waiting = frankd.client()
        self.ids = [self.waiting.send("mint", {"b": random_b(), "factor": MAX_FACTOR,
                                               "deadline_ms": 3600000})
                    for _ in range(self.WAITING)]
        # Once others wait, one client may not add more than half of the queued work.
        wait_until("the bystander's requests wait", lambda: waiting(frankd) == self.WAITING)
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        try:
            with self.frankd.client() as client:
                while not self.stop.is_set():
                    b = random_b(172)
                    ok, reply = client.mint(b, factor=2000)
                    assert ok, reply
                    check_answer(reply, b, factor=2000)
                    self.answered += 1
                    self.stop.wait(0.02)
        except BaseException as error:  # handed on to the test's own thread
            self.failure = error

    def end(self):
        """Both kinds of requests were untouched."""
        self.stop.set()
        self.thread.join()
        if self.failure:
            raise self.failure
        assert self.answered > 0, "the bystander had no stamp"
        assert_silent(self.waiting)
        for name in self.ids:
            self.waiting.send("cancel", {"id": name}, "c-" + name)
        replies = collect(self.waiting, self.ids + ["c-" + name for name in self.ids],
                          patience(10))
        for name in self.ids:
            ok, reply = replies[name]
            assert not ok and reply["error"] == "cancelled", reply
            assert replies["c-" + name] == (True, {"found": True}), replies
        self.waiting.close()


def dropped_count(frankd):
    return sum(child["dropped"] for child in status(frankd)["children"])


def growth_kib(kib):
    """By how much each process has grown since the measurement before."""
    return {name: kib[-1][name] - kib[-2][name] for name in kib[-1]}


def bad_requests_are_named_and_hurt_nobody():
    """Every row in every round, with memory measured after the first rounds and at the end."""
    config = f"slice = 2ms\ncache = 64\nworker_nice = 0\nmax_factor = {MAX_FACTOR}\n"
    with Frankd(["--device", "cpu"], config=config) as frankd:
        bystander = Bystander(frankd)
        door = frankd.children("frank-door")[0]
        pids = {"frankd": frankd.pid, "door": door}
        kib = []
        with frankd.client() as client:
            for number in range(WARM_UP_ROUNDS):
                one_round(client, number)
            # What a busy machine makes wait takes memory once; a leak takes it every time.
            rounds = WARM_UP_ROUNDS
            while len(kib) < 2 or (len(kib) < 4 and not sanitized() and
                                   max(growth_kib(kib).values()) > MEMORY_SLACK_KIB):
                if kib:
                    for number in range(ROUNDS - WARM_UP_ROUNDS):
                        one_round(client, number)
                    rounds += ROUNDS - WARM_UP_ROUNDS
                kib.append({name: memory_kib(pid) for name, pid in pids.items()})
            assert_silent(client)
        bystander.end()
        assert frankd.children("frank-door") == [door], "the door died"
        totals = status(frankd)["totals"]
        assert totals["abandoned"] == 0 and totals["internal"] == 0, totals
        # The door tells its counts once a second.
        want = len(DROPPED) * rounds
        wait_until(f"{want} messages without an envelope are counted",
                   lambda: dropped_count(frankd) >= want)
        assert dropped_count(frankd) == want, f"{want} wanted, {dropped_count(frankd)} counted"
    growth = growth_kib(kib)
    print(f"      {len(ROWS)} refusals and {len(DROPPED)} drops x {rounds} rounds; "
          f"{bystander.answered} stamps beside; memory KiB {kib[-1]}, growth {growth}")
    if sanitized():
        print("      growth is not judged: AddressSanitizer holds freed memory back")
    else:
        for name, kib in growth.items():
            assert kib <= MEMORY_SLACK_KIB, f"{name} grew by {kib} KiB"


def frames_above_64_kib_end_the_connection_only():
    """libzmq refuses them before they are read; other connections and a new one are served."""
    with Frankd(["--device", "cpu"]) as frankd, frankd.client() as other:
        door = frankd.children("frank-door")[0]
        for size in (65537, 1 << 20, 8 << 20):
            with frankd.client() as client:
                client.socket.send_multipart([b"frank/1", b"mint", b"huge", b"{" * size])
                ok, reply = other.ask("ping")
                assert ok, reply
                try:
                    got = client.recv(0.2)
                    raise AssertionError(f"a reply to a frame of {size} bytes: {got}")
                except Timeout:
                    pass
            with frankd.client() as client:
                ok, reply = client.mint(B, factor=100)
                assert ok, reply
        assert frankd.children("frank-door") == [door], "the door died"


def rubbish_on_the_socket_is_no_message():
    """Bytes that are not ZeroMQ, and half a greeting."""
    with Frankd(["--device", "cpu"]) as frankd, frankd.client() as other:
        path = frankd.ipc[len("ipc://"):]
        held = []
        for junk in (b"", b"GET / HTTP/1.0\r\n\r\n", b"\xff" + b"\0" * 8 + b"\x7f",
                     b"\xff" + b"\0" * 8 + b"\x7f\x03\x00NULL" + b"\0" * 48 + b"\xff" * 500,
                     b"\x00" * 3000, bytes(range(256)) * 20):
            raw_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            raw_socket.settimeout(60)
            raw_socket.connect(path)
            try:
                raw_socket.sendall(junk)
            except OSError:
                pass  # it hung up: its right
            held.append(raw_socket)
            ok, reply = other.mint(B, factor=50)
            assert ok, reply
        for raw_socket in held:
            raw_socket.close()
        ok, reply = other.mint(B, factor=60)
        assert ok, reply


def other_kinds_of_sockets_get_nothing_they_should_not():
    """A REQ that says rubbish is refused; PUSH, PUB and PAIR are not let in or not answered."""
    with Frankd(["--device", "cpu"]) as frankd:
        with frankd.client(kind=zmq.REQ) as client:
            client.socket.send_multipart([b"frank/1", b"mint", b"r", b"{"])
            ok, name, reply = client.recv()
            assert not ok and name == "r" and reply["error"] == BAD, reply
        context = zmq.Context()
        sockets = []
        for kind in (zmq.PUSH, zmq.PUB, zmq.PAIR, zmq.SUB):
            made = context.socket(kind)
            made.linger = 0
            made.connect(frankd.ipc)
            sockets.append(made)
            if kind != zmq.SUB:
                try:
                    made.send_multipart(GOOD_FRAMES, zmq.NOBLOCK)
                except zmq.Again:
                    pass  # not let in
        with Client(frankd.ipc) as client:
            ok, reply = client.mint(B, factor=100)
            assert ok, reply
        for made in sockets:
            made.close(0)
        context.term()


if __name__ == "__main__":
    run(bad_requests_are_named_and_hurt_nobody, frames_above_64_kib_end_the_connection_only,
        rubbish_on_the_socket_is_no_message, other_kinds_of_sockets_get_nothing_they_should_not)
