/* echo_server.c: one green thread for each of many thousand connections.
 *
 *     echo_server [-a address] [-p port] [-s stack bytes]
 *
 * The connection's code is what a book on sockets shows: receive, send, repeat.
 * A green thread that waits costs its control block and the pages of its stack
 * that it has touched, so the stack is small, and the buffer on it takes half a
 * page. SIGTERM and SIGINT end the server; every connection then gets -ECANCELED
 * from its gh_recv, and closes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <greenhub.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define BACKLOG 4096
#define BUFFER_BYTES 2048
#define RETRY_MS 100
#define STOP_MS 5000

/* One OS thread, so no locks and no atomics: these change only while no other
 * green thread can run. */
static uint64_t connections_served;
static uint64_t bytes_echoed;

/* Written before the handlers are installed. */
static gh_hub *hub;

static int check(int result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "echo_server: %s: %s\n", call, gh_strerror(result));
        exit(EXIT_FAILURE);
    }
    return result;
}

static void *serve(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char buffer[BUFFER_BYTES];
    ssize_t got;

    while ((got = gh_recv(fd, buffer, sizeof buffer, 0, GH_NEVER)) > 0) {
        if (gh_send_all(fd, buffer, (size_t)got, 0, NULL, GH_NEVER) < 0)
            break;
        bytes_echoed += (uint64_t)got;
    }
    /* End of file, a reset or a cancel: whichever it was, this one is over. */
    gh_close(fd);
    connections_served++;
    return NULL;
}

struct acceptor {
    int listener;
    gh_spawn_options options;
};

/* Out of descriptors or memory: the client stays in the backlog, and asking
 * again at once would only burn the processor. Somebody will hang up. */
static int pause_accepting(int error, int already_said)
{
    if (!already_said)
        fprintf(stderr, "echo_server: gh_accept: %s; trying again every %d ms\n",
                gh_strerror(error), RETRY_MS);
    return gh_sleep_ms(RETRY_MS);
}

static void *accept_all(void *arg)
{
    const struct acceptor *acceptor = arg;
    int starved = 0;

    for (;;) {
        int fd = gh_accept(acceptor->listener, NULL, NULL, GH_NEVER);

        switch (fd) {
        case -ECANCELED:
            return NULL;
        case -EMFILE:
        case -ENFILE:
        case -ENOBUFS:
        case -ENOMEM:
            if (pause_accepting(fd, starved) < 0)
                return NULL;
            starved = 1;
            continue;
        case -ECONNABORTED:
        case -EPROTO:
            continue; /* that client is gone; the next one is fine */
        default:
            check(fd, "gh_accept");
        }
        starved = 0;

        /* A gh_ socket is a descriptor like any other. Unset, Nagle's algorithm
         * would hold back the answers to a client that sends ahead. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));

        int spawned = gh_spawn(NULL, &acceptor->options, serve, (void *)(intptr_t)fd);
        if (spawned < 0) {
            fprintf(stderr, "echo_server: gh_spawn: %s\n", gh_strerror(spawned));
            gh_close(fd);
        }
    }
}

static void stop(int signal_number)
{
    (void)signal_number;
    gh_hub_stop(hub); /* async-signal-safe */
}

static void install_handlers(void)
{
    struct sigaction action = {.sa_handler = stop};

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0) {
        perror("echo_server: sigaction");
        exit(EXIT_FAILURE);
    }
}

/* Each connection is a descriptor, and the usual soft limit is only 1024. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            perror("echo_server: setrlimit");
    }
}

/* The first line is for people and for scripts that asked for port 0. */
static void announce(int listener)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char text[INET6_ADDRSTRLEN] = "?";

    if (getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        perror("echo_server: getsockname");
        exit(EXIT_FAILURE);
    }
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)&address;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
        printf("listening on [%s]:%d\n", text, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const void *)&address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
        printf("listening on %s:%d\n", text, ntohs(in->sin_port));
    }
    fflush(stdout);
}

static long number(const char *text, long min, long max)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "echo_server: not a number from %ld to %ld: %s\n", min, max, text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    struct acceptor acceptor = {
        .options = {.size = sizeof(gh_spawn_options), .stack_size = 64 * 1024},
    };
    const char *address = "127.0.0.1";
    int port = 0, option;
    gh_thread accepting;

    while ((option = getopt(argc, argv, "a:p:s:w:")) != -1) {
        switch (option) {
        case 'a':
            address = optarg;
            break;
        case 'p':
            port = (int)number(optarg, 0, 65535);
            break;
        case 's':
        case 'w':
            acceptor.options.stack_size = (size_t)number(optarg, 16 * 1024, 1024 * 1024 * 1024);
            break;
        default:
            fprintf(stderr, "usage: echo_server [-a address] [-p port] [-s stack bytes]\n");
            return 2;
        }
    }

    raise_descriptor_limit();
    check(gh_hub_new(&hub, NULL), "gh_hub_new");
    acceptor.listener = check(gh_tcp_listen(address, port, BACKLOG), "gh_tcp_listen");
    check(gh_spawn(&accepting, NULL, accept_all, &acceptor), "gh_spawn");
    install_handlers();
    announce(acceptor.listener);

    /* 1: stopped by a signal. First nobody new is let in, then every connection
     * is cancelled and has some time to end. */
    check(gh_hub_run(hub), "gh_hub_run");
    check(gh_cancel(accepting), "gh_cancel");
    check(gh_join(accepting, NULL, GH_NEVER), "gh_join");
    check(gh_close(acceptor.listener), "gh_close");
    check(gh_hub_free(hub, gh_after_ms(STOP_MS)), "gh_hub_free");
    printf("served %" PRIu64 " connections, %" PRIu64 " bytes\n", connections_served, bytes_echoed);
    return EXIT_SUCCESS;
}
