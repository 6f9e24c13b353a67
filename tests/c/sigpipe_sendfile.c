/* SIGPIPE keeps its default action, which ends the process, while gh_sendfile sends to peers that
 * close in the middle of it: also a call that had moved some bytes before the kernel noticed does not
 * raise it. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define CONNECTIONS 400
#define FILE_SIZE (16 << 20)

static struct sockaddr_in address;
static atomic_int over;

/* Reads some of the file from each connection, and closes it. */
static void *leave_early(void *arg) {
  static char buf[1 << 16];
  unsigned seed = 7;
  while (!atomic_load(&over)) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    size_t wanted = 100000 + (size_t)rand_r(&seed) % 3000000, got = 0;
    while (got < wanted) {
      ssize_t count = recv(fd, buf, sizeof buf, 0);
      if (count <= 0) break;
      got += (size_t)count;
    }
    CHECK_EQ(close(fd), 0);
  }
  return arg;
}

int main(void) {
  signal(SIGPIPE, SIG_DFL);
  int listener = gh_tcp_listen("127.0.0.1", 0, 16);
  CHECK(listener >= 0);
  socklen_t length = sizeof address;
  CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  int file = memfd_create("file", MFD_CLOEXEC);
  CHECK(file >= 0);
  CHECK_EQ(ftruncate(file, FILE_SIZE), 0);
  pthread_t peer;
  CHECK_EQ(pthread_create(&peer, NULL, leave_early, NULL), 0);

  int64_t end = gh_after_ms(1000);
  int connections = 0;
  while (connections < CONNECTIONS && gh_now() < end) {
    int fd = gh_accept(listener, NULL, NULL, gh_after_ms(10000));
    CHECK(fd >= 0);
    int room = 8 << 20;
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    ssize_t result;
    /* Over and over, so that no peer can have the whole of it before it leaves. */
    do {
      int64_t offset = 0;
      result = gh_sendfile(fd, file, &offset, FILE_SIZE, gh_after_ms(10000));
      CHECK_EQ(offset, result > 0 ? result : 0);
    } while (result > 0);
    CHECK(result == -EPIPE || result == -ECONNRESET);
    CHECK_EQ(gh_close(fd), 0);
    connections++;
  }
  CHECK(connections > 0);

  sigset_t pending;
  CHECK_EQ(sigpending(&pending), 0);
  CHECK_EQ(sigismember(&pending, SIGPIPE), 0);
  atomic_store(&over, 1);
  CHECK_EQ(gh_shutdown(listener, SHUT_RDWR), 0);
  gh_close(listener);
  _exit(0);
}
