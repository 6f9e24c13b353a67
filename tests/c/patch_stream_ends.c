/* How what waits for bytes or messages ends, and what never waits: shutdown(2) before and during a wait on every
 * kind of socket, and calls that fail at once whatever was learnt of the descriptor before. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "alike.h"
#include "pairs.h"

static char bytes[1 << 20];

static void receive_each_way(struct outcome *outcome, int fd) {
  char place[8];
  struct iovec range = {place, sizeof place};
  struct msghdr message = {.msg_iov = &range, .msg_iovlen = 1};
  struct mmsghdr messages[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  note(outcome, recv(fd, place, sizeof place, 0));
  note(outcome, read(fd, place, sizeof place));
  note(outcome, readv(fd, &range, 1));
  note(outcome, recvfrom(fd, place, sizeof place, 0, NULL, NULL));
  note(outcome, recvmsg(fd, &message, 0));
  note(outcome, recvmmsg(fd, messages, 2, 0, NULL));
}

static void shut_before(struct outcome *outcome, int kind) {
  int pair[2];
  make(kind, pair);
  note(outcome, shutdown(pair[0], kind == LONELY_UDP ? SHUT_RDWR : SHUT_RD));
  receive_each_way(outcome, pair[0]);
  drop(pair);
}

/* The hub has seen the end go by while nobody waited. */
static void shut_between(struct outcome *outcome, int kind) {
  struct timeval span = {0, 20000}, none = {0, 0};
  int pair[2];
  char byte;
  make(kind, pair);
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  note(outcome, recv(pair[0], &byte, 1, 0));
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none) == 0);
  shutdown(pair[0], kind == LONELY_UDP ? SHUT_RDWR : SHUT_RD);
  nanosleep(&(struct timespec){0, 10 * MS}, NULL);
  note(outcome, recv(pair[0], &byte, 1, MSG_DONTWAIT));
  receive_each_way(outcome, pair[0]);
  drop(pair);
}

static void shut_during(struct outcome *outcome, int kind) {
  int pair[2];
  make(kind, pair);
  struct later later = {.act = shuts, .fd = pair[0], .how = kind == LONELY_UDP ? SHUT_RDWR : SHUT_RD};
  begin(&later);
  receive_each_way(outcome, pair[0]);
  end(&later);
  drop(pair);
}

static void peer_shut_during(struct outcome *outcome, int kind) {
  int pair[2];
  make(kind, pair);
  struct later later = {.act = shuts, .fd = pair[1], .how = SHUT_WR};
  begin(&later);
  receive_each_way(outcome, pair[0]);
  end(&later);
  drop(pair);
}

static void shut_while_sending(struct outcome *outcome, int kind) {
  int pair[2], few = 4096;
  make(kind, pair);
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof few) == 0);
  /* TCP finds a little more room when the other end has taken something in. */
  for (int calm = 0; calm < 12;) {
    if (send(pair[0], bytes, 1000, MSG_DONTWAIT) > 0)
      calm = 0;
    else
      calm++, nanosleep(&(struct timespec){0, 10 * MS}, NULL);
  }
  struct later later = {.act = shuts, .fd = pair[0], .how = SHUT_WR};
  begin(&later);
  note(outcome, send(pair[0], bytes, 1000, 0));
  note(outcome, write(pair[0], bytes, 1000));
  end(&later);
  drop(pair);
}

static void closes(int fd, int how) {
  (void)how;
  CHECK(close(fd) == 0);
}

/* Who closes with bytes unread resets a Unix connection: a write that is partial by that has told so. */
static void reset_while_sending(struct outcome *outcome, int kind) {
  int pair[2];
  make(kind, pair);
  CHECK(send(pair[1], "abc", 3, 0) == 3);
  struct later later = {.act = closes, .fd = pair[1]};
  begin(&later);
  ssize_t sent = send(pair[0], bytes, sizeof bytes, MSG_NOSIGNAL);
  note(outcome, sent > 0 && sent < (ssize_t)sizeof bytes);
  end(&later);
  note(outcome, recv(pair[0], bytes, 8, 0));
  note(outcome, recv(pair[0], bytes, 8, 0));
  CHECK(close(pair[0]) == 0);
}

