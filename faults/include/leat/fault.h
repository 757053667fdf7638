/* fault.h - misbehaviour on purpose, for any code.
 *
 * A fault is a value: what it does (kind, how), when it is due (every, from,
 * until, chance, attempts), and how badly (error, delay, jitter, rate). Zeroed
 * fields are right. It is configured before its first use, may be copied until
 * then, and is only switched after that; one fault may be used by any number of
 * threads, and must outlive them.
 *
 * A call is due by its key alone (and the seed): a key is what the caller
 * counts by, in a stage the item's seq. So the same items are hit whatever the
 * number of workers and the order.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_FAULT_H
#define LEAT_FAULT_H

#include <leat/chan.h>
#include <leat/ctx.h>
#include <leat/group.h>
#include <leat/stage.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

LEAT_BEGIN

/* A new kind needs a line in fault_words.c and one in faults/README.md. */
enum leat_fault_kind {
    LEAT_FAULT_ERROR,    /* fails: error */
    LEAT_FAULT_SLOW,     /* takes longer, by delay +- jitter, or rate; within
                            its context */
    LEAT_FAULT_HANG,     /* until its context ends */
    LEAT_FAULT_STUBBORN, /* for delay (0: until it is switched off), whatever
                            its context says */
    LEAT_FAULT_CRASH,    /* ends the process */
    LEAT_FAULT_LEAK,     /* takes memory, or a descriptor, and forgets it */
    /* Of what passes through a stage or a channel: */
    LEAT_FAULT_DROP,        /* it vanishes */
    LEAT_FAULT_DUPLICATE,   /* it comes twice; channels only */
    LEAT_FAULT_REORDER,     /* it comes later, after up to window others;
                               channels only */
    LEAT_FAULT_CORRUPT,     /* it is changed */
    LEAT_FAULT_CLOSE_EARLY, /* the end comes instead of it */
    LEAT_FAULT_NEVER_CLOSE  /* the end does not come, until the context ends;
                               knows no keys */
};

/* 0 is the first named of its kind. What is not of its kind is invalid. */
enum leat_fault_how {
    LEAT_FAULT_PLAIN, /* stubborn sleeps; slow: delay +- jitter, evenly; crash:
                         SIGSEGV; leak: memory */
    LEAT_FAULT_SPIN,  /* stubborn: in a loop that uses the processor */
    LEAT_FAULT_LOCK,  /* stubborn: sleeps with a lock held, which each call of
                         this fault takes, due or not */
    LEAT_FAULT_READ,  /* stubborn: blocked in read() */
    LEAT_FAULT_TAIL,  /* slow: half are done within delay, nine in ten within 5
                         times, all but one in a hundred within 50 times, and
                         all within 100 times */
    LEAT_FAULT_ABORT, /* crash: abort() */
    LEAT_FAULT_EXIT,  /* crash: exit(error), or exit(1) */
    LEAT_FAULT_FD     /* leak: a descriptor */
};

enum { LEAT_FAULT_KEYS = 512 }; /* remembered for attempts */

/* Keep out: what a fault has counted, and who waits in it. */
struct leat_fault_private {
    uint64_t calls, hits, due;
    int64_t next;          /* slow: when the next one may pass */
    pthread_mutex_t lock;  /* protects waits */
    pthread_mutex_t held;  /* LEAT_FAULT_LOCK */
    struct leat_fault_wait *waits;
    struct leat_resource resource;
    struct leat_type passed;
    uint64_t tries[LEAT_FAULT_KEYS];
};

struct leat_fault {
    enum leat_fault_kind kind;
    enum leat_fault_how how;
    int error; /* 0: EIO; any status: LEAT_AGAIN, LEAT_FATAL, LEAT_SKIP ... */
    leat_duration delay, jitter; /* each between delay - jitter and + jitter */
    uint64_t rate; /* slow: at most so many due calls a second, of all threads
                      together; 0: no limit */

    /* Due is a key that is all of this: */
    uint64_t from, until; /* from it on; before it, 0: no end */
    uint64_t every;       /* divided by it; 0: each */
    double chance;        /* in this share of all keys, decided by the seed; 0:
                             each */
    uint64_t seed;        /* of every random decision */

    /* Flaky: only the first so many calls with the same due key are hit; with
     * LEAT_FAULT_CALL, the first so many due calls. 0: all. Two keys whose
     * numbers differ by a multiple of LEAT_FAULT_KEYS displace each other, and
     * the displaced one starts over; so it counts right as long as the keys in
     * flight lie closer together than that. At most 65535. */
    unsigned attempts;

    size_t size;   /* leak: bytes; 0: 64 */
    size_t window; /* reorder: 0: 4; at most 64 */

    /* Corrupt: changes the value in its own way; die is a random number. NULL:
     * where the type has no drop a bit is flipped; where it has encode and
     * decode a character of the text, until decode accepts it; else it is
     * invalid. May run in any thread. */
    void (*corrupt)(void *value, size_t size, uint64_t die);

    bool off; /* dormant from the start; later leat_fault_switch() */

    struct leat_stage victim; /* kept by leat_fault_stage() */
    struct leat_fault_private private_;
};

/* The key of code that has none: the running number of the call, from 1. Calls
 * made while the fault is off are not counted. */
#define LEAT_FAULT_CALL UINT64_MAX

/* The second half of leat_fault_hit(); call that. */
int leat_fault_hit_(leat_ctx *ctx, struct leat_fault *fault, uint64_t key);

