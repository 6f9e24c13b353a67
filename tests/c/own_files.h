/* Files of this process's own below /etc, in a mount namespace: a hosts file and a name server of a test's. */
#ifndef OWN_FILES_H
#define OWN_FILES_H

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define SKIPPED 77

static void cannot(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(SKIPPED);
}

static void put_own_file(const char *target, const char *text) {
  char path[] = P_tmpdir "/greenhub-own-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0);
  CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
  close(fd);
  CHECK_EQ(chmod(path, 0644), 0);
  int mounted = mount(path, target, NULL, MS_BIND, NULL) == 0;
  CHECK_EQ(unlink(path), 0);
  if (!mounted) cannot("no mount over a file of /etc");
}

/* Ends the program as skipped where namespaces are not to be had. */
static void own_files(const char *hosts, const char *resolver, const char *nsswitch) {
  if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0 ||
      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    cannot("no mount namespace");
  put_own_file("/etc/hosts", hosts);
  put_own_file("/etc/resolv.conf", resolver);
  put_own_file("/etc/nsswitch.conf", nsswitch);
}

#endif
