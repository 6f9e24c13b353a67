//! Faults injected beneath the C surface: a panic inside the library, and the system refusing
//! memory, a poller or a registration.
#![cfg(feature = "fault-injection")]

mod common;
use common::suspending::{would_succeed, would_wait};
use common::*;
use greenhub::faults::{arm, disarm, Fault};

/// The next guarded call panics inside.
fn arm_panic() {
    arm(Fault::Panic, 1);
}

unsafe extern "C" fn no_entry(arg: *mut c_void) -> *mut c_void {
    arg
}

unsafe extern "C" fn no_callback(_: *mut c_void) {}

fn works() {
    let (a, b) = socket_pair();
    let reader = spawn(move || assert_eq!(recv(a, &mut [0; 4], GH_NEVER), 4));
    yield_now();
    assert_eq!(send(b, b"data", GH_NEVER), 4);
    join(reader);
    close(a);
    close(b);
}

#[test]
fn a_panic_in_a_suspending_call_is_a_code() {
    with_hub(|| {
        for fixture in [would_wait(), would_succeed()] {
            for &case in &fixture.cases {
                // Calls made of several descriptors' worth of calls panic in the first of them.
                if case.name == "gh_connect" {
                    continue;
                }
                arm_panic();
                assert_eq!((case.call)(GH_NEVER), GH_EPANIC, "{} in the root", case.name);
                join(spawn(move || {
                    arm_panic();
                    assert_eq!((case.call)(GH_NEVER), GH_EPANIC, "{}", case.name);
                }));
            }
            fixture.end();
            works();
        }
    });
}

#[test]
fn a_panic_in_a_call_that_does_not_suspend_is_a_code() {
    with_hub(|| {
        let own = hub();
        let (fd, peer) = socket_pair();
        let mut thread = 0;
        let mut timer = 0;
        let mut new = null_mut();
        // SAFETY: plain numbers.
        let mut stats: gh_stats = unsafe { std::mem::zeroed() };
        let size = std::mem::size_of::<gh_stats>();
        let host = c"127.0.0.1".as_ptr();
        let path = c"/nonexistent/socket".as_ptr();
        let mut buf = [0_u8; 64];
        let buf: *mut c_char = buf.as_mut_ptr().cast();
        let entry: gh_entry = Some(no_entry);
        let callback: gh_callback = Some(no_callback);
        let none: *mut c_void = null_mut();
        macro_rules! panics {
            ($($call:expr;)*) => {$(
                arm_panic();
                assert_eq!(c!($call) as i64, GH_EPANIC, stringify!($call));
            )*};
        }
        panics! {
            gh_hub_new(&mut new, null());
            gh_hub_run(own);
            gh_hub_run_once(own, PAST);
            gh_hub_stop(own);
            gh_hub_free(own, PAST);
            gh_hub_fd(own);
            gh_hub_next_deadline(own);
            gh_hub_stats(own, &mut stats, size);
            gh_hub_dump(own, 2);
            gh_post(own, callback, none);
            gh_spawn(&mut thread, null(), entry, none);
            gh_detach(thread);
            gh_cancel(thread);
            gh_cancel_mask(1);
            gh_set_name(0, host);
            gh_name(0, buf, 64);
            gh_timer_start(&mut timer, GH_NEVER, 0, callback, none);
            gh_timer_cancel(timer);
            gh_socket(libc::AF_INET, libc::SOCK_STREAM, 0);
            gh_listen(fd, 1);
            gh_shutdown(fd, libc::SHUT_RDWR);
            gh_close(fd);
            gh_tcp_listen(host, 0, 1);
            gh_unix_listen(path, 1);
            gh_udp_bind(host, 0);
        }
        disarm();
        let stats = common::stats();
        assert_eq!((stats.spawned, stats.timers, stats.posts), (0, 0, 0));
        works();
        assert_eq!((close(fd), close(peer)), (0, 0));
    });
}

#[test]
fn a_panic_in_a_call_that_gives_a_pointer_or_an_id_gives_none() {
    with_hub(|| {
        assert!(!hub().is_null());
        arm_panic();
        assert_eq!(c!(gh_hub_current()), null_mut());
        arm_panic();
        assert_eq!(self_id(), 0);
        disarm();
        assert_ne!(self_id(), 0);
        works();
    });
}

