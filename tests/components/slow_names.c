/* A module of glibc's name service, libnss_slow.so.2: every name is found, after 100 ms in which its OS
 * thread sleeps. A program asks for it by __nss_configure_lookup("hosts", "slow"). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <string.h>
#include <time.h>

enum nss_status _nss_slow_gethostbyname4_r(const char *name, struct gaih_addrtuple **found, char *room,
                                           size_t length, int *error, int *h_error, int32_t *ttl);
enum nss_status _nss_slow_gethostbyname2_r(const char *name, int family, struct hostent *host,
                                           char *room, size_t length, int *error, int *h_error);

static void wait_as_for_an_answer(void) {
  struct timespec pause = {0, 100000000};
  nanosleep(&pause, NULL);
}

enum nss_status _nss_slow_gethostbyname4_r(const char *name, struct gaih_addrtuple **found, char *room,
                                           size_t length, int *error, int *h_error, int32_t *ttl) {
  struct {
    struct gaih_addrtuple tuple;
    char name[];
  } *answer = (void *)room;
  wait_as_for_an_answer();
  if (sizeof *answer + strlen(name) + 1 > length) {
    *error = ERANGE;
    *h_error = NETDB_INTERNAL;
    return NSS_STATUS_TRYAGAIN;
  }
  memset(answer, 0, sizeof *answer);
  strcpy(answer->name, name);
  answer->tuple.name = answer->name;
  answer->tuple.family = AF_INET;
  answer->tuple.addr[0] = htonl(INADDR_LOOPBACK);
  /* The caller may have brought the place of the first one. */
  if (*found != NULL)
    **found = answer->tuple;
  else
    *found = &answer->tuple;
  if (ttl != NULL)
    *ttl = 0;
  *h_error = NETDB_SUCCESS;
  return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_slow_gethostbyname2_r(const char *name, int family, struct hostent *host,
                                           char *room, size_t length, int *error, int *h_error) {
  struct {
    struct in_addr address;
    char *none, *addresses[2];
    char name[];
  } *answer = (void *)room;
  wait_as_for_an_answer();
  if (family != AF_INET) {
    *error = ENOENT;
    *h_error = NO_DATA;
    return NSS_STATUS_NOTFOUND;
  }
  if (sizeof *answer + strlen(name) + 1 > length) {
    *error = ERANGE;
    *h_error = NETDB_INTERNAL;
    return NSS_STATUS_TRYAGAIN;
  }
  answer->address.s_addr = htonl(INADDR_LOOPBACK);
  answer->none = NULL;
  answer->addresses[0] = (char *)&answer->address;
  answer->addresses[1] = NULL;
  strcpy(answer->name, name);
  host->h_name = answer->name;
  host->h_aliases = &answer->none;
  host->h_addrtype = AF_INET;
  host->h_length = sizeof answer->address;
  host->h_addr_list = answer->addresses;
  *h_error = NETDB_SUCCESS;
  return NSS_STATUS_SUCCESS;
}
