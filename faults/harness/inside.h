/* inside.h - what the parts of the harness share.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__HARNESS_INSIDE_H
#define LEAT__HARNESS_INSIDE_H

#include <leat/abi.h>
#include <leat/time.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- text.c: text that never overflows --- */

struct leat__text {
    char *bytes;
    size_t size, length; /* length: of the whole, may be more than fits */
};

/* Writes into bytes, which may be NULL when size is 0. */
struct leat__text leat__text_in(char *bytes, size_t size);
void leat__say(struct leat__text *text, const char *format, ...)
    LEAT_PRINTF_(2, 3);
void leat__say_duration(struct leat__text *text, leat_duration d); /* "20 ms" */

int64_t leat__harness_now(void); /* CLOCK_MONOTONIC, ns */
void leat__nap(leat_duration d);

/* --- proc.c: what the system says of this process --- */

struct leat__id { /* of a thread: its id; of a descriptor: its number */
    long id;
    char name[96]; /* of a thread; what a descriptor leads to */
};

struct leat__ids {
    struct leat__id *all;
    size_t count;
    bool known; /* false: the system does not tell, or no memory */
};

/* Before the first look at the threads: a tool may have one of its own. */
void leat__threads_settle(void);
struct leat__ids leat__threads(void);
struct leat__ids leat__descriptors(void);
void leat__ids_free(struct leat__ids *ids);

/* The one with that id; NULL: none. */
const struct leat__id *leat__id_find(const struct leat__ids *ids, long id);

long leat__thread_id(void); /* of the caller; -1: unknown */

/* What a thread of this process does. */
enum leat__does { LEAT__UNKNOWN, LEAT__RUNS, LEAT__CALL, LEAT__FUTEX };
struct leat__doing {
    enum leat__does does;
    long call; /* LEAT__CALL: which system call */
    bool timed; /* LEAT__FUTEX: with a time limit */
};
struct leat__doing leat__thread_doing(long id);

/* --- heap.c --- */

/* Bytes that the allocator has handed out; -1: unknown. */
long leat__heap(void);

#endif
