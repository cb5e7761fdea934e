"""The hazards of binding a stamp to a DKIM signature, from the wire to the result in the header, with
the real Postfix, OpenDKIM and frank-milter: each gives what the rules say, and no forgery survives.

    mail_hazards.py [PREFIX...]    only the tests whose names begin so
"""

import sys
import time

from daemon_support import in_threads, patience
from harness import run
from mail_line import BOB, MailLine, message, submit
from mail_signer import Signer, signed_and_stamped
from mail_support import MX_NAME, RECEIVER, SELECTOR, SENDER

FACTOR = 4096
DAY_S = 86400


def signer_of(line):
    return Signer(line.keys.key_file, SENDER, SELECTOR)


def result_of(line, name):
    """What the mail with this Message-ID got."""
    found = [d for d in line.sink.deliveries if d.values("message-id") == [f"<{name}@{SENDER}>"]]
    assert len(found) == 1, f"{name}: {len(found)} deliveries"
    return found[0].result(), " ".join(v for v in found[0].values("authentication-results")
                                       if "x-msmr" in v)


def check_results(line, cases):
    """cases: {name: (mail, recipients, result, a word of the reason)}; delivered and compared."""
    for mail, recipients, _, _ in cases.values():
        line.deliver(mail, recipients)
    line.sink.wait(len(cases), patience(60))
    wrong = []
    for name, (_, _, result, reason) in cases.items():
        got, text = result_of(line, name)
        if got != result or reason not in text:
            wrong.append(f"{name}: {result} ({reason}) expected: {text}")
    assert not wrong, "\n".join(wrong)


def malleable(b):
    """Other texts of the same signature, which DKIM verifiers take. RSA-2048: 256 bytes, "==" at the
    end, four unused bits before it."""
    assert b.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(b[-3]) ^ 1]
    return {"bits": b[:-3] + other + "==", "padding": b[:-2], "mark": b[:100] + "!" + b[100:],
            "behind": b + "AAAA"}


def signatures_and_results():
    with MailLine(factor=FACTOR, stamps=False) as line:
        signer = signer_of(line)
        now_s = int(time.time())

        def stamped(name, to=BOB, more=(), **options):
            return signed_and_stamped(signer, message(name, to=to, more=more), FACTOR, **options)

        cases = {
            "good": (stamped("good"), [BOB], "pass", ""),
            "weak": (signed_and_stamped(signer, message("weak"), 1, misses=FACTOR), [BOB], "policy",
                     "factor"),
            "signs-no-to": (stamped("signs-no-to", names=("From", "Subject", "Message-ID")), [BOB],
                            "policy", "cover: "),
            "length": (stamped("length", tags="l=5; "), [BOB], "policy", "cover: "),
            "old": (stamped("old", now_s=now_s - 29 * DAY_S), [BOB], "policy", "age: "),
            "ahead": (stamped("ahead", now_s=now_s + 2 * 3600), [BOB], "policy", ""),
            "past": (stamped("past", now_s=now_s - 100, tags=f"x={now_s - 50}; "), [BOB],
                     "policy", ""),
            "other-recipient": (stamped("other-recipient"), [f"eve@{RECEIVER}"], "policy",
                                "recipient: "),
            "both-recipients": (stamped("both-recipients", more=(f"Cc: carol@{RECEIVER}",),
                                        names=("From", "To", "Cc", "Message-ID")),
                                [BOB, f"carol@{RECEIVER}"], "pass", ""),
            "changed": (stamped("changed").replace(b"Hello.", b"Hullo."), [BOB], "policy", "dkim: "),
            "folded": (stamped("folded", template="v=1; a=rsa-sha256;\r\n\tc=relaxed/relaxed; d={d}"
                               "\r\n\t; s={s}\r\n\t;t={t};\r\n {tags}h=From : To\r\n\t:Subject:Date"
                               ":Message-ID;\r\n\tbh={bh};\r\n\tb="), [BOB], "pass", ""),
        }
        # No To:, and two of them, both signed.
        bare = message("no-to").replace(f"To: {BOB}\r\n".encode(), b"")
        cases["no-to"] = (signed_and_stamped(signer, bare, FACTOR), [BOB], "policy", "cover: ")
        twice = message("two-to", more=(f"To: {BOB}",))
        cases["two-to"] = (signed_and_stamped(signer, twice, FACTOR, names=(
            "From", "To", "To", "Subject", "Message-ID")), [BOB], "policy", "cover: ")
        # b= in other words of base64: a signature that is passed over, whichever text is stamped.
        for name in malleable("A" * 342 + "=="):
            for stamp in ("itself", "canonical"):
                full = f"b-{name}-{stamp}"
                cases[full] = (stamped(
                    full, b_of=lambda b, name=name: malleable(b)[name],
                    stamp_of=(lambda b: b) if stamp == "canonical" else None), [BOB], "fail", "")
        # A mailing list's signature above the sender's, as the one that is stamped, and as not.
        for name, count in (("two-signatures", 1), ("nine-signatures", 8)):
            mail = message(name)
            above = b"".join(b"DKIM-Signature: v=1; a=rsa-sha256; d=list%d.example; s=x; h=From; "
                             b"bh=AAAA; b=AAAA\r\n" % i for i in range(count))
            cases[name] = (above + signed_and_stamped(signer, mail, FACTOR), [BOB],
                           "pass" if count < 8 else "fail", "")
        # A stamp on a signature that nobody can verify.
        cases["no-key"] = (signed_and_stamped(Signer(line.keys.key_file, "other.example", "s1"),
                                              message("no-key"), FACTOR), [BOB], "policy", "dkim: ")
        cases["none"] = (message("none"), [BOB], "none", "")
        check_results(line, cases)


