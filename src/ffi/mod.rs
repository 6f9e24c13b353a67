//! The C surface: thin, one file per section of the header.
//!
//! Every function goes through `guard`: nothing unwinds into C, and errno stays as it was. What a
//! function promises is said in its documentation, from which the header is generated, section after
//! section; the comment at the head of a section's file is the guide that opens it there.

// The documentation of the exported functions is written for the header: C readers know what a
// pointer argument demands from its ownership word.
#![allow(clippy::missing_safety_doc, reason = "the header's ownership words say it")]
// C names on both sides of the boundary, so that one search finds both.
#![allow(non_camel_case_types, reason = "the names of the C surface")]

mod guard;
mod options;

mod channel;
mod clock;
mod datagram;
mod endpoint;
mod file;
mod group;
mod hub;
mod local;
mod lock;
mod meeting;
mod names;
mod offload;
mod patch;
mod process;
mod python;
mod readiness;
mod signal;
mod socket;
mod stream;
mod thread;
mod timer;
mod version;
mod watchdog;

pub use channel::*;
pub use clock::*;
pub use datagram::*;
pub use endpoint::*;
pub use file::*;
pub use group::*;
pub use hub::*;
pub use local::*;
pub use lock::*;
pub use meeting::*;
pub use names::*;
pub use offload::*;
pub use patch::*;
pub use process::*;
pub use python::*;
pub use readiness::*;
pub use signal::*;
pub use socket::*;
pub use stream::*;
pub use thread::*;
pub use timer::*;
pub use version::*;
pub use watchdog::*;
