/* book.c - what is written down: verdicts as they come (for --resume), reasons
 * why a mutant may survive, the report.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mutants.h"
#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

const char *const verdict_names[] = {"unjudged", "killed",     "hang",
                                     "survived", "equivalent", "unviable"};

static struct reason {
    char *pattern, *source, *why;
    int line;
} * reasons;
static size_t reason_count;
static const char *reasons_path;

static FILE *verdicts;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of verdicts */

/* --- reasons --- */

static char *trimmed(char *s)
{
    size_t len;

    s += strspn(s, " \t");
    for (len = strlen(s); len > 0 && strchr(" \t\n", s[len - 1]); len--)
        s[len - 1] = '\0';
    return s;
}

/* Lines "PATTERN | SOURCE | REASON": a shell's pattern over the id or over
 * file:function:rule, with :n behind it over the n-th of the function alone;
 * what the source line must contain (or nothing); why.
 * False: one of them is none; no file is no reasons. */
bool read_reasons(const char *path)
{
    FILE *in = fopen(path, "r");
    char line[1024], *bar, *second;
    int number = 0;
    bool good = true;

    reasons_path = path;
    while (in && fgets(line, sizeof line, in)) {
        number++;
        if (*trimmed(line) == '#' || !*trimmed(line))
            continue;
        if (!(bar = strstr(line, " | ")) ||
            !(second = strstr(bar + 2, " | ")) || !*trimmed(second + 3)) {
            fprintf(stderr, "%s:%d: want PATTERN | SOURCE | REASON\n", path,
                    number);
            good = false;
            continue;
        }
        *bar = *second = '\0';
        reasons = grown(reasons, reason_count, sizeof *reasons);
        reasons[reason_count++] = (struct reason){
            text("%s", trimmed(line)),
            text("%s", second > bar + 2 ? trimmed(bar + 3) : ""),
            text("%s", trimmed(second + 3)), number};
    }
    if (in)
        fclose(in);
    return good;
}

/* The line that is changed, without what it is indented by. */
static char *source_line(const struct mutant *m)
{
    const char *line = m->file->text + m->at - (m->column - 1);

    line += strspn(line, " \t");
    return text("%.*s", (int)strcspn(line, "\n"), line);
}

static bool fits(const struct reason *reason, const struct mutant *m)
{
    char *every = text("%.*s", (int)(strrchr(m->key, ':') - m->key), m->key);
    char *line = source_line(m);
    bool fits = (fnmatch(reason->pattern, m->id, 0) == 0 ||
                 fnmatch(reason->pattern, m->key, 0) == 0 ||
                 fnmatch(reason->pattern, every, 0) == 0) &&
                strstr(line, reason->source);

    free(line);
    free(every);
    return fits;
}

static const struct reason *reason_of(const struct mutant *m)
{
    for (size_t i = 0; i < reason_count; i++)
        if (fits(&reasons[i], m))
            return &reasons[i];
    return NULL;
}

void explain(struct mutants *mutants)
{
    for (size_t i = 0; i < mutants->count; i++)
        if (mutants->list[i].verdict == SURVIVED)
            mutants->list[i].explained = reason_of(&mutants->list[i]) != NULL;
}

/* A reason is stale when no mutant is like it any more, and when all that are
 * have been judged and none has survived. */
int tell_stale_reasons(const struct mutants *mutants)
{
    int stale = 0;

    for (size_t r = 0; r < reason_count; r++) {
        size_t like = 0, open = 0;
        for (size_t i = 0; i < mutants->count; i++) {
            const struct mutant *m = &mutants->list[i];
            if (fits(&reasons[r], m)) {
                like++;
                open += m->verdict == SURVIVED || m->verdict == UNJUDGED;
            }
        }
        if (open > 0)
            continue;
        stale++;
        printf("%s:%d: stale: %s: %s | %s\n", reasons_path, reasons[r].line,
               like ? "nothing like it survives" : "there is no such mutant",
               reasons[r].pattern, reasons[r].source);
    }
    return stale;
}

/* --- verdicts --- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    for (const unsigned char *c = bytes; len-- > 0; c++)
        hash = (hash ^ *c) * UINT64_C(0x100000001b3);
    return hash;
}

/* What the verdicts depend on: the mutants and the clean programs, which hold
 * the sources and the tests. */
uint64_t sources_of(const struct mutants *mutants, const struct build *builds,
                    int count)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < mutants->count; i++) {
        hash = mix(hash, mutants->list[i].id, strlen(mutants->list[i].id));
        hash = mix(hash, mutants->list[i].with, strlen(mutants->list[i].with));
    }
    for (int i = 0; i < count; i++) {
        char *path = text("%s/all-tests", builds[i].dir);
        size_t len = 0;
        char *bytes = read_all(path, &len);
        hash = mix(hash, bytes, bytes ? len : 0);
        free(bytes);
        free(path);
    }
    return hash;
}

