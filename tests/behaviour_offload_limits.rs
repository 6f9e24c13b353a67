//! The pool's limits: threads, the queue, idle time, and what happens as they change.

mod common;
use common::*;
use std::sync::{Arc, Mutex};

#[test]
fn no_more_run_at_once_than_there_may_be_threads() {
    let _alone = pool_alone();
    configure_pool(3, 0);
    with_hub(|| {
        let gate = Gate::default();
        let (running, most) = (counter(), counter());
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let gate = gate.clone();
                spawn(move || {
                    let job = move || {
                        most.fetch_max(add_one(running) + 1, std::sync::atomic::Ordering::SeqCst);
                        gate.pass();
                        running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        0
                    };
                    assert_eq!(offload(job, GH_NEVER).0, 0);
                })
            })
            .collect();
        until_pool("busy", |pool| pool.running == 3 && pool.queued == 17);
        assert_eq!(pool_stats().threads, 3);
        gate.open();
        join_all(threads);
        assert_eq!(count(most), 3);
    });
}

#[test]
fn more_threads_may_be_allowed_while_calls_wait() {
    let _alone = pool_alone();
    configure_pool(1, 0);
    with_hub(|| {
        let gate = Gate::default();
        let threads: Vec<_> = (0..4).map(|_| keep_busy(&gate)).collect();
        until_pool("busy", |pool| pool.running == 1 && pool.queued == 3);
        configure_pool(4, 0);
        until_pool("all at it", |pool| pool.running == 4 && pool.queued == 0);
        configure_pool(2, 0);
        gate.open();
        join_all(threads);
        until_pool("smaller", |pool| pool.threads <= 2);
    });
}

#[test]
fn limits_that_change_all_the_time_lose_no_call() {
    let _alone = pool_alone();
    const EACH: usize = 1500;
    let (sum, left) = (counter(), counter());
    let callers: Vec<_> = (0..3)
        .map(|_| {
            add_one(left);
            std::thread::spawn(move || {
                with_hub(|| {
                    for _ in 0..EACH {
                        assert_eq!(offload(move || add_one(sum), GH_NEVER).0, 0);
                    }
                });
                left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            })
        })
        .collect();
    let mut turn = 0;
    while count(left) > 0 {
        turn += 1;
        configure_pool(1 + turn % 5, 1 + turn % 2);
    }
    for caller in callers {
        caller.join().expect("no assertion failed");
    }
    assert_eq!(count(sum), 3 * EACH);
}

#[test]
fn a_thread_that_ends_when_it_was_called_leaves_its_call_to_another() {
    let _alone = pool_alone();
    with_hub(|| {
        for _ in 0..200 {
            configure_pool(4, 0);
            let gate = Gate::default();
            let threads: Vec<_> = (0..4).map(|_| keep_busy(&gate)).collect();
            until_pool("busy", |pool| pool.running == 4);
            gate.open();
            join_all(threads);
            until_pool("idle", |pool| pool.idle == 4);
            let caller = spawn(|| assert_eq!(offload(|| 1, after_ms(20_000)), (0, 1)));
            yield_now();
            configure_pool(1, 0);
            join(caller);
        }
    });
}

#[test]
fn a_full_queue_is_waited_for_in_order() {
    let _alone = pool_alone();
    configure_pool(1, 2);
    with_hub(|| {
        let gate = Gate::default();
        let first = keep_busy(&gate);
        until_pool("busy", |pool| pool.running == 1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let call = |number: usize, deadline: i64, result: &'static Cell<i64>| {
            let order = order.clone();
            spawn(move || {
                let job = move || {
                    order.lock().expect("no panic").push(number);
                    0
                };
                result.set(offload(job, deadline).0);
            })
        };
        let results: Vec<_> = (0..8).map(|_| cell(1)).collect();
        let late = after_ms(30);
        let threads: Vec<_> =
            (0..8).map(|at| call(at, if at == 4 { late } else { GH_NEVER }, results[at])).collect();
        until_pool("full", |pool| (pool.queued, pool.outside) == (2, 6));
        let released = Released::default();
        let refused = offload_with(&released, GH_OFFLOAD_NOWAIT, || 1, GH_NEVER);
        assert_eq!(refused.0, -EAGAIN);
        assert_eq!(*released.lock().expect("no panic"), [0]);
        // One in the queue, one outside of it.
        assert_eq!(cancel(threads[1]), 0);
        assert_eq!(cancel(threads[6]), 0);
        until_pool("shorter", |pool| (pool.queued, pool.outside) == (2, 3));
        assert!(now() >= late, "the fifth gave up at its deadline, not before");
        gate.open();
        join_all(threads);
        join(first);
        assert_eq!(*order.lock().expect("no panic"), [0, 2, 3, 5, 7]);
        let results: Vec<_> = results.iter().map(|result| result.get()).collect();
        assert_eq!(results, [0, -ECANCELED, 0, 0, -ETIMEDOUT, 0, -ECANCELED, 0]);
    });
}

