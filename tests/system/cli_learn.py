"""`frank learn` and `frank factor --estimate`: real signed and stamped messages are counted with
their bits, once; bad input is named; what was answered outlives a kill and a full disk at every
system call.
"""

import glob
import json
import os
import shutil
import subprocess
import tempfile

from cli_support import Skip, frank, program, read, run, sample
from harness import TRACED

FACTOR = 5000
SIGNED = ["test2.message", "rfc6376.signed.rsa.msg", "ed25519test2.msg", "message.mbox"]


class Folder:
    def __init__(self):
        self.path = None

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="frank-learn-")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name, data):
        path = os.path.join(self.path, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    @property
    def state(self):
        return os.path.join(self.path, "deep", "state")

    @property
    def store(self):
        return os.path.join(self.state, "observations.db")


def stamped(name, factor=FACTOR):
    done = frank("mint", "--filter", "--factor", str(factor), stdin=read(sample(name)))
    assert done.returncode == 0, done
    return done.stdout


def bits_of(message):
    done = frank("verify", "--json", "--factor", "1", stdin=message)
    return json.loads(done.stdout)["bits"]


def learn(folder, kind, *names, stdin=b"", status=0):
    """The final record, and those before it."""
    done = frank("learn", kind, "--json", "--state", folder.state, *names, stdin=stdin)
    assert done.returncode == status, done
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return records[-1], records[:-1]


def estimate(folder, factor=1):
    done = frank("factor", "--estimate", "--json", "--state", folder.state, "--factor", str(factor))
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def stamps_are_learned_with_their_bits():
    with Folder() as folder:
        messages = [stamped(name) for name in SIGNED]
        files = [folder.file(f"{i}.eml", message) for i, message in enumerate(messages)]
        final, records = learn(folder, "--ham", *files)
        assert final["learned"] == len(files) and final["unstamped"] == 0, final
        assert final["store"] == folder.store, final
        for record, file, message in zip(records, files, messages):
            assert record["file"] == file and record["result"] == "learned", record
            assert abs(record["bits"] - bits_of(message)) < 0.00011, (record, bits_of(message))
            assert record["bits"] >= 12.28, record
        found = estimate(folder, FACTOR)
        assert found["data"]["stamped_ham"] == len(files), found
        assert abs(found["estimate"]["ham"] - len(files)) < 0.05, found
        assert os.stat(folder.store).st_mode & 0o777 == 0o600
        assert os.stat(folder.state).st_mode & 0o777 == 0o700
        # At a factor above all of them nothing meets it.
        assert estimate(folder, 2**50)["estimate"]["ham"] == 0


def a_stamp_that_does_not_hold_shows_no_bits():
    with Folder() as folder:
        message = stamped("test2.message")
        for i, (old, new) in enumerate(((b"\th=0", b"\th=1"), (b"MSMR-Key: v=1", b"MSMR-Key: v=2"),
                                        (b"b=", b"b=AAAA"))):
            broken = message.replace(old, new, 1)
            assert broken != message, old
            final, records = learn(folder, "--spam", folder.file(f"{i}.eml", broken))
            assert records[0]["bits"] == 0, (old, records)
        # Their signatures are the same but for one: it is the message that is counted.
        assert estimate(folder)["data"]["unstamped_spam"] == final["learned"] + 1


def mail_without_a_stamp_is_counted():
    with Folder() as folder:
        plain = folder.file("plain.eml", b"From: a@example.org\nSubject: x\n\nbody\n")
        final, records = learn(folder, "--spam", plain, sample("test2.message"))
        assert final["learned"] == 2 and final["unstamped"] == 2, final
        assert [record["bits"] for record in records] == [0, 0]
        data = estimate(folder)["data"]
        assert data["unstamped_spam"] == 2 and data["stamped_spam"] == 0, data


def a_message_counts_once_and_moves():
    with Folder() as folder:
        file = folder.file("m.eml", stamped("test2.message"))
        for kind, result in (("--ham", "learned"), ("--ham", "already"), ("--spam", "moved"),
                             ("--spam", "already"), ("--ham", "moved")):
            final, records = learn(folder, kind, file)
            assert records[0]["result"] == result, (kind, records)
            assert final[result] == 1, final
        data = estimate(folder)["data"]
        assert data["stamped_ham"] == 1 and data["stamped_spam"] == 0 and data["total"] == 1, data


def folders_and_standard_input_are_taken():
    with Folder() as folder:
        mail = os.path.join(folder.path, "cur")
        os.makedirs(os.path.join(mail, "subfolder"))
        for i, name in enumerate(SIGNED):
            shutil.copy(sample(name), os.path.join(mail, f"{i}:2,S"))
        shutil.copy(sample("test2.message"), os.path.join(mail, ".hidden"))
        os.mkfifo(os.path.join(mail, "pipe"))
        final, records = learn(folder, "--ham", mail, status=1)
        assert final["learned"] == len(SIGNED) and final["skipped"] == 1, final
        assert [r["file"] for r in records if r["result"] == "skipped"] == [mail + "/pipe"]
        final, _ = learn(folder, "--ham", stdin=b"Subject: in\n\nx\n")
        assert final["learned"] == 1, final
        final, _ = learn(folder, "--ham", "-", stdin=b"Subject: in\n\nx\n")
        assert final["already"] == 1, final
        done = frank("learn", "--ham", "--state", folder.state, mail + "/0:2,S")
        assert done.returncode == 0 and b"known already" in done.stdout, done


def bad_messages_are_named_and_the_others_learned():
    with Folder() as folder:
        good = folder.file("good.eml", read(sample("test2.message")))
        mbox = folder.file("mbox", b"From a@b Fri Jul 11 21:00:37 2003\nSubject: 1\n\nx\n\n"
                           b"From a@b Fri Jul 11 21:00:38 2003\nSubject: 2\n\ny\n")
        bad = {folder.file("empty", b""): "empty", folder.path + "/absent": "No such file",
               folder.file("binary", b"\0\1\2" * 100): "no header", mbox: "mailbox",
               folder.file("fields", b"A: b\n" * 5000): "fields"}
        final, records = learn(folder, "--ham", *bad, good, status=1)
        assert final["learned"] == 1 and final["skipped"] == len(bad), final
        reasons = {r["file"]: r["reason"] for r in records if r["result"] == "skipped"}
        for name, reason in bad.items():
            assert reason in reasons[name], (name, reasons)
        final, _ = learn(folder, "--ham", *bad, status=2)
        assert final["skipped"] == len(bad), final


def stores_that_cannot_be_had_are_named():
    with Folder() as folder:
        message = read(sample("test2.message"))
        os.makedirs(folder.state)
        for data, reason in ((b"x" * 5000, "not a database"), (b"SQLite format 3\0" * 300, "")):
            with open(folder.store, "wb") as file:
                file.write(data)
            for args in (["learn", "--ham"], ["factor", "--estimate"]):
                done = frank(*args, "--state", folder.state, stdin=message)
                assert done.returncode == 2 and folder.store in done.stderr, done
                assert reason in done.stderr, done
            assert read(folder.store) == data
        blocked = folder.file("file", b"")
        done = frank("learn", "--ham", "--state", blocked + "/state", stdin=message)
        assert done.returncode == 2 and "file/state" in done.stderr, done
        done = frank("learn", "--ham", "--state", "", stdin=message)
        assert done.returncode == 2 and "--state" in done.stderr, done
        nowhere = {"HOME": "", "XDG_STATE_HOME": "", "STATE_DIRECTORY": ""}
        done = frank("learn", "--ham", stdin=message, env=nowhere)
        assert done.returncode == 2 and "--state" in done.stderr, done
        done = frank("learn", "--ham", stdin=message, env={**nowhere, "HOME": folder.path})
        assert done.returncode == 0, done
        assert os.path.exists(folder.path + "/.local/state/frank/observations.db")


def the_figure_is_explained():
    with Folder() as folder:
        for i in range(300):
            folder.file(f"{i:03}.eml", b"Subject: %d\n\nx\n" % i)
        learn(folder, "--ham", folder.path)
        done = frank("factor", "--estimate", "--state", folder.state)
        assert done.returncode == 0, done
        text = done.stdout.decode()
        for words in (folder.store, "300 ham", "rises", "sinks", "floor", "ceiling", "too few"):
            assert words in text, (words, text)


CALLS = ["openat", "pwrite64", "fdatasync", "fsync", "unlink", "ftruncate", "fcntl", "mkdir", "read",
         "pread64", "write"]
LIMIT = 60  # of one call's places: a learn of one message has far fewer


def learn_under(inject, folder, file):
    return subprocess.run(
        ["strace", "-f", "-o", folder.path + "/trace", "-e", "trace=" + inject.split(":")[0],
         "-e", "inject=" + inject, program("frank"), "learn", "--spam", "--json", "--state",
         folder.state, file],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
        check=False, env=TRACED)


def answered(done):
    """Whether it said that the message was learned."""
    for line in done.stdout.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if record.get("learned") == 1 or record.get("result") == "learned":
            return True
    return False


def what_was_answered_outlives_any_failure():
    """The n-th call of each kind fails with a full disk, or is the program's last."""
    if shutil.which("strace") is None:
        raise Skip("no strace")
    first = stamped("test2.message")
    second = stamped("rfc6376.signed.rsa.msg")
    points = 0
    with Folder() as folder:
        one = folder.file("1.eml", first)
        two = folder.file("2.eml", second)
        # A store with one message, which every case starts from.
        learn(folder, "--ham", one)
        whole = read(folder.store)
        probe = learn_under("getpid:error=EPERM:when=999", folder, two)
        if probe.returncode != 0 and b"ptrace" in probe.stderr:
            raise Skip("strace may not trace here")
        for fault in ("error=ENOSPC", "signal=KILL"):
            for call in CALLS:
                for place in range(1, LIMIT):
                    for name in glob.glob(folder.state + "/*"):
                        os.unlink(name)
                    with open(folder.store, "wb") as file:
                        file.write(whole)
                    done = learn_under(f"{call}:{fault}:when={place}", folder, two)
                    with open(folder.path + "/trace", encoding="latin-1") as file:
                        hit = "INJECTED" in (text := file.read()) or "killed by SIGKILL" in text
                    if not hit:
                        break
                    points += 1
                    where = (call, fault, place, done)
                    data = check_store(folder, where)
                    assert data["stamped_ham"] == 1, where
                    assert data["stamped_spam"] in (0, 1), where
                    if answered(done):
                        assert data["stamped_spam"] == 1, where
                    # Again, without a fault: counted once, whatever came of the first try.
                    learn(folder, "--spam", two)
                    data = check_store(folder, where)
                    assert data["stamped_spam"] == 1 and data["total"] == 2, (where, data)
    assert points >= 60, points
    print(f"      {points} places")


def check_store(folder, where):
    # A reader cannot undo what a killed writer left half done; a writer does: an empty learn.
    frank("learn", "--ham", "--state", folder.state, "/nonexistent")
    done = frank("factor", "--estimate", "--json", "--state", folder.state, "--factor", "1")
    assert done.returncode == 0, (where, done)
    return json.loads(done.stdout)["data"]


if __name__ == "__main__":
    run(stamps_are_learned_with_their_bits, a_stamp_that_does_not_hold_shows_no_bits,
        mail_without_a_stamp_is_counted, a_message_counts_once_and_moves,
        folders_and_standard_input_are_taken, bad_messages_are_named_and_the_others_learned,
        stores_that_cannot_be_had_are_named, the_figure_is_explained,
        what_was_answered_outlives_any_failure)
