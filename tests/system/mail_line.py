"""The whole way of a mail: a sender's Postfix that signs and stamps, a receiver's that verifies, and
the sink behind it.

    submission -> sender (OpenDKIM, frank-milter, frankd) -> receiver (frank-milter) -> sink

    with MailLine() as line:
        line.submit(message("1"), ["bob@rcpt.test"])
        [delivery] = line.sink.wait(1)
        assert delivery.result() == "pass"
"""

import contextlib
import os
import shutil
import smtplib

import dkim

from daemon_support import HOPELESS
from harness import Frankd
from mail_sink import Sink
from mail_support import (MX_NAME, RECEIVER, SENDER, Keys, Postfix, frank_milter, log_events,
                          make_folder, need_mail_programs, opendkim)

FACTOR = 65536
ALICE, BOB = f"alice@{SENDER}", f"bob@{RECEIVER}"


def message(number, to=BOB, subject="a mail", body="Hello.\r\n", sender=ALICE, more=()):
    """A mail as bytes; `number` makes its Message-ID, `more` are further header lines."""
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}",
             "Date: Fri, 27 Nov 2026 03:00:00 +0000", f"Message-ID: <{number}@{SENDER}>", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body if isinstance(body, bytes)
                                                        else body.encode())


def submit(port, mail, recipients=(BOB,), sender=ALICE, options=()):
    """Hands in one mail; the server's reply to the end of data."""
    with smtplib.SMTP("127.0.0.1", port, timeout=120) as client:
        client.ehlo("client.example")
        if "8bitmime" in client.esmtp_features:
            options = (*options, "body=8bitmime")
        client.mail(sender, options)
        for recipient in recipients:
            code, text = client.rcpt(recipient)
            assert code == 250, (recipient, code, text)
        code, text = client.data(mail)
        if code != 250:
            raise smtplib.SMTPDataError(code, text)
        return text.decode()


def queue_id_of(reply):
    """That of "2.0.0 Ok: queued as 4XYZ"."""
    return reply.split("queued as ", 1)[1].split()[0]


def check_stamped(delivery, keys):
    """One key above one signature of the sender's, and the signature still holds."""
    names = [name for name, _ in delivery.fields()]
    assert names.count("msmr-key") == 1 and names.count("dkim-signature") == 1, names
    assert names.index("msmr-key") < names.index("dkim-signature"), names
    signature = "".join(delivery.values("dkim-signature")[0].split())
    assert f";d={SENDER};" in signature, delivery.data
    with open(keys.test_keys, encoding="utf-8") as file:
        record = file.read().split(" ", 1)[1]
    assert dkim.DKIM(delivery.data).verify(dnsfunc=lambda name, timeout=5: record), delivery.data


def key_of(delivery):
    [key] = delivery.values("msmr-key")
    return key


class MailLine:
    """Attributes: folder, keys, sink, verifier, receiver (None with judge=False: the sender's mail goes
    to the sink at once), opendkim, frankd, minter, sender (None with stamps=False)."""

    def __init__(self, setup="postfix-reinject", factor=FACTOR, judge=True, stamps=True, mint="",
                 verify="", sign=(), refuse=None, start_minter=True, prepare=None, **main):
        """setup: the sender's. factor: of both sides. mint, verify: lines of frank-milter's
        configuration ("{folder}" in mint: this line's). sign: changes of OpenDKIM's (pairs). refuse: the sink's. main: lines of the
        sender's main.cf. prepare: called with this line before the sender's Postfix starts, for
        what is changed after the set-up's own lines."""
        need_mail_programs()
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            self.folder = make_folder()
            stack.callback(shutil.rmtree, self.folder, True)
            self.keys = Keys(os.path.join(self.folder, "dkim"))
            self.sink = stack.enter_context(Sink(refuse))
            self.verifier = self.receiver = None
            if judge:
                self.verifier, self.receiver = self._receiver(stack, factor, verify)
            self.opendkim = self.frankd = self.minter = self.sender = None
            if stamps:
                self._start_sender(stack, setup, factor, mint, sign, prepare, main)
                if not start_minter:
                    self.minter.end()
            self._stack = stack.pop_all()

    def _receiver(self, stack, factor, verify):
        """A receiver by postfix-verify/postfix.sh; OpenDKIM is not asked there."""
        verifier = stack.enter_context(frank_milter(
            "verify", "--factor", str(factor), "--authserv-id", MX_NAME, folder=self.folder,
            config=f'dkim_keys = "{self.keys.test_keys}";\n' + verify))
        receiver = stack.enter_context(Postfix(
            MX_NAME, relay_domains=RECEIVER, relay_transport=f"relay:[127.0.0.1]:{self.sink.port}",
            smtpd_recipient_limit=2000, relay_destination_recipient_limit=2000))
        receiver.judge_by(verifier.port_number)
        receiver.start()
        return verifier, receiver

    def _start_sender(self, stack, setup, factor, mint, sign, prepare, main):
        next_port = self.receiver.smtp_port if self.receiver else self.sink.port
        self.opendkim = stack.enter_context(opendkim(self.keys, changes=sign))
        self.frankd = stack.enter_context(Frankd(["--factor", str(factor), "--device", "cpu",
                                                  "--max-factor", str(HOPELESS)]))
        self.minter = stack.enter_context(
            frank_milter("mint", "--connect", self.frankd.ipc, folder=self.folder,
                         config=mint.replace("{folder}", self.folder)))
        self.sender = stack.enter_context(
            Postfix(f"mta.{SENDER}", relayhost=f"[127.0.0.1]:{next_port}", **main))
        self.sender.sign_by(self.opendkim.port)
        self.sender.stamp_by(self.minter.port_number, setup)
        if prepare:
            prepare(self)
        self.sender.start()

    def submit(self, mail, recipients=(BOB,), sender=ALICE):
        return queue_id_of(submit(self.sender.submission_port, mail, recipients, sender))

    def deliver(self, mail, recipients=(BOB,), sender=ALICE):
        """Straight to the receiver, as from any server."""
        return queue_id_of(submit(self.receiver.smtp_port, mail, recipients, sender))

    def stamped(self):
        return log_events(self.minter.lines, "stamped")

    def unstamped(self):
        return log_events(self.minter.lines, "unstamped")

    def judged(self):
        return log_events(self.verifier.lines, "judged")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        # All at once: each takes a second or more.
        for server in (self.sender, self.minter, self.receiver, self.verifier):
            if server is not None:
                server.begin_stop()
        return self._stack.__exit__(kind, value, trace)
