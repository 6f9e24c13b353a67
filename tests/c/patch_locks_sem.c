// timeout: 120
/* libc's semaphores, patched: green threads that wait for them let others run, are woken by posts from
 * everywhere, in order, and lose none to deadlines and cancellations. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS INT64_C(1000000)
#define MANY 10000

int sem_clockwait(sem_t *, clockid_t, const struct timespec *);

static sem_t sem, other, all[MANY];
static int order[MANY], woken;

static struct timespec in(clockid_t clock, int64_t ns) {
  struct timespec time;
  clock_gettime(clock, &time);
  ns += time.tv_nsec + time.tv_sec * 1000 * MS;
  time.tv_sec = ns / (1000 * MS);
  time.tv_nsec = ns % (1000 * MS);
  return time;
}

static void *wait_one(void *arg) {
  errno = 77;
  CHECK_EQ(sem_wait(&sem), 0);
  CHECK_EQ(errno, 77);
  order[woken++] = (int)(long)arg;
  return NULL;
}

static void *wait_own(void *arg) {
  CHECK_EQ(sem_wait(&all[(long)arg]), 0);
  woken++;
  return NULL;
}

static void *post_many(void *arg) {
  for (int i = 0; i < MANY; i++) CHECK_EQ(sem_post(arg), 0);
  return NULL;
}

static void *post_each(void *arg) {
  (void)arg;
  for (int i = 0; i < MANY; i++) CHECK_EQ(sem_post(&all[i]), 0);
  return NULL;
}

static gh_thread threads[MANY];

static void spawn_many(void *(*entry)(void *)) {
  woken = 0;
  for (long i = 0; i < MANY; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, entry, (void *)i), 0);
  gh_yield();
  CHECK_EQ(woken, 0);
}

static void join_many(void) {
  for (int i = 0; i < MANY; i++) CHECK_EQ(gh_join(threads[i], NULL, gh_after_ms(60000)), 0);
  CHECK_EQ(woken, MANY);
}

static void many(void) {
  pthread_t thread;
  int late = 0;
  /* From this thread: in order. */
  spawn_many(wait_one);
  post_many(&sem);
  join_many();
  for (int i = 1; i < MANY; i++) late += order[i] < order[i - 1];
  CHECK_EQ(late, 0);
  /* From another one, and more posts than a hub's mail holds. */
  spawn_many(wait_one);
  CHECK_EQ(pthread_create(&thread, NULL, post_many, &sem), 0);
  join_many();
  CHECK_EQ(pthread_join(thread, NULL), 0);
  spawn_many(wait_own);
  gh_sleep_ms(150); /* they have become patient */
  CHECK_EQ(pthread_create(&thread, NULL, post_each, NULL), 0);
  join_many();
  CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* As code that no hook sees: the word of glibc's sem_t that holds the value. */
static void post_raw(sem_t *what) {
  CHECK_EQ(gh_patch_pause(), 0);
  __atomic_fetch_add((uint64_t *)(void *)what, 1, __ATOMIC_SEQ_CST);
  CHECK_EQ(gh_patch_resume(), 0);
}

static void unhooked(void) {
  int64_t start = gh_now();
  gh_thread thread;
  woken = 0;
  CHECK_EQ(gh_spawn(&thread, NULL, wait_one, NULL), 0);
  gh_yield();
  post_raw(&sem);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  spawn_many(wait_own);
  gh_sleep_ms(200);
  for (int i = 0; i < MANY; i++) post_raw(&all[i]);
  join_many();
  CHECK(gh_now() - start < 30000 * MS);

  /* Another process on a shared semaphore. */
  sem_t *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED);
  CHECK_EQ(sem_init(shared, 1, 0), 0);
  for (int round = 0; round < 3; round++) {
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      struct timespec span = {0, 20 * MS * round};
      syscall(SYS_nanosleep, &span, NULL);
      sem_post(shared);
      _exit(0);
    }
    CHECK_EQ(sem_wait(shared), 0);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
  }
}

/* Each call once hooked and once libc's own, on the same state. */
static void compare(int (*call)(void)) {
  int results[2], numbers[2], values[2];
  for (int round = 0; round < 2; round++) {
    if (round) CHECK_EQ(gh_patch_pause(), 0);
    errno = 77;
    results[round] = call();
    numbers[round] = errno;
    sem_getvalue(&other, &values[round]);
    if (round) CHECK_EQ(gh_patch_resume(), 0);
  }
  CHECK_EQ(results[0], results[1]);
  CHECK_EQ(numbers[0], numbers[1]);
  CHECK_EQ(values[0], values[1]);
}

