//! Every suspending call that waits for something, set so that it would wait, and set so that it
//! would succeed at once. The tests of cancellation, deadlines, callbacks and errno walk these.

use super::objects::*;
use super::*;
use std::sync::mpsc;

/// One suspending call with everything but its deadline bound.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub call: &'static dyn Fn(i64) -> i64,
    /// What the call returns at its deadline.
    pub late: i64,
}

fn case(name: &'static str, call: impl Fn(i64) -> i64 + 'static) -> Case {
    Case { name, call: Box::leak(Box::new(call)), late: -ETIMEDOUT }
}

/// What the calls work on. `end` must be called before the test ends.
pub struct Fixture {
    pub cases: Vec<Case>,
    fds: Vec<c_int>,
    threads: Vec<gh_thread>,
    /// They end when the descriptors are closed.
    children: Vec<c_int>,
    objects: Objects,
}

impl Fixture {
    pub fn end(self) {
        for thread in self.threads {
            cancel(thread);
            let result = join_until(thread, GH_NEVER);
            assert!(result == 0 || result == -ESRCH, "gh_join: {result}");
        }
        for fd in self.fds {
            assert_eq!(close(fd), 0);
        }
        for child in self.children {
            let (result, _) = waitpid(child, 0, GH_NEVER);
            assert!(result == i64::from(child) || result == -ECHILD, "gh_waitpid: {result}");
        }
        self.objects.end();
    }
}

/// Locks and their like. What keeps the calls waiting is held by another OS thread, so that neither the
/// root nor the end of a green thread has a part in it.
struct Objects {
    frees: Vec<Box<dyn FnOnce() -> i64>>,
    holder: Option<(mpsc::Sender<()>, std::thread::JoinHandle<()>)>,
}

impl Objects {
    fn end(self) {
        if let Some((release, holder)) = self.holder {
            release.send(()).expect("the holder waits");
            holder.join().expect("the holder ends");
        }
        for free in self.frees {
            assert_eq!(free(), 0);
        }
    }
}

/// Waits on a condition, taking the mutex for that.
fn cond_wait(cond: Cond, mutex: Mutex, deadline: i64) -> i64 {
    match cond.wait(mutex, deadline) {
        // Not held, and nothing else was wrong.
        result if result == -EPERM => {
            assert_eq!(mutex.lock(GH_NEVER), 0);
            let result = cond.wait(mutex, deadline);
            assert_eq!(mutex.unlock(), 0, "held, whatever ended the wait");
            result
        }
        result => result,
    }
}

fn unlocked(result: i64, unlock: impl FnOnce() -> i64) -> i64 {
    if result == 0 {
        assert_eq!(unlock(), 0);
    }
    result
}

fn select_two(full: Channel, empty: Channel, deadline: i64) -> i64 {
    let (item, mut room) = (7, 0);
    select(&mut [case_send(full, &item), case_recv(empty, &mut room)], deadline)
}

fn waiting_objects(cases: &mut Vec<Case>) -> Objects {
    let (mutex, rwlock, once) = (Mutex::new(), RwLock::new(), Once::new());
    let (release, released) = mpsc::channel();
    let (ready, wait_ready) = mpsc::channel();
    let holder = std::thread::spawn(move || {
        assert_eq!((mutex.lock(GH_NEVER), rwlock.write(GH_NEVER)), (0, 0));
        let done = once.run(GH_NEVER, || {
            ready.send(()).expect("the test waits");
            released.recv().map_or(-EPIPE, |()| 0)
        });
        assert_eq!((done, mutex.unlock(), rwlock.unlock()), (0, 0, 0));
    });
    wait_ready.recv().expect("the holder holds");

    let (guard, cond) = (Mutex::new(), Cond::new());
    let (sem, event, auto) = (Sem::new(0), Event::new(0), Event::new(GH_EVENT_AUTO));
    let (barrier, group) = (Barrier::new(1_000_000), WaitGroup::of(1));
    let (empty, full) = (Channel::numbers(1), Channel::numbers(1));
    let unbuffered = Channel::numbers(0);
    assert_eq!(full.send(1, PAST), 0);
    cases.extend([
        case("gh_mutex_lock", move |by| mutex.lock(by)),
        case("gh_rwlock_read", move |by| rwlock.read(by)),
        case("gh_rwlock_write", move |by| rwlock.write(by)),
        case("gh_cond_wait", move |by| cond_wait(cond, guard, by)),
        case("gh_sem_wait", move |by| sem.wait(by)),
        case("gh_event_wait", move |by| event.wait(by)),
        case("gh_event_wait auto", move |by| auto.wait(by)),
        case("gh_barrier_wait", move |by| barrier.wait(by)),
        case("gh_waitgroup_wait", move |by| group.wait(by)),
        case("gh_once_run", move |by| once.run(by, || 0)),
        case("gh_channel_send", move |by| full.send(2, by)),
        case("gh_channel_send unbuffered", move |by| unbuffered.send(2, by)),
        case("gh_channel_recv", move |by| empty.recv_result(by)),
        case("gh_select", move |by| select_two(full, empty, by)),
    ]);
    Objects {
        frees: vec![
            Box::new(move || mutex.free() | rwlock.free() | once.free()),
            Box::new(move || guard.free() | cond.free() | sem.free()),
            Box::new(move || event.free() | auto.free() | barrier.free() | group.free()),
            Box::new(move || empty.free() | full.free() | unbuffered.free()),
        ],
        holder: Some((release, holder)),
    }
}

