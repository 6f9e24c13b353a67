/* A green thread that asked for 1 MiB of stack may use 900 KiB of it, in small frames and in one,
 * across waits, and again when the stack is used by the next thread. */
#include <alloca.h>
#include <string.h>

#include "check.h"
#include "greenhub.h"

#define FRAME 1024

static unsigned touch(unsigned frames) {
  volatile char frame[FRAME];
  memset((char *)frame, (int)frames, sizeof frame);
  unsigned below = frames > 1 ? touch(frames - 1) : 0;
  return below + (frame[FRAME / 2] == (char)frames);
}

static void *in_small_frames(void *arg) {
  (void)arg;
  /* Each frame costs somewhat more than its array: 800 of them stay below 900 KiB. */
  CHECK_EQ(touch(800), 800);
  CHECK_EQ(gh_yield(), 0);
  CHECK_EQ(touch(800), 800);
  return NULL;
}

static void *in_one_frame(void *arg) {
  size_t size = 900 * 1024;
  char *room = alloca(size);
  (void)arg;
  memset(room, 0x5a, size);
  CHECK_EQ(gh_sleep_ms(1), 0);
  for (size_t at = 0; at < size; at++) CHECK(room[at] == 0x5a);
  return NULL;
}

int main(void) {
  gh_spawn_options options = {0};
  options.size = sizeof options;
  options.stack_size = 1024 * 1024;
  for (int round = 0; round < 3; round++) {
    gh_thread small, one;
    CHECK_EQ(gh_spawn(&small, &options, in_small_frames, NULL), 0);
    CHECK_EQ(gh_spawn(&one, &options, in_one_frame, NULL), 0);
    CHECK_EQ(gh_join(small, NULL, GH_NEVER), 0);
    CHECK_EQ(gh_join(one, NULL, GH_NEVER), 0);
  }
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
