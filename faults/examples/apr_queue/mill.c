/* mill.c - the steps' threads, and the queues between them.
 *
 * Every job goes through all three queues, whatever becomes of it; one that has
 * failed, or comes after the stop, is only not worked on. So none is lost, and
 * none waits for long. NULL in a queue ends one thread.
 * SPDX-License-Identifier: MIT */
#include "mill.h"
#include <apr_atomic.h>
#include <apr_queue.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#include <stdlib.h>

enum { STEPS = 3, ROOM = 4, THREADS = 8 };

enum fate { DONE, FAILED, STOPPED };

struct job {
    unsigned number;
    enum fate fate;
};

struct step {
    const char *name;
    mill_step *fn;
    void *arg;
    apr_queue_t *queue; /* of what it is given */
    apr_thread_t *threads[THREADS];
    unsigned wanted, started;
    unsigned busy; /* threads in fn; mill->lock */
    struct mill *mill;
    struct step *next; /* NULL: it is the last */
};

struct mill {
    apr_pool_t *pool;
    struct step steps[STEPS];

    apr_thread_mutex_t *lock; /* protects: */
    unsigned inside;
    bool stopped;
    struct mill_result result;
};

static apr_uint32_t alive;

long mill_jobs(void)
{
    return (long)apr_atomic_read32(&alive);
}

static void push(apr_queue_t *queue, void *what)
{
    while (apr_queue_push(queue, what) == APR_EINTR)
        continue;
}

static void finish_locked(struct mill *mill, struct job *job)
{
    mill->result.done += job->fate == DONE;
    mill->result.failed += job->fate == FAILED;
    mill->result.stopped += job->fate == STOPPED;
    mill->inside--;
    free(job);
    apr_atomic_dec32(&alive);
}

/* Gives up the lock for the time of the call. */
static void call_locked(struct step *step, struct job *job)
{
    struct mill *mill = step->mill;
    int error;

    step->busy++;
    apr_thread_mutex_unlock(mill->lock);
    error = step->fn(job->number, step->arg);
    apr_thread_mutex_lock(mill->lock);
    step->busy--;
    if (!error)
        return;
    job->fate = FAILED;
    if (!mill->result.why)
        mill->result.why = step->name;
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *arg)
{
    struct step *step = arg;
    struct mill *mill = step->mill;
    void *job;

    (void)thread;
    for (;;) {
        if (apr_queue_pop(step->queue, &job) == APR_EINTR)
            continue;
        if (!job)
            return NULL;
        apr_thread_mutex_lock(mill->lock);
        if (((struct job *)job)->fate == DONE) {
            if (mill->stopped)
                ((struct job *)job)->fate = STOPPED;
            else
                call_locked(step, job);
        }
        if (!step->next)
            finish_locked(mill, job);
        apr_thread_mutex_unlock(mill->lock);
        if (step->next)
            push(step->next->queue, job);
    }
}

/* A pool with an allocator of its own: what comes from the global one is not
 * given back with the pool. */
static struct mill *make(const struct mill_steps *steps, unsigned workers)
{
    const struct step three[STEPS] = {
        {"read", steps->read, .wanted = 1},
        {"work", steps->work, .wanted = workers < THREADS ? workers : THREADS},
        {"save", steps->save, .wanted = 1}};
    apr_allocator_t *allocator;
    struct mill *mill;
    apr_pool_t *pool;

    if (apr_allocator_create(&allocator))
        return NULL;
    if (apr_pool_create_ex(&pool, NULL, NULL, allocator)) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, pool);
    mill = apr_pcalloc(pool, sizeof *mill);
    mill->pool = pool;
    for (int i = 0; i < STEPS; i++) {
        mill->steps[i] = three[i];
        mill->steps[i].arg = steps->arg;
        mill->steps[i].mill = mill;
        mill->steps[i].next = i < STEPS - 1 ? &mill->steps[i + 1] : NULL;
    }
    return mill;
}

struct mill *mill_start(const struct mill_steps *steps, unsigned workers)
{
    struct mill *mill = make(steps, workers);
    int error;

    if (!mill)
        return NULL;
    error = apr_thread_mutex_create(&mill->lock, 0, mill->pool);
    for (int i = 0; i < STEPS && !error; i++)
        error = apr_queue_create(&mill->steps[i].queue, ROOM, mill->pool);
    for (int i = 0; i < STEPS && !error; i++)
        for (struct step *step = &mill->steps[i];
             step->started < step->wanted && !error; step->started += !error)
            error = apr_thread_create(&step->threads[step->started], NULL, run,
                                      step, mill->pool);
    if (!error)
        return mill;
    mill_end(mill);
    return NULL;
}

bool mill_feed(struct mill *mill, unsigned number)
{
    struct job *job = malloc(sizeof *job);
    bool is_in;

    if (!job)
        return false;
    *job = (struct job){.number = number};
    apr_atomic_inc32(&alive);
    apr_thread_mutex_lock(mill->lock);
    is_in = !mill->stopped &&
            apr_queue_trypush(mill->steps[0].queue, job) == APR_SUCCESS;
    mill->inside += is_in;
    apr_thread_mutex_unlock(mill->lock);
    if (!is_in) {
        free(job);
        apr_atomic_dec32(&alive);
    }
    return is_in;
}

bool mill_is_idle(struct mill *mill)
{
    bool is_idle;

    apr_thread_mutex_lock(mill->lock);
    is_idle = mill->inside == 0;
    apr_thread_mutex_unlock(mill->lock);
    return is_idle;
}

void mill_stop(struct mill *mill)
{
    apr_thread_mutex_lock(mill->lock);
    mill->stopped = true;
    for (int i = 0; i < STEPS && !mill->result.why; i++)
        if (mill->steps[i].busy > 0)
            mill->result.why = mill->steps[i].name;
    apr_thread_mutex_unlock(mill->lock);
}

struct mill_result mill_end(struct mill *mill)
{
    struct mill_result result;
    apr_status_t ignored;

    for (int i = 0; i < STEPS; i++) { /* a step when all before it have ended */
        struct step *step = &mill->steps[i];

        for (unsigned t = 0; t < step->started; t++)
            push(step->queue, NULL);
        for (unsigned t = 0; t < step->started; t++)
            apr_thread_join(&ignored, step->threads[t]);
    }
    result = mill->result;
    apr_pool_destroy(mill->pool);
    return result;
}
