/* test_trace.c - a record of every channel operation, read back as a program
 * would.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/group.h>
#include <leat/trace.h>
#include <stdio.h>
#include <string.h>

TestSuite(trace, .timeout = 30);

enum { LINES = 256, FIELDS = 7 };

/* One event as it was written; the texts point into `text`. */
struct line {
    long long ns;
    const char *thread, *name, *what, *chan, *item;
    long count;
};

static leat_ctx *root, *ctx;
static leat_trace *trace;
static char *text;
static size_t text_size;
static struct line lines[LINES];
static size_t line_count;
static long dropped; /* what the last line says; 0: there is none */

static void setup(void)
{
    root = leat_ctx_root(PATIENCE);
    trace = leat_trace_new(0);
    leat_trace_attach(trace, root);
    ctx = leat_ctx_new(root, 0);
}

static void teardown(void)
{
    leat_ctx_free(ctx);
    leat_ctx_free(root);
    leat_trace_free(trace);
    free(text);
}

static void parse_line(char *start)
{
    char *fields[FIELDS] = {start};
    int count = 1;
    for (char *c = start; *c; c++) {
        if (*c != '\t')
            continue;
        *c = '\0';
        cr_assert_lt(count, FIELDS, "too many fields");
        fields[count++] = c + 1;
    }
    cr_assert_eq(count, FIELDS, "\"%s\" has %d fields", start, count);
    cr_assert_lt(line_count, LINES);
    char *end;
    struct line *line = &lines[line_count++];
    *line = (struct line){strtoll(fields[0], &end, 10), fields[1], fields[2],
                          fields[3], fields[4], fields[5], 0};
    cr_assert(*fields[0] && *end == '\0', "time is \"%s\"", fields[0]);
    line->count = strtol(fields[6], &end, 10);
    cr_assert(*fields[6] && *end == '\0', "count is \"%s\"", fields[6]);
    for (int i = 0; i < FIELDS; i++)
        cr_assert(*fields[i], "field %d is empty", i);
}

/* Writes the trace into memory and reads it. */
static void read_back(leat_trace *from)
{
    free(text);
    text = NULL;
    line_count = 0;
    dropped = 0;
    FILE *file = open_memstream(&text, &text_size);
    cr_assert_eq(leat_trace_write(from, file), LEAT_OK);
    cr_assert_eq(fclose(file), 0);
    char *next = text;
    cr_assert_eq(strncmp(next, "# leat trace 1\n", 15), 0, "got %.20s", next);
    for (next += 15; *next;) {
        char *end = strchr(next, '\n');
        cr_assert_not_null(end, "the last line has no end");
        *end = '\0';
        cr_assert_eq(dropped, 0, "something after the last line");
        if (sscanf(next, "# dropped %ld", &dropped) != 1)
            parse_line(next);
        next = end + 1;
    }
    for (size_t i = 0; i < line_count; i++)
        cr_assert_geq(lines[i].ns, i ? lines[i - 1].ns : 0,
                      "line %zu is not sorted", i);
}

/* The first from a line on with that what; NULL: there is none. */
static const struct line *find(size_t from, const char *what, const char *chan)
{
    for (size_t i = from; i < line_count; i++)
        if (strcmp(lines[i].what, what) == 0 &&
            (!chan || strcmp(lines[i].chan, chan) == 0))
            return &lines[i];
    return NULL;
}

static size_t times(const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i < line_count; i++)
        count += strcmp(lines[i].what, what) == 0;
    return count;
}

Test(trace, null_is_refused_and_never_a_crash, .init = setup,
     .fini = teardown)
{
    cr_assert_eq(leat_trace_attach(NULL, ctx), LEAT_INVALID);
    cr_assert_eq(leat_trace_attach(trace, NULL), LEAT_INVALID);
    cr_assert_eq(leat_trace_write(NULL, stderr), LEAT_INVALID);
    cr_assert_eq(leat_trace_write(trace, NULL), LEAT_INVALID);
    leat_trace_free(NULL);
}

