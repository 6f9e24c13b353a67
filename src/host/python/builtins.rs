//! The functions as Python sees them: made at run time from one table, real builtin functions of the interpreter.
//!
//! Each takes its arguments by position alone. All are called with the interpreter's lock held, and keep it unless
//! the hub itself has to wait.

use super::api::{self, Api, FastCall, Method, Object, METH_FASTCALL};
use super::methods::socket_methods;
use super::sockets::{
    accept, adopt, close, doubt, recv, recv_into, send, sendall, shutdown, wait_fd,
};
use super::streams::{Patience, Place};
use super::supervision::{next_report, preempt, take_thrown, unwatch, watch, without_lock};
use super::threads::Call;
use super::waits::{self, Python, Raised};
use super::{alarms, beneath, census, class, keep, patching, slices, threads};
use crate::clock::{self, Nanos, NEVER};
use crate::error::{Error, Result};
use crate::hub;
use crate::slab::Id;
use std::ffi::{c_int, CStr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

/// The arguments of one call, and the object whose method it is, if it is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'call>(pub(super) &'call Api, &'call [*mut Object], *mut Object);

pub(super) type Answer = Python<*mut Object>;

/// Calls one of them as CPython does: an array of arguments, null when an exception is set. A panic is a bug of the
/// library, which SystemError says.
///
/// # Safety
/// `arguments` has `count` entries; the calling thread's state is attached.
#[inline(always)]
pub(super) unsafe fn called(
    owner: *mut Object,
    arguments: *const *mut Object,
    count: isize,
    range: std::ops::RangeInclusive<usize>,
    body: impl FnOnce(Arguments<'_>) -> Answer,
) -> *mut Object {
    let api = api::known();
    let count = usize::try_from(count).unwrap_or(0);
    let given = match count {
        0 => &[][..],
        // SAFETY: the caller vouches for the array.
        _ => unsafe { std::slice::from_raw_parts(arguments, count) },
    };
    if !range.contains(&count) {
        // SAFETY: the caller vouches for the state.
        return unsafe { api.raise(api.type_error, c"a wrong number of arguments") };
    }
    match catch_unwind(AssertUnwindSafe(|| body(Arguments(api, given, owner)))) {
        Ok(Ok(answer)) => answer,
        Ok(Err(Raised)) => ptr::null_mut(),
        // SAFETY: as above.
        Err(_) => unsafe { api.raise(api.system_error, c"a bug of libgreenhub: a panic") },
    }
}

impl<'call> Arguments<'call> {
    pub(super) fn api(&self) -> &'call Api {
        self.0
    }

    /// Whose method it is.
    pub(super) fn owner(&self) -> *mut Object {
        self.2
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.1.len()
    }

    /// A descriptor, and the socket's timeout.
    pub(super) fn place(&self, descriptor: usize, timeout: usize) -> Python<Place> {
        let fd = self.flags(descriptor)?;
        let patience = match self.is_none(timeout) {
            true => Patience::Endless,
            false => match self.seconds(timeout)? {
                seconds if seconds > 0.0 => Patience::Limited(waits::nanoseconds(seconds)),
                _ => Patience::None,
            },
        };
        Ok(Place::new(fd, patience))
    }

    /// A C int: flags, events, a descriptor.
    pub(super) fn flags(&self, place: usize) -> Python<c_int> {
        let value = self.number(place)?;
        let too_large = |_| self.fails(self.0.overflow_error, c"no C int is so large");
        c_int::try_from(value).map_err(too_large)
    }

    pub(super) fn size(&self, place: usize, negative: &CStr) -> Python<usize> {
        let size = self.number(place)?;
        usize::try_from(size).map_err(|_| self.fails(self.0.value_error, negative))
    }

    #[inline]
    fn number(&self, place: usize) -> Python<i64> {
        // SAFETY: called by Python, with the state attached.
        match unsafe { (self.0.size_as)(self.at(place)) } {
            // Also what is given where an exception is set, and only there it is worth the question.
            -1 => self.unless_raised(-1),
            number => Ok(number),
        }
    }

    pub(super) fn raise(&self, error: Error) -> Raised {
        // SAFETY: as above.
        unsafe { waits::raise(self.0, error) }
    }
}

impl Arguments<'_> {
    pub(super) fn at(&self, place: usize) -> *mut Object {
        self.1.get(place).copied().unwrap_or(ptr::null_mut())
    }

    fn is_none(&self, place: usize) -> bool {
        let object = self.at(place);
        object.is_null() || ptr::eq(object, self.0.none)
    }

    pub(super) fn fails(&self, exception: *mut Object, text: &CStr) -> Raised {
        // SAFETY: called by Python, with the state attached.
        unsafe { self.0.raise(exception, text) };
        Raised
    }

    /// By its type, not by what it says of itself (`__class__`): the interpreter's functions take it for such an object.
    pub(super) fn is_a(&self, place: usize, kind: *mut Object) -> bool {
        // SAFETY: as above; an argument, and a type.
        unsafe {
            let own = (self.0.type_of)(self.at(place));
            let is_one = (self.0.is_subtype)(own, kind) != 0;
            (self.0.decref)(own);
            is_one
        }
    }

    /// An id of a green thread, or of an alarm.
    pub(super) fn id(&self, place: usize) -> Python<u64> {
        // SAFETY: as above.
        let id = unsafe { (self.0.int_as)(self.at(place)) };
        self.unless_raised(id)
    }

    pub(super) fn seconds(&self, place: usize) -> Python<f64> {
        // SAFETY: as above.
        let seconds = unsafe { (self.0.float_as)(self.at(place)) };
        let seconds = self.unless_raised(seconds)?;
        match seconds.is_nan() {
            true => Err(self.fails(self.0.value_error, c"not a number of seconds")),
            false => Ok(seconds),
        }
    }

    /// That many seconds from now; never for None.
    pub(super) fn deadline(&self, place: usize) -> Python<Nanos> {
        match self.is_none(place) {
            true => Ok(NEVER),
            false => Ok(waits::deadline(self.seconds(place)?)),
        }
    }

    /// What a green thread is to call: a function, a tuple, and a dict or None, from `place` on. Refused when none
    /// can be made any more.
    pub(super) fn call(&self, place: usize) -> Python<Call> {
        let api = self.0;
        let (function, keywords) = (self.at(place), place + 2);
        // SAFETY: an argument.
        if unsafe { (api.is_callable)(function) } == 0 {
            return Err(self.fails(api.type_error, c"the function cannot be called"));
        }
        if !self.is_a(place + 1, api.tuple_type) {
            return Err(self.fails(api.type_error, c"the arguments are no tuple"));
        }
        if !self.is_none(keywords) && !self.is_a(keywords, api.dict_type) {
            return Err(self.fails(api.type_error, c"the keywords are no dict"));
        }
        // SAFETY: called by Python, with the state attached; a dict, if it is not None.
        unsafe {
            waits::refuse_at_end(api)?;
            // An empty one would be kept as long as the thread.
            let any = !self.is_none(keywords) && (api.dict_size)(self.at(keywords)) > 0;
            let keywords = if any { self.at(keywords) } else { ptr::null_mut() };
            Ok((function, self.at(place + 1), keywords))
        }
    }

    fn exception(&self, place: usize) -> Python<*mut Object> {
        match self.is_a(place, self.0.base_exception) {
            true => Ok(self.at(place)),
            false => Err(self.fails(self.0.type_error, c"not an instance of an exception")),
        }
    }

    fn unless_raised<T>(&self, value: T) -> Python<T> {
        // SAFETY: as above.
        match unsafe { (self.0.error_occurred)() }.is_null() {
            true => Ok(value),
            false => Err(Raised),
        }
    }

    pub(super) fn none(&self) -> Answer {
        // SAFETY: as above.
        Ok(unsafe { self.0.new_none() })
    }

    pub(super) fn bool(&self, value: bool) -> Answer {
        // SAFETY: as above.
        Ok(unsafe { (self.0.bool_from)(value.into()) })
    }

    pub(super) fn int(&self, value: u64) -> Answer {
        // SAFETY: as above.
        Ok(unsafe { (self.0.int_from)(value) })
    }

    pub(super) fn of<T>(&self, done: Result<T>) -> Python<T> {
        // SAFETY: as above.
        done.map_err(|error| unsafe { waits::raise(self.0, error) })
    }
}

