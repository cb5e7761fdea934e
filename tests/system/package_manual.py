"""Manual pages and completion: every program has its page, the page and --help name the same options and
exit statuses, the pages of configurations name every key, and bash completes what --help lists."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

from harness import Skip, program, run

PATIENCE_S = 120
BUILT = os.path.dirname(os.environ.get("FRANK_BIN", "build/bin"))
MANUAL = os.path.join(BUILT, "man")
COMPLETION = os.path.join(BUILT, "completion")

# Page, program, commands of its own help. No options for people: frank-children(8).
PAGES = {
    "frank.1": ("frank", ("mint", "verify", "devices", "factor", "keygen", "status", "learn")),
    "frankd.8": ("frankd", ()),
    "frank-authority.8": ("frank-authority", ()),
    "frank-milter.8": ("frank-milter", ()),
    "frank-bench.1": ("frank-bench", ()),
    "frank-fpga-server.1": ("frank-fpga-server", ()),
}
CHILDREN = ("frank-worker", "frank-door", "frank-web", "frank-resolver", "frank-authority-http",
            "frank-milter-filter")
NOT_INSTALLED = ("frank_example_client", "frank-sim-speed")
# Page of a configuration, and what prints its keys.
CONFIGURATIONS = {
    "frankd.conf.5": ("frankd", "--config", "/dev/null", "--dump-config"),
    "frank-milter.conf.5": ("frank-milter", "--mode", "mint", "--config", "/dev/null", "--dump-config"),
}

KEYS = {command[0]: command for command in CONFIGURATIONS.values()}


def keys_of(command):
    return re.findall(r"^(\w+) = ", said(*command), re.M)


def page_file(page):
    path = os.path.join(MANUAL, "man" + page[-1], page)
    if not os.path.exists(path):
        raise Skip(f"{page} was not built (scdoc, FRANK_MANUAL)")
    return path


def built(name):
    return os.access(os.path.join(os.environ["FRANK_BIN"], name), os.X_OK)


def said(*command):
    done = subprocess.run([program(command[0]), *command[1:]], stdout=subprocess.PIPE, text=True,
                          check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, f"{command}: {done.returncode}"
    return done.stdout


def help_of(name, commands):
    return [said(name, command, "--help") for command in commands] or [said(name, "--help")]


def options_of_help(texts):
    """Options at the start of a line; of a usage line alone (frank-fpga-server) all."""
    found = set()
    for text in texts:
        in_lines = re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)", text, re.M)
        found |= set(in_lines if "\n  --" in text or "\n  -" in text
                     else re.findall(r"--([a-z0-9-]+)", text))
    return found


def rendered(page):
    if shutil.which("mandoc") is None:
        raise Skip("no mandoc")
    done = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=100", page_file(page)], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=MANUAL)
    assert done.returncode in (0, 1, 2), done.stderr
    return re.sub(r".\x08", "", done.stdout)


def options_of_page(text):
    """Options that head an entry: lines that begin with dashes, at the depth of entries."""
    found = set()
    for line in text.splitlines():
        if re.match(r" {1,11}--?[a-z]", line) and not re.match(r" {1,11}--? ", line):
            found |= set(re.findall(r"--([a-z0-9-]+)", line))
    return found


def section(text, title):
    found = re.search(rf"^{title}\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
    assert found, f"no section {title}"
    return found[1]


def pages_name_the_options_of_help():
    for page, (name, commands) in PAGES.items():
        if not built(name):
            print(f"      {name}: not built")
            continue
        by_help = options_of_help(help_of(name, commands))
        by_page = options_of_page(rendered(page))
        assert by_help, name
        assert by_help - by_page == set(), f"{page} lacks {sorted(by_help - by_page)}"
        assert by_page - by_help == set(), f"{name} --help lacks {sorted(by_page - by_help)}"
        print(f"      {page}: {len(by_page)} options")


def pages_have_the_exit_statuses_of_help():
    for page, (name, commands) in PAGES.items():
        if not built(name):
            continue
        rows = set(re.findall(r"^[ |]+(\d+)[ |]", section(rendered(page), "EXIT STATUS"), re.M))
        told = set()
        for text in help_of(name, commands):
            for status in re.findall(r"Exit status:(.*)", text, re.S):
                told |= set(re.findall(r"(?:^|[;.:] ?|\n +)(\d+)\b(?! [ks]\b)", status))
        assert rows, page
        assert told <= rows, f"{page} lacks status {sorted(told - rows)}"


def every_program_has_a_page():
    names = [name for name in os.listdir(os.environ["FRANK_BIN"])
             if name.startswith("frank") and name not in NOT_INSTALLED]
    assert "frankd" in names, names
    for name in names:
        pages = [entry for folder in os.listdir(MANUAL)
                 for entry in os.listdir(os.path.join(MANUAL, folder)) if entry[:-2] == name]
        assert len(pages) == 1, f"{name}: {pages}"
    text = rendered("frank-children.8")
    for name in CHILDREN:
        assert name in text, name


def pages_of_configurations_name_every_key():
    for page, command in CONFIGURATIONS.items():
        if not built(command[0]):
            print(f"      {command[0]}: not built")
            continue
        keys = keys_of(command)
        entries = re.findall(r"^ {7}(\w+)$", section(rendered(page), "KEYS"), re.M)
        assert keys and keys == entries, f"{page}: {set(keys) ^ set(entries)}"


def pages_are_clean():
    """mandoc finds nothing but the empty paragraphs that scdoc always leaves."""
    if shutil.which("mandoc") is None:
        raise Skip("no mandoc")
    for folder in sorted(os.listdir(MANUAL)):
        for page in sorted(os.listdir(os.path.join(MANUAL, folder))):
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", f"{folder}/{page}"],
                                  check=False, stdout=subprocess.PIPE, text=True, cwd=MANUAL)
            bad = [line for line in done.stdout.splitlines()
                   if "skipping paragraph macro" not in line and ".so is fragile" not in line]
            assert not bad, "\n".join(bad)


# ---- completion ----

def complete(name, *words):
    """What bash would offer for the last of `words`, by the function that is installed for `name`."""
    text = f"""
