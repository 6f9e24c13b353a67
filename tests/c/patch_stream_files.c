// flags: -lutil
/* Reading and writing what is no socket, with the program patched: pipes, terminals and event descriptors
 * are waited for without being put into another mode, and files are left to the kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

#define MS 1000000LL
#define BIG (1 << 20)

static char big[BIG], room[BIG];
static int ticks;
static volatile sig_atomic_t broken;

static void on_pipe(int signal) {
  (void)signal;
  broken++;
}

static void *ticker(void *arg) {
  for (;;) {
    if (gh_sleep_ms(1) < 0)
      return NULL;
    ticks++;
  }
  return arg;
}

struct job {
  int fd;
  ssize_t length, moved;
  char *at;
  int error;
};

static void *reads(void *arg) {
  struct job *job = arg;
  job->moved = read(job->fd, job->at, job->length);
  job->error = errno;
  return NULL;
}

static void *writes(void *arg) {
  struct job *job = arg;
  job->moved = write(job->fd, job->at, job->length);
  job->error = errno;
  return NULL;
}

static gh_thread go(void *(*entry)(void *), void *arg) {
  gh_thread thread;
  CHECK(gh_spawn(&thread, NULL, entry, arg) == 0);
  gh_yield();
  return thread;
}

static void join(gh_thread thread) {
  CHECK(gh_join(thread, NULL, GH_NEVER) == 0);
}

static int is_blocking(int fd) {
  return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* What its other users see while a green thread waits for it. */
static void stays_blocking(int fd) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  FILE *file = fopen(path, "r");
  unsigned flags = 0;
  CHECK(file != NULL);
  while (fgets(text, sizeof text, file) != NULL)
    sscanf(text, "flags: %o", &flags);
  CHECK(fclose(file) == 0);
  CHECK_EQ(flags & O_NONBLOCK, 0);
}

static void pipes(void) {
  int ends[2];
  struct job job = {.at = room, .length = BIG};
  CHECK(pipe(ends) == 0);
  job.fd = ends[0];
  gh_thread thread = go(reads, &job);
  stays_blocking(ends[0]);
  CHECK(recv(ends[0], room, 1, 0) == -1 && errno == ENOTSOCK);
  CHECK_EQ(write(ends[1], "abc", 3), 3);
  join(thread);
  CHECK_EQ(job.moved, 3);
  CHECK_EQ(read(ends[0], room, 0), 0);
  CHECK_EQ(write(ends[1], big, 0), 0);
  CHECK(read(ends[1], room, 1) == -1 && errno == EBADF);
  CHECK(write(ends[0], room, 1) == -1 && errno == EBADF);

  /* All of it, in order. */
  struct job all = {.fd = ends[1], .at = big, .length = BIG};
  thread = go(writes, &all);
  stays_blocking(ends[1]);
  for (size_t got = 0; got < BIG;) {
    ssize_t count = read(ends[0], room + got, BIG - got);
    CHECK(count > 0);
    got += count;
  }
  CHECK(memcmp(big, room, BIG) == 0);
  join(thread);
  CHECK_EQ(all.moved, BIG);

  /* Up to PIPE_BUF bytes are never mixed. */
  struct job parts[8];
  gh_thread threads[8];
  char letters[8][3000];
  for (int i = 0; i < 8; i++) {
    memset(letters[i], 'a' + i, sizeof letters[i]);
    parts[i] = (struct job){.fd = ends[1], .at = letters[i], .length = sizeof letters[i]};
  }
  CHECK_EQ(write(ends[1], big, 65536 - 4096), 65536 - 4096);
  for (int i = 0; i < 8; i++)
    threads[i] = go(writes, &parts[i]);
  for (size_t got = 0; got < 65536 - 4096;)
    got += read(ends[0], room, 65536 - 4096 - got);
  for (size_t got = 0; got < 8 * 3000;)
    got += read(ends[0], room + got, 8 * 3000 - got);
  for (int i = 0; i < 8; i++) {
    CHECK(memcmp(room + i * 3000, letters[room[i * 3000] - 'a'], 3000) == 0);
    join(threads[i]);
    CHECK_EQ(parts[i].moved, 3000);
  }

  /* A caller's own mode. */
  CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
  CHECK(read(ends[0], room, 1) == -1 && errno == EAGAIN);
  CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  ssize_t some = write(ends[1], big, BIG);
  CHECK(some > 0);
  CHECK(some < BIG);
  CHECK(write(ends[1], big, 1) == -1 && errno == EAGAIN);
  CHECK(fcntl(ends[1], F_SETFL, 0) == 0);
  CHECK(fcntl(ends[0], F_SETFL, 0) == 0);

  /* A pipe that breaks under a write. */
  thread = go(writes, &all);
  broken = 0;
  CHECK_EQ(read(ends[0], room, 8192), 8192);
  gh_yield();
  CHECK(close(ends[0]) == 0);
  join(thread);
  CHECK(all.moved == -1 ? all.error == EPIPE : all.moved < BIG);
  CHECK_EQ(broken, 1);
  CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
  CHECK_EQ(broken, 2);
  CHECK(close(ends[1]) == 0);
}

