"""`frank verify` gives the result of every known answer, by both of its ways to be asked, with the
exit status that belongs to the result."""

import json
import os

from cli_support import FLOOR, frank, run

EXIT = {"pass": 0, "policy": 1, "fail": 1, "none": 1, "neutral": 1, "permerror": 2, "temperror": 3}


def vectors():
    path = os.path.join(os.environ["FRANK_SOURCE"], "tests", "vectors", "msmr_v1.json")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def judged(done):
    """The result of a finished `frank verify --json`: (result, exit status), one record."""
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done
    return json.loads(lines[0])["result"], done.returncode


def message_of(signatures, keys):
    text = "".join(f"MSMR-Key: {key}\r\n" for key in keys)
    text += "".join(f"DKIM-Signature: v=1; a={s['a']}; d=example.com; s=one;\r\n h=from:to; bh=AAAA;"
                    f"\r\n b={s['b']}\r\n" for s in signatures)
    return (text + "From: a@example.com\r\nTo: b@example.org\r\n\r\nHello.\r\n").encode()


def header_vectors_by_b_and_header():
    cases = vectors()["header"]
    assert len(cases) >= 18
    for case in cases:
        factor = ["--factor", str(case.get("factor", 1))]
        for header in (case["value"], "MSMR-Key: " + case["value"], "msmr-key:" + case["value"]):
            done = frank("verify", "--b", case["b"], "--header", header, "--json", *factor)
            assert judged(done) == (case["result"], EXIT[case["result"]]), (case, done)


def message_vectors_by_message():
    cases = vectors()["message"]
    assert len(cases) >= 12
    for case in cases:
        message = message_of(case["signatures"], case["msmr_keys"])
        for ends in (message, message.replace(b"\r\n", b"\n")):
            done = frank("verify", "--factor", str(case["factor"]), "--json", stdin=ends)
            assert judged(done) == (case["result"], EXIT[case["result"]]), (case, done)


def mined_vectors_pass_and_say_how_hard_they_were():
    for case in vectors()["mined"]:
        header = f"v=1; a={case['a']}; n={case['n']}; h={case['h']}"
        done = frank("verify", "--b", case["b"], "--header", header, "--json", "--factor",
                     str(case["factor"]))
        answer = json.loads(done.stdout)
        assert done.returncode == 0 and answer["result"] == "pass", (case, done)
        assert answer["header_b"] == case["b"][:8] and answer["n"] == case["n"], answer
        # H * 2^bits is 2^256, to the 4 decimals that are printed.
        assert abs(int(case["h"], 16) * 2.0**(answer["bits"] - 256) - 1) < 1e-3, answer
        # The largest factor that it meets passes, one more does not.
        limit = (2**256 - 1) // int(case["h"], 16)
        for factor, result in ((limit, "pass"), (limit + 1, "policy")):
            if factor <= 2**53 - 1:
                done = frank("verify", "--b", case["b"], "--header", header, "--json", "--factor",
                             str(factor))
                assert judged(done) == (result, EXIT[result]), (case, factor, done)


def text_says_verdict_bits_factor_and_scope():
    case = vectors()["mined"][0]
    header = f"v=1; a={case['a']}; n={case['n']}; h={case['h']}"
    done = frank("verify", "--b", case["b"], "--header", header, "--factor", "1")
    assert done.stdout.startswith(b"pass (") and b"bits, factor 1)" in done.stdout, done
    assert b"header.b=" + case["b"][:8].encode() in done.stdout, done
    assert b"\x1b" not in done.stdout, "colour on what is no terminal"
    assert "hash and factor only" in done.stderr, done
    # Without --factor the floor is asked for, and named.
    done = frank("verify", "--b", case["b"], "--header", header)
    assert done.returncode == 1 and done.stdout.startswith(b"policy ("), done
    assert f"factor {FLOOR}".encode() in done.stdout and b"policy.source=floor" in done.stdout, done


def message_without_a_key_is_none():
    case = vectors()["message"][0]
    done = frank("verify", "-", stdin=message_of(case["signatures"], []))
    assert done.returncode == 1 and done.stdout.startswith(b"none ("), done


if __name__ == "__main__":
    run(header_vectors_by_b_and_header, message_vectors_by_message,
        mined_vectors_pass_and_say_how_hard_they_were, text_says_verdict_bits_factor_and_scope,
        message_without_a_key_is_none)
