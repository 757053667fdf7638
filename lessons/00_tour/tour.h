/* tour.h - what the acts of the tour share.
 * SPDX-License-Identifier: MIT */
#ifndef TOUR_H
#define TOUR_H

#include <leat.h>
#include <stdbool.h>
#include <stdint.h>

enum { TOUR_PATH = 1024 };

/* What the tour is about: zipcodes.csv as it came. The hash is
 * leat_sqlite_hash() of its bytes. */
#define TOUR_RECORDS 42049
#define TOUR_HASH UINT64_C(0x4cd44a1894f11e30)

/* How the tour and its acts end; also the exit status of the program. */
enum {
    TOUR_OK = 0,        /* everything came out as it must */
    TOUR_WRONG = 1,     /* something did not */
    TOUR_REFUSED = 2,   /* arguments or files that cannot be used */
    TOUR_DRAINED = 3,   /* SIGINT: what was read has flowed out */
    TOUR_CANCELED = 130 /* SIGINT twice */
};

/* The file in memory: a text cut at its line feeds. What is broken on purpose,
 * and what it is compared with, comes from here; the pipelines read the file. */
struct lines {
    char *text;    /* owned, and cut up */
    char **line;   /* owned; line[0] is the header */
    size_t count;  /* of lines, the header among them */
    uint64_t hash; /* of the file's bytes */
};

struct tour {
    const char *csv, *dir;
    bool colour, progress;
    struct lines lines;

    /* Each act runs in contexts under these. SIGINT ends `drain`, and the
     * second time `run`. */
    leat_ctx *root, *run, *drain;

    char clean_db[TOUR_PATH];   /* act 1 */
    char broken_csv[TOUR_PATH]; /* act 2, and what it leaves to act 3 */
    char errors[TOUR_PATH], rerunning[TOUR_PATH];
    char final_db[TOUR_PATH]; /* acts 2 to 4 */
    char hang_db[TOUR_PATH];  /* act 5 */
    char threshold_db[TOUR_PATH], threshold_errors[TOUR_PATH]; /* act 6 */
    char reports_db[TOUR_PATH]; /* the reports of all runs */
    int lock;                   /* on dir; -1: none */
};

/* The acts. Each returns one of the statuses above. */
typedef int act_fn(struct tour *tour);
act_fn act_clean, act_broken, act_mended, act_resumed, act_hang, act_threshold;

/* The account over all of it, from the databases in dir alone. */
int tour_sum(struct tour *tour);

/* --- run.c --- */

/* Runs a pipeline under the tour's contexts, with the progress line where there
 * is one, prints the report and writes it down under the name of the part ("1",
 * "4a"). Fills in the drain, unless the act has one, and tick and trace.
 * expected: how many records, for the progress line. Does not return after
 * LEAT_ABANDONED: then only the end of the process helps. */
int tour_run(struct tour *tour, const char *part, leat_duration deadline,
             uint64_t expected, struct leat_pipeline *pipeline,
             struct leat_report *report);

/* Forgets the reports of an act, before it runs again. parts: a GLOB. False,
 * said: it cannot. */
bool tour_forget(struct tour *tour, const char *parts);

/* Writes down which file it is that the databases are made of. False, said. */
bool tour_note_csv(struct tour *tour);

/* --- files.c --- */

/* Loads csv (unless it is NULL), makes and locks dir, names the files in it.
 * TOUR_OK, or, said, the exit status. */
int tour_open(struct tour *tour);
void tour_close(struct tour *tour);

/* How many records the file has, without its header. */
uint64_t tour_records(const struct tour *tour);

/* Whether it is the zipcodes.csv of the kit; if not, says so. */
bool tour_is_kit(const struct tour *tour);

/* Removes a database and what SQLite keeps beside it. */
void tour_remove_db(const char *path);

/* --- signals.c --- */

/* To be called before any thread starts. */
void signals_block(void);

/* A task that ends tour->drain at the first SIGINT and tour->run at the
 * second. */
leat_task_fn signals_watch;

/* TOUR_OK, or TOUR_DRAINED or TOUR_CANCELED after SIGINT. */
int tour_stopped(const struct tour *tour);

/* --- text.c: what the tour prints --- */

enum paint { PAINT_OFF, PAINT_BOLD, PAINT_DIM, PAINT_GOOD, PAINT_BAD };

/* The escape sequence, or "" where there are no colours. */
const char *paint(const struct tour *tour, enum paint paint);

/* "42,049"; into text, which is returned. */
char *grouped(char text[32], uint64_t number);

/* The head of an act: its number and title, and some lines about it. */
void say_act(const struct tour *tour, int act, const char *title,
             const char *about);

/* What came out. Returns good ? TOUR_OK : TOUR_WRONG. */
int say_verdict(const struct tour *tour, bool good, const char *format, ...)
    LEAT_PRINTF_(3, 4);

/* "tour: ..." to standard error. */
void complain(const char *format, ...) LEAT_PRINTF_(1, 2);

/* The report as a table, and how the run ended. */
void say_report(const struct tour *tour, const struct leat_pipeline *pipeline,
                const struct leat_report *report, int status);

#endif
