// valgrind: yes
// emulated: no, where longjmp(3) goes to is known on x86-64 only
/* A handler left by siglongjmp(3) into the handler that it has interrupted: that one still runs, whichever stack
 * each of them has, and in it hooks are libc's functions. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "greenhub.h"

static volatile int ticks, over, meanwhile, depth;
static sigjmp_buf outside, between;

static int ticks_in_a_nap(void) {
  struct timespec span = {0, 20000000};
  int before = ticks;
  nanosleep(&span, NULL);
  return ticks - before;
}

static void *ticker(void *arg) {
  (void)arg;
  while (!over) {
    ticks++;
    gh_sleep_ms(1);
  }
  return NULL;
}

static void inner(int signal) {
  (void)signal;
  siglongjmp(between, 1);
}

static void outer(int signal) {
  (void)signal;
  if (sigsetjmp(between, 1) == 0)
    raise(SIGUSR2);
  meanwhile = ticks_in_a_nap();
}

static void deep(int signal) {
  (void)signal;
  if (++depth < 5)
    raise(SIGHUP);
  meanwhile = ticks_in_a_nap();
  siglongjmp(outside, 1);
}

static void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  CHECK(sigaction(signal, &action, NULL) == 0);
}

static void *nests(void *arg) {
  (void)arg;
  for (volatile int stacks = 0; stacks < 4; stacks++) {
    install(SIGUSR2, inner, stacks & 1 ? SA_ONSTACK : 0);
    install(SIGUSR1, outer, stacks & 2 ? SA_ONSTACK : 0);
    install(SIGHUP, deep, SA_NODEFER | (stacks & 1 ? SA_ONSTACK : 0));
    meanwhile = -1;
    raise(SIGUSR1);
    CHECK_EQ(meanwhile, 0);
    CHECK(ticks_in_a_nap() > 0);
    meanwhile = -1;
    depth = 0;
    if (sigsetjmp(outside, 1) == 0)
      raise(SIGHUP);
    CHECK_EQ(depth, 5);
    CHECK_EQ(meanwhile, 0);
    CHECK(ticks_in_a_nap() > 0);
  }
  over = 1;
  return NULL;
}

int main(void) {
  gh_thread threads[2];
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  CHECK(gh_spawn(&threads[0], NULL, ticker, NULL) == 0);
  CHECK(gh_spawn(&threads[1], NULL, nests, NULL) == 0);
  for (int i = 0; i < 2; i++)
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
  return 0;
}
