//! Meeting points: semaphore, event, barrier, wait group, once.

mod common;
use common::objects::*;
use common::*;

/// Threads that call in turn and note their number when they come back. All of them have called when
/// this returns.
fn queue_up(
    count: usize,
    order: &'static Log<usize>,
    expected: i64,
    call: impl Fn() -> i64 + Copy + 'static,
) -> Vec<gh_thread> {
    let threads = (0..count)
        .map(|n| {
            spawn(move || {
                assert_eq!(call(), expected, "thread {n}");
                order.push(n);
            })
        })
        .collect();
    settle();
    threads
}

/// One that times out and one that is cancelled while they call, and are both gone when this returns.
fn give_up(call: impl Fn(i64) -> i64 + Copy + 'static) {
    let late = spawn(move || assert_eq!(call(after_ms(2)), -ETIMEDOUT));
    let cancelled = spawn(move || assert_eq!(call(GH_NEVER), -ECANCELED));
    settle();
    cancel(cancelled);
    join_all([late, cancelled]);
}

fn numbers(count: usize) -> Vec<usize> {
    (0..count).collect()
}

#[test]
fn permits_go_out_in_the_order_of_arrival() {
    with_hub(|| {
        let (sem, order) = (Sem::new(0), log());
        let threads = queue_up(30, order, 0, move || sem.wait(GH_NEVER));
        for n in 0..30 {
            assert_eq!(sem.post(), 0);
            assert_eq!((sem.value(), sem.wait(PAST)), (0, -ETIMEDOUT), "it is theirs");
            settle();
            assert_eq!(order.take(), [n]);
        }
        join_all(threads);
        sem.end();
    });
}

#[test]
fn a_semaphore_counts_what_nobody_waits_for_up_to_its_bound() {
    with_hub(|| {
        let sem = Sem::bounded(1, 3);
        assert_eq!((sem.post(), sem.post()), (0, 0));
        assert_eq!((sem.value(), sem.post(), sem.value()), (3, -EOVERFLOW, 3));
        for left in [2, 1, 0] {
            assert_eq!((sem.wait(PAST), sem.value()), (0, left));
        }
        assert_eq!(sem.wait(PAST), -ETIMEDOUT);
        sem.end();
        let most = Sem::new(u32::MAX);
        assert_eq!((most.post(), most.value()), (-EOVERFLOW, i64::from(u32::MAX)));
        most.end();
        let mut raw = null_mut();
        assert_eq!(i64::from(c!(gh_sem_new(&mut raw, null(), 4, 3))), -EINVAL);
        assert!(raw.is_null());
    });
}

#[test]
fn waits_that_were_given_up_take_no_permit() {
    with_hub(|| {
        let (sem, order) = (Sem::new(0), log());
        let threads = queue_up(1, order, 0, move || sem.wait(GH_NEVER));
        give_up(move |by| sem.wait(by));
        assert_eq!((sem.post(), sem.value()), (0, 0));
        join_all(threads);
        assert_eq!((sem.post(), sem.value()), (0, 1));
        sem.end();
    });
}

#[test]
fn a_permit_and_a_cancel_at_one_time_lose_no_permit() {
    with_hub(|| {
        for cancel_first in [false, true] {
            let (sem, got) = (Sem::new(0), cell(false));
            let thread = spawn(move || got.set(sem.wait(GH_NEVER) == 0));
            settle();
            if cancel_first {
                assert_eq!((cancel(thread), sem.post()), (0, 0));
            } else {
                assert_eq!((sem.post(), cancel(thread)), (0, 0));
            }
            join(thread);
            assert_eq!(sem.value(), if got.get() { 0 } else { 1 });
            sem.end();
        }
    });
}

#[test]
fn a_manual_event_lets_all_through_until_it_is_reset() {
    with_hub(|| {
        let (event, order) = (Event::new(0), log());
        let threads = queue_up(5, order, 0, move || event.wait(GH_NEVER));
        assert_eq!(event.wait(PAST), -ETIMEDOUT);
        assert_eq!((event.set(), event.set()), (0, 0));
        assert_eq!((event.wait(PAST), event.wait(PAST)), (0, 0));
        assert_eq!((event.reset(), event.reset()), (0, 0));
        assert_eq!(event.wait(PAST), -ETIMEDOUT);
        join_all(threads);
        assert_eq!(order.take(), numbers(5), "those that waited went on, reset or not");
        event.end();
        let set = Event::new(GH_EVENT_SET);
        assert_eq!((set.wait(PAST), set.wait(PAST)), (0, 0));
        set.end();
    });
}

