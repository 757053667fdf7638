/* proc.c - what the system says of this process: its threads and descriptors,
 * and what each thread is doing. Linux's /proc; elsewhere all is unknown.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* syscall(), SYS_futex */
#include "inside.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

/* At most size - 1 bytes of a small file; -1: cannot be read. */
static ssize_t read_file(const char *path, char *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, bytes, size - 1);

    if (fd >= 0)
        close(fd);
    if (count >= 0)
        bytes[count] = '\0';
    return count;
}

static void name_thread(struct leat__id *id)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%ld/comm", id->id);
    if (read_file(path, id->name, sizeof id->name) < 0)
        *id->name = '\0';
    id->name[strcspn(id->name, "\n")] = '\0';
}

static void name_descriptor(struct leat__id *id)
{
    char path[64];
    ssize_t count;

    snprintf(path, sizeof path, "/proc/self/fd/%ld", id->id);
    count = readlink(path, id->name, sizeof id->name - 1);
    id->name[count > 0 ? count : 0] = '\0';
}

static bool add(struct leat__ids *ids, long id)
{
    struct leat__id *all =
        realloc(ids->all, (ids->count + 1) * sizeof *ids->all);

    if (!all)
        return false;
    ids->all = all;
    all[ids->count++].id = id;
    return true;
}

static struct leat__ids list(const char *path, bool descriptors)
{
    struct leat__ids ids = {0};
    DIR *dir = opendir(path);
    long own = dir && descriptors ? dirfd(dir) : -1;

    if (!dir)
        return ids;
    ids.known = true;
    for (struct dirent *e; (e = readdir(dir));) {
        char *rest;
        long id = strtol(e->d_name, &rest, 10);

        if (rest != e->d_name && id != own && !add(&ids, id))
            ids.known = false;
    }
    closedir(dir);
    for (size_t i = 0; i < ids.count; i++)
        (descriptors ? name_descriptor : name_thread)(&ids.all[i]);
    return ids;
}

/* ThreadSanitizer starts a thread of its own together with the first of a
 * process: that must not be taken for the first test's. */
#if defined(__GNUC__)
extern void __tsan_init(void) __attribute__((weak));

static void *nothing(void *arg)
{
    return arg;
}

void leat__threads_settle(void)
{
    pthread_t thread;

    if (__tsan_init && pthread_create(&thread, NULL, nothing, NULL) == 0)
        pthread_join(thread, NULL);
}
#else
void leat__threads_settle(void)
{
}
#endif

struct leat__ids leat__threads(void)
{
    return list("/proc/self/task", false);
}

struct leat__ids leat__descriptors(void)
{
    return list("/proc/self/fd", true);
}

void leat__ids_free(struct leat__ids *ids)
{
    free(ids->all);
    *ids = (struct leat__ids){0};
}

const struct leat__id *leat__id_find(const struct leat__ids *ids, long id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->all[i].id == id)
            return &ids->all[i];
    return NULL;
}

long leat__thread_id(void)
{
#if defined(__linux__)
    return syscall(SYS_gettid);
#else
    return -1;
#endif
}

#if defined(__linux__)
/* "running", or the number of the system call and its arguments in hex. */
struct leat__doing leat__thread_doing(long id)
{
    struct leat__doing doing = {LEAT__UNKNOWN, -1, false};
    char path[64], line[256], *next = line;
    unsigned long long fourth = 0;

    snprintf(path, sizeof path, "/proc/self/task/%ld/syscall", id);
    if (read_file(path, line, sizeof line) <= 0)
        return doing;
    doing.does = LEAT__RUNS;
    if (strncmp(line, "running", 7) == 0)
        return doing;
    doing.call = strtol(line, &next, 10);
    for (int i = 0; i < 4; i++)
        fourth = strtoull(next, &next, 16);
    doing.does = doing.call < 0            ? LEAT__RUNS
                 : doing.call == SYS_futex ? LEAT__FUTEX
                                           : LEAT__CALL;
    doing.timed = doing.does == LEAT__FUTEX && fourth != 0;
    return doing;
}
#else
struct leat__doing leat__thread_doing(long id)
{
    (void)id;
    return (struct leat__doing){LEAT__UNKNOWN, -1, false};
}
#endif
