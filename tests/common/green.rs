//! Green threads, timers and posts made of closures. A Rust panic (a failed assertion) may not
//! leave an `extern "C"` function, so each trampoline keeps it for `reraise`.

use super::{c, c_void, null_mut};
use greenhub::ffi::*;
use std::any::Any;
use std::cell::RefCell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

thread_local! {
    /// The first assertion that failed in a green thread or callback of this OS thread.
    static FAILURE: RefCell<Option<Box<dyn Any + Send>>> = const { RefCell::new(None) };
}

fn keep_failure(body: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
        FAILURE.with(|failure| {
            failure.borrow_mut().get_or_insert(panic);
        });
    }
}

/// Fails the test when an assertion failed in one of its green threads or callbacks.
pub fn reraise() {
    if let Some(panic) = FAILURE.with(|failure| failure.borrow_mut().take()) {
        resume_unwind(panic);
    }
}

type Job = Box<dyn FnOnce()>;

unsafe extern "C" fn run_job(arg: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn_with` passed this box, and an entry is called once.
    let job = unsafe { Box::from_raw(arg.cast::<Job>()) };
    keep_failure(*job);
    null_mut()
}

fn boxed(job: impl FnOnce() + 'static) -> *mut c_void {
    let job: Job = Box::new(job);
    Box::into_raw(Box::new(job)).cast()
}

/// Spawns a joinable green thread and gives its id, or the error of `gh_spawn`.
pub fn try_spawn(options: &gh_spawn_options, job: impl FnOnce() + 'static) -> Result<u64, i64> {
    let arg = boxed(job);
    let mut thread: gh_thread = 0;
    let result = c!(gh_spawn(&mut thread, options, Some(run_job), arg));
    if result == 0 {
        return Ok(thread);
    }
    // SAFETY: the spawn failed, so nobody else will ever open the box.
    drop(unsafe { Box::from_raw(arg.cast::<Job>()) });
    Err(i64::from(result))
}

pub fn spawn_with(options: &gh_spawn_options, job: impl FnOnce() + 'static) -> gh_thread {
    let thread = try_spawn(options, job).unwrap_or_else(|error| panic!("gh_spawn: {error}"));
    assert_ne!(thread, 0);
    thread
}

pub fn spawn(job: impl FnOnce() + 'static) -> gh_thread {
    spawn_with(&super::no_spawn_options(), job)
}

pub fn spawn_named(name: &str, job: impl FnOnce() + 'static) -> gh_thread {
    let name = std::ffi::CString::new(name).expect("no zero byte in a name");
    let mut options = super::no_spawn_options();
    options.name = name.as_ptr();
    spawn_with(&options, job)
}

pub fn spawn_detached(job: impl FnOnce() + 'static) {
    let result = c!(gh_spawn(null_mut(), super::null(), Some(run_job), boxed(job)));
    assert_eq!(result, 0, "gh_spawn of a detached green thread");
}

/// Waits for a green thread; an assertion that failed in it fails here.
pub fn join(thread: gh_thread) {
    let result = super::join_until(thread, super::GH_NEVER);
    reraise();
    assert_eq!(result, 0, "gh_join");
}

pub fn join_all(threads: impl IntoIterator<Item = gh_thread>) {
    for thread in threads {
        join(thread);
    }
}

type Callback = RefCell<Box<dyn FnMut()>>;

unsafe extern "C" fn run_callback(arg: *mut c_void) {
    // SAFETY: `timer_start` leaked this closure.
    let callback = unsafe { &*arg.cast::<Callback>() };
    keep_failure(|| (callback.borrow_mut())());
}

/// Starts a timer and gives its id, or the error. The closure is leaked: the timer may be periodic.
pub fn try_timer_start(
    deadline: i64,
    period: i64,
    callback: impl FnMut() + 'static,
) -> Result<gh_timer, i64> {
    let callback: Callback = RefCell::new(Box::new(callback));
    let arg: *mut Callback = Box::into_raw(Box::new(callback));
    let mut timer: gh_timer = 0;
    let result = c!(gh_timer_start(&mut timer, deadline, period, Some(run_callback), arg.cast()));
    if result == 0 {
        Ok(timer)
    } else {
        Err(i64::from(result))
    }
}

pub fn timer_start(deadline: i64, period: i64, callback: impl FnMut() + 'static) -> gh_timer {
    let timer = try_timer_start(deadline, period, callback)
        .unwrap_or_else(|error| panic!("gh_timer_start: {error}"));
    assert_ne!(timer, 0);
    timer
}

unsafe extern "C" fn run_post(arg: *mut c_void) {
    // SAFETY: `post` passed this box, and a post runs once.
    let job = unsafe { Box::from_raw(arg.cast::<Job>()) };
    keep_failure(*job);
}

/// Posts a closure to a hub, from any OS thread.
pub fn post(hub: *mut gh_hub, job: impl FnOnce() + 'static) -> i64 {
    let arg = boxed(job);
    let result = c!(gh_post(hub, Some(run_post), arg));
    if result != 0 {
        // SAFETY: the post was refused, so nobody else will ever open the box.
        drop(unsafe { Box::from_raw(arg.cast::<Job>()) });
    }
    i64::from(result)
}
