/* What is done to a descriptor itself: its flags, its copies, its options, its end. */
#ifndef DESCRIPTORS_H
#define DESCRIPTORS_H

#include <limits.h>

#include "call.h"

/* A copy that has come about belongs to the same channel. */
static void copied(world *w, int from, int fd) {
  int to = free_end(w);
  if (fd < 0) return;
  if (to < 0 || from < 0) {
    close(fd);
    return;
  }
  w->ends[to].fd = settle_number(w, fd, to);
  w->ends[to].channel = w->ends[from].channel;
  if (w->count <= to) w->count = to + 1;
  note(&w->record, " as %d", to);
}

static void op_dup(world *w, int which) {
  int fd = number_of(w, which), how = (int)roll(&w->dice, 4);
  note(&w->record, how == 0 ? "dup" : how == 1 ? "F_DUPFD" : how == 2 ? "F_DUPFD_CLOEXEC" : "F_DUPFD bad");
  note_end(w, which);
  w->partner.deed = NOTHING;
  call_begins(w);
  int got = how == 0 ? dup(fd) : fcntl(fd, how == 2 ? F_DUPFD_CLOEXEC : F_DUPFD, how == 3 ? -1 : w->base + ENDS + 4);
  int error = errno;
  call_ends(w, got < 0 ? got : 0, error, false, 0);
  if (got >= 0) note(&w->record, " flags %d %x", fcntl(got, F_GETFD), (unsigned)fcntl(got, F_GETFL));
  copied(w, which, got);
}

static void op_dup_to(world *w, int which) {
  static const int WRONG[] = {-1, INT_MAX, -5};
  int fd = number_of(w, which), to = (int)roll(&w->dice, ENDS);
  int how = (int)roll(&w->dice, 3), target = one_in(&w->dice, 12) ? PICK(&w->dice, WRONG) : w->base + to;
  if (one_in(&w->dice, 6)) target = fd, to = which;
  if (target == fd) to = which;
  note(&w->record, how == 0 ? "dup2" : how == 1 ? "dup3" : "dup3 cloexec");
  note_end(w, which);
  note(&w->record, " to %d", target < 0 || target == INT_MAX ? target : target - w->base);
  w->partner.deed = NOTHING;
  call_begins(w);
  int got = how == 0 ? dup2(fd, target) : dup3(fd, target, how == 1 ? 0 : O_CLOEXEC);
  int error = errno;
  call_ends(w, got < 0 ? got : got - w->base, error, false, 0);
  if (got < 0 || got == fd) return;
  for (int i = 0; i < w->count; i++)
    if (w->ends[i].fd >= 0 && channel_of(w, i)->kind == POLLER) channel_of(w, i)->watched &= ~(1ULL << to);
  w->ends[to].fd = got;
  w->ends[to].channel = w->ends[which].channel;
  if (w->count <= to) w->count = to + 1;
}

static void op_close(world *w, int which) {
  int fd = number_of(w, which);
  note(&w->record, "close");
  note_end(w, which);
  w->partner.deed = NOTHING;
  MADE(w, close(fd));
  if (which >= 0) w->ends[which].fd = -1;
}

static void op_shutdown(world *w, int which) {
  int how = (int)roll(&w->dice, 5) - 1;
  note(&w->record, "shutdown");
  note_end(w, which);
  note(&w->record, " %d", how);
  w->partner.deed = NOTHING;
  long made = MADE(w, shutdown(number_of(w, which), how));
  if (made == 0 && how > 0) channel_of(w, which)->mute = true;
}

