/* judge.c - one mutant: written beside the sources, compiled alone, linked with
 * everything else, and set before the tests until one of them is red.
 *
 * A folder of a build has three scripts and the clean program:
 *   compile SOURCE FOLDER OBJECT   FOLDER: where the true source is
 *   same    SOURCE FOLDER OBJECT   the same, optimised, nothing of lines in it
 *   link    OBJECT PROGRAM
 *   run     PROGRAM ARGUMENT...
 * Optimised code that is the same byte for byte cannot behave differently: such
 * a mutant is told apart from those that survive.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mutants.h"
#include <stdlib.h>
#include <string.h>

struct place {
    char *folder, *source, *object, *program, *clean, *clean_object;
};

static bool copy_out(const char *path, const char *before, size_t len,
                     const char *with, const char *after)
{
    FILE *out = fopen(path, "w");

    if (!out)
        return false;
    fwrite(before, 1, len, out);
    fputs(with, out);
    fputs(after, out);
    return fclose(out) == 0;
}

static int script(const char *dir, const char *name, char *a, char *b, char *c)
{
    char *path = text("%s/%s", dir, name);
    const char *argv[] = {path, a, b, c, NULL};
    int status = run_command(argv, 300, NULL, NULL);

    free(path);
    return status;
}

/* The runner's lines of red tests: the first one, and of those that were late
 * the one that was longest at it. */
struct red {
    char name[256];
    double seconds;
    bool late;
};

static bool note_red(void *arg, const char *line)
{
    struct red *red = arg;
    const char *colon = strchr(line, ':'), *time = strchr(line, '(');
    bool late = strstr(line, ": timed out (") != NULL;

    if (strncmp(line, "[FAIL] ", 7) != 0 || !colon || !time)
        return false;
    if (red->name[0] && (!red->late || !late || atof(time + 1) < red->seconds))
        return !red->late;
    snprintf(red->name, sizeof red->name, "%.*s", (int)(colon - line - 7),
             line + 7);
    red->seconds = atof(time + 1);
    red->late = late;
    return !late;
}

/* The tests of names, without those of ignored. */
static int run_tests(const struct build *build, const char *program,
                     char **names, char **ignored, double grace,
                     struct red *red)
{
    char *run = text("%s/run", build->dir);
    const char **argv;
    size_t count = 0, used = 4;
    int status = 0;

    while (names[count])
        count++;
    argv = or_end(calloc(count + 5, sizeof *argv));
    for (size_t i = 0; i < count; i++) {
        char **same = ignored;
        while (*same && strcmp(*same, names[i]) != 0)
            same++;
        if (!*same)
            argv[used++] = names[i];
    }
    if (used > 4) {
        argv[0] = run;
        argv[1] = program;
        argv[2] = "--jobs";
        argv[3] = "3";
        status = run_command(argv, time_for(build, names, grace), note_red,
                             red);
    }
    free(argv);
    free(run);
    return status;
}

/* A busy machine turns a test red, too: it must be so once more in two. */
static bool is_again(const struct build *build, const char *program,
                     const struct red *red, double grace)
{
    char name[sizeof red->name], *names[] = {name, NULL}, *none[] = {NULL};
    struct red again = {.name = ""};

    memcpy(name, red->name, sizeof name);
    for (int i = 0; i < 2 && !stop; i++)
        if (run_tests(build, program, names, none, grace, &again) != 0)
            return true;
    return false;
}

static void try_round(struct mutant *mutant, const struct build *build,
                      const char *program, int round, double grace)
{
    enum { DOUBTS = 4 };
    char *ignored[DOUBTS + 1] = {NULL};
    char **names = tests_of_round(build, mutant->file->path, round);

    for (int doubts = 0; doubts < DOUBTS && !stop; doubts++) {
        struct red red = {.name = ""};
        int status = run_tests(build, program, names, ignored, grace, &red);
        if (status == 0 || stop)
            break;
        if (!red.name[0] || is_again(build, program, &red, grace)) {
            mutant->verdict = status == LATE || red.late ? HANG : KILLED;
            mutant->build = text("%s", build->name);
            mutant->test = text("%s", red.name[0] ? red.name : "the-runner");
            if (red.name[0])
                note_killer(mutant->file->path, red.name);
            break;
        }
        ignored[doubts] = text("%s", red.name);
    }
    for (char **i = ignored; *i; i++)
        free(*i);
    free(names);
}

static bool same_bytes(const char *a, const char *b)
{
    size_t m, n;
    char *x = read_all(a, &m), *y = read_all(b, &n);
    bool same = x && y && m == n && memcmp(x, y, m) == 0;

    free(x);
    free(y);
    return same;
}

static bool is_equivalent(const struct build *build, const struct place *at)
{
    return !script(build->dir, "same", at->source, at->folder, at->object) &&
           !script(build->dir, "same", at->clean, at->folder,
                   at->clean_object) &&
           same_bytes(at->object, at->clean_object);
}

static void judge_with(struct mutant *mutant, const struct build *build,
                       const struct place *at, bool first, double grace)
{
    mutant->verdict = SURVIVED;
    if (script(build->dir, "compile", at->source, at->folder, at->object) ||
        script(build->dir, "link", at->object, at->program, NULL)) {
        if (first)
            mutant->verdict = UNVIABLE;
        return;
    }
    if (first && is_equivalent(build, at)) {
        mutant->verdict = EQUIVALENT;
        return;
    }
    for (int round = 0; round < 3 && mutant->verdict == SURVIVED && !stop;
         round++)
        try_round(mutant, build, at->program, round, grace);
}

bool judge(struct mutant *mutant, const struct build *builds, int count,
           const char *dir, double grace)
{
    const struct file *file = mutant->file;
    const char *name = strrchr(file->path, '/');
    int len = name ? (int)(name - file->path) : 1;
    struct place at = {
        .folder = text("%.*s", len, name ? file->path : "."),
        .source = text("%s/mutant/%s", dir, name ? name + 1 : file->path),
        .clean = text("%s/clean/%s", dir, name ? name + 1 : file->path),
        .object = text("%s/mutant.o", dir),
        .program = text("%s/tests", dir),
        .clean_object = text("%s/clean.o", dir)};

    mutant->verdict = UNJUDGED;
    if (copy_out(at.source, file->text, mutant->at, mutant->with,
                 file->text + mutant->at + mutant->len) &&
        copy_out(at.clean, file->text, file->len, "", ""))
        for (int i = 0; i < count && !stop; i++)
            if (i == 0 || (mutant->verdict == SURVIVED &&
                           rule_wants(mutant->rule, builds[i].name)))
                judge_with(mutant, &builds[i], &at, i == 0, grace);
    if (stop && mutant->verdict != KILLED && mutant->verdict != HANG)
        mutant->verdict = UNJUDGED;
    remove(at.source);
    free(at.folder);
    free(at.source);
    free(at.clean);
    free(at.object);
    free(at.program);
    free(at.clean_object);
    return mutant->verdict != UNJUDGED;
}
