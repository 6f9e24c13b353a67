//! What is known of each descriptor: here its readiness and its waiters, across hubs its generation.
//!
//! The kernel reuses a number at once. Every close through the library, and every descriptor that the
//! library makes, moves the number's generation on, so that what a hub knew of the old descriptor is
//! never taken for the new one: neither a readiness bit nor an event nor a waiter.

use super::{current, mode, registry, Hub};
use crate::error::{Error, Result};
use crate::list::{Link, List};
use crate::sys::fd::{self, Kind};
use crate::thread::{Thread, Wake};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Readiness bits.
pub(super) const READ: u8 = 1;
pub(super) const WRITE: u8 = 2;
/// A short count proves nothing any more: after a hang-up the end of file is still to be read, and
/// out-of-band data cuts reads short.
pub(super) const STICKY: u8 = 4;

/// The end of what can be read was reported. Unlike `STICKY` it outlasts an EAGAIN: a call that does not wait
/// gives that also where one that may would find the end.
pub(super) const ENDED: u8 = 32;

/// Not of readiness, but as short-lived: a socket that has no timeout for a direction. See `Hub::is_endless`.
pub(super) const ENDLESS_READ: u8 = 8;
pub(super) const ENDLESS_WRITE: u8 = 16;

/// A green thread in the queue of a descriptor; lives on that thread's stack.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Waiter {
    link: Link,
    pub(super) thread: *const Thread,
    /// The descriptor was closed, and the waiter taken out of its queue.
    pub(super) closed: Cell<bool>,
}

impl Waiter {
    pub(super) fn new(thread: &Thread) -> Waiter {
        Waiter { link: Link::new(), thread, closed: Cell::new(false) }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }
}

/// One descriptor as one hub knows it, on one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Descriptor {
    generation: Cell<u32>,
    pub(super) registered: Cell<bool>,
    /// Both set while nothing is known: the first call tries.
    pub(super) ready: Cell<u8>,
    pub(super) kind: Cell<Option<Kind>>,
    /// Who waited last in each queue. Somebody else makes sure that the registration still stands:
    /// the descriptor may have been closed by plain close(2), and the number be another's.
    /// Half of each id is enough to tell, and keeps the line.
    pub(super) last: [Cell<u32>; 2],
    pub(super) readers: List,
    pub(super) writers: List,
    /// Threads in `gh_poll`, all of which wake at any event.
    pub(super) pollers: List,
}

const _: () = assert!(size_of::<Descriptor>() == 64);

impl Descriptor {
    fn new() -> Descriptor {
        Descriptor {
            generation: Cell::new(0),
            registered: Cell::new(false),
            ready: Cell::new(READ | WRITE),
            kind: Cell::new(None),
            last: [const { Cell::new(0) }; 2],
            readers: List::new(),
            writers: List::new(),
            pollers: List::new(),
        }
    }

    /// What an event carries to find its way back, and to be recognised as old.
    pub(super) fn token(&self, fd: c_int) -> usize {
        (self.generation.get() as usize) << 32 | fd as usize
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.get()
    }
}

/// Numbers are kept in chunks of this many, here and across hubs.
const CHUNK: usize = 256;

/// The numbers of one chunk.
#[derive(Debug)]
struct Chunk {
    /// What all hubs know of them, found once: each call looks there.
    words: &'static [AtomicU64; CHUNK],
    entries: Box<[Descriptor]>,
}

/// A hub's table, by number. Entries never move, since queues and suspended calls point at them.
#[derive(Debug)]
pub(super) struct Descriptors {
    chunks: UnsafeCell<Vec<Option<Chunk>>>,
    pub(super) registered: Cell<usize>,
}

impl Descriptors {
    pub(super) fn new() -> Descriptors {
        Descriptors { chunks: UnsafeCell::new(Vec::new()), registered: Cell::new(0) }
    }

    /// The entry of a number, and its word. A negative one is beyond every table.
    #[inline(always)]
    fn find(&self, fd: c_int) -> Option<(&Descriptor, &'static AtomicU64)> {
        let number = fd as u32 as usize;
        // SAFETY: only this OS thread is here, and `insert`, which alone changes the vector, calls
        // nothing that could come back here while it does.
        let chunk = unsafe { (&*self.chunks.get()).get(number / CHUNK)?.as_ref()? };
        // SAFETY: `insert` makes every chunk of `CHUNK` entries, which are boxed, and live as long as
        // the table.
        let descriptor = unsafe { &*chunk.entries.as_ptr().add(number % CHUNK) };
        Some((descriptor, &chunk.words[number % CHUNK]))
    }

