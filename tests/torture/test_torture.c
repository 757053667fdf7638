/* test_torture.c - every allocation and every thread start fails once: whatever
 * it was, the call says so, nothing leaks, nothing is dropped twice, and nobody
 * waits for what never comes.
 *
 * One scenario for each function that allocates or starts a thread. A value
 * here owns no memory, so that every point that is reached is one of leat's.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/gate.h"
#include "support/torture.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/flow.h>
#include <leat/pipeline.h>
#include <leat/trace.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

TestSuite(torture, .timeout = 60);

enum { ITEMS = 4, VALUES = 256, MOST_POINTS = 2000 };

/* --- values that are counted --- */

static atomic_uint made, drops[VALUES];

struct value {
    uint64_t n;
    unsigned id; /* from 1; 0: a zeroed one */
};

static struct value value_new(uint64_t n)
{
    return (struct value){n, atomic_fetch_add(&made, 1) + 1};
}

static void value_drop(void *item)
{
    unsigned id = ((struct value *)item)->id;
    if (id > 0 && id < VALUES)
        atomic_fetch_add(&drops[id], 1);
}

static const struct leat_type value_type = {
    .name = "value", .size = sizeof(struct value), .drop = value_drop};

/* The first that was not dropped exactly once; 0: there is none. */
static unsigned misplaced(void)
{
    for (unsigned id = 1; id <= atomic_load(&made) && id < VALUES; id++)
        if (atomic_load(&drops[id]) != 1)
            return id;
    return 0;
}

/* --- the rack --- */

/* What the scenarios stand on; made before anything may fail. */
static leat_ctx *root;
static bool odd; /* something was seen that a status does not tell */

/* The scenario with the first point failing, then the second, until it has no
 * more points: that run must end as it should. */
static void rack(const char *name, enum torture_kind kind,
                 int (*scenario)(void), int clean)
{
    const char *what = kind == TORTURE_ALLOC ? "allocation" : "thread start";
    int failed = kind == TORTURE_ALLOC ? LEAT_NOMEM : LEAT_NOTHREAD;
    unsigned long point = 0;
    bool reached = true;
    while (reached && point++ < MOST_POINTS) {
        root = leat_ctx_root(PATIENCE);
        odd = false;
        atomic_store(&made, 0);
        memset(drops, 0, sizeof drops);
        torture_arm(kind, point);
        int status = scenario();
        reached = torture_disarm();
        leat_ctx_free(root);
        unsigned id = misplaced();
        if (status != (reached ? failed : clean) || odd || id)
            cr_assert(false, "%s, %s %lu%s: %s, odd %d, value %u was dropped "
                             "%u times", name, what, point,
                      reached ? " failed" : " was not reached",
                      leat_strstatus(status), odd, id,
                      atomic_load(&drops[id]));
    }
    cr_log_info("%s: each %s of %lu failed once", name, what, point - 1);
    cr_assert_gt(point, 1ul, "%s: no %s was reached", name, what);
    cr_assert_leq(point, (unsigned long)MOST_POINTS);
}

static void rack_both(const char *name, int (*scenario)(void), int clean)
{
    rack(name, TORTURE_ALLOC, scenario, clean);
    rack(name, TORTURE_THREAD, scenario, clean);
}

/* --- primitives --- */

static int a_root(void)
{
    leat_ctx *ctx = leat_ctx_root(LEAT_S);
    leat_ctx_free(ctx);
    return ctx ? LEAT_OK : LEAT_NOMEM;
}

Test(torture, a_root_context)
{
    rack("a_root", TORTURE_ALLOC, a_root, LEAT_OK);
}

static int a_family(void)
{
    leat_ctx *child = leat_ctx_new(root, LEAT_S);
    leat_ctx *grandchild = leat_ctx_new(child, 0);
    leat_ctx_free(child);
    odd |= leat_ctx_cause(grandchild) != (grandchild ? LEAT_OK : LEAT_INVALID);
    leat_ctx_free(grandchild);
    return grandchild ? LEAT_OK : LEAT_NOMEM;
}

Test(torture, a_chain_of_contexts)
{
    rack("a_family", TORTURE_ALLOC, a_family, LEAT_OK);
}

static int a_channel(void)
{
    leat_chan *ch = leat_chan_new("values", &value_type, 3);
    for (uint64_t n = 0; ch && n < 2; n++) {
        struct value value = value_new(n);
        odd |= leat_send(root, ch, &value) != LEAT_OK;
    }
    leat_chan_free(ch);
    return ch ? LEAT_OK : LEAT_NOMEM;
}

Test(torture, a_channel_and_what_is_in_it)
{
    rack("a_channel", TORTURE_ALLOC, a_channel, LEAT_OK);
}

static int an_empty_group(void)
{
    leat_group *group = leat_group_new(root);
    return group ? leat_group_wait(group, NULL) : LEAT_NOMEM;
}

Test(torture, a_group)
{
    rack("an_empty_group", TORTURE_ALLOC, an_empty_group, LEAT_OK);
}

static int give(leat_ctx *ctx, void *arg)
{
    struct value value = value_new(1);
    int status = leat_send(ctx, arg, &value);
    if (status != LEAT_OK)
        value_drop(&value);
    return status;
}

