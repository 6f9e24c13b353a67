//! Starting a program.

use crate::error::{Error, Result};
use crate::hub::adopt;
use crate::net::owned::Owned;
use crate::sys::fd;
use crate::sys::process::{self, Program, Standard};
use std::ffi::{c_char, c_int, CStr};

/// What is wished for a standard descriptor of the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The caller's descriptor of the same number, if it is open.
    Inherit,
    Null,
    Pipe,
    Descriptor(c_int),
    /// For standard error alone.
    Output,
}

/// What `gh_process_options` sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    /// Null for the caller's environment.
    pub(crate) envp: *const *mut c_char,
    pub(crate) directory: Option<&'a CStr>,
    pub(crate) standard: [Wish; 3],
    pub(crate) new_group: bool,
    pub(crate) new_session: bool,
}

/// A descriptor on its way to the child, which no hub ever sees.
struct Passing(c_int);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fd::close(self.0);
    }
}

/// Where a standard descriptor comes from, kept until the child has it.
struct Provided {
    standard: Standard,
    _passing: Option<Passing>,
    /// The caller's end of a pipe.
    mine: Option<Owned>,
}

impl Provided {
    fn plain(standard: Standard) -> Provided {
        Provided { standard, _passing: None, mine: None }
    }

    fn new(number: c_int, wish: Wish, inherited: bool) -> Result<Provided> {
        match wish {
            Wish::Inherit if inherited => Ok(Provided::plain(Standard::Descriptor(number))),
            Wish::Inherit => Ok(Provided::plain(Standard::Nothing)),
            Wish::Null => Ok(Provided::plain(Standard::Null)),
            Wish::Output => Ok(Provided::plain(Standard::Output)),
            Wish::Descriptor(from) if from < 0 => Err(Error::EBADF),
            Wish::Descriptor(from) if from < 3 => {
                // The child's own standard descriptors come to lie where it is.
                let passing = Passing(fd::duplicate(from, 3)?);
                Ok(Provided {
                    standard: Standard::Descriptor(passing.0),
                    _passing: Some(passing),
                    mine: None,
                })
            }
            Wish::Descriptor(from) if !fd::is_open(from) => Err(Error::EBADF),
            Wish::Descriptor(from) => Ok(Provided::plain(Standard::Descriptor(from))),
            Wish::Pipe => Provided::pipe(number),
        }
    }

    fn pipe(number: c_int) -> Result<Provided> {
        let [reader, writer] = fd::pipe()?;
        let (mine, theirs) = if number == 0 { (writer, reader) } else { (reader, writer) };
        let mine = Owned::new(adopt(mine));
        let mut passing = Passing(theirs);
        fd::set_nonblocking(mine.fd())?;
        if theirs < 3 {
            passing = Passing(fd::duplicate(theirs, 3)?);
        }
        Ok(Provided {
            standard: Standard::Descriptor(passing.0),
            _passing: Some(passing),
            mine: Some(mine),
        })
    }
}

/// Starts a child: its id, and the caller's ends of the pipes, -1 where there is none.
///
/// # Safety
/// `argv` and `options.envp` are arrays of C strings with a null behind the last, and `argv` has a first.
pub(crate) unsafe fn spawn(
    argv: *const *mut c_char,
    options: &Options<'_>,
) -> Result<(c_int, [c_int; 3])> {
    // Before pipes come to lie on a number that is free.
    let inherited = [0, 1, 2].map(fd::is_open);
    let provide =
        |number: usize| Provided::new(number as c_int, options.standard[number], inherited[number]);
    let provided = [provide(0)?, provide(1)?, provide(2)?];
    let program = Program {
        argv,
        envp: options.envp,
        directory: options.directory,
        standard: [0, 1, 2].map(|number: usize| provided[number].standard),
        new_group: options.new_group,
        new_session: options.new_session,
    };
    // SAFETY: the caller vouches for the arrays.
    let pid = unsafe { process::start(&program) }?;
    Ok((pid, provided.map(|provided| provided.mine.map_or(-1, Owned::let_go))))
}
