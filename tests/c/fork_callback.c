// Callbacks that fork: in the child the root goes on with the wait that it is in, from scratch, and the
// posts that were pending are the parent's alone.
// sanitizer: yes
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static pid_t parent, child = -1;
static int posts;

static void *sleep_for_ever(void *arg) {
  (void)arg;
  gh_sleep_until(GH_NEVER);
  return NULL;
}

static void fork_now(void *arg) {
  (void)arg;
  child = fork();
  CHECK(child >= 0);
}

static void count(void *arg) {
  (void)arg;
  posts++;
}

/* In the child: ends it. In the parent: collects it. */
static void end(void) {
  if (getpid() != parent) _exit(0);
  int status = -1;
  CHECK_EQ(gh_waitpid(child, &status, 0, gh_after_ms(30000)), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

static void fork_in(int64_t ms) {
  CHECK_EQ(gh_timer_start(NULL, gh_after_ms(ms), 0, fork_now, NULL), 0);
}

static void while_joining(void) {
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, sleep_for_ever, NULL), 0);
  fork_in(5);
  int result = gh_join(thread, NULL, gh_after_ms(200));
  CHECK_EQ(result, getpid() == parent ? -ETIMEDOUT : -ESRCH);
  end();
  CHECK_EQ(gh_cancel(thread), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
}

static void while_sleeping(void) {
  int64_t until = gh_after_ms(50);
  fork_in(5);
  CHECK_EQ(gh_sleep_until(until), 0);
  CHECK(gh_now() >= until);
  end();
}

static int fds[2];

static void *send_late(void *arg) {
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(gh_sleep_ms(20), 0);
    CHECK_EQ(gh_send(*(int *)arg, "p", 1, 0, GH_NEVER), 1);
  }
  return NULL;
}

static void fork_and_send(void *arg) {
  fork_now(arg);
  if (child == 0) CHECK_EQ(gh_spawn(NULL, NULL, send_late, &fds[1]), 0);
}

/* Both processes wait for the same socket. The child sends two bytes: each of them takes one. */
static void while_receiving(void) {
  char byte;
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  CHECK_EQ(gh_timer_start(NULL, gh_after_ms(5), 0, fork_and_send, NULL), 0);
  CHECK_EQ(gh_recv(fds[0], &byte, 1, 0, gh_after_ms(30000)), 1);
  if (getpid() != parent) CHECK_EQ(gh_sleep_ms(100), 0);
  end();
  CHECK_EQ(gh_close(fds[0]), 0);
  CHECK_EQ(gh_close(fds[1]), 0);
}

/* The same with gh_poll, and nobody takes anything. */
static void while_polling(void) {
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  CHECK_EQ(gh_timer_start(NULL, gh_after_ms(5), 0, fork_and_send, NULL), 0);
  struct pollfd entry = {fds[0], POLLIN, 0};
  CHECK_EQ(gh_poll(&entry, 1, gh_after_ms(30000)), 1);
  CHECK_EQ(entry.revents, POLLIN);
  end();
  CHECK_EQ(gh_close(fds[0]), 0);
  CHECK_EQ(gh_close(fds[1]), 0);
}

static void while_running(void) {
  gh_hub *hub = gh_hub_current();
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, sleep_for_ever, NULL), 0);
  posts = 0;
  CHECK_EQ(gh_post(hub, fork_now, NULL), 0);
  CHECK_EQ(gh_post(hub, count, NULL), 0);
  CHECK_EQ(gh_post(hub, count, NULL), 0);
  pid_t before = child;
  while (child == before) CHECK_EQ(gh_hub_run_once(hub, gh_after_ms(1000)), child != 0);
  if (child == 0) {
    CHECK_EQ(gh_hub_run(hub), 0);
    CHECK_EQ(posts, 0);
    CHECK_EQ(gh_post(hub, count, NULL), 0);
    CHECK_EQ(gh_hub_run(hub), 0);
    CHECK_EQ(posts, 1);
    _exit(0);
  }
  CHECK_EQ(posts, 2);
  end();
  CHECK_EQ(gh_cancel(thread), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
}

static void *free_later(void *arg) {
  gh_cancel_mask(1);
  CHECK_EQ(gh_sleep_ms(20), 0);
  return arg;
}

int main(void) {
  parent = getpid();
  while_joining();
  while_sleeping();
  while_receiving();
  while_polling();
  while_running();
  CHECK_EQ(gh_spawn(NULL, NULL, free_later, NULL), 0);
  CHECK_EQ(gh_yield(), 0);
  fork_in(5);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(10000)), 0);
  end();
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(10000)), 0);
  return 0;
}
