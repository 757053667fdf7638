/* fault_wait.c - waiting in a fault, until the switch at the latest.
 *
 * Whoever waits does so under a context of its own: below the caller's for hang
 * and slow, so that its end wakes it at once; a root for stubborn, which its
 * caller's must not wake. It is on the fault's list meanwhile, and the switch
 * cancels what is on the list. A read is let go by shutting its socket down.
 *
 * No one is missed: the switch is set first, then the list is walked under the
 * lock; who comes to the list later looks at the switch under the lock.
 *
 * Order of locks: the fault's before a context tree's.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "fault_parts.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct leat_fault_wait {
    struct leat_fault_wait *next, **back;
    leat_ctx *ctx; /* NULL: fd */
    int fd;
};

int64_t leat__fault_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * LEAT_S + now.tv_nsec;
}

static void let_go(const struct leat_fault_wait *wait)
{
    if (wait->ctx)
        leat_ctx_cancel(wait->ctx, 0);
    else
        shutdown(wait->fd, SHUT_RDWR);
}

static void enter(struct leat_fault *fault, struct leat_fault_wait *wait)
{
    struct leat_fault_wait **first = &fault->private_.waits;

    pthread_mutex_lock(&fault->private_.lock);
    wait->next = *first;
    wait->back = first;
    if (*first)
        (*first)->back = &wait->next;
    *first = wait;
    if (leat__fault_get(fault->off))
        let_go(wait);
    pthread_mutex_unlock(&fault->private_.lock);
}

static void leave(struct leat_fault *fault, struct leat_fault_wait *wait)
{
    pthread_mutex_lock(&fault->private_.lock);
    *wait->back = wait->next;
    if (wait->next)
        wait->next->back = wait->back;
    pthread_mutex_unlock(&fault->private_.lock);
}

void leat_fault_switch(struct leat_fault *fault, bool on)
{
    bool was = on;

    if (!fault)
        return;
    /* Not a plain store: Helgrind takes this one for what it is. */
    __atomic_compare_exchange_n(&fault->off, &was, !on, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    if (on)
        return;
    pthread_mutex_lock(&fault->private_.lock);
    for (struct leat_fault_wait *w = fault->private_.waits; w; w = w->next)
        let_go(w);
    pthread_mutex_unlock(&fault->private_.lock);
}

/* Under ctx, which is then freed. */
static int sleep_under(leat_ctx *ctx, struct leat_fault *fault,
                       leat_duration duration)
{
    struct leat_fault_wait wait = {.ctx = ctx};
    int status;

    enter(fault, &wait);
    status = leat_sleep(ctx, duration);
    leave(fault, &wait);
    leat_ctx_free(ctx);
    return status;
}

int leat__fault_sleep(leat_ctx *ctx, struct leat_fault *fault,
                      leat_duration duration)
{
    leat_ctx *own = leat_ctx_new(ctx, 0);

    if (!own) /* no memory: the context still ends it, the switch does not */
        return leat_sleep(ctx, duration);
    if (sleep_under(own, fault, duration) == LEAT_OK)
        return LEAT_OK;
    return leat_sleep(ctx, 0); /* it ended, or the switch has let go */
}

static void spin(struct leat_fault *fault)
{
    int64_t end = leat__fault_now() + fault->delay;

    while (!leat__fault_get(fault->off) &&
           (!fault->delay || leat__fault_now() < end))
        ;
}

static void oversleep(struct leat_fault *fault)
{
    leat_duration delay = fault->delay ? fault->delay : LEAT__FOREVER;
    leat_ctx *root = leat_ctx_root(delay);

    if (root)
        sleep_under(root, fault, delay);
    else
        spin(fault); /* no memory */
}

/* False: no socket was to be had. The timeout is the socket's, so that the read
 * itself is an ordinary one. */
static bool block_in_read(struct leat_fault *fault)
{
    struct timeval delay = {fault->delay / LEAT_S,
                            fault->delay % LEAT_S / LEAT_US};
    struct leat_fault_wait wait = {.ctx = NULL};
    int pair[2];
    char byte;

    if (fault->delay && !delay.tv_sec && !delay.tv_usec)
        delay.tv_usec = 1; /* 0 would be for ever */
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        return false;
    wait.fd = pair[0];
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &delay, sizeof delay);
    enter(fault, &wait);
    while (read(pair[0], &byte, 1) < 0 && errno == EINTR)
        ;
    leave(fault, &wait);
    close(pair[0]);
    close(pair[1]);
    return true;
}

void leat__fault_stubborn(struct leat_fault *fault)
{
    switch (fault->how) {
    case LEAT_FAULT_SPIN:
        spin(fault);
        break;
    case LEAT_FAULT_READ:
        if (!block_in_read(fault))
            oversleep(fault);
        break;
    default:
        oversleep(fault);
    }
}
