#!/usr/bin/env bash
# Installs what a target needs on a fresh Debian machine: setup.sh demo|test|lint.
# As root it installs; otherwise it says what to install. What is required and
# missing is an error here; what is optional is skipped later, by its own part.
set -euo pipefail

required=() # Debian packages
optional=()

have() { command -v "$1" >/dev/null 2>&1; }
require() { have "$1" || required+=("$2"); }
want() { have "$1" || optional+=("$2"); }

install_packages() {
    local log
    log=$(mktemp)
    if apt-get update -qq >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 5 "$log" >&2
    rm -f "$log"
    return 1
}

packages() {
    local all=("${required[@]}" "${optional[@]}")
    ((${#all[@]})) || return 0
    if [ "$(id -u)" = 0 ] && have apt-get; then
        echo "setup: installing ${all[*]}"
        install_packages "${all[@]}" || echo "setup: could not install ${all[*]}"
    else
        echo "setup: missing, install with: sudo apt-get install -y ${all[*]}"
    fi
}

toolchain() {
    if ! have cargo; then
        echo "setup: no Rust toolchain: install one from https://rustup.rs (1.85 or later)" >&2
        exit 1
    fi
}

component() { # program, rustup component
    have "$1" && "$1" --version >/dev/null 2>&1 && return 0
    if have rustup; then
        rustup component add "$2"
    else
        echo "setup: $1 is missing from the Rust toolchain" >&2
        exit 1
    fi
}

toolchain
require gcc gcc
require make make
# libc6-dev comes with gcc as a recommendation only.
[ -e /usr/include/stdio.h ] || required+=(libc6-dev)
case "${1:-}" in
demo) ;;
test)
    require g++ g++
    require pkg-config pkg-config
    require python3 python3
    require nm binutils
    want valgrind valgrind
    # Without the symbols of the dynamic loader valgrind does not start.
    have valgrind || optional+=(libc6-dbg)
    want clang clang
    want cmake cmake
    want abidiff abigail-tools
    ;;
lint)
    component rustfmt rustfmt
    component cargo-clippy clippy
    ;;
*)
    echo "usage: $0 demo|test|lint" >&2
    exit 2
    ;;
esac
packages
for package in "${required[@]}"; do
    case "$package" in
    libc6-dev) [ -e /usr/include/stdio.h ] ;;
    binutils) have nm ;;
    *) have "$package" ;;
    esac || { echo "setup: $package is still missing" >&2; exit 1; }
done
