/* Making a hub at the descriptor limit is an error code from whatever call would have made it,
 * and works as soon as there are descriptors again. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static void *entry(void *arg) { return arg; }

int main(void) {
  struct rlimit limit = {32, 32};
  int fillers[32], filled = 0;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  if (fcntl(0, F_GETFD) < 0) CHECK_EQ(open("/dev/null", O_RDWR), 0);
  for (int fd; (fd = dup(0)) >= 0;) fillers[filled++] = fd;

  gh_hub *hub = NULL;
  gh_thread thread = 0;
  errno = 5;
  CHECK(gh_hub_current() == NULL);
  CHECK_EQ(errno, 5);
  CHECK_EQ(gh_hub_new(&hub, NULL), -EMFILE);
  CHECK_EQ(gh_spawn(&thread, NULL, entry, NULL), -EMFILE);
  CHECK_EQ(gh_sleep_ms(1), -EMFILE);
  CHECK_EQ(gh_self(), 0);

  while (filled > 0) close(fillers[--filled]);
  CHECK_EQ(gh_spawn(&thread, NULL, entry, &filled), 0);
  void *result = NULL;
  CHECK_EQ(gh_join(thread, &result, GH_NEVER), 0);
  CHECK(result == &filled);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
