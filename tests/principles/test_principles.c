/* test_principles.c - what leat teaches, each principle twice: done right, it
 * works; with the bug planted, leat shows it.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/run.h"
#include "support/scale.h"
#include <errno.h>
#include <leat/group.h>
#include <leat/trace.h>

TestSuite(principles, .timeout = 30);

/* --- 1: always close what you open --- */

struct pipe {
    leat_chan *ch;
    atomic_uint left; /* producers that have not ended */
    bool forgets;     /* planted: nobody closes */
    bool hurries;     /* planted: the first to end closes, not the last */
    struct gate gone; /* producers that have ended */
    unsigned received;
};

static int produce(leat_ctx *ctx, void *arg)
{
    struct pipe *pipe = arg;
    bool second = atomic_fetch_sub(&pipe->left, 1) == 1;
    unsigned n = 7;
    if (second) /* one ends before the other sends */
        gate_wait(&pipe->gone, 1);
    int status = leat_send(ctx, pipe->ch, &n);
    if (!pipe->forgets && (second || pipe->hurries))
        leat_close(pipe->ch);
    gate_step(&pipe->gone);
    return status;
}

static int consume(leat_ctx *ctx, void *arg)
{
    struct pipe *pipe = arg;
    unsigned n;
    int status;
    while ((status = leat_recv(ctx, pipe->ch, &n)) == LEAT_OK)
        pipe->received++;
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

static leat_group *start_pipe(leat_ctx *ctx, struct pipe *pipe)
{
    leat_group *group = leat_group_new(ctx);
    pipe->ch = leat_chan_new("pipe", LEAT_TYPE(unsigned), 4);
    atomic_init(&pipe->left, 2);
    gate_init(&pipe->gone);
    leat_go(group, "producer", produce, pipe);
    leat_go(group, "producer", produce, pipe);
    leat_go(group, "consumer", consume, pipe);
    return group;
}

Test(principles, one_closed_by_the_last_and_it_ends)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct pipe pipe = {.received = 0};
    cr_assert_eq(leat_group_wait(start_pipe(ctx, &pipe), NULL), LEAT_OK);
    cr_assert_eq(pipe.received, 2u);
    leat_chan_free(pipe.ch);
    leat_ctx_free(ctx);
}

Test(principles, one_never_closed_and_who_hangs_is_named)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct pipe pipe = {.forgets = true};
    struct leat_task tasks[4], *stuck = NULL;
    leat_group *group = start_pipe(ctx, &pipe);
    gate_wait(&pipe.gone, 2);
    do { /* until it has emptied the channel and waits for more */
        cr_assert_neq(leat_ctx_cause(ctx), LEAT_TIMEOUT);
        look_again();
        stuck = NULL;
        size_t count = leat_ctx_tasks(ctx, tasks, 4);
        for (size_t i = 0; i < count && i < 4; i++)
            if (tasks[i].state == LEAT_TASK_WAITING)
                stuck = &tasks[i];
    } while (!stuck || stuck->len > 0);
    cr_assert_str_eq(stuck->name, "consumer");
    cr_assert_str_eq(stuck->chan, "pipe");
    cr_assert(!stuck->sending && !stuck->closed);
    leat_ctx_cancel(ctx, 0);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_CANCELED);
    cr_assert_eq(pipe.received, 2u);
    leat_chan_free(pipe.ch);
    leat_ctx_free(ctx);
}

Test(principles, one_closed_by_the_first_and_the_other_is_told)
{
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    struct pipe pipe = {.hurries = true};
    struct leat_error why;
    cr_assert_eq(leat_group_wait(start_pipe(ctx, &pipe), &why), LEAT_CLOSED);
    cr_assert_str_eq(why.stage, "producer");
    leat_chan_free(pipe.ch);
    leat_ctx_free(ctx);
}

/* --- 2: no unbounded context --- */

