/* The layout of every public struct and the value of every public constant on
 * LP64, stated once more, so that a change to either is a decision: a number
 * here may be added, never altered while the soname stays (docs/abi.md). */
#include <greenhub.h>

#include <stddef.h>
#include <stdint.h>

#define FIELD(type, field, offset, size)                                          \
  _Static_assert(offsetof(type, field) == (offset), #type "." #field " has moved"); \
  _Static_assert(sizeof(((type *)0)->field) == (size), #type "." #field " has another size")

#define VALUE(name, value) _Static_assert((name) == (value), #name " has another value")

/* Types. */
_Static_assert(sizeof(void *) == 8 && sizeof(long) == 8, "these numbers are for LP64");

_Static_assert(sizeof(gh_hub_options) == 40, "gh_hub_options has another size");
FIELD(gh_hub_options, size, 0, 8);
FIELD(gh_hub_options, stack_size, 8, 8);
FIELD(gh_hub_options, timer_slack, 16, 8);
FIELD(gh_hub_options, budget, 24, 4);
FIELD(gh_hub_options, warm_stacks, 28, 4);
FIELD(gh_hub_options, guard, 32, 4);
FIELD(gh_hub_options, reserved, 36, 4);

_Static_assert(sizeof(gh_spawn_options) == 32, "gh_spawn_options has another size");
FIELD(gh_spawn_options, size, 0, 8);
FIELD(gh_spawn_options, stack_size, 8, 8);
FIELD(gh_spawn_options, name, 16, 8);
FIELD(gh_spawn_options, flags, 24, 4);
FIELD(gh_spawn_options, reserved, 28, 4);

_Static_assert(sizeof(gh_process_options) == 56, "gh_process_options has another size");
FIELD(gh_process_options, size, 0, 8);
FIELD(gh_process_options, envp, 8, 8);
FIELD(gh_process_options, directory, 16, 8);
FIELD(gh_process_options, standard, 24, 12);
FIELD(gh_process_options, descriptors, 36, 12);
FIELD(gh_process_options, flags, 48, 4);
FIELD(gh_process_options, reserved, 52, 4);

_Static_assert(sizeof(gh_patched) == 40, "gh_patched has another size");
FIELD(gh_patched, size, 0, sizeof(size_t));
FIELD(gh_patched, module, 8, sizeof(char *));
FIELD(gh_patched, function, 16, sizeof(char *));
FIELD(gh_patched, slots, 24, sizeof(size_t));
FIELD(gh_patched, families, 32, 4);
_Static_assert(sizeof(gh_signal_info) == 32, "gh_signal_info has another size");
FIELD(gh_signal_info, signal, 0, 4);
FIELD(gh_signal_info, code, 4, 4);
FIELD(gh_signal_info, pid, 8, 4);
FIELD(gh_signal_info, uid, 12, 4);
FIELD(gh_signal_info, status, 16, 4);
FIELD(gh_signal_info, overrun, 20, 4);
FIELD(gh_signal_info, value, 24, 8);

_Static_assert(sizeof(gh_stats) == 120, "gh_stats has another size");
FIELD(gh_stats, live, 0, 8);
FIELD(gh_stats, ready, 8, 8);
FIELD(gh_stats, unjoined, 16, 8);
FIELD(gh_stats, spawned, 24, 8);
FIELD(gh_stats, switches, 32, 8);
FIELD(gh_stats, polls, 40, 8);
FIELD(gh_stats, events, 48, 8);
FIELD(gh_stats, posts, 56, 8);
FIELD(gh_stats, timers, 64, 8);
FIELD(gh_stats, descriptors, 72, 8);
FIELD(gh_stats, stacks, 80, 8);
FIELD(gh_stats, stacks_warm, 88, 8);
FIELD(gh_stats, stacks_cold, 96, 8);
FIELD(gh_stats, stack_size, 104, 8);
FIELD(gh_stats, guard, 112, 8);

_Static_assert(sizeof(gh_select_case) == 32, "gh_select_case has another size");
FIELD(gh_select_case, channel, 0, 8);
FIELD(gh_select_case, item, 8, 8);
FIELD(gh_select_case, fd, 16, 4);
FIELD(gh_select_case, op, 20, 4);
FIELD(gh_select_case, result, 24, 4);
FIELD(gh_select_case, reserved, 28, 4);

_Static_assert(sizeof(gh_group_options) == 24, "gh_group_options has another size");
FIELD(gh_group_options, size, 0, 8);
FIELD(gh_group_options, hubs, 8, 4);
FIELD(gh_group_options, reserved, 12, 4);
FIELD(gh_group_options, hub, 16, 8);

_Static_assert(sizeof(gh_key) == 4 && (gh_key)-1 > 0, "gh_key is a uint32_t");
_Static_assert(sizeof(gh_offload_options) == 40, "gh_offload_options has another size");
FIELD(gh_offload_options, size, 0, 8);
FIELD(gh_offload_options, threads, 8, 8);
FIELD(gh_offload_options, queue, 16, 8);
FIELD(gh_offload_options, idle, 24, 8);
FIELD(gh_offload_options, names, 32, 8);

_Static_assert(sizeof(gh_offload_call) == 40, "gh_offload_call has another size");
FIELD(gh_offload_call, size, 0, 8);
FIELD(gh_offload_call, fn, 8, 8);
FIELD(gh_offload_call, arg, 16, 8);
FIELD(gh_offload_call, release, 24, 8);
FIELD(gh_offload_call, flags, 32, 4);
FIELD(gh_offload_call, reserved, 36, 4);

_Static_assert(sizeof(gh_pool_stats) == 40, "gh_pool_stats has another size");
FIELD(gh_pool_stats, threads, 0, 8);
FIELD(gh_pool_stats, idle, 8, 8);
FIELD(gh_pool_stats, running, 16, 8);
FIELD(gh_pool_stats, queued, 24, 8);
FIELD(gh_pool_stats, outside, 32, 8);

_Static_assert(sizeof(gh_watchdog_report) == 64, "gh_watchdog_report has another size");
FIELD(gh_watchdog_report, size, 0, 8);
FIELD(gh_watchdog_report, hub, 8, 8);
FIELD(gh_watchdog_report, thread, 16, 8);
FIELD(gh_watchdog_report, name, 24, 8);
FIELD(gh_watchdog_report, kept, 32, 8);
FIELD(gh_watchdog_report, os_thread, 40, 4);
FIELD(gh_watchdog_report, error, 44, 4);
FIELD(gh_watchdog_report, frames, 48, 8);
FIELD(gh_watchdog_report, frame_count, 56, 8);

_Static_assert(sizeof(gh_watchdog_options) == 40, "gh_watchdog_options has another size");
FIELD(gh_watchdog_options, size, 0, 8);
FIELD(gh_watchdog_options, limit, 8, 8);
FIELD(gh_watchdog_options, callback, 16, 8);
FIELD(gh_watchdog_options, arg, 24, 8);
FIELD(gh_watchdog_options, signal, 32, 4);
FIELD(gh_watchdog_options, reserved, 36, 4);

_Static_assert(sizeof(gh_thread) == 8 && (gh_thread)-1 > 0, "gh_thread is a uint64_t");
_Static_assert(sizeof(gh_timer) == 8 && (gh_timer)-1 > 0, "gh_timer is a uint64_t");
_Static_assert(sizeof(gh_entry) == 8 && sizeof(gh_callback) == 8 && sizeof(gh_release) == 8,
               "callbacks are pointers");

VALUE(GH_MUTEX_RECURSIVE, 1);
VALUE(GH_EVENT_AUTO, 1);
VALUE(GH_EVENT_SET, 2);
VALUE(GH_SELECT_NONE, 0);
VALUE(GH_SELECT_SEND, 1);
VALUE(GH_SELECT_RECV, 2);
VALUE(GH_SELECT_READ, 3);
VALUE(GH_SELECT_WRITE, 4);

VALUE(GH_EPANIC, -10001);
VALUE(GH_ENOTGREEN, -10002);
VALUE(GH_EDEADLOCK, -10003);
VALUE(GH_EWRONGTHREAD, -10004);
VALUE(GH_ENOTROOT, -10005);
VALUE(GH_ENOHUB, -10006);
VALUE(GH_EAI_BADFLAGS, -10101);
VALUE(GH_EAI_NONAME, -10102);
VALUE(GH_EAI_AGAIN, -10103);
VALUE(GH_EAI_FAIL, -10104);
VALUE(GH_EAI_NODATA, -10105);
VALUE(GH_EAI_FAMILY, -10106);
VALUE(GH_EAI_SOCKTYPE, -10107);
VALUE(GH_EAI_SERVICE, -10108);
VALUE(GH_EAI_ADDRFAMILY, -10109);
VALUE(GH_EAI_MEMORY, -10110);
VALUE(GH_EAI_SYSTEM, -10111);
VALUE(GH_EAI_OVERFLOW, -10112);
VALUE(GH_EAI_IDN_ENCODE, -10205);
VALUE(GH_GUARD_AUTO, 0);
VALUE(GH_GUARD_MADVISE, 1);
VALUE(GH_GUARD_MPROTECT, 2);
VALUE(GH_SPAWN_DETACHED, 1);
VALUE(GH_STDIO_INHERIT, 0);
VALUE(GH_STDIO_NULL, 1);
VALUE(GH_STDIO_PIPE, 2);
VALUE(GH_STDIO_DESCRIPTOR, 3);
VALUE(GH_STDIO_OUTPUT, 4);
VALUE(GH_PROCESS_GROUP, 1);
VALUE(GH_PROCESS_SESSION, 2);
VALUE(GH_OFFLOAD_NOWAIT, 1);
VALUE(GH_NEVER, INT64_MAX);
VALUE(GH_ABI_VERSION, 0);
