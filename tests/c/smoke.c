// flags: -std=gnu11
// sanitizer: yes
// valgrind: yes
/* A little of everything, for the runs under tools: threads that end, sleep and are cancelled,
 * sockets, pipes, timers, posts from another OS thread, errors, a hub that is freed with threads
 * in it and one made after it. Nothing is left over at the end. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define CLIENTS 20
#define ROUNDS 5

static int listener, port;
static int served;
static int ticks;
static atomic_int posts;

static void *echo(void *arg) {
  int fd = (int)(intptr_t)arg;
  char buf[256];
  ssize_t n;
  while ((n = gh_recv(fd, buf, sizeof buf, 0, gh_after_ms(30000))) > 0) {
    CHECK_EQ(gh_send_all(fd, buf, (size_t)n, 0, NULL, gh_after_ms(30000)), n);
  }
  CHECK_EQ(n, 0);
  CHECK_EQ(gh_close(fd), 0);
  served++;
  return NULL;
}

static void *serve(void *arg) {
  (void)arg;
  for (int i = 0; i < CLIENTS; i++) {
    int fd = gh_accept(listener, NULL, NULL, gh_after_ms(30000));
    CHECK(fd >= 0);
    CHECK_EQ(gh_spawn(NULL, NULL, echo, (void *)(intptr_t)fd), 0);
  }
  return NULL;
}

static void *ask(void *arg) {
  char text[64], back[64];
  int fd = gh_tcp_connect("127.0.0.1", port, gh_after_ms(30000));
  CHECK(fd >= 0);
  for (int round = 0; round < ROUNDS; round++) {
    memset(text, 'a' + (int)(intptr_t)arg % 26, sizeof text);
    CHECK_EQ(gh_send_all(fd, text, sizeof text, 0, NULL, gh_after_ms(30000)), sizeof text);
    CHECK_EQ(gh_recv_exact(fd, back, sizeof back, 0, NULL, gh_after_ms(30000)), sizeof back);
    CHECK_EQ(memcmp(text, back, sizeof text), 0);
    CHECK_EQ(gh_sleep_ms(1), 0);
  }
  CHECK_EQ(gh_close(fd), 0);
  return arg;
}

static void *until_cancelled(void *arg) {
  CHECK_EQ(gh_sleep_until(GH_NEVER), -ECANCELED);
  CHECK_EQ(gh_cancel_mask(1), 0);
  CHECK_EQ(gh_sleep_ms(1), 0);
  return arg;
}

static void *grow(void *arg) {
  volatile char room[64 * 1024];
  for (size_t at = 0; at < sizeof room; at += 512) room[at] = 1;
  CHECK_EQ(gh_yield(), 0);
  CHECK(room[512] == 1);
  return arg;
}

static void tick(void *arg) {
  CHECK_EQ(gh_sleep_ms(1), GH_ENOTGREEN);
  CHECK_EQ(gh_self(), 0);
  if (++ticks == 5) CHECK_EQ(gh_timer_cancel(*(gh_timer *)arg), 0);
}

static void count_post(void *arg) {
  (void)arg;
  atomic_fetch_add(&posts, 1);
}

static void *post_from_here(void *hub) {
  for (int i = 0; i < 100; i++) {
    int result;
    while ((result = gh_post(hub, count_post, NULL)) == -EAGAIN) usleep(1000);
    CHECK_EQ(result, 0);
  }
  CHECK_EQ(gh_hub_run(hub), GH_EWRONGTHREAD);
  return NULL;
}

static void talk(void) {
  gh_thread server, clients[CLIENTS];
  listener = gh_tcp_listen("127.0.0.1", 0, 64);
  CHECK(listener >= 0);
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  port = ntohs(address.sin_port);
  served = 0;
  CHECK_EQ(gh_spawn(&server, NULL, serve, NULL), 0);
  for (int i = 0; i < CLIENTS; i++) {
    CHECK_EQ(gh_spawn(&clients[i], NULL, ask, (void *)(intptr_t)i), 0);
  }
  for (int i = 0; i < CLIENTS; i++) {
    void *result;
    CHECK_EQ(gh_join(clients[i], &result, GH_NEVER), 0);
    CHECK_EQ((intptr_t)result, i);
  }
  CHECK_EQ(gh_join(server, NULL, GH_NEVER), 0);
  CHECK_EQ(gh_hub_run(gh_hub_current()), 0);
  CHECK_EQ(served, CLIENTS);
  CHECK_EQ(gh_close(listener), 0);
}

static void wait_and_fail(void) {
  int pipes[2];
  char buf[16];
  CHECK_EQ(pipe(pipes), 0);
  CHECK_EQ(gh_read(pipes[0], buf, sizeof buf, gh_after_ms(5)), -ETIMEDOUT);
  CHECK_EQ(gh_write(pipes[1], "data", 4, GH_NEVER), 4);
  struct pollfd fds[2] = {{pipes[0], POLLIN, 0}, {-1, POLLIN, 0}};
  CHECK_EQ(gh_poll(fds, 2, GH_NEVER), 1);
  CHECK_EQ(gh_read(pipes[0], buf, sizeof buf, GH_NEVER), 4);
  CHECK_EQ(gh_close(pipes[0]), 0);
  CHECK_EQ(gh_write(pipes[1], "data", 4, GH_NEVER), -EPIPE);
  CHECK_EQ(gh_close(pipes[1]), 0);
  CHECK_EQ(gh_close(-1), -EBADF);
  CHECK_EQ(gh_tcp_connect("127.0.0.256", 1, GH_NEVER), -EINVAL);
  CHECK_EQ(gh_join(0, NULL, GH_NEVER), -ESRCH);
  CHECK_EQ(gh_spawn(NULL, NULL, NULL, NULL), -EINVAL);
  CHECK(strlen(gh_strerror(-ETIMEDOUT)) > 0);
}

int main(void) {
  for (int round = 0; round < 2; round++) {
    gh_hub *hub = gh_hub_current();
    CHECK(hub != NULL);
    talk();
    wait_and_fail();

    gh_thread grown;
    CHECK_EQ(gh_spawn(&grown, NULL, grow, hub), 0);
    CHECK_EQ(gh_join(grown, NULL, GH_NEVER), 0);

    gh_timer timer, late;
    ticks = 0;
    CHECK_EQ(gh_timer_start(&timer, 0, 1000000, tick, &timer), 0);
    CHECK_EQ(gh_timer_start(&late, gh_after_ms(100000), 0, tick, &late), 0);

    pthread_t poster;
    atomic_store(&posts, 0);
    CHECK_EQ(pthread_create(&poster, NULL, post_from_here, hub), 0);
    while (atomic_load(&posts) < 100 || ticks < 5) CHECK_EQ(gh_sleep_ms(1), 0);
    CHECK_EQ(pthread_join(poster, NULL), 0);

    for (int i = 0; i < 10; i++) CHECK_EQ(gh_spawn(NULL, NULL, until_cancelled, NULL), 0);
    CHECK_EQ(gh_yield(), 0);
    CHECK_EQ(gh_hub_free(hub, gh_after_ms(30000)), 0);
    CHECK_EQ(gh_hub_run(hub), GH_ENOHUB);
    CHECK_EQ(gh_timer_cancel(late), -ESRCH);
  }
  return 0;
}
