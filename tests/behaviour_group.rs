//! Groups: hubs on OS threads of their own, work and ports spread over them.

mod common;
use common::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

fn options(hubs: u32) -> gh_group_options {
    // SAFETY: plain numbers and a pointer, for which zero is the default.
    let mut options: gh_group_options = unsafe { std::mem::zeroed() };
    options.size = std::mem::size_of::<gh_group_options>();
    options.hubs = hubs;
    options
}

fn group(hubs: u32) -> *mut gh_group {
    let mut group = null_mut();
    assert_eq!(c!(gh_group_new(&mut group, &options(hubs))), 0);
    assert!(!group.is_null());
    group
}

fn free(group: *mut gh_group, deadline: i64) -> i64 {
    i64::from(c!(gh_group_free(group, deadline)))
}

type Entry = unsafe extern "C" fn(*mut c_void) -> *mut c_void;

/// Gives the address of the hub that it runs on.
unsafe extern "C" fn where_am_i(_: *mut c_void) -> *mut c_void {
    hub().cast()
}

unsafe extern "C" fn sleeper(_: *mut c_void) -> *mut c_void {
    sleep_until(GH_NEVER) as *mut c_void
}

unsafe extern "C" fn stubborn(arg: *mut c_void) -> *mut c_void {
    // SAFETY: the test passes a counter that lives as long as the process.
    let go = unsafe { &*arg.cast::<AtomicUsize>() };
    assert_eq!(c!(gh_cancel_mask(1)), 0);
    while go.load(Ordering::SeqCst) == 0 {
        assert_eq!(sleep_ms(1), 0);
    }
    null_mut()
}

fn spawn_in(group: *mut gh_group, entry: Entry, arg: *mut c_void) -> gh_thread {
    let mut thread = 0;
    let made = c!(gh_group_spawn(group, &mut thread, null(), Some(entry), arg, GH_NEVER));
    assert_eq!(made, 0);
    thread
}

#[test]
fn has_as_many_hubs_as_asked_for() {
    with_hub(|| {
        let group = group(3);
        assert_eq!(c!(gh_group_len(group)), 3);
        let hubs: Vec<_> = (0..3).map(|at| c!(gh_group_hub(group, at))).collect();
        assert!(hubs.iter().all(|hub| !hub.is_null()));
        assert!(hubs[0] != hubs[1] && hubs[1] != hubs[2] && hubs[0] != hubs[2]);
        assert!(c!(gh_group_hub(group, 3)).is_null());
        assert_eq!(free(group, GH_NEVER), 0);
        assert_eq!(i64::from(c!(gh_group_len(group))), -EINVAL, "freed");
        assert_eq!(free(group, GH_NEVER), -EINVAL);
        assert_eq!(i64::from(c!(gh_hub_run(hubs[0]))), GH_ENOHUB, "its hubs are gone");
    });
}

#[test]
fn without_options_it_has_a_hub_for_each_core() {
    with_hub(|| {
        let mut group = null_mut();
        assert_eq!(c!(gh_group_new(&mut group, null())), 0);
        let cores = std::thread::available_parallelism().expect("known").get();
        assert_eq!(c!(gh_group_len(group)) as usize, cores);
        assert_eq!(free(group, GH_NEVER), 0);
    });
}

#[test]
fn work_is_spread_evenly() {
    with_hub(|| {
        let group = group(4);
        let mut places = BTreeMap::new();
        let threads: Vec<_> = (0..100).map(|_| spawn_in(group, where_am_i, null_mut())).collect();
        for thread in threads {
            let mut place = null_mut();
            assert_eq!(c!(gh_join(thread, &mut place, GH_NEVER)), 0);
            *places.entry(place as usize).or_insert(0) += 1;
        }
        assert_eq!(places.values().copied().collect::<Vec<_>>(), [25; 4]);
        let known: Vec<_> = (0..4).map(|at| c!(gh_group_hub(group, at)) as usize).collect();
        assert!(places.keys().all(|place| known.contains(place)));
        assert_eq!(free(group, GH_NEVER), 0);
    });
}

#[test]
fn freeing_cancels_what_still_runs() {
    with_hub(|| {
        let group = group(2);
        let threads: Vec<_> = (0..10).map(|_| spawn_in(group, sleeper, null_mut())).collect();
        let joined = spawn(move || {
            let mut result = null_mut();
            assert_eq!(c!(gh_join(threads[0], &mut result, GH_NEVER)), 0);
            assert_eq!(result as i64, -ECANCELED);
        });
        yield_now();
        assert_eq!(free(group, GH_NEVER), 0);
        join(joined);
    });
}

#[test]
fn one_that_will_not_end_keeps_the_group() {
    with_hub(|| {
        let go: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        let group = group(2);
        spawn_in(group, stubborn, std::ptr::from_ref(go).cast_mut().cast());
        for _ in 0..3 {
            assert_eq!(free(group, after_ms(30)), -EBUSY);
            assert_eq!(c!(gh_group_len(group)), 2);
        }
        go.store(1, Ordering::SeqCst);
        assert_eq!(free(group, GH_NEVER), 0);
    });
}

#[test]
fn a_wait_for_its_end_that_is_cancelled_can_be_repeated() {
    with_hub(|| {
        let go: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        let group = Sent(group(2));
        spawn_in(group.0, stubborn, std::ptr::from_ref(go).cast_mut().cast());
        let handle = group.0;
        let freeing = spawn(move || assert_eq!(free(handle, GH_NEVER), -ECANCELED));
        assert_eq!(sleep_ms(10), 0);
        assert_eq!(cancel(freeing), 0);
        join(freeing);
        go.store(1, Ordering::SeqCst);
        assert_eq!(free(group.0, GH_NEVER), 0);
    });
}

