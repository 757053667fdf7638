/* rules.c - mutants of one file, by rule: what is done wrong once, everywhere
 * where it can be done wrong.
 *
 *   drop-lock drop-unlock drop-wake drop-close drop-drop drop-free
 *                     a call whose name says so is left out
 *   while-to-if       a condition is looked at once
 *   boundary          < becomes <=, > becomes >=, and back, but not in
 *                     x < y ? x : y
 *   equal             == becomes !=, and back, where no if is negated for it
 *   off-by-one        + 1 or - 1 is left out
 *   from-one          a for loop does not begin at 0
 *   deadline-ignored  a point in time is never
 *   deadline-halved   a length of time is half as long
 *   status            return LEAT_CLOSED becomes LEAT_OK, and back
 *   truth             return true becomes false, 0 becomes 1, and back
 *   negate-if         if (x) becomes if (!(x))
 *
 * A mutant has as many lines as its source, so that messages keep their lines.
 * SPDX-License-Identifier: MIT */
#include "maker.h"
#include <stdlib.h>
#include <string.h>

/* Builds of use beside the first, when that has not killed. */
static const struct {
    const char *rule, *builds;
} uses[] = {
    {"drop-lock", "nospin tsan"}, {"drop-unlock", "nospin tsan"},
    {"drop-wake", "nospin"},      {"drop-close", "nospin asan"},
    {"drop-drop", "asan"},        {"drop-free", "asan tsan"},
    {"while-to-if", "nospin"},    {"boundary", "nospin asan"},
    {"equal", "nospin asan"},     {"off-by-one", "asan"},
    {"from-one", "asan"},         {"deadline-ignored", "nospin"},
    {"deadline-halved", ""},      {"status", "nospin"},
    {"truth", "nospin"},          {"negate-if", "nospin asan"},
};

static const struct {
    const char *rule, *words; /* in a call's name; the first that fits */
} dropped[] = {
    {"drop-unlock", "unlock"},
    {"drop-lock", "lock"},
    {"drop-wake", "signal broadcast tell wake nudge done finish cancel end"},
    {"drop-close", "close fclose closedir"},
    {"drop-drop", "drop discard"},
    {"drop-free", "free release destroy"},
};

bool has_word(const char *name, size_t len, const char *words)
{
    for (size_t i = 0, n; i < len; i += n + 1) {
        for (n = 0; i + n < len && name[i + n] != '_'; n++)
            ;
        for (const char *w = words; n > 0 && (w = strchr(w, name[i])); w++)
            if ((w == words || w[-1] == ' ') && !strncmp(w, name + i, n) &&
                (w[n] == ' ' || w[n] == '\0'))
                return true;
    }
    return false;
}

bool rule_wants(const char *rule, const char *build)
{
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (!strcmp(uses[i].rule, rule))
            return has_word(build, strlen(build), uses[i].builds);
    return false;
}

const char *maker_at(const struct maker *m, size_t token)
{
    return m->file->text + m->file->tokens[token].at;
}

const struct token *tok(const struct maker *m, size_t token)
{
    return &m->file->tokens[token];
}

static size_t end_of(const struct maker *m, size_t token)
{
    return tok(m, token)->at + tok(m, token)->len;
}

bool any(const struct maker *m, size_t token, const char *words)
{
    const struct token *t = tok(m, token);

    for (const char *w = words; (w = strchr(w, *maker_at(m, token))); w++)
        if ((w == words || w[-1] == ' ') &&
            !strncmp(w, maker_at(m, token), t->len) &&
            (w[t->len] == ' ' || w[t->len] == '\0'))
            return true;
    return false;
}

/* Tokens first to last become `with`. Ids say where, and count what is the same
 * in one line. */
void make(struct maker *m, const char *rule, size_t first, size_t last,
          const char *with)
{
    struct mutants *all = m->to;
    const struct token *t = tok(m, first);
    int same = 1, nth = 1;
    struct mutant *mutant;

    all->list = grown(all->list, all->count, sizeof *all->list);
    mutant = &all->list[all->count++];
    *mutant = (struct mutant){.file = m->file,
                              .at = t->at,
                              .len = end_of(m, last) - t->at,
                              .line = t->line,
                              .column = t->column,
                              .rule = rule,
                              .function = m->function};
    for (struct mutant *b = all->list; b < mutant; b++)
        if (b->function == m->function && !strcmp(b->rule, rule)) {
            same += b->line == t->line;
            nth++;
        }
    mutant->id = same == 1
                     ? text("%s:%d:%s", m->file->path, t->line, rule)
                     : text("%s:%d:%s:%d", m->file->path, t->line, rule, same);
    mutant->key = text("%s:%s:%s:%d", m->file->path, m->function, rule, nth);
    mutant->with = text("%s%*s", with, tok(m, last)->line - t->line, "");
    for (char *c = mutant->with + strlen(with); *c; c++)
        *c = '\n'; /* the line ends that must stay */
}

