// expect-signal: SIGSEGV
/* A fault that is no overflow dies as it would have died without the library: the default action
 * of SIGSEGV, in a green thread too. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/resource.h>

#include "check.h"
#include "greenhub.h"

static void *write_to_nowhere(void *arg) {
  *(volatile char *)arg = 1;
  return NULL;
}

int main(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, write_to_nowhere, page), 0);
  gh_join(thread, NULL, GH_NEVER);
  return 0;
}
