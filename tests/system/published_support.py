"""Who publishes factors for the tests of `frank`: a real HTTP server whose documents another
implementation signs, and a real nsd; and a home for what `frank` keeps."""

import base64
import json
import os
import re
import shutil
import tempfile

from cli_support import frank, program
from dns_server import Nsd, txt
from factor_server import FactorServer
from harness import free_port

B = base64.b64encode(bytes(range(64))).decode()
MESSAGE = (f"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=one; h=from; bh=AAAA; b={B}\n"
           "From: a@example.com\n\nHello.\n").encode()
MAX_FACTOR = 1 << 40


# ---- who publishes ----

class Publisher(FactorServer):
    """Publishes a factor of 2000 as epoch 412 of authority.example, changed by `members`. answers:
    {path: (status, body)} that stand in for the right ones."""

    def __init__(self, key=None, **members):
        super().__init__(issuer="authority.example", key=key)
        self.answers = {}
        self.is_running = True
        self.publish(**{"factor": 2000, "epoch": 412, **members})

    @property
    def asked(self):
        return [path for path, _ in self.requests]

    def answer(self, request):
        if request.path not in self.answers:
            return super().answer(request)
        self.requests.append((request.path, None))
        return self._plain(request, *self.answers[request.path])

    def stop(self):
        if self.is_running:
            self.is_running = False
            super().stop()


def names(records, **options):
    """An Nsd that knows {name below example: TXT at _msmr.name.example}, and that nothing else is
    there."""
    lines = [f"_msmr.{name} IN {txt(text)}" for name, text in records.items()]
    return Nsd({"example": "\n".join(lines)}, **options)


def dead_url():
    return f"http://127.0.0.1:{free_port()}"


class Home:
    """A folder for what is kept between runs, and frank() with it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="frank-")
        self.state = os.path.join(self.folder, "above", "state")
        self.env = {"STATE_DIRECTORY": self.state}

    def frank(self, *args, stdin=b"", **options):
        done = frank(*args, stdin=stdin, env=self.env, **options)
        # LeakSanitizer, of a thread of libunbound's that ends while it looks: nothing of ours.
        done.stderr = re.sub("==[0-9]+==Unable to get registers from thread [0-9]+.\n", "",
                             done.stderr)
        return done

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def record_of(done, status=0):
    assert done.returncode == status, done
    return json.loads(done.stdout.splitlines()[-1])


def need_resolver():
    program("frank-resolver")
