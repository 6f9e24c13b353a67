//! Deadlines and the clock: past, now, within a millisecond, days ahead, never; never early.

mod common;
use common::suspending::{would_succeed, would_wait};
use common::*;

/// How late a wait may be before something other than a busy machine is to blame.
const LATE: i64 = 10 * SECOND;

fn assert_woke_at(deadline: i64) {
    let woke = now();
    assert!(woke >= deadline, "{} ns early", deadline - woke);
    assert!(woke - deadline < LATE, "{} ns late", woke - deadline);
}

#[test]
fn the_clock_does_not_go_back_and_counts_nanoseconds() {
    let mut last = now();
    assert!(last > 0);
    for _ in 0..10_000 {
        let next = now();
        assert!(next >= last);
        last = next;
    }
    let start = std::time::Instant::now();
    let before = now();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let elapsed = now() - before;
    assert!(elapsed >= 20 * MILLISECOND);
    assert!(elapsed <= start.elapsed().as_nanos() as i64);
}

#[test]
fn the_clock_is_the_systems_monotonic_clock() {
    // SAFETY: plain numbers.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    let before = now();
    assert_eq!(c!(libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time)), 0);
    let after = now();
    let system = time.tv_sec * SECOND + time.tv_nsec;
    assert!(before <= system && system <= after, "{before} {system} {after}");
}

#[test]
fn after_adds_and_saturates() {
    let before = now();
    let ms = c!(gh_after_ms(250));
    let ns = c!(gh_after_ns(250));
    let after = now();
    assert!(ms >= before + 250 * MILLISECOND && ms <= after + 250 * MILLISECOND);
    assert!(ns >= before + 250 && ns <= after + 250);

    assert_eq!(c!(gh_after_ms(i64::MAX)), GH_NEVER);
    assert_eq!(c!(gh_after_ms(i64::MAX / 1_000_000)), GH_NEVER);
    assert_eq!(c!(gh_after_ns(i64::MAX)), GH_NEVER);
    assert_eq!(c!(gh_after_ns(i64::MAX - 1)), GH_NEVER);
    for past in [-1, -1000, i64::MIN / 2, i64::MIN + 1, i64::MIN] {
        assert!(c!(gh_after_ms(past)) < now(), "gh_after_ms({past})");
        assert!(c!(gh_after_ns(past)) <= now(), "gh_after_ns({past})");
    }
    let zero = c!(gh_after_ms(0));
    assert!(zero >= after && zero <= now());
}

#[test]
fn each_call_that_would_wait_tries_once_when_its_deadline_is_past() {
    with_hub(|| {
        let fixture = would_wait();
        for case in &fixture.cases {
            let case = *case;
            join(spawn(move || {
                for past in [PAST, 1, -1, i64::MIN, now() - SECOND, now()] {
                    assert_eq!((case.call)(past), case.late, "{} by {past}", case.name);
                }
            }));
            assert_eq!((case.call)(PAST), case.late, "{} in the root", case.name);
        }
        fixture.end();
    });
}

#[test]
fn each_call_that_can_succeed_does_so_although_its_deadline_is_past() {
    // Connecting takes a moment even on the loopback, so one attempt may not be enough.
    let may_be_late = ["gh_connect", "gh_tcp_connect"];
    for deadline in [PAST, -1, i64::MIN, 1] {
        with_hub(|| {
            let fixture = would_succeed();
            for case in &fixture.cases {
                let result = (case.call)(deadline);
                let late = result == -ETIMEDOUT && may_be_late.contains(&case.name);
                assert!(result >= 0 || late, "{} by {deadline}: {result}", case.name);
            }
            fixture.end();
        });
    }
}

#[test]
fn each_waiting_call_ends_at_its_deadline_and_never_before() {
    with_hub(|| {
        let fixture = would_wait();
        for case in &fixture.cases {
            let case = *case;
            join(spawn(move || {
                let deadline = now() + 7 * MILLISECOND + 123_457;
                assert_eq!((case.call)(deadline), case.late, "{}", case.name);
                assert_woke_at(deadline);
            }));
            let deadline = now() + 3 * MILLISECOND + 1;
            assert_eq!((case.call)(deadline), case.late, "{} in the root", case.name);
            assert_woke_at(deadline);
        }
        fixture.end();
    });
}

#[test]
fn a_call_that_timed_out_can_be_made_again() {
    with_hub(|| {
        let (a, b) = socket_pair();
        for round in 0..20_u8 {
            assert_eq!(recv(a, &mut [0; 4], now() + 200_000), -ETIMEDOUT);
            plain_write(b, &[round]);
            let mut buf = [0; 4];
            assert_eq!(recv(a, &mut buf, GH_NEVER), 1);
            assert_eq!(buf[0], round);
        }
        close(a);
        close(b);
    });
}

#[test]
fn what_comes_before_the_deadline_ends_the_wait_before_it() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let deadline = now() + DAY;
        let reader = spawn(move || {
            assert_eq!(recv(a, &mut [0; 4], deadline), 4);
            assert!(now() < deadline - DAY / 2);
        });
        sleep_ms(5);
        plain_write(b, b"data");
        join(reader);
        close(a);
        close(b);
        assert_eq!(stats().timers, 0, "a wait that ended leaves no deadline behind");
    });
}

