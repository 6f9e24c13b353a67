// Forks while hubs of other OS threads are at work, or being made and freed: in the child those are
// gone, nothing that they held is missing, and the child makes OS threads with hubs of its own.
// flags: -std=gnu11
// timeout: 120
// emulated: no, qemu does not carry its own threads over a fork
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define FORKS 40
#define TURNERS 2

static atomic_int stop;
static _Atomic(gh_hub *) busy_hub;
static atomic_long echoes, hubs_made, arrived;

static void *answer(void *arg) {
  int fd = *(int *)arg;
  char byte;
  while (gh_recv(fd, &byte, 1, 0, GH_NEVER) == 1) CHECK_EQ(gh_send(fd, &byte, 1, 0, GH_NEVER), 1);
  return NULL;
}

/* An OS thread whose hub echoes all the time. */
static void *busy(void *arg) {
  (void)arg;
  int fds[2];
  gh_thread thread;
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  CHECK_EQ(gh_spawn(&thread, NULL, answer, &fds[1]), 0);
  atomic_store(&busy_hub, gh_hub_current());
  while (!atomic_load(&stop)) {
    char byte = 'e';
    CHECK_EQ(gh_send(fds[0], &byte, 1, 0, GH_NEVER), 1);
    CHECK_EQ(gh_recv(fds[0], &byte, 1, 0, gh_after_ms(60000)), 1);
    atomic_fetch_add(&echoes, 1);
  }
  CHECK_EQ(gh_shutdown(fds[0], SHUT_WR), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_close(fds[0]), 0);
  CHECK_EQ(gh_close(fds[1]), 0);
  return NULL;
}

/* An OS thread that makes hubs and frees them. */
static void *turn(void *arg) {
  (void)arg;
  while (!atomic_load(&stop)) {
    CHECK(gh_hub_current() != NULL);
    CHECK_EQ(gh_yield(), 0);
    CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(60000)), 0);
    atomic_fetch_add(&hubs_made, 1);
  }
  return NULL;
}

static void arrive(void *arg) {
  (void)arg;
  atomic_fetch_add(&arrived, 1);
}

static void *post_back(void *arg) {
  CHECK_EQ(gh_sleep_ms(2), 0);
  CHECK_EQ(gh_post(arg, arrive, NULL), 0);
  return NULL;
}

static void live(gh_hub *gone) {
  CHECK_EQ(gh_post(gone, arrive, NULL), GH_ENOHUB);
  CHECK_EQ(gh_hub_stop(gone), GH_ENOHUB);
  gh_stats stats;
  CHECK_EQ(gh_hub_stats(gone, &stats, sizeof stats), GH_ENOHUB);
  CHECK_EQ(gh_sleep_ms(1), 0);
  gh_hub *hub = gh_hub_current();
  CHECK(hub != gone);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) CHECK_EQ(pthread_create(&threads[i], NULL, post_back, hub), 0);
  int64_t deadline = gh_after_ms(30000);
  while (atomic_load(&arrived) < 2) {
    CHECK(gh_now() < deadline);
    CHECK(gh_hub_run_once(hub, deadline) >= 0);
  }
  for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
  _exit(0);
}

static void collect(pid_t child) {
  int status = -1;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

static void *fork_green(void *arg) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) live(arg);
  int status = -1;
  CHECK_EQ(gh_waitpid(child, &status, 0, gh_after_ms(60000)), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
  return NULL;
}

/* Forks on an OS thread that has no hub, then in green threads. */
static void *mother(void *arg) {
  for (int i = 0; i < FORKS; i++) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) live(arg);
    collect(child);
  }
  for (int i = 0; i < FORKS; i++) {
    gh_thread thread;
    CHECK_EQ(gh_spawn(&thread, NULL, fork_green, arg), 0);
    CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  }
  return NULL;
}

int main(void) {
  pthread_t worker, turners[TURNERS], forking;
  CHECK_EQ(pthread_create(&worker, NULL, busy, NULL), 0);
  for (int i = 0; i < TURNERS; i++) CHECK_EQ(pthread_create(&turners[i], NULL, turn, NULL), 0);
  while (atomic_load(&busy_hub) == NULL) usleep(1000);
  CHECK_EQ(pthread_create(&forking, NULL, mother, atomic_load(&busy_hub)), 0);
  CHECK_EQ(pthread_join(forking, NULL), 0);
  long before = atomic_load(&echoes);
  while (atomic_load(&echoes) == before) usleep(1000);
  atomic_store(&stop, 1);
  CHECK_EQ(pthread_join(worker, NULL), 0);
  for (int i = 0; i < TURNERS; i++) CHECK_EQ(pthread_join(turners[i], NULL), 0);
  CHECK(atomic_load(&hubs_made) > 0);
  return 0;
}
