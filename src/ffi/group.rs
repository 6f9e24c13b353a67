//! Many cores.
//!
//! A hub uses one core. A group is several hubs, by default as many as there are cores, each on an
//! OS thread that the group starts, runs and ends. Begin with gh_group_new(). gh_group_serve()
//! serves a TCP port on all of them; gh_group_spawn() makes green threads on them in turn,
//! gh_spawn_on() with gh_group_hub() on a chosen one; gh_join(), channels and locks work across.
//! gh_group_free() cancels whoever is left and waits for all.
//!
//! A green thread stays on its hub. Green threads of different hubs do run at the same time: what
//! they share needs a lock, a channel or an atomic, also a mere counter. Mistakes: to start a group
//! where one hub is not busy, since each message between hubs costs more than one within; to give
//! gh_group_free() GH_NEVER while an entry ignores -ECANCELED.

use super::guard::{guard, guard_suspending};
use super::hub::{gh_hub, gh_hub_options, hub_options};
use super::options;
use super::thread::{gh_entry, gh_spawn_options, gh_thread, spawn_on};
use crate::error::Error;
use crate::group::{self, serve};
use crate::hub::Options;
use std::ffi::{c_char, c_int, c_void};

/// A number of hubs, each on an OS thread of its own. An opaque handle, never to be dereferenced.
#[derive(Debug)]
pub struct gh_group;

/// How a group is to be. Zero in a member means the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_group_options {
    /// sizeof(gh_group_options), set by the caller.
    pub size: usize,
    /// How many hubs, at most 1024. Default: as many as the process may use cores.
    pub hubs: u32,
    /// Must be 0.
    pub reserved: u32,
    /// (borrow) How each hub is to be. Default: as by gh_hub_new() without options.
    pub hub: *const gh_hub_options,
}

/// What gh_group_serve() calls for each connection, on a green thread of its own. The descriptor is its
/// to close, with gh_close(). It must return: not throw, not longjmp out.
pub type gh_service = Option<unsafe extern "C" fn(fd: c_int, arg: *mut c_void)>;

/// Starts a group: an OS thread for each hub, which runs it until gh_group_free().
///
/// @param group    (out, own) the group; gh_group_free() frees it
/// @param options  (borrow) how it is to be; NULL for the defaults
/// @return 0; -EINVAL for NULL, more than 1024 hubs, or options of the hubs that are none; -E2BIG if a
///         struct is longer than the library knows and not zero there; what gh_hub_new() gives; -EAGAIN
///         if the system has no OS thread left
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_group_new(
    group: *mut *mut gh_group,
    options: *const gh_group_options,
) -> c_int {
    guard(|| {
        if group.is_null() {
            return Err(Error::EINVAL);
        }
        let (mut count, mut of_hubs) = (0, Options::default());
        // SAFETY: the caller lends the struct for as many bytes as it says.
        if let Some(raw) = unsafe { options::read(options) }? {
            if raw.reserved != 0 {
                return Err(Error::EINVAL);
            }
            count = raw.hubs as usize;
            // SAFETY: the same holds for the struct in it.
            of_hubs = unsafe { hub_options(raw.hub) }?;
        }
        let handle = group::new(count, of_hubs)?;
        // SAFETY: the caller lends the place.
        unsafe { *group = handle as *mut gh_group };
        Ok(0)
    })
}

/// Cancels all green threads of a group, runs them until they have ended, and frees its hubs and their
/// OS threads.
///
/// @param group     (take) what gh_group_new() made; it is kept after a failure
/// @param deadline  how long the green threads may take
/// @return 0; -EBUSY if some have not ended: hubs without any are gone then, and it can be tried again;
///         -EINVAL for NULL, or a group that was freed; -EDEADLK on a green thread of the group;
///         -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_group_free(group: *mut gh_group, deadline: i64) -> c_int {
    guard_suspending(|| group::free(group as usize, deadline).map(|()| 0))
}

/// Tells how many hubs a group has.
///
/// @param group  (borrow) what gh_group_new() made
/// @return the number; -EINVAL for NULL, or a group that was freed
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_group_len(group: *mut gh_group) -> c_int {
    guard(|| Ok(group::find(group as usize)?.len() as c_int))
}

/// Gives one of the hubs of a group, for gh_spawn_on() and gh_post().
///
/// @param group  (borrow) what gh_group_new() made
/// @param index  from 0 on
/// @return (borrow) the hub, which is the group's to free; NULL if there is none
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_group_hub(group: *mut gh_group, index: usize) -> *mut gh_hub {
    guard(|| {
        let hub = group::find(group as usize)?.hub(index).ok_or(Error::EINVAL)?;
        Ok(hub as *mut gh_hub)
    })
}

/// Makes a green thread on one of the hubs of a group, taking turns.
///
/// @param group     (borrow) what gh_group_new() made
/// @param thread    (out) its id, for gh_join() or gh_detach(); NULL detaches it, and does not wait: if
///                  the hub has no memory for it then, it is never run
/// @param options   (borrow) how it is to be; NULL for the defaults
/// @param entry     what it runs
/// @param arg       (keep) passed to the entry; never touched
/// @param deadline  how long to wait; after a failure it is not made
/// @return 0; what gh_spawn_on() gives; -EINVAL also for NULL, or a group that was freed
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_group_spawn(
    group: *mut gh_group,
    thread: *mut gh_thread,
    options: *const gh_spawn_options,
    entry: gh_entry,
    arg: *mut c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        let hub = group::find(group as usize)?.next();
        // SAFETY: the caller lends what it passes.
        unsafe { spawn_on(hub, thread, options, entry, arg, deadline) }
    })
}

/// Serves a TCP port on all hubs of a group: each has a listener of its own (SO_REUSEPORT), and a green
/// thread for each connection that the kernel gives it. Until gh_group_free().
///
/// @param group     (borrow) what gh_group_new() made
/// @param host      (borrow) a numeric IPv4 or IPv6 address; NULL for every address of the machine
/// @param port      0 to 65535; 0 lets the kernel choose
/// @param backlog   connections that may wait to be accepted, per hub; 0 for the system's usual number
/// @param service   what is called for each connection
/// @param arg       (keep) passed to it; never touched
/// @param deadline  how long to wait until all hubs serve; after a failure none does
/// @return the port; what gh_tcp_listen() and gh_spawn_on() give; -EINVAL also for NULL, or a group that
///         was freed
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_group_serve(
    group: *mut gh_group,
    host: *const c_char,
    port: c_int,
    backlog: c_int,
    service: gh_service,
    arg: *mut c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        let service = service.ok_or(Error::EINVAL)?;
        let group = group::find(group as usize)?;
        // SAFETY: the caller lends the string.
        let host = unsafe { options::optional_text(host) };
        serve::serve(&group, (host, port, backlog), service, arg, deadline)
    })
}
