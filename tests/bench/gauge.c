/* gauge.c - the state of the machine.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "gauge.h"
#include "work.h"
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { TIMES = 50, TRIPS = 400 };

const char *const state_names[] = {"near", "far", "mixed"};

struct net {
    _Alignas(64) _Atomic uint64_t ball;
    _Alignas(64) cpu_set_t other; /* the second player's CPU */
};

static void *play(void *arg)
{
    struct net *net = arg;

    pthread_setaffinity_np(pthread_self(), sizeof net->other, &net->other);
    for (uint64_t i = 0; i <= TIMES * TRIPS; i++) {
        while (atomic_load_explicit(&net->ball, memory_order_acquire) !=
               2 * i + 1)
            ;
        atomic_store_explicit(&net->ball, 2 * i + 2, memory_order_release);
    }
    return NULL;
}

static void trip(struct net *net, uint64_t i)
{
    atomic_store_explicit(&net->ball, 2 * i + 1, memory_order_release);
    while (atomic_load_explicit(&net->ball, memory_order_acquire) != 2 * i + 2)
        ;
}

/* The first two CPUs that this thread may use; false: there is only one. */
static bool two_cpus(const cpu_set_t *may, cpu_set_t *one, cpu_set_t *other)
{
    int found = 0;

    CPU_ZERO(one);
    CPU_ZERO(other);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
        if (CPU_ISSET(cpu, may))
            CPU_SET(cpu, found++ == 0 ? one : other);
    return found == 2;
}

double gauge(void)
{
    struct net net = {0};
    cpu_set_t may, one;
    pthread_t player;
    double best = INFINITY;

    pthread_getaffinity_np(pthread_self(), sizeof may, &may);
    if (!two_cpus(&may, &one, &net.other))
        return 0;
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
    pthread_create(&player, NULL, play, &net);
    trip(&net, 0); /* it is there */
    for (uint64_t i = 0; i < TIMES; i++) {
        double began = seconds();
        for (uint64_t k = 1; k <= TRIPS; k++)
            trip(&net, i * TRIPS + k);
        best = fmin(best, (seconds() - began) * 1e9 / TRIPS);
    }
    pthread_join(player, NULL);
    pthread_setaffinity_np(pthread_self(), sizeof may, &may);
    return best;
}

enum state state_of(double before, double after)
{
    enum state one = before < GAUGE_FAR ? NEAR : FAR;
    enum state other = after < GAUGE_FAR ? NEAR : FAR;

    return one == other ? one : MIXED;
}
