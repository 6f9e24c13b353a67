/* One call: who helps it, what it gave. */
#ifndef CALL_H
#define CALL_H

#include "world.h"

enum way { READING, WRITING };

/* What is said of a descriptor: its end's number, or that it is none. */
static void note_end(world *w, int which) {
  if (which < 0)
    note(&w->record, " nobody");
  else
    note(&w->record, " %d:%s", which, w->ends[which].fd < 0 ? "closed" : KINDS[channel_of(w, which)->kind]);
}

/* The number of an end; of none, one that is not open. */
static int number_of(world *w, int which) { return which < 0 ? -1 : w->base + which; }

static enum deed feeder(enum kind kind) {
  switch (kind) {
  case EVENT: return COUNT;
  case TIMER: return ARM;
  default: return SEND;
  }
}

/* Has the partner end what would wait for something to read. False: nobody could, so that the call must not
 * be made. */
static bool plan_reading(world *w, int which, size_t wanted, int flags) {
  partner *p = &w->partner;
  int fd = w->ends[which].fd;
  channel *c = channel_of(w, which);
  short now = raw_poll(fd, POLLIN);
  bool whole = (flags & MSG_WAITALL) != 0 || (raw_is_socket(fd) && raw_low_mark(fd) > 1);
  if (c->kind == LISTENER || c->kind == FILES || c->kind == DEVICE || c->kind == POLLER) return true;
  if (now != 0 && (!whole || !raw_is_socket(fd) || (now & (POLLHUP | POLLERR)))) return true;
  if (c->kind == LOOSE) return false;
  if (raw_timeout(fd, SO_RCVTIMEO) > 0 && raw_timeout(fd, SO_RCVTIMEO) < 100000) return true;
  p->deed = feeder(c->kind);
  p->length = 1 + roll(&w->dice, 40);
  if (p->deed != SEND) {
    p->fd = fd;
    return true;
  }
  bool ends_here = is_stream(c->kind) || c->kind == PACKETS;
  int peer = end_of(w, c->peer, false), alone = end_of(w, c->peer, true);
  if (c->kind == PTY) p->length = 3 + roll(&w->dice, 10);
  if (peer < 0) {
    p->deed = NOTHING;
    return ends_here;
  }
  p->fd = w->ends[peer].fd;
  if (raw_poll(p->fd, POLLOUT) != POLLOUT || w->channel[c->peer].mute) {
    /* It has shut that side down, or cannot write for another reason. */
    if (!ends_here || alone < 0 || c->kind == PTY) return p->deed = NOTHING, false;
    p->deed = CLOSE;
  } else if (ends_here && alone >= 0 && c->kind != PTY && one_in(&w->dice, 6)) {
    /* A terminal that is hung up tells who waits something else than who comes later. */
    p->deed = CLOSE;
  } else if (ends_here && c->kind != PIPE && c->kind != PTY && one_in(&w->dice, 6)) {
    p->deed = SHUT;
  } else if (w->interrupts && !whole && one_in(&w->dice, 3)) {
    p->deed = INTERRUPT;
  } else if (whole && is_stream(c->kind) && c->kind != PTY) {
    size_t mark = raw_is_socket(fd) ? (size_t)raw_low_mark(fd) : 1;
    p->deed = PIECES;
    /* Without MSG_WAITALL the second piece reaches the mark, so that the first alone ends nothing. */
    p->length = flags & MSG_WAITALL && wanted > mark ? wanted : mark;
    if (p->length < 2) p->length = 2;
    if (p->length > 4000) p->length = 4000;
    if (p->length < wanted && (flags & MSG_WAITALL)) p->deed = CLOSE;
    if (p->deed == CLOSE && alone < 0) return p->deed = NOTHING, false;
  }
  /* Without a line's end a terminal has nothing for who reads lines. */
  p->bytes[p->length - 1] = '\n';
  if (p->deed == CLOSE) w->ends[alone].fd = -1;
  return true;
}

