//! Hubs: making, driving, embedding, watching.
//!
//! A hub runs the green threads of one OS thread. It is made by whatever needs it first, so a
//! program begins with gh_spawn() and needs this section only for more. gh_hub_run() is for
//! servers: it runs until nothing is left or gh_hub_stop() ends it, which a signal handler may
//! call. gh_hub_fd(), gh_hub_next_deadline() and gh_hub_run_once() make the hub a guest of an event
//! loop that is there already. gh_post() is the way in from other OS threads and signal handlers.
//! gh_hub_stats() and gh_hub_dump() tell what it does, and who waits for what.
//!
//! Green threads run only while the root waits in a call of this library or drives the hub: a root
//! that computes, or sleeps by other means, stops them all. The same holds for a green thread or
//! callback that computes for long. gh_hub_free() cancels whoever is left: join first those that
//! are to finish.

use super::guard::{guard, guard_pure};
use super::options;
use crate::error::{Error, Result};
use crate::hub::{self, Options, Outcome};
use crate::stack::{self, Guard};
use crate::sys::fd;
use std::ffi::{c_int, c_void};

/// The hub of one OS thread: an opaque handle, never to be dereferenced. A handle kept after
/// gh_hub_free() is recognised as such, and gives GH_ENOHUB.
#[derive(Debug)]
pub struct gh_hub;

/// Guard stacks as the kernel does best: as GH_GUARD_MADVISE from Linux 6.13 on, else as
/// GH_GUARD_MPROTECT.
pub const GH_GUARD_AUTO: u32 = 0;
/// Guard stacks by MADV_GUARD_INSTALL, which takes no mapping of its own.
pub const GH_GUARD_MADVISE: u32 = 1;
/// Guard stacks by mprotect(2), which takes two mappings each: about 32,000 stacks fit below the
/// default vm.max_map_count.
pub const GH_GUARD_MPROTECT: u32 = 2;

/// How a hub is to be. Zero in a member means the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_hub_options {
    /// sizeof(gh_hub_options), set by the caller.
    pub size: usize,
    /// Bytes of address space for each stack, its guard included: 16384 to 1 GiB, rounded up to a
    /// power of two. Only what is touched is resident. Default 262144.
    pub stack_size: usize,
    /// Nanoseconds by which a deadline may be late so that several share one wake-up. The hub uses
    /// a thousandth of each wait, but no more than this. From 1000000 on, waits of a millisecond or
    /// more end on a whole one besides. Default 1000000.
    pub timer_slack: i64,
    /// Calls that may succeed at once before a green thread must let the others run. Default 128.
    pub budget: u32,
    /// The high-water mark: idle stacks that keep their pages for reuse. Default 4096.
    pub warm_stacks: u32,
    /// GH_GUARD_AUTO, GH_GUARD_MADVISE or GH_GUARD_MPROTECT. Default GH_GUARD_AUTO.
    pub guard: u32,
    /// Must be 0.
    pub reserved: u32,
}

/// What gh_hub_stats() fills in. Counts are of now unless they say otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct gh_stats {
    /// Green threads that have not ended, the root not counted.
    pub live: u64,
    /// Of them, those that can run.
    pub ready: u64,
    /// Green threads that have ended and wait for gh_join() or gh_detach().
    pub unjoined: u64,
    /// Green threads spawned since the hub was made.
    pub spawned: u64,
    /// Times that a green thread was switched to, since the hub was made.
    pub switches: u64,
    /// Times that the kernel was asked for readiness, since the hub was made.
    pub polls: u64,
    /// Readiness events received since the hub was made.
    pub events: u64,
    /// Posted callbacks run since the hub was made.
    pub posts: u64,
    /// Deadlines and timers pending.
    pub timers: u64,
    /// Descriptors registered for readiness.
    pub descriptors: u64,
    /// Stacks in use or idle.
    pub stacks: u64,
    /// Of them, idle ones that keep their pages.
    pub stacks_warm: u64,
    /// Of them, idle ones whose pages were given back.
    pub stacks_cold: u64,
    /// Bytes of address space for each stack, unless gh_spawn_options says otherwise.
    pub stack_size: u64,
    /// The guard method in use, GH_GUARD_MADVISE or GH_GUARD_MPROTECT; GH_GUARD_AUTO until the first
    /// stack is made.
    pub guard: u64,
}

/// A function that the hub calls between green threads. It must not suspend (every call that would
/// gives GH_ENOTGREEN), not throw, and not take long: everything else waits for it.
pub type gh_callback = Option<unsafe extern "C" fn(arg: *mut c_void)>;

