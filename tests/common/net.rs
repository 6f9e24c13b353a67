//! Descriptors to talk through: pairs, pipes, files, addresses; loopback only.

use super::{c, c_int, null_mut, tcp_listen};
use std::net::{TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// Closes without telling the hub, as code that knows nothing of it does.
pub fn plain_close(fd: c_int) {
    // SAFETY: a number; the worst result is EBADF.
    assert_eq!(unsafe { libc::close(fd) }, 0, "close({fd})");
}

fn pair_of(kind: c_int) -> (c_int, c_int) {
    let mut fds = [-1; 2];
    let made = c!(libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()));
    assert_eq!(made, 0, "socketpair");
    (fds[0], fds[1])
}

/// A connected pair of stream sockets.
pub fn socket_pair() -> (c_int, c_int) {
    pair_of(libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
}

/// The same in blocking mode, as a descriptor made by other code would be.
pub fn blocking_socket_pair() -> (c_int, c_int) {
    pair_of(libc::SOCK_STREAM | libc::SOCK_CLOEXEC)
}

/// A pair that keeps message boundaries.
pub fn datagram_pair() -> (c_int, c_int) {
    pair_of(libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
}

fn pipe_of(flags: c_int) -> (c_int, c_int) {
    let mut fds = [-1; 2];
    assert_eq!(c!(libc::pipe2(fds.as_mut_ptr(), flags)), 0, "pipe2");
    (fds[0], fds[1])
}

/// A pipe in blocking mode: the end to read, the end to write.
pub fn pipe() -> (c_int, c_int) {
    pipe_of(libc::O_CLOEXEC)
}

pub fn nonblocking_pipe() -> (c_int, c_int) {
    pipe_of(libc::O_CLOEXEC | libc::O_NONBLOCK)
}

/// A connected TCP pair on the loopback: client, server. In blocking mode, made without the hub.
pub fn tcp_pair() -> (c_int, c_int) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    client.set_nodelay(true).expect("TCP_NODELAY");
    server.set_nodelay(true).expect("TCP_NODELAY");
    (client.into_raw_fd(), server.into_raw_fd())
}

/// A listener of the library on 127.0.0.1 and its port.
pub fn listener() -> (c_int, c_int) {
    let fd = fd_of(tcp_listen(Some("127.0.0.1"), 0, 1024));
    (fd, port_of(fd))
}

/// A child that ends when the descriptor that comes with it is closed.
pub fn cat() -> (c_int, c_int) {
    let mut options = super::no_process_options();
    options.standard = [2, 1, 0];
    let (pid, pipes) = super::spawn_process(&["cat"], &options);
    assert!(pid > 0, "gh_spawn_process: {pid}");
    (pid as c_int, pipes[0])
}

/// A child that has ended, and was not collected.
pub fn ended_child() -> c_int {
    let (pid, _) = super::spawn_process(&["true"], &super::no_process_options());
    assert!(pid > 0, "gh_spawn_process: {pid}");
    // SAFETY: plain bytes.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WEXITED | libc::WNOWAIT;
    assert_eq!(c!(libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, flags)), 0);
    pid as c_int
}

/// Holds a signal back on this OS thread, and sends it there when `send` says so.
pub fn hold_back(signal: c_int, send: bool) {
    // SAFETY: plain bytes, which `sigemptyset` initialises.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    c!(libc::sigemptyset(&mut set));
    c!(libc::sigaddset(&mut set, signal));
    assert_eq!(c!(libc::pthread_sigmask(libc::SIG_BLOCK, &set, null_mut())), 0);
    if send {
        assert_eq!(c!(libc::pthread_kill(libc::pthread_self(), signal)), 0);
    }
}

/// The descriptor that a call returned.
pub fn fd_of(result: i64) -> c_int {
    assert!(result >= 0, "a descriptor, not the error {result}");
    c_int::try_from(result).expect("a descriptor is an int")
}

/// The port that a socket is bound to.
pub fn port_of(fd: c_int) -> c_int {
    // SAFETY: plain bytes.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = std::mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let address = std::ptr::addr_of_mut!(storage);
    assert_eq!(c!(libc::getsockname(fd, address.cast(), &mut len)), 0);
    // SAFETY: the port stands at the same place in both internet families.
    let port = unsafe { (*address.cast::<libc::sockaddr_in>()).sin_port };
    c_int::from(u16::from_be(port))
}

pub fn loopback(port: c_int) -> libc::sockaddr_in {
    // SAFETY: plain bytes.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_port = u16::try_from(port).expect("a port").to_be();
    address.sin_addr.s_addr = u32::from_be_bytes([127, 0, 0, 1]).to_be();
    address
}

