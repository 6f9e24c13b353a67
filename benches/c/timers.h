/* What both timer programs share: how long to sleep, what is counted, how it is told. */
#ifndef TIMERS_H
#define TIMERS_H

#include "bench.h"
#include "histogram.h"

#define TIMERS_LONGEST_MS 1000

struct timers {
    int measuring, stopping;
    uint64_t wakes, early;
    int64_t cpu;
    struct histogram lateness;
};

/* 1 to 1000 ms, not rounded to anything. */
static inline int64_t timers_pick(uint64_t *random)
{
    return BENCH_MS + (int64_t)(bench_random(random) % (uint64_t)((TIMERS_LONGEST_MS - 1) * BENCH_MS));
}

static inline void timers_record(struct timers *t, int64_t lateness)
{
    t->wakes++;
    if (lateness < 0)
        t->early++;
    histogram_record(&t->lateness, lateness);
}

static inline void timers_begin(struct timers *t)
{
    t->cpu = bench_cpu();
    t->measuring = 1;
}

static inline void timers_end(struct timers *t)
{
    t->measuring = 0;
    t->cpu = bench_cpu() - t->cpu;
    t->stopping = 1;
}

static inline void timers_print(const struct timers *t)
{
    errno = 0;
    bench_check(t->early == 0, "a sleeper woke before its deadline");
    bench_check(t->wakes > 0, "no sleeper woke");
    printf("{\"wakes\": %llu, \"cpu_per_wake_ns\": %.1f, \"late_p50_us\": %.1f, "
           "\"late_p99_us\": %.1f, \"late_max_us\": %.1f}\n",
           (unsigned long long)t->wakes, (double)t->cpu / (double)t->wakes,
           (double)histogram_quantile(&t->lateness, 0.50) / 1e3,
           (double)histogram_quantile(&t->lateness, 0.99) / 1e3, (double)t->lateness.max / 1e3);
}

#endif
