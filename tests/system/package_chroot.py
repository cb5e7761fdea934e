"""The package in a Debian of its own (tests/run --full, as root): it installs, works, and goes; and the
steps of the page for operators of Postfix lead to a stamped mail.

    package_chroot.py install | steps
"""

import glob
import os
import re
import shutil
import sys

import chroot_support
from chroot_support import Chroot
from harness import run

SOURCE = os.environ.get("FRANK_SOURCE", ".")
PAGE = os.path.join(SOURCE, "host", "mail", "setup", "postfix-reinject", "README.md")
UNITS = ("frank-authority", "frank-milter-mint", "frank-milter-verify")
# What changes by other packages' doing, by apt and dpkg themselves; users stay, as Debian has it.
NOT_OURS = ("proc/", "sys/", "dev/", "run/", "tmp/", "root/", "var/cache/apt", "var/cache/debconf",
            "var/cache/ldconfig", "var/lib/apt", "var/lib/dpkg", "var/log/apt", "var/log/dpkg.log",
            "var/log/alternatives.log", "etc/ld.so.cache", "etc/passwd", "etc/group", "etc/shadow",
            "etc/gshadow", "etc/.pwd.lock", "var/cache/man")


def package():
    found = glob.glob(os.path.join(chroot_support.BUILD, "packages", "frank_*.deb"))
    assert len(found) == 1, found
    return found[0]


def everything(root):
    """Every path with the time of its last change of contents, but for what is not ours."""
    found = set()
    for folder, folders, files in os.walk(root.path):
        for name in folders + files:
            path = os.path.relpath(os.path.join(folder, name), root.path)
            if not path.startswith(NOT_OURS):
                found.add(path)
        folders[:] = [name for name in folders if not os.path.ismount(os.path.join(folder, name))]
    return found


def is_enabled(root, unit):
    return root.exists(f"/etc/systemd/system/multi-user.target.wants/{unit}.service")


def install(root):
    root.run("cd /root && apt-get install -y ./frank_*.deb")


def users_and_units_are_there(root):
    assert "frank" in root.run("id -nG frank-milter").split()
    for user in ("frank", "frank-milter", "frank-authority"):
        assert "nologin" in root.run(f"getent passwd {user}"), user
    assert is_enabled(root, "frankd")
    for unit in UNITS:
        assert not is_enabled(root, unit), unit
    # Installed, not started: policy-rc.d says so here.
    assert root.run("ls /proc/*/exe -l 2>/dev/null | grep -c /frank || true").strip() == "0"


def frankd_works(root):
    root.run("systemctl start frankd")
    root.run("frank status --wait 60")
    b = "AAAA" * 86
    mint = f"frank mint --connect ipc:///run/frank/mint.sock --factor 10000 --b {b}"
    assert "MSMR-Key:" in root.run(mint)
    assert "MSMR-Key:" in root.run(mint, user="frank-milter")
    # Who is not in the group frank may not ask.
    assert "MSMR-Key:" not in root.run(mint, status=3, user="nobody")


def others_work(root):
    for mode, port in (("mint", 8895), ("verify", 8896)):
        root.run(f"systemctl start frank-milter-{mode}")
        assert f"127.0.0.1:{port}" in listeners(root), mode
        root.run(f"systemctl stop frank-milter-{mode}")
    root.run("systemctl start frank-authority")
    assert "MSMR" in root.run("frank factor http://127.0.0.1:9610 --json | head -n 1; echo MSMR")
    root.run("frank factor http://127.0.0.1:9610")
    root.run("systemctl stop frank-authority")


def listeners(root):
    """ADDRESS:PORT of IPv4 sockets that listen, in the chroot's network."""
    found = []
    for line in root.run("cat /proc/net/tcp").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            address, port = fields[1].split(":")
            octets = [str(int(address[at:at + 2], 16)) for at in (6, 4, 2, 0)]
            found.append(f"{'.'.join(octets)}:{int(port, 16)}")
    return found


def upgrade_keeps_what_was_changed(root):
    root.run("echo 'factor = 65536;' >>/etc/frank/frankd.conf")
    root.run("frankd --check")
    root.run("/usr/bin/systemctl disable frankd")
    assert not is_enabled(root, "frankd")
    root.run("dpkg -i /root/frank_*.deb")
    assert "factor = 65536;" in root.read("/etc/frank/frankd.conf")
    assert not is_enabled(root, "frankd"), "what was disabled was enabled by an upgrade"
    root.run("/usr/bin/systemctl enable frankd frank-milter-mint")
    root.run("dpkg -i /root/frank_*.deb")
    assert is_enabled(root, "frankd") and is_enabled(root, "frank-milter-mint")
    assert not is_enabled(root, "frank-milter-verify")


