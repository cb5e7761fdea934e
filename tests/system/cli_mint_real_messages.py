"""`frank mint` on real signed messages: the header is right by an independent check, the filter
leaves a message that still passes DKIM, and a stamped message is left as it is."""

import json
import re

from cli_support import (FACTOR_MAX, FLOOR, check_header, frank, read, run, sample, signatures,
                         tags, unfold)

FACTOR = 100000

# Gmail's (RSA-2048), the one of RFC 8463 with an Ed25519 and an RSA-1024 signature, its RSA half,
# Exim's with CRLF and folds inside the value, and one of kitterman.com.
MESSAGES = ["test2.message", "rfc6376.signed.msg", "rfc6376.signed.rsa.msg", "ed25519test2.msg",
            "message.mbox"]


def line_end_of(message):
    return b"\r\n" if b"\r\n" in message.split(b"\n", 1)[0] + b"\n" else b"\n"


def header_of_each_message_is_right():
    for name in MESSAGES:
        path = sample(name)
        a, b, _ = signatures(read(path))[0]
        done = frank("mint", "--eml", path, "--factor", str(FACTOR))
        assert done.returncode == 0, (name, done)
        assert done.stdout.endswith(b"\n"), done
        check_header(done.stdout[:-1], a, b, FACTOR)


def json_answer_is_right():
    path = sample("test2.message")
    a, b, _ = signatures(read(path))[0]
    done = frank("mint", "--eml", path, "--factor", str(FACTOR), "--json")
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert len(lines) == 1, lines
    answer = json.loads(lines[0])
    check_header(answer["header"].encode(), a, b, FACTOR, b"\r\n")
    assert answer["met"] is True and answer["factor"] == FACTOR and answer["source"] == "request"
    assert answer["a"] == a and answer["attempts"] >= 1 and answer["elapsed_ms"] >= 0, answer
    assert abs(answer["bits"] - (256 - len(bin(int(answer["h"], 16))) + 2)) <= 1, answer


def floor_is_the_factor_when_none_is_given():
    path = sample("rfc6376.signed.msg")
    a, b, _ = signatures(read(path))[0]
    done = frank("mint", "--eml", path, "--json")
    assert done.returncode == 0, done
    answer = json.loads(done.stdout)
    assert answer["factor"] == FLOOR and answer["source"] == "floor", answer
    check_header(answer["header"].encode(), a, b, FLOOR, b"\r\n")


def signature_is_chosen_by_algorithm_and_domain():
    path = sample("rfc6376.signed.msg")
    ed25519, rsa = signatures(read(path))
    for choice, want in ((["--a", "ed25519-sha256"], ed25519), (["--a", "rsa-sha256"], rsa),
                         (["--domain", "FOOTBALL.example.com"], ed25519)):
        done = frank("mint", "--eml", path, "--factor", "1000", *choice)
        assert done.returncode == 0, done
        check_header(done.stdout[:-1], want[0], want[1], 1000)
    done = frank("mint", "--eml", path, "--domain", "other.example")
    assert done.returncode == 2 and "other.example" in done.stderr, done


def folded_b_gives_the_same_as_plain_b():
    _, b, _ = signatures(read(sample("test2.message")))[0]
    folded = "\r\n\t".join(b[i:i + 40] for i in range(0, len(b), 40))
    done = frank("mint", "--b", folded, "--factor", "1000")
    assert done.returncode == 0, done
    check_header(done.stdout[:-1], "rsa-sha256", b, 1000)


def filter_puts_the_header_in_front():
    for name in MESSAGES:
        message = read(sample(name))
        a, b, _ = signatures(message)[0]
        end = line_end_of(message)
        done = frank("mint", "--filter", "--factor", str(FACTOR), stdin=message)
        assert done.returncode == 0, (name, done)
        assert done.stdout.endswith(end + message), name
        check_header(done.stdout[:-len(message) - len(end)], a, b, FACTOR, end)
        checked = frank("verify", "-", "--factor", str(FACTOR), stdin=done.stdout)
        assert checked.returncode == 0, (name, checked)
        assert checked.stdout.startswith(b"pass ("), checked
        assert b"header.b=" + b[:8].encode() in checked.stdout, checked
        harder = frank("verify", "--factor", str(FACTOR_MAX), stdin=done.stdout)
        assert harder.returncode == 1 and harder.stdout.startswith(b"policy ("), harder


def filter_puts_the_header_after_an_mbox_line():
    message = b"From joe@example.com Fri Jul 11 21:00:37 2003\n" + read(sample("test2.message"))
    done = frank("mint", "--eml", "-", "--filter", "--factor", "1000", stdin=message)
    assert done.returncode == 0, done
    lines = done.stdout.split(b"\n")
    assert lines[0].startswith(b"From joe@"), lines[0]
    assert lines[1].startswith(b"MSMR-Key: "), lines[1]
    assert done.stdout.endswith(message.split(b"\n", 1)[1])
    # The line ends are the message's own, whatever the mbox line has.
    message = message.replace(b"\n", b"\r\n").replace(b"2003\r\n", b"2003\n", 1)
    done = frank("mint", "--filter", "--factor", "1000", stdin=message)
    assert b"\n" not in done.stdout.split(b"2003\n", 1)[1].replace(b"\r\n", b""), done.stdout[:300]


