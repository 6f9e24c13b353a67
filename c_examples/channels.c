/* channels.c: producers, consumers, and a select over both of their channels.
 *
 * Two producers fill one channel, whose buffer holds four items; when it is full,
 * they wait. Each of three consumers squares what it receives. The main thread
 * selects between the results and a deadline. Closing a channel is the word that
 * nothing more will come: what is in it can still be received.
 */
#include <errno.h>
#include <greenhub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRODUCERS 2
#define CONSUMERS 3
#define EACH 50

static gh_channel *numbers, *squares;
static gh_waitgroup *producing, *consuming;

static int check(int result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror(result));
        exit(EXIT_FAILURE);
    }
    return result;
}

static void *produce(void *arg)
{
    const int first = *(const int *)arg;

    for (int i = first; i < first + EACH; i++)
        check(gh_channel_send(numbers, &i, GH_NEVER), "gh_channel_send");
    check(gh_waitgroup_done(producing), "gh_waitgroup_done");
    return NULL;
}

static void *consume(void *arg)
{
    int number;

    (void)arg;
    while (gh_channel_recv(numbers, &number, GH_NEVER) == 0) {
        number *= number;
        check(gh_channel_send(squares, &number, GH_NEVER), "gh_channel_send");
    }
    check(gh_waitgroup_done(consuming), "gh_waitgroup_done");
    return NULL;
}

/* Closes each channel when nobody is left who could send to it. */
static void *close_behind(void *arg)
{
    (void)arg;
    check(gh_waitgroup_wait(producing, GH_NEVER), "gh_waitgroup_wait");
    check(gh_channel_close(numbers), "gh_channel_close");
    check(gh_waitgroup_wait(consuming, GH_NEVER), "gh_waitgroup_wait");
    check(gh_channel_close(squares), "gh_channel_close");
    return NULL;
}

int main(void)
{
    int first[PRODUCERS], square, received = 0;
    long sum = 0;
    gh_select_case result;

    check(gh_channel_new(&numbers, "numbers", sizeof(int), 4), "gh_channel_new");
    check(gh_channel_new(&squares, "squares", sizeof(int), 0), "gh_channel_new");
    check(gh_waitgroup_new(&producing, "producing"), "gh_waitgroup_new");
    check(gh_waitgroup_new(&consuming, "consuming"), "gh_waitgroup_new");
    check(gh_waitgroup_add(producing, PRODUCERS), "gh_waitgroup_add");
    check(gh_waitgroup_add(consuming, CONSUMERS), "gh_waitgroup_add");
    for (int i = 0; i < PRODUCERS; i++) {
        first[i] = 1 + i * EACH;
        check(gh_spawn(NULL, NULL, produce, &first[i]), "gh_spawn");
    }
    for (int i = 0; i < CONSUMERS; i++)
        check(gh_spawn(NULL, NULL, consume, NULL), "gh_spawn");
    check(gh_spawn(NULL, NULL, close_behind, NULL), "gh_spawn");

    memset(&result, 0, sizeof result);
    result.op = GH_SELECT_RECV;
    result.channel = squares;
    result.item = &square;
    for (;;) {
        check(gh_select(&result, 1, gh_after_ms(10000)), "gh_select");
        if (result.result == -EPIPE)
            break;
        sum += square;
        received++;
    }
    printf("%d squares, their sum is %ld\n", received, sum);

    check(gh_channel_free(numbers), "gh_channel_free");
    check(gh_channel_free(squares), "gh_channel_free");
    check(gh_waitgroup_free(producing), "gh_waitgroup_free");
    check(gh_waitgroup_free(consuming), "gh_waitgroup_free");
    return 0;
}
