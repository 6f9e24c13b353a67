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

/// The codes of the resolver lie as far below this one as its own `EAI_` numbers lie from 0.
pub const EAI_ZERO: i32 = -10100;

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
    Own { number: EAI_ZERO - 1, name: c"GH_EAI_BADFLAGS", text: c"Bad value for ai_flags" },
    Own { number: EAI_ZERO - 2, name: c"GH_EAI_NONAME", text: c"Name or service not known" },
    Own {
        number: EAI_ZERO - 3,
        name: c"GH_EAI_AGAIN",
        text: c"Temporary failure in name resolution",
    },
    Own {
        number: EAI_ZERO - 4,
        name: c"GH_EAI_FAIL",
        text: c"Non-recoverable failure in name resolution",
    },
    Own {
        number: EAI_ZERO - 5,
        name: c"GH_EAI_NODATA",
        text: c"No address associated with hostname",
    },
    Own { number: EAI_ZERO - 6, name: c"GH_EAI_FAMILY", text: c"ai_family not supported" },
    Own { number: EAI_ZERO - 7, name: c"GH_EAI_SOCKTYPE", text: c"ai_socktype not supported" },
    Own {
        number: EAI_ZERO - 8,
        name: c"GH_EAI_SERVICE",
        text: c"Servname not supported for ai_socktype",
    },
    Own {
        number: EAI_ZERO - 9,
        name: c"GH_EAI_ADDRFAMILY",
        text: c"Address family for hostname not supported",
    },
    Own {
        number: EAI_ZERO - 10,
        name: c"GH_EAI_MEMORY",
        text: c"Memory allocation failure in name resolution",
    },
    Own { number: EAI_ZERO - 11, name: c"GH_EAI_SYSTEM", text: c"System error in name resolution" },
    Own {
        number: EAI_ZERO - 12,
        name: c"GH_EAI_OVERFLOW",
        text: c"Argument buffer too small for a name",
    },
    Own {
        number: EAI_ZERO - 105,
        name: c"GH_EAI_IDN_ENCODE",
        text: c"Parameter string not correctly encoded",
    },
];
