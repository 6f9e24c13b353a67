#!/usr/bin/env bash
# Green threads at work: demo.sh FOLDER-OF-BUILT-EXAMPLES
#
# Runs hello, then the echo server in a process of its own with many connections
# live at once, and prints what that took. GREENHUB_DEMO_CONNECTIONS (10000) and
# GREENHUB_DEMO_SECONDS (5) change the size of it. Fails on any error.
set -euo pipefail

programs=${1:?usage: demo.sh FOLDER-OF-BUILT-EXAMPLES}
connections=${GREENHUB_DEMO_CONNECTIONS:-10000}
seconds=${GREENHUB_DEMO_SECONDS:-5}

# On either side a connection is one descriptor, and each side needs a few more.
spare_descriptors=64

server=
finish() {
    if [[ -n $server ]]; then
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "demo: $*" >&2
    exit 1
}

echo "== hello: two green threads on one OS thread sleep two seconds and one second"
started=${EPOCHREALTIME/[.,]/}
"$programs/hello"
took=$(((${EPOCHREALTIME/[.,]/} - started) / 100000))
echo "   took $((took / 10)).$((took % 10)) s"

ulimit -Sn hard
limit=$(ulimit -Sn)
if [[ $limit != unlimited ]] && ((limit < connections + spare_descriptors)); then
    ((limit > spare_descriptors)) || fail "the descriptor limit is only $limit"
    echo "== the hard limit is $limit descriptors: $((limit - spare_descriptors)) connections instead of $connections"
    connections=$((limit - spare_descriptors))
fi

echo "== echo: $connections connections live at once, each a green thread of one OS thread, for $seconds s"
exec {answers}< <(exec "$programs/echo_server" -p 0)
server=$!
read -r -t 30 -u "$answers" line || fail "the server does not start"
port=${line##*:}
[[ $line == "listening on "* && $port =~ ^[0-9]+$ ]] || fail "the server says: $line"
"$programs/echo_load" -p "$port" -c "$connections" -t "$seconds" -P "$server" ||
    fail "the load ended with status $?"

kill -TERM "$server"
read -r -t 30 -u "$answers" line || fail "the server does not stop when told to"
wait "$server" || fail "the server ended with status $?"
server=
echo "== server, told to stop: $line"
