/* main.c - the tour: a real batch, and everything that can happen to it, in six
 * acts.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "tour.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACTS = 6 };

static act_fn *const acts[ACTS] = {act_clean,   act_broken, act_mended,
                                   act_resumed, act_hang,   act_threshold};

static const char usage[] =
    "usage: tour [options] CSV DIR   the tour through CSV; it works in DIR\n"
    "       tour --sum DIR           only the account of what is in DIR\n"
    "\n"
    "  --act N     only one act; --acts 1-4 or 2,3: some\n"
    "  --plain     no colours and no progress line (nor are there any where the\n"
    "              output is no terminal; NO_COLOR and TERM=dumb: no colours)\n"
    "  --help      this\n"
    "\n"
    "1 clean      a CSV file into a SQLite database\n"
    "2 broken     the same with records broken on purpose (needs nothing)\n"
    "3 mended     the error file, mended and run again (needs 1 and 2)\n"
    "4 resumed    from table to table, stopped half-way (needs 2 and 3)\n"
    "5 hang       a stage that never answers\n"
    "6 threshold  more errors than a batch should have\n"
    "\n"
    "Ctrl-C once: no more is read, the rest flows out. Twice: cancel.\n"
    "\n"
    "exit status: 0 everything came out as it must; 1 something did not;\n"
    "2 arguments or files that cannot be used; 3 stopped by Ctrl-C;\n"
    "130 canceled by the second one\n";

/* "1-4", "2,3,6" */
static bool choose(bool chosen[ACTS], const char *text)
{
    int from, to, len;

    memset(chosen, 0, ACTS * sizeof *chosen);
    for (;; text++) {
        if (sscanf(text, "%1d%n", &from, &len) != 1)
            return false;
        text += len;
        to = from;
        if (*text == '-') {
            if (sscanf(text + 1, "%1d%n", &to, &len) != 1)
                return false;
            text += 1 + len;
        }
        if (from < 1 || to > ACTS || from > to)
            return false;
        for (int act = from; act <= to; act++)
            chosen[act - 1] = true;
        if (*text != ',')
            return *text == '\0';
    }
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value && *value;
}

struct options {
    bool chosen[ACTS], all, plain, sum;
};

/* The exit status, or -1: go on. */
static int parse(int argc, char **argv, struct options *options,
                 struct tour *tour)
{
    static const struct option known[] = {
        {"act", required_argument, NULL, 'a'},
        {"acts", required_argument, NULL, 'a'},
        {"plain", no_argument, NULL, 'p'},
        {"sum", no_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    int option;

    *options = (struct options){.all = true};
    choose(options->chosen, "1-6");
    while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        if (option == 'a' && choose(options->chosen, optarg)) {
            options->all = false;
        } else if (option == 'a') {
            complain("there are acts 1 to %d, as in --acts 1-3,5; not \"%s\"",
                     ACTS, optarg);
            return TOUR_REFUSED;
        } else if (option == 'p' || option == 's') {
            *(option == 'p' ? &options->plain : &options->sum) = true;
        } else {
            fputs("tour: --help tells how it is used\n", stderr);
            return TOUR_REFUSED;
        }
    }
    if (argc - optind != (options->sum ? 1 : 2)) {
        fputs(usage, stderr);
        return TOUR_REFUSED;
    }
    tour->csv = options->sum ? NULL : argv[optind];
    tour->dir = argv[argc - 1];
    return -1;
}

static int play(struct tour *tour, const struct options *options)
{
    int worst = TOUR_OK;

    for (int act = 0; act < ACTS; act++) {
        if (!options->chosen[act])
            continue;
        int result = tour_stopped(tour);
        if (result == TOUR_OK)
            result = acts[act](tour);
        if (result > TOUR_WRONG)
            return result;
        if (result == TOUR_WRONG)
            worst = result;
    }
    return worst;
}

static void say_next(const struct tour *tour, const char *program)
{
    printf("\n%snext%s\n"
           "   less lessons/00_tour/1_clean.c    an act in code; then 2_ to 6_\n"
           "   make check coverage               every test, and what it covers"
           "\n   %s --act 5 %s %s\n"
           "      one act again; --help has more\n\n",
           paint(tour, PAINT_BOLD), paint(tour, PAINT_OFF), program, tour->csv,
           tour->dir);
}

/* The acts, under contexts that SIGINT can end. */
static int perform(struct tour *tour, const struct options *options,
                   const char *program)
{
    tour->root = leat_ctx_root(600 * LEAT_S);
    tour->run = leat_ctx_new(tour->root, 0);
    tour->drain = leat_ctx_new(tour->run, 0);
    leat_group *group = leat_group_new(tour->root);
    int result = TOUR_REFUSED;

    if (leat_go(group, "signals", signals_watch, tour) == LEAT_OK)
        result = play(tour, options);
    else
        complain("no memory, or no threads");
    if (result <= TOUR_WRONG && options->all) {
        say_next(tour, program);
        int sum = tour_sum(tour);
        result = result > sum ? result : sum;
    } else if (result == TOUR_REFUSED && !tour_is_kit(tour)) {
        result = TOUR_WRONG;
    }
    if (result == TOUR_DRAINED)
        complain("stopped: what was read has flowed out; to see all of it run"
                 " it again");
    if (result == TOUR_CANCELED)
        complain("canceled: what was in hand was given back; to see all of it"
                 " run it again");
    leat_ctx_cancel(tour->root, LEAT_CANCELED);
    if (group)
        leat_group_wait(group, NULL);
    leat_ctx_free(tour->drain);
    leat_ctx_free(tour->run);
    leat_ctx_free(tour->root);
    return result;
}

int main(int argc, char **argv)
{
    struct tour tour = {.lock = -1};
    struct options options;
    int result = parse(argc, argv, &options, &tour);

    if (result >= 0)
        return result;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signals_block();
    tour.colour = !options.plain && isatty(STDOUT_FILENO) &&
                  !is_set("NO_COLOR") && is_set("TERM") &&
                  strcmp(getenv("TERM"), "dumb") != 0;
    tour.progress = !options.plain && isatty(STDERR_FILENO);
    result = tour_open(&tour);
    if (result == TOUR_OK)
        result = options.sum ? tour_sum(&tour)
                             : perform(&tour, &options, argv[0]);
    tour_close(&tour);
    if (fflush(stdout) != 0 || ferror(stdout))
        return TOUR_REFUSED; /* nobody has seen it: a full disk */
    return result;
}
