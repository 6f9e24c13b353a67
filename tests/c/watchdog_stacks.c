// flags: -rdynamic
// emulated: no, no unwinder knows the signal frames of qemu
/* Each kind of call that keeps an OS thread is told of once, by the name of its green thread and by its own
 * stack, down to the entry and no further, also on the smallest stacks. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define LIMIT 30000000

struct seen {
  gh_thread thread;
  char name[64];
  int64_t kept;
  pid_t os_thread;
  int error;
  size_t frames;
  char innermost[64], outermost[64];
  int through; /* frames of `descend` */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct seen seen[16];
static int reports;

static const char *function_of(void *address) {
  Dl_info info;
  return dladdr(address, &info) && info.dli_sname ? info.dli_sname : "?";
}

static void told(const gh_watchdog_report *report, void *arg) {
  struct seen *now;
  size_t at;
  CHECK(arg == &reports);
  CHECK(report->size >= sizeof *report);
  pthread_mutex_lock(&lock);
  CHECK(reports < 16);
  now = &seen[reports];
  now->thread = report->thread;
  snprintf(now->name, sizeof now->name, "%s", report->name);
  now->kept = report->kept;
  now->os_thread = report->os_thread;
  now->error = report->error;
  now->frames = report->frame_count;
  for (at = 0; at < report->frame_count; at++) {
    const char *function = function_of((char *)report->frames[at] - (at > 0));
    if (at == 0) snprintf(now->innermost, 64, "%s", function);
    snprintf(now->outermost, 64, "%s", function);
    now->through += strcmp(function, "descend") == 0;
  }
  reports++;
  pthread_mutex_unlock(&lock);
}

static int count(void) {
  int value;
  pthread_mutex_lock(&lock);
  value = reports;
  pthread_mutex_unlock(&lock);
  return value;
}

static int fds[2];
static int before;

/* Each keeps its OS thread until it has been told of. */
static void by_nanosleep(void) {
  while (count() == before) {
    struct timespec time = {0, 500000000};
    /* The signal ends it early: a call that never restarts. */
    CHECK(nanosleep(&time, NULL) == 0 || errno == EINTR);
  }
}

static void by_reading(void) {
  char byte;
  /* Restarts behind the signal, and ends when main's helper writes. */
  CHECK_EQ(read(fds[0], &byte, 1), 1);
}

static void by_computing(void) {
  while (count() == before) {
  }
}

void (*volatile keep)(void);

/* Not in one frame, and not in the last call's place. */
__attribute__((noinline)) int descend(int depth) {
  volatile int kept = depth;
  if (depth == 0) {
    keep();
  } else {
    kept += descend(depth - 1);
  }
  return kept;
}

void *entry_of_stuck(void *arg) {
  descend(4);
  return arg;
}

static void *write_when_told(void *arg) {
  while (count() == before) usleep(1000);
  CHECK_EQ(write(fds[1], "x", 1), 1);
  return arg;
}

static void try(void (*how)(void), size_t stack_size) {
  gh_spawn_options options;
  gh_thread stuck;
  pthread_t writer;
  struct seen *now;
  int64_t began = gh_now();

  before = count();
  CHECK(before < 16);
  keep = how;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.name = "stuck";
  options.stack_size = stack_size;
  CHECK_EQ(gh_spawn(&stuck, &options, entry_of_stuck, NULL), 0);
  CHECK_EQ(pthread_create(&writer, NULL, write_when_told, NULL), 0);
  CHECK_EQ(gh_join(stuck, NULL, GH_NEVER), 0);
  CHECK_EQ(pthread_join(writer, NULL), 0);
  if (how != by_reading) {
    char byte;
    CHECK_EQ(read(fds[0], &byte, 1), 1);
  }

  CHECK_EQ(count(), before + 1);
  now = &seen[before];
  CHECK(now->thread == stuck);
  CHECK(strcmp(now->name, "stuck") == 0);
  CHECK(now->kept >= LIMIT);
  CHECK(now->kept <= gh_now() - began);
  CHECK_EQ(now->os_thread, gettid());
  CHECK_EQ(now->error, 0);
  CHECK_EQ(now->through, 5);
  fprintf(stderr, "%zu frames from %s to %s\n", now->frames, now->innermost, now->outermost);
  CHECK(strcmp(now->outermost, "entry_of_stuck") == 0);
}

int main(void) {
  gh_watchdog_options options;

  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.limit = LIMIT;
  options.callback = told;
  options.arg = &reports;
  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(gh_watchdog_start(&options), 0);
  try(by_nanosleep, 0);
  try(by_reading, 0);
  try(by_computing, 0);
  try(by_nanosleep, 16384);
  try(by_reading, 16384);
  try(by_computing, 16384);
  CHECK_EQ(gh_watchdog_stop(), 0);
  return 0;
}
