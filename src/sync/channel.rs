//! The channel: items of one size, copied from who sends to who receives, through a buffer or, without
//! one, from the one's memory straight into the other's.

use super::objects::{self, object};
use super::waiter::{self, Outcome, Queue, Waiter};
use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::thread::Reason;
use std::alloc::{self, Layout};
use std::ptr;

/// More than this is no buffer but a mistake in its arithmetic.
const MOST_BYTES: usize = 1 << 40;

#[derive(Debug)]
pub(crate) struct Channel {
    size: usize,
    capacity: usize,
    /// `capacity` items, of which `length` are there from `head` on, around the end.
    buffer: Box<[u8]>,
    head: usize,
    length: usize,
    closed: bool,
    senders: Queue,
    receivers: Queue,
}

object!(Channel, "channel", |channel| [&channel.senders, &channel.receivers]);

pub(crate) fn new(name: &[u8], size: usize, capacity: usize) -> Result<usize> {
    if size > MOST_BYTES || capacity > MOST_BYTES {
        return Err(Error::EINVAL);
    }
    let bytes = size.checked_mul(capacity).filter(|&bytes| bytes <= MOST_BYTES);
    let bytes = bytes.ok_or(Error::EINVAL)?;
    objects::make(
        name,
        Channel {
            size,
            capacity,
            buffer: zeroed(bytes)?,
            head: 0,
            length: 0,
            closed: false,
            senders: Queue::new(),
            receivers: Queue::new(),
        },
    )
}

/// Memory that the system gives page by page, as items come: a large capacity costs nothing before.
fn zeroed(bytes: usize) -> Result<Box<[u8]>> {
    if bytes == 0 {
        return Ok(Box::default());
    }
    let layout = Layout::array::<u8>(bytes).map_err(|_| Error::EINVAL)?;
    // SAFETY: the layout is not empty; what was allocated is all zeroes, has the layout of a slice of
    // that length, and belongs to the box.
    unsafe {
        let memory = alloc::alloc_zeroed(layout);
        if memory.is_null() {
            return Err(Error::ENOMEM);
        }
        Ok(Box::from_raw(ptr::slice_from_raw_parts_mut(memory, bytes)))
    }
}

pub(crate) fn free(handle: usize) -> Result<()> {
    objects::free::<Channel>(handle)
}

/// What a waiter's wish means here: where its item is, or is to be.
fn place(waiter: &Waiter) -> *mut u8 {
    ptr::with_exposed_provenance_mut(waiter.wish.get())
}

/// The wish of a waiter whose item is there.
pub(super) fn wish(item: *const u8) -> usize {
    item.expose_provenance()
}

impl Channel {
    /// Null is no place for an item, unless items have no bytes.
    pub(super) fn check(&self, item: *const u8) -> Result<()> {
        if item.is_null() && self.size > 0 {
            return Err(Error::EINVAL);
        }
        Ok(())
    }

    pub(super) fn senders(&self) -> &Queue {
        &self.senders
    }

    pub(super) fn receivers(&self) -> &Queue {
        &self.receivers
    }

    fn at(&mut self, index: usize) -> *mut u8 {
        let index = (self.head + index) % self.capacity;
        // In range: `index` is below the capacity.
        self.buffer[index * self.size..].as_mut_ptr()
    }

    /// # Safety
    /// `item` is readable for an item.
    unsafe fn append(&mut self, item: *const u8) {
        let (size, end) = (self.size, self.at(self.length));
        // SAFETY: the caller vouches for the item; the place behind the last one is in the buffer, since
        // the callers append only where there is room.
        unsafe { ptr::copy_nonoverlapping(item, end, size) };
        self.length += 1;
    }

    /// Sends if that needs no wait.
    ///
    /// # Safety
    /// `item` is readable for an item.
    pub(super) unsafe fn send_now(&mut self, item: *const u8) -> Option<Result<()>> {
        if self.closed {
            return Some(Err(Error::EPIPE));
        }
        if let Some(receiver) = self.receivers.claim_first(Outcome::Granted) {
            // SAFETY: the receiver lent its place until it wakes, which only this call lets it. It may be
            // the very place of the item.
            unsafe {
                ptr::copy(item, place(receiver), self.size);
                receiver.wake();
            }
            return Some(Ok(()));
        }
        if self.length < self.capacity {
            // SAFETY: the caller vouches for the item.
            unsafe { self.append(item) };
            return Some(Ok(()));
        }
        None
    }

    /// Receives if that needs no wait.
    ///
    /// # Safety
    /// `item` is writable for an item.
    pub(super) unsafe fn receive_now(&mut self, item: *mut u8) -> Option<Result<()>> {
        if self.length > 0 {
            let (size, first) = (self.size, self.at(0));
            // SAFETY: the caller vouches for the place; the first item is in the buffer.
            unsafe { ptr::copy_nonoverlapping(first, item, size) };
            self.head = (self.head + 1) % self.capacity;
            self.length -= 1;
            let sender = self.senders.claim_first(Outcome::Granted).map(ptr::from_ref);
            if let Some(sender) = sender {
                // SAFETY: the sender lent its item until it wakes, which only this call lets it.
                unsafe {
                    self.append(place(&*sender));
                    (*sender).wake();
                }
            }
            return Some(Ok(()));
        }
        if let Some(sender) = self.senders.claim_first(Outcome::Granted) {
            // SAFETY: as above.
            unsafe {
                ptr::copy(place(sender), item, self.size);
                sender.wake();
            }
            return Some(Ok(()));
        }
        self.closed.then_some(Err(Error::EPIPE))
    }
}

/// # Safety
/// `item` is readable for an item of the channel, until the call returns.
pub(crate) unsafe fn send(handle: usize, item: *const u8, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let mut channel = objects::open::<Channel>(handle)?;
    channel.check(item)?;
    // SAFETY: the caller vouches for the item.
    if let Some(done) = unsafe { channel.send_now(item) } {
        drop(channel);
        done?;
        hub.spend(thread);
        return Ok(());
    }
    super::check_deadline(hub, deadline)?;
    let how = (Reason::Object(handle), wish(item));
    waiter::wait(hub, thread, channel, how, deadline, |channel| &channel.senders, |_| {})
}

/// # Safety
/// `item` is writable for an item of the channel, until the call returns.
pub(crate) unsafe fn receive(handle: usize, item: *mut u8, deadline: Nanos) -> Result<()> {
    let (hub, thread) = super::caller()?;
    let mut channel = objects::open::<Channel>(handle)?;
    channel.check(item)?;
    // SAFETY: the caller vouches for the place.
    if let Some(done) = unsafe { channel.receive_now(item) } {
        drop(channel);
        done?;
        hub.spend(thread);
        return Ok(());
    }
    super::check_deadline(hub, deadline)?;
    let how = (Reason::Object(handle), wish(item));
    waiter::wait(hub, thread, channel, how, deadline, |channel| &channel.receivers, |_| {})
}

/// Nothing more can be sent. What is in the buffer can still be received.
pub(crate) fn close(handle: usize) -> Result<()> {
    let mut channel = objects::open::<Channel>(handle)?;
    if channel.closed {
        return Err(Error::EPIPE);
    }
    channel.closed = true;
    channel.senders.grant_all(Outcome::Closed);
    channel.receivers.grant_all(Outcome::Closed);
    Ok(())
}

/// The items in the buffer.
pub(crate) fn length(handle: usize) -> Result<usize> {
    Ok(objects::open::<Channel>(handle)?.length)
}
