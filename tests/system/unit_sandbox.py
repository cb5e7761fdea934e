"""Runs a command under what a systemd unit would put around it, where no systemd runs.

    unit_sandbox.py UNIT [DROPIN...] [--writable FOLDER]... -- COMMAND [ARGUMENT...]

It reads the unit as systemd does and applies, by the kernel's own means: SystemCallFilter= (seccomp),
MemoryDenyWriteExecute=, RestrictAddressFamilies=, RestrictNamespaces=, RestrictRealtime=, PrivateNetwork=,
ProcSubset=, ProtectSystem=strict, UMask=, LimitCORE=, no capabilities and another user (the last six as
root only).

A system call outside of the filter ends the process by SIGSYS here, where systemd would answer with an
error: what a program does not need to see, a test has to.
"""

import ctypes
import os
import platform
import re
import resource
import struct
import subprocess
import sys

NOBODY = 65534
HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 38, 22, 24
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
CLONE_NEW_ANY = 0x7E020080  # every namespace
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18

# Classic BPF.
LOAD, EQUAL, ANY_BIT, AND, RETURN, GREATER = 0x20, 0x15, 0x45, 0x54, 0x06, 0x35
ALLOW, KILL = 0x7FFF0000, 0x80000000
NUMBER, ARCH, ARGUMENTS = 0, 4, 16
AUDIT_ARCH_X86_64 = 0xC000003E
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97


def why_not():
    """What is missing here, or None."""
    if platform.machine() != "x86_64":
        return "the filter is written for x86-64 only"
    if not os.path.exists(HEADER):
        return f"no {HEADER} (linux-libc-dev)"
    if subprocess.run(["sh", "-c", "command -v systemd-analyze"], stdout=subprocess.DEVNULL,
                      check=False).returncode != 0:
        return "no systemd-analyze"
    return None


def read_unit(paths):
    """Settings of [Service] as lists in their order; an empty value forgets those before it."""
    settings = {}
    for path in paths:
        section = ""
        with open(path, encoding="utf-8") as file:
            for line in file:
                line = line.strip()
                if line.startswith("["):
                    section = line
                if section != "[Service]" or line.startswith("#") or "=" not in line:
                    continue
                key, value = line.split("=", 1)
                if value == "":
                    settings[key] = []
                else:
                    settings.setdefault(key, []).append(value)
    return settings


def last(settings, key, normal=""):
    return (settings.get(key) or [normal])[-1]


def is_on(settings, key):
    return last(settings, key) in ("yes", "true", "on", "1")


def set_of(name, cache={}):
    """The system calls of one of systemd's sets, or the call itself."""
    if not name.startswith("@"):
        return {name}
    if name not in cache:
        said = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        cache[name] = set()
        for line in said.splitlines()[1:]:
            word = line.strip()
            if word and not word.startswith("#"):
                cache[name] |= set_of(word)
    return cache[name]


def allowed_calls(settings):
    """By SystemCallFilter=: the first line makes a list of what is allowed, `~` takes away."""
    # What systemd lets through in any case.
    calls = set_of("@default") | {"execve", "exit", "exit_group", "rt_sigreturn"}
    for line in settings.get("SystemCallFilter", []):
        names = set()
        for word in line.lstrip("~").split():
            names |= set_of(word)
        calls = calls - names if line.startswith("~") else calls | names
    return calls


def numbers():
    """{call: number} of this kernel's headers."""
    with open(HEADER, encoding="utf-8") as file:
        return {name: int(number) for name, number in
                re.findall(r"#define __NR_(\w+) (\d+)", file.read())}


def instruction(code, k, yes=0, no=0):
    return struct.pack("HBBI", code, yes, no, k)


def argument(index):
    return instruction(LOAD, ARGUMENTS + 8 * index)


def for_call(number, body):
    """`body` for one call, which falls through to an ALLOW; then the number is loaded again."""
    code = body + [instruction(RETURN, ALLOW)]
    return [instruction(EQUAL, number, 0, len(code))] + code


