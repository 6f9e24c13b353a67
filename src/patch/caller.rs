//! When a hook acts, and what its result looks like to who called libc.

use super::aside;
use super::origin::{Here, Trail};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::hub::{self, Hub, SignalSet};
use crate::sys::errno;
use crate::thread::{Heed, Reason, Thread, Wake};
use std::ffi::{c_int, c_uint};
use std::hint::black_box;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A green thread, or a root, inside a hooked function in which it may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) hub: &'static Hub,
    pub(super) thread: &'static Thread,
}

/// Who calls, if a hook is to act for them. Not on an OS thread without a hub, nor in a callback, which must
/// not wait, nor for one who has paused the hooks, nor in a signal handler or the child of a vfork(2), nor for code that
/// has the lock of a language runtime, which others of this OS thread would wait for in vain, nor when that runtime ends:
/// there libc's own function is called.
#[inline(always)]
pub(super) fn caller() -> Option<Caller> {
    let hub = hub::current()?;
    let thread = hub.running()?;
    (thread.unhooked.get() == 0 && !aside::is_aside() && !hub::runtime_forbids_waiting())
        .then_some(Caller { hub, thread })
}

/// Whether a hook for every OS thread may touch what the library keeps: not in a signal handler, which may have
/// interrupted whoever changes it, nor in the child of a vfork(2), whose descriptors are its own but whose
/// memory is not.
#[inline(always)]
pub(super) fn may_track() -> bool {
    !aside::is_aside()
}

/// What a libc function gives when it has failed and errno says why.
pub(super) trait Answer: Sized {
    const FAILED: Self;

    /// For functions whose result tells the errno as well.
    fn failed(_number: c_int) -> Self {
        Self::FAILED
    }
}

impl Answer for c_int {
    const FAILED: c_int = -1;
}

// ssize_t.
impl Answer for isize {
    const FAILED: isize = -1;
}

// sleep(3), which never fails by errno alone.
impl Answer for c_uint {
    const FAILED: c_uint = 0;
}

impl<T> Answer for *mut T {
    const FAILED: *mut T = std::ptr::null_mut();
}

impl Caller {
    /// Does what a libc function does, by `body`: a success leaves errno as it was.
    ///
    /// Nothing unwinds into code that called libc. A panic is a bug of the library, and EIO is what an
    /// errno can say of it.
    #[inline(always)]
    pub(super) fn answer<A: Answer>(
        self,
        trail: &'static Trail,
        body: impl FnOnce(Caller) -> Result<A>,
    ) -> A {
        super::loading::catch_up();
        let caught = {
            let _errno = hub::keep_errno();
            let _deaf = self.thread.is_disturbed().then(|| Deaf::if_ignored(self));
            catch_unwind(AssertUnwindSafe(|| body(self)))
        };
        let error = match caught {
            Ok(Ok(answer)) => return answer,
            Ok(Err(error)) => error,
            Err(_) => Error::errno(libc::EIO),
        };
        A::failed(self.fails(error, trail))
    }

    /// Gives errno what says a failure.
    #[cold]
    #[inline(never)]
    fn fails(self, error: Error, trail: &'static Trail) -> c_int {
        // Who repeats a call that fails at once must not keep the others from running.
        self.hub.spend_on_failure();
        let number = self.number_of(error, trail);
        // SAFETY: this OS thread's own errno.
        unsafe { *errno::address() = number };
        number
    }

    /// The errno of a failure, as this caller is to see it.
    ///
    /// Apart, so that its frame is always as far from its caller's.
    #[cold]
    #[inline(never)]
    pub(super) fn number_of(self, error: Error, trail: &'static Trail) -> c_int {
        let mark = 0usize;
        if error == Error::ECANCELED {
            let here = Here::new(black_box(&mark), trail);
            if self.hub.runtime_interrupts(self.thread, &here) {
                return libc::EINTR;
            }
        }
        number(error)
    }

    /// Waits for nothing but the deadline.
    pub(super) fn sleep_until(self, deadline: Nanos) -> Result<()> {
        if self.thread.is_interrupted() {
            return Err(Error::ECANCELED);
        }
        self.heeding(Heed::Every, || match self.hub.park(self.thread, Reason::Sleep, deadline) {
            Wake::TimedOut | Wake::Ready => Ok(()),
            Wake::Canceled => Err(Error::ECANCELED),
            Wake::Interrupted => Err(Error::EINTR),
            Wake::Deadlock => Err(Error::EDEADLK),
        })
    }

    /// Runs something that waits, and that a signal may end as it would end libc's wait.
    pub(super) fn heeding<T>(self, heed: Heed, wait: impl FnOnce() -> T) -> T {
        self.heeding_but(0, heed, wait)
    }

    /// The same, where some signals are held back for the time of the wait.
    pub(super) fn heeding_but<T>(
        self,
        spared: SignalSet,
        heed: Heed,
        wait: impl FnOnce() -> T,
    ) -> T {
        let _heeding = self.hub.heed(self.thread, heed, spared);
        wait()
    }
}

/// A call of who takes no notice of signals waits for what it waits for.
struct Deaf<'thread>(Option<&'thread Thread>);

impl Deaf<'_> {
    #[cold]
    fn if_ignored(caller: Caller) -> Deaf<'static> {
        let thread = caller.thread;
        let ignores = !thread.masked.get() && caller.hub.runtime_was_ignored(thread);
        if ignores {
            thread.masked.set(true);
        }
        Deaf(ignores.then_some(thread))
    }
}

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        if let Some(thread) = self.0 {
            thread.masked.set(false);
        }
    }
}

/// The errno that says a failure to code which knows only libc's.
fn number(error: Error) -> c_int {
    match error {
        Error::DEADLOCK => libc::EDEADLK,
        error if error.code() <= Error::PANIC.code() => libc::EIO,
        error => -error.code(),
    }
}

/// Has hooks call the originals for the calling green thread, until as many `resume`. Without a hub there is
/// nothing to pause, and none is made for it.
pub(crate) fn pause() -> Result<()> {
    let Some(hub) = hub::current() else { return Ok(()) };
    let thread = hub.running().ok_or(Error::NOT_GREEN)?;
    thread.unhooked.set(thread.unhooked.get().checked_add(1).ok_or(Error::EOVERFLOW)?);
    Ok(())
}

pub(crate) fn resume() -> Result<()> {
    let Some(hub) = hub::current() else { return Ok(()) };
    let thread = hub.running().ok_or(Error::NOT_GREEN)?;
    thread.unhooked.set(thread.unhooked.get().checked_sub(1).ok_or(Error::EPERM)?);
    Ok(())
}
