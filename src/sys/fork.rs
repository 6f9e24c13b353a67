//! fork(2): who is told of it.

use std::ffi::c_int;

type Handler = extern "C" fn();

extern "C" {
    fn pthread_atfork(
        prepare: Option<Handler>,
        parent: Option<Handler>,
        child: Option<Handler>,
    ) -> c_int;
}

/// From now on every fork(3) calls `prepare` before it, and behind it `parent` or `child`, all on the
/// OS thread that forks. vfork(2), posix_spawn(3) and a clone(2) made by hand call none of them.
pub(crate) fn watch(prepare: Handler, parent: Handler, child: Handler) {
    // It fails for want of memory alone, and there is nobody yet who could be told.
    // SAFETY: functions of this library, which is never unloaded (build.rs).
    unsafe { pthread_atfork(Some(prepare), Some(parent), Some(child)) };
}
