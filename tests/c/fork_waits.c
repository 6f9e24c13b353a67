// Callbacks that fork while the root waits for a lock or its like, for the pool or for another hub: in the
// child the wait goes on, or says that nobody is left who could end it.
// flags: -std=gnu11
// sanitizer: yes
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static pid_t parent, child = -1;
static gh_sem *sem;
static gh_event *event;
static gh_mutex *mutex;
static gh_rwlock *rwlock;
static gh_cond *cond;
static gh_barrier *barrier;
static gh_channel *channel;
static gh_callback afterwards;

static int is_child(void) { return getpid() != parent; }

static void fork_now(void *arg) {
  (void)arg;
  child = fork();
  CHECK(child >= 0);
  if (child == 0) alarm(60);
  if (afterwards != NULL) CHECK_EQ(gh_timer_start(NULL, gh_after_ms(5), 0, afterwards, NULL), 0);
}

/* Forks in a moment. A little later `callback`, if any, is called in both processes. */
static void fork_soon(gh_callback callback) {
  afterwards = callback;
  CHECK_EQ(gh_timer_start(NULL, gh_after_ms(5), 0, fork_now, NULL), 0);
}

/* In the child: ends it. In the parent: collects it. */
static void end(void) {
  if (is_child()) _exit(0);
  int status = -1;
  CHECK_EQ(gh_waitpid(child, &status, 0, gh_after_ms(60000)), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

static int64_t limit(void) { return gh_after_ms(30000); }

static void post_sem(void *arg) {
  (void)arg;
  CHECK_EQ(gh_sem_post(sem), 0);
}

static void *post_from_thread(void *arg) {
  post_sem(arg);
  return arg;
}

static void post_from_elsewhere(void *arg) {
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, post_from_thread, arg), 0);
  CHECK_EQ(pthread_detach(thread), 0);
}

static void set_event(void *arg) {
  (void)arg;
  CHECK_EQ(gh_event_set(event), 0);
}

static void signal_cond(void *arg) {
  (void)arg;
  CHECK_EQ(gh_cond_signal(cond), 0);
}

static void *meet(void *arg) {
  CHECK_EQ(gh_barrier_wait(barrier, limit()), 1);
  return arg;
}

static void spawn_meeter(void *arg) {
  (void)arg;
  CHECK_EQ(gh_spawn(NULL, NULL, meet, NULL), 0);
}

static void close_channel(void *arg) {
  (void)arg;
  CHECK_EQ(gh_channel_close(channel), 0);
}

static void *send_seven(void *arg) {
  int item = 7;
  CHECK_EQ(gh_channel_send(channel, &item, limit()), 0);
  return arg;
}

static void spawn_sender(void *arg) {
  (void)arg;
  CHECK_EQ(gh_spawn(NULL, NULL, send_seven, NULL), 0);
}

static void waits_that_go_on(void) {
  int64_t until;

  fork_soon(post_sem);
  CHECK_EQ(gh_sem_wait(sem, limit()), 0);
  CHECK_EQ(gh_sem_value(sem), 0);
  end();

  fork_soon(post_from_elsewhere);
  CHECK_EQ(gh_sem_wait(sem, limit()), 0);
  end();

  /* Nobody posts: the deadline holds, and the wait has left. */
  until = gh_after_ms(50);
  fork_soon(NULL);
  CHECK_EQ(gh_sem_wait(sem, until), -ETIMEDOUT);
  CHECK(gh_now() >= until);
  CHECK_EQ(gh_sem_post(sem), 0);
  CHECK_EQ(gh_sem_value(sem), 1);
  CHECK_EQ(gh_sem_wait(sem, 0), 0);
  end();

  fork_soon(set_event);
  CHECK_EQ(gh_event_wait(event, limit()), 0);
  end();

  CHECK_EQ(gh_mutex_lock(mutex, 0), 0);
  fork_soon(signal_cond);
  CHECK_EQ(gh_cond_wait(cond, mutex, limit()), 0);
  CHECK_EQ(gh_mutex_unlock(mutex), 0);
  end();

  fork_soon(spawn_meeter);
  CHECK_EQ(gh_barrier_wait(barrier, limit()), 0);
  end();
}

static void waits_for_items(void) {
  int item = 0;
  gh_select_case cases[2];

  fork_soon(spawn_sender);
  CHECK_EQ(gh_channel_recv(channel, &item, limit()), 0);
  CHECK_EQ(item, 7);
  end();

  memset(cases, 0, sizeof cases);
  cases[1] = (gh_select_case){.channel = channel, .item = &item, .op = GH_SELECT_RECV};
  item = 0;
  fork_soon(spawn_sender);
  CHECK_EQ(gh_select(cases, 2, limit()), 1);
  CHECK_EQ(item, 7);
  end();

  fork_soon(close_channel);
  CHECK_EQ(gh_channel_send(channel, &item, limit()), -EPIPE);
  end();
}

