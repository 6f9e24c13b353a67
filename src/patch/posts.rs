//! Who waits for which of libc's semaphores, for sem_post(3) to find.
//!
//! The waiters stand in buckets, by the address of their semaphore. A post looks at its bucket's count and
//! goes on if it is zero; else it calls the waiter that came first, who tries for itself.
//!
//! A post may come from a signal handler that has interrupted whoever holds the bucket's lock. So it only
//! tries to lock, and what it cannot do it leaves to the holder, who looks for it after unlocking. Nothing
//! here allocates, and a waiter is woken by mail, its own hub's as well.
//!
//! A semaphore is looked at only while a waiter for it stands in its bucket: after a post it may be gone.

use crate::hub::{self, Moment, Waker};
use crate::list::{Link, List};
use crate::sys::errno;
use libc::sem_t;
use std::cell::Cell;
use std::ptr;
#[cfg(target_arch = "x86_64")]
use std::sync::atomic::compiler_fence as fence;
#[cfg(not(target_arch = "x86_64"))]
use std::sync::atomic::fence;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const BUCKETS: usize = 1024;

/// Tries to lock before the rest is left to the holder.
const TRIES: usize = 64;

struct Bucket {
    /// Waiters, also those that were called and have not run since.
    waiting: AtomicU32,
    locked: AtomicBool,
    /// Somebody has posted and found it locked.
    missed: AtomicBool,
    /// A waiter could not be called, for too much mail. Under the lock.
    uncalled: Cell<bool>,
    /// Under the lock.
    queue: List,
}

// SAFETY: the cell and the list are touched under the lock only.
unsafe impl Sync for Bucket {}

static TABLE: [Bucket; BUCKETS] = [const { Bucket::new() }; BUCKETS];

/// Forks that this process is the child of: a waiter that entered before one stands in no queue.
static FORKS: AtomicU32 = AtomicU32::new(0);

pub(super) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// One green thread's wait, in its frame.
#[repr(C)]
pub(super) struct Waiter {
    link: Link,
    semaphore: *mut sem_t,
    bucket: &'static Bucket,
    /// Under the lock: what ends its wait, and whether it was called since it has entered.
    waker: Cell<Option<Waker>>,
    called: Cell<bool>,
    forks: Cell<u32>,
    entered: Cell<bool>,
}

impl Waiter {
    pub(super) fn new(semaphore: *mut sem_t) -> Waiter {
        Waiter {
            link: Link::new(),
            semaphore,
            bucket: bucket_of(semaphore),
            waker: Cell::new(None),
            called: Cell::new(false),
            forks: Cell::new(forks()),
            entered: Cell::new(false),
        }
    }

    pub(super) fn semaphore(&self) -> *mut sem_t {
        self.semaphore
    }

    pub(super) fn waker(&self) -> Option<Waker> {
        self.waker.get()
    }

    /// Stands in the queue from now on: behind all others, or, after a call that came to nothing, before
    /// them. A post that the caller's next try does not see uses the waker.
    ///
    /// # Safety
    /// The waiter stays where it is until `leave`.
    pub(super) unsafe fn enter(&self, waker: Waker) {
        if !self.entered.get() {
            hub::watch_forks(watch_fork);
        }
        let _held = self.bucket.lock();
        self.forget_parent();
        if !self.entered.replace(true) {
            self.bucket.waiting.fetch_add(1, Ordering::SeqCst);
        }
        self.waker.set(Some(waker));
        let called = self.called.replace(false);
        if !self.link.is_queued() {
            // SAFETY: the caller vouches for the place; the lock is held.
            unsafe {
                match called {
                    true => self.bucket.queue.push_front(&self.link),
                    false => self.bucket.queue.push_back(&self.link),
                }
            }
        }
    }

    /// Does not wait any more. `took` says whether it has got what it waited for: a call that it does not
    /// use is the next one's.
    pub(super) fn leave(&self, took: bool) {
        let _held = self.bucket.lock();
        self.forget_parent();
        if !self.entered.replace(false) {
            return;
        }
        self.bucket.waiting.fetch_sub(1, Ordering::Relaxed);
        if self.link.is_queued() {
            // SAFETY: in this list, under the lock.
            unsafe { self.bucket.queue.unlink(&self.link) };
        }
        if self.called.replace(false) && !took {
            self.bucket.call_one(self.semaphore);
        }
        if self.bucket.uncalled.replace(false) {
            self.bucket.call_all_posted();
        }
    }

    /// In the child of a fork the queues were emptied, this waiter's too.
    fn forget_parent(&self) {
        if self.forks.replace(forks()) != forks() && self.entered.replace(false) {
            self.link.forget();
            self.called.set(false);
        }
    }
}

fn bucket_of(semaphore: *mut sem_t) -> &'static Bucket {
    let hash = (semaphore as usize as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    &TABLE[(hash >> 54) as usize]
}

/// How often it can be taken now.
///
/// # Safety
/// The semaphore exists: somebody waits for it.
pub(super) unsafe fn value(semaphore: *mut sem_t) -> u32 {
    let mut value = 0;
    // SAFETY: the caller vouches for the semaphore.
    unsafe { libc::sem_getvalue(semaphore, &mut value) };
    u32::try_from(value).unwrap_or(0)
}

