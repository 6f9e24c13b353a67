//! The watchdog: who keeps an OS thread is told of once, and nobody else is.

mod common;
use common::*;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const EALREADY: i64 = libc::EALREADY as i64;

/// What one report said.
#[derive(Debug)]
struct Told {
    hub: usize,
    thread: gh_thread,
    name: String,
    kept: i64,
    os_thread: c_int,
    error: i64,
    frames: Vec<usize>,
    by: c_int,
}

/// A watchdog that runs until this is dropped. There is one for the process: the tests take turns.
struct Watch {
    told: Receiver<Told>,
    limit: i64,
    _turn: MutexGuard<'static, ()>,
}

fn gettid() -> c_int {
    c!(libc::gettid())
}

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn options() -> gh_watchdog_options {
    gh_watchdog_options {
        size: size_of::<gh_watchdog_options>(),
        limit: 0,
        callback: None,
        arg: null_mut(),
        signal: 0,
        reserved: 0,
    }
}

fn start(options: &gh_watchdog_options) -> i64 {
    i64::from(c!(gh_watchdog_start(options)))
}

fn stop() -> i64 {
    i64::from(c!(gh_watchdog_stop()))
}

unsafe extern "C" fn tell(report: *const gh_watchdog_report, arg: *mut c_void) {
    // SAFETY: the report and what it points to are there while this runs; `watch_with` passed the sender,
    // which it leaks.
    let (report, sender, name, frames) = unsafe {
        let report = &*report;
        (
            report,
            &*arg.cast::<mpsc::Sender<Told>>(),
            CStr::from_ptr(report.name),
            std::slice::from_raw_parts(report.frames.cast::<usize>(), report.frame_count),
        )
    };
    assert!(report.size >= size_of::<gh_watchdog_report>());
    let told = Told {
        hub: report.hub as usize,
        thread: report.thread,
        name: name.to_string_lossy().into_owned(),
        kept: report.kept,
        os_thread: report.os_thread,
        error: i64::from(report.error),
        frames: frames.to_vec(),
        by: gettid(),
    };
    // Nobody listens any more when a test has failed.
    let _ = sender.send(told);
}

fn watch_with(limit_ms: i64, signal: c_int) -> Watch {
    let turn = turn();
    let (sender, told) = mpsc::channel();
    let limit = limit_ms * MILLISECOND;
    let sender: *mut mpsc::Sender<Told> = Box::leak(Box::new(sender));
    let options = gh_watchdog_options {
        limit,
        callback: Some(tell),
        arg: sender.cast(),
        signal,
        ..options()
    };
    assert_eq!(start(&options), 0);
    Watch { told, limit, _turn: turn }
}

fn watch(limit_ms: i64) -> Watch {
    watch_with(limit_ms, 0)
}

impl Drop for Watch {
    fn drop(&mut self) {
        stop();
    }
}

impl Watch {
    /// Keeps the OS thread until that was told of.
    #[inline(never)]
    fn keep(&self) -> Told {
        loop {
            if let Ok(told) = self.told.try_recv() {
                assert!(told.kept >= self.limit);
                assert_ne!(told.by, gettid(), "told by an OS thread of the library's");
                return told;
            }
            std::hint::spin_loop();
        }
    }

    fn quiet(&self) {
        if let Ok(told) = self.told.try_recv() {
            panic!("{told:?}");
        }
    }
}

fn shared(watch: Watch) -> &'static Watch {
    Box::leak(Box::new(watch))
}

/// Gives the next test its turn.
fn end(watch: &'static Watch) {
    watch.quiet();
    // SAFETY: leaked by `shared`, and the green threads that used it have ended.
    drop(unsafe { Box::from_raw(std::ptr::from_ref(watch).cast_mut()) });
}

fn compute(ms: i64) {
    let until = after_ms(ms);
    while now() < until {
        std::hint::spin_loop();
    }
}

/// Sleeps without the library, and says whether nothing has interrupted that.
fn plain_sleep(ms: i64) -> bool {
    let time = libc::timespec { tv_sec: 0, tv_nsec: ms * MILLISECOND };
    c!(libc::nanosleep(&time, null_mut())) == 0
}

#[test]
fn a_green_thread_is_told_of_once_for_each_stretch() {
    let watch = shared(watch(50));
    with_hub(|| {
        let hub = hub() as usize;
        let thread = spawn_named("greedy", move || {
            for _ in 0..3 {
                let told = watch.keep();
                assert_eq!((told.name.as_str(), told.thread), ("greedy", self_id()));
                assert_eq!((told.hub, told.os_thread, told.error), (hub, gettid(), 0));
                let keep = Watch::keep as fn(&Watch) -> Told as usize;
                let within = |frame: &usize| (keep..keep + 4096).contains(frame);
                assert!(told.frames.iter().any(within), "{:x?} around {keep:#x}", told.frames);
                // The same stretch.
                compute(200);
                watch.quiet();
                assert_eq!(yield_now(), 0);
            }
        });
        join(thread);
    });
    end(watch);
}

