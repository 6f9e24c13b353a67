//! Child processes and signals, made cooperative on the hub's readiness.
//!
//! * `spawn` — starting a program, with what it finds as its standard descriptors.
//! * `wait` — for a child's end.
//! * `signal` — for one of a set of signals.

pub(crate) mod signal;
pub(crate) mod spawn;
pub(crate) mod wait;
