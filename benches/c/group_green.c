/* How requests grow with the hubs of a group: echo over loopback TCP, served by gh_group_serve, asked by
 * green threads of the same group, so that each core has as much of the one as of the other. With OWN each
 * of these asks the hub that it runs on, and no byte goes from core to core: else what grows with the hubs is
 * also what the kernel does for that, which a load from outside would spare it.
 *
 * group_green HUBS CONNECTIONS WINDOW_MS OWN: prints one line of JSON. OWN is 0 or 1. */
#define _GNU_SOURCE
#include "bench.h"

#include <greenhub.h>
#include <unistd.h>

#define MESSAGE 64

struct client {
    int port;
    int own;
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
    gh_hub *hub = gh_hub_current();
    ssize_t received;

    (void)arg;
    /* Who is served has gone to another hub's listener, perhaps. */
    if (gh_send_all(fd, &hub, sizeof hub, 0, NULL, GH_NEVER) < 0) {
        gh_close(fd);
        return;
    }
    while ((received = gh_recv(fd, buffer, sizeof buffer, 0, GH_NEVER)) > 0)
        if (gh_send_all(fd, buffer, (size_t)received, 0, NULL, GH_NEVER) < 0)
            break;
    gh_close(fd);
}

/* The kernel spreads connections over the listeners: one of some tries comes to the asker's own hub. */
static int connect_to_server(const struct client *client)
{
    int tries;

    for (tries = 0; tries < 200; tries++) {
        gh_hub *hub;
        int fd = gh_tcp_connect("127.0.0.1", client->port, gh_after_ms(10000));

        must(fd, "gh_tcp_connect");
        must(gh_recv_exact(fd, &hub, sizeof hub, 0, NULL, GH_NEVER), "gh_recv_exact");
        if (!client->own || hub == gh_hub_current())
            return fd;
        gh_close(fd);
    }
    bench_die("no connection comes to its own hub", 0);
    return -1;
}

static void *ask(void *arg)
{
    struct client *client = arg;
    char said[MESSAGE], heard[MESSAGE];
    int fd = connect_to_server(client);

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
    int port, own = bench_arg(argc, argv, 4, "OWN") != 0;

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
        clients[k].own = own;
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