Test(trace, hangs_on_a_context_that_has_none, .init = setup, .fini = teardown)
{
    leat_trace *other = leat_trace_new(8);
    cr_assert_eq(leat_trace_attach(trace, root), LEAT_INVALID);
    cr_assert_eq(leat_trace_attach(other, root), LEAT_INVALID);
    leat_ctx *second = leat_ctx_root(PATIENCE);
    cr_assert_eq(leat_trace_attach(trace, second), LEAT_OK,
                 "one trace may hang on several");
    cr_assert_eq(leat_trace_attach(other, second), LEAT_INVALID);
    leat_ctx_free(second);
    leat_trace_free(other);
}

Test(trace, of_nothing_is_its_first_line, .init = setup, .fini = teardown)
{
    read_back(trace);
    cr_assert_str_eq(text, "# leat trace 1\n");
}

Test(trace, tells_what_was_sent_and_received, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new("numbers", LEAT_TYPE(int), 4);
    int item = 41, got;
    cr_assert_eq(leat_send(ctx, ch, &item), LEAT_OK);
    cr_assert_eq(leat_recv(ctx, ch, &got), LEAT_OK);
    leat_close(ch);
    leat_chan_free(ch);
    read_back(trace);
    cr_assert_eq(line_count, 3);
    const char *const whats[] = {"send", "recv", "close"};
    for (int i = 0; i < 3; i++) {
        cr_assert_str_eq(lines[i].what, whats[i]);
        cr_assert_str_eq(lines[i].chan, "numbers");
        cr_assert_str_eq(lines[i].name, "-");
        cr_assert_str_eq(lines[i].item, i < 2 ? "41" : "-");
        cr_assert_eq(lines[i].count, i < 2 ? 1 : 0, "line %d", i);
    }
}

Test(trace, is_written_by_the_context_it_hangs_on_too, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 1);
    int item = 1;
    leat_send(root, ch, &item);
    leat_chan_free(ch);
    read_back(trace);
    cr_assert_not_null(find(0, "send", "c"));
}

Test(trace, items_are_numbers_where_the_type_is_as_long_as_one, .init = setup,
     .fini = teardown)
{
    const size_t sizes[] = {1, 2, 4, 8, 3, 24, 0};
    const char *const expected[] = {"77", "77", "77", "77", "-", "-", "-"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct leat_type type = {.name = "t", .size = sizes[i]};
        leat_chan *ch = leat_chan_new("c", &type, 1);
        union {
            uint8_t one;
            uint16_t two;
            uint32_t four;
            uint64_t eight;
            char bytes[24];
        } item;
        memset(&item, 0, sizeof item);
        switch (sizes[i]) {
        case 1: item.one = 77; break;
        case 2: item.two = 77; break;
        case 4: item.four = 77; break;
        default: item.eight = 77; break;
        }
        cr_assert_eq(leat_send(ctx, ch, &item), LEAT_OK);
        leat_chan_free(ch);
    }
    read_back(trace);
    cr_assert_eq(line_count, sizeof sizes / sizeof *sizes);
    for (size_t i = 0; i < line_count; i++)
        cr_assert_str_eq(lines[i].item, expected[i], "size %zu", sizes[i]);
}

Test(trace, tells_who_begins_to_wait_and_who_gives_up, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 0);
    leat_ctx *child = leat_ctx_new(ctx, 0);
    struct call call;
    int item = 5, got;
    start_recv(&call, ctx, ch, &got);
    cr_assert(blocked(ctx, 1));
    leat_send(ctx, ch, &item);
    finish(&call);
    start_recv(&call, child, ch, &got);
    cr_assert(blocked(ctx, 1));
    leat_ctx_cancel(child, 0);
    finish(&call);
    start_send(&call, ctx, ch, &item);
    cr_assert(blocked(ctx, 1));
    leat_close(ch);
    finish(&call);
    leat_ctx_free(child);
    leat_chan_free(ch);
    read_back(trace);
    cr_assert_eq(times("recv?"), 2);
    cr_assert_eq(times("send?"), 1);
    cr_assert_eq(times("stop"), 2);
    cr_assert_eq(times("send"), 1);
    cr_assert_eq(times("recv"), 1);
    cr_assert_eq(times("close"), 1);
    cr_assert_str_eq(lines[0].what, "recv?");
    const struct line *stop = find(0, "stop", "c");
    cr_assert_not_null(stop);
    cr_assert_eq(stop->count, 0);
}

