//! The functions of CPython that are used, looked up in the running process.
//!
//! All are of the stable ABI, or have had one form since 3.8 (docs.python.org, C API reference).

use super::buffer::Buffer;
use super::chunk::Allocator;
use super::class::Spec;
use crate::error::{Error, Result};
use crate::sys::symbol;
use std::ffi::{c_char, c_int, c_long, c_longlong, c_ulong, c_ulonglong, c_void, CStr};
use std::sync::OnceLock;

/// An object of Python's, known by its address alone.
#[repr(C)]
pub(super) struct Object {
    _opaque: [u8; 0],
}

/// A thread state.
pub(super) type State = *mut c_void;

/// A builtin function that takes its arguments as an array (METH_FASTCALL).
pub(super) type FastCall =
    unsafe extern "C" fn(*mut Object, *const *mut Object, isize) -> *mut Object;

/// PyMethodDef; without a function the end of a table.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Method {
    pub(super) name: *const c_char,
    pub(super) function: Option<FastCall>,
    pub(super) flags: c_int,
    pub(super) doc: *const c_char,
}

// SAFETY: constant strings and a function.
unsafe impl Sync for Method {}

pub(super) const METH_FASTCALL: c_int = 0x80;
pub(super) const METH_CLASS: c_int = 0x10;

macro_rules! api {
    (
        functions { $($field:ident = $($name:literal)|+ : fn($($argument:ty),*) $(-> $answer:ty)?;)* }
        optional { $($newer:ident = $newer_name:literal: fn($($newer_argument:ty),*) -> $newer_answer:ty;)* }
        objects { $($object:ident = $object_name:literal;)* }
        exceptions { $($exception:ident = $exception_name:literal;)* }
    ) => {
        #[derive(Debug)]
        pub(super) struct Api {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) $(-> $answer)?,)*
            /// What only newer versions have.
            $(pub(super) $newer: Option<unsafe extern "C" fn($($newer_argument),*) -> $newer_answer>,)*
            $(pub(super) $object: *mut Object,)*
            $(pub(super) $exception: *mut Object,)*
            /// The version, as in 0x030b for 3.11.
            pub(super) version: u32,
            pub(super) is_free_threaded: bool,
        }

        fn look_up() -> Option<Api> {
            $(let $field = [$($name),+].into_iter().map(symbol::of_process).find(|found| !found.is_null())?;)*
            $(let $newer = symbol::of_process($newer_name);)*
            $(let $object = symbol::of_process($object_name);)*
            $(let $exception: *const *mut Object = symbol::of_process($exception_name).cast();)*
            if [$($object),*].iter().any(|found| found.is_null())
                || [$($exception),*].iter().any(|found| found.is_null())
            {
                return None;
            }
            // SAFETY: CPython's functions of these names have these forms; the names of exceptions are those of
            // places that point to them, filled in before any code of a user's runs.
            let mut api = unsafe {
                Api {
                    $($field: std::mem::transmute::<
                        *mut c_void,
                        unsafe extern "C" fn($($argument),*) $(-> $answer)?,
                    >($field),)*
                    $($newer: std::mem::transmute::<
                        *mut c_void,
                        Option<unsafe extern "C" fn($($newer_argument),*) -> $newer_answer>,
                    >($newer),)*
                    $($object: $object.cast(),)*
                    $($exception: *$exception,)*
                    version: 0,
                    is_free_threaded: false,
                }
            };
            (api.version, api.is_free_threaded) = version(&api)?;
            Some(api)
        }
    };
}

