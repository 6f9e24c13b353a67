#!/usr/bin/env bash
# The other machine that we support: the library and the C programs built for
# aarch64 and run by qemu's user-mode emulation, which is no judge of speed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/skip.sh

cargo=${CARGO:-cargo} target=${TARGET:-target} machine=aarch64-unknown-linux-gnu

command -v qemu-aarch64 >/dev/null || skip aarch64 "qemu-user is not installed"
command -v aarch64-linux-gnu-g++ >/dev/null || skip aarch64 "g++-aarch64-linux-gnu is not installed"
if ! [ -d "$(rustc --print target-libdir --target "$machine")" ]; then
    command -v rustup >/dev/null && rustup target add "$machine" ||
        skip aarch64 "the Rust toolchain has no $machine"
fi

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
"$cargo" build --target "$machine" --target-dir "$target/aarch64"
GREENHUB_CHECK=aarch64 GREENHUB_LIBRARY_DIR="$target/aarch64/$machine/debug" \
    "$cargo" test --no-fail-fast --test c_programs every_
