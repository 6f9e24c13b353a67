//! The hub: making it with options, running and stopping it, what it tells about itself.

mod common;
use common::*;

fn new_hub_with(change: impl FnOnce(&mut gh_hub_options)) -> i64 {
    let mut options = no_hub_options();
    change(&mut options);
    new_hub(&options)
}

#[test]
fn the_first_use_makes_the_hub_and_later_ones_find_it() {
    with_hub(|| {
        let first = hub();
        assert_eq!(first, hub());
        let mut second = null_mut();
        assert_eq!(i64::from(c!(gh_hub_new(&mut second, null()))), -EEXIST);
        join(spawn(move || assert_eq!(hub(), first)));
    });
}

#[test]
fn a_hub_may_be_made_before_its_first_use() {
    with_hub(|| {
        let mut made = null_mut();
        assert_eq!(c!(gh_hub_new(&mut made, null())), 0);
        assert!(!made.is_null());
        assert_eq!(made, hub());
    });
}

#[test]
fn zero_means_the_documented_defaults() {
    with_hub(|| {
        assert_eq!(new_hub(&no_hub_options()), 0);
        assert_eq!(stats().stack_size, 262_144);
        assert_eq!(stats().guard, u64::from(GH_GUARD_AUTO), "no stack was made yet");
        join(spawn(|| ()));
        let guard = stats().guard as u32;
        assert!([GH_GUARD_MADVISE, GH_GUARD_MPROTECT].contains(&guard), "{guard}");
    });
}

#[test]
fn the_stack_size_is_rounded_up_to_a_power_of_two() {
    for (asked, used) in
        [(16_384, 16_384), (65_537, 131_072), (100_000, 131_072), (1 << 20, 1 << 20)]
    {
        with_hub(|| {
            assert_eq!(new_hub_with(|options| options.stack_size = asked), 0);
            assert_eq!(stats().stack_size, used);
            let mut options = no_spawn_options();
            options.stack_size = 65_536;
            join(spawn_with(&options, || assert_eq!(yield_now(), 0)));
        });
    }
}

#[test]
fn both_guard_methods_serve() {
    for guard in [GH_GUARD_MPROTECT, GH_GUARD_MADVISE] {
        with_hub(|| {
            assert_eq!(new_hub_with(|options| options.guard = guard), 0, "guard method {guard}");
            let first = try_spawn(&no_spawn_options(), || ());
            if guard == GH_GUARD_MADVISE && first == Err(-ENOTSUP) {
                eprintln!("skipped: this kernel has no MADV_GUARD_INSTALL");
                return;
            }
            join(first.expect("gh_spawn"));
            assert_eq!(stats().guard, u64::from(guard));
            join_all((0..200).map(|_| spawn(|| assert_eq!(yield_now(), 0))).collect::<Vec<_>>());
        });
    }
}

#[test]
fn bad_option_values_are_refused_and_leave_no_hub() {
    let _watchdog = watchdog();
    assert_eq!(new_hub_with(|options| options.timer_slack = -1), -EINVAL);
    assert_eq!(new_hub_with(|options| options.timer_slack = i64::MIN), -EINVAL);
    assert_eq!(new_hub_with(|options| options.guard = 3), -EINVAL);
    assert_eq!(new_hub_with(|options| options.guard = u32::MAX), -EINVAL);
    assert_eq!(new_hub_with(|options| options.reserved = 1), -EINVAL);
    for size in [1, 4096, 16_383, (1 << 30) + 1, 1 << 60, usize::MAX - 4095, usize::MAX] {
        assert_eq!(new_hub_with(|options| options.stack_size = size), -EINVAL, "{size}");
    }
    assert_eq!(self_id(), 0, "no hub was made");
    with_hub(|| assert_eq!(new_hub(&no_hub_options()), 0));
}

#[test]
fn the_largest_values_are_taken() {
    with_hub(|| {
        let made = new_hub_with(|options| {
            options.timer_slack = i64::MAX;
            options.budget = u32::MAX;
            options.warm_stacks = u32::MAX;
        });
        assert_eq!(made, 0);
        let start = now();
        join(spawn(|| assert_eq!(sleep_ms(3), 0)));
        assert!(now() - start < 10 * SECOND, "slack is a thousandth of a wait at most");
    });
}

#[test]
fn the_caller_need_not_take_the_handle() {
    with_hub(|| {
        assert_eq!(c!(gh_hub_new(null_mut(), null())), 0);
        assert_eq!(i64::from(c!(gh_hub_new(null_mut(), null()))), -EEXIST);
    });
}

/// `gh_hub_new` with options that say to be `size` bytes long, a last byte of `tail` behind them.
fn new_hub_with_size(size: usize, tail: u8) -> i64 {
    #[repr(C)]
    struct Longer {
        options: gh_hub_options,
        tail: [u8; 64],
    }
    let mut longer = Longer { options: no_hub_options(), tail: [0; 64] };
    longer.options.size = size;
    longer.tail[63] = tail;
    let mut hub = null_mut();
    let made = c!(gh_hub_new(&mut hub, std::ptr::addr_of!(longer).cast()));
    if made == 0 {
        assert_eq!(free_hub(), 0);
    }
    i64::from(made)
}

