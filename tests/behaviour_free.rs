//! `gh_hub_free`: with threads that end when cancelled, with one that does not, and handles after it.

mod common;
use common::suspending::would_wait;
use common::*;

fn free_by(deadline: i64) -> i64 {
    i64::from(c!(gh_hub_free(hub(), deadline)))
}

#[test]
fn an_idle_hub_is_freed_even_when_the_deadline_is_past() {
    let _watchdog = watchdog();
    for deadline in [PAST, -1, GH_NEVER] {
        let hub = hub();
        assert_eq!(free_by(deadline), 0);
        assert_eq!(self_id(), 0, "this OS thread has no hub any more");
        assert_eq!(i64::from(c!(gh_hub_run(hub))), GH_ENOHUB);
    }
}

#[test]
fn waiting_threads_are_cancelled_and_run_to_their_end() {
    let ended = cell(0);
    let expected = cell(0);
    with_hub_leaving_threads(|| {
        let fixture = would_wait();
        for &case in fixture.cases.iter().filter(|case| case.name != "gh_join") {
            spawn(move || {
                assert_eq!((case.call)(GH_NEVER), -ECANCELED, "{}", case.name);
                ended.set(ended.get() + 1);
            });
            expected.set(expected.get() + 1);
        }
        yield_now();
        // The descriptors stay open: closing them is not what ends the waits.
        std::mem::forget(fixture);
    });
    assert_eq!(ended.get(), expected.get());
}

#[test]
fn threads_that_never_ran_still_run_and_may_not_spawn_more() {
    let ended = cell(0);
    with_hub_leaving_threads(|| {
        for _ in 0..10 {
            spawn(move || {
                assert_eq!(sleep_ms(1), -ECANCELED);
                let refused = try_spawn(&no_spawn_options(), || panic!("spawned by the dying"));
                assert_eq!(refused, Err(-ECANCELED));
                ended.set(ended.get() + 1);
            });
        }
    });
    assert_eq!(ended.get(), 10);
}

#[test]
fn a_hub_that_could_not_be_freed_spawns_again() {
    with_hub(|| {
        let end = cell(false);
        let stubborn = spawn(move || {
            cancel_mask(true);
            while !end.get() {
                sleep_ms(1);
            }
        });
        yield_now();
        assert_eq!(free_by(after_ms(5)), -EBUSY);
        join(spawn(|| assert_eq!(sleep_ms(1), 0)));
        end.set(true);
        join(stubborn);
    });
}

#[test]
fn threads_that_clean_up_under_a_mask_have_until_the_deadline() {
    let cleaned = cell(false);
    with_hub_leaving_threads(|| {
        spawn(move || {
            assert_eq!(sleep_until(GH_NEVER), -ECANCELED);
            cancel_mask(true);
            assert_eq!(sleep_ms(20), 0);
            cleaned.set(true);
        });
        yield_now();
    });
    assert!(cleaned.get());
}

#[test]
fn ended_threads_that_nobody_joined_do_not_hinder() {
    with_hub_leaving_threads(|| {
        for _ in 0..10 {
            spawn(|| ());
        }
        sleep_ms(1);
        assert_eq!(stats().unjoined, 10);
    });
}

#[test]
fn a_thread_that_does_not_end_keeps_the_hub_alive_and_usable() {
    with_hub(|| {
        let end = cell(false);
        let (a, b) = socket_pair();
        let thread = spawn(move || {
            cancel_mask(true);
            while !end.get() {
                assert_eq!(sleep_ms(1), 0);
            }
        });
        let deadline = after_ms(30);
        assert_eq!(free_by(deadline), -EBUSY);
        assert!(now() >= deadline, "the thread had until the deadline");
        assert_eq!(free_by(PAST), -EBUSY);

        assert_eq!(stats().live, 1);
        let reader = spawn(move || assert_eq!(recv(a, &mut [0; 4], GH_NEVER), 4));
        yield_now();
        plain_write(b, b"data");
        join(reader);
        let fired = cell(false);
        timer_start(after_ms(2), 0, move || fired.set(true));
        sleep_ms(10);
        assert!(fired.get());

        end.set(true);
        join(thread);
        close(a);
        close(b);
    });
}

#[test]
fn a_thread_that_ignores_its_cancellation_cannot_hold_up_gh_hub_free() {
    with_hub(|| {
        let end = cell(false);
        let thread = spawn(move || {
            while !end.get() {
                sleep_ms(1);
            }
        });
        yield_now();
        assert_eq!(free_by(after_ms(20)), -EBUSY);
        end.set(true);
        join(thread);
    });
}

