//! The watchdog: an OS thread that looks at every hub in turn and tells of a green thread that keeps its OS
//! thread for too long, with the stack it does that on.
//!
//! * `stretch` — how long what a hub does has been going on.
//! * `question` — what the OS thread itself says, interrupted by a signal.
//! * `report` — what is told.

mod question;
mod report;
mod stretch;

pub(crate) use report::{describe, print, print_line, Report};

use crate::clock::{self, Nanos};
use crate::error::{Error, Result};
use crate::hub::{self, Moment};
use crate::sys::{interrupt, os_thread};
use question::Outcome;
use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use stretch::Stretches;

/// Who is told.
pub(crate) type Sink = Box<dyn Fn(&Report<'_>) + Send>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How long one may keep its OS thread.
    pub(crate) limit: Nanos,
    pub(crate) signal: c_int,
}

impl Default for Options {
    /// SIGURG disturbs nobody: its default is to be ignored, no C library uses it, debuggers pass it on in
    /// silence, and a program that handles it (for urgent data) must bear with one that means nothing. Go
    /// takes it for its own interruptions for the same reasons. Real-time signals end the process by default.
    fn default() -> Options {
        Options { limit: 100_000_000, signal: interrupt::SIGURG }
    }
}

/// Shorter limits would make an ordinary turn of the system's scheduler a fault.
pub(crate) const SHORTEST: Nanos = 1_000_000;
/// So often within the limit the watchdog looks: it tells of what went on for a quarter more, at most.
const LOOKS: i64 = 4;

/// A watchdog that runs.
struct Running {
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    wanted: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Stop {
    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    fn ask(&self) {
        self.wanted.store(true, Ordering::Release);
        drop(self.lock.lock());
        self.bell.notify_all();
    }

    /// False if the watchdog is to end.
    fn pause(&self, time: Duration) -> bool {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.bell.wait_timeout_while(held, time, |()| !self.is_wanted()));
        !self.is_wanted()
    }
}

type Control = Mutex<Option<Running>>;

/// Leaked, so that the child of a fork, where somebody who is gone may hold the lock, makes a new one.
static CONTROL: AtomicPtr<Control> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    /// The calling OS thread is the watchdog's.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn watch_fork(moment: Moment) {
    if let Moment::InChild(_) = moment {
        CONTROL.store(ptr::null_mut(), Ordering::Release);
        question::forget();
        hub::set_watched(false);
        // A callback may have forked: its OS thread is the child's only one, and no watchdog.
        INSIDE.set(false);
    }
}

fn control() -> &'static Control {
    // SAFETY: null, or leaked below.
    if let Some(control) = unsafe { CONTROL.load(Ordering::Acquire).as_ref() } {
        return control;
    }
    let made = Box::into_raw(Box::<Control>::default());
    let exchange =
        CONTROL.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
    match exchange {
        // SAFETY: published for ever by the exchange.
        Ok(_) => unsafe { &*made },
        // SAFETY: `made` was not published; `other` was, for ever.
        Err(other) => unsafe {
            drop(Box::from_raw(made));
            &*other
        },
    }
}

/// Starts the watchdog. `EALREADY` if it runs: whoever started it counts on being told.
pub(crate) fn start(options: Options, sink: Sink) -> Result<()> {
    if INSIDE.get() {
        return Err(Error::EALREADY);
    }
    hub::watch_forks(watch_fork);
    let mut control = control().lock().unwrap_or_else(PoisonError::into_inner);
    if control.is_some() {
        return Err(Error::EALREADY);
    }
    question::prepare(options.signal)?;
    let stop = Arc::new(Stop::default());
    let stopped = Arc::clone(&stop);
    let watch = move || {
        INSIDE.set(true);
        watch(options, &sink, &stopped);
    };
    let thread = os_thread::start("gh-watchdog", watch)?;
    hub::set_watched(true);
    *control = Some(Running { stop, thread });
    Ok(())
}

/// Stops the watchdog, if one runs, and waits until it has told its last.
pub(crate) fn stop() -> Result<()> {
    if INSIDE.get() {
        return Err(Error::EDEADLK);
    }
    // Held until the end, so that of two who stop it neither returns too early.
    let mut control = control().lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(running) = control.take() {
        running.stop.ask();
        // An error would be a panic, of which the watchdog has died as well.
        let _ = running.thread.join();
        hub::set_watched(false);
    }
    Ok(())
}

/// What the watchdog's OS thread does.
fn watch(options: Options, sink: &Sink, stop: &Stop) {
    let pause = Duration::from_nanos((options.limit / LOOKS).max(1) as u64);
    let mut stretches = Stretches::new(options.limit, options.limit / LOOKS);
    while stop.pause(pause) {
        for suspect in stretches.look(clock::now()) {
            let outcome = question::ask(&suspect.sighting, options.signal, || stop.is_wanted());
            if matches!(outcome, Outcome::Over) || stop.is_wanted() {
                continue;
            }
            sink(&Report::new(&suspect, &outcome));
            if !INSIDE.get() {
                // The child of a fork that the callback has made.
                return;
            }
        }
    }
}
