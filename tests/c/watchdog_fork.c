// sanitizer: yes
// emulated: no, exec leads out of the emulator
/* The child of a fork has no watchdog and can start its own, whoever forks: the root, a green thread, or the
 * watchdog's callback. The parent's goes on. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static atomic_int reports;
static atomic_int forked;
static int fork_in_callback;

static void watch_in_child(void);

static void told(const gh_watchdog_report *report, void *arg) {
  (void)arg;
  CHECK_EQ(report->error, 0);
  CHECK(strcmp(report->name, "stuck") == 0);
  if (fork_in_callback) {
    pid_t child = fork();
    fork_in_callback = 0;
    if (child == 0) watch_in_child();
    CHECK(child > 0);
    forked = child;
  }
  reports++;
}

static void *compute_until_told(void *arg) {
  int before = reports;
  while (reports == before) {
  }
  return arg;
}

static int start(void) {
  gh_watchdog_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.limit = 20000000;
  options.callback = told;
  return gh_watchdog_start(&options);
}

static void get_stuck(void) {
  gh_spawn_options stuck;
  gh_thread thread;
  memset(&stuck, 0, sizeof stuck);
  stuck.size = sizeof stuck;
  stuck.name = "stuck";
  CHECK_EQ(gh_spawn(&thread, &stuck, compute_until_told, NULL), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
}

static void watch_in_child(void) {
  sigset_t none;
  alarm(40);
  /* The watchdog's OS thread holds all signals back, and so does its child. */
  sigemptyset(&none);
  CHECK_EQ(pthread_sigmask(SIG_SETMASK, &none, NULL), 0);
  CHECK_EQ(gh_watchdog_stop(), 0);
  CHECK_EQ(start(), 0);
  get_stuck();
  CHECK_EQ(gh_watchdog_stop(), 0);
  _exit(7);
}

static void reap(pid_t child) {
  int status;
  CHECK(child > 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 7);
}

static void *fork_in_green_thread(void *arg) {
  pid_t child = fork();
  if (child == 0) watch_in_child();
  *(pid_t *)arg = child;
  return NULL;
}

int main(void) {
  gh_thread thread;
  pid_t child;

  CHECK_EQ(start(), 0);
  child = fork();
  if (child == 0) watch_in_child();
  reap(child);
  get_stuck();

  CHECK_EQ(gh_spawn(&thread, NULL, fork_in_green_thread, &child), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  reap(child);
  get_stuck();

  fork_in_callback = 1;
  get_stuck();
  reap(forked);
  get_stuck();
  CHECK_EQ(reports, 4);
  CHECK_EQ(gh_watchdog_stop(), 0);
  return 0;
}
