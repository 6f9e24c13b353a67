// timeout: 120
/* A thousand signals at random moments, while green threads wait in every hooked way: each is handled, and
 * each wait ends by what it waits for, or with EINTR. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define SIGNALS 1000
#define THREADS 24

static volatile sig_atomic_t handled;
static volatile int over;
static int ended_early, done;

static void handler(int signal) {
  (void)signal;
  handled++;
}

static void *sends(void *arg) {
  pthread_t *target = arg;
  unsigned seed = 12345;
  for (int i = 0; i < SIGNALS; i++) {
    seed = seed * 1103515245 + 12345;
    struct timespec span = {0, (long)(seed >> 8) % 2000000};
    nanosleep(&span, NULL);
    /* Queued, so that none is lost on the way. */
    union sigval value = {0};
    while (pthread_sigqueue(*target, SIGRTMIN + 1 + i % 2, value) != 0)
      CHECK(errno == EAGAIN || errno == 0);
  }
  over = 1;
  return NULL;
}

static void count(int result) {
  if (result == -1) {
    CHECK(errno == EINTR);
    ended_early++;
  } else {
    done++;
  }
}

static void *waits(void *arg) {
  long which = (long)arg;
  int counter = eventfd(0, EFD_NONBLOCK), epoll = epoll_create1(0);
  struct epoll_event event = {EPOLLIN, {.u64 = 0}};
  struct pollfd entry = {counter, POLLIN, 0};
  sigset_t none;
  sigemptyset(&none);
  CHECK(counter >= 0 && epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event) == 0);
  for (int round = 0; !over; round++) {
    struct timespec span = {0, 3000000}, left = {0, 0};
    struct timeval time = {0, 3000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(counter, &set);
    switch ((which + round) % 8) {
    case 0:
      count(poll(&entry, 1, 3));
      break;
    case 1:
      count(ppoll(&entry, 1, &span, &none));
      break;
    case 2:
      count(select(counter + 1, &set, NULL, NULL, &time));
      break;
    case 3:
      count(epoll_wait(epoll, &event, 1, 3));
      break;
    case 4:
      count(nanosleep(&span, &left));
      break;
    case 5:
      count(usleep(3000));
      break;
    case 6:
      /* Not a call that signals end. */
      CHECK(gh_sleep_ms(2) == 0);
      break;
    default:
      CHECK(eventfd_write(counter, 1) == 0);
      errno = 0;
      CHECK(poll(&entry, 1, -1) == 1 || errno == EINTR);
      eventfd_t value;
      CHECK(eventfd_read(counter, &value) == 0 && value == 1);
    }
  }
  close(counter);
  close(epoll);
  return NULL;
}

int main(void) {
  gh_thread threads[THREADS];
  pthread_t sender, self = pthread_self();
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  CHECK(sigaction(SIGRTMIN + 1, &action, NULL) == 0);
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGRTMIN + 2, &action, NULL) == 0);
  for (long i = 0; i < THREADS; i++)
    CHECK(gh_spawn(&threads[i], NULL, waits, (void *)i) == 0);
  CHECK(pthread_create(&sender, NULL, sends, &self) == 0);
  for (int i = 0; i < THREADS; i++)
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
  CHECK(pthread_join(sender, NULL) == 0);
  CHECK_EQ(handled, SIGNALS);
  CHECK(ended_early > SIGNALS / 10);
  CHECK(done > 1000);
  return 0;
}
