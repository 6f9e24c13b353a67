/* libpq in green threads: postgres patched|plain sleep|transactions|cancel COUNT CONNINFO
 *                         postgres patched killed COUNT CONNINFO POSTMASTER SIGNAL */
#include <errno.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/types.h>

#include "side_by_side.h"

static const char *conninfo;
static pid_t backends[MOST_THREADS];
static long told, asking;

static PGconn *connected(void) {
  PGconn *connection = PQconnectdb(conninfo);
  CHECK(connection != NULL);
  if (PQstatus(connection) != CONNECTION_OK)
    fprintf(stderr, "%s", PQerrorMessage(connection));
  CHECK_EQ(PQstatus(connection), CONNECTION_OK);
  return connection;
}

static PGresult *asked(PGconn *connection, const char *query, ExecStatusType expected) {
  PGresult *result = PQexec(connection, query);
  if (PQresultStatus(result) != expected)
    fprintf(stderr, "%s: %s", query, PQresultErrorMessage(result));
  CHECK_EQ(PQresultStatus(result), expected);
  return result;
}

static void done(PGconn *connection, const char *query) {
  PQclear(asked(connection, query, PGRES_COMMAND_OK));
}

static void fails(PGconn *connection, const char *query, const char *state) {
  PGresult *result = asked(connection, query, PGRES_FATAL_ERROR);
  CHECK(strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), state) == 0);
  PQclear(result);
}

static long number(PGconn *connection, const char *query) {
  PGresult *result = asked(connection, query, PGRES_TUPLES_OK);
  CHECK_EQ(PQntuples(result), 1);
  long value = atol(PQgetvalue(result, 0, 0));
  PQclear(result);
  return value;
}

static void *sleep_there(void *arg) {
  char query[64];
  PGconn *connection = connected();
  snprintf(query, sizeof query, "SELECT %ld FROM pg_sleep(0.3)", (long)arg);
  CHECK_EQ(number(connection, query), (long)arg);
  PQfinish(connection);
  return NULL;
}

/* Every second one fails in the middle: it must lose what it did, and nobody else theirs. */
static void *transact(void *arg) {
  char query[128];
  long which = (long)arg;
  PGconn *connection = connected();
  done(connection, "BEGIN");
  snprintf(query, sizeof query, "INSERT INTO entries VALUES (%ld)", which);
  done(connection, query);
  PQclear(asked(connection, "SELECT pg_sleep(0.05)", PGRES_TUPLES_OK));
  if (which % 2 == 1) {
    fails(connection, "SELECT 1 / 0", "22012");
    CHECK_EQ(PQtransactionStatus(connection), PQTRANS_INERROR);
    fails(connection, "SELECT 1", "25P02");
    done(connection, "ROLLBACK");
  } else {
    done(connection, "COMMIT");
  }
  CHECK_EQ(PQtransactionStatus(connection), PQTRANS_IDLE);
  snprintf(query, sizeof query, "SELECT count(*) FROM entries WHERE number = %ld", which);
  CHECK_EQ(number(connection, query), which % 2 == 0);
  PQfinish(connection);
  return NULL;
}

static void transactions(long count) {
  PGconn *connection = connected();
  done(connection, "CREATE TABLE entries (number int PRIMARY KEY)");
  tell("transactions", together(count, transact));
  CHECK_EQ(number(connection, "SELECT count(*) FROM entries"), (count + 1) / 2);
  done(connection, "DROP TABLE entries");
  PQfinish(connection);
}

static void *lose_the_server(void *arg) {
  PGconn *connection = connected();
  backends[(long)arg] = PQbackendPID(connection);
  PGresult *result = PQexec(connection, "SELECT pg_sleep(60)");
  CHECK_EQ(PQresultStatus(result), PGRES_FATAL_ERROR);
  CHECK(strlen(PQresultErrorMessage(result)) > 0);
  PQclear(result);
  CHECK_EQ(PQstatus(connection), CONNECTION_BAD);
  PQfinish(connection);
  connection = PQconnectdb(conninfo);
  CHECK_EQ(PQstatus(connection), CONNECTION_BAD);
  CHECK(strlen(PQerrorMessage(connection)) > 0);
  PQfinish(connection);
  told++;
  return NULL;
}

static void *lose_patience(void *arg) {
  PGconn *connection = connected();
  asking++;
  PGresult *result = PQexec(connection, "SELECT pg_sleep(60)");
  CHECK_EQ(PQresultStatus(result), PGRES_FATAL_ERROR);
  CHECK(strlen(PQerrorMessage(connection)) > 0);
  PQclear(result);
  PQfinish(connection);
  return arg;
}

struct killing {
  long count;
  pid_t postmaster;
  int signal;
};

/* Once all of them are at their query. */
static void *kill_the_server(void *arg) {
  const struct killing *killing = arg;
  PGconn *connection = connected();
  double limit = milliseconds_now() + 30000;
  while (number(connection, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
                            "AND wait_event = 'PgSleep'") < killing->count) {
    CHECK(milliseconds_now() < limit);
    gh_sleep_ms(20);
  }
  CHECK_EQ(told, 0);
  CHECK_EQ(kill(killing->postmaster, killing->signal), 0);
  if (killing->signal == SIGKILL) {
    /* Its children would go on for a while. */
    CHECK_EQ(kill(PQbackendPID(connection), SIGKILL), 0);
    for (long i = 0; i < killing->count; i++)
      CHECK(kill(backends[i], SIGKILL) == 0 || errno == ESRCH);
  }
  PQfinish(connection);
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc >= 5);
  long count = atol(argv[3]);
  const char *mode = argv[2];
  conninfo = argv[4];
  patch_as_told(argv[1]);
  if (strcmp(mode, "sleep") == 0) {
    tell("slept", together(count, sleep_there));
  } else if (strcmp(mode, "transactions") == 0) {
    transactions(count);
  } else if (strcmp(mode, "cancel") == 0) {
    tell("cancelled", cancelled(count, lose_patience, &asking));
  } else {
    CHECK(strcmp(mode, "killed") == 0 && argc == 7);
    struct killing killing = {count, (pid_t)atol(argv[5]), atoi(argv[6])};
    gh_thread killer;
    CHECK_EQ(gh_spawn(&killer, NULL, kill_the_server, &killing), 0);
    tell("killed", together(count, lose_the_server));
    CHECK_EQ(gh_join(killer, NULL, GH_NEVER), 0);
    CHECK_EQ(told, count);
  }
  return 0;
}
