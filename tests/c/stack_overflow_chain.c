// expect-exit: 0
/* The host installed its own SIGSEGV handler before the first hub: faults that are none of the
 * library's business still reach it, with the address and on whichever thread they happen. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "greenhub.h"

static volatile sig_atomic_t faults;
static void *volatile fault_address;
static sigjmp_buf back;

static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  faults++;
  fault_address = info->si_addr;
  siglongjmp(back, 1);
}

static char *page;

static void touch(void) {
  if (sigsetjmp(back, 1) == 0) {
    *(volatile char *)(page + 16) = 1;
    CHECK(!"the page is not writable");
  }
}

static void *in_green_thread(void *arg) {
  touch();
  CHECK_EQ(faults, 2);
  CHECK_EQ(gh_yield(), 0);
  touch();
  CHECK_EQ(faults, 3);
  return arg;
}

int main(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
  page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);

  CHECK(gh_hub_current() != NULL);
  touch();
  CHECK_EQ(faults, 1);
  CHECK(fault_address == page + 16);

  gh_thread thread;
  void *result;
  CHECK_EQ(gh_spawn(&thread, NULL, in_green_thread, page), 0);
  CHECK_EQ(gh_join(thread, &result, GH_NEVER), 0);
  CHECK(result == page);
  CHECK_EQ(faults, 3);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  touch();
  CHECK_EQ(faults, 4);
  return 0;
}