#[test]
fn an_automatic_event_lets_one_through_each_time() {
    with_hub(|| {
        let (event, order) = (Event::new(GH_EVENT_AUTO), log());
        let threads = queue_up(5, order, 0, move || event.wait(GH_NEVER));
        for n in 0..5 {
            assert_eq!(event.set(), 0);
            settle();
            assert_eq!(order.take(), [n]);
        }
        assert_eq!((event.set(), event.set()), (0, 0), "once is as good as twice");
        assert_eq!((event.wait(PAST), event.wait(PAST)), (0, -ETIMEDOUT));
        assert_eq!((event.set(), event.reset(), event.wait(PAST)), (0, 0, -ETIMEDOUT));
        join_all(threads);
        event.end();
        let set = Event::new(GH_EVENT_AUTO | GH_EVENT_SET);
        assert_eq!((set.wait(PAST), set.wait(PAST)), (0, -ETIMEDOUT));
        set.end();
    });
}

#[test]
fn waits_that_were_given_up_take_no_event() {
    with_hub(|| {
        let event = Event::new(GH_EVENT_AUTO);
        give_up(move |by| event.wait(by));
        assert_eq!((event.set(), event.wait(PAST)), (0, 0));
        event.end();
    });
}

#[test]
fn nobody_passes_a_barrier_before_all_have_come_and_then_it_starts_anew() {
    with_hub(|| {
        let (barrier, came, last) = (Barrier::new(4), cell(0), cell(0));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                spawn(move || {
                    for round in 1..=20 {
                        if (n + round) % 3 == 0 {
                            yield_now();
                        }
                        came.set(came.get() + 1);
                        let result = barrier.wait(GH_NEVER);
                        assert!(came.get() >= 4 * round, "round {round}");
                        assert!(result == 0 || result == 1);
                        last.set(last.get() + result);
                    }
                })
            })
            .collect();
        join_all(threads);
        assert_eq!(last.get(), 20, "one of each round came last");
        barrier.end();
        let alone = Barrier::new(1);
        assert_eq!((alone.wait(PAST), alone.wait(GH_NEVER)), (1, 1));
        alone.end();
        let mut raw = null_mut();
        assert_eq!(i64::from(c!(gh_barrier_new(&mut raw, null(), 0))), -EINVAL);
    });
}

#[test]
fn who_gave_up_has_not_come_to_the_barrier() {
    with_hub(|| {
        let (barrier, order) = (Barrier::new(4), log());
        let threads = queue_up(1, order, 0, move || barrier.wait(GH_NEVER));
        give_up(move |by| barrier.wait(by));
        assert_eq!(barrier.wait(PAST), -ETIMEDOUT, "the second of four");
        let more = queue_up(2, order, 0, move || barrier.wait(GH_NEVER));
        assert_eq!(order.len(), 0);
        assert_eq!(barrier.wait(GH_NEVER), 1);
        join_all(threads.into_iter().chain(more));
        barrier.end();
    });
}

#[test]
fn a_wait_group_waits_for_all_its_tasks() {
    with_hub(|| {
        let (group, order) = (WaitGroup::new(), log());
        assert_eq!(group.wait(PAST), 0, "no task");
        assert_eq!((group.add(2), group.add(1), group.done()), (0, 0, 0));
        let threads = queue_up(3, order, 0, move || group.wait(GH_NEVER));
        give_up(move |by| group.wait(by));
        assert_eq!((group.wait(PAST), group.done()), (-ETIMEDOUT, 0));
        settle();
        assert_eq!(order.len(), 0);
        assert_eq!(group.done(), 0);
        assert_eq!(group.add(1), 0, "the next ones");
        join_all(threads);
        assert_eq!(order.take(), numbers(3));
        assert_eq!((group.wait(PAST), group.add(-1), group.wait(PAST)), (-ETIMEDOUT, 0, 0));
        group.end();
    });
}

