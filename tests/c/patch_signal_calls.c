// timeout: 120
// emulated: no, qemu restarts system calls by rules of its own
/* A signal during each hooked wait for bytes, connections, children and semaphores, with and without SA_RESTART:
 * what the call gives is what it gives an OS thread that is not patched, for a green thread and for the root. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000L
#define MUCH (4 << 20)

enum {
  READ_PIPE,
  READ_SOCKET,
  READV_SOCKET,
  RECV,
  RECV_TIMED,
  RECV_ALL,
  RECVFROM,
  RECVMSG,
  RECVMMSG,
  WRITE_PIPE,
  WRITE_PIPE_MUCH,
  SEND,
  SEND_TIMED,
  SEND_MUCH,
  WRITEV_MUCH,
  SENDTO,
  ACCEPT,
  ACCEPT_TIMED,
  CONNECT,
  WAITPID,
  WAIT,
  WAITID,
  WAIT4,
  SEM_WAIT,
  SEM_TIMEDWAIT,
  SEM_CLOCKWAIT,
  COUNT
};

struct outcome {
  int result, error, handled;
};

/* What a call waits with, and what ends it in the end. */
struct stage {
  int which;
  int pair[2];
  int listener;
  struct sockaddr_un address;
  pid_t child;
  sem_t sem;
  pthread_t target;
  int tid;
  volatile int calls, returned;
};

static volatile sig_atomic_t handled;
/* How long what the call waits for is held back, for a call that is to be ended by the signal. */
static int patience;
static char much[MUCH];

static void handler(int signal) {
  (void)signal;
  handled++;
}

static void rest(long ms) {
  struct timespec span = {0, ms * MS};
  nanosleep(&span, NULL);
}

static void make_stream(struct stage *stage, int kind) {
  CHECK(socketpair(AF_UNIX, kind, 0, stage->pair) == 0);
}

static void make_listener(struct stage *stage, int backlog) {
  static int number;
  stage->listener = socket(AF_UNIX, SOCK_STREAM, 0);
  memset(&stage->address, 0, sizeof stage->address);
  stage->address.sun_family = AF_UNIX;
  snprintf(stage->address.sun_path + 1, sizeof stage->address.sun_path - 1, "greenhub-%d-%d", (int)getpid(),
           number++);
  CHECK(bind(stage->listener, (void *)&stage->address, sizeof stage->address) == 0);
  CHECK(listen(stage->listener, backlog) == 0);
}

static int come(struct stage *stage, int flags) {
  int client = socket(AF_UNIX, SOCK_STREAM | flags, 0);
  if (connect(client, (void *)&stage->address, sizeof stage->address) == 0)
    return client;
  CHECK_EQ(errno, EAGAIN);
  close(client);
  return -1;
}

static void fill(int fd) {
  int mode = fcntl(fd, F_GETFL);
  CHECK(fcntl(fd, F_SETFL, mode | O_NONBLOCK) == 0);
  while (write(fd, much, 1000) > 0)
    continue;
  while (write(fd, much, 1) > 0)
    continue;
  CHECK(fcntl(fd, F_SETFL, mode) == 0);
}

static void drain(int fd) {
  static __thread char place[65536];
  CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  for (int i = 0; i < 100; i++) {
    while (read(fd, place, sizeof place) > 0)
      continue;
    rest(1);
  }
}

static void set_time(int fd, int option) {
  struct timeval time = {20, 0};
  CHECK(setsockopt(fd, SOL_SOCKET, option, &time, sizeof time) == 0);
}

static int clients[8], come_first;

