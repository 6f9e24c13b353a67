// flags: -ldl -Wno-pedantic -Wl,-rpath,/nowhere
// emulated: no, it compiles libraries as it runs
/* An OS thread whose search paths are its own loads something and ends before anybody has looked at it: others
 * catch up for it, once and not at every dlsym(3) from then on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define LOOKS 1000
#define LIMIT 50000000

static char folder[] = P_tmpdir "/greenhub-ended-XXXXXX";
static char path[100];
static volatile int ticks, over;

static void *loads(void *arg) {
  *(void **)arg = dlopen(path, RTLD_NOW);
  return NULL;
}

static void *ticker(void *arg) {
  (void)arg;
  while (!over) {
    ticks++;
    gh_sleep_ms(1);
  }
  return NULL;
}

static void build(void) {
  char command[400];
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/libnap.so", folder);
  snprintf(command, sizeof command,
           "echo '#include <unistd.h>\nint nap(void) { return usleep(50000); }' |"
           " gcc -shared -fPIC -x c -o %s -",
           path);
  CHECK(system(command) == 0);
}

static int64_t looking(void *handle) {
  int64_t began = gh_now();
  for (int i = 0; i < LOOKS; i++)
    CHECK(dlsym(handle, "nap") != NULL);
  return gh_now() - began;
}

int main(void) {
  pthread_t thread;
  gh_thread beside;
  void *handle = NULL;
  int status;
  build();
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  CHECK(pthread_create(&thread, NULL, loads, &handle) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(handle != NULL);

  pid_t child = fork();
  if (child == 0)
    _exit(dlsym(handle, "nap") != NULL && looking(handle) < LIMIT ? 0 : 1);
  CHECK(waitpid(child, &status, 0) == child && status == 0);

  int (*nap)(void) = (int (*)(void))dlsym(handle, "nap");
  CHECK(nap != NULL);
  CHECK(gh_spawn(&beside, NULL, ticker, NULL) == 0);
  gh_yield();
  int before = ticks;
  CHECK(nap() == 0);
  CHECK(ticks > before);
  CHECK(looking(handle) < LIMIT);
  over = 1;
  CHECK(gh_join(beside, NULL, GH_NEVER) == 0);
  CHECK(dlclose(handle) == 0);
  CHECK(unlink(path) == 0 && rmdir(folder) == 0);
  return 0;
}
