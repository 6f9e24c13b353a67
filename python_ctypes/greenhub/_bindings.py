"""The C header of libgreenhub for ctypes: constants, structs, callback types and functions.

Generated from include/greenhub.h by generate_bindings.py: `make bindings` writes it anew. What each
name means stands in the header.
"""

from __future__ import annotations

from ctypes import (
    CDLL,
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union

if TYPE_CHECKING:
    from _ctypes import CFuncPtr
    from ctypes import Array, _CArgObject, _Pointer, _SimpleCData

    _T = TypeVar("_T", bound=Union[_SimpleCData[Any], Structure])
    # A pointer's argument, as ctypes takes it: the thing itself stands for its address.
    Ref = Union[None, _T, Array[_T], _Pointer[_T], _CArgObject]
    # An untyped pointer. Bytes are for what the library only reads.
    Address = Union[
        None, int, bytes, c_void_p, Structure, Array[Any], _Pointer[Any], _CArgObject, CFuncPtr
    ]
    # What `struct gh_hub *` and its like are: numbers to hand back, never addresses to look at.
    Handle = Union[None, int, c_void_p]


GH_VERSION_MAJOR = 0
GH_VERSION_MINOR = 1
GH_VERSION_PATCH = 0
GH_VERSION_NUM = 256
GH_VERSION_STRING = "0.1.0"
GH_ABI_VERSION = 0
GH_NEVER = 9223372036854775807

# enum gh_error
GH_EPANIC = -10001
GH_ENOTGREEN = -10002
GH_EDEADLOCK = -10003
GH_EWRONGTHREAD = -10004
GH_ENOTROOT = -10005
GH_ENOHUB = -10006
GH_EAI_BADFLAGS = -10101
GH_EAI_NONAME = -10102
GH_EAI_AGAIN = -10103
GH_EAI_FAIL = -10104
GH_EAI_NODATA = -10105
GH_EAI_FAMILY = -10106
GH_EAI_SOCKTYPE = -10107
GH_EAI_SERVICE = -10108
GH_EAI_ADDRFAMILY = -10109
GH_EAI_MEMORY = -10110
GH_EAI_SYSTEM = -10111
GH_EAI_OVERFLOW = -10112
GH_EAI_IDN_ENCODE = -10205

# ==== hub
GH_GUARD_AUTO = 0
GH_GUARD_MADVISE = 1
GH_GUARD_MPROTECT = 2


class gh_hub_options(Structure):
    size: int
    stack_size: int
    timer_slack: int
    budget: int
    warm_stacks: int
    guard: int
    reserved: int
    _fields_ = [
        ("size", c_size_t),
        ("stack_size", c_size_t),
        ("timer_slack", c_int64),
        ("budget", c_uint32),
        ("warm_stacks", c_uint32),
        ("guard", c_uint32),
        ("reserved", c_uint32),
    ]


class gh_stats(Structure):
    live: int
    ready: int
    unjoined: int
    spawned: int
    switches: int
    polls: int
    events: int
    posts: int
    timers: int
    descriptors: int
    stacks: int
    stacks_warm: int
    stacks_cold: int
    stack_size: int
    guard: int
    _fields_ = [
        ("live", c_uint64),
        ("ready", c_uint64),
        ("unjoined", c_uint64),
        ("spawned", c_uint64),
        ("switches", c_uint64),
        ("polls", c_uint64),
        ("events", c_uint64),
        ("posts", c_uint64),
        ("timers", c_uint64),
        ("descriptors", c_uint64),
        ("stacks", c_uint64),
        ("stacks_warm", c_uint64),
        ("stacks_cold", c_uint64),
        ("stack_size", c_uint64),
        ("guard", c_uint64),
    ]


gh_callback = CFUNCTYPE(None, c_void_p)

# ==== thread
GH_SPAWN_DETACHED = 1
gh_thread = c_uint64


class gh_spawn_options(Structure):
    size: int
    stack_size: int
    name: bytes | None
    flags: int
    reserved: int
    _fields_ = [
        ("size", c_size_t),
        ("stack_size", c_size_t),
        ("name", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


gh_entry = CFUNCTYPE(c_void_p, c_void_p)

# ==== local
gh_key = c_uint32
gh_destructor = CFUNCTYPE(None, c_void_p)

# ==== timer
gh_timer = c_uint64

# ==== lock
GH_MUTEX_RECURSIVE = 1

# ==== meeting
GH_EVENT_AUTO = 1
GH_EVENT_SET = 2
gh_once_entry = CFUNCTYPE(c_int, c_void_p)

# ==== channel
GH_SELECT_NONE = 0
GH_SELECT_SEND = 1
GH_SELECT_RECV = 2
GH_SELECT_READ = 3
GH_SELECT_WRITE = 4


class gh_select_case(Structure):
    channel: int | None
    item: int | None
    fd: int
    op: int
    result: int
    reserved: int
    _fields_ = [
        ("channel", c_void_p),
        ("item", c_void_p),
        ("fd", c_int),
        ("op", c_uint32),
        ("result", c_int),
        ("reserved", c_uint32),
    ]


# ==== offload
GH_OFFLOAD_NOWAIT = 1
gh_release = CFUNCTYPE(None, c_void_p, c_void_p)


class gh_offload_call(Structure):
    size: int
    fn: CFuncPtr
    arg: int | None
    release: CFuncPtr
    flags: int
    reserved: int
    _fields_ = [
        ("size", c_size_t),
        ("fn", gh_entry),
        ("arg", c_void_p),
        ("release", gh_release),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class gh_offload_options(Structure):
    size: int
    threads: int
    queue: int
    idle: int
    names: int
    _fields_ = [
        ("size", c_size_t),
        ("threads", c_size_t),
        ("queue", c_size_t),
        ("idle", c_int64),
        ("names", c_size_t),
    ]


class gh_pool_stats(Structure):
    threads: int
    idle: int
    running: int
    queued: int
    outside: int
    _fields_ = [
        ("threads", c_uint64),
        ("idle", c_uint64),
        ("running", c_uint64),
        ("queued", c_uint64),
        ("outside", c_uint64),
    ]


# ==== group


class gh_group_options(Structure):
    size: int
    hubs: int
    reserved: int
    hub: _Pointer[gh_hub_options]
    _fields_ = [
        ("size", c_size_t),
        ("hubs", c_uint32),
        ("reserved", c_uint32),
        ("hub", POINTER(gh_hub_options)),
    ]


gh_service = CFUNCTYPE(None, c_int, c_void_p)

# ==== process
GH_STDIO_INHERIT = 0
GH_STDIO_NULL = 1
GH_STDIO_PIPE = 2
GH_STDIO_DESCRIPTOR = 3
GH_STDIO_OUTPUT = 4
GH_PROCESS_GROUP = 1
GH_PROCESS_SESSION = 2


class gh_process_options(Structure):
    size: int
    envp: _Pointer[c_char_p]
    directory: bytes | None
    standard: Array[c_uint32]
    descriptors: Array[c_int]
    flags: int
    reserved: int
    _fields_ = [
        ("size", c_size_t),
        ("envp", POINTER(c_char_p)),
        ("directory", c_char_p),
        ("standard", c_uint32 * 3),
        ("descriptors", c_int * 3),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


# ==== signal


class gh_signal_info(Structure):
    signal: int
    code: int
    pid: int
    uid: int
    status: int
    overrun: int
    value: int
    _fields_ = [
        ("signal", c_int),
        ("code", c_int),
        ("pid", c_int),
        ("uid", c_uint32),
        ("status", c_int),
        ("overrun", c_uint32),
        ("value", c_uint64),
    ]


# ==== patch
GH_PATCH_SLEEP = 1
GH_PATCH_WAIT = 2
GH_PATCH_STREAM = 4
GH_PATCH_CONNECTION = 8
GH_PATCH_PROCESS = 16
GH_PATCH_LOCKS = 32
GH_PATCH_NAMES = 64
GH_PATCH_LOADING = 128
GH_PATCH_ALL = 255


class gh_patched(Structure):
    size: int
    module: bytes | None
    function: bytes | None
    slots: int
    families: int
    reserved: int
    _fields_ = [
        ("size", c_size_t),
        ("module", c_char_p),
        ("function", c_char_p),
        ("slots", c_size_t),
        ("families", c_uint32),
        ("reserved", c_uint32),
    ]


gh_patch_visitor = CFUNCTYPE(c_int, POINTER(gh_patched), c_void_p)

# ==== watchdog


class gh_watchdog_report(Structure):
    size: int
    hub: int | None
    thread: int
    name: bytes | None
    kept: int
    os_thread: int
    error: int
    frames: _Pointer[c_void_p]
    frame_count: int
    _fields_ = [
        ("size", c_size_t),
        ("hub", c_void_p),
        ("thread", gh_thread),
        ("name", c_char_p),
        ("kept", c_int64),
        ("os_thread", c_int),
        ("error", c_int),
        ("frames", POINTER(c_void_p)),
        ("frame_count", c_size_t),
    ]


gh_watchdog_callback = CFUNCTYPE(None, POINTER(gh_watchdog_report), c_void_p)


class gh_watchdog_options(Structure):
    size: int
    limit: int
    callback: CFuncPtr
    arg: int | None
    signal: int
    reserved: int
    _fields_ = [
        ("size", c_size_t),
        ("limit", c_int64),
        ("callback", gh_watchdog_callback),
        ("arg", c_void_p),
        ("signal", c_int),
        ("reserved", c_uint32),
    ]


# Name, result, parameters.
PROTOTYPES: tuple[tuple[Any, ...], ...] = (
    # ==== version
    ("gh_version", c_uint32),
    ("gh_version_string", c_char_p),
    ("gh_abi_version", c_uint32),
    ("gh_strerror", c_char_p, c_int),
    ("gh_err_name", c_char_p, c_int),

    # ==== clock
    ("gh_now", c_int64),
    ("gh_after_ms", c_int64, c_int64),
    ("gh_after_ns", c_int64, c_int64),

    # ==== hub
    ("gh_hub_new", c_int, POINTER(c_void_p), POINTER(gh_hub_options)),
    ("gh_hub_current", c_void_p),
    ("gh_hub_run", c_int, c_void_p),
    ("gh_hub_run_once", c_int, c_void_p, c_int64),
    ("gh_hub_stop", c_int, c_void_p),
    ("gh_hub_free", c_int, c_void_p, c_int64),
    ("gh_hub_fd", c_int, c_void_p),
    ("gh_hub_next_deadline", c_int64, c_void_p),
    ("gh_hub_stats", c_int, c_void_p, POINTER(gh_stats), c_size_t),
    ("gh_hub_dump", c_int, c_void_p, c_int),
    ("gh_post", c_int, c_void_p, gh_callback, c_void_p),

    # ==== thread
    ("gh_spawn", c_int, POINTER(gh_thread), POINTER(gh_spawn_options), gh_entry, c_void_p),
    (
        "gh_spawn_on",
        c_int,
        c_void_p,
        POINTER(gh_thread),
        POINTER(gh_spawn_options),
        gh_entry,
        c_void_p,
        c_int64,
    ),
    ("gh_join", c_int, gh_thread, POINTER(c_void_p), c_int64),
    ("gh_detach", c_int, gh_thread),
    ("gh_cancel", c_int, gh_thread),
    ("gh_cancel_mask", c_int, c_int),
    ("gh_yield", c_int),
    ("gh_sleep_until", c_int, c_int64),
    ("gh_sleep_ms", c_int, c_int64),
    ("gh_self", gh_thread),
    ("gh_set_name", c_int, gh_thread, c_char_p),
    ("gh_name", c_int, gh_thread, c_char_p, c_size_t),

    # ==== local
    ("gh_key_new", c_int, POINTER(gh_key), gh_destructor),
    ("gh_key_free", c_int, gh_key),
    ("gh_local_get", c_void_p, gh_key),
    ("gh_local_set", c_int, gh_key, c_void_p),

    # ==== timer
    ("gh_timer_start", c_int, POINTER(gh_timer), c_int64, c_int64, gh_callback, c_void_p),
    ("gh_timer_cancel", c_int, gh_timer),

    # ==== lock
    ("gh_mutex_new", c_int, POINTER(c_void_p), c_char_p, c_uint32),
    ("gh_mutex_free", c_int, c_void_p),
    ("gh_mutex_lock", c_int, c_void_p, c_int64),
    ("gh_mutex_unlock", c_int, c_void_p),
    ("gh_mutex_recover", c_int, c_void_p),
    ("gh_rwlock_new", c_int, POINTER(c_void_p), c_char_p),
    ("gh_rwlock_free", c_int, c_void_p),
    ("gh_rwlock_read", c_int, c_void_p, c_int64),
    ("gh_rwlock_write", c_int, c_void_p, c_int64),
    ("gh_rwlock_unlock", c_int, c_void_p),
    ("gh_rwlock_recover", c_int, c_void_p),
    ("gh_cond_new", c_int, POINTER(c_void_p), c_char_p),
    ("gh_cond_free", c_int, c_void_p),
    ("gh_cond_wait", c_int, c_void_p, c_void_p, c_int64),
    ("gh_cond_signal", c_int, c_void_p),
    ("gh_cond_broadcast", c_int, c_void_p),

    # ==== meeting
    ("gh_sem_new", c_int, POINTER(c_void_p), c_char_p, c_uint32, c_uint32),
    ("gh_sem_free", c_int, c_void_p),
    ("gh_sem_wait", c_int, c_void_p, c_int64),
    ("gh_sem_post", c_int, c_void_p),
    ("gh_sem_value", c_int64, c_void_p),
    ("gh_event_new", c_int, POINTER(c_void_p), c_char_p, c_uint32),
    ("gh_event_free", c_int, c_void_p),
    ("gh_event_set", c_int, c_void_p),
    ("gh_event_reset", c_int, c_void_p),
    ("gh_event_wait", c_int, c_void_p, c_int64),
    ("gh_barrier_new", c_int, POINTER(c_void_p), c_char_p, c_uint32),
    ("gh_barrier_free", c_int, c_void_p),
    ("gh_barrier_wait", c_int, c_void_p, c_int64),
    ("gh_waitgroup_new", c_int, POINTER(c_void_p), c_char_p),
    ("gh_waitgroup_free", c_int, c_void_p),
    ("gh_waitgroup_add", c_int, c_void_p, c_int),
    ("gh_waitgroup_done", c_int, c_void_p),
    ("gh_waitgroup_wait", c_int, c_void_p, c_int64),
    ("gh_once_new", c_int, POINTER(c_void_p), c_char_p),
    ("gh_once_free", c_int, c_void_p),
    ("gh_once_run", c_int, c_void_p, gh_once_entry, c_void_p, c_int64),

    # ==== channel
    ("gh_channel_new", c_int, POINTER(c_void_p), c_char_p, c_size_t, c_size_t),
    ("gh_channel_free", c_int, c_void_p),
    ("gh_channel_send", c_int, c_void_p, c_void_p, c_int64),
    ("gh_channel_recv", c_int, c_void_p, c_void_p, c_int64),
    ("gh_channel_close", c_int, c_void_p),
    ("gh_channel_len", c_int64, c_void_p),
    ("gh_select", c_int, POINTER(gh_select_case), c_size_t, c_int64),

    # ==== offload
    ("gh_offload", c_int, gh_entry, c_void_p, POINTER(c_void_p), c_int64),
    ("gh_offload_with", c_int, POINTER(gh_offload_call), POINTER(c_void_p), c_int64),
    ("gh_offload_configure", c_int, POINTER(gh_offload_options)),
    ("gh_offload_stats", c_int, POINTER(gh_pool_stats), c_size_t),

    # ==== file
    ("gh_file_open", c_int, c_char_p, c_int, c_uint32, c_int64),
    ("gh_file_read", c_ssize_t, c_int, c_void_p, c_size_t, c_int64),
    ("gh_file_write", c_ssize_t, c_int, c_void_p, c_size_t, c_int64),
    ("gh_file_pread", c_ssize_t, c_int, c_void_p, c_size_t, c_int64, c_int64),
    ("gh_file_pwrite", c_ssize_t, c_int, c_void_p, c_size_t, c_int64, c_int64),
    ("gh_file_fsync", c_int, c_int, c_int64),
    ("gh_file_fdatasync", c_int, c_int, c_int64),

    # ==== names
    ("gh_getaddrinfo", c_int, c_char_p, c_char_p, c_void_p, POINTER(c_void_p), c_int64),
    (
        "gh_getnameinfo",
        c_int,
        c_void_p,
        c_uint32,
        c_char_p,
        c_uint32,
        c_char_p,
        c_uint32,
        c_int,
        c_int64,
    ),

    # ==== readiness
    ("gh_wait_fd", c_int, c_int, c_int, c_int64),
    ("gh_poll", c_int, c_void_p, c_size_t, c_int64),

    # ==== socket
    ("gh_socket", c_int, c_int, c_int, c_int),
    ("gh_connect", c_int, c_int, c_void_p, c_uint32, c_int64),
    ("gh_listen", c_int, c_int, c_int),
    ("gh_accept", c_int, c_int, c_void_p, POINTER(c_uint32), c_int64),
    ("gh_shutdown", c_int, c_int, c_int),
    ("gh_close", c_int, c_int),

    # ==== stream
    ("gh_recv", c_ssize_t, c_int, c_void_p, c_size_t, c_int, c_int64),
    ("gh_send", c_ssize_t, c_int, c_void_p, c_size_t, c_int, c_int64),
    (
        "gh_recvfrom",
        c_ssize_t,
        c_int,
        c_void_p,
        c_size_t,
        c_int,
        c_void_p,
        POINTER(c_uint32),
        c_int64,
    ),
    ("gh_sendto", c_ssize_t, c_int, c_void_p, c_size_t, c_int, c_void_p, c_uint32, c_int64),
    ("gh_recvmsg", c_ssize_t, c_int, c_void_p, c_int, c_int64),
    ("gh_sendmsg", c_ssize_t, c_int, c_void_p, c_int, c_int64),
    ("gh_read", c_ssize_t, c_int, c_void_p, c_size_t, c_int64),
    ("gh_write", c_ssize_t, c_int, c_void_p, c_size_t, c_int64),
    ("gh_readv", c_ssize_t, c_int, c_void_p, c_int, c_int64),
    ("gh_writev", c_ssize_t, c_int, c_void_p, c_int, c_int64),
    ("gh_send_all", c_ssize_t, c_int, c_void_p, c_size_t, c_int, POINTER(c_size_t), c_int64),
    ("gh_recv_exact", c_ssize_t, c_int, c_void_p, c_size_t, c_int, POINTER(c_size_t), c_int64),
    ("gh_sendfile", c_ssize_t, c_int, c_int, POINTER(c_int64), c_size_t, c_int64),

    # ==== datagram
    ("gh_recvmmsg", c_int, c_int, c_void_p, c_uint, c_int, c_int64),
    ("gh_sendmmsg", c_int, c_int, c_void_p, c_uint, c_int, c_int64),

    # ==== endpoint
    ("gh_tcp_listen", c_int, c_char_p, c_int, c_int),
    ("gh_tcp_connect", c_int, c_char_p, c_int, c_int64),
    ("gh_unix_listen", c_int, c_char_p, c_int),
    ("gh_unix_connect", c_int, c_char_p, c_int64),
    ("gh_udp_bind", c_int, c_char_p, c_int),

    # ==== group
    ("gh_group_new", c_int, POINTER(c_void_p), POINTER(gh_group_options)),
    ("gh_group_free", c_int, c_void_p, c_int64),
    ("gh_group_len", c_int, c_void_p),
    ("gh_group_hub", c_void_p, c_void_p, c_size_t),
    (
        "gh_group_spawn",
        c_int,
        c_void_p,
        POINTER(gh_thread),
        POINTER(gh_spawn_options),
        gh_entry,
        c_void_p,
        c_int64,
    ),
    ("gh_group_serve", c_int, c_void_p, c_char_p, c_int, c_int, gh_service, c_void_p, c_int64),

    # ==== process
    ("gh_spawn_process", c_int, POINTER(c_char_p), POINTER(gh_process_options), POINTER(c_int)),
    ("gh_waitpid", c_int, c_int, POINTER(c_int), c_int, c_int64),

    # ==== signal
    ("gh_signal_wait", c_int, POINTER(c_int), c_size_t, POINTER(gh_signal_info), c_size_t, c_int64),

    # ==== patch
    ("gh_patch", c_int, c_uint32),
    ("gh_unpatch", c_int),
    ("gh_patch_module", c_int, c_char_p, c_void_p, c_uint32),
    ("gh_patch_info", c_int, gh_patch_visitor, c_void_p),
    ("gh_patch_pause", c_int),
    ("gh_patch_resume", c_int),

    # ==== watchdog
    ("gh_watchdog_start", c_int, POINTER(gh_watchdog_options)),
    ("gh_watchdog_stop", c_int),

    # ==== python
    ("gh_python_functions", c_void_p),
)


class Functions:
    """The functions of a loaded library, each with its types set.

    Results are as in C: negative codes are returned, not raised.

    :raises AttributeError: if the library lacks one
    """

    def __init__(self, library: CDLL) -> None:
        for name, result, *parameters in PROTOTYPES:
            function = getattr(library, name)
            function.restype = result
            function.argtypes = parameters
            setattr(self, name, function)

    # ==== version
    gh_version: Callable[[], int]
    gh_version_string: Callable[[], bytes]
    gh_abi_version: Callable[[], int]
    gh_strerror: Callable[[int], bytes]
    """(code)"""
    gh_err_name: Callable[[int], bytes]
    """(code)"""

    # ==== clock
    gh_now: Callable[[], int]
    gh_after_ms: Callable[[int], int]
    """(ms)"""
    gh_after_ns: Callable[[int], int]
    """(ns)"""

    # ==== hub
    gh_hub_new: Callable[[Ref[c_void_p], Ref[gh_hub_options]], int]
    """(hub, options)"""
    gh_hub_current: Callable[[], int | None]
    gh_hub_run: Callable[[Handle], int]
    """(hub)"""
    gh_hub_run_once: Callable[[Handle, int], int]
    """(hub, deadline)"""
    gh_hub_stop: Callable[[Handle], int]
    """(hub)"""
    gh_hub_free: Callable[[Handle, int], int]
    """(hub, deadline)"""
    gh_hub_fd: Callable[[Handle], int]
    """(hub)"""
    gh_hub_next_deadline: Callable[[Handle], int]
    """(hub)"""
    gh_hub_stats: Callable[[Handle, Ref[gh_stats], int], int]
    """(hub, out, out_size)"""
    gh_hub_dump: Callable[[Handle, int], int]
    """(hub, fd)"""
    gh_post: Callable[[Handle, CFuncPtr, Address], int]
    """(hub, callback, arg)"""

    # ==== thread
    gh_spawn: Callable[[Ref[gh_thread], Ref[gh_spawn_options], CFuncPtr, Address], int]
    """(thread, options, entry, arg)"""
    gh_spawn_on: Callable[
        [Handle, Ref[gh_thread], Ref[gh_spawn_options], CFuncPtr, Address, int], int
    ]
    """(hub, thread, options, entry, arg, deadline)"""
    gh_join: Callable[[int, Ref[c_void_p], int], int]
    """(thread, result, deadline)"""
    gh_detach: Callable[[int], int]
    """(thread)"""
    gh_cancel: Callable[[int], int]
    """(thread)"""
    gh_cancel_mask: Callable[[int], int]
    """(masked)"""
    gh_yield: Callable[[], int]
    gh_sleep_until: Callable[[int], int]
    """(deadline)"""
    gh_sleep_ms: Callable[[int], int]
    """(ms)"""
    gh_self: Callable[[], int]
    gh_set_name: Callable[[int, bytes | None], int]
    """(thread, name)"""
    gh_name: Callable[[int, Array[c_char] | None, int], int]
    """(thread, buf, size)"""

    # ==== local
    gh_key_new: Callable[[Ref[gh_key], CFuncPtr], int]
    """(key, destructor)"""
    gh_key_free: Callable[[int], int]
    """(key)"""
    gh_local_get: Callable[[int], int | None]
    """(key)"""
    gh_local_set: Callable[[int, Address], int]
    """(key, value)"""

    # ==== timer
    gh_timer_start: Callable[[Ref[gh_timer], int, int, CFuncPtr, Address], int]
    """(timer, deadline, period, callback, arg)"""
    gh_timer_cancel: Callable[[int], int]
    """(timer)"""

    # ==== lock
    gh_mutex_new: Callable[[Ref[c_void_p], bytes | None, int], int]
    """(mutex, name, flags)"""
    gh_mutex_free: Callable[[Handle], int]
    """(mutex)"""
    gh_mutex_lock: Callable[[Handle, int], int]
    """(mutex, deadline)"""
    gh_mutex_unlock: Callable[[Handle], int]
    """(mutex)"""
    gh_mutex_recover: Callable[[Handle], int]
    """(mutex)"""
    gh_rwlock_new: Callable[[Ref[c_void_p], bytes | None], int]
    """(rwlock, name)"""
    gh_rwlock_free: Callable[[Handle], int]
    """(rwlock)"""
    gh_rwlock_read: Callable[[Handle, int], int]
    """(rwlock, deadline)"""
    gh_rwlock_write: Callable[[Handle, int], int]
    """(rwlock, deadline)"""
    gh_rwlock_unlock: Callable[[Handle], int]
    """(rwlock)"""
    gh_rwlock_recover: Callable[[Handle], int]
    """(rwlock)"""
    gh_cond_new: Callable[[Ref[c_void_p], bytes | None], int]
    """(cond, name)"""
    gh_cond_free: Callable[[Handle], int]
    """(cond)"""
    gh_cond_wait: Callable[[Handle, Handle, int], int]
    """(cond, mutex, deadline)"""
    gh_cond_signal: Callable[[Handle], int]
    """(cond)"""
    gh_cond_broadcast: Callable[[Handle], int]
    """(cond)"""

    # ==== meeting
    gh_sem_new: Callable[[Ref[c_void_p], bytes | None, int, int], int]
    """(sem, name, permits, most)"""
    gh_sem_free: Callable[[Handle], int]
    """(sem)"""
    gh_sem_wait: Callable[[Handle, int], int]
    """(sem, deadline)"""
    gh_sem_post: Callable[[Handle], int]
    """(sem)"""
    gh_sem_value: Callable[[Handle], int]
    """(sem)"""
    gh_event_new: Callable[[Ref[c_void_p], bytes | None, int], int]
    """(event, name, flags)"""
    gh_event_free: Callable[[Handle], int]
    """(event)"""
    gh_event_set: Callable[[Handle], int]
    """(event)"""
    gh_event_reset: Callable[[Handle], int]
    """(event)"""
    gh_event_wait: Callable[[Handle, int], int]
    """(event, deadline)"""
    gh_barrier_new: Callable[[Ref[c_void_p], bytes | None, int], int]
    """(barrier, name, parties)"""
    gh_barrier_free: Callable[[Handle], int]
    """(barrier)"""
    gh_barrier_wait: Callable[[Handle, int], int]
    """(barrier, deadline)"""
    gh_waitgroup_new: Callable[[Ref[c_void_p], bytes | None], int]
    """(waitgroup, name)"""
    gh_waitgroup_free: Callable[[Handle], int]
    """(waitgroup)"""
    gh_waitgroup_add: Callable[[Handle, int], int]
    """(waitgroup, delta)"""
    gh_waitgroup_done: Callable[[Handle], int]
    """(waitgroup)"""
    gh_waitgroup_wait: Callable[[Handle, int], int]
    """(waitgroup, deadline)"""
    gh_once_new: Callable[[Ref[c_void_p], bytes | None], int]
    """(once, name)"""
    gh_once_free: Callable[[Handle], int]
    """(once)"""
    gh_once_run: Callable[[Handle, CFuncPtr, Address, int], int]
    """(once, function, arg, deadline)"""

    # ==== channel
    gh_channel_new: Callable[[Ref[c_void_p], bytes | None, int, int], int]
    """(channel, name, item, capacity)"""
    gh_channel_free: Callable[[Handle], int]
    """(channel)"""
    gh_channel_send: Callable[[Handle, Address, int], int]
    """(channel, item, deadline)"""
    gh_channel_recv: Callable[[Handle, Address, int], int]
    """(channel, item, deadline)"""
    gh_channel_close: Callable[[Handle], int]
    """(channel)"""
    gh_channel_len: Callable[[Handle], int]
    """(channel)"""
    gh_select: Callable[[Ref[gh_select_case], int, int], int]
    """(cases, count, deadline)"""

    # ==== offload
    gh_offload: Callable[[CFuncPtr, Address, Ref[c_void_p], int], int]
    """(fn, arg, result, deadline)"""
    gh_offload_with: Callable[[Ref[gh_offload_call], Ref[c_void_p], int], int]
    """(call, result, deadline)"""
    gh_offload_configure: Callable[[Ref[gh_offload_options]], int]
    """(options)"""
    gh_offload_stats: Callable[[Ref[gh_pool_stats], int], int]
    """(stats, size)"""

    # ==== file
    gh_file_open: Callable[[bytes | None, int, int, int], int]
    """(path, flags, mode, deadline)"""
    gh_file_read: Callable[[int, Address, int, int], int]
    """(fd, buf, len, deadline)"""
    gh_file_write: Callable[[int, Address, int, int], int]
    """(fd, buf, len, deadline)"""
    gh_file_pread: Callable[[int, Address, int, int, int], int]
    """(fd, buf, len, offset, deadline)"""
    gh_file_pwrite: Callable[[int, Address, int, int, int], int]
    """(fd, buf, len, offset, deadline)"""
    gh_file_fsync: Callable[[int, int], int]
    """(fd, deadline)"""
    gh_file_fdatasync: Callable[[int, int], int]
    """(fd, deadline)"""

    # ==== names
    gh_getaddrinfo: Callable[[bytes | None, bytes | None, Address, Ref[c_void_p], int], int]
    """(node, service, hints, res, deadline)"""
    gh_getnameinfo: Callable[
        [Address, int, Array[c_char] | None, int, Array[c_char] | None, int, int, int], int
    ]
    """(addr, addrlen, host, hostlen, serv, servlen, flags, deadline)"""

    # ==== readiness
    gh_wait_fd: Callable[[int, int, int], int]
    """(fd, events, deadline)"""
    gh_poll: Callable[[Address, int, int], int]
    """(fds, count, deadline)"""

    # ==== socket
    gh_socket: Callable[[int, int, int], int]
    """(domain, type, protocol)"""
    gh_connect: Callable[[int, Address, int, int], int]
    """(fd, addr, len, deadline)"""
    gh_listen: Callable[[int, int], int]
    """(fd, backlog)"""
    gh_accept: Callable[[int, Address, Ref[c_uint32], int], int]
    """(fd, addr, len, deadline)"""
    gh_shutdown: Callable[[int, int], int]
    """(fd, how)"""
    gh_close: Callable[[int], int]
    """(fd)"""

    # ==== stream
    gh_recv: Callable[[int, Address, int, int, int], int]
    """(fd, buf, len, flags, deadline)"""
    gh_send: Callable[[int, Address, int, int, int], int]
    """(fd, buf, len, flags, deadline)"""
    gh_recvfrom: Callable[[int, Address, int, int, Address, Ref[c_uint32], int], int]
    """(fd, buf, len, flags, addr, addrlen, deadline)"""
    gh_sendto: Callable[[int, Address, int, int, Address, int, int], int]
    """(fd, buf, len, flags, addr, addrlen, deadline)"""
    gh_recvmsg: Callable[[int, Address, int, int], int]
    """(fd, msg, flags, deadline)"""
    gh_sendmsg: Callable[[int, Address, int, int], int]
    """(fd, msg, flags, deadline)"""
    gh_read: Callable[[int, Address, int, int], int]
    """(fd, buf, len, deadline)"""
    gh_write: Callable[[int, Address, int, int], int]
    """(fd, buf, len, deadline)"""
    gh_readv: Callable[[int, Address, int, int], int]
    """(fd, iov, count, deadline)"""
    gh_writev: Callable[[int, Address, int, int], int]
    """(fd, iov, count, deadline)"""
    gh_send_all: Callable[[int, Address, int, int, Ref[c_size_t], int], int]
    """(fd, buf, len, flags, sent, deadline)"""
    gh_recv_exact: Callable[[int, Address, int, int, Ref[c_size_t], int], int]
    """(fd, buf, len, flags, received, deadline)"""
    gh_sendfile: Callable[[int, int, Ref[c_int64], int, int], int]
    """(out_fd, in_fd, offset, count, deadline)"""

    # ==== datagram
    gh_recvmmsg: Callable[[int, Address, int, int, int], int]
    """(fd, msgs, vlen, flags, deadline)"""
    gh_sendmmsg: Callable[[int, Address, int, int, int], int]
    """(fd, msgs, vlen, flags, deadline)"""

    # ==== endpoint
    gh_tcp_listen: Callable[[bytes | None, int, int], int]
    """(host, port, backlog)"""
    gh_tcp_connect: Callable[[bytes | None, int, int], int]
    """(host, port, deadline)"""
    gh_unix_listen: Callable[[bytes | None, int], int]
    """(path, backlog)"""
    gh_unix_connect: Callable[[bytes | None, int], int]
    """(path, deadline)"""
    gh_udp_bind: Callable[[bytes | None, int], int]
    """(host, port)"""

    # ==== group
    gh_group_new: Callable[[Ref[c_void_p], Ref[gh_group_options]], int]
    """(group, options)"""
    gh_group_free: Callable[[Handle, int], int]
    """(group, deadline)"""
    gh_group_len: Callable[[Handle], int]
    """(group)"""
    gh_group_hub: Callable[[Handle, int], int | None]
    """(group, index)"""
    gh_group_spawn: Callable[
        [Handle, Ref[gh_thread], Ref[gh_spawn_options], CFuncPtr, Address, int], int
    ]
    """(group, thread, options, entry, arg, deadline)"""
    gh_group_serve: Callable[[Handle, bytes | None, int, int, CFuncPtr, Address, int], int]
    """(group, host, port, backlog, service, arg, deadline)"""

    # ==== process
    gh_spawn_process: Callable[[Ref[c_char_p], Ref[gh_process_options], Ref[c_int]], int]
    """(argv, options, pipes)"""
    gh_waitpid: Callable[[int, Ref[c_int], int, int], int]
    """(pid, status, options, deadline)"""

    # ==== signal
    gh_signal_wait: Callable[[Ref[c_int], int, Ref[gh_signal_info], int, int], int]
    """(signals, count, info, size, deadline)"""

    # ==== patch
    gh_patch: Callable[[int], int]
    """(families)"""
    gh_unpatch: Callable[[], int]
    gh_patch_module: Callable[[bytes | None, Address, int], int]
    """(path, handle, families)"""
    gh_patch_info: Callable[[CFuncPtr, Address], int]
    """(visitor, arg)"""
    gh_patch_pause: Callable[[], int]
    gh_patch_resume: Callable[[], int]

    # ==== watchdog
    gh_watchdog_start: Callable[[Ref[gh_watchdog_options]], int]
    """(options)"""
    gh_watchdog_stop: Callable[[], int]

    # ==== python
    gh_python_functions: Callable[[], int | None]
