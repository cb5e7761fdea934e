"""The set-ups of host/mail/setup, with the real servers: mail comes out signed and stamped and passes,
whatever way it was handed in; what cannot be stamped now waits; the clients do not.

    mail_setups.py [PREFIX...]    only the tests whose names begin so
"""

import re
import smtplib
import sys
import time

from daemon_support import HOPELESS, patience
from harness import run, wait_until
from mail_line import ALICE, BOB, MailLine, check_stamped, key_of, message, submit
from mail_support import MX_NAME, RECEIVER, SENDER, Postfix, opendkim, setup_file

MANY_RECIPIENTS = 50  # frank-milter's max_recipients


def reinject_stamps_mail_of_every_way_in():
    """Submission, sendmail(1), and programs on this machine by port 25."""
    def prepare(line):
        # As the page has it, for programs that hand in by port 25.
        [filters] = re.findall(r"postconf -e 'smtpd_client_restrictions = (.*)'",
                               setup_file("postfix-reinject/README.md"))
        line.sender.main(smtpd_client_restrictions=filters.replace("10026",
                                                                   str(line.sender.reinject_port)))

    with MailLine(prepare=prepare) as line:
        first = line.submit(message("submission"))
        line.sender.command("sendmail", "-f", ALICE, BOB,
                            stdin=message("sendmail").replace(b"\r\n", b"\n"))
        submit(line.sender.smtp_port, message("port25"))
        deliveries = line.sink.wait(3)
        for delivery in deliveries:
            check_stamped(delivery, line.keys)
            assert delivery.result() == "pass", delivery.data
            assert (delivery.sender, delivery.recipients) == (ALICE, [BOB]), delivery.recipients
        names = {delivery.values("message-id")[0] for delivery in deliveries}
        assert len(names) == 3 and len({key_of(d) for d in deliveries}) == 3, names
        # From queue id to stamp, as the page says.
        wait_until("the log has the second pass", lambda: line.sender.next_queue_ids(first))
        [second] = line.sender.next_queue_ids(first)
        line.minter.wait_events("stamped", queue=second)
        assert [e["queue"] for e in line.stamped()].count(second) == 1, line.minter.log()
        # The second pass tells the first one's client (XFORWARD).
        assert any(service == "reinject/smtpd" and queue_id == second and
                   f"orig_queue_id={first}" in text
                   for service, queue_id, text in line.sender.events()), line.sender.log()


def inline_stamps_mail_of_every_way_in():
    with MailLine(setup="postfix-inline") as line:
        first = line.submit(message("submission"))
        line.sender.command("sendmail", "-f", ALICE, BOB,
                            stdin=message("sendmail").replace(b"\r\n", b"\n"))
        for delivery in line.sink.wait(2):
            check_stamped(delivery, line.keys)
            assert delivery.result() == "pass", delivery.data
        line.minter.wait_events("stamped", queue=first)


def setups_may_be_run_again():
    """A second run changes nothing."""
    with MailLine(judge=False) as line:
        before = line.sender.command("postconf", "-n"), line.sender.command("postconf", "-Mf")
        line.sender.sign_by(line.opendkim.port)
        line.sender.stamp_by(line.minter.port_number)
        assert (line.sender.command("postconf", "-n"),
                line.sender.command("postconf", "-Mf")) == before
    with MailLine(setup="postfix-inline") as line:
        before = line.sender.command("postconf", "-n"), line.receiver.command("postconf", "-Mf")
        line.sender.stamp_by(line.minter.port_number, "postfix-inline")
        line.receiver.judge_by(line.verifier.port_number)
        assert (line.sender.command("postconf", "-n"),
                line.receiver.command("postconf", "-Mf")) == before


def wrong_order_is_counted():
    """A milter does not see what a later one adds: unstamped, and said so."""
    def prepare(line):
        line.sender.master(f"127.0.0.1:{line.sender.submission_port}/inet",
                           smtpd_milters="$frank_mint,$opendkim")

    with MailLine(setup="postfix-inline", prepare=prepare) as line:
        queue_id = line.submit(message("1"))
        [delivery] = line.sink.wait(1)
        assert not delivery.values("msmr-key") and delivery.values("dkim-signature")
        assert delivery.result() == "none", delivery.data
        [event] = line.minter.wait_events("unstamped")
        assert event["queue"] == queue_id and event["why"] == "no-signature", event


