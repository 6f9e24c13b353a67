//! Channels, and selecting among them.
//!
//! A channel hands items from green thread to green thread, on any OS threads, by copying them.
//! Begin with gh_channel_new(), for items of one size; then gh_channel_send() and
//! gh_channel_recv(). Without capacity a sender waits for its receiver; with it, for room: that is
//! what slows a fast producer down. gh_channel_close() says that nothing more comes: receivers take
//! what is left, then get -EPIPE. gh_select() waits for the first of several sends, receives and
//! descriptors, and performs it.
//!
//! A pointer can be an item; what it points to is the receiver's from then on. Mistakes: to close a
//! channel while others may still send (their sends give -EPIPE, so let the last sender close it);
//! to take gh_select()'s index for success, when the case's result may be -EPIPE; to free a channel
//! before all have left it.

use super::guard::{guard, guard_suspending};
use super::options;
use crate::error::{Error, Result};
use crate::sync::channel;
use crate::sync::select::{self, Case, Few};
use std::ffi::{c_char, c_int, c_void, CStr};

/// A channel: items of one size are copied from green thread to green thread, on whatever OS
/// threads, in the order of their sending. An opaque handle.
#[derive(Debug)]
pub struct gh_channel;

/// Makes a channel.
///
/// @param channel   (out, own) what was made; gh_channel_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @param item      bytes of an item; 0 for items that say nothing but that they came
/// @param capacity  how many items wait in the channel; 0: who sends waits for who receives
/// @return 0; -EINVAL for NULL, or if the items would take more than a tebibyte; -ERANGE for a name
///         over 63 bytes; -ENOMEM; -EAGAIN when 16777215 objects exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_channel_new(
    channel: *mut *mut gh_channel,
    name: *const c_char,
    item: usize,
    capacity: usize,
) -> c_int {
    guard(|| {
        if channel.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = channel::new(name, item, capacity)?;
        // SAFETY: the caller lends the place.
        unsafe { *channel = handle as *mut gh_channel };
        Ok(0)
    })
}

/// Frees a channel, with the items in it. Whoever waits there gets -EIDRM; a handle kept after it
/// gives -EINVAL.
///
/// @param channel  (borrow) what gh_channel_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_channel_free(channel: *mut gh_channel) -> c_int {
    guard(|| channel::free(channel as usize).map(|()| 0))
}

/// Sends an item.
///
/// @param channel   (borrow) what gh_channel_new() made
/// @param item      (borrow) as many bytes as an item of the channel has; NULL if that is none
/// @param deadline  how long to wait
/// @return 0; -EPIPE if the channel is closed, also while waiting; -EINVAL for NULL, a handle that
///         was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_channel_send(
    channel: *mut gh_channel,
    item: *const c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        // SAFETY: the caller lends the item.
        unsafe { channel::send(channel as usize, item.cast(), deadline) }.map(|()| 0)
    })
}

/// Receives the item that was sent first.
///
/// @param channel   (borrow) what gh_channel_new() made
/// @param item      (out) room for an item of the channel; NULL if it has no bytes
/// @param deadline  how long to wait
/// @return 0; -EPIPE if the channel is closed and empty; -EINVAL for NULL, a handle that was freed,
///         or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_channel_recv(
    channel: *mut gh_channel,
    item: *mut c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        // SAFETY: the caller lends the place.
        unsafe { channel::receive(channel as usize, item.cast(), deadline) }.map(|()| 0)
    })
}

/// Closes a channel: nothing can be sent any more, what is in it can still be received. Who waits
/// to send or to receive gets -EPIPE.
///
/// @param channel  (borrow) what gh_channel_new() made
/// @return 0; -EPIPE if it is closed already; -EINVAL for NULL, a handle that was freed, or of
///         another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_channel_close(channel: *mut gh_channel) -> c_int {
    guard(|| channel::close(channel as usize).map(|()| 0))
}

/// Tells how many items are in a channel, in this moment.
///
/// @param channel  (borrow) what gh_channel_new() made
/// @return the number; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_channel_len(channel: *mut gh_channel) -> i64 {
    guard(|| channel::length(channel as usize).map(|length| length as i64))
}

/// A case that takes no part.
pub const GH_SELECT_NONE: u32 = 0;
/// Send an item to a channel.
pub const GH_SELECT_SEND: u32 = 1;
/// Receive an item from a channel.
pub const GH_SELECT_RECV: u32 = 2;
/// Wait until a descriptor can be read.
pub const GH_SELECT_READ: u32 = 3;
/// Wait until a descriptor can be written.
pub const GH_SELECT_WRITE: u32 = 4;

/// One of the things that gh_select() waits for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_select_case {
    /// Of GH_SELECT_SEND and GH_SELECT_RECV.
    pub channel: *mut gh_channel,
    /// The item to send, or room for the one to receive.
    pub item: *mut c_void,
    /// Of GH_SELECT_READ and GH_SELECT_WRITE.
    pub fd: c_int,
    /// GH_SELECT_SEND and so on.
    pub op: u32,
    /// (out) Of the case that was performed: 0, or -EPIPE if its channel is closed.
    pub result: c_int,
    /// Must be 0.
    pub reserved: u32,
}

/// The most cases of one gh_select().
const MOST_CASES: usize = 65536;

/// Performs one of several cases, waiting until one can be. When several can, none is preferred;
/// within a channel the order of arrival holds.
///
/// @param cases     (borrow) the cases; result is written in the one that was performed
/// @param count     how many
/// @param deadline  how long to wait
/// @return the index of the case; -EINVAL for NULL, an unknown op, more than 65536 cases, a channel
///         that is none, or no case at all with GH_NEVER; -EBADF for a bad descriptor, or one that
///         is closed meanwhile; -ENOMEM or -ENOSPC if a descriptor cannot be waited for;
///         -ETIMEDOUT; -ECANCELED; -EIDRM if one of the channels is freed meanwhile; GH_ENOTGREEN
///         in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_select(
    cases: *mut gh_select_case,
    count: usize,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        if (cases.is_null() && count > 0) || count > MOST_CASES {
            return Err(Error::EINVAL);
        }
        let raw = match count {
            0 => &mut [],
            // SAFETY: the caller lends as many cases.
            _ => unsafe { std::slice::from_raw_parts_mut(cases, count) },
        };
        let parsed = raw.iter().map(case).collect::<Result<Few<Case>>>()?;
        // SAFETY: the caller lends the items.
        let won = unsafe { select::select(&parsed, deadline) }?;
        raw[won.case].result = won.result.map_or_else(Error::code, |()| 0);
        Ok(won.case as c_int)
    })
}

fn case(raw: &gh_select_case) -> Result<Case> {
    if raw.reserved != 0 {
        return Err(Error::EINVAL);
    }
    let channel = raw.channel as usize;
    Ok(match raw.op {
        GH_SELECT_NONE => Case::Nothing,
        GH_SELECT_SEND => Case::Send { channel, item: raw.item.cast_const().cast() },
        GH_SELECT_RECV => Case::Receive { channel, item: raw.item.cast() },
        GH_SELECT_READ => Case::Readable(raw.fd),
        GH_SELECT_WRITE => Case::Writable(raw.fd),
        _ => return Err(Error::EINVAL),
    })
}
