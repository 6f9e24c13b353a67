// flags: -Wno-nonnull -Wno-stringop-overflow
// emulated: no, qemu looks at arguments in an order of its own
/* poll, ppoll, select, pselect and the epoll_wait family of a patched program: each waits in the hub, and
 * gives what libc's gives, case by case: the same calls are made by a plain OS thread, and compared. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL

/* What the calls of one round have given, as numbers in a row. */
struct log {
  int count;
  long long values[400];
};

static void note(struct log *log, long long value) {
  CHECK(log->count < 400);
  log->values[log->count++] = value;
}

#define NOTE(log, call)                  \
  do {                                   \
    errno = 0;                           \
    long long noted = (call);            \
    note(log, noted);                    \
    note(log, noted < 0 ? errno : 0);    \
  } while (0)

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* A call that must take this long at least; whether it did is part of the log. */
#define LASTS(log, least, call)               \
  do {                                        \
    int64_t start_ = now();                   \
    NOTE(log, call);                          \
    note(log, now() - start_ >= (least)*MS);  \
  } while (0)

static void polls(struct log *log) {
  int pipes[2], pair[2], file = open("/proc/self/exe", O_RDONLY), out[2];
  CHECK(file >= 0 && pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  CHECK(pipe(out) == 0);
  struct timespec span = {0, 20 * MS}, zero = {0, 0};
  struct timespec wrong[] = {{0, 1000 * MS}, {0, -1}, {-1, 0}};
  sigset_t mask;
  sigemptyset(&mask);

  LASTS(log, 20, poll(NULL, 0, 20));
  NOTE(log, poll(NULL, 0, 0));
  NOTE(log, poll(NULL, 3, 0));
  NOTE(log, poll(NULL, 3, -1));
  LASTS(log, 20, ppoll(NULL, 0, &span, NULL));
  LASTS(log, 20, ppoll(NULL, 0, &span, &mask));
  note(log, span.tv_nsec);
  NOTE(log, ppoll(NULL, 0, &zero, NULL));
  for (int i = 0; i < 3; i++)
    NOTE(log, ppoll(NULL, 0, &wrong[i], NULL));

  struct pollfd one[4] = {{pipes[0], POLLIN, 77}, {-1, POLLIN, 77}, {-5, POLLOUT, 77}, {pair[0], POLLIN, 77}};
  LASTS(log, 20, poll(one, 4, 20));
  for (int i = 0; i < 4; i++)
    note(log, one[i].revents);
  /* Negative ones alone: a sleep. */
  LASTS(log, 20, poll(one + 1, 2, 20));

  struct pollfd mixed[5] = {{file, POLLIN | POLLOUT, 0}, {pair[0], POLLOUT, 0}, {pipes[1], POLLOUT, 0},
                            {999, POLLIN, 0}, {pipes[0], POLLIN, 0}};
  NOTE(log, poll(mixed, 5, -1));
  for (int i = 0; i < 5; i++)
    note(log, mixed[i].revents);
  NOTE(log, poll(mixed, 5, -2147483647 - 1));

  /* A regular file with no event that it has. */
  struct pollfd quiet = {file, POLLPRI, 0};
  LASTS(log, 20, poll(&quiet, 1, 20));
  struct pollfd none = {file, 0, 0};
  LASTS(log, 20, poll(&none, 1, 20));

  /* Out of band. */
  CHECK(write(pipes[1], "x", 1) == 1);
  struct pollfd ready[2] = {{pipes[0], POLLIN | POLLRDNORM | POLLPRI, 0}, {pipes[0], 0, 0}};
  NOTE(log, poll(ready, 2, 1000));
  note(log, ready[0].revents);
  note(log, ready[1].revents);
  close(pipes[1]);
  struct pollfd hung = {pipes[0], 0, 0};
  NOTE(log, poll(&hung, 1, -1));
  note(log, hung.revents);
  close(out[0]);
  struct pollfd broken = {out[1], POLLOUT, 0};
  NOTE(log, poll(&broken, 1, -1));
  note(log, broken.revents);

  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  static struct pollfd dummy[2];
  NOTE(log, poll(dummy, limit.rlim_cur + 1, 0));
  NOTE(log, poll(dummy, limit.rlim_cur + 1, -1));
  close(pipes[0]), close(pair[0]), close(pair[1]), close(file), close(out[1]);
}

static void note_set(struct log *log, fd_set *set) {
  long long bits = 0;
  for (int i = 0; i < 60; i++)
    if (FD_ISSET(i, set))
      bits |= 1LL << i;
  note(log, bits);
}

static void selects(struct log *log) {
  /* The same numbers in both rounds, so that the sets can be compared. */
  int pipes[2], pair[2], file, broken[2];
  CHECK(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(broken) == 0);
  CHECK(dup2(pipes[0], 40) == 40 && dup2(pipes[1], 41) == 41 && dup2(pair[0], 42) == 42);
  CHECK(dup2(pair[1], 43) == 43 && dup2(broken[1], 45) == 45);
  file = open("/proc/self/exe", O_RDONLY);
  CHECK(dup2(file, 44) == 44);
  close(pipes[0]), close(pipes[1]), close(pair[0]), close(pair[1]), close(file), close(broken[0]), close(broken[1]);

  fd_set r, w, e;
  struct timeval time = {0, 20000};
  struct timespec span = {0, 20 * MS}, wrong = {0, 1000 * MS};
  sigset_t mask;
  sigemptyset(&mask);

  LASTS(log, 20, select(0, NULL, NULL, NULL, &time));
  note(log, time.tv_sec), note(log, time.tv_usec);
  LASTS(log, 20, pselect(0, NULL, NULL, NULL, &span, NULL));
  LASTS(log, 20, pselect(0, NULL, NULL, NULL, &span, &mask));
  note(log, span.tv_nsec);
  NOTE(log, pselect(0, NULL, NULL, NULL, &wrong, NULL));
  NOTE(log, select(-1, NULL, NULL, NULL, NULL));
  NOTE(log, pselect(-1, NULL, NULL, NULL, NULL, NULL));
  time = (struct timeval){-1, 0};
  NOTE(log, select(0, NULL, NULL, NULL, &time));
  time = (struct timeval){0, -1};
  NOTE(log, select(0, NULL, NULL, NULL, &time));
  time = (struct timeval){0, 1020000};
  LASTS(log, 1020, select(0, NULL, NULL, NULL, &time));

  /* Nothing ready: the sets are cleared. */
  FD_ZERO(&r);
  FD_ZERO(&e);
  FD_SET(40, &r), FD_SET(42, &r), FD_SET(42, &e);
  time = (struct timeval){0, 20000};
  LASTS(log, 20, select(43, &r, NULL, &e, &time));
  note_set(log, &r), note_set(log, &e);

  /* Only what is below the count. */
  FD_ZERO(&r);
  FD_ZERO(&w);
  FD_SET(40, &r), FD_SET(44, &r), FD_SET(41, &w), FD_SET(42, &w);
  NOTE(log, select(42, &r, &w, NULL, NULL));
  note_set(log, &r), note_set(log, &w);

  /* What is left of the time. */
  FD_ZERO(&w);
  FD_SET(41, &w);
  time = (struct timeval){5, 0};
  NOTE(log, select(42, NULL, &w, NULL, &time));
  note(log, time.tv_sec == 4 && time.tv_usec > 500000);

  /* A closed descriptor: the sets stay. */
  FD_ZERO(&r);
  FD_SET(40, &r);
  FD_SET(50, &r);
  time = (struct timeval){5, 0};
  NOTE(log, select(51, &r, NULL, NULL, &time));
  note_set(log, &r);
  note(log, time.tv_sec == 4);

  /* A broken pipe can be written to, and is not readable nor exceptional. */
  FD_ZERO(&r);
  FD_ZERO(&w);
  FD_ZERO(&e);
  FD_SET(45, &w), FD_SET(45, &e);
  NOTE(log, select(46, NULL, &w, &e, NULL));
  note_set(log, &w), note_set(log, &e);
  /* poll would tell of the error; select with the exceptional set alone waits. */
  FD_ZERO(&e);
  FD_SET(45, &e);
  time = (struct timeval){0, 20000};
  LASTS(log, 20, select(46, NULL, NULL, &e, &time));

  CHECK(write(41, "x", 1) == 1);
  FD_ZERO(&r);
  FD_SET(40, &r);
  NOTE(log, pselect(41, &r, NULL, NULL, NULL, &mask));
  note_set(log, &r);
  for (int fd = 40; fd <= 45; fd++)
    close(fd);
}

static void epolls(struct log *log) {
  int epoll = epoll_create1(0), counter = eventfd(0, 0), pipes[2];
  CHECK(epoll >= 0 && counter >= 0 && pipe(pipes) == 0);
  struct epoll_event event = {EPOLLIN, {.u64 = 7}}, got[4];
  struct timespec span = {0, 20 * MS}, wrong = {0, 1000 * MS};
  sigset_t mask;
  sigemptyset(&mask);
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, counter, &event) == 0);
  LASTS(log, 20, epoll_wait(epoll, got, 4, 20));
  LASTS(log, 20, epoll_pwait(epoll, got, 4, 20, &mask));
  LASTS(log, 20, epoll_pwait2(epoll, got, 4, &span, &mask));
  LASTS(log, 20, epoll_pwait2(epoll, got, 4, &span, NULL));
  NOTE(log, epoll_pwait2(epoll, got, 4, &wrong, NULL));
  NOTE(log, epoll_wait(epoll, got, 0, -1));
  NOTE(log, epoll_wait(epoll, got, -1, -1));
  NOTE(log, epoll_wait(-1, got, 4, -1));
  NOTE(log, epoll_wait(999, got, 4, -1));
  NOTE(log, epoll_wait(counter, got, 4, -1));
  CHECK(eventfd_write(counter, 1) == 0);
  NOTE(log, epoll_wait(epoll, NULL, 4, -1));
  NOTE(log, epoll_wait(epoll, got, 4, -1));
  note(log, got[0].data.u64), note(log, got[0].events);
  NOTE(log, epoll_pwait(epoll, got, 4, -1, &mask));
  NOTE(log, epoll_pwait2(epoll, got, 4, NULL, NULL));
  /* Edge-triggered: once. */
  event.events = EPOLLIN | EPOLLET;
  CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, counter, &event) == 0);
  NOTE(log, epoll_wait(epoll, got, 4, 1000));
  LASTS(log, 20, epoll_wait(epoll, got, 4, 20));
  event.events = EPOLLIN | EPOLLONESHOT;
  CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, counter, &event) == 0);
  NOTE(log, epoll_wait(epoll, got, 4, 1000));
  CHECK(eventfd_write(counter, 1) == 0);
  LASTS(log, 20, epoll_wait(epoll, got, 4, 20));
  close(epoll), close(counter), close(pipes[0]), close(pipes[1]);
}

