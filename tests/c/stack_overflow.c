// flags: -O0
// expect-signal: SIGSEGV
// expect-stderr: diver
/* A C function recurses without end in a green thread: the process dies by the signal that it
 * would have died by anyway, but not before the library has said whose stack it was. */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "check.h"
#include "greenhub.h"

/* Volatile, so that no compiler sees that the recursion does not end. */
static volatile unsigned bottom = 0xffffffffu;

static unsigned dive(unsigned level) {
  volatile char frame[512];
  frame[0] = (char)level;
  if (level == bottom) return 0;
  return dive(level + 1) + (unsigned)frame[0];
}

static void *diver(void *arg) {
  (void)arg;
  CHECK_EQ(gh_yield(), 0);
  dive(0);
  return NULL;
}

static void *swimmer(void *arg) {
  (void)arg;
  gh_sleep_ms(60000);
  return NULL;
}

int main(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  gh_spawn_options options = {0};
  options.size = sizeof options;
  gh_thread thread, other;
  options.name = "swimmer";
  CHECK_EQ(gh_spawn(&other, &options, swimmer, NULL), 0);
  options.name = "diver";
  CHECK_EQ(gh_spawn(&thread, &options, diver, NULL), 0);
  gh_join(thread, NULL, GH_NEVER);
  return 0;
}
