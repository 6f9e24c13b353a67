/* latency.h: a histogram of durations that keeps about two digits.
 *
 * Buckets grow with the value, as in HdrHistogram: each power of two is cut
 * into 64, so a percentile is off by 1.6 % at most, from nanoseconds to hours,
 * and recording one costs a shift and an increment.
 */
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

#define LATENCY_CUTS 64
#define LATENCY_BUCKETS (LATENCY_CUTS * 40)

struct latency {
    uint64_t counts[LATENCY_BUCKETS];
    uint64_t total;
    int64_t max;
};

static inline int latency_bucket(uint64_t value)
{
    if (value < LATENCY_CUTS)
        return (int)value;
    const int shift = 63 - __builtin_clzll(value) - 6;
    const int bucket = (shift << 6) + (int)(value >> shift);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The largest value that falls into the bucket. */
static inline int64_t latency_bucket_end(int bucket)
{
    if (bucket < LATENCY_CUTS)
        return bucket;
    const int shift = (bucket >> 6) - 1;
    return ((int64_t)(bucket - (shift << 6) + 1) << shift) - 1;
}

static inline void latency_record(struct latency *latency, int64_t ns)
{
    latency->counts[latency_bucket(ns > 0 ? (uint64_t)ns : 0)]++;
    latency->total++;
    if (ns > latency->max)
        latency->max = ns;
}

/* The duration in ns that `percent` of all stay within. */
static inline int64_t latency_percentile(const struct latency *latency, double percent)
{
    const double wanted = (double)latency->total * percent / 100.0;
    uint64_t seen = 0;

    for (int bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        seen += latency->counts[bucket];
        if (seen > 0 && (double)seen >= wanted) {
            const int64_t end = latency_bucket_end(bucket);
            return end < latency->max ? end : latency->max;
        }
    }
    return latency->max;
}

#endif
