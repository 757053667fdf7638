/* ends.h - runs a function in a process of its own, and tells how that ended
 * and what it has said.
 * SPDX-License-Identifier: MIT */
#ifndef HARNESS_ENDS_H
#define HARNESS_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__GNUC__)
extern void __gcov_dump(void) __attribute__((weak));
#endif

/* The end of such a process: what it has run counts as covered. */
static inline void leave(int status)
{
#if defined(__GNUC__)
    if (__gcov_dump)
        __gcov_dump();
#endif
    _exit(status);
}

/* A wait status. text: of its standard error, as much as fits. */
static inline int how_it_ends(void (*fn)(void), char *text, size_t size)
{
    size_t length = 0;
    ssize_t count;
    int ends[2], status = -1;
    pid_t child;

    if (pipe(ends) || (fflush(NULL), child = fork()) < 0)
        return -1;
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        fn();
        leave(0);
    }
    close(ends[1]);
    while (length + 1 < size &&
           (count = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)count;
    text[length] = 0;
    close(ends[0]);
    waitpid(child, &status, 0);
    return status;
}

/* Under Valgrind a process that ends in the middle of its work has leaked, and
 * Valgrind has the last word. */
static inline bool ended_with(int status, int code)
{
#ifdef LEAT_WATCH
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
        return true;
#endif
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

#endif
