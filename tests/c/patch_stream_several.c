// emulated: no, the recvmmsg(2) of qemu knows no time
/* recvmmsg(2) with its flags and its time, on bytes and on messages. */
#define _GNU_SOURCE
#include <signal.h>

#include "alike.h"
#include "pairs.h"

static void says_twice(int fd, int how) {
  struct timespec span = {0, 20 * MS};
  CHECK(send(fd, "abcd", 4, 0) == 4);
  nanosleep(&span, NULL);
  CHECK(send(fd, "efgh", how, 0) == how);
}

static void several(struct outcome *outcome, int kind) {
  char places[3][8];
  struct iovec ranges[3];
  struct mmsghdr messages[3] = {0};
  struct timespec none = {0, 0}, long_time = {5, 0};
  int pair[2];
  make(kind, pair);
  for (int i = 0; i < 3; i++) {
    ranges[i] = (struct iovec){places[i], sizeof places[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &ranges[i], .msg_iovlen = 1};
  }
  struct later later = {.act = says_twice, .fd = pair[1], .how = 4};
  begin(&later);
  note(outcome, recvmmsg(pair[0], messages, 1, MSG_WAITALL | MSG_WAITFORONE, &long_time));
  note(outcome, messages[0].msg_len);
  end(&later);
  note(outcome, recv(pair[0], places[0], 8, MSG_DONTWAIT));
  CHECK(shutdown(pair[1], SHUT_WR) == 0);
  if (kind == TCP || kind == STREAM) {
    note(outcome, recvmmsg(pair[0], messages, 3, MSG_WAITFORONE | MSG_WAITALL, &none));
    note(outcome, recvmmsg(pair[0], messages, 3, 0, &none));
    note(outcome, recvmmsg(pair[0], messages, 3, 0, NULL));
  }
  drop(pair);
}

int main(void) {
  struct scenario all[KINDS];
  int count = 0;
  signal(SIGPIPE, SIG_IGN);
  for (int kind = 0; kind <= UDP; kind++) all[count++] = (struct scenario){"several", several, kind};
  compare_all(all, count, GH_PATCH_ALL);
  return 0;
}
