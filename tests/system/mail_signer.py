"""Signs and stamps mail as no decent server would: DKIM (RFC 6376, relaxed/relaxed, RSA) with every tag
and fold as a test wants it, and stamps by a search of its own. It shares no code with Frank.
"""

import base64
import hashlib
import re
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

CRLF = b"\r\n"


def relaxed_field(name, value):
    """RFC 6376, section 3.4.2; without the last line end."""
    value = re.sub(rb"\r\n(?=[ \t])", b"", value)
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", value).strip()


def relaxed_body(body):
    """Section 3.4.4."""
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(CRLF)]
    while lines and not lines[-1]:
        lines.pop()
    return CRLF.join(lines) + CRLF if lines else b""


def split(mail):
    """([(name, value)], body) of a mail with CRLF; values with their folds."""
    header, _, body = mail.partition(CRLF + CRLF)
    fields = re.split(rb"\r\n(?![ \t])", header)
    return [tuple(field.split(b":", 1)) for field in fields], body


class Signer:
    def __init__(self, key_file, domain, selector):
        with open(key_file, "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), None)
        self.domain, self.selector = domain, selector

    def sign(self, mail, names=("From", "To", "Subject", "Date", "Message-ID"), tags="",
             template="v=1; a=rsa-sha256; c=relaxed/relaxed; d={d}; s={s}; t={t}; {tags}h={h}; "
                      "bh={bh}; b=", now_s=None):
        """(the field's value, its b= text). names: of h=; tags: more of them, each with its ';'."""
        fields, body = split(mail)
        body = relaxed_body(body)
        limit = re.search(r"\bl=(\d+)", tags)
        digest = hashlib.sha256(body[:int(limit[1])] if limit else body).digest()
        value = template.format(d=self.domain, s=self.selector, tags=tags, h=":".join(names),
                                t=int(time.time()) if now_s is None else now_s,
                                bh=base64.b64encode(digest).decode()).encode()
        # Each name takes the next field from the bottom that has it (section 5.4.2).
        left = list(fields)
        signed = b""
        for name in names:
            for i in reversed(range(len(left))):
                if left[i][0].strip().lower() == name.lower().encode():
                    signed += relaxed_field(*left.pop(i)) + CRLF
                    break
        signed += relaxed_field(b"DKIM-Signature", b" " + value)
        text = base64.b64encode(self.key.sign(signed, padding.PKCS1v15(),
                                              hashes.SHA256())).decode()
        return value.decode(), text


def folded(text, width=64):
    return "\r\n\t".join(text[i:i + width] for i in range(0, len(text), width))


def key_field(b, factor, misses=None, alg="rsa-sha256"):
    """An MSMR-Key for the text b, white space in it left out, which meets the factor. misses: a
    higher one that it does not meet; by chance it would now and then."""
    b = "".join(b.split())
    for number in range(1 << 40):
        nonce = f"{number:x}"
        digest = hashlib.sha256((nonce + b).encode()).hexdigest()
        h = int(digest, 16)
        if h * factor < 1 << 256 and (misses is None or h * misses >= 1 << 256):
            return f"MSMR-Key: v=1; a={alg}; n={nonce};\r\n\th={digest}\r\n".encode()
    raise AssertionError(f"no such hash: {factor}, {misses}")


def signed_and_stamped(signer, mail, factor, b_of=lambda b: b, stamp_of=None, misses=None,
                       **options):
    """A whole mail. b_of: what is written for b; stamp_of: what is stamped, that where not given;
    misses: a factor that the stamp does not meet."""
    value, b = signer.sign(mail, **options)
    written = b_of(b)
    return (key_field((stamp_of or b_of)(b), factor, misses) +
            f"DKIM-Signature: {value}{folded(written)}\r\n".encode() + mail)