def bounces_are_not_stamped():
    def refuse(delivery):
        return "550 no such user" if delivery.sender else None

    with MailLine(judge=False, refuse=refuse, relay_domains="*") as line:
        line.submit(message("1"))
        [bounce] = line.sink.wait(1)
        assert bounce.sender == "" and bounce.recipients == [ALICE], bounce.recipients
        header = bounce.fields()
        assert not [name for name, _ in header if name in ("msmr-key", "dkim-signature")], header
        assert len(line.minter.wait_events("stamped")) == 1, line.minter.log()
        # One that a user hands in, with a signature: said to be one, not stamped.
        line.submit(message("2"), sender="")
        line.sink.wait(2)
        assert [e["why"] for e in line.minter.wait_events("unstamped")] == ["bounce"], \
            line.minter.log()


def retried_mail_keeps_its_key():
    """Greylisting: the first try is put off, the second has the same stamp."""
    tries = []

    def refuse(delivery):
        tries.append(delivery)
        return "451 later" if len(tries) == 1 else None

    with MailLine(judge=False, refuse=refuse) as line:
        line.submit(message("1"))
        wait_until("the first try", lambda: tries, patience(30))
        line.sender.flush_until("the second try", lambda: line.sink.deliveries)
        [delivery] = line.sink.deliveries
        assert len(tries) == 2 and key_of(tries[0]) == key_of(delivery), tries
        assert len(line.minter.wait_events("stamped")) == 1, line.minter.log()


def mail_to_many_stays_one_mail():
    """N recipients are stamped, N + 1 are not: Postfix does not split the mail at its usual 50."""
    with MailLine(judge=False) as line:
        for count in (MANY_RECIPIENTS, MANY_RECIPIENTS + 1, 1000):
            recipients = [f"user{i}@{RECEIVER}" for i in range(count)]
            line.submit(message(str(count)), recipients)
        wait_until("all recipients have it",
                   lambda: sum(len(d.recipients) for d in line.sink.deliveries) ==
                   2 * MANY_RECIPIENTS + 1001, patience(60))
        stamped = {d.values("message-id")[0] for d in line.sink.deliveries if d.values("msmr-key")}
        assert stamped == {f"<{MANY_RECIPIENTS}@{SENDER}>"}, stamped
        assert len(line.minter.wait_events("stamped")) == 1, line.minter.log()
        assert [e["why"] for e in line.minter.wait_events("unstamped", 2)] == \
            ["too-many-recipients"] * 2, line.minter.log()


def mail_waits_for_a_milter_that_is_away():
    """Nothing leaves unstamped because a daemon is restarted."""
    with MailLine() as line:
        line.minter.end()
        queue_id = line.submit(message("1"))
        wait_until("Postfix has tried", lambda: any(
            service == "mint/smtp" and event_id == queue_id and "status=deferred" in text
            for service, event_id, text in line.sender.events()), patience(30))
        wait_until("it waits", lambda: line.sender.queue("deferred") == [queue_id], patience(30))
        assert not line.sink.deliveries and line.sender.queue() == [queue_id], line.sender.log()
        line.minter.start()
        line.sender.flush_until("it goes on", lambda: line.sink.deliveries)
        [delivery] = line.sink.deliveries
        check_stamped(delivery, line.keys)
        assert delivery.result() == "pass", delivery.data


