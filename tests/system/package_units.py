"""The systemd units: how exposed systemd finds them, whether it understands them, and whether the
programs work within their limits: under the same system call filter, read-only files and no rights."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import harness
import unit_sandbox
from harness import Frankd, Skip, free_port, program, run, wait_until
from milter_client import MilterClient, apply

SOURCE = os.environ.get("FRANK_SOURCE", ".")
PROGRAMS = os.path.join(SOURCE, "host", "programs")
BUILT = os.path.join(os.path.dirname(os.environ.get("FRANK_BIN", "build/bin")), "host", "programs")
PATIENCE_S = 120
SANDBOX = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit_sandbox.py")

# (unit, drop-in, the highest exposure that systemd may find). Where it is above 1.1 the network is open:
# frankd's for frank-resolver, without which there are no published factors, and the verifying milter's
# for DNS.
EXPOSURES = (
    ("frankd", None, 1.2),
    ("frankd", "ipc-only.conf", 0.5),
    ("frankd", "tcp.conf", 1.1),
    ("frankd", "gpu.conf", 1.5),
    ("frank-authority", None, 1.0),
    ("frank-milter-mint", None, 1.0),
    ("frank-milter-verify", None, 1.2),
)


def unit_file(name):
    """The unit as this build made it; skips where the program is not part of the build."""
    path = os.path.join(BUILT, name + ".service")
    if not os.path.exists(path):
        raise Skip(f"{name}.service was not built")
    return path


def drop_in(name):
    return os.path.join(PROGRAMS, "frankd.service.d", name)


def units_that_are_built():
    return sorted(entry[:-len(".service")] for entry in os.listdir(BUILT)
                  if entry.endswith(".service"))


def analyze(*arguments):
    if shutil.which("systemd-analyze") is None:
        raise Skip("no systemd-analyze")
    return subprocess.run(["systemd-analyze", "--no-pager", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE_S)


def units_are_as_closed_as_promised():
    built = units_that_are_built()
    assert "frankd" in built, built
    for name, extra, most in EXPOSURES:
        if name not in built:
            print(f"      {name}: not built")
            continue
        with tempfile.TemporaryDirectory(prefix="frank-") as folder:
            copy = shutil.copy(unit_file(name), folder)
            if extra is not None:
                os.mkdir(copy + ".d")
                shutil.copy(drop_in(extra), copy + ".d")
            said = analyze("security", "--offline=true", copy).stdout
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert found, said
        print(f"      {name} {extra or ''}: {found[1]}, at most {most}")
        assert float(found[1]) <= most, f"{name} {extra}: {found[1]} is above {most}:\n{said}"


def every_unit_has_its_bound():
    with_bounds = {name for name, extra, most in EXPOSURES}
    assert set(units_that_are_built()) <= with_bounds, units_that_are_built()
    drop_ins = {extra for name, extra, most in EXPOSURES if extra}
    assert set(os.listdir(os.path.join(PROGRAMS, "frankd.service.d"))) == drop_ins, drop_ins


def systemd_understands_every_line():
    """With the build's programs in the place of the installed ones, which it looks for."""
    for name in units_that_are_built():
        with tempfile.TemporaryDirectory(prefix="frank-") as folder:
            copies = [os.path.join(folder, name + ".service")]
            with open(unit_file(name), encoding="utf-8") as file:
                text = file.read()
            if not os.path.exists(re.sub(r".*/", os.environ["FRANK_BIN"] + "/",
                                         re.search(r"^ExecStart=(\S+)", text, re.M)[1])):
                print(f"      {name}: its program was not built")
                continue
            with open(copies[0], "w", encoding="utf-8") as file:
                file.write(re.sub(r"^ExecStart=\S*/", f"ExecStart={os.environ['FRANK_BIN']}/", text,
                                  flags=re.M))
            if name == "frankd":
                os.mkdir(copies[0] + ".d")
                for extra in os.listdir(os.path.join(PROGRAMS, "frankd.service.d")):
                    shutil.copy(drop_in(extra), copies[0] + ".d")
            found = analyze("verify", "--man=no", *copies)
            # It reads all of the machine's units along the way: what concerns ours counts.
            ours = [line for line in found.stdout.splitlines() if "frank" in line]
            assert not ours, ours


def filters_are_sent_to_no_closed_folder():
    """The files that pages of the filters name are read by rspamd and spamd, who may not look into the
    folders of our units."""
    closed = set()
    for name in units_that_are_built():
        with open(unit_file(name), encoding="utf-8") as file:
            found = dict(line.split("=", 1) for line in file.read().splitlines() if "=" in line)
        if found.get("StateDirectoryMode") == "0700":
            closed.add(f"/var/lib/{found['StateDirectory']}/")
    assert "/var/lib/frank/" in closed, closed
    for folder in ("rspamd", "spamassassin"):
        folder = os.path.join(SOURCE, "host", "mail", folder)
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            named = [path for path in closed if path in text]
            assert not named, f"{name} names a file in {named}, which filters cannot read"


