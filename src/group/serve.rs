//! One port, served by every hub of a group: each has a listener of its own, among which the kernel
//! spreads connections (SO_REUSEPORT, socket(7)).

use super::Group;
use crate::clock::{self, Nanos, NEVER};
use crate::error::{Error, Result};
use crate::hub::{self, enter, SpawnOptions};
use crate::net::{connection, endpoint};
use std::ffi::{c_int, c_void, CStr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

/// What is called for each connection, on a green thread of its own.
pub(crate) type Service = unsafe extern "C" fn(fd: c_int, argument: *mut c_void);

/// When there is no descriptor or no memory for a connection, the next one is tried after this long: some
/// may have been given back by then.
const PAUSE: Nanos = 10_000_000;

#[derive(Clone, Copy, Debug)]
struct Listener {
    fd: c_int,
    service: Service,
    argument: *mut c_void,
}

#[derive(Debug)]
struct Connection {
    fd: c_int,
    service: Service,
    argument: *mut c_void,
}

/// Serves a port on every hub. Gives its number, which the kernel has chosen if it was 0.
pub(crate) fn serve(
    group: &Group,
    (host, port, backlog): (Option<&CStr>, c_int, c_int),
    service: Service,
    argument: *mut c_void,
    deadline: Nanos,
) -> Result<c_int> {
    let mine = enter()?;
    mine.suspender()?;
    let mut port = port;
    let mut listeners = Vec::new();
    let mut started = Vec::new();
    let result = (|| {
        // All of them first: a port that somebody else has is told before anything is served.
        for _ in 0..group.len() {
            let fd = endpoint::tcp_listen_shared(host, port, backlog)?;
            listeners.push(fd);
            port = endpoint::port_of(fd)?;
        }
        for (index, &fd) in listeners.iter().enumerate() {
            let hub = group.hub(index).ok_or(Error::EINVAL)?;
            let listener = Box::into_raw(Box::new(Listener { fd, service, argument }));
            let options = SpawnOptions { name: Some(b"acceptor"), ..SpawnOptions::default() };
            match mine.spawn_on(hub, accept_all, listener.cast(), options, deadline) {
                Ok(id) => started.push(id),
                Err(error) => {
                    // SAFETY: the acceptor was not made, so that the box is still this function's.
                    drop(unsafe { Box::from_raw(listener) });
                    return Err(error);
                }
            }
        }
        Ok(port)
    })();
    for &id in &started {
        // Either ends it, and it closes its own listener, or lets it go on without anybody to join it.
        if result.is_err() {
            let _ = hub::cancel_elsewhere(id);
        }
        let _ = hub::detach_elsewhere(id);
    }
    if result.is_err() {
        for &fd in &listeners[started.len()..] {
            let _ = hub::close(fd);
        }
    }
    result
}

/// The acceptor of one hub: runs until it is cancelled, or its listener closed.
///
/// # Safety
/// `listener` is a `Listener` from a box, which becomes this function's.
unsafe extern "C" fn accept_all(listener: *mut c_void) -> *mut c_void {
    // SAFETY: the caller vouches for it.
    let listener = *unsafe { Box::from_raw(listener.cast::<Listener>()) };
    // Nothing unwinds into the coroutine's first frame.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        while let Ok(()) | Err(Error::EMFILE | Error::ENOMEM | Error::EAGAIN) =
            accept_one(&listener)
        {}
    }));
    let _ = hub::close(listener.fd);
    ptr::null_mut()
}

fn accept_one(listener: &Listener) -> Result<()> {
    // SAFETY: no address is asked for.
    let accepted =
        unsafe { connection::accept(listener.fd, ptr::null_mut(), ptr::null_mut(), NEVER) };
    let hub = enter()?;
    let fd = match accepted {
        Ok(fd) => fd,
        Err(error @ (Error::ECANCELED | Error::EBADF)) => return Err(error),
        // The network's troubles are that connection's own (accept(2)).
        Err(_) => return hub.sleep(clock::after_ns(PAUSE)),
    };
    let (service, argument) = (listener.service, listener.argument);
    let connection = Box::into_raw(Box::new(Connection { fd, service, argument }));
    let options = SpawnOptions { detached: true, ..SpawnOptions::default() };
    if let Err(error) = hub.spawn(attend, connection.cast(), options) {
        // SAFETY: it was not spawned, so that the box is still this function's.
        drop(unsafe { Box::from_raw(connection) });
        let _ = hub::close(fd);
        if error == Error::ECANCELED {
            return Err(error);
        }
        return hub.sleep(clock::after_ns(PAUSE));
    }
    Ok(())
}

/// # Safety
/// `connection` is a `Connection` from a box, which becomes this function's.
unsafe extern "C" fn attend(connection: *mut c_void) -> *mut c_void {
    // SAFETY: the caller vouches for it.
    let connection = *unsafe { Box::from_raw(connection.cast::<Connection>()) };
    // SAFETY: the host passed both to gh_group_serve together.
    unsafe { (connection.service)(connection.fd, connection.argument) };
    ptr::null_mut()
}
