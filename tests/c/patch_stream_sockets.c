/* Receiving and sending on sockets in blocking mode, through libc's own functions with the program patched:
 * who waits lets the others run, and every result, partial result and errno is libc's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL
#define BIG (4 << 20)

static char big[BIG], room[BIG];
static int pair[2], running;
static volatile sig_atomic_t broken;

static void on_pipe(int signal) {
  (void)signal;
  broken++;
}

static void go(void *(*entry)(void *), void *arg, gh_thread *thread) {
  CHECK(gh_spawn(thread, NULL, entry, arg) == 0);
}

static void join(gh_thread thread) {
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
}

static void tcp_pair(int ends[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), few = 65536;
  /* So that not everything fits. */
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &few, sizeof few) == 0);
  CHECK(bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  CHECK(getsockname(listener, (void *)&address, &length) == 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(setsockopt(ends[0], SOL_SOCKET, SO_RCVBUF, &few, sizeof few) == 0);
  CHECK(gh_patch_pause() == 0);
  CHECK(connect(ends[0], (void *)&address, length) == 0);
  ends[1] = accept(listener, NULL, NULL);
  CHECK(ends[1] >= 0 && close(listener) == 0);
  CHECK(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &few, sizeof few) == 0);
  CHECK(gh_patch_resume() == 0);
}

