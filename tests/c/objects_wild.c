// flags: -std=gnu11
// timeout: 120
// sanitizer: yes
/* Four OS threads whose green threads take, wait for, free and make anew whatever stands in one table, of
 * whatever kind it is by then, at random: each call gives a code, and every hub comes to its end. Beside
 * it a semaphore, a mutex and a channel that nobody frees keep all they had. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "greenhub.h"

#define OS_THREADS 4
#define GREEN 16
#define ROUNDS 8
/* For each green thread of each round, some of which end before: a million in all. */
#define CALLS 2000
#define PLACES 48
#define PERMITS 3

static _Atomic(void *) objects[PLACES];
static _Atomic uint64_t threads[PLACES];

static gh_sem *sem;
static gh_mutex *mutex;
static gh_channel *channel;
static atomic_int inside, sent, received;

static uint64_t next(uint64_t *random) {
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return *random >> 8;
}

static void *any(uint64_t *random) { return objects[next(random) % PLACES]; }

static int64_t deadline(uint64_t *random) {
  switch (next(random) % 6) {
    case 0: return 0;
    case 1: return INT64_MIN;
    case 2: return gh_now() + (int64_t)(next(random) % 30000);
    case 3: return gh_now() + (int64_t)(next(random) % 300000);
    default: return gh_after_ms(2);
  }
}

/* What no call may say, whatever it was given. */
static int sane(int64_t code) {
  CHECK(code != GH_EPANIC);
  return code >= 0;
}

static void make(uint64_t *random, int place) {
  void *made = NULL;
  int code = -1;
  switch (next(random) % 9) {
    case 0: code = gh_mutex_new((gh_mutex **)&made, "m", next(random) % 2); break;
    case 1: code = gh_rwlock_new((gh_rwlock **)&made, "r"); break;
    case 2: code = gh_cond_new((gh_cond **)&made, NULL); break;
    case 3: code = gh_sem_new((gh_sem **)&made, NULL, next(random) % 3, next(random) % 4); break;
    case 4: code = gh_event_new((gh_event **)&made, NULL, next(random) % 4); break;
    case 5: code = gh_barrier_new((gh_barrier **)&made, NULL, next(random) % 4); break;
    case 6: code = gh_waitgroup_new((gh_waitgroup **)&made, NULL); break;
    case 7: code = gh_once_new((gh_once **)&made, NULL); break;
    case 8: code = gh_channel_new((gh_channel **)&made, NULL, 8, next(random) % 3); break;
  }
  if (sane(code)) objects[place] = made;
}

static void unmake(uint64_t *random) {
  int place = (int)(next(random) % PLACES);
  void *object = objects[place];
  switch (next(random) % 9) {
    case 0: sane(gh_mutex_free(object)); break;
    case 1: sane(gh_rwlock_free(object)); break;
    case 2: sane(gh_cond_free(object)); break;
    case 3: sane(gh_sem_free(object)); break;
    case 4: sane(gh_event_free(object)); break;
    case 5: sane(gh_barrier_free(object)); break;
    case 6: sane(gh_waitgroup_free(object)); break;
    case 7: sane(gh_once_free(object)); break;
    case 8: sane(gh_channel_free(object)); break;
  }
  if (next(random) % 2) make(random, place);
}

static int fails(void *arg) {
  (void)arg;
  gh_yield();
  return -1000;
}

static int succeeds(void *arg) {
  (void)arg;
  return gh_yield();
}

static void call_back(void *arg) {
  void *object = objects[(uintptr_t)arg % PLACES];
  sane(gh_sem_post(object));
  sane(gh_event_set(object));
}

/* What is taken here is given back by nobody: its end is to be an error to the others. */
static void *take_and_end(void *arg) {
  uint64_t random = (uintptr_t)arg | 1;
  sane(gh_mutex_lock(any(&random), deadline(&random)));
  sane(gh_rwlock_read(any(&random), deadline(&random)));
  sane(gh_rwlock_write(any(&random), deadline(&random)));
  return arg;
}

static void lock(uint64_t *random) {
  void *object = any(random);
  switch (next(random) % 9) {
    case 0: if (!sane(gh_mutex_lock(object, deadline(random)))) break;
            gh_yield(); /* fall through */
    case 1: sane(gh_mutex_unlock(object)); break;
    case 2: sane(gh_mutex_recover(object)); break;
    case 3: if (!sane(gh_rwlock_read(object, deadline(random)))) break;
            gh_yield(); /* fall through */
    case 4: sane(gh_rwlock_unlock(object)); break;
    case 5: if (!sane(gh_rwlock_write(object, deadline(random)))) break;
            sane(gh_rwlock_unlock(object)); break;
    case 6: sane(gh_rwlock_recover(object)); break;
    case 7: if (sane(gh_mutex_lock(object, deadline(random)))) {
              sane(gh_cond_wait(any(random), object, deadline(random)));
            }
            sane(gh_mutex_unlock(object)); break;
    case 8: sane(next(random) % 2 ? gh_cond_signal(object) : gh_cond_broadcast(object)); break;
  }
}

