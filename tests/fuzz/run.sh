#!/bin/sh
# Fuzzes every target (or those named) with clang's libFuzzer under ASan and UBSan, two at a time.
#
#     tests/fuzz/run.sh [SECONDS [TARGET...]]       30 seconds each where nothing is said
#
# A target is a folder of corpus/. New inputs are kept in the build folder's fuzz/found/, never in the
# tree. Exit status 0: no finding; 1: a finding, whose input and log are named; 2: it could not be run.
# FRANK_FUZZ_BUILD: the build folder (build-fuzz). FRANK_FUZZ_CC: the compiler (clang, clang-14...).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
build=${FRANK_FUZZ_BUILD:-$source/build-fuzz}
seconds=${1:-30}
[ $# -eq 0 ] || shift

case $seconds in
'' | 0 | *[!0-9]*)
  echo "run.sh: '$seconds' is not a number of seconds" >&2
  exit 2
  ;;
esac

compiler=${FRANK_FUZZ_CC:-}
for candidate in clang clang-14; do
  [ -n "$compiler" ] || ! command -v "$candidate" >/dev/null || compiler=$candidate
done
if [ -z "$compiler" ]; then
  echo "run.sh: no clang found; libFuzzer comes with it (packages clang, libclang-rt-14-dev)" >&2
  exit 2
fi

targets=$*
[ -n "$targets" ] || targets=$(ls "$here/corpus")
for target in $targets; do
  if [ ! -d "$here/corpus/$target" ]; then
    echo "run.sh: no target '$target'; there are:" >&2
    ls "$here/corpus" >&2
    exit 2
  fi
done

mkdir -p "$build"
if ! { CC=$compiler cmake -S "$source" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DFRANK_FUZZ=ON -DFRANK_SANITIZE=address,undefined -DFRANK_BENCH=OFF &&
  cmake --build "$build" --parallel 2 --target fuzz_targets; } >"$build/fuzz-build.log" 2>&1; then
  tail -n 30 "$build/fuzz-build.log" >&2
  echo "run.sh: the targets cannot be built; all of it is in $build/fuzz-build.log" >&2
  exit 2
fi

# libFuzzer's clock is the one on the wall: an input during which the machine stood still looks slow.
# So what it calls slow is run once more, alone, with so many seconds of the CPU's time: who needs
# more is a finding.
unit_cpu_s=10
is_slow() {
  ! prlimit --cpu="$unit_cpu_s" "$build/fuzz/fuzz_$1" -rss_limit_mb=1024 "$2" >"$2.log" 2>&1
}

# One target: its own folder of new inputs, its own log; a finding is an input beside the log.
fuzz_one() {
  target=$1
  found=$build/fuzz/found/$target
  log=$build/fuzz/$target.log
  dictionary=$here/dict/$target.dict
  [ -f "$dictionary" ] || dictionary=
  mkdir -p "$found"
  rm -f "$build/fuzz/finding-$target-slow-unit-"*
  if "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=300 -report_slow_units="$unit_cpu_s" \
    -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$build/fuzz/finding-$target-" ${dictionary:+"-dict=$dictionary"} \
    "$found" "$here/corpus/$target" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ "${runs:-0}" -lt 1 ]; then
      echo "$target: nothing was run; see $log"
      return 1
    fi
    for unit in "$build/fuzz/finding-$target-slow-unit-"*; do
      if [ -f "$unit" ] && is_slow "$target" "$unit"; then
        echo "$target: a finding: $unit takes more than $unit_cpu_s s; see $unit.log"
        return 1
      fi
    done
    echo "$target: no finding in $seconds s, $runs inputs"
  else
    echo "$target: a finding; see $log"
    grep -E 'ERROR|SUMMARY|does not hold|runtime error|Test unit written' "$log" || tail -n 5 "$log"
    return 1
  fi
}

status=0
# shellcheck disable=SC2086 # a list of plain names
set -- $targets
while [ $# -gt 0 ]; do
  fuzz_one "$1" &
  first=$!
  shift
  if [ $# -gt 0 ]; then
    fuzz_one "$1" &
    second=$!
    shift
    wait "$second" || status=1
  fi
  wait "$first" || status=1
done
exit $status
