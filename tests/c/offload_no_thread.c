// emulated: no, qemu needs threads of its own
/* No memory for another OS thread: a call says so and runs nothing while the pool has none, and waits
 * for those that it has. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static int released;

static void *add(void *arg) {
  usleep(1000);
  ++*(int *)arg;
  return arg;
}

static void release(void *arg, void *result) {
  (void)arg;
  CHECK(result == NULL);
  released++;
}

static void *call_add(void *arg) {
  CHECK_EQ(gh_offload(add, arg, NULL, gh_after_ms(20000)), 0);
  return arg;
}

static rlim_t address_space(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  unsigned long pages;
  CHECK(file != NULL);
  CHECK_EQ(fscanf(file, "%lu", &pages), 1);
  fclose(file);
  return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

int main(void) {
  struct rlimit limit, before;
  gh_offload_call call;
  gh_pool_stats stats;
  gh_thread threads[20];
  char byte;
  int sum = 0;

  CHECK_EQ(gh_sleep_ms(1), 0);
  CHECK_EQ(getrlimit(RLIMIT_AS, &before), 0);
  limit = before;
  limit.rlim_cur = address_space() + (4 << 20); /* room for small things, not for a stack */
  CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  CHECK_EQ(gh_offload(add, &sum, NULL, GH_NEVER), -EAGAIN);
  memset(&call, 0, sizeof call);
  call.size = sizeof call;
  call.fn = add;
  call.arg = &sum;
  call.release = release;
  CHECK_EQ(gh_offload_with(&call, NULL, GH_NEVER), -EAGAIN);
  CHECK_EQ(released, 1);
  CHECK_EQ(gh_file_read(0, &byte, 1, GH_NEVER), -EAGAIN);
  CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  CHECK_EQ(stats.threads + stats.queued, 0);
  CHECK_EQ(setrlimit(RLIMIT_AS, &before), 0);
  CHECK_EQ(sum, 0);

  /* One thread, and no room for a second. */
  CHECK_EQ(gh_offload(add, &sum, NULL, GH_NEVER), 0);
  for (int i = 0; i < 20; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, call_add, &sum), 0);
  limit.rlim_cur = address_space() + (4 << 20);
  CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  for (int i = 0; i < 20; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK_EQ(sum, 21);
  CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  CHECK_EQ(stats.threads, 1);
  return 0;
}
