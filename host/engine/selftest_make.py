#!/usr/bin/python3
"""Writes selftest_cases.inc: known answers for frank_selftest_run.

The hashes come from hashlib. The state before block 0 of the cases with constant blocks in front
needs the inner state of SHA-256, which hashlib does not give; it is computed here and proved right
by hashing on to the end and comparing with hashlib.

    ./selftest_make.py > selftest_cases.inc       writes it
    ./selftest_make.py --check selftest_cases.inc exits 1 when the file is not what this writes
"""
import hashlib
import struct
import sys

COUNT = 192  # counters of an ordinary case


def primes(count):
    found = []
    n = 2
    while len(found) < count:
        if all(n % p for p in found):
            found.append(n)
        n += 1
    return found


def root_fraction(n, degree):
    """The first 32 bits of the fraction of the degree-th root of n, in integers."""
    shifted = n << (32 * degree)
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree <= shifted:
            low = middle
        else:
            high = middle
    return low & 0xFFFFFFFF


K = [root_fraction(p, 3) for p in primes(64)]
H = [root_fraction(p, 2) for p in primes(8)]


def compress(state, block):
    def rotr(x, n):
        return (x >> n | x << (32 - n)) & 0xFFFFFFFF

    w = list(struct.unpack(">16I", block))
    for t in range(16, 64):
        s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3
        s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10
        w.append((w[t - 16] + s0 + w[t - 7] + s1) & 0xFFFFFFFF)
    a, b, c, d, e, f, g, h = state
    for t in range(64):
        big1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)
        t1 = h + big1 + (e & f ^ ~e & g) + K[t] + w[t]
        big0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)
        t2 = big0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & 0xFFFFFFFF, a, b, c, (d + t1) & 0xFFFFFFFF, e, f, g
    return [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e, f, g, h))]


def text(seed, length):
    """The letters that selftest.c makes, too."""
    return bytes(ord("A") + (seed * 7 + i * 11 + i // 26) % 26 for i in range(length))


def make_case(blocks, counter_word, first, count, prefix_blocks=0, used_bytes=None):
    """used_bytes: message bytes from block 0 on; by default the last block is filled up."""
    if used_bytes is None:
        used_bytes = blocks * 64 - 9
    seed = blocks + counter_word
    prefix = text(seed + 1, prefix_blocks * 64)
    state = list(H)
    for i in range(prefix_blocks):
        state = compress(state, prefix[i * 64 : i * 64 + 64])
    body = text(seed, used_bytes)
    words = {}
    for counter in range(first, first + count):
        digits = b"%08x" % counter
        at = counter_word * 4
        message = body[:at] + digits + body[at + 8 :]
        digest = hashlib.sha256(prefix + message).digest()
        words[counter] = struct.unpack(">I", digest[:4])[0]
    # The state was computed here: prove it by finishing one hash from it.
    total = prefix_blocks * 64 + used_bytes
    padded = message + b"\x80" + bytes(-(used_bytes + 9) % 64) + struct.pack(">Q", total * 8)
    assert len(padded) == blocks * 64, (len(padded), blocks)
    end = list(state)
    for i in range(blocks):
        end = compress(end, padded[i * 64 : i * 64 + 64])
    assert struct.pack(">8I", *end) == digest
    lowest = sorted(words, key=words.get)[:3]
    return {
        "blocks": blocks,
        "word": counter_word,
        "used": used_bytes,
        "before": prefix_blocks * 64,
        "init": state,
        "first": first,
        "count": count,
        "bound": words[lowest[-1]],
        "hits": lowest,
    }


def cases():
    top = 1 << 32
    # The shapes of real keys, at the first counters: Ed25519, RSA-1024, -2048, -3072, -4096.
    for blocks, word in ((2, 5), (3, 0), (6, 5), (9, 8), (11, 0)):
        yield make_case(blocks, word, 0, COUNT)
    # One block, and the longest that a plan can have.
    yield make_case(1, 0, 0, COUNT)
    yield make_case(1, 10, 0, COUNT, used_bytes=50)
    yield make_case(33, 5, 0, COUNT)
    # Every place of the counter; its digits' carries; a last block that is nearly empty.
    for word in range(15):
        yield make_case(2, word, (0x0FFFFF40 + word * 0x10000000) % top, COUNT, used_bytes=64 + 3 * word)
    yield make_case(2, 5, 0x0000FF80, COUNT)
    yield make_case(2, 5, 0x99999940, COUNT)
    yield make_case(2, 5, 0x00FFFF80, COUNT)
    # The last counters, one by one and as the end of a range.
    yield make_case(2, 5, top - COUNT, COUNT)
    yield make_case(3, 0, top - COUNT, COUNT)
    yield make_case(2, 5, top - 1, 1)
    yield make_case(2, 5, 0, 1)
    yield make_case(2, 5, 12345, 37)
    yield make_case(2, 5, top - 33, 33)
    # Constant blocks in front: another state than SHA-256's.
    yield make_case(2, 3, 0, COUNT, prefix_blocks=1)
    yield make_case(1, 8, 0xFFF0, COUNT, prefix_blocks=5)


def render():
    lines = [
        "/*",
        " * selftest_cases: known answers, written by selftest_make.py. Do not edit.",
        " *",
        " * Each: blocks, counter word, message bytes from block 0 on, constant bytes before them,",
        " * state before block 0, first counter, count, bound, and the counters whose first hash word",
        " * is at or below it; the last of them is at the bound exactly.",
        " */",
        "/* clang-format off */",
    ]
    for case in cases():
        init = ", ".join("0x%08x" % x for x in case["init"])
        hits = ", ".join("0x%08x" % x for x in case["hits"])
        lines.append(
            "{%d, %d, %d, %d, {%s},\n 0x%08xU, %d, 0x%08xU, %d, {%s}},"
            % (
                case["blocks"],
                case["word"],
                case["used"],
                case["before"],
                init,
                case["first"],
                case["count"],
                case["bound"],
                len(case["hits"]),
                hits,
            )
        )
    lines.append("/* clang-format on */")
    return "\n".join(lines) + "\n"


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--check":
        with open(arguments[1], encoding="ascii") as file:
            if file.read() != render():
                print("%s is not what selftest_make.py writes" % arguments[1])
                return 1
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    sys.stdout.write(render())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
