/* Two faults that only a tool sees, on a green stack: a write one byte past a
 * block, and a block that nobody frees. */
#include <greenhub.h>

#include <stdlib.h>

static void *faulty(void *arg) {
  char *volatile block = malloc(16);

  (void)arg;
  block[16] = 1;
  block = NULL;
  return NULL;
}

int main(void) {
  gh_thread thread;

  if (gh_spawn(&thread, NULL, faulty, NULL) != 0) return 2;
  return gh_join(thread, NULL, GH_NEVER) == 0 ? 0 : 2;
}
