//! The families of functions that a host may have patched.

use crate::error::{Error, Result};

/// A set of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Families(u32);

impl Families {
    pub(crate) const SLEEP: Families = Families(1);
    pub(crate) const WAIT: Families = Families(1 << 1);
    pub(crate) const STREAM: Families = Families(1 << 2);
    pub(crate) const CONNECTION: Families = Families(1 << 3);
    pub(crate) const PROCESS: Families = Families(1 << 4);
    pub(crate) const LOCKS: Families = Families(1 << 5);
    pub(crate) const NAMES: Families = Families(1 << 6);
    pub(crate) const LOADING: Families = Families(1 << 7);
    /// Also what the other families cannot do without: a function of all families is patched with any.
    pub(crate) const ALL: Families = Families((1 << 8) - 1);

    /// Who a green thread is to a language runtime: in the runtime's own object alone, and by its adapter's word.
    pub(crate) const IDENTITY: Families = Families(1 << 8);

    /// What the lock of a language runtime is made of: there alone too.
    pub(crate) const HOST_LOCK: Families = Families(1 << 9);

    /// What ends a runtime's OS threads when it ends itself: there alone too.
    pub(crate) const HOST_END: Families = Families(1 << 10);

    /// What is never taken back: an OS thread may be between two calls that belong together.
    pub(crate) const LASTING: Families = Families(Families::HOST_LOCK.0 | Families::HOST_END.0);

    /// Where a language runtime's code can be left when its time is over: as `IDENTITY`.
    pub(crate) const SLICES: Families = Families(1 << 12);

    /// By what a runtime's lock is waited for: of interest to both.
    pub(crate) const HOST_WAITS: Families = Families(Families::HOST_END.0 | Families::SLICES.0);

    /// Whoever waits for descriptors must hear of their close.
    pub(crate) const TRACKING: Families =
        Families(Families::WAIT.0 | Families::STREAM.0 | Families::CONNECTION.0);

    /// What a host passes: at least one, and none that is not known.
    pub(crate) fn of_flags(flags: u32) -> Result<Families> {
        if flags == 0 || flags & !Families::ALL.0 != 0 {
            return Err(Error::EINVAL);
        }
        Ok(Families(flags))
    }

    pub(crate) const fn flags(self) -> u32 {
        self.0
    }

    pub(crate) fn meets(self, other: Families) -> bool {
        self.0 & other.0 != 0
    }
}
