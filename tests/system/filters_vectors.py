"""The pure parts of the filters for rspamd (Lua) and SpamAssassin (Perl) give every known answer, agree
with exact integers and with each other, and bear what a stranger may send. They run by themselves:
no filter is needed.

    filters_vectors.py lua|perl
"""

import hashlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time

from cli_support import frank
from harness import Skip, run

SOURCE = os.environ["FRANK_SOURCE"]
HERE = os.path.dirname(os.path.abspath(__file__))
PROBES = {
    "lua": ("luajit", "luajit", "filters_probe.lua", "rspamd"),
    "perl": ("perl", "perl", "filters_probe.pl", "spamassassin"),
}
FACTOR_MAX = 2**53 - 1


def ask(questions):
    """The probe's answers to [(verb, field...)], fields texts or bytes."""
    name, package, probe, folder = PROBES[sys.argv[1]]
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not here (Debian package {package})")
    lines = ["\t".join((field if isinstance(field, bytes) else str(field).encode()).hex()
                       for field in question) for question in questions]
    done = subprocess.run([path, os.path.join(HERE, probe),
                           os.path.join(SOURCE, "host", "mail", folder)],
                          input="\n".join(lines) + "\n", capture_output=True, text=True,
                          timeout=200, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    answers = done.stdout.splitlines()
    assert len(answers) == len(questions), (len(answers), len(questions))
    return answers


def check(cases):
    """cases: [(question, expected answer)]."""
    cases = list(cases)
    for (question, expected), answer in zip(cases, ask([question for question, _ in cases])):
        assert answer == expected, (question, "expected", expected, "got", answer)


def vectors():
    with open(os.path.join(SOURCE, "tests", "vectors", "msmr_v1.json"), encoding="utf-8") as file:
        return json.load(file)


def signature(b, a="rsa-sha256", more=""):
    return f" v=1; a={a}; d=example.com; s=one;\r\n h=from:to;{more} bh=AAAA;\r\n b={b}"


def hash_vectors():
    cases = vectors()["hash"]
    assert len(cases) >= 70
    check([(("hash", case["n"], case["b"]), case["h"]) for case in cases])
    check([(("judge", 1, 1, f"v=1; a=rsa-sha256; n={case['n']}; h={case['h']}",
             signature(case["b"])), "pass") for case in cases])


def exact_arithmetic():
    cases = vectors()["meets"]
    assert len(cases) >= 14
    questions = [(("meets", case["h"], case["factor"]), str(case["meets"]).lower())
                 for case in cases]
    for h_bit in range(256):  # products of one bit, so that each limb of the result counts alone
        for factor_bit in range(h_bit % 5, 53, 5):
            questions.append((("meets", f"{1 << h_bit:064x}", 1 << factor_bit),
                              str(h_bit + factor_bit < 256).lower()))
    seed = int(os.environ.get("FRANK_SEED", time.time_ns() & 0xffffffff))
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(1500):  # at the edge, and anywhere
        factor = chance.randrange(1, 1 << chance.randrange(1, 54))
        for number in (2**256 // factor + chance.randrange(-1, 2), chance.getrandbits(256),
                       chance.getrandbits(chance.randrange(1, 257))):
            if 0 <= number < 2**256:
                questions.append((("meets", f"{number:064x}", factor),
                                  str(number * factor < 2**256).lower()))
    check(questions)


def header_vectors():
    cases = vectors()["header"]
    assert len(cases) >= 18
    check([(("judge", case.get("factor", 1), 1, value, signature(case["b"])), case["result"])
           for case in cases for value in (case["value"], case["value"].replace("\r\n", "\n"))])


def message_vectors():
    cases = vectors()["message"]
    assert len(cases) >= 12
    check([(("judge", case["factor"], len(case["msmr_keys"]), *case["msmr_keys"],
             *(signature(s["b"], s["a"]) for s in case["signatures"])), case["result"])
           for case in cases])


def mined_vectors():
    cases = []
    for case in vectors()["mined"]:
        limit = (2**256 - 1) // int(case["h"], 16)
        key = f"v=1; a={case['a']}; n={case['n']};\r\n\th={case['h']}"
        for factor, result in ((case["factor"], "pass"), (limit, "pass"), (limit + 1, "policy"),
                               (0, "temperror")):
            if factor <= FACTOR_MAX:
                cases.append((("judge", factor, 1, key, signature(case["b"], case["a"])), result))
    assert len(cases) >= 20
    check(cases)
    for case, bits in zip(vectors()["mined"],
                          ask([("bits", case["h"]) for case in vectors()["mined"]])):
        assert abs(int(case["h"], 16) * 2.0**(float(bits) - 256) - 1) < 1e-4, (case, bits)


def what_is_looked_at_is_bounded():
    b = ["Zm9v" + f"{i:04d}" for i in range(100)]
    def key(text):
        return f"v=1; a=rsa-sha256; n=1; h={hashlib.sha256(b'1' + text.encode()).hexdigest()}"
    check([
        (("judge", 1, 1, key(b[7]), *map(signature, b)), "pass"),
        (("judge", 1, 1, key(b[8]), *map(signature, b)), "fail"),
        (("judge", 1, 8, *["junk"] * 7, key(b[0]), signature(b[0])), "pass"),
        (("judge", 1, 9, *["junk"] * 8, key(b[0]), signature(b[0])), "permerror"),
        # Signatures that are not usable take nobody's place.
        (("judge", 1, 1, key(b[0]), *[signature("Zm9=")] * 20, signature(b[0])), "pass"),
        (("judge", 1, 1, key(b[0]), signature(b[0], more=" b=Zm9v;")), "fail"),
        *((("judge", 1, 1, key(text), signature(text)), "fail")
          for text in ("AAAAA===", "====", "AA=A", "AAA", "A", "AB==", "AAB=", "AA-_")),
        *((("judge", 1, 1, key(text), signature(text)), "pass")
          for text in ("AAAA", "AA==", "AAA=", "ab+/", "A" * 2048)),
        (("judge", 1, 1, key("A" * 2052), signature("A" * 2052)), "fail"),
        (("judge", 1, 1, key(b[0]), signature(b[0]).replace("v=1", "v=2")), "fail"),
    ])


def strangers_texts():
    good = f"n=1f; h={'0' * 64}"
    deep = "[" * 5000
    start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    check([(("judge", 1, 1, text, signature("Zm9v")), expected) for text, expected in (
        (b"\x00", "permerror"), (b"v=1;\x00", "permerror"), (b"v=\xff", "permerror"),
        (b"v=1\x0b; a=rsa-sha256; " + good.encode(), "permerror"),
        ("v=1; a=rsa-sha256;; " + good, "permerror"), (";", "permerror"), ("=", "permerror"),
        ("v=1; 1=a", "permerror"), ("v=1; a=RSA-SHA256; " + good, "neutral"),
        ("V=1; a=rsa-sha256; " + good, "permerror"),
        ("v=1; a=rsa-sha256; n=1f h=" + "0" * 63, "permerror"),
        ("v=1; a=rsa-sha256; n=1f h=" + "0" * 64 + "; h=" + "0" * 64, "permerror"),
        (" " * 60000 + "v=1; a=rsa-sha256; " + good, "fail"),
        ("v=1; x=a" + " " * 60000 + "b; a=rsa-sha256; " + good, "fail"),
        ("x" * 60000, "permerror"), ("v=" + "\t " * 30000, "neutral"),
        ("v=1; a=rsa-sha256; n=" + "f" * 60000, "permerror"),
        ("; ".join(f"t{i}=1" for i in range(60)) + "; v=1; a=rsa-sha256; " + good, "fail"),
        ("; ".join(f"t{i}=1" for i in range(61)) + "; v=1; a=rsa-sha256; " + good, "permerror"),
    )] + [(("factor", 1000, 7, text), "7 - false config") for text in (
        "", " ", "-1", "0", "1.5", "1e3", "16M", "9007199254740992", "1" * 400, "{", "{}", "null",
        deep, '{"v":1,"x":' + deep, '{"v":' + '{"v":' * 3000, '"' * 9000, "{" + " " * 20000 + "}",
        b"\x00", b"\xff\xfe", '.include "/etc/passwd"', '{".include": "/etc/passwd"}')])
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start < 30, "quadratic?"


DOCUMENT = {"v": 1, "issuer": "authority.example", "kind": "authority", "epoch": 412,
            "issued": 1000, "expires": 5000, "factor": 2000,
            "previous": {"epoch": 411, "factor": 1500, "until": 3000}}


def document(**members):
    made = {**DOCUMENT, **members}
    return json.dumps({name: value for name, value in made.items() if value is not None})


def factors_and_documents():
    now, config = "2000 1500 false authority.example#412", "7 - false config"
    check([(("factor", at, 7, *texts), expected) for at, texts, expected in (
        (1000, (), config),
        (1000, (" 16777216\n",), "16777216 - false file"),
        (1000, (str(FACTOR_MAX),), f"{FACTOR_MAX} - false file"),
        (2000, (document(),), now),
        (2999, (document(),), now),
        (3000, (document(),), "2000 - false authority.example#412"),
        (4999, (document(),), "2000 - false authority.example#412"),
        (5000, (document(),), config),
        (699, (document(),), config), (700, (document(),), now),  # issued 300 s ahead
        (2000, (document(mode="testing"),), now.replace("false", "true")),
        (2000, (document(mode="other", x=[1, {"y": "\\\" }"}], z=None),), now),
        (2000, (document(previous=None),), "2000 - false authority.example#412"),
        # Wrong members: what was known before goes on.
        *((2000, (document(), document(epoch=413, factor=9, **wrong)), now) for wrong in (
            {"v": 2}, {"v": "1"}, {"v": None}, {"issuer": ""}, {"issuer": "a b"}, {"issuer": 1},
            {"issuer": "x" * 79}, {"issuer": "a#b"}, {"kind": "other"}, {"kind": None},
            {"mode": 1}, {"mode": ["testing"]}, {"issued": -1}, {"issued": 6000},
            {"expires": 1000}, {"expires": "5000"}, {"expires": None}, {"previous": 1},
            {"previous": {}}, {"previous": {"epoch": 413, "factor": 1, "until": 1}},
            {"previous": {"epoch": 1, "factor": 0, "until": 1}},
            {"previous": {"epoch": 1, "factor": "1", "until": 1}},
            {"issuer": "other.example"})),
        *((2000, (document(), document(epoch=413, factor=wrong)), now)
          for wrong in (0, -5, 1.5, 2**53, "9", True, [9], {"9": 9}, 1e3, 1e300)),
        *((2000, (document(), document(epoch=wrong)), now)
          for wrong in (411, 0, -1, 1.5, "413", True)),
        (2000, (document(), document(epoch=410, previous=None)), now),
        (2000, (document(), document(factor=9)), now),
        (2000, (document(), document(epoch=413).replace("2000", "1e3")), now),
        (2000, (document(), document(epoch=413).replace("2000", "09")), now),
        (2000, (document(), "junk"), now), (2000, (document(), document() + "x"), now),
        (2000, (document(), document(epoch=413, factor=9)),
         "9 1500 false authority.example#413"),
        # A number is the operator's word. Once a document has expired nothing binds to it.
        (2000, (document(), "9"), "9 - false file"),
        (6000, (document(), document(issuer="b.example", epoch=1, expires=7000, previous=None)),
         "2000 - false b.example#1"))])
    check([(("factor", 1000, 0), "none")])


def record(more=(), **members):
    """What `frank factor --json` prints."""
    source = {"name": "x", "in_force": True, "issuer": "authority.example", "epoch": 412,
              "published_as": "authority", "issued": 1000, "expires": 5000, "factor": 2000,
              "previous_factor": 1500, "previous_until": 3000, "testing": False, **members}
    return json.dumps({"factor": 2000, "source": "authority.example#412", "expires": 5000,
                       "sources": [{"name": "y", "in_force": False, "factor": 3}, source],
                       **dict(more)})


def records_of_the_command():
    check([(("factor", at, 7, text), expected) for at, text, expected in (
        (2000, record(), "2000 1500 false authority.example#412"),
        (3000, record(), "2000 - false authority.example#412"),
        (2000, record(previous_factor=None, previous_until=None),
         "2000 - false authority.example#412"),
        (2000, record(testing=True), "2000 1500 true authority.example#412"),
        (5000, record(), "7 - false config"),
        # A source that is no document.
        (2000, record(epoch=None, more={"source": "dns:example.org"}),
         "2000 - false dns:example.org"),
        (2000, record(in_force=False, more={"source": "floor"}), "2000 - false floor"),
        (2000, record(epoch=None, more={"source": "a b"}), "7 - false config"),
        (2000, record(epoch=None, more={"factor": 0}), "7 - false config"),
        (2000, record(expires=1000), "7 - false config"),
        (2000, record(issuer=None), "7 - false config"),
        (2000, record(previous_factor=0), "7 - false config"),
    )])


def ages_and_addresses():
    day = 86400
    check([(("age", 100 * day, signature("Zm9v", more=more)), expected) for more, expected in (
        ("", "ok"), (f" t={72 * day};", "ok"), (f" t={72 * day - 1};", "signed more than 28 days ago"),
        (f" t={100 * day + 3600};", "ok"),
        (f" t={100 * day + 3601};", "signed more than an hour ahead"),
        (f" x={100 * day};", "ok"), (f" x={100 * day - 1};", "the signature has expired"),
        (f" x={'9' * 80};", "ok"), (f" t={'9' * 80};", "signed more than an hour ahead"),
        (" t=junk;", "ok"))])
    check([(("match", address, pattern), str(expected).lower()) for address, pattern, expected in (
        ("a@x.example", "a@x.example", True), ("a@x.example", "A@X.example", True),
        ("b@x.example", "a@x.example", False), ("a@x.example", "x.example", True),
        ("a@x.example", "@x.example", True), ("a@x.example", "*.example", True),
        ("a@example", "*.example", False), ("a@xexample", "*.example", False),
        ("a@x.example.org", "x.example", False), ("a@y.x.example", "x.example", False))])


SPICE = b" \t;=\n\x0b\x00\xff:abhnv0129Aa+/"
SCRAPS = [b"; ", b";;", b" \n\t", b"\n ", b" h=", b"; n=1", b"; x=", b"v=1;"]


def spoil(chance, text):
    """A field's value with some bytes changed; line ends stay folds."""
    made = bytearray(text.encode())
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        at = chance.randrange(len(made))
        kind = chance.randrange(5)
        if kind == 0:
            made[at] = chance.choice(SPICE)
        elif kind == 1:
            made.insert(at, chance.choice(SPICE))
        elif kind == 2:
            del made[at:at + chance.randrange(1, 8)]
        elif kind == 3:
            made[at:at] = chance.choice(SCRAPS)
        else:
            made[at:at] = made[:chance.randrange(12)]
    return re.sub(rb"\n(?![ \t])", b" ", bytes(made))


def spoilt_fields_are_judged_as_frank_does():
    seed = int(os.environ.get("FRANK_SEED", time.time_ns() & 0xffffffff))
    print(f"seed {seed}")
    chance = random.Random(seed)
    questions, answers = [], []
    for i in range(150):
        case = chance.choice(vectors()["mined"])
        key = (f"v=1; a={case['a']}; n={case['n']}" + chance.choice([";\n\t", "\n\t", "; "]) +
               f"h={case['h']}")
        field = signature(case["b"], case["a"]).replace("\r\n", "\n")
        keys = [spoil(chance, key) for _ in range(chance.choice([1, 1, 2]))]
        signatures = [spoil(chance, field) for _ in range(chance.choice([1, 1, 2]))]
        factor = chance.choice([1, case["factor"], FACTOR_MAX])
        if i < 2:  # pass and policy are rare among those that are spoilt
            keys, signatures, factor = [key.encode()], [field.encode()], (1, FACTOR_MAX)[i]
        message = b"".join([b"MSMR-Key:" + key + b"\n" for key in keys] +
                           [b"DKIM-Signature:" + one + b"\n" for one in signatures] +
                           [b"From: a@b.example\n\nHi\n"])
        done = frank("verify", "--factor", str(factor), "--json", stdin=message)
        questions.append(("judge", factor, len(keys), *keys, *signatures))
        answers.append(json.loads(done.stdout)["result"])
    assert len(set(answers)) >= 4, answers
    check(zip(questions, answers))


if __name__ == "__main__":
    run(hash_vectors, exact_arithmetic, header_vectors, message_vectors, mined_vectors,
        what_is_looked_at_is_bounded, strangers_texts, factors_and_documents, records_of_the_command,
        ages_and_addresses, spoilt_fields_are_judged_as_frank_does)
