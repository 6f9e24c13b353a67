//! libgreenhub: green threads for every language that can call C.
//!
//! The one public interface is the C header, `include/greenhub.h`, generated from `ffi`. The modules
//! stand in the order of their layers: each may use only those above it (docs/architecture.md has the
//! table, and a test holds the source to it).

#[doc(hidden)]
pub mod faults;

mod error;

mod clock;

mod sys;

mod stack;

mod coroutine;

mod slab;

mod list;

mod timer;

mod poller;

mod locals;

mod thread;

mod hub;

mod sync;

mod offload;

mod net;

mod group;

mod process;

mod patch;

mod watchdog;

mod host;

pub mod ffi;
