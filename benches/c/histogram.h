/* Durations in nanoseconds, counted in buckets that are at most 1/64 wide of their value:
   recording is a few instructions and touches no growing memory. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>
#include <string.h>

#define HISTOGRAM_FINE 64
#define HISTOGRAM_ROWS 36

struct histogram {
    uint64_t count;
    int64_t max;
    uint64_t bucket[HISTOGRAM_ROWS][HISTOGRAM_FINE];
};

static inline void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

/* Row 0 counts 0..63 exactly; each further row spans one power of two. */
static inline void histogram_record(struct histogram *h, int64_t value)
{
    uint64_t v = value < 0 ? 0 : (uint64_t)value;
    unsigned row = 0, column;

    if (v >= HISTOGRAM_FINE) {
        unsigned top = 63 - (unsigned)__builtin_clzll(v);
        row = top - 5;
        column = (unsigned)(v >> (top - 6)) & (HISTOGRAM_FINE - 1);
    } else {
        column = (unsigned)v;
    }
    if (row >= HISTOGRAM_ROWS) {
        row = HISTOGRAM_ROWS - 1;
        column = HISTOGRAM_FINE - 1;
    }
    h->bucket[row][column]++;
    h->count++;
    if (value > h->max)
        h->max = value;
}

/* The lower edge of the bucket in which the given share of all values is reached. */
static inline int64_t histogram_quantile(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)h->count), seen = 0;
    unsigned row, column;

    for (row = 0; row < HISTOGRAM_ROWS; row++)
        for (column = 0; column < HISTOGRAM_FINE; column++) {
            seen += h->bucket[row][column];
            if (seen > wanted)
                return row == 0 ? (int64_t)column
                                : (int64_t)(HISTOGRAM_FINE + column) << (row - 1);
        }
    return h->max;
}

#endif
