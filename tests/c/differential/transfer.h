/* Bytes from and to a descriptor: read and write, their vectors, recv and send, and sendfile. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <limits.h>
#include <sys/sendfile.h>

#include "call.h"

/* libc's names for calls whose room the compiler knows: _FORTIFY_SOURCE. */
extern ssize_t __read_chk(int fd, void *to, size_t length, size_t room);
extern ssize_t __recv_chk(int fd, void *to, size_t length, size_t room, int flags);
extern ssize_t __recvfrom_chk(int fd, void *to, size_t length, size_t room, int flags,
                              struct sockaddr *from, socklen_t *from_length);

#define FILLED 0xa5

static size_t any_length(dice *d) {
  static const size_t LENGTHS[] = {0, 1, 2, 3, 7, 20, 100, 500, 999, 4096, 5000, 70000, 300000};
  return one_in(d, 3) ? roll(d, 60) : PICK(d, LENGTHS);
}

static int any_receive_flags(dice *d) {
  static const int FLAGS[] = {0, 0, 0, 0, MSG_DONTWAIT, MSG_DONTWAIT, MSG_PEEK, MSG_PEEK | MSG_DONTWAIT,
                              MSG_WAITALL, MSG_WAITALL | MSG_DONTWAIT, MSG_TRUNC, MSG_TRUNC | MSG_DONTWAIT,
                              MSG_PEEK | MSG_TRUNC, MSG_CMSG_CLOEXEC, MSG_NOSIGNAL, MSG_ERRQUEUE, MSG_OOB};
  return PICK(d, FLAGS);
}

static int any_send_flags(dice *d, enum kind kind) {
  static const int FLAGS[] = {0, 0, 0, MSG_DONTWAIT, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_NOSIGNAL, MSG_EOR,
                              MSG_DONTWAIT | MSG_NOSIGNAL, MSG_DONTROUTE, MSG_OOB};
  int flags = PICK(d, FLAGS);
  /* Urgent bytes are not among those that wait, and are told of by a signal. */
  return flags & MSG_OOB && (kind == TCP || kind == STREAM) ? 0 : flags;
}

static void note_bytes(world *w, long got, size_t upto) {
  size_t length = got > 0 ? (size_t)got : 0;
  if (length > SPACE) length = SPACE;
  note(&w->record, " %08x", digest(DIGEST_START, w->in, length));
  /* What follows is untouched, says every manual. */
  if (upto > SPACE) upto = SPACE;
  for (size_t i = length; i < upto; i++)
    if (w->in[i] != FILLED) {
      note(&w->record, " beyond at +%zu", i - length);
      break;
    }
}

/* Where to put or take bytes: seldom where none can be. */
static uint8_t *any_place(world *w, uint8_t *good) {
  if (one_in(&w->dice, 40)) return NULL;
  /* Exactly there: behind the page may lie something that can be touched. */
  if (one_in(&w->dice, 40)) return (good == w->in ? w->in : w->out) + SPACE;
  return good;
}

/* What a terminal or a TCP socket has not taken in yet depends on the moment. */
static bool is_loose(world *w, int which, size_t length) {
  if (which < 0 || w->partner.deed == DRAIN) return false;
  channel *c = channel_of(w, which);
  return is_late(c->kind) && c->peer >= 0 && w->channel[c->peer].unread + (int64_t)length > 3000;
}

/* Takes all that is under way from an end to its peer. */
static void empty(world *w, int which) {
  int peer = end_of(w, channel_of(w, which)->peer, false), from = w->ends[which].fd;
  if (peer < 0) return;
  channel *c = channel_of(w, peer);
  int64_t last = raw_now();
  while (raw_now() - last < 100000000) {
    char bytes[4096];
    int queued = 0;
    if (raw_poll(w->ends[peer].fd, POLLIN) & POLLIN) {
      long got = raw_is_socket(from) ? syscall(SYS_recvfrom, w->ends[peer].fd, bytes, sizeof bytes, MSG_DONTWAIT, NULL, NULL)
                                     : syscall(SYS_read, w->ends[peer].fd, bytes, sizeof bytes);
      if (got == 0 || (got < 0 && errno != EAGAIN)) break;
      if (got < 0) continue;
      c->unread -= got;
      last = raw_now();
      continue;
    }
    if (c->unread <= 0 && (syscall(SYS_ioctl, from, TIOCOUTQ, &queued) != 0 || queued == 0)) break;
    raw_pause(20);
  }
  c->unread = 0;
}