fn spawn(given: Arguments<'_>) -> Answer {
    let call = given.call(1)?;
    // SAFETY: arguments of these types, with the state attached.
    let id = given.of(unsafe { threads::spawn(given.0, given.at(0), call, None) })?;
    given.int(id.0)
}

fn current(given: Arguments<'_>) -> Answer {
    let running = hub::current().and_then(|hub| Some((hub, hub.running()?)));
    let thread = running.and_then(|(hub, thread)| threads::record_of(hub, thread.id));
    match thread {
        Some((_, record)) if !record.thread.get().is_null() => {
            let thread = record.thread.get();
            // SAFETY: the record owns it.
            unsafe { (given.0.incref)(thread) };
            Ok(thread)
        }
        _ => given.none(),
    }
}

fn set_current(given: Arguments<'_>) -> Answer {
    let hub = given.of(hub::enter())?;
    let thread = given.of(hub.running().ok_or(Error::NOT_GREEN))?;
    let record = given.of(threads::record(hub, thread))?;
    let object = given.at(0);
    // SAFETY: an argument, with the state attached.
    unsafe { (given.0.incref)(object) };
    let before = record.thread.replace(object);
    if !before.is_null() {
        // SAFETY: the record owned it.
        unsafe { (given.0.decref)(before) };
    }
    given.none()
}

