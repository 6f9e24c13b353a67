/* The load of the echo figures: N connections in a closed loop, each with one 64-byte message under
 * way, every byte of every answer compared, on one thread and one epoll.
 *
 * Servers that are to be compared are loaded in turn, window by window: a machine that is slower
 * for a second is so for both. A window starts and ends with nothing under way and the servers asleep,
 * and the server's CPU is read at those two moments, here: so the CPU belongs to exactly the requests
 * that are counted, and a sleeping thread's counter is up to date.
 *
 * echo_client CONNECTIONS WARM_MS WINDOW_MS WINDOWS {PORT SERVER_PID}...: prints one line of JSON, for
 * each server the list of its windows. */
#define _GNU_SOURCE
#include "bench.h"
#include "histogram.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 64
#define BATCH 512
#define QUIET_MS 10
#define STALL_MS 5000
#define MOST_PEERS 8

struct connection {
    int fd;
    unsigned received;
    uint64_t number;
    uint64_t sequence;
    int64_t sent_at;
    unsigned char message[MESSAGE];
};

struct window {
    uint64_t requests;
    int64_t length;
    int64_t ran, waited; /* nanoseconds of the server, see server_cpu */
    int64_t p50, p99, max;
};

/* One of the servers, and the connections to it. */
struct peer {
    int epoll;
    long pid;
    struct connection *connections;
    struct window *windows;
};

static long connection_count;
static struct histogram latency;

