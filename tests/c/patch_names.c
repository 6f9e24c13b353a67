/* libc's lookups of names, patched: with a name server that takes its time (in a mount namespace, see
 * names.c) many wait together; results, codes, h_errno and buffers are as libc has them. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"
#include "own_files.h"

#define MS INT64_C(1000000)
#define RESOLVER "nameserver " SERVER "\noptions timeout:30 attempts:1\n"
#define SERVER "127.53.53.54"
#define DELAY 300
#define LOOKUPS 50

static volatile int delay = DELAY;

static const char hosts[] =
    "127.0.0.1 localhost four.test alias.test other-alias.test\n"
    "::1 six.test\n"
    "127.0.0.2 two.test\n"
    "127.0.0.1 two.test\n";

/* Answers each question 300 ms after it came: 10.1.2.3 for every name, no IPv6, a name for each address,
 * and that there is none for names that begin with "no". */
static void *serve(void *arg) {
  static struct {
    unsigned char bytes[512];
    ssize_t length;
    struct sockaddr_in from;
    int64_t due;
  } queue[4096];
  unsigned head = 0, tail = 0;
  int fd = *(int *)arg;
  for (;;) {
    int64_t left = head == tail ? 1000 : (queue[head % 4096].due - gh_now()) / MS + 1;
    struct pollfd entry = {fd, POLLIN, 0};
    if (left > 0 && poll(&entry, 1, (int)left) > 0) {
      socklen_t length = sizeof queue[tail % 4096].from;
      unsigned at = tail++ % 4096;
      queue[at].length = recvfrom(fd, queue[at].bytes, 512, 0, (struct sockaddr *)&queue[at].from, &length);
      CHECK(queue[at].length > 17);
      queue[at].due = gh_now() + delay * MS;
    }
    while (head != tail && queue[head % 4096].due <= gh_now()) {
      unsigned at = head++ % 4096;
      unsigned char *bytes = queue[at].bytes, *end = bytes + 12;
      while (*end) end += *end + 1;
      int type = end[2], none = memcmp(bytes + 13, "no", 2) == 0;
      end += 5;
      bytes[2] = 0x81;
      bytes[3] = none ? 0x83 : 0x80;
      memset(bytes + 6, 0, 6);
      if (!none && type == 1) {
        static const unsigned char record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 2, 3};
        memcpy(end, record, sizeof record);
        end += sizeof record;
        bytes[7] = 1;
      } else if (!none && type == 12) {
        static const unsigned char record[] = {0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, 11,
                                               4, 'b', 'a', 'c', 'k', 4, 't', 'e', 's', 't', 0};
        memcpy(end, record, sizeof record);
        end += sizeof record;
        bytes[7] = 1;
      }
      sendto(fd, bytes, end - bytes, 0, (struct sockaddr *)&queue[at].from, sizeof queue[at].from);
    }
  }
  return NULL;
}

static int running, most;

static void *look_up(void *arg) {
  int which = (int)(long)arg, number = 0;
  struct addrinfo hints, *list = NULL;
  struct sockaddr_in address;
  struct hostent entry, *found = NULL;
  char name[64], text[256], buffer[2048];
  snprintf(name, sizeof name, "host%d.test", which);
  if (++running > most) most = running;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x0a010200 + which);
  switch (which % 5) {
  case 0:
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    errno = 77;
    CHECK_EQ(getaddrinfo(name, "80", &hints, &list), 0);
    CHECK_EQ(errno, 77);
    CHECK(list != NULL && list->ai_next == NULL);
    memcpy(&address, list->ai_addr, sizeof address);
    CHECK_EQ(address.sin_addr.s_addr, htonl(0x0a010203));
    CHECK_EQ(address.sin_port, htons(80));
    freeaddrinfo(list);
    break;
  case 1:
    CHECK_EQ(getnameinfo((struct sockaddr *)&address, sizeof address, text, sizeof text, NULL, 0, 0), 0);
    CHECK_EQ(strcmp(text, "back.test"), 0);
    break;
  case 2:
    found = gethostbyname(name);
    CHECK(found != NULL);
    gh_yield();
    gh_sleep_ms(5);
    /* Nobody else's call has changed it. */
    CHECK_EQ(strcmp(found->h_name, name), 0);
    CHECK_EQ(memcmp(found->h_addr_list[0], "\x0a\x01\x02\x03", 4), 0);
    break;
  case 3:
    CHECK_EQ(gethostbyname_r(name, &entry, buffer, sizeof buffer, &found, &number), 0);
    CHECK(found == &entry && strcmp(found->h_name, name) == 0);
    CHECK(found->h_name >= buffer && found->h_name < buffer + sizeof buffer);
    CHECK_EQ(memcmp(found->h_addr_list[0], "\x0a\x01\x02\x03", 4), 0);
    break;
  default:
    found = gethostbyaddr(&address.sin_addr, 4, AF_INET);
    CHECK(found != NULL && strcmp(found->h_name, "back.test") == 0);
  }
  running--;
  return NULL;
}

