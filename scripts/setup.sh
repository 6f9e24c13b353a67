#!/usr/bin/env bash
# Installs what a target needs on a fresh Debian machine: setup.sh demo|test|lint|lint-python,
# and setup.sh cargo-c, which `test` does by itself only with CI=true: it takes
# minutes. As root it installs; otherwise it says what to install. What is
# required and missing is an error here; what is optional is skipped later, by
# its own part.
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

# What tests/components.rs and python_ctypes/components try, each a library that is not ours or its server.
real_components() {
    library libcurl libcurl4-openssl-dev
    library libpq libpq-dev
    library openssl libssl-dev
    want openssl openssl
    have postgres || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || optional+=(postgresql)
    # Of MariaDB what starts no server by itself.
    server mariadbd mariadb-server-core
    server my_print_defaults mariadb-client-core
    server redis-server redis-server
}

server() { # program, Debian package
    have "$1" || [ -x "/usr/sbin/$1" ] || optional+=("$2")
}

library() { # pkg-config's name, Debian package
    pkg-config --exists "$1" 2>/dev/null || optional+=("$2")
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

# Debian's cargo-c, where it has one, is too old for our Cargo.toml and Cargo.lock,
# so it is built. This release builds with every Rust that we support.
CARGO_C=0.10.11

have_cargo_c() {
    case "$(cargo cinstall --version 2>/dev/null)" in
    '' | 'cargo-c 0.9.'*) return 1 ;;
    esac
}

needs_cargo_c() {
    have_cargo_c && return 0
    [ -e /usr/include/openssl/ssl.h ] || optional+=(libssl-dev)
    require pkg-config pkg-config
}

cargo_c() {
    have_cargo_c && return 0
    echo "setup: building cargo-c $CARGO_C, once; this takes minutes"
    CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-c --version "$CARGO_C" --locked --debug \
        --bin cargo-cinstall --quiet || echo "setup: could not build cargo-c"
}

python=${PYTHON:-python3}

# Debian has the module that makes virtual environments, and pip for them, in a package of its own.
needs_venv() {
    require "$python" python3
    "$python" -c 'import ensurepip, venv' 2>/dev/null || required+=(python3-venv)
}

# ruff and mypy, in a virtual environment below target: pinned, and no business of the system's.
python_lint_tools() {
    local folder=${CARGO_TARGET_DIR:-target}/lint-python wanted=python_ctypes/lint-requirements.txt
    cmp -s "$wanted" "$folder/installed.txt" && return 0
    echo "setup: installing ruff and mypy into $folder"
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/pip" --disable-pip-version-check install --quiet --only-binary :all: -r "$wanted"
    cp "$wanted" "$folder/installed.txt"
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
    needs_venv
    require nm binutils
    want valgrind valgrind
    # Without the symbols of the dynamic loader valgrind does not start.
    have valgrind || optional+=(libc6-dbg)
    want clang clang
    want qemu-aarch64 qemu-user
    want aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
    want cmake cmake
    want abidiff abigail-tools
    real_components
    [ "${CI:-}" != true ] || needs_cargo_c
    ;;
cargo-c)
    needs_cargo_c
    ;;
lint)
    component rustfmt rustfmt
    component cargo-clippy clippy
    ;;
lint-python)
    needs_venv
    ;;
*)
    echo "usage: $0 demo|test|lint|lint-python|cargo-c" >&2
    exit 2
    ;;
esac
packages
for package in "${required[@]}"; do
    case "$package" in
    libc6-dev) [ -e /usr/include/stdio.h ] ;;
    binutils) have nm ;;
    python3-venv) "$python" -c 'import ensurepip, venv' ;;
    *) have "$package" ;;
    esac || { echo "setup: $package is still missing" >&2; exit 1; }
done
case "${1:-}:${CI:-}" in
cargo-c:* | test:true) cargo_c ;;
lint-python:*) python_lint_tools ;;
esac