unsafe extern "C" fn free_own_group(group: *mut c_void) -> *mut c_void {
    free(group.cast(), GH_NEVER) as *mut c_void
}

#[test]
fn a_group_cannot_be_freed_from_within() {
    with_hub(|| {
        let group = group(1);
        let thread = spawn_in(group, free_own_group, group.cast());
        let mut result = null_mut();
        assert_eq!(c!(gh_join(thread, &mut result, GH_NEVER)), 0);
        assert_eq!(result as i64, -EDEADLK);
        assert_eq!(free(group, GH_NEVER), 0);
    });
}

static SERVED: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

unsafe extern "C" fn echo(fd: c_int, arg: *mut c_void) {
    *SERVED.lock().expect("no panic").entry(hub() as usize).or_insert(0) += 1;
    assert_eq!(arg as usize, 7);
    let mut buf = [0u8; 64];
    loop {
        let count = recv(fd, &mut buf, GH_NEVER);
        if count <= 0 || send_all(fd, &buf[..count as usize], GH_NEVER).0 != count {
            break;
        }
    }
    close(fd);
}

#[test]
fn one_call_serves_a_port_on_all_hubs() {
    with_hub(|| {
        let group = group(2);
        let host = std::ffi::CString::new("127.0.0.1").expect("no zero byte");
        let arg = 7 as *mut c_void;
        let port =
            c!(gh_group_serve(group, host.as_ptr(), 0, 0, Some(echo), arg, after_ms(10_000)));
        assert!(port > 0, "{port}");
        // Until both have had some: which one gets a connection is a hash of its numbers.
        for round in 0.. {
            assert!(round < 1000, "the kernel gives all connections to one hub");
            join_all((0..20).map(|at| {
                let host = host.clone();
                spawn(move || {
                    let fd = c!(gh_tcp_connect(host.as_ptr(), port, after_ms(10_000)));
                    assert!(fd >= 0, "{fd}");
                    let said = [at as u8; 48];
                    let mut heard = [0; 48];
                    assert_eq!(send_all(fd, &said, GH_NEVER).0, 48);
                    assert_eq!(recv_exact(fd, &mut heard, GH_NEVER).0, 48);
                    assert_eq!(said, heard);
                    assert_eq!(close(fd), 0);
                })
            }));
            if SERVED.lock().expect("no panic").len() == 2 {
                break;
            }
        }
        assert_eq!(free(group, GH_NEVER), 0);
        let gone = c!(gh_tcp_connect(host.as_ptr(), port, after_ms(10_000)));
        assert_eq!(i64::from(gone), -ECONNREFUSED, "its listeners are closed");
    });
}

#[test]
fn a_port_that_cannot_be_had_is_told_and_nothing_is_served() {
    with_hub(|| {
        let group = group(2);
        let host = std::ffi::CString::new("127.0.0.1").expect("no zero byte");
        // Without SO_REUSEPORT: nobody else may listen there.
        let taken = c!(gh_tcp_listen(host.as_ptr(), 0, 0));
        let port = port_of(taken);
        let serve = |host, port, service: gh_service| {
            i64::from(c!(gh_group_serve(group, host, port, 0, service, null_mut(), GH_NEVER)))
        };
        assert_eq!(serve(host.as_ptr(), port, Some(echo)), -EADDRINUSE);
        assert_eq!(serve(host.as_ptr(), 65536, Some(echo)), -EINVAL);
        assert_eq!(serve(host.as_ptr(), 0, None), -EINVAL);
        let name = std::ffi::CString::new("no address").expect("no zero byte");
        assert_eq!(serve(name.as_ptr(), 0, Some(echo)), -EINVAL);
        assert_eq!(close(taken), 0);
        assert_eq!(free(group, GH_NEVER), 0);
    });
}

#[test]
fn bad_arguments_are_error_codes() {
    with_hub(|| {
        let mut group = null_mut();
        assert_eq!(i64::from(c!(gh_group_new(null_mut(), null()))), -EINVAL);
        assert_eq!(i64::from(c!(gh_group_new(&mut group, &options(1025)))), -EINVAL);
        let mut wrong = options(1);
        wrong.reserved = 1;
        assert_eq!(i64::from(c!(gh_group_new(&mut group, &wrong))), -EINVAL);
        let mut of_hubs = no_hub_options();
        of_hubs.stack_size = 1;
        let mut wrong = options(1);
        wrong.hub = &of_hubs;
        assert_eq!(i64::from(c!(gh_group_new(&mut group, &wrong))), -EINVAL);
        assert!(group.is_null(), "nothing is written on a failure");
        for bad in [null_mut(), 0x1000 as *mut gh_group, usize::MAX as *mut gh_group] {
            assert_eq!(i64::from(c!(gh_group_len(bad))), -EINVAL);
            assert!(c!(gh_group_hub(bad, 0)).is_null());
            assert_eq!(free(bad, GH_NEVER), -EINVAL);
            let mut thread = 0;
            let entry: Option<Entry> = Some(sleeper);
            let spawned = c!(gh_group_spawn(bad, &mut thread, null(), entry, null_mut(), GH_NEVER));
            assert_eq!(i64::from(spawned), -EINVAL);
        }
    });
}
