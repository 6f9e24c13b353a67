// flags: -std=gnu11
// args: 8 200
// sanitizer: yes
/* A hub on each of several OS threads, made and freed many times, with green threads that talk
 * through sockets and hubs that post to each other. Arguments: OS threads, green threads each. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MAX_THREADS 64
#define ROUNDS 5

static int os_threads, green_threads;
static _Atomic(gh_hub *) hubs[MAX_THREADS];
static atomic_long received;
static pthread_barrier_t barrier;

struct pair {
  int fds[2];
};

static void *writer(void *arg) {
  struct pair *pair = arg;
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(gh_write(pair->fds[1], "x", 1, GH_NEVER), 1);
    CHECK_EQ(gh_yield(), 0);
  }
  CHECK_EQ(gh_close(pair->fds[1]), 0);
  return NULL;
}

static void *reader(void *arg) {
  struct pair *pair = arg;
  char byte;
  long count = 0;
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, writer, pair), 0);
  while (gh_read(pair->fds[0], &byte, 1, GH_NEVER) == 1) count++;
  CHECK_EQ(count, 3);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_close(pair->fds[0]), 0);
  return NULL;
}

static void receive(void *arg) {
  (void)arg;
  atomic_fetch_add(&received, 1);
}

static void round_of_one_hub(int self) {
  gh_hub *hub = gh_hub_current();
  CHECK(hub != NULL);
  atomic_store(&hubs[self], hub);
  pthread_barrier_wait(&barrier);
  for (int other = 0; other < os_threads; other++) {
    CHECK_EQ(gh_post(atomic_load(&hubs[other]), receive, NULL), 0);
  }
  struct pair pairs[4];
  for (int done = 0; done < green_threads; done += 4) {
    gh_thread threads[4];
    for (int i = 0; i < 4; i++) {
      CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i].fds), 0);
      CHECK_EQ(gh_spawn(&threads[i], NULL, reader, &pairs[i]), 0);
    }
    for (int i = 0; i < 4; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  }
  pthread_barrier_wait(&barrier);
  /* All have posted: what came is run before the hub goes. */
  gh_hub_run_once(hub, 0);
  pthread_barrier_wait(&barrier);
  CHECK_EQ(gh_hub_free(hub, gh_after_ms(30000)), 0);
}

static void *os_thread(void *arg) {
  for (int round = 0; round < ROUNDS; round++) round_of_one_hub((int)(intptr_t)arg);
  return NULL;
}

int main(int argc, char **argv) {
  CHECK_EQ(argc, 3);
  os_threads = atoi(argv[1]);
  green_threads = atoi(argv[2]);
  CHECK(os_threads > 0 && os_threads <= MAX_THREADS);
  CHECK_EQ(pthread_barrier_init(&barrier, NULL, (unsigned)os_threads), 0);
  pthread_t threads[MAX_THREADS];
  for (int i = 0; i < os_threads; i++) {
    CHECK_EQ(pthread_create(&threads[i], NULL, os_thread, (void *)(intptr_t)i), 0);
  }
  for (int i = 0; i < os_threads; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
  CHECK_EQ(atomic_load(&received), (long)os_threads * os_threads * ROUNDS);
  pthread_barrier_destroy(&barrier);
  return 0;
}
