/* waitpid(2) and its kin, patched: children that sleep are waited for together, each call tells what libc
 * tells, and stops, continuations, sets of children, stolen zombies and ignored ones are as without. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS INT64_C(1000000)
#define CHILDREN 50

static pid_t child_of(int ms, int code) {
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    struct timespec span = {ms / 1000, ms % 1000 * MS};
    syscall(SYS_nanosleep, &span, NULL);
    _exit(code);
  }
  return pid;
}

static int running, most;

static void *one(void *arg) {
  int way = (int)(long)arg, status = 0;
  struct rusage usage;
  siginfo_t info;
  pid_t pid = child_of(300, way);
  if (++running > most) most = running;
  memset(&usage, 0, sizeof usage);
  errno = 77;
  switch (way % 4) {
  case 0:
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    break;
  case 1:
    CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
    CHECK(usage.ru_maxrss > 0);
    break;
  case 2:
    memset(&info, 0, sizeof info);
    CHECK_EQ(waitid(P_PID, pid, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_signo, SIGCHLD);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_status, way);
    status = way << 8;
    break;
  default:
    CHECK_EQ(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT), 0);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), pid);
    status = way << 8;
  }
  CHECK_EQ(errno, 77);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == way);
  running--;
  CHECK_EQ(waitpid(pid, &status, 0), -1);
  CHECK_EQ(errno, ECHILD);
  return NULL;
}

static void together(void) {
  gh_thread threads[CHILDREN];
  int64_t start = gh_now();
  for (long i = 0; i < CHILDREN; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, one, (void *)i), 0);
  for (int i = 0; i < CHILDREN; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK_EQ(most, CHILDREN);
  CHECK(gh_now() - start < 10000 * MS);
}

static int64_t collected;

static void *any(void *arg) {
  int status, way = (int)(long)arg;
  struct rusage usage;
  siginfo_t info;
  pid_t pid;
  switch (way % 4) {
  case 0:
    pid = wait(&status);
    break;
  case 1:
    pid = wait3(&status, 0, &usage);
    break;
  case 2:
    pid = waitpid(-1, &status, 0);
    break;
  default:
    CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED), 0);
    pid = info.si_pid;
    status = info.si_status << 8;
  }
  CHECK(pid > 0 && WIFEXITED(status));
  collected += WEXITSTATUS(status);
  return NULL;
}

static void sets(void) {
  gh_thread threads[8];
  int64_t sum = 0;
  for (long i = 0; i < 8; i++) {
    child_of(50 + 10 * (int)i, (int)i);
    sum += i;
  }
  for (long i = 0; i < 8; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, any, (void *)i), 0);
  for (int i = 0; i < 8; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK_EQ(collected, sum);
  CHECK_EQ(wait(NULL), -1);
  CHECK_EQ(errno, ECHILD);
}

static void *signal_later(void *arg) {
  pid_t pid = *(pid_t *)arg;
  gh_sleep_ms(30);
  CHECK_EQ(kill(pid, SIGSTOP), 0);
  gh_sleep_ms(60);
  CHECK_EQ(kill(pid, SIGCONT), 0);
  gh_sleep_ms(60);
  CHECK_EQ(kill(pid, SIGKILL), 0);
  return NULL;
}

static void stops(void) {
  gh_thread thread;
  siginfo_t info;
  int status;
  pid_t pid = child_of(60000, 0);
  CHECK_EQ(gh_spawn(&thread, NULL, signal_later, &pid), 0);
  CHECK_EQ(waitpid(pid, &status, WUNTRACED | WCONTINUED), pid);
  CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
  CHECK_EQ(waitid(P_PID, pid, &info, WCONTINUED | WNOWAIT), 0);
  CHECK_EQ(info.si_code, CLD_CONTINUED);
  CHECK_EQ(waitpid(pid, &status, WUNTRACED | WCONTINUED), pid);
  CHECK(WIFCONTINUED(status));
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
}

static void errors(void) {
  siginfo_t info;
  int status = 7;
  CHECK_EQ(waitpid(getpid(), &status, 0), -1);
  CHECK_EQ(errno, ECHILD);
  CHECK_EQ(waitpid(-1, &status, 0x40), -1);
  CHECK_EQ(errno, EINVAL);
  CHECK_EQ(waitid(P_PID, 1, &info, 0), -1);
  CHECK_EQ(errno, EINVAL);
  CHECK_EQ(waitid((idtype_t)77, 1, &info, WEXITED), -1);
  CHECK_EQ(errno, EINVAL);
  CHECK_EQ(waitid(P_PID, getpid(), NULL, WEXITED), -1);
  CHECK_EQ(errno, ECHILD);
  CHECK_EQ(status, 7);
  pid_t pid = child_of(100, 3);
  CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
  CHECK_EQ(status, 7);
  memset(&info, 7, sizeof info);
  CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
  CHECK_EQ(info.si_pid, 0);
  CHECK_EQ(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT), 0);
  CHECK_EQ(waitpid(pid, (int *)1, 0), -1); /* the kernel's word for it */
  CHECK_EQ(errno, EFAULT);
}

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static void pidfds(void) {
  siginfo_t info;
  pid_t pid = child_of(80, 9);
  int fd = (int)syscall(SYS_pidfd_open, pid, O_NONBLOCK);
  if (fd < 0 && errno == EINVAL) {
    fd = (int)syscall(SYS_pidfd_open, pid, 0);
    CHECK(fd >= 0);
  } else if (fd >= 0) {
    CHECK_EQ(waitid((idtype_t)P_PIDFD, fd, &info, WEXITED), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
  } else {
    CHECK_EQ(errno, ENOSYS);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    return;
  }
  CHECK_EQ(waitid((idtype_t)P_PIDFD, fd, &info, WEXITED), 0);
  CHECK_EQ(info.si_status, 9);
  close(fd);
}

static void *steals(void *arg) {
  CHECK_EQ(syscall(SYS_wait4, *(pid_t *)arg, NULL, 0, NULL), *(pid_t *)arg);
  return NULL;
}

static void *robbed(void *arg) {
  CHECK_EQ(waitpid(*(pid_t *)arg, NULL, 0), -1);
  CHECK_EQ(errno, ECHILD);
  return NULL;
}

static void stolen(void) {
  pthread_t plain;
  gh_thread thread;
  pid_t pid = child_of(20, 0);
  CHECK_EQ(gh_spawn(&thread, NULL, robbed, &pid), 0);
  gh_yield();
  /* This OS thread stands still until the child is gone. */
  CHECK_EQ(pthread_create(&plain, NULL, steals, &pid), 0);
  CHECK_EQ(pthread_join(plain, NULL), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  /* Ignored children leave nothing behind. */
  signal(SIGCHLD, SIG_IGN);
  pid = child_of(20, 0);
  CHECK_EQ(waitpid(pid, NULL, 0), -1);
  CHECK_EQ(errno, ECHILD);
  child_of(20, 0);
  CHECK_EQ(wait(NULL), -1);
  CHECK_EQ(errno, ECHILD);
  signal(SIGCHLD, SIG_DFL);
}

static void *canceled(void *arg) {
  int status;
  CHECK_EQ(waitpid(*(pid_t *)arg, &status, 0), -1);
  CHECK_EQ(errno, ECANCELED);
  CHECK_EQ(waitpid(-1, &status, 0), -1);
  CHECK_EQ(errno, ECANCELED);
  return NULL;
}

int main(void) {
  gh_thread thread;
  CHECK(gh_patch(GH_PATCH_PROCESS) > 0);
  together();
  sets();
  stops();
  errors();
  pidfds();
  int free_number = dup(0);
  close(free_number);
  for (int i = 0; i < 20; i++) stolen();
  int now_free = dup(0);
  close(now_free);
  CHECK_EQ(now_free, free_number);
  pid_t pid = child_of(60000, 0);
  CHECK_EQ(gh_spawn(&thread, NULL, canceled, &pid), 0);
  gh_yield();
  CHECK_EQ(gh_cancel(thread), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(kill(pid, SIGKILL), 0);
  CHECK_EQ(waitpid(pid, NULL, 0), pid);
  CHECK(gh_unpatch() > 0);
  return 0;
}
