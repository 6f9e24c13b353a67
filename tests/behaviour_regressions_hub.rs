//! Faults that the hub, its timers and its ids once had.

mod common;
use common::*;
use std::time::Duration;

fn stop() -> i64 {
    i64::from(c!(gh_hub_stop(hub())))
}

#[test]
fn stopping_ends_no_turn_of_run_once_but_the_next_run() {
    with_hub(|| {
        let sleeper = spawn(|| assert_eq!(sleep_ms(60), 0));
        assert_eq!(stop(), 0);
        let polls = stats().polls;
        let mut turns = 0;
        while run_once(GH_NEVER) == 1 {
            turns += 1;
            assert!(turns < 20, "gh_hub_run_once spins");
        }
        assert!(stats().polls - polls < 100, "gh_hub_run_once polls in a loop");
        assert_eq!(run(), 1, "the stop was meant for this one");
        assert_eq!(run(), 0);
        join(sleeper);
    });
}

#[test]
fn stopping_from_another_os_thread_does_not_cut_a_turn_of_run_once_short() {
    with_hub(|| {
        let sleeper = spawn(|| assert_eq!(sleep_until(GH_NEVER), -ECANCELED));
        assert_eq!(run_once(PAST), 1);
        let polls = stats().polls;
        let hub = Sent(hub());
        let deadline = after_ms(100);
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(10));
            assert_eq!(c!(gh_hub_stop(hub.get())), 0);
        });
        assert_eq!(run_once(deadline), 1);
        assert!(now() >= deadline, "{} ns early", deadline - now());
        stopper.join().expect("the OS thread that stops");
        assert!(stats().polls - polls < 100, "gh_hub_run_once polls in a loop");
        assert_eq!(run(), 1, "the stop was meant for this one");
        assert_eq!(cancel(sleeper), 0);
        join(sleeper);
    });
}

#[test]
fn ids_of_green_threads_and_of_timers_are_never_each_others() {
    with_hub(|| {
        let threads: Vec<_> = (0..8).map(|_| spawn(|| assert_eq!(sleep_ms(5), 0))).collect();
        let fired = cell(0);
        let fire = move || fired.set(fired.get() + 1);
        let timers: Vec<_> = (0..8).map(|_| timer_start(after_ms(2), 0, fire)).collect();
        for &thread in threads.iter().chain([&self_id()]) {
            assert_eq!(timer_cancel(thread), -ESRCH);
        }
        for &timer in &timers {
            assert_eq!(join_until(timer, PAST), -ESRCH);
            assert_eq!(cancel(timer), -ESRCH);
            assert_eq!(detach(timer), -ESRCH);
            assert_eq!(set_name(timer, "no thread"), -ESRCH);
            assert_eq!(name(timer), Err(-ESRCH));
        }
        join_all(threads);
        assert_eq!(run(), 0);
        assert_eq!(fired.get(), 8, "no timer was cancelled");
    });
}

/// The best of several tries is what the library does; the others are what the machine does to it.
#[test]
fn a_hub_without_slack_sleeps_a_fraction_of_a_millisecond_exactly() {
    let _watchdog = watchdog();
    let mut options = no_hub_options();
    options.timer_slack = 1;
    assert_eq!(new_hub(&options), 0);
    // Where readiness comes from poll(2) there is no descriptor to wait on by the nanosecond.
    let slack = match i64::from(c!(gh_hub_fd(hub()))) {
        unsupported if unsupported == -ENOTSUP => MILLISECOND,
        _ => 0,
    };
    for length in [1_100_000, 5_300_000] {
        let late = (0..20).map(|_| {
            let deadline = now() + length;
            assert_eq!(sleep_until(deadline), 0);
            now() - deadline
        });
        let (earliest, latest) =
            late.fold((i64::MAX, i64::MIN), |(low, high), late| (low.min(late), high.max(late)));
        assert!(earliest >= 0, "{length} ns: early");
        assert!(earliest < slack + MILLISECOND / 2, "{length} ns: {earliest} to {latest} ns late");
    }
    assert_eq!(free_hub(), 0);
}

unsafe extern "C" fn entry(arg: *mut c_void) -> *mut c_void {
    arg
}

unsafe extern "C" fn callback(_: *mut c_void) {}

