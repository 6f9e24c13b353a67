/* The peer of the timer figures: the same sleeps, each thread a pthread, all on one core.
 *
 * timers_pthread THREADS WINDOW_MS: prints one line of JSON. The caller pins the process. */
#define _GNU_SOURCE
#include "timers.h"

#include <pthread.h>

static struct timers timers;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

static void sleep_until(int64_t deadline)
{
    struct timespec t;

    t.tv_sec = (time_t)(deadline / (1000 * BENCH_MS));
    t.tv_nsec = (long)(deadline % (1000 * BENCH_MS));
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

static void *sleep_again_and_again(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg * UINT64_C(0x9e3779b97f4a7c15);

    while (!__atomic_load_n(&timers.stopping, __ATOMIC_RELAXED)) {
        int64_t deadline = bench_now() + timers_pick(&random), lateness;

        sleep_until(deadline);
        lateness = bench_now() - deadline;
        if (!__atomic_load_n(&timers.measuring, __ATOMIC_RELAXED))
            continue;
        /* Hardly ever contended on one core: some 20 of the thousands of ns of a wake-up. */
        pthread_mutex_lock(&counting);
        timers_record(&timers, lateness);
        pthread_mutex_unlock(&counting);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, "THREADS"), k;
    long window = bench_arg(argc, argv, 2, "WINDOW_MS");
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    pthread_attr_t attributes;
    int error;

    bench_check(threads != NULL, "calloc");
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (k = 0; k < count; k++) {
        error = pthread_create(&threads[k], &attributes, sleep_again_and_again, (void *)(k + 1));
        if (error != 0)
            bench_die("pthread_create", -error);
    }
    sleep_until(bench_now() + (TIMERS_LONGEST_MS + 200) * BENCH_MS);
    pthread_mutex_lock(&counting);
    timers_begin(&timers);
    pthread_mutex_unlock(&counting);
    sleep_until(bench_now() + window * BENCH_MS);
    pthread_mutex_lock(&counting);
    timers_end(&timers);
    pthread_mutex_unlock(&counting);
    for (k = 0; k < count; k++)
        pthread_join(threads[k], NULL);
    timers_print(&timers);
    free(threads);
    return 0;
}
