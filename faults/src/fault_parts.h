/* fault_parts.h - what the files of the fault library know of each other.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__FAULT_PARTS_H
#define LEAT__FAULT_PARTS_H

#include <leat/fault.h>

#define leat__fault_get(at) __atomic_load_n(&(at), __ATOMIC_RELAXED)

/* --- fault_decide.c --- */

/* A random number of this key, the same in every run. What is decided with it
 * has a purpose of its own, so that one decision says nothing of another. */
enum leat__fault_purpose { LEAT__CHANCE, LEAT__DELAY, LEAT__PLACE };
uint64_t leat__fault_die(const struct leat_fault *fault, uint64_t key,
                         enum leat__fault_purpose purpose);

/* Counts a call, gives LEAT_FAULT_CALL its number, and says whether it is hit;
 * counts that, too. */
bool leat__fault_turn(struct leat_fault *fault, uint64_t *key);

/* --- fault_wait.c --- */

/* leat_sleep() that ends with LEAT_OK when the fault is switched off. */
int leat__fault_sleep(leat_ctx *ctx, struct leat_fault *fault,
                      leat_duration duration);
#define LEAT__FOREVER INT64_MAX

/* For fault->delay, in its own way (the lock aside); ends early only by the
 * switch. */
void leat__fault_stubborn(struct leat_fault *fault);

int64_t leat__fault_now(void);

/* --- fault_slow.c: how long this call takes longer --- */
leat_duration leat__fault_delay(struct leat_fault *fault, uint64_t key);

/* --- fault_corrupt.c --- */

/* NULL, or why it cannot be done to values of this type. */
const char *leat__fault_spoils(const struct leat_fault *fault,
                               const struct leat_type *type);
/* LEAT_OK, LEAT_NOMEM, or LEAT_INVALID: it is as it was. */
int leat__fault_corrupt(const struct leat_fault *fault,
                        const struct leat_type *type, void *value,
                        uint64_t die);
/* A copy by encode and decode, into zeroed bytes. */
int leat__fault_copy(const struct leat_type *type, const void *value,
                     void *copy);

#endif
