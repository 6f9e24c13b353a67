/* The peer of the figures about the scheduler alone: the same work on pthreads of one core.
 *
 * micro_pthread yield THREADS SWITCHES | handoff SWITCHES | spawn COUNT | outstanding COUNT ROUNDS
 * The caller pins the process: what is measured is switching, not running in parallel. */
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>

static struct {
    long threads, laps;
    pthread_barrier_t started, finished;
} ring;

static long switches_so_far(void)
{
    struct rusage usage;

    bench_check(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
    return usage.ru_nvcsw + usage.ru_nivcsw;
}

static void must(int error, const char *what)
{
    if (error != 0)
        bench_die(what, -error);
}

static pthread_t spawn(void *(*entry)(void *), void *arg)
{
    pthread_t thread;

    must(pthread_create(&thread, NULL, entry, arg), "pthread_create");
    return thread;
}

static void join(pthread_t thread, void *expected)
{
    void *result;

    must(pthread_join(thread, &result), "pthread_join");
    errno = 0;
    bench_check(result == expected, "pthread_join gave another thread's result");
}

static pthread_t *thread_table(long count)
{
    pthread_t *threads = calloc((size_t)count, sizeof *threads);

    bench_check(threads != NULL, "calloc");
    return threads;
}

static void *yield_in_ring(void *arg)
{
    long lap;

    pthread_barrier_wait(&ring.started);
    for (lap = 0; lap < ring.laps; lap++)
        sched_yield();
    pthread_barrier_wait(&ring.finished);
    return arg;
}

static void measure_yield(long count, long switches)
{
    pthread_t *threads = thread_table(count);
    int64_t begin, end;
    long k, before;

    ring.laps = switches / count;
    must(pthread_barrier_init(&ring.started, NULL, (unsigned)count + 1), "pthread_barrier_init");
    must(pthread_barrier_init(&ring.finished, NULL, (unsigned)count + 1), "pthread_barrier_init");
    for (k = 0; k < count; k++)
        threads[k] = spawn(yield_in_ring, NULL);
    /* All of them run on this core: none gets far before the clock is read. */
    before = switches_so_far();
    begin = bench_now();
    pthread_barrier_wait(&ring.started);
    pthread_barrier_wait(&ring.finished);
    end = bench_now();
    printf("{\"ns\": %.3f, \"switches\": %ld}\n",
           (double)(end - begin) / (double)(ring.laps * count), switches_so_far() - before);
    for (k = 0; k < count; k++)
        join(threads[k], NULL);
    free(threads);
}

static sem_t turn[2];

static void *take_turns(void *arg)
{
    long lap, me = arg == &turn[1];

    for (lap = 0; lap < ring.laps; lap++) {
        while (sem_wait(&turn[me]) != 0)
            ;
        sem_post(&turn[!me]);
    }
    return arg;
}

static void measure_handoff(long switches)
{
    pthread_t threads[2];
    int64_t begin;
    int k;

    ring.laps = switches / 2;
    for (k = 0; k < 2; k++) {
        bench_check(sem_init(&turn[k], 0, 0) == 0, "sem_init");
        threads[k] = spawn(take_turns, &turn[k]);
    }
    begin = bench_now();
    sem_post(&turn[0]);
    for (k = 0; k < 2; k++)
        join(threads[k], &turn[k]);
    printf("{\"ns\": %.3f}\n", (double)(bench_now() - begin) / (double)(ring.laps * 2));
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

static pthread_rwlock_t gate = PTHREAD_RWLOCK_INITIALIZER;

static void *wait_for_the_others(void *arg)
{
    pthread_rwlock_rdlock(&gate);
    pthread_rwlock_unlock(&gate);
    return arg;
}

static void measure_outstanding(long count, long rounds)
{
    pthread_t *threads = thread_table(count);
    int64_t begin = 0;
    long round, k;

    for (round = 0; round <= rounds; round++) {
        if (round == 1)
            begin = bench_now();
        pthread_rwlock_wrlock(&gate);
        for (k = 0; k < count; k++)
            threads[k] = spawn(wait_for_the_others, &threads[k]);
        /* The cheapest gate there is: one system call wakes every waiter. */
        pthread_rwlock_unlock(&gate);
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
    else if (strcmp(mode, "handoff") == 0)
        measure_handoff(bench_arg(argc, argv, 2, "SWITCHES"));
    else if (strcmp(mode, "spawn") == 0)
        measure_spawn(bench_arg(argc, argv, 2, "COUNT"));
    else if (strcmp(mode, "outstanding") == 0)
        measure_outstanding(bench_arg(argc, argv, 2, "COUNT"), bench_arg(argc, argv, 3, "ROUNDS"));
    else
        bench_die("yield, handoff, spawn or outstanding?", 0);
    return 0;
}
