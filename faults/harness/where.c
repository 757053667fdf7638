/* where.c - which function, which line.
 *
 * dladdr() knows exported functions only; addr2line reads the debug information,
 * with a module and an offset, or the address itself where the program was not
 * linked to be moved. It runs as a child, for a limited time, since the process
 * that asks may be in any state.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dladdr, pipe2 */
#include <leat/watchdog.h>
#include "inside.h"
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const leat_duration LIMIT = 2 * LEAT_S;

/* The call, not where it returns to. */
static uintptr_t call_of(const void *address)
{
    return (uintptr_t)address - 1;
}

static bool is_moved(const void *base)
{
    ElfW(Half) type;

    memcpy(&type, (const char *)base + offsetof(ElfW(Ehdr), e_type),
           sizeof type);
    return type == ET_DYN;
}

/* What the child writes, until it ends or the time is over. */
static size_t read_all(int fd, char *bytes, size_t size, int64_t until)
{
    size_t length = 0;

    while (length + 1 < size) {
        int64_t left = (until - leat__harness_now()) / LEAT_MS;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        ssize_t count;

        if (left <= 0 || poll(&ready, 1, (int)left) <= 0 ||
            (count = read(fd, bytes + length, size - 1 - length)) <= 0)
            break;
        length += (size_t)count;
    }
    bytes[length] = '\0';
    return length;
}

static pid_t spawn(char **command, int to)
{
    posix_spawn_file_actions_t files;
    pid_t child = -1;

    if (posix_spawn_file_actions_init(&files))
        return -1;
    if (posix_spawn_file_actions_adddup2(&files, to, STDOUT_FILENO) ||
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null",
                                         O_WRONLY, 0) ||
        posix_spawnp(&child, command[0], &files, NULL, command, environ))
        child = -1;
    posix_spawn_file_actions_destroy(&files);
    return child;
}

/* The file of a module. Of the program itself dladdr() only knows how it was
 * called, and a runner may call it anything. */
static void name_file(const char *module, char *path, size_t size)
{
    ssize_t length = -1;

    if (!strchr(module, '/') || access(module, R_OK) != 0)
        length = readlink("/proc/self/exe", path, size - 1);
    if (length >= 0)
        path[length] = '\0';
    else
        snprintf(path, size, "%s", module);
}

/* "function\nfile:line\n", or nothing. */
static void ask(const char *module, uintptr_t offset, char *bytes, size_t size)
{
    char program[] = "addr2line", functions[] = "-f", demangle[] = "-C",
         exe[] = "-e", path[512], number[32];
    char *command[] = {program, functions, demangle, exe, path, number, NULL};
    int ends[2], status;
    pid_t child;

    *bytes = '\0';
    name_file(module, path, sizeof path);
    snprintf(number, sizeof number, "0x%llx", (unsigned long long)offset);
    if (pipe2(ends, O_CLOEXEC))
        return;
    child = spawn(command, ends[1]);
    close(ends[1]);
    if (child > 0) {
        read_all(ends[0], bytes, size, leat__harness_now() + LIMIT);
        kill(child, SIGKILL); /* it has ended as a rule */
        waitpid(child, &status, 0);
    }
    close(ends[0]);
}

/* The last part of a path. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

void leat_where(const void *address, char *bytes, size_t size)
{
    struct leat__text text = leat__text_in(bytes, size);
    char answer[1024], *line, *end;
    Dl_info info;

    if (!address || !dladdr((const void *)call_of(address), &info) ||
        !info.dli_fname) {
        leat__say(&text, "%p, of which nothing is known", address);
        return;
    }
    ask(info.dli_fname,
        call_of(address) -
            (is_moved(info.dli_fbase) ? (uintptr_t)info.dli_fbase : 0),
        answer, sizeof answer);
    line = strchr(answer, '\n');
    if (line)
        *line++ = '\0';
    if (line && (end = strchr(line, '\n')))
        *end = '\0';
    if (line && (end = strstr(line, " (discriminator")))
        *end = '\0';
    if (line && *answer != '?' && *line != '?')
        leat__say(&text, "%s (%s)", answer, base_name(line));
    else if (line && *answer != '?')
        leat__say(&text, "%s (no line is known: no debug information)", answer);
    else if (info.dli_sname)
        leat__say(&text, "%s (no line is known: no debug information)",
                  info.dli_sname);
    else
        leat__say(&text, "%s at %#llx (no function is known: no debug "
                         "information)",
                  base_name(info.dli_fname),
                  (unsigned long long)(call_of(address) -
                                       (uintptr_t)info.dli_fbase));
}
