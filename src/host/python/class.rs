//! The class of the objects that stand for green threads, made at run time: `greenhub.GreenThread` is a subclass.
//!
//! It has in fields of C's what every spawn and every wait touches, so that neither runs Python for its own ends
//! (`tasks`). To Python the fields are attributes; whatever is rare is done there.

use super::api::{self, Api, Method, Object};
use super::tasks;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::mem::offset_of;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// An object of it. A place for an object is null at first, and owns what it holds; Python reads null as None.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Task {
    /// The count of references, which only CPython touches (PyObject_HEAD).
    _references: isize,
    kind: *mut Object,
    /// What it calls; the thread's name comes from it.
    pub(super) function: Cell<*mut Object>,
    /// The root of its OS thread.
    pub(super) root: Cell<*mut Object>,
    /// A list of who else wants to know of the end: ids of waiting threads, and links.
    pub(super) entries: Cell<*mut Object>,
    pub(super) value: Cell<*mut Object>,
    pub(super) error: Cell<*mut Object>,
    pub(super) traceback: Cell<*mut Object>,
    /// A list with the exception of a kill that came before the start.
    pub(super) doom: Cell<*mut Object>,
    name: Cell<*mut Object>,
    /// From 3.9 on, when a class made at run time may have them; made by Python when they are wanted.
    dict: Cell<*mut Object>,
    weak_references: Cell<*mut Object>,
    pub(super) ident: Cell<u64>,
    /// The id of who has waited first, 0 for nobody: most threads have one who waits, and need no list.
    pub(super) waiter: Cell<u64>,
    pub(super) state: Cell<u8>,
    pub(super) taken: Cell<bool>,
    delayed: Cell<bool>,
    detached: Cell<bool>,
}

/// What `state` may be, as Python has it too.
pub(super) const SPAWNED: u8 = 0;
pub(super) const RUNNING: u8 = 1;
pub(super) const DONE: u8 = 2;

impl Task {
    /// All that may refer to others. A dict is null up to 3.8, where the subclass has it.
    fn places(&self) -> [&Cell<*mut Object>; 9] {
        [
            &self.function,
            &self.root,
            &self.entries,
            &self.value,
            &self.error,
            &self.traceback,
            &self.doom,
            &self.name,
            &self.dict,
        ]
    }

    /// Gives up what it refers to. Destructors may run, and find it without.
    ///
    /// # Safety
    /// The calling thread's state is attached.
    unsafe fn empty(&self, api: &Api) {
        for place in self.places() {
            let object = place.replace(ptr::null_mut());
            if !object.is_null() {
                // SAFETY: the place owned it.
                unsafe { (api.decref)(object) };
            }
        }
    }
}

/// The class, for ever.
static CLASS: AtomicPtr<Object> = AtomicPtr::new(ptr::null_mut());

/// What an object is, if it is of the class.
///
/// # Safety
/// An object that stays while the answer is used; the calling thread's state is attached.
#[inline]
pub(super) unsafe fn of_object<'object>(api: &Api, object: *mut Object) -> Option<&'object Task> {
    // SAFETY: every object begins like one of ours (PyObject_HEAD), and what is of the class goes on like it. Others
    // see it through shared references only.
    unsafe {
        let task = object.cast::<Task>();
        let is_one =
            !object.is_null() && (api.is_subtype)((*task).kind, CLASS.load(Ordering::Relaxed)) != 0;
        is_one.then(|| &*task)
    }
}

/// A new object of a subclass.
///
/// # Safety
/// A class that derives from ours; the calling thread's state is attached.
pub(super) unsafe fn instance(api: &Api, class: *mut Object) -> *mut Object {
    // SAFETY: the caller vouches for the class.
    unsafe { (api.allocate)(class, 0) }
}

type Visit = unsafe extern "C" fn(*mut Object, *mut c_void) -> c_int;