/// Tells whoever waits that a semaphore was posted, which may be gone since. Async-signal-safe.
#[inline]
pub(super) fn posted(semaphore: *mut sem_t) {
    // The post comes before the look, as in `Waiter::enter` the count before the try. On x86 the post's own
    // instruction is a full barrier, and `fence` one for the compiler.
    fence(Ordering::SeqCst);
    let bucket = bucket_of(semaphore);
    if bucket.waiting.load(Ordering::Relaxed) != 0 {
        bucket.posted(semaphore);
    }
}

/// The lock of a bucket.
struct Held<'table>(&'table Bucket);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl Bucket {
    const fn new() -> Bucket {
        Bucket {
            waiting: AtomicU32::new(0),
            locked: AtomicBool::new(false),
            missed: AtomicBool::new(false),
            uncalled: Cell::new(false),
            queue: List::new(),
        }
    }

    fn try_lock(&self) -> bool {
        !self.locked.load(Ordering::Relaxed)
            && self
                .locked
                .compare_exchange(false, true, Ordering::SeqCst, Ordering::Relaxed)
                .is_ok()
    }

    fn try_to_lock(&self) -> bool {
        (0..TRIES).any(|_| {
            self.try_lock() || {
                std::hint::spin_loop();
                false
            }
        })
    }

    /// For who waits, never in a signal handler. The lock is held for some instructions.
    fn lock(&self) -> Held<'_> {
        while !self.try_to_lock() {
            std::thread::yield_now();
        }
        Held(self)
    }

    /// Unlocks, and does what others could not do meanwhile. Either they find it unlocked or this finds
    /// their mark: all four accesses are sequentially consistent.
    fn unlock(&self) {
        loop {
            if self.missed.swap(false, Ordering::SeqCst) {
                self.call_all_posted();
            }
            self.locked.store(false, Ordering::SeqCst);
            if !self.missed.load(Ordering::SeqCst) || !self.try_lock_after_mark() {
                return;
            }
        }
    }

    fn try_lock_after_mark(&self) -> bool {
        self.locked.compare_exchange(false, true, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn posted(&self, semaphore: *mut sem_t) {
        let _errno = errno::Kept::new();
        if self.try_to_lock() {
            self.call_one(semaphore);
            self.unlock();
            return;
        }
        self.missed.store(true, Ordering::SeqCst);
        if self.try_lock_after_mark() {
            self.unlock();
        }
    }

    /// Calls the first waiter for a semaphore. The lock is held.
    fn call_one(&self, semaphore: *mut sem_t) {
        let mut next = self.queue.first();
        // SAFETY: queued waiters are alive; the link is their first member.
        while let Some(waiter) = unsafe { next.cast::<Waiter>().as_ref() } {
            // SAFETY: in this list.
            next = unsafe { self.queue.after(&waiter.link) };
            if waiter.semaphore == semaphore && self.call(waiter) {
                return;
            }
        }
    }

    /// Calls as many waiters as could take something. The lock is held.
    fn call_all_posted(&self) {
        let (mut semaphore, mut left) = (ptr::null_mut(), 0);
        let mut next = self.queue.first();
        // SAFETY: as in `call_one`.
        while let Some(waiter) = unsafe { next.cast::<Waiter>().as_ref() } {
            // SAFETY: in this list.
            next = unsafe { self.queue.after(&waiter.link) };
            if !self.can_run(waiter) {
                continue;
            }
            if waiter.semaphore != semaphore {
                semaphore = waiter.semaphore;
                // SAFETY: it is waited for by who stands in the queue, and whose OS thread has not ended.
                left = unsafe { value(semaphore) };
            }
            if left > 0 && self.call(waiter) {
                left -= 1;
            }
        }
    }

    /// Takes a waiter out and wakes it. False if it will never run again.
    fn call(&self, waiter: &Waiter) -> bool {
        if !self.can_run(waiter) {
            return false;
        }
        let Some(waker) = waiter.waker.get() else { return false };
        // SAFETY: the caller has found it in this list.
        unsafe { self.queue.unlink(&waiter.link) };
        waiter.called.set(true);
        if !waker.wake_by_mail() {
            waiter.called.set(false);
            self.uncalled.set(true);
            // SAFETY: just taken out.
            unsafe { self.queue.push_front(&waiter.link) };
        }
        true
    }

    /// Takes a waiter out that will never run again: its hub was abandoned with its OS thread. Its frame is
    /// still there, but what it waited for may be gone. The lock is held.
    fn can_run(&self, waiter: &Waiter) -> bool {
        let can_run = waiter.waker.get().is_some_and(Waker::can_run);
        if !can_run {
            // SAFETY: the caller has found it in this list.
            unsafe { self.queue.unlink(&waiter.link) };
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        can_run
    }

    /// In the child of a fork: nobody waits.
    fn forget_parent(&self) {
        if self.waiting.load(Ordering::Relaxed) == 0 && !self.locked.load(Ordering::Relaxed) {
            return;
        }
        self.waiting.store(0, Ordering::Relaxed);
        self.missed.store(false, Ordering::Relaxed);
        self.uncalled.set(false);
        let _ = self.queue.take();
        self.locked.store(false, Ordering::Release);
    }
}

/// A child has none of its parent's other threads, and maybe a lock that one of them held.
fn watch_fork(moment: Moment) {
    if let Moment::InChild(_) = moment {
        FORKS.fetch_add(1, Ordering::Relaxed);
        TABLE.iter().for_each(Bucket::forget_parent);
        super::patience::forget_parent();
    }
}
