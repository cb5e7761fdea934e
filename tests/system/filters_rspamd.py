"""The rspamd plugin inside a real rspamd: private, on loopback, with a private Redis and keys from a
private DNS. Installed as host/mail/rspamd/README.md says."""

import http.client
import json
import os
import pwd
import shutil
import subprocess
import tempfile

from authority_support import BASE, Authority, verb
from filters_support import (FACTOR, TO, Sender, b_of, cases, document, key_for, previous, run,
                             stamp, with_key, write)
from harness import Skip, free_port, wait_until

PLUGIN = os.path.join(os.environ["FRANK_SOURCE"], "host", "mail", "rspamd")
CONFIG = "/etc/rspamd"
# What else rspamd would do asks the whole internet.
MODULES = ["dkim.conf", "redis.conf"]

OPTIONS = """dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 1s; retransmits = 1; }}
map_watch_interval = 0.3s;
disable_hyperscan = true; # compiling all patterns takes long,
url_tld = "{folder}/tlds"; # and making a search tree of 10000 domains 12 s
control_socket = "{folder}/control.sock mode=0600";
"""
WORKER = """bind_socket = "127.0.0.1:{port}"; count = 1; enabled = true;
"""
# Rules of the operator's: one puts mail off, as greylisting does, one finds spam.
DEFER = """rspamd_config:register_symbol({
  name = 'TEST_DEFER', type = 'postfilter', callback = function(task)
    if task:get_header('X-Defer') then
      task:set_pre_result('soft reject', 'later', 'test')
    end
  end,
})
rspamd_config:register_symbol({
  name = 'TEST_SPAM', type = 'normal', score = 30.0, callback = function(task)
    return task:get_header('X-Advertisement') ~= nil
  end,
})
"""


class Child:
    """A program of ours in the foreground, its output in a file. path: where it lies, if it goes by
    another name."""

    def __init__(self, command, log, path=None):
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, executable=path, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=subprocess.STDOUT)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


def need(name, package):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if path is None:
        raise Skip(f"{name} is not here (Debian package {package})")
    return path


