/* The number of a connection that was closed with close(2) is given to a socket that the library
 * makes: nothing that was known of the connection is believed of it. Alone in its process, so that
 * the number which the kernel gives next is known. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static void receive(int fd, const char *expected) {
  char buf[64] = "";
  CHECK_EQ(gh_recv(fd, buf, sizeof buf, 0, gh_after_ms(2000)), (ssize_t)strlen(expected));
  CHECK_EQ(strcmp(buf, expected), 0);
}

int main(void) {
  CHECK(gh_hub_current() != NULL);
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  int listener = gh_tcp_listen("127.0.0.1", 0, 16);
  CHECK(listener >= 0);
  CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  int client = gh_tcp_connect("127.0.0.1", ntohs(address.sin_port), gh_after_ms(5000));
  CHECK(client >= 0);
  int server = gh_accept(listener, NULL, NULL, gh_after_ms(5000));
  CHECK(server >= 0);
  CHECK_EQ(gh_write(server, "x", 1, GH_NEVER), 1);
  CHECK_EQ(close(server), 0);

  int udp = gh_udp_bind("127.0.0.1", 0);
  CHECK_EQ(udp, server);
  length = sizeof address;
  CHECK_EQ(getsockname(udp, (struct sockaddr *)&address, &length), 0);
  char buf[8];
  CHECK(gh_recv(udp, buf, sizeof buf, 0, gh_after_ms(5)) < 0);
  int peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  CHECK(peer >= 0);
  const char *texts[] = {"1", "22", "333"};
  for (int i = 0; i < 3; i++) {
    ssize_t size = (ssize_t)strlen(texts[i]);
    CHECK_EQ(sendto(peer, texts[i], size, 0, (struct sockaddr *)&address, length), size);
  }
  /* Each is shorter than the room for it, which of a stream would mean that nothing is left. */
  for (int i = 0; i < 3; i++) receive(udp, texts[i]);

  close(peer);
  gh_close(udp);
  gh_close(client);
  gh_close(listener);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
