/* The echo server of someone who knows no green threads: blocking accept, recv and send of libc on blocking
 * descriptors, made cooperative by gh_patch(). Only that call and the spawn are the library's.
 *
 * patched_echo LIFE_SECONDS: prints "port N", serves until killed or until its life is over. */
#define _GNU_SOURCE
#include "bench.h"

#include <greenhub.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER 4096

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[BUFFER];
    ssize_t received, sent;

    while ((received = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        ssize_t at = 0;

        while (at < received) {
            /* As gh_send does it: a client that has left is no signal. */
            sent = send(fd, buffer + at, (size_t)(received - at), MSG_NOSIGNAL);
            if (sent < 0)
                goto done;
            at += sent;
        }
    }
done:
    close(fd);
    return NULL;
}

static int listening(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    bench_check(listener >= 0, "socket");
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bench_check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    bench_check(listen(listener, 4096) == 0, "listen");
    bench_check(getsockname(listener, (struct sockaddr *)&address, &length) == 0, "getsockname");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    int listener, on = 1, patched = gh_patch(GH_PATCH_ALL);

    alarm((unsigned)bench_arg(argc, argv, 1, "LIFE_SECONDS"));
    if (patched <= 0)
        bench_die("gh_patch", patched);
    listener = listening();
    for (;;) {
        int error, fd = accept(listener, NULL, NULL);

        if (fd < 0 && errno == ECONNABORTED)
            continue;
        bench_check(fd >= 0, "accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        error = gh_spawn(NULL, NULL, serve, (void *)(intptr_t)fd);
        if (error < 0)
            bench_die("gh_spawn", error);
    }
}
