/* Ours in the figures about channels and locks: a message, a hand-over, a select, between hubs.
 *
 * objects_green channel COUNT | two_switches COUNT | mutex COUNT | select COUNT | offload COUNT |
 *     across COUNT CPU
 * Each prints one line of JSON; objects_pthread does the same work on pthreads. */
#define _GNU_SOURCE
#include "bench.h"

#include <greenhub.h>
#include <pthread.h>
#include <sched.h>

#define CHANNELS 8

static long count;
static gh_channel *channels[CHANNELS];
static gh_mutex *mutex;

static void must(int64_t result, const char *what)
{
    if (result < 0)
        bench_die(what, (int)result);
}

static gh_thread spawn(gh_entry entry, void *arg)
{
    gh_thread thread;

    must(gh_spawn(&thread, NULL, entry, arg), "gh_spawn");
    return thread;
}

static void run_both(gh_entry one, gh_entry other)
{
    gh_thread first = spawn(one, NULL), second = spawn(other, NULL);
    int64_t begin = bench_now();

    must(gh_join(first, NULL, GH_NEVER), "gh_join");
    must(gh_join(second, NULL, GH_NEVER), "gh_join");
    printf("{\"ns\": %.3f}\n", (double)(bench_now() - begin) / (double)count);
}

static void make_channels(int number)
{
    int i;

    for (i = 0; i < number; i++)
        must(gh_channel_new(&channels[i], NULL, sizeof(long), 0), "gh_channel_new");
}

static void *send_all(void *arg)
{
    long k;

    for (k = 0; k < count; k++)
        must(gh_channel_send(channels[0], &k, GH_NEVER), "gh_channel_send");
    return arg;
}

static void check_item(long item, long expected)
{
    if (item != expected)
        bench_die("an item came out of turn", 0);
}

static void *receive_all(void *arg)
{
    long k, item;

    for (k = 0; k < count; k++) {
        must(gh_channel_recv(channels[0], &item, GH_NEVER), "gh_channel_recv");
        check_item(item, k);
    }
    return arg;
}

static void *yield_all(void *arg)
{
    long k;

    for (k = 0; k < count; k++)
        gh_yield();
    return arg;
}

/* Held across a yield, so that the other one always waits: each lock is a hand-over. */
static void *hand_over(void *arg)
{
    long k;

    for (k = 0; k < count / 2; k++) {
        must(gh_mutex_lock(mutex, GH_NEVER), "gh_mutex_lock");
        gh_yield();
        must(gh_mutex_unlock(mutex), "gh_mutex_unlock");
    }
    return arg;
}

static void *send_around(void *arg)
{
    long k;

    for (k = 0; k < count; k++)
        must(gh_channel_send(channels[k % CHANNELS], &k, GH_NEVER), "gh_channel_send");
    return arg;
}

static void *select_all(void *arg)
{
    gh_select_case cases[CHANNELS];
    long k, items[CHANNELS];
    int i;

    memset(cases, 0, sizeof cases);
    for (i = 0; i < CHANNELS; i++) {
        cases[i].op = GH_SELECT_RECV;
        cases[i].channel = channels[i];
        cases[i].item = &items[i];
    }
    for (k = 0; k < count; k++) {
        int won = gh_select(cases, CHANNELS, GH_NEVER);

        must(won, "gh_select");
        check_item(items[won], k);
    }
    return arg;
}

static void *other_core(void *cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(intptr_t)cpu, &set);
    must(-pthread_setaffinity_np(pthread_self(), sizeof set, &set), "pthread_setaffinity_np");
    return receive_all(NULL);
}

static void *give_back(void *arg)
{
    return arg;
}

static void measure_offload(void)
{
    int64_t begin = 0;
    void *result;
    long k;

    /* The first one makes the pool's thread and is not counted. */
    for (k = 0; k <= count; k++) {
        if (k == 1)
            begin = bench_now();
        must(gh_offload(give_back, &count, &result, GH_NEVER), "gh_offload");
        if (result != &count)
            bench_die("gh_offload gave another call's result", 0);
    }
    printf("{\"ns\": %.3f}\n", (double)(bench_now() - begin) / (double)count);
}

/* To the hub of another OS thread and, as each send waits for its receiver, the word back. */
static void measure_across(long cpu)
{
    pthread_t thread;
    int64_t begin;

    must(-pthread_create(&thread, NULL, other_core, (void *)(intptr_t)cpu), "pthread_create");
    begin = bench_now();
    send_all(NULL);
    printf("{\"ns\": %.3f}\n", (double)(bench_now() - begin) / (double)count);
    must(-pthread_join(thread, NULL), "pthread_join");
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    count = bench_arg(argc, argv, 2, "COUNT");
    make_channels(CHANNELS);
    must(gh_mutex_new(&mutex, NULL, 0), "gh_mutex_new");
    if (strcmp(mode, "channel") == 0)
        run_both(send_all, receive_all);
    else if (strcmp(mode, "two_switches") == 0)
        /* Both yield so often: two switches for each count. */
        run_both(yield_all, yield_all);
    else if (strcmp(mode, "mutex") == 0)
        run_both(hand_over, hand_over);
    else if (strcmp(mode, "select") == 0)
        run_both(send_around, select_all);
    else if (strcmp(mode, "offload") == 0)
        measure_offload();
    else if (strcmp(mode, "across") == 0)
        measure_across(bench_arg(argc, argv, 3, "CPU"));
    else
        bench_die("channel, two_switches, mutex, select, offload or across?", 0);
    return 0;
}
