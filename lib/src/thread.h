/* thread.h - the only calls to pthread_create, to mutexes and condition
 * variables, and the clock. A pthread call that fails for any other reason than
 * resources is a bug of ours: it aborts.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__THREAD_H
#define LEAT__THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Points in time are int64_t nanoseconds of CLOCK_MONOTONIC; this is never. */
#define LEAT__NEVER INT64_MAX

int64_t leat__now(void);

/* a + b, at most LEAT__NEVER; b must not be negative. */
int64_t leat__after(int64_t a, int64_t b);

void leat__mutex_init(pthread_mutex_t *mutex);
void leat__mutex_destroy(pthread_mutex_t *mutex);

/* Here, because they are on the way of every item. */
static inline void leat__lock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_lock(mutex)) /* LCOV_EXCL_BR_LINE */
        abort();                   /* LCOV_EXCL_LINE */
}

static inline void leat__unlock(pthread_mutex_t *mutex)
{
    if (pthread_mutex_unlock(mutex)) /* LCOV_EXCL_BR_LINE */
        abort();                     /* LCOV_EXCL_LINE */
}

void leat__cond_init(pthread_cond_t *cond); /* of CLOCK_MONOTONIC */
void leat__cond_destroy(pthread_cond_t *cond);
void leat__signal(pthread_cond_t *cond);
void leat__broadcast(pthread_cond_t *cond);
void leat__wait(pthread_cond_t *cond, pthread_mutex_t *mutex);

/* False: the deadline has passed. LEAT__NEVER waits without one. */
bool leat__wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex,
                      int64_t deadline);

/* LEAT_OK or LEAT_NOTHREAD. The name (its first 15 bytes) goes to the system
 * where that is possible; the new thread sets it, first of all. */
int leat__thread_start(pthread_t *thread, void *(*fn)(void *), void *arg);
void leat__thread_name(const char *name); /* of the calling thread */
void leat__thread_join(pthread_t thread);
void leat__thread_detach(pthread_t thread);

#endif
