/* watchdog.c - a thread that looks every 20 ms.
 *
 * What it says goes out in two parts: the sentences at once, the lines of the
 * source when addr2line has found them, which may take as long as all the rest.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pthread_setname_np */
#include <leat/watchdog.h>
#include <leat/status.h>
#include "waits.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 16 * 1024 };
static const leat_duration EVERY = 20 * LEAT_MS;

struct leat_watchdog {
    struct leat_watchdog_options options;
    char name[64];
    int64_t began, until;
    long beginner, own;
    struct leat__ids before; /* threads, its own among them */
    struct leat__tasks tasks;
    char bytes[TEXT];
    struct leat__text text;
    pthread_t thread;
    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t changed;
    bool ready, off;
    int barked;
};

static void write_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(STDERR_FILENO, bytes, length);

        if (count < 0 && errno != EINTR)
            return;
        bytes += count > 0 ? count : 0;
        length -= count > 0 ? (size_t)count : 0;
    }
}

/* What has been said since the last time; nothing where a function is told. */
static void let_out(leat_watchdog *dog)
{
    if (!dog->options.bark)
        write_all(dog->bytes, strlen(dog->bytes));
    if (!dog->options.bark)
        dog->text = leat__text_in(dog->bytes, sizeof dog->bytes);
}

static void say_threads(leat_watchdog *dog)
{
    struct leat__ids now = leat__threads();

    if (!now.known)
        leat__say(&dog->text, "  other threads: unknown: the system does not "
                              "tell\n");
    for (size_t i = 0; i < now.count; i++) {
        struct leat__doing doing = leat__thread_doing(now.all[i].id);

        if (now.all[i].id == dog->own)
            continue;
        leat__say(&dog->text, "  thread %ld '%s' ", now.all[i].id,
                  now.all[i].name);
        if (doing.does == LEAT__FUTEX)
            leat__say(&dog->text, "waits for another thread\n");
        else if (doing.does == LEAT__CALL)
            leat__say(&dog->text, "is in system call %ld\n", doing.call);
        else if (doing.does == LEAT__RUNS)
            leat__say(&dog->text, "runs\n");
        else
            leat__say(&dog->text, "does what the system does not tell\n");
    }
    leat__ids_free(&now);
}

static void bark(leat_watchdog *dog, int status)
{
    bool stuck = status == LEAT_EXIT_DEADLOCK;

    leat__say(&dog->text, "%s: ", dog->name);
    if (stuck) {
        leat__say(&dog->text, "a deadlock: all wait, and there is nobody left "
                              "to wake them\n");
    } else {
        leat__say(&dog->text, "not ended after ");
        leat__say_duration(&dog->text, leat__harness_now() - dog->began);
        leat__say(&dog->text, "\n");
    }
    leat__say_waits(&dog->text, &dog->tasks, "  ", stuck);
    if (!stuck)
        say_threads(dog);
    let_out(dog);
    leat__say_callers(&dog->text, &dog->tasks, "  ");
    let_out(dog);
    pthread_mutex_lock(&dog->lock);
    dog->barked = status;
    pthread_mutex_unlock(&dog->lock);
    if (!dog->options.bark)
        _exit(status);
    dog->options.bark(status, dog->bytes, dog->options.arg);
}

/* 0, or why it must bark. */
static int look(leat_watchdog *dog, bool *suspect)
{
    const struct leat_watchdog_options *options = &dog->options;
    bool was = *suspect;

    *suspect = false;
    if (options->ctx && !leat__tasks_list(&dog->tasks, options->ctx))
        was = false; /* it cannot see them all */
    else if (options->ctx && !options->no_deadlock)
        *suspect = leat__stuck(options->ctx, &dog->tasks, &dog->before,
                               dog->beginner, dog->own);
    if (was && *suspect)
        return LEAT_EXIT_DEADLOCK;
    return leat__harness_now() >= dog->until ? LEAT_EXIT_LATE : 0;
}

/* True: called off. */
static bool wait_a_little(leat_watchdog *dog)
{
    int64_t until = leat__harness_now() + EVERY;
    bool off;

    if (until > dog->until)
        until = dog->until;
    pthread_mutex_lock(&dog->lock);
    while (!dog->off && leat__harness_now() < until)
        pthread_cond_timedwait(&dog->changed, &dog->lock,
                               &(struct timespec){(time_t)(until / LEAT_S),
                                                  (long)(until % LEAT_S)});
    off = dog->off;
    pthread_mutex_unlock(&dog->lock);
    return off;
}

static void *watch(void *arg)
{
    leat_watchdog *dog = arg;
    bool suspect = false;

#if defined(__linux__)
    pthread_setname_np(pthread_self(), "watchdog");
#endif
    dog->own = leat__thread_id();
    dog->before = leat__threads();
    pthread_mutex_lock(&dog->lock);
    dog->ready = true;
    pthread_cond_broadcast(&dog->changed);
    pthread_mutex_unlock(&dog->lock);
    while (!wait_a_little(dog)) {
        int status = look(dog, &suspect);

        if (status) {
            bark(dog, status);
            break;
        }
    }
    return NULL;
}

static void free_dog(leat_watchdog *dog)
{
    pthread_cond_destroy(&dog->changed);
    pthread_mutex_destroy(&dog->lock);
    leat__ids_free(&dog->before);
    leat__tasks_free(&dog->tasks);
    free(dog);
}

static void init_locks(leat_watchdog *dog)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&dog->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&dog->lock, NULL);
}

leat_watchdog *leat_watchdog_begin(const struct leat_watchdog_options *options)
{
    leat_watchdog *dog;

    if (!options || options->deadline <= 0 || !(dog = calloc(1, sizeof *dog)))
        return NULL;
    dog->options = *options;
    snprintf(dog->name, sizeof dog->name, "%s",
             options->name ? options->name : "watchdog");
    dog->began = leat__harness_now();
    dog->until = options->deadline < INT64_MAX - dog->began
                     ? dog->began + options->deadline
                     : INT64_MAX;
    dog->beginner = leat__thread_id();
    dog->text = leat__text_in(dog->bytes, sizeof dog->bytes);
    init_locks(dog);
    if (pthread_create(&dog->thread, NULL, watch, dog)) {
        free_dog(dog);
        return NULL;
    }
    pthread_mutex_lock(&dog->lock);
    while (!dog->ready)
        pthread_cond_wait(&dog->changed, &dog->lock);
    pthread_mutex_unlock(&dog->lock);
    return dog;
}

int leat_watchdog_end(leat_watchdog *dog)
{
    int barked;

    if (!dog)
        return LEAT_INVALID;
    pthread_mutex_lock(&dog->lock);
    dog->off = true;
    pthread_cond_broadcast(&dog->changed);
    pthread_mutex_unlock(&dog->lock);
    pthread_join(dog->thread, NULL);
    barked = dog->barked;
    free_dog(dog);
    return barked;
}
