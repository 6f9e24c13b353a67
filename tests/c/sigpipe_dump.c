/* SIGPIPE keeps its default action, which ends the process, and gh_hub_dump to a reader that has
 * gone gives -EPIPE. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static void *sleep_for_ever(void *arg) {
  gh_sleep_until(GH_NEVER);
  return arg;
}

static int sigpipe_pending(void) {
  sigset_t pending;
  CHECK_EQ(sigpending(&pending), 0);
  return sigismember(&pending, SIGPIPE);
}

int main(void) {
  signal(SIGPIPE, SIG_DFL);
  int pipes[2], sockets[2];
  CHECK_EQ(pipe(pipes), 0);
  CHECK_EQ(close(pipes[0]), 0);
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  CHECK_EQ(close(sockets[0]), 0);
  int ends[] = {pipes[1], sockets[1]};
  gh_hub *hub = gh_hub_current();
  for (int threads = 0; threads < 100; threads += 50) {
    for (int end = 0; end < 2; end++) {
      CHECK_EQ(gh_hub_dump(hub, ends[end]), -EPIPE);
      CHECK_EQ(sigpipe_pending(), 0);
    }
    for (int i = 0; i < 50; i++) CHECK_EQ(gh_spawn(NULL, NULL, sleep_for_ever, NULL), 0);
    CHECK_EQ(gh_yield(), 0);
  }

  /* Blocked and pending before the call, so it is the host's own. */
  sigset_t pipe_only;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  CHECK_EQ(sigprocmask(SIG_BLOCK, &pipe_only, NULL), 0);
  CHECK_EQ(raise(SIGPIPE), 0);
  CHECK_EQ(gh_hub_dump(hub, ends[0]), -EPIPE);
  CHECK_EQ(sigpipe_pending(), 1);

  CHECK_EQ(gh_hub_free(hub, gh_after_ms(5000)), 0);
  return 0;
}
