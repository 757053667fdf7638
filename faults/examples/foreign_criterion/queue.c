/* queue.c - SPDX-License-Identifier: MIT */
#include "queue.h"
#include <pthread.h>

struct queue {
    queue_handler *handle;
    void *arg;
    size_t jobs;

    pthread_mutex_t lock; /* protects: */
    size_t next;
    struct queue_result result;
};

static void *work(void *arg)
{
    struct queue *queue = arg;

    pthread_mutex_lock(&queue->lock);
    while (queue->next < queue->jobs) {
        size_t job = queue->next++;

        pthread_mutex_unlock(&queue->lock);
        int error = queue->handle(job, queue->arg);
        pthread_mutex_lock(&queue->lock);
        if (error)
            queue->result.failed++;
        else
            queue->result.done++;
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

struct queue_result queue_run(size_t jobs, unsigned workers,
                              queue_handler *handle, void *arg)
{
    struct queue queue = {.handle = handle, .arg = arg, .jobs = jobs,
                          .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[QUEUE_WORKERS];
    unsigned started = 0;

    while (started < workers && started < QUEUE_WORKERS &&
           pthread_create(&threads[started], NULL, work, &queue) == 0)
        started++;
    if (started == 0)
        work(&queue);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    return queue.result;
}
