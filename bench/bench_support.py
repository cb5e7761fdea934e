"""What the tests of frank-bench share: running it in a temporary folder of its own."""

import json
import math
import os
import re
import subprocess
import tempfile

from harness import Skip, children_of, program, wait_until

LIMIT_S = 500
# What frank-bench says where this machine stood still for the second that was measured.
TOO_LATE = re.compile("give it more --seconds|in time|too slow|timed? ?out")


def needed():
    """Skips where a program that frank-bench starts was not built."""
    for name in ("frankd", "frank-door", "frank-worker"):
        program(name)
    return program("frank-bench")


def opencl_devices():
    """The OpenCL devices that work here; skips where there is none, with what frank says of it."""
    done = subprocess.run([program("frank"), "devices", "--device", "opencl", "--isa", "uint1x1",
                           "--json"], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    *devices, final = records(done.stdout)
    if final.get("error") == "no-device":
        raise Skip("OpenCL: " + final["message"])
    assert done.returncode == 0, done
    return [device["device"] for device in devices]


class Bench:
    """A running frank-bench whose temporary files go to a folder that can be looked into."""

    def __init__(self, *args, path=None, subfolder="", env=None):
        """args: its options. path: the program, where it is not the built one. subfolder: where in
        its folder its temporary files go. env: more of its environment."""
        self.folder = tempfile.TemporaryDirectory(prefix="fb-")
        self.place = os.path.join(self.folder.name, subfolder)
        os.makedirs(self.place, exist_ok=True)
        self.process = subprocess.Popen(
            [path or program("frank-bench"), *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, TMPDIR=self.place, **(env or {})))

    def frankd(self):
        """The process id of its frankd, once the socket is there."""
        found = []

        def is_there():
            found[:] = [pid for pid, name in children_of(self.process.pid) if name == "frankd"]
            sockets = [file for _, _, files in os.walk(self.place) for file in files
                       if file == "mint.sock"]
            return found and sockets

        wait_until("frank-bench has a frankd", is_there, timeout_s=120)
        return found[0]

    def end(self):
        """Waits for it; (status, standard output, standard error, what it left in its folder)."""
        try:
            out, err = self.process.communicate(timeout=LIMIT_S)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(60)
        left = os.listdir(self.place)
        self.folder.cleanup()
        return self.process.returncode, out, err, left


def measured(*args, **options):
    """What end() gives of a run that takes as short as it can here: a second for each thing."""
    for seconds in (1, 2, 4, 8, 16):
        given = Bench(*args, "--seconds", str(seconds), **options).end()
        if given[0] == 0 or not TOO_LATE.search(given[2]):
            break
    return given


def records(text):
    """The JSON objects of its output, one from each line."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(record, dict) for record in found), text
    return found


def is_figure(value):
    """A number that a measurement can have given."""
    return isinstance(value, (int, float)) and math.isfinite(value) and value > 0


def rows_of(record, **members):
    """The rows of a record with these members."""
    return [row for row in record["rows"]
            if all(row.get(name) == value for name, value in members.items())]


def find(record, subject, metric, shape, factor=None):
    """The one row that is about this."""
    found = rows_of(record, subject=subject, metric=metric, shape=shape, factor=factor)
    assert len(found) == 1, (subject, metric, shape, factor, found, record)
    return found[0]