def mail_to_a_thousand():
    """All of them in the signed To:, and a blind thousand."""
    with MailLine(factor=FACTOR, stamps=False) as line:
        signer = signer_of(line)
        many = [f"u{i}@{RECEIVER}" for i in range(1000)]
        to = ",\r\n\t".join(many)
        check_results(line, {
            "thousand": (signed_and_stamped(signer, message("thousand", to=to), FACTOR), many,
                         "pass", ""),
            "blind": (signed_and_stamped(signer, message("blind"), FACTOR), [BOB, *many], "policy",
                      "recipient: "),
        })


FORGED = ("{id}; x-msmr=pass (30 bits)", "{ID}; X-MSMR=PASS", "(a) {id} 1; dkim=none; x-msmr=pass",
          '"{id}"; x-msmr=pass', "\r\n\t{id}\r\n\t;\r\n\tx-msmr=pass", "{id} ;x-msmr/1=pass",
          "{id}; dkim=pass header.b=AAAAAAAA; x-msmr = pass", "{id}; x-msmr(c)=pass",
          '"{id}; x-msmr=pass"', "{id}\u00a0; x-msmr=pass")


def no_forged_result_survives():
    """1 to 64 of them, in every spelling: one field is left, ours, on top; those of others stay."""
    with MailLine(factor=FACTOR, stamps=False) as line:
        for count in range(1, 65):
            forged = b"".join(
                b"Authentication-Results: " +
                FORGED[i % len(FORGED)].format(id=MX_NAME, ID=MX_NAME.upper()).encode() + b"\r\n"
                for i in range(count))
            line.deliver(forged + b"Authentication-Results: other.example; x-msmr=pass\r\n" +
                         message(f"forged{count}"))
        line.sink.wait(64, patience(60))
        for delivery in line.sink.deliveries:
            found = delivery.values("authentication-results")
            assert len(found) == 2 and found[0].startswith(f"{MX_NAME}; x-msmr=none"), found
            assert found[1] == "other.example; x-msmr=pass", found
            assert delivery.fields()[0][0] == "authentication-results", delivery.fields()


def a_replayed_mail_is_judged_by_its_count():
    with MailLine(factor=FACTOR, stamps=False) as line:
        mail = signed_and_stamped(signer_of(line), message("again"), FACTOR)
        for i in range(5):
            line.deliver(mail)
            line.sink.wait(i + 1, patience(60))
        results = [d.result() for d in line.sink.deliveries]
        assert results == ["pass"] * 3 + ["policy"] * 2, results
        text = [v for v in line.sink.deliveries[4].values("authentication-results")]
        assert "5" in text[0], text