static void together(void) {
  gh_offload_options options;
  gh_thread threads[LOOKUPS];
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.threads = LOOKUPS + 2;
  options.names = LOOKUPS;
  CHECK_EQ(gh_offload_configure(&options), 0);
  int64_t start = gh_now();
  for (long i = 0; i < LOOKUPS; i++) CHECK_EQ(gh_spawn(&threads[i], NULL, look_up, (void *)i), 0);
  for (int i = 0; i < LOOKUPS; i++) CHECK_EQ(gh_join(threads[i], NULL, GH_NEVER), 0);
  CHECK_EQ(most, LOOKUPS);
  CHECK(gh_now() - start >= DELAY * MS);
  CHECK(gh_now() - start < LOOKUPS / 3 * DELAY * MS);
}

/* What an answer says, offsets instead of pointers. */
static void describe(char *out, const struct hostent *host, const char *buffer) {
  if (host == NULL) {
    strcpy(out, "none");
    return;
  }
  out += sprintf(out, "%s/%d/%d", host->h_name, host->h_addrtype, host->h_length);
  if (buffer) out += sprintf(out, "@%d", (int)(host->h_name - buffer));
  for (char **alias = host->h_aliases; *alias; alias++) {
    out += sprintf(out, " %s", *alias);
    if (buffer) out += sprintf(out, "@%d", (int)(*alias - buffer));
  }
  for (char **address = host->h_addr_list; *address; address++) {
    for (int i = 0; i < host->h_length; i++) out += sprintf(out, "%c%02x", i ? ':' : ' ', (*address)[i] & 255);
    if (buffer) out += sprintf(out, "@%d", (int)(*address - buffer));
  }
}

static void same_hosts(void) {
  static const char *const names[] = {"four.test", "alias.test", "six.test", "two.test", "127.0.0.1",
                                      "::1",       "1.2.3",     "a b",      "a..b"};
  static const int families[] = {AF_INET, AF_INET6, 77};
  static const int lengths[] = {1024, 0, 20, 60, 90, 120, 150};
  char texts[2][1024];
  static char buffer[1100] __attribute__((aligned(16)));
  int numbers[2], results[2];
  for (unsigned n = 0; n < sizeof names / sizeof *names; n++) {
    for (int f = -1; f < 3; f++) {
      for (unsigned l = 0; l < 7; l++) {
        for (int skew = 0; skew < 3; skew++) {
          for (int round = 0; round < 2; round++) {
            struct hostent entry, *found = (struct hostent *)1;
            char *at = buffer + skew * 5;
            numbers[round] = 55;
            errno = 77;
            if (round) CHECK_EQ(gh_patch_pause(), 0);
            results[round] =
                f < 0 ? gethostbyname_r(names[n], &entry, at, lengths[l], &found, &numbers[round])
                      : gethostbyname2_r(names[n], families[f], &entry, at, lengths[l], &found, &numbers[round]);
            if (round) CHECK_EQ(gh_patch_resume(), 0);
            CHECK(found == NULL || found == &entry);
            describe(texts[round], found, at);
          }
          CHECK_EQ(results[0], results[1]);
          if (strcmp(texts[0], texts[1]) != 0) {
            fprintf(stderr, "%s %d %d: %s not %s\n", names[n], f, lengths[l], texts[0], texts[1]);
            exit(1);
          }
          CHECK_EQ(numbers[0], numbers[1]);
        }
      }
      for (int round = 0; round < 2; round++) {
        if (round) CHECK_EQ(gh_patch_pause(), 0);
        h_errno = 55;
        describe(texts[round], f < 0 ? gethostbyname(names[n]) : gethostbyname2(names[n], families[f]), NULL);
        numbers[round] = strcmp(texts[round], "none") ? 0 : h_errno;
        if (round) CHECK_EQ(gh_patch_resume(), 0);
      }
      CHECK_EQ(strcmp(texts[0], texts[1]), 0);
    }
  }
  static const unsigned char addresses[][16] = {{127, 0, 0, 1}, {127, 0, 0, 2}, {[15] = 1}};
  for (int a = 0; a < 3; a++) {
    for (int length = 0; length <= 20; length += 4) {
      for (int f = 0; f < 3; f++) {
        char bytes[32] = {0};
        memcpy(bytes, addresses[a], 16);
        for (int round = 0; round < 2; round++) {
          struct hostent entry, *found = (struct hostent *)1;
          if (round) CHECK_EQ(gh_patch_pause(), 0);
          results[round] = gethostbyaddr_r(bytes, length, families[f], &entry, buffer, 1024, &found, &numbers[round]);
          describe(texts[round], found, buffer);
          if (round) CHECK_EQ(gh_patch_resume(), 0);
        }
        CHECK_EQ(results[0], results[1]);
        CHECK_EQ(strcmp(texts[0], texts[1]), 0);
      }
    }
  }
}

