/* Inside a signal handler every hooked function is libc's own, on whatever it has interrupted; after it,
 * or once it was left by siglongjmp, they let the others run again. sigaction and its like tell back what they
 * were given, and the kernel has the handlers themselves again after gh_unpatch(). */
#define _GNU_SOURCE
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000L

static volatile int ticks, over, handled, stood_still, pipes[2];
static sigjmp_buf out;

/* Runs whenever it is let. */
static void *ticker(void *arg) {
  (void)arg;
  while (!over) {
    ticks++;
    gh_sleep_ms(1);
  }
  return NULL;
}

static void waits(void) {
  struct timespec span = {0, 30 * MS};
  struct pollfd entry = {pipes[0], POLLIN, 0};
  char byte;
  nanosleep(&span, NULL);
  poll(&entry, 1, 20);
  if (write(pipes[1], "x", 1) != 1 || poll(&entry, 1, -1) != 1 || read(pipes[0], &byte, 1) != 1)
    abort();
}

static void handler(int signal) {
  int before = ticks;
  struct sigaction now;
  waits();
  stood_still = ticks == before;
  if (sigaction(signal, NULL, &now) != 0 || now.sa_handler != handler)
    abort();
  handled++;
}

static void counts(int signal) {
  (void)signal;
  handled++;
}

static void with_info(int signal, siginfo_t *info, void *context) {
  handled = info->si_signo == signal && info->si_value.sival_int == 42 && context ? handled + 1 : -1000;
}

static void jumps(int signal) {
  (void)signal;
  waits();
  siglongjmp(out, 1);
}

static void nested(int signal) {
  sigjmp_buf inner;
  (void)signal;
  /* A jump inside the handler is none out of it. */
  if (sigsetjmp(inner, 1) == 0)
    siglongjmp(inner, 1);
  handler(SIGUSR1);
}

static void install(int signal, int flags, void (*function)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = function;
  action.sa_flags = flags;
  CHECK(sigaction(signal, &action, NULL) == 0);
}

static void lets_others_run(void) {
  int before = ticks;
  usleep(50000);
  CHECK(ticks > before);
}

/* A jump out of a handler, and then calls at a greater depth than that of the handler. */
static int deeper(int depth) {
  volatile char room[512];
  room[0] = (char)depth;
  if (depth > 0)
    return deeper(depth - 1) + room[0];
  lets_others_run();
  return 0;
}

static void jump_out(int signal) {
  if (sigsetjmp(out, 1) == 0) {
    raise(signal);
    CHECK(!"left by a jump");
  }
}

static void *interrupted(void *arg) {
  (void)arg;
  install(SIGUSR1, 0, handler);
  handled = 0;
  raise(SIGUSR1);
  CHECK(handled == 1 && stood_still);
  lets_others_run();
  install(SIGUSR1, SA_ONSTACK, handler);
  raise(SIGUSR1);
  CHECK(handled == 2 && stood_still);
  lets_others_run();

  int flags[] = {0, SA_ONSTACK, SA_NODEFER};
  for (int i = 0; i < 3; i++) {
    install(SIGUSR2, flags[i], jumps);
    jump_out(SIGUSR2);
    lets_others_run();
    jump_out(SIGUSR2);
    deeper(40);
    jump_out(SIGUSR2);
    gh_yield();
    lets_others_run();
  }
  install(SIGUSR1, 0, handler);
  install(SIGUSR2, 0, nested);
  handled = 0;
  raise(SIGUSR2);
  CHECK(handled == 1 && stood_still);
  lets_others_run();
  return NULL;
}

/* While the root waits in a hooked call, the handler runs on the hub itself. */
static void interrupts_hub(void) {
  struct timespec at = {0, 20 * MS};
  timer_t timer;
  struct sigevent event;
  struct itimerspec once = {{0, 0}, at};
  memset(&event, 0, sizeof event);
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  install(SIGUSR1, SA_RESTART, handler);
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  handled = 0;
  CHECK(timer_settime(timer, 0, &once, NULL) == 0);
  CHECK(poll(NULL, 0, 5000) == -1 && errno == EINTR);
  CHECK(handled == 1 && stood_still);
  CHECK(timer_delete(timer) == 0);
  lets_others_run();
}

