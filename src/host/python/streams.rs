//! Sockets and other descriptors, waited for with the state attached.
//!
//! Each function makes its system call at once, with the interpreter's lock held and without waiting; only one that
//! would have to wait leaves. What comes in goes through one buffer of the OS thread's, and becomes an object of its
//! size when it is there: a green thread that waits to receive holds no buffer.

use super::api::{Api, Object};
use super::builtins::Answer;
use super::waits::{self, Python, Raised};
use crate::clock::{self, Nanos, NEVER};
use crate::error::Error;
use crate::hub::{self, perform, perform_once, try_now, Direction};
use crate::net::stream::{asked, is_immediate, quiet};
use crate::sys::retry;
use std::cell::{Cell, UnsafeCell};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// How long a caller waits: `settimeout` of the standard library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Not at all.
    None,
    Limited(Nanos),
    Endless,
}

/// A descriptor, and how long the caller waits for it in one call.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) fd: c_int,
    pub(super) patience: Patience,
    /// When that is over, once it was asked for.
    until: Cell<Option<Nanos>>,
}

impl Place {
    pub(super) fn new(fd: c_int, patience: Patience) -> Place {
        Place { fd, patience, until: Cell::new(None) }
    }

    /// Reads the clock, if at all, when a call has to wait for the first time: who need not pays for nothing, and an
    /// interruption, or a second step, begins no new wait.
    pub(super) fn deadline(&self) -> Nanos {
        match self.patience {
            Patience::None => 0,
            Patience::Endless => NEVER,
            Patience::Limited(span) => {
                let until = self.until.get().unwrap_or_else(|| clock::after_ns(span));
                self.until.set(Some(until));
                until
            }
        }
    }
}

/// Makes a call on a socket, and gives how many bytes it has moved. `asked` as in `hub::perform`.
///
/// # Safety
/// The calling thread's state is attached.
#[inline(always)]
unsafe fn socket_call(
    api: &Api,
    place: &Place,
    direction: Direction,
    flags: c_int,
    asked: usize,
    call: impl Fn(c_int) -> isize + Copy,
) -> Python<isize> {
    let fd = place.fd;
    // A connection can fail with ETIMEDOUT, too.
    let own = Cell::new(false);
    let attempt = || {
        let done = retry(|| call(quiet(flags)));
        if matches!(done, Err(error) if error != Error::EAGAIN) {
            own.set(true);
        }
        done
    };
    // SAFETY: the caller vouches for the state.
    let done = unsafe {
        waits::within(api, |hub, thread| {
            if place.patience == Patience::None || is_immediate(direction, flags) {
                return perform_once(attempt);
            }
            match try_now(hub, fd, direction, asked, attempt) {
                Ok(Some(count)) => {
                    hub.spend(thread);
                    return Ok(count);
                }
                Ok(None) | Err(Error::EAGAIN) => {}
                Err(error) => return Err(error),
            }
            perform(fd, direction, place.deadline(), asked, attempt)
        })
    }?;
    match done {
        Ok(count) => Ok(count),
        // SAFETY: as above.
        Err(Error::ETIMEDOUT) if !own.get() => Err(unsafe { time_is_over(api) }),
        // There is no object for what would come, which is raised already: it may be too large for one at all.
        // SAFETY: as above.
        Err(Error::ENOMEM) if !unsafe { (api.error_occurred)() }.is_null() => Err(Raised),
        // SAFETY: as above.
        Err(error) => Err(unsafe { waits::raise(api, error) }),
    }
}

/// Raises what the standard library raises then.
///
/// # Safety
/// As above.
#[cold]
pub(super) unsafe fn time_is_over(api: &Api) -> Raised {
    // SAFETY: the caller vouches for the state.
    unsafe {
        // Up to 3.9 a class of its own.
        let module = (api.import)(c"_socket".as_ptr());
        if module.is_null() {
            return Raised;
        }
        let class = (api.attribute)(module, c"timeout".as_ptr());
        (api.decref)(module);
        if !class.is_null() {
            api.raise(class, c"timed out");
            (api.decref)(class);
        }
    }
    Raised
}

/// What comes in at once, at most, by way of the buffer.
const PIECE: usize = 64 * 1024;

thread_local! {
    /// Made when it is needed first: a thread-local of this size would be part of every OS thread.
    static BUFFER: UnsafeCell<Vec<u8>> = const { UnsafeCell::new(Vec::new()) };
}

/// Receives into an object of the right size. -1 with errno set, or with an exception set and nothing `made`.
///
/// # Safety
/// The calling thread's state is attached.
unsafe fn receive_object(
    api: &Api,
    fd: c_int,
    size: usize,
    flags: c_int,
    made: &Cell<*mut Object>,
) -> isize {
    if size > PIECE {
        // SAFETY: the caller vouches for the state.
        return unsafe { receive_large(api, fd, size, flags, made) };
    }
    BUFFER.with(|buffer| {
        // SAFETY: nobody else of the OS thread is here before the bytes are copied: neither of the two calls
        // suspends, or runs code of Python's. The vector has room for a piece, of which the kernel tells how much it
        // has filled in.
        unsafe {
            let buffer = &mut *buffer.get();
            buffer.reserve(PIECE);
            let count = libc::recv(fd, buffer.as_mut_ptr().cast(), size, flags);
            if count >= 0 {
                made.set((api.bytes_from)(buffer.as_ptr().cast(), count));
            }
            count
        }
    })
}

