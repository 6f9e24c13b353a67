//! Bytes and messages in and out.
//!
//! recv(2), send(2), read(2) and their kin, with a deadline. gh_recv() and gh_send_all() are what
//! most programs need: the first gives what has come, the second sends all of it or fails.
//! gh_recv_exact() is for records of known length, gh_read() and gh_write() are for pipes and
//! terminals, the message calls for addresses and passed descriptors, gh_sendfile() for files.
//!
//! 0 is the end of the stream, not an error. A deadline bounds one call, so give a conversation a
//! deadline of its own. After -ETIMEDOUT from gh_send_all() part may have been sent: close the
//! connection, or go on behind the bytes that it counted. One green thread may read while another
//! writes; two that write at once mix their bytes. Regular files make the OS thread wait for the
//! disk: gh_file_read() and its kin do not.

use super::guard::guard_suspending;
use crate::error::{Error, Result};
use crate::net::sendfile::sendfile;
use crate::net::whole::Progress;
use crate::net::{stream, whole};
use crate::sys::{iovec, msghdr, sockaddr, socklen_t, ssize_t};
use std::ffi::{c_int, c_void};

/// The most ranges that one call takes (POSIX: IOV_MAX).
const MOST_RANGES: c_int = 1024;

/// Refuses what is no buffer: no address, or a length that a result could not tell.
pub(super) fn check<T: ?Sized>(buffer: *const T, length: usize) -> Result<()> {
    if length > isize::MAX as usize || (length > 0 && buffer.cast::<u8>().is_null()) {
        return Err(Error::EINVAL);
    }
    Ok(())
}

fn check_ranges(iov: *const iovec, count: c_int) -> Result<usize> {
    if !(0..=MOST_RANGES).contains(&count) || (count > 0 && iov.is_null()) {
        return Err(Error::EINVAL);
    }
    Ok(count as usize)
}

/// Receives as recv(2): at least one byte, or the end.
///
/// @param fd        a socket, in blocking mode or not
/// @param buf       (out) what was received
/// @param len       bytes of room at buf
/// @param flags     as for recv(2). MSG_DONTWAIT gives -EAGAIN instead of waiting, MSG_WAITALL waits
///                  for len bytes of a stream; gh_recvfrom() and gh_recvmsg() do not
/// @param deadline  how long to wait
/// @return the bytes received, 0 at the end of the stream; what recv(2) gives, such as -ECONNRESET,
///         -ENOTCONN, -EBADF, -ENOTSOCK; -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN;
///         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_recv(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    flags: c_int,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        // SAFETY: the caller lends `len` bytes.
        unsafe { whole::recv(fd, buf, len, flags, deadline) }
    })
}

/// Sends as send(2), possibly less than everything; gh_send_all() sends everything. SIGPIPE is never
/// raised.
///
/// @param fd        a connected socket, in blocking mode or not
/// @param buf       (borrow) what to send
/// @param len       its length in bytes
/// @param flags     as for send(2). MSG_DONTWAIT gives -EAGAIN instead of waiting
/// @param deadline  how long to wait for room
/// @return the bytes taken; what send(2) gives, such as -EPIPE, -ECONNRESET, -EBADF, -ENOTSOCK;
///         -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_send(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    flags: c_int,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        // SAFETY: the caller lends `len` bytes.
        unsafe { stream::send(fd, buf, len, flags, deadline) }
    })
}

/// Receives as recvfrom(2).
///
/// @param fd        a socket, in blocking mode or not
/// @param buf       (out) what was received
/// @param len       bytes of room at buf
/// @param flags     as for recvfrom(2)
/// @param addr      (out) the sender's address; may be NULL
/// @param addrlen   (out) in: the room at addr, out: the address's length; NULL if addr is
/// @param deadline  how long to wait
/// @return the bytes received; what recvfrom(2) gives, such as -ECONNREFUSED, -EBADF, -ENOTSOCK;
///         -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_recvfrom(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    flags: c_int,
    addr: *mut sockaddr,
    addrlen: *mut socklen_t,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        if !addr.is_null() && addrlen.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends all of them.
        unsafe { stream::recvfrom(fd, (buf, len), flags, (addr, addrlen), deadline) }
    })
}

