//! The one table of hooked functions.
//!
//! Each line is a function of libc as its manual declares it, and what stands in for it. From it come the
//! entry that the link tables lead to, the call of the original, and the list that is searched by name.
//!
//! * `name(…) -> result = body;` acts for green threads only: `body` gets the caller and the arguments. For
//!   everyone else the entry is a jump to the original, with nothing of this library on the stack: what
//!   unwinds out of the original, as pthread_cancel(3) does, finds the frames that it knows.
//! * `every name(…) -> result = body;` acts for every OS thread: `body` calls the original itself.
//! * `bare name(…) -> result = code;` acts for every OS thread too: `code` is the entry itself, not written in Rust.
//!
//! * `seen name(…) -> result = entry;` is entered by code that keeps the return address for the original.
//!
//! Where a function has several names, each has its line: each is bound apart.

use super::elf::Use;
use super::family::Families;
use super::hosts::{self, Number};
use super::names::{self, Eai};
use super::origin::Trail;
use super::original::Original;
use super::{
    aside, batch, bytes, command, connection, end_of_host, handlers, identity, loading,
    lock_of_host, options, process, select, semaphore, sendfile, signals, sleep, slices, socket,
    tracking, wait,
};
use libc::{
    addrinfo, clockid_t, epoll_event, fd_set, hostent, id_t, idtype_t, iovec, mmsghdr, msghdr,
    nfds_t, pid_t, pollfd, pthread_attr_t, pthread_cond_t, pthread_mutex_t, pthread_t, rusage,
    sem_t, sigaction, sighandler_t, siginfo_t, sigset_t, size_t, sockaddr, socklen_t, timespec,
    timeval, useconds_t, Lmid_t, FILE,
};
use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void, CStr};
use std::sync::OnceLock;

/// One hooked function.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) name: &'static CStr,
    pub(super) families: Families,
    entry: unsafe extern "C-unwind" fn(),
    pub(super) original: &'static Original,
}

impl Hook {
    /// The hook of a function, if there is one and this libc has the function.
    ///
    /// Asked while the loader's lock is held, and so must neither wait nor allocate: the first time is before
    /// that.
    pub(super) fn of(name: &CStr) -> Option<&'static Hook> {
        static SORTED: OnceLock<Vec<&Hook>> = OnceLock::new();
        let sorted = SORTED.get_or_init(|| {
            let mut hooks: Vec<&Hook> = HOOKS.iter().collect();
            hooks.sort_unstable_by_key(|hook| hook.name);
            hooks
        });
        let hook = sorted[sorted.binary_search_by_key(&name, |hook| hook.name).ok()?];
        (hook.original.function() != 0).then_some(hook)
    }

    /// What a patched slot holds.
    pub(super) fn entry(&self) -> usize {
        self.entry as usize
    }

    /// What a slot holds that is given back.
    pub(super) fn original_for(&self, usage: Use) -> usize {
        match usage {
            // A stub that led to itself would never come back.
            Use::Stub => self.original.function(),
            Use::Address => self.original.canonical(),
        }
    }
}

macro_rules! entry {
    (seen $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:path) => {
        pub(super) use $body as $name;
    };
    (every $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:path) => {
        pub(super) unsafe extern "C-unwind" fn $name($($argument: $type),*) -> $result {
            // SAFETY: the caller calls libc's function, and passes what that one demands.
            unsafe { $body($($argument),*) }
        }
    };
    (bare $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $code:path) => {
        pub(super) const $name: unsafe extern "C-unwind" fn($($type),*) -> $result = {
            // SAFETY: code for the function of this line, which is called as libc declares it.
            unsafe { std::mem::transmute($code as unsafe extern "C" fn()) }
        };
    };
    (green $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $body:path) => {
        pub(super) unsafe extern "C-unwind" fn $name($($argument: $type),*) -> $result {
            // Apart, so that the entry needs no frame and leaves by a jump.
            #[inline(never)]
            #[allow(improper_ctypes_definitions, reason = "called from here alone")]
            unsafe extern "C-unwind" fn act($($argument: $type,)* caller: caller::Caller) -> $result {
                static TRAIL: Trail = Trail::new();
                // SAFETY: as below.
                caller.answer(&TRAIL, |caller| unsafe { $body(caller, $($argument),*) })
            }
            match caller::caller() {
                // SAFETY: the caller calls libc's function, and passes what that one demands.
                None => unsafe { super::originals::$name($($argument),*) },
                // SAFETY: as above.
                Some(caller) => unsafe { act($($argument,)* caller) },
            }
        }
    };
}