source {COMPLETION}/bash/{name}
complete -p {name} >/dev/null || exit 9
COMP_WORDS=({name} "$@") COMP_CWORD=$#
function=$(complete -p {name} | sed 's/.*-F \\([^ ]*\\).*/\\1/')
"$function" {name} "${{@: -1}}" "$3"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "--norc", "-c", text, "bash", *words], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S)
    assert done.returncode == 0 and done.stderr == "", done
    return [line for line in done.stdout.splitlines() if line]


def bash_completes_every_option():
    for name, commands in PAGES.values():
        if not built(name) or name == "frank-fpga-server":  # it has four options, and no table of them
            continue
        for command, text in zip(commands or (None,), help_of(name, commands)):
            words = (command, "--") if command else ("--",)
            by_help = options_of_help([text])
            if name == "frank-authority":  # of all verbs at once
                by_help = options_of_help([text.split("For publish:")[0]]) - {"json"}
            if name in KEYS:  # every key has a flag, as --help says
                by_help |= {key.replace("_", "-") for key in keys_of(KEYS[name])}
            offered = {word[2:] for word in complete(name, *words)}
            assert by_help == offered, f"{name} {command}: {by_help ^ offered}"


def bash_completes_commands_values_and_files():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        os.mkdir(folder + "/a folder")
        for name in ("mail one.eml", "mail.eml"):
            with open(f"{folder}/{name}", "w", encoding="ascii"):
                pass
        for words, wanted in (
                (("m",), ["mint"]),
                (("",), ["mint", "verify", "devices", "factor", "keygen", "status", "learn"]),
                (("mint", "--dea"), ["--deadline"]),
                (("mint", "--a", "e"), ["ed25519-sha256"]),
                (("mint", "--a", "=", "r"), ["rsa-sha256"]),
                (("mint", "--b", ""), []),
                (("mint", "--eml", folder + "/m"), [folder + "/mail one.eml", folder + "/mail.eml"]),
                (("verify", folder + "/mail."), [folder + "/mail.eml"]),
                (("status", "--keys", folder + "/"), [folder + "/a folder"]),
                (("status", "--filt"), []),
        ):
            offered = complete("frank", *words)
            assert sorted(offered) == sorted(wanted), f"frank {words}: {offered}"
    assert complete("frankd", "--help", "=", "look_up_") == ["look_up_limit"]
    assert complete("frankd", "--dump") == ["--dump-config"]
    if built("frank-authority"):
        assert complete("frank-authority", "rot") == ["rotate-key"]
        assert complete("frank-authority", "--kind", "pro") == ["provider"]
        assert "--reason" in complete("frank-authority", "publish", "--")
        assert "--reason" not in complete("frank-authority", "--")
        assert "--after" in complete("frank-authority", "--state", "/tmp", "rotate-key", "--")


def read_until(fd, wanted, seconds=PATIENCE_S):
    text, until = "", time.monotonic() + seconds
    while wanted not in text:
        ready, _, _ = select.select([fd], [], [], max(0, until - time.monotonic()))
        if not ready:
            raise AssertionError(f"not within {seconds} s: {wanted!r} in {text!r}")
        text += os.read(fd, 4096).decode(errors="replace")
    return text


def bash_completes_at_the_tab_key():
    """A terminal, an interactive bash, and the tab key."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"],
                   {**os.environ, "PS1": "ready> ", "TERM": "dumb", "INPUTRC": "/dev/null"})
    try:
        read_until(fd, "ready> ")
        os.write(fd, f"source {COMPLETION}/bash/frank\n".encode())
        read_until(fd, "ready> ")
        os.write(fd, b"frank min\t--dry\t")
        read_until(fd, "frank mint --dry-run")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(fd)


def other_shells_read_their_files():
    """zsh and fish, where they are there."""
    missing = []
    for shell in ("zsh", "fish"):
        files = sorted(os.listdir(os.path.join(COMPLETION, shell)))
        assert files
        if shutil.which(shell) is None:
            missing.append(shell)
            continue
        for name in files:
            done = subprocess.run([shell, "-n", os.path.join(COMPLETION, shell, name)], check=False,
                                  stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S)
            assert done.returncode == 0 and done.stderr == "", done
    if shutil.which("fish") is not None:
        done = subprocess.run(["fish", "--no-config", "-c",
                               f"source {COMPLETION}/fish/frank.fish; complete -C 'frank mint --dead'"],
                              check=False, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S)
        assert done.stdout.startswith("--deadline"), done
    if missing:
        raise Skip("not here: " + ", ".join(missing))


GROUPS = {
    "manual": (every_program_has_a_page, pages_name_the_options_of_help,
               pages_have_the_exit_statuses_of_help, pages_of_configurations_name_every_key,
               pages_are_clean),
    "completion": (bash_completes_every_option, bash_completes_commands_values_and_files,
                   bash_completes_at_the_tab_key),
    "shells": (other_shells_read_their_files,),
}

if __name__ == "__main__":
    run(*(test for name in sys.argv[1:] or GROUPS for test in GROUPS[name]))
