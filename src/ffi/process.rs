//! Child processes.
//!
//! A program beside this one: started without a fork of one's own, its pipes served like any other
//! descriptors, its end waited for without blocking the hub. Begin with gh_spawn_process(), which
//! tells why a program could not be started instead of ending a child with status 127. Talk through
//! the pipes with gh_read() and gh_write(), close them with gh_close(), and collect the child with
//! gh_waitpid(): one that nobody collects stays as a zombie.
//!
//! A child gets the three descriptors it is told of and no others. Who reads all of its output
//! before it has written all of its input, or the other way round, can wait for ever: give each
//! pipe a green thread. fork(2) itself may be called too: the green thread that forks goes on in
//! the child, alone.

use super::guard::{guard, guard_suspending};
use super::options;
use crate::error::{Error, Result};
use crate::process::spawn::{spawn, Options, Wish};
use crate::process::wait::wait;
use crate::sys::pid_t;
use std::ffi::{c_char, c_int};
use std::ptr;

/// A child has what the caller has there: the same descriptor, or none if the caller's is closed.
pub const GH_STDIO_INHERIT: u32 = 0;
/// A child has /dev/null there.
pub const GH_STDIO_NULL: u32 = 1;
/// A child has one end of a new pipe there, and the caller gets the other one.
pub const GH_STDIO_PIPE: u32 = 2;
/// A child has a duplicate of gh_process_options.descriptors there, in the mode in which that is.
pub const GH_STDIO_DESCRIPTOR: u32 = 3;
/// For standard error: where standard output goes.
pub const GH_STDIO_OUTPUT: u32 = 4;

/// Make a child the leader of a process group of its own.
pub const GH_PROCESS_GROUP: u32 = 1;
/// Make a child the leader of a session of its own, and of its process group.
pub const GH_PROCESS_SESSION: u32 = 2;

/// How a child process is to be. Zero in a member means the default.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gh_process_options {
    /// sizeof(gh_process_options), set by the caller.
    pub size: usize,
    /// (borrow) Its environment, ended by NULL. Default: the caller's.
    pub envp: *const *mut c_char,
    /// (borrow) Where it starts. Default: where the caller is.
    pub directory: *const c_char,
    /// What its standard input, output and error are: one of GH_STDIO_* each. Default:
    /// GH_STDIO_INHERIT.
    pub standard: [u32; 3],
    /// (borrow) Which descriptors, for GH_STDIO_DESCRIPTOR; not read for others. The child's is a
    /// duplicate.
    pub descriptors: [c_int; 3],
    /// 0, GH_PROCESS_GROUP or GH_PROCESS_SESSION, or both.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
}

/// # Safety
/// The strings of `raw` live as long as the answer is used.
unsafe fn parse<'a>(raw: Option<gh_process_options>) -> Result<Options<'a>> {
    let mut wish = Options {
        envp: ptr::null(),
        directory: None,
        standard: [Wish::Inherit; 3],
        new_group: false,
        new_session: false,
    };
    let Some(raw) = raw else { return Ok(wish) };
    if raw.flags & !(GH_PROCESS_GROUP | GH_PROCESS_SESSION) != 0 || raw.reserved != 0 {
        return Err(Error::EINVAL);
    }
    wish.envp = raw.envp;
    // SAFETY: the caller vouches for the string.
    wish.directory = unsafe { options::optional_text(raw.directory) };
    wish.new_group = raw.flags & GH_PROCESS_GROUP != 0;
    wish.new_session = raw.flags & GH_PROCESS_SESSION != 0;
    for number in 0..3 {
        wish.standard[number] = match raw.standard[number] {
            GH_STDIO_INHERIT => Wish::Inherit,
            GH_STDIO_NULL => Wish::Null,
            GH_STDIO_PIPE => Wish::Pipe,
            GH_STDIO_DESCRIPTOR => Wish::Descriptor(raw.descriptors[number]),
            GH_STDIO_OUTPUT if number == 2 => Wish::Output,
            _ => return Err(Error::EINVAL),
        };
    }
    Ok(wish)
}