Test(principles, two_a_null_context_is_refused_everywhere)
{
    leat_chan *ch = leat_chan_new("", LEAT_TYPE(int), 1);
    leat_trace *trace = leat_trace_new(1);
    struct leat_report report;
    int item = 0;
    size_t one = 1, other = 1, chosen;
    struct leat_case cases[] = {{.send = ch, .item = &item}};
    trial(1, 1, false);
    struct { const char *call; int status; } table[] = {
        {"leat_send", leat_send(NULL, ch, &item)},
        {"leat_recv", leat_recv(NULL, ch, &item)},
        {"leat_send_many", leat_send_many(NULL, ch, &item, &one)},
        {"leat_recv_many", leat_recv_many(NULL, ch, &item, &other)},
        {"leat_select", leat_select(NULL, cases, 1, &chosen)},
        {"leat_sleep", leat_sleep(NULL, 1)},
        {"leat_beat", leat_beat(NULL, 0, 0)},
        {"leat_ctx_cause", leat_ctx_cause(NULL)},
        {"leat_run", leat_run(NULL, &t.pipeline, &report)},
        {"leat_trace_attach", leat_trace_attach(trace, NULL)},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        cr_assert_eq(table[i].status, LEAT_INVALID, "%s", table[i].call);
    cr_assert_null(leat_ctx_new(NULL, LEAT_S));
    cr_assert_null(leat_group_new(NULL));
    cr_assert_eq(leat_try_recv(ch, &item), LEAT_AGAIN, "something was sent");
    leat_trace_free(trace);
    leat_chan_free(ch);
}

Test(principles, two_a_root_needs_a_deadline)
{
    leat_ctx *root = leat_ctx_root(LEAT_S), *child = leat_ctx_new(root, 0);
    cr_assert_null(leat_ctx_root(0));
    cr_assert_null(leat_ctx_root(-1));
    cr_assert_leq(leat_ctx_left(child), LEAT_S);
    cr_assert_gt(leat_ctx_left(child), 0);
    leat_ctx_free(child);
    leat_ctx_free(root);
}

Test(principles, two_each_stage_in_turn_hangs_until_the_deadline)
{
    leat_duration deadline = ms(15);
    for (int s = READ; s <= SAVE; s++) {
        trial(6, 1, false);
        t.ctx = leat_ctx_root(deadline);
        t.acts[s] = (struct act){.at = 2, .how = hang};
        cr_assert_eq(run(), LEAT_TIMEOUT);
        leat_ctx_free(t.ctx);
        if (!gate_passed(&t.acts[s].gate, 1)) { /* a busy machine: once more */
            deadline *= 2;
            s--;
            continue;
        }
        cr_assert_str_eq(t.report.cause.stage, t.pipeline.stages[s].name);
    }
}

static int ignores_the_end(leat_ctx *ctx, struct act *act)
{
    leat_ctx_cancel(t.ctx, 0);
    return stubborn(ctx, act);
}

Test(principles, two_who_looks_at_no_context_is_left_behind_and_named)
{
    for (leat_duration grace = ms(10);; grace *= 2) {
        trial(6, 1, false);
        t.ctx = leat_ctx_root(PATIENCE);
        t.pipeline.grace = grace;
        t.acts[PACK] = (struct act){.at = 2, .how = ignores_the_end};
        int status = run();
        gate_open(&t.acts[PACK].gate, 1);
        cr_assert_eq(status, LEAT_ABANDONED);
        while (token_dropped() != atomic_load(&token_count))
            look_again();
        leat_ctx_free(t.ctx);
        if (t.report.total.abandoned == 1 || grace > PATIENCE / 8)
            break; /* else a busy machine: once more */
    }
    cr_assert_str_eq(t.report.cause.stage, "pack");
}

/* --- 3: no super steps --- */

enum { PARSE, DOUBLE, STEPS };
static int broken; /* the step with the bug */
static unsigned sum;

static int parse(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    const char *text = in;
    if (broken == PARSE || text[0] < '0' || text[0] > '9')
        return leat_fail(ctx, EBADMSG, "\"%s\" is no number", text);
    *(int *)out = text[0] - '0';
    return LEAT_OK;
}

static int twice(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    *(int *)out = *(const int *)in * 2;
    return broken == DOUBLE ? EBADMSG : LEAT_OK;
}

static int parse_and_double(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    int n = 0, status = parse(ctx, in, &n, arg);
    return status != LEAT_OK ? status : twice(ctx, &n, out, arg);
}

static int add_up(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    sum += (unsigned)*(const int *)in;
    return LEAT_OK;
}

static int say(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    unsigned *next = arg;
    if (*next == 3)
        return LEAT_CLOSED;
    *(char *)out = (char)('1' + (*next)++);
    ((char *)out)[1] = '\0';
    return LEAT_OK;
}

typedef char text[2];

/* The report of a run with that step broken, in small steps or one large. */
static struct leat_report steps(int with_bug, bool super)
{
    unsigned next = 0;
    struct leat_report report;
    struct leat_pipeline small = {.stages = {
        {"say", say, &next, .out = LEAT_TYPE(text)},
        {"parse", parse, .in = LEAT_TYPE(text), .out = LEAT_TYPE(int)},
        {"double", twice, .in = LEAT_TYPE(int), .out = LEAT_TYPE(int)},
        {"add", add_up, .in = LEAT_TYPE(int)}}};
    struct leat_pipeline large = {.stages = {
        {"say", say, &next, .out = LEAT_TYPE(text)},
        {"do it", parse_and_double, .in = LEAT_TYPE(text),
         .out = LEAT_TYPE(int)},
        {"add", add_up, .in = LEAT_TYPE(int)}}};
    leat_ctx *ctx = leat_ctx_root(PATIENCE);
    broken = with_bug;
    sum = 0;
    int status = leat_run(ctx, super ? &large : &small, &report);
    cr_assert_eq(status, with_bug == STEPS ? LEAT_OK : LEAT_PARTIAL);
    leat_ctx_free(ctx);
    return report;
}

Test(principles, three_each_step_alone_is_a_plain_function)
{
    int n = 0, two = 0;
    broken = STEPS;
    cr_assert_eq(parse(NULL, "4", &n, NULL), LEAT_OK);
    cr_assert_eq(n, 4);
    cr_assert_eq(parse(NULL, "x", &n, NULL), EBADMSG);
    cr_assert_eq(twice(NULL, &n, &two, NULL), LEAT_OK);
    cr_assert_eq(two, 8);
    cr_assert_eq(add_up(NULL, &two, NULL, NULL), LEAT_OK);
    cr_assert_eq(sum, 8u);
    steps(STEPS, false);
    cr_assert_eq(sum, 12u, "together they do what they do alone");
}

Test(principles, three_small_steps_and_the_report_blames_the_right_one)
{
    for (int bug = PARSE; bug < STEPS; bug++) {
        struct leat_report report = steps(bug, false);
        for (int step = PARSE; step < STEPS; step++)
            cr_assert_eq(report.stages[1 + step].failed, step == bug ? 3u : 0u);
    }
}

Test(principles, three_a_super_step_and_two_bugs_look_alike)
{
    struct leat_report a = steps(PARSE, true), b = steps(DOUBLE, true);
    cr_assert_eq(a.stages[1].failed, 3u);
    cr_assert_eq(memcmp(a.stages, b.stages, sizeof a.stages), 0);
}

/* --- 4: failures will happen --- */

Test(principles, four_a_fault_in_every_stage_and_in_is_ok_plus_failed)
{
    for (int s = CHECK; s <= SAVE; s++) {
        trial(12, 2, false);
        with_errors_sink();
        t.acts[s] = (struct act){.at = 5, .status = EBADMSG, .how = explains};
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_eq(t.report.total.in, 12u);
        cr_assert_eq(t.report.total.ok, 11u);
        cr_assert_eq(t.failed, 1u);
        cr_assert_eq(t.failures[0].n, 5u, "it has lost its input");
        cr_assert_str_eq(t.failures[0].stage, t.pipeline.stages[s].name);
        cr_assert_str_eq(t.failures[0].message, "number 5 is broken");
    }
    trial(12, 2, false);
    t.acts[READ] = (struct act){.at = 5, .status = EBADMSG};
    cr_assert_eq(run(), EBADMSG);
    cr_assert_str_eq(t.report.cause.stage, "read");
}

Test(principles, four_a_failure_that_a_stage_hides_is_counted_as_skipped)
{
    trial(12, 2, false);
    t.acts[PACK] = (struct act){.at = 5, .status = LEAT_SKIP};
    cr_assert_eq(run(), LEAT_OK);
    cr_assert_eq(t.report.stages[PACK].skipped, 1u);
    cr_assert_eq(t.report.total.ok, 11u);
}

static struct { /* the file of failed items */
    uint64_t n[MOST], seq[MOST];
    unsigned attempts[MOST];
    size_t count, next;
} file;

static int read_again(leat_ctx *ctx, const void *in, void *out, void *arg)
{
    if (file.next == file.count)
        return LEAT_CLOSED;
    size_t i = file.next++;
    leat_item_set(ctx, file.seq[i], file.attempts[i]);
    *(struct box *)out = new_box(file.n[i]);
    return LEAT_OK;
}

/* Number n is broken for the first n % 4 runs. */
static int heals(leat_ctx *ctx, struct act *act)
{
    const struct box *box = leat_ctx_item(ctx)->input;
    return box->n % 4 > act->at ? EBADMSG : LEAT_OK;
}

Test(principles, four_the_failed_run_again_until_there_are_none)
{
    enum { N = 24 };
    unsigned done[N] = {0}, runs = 0;
    for (file.count = N; file.count > 0; runs++) {
        trial(N, 2, false);
        with_errors_sink();
        if (runs > 0)
            t.pipeline.stages[READ].fn = read_again;
        t.acts[CHECK] = (struct act){.all = true, .at = runs, .how = heals};
        cr_assert_eq(run(), runs < 3 ? LEAT_PARTIAL : LEAT_OK);
        for (int n = 0; n < N; n++)
            done[n] += gate_at(&t.saved[n]);
        cr_assert_lt(t.failed, file.count, "it does not converge");
        file.next = 0;
        file.count = t.failed;
        for (size_t i = 0; i < t.failed; i++) {
            file.n[i] = t.failures[i].n;
            file.seq[i] = t.failures[i].seq;
            file.attempts[i] = t.failures[i].attempts;
            cr_assert_eq(file.seq[i], file.n[i]);
            cr_assert_eq(file.attempts[i], runs + 1);
        }
    }
    cr_assert_eq(runs, 4u);
    for (int n = 0; n < N; n++)
        cr_assert_eq(done[n], 1u, "%d is done %u times", n, done[n]);
}

/* --- 5: canceled contexts, and each step hanging --- */

Test(principles, five_nothing_moves_under_an_ended_context)
{
    for (int late = 0; late < 2; late++) {
        leat_ctx *root = leat_ctx_root(PATIENCE);
        leat_ctx *ctx = leat_ctx_new(root, late ? -1 : 0);
        leat_chan *ch = leat_chan_new("", LEAT_TYPE(int), 2);
        int item = 1, got = 0, status = late ? LEAT_TIMEOUT : LEAT_CANCELED;
        size_t one = 1, other = 1, chosen;
        struct leat_case cases[] = {{.send = ch, .item = &item},
                                    {.recv = ch, .item = &got}};
        leat_ctx_cancel(ctx, 0);
        cr_assert_eq(leat_try_send(ch, &item), LEAT_OK); /* both ways ready */
        cr_assert_eq(leat_send(ctx, ch, &item), status);
        cr_assert_eq(leat_recv(ctx, ch, &got), status);
        cr_assert_eq(leat_send_many(ctx, ch, &item, &one), status);
        cr_assert_eq(leat_recv_many(ctx, ch, &got, &other), status);
        cr_assert_eq(leat_select(ctx, cases, 2, &chosen), status);
        cr_assert_eq(leat_sleep(ctx, 0), status);
        cr_assert(one == 0 && other == 0 && got == 0);
        cr_assert_eq(leat_try_recv(ch, &got), LEAT_OK);
        cr_assert_eq(leat_try_recv(ch, &got), LEAT_AGAIN);
        leat_chan_free(ch);
        leat_ctx_free(ctx);
        leat_ctx_free(root);
    }
}

Test(principles, five_each_step_hanging_loses_one_item_and_no_more)
{
    for (int s = CHECK; s <= SAVE; s++) {
        trial(12, 2, false);
        with_errors_sink();
        t.pipeline.stages[s].timeout = ms(10);
        t.acts[s] = (struct act){.at = 5, .how = hang};
        cr_assert_eq(run(), LEAT_PARTIAL);
        cr_assert_lt(t.failed, 12u);
        bool found = false; /* a busy machine may make others late, too */
        for (size_t i = 0; i < t.failed; i++) {
            found |= t.failures[i].n == 5;
            cr_assert_eq(t.failures[i].error, LEAT_TIMEOUT);
            cr_assert_str_eq(t.failures[i].stage, t.pipeline.stages[s].name);
        }
        cr_assert(found);
    }
    trial(12, 2, false);
    t.pipeline.stages[READ].timeout = ms(10);
    t.acts[READ] = (struct act){.at = 5, .how = hang};
    cr_assert_eq(run(), LEAT_TIMEOUT);
    cr_assert_str_eq(t.report.cause.stage, "read");
}

/* --- 6: channels, not shared memory --- */

static struct {
    atomic_uint count; /* atomic, but the sum of two steps is not */
    pthread_mutex_t lock;
    struct gate have_read;
    leat_chan *ch;
    leat_ctx *ctx;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *add_in_memory(void *arg)
{
    unsigned n = atomic_load_explicit(&shared.count, memory_order_relaxed);
    gate_step(&shared.have_read);
    gate_wait(&shared.have_read, 2); /* the worst moment, every time */
    atomic_store_explicit(&shared.count, n + 1, memory_order_relaxed);
    return NULL;
}

static void *add_under_the_lock(void *arg)
{
    pthread_mutex_lock(&shared.lock);
    unsigned n = atomic_load_explicit(&shared.count, memory_order_relaxed);
    for (int i = 0; i < 10; i++)
        look_again();
    atomic_store_explicit(&shared.count, n + 1, memory_order_relaxed);
    pthread_mutex_unlock(&shared.lock);
    return NULL;
}

static void *add_by_message(void *arg)
{
    unsigned one = 1;
    leat_send(shared.ctx, shared.ch, &one);
    return NULL;
}

static void by_two(void *(*add)(void *))
{
    pthread_t threads[2];
#ifdef LEAT_WATCH
    VALGRIND_HG_DISABLE_CHECKING(&shared.count, sizeof shared.count);
#endif
    gate_init(&shared.have_read);
    for (int i = 0; i < 2; i++)
        thread_start(&threads[i], add, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

Test(principles, six_of_two_updates_of_shared_memory_one_is_lost)
{
    by_two(add_in_memory);
    cr_assert_eq(atomic_load(&shared.count), 1u);
}

Test(principles, six_under_a_lock_none_is_lost)
{
    by_two(add_under_the_lock);
    cr_assert_eq(atomic_load(&shared.count), 2u);
}

Test(principles, six_with_a_channel_and_one_owner_none_is_lost)
{
    unsigned count = 0, one = 0;
    shared.ctx = leat_ctx_root(PATIENCE);
    shared.ch = leat_chan_new("additions", LEAT_TYPE(unsigned), 2);
    by_two(add_by_message);
    while (leat_try_recv(shared.ch, &one) == LEAT_OK)
        count += one;
    cr_assert_eq(count, 2u);
    leat_chan_free(shared.ch);
    leat_ctx_free(shared.ctx);
}
