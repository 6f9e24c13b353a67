/* What every benchmark program needs: clocks, arguments, and failing loudly. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_MS INT64_C(1000000)

/* A benchmark that went wrong must not print a figure: say why on stderr and leave. */
static inline void bench_die(const char *what, int code)
{
    if (code < 0 && code > -4096)
        fprintf(stderr, "%s: %s\n", what, strerror(-code));
    else if (code != 0)
        fprintf(stderr, "%s (%d)\n", what, code);
    else
        fprintf(stderr, "%s\n", what);
    exit(1);
}

static inline void bench_check(int ok, const char *what)
{
    if (!ok)
        bench_die(what, errno ? -errno : 0);
}

static inline int64_t bench_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline int64_t bench_now(void)
{
    return bench_clock(CLOCK_MONOTONIC);
}

/* CPU time of the whole process, kernel side included. */
static inline int64_t bench_cpu(void)
{
    return bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline long bench_arg(int argc, char **argv, int index, const char *name)
{
    char *end;
    long value;

    if (index >= argc) {
        fprintf(stderr, "argument %d is missing: %s\n", index, name);
        exit(2);
    }
    value = strtol(argv[index], &end, 10);
    if (*end != '\0' || end == argv[index] || value < 0) {
        fprintf(stderr, "argument %d is not a count: %s = %s\n", index, name, argv[index]);
        exit(2);
    }
    return value;
}

static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

#endif
