/* run.c - one run of one program.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "run.h"
#include "work.h"
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void become(const char *path, const char *workload,
                             uint64_t count, const char *file, int out)
{
    char number[24];

    setpgid(0, 0);
    dup2(out, STDOUT_FILENO);
    close(out);
    snprintf(number, sizeof number, "%" PRIu64, count);
    execl(path, path, workload, number, file, (char *)NULL);
    perror(path);
    _exit(127);
}

/* Reads until the end; false: it did not come in time. */
static bool read_line(int from, char *text, size_t size, int limit)
{
    double until = seconds() + limit;
    struct pollfd out = {.fd = from, .events = POLLIN};
    size_t len = 0;

    for (;;) {
        double left = until - seconds();
        ssize_t got;

        if (left <= 0 || poll(&out, 1, (int)(left * 1000) + 1) == 0)
            return false;
        got = read(from, text + len, size - 1 - len);
        if (got <= 0 || (len += (size_t)got) == size - 1)
            break;
    }
    text[len] = '\0';
    return true;
}

static double time_of(const struct timeval *time)
{
    return (double)time->tv_sec + 1e-6 * (double)time->tv_usec;
}

enum outcome run_program(const char *path, const char *workload, uint64_t count,
                         const char *file, int limit, struct run *run)
{
    char line[256] = "";
    struct rusage used;
    int ends[2], status;
    bool in_time;
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0) {
        perror("no process");
        exit(1);
    }
    if (child == 0)
        become(path, workload, count, file, ends[1]);
    close(ends[1]);
    in_time = read_line(ends[0], line, sizeof line, limit);
    close(ends[0]);
    if (!in_time && kill(-child, SIGKILL) != 0)
        kill(child, SIGKILL); /* it is no group's leader yet */
    wait4(child, &status, 0, &used);
    if (!in_time)
        return TOO_LONG;
    if (WIFSIGNALED(status))
        fprintf(stderr, "\n%s: signal %d\n", path, WTERMSIG(status));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
        sscanf(line, "%*s %*s %" SCNu64 " %lf %lf", &run->count, &run->took,
               &run->each) != 3 || run->count == 0)
        return WRONG;
    run->cpu = (time_of(&used.ru_utime) + time_of(&used.ru_stime)) * 1e9 /
               (double)run->count;
    run->switches = (double)(used.ru_nvcsw + used.ru_nivcsw) * 1000 /
                    (double)run->count;
    return RAN;
}

double machine_cpu(void)
{
    FILE *file = fopen("/proc/stat", "r");
    double user = 0, nice = 0, system = 0, irq = 0, soft = 0, steal = 0;

    if (!file)
        return 0;
    if (fscanf(file, "cpu %lf %lf %lf %*f %*f %lf %lf %lf", &user, &nice,
               &system, &irq, &soft, &steal) != 6)
        user = 0;
    fclose(file);
    return (user + nice + system + irq + soft + steal) /
           (double)sysconf(_SC_CLK_TCK);
}