/* The same with text round it: what is inside keeps its lines itself. */
void wrap(struct maker *m, const char *rule, size_t first, size_t last,
          const char *before, const char *after)
{
    size_t from = tok(m, first)->at, len = end_of(m, last) - from;
    struct mutant *mutant;

    make(m, rule, first, last, "");
    mutant = &m->to->list[m->to->count - 1];
    free(mutant->with);
    mutant->with = text("%s%.*s%s", before, (int)len, m->file->text + from,
                        after);
}

/* --- calls that are left out --- */

static bool begins_statement(const struct maker *m, size_t i)
{
    size_t p = i - 1;

    if (any(m, p, "; { } else do"))
        return true;
    if (is(m->file, p, ")"))
        return any(m, tok(m, p)->match - 1, "if while for switch");
    if (!is(m->file, p, ":"))
        return false;
    while (!any(m, p, "; { } case default"))
        p--;
    return any(m, p, "case default");
}

static void drop_call(struct maker *m, size_t i)
{
    size_t first = i, name;

    if (!begins_statement(m, i))
        return;
    if (is(m->file, i, "(") && is(m->file, i + 1, "void"))
        i += 3; /* (void)f(...) */
    if (tok(m, i)->kind != WORD || any(m, i, "if for while switch va_end"))
        return;
    for (name = i++; !is(m->file, tok(m, i)->match + 1, ";"); i++)
        if (any(m, i, "-> .") && tok(m, i + 1)->kind == WORD)
            name = ++i;
        else if (any(m, i, "[ ("))
            i = tok(m, i)->match;
        else
            return;
    if (!is(m->file, i, "("))
        return;
    if (is(m->file, name, "must")) /* must(pthread_mutex_lock(m)) */
        name = i + 1;
    for (size_t d = 0; d < sizeof dropped / sizeof *dropped; d++)
        if (has_word(maker_at(m, name), tok(m, name)->len, dropped[d].words)) {
            make(m, dropped[d].rule, first, tok(m, i)->match, "");
            return;
        }
}

/* --- time --- */

static void deadlines(struct maker *m, size_t i)
{
    size_t open = i + 1, close, last;
    const char *name = maker_at(m, i);
    size_t len = tok(m, i)->len;

    if (tok(m, i)->kind != WORD || !is(m->file, open, "("))
        return;
    close = tok(m, open)->match;
    last = open + 1; /* where the last argument begins */
    for (size_t j = open + 1; j < close; j = tok(m, j)->match + 1) {
        if (is(m->file, j, ","))
            last = j + 1;
        if (tok(m, j)->match < j)
            break;
    }
    if (last >= close)
        return;
    if (has_word(name, len, "after"))
        make(m, "deadline-ignored", i, close, "INT64_MAX");
    else if (has_word(name, len, "ctx") && has_word(name, len, "deadline"))
        make(m, "deadline-ignored", i, close, "INT64_MAX");
    else if (has_word(name, len, "until"))
        make(m, "deadline-ignored", last, close - 1, "INT64_MAX");
    if (has_word(name, len, "after sleep nap"))
        wrap(m, "deadline-halved", last, close - 1, "(", ") / 2");
}

/* --- what is returned --- */

static void returned(struct maker *m, size_t i)
{
    static const char *const pairs[][3] = {{"true", "false", "truth"},
                                           {"false", "true", "truth"},
                                           {"0", "1", "truth"},
                                           {"1", "0", "truth"},
                                           {"status", "LEAT_OK", "status"}};
    static const char statuses[] =
        "LEAT_OK LEAT_CLOSED LEAT_CANCELED LEAT_TIMEOUT LEAT_AGAIN LEAT_SKIP "
        "LEAT_FATAL LEAT_NOMEM LEAT_NOTHREAD LEAT_INVALID LEAT_PARTIAL "
        "LEAT_THRESHOLD LEAT_ABANDONED LEAT_LOST";

    if (!is(m->file, i, "return"))
        return;
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++)
        if (is(m->file, i + 1, pairs[p][0]) && is(m->file, i + 2, ";"))
            make(m, pairs[p][2], i + 1, i + 1, pairs[p][1]);
    for (size_t j = i + 1; !is(m->file, j, ";"); j++)
        if (tok(m, j)->kind == WORD && any(m, j, statuses) &&
            !any(m, j - 1, "== !=") && !any(m, j + 1, "== !="))
            make(m, "status", j, j,
                 is(m->file, j, "LEAT_OK") ? "LEAT_INVALID" : "LEAT_OK");
}

/* --- all --- */

void make_mutants(struct mutants *mutants, const struct file *file)
{
    struct maker m = {mutants, file, NULL};

    for (size_t i = 1; i < file->count; i++) {
        size_t end = file->tokens[i].match, name;
        if (!is(file, i, "{"))
            continue;
        if (is(file, i - 1, ")")) { /* else a struct, a list of values */
            name = file->tokens[i - 1].match - 1;
            m.function = text("%.*s", (int)tok(&m, name)->len,
                              maker_at(&m, name));
            for (size_t j = i + 1; j < end; j++) {
                drop_call(&m, j);
                make_conditions(&m, j);
                deadlines(&m, j);
                returned(&m, j);
            }
        }
        i = end;
    }
}
