/* fault_mix.h - splitmix64 (S. Vigna): a number whose bits have nothing left in common
 * with those of its neighbours'. No state; the same for the same x.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__FAULT_MIX_H
#define LEAT__FAULT_MIX_H

#include <stdint.h>

static inline uint64_t leat__fault_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#endif
