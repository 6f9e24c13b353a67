// flags: -O0
// expect-signal: SIGSEGV
// expect-stderr: pearl
/* The overflow happens on an OS thread that is not the first and has its own hub: the message still
 * names the right green thread, although others of the same depth sleep elsewhere. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>

#include "check.h"
#include "greenhub.h"

/* Volatile, so that no compiler sees that the recursion does not end. */
static volatile unsigned bottom = 0xffffffffu;

static unsigned dive(unsigned level) {
  volatile char frame[1024];
  frame[0] = (char)level;
  if (level == bottom) return 0;
  if (level % 50 == 0) CHECK_EQ(gh_yield(), 0);
  return dive(level + 1) + (unsigned)frame[0];
}

static void *diver(void *arg) {
  dive(1);
  return arg;
}

static void *sleeper(void *arg) {
  gh_sleep_ms(60000);
  return arg;
}

static void *os_thread(void *name) {
  gh_spawn_options options = {0};
  options.size = sizeof options;
  gh_thread thread;
  options.name = "idle";
  CHECK_EQ(gh_spawn(&thread, &options, sleeper, NULL), 0);
  options.name = name;
  CHECK_EQ(gh_spawn(&thread, &options, name ? diver : sleeper, NULL), 0);
  gh_join(thread, NULL, GH_NEVER);
  return NULL;
}

int main(void) {
  struct rlimit none = {0, 0};
  char name[] = "pearl";
  setrlimit(RLIMIT_CORE, &none);
  pthread_t threads[2];
  CHECK_EQ(pthread_create(&threads[0], NULL, os_thread, NULL), 0);
  CHECK_EQ(pthread_create(&threads[1], NULL, os_thread, name), 0);
  pthread_join(threads[1], NULL);
  return 0;
}
