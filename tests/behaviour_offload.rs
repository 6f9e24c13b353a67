//! The pool: order, deadlines, cancellation, and who has the result.

mod common;
use common::*;
use std::sync::{Arc, Mutex};

#[test]
fn a_function_runs_elsewhere_while_the_others_run_here() {
    let _alone = pool_alone();
    with_hub(|| {
        let gate = Gate::default();
        let (opened, turns) = (gate.clone(), cell(0));
        let other = spawn(move || {
            for turn in 1..=10 {
                turns.set(turn);
                yield_now();
            }
            opened.open();
        });
        // SAFETY: asks for a number.
        let here = unsafe { libc::pthread_self() } as usize;
        let elsewhere = offload(
            move || {
                gate.pass();
                // SAFETY: as above.
                (unsafe { libc::pthread_self() }) as usize
            },
            GH_NEVER,
        );
        assert_eq!(elsewhere.0, 0);
        assert_ne!(elsewhere.1, here);
        assert_eq!(turns.get(), 10);
        join(other);
    });
}

#[test]
fn the_result_may_be_left_where_it_is() {
    let _alone = pool_alone();
    unsafe extern "C" fn same(arg: *mut c_void) -> *mut c_void {
        arg
    }
    with_hub(|| {
        assert_eq!(c!(gh_offload(Some(same), null_mut(), null_mut(), GH_NEVER)), 0);
    });
}

#[test]
fn one_thread_runs_its_calls_in_the_order_of_their_coming() {
    let _alone = pool_alone();
    configure_pool(1, 0);
    with_hub(|| {
        let gate = Gate::default();
        let first = keep_busy(&gate);
        let order = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..50)
            .map(|number| {
                let order = order.clone();
                spawn(move || {
                    let job = move || {
                        order.lock().expect("no panic").push(number);
                        number
                    };
                    assert_eq!(offload(job, GH_NEVER), (0, number));
                })
            })
            .collect();
        until_pool("full", |pool| pool.queued == 50 && pool.running == 1);
        gate.open();
        join_all(threads);
        join(first);
        assert_eq!(*order.lock().expect("no panic"), (0..50).collect::<Vec<_>>());
    });
}

#[test]
fn a_deadline_in_the_past_calls_nothing() {
    let _alone = pool_alone();
    with_hub(|| {
        let ran = counter();
        for deadline in [PAST, -1, i64::MIN] {
            let released = Released::default();
            assert_eq!(offload(move || add_one(ran), deadline).0, -ETIMEDOUT);
            let late = offload_with(&released, 0, move || add_one(ran), deadline);
            assert_eq!(late, (-ETIMEDOUT, usize::MAX));
            assert_eq!(*released.lock().expect("no panic"), [0], "given back without a result");
        }
        until_pool("idle", |pool| pool.running + pool.queued == 0);
        assert_eq!(count(ran), 0);
    });
}

#[test]
fn what_has_not_begun_at_the_deadline_never_runs() {
    let _alone = pool_alone();
    configure_pool(1, 0);
    with_hub(|| {
        let gate = Gate::default();
        let first = keep_busy(&gate);
        until_pool("busy", |pool| pool.running == 1);
        let (ran, released) = (counter(), Released::default());
        let deadline = after_ms(20);
        assert_eq!(offload(move || add_one(ran), deadline).0, -ETIMEDOUT);
        assert!(now() >= deadline);
        assert_eq!(offload_with(&released, 0, move || add_one(ran), after_ms(5)).0, -ETIMEDOUT);
        assert_eq!(*released.lock().expect("no panic"), [0], "released before the call returns");
        assert_eq!(pool_stats().queued, 0, "taken out of the queue");
        gate.open();
        join(first);
        assert_eq!(offload(|| 1, GH_NEVER), (0, 1));
        assert_eq!(count(ran), 0);
    });
}

#[test]
fn what_has_begun_at_the_deadline_is_released_when_it_returns() {
    let _alone = pool_alone();
    with_hub(|| {
        let (gate, released) = (Gate::default(), Released::default());
        let passed = gate.clone();
        let job = move || {
            passed.pass();
            42
        };
        let deadline = after_ms(30);
        assert_eq!(offload_with(&released, 0, job, deadline), (-ETIMEDOUT, usize::MAX));
        assert!(now() >= deadline);
        assert_eq!(*released.lock().expect("no panic"), [0_usize; 0], "it still runs");
        gate.open();
        until_pool("idle", |pool| pool.running == 0);
        assert_eq!(*released.lock().expect("no panic"), [42]);
    });
}

