//! The calling OS thread's hub: found, made on first use, freed.

use super::fork;
use super::life::destroy_locals;
use super::registry::Remote;
use super::{objects, Hub, Options};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::stack::overflow::{self, Culprit};
use crate::sys::{errno, fd, tls};
use crate::thread::{Reason, Thread, Wake};
use std::ptr;

/// The calling OS thread's hub, if it has one. Async-signal-safe.
///
/// The lifetime is that of the hub: it ends in `free`, which only the root calls, when no other
/// function of the library is on any stack of this OS thread.
#[inline]
pub(crate) fn current() -> Option<&'static Hub> {
    // SAFETY: set by `create` to a leaked box, and set to null before that is freed.
    unsafe { tls::get().cast::<Hub>().as_ref() }
}

/// The calling OS thread's hub, made now if it has none.
#[inline]
pub(crate) fn enter() -> Result<&'static Hub> {
    match current() {
        Some(hub) => Ok(hub),
        None => create_default(),
    }
}

/// Puts errno back when the answer is dropped. A hub knows its address without a call.
#[inline(always)]
pub(crate) fn keep_errno() -> errno::Kept {
    match current() {
        Some(hub) => hub.carrier.keep_errno(),
        None => errno::Kept::new(),
    }
}

#[cold]
#[inline(never)]
fn create_default() -> Result<&'static Hub> {
    create(Options::default())
}

/// Makes the calling OS thread's hub, with the code that calls as its root.
#[cold]
pub(crate) fn create(options: Options) -> Result<&'static Hub> {
    if current().is_some() {
        return Err(Error::EEXIST);
    }
    // Also for the calls that leave errno alone as long as the hub is there.
    let _errno = errno::Kept::new();
    fork::watch();
    let (remote, handle) = Remote::acquire()?;
    let hub = match Hub::new(remote, handle, options) {
        Ok(hub) => Box::new(hub),
        Err(error) => {
            remote.release(None);
            return Err(error);
        }
    };
    let Some(root) = hub.threads.insert(Thread::root) else {
        remote.release(None);
        return Err(Error::ENOMEM);
    };
    hub.root.set(root);
    hub.current.set(root);
    remote.set_poller(hub.poller.descriptor().unwrap_or(-1));
    hub.ready.reserve(1);
    // Fails only while the OS thread is already ending: the hub is then never freed.
    let _ = AT_EXIT.try_with(|_| {});
    install_overflow_report();
    let hub = Box::into_raw(hub);
    tls::set(hub.cast());
    remote.show(hub);
    // SAFETY: leaked above.
    Ok(unsafe { &*hub })
}

/// Cancels every green thread, runs them until they have ended, and frees the hub. `EBUSY` at the
/// deadline, with nothing freed.
pub(crate) fn free(hub: &'static Hub, deadline: Nanos) -> Result<()> {
    hub.require_root()?;
    let root = hub.running().ok_or(Error::NOT_ROOT)?;
    if hub.draining.replace(true) {
        // A destructor of the root's values calls, while the hub goes.
        return Err(Error::EBUSY);
    }
    hub.cancel_all();
    while hub.live.get() > 0 {
        // A past deadline still gives each thread its turn to see the cancellation.
        let until = if deadline <= hub.now.get() { hub.now.get() + 1 } else { deadline };
        match hub.park(root, Reason::Drain, until) {
            Wake::Ready => {}
            Wake::TimedOut | Wake::Deadlock | Wake::Canceled | Wake::Interrupted => {
                hub.draining.set(false);
                return Err(Error::EBUSY);
            }
        }
    }
    destroy_locals(root);
    dispose(hub);
    Ok(())
}

fn dispose(hub: &'static Hub) {
    hub.drop_root_record();
    if hub.root().held.get() > 0 {
        objects::holder_ended(hub.root().id);
    }
    tls::set(ptr::null_mut());
    hub.remote.release(Some(hub));
    if hub.root().coroutine.stack().is_some() {
        // The child of a green thread's fork: the caller stands on one of the hub's stacks, and finds its
        // block when it returns from there.
        hub.poller.abandon();
        return;
    }
    // SAFETY: leaked by `create`, and unreachable since the two lines above: no green thread is left,
    // this OS thread has forgotten it, and other OS threads only ever reach the remote half.
    drop(unsafe { Box::from_raw(ptr::from_ref(hub).cast_mut()) });
}

/// Frees an idle hub when its OS thread ends. One with live green threads is abandoned, since their
/// frames may belong to code that must not be unwound: the memory stays, the handle becomes stale.
struct AtExit;

thread_local! {
    static AT_EXIT: AtExit = const { AtExit };
}

impl Drop for AtExit {
    fn drop(&mut self) {
        let Some(hub) = current() else { return };
        if hub.live.get() == 0 && hub.require_root().is_ok() {
            hub.draining.set(true);
            destroy_locals(hub.root());
            dispose(hub);
        } else {
            hub.remote.retire();
            hub.drop_root_record();
            // Nobody else will answer who waits for its green threads.
            hub.joiners.take();
            hub.abandon_locks();
            hub.remote.drop_mail();
            tls::set(ptr::null_mut());
            // Nobody will ever wait there again.
            if let Ok(descriptor) = hub.poller.descriptor() {
                let _ = fd::close(descriptor);
            }
        }
    }
}

/// Once per process, with the first hub.
pub(super) fn install_overflow_report() {
    overflow::install(culprit);
}

/// Whose stack a fault may have overflowed. Async-signal-safe: it only reads.
fn culprit() -> Option<Culprit<'static>> {
    let hub = current()?;
    let thread = hub.running()?;
    let stack = thread.coroutine.stack()?;
    Some(Culprit { id: thread.id.0, name: thread.name(), stack })
}