#[test]
fn only_the_call_that_was_meant_panics() {
    with_hub(|| {
        arm(Fault::Panic, 3);
        assert_eq!(yield_now(), 0);
        assert_eq!(yield_now(), 0);
        assert_eq!(yield_now(), GH_EPANIC);
        assert_eq!(yield_now(), 0);
        arm(Fault::Panic, 2);
        disarm();
        for _ in 0..5 {
            assert_eq!(yield_now(), 0);
        }
    });
}

#[test]
fn the_other_threads_do_not_notice_a_panic() {
    with_hub(|| {
        let (a, b) = socket_pair();
        let reader = spawn(move || assert_eq!(recv(a, &mut [0; 4], GH_NEVER), 4));
        let sleeper = spawn(|| assert_eq!(sleep_ms(20), 0));
        yield_now();
        for _ in 0..50 {
            arm_panic();
            assert_eq!(sleep_ms(1), GH_EPANIC);
        }
        join(spawn(|| {
            arm_panic();
            assert_eq!(yield_now(), GH_EPANIC);
            assert_eq!(yield_now(), 0);
        }));
        plain_write(b, b"data");
        join(reader);
        join(sleeper);
        close(a);
        close(b);
    });
}

#[test]
fn a_panic_does_not_change_errno() {
    with_hub(|| {
        arm_panic();
        set_errno(99);
        assert_eq!(yield_now(), GH_EPANIC);
        assert_eq!(errno(), 99);
    });
}

#[test]
fn a_fault_belongs_to_one_os_thread() {
    with_hub(|| {
        arm_panic();
        on_another_os_thread(|| with_hub(works));
        assert_eq!(yield_now(), GH_EPANIC);
    });
}

#[test]
fn no_memory_for_stacks_fails_the_spawn_and_nothing_else() {
    with_hub(|| {
        let mut options = no_spawn_options();
        arm(Fault::StackMap, 1);
        assert_eq!(try_spawn(&options, || ()), Err(-ENOMEM));
        options.stack_size = 1 << 20;
        arm(Fault::StackMap, 1);
        assert_eq!(try_spawn(&options, || ()), Err(-ENOMEM));
        disarm();
        assert_eq!((stats().live, stats().spawned), (0, 0));
        works();
    });
}

#[test]
fn stacks_that_are_there_serve_when_there_is_no_memory_for_more() {
    with_hub(|| {
        join(spawn(|| ()));
        arm(Fault::StackMap, 1);
        join(spawn(|| ()));
        disarm();
    });
}

#[test]
fn without_a_poller_there_is_no_hub_until_there_is_one() {
    let _watchdog = watchdog();
    for _ in 0..3 {
        arm(Fault::PollerNew, 1);
        assert_eq!(c!(gh_hub_current()), null_mut());
        assert_eq!(self_id(), 0);
        arm(Fault::PollerNew, 1);
        let made = new_hub(&no_hub_options());
        assert!(made < 0 && made != -EEXIST && made > -4096, "{made}");
        arm(Fault::PollerNew, 1);
        assert!(sleep_ms(1) < 0);
        disarm();
        with_hub(works);
    }
}

#[test]
fn a_refused_registration_is_the_waits_error() {
    with_hub(|| {
        let fixture = would_wait();
        // These wait for no descriptor, or for one that was made just before.
        let others = ["gh_sleep_until", "gh_join"];
        for &case in fixture.cases.iter().filter(|case| !others.contains(&case.name)) {
            join(spawn(move || {
                // Each wait of the fixture is the first on its descriptor only once, so the
                // fault may find nothing to refuse; then the wait has its deadline.
                arm(Fault::Register, 1);
                let result = (case.call)(after_ms(2));
                assert!([-ENOSPC, case.late].contains(&result), "{}: {result}", case.name);
                disarm();
                assert_eq!((case.call)(after_ms(2)), case.late, "{}", case.name);
            }));
        }
        fixture.end();
        works();
    });
}

#[test]
fn a_refused_registration_is_tried_again_by_the_next_wait() {
    with_hub(|| {
        let (a, b) = socket_pair();
        for _ in 0..3 {
            arm(Fault::Register, 1);
            assert_eq!(recv(a, &mut [0; 4], GH_NEVER), -ENOSPC);
        }
        disarm();
        assert_eq!(stats().descriptors, 0);
        let reader = spawn(move || assert_eq!(recv(a, &mut [0; 4], GH_NEVER), 4));
        yield_now();
        plain_write(b, b"data");
        join(reader);
        close(a);
        close(b);
    });
}
