#!/usr/bin/env bash
# Installs the wheel in a clean virtual environment of each CPython and runs python_ctypes/tests there,
# against what was installed. $PYTHONS names the interpreters; without it they are $PYTHON and, of every
# other version that we support, the one on the PATH or pyenv's newest. What is missing is named.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/skip.sh

VERSIONS="3.8 3.9 3.10 3.11 3.12 3.13 3.14"
LIMIT=240 # seconds for one interpreter

python=${PYTHON:-python3}
work=$(realpath -m "${TARGET:-target}/python")
library=$(realpath "$RELEASE/libgreenhub.so")
unset GREENHUB_LIBRARY PYTHONPATH PYTHONHOME

# "3.11" for a CPython; nothing for another, or for a shim of pyenv whose version is not there.
version() { # interpreter
    "$1" -c '
import platform, sys
if platform.python_implementation() == "CPython":
    print("%d.%d" % sys.version_info[:2])' 2>/dev/null || :
}

find_python() { # version
    local candidate
    for candidate in "python$1" $(ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python 2>/dev/null |
        grep -v 't/bin' | sort -rV); do
        [ "$(version "$candidate")" = "$1" ] && echo "$candidate" && return 0
    done
    return 1
}

interpreters=()
if [ -n "${PYTHONS:-}" ]; then
    for name in $PYTHONS; do
        [ -n "$(version "$name")" ] || { echo "test-python: $name is no CPython" >&2; exit 1; }
        interpreters+=("$name")
    done
else
    default=$(version "$python")
    [ -n "$default" ] || skip python "$python is no CPython"
    interpreters=("$python")
    missing=()
    for wanted in $VERSIONS; do
        [ "$wanted" = "$default" ] && continue
        if name=$(find_python "$wanted"); then interpreters+=("$name"); else missing+=("$wanted"); fi
    done
    ((${#missing[@]} == 0)) || echo "not on this machine, so not tested: CPython ${missing[*]}"
    if [ "${CI:-}" = true ] && ((${#interpreters[@]} > 3)); then
        # Those between the oldest and the newest differ least, and a run has its limit.
        interpreters=("${interpreters[0]}" "${interpreters[1]}" "${interpreters[-1]}")
        echo "in this run only ${interpreters[*]}"
    fi
fi

rm -rf "$work"
mkdir -p "$work"
wheel=$("$python" python_ctypes/tools/build_wheel.py --library "$library" --out "$work/dist")
"$python" -m zipfile -t "$wheel"

make_environment() { # interpreter, folder
    "$1" -m venv "$2" &&
        "$2/bin/pip" --disable-pip-version-check install --quiet --no-index --no-deps "$wheel" &&
        "$2/bin/pip" --disable-pip-version-check check
}

run_tests() { # folder of the environment
    local status=0
    (cd "$work" && timeout --kill-after=10 "$LIMIT" "$1/bin/python" "$tests/run.py" --installed) || status=$?
    ((status != 124 && status != 137)) || echo "no end after $LIMIT s"
    return "$status"
}

built_by_pip_it_is_the_same() {
    GREENHUB_LIBRARY=$library "$work/env-0/bin/pip" --disable-pip-version-check wheel --quiet \
        --no-index --no-deps --wheel-dir "$work/pip" ./python_ctypes &&
        cmp "$wheel" "$work/pip/$(basename "$wheel")"
}

tests=$PWD/python_ctypes/tests
failed=()
# The making takes a core each.
making=()
for at in "${!interpreters[@]}"; do
    make_environment "${interpreters[$at]}" "$work/env-$at" >"$work/env-$at.log" 2>&1 &
    making+=($!)
done
made=()
for at in "${!interpreters[@]}"; do
    if wait "${making[$at]}"; then made+=("$at"); else
        echo "no environment: ${interpreters[$at]}"
        cat "$work/env-$at.log"
        failed+=("${interpreters[$at]}")
    fi
done
# Two at a time, one on each of two cores: most of the tests wait.
ended() { # index
    local name=${interpreters[$1]}
    echo "== $("$name" -VV | head -n 1), $name"
    wait "${running[$1]}" || failed+=("$name")
    cat "$work/env-$1.tests"
}
declare -A running
before=
for at in ${made[@]+"${made[@]}"}; do
    run_tests "$work/env-$at" >"$work/env-$at.tests" 2>&1 &
    running[$at]=$!
    [ -z "$before" ] || ended "$before"
    before=$at
done
[ -z "$before" ] || ended "$before"
built_by_pip_it_is_the_same || failed+=("pip wheel ./python_ctypes")

((${#failed[@]} == 0)) || { echo "test-python: failed: ${failed[*]}"; exit 1; }
