/* One of the many modules that patch_modules.c loads: some of libc's functions that are hooked, more that
 * are not, and two hundred of its own that are bound by name. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef void (*anything)(void);

/* Bound as addresses, in the data. */
#define ADDRESS(name) (anything) name
extern const anything patch_module_table[];
const anything patch_module_table[] = {
    ADDRESS(read), ADDRESS(write), ADDRESS(readv), ADDRESS(writev), ADDRESS(recv), ADDRESS(send),
    ADDRESS(recvfrom), ADDRESS(sendto), ADDRESS(recvmsg), ADDRESS(sendmsg), ADDRESS(connect),
    ADDRESS(accept), ADDRESS(accept4), ADDRESS(close), ADDRESS(shutdown), ADDRESS(dup), ADDRESS(dup2),
    ADDRESS(dup3), ADDRESS(fcntl), ADDRESS(poll), ADDRESS(ppoll), ADDRESS(select), ADDRESS(pselect),
    ADDRESS(epoll_wait), ADDRESS(epoll_pwait), ADDRESS(sleep), ADDRESS(usleep), ADDRESS(nanosleep),
    ADDRESS(clock_nanosleep), ADDRESS(waitpid), ADDRESS(wait4), ADDRESS(waitid), ADDRESS(sem_wait),
    ADDRESS(sem_timedwait), ADDRESS(getaddrinfo), ADDRESS(getnameinfo), ADDRESS(dlopen),
    ADDRESS(malloc), ADDRESS(calloc), ADDRESS(realloc), ADDRESS(free), ADDRESS(printf), ADDRESS(snprintf),
    ADDRESS(fprintf), ADDRESS(fopen), ADDRESS(fclose), ADDRESS(fread), ADDRESS(fwrite), ADDRESS(memchr),
    ADDRESS(strtol), ADDRESS(strtod), ADDRESS(qsort), ADDRESS(bsearch), ADDRESS(getenv), ADDRESS(setenv),
    ADDRESS(time), ADDRESS(localtime_r), ADDRESS(mmap), ADDRESS(munmap), ADDRESS(mprotect), ADDRESS(open),
    ADDRESS(stat), ADDRESS(fstat), ADDRESS(lseek), ADDRESS(unlink), ADDRESS(rename), ADDRESS(socket),
    ADDRESS(bind), ADDRESS(listen), ADDRESS(getsockname), ADDRESS(getpeername), ADDRESS(setsockopt),
    ADDRESS(epoll_create1), ADDRESS(epoll_ctl), ADDRESS(sem_init), ADDRESS(sem_post), ADDRESS(toupper),
};

#define OWN(n) \
    extern int patch_module_own_##n(int value); \
    int patch_module_own_##n(int value) { return value ^ n; }
#define CALL(n) value += patch_module_own_##n(value);
#define TEN(what, n) \
    what(n##0) what(n##1) what(n##2) what(n##3) what(n##4) what(n##5) what(n##6) what(n##7) what(n##8) \
        what(n##9)
#define TWO_HUNDRED(what) \
    TEN(what, 1) TEN(what, 2) TEN(what, 3) TEN(what, 4) TEN(what, 5) TEN(what, 6) TEN(what, 7) \
    TEN(what, 8) TEN(what, 9) TEN(what, 10) TEN(what, 11) TEN(what, 12) TEN(what, 13) TEN(what, 14) \
    TEN(what, 15) TEN(what, 16) TEN(what, 17) TEN(what, 18) TEN(what, 19) TEN(what, 20)

TWO_HUNDRED(OWN)

/* Bound as calls. */
extern int patch_module_call(int value);
int patch_module_call(int value)
{
    struct timespec none = {0, 0};
    char bytes[4];

    TWO_HUNDRED(CALL)
    if (value == -1)
        value = (int)read(value, bytes, 4) + (int)recv(value, bytes, 4, 0) + poll(NULL, 0, 0) +
                (int)send(value, bytes, 4, 0) + nanosleep(&none, NULL) + close(value);
    return value;
}