/// Starts a program in a child process, as posix_spawnp(3). The child has standard input, output and
/// error and no other descriptor of the caller's; no signal is held back there, and SIGPIPE has its
/// default action. The calling OS thread stands still until the program is loaded. Collect the child
/// with gh_waitpid().
///
/// @param argv     (borrow) the program and its arguments, ended by NULL. A name without a slash is
///                 looked for in the caller's PATH. A relative path starts from the child's directory
/// @param options  (borrow) how the child is to be; NULL for the defaults
/// @param pipes    (out, own) three descriptors, for gh_close(): the caller's ends of the pipes to the
///                 child's standard input and from its output and error, non-blocking and closed on exec;
///                 -1 where there is no pipe. May be NULL if no GH_STDIO_PIPE is asked for
/// @return the child's process id, above 0; -EINVAL for no argv or no program in it, NULL for pipes that
///         are asked for, or an unknown number in the options; -E2BIG if the struct is longer than the
///         library knows and not zero there, or the arguments are longer than the kernel takes; -EBADF
///         for a descriptor that is not open; what execve(2) and chdir(2) give, such as -ENOENT,
///         -EACCES, -ENOEXEC, -ENOTDIR; what fork(2) gives, such as -EAGAIN, -ENOMEM; -EMFILE; -ENFILE;
///         -ENOTSUP with a C library that cannot close a child's descriptors (glibc before 2.34)
/// @thread any
/// @suspends no
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_spawn_process(
    argv: *const *mut c_char,
    options: *const gh_process_options,
    pipes: *mut c_int,
) -> pid_t {
    guard(|| {
        // SAFETY: the caller lends the array, which has one entry at least.
        if argv.is_null() || unsafe { *argv }.is_null() {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the struct for as many bytes as it says, and what it points at.
        let wish = unsafe { parse(options::read(options)?) }?;
        if pipes.is_null() && wish.standard.contains(&Wish::Pipe) {
            return Err(Error::EINVAL);
        }
        // SAFETY: the caller lends the arrays; `argv` has a first entry.
        let (pid, ends) = unsafe { spawn(argv, &wish) }?;
        if !pipes.is_null() {
            // SAFETY: the caller lends room for three.
            unsafe { pipes.cast::<[c_int; 3]>().write_unaligned(ends) };
        }
        Ok(pid)
    })
}

/// Waits until a child process has ended, and collects it, as waitpid(2). Of several that wait for the
/// same child one collects it, and the others get -ECHILD.
///
/// One child is waited for by a pidfd. For several (a pid of 0 or below), for want of a descriptor, and
/// before Linux 5.3, the kernel is asked again and again, after pauses of 1 to 32 ms: the result may be
/// late by that. SIGCHLD is not used.
///
/// @param pid       the child; -1 for any, 0 for any of the caller's process group, below -1 for any of
///                  the group -pid
/// @param status    (out) how it ended, for WIFEXITED() and its kin; may be NULL
/// @param options   0, or WNOHANG to try once
/// @param deadline  how long to wait; the child can still be waited for after a failure
/// @return the id of the child that has ended; 0 with WNOHANG if none has; -ECHILD if there is no such
///         child (any more); -EINVAL for other options; -ETIMEDOUT; -ECANCELED; -ENOMEM; -ENOSPC;
///         GH_ENOTGREEN in a callback
/// @thread any
/// @suspends yes
/// @since 0.1
#[no_mangle]
pub unsafe extern "C" fn gh_waitpid(
    pid: pid_t,
    status: *mut c_int,
    options: c_int,
    deadline: i64,
) -> pid_t {
    guard_suspending(|| {
        let (ended, how) = wait(pid, options, deadline)?;
        if ended > 0 && !status.is_null() {
            // SAFETY: the caller lends the place.
            unsafe { *status = how };
        }
        Ok(ended)
    })
}
