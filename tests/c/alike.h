/* Scenarios that must come out as libc has them: each is run by an OS thread before the program is patched, then
 * by a green thread, a root, and an OS thread without a hub. */
#ifndef ALIKE_H
#define ALIKE_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL
#define STEPS 12

/* What each call of a scenario has given. */
struct outcome {
  int steps;
  long results[STEPS];
  int errors[STEPS];
};

static void note(struct outcome *outcome, long result) {
  CHECK(outcome->steps < STEPS);
  outcome->errors[outcome->steps] = result < 0 ? errno : 0;
  outcome->results[outcome->steps++] = result;
}

struct scenario {
  const char *name;
  void (*run)(struct outcome *outcome, int arg);
  int arg;
};

struct attempt {
  const struct scenario *scenario;
  struct outcome outcome;
};

static const struct attempt *under_way;
static const char *way;

static void hangs(int signal) {
  (void)signal;
  /* Not safe in a handler in general: nothing goes on after it. */
  fprintf(stderr, "%s %d hangs in step %d, %s\n", under_way->scenario->name, under_way->scenario->arg,
          under_way->outcome.steps, way);
  _exit(1);
}

static void *attempt(void *arg) {
  struct attempt *at = arg;
  under_way = at;
  at->outcome.steps = 0;
  alarm(20);
  at->scenario->run(&at->outcome, at->scenario->arg);
  alarm(0);
  return NULL;
}

static void by_os_thread(struct attempt *at) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, attempt, at) == 0 && pthread_join(thread, NULL) == 0);
}

static void expect(const struct scenario *scenario, const char *by, const struct outcome *libc,
                   const struct outcome *got) {
  CHECK_EQ(libc->steps, got->steps);
  for (int i = 0; i < got->steps; i++) {
    if (libc->results[i] == got->results[i] && libc->errors[i] == got->errors[i]) continue;
    fprintf(stderr, "%s %d, step %d, called by %s: %ld errno %d, by libc %ld errno %d\n", scenario->name, scenario->arg,
            i, by, got->results[i], got->errors[i], libc->results[i], libc->errors[i]);
    exit(1);
  }
}

static void compare_all(const struct scenario *scenarios, int count, unsigned families) {
  struct outcome libc[64];
  struct attempt at;
  gh_thread thread;
  CHECK(count <= 64);
  signal(SIGALRM, hangs);
  way = "libc's own";
  for (int i = 0; i < count; i++) {
    at.scenario = &scenarios[i];
    by_os_thread(&at);
    libc[i] = at.outcome;
  }
  CHECK(gh_patch(families) > 0);
  way = "hooked";
  for (int i = 0; i < count; i++) {
    at.scenario = &scenarios[i];
    CHECK(gh_spawn(&thread, NULL, attempt, &at) == 0);
    CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
    expect(at.scenario, "a green thread", &libc[i], &at.outcome);
    attempt(&at);
    expect(at.scenario, "a root", &libc[i], &at.outcome);
    by_os_thread(&at);
    expect(at.scenario, "an OS thread", &libc[i], &at.outcome);
  }
}

/* Something that another OS thread does while a call waits. */
struct later {
  pthread_t thread;
  void (*act)(int fd, int how);
  int fd, how;
};

static void *act_later(void *arg) {
  struct later *later = arg;
  struct timespec span = {0, 50 * MS};
  nanosleep(&span, NULL);
  later->act(later->fd, later->how);
  return NULL;
}

static inline void begin(struct later *later) {
  CHECK(pthread_create(&later->thread, NULL, act_later, later) == 0);
}

static inline void end(struct later *later) {
  CHECK(pthread_join(later->thread, NULL) == 0);
}

static inline void shuts(int fd, int how) { shutdown(fd, how); }

#endif
