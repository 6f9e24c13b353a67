//! The library's own result codes. build.rs reads this file too and writes `enum gh_error` from it,
//! so it names nothing of the crate.

use std::ffi::CStr;

/// One result code that no kernel gives.
#[derive(Debug)]
pub struct Own {
    /// The value a call returns. At or below -10001: the kernel keeps -4095..-1 for errno.
    pub number: i32,
    /// The enumerator in the header.
    pub name: &'static CStr,
    /// What `gh_strerror` answers.
    pub text: &'static CStr,
}

/// Every code of our own, in the order of the header. A retired number is never given out again.
pub const OWN: &[Own] = &[
    Own {
        number: -10001,
        name: c"GH_EPANIC",
        text: c"A bug inside libgreenhub was caught at its boundary",
    },
    Own {
        number: -10002,
        name: c"GH_ENOTGREEN",
        text: c"The caller cannot be suspended: it is a timer or post callback",
    },
    Own {
        number: -10003,
        name: c"GH_EDEADLOCK",
        text: c"Every green thread waits for another one",
    },
    Own {
        number: -10004,
        name: c"GH_EWRONGTHREAD",
        text: c"The object belongs to the hub of another OS thread",
    },
    Own {
        number: -10005,
        name: c"GH_ENOTROOT",
        text: c"Only the root of an OS thread may make this call",
    },
    Own { number: -10006, name: c"GH_ENOHUB", text: c"No such hub: it was freed, or never made" },
];
