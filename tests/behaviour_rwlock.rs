//! The read-write lock: many readers or one writer, nobody starves, nobody who gave up is in the way.

mod common;
use common::objects::*;
use common::*;

fn reader(lock: RwLock, n: usize, order: &'static Log<(char, usize)>) -> gh_thread {
    spawn(move || {
        assert_eq!(lock.read(GH_NEVER), 0);
        order.push(('r', n));
        yield_now();
        assert_eq!(lock.unlock(), 0);
    })
}

fn writer(lock: RwLock, n: usize, order: &'static Log<(char, usize)>) -> gh_thread {
    spawn(move || {
        assert_eq!(lock.write(GH_NEVER), 0);
        order.push(('w', n));
        yield_now();
        order.push(('e', n));
        assert_eq!(lock.unlock(), 0);
    })
}

#[test]
fn readers_share_and_writers_do_not() {
    with_hub(|| {
        let (lock, readers, most) = (RwLock::new(), cell(0), cell(0));
        let writing = cell(false);
        let threads: Vec<_> = (0..40)
            .map(|n| {
                spawn(move || {
                    for _ in 0..10 {
                        if n % 4 == 0 {
                            assert_eq!(lock.write(GH_NEVER), 0);
                            assert!(!writing.replace(true) && readers.get() == 0);
                            yield_now();
                            writing.set(false);
                        } else {
                            assert_eq!(lock.read(GH_NEVER), 0);
                            readers.set(readers.get() + 1);
                            most.set(readers.get().max(most.get()));
                            assert!(!writing.get());
                            yield_now();
                            readers.set(readers.get() - 1);
                        }
                        assert_eq!(lock.unlock(), 0);
                        yield_now();
                    }
                })
            })
            .collect();
        join_all(threads);
        assert!(most.get() > 1, "readers were inside together");
        assert_eq!(lock.write(PAST), 0, "free in the end");
        assert_eq!(lock.unlock(), 0);
        lock.end();
    });
}

#[test]
fn who_comes_behind_a_waiting_writer_waits_behind_it() {
    with_hub(|| {
        let (lock, order) = (RwLock::new(), log());
        assert_eq!(lock.read(GH_NEVER), 0);
        let threads = [
            writer(lock, 0, order),
            reader(lock, 0, order),
            reader(lock, 1, order),
            writer(lock, 1, order),
            reader(lock, 2, order),
        ];
        settle();
        assert_eq!(order.len(), 0, "the readers do not pass the writer");
        assert_eq!(lock.read(PAST), -ETIMEDOUT, "nor does one that tries");
        assert_eq!(lock.unlock(), 0);
        join_all(threads);
        let expected = [('w', 0), ('e', 0), ('r', 0), ('r', 1), ('w', 1), ('e', 1), ('r', 2)];
        assert_eq!(order.take(), expected);
        lock.end();
    });
}

#[test]
fn a_writer_is_not_starved_by_readers_that_keep_coming() {
    with_hub(|| {
        let (lock, end) = (RwLock::new(), cell(false));
        // Two that overlap: without a rule the lock would never be free of readers.
        let readers: Vec<_> = (0..2)
            .map(|_| {
                spawn(move || {
                    while !end.get() {
                        assert_eq!(lock.read(GH_NEVER), 0);
                        yield_now();
                        yield_now();
                        assert_eq!(lock.unlock(), 0);
                    }
                })
            })
            .collect();
        yield_now();
        for _ in 0..50 {
            assert_eq!(lock.write(after_ms(20_000)), 0);
            assert_eq!(lock.unlock(), 0);
        }
        end.set(true);
        join_all(readers);
        lock.end();
    });
}

#[test]
fn readers_behind_a_writer_that_gave_up_go_on() {
    with_hub(|| {
        let (lock, order) = (RwLock::new(), log());
        assert_eq!(lock.read(GH_NEVER), 0);
        for by_cancel in [false, true] {
            let (deadline, expected) =
                if by_cancel { (GH_NEVER, -ECANCELED) } else { (after_ms(3), -ETIMEDOUT) };
            let writer = spawn(move || assert_eq!(lock.write(deadline), expected));
            yield_now();
            let readers = [reader(lock, 0, order), reader(lock, 1, order)];
            settle();
            assert_eq!(order.len(), 0);
            if by_cancel {
                cancel(writer);
            }
            join(writer);
            join_all(readers);
            assert_eq!(order.take(), [('r', 0), ('r', 1)], "while the root still reads");
        }
        assert_eq!(lock.unlock(), 0);
        assert_eq!(lock.write(PAST), 0);
        assert_eq!(lock.unlock(), 0);
        lock.end();
    });
}

