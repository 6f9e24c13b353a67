/* SIGPIPE keeps its default action, which ends the process, and still no call of the library
 * raises it; one that the host itself left pending is not taken away. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static int sock, pipe_end, file;

static void *write_everywhere(void *arg) {
  char data[] = "data";
  struct iovec iov = {data, 4};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  size_t sent = 99;
  int64_t offset = 0;
  CHECK_EQ(gh_send(sock, data, 4, 0, GH_NEVER), -EPIPE);
  CHECK_EQ(gh_sendto(sock, data, 4, 0, NULL, 0, GH_NEVER), -EPIPE);
  CHECK_EQ(gh_sendmsg(sock, &message, 0, GH_NEVER), -EPIPE);
  CHECK_EQ(gh_send_all(sock, data, 4, 0, &sent, GH_NEVER), -EPIPE);
  CHECK_EQ(sent, 0);
  int ends[2] = {sock, pipe_end};
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(gh_write(ends[i], data, 4, GH_NEVER), -EPIPE);
    CHECK_EQ(gh_writev(ends[i], &iov, 1, GH_NEVER), -EPIPE);
    CHECK_EQ(gh_sendfile(ends[i], file, &offset, 4, GH_NEVER), -EPIPE);
    CHECK_EQ(offset, 0);
  }
  return arg;
}

static int sigpipe_pending(void) {
  sigset_t pending;
  CHECK_EQ(sigpending(&pending), 0);
  return sigismember(&pending, SIGPIPE);
}

int main(void) {
  signal(SIGPIPE, SIG_DFL);
  int sockets[2], pipes[2];
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
  CHECK_EQ(pipe(pipes), 0);
  file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0);
  close(sockets[1]);
  close(pipes[0]);
  sock = sockets[0];
  pipe_end = pipes[1];

  write_everywhere(NULL);
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, write_everywhere, NULL), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(sigpipe_pending(), 0);

  struct sigaction action;
  CHECK_EQ(sigaction(SIGPIPE, NULL, &action), 0);
  CHECK(action.sa_handler == SIG_DFL);
  sigset_t mask, pipe_only;
  CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &mask), 0);
  CHECK_EQ(sigismember(&mask, SIGPIPE), 0);

  /* Blocked and pending before the call, so it is the host's own. */
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  CHECK_EQ(sigprocmask(SIG_BLOCK, &pipe_only, NULL), 0);
  CHECK_EQ(raise(SIGPIPE), 0);
  CHECK_EQ(sigpipe_pending(), 1);
  write_everywhere(NULL);
  CHECK_EQ(sigpipe_pending(), 1);

  gh_close(sock);
  gh_close(pipe_end);
  gh_close(file);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