static void op_flags(world *w, int which) {
  int fd = number_of(w, which), on = (int)roll(&w->dice, 2), bytes = -1;
  w->partner.deed = NOTHING;
  switch (roll(&w->dice, 11)) {
  case 0:
  case 1:
    note(&w->record, "F_SETFL");
    note_end(w, which);
    note(&w->record, " %d", on);
    MADE(w, fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0));
    break;
  case 2:
  case 3:
    note(&w->record, "FIONBIO");
    note_end(w, which);
    note(&w->record, " %d", on);
    MADE(w, ioctl(fd, FIONBIO, &on));
    break;
  case 4:
    note(&w->record, "F_GETFL");
    note_end(w, which);
    MADE(w, fcntl(fd, F_GETFL));
    break;
  case 5:
    note(&w->record, "F_SETFD");
    note_end(w, which);
    MADE(w, fcntl(fd, F_SETFD, on));
    note(&w->record, " is %d", fcntl(fd, F_GETFD));
    break;
  case 6:
    note(&w->record, on ? "FIOCLEX" : "FIONCLEX");
    note_end(w, which);
    MADE(w, ioctl(fd, on ? FIOCLEX : FIONCLEX));
    note(&w->record, " is %d", fcntl(fd, F_GETFD));
    break;
  case 7:
    note(&w->record, "FIONREAD");
    note_end(w, which);
    MADE(w, ioctl(fd, FIONREAD, &bytes));
    note(&w->record, " %d", bytes);
    break;
  case 8:
    note(&w->record, "F_SETFL all");
    note_end(w, which);
    /* O_ASYNC would have the kernel send signals. */
    MADE(w, fcntl(fd, F_SETFL, ~(O_ASYNC | O_DIRECT | O_NOATIME)));
    MADE(w, fcntl(fd, F_GETFL));
    break;
  case 9:
    note(&w->record, "F_what");
    note_end(w, which);
    MADE(w, fcntl(fd, 99, 0));
    MADE(w, ioctl(fd, 0x12345678, NULL));
    MADE(w, ioctl(fd, FIONBIO, NULL));
    break;
  default:
    note(&w->record, "pipe size");
    note_end(w, which);
    MADE(w, fcntl(fd, F_GETPIPE_SZ));
    break;
  }
}

static void op_option(world *w, int which) {
  /* A negative one, which means not to wait, cannot be told from none: docs/patching.md. */
  static const struct timeval SPANS[] = {{0, 0}, {0, 4000}, {5, 0}, {0, 1000000}, {0, -1}};
  static const int TIMEOUTS[] = {SO_RCVTIMEO, SO_SNDTIMEO};
  static const int OPTIONS[] = {SO_ERROR, SO_TYPE, SO_ACCEPTCONN, SO_PROTOCOL, SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT, 9999};
  int fd = number_of(w, which), value = 0, option;
  struct timeval span = PICK(&w->dice, SPANS);
  unsigned char answer[64] = {0};
  socklen_t length = one_in(&w->dice, 3) ? roll(&w->dice, 20) : sizeof answer;
  w->partner.deed = NOTHING;
  switch (roll(&w->dice, 6)) {
  case 0:
  case 1:
    option = PICK(&w->dice, TIMEOUTS);
    note(&w->record, option == SO_RCVTIMEO ? "SO_RCVTIMEO" : "SO_SNDTIMEO");
    note_end(w, which);
    note(&w->record, " %ld.%06ld", (long)span.tv_sec, (long)span.tv_usec);
    if (one_in(&w->dice, 10)) length = roll(&w->dice, 16); else length = sizeof span;
    MADE(w, setsockopt(fd, SOL_SOCKET, option, &span, length));
    break;
  case 2:
    value = one_in(&w->dice, 2) ? 1 : 8;
    note(&w->record, "SO_RCVLOWAT");
    note_end(w, which);
    note(&w->record, " %d", value);
    MADE(w, setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value));
    break;
  default:
    option = PICK(&w->dice, OPTIONS);
    note(&w->record, "getsockopt %d", option);
    note_end(w, which);
    note(&w->record, " room %d", (int)length);
    MADE(w, getsockopt(fd, SOL_SOCKET, option, one_in(&w->dice, 30) ? NULL : answer, &length));
    note(&w->record, " %d %08x", (int)length, digest(DIGEST_START, answer, sizeof answer));
  }
}

#endif