api! {
    functions {
        get_version = c"Py_GetVersion": fn() -> *const c_char;
        incref = c"Py_IncRef": fn(*mut Object);
        decref = c"Py_DecRef": fn(*mut Object);
        call = c"PyObject_Call": fn(*mut Object, *mut Object, *mut Object) -> *mut Object;
        tuple_new = c"PyTuple_New": fn(isize) -> *mut Object;
        tuple_set = c"PyTuple_SetItem": fn(*mut Object, isize, *mut Object) -> c_int;
        text_from = c"PyUnicode_FromStringAndSize": fn(*const c_char, isize) -> *mut Object;
        float_from = c"PyFloat_FromDouble": fn(f64) -> *mut Object;
        frame_here = c"PyEval_GetFrame": fn() -> *mut Object;
        dict_new = c"PyDict_New": fn() -> *mut Object;
        dict_set = c"PyDict_SetItemString": fn(*mut Object, *const c_char, *mut Object) -> c_int;
        dict_size = c"PyDict_Size": fn(*mut Object) -> isize;
        list_new = c"PyList_New": fn(isize) -> *mut Object;
        list_append = c"PyList_Append": fn(*mut Object, *mut Object) -> c_int;
        list_size = c"PyList_Size": fn(*mut Object) -> isize;
        index = c"PySequence_Index": fn(*mut Object, *mut Object) -> isize;
        delete_at = c"PySequence_DelItem": fn(*mut Object, isize) -> c_int;
        attribute = c"PyObject_GetAttrString": fn(*mut Object, *const c_char) -> *mut Object;
        get_dict = c"PyObject_GenericGetDict": fn(*mut Object, *mut c_void) -> *mut Object;
        set_dict = c"PyObject_GenericSetDict": fn(*mut Object, *mut Object, *mut c_void) -> c_int;
        type_from = c"PyType_FromSpec": fn(*const Spec) -> *mut Object;
        type_slot = c"PyType_GetSlot": fn(*mut Object, c_int) -> *mut c_void;
        allocate = c"PyType_GenericAlloc": fn(*mut Object, isize) -> *mut Object;
        is_subtype = c"PyType_IsSubtype": fn(*mut Object, *mut Object) -> c_int;
        untrack = c"PyObject_GC_UnTrack": fn(*mut Object);
        clear_weak_references = c"PyObject_ClearWeakRefs": fn(*mut Object);
        new_function = c"PyCFunction_NewEx": fn(*const Method, *mut Object, *mut Object) -> *mut Object;
        new_method = c"PyDescr_NewMethod": fn(*mut Object, *const Method) -> *mut Object;
        bool_from = c"PyBool_FromLong": fn(c_long) -> *mut Object;
        int_from = c"PyLong_FromUnsignedLongLong": fn(c_ulonglong) -> *mut Object;
        int_as = c"PyLong_AsUnsignedLongLong": fn(*mut Object) -> c_ulonglong;
        size_as = c"PyLong_AsLongLong": fn(*mut Object) -> c_longlong;
        float_as = c"PyFloat_AsDouble": fn(*mut Object) -> f64;
        type_of = c"PyObject_Type": fn(*mut Object) -> *mut Object;
        is_callable = c"PyCallable_Check": fn(*mut Object) -> c_int;
        error_occurred = c"PyErr_Occurred": fn() -> *mut Object;
        error_fetch = c"PyErr_Fetch": fn(*mut *mut Object, *mut *mut Object, *mut *mut Object);
        error_normalize =
            c"PyErr_NormalizeException": fn(*mut *mut Object, *mut *mut Object, *mut *mut Object);
        error_restore = c"PyErr_Restore": fn(*mut Object, *mut Object, *mut Object);
        set_traceback = c"PyException_SetTraceback": fn(*mut Object, *mut Object) -> c_int;
        error_text = c"PyErr_SetString": fn(*mut Object, *const c_char);
        error_object = c"PyErr_SetObject": fn(*mut Object, *mut Object);
        error_errno = c"PyErr_SetFromErrno": fn(*mut Object) -> *mut Object;
        error_unraisable = c"PyErr_WriteUnraisable": fn(*mut Object);
        check_signals = c"PyErr_CheckSignals": fn() -> c_int;
        interrupt_occurred = c"PyOS_InterruptOccurred": fn() -> c_int;
        states = c"PyInterpreterState_ThreadHead": fn(*mut c_void) -> State;
        state_next = c"PyThreadState_Next": fn(State) -> State;
        state_new = c"PyThreadState_New": fn(*mut c_void) -> State;
        state_clear = c"PyThreadState_Clear": fn(State);
        state_delete = c"PyThreadState_Delete": fn(State);
        state_delete_current = c"PyThreadState_DeleteCurrent": fn();
        state_swap = c"PyThreadState_Swap": fn(State) -> State;
        state_current = c"_PyThreadState_UncheckedGet" | c"PyThreadState_GetUnchecked": fn() -> State;
        state_known = c"PyGILState_GetThisThreadState": fn() -> State;
        async_raise = c"PyThreadState_SetAsyncExc": fn(c_ulong, *mut Object) -> c_int;
        save = c"PyEval_SaveThread": fn() -> State;
        restore = c"PyEval_RestoreThread": fn(State);
        release = c"PyEval_ReleaseThread": fn(State);
        state_release = c"PyGILState_Release": fn(c_int);
        arena_get = c"PyObject_GetArenaAllocator": fn(*mut Allocator);
        arena_set = c"PyObject_SetArenaAllocator": fn(*const Allocator);
        interpreter = c"PyInterpreterState_Get" | c"_PyInterpreterState_Get": fn() -> *mut c_void;
        is_finalizing = c"_Py_IsFinalizing" | c"Py_IsFinalizing": fn() -> c_int;
        main_interpreter = c"PyInterpreterState_Main": fn() -> *mut c_void;
        bytes_from = c"PyBytes_FromStringAndSize": fn(*const c_char, isize) -> *mut Object;
        bytes_place = c"PyBytes_AsString": fn(*mut Object) -> *mut c_char;
        bytes_resize = c"_PyBytes_Resize": fn(*mut *mut Object, isize) -> c_int;
        buffer_get = c"PyObject_GetBuffer": fn(*mut Object, *mut Buffer, c_int) -> c_int;
        buffer_release = c"PyBuffer_Release": fn(*mut Buffer);
        path_from = c"PyUnicode_DecodeFSDefaultAndSize": fn(*const c_char, isize) -> *mut Object;
        import = c"PyImport_ImportModule": fn(*const c_char) -> *mut Object;
    }
    optional {
        protect_stack = c"PyUnstable_ThreadState_SetStackProtection": fn(State, *mut c_void, usize) -> c_int;
    }
    objects {
        none = c"_Py_NoneStruct";
        true_object = c"_Py_TrueStruct";
        tuple_type = c"PyTuple_Type";
        dict_type = c"PyDict_Type";
    }
    exceptions {
        base_exception = c"PyExc_BaseException";
        memory_error = c"PyExc_MemoryError";
        os_error = c"PyExc_OSError";
        overflow_error = c"PyExc_OverflowError";
        runtime_error = c"PyExc_RuntimeError";
        system_error = c"PyExc_SystemError";
        type_error = c"PyExc_TypeError";
        value_error = c"PyExc_ValueError";
    }
}