fn handle(hub: *mut gh_hub) -> usize {
    hub as usize
}

fn parse(raw: Option<gh_hub_options>) -> Result<Options> {
    let mut options = Options::default();
    let Some(raw) = raw else { return Ok(options) };
    if raw.reserved != 0 || raw.timer_slack < 0 {
        return Err(Error::EINVAL);
    }
    if raw.stack_size != 0 {
        options.stack_size = stack::slot_size(raw.stack_size)?;
    }
    if raw.timer_slack != 0 {
        options.timer_slack = raw.timer_slack;
    }
    if raw.budget != 0 {
        options.budget = raw.budget;
    }
    if raw.warm_stacks != 0 {
        options.warm_stacks = raw.warm_stacks as usize;
    }
    options.guard = Guard::from_number(raw.guard)?;
    Ok(options)
}

/// What the options of a hub say, the defaults for null.
///
/// # Safety
/// `options` is null, or good for as many bytes as it says.
pub(super) unsafe fn hub_options(options: *const gh_hub_options) -> Result<Options> {
    // SAFETY: the caller vouches for it.
    parse(unsafe { options::read(options) }?)
}

/// Makes the hub of the calling OS thread. Only for options of one's own: every call that needs a hub
/// makes one with the defaults.
///
/// @param hub      (out, own) the hub; free it with gh_hub_free(). May be NULL
/// @param options  (borrow) how the hub is to be; NULL for the defaults
/// @return 0; -EEXIST if the OS thread has a hub; -EINVAL for a value out of range; -E2BIG if the
///         struct is longer than the library knows and not zero there; -EMFILE, -ENFILE or -ENOMEM
///         when the kernel refuses a poller; -EAGAIN when 16384 hubs live
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_new(
    hub: *mut *mut gh_hub,
    options: *const gh_hub_options,
) -> c_int {
    guard(|| {
        // SAFETY: the caller lends the struct for as many bytes as it says.
        let options = unsafe { hub_options(options) }?;
        let made = hub::create(options)?;
        if !hub.is_null() {
            // SAFETY: the caller lends the place.
            unsafe { *hub = made.handle() as *mut gh_hub };
        }
        Ok(0)
    })
}

/// Gives the hub of the calling OS thread, made on first use.
///
/// @return (own) the hub, which gh_hub_free() frees, or the end of its OS thread once it is idle; NULL
///         if it could not be made (gh_hub_new() says why)
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_hub_current() -> *mut gh_hub {
    guard(|| Ok(hub::enter()?.handle() as *mut gh_hub))
}

/// Runs the hub until no green thread and no timer is left, or gh_hub_stop() is called.
///
/// @param hub  (borrow) the calling OS thread's hub
/// @return 0 when nothing is left; 1 when gh_hub_stop() ended it; GH_EDEADLOCK when every green thread
///         waits for another one to end (gh_hub_dump() shows which); GH_ENOTROOT in a green thread or
///         a callback; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
/// @thread root
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_run(hub: *mut gh_hub) -> c_int {
    guard(|| match hub::resolve_mine(handle(hub))?.run()? {
        Outcome::Idle => Ok(0),
        Outcome::Stopped => Ok(1),
        Outcome::Deadlock => Err(Error::DEADLOCK),
    })
}

/// Runs one turn of the hub, for a foreign event loop: takes in what has become ready and what is due,
/// and lets ready green threads run, for about a millisecond at most; gh_hub_next_deadline() is 0 while
/// some are left. Waits only if nothing is ready. gh_hub_stop() has no effect on it.
///
/// @param hub       (borrow) the calling OS thread's hub
/// @param deadline  how long it may wait for something to do; past: not at all
/// @return 1 if green threads or timers are left, 0 if none; GH_ENOTROOT in a green thread or a
///         callback; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
/// @thread root
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_run_once(hub: *mut gh_hub, deadline: i64) -> c_int {
    guard(|| Ok(c_int::from(hub::resolve_mine(handle(hub))?.run_once(deadline)?)))
}

/// Ends the hub's current gh_hub_run(), or its next one if none is running. Safe in a signal handler.
///
/// @param hub  (borrow) any hub
/// @return 0; GH_ENOHUB; -EINVAL for NULL
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_stop(hub: *mut gh_hub) -> c_int {
    guard(|| hub::stop(handle(hub)).map(|()| 0))
}

