/* main.c - mutants: mutation testing of C by rule.
 *
 * usage: mutants [OPTION...] FILE...
 *
 * Each FILE's mutants (rules.c) are compiled one at a time and tried with the
 * builds of --build, which hold the tests; what no test finds is listed. Exit
 * status: 0 no survivor without a reason, 1 there are, 2 it could not be done,
 * 130 ended.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "mutants.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUILDS = 8, JOBS = 16 };

volatile sig_atomic_t stop;

static struct {
    const char *dir, *reasons, *order, *only;
    size_t sample;
    unsigned long long seed;
    int jobs;
    double grace;
    bool list, resume;
    struct build builds[BUILDS];
    int build_count;
} options = {.dir = "build/mutants", .seed = 1, .jobs = 2, .grace = 5};

static struct mutants mutants;
static size_t next, judged, chosen, survived;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of these */

static const char usage[] =
    "usage: mutants [OPTION...] FILE...\n"
    "  --build DIR     scripts compile, same, link, run; all-tests. The first\n"
    "                  judges all, others what it leaves of their rules\n"
    "  --dir DIR       verdicts, killers, report.txt (build/mutants)\n"
    "  --reasons FILE  lines PATTERN | SOURCE | REASON\n"
    "  --order FILE    lines PATTERN: SUITES, which to try first\n"
    "  --only PATTERN  mutants whose id contains it or matches it, or whose\n"
    "                  file:function:rule:n does\n"
    "  --sample N      so many of them, by chance   --seed S  (1)\n"
    "  --jobs N        at once (2)\n"
    "  --grace S       tests may take three times what they took, and so many\n"
    "                  seconds (5)\n"
    "  --resume        takes up the verdicts of a run that was ended\n"
    "  --list          only lists them\n";

/* --- which --- */

static void read_sources(char **paths)
{
    for (; *paths; paths++) {
        struct file *file = or_end(calloc(1, sizeof *file));
        file->path = *paths;
        file->text = read_all(*paths, &file->len);
        if (!file->text) {
            fprintf(stderr, "mutants: %s: %s\n", *paths, strerror(errno));
            exit(2);
        }
        lex(file);
        make_mutants(&mutants, file);
    }
}

/* --- the work --- */

static void note_signal(int number)
{
    stop = number;
}

static void tell_progress(const struct mutant *m)
{
    static double begin;

    if (begin == 0)
        begin = now();
    if (isatty(1)) {
        printf("\r%zu of %zu, %zu survived, %.0f s: %-48.48s", judged, chosen,
               survived, now() - begin, m->id);
        if (judged == chosen)
            puts("");
        fflush(stdout);
    } else if (judged % 50 == 0) {
        printf("%zu of %zu, %zu survived, %.0f s\n", judged, chosen, survived,
               now() - begin);
        fflush(stdout);
    }
}

static struct mutant *take_one(void)
{
    struct mutant *m = NULL;

    pthread_mutex_lock(&lock);
    for (; next < mutants.count && !m && !stop; next++)
        if (mutants.list[next].chosen && mutants.list[next].verdict == UNJUDGED)
            m = &mutants.list[next];
    pthread_mutex_unlock(&lock);
    return m;
}

static void *work(void *arg)
{
    char *dir = text("%s/job%d", options.dir, *(int *)arg);
    const char *const parts[] = {"", "/mutant", "/clean"};
    struct mutant *m;

    for (int i = 0; i < 3; i++) {
        char *part = text("%s%s", dir, parts[i]);
        mkdir(part, 0777);
        free(part);
    }
    while ((m = take_one()) &&
           judge(m, options.builds, options.build_count, dir, options.grace)) {
        add_verdict(m);
        pthread_mutex_lock(&lock);
        judged++;
        survived += m->verdict == SURVIVED;
        tell_progress(m);
        pthread_mutex_unlock(&lock);
    }
    free(dir);
    return NULL;
}

static void work_all(void)
{
    pthread_t threads[JOBS];
    int numbers[JOBS], begun = 0;

    for (; begun < options.jobs; begun++) {
        numbers[begun] = begun;
        if (pthread_create(&threads[begun], NULL, work, &numbers[begun]) != 0)
            break;
    }
    if (begun == 0)
        stop = SIGTERM;
    while (begun-- > 0)
        pthread_join(threads[begun], NULL);
}