    fn for_each(&self, mut each: impl FnMut(c_int, &Descriptor)) {
        // SAFETY: as in `find`; `each` registers at most, which inserts nothing.
        let chunks = unsafe { &*self.chunks.get() };
        for (at, chunk) in chunks.iter().enumerate() {
            for (offset, entry) in chunk.iter().flat_map(|chunk| chunk.entries.iter()).enumerate() {
                each((at * CHUNK + offset) as c_int, entry);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn insert(&self, fd: c_int) -> Result<(&Descriptor, &'static AtomicU64)> {
        // Otherwise a caller's uninitialised number would cost memory for its neighbourhood.
        if !fd::is_open(fd) {
            return Err(Error::EBADF);
        }
        let at = fd as usize / CHUNK;
        let words = words(fd).ok_or(Error::EBADF)?;
        let entries = (0..CHUNK).map(|_| Descriptor::new()).collect();
        // SAFETY: as in `find`, whose reference to the vector has ended.
        let chunks = unsafe { &mut *self.chunks.get() };
        if chunks.len() <= at {
            chunks.resize_with(at + 1, || None);
        }
        chunks[at] = Some(Chunk { words, entries });
        self.find(fd).ok_or(Error::EBADF)
    }
}

/// Across hubs, one word a number: its generation above, below who has registered it.
const GENERATION_SHIFT: u32 = 32;
pub(super) const OWNER_MASK: u64 = 0xffff;
/// More than one hub has.
const SHARED: u64 = 1 << 16;
/// gh_close is at it, on some OS thread: the number has its next generation but, maybe, still its old
/// descriptor, which nobody may register any more.
const CLOSING: u64 = 1 << 17;
/// Another process may have the open file too, and change what is known of it.
pub(super) const FOREIGN: u64 = 1 << 18;
/// Sixteen million numbers: sixteen times the kernel's default limit for one process.
const CHUNKS: usize = 64 * 1024;

type Words = [AtomicU64; CHUNK];

static WORDS: [AtomicPtr<Words>; CHUNKS] = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
/// Only those below were ever made.
static USED: AtomicUsize = AtomicUsize::new(0);

/// What is taken for true of a number that was never looked at: `FOREIGN` after a fork.
static AT_FIRST: AtomicU64 = AtomicU64::new(0);

/// Takes note that a number's open file is, or will be, another process's too.
pub(crate) fn share(fd: c_int) {
    if let Some(word) = word(fd) {
        word.fetch_or(FOREIGN, Ordering::AcqRel);
    }
}

/// The same of every number, until it gets a descriptor that the library has seen come: a fork has made a second
/// owner of each.
pub(crate) fn share_all() {
    AT_FIRST.store(FOREIGN, Ordering::Relaxed);
    for place in &WORDS[..USED.load(Ordering::Relaxed).min(CHUNKS)] {
        // SAFETY: null, or leaked by `make_words`.
        let Some(words) = (unsafe { place.load(Ordering::Acquire).as_ref() }) else { continue };
        for word in words {
            word.fetch_or(FOREIGN, Ordering::AcqRel);
        }
    }
}

/// Whether another process may have a number's open file.
#[inline(always)]
pub(crate) fn is_foreign(fd: c_int) -> bool {
    let Some(place) = WORDS.get(fd as u32 as usize / CHUNK) else { return true };
    // SAFETY: null, or leaked by `make_words`.
    match unsafe { place.load(Ordering::Acquire).as_ref() } {
        Some(words) => words[fd as usize % CHUNK].load(Ordering::Acquire) & FOREIGN != 0,
        None => AT_FIRST.load(Ordering::Relaxed) != 0,
    }
}

/// The words of a number's chunk; `None` for a negative number, or one that no kernel gives.
fn words(fd: c_int) -> Option<&'static Words> {
    let place = WORDS.get(fd as u32 as usize / CHUNK)?;
    // SAFETY: null, or leaked by `make_words`.
    match unsafe { place.load(Ordering::Acquire).as_ref() } {
        Some(words) => Some(words),
        None => {
            USED.fetch_max(fd as usize / CHUNK + 1, Ordering::Relaxed);
            Some(make_words(place))
        }
    }
}

pub(super) fn word(fd: c_int) -> Option<&'static AtomicU64> {
    Some(&words(fd)?[fd as usize % CHUNK])
}

/// The word of a number of which anything may have been noted. Allocates nothing: for signal handlers.
pub(super) fn known_word(fd: c_int) -> Option<&'static AtomicU64> {
    let place = WORDS.get(fd as u32 as usize / CHUNK)?;
    // SAFETY: null, or leaked by `make_words`.
    let words = unsafe { place.load(Ordering::Acquire).as_ref() };
    words.map(|words| &words[fd as usize % CHUNK])
}

