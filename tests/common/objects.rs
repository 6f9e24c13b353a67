//! One safe wrapper for each call on locks, meeting points, channels and values under keys. A handle is
//! `Copy` and may go to another OS thread, as in C.

use super::*;
use std::ffi::CString;
use std::marker::PhantomData;

macro_rules! handles {
    ($($name:ident $raw:ident $free:ident;)*) => { $(
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub *mut $raw);

        // SAFETY: a handle is a number, and good on every OS thread.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl $name {
            /// Whatever a C program could pass by mistake.
            pub fn from_number(number: usize) -> $name {
                $name(number as *mut $raw)
            }

            pub fn number(self) -> usize {
                self.0 as usize
            }

            pub fn free(self) -> i64 {
                i64::from(c!($free(self.0)))
            }

            /// Frees it at the end of a test.
            pub fn end(self) {
                assert_eq!(self.free(), 0, "freeing {self:?}");
            }
        }
    )* };
}

handles! {
    Mutex gh_mutex gh_mutex_free;
    RwLock gh_rwlock gh_rwlock_free;
    Cond gh_cond gh_cond_free;
    Sem gh_sem gh_sem_free;
    Event gh_event gh_event_free;
    Barrier gh_barrier gh_barrier_free;
    WaitGroup gh_waitgroup gh_waitgroup_free;
    Once gh_once gh_once_free;
    Channel gh_channel gh_channel_free;
}

/// Makes one, which must succeed.
macro_rules! made {
    ($kind:ident, $new:ident $(, $more:expr)*) => {{
        let mut raw = null_mut();
        assert_eq!(c!($new(&mut raw, null() $(, $more)*)), 0, stringify!($new));
        assert!(!raw.is_null());
        $kind(raw)
    }};
}

impl Mutex {
    pub fn new() -> Mutex {
        made!(Mutex, gh_mutex_new, 0)
    }

    pub fn recursive() -> Mutex {
        made!(Mutex, gh_mutex_new, GH_MUTEX_RECURSIVE)
    }

    pub fn named(name: &str) -> Mutex {
        let name = CString::new(name).expect("no zero byte in a name");
        let mut raw = null_mut();
        assert_eq!(c!(gh_mutex_new(&mut raw, name.as_ptr(), 0)), 0);
        Mutex(raw)
    }

    pub fn lock(self, deadline: i64) -> i64 {
        i64::from(c!(gh_mutex_lock(self.0, deadline)))
    }

    pub fn unlock(self) -> i64 {
        i64::from(c!(gh_mutex_unlock(self.0)))
    }

    pub fn recover(self) -> i64 {
        i64::from(c!(gh_mutex_recover(self.0)))
    }
}

impl RwLock {
    pub fn new() -> RwLock {
        made!(RwLock, gh_rwlock_new)
    }

    pub fn named(name: &str) -> RwLock {
        let name = CString::new(name).expect("no zero byte in a name");
        let mut raw = null_mut();
        assert_eq!(c!(gh_rwlock_new(&mut raw, name.as_ptr())), 0);
        RwLock(raw)
    }

    pub fn read(self, deadline: i64) -> i64 {
        i64::from(c!(gh_rwlock_read(self.0, deadline)))
    }

    pub fn write(self, deadline: i64) -> i64 {
        i64::from(c!(gh_rwlock_write(self.0, deadline)))
    }

    pub fn unlock(self) -> i64 {
        i64::from(c!(gh_rwlock_unlock(self.0)))
    }

    pub fn recover(self) -> i64 {
        i64::from(c!(gh_rwlock_recover(self.0)))
    }
}

impl Cond {
    pub fn new() -> Cond {
        made!(Cond, gh_cond_new)
    }

    pub fn wait(self, mutex: Mutex, deadline: i64) -> i64 {
        i64::from(c!(gh_cond_wait(self.0, mutex.0, deadline)))
    }

    pub fn signal(self) -> i64 {
        i64::from(c!(gh_cond_signal(self.0)))
    }

    pub fn broadcast(self) -> i64 {
        i64::from(c!(gh_cond_broadcast(self.0)))
    }
}

impl Sem {
    pub fn new(permits: u32) -> Sem {
        Sem::bounded(permits, 0)
    }

    pub fn bounded(permits: u32, most: u32) -> Sem {
        made!(Sem, gh_sem_new, permits, most)
    }

    pub fn wait(self, deadline: i64) -> i64 {
        i64::from(c!(gh_sem_wait(self.0, deadline)))
    }

    pub fn post(self) -> i64 {
        i64::from(c!(gh_sem_post(self.0)))
    }

    pub fn value(self) -> i64 {
        c!(gh_sem_value(self.0))
    }
}

impl Event {
    pub fn new(flags: u32) -> Event {
        made!(Event, gh_event_new, flags)
    }

    pub fn wait(self, deadline: i64) -> i64 {
        i64::from(c!(gh_event_wait(self.0, deadline)))
    }

    pub fn set(self) -> i64 {
        i64::from(c!(gh_event_set(self.0)))
    }

    pub fn reset(self) -> i64 {
        i64::from(c!(gh_event_reset(self.0)))
    }
}

impl Barrier {
    pub fn new(parties: u32) -> Barrier {
        made!(Barrier, gh_barrier_new, parties)
    }

    pub fn wait(self, deadline: i64) -> i64 {
        i64::from(c!(gh_barrier_wait(self.0, deadline)))
    }
}

impl WaitGroup {
    pub fn new() -> WaitGroup {
        made!(WaitGroup, gh_waitgroup_new)
    }

