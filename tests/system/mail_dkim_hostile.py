"""Messages that are made to deceive: DKIM-Signatures that libopendkim reads otherwise than the mail
rules do, messages with 500 signatures, and messages that cost as much as they can.
"""

import time

from harness import run
from mail_dkim import FAIL, PASS, SAME, compare
from mail_dkim_support import (MESSAGE, Keys, change_b, ours, print_dkim, read_print, sign,
                               spoilt, write)


def h_lists_that_are_cut_off():
    """libopendkim silently reads 4095 bytes of h=. A To: that stands behind these is not signed:
    anybody may change it, and rule cover would not see that."""
    with Keys() as keys:
        padding = ["x" * 99] * 42
        long_h = ["From", "Subject", *padding, "To"]
        signed = sign(MESSAGE, keys, "rsa2048", h=long_h, covered=["From", "Subject"])
        to_others = signed.replace(b"To: Bob", b"To: Eve")
        fits = ["From", "Subject", *padding[:40], "To"]
        compare(keys, [
            ("cut off", signed, [(FAIL, "4095")], None, [PASS]),
            ("cut off, to others", to_others, [(FAIL, "4095")], None, [PASS]),
            ("it fits", sign(MESSAGE, keys, "rsa2048", h=fits), [PASS], SAME, SAME),
            ("honest, too long", sign(MESSAGE, keys, "rsa2048", h=long_h), [(FAIL, "4095")], [PASS],
             SAME),
            ("513 names", sign(MESSAGE, keys, "rsa2048", h=["From", "To"] + ["x"] * 511),
             [(FAIL, "512 names")], [PASS], [PASS]),
            ("512 names", sign(MESSAGE, keys, "rsa2048", h=["From", "To"] + ["x"] * 510), [PASS],
             SAME, SAME),
        ])


def headers_that_are_odd():
    with Keys() as keys:
        good = sign(MESSAGE, keys, "rsa2048")
        names = ["From", "To", "Subject", "Date", "Message-ID", "X-Fold"]
        head, _, body = MESSAGE.partition(b"\n\n")
        odd_from = MESSAGE.replace(b"From: Alice <alice@sender.example>", b"From: \"Alice (")
        compare(keys, [
            # a field whose name libopendkim does not take; h= cannot name it
            ("; in a name", good.replace(b"\nFrom:", b"\nX;y: z\nFrom:"), [PASS], None, None),
            ("NUL", good.replace(b"Message-ID: <1", b"Message-ID: <\0"), [(FAIL, "NUL")], None,
             None),
            ("no From", sign(MESSAGE, keys, "rsa2048").replace(b"\nFrom: A", b"\nX-From: A"),
             [(FAIL, "From")], SAME, SAME),
            # who sent it is not DKIM's to read
            ("From that is no address", sign(odd_from, keys, "rsa2048"), [PASS], SAME, None),
            # all fields are used up, and more are named
            ("everything, and more", sign(MESSAGE, keys, "rsa2048", h=names * 3), [PASS], SAME,
             SAME),
            ("everything, and more, simple", sign(MESSAGE, keys, "rsa2048", h=names * 3,
                                                  c="simple/simple"), [PASS], SAME, SAME),
            ("a blank before the colon", sign(head.replace(b"To:", b"To :") + b"\n\n" + body, keys,
                                              "rsa2048"), [PASS], None, None),
            ("8-bit", sign(MESSAGE.replace(b"boat", "Böt\xfe".encode("latin-1")), keys, "rsa2048"),
             [PASS], SAME, SAME),
            ("a long field", sign(MESSAGE.replace(b"boat", b"boat" * 30000), keys, "rsa2048"),
             [PASS], SAME, None),  # its reading of files has short lines
            ("a long signature", sign(MESSAGE, keys, "rsa2048", tags="; z=" + "x" * 33000),
             [(FAIL, "32 KiB")], [PASS], None),
            ("name in other case", sign(MESSAGE, keys, "rsa2048", name=b"dkim-SIGNATURE:"), [PASS],
             SAME, SAME),
            ("selector that is no name", sign(MESSAGE, keys, "rsa2048").replace(
                b"s=rsa2048", b"s=rsa/2048"), [(FAIL, "host name")], None, None),
            ("selector too long", sign(MESSAGE, keys, "rsa2048").replace(
                b"s=rsa2048", b"s=" + b"r" * 300), [(FAIL, "host name")], None, None),
        ])