def results_by_signature(line, turn):
    """Sends 32 more mails that differ in Message-ID alone, to one recipient, as fast as they are
    taken. Returns, of all mails until now, the results of those with the same b=: a list each."""
    port = line.sender.submission_port
    in_threads(4, lambda i: [submit(port, message(f"{turn}.{i}.{j}")) for j in range(8)])
    by_b = {}
    for delivery in line.sink.wait(32 * (turn + 1), patience(60)):
        signature = "".join(delivery.values("dkim-signature")[0].split())
        by_b.setdefault(signature.split(";b=")[1], []).append(delivery.result())
    return [sorted(results) for results in by_b.values()]


def messages_that_differ_in_nothing_signed_look_repeated():
    """What stock OpenDKIM does: it does not sign Message-ID."""
    sign = (("SignHeaders         *,+Message-ID", "SignHeaders *"),
            ("From,To,Subject,Date,Message-ID", "From"))
    with MailLine(factor=FACTOR, sign=sign) as line:
        groups = []
        for turn in range(10):  # on a slow machine no four of them may be signed in one second
            groups = results_by_signature(line, turn)
            if max(map(len, groups)) > 3:
                break
        assert max(map(len, groups)) > 3, f"no four mails in one second: {groups}"
        for results in groups:
            assert results == ["pass"] * min(3, len(results)) + ["policy"] * (len(results) - 3), \
                results


def messages_with_signed_ids_are_not_punished():
    """The set-up's own lines, which sign Message-ID."""
    with MailLine(factor=FACTOR) as line:
        groups = results_by_signature(line, 0)
        assert groups == [["pass"]] * 32, groups


def odd_mail_goes_through():
    """8-bit text, a user's own DKIM-Signature, huge headers, lines that the last hop breaks."""
    # OpenDKIM refuses more than 64 KiB of header unless told.
    with MailLine(mint=f'signing_domains = ["{SENDER}"];\n',
                  sign=(("Mode ", "MaximumHeaders 0\nMode "),)) as line:
        eight_bit = message("8bit", subject="Grüße", body="Käse\r\n".encode("latin-1") * 50)
        theirs = message("theirs", more=(
            "DKIM-Signature: v=1; a=rsa-sha256; d=list.example; s=x; h=From; bh=AAAA; b=AAAA",))
        # One field beyond Postfix's header_size_limit (102400): cut by Postfix before it is signed.
        huge = message("huge", more=("X-Huge: " + "\r\n\t".join("x" * 70 for _ in range(3000)),))
        # More than 1 MiB of header: stamped, as minting reads two of the fields; not judged.
        many = message("many", more=[f"X-Fill-{i}: " + "\r\n\t".join("y" * 900 for _ in range(50))
                                     for i in range(30)])
        long_line = message("long", body="z" * 5000 + "\r\n")
        for mail in (eight_bit, theirs, huge, many, long_line):
            line.submit(mail)
        line.sink.wait(5, patience(60))
        expected = {"8bit": "pass", "theirs": "pass", "huge": "pass", "many": "permerror",
                    "long": "policy"}
        results = {name: result_of(line, name) for name in expected}
        assert {name: result[0] for name, result in results.items()} == expected, results
        assert "dkim: " in results["long"][1], results["long"]
        assert "too large" in results["many"][1], results["many"]
        assert not line.unstamped(), line.minter.log()


TESTS = (signatures_and_results, mail_to_a_thousand, no_forged_result_survives,
         a_replayed_mail_is_judged_by_its_count,
         messages_that_differ_in_nothing_signed_look_repeated,
         messages_with_signed_ids_are_not_punished, odd_mail_goes_through)

if __name__ == "__main__":
    run(*[test for test in TESTS
          if len(sys.argv) < 2 or test.__name__.startswith(tuple(sys.argv[1:]))])
