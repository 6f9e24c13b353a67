/* Ours in the echo figures: one green thread per connection, written as anyone would write it.
 *
 * green_echo LIFE_SECONDS: prints "port N", serves until killed or until its life is over. */
#define _GNU_SOURCE
#include "bench.h"

#include <greenhub.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define BUFFER 4096

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[BUFFER];
    ssize_t received, sent;

    while ((received = gh_recv(fd, buffer, sizeof buffer, 0, GH_NEVER)) > 0) {
        ssize_t at = 0;

        while (at < received) {
            sent = gh_send(fd, buffer + at, (size_t)(received - at), 0, GH_NEVER);
            if (sent < 0)
                goto done;
            at += sent;
        }
    }
done:
    gh_close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int listener, on = 1;

    alarm((unsigned)bench_arg(argc, argv, 1, "LIFE_SECONDS"));
    listener = gh_tcp_listen("127.0.0.1", 0, 4096);
    if (listener < 0)
        bench_die("gh_tcp_listen", listener);
    bench_check(getsockname(listener, (struct sockaddr *)&address, &length) == 0, "getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int error, fd = gh_accept(listener, NULL, NULL, GH_NEVER);

        if (fd == -ECONNABORTED)
            continue;
        if (fd < 0)
            bench_die("gh_accept", fd);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        error = gh_spawn(NULL, NULL, serve, (void *)(intptr_t)fd);
        if (error < 0)
            bench_die("gh_spawn", error);
    }
}
