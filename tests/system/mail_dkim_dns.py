"""Keys from DNS: Debian's nsd, and servers that count, keep silent, fail, lie, or talk by TCP in a
way that no server should. What is not known in time is temperror, and the limit holds.
"""

import os
import socket
import struct
import subprocess
import sys
import threading

from dns_server import Junk, Nsd, Relay, Silent, UdpServer, exchange, txt
from harness import Skip, free_port, one_try_passes, run
from mail_dkim_support import MESSAGE, Keys, print_dkim, read_print, sign, write

PASS, FAIL, LATER = "pass", "fail", "temperror"
ZONE = "sender.example"


def verify(keys, messages, *servers, limit_ms=60000):
    """[{"results", "ms"}] of the messages. limit_ms: a minute, the longest there is, where a test
    is not about it."""
    args = [word for server in servers for word in ("--server", server)]
    done = print_dkim(*args, "--limit", str(limit_ms), *write(keys, messages))
    assert done.returncode == 0 and not done.stderr, done
    return read_print(done.stdout)


def one(keys, message, *servers, **more):
    return verify(keys, [message], *servers, **more)[0]["results"][0]


def zone_of(keys):
    """The keys as a zone: in strings of 255 bytes, and some that are otherwise."""
    lines = []
    for name, text in keys.records.items():
        if name.endswith("." + ZONE):
            strings = [text[i:i + 255] for i in range(0, len(text), 255)]
            lines.append(f"{name}. {txt(*strings)}")
    plain = keys.records[f"rsa2048._domainkey.{ZONE}"]
    bits = [plain[i:i + 7] for i in range(0, len(plain), 7)]
    lines += [f"bits._domainkey {txt(*bits)}", f"bits2._domainkey {txt('', *bits, '')}",
              "alias._domainkey CNAME alias2._domainkey", "alias2._domainkey CNAME rsa2048._domainkey",
              "loop._domainkey CNAME pool._domainkey", "pool._domainkey CNAME loop._domainkey",
              "dangling._domainkey CNAME nothing._domainkey",
              f"two._domainkey {txt(plain[:200], plain[200:])}", f"two._domainkey {txt('v=spf1')}",
              "address._domainkey A 127.0.0.1", f"empty._domainkey {txt('')}",
              f"long._domainkey {txt(*(['x' * 255] * 5))}",
              f"padded._domainkey {txt(*(plain[i:i + 255] for i in range(0, len(plain), 255)))}",
              r'nul._domainkey TXT "v=DKIM1\000; k=rsa"']
    chain = [f"c{i}._domainkey CNAME c{i + 1}._domainkey" for i in range(12)]
    return "\n".join(lines + chain + [f"c12._domainkey {txt(plain[:200], plain[200:])}"])


def signed_as(keys, selector):
    keys.private.setdefault(selector, keys.private["rsa2048"])
    return sign(MESSAGE, keys, selector)


def records_as_they_stand_in_dns():
    with Keys() as keys, Nsd({ZONE: zone_of(keys)}) as nsd:
        rows = [("rsa2048", PASS, ""), ("ed", PASS, ""), ("rsa4096", PASS, ""), ("bits", PASS, ""),
                ("bits2", PASS, ""), ("alias", PASS, ""), ("c4", PASS, ""),
                ("c3", FAIL, "no key"),  # a chain of nine
                ("loop", FAIL, "no key"), ("dangling", FAIL, "no key"), ("two", FAIL, "more than"),
                ("address", FAIL, "no key"), ("empty", FAIL, "empty"), ("long", FAIL, "1024"),
                ("nul", FAIL, "NUL"), ("absent", FAIL, "no key"), ("revoked", FAIL, "revoked"),
                ("RSA2048", PASS, "")]
        got = verify(keys, [signed_as(keys, selector) for selector, _, _ in rows], nsd.address)
        for (selector, wanted, word), said in zip(rows, got):
            result, why = said["results"][0]
            assert result == wanted and word in why, (selector, said)
        assert one(keys, sign(MESSAGE, keys, "rsa2048", domain="elsewhere.example"),
                   nsd.address)[0] == LATER  # nsd REFUSES other zones


