/* plants.c - one bug of each kind, planted: each must turn its check red, and
 * the clean test must stay green (tests/check/selftest.sh).
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

TestSuite(plant, .timeout = 1);

static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;
static int shared;

static void with(void *(*fn)(void *))
{
    pthread_t thread;

    pthread_create(&thread, NULL, fn, NULL);
    pthread_join(thread, NULL);
}

static void *adds_with_lock(void *arg)
{
    pthread_mutex_lock(&a);
    shared++;
    pthread_mutex_unlock(&a);
    return arg;
}

Test(plant, clean)
{
    char *memory = malloc(10);

    with(adds_with_lock);
    cr_assert_not_null(memory);
    free(memory);
}

static char *volatile keep;

Test(plant, leak)
{
    keep = malloc(10);
    cr_assert_not_null(keep);
    keep = NULL;
}

static void *adds(void *arg)
{
    shared++;
    return arg;
}

Test(plant, race)
{
    pthread_t thread;

    pthread_create(&thread, NULL, adds, NULL);
    shared++;
    pthread_join(thread, NULL);
}

static void *locks_b_then_a(void *arg)
{
    pthread_mutex_lock(&b);
    pthread_mutex_lock(&a);
    pthread_mutex_unlock(&a);
    pthread_mutex_unlock(&b);
    return arg;
}

Test(plant, order) /* one harmless run: the other order comes later */
{
    pthread_mutex_lock(&a);
    pthread_mutex_lock(&b);
    pthread_mutex_unlock(&b);
    pthread_mutex_unlock(&a);
    with(locks_b_then_a);
}

static void *stays(void *arg)
{
    for (;;)
        pause();
    return arg;
}

Test(plant, thread)
{
    pthread_t thread;

    pthread_create(&thread, NULL, stays, NULL);
    pthread_detach(thread);
}

Test(plant, assert)
{
    cr_assert_eq(1, 2);
}

Test(plant, expect)
{
    cr_expect(false);
}

Test(plant, leave)
{
    exit(0); /* before its end: nothing was tested */
}

Test(plant, crash)
{
    raise(SIGSEGV);
}

Test(plant, hang)
{
    for (;;)
        pause();
}

Test(plant, overflow)
{
    volatile int most = 2147483647;

    most = most + 1;
    cr_assert(most != 0);
}
