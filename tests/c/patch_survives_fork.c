// sanitizer: yes
// timeout: 120
// emulated: no, qemu does not carry its own threads over a fork
/* Green threads fork with hooks in use: a hundred children go on with hooks of their own and end well, others
 * call exec at once, and nobody in the parent hears of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define CHILDREN 100

static int listener_fd, stop, answered;

static void *answer(void *arg) {
  int *fds = arg;
  char byte;
  while (read(fds[1], &byte, 1) == 1) {
    CHECK_EQ(write(fds[1], &byte, 1), 1);
    answered++;
  }
  CHECK_EQ(close(fds[1]), 0);
  return NULL;
}

static void *keep_asking(void *arg) {
  int *fds = arg;
  struct timespec moment = {0, 200000};
  for (char sent = 1, got; !stop; sent++) {
    CHECK_EQ(write(fds[0], &sent, 1), 1);
    CHECK_EQ(read(fds[0], &got, 1), 1);
    CHECK(got == sent);
    CHECK_EQ(nanosleep(&moment, NULL), 0);
  }
  CHECK_EQ(close(fds[0]), 0);
  return NULL;
}

static void *late_byte(void *arg) {
  struct timespec moment = {0, 3000000};
  CHECK_EQ(nanosleep(&moment, NULL), 0);
  CHECK_EQ(write(*(int *)arg, "x", 1), 1);
  return NULL;
}

/* In a child: a wait that another green thread of the child ends, and a listener that the parent waits at. */
static void live_on(void) {
  int fds[2];
  char byte;
  gh_thread thread;
  struct pollfd one;
  CHECK_EQ(pipe(fds), 0);
  CHECK_EQ(gh_spawn(&thread, NULL, late_byte, &fds[1]), 0);
  one = (struct pollfd){fds[0], POLLIN, 0};
  CHECK_EQ(poll(&one, 1, 10000), 1);
  CHECK_EQ(read(fds[0], &byte, 1), 1);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_spawn(&thread, NULL, late_byte, &fds[1]), 0);
  CHECK_EQ(read(fds[0], &byte, 1), 1);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(fcntl(listener_fd, F_GETFL) & O_NONBLOCK, 0);
  CHECK_EQ(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
}

static void *fork_once(void *arg) {
  long which = (long)arg;
  int status = -1;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (which % 3 == 0) {
      execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
      _exit(126);
    }
    live_on();
    _exit(7);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 7);
  return NULL;
}

static void *accept_once(void *arg) {
  (void)arg;
  int fd = accept(listener_fd, NULL, NULL);
  CHECK(fd >= 0);
  CHECK_EQ(close(fd), 0);
  return NULL;
}

/* In a child of vfork every function is libc's own: the parent's hub must not see it wait. */
static void *vfork_once(void *arg) {
  int status = -1;
  (void)arg;
  pid_t child = vfork();
  CHECK(child >= 0);
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
    _exit(126);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
  return NULL;
}

int main(void) {
  sa_family_t family = AF_UNIX;
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int fds[2];
  gh_thread threads[3], forks[10];
  CHECK(gh_patch(GH_PATCH_ALL) >= 0);

  listener_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(bind(listener_fd, (struct sockaddr *)&family, sizeof family), 0);
  CHECK_EQ(listen(listener_fd, 5), 0);
  CHECK_EQ(getsockname(listener_fd, (struct sockaddr *)&address, &length), 0);
  CHECK_EQ(gh_spawn(&threads[2], NULL, accept_once, NULL), 0);

  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  CHECK_EQ(gh_spawn(&threads[0], NULL, answer, fds), 0);
  CHECK_EQ(gh_spawn(&threads[1], NULL, keep_asking, fds), 0);
  for (long i = 0; i < CHILDREN; i += 10) {
    for (long j = 0; j < 10; j++) CHECK_EQ(gh_spawn(&forks[j], NULL, fork_once, (void *)(i + j)), 0);
    for (long j = 0; j < 10; j++) CHECK_EQ(gh_join(forks[j], NULL, GH_NEVER), 0);
  }
  for (int i = 0; i < 10; i++) {
    CHECK_EQ(gh_spawn(&forks[0], NULL, vfork_once, NULL), 0);
    CHECK_EQ(gh_join(forks[0], NULL, GH_NEVER), 0);
  }
  CHECK(answered > 10);
  stop = 1;
  CHECK_EQ(gh_join(threads[1], NULL, GH_NEVER), 0);
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);

  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK_EQ(connect(client, (struct sockaddr *)&address, length), 0);
  CHECK_EQ(gh_join(threads[2], NULL, GH_NEVER), 0);
  CHECK_EQ(close(client), 0);
  CHECK_EQ(close(listener_fd), 0);
  return 0;
}
