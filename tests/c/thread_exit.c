// emulated: no, the memory is the emulator's
/* OS threads that end without freeing their hub: no crash, and an idle hub's memory, descriptors
 * and mappings are given back. A hub with live green threads may stay, but does no harm. */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static gh_hub *last_hub;

static void *work(void *arg) {
  volatile char room[32 * 1024];
  for (size_t at = 0; at < sizeof room; at += 1024) room[at] = 1;
  CHECK_EQ(gh_sleep_until(gh_after_ns(1000)), 0);
  return arg;
}

static void *sleep_for_ever(void *arg) {
  gh_sleep_until(GH_NEVER);
  return arg;
}

static void *end_idle(void *arg) {
  gh_thread threads[8];
  for (int i = 0; i < 8; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, work, NULL), 0);
  for (int i = 0; i < 8; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  last_hub = gh_hub_current();
  return arg;
}

static void *end_unused(void *arg) {
  last_hub = gh_hub_current();
  return arg;
}

static void *end_busy(void *arg) {
  CHECK_EQ(gh_spawn(NULL, NULL, sleep_for_ever, NULL), 0);
  CHECK_EQ(gh_yield(), 0);
  return arg;
}

/* By pthread_exit from the root: the stack is unwound on the way. */
static void *end_by_exit(void *arg) {
  end_idle(arg);
  pthread_exit(arg);
}

static void run(void *(*entry)(void *)) {
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, entry, NULL), 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
}

static long resident_kib(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  long total, resident;
  CHECK(file != NULL);
  CHECK_EQ(fscanf(file, "%ld %ld", &total, &resident), 2);
  fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int lines_of(const char *path) {
  FILE *file = fopen(path, "r");
  int lines = 0, c;
  CHECK(file != NULL);
  while ((c = getc(file)) != EOF) lines += c == '\n';
  fclose(file);
  return lines;
}

static int open_descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  int count = 0;
  CHECK(directory != NULL);
  while (readdir(directory) != NULL) count++;
  closedir(directory);
  return count;
}

int main(void) {
  void *(*idle[])(void *) = {end_idle, end_unused, end_by_exit};
  for (int i = 0; i < 3; i++) {
    for (int warm = 0; warm < 20; warm++) run(idle[i]);
  }
  long before = resident_kib();
  int descriptors = open_descriptors();
  int mappings = lines_of("/proc/self/maps");
  for (int i = 0; i < 3; i++) {
    for (int n = 0; n < 300; n++) {
      run(idle[i]);
      CHECK_EQ(gh_hub_stop(last_hub), GH_ENOHUB);
    }
  }
  /* 900 hubs with eight used stacks each would be some 300 MiB. */
  CHECK(resident_kib() - before < 16 * 1024);
  CHECK_EQ(open_descriptors(), descriptors);
  CHECK(lines_of("/proc/self/maps") < mappings + 20);

  for (int n = 0; n < 10; n++) run(end_busy);

  /* The OS thread that goes on has not noticed. */
  end_idle(NULL);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
