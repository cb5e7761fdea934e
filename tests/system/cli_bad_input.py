"""Bad input to `frank`: each row ends with its exit status, within a second or two, with a message
that names the input; with --json the last record says the same."""

import base64
import json
import os
import subprocess
import tempfile

from cli_support import FACTOR_MAX, frank, program, read, run, sample, signatures, soon

B = base64.b64encode(bytes(range(64))).decode()
SIGNATURE = f"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=one; h=from; bh=AAAA; b={B}\n"
MESSAGE = (SIGNATURE + "From: a@example.com\n\nHello.\n").encode()

# (arguments, what the message must name, exit status)
USAGE = [
    ([], "no command", 2),
    (["mnt"], "did you mean mint", 2),
    (["gibberish"], "gibberish", 2),
    (["--bogus"], "--bogus", 2),
    (["help", "mnt"], "did you mean mint", 2),
    (["mint"], "--eml", 2),
    (["mint", "--facter", "5"], "did you mean --factor", 2),
    (["mint", "--b", B, "--zzz"], "--zzz", 2),
    (["mint", "--b", B, "-x"], "-x", 2),
    (["mint", "--b"], "--b wants a value", 2),
    (["mint", "--b", B, "--b", B], "--b is given twice", 2),
    (["mint", "--b", B, "--eml", "x"], "exclude", 2),
    (["mint", "--b", B, "-"], "excludes", 2),
    (["mint", "message.eml"], "--eml message.eml", 2),
    (["mint", "-", "other"], "other", 2),
    (["mint", "--b", B, "--domain", "example.com"], "exclude", 2),
    (["mint", "--b", B, "--tempfail"], "--tempfail", 2),
    (["mint", "--b", B, "--json=yes"], "--json takes no value", 2),
    (["mint", "--b", B, "--factor-url", "example.com"], "--factor-url example.com", 2),
    (["mint", "--b", B, "--connect", "example.com:5555"], "example.com:5555", 2),
    (["mint", "--b", B, "--connect", "tcp://"], "tcp://", 2),
    (["mint", "--b", B, "--connect", "inproc://x"], "inproc://x", 2),
    (["mint", "--b", B] + ["--connect", "ipc:///x"] * 9, "8 at most", 2),
    (["mint", "--b", B, "--keys", "/x"], "--connect", 2),
    (["mint", "--b", B, "--connect", "ipc:///x", "--device", "cpu"], "exclude", 2),
    (["mint", "--b", B, "--to", ""], "--to", 2),
    (["mint", "--b", B, "--to", "a b"], "a b", 2),
    (["mint", "--b", B, "--to", "x" * 400], "xxx", 2),
    (["mint", "--b", B, "--to", b"\xffa@example.org"], "--to", 2),
    (["mint", "--b", B, "--dry-run", "--to", b"\xffa@example.org"], "--to", 2),
    (["mint", "--b", B, "--connect", "ipc:///x", "--to", b"a@\xff.example"], "--to", 2),
    (["mint", "--b", B] + ["--to", "example.org"] * 1001, "1000 in all", 2),
    (["mnt", "--factor", "5"], "did you mean mint", 2),
    (["verify", "--b", B], "--header", 2),
    (["verify", "--header", "v=1"], "--b", 2),
    (["verify", "--b", "!", "--header", "v=1"], "--b", 2),
    (["verify", "file", "--b", B, "--header", "v=1"], "exclude", 2),
    (["keygen"], "folder", 2),
    (["keygen", "/nonexistent/keys"], "/nonexistent", 2),
    (["keygen", "--json", b"/nonexistent/k\xff"], "UTF-8", 2),
    (["status", "--wait", "soon"], "soon", 2),
    (["status", "--wait", "1", "--watch"], "exclude", 2),
    (["status", "extra"], "extra", 2),
    (["status", "--connect", "nonsense"], "nonsense", 2),
    (["factor", "ftp://example.com/factor"], "ftp://example.com/factor", 2),
    (["factor", "a.example", "b.example"], "b.example", 2),
    (["learn", "x"], "--ham or --spam", 2),
    (["learn", "--ham", "--spam", "x"], "exclude each other", 2),
    (["factor", "--state", "/nonexistent"], "--estimate", 2),
    (["factor", "--estimate", "--state", "/nonexistent"], "/nonexistent", 2),
    (["factor", "--estimate", "example.org"], "example.org", 2),
]

