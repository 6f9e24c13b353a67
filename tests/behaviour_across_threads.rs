//! Green threads of another OS thread's hub: spawned, joined, cancelled and detached from here.

mod common;
use common::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An OS thread whose root waits, and so drives its hub, until it is dropped.
struct Host {
    hub: Sent<*mut gh_hub>,
    quit: Sent<*mut gh_event>,
    os_thread: Option<std::thread::JoinHandle<()>>,
}

impl Host {
    fn new() -> Host {
        let mut quit = null_mut();
        assert_eq!(c!(gh_event_new(&mut quit, null(), 0)), 0);
        let (sender, receiver) = std::sync::mpsc::channel();
        let event = Sent(quit);
        let os_thread = std::thread::spawn(move || {
            let quit = event.get();
            sender.send(Sent(hub())).expect("the test waits");
            assert_eq!(c!(gh_event_wait(quit, GH_NEVER)), 0);
            assert_eq!(free_hub(), 0);
        });
        let hub = receiver.recv().expect("the OS thread lives");
        Host { hub, quit: Sent(quit), os_thread: Some(os_thread) }
    }

    fn spawn(&self, entry: Entry, arg: usize) -> gh_thread {
        let mut thread = 0;
        let arg = arg as *mut c_void;
        let made = c!(gh_spawn_on(self.hub.0, &mut thread, null(), Some(entry), arg, GH_NEVER));
        assert_eq!(made, 0);
        assert_ne!(thread, 0);
        thread
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        assert_eq!(c!(gh_event_set(self.quit.0)), 0);
        if let Some(os_thread) = self.os_thread.take() {
            os_thread.join().expect("no assertion failed there");
        }
        assert_eq!(c!(gh_event_free(self.quit.0)), 0);
    }
}

type Entry = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// Gives its argument and one more, after a moment.
unsafe extern "C" fn one_more(arg: *mut c_void) -> *mut c_void {
    assert_eq!(sleep_ms(5), 0);
    (arg as usize + 1) as *mut c_void
}

unsafe extern "C" fn sleeper(_: *mut c_void) -> *mut c_void {
    sleep_until(GH_NEVER) as *mut c_void
}

unsafe extern "C" fn echo(arg: *mut c_void) -> *mut c_void {
    arg
}

fn join_result(thread: gh_thread, deadline: i64) -> (i64, usize) {
    let mut result = null_mut();
    let joined = i64::from(c!(gh_join(thread, &mut result, deadline)));
    (joined, result as usize)
}

#[test]
fn runs_there_and_its_result_comes_here() {
    with_hub(|| {
        let host = Host::new();
        let threads: Vec<_> = (0..100).map(|at| host.spawn(one_more, at)).collect();
        for (at, thread) in threads.into_iter().enumerate() {
            assert_eq!(join_result(thread, GH_NEVER), (0, at + 1));
            assert_eq!(join_until(thread, GH_NEVER), -ESRCH, "joined already");
        }
    });
}

#[test]
fn green_threads_spawn_and_join_elsewhere_while_others_run() {
    with_hub(|| {
        let host = Host::new();
        let hub = host.hub.0;
        let ticks = cell(0);
        let ticker = spawn(move || {
            while sleep_ms(1) == 0 {
                ticks.set(ticks.get() + 1);
            }
        });
        join_all((0..20).map(|at| {
            spawn(move || {
                let mut thread = 0;
                let arg = at as *mut c_void;
                let made = c!(gh_spawn_on(hub, &mut thread, null(), Some(one_more), arg, GH_NEVER));
                assert_eq!(made, 0);
                assert_eq!(join_result(thread, GH_NEVER), (0, at + 1));
            })
        }));
        assert!(ticks.get() > 0, "the hub went on meanwhile");
        assert_eq!(cancel(ticker), 0);
        join(ticker);
    });
}

#[test]
fn cancel_reaches_a_wait_elsewhere() {
    with_hub(|| {
        let host = Host::new();
        let thread = host.spawn(sleeper, 0);
        assert_eq!(join_until(thread, after_ms(30)), -ETIMEDOUT);
        assert_eq!(cancel(thread), 0);
        assert_eq!(join_result(thread, GH_NEVER), (0, -ECANCELED as usize));
    });
}

#[test]
fn a_join_that_was_given_up_can_be_made_again() {
    with_hub(|| {
        let host = Host::new();
        let thread = host.spawn(sleeper, 0);
        for _ in 0..50 {
            assert_eq!(join_until(thread, after_ms(1)), -ETIMEDOUT);
        }
        let joiner = spawn(move || assert_eq!(join_until(thread, GH_NEVER), -ECANCELED));
        assert_eq!(sleep_ms(10), 0);
        assert_eq!(cancel(joiner), 0);
        join(joiner);
        assert_eq!(cancel(thread), 0);
        assert_eq!(join_result(thread, GH_NEVER), (0, -ECANCELED as usize));
    });
}

