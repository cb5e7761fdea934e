"""Starts a private frankd for a test, waits until it is ready, and stops it by its process id.

    from harness import Frankd, run

    def test():
        with Frankd(["--factor", "1000", "--device", "cpu"]) as frankd:
            with frankd.client() as client:
                ok, reply = client.mint(harness.random_b())

    if __name__ == "__main__":
        run(test)

Everything lives in a temporary folder of its own: the ipc socket, keys, configuration. The
programs are those of the build folder named by FRANK_BIN. Traffic stays on loopback.
"""

import base64
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from frank_client import (Client, Fault, Timeout, check_stamp,  # noqa: F401 (for tests)
                          mint_patiently)

# The environment of a program under strace: the leak checker would trace it, too.
TRACED = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
READY_S = 120.0  # as long as a frankd on a busy machine, under sanitizers, may take


class Skip(Exception):
    """What a test needs is not here; the text says what."""


def program(name):
    """The full path of a built program; skips the test where it was not built."""
    folder = os.environ.get("FRANK_BIN")
    if not folder:
        raise Skip("FRANK_BIN does not name the folder of the built programs")
    path = os.path.join(folder, name)
    if not os.access(path, os.X_OK):
        raise Skip(f"{name} was not built")
    return path


SIGNATURE_BYTES = {88: 64, 172: 128, 344: 256, 512: 384, 684: 512}


def random_b(length=344):
    """A random canonical base64 text as long as a signature's: a key of SIGNATURE_BYTES."""
    return base64.b64encode(os.urandom(SIGNATURE_BYTES[length])).decode()


_reserved = []  # sockets that keep other tests from this one's ports until it ends


def _reserve(port):
    """Makes the port this process's among all tests that run at the same time: false where another
    has it. The name is the kernel's, which frees it with the process."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0frank-test-port-{port}")
    except OSError:
        name.close()
        return False
    _reserved.append(name)
    return True


def free_port():
    """A port of loopback that is free for TCP and UDP, and that no other test is given while this
    one runs, not even before its server listens or while it is started again. It is below those
    that the kernel gives to outgoing connections: none of them takes it before its server does.
    Those from 11000 on are in no configuration of ours that a test replaces ports in."""
    for _ in range(1000):
        port = random.randrange(11000, 32768)
        if not _reserve(port):
            continue
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(type=kind) as probe:
                    probe.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue
    raise AssertionError("no port is free")


def kept_port(port=0):
    """A socket bound to the port of loopback (0: any), which does not listen: who connects is
    refused, and nobody else is given the port. A server that allows for it may listen there."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", port))
    return kept


def place_of(kept):
    """HOST:PORT of a socket."""
    return "%s:%d" % kept.getsockname()


@functools.lru_cache(maxsize=None)
def sanitized():
    """True when the programs carry AddressSanitizer: slower, and their memory is not theirs."""
    if os.environ.get("FRANK_SANITIZED") == "1":
        return True
    with open(program("frankd"), "rb") as file:
        return b"__asan_init" in file.read()


def patience(seconds):
    """A time limit, longer where the programs are slower."""
    return seconds * 4 if sanitized() else seconds


def stretched(timeout_s):
    """How long to wait for what takes timeout_s at most, since a machine of tests stands still for
    seconds at times: four times as long, or a minute more. It costs time where a test fails."""
    return min(4 * timeout_s, timeout_s + 60)


def wait_until(what, condition, timeout_s=10.0, step_s=0.02):
    """Waits until condition() is true; raises AssertionError naming `what` after timeout_s,
    stretched."""
    timeout_s = stretched(timeout_s)
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(step_s)


def one_try_passes(tries, attempt, lasts_s=0.0):
    """Calls attempt(0), attempt(1)... until one passes: for what a machine that stands still for
    some seconds can spoil in one try, but not in each. lasts_s: for how long at least what it looks
    at stays as it is, so that an attempt that fails within that time is not tried again. The last
    failure is raised, the others are told."""
    for i in range(tries):
        start = time.monotonic()
        try:
            return attempt(i)
        except (AssertionError, OSError, Timeout) as failure:
            if i + 1 == tries or time.monotonic() - start < lasts_s:
                raise
            print(f"      try {i + 1} of {tries}: {str(failure)[:400]}", flush=True)
    raise AssertionError("no tries")


def measured_until(limit, measure, least=1, most=5):
    """Measures some times, until one of them is within the limit: what else this machine does only
    ever adds. Returns all, of which the smallest counts."""
    found = []
    while len(found) < least or (min(found) > limit and len(found) < most):
        found.append(measure())
    return found


def cut_after_s(port, start=b"", limit_s=60.0):
    """How long a connection lasts that sends `start`, then a byte at a time, and never a whole
    request."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=limit_s) as peer:
        peer.sendall(start)
        peer.settimeout(0.5)
        while time.monotonic() < begin + limit_s:
            try:
                peer.send(b"G")
                if peer.recv(100) == b"":
                    break
            except TimeoutError:
                pass
            except OSError:
                break
    return time.monotonic() - begin


def check_ten_seconds(port, start=b""):
    """Such a connection has ten seconds: more only where this machine stands still."""
    took_s = measured_until(13, lambda: cut_after_s(port, start))
    assert 9 < min(took_s) <= 13, took_s


def _stat_of(pid):
    """/proc/PID/stat: the name, and the fields behind it, of which the state is the first; None when
    the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            text = file.read()
    except OSError:
        return None
    end = text.rindex(")")
    return text[text.index("(") + 1:end], text[end + 1:].split()


