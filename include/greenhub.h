/*
 * greenhub.h - green threads for every language that can call C.
 *
 * Generated from src/ffi by cbindgen: change it there.
 *
 * A green thread runs plain blocking code on a C stack of its own; a hub, one per OS thread, runs
 * another whenever one waits. Each OS thread gets its hub on first use. The code that an OS thread
 * runs outside of every green thread, main() say, is its root: it may call whatever a green thread
 * may, and while it waits, its hub runs the others.
 *
 * Results. A call returns a value >= 0, or a negative code: an errno with its sign turned
 * (-ETIMEDOUT), or one of enum gh_error. errno is never the channel and is never changed.
 * Every call may return GH_EPANIC, and every call that may make the hub of its OS thread may return
 * what gh_hub_new() does; the single descriptions leave both out.
 *
 * Deadlines. A call that waits takes one absolute deadline last: nanoseconds on the clock of
 * gh_now(). GH_NEVER waits for ever; a deadline in the past tries once. A deadline is never early,
 * and late by what gh_hub_options.timer_slack allows.
 *
 * Cancellation. gh_cancel() makes the waiting call of a green thread return -ECANCELED, and every
 * later call that may suspend, until its entry function returns.
 *
 * Threads. @thread says where a function may be called: "any" OS thread, whose own hub it then uses
 * if it needs one; "hub", the OS thread that owns the hub, green thread or timer that is named;
 * "root", that OS thread's code outside of every green thread. The wrong one is an error code.
 * @suspends says whether other green threads may run before it returns.
 *
 * Ownership. borrow: read or written during the call only. keep: the library keeps the pointer as
 * long as the text says. out: written on success only, unless the text says otherwise. own: an out
 * parameter that the caller must release.
 *
 * Fork. The child of fork(2) has one green thread: the one that forked. It is the root of a hub with
 * no other green thread, no timer and no message, and may use the library freely; when its entry
 * returns there, the child ends as by exit(0). Ids of green threads and timers that are not there
 * give -ESRCH, hubs of other OS threads GH_ENOHUB. The parent is not disturbed. A fork in a callback
 * leaves the root, which goes on with its wait. Children of vfork(2), of clone(2) made by hand, and
 * of a fork in a signal handler must not call the library.
 *
 * Descriptors are plain POSIX descriptors. Close every one that was given to a gh_ function with
 * gh_close(), and do not put another in its place with dup2(): it would be taken for the old one.
 *
 * Sections, each with a guide at its head:
 *     ==== version   Versions and result codes
 *     ==== clock     The clock, and deadlines on it
 *     ==== hub       Hubs: making, driving, embedding, watching
 *     ==== thread    Green threads
 *     ==== local     Values of each green thread's own
 *     ==== timer     Timers that call back
 *     ==== lock      Locks: mutex, read-write lock, condition variable
 *     ==== meeting   Meeting points: semaphore, event, barrier, wait group, once
 *     ==== channel   Channels, and selecting among them
 *     ==== offload   Calls that block, on OS threads of their own
 *     ==== file      Files, whose calls wait for the disk on the pool of gh_offload()
 *     ==== names     Names: from hosts to addresses and back
 *     ==== readiness Waiting for descriptors
 *     ==== socket    Making, connecting and closing descriptors
 *     ==== stream    Bytes and messages in and out
 *     ==== datagram  Several messages at once
 *     ==== endpoint  The short ways in: a listening, connected or bound socket in one call
 *     ==== group     Many cores
 *     ==== process   Child processes
 *     ==== signal    Signals as results
 *     ==== patch     Libraries that nobody changed, made cooperative
 *     ==== watchdog  The watchdog
 *     ==== python    Python
 */

#ifndef GREENHUB_H
#define GREENHUB_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Defined by <sys/socket.h> for those who have _GNU_SOURCE defined before the first include. */
struct mmsghdr;

/* <netdb.h> defines it, but not under every standard. */
struct addrinfo;

/* Version of this header. gh_version() tells that of the library. */
#define GH_VERSION_MAJOR 0
#define GH_VERSION_MINOR 1
#define GH_VERSION_PATCH 0
#define GH_VERSION_NUM ((GH_VERSION_MAJOR << 16) | (GH_VERSION_MINOR << 8) | GH_VERSION_PATCH)
#define GH_VERSION_STRING "0.1.0"

/* Version of the binary interface: the number in the soname. */
#define GH_ABI_VERSION 0

/* A deadline that never comes. */
#define GH_NEVER INT64_MAX

/* Results of our own. Every other negative result is an errno with its sign turned. */
enum gh_error {
    /** A bug inside libgreenhub was caught at its boundary. */
    GH_EPANIC = -10001,
    /** The caller cannot be suspended: it is a timer or post callback. */
    GH_ENOTGREEN = -10002,
    /** Every green thread waits for another one. */
    GH_EDEADLOCK = -10003,
    /** The object belongs to the hub of another OS thread. */
    GH_EWRONGTHREAD = -10004,
    /** Only the root of an OS thread may make this call. */
    GH_ENOTROOT = -10005,
    /** No such hub: it was freed, or never made. */
    GH_ENOHUB = -10006,
    /** Bad value for ai_flags. */
    GH_EAI_BADFLAGS = -10101,
    /** Name or service not known. */
    GH_EAI_NONAME = -10102,
    /** Temporary failure in name resolution. */
    GH_EAI_AGAIN = -10103,
    /** Non-recoverable failure in name resolution. */
    GH_EAI_FAIL = -10104,
    /** No address associated with hostname. */
    GH_EAI_NODATA = -10105,
    /** ai_family not supported. */
    GH_EAI_FAMILY = -10106,
    /** ai_socktype not supported. */
    GH_EAI_SOCKTYPE = -10107,
    /** Servname not supported for ai_socktype. */
    GH_EAI_SERVICE = -10108,
    /** Address family for hostname not supported. */
    GH_EAI_ADDRFAMILY = -10109,
    /** Memory allocation failure in name resolution. */
    GH_EAI_MEMORY = -10110,
    /** System error in name resolution. */
    GH_EAI_SYSTEM = -10111,
    /** Argument buffer too small for a name. */
    GH_EAI_OVERFLOW = -10112,
    /** Parameter string not correctly encoded. */
    GH_EAI_IDN_ENCODE = -10205
};