def signatures_that_nobody_looks_at_are_not_stamped():
    path = sample("rfc6376.signed.rsa.msg")
    message = read(path)
    many = b"".join(b"DKIM-Signature: v=1; a=rsa-sha256; d=list%d.example; b=AAAA\n" % i
                    for i in range(8)) + message
    for choice in (["--domain", "football.example.com"], ["--a", "ed25519-sha256"]):
        done = frank("mint", "-", "--factor", "1000", *choice, stdin=many)
        assert done.returncode == 2 and "first 8 usable" in done.stderr, done
        passed = frank("mint", "--filter", "--factor", "1000", *choice, stdin=many)
        assert passed.returncode == 0 and passed.stdout == many, passed
    stamped = frank("mint", "--filter", "--factor", "1000", "--domain", "list7.example", stdin=many)
    assert frank("verify", "--factor", "1000", stdin=stamped.stdout).returncode == 0, stamped


def stamped_message_is_left_as_it_is():
    message = read(sample("rfc6376.signed.msg"))
    once = frank("mint", "--filter", "--factor", str(FACTOR), stdin=message).stdout
    again = frank("mint", "--filter", "--factor", str(FACTOR), stdin=once)
    assert again.returncode == 0 and again.stdout == once, again
    assert "already stamped" in again.stderr, again
    shown = frank("mint", "-", "--factor", str(FACTOR), "--json", stdin=once)
    assert shown.returncode == 0 and json.loads(shown.stdout)["already"] is True, shown
    # A key that does not reach a higher factor is no reason to leave it.
    harder = frank("mint", "--filter", "--factor", str(FACTOR_MAX), "--deadline", "1ms", stdin=once)
    assert "already stamped" not in harder.stderr, harder
    # Nor is one for the other signature of the message.
    other = frank("mint", "--filter", "--factor", "1000", "--a", "rsa-sha256", stdin=once)
    assert other.returncode == 0 and other.stdout.count(b"MSMR-Key: ") == 2, other


def dkim_still_passes_after_the_filter():
    import dkim
    keys = {
        b"20120113._domainkey.gmail.com.":
            b"k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1Kd87/UeJjenpabgbFwh"
            b"+eBCsSTrqmwIYYvywlbhbqoo2DymndFkbjOVIPIldNs/m40KF+yzMn1skyoxcTUGCQ"
            b"s8g3FgD2Ap3ZB5DekAo5wMmk4wimDO+U8QzI3SD07y2+07wlNWwIt8svnxgdxGkVbb"
            b"hzY8i+RQ9DpSVpPbF7ykQxtKXkv/ahW3KjViiAH+ghvvIhkx4xYSIc9oSwVmAl5Oct"
            b"MEeWUwg8Istjqz8BZeTWbf41fbNhte7Y+YqZOwq1Sd0DbvYAD9NOZK9vlfuac0598H"
            b"Y+vtSBczUiKERHv1yRbcaQtZFh5wtiRrN04BLUTD21MycBX5jYchHjPY/wIDAQAB",
        b"brisbane._domainkey.football.example.com.":
            b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        b"test._domainkey.football.example.com.": read(sample("test.txt")),
        b"sed._domainkey.test.ex.": read(sample("eximtest.dns")),
    }

    def dnsfunc(name, timeout=5):
        return keys.get(name if isinstance(name, bytes) else name.encode(), b"").decode()

    verified = 0
    for name in MESSAGES:
        message = read(sample(name))
        for index in range(len(signatures(message))):
            # dkimpy's own test data has signatures that do not hold; those are no promise of ours.
            before = dkim.DKIM(message).verify(index, dnsfunc=dnsfunc) if name != "message.mbox" \
                else False
            if not before:
                continue
            stamped = frank("mint", "--filter", "--factor", "1000", stdin=message).stdout
            assert stamped != message
            assert dkim.DKIM(stamped).verify(index, dnsfunc=dnsfunc), (name, index)
            verified += 1
    assert verified >= 3, verified


def check_by_hand_of_the_readme_holds():
    """printf '%s%s' "$n" "$b" | sha256sum, as a user would do it."""
    import subprocess
    message = read(sample("test2.message"))
    _, b, _ = signatures(message)[0]
    stamped = frank("mint", "--filter", "--factor", "1000", stdin=message).stdout
    key = next(tags(value) for name, value in unfold(stamped) if name == b"msmr-key")
    shell = subprocess.run(["sh", "-c", "printf '%s%s' \"$0\" \"$1\" | sha256sum", key["n"], b],
                           stdout=subprocess.PIPE, check=True)
    assert re.match(r"[0-9a-f]{64}", shell.stdout.decode())[0] == key["h"]


if __name__ == "__main__":
    run(header_of_each_message_is_right, json_answer_is_right,
        floor_is_the_factor_when_none_is_given, signature_is_chosen_by_algorithm_and_domain,
        folded_b_gives_the_same_as_plain_b, filter_puts_the_header_in_front,
        filter_puts_the_header_after_an_mbox_line,
        signatures_that_nobody_looks_at_are_not_stamped, stamped_message_is_left_as_it_is,
        dkim_still_passes_after_the_filter, check_by_hand_of_the_readme_holds)
