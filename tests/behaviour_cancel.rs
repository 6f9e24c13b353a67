//! Cancellation: at every suspending call, sticky until the entry returns, held back by the mask.

mod common;
use common::suspending::{would_succeed, would_wait};
use common::*;

#[test]
fn each_waiting_call_ends_when_its_thread_is_cancelled() {
    with_hub(|| {
        let fixture = would_wait();
        for case in &fixture.cases {
            let case = *case;
            let result = cell(i64::MAX);
            let thread = spawn(move || result.set((case.call)(GH_NEVER)));
            while stats().ready > 0 {
                yield_now();
            }
            assert_eq!(result.get(), i64::MAX, "{} waits", case.name);
            assert_eq!(cancel(thread), 0);
            assert_eq!(result.get(), i64::MAX, "gh_cancel does not run the other thread");
            join(thread);
            assert_eq!(result.get(), -ECANCELED, "{}", case.name);
        }
        fixture.end();
    });
}

#[test]
fn each_waiting_call_with_a_deadline_ends_when_its_thread_is_cancelled() {
    with_hub(|| {
        let fixture = would_wait();
        for case in &fixture.cases {
            let case = *case;
            let result = cell(i64::MAX);
            let thread = spawn(move || result.set((case.call)(now() + DAY)));
            while stats().ready > 0 {
                yield_now();
            }
            assert_eq!(cancel(thread), 0);
            join(thread);
            assert_eq!(result.get(), -ECANCELED, "{}", case.name);
        }
        fixture.end();
    });
}

#[test]
fn a_cancelled_thread_is_told_so_even_where_nothing_has_to_wait() {
    with_hub(|| {
        let fixture = would_succeed();
        for case in &fixture.cases {
            let case = *case;
            join(spawn(move || {
                assert_eq!(cancel(self_id()), 0);
                for deadline in [GH_NEVER, now() + DAY, PAST, -1] {
                    assert_eq!((case.call)(deadline), -ECANCELED, "{}", case.name);
                }
            }));
        }
        fixture.end();
    });
}

#[test]
fn a_cancelled_thread_is_told_so_by_calls_that_would_wait_or_time_out() {
    with_hub(|| {
        let fixture = would_wait();
        for case in &fixture.cases {
            let case = *case;
            join(spawn(move || {
                assert_eq!(cancel(self_id()), 0);
                for deadline in [GH_NEVER, PAST, i64::MIN] {
                    assert_eq!((case.call)(deadline), -ECANCELED, "{}", case.name);
                }
            }));
        }
        fixture.end();
    });
}

#[test]
fn a_masked_thread_goes_on_as_if_it_were_not_cancelled() {
    with_hub(|| {
        let fixture = would_succeed();
        for case in &fixture.cases {
            let case = *case;
            join(spawn(move || {
                assert_eq!(cancel_mask(true), 0);
                assert_eq!(cancel(self_id()), 0);
                let result = (case.call)(now() + 10 * SECOND);
                assert!(result >= 0, "{} masked: {result}", case.name);
                assert_eq!(cancel_mask(false), 1);
                assert_eq!((case.call)(PAST), -ECANCELED, "{} unmasked", case.name);
            }));
        }
        fixture.end();
    });
}

#[test]
fn a_masked_wait_is_not_ended_by_a_cancel() {
    with_hub(|| {
        let fixture = would_wait();
        for case in &fixture.cases {
            let case = *case;
            let result = cell(i64::MAX);
            let thread = spawn(move || {
                assert_eq!(cancel_mask(true), 0);
                let deadline = now() + 5 * MILLISECOND;
                result.set((case.call)(deadline));
                assert!(now() >= deadline, "{} ended early", case.name);
                assert_eq!(cancel_mask(false), 1);
                assert_eq!(yield_now(), -ECANCELED);
            });
            yield_now();
            assert_eq!(cancel(thread), 0);
            join(thread);
            assert_eq!(result.get(), case.late, "{}", case.name);
        }
        fixture.end();
    });
}

#[test]
fn masks_nest_by_the_value_that_they_return() {
    with_hub(|| {
        join(spawn(|| {
            assert_eq!(cancel_mask(false), 0);
            assert_eq!(cancel_mask(true), 0);
            assert_eq!(cancel_mask(true), 1);
            assert_eq!(cancel_mask(false), 1);
            assert_eq!(cancel_mask(false), 0);
        }));
    });
}

