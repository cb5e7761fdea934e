"""tcp with CURVE, keys made by `frank keygen`: who gets in, who does not, and real jobs while
strangers make raw, half and junk handshakes and copy routing ids.

Endpoints that cannot be had are named by frankd, and it ends.
FRANK_TEST_SCALE=20 makes the attack last 5 minutes.
"""

import contextlib
import os
import random
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time

import zmq

import zmtp
from daemon_support import SCALE
from frank_client import Client, Timeout, check_stamp
from harness import Frankd, free_port, memory_kib, program, random_b, run, wait_until

ATTACK_S = 15.0 * SCALE
SOCKETS = 500
CONNECTIONS = 500  # bad ones that are made at least


@contextlib.contextmanager
def temporary_folder():
    folder = tempfile.mkdtemp(prefix="frank-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keygen(folder):
    subprocess.run([program("frank"), "keygen", folder], check=True, stdout=subprocess.DEVNULL)


def read_key(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        text = file.read()
    assert len(text) == 41 and text.endswith(b"\n"), text
    return text.strip()


class Guarded:
    """A frankd on tcp with CURVE, and the keys of its first client."""

    def __init__(self, folder, args=("--factor", "1", "--device", "cpu:0"), config=""):
        self.keys = os.path.join(folder, "keys")
        self.clients = os.path.join(self.keys, "clients")
        keygen(self.keys)
        os.mkdir(self.clients)
        shutil.copy(os.path.join(self.keys, "client.public"), os.path.join(self.clients, "mail1"))
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.server = read_key(self.keys, "server.public")
        self.curve = (self.server, read_key(self.keys, "client.public"),
                      read_key(self.keys, "client.secret"))
        config += (f'curve_secret = "{self.keys}/server.secret";\n'
                   f'curve_clients = "{self.clients}";\n')
        self.frankd = Frankd(list(args), config=config, listen=[self.endpoint], folder=folder)

    def client(self, curve=None, **options):
        return Client(self.endpoint, curve=curve or self.curve, **options)


def is_silent(client, timeout_s=0.7):
    with client:
        try:
            client.ask("ping", timeout_s=timeout_s)
        except Timeout:
            return True
        return False


def keys_are_private_and_stay():
    with temporary_folder() as folder:
        keys = os.path.join(folder, "keys")
        before_umask = os.umask(0)
        try:
            keygen(keys)
        finally:
            os.umask(before_umask)
        before = {name: read_key(keys, name) for name in sorted(os.listdir(keys))}
        assert list(before) == ["client.public", "client.secret", "server.public", "server.secret"]
        for name in before:
            mode = stat.S_IMODE(os.stat(os.path.join(keys, name)).st_mode)
            assert mode == (0o600 if name.endswith("secret") else 0o644), (name, oct(mode))
        again = subprocess.run([program("frank"), "keygen", keys], capture_output=True, text=True)
        assert again.returncode == 2 and "server.secret" in again.stderr, again
        assert before == {name: read_key(keys, name) for name in before}


def only_known_keys_get_in():
    with temporary_folder() as folder:
        guarded = Guarded(folder)
        with guarded.frankd as frankd:
            with guarded.client() as client:
                for length in (88, 344):
                    b = random_b(length)
                    ok, reply = client.mint(b)
                    assert ok, reply
                    check_stamp(reply, b, factor=1)
                ok, status = client.ask("status")
                assert ok
                names = [entry["name"] for entry in status.get("clients", [])]
                assert names == ["mail1"], names  # the key's name, not the connection's
            public, secret = zmq.curve_keypair()
            assert is_silent(guarded.client(curve=(guarded.server, public, secret)))
            assert is_silent(Client(guarded.endpoint))  # no CURVE at all
            assert is_silent(guarded.client(curve=(public, *guarded.curve[1:])))  # another server
            with guarded.client() as client:
                assert client.ask("ping")[0]
            wait_until("the log says so", lambda: "event=client_refused" in frankd.log(1000))


def a_folder_without_keys_admits_nobody():
    with temporary_folder() as folder:
        guarded = Guarded(folder)
        with guarded.frankd:
            os.unlink(os.path.join(guarded.clients, "mail1"))
            with guarded.client() as first:

                def forbidden():
                    """Whether `first` is told so. Where it came so late that it was never let in,
                    it hears nothing, like any other."""
                    try:
                        ok, reply = first.ask("ping", timeout_s=3)
                    except Timeout:
                        return is_silent(guarded.client(), 5)
                    assert ok or reply["error"] == "forbidden", reply
                    return not ok

                # The folder is looked at every few seconds.
                wait_until("the key counts no more", forbidden, 30, 0.2)
            assert is_silent(guarded.client())


class Attack(threading.Thread):
    """Runs one kind of mischief again and again over its share of sockets."""

    def __init__(self, endpoint, kind, count, stop):
        super().__init__(daemon=True)
        self.endpoint, self.kind, self.count, self.stop = endpoint, kind, count, stop
        self.made = 0

    def run(self):
        open_sockets = []
        while not self.stop.is_set():
            with contextlib.suppress(OSError):
                raw = zmtp.connect(self.endpoint, 1.0)
                open_sockets.append(raw)
                self.made += 1
                self.kind(raw)
            while len(open_sockets) > self.count:
                open_sockets.pop(0).close()
            time.sleep(0.005)
        for raw in open_sockets:
            raw.close()


def say_nothing(_):
    pass


def half_a_greeting(raw):
    raw.sendall(zmtp.greeting(b"CURVE")[:random.randrange(1, 64)])


def junk(raw):
    raw.sendall(random.randbytes(random.randrange(1, 4096)))


def greeting_and_junk(raw):
    raw.sendall(zmtp.greeting(b"CURVE") + random.randbytes(random.randrange(1, 2048)))


def curve_hello_of_junk(raw):
    hello = b"\x05HELLO" + b"\x01\x00" + random.randbytes(192)
    raw.sendall(zmtp.greeting(b"CURVE") + bytes([4, len(hello)]) + hello)


def another_mechanism(raw):
    raw.sendall(zmtp.greeting(b"NULL") + zmtp.ready(identity=b"mail1"))


def endless_command(raw):
    raw.sendall(zmtp.greeting(b"CURVE") + b"\x06" + b"\x7f" * 8 + b"x" * 65536)


def copied_routing_ids(guarded, stop, routing_id, answered):
    """A second client with an allowed key that takes the first one's routing id."""
    while not stop.is_set():
        with guarded.client(routing_id=routing_id) as client:
            with contextlib.suppress(Timeout):
                client.ask("ping", timeout_s=0.2)
                answered.append(1)


def real_jobs_are_answered_under_attack():
    with temporary_folder() as folder:
        guarded = Guarded(folder, args=("--factor", "1000", "--device", "cpu:0"))
        with guarded.frankd as frankd:
            door = frankd.children("frank-door")
            before_kib = memory_kib(door[0])
            kinds = (say_nothing, half_a_greeting, junk, greeting_and_junk, curve_hello_of_junk,
                     another_mechanism, endless_command)
            stop = threading.Event()
            attacks = [Attack(guarded.endpoint, kind, SOCKETS // len(kinds), stop)
                       for kind in kinds]
            squatted = []
            squatter = threading.Thread(target=copied_routing_ids,
                                        args=(guarded, stop, b"mail1-main", squatted), daemon=True)
            jobs, worst_s = 0, 0.0
            # A routing id is whose connection is there first: the real one keeps it.
            with guarded.client(routing_id=b"mail1-main") as fixed, guarded.client() as plain:
                assert fixed.ask("ping")[0] and plain.ask("ping")[0]
                for attack in attacks:
                    attack.start()
                squatter.start()
                until = time.monotonic() + ATTACK_S
                limit = until + 180  # for a busy machine to make the connections
                while time.monotonic() < until or (
                        time.monotonic() < limit and
                        sum(attack.made for attack in attacks) <= CONNECTIONS):
                    for client in (fixed, plain):
                        b = random_b(88)
                        start = time.monotonic()
                        ok, reply = client.mint(b)
                        worst_s = max(worst_s, time.monotonic() - start)
                        assert ok, reply
                        check_stamp(reply, b, factor=1000)
                        jobs += 1
                    with guarded.client() as fresh:  # new ones get in, too
                        b = random_b(88)
                        ok, reply = fresh.mint(b)
                        assert ok, reply
                        check_stamp(reply, b, factor=1000)
                        jobs += 1
                    time.sleep(0.01)
                stop.set()
                for attack in attacks:
                    attack.join()
                squatter.join()  # before the real one leaves
            made = sum(attack.made for attack in attacks)
            growth = memory_kib(door[0]) - before_kib
            print(f"      {jobs} of {jobs} jobs answered, the slowest in {worst_s * 1000:.0f} ms, "
                  f"beside {made} bad connections; memory +{growth} KiB")
            assert made > CONNECTIONS, made
            assert not squatted, "a copied routing id was answered"
            assert frankd.children("frank-door") == door, "the door died"


def endpoints_that_cannot_be_had_are_named():
    with temporary_folder() as folder:
        with Frankd(["--factor", "1", "--device", "cpu:0"]) as first:
            port = free_port()
            taken = socket.socket()
            taken.bind(("127.0.0.1", port))
            taken.listen(1)
            plain = os.path.join(folder, "plain")
            with open(plain, "w", encoding="utf-8") as file:
                file.write("mine")
            rows = ((first.ipc, first.ipc[len("ipc://"):]),
                    (f"tcp://127.0.0.1:{port}", str(port)),
                    (f"ipc://{plain}", plain),
                    (f"ipc://{folder}/none/x.sock", "none/x.sock"),
                    ("tcp://0.0.0.0:5999", "tcp://0.0.0.0:5999"))
            for endpoint, named in rows:
                with open(os.path.join(folder, "c.conf"), "w", encoding="utf-8") as file:
                    file.write("insecure = true;\n")
                got = subprocess.run([program("frankd"), "--config", file.name, "--listen", endpoint,
                                      "--factor", "1", "--device", "cpu:0"], capture_output=True,
                                     text=True, timeout=180)
                assert got.returncode not in (0, -9, -6, -11), (endpoint, got)
                assert named in got.stderr, (endpoint, got.stderr)
            taken.close()
            with open(plain, encoding="utf-8") as file:
                assert file.read() == "mine"
            with first.client() as client:
                assert client.ask("ping")[0]


if __name__ == "__main__":
    run(keys_are_private_and_stay, only_known_keys_get_in, a_folder_without_keys_admits_nobody,
        real_jobs_are_answered_under_attack, endpoints_that_cannot_be_had_are_named)