/// Tells the collector what an object refers to. From 3.9 on its class too, which the subclass does up to then.
unsafe extern "C" fn traverse(object: *mut Object, visit: Visit, argument: *mut c_void) -> c_int {
    // SAFETY: called by the collector, for an object of ours, with the lock held.
    unsafe {
        let task = &*object.cast::<Task>();
        let class = if api::known().version >= 0x0309 { task.kind } else { ptr::null_mut() };
        for referred in task.places().map(Cell::get).into_iter().chain([class]) {
            if !referred.is_null() {
                let stop = visit(referred, argument);
                if stop != 0 {
                    return stop;
                }
            }
        }
    }
    0
}

unsafe extern "C" fn clear(object: *mut Object) -> c_int {
    // SAFETY: as above. A thread that has not ended is referred to by its record, and never garbage.
    unsafe { (*object.cast::<Task>()).empty(api::known()) };
    0
}

unsafe extern "C" fn dealloc(object: *mut Object) {
    let api = api::known();
    // SAFETY: called for the last reference, with the lock held. The class is kept by the object until it is freed.
    unsafe {
        (api.untrack)(object);
        let task = &*object.cast::<Task>();
        if !task.weak_references.get().is_null() {
            (api.clear_weak_references)(object);
        }
        task.empty(api);
        let class = task.kind;
        let free: unsafe extern "C" fn(*mut Object) =
            std::mem::transmute((api.type_slot)(class, TP_FREE));
        free(object);
        (api.decref)(class);
    }
}

/// The list of entries, made when it is first asked for; null with an exception set.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn entries_of(api: &Api, task: &Task) -> *mut Object {
    if task.entries.get().is_null() {
        // SAFETY: the caller vouches for the state.
        let list = unsafe { (api.list_new)(0) };
        // To make it may have run code that came here as well.
        if task.entries.get().is_null() {
            task.entries.set(list);
        } else if !list.is_null() {
            // SAFETY: made above, and nobody else's.
            unsafe { (api.decref)(list) };
        }
    }
    task.entries.get()
}

/// The same as Python's `_entries`.
unsafe extern "C" fn entries(object: *mut Object, _: *mut c_void) -> *mut Object {
    let api = api::known();
    // SAFETY: called by Python for an object of ours, with the lock held; the task owns the list.
    unsafe {
        let list = entries_of(api, &*object.cast::<Task>());
        if !list.is_null() {
            (api.incref)(list);
        }
        list
    }
}

/// PyMemberDef.
#[repr(C)]
struct Member {
    name: *const c_char,
    kind: c_int,
    offset: isize,
    flags: c_int,
    doc: *const c_char,
}

/// PyGetSetDef.
#[repr(C)]
struct Property {
    name: *const c_char,
    get: *mut c_void,
    set: *mut c_void,
    doc: *const c_char,
    closure: *mut c_void,
}

/// PyType_Slot.
#[repr(C)]
struct Slot {
    slot: c_int,
    value: *mut c_void,
}

/// PyType_Spec.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Spec {
    name: *const c_char,
    size: c_int,
    item: c_int,
    flags: c_uint,
    slots: *const Slot,
}

// structmember.h and typeslots.h, which are part of the stable ABI.
const T_OBJECT: c_int = 6;
const T_UBYTE: c_int = 9;
const T_BOOL: c_int = 14;
const T_OBJECT_EX: c_int = 16;
const T_ULONGLONG: c_int = 18;
const T_PYSSIZET: c_int = 19;
const READONLY: c_int = 1;
const TP_CLEAR: c_int = 51;
const TP_DEALLOC: c_int = 52;
const TP_METHODS: c_int = 64;
const TP_TRAVERSE: c_int = 71;
const TP_MEMBERS: c_int = 72;
const TP_GETSET: c_int = 73;
const TP_FREE: c_int = 74;
const BASETYPE: c_uint = 1 << 10;
const HAVE_GC: c_uint = 1 << 14;
/// What Py_TPFLAGS_DEFAULT has been since 3.8.
const HAVE_VERSION_TAG: c_uint = 1 << 18;

