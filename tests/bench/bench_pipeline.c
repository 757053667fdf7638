/* bench_pipeline.c - leat_run() over a source, 4 and 2 workers and a sink:
 * plain, and with one feature more, which is what follows a '+' in the
 * workload's name.
 *
 * The items fail as the peers' do, one in a thousand, but by the library's own
 * way: the first stage says so, and they pass the rest untouched.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench_leat.h"
#include <errno.h>
#include <leat/pipeline.h>

struct job {
    uint64_t count;  /* items to make */
    int rounds;      /* of work in a stage */
    _Alignas(64) uint64_t next;
    _Alignas(64) struct sum good; /* what reached the sink */
    _Alignas(64) uint64_t failed; /* what reached the errors sink */
    uint64_t events;              /* what the trace was told */
};

static int make(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct job *job = arg;
    struct item *item = out;

    if (job->next == job->count)
        return LEAT_CLOSED;
    item_init(item, job->next++);
    return LEAT_OK;
}

static int first(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct job *job = arg;
    const struct item *item = in;
    struct item *made = out;

    if (item->error)
        return EINVAL;
    *made = *item;
    made->value = first_stage(item->value, job->rounds);
    return LEAT_OK;
}

static int second(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct job *job = arg;
    const struct item *item = in;
    struct item *made = out;

    *made = *item;
    made->value = second_stage(item->value, item->id, job->rounds);
    return LEAT_OK;
}

static int take(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct job *job = arg;

    sum_item(&job->good, in);
    return LEAT_OK;
}

static int keep(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    struct job *job = arg;

    job->failed++;
    return LEAT_OK;
}

static void count_event(const struct leat_event *event, void *arg)
{
    struct job *job = arg;

    job->events++;
}

static int open_job(leat_ctx *ctx, void *arg, void **state)
{
    *state = arg;
    return LEAT_OK;
}

static int begin_batch(leat_ctx *ctx, void *state)
{
    return LEAT_OK;
}

static int end_batch(leat_ctx *ctx, int status, void *state)
{
    return LEAT_OK;
}

static const struct leat_resource transaction = {
    .open = open_job, .begin = begin_batch, .end = end_batch};

/* False: there is no such feature. */
static bool add(struct leat_pipeline *pipeline, struct job *job,
                const char *feature)
{
    struct leat_stage *stages = pipeline->stages;

    if (strcmp(feature, "trace") == 0) {
        pipeline->trace = count_event;
        pipeline->trace_arg = job;
    } else if (strcmp(feature, "attempt") == 0) {
        for (int i = 1; i <= 3; i++)
            stages[i].timeout = 10 * LEAT_S;
    } else if (strcmp(feature, "item") == 0) {
        pipeline->item_timeout = 60 * LEAT_S;
    } else if (strcmp(feature, "ordered") == 0) {
        stages[1].ordered = stages[2].ordered = true;
    } else if (strcmp(feature, "errors") == 0) {
        pipeline->errors = (struct leat_stage){.name = "errors", .fn = keep,
                                               .arg = job};
    } else if (strcmp(feature, "retry") == 0) {
        stages[1].retry = stages[2].retry = (struct leat_retry){.attempts = 3};
    } else if (strcmp(feature, "batch") == 0) {
        stages[3].resource = &transaction;
        stages[3].batch = 64;
    } else {
        return strcmp(feature, "report") == 0;
    }
    return true;
}

static bool is_right(const struct job *job, const struct leat_pipeline *pipeline,
                     const struct leat_counts *total, const char *feature)
{
    uint64_t failed = job->count / MARKED;
    struct sum all = job->good;

    all.count += failed;
    all.errors += failed;
    for (uint64_t id = MARKED - 1; id < job->count; id += MARKED) {
        all.values += id + 1;
        all.ids += id;
    }
    return sum_is_right(&all, job->count) &&
           (!pipeline->errors.fn || job->failed == failed) &&
           (!pipeline->trace || job->events >= failed) &&
           (strcmp(feature, "report") != 0 ||
            (total->ok == job->count - failed && total->failed == failed));
}

static int run(const char *workload, uint64_t count, const char *feature)
{
    static struct job job;
    const struct leat_type *type = LEAT_TYPE(struct item);
    struct leat_pipeline pipeline = {
        .stages = {
            {"make", make, &job, .out = type, .batch = 32},
            {"first", first, &job, .in = type, .out = type, .workers = 4,
             .capacity = CAPACITY},
            {"second", second, &job, .in = type, .out = type, .workers = 2,
             .capacity = CAPACITY},
            {"take", take, &job, .in = type, .capacity = CAPACITY},
        },
    };
    bool reported = strcmp(feature, "report") == 0;
    struct leat_report report = {0};
    leat_ctx *ctx;
    double began, took;
    int status;

    job = (struct job){.count = count, .rounds = rounds_of(workload)};
    if (feature[0] && !add(&pipeline, &job, feature))
        return NOT_MINE;
    ctx = leat_ctx_root(600 * LEAT_S);
    began = seconds();
    status = leat_run(ctx, &pipeline, reported ? &report : NULL);
    took = seconds() - began;
    leat_ctx_free(ctx);
    return result("leat", workload, count, took,
                  status == (count < MARKED ? LEAT_OK : LEAT_PARTIAL) &&
                      is_right(&job, &pipeline, &report.total, feature));
}

int bench_pipeline(const char *workload, uint64_t count)
{
    const char *plus = strchr(workload, '+');

    if (strncmp(workload, "pipeline", 8) != 0)
        return NOT_MINE;
    return run(workload, count, plus ? plus + 1 : "");
}