#[test]
fn options_may_be_shorter_or_longer_with_a_zero_tail() {
    let full = std::mem::size_of::<gh_hub_options>();
    let _watchdog = watchdog();
    for size in (8..=full + 64).step_by(4) {
        assert_eq!(new_hub_with_size(size, 0), 0, "size {size}");
    }
    assert_eq!(new_hub_with_size(full + 64, 7), -E2BIG);
    assert_eq!(new_hub_with_size(full + 63, 7), 0);
    for size in 0..8 {
        assert_eq!(new_hub_with_size(size, 0), -EINVAL, "size {size}");
    }
}

#[test]
fn a_hub_with_nothing_to_do_returns_at_once() {
    with_hub(|| {
        assert_eq!(run(), 0);
        assert_eq!(run_once(PAST), 0);
    });
}

#[test]
fn run_ends_when_the_last_thread_and_timer_have_ended() {
    with_hub(|| {
        let log = log();
        spawn_detached(move || {
            sleep_ms(5);
            log.push("thread");
            spawn_detached(move || {
                sleep_ms(5);
                log.push("its child");
            });
        });
        timer_start(after_ms(40), 0, move || log.push("timer"));
        assert_eq!(run(), 0);
        assert_eq!(log.take(), ["thread", "its child", "timer"]);
    });
}

#[test]
fn ended_threads_that_nobody_joined_do_not_keep_run_going() {
    with_hub(|| {
        let thread = spawn(|| ());
        assert_eq!(run(), 0);
        assert_eq!((stats().live, stats().unjoined), (0, 1));
        assert_eq!(join_until(thread, PAST), 0);
    });
}

#[test]
fn run_once_does_what_is_ready_and_no_more() {
    with_hub(|| {
        let log = log();
        let threads = [0, 1].map(|thread| {
            spawn(move || {
                log.push((thread, "begins"));
                sleep_ms(10);
                log.push((thread, "ends"));
            })
        });
        assert_eq!(run_once(PAST), 1);
        assert_eq!(log.take(), [(0, "begins"), (1, "begins")]);
        let start = now();
        assert_eq!(run_once(start + MILLISECOND), 1, "nothing ready by the deadline");
        assert!(now() >= start + MILLISECOND);
        assert_eq!(log.len(), 0);
        while run_once(GH_NEVER) == 1 {}
        assert_eq!(log.take(), [(0, "ends"), (1, "ends")]);
        join_all(threads);
    });
}

#[test]
fn run_once_waits_for_a_descriptor() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let got = cell(0);
        spawn_detached(move || got.set(recv(a, &mut [0; 8], GH_NEVER)));
        assert_eq!(run_once(PAST), 1);
        let writer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            plain_write(b, b"data");
        });
        while run_once(GH_NEVER) == 1 {}
        assert_eq!(got.get(), 4);
        writer.join().expect("the writer");
        close(a);
        close(b);
    });
}

#[test]
fn a_thread_that_always_yields_does_not_hold_run_once() {
    with_hub(|| {
        let turns = cell(0);
        let done = cell(false);
        let thread = spawn(move || {
            while !done.get() {
                turns.set(turns.get() + 1);
                yield_now();
            }
        });
        for _ in 0..10 {
            assert_eq!(run_once(GH_NEVER), 1);
        }
        assert!(turns.get() >= 10);
        done.set(true);
        join(thread);
    });
}

#[test]
fn run_belongs_to_the_root() {
    with_hub(|| {
        let hub = hub();
        join(spawn(move || {
            assert_eq!(i64::from(c!(gh_hub_run(hub))), GH_ENOTROOT);
            assert_eq!(i64::from(c!(gh_hub_run_once(hub, PAST))), GH_ENOTROOT);
            assert_eq!(i64::from(c!(gh_hub_free(hub, PAST))), GH_ENOTROOT);
        }));
    });
}

#[test]
fn stop_ends_the_current_run_and_the_next_one_goes_on() {
    with_hub(|| {
        let log = log();
        let hub = hub();
        spawn_detached(move || {
            log.push("before");
            assert_eq!(c!(gh_hub_stop(hub)), 0);
            sleep_ms(10);
            log.push("after");
        });
        assert_eq!(run(), 1);
        assert_eq!(log.take(), ["before"]);
        assert_eq!(run(), 0);
        assert_eq!(log.take(), ["after"]);
    });
}

#[test]
fn stop_before_run_ends_the_next_run() {
    with_hub(|| {
        assert_eq!(c!(gh_hub_stop(hub())), 0);
        let thread = spawn(|| {
            sleep_ms(5);
        });
        assert_eq!(run(), 1);
        assert_eq!(run(), 0, "one stop ends one run");
        join(thread);
    });
}

#[test]
fn stop_from_another_os_thread_wakes_a_waiting_hub() {
    with_hub(|| {
        let thread = spawn(|| {
            sleep_until(GH_NEVER);
        });
        let (a, b) = socket_pair();
        let reader = spawn(move || {
            recv(a, &mut [0; 1], GH_NEVER);
        });
        let other = Sent(hub());
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(c!(gh_hub_stop(other.get())), 0);
        });
        assert_eq!(run(), 1);
        stopper.join().expect("the stopper");
        for thread in [thread, reader] {
            cancel(thread);
            join(thread);
        }
        close(a);
        close(b);
    });
}

#[test]
fn stop_from_a_timer() {
    with_hub(|| {
        let hub = hub();
        let timer = timer_start(after_ms(2), MILLISECOND, move || {
            assert_eq!(c!(gh_hub_stop(hub)), 0);
        });
        assert_eq!(run(), 1);
        assert_eq!(run(), 1);
        assert_eq!(timer_cancel(timer), 0);
    });
}
