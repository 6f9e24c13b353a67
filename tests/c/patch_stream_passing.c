/* Descriptors that come with the bytes of a Unix stream are a bound that MSG_WAITALL does not lead across, whether
 * they are taken or not. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "alike.h"
#include "pairs.h"

/* The last bytes with a descriptor, later more. */
static void passes_between(int fd, int how) {
  struct iovec range = {"passed", 5};
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control = {.head = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
  struct msghdr message = {
      .msg_iov = &range, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
  (void)how;
  CHECK(send(fd, "abc", 3, 0) == 3);
  nanosleep(&(struct timespec){0, 20 * MS}, NULL);
  CHECK(sendmsg(fd, &message, 0) == 5);
  nanosleep(&(struct timespec){0, 20 * MS}, NULL);
  CHECK(send(fd, "def", 3, 0) == 3);
}

static void waits_for_all(struct outcome *outcome, int how) {
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  char place[20], control[64];
  struct iovec range = {place, sizeof place};
  struct msghdr message = {.msg_iov = &range, .msg_iovlen = 1};
  int pair[2], flags = MSG_WAITALL | (how >= 8 ? MSG_PEEK : 0);
  make(STREAM, pair);
  if (how % 4 == 3) message.msg_control = control, message.msg_controllen = sizeof control;
  struct later later = {.act = passes_between, .fd = pair[1]};
  begin(&later);
  if (how % 8 >= 4) end(&later);
  switch (how % 4) {
  case 0: note(outcome, recv(pair[0], place, sizeof place, flags)); break;
  case 1: note(outcome, recvfrom(pair[0], place, sizeof place, flags, (void *)&address, &length)); break;
  default: note(outcome, recvmsg(pair[0], &message, flags)); note(outcome, message.msg_flags);
  }
  note(outcome, length);
  if (how % 8 < 4) end(&later);
  note(outcome, recv(pair[0], place, sizeof place, MSG_DONTWAIT));
  if (how % 4 == 3) {
    int passed;
    memcpy(&passed, CMSG_DATA((struct cmsghdr *)(void *)control), sizeof passed);
    CHECK(message.msg_controllen == 0 || close(passed) == 0);
  }
  drop(pair);
}

int main(void) {
  struct scenario all[16];
  for (int how = 0; how < 16; how++) all[how] = (struct scenario){"waits_for_all", waits_for_all, how};
  compare_all(all, 16, GH_PATCH_ALL);
  return 0;
}