#[cold]
fn make_words(place: &AtomicPtr<Words>) -> &'static Words {
    let at_first = AT_FIRST.load(Ordering::Relaxed);
    let made = Box::into_raw(Box::new([const { AtomicU64::new(0) }; CHUNK].map(|word| {
        word.store(at_first, Ordering::Relaxed);
        word
    })));
    let exchange =
        place.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
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

/// Lets another OS thread finish its gh_close of a number, before what has the number now is
/// registered: it may be the old descriptor, or a new one that the kernel has just made. A close that
/// lingers for long (SO_LINGER) is not waited for.
fn wait_for_close(word: &AtomicU64) {
    for turn in 0..1100 {
        if word.load(Ordering::Acquire) & CLOSING == 0 {
            return;
        }
        match turn {
            0..1000 => std::thread::yield_now(),
            _ => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }
}

fn generation_of(word: u64) -> u32 {
    (word >> GENERATION_SHIFT) as u32
}

/// Moves the number on, with nobody registered. Returns the word as it was.
fn next_generation(word: &AtomicU64, flags: u64) -> u64 {
    let next = |old: u64| {
        let generation = u64::from(generation_of(old).wrapping_add(1));
        Some(generation << GENERATION_SHIFT | flags)
    };
    match word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) {
        Ok(old) | Err(old) => old,
    }
}

impl Hub {
    /// What this hub knows of the descriptor that has the number now.
    #[inline(always)]
    pub(super) fn descriptor_of(&self, fd: c_int) -> Result<&Descriptor> {
        let (descriptor, word) = match self.descriptors.find(fd) {
            Some(found) => found,
            None => self.descriptors.insert(fd)?,
        };
        let generation = generation_of(word.load(Ordering::Acquire));
        if descriptor.generation.get() != generation {
            self.renew(descriptor, generation);
        }
        Ok(descriptor)
    }

    /// Registers the descriptor for readiness, once for its life.
    #[inline]
    pub(super) fn register(&self, fd: c_int, descriptor: &Descriptor) -> Result<()> {
        if descriptor.registered.get() {
            return Ok(());
        }
        self.register_first(fd, descriptor)
    }

