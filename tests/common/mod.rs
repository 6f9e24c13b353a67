//! What the behaviour suite shares: the C surface itself, safe one-line wrappers of it (`calls`),
//! locks and channels (`objects`), green threads and callbacks made of closures (`green`), descriptors to
//! talk through (`net`), messages with all that they point to (`messages`), the pool of OS threads
//! (`pool`). `suspending` lists the calls that wait.
//!
//! Every `#[test]` runs on an OS thread of its own and so has a hub of its own.

// Each test binary compiles this module and uses its own part of it.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part of this module")]

mod calls;
mod green;
mod messages;
mod net;
pub mod objects;
mod pool;
pub mod suspending;

pub use calls::*;
pub use green::*;
pub use greenhub::ffi::*;
pub use libc::{c_char, c_int, c_void};
pub use messages::*;
pub use net::*;
pub use pool::*;
pub use std::cell::{Cell, RefCell};
pub use std::ptr::{null, null_mut};

use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::time::Duration;

// The suite's own copy of the numbers of the contract: a changed number fails here.
pub const GH_NEVER: i64 = i64::MAX;
pub const GH_EPANIC: i64 = -10001;
pub const GH_ENOTGREEN: i64 = -10002;
pub const GH_EDEADLOCK: i64 = -10003;
pub const GH_EWRONGTHREAD: i64 = -10004;
pub const GH_ENOTROOT: i64 = -10005;
pub const GH_ENOHUB: i64 = -10006;
pub const GH_EAI_BADFLAGS: i64 = -10101;
pub const GH_EAI_NONAME: i64 = -10102;
pub const GH_EAI_AGAIN: i64 = -10103;
pub const GH_EAI_FAMILY: i64 = -10106;
pub const GH_EAI_SOCKTYPE: i64 = -10107;
pub const GH_EAI_SERVICE: i64 = -10108;
pub const GH_EAI_OVERFLOW: i64 = -10112;
pub const GH_GUARD_AUTO: u32 = 0;
pub const GH_GUARD_MADVISE: u32 = 1;
pub const GH_GUARD_MPROTECT: u32 = 2;
pub const GH_SPAWN_DETACHED: u32 = 1;
pub const GH_OFFLOAD_NOWAIT: u32 = 1;
pub const GH_MUTEX_RECURSIVE: u32 = 1;
pub const GH_EVENT_AUTO: u32 = 1;
pub const GH_EVENT_SET: u32 = 2;
pub const GH_SELECT_NONE: u32 = 0;
pub const GH_SELECT_SEND: u32 = 1;
pub const GH_SELECT_RECV: u32 = 2;
pub const GH_SELECT_READ: u32 = 3;
pub const GH_SELECT_WRITE: u32 = 4;

macro_rules! errno_constants {
    ($($name:ident),* $(,)?) => { $(pub const $name: i64 = libc::$name as i64;)* };
}
errno_constants!(
    E2BIG,
    EADDRINUSE,
    EADDRNOTAVAIL,
    EAGAIN,
    EACCES,
    EBADF,
    EBUSY,
    ECANCELED,
    ECHILD,
    ECONNREFUSED,
    ECONNRESET,
    EDEADLK,
    EDESTADDRREQ,
    EEXIST,
    EFAULT,
    EIDRM,
    EINPROGRESS,
    EINVAL,
    EISCONN,
    EISDIR,
    EMFILE,
    EMSGSIZE,
    ENAMETOOLONG,
    ENOENT,
    ENOMEM,
    ENOSPC,
    ENOTCONN,
    ENOTDIR,
    ENOTSOCK,
    ENOTSUP,
    EOPNOTSUPP,
    EOVERFLOW,
    EOWNERDEAD,
    EPERM,
    EPIPE,
    EPROTONOSUPPORT,
    ERANGE,
    ESPIPE,
    ESRCH,
    ETIMEDOUT,
);

pub const MILLISECOND: i64 = 1_000_000;
pub const SECOND: i64 = 1_000 * MILLISECOND;
pub const DAY: i64 = 86_400 * SECOND;

/// Long past: every suspending call then tries once.
pub const PAST: i64 = 0;

/// A test that has not ended by then hangs; ending the process names it.
const WATCHDOG: Duration = Duration::from_secs(90);

/// Runs `body` as the root of this OS thread's hub, then requires that it left no green thread
/// behind and that the hub can be freed.
pub fn with_hub(body: impl FnOnce()) {
    with_hub_leaving_threads(|| {
        body();
        let stats = stats();
        assert_eq!(
            (stats.live, stats.unjoined),
            (0, 0),
            "(live, unjoined) green threads at the end of the test"
        );
    });
}

/// As `with_hub`, for tests that leave green threads to be ended by `gh_hub_free`.
pub fn with_hub_leaving_threads(body: impl FnOnce()) {
    let _watchdog = watchdog();
    body();
    reraise();
    assert_eq!(free_hub(), 0, "gh_hub_free at the end of the test");
    reraise();
}

/// Ends the process when the calling test is still running long after it should have ended.
pub fn watchdog() -> Sender<()> {
    let (alive, watched) = channel::<()>();
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    std::thread::spawn(move || {
        if watched.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout) {
            eprintln!("test {test} hangs");
            std::process::abort();
        }
    });
    alive
}

/// A value that green threads of one test share. It is leaked, so that closures copy the reference.
pub fn cell<T>(value: T) -> &'static Cell<T> {
    Box::leak(Box::new(Cell::new(value)))
}

/// What happened, in order; shared as `cell` is.
pub struct Log<T: 'static>(RefCell<Vec<T>>);

pub fn log<T>() -> &'static Log<T> {
    Box::leak(Box::new(Log(RefCell::new(Vec::new()))))
}

impl<T> Log<T> {
    pub fn push(&self, event: T) {
        self.0.borrow_mut().push(event);
    }

    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub fn take(&self) -> Vec<T> {
        self.0.take()
    }
}

pub fn errno() -> c_int {
    // SAFETY: the location of errno is valid for as long as its OS thread lives.
    unsafe { *libc::__errno_location() }
}

pub fn set_errno(value: c_int) {
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = value }
}

/// A handle or pointer given to a function that runs on another OS thread.
#[derive(Clone, Copy)]
pub struct Sent<T>(pub T);

// SAFETY: the tests hand over only hub handles, which the library itself checks on arrival.
unsafe impl<T> Send for Sent<T> {}

impl<T> Sent<T> {
    /// A method, so that a closure captures the whole and not the field.
    pub fn get(self) -> T {
        self.0
    }
}

/// Runs `body` on another OS thread to its end; an assertion that fails there fails here.
pub fn on_another_os_thread<R>(body: impl FnOnce() -> R) -> R {
    let body = Sent(body);
    let joined = std::thread::scope(|scope| {
        // SAFETY of sending the result: the caller stands still until the OS thread has ended.
        scope.spawn(move || Sent((body.get())())).join()
    });
    match joined {
        Ok(result) => result.0,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
