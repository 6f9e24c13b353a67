//! Child processes: made by posix_spawn(3), watched by a pidfd, collected by waitpid(2).

use crate::error::{Error, Result};
use std::ffi::{c_char, c_int, c_short, c_void, CStr};
use std::mem::MaybeUninit;

/// The one option of waitpid(2) that is known here.
pub(crate) const WNOHANG: c_int = libc::WNOHANG;

/// Collects a child that has ended: its id, 0 if it has not yet.
pub(crate) fn collect(pid: c_int, status: &mut c_int) -> Result<c_int> {
    // SAFETY: a valid place for the status.
    super::retry(|| unsafe { libc::waitpid(pid, status, WNOHANG) })
}

/// A descriptor that is readable once the process has ended, closed on exec. Linux 5.3.
pub(crate) fn watch(pid: c_int) -> Result<c_int> {
    // SAFETY: takes no pointer.
    let fd = super::retry(|| unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    Ok(fd as c_int)
}

/// What a standard descriptor of a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    /// Closed.
    Nothing,
    /// The descriptor of the same number, or another one from 3 on.
    Descriptor(c_int),
    Null,
    /// What descriptor 1 is.
    Output,
}

/// The program that a child runs, and what it finds there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    /// As execve(2) wants it, with a first word.
    pub(crate) argv: *const *mut c_char,
    /// Null for the caller's environment.
    pub(crate) envp: *const *mut c_char,
    pub(crate) directory: Option<&'a CStr>,
    pub(crate) standard: [Standard; 3],
    pub(crate) new_group: bool,
    pub(crate) new_session: bool,
}

/// Starts a child, whose failure to become the program is this function's. It has the standard
/// descriptors and no other, no signal held back, and the default action for SIGPIPE.
///
/// # Safety
/// `argv` and `envp` are arrays of C strings with a null behind the last.
pub(crate) unsafe fn start(program: &Program<'_>) -> Result<c_int> {
    let mut actions = Actions::new()?;
    for (number, standard) in (0..).zip(program.standard) {
        actions.place(number, standard)?;
    }
    actions.close_from(3)?;
    if let Some(directory) = program.directory {
        actions.change_directory(directory)?;
    }
    let attributes = Attributes::new(program)?;
    let envp = match program.envp.is_null() {
        // SAFETY: the C library's own array. Whoever changes it while another OS thread reads it breaks
        // the rules of setenv(3).
        true => unsafe { environ },
        false => program.envp,
    };
    let mut pid = 0;
    // SAFETY: initialised by `new`, and not destroyed yet; the caller vouches for the arrays.
    succeed(unsafe {
        libc::posix_spawnp(&mut pid, *program.argv, &actions.0, &attributes.0, program.argv, envp)
    })?;
    Ok(pid)
}

extern "C" {
    static environ: *const *mut c_char;
}

/// These functions return the errno instead of setting it.
fn succeed(number: c_int) -> Result<()> {
    match number {
        0 => Ok(()),
        number => Err(Error::errno(number)),
    }
}

/// What the child does with its descriptors before it becomes the program, in this order.
struct Actions(libc::posix_spawn_file_actions_t);

impl Actions {
    fn new() -> Result<Actions> {
        let mut actions = MaybeUninit::uninit();
        // SAFETY: the place is valid; initialised on success.
        unsafe {
            succeed(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
            Ok(Actions(actions.assume_init()))
        }
    }

    fn place(&mut self, number: c_int, standard: Standard) -> Result<()> {
        let actions = &mut self.0;
        // SAFETY: initialised by `new`, and the path is a C string.
        succeed(unsafe {
            match standard {
                Standard::Nothing => 0,
                // Onto itself, it is kept open over the exec.
                Standard::Descriptor(from) => {
                    libc::posix_spawn_file_actions_adddup2(actions, from, number)
                }
                Standard::Null => {
                    let way = if number == 0 { libc::O_RDONLY } else { libc::O_WRONLY };
                    let path = c"/dev/null".as_ptr();
                    libc::posix_spawn_file_actions_addopen(actions, number, path, way, 0)
                }
                Standard::Output => libc::posix_spawn_file_actions_adddup2(actions, 1, number),
            }
        })
    }

    /// Closes what no `exec` would: descriptors of this process that lack the flag for it.
    fn close_from(&mut self, least: c_int) -> Result<()> {
        type CloseFrom =
            unsafe extern "C" fn(*mut libc::posix_spawn_file_actions_t, c_int) -> c_int;
        // Looked up, since a library that names it does not load with glibc before 2.34.
        let name = c"posix_spawn_file_actions_addclosefrom_np";
        // SAFETY: a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        if found.is_null() {
            return Err(Error::ENOTSUP);
        }
        // SAFETY: the function of that name has this signature; the actions were initialised by `new`.
        succeed(unsafe {
            let close_from = std::mem::transmute::<*mut c_void, CloseFrom>(found);
            close_from(&mut self.0, least)
        })
    }

    fn change_directory(&mut self, path: &CStr) -> Result<()> {
        // SAFETY: initialised by `new`, and the path is a C string, which is copied.
        succeed(unsafe { libc::posix_spawn_file_actions_addchdir_np(&mut self.0, path.as_ptr()) })
    }
}

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`.
        unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
    }
}

/// What else distinguishes the child.
struct Attributes(libc::posix_spawnattr_t);

impl Attributes {
    fn new(program: &Program<'_>) -> Result<Attributes> {
        let mut attributes = MaybeUninit::uninit();
        // SAFETY: the place is valid; initialised on success.
        let mut made = unsafe {
            succeed(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
            Attributes(attributes.assume_init())
        };
        let mut flags = libc::POSIX_SPAWN_SETSIGMASK | libc::POSIX_SPAWN_SETSIGDEF;
        // The leader of a session leads its group already, and may not ask for it.
        if program.new_group && !program.new_session {
            // The group's number is 0 from the start: that of the child.
            flags |= libc::POSIX_SPAWN_SETPGROUP;
        }
        if program.new_session {
            flags |= c_int::from(libc::POSIX_SPAWN_SETSID);
        }
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: initialised above; `sigemptyset` initialises the set.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            succeed(libc::posix_spawnattr_setsigmask(&mut made.0, set.as_ptr()))?;
            libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
            succeed(libc::posix_spawnattr_setsigdefault(&mut made.0, set.as_ptr()))?;
            succeed(libc::posix_spawnattr_setflags(&mut made.0, flags as c_short))?;
        }
        Ok(made)
    }
}

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`.
        unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
    }
}
