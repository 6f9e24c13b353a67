//! One hub per OS thread: calls from the wrong one, many at once, OS threads that just end.

mod common;
use common::*;

unsafe extern "C" fn nothing(_: *mut c_void) {}

#[test]
fn a_hub_is_its_own_os_threads_business() {
    with_hub(|| {
        let other = Sent(hub());
        for with_own_hub in [false, true] {
            on_another_os_thread(move || {
                let hub = other.get();
                if with_own_hub {
                    assert_ne!(common::hub(), hub);
                }
                // SAFETY: plain numbers.
                let mut stats: gh_stats = unsafe { std::mem::zeroed() };
                let size = std::mem::size_of::<gh_stats>();
                let wrong = GH_EWRONGTHREAD;
                assert_eq!(i64::from(c!(gh_hub_run(hub))), wrong);
                assert_eq!(i64::from(c!(gh_hub_run_once(hub, PAST))), wrong);
                assert_eq!(i64::from(c!(gh_hub_free(hub, PAST))), wrong);
                assert_eq!(i64::from(c!(gh_hub_fd(hub))), wrong);
                assert_eq!(c!(gh_hub_next_deadline(hub)), wrong);
                assert_eq!(i64::from(c!(gh_hub_stats(hub, &mut stats, size))), wrong);
                assert_eq!(i64::from(c!(gh_hub_dump(hub, 2))), wrong);
                assert_eq!(i64::from(c!(gh_hub_stop(hub))), 0, "any OS thread");
                assert_eq!(i64::from(c!(gh_post(hub, Some(nothing), null_mut()))), 0);
                if with_own_hub {
                    assert_eq!(free_hub(), 0);
                }
            });
        }
        assert_eq!(run(), 1, "it was stopped");
    });
}

#[test]
fn names_and_timers_are_their_own_os_threads_business() {
    with_hub(|| {
        let thread = spawn_named("mine", || assert_eq!(sleep_ms(50), 0));
        let timer = timer_start(after_ms(20), 0, || ());
        for with_own_hub in [false, true] {
            on_another_os_thread(move || {
                if with_own_hub {
                    hub();
                }
                assert_eq!(set_name(thread, "yours"), GH_EWRONGTHREAD);
                assert_eq!(name(thread), Err(GH_EWRONGTHREAD));
                assert_eq!(timer_cancel(timer), GH_EWRONGTHREAD);
                if !hub().is_null() {
                    assert_eq!(free_hub(), 0);
                }
            });
        }
        assert_eq!(name(thread), Ok("mine".into()));
        join(thread);
        assert_eq!(run(), 0);
    });
}

#[test]
fn ids_of_a_hub_that_another_os_thread_freed_are_stale() {
    let _watchdog = watchdog();
    let (thread, timer) = on_another_os_thread(|| {
        let ids = (spawn(|| ()), timer_start(GH_NEVER, 0, || ()));
        assert_eq!(free_hub(), 0);
        ids
    });
    with_hub(|| {
        assert_eq!(join_until(thread, PAST), -ESRCH);
        assert_eq!(cancel(thread), -ESRCH);
        assert_eq!(timer_cancel(timer), -ESRCH);
    });
}

#[test]
fn the_root_of_another_os_thread_cannot_be_reached() {
    with_hub(|| {
        assert_ne!(hub(), null_mut());
        let root = self_id();
        on_another_os_thread(move || {
            assert_ne!(hub(), null_mut());
            assert_ne!(self_id(), root);
            assert_eq!(cancel(root), -EINVAL);
            assert_eq!(detach(root), -EINVAL);
            assert_eq!(join_until(root, PAST), -EINVAL);
            assert_eq!(free_hub(), 0);
        });
    });
}

