// flags: -O0 -fno-stack-clash-protection
// expect-signal: SIGSEGV
// expect-stderr: leaper
/* One large frame whose first write lands more than a page beyond the end of the stack: the guard
 * has several pages, so that such a step does not pass over it into a neighbour. */
#define _GNU_SOURCE
#include <alloca.h>
#include <sys/resource.h>

#include "check.h"
#include "greenhub.h"

#define STACK (256 * 1024)

static void *leaper(void *arg) {
  /* The stack ends some pages above its lowest address, where the guard is; little of it is in
   * use, so this reaches to less than two pages above that address. */
  volatile char *low = alloca(STACK - 2 * 4096);
  low[0] = 1;
  return arg;
}

/* The frames of a neighbour, which a step over the guard would damage. */
static void *neighbour(void *arg) {
  volatile char room[2 * 4096];
  for (size_t at = 0; at < sizeof room; at++) room[at] = 0;
  gh_sleep_ms(1000);
  for (size_t at = 0; at < sizeof room; at++) CHECK_EQ(room[at], 0);
  return arg;
}

int main(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  gh_spawn_options options = {0};
  options.size = sizeof options;
  options.stack_size = STACK;
  gh_thread thread;
  options.name = "neighbour";
  CHECK_EQ(gh_spawn(&thread, &options, neighbour, NULL), 0);
  CHECK_EQ(gh_spawn(NULL, &options, neighbour, NULL), 0);
  CHECK_EQ(gh_yield(), 0);
  options.name = "leaper";
  CHECK_EQ(gh_spawn(NULL, &options, leaper, NULL), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  return 0;
}
