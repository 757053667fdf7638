/* status.h - how everything ends. 0 is success, negative is leat's verdict,
 * positive is the application's own error (errno values fit) and is never
 * touched. LEAT_OK moves the item; after anything else it is where it was.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_STATUS_H
#define LEAT_STATUS_H

#include <leat/abi.h>

/* A new status needs a line in leat_strstatus(). */
enum leat_status {
    LEAT_OK = 0,
    LEAT_CLOSED = -1,     /* channel: closed (and, for a receiver, empty); stage:
                             no more wanted; source: no more to read */
    LEAT_CANCELED = -2,   /* the context was canceled */
    LEAT_TIMEOUT = -3,    /* its deadline has passed */
    LEAT_AGAIN = -4,      /* try_: would wait; from a stage: worth another
                             attempt */
    LEAT_SKIP = -5,       /* from a stage: filtered out */
    LEAT_FATAL = -6,      /* from a stage: end the run */
    LEAT_NOMEM = -7,      /* no memory */
    LEAT_NOTHREAD = -8,   /* the system starts no more threads */
    LEAT_INVALID = -9,    /* a NULL handle, or arguments that make no sense;
                             nothing was done */
    LEAT_PARTIAL = -10,   /* ended in order, but items failed or the source was
                             stopped */
    LEAT_THRESHOLD = -11, /* too many items failed */
    LEAT_ABANDONED = -12, /* a thread is stuck in foreign code: restart the
                             process */
    LEAT_LOST = -13,      /* the account does not add up */
};

LEAT_BEGIN

/* What a status means, in a few words; of a positive one what strerror() says.
 * Never NULL. Static for leat's own; of a positive one valid until the thread's
 * next call of strerror(). */
const char *leat_strstatus(int status);

/* Why something ended early. status 0: it did not. stage is the name it was
 * given, owned by whoever named it; NULL: no stage is to blame. */
struct leat_error {
    int status;
    const char *stage;
    char message[240]; /* never NULL, may be "" */
};

LEAT_END

#endif
