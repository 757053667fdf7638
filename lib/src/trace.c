/* trace.c - a record of every channel operation.
 *
 * A buffer is an array and a counter. Who has something to tell takes the next
 * slot with one atomic addition, so it does not matter if two threads share a
 * context and with it a buffer. Nothing is read before the end; then all events
 * are sorted by time and threads get their numbers: a system's thread that
 * starts another task is another thread to the reader.
 * SPDX-License-Identifier: MIT */
#include "trace.h"
#include "mem.h"
#include "thread.h"
#include "wait.h"
#include <errno.h>
#include <leat/item.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = sizeof((struct leat_task *)0)->chan };

struct event {
    int64_t time;
    uintptr_t thread;
    uint64_t item;
    size_t count;
    enum leat__trace_what what;
    bool has; /* an item */
    char name[NAME]; /* of the channel; of the task at its start */
};

struct leat__buffer {
    leat_trace *trace;
    struct leat__buffer *next;
    char name[NAME];
    atomic_size_t used; /* may run past room: that many were dropped */
    atomic_uint holds;  /* of the common one: its trace's, its channels' */
    size_t room;
    struct event events[];
};

struct leat_trace {
    int64_t began;
    size_t room;
    struct leat__buffer *common;
    pthread_mutex_t lock;        /* protects: */
    struct leat__buffer *buffers;
};

/* --- making --- */

static struct leat__buffer *add_buffer(leat_trace *trace, const char *name)
{
    struct leat__buffer *buffer;

    if (trace->room > SIZE_MAX / 2 / sizeof(struct event))
        return NULL;
    buffer = leat__alloc(sizeof *buffer + trace->room * sizeof(struct event));
    if (!buffer)
        return NULL;
    WATCH_ATOMIC(buffer->used);
    WATCH_ATOMIC(buffer->holds);
    atomic_init(&buffer->holds, 1);
    buffer->trace = trace;
    buffer->room = trace->room;
    snprintf(buffer->name, sizeof buffer->name, "%s", name ? name : "");
    leat__lock(&trace->lock);
    buffer->next = trace->buffers;
    trace->buffers = buffer;
    leat__unlock(&trace->lock);
    return buffer;
}

leat_trace *leat_trace_new(size_t events)
{
    leat_trace *trace = leat__alloc(sizeof *trace);

    if (!trace)
        return NULL;
    leat__mutex_init(&trace->lock);
    trace->began = leat__now();
    trace->room = events ? events : 65536;
    if (!(trace->common = add_buffer(trace, ""))) {
        leat_trace_free(trace);
        return NULL;
    }
    return trace;
}

void leat_trace_free(leat_trace *trace)
{
    if (!trace)
        return;
    while (trace->buffers) {
        struct leat__buffer *buffer = trace->buffers;
        trace->buffers = buffer->next;
        leat__trace_release(buffer);
    }
    leat__mutex_destroy(&trace->lock);
    leat__free(trace);
}

int leat_trace_attach(leat_trace *trace, leat_ctx *ctx)
{
    if (!trace || !ctx || ctx->buffer)
        return LEAT_INVALID;
    ctx->buffer = add_buffer(trace, "");
    return ctx->buffer ? LEAT_OK : LEAT_NOMEM;
}

struct leat__buffer *leat__buffer_new(struct leat__buffer *of, const char *name)
{
    return add_buffer(of->trace, name);
}

/* --- what a channel remembers; its sending end's lock guards a change --- */

void leat__trace_remember(leat_chan *ch, struct leat__buffer *of)
{
    struct leat__buffer *common = of->trace->common, *before;

    if (leat__peek(ch->buffer) == common)
        return;
    atomic_fetch_add(&common->holds, 1);
    leat__lock(&ch->in.lock);
    before = leat__peek(ch->buffer);
    leat__put(ch->buffer, common);
    leat__unlock(&ch->in.lock);
    leat__trace_release(before);
}

struct leat__buffer *leat__trace_held(leat_chan *ch)
{
    struct leat__buffer *buffer;

    if (!leat__peek(ch->buffer))
        return NULL;
    leat__lock(&ch->in.lock);
    buffer = leat__peek(ch->buffer);
    atomic_fetch_add(&buffer->holds, 1);
    leat__unlock(&ch->in.lock);
    return buffer;
}

void leat__trace_release(struct leat__buffer *buffer)
{
    if (!buffer)
        return;
    WATCH_BEFORE(buffer);
    if (atomic_fetch_sub(&buffer->holds, 1) > 1)
        return;
    WATCH_AFTER(buffer);
    WATCH_PLAIN(buffer->used);
    WATCH_PLAIN(buffer->holds);
    leat__free(buffer);
}

/* --- telling --- */

void leat__trace(struct leat__buffer *buffer, enum leat__trace_what what,
                 const char *chan, bool has, uint64_t item, size_t count)
{
    size_t slot = atomic_fetch_add_explicit(&buffer->used, 1,
                                            memory_order_relaxed);
    struct event *event;

    if (slot >= buffer->room)
        return;
    event = &buffer->events[slot];
    *event = (struct event){.time = leat__now(),
                            .thread = (uintptr_t)pthread_self(),
                            .item = item, .count = count, .what = what,
                            .has = has};
    memcpy(event->name, chan ? chan : buffer->name, NAME);
}

