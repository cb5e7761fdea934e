"""The committed package, header, table and access list are those of registers.toml; the generator
tells which is not, and refuses each kind of bad description with the name of the place."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

REGS = pathlib.Path(__file__).resolve().parent
PROJECT = REGS.parents[1]
GENERATE = REGS / "generate.py"
OUTPUTS = ("hdl/rtl/frank_reg_pkg.sv", "driver/registers.h", "hdl/doc/registers.md",
           "hdl/formal/reg_access.svh")

# What is wrong, the text to change, what to change it to (once), what the refusal must say.
BAD = (
    ("overlapping fields", "bits = [1, 1], text = \"drops both", "bits = [0, 0], text = \"drops both",
     r"CTRL\.RESET: overlaps another field"),
    ("overlapping offsets", "offset = 0x034", "offset = 0x030", r"JOB_FIRST: overlaps JOB_TARGET"),
    ("a window over a register", "offset = 0x080", "offset = 0x05C", r"(TEMPLATE|ENTRY_POP): overlaps"),
    ("windows that overlap", "offset = 0x0C0", "offset = 0x0BC", r"INIT: overlaps TEMPLATE"),
    ("unknown access", 'offset = 0x048\naccess = "ro"', 'offset = 0x048\naccess = "rc"',
     r"HEARTBEAT: access must be one of ro, rw, wo, not 'rc'"),
    ("field beyond bit 31", "bits = [31, 31], text = \"none was", "bits = [32, 32], text = \"none was",
     r"START_ID\.NONE: bits \[32, 32\] are not within 31 to 0"),
    ("field upside down", "bits = [11, 8]", "bits = [8, 11]",
     r"JOB_SHAPE\.WORD: bits \[8, 11\] are not within"),
    ("field of a negative bit", "bits = [3, 0]", "bits = [3, -1]", r"JOB_SHAPE\.BLOCKS: bits"),
    ("bits that are no pair", "bits = [3, 0]", "bits = 3", r"JOB_SHAPE\.BLOCKS: bits must be"),
    ("register without a text", 'text = "Entries in the FIFO."', 'text = " "',
     r"FIFO_LEVEL: text is missing"),
    ("field without a text", 'text = "a job runs"', 'text = ""', r"STATUS\.RUNNING: text is missing"),
    ("value without a text", 'text = "no error"', 'text = ""', r"CODE\.NONE: text is missing"),
    ("misaligned offset", "offset = 0x048", "offset = 0x049", r"HEARTBEAT: offset 0x49 is not"),
    ("offset outside", "offset = 0x048", "offset = 0x2000", r"HEARTBEAT: offset 0x2000: it does not"),
    ("window that reaches outside", "words = 768", "words = 1025", r"KW: offset 0x1000: it does not"),
    ("window without words", "words = 768", "words = 0", r"KW: words must be"),
    ("rw without a reset", 'access = "rw"\nreset = 0x8000_0000\n', 'access = "rw"\n',
     r"START_ID: rw, and reset is missing"),
    ("reset beyond 32 bits", "reset = 0x8000_0000", "reset = 0x1_8000_0000",
     r"START_ID: reset must be an integer of 32 bits"),
    ("one name twice", 'name = "JOB_LAST"', 'name = "JOB_FIRST"', r"two registers JOB_FIRST"),
    ("one field name twice", 'name = "WORD", bits', 'name = "BLOCKS", bits',
     r"JOB_SHAPE: there are two fields BLOCKS"),
    ("two names for a value", 'name = "WORD", value = 2', 'name = "WORD", value = 1',
     r"ERR_CODE\.CODE: two names for one value"),
    ("a value that does not fit", 'name = "WORD", value = 2', 'name = "WORD", value = 256',
     r"CODE\.WORD: value must be an integer of 8 bits"),
    ("a name in small letters", 'name = "JOB_LAST"', 'name = "job_last"', r"'job_last'"),
    ("unknown key", "offset = 0x048", "offset = 0x048\nofset = 1", r"HEARTBEAT: unknown key ofset"),
    ("no TOML", "offset = 0x048", "offset =", r"registers\.toml: .*line"),
)


def generate(*arguments):
    return subprocess.run([sys.executable, str(GENERATE), *map(str, arguments)], text=True,
                          capture_output=True, timeout=30, check=False)


def need(condition, what):
    if not condition:
        print(f"FAILED: {what}")
        sys.exit(1)


def committed_are_current():
    done = generate("--check")
    need(done.returncode == 0, f"the committed files: {done.stdout}{done.stderr}")


def drift_is_named(folder):
    for name in OUTPUTS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    need(generate("--check", "--output", folder).returncode == 0, "copies were found out of date")
    for name in OUTPUTS:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("START_ID", "START_IT", 1), encoding="utf-8")
        done = generate("--check", "--output", folder)
        need(done.returncode == 1 and done.stdout.count("\n") == 1 and name in done.stdout,
             f"{name} was changed: {done}")
        path.unlink()
        need(generate("--check", "--output", folder).returncode == 1, f"{name} is missing")
        need(generate("--output", folder).returncode == 0, "could not write")
        need(path.read_text(encoding="utf-8") == text, f"{name} was not written as committed")


def bad_are_refused(folder):
    good = (REGS / "registers.toml").read_text(encoding="utf-8")
    path = folder / "registers.toml"
    for what, old, new, said in BAD:
        need(good.count(old) >= 1, f"{what}: registers.toml has no {old!r} to break")
        path.write_text(good.replace(old, new, 1), encoding="utf-8")
        before = {name: (folder / name).read_bytes() for name in OUTPUTS}
        done = generate("--description", path, "--output", folder)
        need(done.returncode == 2, f"{what} was not refused: {done}")
        need(re.search(said, done.stderr) and "Traceback" not in done.stderr,
             f"{what} was refused with: {done.stderr}")
        need(before == {name: (folder / name).read_bytes() for name in OUTPUTS},
             f"{what} was refused, and files were written")
    missing = generate("--description", folder / "none.toml", "--output", folder)
    need(missing.returncode == 2 and "none.toml" in missing.stderr, f"no file: {missing}")


def main():
    committed_are_current()
    with tempfile.TemporaryDirectory(prefix="frank-regs-") as folder:
        drift_is_named(pathlib.Path(folder))
        bad_are_refused(pathlib.Path(folder))


main()
