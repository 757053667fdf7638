/* libc_scope.h - whether this call fails.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__LIBC_SCOPE_H
#define LEAT__LIBC_SCOPE_H

#include <leat/fault_libc.h>

/* What a wrapper must do: 0: the real call. Above 0: fail with this errno.
 * Below 0: half of it. */
enum { LEAT__HALF = -1 };

/* The calls of the open scope; 0: none is open. */
extern unsigned leat__libc_calls;

int leat__libc_verdict(enum leat_libc_call call, const void *site);

/* One load and a branch while no scope is open. In a macro, so that the address
 * is that of the wrapper's caller. */
#define leat__libc_fault(call)                                                 \
    (__builtin_expect(                                                         \
         __atomic_load_n(&leat__libc_calls, __ATOMIC_RELAXED) & (call), 0)     \
         ? leat__libc_verdict(call, __builtin_return_address(0))               \
         : 0)

#endif
