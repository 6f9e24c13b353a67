//! Every raw system call of the engine. One file per facility of the kernel.
//!
//! A call that fails gives `Error`; `EINTR` never leaves a file of this folder. `net` makes the
//! socket calls itself, since each of those is one line of its own file.

pub(crate) mod cxx;
pub(crate) mod errno;
pub(crate) mod fault;
pub(crate) mod fd;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod futex;
pub(crate) mod interrupt;
pub(crate) mod loader;
pub(crate) mod memory;
pub(crate) mod os_thread;
pub(crate) mod prefetch;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod sigpipe;
pub(crate) mod symbol;
pub(crate) mod tls;
pub(crate) mod unwind;
pub(crate) mod wait;

use crate::error::{Error, Result};

// The names under which the C surface speaks of the system's own types.
pub(crate) use libc::{
    addrinfo, iovec, mmsghdr, mode_t, msghdr, pid_t, pollfd, sockaddr, socklen_t, ssize_t,
};

/// Repeats a system call until it was not interrupted, and turns -1 into its errno.
#[inline(always)]
pub(crate) fn retry<N: Copy + PartialOrd + From<i8>>(mut call: impl FnMut() -> N) -> Result<N> {
    loop {
        let value = call();
        if value >= N::from(0) {
            return Ok(value);
        }
        match errno::last() {
            libc::EINTR => {}
            number => return Err(Error::errno(number)),
        }
    }
}