def children_of(pid):
    """Process ids of the direct children: [(pid, name)]."""
    found = []
    for entry in os.listdir("/proc"):
        stat = _stat_of(entry) if entry.isdigit() else None
        if stat is not None and int(stat[1][1]) == pid:
            found.append((int(entry), stat[0]))
    return found


def state_of(pid):
    """The letter of /proc/PID/stat ('Z': a zombie); '' when the process is gone."""
    stat = _stat_of(pid)
    return "" if stat is None else stat[1][0]


def is_running(pid):
    """False as well where it has ended, and waits for its parent to collect it."""
    return state_of(pid) not in ("", "Z")


def memory_kib(pid, field="VmRSS"):
    """A memory figure of /proc/PID/status in KiB; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="latin-1") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def cpu_seconds(pid):
    """User and system time that a process has used; 0 when it is gone."""
    stat = _stat_of(pid)
    if stat is None:
        return 0.0
    return (int(stat[1][11]) + int(stat[1][12])) / os.sysconf("SC_CLK_TCK")


class Frankd:
    """A running frankd. Attributes: ipc (its first endpoint), folder, pid, process."""

    def __init__(self, args=(), config=None, listen=None, wait=True, folder=None, own_state=True):
        """args: further flags. config: text of a configuration file. listen: endpoints instead of
        the one on ipc. folder: a folder to live in (the caller's to remove). own_state: documents
        are kept in that folder, not where the environment says: what another test kept of a server
        at the same port would count."""
        self.own_folder = folder is None
        self.own_state = own_state
        self.folder = folder or tempfile.mkdtemp(prefix="frank-")
        self.ipc = f"ipc://{self.folder}/mint.sock"
        self.endpoints = [self.ipc] if listen is None else list(listen)
        self.args = list(args)
        self.config = None
        self.lines = []
        self.process = None
        self._reader = None
        self._sanitizer = []  # what sanitizers said of frankd or a child, which share its stderr
        self._ready = threading.Event()
        if config is not None:
            self.config = os.path.join(self.folder, "frankd.conf")
            with open(self.config, "w", encoding="utf-8") as file:
                file.write(config)
        try:
            self.start(wait)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self):
        return self.process.pid

    def start(self, wait=True):
        """Starts the process; with `wait` returns when it says that it is ready."""
        self._ready.clear()
        # A file that is absent would be an error; an empty one keeps the machine's own out.
        config = self.config or "/dev/null"
        command = [program("frankd"), "--config", config]
        for endpoint in self.endpoints:
            command += ["--listen", endpoint]
        command += self.args
        env = dict(os.environ)
        if self.own_state:
            env["STATE_DIRECTORY"] = os.path.join(self.folder, "state")
            os.makedirs(env["STATE_DIRECTORY"], mode=0o700, exist_ok=True)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        text=True, errors="replace", cwd=self.folder, env=env)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready()

    def _read(self, process):
        for line in process.stderr:
            self.lines.append(line.rstrip("\n"))
            del self.lines[:-5000]
            if "Sanitizer" in line or "runtime error:" in line:
                self._sanitizer.append(line.rstrip("\n"))
            # "event=ready" as the log writes it, or a plain line "... ready".
            words = line.split()
            if "event=ready" in words or words[-1:] == ["ready"]:
                self._ready.set()
        process.stderr.close()

    def wait_ready(self, timeout_s=READY_S):
        until = time.monotonic() + timeout_s
        while not self._ready.wait(0.02):
            if self.process.poll() is not None:
                raise AssertionError(f"frankd ended with {self.process.returncode}:\n" + self.log())
            if time.monotonic() > until:
                raise AssertionError(f"frankd not ready in {timeout_s} s:\n" + self.log())

    def log(self, last=60):
        """The last lines that it wrote to standard error."""
        return "\n".join(self.lines[-last:])

    def client(self, endpoint=None, **options):
        return Client(endpoint or self.endpoints[0], **options)

    def children(self, name=None):
        """Process ids of its children, of one program name where given ("frank-door")."""
        return [pid for pid, comm in children_of(self.pid) if name is None or comm == name[:15]]

    def signal(self, number):
        self.process.send_signal(number)

    def wait_end(self, timeout_s=15.0):
        """Waits for its end, for timeout_s, stretched; returns the exit status."""
        return self.process.wait(stretched(timeout_s))

    def stop(self, timeout_s=30.0):
        """SIGTERM, then SIGKILL if that is not heeded, which fails the test. Idempotent."""
        stuck = False
        timeout_s = stretched(timeout_s)
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                stuck = True
                self.process.kill()
                self.process.wait(60)
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if stuck:
            raise Fault(f"frankd did not end {timeout_s} s after SIGTERM:\n" + self.log())
        if self._reader is not None:
            self._reader.join(60)
        if self._sanitizer:
            raise Fault("a sanitizer said: " + "\n".join(self._sanitizer) + "\n" + self.log(200))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind is not Skip:
            print("--- frankd wrote:\n" + self.log(), file=sys.stderr)
        self.stop()


def run(*tests):
    """Runs the tests one after another, prints a line for each, exits: 0, 1, or 77 (skipped)."""
    status = 0
    for test in tests:
        start = time.monotonic()
        try:
            test()
            print(f"ok    {test.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
        except Skip as reason:
            print(f"skip  {test.__name__}: {reason}", flush=True)
            status = status or 77
        except BaseException:  # a failure of any kind, named and counted
            traceback.print_exc()
            print(f"FAIL  {test.__name__}", flush=True)
            status = 1
    sys.exit(status)