#[test]
fn room_in_the_queue_may_be_made_while_calls_wait_for_it() {
    let _alone = pool_alone();
    configure_pool(1, 1);
    with_hub(|| {
        let gate = Gate::default();
        let threads: Vec<_> = (0..5).map(|_| keep_busy(&gate)).collect();
        until_pool("full", |pool| (pool.running, pool.queued, pool.outside) == (1, 1, 3));
        configure_pool(1, 3);
        let pool = pool_stats();
        assert_eq!((pool.running, pool.queued, pool.outside), (1, 3, 1));
        gate.open();
        join_all(threads);
    });
}

#[test]
fn ten_thousand_calls_from_four_os_threads() {
    let _alone = pool_alone();
    const EACH: usize = 2500;
    let sum = counter();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                with_hub(|| {
                    let threads: Vec<_> = (0..EACH)
                        .map(|at| {
                            spawn(move || {
                                let job = move || {
                                    add_one(sum);
                                    at
                                };
                                assert_eq!(offload(job, GH_NEVER), (0, at));
                            })
                        })
                        .collect();
                    join_all(threads);
                });
            })
        })
        .collect();
    for caller in callers {
        caller.join().expect("no assertion failed");
    }
    assert_eq!(count(sum), 4 * EACH);
    let pool = pool_stats();
    assert!(pool.threads <= 16, "{pool:?}");
    assert_eq!(pool.queued + pool.outside, 0);
}

#[test]
fn threads_end_when_they_have_been_idle() {
    let _alone = pool_alone();
    let mut options = no_pool_options();
    options.idle = 20 * MILLISECOND;
    assert_eq!(configure(&options), 0);
    with_hub(|| {
        let gate = Gate::default();
        let threads: Vec<_> = (0..5).map(|_| keep_busy(&gate)).collect();
        until_pool("busy", |pool| pool.running == 5);
        gate.open();
        join_all(threads);
        until_pool("empty", |pool| pool.threads == 0);
        assert_eq!(offload(|| 1, GH_NEVER), (0, 1), "and are made again");
    });
}

#[test]
fn limits_out_of_range_change_nothing() {
    let _alone = pool_alone();
    let wrong: [fn(&mut gh_offload_options); 5] = [
        |options| options.threads = 65_537,
        |options| options.queue = usize::MAX,
        |options| options.idle = -1,
        |options| options.names = 65_537,
        |options| options.size = 7,
    ];
    with_hub(|| {
        configure_pool(2, 0);
        for change in wrong {
            let mut options = no_pool_options();
            options.threads = 9;
            change(&mut options);
            assert_eq!(configure(&options), -EINVAL);
        }
        let gate = Gate::default();
        let threads: Vec<_> = (0..4).map(|_| keep_busy(&gate)).collect();
        until_pool("busy", |pool| pool.running == 2 && pool.queued == 2);
        gate.open();
        join_all(threads);
    });
    let mut stats = gh_pool_stats::default();
    assert_eq!(i64::from(c!(gh_offload_stats(null_mut(), 40))), -EINVAL);
    assert_eq!(i64::from(c!(gh_offload_stats(&mut stats, 0))), -EINVAL);
    assert_eq!(i64::from(c!(gh_offload_stats(&mut stats, 1 << 40))), -E2BIG);
}