    #[cold]
    fn register_first(&self, fd: c_int, descriptor: &Descriptor) -> Result<()> {
        let word = word(fd).ok_or(Error::EBADF)?;
        wait_for_close(word);
        // Asked again where it was known: only of what is registered does everybody tell who closes it.
        descriptor.kind.set(Some(fd::kind(fd)?));
        self.ensure_poller()?;
        self.poller.add(fd, descriptor.token(fd))?;
        descriptor.registered.set(true);
        self.descriptors.registered.set(self.descriptors.registered.get() + 1);
        let me = u64::from(self.remote.number()) + 1;
        // Only for the generation that was registered: whoever has closed it meanwhile has found
        // nobody to tell.
        let claim = |old: u64| match old & OWNER_MASK {
            _ if old & CLOSING != 0 || generation_of(old) != descriptor.generation.get() => None,
            0 => Some(old | me),
            owner if owner == me => Some(old),
            _ => Some(old | SHARED),
        };
        if let Err(now) = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, claim) {
            self.poller.remove(fd);
            self.renew(descriptor, generation_of(now));
            return Err(Error::EBADF);
        }
        Ok(())
    }

    /// The number may have become another descriptor's, of which nobody has told: whoever waits next makes sure.
    pub(crate) fn doubt(&self, fd: c_int) {
        if let Some((descriptor, _)) = self.descriptors.find(fd) {
            // The half of no id that is ever given out: its slot would be the last of eight million.
            descriptor.last.iter().for_each(|last| last.set(!0));
        }
    }

    /// Makes sure that a registered descriptor is what it was, at the price of a system call.
    pub(super) fn confirm(&self, fd: c_int, descriptor: &Descriptor) -> Result<()> {
        if self.poller.confirm(fd, descriptor.token(fd))? {
            return Ok(());
        }
        self.replaced(fd, descriptor);
        self.register_first(fd, descriptor)
    }

    /// The number is another descriptor's by now: somebody has closed the old one with close(2).
    pub(super) fn replaced(&self, fd: c_int, descriptor: &Descriptor) {
        if let Some(word) = word(fd) {
            let old = next_generation(word, 0);
            self.renew(descriptor, generation_of(old).wrapping_add(1));
            tell_others(fd, old);
        }
    }

    /// Forgets the old descriptor of a number, and tells its waiters.
    #[cold]
    fn renew(&self, descriptor: &Descriptor, generation: u32) {
        descriptor.generation.set(generation);
        descriptor.ready.set(READ | WRITE);
        descriptor.kind.set(None);
        if descriptor.registered.replace(false) {
            self.descriptors.registered.set(self.descriptors.registered.get() - 1);
        }
        for queue in [&descriptor.readers, &descriptor.writers, &descriptor.pollers] {
            loop {
                let waiter: *const Waiter = queue.pop_front().cast();
                // SAFETY: a queued waiter lives on the stack of its suspended thread.
                let Some(waiter) = (unsafe { waiter.as_ref() }) else { break };
                waiter.closed.set(true);
                // SAFETY: as above, so the thread has not ended.
                self.unpark(unsafe { &*waiter.thread }, Wake::Ready);
            }
        }
    }

    /// In the child of a fork: nothing is known of any descriptor, and nothing registered but what `stays`
    /// waits for. All other waiters are gone.
    pub(super) fn forget_descriptors(&self, stays: &Thread) {
        self.descriptors.registered.set(0);
        self.descriptors.for_each(|fd, descriptor| {
            descriptor.registered.set(false);
            descriptor.ready.set(READ | WRITE);
            descriptor.kind.set(None);
            let mut is_awaited = false;
            for queue in [&descriptor.readers, &descriptor.writers, &descriptor.pollers] {
                let all = queue.take();
                loop {
                    let waiter: *const Waiter = all.pop_front().cast();
                    // SAFETY: on a stack of the parent's, all of which are still there in the child.
                    let Some(waiter) = (unsafe { waiter.as_ref() }) else { break };
                    if ptr::eq(waiter.thread, stays) {
                        // SAFETY: popped just now, and it leaves before its frame ends as before.
                        unsafe { queue.push_back(waiter.link()) };
                        is_awaited = true;
                    }
                }
            }
            if is_awaited {
                match self.register_first(fd, descriptor) {
                    // A file that epoll does not take, see `PollWaiter`.
                    Ok(()) | Err(Error::EPERM) => {}
                    // The wait ends with EBADF: it must not hang.
                    Err(_) => self.renew(descriptor, descriptor.generation()),
                }
            }
        });
    }

    /// Another hub has closed a descriptor, or made a new one of its number.
    pub(super) fn closed_elsewhere(&self, fd: c_int, generation: u32) {
        if let Some((descriptor, _)) = self.descriptors.find(fd) {
            if descriptor.generation.get() == generation {
                self.renew(descriptor, generation.wrapping_add(1));
            }
        }
    }
}

impl Hub {
    /// A descriptor has changed, here or on another OS thread.
    pub(super) fn changed_elsewhere(&self, fd: c_int, generation: u32) {
        if let Some((descriptor, _)) = self.descriptors.find(fd) {
            if descriptor.generation.get() == generation {
                self.try_again(descriptor);
            }
        }
    }
}

/// In the child of a fork: no hub has registered anything, and no close is under way.
pub(super) fn after_fork() {
    for place in &WORDS[..USED.load(Ordering::Relaxed).min(CHUNKS)] {
        // SAFETY: null, or leaked by `make_words`.
        let Some(words) = (unsafe { place.load(Ordering::Acquire).as_ref() }) else { continue };
        for word in words {
            let generation = u64::from(generation_of(word.load(Ordering::Relaxed)));
            word.store(generation << GENERATION_SHIFT, Ordering::Relaxed);
        }
    }
    share_all();
}

/// Closes a descriptor, whose waiters on every hub get `EBADF`.
pub(crate) fn close(fd: c_int) -> Result<()> {
    if !fd::is_open(fd) {
        return Err(Error::EBADF);
    }
    closing(fd, || fd::close(fd))
}

