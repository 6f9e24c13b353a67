//! Values under keys: each green thread's own, destroyed when it ends, forgotten with their key.

mod common;
use common::objects::*;
use common::*;

thread_local! {
    /// What destructors saw, in order.
    static SEEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// A key that destructors work with.
    static KEY: Cell<gh_key> = const { Cell::new(0) };
}

fn seen() -> Vec<usize> {
    SEEN.take()
}

unsafe extern "C" fn note(value: *mut c_void) {
    SEEN.with_borrow_mut(|seen| seen.push(value as usize));
}

#[test]
fn each_thread_has_a_value_of_its_own() {
    with_hub(|| {
        let (key, other) = (key_new(None), key_new(None));
        assert_eq!((local_get(key), local_set(key, 1000), local_get(key)), (0, 0, 1000));
        let threads: Vec<_> = (1..20)
            .map(|n| {
                spawn(move || {
                    assert_eq!(local_get(key), 0, "nothing at first");
                    assert_eq!((local_set(key, n), local_set(other, 100 + n)), (0, 0));
                    for _ in 0..3 {
                        yield_now();
                        assert_eq!((local_get(key), local_get(other)), (n, 100 + n));
                    }
                    assert_eq!((local_set(key, 0), local_get(key)), (0, 0));
                })
            })
            .collect();
        join_all(threads);
        on_another_os_thread(move || assert_eq!(local_get(key), 0));
        assert_eq!((local_get(key), local_get(other)), (1000, 0));
        assert_eq!((key_free(key), key_free(other)), (0, 0));
    });
}

#[test]
fn destructors_are_called_with_what_is_there_at_the_end() {
    with_hub(|| {
        let (key, other, plain) = (key_new(Some(note)), key_new(Some(note)), key_new(None));
        let thread = spawn(move || {
            local_set(key, 1);
            local_set(key, 2);
            local_set(other, 3);
            local_set(other, 0);
            local_set(plain, 4);
            assert_eq!(seen(), [], "not by storing another");
        });
        join(thread);
        assert_eq!(seen(), [2]);
        join(spawn(|| ()));
        assert_eq!(seen(), []);
        for key in [key, other, plain] {
            assert_eq!(key_free(key), 0);
        }
    });
}

unsafe extern "C" fn store_again(value: *mut c_void) {
    SEEN.with_borrow_mut(|seen| seen.push(value as usize));
    // Bounded, so that a library that calls it for ever fails the test and does not hang it.
    if value as usize <= 100 {
        local_set(KEY.get(), value as usize + 1);
    }
}

#[test]
fn a_destructor_that_stores_again_is_called_four_times() {
    with_hub(|| {
        let key = key_new(Some(store_again));
        KEY.set(key);
        join(spawn(move || {
            local_set(key, 1);
        }));
        assert_eq!(seen(), [1, 2, 3, 4]);
        assert_eq!(key_free(key), 0);
    });
}

unsafe extern "C" fn store_under_another(value: *mut c_void) {
    SEEN.with_borrow_mut(|seen| seen.push(value as usize));
    local_set(KEY.get(), 7);
}

#[test]
fn a_value_that_a_destructor_stores_under_an_earlier_key_is_destroyed_too() {
    with_hub(|| {
        let (first, second) = (key_new(Some(note)), key_new(Some(store_under_another)));
        KEY.set(first);
        join(spawn(move || {
            local_set(second, 1);
        }));
        assert_eq!(seen(), [1, 7]);
        assert_eq!((key_free(first), key_free(second)), (0, 0));
    });
}

unsafe extern "C" fn look_at_another(_: *mut c_void) {
    SEEN.with_borrow_mut(|seen| seen.push(local_get(KEY.get())));
}

#[test]
fn a_destructor_finds_the_values_that_nobody_destroys() {
    with_hub(|| {
        let (plain, key) = (key_new(None), key_new(Some(look_at_another)));
        KEY.set(plain);
        join(spawn(move || {
            local_set(plain, 5);
            local_set(key, 1);
        }));
        assert_eq!(seen(), [5]);
        assert_eq!((key_free(plain), key_free(key)), (0, 0));
    });
}

unsafe extern "C" fn sleep_and_note(value: *mut c_void) {
    let result = sleep_ms(2);
    SEEN.with_borrow_mut(|seen| seen.push(if result == 0 { value as usize } else { 0 }));
}

#[test]
fn a_destructor_may_suspend_and_the_join_waits_for_it() {
    with_hub(|| {
        let key = key_new(Some(sleep_and_note));
        let thread = spawn(move || {
            local_set(key, 9);
        });
        let other = spawn(|| assert_eq!(seen(), [], "others run meanwhile"));
        join(other);
        join(thread);
        assert_eq!(seen(), [9]);
        assert_eq!(key_free(key), 0);
    });
}

#[test]
fn a_destructor_of_a_cancelled_thread_is_called_and_told() {
    with_hub(|| {
        let key = key_new(Some(sleep_and_note));
        let thread = spawn(move || {
            local_set(key, 9);
            sleep_until(GH_NEVER);
        });
        settle();
        cancel(thread);
        join(thread);
        assert_eq!(seen(), [0], "its sleep was refused");
        assert_eq!(key_free(key), 0);
    });
}

