//! Meeting points: semaphore, event, barrier, wait group, once.
//!
//! How green threads wait for one another, on one hub or several. gh_waitgroup_new() is the one to
//! begin with: gh_waitgroup_add() before each spawn, gh_waitgroup_done() at the end of each task,
//! gh_waitgroup_wait() for all of them. A semaphore bounds how many do something at once. An event
//! says that something has happened: to all, or with GH_EVENT_AUTO to one at a time. A barrier lets
//! nobody go on before all have come. Once is for what the first user sets up, however many come.
//!
//! Posting, setting and counting never wait, and so are allowed in callbacks. Mistakes: to add to
//! the wait group within the new green thread, after somebody may have waited already; to take
//! -ETIMEDOUT or -ECANCELED for a permit; to free an object that is still in use (whoever waits
//! gets -EIDRM).

use super::guard::{guard, guard_suspending};
use super::options;
use crate::error::Error;
use crate::sync::{barrier, event, once, semaphore, wait_group};
use std::ffi::{c_char, c_int, c_void, CStr};

/// A semaphore: a number of permits, taken and given back by anybody. An opaque handle.
#[derive(Debug)]
pub struct gh_sem;

/// An event: something has happened. An opaque handle.
#[derive(Debug)]
pub struct gh_event;

/// A barrier: nobody goes on before all have come; then it starts anew. An opaque handle.
#[derive(Debug)]
pub struct gh_barrier;

/// A wait group: to wait until a number of tasks are done. An opaque handle.
#[derive(Debug)]
pub struct gh_waitgroup;

/// What is to be done once, by whoever comes first. An opaque handle.
#[derive(Debug)]
pub struct gh_once;

/// What gh_once_run() calls. It returns a negative code for a failure, and must not throw or longjmp out.
pub type gh_once_entry = Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>;

/// The event lets one waiting green thread through and resets itself.
pub const GH_EVENT_AUTO: u32 = 1;
/// The event is set from the start.
pub const GH_EVENT_SET: u32 = 2;

/// Makes a semaphore.
///
/// @param sem       (out, own) what was made; gh_sem_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @param permits   how many are there at first
/// @param most      how many there can be; 0 for 4294967295
/// @return 0; -EINVAL for NULL, or more permits than there can be; -ERANGE for a name over 63
///         bytes; -EAGAIN when 16777215 objects exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sem_new(
    sem: *mut *mut gh_sem,
    name: *const c_char,
    permits: u32,
    most: u32,
) -> c_int {
    guard(|| {
        if sem.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = semaphore::new(name, permits, most)?;
        // SAFETY: the caller lends the place.
        unsafe { *sem = handle as *mut gh_sem };
        Ok(0)
    })
}

/// Frees a semaphore. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
///
/// @param sem  (borrow) what gh_sem_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sem_free(sem: *mut gh_sem) -> c_int {
    guard(|| semaphore::free(sem as usize).map(|()| 0))
}

/// Takes a permit. They are handed out in the order of arrival.
///
/// @param sem       (borrow) what gh_sem_new() made
/// @param deadline  how long to wait
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind; -ETIMEDOUT;
///         -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sem_wait(sem: *mut gh_sem, deadline: i64) -> c_int {
    guard_suspending(|| semaphore::wait(sem as usize, deadline).map(|()| 0))
}

/// Gives a permit back, or a new one.
///
/// @param sem  (borrow) what gh_sem_new() made
/// @return 0; -EOVERFLOW if all are there; -EINVAL for NULL, a handle that was freed, or of another
///         kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sem_post(sem: *mut gh_sem) -> c_int {
    guard(|| semaphore::post(sem as usize).map(|()| 0))
}

/// Tells how many permits are there, in this moment.
///
/// @param sem  (borrow) what gh_sem_new() made
/// @return the number; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_sem_value(sem: *mut gh_sem) -> i64 {
    guard(|| semaphore::value(sem as usize).map(i64::from))
}

/// Makes an event.
///
/// @param event     (out, own) what was made; gh_event_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @param flags     GH_EVENT_AUTO, GH_EVENT_SET, both or 0
/// @return 0; -EINVAL for NULL or an unknown flag; -ERANGE for a name over 63 bytes; -EAGAIN when
///         16777215 objects exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_event_new(
    event: *mut *mut gh_event,
    name: *const c_char,
    flags: u32,
) -> c_int {
    guard(|| {
        if event.is_null() || flags & !(GH_EVENT_AUTO | GH_EVENT_SET) != 0 {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = event::new(name, flags & GH_EVENT_AUTO != 0, flags & GH_EVENT_SET != 0)?;
        // SAFETY: the caller lends the place.
        unsafe { *event = handle as *mut gh_event };
        Ok(0)
    })
}

/// Frees an event. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
///
/// @param event  (borrow) what gh_event_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_event_free(event: *mut gh_event) -> c_int {
    guard(|| event::free(event as usize).map(|()| 0))
}

/// Sets an event: all that wait go on, and whoever comes later, until it is reset. With
/// GH_EVENT_AUTO the one that has waited longest goes on, or else the next to come.
///
/// @param event  (borrow) what gh_event_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_event_set(event: *mut gh_event) -> c_int {
    guard(|| event::set(event as usize).map(|()| 0))
}

/// Resets an event: whoever comes waits.
///
/// @param event  (borrow) what gh_event_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_event_reset(event: *mut gh_event) -> c_int {
    guard(|| event::reset(event as usize).map(|()| 0))
}