#[test]
fn only_one_joins_and_a_detached_one_cannot_be() {
    with_hub(|| {
        let host = Host::new();
        let thread = host.spawn(sleeper, 0);
        let first = spawn(move || assert_eq!(join_until(thread, GH_NEVER), 0));
        yield_now();
        assert_eq!(join_until(thread, GH_NEVER), -EINVAL, "joined by another");
        assert_eq!(cancel(thread), 0);
        join(first);

        let thread = host.spawn(sleeper, 0);
        assert_eq!(detach(thread), 0);
        assert_eq!(join_until(thread, GH_NEVER), -EINVAL, "detached");
        assert_eq!(cancel(thread), 0);
    });
}

static ASKED_FOR: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn count_asked_for(arg: *mut c_void) -> *mut c_void {
    ASKED_FOR.fetch_add(1, Ordering::SeqCst);
    arg
}

#[test]
fn who_does_not_want_the_id_does_not_wait() {
    with_hub(|| {
        let host = Host::new();
        for _ in 0..1000 {
            let entry = Some(count_asked_for as unsafe extern "C" fn(_) -> _);
            let sent = c!(gh_spawn_on(host.hub.0, null_mut(), null(), entry, null_mut(), PAST));
            assert_eq!(sent, 0);
        }
        // Asked after them, so made after them.
        let last = host.spawn(one_more, 0);
        assert_eq!(join_until(last, GH_NEVER), 0);
        assert_eq!(ASKED_FOR.load(Ordering::SeqCst), 1000);
    });
}

#[test]
fn the_own_hub_is_as_good_as_another() {
    with_hub(|| {
        let mut thread = 0;
        let arg = 41 as *mut c_void;
        let made = c!(gh_spawn_on(hub(), &mut thread, null(), Some(one_more), arg, GH_NEVER));
        assert_eq!(made, 0);
        assert_eq!(join_result(thread, GH_NEVER), (0, 42));
    });
}

#[test]
fn bad_arguments_are_told_before_anything_is_sent() {
    with_hub(|| {
        let host = Host::new();
        let spawn_on = |hub, options: &gh_spawn_options, entry, deadline| {
            let mut thread = 0;
            i64::from(c!(gh_spawn_on(hub, &mut thread, options, entry, null_mut(), deadline)))
        };
        let plain = no_spawn_options();
        let entry: Option<Entry> = Some(one_more);
        assert_eq!(spawn_on(null_mut(), &plain, entry, GH_NEVER), -EINVAL);
        assert_eq!(spawn_on(host.hub.0, &plain, None, GH_NEVER), -EINVAL);
        let garbage = 0x7777_0001 as *mut gh_hub;
        assert_eq!(spawn_on(garbage, &plain, entry, GH_NEVER), GH_ENOHUB);
        let mut wrong = no_spawn_options();
        wrong.stack_size = 1;
        assert_eq!(spawn_on(host.hub.0, &wrong, entry, GH_NEVER), -EINVAL);
        let long = std::ffi::CString::new("n".repeat(64)).expect("no zero byte");
        let mut wrong = no_spawn_options();
        wrong.name = long.as_ptr();
        assert_eq!(spawn_on(host.hub.0, &wrong, entry, GH_NEVER), -ERANGE);
    });
}

#[test]
fn a_spawn_that_was_given_up_is_not_made() {
    with_hub(|| {
        // An OS thread that has a hub and does not run it.
        let (to_test, from_host) = std::sync::mpsc::channel();
        let (to_host, from_test) = std::sync::mpsc::channel::<()>();
        let host = std::thread::spawn(move || {
            to_test.send(Sent(hub())).expect("the test waits");
            let _ = from_test.recv();
            assert_eq!(sleep_ms(5), 0);
            let spawned = stats().spawned;
            assert_eq!(free_hub(), 0);
            spawned
        });
        let hub = from_host.recv().expect("the OS thread lives").get();
        let mut thread = 0;
        let entry: Option<Entry> = Some(echo);
        let late = c!(gh_spawn_on(hub, &mut thread, null(), entry, null_mut(), after_ms(20)));
        assert_eq!(i64::from(late), -ETIMEDOUT);
        assert_eq!(thread, 0, "nothing is written on a failure");
        drop(to_host);
        assert_eq!(host.join().expect("no assertion failed there"), 0);
        let gone = c!(gh_spawn_on(hub, &mut thread, null(), entry, null_mut(), GH_NEVER));
        assert_eq!(i64::from(gone), GH_ENOHUB);
    });
}

