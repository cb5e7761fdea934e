"""The Debian package as CPack makes it: lintian finds no error, its files are where they belong, and the
same sources make the same bytes."""

import hashlib
import os
import re
import shutil
import subprocess

from harness import Skip, run

BUILD = os.path.dirname(os.environ.get("FRANK_BIN", "build/bin"))
PACKAGES = os.path.join(BUILD, "packages")


def need(*names):
    for name in names:
        if shutil.which(name) is None:
            raise Skip(f"no {name}")


PACKED = []  # the paths of the packages that this run has made


def pack():
    """The paths of the packages, made anew."""
    need("cpack", "dpkg-shlibdeps", "dpkg-deb")
    shutil.rmtree(PACKAGES, ignore_errors=True)
    done = subprocess.run(["cpack", "-G", "DEB", "-B", PACKAGES], cwd=BUILD, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=400,
                          env={**os.environ, "SOURCE_DATE_EPOCH": "1795700000"})
    assert done.returncode == 0, done.stdout
    found = sorted(os.path.join(PACKAGES, name) for name in os.listdir(PACKAGES)
                   if name.endswith(".deb"))
    assert [os.path.basename(path).split("_")[0] for path in found] == ["frank", "libfrank-dev"], found
    PACKED[:] = found
    return found


def listing(path):
    said = subprocess.run(["dpkg-deb", "-c", path], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {re.split(r" \./", line)[1]: line.split()[:2] for line in said.splitlines()
            if not line.endswith("/")}


def sums(paths):
    found = {}
    for path in paths:
        with open(path, "rb") as file:
            found[os.path.basename(path)] = hashlib.sha256(file.read()).hexdigest()
    return found


def package_has_no_error_of_lintian():
    need("lintian")
    for path in PACKED or pack():
        done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", path], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=300)
        assert done.returncode == 0, done.stdout


def package_has_every_program_where_it_belongs():
    files = listing((PACKED or pack())[0])
    programs = {os.path.basename(name) for name in files if re.match(r"usr/(s?bin|libexec)/", name)}
    built = {name for name in os.listdir(os.environ["FRANK_BIN"]) if name.startswith("frank")}
    assert programs == built - {"frank_example_client", "frank-sim-speed"}, programs ^ built
    for name, (mode, owner) in files.items():
        assert owner == "root/root" and mode[5] == mode[8] == "-", (name, mode, owner)
    conf = [name for name in files if name.startswith("etc/")]
    assert "etc/frank/frankd.conf" in conf, conf
    for name in conf:
        with open(os.path.join(BUILD, "etc", os.path.basename(name)), encoding="utf-8") as file:
            bare = [line for line in file if line.strip() and not line.startswith("#")]
        assert not bare, f"{name}: a key that is not commented out: {bare[0]}"
    for name in programs:
        pages = [entry for entry in files if re.search(rf"/man\d/{name}\.\d\.gz$", entry)]
        assert len(pages) == 1, f"{name}: {pages}"
    pages = {os.path.basename(name).split(".")[0] for name in files if re.search(r"/man[18]/", name)}
    assert pages <= programs | {"frank-children"}, pages - programs


def packages_can_be_made_again():
    first = sums(PACKED or pack())
    assert first == sums(pack())


if __name__ == "__main__":
    run(package_has_no_error_of_lintian, package_has_every_program_where_it_belongs,
        packages_can_be_made_again)