static int take(leat_ctx *ctx, void *arg)
{
    struct value value;
    int status = leat_recv(ctx, arg, &value);
    if (status == LEAT_OK)
        value_drop(&value);
    return status;
}

/* A rendezvous: of two tasks neither ends without the other, but by the
 * group. */
static int two_tasks(void)
{
    struct leat_error why = {0};
    leat_chan *ch = leat_chan_new("hand to hand", &value_type, 0);
    leat_group *group = ch ? leat_group_new(root) : NULL;
    int started = LEAT_OK, status = LEAT_NOMEM;
    if (group) {
        started = leat_go(group, "give", give, ch);
        int other = leat_go(group, "take", take, ch);
        started = started ? started : other;
        status = leat_group_wait(group, &why);
        odd |= status != started || why.status != status;
    }
    leat_chan_free(ch);
    return status;
}

Test(torture, tasks_that_need_each_other)
{
    rack_both("two_tasks", two_tasks, LEAT_OK);
}

/* --- flow --- */

static atomic_uint next;

static int make_value(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    unsigned n = atomic_fetch_add(&next, 1);
    if (n >= ITEMS)
        return LEAT_CLOSED;
    *(struct value *)out = value_new(n);
    return LEAT_OK;
}

static int copy_value(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    *(struct value *)out = value_new(((const struct value *)in)->n);
    return LEAT_OK;
}

static const struct leat_stage
    source = {.name = "make", .fn = make_value, .out = &value_type},
    copier = {.name = "copy", .fn = copy_value, .in = &value_type,
              .out = &value_type, .workers = 2};

/* Reads to the end what there is to read. */
static void swallow(leat_chan *ch)
{
    struct leat_item *item;
    int status;
    while ((status = ch ? leat_recv(root, ch, &item) : LEAT_CLOSED) == LEAT_OK)
        leat_item_free(item);
    odd |= status != LEAT_CLOSED; /* LEAT_TIMEOUT: nobody closed it */
}

static leat_group *new_flow(void)
{
    atomic_store(&next, 0);
    return leat_group_new(root);
}

static int end_flow(leat_group *group, leat_chan *a, leat_chan *b)
{
    swallow(a);
    swallow(b);
    return group ? leat_group_wait(group, NULL) : LEAT_NOMEM;
}

static int generated(void)
{
    leat_group *group = new_flow();
    return end_flow(group, leat_generate(group, &source), NULL);
}

Test(torture, generate)
{
    rack_both("generated", generated, LEAT_OK);
}

static int mapped(void)
{
    leat_group *group = new_flow();
    leat_chan *made_values = leat_generate(group, &source);
    return end_flow(group, leat_map(group, made_values, &copier), NULL);
}

Test(torture, map)
{
    rack_both("mapped", mapped, LEAT_OK);
}

static int fanned_out(void)
{
    leat_group *group = new_flow();
    leat_chan *outs[2];
    int status = leat_fan_out(group, leat_generate(group, &source), &copier,
                              outs);
    odd |= status != LEAT_OK && (outs[0] || outs[1]);
    return end_flow(group, outs[0], outs[1]);
}

Test(torture, fan_out)
{
    rack_both("fanned_out", fanned_out, LEAT_OK);
}

static int fanned_in(void)
{
    leat_group *group = new_flow();
    leat_chan *outs[2];
    leat_fan_out(group, leat_generate(group, &source), &copier, outs);
    return end_flow(group, leat_fan_in(group, outs, 2), NULL);
}

Test(torture, fan_in)
{
    rack_both("fanned_in", fanned_in, LEAT_OK);
}

static int teed(void)
{
    leat_group *group = new_flow();
    leat_chan *outs[2];
    int status = leat_tee(group, leat_generate(group, &source), outs, 2);
    odd |= status != LEAT_OK && (outs[0] || outs[1]);
    return end_flow(group, outs[0], outs[1]);
}

Test(torture, tee)
{
    rack_both("teed", teed, LEAT_OK);
}

static int or_done(void)
{
    leat_group *group = new_flow();
    return end_flow(group, leat_or_done(group, leat_generate(group, &source)),
                    NULL);
}

Test(torture, or_done)
{
    rack_both("or_done", or_done, LEAT_OK);
}

/* --- pipelines --- */

static struct leat_pipeline pipeline;
static struct gate opened, closed, begun, ended, tries[ITEMS];

static int gate_count(struct gate *gate)
{
    return (int)atomic_load_explicit(&gate->at, memory_order_relaxed);
}

static int keep_value(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    return ((const struct value *)in)->n < ITEMS ? LEAT_OK : EINVAL;
}

static int copy_at_the_second(leat_ctx *ctx, const void *in, void *out,
                              void *arg)
{
    uint64_t n = ((const struct value *)in)->n;
    copy_value(ctx, in, out, arg);
    gate_step(&tries[n]);
    return gate_count(&tries[n]) < 2 ? LEAT_AGAIN : LEAT_OK;
}

