/* suites.c - the tests, how long they take, and which to try first.
 *
 * First what has killed mutants of the same file, the last time or in this run:
 * single tests, the most successful ones. Then the suites that `order` names
 * for the file, then all others. Most mutants die in the first round.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mutants.h"
#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 8 }; /* tests of round 0 */

static struct {
    char *path, *suites;
} * orders;
static size_t order_count;

static struct killer *killers;
static size_t killer_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of killers */

/* [ok] chan/name: exit status 0 (0.01 s, 0.00 s of a processor) */
static bool note_test(void *arg, const char *line)
{
    struct build *build = arg;
    const char *name = strchr(line, ' '), *time;
    struct test test = {0};

    if (strncmp(line, "[ok] ", 5) != 0 && strncmp(line, "[FAIL] ", 7) != 0)
        return false;
    time = strchr(name, '(');
    if (!time || !strchr(name, ':'))
        return false;
    test.red = line[1] == 'F';
    test.name = text("%.*s", (int)(strchr(name, ':') - name - 1), name + 1);
    test.seconds = atof(time + 1);
    build->tests = grown(build->tests, build->count, sizeof test);
    build->tests[build->count++] = test;
    return false;
}

/* The tests without a mutant: names and times. Red ones are told and left out.
 */
bool run_clean(struct build *build, int jobs)
{
    char *run = text("%s/run", build->dir);
    char *program = text("%s/all-tests", build->dir);
    char *few = text("%d", jobs);
    const char *argv[] = {run, program, "--verbose", "--jobs", few, NULL};
    double begin = now();
    size_t red = 0;
    int status = run_command(argv, 900, note_test, build);

    for (size_t i = 0; i < build->count; i++)
        if (build->tests[i].red) {
            red++;
            printf("left out, red without any mutant: %s (%s)\n",
                   build->tests[i].name, build->name);
        }
    printf("%s: %zu tests, %.1f s\n", build->name, build->count, now() - begin);
    free(run);
    free(program);
    free(few);
    if (build->count > 0 && red <= build->count / 100 && (status == 0 || red))
        return true;
    if (!stop)
        fprintf(stderr,
                "mutants: %s: the clean run ended with %d; no verdict "
                "would mean anything\n",
                build->name, status);
    return false;
}

/* Lines "PATTERN: SUITES": for files that match, these suites are likely. */
void read_order(const char *path)
{
    FILE *in = fopen(path, "r");
    char line[512], *colon;

    while (in && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line == '#' || !(colon = strchr(line, ':')))
            continue;
        *colon = '\0';
        orders = grown(orders, order_count, sizeof *orders);
        orders[order_count].path = text("%s", line);
        orders[order_count++].suites = text("%s", colon + 1);
    }
    if (in)
        fclose(in);
}

static void add_killer(const char *path, const char *test, long count)
{
    size_t i = 0;

    while (i < killer_count && (strcmp(killers[i].path, path) != 0 ||
                                strcmp(killers[i].test, test) != 0))
        i++;
    if (i == killer_count) {
        killers = grown(killers, killer_count++, sizeof *killers);
        killers[i] = (struct killer){text("%s", path), text("%s", test), 0};
    }
    killers[i].count += count;
    for (; i > 0 && killers[i - 1].count < killers[i].count; i--) {
        struct killer other = killers[i];
        killers[i] = killers[i - 1];
        killers[i - 1] = other;
    }
}

void note_killer(const char *path, const char *test)
{
    pthread_mutex_lock(&lock);
    add_killer(path, test, 1);
    pthread_mutex_unlock(&lock);
}

/* Lines "file test count", most successful first. */
void read_killers(const char *path)
{
    FILE *in = fopen(path, "r");
    char file[256], test[256];
    long count;

    while (in && fscanf(in, "%255s %255s %ld", file, test, &count) == 3)
        add_killer(file, test, count);
    if (in)
        fclose(in);
}

void write_killers(const char *path)
{
    FILE *out = fopen(path, "w");

    for (size_t i = 0; out && i < killer_count; i++)
        fprintf(out, "%s %s %ld\n", killers[i].path, killers[i].test,
                killers[i].count);
    if (out)
        fclose(out);
}

static bool likely(const char *test, const char *path)
{
    char suites[512], pattern[128], *save, *s;

    for (size_t i = 0; i < order_count; i++) {
        if (fnmatch(orders[i].path, path, 0) != 0)
            continue;
        snprintf(suites, sizeof suites, "%s", orders[i].suites);
        for (s = strtok_r(suites, " ", &save); s;
             s = strtok_r(NULL, " ", &save)) {
            snprintf(pattern, sizeof pattern, "%s/*", s);
            if (fnmatch(pattern, test, 0) == 0)
                return true;
        }
    }
    return false;
}

/* The place of the test among the first killers of the file; -1: it is not. */
static int rank(const char *test, const char *path)
{
    int place = 0;

    for (size_t i = 0; i < killer_count && place < FIRST; i++) {
        if (strcmp(killers[i].path, path) != 0)
            continue;
        if (strcmp(killers[i].test, test) == 0)
            return place;
        place++;
    }
    return -1;
}

char **tests_of_round(const struct build *build, const char *path, int round)
{
    char **names = or_end(calloc(build->count + 1, sizeof *names));
    size_t count = 0;

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < build->count; i++) {
        const struct test *test = &build->tests[i];
        int of = rank(test->name, path) >= 0 ? 0
                 : likely(test->name, path)  ? 1
                                             : 2;
        if (!test->red && of == round)
            names[count++] = test->name;
    }
    pthread_mutex_unlock(&lock);
    return names;
}

double time_for(const struct build *build, char *const *names, double grace)
{
    double longest = 0, sum = 0;

    for (; *names; names++)
        for (size_t i = 0; i < build->count; i++) {
            const struct test *test = &build->tests[i];
            if (strcmp(test->name, *names) != 0)
                continue;
            sum += test->seconds;
            if (test->seconds > longest)
                longest = test->seconds;
            break;
        }
    return 3 * (sum / 2 > longest ? sum / 2 : longest) + grace;
}