#[test]
fn a_wait_groups_count_stays_within_its_bounds() {
    with_hub(|| {
        let group = WaitGroup::of(1);
        assert_eq!((group.add(-2), group.add(i32::MIN)), (-EINVAL, -EINVAL));
        assert_eq!((group.add(i32::MAX), group.add(i32::MAX)), (0, 0));
        assert_eq!(group.add(1), -EOVERFLOW, "2^32");
        assert_eq!((group.add(-i32::MAX), group.add(-i32::MAX)), (0, 0));
        assert_eq!((group.wait(PAST), group.done(), group.done()), (-ETIMEDOUT, 0, -EINVAL));
        group.end();
    });
}

#[test]
fn a_function_is_called_once_and_all_wait_for_it() {
    with_hub(|| {
        let (once, calls, order) = (Once::new(), cell(0), log());
        let threads = queue_up(5, order, 0, move || {
            once.run(GH_NEVER, || {
                calls.set(calls.get() + 1);
                assert_eq!(yield_now(), 0);
                sleep_ms(3)
            })
        });
        assert_eq!((order.len(), calls.get()), (0, 1));
        give_up(move |by| once.run(by.min(after_ms(1)), || 0).min(-ETIMEDOUT));
        join_all(threads);
        assert_eq!(order.take(), numbers(5));
        assert_eq!((once.run(PAST, || -EPERM), calls.get()), (0, 1), "never again");
        once.end();
    });
}

#[test]
fn after_a_failure_the_next_in_the_queue_calls_it() {
    with_hub(|| {
        let (once, order) = (Once::new(), log());
        let threads: Vec<_> = (0..5)
            .map(|n| {
                spawn(move || {
                    let result = once.run(GH_NEVER, || {
                        order.push(n);
                        yield_now();
                        if n < 3 {
                            -(1000 + n)
                        } else {
                            7
                        }
                    });
                    assert_eq!(result, if n < 3 { -(1000 + n) } else { 0 });
                })
            })
            .collect();
        join_all(threads);
        assert_eq!(order.take(), [0, 1, 2, 3]);
        once.end();
        let alone = Once::new();
        assert_eq!(alone.run(GH_NEVER, || -5), -5);
        assert_eq!((alone.run(GH_NEVER, || 0), alone.run(GH_NEVER, || -5)), (0, 0));
        alone.end();
    });
}

#[test]
fn a_function_that_waits_for_itself_is_told() {
    with_hub(|| {
        let once = Once::new();
        assert_eq!(once.run(GH_NEVER, || once.run(GH_NEVER, || 0)), -EDEADLK);
        assert_eq!(i64::from(c!(gh_once_run(once.0, None, null_mut(), GH_NEVER))), -EINVAL);
        assert_eq!(once.run(GH_NEVER, || 0), 0);
        once.end();
    });
}

#[test]
fn who_waited_for_a_function_that_succeeded_has_its_success_also_if_it_is_freed_at_once() {
    with_hub(|| {
        let once = Once::new();
        let runner = spawn(move || {
            assert_eq!(once.run(GH_NEVER, || sleep_ms(2)), 0);
            once.end();
        });
        yield_now();
        let waiter = spawn(move || assert_eq!(once.run(GH_NEVER, || -EPERM), 0));
        join_all([runner, waiter]);
    });
}

#[test]
fn who_was_to_call_a_function_next_is_told_that_it_was_freed() {
    with_hub(|| {
        let once = Once::new();
        let runner = spawn(move || {
            assert_eq!(once.run(GH_NEVER, || sleep_ms(2).min(-1)), -1);
            once.end();
        });
        yield_now();
        let waiter = spawn(move || assert_eq!(once.run(GH_NEVER, || 0), -EIDRM));
        join_all([runner, waiter]);
    });
}

#[test]
fn freeing_one_while_its_function_runs_ends_the_waits_and_not_the_function() {
    with_hub(|| {
        let once = Once::new();
        let runner = spawn(move || assert_eq!(once.run(GH_NEVER, || sleep_ms(5)), 0));
        yield_now();
        let waiter = spawn(move || assert_eq!(once.run(GH_NEVER, || 0), -EIDRM));
        yield_now();
        once.end();
        join_all([waiter, runner]);
    });
}

