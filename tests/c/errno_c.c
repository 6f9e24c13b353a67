// sanitizer: yes
/* errno as a C program sees it: each green thread keeps its own across every wait, although the
 * compiler may keep the address of errno in a register. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define THREADS 20
#define ROUNDS 50

static int sockets[2];

static void *worker(void *arg) {
  int own = (int)(intptr_t)arg;
  char byte;
  errno = own;
  for (int round = 0; round < ROUNDS; round++) {
    CHECK_EQ(gh_yield(), 0);
    CHECK_EQ(errno, own);
    CHECK_EQ(gh_sleep_until(gh_after_ns(10000)), 0);
    CHECK_EQ(errno, own);
    CHECK_EQ(gh_recv(sockets[0], &byte, 1, 0, gh_after_ns(1000)), -ETIMEDOUT);
    CHECK_EQ(errno, own);
    CHECK_EQ(gh_recv(-1, &byte, 1, 0, GH_NEVER), -EBADF);
    CHECK_EQ(errno, own);
    /* The system's own calls set it, as ever. */
    CHECK_EQ(close(-1), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(gh_yield(), 0);
    CHECK_EQ(errno, EBADF);
    errno = own;
  }
  return NULL;
}

static void on_timer(void *arg) {
  (void)arg;
  errno = 4444;
}

int main(void) {
  gh_thread threads[THREADS];
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  gh_timer timer;
  CHECK_EQ(gh_timer_start(&timer, 0, 100000, on_timer, NULL), 0);
  errno = 1000;
  for (int n = 0; n < THREADS; n++) {
    CHECK_EQ(gh_spawn(&threads[n], NULL, worker, (void *)(intptr_t)(n + 1)), 0);
  }
  for (int n = 0; n < THREADS; n++) {
    CHECK_EQ(gh_join(threads[n], NULL, GH_NEVER), 0);
    CHECK_EQ(errno, 1000);
  }
  CHECK_EQ(gh_timer_cancel(timer), 0);
  gh_close(sockets[0]);
  gh_close(sockets[1]);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  CHECK_EQ(errno, 1000);
  return 0;
}
