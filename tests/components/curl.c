/* libcurl's easy interface in green threads: curl patched|plain COUNT URL [CERTIFICATE]
 *
 * Each fetches URL/NUMBER and compares every byte. With a certificate that one alone is trusted. With the
 * environment's SLOW_NAMES, libcurl's resolver threads ask libnss_slow (slow_names.c). */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <nss.h>

#include "side_by_side.h"

#define LINES 1000

struct body {
  char *bytes;
  size_t length;
};

static const char *base, *certificate;

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

static void *fetch(void *arg) {
  struct body body = {NULL, 0};
  char url[256], reason[CURL_ERROR_SIZE] = "";
  long number = (long)arg, status = 0;
  CURL *curl = curl_easy_init();
  CHECK(curl != NULL);
  snprintf(url, sizeof url, "%s/%ld", base, number);
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  /* As its manual asks of a program with threads. */
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  if (certificate != NULL)
    curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
  CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK)
    fprintf(stderr, "%s: %s (%s)\n", url, curl_easy_strerror(code), reason);
  CHECK_EQ(code, CURLE_OK);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  CHECK_EQ(status, 200);
  check_body(&body, number);
  free(body.bytes);
  curl_easy_cleanup(curl);
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 4 || argc == 5);
  base = argv[3];
  certificate = argv[4];
  CHECK_EQ(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
  if (getenv("SLOW_NAMES") != NULL)
    CHECK_EQ(__nss_configure_lookup("hosts", "slow"), 0);
  patch_as_told(argv[1]);
  tell("fetched", together(atol(argv[2]), fetch));
  curl_global_cleanup();
  return 0;
}
