/* The peer of the figures about channels and locks: the same on pthreads, with what POSIX has for it.
 *
 * objects_pthread channel COUNT | mutex COUNT | select COUNT | across COUNT CPU
 * The caller pins the process to one core; `across` moves its second thread to CPU. */
#define _GNU_SOURCE
#include "bench.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define PIPES 8

static long count;
static int pipes[PIPES][2];

static void must(int error, const char *what)
{
    if (error != 0)
        bench_die(what, -error);
}

/* An unbuffered channel: who sends waits until the item was taken. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int full;
    long item;
} slot = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static void *send_all(void *arg)
{
    long k;

    for (k = 0; k < count; k++) {
        pthread_mutex_lock(&slot.mutex);
        slot.item = k;
        slot.full = 1;
        pthread_cond_signal(&slot.changed);
        while (slot.full)
            pthread_cond_wait(&slot.changed, &slot.mutex);
        pthread_mutex_unlock(&slot.mutex);
    }
    return arg;
}

static void *receive_all(void *arg)
{
    long k;

    for (k = 0; k < count; k++) {
        pthread_mutex_lock(&slot.mutex);
        while (!slot.full)
            pthread_cond_wait(&slot.changed, &slot.mutex);
        if (slot.item != k)
            bench_die("an item came out of turn", 0);
        slot.full = 0;
        pthread_cond_signal(&slot.changed);
        pthread_mutex_unlock(&slot.mutex);
    }
    return arg;
}

/* A hand-over in turns: a plain pthread mutex would let its owner take it again. */
static long turn;

static void *hand_over(void *arg)
{
    long k, me = (long)(intptr_t)arg;

    for (k = 0; k < count / 2; k++) {
        pthread_mutex_lock(&slot.mutex);
        while (turn != me)
            pthread_cond_wait(&slot.changed, &slot.mutex);
        turn = !me;
        pthread_cond_signal(&slot.changed);
        pthread_mutex_unlock(&slot.mutex);
    }
    return NULL;
}

static void *write_around(void *arg)
{
    long k;

    for (k = 0; k < count; k++) {
        bench_check(write(pipes[k % PIPES][1], &k, sizeof k) == sizeof k, "write");
        sched_yield();
    }
    return arg;
}

static void *poll_all(void *arg)
{
    struct pollfd fds[PIPES];
    long seen = 0, item;
    int i;

    for (i = 0; i < PIPES; i++) {
        fds[i].fd = pipes[i][0];
        fds[i].events = POLLIN;
    }
    while (seen < count) {
        bench_check(poll(fds, PIPES, -1) > 0, "poll");
        for (i = 0; i < PIPES; i++)
            if (fds[i].revents) {
                bench_check(read(fds[i].fd, &item, sizeof item) == sizeof item, "read");
                seen++;
            }
    }
    return arg;
}

static void *answer_all(void *cpu)
{
    cpu_set_t set;
    long k, item;

    CPU_ZERO(&set);
    CPU_SET((size_t)(intptr_t)cpu, &set);
    must(pthread_setaffinity_np(pthread_self(), sizeof set, &set), "pthread_setaffinity_np");
    for (k = 0; k < count; k++) {
        bench_check(read(pipes[0][0], &item, sizeof item) == sizeof item, "read");
        bench_check(write(pipes[1][1], &item, sizeof item) == sizeof item, "write");
    }
    return NULL;
}

static void ask_all(void)
{
    long k, item;

    for (k = 0; k < count; k++) {
        bench_check(write(pipes[0][1], &k, sizeof k) == sizeof k, "write");
        bench_check(read(pipes[1][0], &item, sizeof item) == sizeof item, "read");
    }
}

static void run(void *(*one)(void *), void *a, void *(*other)(void *), void *b)
{
    pthread_t first, second;
    int64_t begin = bench_now();

    must(pthread_create(&first, NULL, one, a), "pthread_create");
    must(pthread_create(&second, NULL, other, b), "pthread_create");
    must(pthread_join(first, NULL), "pthread_join");
    must(pthread_join(second, NULL), "pthread_join");
    printf("{\"ns\": %.3f}\n", (double)(bench_now() - begin) / (double)count);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    int i;

    count = bench_arg(argc, argv, 2, "COUNT");
    for (i = 0; i < PIPES; i++)
        bench_check(pipe(pipes[i]) == 0, "pipe");
    if (strcmp(mode, "channel") == 0)
        run(send_all, NULL, receive_all, NULL);
    else if (strcmp(mode, "mutex") == 0)
        run(hand_over, (void *)0, hand_over, (void *)1);
    else if (strcmp(mode, "select") == 0)
        run(write_around, NULL, poll_all, NULL);
    else if (strcmp(mode, "across") == 0) {
        pthread_t thread;
        int64_t begin;

        must(pthread_create(&thread, NULL, answer_all,
                            (void *)(intptr_t)bench_arg(argc, argv, 3, "CPU")),
             "pthread_create");
        begin = bench_now();
        ask_all();
        printf("{\"ns\": %.3f}\n", (double)(bench_now() - begin) / (double)count);
        must(pthread_join(thread, NULL), "pthread_join");
    } else
        bench_die("channel, mutex, select or across?", 0);
    return 0;
}
