"""Signed messages for the tests of DKIM: keys, a signer that can also sign what no signer should
(by python3-cryptography, with RFC 6376's canonicalisations written out once more), and what others
say of signatures: dkimpy, and OpenDKIM reading files.

    keys = Keys()
    text = sign(MESSAGE, keys, "rsa2048", c="relaxed/simple", h=["From", "To"])
    ours([text], keys)  # [[("pass", "")]]
"""

import base64
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from harness import Skip, patience, program, wait_until

try:
    import dkim
    import nacl.signing  # noqa: F401  dkimpy's Ed25519
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
except ImportError as missing:
    print(f"skip  {os.path.basename(sys.argv[0])}: {missing} "
          "(Debian packages python3-dkim python3-nacl python3-cryptography)")
    sys.exit(77)

DOMAIN = "sender.example"
CRLF, LF = b"\r\n", b"\n"
MESSAGE = (b"From: Alice <alice@sender.example>\n"
           b"To: Bob <bob@receiver.example>\n"
           b"Subject: What of  the boat?\t\n"
           b"Date: Fri, 27 Nov 2026 01:00:00 +0000\n"
           b"Message-ID: <1@sender.example>\n"
           b"X-Fold: one\n\ttwo\n   three \n"
           b"\n"
           b"It  is here. \t \n"
           b"\n"
           b"\tAlice\n")


def sample_folder():
    return os.path.join(os.path.dirname(dkim.__file__), "tests", "data")


def sample(name):
    with open(os.path.join(sample_folder(), name), "rb") as file:
        return file.read()


def record(public, k):
    der = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw) \
        if k == "ed25519" else public.public_bytes(serialization.Encoding.DER,
                                                   serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k={k}; p={base64.b64encode(der).decode()}"


@functools.lru_cache(maxsize=None)
def private_keys():
    """By selector; once in a run, since one of 4096 bits takes seconds, and as many as it likes."""
    return {"rsa1024": rsa.generate_private_key(65537, 1024),
            "rsa2048": rsa.generate_private_key(65537, 2048),
            "rsa4096": rsa.generate_private_key(65537, 4096),
            "rsa768": rsa.generate_private_key(65537, 768),
            "ed": ed25519.Ed25519PrivateKey.generate()}


class Keys:
    """Private keys by selector, and the records of all of them and of more. Lives in a folder of
    its own, which `with` removes."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="frank-dkim-")
        self.private = dict(private_keys())
        self.records = {}
        for selector, key in self.private.items():
            k = "ed25519" if selector == "ed" else "rsa"
            self.add(selector, record(key.public_key(), k))
        plain = self.records[f"rsa2048._domainkey.{DOMAIN}"]
        for selector, text in {
                "revoked": "v=DKIM1; k=rsa; p=",
                "version": plain.replace("DKIM1", "DKIM2"),
                "sha1": plain.replace("k=rsa", "h=sha1; k=rsa"),
                "service": plain.replace("k=rsa", "s=tlsrpt; k=rsa"),
                "subdomain": plain.replace("k=rsa", "t=s; k=rsa"),
                "wrongtype": plain.replace("k=rsa", "k=ed25519"),
                "unknowntype": plain.replace("k=rsa", "k=dsa"),
                "nokey": "v=DKIM1; k=rsa",
                "junk": "this is no key",
                "short64": "v=DKIM1; k=rsa; p=AAAA",
                "bare": plain.replace("v=DKIM1; k=rsa; ", ""),
                "edasrsa": self.records[f"ed._domainkey.{DOMAIN}"].replace("ed25519", "rsa"),
        }.items():
            self.add(selector, text)
        self.private.update({name: self.private["rsa2048"] for name in (
            "revoked", "version", "sha1", "service", "subdomain", "wrongtype", "unknowntype",
            "nokey", "junk", "short64", "bare", "absent")})
        self.private["edasrsa"] = self.private["ed"]
        self.add("test", sample("test.txt").decode().strip(), "football.example.com")
        self.add("brisbane", "v=DKIM1; k=ed25519; "
                 "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "football.example.com")

    def add(self, selector, text, domain=DOMAIN):
        self.records[f"{selector}._domainkey.{domain}"] = text

    def path(self):
        """The records as a file, as OpenDKIM's TestPublicKeys and our --dkim-keys read it."""
        path = os.path.join(self.folder, "keys")
        with open(path, "w", encoding="ascii") as file:
            for name, text in self.records.items():
                file.write(f"{name} {text}\n")
        return path

    def pem(self, selector):
        """The private key as a file that OpenDKIM reads, and dkimpy."""
        path = os.path.join(self.folder, selector + ".pem")
        form = serialization.PrivateFormat.PKCS8 if selector == "ed" \
            else serialization.PrivateFormat.TraditionalOpenSSL
        with open(path, "wb") as file:
            file.write(self.private[selector].private_bytes(
                serialization.Encoding.PEM, form, serialization.NoEncryption()))
        os.chmod(path, 0o600)
        return path

    def for_dkimpy(self, selector):
        if selector == "ed":
            return base64.b64encode(self.private["ed"].private_bytes(
                serialization.Encoding.Raw, serialization.PrivateFormat.Raw,
                serialization.NoEncryption()))
        with open(self.pem(selector), "rb") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- signing, by RFC 6376 ----

def crlf(text):
    return re.sub(rb"(?<!\r)\n", b"\r\n", text)


def split(message):
    """(fields as they stand, with CRLF; body with CRLF) of a message with LF or CRLF."""
    head, _, body = crlf(message).partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    return [field for field in fields if field], body


def canon_header(field, how):
    name, _, value = field.partition(b":")
    if how == "simple":
        return field
    value = re.sub(rb"[ \t]+", b" ", re.sub(rb"\r\n", b"", value)).strip(b" \t")
    return name.strip(b" \t").lower() + b":" + value


def canon_body(body, how):
    if how == "relaxed":
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb" (?=\r\n|\Z)", b"", body)
    body = re.sub(rb"(\r\n)*\Z", b"", body)
    return body + b"\r\n" if body or how == "simple" else body


