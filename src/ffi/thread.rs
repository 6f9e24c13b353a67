//! Green threads.
//!
//! gh_spawn() makes one, gh_join() waits for its end and takes its result, as with pthreads. A
//! thread that nobody will join is spawned without an id, with GH_SPAWN_DETACHED, or detached
//! later: one that is neither joined nor detached keeps its control block. gh_cancel() asks one to
//! end: its waiting call and all later ones return -ECANCELED, and its own error handling does the
//! rest. Clean-up that waits itself stands between gh_cancel_mask(1) and gh_cancel_mask(previous).
//!
//! Green threads of one hub never run at the same time and change places only in calls that say
//! "@suspends yes". So data of one hub needs no lock between two such calls. Mistakes: an argument
//! in a frame that returns before the green thread ends; a loop that does not leave on -ECANCELED;
//! long work without a gh_yield(), while which nobody else runs.

use super::guard::{guard, guard_pure, guard_suspending};
use super::hub::gh_hub;
use super::options;
use crate::clock;
use crate::error::{Error, Result};
use crate::hub::{self, Hub, SpawnOptions};
use crate::slab::Id;
use std::ffi::{c_char, c_int, c_void};

/// A green thread, or the root of an OS thread. An id is never used twice: that of a green thread
/// which was joined, or had been detached and has ended, gives -ESRCH. 0 is none.
pub type gh_thread = u64;

/// What a green thread runs, as with pthreads. It must return: not throw, not longjmp out.
pub type gh_entry = Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>;

/// Spawn a green thread that nobody will join.
pub const GH_SPAWN_DETACHED: u32 = 1;

/// How a green thread is to be. Zero in a member means the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_spawn_options {
    /// sizeof(gh_spawn_options), set by the caller.
    pub size: usize,
    /// Bytes of address space for its stack, its guard included: 16384 to 1 GiB, rounded up to a
    /// power of two. Default: the hub's.
    pub stack_size: usize,
    /// (borrow) A name for diagnostics, at most 63 bytes. Default: none.
    pub name: *const c_char,
    /// 0 or GH_SPAWN_DETACHED.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
}

/// The hub to which an id can belong: that of the calling OS thread. Without one there is no green
/// thread, unless of another OS thread.
fn hub_of(id: gh_thread) -> Result<&'static Hub> {
    match hub::current() {
        Some(hub) => Ok(hub),
        None => Err(hub::absent_thread(Id(id))),
    }
}

/// Makes a green thread on the hub of the calling OS thread. It runs when its turn comes, behind those
/// that are ready.
///
/// @param thread   (out) its id, for gh_join() or gh_detach(); NULL detaches it
/// @param options  (borrow) how it is to be; NULL for the defaults
/// @param entry    what it runs
/// @param arg      (keep) passed to the entry; never touched
/// @return 0; -EINVAL for a NULL entry, an unknown flag or a stack size out of range; -ERANGE for a
///         name over 63 bytes; -E2BIG if the struct is longer than the library knows and not zero
///         there; -ENOMEM if there is no memory for a stack, or no mapping left for its guard;
///         -ENOTSUP if the kernel lacks the guard method that the hub was told to use; -EAGAIN when
///         8388607 green threads live; -ECANCELED during gh_hub_free()
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_spawn(
    thread: *mut gh_thread,
    options: *const gh_spawn_options,
    entry: gh_entry,
    arg: *mut c_void,
) -> c_int {
    guard(|| {
        let entry = entry.ok_or(Error::EINVAL)?;
        // SAFETY: the caller lends the struct, and the name in it.
        let wish = unsafe { wish(options, thread.is_null()) }?;
        let id = hub::enter()?.spawn(entry, arg, wish)?;
        if !thread.is_null() {
            // SAFETY: the caller lends the place.
            unsafe { *thread = id.0 };
        }
        Ok(0)
    })
}

