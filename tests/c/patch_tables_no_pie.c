// flags: -ldl -no-pie -fno-pie -Wl,-z,lazy -Wno-pedantic
// timeout: 180
// emulated: no, it takes minutes
/* As patch_tables.c, in a program at a fixed address whose stubs are bound at the first call, and are what
 * its pointers to functions hold. */
#include "patch_tables.c"
