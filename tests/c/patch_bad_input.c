// flags: -ldl
// sanitizer: yes
// valgrind: yes
/* Everything wrong for gh_patch() and its like, and every place to call them from: constructors, callbacks,
 * visitors, green threads, OS threads without a hub, many at once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static int in_constructor = -1, in_callback, callbacks;

__attribute__((constructor)) static void before_main(void) {
  in_constructor = gh_patch(GH_PATCH_SLEEP);
  CHECK_EQ(gh_unpatch(), in_constructor);
}

static int stops_with(const gh_patched *patched, void *arg) {
  CHECK(patched->size == sizeof *patched && patched->slots > 0 && patched->reserved == 0);
  CHECK(patched->module[0] != '\0' && patched->function[0] != '\0');
  return *(int *)arg;
}

/* A visitor may do what it likes: nothing is locked. */
static int calls_back(const gh_patched *patched, void *arg) {
  int *seen = arg;
  (void)patched;
  CHECK(gh_patch(GH_PATCH_ALL) == 0);
  CHECK(gh_patch_info(NULL, NULL) > 0);
  if (++*seen == 1) CHECK(gh_unpatch() > 0 && gh_patch(GH_PATCH_ALL) > 0);
  return 0;
}

static void callback(void *arg) {
  (void)arg;
  in_callback = gh_patch(GH_PATCH_ALL);
  CHECK(in_callback >= 0 && gh_patch_info(NULL, NULL) > 0);
  CHECK_EQ(gh_patch_pause(), GH_ENOTGREEN);
  CHECK_EQ(gh_patch_resume(), GH_ENOTGREEN);
  /* A callback must not wait: libc's own. */
  CHECK_EQ(usleep(1000), 0);
  callbacks++;
}

static void *pauses(void *arg) {
  (void)arg;
  CHECK_EQ(gh_patch_resume(), -EPERM);
  for (int i = 0; i < 255; i++) CHECK_EQ(gh_patch_pause(), 0);
  CHECK_EQ(gh_patch_pause(), -EOVERFLOW);
  CHECK_EQ(usleep(100), 0);
  for (int i = 0; i < 255; i++) CHECK_EQ(gh_patch_resume(), 0);
  CHECK_EQ(gh_patch_resume(), -EPERM);
  return NULL;
}

static void *patches(void *arg) {
  (void)arg;
  for (int i = 0; i < 10; i++) {
    CHECK(gh_patch(1u << (i % 8)) >= 0);
    CHECK(gh_patch_info(NULL, NULL) >= 0);
    CHECK(gh_patch_module("", NULL, GH_PATCH_ALL) >= 0);
    if (i % 3 == 0) CHECK(gh_unpatch() >= 0);
  }
  return NULL;
}

static void wrong_arguments(void) {
  static const uint32_t FLAGS[] = {0, 256, 511, UINT32_MAX, 1u << 31};
  static const char *const PATHS[] = {"no such object", "/no/such/object.so", "libc.so.6", "libc", ".", "/",
                                      "ld-linux-x86-64.so.2", "libgreenhub.so.0"};
  static char longest[1 << 16];
  void *self = dlopen(NULL, RTLD_LAZY);
  for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
    CHECK_EQ(gh_patch(FLAGS[i]), -EINVAL);
    CHECK_EQ(gh_patch_module("", NULL, FLAGS[i]), -EINVAL);
    CHECK_EQ(gh_patch_module(NULL, self, FLAGS[i]), -EINVAL);
    CHECK_EQ(gh_patch_module(NULL, NULL, FLAGS[i]), -EINVAL);
  }
  CHECK_EQ(gh_patch_module(NULL, NULL, GH_PATCH_ALL), -EINVAL);
  CHECK_EQ(gh_patch_module("", self, GH_PATCH_ALL), -EINVAL);
  for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
    CHECK_EQ(gh_patch_module(PATHS[i], NULL, GH_PATCH_ALL), -ENOENT);
  memset(longest, 'x', sizeof longest - 1);
  CHECK_EQ(gh_patch_module(longest, NULL, GH_PATCH_ALL), -ENOENT);
  CHECK_EQ(gh_patch_info(NULL, longest), 0);
  CHECK_EQ(gh_unpatch(), 0);
  CHECK_EQ(dlclose(self), 0);
}

int main(void) {
  int verdict, seen = 0;
  gh_thread threads[4];
  gh_timer timer;
  pthread_t os_threads[4];
  errno = 77;
  CHECK(in_constructor > 0);
  wrong_arguments();

  /* On an OS thread that has no hub, nobody's hooks are to be paused; one is made for who asks. */
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  for (verdict = -3; verdict < 4; verdict += 3) {
    int got = gh_patch_info(stops_with, &verdict);
    if (verdict != 0) CHECK_EQ(got, verdict);
    if (verdict == 0) CHECK(got > 0);
  }
  CHECK(gh_patch_info(calls_back, &seen) > 0 && seen > 0);
  CHECK(errno == 77);

  CHECK_EQ(gh_spawn(&threads[0], NULL, pauses, NULL), 0);
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);
  pauses(NULL);

  CHECK_EQ(gh_timer_start(&timer, gh_after_ms(1), 0, callback, NULL), 0);
  CHECK_EQ(gh_sleep_ms(20), 0);
  CHECK_EQ(callbacks, 1);

  for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&os_threads[i], NULL, patches, NULL), 0);
  for (int i = 0; i < 4; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, patches, NULL), 0);
  for (int i = 0; i < 4; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  for (int i = 0; i < 4; i++) CHECK_EQ(pthread_join(os_threads[i], NULL), 0);
  CHECK(gh_unpatch() >= 0);
  CHECK_EQ(gh_patch_info(NULL, NULL), 0);
  return 0;
}
