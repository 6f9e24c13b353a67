/* processes.c: programs as children, their pipes, a signal, and a fork.
 *
 * Whatever waits here (for a program's output, for its end, for a signal) lets
 * the other green threads run. gh_spawn_process starts a program and tells why
 * it could not; gh_waitpid collects it; fork works too, and leaves the child
 * the green thread that called it.
 */
#define _GNU_SOURCE /* pthread_sigmask, kill */
#include <greenhub.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t check(int64_t result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror((int)result));
        exit(EXIT_FAILURE);
    }
    return result;
}

/* Sends words through sort(1) and prints what comes back. */
static void sort_words(void)
{
    char *argv[] = {"sort", NULL};
    gh_process_options options = {0};
    const char *words = "pear\napple\nfig\n";
    char sorted[64];
    size_t length = 0;
    ssize_t got;
    int pipes[3], status;

    options.size = sizeof options;
    options.standard[0] = GH_STDIO_PIPE;
    options.standard[1] = GH_STDIO_PIPE;
    pid_t child = (pid_t)check(gh_spawn_process(argv, &options, pipes), "gh_spawn_process");
    check(gh_write(pipes[0], words, strlen(words), GH_NEVER), "gh_write");
    check(gh_close(pipes[0]), "gh_close"); /* the end of its input */
    while ((got = gh_read(pipes[1], sorted + length, sizeof sorted - length, GH_NEVER)) > 0)
        length += (size_t)got;
    check(got, "gh_read");
    check(gh_close(pipes[1]), "gh_close");
    check(gh_waitpid(child, &status, 0, GH_NEVER), "gh_waitpid");
    printf("sort, which ended with %d, says:\n%.*s", WEXITSTATUS(status), (int)length, sorted);
}

struct job {
    char *script;
    int status;
};

/* Several programs at once, one green thread for each. */
static void *run(void *arg)
{
    struct job *job = arg;
    char *argv[] = {"sh", "-c", job->script, NULL};

    pid_t child = (pid_t)check(gh_spawn_process(argv, NULL, NULL), "gh_spawn_process");
    check(gh_waitpid(child, &job->status, 0, GH_NEVER), "gh_waitpid");
    return NULL;
}

static void run_at_once(void)
{
    struct job jobs[] = {{"sleep 0.3", 0}, {"sleep 0.2; exit 2", 0}, {"sleep 0.1; exit 1", 0}};
    gh_thread threads[3];

    for (int i = 0; i < 3; i++) check(gh_spawn(&threads[i], NULL, run, &jobs[i]), "gh_spawn");
    for (int i = 0; i < 3; i++) {
        check(gh_join(threads[i], NULL, GH_NEVER), "gh_join");
        printf("\"%s\": status %d\n", jobs[i].script, WEXITSTATUS(jobs[i].status));
    }
}

static void failures(void)
{
    char *missing[] = {"no-such-program", NULL};
    char *sleeper[] = {"sleep", "3600", NULL};
    int status;

    printf("no-such-program: %s\n", gh_strerror(gh_spawn_process(missing, NULL, NULL)));
    pid_t child = (pid_t)check(gh_spawn_process(sleeper, NULL, NULL), "gh_spawn_process");
    printf("sleep: %s\n", gh_err_name(gh_waitpid(child, NULL, 0, gh_after_ms(20))));
    kill(child, SIGKILL); /* the time is up, and the child is still ours to collect */
    check(gh_waitpid(child, &status, 0, GH_NEVER), "gh_waitpid");
    printf("sleep: killed by signal %d\n", WTERMSIG(status));
}

static void *terminator(void *arg)
{
    check(gh_sleep_ms(20), "gh_sleep_ms");
    kill(getpid(), SIGTERM);
    return arg;
}

static void signals(void)
{
    int wanted[] = {SIGTERM, SIGINT};

    check(gh_spawn(NULL, NULL, terminator, NULL), "gh_spawn");
    int got = (int)check(gh_signal_wait(wanted, 2, NULL, 0, GH_NEVER), "gh_signal_wait");
    puts(got == SIGTERM ? "got SIGTERM" : "got SIGINT");
}

/* The child of a fork has this green thread and no other, on a hub of its own. */
static void *forker(void *arg)
{
    int status;

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        check(gh_sleep_ms(20), "gh_sleep_ms");
        printf("child: a hub of its own, joining main: %s\n",
               gh_err_name(gh_join(*(gh_thread *)arg, NULL, GH_NEVER)));
        return NULL; /* ends the child: nobody else is there */
    }
    check(gh_waitpid(child, &status, 0, GH_NEVER), "gh_waitpid");
    printf("parent: the child ended with %d\n", WEXITSTATUS(status));
    return NULL;
}

int main(void)
{
    sigset_t held;
    gh_thread thread, self;

    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGINT);
    pthread_sigmask(SIG_BLOCK, &held, NULL);

    sort_words();
    run_at_once();
    failures();
    signals();
    self = gh_self();
    check(gh_spawn(&thread, NULL, forker, &self), "gh_spawn");
    check(gh_join(thread, NULL, GH_NEVER), "gh_join");
    return EXIT_SUCCESS;
}
