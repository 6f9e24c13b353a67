//! The mutex: one owner at a time, the order of arrival, and what becomes of it when its owner ends.

mod common;
use common::objects::*;
use common::*;

/// Threads that lock in turn, note their number and unlock. All of them wait when this returns.
fn contenders(mutex: Mutex, count: usize, order: &'static Log<usize>) -> Vec<gh_thread> {
    let threads = (0..count)
        .map(|n| {
            spawn(move || {
                assert_eq!(mutex.lock(GH_NEVER), 0);
                order.push(n);
                yield_now();
                assert_eq!(mutex.unlock(), 0);
            })
        })
        .collect();
    settle();
    threads
}

#[test]
fn nobody_else_is_inside_while_it_is_held() {
    with_hub(|| {
        let (mutex, inside, entered) = (Mutex::new(), cell(0), cell(0));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                spawn(move || {
                    for _ in 0..20 {
                        assert_eq!(mutex.lock(GH_NEVER), 0);
                        inside.set(inside.get() + 1);
                        assert_eq!(inside.get(), 1);
                        yield_now();
                        inside.set(inside.get() - 1);
                        entered.set(entered.get() + 1);
                        assert_eq!(mutex.unlock(), 0);
                    }
                })
            })
            .collect();
        join_all(threads);
        assert_eq!(entered.get(), 400);
        mutex.end();
    });
}

#[test]
fn it_is_handed_over_in_the_order_of_arrival_and_nobody_overtakes() {
    with_hub(|| {
        let (mutex, order) = (Mutex::new(), log());
        assert_eq!(mutex.lock(GH_NEVER), 0);
        let threads = contenders(mutex, 50, order);
        assert_eq!(mutex.unlock(), 0);
        // It belongs to the first of them, though that one has not run yet.
        assert_eq!(mutex.lock(PAST), -ETIMEDOUT);
        assert_eq!(mutex.unlock(), -EPERM);
        assert_eq!(mutex.lock(GH_NEVER), 0);
        assert_eq!(order.take(), (0..50).collect::<Vec<_>>(), "the root came last");
        assert_eq!(mutex.unlock(), 0);
        join_all(threads);
        mutex.end();
    });
}

#[test]
fn a_past_deadline_takes_a_free_one_and_leaves_a_held_one() {
    with_hub(|| {
        let mutex = Mutex::new();
        for deadline in [PAST, -1, i64::MIN, now()] {
            assert_eq!(mutex.lock(deadline), 0);
            join(spawn(move || assert_eq!(mutex.lock(deadline), -ETIMEDOUT)));
            assert_eq!(mutex.unlock(), 0);
        }
        mutex.end();
    });
}

#[test]
fn who_gave_up_leaves_its_place_and_nothing_else() {
    with_hub(|| {
        let (mutex, order) = (Mutex::new(), log());
        assert_eq!(mutex.lock(GH_NEVER), 0);
        let first = contenders(mutex, 1, order);
        let late = spawn(move || assert_eq!(mutex.lock(after_ms(3)), -ETIMEDOUT));
        let cancelled = spawn(move || assert_eq!(mutex.lock(GH_NEVER), -ECANCELED));
        settle();
        let last = contenders(mutex, 2, order);
        cancel(cancelled);
        join_all([late, cancelled]);
        assert_eq!(mutex.unlock(), 0);
        join_all(first.into_iter().chain(last));
        assert_eq!(order.take(), [0, 0, 1]);
        assert_eq!(mutex.lock(PAST), 0, "free again");
        mutex.end();
    });
}

#[test]
fn a_mutex_that_came_together_with_the_cancel_is_held() {
    with_hub(|| {
        for cancel_first in [false, true] {
            let mutex = Mutex::new();
            assert_eq!(mutex.lock(GH_NEVER), 0);
            let thread = spawn(move || {
                let result = mutex.lock(GH_NEVER);
                assert_eq!(yield_now(), -ECANCELED);
                // One or the other, and never half of both.
                assert_eq!(mutex.unlock(), if result == 0 { 0 } else { -EPERM });
            });
            settle();
            if cancel_first {
                assert_eq!((cancel(thread), mutex.unlock()), (0, 0));
            } else {
                assert_eq!((mutex.unlock(), cancel(thread)), (0, 0));
            }
            join(thread);
            assert_eq!(mutex.lock(PAST), 0, "free after both");
            mutex.end();
        }
    });
}

#[test]
fn only_the_owner_unlocks_it_and_not_twice() {
    with_hub(|| {
        let mutex = Mutex::new();
        assert_eq!(mutex.unlock(), -EPERM, "free");
        assert_eq!(mutex.lock(GH_NEVER), 0);
        join(spawn(move || assert_eq!(mutex.unlock(), -EPERM)));
        on_another_os_thread(move || assert_eq!(mutex.unlock(), -EPERM));
        assert_eq!(mutex.lock(GH_NEVER), -EDEADLK);
        assert_eq!(mutex.lock(PAST), -EDEADLK);
        assert_eq!(mutex.recover(), -EINVAL, "its owner lives");
        assert_eq!(mutex.unlock(), 0);
        assert_eq!(mutex.unlock(), -EPERM);
        mutex.end();
    });
}

