//! Calls that block, on OS threads of their own.
//!
//! For what cannot be made cooperative: a library that waits inside itself, a long computation, a
//! system call without a descriptor to wait for. gh_offload() runs a function on a pool of OS
//! threads that the process shares, while the green thread waits and its hub goes on.
//! gh_offload_configure() sets how many threads there are, how long the queue and how long an idle
//! thread stays.
//!
//! The function runs on an OS thread of its own: what it shares with green threads needs a lock,
//! and a gh_ call there uses another hub. A deadline or a cancellation ends the wait, not the
//! function: what it works on must live until it returns. Where its result must be freed also then,
//! use gh_offload_with() with a release function.

use super::guard::{guard, guard_suspending};
use super::{gh_entry, options};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::offload::{self, Manner, Purpose, Wish};
use std::ffi::{c_int, c_void};

/// How large the pool of OS threads may grow. Zero in a member means the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_offload_options {
    /// sizeof(gh_offload_options), set by the caller.
    pub size: usize,
    /// OS threads at most, made as they are needed: up to 65536. Default 16.
    pub threads: usize,
    /// Calls that may be queued for a thread, names apart from all others; the next ones wait for room,
    /// in order: up to 16777216. Default 1024.
    pub queue: usize,
    /// Nanoseconds after which a thread without work ends. Default 10000000000.
    pub idle: i64,
    /// Names that are looked up at once, by gh_getaddrinfo() and its like: up to 65536. Default half
    /// of the threads.
    pub names: usize,
}

/// What gh_offload_stats() fills in, as of now.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct gh_pool_stats {
    /// OS threads of the pool.
    pub threads: u64,
    /// Of them, those without work.
    pub idle: u64,
    /// Calls that run.
    pub running: u64,
    /// Calls that are queued for a thread.
    pub queued: u64,
    /// Calls that wait for room in the queue.
    pub outside: u64,
}

/// What gives back what a call of gh_offload_with() owned: its argument and its result, NULL if the
/// function has not run. It must not throw, and not take long.
pub type gh_release = Option<unsafe extern "C" fn(arg: *mut c_void, result: *mut c_void)>;

/// Where the queue is full, give -EAGAIN instead of waiting for room.
pub const GH_OFFLOAD_NOWAIT: u32 = 1;

/// A call for gh_offload_with(). Zero in a member that is not needed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_offload_call {
    /// sizeof(gh_offload_call), set by the caller.
    pub size: usize,
    /// What to call.
    pub r#fn: gh_entry,
    /// (take) Passed to it.
    pub arg: *mut c_void,
    /// Gives arg and result back when the wait has failed. Default: nothing is given back.
    pub release: gh_release,
    /// 0 or GH_OFFLOAD_NOWAIT.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
}

/// What a host's function works on and gives, until its caller has it.
struct Owned {
    arg: *mut c_void,
    result: *mut c_void,
    release: gh_release,
}

// SAFETY: the host hands the argument to another OS thread, and its result back: that is what it asks for.
unsafe impl Send for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: the host passed it for this argument, and its function's results.
            unsafe { release(self.arg, self.result) };
        }
    }
}

/// Runs a host's function on the pool.
///
/// # Safety
/// The function may be called with the argument on another OS thread, `result` is null or writable.
unsafe fn call(
    entry: gh_entry,
    mut owned: Owned,
    result: *mut *mut c_void,
    manner: Manner,
    deadline: Nanos,
) -> Result<c_int> {
    let Some(entry) = entry else {
        // Nothing that could be taken over.
        owned.release = None;
        return Err(Error::EINVAL);
    };
    let mut given = offload::call(manner, deadline, move || {
        let mut owned = owned;
        // SAFETY: the caller vouches for both.
        owned.result = unsafe { entry(owned.arg) };
        owned
    })?;
    given.release = None;
    if !result.is_null() {
        // SAFETY: the caller vouches for the place.
        unsafe { *result = given.result };
    }
    Ok(0)
}

