/* Ours in the figures about the scheduler alone: yield, spawn and join, many outstanding.
 *
 * micro_green yield THREADS SWITCHES | spawn COUNT | outstanding COUNT ROUNDS
 * Each prints one line of JSON; micro_pthread does the same work on pthreads. */
#define _GNU_SOURCE
#include "bench.h"

#include <greenhub.h>

static struct {
    long threads, laps, finished;
    int64_t begin, end;
    gh_stats at_begin;
} ring;

static void stats(gh_stats *out)
{
    int error = gh_hub_stats(gh_hub_current(), out, sizeof *out);

    if (error < 0)
        bench_die("gh_hub_stats", error);
}

static void *yield_in_ring(void *arg)
{
    long lap;

    /* The first turn only starts everybody: at the second, all of them exist. */
    gh_yield();
    if (arg) {
        stats(&ring.at_begin);
        ring.begin = bench_now();
    }
    for (lap = 0; lap < ring.laps; lap++)
        gh_yield();
    if (++ring.finished == ring.threads)
        ring.end = bench_now();
    return NULL;
}

static gh_thread spawn(gh_entry entry, void *arg)
{
    gh_thread thread;
    int error = gh_spawn(&thread, NULL, entry, arg);

    if (error < 0)
        bench_die("gh_spawn", error);
    return thread;
}

static void join(gh_thread thread, void *expected)
{
    void *result = NULL;
    int error = gh_join(thread, &result, GH_NEVER);

    if (error < 0)
        bench_die("gh_join", error);
    if (result != expected)
        bench_die("gh_join gave another thread's result", 0);
}

static gh_thread *thread_table(long count)
{
    gh_thread *threads = calloc((size_t)count, sizeof *threads);

    bench_check(threads != NULL, "calloc");
    return threads;
}

static void measure_yield(long count, long switches)
{
    gh_thread *threads = thread_table(count);
    gh_stats after;
    uint64_t switched;
    long k;

    ring.threads = count;
    ring.laps = switches / count;
    for (k = 0; k < count; k++)
        threads[k] = spawn(yield_in_ring, k == 0 ? &ring : NULL);
    for (k = 0; k < count; k++)
        join(threads[k], NULL);
    stats(&after);
    switched = after.switches - ring.at_begin.switches;
    if (switched < (uint64_t)(ring.laps * count))
        bench_die("gh_yield came back without running another", (int)ring.laps);
    printf("{\"ns\": %.3f, \"switches\": %llu}\n",
           (double)(ring.end - ring.begin) / (double)(ring.laps * count),
           (unsigned long long)switched);
    free(threads);
}

static void *give_back(void *arg)
{
    return arg;
}

static void measure_spawn(long count)
{
    int64_t begin;
    long k;

    for (k = 0; k < count / 10; k++)
        join(spawn(give_back, &ring), &ring);
    begin = bench_now();
    for (k = 0; k < count; k++)
        join(spawn(give_back, &ring), &ring);
    printf("{\"ns\": %.2f}\n", (double)(bench_now() - begin) / (double)count);
}

static long waiting;

/* Suspended once in the middle, so that all of them are alive, on a stack each, at one time. */
static void *wait_for_the_others(void *arg)
{
    waiting++;
    gh_yield();
    return arg;
}

static void measure_outstanding(long count, long rounds)
{
    gh_thread *threads = thread_table(count);
    int64_t begin = 0;
    long round, k;

    /* Round 0 cuts the stacks and is not counted: a server reuses them. */
    for (round = 0; round <= rounds; round++) {
        if (round == 1)
            begin = bench_now();
        waiting = 0;
        for (k = 0; k < count; k++)
            threads[k] = spawn(wait_for_the_others, &threads[k]);
        gh_yield();
        if (waiting != count)
            bench_die("not all green threads were outstanding at one time", (int)waiting);
        for (k = 0; k < count; k++)
            join(threads[k], &threads[k]);
    }
    printf("{\"ns\": %.2f}\n", (double)(bench_now() - begin) / (double)(rounds * count));
    free(threads);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    if (strcmp(mode, "yield") == 0)
        measure_yield(bench_arg(argc, argv, 2, "THREADS"), bench_arg(argc, argv, 3, "SWITCHES"));
    else if (strcmp(mode, "spawn") == 0)
        measure_spawn(bench_arg(argc, argv, 2, "COUNT"));
    else if (strcmp(mode, "outstanding") == 0)
        measure_outstanding(bench_arg(argc, argv, 2, "COUNT"), bench_arg(argc, argv, 3, "ROUNDS"));
    else
        bench_die("yield, spawn or outstanding?", 0);
    return 0;
}
