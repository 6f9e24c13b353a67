// flags: -std=gnu11
// sanitizer: yes
/* Locks, channels and groups in the child of a fork: what vanished threads held is an error and not a
 * hang, what they waited for is anybody's, and the parent goes on undisturbed. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static gh_mutex *mutex;
static gh_rwlock *rwlock, *shared;
static gh_sem *sem;
static gh_channel *channel;
static gh_barrier *barrier;
static gh_once *once;
static gh_event *go;
static gh_group *group;

static void *holder(void *arg) {
  CHECK_EQ(gh_mutex_lock(mutex, GH_NEVER), 0);
  CHECK_EQ(gh_rwlock_write(rwlock, GH_NEVER), 0);
  CHECK_EQ(gh_event_wait(go, GH_NEVER), 0);
  CHECK_EQ(gh_rwlock_unlock(rwlock), 0);
  CHECK_EQ(gh_mutex_unlock(mutex), 0);
  return arg;
}

static void *locker(void *arg) {
  CHECK_EQ(gh_mutex_lock(mutex, GH_NEVER), 0);
  CHECK_EQ(gh_mutex_unlock(mutex), 0);
  return arg;
}

static void *reader(void *arg) {
  CHECK_EQ(gh_rwlock_read(shared, GH_NEVER), 0);
  CHECK_EQ(gh_event_wait(go, GH_NEVER), 0);
  CHECK_EQ(gh_rwlock_unlock(shared), 0);
  return arg;
}

static void *taker(void *arg) {
  CHECK_EQ(gh_sem_wait(sem, GH_NEVER), 0);
  return arg;
}

static void *receiver(void *arg) {
  int item = 0;
  CHECK_EQ(gh_channel_recv(channel, &item, GH_NEVER), 0);
  CHECK_EQ(item, 7);
  return arg;
}

static void *meeter(void *arg) {
  CHECK(gh_barrier_wait(barrier, GH_NEVER) >= 0);
  return arg;
}

static int wait_for_go(void *arg) {
  (void)arg;
  return gh_event_wait(go, GH_NEVER);
}

static void *runner(void *arg) {
  CHECK_EQ(gh_once_run(once, wait_for_go, NULL, GH_NEVER), 0);
  return arg;
}

static int at_once(void *arg) {
  ++*(int *)arg;
  return 0;
}

static void *send_seven(void *arg) {
  int item = 7;
  CHECK_EQ(gh_channel_send(channel, &item, GH_NEVER), 0);
  return arg;
}

static void in_child(int reads) {
  gh_thread thread;
  int item = 0, calls = 0;
  int64_t soon = gh_after_ms(20000);

  CHECK_EQ(gh_mutex_lock(mutex, soon), -EOWNERDEAD);
  CHECK_EQ(gh_mutex_recover(mutex), 0);
  CHECK_EQ(gh_mutex_unlock(mutex), 0);
  CHECK_EQ(gh_rwlock_read(rwlock, soon), -EOWNERDEAD);
  /* Its other reader is gone, and has left nothing half-done. */
  CHECK_EQ(gh_rwlock_unlock(shared), reads ? 0 : -EPERM);
  CHECK_EQ(gh_rwlock_write(shared, soon), 0);
  CHECK_EQ(gh_rwlock_unlock(shared), 0);
  /* Nobody who is gone gets what comes now. */
  CHECK_EQ(gh_sem_post(sem), 0);
  CHECK_EQ(gh_sem_wait(sem, soon), 0);
  CHECK_EQ(gh_spawn(&thread, NULL, send_seven, NULL), 0);
  CHECK_EQ(gh_channel_recv(channel, &item, soon), 0);
  CHECK_EQ(item, 7);
  CHECK_EQ(gh_join(thread, NULL, soon), 0);
  /* Two had come: in the child nobody has. */
  CHECK_EQ(gh_barrier_wait(barrier, gh_after_ms(1)), -ETIMEDOUT);
  CHECK_EQ(gh_once_run(once, at_once, &calls, soon), 0);
  CHECK_EQ(calls, 1);
  CHECK_EQ(gh_group_len(group), -EINVAL);
  _exit(0);
}

static void *forker(void *arg) {
  int status = -1;
  if (arg != NULL) CHECK_EQ(gh_rwlock_read(shared, GH_NEVER), 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) in_child(arg != NULL);
  CHECK_EQ(gh_waitpid(child, &status, 0, gh_after_ms(60000)), child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  if (arg != NULL) CHECK_EQ(gh_rwlock_unlock(shared), 0);
  return arg;
}

int main(void) {
  gh_thread threads[8], fork_thread;
  gh_entry entries[] = {holder, locker, reader, taker, receiver, meeter, meeter, runner};
  const int count = (int)(sizeof entries / sizeof *entries);
  int item = 7;
  CHECK_EQ(gh_mutex_new(&mutex, "mutex", 0), 0);
  CHECK_EQ(gh_rwlock_new(&rwlock, "rwlock"), 0);
  CHECK_EQ(gh_rwlock_new(&shared, "shared"), 0);
  CHECK_EQ(gh_sem_new(&sem, "sem", 0, 0), 0);
  CHECK_EQ(gh_channel_new(&channel, "channel", sizeof(int), 0), 0);
  CHECK_EQ(gh_barrier_new(&barrier, "barrier", 3), 0);
  CHECK_EQ(gh_once_new(&once, "once"), 0);
  CHECK_EQ(gh_event_new(&go, "go", 0), 0);
  CHECK_EQ(gh_group_new(&group, NULL), 0);
  for (int i = 0; i < count; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, entries[i], NULL), 0);
  CHECK_EQ(gh_yield(), 0);
  for (int round = 0; round < 3; round++) {
    CHECK_EQ(gh_spawn(&fork_thread, NULL, forker, round == 1 ? &item : NULL), 0);
    CHECK_EQ(gh_join(fork_thread, NULL, GH_NEVER), 0);
    forker(NULL);
  }
  CHECK_EQ(gh_event_set(go), 0);
  CHECK_EQ(gh_sem_post(sem), 0);
  CHECK_EQ(gh_channel_send(channel, &item, gh_after_ms(20000)), 0);
  CHECK(gh_barrier_wait(barrier, gh_after_ms(20000)) >= 0);
  for (int i = 0; i < count; i++) CHECK_EQ(gh_join(threads[i], NULL, gh_after_ms(20000)), 0);
  CHECK_EQ(gh_group_free(group, gh_after_ms(20000)), 0);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(20000)), 0);
  return 0;
}
