//! The methods of a class of sockets: the same calls without a Python frame, or a look at an attribute.
//!
//! What they need of a socket of the standard library's lies in its fields (PySocketSockObject), whose form has been one
//! since 3.8. The caller has made sure of it on this interpreter: python_ctypes/greenhub/socket.py.

use super::api::{FastCall, Method, Object, METH_FASTCALL};
use super::buffer::Buffer;
use super::builtins::{called, dict_of, methods_of, Answer, Arguments};
use super::streams::{receive, send_everything, send_some, Patience, Place};
use super::waits::Raised;
use crate::clock::Nanos;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What follows the head of the object.
#[repr(C)]
struct Fields {
    fd: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
    error_handler: *mut c_void,
    /// Negative for none.
    timeout: Nanos,
}

/// How large the head is.
static OFFSET: AtomicUsize = AtomicUsize::new(0);

impl Arguments<'_> {
    /// The socket's descriptor, and its timeout.
    fn own_place(&self) -> Place {
        let fields = self.owner().wrapping_byte_add(OFFSET.load(Ordering::Relaxed));
        // SAFETY: the interpreter calls the methods for instances of the class alone, whose fields these are.
        let Fields { fd, timeout, .. } = unsafe { &*fields.cast::<Fields>() };
        let patience = match *timeout {
            0 => Patience::None,
            span if span > 0 => Patience::Limited(span),
            _ => Patience::Endless,
        };
        Place::new(*fd, patience)
    }

    fn flags_or_none(&self, place: usize) -> Result<c_int, Raised> {
        match self.count() > place {
            true => self.flags(place),
            false => Ok(0),
        }
    }
}

fn recv(given: Arguments<'_>) -> Answer {
    let size = given.size(0, c"negative buffersize in recv")?;
    let flags = given.flags_or_none(1)?;
    // SAFETY: called by Python, with the state attached.
    unsafe { receive(given.api(), &given.own_place(), size, flags) }
}

fn send(given: Arguments<'_>) -> Answer {
    let flags = given.flags_or_none(1)?;
    let mut buffer = Buffer::new();
    // SAFETY: called by Python, with the state attached, here and below.
    let held = unsafe { buffer.read(given.api(), given.at(0)) }?;
    // SAFETY: as above.
    let count = unsafe { send_some(given.api(), &given.own_place(), held.bytes(), flags) }?;
    given.int(count as u64)
}

fn sendall(given: Arguments<'_>) -> Answer {
    let flags = given.flags_or_none(1)?;
    let mut buffer = Buffer::new();
    // SAFETY: called by Python, with the state attached, here and below.
    let held = unsafe { buffer.read(given.api(), given.at(0)) }?;
    // SAFETY: as above.
    unsafe { send_everything(given.api(), &given.own_place(), held.bytes(), flags) }?;
    given.none()
}

methods_of! {
    METHODS:
    recv(1..=2) "recv($self, bufsize, flags=0, /)\n--\n\n`socket.socket.recv`.";
    send(1..=2) "send($self, data, flags=0, /)\n--\n\n`socket.socket.send`.";
    sendall(1..=2) "sendall($self, data, flags=0, /)\n--\n\n`socket.socket.sendall`.";
}

pub(super) fn socket_methods(given: Arguments<'_>) -> Answer {
    let (api, class) = (given.api(), given.at(0));
    // SAFETY: called by Python, with the state attached, here and below.
    let is_class = unsafe {
        let kind = (api.type_of)(api.dict_type);
        let is_class = given.is_a(0, kind);
        (api.decref)(kind);
        is_class
    };
    if !is_class {
        return Err(given.fails(api.type_error, c"not a class"));
    }
    OFFSET.store(given.size(1, c"less than nothing")?, Ordering::Relaxed);
    // SAFETY: a class, and the methods are static, as the interpreter wants them.
    let made = unsafe { dict_of(api, METHODS, |method| (api.new_method)(class, method)) };
    if made.is_null() {
        Err(Raised)
    } else {
        Ok(made)
    }
}