/// Calls a function that blocks, on an OS thread of a pool, while the calling green thread waits and
/// the others run.
///
/// After -ETIMEDOUT and -ECANCELED the function has not run and never will, or it runs on: its result
/// is lost then, and the argument must stay until it has returned. gh_offload_with() knows what to do
/// with both. The function sees an OS thread of its own, with all signals blocked but those of faults;
/// it may make calls of the library, on a hub of that OS thread. One that calls this function again
/// takes a second thread of the pool meanwhile.
///
/// @param fn        what to call; it must return: not throw, not longjmp out, not end its OS thread
/// @param arg       (keep) passed to it; never touched
/// @param result    (out) what it has returned; may be NULL
/// @param deadline  how long to wait, for a thread and for the function; in the past, nothing is called
/// @return 0; -EINVAL for a NULL function; -EAGAIN if no OS thread can be made and there is none;
///         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_offload(
    r#fn: gh_entry,
    arg: *mut c_void,
    result: *mut *mut c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        let manner = Manner { purpose: Purpose::Any, waits_for_room: true };
        let owned = Owned { arg, result: std::ptr::null_mut(), release: None };
        // SAFETY: the caller's promise.
        unsafe { call(r#fn, owned, result, manner, deadline) }
    })
}

/// As gh_offload(), for a function whose argument or result must be given back.
///
/// After 0 both are the caller's. After every other result they are released, once: before this call
/// returns if the function never runs, else by the pool's thread when the function has returned. Only
/// for -EINVAL and -E2BIG nothing is released.
///
/// @param call      (borrow) the call; what it points to is taken over
/// @param result    (out, own) what the function has returned; may be NULL
/// @param deadline  how long to wait, for a thread and for the function; in the past, nothing is called
/// @return 0; -EINVAL for NULL, a NULL function or an unknown flag; -E2BIG if the struct is longer than
///         the library knows and not zero there; -EAGAIN with GH_OFFLOAD_NOWAIT if the queue is full, or
///         if no OS thread can be made and there is none; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a
///         callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_offload_with(
    call: *const gh_offload_call,
    result: *mut *mut c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        // SAFETY: the caller lends the struct for as many bytes as it says.
        let wish = unsafe { options::read(call) }?.ok_or(Error::EINVAL)?;
        if wish.flags & !GH_OFFLOAD_NOWAIT != 0 || wish.reserved != 0 {
            return Err(Error::EINVAL);
        }
        let waits_for_room = wish.flags & GH_OFFLOAD_NOWAIT == 0;
        let manner = Manner { purpose: Purpose::Any, waits_for_room };
        let owned = Owned { arg: wish.arg, result: std::ptr::null_mut(), release: wish.release };
        // SAFETY: the caller's promise.
        unsafe { self::call(wish.r#fn, owned, result, manner, deadline) }
    })
}

/// Sets how large the pool may grow, also for the calls that are queued already. Threads that are too
/// many end when what they run has returned. A forked child has the same limits.
///
/// @param options  (borrow) the limits, all of them; NULL for the defaults
/// @return 0; -EINVAL for a value out of range; -E2BIG if the struct is longer than the library knows
///         and not zero there
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_offload_configure(options: *const gh_offload_options) -> c_int {
    guard(|| {
        // SAFETY: the caller lends the struct for as many bytes as it says.
        let wish = match unsafe { options::read(options) }? {
            Some(raw) => {
                Wish { threads: raw.threads, queue: raw.queue, idle: raw.idle, names: raw.names }
            }
            None => Wish::default(),
        };
        offload::configure(wish).map(|()| 0)
    })
}

/// Tells what the pool does.
///
/// @param stats  (out) the counts
/// @param size   sizeof(gh_pool_stats)
/// @return 0; -EINVAL for NULL or a size of 0; -E2BIG for a size that is none
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_offload_stats(stats: *mut gh_pool_stats, size: usize) -> c_int {
    guard(|| {
        let now = offload::stats();
        let told = gh_pool_stats {
            threads: now.threads as u64,
            idle: now.idle as u64,
            running: now.running as u64,
            queued: now.queued as u64,
            outside: now.outside as u64,
        };
        // SAFETY: the caller lends `size` bytes.
        unsafe { options::write(stats, size, &told) }.map(|()| 0)
    })
}
