//! errno is never the channel: no call changes it, and each green thread keeps its own.

mod common;
use common::suspending::{would_succeed, would_wait};
use common::*;

/// A thread that sets errno to something else each time it has a turn.
fn disturber(end: &'static Cell<bool>) -> gh_thread {
    spawn(move || {
        let mut value = 1;
        while !end.get() {
            set_errno(value);
            assert_eq!(yield_now(), 0);
            assert_eq!(errno(), value);
            value = value % 100 + 1;
        }
    })
}

#[test]
fn each_thread_keeps_its_errno_across_every_wait() {
    with_hub(|| {
        let fixture = would_wait();
        let end = cell(false);
        let noise = disturber(end);
        for (n, &case) in fixture.cases.iter().enumerate() {
            let value = 200 + n as c_int;
            join(spawn(move || {
                set_errno(value);
                assert_eq!((case.call)(after_ms(3)), case.late, "{}", case.name);
                assert_eq!(errno(), value, "{}", case.name);
                (case.call)(PAST);
                assert_eq!(errno(), value, "{} by a past deadline", case.name);
            }));
            set_errno(value);
            assert_eq!((case.call)(after_ms(3)), case.late);
            assert_eq!(errno(), value, "{} in the root", case.name);
        }
        end.set(true);
        join(noise);
        fixture.end();
    });
}

#[test]
fn each_thread_keeps_its_errno_across_calls_that_succeed_at_once() {
    with_hub(|| {
        let fixture = would_succeed();
        let end = cell(false);
        let noise = disturber(end);
        for (n, &case) in fixture.cases.iter().enumerate() {
            let value = 300 + n as c_int;
            join(spawn(move || {
                set_errno(value);
                assert!((case.call)(after_ms(20_000)) >= 0, "{}", case.name);
                assert_eq!(errno(), value, "{}", case.name);
            }));
        }
        end.set(true);
        join(noise);
        fixture.end();
    });
}

#[test]
fn each_thread_keeps_its_errno_across_cancelled_waits() {
    with_hub(|| {
        let fixture = would_wait();
        let end = cell(false);
        let noise = disturber(end);
        for (n, &case) in fixture.cases.iter().enumerate() {
            let value = 400 + n as c_int;
            let thread = spawn(move || {
                set_errno(value);
                assert_eq!((case.call)(GH_NEVER), -ECANCELED);
                assert_eq!(errno(), value, "{}", case.name);
            });
            sleep_ms(1);
            set_errno(17);
            cancel(thread);
            assert_eq!(errno(), 17, "gh_cancel");
            join(thread);
            assert_eq!(errno(), 17, "gh_join");
        }
        end.set(true);
        join(noise);
        fixture.end();
    });
}