#[test]
fn values_of_a_freed_key_are_forgotten() {
    with_hub(|| {
        let key = key_new(Some(note));
        assert_eq!(local_set(key, 1), 0);
        let thread = spawn(move || {
            local_set(key, 2);
            yield_now();
            assert_eq!((local_get(key), local_set(key, 3)), (0, -EINVAL));
        });
        yield_now();
        assert_eq!(key_free(key), 0);
        assert_eq!((key_free(key), local_get(key), local_set(key, 1)), (-EINVAL, 0, -EINVAL));
        let next = key_new(Some(note));
        assert_ne!(next, key, "a key is not given out again");
        assert_eq!(local_get(next), 0, "nor what was stored under it");
        join(thread);
        assert_eq!(seen(), []);
        assert_eq!(key_free(next), 0);
    });
}

#[test]
fn keys_that_never_were_and_null_are_refused() {
    with_hub(|| {
        for key in [0, 1, 1023, 1024, 1 << 31, u32::MAX] {
            assert_eq!((local_get(key), local_set(key, 1), key_free(key)), (0, -EINVAL, -EINVAL));
        }
        assert_eq!(i64::from(c!(gh_key_new(null_mut(), None))), -EINVAL);
    });
}

#[test]
fn a_callback_has_no_values() {
    with_hub(|| {
        let (key, results) = (key_new(Some(note)), log());
        local_set(key, 1);
        timer_start(PAST, 0, move || {
            results.push((local_get(key) as i64, local_set(key, 2)));
            let made = key_new(None);
            results.push((0, key_free(made)));
        });
        assert_eq!(sleep_ms(2), 0);
        assert_eq!(results.take(), [(0, GH_ENOTGREEN), (0, 0)]);
        assert_eq!((local_get(key), local_set(key, 0), key_free(key)), (1, 0, 0));
    });
}

#[test]
fn a_roots_values_go_with_its_hub() {
    let _watchdog = watchdog();
    let key = key_new(Some(sleep_and_note));
    assert_eq!(local_set(key, 11), 0);
    let mut thread = 0;
    assert_eq!(c!(gh_spawn(&mut thread, null(), Some(masked_sleep), null_mut())), 0);
    yield_now();
    assert_eq!(i64::from(c!(gh_hub_free(hub(), PAST))), -EBUSY);
    assert_eq!((seen().len(), local_get(key)), (0, 11), "not by a failure");
    assert_eq!(free_hub(), 0);
    assert_eq!(seen(), [11]);
    assert_eq!(local_get(key), 0, "a new hub, a new root");
    assert_eq!((key_free(key), free_hub()), (0, 0));
}

unsafe extern "C" fn masked_sleep(_: *mut c_void) -> *mut c_void {
    cancel_mask(true);
    sleep_ms(10);
    null_mut()
}

unsafe extern "C" fn free_the_hub(value: *mut c_void) {
    let freed = free_hub();
    let spawned = c!(gh_spawn(null_mut(), null(), Some(masked_sleep), null_mut()));
    SEEN.with_borrow_mut(|seen| {
        seen.push(value as usize);
        seen.push(usize::from(freed == -EBUSY && i64::from(spawned) == -ECANCELED));
    });
}

#[test]
fn a_roots_destructor_may_not_free_the_hub_again_nor_fill_it() {
    let _watchdog = watchdog();
    let key = key_new(Some(free_the_hub));
    assert_eq!(local_set(key, 12), 0);
    assert_eq!(free_hub(), 0);
    assert_eq!(seen(), [12, 1]);
    assert_eq!(key_free(key), 0);
}

#[test]
fn a_roots_values_go_with_its_os_thread() {
    static ENDED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    unsafe extern "C" fn at_end(value: *mut c_void) {
        let refused = free_hub() == -EBUSY;
        ENDED.fetch_add(
            if refused { value as usize } else { 1 },
            std::sync::atomic::Ordering::SeqCst,
        );
    }
    let _watchdog = watchdog();
    let key = key_new(Some(at_end));
    on_another_os_thread(move || assert_eq!(local_set(key, 100), 0));
    // The scope's end is not yet the OS thread's: its thread-local values go after it.
    while ENDED.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(ENDED.load(std::sync::atomic::Ordering::SeqCst), 100);
    assert_eq!(key_free(key), 0);
}

#[test]
fn a_key_is_not_given_out_again_however_many_were_made() {
    with_hub(|| {
        let first = key_new(None);
        assert_eq!((local_set(first, 1), key_free(first)), (0, 0));
        // More than a slot's generations, half of which belong to keys.
        for _ in 0..(1 << 21) + 10 {
            let key = key_new(None);
            assert_ne!(key, first);
            assert_eq!(key_free(key), 0);
        }
        assert_eq!((local_get(first), key_free(first)), (0, -EINVAL));
    });
}