fn ready_objects(cases: &mut Vec<Case>) -> Objects {
    let (mutex, rwlock, once) = (Mutex::new(), RwLock::new(), Once::new());
    let (sem, event) = (Sem::new(1000), Event::new(GH_EVENT_SET));
    let (barrier, group) = (Barrier::new(1), WaitGroup::new());
    let channel = Channel::numbers(2000);
    for number in 0..1000 {
        assert_eq!(channel.send(number, PAST), 0);
    }
    cases.extend([
        case("gh_mutex_lock", move |by| unlocked(mutex.lock(by), || mutex.unlock())),
        case("gh_rwlock_read", move |by| unlocked(rwlock.read(by), || rwlock.unlock())),
        case("gh_rwlock_write", move |by| unlocked(rwlock.write(by), || rwlock.unlock())),
        case("gh_sem_wait", move |by| sem.wait(by)),
        case("gh_event_wait", move |by| event.wait(by)),
        case("gh_barrier_wait", move |by| barrier.wait(by)),
        case("gh_waitgroup_wait", move |by| group.wait(by)),
        case("gh_once_run", move |by| once.run(by, || 0)),
        case("gh_channel_send", move |by| channel.send(2, by)),
        case("gh_channel_recv", move |by| channel.recv_result(by)),
        case("gh_select", move |by| select_two(channel, channel, by)),
    ]);
    Objects {
        frees: vec![
            Box::new(move || mutex.free() | rwlock.free() | once.free() | sem.free()),
            Box::new(move || event.free() | barrier.free() | group.free() | channel.free()),
        ],
        holder: None,
    }
}

fn iovec(buf: &mut [u8]) -> libc::iovec {
    libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() }
}

pub fn recvmsg(fd: c_int, deadline: i64) -> i64 {
    let mut buf = [0; 8];
    let mut iov = iovec(&mut buf);
    // SAFETY: plain numbers and pointers that may be null.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut iov;
    message.msg_iovlen = 1;
    c!(gh_recvmsg(fd, &mut message, 0, deadline)) as i64
}

pub fn sendmsg(fd: c_int, deadline: i64) -> i64 {
    let mut buf = [b'm'; 8];
    let mut iov = iovec(&mut buf);
    // SAFETY: plain numbers and pointers that may be null.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut iov;
    message.msg_iovlen = 1;
    c!(gh_sendmsg(fd, &message, 0, deadline)) as i64
}

pub fn recvmmsg(fd: c_int, deadline: i64) -> i64 {
    Batch::room(3, 8).receive(fd, deadline)
}

pub fn sendmmsg(fd: c_int, deadline: i64) -> i64 {
    Batch::of([[b'm'; 1024]; 3]).send(fd, deadline)
}

pub fn readv(fd: c_int, deadline: i64) -> i64 {
    let (mut one, mut two) = ([0; 4], [0; 4]);
    let iov = [iovec(&mut one), iovec(&mut two)];
    c!(gh_readv(fd, iov.as_ptr(), 2, deadline)) as i64
}

pub fn writev(fd: c_int, deadline: i64) -> i64 {
    let (mut one, mut two) = ([b'1'; 4], [b'2'; 4]);
    let iov = [iovec(&mut one), iovec(&mut two)];
    c!(gh_writev(fd, iov.as_ptr(), 2, deadline)) as i64
}

pub fn sendto_peer(fd: c_int, buf: &[u8], deadline: i64) -> i64 {
    c!(gh_sendto(fd, buf.as_ptr().cast(), buf.len(), 0, null(), 0, deadline)) as i64
}

pub fn connect_to(port: c_int, deadline: i64) -> i64 {
    let fd = fd_of(i64::from(c!(gh_socket(libc::AF_INET, libc::SOCK_STREAM, 0))));
    let address = loopback(port);
    let result = c!(gh_connect(
        fd,
        std::ptr::addr_of!(address).cast(),
        std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t,
        deadline
    ));
    assert_eq!(close(fd), 0);
    i64::from(result)
}

