"""Who publishes factors for the tests of `frank`: a real HTTP server whose documents another
implementation signs, and a real nsd; and a home for what `frank` keeps."""

import base64
import json
import os
import re
import shutil
import tempfile

from cli_support import frank, in_time, is_late, program, read
from dns_server import Nsd, txt
from factor_server import FactorServer
from harness import kept_port, place_of, wait_until

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
        self.kept = None
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
        """From now on nobody listens there: the port is kept, so that no other server gets it."""
        if self.is_running:
            self.is_running = False
            super().stop()
            self.kept = kept_port(self.port)


def names(records, **options):
    """An Nsd that knows {name below example: TXT at _msmr.name.example}, and that nothing else is
    there."""
    lines = [f"_msmr.{name} IN {txt(text)}" for name, text in records.items()]
    return Nsd({"example": "\n".join(lines)}, **options)


DEAD = kept_port()


def dead_url():
    return f"http://{place_of(DEAD)}"


class Home:
    """A folder for what is kept between runs, and frank() with it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="frank-")
        self.state = os.path.join(self.folder, "above", "state")
        self.env = {"STATE_DIRECTORY": self.state}

    def frank(self, *args, late=is_late, **options):
        """frank(), in time; late=never where it is the publisher who is late."""
        return in_time(lambda: frank(*args, env=self.env, **options), late)

    def kept(self):
        """What is kept of the one source that was asked: (path, text); None where nothing is. Other
        files are drafts, of a frank that was ended while it wrote."""
        if not os.path.isdir(self.state):
            return None
        names = [name for name in os.listdir(self.state)
                 if re.fullmatch("source-[0-9a-f]+", name)]
        assert len(names) <= 1, names
        paths = [os.path.join(self.state, name) for name in names]
        return (paths[0], read(paths[0])) if paths else None

    def keep(self, *args, text):
        """`frank ARGS`, again until what it keeps has the text, for frank waits no longer than half
        a second for the disk. The record of the last."""
        record = None

        def is_kept():
            nonlocal record
            record = record_of(self.frank(*args))
            return self.kept() is not None and text in self.kept()[1]

        wait_until(f"{text} is kept", is_kept)
        return record

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def never(_):
    return False


def record_of(done, status=0):
    assert done.returncode == status, done
    return json.loads(done.stdout.splitlines()[-1])


def need_resolver():
    program("frank-resolver")
