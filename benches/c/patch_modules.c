/* How long gh_patch() takes in a process with many modules.
 *
 * patch_modules MODULE...: loads them all, half of them bound lazily, and prints one line of JSON: the
 * milliseconds of the first gh_patch(), of another that finds nothing to do, and of gh_unpatch(). */
#include "bench.h"

#include <dlfcn.h>
#include <greenhub.h>

static double milliseconds(int64_t begin)
{
    return (double)(bench_now() - begin) / (double)BENCH_MS;
}

static int count(const gh_patched *patched, void *arg)
{
    (void)patched;
    ++*(int *)arg;
    return 0;
}

int main(int argc, char **argv)
{
    int i, slots, none, back, entries = 0;
    double first, again, undone;
    int64_t begin;

    for (i = 1; i < argc; i++) {
        void *module = dlopen(argv[i], (i % 2 ? RTLD_LAZY : RTLD_NOW) | RTLD_LOCAL);

        if (module == NULL)
            bench_die(dlerror(), 0);
    }
    begin = bench_now();
    slots = gh_patch(GH_PATCH_ALL);
    first = milliseconds(begin);
    if (slots < argc - 1)
        bench_die("gh_patch", slots);
    begin = bench_now();
    none = gh_patch(GH_PATCH_ALL);
    again = milliseconds(begin);
    if (none != 0)
        bench_die("a second gh_patch has changed something", none);
    gh_patch_info(count, &entries);
    begin = bench_now();
    back = gh_unpatch();
    undone = milliseconds(begin);
    if (back != slots)
        bench_die("gh_unpatch has not given all slots back", back);
    printf("{\"modules\": %d, \"slots\": %d, \"entries\": %d, \"first_ms\": %.3f, \"again_ms\": %.3f, "
           "\"undone_ms\": %.3f}\n",
           argc - 1, slots, entries, first, again, undone);
    return 0;
}
