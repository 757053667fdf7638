/* gate.h - steps threads through named points, so that a test makes an order
 * happen instead of hoping for it.
 *
 * A gate is one number that only grows. It is relaxed on purpose: it orders the
 * threads in time, but gives a race detector no reason to believe that what
 * they share is in order, too. What a thread hands over must be synchronised by
 * the code under test, or by a join.
 * SPDX-License-Identifier: MIT */
#ifndef GATE_H
#define GATE_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#ifdef LEAT_WATCH
#include <valgrind/helgrind.h>
#endif

/* Between two looks at what somebody else will do. Where one thread runs at a
 * time (Valgrind) the other gets the processor for longer. Only how soon it is
 * seen depends on the time, never what is seen. */
static inline void look_again(void)
{
#ifdef LEAT_WATCH
    nanosleep(&(struct timespec){0, 200000}, NULL);
#else
    sched_yield();
#endif
}

struct gate {
    atomic_uint at;
};

/* Before anybody else sees it. */
static inline void gate_init(struct gate *gate)
{
    atomic_init(&gate->at, 0);
#ifdef LEAT_WATCH
    VALGRIND_HG_DISABLE_CHECKING(&gate->at, sizeof gate->at);
#endif
}

static inline bool gate_passed(struct gate *gate, unsigned point)
{
    return atomic_load_explicit(&gate->at, memory_order_relaxed) >= point;
}

/* Lets through everybody who waits for this point or an earlier one. */
static inline void gate_open(struct gate *gate, unsigned point)
{
    unsigned at = atomic_load_explicit(&gate->at, memory_order_relaxed);
    while (at < point &&
           !atomic_compare_exchange_weak_explicit(&gate->at, &at, point,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

/* One more has come: for "until all n are here". */
static inline void gate_step(struct gate *gate)
{
    atomic_fetch_add_explicit(&gate->at, 1, memory_order_relaxed);
}

/* Without a limit of its own: the test's timeout is the limit. */
static inline void gate_wait(struct gate *gate, unsigned point)
{
    while (!gate_passed(gate, point))
        look_again();
}

#endif