def chosen(fields, names):
    """The fields that h= names: from the bottom up (section 5.4.2)."""
    left = list(fields)
    found = []
    for name in names:
        for i in range(len(left) - 1, -1, -1):
            if left[i].partition(b":")[0].strip().lower() == name.lower().encode():
                found.append(left.pop(i))
                break
    return found


def sign(message, keys, selector, c="relaxed/relaxed", h=("From", "To", "Subject", "Date"),
         tags="", length=None, covered=None, a=None, alone=False, name=b"DKIM-Signature:",
         domain=DOMAIN, body=None):
    """The message with a signature in front (with LF), or with `alone` the signature's field only.
    tags: text of further tags, "; t=1". length: l=. covered: what is really signed, where that is
    not what h says; body: the same of the body, canonical."""
    header_how, _, body_how = c.partition("/")
    fields, whole = split(message)
    body = canon_body(whole, body_how or "simple") if body is None else body
    if length is not None:
        tags += f"; l={length}"
        body = body[:length]
    key = keys.private[selector]
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    a = a or ("rsa-sha256" if is_rsa else "ed25519-sha256")
    digest = hashlib.sha1 if a == "rsa-sha1" else hashlib.sha256
    bh = base64.b64encode(digest(body).digest()).decode()
    h = list(h)
    field = name + (f" v=1; a={a}; c={c}; d={domain}; s={selector}{tags};\r\n"
                    f"\th={':'.join(h)};\r\n\tbh={bh};\r\n\tb=").encode()
    data = b"".join(canon_header(one, header_how) + b"\r\n"
                    for one in chosen(fields, covered if covered is not None else h))
    data += canon_header(field, header_how)
    if is_rsa:
        how = hashes.SHA1() if a == "rsa-sha1" else hashes.SHA256()
        signature = key.sign(data, padding.PKCS1v15(), how)
    else:
        signature = key.sign(hashlib.sha256(data).digest())
    b = base64.b64encode(signature).decode()
    field += "\r\n\t".join(b[i:i + 70] for i in range(0, len(b), 70)).encode()
    line_end = b"\r\n" if b"\r\n" in message else b"\n"
    field = field.replace(b"\r\n", line_end) + line_end
    return field if alone else field + message


def b_of(signed):
    """The b= of the first signature without white space."""
    return re.sub(rb"\s", b"", re.search(rb"[;\s]b=([^;]*?)\r?\n(?![ \t])", signed).group(1))


def spoilt(b):
    """Another base64 text, whatever b is."""
    return (b"B" if b[:1] == b"A" else b"A") + b[1:]


def change_b(signed, change):
    """The first signature with another b=: change(text without white space)."""
    match = re.search(rb"[;\s]b=([^;]*?)\r?\n(?![ \t])", signed)
    return signed[:match.start(1)] + change(b_of(signed)) + signed[match.end(1):]


# ---- signing, by others ----

def sign_by_dkimpy(message, keys, selector, c="relaxed/relaxed", **more):
    header, body = c.encode().split(b"/")
    algorithm = b"ed25519-sha256" if selector == "ed" else b"rsa-sha256"
    field = dkim.sign(message, selector.encode(), DOMAIN.encode(), keys.for_dkimpy(selector),
                      canonicalize=(header, body), signature_algorithm=algorithm, **more)
    line_end = b"\r\n" if b"\r\n" in message else b"\n"
    return field.replace(b"\r\n", line_end) + message


SIGN_BY_MILTER = """
mt.set_timeout(120)
conn = mt.connect(SOCKET, 240, 0.25)
if conn == nil then error("no milter") end
mt.conninfo(conn, "localhost", "127.0.0.1")
mt.macro(conn, SMFIC_MAIL, "i", "test")
mt.mailfrom(conn, "<alice@sender.example>")
mt.rcptto(conn, "<bob@receiver.example>")
for i = 1, #FIELDS do mt.header(conn, FIELDS[i][1], FIELDS[i][2]) end
mt.eoh(conn)
mt.bodystring(conn, BODY)
mt.eom(conn)
io.write(mt.getheader(conn, "DKIM-Signature", 0))
mt.disconnect(conn)
"""