static size_t take_up(FILE *in, struct mutants *mutants)
{
    char id[512], word[32], build[64], test[256];
    size_t taken = 0;

    while (fscanf(in, "%511s %31s %63s %255s", id, word, build, test) == 4)
        for (size_t i = 0; i < mutants->count; i++) {
            struct mutant *m = &mutants->list[i];
            if (m->verdict != UNJUDGED || strcmp(m->id, id) != 0)
                continue;
            for (int v = KILLED; v <= UNVIABLE; v++)
                if (!strcmp(word, verdict_names[v]))
                    m->verdict = (enum verdict)v;
            m->build = text("%s", build);
            m->test = text("%s", test);
            taken++;
            break;
        }
    return taken;
}

/* How many an earlier run has left, when its sources were the same. */
size_t open_verdicts(const char *path, struct mutants *mutants,
                     uint64_t sources, bool resume)
{
    FILE *in = resume ? fopen(path, "r") : NULL;
    unsigned long long before;
    size_t taken = 0;

    if (in && fscanf(in, "sources %llx", &before) == 1) {
        if (before == sources)
            taken = take_up(in, mutants);
        else
            puts("resume: the sources are not the same: begun anew");
    }
    if (in)
        fclose(in);
    verdicts = fopen(path, "w");
    if (verdicts)
        fprintf(verdicts, "sources %llx\n", (unsigned long long)sources);
    else
        fprintf(stderr, "mutants: %s: %s\n", path, strerror(errno));
    for (size_t i = 0; i < mutants->count; i++)
        if (mutants->list[i].verdict != UNJUDGED)
            add_verdict(&mutants->list[i]);
    return taken;
}

void add_verdict(const struct mutant *m)
{
    if (!verdicts)
        return;
    pthread_mutex_lock(&lock);
    fprintf(verdicts, "%s %s %s %s\n", m->id, verdict_names[m->verdict],
            m->build ? m->build : "-", m->test ? m->test : "-");
    fflush(verdicts);
    pthread_mutex_unlock(&lock);
}

void close_verdicts(void)
{
    if (verdicts)
        fclose(verdicts);
}

/* --- the report --- */

void write_report(FILE *to, const struct mutants *mutants)
{
    for (size_t i = 0; i < mutants->count; i++) {
        const struct mutant *m = &mutants->list[i];
        const struct reason *why = m->explained ? reason_of(m) : NULL;
        if (m->verdict == UNJUDGED)
            continue;
        fprintf(to, "%s %s", m->id, verdict_names[m->verdict]);
        if (m->verdict == KILLED || m->verdict == HANG)
            fprintf(to, " %s %s", m->build, m->test);
        fprintf(to, "%s%s\n", why ? ": " : "", why ? why->why : "");
    }
}

static void print_row(const char *name, const size_t n[], size_t explained)
{
    printf("%-32s %6zu %5zu %8zu %9zu %10zu %8zu %6zu\n", name, n[KILLED],
           n[HANG], n[SURVIVED], explained, n[EQUIVALENT], n[UNVIABLE],
           n[KILLED] + n[HANG] + n[SURVIVED] + n[EQUIVALENT] + n[UNVIABLE]);
}

static void print_survivor(const struct mutant *m)
{
    char *line = source_line(m);
    size_t cut = strcspn(m->file->text + m->at, "\n");

    printf("survived: %s in %s: '%.*s' -> '%s'\n    %s\n", m->id, m->function,
           (int)(m->len < cut ? m->len : cut), m->file->text + m->at,
           m->with[strspn(m->with, "\n")] ? m->with : "", line);
    free(line);
}

/* How many survivors have no reason; these are the last lines. */
int sum_up(const struct mutants *mutants)
{
    size_t all[UNVIABLE + 1] = {0}, explained = 0;

    printf("%-32s %6s %5s %8s %9s %10s %8s %6s\n", "file", "killed", "hang",
           "survived", "explained", "equivalent", "unviable", "total");
    for (size_t i = 0; i < mutants->count;) {
        const struct file *file = mutants->list[i].file;
        size_t n[UNVIABLE + 1] = {0}, reasoned = 0;
        for (; i < mutants->count && mutants->list[i].file == file; i++) {
            n[mutants->list[i].verdict]++;
            reasoned += mutants->list[i].explained;
        }
        for (int v = KILLED; v <= UNVIABLE; v++)
            all[v] += n[v];
        explained += reasoned;
        n[UNJUDGED] = 0;
        if (n[KILLED] + n[HANG] + n[SURVIVED] + n[EQUIVALENT] + n[UNVIABLE])
            print_row(file->path, n, reasoned);
    }
    print_row("total", all, explained);
    for (size_t i = 0; i < mutants->count; i++)
        if (mutants->list[i].verdict == SURVIVED && !mutants->list[i].explained)
            print_survivor(&mutants->list[i]);
    return (int)(all[SURVIVED] - explained);
}
