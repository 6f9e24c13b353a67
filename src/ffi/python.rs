//! Python.
//!
//! What the package greenhub stands on. CPython itself loads the library and calls gh_python_functions()
//! once, for builtin functions that are made at run time: nothing links to Python, and one library
//! serves every CPython from 3.8 on. Each green thread that they spawn has a thread state and a C stack of its
//! own, and whoever runs next on the OS thread gets the interpreter's lock without its being let go.
//!
//! Everything else of this header can be called through ctypes as it is: through ctypes.CDLL, which lets
//! go of the interpreter's lock, what suspends may be called in every green thread.

use super::guard::guard;
use crate::host::python;

/// An object of Python's; PyObject is its own name for it.
#[derive(Debug)]
pub struct gh_python_object;

/// Makes the builtin functions of the calling interpreter. What they are stands in docs/python.md; they are the
/// package's own and may change with every version of it.
///
/// @return a new dict of builtin functions by their names (own: a reference); NULL with a Python exception set
///         if the interpreter is one that cannot be served, NULL without one for a caller that has
///         not the lock, and in a process that runs no CPython from 3.8 on
/// @thread any, with the interpreter's lock held (ctypes.PyDLL)
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_python_functions() -> *mut gh_python_object {
    guard(|| python::functions().map(|dict| dict.cast()))
}