void leat__trace_chan(struct leat__buffer *buffer, enum leat__trace_what what,
                      leat_chan *ch, const void *items, size_t count)
{
    uint64_t value = 0;
    bool has = items && leat__trace_value(ch, items, &value);

    leat__trace(buffer, what, ch->name, has, value, count);
}

bool leat__trace_value(leat_chan *ch, const void *item, uint64_t *value)
{
    uint8_t b;
    uint16_t w;
    uint32_t d;

    if (ch->of_items) {
        struct leat_item *pub;
        memcpy(&pub, item, sizeof(struct leat_item *));
        *value = pub->seq;
        return true;
    }
    switch (ch->size) {
    case 1:
        memcpy(&b, item, 1);
        *value = b;
        return true;
    case 2:
        memcpy(&w, item, 2);
        *value = w;
        return true;
    case 4:
        memcpy(&d, item, 4);
        *value = d;
        return true;
    case 8:
        memcpy(value, item, 8);
        return true;
    default:
        return false;
    }
}

/* --- writing --- */

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    return (x->time > y->time) - (x->time < y->time);
}

/* Copies of all events, sorted. NULL: no memory. */
static struct event *collect(leat_trace *trace, size_t *count, size_t *dropped)
{
    struct event *all;
    size_t n = 0;

    *dropped = 0;
    leat__lock(&trace->lock);
    for (struct leat__buffer *b = trace->buffers; b; b = b->next) {
        size_t used = atomic_load(&b->used);
        n += used < b->room ? used : b->room;
        *dropped += used < b->room ? 0 : used - b->room;
    }
    *count = 0;
    all = leat__alloc_array(n, sizeof *all);
    for (struct leat__buffer *b = trace->buffers; all && b; b = b->next) {
        size_t used = atomic_load(&b->used), most = n - *count;
        used = used < b->room ? used : b->room;
        used = used < most ? used : most; /* it may have grown meanwhile */
        memcpy(all + *count, b->events, used * sizeof *all);
        *count += used;
    }
    leat__unlock(&trace->lock);
    if (all)
        qsort(all, *count, sizeof *all, by_time);
    return all;
}

/* Which number and name a system's thread has at present. */
struct lane {
    uintptr_t thread;
    size_t number;
    char name[NAME];
    bool over; /* its task has ended: the system may use the handle again */
};

static struct lane *lane_of(struct lane *lanes, size_t *count, size_t *numbers,
                            const struct event *event)
{
    size_t i = 0;

    while (i < *count && (lanes[i].over || lanes[i].thread != event->thread))
        i++;
    if (i == *count) {
        lanes[(*count)++] = (struct lane){.thread = event->thread,
                                          .number = ++*numbers, .name = "-"};
    } else if (event->what == LEAT__TRACE_START) {
        lanes[i].number = ++*numbers;
    }
    if (event->what == LEAT__TRACE_START)
        memcpy(lanes[i].name, event->name, NAME);
    lanes[i].over = event->what == LEAT__TRACE_END;
    return &lanes[i];
}

static void put_name(FILE *file, const char *name)
{
    if (!*name)
        putc('-', file);
    for (; *name; name++)
        putc(*name == '\t' || *name == '\n' || *name == '\r' ? '?' : *name,
             file);
}

static void put_event(FILE *file, const struct event *event,
                      const struct lane *lane, int64_t began)
{
    static const char *const what[] = {"start", "end",   "send",  "recv",
                                       "send?", "recv?", "close", "stop"};
    bool of_task = event->what <= LEAT__TRACE_END;

    fprintf(file, "%lld\t%zu\t", (long long)(event->time - began),
            lane->number);
    put_name(file, lane->name);
    fprintf(file, "\t%s\t", what[event->what]);
    put_name(file, of_task ? "" : event->name);
    if (event->has)
        fprintf(file, "\t%llu", (unsigned long long)event->item);
    else
        fputs("\t-", file);
    fprintf(file, "\t%zu\n", event->count);
}

int leat_trace_write(leat_trace *trace, FILE *file)
{
    struct event *all;
    struct lane *lanes;
    size_t count, dropped, lane_count = 0, numbers = 0;
    bool failed;

    if (!trace || !file)
        return LEAT_INVALID;
    if (!(all = collect(trace, &count, &dropped)))
        return LEAT_NOMEM;
    if (!(lanes = leat__alloc_array(count, sizeof *lanes))) {
        leat__free(all);
        return LEAT_NOMEM;
    }
    errno = 0;
    fputs("# leat trace 1\n", file);
    for (size_t i = 0; i < count; i++)
        put_event(file, &all[i], lane_of(lanes, &lane_count, &numbers, &all[i]),
                  trace->began);
    if (dropped > 0)
        fprintf(file, "# dropped %zu\n", dropped);
    failed = fflush(file) == EOF || ferror(file);
    leat__free(lanes);
    leat__free(all);
    return !failed ? LEAT_OK : errno ? errno : EIO;
}