Test(trace, counts_what_moved_in_one_call, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 8);
    int items[8] = {10, 11, 12};
    size_t count = 3;
    leat_send_many(ctx, ch, items, &count);
    count = 8;
    leat_recv_many(ctx, ch, items, &count);
    leat_chan_free(ch);
    read_back(trace);
    long sent = 0, received = 0;
    for (size_t i = 0; i < line_count; i++)
        *(strcmp(lines[i].what, "send") ? &received : &sent) += lines[i].count;
    cr_assert_eq(sent, 3);
    cr_assert_eq(received, 3);
    cr_assert_str_eq(find(0, "send", "c")->item, "10");
}

Test(trace, a_select_is_a_send_or_a_receive, .init = setup, .fini = teardown)
{
    leat_chan *a = leat_chan_new("a", LEAT_TYPE(int), 1);
    leat_chan *b = leat_chan_new("b", LEAT_TYPE(int), 1);
    int item = 9, got;
    size_t chosen;
    struct leat_case cases[] = {{.recv = a, .item = &got},
                                {.send = b, .item = &item}};
    cr_assert_eq(leat_select(ctx, cases, 2, &chosen), LEAT_OK);
    struct leat_case back = {.recv = b, .item = &got};
    cr_assert_eq(leat_select(ctx, &back, 1, &chosen), LEAT_OK);
    leat_chan_free(a);
    leat_chan_free(b);
    read_back(trace);
    cr_assert_not_null(find(0, "send", "b"));
    cr_assert_str_eq(find(0, "send", "b")->item, "9");
    cr_assert_not_null(find(0, "recv", "b"));
    cr_assert_null(find(0, "recv", "a"));
}

Test(trace, names_cannot_break_a_line, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new("a\tb\nc", LEAT_TYPE(int), 1);
    leat_chan *nameless = leat_chan_new("", LEAT_TYPE(int), 1);
    int item = 1;
    leat_send(ctx, ch, &item);
    leat_send(ctx, nameless, &item);
    leat_chan_free(ch);
    leat_chan_free(nameless);
    read_back(trace);
    cr_assert_eq(line_count, 2);
    cr_assert_str_eq(lines[0].chan, "a?b?c");
}

Test(trace, try_and_close_are_told_where_the_trace_knows_the_channel,
     .init = setup, .fini = teardown)
{
    leat_chan *known = leat_chan_new("known", LEAT_TYPE(int), 2);
    leat_chan *unknown = leat_chan_new("unknown", LEAT_TYPE(int), 2);
    int item = 1, got;
    leat_send(ctx, known, &item);
    leat_chan *both[] = {known, unknown};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(leat_try_send(both[i], &item), LEAT_OK);
        cr_assert_eq(leat_try_recv(both[i], &got), LEAT_OK);
        leat_close(both[i]);
        leat_chan_free(both[i]);
    }
    read_back(trace);
    cr_assert_eq(times("send"), 2);
    cr_assert_eq(times("recv"), 1);
    cr_assert_eq(times("close"), 1);
    for (size_t i = 0; i < line_count; i++)
        cr_assert_str_eq(lines[i].chan, "known");
}

static int sends_five(leat_ctx *task, void *arg)
{
    int status = LEAT_OK;
    for (int i = 100; i < 105 && status == LEAT_OK; i++)
        status = leat_send(task, arg, &i);
    leat_close(arg);
    return status;
}

static int receives_all(leat_ctx *task, void *arg)
{
    int item, status;
    do
        status = leat_recv(task, arg, &item);
    while (status == LEAT_OK);
    return status == LEAT_CLOSED ? LEAT_OK : status;
}

