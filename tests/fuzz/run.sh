#!/bin/sh
# Build every tests/fuzz/fuzz_*.c with all our plain C under sanitizers and run each for some seconds: run.sh [SECONDS [TARGET...]].
# A new target needs a file and nothing else; seeds of its own go to tests/fuzz/seeds/<target>/. Fails on any finding, whose input is
# kept in build/fuzz/crashes. Uses clang's libFuzzer, or standalone.c where the compiler has none; CC chooses the compiler.
set -eu
cd "$(dirname "$0")/../.."
SECONDS_EACH=${1:-10}
[ $# -eq 0 ] || shift

work=build/fuzz
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$out/kernel" $work/corpus $work/crashes

FLAGS='-std=gnu11 -O1 -g -UNDEBUG -DILPROUTER_DEBUG=1 -fno-omit-frame-pointer -Wall -Wextra -Werror
  -fno-sanitize-recover=all -Icext -Icext/kernel -Itests/fuzz'
: "${CC:=$(command -v clang || echo gcc)}"
echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n ? 0 : 0; }' >"$out/probe.c"
if $CC -fsanitize=fuzzer,address,undefined "$out/probe.c" -o "$out/probe" 2>/dev/null; then
  ENGINE=libfuzzer
  COMPILE="$FLAGS -fsanitize=fuzzer-no-link,address,undefined"
  LINK='-fsanitize=fuzzer,address,undefined'
else
  ENGINE=standalone
  COMPILE="$FLAGS -fsanitize=address,undefined"
  LINK='-fsanitize=address,undefined tests/fuzz/standalone.c'
fi
export CC COMPILE LINK ENGINE SECONDS_EACH out work

PYTHON=.venv/bin/python
[ -x $PYTHON ] || PYTHON=python3
$PYTHON tests/fuzz/seeds.py "$out/seeds"

parallel() { xargs -P "$(nproc)" -n 1 sh -c "$1" sh; }

# All our plain C: the kernel and whatever else lies beside it; not the programs, not the compiled modules.
find cext -name '*.c' ! -path 'cext/examples/*' ! -path 'cext/ilprouter/*' | LC_ALL=C sort | parallel '$CC $COMPILE -c "$1" -o "$out/kernel/$(basename "$1" .c).o"'

if [ $# -gt 0 ]; then printf 'tests/fuzz/fuzz_%s.c\n' "$@"; else printf '%s\n' tests/fuzz/fuzz_*.c; fi | parallel '
  target=$(basename "$1" .c)
  target=${target#fuzz_}
  program=$out/fuzz_$target
  $CC $COMPILE $LINK "$1" "$out"/kernel/*.o -o "$program" || exit 1
  corpus=$work/corpus/$target
  mkdir -p "$corpus"
  set -- "$corpus"
  for seeds in "$out/seeds/$target" "tests/fuzz/seeds/$target"; do
    [ ! -d "$seeds" ] || set -- "$@" "$seeds"
  done
  if [ "$ENGINE" = libfuzzer ]; then
    set -- -max_total_time="$SECONDS_EACH" -max_len=65536 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
      -artifact_prefix="$work/crashes/$target-" "$@"
  else
    set -- "$SECONDS_EACH" "$work/crashes/$target-$$" "$@"
  fi
  if "$program" "$@" >"$out/$target.log" 2>&1; then result=ok; else result=FAILED; fi
  executions=$(sed -n "s/^stat::number_of_executed_units: *//p" "$out/$target.log")
  report="$target $result: ${executions:-no} executions in $SECONDS_EACH s ($ENGINE)"
  if [ $result = ok ]; then echo "$report"; else { echo "$report"; tail -n 150 "$out/$target.log"; } >&2; exit 1; fi'