#[test]
fn readers_that_gave_up_do_not_hold_a_writer_up() {
    with_hub(|| {
        let (lock, order) = (RwLock::new(), log());
        assert_eq!(lock.write(GH_NEVER), 0);
        let late = spawn(move || assert_eq!(lock.read(after_ms(3)), -ETIMEDOUT));
        let cancelled = spawn(move || assert_eq!(lock.read(GH_NEVER), -ECANCELED));
        settle();
        let writer = writer(lock, 0, order);
        settle();
        cancel(cancelled);
        join_all([late, cancelled]);
        assert_eq!(lock.unlock(), 0);
        join(writer);
        assert_eq!(order.take(), [('w', 0), ('e', 0)]);
        assert_eq!(lock.write(PAST), 0, "no reader is counted that was none");
        assert_eq!(lock.unlock(), 0);
        lock.end();
    });
}

#[test]
fn past_deadlines_try_once() {
    with_hub(|| {
        let lock = RwLock::new();
        assert_eq!((lock.read(PAST), lock.read(i64::MIN)), (0, 0));
        assert_eq!(lock.write(PAST), -ETIMEDOUT);
        assert_eq!((lock.unlock(), lock.unlock()), (0, 0));
        assert_eq!(lock.write(PAST), 0);
        join(spawn(move || {
            assert_eq!((lock.read(PAST), lock.write(-1)), (-ETIMEDOUT, -ETIMEDOUT));
        }));
        assert_eq!(lock.unlock(), 0);
        lock.end();
    });
}

#[test]
fn a_writer_alone_may_unlock_and_may_not_lock_again() {
    with_hub(|| {
        let lock = RwLock::new();
        assert_eq!(lock.unlock(), -EPERM, "held by nobody");
        assert_eq!(lock.write(GH_NEVER), 0);
        assert_eq!((lock.write(GH_NEVER), lock.read(GH_NEVER)), (-EDEADLK, -EDEADLK));
        join(spawn(move || assert_eq!(lock.unlock(), -EPERM)));
        on_another_os_thread(move || assert_eq!(lock.unlock(), -EPERM));
        assert_eq!(lock.recover(), -EINVAL);
        assert_eq!(lock.unlock(), 0);
        assert_eq!(lock.unlock(), -EPERM);
        lock.end();
    });
}

#[test]
fn a_reader_gives_up_what_it_holds_and_nobody_elses() {
    with_hub(|| {
        let lock = RwLock::new();
        let reader = spawn(move || {
            assert_eq!((lock.read(GH_NEVER), lock.read(GH_NEVER)), (0, 0));
            assert_eq!(yield_now(), 0);
            assert_eq!(lock.write(GH_NEVER), -EDEADLK, "it would wait for itself");
            assert_eq!((lock.unlock(), lock.write(after_ms(20_000))), (0, -EDEADLK));
            assert_eq!((lock.unlock(), lock.unlock()), (0, -EPERM));
        });
        yield_now();
        assert_eq!(lock.unlock(), -EPERM);
        on_another_os_thread(move || assert_eq!(lock.unlock(), -EPERM));
        join(reader);
        assert_eq!((lock.write(PAST), lock.unlock()), (0, 0));
        lock.end();
    });
}

#[test]
fn when_a_reader_ends_with_it_all_are_told_until_one_recovers_it() {
    with_hub(|| {
        let lock = RwLock::new();
        let owner = spawn(move || {
            assert_eq!((lock.read(GH_NEVER), lock.read(GH_NEVER)), (0, 0));
            assert_eq!((lock.unlock(), sleep_ms(3)), (0, 0));
        });
        yield_now();
        let waiters = [
            spawn(move || assert_eq!(lock.write(GH_NEVER), -EOWNERDEAD)),
            spawn(move || assert_eq!(lock.read(GH_NEVER), -EOWNERDEAD)),
        ];
        join(owner);
        join_all(waiters);
        assert_eq!((lock.read(PAST), lock.write(GH_NEVER)), (-EOWNERDEAD, -EOWNERDEAD));
        assert_eq!((lock.unlock(), lock.recover(), lock.recover()), (-EPERM, 0, -EINVAL));
        assert_eq!((lock.unlock(), lock.read(PAST), lock.unlock()), (0, 0, 0));
        lock.end();
    });
}

