//! SIGPIPE never kills: a broken pipe is a result.
//!
//! Sockets have MSG_NOSIGNAL. `write` to a pipe and `sendfile` have nothing like it, and neither the
//! process's disposition nor the mask that a child would inherit is ours to change for good.

use crate::error::{Error, Result};
use std::mem::MaybeUninit;

/// Runs one system call, which moves `asked` bytes at most, with SIGPIPE held back, and takes the signal
/// away if the call raised it: also a call that had moved some bytes before may have.
pub(crate) fn shielded(asked: usize, call: impl FnOnce() -> Result<isize>) -> Result<isize> {
    // SAFETY: each call gets valid pointers to sets that `sigemptyset` has initialised. A pending
    // SIGPIPE of an EPIPE write is directed at this OS thread, so that `sigtimedwait` here finds it.
    unsafe {
        let mut pipe = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        let pipe = pipe.assume_init();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        libc::pthread_sigmask(libc::SIG_BLOCK, &pipe, before.as_mut_ptr());
        let before = before.assume_init();
        let held_already = libc::sigismember(&before, libc::SIGPIPE) == 1;

        let result = call();

        if !held_already {
            let broken = match result {
                Ok(count) => (count as usize) < asked,
                Err(error) => error == Error::errno(libc::EPIPE),
            };
            // It was not pending before, or it would have been delivered: it was not held back.
            if broken {
                let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                let _ = super::retry(|| libc::sigtimedwait(&pipe, std::ptr::null_mut(), &at_once));
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut());
        }
        result
    }
}
