/* fault_libc.h - the n-th call of libc fails.
 *
 * A library of its own, libleat-faults-libc, which wraps the calls at link
 * time: pkg-config --libs leat-faults-libc gives the --wrap flags that the
 * program must be linked with. It needs nothing else of leat, and works under
 * AddressSanitizer, ThreadSanitizer and Valgrind.
 *
 * It sees the calls made by what is linked into the program: its own objects
 * and static libraries. It cannot see those made inside a shared library, libc
 * itself included (the malloc in fopen(), the write in printf()), those that a
 * header turned into another function (open64, and with _FORTIFY_SOURCE
 * __read_chk), nor those made by address.
 *
 * This is the one exception to "no globals": there is one scope for the
 * process, because a call of malloc() has no argument to put one into. While no
 * scope is open each wrapped call costs one relaxed load.
 *
 *     for (uint64_t n = 1;; n++) {
 *         leat_fault_libc_begin(&(struct leat_fault_libc){
 *             .calls = LEAT_LIBC_MEMORY, .nth = n});
 *         ... the scenario: success, or an honest failure ...
 *         struct leat_fault_libc_report report;
 *         leat_fault_libc_end(&report);
 *         if (report.hits == 0)
 *             break; // it has fewer points than n: this was the clean run
 *     }
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_FAULT_LIBC_H
#define LEAT_FAULT_LIBC_H

#include <leat/abi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

/* A new call needs a wrapper in libc_calls.c, its name in libc_scope.c, and a
 * line in the file wrap. */
enum leat_libc_call {
    LEAT_LIBC_MALLOC = 1u << 0,
    LEAT_LIBC_CALLOC = 1u << 1,
    LEAT_LIBC_REALLOC = 1u << 2,
    LEAT_LIBC_ALIGNED_ALLOC = 1u << 3,
    LEAT_LIBC_STRDUP = 1u << 4,
    LEAT_LIBC_STRNDUP = 1u << 5,
    LEAT_LIBC_THREAD = 1u << 6, /* pthread_create */
    LEAT_LIBC_MUTEX = 1u << 7,  /* pthread_mutex_init */
    LEAT_LIBC_COND = 1u << 8,   /* pthread_cond_init */
    LEAT_LIBC_READ = 1u << 9,
    LEAT_LIBC_WRITE = 1u << 10,
    LEAT_LIBC_FSYNC = 1u << 11,
    LEAT_LIBC_FDATASYNC = 1u << 12,
    LEAT_LIBC_OPEN = 1u << 13,
    LEAT_LIBC_CLOSE = 1u << 14, /* closes, and then says that it has failed */

    LEAT_LIBC_MEMORY = 0x3f,
    LEAT_LIBC_INIT = LEAT_LIBC_MUTEX | LEAT_LIBC_COND,
    LEAT_LIBC_IO = 0x7e00,
    LEAT_LIBC_ALL = 0x7fff
};

struct leat_fault_libc {
    unsigned calls; /* bits of enum leat_libc_call */
    uint64_t nth;   /* which of them all together fails, from 1; 0: none, they
                       are only counted */
    uint64_t times; /* so many in a row; 0: 1; UINT64_MAX: all from then on */
    int error;      /* an errno; 0: what is usual: EAGAIN of THREAD, ENOMEM of
                       MEMORY and INIT, EIO of IO */
    bool partial;   /* READ and WRITE do not fail, but do half of it (of more
                       than one byte) */
    bool this_thread; /* only calls of the thread that begins; else of all */
};

struct leat_fault_libc_report {
    uint64_t reached;  /* how many of these calls there were */
    uint64_t hits;     /* how many of them failed or were cut short */
    const char *call;  /* the first of those, "malloc"; NULL: none. Static */
    const void *site;  /* where it was made: the address that it returns to, for
                          dladdr() or addr2line (of a byte before) */
    unsigned long thread; /* which thread made it, as the system counts */
};

/* Opens the scope. LEAT_OK. LEAT_INVALID: one is open, no call is named, or a
 * call is named that does not exist. */
int leat_fault_libc_begin(const struct leat_fault_libc *fault);

/* How it stands, from any thread; all zero while no scope is open. */
void leat_fault_libc_report(struct leat_fault_libc_report *report);

/* Closes the scope; the report may be NULL. LEAT_OK. LEAT_INVALID: none is
 * open. Calls that other threads have begun may still fail for a moment. */
int leat_fault_libc_end(struct leat_fault_libc_report *report);

LEAT_END

#endif