def names_are_asked_once_and_eight_at_most():
    with Keys() as keys, Nsd({ZONE: zone_of(keys)}) as nsd:
        good = sign(MESSAGE, keys, "rsa2048", alone=True)
        with Relay(nsd) as relay:
            said = verify(keys, [good * 500 + MESSAGE], relay.address)[0]["results"]
            # A relay that is slow is asked again every 0.6 s.
            assert said == [(PASS, "")] * 8 and len(relay.asked) < 8, (said, relay.asked)
        head = b""
        for i in range(500):
            keys.private[f"s{i}"] = keys.private["ed"]
            head += sign(MESSAGE, keys, f"s{i}", alone=True)
        with Relay(nsd) as relay:
            said = verify(keys, [head + MESSAGE], relay.address)[0]["results"]
            assert [result for result, _ in said] == [FAIL] * 8, said
            assert list(dict.fromkeys(relay.asked)) == \
                [f"s{i}._domainkey.{ZONE}" for i in range(8)], relay.asked


def silence_is_temperror_within_the_limit():
    """Of all look-ups of a message: eight names at a silent server take no longer than one."""
    with Keys() as keys, Silent() as silent, Silent() as other:
        head = b""
        for i in range(8):
            keys.private[f"s{i}"] = keys.private["ed"]
            head += sign(MESSAGE, keys, f"s{i}", alone=True)

        def within_the_limit(_):
            said = verify(keys, [head + MESSAGE], silent.address, other.address, limit_ms=1000)[0]
            assert [result for result, _ in said["results"]] == [LATER] * 8, said
            assert all("in time" in why for _, why in said["results"]), said
            assert 1000 <= said["ms"] < 8000, said
            assert silent.asked and other.asked, "each server is asked"

        one_try_passes(3, within_the_limit)


def another_server_is_asked():
    with Keys() as keys, Nsd({ZONE: zone_of(keys)}) as nsd, Silent() as silent, \
            Nsd({ZONE: ""}, broken=[ZONE]) as broken:
        message = sign(MESSAGE, keys, "rsa2048")
        assert one(keys, message, silent.address, nsd.address) == (PASS, "")
        assert one(keys, message, broken.address, nsd.address) == (PASS, "")
        assert one(keys, message, "127.0.0.1@1", nsd.address) == (PASS, "")
        assert one(keys, message, "::1@1", silent.address, nsd.address) == (PASS, "")
        result, why = one(keys, message, broken.address)
        assert result == LATER and "fails" in why, why
        result, why = one(keys, message, "127.0.0.1@1")
        assert result == LATER and "reached" in why, why
        with Relay(nsd, delay_s=0.9) as slow:  # asked again meanwhile; the first answer counts
            assert one(keys, message, slow.address) == (PASS, "")


def one_signature_of_two_can_be_known():
    """The key of the first cannot be had; the second is good all the same, and the other way
    round."""
    with Keys() as keys, Nsd({ZONE: zone_of(keys)}) as nsd:
        bad = sign(MESSAGE, keys, "rsa2048", domain="elsewhere.example", alone=True)
        good = sign(MESSAGE, keys, "ed", alone=True)
        got = verify(keys, [bad + good + MESSAGE, good + bad + MESSAGE], nsd.address)
        assert [result for result, _ in got[0]["results"]] == [LATER, PASS], got
        assert [result for result, _ in got[1]["results"]] == [PASS, LATER], got


def framed(connection):
    """A message by TCP, with its length in front."""
    data = b""
    while len(data) < 2 or len(data) < 2 + struct.unpack(">H", data[:2])[0]:
        part = connection.recv(65537)
        if not part:
            raise ConnectionError("closed in the middle")
        data += part
    return data