/// Cancels every green thread of the hub, runs them until they have ended, and frees the hub. A green
/// thread that does not heed its cancellation makes it fail at the deadline: nothing is freed then,
/// and the hub works on. Detached ones are cancelled like all others: join those that are to finish
/// first. Timers and posts that are pending are dropped on success. A thread that ends
/// meanwhile may not spawn others (-ECANCELED). Descriptors stay open: they are the caller's.
///
/// @param hub       (borrow) the calling OS thread's hub; its handle and all its ids are stale
///                  afterwards
/// @param deadline  how long the green threads have to end
/// @return 0; -EBUSY if some have not, or in a destructor of the root's values (gh_key_new());
///         GH_ENOTROOT in a green thread or a callback; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
/// @thread root
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_free(hub: *mut gh_hub, deadline: i64) -> c_int {
    guard(|| hub::free(hub::resolve_mine(handle(hub))?, deadline).map(|()| 0))
}

/// Gives a descriptor that is readable when the hub has something to do: poll it in a foreign event
/// loop, until gh_hub_next_deadline() at the latest, and call gh_hub_run_once() then. What the root's
/// own code makes ready between two turns makes it readable, too: a loop that asks for the next
/// deadline after each turn only, and not before each wait, misses nothing but timers that the root
/// starts. It belongs to the hub: do not read it, and do not close it.
///
/// @param hub  (borrow) the calling OS thread's hub
/// @return the descriptor; -ENOTSUP where readiness comes from poll(2), which has none;
///         GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
/// @thread hub
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_fd(hub: *mut gh_hub) -> c_int {
    guard(|| hub::resolve_mine(handle(hub))?.descriptor())
}

/// Tells a foreign event loop when it must call gh_hub_run_once() at the latest. It may be earlier
/// than the next deadline, never later.
///
/// @param hub  (borrow) the calling OS thread's hub
/// @return a deadline: 0 for now, GH_NEVER when only the descriptor of gh_hub_fd() matters;
///         GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
/// @thread hub
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_next_deadline(hub: *mut gh_hub) -> i64 {
    guard_pure(|| Ok(hub::resolve_mine(handle(hub))?.next_deadline()))
}

/// Fills in numbers about the hub.
///
/// @param hub       (borrow) the calling OS thread's hub
/// @param out       (out) the numbers; of a shorter struct than the library's only the first members
/// @param out_size  sizeof(gh_stats)
/// @return 0; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL or a size of 0; -E2BIG for a size beyond
///         4096
/// @thread hub
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_stats(
    hub: *mut gh_hub,
    out: *mut gh_stats,
    out_size: usize,
) -> c_int {
    guard_pure(|| {
        let stats = hub::resolve_mine(handle(hub))?.stats();
        let filled = gh_stats {
            live: stats.live,
            ready: stats.ready,
            unjoined: stats.unjoined,
            spawned: stats.spawned,
            switches: stats.switches,
            polls: stats.polls,
            events: stats.events,
            posts: stats.posts,
            timers: stats.timers,
            descriptors: stats.descriptors,
            stacks: stats.stacks,
            stacks_warm: stats.stacks_warm,
            stacks_cold: stats.stacks_cold,
            stack_size: stats.stack_size,
            guard: stats.guard as u64,
        };
        // SAFETY: the caller lends `out_size` bytes.
        unsafe { options::write(out, out_size, &filled) }?;
        Ok(0)
    })
}

/// Writes one line per green thread of the hub to a descriptor: its id, its name, its state, what it
/// waits for and for how long yet. For people: the form may change.
///
/// @param hub  (borrow) the calling OS thread's hub
/// @param fd   where to write; the call waits, with its OS thread, until everything is written
/// @return 0; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL; what write(2) gives, such as -EBADF
/// @thread hub
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_hub_dump(hub: *mut gh_hub, fd: c_int) -> c_int {
    guard(|| {
        let text = hub::resolve_mine(handle(hub))?.dump();
        fd::write_all(fd, text.as_bytes())?;
        Ok(0)
    })
}

/// Has a callback run on a hub, in the order of the posts of one OS thread. It runs when the hub runs
/// next: in gh_hub_run(), or while the hub's root waits. Neither locks nor allocates, and is safe in a
/// signal handler.
///
/// @param hub       (borrow) any hub
/// @param callback  runs on the hub's OS thread, between green threads
/// @param arg       (keep) passed to the callback; never touched
/// @return 0; -EAGAIN if 1024 posts are pending at that hub; GH_ENOHUB; -EINVAL for a NULL hub or
///         callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_post(
    hub: *mut gh_hub,
    callback: gh_callback,
    arg: *mut c_void,
) -> c_int {
    guard(|| {
        hub::resolve(handle(hub))?;
        hub::post(handle(hub), callback.ok_or(Error::EINVAL)?, arg)?;
        Ok(0)
    })
}
