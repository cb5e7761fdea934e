"""What we say of DKIM signatures beside what dkimpy and OpenDKIM say of the same messages. Where
they differ, the row says why.
"""

import base64
import re

from harness import run
from mail_dkim_support import (DOMAIN, MESSAGE, Keys, b_of, change_b, crlf, dkimpy, now, opendkim,
                               ours, sample, sign, sign_by_dkimpy, sign_by_opendkim,
                               split)

PASS, FAIL, GONE = "pass", "fail", "passed over"
SAME = "as ours"
CANONS = [f"{header}/{body}" for header in ("simple", "relaxed") for body in ("simple", "relaxed")]
SELECTORS = ("rsa2048", "rsa1024", "rsa4096", "ed")


def compare(keys, rows):
    """rows: (name, message, results of ours, of dkimpy, of OpenDKIM). SAME: all of its agree with
    ours; None: not asked, for the reason beside the row. A result of ours may be (result, word)."""
    rows = list(rows)
    assert len({row[0] for row in rows}) == len(rows), "a name stands twice"
    got = ours([row[1] for row in rows], keys)
    theirs = opendkim([row[1] for row in rows], keys)
    wrong = []
    for (name, message, wanted, by_dkimpy, by_opendkim), our, their in zip(rows, got, theirs):
        wanted = [one if isinstance(one, tuple) else (one, "") for one in wanted]
        results = [result for result, _ in our]
        if len(our) != len(wanted) or any(result != want or word not in why for (result, why), (
                want, word) in zip(our, wanted)):
            wrong.append(f"{name}: ours {our}, wanted {wanted}")
        if by_dkimpy is not None:
            said = [PASS if good else FAIL for good in dkimpy(message, keys)]
            if said != (results if by_dkimpy == SAME else by_dkimpy):
                wrong.append(f"{name}: dkimpy {said}, ours {results}, wanted {by_dkimpy}")
        if by_opendkim is not None:
            said = [one if one == PASS else FAIL for one in their]
            if said != (results if by_opendkim == SAME else by_opendkim):
                wrong.append(f"{name}: OpenDKIM {their}, ours {results}, wanted {by_opendkim}")
    assert not wrong, "\n".join(wrong)
    print(f"      {len(rows)} messages")


def with_body(body):
    return MESSAGE.partition(b"\n\n")[0] + b"\n\n" + body


BODIES = [
    # name, body, may OpenDKIM's reading of files be asked?
    ("one line", b"x\n", True),
    ("blank lines at the end", b"x\n\n\n\n", True),
    ("white lines at the end", b"x\n \t\n\t\n", True),
    ("only blank lines", b"\n\n\n", True),
    ("only white lines", b" \n\t\n", True),
    ("8-bit", "Grüße, \xe9\xff\n".encode("latin-1") + "日本\n".encode(), True),
    ("NUL", b"a\0b\n\0\n", False),  # it reads lines as C strings
    ("blanks", b"  a \t b\t\n\t\tc  \n", True),
    ("long line", b"x" * 70000 + b" \n" + b"y " * 40000 + b"\n", False),  # it cuts lines
    ("dots", b".\n..\n", True),
    ("much", b"A line of the usual length, as it stands in mail, and another one.\n" * 3000, True),
]


def every_canonicalisation_and_algorithm():
    with Keys() as keys:
        compare(keys, [(f"{selector} {c} {line_end}",
                        sign(MESSAGE if line_end == "LF" else crlf(MESSAGE), keys, selector, c),
                        [PASS], SAME, SAME)
                       for selector in SELECTORS for c in CANONS for line_end in ("LF", "CRLF")])