static void says(int fd, int how) {
  (void)how;
  CHECK(send(fd, "ab", 2, 0) == 2);
}

/* Flags that a socket does not know keep nobody from waiting. */
static void with_flags(struct outcome *outcome, int kind) {
  static const int flags[] = {MSG_OOB, MSG_ERRQUEUE};
  char place[8];
  int pair[2];
  make(kind, pair);
  for (int i = 0; i < 2; i++) {
    struct later later = {.act = says, .fd = pair[1]};
    begin(&later);
    note(outcome, recv(pair[0], place, sizeof place, flags[i]));
    end(&later);
    note(outcome, recv(pair[0], place, sizeof place, MSG_DONTWAIT));
  }
  drop(pair);
}

/* Ranges of nothing send nothing. */
static void nothing(struct outcome *outcome, int kind) {
  struct iovec ranges[2] = {{bytes, 0}, {bytes, 0}};
  int pair[2];
  make(kind, pair);
  note(outcome, writev(pair[1], ranges, 2));
  note(outcome, recv(pair[0], bytes, 8, MSG_DONTWAIT));
  note(outcome, readv(pair[0], ranges, 2));
  note(outcome, write(pair[1], bytes, 0));
  note(outcome, recv(pair[0], bytes, 8, MSG_DONTWAIT));
  drop(pair);
}

static void makes_a_file(int fd, int how) {
  (void)how;
  CHECK(inotify_add_watch(fd, "/tmp", IN_OPEN) >= 0);
  CHECK(close(open("/tmp", O_RDONLY)) == 0);
}

static void records(struct outcome *outcome, int size) {
  char place[64];
  int event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0), watch = inotify_init();
  note(outcome, read(event, place, size));
  note(outcome, read(timer, place, size));
  note(outcome, write(event, place, size));
  struct later later = {.act = makes_a_file, .fd = watch};
  begin(&later);
  note(outcome, read(watch, place, size));
  end(&later);
  close(event), close(timer), close(watch);
}

/* A full counter refuses at once what any refuses. */
static void full_counter(struct outcome *outcome, int arg) {
  static const uint64_t most[2] = {UINT64_MAX, 0};
  const char *volatile nowhere = (char *)8;
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  (void)arg;
  int event = eventfd(0, 0);
  CHECK(mprotect(page + 4096, 4096, PROT_NONE) == 0);
  memset(page + 4091, 0, 5);
  /* Up to the last byte that can be read, and beyond it. */
  struct iovec ranges[2] = {{page, 3}, {page + 4091, 5}};
  note(outcome, writev(event, ranges, 2));
  note(outcome, write(event, page + 4091, 8));
  note(outcome, write(event, nowhere, 8));
  CHECK(write(event, &(uint64_t){UINT64_MAX - 1}, 8) == 8);
  note(outcome, write(event, nowhere, 8));
  note(outcome, write(event, most, 4));
  note(outcome, write(event, most, 8));
  /* Newer kernels refuse this, too. */
  int other = eventfd(0, EFD_NONBLOCK);
  if (write(other, most, 16) < 0) note(outcome, write(event, most, 16));
  close(event), close(other);
  CHECK(munmap(page, 8192) == 0);
}

