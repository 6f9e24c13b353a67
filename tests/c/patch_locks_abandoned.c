/* Green threads that wait for a semaphore are abandoned with their OS thread, and the semaphore is gone: who
 * waits and posts beside them finds nothing of it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>

#include "check.h"
#include "greenhub.h"

#define POSTERS 3
#define TAKERS 8

static sem_t *gone, *beside, many[1 << 16];
static volatile int over;

/* As src/patch/posts.rs has it. */
static unsigned bucket(const sem_t *semaphore) {
  return (unsigned)((uint64_t)(uintptr_t)semaphore * 0x9E3779B97F4A7C15u >> 54);
}

static void *waits(void *arg) {
  (void)arg;
  sem_wait(gone);
  CHECK(!"it is never posted");
  return NULL;
}

static void *abandons(void *arg) {
  gh_thread thread;
  (void)arg;
  for (int i = 0; i < 3; i++)
    CHECK(gh_spawn(&thread, NULL, waits, NULL) == 0);
  gh_sleep_ms(20);
  return NULL;
}

static void *posts(void *arg) {
  (void)arg;
  while (!over)
    sem_post(beside);
  return NULL;
}

static void *takes(void *arg) {
  (void)arg;
  while (!over)
    CHECK(sem_wait(beside) == 0);
  return NULL;
}

int main(void) {
  pthread_t thread, posters[POSTERS];
  gh_thread takers[TAKERS];
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(gone != MAP_FAILED && sem_init(gone, 0, 0) == 0);
  CHECK(pthread_create(&thread, NULL, abandons, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(munmap(gone, 4096) == 0);
  for (size_t i = 0; i < sizeof many / sizeof *many && beside == NULL; i++)
    if (bucket(&many[i]) == bucket(gone))
      beside = &many[i];
  CHECK(beside != NULL && sem_init(beside, 0, 0) == 0);
  for (int i = 0; i < POSTERS; i++)
    CHECK(pthread_create(&posters[i], NULL, posts, NULL) == 0);
  for (int i = 0; i < TAKERS; i++)
    CHECK(gh_spawn(&takers[i], NULL, takes, NULL) == 0);
  gh_sleep_ms(1500);
  over = 1;
  for (int i = 0; i < POSTERS; i++)
    CHECK(pthread_join(posters[i], NULL) == 0);
  for (int i = 0; i < TAKERS; i++)
    CHECK(sem_post(beside) == 0);
  for (int i = 0; i < TAKERS; i++)
    CHECK(gh_join(takers[i], NULL, GH_NEVER) == 0);
  return 0;
}
