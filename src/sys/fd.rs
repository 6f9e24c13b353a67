//! Descriptors: what can be asked of one, and the event counter that wakes a hub.

use crate::error::{Error, Result};
use std::ffi::{c_int, c_short, c_void};

/// What `recv` and `read` may conclude from a descriptor, learnt once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// TCP: a short count proves that the kernel's buffer is used up.
    Tcp,
    /// Any other stream. A Unix one stops short at passed descriptors.
    Stream,
    /// A socket that keeps messages apart.
    Message,
    /// No socket, and in non-blocking mode.
    NonBlocking,
    /// No socket, and in blocking mode: must be polled before each attempt.
    Blocking,
    /// A regular file or block device, which is always ready.
    File,
}

impl Kind {
    pub(crate) fn is_socket(self) -> bool {
        matches!(self, Kind::Tcp | Kind::Stream | Kind::Message)
    }
}

/// Classifies a descriptor, in one to four system calls.
pub(crate) fn kind(fd: c_int) -> Result<Kind> {
    match socket_option(fd, libc::SO_TYPE) {
        Ok(libc::SOCK_STREAM) => match socket_option(fd, libc::SO_PROTOCOL) {
            Ok(libc::IPPROTO_TCP | libc::IPPROTO_MPTCP) => Ok(Kind::Tcp),
            _ => Ok(Kind::Stream),
        },
        Ok(_) => Ok(Kind::Message),
        Err(Error::EBADF) => Err(Error::EBADF),
        Err(_) if is_file(fd)? => Ok(Kind::File),
        Err(_) if is_nonblocking(fd)? => Ok(Kind::NonBlocking),
        Err(_) => Ok(Kind::Blocking),
    }
}

/// Reads an integer option at `SOL_SOCKET`.
pub(crate) fn socket_option(fd: c_int, option: c_int) -> Result<c_int> {
    let mut value: c_int = 0;
    let mut length = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: `value` and `length` are valid and say their size.
    super::retry(|| unsafe {
        let value: *mut c_int = &mut value;
        libc::getsockopt(fd, libc::SOL_SOCKET, option, value.cast(), &mut length)
    })?;
    Ok(value)
}

/// Whether close(2) may wait for what was sent to arrive.
pub(crate) fn lingers(socket: c_int) -> bool {
    let mut value = libc::linger { l_onoff: 0, l_linger: 0 };
    let mut length = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: a place for the answer, and its size.
    let asked = unsafe {
        let value: *mut libc::linger = &mut value;
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_LINGER, value.cast(), &mut length)
    };
    asked == 0 && value.l_onoff != 0 && value.l_linger != 0
}

fn is_file(fd: c_int) -> Result<bool> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a valid place for the answer.
    super::retry(|| unsafe { libc::fstat(fd, status.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so that it is filled in.
    let format = unsafe { status.assume_init() }.st_mode & libc::S_IFMT;
    Ok(format == libc::S_IFREG || format == libc::S_IFBLK)
}

/// Whether the descriptor is in non-blocking mode.
pub(crate) fn is_nonblocking(fd: c_int) -> Result<bool> {
    // SAFETY: takes no pointer.
    let flags = super::retry(|| unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    Ok(flags & libc::O_NONBLOCK != 0)
}

/// Whether the descriptor was opened for reading (POLLIN) or writing (POLLOUT).
pub(crate) fn is_open_for(fd: c_int, events: c_short) -> Result<bool> {
    let wrong = if events == libc::POLLIN { libc::O_WRONLY } else { libc::O_RDONLY };
    // SAFETY: takes no pointer.
    let flags = super::retry(|| unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    Ok(flags & libc::O_ACCMODE != wrong)
}

/// Puts a descriptor into non-blocking mode if it is not.
pub(crate) fn set_nonblocking(fd: c_int) -> Result<()> {
    // SAFETY: takes no pointer.
    let flags = super::retry(|| unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK == 0 {
        // SAFETY: takes no pointer.
        super::retry(|| unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    }
    Ok(())
}

/// Puts a socket into non-blocking mode, or into the other.
pub(crate) fn set_mode(socket: c_int, nonblocking: bool) {
    let mut value = c_int::from(nonblocking);
    let value: *mut c_int = &mut value;
    // SAFETY: a number, as FIONBIO wants it.
    unsafe { libc::ioctl(socket, libc::FIONBIO, value) };
}

/// A duplicate that is closed on exec, at the lowest free number from `least` on.
pub(crate) fn duplicate(fd: c_int, least: c_int) -> Result<c_int> {
    // SAFETY: takes no pointer.
    super::retry(|| unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, least) })
}

/// A pipe in blocking mode, closed on exec: the end to read, the end to write.
pub(crate) fn pipe() -> Result<[c_int; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: room for two descriptors.
    super::retry(|| unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok(ends)
}

/// Whether the descriptor is open.
pub(crate) fn is_open(fd: c_int) -> bool {
    // SAFETY: takes no pointer.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// Closes a descriptor. Linux frees the number even when the call is interrupted, and a second try
/// could close what another thread has just opened: EINTR is a success.
pub(crate) fn close(fd: c_int) -> Result<()> {
    // SAFETY: takes no pointer. Whose descriptor it is, is the caller's affair.
    if unsafe { libc::close(fd) } == 0 {
        return Ok(());
    }
    match super::errno::last() {
        libc::EINTR => Ok(()),
        number => Err(Error::errno(number)),
    }
}

/// Writes everything, waiting as the descriptor pleases: for reports, not for traffic.
pub(crate) fn write_all(fd: c_int, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the slice is readable for its length.
        let write = || unsafe { libc::write(fd, bytes.as_ptr().cast::<c_void>(), bytes.len()) };
        let count = super::sigpipe::shielded(bytes.len(), || super::retry(write));
        match count {
            Ok(count) => bytes = &bytes[count as usize..],
            Err(Error::EAGAIN) => {
                super::wait::poll_one(fd, libc::POLLOUT, -1)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A counter whose every increase is an edge: the way into a hub that waits.
pub(crate) fn event_counter() -> Result<c_int> {
    // SAFETY: takes no pointer.
    super::retry(|| unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })
}

/// Increases an event counter. Safe in a signal handler; errno is the caller's to keep.
pub(crate) fn event_signal(fd: c_int) {
    let one: u64 = 1;
    let one: *const u64 = &one;
    // A counter at its limit is readable already, so a failure loses nothing.
    // SAFETY: eight readable bytes, as eventfd wants them.
    let _ = super::retry(|| unsafe { libc::write(fd, one.cast(), 8) });
}

/// Sets an event counter back to zero.
pub(crate) fn event_clear(fd: c_int) {
    let mut count: u64 = 0;
    let count: *mut u64 = &mut count;
    // SAFETY: eight writable bytes, as eventfd wants them.
    let _ = super::retry(|| unsafe { libc::read(fd, count.cast(), 8) });
}