static void *compared(void *arg) {
  polls(arg);
  selects(arg);
  epolls(arg);
  return NULL;
}

static void compare(const struct log *plain, const struct log *green) {
  CHECK_EQ(green->count, plain->count);
  for (int i = 0; i < plain->count; i++) {
    if (green->values[i] != plain->values[i])
      fprintf(stderr, "value %d: libc %lld, hooked %lld\n", i, plain->values[i], green->values[i]);
    CHECK(green->values[i] == plain->values[i]);
  }
}

/* Many at once, each in its own way, on descriptors that nobody writes to for a while. */
#define THREADS 60
static int waiting, most, gate[2];

static void *one_of_many(void *arg) {
  long which = (long)arg;
  if (++waiting > most)
    most = waiting;
  struct pollfd entry = {gate[0], POLLIN, 0};
  struct epoll_event event = {EPOLLIN, {.u64 = 0}};
  struct timeval time = {30, 0};
  fd_set set;
  int epoll;
  errno = 77;
  switch (which % 4) {
  case 0:
    CHECK(poll(&entry, 1, -1) == 1 && entry.revents == POLLIN);
    break;
  case 1:
    FD_ZERO(&set);
    FD_SET(gate[0], &set);
    CHECK(select(gate[0] + 1, &set, NULL, NULL, &time) == 1 && FD_ISSET(gate[0], &set));
    CHECK(time.tv_sec < 30);
    break;
  case 2:
    CHECK(ppoll(&entry, 1, NULL, NULL) == 1);
    break;
  default:
    CHECK((epoll = epoll_create1(0)) >= 0);
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, gate[0], &event) == 0);
    CHECK(epoll_wait(epoll, &event, 1, -1) == 1);
    close(epoll);
  }
  CHECK(errno == 77);
  waiting--;
  return NULL;
}

