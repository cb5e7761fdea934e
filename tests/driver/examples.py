"""The examples of driver/ do what its README says, and frank-fpga-server what its man page says.

    examples.py READ_ID SEARCH

READ_ID is the program of read_id.c, SEARCH that of driver/examples/search.c.
"""
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys

from harness import kept_port, place_of, program, run

SOURCE = os.environ["FRANK_SOURCE"]
READ_ID, SEARCH = sys.argv[1:3]


class Server:
    """A server that says where it listens; stopped by its process id."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.place = self.process.stdout.readline().strip().removeprefix("listening ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(60)
        self.process.stdout.close()


def ask(*command, timeout=300):
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def python_server():
    path = os.path.join(SOURCE, "driver/examples/bus_server.py")
    with Server("/usr/bin/python3", path, "127.0.0.1:0") as server:
        host, port = server.place.split(":")
        for _ in range(3):
            said = ask(READ_ID, server.place)
            assert said.returncode == 0 and said.stdout == "ID 0x46524e4b\n", said
            # Rubbish between two clients does it no harm.
            with socket.create_connection((host, int(port)), timeout=60) as rubbish:
                rubbish.sendall(os.urandom(100))


def expected_hits():
    text = b"\0" * 120
    return [f"{n:08x}" for n in range(8192) if first_word(f"{n:08x}".encode() + text) <= 0xFFFFF]


K = [int(digits, 16) for digits in re.findall(
    r"0x([0-9a-f]{8})", re.search(r"round_constants\[64\] = \{(.*?)\};",
                                  open(os.path.join(SOURCE, "driver/sha256.c"), encoding="utf-8").read(),
                                  re.S).group(1))]


def first_word(message):
    """Of SHA-256 without padding: hashlib has no such thing, so the rounds are here; that they are
    SHA-256's is checked by hashlib, below."""
    def rotate(x, n):
        return (x >> n | x << (32 - n)) & 0xFFFFFFFF

    state = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
             0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
    for at in range(0, len(message), 64):
        w = [int.from_bytes(message[at + 4 * i:at + 4 * i + 4], "big") for i in range(16)]
        for t in range(16, 64):
            s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3
            s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10
            w.append((w[t - 16] + s0 + w[t - 7] + s1) & 0xFFFFFFFF)
        a, b, c, d, e, f, g, h = state
        for t in range(64):
            s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
            t1 = h + s1 + (e & f ^ ~e & g) + K[t] + w[t]
            s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
            t2 = s0 + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = (t1 + t2) & 0xFFFFFFFF, a, b, c, (d + t1) & 0xFFFFFFFF, e, f, g
        state = [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e, f, g, h))]
    return state[0]


def readme_shows_the_example():
    with open(os.path.join(SOURCE, "driver/README.md"), encoding="utf-8") as file:
        blocks = re.findall(r"```c\n(.*?)```", file.read(), re.S)
    with open(os.path.join(SOURCE, "driver/examples/search.c"), encoding="utf-8") as file:
        assert file.read() in blocks, "README.md shows another search.c"


def our_server():
    server_program = program("frank-fpga-server")
    padded = b"abc\x80" + b"\0" * 58 + b"\0\x18"
    assert first_word(padded) == int.from_bytes(hashlib.sha256(b"abc").digest()[:4], "big")
    with kept_port() as kept:
        place = place_of(kept)
        with Server(server_program, "--listen", place) as server:
            assert server.place == place, server.place
            said = ask(SEARCH, place)
            assert said.returncode == 0, said
            assert re.findall(r"^hit (\w+)$", said.stdout, re.M) == expected_hits(), said
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(60) == 0
        said = ask(SEARCH, place)
        assert said.returncode == 1 and "cannot connect" in said.stderr, said
    for arguments, word in (([], "--listen HOST:PORT is missing"), (["--listen", "nowhere"], "'nowhere'"),
                            (["--listen", "0.0.0.0:0"], "0.0.0.0:0 is not an address of this machine"),
                            (["--listen", "127.0.0.1:0", "--unroll", "3"], "no core with U=3"),
                            (["--listen", "127.0.0.1:0", "--unroll", "x"], "--unroll x"),
                            (["--listen", "127.0.0.1:0", "more"], "'more'")):
        said = ask(server_program, *arguments)
        assert said.returncode == 2 and word in said.stderr, said
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = ask(server_program, "--listen", "127.0.0.1:%d" % taken.getsockname()[1])
        assert said.returncode == 3 and "Address already in use" in said.stderr, said
    with Server(server_program, "--listen", "0.0.0.0:0", "--allow-remote") as server:
        assert server.place.startswith("0.0.0.0:"), server.place


def test():
    readme_shows_the_example()
    python_server()
    our_server()


if __name__ == "__main__":
    run(test)
