//! Timers in number: their order, a hundred thousand of them, turns that were missed.

mod common;
use common::*;

#[test]
fn timers_of_equal_deadlines_fire_in_the_order_of_their_start() {
    with_hub(|| {
        let log = log();
        let deadline = after_ms(10);
        for n in 0..1000 {
            timer_start(deadline, 0, move || log.push(n));
        }
        assert_eq!(run(), 0);
        assert_eq!(log.take(), (0..1000).collect::<Vec<_>>());
    });
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines() {
    with_hub(|| {
        let log = log();
        let start = after_ms(10);
        let mut places: Vec<i64> = (0..40).collect();
        places.sort_by_key(|place| place * 17 % 41);
        for place in places {
            timer_start(start + place * 3 * MILLISECOND, 0, move || log.push(place));
        }
        assert_eq!(run(), 0);
        assert_eq!(log.take(), (0..40).collect::<Vec<_>>());
    });
}

#[test]
fn timers_that_are_due_together_still_fire_in_the_order_of_their_deadlines() {
    with_hub(|| {
        let log = log();
        let start = now() + MILLISECOND;
        for place in [3, 1, 4, 0, 2] {
            timer_start(start + place * 2 * MILLISECOND, 0, move || log.push(place));
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(run(), 0);
        assert_eq!(log.take(), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_hundred_thousand_timers_started_and_cancelled() {
    const COUNT: usize = 100_000;
    with_hub(|| {
        let fired = cell(0);
        let timers: Vec<_> = (0..COUNT)
            .map(|n| {
                let ahead = (n as i64 * 7919) % (3600 * SECOND) + 60 * SECOND;
                timer_start(now() + ahead, 0, move || fired.set(fired.get() + 1))
            })
            .collect();
        assert_eq!(stats().timers, COUNT as u64);
        sleep_ms(2);
        for &timer in &timers {
            assert_eq!(timer_cancel(timer), 0);
        }
        assert_eq!(stats().timers, 0);
        for &timer in timers.iter().step_by(997) {
            assert_eq!(timer_cancel(timer), -ESRCH);
        }
        assert_eq!(run(), 0);
        assert_eq!(fired.get(), 0);
    });
}

#[test]
fn many_timers_all_fire_and_none_early() {
    const COUNT: i64 = 20_000;
    with_hub(|| {
        let fired = cell(0);
        let start = now();
        for n in 0..COUNT {
            let deadline = start + (n * 7919) % (100 * MILLISECOND);
            timer_start(deadline, 0, move || {
                assert!(now() >= deadline);
                fired.set(fired.get() + 1);
            });
        }
        assert_eq!(run(), 0);
        assert_eq!(fired.get(), COUNT);
    });
}

#[test]
fn turns_that_a_periodic_timer_missed_are_left_out() {
    with_hub(|| {
        let fired = log();
        let period = 10 * MILLISECOND;
        let start = now() + MILLISECOND;
        let timer = timer_start(start, period, move || fired.push(now()));
        std::thread::sleep(std::time::Duration::from_millis(75));
        while fired.len() < 3 {
            sleep_ms(1);
        }
        assert_eq!(timer_cancel(timer), 0);
        let fired = fired.take();
        // The first turn is late, by seven periods and more; the next ones are in step again.
        assert!(fired[0] >= start + 7 * period);
        for two in fired.windows(2) {
            let (before, after) = ((two[0] - start) / period, (two[1] - start) / period);
            assert!(after > before, "two turns within one period");
        }
    });
}

#[test]
fn a_period_as_long_as_time_itself_does_not_overflow() {
    with_hub(|| {
        let fired = cell(0);
        let timer = timer_start(PAST, i64::MAX, move || fired.set(fired.get() + 1));
        sleep_ms(5);
        assert_eq!(fired.get(), 1);
        assert_eq!(timer_cancel(timer), 0);
    });
}