static void *by_each(void *arg) {
  char bytes[8];
  struct iovec iov[2] = {{bytes, 2}, {bytes + 2, 6}};
  struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
  struct mmsghdr two[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  long way = (long)arg;
  running++;
  errno = 77;
  ssize_t got = way == 0   ? read(pair[0], bytes, 8)
                : way == 1 ? readv(pair[0], iov, 2)
                : way == 2 ? recv(pair[0], bytes, 8, 0)
                : way == 3 ? recvfrom(pair[0], bytes, 8, 0, NULL, NULL)
                : way == 4 ? recvmsg(pair[0], &message, 0)
                : way == 5 ? preadv2(pair[0], iov, 2, -1, 0)
                           : recvmmsg(pair[0], two, 2, MSG_WAITFORONE, NULL) * two[0].msg_len;
  CHECK_EQ(got, 4);
  CHECK_EQ(errno, 77);
  CHECK(memcmp(bytes, "four", 4) == 0);
  running--;
  return NULL;
}

static void waits_for_each_way(void) {
  for (long way = 0; way < 7; way++) {
    gh_thread thread;
    struct iovec iov = {"four", 4};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    struct mmsghdr one = {.msg_hdr = message};
    go(by_each, (void *)way, &thread);
    gh_yield();
    CHECK_EQ(running, 1);
    ssize_t sent = way == 0   ? write(pair[1], "four", 4)
                   : way == 1 ? writev(pair[1], &iov, 1)
                   : way == 2 ? send(pair[1], "four", 4, 0)
                   : way == 3 ? sendto(pair[1], "four", 4, 0, NULL, 0)
                   : way == 4 ? sendmsg(pair[1], &message, 0)
                   : way == 5 ? pwritev2(pair[1], &iov, 1, -1, 0)
                              : sendmmsg(pair[1], &one, 1, 0) * one.msg_len;
    CHECK_EQ(sent, 4);
    join(thread);
    CHECK_EQ(running, 0);
  }
}

static void *send_everything(void *arg) {
  long way = (long)arg;
  struct iovec iov[3] = {{big, 1000}, {big + 1000, BIG - 2000}, {big + BIG - 1000, 1000}};
  struct msghdr message = {.msg_iov = iov, .msg_iovlen = 3};
  struct mmsghdr one = {.msg_hdr = message};
  ssize_t sent = way == 0   ? write(pair[1], big, BIG)
                 : way == 1 ? writev(pair[1], iov, 3)
                 : way == 2 ? send(pair[1], big, BIG, 0)
                 : way == 3 ? sendmsg(pair[1], &message, 0)
                            : sendmmsg(pair[1], &one, 1, 0) * (ssize_t)one.msg_len;
  CHECK_EQ(sent, BIG);
  return NULL;
}

static void sends_everything(void) {
  for (int i = 0; i < BIG; i++)
    big[i] = (char)(i * 7 + (i >> 8));
  for (long way = 0; way < 5; way++) {
    gh_thread thread;
    struct iovec iov[2] = {{room, 100}, {room + 100, BIG - 100}};
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
    memset(room, 0, BIG);
    go(send_everything, (void *)way, &thread);
    gh_yield();
    if (way == 3)
      CHECK_EQ(recvmsg(pair[0], &message, MSG_WAITALL), BIG);
    else
      CHECK_EQ(recv(pair[0], room, BIG, MSG_WAITALL), BIG);
    CHECK(memcmp(big, room, BIG) == 0);
    join(thread);
  }
}

static void *closes_later(void *arg) {
  gh_sleep_ms(50);
  if (arg != NULL)
    CHECK(close(pair[0]) == 0);
  else
    CHECK(shutdown(pair[0], SHUT_RDWR) == 0);
  return NULL;
}

static void is_partial_when_it_breaks(void) {
  gh_thread thread;
  int errors[2];
  go(closes_later, &pair, &thread);
  ssize_t sent = send(pair[1], big, BIG, 0);
  CHECK(sent > 0);
  CHECK(sent < BIG);
  CHECK_EQ(broken, 0);
  join(thread);
  for (int i = 0; i < 2; i++)
    errors[i] = send(pair[1], "x", 1, 0) == -1 ? errno : 0;
  /* TCP tells of the reset first, without a signal. */
  CHECK(errors[0] == EPIPE || errors[0] == ECONNRESET);
  CHECK_EQ(errors[1], EPIPE);
  CHECK_EQ(broken, errors[0] == EPIPE ? 2 : 1);
  broken = 0;
  CHECK(send(pair[1], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
  CHECK_EQ(broken, 0);
  close(pair[1]);
}

static void honours_the_modes(int tcp) {
  char bytes[8];
  CHECK(recv(pair[0], bytes, 8, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  if (tcp)
    CHECK(recv(pair[0], bytes, 8, MSG_ERRQUEUE) == -1 && errno == EAGAIN);
  CHECK_EQ(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
  CHECK(fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK) == 0);
  CHECK(recv(pair[0], bytes, 8, 0) == -1 && errno == EAGAIN);
  CHECK(read(pair[0], bytes, 8) == -1 && errno == EAGAIN);
  CHECK(recv(pair[0], bytes, 8, MSG_WAITALL) == -1 && errno == EAGAIN);
  /* What the hub believes of it must not hide what has come. */
  for (int i = 0; i < 100; i++) {
    CHECK_EQ(send(pair[1], "abc", 3, 0), 3);
    CHECK_EQ(recv(pair[0], bytes, 8, MSG_WAITALL), 3);
    CHECK(recv(pair[0], bytes, 8, 0) == -1 && errno == EAGAIN);
  }
  CHECK(fcntl(pair[1], F_SETFL, fcntl(pair[1], F_GETFL) | O_NONBLOCK) == 0);
  ssize_t sent = send(pair[1], big, BIG, 0);
  CHECK(sent > 0);
  CHECK(sent < BIG);
  ssize_t more = 0;
  for (int i = 0; i < 1000 && more >= 0; i++)
    more = write(pair[1], big, BIG);
  CHECK(more == -1 && errno == EAGAIN);
  CHECK_EQ(recv(pair[0], room, sent, MSG_WAITALL) > 0, 1);
  CHECK_EQ(read(pair[0], bytes, 0), 0);
}

static int64_t since(int64_t start) {
  return gh_now() - start;
}

static void honours_timeouts(void) {
  struct timeval span = {0, 100000};
  char bytes[8];
  int64_t start = gh_now();
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  CHECK(setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span) == 0);
  CHECK(recv(pair[0], bytes, 8, 0) == -1 && errno == EAGAIN);
  CHECK(since(start) >= 99 * MS && since(start) < 5000 * MS);
  start = gh_now();
  CHECK(read(pair[0], bytes, 8) == -1 && errno == EAGAIN);
  CHECK(since(start) >= 99 * MS);
  CHECK_EQ(send(pair[1], "abc", 3, 0), 3);
  start = gh_now();
  CHECK_EQ(recv(pair[0], bytes, 8, MSG_WAITALL), 3);
  CHECK(since(start) >= 99 * MS);
  start = gh_now();
  ssize_t sent = send(pair[1], big, BIG, 0);
  CHECK(sent > 0);
  CHECK(sent < BIG);
  CHECK(since(start) >= 99 * MS);
  /* TCP has room for a little more each time that the other end has taken something in. */
  for (int i = 0; i < 100 && sent > 0; i++) {
    start = gh_now();
    sent = write(pair[1], big, BIG);
  }
  CHECK(sent == -1 && errno == EAGAIN);
  CHECK(since(start) >= 99 * MS);
}

static void *send_slowly(void *arg) {
  for (const char *at = arg; *at; at++) {
    gh_sleep_ms(5);
    CHECK_EQ(send(pair[1], at, 1, 0), 1);
  }
  return NULL;
}

static void waits_for_enough(int tcp) {
  gh_thread thread;
  int five = 5, one = 1;
  char bytes[16] = "";
  go(send_slowly, "0123456789", &thread);
  /* A Unix socket waits for no more than there is when it only looks. */
  CHECK_EQ(recv(pair[0], bytes, 10, MSG_WAITALL | MSG_PEEK), tcp ? 10 : 1);
  CHECK_EQ(recv(pair[0], bytes, 10, tcp ? 0 : MSG_WAITALL), 10);
  CHECK(memcmp(bytes, "0123456789", 10) == 0);
  join(thread);
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &five, sizeof five) == 0);
  go(send_slowly, "0123456789", &thread);
  ssize_t got = recv(pair[0], bytes, 16, 0);
  CHECK(got >= 5 && got <= 10);
  CHECK_EQ(recv(pair[0], bytes + got, 10 - got, MSG_WAITALL), 10 - got);
  CHECK(memcmp(bytes, "0123456789", 10) == 0);
  join(thread);
  CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one) == 0);
  go(closes_later, NULL, &thread);
  CHECK_EQ(recv(pair[0], bytes, 10, MSG_WAITALL), 0);
  join(thread);
}