#[test]
fn an_os_thread_that_ends_answers_who_waits_for_its_green_threads() {
    with_hub(|| {
        let (to_test, from_host) = std::sync::mpsc::channel();
        let (to_host, from_test) = std::sync::mpsc::channel::<()>();
        let host = std::thread::spawn(move || {
            let thread = spawn(|| {
                sleep_until(GH_NEVER);
            });
            to_test.send(thread).expect("the test waits");
            // The hub does not run, and then its OS thread ends with the green thread alive.
            let _ = from_test.recv();
        });
        let thread = from_host.recv().expect("the OS thread lives");
        let joiner = spawn(move || assert_eq!(join_until(thread, GH_NEVER), -ESRCH));
        assert_eq!(sleep_ms(20), 0);
        drop(to_host);
        host.join().expect("no assertion failed there");
        join(joiner);
        assert_eq!(cancel(thread), -ESRCH);
    });
}

#[test]
fn a_callback_may_spawn_elsewhere_but_not_wait_for_it() {
    with_hub(|| {
        let host = Host::new();
        let hub = host.hub.0;
        let done = cell(false);
        timer_start(after_ms(1), 0, move || {
            let entry: Option<Entry> = Some(echo);
            let mut thread = 0;
            let waits = c!(gh_spawn_on(hub, &mut thread, null(), entry, null_mut(), GH_NEVER));
            assert_eq!(i64::from(waits), GH_ENOTGREEN);
            assert_eq!(c!(gh_spawn_on(hub, null_mut(), null(), entry, null_mut(), PAST)), 0);
            done.set(true);
        });
        while !done.get() {
            assert_eq!(sleep_ms(1), 0);
        }
    });
}

#[test]
fn four_os_threads_spawn_and_join_on_each_other() {
    const HOSTS: usize = 4;
    const EACH: usize = 500;
    with_hub(|| {
        let hosts: Vec<_> = (0..HOSTS).map(|_| Host::new()).collect();
        let hubs: Vec<_> = hosts.iter().map(|host| host.hub.0 as usize).collect();
        let workers: Vec<_> = (0..HOSTS)
            .map(|at| {
                let target = Sent(hubs[(at + 1) % HOSTS] as *mut gh_hub);
                std::thread::spawn(move || {
                    let target = target.get();
                    for round in 0..EACH {
                        let mut thread = 0;
                        let (arg, entry): (_, Option<Entry>) = (round as *mut c_void, Some(echo));
                        let made =
                            c!(gh_spawn_on(target, &mut thread, null(), entry, arg, GH_NEVER));
                        assert_eq!(made, 0);
                        assert_eq!(join_result(thread, GH_NEVER), (0, round));
                    }
                    assert_eq!(free_hub(), 0);
                })
            })
            .collect();
        for worker in workers {
            while !worker.is_finished() {
                assert_eq!(sleep_ms(1), 0);
            }
            worker.join().expect("no assertion failed there");
        }
    });
}

#[test]
fn an_os_thread_that_ends_breaks_the_locks_it_leaves_behind() {
    with_hub(|| {
        let (mut mutex, mut semaphore) = (null_mut(), null_mut());
        assert_eq!(c!(gh_mutex_new(&mut mutex, null(), 0)), 0);
        assert_eq!(c!(gh_sem_new(&mut semaphore, null(), 0, 0)), 0);
        let sent = Sent((mutex, semaphore));
        on_another_os_thread(move || {
            let (mutex, semaphore) = sent.get();
            spawn(move || {
                assert_eq!(c!(gh_mutex_lock(mutex, GH_NEVER)), 0);
                sleep_until(GH_NEVER);
            });
            spawn(move || {
                c!(gh_sem_wait(semaphore, GH_NEVER));
            });
            yield_now();
        });
        assert_eq!(i64::from(c!(gh_mutex_lock(mutex, GH_NEVER))), -i64::from(libc::EOWNERDEAD));
        assert_eq!(c!(gh_mutex_recover(mutex)), 0);
        assert_eq!(c!(gh_mutex_unlock(mutex)), 0);
        // Its waiter will never run: the permit is for somebody who does.
        assert_eq!(c!(gh_sem_post(semaphore)), 0);
        assert_eq!(c!(gh_sem_wait(semaphore, after_ms(10_000))), 0);
        assert_eq!(c!(gh_mutex_free(mutex)), 0);
        assert_eq!(c!(gh_sem_free(semaphore)), 0);
    });
}
