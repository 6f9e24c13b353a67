//! Versions and result codes.
//!
//! Every call gives a value at or above 0, or a negative code. gh_strerror() puts a code into words
//! for people, gh_err_name() gives the name to search for; neither can fail. Both take a result as
//! it is, the sign included: to them a positive errno is a success, so it goes in as
//! gh_strerror(-errno).
//!
//! A program that was linked with the library need not look at versions, since its soname does. A
//! binding that loads the library at run time begins with gh_abi_version() and goes no further if
//! that is not the GH_ABI_VERSION it was written for. Do not ask for an equal gh_version(): a newer
//! library with the same ABI number serves older programs.

use super::guard::guard_pure;
use crate::error;
use std::ffi::{c_char, c_int};

const fn number(text: &str) -> u32 {
    let (text, mut at, mut value) = (text.as_bytes(), 0, 0);
    while at < text.len() {
        value = value * 10 + (text[at] - b'0') as u32;
        at += 1;
    }
    value
}

const VERSION: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | number(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | number(env!("CARGO_PKG_VERSION_PATCH"));
const ABI_VERSION: u32 = number(env!("GREENHUB_ABI_VERSION"));

/// Tells the version of the library that is loaded, in the form of GH_VERSION_NUM.
///
/// @return the version, major << 16 | minor << 8 | patch
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_version() -> u32 {
    guard_pure(|| Ok(VERSION))
}

/// Tells the version of the library that is loaded, as text.
///
/// @return a static string such as "0.1.0", never NULL
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_version_string() -> *const c_char {
    const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    guard_pure(|| Ok(TEXT.as_ptr().cast()))
}

/// Tells the version of the binary interface. A binding that loads the library at run time compares
/// it with GH_ABI_VERSION of the header it was written for.
///
/// @return the number in the library's soname
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_abi_version() -> u32 {
    guard_pure(|| Ok(ABI_VERSION))
}

/// Describes a result of any function of this header.
///
/// @param code  a result; a value >= 0 is a success
/// @return a static string, never NULL; "Unknown error" for a number in no table
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_strerror(code: c_int) -> *const c_char {
    guard_pure(|| Ok(error::text(code).as_ptr()))
}

/// Names a result of any function of this header.
///
/// @param code  a result; a value >= 0 is a success
/// @return a static string such as "ETIMEDOUT" or "GH_EPANIC", never NULL; "OK" for a success,
///         "EUNKNOWN" for a number in no table
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_err_name(code: c_int) -> *const c_char {
    guard_pure(|| Ok(error::name(code).as_ptr()))
}