FACTORS = ["", "0", "-1", "+1", "1.5", "1e6", "0x10", "abc", " 1", "1 ", str(FACTOR_MAX + 1),
           "18446744073709551617", "9" * 400]
BITS = ["", "-1", "53", "1e1", "nan", "inf", "x", "1.2.3"]
DEADLINES = ["", "0", "0s", "-1s", "2h", "1d", "s", "1e3", "nan", "30 s", "9" * 40]
RECIPIENTS = ['"a b"@example.org', "a@example.org", "example.org", "a@[192.0.2.1]", "A@b-c.Example",
              "\u00fc@b\u00fccher.example", "a@" + ".".join(["b" * 63] * 4)[:255],
              "a" * 308 + "@example.org"]
BAD_RECIPIENTS = ["", "a b", "@example.org", "a@", "a@b c", "a@b..c", "a@.b", "a@b.", "a@" + "b" * 64,
                  "a@b,c", "a\n@example.org", "a" * 309 + "@example.org", b"a@b.example\xff",
                  b"\xc3@b.example", "a@[", "a@[x]", "a@" + "b." * 128 + "c"]
BAD_B = ["", " \t\r\n", "AAA", "A===", "====", "AAAA=", "AAB=", "AA=A", "AA!A", "AAAA\x01AAA", "ÄÄÄÄ",
         "A-_A", "A" * 2052]
ALGORITHMS = ["", "rsa-sha1", "RSA-SHA256", "rsa", "ed25519", "rsa-sha256 "]


def check(args, named, status, stdin=b"", **options):
    done = soon(5, lambda: frank(*args, stdin=stdin, **options))
    assert done.returncode == status, (args, done)
    assert named in done.stderr, (args, named, done.stderr)
    assert done.stderr.count("\n") == 1, (args, done.stderr)
    return done


def check_json(args, stdin=b"", status=2):
    done = frank(*args, "--json", stdin=stdin)
    assert done.returncode == status, (args, done)
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["error"] and record["message"], record
    return record


def usage_errors_name_the_input():
    for args, named, status in USAGE:
        done = check(args, named, status)
        assert done.stdout == b"" or {"--json", "--json=yes"} & set(args), (args, done)


def values_out_of_range_are_refused():
    for option, values in (("--factor", FACTORS), ("--bits", BITS), ("--deadline", DEADLINES),
                           ("--a", ALGORITHMS)):
        for value in values:
            check(["mint", "--b", B, option, value], f"{option} {value[:20]}".rstrip(), 2)
            check_json(["mint", "--b", B, option, value])
    for value in FACTORS:
        check(["verify", "--factor", value], "--factor", 2, stdin=MESSAGE)
    check(["mint", "--b", B, "--factor", "5", "--bits", "5"], "exclude", 2)


def values_at_the_edge_are_taken():
    for args in (["--factor", "1"], ["--factor=1"], ["--bits", "0"], ["--bits", "10.5"],
                 ["--factor", "1", "--deadline", "1h"], ["--factor", "1", "--deadline", "0.5s"],
                 ["--factor", "1", "--a", "ed25519-sha256"], ["--b=" + B, "--factor", "1"]):
        done = frank("mint", *([] if args[0].startswith("--b=") else ["--b", B]), *args)
        assert done.returncode == 0, (args, done)
    done = frank("mint", "--b", B, "--factor", str(FACTOR_MAX), "--deadline", "100ms")
    assert done.returncode == 1 and done.stdout.startswith(b"MSMR-Key: "), done
    assert "not met" in done.stderr, done
    done = frank("mint", "--b", "AAA=", "--factor", "1")
    assert done.returncode == 0, done


def bad_b_is_refused():
    for b in BAD_B:
        check(["mint", "--b", b], "--b '", 2)
        assert check_json(["mint", "--b", b])["error"] == "bad-request"


