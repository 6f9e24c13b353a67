// emulated: no, qemu makes vfork(2) a fork
/* What the child of a vfork(2) does with the descriptors and signals that green threads of its parent wait
 * with is its own: every hook is libc's function there, and the parent finds everything as it was. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000L

static int pair[2], other[2];
static volatile int ticks, over, handled;

static void *ticker(void *arg) {
  (void)arg;
  while (!over) {
    ticks++;
    gh_sleep_ms(1);
  }
  return NULL;
}

static void handler(int signal) {
  (void)signal;
  handled++;
}

static void *receives(void *arg) {
  char byte;
  struct pollfd entry = {pair[0], POLLIN, 0};
  (void)arg;
  CHECK(poll(&entry, 1, -1) == 1 && entry.revents == POLLIN);
  CHECK(gh_recv(pair[0], &byte, 1, 0, GH_NEVER) == 1 && byte == 'p');
  return NULL;
}

static void *selects(void *arg) {
  fd_set set;
  (void)arg;
  FD_ZERO(&set);
  FD_SET(other[0], &set);
  CHECK(select(other[0] + 1, &set, NULL, NULL, NULL) == 1);
  return NULL;
}

static void *sleeps(void *arg) {
  CHECK(poll(NULL, 0, 300) == 0);
  *(int *)arg = 1;
  return NULL;
}

/* What it does is done while the parent stands still: no green thread runs meanwhile. */
static void busy_child(int before) {
  struct timespec span = {0, 30 * MS};
  struct sigaction action, old;
  struct pollfd entry = {pair[0], POLLIN, 0};
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  if (nanosleep(&span, NULL) != 0 || poll(&entry, 1, 20) != 0)
    _exit(1);
  if (sigaction(SIGUSR1, NULL, &old) != 0 || old.sa_handler != handler)
    _exit(2);
  if (sigaction(SIGUSR1, &action, NULL) != 0 || signal(SIGUSR2, handler) == SIG_ERR)
    _exit(3);
  raise(SIGUSR2);
  if (signal(SIGTERM, SIG_IGN) == SIG_ERR)
    _exit(4);
  if (close(pair[0]) != 0 || close(other[0]) != 0 || dup2(pair[1], other[0]) != other[0])
    _exit(5);
  if (fcntl(other[0], F_SETFD, FD_CLOEXEC) != 0 || write(other[1], "", 0) != 0)
    _exit(6);
  if (close(other[1]) != 0 || close(pair[1]) != 0)
    _exit(7);
  _exit(ticks == before ? 42 : 8);
}

static void *makes_children(void *arg) {
  int status;
  (void)arg;
  for (volatile int round = 0; round < 3; round++) {
    int before = ticks;
    pid_t child = vfork();
    if (child == 0)
      busy_child(before);
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (status != 42 << 8)
      fprintf(stderr, "child: %x\n", (unsigned)status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    CHECK(ticks == before);
    usleep(20000);
    CHECK(ticks > before);
  }
  /* And one that becomes another program. */
  pid_t child = vfork();
  if (child == 0) {
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
  /* A fork right behind it: nothing of the note is left in either. */
  child = vfork();
  if (child == 0)
    _exit(0);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  child = vfork();
  if (child == 0)
    _exit(0);
  pid_t forked = fork();
  if (forked == 0) {
    gh_thread thread;
    over = 0;
    ticks = 0;
    if (gh_spawn(&thread, NULL, ticker, NULL) != 0)
      _exit(1);
    usleep(50000);
    _exit(ticks > 0 ? 7 : 2);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(waitpid(forked, &status, 0) == forked && status == 7 << 8);
  return NULL;
}

int main(void) {
  gh_thread threads[5];
  struct sigaction old;
  int slept = 0;
  CHECK(gh_patch(GH_PATCH_ALL & ~GH_PATCH_PROCESS) > 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(other) == 0);
  CHECK(signal(SIGUSR1, handler) == SIG_DFL);
  CHECK(gh_spawn(&threads[0], NULL, ticker, NULL) == 0);
  CHECK(gh_spawn(&threads[1], NULL, receives, NULL) == 0);
  CHECK(gh_spawn(&threads[2], NULL, selects, NULL) == 0);
  CHECK(gh_spawn(&threads[3], NULL, sleeps, &slept) == 0);
  gh_sleep_ms(10);
  CHECK(gh_spawn(&threads[4], NULL, makes_children, NULL) == 0);
  CHECK(gh_join(threads[4], NULL, GH_NEVER) == 0);

  CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == handler);
  CHECK(sigaction(SIGUSR2, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
  CHECK(sigaction(SIGTERM, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
  /* The handler has run in the child, whose memory is ours. */
  CHECK_EQ(handled, 3);
  raise(SIGUSR1);
  CHECK_EQ(handled, 4);
  CHECK(write(pair[1], "p", 1) == 1);
  CHECK(gh_join(threads[1], NULL, GH_NEVER) == 0);
  CHECK(write(other[1], "o", 1) == 1);
  CHECK(gh_join(threads[2], NULL, GH_NEVER) == 0);
  CHECK(gh_join(threads[3], NULL, GH_NEVER) == 0 && slept == 1);
  over = 1;
  CHECK(gh_join(threads[0], NULL, GH_NEVER) == 0);
  return 0;
}
