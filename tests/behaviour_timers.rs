//! Timers: one-shot and periodic, their order, and what their callbacks may do.

mod common;
use common::suspending::{would_succeed, would_wait};
use common::*;

#[test]
fn a_timer_fires_once_and_not_early() {
    with_hub(|| {
        let fired = log();
        let deadline = after_ms(10);
        let timer = timer_start(deadline, 0, move || fired.push(now()));
        assert_eq!(stats().timers, 1);
        assert_eq!(run(), 0, "the hub runs until its last timer has fired");
        let fired = fired.take();
        assert_eq!(fired.len(), 1);
        assert!(fired[0] >= deadline);
        assert_eq!(stats().timers, 0);
        assert_eq!(timer_cancel(timer), -ESRCH);
    });
}

#[test]
fn timers_fire_while_the_root_waits() {
    with_hub(|| {
        let fired = cell(false);
        timer_start(after_ms(5), 0, move || fired.set(true));
        assert_eq!(sleep_ms(200), 0);
        assert!(fired.get());
    });
}

#[test]
fn a_past_deadline_fires_when_the_hub_runs_and_not_inside_the_call() {
    with_hub(|| {
        for past in [PAST, -1, i64::MIN, now()] {
            let fired = cell(0);
            timer_start(past, 0, move || fired.set(fired.get() + 1));
            assert_eq!(fired.get(), 0);
            assert_eq!(run(), 0);
            assert_eq!(fired.get(), 1);
        }
    });
}

#[test]
fn a_periodic_timer_fires_until_it_cancels_itself() {
    with_hub(|| {
        let fired = log();
        let id = cell(0);
        let start = after_ms(5);
        let period = 3 * MILLISECOND;
        let timer = timer_start(start, period, move || {
            fired.push(now());
            if fired.len() == 6 {
                assert_eq!(timer_cancel(id.get()), 0);
                assert_eq!(timer_cancel(id.get()), -ESRCH);
            }
        });
        id.set(timer);
        assert_eq!(run(), 0);
        let fired = fired.take();
        assert_eq!(fired.len(), 6);
        for (n, at) in fired.into_iter().enumerate() {
            assert!(at >= start + n as i64 * period, "firing {n} is early");
        }
    });
}

#[test]
fn a_periodic_timer_keeps_its_id_until_it_is_cancelled() {
    with_hub(|| {
        let fired = cell(0);
        let timer = timer_start(PAST, MILLISECOND, move || fired.set(fired.get() + 1));
        while fired.get() < 3 {
            sleep_ms(1);
        }
        assert_eq!(timer_cancel(timer), 0);
        let count = fired.get();
        sleep_ms(10);
        assert_eq!(fired.get(), count);
        assert_eq!(timer_cancel(timer), -ESRCH);
    });
}

#[test]
fn a_one_shot_timer_is_over_in_its_own_callback() {
    with_hub(|| {
        let id = cell(0);
        let ran = cell(false);
        id.set(timer_start(after_ms(2), 0, move || {
            assert_eq!(timer_cancel(id.get()), -ESRCH);
            ran.set(true);
        }));
        assert_eq!(run(), 0);
        assert!(ran.get());
    });
}

#[test]
fn a_cancelled_timer_does_not_fire() {
    with_hub(|| {
        let timer = timer_start(after_ms(5), 0, || panic!("cancelled"));
        assert_eq!(timer_cancel(timer), 0);
        assert_eq!(timer_cancel(timer), -ESRCH);
        sleep_ms(15);
        assert_eq!(timer_cancel(0), -ESRCH);
    });
}

#[test]
fn a_callback_may_cancel_another_timer_of_the_same_instant() {
    with_hub(|| {
        let second = cell(0);
        let deadline = after_ms(5);
        timer_start(deadline, 0, move || assert_eq!(timer_cancel(second.get()), 0));
        second.set(timer_start(deadline, 0, || panic!("cancelled by the first")));
        assert_eq!(run(), 0);
    });
}

#[test]
fn a_callback_may_start_timers() {
    with_hub(|| {
        let fired = cell(0);
        fn chain(left: u32, fired: &'static Cell<u32>) {
            timer_start(after_ms(1), 0, move || {
                fired.set(fired.get() + 1);
                if left > 1 {
                    chain(left - 1, fired);
                }
            });
        }
        chain(10, fired);
        assert_eq!(run(), 0);
        assert_eq!(fired.get(), 10);
    });
}