def other_milters_stay_and_undo_is_complete():
    """Postfix takes spaces between milters, too. What the scripts add can be added twice, goes by the pages'
    own lines, and is refused where somebody else's milters would be lost."""
    others = "{ inet:127.0.0.1:1, default_action=accept } inet:127.0.0.1:2"
    postfix = Postfix("mx.sender.test", smtpd_milters=others, non_smtpd_milters=others)
    ports = [f"127.0.0.1:{port}/inet" for port in (postfix.smtp_port, postfix.submission_port)]

    def milters():
        ours = ["frank_mint_milters", "frank_verify_milters"]
        return (postfix.command("postconf", "-h", "smtpd_milters", "non_smtpd_milters").splitlines(),
                [postfix.command("postconf", "-h", name, check=False).strip() for name in ours],
                [postfix.command("postconf", "-Ph", f"{port}/smtpd_milters").strip() for port in ports])

    def undo(setup):
        [lines] = re.findall(r"^```sh undo\n(.*?)^```", setup_file(setup + "/README.md"), re.M | re.S)
        for old, new in (("submission submissions smtps", ports[1][:-len("/inet")]),
                         ("smtp/inet", ports[0]), ("postfix reload\n", "")):
            lines = lines.replace(old, new)
        postfix.command("sh", "-euc", lines)

    def refused(action, word):
        before = milters()
        try:
            action()
        except AssertionError as said:
            assert word in str(said) and "returncode=1" in str(said), said
        else:
            raise AssertionError(f"not refused: {word}")
        assert milters() == before, milters()

    try:
        before = milters()
        assert before == ([others, others], ["", ""], ["", ""]), before
        refused(lambda: postfix.sign_by(8891), "others are named there")
        for _ in range(2):
            postfix.stamp_by(8895, "postfix-inline")
            postfix.judge_by(8896)
            found = milters()
            assert found == ([others, others + ", $frank_mint"],
                             [others + ", $frank_mint", others + ", $frank_verify"],
                             ["$frank_verify_milters", "$frank_mint_milters"]), found
        refused(lambda: postfix.stamp_by(8895, "postfix-reinject"), "postfix-inline here")
        undo("postfix-inline")
        undo("postfix-verify")
        assert milters() == before, milters()
        postfix.stamp_by(8895, "postfix-reinject")
        refused(lambda: postfix.stamp_by(8895, "postfix-inline"), "postfix-reinject here")
        postfix.master(ports[0], smtpd_milters="inet:127.0.0.1:3")
        refused(lambda: postfix.judge_by(8896), "smtpd_milters=inet:127.0.0.1:3")
        # Where postscreen has the port, the smtpd behind it has the milters.
        postfix.command("postconf", "-M", "smtpd/pass=smtpd pass - - y - - smtpd")
        postfix.judge_by(8896)
        behind = ("postconf", "-Ph", "smtpd/pass/smtpd_milters")
        assert postfix.command(*behind).strip() == "$frank_verify_milters"
        undo("postfix-verify")
        assert postfix.command(*behind, check=False).strip() == ""
    finally:
        postfix.stop()


def inline_lets_mail_out_without_a_milter():
    with MailLine(setup="postfix-inline", start_minter=False) as line:
        line.submit(message("1"))
        [delivery] = line.sink.wait(1)
        assert not delivery.values("msmr-key") and delivery.result() == "none", delivery.data


def clients_do_not_wait_for_stamps():
    """The same hard stamps by re-injection and in line: only in line do clients wait for them."""
    took_s = {}
    # Nobody meets this factor in that time: the mail goes on with the best that was found. How long
    # a client takes by re-injection is the machine's; that it is done before the stamp is ours.
    for setup, deadline_s in (("postfix-reinject", 15), ("postfix-inline", 5)):
        with MailLine(setup=setup, judge=False, factor=HOPELESS,
                      mint=f"deadline = {deadline_s}s;\n") as line:
            start = time.monotonic()
            line.submit(message("1"))
            took_s[setup] = time.monotonic() - start
            if setup == "postfix-reinject":
                assert not line.stamped() and not line.sink.deliveries, took_s
            line.sink.wait(1)
            delay_s = time.monotonic() - start
            assert delay_s >= deadline_s, f"{setup}: the search was cut short: {delay_s:.1f} s"
    print(f"the client waited {took_s['postfix-reinject']:.2f} s by re-injection, "
          f"{took_s['postfix-inline']:.2f} s in line")
    assert took_s["postfix-inline"] >= 5, took_s


def second_pass_changes_nothing():
    """Copies for an archive, canonical names, aliases and header checks: once, in the first pass and
    before signing. Canonical names come before aliases: a second pass with both would go on to eve."""
    archive, team, dave, eve = (f"{name}@{RECEIVER}" for name in ("archive", "team", "dave", "eve"))
    with MailLine(always_bcc=archive, virtual_alias_maps="inline:{{" + f"{team}={dave}" + "}}",
                  recipient_canonical_maps="inline:{{" + f"{dave}={eve}" + "}}",
                  sender_canonical_maps="inline:{{al@" + SENDER + "=" + ALICE + "}}",
                  header_checks="regexp:{{/^Subject:/ PREPEND X-Seen: once}}") as line:
        line.submit(message("1", to=team, sender=f"al@{SENDER}"), [team], sender=f"al@{SENDER}")
        wait_until("both have it", lambda: sum(len(d.recipients) for d in line.sink.deliveries) >= 2,
                   patience(30))
        time.sleep(0.5)
        assert sorted(r for d in line.sink.deliveries for r in d.recipients) == [archive, dave]
        for delivery in line.sink.deliveries:
            assert delivery.sender == ALICE and delivery.values("from") == [ALICE], delivery.data
            assert delivery.values("x-seen") == ["once"], delivery.data
            check_stamped(delivery, line.keys)