/// Runs what closes an open descriptor, or puts another one at its number.
pub(crate) fn closing<T>(fd: c_int, close: impl FnOnce() -> T) -> T {
    let Some(word) = word(fd) else { return close() };
    // Before the number is free: whoever gets it next must find the new generation.
    let old = next_generation(word, CLOSING);
    forget_here(fd, old);
    let closed = close();
    // Not if the number's next owner has been adopted already.
    let closing = u64::from(generation_of(old).wrapping_add(1)) << GENERATION_SHIFT | CLOSING;
    let open = |now: u64| (now & !(FOREIGN | mode::NOTES) == closing).then_some(now & !CLOSING);
    let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, open);
    tell_others(fd, old);
    closed
}

/// Takes what the calling OS thread's hub knows of a number's old descriptor from it.
fn forget_here(fd: c_int, old: u64) {
    if let Some(hub) = current() {
        if let Some((descriptor, _)) = hub.descriptors.find(fd) {
            if descriptor.registered.get() {
                hub.poller.remove(fd);
            }
            hub.renew(descriptor, generation_of(old).wrapping_add(1));
        }
    }
}

/// Whether some hub has registered the number: only then does anybody need to hear of its close. Two loads,
/// for code that closes descriptors by the thousand.
#[inline(always)]
pub(crate) fn is_registered(fd: c_int) -> bool {
    let Some(place) = WORDS.get(fd as u32 as usize / CHUNK) else { return false };
    // SAFETY: null, or leaked by `make_words`.
    let words = unsafe { place.load(Ordering::Acquire).as_ref() };
    words.is_some_and(|words| words[fd as usize % CHUNK].load(Ordering::Acquire) & OWNER_MASK != 0)
}

/// As `closing`, of every registered number from `first` to `last`, before they are closed all at once.
pub(crate) fn forget_range(first: c_int, last: c_int) {
    let end = USED.load(Ordering::Relaxed).min(CHUNKS) * CHUNK;
    for fd in first.max(0)..=last.min(end as c_int - 1) {
        if !is_registered(fd) {
            continue;
        }
        if let Some(word) = word(fd) {
            let old = next_generation(word, 0);
            forget_here(fd, old);
            tell_others(fd, old);
        }
    }
}

/// Tells the library that a system call has just made this descriptor: what was known of its number is
/// about one that somebody else has closed.
#[inline]
pub(crate) fn adopt(fd: c_int) -> c_int {
    if let Some(word) = word(fd) {
        let old = next_generation(word, 0);
        if old & OWNER_MASK != 0 {
            if let Some(hub) = current() {
                hub.closed_elsewhere(fd, generation_of(old));
            }
            tell_others(fd, old);
        }
    }
    fd
}

/// Which of the descriptors that a number has had this is, for a call of several steps: between two of
/// them the number may become another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

/// The stamp of the descriptor that has the number now.
pub(crate) fn stamp(fd: c_int) -> Stamp {
    Stamp(word(fd).map_or(0, |word| word.load(Ordering::Acquire) >> GENERATION_SHIFT))
}

fn tell_others(fd: c_int, old: u64) {
    tell_each(old, |remote| remote.send_closed(fd, generation_of(old)));
}

/// Has everybody who waits for a descriptor try once more, each in turn: it may have changed in a way of which no
/// event tells, as a Unix socket that is shut down for writing does.
pub(crate) fn changed(fd: c_int) {
    let Some(word) = word(fd) else { return };
    let now = word.load(Ordering::Acquire);
    if let Some(hub) = current() {
        hub.changed_elsewhere(fd, generation_of(now));
    }
    tell_each(now, |remote| remote.send_changed(fd, generation_of(now)));
}

/// Tells the other hubs that have registered a number, by what its word was.
fn tell_each(old: u64, send: impl Fn(&registry::Remote)) {
    let owner = old & OWNER_MASK;
    if owner == 0 {
        return;
    }
    let me = current().map(|hub| hub.remote.number());
    let tell = |remote: &registry::Remote| {
        if Some(remote.number()) != me {
            send(remote);
        }
    };
    if old & SHARED != 0 {
        registry::for_each(tell);
    } else if let Some(remote) = registry::by_number(owner as u16 - 1) {
        tell(remote);
    }
}