class Tcp:
    """A server by UDP that says TC, and by TCP what `talk` does with each connection."""

    def __init__(self, nsd, talk):
        self.nsd = nsd
        self.talk = talk
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = free_port()  # for both
        self.tcp.bind(("127.0.0.1", self.port))
        self.udp.bind(("127.0.0.1", self.port))
        self.tcp.listen(8)
        self.udp.settimeout(0.1)
        self.tcp.settimeout(0.1)
        self.address = f"127.0.0.1@{self.port}"
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=job, daemon=True)
                        for job in (self._by_udp, self._by_tcp)]
        for thread in self.threads:
            thread.start()

    def _by_udp(self):
        while not self.stop.is_set():
            try:
                message, peer = self.udp.recvfrom(4096)
            except OSError:
                continue
            at = message.index(b"\0", 12) + 5
            reply = bytearray(message[:at])
            reply[2] |= 0x82  # an answer, truncated
            reply[4:12] = b"\0\1\0\0\0\0\0\0"
            self.udp.sendto(bytes(reply), peer)

    def _by_tcp(self):
        while not self.stop.is_set():
            try:
                peer, _ = self.tcp.accept()
            except OSError:
                continue
            with peer:
                peer.settimeout(60)
                try:
                    self.talk(self, peer)
                except OSError:
                    pass

    def real(self, peer):
        """What nsd answers by TCP, with its length in front."""
        query = framed(peer)
        with socket.create_connection(("127.0.0.1", self.nsd.port), 60) as upstream:
            upstream.sendall(query)
            return framed(upstream)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop.set()
        for thread in self.threads:
            thread.join(70)
        self.tcp.close()
        self.udp.close()


def whole(server, peer):
    peer.sendall(server.real(peer))


def in_bytes(server, peer):
    for byte in server.real(peer):
        peer.sendall(bytes([byte]))


def nothing(server, peer):
    server.real(peer)
    server.stop.wait()


