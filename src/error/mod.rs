//! The one table of result codes: number, name, text.
//!
//! A failure is a negative `int`: an errno with its sign turned, or one of our own at or below
//! -10001. `errno` itself is never the channel, since other green threads run between a failure and
//! whoever would read it.

mod codes;
mod errno;

use std::ffi::{c_int, CStr};

/// What a failed call returns to C: always negative.
///
/// As wide as a count, so that a `Result<isize>` is two words and comes back in two registers: with a
/// narrower one every call on the way from a socket to its caller would go through memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(isize);

/// The result of everything that can fail.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Finds one of our own numbers by its name in the table, at compile time.
const fn own(name: &CStr) -> Error {
    let mut at = 0;
    while at < codes::OWN.len() {
        if same(codes::OWN[at].name.to_bytes(), name.to_bytes()) {
            return Error(codes::OWN[at].number as isize);
        }
        at += 1;
    }
    panic!("no such code in src/error/codes.rs")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

macro_rules! errnos {
    ($($name:ident)*) => { $(pub(crate) const $name: Error = Error(-(libc::$name as isize));)* };
}

macro_rules! owns {
    ($($name:ident = $text:literal)*) => { $(pub(crate) const $name: Error = own($text);)* };
}

#[allow(missing_docs, reason = "the tables say what each one means")]
impl Error {
    errnos! {
        E2BIG EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EBUSY ECANCELED ECONNABORTED EDEADLK
        EEXIST EIDRM EINPROGRESS EINTR EINVAL EISCONN EMFILE ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTSOCK
        ENOTSUP EOVERFLOW EOWNERDEAD EPERM EPIPE ERANGE ESRCH ETIMEDOUT
    }
    owns! {
        PANIC = c"GH_EPANIC"
        NOT_GREEN = c"GH_ENOTGREEN"
        DEADLOCK = c"GH_EDEADLOCK"
        WRONG_THREAD = c"GH_EWRONGTHREAD"
        NOT_ROOT = c"GH_ENOTROOT"
        NO_HUB = c"GH_ENOHUB"
    }

    /// From a positive errno number.
    #[inline]
    pub(crate) const fn errno(number: c_int) -> Error {
        Error(-(number as isize))
    }

    /// From a negative code that a host's function has returned.
    pub(crate) const fn of_code(code: c_int) -> Error {
        Error(code as isize)
    }

    /// From an `EAI_` number of getaddrinfo(3), whose sign differs between systems.
    pub(crate) const fn of_eai(number: c_int) -> Error {
        Error(codes::EAI_ZERO as isize - (number as isize).abs())
    }

    /// From the standard library, whose errors from a system call carry their errno.
    pub(crate) fn from_io(error: &std::io::Error) -> Error {
        Error::errno(error.raw_os_error().unwrap_or(libc::EIO))
    }

    /// The value that a C caller gets.
    #[inline]
    pub(crate) const fn code(self) -> c_int {
        self.0 as c_int
    }
}

/// The text of a result code. Never fails: success and unknown numbers have texts as well.
pub(crate) fn text(code: c_int) -> &'static CStr {
    if code >= 0 {
        return c"Success";
    }
    find(code).map_or(c"Unknown error", |(_, text)| text)
}

/// The name of a result code, `"OK"` for a success and `"EUNKNOWN"` for a number in no table.
pub(crate) fn name(code: c_int) -> &'static CStr {
    if code >= 0 {
        return c"OK";
    }
    find(code).map_or(c"EUNKNOWN", |(name, _)| name)
}

fn find(code: c_int) -> Option<(&'static CStr, &'static CStr)> {
    if let Some(own) = codes::OWN.iter().find(|own| own.number == code) {
        return Some((own.name, own.text));
    }
    // `checked_neg`: the caller may pass any int, INT_MIN too.
    let number = code.checked_neg()?;
    let row = errno::ERRNO.binary_search_by_key(&number, |row| row.0).ok()?;
    Some((errno::ERRNO[row].1, errno::ERRNO[row].2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_apart() {
        assert!(errno::ERRNO.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(codes::OWN.windows(2).all(|pair| pair[0].number > pair[1].number));
        assert!(codes::OWN.iter().all(|own| own.number <= -10001));
    }

    #[test]
    fn the_resolvers_codes_have_its_numbers() {
        let numbers = [
            (libc::EAI_BADFLAGS, c"GH_EAI_BADFLAGS"),
            (libc::EAI_NONAME, c"GH_EAI_NONAME"),
            (libc::EAI_AGAIN, c"GH_EAI_AGAIN"),
            (libc::EAI_FAIL, c"GH_EAI_FAIL"),
            (libc::EAI_NODATA, c"GH_EAI_NODATA"),
            (libc::EAI_FAMILY, c"GH_EAI_FAMILY"),
            (libc::EAI_SOCKTYPE, c"GH_EAI_SOCKTYPE"),
            (libc::EAI_SERVICE, c"GH_EAI_SERVICE"),
            (libc::EAI_MEMORY, c"GH_EAI_MEMORY"),
            (libc::EAI_SYSTEM, c"GH_EAI_SYSTEM"),
            (libc::EAI_OVERFLOW, c"GH_EAI_OVERFLOW"),
        ];
        for (number, expected) in numbers {
            assert_eq!(name(Error::of_eai(number).code()), expected);
        }
    }

    #[test]
    fn any_int_has_a_text_and_a_name() {
        assert_eq!(text(c_int::MIN), c"Unknown error");
        assert_eq!(name(-libc::EINVAL), c"EINVAL");
        assert_eq!(name(Error::PANIC.code()), c"GH_EPANIC");
        assert_eq!(name(5), c"OK");
    }
}
