"""Every allocation of `frank` fails once, in turn: a filter loses no mail, and JSON ends with a
record. The program is a copy of frank in which the allocation of a given number fails."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

from harness import program, run

B = base64.b64encode(bytes(range(64))).decode()
MESSAGE = (f"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=one; h=from; bh=AAAA; b={B}\n"
           "From: a@example.com\n\nHello.\n").encode()
COPY = sys.argv[1]


def sweep(args, check):
    """Runs the copy with the first allocation failing, then the second, ... until none is left."""
    with tempfile.TemporaryDirectory() as folder:
        frank = os.path.join(folder, "frank")
        shutil.copy(COPY, frank)
        for child in ("frank-worker", "frank-resolver"):
            if os.path.exists(os.path.join(os.environ["FRANK_BIN"], child)):
                os.symlink(program(child), os.path.join(folder, child))
        failed = 0
        while True:
            done = subprocess.run([frank, *args], input=MESSAGE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=240, check=False,
                                  env={**os.environ, "FRANK_TEST_FAIL_AT": str(failed + 1)})
            if b"allocation fails" not in done.stderr:
                assert done.returncode == 0, (args, done)
                break
            failed += 1
            assert failed < 1000, "there is no end to it"
            check(failed, done)
        return failed


def filter_loses_no_mail():
    def check(number, done):
        passed = done.returncode == 0 and done.stdout.endswith(MESSAGE)
        later = done.returncode == 75 and done.stdout == b""
        assert passed or later, (number, done)
        statuses.add(done.returncode)

    statuses = set()
    count = sweep(["mint", "--filter", "--factor", "100", "--device", "cpu:0", "--to",
                   "example.org"], check)
    assert count >= 8 and statuses == {0, 75}, (count, statuses)


def a_source_that_is_down_loses_no_mail():
    def check(number, done):
        passed = done.returncode == 0 and done.stdout.endswith(MESSAGE)
        later = done.returncode == 75 and done.stdout == b""
        assert passed or later, (number, done)

    # Nobody listens at port 9; with the look-up of a recipient all of it is asked for.
    args = ["--factor-url", "http://127.0.0.1:9", "--dns-server", "127.0.0.1@9", "--to",
            "example.org", "--deadline", "1s"]
    assert sweep(["mint", "--filter", *args], check) >= 8


def json_ends_with_a_record():
    def check(number, done):
        assert done.returncode in (0, 3), (number, done)
        record = json.loads(done.stdout.splitlines()[-1])
        assert ("error" in record) == (done.returncode == 3), (number, done)

    assert sweep(["mint", "-", "--json", "--factor", "100", "--device", "cpu:0"], check) >= 8


if __name__ == "__main__":
    run(filter_loses_no_mail, a_source_that_is_down_loses_no_mail, json_ends_with_a_record)
