/* trace.h - writing to a trace, from the places that have something to tell.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__TRACE_H
#define LEAT__TRACE_H

#include <leat/chan.h>
#include <leat/trace.h>
#include <stdint.h>

struct leat__buffer; /* one thread's events, as a rule */

enum leat__trace_what {
    LEAT__TRACE_START,
    LEAT__TRACE_END,
    LEAT__TRACE_SEND,
    LEAT__TRACE_RECV,
    LEAT__TRACE_WAIT_SEND,
    LEAT__TRACE_WAIT_RECV,
    LEAT__TRACE_CLOSE,
    LEAT__TRACE_STOP
};

/* Another buffer of the same trace; it lives as long as the trace. NULL: no
 * memory. */
struct leat__buffer *leat__buffer_new(struct leat__buffer *of,
                                      const char *name);

/* For what happens outside any context a channel remembers the trace that it was
 * last used under, by a hold on one of its buffers: the channel may outlive the
 * trace, of which then nobody reads any more. held: with a hold for the caller;
 * NULL: none is remembered. release: NULL is ignored. */
void leat__trace_remember(leat_chan *ch, struct leat__buffer *of);
struct leat__buffer *leat__trace_held(leat_chan *ch);
void leat__trace_release(struct leat__buffer *buffer);

/* chan: its name, copied. has: item means something. Any thread, no lock. */
void leat__trace(struct leat__buffer *buffer, enum leat__trace_what what,
                 const char *chan, bool has, uint64_t item, size_t count);

/* The same with the first of the items, which may be NULL. */
void leat__trace_chan(struct leat__buffer *buffer, enum leat__trace_what what,
                      leat_chan *ch, const void *items, size_t count);

/* What a trace writes of an item of the channel's. False: nothing. */
bool leat__trace_value(leat_chan *ch, const void *item, uint64_t *value);

#endif
