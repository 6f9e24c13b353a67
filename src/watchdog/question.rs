//! What an OS thread says of itself, asked by a signal: who runs, and where.
//!
//! One question at a time, and one place for its answer, which passes from hand to hand with the stage. Who
//! is asked may never answer, or be in the middle of it when it is given up: the place is its own then, and
//! no other question can be asked before it has ended.

use crate::error::{Error, Result};
use crate::hub::{self, Beat, Sighting};
use crate::patch::handler_behind;
use crate::sys::interrupt;
use crate::sys::unwind::{self, Bounds};
use crate::thread::MAX_NAME;
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More than a stack that somebody would read.
pub(super) const MOST_FRAMES: usize = 64;
/// An OS thread that does not come to it within this time is kept by the kernel.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    thread: u64,
    name: [u8; MAX_NAME],
    name_length: usize,
    frames: [usize; MOST_FRAMES],
    frame_count: usize,
    state: usize,
}

impl Answer {
    const NONE: Answer = Answer {
        thread: 0,
        name: [0; MAX_NAME],
        name_length: 0,
        frames: [0; MOST_FRAMES],
        frame_count: 0,
        state: 0,
    };

    pub(super) fn thread(&self) -> u64 {
        self.thread
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name[..self.name_length]
    }

    pub(super) fn state(&self) -> usize {
        self.state
    }

    pub(super) fn frames(&self) -> &[usize] {
        &self.frames[..self.frame_count]
    }
}

#[derive(Debug)]
pub(super) enum Outcome {
    Answered(Box<Answer>),
    /// The stretch was over before it could be looked at.
    Over,
    /// Why there is no answer: `EBUSY` if the OS thread holds the signal back, `ETIMEDOUT` if it has not come
    /// to it.
    Silent(Error),
}

/// Nobody is asked. The place is the asker's.
const IDLE: u32 = 0;
/// The place is for whoever is asked to take.
const ASKED: u32 = 1;
/// The place is the handler's.
const ANSWERING: u32 = 2;
/// The place is the asker's again, who has the answer.
const ANSWERED: u32 = 3;
/// The same, with nothing in it.
const OVER: u32 = 4;

static STAGE: AtomicU32 = AtomicU32::new(IDLE);
static HUB: AtomicUsize = AtomicUsize::new(0);
static SWITCHES: AtomicU64 = AtomicU64::new(0);
static PHASE: AtomicU64 = AtomicU64::new(0);

struct Place(UnsafeCell<Answer>);

// SAFETY: `STAGE` says whose it is.
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new(Answer::NONE));

/// Makes an OS thread able to answer when the signal comes.
pub(super) fn prepare(signal: c_int) -> Result<()> {
    unwind::prime();
    interrupt::install(signal, answer, handler_behind)
}

/// In the child of a fork, where nobody is left who could be asked.
pub(super) fn forget() {
    STAGE.store(IDLE, Ordering::Relaxed);
}

/// Asks the OS thread of a hub what it does.
pub(super) fn ask(sighting: &Sighting, signal: c_int, give_up: impl Fn() -> bool) -> Outcome {
    if STAGE.load(Ordering::Acquire) == ANSWERING {
        return Outcome::Silent(Error::ETIMEDOUT);
    }
    if interrupt::is_held_back(sighting.os_thread, signal) {
        // It would stay pending, and come when nobody wants it any more.
        return Outcome::Silent(Error::EBUSY);
    }
    HUB.store(sighting.hub, Ordering::Relaxed);
    SWITCHES.store(sighting.beat.switches, Ordering::Relaxed);
    PHASE.store(sighting.beat.phase, Ordering::Relaxed);
    STAGE.store(ASKED, Ordering::Release);
    let (hub, beat) = (sighting.hub, sighting.beat);
    let sent = hub::while_it_lives(hub, beat, |os_thread| interrupt::send(os_thread, signal));
    let began = Instant::now();
    let mut pause = Duration::from_micros(20);
    loop {
        let late = began.elapsed() > PATIENCE || give_up();
        let silent = match &sent {
            // An OS thread that has ended takes no signal any more, also one that was sent before.
            Ok(()) if hub::while_it_lives(hub, beat, |_| Ok(())).is_err() => Some(Outcome::Over),
            Ok(()) if late => Some(Outcome::Silent(Error::ETIMEDOUT)),
            Ok(()) => None,
            Err(Error::NO_HUB | Error::ESRCH) => Some(Outcome::Over),
            Err(error) => Some(Outcome::Silent(*error)),
        };
        match (STAGE.load(Ordering::Acquire), silent) {
            (ANSWERED, _) => {
                // SAFETY: the stage says that the place is the asker's, and there is one watchdog.
                return Outcome::Answered(Box::new(unsafe { *PLACE.0.get() }));
            }
            (OVER, _) => return Outcome::Over,
            (ASKED, Some(outcome)) => {
                // From here on a signal that comes late finds nobody who asks.
                let exchange =
                    STAGE.compare_exchange(ASKED, IDLE, Ordering::AcqRel, Ordering::Acquire);
                if exchange.is_ok() {
                    return outcome;
                }
            }
            (_, Some(outcome)) if late => return outcome,
            _ => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(5));
            }
        }
    }
}

/// In the signal handler of whoever is asked. Async-signal-safe: it reads, and writes into the place.
fn answer(context: *mut c_void) {
    // A signal that comes late must not take the question from the OS thread that is asked now.
    if STAGE.load(Ordering::Acquire) != ASKED || !hub::is_here(HUB.load(Ordering::Relaxed)) {
        return;
    }
    if STAGE.compare_exchange(ASKED, ANSWERING, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return;
    }
    // Read behind the exchange: until the answer the asker changes nothing.
    let (switches, phase) = (SWITCHES.load(Ordering::Relaxed), PHASE.load(Ordering::Relaxed));
    let stage = match hub::witness(HUB.load(Ordering::Relaxed), Beat { switches, phase }) {
        None => OVER,
        Some(witness) => {
            // SAFETY: the exchange has made the place this handler's.
            let place = unsafe { &mut *PLACE.0.get() };
            place.thread = witness.thread;
            place.state = witness.state as usize;
            place.name_length = witness.name.len().min(MAX_NAME);
            place.name[..place.name_length].copy_from_slice(&witness.name[..place.name_length]);
            let stack = witness.stack;
            let holds = move |address| stack.is_none_or(|stack| stack.holds(address));
            let bounds = Bounds { caller: witness.caller, holds: &holds };
            // SAFETY: the context is that of the handler that calls this.
            place.frame_count = unsafe { unwind::interrupted(context, bounds, &mut place.frames) };
            ANSWERED
        }
    };
    STAGE.store(stage, Ordering::Release);
}
