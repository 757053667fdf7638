/* fault_decide.c - when a fault is due.
 *
 * The die of a key is splitmix64's mixer (S. Vigna; D. Stafford's variant 13 of
 * MurmurHash3's) over the mixed seed, the key and the purpose: each bit of
 * either changes half of the bits that come out, so that neighbouring keys and
 * neighbouring seeds have nothing in common. Nothing else is looked at, so
 * neither threads nor order matter.
 *
 * Attempts are counted per key in a table that a key has one place in, key mod
 * its size: keys in flight together are neighbours, and neighbours never share
 * a place. A place is one word, what is left of the key above 16 bits of count,
 * and changed by compare-and-swap. (A hash table that grows would never
 * displace a key, but a fault is a value: nobody would free it.)
 * SPDX-License-Identifier: MIT */
#include "fault_mix.h"
#include "fault_parts.h"

uint64_t leat__fault_die(const struct leat_fault *fault, uint64_t key,
                         enum leat__fault_purpose purpose)
{
    return leat__fault_mix(
        leat__fault_mix(leat__fault_mix(fault->seed) ^ key) +
        (uint64_t)purpose);
}

/* From 0 to below 1. */
static double share(uint64_t die)
{
    return (double)(die >> 11) * 0x1p-53;
}

bool leat_fault_due(const struct leat_fault *fault, uint64_t key)
{
    if (key < fault->from || (fault->until && key >= fault->until))
        return false;
    if (fault->every && key % fault->every != 0)
        return false;
    return !(fault->chance > 0) ||
           share(leat__fault_die(fault, key, LEAT__CHANCE)) < fault->chance;
}

static bool first_attempts(struct leat_fault *fault, uint64_t key)
{
    uint64_t *place = &fault->private_.tries[key % LEAT_FAULT_KEYS];
    uint64_t tag = (key / LEAT_FAULT_KEYS + 1) << 16;
    uint64_t old = leat__fault_get(*place), tries;

    do {
        tries = old >> 16 == tag >> 16 ? old & 0xffff : 0;
        if (tries >= fault->attempts)
            return false;
    } while (!__atomic_compare_exchange_n(place, &old, tag | (tries + 1), true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

static uint64_t count(uint64_t *counter)
{
    return __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

bool leat__fault_turn(struct leat_fault *fault, uint64_t *key)
{
    uint64_t calls = count(&fault->private_.calls);
    bool by_call = *key == LEAT_FAULT_CALL;

    if (by_call)
        *key = calls;
    if (!leat_fault_due(fault, *key))
        return false;
    if (fault->attempts &&
        !(by_call ? count(&fault->private_.due) <= fault->attempts
                  : first_attempts(fault, *key)))
        return false;
    count(&fault->private_.hits);
    return true;
}

uint64_t leat_fault_calls(const struct leat_fault *fault)
{
    return leat__fault_get(fault->private_.calls);
}

uint64_t leat_fault_hits(const struct leat_fault *fault)
{
    return leat__fault_get(fault->private_.hits);
}