def messages_without_a_usable_signature():
    no_b = SIGNATURE.replace(f" b={B}", "")
    cases = {
        "empty": b"",
        "no signature": b"From: a@example.com\n\nHello.\n",
        "signature in the body": b"From: a@example.com\n\n" + SIGNATURE.encode(),
        "no b": no_b.encode() + b"\n",
        "empty b": SIGNATURE.replace(B, "").encode() + b"\n",
        "not canonical": SIGNATURE.replace(B, B[:-3] + "/==").encode() + b"\n",
        "not base64": SIGNATURE.replace(B, "*" * 88).encode() + b"\n",
        "too long": SIGNATURE.replace(B, "A" * 2052).encode() + b"\n",
        "rsa-sha1": SIGNATURE.replace("rsa-sha256", "rsa-sha1").encode() + b"\n",
        "NUL in b": SIGNATURE.replace(B, B[:40] + "\0" + B[40:]).encode() + b"\n",
        "one line without an end": b"DKIM-Signature",
        "NUL bytes": bytes(1000),
        "binary": bytes(range(256)) * 40,
        "header without end": b"X: " + b"y" * (2 << 20),
        "50 unusable": no_b.encode() * 50 + b"\n",
    }
    for name, message in cases.items():
        check(["mint", "-"], "standard input", 2, stdin=message)
        check_json(["mint", "-"], stdin=message)
        passed = frank("mint", "--filter", stdin=message)
        assert passed.returncode == 0 and passed.stdout == message, (name, passed.returncode)
        assert "unchanged" in passed.stderr, (name, passed.stderr)
        held = frank("mint", "--filter", "--tempfail", stdin=message)
        assert held.returncode == 75 and held.stdout == b"", (name, held.returncode)


def strange_messages_with_a_signature_are_minted():
    folded = SIGNATURE.replace(B, "\n\t".join(B[i:i + 7] for i in range(0, len(B), 7)))
    cases = {
        "50 signatures": SIGNATURE.encode() * 50 + b"\nHello.\n",
        "after unusable ones": SIGNATURE.replace("rsa-sha256", "rsa-sha1").encode() * 10 +
                               SIGNATURE.encode() + b"\nHello.\n",
        "folded b": folded.encode() + b"\nHello.\n",
        "NUL bytes elsewhere": b"X: a\0b\n" + SIGNATURE.encode() + b"\n\0\0\0",
        "no body": SIGNATURE.encode(),
        "no line end": SIGNATURE.encode().rstrip(b"\n"),
        "CRLF": MESSAGE.replace(b"\n", b"\r\n"),
        "any case": MESSAGE.replace(b"DKIM-Signature", b"dkim-SIGNATURE"),
    }
    for name, message in cases.items():
        done = frank("mint", "--filter", "--factor", "100", stdin=message)
        assert done.returncode == 0, (name, done)
        assert done.stdout.startswith(b"MSMR-Key: ") and done.stdout.endswith(message), (name, done)
        checked = frank("verify", "--factor", "100", stdin=done.stdout)
        assert checked.returncode == 0, (name, checked)


def a_factor_that_is_not_met_leaves_the_message_unchanged():
    args = ["mint", "--filter", "--factor", str(FACTOR_MAX), "--deadline", "100ms"]
    passed = frank(*args, stdin=MESSAGE)
    assert passed.returncode == 0 and passed.stdout == MESSAGE and "not met" in passed.stderr, passed
    held = frank(*args, "--tempfail", stdin=MESSAGE)
    assert held.returncode == 75 and held.stdout == b"", held


# What a filter cannot use of its options: (arguments, what the message must name).
FILTER_USAGE = [
    (["--b", B], "exclude"), (["--json"], "exclude"), (["--dry-run"], "exclude"),
    (["--deadline", "0"], "--deadline 0"), (["--deadline", "x"], "--deadline x"),
    (["--keys", "/x"], "--connect"), (["--keys", "/x", "--connect", "ipc:///x", "--isa", "a"], "exclude"),
    (["--factor", "0"], "--factor 0"), (["--bits", "54"], "--bits 54"), (["--a", "x"], "--a x"),
    (["--factor", "1", "--factor", "1"], "twice"), (["--factor"], "wants a value"),
    (["--facter", "1"], "did you mean --factor"), (["-x"], "-x"), (["--device", ""], "--device"),
    (["message"], "message"), (["-", "-"], "unexpected"), (["--filter=yes"], "takes no value"),
    (["--factor-url", "http://example.com"], "--factor-url http://example.com"),
    (["--factor-key", "AAAA"], "--factor-key"), (["--dns-server", "x"], "--dns-server x"),
]


