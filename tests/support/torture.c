/* torture.c - see torture.h.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "torture.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#ifdef LEAT_WATCH
#include <valgrind/helgrind.h>
#endif

static struct {
    atomic_int kind; /* -1: dormant */
    atomic_ulong left;
} armed = {-1, 0};

void torture_arm(enum torture_kind kind, unsigned long n)
{
#ifdef LEAT_WATCH
    VALGRIND_HG_DISABLE_CHECKING(&armed, sizeof armed);
#endif
    atomic_store(&armed.left, n);
    atomic_store(&armed.kind, (int)kind);
}

bool torture_disarm(void)
{
    atomic_store(&armed.kind, -1);
    return atomic_load(&armed.left) == 0;
}

/* True: this call is the one that fails. */
static bool hit(enum torture_kind kind)
{
    unsigned long left = atomic_load(&armed.left);

    if (atomic_load(&armed.kind) != (int)kind)
        return false;
    while (left > 0)
        if (atomic_compare_exchange_weak(&armed.left, &left, left - 1))
            return left == 1;
    return false;
}

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
char *__real_strdup(const char *);
char *__real_strndup(const char *, size_t);
int __real_pthread_create(pthread_t *, const pthread_attr_t *,
                          void *(*)(void *), void *);

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *__wrap_malloc(size_t size)
{
    return hit(TORTURE_ALLOC) ? no_memory() : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return hit(TORTURE_ALLOC) ? no_memory() : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return hit(TORTURE_ALLOC) ? no_memory() : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t line, size_t size)
{
    return hit(TORTURE_ALLOC) ? no_memory() : __real_aligned_alloc(line, size);
}

char *__wrap_strdup(const char *text)
{
    return hit(TORTURE_ALLOC) ? no_memory() : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t most)
{
    return hit(TORTURE_ALLOC) ? no_memory() : __real_strndup(text, most);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                          void *(*fn)(void *), void *arg)
{
    return hit(TORTURE_THREAD) ? EAGAIN
                               : __real_pthread_create(thread, attr, fn, arg);
}
