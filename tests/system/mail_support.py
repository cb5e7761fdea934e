"""Private mail servers for tests: Postfix, OpenDKIM, frank-milter, and what mail is sent with.

    with Postfix("mta.sender.test", relayhost="[127.0.0.1]:2525") as server:
        server.run_setup("opendkim/postfix.sh", ("127.0.0.1:8891", "127.0.0.1:12891"))
        server.start()

mail_line.py puts them together.

Each server is the package's stock configuration plus the very lines of host/mail/setup, its ports
replaced by free ones of loopback, its folders by one of its own. Nothing of the machine's own mail
system is read or changed; each process is stopped by its own id. Postfix needs root: without it the
tests are skipped by name.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from daemon_support import patience
from harness import Fault, Skip, free_port, program, stretched, wait_until

READY_S = 30.0
SENDER, RECEIVER = "sender.test", "rcpt.test"
MX_NAME = "mx.rcpt.test"
SELECTOR = "s1"


def setup_file(name):
    """The text of a file of host/mail/setup."""
    source = os.environ.get("FRANK_SOURCE")
    if not source:
        raise Skip("FRANK_SOURCE does not name the source folder")
    with open(os.path.join(source, "host/mail/setup", name), encoding="utf-8") as file:
        return file.read()


def replaced(text, *pairs):
    """`text` with each old put as new, all at once: a new that is like another old stays. An old that
    is not there is a mistake in the test."""
    for old, _ in pairs:
        assert old in text, f"{old!r} is not in:\n{text}"
    olds = "|".join(re.escape(old) for old, _ in pairs)
    return re.sub(olds, lambda match: dict(pairs)[match.group()], text)


def need_mail_programs(*names):
    """Skips where the tests cannot have mail servers of their own."""
    if os.getuid() != 0:
        raise Skip("Postfix can be run by root only")
    for name in ("postfix", "opendkim", "opendkim-genkey") + names:
        if shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
            raise Skip(f"{name} is not installed")


def make_folder():
    """A folder that the users postfix, opendkim and nobody can get into."""
    folder = tempfile.mkdtemp(prefix="frank-mail-")
    os.chmod(folder, 0o755)
    parent = os.path.dirname(folder)
    while parent != "/":
        if not os.stat(parent).st_mode & 0o001:
            shutil.rmtree(folder)
            raise Skip(f"{parent} is closed to other users; set TMPDIR")
        parent = os.path.dirname(parent)
    return folder


class Server:
    """A process in the foreground whose lines are kept, stopped by its id. It is ready when it
    writes event=ready, or when something listens at `port`."""

    def __init__(self, name, command, port=None, folder=None, gently=True, ready_s=READY_S):
        """gently: it is stopped by SIGTERM; else by SIGKILL, as it has nothing to put in order."""
        self.name, self.command, self.port, self.folder = name, command, port, folder
        self.gently, self.ready_s = gently, ready_s
        self.lines = []
        self.process = None
        self._sanitizer = []
        self._ready = threading.Event()
        self._reader = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        self._ready.clear()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace", cwd=self.folder)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()
        until = time.monotonic() + stretched(patience(self.ready_s))
        while not self._is_up():
            if self.process.poll() is not None:
                self._reader.join(60)
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n" +
                                     self.log())
            if time.monotonic() > until:
                raise AssertionError(f"{self.name} is not ready:\n" + self.log())
            time.sleep(0.02)

    def _is_up(self):
        return self._ready.is_set() if self.port is None else port_is_open(self.port)

    def _read(self, process):
        for line in process.stdout:
            line = line.rstrip("\n")
            self.lines.append(line)
            if "Sanitizer" in line or "runtime error:" in line:
                self._sanitizer.append(line)
            if "event=ready" in line.split():
                self._ready.set()
        process.stdout.close()

    def log(self, last=60):
        return "\n".join(self.lines[-last:])

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self.process.wait(60)

    def end(self, timeout_s=20.0):
        """SIGTERM; returns the exit status. Then `lines` has all that it wrote."""
        self.process.terminate()
        status = self.process.wait(stretched(patience(timeout_s)))
        self._reader.join(60)
        return status

    def wait_events(self, event, count=1, **words):
        """The lines of that event with those words in it, once there are `count`. A line is written
        before the mail that it is about goes on, and may be read here after it."""
        def found():
            return [told for told in log_events(self.lines, event)
                    if all(told.get(key) == value for key, value in words.items())]
        wait_until(f"{count} times event={event} {words} in the log of {self.name}",
                   lambda: len(found()) >= count, patience(20))
        return found()

    def restart(self):
        if self.process.poll() is None:
            self.end()
        self.start()

    def begin_stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self):
        stuck = False
        if self.process is not None and self.process.poll() is None:
            try:
                self.end() if self.gently else self.kill()
            except subprocess.TimeoutExpired:
                stuck = True
                self.kill()
        if self._reader is not None:
            self._reader.join(60)
        if stuck:
            raise Fault(f"{self.name} did not end after SIGTERM:\n" + self.log())
        if self._sanitizer:
            raise Fault(f"{self.name}: " + "\n".join(self._sanitizer) + self.log(200))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind is not Skip:
            print(f"--- {self.name} wrote:\n" + self.log())
        self.stop()


def port_is_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Postfix:
    """A private Postfix: the configuration of Debian's package for an "Internet Site", and what is
    added by main(), master() and run_setup() before start(). Attributes: folder, etc, smtp_port and
    submission_port (services `smtp` and `submission`)."""

    def __init__(self, hostname, folder=None, **main):
        """main: further lines of main.cf. folder: a folder to live in (the caller's to remove)."""
        need_mail_programs()
        self.hostname = hostname
        self.own_folder = folder is None
        self.folder = folder or make_folder()
        self.etc = os.path.join(self.folder, "etc")
        self.log_path = os.path.join(self.folder, "log", "mail.log")
        self.smtp_port, self.submission_port = free_port(), free_port()
        self.reinject_port = free_port()
        self.started = False
        try:
            self._lay_out(main)
        except BaseException:
            self.stop()
            raise

    def _lay_out(self, main):
        for name in ("etc", "spool", "data", "log"):
            os.mkdir(os.path.join(self.folder, name))
        shutil.chown(os.path.join(self.folder, "data"), "postfix")
        with open("/usr/share/postfix/main.cf.debian", encoding="utf-8") as file:
            text = file.read()
        with open(os.path.join(self.etc, "main.cf"), "w", encoding="utf-8") as file:
            file.write(text)
        with open("/usr/share/postfix/master.cf.dist", encoding="utf-8") as file:
            text = file.read()
        text, count = re.subn(r"(?m)^smtp +inet .*$",
                              f"127.0.0.1:{self.smtp_port} inet n - y - - smtpd\n"
                              f"127.0.0.1:{self.submission_port} inet n - y - - smtpd\n"
                              "  -o syslog_name=postfix/submission\n"
                              "  -o milter_macro_daemon_name=ORIGINATING", text)
        assert count == 1, text
        with open(os.path.join(self.etc, "master.cf"), "w", encoding="utf-8") as file:
            file.write(text)
        # What Debian's postinst sets, then what keeps this one to itself.
        self.main(smtpd_relay_restrictions="permit_mynetworks permit_sasl_authenticated "
                  "defer_unauth_destination", myhostname=self.hostname, alias_maps="",
                  alias_database="", mydestination="$myhostname, localhost", relayhost="",
                  mynetworks="127.0.0.0/8", mailbox_size_limit="0", recipient_delimiter="+",
                  inet_interfaces="127.0.0.1", inet_protocols="ipv4")
        self.main(queue_directory=f"{self.folder}/spool", data_directory=f"{self.folder}/data",
                  maillog_file=self.log_path, maillog_file_prefixes=f"/var, {self.folder}",
                  smtp_dns_support_level="disabled", smtp_host_lookup="native",
                  mydomain=self.hostname.split(".", 1)[1], myorigin="$mydomain",
                  # A milter that stood still for half a minute is not one that is away.
                  milter_command_timeout="300s", **main)

    def environment(self):
        # /usr/sbin first: the sendmail there is Postfix's.
        return {**os.environ, "MAIL_CONFIG": self.etc,
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")}

    def command(self, *words, check=True, stdin=None, timeout_s=120):
        """Runs one of Postfix's commands on this instance; its standard output."""
        # Postfix's programs wait until its files are 2 s old: an editor may still be writing.
        for name in ("main.cf", "master.cf"):
            os.utime(os.path.join(self.etc, name), (time.time() - 60,) * 2)
        done = subprocess.run(words, env=self.environment(), input=stdin, capture_output=True,
                              timeout=timeout_s, check=False)
        if check:
            assert done.returncode == 0, done
        return done.stdout.decode(errors="replace")

    def main(self, **settings):
        self.command("postconf", "-e", *[f"{key} = {value}" for key, value in settings.items()])

    def master(self, service, **options):
        """Options of a service, as -o in master.cf; `service` as 127.0.0.1:PORT/inet."""
        for key, value in options.items():
            self.command("postconf", "-P", f"{service}/{key}={value}")

    def run_setup(self, name, *pairs):
        """Runs a script of host/mail/setup, its ports replaced: `pairs` of (old, new)."""
        self.command("sh", "-c", replaced(setup_file(name), *pairs))
        for name in ("main.cf", "master.cf"):
            with open(os.path.join(self.etc, name), encoding="utf-8") as file:
                assert ":10026" not in file.read(), f"{name} has a port that was not replaced"

    def sign_by(self, port):
        """opendkim/postfix.sh: the milter that signs listens at `port`."""
        self.run_setup("opendkim/postfix.sh", ("127.0.0.1:8891", f"127.0.0.1:{port}"))

    def stamp_by(self, port, setup="postfix-reinject"):
        """postfix-reinject/postfix.sh or postfix-inline/postfix.sh with frank-milter at `port`."""
        pairs = [("127.0.0.1:8895", f"127.0.0.1:{port}"),
                 ("for service in submission submissions smtps;",
                  f"for service in 127.0.0.1:{self.submission_port};")]
        if setup == "postfix-reinject":
            pairs += [("127.0.0.1:10026", f"127.0.0.1:{self.reinject_port}"),
                      ("[127.0.0.1]:10026", f"[127.0.0.1]:{self.reinject_port}")]
        self.run_setup(f"{setup}/postfix.sh", *pairs)

    def judge_by(self, port):
        """postfix-verify/postfix.sh with frank-milter at `port`."""
        self.run_setup("postfix-verify/postfix.sh", ("127.0.0.1:8896", f"127.0.0.1:{port}"),
                       ("service=smtp/inet", f"service=127.0.0.1:{self.smtp_port}/inet"))

    def start(self):
        # Warnings: links and owners of a queue folder that is not the system's.
        self.command("postfix", "start")
        with open(os.path.join(self.folder, "spool/pid/master.pid"), encoding="ascii") as file:
            self.master_pid = int(file.read())
        self.started = True
        for port in (self.smtp_port, self.submission_port):
            wait_until(f"Postfix listens at {port}", lambda: port_is_open(port), patience(20))

    def begin_stop(self):
        """Tells it to end at once (`postfix abort`): what mail is still there is nobody's."""
        if self.started:
            try:
                os.kill(self.master_pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def end(self):
        if self.started:
            self.begin_stop()
            self.started = False
            wait_until("Postfix ends", lambda: not os.path.exists(f"/proc/{self.master_pid}"),
                       patience(20))

    def stop(self):
        """Idempotent."""
        self.end()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self):
        """With what its files say now; its queue stays."""
        self.end()
        self.start()

    def log(self, last=80):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return "".join(file.readlines()[-last:])
        except OSError:
            return ""

    def events(self):
        """What the log says of messages: [(service, queue id, text)]; service: "mint/smtp"."""
        found = []
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            for line in file:
                match = re.search(r" postfix/([\w./-]+)\[\d+\]: ([0-9A-Za-z]{6,20}): (.*)$", line)
                if match:
                    found.append(match.groups())
        return found

    def next_queue_ids(self, queue_id):
        """The queue ids that a message got at the servers that it was sent on to."""
        return [match[1] for _, event_id, text in self.events() if event_id == queue_id
                for match in [re.search(r"status=sent .*queued as (\w+)", text)] if match]

    def queue(self, name=None):
        """Messages that are here: their queue ids. name: in that queue ("deferred")."""
        found = map(json.loads, self.command("postqueue", "-j").splitlines())
        return [entry["queue_id"] for entry in found if name in (None, entry["queue_name"])]

    def flush_until(self, what, condition, timeout_s=60.0):
        """Has Postfix try what it put off, every second until condition() holds: what is put off at
        that very moment it passes over."""
        last = [0.0]

        def flushed():
            if time.monotonic() > last[0] + 1:
                self.command("postqueue", "-f")
                last[0] = time.monotonic()
            return condition()
        wait_until(what, flushed, patience(timeout_s))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind is not Skip:
            print(f"--- the end of the log of {self.hostname}:\n" + self.log())
        self.stop()


class Keys:
    """A DKIM key of a domain: key_file (private), test_keys (as OpenDKIM's TestPublicKeys)."""

    def __init__(self, folder, domain=SENDER, bits=2048):
        self.folder, self.domain = folder, domain
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["opendkim-genkey", "-b", str(bits), "-d", domain, "-s", SELECTOR, "-D",
                        folder], check=True, capture_output=True, timeout=60)
        with open(os.path.join(folder, f"{SELECTOR}.txt"), encoding="utf-8") as file:
            record = "".join(re.findall(r'"([^"]*)"', file.read()))
        self.key_file = os.path.join(folder, f"{SELECTOR}.private")
        self.test_keys = os.path.join(folder, "testkeys")
        with open(self.test_keys, "w", encoding="utf-8") as file:
            file.write(f"{SELECTOR}._domainkey.{domain} {record}\n")
        for name in os.listdir(folder):
            shutil.chown(os.path.join(folder, name), "opendkim")
            os.chmod(os.path.join(folder, name), 0o600 if name.endswith("private") else 0o644)


def opendkim(keys, mode="sv", changes=(), lines=""):
    """A private OpenDKIM by opendkim/opendkim.conf, as a Server. changes: pairs of (old, new) in
    that file; lines: more of them."""
    port = free_port()
    text = replaced(setup_file("opendkim/opendkim.conf"),
                    ("/etc/dkimkeys/s1.private", keys.key_file),
                    ("inet:8891@127.0.0.1", f"inet:{port}@127.0.0.1"), ("sv\n", f"{mode}\n"),
                    *changes)
    # Its own user and no system log; keys by a file, as no DNS is asked; a folder below /tmp.
    text += (f"\nUserID opendkim\nSyslog no\nRequireSafeKeys no\n"
             f"TestPublicKeys {keys.test_keys}\n{lines}\n")
    path = os.path.join(keys.folder, f"opendkim-{port}.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return Server("opendkim", ["/usr/sbin/opendkim", "-f", "-x", path], port=port, gently=False)


def frank_milter(mode, *args, config="", folder=None):
    """A private frank-milter, as a Server. config: text of a configuration file. folder: for its
    state and configuration."""
    port = free_port()
    path = os.path.join(folder, f"milter-{mode}-{port}.conf")
    state = os.path.join(folder, f"milter-{mode}-{port}")
    os.makedirs(state, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(config)
    server = Server(f"frank-milter {mode}",
                    [program("frank-milter"), "--mode", mode, "--config", path, "--socket",
                     f"inet:{port}@127.0.0.1", "--state", state, *args])
    server.port_number = port
    return server


def log_events(lines, event=None):
    """key=value lines of our programs as dicts, those of one event where given."""
    found = []
    for line in lines:
        words = {key: quoted or plain for key, quoted, plain in
                 re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line)}
        if "event" in words and (event is None or words["event"] == event):
            found.append(words)
    return found
