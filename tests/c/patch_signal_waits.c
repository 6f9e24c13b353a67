// timeout: 120
// emulated: no, the select(2) of qemu leaves a set and a time as they were
/* A signal during each hooked wait, with and without SA_RESTART: what the call gives is what it gives an OS
 * thread that is not patched, for a green thread while the root waits, and for the root. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL
#define DELAY 30

static volatile sig_atomic_t handled;
static int quiet[2];
/* How long a call waits by itself, where it may be long. */
static long most;

static void handler(int signal) {
  (void)signal;
  handled++;
}

static void install(int signal, int flags, void (*function)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = function;
  action.sa_flags = flags;
  CHECK(sigaction(signal, &action, NULL) == 0);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Sends a signal to an OS thread, after a while. */
struct pulse {
  pthread_t target;
  int signal;
};

static void *pulse(void *arg) {
  struct pulse *it = arg;
  struct timespec span = {0, DELAY * MS};
  nanosleep(&span, NULL);
  CHECK(pthread_kill(it->target, it->signal) == 0);
  return NULL;
}

enum { COUNT = 26 };

/* What a call has given: its result, errno, how many signals were handled, whether it came back
 * before the signal, and what was left of its time. */
struct outcome {
  int result, error, handled, early, left;
};

/* Of a call that a signal has ended: less than all, by as much as the signal came late. */
static int is_rest(long left) {
  return left > 0 && left <= most - DELAY + 1;
}

static int one_call(int which, struct outcome *outcome) {
  struct timespec span = {most / 1000, most % 1000 * MS}, left = {-1, 0}, until;
  struct timespec given = span, shorter = {0, 100 * MS};
  struct timeval time = {most / 1000, most % 1000 * 1000};
  struct pollfd entry = {quiet[0], POLLIN, 0};
  struct epoll_event event = {EPOLLIN, {.u64 = 0}};
  int result, epoll = epoll_create1(0);
  sigset_t none, usr1;
  fd_set set;
  sigemptyset(&none);
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  FD_ZERO(&set);
  FD_SET(quiet[0], &set);
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, quiet[0], &event) == 0);
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += span.tv_sec;
  until.tv_nsec += span.tv_nsec;
  if (until.tv_nsec >= 1000 * MS) {
    until.tv_nsec -= 1000 * MS;
    until.tv_sec++;
  }
  outcome->left = 0;
  errno = 0;
  switch (which) {
  case 0:
    result = nanosleep(&span, &left);
    outcome->left = is_rest(left.tv_sec * 1000 + left.tv_nsec / 1000000);
    break;
  case 1:
    result = usleep((useconds_t)most * 1000);
    break;
  case 2:
    result = sleep(20) >= 10;
    break;
  case 3:
    result = clock_nanosleep(CLOCK_MONOTONIC, 0, &span, &left);
    outcome->left = is_rest(left.tv_sec * 1000 + left.tv_nsec / 1000000);
    break;
  case 4:
    result = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, &left);
    outcome->left = left.tv_sec == -1;
    break;
  case 5:
    result = poll(&entry, 1, (int)most);
    break;
  case 6:
    result = poll(&entry, 1, -1);
    break;
  case 7:
    result = poll(NULL, 0, (int)most);
    break;
  case 8:
    result = ppoll(&entry, 1, &span, NULL);
    outcome->left = memcmp(&span, &given, sizeof span);
    break;
  case 9:
    result = ppoll(&entry, 1, NULL, &none);
    break;
  case 10:
    result = select(quiet[0] + 1, &set, NULL, NULL, &time);
    outcome->left = is_rest(time.tv_sec * 1000 + time.tv_usec / 1000) + 2 * !!FD_ISSET(quiet[0], &set);
    break;
  case 11:
    result = select(quiet[0] + 1, &set, NULL, NULL, NULL);
    break;
  case 12:
    result = pselect(quiet[0] + 1, &set, NULL, NULL, &span, NULL);
    outcome->left = memcmp(&span, &given, sizeof span);
    break;
  case 13:
    result = epoll_wait(epoll, &event, 1, (int)most);
    break;
  case 14:
    result = epoll_pwait(epoll, &event, 1, -1, &none);
    break;
  case 15:
    result = epoll_pwait2(epoll, &event, 1, &span, NULL);
    break;
  /* Opened for the time of the wait alone. */
  case 16:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    result = ppoll(&entry, 1, NULL, &none);
    break;
  case 17:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    result = pselect(quiet[0] + 1, &set, NULL, NULL, NULL, &none);
    break;
  case 18:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    result = epoll_pwait(epoll, &event, 1, -1, &none);
    break;
  case 19:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    result = epoll_pwait2(epoll, &event, 1, NULL, &none);
    break;
  /* Pending already. */
  case 20:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    pthread_kill(pthread_self(), SIGUSR1);
    result = epoll_pwait(epoll, &event, 1, -1, &none);
    break;
  /* Held back for the time of the wait alone. */
  case 21:
    result = ppoll(&entry, 1, &shorter, &usr1);
    break;
  case 22:
    result = epoll_pwait(epoll, &event, 1, 100, &usr1);
    break;
  /* Held back all the time. */
  case 23:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    result = poll(&entry, 1, 100);
    break;
  /* What is ready goes before what is pending. */
  case 24:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    pthread_kill(pthread_self(), SIGUSR1);
    entry.events = POLLIN | POLLOUT;
    entry.fd = quiet[1];
    result = ppoll(&entry, 1, NULL, &none);
    outcome->left = handled;
    break;
  default:
    CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    pthread_kill(pthread_self(), SIGUSR1);
    result = epoll_pwait(epoll, &event, 1, 0, &none);
    outcome->left = handled;
  }
  outcome->error = result == -1 ? errno : 0;
  close(epoll);
  return result;
}

