// Signals to the whole process, held back in all its OS threads, are taken by green threads of two hubs,
// each once; SIGCHLD tells of a child; and a SIGTERM ends a wait as it ends a server.
// flags: -std=gnu11
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define ROUNDS 200

static atomic_int taken;

static void *take(void *arg) {
  int signal = SIGRTMIN + 2;
  (void)arg;
  for (;;) {
    int result = gh_signal_wait(&signal, 1, NULL, 0, GH_NEVER);
    if (result == -ECANCELED) return NULL;
    CHECK_EQ(result, signal);
    atomic_fetch_add(&taken, 1);
  }
}

static atomic_int stop;

static void *other_hub(void *arg) {
  gh_thread thread;
  CHECK_EQ(gh_spawn(&thread, NULL, take, arg), 0);
  while (!atomic_load(&stop)) CHECK_EQ(gh_sleep_ms(1), 0);
  CHECK_EQ(gh_cancel(thread), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  return NULL;
}

int main(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 2);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);

  pthread_t os_thread;
  gh_thread threads[2];
  CHECK_EQ(pthread_create(&os_thread, NULL, other_hub, NULL), 0);
  for (int i = 0; i < 2; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, take, NULL), 0);
  for (int i = 0; i < ROUNDS; i++) {
    CHECK_EQ(kill(getpid(), SIGRTMIN + 2), 0);
    if (i % 10 == 0) CHECK_EQ(gh_sleep_ms(1), 0);
  }
  int64_t deadline = gh_after_ms(30000);
  while (atomic_load(&taken) < ROUNDS) {
    CHECK(gh_now() < deadline);
    CHECK_EQ(gh_sleep_ms(1), 0);
  }
  atomic_store(&stop, 1);
  CHECK_EQ(pthread_join(os_thread, NULL), 0);
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(gh_cancel(threads[i]), 0);
    CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  }
  CHECK_EQ(atomic_load(&taken), ROUNDS);

  char *argv[] = {"sh", "-c", "exit 3", NULL};
  int both[] = {SIGTERM, SIGCHLD};
  gh_signal_info info;
  pid_t child = gh_spawn_process(argv, NULL, NULL);
  CHECK(child > 0);
  CHECK_EQ(gh_signal_wait(both, 2, &info, sizeof info, gh_after_ms(30000)), SIGCHLD);
  CHECK_EQ(info.signal, SIGCHLD);
  CHECK_EQ(info.pid, child);
  CHECK_EQ(info.status, 3);
  CHECK_EQ(info.code, CLD_EXITED);
  CHECK_EQ(gh_waitpid(child, NULL, 0, gh_after_ms(30000)), child);

  char *terminate[] = {"sh", "-c", "kill -TERM $PPID", NULL};
  child = gh_spawn_process(terminate, NULL, NULL);
  CHECK(child > 0);
  CHECK_EQ(gh_signal_wait(both, 1, &info, sizeof info, gh_after_ms(30000)), SIGTERM);
  CHECK_EQ(info.pid, child);
  CHECK_EQ(gh_waitpid(child, NULL, 0, gh_after_ms(30000)), child);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