static void same_infos(void) {
  static const char *const names[] = {"four.test", "six.test", "127.0.0.1", "::1", "none.test", "127.1", NULL, ""};
  static const char *const services[] = {"80", "http", "none!", NULL, ""};
  static const int flags[] = {0, AI_NUMERICHOST, AI_CANONNAME, AI_NUMERICSERV, AI_PASSIVE, 0x40000000};
  static const int families[] = {0, AF_INET, AF_INET6, 77};
  for (int n = 0; n < 8; n++) {
    for (int s = 0; s < 5; s++) {
      for (int f = 0; f < 6; f++) {
        for (int y = 0; y < 4; y++) {
          struct addrinfo hints, *lists[2] = {NULL, NULL};
          int codes[2];
          if (n == 4 && (f == 1 || y > 1 || s)) continue; /* asks the server */
          memset(&hints, 0, sizeof hints);
          hints.ai_flags = flags[f];
          hints.ai_family = families[y];
          for (int round = 0; round < 2; round++) {
            if (round) CHECK_EQ(gh_patch_pause(), 0);
            codes[round] = getaddrinfo(names[n], services[s], &hints, &lists[round]);
            if (round) CHECK_EQ(gh_patch_resume(), 0);
          }
          CHECK_EQ(codes[0], codes[1]);
          struct addrinfo *a = lists[0], *b = lists[1];
          for (; a && b; a = a->ai_next, b = b->ai_next) {
            CHECK_EQ(a->ai_family, b->ai_family);
            CHECK_EQ(a->ai_addrlen, b->ai_addrlen);
            CHECK_EQ(memcmp(a->ai_addr, b->ai_addr, a->ai_addrlen), 0);
            CHECK_EQ(a->ai_canonname == NULL, b->ai_canonname == NULL);
            if (a->ai_canonname) CHECK_EQ(strcmp(a->ai_canonname, b->ai_canonname), 0);
          }
          CHECK(a == NULL && b == NULL);
          for (int round = 0; round < 2; round++)
            if (lists[round]) freeaddrinfo(lists[round]);
        }
      }
    }
  }
  struct sockaddr_storage address;
  memset(&address, 0, sizeof address);
  ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int family = 0; family < 12; family++) {
    static const int lengths[] = {0, 1, 2, 15, 16, 17, 28, 110, 128};
    for (int l = 0; l < 9; l++) {
      int length = lengths[l];
      for (int flag = family == AF_INET6; flag < 64; flag += 3) {
        char texts[2][2][64];
        int codes[2], room = flag % 5 ? 64 : 5;
        address.ss_family = family;
        memset(texts, 0, sizeof texts);
        for (int round = 0; round < 2; round++) {
          if (round) CHECK_EQ(gh_patch_pause(), 0);
          codes[round] = getnameinfo((struct sockaddr *)&address, length, texts[round][0],
                                     room, flag % 2 ? NULL : texts[round][1], 64, flag);
          if (round) CHECK_EQ(gh_patch_resume(), 0);
        }
        CHECK_EQ(codes[0], codes[1]);
        if (codes[0] == 0) CHECK_EQ(memcmp(texts[0], texts[1], sizeof texts[0]), 0);
        if (family != AF_INET && flag) break;
      }
    }
  }
  char text[8];
  CHECK_EQ(getnameinfo(NULL, 16, text, 8, NULL, 0, 0), EAI_FAMILY);
}

static void *canceled(void *arg) {
  struct addrinfo *list = (struct addrinfo *)8;
  struct hostent entry, *found = &entry;
  char buffer[512];
  int number = 0;
  (void)arg;
  CHECK_EQ(getaddrinfo("late.test", NULL, NULL, &list), EAI_SYSTEM);
  CHECK_EQ(errno, ECANCELED);
  CHECK(gethostbyname("later.test") == NULL);
  CHECK_EQ(errno, ECANCELED);
  CHECK_EQ(h_errno, NETDB_INTERNAL);
  CHECK_EQ(gethostbyname_r("latest.test", &entry, buffer, sizeof buffer, &found, &number), ECANCELED);
  CHECK(found == NULL && number == NETDB_INTERNAL);
  CHECK_EQ(getaddrinfo("127.0.0.1", "80", NULL, &list), 0); /* nobody is asked */
  freeaddrinfo(list);
  return NULL;
}

int main(void) {
  struct sockaddr_in address;
  pthread_t server;
  gh_thread thread;

  alarm(55);
  own_files(hosts, RESOLVER, "hosts: files dns\n");
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  CHECK_EQ(inet_pton(AF_INET, SERVER, &address.sin_addr), 1);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) cannot("no name server");
  CHECK_EQ(pthread_create(&server, NULL, serve, &fd), 0);
  CHECK(gh_patch(GH_PATCH_NAMES) > 0);
  together();
  CHECK_EQ(gh_spawn(&thread, NULL, canceled, NULL), 0);
  gh_sleep_ms(10);
  CHECK_EQ(gh_cancel(thread), 0);
  CHECK_EQ(gh_join(thread, NULL, GH_NEVER), 0);
  delay = 0;
  same_infos();
  same_hosts();
  CHECK(gh_unpatch() > 0);
  return 0;
}
