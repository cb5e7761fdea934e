"""What the tests of frank-milter without a mail server share: signed messages (by dkimpy, another
implementation than the one under test), a file of their keys, stamps by `frank mint`."""

import base64
import os
import re
import subprocess
import time

from cli_support import frank
from mail_support import frank_milter, log_events, make_folder  # noqa: F401 (for tests)
from milter_client import MilterClient, apply, split_message  # noqa: F401 (for tests)

SENDER = "sender.test"
SELECTOR = b"s1"
AUTHSERV_ID = "mx.rcpt.test"
FIELDS = [b"from", b"to", b"cc", b"subject", b"date", b"message-id"]
FACTOR = 4096


class Signer:
    """A key of SENDER; `keys` is a file of public keys as frank-milter's dkim_keys takes it."""

    def __init__(self, folder):
        self.key_file = os.path.join(folder, "key.pem")
        self.keys = os.path.join(folder, "keys")
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", self.key_file, "2048"],
                       check=True, capture_output=True, timeout=60)
        public = subprocess.run(["openssl", "rsa", "-in", self.key_file, "-pubout", "-outform",
                                 "DER"], check=True, capture_output=True, timeout=60).stdout
        with open(self.key_file, "rb") as file:
            self.key = file.read()
        with open(self.keys, "w", encoding="utf-8") as file:
            file.write(f"s1._domainkey.{SENDER} v=DKIM1; k=rsa; "
                       f"p={base64.b64encode(public).decode()}\n")

    def sign(self, message, fields=None, **options):
        import dkim
        return dkim.sign(message, SELECTOR, SENDER.encode(), self.key,
                         include_headers=fields or FIELDS, **options) + message


def message(to="bob@rcpt.test", subject="hello", more=b"", body=b"Hello.\r\n", number=1):
    to_field = f"To: {to}\r\n" if to else ""
    return (f"From: alice@{SENDER}\r\n{to_field}Subject: {subject}\r\n"
            f"Date: Fri, 27 Nov 2026 03:00:00 +0000\r\nMessage-ID: <{number}@{SENDER}>\r\n"
            ).encode() + more + b"\r\n" + body


def stamp(text, factor=FACTOR):
    """The message with a stamp that `frank mint` made, CRLF throughout."""
    done = frank("mint", "--eml", "-", "--factor", str(factor), "--filter", stdin=text)
    assert done.returncode == 0, done
    return done.stdout


def short_stamp(make, misses, factor=1):
    """A message of make() with a stamp that meets `factor` and not the higher one, `misses`, which
    by chance it would now and then."""
    for _ in range(100):
        text = stamp(make(), factor)
        if int(re.search(rb"h=([0-9a-f]{64})", text)[1], 16) * misses >= 1 << 256:
            return text
    raise AssertionError(f"a hundred stamps for {factor} meet {misses}")


def b_of(text):
    value = re.search(rb"(?:^|\n)DKIM-Signature:(.*?)\r\n(?![ \t])", text, re.S).group(1)
    return re.sub(rb"\s", b"", re.search(rb"\bb=([^;]*)", value).group(1)).decode()


def verify_milter(folder, signer, *args, config="", factor=FACTOR):
    """factor: None: the configuration says it."""
    fixed = [] if factor is None else ["--factor", str(factor)]
    return frank_milter("verify", "--authserv-id", AUTHSERV_ID, "--dkim-keys", signer.keys, *fixed,
                        *args, config=config, folder=folder)


def result_of(changes):
    """(result, whole value) of the one x-msmr field that was added."""
    value = re.sub(r"\s+", " ", changes.value("Authentication-Results")).strip()
    found = re.fullmatch(AUTHSERV_ID.replace(".", r"\.") + r"; x-msmr=([a-z]+)(.*)", value)
    assert found, value
    return found.group(1), value


def metrics(path):
    """{name with labels: value} of a file in Prometheus' text format."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def run_cases(*cases):
    """Runs each and says how long it took."""
    for case in cases:
        start = time.monotonic()
        case()
        print(f"ok    {case.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