static int refuse_the_second(leat_ctx *ctx, const void *in, void *out,
                             void *arg)
{
    copy_value(ctx, in, out, arg);
    return ((const struct value *)in)->n == 1 ? EBADMSG : LEAT_OK;
}

static int look_at_failure(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const struct leat_item *item = in;
    return item->error == EBADMSG ? LEAT_OK : EINVAL;
}

static int store_open(leat_ctx *ctx, void *arg, void **state)
{
    gate_step(&opened);
    *state = &opened;
    return LEAT_OK;
}

static int store_begin(leat_ctx *ctx, void *state)
{
    gate_step(&begun);
    return LEAT_OK;
}

static int store_end(leat_ctx *ctx, int status, void *state)
{
    gate_step(&ended);
    return LEAT_OK;
}

static void store_close(void *state)
{
    gate_step(&closed);
}

static const struct leat_resource store = {
    .open = store_open, .begin = store_begin, .end = store_end,
    .close = store_close};

static void new_pipeline(void)
{
    pipeline = (struct leat_pipeline){
        .stages = {source, copier,
                   {"keep", keep_value, .in = &value_type, .workers = 2}},
        .grace = PATIENCE};
}

static bool adds_up(const struct leat_counts *c)
{
    return c->in == c->ok + c->skipped + c->failed + c->canceled + c->abandoned;
}

static int ran(void)
{
    struct leat_report report;
    struct gate *gates[] = {&opened, &closed, &begun, &ended};
    for (int i = 0; i < 4; i++)
        gate_init(gates[i]);
    for (int i = 0; i < ITEMS; i++)
        gate_init(&tries[i]);
    atomic_store(&next, 0);
    int status = leat_run(root, &pipeline, &report);
    odd |= !adds_up(&report.total) || !adds_up(&report.errors);
    for (int i = 0; i < LEAT_STAGES; i++)
        odd |= !adds_up(&report.stages[i]);
    odd |= status < 0 && status != LEAT_PARTIAL &&
           (report.cause.status != status || !report.cause.message[0]);
    odd |= gate_count(&opened) != gate_count(&closed) ||
           gate_count(&begun) != gate_count(&ended);
    odd |= status == LEAT_OK && report.total.ok != ITEMS;
    return status;
}

static void rack_pipeline(const char *name, int clean)
{
    rack_both(name, ran, clean);
}

Test(torture, a_plain_pipeline)
{
    new_pipeline();
    rack_pipeline("plain", LEAT_OK);
}

Test(torture, a_pipeline_that_retries)
{
    new_pipeline();
    pipeline.stages[1].fn = copy_at_the_second;
    pipeline.stages[1].retry = (struct leat_retry){.attempts = 2};
    rack_pipeline("retry", LEAT_OK);
    for (int i = 0; i < ITEMS; i++)
        cr_assert_eq(gate_count(&tries[i]), 2);
}

Test(torture, a_pipeline_with_a_resource)
{
    new_pipeline();
    pipeline.stages[2].resource = &store;
    pipeline.stages[2].batch = 2;
    rack_pipeline("resource", LEAT_OK);
    cr_assert_gt(gate_count(&ended), 1);
    cr_assert_eq(gate_count(&closed), 2);
}

Test(torture, an_ordered_pipeline)
{
    new_pipeline();
    pipeline.stages[1].ordered = true;
    rack_pipeline("ordered", LEAT_OK);
}

Test(torture, a_pipeline_with_a_limit_to_the_share_of_failures)
{
    new_pipeline();
    pipeline.stages[1].fn = refuse_the_second;
    pipeline.threshold = (struct leat_threshold){.ratio = 0.9, .window = 4};
    rack_pipeline("ratio", LEAT_PARTIAL);
}

Test(torture, a_pipeline_with_a_sink_for_failed_items)
{
    new_pipeline();
    pipeline.stages[1].fn = refuse_the_second;
    pipeline.errors = (struct leat_stage){.name = "errors",
                                          .fn = look_at_failure};
    rack_pipeline("errors", LEAT_PARTIAL);
}

Test(torture, a_pipeline_with_timeouts)
{
    new_pipeline();
    for (int i = 0; i < 3; i++)
        pipeline.stages[i].timeout = PATIENCE;
    pipeline.item_timeout = PATIENCE;
    rack_pipeline("timeouts", LEAT_OK);
}

/* --- traces --- */

static int traced(void)
{
    leat_trace *trace = leat_trace_new(16);
    leat_ctx *ctx = trace ? leat_ctx_new(root, 0) : NULL;
    int status = ctx ? leat_trace_attach(trace, ctx) : LEAT_NOMEM;
    leat_ctx *parent = root;
    FILE *file = status == LEAT_OK ? fopen("/dev/null", "w") : NULL;
    if (file) {
        root = ctx;
        status = ran();
        root = parent;
        int written = leat_trace_write(trace, file);
        odd |= written != LEAT_OK && written != LEAT_NOMEM;
        status = status ? status : written;
        fclose(file);
    }
    leat_ctx_free(ctx);
    leat_trace_free(trace);
    return status;
}

Test(torture, a_pipeline_under_a_trace)
{
    new_pipeline();
    rack_both("trace", traced, LEAT_OK);
}
