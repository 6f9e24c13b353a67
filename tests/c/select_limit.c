// flags: -std=gnu11
// sanitizer: yes
/* A select among more cases than this process may have descriptors, one of them a descriptor: the limit
 * is on descriptors, and channels are none. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define LIMIT 64
#define CASES 300

static int ends[2];
static gh_channel *channels[CASES];

static void *send_one(void *arg) {
  int item = 5;
  CHECK_EQ(gh_channel_send(arg, &item, GH_NEVER), 0);
  return arg;
}

static void *write_one(void *arg) {
  CHECK_EQ(write(ends[1], "x", 1), 1);
  return arg;
}

int main(void) {
  gh_select_case cases[CASES];
  struct rlimit limit;
  gh_thread thread;
  int room = 0;
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = LIMIT;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  CHECK_EQ(pipe(ends), 0);
  for (int i = 0; i < CASES; i++) {
    CHECK_EQ(gh_channel_new(&channels[i], NULL, sizeof room, 0), 0);
    cases[i] = (gh_select_case){.channel = channels[i], .item = &room, .op = GH_SELECT_RECV};
  }
  cases[CASES / 2] = (gh_select_case){.fd = ends[0], .op = GH_SELECT_READ};

  CHECK_EQ(gh_select(cases, CASES, 0), -ETIMEDOUT);
  CHECK_EQ(gh_select(cases, CASES, gh_after_ms(2)), -ETIMEDOUT);
  CHECK_EQ(gh_spawn(&thread, NULL, send_one, channels[CASES - 1]), 0);
  CHECK_EQ(gh_select(cases, CASES, GH_NEVER), CASES - 1);
  CHECK_EQ(cases[CASES - 1].result, 0);
  CHECK_EQ(room, 5);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_spawn(&thread, NULL, write_one, NULL), 0);
  CHECK_EQ(gh_select(cases, CASES, GH_NEVER), CASES / 2);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  /* The same descriptor in many cases: any of them, as long as the limit allows to ask for them. */
  for (int i = 0; i < LIMIT; i++) cases[i] = cases[CASES / 2];
  int won = gh_select(cases, LIMIT, GH_NEVER);
  CHECK(won >= 0 && won < LIMIT);

  for (int i = 0; i < CASES; i++) CHECK_EQ(gh_channel_free(channels[i]), 0);
  CHECK_EQ(gh_close(ends[0]), 0);
  CHECK_EQ(gh_close(ends[1]), 0);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(20000)), 0);
  return 0;
}
