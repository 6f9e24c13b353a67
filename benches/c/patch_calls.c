/* What a hooked call costs an OS thread that has no hub, over libc's own function.
 *
 * patch_calls CALLS BATCHES: prints one line of JSON, for each function the nanoseconds that a call through
 * the patched slot takes longer than one through a pointer that dlsym(3) gave: the median over pairs of
 * batches, neighbours in time. Calls that fail at once, or that the kernel answers at once: the less the
 * call does itself, the better the difference shows. */
#define _GNU_SOURCE
#include "bench.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <greenhub.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static sem_t gate;
static int quiet[2]; /* a socket pair on which nothing comes */
static int null, watched;
static char buffer[64];
static struct timespec wrong = {0, 1000000000};
static struct pollfd wish;

/* One definition for both ways: CALL names the function, or the pointer to it. */
#define FUNCTIONS                                                                                       \
    MEASURED(ssize_t, read, (int, void *, size_t), (null, buffer, sizeof buffer), 0)                    \
    MEASURED(ssize_t, write, (int, const void *, size_t), (null, buffer, sizeof buffer), 64)            \
    MEASURED(ssize_t, recv, (int, void *, size_t, int),                                                 \
             (quiet[0], buffer, sizeof buffer, MSG_DONTWAIT), -1)                                       \
    MEASURED(ssize_t, send, (int, const void *, size_t, int), (-1, buffer, sizeof buffer, 0), -1)       \
    MEASURED(int, poll, (struct pollfd *, nfds_t, int), (&wish, 1, 0), 0)                               \
    MEASURED(int, epoll_wait, (int, struct epoll_event *, int, int), (watched, &event, 1, 0), 0)        \
    MEASURED(int, connect, (int, const struct sockaddr *, socklen_t), (-1, &address, sizeof address), -1) \
    MEASURED(int, accept, (int, struct sockaddr *, socklen_t *), (-1, NULL, NULL), -1)                  \
    MEASURED(int, close, (int), (-1), -1)                                                               \
    MEASURED(int, fcntl, (int, int, ...), (quiet[0], F_GETFL), O_RDWR)                                  \
    MEASURED(int, sem_wait, (sem_t *), (&gate), 0)                                                      \
    MEASURED(pid_t, waitpid, (pid_t, int *, int), (-1, NULL, WNOHANG), -1)                              \
    MEASURED(int, nanosleep, (const struct timespec *, struct timespec *), (&wrong, NULL), -1)

static struct epoll_event event;
static struct sockaddr address;

/* A semaphore that is asked is given back: that call is not hooked, and both ways make it. */
static inline void give_back(const char *name)
{
    if (name[0] == 's' && name[1] == 'e' && name[2] == 'm')
        sem_post(&gate);
}

#define MEASURED(result, name, parameters, arguments, expected)                                         \
    static result(*volatile own_##name) parameters;                                                     \
    static int64_t through_slot_##name(long calls)                                                      \
    {                                                                                                   \
        int64_t begin = bench_now();                                                                    \
        long k, wrong_results = 0;                                                                      \
                                                                                                        \
        for (k = 0; k < calls; k++) {                                                                   \
            wrong_results += name arguments != (expected);                                              \
            give_back(#name);                                                                           \
        }                                                                                               \
        begin = bench_now() - begin;                                                                    \
        if (wrong_results)                                                                              \
            bench_die("hooked " #name " gives something else", 0);                                      \
        return begin;                                                                                   \
    }                                                                                                   \
    static int64_t through_pointer_##name(long calls)                                                   \
    {                                                                                                   \
        result(*own) parameters = own_##name;                                                           \
        int64_t begin = bench_now();                                                                    \
        long k, wrong_results = 0;                                                                      \
                                                                                                        \
        for (k = 0; k < calls; k++) {                                                                   \
            wrong_results += own arguments != (expected);                                               \
            give_back(#name);                                                                           \
        }                                                                                               \
        begin = bench_now() - begin;                                                                    \
        if (wrong_results)                                                                              \
            bench_die(#name " gives something else", 0);                                                \
        return begin;                                                                                   \
    }
FUNCTIONS
#undef MEASURED

struct function {
    const char *name;
    int64_t (*through_slot)(long calls);
    int64_t (*through_pointer)(long calls);
};

static const struct function functions[] = {
#define MEASURED(result, name, parameters, arguments, expected) \
    {#name, through_slot_##name, through_pointer_##name},
    FUNCTIONS
#undef MEASURED
};

#define COUNT (sizeof functions / sizeof functions[0])

static long calls, batches;
static int hooked[COUNT];
static double *differences;

static void look_up(void)
{
#define MEASURED(result, name, parameters, arguments, expected) \
    *(void **)(void *)&own_##name = dlsym(RTLD_DEFAULT, #name);  \
    bench_check(own_##name != NULL, #name);
    FUNCTIONS
#undef MEASURED
}

static int note(const gh_patched *patched, void *program)
{
    size_t k;

    for (k = 0; k < COUNT; k++)
        if (strcmp(patched->function, functions[k].name) == 0 && strcmp(patched->module, program) == 0)
            hooked[k] = 1;
    return 0;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double difference(const struct function *function)
{
    long k;

    function->through_slot(calls);
    function->through_pointer(calls);
    for (k = 0; k < batches; k++) {
        int64_t slot, pointer;

        /* Neither always comes first. */
        if (k % 2 == 0) {
            slot = function->through_slot(calls);
            pointer = function->through_pointer(calls);
        } else {
            pointer = function->through_pointer(calls);
            slot = function->through_slot(calls);
        }
        differences[k] = (double)(slot - pointer) / (double)calls;
    }
    qsort(differences, (size_t)batches, sizeof *differences, by_size);
    return differences[batches / 2];
}

/* The root of no hub, and no green thread. */
static void *measure(void *arg)
{
    size_t k;

    (void)arg;
    printf("{");
    for (k = 0; k < COUNT; k++)
        printf("%s\"%s\": %.3f", k ? ", " : "", functions[k].name, difference(&functions[k]));
    printf("}\n");
    return NULL;
}

int main(int argc, char **argv)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    pthread_t plain;
    size_t k;

    calls = bench_arg(argc, argv, 1, "CALLS");
    batches = bench_arg(argc, argv, 2, "BATCHES");
    bench_check(calls > 0 && batches > 0, "CALLS BATCHES");
    differences = calloc((size_t)batches, sizeof *differences);
    bench_check(differences != NULL, "calloc");
    bench_check(length > 0, "readlink");
    program[length] = '\0';
    bench_check(socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) == 0, "socketpair");
    bench_check((null = open("/dev/null", O_RDWR)) >= 0, "/dev/null");
    bench_check((watched = epoll_create1(0)) >= 0, "epoll_create1");
    bench_check(sem_init(&gate, 0, 1) == 0, "sem_init");
    wish.fd = quiet[0];
    wish.events = POLLIN;
    look_up();
    if (gh_patch(GH_PATCH_ALL) < 0)
        bench_die("gh_patch", gh_patch(GH_PATCH_ALL));
    gh_patch_info(note, program);
    for (k = 0; k < COUNT; k++)
        if (!hooked[k]) {
            fprintf(stderr, "%s: no hook stands in for it\n", functions[k].name);
            return 1;
        }
    errno = pthread_create(&plain, NULL, measure, NULL);
    bench_check(errno == 0, "pthread_create");
    errno = pthread_join(plain, NULL);
    bench_check(errno == 0, "pthread_join");
    return 0;
}
