/* process_usage.h: what another process has used, read from /proc.
 *
 * CPU time comes from schedstat, which counts nanoseconds; the ticks in
 * /proc/PID/stat are too coarse to divide by a request.
 */
#ifndef PROCESS_USAGE_H
#define PROCESS_USAGE_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct process_usage {
    int64_t cpu_ns;         /* all threads of the process */
    int64_t resident_bytes; /* VmRSS */
    int64_t pagetable_bytes; /* VmPTE */
};

static inline int process_cpu(int pid, int64_t *cpu_ns)
{
    char path[320];
    const struct dirent *entry;
    int found = 0;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return -1;
    *cpu_ns = 0;
    while ((entry = readdir(tasks)) != NULL) {
        long long ns;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue; /* the thread has just ended */
        if (fscanf(file, "%lld", &ns) == 1) {
            *cpu_ns += ns;
            found = 1;
        }
        fclose(file);
    }
    closedir(tasks);
    return found ? 0 : -1;
}

static inline int process_memory(int pid, int64_t *resident_bytes, int64_t *pagetable_bytes)
{
    char path[64], line[256];
    long long kib;
    int found = 0;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmRSS: %lld kB", &kib) == 1) {
            *resident_bytes = kib * 1024;
            found |= 1;
        } else if (sscanf(line, "VmPTE: %lld kB", &kib) == 1) {
            *pagetable_bytes = kib * 1024;
            found |= 2;
        }
    }
    fclose(file);
    return found == 3 ? 0 : -1;
}

/* 0, or -1 when there is no such process or its kernel keeps no such figures. */
static inline int process_usage_read(int pid, struct process_usage *usage)
{
    if (process_cpu(pid, &usage->cpu_ns) != 0)
        return -1;
    return process_memory(pid, &usage->resident_bytes, &usage->pagetable_bytes);
}

#endif
