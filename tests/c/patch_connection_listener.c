// emulated: no, qemu knows no SO_COOKIE
/* The blocking mode of a listener is virtual once a green thread has accepted on it: whoever asks is told
 * what its owner believes, under every number, in a forked child, and in a process that is passed it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL

static struct sockaddr_in address;

static int make_listener(void) {
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(bind(listener, (void *)&address, sizeof address) == 0 && listen(listener, 8) == 0);
  CHECK(getsockname(listener, (void *)&address, &length) == 0);
  return listener;
}

static int come(void) {
  int client = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(client, (void *)&address, sizeof address) == 0);
  return client;
}

/* The kernel's own word. */
static int is_nonblocking(int fd) {
  char path[64], text[512];
  unsigned flags = 0;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *file = fopen(path, "r");
  CHECK(file != NULL);
  while (fgets(text, sizeof text, file) != NULL)
    sscanf(text, "flags: %o", &flags);
  CHECK(fclose(file) == 0);
  return (flags & O_NONBLOCK) != 0;
}

static int believes_blocking(int fd) {
  return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static void *accepts(void *arg) {
  int *fd = arg;
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  int taken = accept(*fd, (void *)&from, &length);
  CHECK(taken >= 0 && length == sizeof from && from.sin_family == AF_INET);
  CHECK(believes_blocking(taken) && !is_nonblocking(taken));
  *fd = taken;
  return NULL;
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

static void take_one(int listener) {
  int fd = listener, client = come();
  accepts(&fd);
  close(fd), close(client);
}

static void is_hidden(void) {
  int listener = make_listener(), fds[2] = {listener, listener};
  int on = 1, off = 0;
  gh_thread threads[2] = {go(accepts, &fds[0]), go(accepts, &fds[1])};
  CHECK(is_nonblocking(listener) && believes_blocking(listener));
  int first = come(), second = come();
  join(threads[0]), join(threads[1]);
  close(first), close(second), close(fds[0]), close(fds[1]);

  int copies[4] = {dup(listener), dup2(listener, 60), dup3(listener, 61, O_CLOEXEC),
                   fcntl(listener, F_DUPFD_CLOEXEC, 62)};
  for (int i = 0; i < 4; i++) {
    CHECK(copies[i] >= 0 && is_nonblocking(copies[i]) && believes_blocking(copies[i]));
    take_one(copies[i]);
  }
  /* The belief goes with the socket, not with a number. */
  CHECK(close(listener) == 0);
  CHECK(believes_blocking(copies[0]));
  int pipes[2];
  CHECK(pipe2(pipes, O_NONBLOCK) == 0);
  CHECK(!believes_blocking(pipes[0]) && !believes_blocking(pipes[1]));
  listener = copies[0];

  /* Whoever sets the mode, has it. */
  CHECK(fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK) == 0);
  CHECK(is_nonblocking(listener) && believes_blocking(listener));
  CHECK(ioctl(listener, FIONBIO, &off) == 0);
  CHECK(is_nonblocking(listener) && believes_blocking(listener));
  CHECK(fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK) == 0);
  CHECK(!believes_blocking(listener) && !believes_blocking(copies[1]));
  CHECK(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
  CHECK(ioctl(listener, FIONBIO, &off) == 0);
  CHECK(!is_nonblocking(listener) && believes_blocking(listener));
  take_one(listener);
  CHECK(is_nonblocking(listener) && believes_blocking(listener));
  CHECK(ioctl(listener, FIONBIO, &on) == 0);
  CHECK(!believes_blocking(listener));
  CHECK(accept4(listener, NULL, NULL, SOCK_CLOEXEC) == -1 && errno == EAGAIN);
  for (int i = 0; i < 4; i++)
    CHECK(close(copies[i]) == 0);
  close(pipes[0]), close(pipes[1]);
}

static void *comes_later(void *arg) {
  gh_sleep_ms(50);
  *(int *)arg = come();
  return NULL;
}

static void *plainly(void *arg) {
  int *fd = arg;
  *fd = accept(*fd, NULL, NULL);
  CHECK(*fd >= 0);
  return NULL;
}

static void a_plain_thread_waits(void) {
  int listener = make_listener(), fd = listener, client, timed = listener;
  struct timeval span = {0, 50000};
  pthread_t plain;
  take_one(listener);
  CHECK(pthread_create(&plain, NULL, plainly, &fd) == 0);
  join(go(comes_later, &client));
  CHECK(pthread_join(plain, NULL) == 0);
  close(fd), close(client);

  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  int64_t start = gh_now();
  CHECK(accept(timed, NULL, NULL) == -1 && errno == EAGAIN);
  CHECK(gh_now() - start >= 49 * MS);
  /* Neither is the timeout inherited nor the mode. */
  take_one(listener);
  close(listener);
}

static void a_child_shares_it(void) {
  int listener = make_listener(), client, status;
  take_one(listener);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(believes_blocking(listener));
    int taken = accept(listener, NULL, NULL);
    CHECK(taken >= 0);
    CHECK(close(listener) == 0);
    _exit(0);
  }
  join(go(comes_later, &client));
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(believes_blocking(listener));
  close(client);
  take_one(listener);
  close(listener);
}

