//! Files, whose calls wait for the disk on the pool of gh_offload().
//!
//! Epoll knows nothing of regular files: a read of one blocks the OS thread until the disk has
//! answered. These are the POSIX calls, made on the pool, so that only the calling green thread
//! waits. Begin with gh_file_open(); close with gh_close(), as any other descriptor.
//!
//! Buffers are never touched after the call has returned. But what was begun is not undone by a
//! deadline or a cancellation: a write may still take place then, and a read may move the file's
//! position. Where that matters, use gh_file_pread() and gh_file_pwrite(), or no deadline. For what
//! is in memory already, plain read(2) is faster.

use super::guard::guard_suspending;
use super::options::text;
use super::stream::check;
use crate::error::{Error, Result};
use crate::offload::file;
use crate::sys::{mode_t, ssize_t};
use std::ffi::{c_char, c_int, c_void};

/// # Safety
/// `buf` is writable for `len` bytes.
unsafe fn read(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    at: Option<i64>,
    deadline: i64,
) -> Result<ssize_t> {
    check(buf, len)?;
    file::read(fd, len, at, deadline, |bytes| {
        // Of nothing, the address may be null, which a copy does not take.
        if !bytes.is_empty() {
            // SAFETY: the caller vouches for `len` bytes, and there are no more.
            unsafe { buf.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
    })
}

/// # Safety
/// `buf` is readable for `len` bytes.
unsafe fn write(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    at: Option<i64>,
    deadline: i64,
) -> Result<ssize_t> {
    check(buf, len)?;
    let bytes = match len {
        0 => &[],
        // SAFETY: the caller vouches for `len` bytes, which nobody writes as long as the call copies them.
        _ => unsafe { std::slice::from_raw_parts(buf.cast::<u8>(), len) },
    };
    file::write(fd, bytes, at, deadline)
}

/// Opens a file as open(2), on the pool of gh_offload().
///
/// A file that is opened after its caller has gone is closed again; one that the call has made stays.
///
/// @param path      (borrow) its name
/// @param flags     as for open(2); O_CLOEXEC is added. O_NONBLOCK is not: a FIFO waits for its peer
/// @param mode      the permissions of a file that is made, as for open(2)
/// @param deadline  how long to wait; in the past, nothing is done
/// @return (own) the descriptor, for gh_close(); -EINVAL for NULL; what open(2) gives, such as -ENOENT,
///         -EACCES, -EEXIST, -EISDIR, -EMFILE; -EAGAIN if no OS thread can be made and there is none;
///         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_file_open(
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
    deadline: i64,
) -> c_int {
    // SAFETY: the caller lends the string.
    guard_suspending(|| file::open(unsafe { text(path) }?, flags, mode, deadline))
}

/// Reads from a file as read(2), on the pool of gh_offload().
///
/// A read that was abandoned may go on: it never touches the buffer after this call has returned, but
/// moves the file's position. gh_file_pread() does not. If the descriptor is closed meanwhile, a read
/// that has begun ends as usual.
///
/// @param fd        a descriptor, of a file as a rule; gh_read() is for pipes and sockets
/// @param buf       (out) what was read
/// @param len       bytes of room at buf; as much is allocated meanwhile
/// @param deadline  how long to wait; in the past, nothing is done
/// @return the bytes read, 0 at the end; what read(2) gives, such as -EBADF, -EISDIR, -EIO; -EBADF also
///         if the descriptor is closed before it was its turn; -EINVAL for NULL or a length beyond
///         SSIZE_MAX; -ENOMEM; -EAGAIN if no OS thread can be made and there is none, or as read(2) for
///         a descriptor in non-blocking mode; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_file_read(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    deadline: i64,
) -> ssize_t {
    // SAFETY: the caller lends `len` bytes.
    guard_suspending(|| unsafe { read(fd, buf, len, None, deadline) })
}

