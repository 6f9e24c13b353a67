/* An OS thread that ends with live green threads leaves its hub behind, which other OS threads may
 * still name; but no descriptor of it that watches others, and one at most in all. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define HUBS 50

static void *sleep_for_ever(void *arg) {
  gh_sleep_until(GH_NEVER);
  return arg;
}

static void *wait_for_ever(void *arg) {
  int *pair = arg;
  gh_wait_fd(pair[0], POLLIN, GH_NEVER);
  return arg;
}

static void *end_busy(void *arg) {
  CHECK_EQ(gh_spawn(NULL, NULL, sleep_for_ever, NULL), 0);
  CHECK_EQ(gh_spawn(NULL, NULL, wait_for_ever, arg), 0);
  CHECK_EQ(gh_sleep_ms(1), 0);
  return arg;
}

struct counts {
  int all, pollers;
};

static struct counts descriptors(void) {
  struct counts counts = {0, 0};
  DIR *directory = opendir("/proc/self/fd");
  struct dirent *entry;
  CHECK(directory != NULL);
  while ((entry = readdir(directory)) != NULL) {
    char target[256];
    ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
    if (length < 0) continue;
    target[length] = '\0';
    counts.all++;
    if (strstr(target, "eventpoll") != NULL) counts.pollers++;
  }
  closedir(directory);
  return counts;
}

int main(void) {
  int pair[2];
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  struct counts before = descriptors();
  for (int i = 0; i < HUBS; i++) {
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, end_busy, pair), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
  }
  struct counts after = descriptors();
  CHECK_EQ(after.pollers, before.pollers);
  CHECK(after.all - before.all <= HUBS);

  /* Closing what the abandoned green threads wait on has nobody to wake. */
  CHECK_EQ(gh_close(pair[0]), 0);
  CHECK_EQ(gh_close(pair[1]), 0);
  CHECK_EQ(gh_sleep_ms(1), 0);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