#[test]
fn a_thousand_threads_that_let_each_other_run_are_not_told_of() {
    let watch = watch(300);
    with_hub(|| {
        let until = after_ms(1000);
        let work = move || {
            while now() < until {
                assert_eq!(yield_now(), 0);
            }
        };
        let threads: Vec<_> = (0..1000).map(|_| spawn(work)).collect();
        threads.into_iter().for_each(join);
    });
    watch.quiet();
}

#[test]
fn waiting_is_not_keeping() {
    let watch = watch(100);
    with_hub(|| {
        let thread = spawn(|| assert_eq!(sleep_ms(300), 0));
        join(thread);
        assert_eq!(run_once(after_ms(200)), 0);
    });
    watch.quiet();
}

#[test]
fn the_root_may_do_what_it_likes_while_nobody_waits() {
    let watch = watch(100);
    with_hub(|| {
        compute(200);
        let sleeper = spawn(|| assert_eq!(sleep_ms(60_000), -ECANCELED));
        assert_eq!(yield_now(), 0);
        assert!(plain_sleep(300), "no signal has disturbed the root");
        compute(200);
        assert_eq!(cancel(sleeper), 0);
        join(sleeper);
        // A foreign loop, which comes when the hub's descriptor and its next deadline say so.
        let thread = spawn(|| assert_eq!(sleep_ms(300), 0));
        let fd = c!(gh_hub_fd(hub()));
        while run_once(PAST) > 0 {
            let left = c!(gh_hub_next_deadline(hub())).saturating_sub(now()) / MILLISECOND + 1;
            let mut entry = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            let result = c!(libc::poll(&mut entry, 1, left.clamp(0, 10_000) as c_int));
            assert!(result >= 0, "no signal has disturbed the root");
        }
        join(thread);
    });
    watch.quiet();
}

#[test]
fn the_root_is_told_of_while_a_green_thread_could_run() {
    let watch = watch(50);
    with_hub(|| {
        let thread = spawn(|| {});
        let told = watch.keep();
        assert_eq!((told.name.as_str(), told.hub), ("root", hub() as usize));
        assert_eq!((told.thread, told.os_thread), (self_id(), gettid()));
        assert!(!told.frames.is_empty());
        join(thread);
    });
    watch.quiet();
}

#[test]
fn the_root_is_told_of_while_a_deadline_has_passed() {
    let watch = watch(50);
    with_hub(|| {
        assert_eq!(set_name(0, "main"), 0);
        let sleeper = spawn(|| assert_eq!(sleep_ms(100), 0));
        assert_eq!(yield_now(), 0);
        let began = now();
        let told = watch.keep();
        assert_eq!(told.name, "main");
        assert!(now() - began >= 145 * MILLISECOND, "a deadline that is yet to come counts");
        join(sleeper);
    });
    watch.quiet();
}

#[test]
fn a_callback_is_told_of_as_one() {
    let watch = shared(watch(50));
    with_hub(|| {
        let done = cell(0);
        timer_start(after_ms(1), 0, move || {
            let told = watch.keep();
            assert_eq!((told.name.as_str(), told.thread), ("callback", 0));
            assert_eq!((told.hub, told.os_thread), (hub() as usize, gettid()));
            assert!(!told.frames.is_empty());
            done.set(done.get() + 1);
        });
        while done.get() == 0 {
            assert_eq!(sleep_ms(1), 0);
        }
    });
    end(watch);
}

#[test]
fn each_hub_is_watched() {
    let watch = shared(watch(50));
    let threads: Vec<_> = (0..3)
        .map(|at| {
            std::thread::spawn(move || {
                let name = format!("keeper {at}");
                // Longer than it takes to ask all three one after the other.
                with_hub(|| join(spawn_named(&name, || compute(400))));
                name
            })
        })
        .collect();
    let mut names: Vec<_> = threads.into_iter().map(|t| t.join().expect("a keeper")).collect();
    let mut told: Vec<_> = watch.told.try_iter().map(|told| told.name).collect();
    names.sort();
    told.sort();
    assert_eq!(told, names);
    end(watch);
}

#[test]
fn an_os_thread_that_holds_the_signal_back_is_told_of_without_frames() {
    let watch = shared(watch(50));
    let sent = Sent(watch);
    // On an OS thread of its own, whose mask goes with it.
    std::thread::spawn(move || {
        let watch = sent.get();
        // SAFETY: a set that `sigemptyset` initialises.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGURG);
            assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &set, null_mut()), 0);
        }
        with_hub(|| {
            let thread = spawn(move || {
                let told = watch.keep();
                assert_eq!((told.error, told.thread), (-EBUSY, self_id()));
                assert_eq!(told.os_thread, gettid());
                assert!(told.frames.is_empty());
            });
            join(thread);
        });
    })
    .join()
    .expect("no failure");
    end(watch);
}