#[test]
fn many_hubs_work_at_once() {
    const HUBS: usize = 16;
    let _watchdog = watchdog();
    let workers: Vec<_> = (0..HUBS)
        .map(|_| {
            std::thread::spawn(|| {
                with_hub(|| {
                    let (a, b) = socket_pair();
                    let received = cell(0);
                    let reader = spawn(move || {
                        let mut buf = [0; 16];
                        while recv_exact(a, &mut buf, GH_NEVER).0 == 16 {
                            received.set(received.get() + 1);
                        }
                    });
                    let writer = spawn(move || {
                        for round in 0..200 {
                            assert_eq!(send_all(b, &[7; 16], GH_NEVER), (16, 16));
                            if round % 10 == 0 {
                                sleep_ms(1);
                            } else {
                                yield_now();
                            }
                        }
                        assert_eq!(shutdown(b, libc::SHUT_WR), 0);
                    });
                    let others: Vec<_> = (0..100)
                        .map(|_| {
                            spawn(|| {
                                sleep_ms(3);
                            })
                        })
                        .collect();
                    join(writer);
                    join(reader);
                    join_all(others);
                    assert_eq!(received.get(), 200);
                    close(a);
                    close(b);
                });
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("a hub's OS thread");
    }
}

#[test]
fn hubs_of_two_os_threads_talk_over_one_connection() {
    with_hub(|| {
        let (a, b) = tcp_pair();
        let echo = std::thread::spawn(move || {
            with_hub(|| {
                join(spawn(move || {
                    let mut buf = [0; 64];
                    loop {
                        let n = recv(b, &mut buf, GH_NEVER);
                        if n == 0 {
                            break;
                        }
                        assert_eq!(send_all(b, &buf[..n as usize], GH_NEVER).0, n);
                    }
                }));
                close(b);
            });
        });
        for round in 0..500_u32 {
            let bytes = round.to_le_bytes();
            assert_eq!(send_all(a, &bytes, GH_NEVER), (4, 4));
            let mut back = [0; 4];
            assert_eq!(recv_exact(a, &mut back, GH_NEVER), (4, 4));
            assert_eq!(back, bytes);
        }
        close(a);
        echo.join().expect("the echo hub");
    });
}

#[test]
fn closing_on_one_os_thread_wakes_the_waiters_of_another() {
    for with_own_hub in [false, true] {
        with_hub(|| {
            let (a, b) = socket_pair();
            let fd = at_own_number(a);
            let closer = std::thread::spawn(move || {
                if with_own_hub {
                    assert_eq!(sleep_ms(30), 0);
                    assert_eq!(recv(fd, &mut [0; 1], after_ms(5)), -ETIMEDOUT);
                } else {
                    std::thread::sleep(std::time::Duration::from_millis(30));
                }
                assert_eq!(close(fd), 0);
                if with_own_hub {
                    assert_eq!(free_hub(), 0);
                }
            });
            let reader = spawn(move || assert_eq!(recv(fd, &mut [0; 1], GH_NEVER), -EBADF));
            assert_eq!(wait_fd(fd, libc::POLLIN, GH_NEVER), -EBADF);
            join(reader);
            closer.join().expect("the closer");
            close(b);
        });
    }
}

#[test]
fn a_descriptor_may_move_from_hub_to_hub() {
    with_hub(|| {
        let (a, b) = socket_pair();
        for round in 0..20_u8 {
            let exchange = move || {
                let reader = spawn(move || {
                    let mut byte = [0];
                    assert_eq!(recv(a, &mut byte, after_ms(20_000)), 1);
                    assert_eq!(byte[0], round);
                });
                yield_now();
                assert_eq!(send(b, &[round], GH_NEVER), 1);
                join(reader);
            };
            exchange();
            on_another_os_thread(move || with_hub(exchange));
        }
        close(a);
        close(b);
    });
}

#[test]
fn one_listener_may_be_accepted_on_by_several_hubs() {
    const CONNECTIONS: usize = 40;
    with_hub(|| {
        let (fd, port) = listener();
        let servers: Vec<_> = (0..3)
            .map(|_| {
                std::thread::spawn(move || {
                    let served = cell(0);
                    with_hub(|| loop {
                        let client = accept(fd, after_ms(300));
                        if client < 0 {
                            assert_eq!(client, -ETIMEDOUT);
                            break;
                        }
                        assert_eq!(send_all(client as c_int, b"hi", GH_NEVER).0, 2);
                        close(client as c_int);
                        served.set(served.get() + 1);
                    });
                    served.get()
                })
            })
            .collect();
        for _ in 0..CONNECTIONS {
            let fd = fd_of(tcp_connect("127.0.0.1", port, after_ms(10_000)));
            assert_eq!(recv_exact(fd, &mut [0; 2], after_ms(10_000)), (2, 2));
            close(fd);
        }
        let served: usize =
            servers.into_iter().map(|server| server.join().expect("a server")).sum();
        assert_eq!(served, CONNECTIONS);
        close(fd);
    });
}

#[test]
fn an_os_thread_may_end_without_freeing_its_hub() {
    let _watchdog = watchdog();
    let mut handles = Vec::new();
    for _ in 0..50 {
        handles.push(on_another_os_thread(|| {
            join(spawn(|| {
                sleep_ms(1);
            }));
            Sent(hub())
        }));
    }
    for handle in handles {
        assert_eq!(i64::from(c!(gh_hub_stop(handle.get()))), GH_ENOHUB);
        assert_eq!(i64::from(c!(gh_post(handle.get(), Some(nothing), null_mut()))), GH_ENOHUB);
    }
}

#[test]
fn an_os_thread_may_end_with_live_green_threads() {
    let _watchdog = watchdog();
    let (hub, thread) = on_another_os_thread(|| {
        let thread = spawn(|| {
            sleep_until(GH_NEVER);
        });
        yield_now();
        (Sent(hub()), thread)
    });
    with_hub(|| {
        let gone = join_until(thread, PAST);
        assert!([-ESRCH, GH_EWRONGTHREAD].contains(&gone), "{gone}");
        let stopped = i64::from(c!(gh_hub_stop(hub.get())));
        assert!([0, GH_ENOHUB].contains(&stopped), "{stopped}");
        join(spawn(|| {
            sleep_ms(1);
        }));
    });
}
