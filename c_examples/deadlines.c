/* deadlines.c: one point in time bounds as many calls as you like.
 *
 * Every suspending call takes an absolute deadline, in nanoseconds of the
 * monotonic clock (gh_now). A relative timeout would start anew with each call;
 * a deadline is made once, from gh_after_ms, and handed on. In the past it
 * means "try, but do not wait", and GH_NEVER means "wait as long as it takes".
 */
#include <errno.h>
#include <greenhub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MILLISECOND INT64_C(1000000)

static ssize_t check(ssize_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror((int)result));
        exit(EXIT_FAILURE);
    }
    return result;
}

static void expect_not_before(int64_t deadline)
{
    if (gh_now() < deadline) {
        fprintf(stderr, "a wait ended before its deadline\n");
        exit(EXIT_FAILURE);
    }
}

/* Answers three questions, and says half of a fourth answer. */
static void *tiring_server(void *arg)
{
    const int fd = *(const int *)arg;
    char question[4];

    for (int i = 0; i < 3; i++) {
        check(gh_recv_exact(fd, question, 4, 0, NULL, GH_NEVER), "gh_recv_exact");
        check(gh_send_all(fd, "pong", 4, 0, NULL, GH_NEVER), "gh_send_all");
    }
    check(gh_recv_exact(fd, question, 4, 0, NULL, GH_NEVER), "gh_recv_exact");
    check(gh_send_all(fd, "po", 2, 0, NULL, GH_NEVER), "gh_send_all");

    /* Zero bytes: the client has given up and will not ask again. */
    const ssize_t got = check(gh_recv(fd, question, 4, 0, GH_NEVER), "gh_recv");
    return got == 0 ? "saw the end" : "heard another question";
}

/* Asks until an answer does not come in time; the deadline is handed down. */
static int ask_all(int fd, int questions, int64_t deadline)
{
    for (int i = 1; i <= questions; i++) {
        char answer[4];
        size_t received = 0;
        ssize_t result = gh_send_all(fd, "ping", 4, 0, NULL, deadline);
        if (result >= 0)
            result = gh_recv_exact(fd, answer, 4, 0, &received, deadline);
        if (result < 0) {
            printf("  answer %d: %s after %zu bytes\n", i, gh_err_name((int)result), received);
            return (int)result;
        }
        printf("  answer %d: %.4s\n", i, answer);
    }
    return 0;
}

static void one_deadline_over_several_calls(int client, int server)
{
    gh_thread thread;
    void *result;

    puts("one deadline, one second away, for ten questions:");
    check(gh_spawn(&thread, NULL, tiring_server, &server), "gh_spawn");
    const int64_t deadline = gh_after_ms(1000);
    if (ask_all(client, 10, deadline) != -ETIMEDOUT) {
        fprintf(stderr, "the deadline did not end the questions\n");
        exit(EXIT_FAILURE);
    }
    expect_not_before(deadline);

    puts("GH_NEVER, for a thread that is sure to end:");
    check(gh_shutdown(client, SHUT_WR), "gh_shutdown");
    check(gh_join(thread, &result, GH_NEVER), "gh_join");
    printf("  the server %s\n", (const char *)result);
}

static void past_deadline(int reader, int writer)
{
    char text[8] = "";
    struct pollfd both[] = {{reader, POLLIN, 0}, {writer, POLLIN, 0}};

    puts("a deadline in the past tries once:");
    printf("  nothing there: %s\n", gh_err_name((int)gh_recv(reader, text, 7, 0, gh_now())));
    printf("  gh_poll counts, as poll(2) does: %d ready\n", gh_poll(both, 2, 0));
    check(gh_send_all(writer, "here", 4, 0, NULL, 0), "gh_send_all");
    check(gh_recv(reader, text, 7, 0, 0), "gh_recv");
    printf("  something there: %s\n", text);
}

static void steady_pace(void)
{
    const int64_t start = gh_now();
    int64_t next = start;

    puts("a steady pace, because each step is counted from the last one's deadline:");
    for (int step = 1; step <= 5; step++) {
        next += 20 * MILLISECOND;
        check(gh_sleep_until(next), "gh_sleep_until");
        expect_not_before(start + step * 20 * MILLISECOND);
        printf("  step %d\n", step);
    }
}

int main(void)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        perror("socketpair");
        return EXIT_FAILURE;
    }
    past_deadline(fds[0], fds[1]);
    one_deadline_over_several_calls(fds[0], fds[1]);
    steady_pace();
    check(gh_close(fds[0]), "gh_close");
    check(gh_close(fds[1]), "gh_close");
    return EXIT_SUCCESS;
}
