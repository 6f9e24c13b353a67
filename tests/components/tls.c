/* OpenSSL on plain blocking descriptors, both ends in green threads of one OS thread:
 * tls patched|plain CERTIFICATE KEY
 *
 * Without hooks the first read keeps the other end from running: a plain run never ends. */
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "side_by_side.h"

#define PAIRS 20
#define LARGE (1 << 20)
#define ROUNDS 50

static SSL_CTX *server_context, *client_context;
static int pairs[PAIRS][2];

static void stop(const char *what, SSL *ssl, int result) {
  fprintf(stderr, "%s: error %d\n", what, SSL_get_error(ssl, result));
  ERR_print_errors_fp(stderr);
  exit(1);
}

static unsigned char byte_at(long seed, long at) {
  return (unsigned char)((unsigned long)(at * 31 + seed * 7) % 251);
}

/* All of it in one call: sixteen-kilobyte records, which the small buffers of the socket take in pieces. */
static void say(SSL *ssl, long seed, int length) {
  unsigned char *bytes = malloc((size_t)length);
  CHECK(bytes != NULL);
  for (int i = 0; i < length; i++)
    bytes[i] = byte_at(seed, i);
  int sent = SSL_write(ssl, bytes, length);
  if (sent != length)
    stop("SSL_write", ssl, sent);
  free(bytes);
}

static void hear(SSL *ssl, long seed, int length) {
  unsigned char piece[5000];
  for (int at = 0; at < length;) {
    int left = length - at;
    int got = SSL_read(ssl, piece, left < (int)sizeof piece ? left : (int)sizeof piece);
    if (got <= 0)
      stop("SSL_read", ssl, got);
    for (int i = 0; i < got; i++)
      CHECK(piece[i] == byte_at(seed, at + i));
    at += got;
  }
}

/* Both have said that they are done, and each has heard it. */
static void part(SSL *ssl, int first) {
  unsigned char byte;
  if (first) {
    CHECK_EQ(SSL_shutdown(ssl), 0);
    CHECK_EQ(SSL_shutdown(ssl), 1);
  } else {
    int result = SSL_read(ssl, &byte, 1);
    CHECK_EQ(result, 0);
    CHECK_EQ(SSL_get_error(ssl, result), SSL_ERROR_ZERO_RETURN);
    CHECK_EQ(SSL_shutdown(ssl), 1);
  }
}

static SSL *attached(SSL_CTX *context, int fd) {
  SSL *ssl = SSL_new(context);
  CHECK(ssl != NULL);
  CHECK_EQ(SSL_set_fd(ssl, fd), 1);
  return ssl;
}

static void detached(SSL *ssl, int fd) {
  SSL_free(ssl);
  CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  CHECK_EQ(close(fd), 0);
}

static void *serve(void *arg) {
  long which = (long)arg;
  int fd = pairs[which][0];
  SSL *ssl = attached(server_context, fd);
  int result = SSL_accept(ssl);
  if (result != 1)
    stop("SSL_accept", ssl, result);
  for (int i = 0; i < ROUNDS; i++) {
    hear(ssl, which + i, 100);
    say(ssl, which - i, 200);
  }
  hear(ssl, which, LARGE);
  say(ssl, which + 1000, LARGE);
  part(ssl, which % 2 == 0);
  detached(ssl, fd);
  return NULL;
}

static void *ask(void *arg) {
  long which = (long)arg;
  int fd = pairs[which][1];
  SSL *ssl = attached(client_context, fd);
  int result = SSL_connect(ssl);
  if (result != 1)
    stop("SSL_connect", ssl, result);
  for (int i = 0; i < ROUNDS; i++) {
    say(ssl, which + i, 100);
    hear(ssl, which - i, 200);
  }
  say(ssl, which, LARGE);
  hear(ssl, which + 1000, LARGE);
  part(ssl, which % 2 == 1);
  detached(ssl, fd);
  return NULL;
}

static void *either(void *arg) {
  long which = (long)arg;
  return which % 2 == 0 ? serve((void *)(which / 2)) : ask((void *)(which / 2));
}

/* Both ends of a connection over TCP. */
static void connect_pair(int pair[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(listener >= 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK_EQ(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
  CHECK_EQ(listen(listener, 1), 0);
  CHECK_EQ(getsockname(listener, (struct sockaddr *)&address, &length), 0);
  CHECK((pair[1] = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
  CHECK_EQ(connect(pair[1], (struct sockaddr *)&address, sizeof address), 0);
  CHECK((pair[0] = accept(listener, NULL, NULL)) >= 0);
  CHECK_EQ(close(listener), 0);
}

int main(int argc, char **argv) {
  int small = 4096;
  CHECK(argc == 4);
  server_context = SSL_CTX_new(TLS_server_method());
  client_context = SSL_CTX_new(TLS_client_method());
  CHECK(server_context != NULL && client_context != NULL);
  CHECK_EQ(SSL_CTX_use_certificate_file(server_context, argv[2], SSL_FILETYPE_PEM), 1);
  CHECK_EQ(SSL_CTX_use_PrivateKey_file(server_context, argv[3], SSL_FILETYPE_PEM), 1);
  CHECK_EQ(SSL_CTX_load_verify_locations(client_context, argv[2], NULL), 1);
  SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
  for (int i = 0; i < PAIRS; i++) {
    if (i % 2 == 0)
      connect_pair(pairs[i]);
    else
      CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
    for (int end = 0; end < 2; end++)
      CHECK_EQ(setsockopt(pairs[i][end], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  }
  patch_as_told(argv[1]);
  tell("talked", together(2 * PAIRS, either));
  SSL_CTX_free(server_context);
  SSL_CTX_free(client_context);
  return 0;
}
