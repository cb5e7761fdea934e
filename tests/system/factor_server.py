"""A server of factor documents on loopback that can be told to do wrong.

    with FactorServer(issuer="authority.test", key=Key()) as server:
        server.publish(factor=1000000)      # epoch 1, then 2, ...
        server.mode = "wrong signature"     # how it answers from now on: MODES has them all
        ... server.url, server.key.public_base64, server.requests

With tls=True it speaks TLS with a certificate of its own making, which server.ca_file holds; mode
"self-signed" (of FactorServer(tls="self-signed")) has one that no such file vouches for. Signing is
python3-cryptography's or, where that is not there, the openssl command's: in both cases another
implementation than Frank's callers use.
"""

import base64
import hashlib
import http.server
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time

try:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519
except ImportError:
    ed25519 = None

BODY_MAX = 16384

# What a client must not believe, and what it is said to be.
MODES = {
    "good": "as it should be",
    "unsigned": "plain JSON where a signature is due",
    "wrong signature": "one bit of the signature is another",
    "expired": "it expired a minute ago",
    "future": "it is of 400 s from now",
    "lower epoch": "an epoch below the last one",
    "same epoch": "the last epoch with another factor",
    "other issuer": "another issuer's name, rightly signed",
    "unknown key": "signed by a key that no set has",
    "huge": "a body of 10 MiB, its length not told",
    "huge told": "a body of 10 MiB, its length told",
    "slow": "one byte per second",
    "drip": "white space without an end, 600 bytes per second",
    "silent": "takes the request and says nothing",
    "redirect": "a redirect to itself",
    "huge headers": "1 MiB of header lines",
    "error": "status 500",
    "empty": "status 200 without a body",
    "wrong types": "JSON whose members are of other types",
    "deep": "JSON of 5000 open brackets",
    "not json": "bytes that are no JSON at all",
    "factor 0": "a factor of 0",
    "factor 2^60": "a factor above 2^53-1",
    "cut": "the connection ends in the middle of the body",
    "not modified": "304, whatever was asked",
}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An Ed25519 key pair; id is its RFC 7638 thumbprint."""

    def __init__(self):
        self.folder = None
        if ed25519 is not None:
            self.private = ed25519.Ed25519PrivateKey.generate()
            self.public = self.private.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        else:
            self.folder = tempfile.mkdtemp(prefix="frank-key-")
            self.file = os.path.join(self.folder, "key.pem")
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.file],
                           check=True, capture_output=True)
            der = subprocess.run(["openssl", "pkey", "-in", self.file, "-pubout", "-outform",
                                  "DER"], check=True, capture_output=True).stdout
            self.public = der[-32:]
        self.public_base64 = base64.b64encode(self.public).decode()
        self.x = base64url(self.public)
        self.id = base64url(hashlib.sha256(
            f'{{"crv":"Ed25519","kty":"OKP","x":"{self.x}"}}'.encode()).digest())

    def sign(self, data):
        if ed25519 is not None:
            return self.private.sign(data)
        name = os.path.join(self.folder, "data")
        with open(name, "wb") as file:
            file.write(data)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in",
                               name], check=True, capture_output=True).stdout

    def jws(self, payload, kind="msmr-factor+jws"):
        """Compact JWS of bytes (RFC 7515)."""
        header = json.dumps({"alg": "EdDSA", "kid": self.id, "typ": kind}).encode()
        data = f"{base64url(header)}.{base64url(payload)}".encode()
        return data + b"." + base64url(self.sign(data)).encode()

    def jwk(self):
        return {"kty": "OKP", "crv": "Ed25519", "x": self.x, "kid": self.id, "use": "sig",
                "alg": "EdDSA"}

    def __del__(self):
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def make_certificate(folder, name, ca=None):
    """(certificate, key) files for 127.0.0.1 and localhost; signed by `ca` (such a pair) or by
    itself."""
    certificate = os.path.join(folder, name + ".pem")
    key = os.path.join(folder, name + ".key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name}"]
    if ca is not None:
        command += ["-CA", ca[0], "-CAkey", ca[1], "-addext",
                    "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-addext", "basicConstraints=critical,CA:FALSE"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 and ca is not None:
        # OpenSSL 3.0 has no -CA for req: a request, then a certificate.
        request = os.path.join(folder, name + ".csr")
        extensions = os.path.join(folder, name + ".ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n"
                       "basicConstraints=critical,CA:FALSE\n")
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                        "-subj", f"/CN={name}"], check=True, capture_output=True)
        subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1],
                        "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out",
                        certificate], check=True, capture_output=True)
    elif done.returncode != 0:
        raise AssertionError(done.stderr)
    return certificate, key


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.owner.answer(self)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many ask at once

    def handle_error(self, request, client_address):
        pass  # clients that go away in the middle are what some modes are for


class FactorServer:
    """Attributes: url, key, mode, max_age (None: not told), requests [(path, If-None-Match)],
    document (a dict, of the last publish), keys (what keys.jws lists)."""

    def __init__(self, issuer="authority.test", key=None, tls=False, port=0):
        self.issuer = issuer
        self.key = key
        self.keys = [key] if key is not None else []
        self.keys_signer = key
        self.keys_issued = int(time.time())
        self.keys_mode = "good"
        self.mode = "good"
        self.max_age = 300
        self.lifetime_s = 86400
        self.requests = []
        self.document = None
        self.ca_file = None
        self.folder = tempfile.mkdtemp(prefix="frank-factor-")
        self.stranger = Key()
        self._stop = threading.Event()
        self.http = Server(("127.0.0.1", port), Handler)
        self.http.owner = self
        scheme = "http"
        if tls:
            scheme = "https"
            self.ca_file = os.path.join(self.folder, "ca.pem")
            ca = make_certificate(self.folder, "ca")
            own = make_certificate(self.folder, "server", None if tls == "self-signed" else ca)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*own)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True,
                                                   do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def publish(self, factor, epoch=None, **members):
        """A new document: the next epoch unless told."""
        now = int(time.time())
        last = self.document["epoch"] if self.document else 0
        self.document = {"v": 1, "issuer": self.issuer, "kind": "authority",
                         "epoch": epoch or last + 1, "issued": now,
                         "expires": now + self.lifetime_s, "factor": factor, **members}
        return self.document

    def count(self, path):
        return sum(1 for asked, _ in self.requests if asked.endswith(path))

    # ---- what it answers ----

    def _changed(self):
        """The document as the mode has it."""
        now = int(time.time())
        document = dict(self.document)
        changes = {
            "expired": {"issued": now - 3600, "expires": now - 60, "epoch": document["epoch"] + 1},
            "future": {"issued": now + 400, "expires": now + 4000, "epoch": document["epoch"] + 1},
            "lower epoch": {"epoch": document["epoch"] - 1, "factor": 77},
            "same epoch": {"factor": document["factor"] + 1},
            "other issuer": {"issuer": "somebody.else", "epoch": document["epoch"] + 1},
            "unknown key": {"epoch": document["epoch"] + 1},
            "wrong signature": {"epoch": document["epoch"] + 1},
            "unsigned": {"epoch": document["epoch"] + 1},
            "factor 0": {"factor": 0, "epoch": document["epoch"] + 1},
            "factor 2^60": {"factor": 2 ** 60, "epoch": document["epoch"] + 1},
            "wrong types": {"epoch": str(document["epoch"] + 1), "factor": [1]},
        }
        document.update(changes.get(self.mode, {}))
        return document

    def _body(self, is_signed):
        payload = json.dumps(self._changed()).encode()
        if self.mode == "not json":
            payload = b"\x00\xff{{{not json" * 20
        elif self.mode == "deep":
            payload = b"[" * 5000
        if not is_signed or self.mode == "unsigned":
            return payload
        key = self.stranger if self.mode == "unknown key" else self.key
        body = key.jws(payload)
        if self.mode == "wrong signature":
            head, _, signature = body.rpartition(b".")
            raw = bytearray(base64.urlsafe_b64decode(signature + b"=="))
            raw[7] ^= 1
            body = head + b"." + base64url(bytes(raw)).encode()
        return body

    def keys_body(self):
        signer = self.stranger if self.keys_mode == "unknown key" else self.keys_signer
        return signer.jws(json.dumps({"issued": self.keys_issued,
                                      "keys": [key.jwk() for key in self.keys]}).encode(), "jwk-set+jws")

    def answer(self, request):
        self.requests.append((request.path, request.headers.get("If-None-Match")))
        name = request.path.rpartition("/")[2]
        if request.path.rpartition("/")[0] != "/.well-known/msmr":
            return self._plain(request, 404, b"not here\n")
        if name == "keys.jws" and self.keys:
            if self.keys_mode == "error":
                return self._plain(request, 500, b"no\n")
            return self._plain(request, 200, self.keys_body())
        if name not in ("factor", "factor.jws") or (name == "factor.jws" and self.key is None):
            return self._plain(request, 404, b"not here\n")
        special = getattr(self, "_" + self.mode.replace(" ", "_"), None)
        if special is not None:
            return special(request, name == "factor.jws")
        return self._good(request, name == "factor.jws")

    def _good(self, request, is_signed):
        body = self._body(is_signed)
        etag = '"' + hashlib.sha256(body).hexdigest()[:32] + '"'
        if request.headers.get("If-None-Match") == etag:
            return self._plain(request, 304, b"", etag)
        return self._plain(request, 200, body, etag)

    def _plain(self, request, status, body, etag=None):
        request.send_response(status)
        if status != 304:
            request.send_header("Content-Length", str(len(body)))
        if etag is not None:
            request.send_header("ETag", etag)
        if self.max_age is not None:
            request.send_header("Cache-Control", f"public, max-age={self.max_age}")
        request.end_headers()
        request.wfile.write(body)

    def _open_end(self, request):
        """Headers of an answer that ends with the connection."""
        request.close_connection = True
        request.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")

    def _huge(self, request, is_signed):
        self._open_end(request)
        for _ in range(160):
            request.wfile.write(b" " * 65536)

    def _huge_told(self, request, is_signed):
        self._plain(request, 200, b" " * (10 << 20))

    def _slow(self, request, is_signed):
        self._open_end(request)
        for byte in self._body(is_signed):
            if self._stop.wait(1) or self.mode != "slow":
                return
            request.wfile.write(bytes([byte]))

    def _drip(self, request, is_signed):
        self._open_end(request)
        while not self._stop.wait(0.25) and self.mode == "drip":
            request.wfile.write(b" " * 150)

    def _silent(self, request, is_signed):
        request.close_connection = True
        while not self._stop.wait(0.2) and self.mode == "silent":
            pass

    def _redirect(self, request, is_signed):
        request.send_response(302)
        request.send_header("Location", self.url + request.path)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def _huge_headers(self, request, is_signed):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1024):
            request.wfile.write(b"X-%d: %s\r\n" % (number, b"x" * 1000))
        request.wfile.write(b"Content-Length: 0\r\n\r\n")

    def _error(self, request, is_signed):
        self._plain(request, 500, b"no\n")

    def _empty(self, request, is_signed):
        self._plain(request, 200, b"")

    def _not_modified(self, request, is_signed):
        self._plain(request, 304, b"", request.headers.get("If-None-Match"))

    def _cut(self, request, is_signed):
        body = self._body(is_signed)
        request.close_connection = True
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        request.wfile.write(body[:len(body) // 2])

    def stop(self):
        self._stop.set()
        self.http.shutdown()
        self.http.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()