static void it_leaves_as_it_is_believed(void) {
  int listener = make_listener(), way[2];
  char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec iov = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &listener, sizeof(int));
  take_one(listener);
  CHECK(is_nonblocking(listener));
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, way) == 0);
  CHECK_EQ(sendmsg(way[0], &message, 0), 1);
  CHECK(!is_nonblocking(listener) && believes_blocking(listener));
  memset(control, 0, sizeof control);
  CHECK_EQ(recvmsg(way[1], &message, 0), 1);
  int arrived;
  memcpy(&arrived, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof arrived);
  CHECK(arrived != listener && believes_blocking(arrived) && !is_nonblocking(arrived));
  take_one(arrived);
  CHECK(is_nonblocking(listener) && believes_blocking(listener) && believes_blocking(arrived));
  close(arrived), close(way[0]), close(way[1]), close(listener);
}

static void others_are_left_alone(void) {
  int socket_fd = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(accept(socket_fd, NULL, NULL) == -1 && errno == EINVAL);
  CHECK(accept(datagrams, NULL, NULL) == -1 && errno == EOPNOTSUPP);
  CHECK(accept(-1, NULL, NULL) == -1 && errno == EBADF);
  int pipes[2];
  CHECK(pipe(pipes) == 0);
  CHECK(accept(pipes[0], NULL, NULL) == -1 && errno == ENOTSOCK);
  CHECK(!is_nonblocking(socket_fd) && !is_nonblocking(datagrams) && !is_nonblocking(pipes[0]));
  close(socket_fd), close(datagrams), close(pipes[0]), close(pipes[1]);
}

static void many_are_forgotten(void) {
  for (int i = 0; i < 600; i++) {
    int listener = make_listener();
    take_one(listener);
    CHECK(is_nonblocking(listener) && believes_blocking(listener));
    close(listener);
  }
}

int main(void) {
  CHECK(gh_patch(GH_PATCH_STREAM | GH_PATCH_CONNECTION) > 0);
  is_hidden();
  a_plain_thread_waits();
  a_child_shares_it();
  it_leaves_as_it_is_believed();
  others_are_left_alone();
  many_are_forgotten();

  int listener = make_listener(), waited = listener;
  take_one(listener);
  CHECK(is_nonblocking(listener));
  gh_thread thread = go(accepts, &waited);
  CHECK(gh_unpatch() > 0);
  CHECK(!is_nonblocking(listener) && believes_blocking(listener));
  /* Who was inside goes on, and leaves it so. */
  int client = come();
  join(thread);
  CHECK(!is_nonblocking(listener));
  close(client), close(waited), close(listener);
  return 0;
}
