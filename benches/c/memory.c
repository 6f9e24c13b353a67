/* What a sleeping green thread costs in memory, and how many there can be.
 *
 * memory THREADS STACK_BYTES (0 = the default): spawns them all, waits until each one sleeps, reads
 * resident memory and page tables, cancels and joins them all, and frees the hub. Prints one line
 * of JSON. */
#define _GNU_SOURCE
#include "bench.h"

#include <greenhub.h>

static long sleeping, cancelled;

static void *sleep_long(void *arg)
{
    int result;

    sleeping++;
    result = gh_sleep_until(gh_after_ms(3600 * 1000));
    sleeping--;
    if (result == -ECANCELED)
        cancelled++;
    return arg;
}

static void must(int result, const char *what)
{
    if (result < 0)
        bench_die(what, result);
}

/* Kilobytes that /proc/self/status gives for a key such as "VmRSS:". */
static long status_kb(const char *key)
{
    FILE *file = fopen("/proc/self/status", "r");
    size_t length = strlen(key);
    char line[256];
    long value = -1;

    bench_check(file != NULL, "/proc/self/status");
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0)
            value = strtol(line + length, NULL, 10);
    fclose(file);
    errno = 0;
    bench_check(value >= 0, key);
    return value;
}

static long mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    long count = 0;
    int c;

    bench_check(file != NULL, "/proc/self/maps");
    while ((c = getc(file)) != EOF)
        count += c == '\n';
    fclose(file);
    return count;
}

static gh_hub *new_hub(size_t stack_size)
{
    gh_hub_options options;
    gh_hub *hub;

    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.stack_size = stack_size;
    must(gh_hub_new(&hub, &options), "gh_hub_new");
    return hub;
}

static void spawn_sleeper(gh_thread *thread)
{
    must(gh_spawn(thread, NULL, sleep_long, thread), "gh_spawn");
}

/* Ends with every one of them gone, or does not end well. */
static void cancel_all(gh_thread *threads, long count)
{
    long k;

    for (k = 0; k < count; k++)
        must(gh_cancel(threads[k]), "gh_cancel");
    for (k = 0; k < count; k++) {
        void *result;

        must(gh_join(threads[k], &result, GH_NEVER), "gh_join");
        if (result != &threads[k])
            bench_die("gh_join gave another thread's result", 0);
    }
    if (cancelled != count || sleeping != 0)
        bench_die("not every sleeper was cancelled", (int)cancelled);
}

int main(int argc, char **argv)
{
    long count = bench_arg(argc, argv, 1, "THREADS"), k;
    gh_hub *hub = new_hub((size_t)bench_arg(argc, argv, 2, "STACK_BYTES"));
    gh_thread *threads = malloc((size_t)count * sizeof *threads);
    long before, resident, tables, mapped;
    int64_t begin, spawned, ended;
    gh_stats stats;

    /* The table of ids is this program's, not the library's: have it resident before counting. */
    bench_check(threads != NULL, "malloc");
    memset(threads, 0xff, (size_t)count * sizeof *threads);
    before = status_kb("VmRSS:") + status_kb("VmPTE:");
    begin = bench_now();
    for (k = 0; k < count; k++)
        spawn_sleeper(&threads[k]);
    for (k = 0; sleeping < count && k < 1000; k++)
        must(gh_yield(), "gh_yield");
    spawned = bench_now();
    if (sleeping != count)
        bench_die("not every green thread is asleep", (int)sleeping);
    resident = status_kb("VmRSS:");
    tables = status_kb("VmPTE:");
    mapped = mappings();
    must(gh_hub_stats(hub, &stats, sizeof stats), "gh_hub_stats");
    if (stats.live != (uint64_t)count)
        bench_die("gh_hub_stats counts other green threads", (int)stats.live);
    ended = bench_now();
    cancel_all(threads, count);
    ended = bench_now() - ended;
    must(gh_hub_free(hub, gh_after_ms(10000)), "gh_hub_free");
    printf("{\"completed\": %ld, \"kib_each\": %.4f, \"resident_kib\": %ld, \"tables_kib\": %ld, "
           "\"mappings\": %ld, \"guard\": %llu, \"stack_size\": %llu, \"spawn_ns\": %.1f, "
           "\"cancel_ns\": %.1f}\n",
           cancelled, (double)(resident + tables - before) / (double)count, resident, tables, mapped,
           (unsigned long long)stats.guard, (unsigned long long)stats.stack_size,
           (double)(spawned - begin) / (double)count, (double)ended / (double)count);
    free(threads);
    return 0;
}
