//! One safe wrapper for each call of the C surface that tests make often. All results are `i64`,
//! so that one set of constants compares with every one of them.

use super::{c_int, c_void, null, null_mut};
use greenhub::ffi::*;
use std::ffi::CString;

/// Calls a C function. The tests stand where C programs stand: what an argument may be is the
/// function's own promise, and the promise is what they test.
#[allow(clippy::macro_metavars_in_unsafe)]
macro_rules! c {
    ($call:expr) => {{
        // SAFETY: any pointer passed is null, or comes from a live reference or slice, unless the
        // test says otherwise beside the call.
        #[allow(unused_unsafe, reason = "some of the functions it wraps are safe to call")]
        unsafe {
            $call
        }
    }};
}
pub(crate) use c;

pub fn now() -> i64 {
    c!(gh_now())
}

pub fn after_ms(ms: i64) -> i64 {
    c!(gh_after_ms(ms))
}

pub fn hub() -> *mut gh_hub {
    let hub = c!(gh_hub_current());
    assert!(!hub.is_null(), "gh_hub_current");
    hub
}

pub fn run() -> i64 {
    i64::from(c!(gh_hub_run(hub())))
}

pub fn run_once(deadline: i64) -> i64 {
    i64::from(c!(gh_hub_run_once(hub(), deadline)))
}

pub fn free_hub() -> i64 {
    i64::from(c!(gh_hub_free(hub(), after_ms(20_000))))
}

pub fn stats() -> gh_stats {
    // SAFETY: plain numbers, for which zero is a value.
    let mut stats: gh_stats = unsafe { std::mem::zeroed() };
    let size = std::mem::size_of::<gh_stats>();
    assert_eq!(c!(gh_hub_stats(hub(), &mut stats, size)), 0);
    stats
}

pub fn no_hub_options() -> gh_hub_options {
    // SAFETY: plain numbers, for which zero is the default.
    let mut options: gh_hub_options = unsafe { std::mem::zeroed() };
    options.size = std::mem::size_of::<gh_hub_options>();
    options
}

pub fn no_spawn_options() -> gh_spawn_options {
    // SAFETY: plain numbers and a pointer that may be null.
    let mut options: gh_spawn_options = unsafe { std::mem::zeroed() };
    options.size = std::mem::size_of::<gh_spawn_options>();
    options
}

/// Makes this OS thread's hub with the given options.
pub fn new_hub(options: &gh_hub_options) -> i64 {
    let mut hub = null_mut();
    i64::from(c!(gh_hub_new(&mut hub, options)))
}

pub fn yield_now() -> i64 {
    i64::from(c!(gh_yield()))
}

pub fn sleep_ms(ms: i64) -> i64 {
    i64::from(c!(gh_sleep_ms(ms)))
}

pub fn sleep_until(deadline: i64) -> i64 {
    i64::from(c!(gh_sleep_until(deadline)))
}

pub fn self_id() -> gh_thread {
    c!(gh_self())
}

pub fn cancel(thread: gh_thread) -> i64 {
    i64::from(c!(gh_cancel(thread)))
}

pub fn cancel_mask(masked: bool) -> i64 {
    i64::from(c!(gh_cancel_mask(c_int::from(masked))))
}

pub fn detach(thread: gh_thread) -> i64 {
    i64::from(c!(gh_detach(thread)))
}

pub fn join_until(thread: gh_thread, deadline: i64) -> i64 {
    i64::from(c!(gh_join(thread, null_mut(), deadline)))
}

pub fn timer_cancel(timer: gh_timer) -> i64 {
    i64::from(c!(gh_timer_cancel(timer)))
}

pub fn wait_fd(fd: c_int, events: i16, deadline: i64) -> i64 {
    i64::from(c!(gh_wait_fd(fd, c_int::from(events), deadline)))
}

pub fn poll(fds: &mut [libc::pollfd], deadline: i64) -> i64 {
    i64::from(c!(gh_poll(fds.as_mut_ptr(), fds.len(), deadline)))
}

