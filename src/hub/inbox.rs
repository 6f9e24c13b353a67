//! What other OS threads and signal handlers send to a hub.
//!
//! A stack of nodes pushed by compare-and-swap and taken whole by the hub (Treiber, "Systems
//! programming: coping with parallelism", 1986). The nodes of posts come from a fixed set with a free
//! list of its own, so that a post neither allocates nor locks and may come from a signal handler.

use crate::hub::callback::Callback;
use crate::hub::remote::{Order, Reply};
use crate::slab::Id;
#[cfg(loom)]
use loom::cell::UnsafeCell;
#[cfg(loom)]
use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::ptr;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Posts that can be pending at one hub. A model of few is checked in full.
pub(super) const CAPACITY: usize = if cfg!(loom) { 2 } else { 1024 };

/// One message.
#[derive(Debug)]
pub(super) enum Message {
    /// Run this on the hub. The handle tells a post to an earlier hub of the same number.
    Post {
        handle: usize,
        callback: Callback,
        argument: *mut c_void,
    },
    /// Another hub has closed a descriptor that was registered here.
    Closed {
        fd: c_int,
        generation: u32,
    },
    /// A descriptor that is registered here may have changed in a way of which no event tells.
    Changed {
        fd: c_int,
        generation: u32,
    },
    /// A wait of a green thread of this hub is over.
    Wake {
        id: Id,
        ticket: u32,
    },
    /// Make a green thread here.
    Spawn {
        handle: usize,
        order: Order,
        reply: Option<Reply>,
    },
    /// Tell the end of a green thread of this hub, or no more.
    Join {
        id: Id,
        reply: Reply,
    },
    GiveUpJoin {
        id: Id,
        question: usize,
    },
    Cancel {
        id: Id,
    },
    Detach {
        id: Id,
    },
}

#[derive(Debug)]
struct Node {
    next: AtomicPtr<Node>,
    /// Index + 1 of the next free node; 0 at the end. Unused in a node of the heap.
    next_free: AtomicU32,
    pooled: bool,
    message: UnsafeCell<Option<Message>>,
}

impl Node {
    /// # Safety
    /// The node is the caller's alone.
    #[inline]
    unsafe fn with_message<R>(&self, change: impl FnOnce(&mut Option<Message>) -> R) -> R {
        #[cfg(loom)]
        // SAFETY: the caller vouches for it, and loom makes sure.
        return self.message.with_mut(|place| change(unsafe { &mut *place }));
        #[cfg(not(loom))]
        // SAFETY: the caller vouches for it.
        change(unsafe { &mut *self.message.get() })
    }
}

#[derive(Debug)]
pub(super) struct Inbox {
    head: AtomicPtr<Node>,
    /// Index + 1 of the first free node, and above it a count of changes: without, a node that left
    /// and came back between a load and its exchange would look unchanged.
    free: AtomicU64,
    nodes: Box<[Node]>,
}

// SAFETY: a node's message is written by whoever took the node off the free list and read by the hub
// after it took the node off `head`; both hand-overs synchronise through the atomics.
unsafe impl Sync for Inbox {}
// SAFETY: as above; the raw pointers in messages are the sender's to vouch for.
unsafe impl Send for Inbox {}

impl Inbox {
    pub(super) fn new() -> Inbox {
        let node = |at: usize| Node {
            next: AtomicPtr::new(ptr::null_mut()),
            next_free: AtomicU32::new(if at + 1 < CAPACITY { at as u32 + 2 } else { 0 }),
            pooled: true,
            message: UnsafeCell::new(None),
        };
        Inbox {
            head: AtomicPtr::new(ptr::null_mut()),
            free: AtomicU64::new(1),
            nodes: (0..CAPACITY).map(node).collect(),
        }
    }

    /// Sends a message without allocating. False when `CAPACITY` messages are pending.
    pub(super) fn push(&self, message: Message) -> bool {
        let Some(node) = self.take_free() else { return false };
        // SAFETY: the node is off the free list, hence this caller's alone.
        unsafe { node.with_message(|place| *place = Some(message)) };
        self.publish(ptr::from_ref(node).cast_mut());
        true
    }