def refuse_bits(index, bits, all_of_them=False):
    """Ends the process where the argument has one of the bits, or all of them."""
    if all_of_them:
        return [argument(index), instruction(AND, bits), instruction(EQUAL, bits, 0, 1),
                instruction(RETURN, KILL)]
    return [argument(index), instruction(ANY_BIT, bits, 0, 1), instruction(RETURN, KILL)]


def only(index, values, otherwise):
    code = [argument(index)]
    for place, value in enumerate(values):
        code.append(instruction(EQUAL, value, len(values) - place, 0))
    return code + [instruction(RETURN, otherwise)]


def make_filter(settings):
    number = numbers()
    allowed = allowed_calls(settings)
    code = [instruction(LOAD, ARCH), instruction(EQUAL, AUDIT_ARCH_X86_64, 1, 0),
            instruction(RETURN, KILL), instruction(LOAD, NUMBER)]
    if is_on(settings, "MemoryDenyWriteExecute"):
        for name, body in (("mmap", refuse_bits(2, 6, True)), ("mprotect", refuse_bits(2, 4)),
                           ("pkey_mprotect", refuse_bits(2, 4))):
            if name in allowed:
                code += for_call(number[name], body)
    families = [FAMILIES[word] for line in settings.get("RestrictAddressFamilies", [])
                for word in line.split()]
    if families and "socket" in allowed:
        code += for_call(number["socket"], only(0, families, 0x50000 | EAFNOSUPPORT))
    if is_on(settings, "RestrictNamespaces"):
        code += for_call(number["clone"], refuse_bits(0, CLONE_NEW_ANY))
        # clone3 has its flags in memory: glibc takes clone instead.
        code += [instruction(EQUAL, number["clone3"], 0, 1), instruction(RETURN, 0x50000 | ENOSYS)]
        allowed -= {"unshare", "setns"}
    if is_on(settings, "RestrictRealtime") and "sched_setscheduler" in allowed:
        code += for_call(number["sched_setscheduler"], only(1, [0, 3, 5], 0x50000 | EPERM))
    for name in sorted(allowed & set(number)):
        code += [instruction(EQUAL, number[name], 0, 1), instruction(RETURN, ALLOW)]
    # Newer than this systemd: "not there", as systemd has it.
    known = set_of("@known") & set(number)
    code += [instruction(GREATER, max(number[name] for name in known) + 1, 0, 1),
             instruction(RETURN, 0x50000 | ENOSYS), instruction(RETURN, KILL)]
    return code


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def enter(settings, writable):
    """Namespaces, user, privileges and at last the filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = make_filter(settings)
    text = b"".join(code)
    buffer = ctypes.create_string_buffer(text, len(text))
    program = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(buffer))
    pointer = ctypes.create_string_buffer(program, len(program))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(int(last(settings, "UMask", "0022"), 8))
    if os.geteuid() == 0:
        private_network = is_on(settings, "PrivateNetwork")
        check(libc.unshare(CLONE_NEWNS | (CLONE_NEWNET if private_network else 0)), "unshare")
        check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount /")
        for folder in writable:
            os.chown(folder, NOBODY, NOBODY)
            name = folder.encode()
            check(libc.mount(name, name, None, MS_BIND | MS_REC, None), f"mount {folder}")
        if last(settings, "ProcSubset") == "pid":
            check(libc.mount(b"proc", b"/proc", b"proc", 0, b"subset=pid"), "mount /proc")
        if last(settings, "ProtectSystem") == "strict":
            check(libc.mount(None, b"/", None, MS_REMOUNT | MS_BIND | MS_RDONLY, None), "read-only /")
        for capability in range(41):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    check(libc.prctl(PR_SET_SECCOMP, 2, pointer, 0, 0), "seccomp")


def main(argv):
    at = argv.index("--")
    units, writable, rest = [], [], list(argv[1:at])
    while rest:
        word = rest.pop(0)
        if word == "--writable":
            writable.append(rest.pop(0))
        else:
            units.append(word)
    enter(read_unit(units), writable)
    os.execv(argv[at + 1], argv[at + 1:])


if __name__ == "__main__":
    main(sys.argv)
