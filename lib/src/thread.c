/* thread.c - threads, locks, conditions, the clock.
 *
 * macOS has no condition variable of CLOCK_MONOTONIC; there a relative wait
 * serves. Written from its manual, not tried.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pthread_setname_np */
#include "thread.h"
#include "watch.h"
#include <errno.h>
#include <leat/status.h>
#include <leat/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__FreeBSD__) || defined(__OpenBSD__)
#include <pthread_np.h>
#endif

/* Such a call fails only when we have broken a rule. */
static void must(int error)
{
    if (error)   /* LCOV_EXCL_BR_LINE */
        abort(); /* LCOV_EXCL_LINE */
}

int64_t leat__now(void)
{
    struct timespec t;

    must(clock_gettime(CLOCK_MONOTONIC, &t));
    return (int64_t)t.tv_sec * LEAT_S + t.tv_nsec;
}

int64_t leat__after(int64_t a, int64_t b)
{
    return a > LEAT__NEVER - b ? LEAT__NEVER : a + b;
}

/* Whoever locks one last may destroy it while the unlock of the one before is
 * still returning, which POSIX allows; Helgrind takes it for a race. */
void leat__mutex_init(pthread_mutex_t *mutex)
{
    WATCH_ATOMIC(*mutex);
    must(pthread_mutex_init(mutex, NULL));
}

void leat__mutex_destroy(pthread_mutex_t *mutex)
{
    must(pthread_mutex_destroy(mutex));
    WATCH_PLAIN(*mutex);
}

void leat__cond_init(pthread_cond_t *cond)
{
#ifdef __APPLE__
    must(pthread_cond_init(cond, NULL));
#else
    pthread_condattr_t attr;

    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(cond, &attr));
    must(pthread_condattr_destroy(&attr));
#endif
}

void leat__cond_destroy(pthread_cond_t *cond)
{
    must(pthread_cond_destroy(cond));
}

void leat__signal(pthread_cond_t *cond)
{
    must(pthread_cond_signal(cond));
}

void leat__broadcast(pthread_cond_t *cond)
{
    must(pthread_cond_broadcast(cond));
}

void leat__wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    must(pthread_cond_wait(cond, mutex));
}

bool leat__wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex,
                      int64_t deadline)
{
    int error;

    if (deadline == LEAT__NEVER) {
        leat__wait(cond, mutex);
        return true;
    }
#ifdef __APPLE__
    int64_t left = deadline - leat__now();
    if (left <= 0)
        return false;
    error = pthread_cond_timedwait_relative_np(
        cond, mutex, &(struct timespec){left / LEAT_S, left % LEAT_S});
#else
    error = pthread_cond_timedwait(
        cond, mutex, &(struct timespec){(time_t)(deadline / LEAT_S),
                                        (long)(deadline % LEAT_S)});
#endif
    if (error != ETIMEDOUT)
        must(error);
    return error == 0;
}

int leat__thread_start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    return pthread_create(thread, NULL, fn, arg) ? LEAT_NOTHREAD : LEAT_OK;
}

void leat__thread_name(const char *name)
{
#if defined(__linux__)
    char most[16]; /* what the kernel takes */
    snprintf(most, sizeof most, "%s", name);
    pthread_setname_np(pthread_self(), most);
#elif defined(__APPLE__)
    pthread_setname_np(name);
#elif defined(__FreeBSD__) || defined(__OpenBSD__)
    pthread_set_name_np(pthread_self(), name);
#else
    (void)name;
#endif
}

void leat__thread_join(pthread_t thread)
{
    must(pthread_join(thread, NULL));
}

void leat__thread_detach(pthread_t thread)
{
    must(pthread_detach(thread));
}