/// A listener whose backlog is full, with the connections that fill it: connecting there waits.
pub fn full_listener() -> (c_int, c_int, Vec<c_int>) {
    let listener = fd_of(tcp_listen(Some("127.0.0.1"), 0, 1));
    // SAFETY: a second listen only lowers the backlog.
    assert_eq!(unsafe { libc::listen(listener, 0) }, 0);
    let port = port_of(listener);
    let address = loopback(port);
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let mut waiting = Vec::new();
    loop {
        let fd = c!(libc::socket(libc::AF_INET, kind, 0));
        c!(libc::connect(
            fd,
            std::ptr::addr_of!(address).cast(),
            std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t
        ));
        waiting.push(fd);
        let mut connected = pollfd(fd, libc::POLLOUT);
        if c!(libc::poll(&mut connected, 1, 0)) == 0 {
            return (listener, port, waiting);
        }
        assert!(waiting.len() < 100, "a backlog of zero fills up");
    }
}

/// Blocks its OS thread until the pipe that it is given has something, or nobody who could write.
unsafe extern "C" fn read_a_byte(fd: *mut c_void) -> *mut c_void {
    let mut byte = [0_u8];
    c!(libc::read(fd as usize as c_int, byte.as_mut_ptr().cast(), 1));
    null_mut()
}

pub fn offload_a_read(fd: c_int, deadline: i64) -> i64 {
    let arg = fd as usize as *mut c_void;
    i64::from(c!(gh_offload(Some(read_a_byte), arg, null_mut(), deadline)))
}

/// Each call set so that it has to wait. Those that went to the pool are still there, some of them in the
/// kernel, until the fixture ends.
pub fn would_wait() -> Fixture {
    let (empty, empty_peer) = socket_pair();
    let (full, full_peer) = socket_pair();
    fill(full);
    let (messages, messages_peer) = datagram_pair();
    fill(messages_peer);
    let (quiet, quiet_peer) = datagram_pair();
    let (reader, reader_peer) = pipe();
    let (drained, writer) = pipe();
    fill(writer);
    // Numbers of their own: the pool may come late to one that is closed.
    let (stuck_peer, stuck) = pipe();
    fill(stuck);
    let stuck = at_own_number(stuck);
    let (slow, slow_peer) = pipe();
    let slow = at_own_number(slow);
    let file = temporary_file(b"content of a file");
    let (idle, _) = listener();
    let (crowded, port, mut crowd) = full_listener();
    let (apart, crammed_fd, crammed) = full_receiver();
    let (child, end_of_child) = cat();
    let signal = libc::SIGRTMIN() + 7;
    hold_back(signal, false);
    let endless = spawn(|| {
        sleep_until(GH_NEVER);
    });

    let mut sleep = case("gh_sleep_until", sleep_until);
    sleep.late = 0;
    let mut poll_one = case("gh_poll", move |by| {
        let mut fds = [pollfd(empty, libc::POLLIN), pollfd(full, libc::POLLOUT)];
        poll(&mut fds, by)
    });
    poll_one.late = 0;
    let mut cases = vec![
        sleep,
        poll_one,
        case("gh_join", move |by| join_until(endless, by)),
        case("gh_wait_fd in", move |by| wait_fd(empty, libc::POLLIN, by)),
        case("gh_wait_fd out", move |by| wait_fd(full, libc::POLLOUT, by)),
        case("gh_connect", move |by| connect_to(port, by)),
        case("gh_tcp_connect", move |by| tcp_connect("127.0.0.1", port, by)),
        case("gh_accept", move |by| accept(idle, by)),
        case("gh_recv", move |by| recv(empty, &mut [0; 8], by)),
        case("gh_send", move |by| send(full, b"data", by)),
        case("gh_recvfrom", move |by| recvfrom(quiet, &mut [0; 8], by)),
        case("gh_sendto", move |by| sendto_peer(messages_peer, &[b'x'; 16384], by)),
        case("gh_recvmsg", move |by| recvmsg(empty, by)),
        case("gh_sendmsg", move |by| sendmsg(full, by)),
        case("gh_recvmmsg", move |by| recvmmsg(quiet, by)),
        case("gh_sendmmsg", move |by| sendmmsg(messages_peer, by)),
        case("gh_sendto a full one", move |by| sendto(apart, &crammed, b"data", by)),
        case("gh_sendmmsg to a full one", move |by| {
            Batch::of([b"data"; 3]).addressed(&crammed).send(apart, by)
        }),
        case("gh_read", move |by| read(reader, &mut [0; 8], by)),
        case("gh_write", move |by| write(writer, b"data", by)),
        case("gh_readv", move |by| readv(reader, by)),
        case("gh_writev", move |by| writev(writer, by)),
        case("gh_send_all", move |by| send_all(full, b"data", by).0),
        case("gh_recv_exact", move |by| recv_exact(empty, &mut [0; 8], by).0),
        case("gh_sendfile", move |by| sendfile(full, file, Some(&mut 0), 8, by)),
        case("gh_waitpid", move |by| waitpid(child, 0, by).0),
        case("gh_signal_wait", move |by| signal_wait(&[signal], by)),
        case("gh_offload", move |by| offload_a_read(slow, by)),
        case("gh_file_read", move |by| file_read(slow, &mut [0; 8], by)),
        case("gh_file_write", move |by| file_write(stuck, b"data", by)),
    ];
    let mut fds = vec![empty, empty_peer, full, full_peer, messages, messages_peer];
    fds.extend([quiet, quiet_peer, reader, reader_peer, drained, writer]);
    // Of a pipe that the pool waits for the other end first: that ends the wait.
    fds.extend([stuck_peer, stuck, slow_peer, slow, file, idle, crowded, apart, crammed_fd]);
    fds.push(end_of_child);
    fds.append(&mut crowd);
    let objects = waiting_objects(&mut cases);
    Fixture { cases, fds, threads: vec![endless], children: vec![child], objects }
}

