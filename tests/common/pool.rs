//! The pool of OS threads, with closures as its functions. It is one for the whole process: tests that
//! count its threads or change its limits take their turn with `pool_alone`.

use super::{c, c_void, null};
use greenhub::ffi::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Job = Box<dyn FnOnce() -> usize + Send>;

unsafe extern "C" fn run(arg: *mut c_void) -> *mut c_void {
    // SAFETY: `offload` passed this box, and a call runs once at most.
    let job = unsafe { Box::from_raw(arg.cast::<Job>()) };
    job() as *mut c_void
}

fn boxed(job: impl FnOnce() -> usize + Send + 'static) -> *mut c_void {
    let job: Job = Box::new(job);
    Box::into_raw(Box::new(job)).cast()
}

/// Calls a closure on the pool: the result of `gh_offload`, and the closure's. After a failure the closure
/// is leaked, for it may still run.
pub fn offload(job: impl FnOnce() -> usize + Send + 'static, deadline: i64) -> (i64, usize) {
    let mut result = usize::MAX as *mut c_void;
    let code = c!(gh_offload(Some(run), boxed(job), &mut result, deadline));
    (i64::from(code), result as usize)
}

/// Who was given what back, in order.
pub type Released = Arc<Mutex<Vec<usize>>>;

struct Owned {
    job: Option<Job>,
    released: Released,
}

unsafe extern "C" fn run_owned(arg: *mut c_void) -> *mut c_void {
    // SAFETY: `offload_with` passed it, and what takes it away comes after the function.
    let owned = unsafe { &mut *arg.cast::<Owned>() };
    (owned.job.take().expect("a call runs once"))() as *mut c_void
}

unsafe extern "C" fn release(arg: *mut c_void, result: *mut c_void) {
    // SAFETY: `offload_with` passed it, and it is released once: a second time would be found by the
    // count of those who have it.
    let owned = unsafe { Box::from_raw(arg.cast::<Owned>()) };
    owned.released.lock().expect("no panic").push(result as usize);
}

/// As `offload`, through `gh_offload_with`; what is released goes to `released`.
pub fn offload_with(
    released: &Released,
    flags: u32,
    job: impl FnOnce() -> usize + Send + 'static,
    deadline: i64,
) -> (i64, usize) {
    let owned = Box::new(Owned { job: Some(Box::new(job)), released: released.clone() });
    // SAFETY: plain numbers and pointers that may be null.
    let mut call: gh_offload_call = unsafe { std::mem::zeroed() };
    call.size = std::mem::size_of::<gh_offload_call>();
    call.r#fn = Some(run_owned);
    call.arg = Box::into_raw(owned).cast();
    call.release = Some(release);
    call.flags = flags;
    let mut result = usize::MAX as *mut c_void;
    let code = c!(gh_offload_with(&call, &mut result, deadline));
    if code == 0 {
        // SAFETY: after a success the argument is the caller's again.
        drop(unsafe { Box::from_raw(call.arg.cast::<Owned>()) });
    }
    (i64::from(code), result as usize)
}

pub fn no_pool_options() -> gh_offload_options {
    // SAFETY: plain numbers, for which zero is the default.
    let mut options: gh_offload_options = unsafe { std::mem::zeroed() };
    options.size = std::mem::size_of::<gh_offload_options>();
    options
}

pub fn configure(options: &gh_offload_options) -> i64 {
    i64::from(c!(gh_offload_configure(options)))
}

/// So many threads, so many calls queued.
pub fn configure_pool(threads: usize, queue: usize) {
    let mut options = no_pool_options();
    options.threads = threads;
    options.queue = queue;
    assert_eq!(configure(&options), 0);
}

pub fn pool_stats() -> gh_pool_stats {
    let mut stats = gh_pool_stats::default();
    let size = std::mem::size_of::<gh_pool_stats>();
    assert_eq!(c!(gh_offload_stats(&mut stats, size)), 0);
    stats
}

/// Waits until the pool is as the test wants it, while the green threads of this hub run.
pub fn until_pool(what: &str, is_so: impl Fn(&gh_pool_stats) -> bool) {
    let give_up = super::after_ms(20_000);
    while !is_so(&pool_stats()) {
        assert!(super::now() < give_up, "the pool never is {what}: {:?}", pool_stats());
        assert_eq!(super::sleep_ms(1), 0);
    }
}

/// The pool as this test's own: with the default limits again and without work at its end.
pub struct Alone(#[allow(dead_code, reason = "held, not read")] MutexGuard<'static, ()>);

pub fn pool_alone() -> Alone {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = Alone(TURN.lock().unwrap_or_else(PoisonError::into_inner));
    // A call returns a moment before its thread is done with it.
    let give_up = super::after_ms(20_000);
    while pool_stats().running + pool_stats().queued + pool_stats().outside > 0 {
        assert!(super::now() < give_up, "the test before left {:?}", pool_stats());
        std::thread::yield_now();
    }
    turn
}

impl Drop for Alone {
    fn drop(&mut self) {
        assert_eq!(c!(gh_offload_configure(null())), 0);
    }
}

/// Holds pool functions back until it is opened.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0 .0.lock().expect("no panic") = true;
        self.0 .1.notify_all();
    }

    pub fn pass(&self) {
        let shut = self.0 .0.lock().expect("no panic");
        drop(self.0 .1.wait_while(shut, |open| !*open).expect("no panic"));
    }
}

/// Counts across OS threads.
pub fn counter() -> &'static AtomicUsize {
    Box::leak(Box::new(AtomicUsize::new(0)))
}

pub fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::SeqCst)
}

pub fn add_one(counter: &AtomicUsize) -> usize {
    counter.fetch_add(1, Ordering::SeqCst)
}

/// A pool thread that is busy until the gate opens, on behalf of a green thread.
pub fn keep_busy(gate: &Gate) -> gh_thread {
    let gate = gate.clone();
    super::spawn(move || {
        let passed = offload(
            move || {
                gate.pass();
                7
            },
            super::GH_NEVER,
        );
        assert_eq!(passed, (0, 7));
    })
}
