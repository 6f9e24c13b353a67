/* The peer of the echo figures: a bare epoll loop, as fast as a careful C programmer makes it.
 *
 * One edge-triggered registration per connection, accept4, no read that can only say EAGAIN after
 * a short one, and no memory of its own touched per echo: what could not be sent is kept aside
 * only when the peer reads too slowly, and only then is the registration changed.
 *
 * epoll_echo LIFE_SECONDS: prints "port N", serves until killed or until its life is over. */
#define _GNU_SOURCE
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER 4096
#define BATCH 1024
#define PEER_IS_LEAVING (EPOLLRDHUP | EPOLLHUP | EPOLLERR)

struct unsent {
    size_t at, end;
    char data[BUFFER];
};

static int epoll;
static struct unsent **unsent; /* by descriptor; NULL until a peer first reads too slowly */

static void interest(int operation, int fd, uint32_t events)
{
    struct epoll_event event;

    event.events = events | EPOLLRDHUP | EPOLLET;
    event.data.u64 = 0;
    event.data.fd = fd;
    bench_check(epoll_ctl(epoll, operation, fd, &event) == 0, "epoll_ctl");
}

static void drop(int fd)
{
    free(unsent[fd]);
    unsent[fd] = NULL;
    close(fd);
}

static void keep_unsent(int fd, const char *data, size_t length)
{
    if (!unsent[fd]) {
        unsent[fd] = malloc(sizeof *unsent[fd]);
        bench_check(unsent[fd] != NULL, "malloc");
    }
    memcpy(unsent[fd]->data, data, length);
    unsent[fd]->at = 0;
    unsent[fd]->end = length;
    interest(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void echo(int fd, uint32_t events)
{
    char buffer[BUFFER];

    for (;;) {
        ssize_t sent, received = recv(fd, buffer, sizeof buffer, 0);

        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0 && errno == EAGAIN)
            return;
        if (received <= 0) {
            drop(fd);
            return;
        }
        sent = send(fd, buffer, (size_t)received, MSG_NOSIGNAL);
        if (sent < received) {
            if (sent < 0 && errno != EAGAIN && errno != EINTR) {
                drop(fd);
                return;
            }
            if (sent < 0)
                sent = 0;
            keep_unsent(fd, buffer + sent, (size_t)(received - sent));
            return;
        }
        if ((size_t)received < sizeof buffer && !(events & PEER_IS_LEAVING))
            return;
    }
}

static void send_unsent(int fd)
{
    struct unsent *rest = unsent[fd];

    while (rest->at < rest->end) {
        ssize_t sent = send(fd, rest->data + rest->at, rest->end - rest->at, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) {
            drop(fd);
            return;
        }
        rest->at += (size_t)sent;
    }
    free(rest);
    unsent[fd] = NULL;
    interest(EPOLL_CTL_MOD, fd, EPOLLIN);
}

static void accept_all(int listener)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        interest(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        bench_die("accept4", -errno);
}

static int listen_on_loopback(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_check(listener >= 0, "socket");
    bench_check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    bench_check(listen(listener, 4096) == 0, "listen");
    bench_check(getsockname(listener, (struct sockaddr *)&address, &length) == 0, "getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    static struct epoll_event events[BATCH];
    struct rlimit limit;
    int listener;

    alarm((unsigned)bench_arg(argc, argv, 1, "LIFE_SECONDS"));
    bench_check(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    unsent = calloc(limit.rlim_cur, sizeof *unsent);
    bench_check(unsent != NULL, "calloc");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    bench_check(epoll >= 0, "epoll_create1");
    listener = listen_on_loopback();
    interest(EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int i, count = epoll_wait(epoll, events, BATCH, -1);

        bench_check(count >= 0 || errno == EINTR, "epoll_wait");
        for (i = 0; i < count; i++) {
            int fd = events[i].data.fd;

            if (fd == listener)
                accept_all(listener);
            else if (unsent[fd])
                send_unsent(fd);
            else
                echo(fd, events[i].events);
        }
    }
}