/// The same where the buffer is too small: into an object that is made for the attempt.
///
/// # Safety
/// As above.
#[cold]
unsafe fn receive_large(
    api: &Api,
    fd: c_int,
    size: usize,
    flags: c_int,
    made: &Cell<*mut Object>,
) -> isize {
    // SAFETY: the caller vouches for the state; the object has room for `size` bytes, and nobody else has it.
    unsafe {
        let mut object = (api.bytes_from)(ptr::null::<c_char>(), size as isize);
        if object.is_null() {
            // What has come is still there.
            *crate::sys::errno::address() = libc::ENOMEM;
            return -1;
        }
        let count = libc::recv(fd, (api.bytes_place)(object).cast(), size, flags);
        if count < 0 {
            let number = crate::sys::errno::last();
            (api.decref)(object);
            *crate::sys::errno::address() = number;
            return count;
        }
        // Null with an exception set if it fails.
        (api.bytes_resize)(&mut object, count);
        made.set(object);
        count
    }
}

/// # Safety
/// As above.
unsafe fn receive_all(api: &Api, place: &Place, size: usize, flags: c_int) -> Answer {
    // SAFETY: the caller vouches for the state; the object has room for `size` bytes, and nobody else has it.
    unsafe {
        let mut object = (api.bytes_from)(ptr::null::<c_char>(), size as isize);
        if object.is_null() {
            return Err(Raised);
        }
        match receive_into(api, place, (api.bytes_place)(object).cast(), size, flags) {
            Ok(count) => match (api.bytes_resize)(&mut object, count as isize) {
                0 => Ok(object),
                _ => Err(Raised),
            },
            Err(Raised) => {
                (api.decref)(object);
                Err(Raised)
            }
        }
    }
}

/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn receive(api: &Api, place: &Place, size: usize, flags: c_int) -> Answer {
    if size == 0 {
        // As the standard library: recv(2) of nothing would wait for something.
        // SAFETY: the caller vouches for the state.
        let nothing = unsafe { (api.bytes_from)(ptr::null::<c_char>(), 0) };
        return if nothing.is_null() { Err(Raised) } else { Ok(nothing) };
    }
    if waits_for_all(place, flags) {
        // SAFETY: as above.
        return unsafe { receive_all(api, place, size, flags) };
    }
    let made = Cell::new(ptr::null_mut());
    // SAFETY: as above.
    unsafe {
        socket_call(api, place, Direction::Read, flags, asked(size, flags), |flags| {
            receive_object(api, place.fd, size, flags, &made)
        })
    }?;
    if made.get().is_null() {
        Err(Raised)
    } else {
        Ok(made.get())
    }
}

/// # Safety
/// The calling thread's state is attached; `buffer` is writable for `size` bytes.
pub(super) unsafe fn receive_into(
    api: &Api,
    place: &Place,
    buffer: *mut c_void,
    size: usize,
    flags: c_int,
) -> Python<usize> {
    let all = waits_for_all(place, flags);
    let flags = flags & !libc::MSG_WAITALL;
    let mut moved = 0;
    let stamp = hub::stamp(place.fd);
    loop {
        // SAFETY: the caller vouches for the buffer and the state.
        let count = unsafe {
            let (rest, left) = (buffer.byte_add(moved), size - moved);
            socket_call(api, place, Direction::Read, flags, asked(left, flags), |flags| {
                libc::recv(place.fd, rest, left, flags)
            })
        }?;
        moved += count as usize;
        // Other green threads run between two steps, and may close the descriptor.
        if !all || count == 0 || moved >= size || hub::stamp(place.fd) != stamp {
            return Ok(moved);
        }
    }
}

/// Whether the kernel would wait for as much as fits: it does only for a socket in blocking mode.
fn waits_for_all(place: &Place, flags: c_int) -> bool {
    flags & libc::MSG_WAITALL != 0
        && place.patience == Patience::Endless
        && !is_immediate(Direction::Read, flags)
}

/// # Safety
/// The calling thread's state is attached; `data` is readable for `size` bytes.
pub(super) unsafe fn send_some(
    api: &Api,
    place: &Place,
    (data, size): (*const c_void, usize),
    flags: c_int,
) -> Python<usize> {
    // SAFETY: the caller vouches for both.
    let count = unsafe {
        socket_call(api, place, Direction::Write, flags, 0, |flags| {
            libc::send(place.fd, data, size, flags)
        })
    }?;
    Ok(count as usize)
}

/// Sends everything. A limit stands over all of it.
///
/// # Safety
/// As above.
pub(super) unsafe fn send_everything(
    api: &Api,
    place: &Place,
    (data, size): (*const c_void, usize),
    flags: c_int,
) -> Python<()> {
    let mut moved = 0;
    let stamp = hub::stamp(place.fd);
    loop {
        // SAFETY: as above.
        let rest = unsafe { (data.byte_add(moved), size - moved) };
        // SAFETY: as above.
        moved += unsafe { send_some(api, place, rest, flags) }?;
        if moved >= size {
            return Ok(());
        }
        // Closed meanwhile by another green thread: the number's next owner must not get the rest.
        if hub::stamp(place.fd) != stamp {
            // SAFETY: as above.
            return Err(unsafe { waits::raise(api, Error::EBADF) });
        }
    }
}