def half(server, peer):
    answer = server.real(peer)
    peer.sendall(answer[:len(answer) // 2])


def closed(server, peer):
    del server, peer


def too_much(server, peer):
    server.real(peer)
    peer.sendall(b"\xff\xff" + b"x" * 65535)


def of_another(server, peer):
    answer = bytearray(server.real(peer))
    answer[2] ^= 1  # the id
    peer.sendall(bytes(answer))


def cut_again(server, peer):
    answer = bytearray(server.real(peer))
    answer[4] |= 2
    peer.sendall(bytes(answer))


def answers_by_tcp():
    with Keys() as keys, Nsd({ZONE: zone_of(keys)}) as nsd:
        message = sign(MESSAGE, keys, "rsa4096")
        for talk, wanted in ((whole, PASS), (in_bytes, PASS), (nothing, LATER), (half, LATER),
                             (closed, LATER), (too_much, LATER), (of_another, LATER),
                             (cut_again, LATER)):
            with Tcp(nsd, talk) as server:
                def is_answered(_, server=server, talk=talk, wanted=wanted):
                    limit_ms = 60000 if wanted == PASS else 1500
                    said = verify(keys, [message], server.address, limit_ms=limit_ms)[0]
                    assert said["results"][0][0] == wanted, (talk.__name__, said)
                    # Of the limit of a minute the machine may take what it likes.
                    assert wanted == PASS or said["ms"] < 9000, (talk.__name__, said)

                one_try_passes(3, is_answered)


class Old(UdpServer):
    """Knows no EDNS: FORMERR where there is an additional record."""

    def __init__(self, nsd):
        self.nsd = nsd
        super().__init__()

    def react(self, message):
        if message[10:12] != b"\0\0":
            at = message.index(b"\0", 12) + 5
            reply = bytearray(message[:at])
            reply[2] |= 0x80
            reply[3] = 1
            reply[4:12] = b"\0\1\0\0\0\0\0\0"
            return [bytes(reply)]
        real = exchange(message, self.nsd.port)
        return [real] if real is not None else []


class Guesser(UdpServer):
    """First sends what somebody sends who has not seen the question; then the truth."""

    def __init__(self, nsd):
        self.nsd = nsd
        super().__init__()

    def react(self, message):
        real = exchange(message, self.nsd.port)
        if real is None:
            return []
        guess = bytearray(real)
        guess[3] = (guess[3] & 0xf0) | 3  # NXDOMAIN
        other_id, other_name, question = bytearray(guess), bytearray(guess), bytearray(guess)
        other_id[0] ^= 1
        other_name[13] ^= 1
        question[2] &= 0x7f
        return [bytes(other_id), bytes(other_name), bytes(question), b"", b"\0" * 11, real]


def odd_servers():
    with Keys() as keys, Nsd({ZONE: zone_of(keys)}) as nsd:
        with Old(nsd) as old:
            assert one(keys, sign(MESSAGE, keys, "rsa1024"), old.address) == (PASS, "")
            # 2048 bits do not fit into 512 bytes with the rest: TC, and Old has no TCP
            assert one(keys, sign(MESSAGE, keys, "rsa4096"), old.address)[0] == LATER
        with Guesser(nsd) as guesser:
            assert one(keys, sign(MESSAGE, keys, "rsa2048"), guesser.address) == (PASS, "")


INSIDE = """
ip link set lo up && mount --bind "$1" /etc/resolv.conf || exit 77
shift
exec "$@"
"""


def the_systems_servers_are_asked():
    """Where none is named: those of /etc/resolv.conf, in a network and with a file of its own. The
    first of them keeps silent."""
    with Keys() as keys:
        path = os.path.join(keys.folder, "resolv.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("nameserver 127.0.0.2\nnameserver ::1\nnameserver 127.0.0.1\n"
                       "options timeout:30\n")
        message = sign(MESSAGE, keys, "rsa2048")
        keys.zone = zone_of(keys)
        if os.geteuid() != 0 or subprocess.run(["unshare", "-nm", "true"], capture_output=True,
                                               check=False).returncode != 0:
            raise Skip("no network of one's own can be made here (root, unshare)")
        script = ("import sys; sys.path.insert(0, sys.argv[1]); import mail_dkim_dns as tests; "
                  "tests.inside(sys.argv[2], sys.argv[3])")
        zone, eml = os.path.join(keys.folder, "zone"), write(keys, [message])[0]
        with open(zone, "w", encoding="ascii") as file:
            file.write(keys.zone)
        done = subprocess.run(["unshare", "-nm", "sh", "-c", INSIDE, "sh", path, sys.executable, "-c",
                               script, os.path.dirname(os.path.abspath(__file__)), zone, eml],
                              capture_output=True, text=True, timeout=200, check=False)
        if done.returncode == 77:
            raise Skip(f"no network of one's own can be made here: {done.stderr}")
        assert done.returncode == 0 and done.stdout == "pass\n", done


def inside(zone, eml):
    """The part of it that runs in the new network."""
    with open(zone, encoding="ascii") as file, Nsd({ZONE: file.read()}, port=53):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.2", 53))
            done = print_dkim("--limit", "60000", eml)
            assert done.returncode == 0, done
            print(read_print(done.stdout)[0]["results"][0][0])
            silent.setblocking(False)
            assert silent.recv(512), "the first server is asked first"


def junk_harms_nothing():
    scale = int(os.environ.get("FRANK_TEST_SCALE", "1"))
    seed = int(os.environ.get("FRANK_SEED", "7"))
    counts = {}
    with Keys() as keys, Nsd({ZONE: zone_of(keys)}) as nsd, Junk(seed, nsd) as junk:
        message = sign(MESSAGE, keys, "rsa2048")
        for _ in range(10):  # where the machine stands still all of them are too late
            for one_of in verify(keys, [message] * (30 * scale), junk.address, limit_ms=300):
                result = one_of["results"][0][0]
                counts[result] = counts.get(result, 0) + 1
            if len(counts) > 1:
                break
    print(f"      seed {seed}: {counts}")
    assert set(counts) <= {PASS, FAIL, LATER} and len(counts) > 1, counts


def options_that_are_wrong():
    for args, word in ((["--server", "example.org"], "'example.org'"), (["--server", "@53"], "'@53'"),
                       (["--server", "127.0.0.1@0"], "port"), (["--server", "127.0.0.1@65536"], "port"),
                       (["--server", "127.0.0.1@"], "'127.0.0.1@'"),
                       (["--server", "127.0.0.1@x"], "'127.0.0.1@x'"), (["--server", "::1%lo"], "::1"),
                       (["--limit", "60001"], "60001"), (["--server", "::1"] * 5, "more than 4")):
        done = print_dkim(*args)
        assert done.returncode == 2 and word in done.stderr, (args, done)


if __name__ == "__main__":
    run(records_as_they_stand_in_dns, names_are_asked_once_and_eight_at_most,
        silence_is_temperror_within_the_limit, another_server_is_asked,
        one_signature_of_two_can_be_known, answers_by_tcp, odd_servers, the_systems_servers_are_asked,
        junk_harms_nothing, options_that_are_wrong)
