//! What a hub tells of itself: numbers, and who waits for what.

use super::{objects, Hub};
use crate::clock::{self, NEVER};
use crate::slab::Id;
use crate::stack::Guard;
use crate::thread::{Reason, State, Thread};
use std::fmt::Write as _;

/// The numbers behind `gh_hub_stats`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stats {
    pub(crate) live: u64,
    pub(crate) ready: u64,
    pub(crate) unjoined: u64,
    pub(crate) spawned: u64,
    pub(crate) switches: u64,
    pub(crate) polls: u64,
    pub(crate) events: u64,
    pub(crate) posts: u64,
    pub(crate) timers: u64,
    pub(crate) descriptors: u64,
    pub(crate) stacks: u64,
    pub(crate) stacks_warm: u64,
    pub(crate) stacks_cold: u64,
    pub(crate) stack_size: u64,
    pub(crate) guard: Guard,
}

impl Hub {
    pub(crate) fn stats(&self) -> Stats {
        let stacks = self.stacks.counts();
        let live = self.live.get();
        Stats {
            live: live as u64,
            ready: self.ready.len() as u64,
            // One block more: the root's.
            unjoined: (self.threads.len() - live - 1) as u64,
            spawned: self.counters.spawned.get(),
            switches: self.pulse.switches(),
            polls: self.counters.polls.get(),
            events: self.counters.events.get(),
            posts: self.counters.posts.get(),
            timers: self.wheel.armed() as u64,
            descriptors: self.descriptors.registered.get() as u64,
            stacks: stacks.cut as u64,
            stacks_warm: stacks.warm as u64,
            stacks_cold: stacks.cold as u64,
            stack_size: self.options.stack_size as u64,
            guard: stacks.guard,
        }
    }

    /// One line per green thread, the root among them.
    pub(crate) fn dump(&self) -> String {
        let stats = self.stats();
        let mut text = format!(
            "libgreenhub: hub {:#x}: {} live, {} ready, {} unjoined, {} deadlines\n",
            self.handle, stats.live, stats.ready, stats.unjoined, stats.timers,
        );
        let now = clock::now();
        self.threads.for_each(|thread| describe(&mut text, thread, now, &|id| self.label(id)));
        text
    }

    /// What a thread does, or waits for, in words. `None` if it is gone.
    pub(crate) fn status(&self, id: Id) -> Option<String> {
        let mut text = String::new();
        add_status(&mut text, self.threads.get(id)?, clock::now(), &|id| self.label(id));
        Some(text)
    }

    /// A thread's id with its name, as the lines of others refer to it.
    fn label(&self, id: Id) -> String {
        match self.threads.get(id) {
            Some(thread) => label(thread),
            None => format!("{} (gone)", id.0),
        }
    }
}

fn label(thread: &Thread) -> String {
    match thread.name() {
        [] if thread.root.get() => format!("{} (root)", thread.id.0),
        [] => thread.id.0.to_string(),
        name => format!("{} \"{}\"", thread.id.0, name.escape_ascii()),
    }
}

/// A lock or its like as a line refers to it, with who holds it.
fn object(handle: usize, label_of: &dyn Fn(Id) -> String) -> String {
    let Some(object) = objects::describe(handle) else { return format!("{handle:#x} (gone)") };
    let mut text = match &*object.name {
        [] => format!("{} {handle:#x}", object.word),
        name => format!("{} \"{}\"", object.word, name.escape_ascii()),
    };
    let holders = object.holders.into_iter().map(label_of).filter(|label| !label.is_empty());
    for (at, holder) in holders.enumerate() {
        let _ = write!(text, "{} {holder}", if at == 0 { " held by" } else { " and" });
    }
    text
}

fn describe(text: &mut String, thread: &Thread, now: i64, label_of: &dyn Fn(Id) -> String) {
    let _ = write!(text, "  {}: ", label(thread));
    add_status(text, thread, now, label_of);
    if thread.detached.get() {
        text.push_str(", detached");
    }
    text.push('\n');
}

fn add_status(text: &mut String, thread: &Thread, now: i64, label_of: &dyn Fn(Id) -> String) {
    match thread.state.get() {
        State::Ready => text.push_str("ready"),
        State::Running => text.push_str("running"),
        State::Ended => text.push_str("ended, not joined"),
        State::Parked => {
            let _ = match thread.reason.get() {
                Reason::None => write!(text, "parked"),
                Reason::Sleep => write!(text, "sleeps"),
                Reason::Readable(fd) => write!(text, "waits to read descriptor {fd}"),
                Reason::Writable(fd) => write!(text, "waits to write descriptor {fd}"),
                Reason::Poll(count) => write!(text, "polls {count} descriptors"),
                Reason::Join(id) => write!(text, "joins {}", label_of(id)),
                Reason::Lock(handle) | Reason::Object(handle) => {
                    write!(text, "waits for {}", object(handle, label_of))
                }
                Reason::Select(count) => write!(text, "selects among {count}"),
                Reason::Semaphore => write!(text, "waits for a semaphore of libc's"),
                Reason::Answer => write!(text, "waits for another OS thread"),
                Reason::Host => write!(text, "waits in its language's runtime"),
                Reason::Drain => write!(text, "waits for all others to end"),
            };
            match thread.timer.deadline() {
                NEVER => {}
                deadline => {
                    let left = deadline.saturating_sub(now) / 1_000_000;
                    let _ = write!(text, ", {left} ms left");
                }
            }
        }
    }
    if thread.held.get() > 0 {
        for handle in objects::held(thread.id) {
            let _ = write!(text, ", holds {}", object(handle, &|_| String::new()));
        }
    }
    if thread.is_canceled() {
        text.push_str(if thread.masked.get() { ", cancelled (masked)" } else { ", cancelled" });
    }
}