/* Misbehaves now, if this key is due. Put it at the head of any function:
 *     int error = leat_fault_hit(ctx, fault, LEAT_FAULT_CALL);
 *     if (error)
 *         return error;
 * LEAT_OK: go on: not due, off, fault NULL, or slow and done, stubborn and
 * done, leaked. Else give up with what it returned:
 *   error                        of ERROR
 *   LEAT_CANCELED, LEAT_TIMEOUT  ctx ended during HANG or SLOW, which it does
 *                                at once, or had ended before
 *   LEAT_SKIP, LEAT_CLOSED       of DROP and CLOSE_EARLY
 *   LEAT_INVALID                 fields that make no sense; HANG or SLOW with
 *                                ctx NULL (the others need none); a kind that
 *                                needs a value or an end to work on
 * An ended ctx is not looked at unless HANG or SLOW is due: it is a fault, not
 * a check. Dormant it costs one relaxed load. */
static inline int leat_fault_hit(leat_ctx *ctx, struct leat_fault *fault,
                                 uint64_t key)
{
#if defined(__GNUC__)
    if (__builtin_expect(
            !fault || __atomic_load_n(&fault->off, __ATOMIC_RELAXED), 1))
        return LEAT_OK;
#endif
    return leat_fault_hit_(ctx, fault, key);
}

/* Off and on while it runs, from any thread. Off lets go at once of everybody
 * who is in it: HANG and SLOW return LEAT_OK before their time, and STUBBORN
 * too, which is how a test gets its stuck threads back. On and off again later
 * goes on counting. */
void leat_fault_switch(struct leat_fault *fault, bool on);

/* How often it was asked while on, and how often it has misbehaved. A hit
 * counts from its beginning: a hang can be waited for. From any thread. */
uint64_t leat_fault_calls(const struct leat_fault *fault);
uint64_t leat_fault_hits(const struct leat_fault *fault);

/* Whether a key is due, as a pure question: counts nothing, knows no switch and
 * no attempts. For the oracle of a test. */
bool leat_fault_due(const struct leat_fault *fault, uint64_t key);

/* NULL, or what makes no sense in it. Static. */
const char *leat_fault_check(const struct leat_fault *fault);

/* The victim, with the fault at its head: the same name, types, workers, batch,
 * resource and so on, so it is the victim that is blamed. The key is the item's
 * seq. DROP says LEAT_SKIP, CLOSE_EARLY LEAT_CLOSED, CORRUPT changes what the
 * victim has made, NEVER_CLOSE holds back the LEAT_CLOSED of a source;
 * DUPLICATE and REORDER are LEAT_INVALID. The victim is kept in the fault,
 * which therefore serves one stage and outlives the run. A victim may be one
 * that has a fault already. A victim without fn hands on what comes, as bytes
 * that own nothing (its in and out must fit): a stage that is the fault and
 * nothing else. */
struct leat_stage leat_fault_stage(struct leat_fault *fault,
                                   struct leat_stage victim);

/* A channel that is as in, but for the fault: a task of the group, named like
 * the kind, passes on what comes, and closes it when in is closed and empty.
 * type is that of the items; NULL: in is one of leat/flow.h, and what comes out
 * may go on into its functions. The key is the number of the item, from 0; of a
 * flow it is its seq, and failed items pass untouched. ERROR, HANG, SLOW and so
 * on work, too: they befall the task, and an error ends the group.
 *
 * DUPLICATE copies the bytes; where the type has a drop, by encode and decode;
 * of a flow both share their values. CORRUPT of a flow changes the value in
 * place: put it before a tee. REORDER holds back the due ones, each for 1 to
 * window of those that follow, or to the end. CLOSE_EARLY closes in, too, so
 * that the sender learns of it; what is lost is dropped.
 *
 * The channel is the caller's: free it when the group has been waited for and
 * nobody uses it; whoever reads it from outside frees what is left. in stays
 * whose it is. NULL: it could not be made; the group knows why, is canceled by
 * it, and leat_group_wait() tells. in NULL is passed on as NULL. */
leat_chan *leat_fault_chan(leat_group *group, leat_chan *in,
                           const struct leat_type *type,
                           struct leat_fault *fault);

/* --- one line of text ---
 *
 *   hang@6                       key 6 alone
 *   error:every=7,code=EIO       each seventh
 *   error@100..200:code=AGAIN    an outage, 100 to 199; also 100.. and ..200
 *   error:chance=0.1,seed=42     one in ten
 *   flaky:attempts=2             the same as error:code=AGAIN,attempts=2
 *   slow:20ms+-5ms               also ns us s, and 1.5s
 *   slow:5ms,how=tail  slow:rate=100
 *   stubborn@3:2s,how=spin       sleep spin lock read
 *   crash@3:how=abort            segv abort exit
 *   leak:size=4096  leak:how=fd
 *   drop duplicate reorder:window=8 corrupt close-early@9 never-close
 *   slow:1ms+hang@6              several
 * and ",off" for one that starts dormant. No spaces. A code is a name of
 * errno.h, a leat status without its LEAT_, or a number. */

struct leat_fault_mistake {
    size_t at;         /* where, in bytes from 0 */
    char message[160]; /* what was expected there, and what was found */
};

/* Fills in the first faults and sets *count, which is the room before, to how
 * many. LEAT_OK. LEAT_INVALID: nothing was written but the mistake, which may
 * be NULL. */
int leat_fault_parse(const char *text, struct leat_fault *faults, size_t *count,
                     struct leat_fault_mistake *mistake);

/* The text that leat_fault_parse() makes the same faults of (corrupt, victim
 * and counts aside). As snprintf: at most size bytes with the final 0, and
 * returns the length of the whole. -1: one of them makes no sense, or count is
 * 0. */
int leat_fault_format(const struct leat_fault *faults, size_t count, char *text,
                      size_t size);

/* "hang", "close-early" ...; NULL: there is no such kind. */
const char *leat_fault_name(enum leat_fault_kind kind);

LEAT_END

#endif
