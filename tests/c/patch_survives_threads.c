// sanitizer: yes
// flags: -ldl
// timeout: 120
/* Hooks under threads that know nothing of each other: two green threads in one function of one library,
 * that library's own OS thread in the same function, a descriptor closed under a wait, objects loaded and
 * unloaded meanwhile, and OS threads with hubs that come and go. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000L

/* "The library": one function, one static buffer of its own for each caller. */
static ssize_t library_receive(int fd, char *to, size_t length) {
  ssize_t got;
  do
    got = recv(fd, to, length, 0);
  while (got < 0 && errno == EINTR);
  return got;
}

typedef struct talk {
  int fds[2];
  int rounds, inside, most;
  int error;
} talk;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void talk_open(talk *t, int rounds) {
  memset(t, 0, sizeof *t);
  t->rounds = rounds;
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, t->fds), 0);
}

static void talk_close(talk *t) {
  CHECK_EQ(close(t->fds[0]), 0);
  CHECK_EQ(close(t->fds[1]), 0);
}

static void *echo(void *arg) {
  talk *t = arg;
  char byte;
  while (library_receive(t->fds[1], &byte, 1) == 1) CHECK_EQ(send(t->fds[1], &byte, 1, MSG_NOSIGNAL), 1);
  return NULL;
}

static void *ask(void *arg) {
  talk *t = arg;
  for (int i = 0; i < t->rounds; i++) {
    char byte = (char)i, back = 0;
    CHECK_EQ(send(t->fds[0], &byte, 1, 0), 1);
    CHECK_EQ(library_receive(t->fds[0], &back, 1), 1);
    CHECK(back == byte);
  }
  CHECK_EQ(shutdown(t->fds[0], SHUT_WR), 0);
  return NULL;
}

/* Green threads in pairs, each pair through the same two functions, while an OS thread without a hub does so too. */
static void together(void) {
  enum { PAIRS = 20 };
  talk talks[PAIRS], plain;
  gh_thread threads[2 * PAIRS];
  pthread_t os_threads[2];
  talk_open(&plain, 2000);
  CHECK_EQ(pthread_create(&os_threads[0], NULL, echo, &plain), 0);
  CHECK_EQ(pthread_create(&os_threads[1], NULL, ask, &plain), 0);
  for (int i = 0; i < PAIRS; i++) {
    talk_open(&talks[i], 200);
    CHECK_EQ(gh_spawn(&threads[2 * i], NULL, echo, &talks[i]), 0);
    CHECK_EQ(gh_spawn(&threads[2 * i + 1], NULL, ask, &talks[i]), 0);
  }
  for (int i = 0; i < 2 * PAIRS; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK_EQ(pthread_join(os_threads[1], NULL), 0);
  CHECK_EQ(pthread_join(os_threads[0], NULL), 0);
  for (int i = 0; i < PAIRS; i++) talk_close(&talks[i]);
  talk_close(&plain);
}

static void *wait_for_close(void *arg) {
  talk *t = arg;
  char byte;
  t->inside = 1;
  ssize_t got = recv(t->fds[0], &byte, 1, 0);
  t->error = got < 0 ? errno : 0;
  return NULL;
}

static void *poll_for_close(void *arg) {
  talk *t = arg;
  struct pollfd one = {t->fds[0], POLLIN, 0};
  t->inside = 1;
  int got = poll(&one, 1, 20000);
  t->error = got == 1 && one.revents & POLLNVAL ? EBADF : got;
  return NULL;
}

static void *close_it(void *arg) {
  talk *t = arg;
  CHECK_EQ(close(t->fds[0]), 0);
  return NULL;
}

static void *close_it_with_hub(void *arg) {
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, close_it, arg), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  return NULL;
}

/* Whoever closes: the waiter is told, and nobody waits for ever. */
static void close_under_wait(void *(*waiter)(void *), void *(*closer)(void *), int elsewhere) {
  talk t;
  gh_thread thread, other;
  pthread_t os_thread;
  talk_open(&t, 0);
  CHECK_EQ(gh_spawn(&thread, NULL, waiter, &t), 0);
  while (!t.inside) CHECK_EQ(gh_yield(), 0);
  CHECK_EQ(gh_sleep_ms(5), 0);
  if (elsewhere) {
    CHECK_EQ(pthread_create(&os_thread, NULL, closer, &t), 0);
  } else {
    CHECK_EQ(gh_spawn(&other, NULL, closer, &t), 0);
    CHECK_EQ(gh_join(other, NULL, GH_NEVER), 0);
  }
  CHECK_EQ(gh_join(thread, NULL, gh_after_ms(10000)), 0);
  CHECK_EQ(t.error, EBADF);
  if (elsewhere) CHECK_EQ(pthread_join(os_thread, NULL), 0);
  CHECK_EQ(close(t.fds[1]), 0);
}

