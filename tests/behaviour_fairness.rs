//! A green thread whose calls always succeed at once does not starve the others.

mod common;
use common::*;

/// No honest budget lets a thread make so many calls in one turn.
const FAR_TOO_MANY: usize = 1_000_000;

/// A call and its name.
type Named = (&'static str, Box<dyn Fn()>);

/// Makes `call` over and over until `enough` says so; tells how often that was.
fn busy(enough: &'static Cell<bool>, call: impl Fn()) -> usize {
    let mut calls = 0;
    while !enough.get() {
        call();
        calls += 1;
        assert!(calls < FAR_TOO_MANY, "the others starve");
    }
    calls
}

/// Runs `call` in a busy thread until another thread has had `turns` turns.
fn calls_until_other_had_turns(turns: usize, call: impl Fn() + 'static) -> usize {
    let enough = cell(false);
    let calls = cell(0);
    let thread = spawn(move || calls.set(busy(enough, call)));
    let other = spawn(move || {
        for _ in 0..turns {
            assert_eq!(yield_now(), 0);
        }
        enough.set(true);
    });
    join(other);
    join(thread);
    calls.get()
}

#[test]
fn a_socket_that_is_always_ready_leaves_turns_to_the_others() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let calls = calls_until_other_had_turns(10, move || {
            assert_eq!(send(a, b"x", GH_NEVER), 1);
            assert_eq!(recv(b, &mut [0; 1], GH_NEVER), 1);
        });
        assert!(calls <= 12 * 128, "{calls} pairs of calls in ten turns");
        close(a);
        close(b);
    });
}

#[test]
fn every_kind_of_call_uses_the_budget_up() {
    with_hub(|| {
        let (a, b) = socket_pair();
        plain_write(b, &[0; 100_000]);
        let file = temporary_file(&[0; 16]);
        let ended = spawn(|| ());
        sleep_ms(1);
        let calls: Vec<Named> = vec![
            (
                "gh_read of a file",
                Box::new(move || assert!(read(file, &mut [0; 1], GH_NEVER) >= 0)),
            ),
            ("gh_wait_fd", Box::new(move || assert!(wait_fd(a, libc::POLLIN, GH_NEVER) > 0))),
            (
                "gh_poll",
                Box::new(move || assert_eq!(poll(&mut [pollfd(a, libc::POLLIN)], GH_NEVER), 1)),
            ),
            (
                "gh_recv that peeks",
                Box::new(move || {
                    assert_eq!(recv_flags(a, &mut [0; 1], libc::MSG_PEEK, GH_NEVER), 1);
                }),
            ),
            (
                "gh_recv that times out",
                Box::new(move || assert_eq!(recv(b, &mut [0; 1], PAST), -ETIMEDOUT)),
            ),
            (
                "gh_recv that fails",
                Box::new(|| assert_eq!(recv(-1, &mut [0; 1], GH_NEVER), -EBADF)),
            ),
            ("gh_sleep_until a past time", Box::new(|| assert_eq!(sleep_until(PAST), 0))),
            (
                "gh_join of a stale id",
                Box::new(move || assert_eq!(join_until(0, GH_NEVER), -ESRCH)),
            ),
        ];
        for (name, call) in calls {
            eprintln!("{name}");
            calls_until_other_had_turns(5, call);
        }
        join(ended);
        for fd in [a, b, file] {
            close(fd);
        }
    });
}

#[test]
fn send_all_and_recv_exact_of_much_leave_turns_to_the_others() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let enough = cell(false);
        let writer = spawn(move || {
            busy(enough, || {
                assert_eq!(send_all(a, &[1; 512], GH_NEVER).0, 512);
                assert_eq!(recv_exact(b, &mut [0; 512], GH_NEVER).0, 512);
            });
        });
        let other = spawn(move || {
            for _ in 0..10 {
                yield_now();
            }
            enough.set(true);
        });
        join(other);
        join(writer);
        close(a);
        close(b);
    });
}

#[test]
fn a_small_budget_takes_turns_after_every_call() {
    let mut options = no_hub_options();
    options.budget = 1;
    with_hub(|| {
        assert_eq!(new_hub(&options), 0);
        let (a, b) = socket_pair();
        let log = log();
        let threads = [a, b].map(|fd| {
            spawn(move || {
                for round in 0..20 {
                    assert_eq!(send(fd, b"x", GH_NEVER), 1);
                    log.push((round, fd == a));
                }
            })
        });
        for thread in threads {
            join(thread);
        }
        let events = log.take();
        let repeats = events.windows(2).filter(|two| two[0].1 == two[1].1);
        assert!(repeats.count() <= 2, "{events:?}");
        close(a);
        close(b);
    });
}

#[test]
fn timers_fire_while_a_thread_is_busy() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let enough = cell(false);
        let thread = spawn(move || {
            let give_up = after_ms(60_000);
            while !enough.get() {
                assert_eq!(send(a, b"x", GH_NEVER), 1);
                assert_eq!(recv(b, &mut [0; 1], GH_NEVER), 1);
                assert!(now() < give_up, "the timer starves");
            }
        });
        timer_start(after_ms(10), 0, move || enough.set(true));
        join(thread);
        close(a);
        close(b);
    });
}

#[test]
fn readiness_is_asked_for_while_a_thread_is_busy() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let (waiting, feeder) = socket_pair();
        let enough = cell(false);
        let reader = spawn(move || {
            assert_eq!(recv(waiting, &mut [0; 1], GH_NEVER), 1);
            enough.set(true);
        });
        yield_now();
        let thread = spawn(move || {
            plain_write(feeder, b"x");
            let give_up = after_ms(60_000);
            while !enough.get() {
                assert_eq!(send(a, b"x", GH_NEVER), 1);
                assert_eq!(recv(b, &mut [0; 1], GH_NEVER), 1);
                assert!(now() < give_up, "the reader starves");
            }
        });
        join(reader);
        join(thread);
        for fd in [a, b, waiting, feeder] {
            close(fd);
        }
    });
}

#[test]
fn readiness_timers_and_posts_come_through_while_threads_only_yield() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let events = cell(0);
        let reader = spawn(move || {
            assert_eq!(recv(a, &mut [0; 1], GH_NEVER), 1);
            events.set(events.get() + 1);
        });
        yield_now();
        let spinners: Vec<_> = (0..3)
            .map(|_| {
                spawn(move || {
                    let give_up = after_ms(60_000);
                    while events.get() < 3 {
                        assert_eq!(yield_now(), 0);
                        assert!(now() < give_up, "{} of three came", events.get());
                    }
                })
            })
            .collect();
        timer_start(after_ms(5), 0, move || events.set(events.get() + 1));
        assert_eq!(post(hub(), move || events.set(events.get() + 1)), 0);
        plain_write(b, b"x");
        join(reader);
        join_all(spinners);
        close(a);
        close(b);
    });
}

#[test]
fn the_root_keeps_to_the_budget_too() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let enough = cell(false);
        let other = spawn(move || {
            for _ in 0..10 {
                yield_now();
            }
            enough.set(true);
        });
        busy(enough, || {
            assert_eq!(send(a, b"x", GH_NEVER), 1);
            assert_eq!(recv(b, &mut [0; 1], GH_NEVER), 1);
        });
        join(other);
        close(a);
        close(b);
    });
}
