/* connect(2) on sockets in blocking mode, with the program patched: it waits in the hub, and gives what the
 * kernel gives, with the mode as it was. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL

static struct sockaddr_in address;
static struct sockaddr_un local;
static socklen_t local_length;

static int is_blocking(int fd) {
  return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static gh_thread go(void *(*entry)(void *), void *arg) {
  gh_thread thread;
  CHECK(gh_spawn(&thread, NULL, entry, arg) == 0);
  gh_yield();
  return thread;
}

static void join(gh_thread thread) {
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
}

static void over_tcp(void) {
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), error;
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
  CHECK(getsockname(listener, (void *)&address, &length) == 0);

  int client = socket(AF_INET, SOCK_STREAM, 0);
  errno = 77;
  CHECK_EQ(connect(client, (void *)&address, length), 0);
  CHECK_EQ(errno, 77);
  CHECK(is_blocking(client));
  CHECK(connect(client, (void *)&address, length) == -1 && errno == EISCONN);
  socklen_t size = sizeof error;
  CHECK(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0);
  int served = accept(listener, NULL, NULL);
  char byte;
  CHECK(send(client, "x", 1, 0) == 1 && recv(served, &byte, 1, 0) == 1);
  close(client), close(served);

  client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int done = connect(client, (void *)&address, length);
  CHECK(done == 0 || errno == EINPROGRESS);
  CHECK(!is_blocking(client));
  close(client);
  close(listener);

  client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(client, (void *)&address, length) == -1);
  CHECK_EQ(errno, ECONNREFUSED);
  CHECK(is_blocking(client));
  CHECK(connect(client, NULL, length) == -1 && errno == EFAULT);
  CHECK(connect(client, (void *)&address, 1) == -1 && errno == EINVAL);
  CHECK(connect(-1, (void *)&address, length) == -1 && errno == EBADF);
  close(client);
}

/* A listener that takes no more: the kernel drops what comes then. */
static int full(struct sockaddr_in *at, int *filled) {
  socklen_t length = sizeof *at;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(bind(listener, (void *)at, sizeof *at) == 0 && listen(listener, 0) == 0);
  CHECK(getsockname(listener, (void *)at, &length) == 0);
  *filled = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(*filled, (void *)at, length) == 0);
  return listener;
}

static void *connects(void *arg) {
  *(int *)arg = connect(*(int *)arg, (void *)&address, sizeof address);
  return NULL;
}

static void waits_for_an_answer(void) {
  struct timeval span = {0, 100000}, none = {0, 0};
  int filled, listener = full(&address, &filled), client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span) == 0);
  int64_t start = gh_now();
  CHECK(connect(client, (void *)&address, sizeof address) == -1);
  CHECK_EQ(errno, EINPROGRESS);
  CHECK(gh_now() - start >= 99 * MS);
  CHECK(is_blocking(client));
  start = gh_now();
  CHECK(connect(client, (void *)&address, sizeof address) == -1);
  CHECK_EQ(errno, EALREADY);
  CHECK(gh_now() - start >= 99 * MS);
  CHECK(setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none) == 0);
  /* It goes on by itself: with room, the next try of the kernel's succeeds. */
  int arg = client;
  gh_thread thread = go(connects, &arg);
  int served = accept(listener, NULL, NULL);
  join(thread);
  CHECK_EQ(arg, 0);
  CHECK(connect(client, (void *)&address, sizeof address) == -1 && errno == EISCONN);
  close(served), close(client), close(filled), close(listener);
}

static int ends;

static void *connects_locally(void *arg) {
  *(int *)arg = connect(*(int *)arg, (void *)&local, local_length);
  ends++;
  return NULL;
}

static void over_unix(void) {
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), clients[4], results[4];
  struct timeval span = {0, 50000};
  gh_thread threads[4];
  local.sun_family = AF_UNIX;
  local_length = offsetof(struct sockaddr_un, sun_path) +
                 1 + sprintf(local.sun_path + 1, "greenhub-connect-%d", (int)getpid());
  CHECK(bind(listener, (void *)&local, local_length) == 0 && listen(listener, 1) == 0);
  for (int i = 0; i < 4; i++) {
    results[i] = clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    threads[i] = go(connects_locally, &results[i]);
  }
  CHECK_EQ(ends, 2);
  int late = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(setsockopt(late, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span) == 0);
  CHECK(connect(late, (void *)&local, local_length) == -1 && errno == EAGAIN);
  for (int i = 0; i < 4; i++)
    CHECK(close(accept(listener, NULL, NULL)) == 0);
  for (int i = 0; i < 4; i++) {
    join(threads[i]);
    CHECK_EQ(results[i], 0);
    CHECK(is_blocking(clients[i]));
    close(clients[i]);
  }
  close(late), close(listener);
}

int main(void) {
  CHECK(gh_patch(GH_PATCH_STREAM | GH_PATCH_CONNECTION) > 0);
  over_tcp();
  waits_for_an_answer();
  over_unix();
  return 0;
}
