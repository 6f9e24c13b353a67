//! gethostbyname(3) and its kin, on the pool as all names.
//!
//! Those that end in _r write into their caller's memory, and the answer points into it. The pool's thread
//! has memory of its own, of the same size and alignment, so that it answers or says ERANGE as it would for
//! the caller's; the answer is moved there, pointers and all, while the caller waits. Those that do not end
//! in _r answer from memory that the next call reuses: here each green thread has its own, since the next
//! call may be another green thread's, while this one waits for something with the answer in its hands.

use super::caller::{Answer, Caller};
use super::hooks::originals;
use super::names::is_address;
use crate::clock::NEVER;
use crate::error::{Error, Result};
use crate::locals::{self, Key};
use crate::net::names::ask;
use libc::{hostent, size_t, socklen_t};
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::ptr;
use std::sync::OnceLock;

extern "C" {
    fn __h_errno_location() -> *mut c_int;
}

/// errno tells why (netdb.h).
const NETDB_INTERNAL: c_int = -1;

/// What the functions return that end in _r: 0, or the errno.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Number(c_int);

impl Answer for Number {
    const FAILED: Number = Number(libc::EINVAL);

    fn failed(number: c_int) -> Number {
        Number(number)
    }
}

/// What is asked for.
enum Question {
    Name(CString),
    NameOf(CString, c_int),
    Address(Vec<u8>, c_int),
}

/// No address is longer; what claims to be fails at once.
const LONGEST_ADDRESS: socklen_t = 16;

impl Question {
    /// # Safety
    /// A C string.
    unsafe fn name(name: *const c_char, family: Option<c_int>) -> Question {
        // SAFETY: the caller vouches for the string.
        let name = unsafe { CStr::from_ptr(name) }.to_owned();
        match family {
            None => Question::Name(name),
            Some(family) => Question::NameOf(name, family),
        }
    }

    /// # Safety
    /// Readable for as many bytes.
    unsafe fn address(address: *const c_void, length: socklen_t, family: c_int) -> Question {
        // SAFETY: the caller vouches for the bytes.
        let bytes = unsafe { std::slice::from_raw_parts(address.cast::<u8>(), length as usize) };
        Question::Address(bytes.to_owned(), family)
    }

    fn needs_nobody(&self) -> bool {
        match self {
            Question::Name(name) | Question::NameOf(name, _) => is_address(name),
            Question::Address(..) => false,
        }
    }

    /// Has libc answer.
    fn answer(&self, mut memory: Memory, mut h_errno: c_int) -> Found {
        // SAFETY: plain numbers and null pointers.
        let mut entry: hostent = unsafe { std::mem::zeroed() };
        let mut result: *mut hostent = ptr::null_mut();
        let (place, length) = (memory.start(), memory.length);
        let (entry_at, result_at, h_errno_at) = (&raw mut entry, &raw mut result, &raw mut h_errno);
        // SAFETY: strings, bytes and places of this frame's, and memory of that length.
        let number = unsafe {
            match self {
                Question::Name(name) => originals::gethostbyname_r(
                    name.as_ptr(),
                    entry_at,
                    place,
                    length,
                    result_at,
                    h_errno_at,
                ),
                Question::NameOf(name, family) => originals::gethostbyname2_r(
                    name.as_ptr(),
                    *family,
                    entry_at,
                    place,
                    length,
                    result_at,
                    h_errno_at,
                ),
                Question::Address(bytes, family) => originals::gethostbyaddr_r(
                    bytes.as_ptr().cast(),
                    bytes.len() as socklen_t,
                    *family,
                    entry_at,
                    place,
                    length,
                    result_at,
                    h_errno_at,
                ),
            }
        };
        Found { entry, memory, number: number.0, h_errno, found: !result.is_null() }
    }
}

/// Memory for an answer, aligned as somebody else's.
struct Memory {
    bytes: Vec<u8>,
    skew: usize,
    length: usize,
}

const ALIGNMENT: usize = 16;