static void send_next(struct connection *c, int64_t now)
{
    uint64_t seed = (c->number + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ ++c->sequence;
    int i;

    memcpy(c->message, &c->number, 8);
    memcpy(c->message + 8, &c->sequence, 8);
    for (i = 16; i < MESSAGE; i += 8) {
        uint64_t word = bench_random(&seed);
        memcpy(c->message + i, &word, 8);
    }
    c->received = 0;
    c->sent_at = now;
    /* Nothing else is under way on this connection, so there is always room for all of it. */
    bench_check(send(c->fd, c->message, MESSAGE, MSG_NOSIGNAL) == MESSAGE, "send");
}

/* True when the whole answer is here. A byte too many or a wrong one ends the benchmark. */
static int answered(struct connection *c)
{
    unsigned char answer[2 * MESSAGE];
    ssize_t received = recv(c->fd, answer, sizeof answer, 0);

    if (received < 0 && errno == EAGAIN)
        return 0;
    bench_check(received >= 0, "recv");
    errno = 0;
    bench_check(received > 0, "the server closed a connection");
    bench_check(c->received + (size_t)received <= MESSAGE, "more was echoed than was sent");
    bench_check(memcmp(answer, c->message + c->received, (size_t)received) == 0,
                "the echo differs from what was sent");
    c->received += (unsigned)received;
    return c->received == MESSAGE;
}

static void load(struct peer *p, struct window *w, int64_t length)
{
    static struct epoll_event events[BATCH];
    int64_t begin = bench_now(), end = begin + length;
    long under_way = connection_count, k;

    histogram_clear(&latency);
    w->requests = 0;
    for (k = 0; k < connection_count; k++)
        send_next(&p->connections[k], bench_now());
    while (under_way > 0) {
        int i, count = epoll_wait(p->epoll, events, BATCH, STALL_MS);

        if (count < 0 && errno == EINTR)
            continue;
        bench_check(count >= 0, "epoll_wait");
        errno = 0;
        bench_check(count > 0, "the server stopped answering");
        for (i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            int64_t now;

            if (!answered(c))
                continue;
            now = bench_now();
            histogram_record(&latency, now - c->sent_at);
            w->requests++;
            if (now < end)
                send_next(c, now);
            else
                under_way--;
        }
    }
    w->length = bench_now() - begin;
    w->p50 = histogram_quantile(&latency, 0.50);
    w->p99 = histogram_quantile(&latency, 0.99);
    w->max = latency.max;
}

struct cpu {
    int64_t ran;    /* nanoseconds that all threads of the server have had */
    int64_t waited; /* and those in which they could have run, but something else did */
};

static struct cpu server_cpu(long pid)
{
    struct cpu total = {0, 0};
    char path[64], line[128], *rest;
    struct dirent *entry;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%ld/task", pid);
    tasks = opendir(path);
    bench_check(tasks != NULL, path);
    while ((entry = readdir(tasks)) != NULL) {
        FILE *file;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%ld/task/%.20s/schedstat", pid, entry->d_name);
        file = fopen(path, "r");
        bench_check(file && fgets(line, sizeof line, file), path);
        fclose(file);
        total.ran += strtoll(line, &rest, 10);
        total.waited += strtoll(rest, NULL, 10);
    }
    closedir(tasks);
    return total;
}

static void wait_until_asleep(void)
{
    struct timespec pause = {0, QUIET_MS * BENCH_MS};

    nanosleep(&pause, NULL);
}

static void connect_all(struct peer *p, int port)
{
    /* Closing by reset leaves no TIME_WAIT behind for the next round to wade through. */
    struct linger reset = {1, 0};
    struct sockaddr_in address;
    struct epoll_event event;
    int on = 1;
    long k;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (k = 0; k < connection_count; k++) {
        struct connection *c = &p->connections[k];

        c->number = (uint64_t)k;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bench_check(c->fd >= 0, "socket");
        bench_check(connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        bench_check(fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
        event.events = EPOLLIN | EPOLLET;
        event.data.ptr = c;
        bench_check(epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0, "epoll_ctl");
    }
}

static void prepare(struct peer *p, int port, long pid, long windows)
{
    p->pid = pid;
    p->connections = calloc((size_t)connection_count, sizeof *p->connections);
    p->windows = calloc((size_t)windows, sizeof *p->windows);
    bench_check(p->connections != NULL && p->windows != NULL, "calloc");
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    bench_check(p->epoll >= 0, "epoll_create1");
    connect_all(p, port);
}

static void measure(struct peer *p, struct window *w, int64_t length)
{
    struct cpu before, after;

    wait_until_asleep();
    before = server_cpu(p->pid);
    load(p, w, length);
    wait_until_asleep();
    after = server_cpu(p->pid);
    w->ran = after.ran - before.ran;
    w->waited = after.waited - before.waited;
}

static void print(const struct peer *p, long windows)
{
    long k;

    for (k = 0; k < windows; k++) {
        const struct window *w = &p->windows[k];

        printf("%s{\"requests\": %llu, \"window_ns\": %lld, \"server_waited_ns\": %lld, "
               "\"cpu_per_request_ns\": %.2f, \"latency_p50_us\": %.1f, \"latency_p99_us\": %.1f, "
               "\"latency_max_us\": %.1f}",
               k ? ", " : "", (unsigned long long)w->requests, (long long)w->length,
               (long long)w->waited, (double)w->ran / (double)w->requests, (double)w->p50 / 1e3,
               (double)w->p99 / 1e3, (double)w->max / 1e3);
    }
}

int main(int argc, char **argv)
{
    int64_t warm = bench_arg(argc, argv, 2, "WARM_MS") * BENCH_MS;
    int64_t length = bench_arg(argc, argv, 3, "WINDOW_MS") * BENCH_MS;
    long windows = bench_arg(argc, argv, 4, "WINDOWS");
    struct peer peers[MOST_PEERS];
    int i, count = (argc - 5) / 2;
    long k;

    connection_count = bench_arg(argc, argv, 1, "CONNECTIONS");
    bench_check(connection_count > 0, "CONNECTIONS");
    bench_check(windows > 0, "WINDOWS");
    bench_check(count > 0 && count <= MOST_PEERS, "PORT SERVER_PID");
    alarm((unsigned)((warm + windows * length) * count / (1000 * BENCH_MS)) + 30);
    for (i = 0; i < count; i++) {
        struct window ignored;

        prepare(&peers[i], (int)bench_arg(argc, argv, 5 + 2 * i, "PORT"),
                bench_arg(argc, argv, 6 + 2 * i, "SERVER_PID"), windows);
        load(&peers[i], &ignored, warm);
    }
    for (k = 0; k < windows; k++)
        /* None of them always comes first. */
        for (i = 0; i < count; i++) {
            struct peer *p = &peers[(i + k) % count];

            measure(p, &p->windows[k], length);
        }
    printf("{\"servers\": [");
    for (i = 0; i < count; i++) {
        printf(i ? ", [" : "[");
        print(&peers[i], windows);
        printf("]");
    }
    printf("]}\n");
    return 0;
}
