/* Connected sockets of every kind. */
#ifndef PAIRS_H
#define PAIRS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* LONELY_UDP is bound and connected to nobody. */
enum kind { TCP, STREAM, PACKETS, DGRAM, UDP, LONELY_UDP, KINDS };

static void named(int fd, struct sockaddr_in *address) {
  socklen_t length = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(bind(fd, (void *)address, length) == 0 && getsockname(fd, (void *)address, &length) == 0);
}

static void make(enum kind kind, int pair[2]) {
  static const int local[] = {[STREAM] = SOCK_STREAM, [PACKETS] = SOCK_SEQPACKET, [DGRAM] = SOCK_DGRAM};
  struct sockaddr_in names[2];
  if (kind == STREAM || kind == PACKETS || kind == DGRAM) {
    CHECK(socketpair(AF_UNIX, local[kind], 0, pair) == 0);
  } else if (kind == TCP) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    named(listener, &names[0]);
    CHECK(listen(listener, 1) == 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(pair[0], (void *)&names[0], sizeof names[0]) == 0);
    pair[1] = accept(listener, NULL, NULL);
    CHECK(pair[1] >= 0 && close(listener) == 0);
  } else {
    for (int i = 0; i < 2; i++) named(pair[i] = socket(AF_INET, SOCK_DGRAM, 0), &names[i]);
    for (int i = 0; i < 2 && kind == UDP; i++)
      CHECK(connect(pair[i], (void *)&names[!i], sizeof names[!i]) == 0);
  }
}

static void drop(int pair[2]) { CHECK(close(pair[0]) == 0 && close(pair[1]) == 0); }

#endif
