//! The clock, and deadlines on it.

use super::guard::guard_pure;
use crate::clock;

/// Reads the clock of all deadlines: CLOCK_MONOTONIC, in nanoseconds.
///
/// @return nanoseconds since an arbitrary start
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_now() -> i64 {
    guard_pure(|| Ok(clock::now()))
}

/// Gives the deadline a number of milliseconds from now.
///
/// @param ms  milliseconds; negative gives a deadline in the past
/// @return the deadline; GH_NEVER when the sum lies beyond the clock
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_after_ms(ms: i64) -> i64 {
    guard_pure(|| Ok(clock::after_ms(ms)))
}

/// Gives the deadline a number of nanoseconds from now.
///
/// @param ns  nanoseconds; negative gives a deadline in the past
/// @return the deadline; GH_NEVER when the sum lies beyond the clock
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_after_ns(ns: i64) -> i64 {
    guard_pure(|| Ok(clock::after_ns(ns)))
}
