// Children that no descriptor tells of: any of several, at the limit on descriptors, and on a kernel
// without pidfd_open(2), which a filter makes of this one. Others run meanwhile.
// emulated: no, qemu has no seccomp filters
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static int beats, stop;

static void *beat(void *arg) {
  (void)arg;
  while (!stop) {
    CHECK_EQ(gh_sleep_ms(1), 0);
    beats++;
  }
  return NULL;
}

static pid_t child(int ms, int status) {
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    usleep((useconds_t)ms * 1000);
    _exit(status);
  }
  return pid;
}

static void one(void) {
  int status = -1;
  pid_t pid = child(30, 5);
  int before = beats;
  CHECK_EQ(gh_waitpid(pid, &status, WNOHANG, GH_NEVER), 0);
  CHECK_EQ(gh_waitpid(pid, &status, 0, 0), -ETIMEDOUT);
  int64_t deadline = gh_after_ms(5);
  CHECK_EQ(gh_waitpid(pid, &status, 0, deadline), -ETIMEDOUT);
  CHECK(gh_now() >= deadline);
  CHECK_EQ(gh_waitpid(pid, &status, 0, gh_after_ms(30000)), pid);
  CHECK_EQ(WEXITSTATUS(status), 5);
  CHECK(beats > before);
  CHECK_EQ(gh_waitpid(pid, &status, 0, GH_NEVER), -ECHILD);
}

static void any(int by_group, pid_t which) {
  int sum = 0;
  for (int i = 0; i < 3; i++) {
    pid_t pid = child(10 * i, 1 << i);
    if (!by_group) continue;
    if (i == 0) which = -pid;
    CHECK_EQ(setpgid(pid, -which), 0);
  }
  for (int i = 0; i < 3; i++) {
    int status = -1;
    CHECK(gh_waitpid(which, &status, 0, gh_after_ms(30000)) > 0);
    CHECK(WIFEXITED(status));
    sum += WEXITSTATUS(status);
  }
  CHECK_EQ(sum, 7);
  CHECK_EQ(gh_waitpid(which, NULL, 0, GH_NEVER), -ECHILD);
}

static void *wait_for_ever(void *arg) {
  *(int *)arg = gh_waitpid(-1, NULL, 0, GH_NEVER);
  return NULL;
}

static void cancelled(void) {
  int result = 0;
  gh_thread thread;
  pid_t pid = child(30, 0);
  CHECK_EQ(gh_spawn(&thread, NULL, wait_for_ever, &result), 0);
  CHECK_EQ(gh_sleep_ms(5), 0);
  CHECK_EQ(gh_cancel(thread), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(result, -ECANCELED);
  CHECK_EQ(gh_waitpid(pid, NULL, 0, gh_after_ms(30000)), pid);
}

static void at_the_limit(void) {
  struct rlimit before, now;
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  now = before;
  now.rlim_cur = 3;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &now), 0);
  one();
  char *argv[] = {"true", NULL};
  gh_process_options options = {.size = sizeof options, .standard = {GH_STDIO_PIPE, 0, 0}};
  int pipes[3];
  CHECK_EQ(gh_spawn_process(argv, &options, pipes), -EMFILE);
  int signal = SIGUSR1;
  CHECK_EQ(gh_signal_wait(&signal, 1, NULL, 0, GH_NEVER), -EMFILE);
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void without_pidfd(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {sizeof code / sizeof *code, code};
  CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
  CHECK_EQ(syscall(SYS_pidfd_open, getpid(), 0), -1);
  CHECK_EQ(errno, ENOSYS);
  one();
}

int main(void) {
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, beat, NULL), 0);
  one();
  any(0, -1);
  any(0, 0);
  any(1, 0);
  cancelled();
  at_the_limit();
  without_pidfd();
  stop = 1;
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
