/* A connect waits for room in a backlog while its descriptor is closed by gh_close and the number
 * given to another socket: -EBADF, and the other socket is neither connected nor closed. Alone in its
 * process, so that the number which the kernel gives next is known. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
static int connecting, port, result;

static int64_t late(void) { return gh_after_ms(5000); }

static void *connect_unix_by_descriptor(void *arg) {
  const struct sockaddr *address = (struct sockaddr *)&unix_address;
  result = gh_connect(connecting, address, sizeof unix_address, late());
  return arg;
}

static void *connect_unix_by_path(void *arg) {
  result = gh_unix_connect(unix_address.sun_path, late());
  return arg;
}

static void *connect_tcp(void *arg) {
  result = gh_tcp_connect("127.0.0.1", port, late());
  return arg;
}

static int next_number(void) {
  int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);
  CHECK(fd >= 0);
  CHECK_EQ(close(fd), 0);
  return fd;
}

/* `number` belongs to the connect; `make_room` is what it would wait for. */
static void take_the_number(gh_thread thread, int number, int family, int listener) {
  CHECK_EQ(gh_sleep_ms(20), 0);
  CHECK(fcntl(number, F_GETFD) >= 0);
  CHECK_EQ(gh_close(number), 0);
  int stranger = gh_socket(family, SOCK_STREAM, 0);
  CHECK_EQ(stranger, number);
  int accepted = gh_accept(listener, NULL, NULL, late());
  CHECK(accepted >= 0);
  CHECK_EQ(gh_close(accepted), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(result, -EBADF);
  CHECK(fcntl(stranger, F_GETFD) >= 0);
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  CHECK_EQ(getpeername(stranger, (struct sockaddr *)&peer, &length), -1);
  CHECK_EQ(errno, ENOTCONN);
  CHECK_EQ(gh_close(stranger), 0);
}

static void unix_backlog(gh_entry entry) {
  snprintf(unix_address.sun_path, sizeof unix_address.sun_path, "/tmp/greenhub-reused-%ld",
           (long)getpid());
  unlink(unix_address.sun_path);
  int listener = gh_unix_listen(unix_address.sun_path, 1);
  CHECK(listener >= 0);
  CHECK_EQ(listen(listener, 0), 0);
  int first = gh_unix_connect(unix_address.sun_path, 0);
  CHECK(first >= 0);
  CHECK_EQ(gh_unix_connect(unix_address.sun_path, 0), -ETIMEDOUT);

  connecting = -1;
  int number = next_number();
  if (entry == connect_unix_by_descriptor) {
    connecting = gh_socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connecting, number);
  }
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, entry, NULL), 0);
  take_the_number(thread, number, AF_UNIX, listener);

  gh_close(first);
  gh_close(listener);
  unlink(unix_address.sun_path);
}

static void tcp_backlog(void) {
  int listener = gh_tcp_listen("127.0.0.1", 0, 1);
  CHECK(listener >= 0);
  CHECK_EQ(listen(listener, 0), 0);
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  port = ntohs(address.sin_port);
  int first = gh_tcp_connect("127.0.0.1", port, late());
  CHECK(first >= 0);
  CHECK_EQ(gh_tcp_connect("127.0.0.1", port, gh_after_ms(20)), -ETIMEDOUT);

  int number = next_number();
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, connect_tcp, NULL), 0);
  take_the_number(thread, number, AF_INET, listener);

  gh_close(first);
  gh_close(listener);
}

int main(void) {
  CHECK(gh_hub_current() != NULL);
  unix_backlog(connect_unix_by_descriptor);
  unix_backlog(connect_unix_by_path);
  tcp_backlog();
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
