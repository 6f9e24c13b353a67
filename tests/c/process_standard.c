// A child's standard descriptors when the caller's own lie crosswise or are closed, what is left open
// after failures, and that no failed program leaves a child behind.
// sanitizer: yes
// emulated: no, the emulator makes posix_spawn(3) a plain fork
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "greenhub.h"

static int count_open(void) {
  DIR *folder = opendir("/proc/self/fd");
  CHECK(folder != NULL);
  int count = -1; /* The folder's own. */
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

static void collect(pid_t child) {
  int status = -1;
  CHECK(child > 0);
  CHECK_EQ(gh_waitpid(child, &status, 0, gh_after_ms(30000)), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

static void must_say(int fd, const char *text) {
  char said[64] = "";
  size_t length = 0;
  for (ssize_t count; (count = gh_read(fd, said + length, sizeof said - 1 - length, gh_after_ms(30000)));
       length += (size_t)count) {
    CHECK(count > 0);
  }
  if (strcmp(said, text) != 0) {
    fprintf(stderr, "said \"%s\", not \"%s\"\n", said, text);
    exit(1);
  }
}

/* Standard output is what the caller has as its input, and the other way round. */
static void crosswise(int saved_in, int saved_out) {
  char *argv[] = {"sh", "-c", "cat; echo and more", NULL};
  int in[2], out[2];
  CHECK_EQ(pipe2(in, O_CLOEXEC), 0);
  CHECK_EQ(pipe2(out, O_CLOEXEC), 0);
  CHECK_EQ(write(in[1], "given", 5), 5);
  CHECK_EQ(close(in[1]), 0);
  CHECK_EQ(dup2(out[1], 0), 0);
  CHECK_EQ(dup2(in[0], 1), 1);
  gh_process_options options = {.size = sizeof options,
                                .standard = {GH_STDIO_DESCRIPTOR, GH_STDIO_DESCRIPTOR, 0},
                                .descriptors = {1, 0, 0}};
  collect(gh_spawn_process(argv, &options, NULL));
  CHECK_EQ(dup2(saved_in, 0), 0);
  CHECK_EQ(dup2(saved_out, 1), 1);
  CHECK_EQ(close(in[0]), 0);
  CHECK_EQ(close(out[1]), 0);
  must_say(out[0], "givenand more\n");
  CHECK_EQ(gh_close(out[0]), 0);
}

/* Pipes come to lie on the caller's free standard numbers, and the child still has them right. */
static void closed(int saved_in, int saved_out) {
  char *argv[] = {"sh", "-c", "cat; echo error >&2; ls /proc/self/fd", NULL};
  gh_process_options options = {.size = sizeof options,
                                .standard = {GH_STDIO_PIPE, GH_STDIO_PIPE, GH_STDIO_PIPE}};
  int pipes[3], saved_err = fcntl(2, F_DUPFD_CLOEXEC, 10);
  for (int fd = 0; fd < 3; fd++) CHECK_EQ(close(fd), 0);
  pid_t child = gh_spawn_process(argv, &options, pipes);
  for (int i = 0; i < 3; i++) {
    if (pipes[i] > 2) continue;
    int moved = fcntl(pipes[i], F_DUPFD_CLOEXEC, 10);
    gh_close(pipes[i]);
    pipes[i] = moved;
  }
  CHECK_EQ(dup2(saved_in, 0), 0);
  CHECK_EQ(dup2(saved_out, 1), 1);
  CHECK_EQ(dup2(saved_err, 2), 2);
  CHECK_EQ(close(saved_err), 0);
  CHECK_EQ(gh_write(pipes[0], "in ", 3, GH_NEVER), 3);
  CHECK_EQ(gh_close(pipes[0]), 0);
  must_say(pipes[1], "in 0\n1\n2\n3\n");
  must_say(pipes[2], "error\n");
  CHECK_EQ(gh_close(pipes[1]), 0);
  CHECK_EQ(gh_close(pipes[2]), 0);
  collect(child);

  /* What is closed at the caller's is closed at the child's. */
  char *list[] = {"ls", "/proc/self/fd", NULL};
  gh_process_options inherit = {.size = sizeof inherit, .standard = {0, GH_STDIO_PIPE, 0}};
  CHECK_EQ(close(0), 0);
  child = gh_spawn_process(list, &inherit, pipes);
  must_say(pipes[1], "0\n1\n2\n");
  CHECK_EQ(gh_close(pipes[1]), 0);
  CHECK_EQ(dup2(saved_in, 0), 0);
  collect(child);
}

static void failures(void) {
  gh_process_options options = {.size = sizeof options,
                                .standard = {GH_STDIO_PIPE, GH_STDIO_PIPE, GH_STDIO_PIPE}};
  char *argv[] = {"/nonexistent/program", NULL};
  int pipes[3];
  for (int i = 0; i < 50; i++) CHECK_EQ(gh_spawn_process(argv, &options, pipes), -ENOENT);
  options.standard[2] = GH_STDIO_DESCRIPTOR;
  options.descriptors[2] = 900;
  for (int i = 0; i < 50; i++) CHECK_EQ(gh_spawn_process(argv, &options, pipes), -EBADF);
  CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
  CHECK_EQ(errno, ECHILD);
}

int main(void) {
  CHECK(gh_hub_current() != NULL);
  for (int fd = 0; fd < 3; fd++) {
    if (fcntl(fd, F_GETFD) < 0) CHECK_EQ(open("/dev/null", O_RDWR), fd);
  }
  int saved_in = fcntl(0, F_DUPFD_CLOEXEC, 10), saved_out = fcntl(1, F_DUPFD_CLOEXEC, 10);
  int before = count_open();
  crosswise(saved_in, saved_out);
  closed(saved_in, saved_out);
  failures();
  CHECK_EQ(count_open(), before);
  CHECK_EQ(gh_hub_free(gh_hub_current(), gh_after_ms(1000)), 0);
  return 0;
}