#[test]
fn a_lock_in_which_a_reader_ended_is_recovered_when_the_others_have_left() {
    with_hub(|| {
        let lock = RwLock::new();
        assert_eq!(lock.read(GH_NEVER), 0);
        join(spawn(move || assert_eq!(lock.read(GH_NEVER), 0)));
        join(spawn(move || {
            assert_eq!((lock.read(PAST), lock.unlock()), (0, 0), "it still guards")
        }));
        let waiters = [
            spawn(move || assert_eq!(lock.write(GH_NEVER), -EOWNERDEAD)),
            spawn(move || assert_eq!(lock.read(GH_NEVER), -EOWNERDEAD)),
        ];
        settle();
        assert_eq!(lock.recover(), -EINVAL, "nobody writes beside a reader");
        assert_eq!(lock.unlock(), 0);
        join_all(waiters);
        assert_eq!((lock.recover(), lock.unlock(), lock.write(PAST), lock.unlock()), (0, 0, 0, 0));
        lock.end();
    });
}

#[test]
fn readers_whose_os_thread_ends_have_ended_with_it() {
    let _watchdog = watchdog();
    let (of_root, of_green, of_waiter) = (RwLock::new(), RwLock::new(), RwLock::new());
    assert_eq!(of_waiter.write(GH_NEVER), 0);
    on_another_os_thread(move || {
        assert_eq!(of_root.read(GH_NEVER), 0);
        spawn(move || {
            assert_eq!(of_green.read(GH_NEVER), 0);
            sleep_until(GH_NEVER);
        });
        spawn(move || assert_eq!(of_waiter.read(GH_NEVER), i64::MAX, "never comes back"));
        settle();
    });
    for lock in [of_root, of_green] {
        assert_eq!(lock.write(after_ms(20_000)), -EOWNERDEAD);
        lock.end();
    }
    assert_eq!((of_waiter.unlock(), of_waiter.write(after_ms(20_000))), (0, 0), "not handed there");
    of_waiter.end();
    assert_eq!(free_hub(), 0);
}

#[test]
fn readers_and_writers_that_lock_in_opposite_order_are_told_and_shown() {
    with_hub(|| {
        let (first, second) = (RwLock::named("the fork"), RwLock::named("the spoon"));
        let lock_both = |name, one: RwLock, other: RwLock, expected| {
            spawn_named(name, move || {
                assert_eq!((one.read(GH_NEVER), yield_now()), (0, 0));
                assert_eq!(other.write(GH_NEVER), expected);
                assert_eq!((other.unlock() == 0, one.unlock()), (expected == 0, 0));
            })
        };
        let plato = lock_both("plato", first, second, -ECANCELED);
        let kant = lock_both("kant", second, first, 0);
        assert_eq!(run(), GH_EDEADLOCK);
        let text = dump();
        for (name, waits, holder, holds) in
            [("plato", "the spoon", "kant", "the fork"), ("kant", "the fork", "plato", "the spoon")]
        {
            let line = text.lines().find(|line| line.contains(&format!(" \"{name}\":")));
            let line = line.unwrap_or_else(|| panic!("no line for {name} in\n{text}"));
            let (wait, hold) = line.split_once(", holds").unwrap_or_else(|| panic!("{line}"));
            assert!(wait.contains(waits) && wait.contains(holder), "{line}");
            assert!(hold.contains(holds) && !hold.contains(waits), "{line}");
        }
        assert_eq!(cancel(plato), 0);
        join_all([plato, kant]);
        first.end();
        second.end();
    });
}