static void meet(uint64_t *random) {
  void *object = any(random);
  switch (next(random) % 9) {
    case 0: sane(gh_sem_wait(object, deadline(random))); break;
    case 1: sane(gh_sem_post(object)); break;
    case 2: sane(gh_event_wait(object, deadline(random))); break;
    case 3: sane(gh_event_set(object)); break;
    case 4: sane(gh_event_reset(object)); break;
    case 5: sane(gh_barrier_wait(object, deadline(random))); break;
    case 6: sane(gh_waitgroup_add(object, (int)(next(random) % 5) - 2)); break;
    case 7: sane(gh_waitgroup_wait(object, deadline(random))); break;
    case 8: sane(gh_once_run(object, next(random) % 2 ? fails : succeeds, NULL, deadline(random)));
            break;
  }
}

static void pass_items(uint64_t *random, int fds[2]) {
  gh_select_case cases[6];
  char items[6][8] = {{0}};
  int count = (int)(1 + next(random) % 6);
  switch (next(random) % 4) {
    case 0: sane(gh_channel_send(any(random), items[0], deadline(random))); break;
    case 1: sane(gh_channel_recv(any(random), items[0], deadline(random))); break;
    case 2: if (next(random) % 4 == 0) sane(gh_channel_close(any(random))); break;
    case 3:
      memset(cases, 0, sizeof cases);
      for (int i = 0; i < count; i++) {
        cases[i] = (gh_select_case){.channel = any(random), .item = items[i],
                                    .fd = fds[next(random) % 2], .op = (uint32_t)(next(random) % 5)};
      }
      sane(gh_select(cases, (size_t)count, deadline(random)));
  }
}

static void disturb(uint64_t *random, int fds[2]) {
  gh_thread made = 0;
  void *arg = (void *)(uintptr_t)next(random);
  switch (next(random) % 6) {
    case 0: if (sane(gh_spawn(&made, NULL, take_and_end, arg))) threads[next(random) % PLACES] = made;
            break;
    case 1: sane(gh_cancel(threads[next(random) % PLACES])); break;
    case 2: sane(gh_join(threads[next(random) % PLACES], NULL, deadline(random))); break;
    case 3: sane(gh_post(gh_hub_current(), call_back, arg)); break;
    case 4: sane(gh_timer_start(NULL, deadline(random), 0, call_back, arg)); break;
    case 5: sane(gh_close(fds[0])), sane(gh_close(fds[1]));
            CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0); break;
  }
}

static void keep(uint64_t *random) {
  int item = 1;
  switch (next(random) % 4) {
    case 0: if (sane(gh_sem_wait(sem, deadline(random)))) {
              gh_yield();
              CHECK_EQ(gh_sem_post(sem), 0);
            }
            break;
    case 1: if (sane(gh_mutex_lock(mutex, deadline(random)))) {
              CHECK_EQ(atomic_fetch_add(&inside, 1), 0);
              gh_yield();
              CHECK_EQ(atomic_fetch_sub(&inside, 1), 1);
              CHECK_EQ(gh_mutex_unlock(mutex), 0);
            }
            break;
    case 2: if (sane(gh_channel_send(channel, &item, deadline(random)))) sent++; break;
    case 3: if (sane(gh_channel_recv(channel, &item, deadline(random)))) received++; break;
  }
}

static void *work(void *arg) {
  uint64_t random = (uintptr_t)arg | 1;
  int fds[2];
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  for (int i = 0; i < CALLS; i++) {
    switch (next(&random) % 8) {
      case 0: case 1: lock(&random); break;
      case 2: case 3: meet(&random); break;
      case 4: pass_items(&random, fds); break;
      case 5: disturb(&random, fds); break;
      case 6: keep(&random); break;
      case 7: unmake(&random); break;
    }
    /* A cancelled one has nothing more to wait for. */
    if (gh_yield() == -ECANCELED) break;
  }
  sane(gh_close(fds[0])), sane(gh_close(fds[1]));
  return NULL;
}

static void *run(void *arg) {
  uint64_t random = (uintptr_t)arg * 0x9e3779b97f4a7c15u | 1;
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < GREEN; i++) {
      gh_thread made;
      void *seed = (void *)(uintptr_t)next(&random);
      CHECK_EQ(gh_spawn(&made, NULL, work, seed), 0);
      threads[next(&random) % PLACES] = made;
    }
    /* At times in the middle. */
    if (round % 2) CHECK_EQ(gh_sleep_ms(20), 0);
    else CHECK_EQ(gh_hub_run(gh_hub_current()), 0);
    CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(60000)), 0);
  }
  return NULL;
}

int main(void) {
  pthread_t others[OS_THREADS];
  uint64_t random = 88172645463325252u;
  int item;
  CHECK_EQ(gh_sem_new(&sem, NULL, PERMITS, PERMITS), 0);
  CHECK_EQ(gh_mutex_new(&mutex, NULL, 0), 0);
  CHECK_EQ(gh_channel_new(&channel, NULL, sizeof item, 2), 0);
  for (int i = 0; i < PLACES; i++) make(&random, i);
  for (intptr_t i = 0; i < OS_THREADS; i++) {
    CHECK_EQ(pthread_create(&others[i], NULL, run, (void *)(i + 1)), 0);
  }
  for (int i = 0; i < OS_THREADS; i++) CHECK_EQ(pthread_join(others[i], NULL), 0);
  CHECK_EQ(gh_sem_value(sem), PERMITS);
  CHECK_EQ(gh_mutex_lock(mutex, 0), 0);
  CHECK_EQ(gh_mutex_unlock(mutex), 0);
  while (gh_channel_recv(channel, &item, 0) == 0) received++;
  CHECK(sent > 0);
  CHECK_EQ(sent, received);
  return 0;
}