/// What the options of a spawn say.
///
/// # Safety
/// `options` is null, or good for as many bytes as it says, and so is its name for as long as the answer.
unsafe fn wish<'a>(options: *const gh_spawn_options, detached: bool) -> Result<SpawnOptions<'a>> {
    let mut wish = SpawnOptions { detached, ..SpawnOptions::default() };
    // SAFETY: the caller vouches for the struct.
    if let Some(raw) = unsafe { options::read(options) }? {
        if raw.flags & !GH_SPAWN_DETACHED != 0 || raw.reserved != 0 {
            return Err(Error::EINVAL);
        }
        wish.detached |= raw.flags & GH_SPAWN_DETACHED != 0;
        wish.stack_size = raw.stack_size;
        // SAFETY: the caller vouches for the string.
        wish.name = unsafe { options::optional_text(raw.name) }.map(|name| name.to_bytes());
    }
    Ok(wish)
}

/// Makes a green thread on another hub, and waits until it is made. It runs when the hub's OS thread
/// runs its hub.
///
/// @param hub       (borrow) a living hub, of any OS thread
/// @param thread    (out) its id, for gh_join() or gh_detach(); NULL detaches it, and does not wait: if
///                  the hub has no memory for it then, it is never run
/// @param options   (borrow) how it is to be; NULL for the defaults
/// @param entry     what it runs
/// @param arg       (keep) passed to the entry; never touched
/// @param deadline  how long to wait; after a failure it is not made
/// @return 0; what gh_spawn() gives; GH_ENOHUB if the hub is gone; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN
///         in a callback, unless thread is NULL
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_spawn_on(
    hub: *mut gh_hub,
    thread: *mut gh_thread,
    options: *const gh_spawn_options,
    entry: gh_entry,
    arg: *mut c_void,
    deadline: i64,
) -> c_int {
    // SAFETY: the caller lends what it passes.
    guard_suspending(|| unsafe { spawn_on(hub as usize, thread, options, entry, arg, deadline) })
}

/// What `gh_spawn_on` does, and `gh_group_spawn` once it has chosen the hub.
///
/// # Safety
/// As the two of them promise in C.
pub(super) unsafe fn spawn_on(
    hub: usize,
    thread: *mut gh_thread,
    options: *const gh_spawn_options,
    entry: gh_entry,
    arg: *mut c_void,
    deadline: i64,
) -> Result<c_int> {
    let entry = entry.ok_or(Error::EINVAL)?;
    // SAFETY: the caller lends the struct, and the name in it.
    let wish = unsafe { wish(options, thread.is_null()) }?;
    if thread.is_null() {
        return hub::spawn_away(hub, entry, arg, wish).map(|()| 0);
    }
    let id = hub::enter()?.spawn_on(hub, entry, arg, wish, deadline)?;
    // SAFETY: the caller lends the place.
    unsafe { *thread = id.0 };
    Ok(0)
}

/// Waits until a green thread has ended, and takes its result. Its id is stale afterwards.
///
/// @param thread    a green thread, of any OS thread
/// @param result    (out) what its entry returned; may be NULL
/// @param deadline  how long to wait; the green thread can still be joined after a failure. One of
///                  another OS thread must be asked for, which a deadline in the past does not wait for
/// @return 0; -ESRCH if there is no such green thread (any more); -EINVAL if it is detached, a root,
///         or being joined already; -EDEADLK if it is the caller; -ETIMEDOUT; -ECANCELED;
///         GH_EDEADLOCK when every green thread waits for another one; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_join(
    thread: gh_thread,
    result: *mut *mut c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        let value = hub::enter()?.join(Id(thread), deadline)?;
        if !result.is_null() {
            // SAFETY: the caller lends the place.
            unsafe { *result = value };
        }
        Ok(0)
    })
}

/// Gives up the right to join a green thread: what is left of it goes when it ends, or now.
///
/// @param thread  a green thread. That of another OS thread is detached when that runs its hub, if it can
///                be then
/// @return 0; -ESRCH if there is no such green thread (any more), as far as is known here; -EINVAL if it
///         is detached already, a root, or being joined
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_detach(thread: gh_thread) -> c_int {
    guard(|| {
        match hub_of(thread).and_then(|hub| hub.detach(Id(thread))) {
            Err(Error::WRONG_THREAD) => hub::detach_elsewhere(Id(thread)),
            done => done,
        }
        .map(|()| 0)
    })
}

