/* results.c - what was measured, and what it says: medians of each state, never
 * across states, and leat's figure as a share of its peers'.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "results.h"
#include "rows.h"
#include "table.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PROTOTYPE_MORE = 10 }; /* percent that leat may need more */

struct figure {
    unsigned runs;
    double median, least, most, cpu, switches;
};

void results_add(struct results *results, const struct sample *sample)
{
    if (results->count == results->room) {
        results->room = results->room ? 2 * results->room : 256;
        results->samples = realloc(results->samples, results->room *
                                                     sizeof *results->samples);
        if (!results->samples)
            exit(1);
    }
    results->samples[results->count++] = *sample;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *values, unsigned count)
{
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof *values, by_size);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static struct figure look_up(const struct results *results, unsigned row,
                             const char *peer, enum state state)
{
    double *each = malloc(3 * (results->count + 1) * sizeof *each);
    double *cpu = each + results->count, *switches = cpu + results->count;
    struct figure figure = {0};

    if (!each)
        exit(1);
    for (unsigned i = 0; i < results->count; i++) {
        const struct sample *sample = &results->samples[i];
        if (sample->row != row || sample->state != state ||
            strcmp(sample->peer, peer) != 0)
            continue;
        each[figure.runs] = sample->run.each;
        cpu[figure.runs] = sample->run.cpu;
        switches[figure.runs++] = sample->run.switches;
    }
    figure.median = median(each, figure.runs);
    if (figure.runs > 0) {
        figure.least = each[0];
        figure.most = each[figure.runs - 1];
    }
    figure.cpu = median(cpu, figure.runs);
    figure.switches = median(switches, figure.runs);
    free(each);
    return figure;
}

/* What the loop's work takes when it is shared out perfectly: the narrowest
 * stage has half of it and 2 workers. */
static double possible(double loop)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return loop / (double)(cpus > 4 ? 4 : cpus);
}

/* The best of the peers named; NaN: none has a figure. */
static double best_of(const struct results *results, unsigned row,
                      enum state state, const char *peers, const char **who)
{
    static const char *const all[] = {"go", "crossbeam", "tbb", "moodycamel",
                                      "prototype"};
    double best = NAN;

    if (has_word(peers, "possible")) {
        *who = "possible";
        return possible(look_up(results, row, "loop", state).median);
    }
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        double here;
        if (!has_word(peers, all[i]))
            continue;
        here = look_up(results, row, all[i], state).median;
        if (!isnan(here) && !(here >= best)) {
            best = here;
            *who = all[i];
        }
    }
    return best;
}

static void compare(const struct results *results, struct table *table,
                    unsigned row, enum state state, const struct goal *goal)
{
    double mine = look_up(results, row, "leat", state).median, other, ratio;
    const char *who = "-";

    if (isnan(mine))
        return;
    other = goal->peers ? best_of(results, row, state, goal->peers, &who) : 1;
    if (isnan(other))
        return;
    ratio = mine / other;
    table_cell(table, "%s", rows[row].title);
    table_cell(table, "%s", state_names[state]);
    table_cell(table, "%s", goal->peers ? who : "the goal itself");
    table_figure(table, mine);
    table_figure(table, goal->peers ? other : NAN);
    table_figure(table, goal->peers ? ratio : NAN);
    table_figure(table, goal->most);
    table_cell(table, "%s%s", ratio <= goal->most ? "reached" : "missed",
               goal->stretch ? " (stretch)" : "");
}

static void goals_table(const struct results *results, struct table *table)
{
    static const char *const heads[] = {"workload", "state", "against", "leat",
                                        "peer", "ratio", "goal", "verdict"};
    const struct goal near_prototype = {"prototype", 1 + PROTOTYPE_MORE / 100.0,
                                        false};

    table_begin(table, 3, heads, sizeof heads / sizeof *heads);
    for (unsigned row = 0; row < row_count; row++)
        for (enum state state = NEAR; state < MIXED; state++) {
            for (unsigned i = 0; i < ROW_GOALS; i++)
                if (rows[row].goals[i].most > 0)
                    compare(results, table, row, state, &rows[row].goals[i]);
            if (results->prototype && rows[row].part == CHANNELS)
                compare(results, table, row, state, &near_prototype);
        }
}

