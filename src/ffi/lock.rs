//! Locks: mutex, read-write lock, condition variable.
//!
//! For data that several OS threads share, or that stays in disorder across a call that suspends;
//! between two such calls the green threads of one hub need none. Begin with gh_mutex_new(), then
//! gh_mutex_lock() and gh_mutex_unlock(). gh_cond_wait() waits, in a loop around what is waited
//! for, for a change of what the mutex guards. A read-write lock pays where readers wait while they
//! hold it. A pthread mutex is no substitute: to wait for it blocks the whole hub.
//!
//! A lock can fail: look at the result. The lock is not held after -ETIMEDOUT, -ECANCELED or
//! -EOWNERDEAD, but gh_cond_wait() comes back with its mutex held. A green thread that ends while
//! it holds a lock leaves -EOWNERDEAD to the next; gh_mutex_recover() takes it over. Name locks:
//! deadlocks are then reported by name.

use super::guard::{guard, guard_suspending};
use super::options;
use crate::error::Error;
use crate::sync::rwlock::Mode;
use crate::sync::{condition, mutex, rwlock};
use std::ffi::{c_char, c_int, CStr};

/// A mutex: held by one green thread at a time, on whatever OS thread, and handed over in the order
/// of arrival. An opaque handle, never to be dereferenced.
#[derive(Debug)]
pub struct gh_mutex;

/// A read-write lock: held by many readers or one writer. Whoever comes behind a waiting writer
/// waits too, so that readers never starve it. An opaque handle.
#[derive(Debug)]
pub struct gh_rwlock;

/// A condition variable: to wait for a change of what a mutex guards. An opaque handle.
#[derive(Debug)]
pub struct gh_cond;

/// The owner may lock the mutex again; it is free after as many gh_mutex_unlock().
pub const GH_MUTEX_RECURSIVE: u32 = 1;

/// Makes a mutex, free at first.
///
/// @param mutex     (out, own) what was made; gh_mutex_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @param flags     0 or GH_MUTEX_RECURSIVE
/// @return 0; -EINVAL for NULL or an unknown flag; -ERANGE for a name over 63 bytes; -EAGAIN when
///         16777215 objects exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_mutex_new(
    mutex: *mut *mut gh_mutex,
    name: *const c_char,
    flags: u32,
) -> c_int {
    guard(|| {
        if mutex.is_null() || flags & !GH_MUTEX_RECURSIVE != 0 {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = mutex::new(name, flags & GH_MUTEX_RECURSIVE != 0)?;
        // SAFETY: the caller lends the place.
        unsafe { *mutex = handle as *mut gh_mutex };
        Ok(0)
    })
}

/// Frees a mutex, held or not. Whoever waits there gets -EIDRM; a handle kept after it gives
/// -EINVAL.
///
/// @param mutex  (borrow) what gh_mutex_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_mutex_free(mutex: *mut gh_mutex) -> c_int {
    guard(|| mutex::free(mutex as usize).map(|()| 0))
}

/// Takes a mutex.
///
/// @param mutex     (borrow) what gh_mutex_new() made
/// @param deadline  how long to wait
/// @return 0; -EDEADLK if the caller holds it and it is not recursive; -EOWNERDEAD if the green
///         thread that held it has ended (gh_mutex_recover()): it is not taken then; -EINVAL for
///         NULL, a handle that was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it
///         is freed meanwhile; GH_ENOTGREEN in a callback; GH_EDEADLOCK when every green thread
///         waits for another one
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_mutex_lock(mutex: *mut gh_mutex, deadline: i64) -> c_int {
    guard_suspending(|| mutex::lock(mutex as usize, deadline).map(|()| 0))
}

/// Gives a mutex up, to whoever has waited longest.
///
/// @param mutex  (borrow) what gh_mutex_new() made
/// @return 0; -EPERM if the caller does not hold it; -EINVAL for NULL, a handle that was freed, or
///         of another kind; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_mutex_unlock(mutex: *mut gh_mutex) -> c_int {
    guard(|| mutex::unlock(mutex as usize).map(|()| 0))
}

/// Takes a mutex whose owner has ended, once the caller has seen to what it guards. Until then each
/// gh_mutex_lock() gives -EOWNERDEAD.
///
/// @param mutex  (borrow) what gh_mutex_new() made
/// @return 0, and the caller holds it; -EINVAL also if its owner has not ended; GH_ENOTGREEN in a
///         callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_mutex_recover(mutex: *mut gh_mutex) -> c_int {
    guard(|| mutex::recover(mutex as usize).map(|()| 0))
}

/// Makes a read-write lock, free at first.
///
/// @param rwlock    (out, own) what was made; gh_rwlock_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
///         exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_rwlock_new(rwlock: *mut *mut gh_rwlock, name: *const c_char) -> c_int {
    guard(|| {
        if rwlock.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = rwlock::new(name)?;
        // SAFETY: the caller lends the place.
        unsafe { *rwlock = handle as *mut gh_rwlock };
        Ok(0)
    })
}

