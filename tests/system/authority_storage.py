"""Row 4 of the scorecard for the authority's storage: a publication that is killed, or whose system
calls fail, at each of them; and single bytes of its database changed at random.

Afterwards the store opens, every epoch that was told as published is there, epochs never go back,
and what is served is signed rightly, or the file is refused by its name.

FRANK_TEST_SCALE multiplies the number of damaged files (200); FRANK_SEED repeats a run."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from authority_support import BASE, PATIENCE_S, Authority, openssl_verifies, verb
from harness import TRACED, Skip, children_of, program, run

WRITES = ("write", "pwrite64", "fsync", "fdatasync", "rename", "openat", "unlink", "ftruncate",
          "mkdir")
READS = ("pread64", "read", "fcntl", "newfstatat", "close", "lseek")
KINDS = [(call, what) for call in WRITES
         for what in ("signal=SIGKILL", "error=ENOSPC", "error=EIO")]
KINDS += [(call, what) for call in READS for what in ("signal=SIGKILL", "error=EIO")]
FILES = 200 * min(50, int(os.environ.get("FRANK_TEST_SCALE", "1")))
NTH_MAX = 200
EXPECTED_ENDS = {0, 1, -9, 128 + 9, 127}  # 127: the loader could not read the program


def need_strace():
    if shutil.which("strace") is None:
        raise Skip("strace is not installed")
    done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True,
                          timeout=PATIENCE_S, check=False)
    if done.returncode != 0:
        raise Skip("strace may not trace here")


def copy_of(state, folder):
    target = os.path.join(folder, "state")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(state, target)
    return target


def traced(call, what, nth, command):
    """Runs `command` with its nth `call` failing, or being killed at it. (status, whether the call
    came that often, standard output)"""
    with tempfile.NamedTemporaryFile(prefix="frank-", mode="r") as log:
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", log.name, "-e", f"trace={call}",
             "-e", f"inject={call}:{what}:when={nth}", *command],
            capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False,
            env=TRACED)
        hit = "INJECTED" in (text := log.read()) or "killed by SIGKILL" in text
    return done.returncode, hit, done.stdout, done.stderr


def epochs_of(state):
    """All epochs, by the program's own reading, which checks seal and signatures. A writer first:
    what a killed one left half done is its to undo."""
    verb(state, "publish", "--factor", "7777")
    return [r["epoch"] for r in verb(state, "history")[1][:-1]]


def told_of(out):
    """The epoch that a publication told; 0 where it told none."""
    lines = [line for line in out.splitlines() if line.endswith("}")]
    return json.loads(lines[-1]).get("epoch", 0) if lines else 0


def ended_well(status, errors):
    """A sanitizer's own start, where a call of that was the one that failed, does not hear that it is
    not to look for leaks while strace does."""
    if "does not work under ptrace" in errors:
        return True
    return (status in EXPECTED_ENDS and "AddressSanitizer" not in errors and
            "runtime error" not in errors)


def check_points(state, folder, command_of, least_points):
    points = killed = failed = 0
    for call, what in KINDS:
        for nth in range(1, NTH_MAX):
            target = copy_of(state, folder)
            before = len(verb(target, "history")[1]) - 1
            status, hit, out, errors = traced(call, what, nth, command_of(target))
            if not hit:
                break  # the command needs no more of these
            points += 1
            killed += what.startswith("signal")
            failed += status == 1
            assert ended_well(status, errors), (call, what, nth, status, errors)
            told = told_of(out) if status == 0 else 0
            epochs = epochs_of(target)
            assert epochs == list(range(1, len(epochs) + 1)), (call, what, nth, epochs)
            assert len(epochs) >= max(before + 1, told), (call, what, nth, told, epochs)
            assert len(epochs) <= before + 2, (call, what, nth, epochs)
        else:
            raise AssertionError(f"{call}: more than {NTH_MAX} of them")
    print(f"{points} points: {killed} killed, {failed} failed with a word")
    assert points >= least_points and killed > 0 and failed > 0


def every_call_of_a_publication_may_fail_or_be_the_last():
    need_strace()
    with Authority(["--factor", "1000"]) as authority, \
            tempfile.TemporaryDirectory(prefix="frank-") as folder:
        verb(authority.state, "publish", "--factor", "2000")
        assert authority.end() == 0
        check_points(authority.state, folder,
                     lambda target: [program("frank-authority"), "publish", "--factor", "3000",
                                     "--state", target, "--json"], 150)


def every_call_of_a_rotation_may_fail_or_be_the_last():
    """A rotation that did not happen leaves the old key in force; no name is without its secret."""
    need_strace()
    with Authority(["--factor", "1000"]) as authority, \
            tempfile.TemporaryDirectory(prefix="frank-") as folder:
        assert authority.end() == 0
        points = 0
        for call, what in KINDS:
            for nth in range(1, NTH_MAX):
                target = copy_of(authority.state, folder)
                status, hit, _, errors = traced(
                    call, what, nth, [program("frank-authority"), "rotate-key", "--state",
                                      target, "--after", "1d", "--json"])
                if not hit:
                    break
                points += 1
                assert ended_well(status, errors), (call, what, nth, status, errors)
                assert epochs_of(target) == [1, 2], (call, what, nth)
                keys = verb(target, "keys")[1][:-1]
                assert [k["state"] for k in keys] in (["current"], ["current", "next"]), keys
                for key in keys:
                    path = os.path.join(target, "key-" + key["kid"])
                    assert os.stat(path).st_size == 65, (call, what, nth)
        print(f"{points} points")
        assert points >= 150, points


def first_start(state, call, nth):
    """A first start that is killed at its keeper's nth `call`. Whether it came that often: else it
    became ready, and was ended."""
    process = subprocess.Popen(
        ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
         "-e", f"inject={call}:signal=SIGKILL:when={nth}", program("frank-authority"), "--listen",
         "127.0.0.1:0", "--factor", "5", "--issuer", "a.example", "--state", state],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    with process:
        line = process.stderr.readline()
        while line and "event=ready" not in line:
            line = process.stderr.readline()
        for pid, _ in children_of(process.pid):
            os.kill(pid, signal.SIGTERM)
        process.wait(PATIENCE_S)
        return line == ""


def every_call_of_a_first_start_may_be_the_last():
    """A new store is there as a whole, or can be begun again."""
    need_strace()
    points = 0
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        for call in ("pwrite64", "write", "fsync", "fdatasync", "rename", "mkdir", "unlink"):
            for nth in range(1, NTH_MAX):
                state = os.path.join(folder, f"{call}-{nth}")
                if not first_start(state, call, nth):
                    break
                points += 1
                with Authority(["--factor", "9"], state=state, issuer="a.example") as authority:
                    document = authority.json("factor")
                    keys = authority.json("keys")
                    assert len(keys["keys"]) == 1, keys
                    openssl_verifies(authority.ask(BASE + "factor.jws")[2], keys)
                    assert (document["epoch"], document["factor"]) in ((1, 9), (2, 9)), document
    print(f"{points} points")
    assert points > 20, points


def a_changed_byte_is_refused_by_name_or_harmless():
    if shutil.which("openssl") is None:
        raise Skip("no openssl command")
    seed = int(os.environ.get("FRANK_SEED", random.randrange(2**32)))
    print(f"FRANK_SEED={seed}")
    draw = random.Random(seed)
    with Authority(["--factor", "1000"]) as authority, \
            tempfile.TemporaryDirectory(prefix="frank-") as folder:
        for factor in range(2000, 2010):
            verb(authority.state, "publish", "--factor", str(factor))
        verb(authority.state, "rotate-key")
        assert authority.end() == 0
        right = verb(authority.state, "history")[1], verb(authority.state, "keys")[1]
        with open(os.path.join(authority.state, "authority.db"), "rb") as file:
            whole = file.read()
        used = [i for i, byte in enumerate(whole) if byte != 0]
        refused = harmless = 0
        for _ in range(FILES):
            target = copy_of(authority.state, folder)
            path = os.path.join(target, "authority.db")
            # Most of a small database is empty: every other time a byte that is not.
            place = draw.choice(used) if draw.random() < 0.5 else draw.randrange(len(whole))
            bit = 1 << draw.randrange(8)
            damaged = bytearray(whole)
            damaged[place] ^= bit
            with open(path, "wb") as file:
                file.write(damaged)
            status, history, errors = verb(target, "history", check=False)
            if status == 0:
                assert (history, verb(target, "keys")[1]) == right, (seed, place, bit)
                harmless += 1
            else:
                assert status == 1 and path in errors, (seed, place, bit, status, errors)
                refused += 1
            # A writer neither hides the damage nor goes on from it.
            status, told, errors = verb(target, "publish", "--factor", "5000", check=False)
            if status == 0:
                assert told[-1]["epoch"] == 12, (seed, place, bit, told)
                assert verb(target, "history")[1][:11] == right[0][:11], (seed, place, bit)
            else:
                assert status == 1 and path in errors, (seed, place, bit, status, errors)
        print(f"{FILES} files: {refused} refused, {harmless} read the same as before")
        assert refused > FILES // 5 and harmless > 0


def damaged_or_foreign_files_are_not_served():
    with Authority(["--factor", "1000"]) as authority:
        assert authority.end() == 0
        path = os.path.join(authority.state, "authority.db")
        with open(path, "rb") as file:
            whole = file.read()
        at = whole.index(b'"factor":1000')
        key = [name for name in os.listdir(authority.state) if name.startswith("key-")][0]
        key_path = os.path.join(authority.state, key)
        with open(key_path, "rb") as file:
            secret = file.read()

        def write(name, data):
            with open(name, "wb") as file:
                file.write(data)

        def refuses(named):
            for args in ([], ["--read-only"]):
                authority.args = args
                authority.lines.clear()
                authority.start(wait=False)
                assert authority.process.wait(PATIENCE_S) == 1, authority.log()
                authority.wait_log(named)

        forged = bytearray(whole)
        forged[at:at + 13] = b'"factor":1001'
        for data in (bytes(forged), whole[:len(whole) // 2], b"no database" * 1000,
                     b"\x00" * len(whole)):
            write(path, data)
            refuses(path)
        # SQLite's own, but another program's.
        os.unlink(path)
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE meta (name)")
        other.commit()
        other.close()
        refuses("not the database of an authority")
        write(path, whole[:60] + (2).to_bytes(4, "big") + whole[64:])  # user_version
        refuses("of version 2")
        write(path, whole)
        # A secret key that is another's, short, or open to others: nothing is signed with it.
        authority.args = []
        for data in (b"0" * 64 + b"\n", secret[:30], b"", secret + b"\n"):
            write(key_path, data)
            status, _, errors = verb(authority.state, "publish", "--factor", "5", check=False)
            assert status == 1 and key_path in errors, (status, errors)
        write(key_path, secret)
        os.chmod(key_path, 0o644)
        status, _, errors = verb(authority.state, "publish", "--factor", "5", check=False)
        assert status == 1 and "chmod 600" in errors, errors
        os.chmod(key_path, 0o600)
        os.rename(key_path, key_path + ".away")
        status, _, errors = verb(authority.state, "publish", "--factor", "5", check=False)
        assert status == 1 and key_path in errors, errors
        # What is signed already is served without the secret.
        with Authority(["--read-only"], state=authority.state, issuer=None) as copied:
            assert copied.json("factor")["factor"] == 1000
        os.rename(key_path + ".away", key_path)
        assert verb(authority.state, "publish", "--factor", "5")[1][-1]["epoch"] == 2


if __name__ == "__main__":
    run(damaged_or_foreign_files_are_not_served, a_changed_byte_is_refused_by_name_or_harmless,
        every_call_of_a_publication_may_fail_or_be_the_last,
        every_call_of_a_rotation_may_fail_or_be_the_last,
        every_call_of_a_first_start_may_be_the_last)
