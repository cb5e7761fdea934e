"""What the tests of the command `frank` share: running it, real signed messages, and a reading of
MSMR-Key headers that shares no code with Frank (hashlib and Python's integers).
"""

import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time

try:
    from harness import Skip, children_of, program, run  # noqa: F401 (run: for the tests)
except ImportError as missing:  # zmq, which the harness needs
    print(f"skip  {os.path.basename(sys.argv[0])}: {missing}")
    sys.exit(77)

FLOOR = 1 << 20
FACTOR_MAX = 2**53 - 1


def frank(*args, stdin=b"", timeout_s=180, env=None, stdout=subprocess.PIPE):
    """Runs `frank ARGS` and returns the finished process (bytes; stderr as text)."""
    done = subprocess.run([program("frank"), *args], input=stdin, stdout=stdout,
                          stderr=subprocess.PIPE, timeout=timeout_s, check=False,
                          env=None if env is None else {**os.environ, **env})
    done.stderr = without_leak_notes(done.stderr.decode("utf-8", "replace"))
    return done


# What `frank` says where a limit of its own was over: some seconds, or half a one for a recipient's
# record. A machine of tests stands still for as long at times.
TOO_LATE = re.compile("in time|timed? ?out|no frankd answered|no daemon answered", re.I)


def is_late(done):
    return TOO_LATE.search(done.stderr) is not None


def in_time(ask, late=is_late, limit_s=60):
    """What ask() gives, a finished `frank`. Where it was too late it is asked again, until limit_s
    are over. For what is asked of others; where silence is what is tried, frank() itself."""
    until = time.monotonic() + limit_s
    while True:
        done = ask()
        if not late(done) or time.monotonic() > until:
            return done


def frank_in_time(*args, **options):
    return in_time(lambda: frank(*args, **options))


def soon(limit_s, ask, tries=10):
    """What ask() gives; it is to take less than limit_s. On a machine that stands still at times
    that is so in one of some tries."""
    for _ in range(tries):
        start = time.monotonic()
        given = ask()
        took_s = time.monotonic() - start
        if took_s < limit_s:
            return given
    raise AssertionError(f"{took_s:.1f} s, not {limit_s} s, like each of {tries} tries: {given}")


def waiting_of(pid):
    """Of the thread of a process that waited longest for a core: (seconds of waiting, seconds at
    work). None where there is none, or the kernel does not say."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path, encoding="ascii") as file:
                ran_ns, waited_ns = file.read().split()[:2]
        except OSError:
            continue
        found.append((int(waited_ns) / 1e9, int(ran_ns) / 1e9))
    return max(found, default=None)


class Workers(threading.Thread):
    """Watches the workers of each `frank` that this process runs meanwhile."""

    def __init__(self):
        super().__init__(daemon=True)
        self.waiting = {}
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            for frank_pid, _ in children_of(os.getpid()):
                for pid, name in children_of(frank_pid):
                    if name == "frank-worker":
                        self.waiting[pid] = waiting_of(pid) or self.waiting.get(pid)

    def starved(self):
        """Those that got less than a twelfth of a core: (seconds of waiting, seconds at work). A
        nice process gets a tenth beside one other, which is enough."""
        return [times for times in self.waiting.values()
                if times is not None and times[0] > 1 and times[0] > 12 * times[1]]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


# What `frank devices --test` says of a device whose worker, a nice process, came to no work for so
# long that it was taken for one that hangs. Of one that does hang it says the same.
STOOD_STILL = re.compile(rb"no attempts in|wrong results: 0, restarts: \d+, "
                         rb"late: ([1-9]|0; it (hung|did not open))")


def tested(*args, wanted=lambda done: True, **options):
    """`frank devices --test`, up to ten times: until no device stood still, and it is as wanted.
    The last one is to be judged as it is; but where the kernel says that a worker got no core, the
    test is skipped."""
    for _ in range(10):
        with Workers() as workers:
            done = frank("devices", "--test", *args, "--json", **options)
        stood_still = STOOD_STILL.search(done.stdout)
        if not stood_still and wanted(done):
            return done
    if stood_still and workers.starved():
        raise Skip(f"this machine is too busy: {stood_still[0].decode()}; seconds of waiting for a "
                   f"core, and of work: {workers.starved()}")
    return done


def records(done):
    """The JSON objects that a `frank --json` wrote, one a line."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_test(*args):
    """Has `frank devices --test` try one device, which passes with figures that can be."""
    def is_plausible(done):
        # A b of RSA-4096 takes 11 blocks, one of Ed25519 takes 2.
        test = records(done)[0]["test"]
        return test["passed"] is True and test["ed25519"] > test["rsa4096"] > 0

    done = tested(*args, wanted=is_plausible)
    assert done.returncode == 0 and records(done)[-1]["failed"] == 0, done
    assert is_plausible(done), done


def without_leak_notes(text):
    """What a program said, less the notes of the leak checker about threads that end while it looks
    (a thread that had gone is no leak, and a leak is an exit status of its own)."""
    return re.sub(r"^==\d+==(Running thread|Unable to get registers).*\n", "", text, flags=re.M)


def sample(name):
    """The path of a signed message that Debian's python3-dkim brings."""
    try:
        import dkim
    except ImportError as missing:
        raise Skip(f"python3-dkim: {missing}") from missing
    path = os.path.join(os.path.dirname(dkim.__file__), "tests", "data", name)
    if not os.path.exists(path):
        raise Skip(f"python3-dkim has no {name}")
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def unfold(message):
    """The header fields of a message as (name in lower case, value) with folds taken out."""
    head = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[0]
    head = re.sub(rb"\r?\n([ \t])", rb"\1", head)
    fields = []
    for line in re.split(rb"\r?\n", head):
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name.strip().lower(), value))
    return fields


def tags(value):
    """A tag-list as a dict."""
    found = {}
    for part in value.split(b";"):
        name, equals, text = part.partition(b"=")
        if equals:
            found[name.strip().decode()] = text.strip().decode("latin-1")
    return found


def signatures(message):
    """(a, b without white space, d) of each DKIM-Signature, from the top."""
    found = []
    for name, value in unfold(message):
        if name == b"dkim-signature":
            signature = tags(value)
            found.append((signature["a"], re.sub(r"[ \t\r\n]", "", signature["b"]),
                          signature["d"].strip()))
    return found


def check_header(header, a, b, factor=None, line_end=b"\n"):
    """The header is written as specified, belongs to (a, b), and meets the factor (None: any)."""
    lines = header.split(line_end)
    assert len(lines) == 2, header
    assert all(len(line) <= 78 for line in lines), header
    first = re.fullmatch(rb"MSMR-Key: v=1; a=([a-z0-9-]+); n=([0-9a-f]{1,40});", lines[0])
    second = re.fullmatch(rb"\th=([0-9a-f]{64})", lines[1])
    assert first and second, header
    assert first[1].decode() == a, (header, a)
    digest = hashlib.sha256(first[2] + b.encode()).hexdigest()
    assert digest == second[1].decode(), f"the hash is {digest}: {header}"
    if factor is not None:
        assert int(digest, 16) * factor < 2**256, f"{header} does not meet {factor}"
