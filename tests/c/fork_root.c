// The root forks: the child has a poller of its own and nobody but the root, the parent keeps its
// events. Then the child forks in its turn, frees its hub, and makes another.
// sanitizer: yes
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static int received;

static void *receive(void *arg) {
  char byte;
  CHECK_EQ(gh_recv(*(int *)arg, &byte, 1, 0, gh_after_ms(30000)), 1);
  received++;
  return NULL;
}

static void *sleep_for_ever(void *arg) {
  (void)arg;
  gh_sleep_until(GH_NEVER);
  return NULL;
}

static void *nothing(void *arg) { return arg; }

static void never(void *arg) {
  (void)arg;
  CHECK(!"a timer or post of the parent fired in the child");
}

static void pair(int fds[2]) {
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

/* Open descriptors whose name in /proc contains `kind`. */
static int count_open(const char *kind) {
  DIR *folder = opendir("/proc/self/fd");
  CHECK(folder != NULL);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char target[256];
    ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
    if (length < 0) continue;
    target[length] = '\0';
    count += strstr(target, kind) != NULL;
  }
  closedir(folder);
  return count;
}

static void must_end_well(pid_t child) {
  int status = -1;
  CHECK_EQ(gh_waitpid(child, &status, 0, gh_after_ms(30000)), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

/* Waits for a byte that a green thread of this process sends. */
static void talk(void) {
  int fds[2];
  gh_thread thread;
  int before = received;
  pair(fds);
  CHECK_EQ(gh_spawn(&thread, NULL, receive, &fds[0]), 0);
  CHECK_EQ(gh_sleep_ms(2), 0);
  CHECK_EQ(gh_send(fds[1], "x", 1, 0, GH_NEVER), 1);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(received, before + 1);
  CHECK_EQ(gh_close(fds[0]), 0);
  CHECK_EQ(gh_close(fds[1]), 0);
}

int main(void) {
  gh_hub *hub = gh_hub_current();
  gh_thread root = gh_self();
  int fds[2];
  pair(fds);
  gh_thread waiting, sleeping, unjoined;
  gh_timer timer;
  CHECK_EQ(gh_spawn(&waiting, NULL, receive, &fds[0]), 0);
  CHECK_EQ(gh_spawn(&sleeping, NULL, sleep_for_ever, NULL), 0);
  CHECK_EQ(gh_spawn(&unjoined, NULL, nothing, NULL), 0);
  CHECK_EQ(gh_sleep_ms(2), 0);
  CHECK(gh_hub_fd(hub) >= 0);
  CHECK_EQ(count_open("[eventpoll]"), 1);
  CHECK_EQ(count_open("[eventfd]"), 1);
  int report[2];
  CHECK_EQ(pipe(report), 0);

  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK_EQ(count_open("[eventpoll]"), 0);
    CHECK_EQ(count_open("[eventfd]"), 0);
    CHECK(gh_hub_current() == hub);
    CHECK_EQ(gh_self(), root);
    CHECK_EQ(gh_join(waiting, NULL, GH_NEVER), -ESRCH);
    CHECK_EQ(gh_cancel(sleeping), -ESRCH);
    CHECK_EQ(gh_detach(unjoined), -ESRCH);
    talk();
    CHECK_EQ(count_open("[eventpoll]"), 1);
    CHECK_EQ(count_open("[eventfd]"), 1);
    CHECK(gh_hub_fd(hub) >= 0);
    CHECK_EQ(gh_hub_run(hub), 0);
    CHECK_EQ(gh_close(fds[0]), 0);
    /* The parent's waiter must get what is sent while this process polls. */
    CHECK_EQ(write(report[1], "g", 1), 1);
    CHECK_EQ(gh_sleep_ms(50), 0);
    CHECK_EQ(received, 1);

    /* A timer and a green thread of the child, which its own child must not have. */
    CHECK_EQ(gh_timer_start(&timer, gh_after_ms(60), 0, never, NULL), 0);
    CHECK_EQ(gh_spawn(&waiting, NULL, sleep_for_ever, NULL), 0);
    CHECK_EQ(gh_yield(), 0);
    CHECK_EQ(gh_post(hub, never, NULL), 0);
    pid_t grandchild = fork();
    CHECK(grandchild >= 0);
    if (grandchild == 0) {
      CHECK_EQ(gh_timer_cancel(timer), -ESRCH);
      CHECK_EQ(gh_cancel(waiting), -ESRCH);
      talk();
      CHECK_EQ(gh_sleep_ms(80), 0);
      CHECK_EQ(gh_hub_free(hub, gh_after_ms(1000)), 0);
      CHECK_EQ(gh_post(hub, never, NULL), GH_ENOHUB);
      CHECK_EQ(count_open("[eventpoll]"), 0);
      talk();
      CHECK(gh_hub_current() != hub);
      CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
      exit(0);
    }
    /* Its post would fire; nothing here waits on the hub until it is collected. */
    int status = -1;
    CHECK_EQ(waitpid(grandchild, &status, 0), grandchild);
    CHECK(WIFEXITED(status));
    _exit(WEXITSTATUS(status));
  }
  char go;
  CHECK_EQ(gh_read(report[0], &go, 1, gh_after_ms(30000)), 1);
  CHECK_EQ(gh_send(fds[1], "x", 1, 0, GH_NEVER), 1);
  CHECK_EQ(gh_join(waiting, NULL, gh_after_ms(30000)), 0);
  CHECK_EQ(received, 1);
  must_end_well(child);
  CHECK_EQ(gh_join(unjoined, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_cancel(sleeping), 0);
  CHECK_EQ(gh_join(sleeping, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_close(fds[0]), 0);
  CHECK_EQ(gh_close(fds[1]), 0);
  CHECK_EQ(count_open("[eventpoll]"), 1);
  CHECK_EQ(gh_hub_free(hub, gh_after_ms(1000)), 0);
  return 0;
}
