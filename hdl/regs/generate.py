#!/usr/bin/python3
"""Makes of registers.toml what hardware, driver and readers share:

    hdl/regs/generate.py            writes the files below
    hdl/regs/generate.py --check    writes nothing; names each file that is out of date, exit status 1

    hdl/rtl/frank_reg_pkg.sv    offsets, fields and codes for the RTL
    driver/registers.h          the same as C macros
    hdl/doc/registers.md        the same as a table, with the texts
    hdl/formal/reg_access.svh   which accesses are allowed, for the proof that the RTL allows them

--description FILE reads another description, --output FOLDER writes below another folder than the
project's. A bad description is refused with the name of the register: exit status 2.
"""
import argparse
import pathlib
import re
import sys
import textwrap
import tomllib

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = "hdl/regs/registers.toml"
ACCESSES = ("ro", "rw", "wo")
WORD_BYTES = 4
WORD_BITS = 32
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
HEAD_KEYS = {"id", "version_major", "version_minor", "address_bits", "register", "window"}
REGISTER_KEYS = {"name", "offset", "access", "reset", "text", "fields"}
WINDOW_KEYS = {"name", "offset", "words", "access", "text"}
FIELD_KEYS = {"name", "bits", "text", "values"}
VALUE_KEYS = {"name", "value", "text"}


class Refused(Exception):
    """The description is wrong; the message names the place."""


def need(condition, where, what):
    if not condition:
        raise Refused(f"{where}: {what}")


def number(value, where, key, bits=WORD_BITS):
    need(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << bits,
         where, f"{key} must be an integer of {bits} bits, not {value!r}")


def named(entry, where, keys):
    """Checks what registers, windows, fields and values have in common."""
    need(isinstance(entry, dict), where, "must be a table")
    name = entry.get("name")
    need(isinstance(name, str) and NAME.fullmatch(name), where,
         f"name must be capitals, digits and _, not {name!r}")
    where = name if where in ("register", "window") else f"{where}.{name}"
    for key in entry:
        need(key in keys, where, f"unknown key {key}")
    text = entry.get("text")
    need(isinstance(text, str) and text.strip(), where, "text is missing")
    return where


def unique(entries, where, what):
    seen = set()
    for entry in entries:
        need(entry["name"] not in seen, where, f"there are two {what} {entry['name']}")
        seen.add(entry["name"])


def check_field(field, register):
    where = named(field, register["name"], FIELD_KEYS)
    bits = field.get("bits")
    need(isinstance(bits, list) and len(bits) == 2 and all(type(bit) is int for bit in bits), where,
         f"bits must be [high, low], not {bits!r}")
    high, low = bits
    need(WORD_BITS > high >= low >= 0, where, f"bits [{high}, {low}] are not within 31 to 0")
    for value in field.get("values", []):
        value_where = named(value, where, VALUE_KEYS)
        number(value.get("value"), value_where, "value", high - low + 1)
    unique(field.get("values", []), where, "values")
    numbers = [value["value"] for value in field.get("values", [])]
    need(len(numbers) == len(set(numbers)), where, "two names for one value")


def check_fields(register):
    used = 0
    for field in register.get("fields", []):
        check_field(field, register)
        high, low = field["bits"]
        mask = (2 << high) - (1 << low)
        need(not used & mask, f"{register['name']}.{field['name']}", "overlaps another field")
        used |= mask
    unique(register.get("fields", []), register["name"], "fields")


def check_place(entry, where, end):
    offset = entry.get("offset")
    need(type(offset) is int and offset >= 0, where, f"offset must be an integer, not {offset!r}")
    need(offset % WORD_BYTES == 0, where, f"offset {offset:#x} is not a multiple of {WORD_BYTES}")
    need(offset + WORD_BYTES * entry.get("words", 1) <= end, where,
         f"offset {offset:#x}: it does not fit in the {end} bytes of the address window")
    need(entry.get("access") in ACCESSES, where,
         f"access must be one of {', '.join(ACCESSES)}, not {entry.get('access')!r}")


