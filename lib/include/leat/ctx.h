/* ctx.h - contexts: who may still be working, and until when.
 *
 * Every call that can wait takes a context and refuses NULL. Each context has a
 * deadline, for a root must have one and a child has at most its parent's. A
 * context ends by leat_ctx_cancel() or by its deadline, whichever is first, and
 * with it end its children; it never lives again. All functions may be called
 * from any thread, unless it says otherwise.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_CTX_H
#define LEAT_CTX_H

#include <leat/status.h>
#include <leat/time.h>
#include <stdbool.h>
#include <stddef.h>

LEAT_BEGIN

typedef struct leat_ctx leat_ctx;

/* A context without a parent that ends after timeout, which must be above 0.
 * NULL: it is not, or there is no memory. */
leat_ctx *leat_ctx_root(leat_duration timeout);

/* A child that ends after timeout or with its parent, whichever is first.
 * timeout 0: the parent's deadline; below 0: it is born ended, with
 * LEAT_TIMEOUT. The child of an ended context is born ended, with its cause.
 * NULL: parent is NULL (so that a chain is checked once), or there is no
 * memory. */
leat_ctx *leat_ctx_new(leat_ctx *parent, leat_duration timeout);

/* Ends ctx and its children and wakes whoever waits under them. cause says why,
 * to leat_ctx_cause() alone; it may be anything of the application's; 0 counts
 * as LEAT_CANCELED. The first cause wins. Does not wait. NULL is ignored. */
void leat_ctx_cancel(leat_ctx *ctx, int cause);

/* Why ctx ended; LEAT_OK while it lives, LEAT_TIMEOUT after its deadline,
 * LEAT_INVALID for NULL. Looks at the clock. (Waits say LEAT_CANCELED or
 * LEAT_TIMEOUT; only this says why.) */
int leat_ctx_cause(leat_ctx *ctx);

/* How long ctx may still live, for poll() or a statement timeout; 0 when it has
 * ended or is NULL. */
leat_duration leat_ctx_left(leat_ctx *ctx);

/* Waits for the given time. LEAT_OK: it has passed (at once if it is not above
 * 0 and ctx lives). LEAT_CANCELED, LEAT_TIMEOUT: ctx ended first. LEAT_INVALID:
 * ctx NULL. */
int leat_sleep(leat_ctx *ctx, leat_duration duration);

/* Gives the handle back. Parents and children may be freed in any order; a
 * child stays under its grandparents. Nobody may be using ctx in a call, or do
 * so afterwards. It does not cancel. NULL is ignored. */
void leat_ctx_free(leat_ctx *ctx);

/* Who works and who waits under a context and its children: a watchdog's view.
 * Listed are the tasks of groups and pipelines until they are waited for, and
 * every thread that is parked in a call of leat's. It is written only when a
 * thread parks or ends, so it costs nothing otherwise. */
enum leat_task_state { LEAT_TASK_RUNNING, LEAT_TASK_WAITING, LEAT_TASK_ENDED };

struct leat_task {
    char name[32]; /* as given, or its first 31 bytes; "" for a thread that leat
                      did not start */
    enum leat_task_state state;
    int status;          /* of an ended one */
    leat_duration since; /* how long it waits, or has run, or is ended */
    const void *caller;  /* waiting: code address in the function that waits */
    char chan[32];       /* waiting: the channel's name; "" for a sleep */
    size_t cases;        /* on how many channels; above 1: chan is the first */
    size_t len, capacity; /* of that channel */
    bool sending, closed; /* its direction; whether it is closed */
    leat_duration left;   /* waiting: until the context it waits under ends */
    bool woken;           /* waiting: it has been served, or its context has
                             ended, and it goes on as soon as it is scheduled */
};

/* Writes at most count of them into tasks (which may be NULL when count is 0)
 * and returns how many there are. Names are copies: nothing in tasks points
 * into what may be freed. Takes the lock of ctx's tree for the time of the
 * copy. 0 when ctx is NULL. */
size_t leat_ctx_tasks(leat_ctx *ctx, struct leat_task *tasks, size_t count);

LEAT_END

#endif
