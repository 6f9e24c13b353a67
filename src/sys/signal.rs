//! Signals that are taken as data: signalfd(2).

use crate::error::{Error, Result};
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

/// What a signal brought with it. Zero where it brought nothing of the kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrival {
    pub(crate) signal: c_int,
    pub(crate) code: c_int,
    pub(crate) pid: c_int,
    pub(crate) uid: u32,
    pub(crate) status: c_int,
    pub(crate) overrun: u32,
    pub(crate) value: u64,
}

/// A descriptor that is readable while one of the signals is pending, for this process or for the OS
/// thread that asks. Non-blocking, closed on exec.
pub(crate) fn watch(signals: &[c_int]) -> Result<c_int> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for &signal in signals {
        // SAFETY: initialised above. A number that is no signal's is an error.
        if unsafe { libc::sigaddset(set.as_mut_ptr(), signal) } != 0 {
            return Err(Error::EINVAL);
        }
    }
    let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
    // SAFETY: initialised above.
    super::retry(|| unsafe { libc::signalfd(-1, set.as_ptr(), flags) })
}

/// Takes one signal; `EAGAIN` when none is pending.
pub(crate) fn take(fd: c_int) -> Result<Arrival> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    let size = size_of::<libc::signalfd_siginfo>();
    // SAFETY: room for one record; the kernel writes whole ones only.
    super::retry(|| unsafe { libc::read(fd, info.as_mut_ptr().cast::<c_void>(), size) })?;
    // SAFETY: plain numbers, zeroed above.
    let info = unsafe { info.assume_init() };
    Ok(Arrival {
        signal: info.ssi_signo as c_int,
        code: info.ssi_code,
        pid: info.ssi_pid as c_int,
        uid: info.ssi_uid,
        status: info.ssi_status,
        overrun: info.ssi_overrun,
        value: info.ssi_ptr,
    })
}

/// The alternate stack of this OS thread, on which signals are handled that ask for it. Async-signal-safe.
pub(crate) fn alternate_stack() -> std::ops::Range<usize> {
    let mut found = MaybeUninit::<libc::stack_t>::zeroed();
    // SAFETY: only asks, into a valid place; all zeroes is no stack.
    let found = unsafe {
        libc::sigaltstack(std::ptr::null(), found.as_mut_ptr());
        found.assume_init()
    };
    if found.ss_flags & libc::SS_DISABLE != 0 {
        return 0..0;
    }
    let start = found.ss_sp as usize;
    start..start.saturating_add(found.ss_size)
}