pub fn accept(fd: c_int, deadline: i64) -> i64 {
    i64::from(c!(gh_accept(fd, null_mut(), null_mut(), deadline)))
}

pub fn recv_flags(fd: c_int, buf: &mut [u8], flags: c_int, deadline: i64) -> i64 {
    c!(gh_recv(fd, buf.as_mut_ptr().cast(), buf.len(), flags, deadline)) as i64
}

pub fn recv(fd: c_int, buf: &mut [u8], deadline: i64) -> i64 {
    recv_flags(fd, buf, 0, deadline)
}

pub fn send_flags(fd: c_int, buf: &[u8], flags: c_int, deadline: i64) -> i64 {
    c!(gh_send(fd, buf.as_ptr().cast(), buf.len(), flags, deadline)) as i64
}

pub fn send(fd: c_int, buf: &[u8], deadline: i64) -> i64 {
    send_flags(fd, buf, 0, deadline)
}

pub fn recvfrom(fd: c_int, buf: &mut [u8], deadline: i64) -> i64 {
    c!(gh_recvfrom(fd, buf.as_mut_ptr().cast(), buf.len(), 0, null_mut(), null_mut(), deadline))
        as i64
}

pub fn read(fd: c_int, buf: &mut [u8], deadline: i64) -> i64 {
    c!(gh_read(fd, buf.as_mut_ptr().cast(), buf.len(), deadline)) as i64
}

pub fn write(fd: c_int, buf: &[u8], deadline: i64) -> i64 {
    c!(gh_write(fd, buf.as_ptr().cast(), buf.len(), deadline)) as i64
}

/// The result, and how much the call says that it sent.
pub fn send_all(fd: c_int, buf: &[u8], deadline: i64) -> (i64, usize) {
    let mut sent = usize::MAX;
    let result = c!(gh_send_all(fd, buf.as_ptr().cast(), buf.len(), 0, &mut sent, deadline));
    (result as i64, sent)
}

/// The result, and how much the call says that it received.
pub fn recv_exact(fd: c_int, buf: &mut [u8], deadline: i64) -> (i64, usize) {
    let mut received = usize::MAX;
    let result =
        c!(gh_recv_exact(fd, buf.as_mut_ptr().cast(), buf.len(), 0, &mut received, deadline));
    (result as i64, received)
}

pub fn sendfile(out: c_int, file: c_int, offset: Option<&mut i64>, count: usize, by: i64) -> i64 {
    let offset = offset.map_or(null_mut(), |offset| offset as *mut i64);
    c!(gh_sendfile(out, file, offset, count, by)) as i64
}

pub fn file_open(path: &str, flags: c_int, mode: libc::mode_t, deadline: i64) -> i64 {
    i64::from(c!(gh_file_open(c_string(path).as_ptr(), flags, mode, deadline)))
}

pub fn file_read(fd: c_int, buf: &mut [u8], deadline: i64) -> i64 {
    c!(gh_file_read(fd, buf.as_mut_ptr().cast(), buf.len(), deadline)) as i64
}

pub fn file_write(fd: c_int, buf: &[u8], deadline: i64) -> i64 {
    c!(gh_file_write(fd, buf.as_ptr().cast(), buf.len(), deadline)) as i64
}

pub fn file_pread(fd: c_int, buf: &mut [u8], offset: i64, deadline: i64) -> i64 {
    c!(gh_file_pread(fd, buf.as_mut_ptr().cast(), buf.len(), offset, deadline)) as i64
}

pub fn file_pwrite(fd: c_int, buf: &[u8], offset: i64, deadline: i64) -> i64 {
    c!(gh_file_pwrite(fd, buf.as_ptr().cast(), buf.len(), offset, deadline)) as i64
}

pub fn file_fsync(fd: c_int, deadline: i64) -> i64 {
    i64::from(c!(gh_file_fsync(fd, deadline)))
}

pub fn file_fdatasync(fd: c_int, deadline: i64) -> i64 {
    i64::from(c!(gh_file_fdatasync(fd, deadline)))
}

