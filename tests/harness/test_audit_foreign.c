/* test_audit_foreign.c - the audit of a work queue that knows nothing of leat,
 * behind three functions of glue; and the audit as a program.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "harness/ends.h"
#include <criterion/criterion.h>
#include <leat/audit.h>
#include <leat/fault.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

TestSuite(audit_foreign, .timeout = 30);

/* --- their project --- */

enum { ROOM = 64, MOST = 8 };

struct queue {
    int (*handle)(uint64_t job, void *arg);
    void *arg;
    uint64_t jobs[ROOM];
    size_t put, taken; /* this and below under the lock */
    uint64_t done, failed, dropped;
    bool closed, stopped;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t threads[MOST];
    unsigned workers;
};

static bool take(struct queue *queue, uint64_t *job)
{
    bool some = false;
    pthread_mutex_lock(&queue->lock);
    while (queue->put == queue->taken && !queue->closed)
        pthread_cond_wait(&queue->changed, &queue->lock);
    if (!queue->stopped && queue->put > queue->taken) {
        *job = queue->jobs[queue->taken++];
        some = true;
    }
    pthread_mutex_unlock(&queue->lock);
    return some;
}

static void settle(struct queue *queue, int error);

static void *work(void *arg)
{
    struct queue *queue = arg;
    uint64_t job;
    while (take(queue, &job))
        settle(queue, queue->handle(job, queue->arg));
    return NULL;
}

/* --- their test: the glue, and what is wrong on purpose --- */

static enum bug {
    NOTHING, SWALLOWS, BLAMES_ANOTHER, SETTLES_TWICE, NEVER_STOPS, SAYS_NOTHING
} bug;

static struct glue {
    leat_audit_run *run;
    struct queue queue;
    char failed_in[16];
} glue;

static void settle(struct queue *queue, int error)
{
    pthread_mutex_lock(&queue->lock);
    queue->failed += error != 0 && bug != SWALLOWS;
    queue->done += error == 0 || bug == SETTLES_TWICE || bug == SWALLOWS;
    pthread_mutex_unlock(&queue->lock);
}

static int stage(const char *name, uint64_t job)
{
    int error = leat_audit_hit(glue.run, name, job);
    if (error) {
        pthread_mutex_lock(&glue.queue.lock);
        snprintf(glue.failed_in, sizeof glue.failed_in, "%s",
                 bug == BLAMES_ANOTHER ? "store" : name);
        pthread_mutex_unlock(&glue.queue.lock);
    }
    return error;
}

static int handle(uint64_t job, void *arg)
{
    int error = stage("check", job);
    return error ? error : stage("store", job);
}

static int start(leat_audit_run *run, unsigned workers, void *arg)
{
    glue.run = run;
    glue.queue = (struct queue){.handle = handle, .workers = workers,
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER};
    for (unsigned i = 0; i < workers; i++)
        if (pthread_create(&glue.queue.threads[i], NULL, work, &glue.queue))
            return LEAT_NOTHREAD;
    return LEAT_OK;
}

static int feed(leat_audit_run *run, uint64_t job, void *arg)
{
    struct queue *queue = &glue.queue;
    pthread_mutex_lock(&queue->lock);
    queue->jobs[queue->put++] = job;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return LEAT_OK;
}

/* Until all is done; what is left when the context ends is dropped. */
static int stop(leat_audit_run *run, struct leat_counts *counts,
                struct leat_error *why, void *arg)
{
    struct queue *queue = &glue.queue;
    pthread_mutex_lock(&queue->lock);
    queue->closed = bug != NEVER_STOPS;
    pthread_cond_broadcast(&queue->changed);
    while (bug != NEVER_STOPS && queue->put > queue->taken &&
           leat_ctx_cause(leat_audit_ctx(run)) == LEAT_OK) {
        pthread_mutex_unlock(&queue->lock);
        leat_sleep(leat_audit_ctx(run), LEAT_MS);
        pthread_mutex_lock(&queue->lock);
    }
    queue->stopped = bug != NEVER_STOPS;
    pthread_mutex_unlock(&queue->lock);
    for (unsigned i = 0; i < queue->workers; i++)
        pthread_join(queue->threads[i], NULL);
    *counts = (struct leat_counts){.in = queue->put, .ok = queue->done,
                                   .failed = queue->failed,
                                   .canceled = queue->put - queue->taken};
    if (*glue.failed_in && bug != SAYS_NOTHING)
        why->stage = glue.failed_in;
    return queue->failed ? LEAT_PARTIAL : LEAT_OK;
}

static const char *const stages[] = {"check", "store", NULL};
static struct leat_audit_report report;

/* It has no way to leave a stuck thread behind, nor to name one that is not
 * stuck for ever. */
static struct leat_audit theirs(enum bug planted, const char *only)
{
    bug = planted;
    return (struct leat_audit){
        .name = "queue", .stages = stages, .start = start, .feed = feed,
        .stop = stop, .only = only, .seed = 1,
        .except = "*/stubborn/* */deadline/*"};
}

