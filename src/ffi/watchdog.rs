//! The watchdog.
//!
//! Finds what keeps an OS thread from its other green threads: a call that blocks although it
//! should not, a computation without end. gh_watchdog_start() starts one OS thread that looks at all
//! hubs of the process; it is off until then. Each stretch in which one green thread, or one
//! callback of a hub, keeps its OS thread beyond the limit is told once: by a callback, or in lines on
//! standard error that addr2line(1) understands. The root is told of only while something could run
//! if it did not keep its OS thread.
//!
//! The stack is taken by the OS thread itself, in the handler of a signal. Most system calls go on
//! behind it; those of which signal(7) says that they never do (nanosleep(2), poll(2), select(2),
//! epoll_wait(2) and their like) return EINTR, once per stretch. A green thread does not see that
//! in calls of this library. What the system does not let run counts as well: choose the limit well
//! above what a busy machine takes.

use super::guard::guard;
use super::{gh_hub, gh_thread, options};
use crate::error::{Error, Result};
use crate::sys::pid_t;
use crate::watchdog::{self, Options, Report, Sink};
use std::ffi::{c_char, c_int, c_void};

/// What gh_watchdog_start() tells of one stretch. All of it is there while the callback runs, and no longer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_watchdog_report {
    /// sizeof(gh_watchdog_report) in the library.
    pub size: usize,
    /// The hub that cannot go on.
    pub hub: *mut gh_hub,
    /// Who keeps it; 0 for a callback of the hub.
    pub thread: gh_thread,
    /// Its name; "root" for a root without one, "callback" for a callback, "" where there is none or only
    /// the OS thread could tell.
    pub name: *const c_char,
    /// For how long, in nanoseconds, at least: until now, and for the root since somebody waits.
    pub kept: i64,
    /// The OS thread, as gettid(2) has it.
    pub os_thread: pid_t,
    /// 0, or why there are no frames: -EBUSY for an OS thread that holds the signal back, -ETIMEDOUT for
    /// one that did not take it within a second (the kernel keeps it), or the error of sending it.
    pub error: c_int,
    /// The frames, innermost first, down to the green thread's entry: where it stands, then addresses to
    /// return to, as backtrace(3) gives them.
    pub frames: *const *mut c_void,
    /// How many there are, 64 at most.
    pub frame_count: usize,
}

/// Is told of a stretch, on the watchdog's OS thread. It may make calls of the library, but none of
/// gh_watchdog_start() and gh_watchdog_stop(); while it runs nobody is watched. It must not throw.
pub type gh_watchdog_callback =
    Option<unsafe extern "C" fn(report: *const gh_watchdog_report, arg: *mut c_void)>;

/// How the watchdog is to be. Zero in a member means the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_watchdog_options {
    /// sizeof(gh_watchdog_options), set by the caller.
    pub size: usize,
    /// Nanoseconds that a green thread may keep its OS thread: 1000000 or more. Default 100000000.
    pub limit: i64,
    /// Who is told. Default: lines on standard error.
    pub callback: gh_watchdog_callback,
    /// (keep) Passed to it; never touched.
    pub arg: *mut c_void,
    /// The signal that asks an OS thread for its stack. One that the host has a handler for is passed on to
    /// that, unless it is ours. Default SIGURG, which is ignored by default and which debuggers let pass.
    pub signal: c_int,
    /// Must be 0.
    pub reserved: u32,
}

/// What a host's callback is called with.
struct Host {
    callback: unsafe extern "C" fn(*const gh_watchdog_report, *mut c_void),
    arg: *mut c_void,
}

// SAFETY: the host hands its argument to the watchdog's OS thread: that is what it asks for.
unsafe impl Send for Host {}

impl Host {
    fn tell(&self, report: &Report<'_>) {
        let mut name = report.name.to_vec();
        name.push(0);
        let told = gh_watchdog_report {
            size: size_of::<gh_watchdog_report>(),
            hub: report.hub as *mut gh_hub,
            thread: report.thread,
            name: name.as_ptr().cast(),
            kept: report.kept,
            os_thread: report.os_thread,
            error: report.silent.map_or(0, Error::code),
            // Addresses, which C holds in pointers.
            frames: report.frames.as_ptr().cast(),
            frame_count: report.frames.len(),
        };
        // SAFETY: the host passed both together and vouched for them.
        unsafe { (self.callback)(&told, self.arg) };
    }
}

fn parse(raw: Option<gh_watchdog_options>) -> Result<(Options, Sink)> {
    let mut options = Options::default();
    let print: Sink = Box::new(watchdog::print);
    let Some(raw) = raw else { return Ok((options, print)) };
    if raw.reserved != 0 || (raw.limit != 0 && raw.limit < watchdog::SHORTEST) {
        return Err(Error::EINVAL);
    }
    if raw.limit != 0 {
        options.limit = raw.limit;
    }
    if raw.signal != 0 {
        options.signal = raw.signal;
    }
    let Some(callback) = raw.callback else { return Ok((options, print)) };
    let host = Host { callback, arg: raw.arg };
    Ok((options, Box::new(move |report| host.tell(report))))
}

/// Starts the watchdog for all hubs of the process, those that are made later included. It looks four times
/// within the limit, at the cost of as many short sleeps, and its OS thread holds back all signals but those of
/// faults. The child of a fork has none, and may start its own.
///
/// The handler of the signal stays installed after gh_watchdog_stop(), and passes on what is not ours.
///
/// @param options  (borrow) how it is to be; NULL for the defaults
/// @return 0; -EALREADY if it runs; -EINVAL for a limit out of range, for a number that is no signal's, for
///         SIGKILL, SIGSTOP and the signals of faults, for a reserved member that is not 0, and for a
///         wrong size; -E2BIG for options of a newer version that this library does not know; -EBUSY if
///         another handler was put over the watchdog's since an earlier start; -EAGAIN and -ENOMEM if there
///         is no OS thread to be had
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_watchdog_start(options: *const gh_watchdog_options) -> c_int {
    guard(|| {
        // SAFETY: the caller lends what the size says.
        let (options, sink) = parse(unsafe { options::read(options) }?)?;
        watchdog::start(options, sink)?;
        Ok(0)
    })
}

/// Stops the watchdog and waits for its OS thread, so that no callback runs any more. Nothing is done if it
/// does not run. While it waits, so do the green threads of the calling OS thread: a callback that runs must
/// not wait for one of them.
///
/// @return 0; -EDEADLK in the watchdog's own callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_watchdog_stop() -> c_int {
    guard(|| {
        watchdog::stop()?;
        Ok(0)
    })
}
