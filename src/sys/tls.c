/* The calling OS thread's hub, one load away.
 *
 * Stable Rust offers only the general-dynamic model in a shared library, which costs a call into the
 * loader on every access; initial-exec is a load, and eight bytes fit the room that glibc and musl
 * keep for libraries loaded late. Every gh_ call looks its hub up, so the difference is on each. */

static __thread void *current_hub __attribute__((tls_model("initial-exec")));

__attribute__((visibility("hidden"))) void *greenhub_tls_get(void);
__attribute__((visibility("hidden"))) void greenhub_tls_set(void *hub);

void *greenhub_tls_get(void)
{
    return current_hub;
}

void greenhub_tls_set(void *hub)
{
    current_hub = hub;
}
