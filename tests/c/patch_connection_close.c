/* Whoever closes a descriptor, or puts another one at its number, ends the hooked waits for it with EBADF:
 * a green thread of the same hub, one of another hub, and an OS thread without one. What has the number next
 * is never taken for what had it before. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

enum { CLOSE, FCLOSE, DUP2, DUP3, RANGE, WAYS };

static int pair[2], other;
static FILE *file;

static void *waits(void *arg) {
  char byte;
  int fd = pair[0];
  errno = 0;
  ssize_t got = (long)arg ? read(fd, &byte, 1) : recv(fd, &byte, 1, 0);
  CHECK_EQ(got, -1);
  CHECK_EQ(errno, EBADF);
  return NULL;
}

static void end(long way) {
  errno = 77;
  switch (way) {
  case CLOSE:
    CHECK_EQ(close(pair[0]), 0);
    break;
  case FCLOSE:
    CHECK_EQ(fclose(file), 0);
    break;
  case DUP2:
    CHECK_EQ(dup2(other, pair[0]), pair[0]);
    break;
  case DUP3:
    CHECK_EQ(dup3(other, pair[0], O_CLOEXEC), pair[0]);
    break;
  default:
    CHECK_EQ(close_range(pair[0], pair[0], 0), 0);
  }
  CHECK_EQ(errno, 77);
}

static void *ends_plainly(void *arg) {
  end((long)arg);
  return NULL;
}

static void *ends_on_a_hub(void *arg) {
  gh_thread thread;
  CHECK(gh_spawn(&thread, NULL, ends_plainly, arg) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  CHECK(gh_hub_free(gh_hub_current(), GH_NEVER) == 0);
  return NULL;
}

static void each(long way, int from) {
  gh_thread threads[3];
  pthread_t plain;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  file = way == FCLOSE ? fdopen(pair[0], "r+") : NULL;
  for (long i = 0; i < 2; i++)
    CHECK(gh_spawn(&threads[i], NULL, waits, (void *)i) == 0);
  gh_yield();
  /* What fails, ends nothing. */
  CHECK(dup2(-1, pair[0]) == -1 && errno == EBADF);
  CHECK(dup3(other, pair[0], 12345) == -1 && errno == EINVAL);
  CHECK(dup2(pair[0], pair[0]) == pair[0]);
  CHECK(gh_sleep_ms(1) == 0);
  if (from == 0) {
    CHECK(gh_spawn(&threads[2], NULL, ends_plainly, (void *)way) == 0);
    CHECK(gh_join(threads[2], NULL, GH_NEVER) == 0);
  } else {
    CHECK(pthread_create(&plain, NULL, from == 1 ? ends_on_a_hub : ends_plainly, (void *)way) == 0);
  }
  for (int i = 0; i < 2; i++)
    CHECK(gh_join(threads[i], NULL, GH_NEVER) == 0);
  if (from > 0)
    CHECK(pthread_join(plain, NULL) == 0);
  if (way == DUP2 || way == DUP3)
    close(pair[0]);
  close(pair[1]);
}

static void *reads_one(void *arg) {
  char byte = 0;
  CHECK_EQ(read(*(int *)arg, &byte, 1), 1);
  CHECK_EQ(byte, 'y');
  return NULL;
}

/* A socket known to be empty is closed; its number's next owner has something. */
static void the_number_begins_anew(void) {
  for (int i = 0; i < 50; i++) {
    int old[2], new[2];
    char byte;
    gh_thread thread;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, old) == 0);
    CHECK(fcntl(old[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK(recv(old[0], &byte, 1, 0) == -1 && errno == EAGAIN);
    close(old[0]), close(old[1]);
    CHECK((i % 2 ? pipe(new) : socketpair(AF_UNIX, SOCK_STREAM, 0, new)) == 0);
    CHECK(gh_spawn(&thread, NULL, reads_one, &new[0]) == 0);
    gh_yield();
    CHECK_EQ(write(new[1], "y", 1), 1);
    CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
    close(new[0]), close(new[1]);
  }
}

int main(void) {
  CHECK(gh_patch(GH_PATCH_STREAM | GH_PATCH_CONNECTION) > 0);
  other = open("/dev/null", O_RDWR);
  for (long way = 0; way < WAYS; way++)
    for (int from = 0; from < 3; from++)
      each(way, from);
  the_number_begins_anew();
  CHECK(close(-1) == -1 && errno == EBADF);
  CHECK(close(999) == -1 && errno == EBADF);
  CHECK(dup(-1) == -1 && errno == EBADF);
  return 0;
}
