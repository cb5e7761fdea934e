"""host/mail/setup/exim with the real Exim: Debian's configuration and our three files, in a mount
namespace of its own where /etc and /var/mail are private copies. Exim's package removes any other mail
server, so tests/run unpacks it below the build folder.
"""

import contextlib
import os
import re
import shutil
import smtplib
import subprocess

from daemon_support import patience
from harness import Frankd, Skip, free_port, program, run, wait_until
from mail_line import ALICE, BOB, FACTOR, check_stamped, key_of, message
from mail_sink import Sink
from mail_support import SENDER, Keys, Server, make_folder, replaced, setup_file

USER_ID = 64999  # of Debian-exim in the namespace

OPTIONS = """dc_eximconfig_configtype='smarthost'
dc_other_hostnames='{domain}'
dc_local_interfaces='127.0.0.1.{first} ; 127.0.0.1.{second} ; 127.0.0.1.{third}'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets='127.0.0.1'
dc_smarthost='127.0.0.1::{sink}'
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname='false'
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
"""

# In the namespace. The last router may send to this host, where the sink is; no names are looked up.
START = """set -e
mount --bind {folder}/etc /etc
mount -t tmpfs none /var/mail
sh {folder}/update-exim4.conf -o {folder}/made.conf
sed -e 's#^spool_directory.*#spool_directory = {folder}/spool#' -e 's#^exim_path.*#exim_path = {exim}#' \\
  -e '/^host_lookup/d' -e '1i log_file_path = {folder}/log/%slog\\npid_file_path = {folder}/exim.pid' \\
  -e 's/^  route_list = .* DCsmarthost byname$/&\\n  self = send/' {folder}/made.conf >/etc/exim4/exim4.conf
grep -q 'DCsmarthost byname' /etc/exim4/exim4.conf
chgrp {user} /etc/exim4/exim4.conf
chmod 640 /etc/exim4/exim4.conf
exec {exim} -bdf
"""


def tools():
    """Where Exim's packages are unpacked: build/tools, or what is in the path below another folder
    than the system's own, whose configuration may be anybody's."""
    found = shutil.which("exim4")
    folder = os.path.dirname(found or "") + "/../.."
    if not found or os.path.realpath(folder) in ("/", "/usr"):
        folder = os.path.join(os.environ.get("FRANK_SOURCE", "."), "build", "tools")
    for name in ("usr/sbin/exim4", "usr/sbin/update-exim4.conf", "etc/exim4/conf.d"):
        if not os.path.exists(os.path.join(folder, name)):
            raise Skip(f"Exim is not unpacked in {os.path.normpath(folder)} (tests/run does it)")
    if os.getuid() != 0:
        raise Skip("Exim can be run by root only")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        raise Skip("no mount namespace can be made here")
    return os.path.realpath(folder)


class Exim:
    """Attributes: port, sink, keys, frankd, folder."""

    def __init__(self, refuse=None):
        folder_of_tools = tools()
        self.exim = os.path.join(folder_of_tools, "usr/sbin/exim4")
        with contextlib.ExitStack() as stack:
            self.folder = make_folder()
            stack.callback(shutil.rmtree, self.folder, True)
            self.keys = Keys(os.path.join(self.folder, "dkim"))
            self.sink = stack.enter_context(Sink(refuse))
            self.frankd = stack.enter_context(Frankd(
                ["--factor", str(FACTOR), "--device", "cpu"], config='ipc_mode = "0666";\n'))
            os.chmod(self.frankd.folder, 0o755)
            self.port, self.second, self.third = free_port(), free_port(), free_port()
            self._lay_out(folder_of_tools)
            self.server = stack.enter_context(Server("exim", ["unshare", "-m", "sh", "-c",
                START.format(folder=self.folder, exim=self.exim, user=USER_ID)],
                port=self.port))
            self._stack = stack.pop_all()

    def _lay_out(self, folder_of_tools):
        etc = os.path.join(self.folder, "etc")
        subprocess.run(["cp", "-a", "/etc", etc], check=True)
        shutil.rmtree(os.path.join(etc, "exim4"), ignore_errors=True)
        subprocess.run(["cp", "-a", f"{folder_of_tools}/etc/exim4", etc], check=True)
        self._append("passwd", f"Debian-exim:x:{USER_ID}:{USER_ID}::/var/spool/exim4:/bin/false\n")
        self._append("group", f"Debian-exim:x:{USER_ID}:\n")
        self._append("hosts", f"127.0.0.1 mta.{SENDER} mta\n")
        self._append("email-addresses", "")
        self._write("mailname", f"{SENDER}\n")
        self._write("exim4/update-exim4.conf.conf", OPTIONS.format(
            domain=SENDER, first=self.port, second=self.second, third=self.third,
            sink=self.sink.port))
        self._write("exim4/conf.d/main/000_test",
                    f"MAIN_HARDCODE_PRIMARY_HOSTNAME = mta.{SENDER}\n")
        for name in ("spool", "log"):
            os.mkdir(os.path.join(self.folder, name))
            os.chown(os.path.join(self.folder, name), USER_ID, USER_ID)
        shutil.copy(self.keys.key_file, os.path.join(etc, "exim4/dkim-s1.private"))
        os.chown(os.path.join(etc, "exim4/dkim-s1.private"), USER_ID, USER_ID)
        ports = (("10026", str(self.second)), ("10027", str(self.third)))
        self._write("exim4/conf.d/main/000_frank", setup_file("exim/main.conf"))
        self._write("exim4/conf.d/router/010_frank",
                    replaced(setup_file("exim/router.conf"), *ports))
        self._write("exim4/conf.d/transport/010_frank", setup_file("exim/transport.conf"))
        self._write("exim4/frank-stamp", replaced(
            setup_file("exim/frank-stamp"), ("/usr/bin/frank", program("frank")),
            ("ipc:///run/frank/mint.sock", self.frankd.ipc),
            ("/var/log/exim4", f"{self.folder}/log")))
        os.chmod(os.path.join(etc, "exim4/frank-stamp"), 0o755)
        with open(f"{folder_of_tools}/usr/sbin/update-exim4.conf", encoding="utf-8") as file:
            text = replaced(file.read(), ('EXIM="/usr/sbin/exim4"', f'EXIM="{self.exim}"'))
        with open(os.path.join(self.folder, "update-exim4.conf"), "w", encoding="utf-8") as file:
            file.write(text)

    def _write(self, name, text, mode="w"):
        with open(os.path.join(self.folder, "etc", name), mode, encoding="utf-8") as file:
            file.write(text)

    def _append(self, name, text):
        self._write(name, text, "a")

    def command(self, *words, stdin=None):
        """Runs Exim in its namespace."""
        done = subprocess.run(["nsenter", "-t", str(self.server.pid), "-m", self.exim, *words],
                              input=stdin, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def log(self):
        with open(os.path.join(self.folder, "log/mainlog"), encoding="utf-8") as file:
            return file.read()

    def submit(self, mail, recipients=(BOB,), sender=ALICE):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=120) as client:
            client.sendmail(sender, list(recipients), mail)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind is not Skip and os.path.exists(f"{self.folder}/log/mainlog"):
            print("--- Exim's log:\n" + self.log())
        return self._stack.__exit__(kind, value, trace)


