#!/usr/bin/python3
"""The CPU engine's code paths for AArch64, built by a cross compiler and run under qemu-user.

variants_test.c with what it needs of the engine, linked statically. Skipped by name (77) where the
cross compiler or the emulator is not installed, and on AArch64 itself, where the same program is an
ordinary test. What runs under an emulator says nothing about speed.
"""
import os
import platform
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("FRANK_SOURCE") or os.path.join(os.path.dirname(__file__), "..", "..")
COMPILER = "aarch64-linux-gnu-gcc"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
FILES = (
    "host/base/clock.c",
    "host/base/err.c",
    "host/proof/sha256.c",
    "host/engine/selftest.c",
    "host/engine/cpu/cpu_arm_sha2.c",
    "host/engine/cpu/cpu_portable.c",
    "host/engine/cpu/features.c",
    "host/engine/cpu/first_block.c",
    "host/engine/cpu/speed.c",
    "host/engine/cpu/variants.c",
    "tests/conformance/variants_test.c",
)
# Undefined behaviour ends the program: that needs no library of the sanitizer.
FLAGS = """-std=c17 -D_GNU_SOURCE -O3 -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wformat=2 -Werror -fsanitize=undefined
    -fsanitize-undefined-trap-on-error""".split()
OWN_FLAGS = {"cpu_arm_sha2.c": ["-march=armv8-a+crypto"]}


def skip(reason):
    print("skipped: " + reason)
    sys.exit(77)


def build(folder):
    objects = []
    for path in FILES:
        name = os.path.basename(path)
        objects.append(os.path.join(folder, name + ".o"))
        subprocess.run(
            [COMPILER, *FLAGS, *OWN_FLAGS.get(name, []), "-I", os.path.join(SOURCE, "host")]
            + ["-c", os.path.join(SOURCE, path), "-o", objects[-1]],
            check=True,
            timeout=200,
        )
    program = os.path.join(folder, "variants_test")
    subprocess.run([COMPILER, "-static", *objects, "-o", program], check=True, timeout=200)
    return program


def main():
    if platform.machine() in ("aarch64", "arm64"):
        skip("this machine is AArch64: variants_are_right_over_every_subset_of_features ran there")
    if not shutil.which(COMPILER):
        skip("no %s here (Debian: gcc-aarch64-linux-gnu, libc6-dev-arm64-cross)" % COMPILER)
    emulator = next(filter(None, map(shutil.which, EMULATORS)), None)
    if not emulator:
        skip("no %s here (Debian: qemu-user)" % EMULATORS[0])
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        done = subprocess.run(
            [emulator, program], stdout=subprocess.PIPE, text=True, timeout=200, check=False
        )
    print(done.stdout, end="")
    proven = [line for line in done.stdout.splitlines() if line.startswith("proven: ")]
    if done.returncode != 0 or "proven: arm_sha2" not in proven:
        print("%s: exit status %d, %s" % (emulator, done.returncode, proven))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
