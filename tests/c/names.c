/* Names with a hosts file and a name server of the test's own, which takes a mount namespace: what the
 * hosts file says, names that do not resolve, a resolver that never answers, and the race for addresses.
 * Says so and passes where namespaces are not to be had. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"
#include "own_files.h"

#define MS INT64_C(1000000)
#define RESOLVER "nameserver " SERVER "\noptions timeout:30 attempts:1\n"
#define SERVER "127.53.53.53"

static const char hosts[] =
    "127.0.0.1 localhost four.test alias.test\n"
    "::1 six.test\n"
    "::1 both.test\n"
    "127.0.0.1 both.test\n"
    "127.0.0.2 two.test\n"
    "127.0.0.1 two.test\n";

/* Compares two lists entry by entry. */
static int same(const struct addrinfo *a, const struct addrinfo *b) {
  for (; a != NULL && b != NULL; a = a->ai_next, b = b->ai_next) {
    const char *one = a->ai_canonname, *other = b->ai_canonname;
    if (a->ai_flags != b->ai_flags || a->ai_family != b->ai_family ||
        a->ai_socktype != b->ai_socktype || a->ai_protocol != b->ai_protocol ||
        a->ai_addrlen != b->ai_addrlen || memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen) != 0 ||
        (one == NULL) != (other == NULL) || (one != NULL && strcmp(one, other) != 0)) {
      return 0;
    }
  }
  return a == b;
}

static void hosts_file(void) {
  static const char *const names[] = {"four.test", "alias.test", "six.test", "both.test", "two.test"};
  static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
  static const int flags[] = {0, AI_CANONNAME, AI_V4MAPPED | AI_ALL};
  int found = 0, failed = 0;

  own_files(hosts, RESOLVER, "hosts: files\n");
  for (int n = 0; n < 5; n++) {
    for (int family = 0; family < 3; family++) {
      for (int flag = 0; flag < 3; flag++) {
        struct addrinfo hints, *ours = NULL, *theirs = NULL;
        memset(&hints, 0, sizeof hints);
        hints.ai_family = families[family];
        hints.ai_flags = flags[flag];
        int eai = getaddrinfo(names[n], "80", &hints, &theirs);
        int code = gh_getaddrinfo(names[n], "80", &hints, &ours, gh_after_ms(20000));
        if (eai != 0) {
          CHECK(ours == NULL);
          CHECK_EQ(code, -10100 - abs(eai));
          failed++;
          continue;
        }
        CHECK_EQ(code, 0);
        CHECK(ours != NULL && same(ours, theirs));
        found++;
        freeaddrinfo(ours);
        freeaddrinfo(theirs);
      }
    }
  }
  CHECK(found > 20 && failed > 0);

  struct addrinfo *none = NULL;
  CHECK_EQ(gh_getaddrinfo("absent.test", NULL, NULL, &none, gh_after_ms(20000)), GH_EAI_NONAME);
  CHECK(none == NULL);
  CHECK_EQ(gh_tcp_connect("absent.test", 80, gh_after_ms(20000)), GH_EAI_NONAME);

  struct sockaddr_in6 six;
  char host[256];
  memset(&six, 0, sizeof six);
  six.sin6_family = AF_INET6;
  six.sin6_addr = in6addr_loopback;
  CHECK_EQ(gh_getnameinfo((struct sockaddr *)&six, sizeof six, host, sizeof host, NULL, 0, 0,
                          gh_after_ms(20000)), 0);
  CHECK_EQ(strcmp(host, "six.test"), 0);
}

static void *look_up(void *arg) {
  struct addrinfo *list = NULL;
  int code = gh_getaddrinfo("silent.test", NULL, NULL, &list, *(int64_t *)arg);
  CHECK(list == NULL);
  return (void *)(intptr_t)code;
}

static void *add(void *arg) {
  ++*(int *)arg;
  return arg;
}

#define WAITERS 10

static void silent_server(void) {
  struct sockaddr_in address;
  gh_offload_options options;
  gh_pool_stats stats;
  gh_thread threads[WAITERS];
  int64_t until[WAITERS];
  struct addrinfo *list = NULL;
  int sum = 0;

  own_files(hosts, RESOLVER, "hosts: files dns\n");
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  CHECK_EQ(inet_pton(AF_INET, SERVER, &address.sin_addr), 1);
  int server = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(server, (struct sockaddr *)&address, sizeof address) != 0) cannot("no name server");
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.threads = 4;
  options.names = 2;
  CHECK_EQ(gh_offload_configure(&options), 0);

  /* More than may be looked up at once, each with its own deadline; some end by being cancelled. */
  for (int i = 0; i < WAITERS; i++) {
    until[i] = i % 3 == 2 ? GH_NEVER : gh_now() + (50 + 10 * i) * MS;
    CHECK_EQ(gh_spawn(&threads[i], NULL, look_up, &until[i]), 0);
  }
  do {
    CHECK_EQ(gh_sleep_ms(1), 0);
    CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  } while (stats.running < 2);
  CHECK_EQ(stats.running, 2);

  /* The server was asked, so that it is the answer that is missing. */
  struct pollfd asked = {server, POLLIN, 0};
  CHECK_EQ(poll(&asked, 1, 20000), 1);

  /* Names that hang do not keep the rest of the pool from its work. */
  for (int i = 0; i < 100; i++) CHECK_EQ(gh_offload(add, &sum, NULL, gh_after_ms(20000)), 0);
  CHECK_EQ(sum, 100);

  for (int i = 0; i < WAITERS; i++) {
    void *code;
    if (until[i] == GH_NEVER) CHECK_EQ(gh_cancel(threads[i]), 0);
    CHECK_EQ(gh_join(threads[i], &code, gh_after_ms(20000)), 0);
    CHECK_EQ((intptr_t)code, until[i] == GH_NEVER ? -ECANCELED : -ETIMEDOUT);
    if (until[i] != GH_NEVER) CHECK(gh_now() >= until[i]);
  }
  CHECK_EQ(gh_offload_stats(&stats, sizeof stats), 0);
  CHECK_EQ(stats.queued, 0);

  int64_t deadline = gh_after_ms(60);
  CHECK_EQ(gh_tcp_connect("silent.test", 80, deadline), -ETIMEDOUT);
  CHECK(gh_now() >= deadline);
  deadline = gh_after_ms(60);
  CHECK_EQ(gh_getaddrinfo("four.test", NULL, NULL, &list, deadline), -ETIMEDOUT); /* behind them */
  /* The process exits while the resolver still waits. */
}

