#!/usr/bin/python3
"""Runs x_check.sv in iverilog for some U.

    x_check.py WORK-FOLDER UNROLL[,UNROLL...] SOURCE.sv...

Prints what x_check.sv prints. Exit status 0: nothing unknown left the core; 1: something did, or it
could not be compiled; 77: there is no iverilog.
"""

import os
import shutil
import subprocess
import sys

LIMIT_S = 300


def run(unroll, work, sources):
    here = os.path.dirname(os.path.abspath(__file__))
    program = os.path.join(work, f"x_check_u{unroll}")
    subprocess.run(["iverilog", "-g2012", "-s", "x_check",
                    "-P", f"x_check.Unroll={unroll}", "-o", program, *sources,
                    os.path.join(here, "x_check.sv")],
                   check=True, timeout=LIMIT_S)
    ended = subprocess.run(["vvp", "-n", program], timeout=LIMIT_S, stdout=subprocess.PIPE, text=True,
                           check=False)
    print(ended.stdout, end="", flush=True)
    return ended.returncode == 0 and f"x_check: U={unroll}: ok" in ended.stdout


def main():
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    if shutil.which("iverilog") is None:
        print("skipped: no iverilog (Debian package iverilog)")
        return 77
    work, unrolls, sources = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
    os.makedirs(work, exist_ok=True)
    results = [run(unroll, work, sources) for unroll in unrolls]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
