"""Starts a private frank-authority on a free port of loopback, and stops it.

    with Authority("--factor", "2000", "--max-age", "1s") as authority:
        ... authority.url, authority.key
        authority.publish(3000)
"""

import json
import re
import shutil
import subprocess
import tempfile
import threading

from harness import program, wait_until


class Authority:
    """Attributes: url, port, key (the public key in force, base64), state (its folder), pid."""

    def __init__(self, *args, issuer="authority.test", state=None, port=0):
        self.own_state = state is None
        self.state = state or tempfile.mkdtemp(prefix="frank-authority-")
        self.args = list(args)
        self.issuer = issuer
        self.port = port
        self.lines = []
        self.process = None
        self.start()
        self.key = self.verb("keys")[0]["key"]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        """Starts it, again at the port that it had."""
        self.process = subprocess.Popen(
            [program("frank-authority"), "--state", self.state, "--listen",
             f"127.0.0.1:{self.port}", "--issuer", self.issuer] + self.args,
            stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        wait_until("frank-authority is ready", self._ready, 60)

    def _read(self, process):
        for line in process.stderr:
            self.lines.append((process.pid, line.rstrip()))

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"frank-authority ended: {self.log()}")
        for pid, line in list(self.lines):
            found = re.search(r"event=ready listen=127\.0\.0\.1:(\d+)", line)
            if pid == self.process.pid and found:
                self.port = int(found.group(1))
                return True
        return False

    def log(self):
        return "\n".join(line for _, line in self.lines[-40:])

    def verb(self, name, *args):
        """Runs a verb on its state; returns the records of --json but the final one."""
        done = subprocess.run([program("frank-authority"), name, "--state", self.state, "--json",
                               *args], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()][:-1]

    def publish(self, factor):
        return self.verb("publish", "--factor", str(factor))

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        if self.own_state:
            shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("--- frank-authority wrote:\n" + self.log())
        self.stop()
