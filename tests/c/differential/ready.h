/* Who is ready: poll, select, epoll, and the forms of each. */
#ifndef READY_H
#define READY_H

#include <poll.h>
#include <sys/select.h>

#include "call.h"

extern int __poll_chk(struct pollfd *set, nfds_t count, int span, size_t room);
extern int __ppoll_chk(struct pollfd *set, nfds_t count, const struct timespec *span, const sigset_t *mask,
                       size_t room);

/* In milliseconds. What is longer than a few is ended by the partner, or there would be a difference. */
#define LONG_SPAN 2000

/* Has the partner make one of `ends` readable, if that can be and none is ready. */
static bool plan_waking(world *w, uint64_t ends) {
  partner *p = &w->partner;
  p->deed = NOTHING;
  for (int i = 0; i < w->count; i++) {
    if (!(ends >> i & 1) || w->ends[i].fd < 0) continue;
    channel *c = channel_of(w, i);
    if (c->kind == EVENT || c->kind == TIMER) {
      if (raw_poll(w->ends[i].fd, POLLIN)) continue;
      p->deed = feeder(c->kind);
      p->fd = w->ends[i].fd;
      return true;
    }
    /* A terminal wakes who waits as often as it likes. */
    int peer = end_of(w, c->peer, false);
    if (peer < 0 || c->kind == PTY || c->kind == LOOSE || c->kind == UDP) continue;
    if ((raw_flags(w->ends[i].fd) & O_ACCMODE) == O_WRONLY || raw_poll(w->ends[i].fd, POLLIN)) continue;
    if (raw_poll(w->ends[peer].fd, POLLOUT) != POLLOUT || w->channel[c->peer].mute) continue;
    p->deed = SEND;
    p->fd = w->ends[peer].fd;
    p->length = 1 + roll(&w->dice, 20);
    c->unread += (int64_t)p->length;
    return true;
  }
  return false;
}

static bool anything_ready(const struct pollfd *set, nfds_t count) {
  for (nfds_t i = 0; i < count; i++)
    if (set[i].fd >= 0 && raw_poll(set[i].fd, set[i].events)) return true;
  return false;
}

/* The deadline of a call: none yet, soon, or so late that somebody must have ended it. */
static int any_span(world *w, bool ready, uint64_t ends) {
  static const int SHORT[] = {0, 0, 1, 3};
  w->partner.deed = NOTHING;
  if (ready) return one_in(&w->dice, 2) ? -1 : PICK(&w->dice, SHORT);
  if (one_in(&w->dice, 2) || !plan_waking(w, ends)) return PICK(&w->dice, SHORT);
  return one_in(&w->dice, 2) ? -1 - (int)roll(&w->dice, 3) : LONG_SPAN;
}

static const struct timespec *as_timespec(int milliseconds, struct timespec *to) {
  if (milliseconds < 0) return NULL;
  to->tv_sec = milliseconds / 1000;
  to->tv_nsec = milliseconds % 1000 * 1000000L;
  return to;
}

static const sigset_t *any_mask(dice *d, sigset_t *to) {
  sigemptyset(to);
  if (one_in(d, 2)) sigaddset(to, SIGUSR2);
  return one_in(d, 2) ? to : NULL;
}