pub fn shutdown(fd: c_int, how: c_int) -> i64 {
    i64::from(c!(gh_shutdown(fd, how)))
}

pub fn close(fd: c_int) -> i64 {
    i64::from(c!(gh_close(fd)))
}

pub fn no_process_options() -> gh_process_options {
    // SAFETY: plain numbers and pointers that may be null.
    let mut options: gh_process_options = unsafe { std::mem::zeroed() };
    options.size = std::mem::size_of::<gh_process_options>();
    options
}

/// Starts a child: its id, or the error, and the ends of its pipes.
pub fn spawn_process(words: &[&str], options: &gh_process_options) -> (i64, [c_int; 3]) {
    let words: Vec<CString> = words.iter().map(|word| c_string(word)).collect();
    let mut argv: Vec<_> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    argv.push(null_mut());
    let mut pipes = [-7; 3];
    let pid = c!(gh_spawn_process(argv.as_ptr(), options, pipes.as_mut_ptr()));
    (i64::from(pid), pipes)
}

/// The result, and the status of the child that was collected.
pub fn waitpid(pid: c_int, options: c_int, deadline: i64) -> (i64, c_int) {
    let mut status = -7;
    let result = c!(gh_waitpid(pid, &mut status, options, deadline));
    (i64::from(result), status)
}

pub fn signal_wait(signals: &[c_int], deadline: i64) -> i64 {
    i64::from(c!(gh_signal_wait(signals.as_ptr(), signals.len(), null_mut(), 0, deadline)))
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("no zero byte in a test's string")
}

pub fn tcp_listen(host: Option<&str>, port: c_int, backlog: c_int) -> i64 {
    let host = host.map(c_string);
    let host = host.as_ref().map_or(null(), |host| host.as_ptr());
    i64::from(c!(gh_tcp_listen(host, port, backlog)))
}

pub fn tcp_connect(host: &str, port: c_int, deadline: i64) -> i64 {
    i64::from(c!(gh_tcp_connect(c_string(host).as_ptr(), port, deadline)))
}

pub fn unix_listen(path: &str, backlog: c_int) -> i64 {
    i64::from(c!(gh_unix_listen(c_string(path).as_ptr(), backlog)))
}

pub fn unix_connect(path: &str, deadline: i64) -> i64 {
    i64::from(c!(gh_unix_connect(c_string(path).as_ptr(), deadline)))
}

pub fn udp_bind(host: Option<&str>, port: c_int) -> i64 {
    let host = host.map(c_string);
    let host = host.as_ref().map_or(null(), |host| host.as_ptr());
    i64::from(c!(gh_udp_bind(host, port)))
}

pub fn set_name(thread: gh_thread, name: &str) -> i64 {
    i64::from(c!(gh_set_name(thread, c_string(name).as_ptr())))
}

/// The name, or the error.
pub fn name(thread: gh_thread) -> Result<String, i64> {
    let mut buf = [0x55_u8; 128];
    let length = c!(gh_name(thread, buf.as_mut_ptr().cast::<libc::c_char>(), buf.len()));
    let length = usize::try_from(length).map_err(|_| i64::from(length))?;
    assert_eq!(buf[length], 0, "a name ends with a zero byte");
    Ok(String::from_utf8_lossy(&buf[..length]).into_owned())
}

/// The text that `gh_hub_dump` writes for this OS thread's hub.
pub fn dump() -> String {
    let (reader, writer) = super::pipe();
    let written = c!(gh_hub_dump(hub(), writer));
    super::plain_close(writer);
    assert!(written >= 0, "gh_hub_dump: {written}");
    let mut text = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        let n = c!(libc::read(reader, chunk.as_mut_ptr().cast::<c_void>(), chunk.len()));
        if n <= 0 {
            break;
        }
        text.extend_from_slice(&chunk[..n as usize]);
    }
    super::plain_close(reader);
    String::from_utf8(text).expect("a dump is text")
}
