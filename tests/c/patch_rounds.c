// timeout: 240
// emulated: no, the memory is the emulator's
/* Patched and unpatched again and again: nothing leaks, no page stays open, and the mappings of the process are
 * what they were. Half the rounds with green threads that wait in hooked functions meanwhile.
 * GREENHUB_ROUNDS changes their number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

typedef struct maps {
  char text[1 << 18];
  size_t length;
} maps;

static maps before, after;

/* The mappings of objects: /proc/self/maps without the heap, the stacks and what has no name. */
static void read_maps(maps *m) {
  FILE *file = fopen("/proc/self/maps", "r");
  char line[1024];
  CHECK(file != NULL);
  m->length = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (strstr(line, ".so") == NULL && strstr(line, "patch_rounds") == NULL) continue;
    size_t length = strlen(line);
    CHECK(m->length + length < sizeof m->text);
    memcpy(m->text + m->length, line, length);
    m->length += length;
  }
  CHECK_EQ(fclose(file), 0);
}

static long resident(void) {
  long total, pages;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL);
  CHECK_EQ(fscanf(file, "%ld %ld", &total, &pages), 2);
  CHECK_EQ(fclose(file), 0);
  return pages * sysconf(_SC_PAGESIZE);
}

static int open_descriptors(void) {
  int count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static int stop;

static void *waits(void *arg) {
  struct timespec moment = {0, 100000};
  (void)arg;
  /* Unpatched, it lets nobody run. */
  while (!stop) CHECK(nanosleep(&moment, NULL) == 0 && gh_yield() == 0);
  return NULL;
}

static int rounds(int many) {
  int changed = 0;
  for (int i = 0; i < many; i++) {
    changed = gh_patch(GH_PATCH_ALL);
    CHECK(changed > 0);
    CHECK_EQ(gh_unpatch(), changed);
    if (i % 64 == 0) CHECK_EQ(gh_yield(), 0);
  }
  return changed;
}

int main(void) {
  const char *wish = getenv("GREENHUB_ROUNDS");
  int many = wish != NULL ? atoi(wish) : 2000;
  gh_thread threads[4];
  CHECK(many > 0 && gh_hub_current() != NULL);
  int changed = rounds(10);
  read_maps(&before);
  int descriptors = open_descriptors();
  long start = resident();

  CHECK_EQ(rounds(many / 2), changed);
  for (int i = 0; i < 4; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, waits, NULL), 0);
  CHECK_EQ(rounds(many / 2), changed);
  stop = 1;
  for (int i = 0; i < 4; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);

  CHECK_EQ(gh_patch_info(NULL, NULL), 0);
  read_maps(&after);
  if (before.length != after.length || memcmp(before.text, after.text, before.length) != 0) {
    fprintf(stderr, "before:\n%.*s\nafter:\n%.*s\n", (int)before.length, before.text, (int)after.length, after.text);
    return 1;
  }
  CHECK_EQ(open_descriptors(), descriptors);
  long grown = resident() - start;
  if (grown > 2 << 20) {
    fprintf(stderr, "%d rounds have taken %ld bytes\n", many, grown);
    return 1;
  }
  return 0;
}
