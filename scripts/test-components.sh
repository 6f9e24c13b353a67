#!/usr/bin/env bash
# Runs python_ctypes/components: drivers as PyPI has them, in green threads, against real servers that the
# tests start. $PYTHONS names the interpreters; without it that is $PYTHON. The drivers go into a virtual
# environment below target, which is made anew only when the list of them, or the interpreter, has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/skip.sh

LIMIT=150 # seconds for one interpreter

work=$(realpath -m "${TARGET:-target}/components")
wanted=python_ctypes/components/requirements.txt
unset PYTHONHOME
export PYTHONPATH=$PWD/python_ctypes
export GREENHUB_LIBRARY
GREENHUB_LIBRARY=$(realpath "$RELEASE/libgreenhub.so")
# Requests to this machine go to this machine.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

install_drivers() { # interpreter, folder
    local made
    made=$("$1" -VV && cat "$wanted") || return 1
    [ "$made" = "$(cat "$2/made-of.txt" 2>/dev/null)" ] && return 0
    echo "installing the drivers into $2"
    rm -rf "$2"
    "$1" -m venv "$2" &&
        "$2/bin/pip" --disable-pip-version-check install --quiet --only-binary :all: -r "$wanted" &&
        echo "$made" >"$2/made-of.txt"
}

failed=()
for name in ${PYTHONS:-${PYTHON:-python3}}; do
    echo "== $("$name" -VV | head -n 1), $name"
    folder=$work/$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    install_drivers "$name" "$folder" || skip components "the drivers cannot be installed for $name"
    status=0
    timeout --kill-after=10 "$LIMIT" "$folder/bin/python" python_ctypes/tests/run.py \
        python_ctypes/components || status=$?
    ((status != 124 && status != 137)) || echo "no end after $LIMIT s"
    ((status == 0)) || failed+=("$name")
done

((${#failed[@]} == 0)) || { echo "test-components: failed: ${failed[*]}"; exit 1; }