/* What is known already, and the tests without a mutant. */
static bool prepare(const char *verdicts, const char *killers)
{
    size_t taken;

    for (int i = 0; i < options.build_count; i++)
        if (!run_clean(&options.builds[i], 3))
            return false;
    if (options.order)
        read_order(options.order);
    read_killers(killers);
    taken = open_verdicts(
        verdicts, &mutants,
        sources_of(&mutants, options.builds, options.build_count),
        options.resume);
    if (options.resume)
        printf("resume: %zu verdicts taken up\n", taken);
    for (size_t i = 0; i < mutants.count; i++) {
        struct mutant *m = &mutants.list[i];
        judged += m->chosen && m->verdict != UNJUDGED;
        survived += m->chosen && m->verdict == SURVIVED;
    }
    fflush(stdout);
    return true;
}

static int finish(const char *path)
{
    FILE *report = fopen(path, "w");
    int left;

    explain(&mutants);
    if (report) {
        write_report(report, &mutants);
        fclose(report);
        printf("%s: each mutant, its verdict, and which test kills it\n", path);
    }
    left = sum_up(&mutants);
    tell_stale_reasons(&mutants);
    if (judged < chosen)
        printf("ended after %zu of %zu: --resume goes on\n", judged, chosen);
    printf("%d survivor%s without a reason%s", left, left == 1 ? "" : "s",
           judged < chosen ? " so far" : "");
    if (chosen < mutants.count)
        printf(", in %zu of %zu mutants", chosen, mutants.count);
    puts("");
    return judged < chosen ? 130 : left > 0;
}

static bool read_option(const char *name, const char *value)
{
    if (!strcmp(name, "--dir"))
        options.dir = value;
    else if (!strcmp(name, "--reasons"))
        options.reasons = value;
    else if (!strcmp(name, "--order"))
        options.order = value;
    else if (!strcmp(name, "--only"))
        options.only = value;
    else if (!strcmp(name, "--sample"))
        options.sample = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--seed"))
        options.seed = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--jobs"))
        options.jobs = atoi(value);
    else if (!strcmp(name, "--grace"))
        options.grace = atof(value);
    else if (!strcmp(name, "--build") && options.build_count < BUILDS)
        options.builds[options.build_count++] = (struct build){
            .dir = value,
            .name = strrchr(value, '/') ? strrchr(value, '/') + 1 : value};
    else
        return false;
    return options.jobs >= 1 && options.jobs <= JOBS;
}

static char **read_options(char **argv)
{
    for (argv++; *argv && !strncmp(*argv, "--", 2); argv++) {
        if (!strcmp(*argv, "--help")) {
            fputs(usage, stdout);
            exit(0);
        } else if (!strcmp(*argv, "--list")) {
            options.list = true;
        } else if (!strcmp(*argv, "--resume")) {
            options.resume = true;
        } else if (argv[1] && read_option(argv[0], argv[1])) {
            argv++;
        } else {
            fprintf(stderr, "mutants: %s?\n%s", *argv, usage);
            exit(2);
        }
    }
    return argv;
}

int main(int argc, char **argv)
{
    char *killers, *verdicts;
    int status = 2;

    argv = read_options(argv);
    if (!*argv || (!options.list && options.build_count == 0)) {
        fputs(usage, stderr);
        return 2;
    }
    read_sources(argv);
    chosen = choose(&mutants, options.only, options.sample, options.seed);
    if (options.list) {
        list_chosen(&mutants);
        return 0;
    }
    if (options.reasons && !read_reasons(options.reasons))
        return 2;
    sigaction(SIGINT, &(struct sigaction){.sa_handler = note_signal}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = note_signal}, NULL);
    mkdir(options.dir, 0777);
    killers = text("%s/killers", options.dir);
    verdicts = text("%s/verdicts", options.dir);
    if (prepare(verdicts, killers)) {
        work_all();
        close_verdicts();
        write_killers(killers);
        status = finish(text("%s/report.txt", options.dir));
    }
    free(killers);
    free(verdicts);
    return status;
}