def options_of_a_filter_lose_no_mail():
    for args, named in FILTER_USAGE:
        for line in (["mint", "--filter", *args], ["mint", *args, "--filter"]):
            if args[-1] == "--factor" and line[-1] == "--filter":
                continue  # there --filter is the value
            done = frank(*line, stdin=MESSAGE)
            assert done.returncode == 75 and named in done.stderr, (line, done)
            assert "--json" in args or done.stdout == b"", (line, done)
    done = frank("mnt", "--filter", stdin=MESSAGE)
    assert done.returncode == 75 and "did you mean mint" in done.stderr, done
    # Another command has no such option, and --filter may be a value.
    assert frank("verify", "--filter", stdin=MESSAGE).returncode == 2
    assert frank("mint", "--b", B, "--factor", "x", "--", "--filter").returncode == 2


def recipients_that_cannot_be_used_are_left_out_by_a_filter():
    def filtered(*names):
        args = [part for name in names for part in ("--to", name)]
        return frank("mint", "--filter", "--factor", "100", *args, stdin=MESSAGE)

    for name in BAD_RECIPIENTS:
        done = filtered(name)
        assert done.returncode == 0 and done.stdout.endswith(MESSAGE), (name, done)
        assert done.stdout.startswith(b"MSMR-Key: "), (name, done)
        assert done.stderr.count("1 left out") == 1, (name, done.stderr)
    for name in RECIPIENTS:
        done = filtered(name)
        assert done.returncode == 0 and "frank mint" not in done.stderr, (name, done)
        assert done.stdout.startswith(b"MSMR-Key: "), (name, done)
    assert "frank mint" not in filtered(*["example.org"] * 1000).stderr
    done = filtered(*["example.org"] * 1000, "", "example.net")
    assert done.returncode == 0 and "2 left out" in done.stderr, done
    for name in BAD_RECIPIENTS:
        assert frank("mint", "--b", B, "--factor", "1", "--to", name).returncode == 2, name


def errors_end_with_a_record_of_json():
    for args in (["--json"], ["mnt", "--json"], ["--json", "mnt"], ["mnt", "--json", "x"],
                 ["--json", "mint", "--b", B], ["help", "mnt", "--json"], ["--bogus", "--json"]):
        done = frank(*args)
        assert done.returncode == 2 and json.loads(done.stdout)["error"] == "usage", (args, done)
    with tempfile.TemporaryDirectory() as folder:
        keys = os.path.join(folder.encode(), b"k\xff")
        done = frank("keygen", keys, "--json")
        assert done.returncode == 2 and json.loads(done.stdout)["error"] == "usage", done
        assert not os.path.exists(keys), "no key is made that nobody is told of"
        plain = frank("keygen", keys)
        assert plain.returncode == 0 and os.path.exists(os.path.join(keys, b"server.secret")), plain


def unreadable_files_are_named():
    with tempfile.TemporaryDirectory() as folder:
        for path in (os.path.join(folder, "missing"), folder):
            for args in (["mint", "--eml", path], ["verify", path]):
                check(args, path, 2)
                check_json(args)
            # Nothing to pass on: status 0 would lose the mail.
            lost = check(["mint", "--filter", "--eml", path], path, 75)
            assert lost.stdout == b"", lost
    closed = subprocess.run([program("frank"), "mint", "-"], stdin=None, stderr=subprocess.PIPE,
                            stdout=subprocess.PIPE, check=False, timeout=60,
                            preexec_fn=lambda: os.close(0))
    assert closed.returncode == 2 and b"standard input" in closed.stderr, closed
    check(["verify", "-"], "standard input", 2)


def oversized_message_is_passed_on_whole():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "big")
        out = os.path.join(folder, "out")
        with open(path, "wb") as file:
            file.write(MESSAGE)
            file.seek(65 << 20)
            file.write(b"end\n")
        check(["mint", "--eml", path], path, 2)
        with open(out, "wb") as file:
            done = frank("mint", "--filter", "--eml", path, stdout=file)
        assert done.returncode == 0 and "unchanged" in done.stderr, done
        assert subprocess.run(["cmp", path, out], check=False).returncode == 0


def full_disk_is_told():
    with open("/dev/full", "wb") as full:
        for args, status in ((["mint", "--b", B, "--factor", "1"], 3),
                             (["mint", "--b", B, "--factor", "1", "--json"], 3),
                             (["mint", "--b", B, "--factor", "1", "--dry-run"], 3),
                             (["mint", "--filter", "--factor", "1"], 75),
                             (["mint", "--filter", "--factor", "1", "--domain", "other.example"], 75),
                             (["verify", "--factor", "1"], 3),
                             (["devices"], 3), (["help"], 3), (["mint", "--help"], 3),
                             (["--version"], 3)):
            done = frank(*args, stdin=MESSAGE, stdout=full)
            assert done.returncode == status, (args, done)
            assert "No space left on device" in done.stderr, (args, done.stderr)