static struct outcome interrupted(int which, int signal) {
  struct outcome outcome = {0, 0, 0, 0, 0};
  struct pulse to = {pthread_self(), signal};
  sigset_t usr1;
  pthread_t sender;
  handled = 0;
  int64_t start = now();
  CHECK(pthread_create(&sender, NULL, pulse, &to) == 0);
  outcome.result = one_call(which, &outcome);
  outcome.early = now() - start < DELAY * MS;
  gh_patch_pause();
  pthread_join(sender, NULL);
  gh_patch_resume();
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  CHECK(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL) == 0);
  outcome.handled = handled;
  return outcome;
}

struct round {
  int signal;
  struct outcome outcomes[COUNT];
};

static void *all(void *arg) {
  struct round *round = arg;
  for (int i = 0; i < COUNT; i++)
    round->outcomes[i] = interrupted(i, round->signal);
  return NULL;
}

static void *plainly(void *arg) {
  return all(arg);
}

static void compare(const char *what, const struct round *plain, const struct round *green) {
  for (int i = 0; i < COUNT; i++) {
    struct outcome p = plain->outcomes[i], g = green->outcomes[i];
    if (memcmp(&p, &g, sizeof p) != 0)
      fprintf(stderr, "%s, call %d: libc %d %d %d %d %d, hooked %d %d %d %d %d\n", what, i, p.result, p.error,
              p.handled, p.early, p.left, g.result, g.error, g.handled, g.early, g.left);
    CHECK(memcmp(&p, &g, sizeof p) == 0);
  }
}