macro_rules! hooks {
    ($($families:ident { $($how:ident $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty = $body:path;)* })*) => {
        /// Where they lie.
        pub(super) mod places {
            #![allow(non_upper_case_globals, reason = "the names of libc")]
            use super::Original;
            $($(pub(in crate::patch) static $name: Original = Original::unknown();)*)*
        }

        /// The functions of libc themselves.
        #[allow(clippy::missing_safety_doc, reason = "libc's manual says it")]
        #[allow(dead_code, reason = "not every body needs its original, nor its address")]
        #[allow(clippy::too_many_arguments, reason = "libc's own")]
        pub(super) mod originals {
            use super::*;
            $($(
                #[inline(always)]
                pub(in crate::patch) unsafe fn $name($($argument: $type),*) -> $result {
                    type Function = unsafe extern "C-unwind" fn($($type),*) -> $result;
                    let function = super::places::$name.function();
                    // SAFETY: nothing leads to a hook before its original was found, and this line of
                    // the table declares it as libc does.
                    let function = unsafe { std::mem::transmute::<usize, Function>(function) };
                    // SAFETY: the caller passes what libc's function demands.
                    unsafe { function($($argument),*) }
                }
            )*)*

            /// Where they lie, to be jumped to.
            pub(in crate::patch) mod addresses {
                $($(
                    pub(in crate::patch) fn $name() -> usize {
                        super::super::places::$name.function()
                    }
                )*)*
            }
        }

        #[allow(non_upper_case_globals, reason = "the names of libc")]
        #[allow(clippy::too_many_arguments, reason = "libc's own")]
        mod entries {
            use super::*;
            use crate::patch::caller;
            $($(entry! { $how $name($($argument: $type),*) -> $result = $body })*)*
        }

        /// Every hook.
        pub(super) static HOOKS: &[Hook] = &[$($(Hook {
            // SAFETY: a literal that ends in its only zero.
            name: unsafe { CStr::from_bytes_with_nul_unchecked(concat!(stringify!($name), "\0").as_bytes()) },
            families: Families::$families,
            // SAFETY: a function pointer is as large as any other; nobody calls this one by this type.
            entry: unsafe {
                std::mem::transmute::<unsafe extern "C-unwind" fn($($type),*) -> $result, unsafe extern "C-unwind" fn()>(
                    entries::$name
                )
            },
            original: &places::$name,
        },)*)*];
    };
}

