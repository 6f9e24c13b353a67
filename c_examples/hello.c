/* hello.c: two green threads sleep at the same time, on one OS thread.
 *
 * Both run plain blocking code. While one sleeps, the other runs, so the two
 * seconds and the one second overlap and the whole takes two. No run function
 * is called: main is a green thread too, and gh_join runs the others while it
 * waits.
 */
#include <greenhub.h>
#include <stdio.h>
#include <stdlib.h>

struct task {
    int number;
    int seconds;
};

static void check(int result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror(result));
        exit(EXIT_FAILURE);
    }
}

static void *run_task(void *arg)
{
    const struct task *task = arg;

    printf("%d starts\n", task->number);
    check(gh_sleep_ms(task->seconds * 1000), "gh_sleep_ms");
    printf("%d ends\n", task->number);
    return NULL;
}

int main(void)
{
    /* They live in main's frame: main joins both before it returns. */
    struct task tasks[] = {{1, 2}, {2, 1}};
    gh_thread threads[2];

    for (int i = 0; i < 2; i++)
        check(gh_spawn(&threads[i], NULL, run_task, &tasks[i]), "gh_spawn");
    for (int i = 0; i < 2; i++)
        check(gh_join(threads[i], NULL, GH_NEVER), "gh_join");
    return EXIT_SUCCESS;
}
