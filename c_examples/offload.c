/* offload.c: calls that block, while the other green threads run on.
 *
 * Some calls cannot be made cooperative: a library that computes for a second,
 * a disk that is slow. gh_offload runs one on an OS thread of a pool, and only
 * the green thread that asked for it waits. Files have calls of their own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <greenhub.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t check(ssize_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror((int)result));
        exit(EXIT_FAILURE);
    }
    return result;
}

/* Knows nothing of green threads, and blocks its OS thread. */
static void *work_for_long(void *arg)
{
    const char *input = arg;
    char *output = malloc(64);

    usleep(300 * 1000);
    if (output != NULL)
        snprintf(output, 64, "%s, worked on for long", input);
    return output;
}

static void *tick(void *arg)
{
    int *ticks = arg;

    while (gh_sleep_ms(20) == 0)
        ++*ticks;
    return NULL;
}

static void others_run_meanwhile(void)
{
    gh_thread ticker;
    int ticks = 0;
    char input[] = "an input";
    void *output;

    check(gh_spawn(&ticker, NULL, tick, &ticks), "gh_spawn");
    check(gh_offload(work_for_long, input, &output, GH_NEVER), "gh_offload");
    printf("the function gave: %s\n", (char *)output);
    printf("meanwhile another green thread %s\n", ticks > 0 ? "ran on" : "stood still");
    free(output);
    check(gh_cancel(ticker), "gh_cancel");
    check(gh_join(ticker, NULL, GH_NEVER), "gh_join");
}

struct errand {
    int begun[2];
    int done[2];
};

static void *run_errand(void *arg)
{
    const struct errand *errand = arg;
    char input[] = "what nobody waits for";

    check(write(errand->begun[1], "x", 1), "write");
    return work_for_long(input);
}

/* The wait for it ended first: what it owned comes here, on the pool's thread. */
static void release(void *arg, void *result)
{
    const struct errand *errand = arg;

    printf("released: %s\n", (char *)result);
    free(result);
    check(write(errand->done[1], "x", 1), "write");
}

static void *wait_for_errand(void *arg)
{
    const gh_offload_call call = {
        .size = sizeof call,
        .fn = run_errand,
        .arg = arg,
        .release = release,
    };

    printf("gh_offload_with: %s\n", gh_err_name(gh_offload_with(&call, NULL, GH_NEVER)));
    return NULL;
}

static void cancelled_while_it_runs(void)
{
    struct errand errand;
    gh_thread waiter;
    char byte;

    check(pipe(errand.begun), "pipe");
    check(pipe(errand.done), "pipe");
    check(gh_spawn(&waiter, NULL, wait_for_errand, &errand), "gh_spawn");
    check(gh_read(errand.begun[0], &byte, 1, GH_NEVER), "gh_read");
    check(gh_cancel(waiter), "gh_cancel");
    check(gh_join(waiter, NULL, GH_NEVER), "gh_join");
    check(gh_read(errand.done[0], &byte, 1, GH_NEVER), "gh_read");
    for (int end = 0; end < 2; end++) {
        check(gh_close(errand.begun[end]), "gh_close");
        check(gh_close(errand.done[end]), "gh_close");
    }
}

static void files_have_calls_of_their_own(void)
{
    static const char line[] = "a line on the disk";
    char path[] = "/tmp/greenhub-offload-XXXXXX";
    char back[sizeof line] = "";
    const int64_t deadline = gh_after_ms(30 * 1000);
    const int made = mkstemp(path);

    check(made, "mkstemp");
    check(gh_close(made), "gh_close");
    const int fd = gh_file_open(path, O_RDWR, 0, deadline);
    check(fd, "gh_file_open");
    check(gh_file_write(fd, line, strlen(line), deadline), "gh_file_write");
    check(gh_file_fsync(fd, deadline), "gh_file_fsync");
    check(gh_file_pread(fd, back, strlen(line), 0, deadline), "gh_file_pread");
    printf("written, synced and read again: %s\n", back);
    check(gh_close(fd), "gh_close");
    check(unlink(path), "unlink");
    printf("and gone: %s\n", gh_err_name(gh_file_open(path, O_RDONLY, 0, deadline)));
}

int main(void)
{
    others_run_meanwhile();
    cancelled_while_it_runs();
    files_have_calls_of_their_own();
    return EXIT_SUCCESS;
}
