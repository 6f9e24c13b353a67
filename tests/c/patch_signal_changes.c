// timeout: 120
/* What one OS thread installs while another one patches and unpatches is what is installed in the end. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static volatile int over;

static void first(int signal) {
  (void)signal;
}

static void second(int signal) {
  (void)signal;
}

static int is_installed(const struct sigaction *wanted) {
  struct sigaction found;
  CHECK(sigaction(SIGUSR1, NULL, &found) == 0);
  return found.sa_handler == wanted->sa_handler &&
         ((found.sa_flags ^ wanted->sa_flags) & SA_RESTART) == 0 &&
         sigismember(&found.sa_mask, SIGUSR2) == sigismember(&wanted->sa_mask, SIGUSR2);
}

static void *installs(void *arg) {
  void (*handlers[4])(int) = {first, second, SIG_IGN, SIG_DFL};
  (void)arg;
  for (unsigned round = 0; !over; round++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handlers[round % 4];
    action.sa_flags = round % 3 ? SA_RESTART : 0;
    if (round % 5 == 0)
      sigaddset(&action.sa_mask, SIGUSR2);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    for (volatile unsigned i = 0; i < round % 500; i++)
      ;
    /* For a moment it may be the one before. */
    for (int i = 0; !is_installed(&action); i++) {
      CHECK(i < 2000);
      usleep(1000);
    }
  }
  return NULL;
}

int main(void) {
  pthread_t thread;
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  CHECK(pthread_create(&thread, NULL, installs, NULL) == 0);
  for (int i = 0; i < 400; i++) {
    CHECK(gh_patch(GH_PATCH_ALL) >= 0);
    CHECK(gh_unpatch() > 0);
  }
  over = 1;
  CHECK(pthread_join(thread, NULL) == 0);
  return 0;
}
