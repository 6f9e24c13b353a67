//! Datagram sockets, their addresses, and messages for `gh_sendmsg` and its kin, with all that they
//! point to.

use super::{c, c_int, fd_of, null_mut, PAST};
use greenhub::ffi::*;

/// A socket address of any family.
#[derive(Clone, Copy)]
pub struct Address {
    storage: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl Address {
    /// Room for one.
    pub fn unknown() -> Address {
        // SAFETY: plain bytes.
        let storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        Address { storage, length: std::mem::size_of_val(&storage) as libc::socklen_t }
    }

    /// Where a socket is bound.
    pub fn of(fd: c_int) -> Address {
        let mut address = Address::unknown();
        let place = std::ptr::addr_of_mut!(address.storage).cast();
        assert_eq!(c!(libc::getsockname(fd, place, &mut address.length)), 0, "getsockname");
        address
    }

    /// What dissolves a connection.
    pub fn none() -> Address {
        let mut address = Address::unknown();
        address.storage.ss_family = libc::AF_UNSPEC as libc::sa_family_t;
        address
    }

    /// The bytes that count.
    pub fn bytes(&self) -> &[u8] {
        let start = std::ptr::addr_of!(self.storage).cast::<u8>();
        let length = (self.length as usize).min(std::mem::size_of_val(&self.storage));
        // SAFETY: within the storage.
        unsafe { std::slice::from_raw_parts(start, length) }
    }

    pub fn as_ptr(&self) -> *const libc::sockaddr {
        std::ptr::addr_of!(self.storage).cast()
    }

    pub fn length(&self) -> libc::socklen_t {
        self.length
    }
}

pub fn connect_fd(fd: c_int, address: &Address, deadline: i64) -> i64 {
    i64::from(c!(gh_connect(fd, address.as_ptr(), address.length, deadline)))
}

pub fn sendto(fd: c_int, to: &Address, bytes: &[u8], deadline: i64) -> i64 {
    let (start, len) = (bytes.as_ptr().cast(), bytes.len());
    c!(gh_sendto(fd, start, len, 0, to.as_ptr(), to.length, deadline)) as i64
}

/// What came, and from where.
pub fn receive_from(fd: c_int, deadline: i64) -> (Vec<u8>, Address) {
    let mut from = Address::unknown();
    let mut buf = vec![0; 2048];
    let place = std::ptr::addr_of_mut!(from.storage).cast();
    let (start, room) = (buf.as_mut_ptr().cast(), buf.len());
    let n = c!(gh_recvfrom(fd, start, room, 0, place, &mut from.length, deadline));
    assert!(n >= 0, "gh_recvfrom: {n}");
    buf.truncate(n as usize);
    (buf, from)
}

/// A Unix datagram socket without a name.
pub fn unix_datagram() -> c_int {
    fd_of(i64::from(c!(gh_socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0))))
}

/// A Unix datagram socket with a name of the kernel's choice (unix(7), autobind), and its address.
pub fn unix_receiver() -> (c_int, Address) {
    let fd = unix_datagram();
    let family = libc::AF_UNIX as libc::sa_family_t;
    let length = std::mem::size_of_val(&family) as libc::socklen_t;
    assert_eq!(c!(libc::bind(fd, std::ptr::addr_of!(family).cast(), length)), 0, "bind");
    (fd, Address::of(fd))
}

/// An unconnected Unix socket, and a receiver with its address that takes no more datagrams. Another
/// sender has filled it, so that nothing of it is an event of the first.
pub fn full_receiver() -> (c_int, c_int, Address) {
    let (filler, sender) = (unix_datagram(), unix_datagram());
    let (receiver, address) = unix_receiver();
    let mut queued = 0;
    while sendto(filler, &address, b"fill", PAST) == 4 {
        queued += 1;
        assert!(queued < 10_000, "a receiver fills up");
    }
    assert!(queued > 0, "an empty receiver takes datagrams");
    assert_eq!(super::close(filler), 0);
    (sender, receiver, address)
}

/// Two UDP sockets on the loopback for each family that this machine has.
pub fn udp_pairs() -> Vec<(c_int, c_int)> {
    let of = |host| (super::udp_bind(Some(host), 0), super::udp_bind(Some(host), 0));
    let mut pairs = vec![of("127.0.0.1")];
    match of("::1") {
        six if six.0 >= 0 => pairs.push(six),
        _ => eprintln!("skipped: this machine has no IPv6 loopback"),
    }
    pairs.into_iter().map(|(a, b)| (fd_of(a), fd_of(b))).collect()
}

/// Room for the descriptors of one message, aligned as control messages must be.
#[repr(align(8))]
struct Control([u8; 64]);

/// How many descriptors fit.
const MOST_PASSED: usize = 8;

/// Messages to send, or room for messages.
pub struct Batch {
    headers: Vec<libc::mmsghdr>,
    names: Vec<Address>,
    controls: Vec<Control>,
    ranges: Vec<libc::iovec>,
    buffers: Vec<Vec<u8>>,
}

impl Batch {
    fn new(mut buffers: Vec<Vec<u8>>) -> Batch {
        let range = |buf: &mut Vec<u8>| libc::iovec {
            iov_base: buf.as_mut_ptr().cast(),
            iov_len: buf.len(),
        };
        let mut ranges: Vec<_> = buffers.iter_mut().map(range).collect();
        let header = |range| {
            // SAFETY: plain numbers and pointers that may be null.
            let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
            header.msg_hdr.msg_iov = range;
            header.msg_hdr.msg_iovlen = 1;
            header
        };
        let headers = ranges.iter_mut().map(|range| header(range)).collect();
        Batch { headers, names: Vec::new(), controls: Vec::new(), ranges, buffers }
    }