#ifdef __cplusplus
extern "C" {
#endif

/*
 * ==== version ====
 *
 * Versions and result codes.
 *
 * Every call gives a value at or above 0, or a negative code. gh_strerror() puts a code into words
 * for people, gh_err_name() gives the name to search for; neither can fail. Both take a result as
 * it is, the sign included: to them a positive errno is a success, so it goes in as
 * gh_strerror(-errno).
 *
 * A program that was linked with the library need not look at versions, since its soname does. A
 * binding that loads the library at run time begins with gh_abi_version() and goes no further if
 * that is not the GH_ABI_VERSION it was written for. Do not ask for an equal gh_version(): a newer
 * library with the same ABI number serves older programs.
 */

/**
 * Tells the version of the library that is loaded, in the form of GH_VERSION_NUM.
 *
 * @return the version, major << 16 | minor << 8 | patch
 * @thread any
 * @suspends no
 * @since 0.1
 */
uint32_t gh_version(void);

/**
 * Tells the version of the library that is loaded, as text.
 *
 * @return a static string such as "0.1.0", never NULL
 * @thread any
 * @suspends no
 * @since 0.1
 */
const char *gh_version_string(void);

/**
 * Tells the version of the binary interface. A binding that loads the library at run time compares
 * it with GH_ABI_VERSION of the header it was written for.
 *
 * @return the number in the library's soname
 * @thread any
 * @suspends no
 * @since 0.1
 */
uint32_t gh_abi_version(void);

/**
 * Describes a result of any function of this header.
 *
 * @param code  a result; a value >= 0 is a success
 * @return a static string, never NULL; "Unknown error" for a number in no table
 * @thread any
 * @suspends no
 * @since 0.1
 */
const char *gh_strerror(int code);

/**
 * Names a result of any function of this header.
 *
 * @param code  a result; a value >= 0 is a success
 * @return a static string such as "ETIMEDOUT" or "GH_EPANIC", never NULL; "OK" for a success,
 *         "EUNKNOWN" for a number in no table
 * @thread any
 * @suspends no
 * @since 0.1
 */
const char *gh_err_name(int code);

/*
 * ==== clock ====
 *
 * The clock, and deadlines on it.
 *
 * Calls that wait take a point in time, not a length: gh_after_ms(500) makes one. Make it once,
 * before the first of several calls that belong together, and hand the same one to all of them:
 * then it bounds the whole, however often a step is tried again. GH_NEVER is the deadline that
 * never comes, 0 is one in the past: try once, do not wait.
 *
 * Mistakes: a bare number of milliseconds as a deadline lies in the past, so that the call never
 * waits; a deadline made anew in each turn of a loop bounds nothing; time(2) and CLOCK_REALTIME
 * are other clocks.
 */

/**
 * Reads the clock of all deadlines: CLOCK_MONOTONIC, in nanoseconds.
 *
 * @return nanoseconds since an arbitrary start
 * @thread any
 * @suspends no
 * @since 0.1
 */
int64_t gh_now(void);

/**
 * Gives the deadline a number of milliseconds from now.
 *
 * @param ms  milliseconds; negative gives a deadline in the past
 * @return the deadline; GH_NEVER when the sum lies beyond the clock
 * @thread any
 * @suspends no
 * @since 0.1
 */
int64_t gh_after_ms(int64_t ms);

/**
 * Gives the deadline a number of nanoseconds from now.
 *
 * @param ns  nanoseconds; negative gives a deadline in the past
 * @return the deadline; GH_NEVER when the sum lies beyond the clock
 * @thread any
 * @suspends no
 * @since 0.1
 */
int64_t gh_after_ns(int64_t ns);

/*
 * ==== hub ====
 *
 * Hubs: making, driving, embedding, watching.
 *
 * A hub runs the green threads of one OS thread. It is made by whatever needs it first, so a
 * program begins with gh_spawn() and needs this section only for more. gh_hub_run() is for
 * servers: it runs until nothing is left or gh_hub_stop() ends it, which a signal handler may
 * call. gh_hub_fd(), gh_hub_next_deadline() and gh_hub_run_once() make the hub a guest of an event
 * loop that is there already. gh_post() is the way in from other OS threads and signal handlers.
 * gh_hub_stats() and gh_hub_dump() tell what it does, and who waits for what.
 *
 * Green threads run only while the root waits in a call of this library or drives the hub: a root
 * that computes, or sleeps by other means, stops them all. The same holds for a green thread or
 * callback that computes for long. gh_hub_free() cancels whoever is left: join first those that
 * are to finish.
 */

/**
 * Guard stacks as the kernel does best: as GH_GUARD_MADVISE from Linux 6.13 on, else as
 * GH_GUARD_MPROTECT.
 */
#define GH_GUARD_AUTO 0

/**
 * Guard stacks by MADV_GUARD_INSTALL, which takes no mapping of its own.
 */
#define GH_GUARD_MADVISE 1

/**
 * Guard stacks by mprotect(2), which takes two mappings each: about 32,000 stacks fit below the
 * default vm.max_map_count.
 */
#define GH_GUARD_MPROTECT 2

/**
 * The hub of one OS thread: an opaque handle, never to be dereferenced. A handle kept after
 * gh_hub_free() is recognised as such, and gives GH_ENOHUB.
 */
typedef struct gh_hub gh_hub;

/**
 * How a hub is to be. Zero in a member means the default.
 */
typedef struct gh_hub_options {
    /**
     * sizeof(gh_hub_options), set by the caller.
     */
    size_t size;
    /**
     * Bytes of address space for each stack, its guard included: 16384 to 1 GiB, rounded up to a
     * power of two. Only what is touched is resident. Default 262144.
     */
    size_t stack_size;
    /**
     * Nanoseconds by which a deadline may be late so that several share one wake-up. The hub uses
     * a thousandth of each wait, but no more than this. From 1000000 on, waits of a millisecond or
     * more end on a whole one besides. Default 1000000.
     */
    int64_t timer_slack;
    /**
     * Calls that may succeed at once before a green thread must let the others run. Default 128.
     */
    uint32_t budget;
    /**
     * The high-water mark: idle stacks that keep their pages for reuse. Default 4096.
     */
    uint32_t warm_stacks;
    /**
     * GH_GUARD_AUTO, GH_GUARD_MADVISE or GH_GUARD_MPROTECT. Default GH_GUARD_AUTO.
     */
    uint32_t guard;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} gh_hub_options;

/**
 * What gh_hub_stats() fills in. Counts are of now unless they say otherwise.
 */
typedef struct gh_stats {
    /**
     * Green threads that have not ended, the root not counted.
     */
    uint64_t live;
    /**
     * Of them, those that can run.
     */
    uint64_t ready;
    /**
     * Green threads that have ended and wait for gh_join() or gh_detach().
     */
    uint64_t unjoined;
    /**
     * Green threads spawned since the hub was made.
     */
    uint64_t spawned;
    /**
     * Times that a green thread was switched to, since the hub was made.
     */
    uint64_t switches;
    /**
     * Times that the kernel was asked for readiness, since the hub was made.
     */
    uint64_t polls;
    /**
     * Readiness events received since the hub was made.
     */
    uint64_t events;
    /**
     * Posted callbacks run since the hub was made.
     */
    uint64_t posts;
    /**
     * Deadlines and timers pending.
     */
    uint64_t timers;
    /**
     * Descriptors registered for readiness.
     */
    uint64_t descriptors;
    /**
     * Stacks in use or idle.
     */
    uint64_t stacks;
    /**
     * Of them, idle ones that keep their pages.
     */
    uint64_t stacks_warm;
    /**
     * Of them, idle ones whose pages were given back.
     */
    uint64_t stacks_cold;
    /**
     * Bytes of address space for each stack, unless gh_spawn_options says otherwise.
     */
    uint64_t stack_size;
    /**
     * The guard method in use, GH_GUARD_MADVISE or GH_GUARD_MPROTECT; GH_GUARD_AUTO until the first
     * stack is made.
     */
    uint64_t guard;
} gh_stats;

/**
 * A function that the hub calls between green threads. It must not suspend (every call that would
 * gives GH_ENOTGREEN), not throw, and not take long: everything else waits for it.
 */
typedef void (*gh_callback)(void *arg);

/**
 * Makes the hub of the calling OS thread. Only for options of one's own: every call that needs a hub
 * makes one with the defaults.
 *
 * @param hub      (out, own) the hub; free it with gh_hub_free(). May be NULL
 * @param options  (borrow) how the hub is to be; NULL for the defaults
 * @return 0; -EEXIST if the OS thread has a hub; -EINVAL for a value out of range; -E2BIG if the
 *         struct is longer than the library knows and not zero there; -EMFILE, -ENFILE or -ENOMEM
 *         when the kernel refuses a poller; -EAGAIN when 16384 hubs live
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_hub_new(struct gh_hub **hub,
               const struct gh_hub_options *options);

/**
 * Gives the hub of the calling OS thread, made on first use.
 *
 * @return (own) the hub, which gh_hub_free() frees, or the end of its OS thread once it is idle; NULL
 *         if it could not be made (gh_hub_new() says why)
 * @thread any
 * @suspends no
 * @since 0.1
 */
struct gh_hub *gh_hub_current(void);

/**
 * Runs the hub until no green thread and no timer is left, or gh_hub_stop() is called.
 *
 * @param hub  (borrow) the calling OS thread's hub
 * @return 0 when nothing is left; 1 when gh_hub_stop() ended it; GH_EDEADLOCK when every green thread
 *         waits for another one to end (gh_hub_dump() shows which); GH_ENOTROOT in a green thread or
 *         a callback; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
 * @thread root
 * @suspends yes
 * @since 0.1
 */
int gh_hub_run(struct gh_hub *hub);

/**
 * Runs one turn of the hub, for a foreign event loop: takes in what has become ready and what is due,
 * and lets ready green threads run, for about a millisecond at most; gh_hub_next_deadline() is 0 while
 * some are left. Waits only if nothing is ready. gh_hub_stop() has no effect on it.
 *
 * @param hub       (borrow) the calling OS thread's hub
 * @param deadline  how long it may wait for something to do; past: not at all
 * @return 1 if green threads or timers are left, 0 if none; GH_ENOTROOT in a green thread or a
 *         callback; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
 * @thread root
 * @suspends yes
 * @since 0.1
 */
int gh_hub_run_once(struct gh_hub *hub,
                    int64_t deadline);

/**
 * Ends the hub's current gh_hub_run(), or its next one if none is running. Safe in a signal handler.
 *
 * @param hub  (borrow) any hub
 * @return 0; GH_ENOHUB; -EINVAL for NULL
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_hub_stop(struct gh_hub *hub);

/**
 * Cancels every green thread of the hub, runs them until they have ended, and frees the hub. A green
 * thread that does not heed its cancellation makes it fail at the deadline: nothing is freed then,
 * and the hub works on. Detached ones are cancelled like all others: join those that are to finish
 * first. Timers and posts that are pending are dropped on success. A thread that ends
 * meanwhile may not spawn others (-ECANCELED). Descriptors stay open: they are the caller's.
 *
 * @param hub       (borrow) the calling OS thread's hub; its handle and all its ids are stale
 *                  afterwards
 * @param deadline  how long the green threads have to end
 * @return 0; -EBUSY if some have not, or in a destructor of the root's values (gh_key_new());
 *         GH_ENOTROOT in a green thread or a callback; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
 * @thread root
 * @suspends yes
 * @since 0.1
 */
int gh_hub_free(struct gh_hub *hub,
                int64_t deadline);

/**
 * Gives a descriptor that is readable when the hub has something to do: poll it in a foreign event
 * loop, until gh_hub_next_deadline() at the latest, and call gh_hub_run_once() then. What the root's
 * own code makes ready between two turns makes it readable, too: a loop that asks for the next
 * deadline after each turn only, and not before each wait, misses nothing but timers that the root
 * starts. It belongs to the hub: do not read it, and do not close it.
 *
 * @param hub  (borrow) the calling OS thread's hub
 * @return the descriptor; -ENOTSUP where readiness comes from poll(2), which has none;
 *         GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int gh_hub_fd(struct gh_hub *hub);

/**
 * Tells a foreign event loop when it must call gh_hub_run_once() at the latest. It may be earlier
 * than the next deadline, never later.
 *
 * @param hub  (borrow) the calling OS thread's hub
 * @return a deadline: 0 for now, GH_NEVER when only the descriptor of gh_hub_fd() matters;
 *         GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int64_t gh_hub_next_deadline(struct gh_hub *hub);

/**
 * Fills in numbers about the hub.
 *
 * @param hub       (borrow) the calling OS thread's hub
 * @param out       (out) the numbers; of a shorter struct than the library's only the first members
 * @param out_size  sizeof(gh_stats)
 * @return 0; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL or a size of 0; -E2BIG for a size beyond
 *         4096
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int gh_hub_stats(struct gh_hub *hub, struct gh_stats *out, size_t out_size);

/**
 * Writes one line per green thread of the hub to a descriptor: its id, its name, its state, what it
 * waits for and for how long yet. For people: the form may change.
 *
 * @param hub  (borrow) the calling OS thread's hub
 * @param fd   where to write; the call waits, with its OS thread, until everything is written
 * @return 0; GH_EWRONGTHREAD; GH_ENOHUB; -EINVAL for NULL; what write(2) gives, such as -EBADF
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int gh_hub_dump(struct gh_hub *hub, int fd);

/**
 * Has a callback run on a hub, in the order of the posts of one OS thread. It runs when the hub runs
 * next: in gh_hub_run(), or while the hub's root waits. Neither locks nor allocates, and is safe in a
 * signal handler.
 *
 * @param hub       (borrow) any hub
 * @param callback  runs on the hub's OS thread, between green threads
 * @param arg       (keep) passed to the callback; never touched
 * @return 0; -EAGAIN if 1024 posts are pending at that hub; GH_ENOHUB; -EINVAL for a NULL hub or
 *         callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_post(struct gh_hub *hub,
            gh_callback callback,
            void *arg);

/*
 * ==== thread ====
 *
 * Green threads.
 *
 * gh_spawn() makes one, gh_join() waits for its end and takes its result, as with pthreads. A
 * thread that nobody will join is spawned without an id, with GH_SPAWN_DETACHED, or detached
 * later: one that is neither joined nor detached keeps its control block. gh_cancel() asks one to
 * end: its waiting call and all later ones return -ECANCELED, and its own error handling does the
 * rest. Clean-up that waits itself stands between gh_cancel_mask(1) and gh_cancel_mask(previous).
 *
 * Green threads of one hub never run at the same time and change places only in calls that say
 * "@suspends yes". So data of one hub needs no lock between two such calls. Mistakes: an argument
 * in a frame that returns before the green thread ends; a loop that does not leave on -ECANCELED;
 * long work without a gh_yield(), while which nobody else runs.
 */

/**
 * Spawn a green thread that nobody will join.
 */
#define GH_SPAWN_DETACHED 1

/**
 * A green thread, or the root of an OS thread. An id is never used twice: that of a green thread
 * which was joined, or had been detached and has ended, gives -ESRCH. 0 is none.
 */
typedef uint64_t gh_thread;

/**
 * How a green thread is to be. Zero in a member means the default.
 */
typedef struct gh_spawn_options {
    /**
     * sizeof(gh_spawn_options), set by the caller.
     */
    size_t size;
    /**
     * Bytes of address space for its stack, its guard included: 16384 to 1 GiB, rounded up to a
     * power of two. Default: the hub's.
     */
    size_t stack_size;
    /**
     * (borrow) A name for diagnostics, at most 63 bytes. Default: none.
     */
    const char *name;
    /**
     * 0 or GH_SPAWN_DETACHED.
     */
    uint32_t flags;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} gh_spawn_options;

/**
 * What a green thread runs, as with pthreads. It must return: not throw, not longjmp out.
 */
typedef void *(*gh_entry)(void *arg);

/**
 * Makes a green thread on the hub of the calling OS thread. It runs when its turn comes, behind those
 * that are ready.
 *
 * @param thread   (out) its id, for gh_join() or gh_detach(); NULL detaches it
 * @param options  (borrow) how it is to be; NULL for the defaults
 * @param entry    what it runs
 * @param arg      (keep) passed to the entry; never touched
 * @return 0; -EINVAL for a NULL entry, an unknown flag or a stack size out of range; -ERANGE for a
 *         name over 63 bytes; -E2BIG if the struct is longer than the library knows and not zero
 *         there; -ENOMEM if there is no memory for a stack, or no mapping left for its guard;
 *         -ENOTSUP if the kernel lacks the guard method that the hub was told to use; -EAGAIN when
 *         8388607 green threads live; -ECANCELED during gh_hub_free()
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_spawn(gh_thread *thread,
             const struct gh_spawn_options *options,
             gh_entry entry,
             void *arg);

/**
 * Makes a green thread on another hub, and waits until it is made. It runs when the hub's OS thread
 * runs its hub.
 *
 * @param hub       (borrow) a living hub, of any OS thread
 * @param thread    (out) its id, for gh_join() or gh_detach(); NULL detaches it, and does not wait: if
 *                  the hub has no memory for it then, it is never run
 * @param options   (borrow) how it is to be; NULL for the defaults
 * @param entry     what it runs
 * @param arg       (keep) passed to the entry; never touched
 * @param deadline  how long to wait; after a failure it is not made
 * @return 0; what gh_spawn() gives; GH_ENOHUB if the hub is gone; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN
 *         in a callback, unless thread is NULL
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_spawn_on(struct gh_hub *hub,
                gh_thread *thread,
                const struct gh_spawn_options *options,
                gh_entry entry,
                void *arg,
                int64_t deadline);

/**
 * Waits until a green thread has ended, and takes its result. Its id is stale afterwards.
 *
 * @param thread    a green thread, of any OS thread
 * @param result    (out) what its entry returned; may be NULL
 * @param deadline  how long to wait; the green thread can still be joined after a failure. One of
 *                  another OS thread must be asked for, which a deadline in the past does not wait for
 * @return 0; -ESRCH if there is no such green thread (any more); -EINVAL if it is detached, a root,
 *         or being joined already; -EDEADLK if it is the caller; -ETIMEDOUT; -ECANCELED;
 *         GH_EDEADLOCK when every green thread waits for another one; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_join(gh_thread thread,
            void **result,
            int64_t deadline);

/**
 * Gives up the right to join a green thread: what is left of it goes when it ends, or now.
 *
 * @param thread  a green thread. That of another OS thread is detached when that runs its hub, if it can
 *                be then
 * @return 0; -ESRCH if there is no such green thread (any more), as far as is known here; -EINVAL if it
 *         is detached already, a root, or being joined
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_detach(gh_thread thread);

/**
 * Cancels a green thread: its waiting call returns -ECANCELED, and so does every later call of its
 * that may suspend, until its entry returns. It is asked, not stopped.
 *
 * @param thread  a green thread, possibly the caller. That of another OS thread is cancelled when that
 *                runs its hub
 * @return 0, also if it has ended and was not joined; -ESRCH if there is no such green thread (any
 *         more), as far as is known here; -EINVAL for a root
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_cancel(gh_thread thread);

/**
 * Shields the calling green thread from cancellation, for clean-up that must wait itself, or ends the
 * shield. A cancellation that came meanwhile takes effect at the next call that may suspend.
 *
 * @param masked  1 to shield, 0 to end it
 * @return what it was before, 0 or 1, to be restored; -EINVAL for another number; GH_ENOTGREEN in a
 *         callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_cancel_mask(int masked);

/**
 * Lets every green thread that is ready run before the caller goes on.
 *
 * @return 0; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_yield(void);

/**
 * Sleeps until a deadline. A deadline in the past only yields; GH_NEVER sleeps until cancelled.
 *
 * @param deadline  when to go on
 * @return 0; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_sleep_until(int64_t deadline);

/**
 * Sleeps for a number of milliseconds.
 *
 * @param ms  milliseconds; 0 or less only yields
 * @return 0; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_sleep_ms(int64_t ms);

/**
 * Tells who calls.
 *
 * @return the running green thread or root; 0 in a callback, and on an OS thread without a hub
 * @thread any
 * @suspends no
 * @since 0.1
 */
gh_thread gh_self(void);

/**
 * Names a green thread for diagnostics.
 *
 * @param thread  a green thread or root of the calling OS thread; 0 for the caller
 * @param name    (borrow) at most 63 bytes; empty for none
 * @return 0; -ERANGE for a longer name; -EINVAL for NULL; -ESRCH if there is no such green thread (any
 *         more); GH_ENOTGREEN for 0 in a callback; GH_EWRONGTHREAD
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int gh_set_name(gh_thread thread,
                const char *name);

/**
 * Tells the name of a green thread.
 *
 * @param thread  a green thread or root of the calling OS thread; 0 for the caller
 * @param buf     (out) the name and a terminating NUL; empty if it has none
 * @param size    bytes of room in buf; 64 are always enough
 * @return the length of the name; -ERANGE if it does not fit; -EINVAL for NULL; -ESRCH if there is no
 *         such green thread (any more); GH_ENOTGREEN for 0 in a callback; GH_EWRONGTHREAD
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int gh_name(gh_thread thread,
            char *buf,
            size_t size);

/*
 * ==== local ====
 *
 * Values of each green thread's own.
 *
 * What pthread_key_create(3) is to OS threads. Begin with gh_key_new(), once for the program, not
 * for each green thread; then gh_local_set() and gh_local_get() store and fetch under that key,
 * and everyone sees a value of their own, NULL at first. The destructor gets each value that is
 * not NULL when its green thread ends, and may wait.
 *
 * Thread-local variables of the compiler (__thread, thread_local) belong to the OS thread, so that
 * all green threads of a hub share them: they are no substitute. gh_key_free() calls no
 * destructor: free a key when its values are gone.
 */

/**
 * A key under which each green thread, and the root of each OS thread, has a value of its own,
 * NULL at first. 0 is none.
 */
typedef uint32_t gh_key;

/**
 * What is called, on a green thread that ends, with each of its values that is not NULL: as with
 * pthread_key_create(3). It may suspend. That of a root is called when its hub is freed.
 */
typedef void (*gh_destructor)(void *value);

/**
 * Makes a key.
 *
 * @param key         (out) the key; gh_key_free() frees it
 * @param destructor  called with the values of green threads that end; may be NULL
 * @return 0; -EINVAL for NULL; -EAGAIN when there are 1024 keys
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_key_new(gh_key *key, gh_destructor destructor);

/**
 * Frees a key. Its values are forgotten; destructors are not called for them.
 *
 * @param key  what gh_key_new() made
 * @return 0; -EINVAL for a key that does not exist (any more)
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_key_free(gh_key key);

/**
 * Gives the calling green thread's value under a key.
 *
 * @param key  what gh_key_new() made
 * @return (borrow) what gh_local_set() stored last, as it is; NULL if nothing was stored, the key
 *         does not exist (any more), or in a callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
void *gh_local_get(gh_key key);

/**
 * Stores a value under a key, for the calling green thread alone.
 *
 * @param key    what gh_key_new() made
 * @param value  (keep) handed to the key's destructor when the green thread ends; never touched
 * @return 0; -EINVAL for a key that does not exist (any more); GH_ENOTGREEN in a callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_local_set(gh_key key, void *value);

/*
 * ==== timer ====
 *
 * Timers that call back.
 *
 * For what must happen at a time without a green thread that waits for it: gh_timer_start() calls
 * a function at a deadline, and then at every period if there is one; gh_timer_cancel() ends that.
 * A green thread that sleeps in a loop does the same and may wait besides, so prefer it for all
 * but the shortest work.
 *
 * The callback runs on the hub, between green threads. It may set an event, spawn, cancel or post,
 * but not wait: what would suspend gives GH_ENOTGREEN. What it points to must live until it has
 * fired for the last time or was cancelled.
 */

/**
 * A timer. An id is never used twice: that of a timer which has fired for the last time, or was
 * cancelled, gives -ESRCH. 0 is none.
 */
typedef uint64_t gh_timer;

/**
 * Starts a timer on the hub of the calling OS thread. Its callback runs on the hub, between green
 * threads. A pending timer keeps gh_hub_run() running.
 *
 * @param timer     (out) its id, for gh_timer_cancel(); may be NULL
 * @param deadline  when it fires first; past: at once, but not before this call has returned
 * @param period    nanoseconds from each turn to the next, 0 to fire once. Turns that were missed are
 *                  left out; those after them come when they would have come
 * @param callback  what to call
 * @param arg       (keep) passed to the callback; never touched
 * @return 0; -EINVAL for a NULL callback or a negative period; -EAGAIN when 8388608 timers are
 *         pending
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_timer_start(gh_timer *timer,
                   int64_t deadline,
                   int64_t period,
                   gh_callback callback,
                   void *arg);

/**
 * Cancels a timer: its callback is not called any more. A periodic timer's own callback may do so.
 *
 * @param timer  a timer of the calling OS thread
 * @return 0; -ESRCH if it has fired for the last time or was cancelled; GH_EWRONGTHREAD
 * @thread hub
 * @suspends no
 * @since 0.1
 */
int gh_timer_cancel(gh_timer timer);

/*
 * ==== lock ====
 *
 * Locks: mutex, read-write lock, condition variable.
 *
 * For data that several OS threads share, or that stays in disorder across a call that suspends;
 * between two such calls the green threads of one hub need none. Begin with gh_mutex_new(), then
 * gh_mutex_lock() and gh_mutex_unlock(). gh_cond_wait() waits, in a loop around what is waited
 * for, for a change of what the mutex guards. A read-write lock pays where readers wait while they
 * hold it. A pthread mutex is no substitute: to wait for it blocks the whole hub.
 *
 * A lock can fail: look at the result. The lock is not held after -ETIMEDOUT, -ECANCELED or
 * -EOWNERDEAD, but gh_cond_wait() comes back with its mutex held. A green thread that ends while
 * it holds a lock leaves -EOWNERDEAD to the next; gh_mutex_recover() takes it over. Name locks:
 * deadlocks are then reported by name.
 */

/**
 * The owner may lock the mutex again; it is free after as many gh_mutex_unlock().
 */
#define GH_MUTEX_RECURSIVE 1

/**
 * A condition variable: to wait for a change of what a mutex guards. An opaque handle.
 */
typedef struct gh_cond gh_cond;

/**
 * A mutex: held by one green thread at a time, on whatever OS thread, and handed over in the order
 * of arrival. An opaque handle, never to be dereferenced.
 */
typedef struct gh_mutex gh_mutex;

/**
 * A read-write lock: held by many readers or one writer. Whoever comes behind a waiting writer
 * waits too, so that readers never starve it. An opaque handle.
 */
typedef struct gh_rwlock gh_rwlock;

/**
 * Makes a mutex, free at first.
 *
 * @param mutex     (out, own) what was made; gh_mutex_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @param flags     0 or GH_MUTEX_RECURSIVE
 * @return 0; -EINVAL for NULL or an unknown flag; -ERANGE for a name over 63 bytes; -EAGAIN when
 *         16777215 objects exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_mutex_new(struct gh_mutex **mutex, const char *name, uint32_t flags);

/**
 * Frees a mutex, held or not. Whoever waits there gets -EIDRM; a handle kept after it gives
 * -EINVAL.
 *
 * @param mutex  (borrow) what gh_mutex_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_mutex_free(struct gh_mutex *mutex);

/**
 * Takes a mutex.
 *
 * @param mutex     (borrow) what gh_mutex_new() made
 * @param deadline  how long to wait
 * @return 0; -EDEADLK if the caller holds it and it is not recursive; -EOWNERDEAD if the green
 *         thread that held it has ended (gh_mutex_recover()): it is not taken then; -EINVAL for
 *         NULL, a handle that was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it
 *         is freed meanwhile; GH_ENOTGREEN in a callback; GH_EDEADLOCK when every green thread
 *         waits for another one
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_mutex_lock(struct gh_mutex *mutex, int64_t deadline);

/**
 * Gives a mutex up, to whoever has waited longest.
 *
 * @param mutex  (borrow) what gh_mutex_new() made
 * @return 0; -EPERM if the caller does not hold it; -EINVAL for NULL, a handle that was freed, or
 *         of another kind; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_mutex_unlock(struct gh_mutex *mutex);

/**
 * Takes a mutex whose owner has ended, once the caller has seen to what it guards. Until then each
 * gh_mutex_lock() gives -EOWNERDEAD.
 *
 * @param mutex  (borrow) what gh_mutex_new() made
 * @return 0, and the caller holds it; -EINVAL also if its owner has not ended; GH_ENOTGREEN in a
 *         callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_mutex_recover(struct gh_mutex *mutex);

/**
 * Makes a read-write lock, free at first.
 *
 * @param rwlock    (out, own) what was made; gh_rwlock_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
 *         exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_rwlock_new(struct gh_rwlock **rwlock, const char *name);

/**
 * Frees a read-write lock, held or not. Whoever waits there gets -EIDRM; a handle kept after it
 * gives -EINVAL.
 *
 * @param rwlock  (borrow) what gh_rwlock_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_rwlock_free(struct gh_rwlock *rwlock);

/**
 * Takes a lock together with other readers. Not again by one that holds it: a writer may wait
 * between.
 *
 * @param rwlock    (borrow) what gh_rwlock_new() made
 * @param deadline  how long to wait
 * @return 0; -EDEADLK if the caller holds it for writing; -EOWNERDEAD if a green thread that held
 *         it has ended, once the others have left it: it is not taken then; -EINVAL for NULL, a
 *         handle that was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed
 *         meanwhile; GH_ENOTGREEN in a callback; GH_EDEADLOCK when every green thread waits for
 *         another one
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_rwlock_read(struct gh_rwlock *rwlock, int64_t deadline);

/**
 * Takes a lock alone.
 *
 * @param rwlock    (borrow) what gh_rwlock_new() made
 * @param deadline  how long to wait
 * @return 0; -EDEADLK if the caller holds it and would wait for itself, also for reading;
 *         -EOWNERDEAD if a green thread that held it has ended, once the others have left it: it is
 *         not taken then; -EINVAL for NULL, a handle that was freed, or of another kind;
 *         -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback;
 *         GH_EDEADLOCK when every green thread waits for another one
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_rwlock_write(struct gh_rwlock *rwlock, int64_t deadline);

/**
 * Gives a lock up that the caller holds, for reading or writing.
 *
 * @param rwlock  (borrow) what gh_rwlock_new() made
 * @return 0; -EPERM if the caller does not hold it; -EINVAL for NULL, a handle that was freed, or
 *         of another kind; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_rwlock_unlock(struct gh_rwlock *rwlock);

/**
 * Takes a lock for writing that a green thread held when it ended, once the caller has seen to what
 * it guards. Until then gh_rwlock_read() and gh_rwlock_write() give -EOWNERDEAD.
 *
 * @param rwlock  (borrow) what gh_rwlock_new() made
 * @return 0, and the caller holds it; -EINVAL also if nobody has ended with it, or others still
 *         hold it; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_rwlock_recover(struct gh_rwlock *rwlock);

/**
 * Makes a condition variable.
 *
 * @param cond      (out, own) what was made; gh_cond_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
 *         exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_cond_new(struct gh_cond **cond, const char *name);

/**
 * Frees a condition variable. Whoever waits there gets -EIDRM; a handle kept after it gives
 * -EINVAL.
 *
 * @param cond  (borrow) what gh_cond_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_cond_free(struct gh_cond *cond);

/**
 * Gives a mutex up, waits for gh_cond_signal() or gh_cond_broadcast(), and takes the mutex again,
 * however long that takes and whatever ended the wait. What was waited for is to be looked at anew
 * after each return.
 *
 * @param cond      (borrow) what gh_cond_new() made
 * @param mutex     (borrow) held by the caller, once or, if recursive, several times
 * @param deadline  how long to wait for the signal
 * @return 0; -ETIMEDOUT, -ECANCELED or -EIDRM if the condition is freed meanwhile, all with the
 *         mutex held; -EPERM if the caller does not hold the mutex; -EINVAL for NULL, a handle
 *         that was freed, or of another kind; GH_ENOTGREEN in a callback. What keeps the mutex from
 *         being taken again comes before all of these: -EINVAL or -EIDRM if it is freed meanwhile,
 *         -EOWNERDEAD if a green thread has ended with it, GH_EDEADLOCK when every green thread
 *         waits for another one
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_cond_wait(struct gh_cond *cond, struct gh_mutex *mutex, int64_t deadline);

/**
 * Wakes the one that has waited longest, if there is one.
 *
 * @param cond  (borrow) what gh_cond_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_cond_signal(struct gh_cond *cond);

/**
 * Wakes all that wait.
 *
 * @param cond  (borrow) what gh_cond_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_cond_broadcast(struct gh_cond *cond);

/*
 * ==== meeting ====
 *
 * Meeting points: semaphore, event, barrier, wait group, once.
 *
 * How green threads wait for one another, on one hub or several. gh_waitgroup_new() is the one to
 * begin with: gh_waitgroup_add() before each spawn, gh_waitgroup_done() at the end of each task,
 * gh_waitgroup_wait() for all of them. A semaphore bounds how many do something at once. An event
 * says that something has happened: to all, or with GH_EVENT_AUTO to one at a time. A barrier lets
 * nobody go on before all have come. Once is for what the first user sets up, however many come.
 *
 * Posting, setting and counting never wait, and so are allowed in callbacks. Mistakes: to add to
 * the wait group within the new green thread, after somebody may have waited already; to take
 * -ETIMEDOUT or -ECANCELED for a permit; to free an object that is still in use (whoever waits
 * gets -EIDRM).
 */

/**
 * The event lets one waiting green thread through and resets itself.
 */
#define GH_EVENT_AUTO 1

/**
 * The event is set from the start.
 */
#define GH_EVENT_SET 2

/**
 * A barrier: nobody goes on before all have come; then it starts anew. An opaque handle.
 */
typedef struct gh_barrier gh_barrier;

/**
 * An event: something has happened. An opaque handle.
 */
typedef struct gh_event gh_event;

/**
 * What is to be done once, by whoever comes first. An opaque handle.
 */
typedef struct gh_once gh_once;

/**
 * A semaphore: a number of permits, taken and given back by anybody. An opaque handle.
 */
typedef struct gh_sem gh_sem;

/**
 * A wait group: to wait until a number of tasks are done. An opaque handle.
 */
typedef struct gh_waitgroup gh_waitgroup;

/**
 * What gh_once_run() calls. It returns a negative code for a failure, and must not throw or longjmp out.
 */
typedef int (*gh_once_entry)(void *arg);

/**
 * Makes a semaphore.
 *
 * @param sem       (out, own) what was made; gh_sem_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @param permits   how many are there at first
 * @param most      how many there can be; 0 for 4294967295
 * @return 0; -EINVAL for NULL, or more permits than there can be; -ERANGE for a name over 63
 *         bytes; -EAGAIN when 16777215 objects exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_sem_new(struct gh_sem **sem, const char *name, uint32_t permits, uint32_t most);

/**
 * Frees a semaphore. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
 *
 * @param sem  (borrow) what gh_sem_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_sem_free(struct gh_sem *sem);

/**
 * Takes a permit. They are handed out in the order of arrival.
 *
 * @param sem       (borrow) what gh_sem_new() made
 * @param deadline  how long to wait
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind; -ETIMEDOUT;
 *         -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_sem_wait(struct gh_sem *sem, int64_t deadline);

/**
 * Gives a permit back, or a new one.
 *
 * @param sem  (borrow) what gh_sem_new() made
 * @return 0; -EOVERFLOW if all are there; -EINVAL for NULL, a handle that was freed, or of another
 *         kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_sem_post(struct gh_sem *sem);

/**
 * Tells how many permits are there, in this moment.
 *
 * @param sem  (borrow) what gh_sem_new() made
 * @return the number; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int64_t gh_sem_value(struct gh_sem *sem);

/**
 * Makes an event.
 *
 * @param event     (out, own) what was made; gh_event_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @param flags     GH_EVENT_AUTO, GH_EVENT_SET, both or 0
 * @return 0; -EINVAL for NULL or an unknown flag; -ERANGE for a name over 63 bytes; -EAGAIN when
 *         16777215 objects exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_event_new(struct gh_event **event, const char *name, uint32_t flags);

/**
 * Frees an event. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
 *
 * @param event  (borrow) what gh_event_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_event_free(struct gh_event *event);

/**
 * Sets an event: all that wait go on, and whoever comes later, until it is reset. With
 * GH_EVENT_AUTO the one that has waited longest goes on, or else the next to come.
 *
 * @param event  (borrow) what gh_event_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_event_set(struct gh_event *event);

/**
 * Resets an event: whoever comes waits.
 *
 * @param event  (borrow) what gh_event_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_event_reset(struct gh_event *event);

/**
 * Waits until an event is set.
 *
 * @param event     (borrow) what gh_event_new() made
 * @param deadline  how long to wait
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind; -ETIMEDOUT;
 *         -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_event_wait(struct gh_event *event, int64_t deadline);

/**
 * Makes a barrier.
 *
 * @param barrier   (out, own) what was made; gh_barrier_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @param parties   how many must come, at least 1
 * @return 0; -EINVAL for NULL or no parties; -ERANGE for a name over 63 bytes; -EAGAIN when
 *         16777215 objects exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_barrier_new(struct gh_barrier **barrier, const char *name, uint32_t parties);

/**
 * Frees a barrier. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
 *
 * @param barrier  (borrow) what gh_barrier_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_barrier_free(struct gh_barrier *barrier);

/**
 * Waits until all have come. Who gives up has not come.
 *
 * @param barrier   (borrow) what gh_barrier_new() made
 * @param deadline  how long to wait
 * @return 1 for the one that came last, 0 for the others; -EINVAL for NULL, a handle that was
 *         freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_barrier_wait(struct gh_barrier *barrier, int64_t deadline);

/**
 * Makes a wait group of no tasks.
 *
 * @param waitgroup  (out, own) what was made; gh_waitgroup_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
 *         exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_waitgroup_new(struct gh_waitgroup **waitgroup, const char *name);

/**
 * Frees a wait group. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
 *
 * @param waitgroup  (borrow) what gh_waitgroup_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_waitgroup_free(struct gh_waitgroup *waitgroup);

/**
 * Changes the number of tasks. At zero all that wait go on.
 *
 * @param waitgroup  (borrow) what gh_waitgroup_new() made
 * @param delta      how many more; negative for fewer
 * @return 0; -EINVAL if fewer than none would be left, and nothing is changed; -EOVERFLOW; -EINVAL
 *         for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_waitgroup_add(struct gh_waitgroup *waitgroup, int delta);

/**
 * Takes one task off.
 *
 * @param waitgroup  (borrow) what gh_waitgroup_new() made
 * @return 0; -EINVAL if there is none, or for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_waitgroup_done(struct gh_waitgroup *waitgroup);

/**
 * Waits until no task is left.
 *
 * @param waitgroup  (borrow) what gh_waitgroup_new() made
 * @param deadline  how long to wait
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind; -ETIMEDOUT;
 *         -ECANCELED; -EIDRM if it is freed meanwhile; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_waitgroup_wait(struct gh_waitgroup *waitgroup, int64_t deadline);

/**
 * Makes something to be done once.
 *
 * @param once      (out, own) what was made; gh_once_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @return 0; -EINVAL for NULL; -ERANGE for a name over 63 bytes; -EAGAIN when 16777215 objects
 *         exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_once_new(struct gh_once **once, const char *name);

/**
 * Frees it, done or not. Whoever waits there gets -EIDRM; a handle kept after it gives -EINVAL.
 *
 * @param once  (borrow) what gh_once_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_once_free(struct gh_once *once);

/**
 * Calls a function unless a call of it through this handle has succeeded. Others that come
 * meanwhile wait; when the function fails, or its OS thread ends in the middle of it, the one that
 * has waited longest calls it.
 *
 * @param once      (borrow) what gh_once_new() made
 * @param function  returns a negative code for a failure; it may suspend
 * @param arg       (borrow) passed to the function; never touched
 * @param deadline  how long to wait for another's call; the caller's own is not ended by it
 * @return 0; the function's own negative code; -EDEADLK if the function itself calls this; -EINVAL
 *         for NULL, a handle that was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if
 *         it is freed meanwhile; GH_ENOTGREEN in a callback; GH_EDEADLOCK when every green thread
 *         waits for another one
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_once_run(struct gh_once *once, gh_once_entry function, void *arg, int64_t deadline);

/*
 * ==== channel ====
 *
 * Channels, and selecting among them.
 *
 * A channel hands items from green thread to green thread, on any OS threads, by copying them.
 * Begin with gh_channel_new(), for items of one size; then gh_channel_send() and
 * gh_channel_recv(). Without capacity a sender waits for its receiver; with it, for room: that is
 * what slows a fast producer down. gh_channel_close() says that nothing more comes: receivers take
 * what is left, then get -EPIPE. gh_select() waits for the first of several sends, receives and
 * descriptors, and performs it.
 *
 * A pointer can be an item; what it points to is the receiver's from then on. Mistakes: to close a
 * channel while others may still send (their sends give -EPIPE, so let the last sender close it);
 * to take gh_select()'s index for success, when the case's result may be -EPIPE; to free a channel
 * before all have left it.
 */

/**
 * A case that takes no part.
 */
#define GH_SELECT_NONE 0

/**
 * Send an item to a channel.
 */
#define GH_SELECT_SEND 1

/**
 * Receive an item from a channel.
 */
#define GH_SELECT_RECV 2

/**
 * Wait until a descriptor can be read.
 */
#define GH_SELECT_READ 3

/**
 * Wait until a descriptor can be written.
 */
#define GH_SELECT_WRITE 4

/**
 * A channel: items of one size are copied from green thread to green thread, on whatever OS
 * threads, in the order of their sending. An opaque handle.
 */
typedef struct gh_channel gh_channel;

/**
 * One of the things that gh_select() waits for.
 */
typedef struct gh_select_case {
    /**
     * Of GH_SELECT_SEND and GH_SELECT_RECV.
     */
    struct gh_channel *channel;
    /**
     * The item to send, or room for the one to receive.
     */
    void *item;
    /**
     * Of GH_SELECT_READ and GH_SELECT_WRITE.
     */
    int fd;
    /**
     * GH_SELECT_SEND and so on.
     */
    uint32_t op;
    /**
     * (out) Of the case that was performed: 0, or -EPIPE if its channel is closed.
     */
    int result;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} gh_select_case;

/**
 * Makes a channel.
 *
 * @param channel   (out, own) what was made; gh_channel_free() frees it
 * @param name      (borrow) a name for reports, at most 63 bytes; may be NULL
 * @param item      bytes of an item; 0 for items that say nothing but that they came
 * @param capacity  how many items wait in the channel; 0: who sends waits for who receives
 * @return 0; -EINVAL for NULL, or if the items would take more than a tebibyte; -ERANGE for a name
 *         over 63 bytes; -ENOMEM; -EAGAIN when 16777215 objects exist
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_channel_new(struct gh_channel **channel, const char *name, size_t item, size_t capacity);

/**
 * Frees a channel, with the items in it. Whoever waits there gets -EIDRM; a handle kept after it
 * gives -EINVAL.
 *
 * @param channel  (borrow) what gh_channel_new() made
 * @return 0; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_channel_free(struct gh_channel *channel);

/**
 * Sends an item.
 *
 * @param channel   (borrow) what gh_channel_new() made
 * @param item      (borrow) as many bytes as an item of the channel has; NULL if that is none
 * @param deadline  how long to wait
 * @return 0; -EPIPE if the channel is closed, also while waiting; -EINVAL for NULL, a handle that
 *         was freed, or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_channel_send(struct gh_channel *channel, const void *item, int64_t deadline);

/**
 * Receives the item that was sent first.
 *
 * @param channel   (borrow) what gh_channel_new() made
 * @param item      (out) room for an item of the channel; NULL if it has no bytes
 * @param deadline  how long to wait
 * @return 0; -EPIPE if the channel is closed and empty; -EINVAL for NULL, a handle that was freed,
 *         or of another kind; -ETIMEDOUT; -ECANCELED; -EIDRM if it is freed meanwhile;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_channel_recv(struct gh_channel *channel, void *item, int64_t deadline);

/**
 * Closes a channel: nothing can be sent any more, what is in it can still be received. Who waits
 * to send or to receive gets -EPIPE.
 *
 * @param channel  (borrow) what gh_channel_new() made
 * @return 0; -EPIPE if it is closed already; -EINVAL for NULL, a handle that was freed, or of
 *         another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_channel_close(struct gh_channel *channel);

/**
 * Tells how many items are in a channel, in this moment.
 *
 * @param channel  (borrow) what gh_channel_new() made
 * @return the number; -EINVAL for NULL, a handle that was freed, or of another kind
 * @thread any
 * @suspends no
 * @since 0.1
 */
int64_t gh_channel_len(struct gh_channel *channel);

/**
 * Performs one of several cases, waiting until one can be. When several can, none is preferred;
 * within a channel the order of arrival holds.
 *
 * @param cases     (borrow) the cases; result is written in the one that was performed
 * @param count     how many
 * @param deadline  how long to wait
 * @return the index of the case; -EINVAL for NULL, an unknown op, more than 65536 cases, a channel
 *         that is none, or no case at all with GH_NEVER; -EBADF for a bad descriptor, or one that
 *         is closed meanwhile; -ENOMEM or -ENOSPC if a descriptor cannot be waited for;
 *         -ETIMEDOUT; -ECANCELED; -EIDRM if one of the channels is freed meanwhile; GH_ENOTGREEN
 *         in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_select(struct gh_select_case *cases, size_t count, int64_t deadline);

/*
 * ==== offload ====
 *
 * Calls that block, on OS threads of their own.
 *
 * For what cannot be made cooperative: a library that waits inside itself, a long computation, a
 * system call without a descriptor to wait for. gh_offload() runs a function on a pool of OS
 * threads that the process shares, while the green thread waits and its hub goes on.
 * gh_offload_configure() sets how many threads there are, how long the queue and how long an idle
 * thread stays.
 *
 * The function runs on an OS thread of its own: what it shares with green threads needs a lock,
 * and a gh_ call there uses another hub. A deadline or a cancellation ends the wait, not the
 * function: what it works on must live until it returns. Where its result must be freed also then,
 * use gh_offload_with() with a release function.
 */

/**
 * Where the queue is full, give -EAGAIN instead of waiting for room.
 */
#define GH_OFFLOAD_NOWAIT 1

/**
 * What gives back what a call of gh_offload_with() owned: its argument and its result, NULL if the
 * function has not run. It must not throw, and not take long.
 */
typedef void (*gh_release)(void *arg, void *result);

/**
 * A call for gh_offload_with(). Zero in a member that is not needed.
 */
typedef struct gh_offload_call {
    /**
     * sizeof(gh_offload_call), set by the caller.
     */
    size_t size;
    /**
     * What to call.
     */
    gh_entry fn;
    /**
     * (take) Passed to it.
     */
    void *arg;
    /**
     * Gives arg and result back when the wait has failed. Default: nothing is given back.
     */
    gh_release release;
    /**
     * 0 or GH_OFFLOAD_NOWAIT.
     */
    uint32_t flags;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} gh_offload_call;

/**
 * How large the pool of OS threads may grow. Zero in a member means the default.
 */
typedef struct gh_offload_options {
    /**
     * sizeof(gh_offload_options), set by the caller.
     */
    size_t size;
    /**
     * OS threads at most, made as they are needed: up to 65536. Default 16.
     */
    size_t threads;
    /**
     * Calls that may be queued for a thread, names apart from all others; the next ones wait for room,
     * in order: up to 16777216. Default 1024.
     */
    size_t queue;
    /**
     * Nanoseconds after which a thread without work ends. Default 10000000000.
     */
    int64_t idle;
    /**
     * Names that are looked up at once, by gh_getaddrinfo() and its like: up to 65536. Default half
     * of the threads.
     */
    size_t names;
} gh_offload_options;

/**
 * What gh_offload_stats() fills in, as of now.
 */
typedef struct gh_pool_stats {
    /**
     * OS threads of the pool.
     */
    uint64_t threads;
    /**
     * Of them, those without work.
     */
    uint64_t idle;
    /**
     * Calls that run.
     */
    uint64_t running;
    /**
     * Calls that are queued for a thread.
     */
    uint64_t queued;
    /**
     * Calls that wait for room in the queue.
     */
    uint64_t outside;
} gh_pool_stats;

/**
 * Calls a function that blocks, on an OS thread of a pool, while the calling green thread waits and
 * the others run.
 *
 * After -ETIMEDOUT and -ECANCELED the function has not run and never will, or it runs on: its result
 * is lost then, and the argument must stay until it has returned. gh_offload_with() knows what to do
 * with both. The function sees an OS thread of its own, with all signals blocked but those of faults;
 * it may make calls of the library, on a hub of that OS thread. One that calls this function again
 * takes a second thread of the pool meanwhile.
 *
 * @param fn        what to call; it must return: not throw, not longjmp out, not end its OS thread
 * @param arg       (keep) passed to it; never touched
 * @param result    (out) what it has returned; may be NULL
 * @param deadline  how long to wait, for a thread and for the function; in the past, nothing is called
 * @return 0; -EINVAL for a NULL function; -EAGAIN if no OS thread can be made and there is none;
 *         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_offload(gh_entry fn,
               void *arg,
               void **result,
               int64_t deadline);

/**
 * As gh_offload(), for a function whose argument or result must be given back.
 *
 * After 0 both are the caller's. After every other result they are released, once: before this call
 * returns if the function never runs, else by the pool's thread when the function has returned. Only
 * for -EINVAL and -E2BIG nothing is released.
 *
 * @param call      (borrow) the call; what it points to is taken over
 * @param result    (out, own) what the function has returned; may be NULL
 * @param deadline  how long to wait, for a thread and for the function; in the past, nothing is called
 * @return 0; -EINVAL for NULL, a NULL function or an unknown flag; -E2BIG if the struct is longer than
 *         the library knows and not zero there; -EAGAIN with GH_OFFLOAD_NOWAIT if the queue is full, or
 *         if no OS thread can be made and there is none; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a
 *         callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_offload_with(const struct gh_offload_call *call,
                    void **result,
                    int64_t deadline);

/**
 * Sets how large the pool may grow, also for the calls that are queued already. Threads that are too
 * many end when what they run has returned. A forked child has the same limits.
 *
 * @param options  (borrow) the limits, all of them; NULL for the defaults
 * @return 0; -EINVAL for a value out of range; -E2BIG if the struct is longer than the library knows
 *         and not zero there
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_offload_configure(const struct gh_offload_options *options);

/**
 * Tells what the pool does.
 *
 * @param stats  (out) the counts
 * @param size   sizeof(gh_pool_stats)
 * @return 0; -EINVAL for NULL or a size of 0; -E2BIG for a size that is none
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_offload_stats(struct gh_pool_stats *stats, size_t size);

/*
 * ==== file ====
 *
 * Files, whose calls wait for the disk on the pool of gh_offload().
 *
 * Epoll knows nothing of regular files: a read of one blocks the OS thread until the disk has
 * answered. These are the POSIX calls, made on the pool, so that only the calling green thread
 * waits. Begin with gh_file_open(); close with gh_close(), as any other descriptor.
 *
 * Buffers are never touched after the call has returned. But what was begun is not undone by a
 * deadline or a cancellation: a write may still take place then, and a read may move the file's
 * position. Where that matters, use gh_file_pread() and gh_file_pwrite(), or no deadline. For what
 * is in memory already, plain read(2) is faster.
 */

/**
 * Opens a file as open(2), on the pool of gh_offload().
 *
 * A file that is opened after its caller has gone is closed again; one that the call has made stays.
 *
 * @param path      (borrow) its name
 * @param flags     as for open(2); O_CLOEXEC is added. O_NONBLOCK is not: a FIFO waits for its peer
 * @param mode      the permissions of a file that is made, as for open(2)
 * @param deadline  how long to wait; in the past, nothing is done
 * @return (own) the descriptor, for gh_close(); -EINVAL for NULL; what open(2) gives, such as -ENOENT,
 *         -EACCES, -EEXIST, -EISDIR, -EMFILE; -EAGAIN if no OS thread can be made and there is none;
 *         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_file_open(const char *path,
                 int flags,
                 mode_t mode,
                 int64_t deadline);

/**
 * Reads from a file as read(2), on the pool of gh_offload().
 *
 * A read that was abandoned may go on: it never touches the buffer after this call has returned, but
 * moves the file's position. gh_file_pread() does not. If the descriptor is closed meanwhile, a read
 * that has begun ends as usual.
 *
 * @param fd        a descriptor, of a file as a rule; gh_read() is for pipes and sockets
 * @param buf       (out) what was read
 * @param len       bytes of room at buf; as much is allocated meanwhile
 * @param deadline  how long to wait; in the past, nothing is done
 * @return the bytes read, 0 at the end; what read(2) gives, such as -EBADF, -EISDIR, -EIO; -EBADF also
 *         if the descriptor is closed before it was its turn; -EINVAL for NULL or a length beyond
 *         SSIZE_MAX; -ENOMEM; -EAGAIN if no OS thread can be made and there is none, or as read(2) for
 *         a descriptor in non-blocking mode; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_file_read(int fd,
                     void *buf,
                     size_t len,
                     int64_t deadline);

/**
 * Writes to a file as write(2), possibly less than everything, on the pool of gh_offload(). SIGPIPE is
 * never raised.
 *
 * The bytes are copied first. A write that was abandoned may take place all the same, whole or in
 * part, also after this call has returned.
 *
 * @param fd        a descriptor, of a file as a rule; gh_write() is for pipes and sockets
 * @param buf       (borrow) what to write
 * @param len       its length in bytes; as much is allocated meanwhile
 * @param deadline  how long to wait; in the past, nothing is done
 * @return the bytes written; what write(2) gives, such as -EBADF, -ENOSPC, -EFBIG, -EPIPE, -EIO; -EBADF
 *         also if the descriptor is closed before it was its turn; -EINVAL for NULL or a length beyond
 *         SSIZE_MAX; -ENOMEM; -EAGAIN if no OS thread can be made and there is none, or as write(2) for
 *         a descriptor in non-blocking mode; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_file_write(int fd,
                      const void *buf,
                      size_t len,
                      int64_t deadline);

/**
 * Reads from a place in a file as pread(2), otherwise as gh_file_read().
 *
 * @param fd        a descriptor of what has positions
 * @param buf       (out) what was read
 * @param len       bytes of room at buf; as much is allocated meanwhile
 * @param offset    where to begin, in bytes
 * @param deadline  how long to wait; in the past, nothing is done
 * @return what gh_file_read() gives; -EINVAL also for a negative offset; -ESPIPE for a pipe or a
 *         socket
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_file_pread(int fd, void *buf, size_t len, int64_t offset, int64_t deadline);

/**
 * Writes at a place in a file as pwrite(2), otherwise as gh_file_write(). On Linux a file opened with
 * O_APPEND is written at its end all the same.
 *
 * @param fd        a descriptor of what has positions
 * @param buf       (borrow) what to write
 * @param len       its length in bytes; as much is allocated meanwhile
 * @param offset    where to begin, in bytes
 * @param deadline  how long to wait; in the past, nothing is done
 * @return what gh_file_write() gives; -EINVAL also for a negative offset; -ESPIPE for a pipe or a
 *         socket
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_file_pwrite(int fd,
                       const void *buf,
                       size_t len,
                       int64_t offset,
                       int64_t deadline);

/**
 * Waits as fsync(2) until what was written to a file is on the disk, on the pool of gh_offload().
 *
 * @param fd        a descriptor of a file or a folder
 * @param deadline  how long to wait; in the past, nothing is done
 * @return 0; what fsync(2) gives, such as -EBADF, -EIO, -ENOSPC, -EINVAL for what cannot be synced;
 *         -EBADF also if the descriptor is closed before it was its turn; -EAGAIN if no OS thread can
 *         be made and there is none; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_file_fsync(int fd,
                  int64_t deadline);

/**
 * As gh_file_fsync(), without what a later read does not need, such as the time of the change
 * (fdatasync(2)).
 *
 * @param fd        a descriptor of a file
 * @param deadline  how long to wait; in the past, nothing is done
 * @return what gh_file_fsync() gives
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_file_fdatasync(int fd, int64_t deadline);

/*
 * ==== names ====
 *
 * Names: from hosts to addresses and back.
 *
 * The system's own resolver, with its hosts file, its nsswitch and its order of addresses, called
 * on the pool of gh_offload(), so that a slow name server keeps one green thread waiting and not
 * the hub. To connect to a name, gh_tcp_connect() is enough: it looks the name up and races its
 * addresses.
 *
 * gh_getaddrinfo() gives the list that getaddrinfo(3) gives, to be freed with freeaddrinfo(3). Its
 * failures come back as GH_EAI_NONAME and so on, negative as every failure here; gh_strerror()
 * knows them. A lookup goes on by itself when its green thread has left; how many may be under way
 * at one time is a member of gh_offload_options.
 */

/**
 * Looks up a host, a service or both as getaddrinfo(3), which does it on the pool of gh_offload(). At
 * most gh_offload_options.names are looked up at once; the others wait, in order.
 *
 * A lookup that was abandoned goes on, and what it finds is freed.
 *
 * @param node      (borrow) a name or a numeric address; may be NULL
 * @param service   (borrow) a name or a number; may be NULL
 * @param hints     (borrow) what to look for, of which ai_flags, ai_family, ai_socktype and ai_protocol
 *                  are read; may be NULL
 * @param res       (out, own) the list, for freeaddrinfo(3)
 * @param deadline  how long to wait; in the past, nothing is looked up
 * @return 0; what getaddrinfo(3) gives with GH_ before it, such as GH_EAI_NONAME, GH_EAI_AGAIN,
 *         GH_EAI_FAMILY, GH_EAI_SERVICE; for EAI_SYSTEM the errno, or GH_EAI_SYSTEM where that could be
 *         mistaken; -EINVAL for a NULL res; -EAGAIN if no OS thread can be made and there is none;
 *         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_getaddrinfo(const char *node,
                   const char *service,
                   const struct addrinfo *hints,
                   struct addrinfo **res,
                   int64_t deadline);

/**
 * Looks up the names of an address as getnameinfo(3), which does it on the pool of gh_offload() as
 * gh_getaddrinfo() does.
 *
 * @param addr      (borrow) the address of a host and a service
 * @param addrlen   its length
 * @param host      (out) the host's name; NULL if it is not wanted
 * @param hostlen   bytes of room there; 0 if it is not wanted
 * @param serv      (out) the service's name; NULL if it is not wanted
 * @param servlen   bytes of room there; 0 if it is not wanted
 * @param flags     as for getnameinfo(3)
 * @param deadline  how long to wait; in the past, nothing is looked up
 * @return 0; what getnameinfo(3) gives with GH_ before it, such as GH_EAI_NONAME, GH_EAI_AGAIN,
 *         GH_EAI_FAMILY, GH_EAI_OVERFLOW for too little room; for EAI_SYSTEM the errno, or GH_EAI_SYSTEM
 *         where that could be mistaken; -EINVAL for a NULL address or one longer than a
 *         sockaddr_storage; -EAGAIN if no OS thread can be made and there is none; -ETIMEDOUT;
 *         -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_getnameinfo(const struct sockaddr *addr,
                   socklen_t addrlen,
                   char *host,
                   socklen_t hostlen,
                   char *serv,
                   socklen_t servlen,
                   int flags,
                   int64_t deadline);

/*
 * ==== readiness ====
 *
 * Waiting for descriptors.
 *
 * For descriptors that others read and write: a library with a socket of its own, inotify, a
 * timerfd. Begin with gh_wait_fd() for one of them, and gh_poll() for several; then make the call
 * that was waited for. gh_select() waits for descriptors and channels together.
 *
 * For one's own sockets and pipes gh_recv(), gh_read() and their like wait by themselves and cost
 * less. Ready is a hint: another reader may have been faster, so the descriptor should be
 * non-blocking. gh_wait_fd() gives -ETIMEDOUT at the deadline, but gh_poll() 0, as poll(2) does.
 */

/**
 * Waits until a descriptor is ready.
 *
 * @param fd        any descriptor that poll(2) takes
 * @param events    POLLIN, POLLOUT, POLLPRI or POLLRDHUP, or several of them
 * @param deadline  how long to wait
 * @return what it is ready for, as poll(2) tells it, POLLHUP and POLLERR included; -EBADF if it is not
 *         open, or gh_close() closed it meanwhile; -EINVAL for other events or none; -ETIMEDOUT;
 *         -ECANCELED; -ENOMEM; -ENOSPC; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_wait_fd(int fd,
               int events,
               int64_t deadline);

/**
 * Waits until one of several descriptors is ready, as poll(2). Without descriptors it sleeps.
 *
 * @param fds       (borrow) what to wait for, and the answers in revents; a negative descriptor is
 *                  passed over
 * @param count     how many there are
 * @param deadline  how long to wait
 * @return how many have answers, 0 at the deadline; -EINVAL for NULL with a count, or a count beyond
 *         the limit on open descriptors; -EFAULT; -ECANCELED; -ENOMEM; -ENOSPC; GH_ENOTGREEN in a
 *         callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_poll(struct pollfd *fds,
            size_t count,
            int64_t deadline);

/*
 * ==== socket ====
 *
 * Making, connecting and closing descriptors.
 *
 * The calls of POSIX, which wait for nobody but their own green thread. Begin with gh_tcp_listen()
 * or gh_tcp_connect() where they do; this section is for all other kinds of sockets, and for
 * options that must be set before connecting or binding: gh_socket(), setsockopt(2) and bind(2) as
 * usual, then gh_listen() and gh_accept(), or gh_connect().
 *
 * Descriptors come from anywhere, but end here: gh_close() wakes those who wait on one, and
 * forgets it before its number is used again; close(2) and dup2(2) do neither. -EMFILE from
 * gh_accept() leaves the client in the backlog: pause before the next try, or the loop spins.
 */

/**
 * Makes a socket as socket(2), non-blocking and closed on exec. Any other socket does as well: those
 * that are in blocking mode are left there, but for gh_connect(), gh_accept() and gh_sendfile(),
 * which have no other way.
 *
 * @param domain    AF_INET, AF_INET6, AF_UNIX …
 * @param type      SOCK_STREAM, SOCK_DGRAM …
 * @param protocol  0 for the usual one
 * @return the descriptor; what socket(2) gives, such as -EAFNOSUPPORT, -EINVAL, -EMFILE
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_socket(int domain,
              int type,
              int protocol);

/**
 * Connects a socket as connect(2). After a failure the socket is of no more use: close it.
 *
 * @param fd        a socket; put into non-blocking mode
 * @param addr      (borrow) the peer's address
 * @param len       its length in bytes
 * @param deadline  how long to wait
 * @return 0; what connect(2) gives, such as -ECONNREFUSED, -EBADF, -ENOTSOCK; -EINVAL for NULL;
 *         -ETIMEDOUT, the network's or the deadline's; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_connect(int fd, const struct sockaddr *addr, socklen_t len, int64_t deadline);

/**
 * Makes a bound socket listen as listen(2).
 *
 * @param fd       a socket
 * @param backlog  connections that may wait to be accepted
 * @return 0; what listen(2) gives, such as -EADDRINUSE, -EBADF, -ENOTSOCK, -EOPNOTSUPP
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_listen(int fd, int backlog);

/**
 * Accepts a connection as accept4(2), non-blocking and closed on exec. A client that left before is
 * passed over.
 *
 * @param fd        a listening socket; put into non-blocking mode
 * @param addr      (out) the client's address; may be NULL
 * @param len       (out) in: the room at addr, out: the address's length; NULL if addr is
 * @param deadline  how long to wait
 * @return the descriptor; what accept(2) gives, such as -EMFILE and -ENFILE at the limit on
 *         descriptors (the client stays in the backlog), -EBADF, -ENOTSOCK, -EINVAL; -ETIMEDOUT;
 *         -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_accept(int fd, struct sockaddr *addr, socklen_t *len, int64_t deadline);

/**
 * Shuts a connection down as shutdown(2).
 *
 * @param fd   a connected socket
 * @param how  SHUT_RD, SHUT_WR or SHUT_RDWR
 * @return 0; what shutdown(2) gives, such as -EBADF, -EINVAL, -ENOTCONN, -ENOTSOCK
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_shutdown(int fd, int how);

/**
 * Closes a descriptor as close(2). Green threads that wait on it, on whatever hub, get -EBADF, and
 * nothing that is known of it is taken for the next descriptor of its number.
 *
 * @param fd  any descriptor
 * @return 0; -EBADF if it is not open; what close(2) gives, such as -EIO, with the descriptor closed
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_close(int fd);

/*
 * ==== stream ====
 *
 * Bytes and messages in and out.
 *
 * recv(2), send(2), read(2) and their kin, with a deadline. gh_recv() and gh_send_all() are what
 * most programs need: the first gives what has come, the second sends all of it or fails.
 * gh_recv_exact() is for records of known length, gh_read() and gh_write() are for pipes and
 * terminals, the message calls for addresses and passed descriptors, gh_sendfile() for files.
 *
 * 0 is the end of the stream, not an error. A deadline bounds one call, so give a conversation a
 * deadline of its own. After -ETIMEDOUT from gh_send_all() part may have been sent: close the
 * connection, or go on behind the bytes that it counted. One green thread may read while another
 * writes; two that write at once mix their bytes. Regular files make the OS thread wait for the
 * disk: gh_file_read() and its kin do not.
 */

/**
 * Receives as recv(2): at least one byte, or the end.
 *
 * @param fd        a socket, in blocking mode or not
 * @param buf       (out) what was received
 * @param len       bytes of room at buf
 * @param flags     as for recv(2). MSG_DONTWAIT gives -EAGAIN instead of waiting, MSG_WAITALL waits
 *                  for len bytes of a stream; gh_recvfrom() and gh_recvmsg() do not
 * @param deadline  how long to wait
 * @return the bytes received, 0 at the end of the stream; what recv(2) gives, such as -ECONNRESET,
 *         -ENOTCONN, -EBADF, -ENOTSOCK; -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN;
 *         -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_recv(int fd, void *buf, size_t len, int flags, int64_t deadline);

/**
 * Sends as send(2), possibly less than everything; gh_send_all() sends everything. SIGPIPE is never
 * raised.
 *
 * @param fd        a connected socket, in blocking mode or not
 * @param buf       (borrow) what to send
 * @param len       its length in bytes
 * @param flags     as for send(2). MSG_DONTWAIT gives -EAGAIN instead of waiting
 * @param deadline  how long to wait for room
 * @return the bytes taken; what send(2) gives, such as -EPIPE, -ECONNRESET, -EBADF, -ENOTSOCK;
 *         -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_send(int fd, const void *buf, size_t len, int flags, int64_t deadline);

/**
 * Receives as recvfrom(2).
 *
 * @param fd        a socket, in blocking mode or not
 * @param buf       (out) what was received
 * @param len       bytes of room at buf
 * @param flags     as for recvfrom(2)
 * @param addr      (out) the sender's address; may be NULL
 * @param addrlen   (out) in: the room at addr, out: the address's length; NULL if addr is
 * @param deadline  how long to wait
 * @return the bytes received; what recvfrom(2) gives, such as -ECONNREFUSED, -EBADF, -ENOTSOCK;
 *         -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_recvfrom(int fd,
                    void *buf,
                    size_t len,
                    int flags,
                    struct sockaddr *addr,
                    socklen_t *addrlen,
                    int64_t deadline);

/**
 * Sends as sendto(2). SIGPIPE is never raised.
 *
 * @param fd        a socket, in blocking mode or not
 * @param buf       (borrow) what to send
 * @param len       its length in bytes
 * @param flags     as for sendto(2)
 * @param addr      (borrow) whom to send it to; NULL for the connected peer
 * @param addrlen   its length in bytes
 * @param deadline  how long to wait for room
 * @return the bytes taken; what sendto(2) gives, such as -EMSGSIZE, -EDESTADDRREQ, -EBADF, -ENOTSOCK;
 *         -EINVAL for NULL or a length beyond SSIZE_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_sendto(int fd,
                  const void *buf,
                  size_t len,
                  int flags,
                  const struct sockaddr *addr,
                  socklen_t addrlen,
                  int64_t deadline);

/**
 * Receives a message as recvmsg(2), passed descriptors included.
 *
 * @param fd        a socket, in blocking mode or not
 * @param msg       (borrow) where to put it; its lengths and flags are updated on success
 * @param flags     as for recvmsg(2)
 * @param deadline  how long to wait
 * @return the bytes received, 0 at the end of a stream; what recvmsg(2) gives, such as -EMSGSIZE,
 *         -EBADF, -ENOTSOCK; -EINVAL for NULL; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a
 *         callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_recvmsg(int fd, struct msghdr *msg, int flags, int64_t deadline);

/**
 * Sends a message as sendmsg(2), descriptors included. SIGPIPE is never raised.
 *
 * @param fd        a socket, in blocking mode or not
 * @param msg       (borrow) what to send
 * @param flags     as for sendmsg(2)
 * @param deadline  how long to wait for room
 * @return the bytes taken; what sendmsg(2) gives, such as -EPIPE, -EMSGSIZE, -EBADF, -ENOTSOCK;
 *         -EINVAL for NULL; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_sendmsg(int fd, const struct msghdr *msg, int flags, int64_t deadline);

/**
 * Reads as read(2), from a socket, a pipe, a terminal or whatever can be polled. A descriptor that is
 * no socket and in blocking mode is polled before it is read; its mode may be shared with other
 * processes and is left alone. A regular file is read at once: the OS thread waits for the disk.
 *
 * @param fd        any descriptor
 * @param buf       (out) what was read
 * @param len       bytes of room at buf
 * @param deadline  how long to wait
 * @return the bytes read, 0 at the end; what read(2) gives, such as -EIO, -EISDIR, -EBADF; -EINVAL
 *         for NULL or a length beyond SSIZE_MAX; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_read(int fd,
                void *buf,
                size_t len,
                int64_t deadline);

/**
 * Writes as write(2), possibly less than everything: to a pipe or terminal in blocking mode at most
 * 4096 bytes. SIGPIPE is never raised. For modes and files see gh_read().
 *
 * @param fd        any descriptor
 * @param buf       (borrow) what to write
 * @param len       its length in bytes
 * @param deadline  how long to wait for room
 * @return the bytes taken; what write(2) gives, such as -EPIPE, -ENOSPC, -EBADF; -EINVAL for NULL or
 *         a length beyond SSIZE_MAX; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_write(int fd,
                 const void *buf,
                 size_t len,
                 int64_t deadline);

/**
 * Reads into several buffers as readv(2). For modes and files see gh_read().
 *
 * @param fd        any descriptor
 * @param iov       (borrow) the buffers
 * @param count     how many there are, at most 1024
 * @param deadline  how long to wait
 * @return the bytes read, 0 at the end; what readv(2) gives, such as -EIO, -EBADF; -EINVAL for NULL
 *         or a count out of range; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_readv(int fd, const struct iovec *iov, int count, int64_t deadline);

/**
 * Writes from several buffers as writev(2), possibly less than everything. For modes and files see
 * gh_write().
 *
 * @param fd        any descriptor
 * @param iov       (borrow) the buffers
 * @param count     how many there are, at most 1024
 * @param deadline  how long to wait for room
 * @return the bytes taken; what writev(2) gives, such as -EPIPE, -EBADF; -EINVAL for NULL or a count
 *         out of range; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_writev(int fd,
                  const struct iovec *iov,
                  int count,
                  int64_t deadline);

/**
 * Sends a whole buffer over a stream. SIGPIPE is never raised. Two green threads that send on one
 * descriptor at once may interleave.
 *
 * @param fd        a connected stream socket, in blocking mode or not
 * @param buf       (borrow) what to send
 * @param len       its length in bytes
 * @param flags     as for send(2)
 * @param sent      (out) the bytes taken, also after a failure; may be NULL
 * @param deadline  how long to wait, over all
 * @return len; what gh_send() gives, with part of the buffer sent: -EPIPE, -ECONNRESET, -EBADF,
 *         -ENOTSOCK, -EINVAL, -EAGAIN, -ETIMEDOUT, -ECANCELED, GH_ENOTGREEN
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_send_all(int fd, const void *buf, size_t len, int flags, size_t *sent, int64_t deadline);

/**
 * Receives exactly as many bytes as asked for, or what comes before the end of the stream; from a
 * socket that keeps messages apart, one message.
 *
 * @param fd        a connected stream socket, in blocking mode or not
 * @param buf       (out) what was received, also after a failure
 * @param len       how many bytes
 * @param flags     as for recv(2), but for MSG_PEEK, MSG_TRUNC, MSG_OOB and MSG_ERRQUEUE, which
 *                  give -EINVAL
 * @param received  (out) the bytes received, also after a failure; may be NULL
 * @param deadline  how long to wait, over all
 * @return len, or less at the end of the stream; what gh_recv() gives, with part of the buffer
 *         filled: -ECONNRESET, -ENOTCONN, -EBADF, -ENOTSOCK, -EINVAL, -EAGAIN, -ETIMEDOUT,
 *         -ECANCELED, GH_ENOTGREEN
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_recv_exact(int fd, void *buf, size_t len, int flags, size_t *received, int64_t deadline);

/**
 * Sends from a file as sendfile(2), possibly less than everything. SIGPIPE is never raised. The OS
 * thread waits for the disk where the file is not in memory.
 *
 * @param out_fd    where to send; a socket is put into non-blocking mode
 * @param in_fd     a file that mmap(2) takes
 * @param offset    (out) in: where to begin, out: behind the last byte sent; NULL for the file's own
 *                  position
 * @param count     how many bytes
 * @param deadline  how long to wait for room
 * @return the bytes sent, 0 at the end of the file; what sendfile(2) gives, such as -EPIPE, -EBADF;
 *         -EINVAL for files it does not take or a count beyond SSIZE_MAX; -ETIMEDOUT; -ECANCELED;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
ssize_t gh_sendfile(int out_fd,
                    int in_fd,
                    int64_t *offset,
                    size_t count,
                    int64_t deadline);

/*
 * ==== datagram ====
 *
 * Several messages at once.
 *
 * For sockets of datagrams that are busy enough for the system call to matter: one gh_recvmmsg()
 * takes all the messages that are there, one gh_sendmmsg() sends a whole array. Both wait for the
 * first message only, then take what needs no wait, and give the number. gh_recvmsg() and
 * gh_sendmsg() are enough for one message.
 *
 * The arrays are those of recvmmsg(2), which a C compiler declares with _GNU_SOURCE. Each message
 * is truncated on its own: look at msg_flags. Set msg_namelen and msg_controllen anew before each
 * call. Descriptors that arrive in control data are the caller's, to close with gh_close().
 */

/**
 * Receives several messages as recvmmsg(2) does with MSG_WAITFORONE: waits for the first, then takes
 * as many as are there, passed descriptors included.
 *
 * @param fd        a socket, in blocking mode or not
 * @param msgs      (borrow) where to put them; lengths and flags are updated in as many as the
 *                  result says, MSG_TRUNC in msg_flags for a message that was cut
 * @param vlen      how many there is room for; more than 1024 are not received at once. With 0
 *                  nothing is waited for
 * @param flags     as for recvmmsg(2)
 * @param deadline  how long to wait for the first
 * @return how many messages were received, at the end of a stream empty ones; what recvmmsg(2) gives
 *         when that is none, such as -ECONNREFUSED, -EBADF, -ENOTSOCK, -EFAULT; -EINVAL for NULL or
 *         a vlen beyond INT_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_recvmmsg(int fd,
                struct mmsghdr *msgs,
                unsigned int vlen,
                int flags,
                int64_t deadline);

/**
 * Sends several messages as sendmmsg(2), descriptors included: waits until the first can be sent, then
 * sends as many as there is room for. SIGPIPE is never raised.
 *
 * @param fd        a socket, in blocking mode or not
 * @param msgs      (borrow) what to send; msg_len tells the bytes taken of each that was sent
 * @param vlen      how many there are; more than 1024 are not sent at once. With 0 nothing is waited
 *                  for
 * @param flags     as for sendmmsg(2)
 * @param deadline  how long to wait for room for the first
 * @return how many messages were sent, the others being for the next call; what sendmmsg(2) gives
 *         when that is none, such as -EPIPE, -EMSGSIZE, -ECONNREFUSED, -EBADF, -ENOTSOCK, -EFAULT;
 *         -EINVAL for NULL or a vlen beyond INT_MAX; -EAGAIN; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN
 *         in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_sendmmsg(int fd,
                struct mmsghdr *msgs,
                unsigned int vlen,
                int flags,
                int64_t deadline);

/*
 * ==== endpoint ====
 *
 * The short ways in: a listening, connected or bound socket in one call.
 *
 * A server begins with gh_tcp_listen() or gh_unix_listen() and calls gh_accept() in a loop, with a
 * gh_spawn() for each connection; a client begins with gh_tcp_connect() or gh_unix_connect();
 * datagrams with gh_udp_bind(). What they give is a plain descriptor: setsockopt(2) and
 * getsockname(2) work on it, and the latter tells the port if 0 was asked for.
 *
 * gh_tcp_connect() takes names and numeric addresses, the others numeric ones only. NULL listens on
 * every address of the machine, which is rarely meant in tests: say "127.0.0.1". The results are
 * the caller's to close, with gh_close().
 */

/**
 * Makes a TCP socket that listens, with SO_REUSEADDR.
 *
 * @param host     (borrow) a numeric IPv4 or IPv6 address, "fe80::1%eth0" included; NULL for every
 *                 address of the machine
 * @param port     0 to 65535; 0 lets the kernel choose (getsockname(2) tells)
 * @param backlog  connections that may wait to be accepted; 0 for the system's usual number
 * @return (own) the descriptor, for gh_close(); -EINVAL for a host that is no numeric address, or a
 *         number out of range; what bind(2) gives, such as -EADDRINUSE, -EACCES, -EADDRNOTAVAIL;
 *         -EMFILE
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_tcp_listen(const char *host, int port, int backlog);

/**
 * Makes a TCP connection, to a host by its address or its name.
 *
 * A name is looked up as gh_getaddrinfo() does. Its addresses are raced as RFC 8305 says: they are tried
 * in the resolver's order with the families in turn, each 250 ms after the one before or as soon as one
 * has failed; the first to answer stays, the others are closed.
 *
 * @param host      (borrow) a numeric IPv4 or IPv6 address, "fe80::1%eth0" included, or a name
 * @param port      0 to 65535
 * @param deadline  how long to wait, for the resolver and for all addresses together
 * @return (own) the descriptor, for gh_close(); -EINVAL for NULL, a port out of range or a host that is
 *         neither a numeric address nor can be a name; what gh_getaddrinfo() gives, such as
 *         GH_EAI_NONAME, GH_EAI_AGAIN; what connect(2) gives for the first address that fails when all
 *         do, such as -ECONNREFUSED, -ENETUNREACH; -EMFILE; -ETIMEDOUT; -ECANCELED; GH_ENOTGREEN in a
 *         callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_tcp_connect(const char *host,
                   int port,
                   int64_t deadline);

/**
 * Makes a Unix stream socket that listens. A file of that name must not exist yet.
 *
 * @param path     (borrow) at most 107 bytes
 * @param backlog  connections that may wait to be accepted; 0 for the system's usual number
 * @return (own) the descriptor, for gh_close(); the file stays and is the caller's to unlink; -EINVAL
 *         for NULL, an empty path or a negative backlog; -ENAMETOOLONG; what bind(2) gives, such as
 *         -EADDRINUSE, -ENOENT, -EACCES; -EMFILE
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_unix_listen(const char *path,
                   int backlog);

/**
 * Makes a Unix stream connection.
 *
 * @param path      (borrow) at most 107 bytes
 * @param deadline  how long to wait, for room in the listener's backlog too
 * @return (own) the descriptor, for gh_close(); -EINVAL for NULL or an empty path; -ENAMETOOLONG; what
 *         connect(2) gives, such as -ECONNREFUSED, -ENOENT, -EACCES; -EMFILE; -ETIMEDOUT; -ECANCELED;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_unix_connect(const char *path,
                    int64_t deadline);

/**
 * Makes a UDP socket bound to an address.
 *
 * @param host  (borrow) a numeric IPv4 or IPv6 address, "fe80::1%eth0" included; NULL for every
 *              address of the machine
 * @param port  0 to 65535; 0 lets the kernel choose (getsockname(2) tells)
 * @return (own) the descriptor, for gh_close(); -EINVAL for a host that is no numeric address, or a
 *         port out of range; what bind(2) gives, such as -EADDRINUSE, -EACCES, -EADDRNOTAVAIL; -EMFILE
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_udp_bind(const char *host,
                int port);

/*
 * ==== group ====
 *
 * Many cores.
 *
 * A hub uses one core. A group is several hubs, by default as many as there are cores, each on an
 * OS thread that the group starts, runs and ends. Begin with gh_group_new(). gh_group_serve()
 * serves a TCP port on all of them; gh_group_spawn() makes green threads on them in turn,
 * gh_spawn_on() with gh_group_hub() on a chosen one; gh_join(), channels and locks work across.
 * gh_group_free() cancels whoever is left and waits for all.
 *
 * A green thread stays on its hub. Green threads of different hubs do run at the same time: what
 * they share needs a lock, a channel or an atomic, also a mere counter. Mistakes: to start a group
 * where one hub is not busy, since each message between hubs costs more than one within; to give
 * gh_group_free() GH_NEVER while an entry ignores -ECANCELED.
 */

/**
 * A number of hubs, each on an OS thread of its own. An opaque handle, never to be dereferenced.
 */
typedef struct gh_group gh_group;

/**
 * How a group is to be. Zero in a member means the default.
 */
typedef struct gh_group_options {
    /**
     * sizeof(gh_group_options), set by the caller.
     */
    size_t size;
    /**
     * How many hubs, at most 1024. Default: as many as the process may use cores.
     */
    uint32_t hubs;
    /**
     * Must be 0.
     */
    uint32_t reserved;
    /**
     * (borrow) How each hub is to be. Default: as by gh_hub_new() without options.
     */
    const struct gh_hub_options *hub;
} gh_group_options;

/**
 * What gh_group_serve() calls for each connection, on a green thread of its own. The descriptor is its
 * to close, with gh_close(). It must return: not throw, not longjmp out.
 */
typedef void (*gh_service)(int fd, void *arg);

/**
 * Starts a group: an OS thread for each hub, which runs it until gh_group_free().
 *
 * @param group    (out, own) the group; gh_group_free() frees it
 * @param options  (borrow) how it is to be; NULL for the defaults
 * @return 0; -EINVAL for NULL, more than 1024 hubs, or options of the hubs that are none; -E2BIG if a
 *         struct is longer than the library knows and not zero there; what gh_hub_new() gives; -EAGAIN
 *         if the system has no OS thread left
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_group_new(struct gh_group **group,
                 const struct gh_group_options *options);

/**
 * Cancels all green threads of a group, runs them until they have ended, and frees its hubs and their
 * OS threads.
 *
 * @param group     (take) what gh_group_new() made; it is kept after a failure
 * @param deadline  how long the green threads may take
 * @return 0; -EBUSY if some have not ended: hubs without any are gone then, and it can be tried again;
 *         -EINVAL for NULL, or a group that was freed; -EDEADLK on a green thread of the group;
 *         -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_group_free(struct gh_group *group,
                  int64_t deadline);

/**
 * Tells how many hubs a group has.
 *
 * @param group  (borrow) what gh_group_new() made
 * @return the number; -EINVAL for NULL, or a group that was freed
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_group_len(struct gh_group *group);

/**
 * Gives one of the hubs of a group, for gh_spawn_on() and gh_post().
 *
 * @param group  (borrow) what gh_group_new() made
 * @param index  from 0 on
 * @return (borrow) the hub, which is the group's to free; NULL if there is none
 * @thread any
 * @suspends no
 * @since 0.1
 */
struct gh_hub *gh_group_hub(struct gh_group *group, size_t index);

/**
 * Makes a green thread on one of the hubs of a group, taking turns.
 *
 * @param group     (borrow) what gh_group_new() made
 * @param thread    (out) its id, for gh_join() or gh_detach(); NULL detaches it, and does not wait: if
 *                  the hub has no memory for it then, it is never run
 * @param options   (borrow) how it is to be; NULL for the defaults
 * @param entry     what it runs
 * @param arg       (keep) passed to the entry; never touched
 * @param deadline  how long to wait; after a failure it is not made
 * @return 0; what gh_spawn_on() gives; -EINVAL also for NULL, or a group that was freed
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_group_spawn(struct gh_group *group,
                   gh_thread *thread,
                   const struct gh_spawn_options *options,
                   gh_entry entry,
                   void *arg,
                   int64_t deadline);

/**
 * Serves a TCP port on all hubs of a group: each has a listener of its own (SO_REUSEPORT), and a green
 * thread for each connection that the kernel gives it. Until gh_group_free().
 *
 * @param group     (borrow) what gh_group_new() made
 * @param host      (borrow) a numeric IPv4 or IPv6 address; NULL for every address of the machine
 * @param port      0 to 65535; 0 lets the kernel choose
 * @param backlog   connections that may wait to be accepted, per hub; 0 for the system's usual number
 * @param service   what is called for each connection
 * @param arg       (keep) passed to it; never touched
 * @param deadline  how long to wait until all hubs serve; after a failure none does
 * @return the port; what gh_tcp_listen() and gh_spawn_on() give; -EINVAL also for NULL, or a group that
 *         was freed
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_group_serve(struct gh_group *group,
                   const char *host,
                   int port,
                   int backlog,
                   gh_service service,
                   void *arg,
                   int64_t deadline);

/*
 * ==== process ====
 *
 * Child processes.
 *
 * A program beside this one: started without a fork of one's own, its pipes served like any other
 * descriptors, its end waited for without blocking the hub. Begin with gh_spawn_process(), which
 * tells why a program could not be started instead of ending a child with status 127. Talk through
 * the pipes with gh_read() and gh_write(), close them with gh_close(), and collect the child with
 * gh_waitpid(): one that nobody collects stays as a zombie.
 *
 * A child gets the three descriptors it is told of and no others. Who reads all of its output
 * before it has written all of its input, or the other way round, can wait for ever: give each
 * pipe a green thread. fork(2) itself may be called too: the green thread that forks goes on in
 * the child, alone.
 */

/**
 * A child has what the caller has there: the same descriptor, or none if the caller's is closed.
 */
#define GH_STDIO_INHERIT 0

/**
 * A child has /dev/null there.
 */
#define GH_STDIO_NULL 1

/**
 * A child has one end of a new pipe there, and the caller gets the other one.
 */
#define GH_STDIO_PIPE 2

/**
 * A child has a duplicate of gh_process_options.descriptors there, in the mode in which that is.
 */
#define GH_STDIO_DESCRIPTOR 3

/**
 * For standard error: where standard output goes.
 */
#define GH_STDIO_OUTPUT 4

/**
 * Make a child the leader of a process group of its own.
 */
#define GH_PROCESS_GROUP 1

/**
 * Make a child the leader of a session of its own, and of its process group.
 */
#define GH_PROCESS_SESSION 2

/**
 * How a child process is to be. Zero in a member means the default.
 */
typedef struct gh_process_options {
    /**
     * sizeof(gh_process_options), set by the caller.
     */
    size_t size;
    /**
     * (borrow) Its environment, ended by NULL. Default: the caller's.
     */
    char *const *envp;
    /**
     * (borrow) Where it starts. Default: where the caller is.
     */
    const char *directory;
    /**
     * What its standard input, output and error are: one of GH_STDIO_* each. Default:
     * GH_STDIO_INHERIT.
     */
    uint32_t standard[3];
    /**
     * (borrow) Which descriptors, for GH_STDIO_DESCRIPTOR; not read for others. The child's is a
     * duplicate.
     */
    int descriptors[3];
    /**
     * 0, GH_PROCESS_GROUP or GH_PROCESS_SESSION, or both.
     */
    uint32_t flags;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} gh_process_options;

/**
 * Starts a program in a child process, as posix_spawnp(3). The child has standard input, output and
 * error and no other descriptor of the caller's; no signal is held back there, and SIGPIPE has its
 * default action. The calling OS thread stands still until the program is loaded. Collect the child
 * with gh_waitpid().
 *
 * @param argv     (borrow) the program and its arguments, ended by NULL. A name without a slash is
 *                 looked for in the caller's PATH. A relative path starts from the child's directory
 * @param options  (borrow) how the child is to be; NULL for the defaults
 * @param pipes    (out, own) three descriptors, for gh_close(): the caller's ends of the pipes to the
 *                 child's standard input and from its output and error, non-blocking and closed on exec;
 *                 -1 where there is no pipe. May be NULL if no GH_STDIO_PIPE is asked for
 * @return the child's process id, above 0; -EINVAL for no argv or no program in it, NULL for pipes that
 *         are asked for, or an unknown number in the options; -E2BIG if the struct is longer than the
 *         library knows and not zero there, or the arguments are longer than the kernel takes; -EBADF
 *         for a descriptor that is not open; what execve(2) and chdir(2) give, such as -ENOENT,
 *         -EACCES, -ENOEXEC, -ENOTDIR; what fork(2) gives, such as -EAGAIN, -ENOMEM; -EMFILE; -ENFILE;
 *         -ENOTSUP with a C library that cannot close a child's descriptors (glibc before 2.34)
 * @thread any
 * @suspends no
 * @since 0.1
 */
pid_t gh_spawn_process(char *const *argv,
                       const struct gh_process_options *options,
                       int *pipes);

/**
 * Waits until a child process has ended, and collects it, as waitpid(2). Of several that wait for the
 * same child one collects it, and the others get -ECHILD.
 *
 * One child is waited for by a pidfd. For several (a pid of 0 or below), for want of a descriptor, and
 * before Linux 5.3, the kernel is asked again and again, after pauses of 1 to 32 ms: the result may be
 * late by that. SIGCHLD is not used.
 *
 * @param pid       the child; -1 for any, 0 for any of the caller's process group, below -1 for any of
 *                  the group -pid
 * @param status    (out) how it ended, for WIFEXITED() and its kin; may be NULL
 * @param options   0, or WNOHANG to try once
 * @param deadline  how long to wait; the child can still be waited for after a failure
 * @return the id of the child that has ended; 0 with WNOHANG if none has; -ECHILD if there is no such
 *         child (any more); -EINVAL for other options; -ETIMEDOUT; -ECANCELED; -ENOMEM; -ENOSPC;
 *         GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
pid_t gh_waitpid(pid_t pid,
                 int *status,
                 int options,
                 int64_t deadline);

/*
 * ==== signal ====
 *
 * Signals as results.
 *
 * A signal that is waited for like anything else, instead of interrupting whatever runs. Block the
 * signals with pthread_sigmask(3) first thing in main(), so that every OS thread holds them back;
 * one that is not blocked still does what its handler says. Then call gh_signal_wait() in a green
 * thread of its own, in a loop.
 *
 * Several green threads may wait for different signals; each occurrence goes to one of them. A
 * handler of the old kind may still call gh_post() and gh_hub_stop(), which are safe there.
 */

/**
 * What a signal brought with it, as sigaction(2) describes it for siginfo_t. Zero where it brought
 * nothing of the kind.
 */
typedef struct gh_signal_info {
    /**
     * The signal.
     */
    int signal;
    /**
     * Why it was sent (si_code).
     */
    int code;
    /**
     * Who sent it, or which child has changed.
     */
    pid_t pid;
    /**
     * The user of that process.
     */
    uint32_t uid;
    /**
     * How the child has changed, of a SIGCHLD.
     */
    int status;
    /**
     * How often a timer of timer_create(2) has overrun.
     */
    uint32_t overrun;
    /**
     * The value that sigqueue(3) sent, as a pointer's bits; an int is in its lower half.
     */
    uint64_t value;
} gh_signal_info;

/**
 * Waits for one of several signals and takes it, as sigwaitinfo(2). Hold the signals back first, by
 * pthread_sigmask(3) before any other OS thread is made: one that some OS thread does not hold back may
 * be delivered there instead. Signals sent to the process are taken, and those sent to the calling OS
 * thread. Of several green threads that wait for the same signal, one takes it.
 *
 * @param signals   (borrow) the signals' numbers. SIGKILL and SIGSTOP never come
 * @param count     how many there are, 1 to 64
 * @param info      (out) what the signal brought with it; may be NULL
 * @param size      sizeof(gh_signal_info); not read for NULL
 * @param deadline  how long to wait; a signal that comes later stays pending
 * @return the signal; -EINVAL for NULL, a count out of range, a number that is no signal's, or a size
 *         of 0; -E2BIG for a size beyond 4096; -EMFILE; -ENFILE; -ENOMEM; -ENOSPC; -ETIMEDOUT;
 *         -ECANCELED; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends yes
 * @since 0.1
 */
int gh_signal_wait(const int *signals,
                   size_t count,
                   struct gh_signal_info *info,
                   size_t size,
                   int64_t deadline);

/*
 * ==== patch ====
 *
 * Libraries that nobody changed, made cooperative.
 *
 * gh_patch() exchanges libc's blocking functions in the link tables of the running process, so that
 * a database driver or an HTTP client that calls poll(2) or recv(2) suspends its green thread and
 * lets the others run. Call it once, after start-up, with GH_PATCH_ALL or the families that you
 * want; gh_unpatch() gives everything back, and gh_patch_info() tells what is exchanged.
 *
 * A hooked function acts for green threads and roots of a hub. On every other OS thread, in
 * a callback and between gh_patch_pause() and gh_patch_resume() it is libc's own. It gives what
 * libc's gives; what a cancelled green thread would wait for fails with ECANCELED. What cannot be
 * hooked stands in docs/patching.md, with the way out: mostly gh_offload().
 */

/**
 * sleep, usleep, nanosleep, clock_nanosleep.
 */
#define GH_PATCH_SLEEP 1

/**
 * poll, select, epoll_wait and their like.
 */
#define GH_PATCH_WAIT 2

/**
 * read, write, recv, send and their like.
 */
#define GH_PATCH_STREAM 4

/**
 * connect and accept, and what must be known of a descriptor: close, dup, fcntl, ioctl.
 */
#define GH_PATCH_CONNECTION 8

/**
 * waitpid and its like, system, pclose.
 */
#define GH_PATCH_PROCESS 16

/**
 * POSIX semaphores. Mutexes and conditions of pthreads are never hooked.
 */
#define GH_PATCH_LOCKS 32

/**
 * getaddrinfo, getnameinfo, gethostbyname and their like.
 */
#define GH_PATCH_NAMES 64

/**
 * dlopen, so that what is loaded later is patched too.
 */
#define GH_PATCH_LOADING 128

/**
 * All of them.
 */
#define GH_PATCH_ALL 255

/**
 * What gh_patch_info() tells: the slots of one object that lead to the hook of one function.
 */
typedef struct gh_patched {
    /**
     * sizeof(gh_patched), set by the library.
     */
    size_t size;
    /**
     * The path of the object, as the loader has it; good during the call.
     */
    const char *module;
    /**
     * The function; good for ever.
     */
    const char *function;
    /**
     * Slots in that object.
     */
    size_t slots;
    /**
     * The families to which the function belongs, as in GH_PATCH_ALL.
     */
    uint32_t families;
    /**
     * 0.
     */
    uint32_t reserved;
} gh_patched;

/**
 * Sees one line of gh_patch_info(). Anything but 0 ends it.
 */
typedef int (*gh_patch_visitor)(const struct gh_patched *patched, void *arg);

/**
 * Has libc's blocking functions suspend the calling green thread, in every object of the process that is
 * loaded, and with GH_PATCH_LOADING in those that are loaded later. May be repeated, with other families
 * too: what is patched stays so. Other OS threads may run meanwhile. Never touched are this library,
 * libc, the loader, and a shared object that brings the process's malloc.
 *
 * @param families  GH_PATCH_ALL, or some of its bits
 * @return the number of slots that were exchanged by this call, 0 if all were so before; -EINVAL for no
 *         family or unknown bits; -ENOTSUP in a program that is linked statically, and on a machine
 *         other than x86-64 and aarch64; -ENOMEM; -EACCES
 *         where the system forbids it to change a page of a link table
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_patch(uint32_t families);

/**
 * Gives every slot its original function back, also those of gh_patch_module(). Green threads that wait
 * inside a hooked function go on, and come back from it as from libc's.
 *
 * @return the number of slots that were given back; -ENOTSUP, -ENOMEM, -EACCES as gh_patch()
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_unpatch(void);

/**
 * Patches one object only.
 *
 * @param path      (borrow) the object's path as the loader has it, or the last part of that; empty for
 *                  the program itself; NULL to give a handle instead
 * @param handle    (borrow) an open handle of dlopen(3); NULL to give a path instead
 * @param families  as for gh_patch()
 * @return the number of slots that were exchanged; -EINVAL for both or neither of path and handle, for
 *         no family or unknown bits; -ENOENT if no such object is loaded, or it is one that is never
 *         touched; -ENOTSUP, -ENOMEM, -EACCES as gh_patch()
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_patch_module(const char *path,
                    void *handle,
                    uint32_t families);

/**
 * Tells what is patched, object by object and function by function, as of now.
 *
 * @param visitor  called for each, with nothing locked; NULL only to count
 * @param arg      (borrow) passed to it
 * @return the number of slots of all objects together; what visitor has returned, if not 0
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_patch_info(gh_patch_visitor visitor, void *arg);

/**
 * Has hooked functions be libc's own for the calling green thread, until as many gh_patch_resume(). On an OS
 * thread without a hub they are so anyway, and both functions do nothing.
 *
 * @return 0; -EOVERFLOW at the 256th; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_patch_pause(void);

/**
 * Takes one gh_patch_pause() of the calling green thread back.
 *
 * @return 0; -EPERM if there is none; GH_ENOTGREEN in a callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_patch_resume(void);

/*
 * ==== watchdog ====
 *
 * The watchdog.
 *
 * Finds what keeps an OS thread from its other green threads: a call that blocks although it
 * should not, a computation without end. gh_watchdog_start() starts one OS thread that looks at all
 * hubs of the process; it is off until then. Each stretch in which one green thread, or one
 * callback of a hub, keeps its OS thread beyond the limit is told once: by a callback, or in lines on
 * standard error that addr2line(1) understands. The root is told of only while something could run
 * if it did not keep its OS thread.
 *
 * The stack is taken by the OS thread itself, in the handler of a signal. Most system calls go on
 * behind it; those of which signal(7) says that they never do (nanosleep(2), poll(2), select(2),
 * epoll_wait(2) and their like) return EINTR, once per stretch. A green thread does not see that
 * in calls of this library. What the system does not let run counts as well: choose the limit well
 * above what a busy machine takes.
 */

/**
 * What gh_watchdog_start() tells of one stretch. All of it is there while the callback runs, and no longer.
 */
typedef struct gh_watchdog_report {
    /**
     * sizeof(gh_watchdog_report) in the library.
     */
    size_t size;
    /**
     * The hub that cannot go on.
     */
    struct gh_hub *hub;
    /**
     * Who keeps it; 0 for a callback of the hub.
     */
    gh_thread thread;
    /**
     * Its name; "root" for a root without one, "callback" for a callback, "" where there is none or only
     * the OS thread could tell.
     */
    const char *name;
    /**
     * For how long, in nanoseconds, at least: until now, and for the root since somebody waits.
     */
    int64_t kept;
    /**
     * The OS thread, as gettid(2) has it.
     */
    pid_t os_thread;
    /**
     * 0, or why there are no frames: -EBUSY for an OS thread that holds the signal back, -ETIMEDOUT for
     * one that did not take it within a second (the kernel keeps it), or the error of sending it.
     */
    int error;
    /**
     * The frames, innermost first, down to the green thread's entry: where it stands, then addresses to
     * return to, as backtrace(3) gives them.
     */
    void *const *frames;
    /**
     * How many there are, 64 at most.
     */
    size_t frame_count;
} gh_watchdog_report;

/**
 * Is told of a stretch, on the watchdog's OS thread. It may make calls of the library, but none of
 * gh_watchdog_start() and gh_watchdog_stop(); while it runs nobody is watched. It must not throw.
 */
typedef void (*gh_watchdog_callback)(const struct gh_watchdog_report *report, void *arg);

/**
 * How the watchdog is to be. Zero in a member means the default.
 */
typedef struct gh_watchdog_options {
    /**
     * sizeof(gh_watchdog_options), set by the caller.
     */
    size_t size;
    /**
     * Nanoseconds that a green thread may keep its OS thread: 1000000 or more. Default 100000000.
     */
    int64_t limit;
    /**
     * Who is told. Default: lines on standard error.
     */
    gh_watchdog_callback callback;
    /**
     * (keep) Passed to it; never touched.
     */
    void *arg;
    /**
     * The signal that asks an OS thread for its stack. One that the host has a handler for is passed on to
     * that, unless it is ours. Default SIGURG, which is ignored by default and which debuggers let pass.
     */
    int signal;
    /**
     * Must be 0.
     */
    uint32_t reserved;
} gh_watchdog_options;

/**
 * Starts the watchdog for all hubs of the process, those that are made later included. It looks four times
 * within the limit, at the cost of as many short sleeps, and its OS thread holds back all signals but those of
 * faults. The child of a fork has none, and may start its own.
 *
 * The handler of the signal stays installed after gh_watchdog_stop(), and passes on what is not ours.
 *
 * @param options  (borrow) how it is to be; NULL for the defaults
 * @return 0; -EALREADY if it runs; -EINVAL for a limit out of range, for a number that is no signal's, for
 *         SIGKILL, SIGSTOP and the signals of faults, for a reserved member that is not 0, and for a
 *         wrong size; -E2BIG for options of a newer version that this library does not know; -EBUSY if
 *         another handler was put over the watchdog's since an earlier start; -EAGAIN and -ENOMEM if there
 *         is no OS thread to be had
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_watchdog_start(const struct gh_watchdog_options *options);

/**
 * Stops the watchdog and waits for its OS thread, so that no callback runs any more. Nothing is done if it
 * does not run. While it waits, so do the green threads of the calling OS thread: a callback that runs must
 * not wait for one of them.
 *
 * @return 0; -EDEADLK in the watchdog's own callback
 * @thread any
 * @suspends no
 * @since 0.1
 */
int gh_watchdog_stop(void);

/*
 * ==== python ====
 *
 * Python.
 *
 * What the package greenhub stands on. CPython itself loads the library and calls gh_python_functions()
 * once, for builtin functions that are made at run time: nothing links to Python, and one library
 * serves every CPython from 3.8 on. Each green thread that they spawn has a thread state and a C stack of its
 * own, and whoever runs next on the OS thread gets the interpreter's lock without its being let go.
 *
 * Everything else of this header can be called through ctypes as it is: through ctypes.CDLL, which lets
 * go of the interpreter's lock, what suspends may be called in every green thread.
 */

/**
 * An object of Python's; PyObject is its own name for it.
 */
typedef struct gh_python_object gh_python_object;

/**
 * Makes the builtin functions of the calling interpreter. What they are stands in docs/python.md; they are the
 * package's own and may change with every version of it.
 *
 * @return a new dict of builtin functions by their names (own: a reference); NULL with a Python exception set
 *         if the interpreter is one that cannot be served, NULL without one for a caller that has
 *         not the lock, and in a process that runs no CPython from 3.8 on
 * @thread any, with the interpreter's lock held (ctypes.PyDLL)
 * @suspends no
 * @since 0.1
 */
struct gh_python_object *gh_python_functions(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GREENHUB_H */