#[test]
fn nothing_is_freed_when_the_hub_is_busy() {
    with_hub(|| {
        let end = cell(false);
        let before = hub();
        let stubborn = spawn_named("stubborn", move || {
            cancel_mask(true);
            while !end.get() {
                yield_now();
            }
        });
        let finished = spawn(|| ());
        yield_now();
        assert_eq!(free_by(after_ms(5)), -EBUSY);
        assert_eq!(hub(), before);
        assert_eq!(name(stubborn), Ok("stubborn".into()));
        assert_eq!(join_until(finished, PAST), 0, "its result is still there");
        end.set(true);
        join(stubborn);
    });
}

#[test]
fn timers_end_with_their_hub() {
    let _watchdog = watchdog();
    let timer = timer_start(after_ms(10), MILLISECOND, || panic!("of a freed hub"));
    assert_eq!(free_hub(), 0);
    sleep_ms(30);
    assert_eq!(timer_cancel(timer), -ESRCH);
    reraise();
    assert_eq!(free_hub(), 0);
}

#[test]
fn ids_of_a_freed_hub_are_stale_in_the_next_one() {
    let _watchdog = watchdog();
    let thread = spawn(|| ());
    let timer = timer_start(GH_NEVER, 0, || ());
    assert_eq!(free_hub(), 0);
    let next = spawn(|| {
        sleep_ms(1);
    });
    assert_ne!(thread, next, "an id is not given twice");
    assert_eq!(join_until(thread, PAST), -ESRCH);
    assert_eq!(cancel(thread), -ESRCH);
    assert_eq!(detach(thread), -ESRCH);
    assert_eq!(timer_cancel(timer), -ESRCH);
    join(next);
    assert_eq!(free_hub(), 0);
}

#[test]
fn descriptors_outlive_the_hub() {
    let _watchdog = watchdog();
    let (a, b) = socket_pair();
    for round in 0..5 {
        let reader = spawn(move || assert_eq!(recv(a, &mut [0; 4], GH_NEVER), 4, "{round}"));
        yield_now();
        plain_write(b, b"data");
        join(reader);
        assert_eq!(free_hub(), 0);
    }
    plain_close(a);
    plain_close(b);
}

#[test]
fn every_call_refuses_a_handle_of_a_freed_hub() {
    let _watchdog = watchdog();
    let stale = hub();
    assert_eq!(free_hub(), 0);
    check_refused(stale, GH_ENOHUB);
    let fresh = hub();
    assert_ne!(fresh, stale);
    check_refused(stale, GH_ENOHUB);
    assert_eq!(free_hub(), 0);
}

#[test]
fn every_call_refuses_a_handle_that_never_was_one() {
    let _watchdog = watchdog();
    let local = 0_u64;
    let bogus = [1, 8, 0x1000, usize::MAX, usize::MAX - 7, std::ptr::addr_of!(local) as usize];
    for value in bogus {
        check_refused(value as *mut gh_hub, GH_ENOHUB);
    }
    let _ = hub();
    for value in bogus {
        check_refused(value as *mut gh_hub, GH_ENOHUB);
    }
    assert_eq!(free_hub(), 0);
}

#[test]
fn every_call_refuses_null() {
    let _watchdog = watchdog();
    check_refused(null_mut(), -EINVAL);
    let _ = hub();
    check_refused(null_mut(), -EINVAL);
    assert_eq!(free_hub(), 0);
}

unsafe extern "C" fn nothing(_: *mut c_void) {}

fn check_refused(hub: *mut gh_hub, code: i64) {
    // SAFETY: plain numbers.
    let mut stats: gh_stats = unsafe { std::mem::zeroed() };
    let size = std::mem::size_of::<gh_stats>();
    assert_eq!(i64::from(c!(gh_hub_run(hub))), code, "gh_hub_run");
    assert_eq!(i64::from(c!(gh_hub_run_once(hub, PAST))), code, "run_once");
    assert_eq!(i64::from(c!(gh_hub_stop(hub))), code, "gh_hub_stop");
    assert_eq!(i64::from(c!(gh_hub_free(hub, PAST))), code, "gh_hub_free");
    assert_eq!(i64::from(c!(gh_hub_fd(hub))), code, "gh_hub_fd");
    assert_eq!(c!(gh_hub_next_deadline(hub)), code, "next_deadline");
    assert_eq!(i64::from(c!(gh_hub_stats(hub, &mut stats, size))), code, "gh_hub_stats");
    assert_eq!(i64::from(c!(gh_hub_dump(hub, 2))), code, "gh_hub_dump");
    assert_eq!(i64::from(c!(gh_post(hub, Some(nothing), null_mut()))), code, "gh_post");
}
