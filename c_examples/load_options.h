/* load_options.h: the command line of echo_load. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_MESSAGE (16 * 1024 * 1024)

struct load_options {
    struct sockaddr_in server;
    int connections;
    double seconds, warm_up;
    uint32_t message_bytes;
    int server_pid;
    int json;
};

static inline void load_usage(void)
{
    fprintf(stderr, "usage: echo_load -p port [-h host] [-c connections] [-t seconds] [-s bytes]\n"
                    "                 [-w warm-up seconds] [-P server pid] [-j]\n");
    exit(2);
}

static inline double load_number(const char *text, double min, double max)
{
    char *end;
    const double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= min && value <= max)) {
        fprintf(stderr, "echo_load: not a number from %g to %g: %s\n", min, max, text);
        load_usage();
    }
    return value;
}

static inline struct load_options load_options_parse(int argc, char **argv)
{
    struct load_options options = {
        .server = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
        .connections = 100,
        .seconds = 5,
        .warm_up = 1,
        .message_bytes = 64,
    };
    int option;

    while ((option = getopt(argc, argv, "h:p:c:t:s:w:P:j")) != -1) {
        switch (option) {
        case 'h':
            if (inet_pton(AF_INET, optarg, &options.server.sin_addr) != 1)
                load_usage();
            break;
        case 'p':
            options.server.sin_port = htons((uint16_t)load_number(optarg, 1, 65535));
            break;
        case 'c':
            options.connections = (int)load_number(optarg, 1, 1e6);
            break;
        case 't':
            options.seconds = load_number(optarg, 0.01, 86400);
            break;
        case 's':
            options.message_bytes = (uint32_t)load_number(optarg, 1, MAX_MESSAGE);
            break;
        case 'w':
            options.warm_up = load_number(optarg, 0, 86400);
            break;
        case 'P':
            options.server_pid = (int)load_number(optarg, 1, INT32_MAX);
            break;
        case 'j':
            options.json = 1;
            break;
        default:
            load_usage();
        }
    }
    if (options.server.sin_port == 0 || optind != argc)
        load_usage();
    return options;
}

#endif
