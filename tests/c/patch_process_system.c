// valgrind: yes
/* system(3) and pclose(3), patched: commands that sleep run together, and status, errno, the child's signal
 * mask and what happens to SIGINT meanwhile are as libc has them. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS INT64_C(1000000)
#define COMMANDS 50

static int running, most;

static void *command(void *arg) {
  int which = (int)(long)arg, status;
  char text[64];
  if (++running > most) most = running;
  if (which % 2) {
    snprintf(text, sizeof text, "sleep 0.3; exit %d", which);
    errno = 77;
    status = system(text);
    CHECK_EQ(errno, 77);
  } else {
    snprintf(text, sizeof text, "sleep 0.3; echo %d; exit %d", which, which);
    FILE *stream = popen(text, "w");
    CHECK(stream != NULL);
    errno = 77;
    status = pclose(stream);
    CHECK_EQ(errno, 77);
  }
  running--;
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), which);
  return NULL;
}

static void together(void) {
  gh_thread threads[COMMANDS];
  int64_t start = gh_now();
  int out = dup(1);
  CHECK(freopen("/dev/null", "w", stdout) != NULL);
  for (long i = 0; i < COMMANDS; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, command, (void *)i), 0);
  for (int i = 0; i < COMMANDS; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK_EQ(most, COMMANDS);
  CHECK(gh_now() - start < COMMANDS / 2 * 300 * MS);
  fflush(stdout);
  dup2(out, 1);
  close(out);
}

/* The masks and dispositions of a child, as a shell sees them. */
static void child_signals(char *into, size_t room) {
  char path[] = P_tmpdir "/greenhub-system-XXXXXX", text[200];
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  snprintf(text, sizeof text, "exec grep -E '^Sig(Blk|Ign)' /proc/self/status > %s", path);
  CHECK_EQ(system(text), 0);
  ssize_t got = read(fd, into, room - 1);
  CHECK(got > 0);
  into[got] = 0;
  close(fd);
  unlink(path);
}

static void masks(void) {
  char patched[2][256], plain[2][256];
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGTERM);
  for (int round = 0; round < 2; round++) {
    if (round) CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &before), 0);
    child_signals(patched[round], sizeof patched[round]);
    CHECK(gh_patch_pause() == 0);
    child_signals(plain[round], sizeof plain[round]);
    CHECK(gh_patch_resume() == 0);
    CHECK_EQ(strcmp(patched[round], plain[round]), 0);
  }
  CHECK(strcmp(patched[0], patched[1]) != 0);
  CHECK_EQ(sigprocmask(SIG_SETMASK, &before, NULL), 0);
}

static volatile sig_atomic_t interrupts;
static void count(int number) {
  (void)number;
  interrupts++;
}

static void *shell(void *arg) {
  CHECK_EQ(system("sleep 0.2; kill -INT $PPID; sleep 0.1"), 0);
  *(int *)arg = 1;
  return NULL;
}

static void *canceled(void *arg) {
  (void)arg;
  CHECK_EQ(system("sleep 0.2"), -1);
  CHECK_EQ(errno, ECANCELED);
  FILE *stream = popen("cat > /dev/null", "w");
  CHECK(stream != NULL);
  CHECK_EQ(pclose(stream), -1);
  CHECK_EQ(errno, ECANCELED);
  return NULL;
}

int main(void) {
  gh_thread thread;
  struct sigaction action, now;
  int done = 0, status;

  CHECK(gh_patch(GH_PATCH_PROCESS) > 0);
  together();
  masks();
  CHECK(system(NULL) != 0);
  CHECK_EQ(system("exit 200"), 200 << 8);
  CHECK_EQ(system("no-such-program-here 2>/dev/null"), 127 << 8);
  status = system("kill -KILL $$");
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

  /* SIGINT is ignored while a command runs, and handled afterwards. */
  memset(&action, 0, sizeof action);
  action.sa_handler = count;
  CHECK_EQ(sigaction(SIGINT, &action, NULL), 0);
  CHECK_EQ(gh_spawn(&thread, NULL, shell, &done), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK(done && interrupts == 0);
  CHECK_EQ(sigaction(SIGINT, NULL, &now), 0);
  CHECK(now.sa_handler == count);
  raise(SIGINT);
  CHECK_EQ(interrupts, 1);

  /* Who is cancelled leaves no child behind. */
  CHECK_EQ(gh_spawn(&thread, NULL, canceled, NULL), 0);
  gh_sleep_ms(50);
  CHECK_EQ(gh_cancel(thread), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  while (waitpid(-1, NULL, WNOHANG) == 0) gh_sleep_ms(10);
  CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
  CHECK_EQ(errno, ECHILD);

  /* Children that cannot be collected, and shells that cannot be started. */
  signal(SIGCHLD, SIG_IGN);
  CHECK_EQ(system("exit 3"), -1);
  CHECK_EQ(errno, ECHILD);
  signal(SIGCHLD, SIG_DFL);
  if (geteuid() != 0) {
    struct rlimit none = {0, 0};
    CHECK_EQ(setrlimit(RLIMIT_NPROC, &none), 0);
    int patched = system("true"), patched_errno = errno;
    CHECK_EQ(gh_patch_pause(), 0);
    CHECK_EQ(system("true"), patched);
    CHECK_EQ(errno, patched_errno);
  }
  return 0;
}
