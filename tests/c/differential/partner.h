/* The other side: an OS thread without a hub, which acts once the caller sleeps, so that a call that is to
 * wait has really waited. */
#ifndef PARTNER_H
#define PARTNER_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "../check.h"
#include "raw.h"
#include "record.h"

enum deed {
  NOTHING,
  SEND,      /* `length` bytes to `fd` */
  PIECES,    /* the same in two pieces, the caller asleep again between them */
  CLOSE,     /* `fd` */
  SHUT,      /* no more writing to `fd` */
  DRAIN,     /* reads from `fd` until the caller is back, then what it has left */
  TAKE,      /* one read of 8 bytes from `fd`, if the caller waits */
  COUNT,     /* one write of the number 3 to `fd` */
  ARM,       /* the timer `fd`, for a millisecond from now */
  CONNECT,   /* a new socket to `address`, closed again */
  ACCEPT,    /* one connection from `fd`, closed again */
  INTERRUPT, /* a signal for the caller's OS thread, then as SEND */
  QUIT,
};

typedef struct partner {
  pthread_t thread;
  sem_t go;
  int busy, returned; /* atomics */
  pid_t caller;
  pthread_t caller_thread;
  enum deed deed;
  int fd;
  size_t length;
  int64_t total; /* what the caller's call has sent, once it is back */
  int64_t left;  /* what was to be drained before it, or -1: until nothing is there */
  struct sockaddr_storage address;
  socklen_t address_length;
  int64_t patience; /* until the caller is taken to be asleep, ns */
  int64_t drained;
  uint32_t sum;
  long outcome;
  uint8_t bytes[4096];
} partner;

/* A letter of what is sent: a terminal takes other bytes for commands. */
static uint8_t letter(size_t at) { return (uint8_t)('a' + (at + at / 26 * 3) % 26); }

static void until_asleep(partner *p) {
  int64_t end = raw_now() + p->patience;
  for (int seen = 0; raw_now() < end && seen < 2;) {
    if (__atomic_load_n(&p->returned, __ATOMIC_ACQUIRE)) return;
    seen = raw_is_asleep(p->caller) ? seen + 1 : 0;
    raw_pause(20);
  }
}

static void drain(partner *p) {
  static __thread uint8_t bytes[65536];
  int64_t last = raw_now();
  p->sum = DIGEST_START;
  p->drained = 0;
  for (int nothing = 0; nothing < 64;) {
    bool over = __atomic_load_n(&p->returned, __ATOMIC_ACQUIRE);
    if (over && p->left >= 0 && p->drained >= p->left + p->total) break;
    /* A socket may be told to give nothing below a number of bytes: SO_RCVLOWAT. */
    ssize_t got = -1;
    errno = EAGAIN;
    if (raw_poll(p->fd, POLLIN) != 0)
      got = raw_is_socket(p->fd) ? recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT) : read(p->fd, bytes, sizeof bytes);
    /* Shut down for reading a socket gives nothing where nothing is, and takes in what comes all the same. */
    if ((got < 0 && errno == EAGAIN) || (got == 0 && (!over || p->left >= 0))) {
      /* What does not come any more was lost in a shutdown. What TCP holds back it tries again within 200 ms. */
      if (over && (p->left < 0 || raw_now() - last > 1000000000)) break;
      raw_pause(50);
      continue;
    }
    if (got < 0) break;
    /* Many empty messages are what a side gives that is shut down. */
    nothing = got == 0 ? nothing + 1 : 0;
    p->sum = digest(p->sum, bytes, (size_t)got);
    p->drained += got;
    last = raw_now();
  }
}

static void act(partner *p) {
  uint64_t number = 3;
  int fd;
  switch (p->deed) {
  case INTERRUPT:
    pthread_kill(p->caller_thread, SIGUSR1);
    until_asleep(p);
    p->outcome = write(p->fd, p->bytes, p->length);
    break;
  case SEND:
    p->outcome = write(p->fd, p->bytes, p->length);
    break;
  case PIECES:
    p->outcome = write(p->fd, p->bytes, p->length / 2);
    until_asleep(p);
    p->outcome += write(p->fd, p->bytes, p->length - p->length / 2);
    break;
  case CLOSE:
    p->outcome = close(p->fd);
    break;
  case SHUT:
    p->outcome = shutdown(p->fd, SHUT_WR);
    break;
  case DRAIN:
    drain(p);
    break;
  case TAKE:
    if (!__atomic_load_n(&p->returned, __ATOMIC_ACQUIRE)) p->outcome = read(p->fd, &number, sizeof number);
    break;
  case COUNT:
    p->outcome = write(p->fd, &number, sizeof number);
    break;
  case ARM: {
    struct itimerspec soon = {{0, 0}, {0, 1000000}};
    p->outcome = timerfd_settime(p->fd, 0, &soon, NULL);
    break;
  }
  case CONNECT:
    fd = socket(p->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->outcome = connect(fd, (struct sockaddr *)&p->address, p->address_length);
    close(fd);
    break;
  case ACCEPT:
    fd = accept(p->fd, NULL, NULL);
    p->outcome = fd < 0 ? -errno : 0;
    if (fd >= 0) close(fd);
    break;
  default:
    break;
  }
}

static void *partner_main(void *arg) {
  partner *p = arg;
  for (;;) {
    while (sem_wait(&p->go) != 0) continue;
    if (p->deed == QUIT) return NULL;
    until_asleep(p);
    act(p);
    __atomic_store_n(&p->busy, 0, __ATOMIC_RELEASE);
  }
}

static void partner_start(partner *p, int64_t patience) {
  memset(p, 0, sizeof *p);
  p->patience = patience;
  CHECK(sem_init(&p->go, 0, 0) == 0);
  CHECK(pthread_create(&p->thread, NULL, partner_main, p) == 0);
}

static void partner_stop(partner *p) {
  p->deed = QUIT;
  sem_post(&p->go);
  CHECK(pthread_join(p->thread, NULL) == 0);
  sem_destroy(&p->go);
}

/* The calling OS thread is about to make the call. */
static void partner_ready(partner *p) {
  if (p->deed == NOTHING) return;
  p->caller = (pid_t)syscall(SYS_gettid);
  p->caller_thread = pthread_self();
  p->outcome = 0;
  p->total = 0;
  __atomic_store_n(&p->returned, 0, __ATOMIC_RELEASE);
  __atomic_store_n(&p->busy, 1, __ATOMIC_RELEASE);
  sem_post(&p->go);
}

/* The call is over, and has sent `total` bytes. */
static void partner_over(partner *p, int64_t total) {
  if (p->deed == NOTHING) return;
  p->total = total > 0 ? total : 0;
  __atomic_store_n(&p->returned, 1, __ATOMIC_RELEASE);
  while (__atomic_load_n(&p->busy, __ATOMIC_ACQUIRE)) raw_pause(20);
}

#endif
