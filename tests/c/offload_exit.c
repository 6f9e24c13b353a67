/* Pool functions that never return: the process exits all the same, by every way out, and a forked
 * child has a pool of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define STUCK 6

static void *never_returns(void *arg) {
  for (;;) pause();
  return arg;
}

static void *same(void *arg) { return arg; }

static void *wait_for_ever(void *arg) {
  CHECK_EQ(gh_offload(never_returns, NULL, NULL, GH_NEVER), -ECANCELED);
  return arg;
}

static void *leave(void *arg) {
  (void)arg;
  exit(3);
}

static void *end_by_thread(void *arg) {
  int *status = arg;
  exit(*status);
}

/* Waits until so many functions run. */
static void until_running(unsigned long wanted) {
  gh_pool_stats stats;
  do {
    CHECK_EQ(gh_sleep_ms(1), 0);
    CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  } while (stats.running != wanted);
}

static void get_stuck(void) {
  gh_thread threads[STUCK];
  for (int i = 0; i < STUCK; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, wait_for_ever, NULL), 0);
  until_running(STUCK);
  CHECK_EQ(gh_offload(never_returns, NULL, NULL, gh_after_ms(5)), -ETIMEDOUT);
  /* Others are served as long as there is a thread left. */
  void *result = NULL;
  CHECK_EQ(gh_offload(same, &result, &result, GH_NEVER), 0);
  CHECK(result == &result);
  CHECK_EQ(gh_cancel(threads[0]), 0);
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);
}

static void in_child(int way) {
  get_stuck();
  switch (way) {
    case 0: /* with green threads that still wait */
      exit(3);
    case 1: /* from a green thread */
      CHECK_EQ(gh_spawn(NULL, NULL, leave, NULL), 0);
      gh_sleep_until(GH_NEVER);
      break;
    case 2: /* the hub freed before */
      CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(20000)), 0);
      exit(3);
    case 3: { /* from a pool function */
      CHECK_EQ(gh_offload(leave, NULL, NULL, GH_NEVER), 0);
      break;
    }
    case 4: { /* the main thread has ended, another one exits */
      static int status = 3;
      pthread_t thread;
      CHECK_EQ(pthread_create(&thread, NULL, end_by_thread, &status), 0);
      pthread_exit(NULL);
    }
  }
  _exit(1);
}

int main(void) {
  int status;
  for (int way = 0; way < 5; way++) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(30); /* one that cannot exit is killed, and seen */
      in_child(way);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 3) {
      fprintf(stderr, "way %d: status %#x\n", way, (unsigned)status);
      return 1;
    }
  }
  /* This process's own stay behind too. */
  get_stuck();
  return 0;
}
