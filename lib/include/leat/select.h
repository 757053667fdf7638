/* select.h - waits for the first of several sends and receives.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_SELECT_H
#define LEAT_SELECT_H

#include <leat/chan.h>

LEAT_BEGIN

enum { LEAT_CASES = 64 }; /* most cases of one select */

/* One possibility: exactly one of recv and send is set; with neither, the case
 * is switched off. The same channel may stand in several cases. */
struct leat_case {
    leat_chan *recv, *send;
    void *item; /* where it comes from or goes to */
    int status; /* out, of the chosen case: LEAT_OK: it happened; LEAT_CLOSED:
                   the channel is closed (and empty), which counts as ready */
};

/* Waits until one of the cases can be done and does exactly that one; among
 * several that are ready each has the same chance. LEAT_OK: *chosen is its
 * index, and its status says how it went. LEAT_CANCELED, LEAT_TIMEOUT: ctx
 * ended, nothing happened. LEAT_INVALID: a pointer is NULL (an item's, too),
 * more than LEAT_CASES, no case or all off (it would wait for nothing), or a
 * case with both channels. *chosen is written with LEAT_OK only. */
int leat_select(leat_ctx *ctx, struct leat_case *cases, size_t count,
                size_t *chosen);

LEAT_END

#endif