#[test]
fn a_cancelled_owner_can_still_unlock() {
    with_hub(|| {
        let mutex = Mutex::new();
        join(spawn(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            assert_eq!(cancel(self_id()), 0);
            assert_eq!(mutex.lock(GH_NEVER), -ECANCELED);
            assert_eq!(mutex.unlock(), 0);
        }));
        assert_eq!(mutex.lock(PAST), 0);
        assert_eq!(mutex.unlock(), 0);
        mutex.end();
    });
}

#[test]
fn a_recursive_one_is_free_after_as_many_unlocks() {
    with_hub(|| {
        let (mutex, order) = (Mutex::recursive(), log());
        for _ in 0..100 {
            assert_eq!(mutex.lock(PAST), 0);
        }
        let waiting = contenders(mutex, 3, order);
        for left in (0..100).rev() {
            join(spawn(move || assert_eq!(mutex.unlock(), -EPERM)));
            assert_eq!(mutex.unlock(), 0);
            let taken = join_quietly(mutex);
            assert_eq!(taken, -ETIMEDOUT, "{left} left, or others wait");
            assert_eq!(order.len() > 0, left == 0);
        }
        join_all(waiting);
        assert_eq!(order.take(), [0, 1, 2]);
        mutex.end();
    });
}

/// What another thread gets that tries the mutex once. Others run meanwhile.
fn join_quietly(mutex: Mutex) -> i64 {
    let result = cell(1);
    join(spawn(move || {
        result.set(mutex.lock(PAST));
        if result.get() == 0 {
            assert_eq!(mutex.unlock(), 0);
        }
    }));
    result.get()
}

#[test]
fn when_its_owner_ends_all_are_told_until_one_recovers_it() {
    with_hub(|| {
        for mutex in [Mutex::new(), Mutex::recursive()] {
            let owner = spawn(move || {
                assert_eq!(mutex.lock(GH_NEVER), 0);
                settle_in_green();
            });
            yield_now();
            let waiters: Vec<_> = (0..3)
                .map(|_| spawn(move || assert_eq!(mutex.lock(GH_NEVER), -EOWNERDEAD)))
                .collect();
            join_all(waiters);
            join(owner);
            for deadline in [PAST, GH_NEVER] {
                assert_eq!(mutex.lock(deadline), -EOWNERDEAD, "it is not taken by that");
            }
            assert_eq!(mutex.unlock(), -EPERM);
            assert_eq!(mutex.recover(), 0);
            assert_eq!(mutex.recover(), -EINVAL);
            assert_eq!(join_quietly(mutex), -ETIMEDOUT, "held by who recovered it");
            assert_eq!(mutex.unlock(), 0);
            assert_eq!(join_quietly(mutex), 0, "as new");
            mutex.end();
        }
    });
}

/// Gives the threads that were spawned meanwhile the time to queue.
fn settle_in_green() {
    for _ in 0..5 {
        yield_now();
    }
}

#[test]
fn an_owner_that_ended_with_several_leaves_each_of_them_to_be_recovered() {
    with_hub(|| {
        let mutexes: Vec<Mutex> = (0..10).map(|_| Mutex::new()).collect();
        let held = mutexes.clone();
        join(spawn(move || {
            for mutex in held {
                assert_eq!(mutex.lock(GH_NEVER), 0);
            }
        }));
        for mutex in mutexes {
            assert_eq!(mutex.lock(GH_NEVER), -EOWNERDEAD);
            assert_eq!(mutex.recover(), 0);
            assert_eq!(mutex.unlock(), 0);
            mutex.end();
        }
    });
}

#[test]
fn a_root_that_frees_its_hub_is_an_owner_that_ended() {
    let _watchdog = watchdog();
    for free in [true, false] {
        let mutex = Mutex::new();
        on_another_os_thread(move || {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            if free {
                assert_eq!(free_hub(), 0);
            }
        });
        assert_eq!(mutex.lock(after_ms(20_000)), -EOWNERDEAD);
        assert_eq!(mutex.recover(), 0);
        mutex.end();
    }
    assert_eq!(free_hub(), 0);
}

#[test]
fn an_os_thread_that_leaves_waiting_threads_behind_is_an_owner_that_ended() {
    let _watchdog = watchdog();
    let (of_root, of_green) = (Mutex::new(), Mutex::new());
    on_another_os_thread(move || {
        assert_eq!(of_root.lock(GH_NEVER), 0);
        spawn(move || {
            assert_eq!(of_green.lock(GH_NEVER), 0);
            sleep_until(GH_NEVER);
        });
        yield_now();
    });
    for mutex in [of_root, of_green] {
        assert_eq!(mutex.lock(after_ms(20_000)), -EOWNERDEAD);
        mutex.end();
    }
    assert_eq!(free_hub(), 0);
}