#[test]
fn threads_that_are_renamed_all_the_time_are_told_of_under_a_name_of_theirs() {
    let watch = shared(watch(1));
    with_hub(|| {
        let names = ["first", "a name that is quite a bit longer"];
        let thread = spawn_named(names[0], move || {
            for _ in 0..100 {
                let until = after_ms(5);
                while now() < until {
                    names.iter().for_each(|name| assert_eq!(set_name(0, name), 0));
                }
                assert_eq!(yield_now(), 0);
            }
        });
        join(thread);
        let told: Vec<_> = watch.told.try_iter().map(|told| told.name).collect();
        let whole = told.iter().filter(|name| names.contains(&name.as_str())).count();
        let none = told.iter().filter(|name| name.is_empty()).count();
        assert_eq!(whole + none, told.len(), "{told:?}");
        assert!(whole > 0, "{told:?}");
    });
    end(watch);
}

#[test]
fn hubs_may_come_and_go_while_they_are_looked_at() {
    let watch = watch(1);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(|| {
                for _ in 0..100 {
                    let thread = spawn_named("brief", || compute(2));
                    join(thread);
                    assert_eq!(free_hub(), 0);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no failure");
    }
    for told in watch.told.try_iter() {
        // One that has ended before the signal came is not told of as another.
        assert!(["brief", "root"].contains(&told.name.as_str()), "{told:?}");
        assert!(told.error == 0 && told.thread != 0, "{told:?}");
    }
}

static STRANGE: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_signal(_: c_int) {
    STRANGE.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_signal_of_the_host_goes_on_to_its_handler() {
    let handler: extern "C" fn(c_int) = on_signal;
    // SAFETY: the handler adds to an atomic counter.
    unsafe { libc::signal(libc::SIGUSR2, handler as libc::sighandler_t) };
    let watch = watch_with(50, libc::SIGUSR2);
    with_hub(|| {
        assert_eq!(c!(libc::raise(libc::SIGUSR2)), 0);
        assert_eq!(STRANGE.load(Ordering::Relaxed), 1);
        let thread = spawn(|| {});
        assert_eq!(watch.keep().error, 0);
        join(thread);
        assert_eq!(STRANGE.load(Ordering::Relaxed), 1, "ours is not the host's");
    });
    assert_eq!(stop(), 0);
    assert_eq!(c!(libc::raise(libc::SIGUSR2)), 0);
    assert_eq!(STRANGE.load(Ordering::Relaxed), 2, "also when nobody watches");
    // A handler that was put over ours: the two must not call each other for ever.
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGUSR2, handler as libc::sighandler_t) };
    assert_eq!(start(&gh_watchdog_options { signal: libc::SIGUSR2, ..options() }), -EBUSY);
}

static INSIDE: AtomicBool = AtomicBool::new(false);
static LEFT: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn dawdle(_: *const gh_watchdog_report, _: *mut c_void) {
    assert_eq!((stop(), start(&options())), (-EDEADLK, -EALREADY));
    INSIDE.store(true, Ordering::Release);
    std::thread::sleep(Duration::from_millis(300));
    LEFT.store(true, Ordering::Release);
}

#[test]
fn stopping_waits_for_a_callback_that_runs() {
    let _turn = turn();
    let slow = gh_watchdog_options { limit: 5 * MILLISECOND, callback: Some(dawdle), ..options() };
    assert_eq!(stop(), 0, "nothing to stop");
    assert_eq!(start(&slow), 0);
    assert_eq!(start(&slow), -EALREADY);
    with_hub(|| {
        let thread = spawn(|| {
            while !INSIDE.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            assert_eq!(stop(), 0);
            assert!(LEFT.load(Ordering::Acquire));
        });
        join(thread);
    });
    assert_eq!(start(&options()), 0, "it can be started again");
    assert_eq!((stop(), stop()), (0, 0));
}

#[test]
fn bad_options_start_nothing() {
    let _turn = turn();
    let bad = [
        gh_watchdog_options { size: 0, ..options() },
        gh_watchdog_options { limit: -1, ..options() },
        gh_watchdog_options { limit: MILLISECOND - 1, ..options() },
        gh_watchdog_options { signal: -1, ..options() },
        gh_watchdog_options { signal: 65, ..options() },
        gh_watchdog_options { signal: c_int::MAX, ..options() },
        gh_watchdog_options { signal: libc::SIGKILL, ..options() },
        gh_watchdog_options { signal: libc::SIGSTOP, ..options() },
        gh_watchdog_options { signal: libc::SIGSEGV, ..options() },
        gh_watchdog_options { reserved: 1, ..options() },
    ];
    for options in &bad {
        assert_eq!(start(options), -EINVAL, "{options:?}");
    }
    assert_eq!(start(&gh_watchdog_options { size: 5000, ..options() }), -E2BIG);
    #[repr(C)]
    struct Newer(gh_watchdog_options, u64);
    let size = size_of::<Newer>();
    let newer = Newer(gh_watchdog_options { size, ..options() }, 1);
    assert_eq!(start(&newer.0), -E2BIG);
    set_errno(77);
    assert_eq!(start(&gh_watchdog_options { limit: i64::MAX, ..options() }), 0, "none too long");
    assert_eq!((stop(), errno()), (0, 77));
    assert_eq!((i64::from(c!(gh_watchdog_start(null()))), stop()), (0, 0));
}