    /// Messages to send.
    pub fn of<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Batch {
        Batch::new(texts.into_iter().map(|text| text.as_ref().to_vec()).collect())
    }

    /// Room for messages.
    pub fn room(count: usize, size: usize) -> Batch {
        Batch::new(vec![vec![0; size]; count])
    }

    /// Names the receiver of each message, or makes room for the sender of each.
    pub fn addressed(mut self, address: &Address) -> Batch {
        self.names = vec![*address; self.headers.len()];
        for (header, name) in self.headers.iter_mut().zip(&mut self.names) {
            header.msg_hdr.msg_name = std::ptr::addr_of_mut!(name.storage).cast();
            header.msg_hdr.msg_namelen = name.length;
        }
        self
    }

    fn with_controls(mut self) -> Batch {
        self.controls = self.headers.iter().map(|_| Control([0; 64])).collect();
        for (header, control) in self.headers.iter_mut().zip(&mut self.controls) {
            header.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = control.0.len();
        }
        self
    }

    /// Makes room for descriptors in each message.
    pub fn with_room_for_descriptors(self) -> Batch {
        self.with_controls()
    }

    /// Adds descriptors to each message; none to one whose slice is empty.
    pub fn passing(self, descriptors: &[&[c_int]]) -> Batch {
        let mut batch = self.with_controls();
        for (header, fds) in batch.headers.iter_mut().zip(descriptors) {
            let message = &mut header.msg_hdr;
            if fds.is_empty() {
                message.msg_control = null_mut();
                message.msg_controllen = 0;
                continue;
            }
            assert!(fds.len() <= MOST_PASSED);
            let bytes = std::mem::size_of_val(*fds) as u32;
            // SAFETY: the control buffer is aligned and has room for that many.
            unsafe {
                message.msg_controllen = libc::CMSG_SPACE(bytes) as usize;
                let control = libc::CMSG_FIRSTHDR(message);
                (*control).cmsg_level = libc::SOL_SOCKET;
                (*control).cmsg_type = libc::SCM_RIGHTS;
                (*control).cmsg_len = libc::CMSG_LEN(bytes) as usize;
                let data = libc::CMSG_DATA(control).cast::<c_int>();
                for (at, &fd) in fds.iter().enumerate() {
                    data.add(at).write_unaligned(fd);
                }
            }
        }
        batch
    }

    /// The descriptors that came with one message.
    pub fn passed(&self, at: usize) -> Vec<c_int> {
        let message = &self.headers[at].msg_hdr;
        let mut fds = Vec::new();
        // SAFETY: the kernel wrote whole control messages or none.
        unsafe {
            let control = libc::CMSG_FIRSTHDR(message);
            if control.is_null() {
                return fds;
            }
            assert_eq!((*control).cmsg_type, libc::SCM_RIGHTS);
            let count = ((*control).cmsg_len - libc::CMSG_LEN(0) as usize) / 4;
            let data = libc::CMSG_DATA(control).cast::<c_int>();
            fds.extend((0..count).map(|at| data.add(at).read_unaligned()));
        }
        fds
    }

    /// Points one message at bytes that are not there.
    pub fn spoil(&mut self, at: usize) {
        self.ranges[at].iov_base = 8 as *mut _;
    }

    pub fn text(&self, at: usize) -> &[u8] {
        &self.buffers[at][..self.length(at).min(self.buffers[at].len())]
    }

    /// The first texts, after a receive.
    pub fn texts(&self, count: i64) -> Vec<&[u8]> {
        assert!(count >= 0, "messages, not the error {count}");
        (0..count as usize).map(|at| self.text(at)).collect()
    }

    pub fn length(&self, at: usize) -> usize {
        self.headers[at].msg_len as usize
    }

    pub fn flags(&self, at: usize) -> c_int {
        self.headers[at].msg_hdr.msg_flags
    }

    /// Who sent one message, after a receive.
    pub fn sender(&self, at: usize) -> Address {
        Address { length: self.headers[at].msg_hdr.msg_namelen, ..self.names[at] }
    }

    /// Sends from one message on.
    pub fn send_from(&mut self, at: usize, fd: c_int, flags: c_int, deadline: i64) -> i64 {
        let rest = &mut self.headers[at..];
        let (start, count) = (rest.as_mut_ptr(), rest.len() as u32);
        i64::from(c!(gh_sendmmsg(fd, start, count, flags, deadline)))
    }

    pub fn send(&mut self, fd: c_int, deadline: i64) -> i64 {
        self.send_from(0, fd, 0, deadline)
    }

    pub fn receive_flags(&mut self, fd: c_int, flags: c_int, deadline: i64) -> i64 {
        let (start, count) = (self.headers.as_mut_ptr(), self.headers.len() as u32);
        i64::from(c!(gh_recvmmsg(fd, start, count, flags, deadline)))
    }

    pub fn receive(&mut self, fd: c_int, deadline: i64) -> i64 {
        self.receive_flags(fd, 0, deadline)
    }

    /// The first message alone, for the calls that take one.
    pub fn first(&mut self) -> &mut libc::msghdr {
        &mut self.headers[0].msg_hdr
    }
}

/// Receives until `count` messages have come, in as many batches as it takes.
pub fn receive_all(fd: c_int, count: usize, deadline: i64) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while all.len() < count {
        let mut batch = Batch::room(count - all.len(), 2048);
        let received = batch.receive(fd, deadline);
        assert!(received > 0, "gh_recvmmsg: {received}, {} came before", all.len());
        all.extend(batch.texts(received).iter().map(|text| text.to_vec()));
    }
    all
}
