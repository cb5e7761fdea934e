"""libfrank calls what is on this list, and so no allocator, no file and no clock."""
import re
import subprocess
import sys

library = sys.argv[1]
ALLOWED = set("""bcmp memchr memcmp memcpy memmove memset strcmp strlen strncmp strspn
                 exp2 frexp log2 round __assert_fail __stack_chk_fail _GLOBAL_OFFSET_TABLE_""".split())
# what a compiler adds where it is asked to: sanitizers, coverage, the dynamic linker's hooks
ADDED = re.compile(r"__(asan|ubsan|sanitizer|sancov|gcov|llvm|tsan|msan)_|_ITM_|__gmon_start__|__cxa_finalize|__start___sancov|__stop___sancov|__afl")


def symbols(*options):
    shared = ["-D"] if ".so" in library else []
    output = subprocess.run(["nm", "-P", *shared, *options, library], capture_output=True, text=True, check=True).stdout
    return {line.split()[0].split("@")[0] for line in output.splitlines() if len(line.split()) > 1}


defined = symbols("--defined-only")
needed = {name for name in symbols("--undefined-only") - defined if not ADDED.match(name)}
assert "frank_msmr_judge" in defined and needed, "this is not libfrank"
if needed - ALLOWED:
    sys.exit(f"libfrank calls {', '.join(sorted(needed - ALLOWED))}")
foreign = {name for name in symbols("--defined-only", "--extern-only") if not name.startswith("frank_") and not name.startswith("_") and not ADDED.match(name)}
if foreign:
    sys.exit(f"libfrank puts {', '.join(sorted(foreign))} into its users' name space")
print("libfrank needs", ", ".join(sorted(needed)))
