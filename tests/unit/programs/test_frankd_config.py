"""frankd's configuration as people meet it: flags, --check, --dump-config, exit statuses."""

import os
import re
import subprocess
import tempfile

from harness import Skip, program, run

FLAGS = ("config", "listen", "http", "factor", "device", "isa", "check", "dump-config", "changed",
         "help", "version")


def frankd(*args, config="/dev/null"):
    """Runs frankd to its end: (exit status, standard output, standard error)."""
    command = [program("frankd")] + (["--config", config] if config else []) + list(args)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def with_file(text, *args):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(text)
        file.flush()
        status, out, err = frankd(*args, config=file.name)
        return status, out, err.replace(file.name, "FILE")


def keys_of(dump):
    return dict(re.findall(r"^(\w+) = (.*);$", dump, re.M))


def dump_holds_every_key_and_loads_back():
    status, dump, err = frankd("--dump-config")
    assert (status, err) == (0, ""), err
    keys = keys_of(dump)
    assert keys["listen"] == '[ "ipc:///run/frank/mint.sock" ]', keys
    assert keys["floor"] == str(2**20) and keys["max_factor"] == str(2**40)
    assert keys["queue"] == "10000" and keys["cache_age"] == "10min" and keys["http"] == '""'
    assert keys["ipc_mode"] == '"0660"' and keys["door_memory"] == str(60 << 20)
    status, again, err = with_file(dump, "--dump-config")
    assert (status, again) == (0, dump), err
    # Every key has its comment.
    assert dump.count("; default ") == len(keys)


def only_what_differs_is_dumped():
    status, dump, err = with_file("factor = 5k\nqueue = 10k\ngrace = 90s\n", "--dump-config",
                                  "--changed", "--device", "cpu:0", "--device", "cpu:1")
    assert status == 0, err
    assert keys_of(dump) == {"factor": "5000", "grace": "90s",
                             "devices": '[ "cpu:0", "cpu:1" ]'}, dump
    assert keys_of(frankd("--dump-config", "--changed")[1]) == {}


def flags_win_over_the_file():
    status, dump, err = with_file('factor = 5\nlisten = [ "ipc:///a", "ipc:///b" ]\n',
                                  "--dump-config", "--changed", "--factor=7", "--listen",
                                  "ipc:///c", "--http", "[::1]:0", "--isa", "portable")
    assert status == 0, err
    assert keys_of(dump) == {"factor": "7", "listen": '[ "ipc:///c" ]', "http": '"[::1]:0"',
                             "isa": '"portable"'}, dump


def right_configurations_pass_the_check():
    assert frankd("--check")[0] == 0
    secure = 'listen = "tcp://0.0.0.0:5555"; curve_secret = "/dev/null"; curve_clients = "/"'
    assert with_file(secure, "--check")[0] == 0
    assert with_file('insecure = yes; listen = [ "tcp://127.0.0.1:*", "tcp://[::1]:5" ]',
                     "--check")[0] == 0


# text of the file, what standard error says of it
WRONG_FILES = (
    ("\nfactr = 5", "FILE:2: factr: unknown key; the nearest known one is factor"),
    ("factor = -5", 'FILE:1: factor: "-5" is not a whole number'),
    ("factor = 9007199254740992", "outside 0 to 9007199254740991"),
    ("floor = 0", "FILE:1: floor: 0 is outside 1 to"),
    ("queue = 100001", "FILE:1: queue: 100001 is outside 1 to 100000"),
    ("worker_nice = 20", "worker_nice: 20 is outside 0 to 19"),
    ('http = "0.0.0.0:80"', "loopback"),
    ('http = "localhost:80"', "loopback"),
    ("devices = CPU", "a device name such as cpu"),
    ("devices = \"" + "x" * 96 + "\"", "a device name such as cpu"),
    ("devices = \"fpga:tcp:a b:1\"", "a device name such as cpu"),
    ("fpga_unroll = \"3\"", "1, 2, 4, 8, 16, 32 or 64"),
    ("listen = []", "listen: needs 1 elements at least"),
    ('listen = "http://x"', 'listen: "http://x" is not ipc:///PATH'),
    ('listen = "ipc://relative"', "is not ipc:///PATH"),
    ('listen = "ipc:///' + "x" * 107 + '"', "107 bytes at most"),
    ('listen = "tcp://127.0.0.1"', "is not ipc:///PATH"),
    ('listen = "tcp://127.0.0.1:65536"', "is not ipc:///PATH"),
    ('listen = [ "ipc:///a", "ipc:///a" ]', "listen: ipc:///a is named twice"),
    ('listen = "tcp://127.0.0.1:5555"', "needs curve_secret and curve_clients"),
    ('listen = "tcp://0.0.0.0:5555"; insecure = true', "is no loopback address"),
    ('listen = "tcp://*:5555"; insecure = true', "is no loopback address"),
    ("floor = 10; max_factor = 9", "floor: 10 is above max_factor, 9"),
    ("factor = 10; floor = 1; max_factor = 9", "factor: 10 is above max_factor, 9"),
    ("log_level = loud", '"loud" is none of error, warn, info, debug'),
    (".include /etc/passwd", "FILE:1: macros such as .include are not taken"),
)


