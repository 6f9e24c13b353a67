// emulated: no, qemu takes any time
// valgrind: yes
/* Sockets that keep messages apart, several messages in one call, and functions that act on every OS thread,
 * with the program patched. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL
#define MANY 4

static int pair[2];
static char places[MANY][64];
static struct iovec ranges[MANY];
static struct mmsghdr messages[MANY];

static void prepare(void) {
  for (int i = 0; i < MANY; i++) {
    ranges[i] = (struct iovec){places[i], sizeof places[i]};
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &ranges[i], .msg_iovlen = 1}};
  }
}

static gh_thread go(void *(*entry)(void *), void *arg) {
  gh_thread thread;
  CHECK(gh_spawn(&thread, NULL, entry, arg) == 0);
  gh_yield();
  return thread;
}

static void join(gh_thread thread) {
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
}

static void *sends_four(void *arg) {
  (void)arg;
  for (int i = 0; i < MANY; i++) {
    gh_sleep_ms(10);
    CHECK_EQ(send(pair[1], "message", i + 1, 0), i + 1);
  }
  return NULL;
}

static void receives_many(void) {
  struct timespec span = {0, 25 * MS}, wrong = {0, 1000 * MS};
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  prepare();
  gh_thread thread = go(sends_four, NULL);
  CHECK_EQ(recvmmsg(pair[0], messages, MANY, 0, NULL), MANY);
  for (int i = 0; i < MANY; i++)
    CHECK_EQ(messages[i].msg_len, i + 1);
  join(thread);
  thread = go(sends_four, NULL);
  CHECK_EQ(recvmmsg(pair[0], messages, MANY, MSG_WAITFORONE, NULL), 1);
  /* The time is looked at after each message. */
  int got = recvmmsg(pair[0], messages, MANY, 0, &span);
  CHECK(got >= 1 && got <= 3);
  if (got < 3)
    CHECK(span.tv_sec == 0 && span.tv_nsec == 0);
  join(thread);
  while (recv(pair[0], places[0], 64, MSG_DONTWAIT) > 0)
    continue;
  CHECK(recvmmsg(pair[0], messages, MANY, MSG_DONTWAIT, NULL) == -1 && errno == EAGAIN);
  CHECK(recvmmsg(pair[0], messages, MANY, 0, &wrong) == -1 && errno == EINVAL);
  CHECK_EQ(recvmmsg(pair[0], messages, 0, 0, NULL), 0);
  struct timeval timeout = {0, 50000};
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  CHECK_EQ(send(pair[1], "ab", 2, 0), 2);
  int64_t start = gh_now();
  CHECK_EQ(recvmmsg(pair[0], messages, MANY, 0, NULL), 1);
  CHECK(gh_now() - start >= 49 * MS);
  close(pair[0]), close(pair[1]);
}

static void *reads_slowly(void *arg) {
  for (int i = 0; i < *(int *)arg; i++) {
    gh_yield();
    CHECK(recv(pair[0], places[0], 64, 0) >= 0);
  }
  return NULL;
}

static void sends_many(void) {
  int total = 200 * MANY;
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
  prepare();
  gh_thread thread = go(reads_slowly, &total);
  for (int i = 0; i < 200; i++)
    CHECK_EQ(sendmmsg(pair[1], messages, MANY, 0), MANY);
  join(thread);
  close(pair[0]), close(pair[1]);
}

/* A receiver that has no room, and of which no event tells. */
static void waits_for_a_named_receiver(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  socklen_t length =
      offsetof(struct sockaddr_un, sun_path) + 1 +
      sprintf(name.sun_path + 1, "greenhub-messages-%d", (int)getpid());
  struct timeval span = {0, 50000};
  int total = 100, sender = socket(AF_UNIX, SOCK_DGRAM, 0);
  pair[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
  CHECK(bind(pair[0], (void *)&name, length) == 0);
  gh_thread thread = go(reads_slowly, &total);
  for (int i = 0; i < total; i++)
    CHECK_EQ(sendto(sender, "abc", 3, 0, (void *)&name, length), 3);
  join(thread);
  CHECK(setsockopt(sender, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span) == 0);
  ssize_t sent = 3;
  for (int i = 0; i < 100000 && sent == 3; i++)
    sent = sendto(sender, "abc", 3, 0, (void *)&name, length);
  CHECK(sent == -1 && errno == EAGAIN);
  close(sender), close(pair[0]);
}

static void keeps_messages_apart(void) {
  char bytes[64];
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
  CHECK_EQ(send(pair[1], "", 0, 0), 0);
  CHECK_EQ(recv(pair[0], bytes, 64, 0), 0);
  CHECK_EQ(write(pair[1], "one", 3), 3);
  CHECK_EQ(write(pair[1], "two", 3), 3);
  /* Nothing is taken by a read of nothing. */
  CHECK_EQ(read(pair[0], bytes, 0), 0);
  CHECK_EQ(recv(pair[0], bytes, 64, MSG_WAITALL), 3);
  CHECK(memcmp(bytes, "one", 3) == 0);
  CHECK_EQ(recv(pair[0], bytes, 2, MSG_TRUNC), 3);
  close(pair[0]), close(pair[1]);
}

static void *accepts(void *arg) {
  accept(*(int *)arg, NULL, NULL);
  return NULL;
}

static void *sends(void *arg) {
  struct iovec range = {places, sizeof places};
  struct msghdr message = {.msg_iov = &range, .msg_iovlen = 1};
  for (;;)
    sendmsg(*(int *)arg, &message, 0);
  return NULL;
}

static void cancels(void *(*entry)(void *), int fd) {
  struct timespec span = {0, 50 * MS};
  pthread_t plain;
  void *result;
  CHECK(pthread_create(&plain, NULL, entry, &fd) == 0);
  nanosleep(&span, NULL);
  CHECK(pthread_cancel(plain) == 0);
  CHECK(pthread_join(plain, &result) == 0);
  CHECK(result == PTHREAD_CANCELED);
}

static void *takes_one(void *arg) {
  CHECK(close(accept(*(int *)arg, NULL, NULL)) == 0);
  return NULL;
}

static void leaves_pthread_cancel_alone(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listener, (void *)&address, length) == 0 && listen(listener, 8) == 0);
  CHECK(getsockname(listener, (void *)&address, &length) == 0);
  cancels(accepts, listener);
  /* Once its mode is virtual, too. */
  gh_thread thread = go(takes_one, &listener);
  CHECK(connect(client, (void *)&address, length) == 0);
  join(thread);
  cancels(accepts, listener);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  cancels(sends, pair[0]);
  close(pair[0]), close(pair[1]), close(client), close(listener);
}

int main(void) {
  CHECK(gh_patch(GH_PATCH_STREAM | GH_PATCH_CONNECTION) > 0);
  receives_many();
  sends_many();
  waits_for_a_named_receiver();
  keeps_messages_apart();
  leaves_pthread_cancel_alone();
  return 0;
}