static void op_poll(world *w) {
  static const short EVENTS[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, POLLPRI, POLLIN | POLLRDHUP, 0, POLLRDNORM,
                                 POLLWRNORM | POLLIN, POLLHUP};
  struct pollfd set[8];
  struct timespec span_room, bad = {0, 1000000000};
  sigset_t mask_room;
  uint64_t ends = 0;
  nfds_t count = roll(&w->dice, 7);
  for (nfds_t i = 0; i < count; i++) {
    int which = (int)roll(&w->dice, (uint32_t)w->count);
    short events = PICK(&w->dice, EVENTS);
    int fd = w->ends[which].fd;
    if (one_in(&w->dice, 8)) fd = -1 - (int)roll(&w->dice, 3);
    if (one_in(&w->dice, 30)) fd = w->base + ENDS + 3;
    set[i] = (struct pollfd){fd, events, 0x55};
    if (fd >= 0 && events & POLLIN && fd < w->base + ENDS) ends |= 1ULL << which;
  }
  int how = (int)roll(&w->dice, 4);
  int span = any_span(w, anything_ready(set, count), ends);
  const sigset_t *mask = any_mask(&w->dice, &mask_room);
  const struct timespec *as = as_timespec(span, &span_room);
  bool wrong = one_in(&w->dice, 25), nowhere = one_in(&w->dice, 25), many = one_in(&w->dice, 25);
  if (wrong && how >= 2) as = &bad, w->partner.deed = NOTHING;
  if (nowhere && (span >= 0 || count > 0)) w->partner.deed = NOTHING;
  if (many) w->partner.deed = NOTHING;
  nfds_t told = many ? 100000000 : count;
  struct pollfd *at = nowhere ? NULL : set;
  if (nowhere && told == 0 && span < 0) at = set;
  note(&w->record, "%s %ld", how == 0 ? "poll" : how == 1 ? "__poll_chk" : how == 2 ? "ppoll" : "__ppoll_chk",
       (long)told);
  for (nfds_t i = 0; i < count; i++) note(&w->record, " %d:%x", set[i].fd < 0 ? set[i].fd : set[i].fd - w->base, (unsigned)set[i].events);
  note(&w->record, " span %d%s%s", span, at == NULL ? " NULL" : "", as == &bad ? " wrong" : "");
  if (told == 0 && span < 0 && w->partner.deed == NOTHING) {
    note(&w->record, " (for ever)");
    return;
  }
  if (how == 0) MADE(w, poll(at, told, span));
  if (how == 1) MADE(w, __poll_chk(at, told, span, SIZE_MAX));
  if (how == 2) MADE(w, ppoll(at, told, as, mask));
  if (how == 3) MADE(w, __ppoll_chk(at, told, as, mask, SIZE_MAX));
  for (nfds_t i = 0; i < count; i++) note(&w->record, " %x", (unsigned)set[i].revents);
  if (as == &span_room) note(&w->record, " left %ld.%09ld", (long)as->tv_sec, as->tv_nsec);
}

#define SET_BITS 8192
typedef struct wide_set {
  unsigned long bits[SET_BITS / 64];
} wide_set;

static void put_in(wide_set *set, int fd) { set->bits[fd / 64] |= 1UL << (fd % 64); }

static void note_set(world *w, const wide_set *set) {
  for (int fd = 0; fd < SET_BITS; fd++)
    if (set->bits[fd / 64] >> (fd % 64) & 1) note(&w->record, " %d", fd - w->base);
  note(&w->record, ";");
}

static void op_select(world *w) {
  wide_set sets[3];
  fd_set *given[3];
  struct pollfd looked[3 * 4];
  nfds_t looks = 0;
  uint64_t ends = 0;
  int top = 0;
  memset(sets, 0, sizeof sets);
  static const short AS_POLL[] = {POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI};
  bool bad = false;
  for (int kind = 0; kind < 3; kind++) {
    given[kind] = one_in(&w->dice, 4) ? NULL : (fd_set *)&sets[kind];
    for (uint32_t members = roll(&w->dice, 4); members > 0 && given[kind]; members--) {
      int which = (int)roll(&w->dice, (uint32_t)w->count), fd = w->base + which;
      if (w->ends[which].fd < 0 && !one_in(&w->dice, 10)) continue;
      if (w->ends[which].fd < 0) bad = true;
      put_in(&sets[kind], fd);
      if (fd >= top) top = fd + 1;
      looked[looks++] = (struct pollfd){fd, AS_POLL[kind], 0};
      if (kind == 0) ends |= 1ULL << which;
    }
  }
  bool ready = bad;
  for (nfds_t i = 0; i < looks; i++) ready |= (raw_poll(looked[i].fd, looked[i].events) & looked[i].events) != 0;
  int span = any_span(w, ready, ends), how = (int)roll(&w->dice, 2);
  static const int TOPS[] = {-1, 5000, INT_MAX};
  if (one_in(&w->dice, 15)) {
    top = PICK(&w->dice, TOPS);
    if (top == INT_MAX) top = SET_BITS;
    if (top < 0) w->partner.deed = NOTHING;
  } else if (one_in(&w->dice, 15)) {
    top = 0;
    if (w->partner.deed != NOTHING || span != 0) span = 1;
  }
  if (span < 0 && top == 0) span = 1;
  struct timeval brief = {span / 1000, span % 1000 * 1000};
  struct timespec exact;
  sigset_t mask_room;
  const sigset_t *mask = any_mask(&w->dice, &mask_room);
  bool wrong = span >= 0 && one_in(&w->dice, 20);
  as_timespec(span, &exact);
  if (wrong) brief.tv_usec = -1, exact.tv_nsec = -1, w->partner.deed = NOTHING;
  if (span >= 0 && span < 1000 && !wrong && one_in(&w->dice, 10)) brief = (struct timeval){0, 1000000 + span * 1000}, w->partner.deed = NOTHING, brief.tv_usec = ready ? brief.tv_usec : span * 1000;
  note(&w->record, how == 0 ? "select %d" : "pselect %d", top > 1000 || top <= 0 ? top : top - w->base);
  for (int kind = 0; kind < 3; kind++) {
    if (given[kind] == NULL)
      note(&w->record, " NULL;");
    else
      note_set(w, &sets[kind]);
  }
  note(&w->record, " span %d%s", span, wrong ? " wrong" : "");
  long found = how == 0 ? MADE(w, select(top, given[0], given[1], given[2], span < 0 ? NULL : &brief))
                        : MADE(w, pselect(top, given[0], given[1], given[2], span < 0 ? NULL : &exact, mask));
  for (int kind = 0; kind < 3; kind++) note_set(w, &sets[kind]);
  /* Linux tells what is left, which is another time in every run. */
  if (how == 0 && found == 0 && span >= 0) note(&w->record, " left %ld.%06ld", (long)brief.tv_sec, (long)brief.tv_usec);
  if (how == 1 && span >= 0) note(&w->record, " left %ld.%09ld", (long)exact.tv_sec, exact.tv_nsec);
}