fn ident(given: Arguments<'_>) -> Answer {
    let hub = given.of(hub::enter())?;
    let thread = given.of(hub.running().ok_or(Error::NOT_GREEN))?;
    // Whoever is to be woken by its id needs a record.
    given.of(threads::record(hub, thread))?;
    given.int(thread.id.0)
}

fn sleep(given: Arguments<'_>) -> Answer {
    let seconds = given.seconds(0)?;
    // SAFETY: called by Python, with the state attached.
    unsafe { waits::sleep(given.0, seconds) }?;
    given.none()
}

fn park(given: Arguments<'_>) -> Answer {
    let deadline = given.deadline(0)?;
    // SAFETY: called by Python, with the state attached.
    let woken = unsafe { waits::park(given.0, deadline) }?;
    given.bool(woken)
}

fn unpark(given: Arguments<'_>) -> Answer {
    let id = Id(given.id(0)?);
    given.bool(waits::unpark(id))
}

fn throw(given: Arguments<'_>) -> Answer {
    let (id, exception) = (Id(given.id(0)?), given.exception(1)?);
    // SAFETY: an exception, with the state attached.
    given.bool(unsafe { waits::throw(given.0, id, exception) })
}

fn throw_after(given: Arguments<'_>) -> Answer {
    let deadline = waits::deadline(given.seconds(0)?);
    let exception = given.exception(1)?;
    let hub = given.of(hub::enter())?;
    let thread = given.of(hub.running().ok_or(Error::NOT_GREEN))?;
    given.of(threads::record(hub, thread))?;
    // SAFETY: as above.
    let key = given.of(unsafe { alarms::set(given.0, (hub, thread.id), deadline, exception) })?;
    given.int(key)
}

fn cancel_timer(given: Arguments<'_>) -> Answer {
    let (key, thread) = (given.id(0)?, Id(given.id(1)?));
    let is_ours = hub::current().is_some_and(|hub| hub.is_of(thread));
    given.bool(match is_ours {
        // SAFETY: as above.
        true => unsafe { alarms::cancel(given.0, key) },
        false => alarms::cancel_elsewhere(thread, key),
    })
}

fn take_back(given: Arguments<'_>) -> Answer {
    let (id, exception) = (Id(given.id(0)?), given.exception(1)?);
    // SAFETY: as above.
    let taken = unsafe { waits::take_back(given.0, id, exception) };
    given.int(taken.map_or(0, |told| 1 + u64::from(told)))
}

fn take_told(given: Arguments<'_>) -> Answer {
    let running = hub::current().and_then(|hub| Some((hub, hub.running()?)));
    let found = running.and_then(|(hub, thread)| {
        let (thread, record) = threads::record_of(hub, thread.id)?;
        // SAFETY: as above.
        record.told.get().then(|| unsafe { waits::take_thrown(given.0, (hub, thread, record)) }.0)
    });
    match found {
        Some(thrown) if !thrown.is_null() => Ok(thrown),
        _ => given.none(),
    }
}

fn stack_size(given: Arguments<'_>) -> Answer {
    let size = given.size(0, c"less than nothing")?;
    given.of(threads::set_stack_size(size))?;
    given.none()
}

fn claim(given: Arguments<'_>) -> Answer {
    crate::patch::claim(given.id(0)?);
    given.none()
}

fn stand_in(given: Arguments<'_>) -> Answer {
    crate::patch::stand_in(Id(given.id(0)?));
    given.none()
}

fn raise_thrown(given: Arguments<'_>) -> Answer {
    // SAFETY: as above.
    match unsafe { beneath::raise_thrown(given.0) } {
        true => Err(Raised),
        false => given.none(),
    }
}

