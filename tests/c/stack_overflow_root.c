// flags: -O0
// expect-signal: SIGSEGV
/* The stack of the OS thread itself overflows while a hub is there: the process still dies by
 * SIGSEGV, and does not hang in the library's handler. */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "check.h"
#include "greenhub.h"

/* Volatile, so that no compiler sees that the recursion does not end. */
static volatile unsigned bottom = 0xffffffffu;

static unsigned dive(unsigned level) {
  volatile char frame[4096];
  frame[0] = (char)level;
  if (level == bottom) return 0;
  return dive(level + 1) + (unsigned)frame[0];
}

int main(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  CHECK(gh_hub_current() != NULL);
  CHECK_EQ(gh_yield(), 0);
  return (int)dive(0);
}