#[test]
fn a_writer_of_another_os_thread_between_two_readers_is_no_deadlock() {
    with_hub(|| {
        let (lock, go, queued) = (RwLock::new(), Sem::new(0), Sem::new(0));
        assert_eq!(lock.read(GH_NEVER), 0);
        let other = std::thread::spawn(move || {
            let writer = spawn(move || assert_eq!(lock.write(GH_NEVER), -ECANCELED));
            settle();
            assert_eq!((queued.post(), go.wait(GH_NEVER)), (0, 0));
            // Time to be taken for a deadlock.
            assert_eq!((sleep_ms(30), cancel(writer)), (0, 0));
            join(writer);
            assert_eq!(free_hub(), 0);
        });
        assert_eq!(queued.wait(GH_NEVER), 0);
        let behind = spawn(move || assert_eq!((lock.read(GH_NEVER), lock.unlock()), (0, 0)));
        settle();
        assert_eq!(go.post(), 0);
        assert_eq!(join_until(behind, GH_NEVER), 0, "the writer may let it pass");
        assert_eq!(lock.unlock(), 0);
        other.join().expect("no assertion failed there");
        lock.end();
        go.end();
        queued.end();
    });
}

#[test]
fn ten_thousand_readers_come_and_go_in_any_order() {
    with_hub(|| {
        let (lock, inside) = (RwLock::new(), cell(0));
        let gate = Event::new(0);
        let readers: Vec<_> = (0..10_000)
            .map(|n| {
                spawn(move || {
                    assert_eq!(lock.read(GH_NEVER), 0);
                    inside.set(inside.get() + 1);
                    assert_eq!(gate.wait(GH_NEVER), 0);
                    for _ in 0..n % 3 {
                        yield_now();
                    }
                    assert_eq!(lock.unlock(), 0);
                })
            })
            .collect();
        settle();
        assert_eq!((inside.get(), lock.write(PAST)), (10_000, -ETIMEDOUT));
        assert_eq!(gate.set(), 0);
        join_all(readers);
        assert_eq!((lock.write(PAST), lock.unlock()), (0, 0));
        lock.end();
        gate.end();
    });
}

#[test]
fn when_its_writer_ends_all_are_told_until_one_recovers_it() {
    with_hub(|| {
        let lock = RwLock::new();
        let owner = spawn(move || {
            assert_eq!(lock.write(GH_NEVER), 0);
            sleep_ms(3);
        });
        yield_now();
        let waiters = [
            spawn(move || assert_eq!(lock.read(GH_NEVER), -EOWNERDEAD)),
            spawn(move || assert_eq!(lock.write(GH_NEVER), -EOWNERDEAD)),
            spawn(move || assert_eq!(lock.read(GH_NEVER), -EOWNERDEAD)),
        ];
        join(owner);
        join_all(waiters);
        assert_eq!((lock.read(PAST), lock.write(GH_NEVER)), (-EOWNERDEAD, -EOWNERDEAD));
        assert_eq!(lock.unlock(), -EPERM);
        assert_eq!(lock.recover(), 0);
        assert_eq!(lock.read(PAST), -EDEADLK, "recovered for writing");
        assert_eq!(lock.unlock(), 0);
        assert_eq!((lock.read(PAST), lock.read(PAST)), (0, 0));
        assert_eq!((lock.unlock(), lock.unlock()), (0, 0));
        lock.end();
    });
}

#[test]
fn a_writer_that_waits_for_itself_through_a_join_is_a_deadlock() {
    with_hub(|| {
        let lock = RwLock::named("the book");
        assert_eq!(lock.write(GH_NEVER), 0);
        let thread = spawn_named("scribe", move || assert_eq!(lock.read(GH_NEVER), -ECANCELED));
        assert_eq!(join_until(thread, GH_NEVER), GH_EDEADLOCK);
        let text = dump();
        assert!(text.lines().any(|line| line.contains("scribe") && line.contains("the book")));
        cancel(thread);
        join(thread);
        assert_eq!(lock.unlock(), 0);
        lock.end();
    });
}

#[test]
fn freeing_one_ends_the_waits_of_readers_and_writers() {
    with_hub(|| {
        let lock = RwLock::new();
        assert_eq!(lock.write(GH_NEVER), 0);
        let waiters: Vec<_> = (0..6)
            .map(|n| {
                spawn(move || {
                    let lock = if n % 2 == 0 { lock.read(GH_NEVER) } else { lock.write(GH_NEVER) };
                    assert_eq!(lock, -EIDRM);
                })
            })
            .collect();
        settle();
        assert_eq!(lock.free(), 0);
        join_all(waiters);
        assert_eq!((lock.read(PAST), lock.write(PAST), lock.unlock()), (-EINVAL, -EINVAL, -EINVAL));
        assert_eq!((lock.recover(), lock.free()), (-EINVAL, -EINVAL));
    });
}
