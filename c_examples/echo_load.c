/* echo_load.c: a load generator for echo servers. It does not use libgreenhub.
 *
 *     echo_load -p port [-h host] [-c connections] [-t seconds] [-s bytes]
 *               [-w warm-up seconds] [-P server pid] [-j]
 *
 * A bare epoll loop in one thread. It opens every connection, has one message
 * under way on each at any time, and compares what comes back. It reports the
 * requests of a window of time, their latencies and every error; with -P also
 * what the server process spent on them. -j prints one line of JSON instead.
 * Exit status: 0 without errors, 1 with any, 2 for a wrong command line.
 */
#define _GNU_SOURCE /* IP_BIND_ADDRESS_NO_PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "latency.h"
#include "load_options.h"
#include "load_report.h"
#include "process_usage.h"

#define SECOND INT64_C(1000000000)
#define OPENING_AT_ONCE 256       /* well below any listener's backlog */
#define PER_SOURCE_ADDRESS 20000  /* an address has some 28,000 ports of its own */
#define SPARE_DESCRIPTORS 16      /* epoll, standard streams, files of /proc */
#define PATIENCE (10 * SECOND)    /* an answer that takes longer is an error */
#define OFFSETS 256

enum failure { CONNECT, SEND, RECV, CLOSED, MISMATCH, UNANSWERED };
static const char *const failure_names[REPORT_ERROR_KINDS] = {
    "connect", "send", "recv", "closed", "mismatch", "unanswered",
};

enum state { UNOPENED, CONNECTING, BUSY, IDLE, GONE };

struct connection {
    int64_t since; /* when the request under way was sent */
    uint64_t sequence;
    uint32_t sent, received;
    int fd;
    enum state state;
};

static struct load {
    struct load_options options;
    struct connection *connections;
    int epoll;
    int live;     /* connected, and at least one echo came back */
    int opening;  /* connecting, or waiting for the first echo */
    int busy;     /* with a request under way */
    int sending;  /* whether an answered request is followed by another */
    int counting; /* whether an answer counts */
    int64_t now;  /* at the last answer */
    uint64_t errors[REPORT_ERROR_KINDS];
    int first_errno[REPORT_ERROR_KINDS];
    struct latency latency;
    char *pattern;
    char *received;
} load;

static void die(const char *call)
{
    fprintf(stderr, "echo_load: %s: %s\n", call, strerror(errno));
    exit(EXIT_FAILURE);
}

static int64_t monotonic_now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

/* Each request of each connection sends another window of the pattern, so an
 * echo that belongs to another connection or to an earlier request shows. */
static const char *message_of(const struct connection *connection)
{
    const size_t index = (size_t)(connection - load.connections);
    return load.pattern + (index * 31 + connection->sequence) % OFFSETS;
}

static void make_pattern(void)
{
    const size_t size = load.options.message_bytes + OFFSETS;
    uint32_t random = 1;

    load.pattern = malloc(size);
    load.received = malloc(load.options.message_bytes);
    if (load.pattern == NULL || load.received == NULL)
        die("malloc");
    for (size_t i = 0; i < size; i++) {
        random = random * 1664525 + 1013904223;
        load.pattern[i] = (char)(random >> 24);
    }
}

/* The connection is closed and not opened again: it is missing from now on. */
static void fail(struct connection *connection, enum failure failure, int error)
{
    if (load.errors[failure]++ == 0)
        load.first_errno[failure] = error;
    if (connection->state == CONNECTING || (connection->state == BUSY && connection->sequence == 0))
        load.opening--;
    else
        load.live--;
    if (connection->state == BUSY)
        load.busy--;
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
    connection->state = GONE;
}

/* Sends what is left of the request. 0 unless the connection failed. */
static int flush(struct connection *connection)
{
    const uint32_t size = load.options.message_bytes;

    while (connection->sent < size) {
        ssize_t sent = send(connection->fd, message_of(connection) + connection->sent,
                            size - connection->sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            if (errno == EAGAIN)
                return 0;
            fail(connection, SEND, errno);
            return -1;
        }
        connection->sent += (uint32_t)sent;
    }
    return 0;
}

