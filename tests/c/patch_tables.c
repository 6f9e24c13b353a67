// flags: -ldl -fno-plt -Wl,-z,now,-z,relro -Wno-pedantic
// timeout: 180
// emulated: no, it takes minutes
/* The exchange of link tables itself: no page is left as it was not before, whatever was mapped meanwhile;
 * patched and unpatched again and again, by several OS threads at once, while others call; nothing leaks. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

/* The mappings of objects with their protection, adjacent ones as one: the heap may grow. */
static void mappings(char *out, size_t room) {
  FILE *file = fopen("/proc/self/maps", "r");
  char line[600], before[400] = "";
  unsigned long last = 0;
  size_t used = 0;
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file)) {
    unsigned long start, end;
    char protection[8], path[400] = "";
    sscanf(line, "%lx-%lx %7s %*s %*s %*s %399s", &start, &end, protection, path);
    if (path[0] != '/') continue;
    char now[420];
    snprintf(now, sizeof now, "%s %s", protection, path);
    if (start != last || strcmp(now, before) != 0) {
      used += (size_t)snprintf(out + used, room - used, "\n%lx %.410s", start, now);
      strcpy(before, now);
    }
    CHECK(used < room);
    last = end;
  }
  fclose(file);
}

static char one[1 << 16], other[1 << 16];

static void pages(void) {
  mappings(one, sizeof one);
  CHECK(strstr(one, "libgreenhub") != NULL);
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  mappings(other, sizeof other);
  if (strcmp(one, other) != 0) fprintf(stderr, "before:%s\nafter:%s\n", one, other);
  CHECK_EQ(strcmp(one, other), 0);
  CHECK(gh_unpatch() > 0);
  mappings(other, sizeof other);
  CHECK_EQ(strcmp(one, other), 0);
}

static volatile int over;

/* Calls what is exchanged under it, and must never find anything else there. */
static void *calls(void *arg) {
  sem_t sem;
  struct timespec span = {0, 0};
  CHECK_EQ(sem_init(&sem, 0, 0), 0);
  while (!over) {
    for (int i = 0; i < 100; i++) {
      CHECK_EQ(nanosleep(&span, NULL), 0);
      CHECK_EQ(usleep(0), 0);
      CHECK_EQ(sem_post(&sem), 0);
      CHECK_EQ(sem_wait(&sem), 0);
      CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
    }
  }
  return arg;
}

static size_t in_use(void) { return mallinfo2().uordblks; }

static long resident(void) {
  long total, pages_resident;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &total, &pages_resident) == 2);
  fclose(file);
  return pages_resident * 4;
}

/* One object: the rounds are many. */
static void rounds(void) {
  pthread_t plain[2];
  size_t used = 0;
  long kib = 0;
  over = 0;
  int64_t until = gh_after_ms(12000);
  for (int i = 0; i < 2; i++) CHECK_EQ(pthread_create(&plain[i], NULL, calls, NULL), 0);
  for (int round = 0; round < 100000 && (round < 2000 || gh_now() < until); round++) {
    if (round % 4 < 2) CHECK(gh_patch_module("", NULL, round % 2 ? GH_PATCH_SLEEP : GH_PATCH_LOCKS) > 0);
    else if (round % 4 == 2) CHECK(gh_unpatch() > 0);
    else CHECK_EQ(gh_patch_info(NULL, NULL), 0);
    if (round == 1000) {
      used = in_use();
      kib = resident();
    }
  }
  over = 1;
  for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(plain[i], NULL), 0);
  CHECK(in_use() < used + 65536);
  CHECK(resident() < kib + 8192);
}

static void *patches(void *arg) {
  unsigned families = (unsigned)(long)arg;
  for (int round = 0; round < 300; round++) {
    CHECK(gh_patch(families) >= 0);
    CHECK(gh_patch_info(NULL, NULL) >= 0);
    if (round % 2) CHECK(gh_unpatch() >= 0);
  }
  return NULL;
}

static void at_once(void) {
  static const unsigned families[] = {GH_PATCH_SLEEP, GH_PATCH_LOCKS | GH_PATCH_PROCESS, GH_PATCH_ALL,
                                      GH_PATCH_LOADING};
  pthread_t plain[4], caller;
  over = 0;
  CHECK_EQ(pthread_create(&caller, NULL, calls, NULL), 0);
  for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&plain[i], NULL, patches, (void *)(long)families[i]), 0);
  for (int i = 0; i < 4; i++) CHECK_EQ(pthread_join(plain[i], NULL), 0);
  over = 1;
  CHECK_EQ(pthread_join(caller, NULL), 0);
  CHECK(gh_unpatch() >= 0);
  CHECK_EQ(gh_patch_info(NULL, NULL), 0);
  mappings(other, sizeof other);
  CHECK_EQ(strcmp(one, other), 0);
}

/* Pointers to a function, taken before and after, compare as C says and lead somewhere. */
static void pointers(void) {
  int (*volatile before)(useconds_t) = usleep;
  CHECK(gh_patch(GH_PATCH_SLEEP) > 0);
  CHECK_EQ(before(0), 0);
  CHECK_EQ(((int (*)(useconds_t))dlsym(RTLD_DEFAULT, "usleep"))(0), 0);
  CHECK(gh_unpatch() > 0);
  CHECK(before == usleep);
}

static void *in_child(void *arg) {
  struct timespec span = {0, 1000000};
  CHECK_EQ(nanosleep(&span, NULL), 0);
  return arg;
}

/* A fork while another OS thread is at it: the child can patch, and none of its pages is open. */
static void forks(void) {
  pthread_t plain;
  CHECK_EQ(pthread_create(&plain, NULL, patches, (void *)(long)GH_PATCH_ALL), 0);
  for (int i = 0; i < 20; i++) {
    int status;
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      gh_thread thread;
      alarm(20);
      CHECK(gh_unpatch() >= 0);
      mappings(other, sizeof other);
      CHECK_EQ(strcmp(one, other), 0);
      CHECK(gh_patch(GH_PATCH_SLEEP) > 0);
      CHECK_EQ(gh_spawn(&thread, NULL, in_child, NULL), 0);
      CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
      _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
  }
  CHECK_EQ(pthread_join(plain, NULL), 0);
  CHECK(gh_unpatch() >= 0);
}

int main(void) {
  struct timespec none = {0, 0};
  alarm(170);
  nanosleep(&none, NULL);
  pages();
  pointers();
  at_once();
  forks();
  rounds();
  return 0;
}
