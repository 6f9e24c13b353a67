// valgrind: yes
/* pause, sigsuspend, sigwait, sigwaitinfo and sigtimedwait of a green thread let the others run, and give
 * what they give an OS thread that is not patched. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000L
#define COUNT 14

static volatile sig_atomic_t handled, over, ticks;

struct log {
  int count;
  long values[4 * COUNT];
};

static void note(struct log *log, long result) {
  CHECK(log->count + 2 <= 4 * COUNT);
  log->values[log->count++] = result;
  log->values[log->count++] = result == -1 ? errno : 0;
}

static void handler(int signal) {
  (void)signal;
  handled++;
}

struct pulse {
  pthread_t target;
  int first, second;
};

static void *sends(void *arg) {
  struct pulse *it = arg;
  struct timespec span = {0, 20 * MS};
  union sigval value = {.sival_int = 9};
  nanosleep(&span, NULL);
  CHECK(pthread_sigqueue(it->target, it->first, value) == 0);
  if (it->second) {
    nanosleep(&span, NULL);
    CHECK(pthread_sigqueue(it->target, it->second, value) == 0);
  }
  return NULL;
}

static pthread_t later(int first, int second) {
  static struct pulse pulse;
  pthread_t thread;
  pulse = (struct pulse){pthread_self(), first, second};
  CHECK(pthread_create(&thread, NULL, sends, &pulse) == 0);
  return thread;
}

static void sent(pthread_t thread) {
  gh_patch_pause();
  CHECK(pthread_join(thread, NULL) == 0);
  gh_patch_resume();
}

static void *calls(void *arg) {
  struct log *log = arg;
  sigset_t taken, none, usr1;
  siginfo_t info;
  struct timespec span = {0, 20 * MS}, zero = {0, 0}, wrong = {0, 1000 * MS}, longer = {20, 0};
  int signal = 0;
  pthread_t sender;
  sigemptyset(&none);
  sigemptyset(&taken);
  sigemptyset(&usr1);
  sigaddset(&taken, SIGRTMIN + 3);
  sigaddset(&taken, SIGUSR2);
  sigaddset(&usr1, SIGUSR1);
  handled = 0;
  CHECK(pthread_sigmask(SIG_BLOCK, &taken, NULL) == 0);

  sender = later(SIGUSR1, 0);
  note(log, pause());
  sent(sender);
  CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
  sender = later(SIGUSR1, 0);
  note(log, sigsuspend(&none));
  sent(sender);
  CHECK(pthread_kill(pthread_self(), SIGUSR1) == 0);
  note(log, sigsuspend(&none));
  CHECK(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL) == 0);
  log->values[log->count++] = handled;

  note(log, sigtimedwait(&taken, &info, &zero));
  note(log, sigtimedwait(&taken, &info, &span));
  note(log, sigtimedwait(&taken, &info, &wrong));
  sender = later(SIGRTMIN + 3, 0);
  note(log, sigtimedwait(&taken, &info, &longer) - SIGRTMIN);
  sent(sender);
  log->values[log->count++] = info.si_value.sival_int;
  sender = later(SIGUSR2, 0);
  note(log, sigwaitinfo(&taken, NULL));
  sent(sender);
  sender = later(SIGUSR1, 0);
  note(log, sigwaitinfo(&taken, NULL));
  sent(sender);
  /* A handler does not end sigwait. */
  sender = later(SIGUSR1, SIGUSR2);
  note(log, sigwait(&taken, &signal));
  sent(sender);
  log->values[log->count++] = signal;
  log->values[log->count++] = handled;
  CHECK(pthread_sigmask(SIG_UNBLOCK, &taken, NULL) == 0);
  return NULL;
}

static void *ticker(void *arg) {
  (void)arg;
  while (!over) {
    ticks++;
    gh_sleep_ms(1);
  }
  return NULL;
}

int main(void) {
  static struct log plain, green, root;
  struct sigaction action;
  gh_thread thread, beside;
  pthread_t os_thread;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  CHECK(gh_patch(GH_PATCH_WAIT | GH_PATCH_SLEEP) > 0);
  CHECK(pthread_create(&os_thread, NULL, calls, &plain) == 0);
  CHECK(pthread_join(os_thread, NULL) == 0);
  CHECK(gh_spawn(&beside, NULL, ticker, NULL) == 0);
  CHECK(gh_spawn(&thread, NULL, calls, &green) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  calls(&root);
  CHECK(ticks > 20);
  over = 1;
  CHECK(gh_join(beside, NULL, GH_NEVER) == 0);
  CHECK_EQ(green.count, plain.count);
  for (int i = 0; i < plain.count; i++) {
    CHECK_EQ(green.values[i], plain.values[i]);
    CHECK_EQ(root.values[i], plain.values[i]);
  }
  return 0;
}