static void shares_with_a_child(void) {
  int there[2], back[2], status;
  char byte;
  CHECK(pipe(there) == 0 && pipe(back) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    /* Reads by the kernel alone what green threads of the parent use, too. */
    CHECK(gh_unpatch() > 0);
    CHECK(is_blocking(there[0]) && is_blocking(back[1]));
    CHECK(read(there[0], &byte, 1) == 1);
    CHECK(is_blocking(there[0]) && is_blocking(back[1]));
    CHECK(write(back[1], &byte, 1) == 1);
    _exit(0);
  }
  struct job job = {.fd = back[0], .at = room, .length = 1};
  gh_thread thread = go(reads, &job);
  int before = ticks;
  CHECK(gh_sleep_ms(30) == 0);
  CHECK(ticks > before);
  CHECK(write(there[1], "c", 1) == 1);
  join(thread);
  CHECK_EQ(job.moved, 1);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  for (int i = 0; i < 2; i++)
    close(there[i]), close(back[i]);
}

static void terminals(void) {
  int master, slave;
  struct termios settings;
  CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
  struct job job = {.fd = slave, .at = room, .length = 100};
  gh_thread thread = go(reads, &job);
  stays_blocking(slave);
  CHECK_EQ(write(master, "line\n", 5), 5);
  join(thread);
  CHECK_EQ(job.moved, 5);
  CHECK(memcmp(room, "line\n", 5) == 0);
  CHECK_EQ(read(master, room, 100), 6);

  CHECK(tcgetattr(slave, &settings) == 0);
  cfmakeraw(&settings);
  settings.c_cc[VMIN] = 0;
  settings.c_cc[VTIME] = 0;
  CHECK(tcsetattr(slave, TCSANOW, &settings) == 0);
  CHECK_EQ(read(slave, room, 100), 0);
  settings.c_cc[VTIME] = 1;
  CHECK(tcsetattr(slave, TCSANOW, &settings) == 0);
  int64_t start = gh_now();
  CHECK_EQ(read(slave, room, 100), 0);
  CHECK(gh_now() - start >= 90 * MS);

  /* More than fits, to a reader that is a green thread of the same OS thread. */
  struct job much = {.fd = slave, .at = big, .length = 200000};
  thread = go(writes, &much);
  stays_blocking(slave);
  for (ssize_t got = 0; got < much.length;) {
    ssize_t count = read(master, room + got, BIG - got);
    CHECK(count > 0);
    got += count;
  }
  join(thread);
  CHECK_EQ(much.moved, much.length);
  CHECK(memcmp(big, room, much.length) == 0);
  stays_blocking(slave);
  stays_blocking(master);
  close(slave);
  close(master);
}

static void records(void) {
  uint64_t number = 0;
  char small[4];
  int event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
  struct itimerspec soon = {.it_value = {0, 30 * MS}};
  struct job job = {.fd = event, .at = (char *)&number, .length = 8};
  gh_thread thread = go(reads, &job);
  stays_blocking(event);
  CHECK(read(event, small, 4) == -1 && errno == EINVAL);
  CHECK(read(timer, small, 4) == -1 && errno == EINVAL);
  CHECK_EQ(write(event, &(uint64_t){5}, 8), 8);
  join(thread);
  CHECK(job.moved == 8 && number == 5);

  CHECK(timerfd_settime(timer, 0, &soon, NULL) == 0);
  int before = ticks;
  CHECK_EQ(read(timer, &number, 8), 8);
  CHECK(number == 1 && ticks > before);

  sigset_t set;
  struct signalfd_siginfo info;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
  int signals = signalfd(-1, &set, 0);
  job = (struct job){.fd = signals, .at = (char *)&info, .length = sizeof info};
  thread = go(reads, &job);
  raise(SIGUSR1);
  join(thread);
  CHECK(job.moved == sizeof info && info.ssi_signo == SIGUSR1);

  int watch = inotify_init(), made;
  char folder[] = P_tmpdir "/greenhub-XXXXXX", path[64];
  CHECK(mkdtemp(folder) != NULL);
  CHECK(inotify_add_watch(watch, folder, IN_CREATE) >= 0);
  job = (struct job){.fd = watch, .at = room, .length = 4096};
  thread = go(reads, &job);
  snprintf(path, sizeof path, "%s/file", folder);
  made = open(path, O_CREAT | O_RDWR, 0600);
  CHECK(made >= 0);
  join(thread);
  CHECK(job.moved >= (ssize_t)sizeof(struct inotify_event));
  CHECK(unlink(path) == 0 && rmdir(folder) == 0);
  close(made), close(watch), close(signals), close(timer), close(event);
}

