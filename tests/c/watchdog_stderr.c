// flags: -rdynamic
// expect-stderr: "stuck" keeps OS thread
// expect-stderr: sleep_without_the_hub+0x
// expect-stderr: watchdog_stderr+0x
// expect-stderr: entry_of_stuck+0x
// expect-stderr: no backtrace, it holds the watchdog's signal back
// emulated: no, no unwinder knows the signal frames of qemu
/* Without a callback the report is in lines on standard error, each of which says of which OS thread it
 * speaks. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "greenhub.h"

__attribute__((noinline)) int sleep_without_the_hub(void) {
  struct timespec time = {0, 600000000};
  int result = 0;
  /* Once more when the watchdog has interrupted it. */
  for (int round = 0; round < 2; round++) result += nanosleep(&time, NULL);
  return result;
}

void *entry_of_stuck(void *arg) {
  CHECK(sleep_without_the_hub() <= 0);
  return arg;
}

int main(void) {
  gh_watchdog_options options;
  gh_spawn_options stuck;
  gh_thread thread;
  sigset_t set;

  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  memset(&stuck, 0, sizeof stuck);
  stuck.size = sizeof stuck;
  stuck.name = "stuck";
  CHECK_EQ(gh_watchdog_start(&options), 0);
  CHECK_EQ(gh_spawn(&thread, &stuck, entry_of_stuck, NULL), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);

  sigemptyset(&set);
  sigaddset(&set, SIGURG);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
  CHECK_EQ(gh_spawn(&thread, &stuck, entry_of_stuck, NULL), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_watchdog_stop(), 0);
  return 0;
}