def check(description):
    """Raises Refused where the description contradicts itself."""
    for key in description:
        need(key in HEAD_KEYS, "the description", f"unknown key {key}")
    for key, bits in (("id", 32), ("version_major", 16), ("version_minor", 16),
                      ("address_bits", 6)):
        number(description.get(key), "the description", key, bits)
    need(4 <= description["address_bits"] <= 32, "the description", "address_bits: 4 to 32")
    end = 1 << description["address_bits"]
    for register in description.get("register", []):
        where = named(register, "register", REGISTER_KEYS)
        check_place(register, where, end)
        need(register["access"] != "rw" or "reset" in register, where, "rw, and reset is missing")
        number(register.get("reset", 0), where, "reset")
        check_fields(register)
    for window in description.get("window", []):
        where = named(window, "window", WINDOW_KEYS)
        need(type(window.get("words")) is int and window["words"] > 0, where,
             f"words must be a positive integer, not {window.get('words')!r}")
        check_place(window, where, end)
    places = entries(description)
    need(places, "the description", "it has no register")
    unique(places, "the description", "registers")
    for before, after in zip(places, places[1:]):
        need(before["offset"] + WORD_BYTES * before.get("words", 1) <= after["offset"],
             after["name"], f"overlaps {before['name']}")


def entries(description):
    """Registers and windows, by offset."""
    return sorted(description.get("register", []) + description.get("window", []),
                  key=lambda entry: entry["offset"])


def mask_of(field):
    high, low = field["bits"]
    return (2 << high) - (1 << low)


def sv_constant(name, bits, value):
    digits = (bits + 3) // 4
    text = f"{value:0{digits}X}"
    if digits == 8:
        text = f"{text[:4]}_{text[4:]}"
    return f"  localparam logic [{bits - 1}:0] {name} = {bits}'h{text};"