def absent_devices_are_named_with_what_is_there():
    for name in ("cpu:4096", "gpu:0", "fpga:7", "x", "x" * 32, "fpga:tcp:", "fpga:tcp:host",
                 "fpga:tcp:host:0", "fpga:tcp:host:65536", "fpga:tcp:::1:5000", "fpga:tcp:[::1]"):
        for args in (["mint", "--b", B], ["mint", "--b", B, "--dry-run"], ["devices"]):
            done = frank(*args, "--device", name)
            assert done.returncode == 3, (args, done)
            assert name in done.stderr and "cpu:0" in done.stderr, (args, done.stderr)
    for name in ("", "x" * 96, "fpga:tcp:" + "x" * 90 + ":5000"):
        check(["mint", "--b", B, "--device", name], "--device", 2)
        check(["devices", "--device", name], "--device", 2)
    # More than a fleet has room for: none is left out without a word.
    many = [word for i in range(129) for word in ("--device", f"fpga:tcp:127.0.0.1:{i + 1}")]
    check(["mint", "--b", B, *many], "--device", 2)
    check(["devices", *many], "--device", 2)
    for unroll in ("", "0", "3", "128", "08", "u8", "-8"):
        check(["mint", "--b", B, "--fpga-unroll", unroll], "--fpga-unroll", 2)
        check(["devices", "--fpga-unroll", unroll], "--fpga-unroll", 2)
    check(["mint", "--b", B, "--fpga-unroll", "8", "--connect", "ipc:///x"], "--fpga-unroll", 2)
    assert check_json(["mint", "--b", B, "--device", "gpu:0"], status=3)["error"] == "no-device"
    done = frank("mint", "--b", B, "--isa", "nonsense")
    assert done.returncode == 3 and "nonsense" in done.stderr, done


def absent_daemon_is_told():
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{folder}/no.sock"
        for args in (["status"], ["factor"], ["mint", "--b", B, "--deadline", "100ms"],
                     ["mint", "--b", B, "--dry-run"]):
            done = soon(30, lambda: frank(*args, "--connect", endpoint))
            assert done.returncode == 3 and endpoint in done.stderr, (args, done)
        passed = frank("mint", "--filter", "--deadline", "100ms", "--connect", endpoint,
                       stdin=MESSAGE)
        assert passed.returncode == 0 and passed.stdout == MESSAGE, passed
        for args in (["status"], ["factor"], ["status", "--wait", "1"]):
            done = frank(*args, "--json", "--connect", endpoint)
            assert json.loads(done.stdout)["error"] == "timeout", (args, done)
        done = frank("status", "--wait", "1", "--connect", endpoint)
        assert done.returncode == 1 and "not ready" in done.stderr, done


def peak_kib(message):
    """The most memory that `frank verify` takes with this message. It reads as mint does, but has
    no workers, whose memory may be that of a driver."""
    with tempfile.TemporaryFile() as file:
        file.write(message)
        file.seek(0)
        with subprocess.Popen([program("frank"), "verify", "-", "--factor", "100"], stdin=file,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout.read().startswith(b"none ("), message[:100]
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 1, process.returncode
    return usage.ru_maxrss


def memory_stays_bounded_with_a_huge_header():
    message = read(sample("test2.message"))
    huge = b"".join(b"X-%d: y\n" % i for i in range(4000)) + message
    done = frank("mint", "-", "--factor", "100", stdin=huge)
    assert done.returncode == 0, done
    assert signatures(huge)[0][1]
    assert peak_kib(huge) < peak_kib(message) + (64 << 10)


if __name__ == "__main__":
    run(usage_errors_name_the_input, values_out_of_range_are_refused, values_at_the_edge_are_taken,
        bad_b_is_refused, messages_without_a_usable_signature,
        strange_messages_with_a_signature_are_minted,
        a_factor_that_is_not_met_leaves_the_message_unchanged, options_of_a_filter_lose_no_mail,
        recipients_that_cannot_be_used_are_left_out_by_a_filter, errors_end_with_a_record_of_json,
        unreadable_files_are_named,
        oversized_message_is_passed_on_whole, full_disk_is_told,
        absent_devices_are_named_with_what_is_there, absent_daemon_is_told,
        memory_stays_bounded_with_a_huge_header)