static void begin_request(struct connection *connection)
{
    connection->sent = connection->received = 0;
    connection->since = load.now;
    if (connection->state != BUSY) {
        connection->state = BUSY;
        load.busy++;
    }
    flush(connection);
}

static void end_request(struct connection *connection)
{
    load.now = monotonic_now();
    if (load.counting)
        latency_record(&load.latency, load.now - connection->since);
    if (connection->sequence++ == 0) {
        load.opening--;
        load.live++;
    }
    if (load.sending) {
        begin_request(connection);
    } else {
        connection->state = IDLE;
        load.busy--;
    }
}

/* One event of a connected socket: send on, receive and compare. */
static void pump(struct connection *connection)
{
    const uint32_t wanted = connection->state == BUSY ? load.options.message_bytes : 1;

    if (connection->state == BUSY && flush(connection) != 0)
        return;
    for (;;) {
        const uint32_t start = connection->state == BUSY ? connection->received : 0;
        ssize_t got = recv(connection->fd, load.received, wanted - start, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EAGAIN)
                fail(connection, RECV, errno);
            return;
        }
        if (got == 0) {
            fail(connection, CLOSED, 0);
            return;
        }
        if (connection->state != BUSY || start + (uint32_t)got > connection->sent ||
            memcmp(load.received, message_of(connection) + start, (size_t)got) != 0) {
            fail(connection, MISMATCH, 0);
            return;
        }
        connection->received += (uint32_t)got;
        if (connection->received == load.options.message_bytes) {
            end_request(connection);
            return;
        }
    }
}

/* Spreads many connections over 127.0.0.1, 127.0.0.2 and so on: each address
 * has its own ports. Elsewhere the machine has but the addresses it has. */
static int bind_source(int fd, int index)
{
    const uint32_t host = ntohl(load.options.server.sin_addr.s_addr);

    if (load.options.connections <= PER_SOURCE_ADDRESS || host >> 24 != 127)
        return 0;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index / PER_SOURCE_ADDRESS));
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) != 0)
        return -1;
    return bind(fd, (const struct sockaddr *)&source, sizeof source);
}

static void start_connect(int index)
{
    struct connection *connection = &load.connections[index];
    const struct sockaddr *server = (const struct sockaddr *)&load.options.server;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = connection};

    connection->state = CONNECTING;
    load.opening++;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || bind_source(connection->fd, index) != 0 ||
        (connect(connection->fd, server, sizeof load.options.server) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        fail(connection, CONNECT, errno);
}

static void connected(struct connection *connection, uint32_t events)
{
    int error = 0;
    socklen_t len = sizeof error;

    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0)
        return;
    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0) {
        fail(connection, CONNECT, error);
        return;
    }
    load.now = monotonic_now();
    begin_request(connection);
}

/* Serves what has happened; waits up to 10 ms for something. */
static int turn(void)
{
    struct epoll_event events[512];
    int count = epoll_wait(load.epoll, events, 512, 10);

    if (count < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (connection->state == CONNECTING)
            connected(connection, events[i].events);
        else if (connection->state != GONE)
            pump(connection);
    }
    return count;
}

static void run_for(double seconds)
{
    const int64_t end = monotonic_now() + (int64_t)(seconds * 1e9);

    while (monotonic_now() < end && load.live > 0)
        turn();
}

/* Connected says little: the kernel does that. Open is who got an echo. */
static void open_all(void)
{
    int64_t give_up = monotonic_now() + PATIENCE;
    int next = 0;

    while (next < load.options.connections || load.opening > 0) {
        while (next < load.options.connections && load.opening < OPENING_AT_ONCE)
            start_connect(next++);
        const int live_before = load.live;
        turn();
        if (load.live > live_before)
            give_up = monotonic_now() + PATIENCE;
        else if (monotonic_now() > give_up)
            break;
        /* Nobody listens: the remaining ones would fail the same way. */
        if (load.live == 0 && load.errors[CONNECT] >= OPENING_AT_ONCE)
            break;
    }
    for (int i = 0; i < next; i++) {
        struct connection *connection = &load.connections[i];
        if (connection->state == CONNECTING)
            fail(connection, CONNECT, ETIMEDOUT);
        else if (connection->state == BUSY)
            fail(connection, UNANSWERED, ETIMEDOUT);
    }
}