hooks! {
    SLEEP {
        green sleep(seconds: c_uint) -> c_uint = sleep::sleep;
        green usleep(microseconds: useconds_t) -> c_int = sleep::usleep;
        green nanosleep(wish: *const timespec, left: *mut timespec) -> c_int = sleep::nanosleep;
        green __nanosleep(wish: *const timespec, left: *mut timespec) -> c_int = sleep::nanosleep;
        green clock_nanosleep(clock: clockid_t, flags: c_int, wish: *const timespec, left: *mut timespec) -> c_int = sleep::clock_nanosleep;
    }
    WAIT {
        green poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int = wait::poll;
        green __poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int = wait::poll;
        green __poll_chk(fds: *mut pollfd, count: nfds_t, timeout: c_int, size: size_t) -> c_int = wait::poll_chk;
        green ppoll(fds: *mut pollfd, count: nfds_t, timeout: *const timespec, mask: *const sigset_t) -> c_int = wait::ppoll;
        green __ppoll_chk(fds: *mut pollfd, count: nfds_t, timeout: *const timespec, mask: *const sigset_t, size: size_t) -> c_int = wait::ppoll_chk;
        green select(count: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, timeout: *mut timeval) -> c_int = select::select;
        green __select(count: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, timeout: *mut timeval) -> c_int = select::select;
        green pselect(count: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, timeout: *const timespec, mask: *const sigset_t) -> c_int = select::pselect;
        green epoll_wait(epoll: c_int, events: *mut epoll_event, most: c_int, timeout: c_int) -> c_int = wait::epoll_wait;
        green epoll_pwait(epoll: c_int, events: *mut epoll_event, most: c_int, timeout: c_int, mask: *const sigset_t) -> c_int = wait::epoll_pwait;
        green pause() -> c_int = signals::pause;
        green sigsuspend(mask: *const sigset_t) -> c_int = signals::sigsuspend;
        green __sigsuspend(mask: *const sigset_t) -> c_int = signals::sigsuspend;
        green sigtimedwait(set: *const sigset_t, info: *mut siginfo_t, timeout: *const timespec) -> c_int = signals::sigtimedwait;
        green sigwaitinfo(set: *const sigset_t, info: *mut siginfo_t) -> c_int = signals::sigwaitinfo;
        green sigwait(set: *const sigset_t, signal: *mut c_int) -> c_int = signals::sigwait;
        green epoll_pwait2(epoll: c_int, events: *mut epoll_event, most: c_int, timeout: *const timespec, mask: *const sigset_t) -> c_int = wait::epoll_pwait2;
    }
    ALL {
        every sigaction(signal: c_int, new: *const sigaction, old: *mut sigaction) -> c_int = handlers::sigaction;
        every __sigaction(signal: c_int, new: *const sigaction, old: *mut sigaction) -> c_int = handlers::sigaction;
        every signal(signal: c_int, action: sighandler_t) -> sighandler_t = handlers::signal;
        every ssignal(signal: c_int, action: sighandler_t) -> sighandler_t = handlers::signal;
        every bsd_signal(signal: c_int, action: sighandler_t) -> sighandler_t = handlers::signal;
        every sysv_signal(signal: c_int, action: sighandler_t) -> sighandler_t = handlers::sysv_signal;
        every __sysv_signal(signal: c_int, action: sighandler_t) -> sighandler_t = handlers::sysv_signal;
        every sigset(signal: c_int, action: sighandler_t) -> sighandler_t = handlers::sigset;
        every siginterrupt(signal: c_int, interrupts: c_int) -> c_int = handlers::siginterrupt;
        every longjmp(buffer: *mut u64, value: c_int) -> ! = handlers::longjmp;
        every _longjmp(buffer: *mut u64, value: c_int) -> ! = handlers::longjmp;
        every siglongjmp(buffer: *mut u64, value: c_int) -> ! = handlers::siglongjmp;
        every __longjmp_chk(buffer: *mut u64, value: c_int) -> ! = handlers::longjmp_chk;
        bare vfork() -> pid_t = aside::vfork_entry;
        bare __vfork() -> pid_t = aside::vfork_entry;
    }
    PROCESS {
        green waitpid(pid: pid_t, status: *mut c_int, options: c_int) -> pid_t = process::waitpid;
        green __waitpid(pid: pid_t, status: *mut c_int, options: c_int) -> pid_t = process::waitpid;
        green wait(status: *mut c_int) -> pid_t = process::wait;
        green __wait(status: *mut c_int) -> pid_t = process::wait;
        green wait3(status: *mut c_int, options: c_int, usage: *mut rusage) -> pid_t = process::wait3;
        green wait4(pid: pid_t, status: *mut c_int, options: c_int, usage: *mut rusage) -> pid_t = process::wait4;
        green waitid(kind: idtype_t, id: id_t, info: *mut siginfo_t, options: c_int) -> c_int = process::waitid;
        every system(command: *const c_char) -> c_int = command::system;
        green pclose(stream: *mut c_void) -> c_int = command::pclose;
    }
    LOCKS {
        green sem_wait(semaphore: *mut sem_t) -> c_int = semaphore::sem_wait;
        green sem_timedwait(semaphore: *mut sem_t, time: *const timespec) -> c_int = semaphore::sem_timedwait;
        green sem_clockwait(semaphore: *mut sem_t, clock: clockid_t, time: *const timespec) -> c_int = semaphore::sem_clockwait;
        every sem_post(semaphore: *mut sem_t) -> c_int = semaphore::sem_post;
    }
    NAMES {
        green getaddrinfo(node: *const c_char, service: *const c_char, hints: *const addrinfo, list: *mut *mut addrinfo) -> Eai = names::getaddrinfo;
        green getnameinfo(address: *const sockaddr, length: socklen_t, host: *mut c_char, host_room: socklen_t, service: *mut c_char, service_room: socklen_t, flags: c_int) -> Eai = names::getnameinfo;
        green gethostbyname(name: *const c_char) -> *mut hostent = hosts::gethostbyname;
        green gethostbyname2(name: *const c_char, family: c_int) -> *mut hostent = hosts::gethostbyname2;
        green gethostbyaddr(address: *const c_void, length: socklen_t, family: c_int) -> *mut hostent = hosts::gethostbyaddr;
        green gethostbyname_r(name: *const c_char, entry: *mut hostent, buffer: *mut c_char, length: size_t, result: *mut *mut hostent, h_errno: *mut c_int) -> Number = hosts::gethostbyname_r;
        green gethostbyname2_r(name: *const c_char, family: c_int, entry: *mut hostent, buffer: *mut c_char, length: size_t, result: *mut *mut hostent, h_errno: *mut c_int) -> Number = hosts::gethostbyname2_r;
        green gethostbyaddr_r(address: *const c_void, address_length: socklen_t, family: c_int, entry: *mut hostent, buffer: *mut c_char, length: size_t, result: *mut *mut hostent, h_errno: *mut c_int) -> Number = hosts::gethostbyaddr_r;
    }
    STREAM {
        green read(fd: c_int, buffer: *mut c_void, length: size_t) -> isize = bytes::read;
        green __read(fd: c_int, buffer: *mut c_void, length: size_t) -> isize = bytes::read;
        green __read_chk(fd: c_int, buffer: *mut c_void, length: size_t, room: size_t) -> isize = bytes::read_chk;
        green readv(fd: c_int, iov: *const iovec, count: c_int) -> isize = bytes::readv;
        green preadv2(fd: c_int, iov: *const iovec, count: c_int, offset: i64, flags: c_int) -> isize = bytes::preadv2;
        green preadv64v2(fd: c_int, iov: *const iovec, count: c_int, offset: i64, flags: c_int) -> isize = bytes::preadv2;
        green write(fd: c_int, buffer: *const c_void, length: size_t) -> isize = bytes::write;
        green __write(fd: c_int, buffer: *const c_void, length: size_t) -> isize = bytes::write;
        green writev(fd: c_int, iov: *const iovec, count: c_int) -> isize = bytes::writev;
        green pwritev2(fd: c_int, iov: *const iovec, count: c_int, offset: i64, flags: c_int) -> isize = bytes::pwritev2;
        green pwritev64v2(fd: c_int, iov: *const iovec, count: c_int, offset: i64, flags: c_int) -> isize = bytes::pwritev2;
        green recv(fd: c_int, buffer: *mut c_void, length: size_t, flags: c_int) -> isize = socket::recv;
        green __recv_chk(fd: c_int, buffer: *mut c_void, length: size_t, room: size_t, flags: c_int) -> isize = bytes::recv_chk;
        green recvfrom(fd: c_int, buffer: *mut c_void, length: size_t, flags: c_int, address: *mut sockaddr, address_length: *mut socklen_t) -> isize = socket::recvfrom;
        green __recvfrom_chk(fd: c_int, buffer: *mut c_void, length: size_t, room: size_t, flags: c_int, address: *mut sockaddr, address_length: *mut socklen_t) -> isize = bytes::recvfrom_chk;
        green recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> isize = socket::recvmsg;
        green recvmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int, timeout: *mut timespec) -> c_int = batch::recvmmsg;
        green send(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int) -> isize = socket::send;
        green __send(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int) -> isize = socket::send;
        green sendto(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int, address: *const sockaddr, address_length: socklen_t) -> isize = socket::sendto;
        every sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> isize = socket::sendmsg;
        every sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int = batch::sendmmsg;
        green sendfile(out: c_int, input: c_int, offset: *mut i64, count: size_t) -> isize = sendfile::sendfile;
        green sendfile64(out: c_int, input: c_int, offset: *mut i64, count: size_t) -> isize = sendfile::sendfile;
    }
    CONNECTION {
        green connect(socket: c_int, address: *const sockaddr, length: socklen_t) -> c_int = connection::connect;
        green __connect(socket: c_int, address: *const sockaddr, length: socklen_t) -> c_int = connection::connect;
        every accept(socket: c_int, address: *mut sockaddr, length: *mut socklen_t) -> c_int = connection::accept;
        every accept4(socket: c_int, address: *mut sockaddr, length: *mut socklen_t, flags: c_int) -> c_int = connection::accept4;
        every shutdown(socket: c_int, how: c_int) -> c_int = connection::shutdown;
        every fcntl(fd: c_int, command: c_int, argument: usize) -> c_int = tracking::fcntl;
        every fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int = tracking::fcntl;
        every __fcntl(fd: c_int, command: c_int, argument: usize) -> c_int = tracking::fcntl;
        every ioctl(fd: c_int, request: c_ulong, argument: usize) -> c_int = tracking::ioctl;
    }
    TRACKING {
        every close(fd: c_int) -> c_int = tracking::close;
        every __close(fd: c_int) -> c_int = tracking::close;
        every fclose(file: *mut FILE) -> c_int = tracking::fclose;
        every close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int = tracking::close_range;
        every closefrom(first: c_int) -> () = tracking::closefrom;
        every dup(old: c_int) -> c_int = tracking::dup;
        every dup2(old: c_int, new: c_int) -> c_int = tracking::dup2;
        every __dup2(old: c_int, new: c_int) -> c_int = tracking::dup2;
        every dup3(old: c_int, new: c_int, flags: c_int) -> c_int = tracking::dup3;
        every setsockopt(socket: c_int, level: c_int, option: c_int, value: *const c_void, length: socklen_t) -> c_int = options::setsockopt;
    }
    IDENTITY {
        every pthread_self() -> pthread_t = identity::pthread_self;
        every pthread_kill(thread: pthread_t, signal: c_int) -> c_int = identity::pthread_kill;
        every pthread_setname_np(thread: pthread_t, name: *const c_char) -> c_int = identity::pthread_setname_np;
        every pthread_getname_np(thread: pthread_t, name: *mut c_char, room: size_t) -> c_int = identity::pthread_getname_np;
        every pthread_getcpuclockid(thread: pthread_t, clock: *mut clockid_t) -> c_int = identity::pthread_getcpuclockid;
        every pthread_getattr_np(thread: pthread_t, attributes: *mut pthread_attr_t) -> c_int = identity::pthread_getattr_np;
    }
    HOST_LOCK {
        every pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int = lock_of_host::pthread_mutex_lock;
        every pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int = lock_of_host::pthread_mutex_unlock;
        every pthread_cond_signal(condition: *mut pthread_cond_t) -> c_int = lock_of_host::pthread_cond_signal;
    }
    HOST_END {
        every pthread_exit(value: *mut c_void) -> ! = end_of_host::pthread_exit;
    }
    HOST_WAITS {
        every pthread_cond_wait(condition: *mut pthread_cond_t, mutex: *mut pthread_mutex_t) -> c_int = slices::pthread_cond_wait;
        every pthread_cond_timedwait(condition: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, time: *const timespec) -> c_int = slices::pthread_cond_timedwait;
    }
    LOADING {
        seen dlopen(file: *const c_char, mode: c_int) -> *mut c_void = loading::dlopen;
        seen dlmopen(space: Lmid_t, file: *const c_char, mode: c_int) -> *mut c_void = loading::dlmopen;
        seen dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void = loading::dlsym;
        seen dlvsym(handle: *mut c_void, name: *const c_char, version: *const c_char) -> *mut c_void = loading::dlvsym;
    }
}
