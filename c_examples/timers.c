/* timers.c: callbacks at a time: once, again and again, and not after all.
 *
 * A timer needs no green thread: its callback runs on the hub itself, between
 * two green threads. That makes it cheap, and it is why a callback may not
 * suspend: there is no stack that could wait while others run. A callback that
 * has more to do spawns a green thread for it.
 */
#include <greenhub.h>
#include <stdio.h>
#include <stdlib.h>

#define MILLISECOND INT64_C(1000000)

static void check(int result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror(result));
        exit(EXIT_FAILURE);
    }
}

/* Runs the hub until no timer and no green thread is left. */
static void run_all(void)
{
    check(gh_hub_run(gh_hub_current()), "gh_hub_run");
}

static void say(void *arg)
{
    printf("  %s\n", (const char *)arg);
}

static void one_shot(void)
{
    const int64_t start = gh_now();
    gh_timer timer;

    puts("one-shot timers fire in the order of their deadlines:");
    check(gh_timer_start(&timer, start + 300 * MILLISECOND, 0, say, "third"), "gh_timer_start");
    check(gh_timer_start(&timer, start + 200 * MILLISECOND, 0, say, "second"), "gh_timer_start");
    check(gh_timer_start(&timer, start + 100 * MILLISECOND, 0, say, "first"), "gh_timer_start");
    run_all();

    /* No timer fires early, however late a busy machine may make it. */
    if (gh_now() < start + 300 * MILLISECOND) {
        fprintf(stderr, "the third timer fired before its deadline\n");
        exit(EXIT_FAILURE);
    }
}

struct ticker {
    gh_timer timer;
    int ticks;
};

static void tick(void *arg)
{
    struct ticker *ticker = arg;

    printf("  tick %d\n", ++ticker->ticks);
    if (ticker->ticks == 5)
        check(gh_timer_cancel(ticker->timer), "gh_timer_cancel");
}

static void periodic(void)
{
    struct ticker ticker = {0, 0};

    puts("a periodic timer fires until it is cancelled, here by its own callback:");
    check(gh_timer_start(&ticker.timer, gh_after_ms(20), 20 * MILLISECOND, tick, &ticker),
          "gh_timer_start");
    run_all();
    printf("  stopped after %d ticks\n", ticker.ticks);
}

static void cancelled(void)
{
    gh_timer timer;

    puts("a cancelled timer does not fire:");
    check(gh_timer_start(&timer, gh_after_ms(3600 * 1000), 0, say, "never printed"),
          "gh_timer_start");
    check(gh_timer_cancel(timer), "gh_timer_cancel");
    puts("  cancelled");

    /* The id stays safe to use: it names no timer any more, and says so. */
    printf("  cancelled twice: %s\n", gh_err_name(gh_timer_cancel(timer)));

    /* Nothing is left to wait for, so this does not take an hour. */
    run_all();
}

static void *rest_of_the_work(void *arg)
{
    check(gh_sleep_ms(10), "gh_sleep_ms");
    printf("  the green thread slept, and did the %s\n", (const char *)arg);
    return NULL;
}

static void try_to_suspend(void *arg)
{
    printf("  gh_sleep_ms in a callback: %s\n", gh_err_name(gh_sleep_ms(10)));
    check(gh_spawn(NULL, NULL, rest_of_the_work, arg), "gh_spawn");
    puts("  the callback spawned a green thread instead");
}

static void suspending(void)
{
    gh_timer timer;

    puts("a callback cannot suspend:");
    check(gh_timer_start(&timer, gh_after_ms(10), 0, try_to_suspend, "rest of the work"),
          "gh_timer_start");
    run_all();
}

int main(void)
{
    one_shot();
    periodic();
    cancelled();
    suspending();
    return EXIT_SUCCESS;
}
