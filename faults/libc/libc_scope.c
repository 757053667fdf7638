/* libc_scope.c - the one scope, and whose turn it is to fail.
 *
 * Everything is atomic and nothing is locked: the wrappers run in any thread,
 * also in one that holds the allocator's lock. What a scope says is written
 * before its calls are, and read after them. Each write is a read-modify-write,
 * which Helgrind takes for what it is.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "libc_scope.h"
#include <errno.h>
#include <leat/status.h>
#include <sys/syscall.h>
#include <unistd.h>

unsigned leat__libc_calls;

static struct {
    uint64_t nth, times, error, partial, thread; /* thread 0: all */
    uint64_t reached, hits, call, site, by;
} scope;

static uint64_t get(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void set(uint64_t *at, uint64_t value)
{
    uint64_t old = get(at);

    while (!__atomic_compare_exchange_n(at, &old, value, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
}

static uint64_t self(void)
{
    return (uint64_t)syscall(SYS_gettid);
}

/* The first to fail writes down who it is. */
static void note(enum leat_libc_call call, const void *site)
{
    uint64_t none = 0;

    if (!__atomic_compare_exchange_n(&scope.call, &none, (uint64_t)call, false,
                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    set(&scope.site, (uint64_t)(uintptr_t)site);
    set(&scope.by, self());
}

static int usual_error(enum leat_libc_call call)
{
    if (call == LEAT_LIBC_THREAD)
        return EAGAIN;
    return call & LEAT_LIBC_IO ? EIO : ENOMEM;
}

int leat__libc_verdict(enum leat_libc_call call, const void *site)
{
    uint64_t thread, nth, turn;
    bool moves = call == LEAT_LIBC_READ || call == LEAT_LIBC_WRITE;

    if (!(__atomic_load_n(&leat__libc_calls, __ATOMIC_ACQUIRE) & call))
        return 0; /* it has just ended */
    thread = get(&scope.thread);
    nth = get(&scope.nth);
    if (thread && thread != self())
        return 0;
    turn = __atomic_add_fetch(&scope.reached, 1, __ATOMIC_RELAXED);
    if (nth == 0 || turn < nth || turn - nth >= get(&scope.times))
        return 0;
    __atomic_add_fetch(&scope.hits, 1, __ATOMIC_RELAXED);
    note(call, site);
    if (moves && get(&scope.partial))
        return LEAT__HALF;
    return get(&scope.error) ? (int)get(&scope.error) : usual_error(call);
}

int leat_fault_libc_begin(const struct leat_fault_libc *fault)
{
    unsigned none = 0;

    if (!fault || !fault->calls || (fault->calls & ~(unsigned)LEAT_LIBC_ALL) ||
        fault->error < 0 ||
        __atomic_load_n(&leat__libc_calls, __ATOMIC_RELAXED))
        return LEAT_INVALID;
    set(&scope.nth, fault->nth);
    set(&scope.times, fault->times ? fault->times : 1);
    set(&scope.error, (uint64_t)fault->error);
    set(&scope.partial, fault->partial);
    set(&scope.thread, fault->this_thread ? self() : 0);
    set(&scope.reached, 0);
    set(&scope.hits, 0);
    set(&scope.call, 0);
    set(&scope.site, 0);
    set(&scope.by, 0);
    return __atomic_compare_exchange_n(&leat__libc_calls, &none, fault->calls,
                                       false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED)
               ? LEAT_OK
               : LEAT_INVALID;
}

static const char *name_of(uint64_t call)
{
    static const char *const names[] = {
        "malloc", "calloc", "realloc", "aligned_alloc", "strdup", "strndup",
        "pthread_create", "pthread_mutex_init", "pthread_cond_init", "read",
        "write", "fsync", "fdatasync", "open", "close"};
    size_t i = 0;

    while (call > 1) {
        call >>= 1;
        i++;
    }
    return names[i];
}

static void fill(struct leat_fault_libc_report *report)
{
    uint64_t call = get(&scope.call);

    *report = (struct leat_fault_libc_report){
        .reached = get(&scope.reached),
        .hits = get(&scope.hits),
        .call = call ? name_of(call) : NULL,
        .site = (const void *)(uintptr_t)get(&scope.site),
        .thread = (unsigned long)get(&scope.by),
    };
}

void leat_fault_libc_report(struct leat_fault_libc_report *report)
{
    if (__atomic_load_n(&leat__libc_calls, __ATOMIC_RELAXED))
        fill(report);
    else
        *report = (struct leat_fault_libc_report){.call = NULL};
}

int leat_fault_libc_end(struct leat_fault_libc_report *report)
{
    unsigned open = __atomic_load_n(&leat__libc_calls, __ATOMIC_RELAXED);

    if (report)
        *report = (struct leat_fault_libc_report){.call = NULL};
    if (!open ||
        !__atomic_compare_exchange_n(&leat__libc_calls, &open, 0, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return LEAT_INVALID;
    if (report)
        fill(report);
    return LEAT_OK;
}