def main_settings_do_not_touch_the_hop():
    """What main.cf says of mail to others would spoil the signature, or pass the stamp by."""
    def prepare(line):  # at the last hop they would, whatever the set-up
        line.sender.master("smtp/unix", smtp_generic_maps="", smtp_header_checks="")

    with MailLine(prepare=prepare, smtp_generic_maps="static:x@other.example",
                  smtp_header_checks="regexp:{{/^Subject:/ REPLACE Subject: changed}}",
                  smtp_fallback_relay="[127.0.0.1]:9", smtp_bind_address="127.0.0.2") as line:
        line.submit(message("1"))
        [delivery] = line.sink.wait(1)
        check_stamped(delivery, line.keys)
        assert delivery.result() == "pass", delivery.data


def mail_of_the_largest_size_is_refused_at_once():
    """The page's line on message_size_limit: a mail that would outgrow the limit between the passes is
    refused while its sender is there; without the line it would come back as a bounce."""
    limit = 20000
    [option] = re.findall(r"postconf -P submission/inet/(message_size_limit)=\d+",
                          setup_file("postfix-reinject/README.md"))

    def prepare(line):
        line.sender.master(f"127.0.0.1:{line.sender.submission_port}/inet", **{option: limit - 2000})

    def largest(line):
        """Hands in the largest mail that the first pass takes, to 100 bytes."""
        for size in range(limit - 300, limit - 3000, -100):
            mail = message("1", body=b"y" * 70 + b"\r\n")
            mail += (b"y" * 70 + b"\r\n") * ((size - len(mail)) // 72)
            try:
                line.submit(mail)
                return
            except smtplib.SMTPResponseException as refused:
                assert refused.smtp_code == 552, refused
        raise AssertionError("no size is taken")

    with MailLine(judge=False, message_size_limit=limit, prepare=prepare) as line:
        largest(line)
        [delivery] = line.sink.wait(1)
        check_stamped(delivery, line.keys)
    with MailLine(judge=False, message_size_limit=limit, bounce_size_limit=1000) as line:
        largest(line)
        [bounce] = line.sink.wait(1)
        assert bounce.sender == "" and not bounce.values("msmr-key"), bounce.data


def verifying_goes_by_a_filter_before_it():
    """dkim = "header": OpenDKIM verifies, frank-milter reads its result."""
    with MailLine(verify='dkim = "header";\n') as line:
        with opendkim(line.keys, mode="v", lines=f"AuthservID {MX_NAME}\nAlwaysAddARHeader yes\n"
                      "InternalHosts refile:/dev/null\n") as before:
            line.receiver.sign_by(before.port)
            line.receiver.judge_by(line.verifier.port_number)
            line.receiver.restart()
            line.submit(message("1"))
            [first] = line.sink.wait(1)
            assert first.result() == "pass", first.data
            # The same stamp under a signature that does not verify.
            line.deliver(first.data.replace(b"Hello.", b"Hullo."))
            second = line.sink.wait(2)[1]
            assert second.result() == "policy", second.data


def page_takes_it_out_again():
    """The lines under "Out again", after which mail goes out as before."""
    page = setup_file("postfix-reinject/README.md")
    [undo] = re.findall(r"(?s)```sh undo\n(.*?)```", page)
    with MailLine(judge=False) as line:
        line.submit(message("1"))
        undo = undo.replace("submission submissions smtps", f"127.0.0.1:{line.sender.submission_port}")
        undo = undo.replace("127.0.0.1:10026", f"127.0.0.1:{line.sender.reinject_port}")
        undo = undo.replace("/var/spool/postfix", f"{line.sender.folder}/spool")
        line.sender.command("sh", "-euc", undo)
        assert len(line.minter.wait_events("stamped")) == 1, line.minter.log()
        left = line.sender.command("postconf", "-n") + line.sender.command("postconf", "-Mf")
        assert "mint" not in left, left
        line.submit(message("2"))
        last = line.sink.wait(2)[-1]
        assert last.values("dkim-signature") and not last.values("msmr-key"), last.data


TESTS = (reinject_stamps_mail_of_every_way_in, inline_stamps_mail_of_every_way_in,
         setups_may_be_run_again, wrong_order_is_counted, bounces_are_not_stamped,
         retried_mail_keeps_its_key, mail_to_many_stays_one_mail,
         mail_waits_for_a_milter_that_is_away, other_milters_stay_and_undo_is_complete,
         inline_lets_mail_out_without_a_milter,
         clients_do_not_wait_for_stamps, second_pass_changes_nothing,
         main_settings_do_not_touch_the_hop, mail_of_the_largest_size_is_refused_at_once,
         verifying_goes_by_a_filter_before_it,
         page_takes_it_out_again)

if __name__ == "__main__":
    run(*[test for test in TESTS
          if len(sys.argv) < 2 or test.__name__.startswith(tuple(sys.argv[1:]))])