static void files(void) {
  char path[] = P_tmpdir "/greenhub-XXXXXX";
  struct iovec iov[2] = {{room, 10}, {room + 10, 10}};
  int file = mkstemp(path), null = open("/dev/null", O_RDWR), folder = open("/", O_RDONLY), pair[2];
  CHECK(file >= 0 && unlink(path) == 0);
  CHECK_EQ(write(file, big, BIG), BIG);
  CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
  CHECK_EQ(read(file, room, BIG), BIG);
  CHECK(memcmp(big, room, BIG) == 0);
  CHECK_EQ(read(file, room, BIG), 0);
  CHECK_EQ(preadv2(file, iov, 2, 5, 0), 20);
  CHECK(memcmp(big + 5, room, 20) == 0);
  CHECK_EQ(write(null, big, BIG), BIG);
  CHECK_EQ(read(null, room, BIG), 0);
  CHECK(read(folder, room, 10) == -1 && errno == EISDIR);

  for (int local = 0; local < 3; local++) {
    off_t offset = 100;
    pid_t status = 0;
    if (local < 2)
      CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    else
      CHECK(pipe(pair) == 0);
    int out = local < 2 ? pair[0] : pair[1], in = local < 2 ? pair[1] : pair[0];
    CHECK_EQ(lseek(file, 7, SEEK_SET), 7);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      CHECK(gh_unpatch() > 0);
      close(out);
      size_t got = 0;
      for (ssize_t count; (count = read(in, room + got, BIG - got)) > 0;)
        got += count;
      _exit(got == BIG - 100 && memcmp(room, big + 100, got) == 0 ? 0 : 1);
    }
    close(in);
    CHECK_EQ(sendfile(out, file, &offset, BIG - 200), BIG - 200);
    CHECK_EQ(offset, BIG - 100);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 7);
    CHECK_EQ(lseek(file, BIG - 100, SEEK_SET), BIG - 100);
    CHECK_EQ(sendfile(out, file, NULL, BIG), 100);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), BIG);
    CHECK_EQ(sendfile(out, file, NULL, BIG), 0);
    CHECK(sendfile(out, out, NULL, 10) == -1 && errno == (local < 2 ? EINVAL : EBADF));
    offset = -1;
    CHECK(sendfile(out, file, &offset, 10) == -1 && errno == EINVAL);
    stays_blocking(out);
    close(out);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  close(folder), close(null), close(file);
}

/* A number is a pipe, then a file, then a socket, and never taken for what it was. */
static void is_asked_anew(void) {
  char path[] = P_tmpdir "/greenhub-XXXXXX";
  int ends[2], pair[2], file = mkstemp(path), number = 100;
  CHECK(unlink(path) == 0 && write(file, "file", 4) == 4);
  for (int i = 0; i < 3; i++) {
    CHECK(pipe(ends) == 0 && dup2(ends[0], number) == number);
    struct job job = {.fd = number, .at = room, .length = 10};
    gh_thread thread = go(reads, &job);
    CHECK(write(ends[1], "ab", 2) == 2);
    join(thread);
    CHECK_EQ(job.moved, 2);
    CHECK(lseek(file, 0, SEEK_SET) == 0 && dup2(file, number) == number);
    CHECK_EQ(read(number, room, 10), 4);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && dup2(pair[0], number) == number);
    job.moved = 0;
    thread = go(reads, &job);
    CHECK(write(pair[1], "abc", 3) == 3);
    join(thread);
    CHECK_EQ(job.moved, 3);
    close(ends[0]), close(ends[1]), close(pair[0]), close(pair[1]);
  }
  close(number), close(file);
}

int main(void) {
  signal(SIGPIPE, on_pipe);
  for (int i = 0; i < BIG; i++)
    big[i] = (char)(i * 7 + (i >> 8));
  CHECK(gh_patch(GH_PATCH_STREAM | GH_PATCH_CONNECTION) > 0);
  gh_thread ticking = go(ticker, NULL);
  pipes();
  shares_with_a_child();
  terminals();
  records();
  files();
  is_asked_anew();
  CHECK(gh_cancel(ticking) == 0);
  join(ticking);
  CHECK(is_blocking(0) || !isatty(0));
  return 0;
}