def forged_copies():
    """A signature with the same a= and b= but other tags above, below, both: each field is what it
    is by itself, and never what another one is."""
    with Keys() as keys:
        good = sign(MESSAGE, keys, "rsa2048", h=["From", "Subject"], alone=True)
        forged = good.replace(b"h=From:Subject", b"h=From:To:Subject")
        other_key = sign(MESSAGE, keys, "ed", alone=True)
        broken = change_b(other_key + MESSAGE, spoilt)[:-len(MESSAGE)]
        compare(keys, [
            ("good", good + MESSAGE, [PASS], SAME, SAME),
            ("forged above", forged + good + MESSAGE, [FAIL, PASS], SAME, SAME),
            ("forged below", good + forged + MESSAGE, [PASS, FAIL], SAME, SAME),
            ("forged around", forged + good + forged + MESSAGE, [FAIL, PASS, FAIL], SAME, SAME),
            ("the same 8 times", good * 8 + MESSAGE, [PASS] * 8, SAME, SAME),
            ("the same 9 times", good * 9 + MESSAGE, [PASS] * 8, None, None),
            ("two, the first is broken", broken + good + MESSAGE, [FAIL, PASS], SAME, SAME),
            ("two, the second is broken", good + broken + MESSAGE, [PASS, FAIL], SAME, SAME),
            ("two that are good", other_key + good + MESSAGE, [PASS, PASS], SAME, SAME),
            ("one that cannot be read above", b"DKIM-Signature: v=1; a=rsa-sha256; =;;\n" + good +
             MESSAGE, [PASS], None, None),
            ("t= of no sense above", good.replace(b"c=", b"t=x; c=") + good + MESSAGE,
             [(FAIL, "cannot read"), PASS], None, None),
        ])


def signatures_that_cover_signatures():
    """Then the other one must be seen; up to 16 of them."""
    with Keys() as keys:
        first = sign(MESSAGE, keys, "ed")
        second = sign(first, keys, "rsa2048", h=["From", "To", "DKIM-Signature"])
        # the lowest, which is not usable, is the one that is covered
        junk = b"DKIM-Signature: v=1; a=rsa-sha1; d=x.example; s=s; h=from; bh=AAAA; b=AAAA\n"
        third = sign(junk + MESSAGE, keys, "rsa2048", h=["From", "To", "DKIM-Signature"])
        many = sign(junk * 17 + MESSAGE, keys, "rsa2048", h=["From", "To", "DKIM-Signature"])
        compare(keys, [
            ("covers a good one", second, [PASS, PASS], SAME, SAME),
            ("that is changed", second.replace(b"s=ed", b"s=ex"), [FAIL, FAIL], SAME, SAME),
            ("covers junk", third, [PASS], None, None),
            ("junk is changed", third.replace(b"x.example", b"y.example"), [FAIL], None, None),
            # Where there is no other, libopendkim and dkimpy take the signature itself for it.
            ("covers one that is not there", sign(MESSAGE, keys, "rsa2048", h=[
                "From", "To", "DKIM-Signature"]), [FAIL], SAME, SAME),
            ("covers much junk", many, [(FAIL, "more than 16")], None, None),
        ])


def crowds_of_signatures():
    """500 signatures of one message: those that count are the first 8, and these alone are
    verified. The time is that of 8."""
    with Keys() as keys:
        good = sign(MESSAGE, keys, "rsa2048", alone=True)
        bad = good.replace(b"bh=", b"bh=A")
        junk = b"DKIM-Signature: v=1; a=rsa-sha256; b=!\n"
        unusable = good.replace(b"a=rsa-sha256", b"a=rsa-sha1")
        rows = [
            ("500 good", good * 500, [PASS] * 8),
            ("500 bad, one good", bad * 499 + good, [FAIL] * 8),
            ("one good, 500 bad", good + bad * 499, [PASS] + [FAIL] * 7),
            ("junk between", (junk + unusable) * 3 + good + bad + (junk + good) * 246,
             [PASS, FAIL] + [PASS] * 6),
            ("64 junk, 436 good", junk * 64 + good * 436, []),
        ]
        got = ours([head + MESSAGE for _, head, _ in rows], keys)
        for (name, _, wanted), said in zip(rows, got):
            assert [result for result, _ in said] == wanted, (name, said)