// SAFETY: addresses of functions and of objects that live as long as the interpreter.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}

/// From a text that begins with it: "3.11.7 (main, ...)".
fn version(api: &Api) -> Option<(u32, bool)> {
    // SAFETY: takes nothing, and gives a constant string.
    let text = unsafe { CStr::from_ptr((api.get_version)()) }.to_str().ok()?;
    let mut numbers = text.split(['.', ' ', '+']).map_while(|number| number.parse::<u32>().ok());
    let (major, minor) = (numbers.next()?, numbers.next()?);
    Some((major << 8 | minor, text.contains("free-threading")))
}

static API: OnceLock<Api> = OnceLock::new();

/// All of them; `ENOSYS` in a process that has no CPython from 3.8 on.
pub(super) fn find() -> Result<&'static Api> {
    if let Some(api) = API.get() {
        return Ok(api);
    }
    let api = look_up().filter(|api| api.version >= 0x0308).ok_or(Error::errno(libc::ENOSYS))?;
    Ok(API.get_or_init(|| api))
}

/// What `find` has found.
#[inline]
pub(super) fn known() -> &'static Api {
    API.get().expect("the functions of CPython are found before any of ours is made")
}

impl Api {
    /// Sets an exception, and gives what a function gives then.
    ///
    /// # Safety
    /// The calling thread's state is attached.
    #[cold]
    pub(super) unsafe fn raise(&self, exception: *mut Object, text: &CStr) -> *mut Object {
        // SAFETY: the caller vouches for the lock; an exception of the interpreter's own.
        unsafe { (self.error_text)(exception, text.as_ptr()) };
        std::ptr::null_mut()
    }

    /// None, as a new reference.
    ///
    /// # Safety
    /// As above.
    pub(super) unsafe fn new_none(&self) -> *mut Object {
        // SAFETY: as above.
        unsafe { (self.incref)(self.none) };
        self.none
    }
}