def systemverilog(description):
    word_bits = description["address_bits"] - 2
    lines = ["// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0", "//",
             f"// Made by hdl/regs/generate.py from {SOURCE}; edit that instead.",
             "//",
             "// Of each register: _WORD, the word address (the offset without its two low bits). Of each",
             "// field: _LSB and _BITS. Values of a field by their names. WINDOW_WORDS: length of a window.",
             "",
             "// The package is a list of the whole map; no module uses all of it.",
             "// verilator lint_off UNUSED",
             "package frank_reg_pkg;",
             f"  localparam int ADDRESS_BITS = {description['address_bits']};",
             sv_constant("ID_VALUE", 32, description["id"]),
             sv_constant("VERSION_VALUE", 32,
                         description["version_major"] << 16 | description["version_minor"])]
    for entry in entries(description):
        name = entry["name"]
        lines += ["", sv_constant(f"{name}_WORD", word_bits, entry["offset"] // WORD_BYTES)]
        if "words" in entry:
            lines.append(f"  localparam int {name}_WINDOW_WORDS = {entry['words']};")
        if entry.get("access") == "rw":
            lines.append(sv_constant(f"{name}_RESET", 32, entry["reset"]))
        for field in entry.get("fields", []):
            high, low = field["bits"]
            prefix = f"{name}_{field['name']}"
            lines.append(f"  localparam int {prefix}_LSB = {low};")
            lines.append(f"  localparam int {prefix}_BITS = {high - low + 1};")
            for value in field.get("values", []):
                lines.append(sv_constant(f"{prefix}_{value['name']}", high - low + 1,
                                         value["value"]))
    return "\n".join(lines + ["endpackage", "// verilator lint_on UNUSED", ""])


def c_comment(text):
    one_line = f"/* {text} */"
    if len(one_line) <= 100:
        return [one_line]
    wrapped = textwrap.wrap(text, 96)
    lines = [f"/* {wrapped[0]}"] + [f" * {line}" for line in wrapped[1:]]
    if len(lines[-1]) <= 97:
        return lines[:-1] + [lines[-1] + " */"]
    return lines + [" */"]


def c_defines(pairs):
    """Macros in one block, aligned as clang-format aligns them."""
    width = max(len(name) for name, _ in pairs)
    return [f"#define {name:{width}} {value}" for name, value in pairs]


def c_header(description):
    lines = [f"/* Made by hdl/regs/generate.py from {SOURCE}; edit that instead. */",
             "",
             "/*",
             " * registers: byte offsets of the core's registers, masks and shifts of their fields (a mask is",
             " * in place: mask it, then shift), values by name, lengths of windows in words of 32 bits.",
             " * ro, rw, wo: what a bus may do with it.",
             " */",
             "#ifndef FRANK_DRIVER_REGISTERS_H", "#define FRANK_DRIVER_REGISTERS_H", ""]
    lines += c_defines([("FRANK_FPGA_ID", f"0x{description['id']:08X}u"),
                        ("FRANK_FPGA_VERSION_MAJOR", f"{description['version_major']}u"),
                        ("FRANK_FPGA_VERSION_MINOR", f"{description['version_minor']}u"),
                        ("FRANK_FPGA_ADDRESS_BYTES", f"0x{1 << description['address_bits']:X}u")])
    for entry in entries(description):
        name = f"FRANK_FPGA_REG_{entry['name']}"
        pairs = [(name, f"0x{entry['offset']:03X}u")]
        if "words" in entry:
            pairs.append((f"{name}_WORDS", f"{entry['words']}u"))
        if entry["access"] == "rw":
            pairs.append((f"{name}_RESET", f"0x{entry['reset']:08X}u"))
        for field in entry.get("fields", []):
            prefix = f"{name}_{field['name']}"
            pairs.append((f"{prefix}_MASK", f"0x{mask_of(field):08X}u"))
            pairs.append((f"{prefix}_SHIFT", f"{field['bits'][1]}u"))
            for value in field.get("values", []):
                pairs.append((f"{prefix}_{value['name']}", f"{value['value']}u"))
        lines += [""] + c_comment(f"{entry['access']}: {entry['text']}") + c_defines(pairs)
    return "\n".join(lines + ["", "#endif", ""])


def cell(text):
    return text.replace("|", "\\|")


def bits_text(field):
    high, low = field["bits"]
    return str(high) if high == low else f"{high}:{low}"


def markdown(description):
    lines = [f"<!-- Made by hdl/regs/generate.py from {SOURCE}; edit that instead. -->",
             "# Registers of the core", "",
             f"ID 0x{description['id']:08X}, version {description['version_major']}."
             f"{description['version_minor']}, {1 << description['address_bits']} bytes of addresses.",
             "Each register is 32 bits wide. No read has a side effect, and every write may be repeated.",
             "An access that is not of 32 aligned bits, an offset that holds no register, a write to a",
             "register of access ro and a read of one of access wo are answered with SLVERR and have no",
             "effect. Bits without a name read as 0 and are ignored when written.",
             "", "| offset | name | access | reset | |", "| --- | --- | --- | --- | --- |"]
    for entry in entries(description):
        offset = f"0x{entry['offset']:03X}"
        if "words" in entry:
            offset += f" to 0x{entry['offset'] + WORD_BYTES * (entry['words'] - 1):03X}"
        reset = f"0x{entry['reset']:08X}" if "reset" in entry else ""
        lines.append(f"| {offset} | {entry['name']} | {entry['access']} | {reset} | "
                     f"{cell(entry['text'])} |")
    for entry in entries(description):
        if not entry.get("fields"):
            continue
        lines += ["", f"## {entry['name']} (0x{entry['offset']:03X}, {entry['access']})", "",
                  "| bits | field | |", "| --- | --- | --- |"]
        for field in entry["fields"]:
            lines.append(f"| {bits_text(field)} | {field['name']} | {cell(field['text'])} |")
        for field in entry["fields"]:
            if field.get("values"):
                lines += ["", f"| {field['name']} | | |", "| --- | --- | --- |"]
                lines += [f"| {value['value']} | {value['name']} | {cell(value['text'])} |"
                          for value in field["values"]]
    return "\n".join(lines + [""])


def access_function(description):
    word_bits = description["address_bits"] - 2
    lines = [f"// Made by hdl/regs/generate.py from {SOURCE}; edit that instead.",
             "//",
             "// What may be done with a word: {it may be read, it may be written}.",
             f"  function automatic logic [1:0] f_access(input logic [{word_bits - 1}:0] word);",
             "    f_access = 2'b00;"]
    for entry in entries(description):
        first = entry["offset"] // WORD_BYTES
        last = first + entry.get("words", 1) - 1
        bits = f"2'b{int(entry['access'] != 'wo')}{int(entry['access'] != 'ro')}"
        condition = f"word == {first}" if first == last else f"word >= {first} && word <= {last}"
        lines.append(f"    if ({condition}) f_access = {bits};  // {entry['name']}")
    return "\n".join(lines + ["  endfunction", ""])


OUTPUTS = (("hdl/rtl/frank_reg_pkg.sv", systemverilog),
           ("driver/registers.h", c_header),
           ("hdl/doc/registers.md", markdown),
           ("hdl/formal/reg_access.svh", access_function))


def main():
    parser = argparse.ArgumentParser(description="Makes package, header and table of registers.toml.")
    parser.add_argument("--check", action="store_true", help="write nothing, name what is out of date")
    parser.add_argument("--description", type=pathlib.Path, default=PROJECT / SOURCE)
    parser.add_argument("--output", type=pathlib.Path, default=PROJECT)
    arguments = parser.parse_args()
    try:
        description = tomllib.loads(arguments.description.read_text(encoding="utf-8"))
        check(description)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, Refused) as error:
        print(f"{arguments.description.name}: {error}", file=sys.stderr)
        return 2
    status = 0
    for name, make in OUTPUTS:
        path = arguments.output / name
        text = make(description)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{name} is out of date: run hdl/regs/generate.py")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