static void each_way(const char *what, int signal) {
  most = 20000;
  static struct round plain, green, root;
  pthread_t os_thread;
  gh_thread thread;
  plain.signal = green.signal = root.signal = signal;
  CHECK(pthread_create(&os_thread, NULL, plainly, &plain) == 0);
  CHECK(pthread_join(os_thread, NULL) == 0);
  CHECK(gh_spawn(&thread, NULL, all, &green) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  all(&root);
  compare(what, &plain, &green);
  compare(what, &plain, &root);
}

/* With an ignored signal only those that end by themselves. */
static void *ignores(void *arg) {
  static const int ends[] = {0, 1, 3, 5, 8, 10, 12, 13, 15, 21, 22, 23};
  struct round *round = arg;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    round->outcomes[i] = interrupted(ends[i], round->signal);
  /* Opened, pending, and nobody there to handle it. */
  struct timespec span = {0, 60 * MS};
  sigset_t none, it;
  sigemptyset(&none);
  sigemptyset(&it);
  sigaddset(&it, round->signal);
  CHECK(pthread_sigmask(SIG_BLOCK, &it, NULL) == 0);
  struct pulse to = {pthread_self(), round->signal};
  pthread_t sender;
  CHECK(pthread_create(&sender, NULL, pulse, &to) == 0);
  int64_t start = now();
  CHECK(ppoll(NULL, 0, &span, &none) == 0);
  CHECK(now() - start >= 60 * MS);
  gh_patch_pause();
  pthread_join(sender, NULL);
  gh_patch_resume();
  CHECK(pthread_sigmask(SIG_UNBLOCK, &it, NULL) == 0);
  return NULL;
}

static void ignored(const char *what, int signal) {
  most = 80;
  static struct round plain, green;
  pthread_t os_thread;
  gh_thread thread;
  plain.signal = green.signal = signal;
  CHECK(pthread_create(&os_thread, NULL, ignores, &plain) == 0);
  CHECK(pthread_join(os_thread, NULL) == 0);
  CHECK(gh_spawn(&thread, NULL, ignores, &green) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  compare(what, &plain, &green);
}

/* The root waits where no signal matters, and one of two green threads is told. */
static int told;

static void *endless(void *arg) {
  (void)arg;
  struct pollfd entry = {quiet[0], POLLIN, 0};
  int result = poll(&entry, 1, 400);
  told += result == -1 && errno == EINTR;
  return NULL;
}

/* alarm(2) before a wait that would never end. */
static void *alarmed(void *arg) {
  (void)arg;
  struct pollfd entry = {quiet[0], POLLIN, 0};
  struct itimerval soon = {{0, 0}, {0, 50000}};
  int64_t start = now();
  CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
  CHECK(poll(&entry, 1, -1) == -1 && errno == EINTR);
  CHECK(now() - start >= 49 * MS);
  return NULL;
}

static void who_is_told(void) {
  gh_thread one, other;
  pthread_t sender;
  struct pulse to = {pthread_self(), SIGUSR1};
  struct pollfd entry = {quiet[0], POLLIN, 0};
  CHECK(gh_spawn(&one, NULL, endless, NULL) == 0);
  CHECK(gh_spawn(&other, NULL, endless, NULL) == 0);
  CHECK(pthread_create(&sender, NULL, pulse, &to) == 0);
  CHECK(gh_join(one, NULL, GH_NEVER) == 0);
  CHECK(gh_join(other, NULL, GH_NEVER) == 0);
  CHECK_EQ(told, 1);
  gh_patch_pause();
  pthread_join(sender, NULL);
  gh_patch_resume();

  /* The root goes first. */
  told = 0;
  CHECK(gh_spawn(&one, NULL, endless, NULL) == 0);
  CHECK(pthread_create(&sender, NULL, pulse, &to) == 0);
  CHECK(poll(&entry, 1, -1) == -1 && errno == EINTR);
  CHECK(gh_join(one, NULL, GH_NEVER) == 0);
  CHECK_EQ(told, 0);
  gh_patch_pause();
  pthread_join(sender, NULL);
  gh_patch_resume();

  /* What came before the call does not end it. */
  CHECK(raise(SIGUSR1) == 0);
  CHECK(poll(&entry, 1, 20) == 0);

  install(SIGALRM, 0, handler);
  CHECK(gh_spawn(&one, NULL, alarmed, NULL) == 0);
  CHECK(gh_join(one, NULL, GH_NEVER) == 0);
}

int main(void) {
  CHECK(pipe(quiet) == 0);
  CHECK(fcntl(quiet[0], F_SETFL, O_NONBLOCK) == 0);
  CHECK(gh_patch(GH_PATCH_SLEEP | GH_PATCH_WAIT) > 0);
  install(SIGUSR1, 0, handler);
  each_way("a handler", SIGUSR1);
  install(SIGUSR1, SA_RESTART, handler);
  each_way("a handler with SA_RESTART", SIGUSR1);
  install(SIGUSR1, 0, handler);
  install(SIGUSR2, 0, SIG_IGN);
  ignored("an ignored signal", SIGUSR2);
  ignored("a signal that nobody minds", SIGCHLD);
  who_is_told();
  return 0;
}
