// A hundred children forked by green threads while others echo: no echo is lost or wrong, every child
// goes on with a hub of its own, and every one is collected.
// timeout: 120
// sanitizer: yes
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define CHILDREN 100
#define AT_ONCE 10
#define PAIRS 8

static int ended;
static long echoes;

static void *answer(void *arg) {
  int fd = *(int *)arg;
  uint32_t word;
  while (gh_recv_exact(fd, &word, sizeof word, 0, NULL, GH_NEVER) == sizeof word) {
    CHECK_EQ(gh_send_all(fd, &word, sizeof word, 0, NULL, GH_NEVER), sizeof word);
  }
  return NULL;
}

static void *ask(void *arg) {
  int fd = *(int *)arg;
  for (uint32_t count = 0; ended < CHILDREN; count++) {
    uint32_t word = 0;
    CHECK_EQ(gh_send_all(fd, &count, sizeof count, 0, NULL, gh_after_ms(60000)), sizeof count);
    CHECK_EQ(gh_recv_exact(fd, &word, sizeof word, 0, NULL, gh_after_ms(60000)), sizeof word);
    CHECK_EQ(word, count);
    echoes++;
    if (count % 16 == 0) CHECK_EQ(gh_sleep_ms(1), 0);
  }
  CHECK_EQ(gh_shutdown(fd, SHUT_WR), 0);
  return NULL;
}

static void *nap(void *arg) {
  CHECK_EQ(gh_sleep_ms(3), 0);
  return arg;
}

static void pair(int fds[2]) {
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void fired(void *arg) { ++*(int *)arg; }

static void *finish_child(void *arg) {
  (void)arg;
  CHECK_EQ(gh_sleep_ms(1), 0);
  _exit(0);
}

/* What a child does: everything that needs a hub. `mother` forked nobody: she is gone here. */
static void live(gh_thread self, gh_thread mother) {
  CHECK_EQ(gh_self(), self);
  CHECK_EQ(gh_join(mother, NULL, GH_NEVER), -ESRCH);
  CHECK_EQ(gh_cancel(mother), -ESRCH);
  gh_stats stats;
  CHECK_EQ(gh_hub_stats(gh_hub_current(), &stats, sizeof stats), 0);
  CHECK_EQ(stats.live, 0);
  CHECK_EQ(stats.timers, 0);
  CHECK_EQ(stats.descriptors, 0);

  int64_t until = gh_after_ms(5);
  CHECK_EQ(gh_sleep_until(until), 0);
  CHECK(gh_now() >= until);
  int times = 0;
  CHECK_EQ(gh_timer_start(NULL, gh_after_ms(1), 0, fired, &times), 0);

  gh_thread threads[4], server;
  for (intptr_t i = 0; i < 4; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, nap, (void *)i), 0);
  int fds[2];
  pair(fds);
  CHECK_EQ(gh_spawn(&server, NULL, answer, &fds[1]), 0);
  for (uint32_t i = 0; i < 50; i++) {
    uint32_t word = 0;
    CHECK_EQ(gh_send_all(fds[0], &i, sizeof i, 0, NULL, gh_after_ms(60000)), sizeof i);
    CHECK_EQ(gh_recv_exact(fds[0], &word, sizeof word, 0, NULL, gh_after_ms(60000)), sizeof word);
    CHECK_EQ(word, i);
  }
  CHECK_EQ(gh_close(fds[0]), 0);
  CHECK_EQ(gh_join(server, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_close(fds[1]), 0);
  for (intptr_t i = 0; i < 4; i++) {
    void *result;
    CHECK_EQ(gh_join(threads[i], &result, GH_NEVER), 0);
    CHECK_EQ((intptr_t)result, i);
  }
  CHECK_EQ(times, 1);
}

static gh_thread root;

static void *have_child(void *arg) {
  intptr_t number = (intptr_t)arg;
  gh_thread self = gh_self();
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    live(self, root);
    switch (number % 4) {
      case 0: exit(0);
      case 1: return NULL; /* Ends the child like a return from main. */
      case 2:
        CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(10000)), 0);
        CHECK_EQ(gh_sleep_ms(1), 0); /* On yet another hub. */
        return NULL;
      default:
        CHECK_EQ(gh_spawn(NULL, NULL, finish_child, NULL), 0);
        CHECK_EQ(gh_sleep_ms(60000), 0);
        _exit(1);
    }
  }
  int status = -1;
  CHECK_EQ(gh_waitpid(child, &status, 0, gh_after_ms(60000)), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
  ended++;
  return NULL;
}

int main(void) {
  static int fds[PAIRS][2];
  gh_thread echo[2 * PAIRS];
  CHECK(gh_hub_current() != NULL);
  root = gh_self();
  for (int i = 0; i < PAIRS; i++) {
    pair(fds[i]);
    CHECK_EQ(gh_spawn(&echo[2 * i], NULL, answer, &fds[i][1]), 0);
    CHECK_EQ(gh_spawn(&echo[2 * i + 1], NULL, ask, &fds[i][0]), 0);
  }
  for (intptr_t made = 0; made < CHILDREN; made += AT_ONCE) {
    gh_thread mothers[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) {
      CHECK_EQ(gh_spawn(&mothers[i], NULL, have_child, (void *)(made + i)), 0);
    }
    for (int i = 0; i < AT_ONCE; i++) CHECK_EQ(gh_join(mothers[i], NULL, GH_NEVER), 0);
  }
  for (int i = 0; i < 2 * PAIRS; i++) CHECK_EQ(gh_join(echo[i], NULL, GH_NEVER), 0);
  CHECK_EQ(ended, CHILDREN);
  CHECK(echoes > CHILDREN);
  CHECK_EQ(gh_waitpid(-1, NULL, WNOHANG, 0), -ECHILD);
  for (int i = 0; i < PAIRS; i++) {
    CHECK_EQ(gh_close(fds[i][0]), 0);
    CHECK_EQ(gh_close(fds[i][1]), 0);
  }
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(10000)), 0);
  return 0;
}