static void prepare(struct stage *stage) {
  stage->pair[0] = stage->pair[1] = stage->listener = -1;
  switch (stage->which) {
  case READ_PIPE:
  case WRITE_PIPE:
  case WRITE_PIPE_MUCH:
    CHECK(pipe(stage->pair) == 0);
    if (stage->which == WRITE_PIPE) fill(stage->pair[1]);
    break;
  case RECVFROM:
  case RECVMSG:
  case RECVMMSG:
    make_stream(stage, SOCK_DGRAM);
    break;
  case SENDTO:
    make_stream(stage, SOCK_DGRAM);
    fill(stage->pair[1]);
    break;
  case SEND:
  case SEND_TIMED:
    make_stream(stage, SOCK_STREAM);
    fill(stage->pair[1]);
    if (stage->which == SEND_TIMED) set_time(stage->pair[1], SO_SNDTIMEO);
    break;
  case ACCEPT:
  case ACCEPT_TIMED:
    make_listener(stage, 8);
    if (stage->which == ACCEPT_TIMED) set_time(stage->listener, SO_RCVTIMEO);
    break;
  case CONNECT:
    make_listener(stage, 1);
    for (come_first = 0; (clients[come_first] = come(stage, SOCK_NONBLOCK)) >= 0; come_first++)
      continue;
    stage->pair[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    break;
  case WAITPID:
  case WAIT:
  case WAITID:
  case WAIT4:
    CHECK(pipe(stage->pair) == 0);
    stage->child = fork();
    if (stage->child == 0) {
      char byte;
      close(stage->pair[1]);
      gh_patch_pause();
      while (read(stage->pair[0], &byte, 1) == -1 && errno == EINTR)
        continue;
      _exit(7);
    }
    break;
  case SEM_WAIT:
  case SEM_TIMEDWAIT:
  case SEM_CLOCKWAIT:
    CHECK(sem_init(&stage->sem, 0, 0) == 0);
    break;
  default:
    make_stream(stage, SOCK_STREAM);
    if (stage->which == RECV_TIMED) set_time(stage->pair[0], SO_RCVTIMEO);
    if (stage->which == RECV_ALL) CHECK(send(stage->pair[1], "abc", 3, 0) == 3);
  }
}

static int is_asleep(int tid) {
  char path[64], text[256], state = 0;
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  FILE *file = fopen(path, "r");
  CHECK(file != NULL && fgets(text, sizeof text, file) != NULL);
  CHECK(fclose(file) == 0);
  CHECK(sscanf(strrchr(text, ')'), ") %c", &state) == 1);
  return state == 'S';
}

/* On an OS thread without a hub: the signal, once the caller waits, and later what it waits for. */
static void *pulse(void *arg) {
  struct stage *stage = arg;
  for (int seen = 0; seen < 3; rest(10))
    seen = stage->calls && is_asleep(stage->tid) ? seen + 1 : 0;
  CHECK(pthread_kill(stage->target, SIGUSR1) == 0);
  while (!handled)
    rest(1);
  for (int i = 0; i < patience && !stage->returned; i++)
    rest(10);
  switch (stage->which) {
  case WRITE_PIPE:
  case WRITE_PIPE_MUCH:
  case SEND:
  case SEND_TIMED:
  case SEND_MUCH:
  case WRITEV_MUCH:
  case SENDTO:
    drain(stage->pair[0]);
    break;
  case ACCEPT:
  case ACCEPT_TIMED:
    clients[0] = come(stage, 0);
    CHECK(clients[0] >= 0);
    break;
  case CONNECT: {
    int accepted = accept(stage->listener, NULL, NULL);
    CHECK(accepted >= 0 && close(accepted) == 0);
    break;
  }
  case WAITPID:
  case WAIT:
  case WAITID:
  case WAIT4:
    CHECK(close(stage->pair[1]) == 0);
    break;
  case SEM_WAIT:
  case SEM_TIMEDWAIT:
  case SEM_CLOCKWAIT:
    CHECK(sem_post(&stage->sem) == 0);
    break;
  default:
    CHECK(write(stage->pair[1], "0123456789", 10) == 10);
  }
  return NULL;
}

static struct timespec later(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  time.tv_sec += 20;
  return time;
}

/* More than what is there by itself: less than all of it is one outcome. */
static long part(ssize_t moved) {
  return moved > 0 && moved < MUCH ? 1 : (long)moved;
}

static long call(struct stage *stage) {
  char place[64];
  struct iovec range = {place, 10}, all = {much, MUCH};
  struct msghdr message = {.msg_iov = &range, .msg_iovlen = 1};
  struct mmsghdr messages[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  struct timespec time;
  siginfo_t info;
  struct rusage usage;
  int status = 0, in = stage->pair[0], out = stage->pair[1];
  switch (stage->which) {
  case READ_PIPE:
  case READ_SOCKET:
    return read(in, place, 10);
  case READV_SOCKET:
    return readv(in, &range, 1);
  case RECV:
  case RECV_TIMED:
    return recv(in, place, 10, 0);
  case RECV_ALL:
    return recv(in, place, 13, MSG_WAITALL);
  case RECVFROM:
    return recvfrom(in, place, 10, 0, NULL, NULL);
  case RECVMSG:
    return recvmsg(in, &message, 0);
  case RECVMMSG:
    return recvmmsg(in, messages, 1, 0, NULL);
  case WRITE_PIPE:
    return write(out, "a", 1);
  case WRITE_PIPE_MUCH:
    return part(write(out, much, MUCH));
  case SEND:
  case SEND_TIMED:
    return send(out, "a", 1, 0);
  case SEND_MUCH:
    return part(send(out, much, MUCH, 0));
  case WRITEV_MUCH:
    return part(writev(out, &all, 1));
  case SENDTO:
    return sendto(out, "a", 1, 0, NULL, 0);
  case ACCEPT:
  case ACCEPT_TIMED: {
    int accepted = accept(stage->listener, NULL, NULL);
    return accepted >= 0 ? close(accepted) : accepted;
  }
  case CONNECT:
    return connect(in, (void *)&stage->address, sizeof stage->address);
  case WAITPID:
    return waitpid(stage->child, &status, 0) == stage->child ? WEXITSTATUS(status) : -1;
  case WAIT:
    return wait(&status) == stage->child ? WEXITSTATUS(status) : -1;
  case WAITID:
    return waitid(P_PID, (id_t)stage->child, &info, WEXITED) == 0 ? info.si_status : -1;
  case WAIT4:
    return wait4(stage->child, &status, 0, &usage) == stage->child ? WEXITSTATUS(status) : -1;
  case SEM_WAIT:
    return sem_wait(&stage->sem);
  case SEM_TIMEDWAIT:
    time = later(CLOCK_REALTIME);
    return sem_timedwait(&stage->sem, &time);
  default:
    time = later(CLOCK_MONOTONIC);
    return sem_clockwait(&stage->sem, CLOCK_MONOTONIC, &time);
  }
}

static struct outcome interrupted(int which) {
  static struct stage stage;
  struct outcome outcome;
  pthread_t sender;
  int status;
  stage.which = which;
  stage.target = pthread_self();
  prepare(&stage);
  handled = 0;
  errno = 0;
  stage.tid = gettid();
  stage.calls = stage.returned = 0;
  CHECK(pthread_create(&sender, NULL, pulse, &stage) == 0);
  stage.calls = 1;
  outcome.result = (int)call(&stage);
  outcome.error = outcome.result == -1 ? errno : 0;
  stage.returned = 1;
  gh_patch_pause();
  pthread_join(sender, NULL);
  gh_patch_resume();
  outcome.handled = handled;
  if (which >= WAITPID && which <= WAIT4) {
    CHECK(close(stage.pair[0]) == 0);
    if (outcome.result == -1) CHECK(waitpid(stage.child, &status, 0) == stage.child);
    return outcome;
  }
  close(stage.pair[0]);
  close(stage.pair[1]);
  if (which >= ACCEPT && which <= CONNECT) {
    close(stage.listener);
    if (which != CONNECT) close(clients[0]);
    while (which == CONNECT && come_first > 0) close(clients[--come_first]);
  }
  return outcome;
}

static void *all(void *arg) {
  struct outcome *outcomes = arg;
  for (int which = 0; which < COUNT; which++)
    outcomes[which] = interrupted(which);
  return NULL;
}


static void compare(const char *what, const struct outcome *plain, const struct outcome *green) {
  int same = 1;
  for (int i = 0; i < COUNT; i++) {
    if (memcmp(&plain[i], &green[i], sizeof *plain) == 0) continue;
    fprintf(stderr, "%s, call %d: libc %d %d %d, hooked %d %d %d\n", what, i, plain[i].result, plain[i].error,
            plain[i].handled, green[i].result, green[i].error, green[i].handled);
    same = 0;
  }
  CHECK(same);
}

static void each_way(const char *what, int flags) {
  static struct outcome plain[COUNT], green[COUNT], root[COUNT];
  struct sigaction action;
  pthread_t os_thread;
  gh_thread thread;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  patience = flags & SA_RESTART ? 20 : 300;
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  CHECK(pthread_create(&os_thread, NULL, all, plain) == 0);
  CHECK(pthread_join(os_thread, NULL) == 0);
  CHECK(gh_spawn(&thread, NULL, all, green) == 0);
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
  compare(what, plain, green);
  all(root);
  compare(what, plain, root);
}

int main(void) {
  CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  CHECK(gh_patch(GH_PATCH_ALL) > 0);
  each_way("a handler", 0);
  each_way("a handler with SA_RESTART", SA_RESTART);
  return 0;
}
