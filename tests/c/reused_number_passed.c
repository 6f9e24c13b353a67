// sanitizer: yes
// valgrind: yes
/* The numbers of sockets that were closed with close(2) are given to descriptors that arrive in
 * messages: nothing that was known of the sockets is believed of them, and who still waits for one is
 * told. Alone in its process, so that the numbers which the kernel gives next are known. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define COUNT 3

/* Linux 6.5; not in every C library's headers. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

struct room {
  char byte;
  struct iovec range;
  size_t control[CMSG_SPACE(sizeof(int)) / sizeof(size_t)]; /* aligned as control messages must be */
};

static void prepare(struct msghdr *message, struct room *room) {
  memset(message, 0, sizeof *message);
  memset(room, 0, sizeof *room);
  room->range = (struct iovec){&room->byte, 1};
  message->msg_iov = &room->range;
  message->msg_iovlen = 1;
  message->msg_control = room->control;
  message->msg_controllen = sizeof room->control;
}

static void pass(int channel, int fd) {
  struct msghdr message;
  struct room room;
  prepare(&message, &room);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  CHECK_EQ(gh_sendmsg(channel, &message, 0, GH_NEVER), 1);
}

static int descriptor_in(struct msghdr *message) {
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  CHECK(header != NULL);
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

typedef void receive(int channel, int fds[COUNT]);

static void one_by_one(int channel, int fds[COUNT]) {
  for (int i = 0; i < COUNT; i++) {
    struct msghdr message;
    struct room room;
    prepare(&message, &room);
    CHECK_EQ(gh_recvmsg(channel, &message, 0, GH_NEVER), 1);
    fds[i] = descriptor_in(&message);
  }
}

static void at_once(int channel, int fds[COUNT]) {
  struct mmsghdr messages[COUNT];
  struct room rooms[COUNT];
  for (int i = 0; i < COUNT; i++) prepare(&messages[i].msg_hdr, &rooms[i]);
  CHECK_EQ(gh_recvmmsg(channel, messages, COUNT, 0, GH_NEVER), COUNT);
  for (int i = 0; i < COUNT; i++) fds[i] = descriptor_in(&messages[i].msg_hdr);
}

static void pair(int kind, int fds[2]) {
  CHECK_EQ(socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, fds), 0);
}

static void *wait_there(void *fd) {
  char byte;
  CHECK_EQ(gh_recv(*(int *)fd, &byte, 1, 0, gh_after_ms(20000)), -EBADF);
  return NULL;
}

static void reuse(int kind, receive *receive) {
  int channel[2], old[COUNT][2], source[COUNT][2], fds[COUNT];
  pair(kind, channel);
  for (int i = 0; i < COUNT; i++) {
    pair(SOCK_STREAM, source[i]);
    CHECK_EQ(write(source[i][1], "new", 3), 3);
    pass(channel[0], source[i][0]);
  }
  for (int i = 0; i < COUNT; i++) CHECK_EQ(close(source[i][0]), 0);

  /* The library learns that there is nothing to read, from this green thread alone: only then does it
   * not ask the kernel whether the number is still the same descriptor's. */
  char byte;
  for (int i = 0; i < COUNT; i++) pair(SOCK_STREAM, old[i]);
  for (int i = 0; i < COUNT; i++)
    CHECK_EQ(gh_recv(old[i][0], &byte, 1, 0, gh_after_ms(2)), -ETIMEDOUT);
  for (int i = 0; i < COUNT; i++) CHECK_EQ(close(old[i][0]), 0);

  receive(channel[1], fds);
  for (int i = 0; i < COUNT; i++) {
    char buf[8];
    CHECK_EQ(fds[i], old[i][0]);
    CHECK_EQ(gh_recv(fds[i], buf, sizeof buf, 0, gh_after_ms(5000)), 3);
    CHECK_EQ(memcmp(buf, "new", 3), 0);
  }
  for (int i = 0; i < COUNT; i++) {
    CHECK_EQ(gh_close(fds[i]), 0);
    CHECK_EQ(close(old[i][1]), 0);
    CHECK_EQ(close(source[i][1]), 0);
  }
  CHECK_EQ(gh_close(channel[0]), 0);
  CHECK_EQ(gh_close(channel[1]), 0);
}

/* Here green threads wait when their descriptors are closed behind the library. */
static void tell_waiters(int kind, receive *receive, int pidfd) {
  int channel[2], old[COUNT][2], fds[COUNT];
  gh_thread waiter[COUNT];
  pair(kind, channel);
  int one = 1;
  if (pidfd && setsockopt(channel[1], SOL_SOCKET, SO_PASSPIDFD, &one, sizeof one) != 0) {
    CHECK_EQ(errno, ENOPROTOOPT);
    pidfd = 0;
  }
  for (int i = 0; i < COUNT; i++) {
    if (pidfd) CHECK_EQ(gh_send(channel[0], "x", 1, 0, GH_NEVER), 1);
    else pass(channel[0], STDERR_FILENO);
  }
  for (int i = 0; i < COUNT; i++) {
    pair(SOCK_STREAM, old[i]);
    CHECK_EQ(gh_spawn(&waiter[i], NULL, wait_there, &old[i][0]), 0);
  }
  CHECK_EQ(gh_yield(), 0);
  for (int i = 0; i < COUNT; i++) CHECK_EQ(close(old[i][0]), 0);
  receive(channel[1], fds);
  for (int i = 0; i < COUNT; i++) {
    CHECK_EQ(fds[i], old[i][0]);
    CHECK_EQ(gh_join(waiter[i], NULL, GH_NEVER), 0);
    CHECK_EQ(gh_close(fds[i]), 0);
    CHECK_EQ(close(old[i][1]), 0);
  }
  CHECK_EQ(gh_close(channel[0]), 0);
  CHECK_EQ(gh_close(channel[1]), 0);
}

int main(void) {
  const int kinds[] = {SOCK_STREAM, SOCK_DGRAM};
  receive *const ways[] = {one_by_one, at_once};
  CHECK(gh_hub_current() != NULL);
  for (int kind = 0; kind < 2; kind++) {
    for (int way = 0; way < 2; way++) {
      reuse(kinds[kind], ways[way]);
      tell_waiters(kinds[kind], ways[way], 0);
      tell_waiters(SOCK_DGRAM, ways[way], 1);
    }
  }
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
