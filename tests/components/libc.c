/* glibc's own slow functions in green threads: libc patched|plain names|system|popen|waitpid COUNT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "side_by_side.h"

extern char **environ;

/* libnss_slow answers after 100 ms (slow_names.c). */
static void *find_name(void *arg) {
  char name[64], number[INET_ADDRSTRLEN];
  struct addrinfo wish = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  snprintf(name, sizeof name, "host-%ld.test", (long)arg);
  wish.ai_flags = AI_CANONNAME;
  wish.ai_family = (long)arg % 2 == 0 ? AF_UNSPEC : AF_INET;
  CHECK_EQ(getaddrinfo(name, "80", &wish, &found), 0);
  CHECK(found != NULL && found->ai_family == AF_INET && found->ai_next == NULL);
  CHECK(strcmp(found->ai_canonname, name) == 0);
  const struct sockaddr_in *address = (const void *)found->ai_addr;
  CHECK_EQ(ntohs(address->sin_port), 80);
  CHECK(inet_ntop(AF_INET, &address->sin_addr, number, sizeof number) != NULL);
  CHECK(strcmp(number, "127.0.0.1") == 0);
  freeaddrinfo(found);
  return NULL;
}

static void *run_command(void *arg) {
  char command[64];
  int code = 1 + (int)(long)arg % 100;
  snprintf(command, sizeof command, "sleep 0.3; exit %d", code);
  int status = system(command);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), code);
  return NULL;
}

static void read_from(long which) {
  char command[64], line[64], more;
  FILE *stream;
  /* stdio would read inside libc, where no hook is: so the descriptor is read. */
  snprintf(command, sizeof command, "sleep 0.15; echo line %ld; sleep 0.15; exit 5", which);
  CHECK((stream = popen(command, "r")) != NULL);
  ssize_t got = read(fileno(stream), line, sizeof line - 1);
  CHECK(got > 0);
  line[got] = '\0';
  snprintf(command, sizeof command, "line %ld\n", which);
  CHECK(strcmp(line, command) == 0);
  CHECK_EQ(read(fileno(stream), &more, 1), 0);
  CHECK_EQ(pclose(stream), 5 << 8);
}

static void write_to(long which) {
  char command[96];
  FILE *stream;
  snprintf(command, sizeof command, "read word; sleep 0.3; test \"$word\" = %ld && exit 9", which);
  CHECK((stream = popen(command, "w")) != NULL);
  CHECK(fprintf(stream, "%ld\n", which) > 0);
  CHECK_EQ(pclose(stream), 9 << 8);
}

static void *talk_to_command(void *arg) {
  long which = (long)arg;
  if (which % 2 == 0)
    read_from(which);
  else
    write_to(which);
  return NULL;
}

static pid_t child(long which) {
  char *const argv[] = {"sleep", "0.3", NULL};
  pid_t pid;
  if (which % 2 == 0) {
    CHECK_EQ(posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ), 0);
    return pid;
  }
  pid = fork();
  if (pid == 0) {
    execvp("sleep", argv);
    _exit(127);
  }
  CHECK(pid > 0);
  return pid;
}

static void *wait_for_child(void *arg) {
  long which = (long)arg;
  pid_t pid = child(which);
  int status = -1;
  siginfo_t info;
  if (which % 3 == 0) {
    CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_code, CLD_EXITED);
  }
  pid_t waited = which % 3 == 1 ? wait4(pid, &status, 0, NULL) : waitpid(pid, &status, 0);
  CHECK_EQ(waited, pid);
  CHECK_EQ(status, 0);
  CHECK(waitpid(pid, &status, 0) == -1 && errno == ECHILD);
  return NULL;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void *(*entry)(void *);
  } modes[] = {{"names", find_name},
               {"system", run_command},
               {"popen", talk_to_command},
               {"waitpid", wait_for_child}};
  CHECK(argc == 4);
  CHECK_EQ(__nss_configure_lookup("hosts", "slow"), 0);
  patch_as_told(argv[1]);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(argv[2], modes[i].name) == 0) {
      tell(modes[i].name, together(atol(argv[3]), modes[i].entry));
      return 0;
    }
  CHECK(!"a mode");
  return 1;
}
