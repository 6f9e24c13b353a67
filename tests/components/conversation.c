/* libconversation.so: its OS threads and its callers are at the same functions of libc all the time, and
 * make and close descriptors whose numbers go from one to the other. */
#define _GNU_SOURCE
#include "conversation.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct conversation {
  int ends[2];
  pthread_t thread;
  long asked;
};

/* Through a pipe that is made for it, by way of a second number. */
static int through_pipe(long number) {
  struct timespec soon = {0, 1000000};
  long back = 0;
  int ends[2], other, ok;
  if (pipe(ends) != 0)
    return 0;
  other = dup(ends[0]);
  ok = write(ends[1], &number, sizeof number) == sizeof number;
  ok = ok && close(ends[0]) == 0;
  ok = ok && read(other, &back, sizeof back) == sizeof back && back == number;
  ok = ok && nanosleep(&soon, NULL) == 0;
  ok = ok && close(ends[1]) == 0;
  ok = ok && read(other, &back, sizeof back) == 0;
  return close(other) == 0 && ok;
}

static int readable(int fd, long number) {
  struct pollfd wish = {fd, POLLIN, 0};
  fd_set set;
  if (number % 2 == 0 || fd >= FD_SETSIZE)
    return poll(&wish, 1, -1) == 1 && wish.revents != 0;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  return select(fd + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(fd, &set);
}

static void *answer(void *arg) {
  struct conversation *conversation = arg;
  int fd = conversation->ends[1];
  for (long number;;) {
    if (!readable(fd, (long)fd))
      return "readable";
    ssize_t got = recv(fd, &number, sizeof number, MSG_WAITALL);
    if (got == 0)
      return NULL;
    if (got != sizeof number)
      return "recv";
    if (!through_pipe(number++))
      return "pipe";
    if (send(fd, &number, sizeof number, MSG_NOSIGNAL) != sizeof number)
      return "send";
  }
}

struct conversation *conversation_open(void) {
  struct conversation *conversation = calloc(1, sizeof *conversation);
  if (conversation == NULL)
    return NULL;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, conversation->ends) != 0 ||
      pthread_create(&conversation->thread, NULL, answer, conversation) != 0) {
    free(conversation);
    return NULL;
  }
  return conversation;
}

long conversation_ask(struct conversation *conversation, long number) {
  int fd = conversation->ends[0];
  long back = -1;
  if (write(fd, &number, sizeof number) != sizeof number)
    return -1;
  if (conversation->asked++ % 3 == 0 && !readable(fd, number))
    return -1;
  if (conversation->asked % 5 == 0 && !through_pipe(number))
    return -1;
  return read(fd, &back, sizeof back) == sizeof back ? back : -1;
}

int conversation_close(struct conversation *conversation) {
  void *wrong = NULL;
  int error = shutdown(conversation->ends[0], SHUT_WR);
  error |= pthread_join(conversation->thread, &wrong);
  error |= close(conversation->ends[0]) | close(conversation->ends[1]);
  free(conversation);
  return error != 0 || wrong != NULL;
}
