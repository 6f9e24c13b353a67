// valgrind: yes
/* The program itself is patched: libc's sleeping functions let the other green threads run, tell what
 * libc tells, and are libc's own again after gh_unpatch(), in a pause, and on a thread without a hub. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define THREADS 100
#define MS 1000000L

static int running, most;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *sleeper(void *arg) {
  long which = (long)arg;
  struct timespec span = {0, 200 * MS}, left = {7, 7}, until;
  int64_t start = now();
  if (++running > most)
    most = running;
  errno = 77;
  switch (which % 4) {
  case 0:
    CHECK(nanosleep(&span, &left) == 0);
    CHECK(left.tv_sec == 7);
    break;
  case 1:
    CHECK(usleep(200000) == 0);
    break;
  case 2:
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL) == 0);
    break;
  default:
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 200 * MS;
    if (until.tv_nsec >= 1000 * MS) {
      until.tv_nsec -= 1000 * MS;
      until.tv_sec++;
    }
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) == 0);
  }
  CHECK(errno == 77);
  CHECK(now() - start >= 199 * MS);
  running--;
  return NULL;
}

static int64_t all_sleep(void) {
  gh_thread threads[THREADS];
  int64_t start = now();
  most = 0;
  for (long i = 0; i < THREADS; i++)
    CHECK(gh_spawn(&threads[i], NULL, sleeper, (void *)i) == 0);
  for (int i = 0; i < THREADS; i++)
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
  return now() - start;
}

static void *short_sleep(void *arg) {
  struct timespec span = {0, 20 * MS};
  (void)arg;
  CHECK(nanosleep(&span, NULL) == 0);
  return NULL;
}

static void *paused(void *arg) {
  (void)arg;
  CHECK(gh_patch_pause() == 0);
  CHECK(gh_patch_pause() == 0);
  CHECK(gh_patch_resume() == 0);
  int *other = arg;
  int before = *other;
  usleep(50000);
  CHECK(*other == before);
  CHECK(gh_patch_resume() == 0);
  CHECK(gh_patch_resume() == -EPERM);
  usleep(50000);
  CHECK(*other > before);
  return NULL;
}

static void *counter(void *arg) {
  for (int i = 0; i < 50; i++) {
    ++*(int *)arg;
    gh_sleep_ms(1);
  }
  return NULL;
}

static void *canceled(void *arg) {
  struct timespec span = {30, 0};
  (void)arg;
  CHECK(nanosleep(&span, &span) == -1 && errno == ECANCELED);
  CHECK(span.tv_sec == 30);
  return NULL;
}

static int sees_nanosleep(const gh_patched *patched, void *arg) {
  CHECK(patched->size == sizeof *patched && patched->slots > 0);
  CHECK(patched->families == GH_PATCH_SLEEP && patched->module[0] == '/');
  if (strcmp(patched->function, "nanosleep") == 0)
    ++*(int *)arg;
  return 0;
}

int main(void) {
  struct timespec wrong = {0, 1000 * MS}, span = {0, MS};
  gh_thread thread, other;
  pthread_t plain;
  int count = 0, seen = 0;

  CHECK(gh_patch(0) == -EINVAL);
  CHECK(gh_patch(256) == -EINVAL);
  CHECK(gh_patch_module(NULL, NULL, GH_PATCH_ALL) == -EINVAL);
  CHECK(gh_patch_module("no such object", NULL, GH_PATCH_ALL) == -ENOENT);
  CHECK(gh_patch_module("libc.so.6", NULL, GH_PATCH_ALL) == -ENOENT);
  CHECK(gh_patch_info(NULL, NULL) == 0);
  CHECK(gh_patch_module("", NULL, GH_PATCH_WAIT) == 0);

  int changed = gh_patch_module("", NULL, GH_PATCH_SLEEP);
  CHECK(changed >= 3);
  CHECK(gh_patch_info(sees_nanosleep, &seen) == changed && seen == 1);
  CHECK(gh_unpatch() == changed);
  CHECK(gh_patch_info(NULL, NULL) == 0);

  void *self = dlopen(NULL, RTLD_LAZY);
  CHECK(gh_patch_module(NULL, self, GH_PATCH_SLEEP) == changed);
  CHECK(gh_patch(GH_PATCH_SLEEP) >= 0);
  CHECK(gh_patch(GH_PATCH_SLEEP) == 0);

  int64_t took = all_sleep();
  CHECK(most == THREADS);
  CHECK(took < 5000 * MS);

  CHECK(nanosleep(&wrong, NULL) == -1 && errno == EINVAL);
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL) == EINVAL);
  CHECK(clock_nanosleep(99, 0, &span, NULL) == EINVAL);
  CHECK(sleep(0) == 0 && usleep(0) == 0);

  CHECK(gh_spawn(&thread, NULL, canceled, NULL) == 0);
  gh_yield();
  CHECK(gh_cancel(thread) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);

  CHECK(gh_spawn(&thread, NULL, paused, &count) == 0);
  CHECK(gh_spawn(&other, NULL, counter, &count) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  CHECK(gh_join(other, NULL, GH_NEVER) == 0);

  CHECK(pthread_create(&plain, NULL, short_sleep, NULL) == 0);
  CHECK(pthread_join(plain, NULL) == 0);

  CHECK(gh_unpatch() >= changed);
  most = 0;
  CHECK(gh_spawn(&thread, NULL, sleeper, NULL) == 0);
  CHECK(gh_spawn(&other, NULL, sleeper, NULL) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  CHECK(gh_join(other, NULL, GH_NEVER) == 0);
  CHECK(most == 1);
  return 0;
}