static void *hold(void *arg) {
  CHECK_EQ(gh_mutex_lock(mutex, GH_NEVER), 0);
  CHECK_EQ(gh_rwlock_read(rwlock, GH_NEVER), 0);
  CHECK_EQ(gh_event_wait(event, GH_NEVER), 0);
  CHECK_EQ(gh_rwlock_unlock(rwlock), 0);
  CHECK_EQ(gh_mutex_unlock(mutex), 0);
  return arg;
}

/* Their holder is gone in the child: a mutex is broken by that, and what was read is not. */
static void waits_for_locks(void) {
  gh_thread holder;
  int result;
  CHECK_EQ(gh_spawn(&holder, NULL, hold, NULL), 0);
  CHECK_EQ(gh_yield(), 0);
  fork_soon(set_event);
  result = gh_mutex_lock(mutex, limit());
  CHECK_EQ(result, is_child() ? -EOWNERDEAD : 0);
  end();
  CHECK_EQ(gh_mutex_unlock(mutex), 0);
  CHECK_EQ(gh_join(holder, NULL, limit()), 0);

  CHECK_EQ(gh_spawn(&holder, NULL, hold, NULL), 0);
  CHECK_EQ(gh_yield(), 0);
  fork_soon(set_event);
  CHECK_EQ(gh_rwlock_write(rwlock, limit()), 0);
  CHECK_EQ(gh_rwlock_unlock(rwlock), 0);
  end();
  CHECK_EQ(gh_join(holder, NULL, limit()), 0);
}

static int ends[2];

static void *read_a_byte(void *arg) {
  char byte;
  CHECK_EQ(read(ends[0], &byte, 1), 1);
  return arg;
}

static int given_back;

static void give_back(void *arg, void *result) {
  (void)arg;
  (void)result;
  given_back++;
}

/* The parent's call is ended by the child's byte. */
static void write_and_end(void) {
  if (is_child()) CHECK_EQ(write(ends[1], "x", 1), 1);
  end();
}

static void *sleep_for_ever(void *arg) {
  gh_sleep_until(GH_NEVER);
  return arg;
}

static void *ignore(void *arg) {
  gh_cancel_mask(1);
  CHECK_EQ(gh_event_wait(event, GH_NEVER), 0);
  return arg;
}

static void waits_for_other_os_threads(void) {
  gh_offload_call call;
  gh_group *group;
  gh_group_options options;
  gh_thread thread;
  void *result = NULL;
  int code;

  CHECK_EQ(pipe(ends), 0);
  fork_soon(NULL);
  code = gh_offload(read_a_byte, ends, &result, GH_NEVER);
  CHECK_EQ(code, is_child() ? -ESRCH : 0);
  CHECK(result == (is_child() ? NULL : ends));
  write_and_end();

  memset(&call, 0, sizeof call);
  call.size = sizeof call;
  call.fn = read_a_byte;
  call.arg = ends;
  call.release = give_back;
  fork_soon(NULL);
  code = gh_offload_with(&call, &result, GH_NEVER);
  CHECK_EQ(code, is_child() ? -ESRCH : 0);
  CHECK_EQ(given_back, 0);
  write_and_end();

  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.hubs = 1;
  CHECK_EQ(gh_group_new(&group, &options), 0);
  CHECK_EQ(gh_group_spawn(group, &thread, NULL, sleep_for_ever, NULL, limit()), 0);
  fork_soon(NULL);
  code = gh_join(thread, NULL, gh_after_ms(1000));
  CHECK_EQ(code, is_child() ? -ESRCH : -ETIMEDOUT);
  end();

  /* One that does not heed its end, so that the group stays until it is let go. */
  CHECK_EQ(gh_group_spawn(group, &thread, NULL, ignore, NULL, limit()), 0);
  fork_soon(set_event);
  code = gh_group_free(group, limit());
  CHECK_EQ(code, is_child() ? -EIDRM : 0);
  end();
}

int main(void) {
  parent = getpid();
  CHECK_EQ(gh_sem_new(&sem, NULL, 0, 0), 0);
  CHECK_EQ(gh_event_new(&event, NULL, GH_EVENT_AUTO), 0);
  CHECK_EQ(gh_mutex_new(&mutex, NULL, 0), 0);
  CHECK_EQ(gh_rwlock_new(&rwlock, NULL), 0);
  CHECK_EQ(gh_cond_new(&cond, NULL), 0);
  CHECK_EQ(gh_barrier_new(&barrier, NULL, 2), 0);
  CHECK_EQ(gh_channel_new(&channel, NULL, sizeof(int), 0), 0);
  waits_that_go_on();
  waits_for_items();
  waits_for_locks();
  waits_for_other_os_threads();
  CHECK_EQ(gh_hub_free(gh_hub_current(), limit()), 0);
  return 0;
}
