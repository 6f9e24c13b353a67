/* gh_hub_stop on one OS thread is interrupted at whatever instruction it has come to, until the hub
 * that it was called for is freed and another made in its place: that one is not stopped, and does
 * not miss a stop of its own either. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define ROUNDS 20000

static atomic_uintptr_t target;
static atomic_long calls;
static atomic_int over;
static int held[2], release[2];

/* Waits without taking time from the other OS thread. */
static void hold(int number) {
  int error = errno;
  char byte = (char)number;
  if (write(held[1], &byte, 1) != 1 || read(release[0], &byte, 1) != 1) abort();
  errno = error;
}

static void *stop_it_all_the_time(void *arg) {
  while (!atomic_load(&over)) {
    gh_hub *hub = (gh_hub *)atomic_load(&target);
    /* Several, so that a signal hardly ever comes between them. */
    for (int i = 0; i < 32; i++) gh_hub_stop(hub);
    atomic_fetch_add(&calls, 1);
  }
  return arg;
}

static void wait_for_calls(long more) {
  const struct timespec moment = {0, 1000};
  long called = atomic_load(&calls);
  while (atomic_load(&calls) < called + more) nanosleep(&moment, NULL);
}

static void *yield_a_little(void *arg) {
  for (int i = 0; i < 3; i++) gh_yield();
  return arg;
}

static void round_of(pthread_t stopper, int stop_the_next) {
  gh_hub *first = gh_hub_current();
  CHECK(first != NULL);
  atomic_store(&target, (uintptr_t)first);
  wait_for_calls(2);

  char byte = 0;
  CHECK_EQ(pthread_kill(stopper, SIGUSR1), 0);
  CHECK_EQ(read(held[0], &byte, 1), 1);
  CHECK_EQ(gh_hub_free(first, gh_after_ms(5000)), 0);
  gh_hub *next = gh_hub_current();
  CHECK(next != NULL && next != first);
  if (stop_the_next) CHECK_EQ(gh_hub_stop(next), 0);
  CHECK_EQ(write(release[1], &byte, 1), 1);
  wait_for_calls(2);

  CHECK_EQ(gh_spawn(NULL, NULL, yield_a_little, NULL), 0);
  CHECK_EQ(gh_hub_run(next), stop_the_next);
  CHECK_EQ(gh_hub_free(next, gh_after_ms(5000)), 0);
}

int main(void) {
  CHECK_EQ(pipe(held), 0);
  CHECK_EQ(pipe(release), 0);
  struct sigaction action = {.sa_handler = hold};
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  pthread_t stopper;
  CHECK_EQ(pthread_create(&stopper, NULL, stop_it_all_the_time, NULL), 0);
  int64_t end = gh_after_ms(1000);
  int rounds = 0;
  while (rounds < ROUNDS && gh_now() < end) round_of(stopper, rounds++ % 2);
  CHECK(rounds > 2);
  atomic_store(&over, 1);
  CHECK_EQ(pthread_join(stopper, NULL), 0);
  return 0;
}
