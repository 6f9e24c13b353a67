#!/usr/bin/env bash
# The C programs that say `valgrind: yes`, and the examples, under valgrind.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/skip.sh

command -v valgrind >/dev/null || skip valgrind "not installed"
export GREENHUB_CHECK=valgrind
"${CARGO:-cargo}" test --no-fail-fast --test c_programs --test c_examples every_