def wrong_files_end_with_78_and_name_the_place():
    for text, expected in WRONG_FILES:
        for action in ((), ("--check",), ("--dump-config",)):
            status, out, err = with_file(text, *action)
            assert (status, out) == (78, ""), (text, action, status, out, err)
            assert expected in err, (text, err)
    status, _, err = frankd("--check", config="/nonexistent/frankd.conf")
    assert status == 78 and "/nonexistent/frankd.conf" in err, err
    status, _, err = frankd("--check", config="/")
    assert status == 78 and "directory" in err, err


def wrong_flags_are_named():
    cases = (
        (("--factor", "1e6"), 78, '--factor: "1e6" is not a whole number'),
        (("--factor", "0x10"), 78, "--factor:"),
        (("--factor", ""), 78, "--factor:"),
        (("--http", "10.0.0.1:80"), 78, "--http:"),
        (("--listen", "x"), 78, "--listen:"),
        (("--listen", ""), 78, "--listen:"),
        (("--device", "cpu 0"), 78, "--device:"),
        (("--isa", "x" * 32), 78, "--isa: longer than 31 bytes"),
        (tuple(["--listen", "ipc:///x"] * 17), 78, "--listen: more than 16 elements"),
        (("--isa", "a\nb"), 78, "--isa: a control character (byte 0x0a) in the text"),
        (("--isa", "a\x7f"), 78, "(byte 0x7f)"),
        (("--listen", "ipc:///a\tb"), 78, "--listen: a control character (byte 0x09)"),
        (("--factr", "5"), 2, "factr"),
        (("--factor",), 2, "factor"),
        (("stray",), 2, 'unexpected argument "stray"'),
        (("--changed",), 2, "--changed goes with --dump-config"),
        (("--help=factr",), 2, "the nearest known one is factor"),
    )
    for args, expected_status, expected in cases:
        status, out, err = frankd(*args)
        assert status == expected_status and out == "" and expected in err, (args, status, err)
        assert err.isprintable() or err.replace("\n", "").isprintable(), (args, err)


def help_names_every_flag_and_status():
    status, text, err = frankd("--help")
    assert (status, err) == (0, "")
    for flag in FLAGS:
        assert f"--{flag}" in text, flag
    for code in ("  0 ", "  1 ", "  2 ", " 78 "):
        assert code in text, code
    status, text, _ = frankd("--help=grace")
    assert status == 0 and text.startswith("grace\n") and "default 10s" in text, text
    status, text, _ = frankd("--version")
    assert status == 0 and re.fullmatch(r"frankd \d+\.\d+\.\d+\n", text), text


def a_full_disk_is_told():
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    for args in (["--dump-config"], ["--help"], ["--help=grace"], ["--version"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([program("frankd"), "--config", "/dev/null", *args], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        assert done.returncode == 1, (args, done)
        assert "standard output: No space left on device" in done.stderr, (args, done)


if __name__ == "__main__":
    run(dump_holds_every_key_and_loads_back, only_what_differs_is_dumped, flags_win_over_the_file,
        right_configurations_pass_the_check, wrong_files_end_with_78_and_name_the_place,
        wrong_flags_are_named, help_names_every_flag_and_status, a_full_disk_is_told)
