/* Accepting at the descriptor limit gives -EMFILE, to a caller that just tries and to one that
 * waits; the connection stays in the backlog and is taken as soon as a descriptor is free. The
 * other calls that make descriptors say the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define LIMIT 64

static int fillers[LIMIT];
static int filled;

static void fill(void) {
  for (;;) {
    int fd = dup(0);
    if (fd < 0) break;
    fillers[filled++] = fd;
  }
  CHECK_EQ(errno, EMFILE);
}

static void free_one(void) {
  CHECK(filled > 0);
  CHECK_EQ(close(fillers[--filled]), 0);
}

static int listener;

static void *wait_to_accept(void *arg) {
  int *result = arg;
  *result = gh_accept(listener, NULL, NULL, gh_after_ms(20000));
  return NULL;
}

int main(void) {
  struct rlimit limit = {LIMIT, LIMIT};
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  if (fcntl(0, F_GETFD) < 0) CHECK_EQ(open("/dev/null", O_RDWR), 0);

  listener = gh_tcp_listen("127.0.0.1", 0, 16);
  CHECK(listener >= 0);
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  int port = ntohs(address.sin_port);
  int clients[2];
  for (int i = 0; i < 2; i++) {
    clients[i] = gh_tcp_connect("127.0.0.1", port, gh_after_ms(10000));
    CHECK(clients[i] >= 0);
  }

  fill();
  CHECK_EQ(gh_accept(listener, NULL, NULL, 0), -EMFILE);
  CHECK_EQ(gh_accept(listener, NULL, NULL, GH_NEVER), -EMFILE);
  CHECK_EQ(gh_socket(AF_INET, SOCK_STREAM, 0), -EMFILE);
  CHECK_EQ(gh_tcp_listen("127.0.0.1", 0, 1), -EMFILE);
  CHECK_EQ(gh_tcp_connect("127.0.0.1", port, GH_NEVER), -EMFILE);
  CHECK_EQ(gh_udp_bind("127.0.0.1", 0), -EMFILE);
  CHECK_EQ(gh_unix_connect("/nonexistent", GH_NEVER), -EMFILE);
  CHECK_EQ(gh_sleep_ms(1), 0);

  free_one();
  int accepted = gh_accept(listener, NULL, NULL, gh_after_ms(10000));
  CHECK(accepted >= 0);
  CHECK_EQ(gh_accept(listener, NULL, NULL, GH_NEVER), -EMFILE);
  CHECK_EQ(gh_close(accepted), 0);
  accepted = gh_accept(listener, NULL, NULL, gh_after_ms(10000));
  CHECK(accepted >= 0);
  CHECK_EQ(gh_close(accepted), 0);

  /* One that waits already while the table fills up is told when a connection comes. */
  int result = 0;
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, wait_to_accept, &result), 0);
  CHECK_EQ(gh_yield(), 0);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(client >= 0);
  fill();
  CHECK_EQ(connect(client, (struct sockaddr *)&address, length), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(result, -EMFILE);
  free_one();
  accepted = gh_accept(listener, NULL, NULL, gh_after_ms(10000));
  CHECK(accepted >= 0);
  gh_close(accepted);

  gh_close(client);
  gh_close(clients[0]);
  gh_close(clients[1]);
  gh_close(listener);
  while (filled > 0) free_one();
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