class Sandboxed:
    """A program within the limits of its unit. `log`: what it wrote to standard error."""

    def __init__(self, unit, extras, folder, command):
        missing = unit_sandbox.why_not()
        if missing:
            raise Skip(missing)
        self.path = os.path.join(folder, "log")
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/python3", SANDBOX, unit_file(unit), *map(drop_in, extras), "--writable",
                 folder, "--", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "CACHE_DIRECTORY": folder, "STATE_DIRECTORY": folder})

    def log(self):
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_ready(self):
        def is_there():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.log()}")
            return "event=ready" in self.log()
        wait_until("event=ready", is_there, 40)

    def stop(self):
        """SIGTERM, then SIGKILL."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE_S)

    def check_end(self):
        self.stop()
        log = self.log()
        assert self.process.returncode == 0, f"status {self.process.returncode}:\n{log}"


def other_may_read(path):
    """True where a user without rights reaches the file: else the sandbox cannot change the user."""
    while path != "/":
        if os.stat(path).st_mode & 0o005 != 0o005:
            return False
        path = os.path.dirname(path)
    return True


def frank(*arguments, timeout=2 * PATIENCE_S):
    return subprocess.run([program("frank"), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout)


def sandboxed_frankd(extras, flags):
    if os.geteuid() == 0 and not other_may_read(program("frankd")):
        raise Skip("the build folder is closed to other users, as one of whom frankd would run")
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        os.chmod(folder, 0o755)
        ipc = f"ipc://{folder}/mint.sock"
        frankd = Sandboxed("frankd", extras, folder,
                           [program("frankd"), "--config", "/dev/null", "--listen", ipc, "--device",
                            "cpu", *flags])
        try:
            frankd.wait_ready()
            for b in harness.SIGNATURE_BYTES:
                done = frank("mint", "--b", harness.random_b(b), "--factor", "100000", "--deadline",
                             "100s", "--connect", ipc)
                assert done.returncode == 0, done.stdout + frankd.log()
            # Recipients: frank-resolver is started, and asks DNS.
            done = frank("mint", "--b", harness.random_b(), "--to", "example.org", "--deadline",
                         "100s", "--connect", ipc)
            assert done.returncode == 0, done.stdout + frankd.log()
            frankd.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            done = frank("status", "--connect", ipc)
            assert done.returncode == 0, done.stdout + frankd.log()
        finally:
            frankd.stop()
        frankd.check_end()
        # A child that the filter ended was started again. (So is one that the machine lets stand
        # still for seconds; of that frankd says something else.)
        failed = [line for line in frankd.log().splitlines()
                  if "event=child-failed" in line or "event=device-failed" in line]
        failed = [line for line in failed if "it hung" not in line and "in time" not in line]
        assert not failed, frankd.log()


def frankd_works_within_its_unit():
    sandboxed_frankd([], ["--http", f"127.0.0.1:{free_port()}", "--factor-url",
                          f"http://127.0.0.1:{free_port()}"])


def frankd_works_without_a_network():
    sandboxed_frankd(["ipc-only.conf"], ["--factor", "50000"])


def authority_works_within_its_unit():
    authority = program("frank-authority")
    if os.geteuid() == 0 and not other_may_read(authority):
        raise Skip("the build folder is closed to other users")
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        port = free_port()
        server = Sandboxed("frank-authority", [], folder,
                           [authority, "--state", folder + "/state", "--issuer", "authority.example",
                            "--factor", "100000", "--estimate", "--access-log", folder + "/access.log",
                            "--listen", f"127.0.0.1:{port}"])
        try:
            server.wait_ready()
            for _ in range(2):
                done = frank("factor", f"http://127.0.0.1:{port}")
                assert done.returncode == 0, done.stdout + server.log()
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.5)
        finally:
            server.stop()
        server.check_end()


def signed_message(folder):
    """A message with a DKIM signature, and in `folder` the file of its key: --dkim-keys."""
    try:
        import dkim
    except ImportError as error:
        raise Skip("no python3-dkim") from error
    key = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=key, check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    with open(folder + "/keys", "w", encoding="ascii") as file:
        base64 = "".join(public.splitlines()[1:-1])
        file.write(f"s1._domainkey.sender.test v=DKIM1; k=rsa; p={base64}\n")
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    text = (f"From: alice@sender.test\r\nTo: bob@rcpt.test\r\nSubject: a unit\r\nDate: {date}\r\n"
            f"Message-ID: <{os.urandom(8).hex()}@sender.test>\r\n\r\nHello.\r\n").encode()
    return dkim.sign(text, b"s1", b"sender.test", key) + text


def milter_in_its_unit(mode, folder, flags):
    port = free_port()
    os.mkdir(f"{folder}/{mode}")
    milter = Sandboxed(f"frank-milter-{mode}", [], f"{folder}/{mode}",
                       [program("frank-milter"), "--mode", mode, "--config", "/dev/null", "--socket",
                        f"inet:{port}@127.0.0.1", *flags])
    return milter, ("127.0.0.1", port)


def milters_work_within_their_units():
    """A mail is stamped by one and judged by the other."""
    if os.geteuid() == 0 and not other_may_read(program("frank-milter")):
        raise Skip("the build folder is closed to other users")
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        os.chmod(folder, 0o755)
        message = signed_message(folder)
        with Frankd(["--device", "cpu", "--factor", "65536"], config='ipc_mode = "0666";',
                    folder=folder) as frankd:
            mint, at = milter_in_its_unit("mint", folder,
                                          ["--connect", frankd.ipc, "--deadline", "50s"])
            verify = None
            try:
                mint.wait_ready()
                with MilterClient(at) as client:
                    changes = client.mail(message)
                    stamped = apply(message, changes)
                assert changes.verdict in ("c", "a"), (changes.verdict, mint.log())
                assert changes.value("MSMR-Key"), mint.log()
                verify, at = milter_in_its_unit(
                    "verify", folder, ["--connect", frankd.ipc, "--authserv-id", "mx.rcpt.test",
                                       "--dkim-keys", folder + "/keys"])
                verify.wait_ready()
                for milter in (mint, verify):
                    milter.process.send_signal(signal.SIGHUP)
                time.sleep(0.5)
                results = []

                def passes():
                    """At once, or once it has heard frankd's factor."""
                    with MilterClient(at) as client:
                        results.append(client.mail(stamped).value("Authentication-Results"))
                    return "x-msmr=pass" in results[-1] or "x-msmr=temperror" not in results[-1]
                wait_until("the milter has a factor", passes, step_s=0.5)
                assert "x-msmr=pass" in results[-1], (results, verify.log())
            finally:
                mint.stop()
                if verify is not None:
                    verify.stop()
            mint.check_end()
            verify.check_end()
            assert "-failed" not in mint.log() + verify.log(), mint.log() + verify.log()