impl Memory {
    fn like(place: *const c_char, length: usize) -> Result<Memory> {
        let mut bytes = Vec::new();
        let room = length.checked_add(ALIGNMENT).ok_or(Error::ENOMEM)?;
        bytes.try_reserve_exact(room).map_err(|_| Error::ENOMEM)?;
        bytes.resize(room, 0);
        let skew = (place as usize).wrapping_sub(bytes.as_ptr() as usize) % ALIGNMENT;
        Ok(Memory { bytes, skew, length })
    }

    fn start(&mut self) -> *mut c_char {
        self.bytes[self.skew..].as_mut_ptr().cast()
    }
}

/// An answer, whose pointers lead into its memory.
struct Found {
    entry: hostent,
    memory: Memory,
    number: c_int,
    h_errno: c_int,
    found: bool,
}

// SAFETY: the pointers lead into the memory that moves along.
unsafe impl Send for Found {}

impl Found {
    /// Moves the answer into memory of the same length and alignment.
    ///
    /// # Safety
    /// Both places are writable.
    unsafe fn move_to(mut self, entry: *mut hostent, place: *mut c_char) {
        let (from, length) = (self.memory.start(), self.memory.length);
        let moved = |pointer: *mut c_char| -> *mut c_char {
            let offset = (pointer as usize).wrapping_sub(from as usize);
            if offset < length {
                place.wrapping_add(offset)
            } else {
                pointer
            }
        };
        // SAFETY: as long as the memory; lists of libc's end in a null, and lie within it, now also here.
        // Of an address in digits libc's lists lie anywhere.
        unsafe {
            place.copy_from_nonoverlapping(from, length);
            for list in [&mut self.entry.h_aliases, &mut self.entry.h_addr_list] {
                *list = moved(list.cast()).cast();
                let mut at = *list;
                while !at.is_null() && !at.read_unaligned().is_null() {
                    at.write_unaligned(moved(at.read_unaligned()));
                    at = at.add(1);
                }
            }
            self.entry.h_name = moved(self.entry.h_name);
            *entry = self.entry;
        }
    }
}

/// Where an answer of a function that ends in _r goes.
#[derive(Clone, Copy)]
struct Places {
    entry: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
}

/// # Safety
/// The places are writable.
unsafe fn answer_into(caller: Caller, question: Question, places: Places) -> Result<Number> {
    // Where libc says nothing of it, it stays.
    // SAFETY: the caller vouches for the places.
    let before = unsafe {
        *places.result = ptr::null_mut();
        places.h_errno.replace(NETDB_INTERNAL)
    };
    let memory = Memory::like(places.buffer, places.length)?;
    let found = if question.needs_nobody() {
        caller.hub.spend(caller.thread);
        question.answer(memory, before)
    } else {
        ask(NEVER, move || question.answer(memory, before))?
    };
    let number = found.number;
    // SAFETY: as above; the memory is like the caller's.
    unsafe {
        *places.h_errno = found.h_errno;
        if found.found {
            found.move_to(places.entry, places.buffer);
            *places.result = places.entry;
        }
    }
    match number {
        0 => Ok(Number(0)),
        number => Err(Error::errno(number)),
    }
}

/// # Safety
/// As gethostbyname_r(3) wants it.
pub(super) unsafe fn gethostbyname_r(
    caller: Caller,
    name: *const c_char,
    entry: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
) -> Result<Number> {
    // SAFETY: the caller vouches for all.
    unsafe {
        let question = Question::name(name, None);
        answer_into(caller, question, Places { entry, buffer, length, result, h_errno })
    }
}

/// # Safety
/// As gethostbyname2_r(3) wants it.
#[allow(clippy::too_many_arguments, reason = "libc's own, and who calls")]
pub(super) unsafe fn gethostbyname2_r(
    caller: Caller,
    name: *const c_char,
    family: c_int,
    entry: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
) -> Result<Number> {
    // SAFETY: the caller vouches for all.
    unsafe {
        let question = Question::name(name, Some(family));
        answer_into(caller, question, Places { entry, buffer, length, result, h_errno })
    }
}