/// Frees a read-write lock, held or not. Whoever waits there gets -EIDRM; a handle kept after it
/// gives -EINVAL.
///
/// @param rwlock  (borrow) what gh_rwlock_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_rwlock_free(rwlock: *mut gh_rwlock) -> c_int {
    guard(|| rwlock::free(rwlock as usize).map(|()| 0))
}

/// Takes a lock together with other readers. Not again by one that holds it: a writer may wait
/// between.
///
/// @param rwlock    (borrow) what gh_rwlock_new() made
/// @param deadline  how long to wait
/// @return 0; -EDEADLK if the caller holds it for writing; -EOWNERDEAD if a green thread that held
///         it has ended, once the others have left it: it is not taken then; -EINVAL for NULL, a
///         handle that was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed
///         meanwhile; GH_ENOTGREEN in a callback; GH_EDEADLOCK when every green thread waits for
///         another one
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_rwlock_read(rwlock: *mut gh_rwlock, deadline: i64) -> c_int {
    guard_suspending(|| rwlock::lock(rwlock as usize, Mode::Read, deadline).map(|()| 0))
}

/// Takes a lock alone.
///
/// @param rwlock    (borrow) what gh_rwlock_new() made
/// @param deadline  how long to wait
/// @return 0; -EDEADLK if the caller holds it and would wait for itself, also for reading;
///         -EOWNERDEAD if a green thread that held it has ended, once the others have left it: it is
///         not taken then; -EINVAL for NULL, a handle that was freed, or of another kind;
///         -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback;
///         GH_EDEADLOCK when every green thread waits for another one
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_rwlock_write(rwlock: *mut gh_rwlock, deadline: i64) -> c_int {
    guard_suspending(|| rwlock::lock(rwlock as usize, Mode::Write, deadline).map(|()| 0))
}

/// Gives a lock up that the caller holds, for reading or writing.
///
/// @param rwlock  (borrow) what gh_rwlock_new() made
/// @return 0; -EPERM if the caller does not hold it; -EINVAL for NULL, a handle that was freed, or
///         of another kind; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_rwlock_unlock(rwlock: *mut gh_rwlock) -> c_int {
    guard(|| rwlock::unlock(rwlock as usize).map(|()| 0))
}

/// Takes a lock for writing that a green thread held when it ended, once the caller has seen to what
/// it guards. Until then gh_rwlock_read() and gh_rwlock_write() give -EOWNERDEAD.
///
/// @param rwlock  (borrow) what gh_rwlock_new() made
/// @return 0, and the caller holds it; -EINVAL also if nobody has ended with it, or others still
///         hold it; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_rwlock_recover(rwlock: *mut gh_rwlock) -> c_int {
    guard(|| rwlock::recover(rwlock as usize).map(|()| 0))
}

/// Makes a condition variable.
///
/// @param cond      (out, own) what was made; gh_cond_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
///         exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_cond_new(cond: *mut *mut gh_cond, name: *const c_char) -> c_int {
    guard(|| {
        if cond.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = condition::new(name)?;
        // SAFETY: the caller lends the place.
        unsafe { *cond = handle as *mut gh_cond };
        Ok(0)
    })
}

/// Frees a condition variable. Whoever waits there gets -EIDRM; a handle kept after it gives
/// -EINVAL.
///
/// @param cond  (borrow) what gh_cond_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_cond_free(cond: *mut gh_cond) -> c_int {
    guard(|| condition::free(cond as usize).map(|()| 0))
}

/// Gives a mutex up, waits for gh_cond_signal() or gh_cond_broadcast(), and takes the mutex again,
/// however long that takes and whatever ended the wait. What was waited for is to be looked at anew
/// after each return.
///
/// @param cond      (borrow) what gh_cond_new() made
/// @param mutex     (borrow) held by the caller, once or, if recursive, several times
/// @param deadline  how long to wait for the signal
/// @return 0; -ETIMEDOUT, -ECANCELED or -EIDRM if the condition is freed meanwhile, all with the
///         mutex held; -EPERM if the caller does not hold the mutex; -EINVAL for NULL, a handle
///         that was freed, or of another kind; GH_ENOTGREEN in a callback. What keeps the mutex from
///         being taken again comes before all of these: -EINVAL or -EIDRM if it is freed meanwhile,
///         -EOWNERDEAD if a green thread has ended with it, GH_EDEADLOCK when every green thread
///         waits for another one
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_cond_wait(
    cond: *mut gh_cond,
    mutex: *mut gh_mutex,
    deadline: i64,
) -> c_int {
    guard_suspending(|| condition::wait(cond as usize, mutex as usize, deadline).map(|()| 0))
}

/// Wakes the one that has waited longest, if there is one.
///
/// @param cond  (borrow) what gh_cond_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_cond_signal(cond: *mut gh_cond) -> c_int {
    guard(|| condition::signal(cond as usize).map(|()| 0))
}

/// Wakes all that wait.
///
/// @param cond  (borrow) what gh_cond_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_cond_broadcast(cond: *mut gh_cond) -> c_int {
    guard(|| condition::broadcast(cond as usize).map(|()| 0))
}