/* To receive nothing waits, of TCP once for whatever comes: without ranges, and with empty ones. */
static void receives_nothing(struct outcome *outcome, int how) {
  struct timeval span = {0, 20000}, none = {0, 0};
  struct iovec ranges[2] = {{bytes, 0}, {NULL, 0}};
  struct msghdr message = {.msg_iov = ranges, .msg_iovlen = how < KINDS ? 0 : 2};
  enum kind kind = how % KINDS;
  char place[8];
  int pair[2];
  make(kind, pair);
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  note(outcome, recv(pair[0], place, 0, 0));
  note(outcome, recvmsg(pair[0], &message, 0));
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none) == 0);
  note(outcome, recv(pair[0], place, 0, MSG_DONTWAIT));
  struct later later = {.act = says, .fd = pair[1]};
  begin(&later);
  note(outcome, recv(pair[0], place, 0, 0));
  end(&later);
  note(outcome, recv(pair[0], place, 8, MSG_DONTWAIT));
  if (kind == TCP) {
    /* A reset is left to the next call. */
    CHECK(send(pair[0], "abc", 3, 0) == 3);
    later = (struct later){.act = closes, .fd = pair[1]};
    begin(&later);
    note(outcome, how < KINDS ? recvfrom(pair[0], place, 0, 0, NULL, NULL) : recvmsg(pair[0], &message, 0));
    end(&later);
    note(outcome, recv(pair[0], place, 8, 0));
    CHECK(close(pair[0]) == 0);
  } else {
    drop(pair);
  }
}

static void ends_the_file(int fd, int how) {
  (void)how;
  CHECK(write(fd, "\4", 1) == 1);
}

/* Who waits at a terminal whose other side is closed is told so, once; who comes later finds its end, and so does
 * who is told by a key that there is no more. */
static void terminal_closed(struct outcome *outcome, int raw) {
  struct termios settings;
  int ends[2];
  for (int before = 0; before < 2; before++) {
    CHECK(openpty(&ends[0], &ends[1], NULL, NULL, NULL) == 0);
    if (raw) {
      CHECK(tcgetattr(ends[1], &settings) == 0);
      cfmakeraw(&settings);
      CHECK(tcsetattr(ends[1], TCSANOW, &settings) == 0);
    } else {
      struct later later = {.act = ends_the_file, .fd = ends[0]};
      begin(&later);
      note(outcome, read(ends[1], bytes, 8));
      end(&later);
    }
    struct later later = {.act = closes, .fd = ends[0]};
    begin(&later);
    if (before) end(&later);
    note(outcome, read(ends[1], bytes, 8));
    note(outcome, read(ends[1], bytes, 8));
    if (!before) end(&later);
    CHECK(close(ends[1]) == 0);
  }
  CHECK(openpty(&ends[0], &ends[1], NULL, NULL, NULL) == 0);
  struct later later = {.act = closes, .fd = ends[1]};
  begin(&later);
  note(outcome, read(ends[0], bytes, 8));
  note(outcome, read(ends[0], bytes, 8));
  end(&later);
  CHECK(close(ends[0]) == 0);
}

/* The hub believes that there is nothing to be read. */
static void fails_at_once(struct outcome *outcome, int kind) {
  struct timeval span = {0, 20000};
  struct iovec *volatile nowhere = (struct iovec *)8;
  char *volatile place = bytes;
  int pair[2];
  make(kind, pair);
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  note(outcome, recv(pair[0], bytes, 8, 0));
  struct msghdr message = {.msg_iov = nowhere, .msg_iovlen = 2}, many = {.msg_iov = nowhere, .msg_iovlen = 1025};
  note(outcome, recvmsg(pair[0], &message, 0));
  note(outcome, recvmsg(pair[0], &many, 0));
  volatile size_t most = SSIZE_MAX;
  note(outcome, read(pair[0], place, most));
  note(outcome, write(pair[0], place, most));
  drop(pair);
}

static void knows_otherwise(struct outcome *outcome, int arg) {
  struct sockaddr_in address;
  struct epoll_event none;
  struct timeval span = {0, 20000};
  char place[16];
  (void)arg;
  int listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0);
  named(listener, &address);
  CHECK(listen(listener, 1) == 0);
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  note(outcome, accept(listener, NULL, NULL));
  note(outcome, read(listener, place, 2));
  note(outcome, recv(listener, place, 2, 0));
  note(outcome, accept4(listener, NULL, NULL, 0x40000000));
  note(outcome, epoll_wait(poller, &none, 1, 20));
  note(outcome, read(poller, place, 13));
  close(listener), close(poller);
}

