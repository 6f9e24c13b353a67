/* The watchdog's question is no signal of the host's: it ends no hooked wait of others, the watchdog can be
 * stopped and started again while everything is patched, and the host's own handler for its signal is called. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL

static volatile int reports, handled;

static void told(const gh_watchdog_report *report, void *arg) {
  (void)report;
  (void)arg;
  reports++;
}

static void handler(int signal) {
  (void)signal;
  handled++;
}

static void *waits(void *arg) {
  int result = poll(NULL, 0, 600);
  CHECK_EQ(result, *(int *)arg);
  CHECK(result == 0 || errno == EINTR);
  return NULL;
}

static void *keeps(void *arg) {
  (void)arg;
  for (int64_t end = gh_now() + 300 * MS; gh_now() < end;)
    ;
  return NULL;
}

static void *raises(void *arg) {
  (void)arg;
  raise(SIGURG);
  return NULL;
}

static void together(void *(*other)(void *), int outcome) {
  gh_thread threads[2];
  CHECK(gh_spawn(&threads[0], NULL, waits, &outcome) == 0);
  CHECK(gh_spawn(&threads[1], NULL, other, NULL) == 0);
  for (int i = 0; i < 2; i++)
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
}

int main(void) {
  gh_watchdog_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.limit = 50 * MS;
  options.callback = told;
  CHECK(signal(SIGURG, handler) != SIG_ERR);
  CHECK(gh_watchdog_start(&options) == 0);
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  for (int round = 1; round <= 2; round++) {
    together(keeps, 0);
    CHECK(reports >= round);
    CHECK_EQ(handled, round - 1);
    together(raises, -1);
    CHECK_EQ(handled, round);
    CHECK(gh_watchdog_stop() == 0);
    CHECK(gh_watchdog_start(&options) == 0);
  }
  CHECK(gh_unpatch() > 0);
  CHECK(gh_watchdog_stop() == 0);
  CHECK(gh_watchdog_start(&options) == 0);
  CHECK(gh_watchdog_stop() == 0);
  return 0;
}