/// Waits until an event is set.
///
/// @param event     (borrow) what gh_event_new() made
/// @param deadline  how long to wait
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind; -ETIMEDOUT;
///         -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_event_wait(event: *mut gh_event, deadline: i64) -> c_int {
    guard_suspending(|| event::wait(event as usize, deadline).map(|()| 0))
}

/// Makes a barrier.
///
/// @param barrier   (out, own) what was made; gh_barrier_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @param parties   how many must come, at least 1
/// @return 0; -EINVAL for NULL or no parties; -ERANGE for a name over 63 bytes; -EAGAIN when
///         16777215 objects exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_barrier_new(
    barrier: *mut *mut gh_barrier,
    name: *const c_char,
    parties: u32,
) -> c_int {
    guard(|| {
        if barrier.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = barrier::new(name, parties)?;
        // SAFETY: the caller lends the place.
        unsafe { *barrier = handle as *mut gh_barrier };
        Ok(0)
    })
}

/// Frees a barrier. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
///
/// @param barrier  (borrow) what gh_barrier_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_barrier_free(barrier: *mut gh_barrier) -> c_int {
    guard(|| barrier::free(barrier as usize).map(|()| 0))
}

/// Waits until all have come. Who gives up has not come.
///
/// @param barrier   (borrow) what gh_barrier_new() made
/// @param deadline  how long to wait
/// @return 1 for the one that came last, 0 for the others; -EINVAL for NULL, a handle that was
///         freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_barrier_wait(barrier: *mut gh_barrier, deadline: i64) -> c_int {
    guard_suspending(|| barrier::wait(barrier as usize, deadline).map(c_int::from))
}

/// Makes a wait group of no tasks.
///
/// @param waitgroup  (out, own) what was made; gh_waitgroup_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
///         exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_waitgroup_new(
    waitgroup: *mut *mut gh_waitgroup,
    name: *const c_char,
) -> c_int {
    guard(|| {
        if waitgroup.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = wait_group::new(name)?;
        // SAFETY: the caller lends the place.
        unsafe { *waitgroup = handle as *mut gh_waitgroup };
        Ok(0)
    })
}

/// Frees a wait group. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
///
/// @param waitgroup  (borrow) what gh_waitgroup_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_waitgroup_free(waitgroup: *mut gh_waitgroup) -> c_int {
    guard(|| wait_group::free(waitgroup as usize).map(|()| 0))
}

/// Changes the number of tasks. At zero all that wait go on.
///
/// @param waitgroup  (borrow) what gh_waitgroup_new() made
/// @param delta      how many more; negative for fewer
/// @return 0; -EINVAL if fewer than none would be left, and nothing is changed; -EOVERFLOW; -EINVAL
///         for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_waitgroup_add(waitgroup: *mut gh_waitgroup, delta: c_int) -> c_int {
    guard(|| wait_group::add(waitgroup as usize, delta).map(|()| 0))
}

/// Takes one task off.
///
/// @param waitgroup  (borrow) what gh_waitgroup_new() made
/// @return 0; -EINVAL if there is none, or for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_waitgroup_done(waitgroup: *mut gh_waitgroup) -> c_int {
    guard(|| wait_group::add(waitgroup as usize, -1).map(|()| 0))
}

/// Waits until no task is left.
///
/// @param waitgroup  (borrow) what gh_waitgroup_new() made
/// @param deadline  how long to wait
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind; -ETIMEDOUT;
///         -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_waitgroup_wait(waitgroup: *mut gh_waitgroup, deadline: i64) -> c_int {
    guard_suspending(|| wait_group::wait(waitgroup as usize, deadline).map(|()| 0))
}

/// Makes something to be done once.
///
/// @param once      (out, own) what was made; gh_once_free() frees it
/// @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
/// @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
///         exist
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_once_new(once: *mut *mut gh_once, name: *const c_char) -> c_int {
    guard(|| {
        if once.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the string.
        let name = unsafe { options::optional_text(name) }.map_or(&[][..], CStr::to_bytes);
        let handle = once::new(name)?;
        // SAFETY: the caller lends the place.
        unsafe { *once = handle as *mut gh_once };
        Ok(0)
    })
}

/// Frees it, done or not. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
///
/// @param once  (borrow) what gh_once_new() made
/// @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_once_free(once: *mut gh_once) -> c_int {
    guard(|| once::free(once as usize).map(|()| 0))
}

/// Calls a function unless a call of it through this handle has succeeded. Others that come
/// meanwhile wait; when the function fails, or its OS thread ends in the middle of it, the one that
/// has waited longest calls it.
///
/// @param once      (borrow) what gh_once_new() made
/// @param function  returns a negative code for a failure; it may suspend
/// @param arg       (borrow) passed to the function; never touched
/// @param deadline  how long to wait for another's call; the caller's own is not ended by it
/// @return 0; the function's own negative code; -EDEADLK if the function itself calls this; -EINVAL
///         for NULL, a handle that was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if
///         it is freed meanwhile; GH_ENOTGREEN in a callback; GH_EDEADLOCK when every green thread
///         waits for another one
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_once_run(
    once: *mut gh_once,
    function: gh_once_entry,
    arg: *mut c_void,
    deadline: i64,
) -> c_int {
    guard_suspending(|| {
        let function = function.ok_or(Error::EINVAL)?;
        // SAFETY: the caller passed both together.
        once::run(once as usize, deadline, || match unsafe { function(arg) } {
            0.. => Ok(()),
            code => Err(Error::of_code(code)),
        })
        .map(|()| 0)
    })
}