Test(trace, tasks_are_told_apart_by_name_and_number, .init = setup,
     .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 1);
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "producer", sends_five, ch);
    leat_go(group, "consumer", receives_all, ch);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    leat_chan_free(ch);
    read_back(trace);
    cr_assert_eq(times("start"), 2);
    cr_assert_eq(times("end"), 2);
    cr_assert_eq(times("send"), 5);
    cr_assert_eq(times("recv"), 5);
    cr_assert_eq(times("close"), 1);
    const struct line *producer = find(0, "send", "c");
    const struct line *consumer = find(0, "recv", "c");
    cr_assert_str_eq(producer->name, "producer");
    cr_assert_str_eq(consumer->name, "consumer");
    cr_assert(strcmp(producer->thread, consumer->thread) != 0);
    int next_sent = 100, next_received = 100;
    for (size_t i = 0; i < line_count; i++) {
        const struct line *line = &lines[i];
        const struct line *who =
            strcmp(line->name, "producer") ? consumer : producer;
        cr_assert_str_eq(line->name, who->name, "line %zu", i);
        cr_assert_str_eq(line->thread, who->thread, "line %zu", i);
        if (strcmp(line->what, "send") == 0)
            cr_assert_eq(atoi(line->item), next_sent++);
        if (strcmp(line->what, "recv") == 0)
            cr_assert_eq(atoi(line->item), next_received++);
    }
}

Test(trace, a_plain_thread_is_nobody_although_a_task_was_there_before,
     .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 8);
    leat_group *group = leat_group_new(ctx);
    leat_go(group, "producer", sends_five, ch);
    cr_assert_eq(leat_group_wait(group, NULL), LEAT_OK);
    struct call call; /* the system likes to give its thread the same handle */
    int got;
    start_recv(&call, ctx, ch, &got);
    cr_assert_eq(finish(&call), LEAT_OK);
    leat_chan_free(ch);
    read_back(trace);
    cr_assert_not_null(find(0, "recv", "c"));
    cr_assert_str_eq(find(0, "recv", "c")->name, "-");
    cr_assert(strcmp(find(0, "recv", "c")->thread,
                     find(0, "send", "c")->thread) != 0);
}

Test(trace, a_full_buffer_drops_what_comes_after_and_counts_it)
{
    enum { ROOM = 4, SENT = 10 };
    leat_ctx *small = leat_ctx_root(PATIENCE);
    leat_trace *few = leat_trace_new(ROOM);
    cr_assert_eq(leat_trace_attach(few, small), LEAT_OK);
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), SENT);
    for (int i = 0; i < SENT; i++)
        leat_send(small, ch, &i);
    leat_chan_free(ch);
    read_back(few);
    cr_assert_eq(line_count, ROOM);
    cr_assert_eq(dropped, SENT - ROOM);
    for (int i = 0; i < ROOM; i++)
        cr_assert_eq(atoi(lines[i].item), i, "the first ones are kept");
    leat_ctx_free(small);
    leat_trace_free(few);
    free(text);
}

Test(trace, can_be_written_twice, .init = setup, .fini = teardown)
{
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 8);
    int item = 1;
    for (size_t round = 1; round <= 3; round++) {
        leat_send(ctx, ch, &item);
        read_back(trace);
        cr_assert_eq(line_count, round, "so far");
    }
    leat_chan_free(ch);
}

Test(trace, sees_nothing_of_contexts_it_does_not_hang_on, .init = setup,
     .fini = teardown)
{
    leat_ctx *other = leat_ctx_root(PATIENCE), *below = leat_ctx_new(other, 0);
    leat_chan *ch = leat_chan_new("secret", LEAT_TYPE(int), 2);
    int item = 1;
    leat_send(other, ch, &item);
    leat_send(below, ch, &item);
    leat_recv(below, ch, &item);
    leat_close(ch);
    leat_chan_free(ch);
    leat_ctx_free(below);
    leat_ctx_free(other);
    read_back(trace);
    cr_assert_eq(line_count, 0);
}

Test(trace, a_write_that_fails_says_why, .init = setup, .fini = teardown)
{
    FILE *full = fopen("/dev/full", "w");
    cr_assert_not_null(full);
    cr_assert_eq(leat_trace_write(trace, full), ENOSPC);
    fclose(full);
    FILE *file = fopen("/dev/null", "r");
    cr_assert_neq(leat_trace_write(trace, file), LEAT_OK);
    fclose(file);
    leat_chan *ch = leat_chan_new("c", LEAT_TYPE(int), 1);
    int item = 1;
    leat_send(ctx, ch, &item);
    leat_chan_free(ch);
    read_back(trace);
    cr_assert_eq(line_count, 1, "a failed write loses nothing");
}
