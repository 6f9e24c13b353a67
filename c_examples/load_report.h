/* load_report.h: what echo_load found, as text for people or as a JSON line. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "latency.h"

#define REPORT_ERROR_KINDS 6

struct load_report {
    int connections_wanted, connections_held;
    uint32_t message_bytes;
    double seconds;
    uint64_t requests;
    const struct latency *latency;
    const char *const *error_names;
    uint64_t errors[REPORT_ERROR_KINDS];
    int first_errno[REPORT_ERROR_KINDS];
    /* The server's share; negative where it was not asked for or not told. */
    double cpu_us_per_request;
    double cpu_percent;
    double resident_per_connection;
    double pagetables_per_connection;
};

static inline uint64_t report_errors(const struct load_report *report)
{
    uint64_t errors = 0;

    for (int i = 0; i < REPORT_ERROR_KINDS; i++)
        errors += report->errors[i];
    return errors;
}

static inline double report_rate(const struct load_report *report)
{
    return report->seconds > 0 ? (double)report->requests / report->seconds : 0;
}

static inline void report_text(const struct load_report *report)
{
    const struct latency *latency = report->latency;

    printf("connections held       %d of %d\n", report->connections_held,
           report->connections_wanted);
    printf("requests               %" PRIu64 " of %" PRIu32 " bytes in %.1f s\n", report->requests,
           report->message_bytes, report->seconds);
    printf("requests per second    %.0f\n", report_rate(report));
    printf("errors                 %" PRIu64 "\n", report_errors(report));
    for (int i = 0; i < REPORT_ERROR_KINDS; i++)
        if (report->errors[i] != 0)
            printf("  %-20s %" PRIu64 "%s%s\n", report->error_names[i], report->errors[i],
                   report->first_errno[i] != 0 ? ", the first: " : "",
                   report->first_errno[i] != 0 ? strerror(report->first_errno[i]) : "");
    printf("latency in ms          p50 %.3f, p99 %.3f, p99.9 %.3f, max %.3f\n",
           (double)latency_percentile(latency, 50) / 1e6,
           (double)latency_percentile(latency, 99) / 1e6,
           (double)latency_percentile(latency, 99.9) / 1e6, (double)latency->max / 1e6);
    if (report->cpu_us_per_request >= 0)
        printf("server CPU             %.2f us per request, %.0f %% of a core\n",
               report->cpu_us_per_request, report->cpu_percent);
    if (report->resident_per_connection >= 0)
        printf("server memory          %.2f KiB resident and %.2f KiB page tables per connection\n",
               report->resident_per_connection / 1024, report->pagetables_per_connection / 1024);
}

static inline void report_json_number(const char *name, double value)
{
    if (value >= 0)
        printf(", \"%s\": %.3f", name, value);
    else
        printf(", \"%s\": null", name);
}

static inline void report_json(const struct load_report *report)
{
    const struct latency *latency = report->latency;

    printf("{\"connections\": %d, \"connections_wanted\": %d, \"message_bytes\": %" PRIu32,
           report->connections_held, report->connections_wanted, report->message_bytes);
    printf(", \"seconds\": %.3f, \"requests\": %" PRIu64 ", \"requests_per_second\": %.1f",
           report->seconds, report->requests, report_rate(report));
    printf(", \"errors\": %" PRIu64 ", \"errors_by_kind\": {", report_errors(report));
    for (int i = 0; i < REPORT_ERROR_KINDS; i++)
        printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "", report->error_names[i], report->errors[i]);
    printf("}, \"latency_us\": {\"p50\": %.3f, \"p99\": %.3f, \"p99_9\": %.3f, \"max\": %.3f}",
           (double)latency_percentile(latency, 50) / 1e3,
           (double)latency_percentile(latency, 99) / 1e3,
           (double)latency_percentile(latency, 99.9) / 1e3, (double)latency->max / 1e3);
    report_json_number("server_cpu_us_per_request", report->cpu_us_per_request);
    report_json_number("server_cpu_percent", report->cpu_percent);
    report_json_number("server_resident_bytes_per_connection", report->resident_per_connection);
    report_json_number("server_pagetable_bytes_per_connection", report->pagetables_per_connection);
    puts("}");
}

#endif