def what_others_sign():
    """By dkimpy, and by OpenDKIM's daemon as a milter."""
    with Keys() as keys:
        headed = MESSAGE.replace(b"X-Fold", b"Cc: Carol <carol@receiver.example>,\n\tdave@x.example"
                                 b"\nX-Fold")
        rows = [(f"dkimpy {selector} {c}", sign_by_dkimpy(headed, keys, selector, c), [PASS], SAME,
                 SAME) for selector in ("rsa2048", "ed") for c in CANONS]
        rows += [(f"dkimpy CRLF {c}", sign_by_dkimpy(crlf(headed), keys, "rsa2048", c), [PASS], SAME,
                  SAME) for c in CANONS]
        rows += [(f"dkimpy l= {c}", sign_by_dkimpy(headed, keys, "rsa2048", c, length=True) +
                  b"P.S.\n", [PASS], SAME, SAME) for c in CANONS]
        # With Ed25519 and a simple header it wraps the field otherwise than it has signed it (2.11
        # beta 2): nobody can verify that.
        rows += [(f"OpenDKIM {selector} {c}", sign_by_opendkim(headed, keys, selector, c), [result],
                  SAME, SAME) for selector, c, result in (
                      ("rsa2048", "simple/simple", PASS), ("rsa2048", "relaxed/relaxed", PASS),
                      ("ed", "relaxed/simple", PASS), ("ed", "simple/simple", FAIL))]
        compare(keys, rows)


def bodies_as_they_come():
    with Keys() as keys:
        compare(keys, [(f"{name} {c} {line_end}", sign(with_body(body) if line_end == "LF" else
                                                       crlf(with_body(body)), keys, "ed", c),
                        [PASS], SAME, SAME if asked else None)
                       for name, body, asked in BODIES for c in ("simple/simple", "relaxed/relaxed")
                       for line_end in ("LF", "CRLF")])


def bodies_without_an_end():
    """What does not end in a line end is signed as if it did (RFC 6376, 3.4.3 and 3.4.4); a header
    without a body, and without the empty line, has an empty one. OpenDKIM is not asked: it adds line
    ends as it reads a file."""
    head = MESSAGE.partition(b"\n\n")[0] + b"\n"
    with Keys() as keys:
        rows = []
        for c in ("simple/simple", "relaxed/relaxed"):
            for name, body in (("no line end", b"x"), ("blanks at the end", b"x  ")):
                signed = sign(head + b"\n" + body + b"\n", keys, "rsa2048", c)
                # dkimpy adds no line end before it canonicalises
                rows.append((f"{name} {c}", signed[:-1], [PASS], None, None))
            empty = sign(head + b"\n", keys, "rsa2048", c)
            rows.append((f"empty body {c}", empty, [PASS], SAME, None))
            rows.append((f"no body {c}", empty[:-1], [PASS], SAME, None))
        compare(keys, rows)


def bodies_in_parts():
    """However the parts are cut, between CR and LF as well, the body is the same."""
    with Keys() as keys:
        messages = [sign(crlf(with_body(body)), keys, "rsa2048", c)
                    for _, body, _ in BODIES if len(body) < 10000 for c in CANONS[::3]]
        for chunk in (1, 2, 3, 7, 16384, 16385):
            got = ours(messages, keys, "--chunk", str(chunk))
            assert all(one == [(PASS, "")] for one in got), (chunk, got)


def messages_that_others_signed():
    """The message of RFC 8463, appendix A.3, with its two signatures, and with changes."""
    with Keys() as keys:
        rfc = sample("rfc6376.signed.msg")
        compare(keys, [
            ("as it is", rfc, [PASS, PASS], SAME, SAME),
            ("with CRLF", crlf(rfc), [PASS, PASS], SAME, SAME),
            ("one signature", sample("rfc6376.signed.rsa.msg"), [PASS], SAME, SAME),
            ("subject", rfc.replace(b"Is dinner", b"Is lunch"), [FAIL, FAIL], SAME, SAME),
            ("body", rfc.replace(b"We lost", b"We won"), [(FAIL, "body"), (FAIL, "body")], SAME,
             SAME),
            ("a blank in the body", rfc.replace(b"game.  Are", b"game. Are"), [FAIL, FAIL], SAME,
             SAME),
            ("first signature only", rfc.replace(b"9/dsDChY", b"8/dsDChY"), [FAIL, PASS], SAME,
             SAME),
            ("second signature only", rfc.replace(b"icKcLSEZ", b"jcKcLSEZ"), [PASS, FAIL], SAME,
             SAME),
            ("no key", sample("test2.message"), [(FAIL, "no key")], SAME, SAME),
            ("mbox", sample("message.mbox"), [(FAIL, "no key")], None, None),  # they read no mbox
        ])


