#!/usr/bin/env bash
# AddressSanitizer, told of every stack switch by the `sanitizer` feature. The
# C programs that say `sanitizer: yes`, the examples and the guide's programs
# are built with it, which checks their frames and every malloc. Where a nightly
# toolchain is installed, the behaviour suite runs too, with the library itself
# instrumented.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/skip.sh

cargo=${CARGO:-cargo} target=${TARGET:-target}

echo 'int main(void) { return 0; }' |
    gcc -x c -fsanitize=address -o /dev/null - 2>/dev/null || skip asan "gcc has no AddressSanitizer"

c_programs() {
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        "$cargo" build --release --features sanitizer --target-dir "$target/asan" &&
        GREENHUB_CHECK=asan GREENHUB_LIBRARY_DIR="$target/asan/release" \
            "$cargo" test --no-fail-fast --test c_programs --test c_examples --test guide every_
}

# Leaks are left to the C programs: a test in Rust may leak what it likes. Locals
# stay on the stack, whose use some tests measure by their addresses. The target
# is named so that build scripts are not instrumented.
behaviour() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0 RUSTFLAGS=-Zsanitizer=address \
        rustup run nightly cargo test --no-fail-fast --features sanitizer --target "$host" \
        --target-dir "$target/asan-nightly" --test 'behaviour*'
}

status=0
c_programs || status=1
if command -v rustup >/dev/null && rustup run nightly rustc --version >/dev/null 2>&1; then
    behaviour || status=1
else
    echo "note: no nightly toolchain, so the library itself is not instrumented"
fi
exit "$status"
