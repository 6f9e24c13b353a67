//! The bytes of an object: a `bytes`, a `bytearray`, whatever else lends them.

use super::api::{Api, Object};
use super::waits::{Python, Raised};
use std::ffi::{c_int, c_void};
use std::ptr;

/// Py_buffer.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Buffer {
    place: *mut c_void,
    owner: *mut Object,
    length: isize,
    item: isize,
    readonly: c_int,
    dimensions: c_int,
    format: *mut c_void,
    shape: *mut c_void,
    strides: *mut c_void,
    suboffsets: *mut c_void,
    internal: *mut c_void,
}

const PYBUF_SIMPLE: c_int = 0;
const PYBUF_WRITABLE: c_int = 1;

impl Buffer {
    pub(super) const fn new() -> Buffer {
        Buffer {
            place: ptr::null_mut(),
            owner: ptr::null_mut(),
            length: 0,
            item: 0,
            readonly: 0,
            dimensions: 0,
            format: ptr::null_mut(),
            shape: ptr::null_mut(),
            strides: ptr::null_mut(),
            suboffsets: ptr::null_mut(),
            internal: ptr::null_mut(),
        }
    }

    /// Borrows an object's bytes, to be read.
    ///
    /// # Safety
    /// An object; the calling thread's state is attached, and is when the answer is dropped.
    pub(super) unsafe fn read<'a>(
        &'a mut self,
        api: &'a Api,
        object: *mut Object,
    ) -> Python<Held<'a>> {
        // SAFETY: the caller vouches for both.
        unsafe { self.hold(api, object, PYBUF_SIMPLE) }
    }

    /// The same, to be written.
    ///
    /// # Safety
    /// As above.
    pub(super) unsafe fn write<'a>(
        &'a mut self,
        api: &'a Api,
        object: *mut Object,
    ) -> Python<Held<'a>> {
        // SAFETY: the caller vouches for both.
        unsafe { self.hold(api, object, PYBUF_WRITABLE) }
    }

    /// In place, since the object may keep the address.
    unsafe fn hold<'a>(
        &'a mut self,
        api: &'a Api,
        object: *mut Object,
        flags: c_int,
    ) -> Python<Held<'a>> {
        // SAFETY: a Py_buffer to be filled in; the caller vouches for the rest.
        match unsafe { (api.buffer_get)(object, self, flags) } {
            0 => Ok(Held(api, self)),
            _ => Err(Raised),
        }
    }
}

/// Bytes that their owner neither moves nor frees until this is dropped.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a Api, &'a mut Buffer);

impl Held<'_> {
    pub(super) fn place(&self) -> *mut c_void {
        self.1.place
    }

    pub(super) fn length(&self) -> usize {
        self.1.length as usize
    }

    /// Where they are, and how many: no slice, since whoever has lent them may change them meanwhile.
    pub(super) fn bytes(&self) -> (*const c_void, usize) {
        (self.place(), self.length())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // SAFETY: filled in by `hold`, whose caller vouches for the state.
        unsafe { (self.0.buffer_release)(self.1) };
    }
}