static int vector(world *w, struct iovec *parts, uint8_t *start, size_t length) {
  static const int COUNTS[] = {0, 1, 1, 2, 2, 3, 3, 5, 5, 8, -1, IOV_MAX, IOV_MAX + 1};
  int count = PICK(&w->dice, COUNTS);
  int used = count < 0 ? 1 : count;
  for (int i = 0; i < used; i++) {
    size_t part = i == used - 1 ? length : one_in(&w->dice, 3) ? 0 : roll(&w->dice, 1 + (uint32_t)length);
    if (used > 8 && i < used - 1) part = length > 5000 ? 40 : 0;
    if (part > length) part = length;
    parts[i].iov_base = part == 0 && one_in(&w->dice, 2) ? NULL : start;
    parts[i].iov_len = part;
    start += part;
    length -= part;
  }
  if (used > 0 && one_in(&w->dice, 40)) parts[roll(&w->dice, (uint32_t)used)].iov_base = NULL;
  if (used > 0 && one_in(&w->dice, 60)) parts[roll(&w->dice, (uint32_t)used)].iov_len = SIZE_MAX;
  if (used > 1 && one_in(&w->dice, 60)) parts[used - 1].iov_len = SSIZE_MAX;
  return count;
}

static void op_read(world *w, int which) {
  static const size_t HUGE[] = {SIZE_MAX, INT_MAX, (size_t)INT_MAX + 1};
  bool endless = which >= 0 && (channel_of(w, which)->kind == DEVICE);
  size_t length = any_length(&w->dice);
  if (one_in(&w->dice, 30) && !endless) length = PICK(&w->dice, HUGE);
  uint8_t *to = any_place(w, w->in);
  struct iovec parts[IOV_MAX + 1];
  int how = (int)roll(&w->dice, 4), fd = number_of(w, which), count = 0;
  size_t filled = length < 70000 ? length + 100 : 400000;
  memset(w->in, FILLED, filled);
  if (how >= 2) {
    if (length > SPACE) length = 5000;
    count = vector(w, parts, w->in, length);
    note(&w->record, "readv");
  } else {
    note(&w->record, how == 1 ? "__read_chk" : "read");
  }
  note_end(w, which);
  note(&w->record, " %zu", length);
  if (how >= 2) note(&w->record, " in %d", count);
  if (to != w->in) note(&w->record, " bad place");
  if (!plan(w, which, READING, length, 0)) return;
  long got = how >= 2   ? MADE(w, readv(fd, one_in(&w->dice, 50) ? NULL : parts, count))
             : how == 1 ? MADE(w, __read_chk(fd, to, length, SIZE_MAX))
                        : MADE(w, read(fd, to, length));
  moved(w, which, READING, got);
  if (to == w->in && !endless) note_bytes(w, got, filled);
}

static void op_write(world *w, int which) {
  static const size_t HUGE[] = {SIZE_MAX, (size_t)SSIZE_MAX + 1};
  size_t length = any_length(&w->dice);
  uint8_t *from = any_place(w, w->out + roll(&w->dice, 5000));
  struct iovec parts[IOV_MAX + 1];
  int how = (int)roll(&w->dice, 2), fd = number_of(w, which), count = 0;
  if (which >= 0 && channel_of(w, which)->kind == PTY && length > 1000) length = 1000;
  if (which >= 0 && channel_of(w, which)->kind == EVENT) {
    /* Any other bytes would be a number that a semaphore is never rid of. */
    static const uint64_t NUMBERS[] = {0, 1, 3, 5, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 3};
    uint64_t number = NUMBERS[roll(&w->dice, channel_of(w, which)->single ? 5 : 7)];
    memcpy(w->in, &number, sizeof number);
    from = w->in, length = one_in(&w->dice, 5) ? roll(&w->dice, 20) : 8, how = 0;
    note(&w->record, "%lx: ", (unsigned long)number);
  }
  if (one_in(&w->dice, 30)) length = PICK(&w->dice, HUGE), how = 0;
  if (from == NULL || from > w->out + SPACE - 400000) length = length < 4096 ? length : 4096;
  if (how == 1) count = vector(w, parts, w->out + 1000, length);
  note(&w->record, how == 1 ? "writev" : "write");
  note_end(w, which);
  note(&w->record, " %zu", length);
  if (how == 1) note(&w->record, " in %d", count);
  if (from == NULL || from == w->out + SPACE) note(&w->record, " bad place");
  /* What the kernel sends of a file are its pages: until they are read, what is written to it changes them. */
  if (which >= 0 && channel_of(w, which)->lent) {
    note(&w->record, " (lent)");
    return;
  }
  if (!plan(w, which, WRITING, length, 0)) return;
  bool loose = is_loose(w, which, length);
  long put = how == 1 ? CALL(w, loose, true, writev(fd, parts, count))
                      : CALL(w, loose, true, write(fd, from, length));
  moved(w, which, WRITING, put);
  if (loose) empty(w, which);
}

/* Whether an address came back, and of which kind: numbers are others in every run. */
static void note_address(world *w, const struct sockaddr_storage *from, socklen_t length) {
  note(&w->record, " from %d", (int)length);
  if (length >= sizeof(sa_family_t)) note(&w->record, " family %d", (int)from->ss_family);
}