#[test]
fn freeing_what_is_waited_for_ends_all_waits() {
    /// Some wait here and some on another OS thread; all are told, and none is handed anything later.
    fn ends_all_waits(wait: impl Fn(i64) -> i64 + Copy + Send + 'static, free: impl Fn() -> i64) {
        let (begun, ended) = (Sem::new(0), Sem::new(0));
        let wait_there = move || {
            assert_eq!(begun.post(), 0);
            assert_eq!(wait(GH_NEVER), -EIDRM);
            assert_eq!(ended.post(), 0);
        };
        let here: Vec<_> = (0..3).map(|_| spawn(wait_there)).collect();
        let there = std::thread::spawn(move || {
            let threads: Vec<_> = (0..3).map(|_| spawn(wait_there)).collect();
            // All of them wait before the one that says so last.
            settle();
            assert_eq!(begun.post(), 0);
            join_all(threads);
            assert_eq!(free_hub(), 0);
        });
        for _ in 0..7 {
            assert_eq!(begun.wait(GH_NEVER), 0);
        }
        settle();
        assert_eq!(free(), 0);
        for _ in 0..6 {
            assert_eq!(ended.wait(GH_NEVER), 0);
        }
        join_all(here);
        there.join().expect("no assertion failed there");
        assert_eq!((wait(PAST), free()), (-EINVAL, -EINVAL));
        begun.end();
        ended.end();
    }

    with_hub(|| {
        let sem = Sem::new(0);
        ends_all_waits(move |by| sem.wait(by), || sem.free());
        for flags in [0, GH_EVENT_AUTO] {
            let event = Event::new(flags);
            ends_all_waits(move |by| event.wait(by), || event.free());
        }
        let barrier = Barrier::new(20);
        ends_all_waits(move |by| barrier.wait(by), || barrier.free());
        let group = WaitGroup::of(1);
        ends_all_waits(move |by| group.wait(by), || group.free());
    });
}

#[test]
fn a_function_whose_os_thread_ended_is_called_by_the_next() {
    let _watchdog = watchdog();
    let (once, running) = (Once::new(), Sem::new(0));
    let host = std::thread::spawn(move || {
        spawn(move || {
            once.run(GH_NEVER, || {
                running.post();
                sleep_until(GH_NEVER)
            });
        });
        // One that waits for its turn, and goes with its OS thread too.
        spawn(move || assert_eq!(once.run(GH_NEVER, || 0), i64::MAX, "never comes back"));
        settle();
        assert_eq!(running.wait(GH_NEVER), 0);
    });
    assert_eq!((running.wait(GH_NEVER), running.post()), (0, 0));
    let calls = cell(0);
    let call = move || {
        calls.set(calls.get() + 1);
        0
    };
    assert_eq!(once.run(after_ms(20_000), call), 0);
    assert_eq!((once.run(PAST, call), calls.get()), (0, 1));
    host.join().expect("no assertion failed there");
    once.end();
    running.end();
    assert_eq!(free_hub(), 0);
}

#[test]
fn two_functions_that_wait_for_each_other_are_told_and_shown() {
    with_hub(|| {
        let (first, second, results) = (Once::new(), Once::new(), log());
        let call = |name, one: Once, other: Once| {
            spawn_named(name, move || {
                let nested = || {
                    yield_now();
                    other.run(GH_NEVER, || 0)
                };
                results.push(one.run(GH_NEVER, nested));
            })
        };
        let (plato, kant) = (call("plato", first, second), call("kant", second, first));
        assert_eq!(run(), GH_EDEADLOCK);
        let text = dump();
        for (name, other) in [("plato", "kant"), ("kant", "plato")] {
            let line = text.lines().find(|line| line.contains(&format!(" \"{name}\":")));
            let line = line.unwrap_or_else(|| panic!("no line for {name} in\n{text}"));
            assert!(line.contains("waits for once") && line.contains(other), "{line}");
            assert!(line.contains("holds once"), "{line}");
        }
        assert_eq!(cancel(plato), 0);
        join_all([plato, kant]);
        let mut results = results.take();
        results.sort_unstable();
        assert_eq!(results, [-ECANCELED, 0], "where the one has failed, the other calls");
        first.end();
        second.end();
    });
}