def milters_ask_dns_within_their_unit():
    """Keys come from a server that does not answer: temperror, and the milter lives."""
    if os.geteuid() == 0 and not other_may_read(program("frank-milter")):
        raise Skip("the build folder is closed to other users")
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        os.chmod(folder, 0o755)
        message = signed_message(folder)
        done = subprocess.run([program("frank"), "mint", "--factor", "1000", "--filter"],
                              input=message, check=True, stdout=subprocess.PIPE)
        milter, at = milter_in_its_unit("verify", folder,
                                        ["--factor", "1000", "--look-up-limit", "300ms",
                                         "--dns-servers", f"127.0.0.1@{free_port()}"])
        try:
            milter.wait_ready()
            with MilterClient(at) as client:
                result = client.mail(done.stdout).value("Authentication-Results")
            assert "x-msmr=temperror" in result, (result, milter.log())
        finally:
            milter.stop()
        milter.check_end()


def a_call_outside_of_the_filter_is_noticed():
    """The sandbox itself: swapon is privileged, a mapping for code made at run time is refused."""
    missing = unit_sandbox.why_not()
    if missing:
        raise Skip(missing)
    calls = {
        "swapoff": "import ctypes; ctypes.CDLL(None).syscall(168, b'/nothing')",
        "mmap": "import mmap; mmap.mmap(-1, 4096, prot=7)",
        "unshare": "import ctypes; ctypes.CDLL(None).unshare(0x10000000)",
    }
    for name, text in calls.items():
        done = subprocess.run(["/usr/bin/python3", SANDBOX, unit_file("frankd"), "--", "/usr/bin/python3",
                               "-c", text], check=False, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=PATIENCE_S)
        assert done.returncode == -signal.SIGSYS, f"{name}: {done.returncode}"
    done = subprocess.run(["/usr/bin/python3", SANDBOX, unit_file("frankd"), "--", "/usr/bin/python3",
                           "-c", "import socket; socket.socket(17, 3)"], check=False,
                          timeout=PATIENCE_S, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"not supported" in done.stderr, done


GROUPS = {
    "exposure": (units_are_as_closed_as_promised, every_unit_has_its_bound,
                 systemd_understands_every_line, filters_are_sent_to_no_closed_folder),
    "limits": (a_call_outside_of_the_filter_is_noticed, frankd_works_within_its_unit,
               frankd_works_without_a_network, authority_works_within_its_unit,
               milters_work_within_their_units, milters_ask_dns_within_their_unit),
}

if __name__ == "__main__":
    run(*(test for name in sys.argv[1:] or GROUPS for test in GROUPS[name]))
