"""The SpamAssassin plugin inside a real SpamAssassin, with keys from a private DNS. Installed as
host/mail/spamassassin/README.md says."""

import os
import re
import shutil
import subprocess
import tempfile
import time

from authority_support import Authority, verb
from filters_support import (FACTOR, TO, Sender, b_of, cases, document, frank, key_for, previous,
                             run, stamp, with_key, write)
from harness import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = os.path.join(os.environ["FRANK_SOURCE"], "host", "mail", "spamassassin")
CONFIG = "/etc/spamassassin"
# No rule but ours and DKIM's may ask the network.
LOCAL = """dns_server 127.0.0.1:{dns}
dns_available yes
skip_rbl_checks 1
use_bayes 0
add_header all MSMR _MSMR_
"""
SETTINGS = """msmr_factor 77
msmr_factor_file {folder}/factor.json
msmr_envelope_header X-Original-To
msmr_lists lists.test
"""
SCORES = {"pass": "-2.0", "policy": "0.1", "fail": "0.5"}


class SpamAssassin:
    """settings: further lines of local.cf; {folder} is the folder of its configuration."""

    def __init__(self, dns_port, settings=SETTINGS):
        if shutil.which("spamassassin") is None:
            raise Skip("spamassassin is not here (Debian package spamassassin)")
        self.folder = tempfile.mkdtemp(prefix="frank-spamassassin-")
        self.factor_path = os.path.join(self.folder, "factor.json")
        self.process = None
        try:
            for name in os.listdir(CONFIG):
                if name.endswith(".pre"):
                    shutil.copy(os.path.join(CONFIG, name), self.folder)
            # The three steps of README.md.
            for name in ("MSMR.pm", "MSMRJudge.pm", "msmr.pre", "msmr.cf"):
                shutil.copy(os.path.join(PLUGIN, name), self.folder)
            text = LOCAL.format(dns=dns_port) + settings.format(folder=self.folder)
            write(os.path.join(self.folder, "local.cf"), text)
            write(os.path.join(self.folder, "prefs"), "")
            write(self.factor_path, f"{FACTOR}\n")
            self.log_path = os.path.join(self.folder, "log")
            with open(self.log_path, "wb") as log:
                self.process = subprocess.Popen(
                    ["perl", os.path.join(HERE, "filters_spamassassin.pl"), self.folder],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        except BaseException:
            self.stop()
            raise

    def judge(self, message, recipients=(TO,)):
        """({rule: score} of MSMR's, what the plugin says). The mail server writes X-Original-To."""
        line_end = b"\r\n" if b"\r\n" in message else b"\n"
        head = b"X-Original-To: " + ", ".join(recipients).encode() + line_end if recipients else b""
        text = head + message
        self.process.stdin.write(str(len(text)).encode() + b"\n" + text)
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode()
        assert line.endswith("\n"), self.log()
        hits, said = line[:-1].split("\t")
        rules = dict(hit.split("=") for hit in hits.split())
        return {name: score.split()[-1] if " " in score else score
                for name, score in rules.items() if name.startswith("MSMR_")}, said

    def command(self, message, *args):
        """By the command `spamassassin`: the message as it comes out, and what it wrote."""
        done = subprocess.run(["spamassassin", "--siteconfigpath=" + self.folder,
                               "--configpath=/usr/share/spamassassin", "--prefspath",
                               os.path.join(self.folder, "prefs"), *args], input=message,
                              capture_output=True, timeout=120, check=False)
        return done.stdout.decode(), done.stderr.decode()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.stdout.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("--- SpamAssassin wrote:\n" + self.log()[-5000:])
        self.stop()


def expect(answer, verdict, name):
    """Checks that the rule of the verdict hit, and no other; returns what was said."""
    rules, said = answer
    assert list(rules) == ["MSMR_" + verdict.upper()], (name, verdict, rules, said)
    score = rules["MSMR_" + verdict.upper()]
    assert float(score) == float(SCORES.get(verdict, "0.001")), (name, score)
    return said


def every_case_gets_its_rule():
    with Sender() as sender, SpamAssassin(sender.dns.port) as filtering:
        for name, message, recipients, verdict, word in cases(sender):
            # Mail::DKIM says of no answer what it says of a missing key
            if name == "DNS is broken" or verdict is None:
                verdict = "policy"
            said = expect(filtering.judge(message, recipients), verdict, name)
            assert word in said, (name, word, said)
            if verdict == "pass":
                assert re.fullmatch(rf"pass \([0-9.]+ bits, factor {FACTOR} of file\) b=\S{{8}}",
                                    said), said
        # Without the field nobody knows the envelope.
        expect(filtering.judge(stamp(sender.mail(to="x@y.test")), []), "pass", "no envelope")
        # Perl warns of nothing.
        assert "uninitialized" not in filtering.log(), filtering.log()


def the_command_shows_it_in_the_mail():
    with Sender() as sender, SpamAssassin(sender.dns.port) as filtering:
        out, wrote = filtering.command(b"", "--lint")
        assert not out and not wrote, (out, wrote)
        message = stamp(sender.mail())
        out, _ = filtering.command(message)
        head = re.sub(r"\n[ \t]+", " ", out.split("\n\n")[0])
        assert re.search(r"^X-Spam-Status: No, .*MSMR_PASS", head, re.M), head
        assert re.search(rf"^X-Spam-MSMR: pass \(.*factor {FACTOR} of file\)", head, re.M), head
        out, _ = filtering.command(message + b"PS: buy!\n")
        head = re.sub(r"\n[ \t]+", " ", out.split("\n\n")[0])
        assert "MSMR_POLICY" in head and "MSMR_PASS" not in head and "dkim: " in head, head
        # Nobody has asked DNS: nothing is known of the signature.
        out, _ = filtering.command(message, "--local")
        head = re.sub(r"\n[ \t]+", " ", out.split("\n\n")[0])
        assert "MSMR_PASS" not in head and "x-spam-msmr: policy" in head.lower(), head


def factors_come_from_the_file():
    with Sender() as sender, SpamAssassin(sender.dns.port) as filtering:
        plain = sender.mail()
        value, number = key_for(b_of(plain), 2000, 3000)
        message = with_key(plain, value)
        limit = (2**256 - 1) // number  # the largest factor that it meets

        def judged(text, verdict):
            write(filtering.factor_path, text)
            return expect(filtering.judge(message), verdict, text)

        assert f"factor {limit} of file" in judged(f"{limit}\n", "pass")
        judged(f"{limit + 1}\n", "policy")
        assert "authority.example#5" in judged(document(5, limit), "pass")
        judged(document(6, 9000), "policy")
        judged(document(7, 9000, more=previous(6, limit + 1, 600)), "policy")
        said = judged(document(8, 9000, more=previous(7, limit, 600)), "pass")
        assert f"factor {limit} of authority.example#7" in said, said
        judged(document(9, 9000, more=previous(7, limit, -1)), "policy")
        for epoch, factor, verdict in ((10, limit, "pass"), (11, 9000, "policy")):
            write(filtering.factor_path, document(epoch, factor, more=',"mode":"testing"'))
            rules, said = filtering.judge(message)
            assert list(rules) == ["MSMR_TESTING"] and said.startswith(verdict), (rules, said)
            assert list(filtering.judge(plain)[0]) == ["MSMR_NONE"]
        judged(document(12, 9000), "policy")
        # What is wrong changes nothing, and is said.
        for text in ("", "junk", document(13, 9000)[:-3], document(4, 1), document(12, 1),
                     document(13, 1, expires_in_s=-5)):
            assert "authority.example#12" in judged(text, "policy")
        os.unlink(filtering.factor_path)
        assert "authority.example#12" in expect(filtering.judge(message), "policy", "no file")
        assert filtering.log().count("what was known before goes on") == 7, filtering.log()
        # Expired: then the setting msmr_factor.
        write(filtering.factor_path, document(13, 9000, expires_in_s=15))
        expect(filtering.judge(message), "policy", "not yet expired")
        time.sleep(15.5)
        assert "factor 77 of config" in expect(filtering.judge(message), "pass", "expired")


def factors_come_from_the_command():
    with Sender() as sender, SpamAssassin(sender.dns.port) as filtering, \
            Authority(["--factor", str(FACTOR), "--issuer", "authority.example"]) as authority:
        [key, _] = verb(authority.state, "keys")[1]
        message = stamp(sender.mail())
        for factor, source in ((FACTOR, "authority.example#1"), (10**9, "authority.example#1")):
            done = frank("factor", f"http://127.0.0.1:{authority.port}", "--factor-key", key["key"],
                         "--json")
            assert done.returncode == 0, done
            write(filtering.factor_path, done.stdout.decode())
            said = expect(filtering.judge(message), "pass", factor)
            assert f"factor {FACTOR} of {source}" in said, said  # first in force, then previous
            verb(authority.state, "publish", "--factor", str(10**9))
            authority.wait_epoch(2)


def settings_are_checked():
    with Sender() as sender:
        wrong = ["msmr_factor 1.5", "msmr_factor -1", "msmr_factor 9007199254740992",
                 "msmr_rules dkim dikm", "msmr_fcator 5"]
        with SpamAssassin(sender.dns.port, "\n".join(wrong) + "\n") as filtering:
            _, wrote = filtering.command(b"", "--lint")
            for line in wrong:
                assert line in wrote, (line, wrote)
        with SpamAssassin(sender.dns.port, f"msmr_factor {FACTOR}\nmsmr_rules dkim\n") as filtering:
            expect(filtering.judge(stamp(sender.mail(length=True))), "pass", "dkim alone")
        with SpamAssassin(sender.dns.port, "msmr_factor 0\nmsmr_rules none\n") as filtering:
            expect(filtering.judge(stamp(sender.mail())), "temperror", "no factor")
        # No rule asked for: still nothing for mail that nobody signed.
        with SpamAssassin(sender.dns.port, f"msmr_factor {FACTOR}\nmsmr_rules none\n") as filtering:
            rules, said = filtering.judge(stamp(sender.mail()) + b"PS\n")
            assert not rules and said.startswith("pass"), (rules, said)


if __name__ == "__main__":
    run(every_case_gets_its_rule, the_command_shows_it_in_the_mail, factors_come_from_the_file,
        factors_come_from_the_command, settings_are_checked)