static int by_data(const void *a, const void *b) {
  const struct epoll_event *x = a, *y = b;
  return x->data.u64 < y->data.u64 ? -1 : x->data.u64 > y->data.u64;
}

static void op_epoll_ctl(world *w, int poller, int which) {
  static const int WHAT[] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, 77};
  static const uint32_t EVENTS[] = {EPOLLIN, EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLET,
                                    EPOLLIN | EPOLLONESHOT, EPOLLRDHUP | EPOLLIN, 0};
  int what = PICK(&w->dice, WHAT);
  struct epoll_event event = {.events = PICK(&w->dice, EVENTS), .data.u64 = (uint64_t)(which + 1)};
  note(&w->record, "epoll_ctl %d", what);
  note_end(w, poller);
  note_end(w, which);
  note(&w->record, " %x", event.events);
  /* One that watches another, or itself, is another matter. */
  if (which >= 0 && channel_of(w, which)->kind == POLLER && which != poller) {
    note(&w->record, " (no)");
    return;
  }
  w->partner.deed = NOTHING;
  long done = MADE(w, epoll_ctl(number_of(w, poller), what, number_of(w, which), &event));
  if (done != 0 || poller < 0 || which < 0) return;
  uint64_t *watched = &channel_of(w, poller)->watched;
  *watched &= ~(1ULL << which);
  if (what != EPOLL_CTL_DEL && event.events == EPOLLIN) *watched |= 1ULL << which;
}

static void op_epoll_wait(world *w, int poller) {
  static const int MOSTS[] = {1, 2, 64, 64, 64, 0, -1};
  struct epoll_event events[64];
  struct timespec room, bad = {0, -1};
  sigset_t mask_room;
  int most = PICK(&w->dice, MOSTS), how = (int)roll(&w->dice, 3), fd = number_of(w, poller);
  bool is_one = poller >= 0 && w->ends[poller].fd >= 0 && channel_of(w, poller)->kind == POLLER;
  bool ready = is_one && raw_poll(fd, POLLIN);
  uint64_t ends = is_one ? channel_of(w, poller)->watched : 0;
  for (int i = 0; i < w->count; i++)
    if (w->ends[i].fd < 0) ends &= ~(1ULL << i);
  int span = any_span(w, ready, ends);
  /* That it is ready says no more than that something was. */
  if (ready && span < 0) span = 50;
  const sigset_t *mask = any_mask(&w->dice, &mask_room);
  bool nowhere = one_in(&w->dice, 30), wrong = how == 2 && one_in(&w->dice, 15);
  if (most <= 0 || !is_one || nowhere || wrong) {
    w->partner.deed = NOTHING;
    if (span < 0 || span > 100) span = 2;
  }
  note(&w->record, how == 0 ? "epoll_wait" : how == 1 ? "epoll_pwait" : "epoll_pwait2");
  note_end(w, poller);
  note(&w->record, " most %d span %d%s%s", most, span, nowhere ? " NULL" : "", wrong ? " wrong" : "");
  memset(events, 0, sizeof events);
  struct epoll_event *at = nowhere ? NULL : events;
  const struct timespec *exact = wrong ? &bad : as_timespec(span, &room);
  long found = how == 0   ? MADE(w, epoll_wait(fd, at, most, span))
               : how == 1 ? MADE(w, epoll_pwait(fd, at, most, span, mask))
                          : MADE(w, epoll_pwait2(fd, at, most, exact, mask));
  /* Which come first is the kernel's choice. */
  if (found <= 0 || found == most) return;
  qsort(events, (size_t)found, sizeof *events, by_data);
  for (long i = 0; i < found; i++) note(&w->record, " %d:%x", (int)events[i].data.u64 - 1, events[i].events);
}

#endif