#[test]
fn a_mask_belongs_to_one_thread() {
    with_hub(|| {
        let masked = spawn(|| {
            assert_eq!(cancel_mask(true), 0);
            assert_eq!(sleep_ms(5), 0);
            cancel_mask(false);
        });
        let open = spawn(|| {
            assert_eq!(sleep_until(GH_NEVER), -ECANCELED);
            assert_eq!(cancel_mask(false), 0);
        });
        yield_now();
        assert_eq!((cancel(masked), cancel(open)), (0, 0));
        join(open);
        join(masked);
    });
}

#[test]
fn cancellation_stays_until_the_entry_returns() {
    with_hub(|| {
        let (a, b) = socket_pair();
        plain_write(b, b"data");
        let thread = spawn(move || {
            assert_eq!(sleep_until(GH_NEVER), -ECANCELED);
            for _ in 0..1000 {
                assert_eq!(yield_now(), -ECANCELED);
                assert_eq!(recv(a, &mut [0; 4], GH_NEVER), -ECANCELED);
                assert_eq!(sleep_ms(1), -ECANCELED);
            }
        });
        yield_now();
        assert_eq!(cancel(thread), 0);
        assert_eq!(cancel(thread), 0, "a second cancel adds nothing");
        join(thread);
        assert_eq!(drain(a, 4), b"data", "no cancelled call took the data");
        close(a);
        close(b);
    });
}

#[test]
fn the_next_thread_in_the_same_place_is_not_cancelled() {
    with_hub(|| {
        let first = spawn(|| assert_eq!(sleep_until(GH_NEVER), -ECANCELED));
        cancel(first);
        join(first);
        join(spawn(|| assert_eq!(sleep_ms(1), 0)));
    });
}

#[test]
fn calls_that_do_not_suspend_work_in_a_cancelled_thread() {
    with_hub(|| {
        join(spawn(|| {
            cancel(self_id());
            let fd = fd_of(tcp_listen(Some("127.0.0.1"), 0, 1));
            assert_eq!(set_name(0, "cancelled"), 0);
            assert_eq!(name(0), Ok("cancelled".into()));
            let child = spawn(|| assert_eq!(sleep_ms(1), 0));
            assert_eq!(detach(child), 0);
            let timer = timer_start(GH_NEVER, 0, || ());
            assert_eq!(timer_cancel(timer), 0);
            assert_eq!(close(fd), 0);
        }));
        assert_eq!(run(), 0);
    });
}

#[test]
fn a_thread_cancelled_before_its_first_turn_still_runs() {
    with_hub(|| {
        let first = cell(1);
        let thread = spawn(move || first.set(sleep_ms(1)));
        assert_eq!(cancel(thread), 0);
        join(thread);
        assert_eq!(first.get(), -ECANCELED);
    });
}

#[test]
fn a_ready_thread_is_told_at_its_next_call() {
    with_hub(|| {
        let log = log();
        let thread = spawn(move || {
            log.push(yield_now());
            log.push(yield_now());
        });
        yield_now();
        assert_eq!(cancel(thread), 0);
        join(thread);
        // The first yield was already waiting for its turn, so either answer of it is true.
        assert_eq!(log.take()[1], -ECANCELED);
    });
}

#[test]
fn cancelling_a_finished_thread() {
    with_hub(|| {
        let thread = spawn(|| ());
        sleep_ms(1);
        assert_eq!(cancel(thread), 0, "ended and not joined");
        join(thread);
        assert_eq!(cancel(thread), -ESRCH, "joined");
    });
}

#[test]
fn cancelling_a_joiner_leaves_its_target_to_be_joined_by_another() {
    with_hub(|| {
        let target = spawn(|| {
            sleep_ms(10);
        });
        let joiner = spawn(move || assert_eq!(join_until(target, GH_NEVER), -ECANCELED));
        yield_now();
        cancel(joiner);
        join(joiner);
        join(target);
    });
}