#[test]
fn nothing_is_handed_to_threads_that_their_os_thread_left_behind() {
    with_hub(|| {
        let (mutex, sem, channel) = (Mutex::new(), Sem::new(0), Channel::numbers(1));
        assert_eq!(mutex.lock(GH_NEVER), 0);
        on_another_os_thread(move || {
            spawn(move || assert_eq!(mutex.lock(GH_NEVER), i64::MAX, "never comes back"));
            spawn(move || assert_eq!(sem.wait(GH_NEVER), i64::MAX));
            spawn(move || assert_eq!(channel.recv_result(GH_NEVER), i64::MAX));
            settle();
        });
        assert_eq!((mutex.unlock(), sem.post(), channel.send(5, PAST)), (0, 0, 0));
        assert_eq!((mutex.lock(PAST), sem.wait(PAST), channel.recv(PAST)), (0, 0, Ok(5)));
        mutex.end();
        sem.end();
        channel.end();
    });
}

#[test]
fn two_threads_that_lock_in_opposite_order_are_told_and_shown() {
    with_hub(|| {
        let (first, second) = (Mutex::named("the fork"), Mutex::named("the spoon"));
        let lock_both = |name, one: Mutex, other: Mutex, expected| {
            spawn_named(name, move || {
                assert_eq!(one.lock(GH_NEVER), 0);
                yield_now();
                assert_eq!(other.lock(GH_NEVER), expected);
                if expected == 0 {
                    assert_eq!(other.unlock(), 0);
                }
                assert_eq!(one.unlock(), 0);
            })
        };
        let plato = lock_both("plato", first, second, -ECANCELED);
        let kant = lock_both("kant", second, first, 0);
        assert_eq!(run(), GH_EDEADLOCK);
        assert_eq!(join_until(kant, GH_NEVER), GH_EDEADLOCK, "the root is told too");
        let text = dump();
        for (name, id, waits, holds) in
            [("plato", plato, "the spoon", "the fork"), ("kant", kant, "the fork", "the spoon")]
        {
            let other = if name == "plato" { "kant" } else { "plato" };
            let line = text
                .lines()
                .find(|line| line.trim_start().starts_with(&format!("{id} \"{name}\":")))
                .unwrap_or_else(|| panic!("no line for {name} in\n{text}"));
            let (wait, hold) = line.split_once(", holds").unwrap_or_else(|| panic!("{line}"));
            assert!(wait.contains(waits) && wait.contains(other), "{line}");
            assert!(hold.contains(holds) && !hold.contains(waits), "{line}");
        }
        assert_eq!(cancel(plato), 0);
        join_all([plato, kant]);
        first.end();
        second.end();
    });
}

#[test]
fn the_root_is_told_when_it_and_a_thread_lock_in_opposite_order() {
    with_hub(|| {
        let (first, second) = (Mutex::new(), Mutex::new());
        assert_eq!(first.lock(GH_NEVER), 0);
        let thread = spawn(move || {
            assert_eq!(second.lock(GH_NEVER), 0);
            assert_eq!(first.lock(GH_NEVER), 0);
            assert_eq!((first.unlock(), second.unlock()), (0, 0));
        });
        yield_now();
        assert_eq!(second.lock(GH_NEVER), GH_EDEADLOCK);
        assert_eq!(second.unlock(), -EPERM, "not taken by that");
        assert_eq!(first.unlock(), 0);
        join(thread);
        first.end();
        second.end();
    });
}

#[test]
fn a_wait_with_a_deadline_is_no_deadlock() {
    with_hub(|| {
        let (first, second) = (Mutex::new(), Mutex::new());
        assert_eq!(first.lock(GH_NEVER), 0);
        let thread = spawn(move || {
            assert_eq!(second.lock(GH_NEVER), 0);
            assert_eq!(first.lock(after_ms(5)), -ETIMEDOUT);
            assert_eq!(second.unlock(), 0);
        });
        yield_now();
        assert_eq!(second.lock(GH_NEVER), 0);
        assert_eq!((first.unlock(), second.unlock()), (0, 0));
        join(thread);
        first.end();
        second.end();
    });
}

#[test]
fn freeing_a_held_one_ends_its_waits_and_is_the_owners_loss() {
    with_hub(|| {
        let mutex = Mutex::recursive();
        assert_eq!((mutex.lock(GH_NEVER), mutex.lock(GH_NEVER)), (0, 0));
        let waiters: Vec<_> =
            (0..3).map(|_| spawn(move || assert_eq!(mutex.lock(GH_NEVER), -EIDRM))).collect();
        settle();
        assert_eq!(mutex.free(), 0);
        join_all(waiters);
        assert_eq!(mutex.unlock(), -EINVAL);
        assert_eq!(mutex.lock(GH_NEVER), -EINVAL);
        assert_eq!(mutex.recover(), -EINVAL);
        assert_eq!(mutex.free(), -EINVAL);
        let another = Mutex::new();
        assert_ne!(another, mutex, "a handle is not given out again");
        assert!(!dump().contains("holds"), "what was freed is held by nobody");
        another.end();
    });
}
