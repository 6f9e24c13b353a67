//! Sockets and other descriptors: the POSIX calls, made cooperative on `hub::perform`.
//!
//! * `stream` — recv, send and their kin; read, write and theirs.
//! * `addressed` — sending to an address, whose owner may be full.
//! * `batch` — several messages in one call.
//! * `passed` — descriptors that arrive in messages.
//! * `whole` — all of a buffer.
//! * `sendfile` — from a file to a descriptor.
//! * `connection` — socket, connect, listen, accept, shutdown.
//! * `endpoint` — the short ways in: a listening or connected descriptor in one call.
//! * `owned` — a descriptor that one call makes, closed again when it fails.
//! * `address` — numeric addresses.
//! * `names` — names to addresses and back.
//! * `race` — connecting to whichever of several addresses answers first.
//! * `poll` — several descriptors at once.
//! * `pause` — trying again, where no event tells when.

pub(crate) mod address;
mod addressed;
pub(crate) mod batch;
pub(crate) mod connection;
pub(crate) mod endpoint;
pub(crate) mod names;
pub(crate) mod owned;
pub(crate) mod passed;
pub(crate) mod pause;
pub(crate) mod poll;
mod race;
pub(crate) mod sendfile;
pub(crate) mod stream;
pub(crate) mod whole;
