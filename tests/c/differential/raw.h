/* What the test itself asks the kernel: by system calls, which nobody exchanges. */
#ifndef RAW_H
#define RAW_H

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t raw_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* What of `events` is so now, errors always. */
static short raw_poll(int fd, short events) {
  struct pollfd one = {fd, events, 0};
  struct timespec none = {0, 0};
  return syscall(SYS_ppoll, &one, 1UL, &none, NULL, 0UL) > 0 ? one.revents : 0;
}

static void raw_pause(long microseconds) {
  struct timespec span = {0, microseconds * 1000};
  syscall(SYS_nanosleep, &span, NULL);
}

static int raw_waiting_bytes(int fd) {
  int bytes = 0;
  return syscall(SYS_ioctl, fd, FIONREAD, &bytes) == 0 ? bytes : -1;
}

static long raw_flags(int fd) { return syscall(SYS_fcntl, fd, F_GETFL, 0); }

/* The timeout of a socket in microseconds, 0 for none. */
static int64_t raw_timeout(int fd, int option) {
  struct timeval span = {0, 0};
  socklen_t length = sizeof span;
  if (syscall(SYS_getsockopt, fd, SOL_SOCKET, option, &span, &length) != 0) return 0;
  return span.tv_sec * 1000000LL + span.tv_usec;
}

static int raw_low_mark(int fd) {
  int mark = 1;
  socklen_t length = sizeof mark;
  syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &mark, &length);
  return mark;
}

static bool raw_is_socket(int fd) {
  int type;
  socklen_t length = sizeof type;
  return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

/* Whether an OS thread of this process sleeps in the kernel: proc_pid_stat(5). */
static bool raw_is_asleep(pid_t thread) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return false;
  long length = syscall(SYS_read, fd, line, sizeof line - 1);
  syscall(SYS_close, fd);
  if (length <= 0) return false;
  line[length] = '\0';
  const char *name_end = strrchr(line, ')');
  return name_end != NULL && strlen(name_end) > 2 && name_end[2] == 'S';
}

#endif