def removal_keeps_configuration_and_state(root):
    root.run("touch /var/lib/frank/kept")
    root.run("apt-get remove -y frank")
    assert not root.exists("/usr/sbin/frankd") and root.exists("/etc/frank/frankd.conf")
    assert root.exists("/var/lib/frank/kept")
    assert os.readlink(root.path + "/etc/systemd/system/frankd.service") == "/dev/null"
    install(root)
    assert not root.exists("/etc/systemd/system/frankd.service") and is_enabled(root, "frankd")
    assert not is_enabled(root, "frank-milter-verify") and not is_enabled(root, "frank-authority")
    assert "factor = 65536;" in root.read("/etc/frank/frankd.conf")


def package_installs_works_and_goes():
    root = Chroot(INSIDE)
    shutil.copy(package(), root.path + "/root")
    root.run("apt-get satisfy -y \"$(dpkg-deb -f /root/frank_*.deb Depends), ca-certificates, dns-root-data\"")
    before = everything(root)
    install(root)
    users_and_units_are_there(root)
    frankd_works(root)
    others_work(root)
    root.run("systemctl stop frankd")
    upgrade_keeps_what_was_changed(root)
    removal_keeps_configuration_and_state(root)
    root.run("apt-get purge -y frank")
    # The stand-in for systemd writes logs, where systemd has the journal.
    after = {path for path in everything(root) if not re.match(r"var/log/frank[a-z-]*\.log$", path)}
    assert after == before, f"left: {sorted(after - before)}; lost: {sorted(before - after)}"
    assert "frank" in root.run("getent passwd frank")


def steps(kind):
    """The blocks of shell of the page, in their order."""
    with open(PAGE, encoding="utf-8") as file:
        return re.findall(rf"^```{kind}\n(.*?)^```", file.read(), re.M | re.S)


def postfix_steps_lead_to_a_stamped_mail():
    root = Chroot(INSIDE)
    shutil.copy(package(), root.path + "/root")
    root.run("apt-get install -y --no-install-recommends debconf-utils; "
             "printf 'postfix postfix/main_mailer_type select Internet Site\\n"
             "postfix postfix/mailname string sender.test\\n' | debconf-set-selections")
    blocks = steps("sh")
    assert len(blocks) >= 6 and "apt-get install" in blocks[0], blocks
    # What the installation does itself where systemd runs, and with what Postfix begins there.
    blocks.insert(1, "systemctl restart postfix\nsystemctl start frankd\n")
    script = "set -eu\ncd /root\n" + "".join(f"echo '== block {i}'\n{block}"
                                            for i, block in enumerate(blocks))
    said = root.run(script)
    print("      " + said.strip().replace("\n", "\n      ")[-1500:])
    mail = root.read("/var/mail/mail")
    assert re.search(r"^MSMR-Key: v=1", mail, re.M) and re.search(r"^DKIM-Signature:", mail, re.M), mail
    assert mail.index("MSMR-Key:") < mail.index("DKIM-Signature:"), mail
    assert re.search(r"^pass \(", said, re.M), said
    assert "event=stamped" in root.read("/var/log/frank-milter-mint.log")

    # And out again.
    undo = steps("sh undo")
    assert len(undo) == 1, undo
    root.run("set -eu\n" + undo[0])
    send = blocks[-1].split("frank verify")[0]
    root.run("set -u\ndomain=sender.test\n: >/var/mail/mail\n" + send)
    mail = root.read("/var/mail/mail")
    assert "DKIM-Signature:" in mail and "MSMR-Key" not in mail, mail
    root.run("systemctl stop frank-milter-mint\nsystemctl stop frankd\npostfix stop")


TESTS = {"install": package_installs_works_and_goes, "steps": postfix_steps_lead_to_a_stamped_mail}


def prepare():
    """Outside: the base and the package; then everything again, inside."""
    chroot_support.need("debootstrap", "unshare", "nsenter", "ip", "cpack", "apt-get")
    chroot_support.make_base()
    import package_deb
    package_deb.pack()


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        INSIDE = sys.argv[2]
        run(TESTS[sys.argv[3]])
    else:
        try:
            run(prepare)
        except SystemExit as end:
            if end.code:
                raise
        chroot_support.outside(os.path.abspath(__file__), sys.argv[1])
