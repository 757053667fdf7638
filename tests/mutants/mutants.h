/* mutants.h - what the parts of the mutation tester share.
 *
 * lex.c cuts a source into tokens, rules.c and conditions.c make mutants of
 * them, proc.c runs commands, suites.c knows the tests and which to try first,
 * choose.c takes samples, judge.c takes one mutant through builds and
 * tests, book.c keeps verdicts, reasons and the report, base.c is for all,
 * main.c is the command.
 * SPDX-License-Identifier: MIT */
#ifndef MUTANTS_H
#define MUTANTS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum kind { WORD, NUMBER, TEXT, MARK }; /* TEXT: string or character */

struct token {
    enum kind kind;
    size_t at, len; /* in the file's text */
    int line, column;
    size_t match; /* of a bracket: the index of its other end, or itself */
};

struct file {
    char *path, *text;
    size_t len;
    struct token *tokens;
    size_t count;
};

enum verdict { UNJUDGED, KILLED, HANG, SURVIVED, EQUIVALENT, UNVIABLE };
extern const char *const verdict_names[]; /* "unjudged", "killed"... */

struct mutant {
    const struct file *file;
    size_t at, len; /* what is replaced */
    char *with;     /* by this: as many lines */
    int line, column;
    const char *rule;
    char *function;
    char *id;  /* lib/src/chan.c:120:drop-unlock */
    char *key; /* lib/src/chan.c:leat_send:drop-unlock:1 */
    enum verdict verdict;
    char *build, *test; /* what killed it */
    bool chosen;        /* wanted by --only and --sample */
    bool explained;
};

struct mutants {
    struct mutant *list;
    size_t count;
};

struct test {
    char *name;     /* suite/name */
    double seconds; /* of the clean run */
    bool red;       /* there already: proves nothing */
};

/* A way to build: a folder with all-tests and scripts (judge.c). */
struct build {
    const char *dir, *name;
    struct test *tests;
    size_t count;
};

struct killer {
    char *path, *test;
    long count;
};

/* lex.c */
void lex(struct file *file);
bool is(const struct file *file, size_t token, const char *text);

/* rules.c */
void make_mutants(struct mutants *mutants, const struct file *file);
/* Whether mutants of this rule are tried with that build, when the first has
 * not killed them. */
bool rule_wants(const char *rule, const char *build);
/* Whether one of the words of name (between underscores) is one of words. */
bool has_word(const char *name, size_t len, const char *words);

/* choose.c: how many; told, too. A sample is drawn with the seed. */
size_t choose(struct mutants *all, const char *only, size_t sample,
              unsigned long long seed);
void list_chosen(const struct mutants *all);

/* proc.c: the command's exit status, 128 + a signal; LATE after that many
 * seconds, ENDED when somebody wants us to end. line() gets each line of its
 * output, and ends the command by true. */
enum { LATE = -1, ENDED = -2 };
extern volatile sig_atomic_t stop;
typedef bool line_fn(void *arg, const char *line);
int run_command(const char *const *argv, double seconds, line_fn *line,
                void *arg);
double now(void);

/* suites.c */
bool run_clean(struct build *build, int jobs);
void read_order(const char *path);
void read_killers(const char *path);
void write_killers(const char *path);
void note_killer(const char *path, const char *test);
/* Tests to run, ended by NULL, the list to be freed: round 0 what has killed
 * mutants of this file, 1 what is likely to, 2 the rest. */
char **tests_of_round(const struct build *build, const char *path, int round);
/* How long these may take: three times what they took, and grace. */
double time_for(const struct build *build, char *const *names, double grace);

/* judge.c: false: ended before there was a verdict. */
bool judge(struct mutant *mutant, const struct build *builds, int count,
           const char *dir, double grace);

/* book.c */
bool read_reasons(const char *path);
void explain(struct mutants *mutants);
int tell_stale_reasons(const struct mutants *mutants);
uint64_t sources_of(const struct mutants *mutants, const struct build *builds,
                    int count);
size_t open_verdicts(const char *path, struct mutants *mutants,
                     uint64_t sources, bool resume);
void add_verdict(const struct mutant *mutant);
void close_verdicts(void);
void write_report(FILE *to, const struct mutants *mutants);
int sum_up(const struct mutants *mutants);

/* base.c: without memory there is no going on: it ends the program. */
char *read_all(const char *path, size_t *len); /* NULL: errno says why */
void *or_end(void *p);
void *grown(void *list, size_t count, size_t size); /* room for one more */
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