/// Sends as sendto(2). SIGPIPE is never raised.
///
/// @param fd        a socket, in blocking mode or not
/// @param buf       (borrow) what to send
/// @param len       its length in bytes
/// @param flags     as for sendto(2)
/// @param addr      (borrow) whom to send it to; NULL for the connected peer
/// @param addrlen   its length in bytes
/// @param deadline  how long to wait for room
/// @return the bytes taken; what sendto(2) gives, such as -EMSGSIZE, -EDESTADDRREQ, -EBADF, -ENOTSOCK;
///         -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sendto(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    flags: c_int,
    addr: *const sockaddr,
    addrlen: socklen_t,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        // SAFETY: the caller lends both.
        unsafe { stream::sendto(fd, (buf, len), flags, (addr, addrlen), deadline) }
    })
}

/// Receives a message as recvmsg(2), passed descriptors included.
///
/// @param fd        a socket, in blocking mode or not
/// @param msg       (borrow) where to put it; its lengths and flags are updated on success
/// @param flags     as for recvmsg(2)
/// @param deadline  how long to wait
/// @return the bytes received, 0 at the end of a stream; what recvmsg(2) gives, such as -EMSGSIZE,
///         -EBADF, -ENOTSOCK; -EINVAL for NULL; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a
///         callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_recvmsg(
    fd: c_int,
    msg: *mut msghdr,
    flags: c_int,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        if msg.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the message and what it points to.
        unsafe { stream::recvmsg(fd, msg, flags, deadline) }
    })
}

/// Sends a message as sendmsg(2), descriptors included. SIGPIPE is never raised.
///
/// @param fd        a socket, in blocking mode or not
/// @param msg       (borrow) what to send
/// @param flags     as for sendmsg(2)
/// @param deadline  how long to wait for room
/// @return the bytes taken; what sendmsg(2) gives, such as -EPIPE, -EMSGSIZE, -EBADF, -ENOTSOCK;
///         -EINVAL for NULL; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sendmsg(
    fd: c_int,
    msg: *const msghdr,
    flags: c_int,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        if msg.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the message and what it points to.
        unsafe { stream::sendmsg(fd, msg, flags, deadline) }
    })
}

/// Reads as read(2), from a socket, a pipe, a terminal or whatever can be polled. A descriptor that is
/// no socket and in blocking mode is polled before it is read; its mode may be shared with other
/// processes and is left alone. A regular file is read at once: the OS thread waits for the disk.
///
/// @param fd        any descriptor
/// @param buf       (out) what was read
/// @param len       bytes of room at buf
/// @param deadline  how long to wait
/// @return the bytes read, 0 at the end; what read(2) gives, such as -EIO, -EISDIR, -EBADF; -EINVAL
///         for NULL or a length beyond SSIZE_MAX; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_read(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        // SAFETY: the caller lends `len` bytes.
        unsafe { stream::read(fd, buf, len, deadline) }
    })
}

/// Writes as write(2), possibly less than everything: to a pipe or terminal in blocking mode at most
/// 4096 bytes. SIGPIPE is never raised. For modes and files see gh_read().
///
/// @param fd        any descriptor
/// @param buf       (borrow) what to write
/// @param len       its length in bytes
/// @param deadline  how long to wait for room
/// @return the bytes taken; what write(2) gives, such as -EPIPE, -ENOSPC, -EBADF; -EINVAL for NULL or
///         a length beyond SSIZE_MAX; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_write(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        // SAFETY: the caller lends `len` bytes.
        unsafe { stream::write(fd, buf, len, deadline) }
    })
}

/// Reads into several buffers as readv(2). For modes and files see gh_read().
///
/// @param fd        any descriptor
/// @param iov       (borrow) the buffers
/// @param count     how many there are, at most 1024
/// @param deadline  how long to wait
/// @return the bytes read, 0 at the end; what readv(2) gives, such as -EIO, -EBADF; -EINVAL for NULL
///         or a count out of range; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_readv(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        let count = check_ranges(iov, count)?;
        // SAFETY: the caller lends the ranges.
        unsafe { stream::readv(fd, iov, count, deadline) }
    })
}