static void many(void) {
  gh_thread threads[THREADS];
  CHECK(pipe(gate) == 0);
  for (long i = 0; i < THREADS; i++)
    CHECK(gh_spawn(&threads[i], NULL, one_of_many, (void *)i) == 0);
  /* The root waits too, in a hooked call. */
  CHECK(poll(NULL, 0, 20) == 0);
  CHECK_EQ(most, THREADS);
  CHECK(write(gate[1], "x", 1) == 1);
  for (int i = 0; i < THREADS; i++)
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
  close(gate[0]), close(gate[1]);
}

/* Several in one set: each event is one thread's. */
static int set_of_all, seen;

static void *collector(void *arg) {
  struct epoll_event event;
  (void)arg;
  CHECK(epoll_wait(set_of_all, &event, 1, -1) == 1);
  seen |= 1 << event.data.u32;
  return NULL;
}

static void shared_set(void) {
  gh_thread threads[4];
  int counters[4];
  CHECK((set_of_all = epoll_create1(0)) >= 0);
  for (int i = 0; i < 4; i++) {
    struct epoll_event event = {EPOLLIN | EPOLLET, {.u32 = (uint32_t)i}};
    CHECK((counters[i] = eventfd(0, EFD_NONBLOCK)) >= 0);
    CHECK(epoll_ctl(set_of_all, EPOLL_CTL_ADD, counters[i], &event) == 0);
    CHECK(gh_spawn(&threads[i], NULL, collector, NULL) == 0);
  }
  gh_sleep_ms(5);
  for (int i = 0; i < 4; i++) {
    CHECK(eventfd_write(counters[i], 1) == 0);
    gh_sleep_ms(2);
  }
  for (int i = 0; i < 4; i++) {
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
    close(counters[i]);
  }
  CHECK_EQ(seen, 15);
  close(set_of_all);
}