#[test]
fn a_callback_that_starts_a_timer_in_the_past_does_not_hold_up_the_hub() {
    with_hub(|| {
        let fired = cell(0);
        fn again(fired: &'static Cell<u32>) {
            timer_start(PAST, 0, move || {
                fired.set(fired.get() + 1);
                if fired.get() < 1_000_000 {
                    again(fired);
                }
            });
        }
        again(fired);
        join(spawn(|| {
            for _ in 0..3 {
                assert_eq!(yield_now(), 0);
            }
        }));
        assert!(fired.get() < 1_000_000, "threads have their turns in between");
        fired.set(1_000_000 - 1);
        assert_eq!(run(), 0);
    });
}

#[test]
fn every_suspending_call_is_refused_in_a_callback() {
    with_hub(|| {
        let waiting = would_wait();
        let ready = would_succeed();
        for (kind, fixture) in [("would wait", &waiting), ("would succeed", &ready)] {
            for &case in &fixture.cases {
                let result = cell(i64::MAX);
                for deadline in [GH_NEVER, after_ms(50), PAST] {
                    timer_start(PAST, 0, move || result.set((case.call)(deadline)));
                    while result.get() == i64::MAX {
                        yield_now();
                    }
                    let name = case.name;
                    assert_eq!(result.take(), GH_ENOTGREEN, "{name}, which {kind}");
                    result.set(i64::MAX);
                }
            }
        }
        waiting.end();
        ready.end();
    });
}

#[test]
fn a_callback_is_no_green_thread_and_not_the_root() {
    with_hub(|| {
        let ran = cell(false);
        timer_start(PAST, 0, move || {
            assert_eq!(self_id(), 0);
            assert_eq!(sleep_ms(1), GH_ENOTGREEN);
            assert_eq!(cancel_mask(true), GH_ENOTGREEN);
            assert_eq!(name(0), Err(GH_ENOTGREEN));
            assert_eq!(set_name(0, "callback"), GH_ENOTGREEN);
            assert_eq!(run(), GH_ENOTROOT);
            assert_eq!(run_once(PAST), GH_ENOTROOT);
            assert_eq!(free_hub(), GH_ENOTROOT);
            ran.set(true);
        });
        assert_eq!(run(), 0);
        assert!(ran.get());
    });
}

#[test]
fn a_callback_may_spawn_wake_and_post() {
    with_hub(|| {
        let log = log();
        let hub = hub();
        timer_start(PAST, 0, move || {
            spawn_detached(move || log.push("thread"));
            assert_eq!(post(hub, move || log.push("post")), 0);
            log.push("timer");
        });
        while log.len() < 3 {
            sleep_ms(1);
        }
        let mut events = log.take();
        assert_eq!(events.remove(0), "timer");
        events.sort_unstable();
        assert_eq!(events, ["post", "thread"]);
    });
}

#[test]
fn a_timer_that_never_fires_keeps_nothing_awake() {
    with_hub(|| {
        let timer = timer_start(GH_NEVER, 0, || panic!("never"));
        sleep_ms(5);
        assert_eq!(run_once(PAST), 1, "a timer is left");
        assert_eq!(timer_cancel(timer), 0);
        assert_eq!(run_once(PAST), 0);
    });
}

#[test]
fn bad_timers_are_refused() {
    with_hub(|| {
        assert_eq!(try_timer_start(PAST, -1, || ()), Err(-EINVAL));
        assert_eq!(try_timer_start(PAST, i64::MIN, || ()), Err(-EINVAL));
        assert_eq!(stats().timers, 0);
        assert_eq!(run(), 0);
    });
}

#[test]
fn the_caller_need_not_take_the_id() {
    unsafe extern "C" fn count(arg: *mut c_void) {
        // SAFETY: the test below passes a cell that lives for ever, on this OS thread.
        let fired = unsafe { &*arg.cast::<Cell<u32>>() };
        fired.set(fired.get() + 1);
    }
    with_hub(|| {
        let fired: *const Cell<u32> = cell(0);
        let arg = fired.cast_mut().cast();
        assert_eq!(c!(gh_timer_start(null_mut(), PAST, 0, Some(count), arg)), 0);
        assert_eq!(run(), 0);
        // SAFETY: as in `count`.
        assert_eq!(unsafe { (*fired).get() }, 1);
    });
}