#[test]
fn a_cancelled_caller_leaves_at_once() {
    let _alone = pool_alone();
    configure_pool(1, 0);
    with_hub(|| {
        let (gate, released) = (Gate::default(), Released::default());
        let call = |result: &'static Cell<i64>| {
            let (gate, released) = (gate.clone(), released.clone());
            spawn(move || {
                let job = move || {
                    gate.pass();
                    9
                };
                result.set(offload_with(&released, 0, job, GH_NEVER).0);
            })
        };
        let (begun, queued) = (cell(1), cell(1));
        let threads = [call(begun), call(queued)];
        until_pool("busy", |pool| (pool.running, pool.queued) == (1, 1));
        for thread in threads {
            assert_eq!(cancel(thread), 0);
        }
        join_all(threads);
        assert_eq!((begun.get(), queued.get()), (-ECANCELED, -ECANCELED));
        assert_eq!(*released.lock().expect("no panic"), [0], "the one that had not begun");
        gate.open();
        until_pool("idle", |pool| pool.running == 0);
        assert_eq!(*released.lock().expect("no panic"), [0, 9]);
    });
}

#[test]
fn a_caller_that_was_cancelled_before_calls_nothing() {
    let _alone = pool_alone();
    with_hub(|| {
        let ran = counter();
        join(spawn(move || {
            assert_eq!(cancel(self_id()), 0);
            assert_eq!(offload(move || add_one(ran), GH_NEVER).0, -ECANCELED);
            cancel_mask(true);
            assert_eq!(offload(|| 5, GH_NEVER), (0, 5), "shielded");
            cancel_mask(false);
        }));
        assert_eq!(count(ran), 0);
    });
}

#[test]
fn each_result_has_one_owner_whoever_comes_first() {
    let _alone = pool_alone();
    configure_pool(2, 4);
    const CALLS: usize = 10_000;
    with_hub(|| {
        let released = Released::default();
        let (given, taken, failed) = (counter(), cell(0), cell(0));
        let threads: Vec<_> = (0..CALLS)
            .map(|at| {
                let released = released.clone();
                spawn(move || {
                    // Deadlines and cancellations that fall before, into and after the function.
                    let deadline = now() + (at as i64 % 97) * 40_000;
                    let job = move || {
                        std::thread::sleep(std::time::Duration::from_micros(at as u64 % 5 * 20));
                        add_one(given);
                        at + 1
                    };
                    match offload_with(&released, 0, job, deadline) {
                        (0, result) => {
                            assert_eq!(result, at + 1);
                            taken.set(taken.get() + 1);
                        }
                        (code, _) => {
                            assert!(code == -ETIMEDOUT || code == -ECANCELED, "{code}");
                            failed.set(failed.get() + 1);
                        }
                    }
                })
            })
            .collect();
        for (at, thread) in threads.iter().enumerate() {
            if at % 7 == 0 {
                let ended = cancel(*thread);
                assert!(ended == 0 || ended == -ESRCH);
            }
            if at % 50 == 0 {
                yield_now();
            }
        }
        join_all(threads);
        until_pool("idle", |pool| pool.running + pool.queued + pool.outside == 0);
        let released = released.lock().expect("no panic");
        let with_result = released.iter().filter(|&&result| result != 0).count();
        assert_eq!(taken.get() + failed.get(), CALLS);
        assert_eq!(released.len(), failed.get(), "each failure released what it had, once");
        assert_eq!(taken.get() + with_result, count(given), "no result is lost or doubled");
        assert!(failed.get() > 0);
    });
}

#[test]
fn an_os_thread_without_a_hub_may_call() {
    let _alone = pool_alone();
    on_another_os_thread(|| {
        assert_eq!(offload(|| 3, GH_NEVER), (0, 3));
        assert_eq!(free_hub(), 0);
    });
}

