/* The descriptors of one sequence: pairs of ends, of every kind that can be waited for and some that
 * cannot, at numbers that are the same in every run. */
#ifndef WORLD_H
#define WORLD_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <termios.h>

#include "dice.h"
#include "partner.h"

enum kind { PIPE, STREAM, DATAGRAM, PACKETS, TCP, UDP, PTY, EVENT, TIMER, FILES, DEVICE, LISTENER, LOOSE, POLLER };

static const char *const KINDS[] = {"pipe",  "stream", "dgram", "packets", "tcp",      "udp",  "pty",
                                    "event", "timer",  "file",  "device",  "listener", "loose", "poller"};

#define ENDS 16
#define SPACE (1 << 20)
#define UNTOUCHED 7777

/* An open file description. */
typedef struct channel {
  enum kind kind;
  int peer;       /* the channel at the other side, or -1 */
  int64_t unread; /* bytes that were sent to it, where nothing gets lost */
  uint64_t watched;
  bool lines;  /* a terminal that gives whole lines only */
  bool single; /* an eventfd that gives one at a time */
  bool mute;   /* has shut down what it sends */
  bool heard;  /* was a listener */
  bool over;   /* its peer's end has arrived */
  bool lent;   /* a file of which something was sent */
} channel;

typedef struct end {
  int fd; /* -1: closed */
  int channel;
} end;

typedef struct world {
  dice dice;
  record record;
  int base; /* the first number of its descriptors */
  bool counts_sigpipe, interrupts;
  int count, channels;
  end ends[ENDS];
  channel channel[ENDS];
  partner partner;
  uint8_t *in, *out; /* SPACE bytes each, a page behind them that cannot be touched */
  int sigpipes;      /* before the call */
  int64_t in_step;   /* when the step began, 0 between sequences */
} world;

static __thread int sigpipes, interruptions;

static bool is_stream(enum kind kind) { return kind == PIPE || kind == STREAM || kind == TCP || kind == PTY; }

/* Where bytes arrive a moment later than they were sent. */
static bool is_late(enum kind kind) { return kind == TCP || kind == PTY; }

static channel *channel_of(world *w, int which) { return &w->channel[w->ends[which].channel]; }

static int free_end(world *w) {
  for (int i = 0; i < ENDS; i++)
    if (w->ends[i].fd < 0) return i;
  return -1;
}

/* Gives a new descriptor its number. */
static int settle_number(world *w, int fd, int which) {
  CHECK(fd >= 0);
  CHECK_EQ(dup2(fd, w->base + which), w->base + which);
  CHECK_EQ(close(fd), 0);
  return w->base + which;
}

static int add(world *w, int fd, enum kind kind) {
  int which = free_end(w);
  if (which < 0 || w->channels == ENDS) {
    close(fd);
    return -1;
  }
  w->ends[which].fd = settle_number(w, fd, which);
  w->ends[which].channel = w->channels;
  w->channel[w->channels++] = (channel){.kind = kind, .peer = -1};
  if (w->count <= which) w->count = which + 1;
  return which;
}

static void add_pair(world *w, int one, int other, enum kind kind) {
  int a = add(w, one, kind), b = add(w, other, kind);
  if (a < 0 || b < 0) return;
  channel_of(w, a)->peer = w->ends[b].channel;
  channel_of(w, b)->peer = w->ends[a].channel;
}

/* An end of a channel, or -1. `only`: if there is exactly one. */
static int end_of(world *w, int channel, bool only) {
  int found = -1;
  for (int i = 0; i < w->count && channel >= 0; i++) {
    if (w->ends[i].fd < 0 || w->ends[i].channel != channel) continue;
    if (only && found >= 0) return -1;
    if (found < 0) found = i;
  }
  return found;
}

static int loopback(int type, struct sockaddr_in *address) {
  socklen_t length = sizeof *address;
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(bind(fd, (struct sockaddr *)address, length), 0);
  CHECK_EQ(getsockname(fd, (struct sockaddr *)address, &length), 0);
  return fd;
}

static void small_buffers(int fd) {
  int size = 20000, on = 1;
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
  CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
  CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
}

static void open_tcp(world *w) {
  struct sockaddr_in address;
  int listener = loopback(SOCK_STREAM, &address);
  CHECK_EQ(listen(listener, 1), 0);
  int one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  small_buffers(one);
  CHECK_EQ(connect(one, (struct sockaddr *)&address, sizeof address), 0);
  int other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  small_buffers(other);
  CHECK_EQ(close(listener), 0);
  add_pair(w, one, other, TCP);
}

static void open_udp(world *w) {
  struct sockaddr_in a, b;
  int one = loopback(SOCK_DGRAM, &a), other = loopback(SOCK_DGRAM, &b);
  CHECK_EQ(connect(one, (struct sockaddr *)&b, sizeof b), 0);
  CHECK_EQ(connect(other, (struct sockaddr *)&a, sizeof a), 0);
  add_pair(w, one, other, UDP);
}