static struct timespec when;
static clockid_t which;
static int timed(void) { return sem_timedwait(&other, &when); }
static int clocked(void) { return sem_clockwait(&other, which, &when); }
static int timed_with_one(void) {
  sem_post(&other);
  int result = sem_timedwait(&other, &when), number = errno;
  sem_trywait(&other);
  errno = number;
  return result;
}
static int overflow(void) {
  sem_t full;
  sem_init(&full, 0, 0x7fffffff);
  return sem_post(&full);
}

static void same(void) {
  static const struct timespec times[] = {{0, 0},  {-1, 0},         {5, -1},       {0, 1000 * MS},
                                          {1, 99}, {-1, 1000 * MS}, {1, 999999999}};
  static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, 99, -1,
                                     CLOCK_PROCESS_CPUTIME_ID};
  for (unsigned t = 0; t < sizeof times / sizeof *times; t++) {
    when = times[t];
    compare(timed);
    compare(timed_with_one);
    for (unsigned c = 0; c < sizeof clocks / sizeof *clocks; c++) {
      which = clocks[c];
      compare(clocked);
    }
  }
  when = in(CLOCK_REALTIME, 20 * MS);
  compare(timed);
  compare(overflow);
}

static void *timed_out(void *arg) {
  int way = (int)(long)arg;
  int64_t start = gh_now();
  struct timespec until = in(way ? CLOCK_MONOTONIC : CLOCK_REALTIME, 150 * MS);
  CHECK_EQ(way ? sem_clockwait(&other, CLOCK_MONOTONIC, &until) : sem_timedwait(&other, &until), -1);
  CHECK_EQ(errno, ETIMEDOUT);
  CHECK(gh_now() - start >= 149 * MS);
  return NULL;
}

static void *canceled(void *arg) {
  (void)arg;
  CHECK_EQ(sem_wait(&other), -1);
  CHECK_EQ(errno, ECANCELED);
  CHECK_EQ(sem_post(&other), 0);
  CHECK_EQ(sem_wait(&other), 0); /* what need not wait succeeds */
  return NULL;
}

/* Cancelled when it has woken to look for a post of which nobody told, but has not run yet: some turns after its
 * time the hub finds that it is over, and has the root go on first. */
static void canceled_on_its_way(int turns) {
  CHECK_EQ(gh_spawn(&threads[0], NULL, canceled, NULL), 0);
  gh_yield();
  int64_t start = gh_now();
  while (gh_now() - start < 3 * MS) continue;
  for (int i = 0; i < turns; i++) gh_yield();
  CHECK_EQ(gh_cancel(threads[0]), 0);
  CHECK_EQ(gh_join(threads[0], NULL, gh_after_ms(20000)), 0);
  CHECK_EQ(sem_trywait(&other), -1);
}

static void ends(void) {
  int64_t start = gh_now();
  for (long i = 0; i < 100; i++)
    CHECK_EQ(gh_spawn(&threads[i], NULL, timed_out, (void *)(i % 2)), 0);
  for (int i = 0; i < 100; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK(gh_now() - start < 10000 * MS);
  CHECK_EQ(gh_spawn(&threads[0], NULL, canceled, NULL), 0);
  gh_yield();
  CHECK_EQ(gh_cancel(threads[0]), 0);
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);
  CHECK_EQ(sem_trywait(&other), -1);
  for (int turns = 0; turns < 130; turns++) canceled_on_its_way(turns);
}

/* Waiters with short deadlines and cancellations against posts from OS threads: each post is taken once. */
static int taken, posts_left;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *impatient(void *arg) {
  for (int i = 0; i < 50; i++) {
    struct timespec until = in(CLOCK_REALTIME, ((long)arg * 7919 + i * 104729) % 3000000);
    if (sem_timedwait(&sem, &until) == 0) taken++;
    else CHECK(errno == ETIMEDOUT || errno == ECANCELED);
  }
  return NULL;
}

static void *posts(void *arg) {
  (void)arg;
  for (int i = 0; i < 2000; i++) {
    CHECK_EQ(sem_post(&sem), 0);
    pthread_mutex_lock(&mutex);
    posts_left++;
    pthread_mutex_unlock(&mutex);
    if (i % 50 == 0) usleep(500);
  }
  return NULL;
}

static void none_lost(void) {
  pthread_t plain[3];
  int value;
  for (int i = 0; i < 3; i++) CHECK_EQ(pthread_create(&plain[i], NULL, posts, NULL), 0);
  for (long i = 0; i < 200; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, impatient, (void *)i), 0);
  gh_sleep_ms(2);
  for (int i = 0; i < 200; i += 5) gh_cancel(threads[i]);
  for (int i = 0; i < 200; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  for (int i = 0; i < 3; i++) CHECK_EQ(pthread_join(plain[i], NULL), 0);
  CHECK_EQ(sem_getvalue(&sem, &value), 0);
  CHECK_EQ(taken + value, posts_left);
  while (sem_trywait(&sem) == 0) {
  }
}

