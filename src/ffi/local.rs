//! Values of each green thread's own.
//!
//! What pthread_key_create(3) is to OS threads. Begin with gh_key_new(), once for the program, not
//! for each green thread; then gh_local_set() and gh_local_get() store and fetch under that key,
//! and everyone sees a value of their own, NULL at first. The destructor gets each value that is
//! not NULL when its green thread ends, and may wait.
//!
//! Thread-local variables of the compiler (__thread, thread_local) belong to the OS thread, so that
//! all green threads of a hub share them: they are no substitute. gh_key_free() calls no
//! destructor: free a key when its values are gone.

use super::guard::guard_pure;
use crate::error::{Error, Result};
use crate::hub;
use crate::locals::{self, Key};
use crate::thread::Thread;
use std::ffi::{c_int, c_void};

/// A key under which each green thread, and the root of each OS thread, has a value of its own,
/// NULL at first. 0 is none.
pub type gh_key = u32;

/// What is called, on a green thread that ends, with each of its values that is not NULL: as with
/// pthread_key_create(3). It may suspend. That of a root is called when its hub is freed.
pub type gh_destructor = Option<unsafe extern "C" fn(value: *mut c_void)>;

/// Makes a key.
///
/// @param key         (out) the key; gh_key_free() frees it
/// @param destructor  called with the values of green threads that end; may be NULL
/// @return 0; -EINVAL for NULL; -EAGAIN when there are 1024 keys
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_key_new(key: *mut gh_key, destructor: gh_destructor) -> c_int {
    guard_pure(|| {
        if key.is_null() {
            return Err(Error::EINVAL);
        }
        let made = locals::make(destructor)?;
        // SAFETY: the caller lends the place.
        unsafe { *key = made.0 };
        Ok(0)
    })
}

/// Frees a key. Its values are forgotten; destructors are not called for them.
///
/// @param key  what gh_key_new() made
/// @return 0; -EINVAL for a key that does not exist (any more)
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_key_free(key: gh_key) -> c_int {
    guard_pure(|| locals::free(Key(key)).map(|()| 0))
}

/// Gives the calling green thread's value under a key.
///
/// @param key  what gh_key_new() made
/// @return (borrow) what gh_local_set() stored last, as it is; NULL if nothing was stored, the key
///         does not exist (any more), or in a callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_local_get(key: gh_key) -> *mut c_void {
    guard_pure(|| {
        locals::check(Key(key))?;
        Ok(owner()?.local(Key(key)))
    })
}

/// Stores a value under a key, for the calling green thread alone.
///
/// @param key    what gh_key_new() made
/// @param value  (keep) handed to the key's destructor when the green thread ends; never touched
/// @return 0; -EINVAL for a key that does not exist (any more); GH_ENOTGREEN in a callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub extern "C" fn gh_local_set(key: gh_key, value: *mut c_void) -> c_int {
    guard_pure(|| {
        locals::check(Key(key))?;
        owner()?.set_local(Key(key), value);
        Ok(0)
    })
}

/// Whose values are meant.
fn owner() -> Result<&'static Thread> {
    hub::enter()?.running().ok_or(Error::NOT_GREEN)
}
