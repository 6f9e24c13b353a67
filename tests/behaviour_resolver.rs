//! Names: the results of the system's own resolver, and its failures, as codes. What needs a hosts file
//! or a name server of its own is in tests/c/names.c.

mod common;
use common::*;
use std::ffi::{CStr, CString};

type Info = libc::addrinfo;

fn c_text(text: Option<&str>) -> Option<CString> {
    text.map(|text| CString::new(text).expect("no zero byte"))
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// The hints: flags, family, kind, protocol.
fn hints(wish: [c_int; 4]) -> Info {
    // SAFETY: plain numbers and pointers that may be null.
    let mut hints: Info = unsafe { std::mem::zeroed() };
    [hints.ai_flags, hints.ai_family, hints.ai_socktype, hints.ai_protocol] = wish;
    hints
}

/// An entry of a list: numbers, address, canonical name.
type Entry = ([c_int; 4], Vec<u8>, Option<CString>);

fn entries(mut list: *const Info) -> Vec<Entry> {
    let mut found = Vec::new();
    // SAFETY: a list of getaddrinfo's, until its end.
    while let Some(entry) = unsafe { list.as_ref() } {
        let numbers = [entry.ai_flags, entry.ai_family, entry.ai_socktype, entry.ai_protocol];
        // SAFETY: each entry has an address of its length, and a name or none.
        let (address, name) = unsafe {
            let bytes = entry.ai_addr.cast::<u8>();
            let name = entry.ai_canonname;
            (
                std::slice::from_raw_parts(bytes, entry.ai_addrlen as usize).to_vec(),
                (!name.is_null()).then(|| CStr::from_ptr(name).to_owned()),
            )
        };
        found.push((numbers, address, name));
        list = entry.ai_next;
    }
    found
}

fn ours(
    node: Option<&str>,
    service: Option<&str>,
    hints: Option<&Info>,
    deadline: i64,
) -> Result<Vec<Entry>, i64> {
    let (node, service) = (c_text(node), c_text(service));
    let mut list = null_mut();
    let hints = hints.map_or(null(), std::ptr::from_ref);
    let code = c!(gh_getaddrinfo(pointer(&node), pointer(&service), hints, &mut list, deadline));
    if code != 0 {
        assert!(list.is_null(), "written on success only");
        return Err(i64::from(code));
    }
    let found = entries(list);
    c!(libc::freeaddrinfo(list));
    Ok(found)
}

fn theirs(
    node: Option<&str>,
    service: Option<&str>,
    hints: Option<&Info>,
) -> Result<Vec<Entry>, i64> {
    let (node, service) = (c_text(node), c_text(service));
    let mut list = null_mut();
    let hints = hints.map_or(null(), std::ptr::from_ref);
    let eai = c!(libc::getaddrinfo(pointer(&node), pointer(&service), hints, &mut list));
    if eai != 0 {
        return Err(i64::from(-10_100 - eai.abs()));
    }
    let found = entries(list);
    c!(libc::freeaddrinfo(list));
    Ok(found)
}

const STREAM: [c_int; 4] = [0, libc::AF_UNSPEC, libc::SOCK_STREAM, 0];

#[test]
fn lookups_give_what_the_system_gives() {
    with_hub(|| {
        let six = libc::AF_INET6;
        let questions = [
            (Some("localhost"), None, None),
            (Some("localhost"), Some("80"), None),
            (Some("localhost"), Some("80"), Some(STREAM)),
            (Some("localhost"), None, Some([libc::AI_CANONNAME, 0, libc::SOCK_DGRAM, 0])),
            (Some("ip6-localhost"), None, Some([libc::AI_NUMERICHOST, 0, 0, 0])),
            (Some("127.0.0.1"), Some("443"), Some([libc::AI_NUMERICSERV, 0, 0, libc::IPPROTO_TCP])),
            (Some("127.1"), None, Some(STREAM)),
            (Some("::1"), Some("9"), Some(STREAM)),
            (Some("fe80::1%lo"), Some("9"), Some(STREAM)),
            (Some("127.0.0.1"), None, Some([libc::AI_V4MAPPED, six, 0, 0])),
            (Some("127.0.0.1"), None, Some([0, six, 0, 0])),
            (None, Some("1234"), Some([libc::AI_PASSIVE, 0, libc::SOCK_STREAM, 0])),
            (None, Some("1234"), None),
            (None, None, None),
            (Some("::1"), None, Some([0, libc::AF_INET, 0, 0])),
            (Some("localhost"), Some("no-such-service-here"), Some(STREAM)),
            (Some("localhost"), Some("80"), Some([libc::AI_NUMERICHOST, 0, 0, 0])),
            (Some("localhost"), Some("80"), Some([0x4000_0000, 0, 0, 0])),
            (Some("localhost"), Some("80"), Some([0, 77, 0, 0])),
            (Some("localhost"), Some("80"), Some([0, 0, 77, 0])),
            (Some(""), None, None),
        ];
        for (node, service, wish) in questions {
            let wish = wish.map(hints);
            let expected = theirs(node, service, wish.as_ref());
            let found = ours(node, service, wish.as_ref(), GH_NEVER);
            assert_eq!(found, expected, "{node:?} {service:?}");
        }
    });
}

#[test]
fn failures_have_codes_of_their_own() {
    with_hub(|| {
        let failure = |node, service, wish: [c_int; 4]| {
            ours(node, service, Some(&hints(wish)), GH_NEVER).err()
        };
        assert_eq!(failure(None, None, [0; 4]), Some(GH_EAI_NONAME));
        let numeric = [libc::AI_NUMERICHOST, 0, 0, 0];
        assert_eq!(failure(Some("localhost"), None, numeric), Some(GH_EAI_NONAME));
        let unknown = [0x4000_0000, 0, 0, 0];
        assert_eq!(failure(Some("localhost"), None, unknown), Some(GH_EAI_BADFLAGS));
        assert_eq!(failure(Some("localhost"), None, [0, 77, 0, 0]), Some(GH_EAI_FAMILY));
        assert_eq!(failure(Some("localhost"), Some("9"), [0, 0, 77, 0]), Some(GH_EAI_SOCKTYPE));
        assert_eq!(failure(Some("localhost"), Some("none!"), STREAM), Some(GH_EAI_SERVICE));
        let nowhere = c!(gh_getaddrinfo(null(), null(), null(), null_mut(), GH_NEVER));
        assert_eq!(i64::from(nowhere), -EINVAL);
    });
}

#[test]
fn a_deadline_in_the_past_looks_nothing_up() {
    with_hub(|| {
        assert_eq!(ours(Some("localhost"), None, None, PAST), Err(-ETIMEDOUT));
        join(spawn(|| {
            assert_eq!(cancel(self_id()), 0);
            assert_eq!(ours(Some("localhost"), None, None, GH_NEVER), Err(-ECANCELED));
        }));
    });
}

#[test]
fn many_lookups_at_once_are_all_answered() {
    with_hub(|| {
        let expected = theirs(Some("localhost"), Some("80"), None);
        let threads: Vec<_> = (0..200)
            .map(|_| {
                let expected = expected.clone();
                spawn(move || {
                    assert_eq!(ours(Some("localhost"), Some("80"), None, GH_NEVER), expected);
                })
            })
            .collect();
        join_all(threads);
    });
}

type Ask = dyn Fn(*const libc::sockaddr, (*mut c_char, u32), (*mut c_char, u32)) -> i64;

/// The host's and the service's name, or the error.
fn names_by(
    ask: &Ask,
    address: &libc::sockaddr_in,
    rooms: (usize, usize),
) -> Result<(String, String), i64> {
    let (mut host, mut service) = (vec![0x55_u8; 2048], vec![0x55_u8; 2048]);
    let at = std::ptr::from_ref(address).cast();
    let host_room = (host.as_mut_ptr().cast(), rooms.0 as u32);
    let code = ask(at, host_room, (service.as_mut_ptr().cast(), rooms.1 as u32));
    if code != 0 {
        return Err(code);
    }
    let text = |bytes: &[u8], room: usize| {
        assert!(bytes[room..].iter().all(|byte| *byte == 0x55), "nothing beyond the room");
        match room {
            0 => String::new(),
            _ => CStr::from_bytes_until_nul(bytes).expect("text").to_string_lossy().into_owned(),
        }
    };
    Ok((text(&host, rooms.0), text(&service, rooms.1)))
}

const LENGTH: libc::socklen_t = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;

fn names_of(
    address: &libc::sockaddr_in,
    rooms: (usize, usize),
    flags: c_int,
) -> Result<(String, String), i64> {
    let ask = move |at, (host, room): (*mut c_char, u32), (service, other): (*mut c_char, u32)| {
        let code = c!(gh_getnameinfo(at, LENGTH, host, room, service, other, flags, GH_NEVER));
        i64::from(code)
    };
    names_by(&ask, address, rooms)
}

fn their_names_of(
    address: &libc::sockaddr_in,
    rooms: (usize, usize),
    flags: c_int,
) -> Result<(String, String), i64> {
    let ask =
        move |at, (host, room): (*mut c_char, u32), (service, other): (*mut c_char, u32)| match c!(
            libc::getnameinfo(at, LENGTH, host, room, service, other, flags)
        ) {
            0 => 0,
            eai => i64::from(-10_100 - eai.abs()),
        };
    names_by(&ask, address, rooms)
}

#[test]
fn addresses_have_names() {
    const NUMBERS: c_int = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
    with_hub(|| {
        let address = loopback(80);
        let found = |rooms, flags| names_of(&address, rooms, flags);
        let numeric = Ok(("127.0.0.1".to_owned(), "80".to_owned()));
        assert_eq!(found((64, 64), NUMBERS), numeric);
        assert_eq!(found((10, 3), NUMBERS), numeric, "just enough room");
        assert_eq!(found((64, 0), NUMBERS), Ok(("127.0.0.1".to_owned(), String::new())));
        assert_eq!(found((0, 64), NUMBERS), Ok((String::new(), "80".to_owned())));
        assert_eq!(found((9, 64), NUMBERS), Err(GH_EAI_OVERFLOW));
        assert_eq!(found((64, 2), NUMBERS), Err(GH_EAI_OVERFLOW));
        assert_eq!(found((64, 64), 0x4000_0000), Err(GH_EAI_BADFLAGS));
        for flags in [0, NUMBERS, libc::NI_NOFQDN, libc::NI_DGRAM, libc::NI_NAMEREQD] {
            for rooms in [(1025, 32), (0, 0), (1025, 0), (5, 32)] {
                let theirs = their_names_of(&address, rooms, flags);
                assert_eq!(found(rooms, flags), theirs, "{rooms:?} {flags:#x}");
            }
        }
        let mut other = address;
        other.sin_family = 77;
        assert_eq!(names_of(&other, (64, 64), 0), Err(GH_EAI_FAMILY));
    });
}

#[test]
fn what_is_no_address_has_no_name() {
    with_hub(|| {
        let address = loopback(80);
        let at = std::ptr::addr_of!(address).cast();
        let mut host = [0_u8; 64];
        let place = host.as_mut_ptr().cast();
        let ask = |address, length| {
            i64::from(c!(gh_getnameinfo(address, length, place, 64, null_mut(), 0, 0, GH_NEVER)))
        };
        assert_eq!(ask(null(), 16), -EINVAL);
        assert_eq!(ask(at, libc::socklen_t::MAX), -EINVAL);
        assert_eq!(ask(at, 0), GH_EAI_FAMILY);
        assert_eq!(ask(at, 3), GH_EAI_FAMILY);
    });
}

#[test]
fn a_host_is_connected_to_by_its_name() {
    with_hub(|| {
        let (listener, port) = listener();
        let client = fd_of(tcp_connect("localhost", port, after_ms(20_000)));
        assert!(is_nonblocking(client) && is_close_on_exec(client));
        close(fd_of(accept(listener, after_ms(20_000))));
        close(client);
        close(listener);
        assert_eq!(tcp_connect("localhost", port, after_ms(20_000)), -ECONNREFUSED);
        assert_eq!(tcp_connect("localhost", 65_536, GH_NEVER), -EINVAL);
        assert_eq!(tcp_connect("127.0.0.256", port, GH_NEVER), -EINVAL, "nobody is asked");
    });
}