fn at_end(given: Arguments<'_>) -> Answer {
    let function = match given.is_none(0) {
        true => ptr::null_mut(),
        false => given.at(0),
    };
    // SAFETY: an argument, with the state attached.
    unsafe {
        if !function.is_null() {
            (given.0.incref)(function);
        }
        let before = threads::at_end(function);
        if !before.is_null() {
            (given.0.decref)(before);
        }
    }
    given.none()
}

fn patch(given: Arguments<'_>) -> Answer {
    let families = given.id(0)?;
    let families = given.of(u32::try_from(families).map_err(|_| Error::EINVAL))?;
    let slots = given.of(patching::patch(given.0, families))?;
    given.int(slots as u64)
}

fn unpatch(given: Arguments<'_>) -> Answer {
    let slots = given.of(patching::unpatch())?;
    given.int(slots as u64)
}

fn turn(given: Arguments<'_>) -> Answer {
    // SAFETY: called by Python, with the state attached.
    match unsafe { waits::turn(given.0) }? {
        NEVER => given.none(),
        next => {
            let left = next.saturating_sub(clock::now()).max(0);
            // SAFETY: as above.
            Ok(unsafe { (given.0.float_from)(left as f64 / 1e9) })
        }
    }
}

fn census(given: Arguments<'_>) -> Answer {
    // SAFETY: as above.
    Ok(unsafe { census::take(given.0) })
}

fn keeps_gil(given: Arguments<'_>) -> Answer {
    match keep::keeps() {
        None => given.none(),
        Some(keeps) => given.bool(keeps),
    }
}

fn end(given: Arguments<'_>) -> Answer {
    without_lock(given.0, slices::stop);
    given.none()
}

macro_rules! methods_of {
    ($table:ident: $($name:ident($range:expr) $doc:literal;)*) => {
        const $table: &[Method] = &[$({
            /// # Safety
            /// As CPython calls a function of METH_FASTCALL.
            unsafe extern "C" fn entry(
                owner: *mut Object,
                arguments: *const *mut Object,
                count: isize,
            ) -> *mut Object {
                // SAFETY: CPython passes an array, with the state of the calling thread attached.
                unsafe { called(owner, arguments, count, $range, $name) }
            }
            let function: FastCall = entry;
            Method {
                name: concat!(stringify!($name), "\0").as_ptr().cast(),
                function: Some(function),
                flags: METH_FASTCALL,
                doc: concat!($doc, "\0").as_ptr().cast(),
            }
        },)*];
    };
}

pub(super) use methods_of;

