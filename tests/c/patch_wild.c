// emulated: no, the kernel that it has does not read what it refuses
/* Addresses that lead nowhere: libc gives EFAULT for them, or finds something else first. Not the times of poll, select and
 * their kin, which libc reads itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "alike.h"

/* Unmapped in every process; and the last bytes before a page that nobody may touch. */
#define NOWHERE ((void *)16)
static char *edge;

static void *wild(int which) {
  return which == 0 ? NOWHERE : which == 1 ? edge - 4 : edge;
}

static void ranges(struct outcome *outcome, int which) {
  int pair[2], pipes[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(pipes) == 0);
  CHECK(send(pair[0], "abcd", 4, 0) == 4 && write(pipes[1], "abcd", 4) == 4);
  note(outcome, readv(pair[1], wild(which), 2));
  note(outcome, writev(pair[1], wild(which), 2));
  note(outcome, readv(pipes[0], wild(which), 2));
  note(outcome, writev(pipes[1], wild(which), 2));
  note(outcome, readv(pair[1], wild(which), 0));
  note(outcome, preadv2(pair[1], wild(which), 2, -1, 0));
  note(outcome, pwritev2(pair[1], wild(which), 2, -1, 0));
  struct iovec within = {wild(which), 64};
  note(outcome, readv(pair[1], &within, 1));
  note(outcome, writev(pair[1], &within, 1));
  close(pair[0]), close(pair[1]), close(pipes[0]), close(pipes[1]);
}

static void messages(struct outcome *outcome, int which) {
  int pair[2];
  struct iovec bytes = {(char[4]){"abc"}, 4};
  struct msghdr ranges = {.msg_iov = wild(which), .msg_iovlen = 2};
  struct msghdr control = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = wild(which), .msg_controllen = 64};
  struct msghdr name = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_name = wild(which), .msg_namelen = 64};
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && send(pair[0], "abcd", 4, 0) == 4);
  note(outcome, recvmsg(pair[1], wild(which), 0));
  note(outcome, sendmsg(pair[1], wild(which), 0));
  note(outcome, recvmsg(pair[1], &ranges, 0));
  note(outcome, sendmsg(pair[1], &ranges, 0));
  note(outcome, sendmsg(pair[1], &control, 0));
  note(outcome, sendmsg(pair[1], &name, 0));
  close(pair[0]), close(pair[1]);
}

static void batches(struct outcome *outcome, int which) {
  int pair[2];
  struct mmsghdr ranges = {.msg_hdr = {.msg_iov = wild(which), .msg_iovlen = 2}};
  struct iovec bytes = {(char[4]){"abc"}, 4};
  struct mmsghdr whole = {.msg_hdr = {.msg_iov = &bytes, .msg_iovlen = 1}};
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 && send(pair[0], "abcd", 4, 0) == 4);
  note(outcome, recvmmsg(pair[1], wild(which), 2, 0, NULL));
  note(outcome, sendmmsg(pair[1], wild(which), 2, 0));
  note(outcome, recvmmsg(pair[1], &ranges, 1, 0, NULL));
  note(outcome, sendmmsg(pair[1], &ranges, 1, 0));
  note(outcome, recvmmsg(pair[1], &whole, 1, MSG_DONTWAIT, wild(which)));
  close(pair[0]), close(pair[1]);
}

static void addresses(struct outcome *outcome, int which) {
  int pair[2], client = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t length = 16;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && send(pair[0], "abcd", 4, 0) == 4);
  note(outcome, connect(client, wild(which), 16));
  note(outcome, recvfrom(pair[1], wild(which), 64, 0, NULL, NULL));
  note(outcome, sendto(pair[1], "abcd", 4, 0, wild(which), 16));
  note(outcome, recvfrom(pair[1], (char[4]){0}, 4, MSG_PEEK | MSG_DONTWAIT, NULL, wild(which)));
  note(outcome, accept(client, wild(which), &length));
  note(outcome, getsockopt(client, SOL_SOCKET, SO_ERROR, wild(which), &length));
  note(outcome, setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, wild(which), sizeof(struct timeval)));
  close(pair[0]), close(pair[1]), close(client);
}