static bool plan_writing(world *w, int which, size_t length) {
  partner *p = &w->partner;
  int fd = w->ends[which].fd;
  channel *c = channel_of(w, which);
  bool full = !(raw_poll(fd, POLLOUT) & POLLOUT);
  if (!full && length <= 1000 && c->kind != EVENT) return true;
  /* At the other side of a connection that nobody has accepted nobody reads. */
  struct sockaddr_storage address;
  socklen_t address_length = sizeof address;
  if (c->kind == LOOSE && getpeername(fd, (struct sockaddr *)&address, &address_length) == 0) return false;
  if (c->kind == FILES || c->kind == DEVICE || c->kind == TIMER || c->kind == POLLER || c->kind == LOOSE ||
      c->kind == LISTENER)
    return true;
  if (c->kind == EVENT) {
    p->deed = TAKE;
    p->fd = fd;
    p->length = 0;
    return true;
  }
  if (raw_is_socket(fd) && raw_timeout(fd, SO_SNDTIMEO) > 0 && raw_timeout(fd, SO_SNDTIMEO) < 100000) {
    if (c->kind != TCP) return true;
    /* How much TCP takes without a peer depends on the moment, and whether a peer takes the rest in time, too. */
    if (c->peer >= 0 && w->channel[c->peer].unread + (int64_t)length > 3000) return false;
  }
  int peer = end_of(w, c->peer, false), alone = end_of(w, c->peer, true);
  if (peer < 0) return is_stream(c->kind) || c->kind == PACKETS || c->kind == UDP;
  p->fd = w->ends[peer].fd;
  if (alone >= 0 && length >= 300000 && (c->kind == PIPE || c->kind == STREAM) && one_in(&w->dice, 4)) {
    p->deed = CLOSE;
    w->ends[alone].fd = -1;
    return true;
  }
  p->deed = DRAIN;
  p->length = 0;
  p->left = is_late(c->kind) ? w->channel[c->peer].unread : -1;
  return true;
}

/* Before a call that may wait: the partner, if it is needed. False if the call must not be made. */
static bool plan(world *w, int which, enum way way, size_t length, int flags) {
  w->partner.deed = NOTHING;
  if (which < 0 || w->ends[which].fd < 0) return true;
  int state = fcntl(w->ends[which].fd, F_GETFL);
  if (state & O_NONBLOCK || flags & MSG_DONTWAIT) return true;
  if (way == READING && (state & O_ACCMODE) == O_WRONLY) return true;
  if (way == WRITING && (state & O_ACCMODE) == O_RDONLY) return true;
  bool possible = way == READING ? plan_reading(w, which, length, flags) : plan_writing(w, which, length);
  if (!possible) note(&w->record, " (nobody could end it)");
  return possible;
}

static void call_begins(world *w) {
  static const char *const DEEDS[] = {"",      " peer sends", " peer sends twice", " peer closes", " peer shuts",
                                      " peer drains", " taken", " counted", " armed", " peer connects",
                                      " peer accepts", " signal, then peer sends"};
  note(&w->record, "%s", DEEDS[w->partner.deed]);
  if (w->partner.deed == SEND || w->partner.deed == PIECES || w->partner.deed == INTERRUPT) note(&w->record, " %zu", w->partner.length);
  partner_ready(&w->partner);
  w->sigpipes = sigpipes;
  errno = UNTOUCHED;
}

/* Notes what the call gave. `loose`: only whether it was more than nothing, as how much depends on the
 * moment. */
static void call_ends(world *w, long result, int error, bool loose, int64_t sent) {
  partner *p = &w->partner;
  partner_over(p, sent);
  /* The timer may go off after a call that did not wait for it. */
  int64_t end = raw_now() + 1000000000;
  while (p->deed == ARM && result != 8 && !raw_poll(p->fd, POLLIN) && raw_now() < end) raw_pause(100);
  if (loose && result > 0)
    note(&w->record, " = some");
  else
    note(&w->record, " = %ld", result);
  if (error != UNTOUCHED || result < 0) note(&w->record, " errno %d", error);
  if (w->counts_sigpipe && sigpipes != w->sigpipes) note(&w->record, " SIGPIPE %d", sigpipes - w->sigpipes);
  if (p->deed == DRAIN && !loose) note(&w->record, " drained %ld %08x", (long)p->drained, p->sum);
}

/* Makes a call whose result is all that it gives. */
#define CALL(w, loose, sent, expression)                          \
  __extension__({                                                 \
    call_begins(w);                                               \
    long result_ = (long)(expression);                            \
    int error_ = errno;                                           \
    call_ends((w), result_, error_, (loose), (sent) ? result_ : 0); \
    result_;                                                      \
  })

#define MADE(w, expression) CALL(w, false, false, expression)

/* A socket's shared count of what is on its way, after a call that has moved bytes. */
static void moved(world *w, int which, enum way way, long bytes) {
  if (which < 0) return;
  channel *c = channel_of(w, which);
  partner *p = &w->partner;
  if (way == READING) {
    if (p->deed == SEND || p->deed == PIECES || p->deed == INTERRUPT) c->unread += p->outcome > 0 ? p->outcome : 0;
    if (bytes > 0) c->unread -= bytes;
  } else if (c->peer >= 0) {
    channel *other = &w->channel[c->peer];
    if (bytes > 0) other->unread += bytes;
    if (p->deed == DRAIN) other->unread -= p->drained;
    if (other->unread < 0) other->unread = 0;
  }
}

#endif