static void figures_table(const struct results *results, struct table *table)
{
    static const char *const heads[] = {"workload", "state", "peer", "median",
                                        "min", "max", "cpu", "switches", "runs"};
    static const char *const peers[] = {"leat", "prototype", "go", "crossbeam",
                                        "tbb", "moodycamel", "loop"};

    table_begin(table, 3, heads, sizeof heads / sizeof *heads);
    for (unsigned row = 0; row < row_count; row++)
        for (enum state state = NEAR; state < MIXED; state++)
            for (unsigned i = 0; i < sizeof peers / sizeof *peers; i++) {
                struct figure figure = look_up(results, row, peers[i], state);
                if (rows[row].part == FEATURE || figure.runs == 0)
                    continue;
                table_cell(table, "%s", rows[row].title);
                table_cell(table, "%s", state_names[state]);
                table_cell(table, "%s", peers[i]);
                table_figure(table, figure.median);
                table_figure(table, figure.least);
                table_figure(table, figure.most);
                table_figure(table, figure.cpu);
                table_figure(table, figure.switches);
                table_cell(table, "%u", figure.runs);
            }
}

static unsigned row_named(const char *workload)
{
    unsigned row = 0;

    while (strcmp(rows[row].workload, workload) != 0)
        row++;
    return row;
}

static void feature_cells(struct table *table, double with, double plain)
{
    table_figure(table, with);
    if (isnan(with) || isnan(plain))
        table_cell(table, "-");
    else
        table_cell(table, "%+.0f %%", 100 * (with / plain - 1));
}

/* A feature has two rows, the second with work. */
static void features_table(const struct results *results, struct table *table)
{
    static const char *const heads[] = {"pipeline", "state", "trivial", "cost",
                                        "2 us of work", "cost", "runs"};
    const char *const plain_names[] = {"pipeline", "pipeline-work"};

    table_begin(table, 2, heads, sizeof heads / sizeof *heads);
    for (enum state state = NEAR; state < MIXED; state++) {
        double plain[2];
        for (int i = 0; i < 2; i++)
            plain[i] = look_up(results, row_named(plain_names[i]), "leat",
                               state).median;
        for (unsigned row = 0; row < row_count; row++) {
            struct figure one, two;
            if (rows[row].part != FEATURE)
                continue;
            one = look_up(results, row, "leat", state);
            two = look_up(results, ++row, "leat", state);
            if (one.runs + two.runs == 0)
                continue;
            table_cell(table, "%s", rows[row].title);
            table_cell(table, "%s", state_names[state]);
            feature_cells(table, one.median, plain[0]);
            feature_cells(table, two.median, plain[1]);
            table_cell(table, "%u", one.runs + two.runs);
        }
    }
}

static void head(const struct results *results, FILE *to)
{
    struct utsname system;
    unsigned mixed = 0;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    double all = results->watched * (double)cpus;

    uname(&system);
    for (unsigned i = 0; i < results->count; i++)
        mixed += results->samples[i].state == MIXED;
    fprintf(to, "%ld CPUs, %s %s; %s\n", cpus, system.sysname, system.release,
            results->versions);
    fprintf(to, "%u rounds, %u runs in %.0f s; cache line's round trip %.0f to "
            "%.0f ns (near: below %d); %u runs left out because it changed; "
            "other processes and the host used %.0f %% of the CPUs.\n", results->rounds,
            results->count, results->took, results->gauge_least,
            results->gauge_most, GAUGE_FAR, mixed,
            all > 0 ? 100 * results->others / all : 0);
    fputs("Medians in ns per item, round trip or cancel; per ms of sleep for "
          "the parked receivers. cpu: of the whole process, the same units. "
          "switches: context switches per 1000 items.\n", to);
}

void results_print(const struct results *results, FILE *to, bool markdown)
{
    static struct table table;
    static const struct {
        const char *title;
        void (*fill)(const struct results *results, struct table *table);
    } parts[] = {{"All figures", figures_table},
                 {"What a feature costs", features_table},
                 {"Goals", goals_table}};

    fprintf(to, "%s", markdown ? "# leat: speed\n\n" : "\n");
    head(results, to);
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        parts[i].fill(results, &table);
        if (table.lines == 1)
            continue;
        fprintf(to, "\n%s%s\n\n", markdown ? "## " : "", parts[i].title);
        table_print(&table, to, markdown);
    }
}
