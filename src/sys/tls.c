/* What each OS thread has of its own, one load away.
 *
 * Stable Rust offers only the general-dynamic model in a shared library, which costs a call into the
 * loader on every access; initial-exec is a load, and these few bytes fit the room that glibc and musl
 * keep for libraries loaded late. Every gh_ call looks its hub up, so the difference is on each. */

#include <stddef.h>
#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))

/* tls.rs has the same. */
struct greenhub_words {
    void *hub;
    uintptr_t aside;
    uint64_t owner;
    intptr_t parent;
    uintptr_t sheltered;
};

/* tls.rs reads the first two by name where it can. */
HIDDEN extern __thread struct greenhub_words greenhub_tls_hub;
HIDDEN void *greenhub_tls_get(void);
HIDDEN void greenhub_tls_set(void *hub);
HIDDEN struct greenhub_words *greenhub_tls_words(void);

__thread struct greenhub_words greenhub_tls_hub __attribute__((tls_model("initial-exec")));

_Static_assert(offsetof(struct greenhub_words, aside) == 8, "as tls.rs reads it");

void *greenhub_tls_get(void)
{
    return greenhub_tls_hub.hub;
}

void greenhub_tls_set(void *hub)
{
    greenhub_tls_hub.hub = hub;
}

struct greenhub_words *greenhub_tls_words(void)
{
    return &greenhub_tls_hub;
}