/* An object that is not among the process's own, and is unloaded again. */
static void *load_and_unload(void *arg) {
  static const char *const OBJECTS[] = {"libz.so.1", "libcrypt.so.1", "libresolv.so.2", "libnsl.so.2"};
  int *stop = arg, loaded = 0;
  for (int i = 0; !__atomic_load_n(stop, __ATOMIC_ACQUIRE); i++) {
    void *object = dlopen(OBJECTS[i % 4], RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) continue;
    loaded++;
    CHECK_EQ(dlclose(object), 0);
  }
  return (void *)(long)loaded;
}

static void *patch_and_unpatch(void *arg) {
  int *stop = arg;
  while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
    CHECK(gh_unpatch() >= 0);
    CHECK(gh_patch(GH_PATCH_ALL) >= 0);
    CHECK(gh_patch_info(NULL, NULL) >= 0);
  }
  return NULL;
}

static void *green_loader(void *arg) {
  (void)arg;
  for (int i = 0; i < 50; i++) {
    void *object = dlopen("libcrypt.so.1", RTLD_NOW | RTLD_LOCAL);
    if (object != NULL) CHECK_EQ(dlclose(object), 0);
    CHECK_EQ(gh_yield(), 0);
  }
  return NULL;
}

static void *stop_later(void *arg) {
  CHECK_EQ(gh_sleep_ms(1500), 0);
  __atomic_store_n((int *)arg, 1, __ATOMIC_RELEASE);
  return NULL;
}

/* Objects come and go on two OS threads, and hooks are used all the while. */
static void loading(void) {
  int stop = 0;
  pthread_t os_thread;
  gh_thread threads[2];
  CHECK_EQ(pthread_create(&os_thread, NULL, load_and_unload, &stop), 0);
  CHECK_EQ(gh_spawn(&threads[0], NULL, stop_later, &stop), 0);
  while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) together();
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);
  CHECK_EQ(pthread_join(os_thread, NULL), 0);
  stop = 0;
  CHECK_EQ(pthread_create(&os_thread, NULL, load_and_unload, &stop), 0);
  pthread_t patcher;
  CHECK_EQ(pthread_create(&patcher, NULL, patch_and_unpatch, &stop), 0);
  CHECK_EQ(gh_spawn(&threads[1], NULL, green_loader, NULL), 0);
  for (int64_t end = now() + 500 * MS; now() < end;) CHECK_EQ(gh_yield(), 0);
  CHECK_EQ(gh_join(threads[1], NULL, GH_NEVER), 0);
  __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
  CHECK_EQ(pthread_join(patcher, NULL), 0);
  CHECK_EQ(pthread_join(os_thread, NULL), 0);
  CHECK(gh_patch(GH_PATCH_ALL) >= 0);
}

static void *whole_life(void *arg) {
  talk t;
  gh_thread threads[2];
  (void)arg;
  talk_open(&t, 20);
  CHECK_EQ(gh_spawn(&threads[0], NULL, echo, &t), 0);
  CHECK_EQ(gh_spawn(&threads[1], NULL, ask, &t), 0);
  CHECK_EQ(gh_join(threads[0], NULL, GH_NEVER), 0);
  CHECK_EQ(gh_join(threads[1], NULL, GH_NEVER), 0);
  talk_close(&t);
  /* Still a hub's OS thread: what its destructors call is hooked, too. */
  return NULL;
}

static void hubs_come_and_go(void) {
  for (int i = 0; i < 50; i++) {
    pthread_t os_threads[3];
    for (int j = 0; j < 3; j++) CHECK_EQ(pthread_create(&os_threads[j], NULL, whole_life, NULL), 0);
    for (int j = 0; j < 3; j++) CHECK_EQ(pthread_join(os_threads[j], NULL), 0);
  }
}

int main(void) {
  CHECK(gh_patch(GH_PATCH_ALL) >= 0);
  together();
  close_under_wait(wait_for_close, close_it, 0);
  close_under_wait(wait_for_close, close_it, 1);
  close_under_wait(wait_for_close, close_it_with_hub, 1);
  close_under_wait(poll_for_close, close_it, 0);
  close_under_wait(poll_for_close, close_it, 1);
  hubs_come_and_go();
  loading();
  CHECK(gh_unpatch() > 0);
  CHECK_EQ(gh_patch_info(NULL, NULL), 0);
  return 0;
}
