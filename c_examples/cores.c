/* cores.c: one port, served by a hub on each of two OS threads.
 *
 * gh_group_serve() gives each hub of a group a listener of its own at the same
 * port, among which the kernel spreads the connections. Each is served by a green
 * thread of the hub that accepted it, so that within a connection nothing needs a
 * lock. What both hubs share, here a count, goes through a channel.
 */
#include <greenhub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HUBS 2
#define CLIENTS 100
#define ROUNDS 10

static ssize_t check(ssize_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror((int)result));
        exit(EXIT_FAILURE);
    }
    return result;
}

/* Runs once for each connection; the descriptor is ours to close. */
static void serve(int fd, void *arg)
{
    gh_channel *echoes = arg;
    char buffer[64];
    ssize_t got;
    int served = 0;

    while ((got = check(gh_recv(fd, buffer, sizeof buffer, 0, GH_NEVER), "gh_recv")) > 0) {
        check(gh_send_all(fd, buffer, (size_t)got, 0, NULL, GH_NEVER), "gh_send_all");
        served++;
    }
    check(gh_close(fd), "gh_close");
    check(gh_channel_send(echoes, &served, GH_NEVER), "gh_channel_send");
}

static void *ask(void *arg)
{
    const int port = *(const int *)arg;
    int fd = (int)check(gh_tcp_connect("127.0.0.1", port, gh_after_ms(10000)), "gh_tcp_connect");
    char word = 'w';

    for (int i = 0; i < ROUNDS; i++) {
        check(gh_send_all(fd, &word, 1, 0, NULL, GH_NEVER), "gh_send_all");
        check(gh_recv_exact(fd, &word, 1, 0, NULL, GH_NEVER), "gh_recv_exact");
    }
    check(gh_close(fd), "gh_close");
    return NULL;
}

int main(void)
{
    gh_group_options options;
    gh_group *group;
    gh_channel *echoes;
    gh_thread clients[CLIENTS];
    int port, total = 0;

    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.hubs = HUBS;
    check(gh_channel_new(&echoes, "echoes", sizeof(int), 0), "gh_channel_new");
    check(gh_group_new(&group, &options), "gh_group_new");
    port = (int)check(
        gh_group_serve(group, "127.0.0.1", 0, 0, serve, echoes, gh_after_ms(10000)),
        "gh_group_serve");
    printf("%d hubs serve one port\n", gh_group_len(group));

    for (int i = 0; i < CLIENTS; i++)
        check(gh_spawn(&clients[i], NULL, ask, &port), "gh_spawn");
    for (int i = 0; i < CLIENTS; i++) {
        int served;

        check(gh_channel_recv(echoes, &served, gh_after_ms(30000)), "gh_channel_recv");
        total += served;
    }
    for (int i = 0; i < CLIENTS; i++)
        check(gh_join(clients[i], NULL, GH_NEVER), "gh_join");
    printf("%d connections, %d echoes\n", CLIENTS, total);

    check(gh_group_free(group, gh_after_ms(10000)), "gh_group_free");
    check(gh_channel_free(echoes), "gh_channel_free");
    printf("all hubs are gone\n");
    return 0;
}
