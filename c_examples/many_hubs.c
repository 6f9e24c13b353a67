/* many_hubs.c: a hub on each of several OS threads, and a word between them.
 *
 * Each OS thread has its own hub, its own green threads and its own sockets.
 * They share nothing and need no lock: within a hub, another green thread runs
 * only while one waits in a gh_ call. What crosses from one OS thread to another
 * goes through gh_post, which runs a callback on the other hub.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <greenhub.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HUBS 4
#define CLIENTS 8
#define ROUNDS 25
#define MESSAGE "over the loopback"

struct worker {
    int number;
    gh_hub *hub;
    int port;
    int echoes;           /* counted by this hub's green threads alone */
    gh_thread mailbox;    /* sleeps until a greeting comes */
    int greeted_by;       /* set by the callback that the other hub posted */
    struct worker *next;
};

/* Between OS threads the usual tools hold: these order the start and the end. */
static pthread_barrier_t all_have_hubs, all_have_posted;

static ssize_t check(ssize_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror((int)result));
        exit(EXIT_FAILURE);
    }
    return result;
}

static void *echo(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char buffer[64];
    ssize_t got;

    while ((got = check(gh_recv(fd, buffer, sizeof buffer, 0, GH_NEVER), "gh_recv")) > 0)
        check(gh_send_all(fd, buffer, (size_t)got, 0, NULL, GH_NEVER), "gh_send_all");
    check(gh_close(fd), "gh_close");
    return NULL;
}

static void *accept_all(void *arg)
{
    const int listener = *(const int *)arg;
    gh_thread connections[CLIENTS];

    for (int i = 0; i < CLIENTS; i++) {
        int fd = (int)check(gh_accept(listener, NULL, NULL, GH_NEVER), "gh_accept");
        check(gh_spawn(&connections[i], NULL, echo, (void *)(intptr_t)fd), "gh_spawn");
    }
    for (int i = 0; i < CLIENTS; i++)
        check(gh_join(connections[i], NULL, GH_NEVER), "gh_join");
    return NULL;
}

static void *talk(void *arg)
{
    struct worker *worker = arg;
    char reply[sizeof MESSAGE];
    int fd = (int)check(gh_tcp_connect("127.0.0.1", worker->port, GH_NEVER), "gh_tcp_connect");

    for (int i = 0; i < ROUNDS; i++) {
        check(gh_send_all(fd, MESSAGE, sizeof MESSAGE, 0, NULL, GH_NEVER), "gh_send_all");
        check(gh_recv_exact(fd, reply, sizeof reply, 0, NULL, GH_NEVER), "gh_recv_exact");
        if (memcmp(reply, MESSAGE, sizeof reply) == 0)
            worker->echoes++;
    }
    check(gh_close(fd), "gh_close");
    return NULL;
}

/* A server and its clients, all green threads of this OS thread. */
static void echo_among_ourselves(struct worker *worker)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    gh_thread acceptor, clients[CLIENTS];
    int listener = (int)check(gh_tcp_listen("127.0.0.1", 0, CLIENTS), "gh_tcp_listen");

    if (getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        perror("getsockname");
        exit(EXIT_FAILURE);
    }
    worker->port = ntohs(address.sin_port);
    check(gh_spawn(&acceptor, NULL, accept_all, &listener), "gh_spawn");
    for (int i = 0; i < CLIENTS; i++)
        check(gh_spawn(&clients[i], NULL, talk, worker), "gh_spawn");
    for (int i = 0; i < CLIENTS; i++)
        check(gh_join(clients[i], NULL, GH_NEVER), "gh_join");
    check(gh_join(acceptor, NULL, GH_NEVER), "gh_join");
    check(gh_close(listener), "gh_close");
}

/* Runs on the receiver's hub, so it may touch the receiver's data. It may not
 * suspend; to wake a green thread, it cancels the wait. */
static void greet(void *arg)
{
    struct worker *receiver = arg;

    receiver->greeted_by = receiver->number == 1 ? HUBS : receiver->number - 1;
    check(gh_cancel(receiver->mailbox), "gh_cancel");
}

static void *wait_for_greeting(void *arg)
{
    const struct worker *worker = arg;

    /* Sleeping to the end means that nobody has written. */
    if (gh_sleep_ms(60 * 1000) != -ECANCELED || worker->greeted_by == 0) {
        fprintf(stderr, "hub %d was not greeted\n", worker->number);
        exit(EXIT_FAILURE);
    }
    return NULL;
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;

    check(gh_hub_new(&worker->hub, NULL), "gh_hub_new");
    check(gh_spawn(&worker->mailbox, NULL, wait_for_greeting, worker), "gh_spawn");
    pthread_barrier_wait(&all_have_hubs);

    echo_among_ourselves(worker);
    check(gh_post(worker->next->hub, greet, worker->next), "gh_post");
    check(gh_join(worker->mailbox, NULL, GH_NEVER), "gh_join");

    pthread_barrier_wait(&all_have_posted);
    check(gh_hub_free(worker->hub, GH_NEVER), "gh_hub_free");
    return NULL;
}

int main(void)
{
    struct worker workers[HUBS];
    pthread_t threads[HUBS];

    memset(workers, 0, sizeof workers);
    check(-pthread_barrier_init(&all_have_hubs, NULL, HUBS), "pthread_barrier_init");
    check(-pthread_barrier_init(&all_have_posted, NULL, HUBS), "pthread_barrier_init");
    for (int i = 0; i < HUBS; i++) {
        workers[i].number = i + 1;
        workers[i].next = &workers[(i + 1) % HUBS];
    }
    for (int i = 0; i < HUBS; i++)
        check(-pthread_create(&threads[i], NULL, run_worker, &workers[i]), "pthread_create");
    for (int i = 0; i < HUBS; i++)
        check(-pthread_join(threads[i], NULL), "pthread_join");

    for (int i = 0; i < HUBS; i++)
        printf("hub %d: %d clients, %d echoes, greeted by hub %d\n", workers[i].number, CLIENTS,
               workers[i].echoes, workers[i].greeted_by);
    return EXIT_SUCCESS;
}
