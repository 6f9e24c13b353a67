/* How requests grow with the hubs of a group: echo over loopback TCP, served by gh_group_serve, asked by
 * green threads of the same group, so that each core has as much of the one as of the other.
 *
 * group_green HUBS CONNECTIONS WINDOW_MS: prints one line of JSON. */
#define _GNU_SOURCE
#include "bench.h"

#include <greenhub.h>
#include <unistd.h>

#define MESSAGE 64

struct client {
    int port;
    volatile int *stop;
    long requests;
};

static void must(int64_t result, const char *what)
{
    if (result < 0)
        bench_die(what, (int)result);
}

static void serve(int fd, void *arg)
{
    char buffer[4096];
    ssize_t received;

    (void)arg;
    while ((received = gh_recv(fd, buffer, sizeof buffer, 0, GH_NEVER)) > 0)
        if (gh_send_all(fd, buffer, (size_t)received, 0, NULL, GH_NEVER) < 0)
            break;
    gh_close(fd);
}

static void *ask(void *arg)
{
    struct client *client = arg;
    char said[MESSAGE], heard[MESSAGE];
    int fd = gh_tcp_connect("127.0.0.1", client->port, gh_after_ms(10000));

    must(fd, "gh_tcp_connect");
    while (!*client->stop) {
        memset(said, (int)client->requests, sizeof said);
        must(gh_send_all(fd, said, sizeof said, 0, NULL, GH_NEVER), "gh_send_all");
        must(gh_recv_exact(fd, heard, sizeof heard, 0, NULL, GH_NEVER), "gh_recv_exact");
        if (memcmp(said, heard, sizeof said) != 0)
            bench_die("the echo differs from what was sent", 0);
        client->requests++;
    }
    gh_close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    static volatile int stop;
    gh_group_options options;
    gh_group *group;
    long connections = bench_arg(argc, argv, 2, "CONNECTIONS");
    long window = bench_arg(argc, argv, 3, "WINDOW_MS"), before = 0, after = 0, k;
    struct client *clients = calloc((size_t)connections, sizeof *clients);
    gh_thread *threads = calloc((size_t)connections, sizeof *threads);
    int64_t begin, end;
    int port;

    bench_check(clients != NULL && threads != NULL, "calloc");
    alarm((unsigned)(window / 1000) + 60);
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.hubs = (uint32_t)bench_arg(argc, argv, 1, "HUBS");
    must(gh_group_new(&group, &options), "gh_group_new");
    port = gh_group_serve(group, "127.0.0.1", 0, 0, serve, NULL, gh_after_ms(10000));
    must(port, "gh_group_serve");
    for (k = 0; k < connections; k++) {
        clients[k].port = port;
        clients[k].stop = &stop;
        must(gh_group_spawn(group, &threads[k], NULL, ask, &clients[k], GH_NEVER),
             "gh_group_spawn");
    }
    gh_sleep_ms(200);
    for (k = 0; k < connections; k++)
        before += clients[k].requests;
    begin = gh_now();
    gh_sleep_ms(window);
    for (k = 0; k < connections; k++)
        after += clients[k].requests;
    end = gh_now();
    stop = 1;
    for (k = 0; k < connections; k++)
        must(gh_join(threads[k], NULL, GH_NEVER), "gh_join");
    must(gh_group_free(group, gh_after_ms(10000)), "gh_group_free");
    printf("{\"requests_per_s\": %.0f}\n",
           (double)(after - before) * 1e9 / (double)(end - begin));
    return 0;
}