static int audit(enum bug planted, const char *only)
{
    struct leat_audit a = theirs(planted, only);
    return leat_audit(&a, &report);
}

#define SAYS(part)                                                             \
    cr_assert(strstr(report.text, part), "it says:\n%s", report.text)

#ifdef LEAT_SLOW /* each cell is a process under the tool */
#define SOME "*/error/5 check/hang/5 store/cancel/1"
#else
#define SOME "*"
#endif

Test(audit_foreign, a_sound_queue_keeps_the_laws)
{
    cr_assert_eq(audit(NOTHING, SOME), LEAT_OK, "\n%s", report.text);
    cr_assert_eq(report.missed, 0, "\n%s", report.text);
    SAYS("not judged: rerun: only known of leat's pipelines");
    SAYS("items: unknown: no function counts them");
}

Test(audit_foreign, a_swallowed_error_is_found)
{
    cr_assert_eq(audit(SWALLOWS, "check/error/1"), LEAT_PARTIAL);
    SAYS("check/error/1: account: 6 items were hit, but 0 count as failed");
}

Test(audit_foreign, a_wrong_stage_blamed_is_found)
{
    cr_assert_eq(audit(BLAMES_ANOTHER, "*/error/5"), LEAT_PARTIAL);
    SAYS("check/error/5: blame: store is named, though check is to blame");
    SAYS("1 of 3 cells fail");
}

Test(audit_foreign, an_item_settled_twice_is_found)
{
    cr_assert_eq(audit(SETTLES_TWICE, "store/error/1"), LEAT_PARTIAL);
    SAYS("store/error/1: account: of all 12 came in, but 12 ok + 0 skipped + 6 "
         "failed");
}

Test(audit_foreign, one_that_never_stops_is_killed_and_costs_one_cell)
{
    struct leat_audit a = theirs(NEVER_STOPS, "store/error/1");
    a.limit = 50 * LEAT_MS;
    cr_assert_eq(leat_audit(&a, &report), LEAT_PARTIAL);
    SAYS("-/clean/1: ends: it hangs: killed after 50 ms");
}

Test(audit_foreign, blame_that_nobody_tells_is_not_judged_and_that_is_said)
{
    cr_assert_eq(audit(SAYS_NOTHING, "check/error/1"), LEAT_OK);
    SAYS("not judged: blame: stop does not say who has failed");
}

Test(audit_foreign, a_stuck_stage_is_late_where_nobody_leaves_it_behind)
{
    struct leat_audit a = theirs(NOTHING, "check/stubborn/1");
    a.except = NULL;
    a.slack = LEAT_MS;
    cr_assert_eq(leat_audit(&a, &report), LEAT_PARTIAL);
    SAYS("check/stubborn/1: ends: it took ");
}

/* --- as a program --- */

static enum bug planted;
static int exit_status;
static char *arguments[4];

static void be_program(void)
{
    struct leat_audit a = theirs(planted, NULL);
    int argc = 0;
    while (arguments[argc])
        argc++;
    dup2(STDERR_FILENO, STDOUT_FILENO);
    exit_status = leat_audit_main(&a, argc, arguments);
    fflush(stdout);
    leave(exit_status);
}

static int run_program(enum bug bug_, const char *one, const char *two,
                       char *text, size_t size)
{
    planted = bug_;
    arguments[0] = (char *)"audit";
    arguments[1] = (char *)one;
    arguments[2] = (char *)two;
    int status = how_it_ends(be_program, text, size);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(audit_foreign, as_a_program_its_exit_status_is_the_verdict)
{
    static char text[LEAT_AUDIT_TEXT];
    cr_assert_eq(run_program(NOTHING, "check/error/1", NULL, text, sizeof text),
                 0, "%s", text);
    cr_assert(strstr(text, "queue: 2 stages"), "%s", text);
    cr_assert_null(strchr(text, '\033'), "no colours into a file");
    cr_assert_eq(run_program(SWALLOWS, "check/error/1", NULL, text,
                             sizeof text), 1, "%s", text);
    cr_assert_eq(run_program(NOTHING, "--list", NULL, text, sizeof text), 0);
    cr_assert(strstr(text, "check/error/1\ncheck/error/5\n"), "%s", text);
    cr_assert_eq(run_program(NOTHING, "--seed", NULL, text, sizeof text), 2);
    cr_assert_eq(run_program(NOTHING, "--seed", "0", text, sizeof text), 2);
    cr_assert_eq(run_program(NOTHING, "nothing/*", NULL, text, sizeof text), 2);
    cr_assert(strstr(text, "no such cell"), "%s", text);
}

Test(audit_foreign, seed_and_cells_may_come_from_the_environment)
{
    struct leat_audit a = theirs(NOTHING, NULL);
    a.seed = 0;
    setenv("LEAT_SEED", "77", 1);
    setenv("LEAT_AUDIT", "store/slow/1", 1);
    cr_assert_eq(leat_audit(&a, &report), LEAT_OK, "\n%s", report.text);
    cr_assert_eq(report.seed, 77);
    cr_assert_eq(report.cells, 2);
    SAYS("seed 77");
}