#[test]
fn a_joiner_is_cancelled_although_its_target_ends_before_it_runs() {
    with_hub(|| {
        let target = spawn(|| {
            yield_now();
        });
        let joiner = spawn(move || assert_eq!(join_until(target, GH_NEVER), -ECANCELED));
        yield_now();
        // The target is ready and has its last turn before the joiner has its next.
        cancel(joiner);
        join(joiner);
        assert_eq!(join_until(target, PAST), 0, "the result is not lost");
    });
}

#[test]
fn the_root_cannot_be_cancelled() {
    with_hub(|| {
        assert_ne!(hub(), null_mut());
        let root = self_id();
        assert_eq!(cancel(root), -EINVAL);
        join(spawn(move || assert_eq!(cancel(root), -EINVAL)));
        assert_eq!(sleep_ms(1), 0);
    });
}

#[test]
fn partial_work_is_told_when_a_cancel_ends_it() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let data = pattern(4 << 20);
        let total = data.len();
        let told = cell(0);
        let thread = spawn(move || {
            let (result, sent) = send_all(a, &data, GH_NEVER);
            assert_eq!(result, -ECANCELED);
            told.set(sent);
        });
        yield_now();
        cancel(thread);
        join(thread);
        assert!(told.get() > 0 && told.get() < total);
        assert_eq!(drain(b, total), pattern(total)[..told.get()]);

        plain_write(a, b"three");
        let thread = spawn(move || {
            let mut buf = [0; 8];
            assert_eq!(recv_exact(b, &mut buf, GH_NEVER), (-ECANCELED, 5));
            assert_eq!(&buf[..5], b"three");
        });
        yield_now();
        cancel(thread);
        join(thread);
        close(a);
        close(b);
    });
}

#[test]
fn a_thread_may_cancel_another_from_a_callback() {
    with_hub(|| {
        let thread = spawn(|| assert_eq!(sleep_until(GH_NEVER), -ECANCELED));
        timer_start(after_ms(5), 0, move || assert_eq!(cancel(thread), 0));
        join(thread);
    });
}

#[test]
fn cancelled_threads_end_in_the_order_of_their_cancelling() {
    with_hub(|| {
        let log = log();
        let threads: Vec<_> = (0..50)
            .map(|n| {
                spawn(move || {
                    assert_eq!(sleep_until(GH_NEVER), -ECANCELED);
                    log.push(n);
                })
            })
            .collect();
        yield_now();
        for &thread in threads.iter().rev() {
            assert_eq!(cancel(thread), 0);
        }
        join_all(threads);
        assert_eq!(log.take(), (0..50).rev().collect::<Vec<_>>());
    });
}

#[test]
fn ending_without_a_suspending_call_is_no_error() {
    with_hub(|| {
        let thread = spawn(|| ());
        cancel(thread);
        assert_eq!(join_until(thread, GH_NEVER), 0);
    });
}

#[test]
fn a_cancel_ends_a_wait_that_was_woken_for_nothing_in_the_same_turn() {
    with_hub(|| {
        type Call = fn(c_int) -> i64;
        let calls: [(&str, Call); 5] = [
            ("gh_recv", |fd| recv(fd, &mut [0; 8], GH_NEVER)),
            ("gh_read", |fd| read(fd, &mut [0; 8], GH_NEVER)),
            ("gh_wait_fd", |fd| wait_fd(fd, libc::POLLIN, GH_NEVER)),
            ("gh_poll", |fd| poll(&mut [pollfd(fd, libc::POLLIN), pollfd(-1, 0)], GH_NEVER)),
            ("gh_select", |fd| objects::select(&mut [objects::case_read(fd)], GH_NEVER)),
        ];
        for (name, call) in calls {
            let (a, b) = socket_pair();
            let result = cell(0);
            let thread = spawn(move || result.set(call(a)));
            yield_now();
            plain_write(b, b"x");
            // Runs after the event has woken the thread and before the thread.
            timer_start(PAST, 0, move || {
                drain(a, 1);
                assert_eq!(cancel(thread), 0);
            });
            assert_eq!(join_until(thread, after_ms(5_000)), 0, "{name} still waits");
            assert_eq!(result.get(), -ECANCELED, "{name}");
            assert_eq!((close(a), close(b)), (0, 0));
        }
    });
}