def keys_that_do_not_serve():
    with Keys() as keys:
        def row(selector, result, by_dkimpy=SAME, by_opendkim=SAME, **more):
            return (selector + str(more), sign(MESSAGE, keys, selector, **more), [result],
                    by_dkimpy, by_opendkim)

        compare(keys, [
            row("bare", PASS),
            row("absent", (FAIL, "no key")),
            row("revoked", (FAIL, "revoked")),
            row("version", FAIL),
            row("sha1", FAIL, by_dkimpy=[PASS]),  # it does not read the key's h=
            # OpenDKIM does not mind an RSA key that calls itself Ed25519
            row("wrongtype", (FAIL, "another algorithm"), by_opendkim=[PASS]),
            row("unknowntype", FAIL),
            row("nokey", FAIL),
            row("junk", FAIL),
            row("short64", FAIL),
            row("rsa768", (FAIL, "short")),
            # for TLS reports only (RFC 8460): dkimpy reads s= only where it is asked about those
            row("service", FAIL, by_dkimpy=None),
            row("subdomain", PASS),
            # dkimpy does not know t=s
            row("subdomain", (FAIL, "subdomain"), by_dkimpy=None,
                tags=f"; i=@news.{DOMAIN}"),
            row("rsa2048", PASS, tags=f"; i=@news.{DOMAIN}"),
            row("rsa2048", FAIL, tags="; i=@other.example"),
            # an Ed25519 key that says k=rsa: RFC 8463 wants k=ed25519; OpenDKIM does not look
            row("edasrsa", (FAIL, "another algorithm"), by_opendkim=[PASS]),
        ])


def changes_that_break_a_signature():
    with Keys() as keys:
        for c in CANONS:
            good = sign(MESSAGE, keys, "rsa2048", c, tags=f"; t={now()}")
            other = sign(MESSAGE.replace(b"Bob", b"Rob"), keys, "rsa2048", c)
            swap = base64.b64encode(bytes(256)).decode().encode()
            relaxed_header, relaxed_body = c.startswith("relaxed"), c.endswith("relaxed")
            compare(keys, [
                ("good", good, [PASS], SAME, SAME),
                ("to", good.replace(b"To: Bob", b"To: Rob"), [FAIL], SAME, SAME),
                ("second To above", good.replace(b"From: A", b"To: eve@x.example\nFrom: A"),
                 [PASS], SAME, SAME),  # the lowest is the signed one: rule cover refuses two
                ("second To below", good.replace(b"\n\n", b"\nTo: eve@x.example\n\n", 1), [FAIL],
                 SAME, SAME),
                ("unsigned field", good.replace(b"X-Fold: one", b"X-Fold: two"), [PASS], SAME,
                 SAME),
                ("no To", re.sub(rb"\nTo:[^\n]*", b"", good), [FAIL], SAME, SAME),
                ("name in capitals", good.replace(b"\nSubject:", b"\nSUBJECT:"),
                 [PASS if relaxed_header else FAIL], SAME, SAME),
                ("blanks in a field", good.replace(b"What of  the", b"What of the"),
                 [PASS if relaxed_header else FAIL], SAME, SAME),
                ("blanks in the body", good.replace(b"It  is", b"It is"),
                 [(PASS, "") if relaxed_body else (FAIL, "body")], SAME, SAME),
                ("line in the body", good + b"P.S.\n", [(FAIL, "body")], SAME, SAME),
                ("empty line at the end", good + b"\n\n", [PASS], SAME, SAME),
                ("bh", re.sub(rb"bh=(.)", lambda at: b"bh=" + bytes([at[1][0] ^ 1]), good),
                 [FAIL], SAME, SAME),
                ("b of another", change_b(good, lambda b: b_of(other)), [FAIL], SAME, SAME),
                ("b of zeros", change_b(good, lambda b: swap), [FAIL], SAME, SAME),
                ("b too short", change_b(good, lambda b: b[:-8]), [FAIL], SAME, SAME),
                ("t", good.replace(b"; t=1", b"; t=0"), [FAIL], SAME, SAME),
                ("b folded otherwise", change_b(good, lambda b: b"\n\t".join(
                    b[i:i + 20] for i in range(0, len(b), 20))), [PASS], SAME, SAME),
            ])


