/* embed_poll.c: the hub as a guest in an event loop that is not its own.
 *
 * A program that has a poll loop already (a GUI, a game, a daemon) keeps it. It
 * adds the hub's descriptor to its own, waits no longer than the hub's next
 * deadline allows, and after each wait gives the hub a turn that never blocks.
 *
 * Here the loop owns a pipe of orders and answers each on a socket. The orders
 * come from a green thread that sleeps (so a deadline must wake the loop) and
 * then waits for the answer (so a descriptor must).
 */
#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <greenhub.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ORDERS 3
#define EXIT_SKIPPED 77

static ssize_t check(ssize_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror((int)result));
        exit(EXIT_FAILURE);
    }
    return result;
}

static void check_errno(int result, const char *call)
{
    if (result < 0) {
        perror(call);
        exit(EXIT_FAILURE);
    }
}

struct client {
    int orders;  /* the pipe's writing end */
    int answers; /* the socket's green end */
};

static void *order(void *arg)
{
    const struct client *client = arg;

    for (int i = 1; i <= ORDERS; i++) {
        char text[32];
        check(gh_sleep_ms(20), "gh_sleep_ms");
        int len = snprintf(text, sizeof text, "order %d", i);
        check(gh_write(client->orders, text, (size_t)len, GH_NEVER), "gh_write");
        ssize_t got = check(gh_recv(client->answers, text, sizeof text, 0, GH_NEVER), "gh_recv");
        printf("green thread: %.*s\n", (int)got, text);
    }
    check(gh_close(client->orders), "gh_close"); /* the loop sees the end of the pipe */
    return NULL;
}

/* How long poll(2) may wait. Rounded up: rounded down, the loop would spin
 * through the last fraction of a millisecond before each deadline. */
static int poll_timeout(int64_t deadline)
{
    check(deadline < 0 ? (ssize_t)deadline : 0, "gh_hub_next_deadline");
    if (deadline == GH_NEVER)
        return -1;
    const int64_t now = gh_now();
    if (deadline <= now)
        return 0;
    const int64_t ms = (deadline - now + 999999) / 1000000;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

/* The loop's own work. Returns 0 when no more orders will come. */
static int answer_orders(int orders, int answers)
{
    char text[64], reply[80];
    ssize_t got = read(orders, text, sizeof text);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    check_errno((int)got, "read");
    if (got == 0)
        return 0;
    printf("foreign loop: %.*s\n", (int)got, text);
    int len = snprintf(reply, sizeof reply, "%.*s is done", (int)got, text);
    check_errno((int)write(answers, reply, (size_t)len), "write");
    return 1;
}

static void foreign_loop(gh_hub *hub, int hub_fd, int orders, int answers)
{
    int more_orders = 1;

    for (;;) {
        const int hub_busy = (int)check(gh_hub_run_once(hub, 0), "gh_hub_run_once");
        if (!hub_busy && !more_orders)
            return;

        /* poll(2) ignores a negative descriptor. */
        struct pollfd fds[] = {{hub_fd, POLLIN, 0}, {more_orders ? orders : -1, POLLIN, 0}};
        if (poll(fds, 2, poll_timeout(gh_hub_next_deadline(hub))) < 0 && errno != EINTR)
            check_errno(-1, "poll");
        if (fds[1].revents != 0)
            more_orders = answer_orders(orders, answers);
    }
}

int main(void)
{
    gh_hub *hub = NULL;
    int orders[2], answers[2];

    check(gh_hub_new(&hub, NULL), "gh_hub_new");
    const int hub_fd = gh_hub_fd(hub);
    if (hub_fd == -ENOTSUP) {
        fprintf(stderr, "skipped: this build waits with poll(2) and has no descriptor to embed\n");
        return EXIT_SKIPPED;
    }
    check(hub_fd, "gh_hub_fd");
    check_errno(pipe2(orders, O_NONBLOCK | O_CLOEXEC), "pipe2");
    check_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, answers),
                "socketpair");

    struct client client = {orders[1], answers[1]};
    check(gh_spawn(NULL, NULL, order, &client), "gh_spawn");
    foreign_loop(hub, hub_fd, orders[0], answers[0]);
    puts("foreign loop: the hub is idle and the pipe is closed");

    check_errno(close(orders[0]), "close");
    check_errno(close(answers[0]), "close");
    check(gh_close(answers[1]), "gh_close");
    check(gh_hub_free(hub, GH_NEVER), "gh_hub_free");
    return EXIT_SUCCESS;
}