/* Posts from a signal handler that interrupts whatever runs: waiters as they enter and leave. */
static volatile sig_atomic_t handled;
static void post_here(int number) {
  (void)number;
  handled++;
  sem_post(&sem);
}

static volatile int storm_over, storm_left;
static void *waits_in_storm(void *arg) {
  while (!storm_over) {
    CHECK_EQ(sem_wait(&sem), 0);
    ++*(int *)arg;
  }
  storm_left++;
  return NULL;
}

static void handlers(void) {
  struct sigaction action;
  struct itimerspec each = {{0, 50000}, {0, 50000}}, never;
  struct sigevent event;
  timer_t timer;
  int count = 0, value;
  memset(&action, 0, sizeof action);
  memset(&event, 0, sizeof event);
  memset(&never, 0, sizeof never);
  action.sa_handler = post_here;
  action.sa_flags = SA_RESTART;
  CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
  for (int i = 0; i < 20; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, waits_in_storm, &count), 0);
  CHECK_EQ(timer_settime(timer, 0, &each, NULL), 0);
  int64_t until = gh_after_ms(500);
  while (gh_now() < until) gh_yield();
  CHECK_EQ(timer_settime(timer, 0, &never, NULL), 0);
  CHECK_EQ(timer_delete(timer), 0);
  storm_over = 1;
  int extra = handled;
  /* On a slow machine there may be more posts than threads that take one more each. */
  while (count < extra && storm_left < 20) CHECK_EQ(gh_sleep_ms(1), 0);
  CHECK_EQ(sem_getvalue(&sem, &value), 0);
  CHECK_EQ(count + value, handled);
  for (int i = 0; i < 20; i++) CHECK_EQ(sem_post(&sem), 0);
  for (int i = 0; i < 20; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK_EQ(sem_getvalue(&sem, &value), 0);
  CHECK_EQ(count + value, handled + 20);
  while (sem_trywait(&sem) == 0) {
  }
}

/* Hubs of two OS threads hand a token to and fro. */
static sem_t ping, pong;

static void *answer(void *arg) {
  for (int i = 0; i < 2000; i++) {
    CHECK_EQ(sem_wait(&ping), 0);
    CHECK_EQ(sem_post(&pong), 0);
  }
  return arg;
}

static void *answers(void *arg) {
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, answer, arg), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  return NULL;
}

static void *ask(void *arg) {
  for (int i = 0; i < 2000; i++) {
    CHECK_EQ(sem_post(&ping), 0);
    CHECK_EQ(sem_wait(&pong), 0);
  }
  return arg;
}

static void between_hubs(void) {
  pthread_t plain;
  int64_t start = gh_now();
  CHECK_EQ(pthread_create(&plain, NULL, answers, NULL), 0);
  CHECK_EQ(gh_spawn(&threads[0], NULL, ask, NULL), 0);
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);
  CHECK_EQ(pthread_join(plain, NULL), 0);
  CHECK(gh_now() - start < 20000 * MS);
}

/* A child has none of the waiters, and its own wait works. */
static void forks(void) {
  int status;
  for (long i = 0; i < 10; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, wait_one, (void *)i), 0);
  woken = 0;
  gh_sleep_ms(100);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    gh_thread mine;
    alarm(20);
    CHECK_EQ(sem_post(&sem), 0);
    CHECK_EQ(sem_wait(&sem), 0);
    CHECK_EQ(gh_spawn(&mine, NULL, wait_one, NULL), 0);
    gh_sleep_ms(100);
    CHECK_EQ(woken, 0);
    CHECK_EQ(sem_post(&sem), 0);
    CHECK_EQ(gh_join(mine, NULL, GH_NEVER), 0);
    _exit(0);
  }
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  CHECK_EQ(status, 0);
  for (int i = 0; i < 10; i++) CHECK_EQ(sem_post(&sem), 0);
  for (int i = 0; i < 10; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
}

int main(void) {
  CHECK_EQ(sem_init(&sem, 0, 0), 0);
  CHECK_EQ(sem_init(&other, 0, 0), 0);
  CHECK_EQ(sem_init(&ping, 0, 0), 0);
  CHECK_EQ(sem_init(&pong, 0, 0), 0);
  for (int i = 0; i < MANY; i++) CHECK_EQ(sem_init(&all[i], 0, 0), 0);
  alarm(100);
  CHECK(gh_patch(GH_PATCH_LOCKS) > 0);
  many();
  unhooked();
  same();
  ends();
  none_lost();
  handlers();
  between_hubs();
  forks();
  CHECK(gh_unpatch() > 0);
  return 0;
}
