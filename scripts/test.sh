#!/usr/bin/env bash
# Runs every part of `make test`, then sums up: `N passed, N failed, N skipped`.
# A cargo part counts its tests, any other part counts as one. Logs stay in
# target/test-logs. Exit status 0 when nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.."

logs=${CARGO_TARGET_DIR:-target}/test-logs
mkdir -p "$logs"
rm -f "$logs"/*.log
declare -A running started limits
trap 'kill -TERM ${running[@]} 2>/dev/null; exit 130' INT TERM
passed=0 failed=0 skipped=0
failures=()

sum() { # log, word: the sum of `N word` in cargo's result lines
    grep -h '^test result: ' "$1" | grep -oE "[0-9]+ $2" | awk '{n += $1} END {print n + 0}'
}

begin() { # name, limit in seconds
    started[$1]=$SECONDS
    limits[$1]=$2
    # timeout(1) ends the whole process group; in the background, so that the
    # trap above can end it too.
    timeout --kill-after=10 "$2" make --no-print-directory "test-$1" >"$logs/$1.log" 2>&1 &
    running[$1]=$!
}

finish() { # name
    local name=$1 log="$logs/$1.log" status=0 ok bad skips ignored
    echo "== $name"
    tail --pid="${running[$name]}" --sleep-interval=0.2 -n +1 -f "$log" &
    wait "${running[$name]}" || status=$?
    unset "running[$name]"
    wait $!
    ok=$(sum "$log" passed)
    bad=$(sum "$log" failed)
    ignored=$(sum "$log" ignored)
    skips=$(grep -c '^skipped: ' "$log")
    if grep -q '^test result: ' "$log"; then
        # The harness counts a test that said `skipped:` as passed.
        ok=$((ok > skips ? ok - skips : 0))
    elif ((status == 0 && skips == 0)); then
        ok=1
    fi
    if ((status != 0 && bad == 0)); then
        bad=1
        ((status == 124 || status == 137)) && echo "$name: no end after ${limits[$name]} s"
    fi
    ((bad == 0)) || failures+=("$name")
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skips + ignored))
    echo "== $name: $ok passed, $bad failed, $((skips + ignored)) skipped, $((SECONDS - started[$name])) s"
}

part() { # name, limit in seconds
    begin "$1" "$2"
    finish "$1"
}

part suite 900
part poll 450
# These build for most of their time, on one core for much of that.
begin faults 400
begin loom 700
finish faults
finish loom
part asan 600
# The soak wants one core, and no company that is timed.
begin valgrind 600
begin soak-python 240
finish valgrind
finish soak-python
part aarch64 600
part python 400
part components 300
part bench 120

if grep -hq '^skipped: ' "$logs"/*.log; then
    grep -h '^skipped: ' "$logs"/*.log
fi
for name in ${failures[@]+"${failures[@]}"}; do
    echo "failed part: $name (make test-$name)"
done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