def what_costs_most_is_bounded():
    """The header as large as it may be, with signatures and h= that ask for the most work; a body
    of one line. All that matters is that it ends, by far within the test's limit."""
    with Keys() as keys:
        names = ["From"] + ["a"] * 511
        fields = b"".join(b"a: %d\n" % i for i in range(4080))
        big = b"X: " + b"y" * (700 << 10) + b"\n"
        signed = b""
        for i in range(8):
            signed += sign(fields + MESSAGE, keys, "ed", h=names, tags=f"; i=@x{i}.sender.example",
                           alone=True)
        line = b"\n\n" + b"x" * (1 << 20) + b"\n"
        too_long = b"\n\n" + b"x" * ((1 << 20) + 1) + b"\n"
        head = MESSAGE.partition(b"\n\n")[0]
        messages = [signed + fields + MESSAGE, signed + big + fields + MESSAGE,
                    sign(head + line, keys, "rsa2048"), sign(head + too_long, keys, "rsa2048")]
        start = time.monotonic()
        got = ours(messages, keys)
        print(f"      {time.monotonic() - start:.1f} s")
        assert [result for result, _ in got[0]] == [PASS] * 8, got[0]
        assert [result for result, _ in got[1]] == [PASS] * 8, got[1]
        assert got[2] == [(PASS, "")], got[2]
        assert got[3][0][0] == FAIL and "1 MiB" in got[3][0][1], got[3]


def threads_share_the_library():
    """Eight threads, good and bad messages: each comes to the results that one alone has."""
    with Keys() as keys:
        good = sign(MESSAGE, keys, "rsa2048", alone=True) + sign(MESSAGE, keys, "ed")
        messages = [good, good + b"P.S.\n", sign(MESSAGE, keys, "absent"), sign(MESSAGE, keys, "junk"),
                    change_b(good, lambda b: b"A" * len(b))]
        done = print_dkim("--keys", keys.path(), "--threads", "8", "--repeat", "100",
                          *write(keys, messages))
        assert done.returncode == 0, done.stderr
        said = [[result for result, _ in one["results"]] for one in read_print(done.stdout)]
        assert said == [[PASS, PASS], [FAIL, FAIL], [FAIL], [FAIL], [FAIL, PASS]], said


def key_files_that_are_wrong():
    with Keys() as keys:
        path = keys.path()
        record = keys.records["rsa2048._domainkey.sender.example"]
        name = "s._domainkey.x.example"
        for text, word in ((f"{name}\n", ":1: expected"), (f"# a\n\n{name} \n", ":3: expected"),
                           (f"x.example {record}\n", ":1: the name"),
                           (f"{name} {'x' * 1025}\n", ":1: the key record is longer"),
                           (f"{name} a\n{name.upper()} b\n", "two keys of"),
                           (f"{name} a\0b\n", ":1: a NUL"), (f" {name} a\n", ":1: expected"),
                           ("#" * (1 << 20) + "##\n", "over 1 MiB"),
                           ("".join(f"s{i}._domainkey.x.example a\n" for i in range(4097)),
                            ":4097: more than 4096 keys")):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            done = print_dkim("--keys", path)
            assert done.returncode == 2 and path in done.stderr and word in done.stderr, \
                (text[:60], done)
        for odd in ("/nonexistent/keys", keys.folder):
            done = print_dkim("--keys", odd)
            assert done.returncode == 2 and odd in done.stderr, done
        # what stands in files of people: no line end at the end, CRLF, blanks, comments
        with open(path, "w", encoding="ascii") as file:
            file.write(f"# keys\r\n\r\n  \nRSA2048._domainkey.Sender.Example\t {record} \r\n"
                       f"{name} {record}")
        done = print_dkim("--keys", path, *write(keys, [sign(MESSAGE, keys, "rsa2048")]))
        assert read_print(done.stdout)[0]["results"] == [(PASS, "")], done


if __name__ == "__main__":
    run(h_lists_that_are_cut_off, headers_that_are_odd, forged_copies,
        signatures_that_cover_signatures, crowds_of_signatures, what_costs_most_is_bounded,
        threads_share_the_library, key_files_that_are_wrong)
