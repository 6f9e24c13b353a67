/* How connections come about: accept and connect, in every state. */
#ifndef CONNECTING_H
#define CONNECTING_H

#include "call.h"

static bool name_of(int fd, struct sockaddr_storage *address, socklen_t *length) {
  *length = sizeof *address;
  memset(address, 0, sizeof *address);
  return syscall(SYS_getsockname, fd, address, length) == 0;
}

static void op_accept(world *w, int which) {
  static const int FLAGS[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC, 77};
  int fd = number_of(w, which), how = (int)roll(&w->dice, 2), flags = PICK(&w->dice, FLAGS);
  struct sockaddr_storage from;
  socklen_t room = one_in(&w->dice, 4) ? roll(&w->dice, 10) : sizeof from;
  bool asks = one_in(&w->dice, 2), wrong = one_in(&w->dice, 20);
  partner *p = &w->partner;
  if (wrong) room = (socklen_t)-1;
  memset(&from, 0x5a, sizeof from);
  note(&w->record, how == 0 ? "accept" : "accept4 %x", (unsigned)flags);
  note_end(w, which);
  if (asks) note(&w->record, " room %d", (int)room);
  p->deed = NOTHING;
  if (which >= 0 && w->ends[which].fd >= 0 && channel_of(w, which)->kind == LISTENER &&
      !(fcntl(fd, F_GETFL) & O_NONBLOCK) && !raw_poll(fd, POLLIN)) {
    int64_t span = raw_timeout(fd, SO_RCVTIMEO);
    if (span == 0 || span > 100000) {
      CHECK(name_of(fd, &p->address, &p->address_length));
      p->deed = CONNECT;
      p->length = 0;
    }
  }
  call_begins(w);
  struct sockaddr *at = asks ? (struct sockaddr *)&from : NULL;
  int got = how == 0 ? accept(fd, at, asks ? &room : NULL) : accept4(fd, at, asks ? &room : NULL, flags);
  int error = errno;
  call_ends(w, got < 0 ? got : 0, error, false, 0);
  if (got < 0) return;
  note(&w->record, " flags %d %x", fcntl(got, F_GETFD), (unsigned)fcntl(got, F_GETFL));
  if (asks) note(&w->record, " from %d family %d", (int)room, room >= 2 ? (int)from.ss_family : -1);
  CHECK_EQ(close(got), 0);
}

static void op_connect(world *w, int which, int to) {
  static const int KINDS_OF_ADDRESS[] = {0, 0, 0, 1, 2, 3, 4, 5};
  int fd = number_of(w, which), how = PICK(&w->dice, KINDS_OF_ADDRESS);
  struct sockaddr_storage address = {0};
  socklen_t length = sizeof(struct sockaddr_in);
  partner *p = &w->partner;
  enum kind kind = which < 0 ? DEVICE : channel_of(w, which)->kind;
  /* A pair stays one: its partner must reach it. */
  if ((kind == UDP || kind == DATAGRAM) && (how == 0 || how == 2)) how = 4;
  bool good = to >= 0 && w->ends[to].fd >= 0 && name_of(w->ends[to].fd, &address, &length);
  if (!good) {
    address.ss_family = AF_INET;
    length = sizeof(struct sockaddr_in);
    ((struct sockaddr_in *)&address)->sin_port = htons(1);
    ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  if (how == 1) length = roll(&w->dice, 16);
  if (how == 2) address.ss_family = AF_UNSPEC;
  if (how == 3) length = (socklen_t)-1;
  if (how == 5) address.ss_family = 77;
  note(&w->record, "connect");
  note_end(w, which);
  note_end(w, to);
  note(&w->record, " how %d length %d", how, how == 0 || how == 2 ? 0 : (int)length);
  p->deed = NOTHING;
  /* A listener whose queue is full: AF_UNIX waits, TCP would try again for minutes. */
  if (good && channel_of(w, to)->kind == LISTENER && raw_poll(w->ends[to].fd, POLLIN)) {
    if (address.ss_family == AF_INET) {
      note(&w->record, " (no)");
      return;
    }
    if (which >= 0 && w->ends[which].fd >= 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK) && raw_is_socket(fd) &&
        how == 0 && (raw_timeout(fd, SO_SNDTIMEO) == 0 || raw_timeout(fd, SO_SNDTIMEO) > 100000)) {
      p->deed = ACCEPT;
      p->fd = w->ends[to].fd;
      p->length = 0;
      if (fcntl(p->fd, F_GETFL) & O_NONBLOCK) p->deed = NOTHING;
    }
  }
  /* One that connects to itself. */
  if (good && channel_of(w, to)->kind == LOOSE) {
    note(&w->record, " (no)");
    return;
  }
  long made = MADE(w, connect(fd, how == 4 ? NULL : (struct sockaddr *)&address, length));
  if (made == 0 && which >= 0) {
    channel_of(w, which)->heard = kind == LISTENER;
    channel_of(w, which)->kind = LOOSE;
    channel_of(w, which)->peer = -1;
  }
  /* A connection on loopback is there at once, but not within the call that asked for it. */
  int64_t end = raw_now() + 100000000;
  if (which >= 0 && w->ends[which].fd >= 0 && good && address.ss_family == AF_INET && how == 0 && raw_is_socket(fd))
    while (!(raw_poll(fd, POLLOUT) & (POLLOUT | POLLERR | POLLHUP)) && raw_now() < end) raw_pause(10);
}

static void op_listen(world *w, int which) {
  note(&w->record, "listen");
  note_end(w, which);
  w->partner.deed = NOTHING;
  long made = MADE(w, listen(number_of(w, which), 2));
  if (made == 0) channel_of(w, which)->kind = LISTENER;
}

#endif
