/* The calling OS thread's hub, one load away.
 *
 * Stable Rust offers only the general-dynamic model in a shared library, which costs a call into the
 * loader on every access; initial-exec is a load, and eight bytes fit the room that glibc and musl
 * keep for libraries loaded late. Every gh_ call looks its hub up, so the difference is on each. */

#define HIDDEN __attribute__((visibility("hidden")))

/* tls.rs reads it by name where it can. */
HIDDEN extern __thread void *greenhub_tls_hub;
HIDDEN void *greenhub_tls_get(void);
HIDDEN void greenhub_tls_set(void *hub);

__thread void *greenhub_tls_hub __attribute__((tls_model("initial-exec")));

void *greenhub_tls_get(void)
{
    return greenhub_tls_hub;
}

void greenhub_tls_set(void *hub)
{
    greenhub_tls_hub = hub;
}
