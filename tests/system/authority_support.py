"""Starts private authorities for tests, and asks them.

    with Authority(["--factor", "1000"]) as authority:
        status, headers, body = authority.ask("/.well-known/msmr/factor")
"""

import base64
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from harness import Fault, children_of, program, wait_until

BASE = "/.well-known/msmr/"
# A machine of tests stands still for seconds at times: who waits for what has to come waits longer.
PATIENCE_S = 60.0


def ask(port, path, method="GET", body=None, headers=None, timeout_s=PATIENCE_S, source=None):
    """(status, headers, body) of one request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s,
                                            source_address=source)
    try:
        try:
            connection.request(method, path, body=body, headers=headers or {})
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it takes no more of has its answer all the same
        reply = connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read().decode()
    finally:
        connection.close()


def verb(state, *args, check=True, timeout_s=2 * PATIENCE_S):
    """Runs one verb of frank-authority with --json; (exit status, its records, standard error)."""
    done = subprocess.run([program("frank-authority"), *args, "--state", state, "--json"],
                          capture_output=True, text=True, timeout=timeout_s, check=False)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    if check:
        assert done.returncode == 0, done
        assert records[-1]["final"] is True and not any("final" in r for r in records[:-1]), records
    return done.returncode, records, done.stderr


def unpad(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(x):
    """RFC 7638, of an Ed25519 key (RFC 8037, section 2)."""
    canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def openssl_verifies(jws, keys):
    """The payload of a compact JWS that OpenSSL's command line finds right, by a key of the JWK set
    that its header names. Raises AssertionError for any other."""
    head, payload, signature = jws.split(".")
    header = json.loads(unpad(head))
    assert header["alg"] == "EdDSA", header
    [x] = [key["x"] for key in keys["keys"] if key["kid"] == header["kid"]]
    assert thumbprint(x) == header["kid"]
    # SubjectPublicKeyInfo of Ed25519: RFC 8410, section 4.
    der = bytes.fromhex("302a300506032b6570032100") + unpad(x)
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        def write(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            return path
        done = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER",
             "-inkey", write("key", der), "-sigfile", write("signature", unpad(signature)),
             "-in", write("input", f"{head}.{payload}".encode())],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0 and "Verified Successfully" in done.stdout, (done, jws)
    return header, json.loads(unpad(payload))


class Authority:
    """A running frank-authority. Attributes: port, state (its folder), pid, process."""

    def __init__(self, args=(), state=None, wait=True, issuer="authority.example"):
        """state: a folder to use (the caller's to remove)."""
        self.own_folder = tempfile.mkdtemp(prefix="frank-") if state is None else None
        self.state = state or os.path.join(self.own_folder, "state")
        self.args = list(args) + (["--issuer", issuer] if issuer else [])
        self.lines = []
        self.port = None
        self.process = None
        self._sanitizer = []
        self._reader = None
        self._ready = threading.Event()
        try:
            self.start(wait)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self):
        return self.process.pid

    def start(self, wait=True, port=0):
        self._ready.clear()
        self.process = subprocess.Popen(
            [program("frank-authority"), "--listen", f"127.0.0.1:{port}", "--state", self.state,
             *self.args],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace")
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()

    def _read(self, process):
        for line in process.stderr:
            self.lines.append(line.rstrip("\n"))
            if "Sanitizer" in line or "runtime error:" in line:
                self._sanitizer.append(line.rstrip("\n"))
            words = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if words.get("event") == "ready":
                self.port = int(words["listen"].rsplit(":", 1)[1])
                self._ready.set()
        process.stderr.close()

    def wait_ready(self):
        until = time.monotonic() + PATIENCE_S
        while not self._ready.wait(0.02):
            if self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n" + self.log())
            if time.monotonic() > until:
                raise AssertionError(f"not ready in {PATIENCE_S} s:\n" + self.log())

    def log(self, last=60):
        return "\n".join(self.lines[-last:])

    def wait_log(self, text):
        try:
            wait_until(f"it says {text}", lambda: text in self.log(200))
        except AssertionError as error:
            raise AssertionError(self.log(200)) from error

    def http_pid(self):
        """Process id of the child that answers HTTP; None while there is none."""
        pids = [pid for pid, name in children_of(self.pid) if name == "frank-authority-http"[:15]]
        return pids[0] if pids else None

    def ask(self, path, *args, **options):
        return ask(self.port, path, *args, **options)

    def json(self, name):
        """A document under /.well-known/msmr/."""
        status, _, body = self.ask(BASE + name)
        assert status == 200, (status, body)
        return json.loads(body)

    def wait_epoch(self, epoch):
        wait_until(f"epoch {epoch} is served", lambda: self.json("factor")["epoch"] == epoch)

    def kill(self):
        """SIGKILL; its child dies with it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def end(self, timeout_s=PATIENCE_S):
        """SIGTERM; returns the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout_s)

    def stop(self):
        stuck = False
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                stuck = True
                self.process.kill()
                self.process.wait(PATIENCE_S)
        if self.own_folder:
            shutil.rmtree(self.own_folder, ignore_errors=True)
        if self._reader is not None:
            self._reader.join(PATIENCE_S)
        if stuck:
            raise Fault(f"it did not end {PATIENCE_S} s after SIGTERM:\n" + self.log())
        if self._sanitizer:
            raise Fault("a sanitizer said: " + "\n".join(self._sanitizer) + self.log(200))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()
