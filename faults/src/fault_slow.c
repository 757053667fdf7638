/* fault_slow.c - how much longer a call takes: fixed, with jitter, with a long
 * tail; and the throttle, which hands out one point in time after the other.
 * SPDX-License-Identifier: MIT */
#include "fault_parts.h"

/* delay / 2u with u evenly in (0, 1], a Pareto distribution of shape 1: above
 * x delays is a share of 1/2x. */
static leat_duration long_tail(leat_duration delay, uint64_t die)
{
    double u = (double)((die >> 11) + 1) * 0x1p-53,
           took = (double)delay / 2 / u;
    double most = 100 * (double)delay;

    if (most > (double)(INT64_MAX / 2))
        most = (double)(INT64_MAX / 2);
    return (leat_duration)(took < most ? took : most);
}

static leat_duration with_jitter(leat_duration delay, leat_duration jitter,
                                 uint64_t die)
{
    uint64_t width = 2 * (uint64_t)jitter + 1;

    delay += (leat_duration)(die % width) - jitter;
    return delay > 0 ? delay : 0;
}

/* How long until it is this call's turn. */
static leat_duration throttle(struct leat_fault *fault)
{
    int64_t now = leat__fault_now(), *next = &fault->private_.next;
    int64_t step = (int64_t)((uint64_t)LEAT_S / fault->rate);
    int64_t old = leat__fault_get(*next), turn;

    do
        turn = old > now ? old : now;
    while (!__atomic_compare_exchange_n(next, &old, turn + step, true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return turn - now;
}

leat_duration leat__fault_delay(struct leat_fault *fault, uint64_t key)
{
    uint64_t die = leat__fault_die(fault, key, LEAT__DELAY);
    leat_duration turn = fault->rate ? throttle(fault) : 0;

    return turn + (fault->how == LEAT_FAULT_TAIL
                       ? long_tail(fault->delay, die)
                       : with_jitter(fault->delay, fault->jitter, die));
}
