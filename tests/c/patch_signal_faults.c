/* A handler of what an instruction has caused is a handler like others: hooks in it are libc's functions, which
 * let nobody else run; and it may be left for good, after which they act again. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static volatile int ticks, over, meanwhile;
static sigjmp_buf outside;
static int *volatile nowhere = (int *)8;

static int ticks_in_a_nap(void) {
  struct timespec span = {0, 20000000};
  int before = ticks;
  nanosleep(&span, NULL);
  return ticks - before;
}

static void leaves(int signal) {
  (void)signal;
  meanwhile = ticks_in_a_nap();
  siglongjmp(outside, 1);
}

static void returns(int signal) {
  (void)signal;
  meanwhile = ticks_in_a_nap();
}

static void *ticker(void *arg) {
  (void)arg;
  while (!over) {
    ticks++;
    gh_sleep_ms(1);
  }
  return NULL;
}

static void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action, found;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  CHECK(sigaction(signal, &action, NULL) == 0);
  CHECK(sigaction(signal, NULL, &found) == 0 && found.sa_handler == handler);
}

static void *faults(void *arg) {
  (void)arg;
  /* The first round: a handler that was there before the hub's own, which calls it. */
  for (volatile int round = 0; round < 5; round++) {
    meanwhile = -1;
    if (sigsetjmp(outside, 1) == 0)
      *nowhere = 1;
    CHECK_EQ(meanwhile, 0);
    CHECK(ticks_in_a_nap() > 0);
    install(SIGSEGV, leaves, round % 2 ? SA_ONSTACK : 0);
  }
  install(SIGFPE, returns, 0);
  meanwhile = -1;
  raise(SIGFPE);
  CHECK_EQ(meanwhile, 0);
  CHECK(ticks_in_a_nap() > 0);
  over = 1;
  return NULL;
}

int main(void) {
  gh_thread threads[2];
  install(SIGSEGV, leaves, 0);
  CHECK(gh_spawn(&threads[0], NULL, ticker, NULL) == 0);
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  CHECK(gh_spawn(&threads[1], NULL, faults, NULL) == 0);
  for (int i = 0; i < 2; i++)
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
  return 0;
}
