/* sendmsg and recvmsg, one and many at a time, with descriptors passed along. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "transfer.h"

#define MANY 5

/* Counts the descriptors that came along, and closes them. */
static void note_control(world *w, struct msghdr *message) {
  int passed = 0, kept = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      kept += (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
      close(fd);
      passed++;
    }
  }
  note(&w->record, " control %zu flags %x", (size_t)message->msg_controllen, (unsigned)message->msg_flags);
  if (passed > 0) note(&w->record, " passed %d cloexec %d", passed, kept);
}

static void op_recvmsg(world *w, int which) {
  struct iovec parts[IOV_MAX + 1];
  union {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr aligned;
  } control;
  struct sockaddr_storage from;
  struct msghdr message = {0};
  int fd = number_of(w, which), flags = any_receive_flags(&w->dice);
  size_t length = any_length(&w->dice), filled = length + 100;
  memset(w->in, FILLED, filled);
  int count = vector(w, parts, w->in, length);
  message.msg_iov = parts;
  message.msg_iovlen = (size_t)count;
  if (one_in(&w->dice, 2)) message.msg_control = control.bytes, message.msg_controllen = sizeof control.bytes;
  if (one_in(&w->dice, 2)) message.msg_name = &from, message.msg_namelen = sizeof from;
  message.msg_flags = 0x55;
  bool nobody = one_in(&w->dice, 40);
  note(&w->record, "recvmsg");
  note_end(w, which);
  note(&w->record, " %zu in %d flags %x%s%s", length, count, (unsigned)flags, nobody ? " NULL" : "",
       message.msg_control ? " with control" : "");
  if (flags & MSG_ERRQUEUE) flags |= MSG_DONTWAIT;
  if (!plan(w, which, READING, length, flags)) return;
  long got = MADE(w, recvmsg(fd, nobody ? NULL : &message, flags));
  moved(w, which, READING, flags & MSG_PEEK ? 0 : got);
  if (got < 0) return;
  if (message.msg_name != NULL) note(&w->record, " name %d", (int)message.msg_namelen);
  note_control(w, &message);
  if (!(flags & MSG_TRUNC)) note_bytes(w, got, filled);
}

static void op_sendmsg(world *w, int which) {
  struct iovec parts[IOV_MAX + 1];
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control = {{0}};
  struct msghdr message = {0};
  enum kind kind = which < 0 ? DEVICE : channel_of(w, which)->kind;
  int fd = number_of(w, which), flags = any_send_flags(&w->dice, kind), passed = -1;
  size_t length = any_length(&w->dice);
  int count = vector(w, parts, w->out + 500, length);
  message.msg_iov = parts;
  message.msg_iovlen = (size_t)count;
  if (one_in(&w->dice, 3)) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_LEN(sizeof(int));
    control.aligned.cmsg_level = SOL_SOCKET;
    control.aligned.cmsg_type = SCM_RIGHTS;
    control.aligned.cmsg_len = CMSG_LEN(sizeof(int));
    if (!one_in(&w->dice, 4)) passed = open("/dev/null", O_RDWR);
    memcpy(CMSG_DATA(&control.aligned), &passed, sizeof passed);
  }
  note(&w->record, "sendmsg");
  note_end(w, which);
  note(&w->record, " %zu in %d flags %x%s", length, count, (unsigned)flags,
       message.msg_control == NULL ? "" : passed < 0 ? " passing a bad one" : " passing one");
  if (plan(w, which, WRITING, length, flags)) {
    bool loose = is_loose(w, which, length);
    long put = CALL(w, loose, true, sendmsg(fd, &message, flags));
    moved(w, which, WRITING, put);
    if (loose) empty(w, which);
  }
  if (passed >= 0) close(passed);
}

static void op_recvmmsg(world *w, int which) {
  struct mmsghdr messages[MANY];
  struct iovec parts[MANY];
  struct timespec spans[] = {{0, 0}, {-1, 0}, {0, 2000000000}, {5, 0}};
  struct timespec span = PICK(&w->dice, spans);
  bool timed = one_in(&w->dice, 3);
  int fd = number_of(w, which), flags = any_receive_flags(&w->dice);
  unsigned count = one_in(&w->dice, 20) ? 0 : 1 + roll(&w->dice, MANY);
  size_t length = 1 + roll(&w->dice, 100);
  memset(messages, 0, sizeof messages);
  memset(w->in, FILLED, MANY * 200);
  for (unsigned i = 0; i < MANY; i++) {
    parts[i] = (struct iovec){w->in + i * 200, length};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_len = 4711;
  }
  /* One that waits waits for each message: nobody sends so many. */
  if (one_in(&w->dice, 2)) flags |= MSG_WAITFORONE;
  if (!(flags & MSG_WAITFORONE) && count > 1) flags |= MSG_DONTWAIT;
  if (flags & MSG_ERRQUEUE) flags |= MSG_DONTWAIT;
  note(&w->record, "recvmmsg");
  note_end(w, which);
  note(&w->record, " %u of %zu flags %x timeout %ld.%09ld", count, length, (unsigned)flags,
       timed ? (long)span.tv_sec : -7, timed ? span.tv_nsec : 0);
  if (!plan(w, which, READING, length, flags)) return;
  long got = MADE(w, recvmmsg(fd, messages, count, flags, timed ? &span : NULL));
  long bytes = 0;
  for (int i = 0; i < MANY; i++) {
    note(&w->record, " %u", messages[i].msg_len);
    if (i < got) bytes += messages[i].msg_len;
  }
  moved(w, which, READING, flags & MSG_PEEK ? 0 : bytes);
  note(&w->record, " %08x", digest(DIGEST_START, w->in, MANY * 200));
}

static void op_sendmmsg(world *w, int which) {
  struct mmsghdr messages[MANY];
  struct iovec parts[MANY];
  enum kind kind = which < 0 ? DEVICE : channel_of(w, which)->kind;
  int fd = number_of(w, which), flags = any_send_flags(&w->dice, kind);
  unsigned count = one_in(&w->dice, 20) ? 0 : 1 + roll(&w->dice, MANY);
  size_t length = one_in(&w->dice, 8) ? 100000 : 1 + roll(&w->dice, 100);
  memset(messages, 0, sizeof messages);
  for (unsigned i = 0; i < MANY; i++) {
    parts[i] = (struct iovec){one_in(&w->dice, 40) ? NULL : w->out + i * 10, length};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_len = 4711;
  }
  note(&w->record, "sendmmsg");
  note_end(w, which);
  note(&w->record, " %u of %zu flags %x", count, length, (unsigned)flags);
  /* What it gives counts messages: the partner is told of their bytes below. */
  if (is_late(kind) && length > 1000) {
    note(&w->record, " (no)");
    return;
  }
  if (!plan(w, which, WRITING, length * (count + (length < 1000)), flags)) return;
  if (w->partner.deed == DRAIN && w->partner.left >= 0) w->partner.left = -1;
  bool loose = is_loose(w, which, length * count);
  long put = CALL(w, loose, false, sendmmsg(fd, messages, count, flags));
  long bytes = 0;
  for (int i = 0; i < MANY; i++) {
    note(&w->record, " %u", messages[i].msg_len);
    if (i < put) bytes += messages[i].msg_len;
  }
  moved(w, which, WRITING, bytes);
  if (loose) empty(w, which);
}

#endif