/* What the kernel has. */
static void (*kernels(int signal))(int) {
  struct {
    void (*handler)(int);
    unsigned long flags;
    void *restorer;
    unsigned long mask;
  } action;
  CHECK(syscall(SYS_rt_sigaction, signal, NULL, &action, 8) == 0);
  return action.handler;
}

static void told_back(void) {
  struct sigaction action, old;
  union sigval value;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = with_info;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaddset(&action.sa_mask, SIGWINCH);
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  CHECK(sigaction(SIGUSR1, NULL, &old) == 0);
  CHECK(old.sa_sigaction == with_info);
  CHECK((old.sa_flags & (SA_SIGINFO | SA_RESTART)) == (SA_SIGINFO | SA_RESTART));
  CHECK(!(old.sa_flags & (SA_ONSTACK | SA_NODEFER)));
  CHECK(sigismember(&old.sa_mask, SIGWINCH) == 1 && sigismember(&old.sa_mask, SIGUSR2) == 0);
  handled = 0;
  value.sival_int = 42;
  CHECK(sigqueue(getpid(), SIGUSR1, value) == 0);
  CHECK_EQ(handled, 1);

  install(SIGUSR1, SA_RESETHAND | SA_NODEFER, counts);
  raise(SIGUSR1);
  CHECK_EQ(handled, 2);
  CHECK(sigaction(SIGUSR1, NULL, &old) == 0);
  CHECK(old.sa_handler == SIG_DFL);

  CHECK(signal(SIGUSR1, handler) == SIG_DFL);
  CHECK(signal(SIGUSR1, jumps) == handler);
  CHECK(signal(SIGUSR1, SIG_IGN) == jumps);
  CHECK(signal(SIGUSR1, handler) == SIG_IGN);
  CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && (old.sa_flags & SA_RESTART));
  CHECK(signal(SIGKILL, handler) == SIG_ERR && errno == EINVAL);
  CHECK(signal(0, handler) == SIG_ERR && errno == EINVAL);
  CHECK(signal(65, handler) == SIG_ERR && errno == EINVAL);
  CHECK(sigaction(SIGSTOP, &action, NULL) == -1 && errno == EINVAL);
  CHECK(sigaction(-1, NULL, &old) == -1 && errno == EINVAL);

  /* The synchronous ones too. */
  install(SIGFPE, 0, handler);
  CHECK(kernels(SIGFPE) != handler);
  CHECK(signal(SIGFPE, SIG_DFL) == handler);
  install(SIGUSR1, 0, handler);
  CHECK(kernels(SIGUSR1) != handler);
}

static void *plain(void *arg) {
  (void)arg;
  handled = 0;
  raise(SIGUSR1);
  CHECK_EQ(handled, 1);
  CHECK(poll(NULL, 0, 10) == 0);
  return NULL;
}

int main(void) {
  gh_thread thread, beside;
  pthread_t os_thread;
  int ends[2];
  CHECK(pipe(ends) == 0);
  pipes[0] = ends[0], pipes[1] = ends[1];
  install(SIGHUP, SA_RESTART, handler);
  install(SIGINT, 0, handler);
  void (*raw)(int) = kernels(SIGHUP);
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  CHECK(kernels(SIGHUP) != raw && kernels(SIGCHLD) == NULL);
  told_back();

  CHECK(gh_spawn(&beside, NULL, ticker, NULL) == 0);
  interrupted(NULL);
  CHECK(gh_spawn(&thread, NULL, interrupted, NULL) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  interrupts_hub();
  raise(SIGHUP);
  CHECK(stood_still);

  install(SIGUSR1, 0, handler);
  CHECK(pthread_create(&os_thread, NULL, plain, NULL) == 0);
  CHECK(pthread_join(os_thread, NULL) == 0);
  over = 1;
  CHECK(gh_join(beside, NULL, GH_NEVER) == 0);

  CHECK(gh_unpatch() > 0);
  CHECK(kernels(SIGHUP) == raw && kernels(SIGINT) == handler);
  CHECK(kernels(SIGUSR1) == handler);
  return 0;
}
