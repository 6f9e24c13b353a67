//! Descriptors that arrive in messages.

use crate::hub::{adopt, share};
use libc::msghdr;
use std::ffi::c_int;

/// A control message with a descriptor of the sender's process (Linux 6.5, SO_PASSPIDFD).
const SCM_PIDFD: c_int = 4;

/// Tells the hubs of them: their numbers may have been other descriptors', closed behind the library.
///
/// # Safety
/// `message` comes from a receive that has succeeded.
pub(crate) unsafe fn adopt_all(message: &msghdr) {
    // SAFETY: the control buffer holds what the kernel wrote; descriptors in it need not be aligned.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(message);
        while !control.is_null() {
            let header = &*control;
            let passes = header.cmsg_type == libc::SCM_RIGHTS || header.cmsg_type == SCM_PIDFD;
            if header.cmsg_level == libc::SOL_SOCKET && passes {
                let data = libc::CMSG_DATA(control);
                let length = header.cmsg_len - (data as usize - control as usize);
                for at in 0..length / size_of::<c_int>() {
                    share(adopt(data.cast::<c_int>().add(at).read_unaligned()));
                }
            }
            control = libc::CMSG_NXTHDR(message, control);
        }
    }
}