macro_rules! members {
    ($($name:literal $field:ident $kind:ident;)*) => {
        [$(member($name, $kind, offset_of!(Task, $field), 0),)*]
    };
}

const fn member(name: &'static CStr, kind: c_int, offset: usize, flags: c_int) -> Member {
    Member { name: name.as_ptr(), kind, offset: offset as isize, flags, doc: ptr::null() }
}

/// What Python calls the fields.
fn members(api: &Api) -> Vec<Member> {
    let mut all: Vec<Member> = Vec::from(members! {
        c"_function" function T_OBJECT;
        c"_root" root T_OBJECT;
        c"_value" value T_OBJECT_EX;
        c"_error" error T_OBJECT;
        c"_traceback" traceback T_OBJECT;
        c"_doom" doom T_OBJECT;
        c"_name" name T_OBJECT;
        c"_ident" ident T_ULONGLONG;
        c"_waiter" waiter T_ULONGLONG;
        c"_state" state T_UBYTE;
        c"_taken" taken T_BOOL;
        c"_delayed" delayed T_BOOL;
        c"_detached" detached T_BOOL;
    });
    if api.version >= 0x0309 {
        let (dict, weak) = (offset_of!(Task, dict), offset_of!(Task, weak_references));
        all.push(member(c"__dictoffset__", T_PYSSIZET, dict, READONLY));
        all.push(member(c"__weaklistoffset__", T_PYSSIZET, weak, READONLY));
    }
    all.push(Member { name: ptr::null(), kind: 0, offset: 0, flags: 0, doc: ptr::null() });
    all
}

fn properties(api: &Api) -> Vec<Property> {
    let property = |name: *const c_char, get: *mut c_void, set: *mut c_void| Property {
        name,
        get,
        set,
        doc: ptr::null(),
        closure: ptr::null_mut(),
    };
    let mut all = vec![property(c"_entries".as_ptr(), entries as *mut c_void, ptr::null_mut())];
    if api.version >= 0x0309 {
        let (get, set) = (api.get_dict as *mut c_void, api.set_dict as *mut c_void);
        all.push(property(c"__dict__".as_ptr(), get, set));
    }
    all.push(property(ptr::null(), ptr::null_mut(), ptr::null_mut()));
    all
}

/// The class as a new reference; null with an exception set.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn class(api: &Api) -> *mut Object {
    let mut class = CLASS.load(Ordering::Relaxed);
    if class.is_null() {
        // Versions differ in what they copy of these: they stay.
        let members: &[Member] = members(api).leak();
        let properties: &[Property] = properties(api).leak();
        let methods: &[Method] = tasks::methods().leak();
        let slots = [
            (TP_DEALLOC, dealloc as *mut c_void),
            (TP_TRAVERSE, traverse as *mut c_void),
            (TP_CLEAR, clear as *mut c_void),
            (TP_MEMBERS, members.as_ptr().cast_mut().cast()),
            (TP_GETSET, properties.as_ptr().cast_mut().cast()),
            (TP_METHODS, methods.as_ptr().cast_mut().cast()),
            (0, ptr::null_mut()),
        ]
        .map(|(slot, value)| Slot { slot, value });
        let spec = Spec {
            name: c"greenhub._core.Thread".as_ptr(),
            size: size_of::<Task>() as c_int,
            item: 0,
            flags: HAVE_VERSION_TAG | BASETYPE | HAVE_GC,
            slots: slots.as_ptr(),
        };
        // SAFETY: the caller vouches for the state; names, functions and tables are static or leaked, and the
        // functions have the forms of their slots.
        class = unsafe { (api.type_from)(&spec) };
        if class.is_null() {
            return class;
        }
        CLASS.store(class, Ordering::Relaxed);
    }
    // SAFETY: the place keeps the first reference.
    unsafe { (api.incref)(class) };
    class
}
