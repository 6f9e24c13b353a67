//! The clock, and deadlines on it.
//!
//! Calls that wait take a point in time, not a length: gh_after_ms(500) makes one. Make it once,
//! before the first of several calls that belong together, and hand the same one to all of them:
//! then it bounds the whole, however often a step is tried again. GH_NEVER is the deadline that
//! never comes, 0 is one in the past: try once, do not wait.
//!
//! Mistakes: a bare number of milliseconds as a deadline lies in the past, so that the call never
//! waits; a deadline made anew in each turn of a loop bounds nothing; time(2) and CLOCK_REALTIME
//! are other clocks.

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