/* What was learnt of a number is of no use once it is closed, registered or not. */
static void reused(struct outcome *outcome, int waits) {
  struct itimerspec soon = {.it_value = {0, 20 * MS}};
  struct msghdr message = {.msg_iov = &(struct iovec){bytes, 8}, .msg_iovlen = 1};
  uint64_t ticks;
  int timer = timerfd_create(CLOCK_MONOTONIC, waits ? 0 : TFD_NONBLOCK), file = memfd_create("reused", 0);
  CHECK(dup2(timer, 100) == 100 && close(timer) == 0 && write(file, "file", 4) == 4);
  CHECK(!waits || timerfd_settime(100, 0, &soon, NULL) == 0);
  note(outcome, read(100, &ticks, 8));
  if (waits < 2) CHECK(close(100) == 0);
  CHECK(dup2(file, 100) == 100 && lseek(100, 0, SEEK_SET) == 0);
  note(outcome, recvmsg(100, &message, 0));
  note(outcome, readv(100, message.msg_iov, 1));
  note(outcome, write(100, "more", 4));
  int pair[2];
  make(STREAM, pair);
  CHECK(dup2(pair[0], 100) == 100 && send(pair[1], "abc", 3, 0) == 3);
  note(outcome, read(100, bytes, 8));
  struct later later = {.act = says, .fd = pair[1]};
  begin(&later);
  note(outcome, recv(100, bytes, 8, 0));
  end(&later);
  drop(pair);
  CHECK(close(100) == 0 && close(file) == 0);
}

static void sends_a_file(struct outcome *outcome, int arg) {
  off_t offset = 100;
  int pair[2], zero = open("/dev/zero", O_RDONLY), ends[2];
  (void)arg;
  make(STREAM, pair);
  CHECK(pipe(ends) == 0);
  note(outcome, sendfile(pair[0], zero, &offset, 50));
  note(outcome, offset);
  note(outcome, sendfile(-1, ends[0], &offset, 50));
  note(outcome, sendfile(-1, zero, &offset, 50));
  note(outcome, sendfile(pair[0], -1, &offset, 50));
  /* At a file's end a pipe that nobody reads is told all the same. */
  int file = memfd_create("empty", 0);
  CHECK(close(ends[0]) == 0);
  note(outcome, sendfile(ends[1], file, NULL, 50));
  CHECK(close(ends[1]) == 0 && close(file) == 0);
  drop(pair), close(zero);
}

int main(void) {
  struct scenario all[64];
  int count = 0;
  signal(SIGPIPE, SIG_IGN);
#define ADD(what, with) all[count++] = (struct scenario){#what, what, with}
  for (int kind = 0; kind < KINDS; kind++) {
    ADD(shut_before, kind);
    ADD(shut_between, kind);
    ADD(shut_during, kind);
    ADD(fails_at_once, kind);
    if (kind <= PACKETS) ADD(peer_shut_during, kind);
    if (kind <= PACKETS) ADD(shut_while_sending, kind);
    if (kind <= UDP) ADD(with_flags, kind);
    if (kind <= UDP) ADD(nothing, kind);
    if (kind <= UDP) ADD(receives_nothing, kind);
    if (kind <= UDP) ADD(receives_nothing, kind + KINDS);
  }
  ADD(reset_while_sending, TCP);
  ADD(reset_while_sending, STREAM);
  ADD(terminal_closed, 0);
  ADD(terminal_closed, 1);
  ADD(records, 0);
  ADD(records, 7);
  ADD(full_counter, 0);
  ADD(knows_otherwise, 0);
  for (int waits = 0; waits < 3; waits++) ADD(reused, waits);
  ADD(sends_a_file, 0);
  compare_all(all, count, GH_PATCH_ALL);
  return 0;
}