/// Cancels a green thread: its waiting call returns -ECANCELED, and so does every later call of its
/// that may suspend, until its entry returns. It is asked, not stopped.
///
/// @param thread  a green thread, possibly the caller. That of another OS thread is cancelled when that
///                runs its hub
/// @return 0, also if it has ended and was not joined; -ESRCH if there is no such green thread (any
///         more), as far as is known here; -EINVAL for a root
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_cancel(thread: gh_thread) -> c_int {
    guard(|| {
        match hub_of(thread).and_then(|hub| hub.cancel(Id(thread))) {
            Err(Error::WRONG_THREAD) => hub::cancel_elsewhere(Id(thread)),
            done => done,
        }
        .map(|()| 0)
    })
}

/// Shields the calling green thread from cancellation, for clean-up that must wait itself, or ends the
/// shield. A cancellation that came meanwhile takes effect at the next call that may suspend.
///
/// @param masked  1 to shield, 0 to end it
/// @return what it was before, 0 or 1, to be restored; -EINVAL for another number; GH_ENOTGREEN in a
///         callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_cancel_mask(masked: c_int) -> c_int {
    guard_pure(|| {
        let masked = match masked {
            0 => false,
            1 => true,
            _ => return Err(Error::EINVAL),
        };
        let thread = hub::enter()?.running().ok_or(Error::NOT_GREEN)?;
        Ok(c_int::from(thread.masked.replace(masked)))
    })
}

/// Lets every green thread that is ready run before the caller goes on.
///
/// @return 0; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_yield() -> c_int {
    guard_suspending(|| {
        let hub = hub::enter()?;
        hub.yield_now(hub.suspender()?);
        Ok(0)
    })
}

/// Sleeps until a deadline. A deadline in the past only yields; GH_NEVER sleeps until cancelled.
///
/// @param deadline  when to go on
/// @return 0; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_sleep_until(deadline: i64) -> c_int {
    guard_suspending(|| hub::enter()?.sleep(deadline).map(|()| 0))
}

/// Sleeps for a number of milliseconds.
///
/// @param ms  milliseconds; 0 or less only yields
/// @return 0; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_sleep_ms(ms: i64) -> c_int {
    guard_suspending(|| hub::enter()?.sleep(clock::after_ms(ms)).map(|()| 0))
}

/// Tells who calls.
///
/// @return the running green thread or root; 0 in a callback, and on an OS thread without a hub
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_self() -> gh_thread {
    guard_pure(|| {
        let running = hub::current().and_then(|hub| hub.running());
        Ok(running.map_or(0, |thread| thread.id.0))
    })
}

/// Names a green thread for diagnostics.
///
/// @param thread  a green thread or root of the calling OS thread; 0 for the caller
/// @param name    (borrow) at most 63 bytes; empty for none
/// @return 0; -ERANGE for a longer name; -EINVAL for NULL; -ESRCH if there is no such green thread (any
///         more); GH_ENOTGREEN for 0 in a callback; GH_EWRONGTHREAD
/// @thread hub
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_set_name(thread: gh_thread, name: *const c_char) -> c_int {
    guard(|| {
        // SAFETY: the caller lends the string.
        let name = unsafe { options::text(name) }?;
        let hub = if thread == 0 { hub::enter() } else { hub_of(thread) }?;
        hub.set_name(Id(thread), name.to_bytes()).map(|()| 0)
    })
}

/// Tells the name of a green thread.
///
/// @param thread  a green thread or root of the calling OS thread; 0 for the caller
/// @param buf     (out) the name and a terminating NUL; empty if it has none
/// @param size    bytes of room in buf; 64 are always enough
/// @return the length of the name; -ERANGE if it does not fit; -EINVAL for NULL; -ESRCH if there is no
///         such green thread (any more); GH_ENOTGREEN for 0 in a callback; GH_EWRONGTHREAD
/// @thread hub
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_name(thread: gh_thread, buf: *mut c_char, size: usize) -> c_int {
    guard_pure(|| {
        if buf.is_null() {
            return Err(Error::EINVAL);
        }
        let hub = if thread == 0 { hub::enter() } else { hub_of(thread) }?;
        hub.name(Id(thread), |name| {
            if name.len() >= size {
                return Err(Error::ERANGE);
            }
            // SAFETY: the caller lends `size` bytes, and the name with its NUL fits.
            unsafe {
                buf.cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
                *buf.add(name.len()) = 0;
            }
            Ok(name.len() as c_int)
        })?
    })
}
