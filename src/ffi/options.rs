//! Structs that can grow: their size comes first, or beside them.
//!
//! The rule of Linux's extensible structs (clone3, openat2): a shorter one from an older caller is
//! padded with zeroes, which mean the default; a longer one from a newer caller must be zero in what
//! this library does not know.

use crate::error::{Error, Result};
use std::ffi::{c_char, CStr};
use std::mem::MaybeUninit;

/// No struct of ours will ever be longer: a size beyond it is no size.
const LONGEST: usize = 4096;

/// Reads an options struct whose first member is its size. Null gives `None`.
///
/// # Safety
/// `T` starts with a `usize` and all zeroes is a valid `T`. `source` is null, or readable for as many
/// bytes as its first member says.
pub(super) unsafe fn read<T: Copy>(source: *const T) -> Result<Option<T>> {
    if source.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller vouches for the first member.
    let size = unsafe { source.cast::<usize>().read_unaligned() };
    if size < size_of::<usize>() {
        return Err(Error::EINVAL);
    }
    if size > LONGEST {
        return Err(Error::E2BIG);
    }
    let known = size.min(size_of::<T>());
    let mut options = MaybeUninit::<T>::zeroed();
    // SAFETY: the caller vouches for `size` bytes; both ranges are `known` bytes and apart.
    unsafe {
        let bytes = source.cast::<u8>();
        let tail = std::slice::from_raw_parts(bytes.add(known), size - known);
        if tail.iter().any(|&byte| byte != 0) {
            return Err(Error::E2BIG);
        }
        std::ptr::copy_nonoverlapping(bytes, options.as_mut_ptr().cast::<u8>(), known);
        Ok(Some(options.assume_init()))
    }
}

/// Whether `write` would take this size.
pub(super) fn check_room(size: usize) -> Result<()> {
    match size {
        0 => Err(Error::EINVAL),
        1..=LONGEST => Ok(()),
        _ => Err(Error::E2BIG),
    }
}

/// Writes as much of an output struct as the caller has room for, and zeroes behind it.
///
/// # Safety
/// `target` is writable for `size` bytes.
pub(super) unsafe fn write<T: Copy>(target: *mut T, size: usize, value: &T) -> Result<()> {
    if target.is_null() {
        return Err(Error::EINVAL);
    }
    check_room(size)?;
    let known = size.min(size_of::<T>());
    // SAFETY: the caller vouches for the target; `value` holds at least `known` bytes.
    unsafe {
        let bytes = target.cast::<u8>();
        std::ptr::copy_nonoverlapping(std::ptr::from_ref(value).cast::<u8>(), bytes, known);
        bytes.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

/// A C string that must be there.
///
/// # Safety
/// `text` is null or a C string that lives as long as the answer is used.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Result<&'a CStr> {
    // SAFETY: the caller vouches for the string.
    unsafe { optional_text(text) }.ok_or(Error::EINVAL)
}

/// A C string, or `None` for null.
///
/// # Safety
/// As for `text`.
pub(super) unsafe fn optional_text<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the string.
    Some(unsafe { CStr::from_ptr(text) })
}