static void waits(struct outcome *outcome, int which) {
  int pair[2], queue = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  struct timespec none = {0, 0};
  struct timeval zero = {0, 0};
  fd_set set;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && send(pair[0], "abcd", 4, 0) == 4);
  CHECK(epoll_ctl(queue, EPOLL_CTL_ADD, pair[1], &event) == 0);
  FD_ZERO(&set);
  FD_SET(pair[1], &set);
  note(outcome, poll(wild(which), 2, 1000));
  note(outcome, ppoll(wild(which), 2, &none, NULL));
  note(outcome, select(pair[1] + 1, wild(which), NULL, NULL, NULL));
  note(outcome, select(pair[1] + 1, NULL, NULL, wild(which), &zero));
  note(outcome, pselect(pair[1] + 1, &set, wild(which), NULL, &none, NULL));
  note(outcome, epoll_wait(queue, wild(which), 2, 1000));
  note(outcome, epoll_ctl(queue, EPOLL_CTL_MOD, pair[1], wild(which)));
  note(outcome, ioctl(pair[1], FIONBIO, wild(which)));
  note(outcome, fcntl(queue, F_SETLKW, wild(which)));
  close(pair[0]), close(pair[1]), close(queue);
}

static void spans(struct outcome *outcome, int which) {
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set), sigaddset(&set, SIGUSR2);
  note(outcome, nanosleep(wild(which), NULL));
  note(outcome, clock_nanosleep(CLOCK_MONOTONIC, 0, wild(which), NULL));
  note(outcome, sigtimedwait(&set, &info, wild(which)));
  note(outcome, sigtimedwait(wild(which), &info, &(struct timespec){0, 1000}));
  pid_t child = fork();
  if (child == 0) _exit(0);
  pid_t taken = waitpid(child, wild(which), 0);
  note(outcome, taken == child ? 1 : taken);
  /* The kernel has taken it before it finds that the place is none. */
  note(outcome, waitpid(child, NULL, 0));
}

static void pipes(struct outcome *outcome, int which) {
  int ends[2], files[2], file = open("/proc/self/exe", O_RDONLY);
  CHECK(pipe(ends) == 0 && pipe(files) == 0 && write(ends[1], "abcd", 4) == 4);
  note(outcome, pipe(wild(which)));
  note(outcome, pipe2(wild(which), O_NONBLOCK));
  note(outcome, socketpair(AF_UNIX, SOCK_STREAM, 0, wild(which)));
  note(outcome, splice(ends[0], wild(which), files[1], NULL, 4, 0));
  note(outcome, sendfile(files[1], ends[0], wild(which), 4));
  note(outcome, sendfile(files[1], file, wild(which), 4));
  note(outcome, vmsplice(files[1], wild(which), 2, 0));
  close(ends[0]), close(ends[1]), close(files[0]), close(files[1]), close(file);
}

int main(int argc, char **argv) {
  struct scenario all[64];
  int count = 0;
  long page = sysconf(_SC_PAGESIZE);
  edge = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(edge != MAP_FAILED && mprotect(edge + page, page, PROT_NONE) == 0);
  edge += page;
  for (int which = 0; which < 3; which++) {
    all[count++] = (struct scenario){"ranges", ranges, which};
    all[count++] = (struct scenario){"messages", messages, which};
    all[count++] = (struct scenario){"batches", batches, which};
    all[count++] = (struct scenario){"addresses", addresses, which};
    all[count++] = (struct scenario){"waits", waits, which};
    all[count++] = (struct scenario){"spans", spans, which};
    all[count++] = (struct scenario){"pipes", pipes, which};
  }
  if (argc > 1) all[0] = all[atoi(argv[1])], count = 1;
  compare_all(all, count, GH_PATCH_ALL);
  return 0;
}
