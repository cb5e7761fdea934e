#!/usr/bin/python3
"""Draws the timing diagram of theory.md from a simulation of frank_beat by Icarus Verilog.

    hdl/doc/timing.py           writes it into theory.md, between its two marks
    hdl/doc/timing.py --check   exit status 1 where it is not what the sources do; 77 without iverilog
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE / "theory.md"
MARKS = ("<!-- timing.py writes this -->\n", "<!-- to here -->\n")
BEFORE, CYCLES = 4, 15
NAMES = ["enter_o", "window_load_o", "window_zero_o", "block_end_o", "restart_o", "slot_o",
         "kw_read_o", "block read", "round read", "kw_load_o", "leave_o"]


def simulate():
    """The cycles as lists of values, in the order of NAMES."""
    with tempfile.TemporaryDirectory(prefix="frank-timing-") as folder:
        program = pathlib.Path(folder) / "timing"
        subprocess.run(["iverilog", "-g2012", "-o", program, "-s", "timing", HERE / "timing.sv",
                        HERE.parent / "rtl" / "frank_beat.sv"], check=True)
        said = subprocess.run(["vvp", "-n", program], check=True, capture_output=True, text=True)
    return [line.split() for line in said.stdout.splitlines() if len(line.split()) == len(NAMES)]


def draw(cycles):
    """From a little before the first nonces that have been searched start to leave."""
    leave = NAMES.index("leave_o")
    first = next(i for i, cycle in enumerate(cycles) if cycle[leave] == "1") - 4 - BEFORE
    shown = cycles[first:first + CYCLES]
    valid = {"slot_o": "block_end_o", "block read": "kw_read_o", "round read": "kw_read_o"}
    lines = ["    cycle          " + "".join(f"{i - BEFORE:>4}" for i in range(CYCLES))]
    for row, name in enumerate(NAMES):
        cells = []
        for cycle in shown:
            value = cycle[row]
            if name in valid and cycle[NAMES.index(valid[name])] != "1":
                cell = "."
            elif name == "kw_load_o":
                cell = str(len(value) - 1 - value.index("1")) if "1" in value else "."
            elif name in valid:
                cell = value
            else:
                cell = "###" if value == "1" else "___"
            cells.append(cell)
        lines.append(f"    {name:<15}" + "".join(f"{cell:>4}" for cell in cells))
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1] != "--check"):
        sys.exit(__doc__)
    if shutil.which("iverilog") is None:
        print("skipped: iverilog is not installed")
        sys.exit(77)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    fresh = before + MARKS[0] + "\n" + draw(simulate()) + "\n" + MARKS[1] + after
    if fresh == page:
        return
    if len(sys.argv) == 2:
        sys.exit("theory.md's timing diagram is out of date: run hdl/doc/timing.py")
    PAGE.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
