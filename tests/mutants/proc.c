/* proc.c - commands, each with a deadline and in a process group of its own, so
 * that nothing a mutant has started outlives it.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "mutants.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 4096 };

struct output {
    line_fn *line;
    void *arg;
    char text[LINE];
    size_t len;
};

double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void become(const char *const *argv, int output)
{
    struct rlimit core = {0, 0}, file = {1 << 28, RLIM_INFINITY};
    int null = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &core);
    setrlimit(RLIMIT_FSIZE, &file); /* a mutant may write without end */
    dup2(null, 0);
    dup2(output, 1);
    dup2(output, 2);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Whole lines to line(): true when it wants no more. */
static bool take(struct output *out)
{
    bool enough = false;
    char *end;

    while (!enough && (end = memchr(out->text, '\n', out->len))) {
        *end++ = '\0';
        enough = out->line && out->line(out->arg, out->text);
        out->len -= (size_t)(end - out->text);
        memmove(out->text, end, out->len);
    }
    if (out->len == LINE)
        out->len = 0; /* no line of ours */
    return enough;
}

/* What there is to read; true when somebody has seen enough. */
static bool read_some(int fd, struct output *out)
{
    ssize_t n;

    while ((n = read(fd, out->text + out->len, LINE - out->len)) > 0) {
        out->len += (size_t)n;
        if (take(out))
            return true;
    }
    return false;
}

/* A second to say which test it was. */
static void end_group(pid_t pid, int fd, struct output *out)
{
    double until = now() + 1;

    kill(-pid, SIGTERM);
    while (now() < until && waitpid(pid, NULL, WNOHANG) == 0) {
        poll(&(struct pollfd){fd, POLLIN, 0}, 1, 20);
        read_some(fd, out);
    }
    read_some(fd, out);
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int run_command(const char *const *argv, double seconds, line_fn *line,
                void *arg)
{
    struct output out = {.line = line, .arg = arg};
    double until = now() + seconds;
    int ends[2], status = 0, result = LATE;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return 127;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid = fork();
    if (pid == 0)
        become(argv, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return 127;
    }
    setpgid(pid, pid); /* here too: it may not have come to it */
    for (;;) {
        bool ended = waitpid(pid, &status, WNOHANG) == pid;
        bool enough = read_some(ends[0], &out);
        if (ended) {
            result = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                         : WEXITSTATUS(status);
            kill(-pid, SIGKILL);
            break;
        }
        if (enough || stop || now() > until) {
            end_group(pid, ends[0], &out);
            result = stop ? ENDED : enough ? 1 : LATE;
            break;
        }
        poll(&(struct pollfd){ends[0], POLLIN, 0}, 1, 10);
    }
    close(ends[0]);
    return result;
}