def passes(delivery):
    """frank verify on what came."""
    done = subprocess.run([program("frank"), "verify", "--factor", str(FACTOR), "-"],
                          input=delivery.data, capture_output=True, timeout=120, check=False)
    return done.returncode == 0 and done.stdout.startswith(b"pass")


def exim_signs_and_stamps():
    """By SMTP and from the command line; one mail to two domains has one stamp; dots and 8 bits stay."""
    with Exim() as exim:
        body = "Grüße.\r\n.a line with a dot\r\n" + "x" * 900 + "\r\n"
        exim.submit(message("smtp", body=body), [BOB, "carol@other.test"])
        exim.command("-f", ALICE, BOB, stdin=message("command").replace(b"\r\n", b"\n"))
        wait_until("all have it", lambda: sum(len(d.recipients) for d in exim.sink.deliveries) == 3,
                   patience(60))
        for delivery in exim.sink.deliveries:
            check_stamped(delivery, exim.keys)
            assert passes(delivery), delivery.data
            if "smtp@" in delivery.values("message-id")[0]:
                assert delivery.data.endswith(body.encode()), delivery.data
        assert len({key_of(d) for d in exim.sink.deliveries}) == 2, exim.log()


def exim_keeps_the_stamp_of_mail_tried_again():
    tries = []

    def refuse(delivery):
        tries.append(delivery)
        return "451 later" if len(tries) == 1 else None

    with Exim(refuse) as exim:
        exim.submit(message("1"))
        wait_until("the first try", lambda: tries, patience(30))
        wait_until("it waits", lambda: exim.command("-bpc").strip() == "1", patience(30))

        def tried_again():  # a mail that another process still has at hand is passed over
            exim.command("-qff")
            return exim.sink.deliveries

        wait_until("the second try", tried_again, patience(60), 0.5)
        [delivery] = exim.sink.deliveries
        assert key_of(tries[0]) == key_of(delivery) and passes(delivery), exim.log()


def exim_lets_mail_out_without_frankd():
    """Signed and unstamped; bounces are neither."""
    with Exim() as exim:
        exim.frankd.process.kill()
        exim.frankd.process.wait(60)
        exim.submit(message("1"))
        [delivery] = exim.sink.wait(1)
        assert delivery.values("dkim-signature") and not delivery.values("msmr-key"), delivery.data
        assert delivery.data.endswith(b"\r\n\r\nHello.\r\n"), delivery.data
        with open(f"{exim.folder}/log/frank.log", encoding="utf-8") as file:
            [line] = file.read().splitlines()

        def handed_on():  # written when the next process has taken it
            return re.findall(r" (\S+) => bob@\S+ R=frank_stamp", exim.log())

        wait_until("the second pass is in the log", handed_on, patience(30))
        [queue_id] = handed_on()
        assert f" {queue_id} " in line and "no stamp" in line, line
        exim.submit(message("2"), sender="")
        bounce = exim.sink.wait(2)[1]
        assert not bounce.values("dkim-signature"), bounce.data


if __name__ == "__main__":
    run(exim_signs_and_stamps, exim_keeps_the_stamp_of_mail_tried_again,
        exim_lets_mail_out_without_frankd)
