/* driver.c - runs the programs in turn, several rounds, the gauge between every
 * two, and says what came out.
 *
 * usage: driver [-r ROUNDS] [-t MS] [-f CSV] [-o MARKDOWN] [-v VERSIONS] [-p]
 *        FOLDER [WORKLOAD...]
 *   -t  how long a run should take; -p: FOLDER has the prototype, too
 * Exit status: 1: a program gave a wrong result or did not end.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "results.h"
#include "rows.h"
#include "work.h"
#include <math.h>
#include <unistd.h>

enum { LIMIT = 20 }; /* seconds for one run */

static const char *const peers[] = {"leat", "prototype", "go", "crossbeam",
                                    "tbb", "moodycamel", "loop"};
enum { PEERS = sizeof peers / sizeof *peers };

struct plan {
    const char *folder, *file, *markdown;
    double target; /* seconds of a run */
    char **only;   /* workloads; empty: all */
    bool terminal, failed;
    uint64_t (*counts)[PEERS]; /* items of a run, by row; 0: not known yet */
    double gauge;              /* the last */
};

static bool wanted(const struct plan *plan, const struct results *results,
                   unsigned row, unsigned peer)
{
    bool named = !plan->only[0];

    for (char **at = plan->only; *at && !named; at++)
        named = strcmp(*at, rows[row].workload) == 0;
    return named && has_word(rows[row].peers, peers[peer]) &&
           (results->prototype || strcmp(peers[peer], "prototype") != 0);
}

static bool once(struct plan *plan, unsigned row, unsigned peer, uint64_t count,
                 struct run *run)
{
    char path[4096];
    enum outcome outcome;

    snprintf(path, sizeof path, "%s/%s", plan->folder, peers[peer]);
    outcome = run_program(path, rows[row].workload, count, plan->file, LIMIT,
                          run);
    if (outcome == RAN)
        return true;
    fprintf(stderr, "\n%s %s %" PRIu64 ": %s\n", peers[peer],
            rows[row].workload, count,
            outcome == TOO_LONG ? "did not end in time" : "failed");
    plan->failed = true;
    return false;
}

/* How many items a run of the wanted length has: from a short one, which also
 * warms up. */
static uint64_t settle_count(struct plan *plan, unsigned row, unsigned peer)
{
    uint64_t most = rows[row].count, count = most / 100;
    struct run run;

    if (rows[row].fixed)
        return most;
    if (!once(plan, row, peer, count, &run))
        return 0;
    if (run.took < plan->target)
        count = (uint64_t)((double)count * plan->target / run.took);
    return count < most ? count : most;
}

static void measure(struct plan *plan, struct results *results, unsigned row,
                    unsigned peer)
{
    struct sample sample = {.row = row, .peer = peers[peer]};
    double before = plan->gauge, used, began;

    if (plan->counts[row][peer] == 0) {
        plan->counts[row][peer] = settle_count(plan, row, peer);
        before = gauge();
    }
    used = machine_cpu();
    began = seconds();
    if (plan->counts[row][peer] == 0 ||
        !once(plan, row, peer, plan->counts[row][peer], &sample.run))
        return;
    results->watched += seconds() - began;
    results->others += machine_cpu() - used -
                       sample.run.cpu * 1e-9 * (double)sample.run.count;
    plan->gauge = gauge();
    sample.state = state_of(before, plan->gauge);
    results->gauge_least = fmin(results->gauge_least, plan->gauge);
    results->gauge_most = fmax(results->gauge_most, plan->gauge);
    results_add(results, &sample);
}

/* Everybody once, each row's peers one after the other, another one first in
 * every round. */
static void do_round(struct plan *plan, struct results *results, unsigned round)
{
    for (unsigned row = 0; row < row_count; row++)
        for (unsigned i = 0; i < PEERS; i++) {
            unsigned peer = (i + round) % PEERS;
            if (!wanted(plan, results, row, peer))
                continue;
            if (plan->terminal)
                fprintf(stderr, "\rround %u of %u: %-24s %-12s", round + 1,
                        results->rounds, rows[row].workload, peers[peer]);
            measure(plan, results, row, peer);
        }
    if (plan->terminal)
        fputs("\r\033[K", stderr);
}

static int finish(const struct plan *plan, const struct results *results)
{
    FILE *file = plan->markdown ? fopen(plan->markdown, "w") : NULL;

    results_print(results, stdout, false);
    if (plan->markdown && !file) {
        perror(plan->markdown);
        return 1;
    }
    if (file) {
        results_print(results, file, true);
        if (fclose(file) != 0)
            return 1;
        printf("\nAs Markdown: %s\n", plan->markdown);
    }
    return plan->failed;
}

int main(int argc, char **argv)
{
    static struct plan plan = {.target = 0.2};
    struct results results = {.rounds = 5, .gauge_least = INFINITY,
                              .versions = ""};
    double began = seconds();
    int option;

    while ((option = getopt(argc, argv, "r:t:f:o:v:p")) >= 0)
        switch (option) {
        case 'r': results.rounds = (unsigned)atoi(optarg); break;
        case 't': plan.target = atof(optarg) / 1000; break;
        case 'f': plan.file = optarg; break;
        case 'o': plan.markdown = optarg; break;
        case 'v': results.versions = optarg; break;
        case 'p': results.prototype = true; break;
        default: return 2;
        }
    if (optind == argc)
        return 2;
    plan.folder = argv[optind];
    plan.only = argv + optind + 1;
    plan.terminal = isatty(STDERR_FILENO);
    plan.counts = calloc(row_count, sizeof *plan.counts);
    if (!plan.counts)
        return 1;
    plan.gauge = gauge();
    for (unsigned round = 0; round < results.rounds; round++)
        do_round(&plan, &results, round);
    results.took = seconds() - began;
    free(plan.counts);
    return finish(&plan, &results);
}
