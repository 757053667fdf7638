/* watchdog.c - runs a command and ends it, and all that it has started, when it
 * takes too long.
 *
 * usage: watchdog SECONDS -- COMMAND [ARGUMENT...]
 *
 * Exit status: the command's; 128 + n when signal n ended it; 124 when the
 * watchdog did; 2 usage; 127 when it cannot be started. It stands round every
 * runner of tests: Criterion 2.4.1 can hang itself.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Two seconds to say what it was about, then the end. */
static void end_group(pid_t group)
{
    struct timespec moment = {0, 20000000};
    bool ended = false;

    kill(-group, SIGTERM);
    for (int i = 0; i < 100 && !ended; i++) {
        nanosleep(&moment, NULL);
        ended = waitpid(group, NULL, WNOHANG) == group;
    }
    kill(-group, SIGKILL);
    if (!ended)
        waitpid(group, NULL, 0);
}

static void say_late(char **command, long seconds)
{
    fprintf(stderr, "watchdog: more than %ld s:", seconds);
    for (; *command; command++)
        fprintf(stderr, " %s", *command);
    fputs("; ended\n", stderr);
}

/* Until the child has ended (its status) or the time is over (-1), or somebody
 * wants us to end (-2). */
static int wait_for(pid_t child, long seconds, const sigset_t *signals)
{
    struct timespec until, now;
    int status;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    for (;;) {
        struct timespec left = {0, 200000000};
        int signal = sigtimedwait(signals, NULL, &left);

        if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP)
            return -2;
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > until.tv_sec ||
            (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec))
            return -1;
    }
}

int main(int argc, char **argv)
{
    char *rest;
    long seconds = argc > 3 ? strtol(argv[1], &rest, 10) : 0;
    sigset_t signals, before;
    pid_t child;
    int status;

    if (seconds <= 0 || *rest || strcmp(argv[2], "--") != 0) {
        fprintf(stderr, "usage: %s SECONDS -- COMMAND [ARGUMENT...]\n", argv[0]);
        return 2;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &before);
    child = fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        setpgid(0, 0);
        execvp(argv[3], argv + 3);
        fprintf(stderr, "%s: %s\n", argv[3], strerror(errno));
        _exit(127);
    }
    if (child < 0) {
        perror("fork");
        return 127;
    }
    setpgid(child, child);
    status = wait_for(child, seconds, &signals);
    if (status < 0) {
        if (status == -1)
            say_late(argv + 3, seconds);
        end_group(child);
        return status == -1 ? 124 : 130;
    }
    kill(-child, SIGKILL); /* what it has left running */
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
