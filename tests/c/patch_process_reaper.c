/* A handler of SIGCHLD that collects whatever it finds: system(3) keeps it from its shell, in green threads as
 * in others, and it runs once the last of them is done. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define SHELLS 5

static volatile int called, collected;
static int over;

static void collects(int signal) {
  int number = errno;
  (void)signal;
  called++;
  while (waitpid(-1, NULL, WNOHANG) > 0)
    collected++;
  errno = number;
}

static void *shell(void *arg) {
  (void)arg;
  CHECK_EQ(system("sleep 0.2; exit 7"), 7 << 8);
  over++;
  return NULL;
}

static void *forks(void *arg) {
  (void)arg;
  pid_t child = fork();
  if (child == 0) {
    /* Nobody is in system(3) here. */
    pid_t own = fork();
    if (own == 0)
      _exit(0);
    for (int i = 0; called == 0 && i < 1000; i++)
      usleep(1000);
    _exit(called > 0 && collected == 1 ? 0 : 1);
  }
  CHECK(child > 0);
  return NULL;
}

int main(void) {
  gh_thread threads[SHELLS + 1];
  CHECK(signal(SIGCHLD, collects) == SIG_DFL);
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  for (int round = 1; round <= 3; round++) {
    called = collected = 0;
    over = 0;
    for (int i = 0; i < SHELLS; i++)
      CHECK(gh_spawn(&threads[i], NULL, shell, NULL) == 0);
    gh_sleep_ms(20);
    CHECK(gh_spawn(&threads[SHELLS], NULL, forks, NULL) == 0);
    for (int i = 0; i <= SHELLS; i++)
      CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
    CHECK_EQ(over, SHELLS);
    for (int i = 0; collected == 0 && i < 5000; i++)
      usleep(1000);
    CHECK(called > 0);
    CHECK_EQ(collected, 1);
  }
  CHECK_EQ(system("exit 3"), 3 << 8);
  return 0;
}