methods_of! {
    FUNCTIONS:
    spawn(4..=4) "spawn(thread, function, args, kwargs)\n--\n\nMakes a green thread, and gives its id.";
    current(0..=0) "current()\n--\n\nThe thread object of the running green thread, None in a root that has set none.";
    set_current(1..=1) "set_current(thread)\n--\n\nWhat current() gives from now on.";
    ident(0..=0) "ident()\n--\n\nThe id of the running green thread, or of the root.";
    sleep(1..=1) "sleep(seconds)\n--\n\nSuspends for so long; lets every ready thread run first if not more than 0.";
    park(0..=1) "park(seconds=None)\n--\n\nSuspends until an unpark: True. False when the time is over.";
    unpark(1..=1) "unpark(id)\n--\n\nEnds a park, or the next one. False if the thread is gone.";
    throw(2..=2) "throw(id, exception)\n--\n\nRaises an exception where a green thread waits, or will.";
    throw_after(2..=2) "throw_after(seconds, exception)\n--\n\nRaises it in the calling thread after a time.";
    cancel_timer(2..=2) "cancel_timer(timer, id)\n--\n\nCancels what throw_after has set in that green thread. False if it is over.";
    take_back(2..=2) "take_back(id, exception)\n--\n\nUndoes a throw: 1, or 2 if a C library was told of it, or 0 if it was raised.";
    take_told(0..=0) "take_told()\n--\n\nThe exception of which a C library was told and which the calling thread has not raised, or None.";
    stack_size(1..=1) "stack_size(bytes)\n--\n\nAddress space for the stacks of green threads to come; 0 for the default.";
    claim(1..=1) "claim(ident)\n--\n\nLooks like the main thread, and may give signal 32 a handler; until claim(0).";
    stand_in(1..=1) "stand_in(id)\n--\n\nThis green thread is the interpreter's main thread, beside the root.";
    raise_thrown(0..=2) "raise_thrown(signal, frame)\n--\n\nThe handler of that signal.";
    at_end(1..=1) "at_end(function)\n--\n\nWhat every green thread calls at its end; None for nothing.";
    patch(1..=1) "patch(families)\n--\n\nMakes families of libc's functions cooperative. How many slots it has changed.";
    unpatch(0..=0) "unpatch()\n--\n\nTakes that back.";
    turn(0..=0) "turn()\n--\n\nRuns the hub once, without waiting. The seconds until it must be run again at the latest; None for never.";
    census(0..=0) "census()\n--\n\nFor every green thread of the process: its id, its thread object, its frame, and what it does.";
    recv(4..=4) "recv(fd, size, flags, timeout)\n--\n\nReceives from a socket.";
    recv_into(5..=5) "recv_into(fd, buffer, size, flags, timeout)\n--\n\nReceives into a buffer; a size of 0 is all of it.";
    send(4..=4) "send(fd, data, flags, timeout)\n--\n\nSends what a socket takes; how much that was.";
    sendall(4..=4) "sendall(fd, data, flags, timeout)\n--\n\nSends everything.";
    accept(2..=2) "accept(fd, timeout)\n--\n\nAccepts a connection: its descriptor, and its address or None.";
    wait_fd(2..=3) "wait_fd(fd, events, timeout=None)\n--\n\nWaits for events of poll(2): those that have come, 0 when the time is over.";
    adopt(1..=1) "adopt(fd)\n--\n\nThe descriptor is new: what is known of its number is another's.";
    doubt(1..=1) "doubt(fd)\n--\n\nThe descriptor may be new.";
    shutdown(2..=2) "shutdown(fd, how)\n--\n\nShuts a socket down, and tells who waits for it.";
    socket_methods(2..=2) "socket_methods(class, offset)\n--\n\nThe methods of a class of sockets whose fields begin there: a dict.";
    close(1..=1) "close(fd)\n--\n\nCloses a descriptor: who waits for it gets an error.";
    keeps_gil(0..=0) "keeps_gil()\n--\n\nWhether a switch keeps the interpreter's lock; None before the first wait or green thread.";
    preempt(3..=3) "preempt(interval, may, thrown)\n--\n\nEnds what runs for longer than a slice; 0 for no longer.";
    take_thrown(0..=1) "take_thrown(kind)\n--\n\nWhat is raised in the stead of the class for what was thrown.";
    watch(2..=2) "watch(limit, prints)\n--\n\nStarts the watchdog, and gives its number.";
    unwatch(0..=0) "unwatch()\n--\n\nStops it. False if it does not run.";
    next_report(1..=1) "next_report(watchdog)\n--\n\nWaits for what it tells, a dict; None once it is stopped. Blocks the OS thread.";
    end(0..=0) "end()\n--\n\nNobody's slice is ended any more: the interpreter is about to end.";
}

/// A new dict of all of them, and of the class of thread objects; null with an exception set.
///
/// # Safety
/// The calling thread's state is attached.
pub(super) unsafe fn table(api: &Api) -> *mut Object {
    // SAFETY: the methods are static, as the interpreter wants them.
    unsafe {
        let dict = dict_of(api, FUNCTIONS, |method| {
            (api.new_function)(method, ptr::null_mut(), ptr::null_mut())
        });
        if dict.is_null() {
            return dict;
        }
        let class = class::class(api);
        let failed = class.is_null() || (api.dict_set)(dict, c"Thread".as_ptr(), class) != 0;
        if !class.is_null() {
            (api.decref)(class);
        }
        if failed {
            (api.decref)(dict);
            return ptr::null_mut();
        }
        dict
    }
}

/// A new dict of what `make` makes of each.
///
/// # Safety
/// As above.
pub(super) unsafe fn dict_of(
    api: &Api,
    methods: &'static [Method],
    make: impl Fn(&'static Method) -> *mut Object,
) -> *mut Object {
    // SAFETY: the caller vouches for the state.
    unsafe {
        let dict = (api.dict_new)();
        if dict.is_null() {
            return dict;
        }
        for method in methods {
            let function = make(method);
            let failed = function.is_null() || (api.dict_set)(dict, method.name, function) != 0;
            if !function.is_null() {
                (api.decref)(function);
            }
            if failed {
                (api.decref)(dict);
                return ptr::null_mut();
            }
        }
        dict
    }
}