/* A listener at one address, at the port if it is not 0. */
static int listen_at(const char *host, int *port) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  int fd = gh_tcp_listen(host, *port, 16);
  if (fd < 0) return fd;
  CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
  *port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                             : ((struct sockaddr_in6 *)&address)->sin6_port);
  return fd;
}

/* Fills a listener's backlog: from then on it swallows what comes. */
static void crowd(int listener, const char *host, int port) {
  int extra[64], count = 0;
  CHECK_EQ(listen(listener, 0), 0);
  for (; count < 64; count++) {
    extra[count] = gh_tcp_connect(host, port, gh_after_ms(50));
    if (extra[count] == -ETIMEDOUT) return;
    CHECK(extra[count] >= 0);
  }
  CHECK(!"a backlog of zero fills up");
}

static int peer_family(int fd) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  CHECK_EQ(getpeername(fd, (struct sockaddr *)&address, &length), 0);
  return address.ss_family;
}

static int highest_descriptor(void) {
  int fd = dup(0);
  close(fd);
  return fd;
}

static void connects(const char *name, int port, int family) {
  int fd = gh_tcp_connect(name, port, gh_after_ms(20000));
  CHECK(fd >= 0);
  CHECK_EQ(peer_family(fd), family);
  CHECK_EQ(gh_close(fd), 0);
}

static void race(void) {
  int port = 0, free_number;
  int64_t start, deadline;

  own_files(hosts, RESOLVER, "hosts: files\n");
  int six = listen_at("::1", &port);
  if (six < 0) cannot("no IPv6 loopback");
  /* IPv6 only. */
  connects("both.test", port, AF_INET6);
  CHECK_EQ(gh_tcp_connect("four.test", port, gh_after_ms(20000)), -ECONNREFUSED);
  /* Both: the first one stands first in the resolver's order. */
  int four = listen_at("127.0.0.1", &port);
  CHECK(four >= 0);
  connects("both.test", port, AF_INET6);
  connects("six.test", port, AF_INET6);
  connects("four.test", port, AF_INET);
  /* IPv4 only: the refusal of the other lets it start at once. */
  CHECK_EQ(gh_close(six), 0);
  start = gh_now();
  connects("both.test", port, AF_INET);
  CHECK(gh_now() - start < 20000 * MS);
  /* Neither. */
  CHECK_EQ(gh_close(four), 0);
  free_number = highest_descriptor();
  for (int i = 0; i < 50; i++) {
    CHECK_EQ(gh_tcp_connect("both.test", port, gh_after_ms(20000)), -ECONNREFUSED);
  }
  CHECK_EQ(highest_descriptor(), free_number);

  /* The first swallows what comes: the second has its turn 250 ms later, and the loser is closed. */
  six = listen_at("::1", &port);
  four = listen_at("127.0.0.1", &port);
  CHECK(six >= 0 && four >= 0);
  crowd(six, "::1", port);
  free_number = highest_descriptor();
  start = gh_now();
  connects("both.test", port, AF_INET);
  CHECK(gh_now() - start >= 250 * MS);
  CHECK_EQ(highest_descriptor(), free_number);
  /* Both swallow: one deadline over all. */
  crowd(four, "127.0.0.1", port);
  deadline = gh_after_ms(400);
  CHECK_EQ(gh_tcp_connect("both.test", port, deadline), -ETIMEDOUT);
  CHECK(gh_now() >= deadline);
  CHECK_EQ(highest_descriptor(), free_number);
  deadline = gh_after_ms(30); /* before the second has its turn */
  CHECK_EQ(gh_tcp_connect("both.test", port, deadline), -ETIMEDOUT);
  CHECK(gh_now() >= deadline);
  /* One swallows, the other refuses: the wait goes on until the deadline. */
  CHECK_EQ(gh_close(four), 0);
  CHECK_EQ(gh_tcp_connect("both.test", port, gh_after_ms(350)), -ETIMEDOUT);
}

int main(void) {
  void (*scenes[])(void) = {hosts_file, silent_server, race};
  int failed = 0, skipped = 0;
  for (int i = 0; i < 3; i++) {
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(50);
      scenes[i]();
      exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
      skipped = 1;
    } else if (status != 0) {
      fprintf(stderr, "scene %d: status %#x\n", i, (unsigned)status);
      failed = 1;
    }
  }
  return failed ? 1 : skipped ? SKIPPED : 0;
}