static void open_pty(world *w) {
  static const cc_t MODES[][2] = {{1, 0}, {1, 0}, {0, 0}, {0, 1}, {3, 0}};
  const cc_t *mode = MODES[roll(&w->dice, 5)];
  bool canonical = one_in(&w->dice, 3);
  char name[64];
  struct termios settings;
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
  CHECK_EQ(ptsname_r(master, name, sizeof name), 0);
  int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  CHECK_EQ(tcgetattr(slave, &settings), 0);
  cfmakeraw(&settings);
  if (canonical) settings.c_lflag |= ICANON;
  settings.c_cc[VMIN] = mode[0], settings.c_cc[VTIME] = mode[1];
  CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
  note(&w->record, "pty %s min %d time %d\n", canonical ? "lines" : "raw", mode[0], mode[1]);
  add_pair(w, master, slave, PTY);
  if (canonical && w->channels > 0) w->channel[w->channels - 1].lines = true;
}

static void open_file(world *w) {
  uint8_t bytes[10000];
  int fd = memfd_create("differential", MFD_CLOEXEC);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 31);
  CHECK_EQ(write(fd, bytes, sizeof bytes), sizeof bytes);
  CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
  add(w, fd, FILES);
}

static void open_listener(world *w) {
  struct sockaddr_in address;
  sa_family_t family = AF_UNIX;
  int fd;
  if (one_in(&w->dice, 2)) {
    fd = loopback(SOCK_STREAM, &address);
  } else {
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(fd, (struct sockaddr *)&family, sizeof family), 0);
  }
  CHECK_EQ(listen(fd, 2), 0);
  add(w, fd, LISTENER);
}

static void open_kind(world *w, enum kind kind) {
  static const int LOOSE_TYPES[] = {SOCK_STREAM, SOCK_DGRAM};
  static const int LOOSE_FAMILIES[] = {AF_INET, AF_UNIX};
  int fds[2];
  note(&w->record, "open %s\n", KINDS[kind]);
  switch (kind) {
  case PIPE:
    CHECK_EQ(pipe(fds), 0);
    add_pair(w, fds[0], fds[1], kind);
    break;
  case STREAM:
  case DATAGRAM:
  case PACKETS: {
    int type = kind == STREAM ? SOCK_STREAM : kind == DATAGRAM ? SOCK_DGRAM : SOCK_SEQPACKET;
    CHECK_EQ(socketpair(AF_UNIX, type, 0, fds), 0);
    add_pair(w, fds[0], fds[1], kind);
    break;
  }
  case TCP: open_tcp(w); break;
  case UDP: open_udp(w); break;
  case PTY: open_pty(w); break;
  case EVENT: {
    bool semaphore = one_in(&w->dice, 2);
    int which = add(w, eventfd(roll(&w->dice, 3), semaphore ? EFD_SEMAPHORE : 0), kind);
    if (which >= 0) channel_of(w, which)->single = semaphore;
    break;
  }
  case TIMER: add(w, timerfd_create(CLOCK_MONOTONIC, 0), kind); break;
  case FILES: open_file(w); break;
  case DEVICE: add(w, open(one_in(&w->dice, 2) ? "/dev/null" : "/dev/zero", O_RDWR | O_CLOEXEC), kind); break;
  case LISTENER: open_listener(w); break;
  case LOOSE: add(w, socket(PICK(&w->dice, LOOSE_FAMILIES), PICK(&w->dice, LOOSE_TYPES), 0), kind); break;
  case POLLER: add(w, epoll_create1(0), kind); break;
  }
}

static void *guarded_space(void) {
  long page = sysconf(_SC_PAGESIZE);
  uint8_t *at = mmap(NULL, SPACE + (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(at != MAP_FAILED);
  CHECK_EQ(mprotect(at + SPACE, (size_t)page, PROT_NONE), 0);
  return at;
}

static void world_prepare(world *w, int base, int64_t patience) {
  memset(w, 0, sizeof *w);
  w->base = base;
  w->in = guarded_space();
  w->out = guarded_space();
  for (size_t i = 0; i < SPACE; i++) w->out[i] = letter(i + i / 1000);
  partner_start(&w->partner, patience);
}

static void world_drop(world *w) {
  long page = sysconf(_SC_PAGESIZE);
  partner_stop(&w->partner);
  munmap(w->in, SPACE + (size_t)page);
  munmap(w->out, SPACE + (size_t)page);
  forget(&w->record);
}

/* Waits until what was sent has arrived, where that takes a moment, and until the end has. What never comes,
 * as one side was shut down, is waited for once. */
static void let_arrive(world *w) {
  for (int i = 0; i < w->count; i++) {
    if (w->ends[i].fd < 0 || !is_late(channel_of(w, i)->kind)) continue;
    channel *c = channel_of(w, i);
    int64_t end = raw_now() + (c->lines ? 3000000 : 300000000);
    while (raw_waiting_bytes(w->ends[i].fd) < c->unread && raw_now() < end) raw_pause(10);
    if (raw_waiting_bytes(w->ends[i].fd) < c->unread) c->unread = raw_waiting_bytes(w->ends[i].fd);
    bool gone = c->kind == TCP && c->peer >= 0 && end_of(w, c->peer, false) < 0;
    if (!gone || c->over) continue;
    c->over = true;
    while (!(raw_poll(w->ends[i].fd, POLLRDHUP) & (POLLRDHUP | POLLHUP | POLLERR)) && raw_now() < end) raw_pause(10);
  }
}

#endif
