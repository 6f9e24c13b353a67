// flags: -std=gnu11
// sanitizer: yes
/* Calls from an OS thread that the handles do not belong to, in an optimised build as in any
 * other: an error code, while the owner goes on with what it does. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "greenhub.h"

static gh_hub *hub;
static gh_thread thread;
static gh_timer timer;
static atomic_int done;

static void nothing(void *arg) { (void)arg; }

static void *stranger(void *with_own_hub) {
  gh_stats stats;
  char name[64];
  if (with_own_hub) CHECK(gh_hub_current() != hub);
  for (int round = 0; round < 200; round++) {
    CHECK_EQ(gh_hub_run(hub), GH_EWRONGTHREAD);
    CHECK_EQ(gh_hub_run_once(hub, 0), GH_EWRONGTHREAD);
    CHECK_EQ(gh_hub_free(hub, 0), GH_EWRONGTHREAD);
    CHECK_EQ(gh_hub_stats(hub, &stats, sizeof stats), GH_EWRONGTHREAD);
    CHECK_EQ(gh_hub_dump(hub, 2), GH_EWRONGTHREAD);
    CHECK_EQ(gh_name(thread, name, sizeof name), GH_EWRONGTHREAD);
    CHECK_EQ(gh_set_name(thread, "stolen"), GH_EWRONGTHREAD);
    CHECK_EQ(gh_timer_cancel(timer), GH_EWRONGTHREAD);
    int posted = gh_post(hub, nothing, NULL);
    CHECK(posted == 0 || posted == -EAGAIN);
  }
  atomic_fetch_add(&done, 1);
  return NULL;
}

static void *worker(void *arg) {
  while (atomic_load(&done) < 2) CHECK_EQ(gh_sleep_until(gh_after_ns(100000)), 0);
  return arg;
}

int main(void) {
  pthread_t strangers[2];
  gh_spawn_options options = {0};
  options.size = sizeof options;
  options.name = "mine";
  hub = gh_hub_current();
  CHECK(hub != NULL);
  CHECK_EQ(gh_spawn(&thread, &options, worker, hub), 0);
  CHECK_EQ(gh_timer_start(&timer, GH_NEVER, 0, nothing, NULL), 0);
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(pthread_create(&strangers[i], NULL, stranger, i ? hub : NULL), 0);
  }
  void *result = NULL;
  CHECK_EQ(gh_join(thread, &result, GH_NEVER), 0);
  CHECK(result == hub);
  for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(strangers[i], NULL), 0);
  CHECK_EQ(gh_timer_cancel(timer), 0);
  CHECK_EQ(gh_hub_free(hub, gh_after_ms(1000)), 0);
  return 0;
}
