/* One function in many green threads of one OS thread, and how long all of them take together.
 *
 * A program's first argument says whether libc is patched: `patched`, or `plain` for the control run in
 * which the same calls block one after the other. */
#ifndef SIDE_BY_SIDE_H
#define SIDE_BY_SIDE_H

#include <greenhub.h>
#include <string.h>
#include <time.h>

#include "../c/check.h"

#define MOST_THREADS 100

static inline double milliseconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline void patch_as_told(const char *word) {
  if (strcmp(word, "patched") == 0)
    CHECK(gh_patch(GH_PATCH_ALL) > 0);
  else
    CHECK(strcmp(word, "plain") == 0);
}

/* The argument of each is its number. */
static inline void spawn_all(gh_thread *threads, long count, void *(*entry)(void *)) {
  CHECK(count <= MOST_THREADS);
  for (long i = 0; i < count; i++)
    CHECK_EQ(gh_spawn(&threads[i], NULL, entry, (void *)i), 0);
}

static inline void join_all(const gh_thread *threads, long count) {
  for (long i = 0; i < count; i++)
    CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
}

/* From before the first spawn to after the last join. */
static inline double together(long count, void *(*entry)(void *)) {
  gh_thread threads[MOST_THREADS];
  double begin = milliseconds_now();
  spawn_all(threads, count, entry);
  join_all(threads, count);
  return milliseconds_now() - begin;
}

/* All are cancelled once `waiting` of them wait: from then to the last join. */
static inline double cancelled(long count, void *(*entry)(void *), const long *waiting) {
  gh_thread threads[MOST_THREADS];
  spawn_all(threads, count, entry);
  while (*waiting < count)
    gh_sleep_ms(5);
  double begin = milliseconds_now();
  for (long i = 0; i < count; i++)
    CHECK_EQ(gh_cancel(threads[i]), 0);
  join_all(threads, count);
  return milliseconds_now() - begin;
}

/* What tests/components.rs reads. */
static inline void tell(const char *what, double milliseconds) {
  printf("%s %.1f ms\n", what, milliseconds);
  fflush(stdout);
}

#endif
