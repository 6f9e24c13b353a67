// Forks while other OS threads look at the loader's list of objects, on behalf of a patch and of a hub that is about to
// wait: the child can look at it too.
// timeout: 120
// emulated: no, qemu does not carry its own threads over a fork
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define FORKS 300

static atomic_int stop;
static atomic_long walks, waits;

static void *patches(void *arg) {
  while (!atomic_load(&stop)) {
    CHECK(gh_unpatch() >= 0);
    atomic_fetch_add(&walks, 1);
  }
  return arg;
}

static void *sleeps(void *arg) {
  while (!atomic_load(&stop)) {
    CHECK_EQ(gh_sleep_until(gh_now() + 1000), 0);
    atomic_fetch_add(&waits, 1);
  }
  return arg;
}

int main(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&threads[i], NULL, i % 2 ? sleeps : patches, NULL), 0);
  while (atomic_load(&walks) == 0 || atomic_load(&waits) == 0) usleep(100);
  for (int i = 0; i < FORKS; i++) {
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      alarm(20);
      CHECK(gh_unpatch() >= 0);
      CHECK_EQ(gh_sleep_until(gh_now() + 1000), 0);
      _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
  }
  atomic_store(&stop, 1);
  for (int i = 0; i < 4; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
  return 0;
}
