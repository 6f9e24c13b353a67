/* Ours in the timer figures: many green threads, each asleep for 1 to 1000 ms, again and again.
 *
 * timers_green THREADS WINDOW_MS: prints one line of JSON. */
#define _GNU_SOURCE
#include "timers.h"

#include <greenhub.h>

static struct timers timers;
static long started;

static void *sleep_again_and_again(void *arg)
{
    uint64_t random = (uint64_t)(uintptr_t)arg * UINT64_C(0x9e3779b97f4a7c15);

    started++;
    while (!timers.stopping) {
        int64_t deadline = gh_now() + timers_pick(&random);
        int error = gh_sleep_until(deadline);

        if (error < 0)
            bench_die("gh_sleep_until", error);
        if (timers.measuring)
            timers_record(&timers, gh_now() - deadline);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, "THREADS"), k;
    long window = bench_arg(argc, argv, 2, "WINDOW_MS");
    gh_thread *threads = calloc((size_t)count, sizeof *threads);
    int error;

    bench_check(threads != NULL, "calloc");
    for (k = 0; k < count; k++) {
        error = gh_spawn(&threads[k], NULL, sleep_again_and_again, (void *)(k + 1));
        if (error < 0)
            bench_die("gh_spawn", error);
    }
    /* By then each has slept at least once and their wake-ups are spread evenly. */
    error = gh_sleep_ms(TIMERS_LONGEST_MS + 200);
    if (error < 0)
        bench_die("gh_sleep_ms", error);
    if (started != count)
        bench_die("not every green thread has started", (int)started);
    timers_begin(&timers);
    error = gh_sleep_ms(window);
    timers_end(&timers);
    if (error < 0)
        bench_die("gh_sleep_ms", error);
    for (k = 0; k < count; k++) {
        error = gh_join(threads[k], NULL, GH_NEVER);
        if (error < 0)
            bench_die("gh_join", error);
    }
    timers_print(&timers);
    free(threads);
    return 0;
}
