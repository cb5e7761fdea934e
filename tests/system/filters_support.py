"""What the tests of the filters share: keys in a private DNS, mail signed by dkimpy, stamps by `frank
mint` and, where a hash must lie in a band, by hashlib; and the cases that both filters must judge
alike."""

import base64
import hashlib
import os
import random
import re
import subprocess
import time

from cli_support import frank, read, run  # noqa: F401 (run: for the tests)
from dns_server import Nsd, txt
from harness import Skip

FACTOR = 1000
DOMAIN = "sender.test"
BROKEN = "broken.test"  # its zone does not load: SERVFAIL
TO = "bob@rcpt.test"
HEADERS = ["From", "To", "Subject", "Date", "Message-ID"]


def openssl(*args, stdin=None):
    try:
        return subprocess.run(["openssl", *args], input=stdin, capture_output=True, check=True,
                              timeout=60).stdout
    except FileNotFoundError as missing:
        raise Skip(f"openssl: {missing}") from missing


class Sender:
    """A key, and the DNS that has it under selector `one` of DOMAIN."""

    def __init__(self):
        try:
            import dkim
        except ImportError as missing:
            raise Skip(f"python3-dkim: {missing}") from missing
        self.dkim = dkim
        self.key = openssl("genrsa", "-traditional", "2048")
        public = base64.b64encode(openssl("rsa", "-pubout", "-outform", "DER", stdin=self.key))
        record = "v=DKIM1; k=rsa; p=" + public.decode()
        parts = [record[i:i + 250] for i in range(0, len(record), 250)]
        self.dns = Nsd({DOMAIN: "one._domainkey " + txt(*parts), BROKEN: ""}, broken=[BROKEN])
        self.number = 0

    def mail(self, to=TO, cc=None, headers=None, at_s=None, domain=DOMAIN, form=b"relaxed",
             length=False):
        """A signed message with LF. at_s: when it was signed."""
        self.number += 1
        fields = [f"From: alice@{DOMAIN}", f"To: {to}", f"Subject: number {self.number}",
                  "Date: Fri, 27 Nov 2026 03:00:00 +0000",
                  f"Message-ID: <{self.number}.{random.getrandbits(64)}@{DOMAIN}>",
                  "MIME-Version: 1.0", "Content-Type: text/plain"]
        if cc:
            fields.insert(2, f"Cc: {cc}")
        text = "\n".join(fields) + "\n\nDear reader,\n\nthis is letter " + str(self.number) + ".\n"
        return self.sign(text.encode(), headers, at_s, domain, form, length)

    def sign(self, message, headers=None, at_s=None, domain=DOMAIN, form=b"relaxed", length=False):
        clock = self.dkim.time.time
        if at_s is not None:
            self.dkim.time.time = lambda: at_s
        try:
            field = self.dkim.sign(
                message.replace(b"\n", b"\r\n"), b"one", domain.encode(), self.key,
                canonicalize=(form, form), length=length,
                include_headers=headers or HEADERS + (["Cc"] if b"\nCc:" in message else []))
        finally:
            self.dkim.time.time = clock
        return field.replace(b"\r\n", b"\n") + message

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.dns.stop()


def b_of(message, which=0):
    """The b= of a message's signature, without white space."""
    head = re.sub(rb"\n[ \t]", b" ", message.split(b"\n\n")[0])
    fields = [line for line in head.split(b"\n") if line.lower().startswith(b"dkim-signature:")]
    return re.sub(r"\s", "", re.search(r"[ ;]b=([^;]*)", fields[which].decode()).group(1))


def stamp(message, factor=FACTOR):
    """With a stamp of `frank mint`."""
    done = frank("mint", "--eml", "-", "--factor", str(factor), "--device", "cpu:0", stdin=message)
    assert done.returncode == 0, done
    return done.stdout + message


def key_for(b, meets=1, misses=None):
    """The value of a key whose hash meets one factor and misses another; and its H."""
    for number in range(1 << 24):
        n = f"{number:x}"
        h = int(hashlib.sha256((n + b).encode()).hexdigest(), 16)
        if h * meets < 2**256 and (misses is None or h * misses >= 2**256):
            return f"v=1; a=rsa-sha256; n={n};\n\th={h:064x}", h
    raise AssertionError("no such hash")


def with_key(message, value):
    return f"MSMR-Key: {value}\n".encode() + message


def change_b(message, change):
    """The message with another text for b=, and a stamp for that text."""
    old = b_of(message)
    new = change(old)
    at = message.index(b" b=") + 3
    end = message.index(b"\nFrom:")
    assert re.sub(rb"\s", b"", message[at:end]).decode() == old, message
    return with_key(message[:at] + new.encode() + message[end:], key_for(new, FACTOR)[0])


def set_low_bits(b):
    assert b.endswith("=="), b
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return b[:-3] + letters[letters.index(b[-3]) + 1] + "=="


