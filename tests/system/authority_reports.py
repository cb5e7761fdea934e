"""Reports to a running authority, who may send them, and the estimation that they move."""

import json
import os
import signal
import threading
import time

from authority_support import BASE, PATIENCE_S, Authority, verb
from harness import one_try_passes, run, wait_until

FACTOR = 1 << 22
BITS = 23.5


def reporter(authority, name):
    """A new reporter's token."""
    [record] = verb(authority.state, "reporter", "add", name)[1]
    assert record["reporter"] == name and len(record["token"]) == 64, record
    return record["token"]


def post(authority, token, body, **options):
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = "Bearer " + token
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    status, headers, reply = authority.ask(BASE + "report", "POST", body=text, headers=headers,
                                           **options)
    return status, json.loads(reply), headers


def report(number, ham, spam):
    now = int(time.time())
    return {"v": 1, "id": f"r{number}", "observations": [
        {"bits": BITS, "spam": kind, "count": count, "at": now}
        for kind, count in ((False, ham), (True, spam)) if count]}


def reports_are_taken_once_from_those_who_may():
    with Authority(["--factor", str(FACTOR)]) as authority:
        token = reporter(authority, "mx1.example")
        status, reply, headers = post(authority, token, report(1, 40, 2))
        assert status == 200 and reply["messages"] == 42, (status, reply)
        assert headers["Content-Type"] == "application/json"
        assert headers["Cache-Control"] == "no-store"
        status, reply, _ = post(authority, token, report(1, 40, 2))
        assert status == 200 and reply.get("already") is True, reply
        for bad, expected in ((None, 401), ("0" * 64, 403), ("x" * 200, 403)):
            status, _, headers = post(authority, bad, report(2, 1, 0))
            assert status == expected, (bad, status)
            assert status != 401 or headers["WWW-Authenticate"] == "Bearer"
        for body in ("", "{", b"\xff" * 100, "[]", '{"v":2}', "x" * 65536):
            assert post(authority, token, body)[0] in (400, 413), body
        [listed, final] = verb(authority.state, "reporter", "list")[1]
        assert listed["messages"] == 42 and not listed["revoked"] and final["reporters"] == 1
        verb(authority.state, "reporter", "revoke", "mx1.example", "--forget")
        assert post(authority, token, report(3, 1, 0))[0] == 403
        [listed, _] = verb(authority.state, "reporter", "list")[1]
        assert listed["revoked"] and listed["messages"] == 0, listed
        # Neither the token nor a part of it lies in the folder.
        for name in os.listdir(authority.state):
            with open(os.path.join(authority.state, name), "rb") as file:
                assert token[:16].encode() not in file.read(), name


def reports_do_not_hold_up_those_who_only_read():
    with Authority(["--factor", str(FACTOR)]) as authority:
        token = reporter(authority, "mx1.example")

        def while_the_keeper_stands_still(_):
            answers = []
            threads = [threading.Thread(target=lambda n=n: answers.append(
                post(authority, token, report(n, 1, 0))[0])) for n in range(20)]
            authority.process.send_signal(signal.SIGSTOP)  # as if its disk hung
            try:
                for thread in threads:
                    thread.start()
                wait_until("those without a place are told", lambda: answers.count(503) >= 4)
                for _ in range(20):
                    assert authority.ask(BASE + "factor")[0] == 200
                assert answers == [503] * 4, answers
            finally:
                authority.process.send_signal(signal.SIGCONT)
                for thread in threads:
                    thread.join(2 * PATIENCE_S)
            assert answers.count(200) == 16 and len(answers) == 20, answers
        # A report that waits longer is given up.
        one_try_passes(5, while_the_keeper_stands_still, 8)


def the_estimate_says_why_and_moves_the_factor():
    with Authority(["--factor", str(FACTOR), "--estimate", "--min-work", "100ms", "--max-work",
                    "100s", "--reference-rate", "5m"]) as authority:
        # The first step, at the start: nothing was observed yet.
        authority.wait_log("event=estimate limit=too-few")
        assert authority.json("factor")["epoch"] == 1
        tokens = [reporter(authority, f"mx{n}.example") for n in range(2)]
        for token in tokens:
            for number in range(5):
                assert post(authority, token, report(number, 700, 300))[0] == 200
        [told] = verb(authority.state, "estimate", "--reference-rate", "5m", "--min-work", "100ms",
                      "--max-work", "100s")[1]
        assert told["publish"] and told["limit"] == "rises", told
        assert told["in_force"] == FACTOR < told["factor"] <= 2 * FACTOR, told
        assert (told["floor"], told["ceiling"]) == (500000, 500000000), told
        assert told["spam"] > 1000 and 0.25 < told["share_low"] < 0.3 < told["share_high"] < 0.35
        # Telling it has changed nothing, and the next step is a day away.
        assert authority.json("factor")["epoch"] == 1
        assert authority.end() == 0
        authority.args = ["--estimate"]
        authority.start()
        time.sleep(1.5)
        assert authority.json("factor")["epoch"] == 1
        # The page names the limits.
        assert authority.ask("/")[0] == 200


def a_step_that_is_due_publishes_with_its_reason():
    with Authority(["--factor", str(FACTOR)]) as authority:
        token = reporter(authority, "mx1.example")
        for number in range(5):
            assert post(authority, token, report(number, 700, 300))[0] == 200
        assert authority.end() == 0
        authority.args = ["--estimate", "--reference-rate", "5m"]
        authority.start()
        authority.wait_epoch(2)
        document = authority.json("factor")
        assert FACTOR < document["factor"] <= 2 * FACTOR, document
        assert document["previous"]["factor"] == FACTOR
        reason = authority.json("history")["epochs"][-1]["reason"]
        assert "%" in reason and "spam" in reason, reason
        told = verb(authority.state, "estimate", "--reference-rate", "5m")[1][-1]
        assert not told["publish"], told


if __name__ == "__main__":
    run(reports_are_taken_once_from_those_who_may, reports_do_not_hold_up_those_who_only_read,
        the_estimate_says_why_and_moves_the_factor, a_step_that_is_due_publishes_with_its_reason)
