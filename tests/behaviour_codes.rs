//! Numbers, names and texts of results, and the versions.

mod common;
use common::*;

fn text(pointer: *const c_char) -> String {
    assert!(!pointer.is_null());
    // SAFETY: the functions promise static strings.
    unsafe { std::ffi::CStr::from_ptr(pointer) }.to_str().expect("text").to_owned()
}

fn name(code: i64) -> String {
    text(c!(gh_err_name(code as c_int)))
}

fn message(code: i64) -> String {
    text(c!(gh_strerror(code as c_int)))
}

#[test]
fn our_own_codes_have_their_names_and_a_text_each() {
    let ours = [
        (GH_EPANIC, "GH_EPANIC"),
        (GH_ENOTGREEN, "GH_ENOTGREEN"),
        (GH_EDEADLOCK, "GH_EDEADLOCK"),
        (GH_EWRONGTHREAD, "GH_EWRONGTHREAD"),
        (GH_ENOTROOT, "GH_ENOTROOT"),
        (GH_ENOHUB, "GH_ENOHUB"),
        (GH_EAI_NONAME, "GH_EAI_NONAME"),
        (GH_EAI_AGAIN, "GH_EAI_AGAIN"),
        (-10_205, "GH_EAI_IDN_ENCODE"),
    ];
    let mut texts = Vec::new();
    for (code, expected) in ours {
        assert_eq!(name(code), expected);
        assert!(!texts.contains(&message(code)), "{expected} has the text of another");
        texts.push(message(code));
    }
}

#[test]
fn the_systems_codes_have_their_names() {
    let system = [
        (-ETIMEDOUT, "ETIMEDOUT"),
        (-ECANCELED, "ECANCELED"),
        (-EBADF, "EBADF"),
        (-EAGAIN, "EAGAIN"),
        (-EINVAL, "EINVAL"),
        (-EPIPE, "EPIPE"),
        (-EMFILE, "EMFILE"),
        (-E2BIG, "E2BIG"),
        (-ECONNREFUSED, "ECONNREFUSED"),
        (-EISCONN, "EISCONN"),
        (-ENOTSUP, "EOPNOTSUPP"),
    ];
    for (code, expected) in system {
        let found = name(code);
        assert!(found == expected || (code == -ENOTSUP && found == "ENOTSUP"), "{found}");
        assert_ne!(message(code), message(-4000), "{expected} has a text of its own");
    }
}

#[test]
fn every_errno_of_this_system_has_a_name() {
    for code in 1..=133 {
        // SAFETY: the text is copied before anything else may ask for another.
        let known = unsafe { std::ffi::CStr::from_ptr(libc::strerror(code)) };
        if !known.to_string_lossy().starts_with("Unknown error") {
            assert_ne!(name(-i64::from(code)), "EUNKNOWN", "{code}: {known:?}");
        }
    }
}

#[test]
fn successes_are_ok_and_numbers_in_no_table_are_unknown() {
    for code in [0, 1, 4096, c_int::MAX] {
        assert_eq!(name(i64::from(code)), "OK");
        assert!(!message(i64::from(code)).is_empty());
    }
    for code in
        [-4000, -4095, -4096, -9_999, -10_000, -10_007, -10_100, -10_113, -20_000, c_int::MIN]
    {
        assert_eq!(name(i64::from(code)), "EUNKNOWN", "{code}");
        assert_eq!(message(i64::from(code)), "Unknown error", "{code}");
    }
}

#[test]
fn the_texts_are_static() {
    let first = c!(gh_strerror(-1));
    let copy = text(first);
    for code in -200..200 {
        message(code);
    }
    assert_eq!(first, c!(gh_strerror(-1)));
    assert_eq!(text(first), copy);
}

#[test]
fn the_version_is_that_of_the_package() {
    let parts: Vec<u32> =
        env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().expect("a number")).collect();
    assert_eq!(c!(gh_version()), parts[0] << 16 | parts[1] << 8 | parts[2]);
    assert_eq!(text(c!(gh_version_string())), env!("CARGO_PKG_VERSION"));
    assert_eq!(c!(gh_abi_version()), 0);
}