#[test]
fn a_function_may_use_the_library_on_its_own_os_thread() {
    let _alone = pool_alone();
    let mut options = no_pool_options();
    options.idle = MILLISECOND;
    assert_eq!(configure(&options), 0);
    with_hub(|| {
        until_pool("empty", |pool| pool.threads == 0);
        let theirs = offload(
            || {
                let (a, b) = socket_pair();
                let thread = spawn(move || assert_eq!(send(a, b"x", GH_NEVER), 1));
                assert_eq!(recv(b, &mut [0; 1], GH_NEVER), 1);
                join(thread);
                assert_eq!((close(a), close(b)), (0, 0));
                assert_eq!(offload(|| 11, GH_NEVER), (0, 11), "a second thread");
                hub() as usize
            },
            GH_NEVER,
        );
        assert_eq!(theirs.0, 0);
        let theirs = theirs.1 as *mut gh_hub;
        assert_ne!(theirs, hub());
        until_pool("empty", |pool| pool.threads == 0);
        // The hub goes with its OS thread, a moment after that is not counted any more.
        let give_up = after_ms(20_000);
        while i64::from(c!(gh_hub_stop(theirs))) != GH_ENOHUB {
            assert!(now() < give_up, "the hub outlives its OS thread");
            sleep_ms(1);
        }
    });
}

#[test]
fn a_hub_is_freed_while_its_threads_wait_for_the_pool() {
    let _alone = pool_alone();
    let gate = Gate::default();
    let released = Released::default();
    with_hub_leaving_threads(|| {
        for _ in 0..3 {
            let (gate, released) = (gate.clone(), released.clone());
            spawn_detached(move || {
                let job = move || {
                    gate.pass();
                    8
                };
                assert_eq!(offload_with(&released, 0, job, GH_NEVER).0, -ECANCELED);
            });
        }
        until_pool("busy", |pool| pool.running == 3);
    });
    gate.open();
    with_hub(|| until_pool("idle", |pool| pool.running == 0));
    assert_eq!(*released.lock().expect("no panic"), [8; 3]);
}

#[test]
fn the_signals_of_the_host_are_not_taken_by_the_pool() {
    let _alone = pool_alone();
    with_hub(|| {
        let blocked = offload(
            || {
                // SAFETY: a valid place for the set, which the call fills in.
                let mask = unsafe {
                    let mut mask = std::mem::zeroed::<libc::sigset_t>();
                    libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
                    mask
                };
                // SAFETY: an initialised set.
                let has = |signal| unsafe { libc::sigismember(&mask, signal) } == 1;
                usize::from(has(libc::SIGTERM) && has(libc::SIGUSR1) && !has(libc::SIGSEGV))
            },
            GH_NEVER,
        );
        assert_eq!(blocked, (0, 1));
    });
}

#[test]
fn a_callback_cannot_wait_for_the_pool() {
    let _alone = pool_alone();
    with_hub(|| {
        let ran = counter();
        let timer = timer_start(now(), 0, move || {
            assert_eq!(offload(move || add_one(ran), GH_NEVER).0, GH_ENOTGREEN);
        });
        sleep_ms(5);
        assert_eq!(timer_cancel(timer), -ESRCH, "it has fired");
        assert_eq!(count(ran), 0);
    });
}

#[test]
fn a_report_tells_who_waits_for_the_pool() {
    let _alone = pool_alone();
    with_hub(|| {
        let gate = Gate::default();
        let thread = keep_busy(&gate);
        until_pool("busy", |pool| pool.running == 1);
        let text = dump();
        assert!(text.contains("waits for another OS thread"), "{text}");
        gate.open();
        join(thread);
    });
}

#[test]
fn bad_arguments_are_refused_and_nothing_is_released() {
    let _alone = pool_alone();
    with_hub(|| {
        let null_function = c!(gh_offload(None, null_mut(), null_mut(), GH_NEVER));
        assert_eq!(i64::from(null_function), -EINVAL);
        assert_eq!(i64::from(c!(gh_offload_with(null(), null_mut(), GH_NEVER))), -EINVAL);
        unsafe extern "C" fn never(_: *mut c_void, _: *mut c_void) {
            std::process::abort();
        }
        // SAFETY: plain numbers and pointers that may be null.
        let mut call: gh_offload_call = unsafe { std::mem::zeroed() };
        call.size = std::mem::size_of::<gh_offload_call>();
        call.release = Some(never);
        assert_eq!(i64::from(c!(gh_offload_with(&call, null_mut(), GH_NEVER))), -EINVAL);
        for (flags, reserved) in [(2, 0), (0, 1), (u32::MAX, 0)] {
            (call.flags, call.reserved) = (flags, reserved);
            assert_eq!(i64::from(c!(gh_offload_with(&call, null_mut(), GH_NEVER))), -EINVAL);
        }
        call.size = 5000;
        assert_eq!(i64::from(c!(gh_offload_with(&call, null_mut(), GH_NEVER))), -E2BIG);
        call.size = 3;
        assert_eq!(i64::from(c!(gh_offload_with(&call, null_mut(), GH_NEVER))), -EINVAL);
    });
}