/// Writes from several buffers as writev(2), possibly less than everything. For modes and files see
/// gh_write().
///
/// @param fd        any descriptor
/// @param iov       (borrow) the buffers
/// @param count     how many there are, at most 1024
/// @param deadline  how long to wait for room
/// @return the bytes taken; what writev(2) gives, such as -EPIPE, -EBADF; -EINVAL for NULL or a count
///         out of range; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_writev(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        let count = check_ranges(iov, count)?;
        // SAFETY: the caller lends the ranges.
        unsafe { stream::writev(fd, iov, count, deadline) }
    })
}

/// Turns the outcome of a whole transfer into its C result, and tells how far it came in any case.
///
/// # Safety
/// `moved` is null or writable.
unsafe fn finish(progress: Progress, moved: *mut usize) -> Result<ssize_t> {
    if !moved.is_null() {
        // SAFETY: the caller vouches for the place.
        unsafe { *moved = progress.moved };
    }
    progress.result.map(|()| progress.moved as ssize_t)
}

/// Sends a whole buffer over a stream. SIGPIPE is never raised. Two green threads that send on one
/// descriptor at once may interleave.
///
/// @param fd        a connected stream socket, in blocking mode or not
/// @param buf       (borrow) what to send
/// @param len       its length in bytes
/// @param flags     as for send(2)
/// @param sent      (out) the bytes taken, also after a failure; may be NULL
/// @param deadline  how long to wait, over all
/// @return len; what gh_send() gives, with part of the buffer sent: -EPIPE, -ECONNRESET, -EBADF,
///         -ENOTSOCK, -EINVAL, -EAGAIN, -ETIMEDOUT, -ECANCELED, GH_ENOTGREEN
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_send_all(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    flags: c_int,
    sent: *mut usize,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        // SAFETY: the caller lends both.
        unsafe { finish(whole::send_all(fd, buf, len, flags, deadline), sent) }
    })
}

/// Receives exactly as many bytes as asked for, or what comes before the end of the stream; from a
/// socket that keeps messages apart, one message.
///
/// @param fd        a connected stream socket, in blocking mode or not
/// @param buf       (out) what was received, also after a failure
/// @param len       how many bytes
/// @param flags     as for recv(2), but for MSG_PEEK, MSG_TRUNC, MSG_OOB and MSG_ERRQUEUE, which
///                  give -EINVAL
/// @param received  (out) the bytes received, also after a failure; may be NULL
/// @param deadline  how long to wait, over all
/// @return len, or less at the end of the stream; what gh_recv() gives, with part of the buffer
///         filled: -ECONNRESET, -ENOTCONN, -EBADF, -ENOTSOCK, -EINVAL, -EAGAIN, -ETIMEDOUT,
///         -ECANCELED, GH_ENOTGREEN
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_recv_exact(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    flags: c_int,
    received: *mut usize,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check(buf, len)?;
        // SAFETY: the caller lends both.
        unsafe { finish(whole::recv_exact(fd, buf, len, flags, deadline), received) }
    })
}

/// Sends from a file as sendfile(2), possibly less than everything. SIGPIPE is never raised. The OS
/// thread waits for the disk where the file is not in memory.
///
/// @param out_fd    where to send; a socket is put into non-blocking mode
/// @param in_fd     a file that mmap(2) takes
/// @param offset    (out) in: where to begin, out: behind the last byte sent; NULL for the file's own
///                  position
/// @param count     how many bytes
/// @param deadline  how long to wait for room
/// @return the bytes sent, 0 at the end of the file; what sendfile(2) gives, such as -EPIPE, -EBADF;
///         -EINVAL for files it does not take or a count beyond SSIZE_MAX; -ETIMEDOUT; -ECANCELED;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sendfile(
    out_fd: c_int,
    in_fd: c_int,
    offset: *mut i64,
    count: usize,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        if count > isize::MAX as usize {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the offset.
        unsafe { sendfile(out_fd, in_fd, offset, count, deadline) }
    })
}