/* Lets every request under way come home; one that does not is an error. */
static void drain(void)
{
    const int64_t give_up = monotonic_now() + PATIENCE;

    load.sending = 0;
    while (load.busy > 0 && monotonic_now() < give_up)
        turn();
    for (int i = 0; i < load.options.connections; i++)
        if (load.connections[i].state == BUSY)
            fail(&load.connections[i], UNANSWERED, ETIMEDOUT);
}

/* Returns how many connections the descriptor limit allows. */
static int raise_descriptor_limit(int connections)
{
    const rlim_t needed = (rlim_t)connections + SPARE_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("getrlimit");
    if (limit.rlim_cur < needed) {
        limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            die("setrlimit");
    }
    if (limit.rlim_cur >= needed)
        return connections;
    const int allowed = (int)limit.rlim_cur - SPARE_DESCRIPTORS;
    fprintf(stderr, "echo_load: the descriptor limit allows %d connections of the %d asked for\n",
            allowed, connections);
    if (allowed < 1)
        exit(EXIT_FAILURE);
    return allowed;
}

/* 0 when -P was given and the kernel told. */
static int server_usage(struct process_usage *usage)
{
    return load.options.server_pid == 0 ? -1 : process_usage_read(load.options.server_pid, usage);
}

static void measure(struct load_report *report)
{
    struct process_usage empty, full, start, end;
    const int told = server_usage(&empty) == 0;

    if (load.options.server_pid != 0 && !told)
        fprintf(stderr, "echo_load: /proc tells nothing about process %d\n",
                load.options.server_pid);
    open_all();
    if (told && load.live > 0 && server_usage(&full) == 0) {
        report->resident_per_connection =
            (double)(full.resident_bytes - empty.resident_bytes) / load.live;
        report->pagetables_per_connection =
            (double)(full.pagetable_bytes - empty.pagetable_bytes) / load.live;
    }

    load.sending = 1;
    for (int i = 0; i < load.options.connections; i++) {
        load.now = monotonic_now();
        if (load.connections[i].state == IDLE)
            begin_request(&load.connections[i]);
    }
    run_for(load.options.warm_up);

    const int cpu_told = told && server_usage(&start) == 0;
    const int64_t window_start = monotonic_now();
    load.counting = 1;
    run_for(load.options.seconds);
    load.counting = 0;
    report->seconds = (double)(monotonic_now() - window_start) / 1e9;
    report->requests = load.latency.total;
    if (cpu_told && report->requests > 0 && server_usage(&end) == 0 && end.cpu_ns > start.cpu_ns) {
        const double used = (double)(end.cpu_ns - start.cpu_ns);
        report->cpu_us_per_request = used / 1e3 / (double)report->requests;
        report->cpu_percent = used / 1e7 / report->seconds;
    }
    report->connections_held = load.live;
    drain();
}

int main(int argc, char **argv)
{
    struct load_report report = {
        .latency = &load.latency,
        .error_names = failure_names,
        .cpu_us_per_request = -1,
        .cpu_percent = -1,
        .resident_per_connection = -1,
        .pagetables_per_connection = -1,
    };

    load.options = load_options_parse(argc, argv);
    report.connections_wanted = load.options.connections;
    report.message_bytes = load.options.message_bytes;
    load.options.connections = raise_descriptor_limit(load.options.connections);
    load.connections = calloc((size_t)load.options.connections, sizeof *load.connections);
    if (load.connections == NULL)
        die("calloc");
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0)
        die("epoll_create1");
    make_pattern();

    measure(&report);
    memcpy(report.errors, load.errors, sizeof report.errors);
    memcpy(report.first_errno, load.first_errno, sizeof report.first_errno);
    if (load.options.json)
        report_json(&report);
    else
        report_text(&report);

    for (int i = 0; i < load.options.connections; i++)
        if (load.connections[i].state == IDLE)
            close(load.connections[i].fd);
    close(load.epoll);
    free(load.received);
    free(load.pattern);
    free(load.connections);
    return report_errors(&report) == 0 && report.requests > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
