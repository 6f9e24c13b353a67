//! The monotonic clock in nanoseconds, and deadlines on it.

/// Monotonic nanoseconds since an arbitrary start, the same one for the whole machine, so that a
/// host may compare them with its own `CLOCK_MONOTONIC`.
pub(crate) type Nanos = i64;

/// The deadline that never comes.
pub(crate) const NEVER: Nanos = i64::MAX;

const NANOS_PER_SEC: i64 = 1_000_000_000;
const NANOS_PER_MS: i64 = 1_000_000;

/// Reads the clock (about 20 ns through the vDSO: not for every switch).
#[inline]
pub(crate) fn now() -> Nanos {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, writable timespec; CLOCK_MONOTONIC exists on every target, so the
    // call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * NANOS_PER_SEC + time.tv_nsec
}

/// The deadline `ns` nanoseconds from now. Saturates: a sum past the end of time is `NEVER`.
#[inline]
pub(crate) fn after_ns(ns: i64) -> Nanos {
    now().saturating_add(ns)
}

/// The deadline `ms` milliseconds from now, saturating in the product too.
#[inline]
pub(crate) fn after_ms(ms: i64) -> Nanos {
    after_ns(ms.saturating_mul(NANOS_PER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate_at_both_ends() {
        assert_eq!(after_ns(i64::MAX), NEVER);
        assert_eq!(after_ms(i64::MAX), NEVER);
        assert!(after_ms(i64::MIN) < 0);
        assert!(after_ms(1) > now());
    }
}