def times_and_lengths():
    with Keys() as keys:
        good = len(split(MESSAGE)[1])

        def signed(**more):
            return sign(MESSAGE, keys, "rsa2048", c="simple/simple", **more)

        compare(keys, [
            ("x to come", signed(tags=f"; t={now()}; x={now() + 600}"), [PASS], SAME, SAME),
            ("x long past", signed(tags=f"; t={now() - 99000}; x={now() - 40000}"),
             [(FAIL, "expired")], SAME, SAME),
            # Clocks may be wrong by an hour for us, as the mail rules have it (which look at x= to
            # the second), by 300 s for OpenDKIM, by 10 hours for dkimpy.
            ("x past", signed(tags=f"; t={now() - 9000}; x={now() - 7200}"), [(FAIL, "expired")],
             [PASS], SAME),
            ("x just past", signed(tags=f"; t={now() - 9000}; x={now() - 600}"), [PASS], SAME,
             [FAIL]),
            ("t just ahead", signed(tags=f"; t={now() + 1800}"), [PASS], SAME, [FAIL]),
            ("t ahead", signed(tags=f"; t={now() + 7200}"), [(FAIL, "future")], [PASS], SAME),
            # dkimpy asks only where x= is past
            ("x before t", signed(tags=f"; t={now()}; x={now() - 60}"), [FAIL], [PASS], SAME),
            ("t long ago", signed(tags="; t=1000000000"), [PASS], SAME, SAME),
            ("l of all", signed(length=good), [PASS], SAME, SAME),
            ("l of a part", signed(length=good - 5) + b"more\n", [PASS], SAME, SAME),
            ("l of nothing", signed(length=0) + b"more\n", [PASS], SAME, SAME),
            # dkimpy takes what there is
            ("l too long", signed(tags=f"; l={good + 1}"), [FAIL], [PASS], SAME),
            # What follows cuts the body off for libopendkim, and is no number for our parser, by
            # which rule cover would look for l=. OpenDKIM passes it.
            ("l empty", sign(MESSAGE, keys, "rsa2048", tags="; l=", covered=None,
                             body=b"") + b"more\n", [(FAIL, "otherwise")], None, [PASS]),
            ("l with a sign", sign(MESSAGE, keys, "rsa2048", tags="; l=+0", body=b"") + b"more\n",
             [(FAIL, "otherwise")], None, [PASS]),
            ("l in two", sign(MESSAGE, keys, "rsa2048", tags="; l=0 0", body=b"") + b"more\n",
             [(FAIL, "otherwise")], None, [PASS]),
        ])


def signatures_that_bind_to_nothing():
    """What msmr has passed over, as if it were absent: b= that can be changed without breaking the
    signature, and algorithms that are not ours. Others pass them."""
    with Keys() as keys:
        rsa = sign(MESSAGE, keys, "rsa2048")
        ed = sign(MESSAGE, keys, "ed")

        def low_bits(b):  # of "x==", four bits belong to no byte; of "x=", two
            at = len(b.rstrip(b"=")) - 1
            alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
            return b[:at] + bytes([alphabet[alphabet.index(b[at]) ^ 1]]) + b[at + 1:]

        rows = []
        for name, good in (("rsa", rsa), ("ed", ed)):
            rows += [
                (name, good, [PASS], SAME, SAME),
                (f"{name} low bits", change_b(good, low_bits), [], None, [PASS]),
                (f"{name} no padding", change_b(good, lambda b: b.rstrip(b"=")), [], None, [PASS]),
                (f"{name} !", change_b(good, lambda b: b[:9] + b"!" + b[9:]), [], None, [PASS]),
                (f"{name} behind ==", change_b(good, lambda b: b + b"AAAA"), [], None, [PASS]),
            ]
        rows += [("rsa-sha1", sign(MESSAGE, keys, "rsa2048", a="rsa-sha1"), [], None, None),
                 ("two b=", rsa.replace(b"v=1;", b"v=1; b=AAAA;", 1), [], None, None)]
        compare(keys, rows)


if __name__ == "__main__":
    run(every_canonicalisation_and_algorithm, what_others_sign, bodies_as_they_come,
        bodies_without_an_end, bodies_in_parts, messages_that_others_signed, keys_that_do_not_serve,
        changes_that_break_a_signature, times_and_lengths, signatures_that_bind_to_nothing)