/* Cancelled: what is ready is still told. */
static void *canceled(void *arg) {
  struct pollfd entry = {gate[0], POLLIN, 0}, out = {gate[1], POLLOUT, 0};
  struct epoll_event event;
  struct timeval time = {30, 0};
  (void)arg;
  CHECK(poll(&entry, 1, -1) == -1 && errno == ECANCELED);
  CHECK(poll(&entry, 1, 0) == 0);
  CHECK(poll(&out, 1, -1) == 1);
  CHECK(select(0, NULL, NULL, NULL, &time) == -1 && errno == ECANCELED);
  CHECK(epoll_wait(gate[0], &event, 1, -1) == -1 && errno == EINVAL);
  return NULL;
}

/* Closed by another green thread. */
static void *sees_close(void *arg) {
  int fd = gate[0];
  fd_set set;
  if (arg) {
    FD_ZERO(&set);
    FD_SET(fd, &set);
    CHECK(select(fd + 1, &set, NULL, NULL, NULL) == -1 && errno == EBADF);
  } else {
    struct pollfd entries[2] = {{-1, POLLIN, 5}, {fd, POLLIN, 0}};
    CHECK(poll(entries, 2, -1) == 1 && entries[1].revents == POLLNVAL && entries[0].revents == 0);
  }
  return NULL;
}

static void ended_early(void) {
  gh_thread thread, other;
  CHECK(pipe(gate) == 0);
  CHECK(gh_spawn(&thread, NULL, canceled, NULL) == 0);
  gh_yield();
  CHECK(gh_cancel(thread) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  CHECK(gh_spawn(&thread, NULL, sees_close, NULL) == 0);
  CHECK(gh_spawn(&other, NULL, sees_close, &thread) == 0);
  gh_yield();
  CHECK(gh_close(gate[0]) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  CHECK(gh_join(other, NULL, GH_NEVER) == 0);
  close(gate[1]);
}

/* More descriptors than FD_SETSIZE, and a count far beyond every table. */
static void *large_sets(void *arg) {
  struct rlimit limit;
  static unsigned long bits[4096 / (8 * sizeof(long))];
  int pipes[2];
  (void)arg;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur < 3000) {
    limit.rlim_cur = limit.rlim_max < 3000 ? limit.rlim_max : 3000;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  CHECK(pipe(pipes) == 0);
  int small = pipes[0];
  fd_set set;
  FD_ZERO(&set);
  FD_SET(small, &set);
  struct timeval time = {0, 20000};
  CHECK(select(0x7fffffff, &set, NULL, NULL, &time) == 0);
  if (limit.rlim_cur < 3000)
    return NULL;
  CHECK(dup2(pipes[0], 2500) == 2500);
  bits[2500 / 64] |= 1UL << 2500 % 64;
  time = (struct timeval){0, 20000};
  CHECK(select(2501, (fd_set *)bits, NULL, NULL, &time) == 0 && bits[2500 / 64] == 0);
  CHECK(write(pipes[1], "x", 1) == 1);
  bits[2500 / 64] |= 1UL << 2500 % 64;
  CHECK(select(2501, (fd_set *)bits, NULL, NULL, NULL) == 1 && bits[2500 / 64] != 0);
  close(2500), close(pipes[0]), close(pipes[1]);
  return NULL;
}

static void *loops(void *arg) {
  while (!*(volatile int *)arg)
    CHECK(poll(NULL, 0, 0) == 0);
  return NULL;
}

static void *ends_loop(void *arg) {
  *(int *)arg = 1;
  return NULL;
}

int main(void) {
  static struct log plain, green, root;
  pthread_t os_thread;
  gh_thread thread, other;
  int over = 0;

  CHECK(gh_patch(GH_PATCH_WAIT) > 5);
  CHECK(pthread_create(&os_thread, NULL, compared, &plain) == 0);
  CHECK(pthread_join(os_thread, NULL) == 0);
  CHECK(gh_spawn(&thread, NULL, compared, &green) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  compared(&root);
  compare(&plain, &green);
  compare(&plain, &root);

  many();
  shared_set();
  ended_early();
  CHECK(gh_spawn(&thread, NULL, large_sets, NULL) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  /* Who polls in a loop lets the others run. */
  CHECK(gh_spawn(&thread, NULL, loops, &over) == 0);
  CHECK(gh_spawn(&other, NULL, ends_loop, &over) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  CHECK(gh_join(other, NULL, GH_NEVER) == 0);
  return 0;
}