    /// Sends a message that must not be refused. Allocates.
    pub(super) fn push_allocated(&self, message: Message) {
        self.publish(Box::into_raw(Box::new(Node {
            next: AtomicPtr::new(ptr::null_mut()),
            next_free: AtomicU32::new(0),
            pooled: false,
            message: UnsafeCell::new(Some(message)),
        })));
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // Sequentially consistent: pairs with the store of the hub's "I sleep" in `Remote`.
        self.head.load(Ordering::SeqCst).is_null()
    }

    /// Takes all messages, oldest first. Only the hub's OS thread calls this.
    pub(super) fn drain(&self, mut each: impl FnMut(Message)) {
        let mut newest = self.head.swap(ptr::null_mut(), Ordering::SeqCst);
        let mut oldest: *mut Node = ptr::null_mut();
        while !newest.is_null() {
            // SAFETY: published nodes stay valid until this function gives them back, and after the
            // swap they are this thread's alone.
            unsafe {
                let next = (*newest).next.load(Ordering::Relaxed);
                (*newest).next.store(oldest, Ordering::Relaxed);
                oldest = newest;
                newest = next;
            }
        }
        while !oldest.is_null() {
            let node = oldest;
            // SAFETY: as above. The node is given back before its message is delivered, because what
            // is delivered may send again.
            let message = unsafe {
                oldest = (*node).next.load(Ordering::Relaxed);
                let message = (*node).with_message(Option::take);
                if (*node).pooled {
                    self.give_free(&*node);
                } else {
                    drop(Box::from_raw(node));
                }
                message
            };
            if let Some(message) = message {
                each(message);
            }
        }
    }

    fn publish(&self, node: *mut Node) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: not published yet, so this thread's alone.
            unsafe { (*node).next.store(head, Ordering::Relaxed) };
            match self.head.compare_exchange_weak(head, node, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn take_free(&self) -> Option<&Node> {
        let mut free = self.free.load(Ordering::Acquire);
        loop {
            let node = self.nodes.get((free as u32).checked_sub(1)? as usize)?;
            let next = u64::from(node.next_free.load(Ordering::Relaxed));
            let new = (free >> 32).wrapping_add(1) << 32 | next;
            match self.free.compare_exchange_weak(free, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(node),
                Err(now) => free = now,
            }
        }
    }

    fn give_free(&self, node: &Node) {
        // SAFETY: pooled nodes lie in `nodes`.
        let index = unsafe { ptr::from_ref(node).offset_from(self.nodes.as_ptr()) } as u32;
        let mut free = self.free.load(Ordering::Relaxed);
        loop {
            node.next_free.store(free as u32, Ordering::Relaxed);
            let new = (free >> 32).wrapping_add(1) << 32 | u64::from(index + 1);
            match self.free.compare_exchange_weak(free, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => free = now,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn numbers(inbox: &Inbox) -> Vec<c_int> {
        let mut seen = Vec::new();
        inbox.drain(|message| match message {
            Message::Closed { fd, .. } => seen.push(fd),
            _ => unreachable!("none was sent"),
        });
        seen
    }

    #[test]
    fn arrives_in_order_and_refuses_only_when_full() {
        let inbox = Inbox::new();
        for round in 0..3 {
            for fd in 0..CAPACITY as c_int {
                assert!(inbox.push(Message::Closed { fd, generation: round }));
            }
            assert!(!inbox.push(Message::Closed { fd: -1, generation: round }));
            inbox.push_allocated(Message::Closed { fd: CAPACITY as c_int, generation: round });
            assert_eq!(numbers(&inbox), (0..=CAPACITY as c_int).collect::<Vec<_>>());
            assert!(inbox.is_empty());
        }
    }

    #[test]
    fn nothing_is_lost_or_doubled_between_threads() {
        let inbox = Inbox::new();
        let (senders, each) = (4, 20_000);
        let mut seen = vec![0u32; senders * each];
        std::thread::scope(|scope| {
            for sender in 0..senders {
                let inbox = &inbox;
                scope.spawn(move || {
                    for at in 0..each {
                        let fd = (sender * each + at) as c_int;
                        while !inbox.push(Message::Closed { fd, generation: 0 }) {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let mut left = senders * each;
            let mut last = vec![-1; senders];
            while left > 0 {
                for fd in numbers(&inbox) {
                    let sender = fd as usize / each;
                    assert!(fd > last[sender], "each sender's order holds");
                    last[sender] = fd;
                    seen[fd as usize] += 1;
                    left -= 1;
                }
                std::thread::yield_now();
            }
        });
        assert!(seen.iter().all(|&count| count == 1));
    }
}
