/* udp_batch.c: many datagrams in one call, and a UDP socket with a single peer.
 *
 * A meter sends its readings as datagrams. The collector waits for the first
 * and takes whatever else has come by then in the same call; the meter sends all
 * it has in one call as well. With small messages that saves most of the system
 * calls. Then the meter hears, through its connected socket, that the collector
 * is gone.
 */
#define _GNU_SOURCE /* struct mmsghdr */
#include <greenhub.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define READINGS 20
#define BATCH 8

static int check(int result, const char *call)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", call, gh_strerror(result));
        exit(EXIT_FAILURE);
    }
    return result;
}

struct reading {
    unsigned number;
    unsigned value;
};

/* Messages of one reading each: to send, or as room for what comes. */
struct batch {
    struct reading readings[BATCH];
    struct iovec ranges[BATCH];
    struct mmsghdr messages[BATCH];
};

static void prepare(struct batch *batch)
{
    memset(batch, 0, sizeof *batch);
    for (int i = 0; i < BATCH; i++) {
        batch->ranges[i].iov_base = &batch->readings[i];
        batch->ranges[i].iov_len = sizeof batch->readings[i];
        batch->messages[i].msg_hdr.msg_iov = &batch->ranges[i];
        batch->messages[i].msg_hdr.msg_iovlen = 1;
    }
}

static void *collector(void *arg)
{
    const int fd = *(int *)arg;
    unsigned values[READINGS] = {0};
    int received = 0;

    while (received < READINGS) {
        struct batch batch;

        prepare(&batch);
        const int count = check(gh_recvmmsg(fd, batch.messages, BATCH, 0, gh_after_ms(30000)),
                                "gh_recvmmsg");
        for (int i = 0; i < count; i++) {
            const struct reading *reading = &batch.readings[i];

            /* Anybody can send anything to an address. */
            if (batch.messages[i].msg_len != sizeof *reading || reading->number >= READINGS)
                continue;
            /* Datagrams may come in any order, so each says which one it is. */
            values[reading->number] = reading->value;
            received++;
        }
    }
    printf("collector: %d readings, the last is %u\n", received, values[READINGS - 1]);
    check(gh_close(fd), "gh_close");
    puts("collector: gone");
    return NULL;
}

static struct reading reading_of(unsigned number)
{
    return (struct reading){number, number * number};
}

static void send_readings(int fd)
{
    int sent = 0;

    while (sent < READINGS) {
        const int left = READINGS - sent;
        const int count = left < BATCH ? left : BATCH;
        struct batch batch;

        prepare(&batch);
        for (int i = 0; i < count; i++)
            batch.readings[i] = reading_of((unsigned)(sent + i));
        /* It may take fewer than asked: the others go with the next call. */
        sent += check(gh_sendmmsg(fd, batch.messages, (unsigned)count, 0, gh_after_ms(30000)),
                      "gh_sendmmsg");
    }
    printf("meter: sent %d readings\n", sent);
}

/* Sends until it is told that nobody listens; the news takes its time. */
static void send_to_nobody(int fd)
{
    const int64_t deadline = gh_after_ms(30000);
    const struct reading late = reading_of(READINGS);
    int result;

    do {
        result = (int)gh_send(fd, &late, sizeof late, 0, deadline);
        check(gh_sleep_ms(1), "gh_sleep_ms");
    } while (result >= 0 && gh_now() < deadline);
    printf("meter: %s\n", gh_err_name(result));
}

int main(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    gh_thread thread;

    int listening = check(gh_udp_bind("127.0.0.1", 0), "gh_udp_bind");
    if (getsockname(listening, (struct sockaddr *)&address, &length) != 0) {
        perror("getsockname");
        return EXIT_FAILURE;
    }
    check(gh_spawn(&thread, NULL, collector, &listening), "gh_spawn");

    /* A connected socket needs no address in each message, takes datagrams from
     * its peer alone, and is told when the peer is not there. */
    const int meter = check(gh_socket(AF_INET, SOCK_DGRAM, 0), "gh_socket");
    check(gh_connect(meter, (struct sockaddr *)&address, length, gh_after_ms(1000)),
          "gh_connect");
    send_readings(meter);
    check(gh_join(thread, NULL, GH_NEVER), "gh_join");
    send_to_nobody(meter);
    check(gh_close(meter), "gh_close");
    return EXIT_SUCCESS;
}
