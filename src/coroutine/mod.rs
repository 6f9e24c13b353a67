//! A flow of control with a stack of its own: start, switch in, switch out.
//!
//! The contract, kept by every implementation behind it:
//! * `start` prepares a coroutine on a stack; its body runs at the first `resume`.
//! * `resume` switches in, and comes back when the body suspends or has ended.
//! * `suspend`, called on the coroutine's own stack, switches out to whoever resumed it.
//! * A suspended coroutine is never unwound and never dropped: C frames live on its stack, and no
//!   unwinding may pass through them. It ends by returning.
//! * Nothing of the OS thread's state is carried; `carry` is, by whoever suspends.

pub(crate) mod carry;
mod corosensei;

pub(crate) use corosensei::Coroutine;
