//! OS threads of the library's own, and what is left of them in a forked child: nothing.

use crate::error::{Error, Result};
use std::mem::MaybeUninit;
use std::ptr;
use std::thread::JoinHandle;

/// Room for what a host's function needs: what a pthread has as a rule. Only what is touched is resident.
const STACK: usize = 8 << 20;

/// What a faulting instruction raises must reach the handlers that tell of it.
pub(crate) const OF_FAULTS: [std::ffi::c_int; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// Which signals of the host's an OS thread takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signals {
    None,
    /// Those that its maker takes: for what hands its mask on to a child process.
    OfMaker,
}

/// Starts an OS thread, which goes on by itself when the answer is dropped. It takes none of the host's
/// signals.
pub(crate) fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    start_with(name, Signals::None, body)
}

pub(crate) fn start_with(
    name: &str,
    signals: Signals,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK);
    let started = match signals {
        // A new thread inherits the mask: set in itself, a signal could come before.
        Signals::None => with_signals_blocked(|| builder.spawn(body)),
        Signals::OfMaker => builder.spawn(body),
    };
    started.map_err(|error| Error::from_io(&error))
}

/// All signals that can be held back without hiding a fault.
pub(super) fn all_but_faults() -> libc::sigset_t {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: a valid place for a set, which `sigfillset` initialises.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        for signal in OF_FAULTS {
            libc::sigdelset(all.as_mut_ptr(), signal);
        }
        all.assume_init()
    }
}

fn with_signals_blocked<T>(body: impl FnOnce() -> T) -> T {
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: valid sets; `pthread_sigmask`, which fails for nothing but an unknown `how`, initialises the
    // second.
    let before = unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, &all_but_faults(), before.as_mut_ptr());
        before.assume_init()
    };
    let result = body();
    // SAFETY: a valid set.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    result
}