/// # Safety
/// As gethostbyaddr_r(3) wants it.
#[allow(clippy::too_many_arguments, reason = "libc's own, and who calls")]
pub(super) unsafe fn gethostbyaddr_r(
    caller: Caller,
    address: *const c_void,
    address_length: socklen_t,
    family: c_int,
    entry: *mut hostent,
    buffer: *mut c_char,
    length: size_t,
    result: *mut *mut hostent,
    h_errno: *mut c_int,
) -> Result<Number> {
    // SAFETY: the caller vouches for all.
    unsafe {
        if address_length > LONGEST_ADDRESS {
            return Ok(originals::gethostbyaddr_r(
                address,
                address_length,
                family,
                entry,
                buffer,
                length,
                result,
                h_errno,
            ));
        }
        let question = Question::address(address, address_length, family);
        answer_into(caller, question, Places { entry, buffer, length, result, h_errno })
    }
}

const FIRST_LENGTH: usize = 1024;
/// An answer that needs more is none.
const MOST_LENGTH: usize = 1 << 24;

/// An answer of whatever length.
fn answer_fully(question: &Question) -> Result<Box<Found>> {
    let mut length = FIRST_LENGTH;
    loop {
        let found = question.answer(Memory::like(ptr::null(), length)?, 0);
        let too_long = found.number == libc::ERANGE && found.h_errno == NETDB_INTERNAL;
        if !too_long || length >= MOST_LENGTH {
            return Ok(Box::new(found));
        }
        length *= 2;
    }
}

/// Under which each green thread keeps its last answer.
fn key() -> Result<Key> {
    unsafe extern "C" fn forget(found: *mut c_void) {
        // SAFETY: what `keep` has stored, once.
        drop(unsafe { Box::from_raw(found.cast::<Found>()) });
    }
    static KEY: OnceLock<Result<Key>> = OnceLock::new();
    *KEY.get_or_init(|| locals::make(Some(forget)))
}

/// The green thread's answer from now on.
fn keep(caller: Caller, found: Box<Found>) -> Result<*mut hostent> {
    let key = key()?;
    let before = caller.thread.local(key).cast::<Found>();
    let found = Box::into_raw(found);
    caller.thread.set_local(key, found.cast());
    if !before.is_null() {
        // SAFETY: stored here, and known to nobody any more: the next call ends the life of an answer.
        drop(unsafe { Box::from_raw(before) });
    }
    // SAFETY: just stored.
    Ok(unsafe { &raw mut (*found).entry })
}

fn tell(h_errno: c_int) {
    // SAFETY: this OS thread's own.
    unsafe { *__h_errno_location() = h_errno };
}

fn answer(caller: Caller, question: Question) -> Result<*mut hostent> {
    tell(NETDB_INTERNAL);
    let found = if question.needs_nobody() {
        caller.hub.spend(caller.thread);
        answer_fully(&question)
    } else {
        ask(NEVER, move || answer_fully(&question)).and_then(|found| found)
    };
    // Others may have looked names up meanwhile.
    tell(NETDB_INTERNAL);
    let found = found?;
    if found.found {
        let entry = keep(caller, found)?;
        tell(0);
        return Ok(entry);
    }
    tell(found.h_errno);
    match found.number {
        0 => Ok(ptr::null_mut()),
        number => Err(Error::errno(number)),
    }
}

/// # Safety
/// As gethostbyname(3) wants it.
pub(super) unsafe fn gethostbyname(caller: Caller, name: *const c_char) -> Result<*mut hostent> {
    // SAFETY: the caller vouches for the string.
    answer(caller, unsafe { Question::name(name, None) })
}

/// # Safety
/// As gethostbyname2(3) wants it.
pub(super) unsafe fn gethostbyname2(
    caller: Caller,
    name: *const c_char,
    family: c_int,
) -> Result<*mut hostent> {
    // SAFETY: the caller vouches for the string.
    answer(caller, unsafe { Question::name(name, Some(family)) })
}

/// # Safety
/// As gethostbyaddr(3) wants it.
pub(super) unsafe fn gethostbyaddr(
    caller: Caller,
    address: *const c_void,
    length: socklen_t,
    family: c_int,
) -> Result<*mut hostent> {
    // SAFETY: the caller vouches for the bytes.
    unsafe {
        if length > LONGEST_ADDRESS {
            return Ok(originals::gethostbyaddr(address, length, family));
        }
        answer(caller, Question::address(address, length, family))
    }
}