static void op_recv(world *w, int which) {
  size_t length = any_length(&w->dice);
  int how = (int)roll(&w->dice, 4), fd = number_of(w, which), flags = any_receive_flags(&w->dice);
  uint8_t *to = any_place(w, w->in);
  struct sockaddr_storage from = {0};
  socklen_t room = one_in(&w->dice, 4) ? roll(&w->dice, 10) : sizeof from;
  bool asks = one_in(&w->dice, 2), bad = one_in(&w->dice, 30);
  size_t filled = length + 100;
  if (bad) room = (socklen_t)-1;
  memset(w->in, FILLED, filled);
  memset(&from, FILLED, sizeof from);
  note(&w->record, how == 0 ? "recv" : how == 1 ? "__recv_chk" : how == 2 ? "recvfrom" : "__recvfrom_chk");
  note_end(w, which);
  note(&w->record, " %zu flags %x", length, (unsigned)flags);
  if (how >= 2 && asks) note(&w->record, " address room %d", (int)room);
  if (to != w->in) note(&w->record, " bad place");
  if (flags & MSG_ERRQUEUE) flags |= MSG_DONTWAIT;
  if (!plan(w, which, READING, length, flags)) return;
  struct sockaddr *at = asks ? (struct sockaddr *)&from : NULL;
  long got = how == 0   ? MADE(w, recv(fd, to, length, flags))
             : how == 1 ? MADE(w, __recv_chk(fd, to, length, SIZE_MAX, flags))
             : how == 2 ? MADE(w, recvfrom(fd, to, length, flags, at, asks ? &room : NULL))
                        : MADE(w, __recvfrom_chk(fd, to, length, SIZE_MAX, flags, at, asks ? &room : NULL));
  moved(w, which, READING, flags & MSG_PEEK ? 0 : got);
  if (how >= 2 && asks && got >= 0) note_address(w, &from, room);
  if (to != w->in) return;
  if (flags & MSG_TRUNC && got > (long)length) got = (long)length;
  /* Discarded bytes are not written. */
  if (!(flags & MSG_TRUNC)) note_bytes(w, got, filled);
}

static void op_send(world *w, int which) {
  size_t length = any_length(&w->dice);
  enum kind kind = which < 0 ? DEVICE : channel_of(w, which)->kind;
  int how = (int)roll(&w->dice, 3), fd = number_of(w, which), flags = any_send_flags(&w->dice, kind);
  uint8_t *from = any_place(w, w->out + roll(&w->dice, 5000));
  struct sockaddr_storage to = {0};
  socklen_t to_length = one_in(&w->dice, 3) ? roll(&w->dice, 20) : sizeof(struct sockaddr_in);
  to.ss_family = one_in(&w->dice, 2) ? AF_INET : AF_UNIX;
  if (from == NULL || from > w->out + SPACE - 400000) length = length < 4096 ? length : 4096;
  note(&w->record, how == 2 ? "sendto" : "send");
  note_end(w, which);
  note(&w->record, " %zu flags %x", length, (unsigned)flags);
  if (how == 2) note(&w->record, " to family %d of %d", (int)to.ss_family, (int)to_length);
  if (from == NULL || from == w->out + SPACE) note(&w->record, " bad place");
  if (!plan(w, which, WRITING, length, flags)) return;
  bool loose = is_loose(w, which, length);
  long put = how == 2 ? CALL(w, loose, true, sendto(fd, from, length, flags, (struct sockaddr *)&to, to_length))
                      : CALL(w, loose, true, send(fd, from, length, flags));
  moved(w, which, WRITING, put);
  if (loose) empty(w, which);
}

static void op_sendfile(world *w, int which, int source) {
  size_t length = any_length(&w->dice);
  int fd = number_of(w, which), in = number_of(w, source);
  off_t offset = (off_t)roll(&w->dice, 12000) - 100;
  bool own = one_in(&w->dice, 2), big = one_in(&w->dice, 2);
  note(&w->record, big ? "sendfile64" : "sendfile");
  note_end(w, which);
  note_end(w, source);
  note(&w->record, " %zu at %ld", length, own ? (long)offset : -1000);
  /* A datagram of a file is held back until more is sent; a terminal and a number are none of these. Another
   * source would be waited for, too. */
  enum kind to = which < 0 ? LISTENER : channel_of(w, which)->kind;
  bool wrong = source >= 0 && w->ends[source].fd >= 0 && channel_of(w, source)->kind != FILES;
  if (to == PTY || to == EVENT || to == UDP || to == FILES || wrong) {
    note(&w->record, " (no)");
    return;
  }
  if (!plan(w, which, WRITING, length, 0)) return;
  bool loose = is_loose(w, which, length);
  off64_t wide = offset;
  long put = big ? CALL(w, loose, true, sendfile64(fd, in, own ? &wide : NULL, length))
                 : CALL(w, loose, true, sendfile(fd, in, own ? &offset : NULL, length));
  if (own && !loose) note(&w->record, " now at %ld", big ? (long)wide : (long)offset);
  if (put > 0) channel_of(w, source)->lent = true;
  moved(w, which, WRITING, put);
  if (loose) empty(w, which);
}

#endif
