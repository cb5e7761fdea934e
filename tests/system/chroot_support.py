"""A Debian of this machine's release in a folder of the build, made by debootstrap once and copied for each
test, with processes, mounts, host name and network of its own.

    chroot_support.outside(__file__, "install")   # as root: prepares, and runs the script again inside
    with Chroot() as root: root.run("apt-get install -y ./frank_*.deb")

Which mirror it takes is what this machine's apt says. The network is closed, but for apt-get.
"""

import os
import shutil
import subprocess
import sys
import tempfile

from harness import Skip

BUILD = os.path.dirname(os.environ.get("FRANK_BIN", "build/bin"))
FOLDER = os.path.join(BUILD, "chroot")
BASE = os.path.join(FOLDER, "base")
ARCHIVES = os.path.join(FOLDER, "archives")
HERE = os.path.dirname(os.path.abspath(__file__))
HOST = "mx.sender.test"


def need(*names):
    if os.geteuid() != 0:
        raise Skip("not root")
    for name in names:
        if shutil.which(name) is None:
            raise Skip(f"no {name}")


def said(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def release():
    with open("/etc/os-release", encoding="utf-8") as file:
        found = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    if found.get("ID") != "debian":
        raise Skip("this machine is no Debian")
    return found["VERSION_CODENAME"]


def sources(codename):
    """(URI, suite, component) of Debian itself, as this machine's apt has them."""
    lines = said("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                 "Created-By: Packages").splitlines()
    found = sorted({tuple(line.split()) for line in lines
                    if line.split()[1:2] and line.split()[1].split("-")[0] == codename})
    if not [entry for entry in found if entry[1] == codename]:
        raise Skip(f"apt has no source of {codename} here (apt-get update?)")
    return found


def apt_settings():
    """Proxies, and what is needed to use this machine's mirror."""
    wanted = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-")
    return "".join(line + "\n" for line in said("apt-config", "dump").splitlines()
                   if line.startswith(wanted))


def make_base():
    """A minimal Debian, kept for the next time."""
    codename = release()
    if not os.path.isdir(BASE):
        part = BASE + ".part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(FOLDER, exist_ok=True)
        mirror = [uri for uri, suite, _ in sources(codename) if suite == codename][0]
        done = subprocess.run(["debootstrap", "--variant=minbase", codename, part, mirror], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            shutil.rmtree(part, ignore_errors=True)
            raise Skip("debootstrap: " + done.stdout[-300:])
        os.rename(part, BASE)
    os.makedirs(ARCHIVES + "/partial", exist_ok=True)


def outside(script, *arguments):
    """Runs `script --inside ROOT ARGUMENT...` in namespaces of its own, which take all that it started
    and mounted with them. Process 1 there is a shell, which collects orphans. Does not return."""
    root = tempfile.mkdtemp(prefix="run-", dir=FOLDER)
    try:
        done = subprocess.run(
            ["unshare", "--mount-proc", "--pid", "--uts", "--fork", "--kill-child", "--propagation",
             "private", "bash", "-c", '"$@" & wait $!', "bash", "/usr/bin/python3", script,
             "--inside", root, *arguments], check=False)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(done.returncode)


class Chroot:
    """The copy, in use. `path`: where it is."""

    def __init__(self, path):
        self.path = path
        subprocess.run(["cp", "-a", "--reflink=auto", BASE + "/.", path], check=True)
        for kind, name in (("proc", "proc"), ("sysfs", "sys")):
            subprocess.run(["mount", "-t", kind, kind, f"{path}/{name}"], check=True)
        subprocess.run(["mount", "--bind", ARCHIVES, f"{path}/var/cache/apt/archives"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", f"{path}/run"], check=True)
        codename = release()
        self.write("/etc/apt/sources.list", "".join(
            f"deb {uri} {suite} {component}\n" for uri, suite, component in sources(codename)))
        self.write("/etc/apt/apt.conf.d/99test", apt_settings())
        self.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {HOST} mx\n")
        self.write("/etc/hostname", HOST + "\n")
        subprocess.run(["hostname", HOST], check=True)
        if os.path.exists("/etc/resolv.conf"):
            shutil.copy("/etc/resolv.conf", path + "/etc/resolv.conf")
        # As on a machine under installation: nothing is started by packages.
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        # Process 1 has the network of the machine.
        self.write("/usr/local/sbin/apt-get",
                   '#!/bin/sh\nexec nsenter -t 1 -n /usr/bin/apt-get "$@"\n', 0o755)
        shutil.copy(os.path.join(HERE, "chroot_systemctl"), path + "/usr/local/bin/systemctl")
        self.network = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 100000"],
            stdout=subprocess.PIPE, text=True)
        assert self.network.stdout.readline() == "up\n"
        self.run("apt-get update -qq")

    def write(self, name, text, mode=0o644):
        with open(self.path + name, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path + name, mode)

    def read(self, name):
        with open(self.path + name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def exists(self, name):
        return os.path.lexists(self.path + name)

    def run(self, text, status=0, user=None):
        """Runs `text` in bash in there, as root or another user; returns what it printed."""
        command = ["nsenter", "-t", str(self.network.pid), "-n", "chroot"]
        if user is not None:
            number, group = said("chroot", self.path, "id", "-u", user), said("chroot", self.path, "id", "-g", user)
            groups = said("chroot", self.path, "id", "-G", user).replace(" ", ",")
            command += [f"--userspec={number.strip()}:{group.strip()}", f"--groups={groups.strip()}"]
        done = subprocess.run(
            [*command, self.path, "bash", "-c", text], check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**{name: value for name, value in os.environ.items() if "proxy" in name.lower()},
                 "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"})
        assert status is None or done.returncode == status, f"{text}: {done.returncode}\n{done.stdout}"
        return done.stdout
