/* Linked statically: nothing can be patched, and everything else works. */
#include <errno.h>
#include <stddef.h>

#include "greenhub.h"

static int ran;

static void *green(void *arg) {
  ran += gh_patch(GH_PATCH_ALL) == -ENOTSUP;
  return arg;
}

int main(void) {
  gh_thread thread;
  if (gh_patch(GH_PATCH_ALL) != -ENOTSUP || gh_unpatch() != -ENOTSUP) return 1;
  if (gh_patch_module("", NULL, GH_PATCH_ALL) != -ENOTSUP) return 2;
  if (gh_patch(0) != -EINVAL || gh_patch_info(NULL, NULL) != 0) return 3;
  if (gh_spawn(&thread, NULL, green, NULL) != 0 || gh_join(thread, NULL, GH_NEVER) != 0) return 4;
  return ran == 1 ? 0 : 5;
}