/// A call that fails, and its name.
type Failing = (&'static str, Box<dyn Fn() -> i64>);

#[test]
fn calls_that_fail_do_not_set_errno() {
    with_hub(|| {
        let host = c"not a host".as_ptr();
        let path = c"/nonexistent/socket".as_ptr();
        // SAFETY: plain numbers.
        let mut stats: gh_stats = unsafe { std::mem::zeroed() };
        let value = 123;
        let failing: Vec<Failing> = vec![
            ("gh_close", Box::new(|| close(-1))),
            ("gh_shutdown", Box::new(|| shutdown(-1, 0))),
            ("gh_listen", Box::new(|| i64::from(c!(gh_listen(-1, 1))))),
            ("gh_socket", Box::new(|| i64::from(c!(gh_socket(-1, -1, -1))))),
            ("gh_recv", Box::new(|| recv(-1, &mut [0; 4], GH_NEVER))),
            ("gh_send", Box::new(|| send(-1, b"data", GH_NEVER))),
            ("gh_read", Box::new(|| read(-1, &mut [0; 4], GH_NEVER))),
            ("gh_write", Box::new(|| write(-1, b"data", GH_NEVER))),
            ("gh_accept", Box::new(|| accept(-1, GH_NEVER))),
            ("gh_wait_fd", Box::new(|| wait_fd(-1, 1, GH_NEVER))),
            ("gh_sendfile", Box::new(|| sendfile(-1, -1, None, 1, GH_NEVER))),
            ("gh_tcp_listen", Box::new(move || i64::from(c!(gh_tcp_listen(host, 0, 1))))),
            ("gh_tcp_connect", Box::new(move || i64::from(c!(gh_tcp_connect(host, 9, GH_NEVER))))),
            ("gh_unix_listen", Box::new(move || i64::from(c!(gh_unix_listen(path, 1))))),
            ("gh_unix_connect", Box::new(move || i64::from(c!(gh_unix_connect(path, GH_NEVER))))),
            ("gh_udp_bind", Box::new(move || i64::from(c!(gh_udp_bind(host, 0))))),
            ("gh_join", Box::new(|| join_until(0, GH_NEVER))),
            ("gh_cancel", Box::new(|| cancel(0))),
            ("gh_detach", Box::new(|| detach(0))),
            ("gh_timer_cancel", Box::new(|| timer_cancel(0))),
            ("gh_hub_new", Box::new(|| i64::from(c!(gh_hub_new(null_mut(), null()))))),
            (
                "gh_spawn",
                Box::new(|| i64::from(c!(gh_spawn(null_mut(), null(), None, null_mut())))),
            ),
            ("gh_hub_dump", Box::new(|| i64::from(c!(gh_hub_dump(hub(), -1))))),
        ];
        for (name, call) in &failing {
            set_errno(value);
            assert!(call() < 0, "{name}");
            assert_eq!(errno(), value, "{name} in the root");
        }
        set_errno(value);
        assert!(c!(gh_hub_stats(hub(), &mut stats, 0)) < 0);
        assert_eq!(errno(), value);
        join(spawn(move || {
            for (name, call) in &failing {
                set_errno(value);
                assert!(call() < 0, "{name}");
                assert_eq!(errno(), value, "{name} in a green thread");
            }
        }));
    });
}

#[test]
fn calls_that_succeed_do_not_set_errno() {
    let _watchdog = watchdog();
    let value = 77;
    let keeps = |name: &str, call: &dyn Fn()| {
        set_errno(value);
        call();
        assert_eq!(errno(), value, "{name}");
    };
    keeps("gh_hub_current", &|| assert!(!hub().is_null()));
    keeps("gh_hub_stats", &|| assert_eq!(stats().live, 0));
    keeps("gh_hub_fd", &|| assert!(c!(gh_hub_fd(hub())) > -4096));
    keeps("gh_spawn", &|| {
        let mut options = no_spawn_options();
        options.flags = GH_SPAWN_DETACHED;
        options.stack_size = 1 << 20;
        spawn_with(&options, || ());
    });
    keeps("gh_timer_start", &|| {
        timer_start(PAST, 0, || set_errno(5));
    });
    keeps("gh_hub_run", &|| assert_eq!(run(), 0));
    keeps("gh_post", &|| {
        assert_eq!(post(hub(), || set_errno(6)), 0);
    });
    keeps("gh_hub_run_once", &|| assert_eq!(run_once(PAST), 0));
    keeps("gh_hub_stop", &|| assert_eq!(c!(gh_hub_stop(hub())), 0));
    keeps("gh_hub_run", &|| assert_eq!(run(), 1));
    keeps("gh_tcp_listen, gh_close", &|| {
        close(listener().0);
    });
    keeps("gh_strerror", &|| {
        assert!(!c!(gh_strerror(-1234)).is_null());
    });
    keeps("gh_hub_free", &|| assert_eq!(free_hub(), 0));
    keeps("gh_self", &|| assert_eq!(self_id(), 0));
}

#[test]
fn a_new_thread_does_not_change_the_errno_of_the_others() {
    with_hub(|| {
        set_errno(42);
        let thread = spawn(|| set_errno(43));
        join(thread);
        assert_eq!(errno(), 42);
        let threads: Vec<_> = (1..100)
            .map(|n| {
                spawn(move || {
                    set_errno(n);
                    for _ in 0..5 {
                        yield_now();
                        assert_eq!(errno(), n);
                    }
                })
            })
            .collect();
        join_all(threads);
        assert_eq!(errno(), 42);
    });
}
