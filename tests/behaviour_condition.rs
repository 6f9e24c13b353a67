//! The condition variable: no signal is lost, and the mutex is held again whatever ended the wait.

mod common;
use common::objects::*;
use common::*;

/// A thread that waits once and says when it was woken. It waits when this returns.
fn waiter(cond: Cond, mutex: Mutex, n: usize, woken: &'static Log<usize>) -> gh_thread {
    let thread = spawn(move || {
        assert_eq!(mutex.lock(GH_NEVER), 0);
        assert_eq!(cond.wait(mutex, GH_NEVER), 0);
        woken.push(n);
        assert_eq!(mutex.unlock(), 0);
    });
    settle();
    thread
}

#[test]
fn a_signal_wakes_the_one_that_has_waited_longest() {
    with_hub(|| {
        let (cond, mutex, woken) = (Cond::new(), Mutex::new(), log());
        let threads: Vec<_> = (0..5).map(|n| waiter(cond, mutex, n, woken)).collect();
        for n in 0..5 {
            assert_eq!(cond.signal(), 0);
            settle();
            assert_eq!(woken.take(), [n]);
        }
        assert_eq!((cond.signal(), cond.broadcast()), (0, 0), "to nobody");
        join_all(threads);
        cond.end();
        mutex.end();
    });
}

#[test]
fn a_broadcast_wakes_all_of_them_in_order() {
    with_hub(|| {
        let (cond, mutex, woken) = (Cond::new(), Mutex::new(), log());
        let threads: Vec<_> = (0..20).map(|n| waiter(cond, mutex, n, woken)).collect();
        assert_eq!(mutex.lock(GH_NEVER), 0);
        assert_eq!(cond.broadcast(), 0);
        settle();
        assert_eq!(woken.len(), 0, "the mutex is held");
        assert_eq!(mutex.unlock(), 0);
        join_all(threads);
        assert_eq!(woken.take(), (0..20).collect::<Vec<_>>());
        cond.end();
        mutex.end();
    });
}

#[test]
fn a_signal_before_the_wait_is_no_signal() {
    with_hub(|| {
        let (cond, mutex) = (Cond::new(), Mutex::new());
        assert_eq!((cond.signal(), cond.broadcast()), (0, 0));
        assert_eq!(mutex.lock(GH_NEVER), 0);
        assert_eq!(cond.wait(mutex, after_ms(2)), -ETIMEDOUT);
        assert_eq!(mutex.unlock(), 0);
        cond.end();
        mutex.end();
    });
}

#[test]
fn a_change_made_under_the_mutex_is_never_missed() {
    with_hub(|| {
        let (cond, mutex, value) = (Cond::new(), Mutex::new(), cell(0));
        let consumer = spawn(move || {
            let mut seen = 0;
            while seen < 1000 {
                assert_eq!(mutex.lock(GH_NEVER), 0);
                while value.get() == seen {
                    assert_eq!(cond.wait(mutex, after_ms(20_000)), 0);
                }
                seen = value.get();
                assert_eq!(mutex.unlock(), 0);
            }
        });
        for n in 0..1000 {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            value.set(value.get() + 1);
            if n % 2 == 0 {
                assert_eq!((cond.signal(), mutex.unlock()), (0, 0));
            } else {
                assert_eq!((mutex.unlock(), cond.signal()), (0, 0));
            }
            if n % 3 == 0 {
                yield_now();
            }
        }
        join(consumer);
        cond.end();
        mutex.end();
    });
}

#[test]
fn the_mutex_is_held_again_after_a_timeout_even_if_that_takes_longer() {
    with_hub(|| {
        let (cond, mutex, holds) = (Cond::new(), Mutex::new(), cell(false));
        let thread = spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            let deadline = after_ms(3);
            assert_eq!(cond.wait(mutex, deadline), -ETIMEDOUT);
            assert!(now() >= deadline && !holds.get(), "the other one has given it up");
            assert_eq!(mutex.unlock(), 0);
        });
        yield_now();
        assert_eq!(mutex.lock(GH_NEVER), 0);
        holds.set(true);
        assert_eq!(sleep_ms(10), 0);
        holds.set(false);
        assert_eq!(mutex.unlock(), 0);
        join(thread);
        cond.end();
        mutex.end();
    });
}

#[test]
fn the_mutex_is_held_again_after_a_cancel() {
    with_hub(|| {
        for held_meanwhile in [false, true] {
            let (cond, mutex) = (Cond::new(), Mutex::new());
            let thread = spawn(move || {
                assert_eq!(mutex.lock(GH_NEVER), 0);
                assert_eq!(cond.wait(mutex, GH_NEVER), -ECANCELED);
                assert_eq!(cancel_mask(false), 0, "the mask is as it was");
                assert_eq!(cond.wait(mutex, GH_NEVER), -ECANCELED, "and nothing was given up");
                assert_eq!(mutex.unlock(), 0);
            });
            settle();
            if held_meanwhile {
                assert_eq!(mutex.lock(GH_NEVER), 0);
            }
            cancel(thread);
            settle();
            if held_meanwhile {
                assert_eq!(mutex.unlock(), 0);
            }
            join(thread);
            assert_eq!(cond.signal(), 0, "nobody waits there");
            cond.end();
            mutex.end();
        }
    });
}

#[test]
fn a_masked_wait_is_not_ended_by_a_cancel() {
    with_hub(|| {
        let (cond, mutex) = (Cond::new(), Mutex::new());
        let thread = spawn(move || {
            assert_eq!(cancel_mask(true), 0);
            assert_eq!(mutex.lock(GH_NEVER), 0);
            assert_eq!(cond.wait(mutex, GH_NEVER), 0);
            assert_eq!(mutex.unlock(), 0);
            assert_eq!(cancel_mask(false), 1);
        });
        settle();
        cancel(thread);
        settle();
        assert_eq!(cond.signal(), 0);
        join(thread);
        cond.end();
        mutex.end();
    });
}

