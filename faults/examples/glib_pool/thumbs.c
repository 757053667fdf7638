/* thumbs.c - SPDX-License-Identifier: MIT */
#include "thumbs.h"
#include <glib.h>

struct job {
    thumbs_make *make;
    void *arg;
    gint made, failed; /* atomic */
};

static void work(gpointer data, gpointer user_data)
{
    struct job *job = user_data;
    int error = job->make(GPOINTER_TO_UINT(data), job->arg);

    g_atomic_int_inc(error ? &job->failed : &job->made);
}

struct thumbs thumbs_run(unsigned count, int threads, thumbs_make *make,
                         void *arg)
{
    struct job job = {.make = make, .arg = arg};
    /* Exclusive: its threads end with the pool, and are not kept for others. */
    GThreadPool *pool = g_thread_pool_new(work, &job, threads, TRUE, NULL);

    if (!pool)
        return (struct thumbs){.failed = count};
    for (unsigned picture = 1; picture <= count; picture++)
        g_thread_pool_push(pool, GUINT_TO_POINTER(picture), NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
    return (struct thumbs){.made = (unsigned)g_atomic_int_get(&job.made),
                           .failed = (unsigned)g_atomic_int_get(&job.failed)};
}
