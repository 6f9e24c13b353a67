/* libcurl's easy interface in green threads: curl patched|plain fetch|cancel|toggle COUNT URL [CERTIFICATE]
 *
 * Each fetches URL/NUMBER and compares every byte. With a certificate that one alone is trusted. With the
 * environment's SLOW_NAMES, libcurl's resolver threads ask libnss_slow (slow_names.c). `cancel` cancels
 * them in the middle; `toggle` has an OS thread patch and unpatch all the while. */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <nss.h>
#include <pthread.h>
#include <stdatomic.h>

#include "side_by_side.h"

#define LINES 1000

struct body {
  char *bytes;
  size_t length;
};

static const char *base, *certificate;
static long under_way;
static atomic_int over;

static size_t append(char *data, size_t size, size_t count, void *arg) {
  struct body *body = arg;
  body->bytes = realloc(body->bytes, body->length + size * count);
  CHECK(body->bytes != NULL);
  memcpy(body->bytes + body->length, data, size * count);
  body->length += size * count;
  return size * count;
}

/* The server repeats the path on a thousand lines. */
static void check_body(const struct body *body, long number) {
  char line[32];
  size_t length = (size_t)snprintf(line, sizeof line, "/%ld\n", number);
  CHECK_EQ(body->length, length * LINES);
  for (size_t at = 0; at < body->length; at += length)
    CHECK(memcmp(body->bytes + at, line, length) == 0);
}

static CURL *transfer_of(long number, struct body *body) {
  char url[256];
  CURL *curl = curl_easy_init();
  CHECK(curl != NULL);
  snprintf(url, sizeof url, "%s/%ld", base, number);
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  /* As its manual asks of a program with threads. */
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  if (certificate != NULL)
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
  return curl;
}

static void *fetch(void *arg) {
  struct body body = {NULL, 0};
  char reason[CURL_ERROR_SIZE] = "";
  long number = (long)arg, status = 0;
  CURL *curl = transfer_of(number, &body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK)
    fprintf(stderr, "%ld: %s (%s)\n", number, curl_easy_strerror(code), reason);
  CHECK_EQ(code, CURLE_OK);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  CHECK_EQ(status, 200);
  check_body(&body, number);
  free(body.bytes);
  curl_easy_cleanup(curl);
  return NULL;
}

static void *lose(void *arg) {
  struct body body = {NULL, 0};
  CURL *curl = transfer_of((long)arg, &body);
  under_way++;
  CHECK(curl_easy_perform(curl) != CURLE_OK);
  CHECK_EQ(body.length, 0);
  curl_easy_cleanup(curl);
  return NULL;
}

/* An OS thread beside the hub's. */
static void *toggle(void *arg) {
  long rounds = 0;
  for (; !atomic_load(&over) || rounds < 10; rounds++) {
    CHECK(gh_unpatch() >= 0);
    CHECK(gh_patch(GH_PATCH_ALL) >= 0);
  }
  return arg;
}

static void fetch_while_toggled(long count) {
  pthread_t other;
  CHECK_EQ(pthread_create(&other, NULL, toggle, NULL), 0);
  tell("fetched", together(count, fetch));
  atomic_store(&over, 1);
  CHECK_EQ(pthread_join(other, NULL), 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 5 || argc == 6);
  const char *mode = argv[2];
  long count = atol(argv[3]);
  base = argv[4];
  certificate = argv[5];
  CHECK_EQ(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
  if (getenv("SLOW_NAMES") != NULL)
    CHECK_EQ(__nss_configure_lookup("hosts", "slow"), 0);
  patch_as_told(argv[1]);
  if (strcmp(mode, "fetch") == 0) {
    tell("fetched", together(count, fetch));
  } else if (strcmp(mode, "cancel") == 0) {
    tell("cancelled", cancelled(count, lose, &under_way));
  } else {
    CHECK(strcmp(mode, "toggle") == 0);
    fetch_while_toggled(count);
  }
  curl_global_cleanup();
  return 0;
}