static void asks_the_kernel(void) {
  struct iovec *volatile nowhere = NULL;
  volatile int wrong = -1;
  char bytes[8];
  CHECK(recv(-1, bytes, 8, 0) == -1 && errno == EBADF);
  CHECK(read(999999, bytes, 8) == -1 && errno == EBADF);
  CHECK(recv(pair[0], NULL, 8, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  CHECK_EQ(send(pair[1], "abc", 3, 0), 3);
  CHECK(recv(pair[0], NULL, 8, 0) == -1 && errno == EFAULT);
  CHECK(recvmsg(pair[0], NULL, 0) == -1 && errno == EFAULT);
  CHECK(sendmsg(pair[1], NULL, 0) == -1 && errno == EFAULT);
  CHECK(send(pair[1], NULL, 8, 0) == -1 && errno == EFAULT);
  CHECK(readv(pair[0], nowhere, 3) == -1 && errno == EFAULT);
  CHECK(readv(pair[0], nowhere, (int)wrong) == -1 && errno == EINVAL);
  CHECK(recvmmsg(pair[0], NULL, 1, 0, NULL) == -1 && errno == EFAULT);
  CHECK(read(pair[0], bytes, (size_t)wrong) == -1 && (errno == EINVAL || errno == EFAULT));
  CHECK_EQ(read(pair[0], bytes, 0), 0);
  CHECK_EQ(recv(pair[0], bytes, 8, 0), 3);
}

static void make(int tcp) {
  if (tcp)
    tcp_pair(pair);
  else
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
}

static void done(void) {
  close(pair[0]);
  close(pair[1]);
}

static void *recv_it(void *arg) {
  char byte;
  CHECK_EQ(recv(pair[0], &byte, 1, 0), 1);
  ++*(int *)arg;
  return NULL;
}

static void serves_two_and_a_plain_thread(void) {
  gh_thread threads[2];
  pthread_t plain;
  int count = 0, other = 0;
  go(recv_it, &count, &threads[0]);
  go(recv_it, &count, &threads[1]);
  gh_yield();
  CHECK(pthread_create(&plain, NULL, recv_it, &other) == 0);
  CHECK_EQ(count, 0);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(send(pair[1], "x", 1, 0), 1);
    gh_sleep_ms(10);
  }
  join(threads[0]);
  join(threads[1]);
  CHECK(pthread_join(plain, NULL) == 0);
  CHECK_EQ(count, 2);
  CHECK_EQ(other, 1);
}

static void *never(void *arg) {
  char byte;
  read(*(int *)arg, &byte, 1);
  return NULL;
}

static void leaves_pthread_cancel_alone(void) {
  pthread_t plain;
  void *result;
  struct timespec span = {0, 50 * MS};
  CHECK(pthread_create(&plain, NULL, never, &pair[0]) == 0);
  nanosleep(&span, NULL);
  CHECK(pthread_cancel(plain) == 0);
  CHECK(pthread_join(plain, &result) == 0);
  CHECK(result == PTHREAD_CANCELED);
}

static void *canceled(void *arg) {
  char bytes[8];
  (void)arg;
  CHECK(gh_cancel(gh_self()) == 0);
  CHECK_EQ(recv(pair[0], bytes, 8, 0), 3);
  CHECK(recv(pair[0], bytes, 8, 0) == -1 && errno == ECANCELED);
  return NULL;
}

int main(void) {
  gh_thread thread;
  signal(SIGPIPE, on_pipe);
  CHECK(gh_patch(GH_PATCH_STREAM | GH_PATCH_CONNECTION) > 0);
  for (int tcp = 0; tcp < 2; tcp++) {
    make(tcp);
    waits_for_each_way();
    sends_everything();
    asks_the_kernel();
    serves_two_and_a_plain_thread();
    leaves_pthread_cancel_alone();
    is_partial_when_it_breaks();
    make(tcp);
    honours_the_modes(tcp);
    done();
    make(tcp);
    honours_timeouts();
    done();
    make(tcp);
    waits_for_enough(tcp);
    done();
    make(tcp);
    CHECK_EQ(send(pair[1], "abc", 3, 0), 3);
    go(canceled, NULL, &thread);
    join(thread);
    done();
  }
  return 0;
}