    pub fn of(tasks: c_int) -> WaitGroup {
        let group = WaitGroup::new();
        assert_eq!(group.add(tasks), 0);
        group
    }

    pub fn add(self, delta: c_int) -> i64 {
        i64::from(c!(gh_waitgroup_add(self.0, delta)))
    }

    pub fn done(self) -> i64 {
        i64::from(c!(gh_waitgroup_done(self.0)))
    }

    pub fn wait(self, deadline: i64) -> i64 {
        i64::from(c!(gh_waitgroup_wait(self.0, deadline)))
    }
}

unsafe extern "C" fn run_function(arg: *mut c_void) -> c_int {
    // SAFETY: `Once::run` lends the closure until it returns.
    let function = unsafe { &mut *arg.cast::<&mut dyn FnMut() -> i64>() };
    function() as c_int
}

impl Once {
    pub fn new() -> Once {
        made!(Once, gh_once_new)
    }

    /// `function` must not fail an assertion: what it returns is looked at.
    pub fn run(self, deadline: i64, mut function: impl FnMut() -> i64) -> i64 {
        let mut function: &mut dyn FnMut() -> i64 = &mut function;
        let arg = std::ptr::addr_of_mut!(function).cast();
        i64::from(c!(gh_once_run(self.0, Some(run_function), arg, deadline)))
    }
}

impl Channel {
    pub fn new(item: usize, capacity: usize) -> Channel {
        made!(Channel, gh_channel_new, item, capacity)
    }

    /// Of numbers.
    pub fn numbers(capacity: usize) -> Channel {
        Channel::new(8, capacity)
    }

    pub fn send_bytes(self, item: &[u8], deadline: i64) -> i64 {
        i64::from(c!(gh_channel_send(self.0, item.as_ptr().cast(), deadline)))
    }

    pub fn recv_bytes(self, item: &mut [u8], deadline: i64) -> i64 {
        i64::from(c!(gh_channel_recv(self.0, item.as_mut_ptr().cast(), deadline)))
    }

    pub fn send(self, number: u64, deadline: i64) -> i64 {
        self.send_bytes(&number.to_ne_bytes(), deadline)
    }

    pub fn recv(self, deadline: i64) -> Result<u64, i64> {
        let mut item = [0; 8];
        match self.recv_bytes(&mut item, deadline) {
            0 => Ok(u64::from_ne_bytes(item)),
            error => Err(error),
        }
    }

    /// The result alone.
    pub fn recv_result(self, deadline: i64) -> i64 {
        self.recv(deadline).err().unwrap_or(0)
    }

    pub fn close(self) -> i64 {
        i64::from(c!(gh_channel_close(self.0)))
    }

    pub fn len(self) -> i64 {
        c!(gh_channel_len(self.0))
    }
}

/// A case that borrows its item, as the call does. Its `result` is 1, which no call gives, until it is
/// performed.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct SelectCase<'item> {
    pub raw: gh_select_case,
    item: PhantomData<&'item u64>,
}

impl SelectCase<'_> {
    pub fn result(&self) -> i64 {
        i64::from(self.raw.result)
    }
}

fn case_of<'item>(
    op: u32,
    channel: *mut gh_channel,
    item: *mut c_void,
    fd: c_int,
) -> SelectCase<'item> {
    let raw = gh_select_case { channel, item, fd, op, result: 1, reserved: 0 };
    SelectCase { raw, item: PhantomData }
}

pub fn case_send(channel: Channel, item: &u64) -> SelectCase<'_> {
    case_of(GH_SELECT_SEND, channel.0, std::ptr::from_ref(item).cast_mut().cast(), -1)
}

pub fn case_recv(channel: Channel, item: &mut u64) -> SelectCase<'_> {
    case_of(GH_SELECT_RECV, channel.0, std::ptr::from_mut(item).cast(), -1)
}

pub fn case_read(fd: c_int) -> SelectCase<'static> {
    case_of(GH_SELECT_READ, null_mut(), null_mut(), fd)
}

pub fn case_write(fd: c_int) -> SelectCase<'static> {
    case_of(GH_SELECT_WRITE, null_mut(), null_mut(), fd)
}

pub fn case_none() -> SelectCase<'static> {
    case_of(GH_SELECT_NONE, null_mut(), null_mut(), -1)
}

pub fn select(cases: &mut [SelectCase<'_>], deadline: i64) -> i64 {
    // Transparent: the same array to C.
    i64::from(c!(gh_select(cases.as_mut_ptr().cast(), cases.len(), deadline)))
}

pub fn key_new(destructor: gh_destructor) -> gh_key {
    let mut key = 0;
    assert_eq!(c!(gh_key_new(&mut key, destructor)), 0, "gh_key_new");
    assert_ne!(key, 0);
    key
}

pub fn key_free(key: gh_key) -> i64 {
    i64::from(c!(gh_key_free(key)))
}

/// The value as a number.
pub fn local_get(key: gh_key) -> usize {
    c!(gh_local_get(key)) as usize
}

pub fn local_set(key: gh_key, value: usize) -> i64 {
    i64::from(c!(gh_local_set(key, value as *mut c_void)))
}

/// What the constructors do with a name.
pub fn mutex_new_named(name: *const c_char) -> i64 {
    let mut raw = null_mut();
    let result = i64::from(c!(gh_mutex_new(&mut raw, name, 0)));
    if result == 0 {
        Mutex(raw).end();
    }
    result
}

/// A small generator, so that a seed that fails can be run again.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// Lets every other thread run until all of them wait.
pub fn settle() {
    super::yield_now();
    while super::stats().ready > 0 {
        super::yield_now();
    }
}
