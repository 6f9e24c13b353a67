/* One sequence: what its seed makes of it. */
#ifndef SEQUENCE_H
#define SEQUENCE_H

#include "connecting.h"
#include "descriptors.h"
#include "messages.h"
#include "ready.h"

#define STEPS 30

static int any_end(world *w) {
  if (one_in(&w->dice, 40)) return -1;
  int which = (int)roll(&w->dice, (uint32_t)w->count);
  /* Closed ones are tried seldom. */
  for (int tries = 0; tries < 3 && w->ends[which].fd < 0; tries++) which = (int)roll(&w->dice, (uint32_t)w->count);
  return which;
}

static int any_of_kind(world *w, enum kind kind) {
  for (int i = 0; i < w->count; i++)
    if (w->ends[i].fd >= 0 && channel_of(w, i)->kind == kind && !one_in(&w->dice, 8)) return i;
  return any_end(w);
}

static void step(world *w) {
  int which = any_end(w);
  switch (roll(&w->dice, 44)) {
  case 0: case 1: case 2: case 3: case 4: op_read(w, which); break;
  case 5: case 6: case 7: case 8: op_write(w, which); break;
  case 9: case 10: case 11: case 12: op_recv(w, which); break;
  case 13: case 14: case 15: op_send(w, which); break;
  case 16: case 17: op_recvmsg(w, which); break;
  case 18: case 19: op_sendmsg(w, which); break;
  case 20: op_recvmmsg(w, which); break;
  case 21: op_sendmmsg(w, which); break;
  case 22: op_sendfile(w, which, any_of_kind(w, FILES)); break;
  case 23: case 24: case 25: op_poll(w); break;
  case 26: case 27: op_select(w); break;
  case 28: case 29: case 30: op_epoll_ctl(w, any_of_kind(w, POLLER), which); break;
  case 31: case 32: case 33: op_epoll_wait(w, any_of_kind(w, POLLER)); break;
  case 34: case 35: op_flags(w, which); break;
  case 36: op_option(w, which); break;
  case 37: op_dup(w, which); break;
  case 38: op_dup_to(w, which); break;
  case 39: op_close(w, which); break;
  case 40: op_shutdown(w, which); break;
  case 41: op_accept(w, any_of_kind(w, LISTENER)); break;
  case 42: op_connect(w, any_of_kind(w, LOOSE), any_of_kind(w, LISTENER)); break;
  default: op_listen(w, any_of_kind(w, LISTENER)); break;
  }
  note(&w->record, "\n");
}

/* What is left in the end: flags, timeouts, and every byte that nobody has read. */
static void take_stock(world *w) {
  for (int i = 0; i < w->count; i++) {
    int fd = w->ends[i].fd;
    if (fd < 0) continue;
    channel *c = channel_of(w, i);
    note(&w->record, "left %d:%s flags %x %d", i, KINDS[c->kind], (unsigned)fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    /* A listener may be switched beneath: its caller is not told. */
    if (c->kind != LISTENER && !c->heard) note(&w->record, " really %lx", raw_flags(fd));
    note(&w->record, " timeouts %ld %ld ready %x", (long)raw_timeout(fd, SO_RCVTIMEO), (long)raw_timeout(fd, SO_SNDTIMEO),
         /* Whether there is room depends on what is under way. */
         (unsigned)raw_poll(fd, POLLIN | POLLRDHUP | (is_late(c->kind) ? 0 : POLLOUT)));
    uint32_t sum = DIGEST_START;
    long bytes = 0;
    while (c->kind != DEVICE && c->kind != LISTENER && c->kind != POLLER && c->kind != LOOSE && c->kind != TIMER &&
           (raw_flags(fd) & O_ACCMODE) != O_WRONLY && raw_poll(fd, POLLIN) & POLLIN) {
      long got = raw_is_socket(fd) ? syscall(SYS_recvfrom, fd, w->in, SPACE, MSG_DONTWAIT, NULL, NULL)
                                   : syscall(SYS_read, fd, w->in, SPACE);
      if (got <= 0) break;
      sum = digest(sum, w->in, (size_t)got);
      bytes += got;
      if (c->kind == EVENT) break;
    }
    note(&w->record, " unread %ld %08x\n", bytes, sum);
  }
}

static void sequence(world *w, uint64_t seed) {
  w->dice.state = seed * 0x2545f4914f6cdd1du + 99;
  w->count = w->channels = 0;
  memset(w->channel, 0, sizeof w->channel);
  for (int i = 0; i < ENDS; i++) w->ends[i] = (end){-1, 0};
  for (size_t i = 0; i < sizeof w->partner.bytes; i++) w->partner.bytes[i] = letter(i * 5 + 3);
  for (uint32_t kinds = 1 + roll(&w->dice, 4); kinds > 0; kinds--) open_kind(w, (enum kind)roll(&w->dice, POLLER + 1));
  for (int i = 0; i < STEPS; i++) {
    /* Each step has its own dice: what one sees changes nothing of the next ones. */
    dice before = {toss(&w->dice)}, kept = w->dice;
    __atomic_store_n(&w->in_step, raw_now(), __ATOMIC_RELAXED);
    w->dice = before;
    step(w);
    w->dice = kept;
    let_arrive(w);
  }
  take_stock(w);
  for (int i = 0; i < w->count; i++)
    if (w->ends[i].fd >= 0) CHECK_EQ(close(w->ends[i].fd), 0);
  __atomic_store_n(&w->in_step, 0, __ATOMIC_RELAXED);
}

#endif
