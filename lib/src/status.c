/* status.c - statuses in words.
 * SPDX-License-Identifier: MIT */
#include <leat/status.h>
#include <string.h>

const char *leat_strstatus(int status)
{
    switch ((enum leat_status)status) {
    case LEAT_OK:
        return "ok";
    case LEAT_CLOSED:
        return "closed";
    case LEAT_CANCELED:
        return "canceled";
    case LEAT_TIMEOUT:
        return "deadline passed";
    case LEAT_AGAIN:
        return "would wait, or try again";
    case LEAT_SKIP:
        return "skipped";
    case LEAT_FATAL:
        return "fatal error in a stage";
    case LEAT_NOMEM:
        return "out of memory";
    case LEAT_NOTHREAD:
        return "cannot start a thread";
    case LEAT_INVALID:
        return "invalid argument";
    case LEAT_PARTIAL:
        return "ended, but not everything was done";
    case LEAT_THRESHOLD:
        return "too many items failed";
    case LEAT_ABANDONED:
        return "a stuck thread was left behind";
    case LEAT_LOST:
        return "items are lost";
    }
    return status > 0 ? strerror(status) : "unknown status";
}
