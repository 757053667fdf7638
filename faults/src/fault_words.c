/* fault_words.c - see fault_words.h. The tables that fault_parse.c reads and
 * fault_format.c writes, so that neither knows a word the other does not.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "fault_words.h"
#include <errno.h>

const struct leat__fault_word leat__fault_kinds[] = {
    {"error", LEAT_FAULT_ERROR},
    {"slow", LEAT_FAULT_SLOW},
    {"hang", LEAT_FAULT_HANG},
    {"stubborn", LEAT_FAULT_STUBBORN},
    {"crash", LEAT_FAULT_CRASH},
    {"leak", LEAT_FAULT_LEAK},
    {"drop", LEAT_FAULT_DROP},
    {"duplicate", LEAT_FAULT_DUPLICATE},
    {"reorder", LEAT_FAULT_REORDER},
    {"corrupt", LEAT_FAULT_CORRUPT},
    {"close-early", LEAT_FAULT_CLOSE_EARLY},
    {"never-close", LEAT_FAULT_NEVER_CLOSE},
    {NULL, 0},
};

const struct leat__fault_word leat__fault_codes[] = {
    {"AGAIN", LEAT_AGAIN},
    {"SKIP", LEAT_SKIP},
    {"CLOSED", LEAT_CLOSED},
    {"FATAL", LEAT_FATAL},
    {"CANCELED", LEAT_CANCELED},
    {"TIMEOUT", LEAT_TIMEOUT},
    {"NOMEM", LEAT_NOMEM},
    {"INVALID", LEAT_INVALID},
    {"EIO", EIO},
    {"ENOMEM", ENOMEM},
    {"EAGAIN", EAGAIN},
    {"EINTR", EINTR},
    {"ENOSPC", ENOSPC},
    {"EPIPE", EPIPE},
    {"EINVAL", EINVAL},
    {"ENOENT", ENOENT},
    {"EACCES", EACCES},
    {"EPERM", EPERM},
    {"EBUSY", EBUSY},
    {"EEXIST", EEXIST},
    {"EBADF", EBADF},
    {"EMFILE", EMFILE},
    {"ENFILE", ENFILE},
    {"ERANGE", ERANGE},
    {"EDOM", EDOM},
    {"ETIMEDOUT", ETIMEDOUT},
    {"ECONNREFUSED", ECONNREFUSED},
    {"ECONNRESET", ECONNRESET},
    {"EHOSTUNREACH", EHOSTUNREACH},
    {"ECANCELED", ECANCELED},
    {"EILSEQ", EILSEQ},
    {"EROFS", EROFS},
    {"EFBIG", EFBIG},
    {"EPROTO", EPROTO},
    {"ENOTSUP", ENOTSUP},
    {NULL, 0},
};

const struct leat__fault_word leat__fault_units[] = {
    {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}, {NULL, 0},
};

const struct leat__fault_how_word leat__fault_hows[] = {
    {"sleep", LEAT_FAULT_STUBBORN, LEAT_FAULT_PLAIN},
    {"spin", LEAT_FAULT_STUBBORN, LEAT_FAULT_SPIN},
    {"lock", LEAT_FAULT_STUBBORN, LEAT_FAULT_LOCK},
    {"read", LEAT_FAULT_STUBBORN, LEAT_FAULT_READ},
    {"even", LEAT_FAULT_SLOW, LEAT_FAULT_PLAIN},
    {"tail", LEAT_FAULT_SLOW, LEAT_FAULT_TAIL},
    {"segv", LEAT_FAULT_CRASH, LEAT_FAULT_PLAIN},
    {"abort", LEAT_FAULT_CRASH, LEAT_FAULT_ABORT},
    {"exit", LEAT_FAULT_CRASH, LEAT_FAULT_EXIT},
    {"memory", LEAT_FAULT_LEAK, LEAT_FAULT_PLAIN},
    {"fd", LEAT_FAULT_LEAK, LEAT_FAULT_FD},
    {NULL, 0, 0},
};

const struct leat__fault_field leat__fault_fields[] = {
    {"every", LEAT__U64, offsetof(struct leat_fault, every)},
    {"attempts", LEAT__UNSIGNED, offsetof(struct leat_fault, attempts)},
    {"seed", LEAT__U64, offsetof(struct leat_fault, seed)},
    {"rate", LEAT__U64, offsetof(struct leat_fault, rate)},
    {"size", LEAT__SIZE, offsetof(struct leat_fault, size)},
    {"window", LEAT__SIZE, offsetof(struct leat_fault, window)},
    {NULL, 0, 0},
};

const char *leat_fault_name(enum leat_fault_kind kind)
{
    const struct leat__fault_word *word = leat__fault_kinds;

    while (word->word && word->value != (int)kind)
        word++;
    return word->word;
}