pub fn set_option(fd: c_int, level: c_int, option: c_int, value: c_int) {
    let result = c!(libc::setsockopt(
        fd,
        level,
        option,
        std::ptr::addr_of!(value).cast(),
        std::mem::size_of::<c_int>() as libc::socklen_t
    ));
    assert_eq!(result, 0, "setsockopt");
}

/// The next close of this socket resets the connection.
pub fn reset_on_close(fd: c_int) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let result = c!(libc::setsockopt(
        fd,
        libc::SOL_SOCKET,
        libc::SO_LINGER,
        std::ptr::addr_of!(linger).cast(),
        std::mem::size_of::<libc::linger>() as libc::socklen_t
    ));
    assert_eq!(result, 0, "SO_LINGER");
}

/// Numbers that no other test of this process gets by chance: the kernel hands out the lowest
/// free number, and the suite stays far below these.
static RESERVED: AtomicI32 = AtomicI32::new(700);

/// A number that is not open, and that stays so unless this test opens it.
pub fn unused_number() -> c_int {
    RESERVED.fetch_add(1, Ordering::Relaxed)
}

/// Moves a descriptor to the given number, which must not be open.
pub fn move_to(fd: c_int, number: c_int) {
    let moved = c!(libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, number));
    assert_eq!(moved, number, "the number {number} was to be free");
    plain_close(fd);
}

/// Moves a descriptor to a number of its own, so that closing it leaves a number that stays closed.
pub fn at_own_number(fd: c_int) -> c_int {
    let number = unused_number();
    move_to(fd, number);
    number
}

/// A writable file without a name.
pub fn temporary_file(content: &[u8]) -> c_int {
    let fd = c!(libc::memfd_create(c"behaviour".as_ptr(), libc::MFD_CLOEXEC));
    assert!(fd >= 0, "memfd_create");
    let mut rest = content;
    while !rest.is_empty() {
        let n = c!(libc::write(fd, rest.as_ptr().cast(), rest.len()));
        assert!(n > 0, "write to a file in memory");
        rest = &rest[n as usize..];
    }
    assert_eq!(c!(libc::lseek(fd, 0, libc::SEEK_SET)), 0);
    fd
}

/// Fills what a descriptor can take, so that the next write has to wait; tells how many bytes.
pub fn fill(fd: c_int) -> usize {
    let flags = c!(libc::fcntl(fd, libc::F_GETFL));
    assert!(flags >= 0);
    c!(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK));
    let chunk = [b'f'; 16384];
    let mut filled = 0;
    for size in [chunk.len(), 1] {
        loop {
            let n = c!(libc::write(fd, chunk.as_ptr().cast(), size));
            if n <= 0 {
                break;
            }
            filled += n as usize;
        }
    }
    c!(libc::fcntl(fd, libc::F_SETFL, flags));
    filled
}

/// Reads without the hub until `count` bytes have come or the descriptor has no more.
pub fn drain(fd: c_int, count: usize) -> Vec<u8> {
    let flags = c!(libc::fcntl(fd, libc::F_GETFL));
    c!(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK));
    let mut bytes = vec![0; count];
    let mut len = 0;
    while len < count {
        let rest = &mut bytes[len..];
        let n = c!(libc::read(fd, rest.as_mut_ptr().cast(), rest.len()));
        if n <= 0 {
            break;
        }
        len += n as usize;
    }
    c!(libc::fcntl(fd, libc::F_SETFL, flags));
    bytes.truncate(len);
    bytes
}

/// Writes without the hub.
pub fn plain_write(fd: c_int, bytes: &[u8]) {
    let n = c!(libc::write(fd, bytes.as_ptr().cast(), bytes.len()));
    assert_eq!(n, bytes.len() as isize, "write({fd})");
}

pub fn pollfd(fd: c_int, events: i16) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

pub fn is_nonblocking(fd: c_int) -> bool {
    c!(libc::fcntl(fd, libc::F_GETFL)) & libc::O_NONBLOCK != 0
}

pub fn is_close_on_exec(fd: c_int) -> bool {
    c!(libc::fcntl(fd, libc::F_GETFD)) & libc::FD_CLOEXEC != 0
}

/// A path for a socket, unique in this process.
pub fn socket_path(test: &str) -> String {
    let path = std::env::temp_dir().join(format!("greenhub-{test}-{}", std::process::id()));
    let path = path.to_str().expect("a printable path").to_owned();
    let _ = std::fs::remove_file(&path);
    path
}

/// Some bytes in which a lost, repeated or swapped piece shows.
pub fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

/// Accepts without an address.
pub fn plain_accept(fd: c_int) -> c_int {
    let accepted = c!(libc::accept4(fd, null_mut(), null_mut(), libc::SOCK_CLOEXEC));
    assert!(accepted >= 0, "accept");
    accepted
}
