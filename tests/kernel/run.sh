#!/bin/sh
# Build and run every tests/kernel/test_*.c under the address and undefined-behaviour sanitizers; fails if one fails.
# A new test needs a file and nothing else. Arguments name single tests, e.g. `run.sh test_time`; CC chooses the compiler.
set -eu
cd "$(dirname "$0")/../.."
CC=${CC:-gcc}
out=$(mktemp -d)
mkdir "$out/kernel"
trap 'rm -rf "$out"' EXIT
trap 'exit 1' INT TERM
export CC out
export FLAGS='-std=gnu11 -O1 -g -UNDEBUG -DILPROUTER_DEBUG=1 -fno-omit-frame-pointer -Wall -Wextra -Werror
  -fsanitize=address,undefined -fno-sanitize-recover=all -Icext -Icext/kernel -Itests/kernel'

parallel() { xargs -P "$(nproc)" -n 1 sh -c "$1" sh; }

# All our plain C: the kernel and whatever else lies beside it; not the programs, not the compiled modules.
find cext -name '*.c' ! -path 'cext/examples/*' ! -path 'cext/ilprouter/*' | LC_ALL=C sort | parallel '$CC $FLAGS -c "$1" -o "$out/kernel/$(basename "$1" .c).o"'

if [ $# -gt 0 ]; then printf 'tests/kernel/%s.c\n' "$@"; else printf '%s\n' tests/kernel/test_*.c; fi | parallel '
  name=$(basename "$1" .c)
  $CC $FLAGS "$1" "$out"/kernel/*.o -o "$out/$name" || exit 1
  if "$out/$name" >"$out/$name.log" 2>&1; then result=ok; else result=FAILED; fi
  { printf "%s %s\n" "$name" "$result"; sed "s/^/  /" "$out/$name.log"; } >"$out/$name.report"
  cat "$out/$name.report"
  [ $result = ok ]'