/// Writes to a file as write(2), possibly less than everything, on the pool of gh_offload(). SIGPIPE is
/// never raised.
///
/// The bytes are copied first. A write that was abandoned may take place all the same, whole or in
/// part, also after this call has returned.
///
/// @param fd        a descriptor, of a file as a rule; gh_write() is for pipes and sockets
/// @param buf       (borrow) what to write
/// @param len       its length in bytes; as much is allocated meanwhile
/// @param deadline  how long to wait; in the past, nothing is done
/// @return the bytes written; what write(2) gives, such as -EBADF, -ENOSPC, -EFBIG, -EPIPE, -EIO; -EBADF
///         also if the descriptor is closed before it was its turn; -EINVAL for NULL or a length beyond
///         SSIZE_MAX; -ENOMEM; -EAGAIN if no OS thread can be made and there is none, or as write(2) for
///         a descriptor in non-blocking mode; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_file_write(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    deadline: i64,
) -> ssize_t {
    // SAFETY: the caller lends `len` bytes.
    guard_suspending(|| unsafe { write(fd, buf, len, None, deadline) })
}

/// Reads from a place in a file as pread(2), otherwise as gh_file_read().
///
/// @param fd        a descriptor of what has positions
/// @param buf       (out) what was read
/// @param len       bytes of room at buf; as much is allocated meanwhile
/// @param offset    where to begin, in bytes
/// @param deadline  how long to wait; in the past, nothing is done
/// @return what gh_file_read() gives; -EINVAL also for a negative offset; -ESPIPE for a pipe or a
///         socket
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_file_pread(
    fd: c_int,
    buf: *mut c_void,
    len: usize,
    offset: i64,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check_offset(offset)?;
        // SAFETY: the caller lends `len` bytes.
        unsafe { read(fd, buf, len, Some(offset), deadline) }
    })
}

/// Writes at a place in a file as pwrite(2), otherwise as gh_file_write(). On Linux a file opened with
/// O_APPEND is written at its end all the same.
///
/// @param fd        a descriptor of what has positions
/// @param buf       (borrow) what to write
/// @param len       its length in bytes; as much is allocated meanwhile
/// @param offset    where to begin, in bytes
/// @param deadline  how long to wait; in the past, nothing is done
/// @return what gh_file_write() gives; -EINVAL also for a negative offset; -ESPIPE for a pipe or a
///         socket
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_file_pwrite(
    fd: c_int,
    buf: *const c_void,
    len: usize,
    offset: i64,
    deadline: i64,
) -> ssize_t {
    guard_suspending(|| {
        check_offset(offset)?;
        // SAFETY: the caller lends `len` bytes.
        unsafe { write(fd, buf, len, Some(offset), deadline) }
    })
}

/// Waits as fsync(2) until what was written to a file is on the disk, on the pool of gh_offload().
///
/// @param fd        a descriptor of a file or a folder
/// @param deadline  how long to wait; in the past, nothing is done
/// @return 0; what fsync(2) gives, such as -EBADF, -EIO, -ENOSPC, -EINVAL for what cannot be synced;
///         -EBADF also if the descriptor is closed before it was its turn; -EAGAIN if no OS thread can
///         be made and there is none; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_file_fsync(fd: c_int, deadline: i64) -> c_int {
    guard_suspending(|| file::sync(fd, false, deadline).map(|()| 0))
}

/// As gh_file_fsync(), without what a later read does not need, such as the time of the change
/// (fdatasync(2)).
///
/// @param fd        a descriptor of a file
/// @param deadline  how long to wait; in the past, nothing is done
/// @return what gh_file_fsync() gives
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_file_fdatasync(fd: c_int, deadline: i64) -> c_int {
    guard_suspending(|| file::sync(fd, true, deadline).map(|()| 0))
}

fn check_offset(offset: i64) -> Result<()> {
    if offset < 0 {
        return Err(Error::EINVAL);
    }
    Ok(())
}