#[test]
fn a_past_deadline_lets_others_have_the_mutex_for_a_moment() {
    with_hub(|| {
        let (cond, mutex, order) = (Cond::new(), Mutex::new(), log());
        assert_eq!(mutex.lock(GH_NEVER), 0);
        let other = spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            order.push(1);
            assert_eq!(mutex.unlock(), 0);
        });
        settle();
        assert_eq!(cond.wait(mutex, PAST), -ETIMEDOUT);
        order.push(2);
        assert_eq!(mutex.unlock(), 0);
        join(other);
        assert_eq!(order.take(), [1, 2]);
        cond.end();
        mutex.end();
    });
}

#[test]
fn who_gave_up_takes_no_signal_from_the_others() {
    with_hub(|| {
        let (cond, mutex, woken) = (Cond::new(), Mutex::new(), log());
        let late = spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            assert_eq!(cond.wait(mutex, after_ms(2)), -ETIMEDOUT);
            assert_eq!(mutex.unlock(), 0);
        });
        let cancelled = spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            assert_eq!(cond.wait(mutex, GH_NEVER), -ECANCELED);
            assert_eq!(mutex.unlock(), 0);
        });
        settle();
        let thread = waiter(cond, mutex, 7, woken);
        cancel(cancelled);
        join_all([late, cancelled]);
        assert_eq!(cond.signal(), 0);
        join(thread);
        assert_eq!(woken.take(), [7]);
        cond.end();
        mutex.end();
    });
}

#[test]
fn a_recursive_mutex_is_given_up_and_taken_back_in_full() {
    with_hub(|| {
        let (cond, mutex) = (Cond::new(), Mutex::recursive());
        let thread = spawn(move || {
            for _ in 0..3 {
                assert_eq!(mutex.lock(GH_NEVER), 0);
            }
            assert_eq!(cond.wait(mutex, GH_NEVER), 0);
            for _ in 0..3 {
                assert_eq!(mutex.unlock(), 0);
            }
            assert_eq!(mutex.unlock(), -EPERM);
        });
        settle();
        assert_eq!(mutex.lock(PAST), 0, "given up in full");
        assert_eq!(cond.signal(), 0);
        settle();
        assert_eq!(mutex.unlock(), 0);
        join(thread);
        assert_eq!(mutex.lock(PAST), 0);
        assert_eq!(mutex.unlock(), 0);
        cond.end();
        mutex.end();
    });
}

#[test]
fn the_mutex_must_be_held_and_be_one() {
    with_hub(|| {
        let (cond, mutex) = (Cond::new(), Mutex::new());
        assert_eq!(cond.wait(mutex, GH_NEVER), -EPERM);
        assert_eq!(cond.wait(Mutex::from_number(0), GH_NEVER), -EINVAL);
        assert_eq!(cond.wait(Mutex::from_number(cond.number()), GH_NEVER), -EINVAL);
        assert_eq!(mutex.lock(GH_NEVER), 0);
        join(spawn(move || assert_eq!(cond.wait(mutex, GH_NEVER), -EPERM)));
        assert_eq!(Cond::from_number(mutex.number()).wait(mutex, GH_NEVER), -EINVAL);
        assert_eq!(Cond::from_number(0).wait(mutex, GH_NEVER), -EINVAL);
        assert_eq!(mutex.unlock(), 0, "still held after each of these");
        cond.end();
        assert_eq!(mutex.lock(GH_NEVER), 0);
        assert_eq!(cond.wait(mutex, GH_NEVER), -EINVAL, "freed");
        assert_eq!(mutex.unlock(), 0);
        mutex.end();
    });
}

#[test]
fn freeing_the_condition_wakes_all_with_the_mutex_held() {
    with_hub(|| {
        let (cond, mutex) = (Cond::new(), Mutex::new());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                spawn(move || {
                    assert_eq!(mutex.lock(GH_NEVER), 0);
                    assert_eq!(cond.wait(mutex, GH_NEVER), -EIDRM);
                    assert_eq!(mutex.unlock(), 0);
                })
            })
            .collect();
        settle();
        assert_eq!(cond.free(), 0);
        assert_eq!((cond.signal(), cond.broadcast()), (-EINVAL, -EINVAL));
        join_all(threads);
        mutex.end();
    });
}

#[test]
fn freeing_the_mutex_meanwhile_is_an_error_and_no_hang() {
    with_hub(|| {
        let (cond, mutex) = (Cond::new(), Mutex::new());
        let thread = spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            assert_eq!(cond.wait(mutex, GH_NEVER), -EINVAL);
            assert_eq!(mutex.unlock(), -EINVAL);
        });
        settle();
        mutex.end();
        assert_eq!(cond.signal(), 0);
        join(thread);
        cond.end();
    });
}

#[test]
fn a_mutex_whose_owner_ended_meanwhile_is_not_taken_back() {
    with_hub(|| {
        let (cond, mutex) = (Cond::new(), Mutex::new());
        let thread = spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            assert_eq!(cond.wait(mutex, GH_NEVER), -EOWNERDEAD);
            assert_eq!(mutex.unlock(), -EPERM);
            assert_eq!(mutex.recover(), 0);
            assert_eq!(mutex.unlock(), 0);
        });
        settle();
        join(spawn(move || assert_eq!(mutex.lock(GH_NEVER), 0)));
        assert_eq!(cond.signal(), 0);
        join(thread);
        cond.end();
        mutex.end();
    });
}