class Redis:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="frank-redis-")
        self.port = free_port()
        # One program, that goes by its name; redis-server is a package with a link and a service.
        self.child = Child(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                            "--dir", self.folder, "--save", ""],
                           os.path.join(self.folder, "log"), need("redis-check-rdb", "redis-tools"))
        wait_until("Redis answers", lambda: self.ask("PING") == "PONG")

    def ask(self, *args):
        done = subprocess.run([need("redis-cli", "redis-tools"), "-p", str(self.port), *args],
                              capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip()

    def stop(self):
        self.child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()


class Rspamd:
    """settings: the text of local.d/msmr.conf; %(folder)s is a folder that rspamd reads."""

    def __init__(self, dns_port, settings):
        need("rspamd", "rspamd")
        self.folder = tempfile.mkdtemp(prefix="frank-rspamd-")
        self.port = free_port()
        self.log_path = os.path.join(self.folder, "rspamd.log")
        self.factor_path = os.path.join(self.folder, "factor.json")
        self.child = None
        try:
            self._configure(dns_port, settings % {"folder": self.folder})
            self._start()
        except BaseException:
            self.stop()
            raise

    def _configure(self, dns_port, settings):
        etc = os.path.join(self.folder, "etc")
        shutil.copytree(CONFIG, etc, ignore=shutil.ignore_patterns("local.d", "override.d"))
        for name in os.listdir(os.path.join(etc, "modules.d")):
            if name not in MODULES:
                os.unlink(os.path.join(etc, "modules.d", name))
        # The three steps of README.md.
        for name, place in (("msmr.lua", "plugins.d"), ("msmr_judge.lua", "lua"),
                            ("msmr_replay.lua", "lua"), ("msmr_report.lua", "lua"),
                            ("msmr.conf", "modules.d"), ("msmr_group.conf", "scores.d")):
            os.makedirs(os.path.join(etc, place), exist_ok=True)
            shutil.copy(os.path.join(PLUGIN, name), os.path.join(etc, place, name))
        local = os.path.join(etc, "local.d")
        os.makedirs(local)
        texts = {"options.inc": OPTIONS.format(dns=dns_port, folder=self.folder),
                 "worker-normal.inc": WORKER.format(port=self.port),
                 "worker-controller.inc": "enabled = false;\n",
                 "worker-proxy.inc": "enabled = false;\n",
                 "logging.inc": f'type = "file"; filename = "{self.log_path}"; level = "info";\n',
                 "msmr.conf": settings}
        for name, text in texts.items():
            with open(os.path.join(local, name), "w", encoding="utf-8") as file:
                file.write(text)
        with open(os.path.join(self.folder, "tlds"), "w", encoding="utf-8") as file:
            file.write("test\nexample\n")
        with open(os.path.join(etc, "rspamd.local.lua"), "w", encoding="utf-8") as file:
            file.write(DEFER)
        if not os.path.exists(self.factor_path):
            write(self.factor_path, f"{FACTOR}\n")
        if os.geteuid() == 0:  # the daemon gives its rights away
            user = pwd.getpwnam("_rspamd")
            for folder, _, files in os.walk(self.folder):
                for name in ["."] + files:
                    os.chown(os.path.join(folder, name), user.pw_uid, user.pw_gid)

    def _start(self):
        etc = os.path.join(self.folder, "etc")
        command = [need("rspamd", "rspamd"), "-f", "-c", os.path.join(etc, "rspamd.conf"),
                   f"--var=CONFDIR={etc}", f"--var=LOCAL_CONFDIR={etc}",
                   f"--var=DBDIR={self.folder}", f"--var=RUNDIR={self.folder}",
                   f"--var=LOGDIR={self.folder}"]
        if os.geteuid() == 0:
            command += ["-u", "_rspamd", "-g", "_rspamd"]
        self.child = Child(command, os.path.join(self.folder, "output"))
        wait_until("rspamd answers", self._answers, 60)

    def _answers(self):
        if self.child.process.poll() is not None:
            with open(os.path.join(self.folder, "output"), encoding="utf-8") as output:
                raise AssertionError("rspamd ended: " + output.read() + self.log()[-3000:])
        try:
            return self._ask("GET", "/ping")[0] == 200
        except OSError:
            return False

    def _ask(self, method, path, body=None, headers=()):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            link.putrequest(method, path)
            for name, value in [*headers, ("Content-Length", str(len(body or b"")))]:
                link.putheader(name, value)
            link.endheaders(body or b"")
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()

    def judge(self, message, recipients=(TO,), ip="192.0.2.7", more=()):
        """({symbol: (score, [option...])} of ours, the whole answer)."""
        headers = [("From", "alice@sender.test"), ("IP", ip), ("Helo", "mx.sender.test"), *more]
        headers += [("Rcpt", recipient) for recipient in recipients]
        status, body = self._ask("POST", "/checkv2", message, headers)
        assert status == 200, (status, body)
        answer = json.loads(body)
        return {name: (symbol["score"], symbol.get("options", []))
                for name, symbol in answer["symbols"].items() if name.startswith("MSMR_")}, answer

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def set_factor(self, text, said):
        """Changes the file of factor_map and waits for what the log says of it."""
        before = self.log().count(said)
        write(self.factor_path, text)
        wait_until(f"rspamd says '{said}'", lambda: self.log().count(said) > before, 20)

    def stop(self):
        if self.child is not None:
            self.child.stop()
        if os.environ.get("FRANK_KEEP"):
            print("kept: " + self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind is not Skip:
            print("--- rspamd wrote:\n" + "\n".join(
                line for line in self.log().splitlines()
                if "msmr" in line.lower() or "error" in line)[-6000:])
        self.stop()


SETTINGS = """factor = 77;
factor_map = "%(folder)s/factor.json";
lists = ["lists.test"];
"""


def expect(found, verdict, name):
    """Checks that there is one symbol, that of the verdict; returns (score, options)."""
    assert list(found) == ["MSMR_" + verdict.upper()], (name, verdict, found)
    [symbol] = found.values()
    return symbol


def every_case_gets_its_symbol():
    with Sender() as sender, Redis() as redis:
        with Rspamd(sender.dns.port, SETTINGS + f'servers = "127.0.0.1:{redis.port}";\n') as rspamd:
            for name, message, recipients, verdict, word in cases(sender):
                verdict = verdict or "temperror"  # nobody could be asked
                score, options = expect(rspamd.judge(message, recipients)[0], verdict, name)
                assert word in " ".join(options), (name, word, options)
                assert score == {"pass": -2.0, "policy": 0.1, "fail": 0.5}.get(verdict, 0), name
                if verdict == "pass":
                    assert f"factor {FACTOR}" in options and "map" in options, options
                    assert [text for text in options if text.startswith("b=")], options
            # A stamp alone decides nothing.
            message = stamp(sender.mail())
            assert rspamd.judge(message)[1]["action"] == "no action"
            # Mail of one's own is not judged.
            assert not rspamd.judge(message, ip="127.0.0.1")[0]
            assert not rspamd.judge(message, more=[("User", "alice")])[0]
            assert "attempt to" not in rspamd.log(), "an error in Lua"
            lines = [line for line in rspamd.log().splitlines() if "event=judged" in line]
            assert any("result=pass" in line for line in lines), lines


def replays_are_counted():
    with Sender() as sender, Redis() as redis:
        with Rspamd(sender.dns.port, SETTINGS + f'servers = "127.0.0.1:{redis.port}";\n') as rspamd:
            message = stamp(sender.mail())
            for _ in range(3):
                expect(rspamd.judge(message)[0], "pass", "up to three deliveries")
            for count in (4, 5):
                score, options = expect(rspamd.judge(message)[0], "replay", count)
                assert score == 1.0 and f"replay: {count} deliveries to one recipient" in options
            # To two at once, as addressed.
            message = stamp(sender.mail(to=f"{TO}, carol@rcpt.test"))
            expect(rspamd.judge(message, [TO, "carol@rcpt.test"])[0], "pass", "both")
            # Bcc to many: the first is against the rule recipient, then they are too many.
            message = stamp(sender.mail())
            expect(rspamd.judge(message, ["v0@rcpt.test"])[0], "policy", "a stranger")
            for count in range(2, 12):
                _, options = expect(rspamd.judge(message, [f"v{count}@rcpt.test"])[0], "replay",
                                    count)
                assert f"replay: {count} recipients, 1 addressed" in options, options
            _, options = expect(rspamd.judge(message, [f"w{i}@rcpt.test" for i in range(500)])[0],
                                "replay", "500 at once")
            assert "replay: 511 recipients, 1 addressed" in options, options
            # Another b that decodes to the same is none of ours; white space in b changes nothing.
            folded = message.replace(b_of(message)[-10:].encode(),
                                     b"\n\t" + b_of(message)[-10:].encode())
            _, options = expect(rspamd.judge(folded)[0], "replay", "folded otherwise")
            # Nobody's mail without DKIM is counted, nor can it spoil the count of others.
            before = redis.ask("DBSIZE")
            message = stamp(sender.mail())
            for i in range(5):
                expect(rspamd.judge(message + b"junk\n", [f"v{i}@rcpt.test"])[0], "policy", i)
            assert redis.ask("DBSIZE") == before
            expect(rspamd.judge(message)[0], "pass", "unspoilt")
            # Nor is one whose stamp misses the factor: it would be counted for nothing.
            before = redis.ask("DBSIZE")
            message = sender.mail()
            message = with_key(message, key_for(b_of(message), 10, FACTOR)[0])
            for i in range(5):
                expect(rspamd.judge(message)[0], "policy", i)
            assert redis.ask("DBSIZE") == before
            # What is kept goes away by itself, and names nobody.
            keys = redis.ask("KEYS", "*").split()
            assert len(keys) == int(redis.ask("DBSIZE")) >= 8, keys
            for key in keys:
                assert 28 * 86400 - 600 < int(redis.ask("TTL", key)) <= 28 * 86400, key
                assert key.startswith("msmr{"), key
                if key.endswith("n"):
                    assert "rcpt.test" not in redis.ask("ZRANGE", key, "0", "-1")
            # Put off is not delivered.
            message = b"X-Defer: yes\n" + stamp(sender.mail())
            for _ in range(6):
                found, answer = rspamd.judge(message)
                assert answer["action"] == "soft reject", answer
                expect(found, "pass", "put off")
            # Redis away: mail that would pass cannot be judged now, others can.
            redis.child.stop()
            message = stamp(sender.mail())
            _, options = expect(rspamd.judge(message)[0], "temperror", "no Redis")
            assert "replay: the store cannot be had now" in options, options
            expect(rspamd.judge(message + b"junk\n")[0], "policy", "no Redis, tampered")
            assert "attempt to" not in rspamd.log(), "an error in Lua"


def without_redis_the_rule_is_off():
    with Sender() as sender:
        with Rspamd(sender.dns.port, SETTINGS) as rspamd:
            message = stamp(sender.mail())
            for _ in range(6):
                expect(rspamd.judge(message)[0], "pass", "no Redis")
            assert "no Redis, so the rule replay is off" in rspamd.log()


def factors_come_from_the_map():
    with Sender() as sender:
        with Rspamd(sender.dns.port, SETTINGS + 'rules = ["dkim", "age"];\n') as rspamd:
            plain = sender.mail()
            value, number = key_for(b_of(plain), 2000, 3000)
            message = with_key(plain, value)
            limit = (2**256 - 1) // number  # the largest factor that it meets

            def judged(text, said, verdict):
                rspamd.set_factor(text, said)
                return expect(rspamd.judge(message)[0], verdict, text)

            judged(f"{limit}\n", f"factor {limit} of map", "pass")
            judged(f"{limit + 1}\n", f"factor {limit + 1} of map", "policy")
            score, options = judged(document(5, limit), f"factor {limit} of authority.example#5",
                                    "pass")
            assert score == -2.0 and "authority.example#5" in options, options
            judged(document(6, 9000), "factor 9000 of authority.example#6", "policy")
            judged(document(7, 9000, more=previous(6, limit + 1, 600)), "of authority.example#7",
                   "policy")
            _, options = judged(document(8, 9000, more=previous(7, limit, 600)),
                                "of authority.example#8", "pass")
            assert f"factor {limit}" in options and "authority.example#7" in options, options
            judged(document(9, 9000, more=previous(7, limit, -1)), "of authority.example#9",
                   "policy")
            score, options = judged(document(10, limit, more=',"mode":"testing"'),
                                    "of authority.example#10", "pass")
            assert score == 0 and options[-1] == "testing", (score, options)
            score, _ = judged(document(11, 9000, more=',"mode":"testing"'),
                              "of authority.example#11", "policy")
            assert score == 0, score
            # What is wrong changes nothing.
            for text in ("", "junk", document(12, 9000)[:-3], document(4, 1), document(11, 1),
                         document(12, 1, expires_in_s=-5), '.include "/etc/passwd"'):
                judged(text or "\n", "what was known before goes on", "policy")
            # Short-lived: then the setting `factor`.
            rspamd.set_factor(document(13, 9000, expires_in_s=10), "of authority.example#13")
            wait_until("the document has expired",
                       lambda: "MSMR_PASS" in rspamd.judge(message)[0], 40)
            _, options = expect(rspamd.judge(message)[0], "pass", "expired")
            assert "factor 77" in options and "config" in options, options


def settings_are_checked():
    with Sender() as sender:
        for settings, said in (
                ("factor = 1.5;", "factor is no whole number"),
                ("factor = 9007199254740992;", "factor is no whole number"),
                ('rules = ["dkim", "dikm"];', "there is no rule 'dikm'"),
                ("report_interval = 0;", "report_interval is no time"),
                ("fcator = 5;", "unknown setting 'fcator'"),
                ('report_url = "http://127.0.0.1/";', "belong together")):
            with Rspamd(sender.dns.port, settings) as rspamd:
                assert "msmr is off" in rspamd.log() and said in rspamd.log(), settings
                assert not rspamd.judge(stamp(sender.mail()))[0]
        # One rule, as a text; none.
        with Rspamd(sender.dns.port, f'factor = {FACTOR}; rules = "dkim";') as rspamd:
            expect(rspamd.judge(stamp(sender.mail()), ["eve@rcpt.test"])[0], "pass", "dkim alone")
        with Rspamd(sender.dns.port, "factor = 0; report_none = false; rules = none;") as rspamd:
            expect(rspamd.judge(stamp(sender.mail()) + b"x\n")[0], "temperror", "no factor")
            assert not rspamd.judge(sender.mail())[0]


def observations_are_reported():
    with Sender() as sender, Authority(["--factor", str(FACTOR)]) as authority:
        [record] = verb(authority.state, "reporter", "add", "mx1.example")[1]
        settings = (f'factor = {FACTOR}; report_interval = 2; report_token = "{record["token"]}";\n'
                    f'report_url = "http://127.0.0.1:{authority.port}{BASE}report";\n')
        with Rspamd(sender.dns.port, settings) as rspamd:
            message = stamp(sender.mail())
            for _ in range(3):
                rspamd.judge(message)
            for spam in (stamp(sender.mail()), stamp(sender.mail())):
                assert rspamd.judge(b"X-Advertisement: yes\n" + spam)[1]["action"] == "reject"
            # Of these nothing is said: no stamp, no DKIM, put off.
            rspamd.judge(sender.mail())
            rspamd.judge(message + b"junk\n")
            rspamd.judge(b"X-Defer: yes\n" + message)

            def counted():
                [listed, _] = verb(authority.state, "reporter", "list")[1]
                return listed["messages"]

            wait_until("the authority has counted", lambda: counted() >= 5, 30)
            [told] = verb(authority.state, "estimate")[1]
            # by 14 days of half-life
            assert (counted(), round(told["ham"], 1), round(told["spam"], 1)) == (5, 3, 2), told
            assert "reported" in rspamd.log()
            # An authority that does not answer is told later, once.
            assert authority.end() == 0
            rspamd.judge(message)
            wait_until("it is said", lambda: rspamd.log().count("was not taken") >= 2, 30)
            expect(rspamd.judge(message)[0], "pass", "still")
            authority.args = []
            authority.start(port=authority.port)
            wait_until("all is told", lambda: counted() == 7, 40)


def factors_come_from_an_authority():
    with Sender() as sender, Authority(["--factor", str(FACTOR), "--issuer",
                                        "authority.example"]) as authority:
        settings = f'factor = 77; factor_map = "http://127.0.0.1:{authority.port}{BASE}factor";\n'
        with Rspamd(sender.dns.port, settings) as rspamd:
            message = stamp(sender.mail())
            wait_until("the document is there",
                       lambda: "of authority.example#1" in rspamd.log(), 30)
            _, options = expect(rspamd.judge(message)[0], "pass", "by HTTP")
            assert f"factor {FACTOR}" in options and "authority.example#1" in options, options
            verb(authority.state, "publish", "--factor", str(10**9))
            wait_until("the next document is there",
                       lambda: "factor 1000000000 of authority.example#2" in rspamd.log(), 60)
            _, options = expect(rspamd.judge(message)[0], "pass", "the factor before it")
            assert "authority.example#1" in options, options
            plain = sender.mail()
            expect(rspamd.judge(with_key(plain, key_for(b_of(plain), 10, FACTOR)[0]))[0], "policy",
                   "neither")


if __name__ == "__main__":
    run(every_case_gets_its_symbol, replays_are_counted, without_redis_the_rule_is_off,
        factors_come_from_the_map, settings_are_checked, observations_are_reported,
        factors_come_from_an_authority)
