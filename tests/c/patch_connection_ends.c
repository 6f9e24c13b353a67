/* How accept(2) and connect(2) end when their socket is shut down, before they wait or meanwhile. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "alike.h"

static int listens(int domain) {
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  int listener = socket(domain, SOCK_STREAM, 0);
  /* The kernel finds a name. */
  if (domain == AF_INET)
    CHECK(bind(listener, (void *)&loopback, sizeof loopback) == 0);
  else
    CHECK(bind(listener, (void *)&local, offsetof(struct sockaddr_un, sun_path)) == 0);
  CHECK(listen(listener, 4) == 0);
  return listener;
}

static int comes(int listener, int domain) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int client = socket(domain, SOCK_STREAM, 0);
  CHECK(getsockname(listener, (void *)&address, &length) == 0);
  CHECK(connect(client, (void *)&address, length) == 0);
  return client;
}

static void accept_each_way(struct outcome *outcome, int listener) {
  note(outcome, accept(listener, NULL, NULL));
  note(outcome, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
  note(outcome, accept(listener, NULL, NULL));
  note(outcome, fcntl(listener, F_GETFL) & O_NONBLOCK);
}

static void shut_before(struct outcome *outcome, int domain) {
  int listener = listens(domain);
  note(outcome, shutdown(listener, SHUT_RDWR));
  accept_each_way(outcome, listener);
  close(listener);
}

/* Once it has been waited for, and with a client that came before. */
static void shut_between(struct outcome *outcome, int domain) {
  struct timeval span = {0, 20000}, none = {0, 0};
  int listener = listens(domain);
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  note(outcome, accept(listener, NULL, NULL));
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none) == 0);
  int client = comes(listener, domain);
  note(outcome, shutdown(listener, domain == AF_UNIX ? SHUT_RD : SHUT_RDWR));
  int taken = accept(listener, NULL, NULL);
  note(outcome, taken >= 0);
  if (taken >= 0) close(taken);
  accept_each_way(outcome, listener);
  close(client), close(listener);
}

static void shut_during(struct outcome *outcome, int domain) {
  int listener = listens(domain);
  struct later later = {.act = shuts, .fd = listener, .how = SHUT_RDWR};
  begin(&later);
  accept_each_way(outcome, listener);
  end(&later);
  close(listener);
}

static void *accepts(void *arg) {
  return (void *)(long)(accept(*(int *)arg, NULL, NULL) < 0 ? errno : 0);
}

/* The numbers of a listener that has several are one: none is left in another mode than it was in. */
static void several_numbers(struct outcome *outcome, int domain) {
  struct timeval span = {0, 20000};
  int listener = listens(domain), other = dup(listener);
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  note(outcome, accept(listener, NULL, NULL));
  note(outcome, fcntl(other, F_GETFL) & O_NONBLOCK);
  CHECK(close(listener) == 0);
  note(outcome, fcntl(other, F_GETFL) & O_NONBLOCK);
  int64_t start = gh_now();
  note(outcome, accept(other, NULL, NULL));
  /* The kernel counts in ticks of its own: libc's span may be one shorter. */
  note(outcome, gh_now() - start >= 9 * MS);
  CHECK(dup2(other, 70) == 70 && close_range(other, other, 0) == 0);
  note(outcome, fcntl(70, F_GETFL) & O_NONBLOCK);
  close(70);
}

/* A thread without a hub waits too, whatever has been done to the listener's mode. */
static void shut_during_others(struct outcome *outcome, int domain) {
  struct timeval span = {0, 20000}, none = {0, 0};
  int listener = listens(domain);
  pthread_t other;
  void *error;
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
  note(outcome, accept(listener, NULL, NULL));
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none) == 0);
  CHECK(pthread_create(&other, NULL, accepts, &listener) == 0);
  nanosleep(&(struct timespec){0, 50 * MS}, NULL);
  note(outcome, shutdown(listener, SHUT_RDWR));
  CHECK(pthread_join(other, &error) == 0);
  note(outcome, (long)error);
  close(listener);
}

/* Nobody answers: the listener takes no more. */
static int pending(struct sockaddr_in *address, int *filled) {
  socklen_t length = sizeof *address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(bind(listener, (void *)address, length) == 0 && listen(listener, 0) == 0);
  CHECK(getsockname(listener, (void *)address, &length) == 0);
  *filled = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(*filled, (void *)address, length) == 0);
  return listener;
}

static void connects(struct outcome *outcome, int how) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  char byte;
  int filled, listener = pending(&address, &filled), client = socket(AF_INET, SOCK_STREAM, 0), error;
  struct later later = {.act = shuts, .fd = client, .how = how};
  begin(&later);
  note(outcome, connect(client, (void *)&address, length));
  end(&later);
  socklen_t size = sizeof error;
  CHECK(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  note(outcome, error);
  note(outcome, recv(client, &byte, 1, MSG_DONTWAIT));
  note(outcome, getpeername(client, (void *)&address, &length));
  /* It can be used for another one. */
  int other = listens(AF_INET);
  CHECK(getsockname(other, (void *)&address, &length) == 0);
  note(outcome, connect(client, (void *)&address, length));
  close(other), close(client), close(filled), close(listener);
}

static void is_refused(struct outcome *outcome, int arg) {
  struct sockaddr_in address = {0};
  socklen_t length = sizeof address;
  int listener = listens(AF_INET), client = socket(AF_INET, SOCK_STREAM, 0), error;
  (void)arg;
  CHECK(getsockname(listener, (void *)&address, &length) == 0 && close(listener) == 0);
  note(outcome, connect(client, (void *)&address, length));
  socklen_t size = sizeof error;
  CHECK(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  note(outcome, error);
  listener = listens(AF_INET);
  CHECK(getsockname(listener, (void *)&address, &length) == 0);
  note(outcome, connect(client, (void *)&address, length));
  close(listener), close(client);
}

int main(void) {
  struct scenario all[64];
  int count = 0;
#define ADD(what, with) all[count++] = (struct scenario){#what, what, with}
  for (int i = 0; i < 2; i++) {
    int domain = i == 0 ? AF_INET : AF_UNIX;
    ADD(shut_before, domain);
    ADD(shut_between, domain);
    ADD(shut_during, domain);
    ADD(several_numbers, domain);
    ADD(shut_during_others, domain);
  }
  ADD(connects, SHUT_RDWR);
  ADD(connects, SHUT_RD);
  ADD(is_refused, 0);
  compare_all(all, count, GH_PATCH_ALL);
  return 0;
}