def cases(sender):
    """[(name, message, envelope recipients, verdict, a word of the reason)], by factor FACTOR."""
    now = int(time.time())
    plain = sender.mail()
    # Two signatures of one domain and selector: the upper one is spoilt by another Subject.
    first = sender.mail(headers=["From", "To"])
    both = sender.sign(first).replace(b"Subject: number", b"Subject: Number")
    mails = [
        ("pass", stamp(plain), [TO], "pass", ""),
        ("pass, simple", stamp(sender.mail(form=b"simple")), [TO], "pass", ""),
        ("pass, CRLF", stamp(sender.mail()).replace(b"\n", b"\r\n"), [TO], "pass", ""),
        ("factor not met", with_key(plain, key_for(b_of(plain), 10, FACTOR)[0]), [TO], "policy",
         "factor"),
        ("tampered body", stamp(sender.mail()) + b"PS: buy!\n", [TO], "policy", "dkim"),
        ("tampered To", stamp(sender.mail()).replace(b"\nTo: bob", b"\nTo: rob"),
         ["rob@rcpt.test"], "policy", "dkim"),
        ("another signature's stamp", with_key(plain, key_for("Zm9v", FACTOR)[0]), [TO], "fail", ""),
        ("malformed", with_key(plain, "v=1; a=rsa-sha256; n=xyz; h=00"), [TO], "permerror", ""),
        ("version 2", with_key(plain, "v=2; a=rsa-sha256; n=1; h=" + "0" * 64), [TO], "neutral", ""),
        ("no stamp", plain, [TO], "none", ""),
        ("no signature", with_key(b"From: a@b.test\nTo: " + TO.encode() + b"\n\nHi\n",
                                  key_for("Zm9v", FACTOR)[0]), [TO], "fail", ""),
        ("two signatures, bound to the good one", with_key(both, key_for(b_of(both, 1), FACTOR)[0]),
         [TO], "pass", ""),
        ("two signatures, bound to the bad one", with_key(both, key_for(b_of(both, 0), FACTOR)[0]),
         [TO], "policy", "dkim"),
        ("b with low bits set", change_b(plain, set_low_bits), [TO], "fail", ""),
        ("b without padding", change_b(plain, lambda b: b.rstrip("=")), [TO], "fail", ""),
        ("b with text behind", change_b(plain, lambda b: b + "AAAA"), [TO], "fail", ""),
        ("b with a stranger in it", change_b(plain, lambda b: b[:9] + "!" + b[9:]), [TO], "fail",
         ""),
        ("l=", stamp(sender.mail(length=True)), [TO], "policy", "cover"),
        ("To is not signed", stamp(sender.mail(headers=["From", "Subject"])), [TO], "policy",
         "cover"),
        ("two To", stamp(sender.mail()).replace(b"\nFrom:", b"\nTo: x@y.test\nFrom:"), [TO],
         "policy", ""),
        ("old", stamp(sender.mail(at_s=now - 29 * 86400)), [TO], "policy", "age"),
        ("27 days old", stamp(sender.mail(at_s=now - 27 * 86400)), [TO], "pass", ""),
        ("another recipient", stamp(sender.mail()), ["eve@rcpt.test"], "policy", "recipient"),
        ("spelled otherwise", stamp(sender.mail(to='"Bob, the" <Bob@RCPT.test>')), [TO], "pass", ""),
        ("in the display name only", stamp(sender.mail(to='"bob@rcpt.test" <x@y.test>')), [TO],
         "policy", "recipient"),
        ("in a comment only", stamp(sender.mail(to="x@y.test (bob@rcpt.test)")), [TO], "policy",
         "recipient"),
        ("in Cc", stamp(sender.mail(to="x@y.test", cc=f"q@y.test, <{TO}>")), [TO], "pass", ""),
        ("in the unsigned of two Cc", stamp(sender.mail(to="x@y.test", cc="q@y.test")).replace(
            b"\nFrom:", b"\nCc: " + TO.encode() + b"\nFrom:"), [TO], "policy", ""),
        ("in an unsigned Cc", stamp(sender.mail(to="x@y.test")).replace(
            b"\nSubject:", b"\nCc: " + TO.encode() + b"\nSubject:"), [TO], "policy", ""),
        ("a list", stamp(sender.mail(to="x@y.test")), ["all@lists.test"], "pass", ""),
        ("no key in DNS", stamp(sender.mail(domain="nokey." + DOMAIN)), [TO], "policy", "dkim"),
        ("c= with a line end in it", stamp(sender.mail()).replace(
            b"c=relaxed/relaxed", b"c=relaxed/re\n laxed"), [TO], "policy", "dkim"),
        ("d= is no name", stamp(sender.mail(domain="sender.t/st")), [TO], "policy", "dkim"),
        ("d= is hardly a name", stamp(sender.mail(domain="a.." + DOMAIN)), [TO], None, "dkim"),
        ("DNS is broken", stamp(sender.mail(domain=BROKEN)), [TO], "temperror", "dkim"),
        ("a good key among bad ones", with_key(with_key(stamp(sender.mail()), "junk"),
                                               "v=2; a=x"), [TO], "pass", ""),
    ]
    return mails


DOCUMENT = ('{{"v":1,"issuer":"authority.example","kind":"authority","epoch":{epoch},"issued":{issued},'
            '"expires":{expires},"factor":{factor}{more}}}\n')


def document(epoch, factor, expires_in_s=3600, more=""):
    now = int(time.time())
    return DOCUMENT.format(epoch=epoch, issued=min(now, now + expires_in_s) - 10,
                           expires=now + expires_in_s, factor=factor, more=more)


def previous(epoch, factor, until_in_s):
    return (f',"previous":{{"epoch":{epoch},"factor":{factor},'
            f'"until":{int(time.time()) + until_in_s}}}')


def write(path, text):
    """Whole or not at all, as an operator's cron job should."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)
