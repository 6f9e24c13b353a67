// emulated: no, exec leads out of the emulator
/* A forked child has none of the pool's threads: it makes its own, with the parent's limits, and the
 * parent's go on. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static void *read_a_byte(void *arg) {
  char byte;
  return (void *)read(*(int *)arg, &byte, 1);
}

static void *wait_for_byte(void *arg) {
  void *result = NULL;
  CHECK_EQ(gh_offload(read_a_byte, arg, &result, GH_NEVER), 0);
  return result;
}

static void *same(void *arg) { return arg; }

static void *call_in_child(void *arg) {
  gh_pool_stats stats;
  void *result = NULL;
  (void)arg;
  CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  CHECK_EQ(stats.threads, 0);
  CHECK_EQ(gh_offload(same, &stats, &result, gh_after_ms(20000)), 0);
  CHECK(result == &stats);
  CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  CHECK_EQ(stats.threads, 1);
  exit(5);
}

int main(void) {
  gh_offload_options options;
  gh_pool_stats stats;
  gh_thread waiter;
  void *result = NULL;
  int fds[2], status;

  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.threads = 2;
  CHECK_EQ(gh_offload_configure(&options), 0);
  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(gh_spawn(&waiter, NULL, wait_for_byte, &fds[0]), 0);
  do {
    CHECK_EQ(gh_sleep_ms(1), 0);
    CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  } while (stats.running != 1);

  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    /* On an OS thread of its own: its hub is a new one too. */
    pthread_t thread;
    alarm(30);
    CHECK_EQ(pthread_create(&thread, NULL, call_in_child, NULL), 0);
    pthread_join(thread, NULL);
    _exit(1);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 5);

  CHECK_EQ(write(fds[1], "x", 1), 1);
  CHECK_EQ(gh_join(waiter, &result, gh_after_ms(20000)), 0);
  CHECK(result == (void *)1);
  return 0;
}