def lua_string(text):
    return '"' + "".join(f"\\{byte:03d}" for byte in text) + '"'


def sign_by_opendkim(message, keys, selector, c):
    """The real daemon as a milter, driven by miltertest. `message` with LF."""
    milter = shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin")
    tester = shutil.which("miltertest")
    if milter is None or tester is None:
        raise Skip("opendkim or miltertest is not here (Debian packages of these names)")
    path = os.path.join(keys.folder, "sign")
    with open(path + ".conf", "w", encoding="ascii") as file:
        algorithm = "ed25519-sha256" if selector == "ed" else "rsa-sha256"
        file.write(f"Mode s\nDomain {DOMAIN}\nSelector {selector}\nKeyFile {keys.pem(selector)}\n"
                   f"SignatureAlgorithm {algorithm}\nCanonicalization {c}\nSyslog no\n"
                   "SignHeaders *,+Message-ID\nOversignHeaders From,To\nRequireSafeKeys no\n"
                   f"Socket local:{path}.sock\nBackground no\n")
    fields, body = split(message)
    with open(path + ".lua", "w", encoding="ascii") as file:
        file.write(f'SOCKET = "local:{path}.sock"\nFIELDS = {{')
        for field in fields:
            name, _, value = field.partition(b":")
            value = value[1:] if value[:1] == b" " else value
            file.write(f"{{{lua_string(name)}, {lua_string(value.replace(CRLF, LF))}}}, ")
        file.write(f"}}\nBODY = {lua_string(body)}\n" + SIGN_BY_MILTER)
    daemon = subprocess.Popen([milter, "-f", "-x", path + ".conf"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_until("opendkim listens", lambda: os.path.exists(path + ".sock"), 20)
        done = subprocess.run([tester, "-s", path + ".lua"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=200, check=False)
        assert done.returncode == 0 and done.stdout, done
    finally:
        daemon.terminate()
        try:
            daemon.wait(60)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait(60)
        daemon.stderr.close()
    return b"DKIM-Signature: " + done.stdout.replace(CRLF, LF).strip() + LF + message


# ---- what is said of signatures ----

def write(keys, messages):
    paths = []
    for i, message in enumerate(messages):
        paths.append(os.path.join(keys.folder, f"{i}.eml"))
        with open(paths[-1], "wb") as file:
            file.write(message)
    return paths


def print_dkim_path():
    path = os.path.join(os.path.dirname(program("frank")), "..", "tests", "print_dkim")
    if not os.access(path, os.X_OK):
        raise Skip("print_dkim was not built")
    return path


def print_dkim(*args, timeout_s=120):
    return subprocess.run([print_dkim_path(), *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", timeout=patience(timeout_s), check=False)


def read_print(text):
    """[{"results": [(result, why)...], "ms": N}] in the order of the files."""
    found, results = [], []
    for line in text.splitlines():
        words = line.split(" ", 2)
        if words[1] == "-":
            found.append({"results": results, "ms": int(words[2].split()[1])})
            results = []
        else:
            _, _, result, why = words[2].split(" ", 3)
            results.append((result, why))
    return found


def ours(messages, keys, *args):
    """What we say of the usable signatures of each message: lists of (result, why)."""
    done = print_dkim("--keys", keys.path(), *args, *write(keys, messages))
    assert done.returncode == 0 and not done.stderr, done
    return [one["results"] for one in read_print(done.stdout)]


def dkimpy(message, keys):
    """Of each DKIM-Signature from the top: True, False."""
    def txt(name, timeout=5):
        del timeout
        text = keys.records.get(name.decode().rstrip("."))
        return text.encode() if text is not None else None

    found = []
    count = len(re.findall(rb"(?im)^dkim-signature[ \t]*:", split_head(message)))
    for i in range(count):
        try:
            found.append(dkim.DKIM(message, minkey=1024).verify(idx=i, dnsfunc=txt))
        except Exception:  # it has many, of which none is a pass
            found.append(False)
    return found


def split_head(message):
    return re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]


def opendkim(messages, keys):
    """OpenDKIM's daemon reading files: of each signature that it tells of: "pass", "fail"...
    by the first 8 characters of its b, in its order."""
    daemon = shutil.which("opendkim", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if daemon is None:
        raise Skip("opendkim is not here (Debian package opendkim)")
    config = os.path.join(keys.folder, "opendkim.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"Mode v\nTestPublicKeys {keys.path()}\nSyslog no\nAuthservID test\n"
                   "AlwaysAddARHeader yes\nMinimumKeyBits 1024\n"
                   "MaximumSignaturesToVerify 10\n")
    found = []
    for path in write(keys, messages):
        done = subprocess.run([daemon, "-x", config, "-v", "-v", "-t", path],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                              check=False)
        found.append(re.findall(r"dkim=(\w+)", done.stdout.decode("latin-1")))
    return found


def now():
    return int(time.time())
