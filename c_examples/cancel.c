/* cancel.c: ending a green thread that waits, and letting it clean up.
 *
 * Nothing is killed. gh_cancel makes the call in which the thread waits return
 * -ECANCELED, and every later suspending call too, until the entry returns. So
 * a thread ends by the error handling that it has anyway. Clean-up that must
 * wait itself is shielded with gh_cancel_mask.
 */
#include <greenhub.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static ssize_t check(ssize_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror((int)result));
        exit(EXIT_FAILURE);
    }
    return result;
}

/* Waits for a request that never comes, and says goodbye when told to end. */
static void *serve(void *arg)
{
    const int fd = *(const int *)arg;
    char request[64];

    puts("server: waits for a request");
    ssize_t got = gh_recv(fd, request, sizeof request, 0, GH_NEVER);
    printf("server: gh_recv: %s\n", gh_err_name((int)got));
    printf("server: gh_sleep_ms: %s\n", gh_err_name(gh_sleep_ms(3600 * 1000)));

    /* Shielded, but not unbounded: a deadline ends what a cancel may not. */
    const int before = (int)check(gh_cancel_mask(1), "gh_cancel_mask");
    const int64_t deadline = gh_after_ms(10 * 1000);
    check(gh_sleep_until(gh_after_ms(10)), "gh_sleep_until");
    check(gh_send_all(fd, "goodbye", 7, 0, NULL, deadline), "gh_send_all");
    puts("server: clean-up done, shielded");
    check(gh_cancel_mask(before), "gh_cancel_mask");

    printf("server: unshielded again: %s\n", gh_err_name(gh_yield()));
    return "ended";
}

static void cancel_a_blocked_recv(void)
{
    int fds[2];
    gh_thread server;
    void *result;
    char reply[8] = "";

    /* A descriptor from anywhere will do; only its file must not block. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        perror("socketpair");
        exit(EXIT_FAILURE);
    }
    check(gh_spawn(&server, NULL, serve, &fds[0]), "gh_spawn");
    check(gh_yield(), "gh_yield"); /* it runs now, until it waits */

    puts("main: cancels it");
    check(gh_cancel(server), "gh_cancel");
    check(gh_join(server, &result, GH_NEVER), "gh_join");
    printf("main: joined, result \"%s\"\n", (const char *)result);
    check(gh_recv_exact(fds[1], reply, 7, 0, NULL, GH_NEVER), "gh_recv_exact");
    printf("main: the server's last words: %s\n", reply);
    printf("main: a second gh_cancel: %s\n", gh_err_name(gh_cancel(server)));
    check(gh_close(fds[0]), "gh_close");
    check(gh_close(fds[1]), "gh_close");
}

/* Two steps that belong together: no cancel may come between them. */
static void *transfer(void *arg)
{
    (void)arg;
    check(gh_cancel_mask(1), "gh_cancel_mask");
    puts("transfer: takes from one account");
    check(gh_sleep_ms(50), "gh_sleep_ms");
    puts("transfer: gives to the other");
    check(gh_cancel_mask(0), "gh_cancel_mask");

    /* The cancel that came meanwhile has waited for this moment. */
    printf("transfer: the next call: %s\n", gh_err_name(gh_sleep_ms(3600 * 1000)));
    return NULL;
}

static void cancel_while_masked(void)
{
    gh_thread thread;

    check(gh_spawn(&thread, NULL, transfer, NULL), "gh_spawn");
    check(gh_yield(), "gh_yield");
    puts("main: cancels in the middle");
    check(gh_cancel(thread), "gh_cancel");
    check(gh_join(thread, NULL, GH_NEVER), "gh_join");
}

int main(void)
{
    cancel_a_blocked_recv();
    cancel_while_masked();
    return EXIT_SUCCESS;
}
