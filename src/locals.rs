//! Values that each green thread has of its own, under keys that the process shares: as
//! pthread_key_create(3) and its kin, whose values belong to OS threads.

use crate::error::{Error, Result};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is called with a value when its green thread ends.
pub(crate) type Destructor = unsafe extern "C" fn(value: *mut c_void);

/// As many as glibc's PTHREAD_KEYS_MAX.
pub(crate) const MAX_KEYS: usize = 1024;

/// Destructors may store values themselves: so often are they called again (POSIX:
/// PTHREAD_DESTRUCTOR_ITERATIONS).
pub(crate) const ROUNDS: usize = 4;

const INDEX_BITS: u32 = 10;
const _: () = assert!(MAX_KEYS == 1 << INDEX_BITS);

/// A slot and its generation, which is odd while the key exists: never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) u32);

impl Key {
    fn slot(self) -> usize {
        self.0 as usize & (MAX_KEYS - 1)
    }

    fn generation(self) -> u32 {
        self.0 >> INDEX_BITS
    }
}

/// The last one: even, so that its slot holds no key, and retired with it, so that no key is given out
/// twice.
const LAST_GENERATION: u32 = (u32::MAX >> INDEX_BITS) - 1;

/// Read without a lock by each access: a key that was freed finds nothing.
static GENERATIONS: [AtomicU32; MAX_KEYS] = [const { AtomicU32::new(0) }; MAX_KEYS];
static DESTRUCTORS: Mutex<[Option<Destructor>; MAX_KEYS]> = Mutex::new([None; MAX_KEYS]);

/// What a fork must find free in the child.
pub(crate) fn hold() -> MutexGuard<'static, [Option<Destructor>; MAX_KEYS]> {
    DESTRUCTORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a key. `EAGAIN` when there are `MAX_KEYS`.
pub(crate) fn make(destructor: Option<Destructor>) -> Result<Key> {
    let mut destructors = hold();
    let free = |generation: &AtomicU32| {
        let generation = generation.load(Ordering::Relaxed);
        generation % 2 == 0 && generation != LAST_GENERATION
    };
    let slot = GENERATIONS.iter().position(free).ok_or(Error::EAGAIN)?;
    destructors[slot] = destructor;
    let generation = GENERATIONS[slot].load(Ordering::Relaxed) + 1;
    GENERATIONS[slot].store(generation, Ordering::Release);
    Ok(Key(generation << INDEX_BITS | slot as u32))
}

/// Frees a key. Its values are forgotten, their destructors not called.
pub(crate) fn free(key: Key) -> Result<()> {
    let _destructors = hold();
    check(key)?;
    GENERATIONS[key.slot()].store(key.generation() + 1, Ordering::Release);
    Ok(())
}

/// `EINVAL` for a key that does not exist (any more).
#[inline]
pub(crate) fn check(key: Key) -> Result<()> {
    let generation = GENERATIONS[key.slot()].load(Ordering::Acquire);
    if generation % 2 == 0 || generation != key.generation() {
        return Err(Error::EINVAL);
    }
    Ok(())
}

/// One green thread's values, by slot, each with the key that it was stored under.
#[derive(Debug, Default)]
pub(crate) struct Locals(Vec<(Key, *mut c_void)>);

impl Locals {
    #[inline]
    pub(crate) fn get(&self, key: Key) -> *mut c_void {
        match self.0.get(key.slot()) {
            Some(&(stored, value)) if stored == key => value,
            _ => ptr::null_mut(),
        }
    }

    pub(crate) fn set(&mut self, key: Key, value: *mut c_void) {
        if self.0.len() <= key.slot() {
            self.0.resize(key.slot() + 1, (Key(0), ptr::null_mut()));
        }
        self.0[key.slot()] = (key, value);
    }

    /// Takes the first value from a slot on that is not null and whose key has a destructor, and tells
    /// its slot. What nobody destroys stays, for destructors to find.
    pub(crate) fn take(&mut self, from: usize) -> Option<(usize, Destructor, *mut c_void)> {
        for (slot, (key, value)) in self.0.iter_mut().enumerate().skip(from) {
            if value.is_null() {
                continue;
            }
            let destructors = hold();
            if check(*key).is_err() {
                continue;
            }
            if let Some(destructor) = destructors[slot] {
                return Some((slot, destructor, std::mem::replace(value, ptr::null_mut())));
            }
        }
        None
    }
}