/// Each call set so that it succeeds at once, whatever its deadline. Some work only once.
pub fn would_succeed() -> Fixture {
    let (stream, peer) = socket_pair();
    plain_write(peer, &[b's'; 4096]);
    let (messages, messages_peer) = datagram_pair();
    plain_write(messages_peer, b"message");
    let (reader, writer) = pipe();
    plain_write(writer, &[b'p'; 4096]);
    let file = temporary_file(b"content of a file");
    let (busy, port) = listener();
    let client = fd_of(tcp_connect("127.0.0.1", port, GH_NEVER));
    let path = socket_path("succeed");
    let unix = fd_of(unix_listen(&path, 16));
    let child = ended_child();
    let signal = libc::SIGRTMIN() + 7;
    hold_back(signal, true);
    let ended = spawn(|| ());
    while stats().unjoined == 0 {
        yield_now();
    }

    let mut cases = vec![
        case("gh_yield", |_| yield_now()),
        case("gh_sleep_ms", |_| sleep_ms(0)),
        case("gh_sleep_until", |_| sleep_until(PAST)),
        case("gh_poll of nothing", |_| poll(&mut [], PAST)),
        case("gh_poll", move |by| poll(&mut [pollfd(stream, libc::POLLIN)], by)),
        case("gh_join", move |by| join_until(ended, by)),
        case("gh_wait_fd in", move |by| wait_fd(stream, libc::POLLIN, by)),
        case("gh_wait_fd out", move |by| wait_fd(stream, libc::POLLOUT, by)),
        case("gh_connect", move |by| connect_to(port, by)),
        case("gh_tcp_connect", move |by| closed(tcp_connect("127.0.0.1", port, by))),
        case("gh_unix_connect", move |by| closed(unix_connect(&path, by))),
        case("gh_accept", move |by| closed(accept(busy, by))),
        case("gh_recv", move |by| recv(stream, &mut [0; 8], by)),
        case("gh_send", move |by| send(stream, b"data", by)),
        case("gh_recvfrom", move |by| recvfrom(messages, &mut [0; 8], by)),
        case("gh_sendto", move |by| sendto_peer(messages, b"data", by)),
        case("gh_recvmsg", move |by| recvmsg(stream, by)),
        case("gh_sendmsg", move |by| sendmsg(stream, by)),
        case("gh_recvmmsg", move |by| recvmmsg(stream, by)),
        case("gh_sendmmsg", move |by| sendmmsg(messages, by)),
        case("gh_read", move |by| read(reader, &mut [0; 8], by)),
        case("gh_write", move |by| write(writer, b"data", by)),
        case("gh_readv", move |by| readv(reader, by)),
        case("gh_writev", move |by| writev(writer, by)),
        case("gh_send_all", move |by| send_all(stream, b"data", by).0),
        case("gh_recv_exact", move |by| recv_exact(stream, &mut [0; 8], by).0),
        case("gh_sendfile", move |by| sendfile(stream, file, Some(&mut 0), 8, by)),
        case("gh_waitpid", move |by| waitpid(child, 0, by).0),
        case("gh_signal_wait", move |by| signal_wait(&[signal], by)),
    ];
    let objects = ready_objects(&mut cases);
    Fixture {
        cases,
        fds: vec![stream, peer, messages, messages_peer, reader, writer, file, busy, client, unix],
        threads: vec![ended],
        children: vec![child],
        objects,
    }
}

/// Closes the descriptor that a call returned, if it returned one.
fn closed(result: i64) -> i64 {
    if result < 0 {
        return result;
    }
    close(fd_of(result))
}
