/* rows.c - what is measured.
 *
 * The prototype has a row when PROTOTYPE is given and its name stands there.
 * Its rows and their names are those of the programs it was measured with.
 * SPDX-License-Identifier: MIT */
#include "rows.h"
#include <stddef.h>
#include <string.h>

enum { MILLION = 1000000 };

/* Twice, as results.c has it: trivial work, and 2 us a stage. */
#define FEATURE_ROWS(feature, title)                                           \
    {"pipeline+" feature, title, FEATURE, "leat", MILLION, false, {{0}}},      \
    {"pipeline-work+" feature, title, FEATURE, "leat", 300000, false, {{0}}}

const struct row rows[] = {
    {"spsc-buf", "one to one", CHANNELS, "leat prototype go crossbeam tbb",
     5 * MILLION, false, {{"crossbeam", 0.6, false}}},
    {"mpmc-buf", "2 to 2", CHANNELS, "leat prototype go crossbeam tbb",
     4 * MILLION, false, {{"crossbeam go", 0.6, false}}},
    {"mpmc-4x4", "4 to 4", CHANNELS, "leat prototype go crossbeam tbb",
     4 * MILLION, false, {{"crossbeam go", 0.6, false}}},
    {"many-spsc", "64 at a time, one to one", CHANNELS,
     "leat prototype moodycamel", 20 * MILLION, false,
     {{"moodycamel", 1.2, false}}},
    {"many-mpmc", "64 at a time, 2 to 2", CHANNELS,
     "leat prototype moodycamel", 20 * MILLION, false,
     {{"moodycamel", 1.2, false}}},
    {"many-4x4", "64 at a time, 4 to 4", CHANNELS,
     "leat prototype moodycamel", 20 * MILLION, false,
     {{"moodycamel", 1.2, false}}},
    {"unbuf", "rendezvous", CHANNELS, "leat prototype go crossbeam", MILLION,
     false, {{"crossbeam", 0.9, false}, {"go", 1.0, true}}},
    {"pingpong", "ping-pong", CHANNELS, "leat prototype go crossbeam tbb",
     300000, false, {{"crossbeam", 0.3, false}, {"go", 1.0, true}}},
    {"select", "select over 4", CHANNELS, "leat prototype go crossbeam",
     2 * MILLION, false, {{"go", 0.45, false}}},
    {"select-done", "cancellable send + receive", CHANNELS,
     "leat prototype go crossbeam", 3 * MILLION, false, {{"go", 0.25, false}}},
    {"idle", "8 parked receivers", WAITS, "leat", 500, true,
     {{NULL, 2000, false}}},
    {"cancel", "cancel of 8 sleepers", WAITS, "leat", 20, true, {{0}}},
    {"fault-none", "a call without a fault", WAITS, "leat", 100 * MILLION,
     false, {{0}}},
    {"fault-off", "with a dormant fault", WAITS, "leat", 100 * MILLION, false,
     {{NULL, 3, false}}},
    {"fault-not-due", "with a fault, not due", WAITS, "leat", 20 * MILLION,
     false, {{0}}},
    {"pipeline", "pipeline 1>4>2>1", PIPELINE,
     "leat prototype go crossbeam tbb loop", MILLION, false,
     {{"tbb", 0.85, false}, {"go", 0.25, false}}},
    {"pipeline-work", "pipeline, 2 us of work", PIPELINE,
     "leat prototype go crossbeam tbb loop", 300000, false,
     {{"possible", 1.03, false}, {"tbb", 1.0, false}}},
    FEATURE_ROWS("report", "+ report"),
    FEATURE_ROWS("trace", "+ trace (failures)"),
    FEATURE_ROWS("attempt", "+ timeout of an attempt"),
    FEATURE_ROWS("item", "+ timeout of an item"),
    FEATURE_ROWS("ordered", "+ ordered"),
    FEATURE_ROWS("errors", "+ errors sink"),
    FEATURE_ROWS("retry", "+ retry"),
    FEATURE_ROWS("batch", "+ resource, batches of 64"),
    {"job", "CSV to SQLite", JOB, "leat loop", 42049, true, {{0}}},
    {"job+markers", "the same, loop with markers", JOB, "loop", 42049, true,
     {{0}}},
};

const unsigned row_count = sizeof rows / sizeof *rows;

bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; at && *at; at += strspn(at, " ")) {
        size_t here = strcspn(at, " ");
        if (here == len && strncmp(at, word, len) == 0)
            return true;
        at += here;
    }
    return false;
}