#[test]
fn sleeps_of_every_length_below_some_milliseconds_are_never_early() {
    let mut options = no_hub_options();
    for slack in [0, 1, 50_000, 5 * MILLISECOND] {
        options.timer_slack = slack;
        with_hub(|| {
            assert_eq!(new_hub(&options), 0);
            let threads: Vec<_> = [1, 10, 999, 5_000, 77_777, 500_000, 999_999, 1_000_001]
                .into_iter()
                .flat_map(|length| std::iter::repeat_n(length, 5))
                .map(|length| {
                    spawn(move || {
                        for _ in 0..5 {
                            let deadline = c!(gh_after_ns(length));
                            assert_eq!(sleep_until(deadline), 0);
                            assert_woke_at(deadline);
                        }
                    })
                })
                .collect();
            join_all(threads);
            for length in [1, 1000, 100_000, 1_500_000] {
                let deadline = c!(gh_after_ns(length));
                assert_eq!(sleep_until(deadline), 0);
                assert_woke_at(deadline);
            }
        });
    }
}

#[test]
fn sleeping_now_past_and_negative_returns_at_once() {
    with_hub(|| {
        let start = now();
        for deadline in [now(), PAST, -1, i64::MIN] {
            assert_eq!(sleep_until(deadline), 0);
        }
        for ms in [0, -1, i64::MIN] {
            assert_eq!(sleep_ms(ms), 0, "gh_sleep_ms({ms})");
        }
        assert!(now() - start < LATE);
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    with_hub(|| {
        let log = log();
        let start = now() + 10 * MILLISECOND;
        let threads: Vec<_> = [7, 3, 9, 1, 5, 0, 8, 2, 6, 4]
            .into_iter()
            .map(|place| {
                spawn(move || {
                    assert_eq!(sleep_until(start + place * 5 * MILLISECOND), 0);
                    log.push(place);
                })
            })
            .collect();
        join_all(threads);
        assert_eq!(log.take(), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn sleepers_of_one_instant_wake_in_the_order_in_which_they_went_to_sleep() {
    with_hub(|| {
        let log = log();
        let deadline = after_ms(20);
        let threads: Vec<_> = (0..500)
            .map(|n| {
                spawn(move || {
                    assert_eq!(sleep_until(deadline), 0);
                    assert_woke_at(deadline);
                    log.push(n);
                })
            })
            .collect();
        join_all(threads);
        assert_eq!(log.take(), (0..500).collect::<Vec<_>>());
    });
}

#[test]
fn waits_of_different_kinds_end_at_one_instant() {
    with_hub(|| {
        let fixture = would_wait();
        let deadline = after_ms(20);
        let ended = cell(0);
        let threads: Vec<_> = fixture
            .cases
            .iter()
            .filter(|case| case.name != "gh_join")
            .map(|&case| {
                spawn(move || {
                    assert_eq!((case.call)(deadline), case.late, "{}", case.name);
                    assert_woke_at(deadline);
                    ended.set(ended.get() + 1);
                })
            })
            .collect();
        let count = threads.len();
        join_all(threads);
        assert_eq!(ended.get(), count);
        fixture.end();
    });
}

#[test]
fn deadlines_far_ahead_wait_and_can_be_cancelled() {
    with_hub(|| {
        let far = [
            now() + DAY,
            now() + 50 * DAY,
            now() + 400 * DAY,
            now() + 36_500 * DAY,
            i64::MAX / 2,
            GH_NEVER - 1,
            GH_NEVER,
        ];
        let woken = cell(0);
        let threads: Vec<_> = far
            .into_iter()
            .map(|deadline| {
                spawn(move || {
                    assert_eq!(sleep_until(deadline), -ECANCELED);
                    woken.set(woken.get() + 1);
                })
            })
            .collect();
        for _ in 0..3 {
            let soon = after_ms(5);
            assert_eq!(sleep_until(soon), 0, "a near deadline among far ones");
            assert_woke_at(soon);
            assert_eq!(woken.get(), 0);
        }
        assert_eq!(stats().live, 7);
        for &thread in &threads {
            cancel(thread);
        }
        join_all(threads);
    });
}

#[test]
fn the_longest_relative_sleep_does_not_overflow() {
    with_hub(|| {
        let threads = [i64::MAX, i64::MAX / 1_000_000, i64::MAX / 1_000_000 - 1]
            .map(|ms| spawn(move || assert_eq!(sleep_ms(ms), -ECANCELED)));
        sleep_ms(5);
        assert_eq!(stats().live, 3);
        for thread in threads {
            cancel(thread);
            join(thread);
        }
    });
}

#[test]
fn a_deadline_composes_across_retries() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let deadline = after_ms(40);
        let feeder = spawn(move || {
            for _ in 0..3 {
                sleep_ms(5);
                plain_write(b, b"x");
            }
        });
        let mut received = 0;
        loop {
            match recv(a, &mut [0; 1], deadline) {
                1 => received += 1,
                end => {
                    assert_eq!(end, -ETIMEDOUT);
                    break;
                }
            }
        }
        assert_woke_at(deadline);
        assert_eq!(received, 3);
        join(feeder);
        close(a);
        close(b);
    });
}