fn first_calls() -> Vec<(&'static str, fn())> {
    fn message() -> libc::msghdr {
        // SAFETY: plain numbers and pointers that may be null.
        unsafe { std::mem::zeroed() }
    }
    fn buf() -> *mut c_void {
        static mut ROOM: [u8; 64] = [0; 64];
        // Nothing but calls that fail is given this.
        std::ptr::addr_of_mut!(ROOM).cast()
    }
    fn iov() -> [libc::iovec; 1] {
        [libc::iovec { iov_base: buf(), iov_len: 4 }]
    }
    macro_rules! calls {
        ($($name:ident ( $($argument:expr),* ) ),* $(,)?) => {
            vec![$((stringify!($name), || { let _ = c!($name($($argument),*)); }) ),*]
        };
    }
    calls![
        gh_version(),
        gh_version_string(),
        gh_abi_version(),
        gh_strerror(-5),
        gh_err_name(-5),
        gh_now(),
        gh_after_ms(1),
        gh_after_ns(1),
        gh_hub_new(null_mut(), null()),
        gh_hub_current(),
        gh_hub_run(null_mut()),
        gh_hub_run_once(null_mut(), PAST),
        gh_hub_stop(null_mut()),
        gh_hub_free(null_mut(), PAST),
        gh_hub_fd(null_mut()),
        gh_hub_next_deadline(null_mut()),
        gh_hub_stats(null_mut(), null_mut(), 0),
        gh_hub_dump(null_mut(), -1),
        gh_post(null_mut(), Some(callback), null_mut()),
        gh_spawn(null_mut(), null(), Some(entry), null_mut()),
        gh_spawn(null_mut(), null(), None, null_mut()),
        gh_join(0, null_mut(), PAST),
        gh_detach(0),
        gh_cancel(0),
        gh_cancel_mask(0),
        gh_cancel_mask(2),
        gh_yield(),
        gh_sleep_until(PAST),
        gh_sleep_until(after_ms(1)),
        gh_sleep_ms(0),
        gh_self(),
        gh_set_name(0, c"first".as_ptr()),
        gh_name(0, buf().cast(), 64),
        gh_timer_start(null_mut(), PAST, 0, Some(callback), null_mut()),
        gh_timer_cancel(0),
        gh_wait_fd(-1, 1, PAST),
        gh_poll(null_mut(), 0, PAST),
        gh_poll(null_mut(), 0, after_ms(1)),
        gh_socket(-1, -1, -1),
        gh_connect(-1, buf().cast(), 16, PAST),
        gh_listen(-1, 1),
        gh_accept(-1, null_mut(), null_mut(), PAST),
        gh_shutdown(-1, 0),
        gh_close(-1),
        gh_recv(-1, buf(), 4, 0, PAST),
        gh_send(-1, buf(), 4, 0, PAST),
        gh_recvfrom(-1, buf(), 4, 0, null_mut(), null_mut(), PAST),
        gh_sendto(-1, buf(), 4, 0, null(), 0, PAST),
        gh_recvmsg(-1, &mut message(), 0, PAST),
        gh_sendmsg(-1, &message(), 0, PAST),
        gh_read(-1, buf(), 4, PAST),
        gh_write(-1, buf(), 4, PAST),
        gh_readv(-1, iov().as_ptr(), 1, PAST),
        gh_writev(-1, iov().as_ptr(), 1, PAST),
        gh_send_all(-1, buf(), 4, 0, null_mut(), PAST),
        gh_recv_exact(-1, buf(), 4, 0, null_mut(), PAST),
        gh_sendfile(-1, -1, null_mut(), 4, PAST),
        gh_tcp_listen(c"nowhere".as_ptr(), 0, 0),
        gh_tcp_connect(c"nowhere".as_ptr(), 1, PAST),
        gh_unix_listen(c"".as_ptr(), 0),
        gh_unix_connect(c"/nonexistent/socket".as_ptr(), PAST),
        gh_udp_bind(c"nowhere".as_ptr(), 0),
    ]
}

/// The first call is the one that makes the hub, for which the kernel is asked for a lot.
#[test]
fn the_first_call_of_an_os_thread_leaves_errno_alone_whichever_it_is() {
    let _watchdog = watchdog();
    for (name, call) in first_calls() {
        on_another_os_thread(|| {
            for value in [0, 42] {
                set_errno(value);
                call();
                assert_eq!(errno(), value, "{name}");
                assert_eq!(free_hub(), 0);
            }
        });
    }
}
