/* test_table.c - the principles under fault: each fault in each stage, and what
 * each principle has to say of it.
 *
 * The table is data. A test plays one fault in the three stages, one after the
 * other, and looks at one principle; so it is named by both. With LEAT_TABLE in
 * the environment the last test prints what was seen.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include "principles/table.h"
#include <criterion/criterion.h>
#include <errno.h>

TestSuite(table, .timeout = 60, .init = share_trial);

static const struct column {
    const char *name, *fault;
    enum end end;
} columns[] = {
    {"hang", "hang@2", BY_TIMEOUT},
    {"stubborn", "stubborn@2", BY_CANCEL},
    {"slow", "slow@2:1ms", BY_ITSELF},
    {"error", "error@2:code=EIO", BY_ITSELF},
    {"crash", "crash@2", BY_CRASH},
    {"cancel", "hang@2", BY_CANCEL},
    {"deadline", "hang@2", BY_DEADLINE},
};

/* --- what is seen, a principle each --- */

typedef char text[40];

static const char *name_of(int status)
{
    static const struct { int status; const char *name; } names[] = {
        {LEAT_OK, "OK"}, {LEAT_PARTIAL, "PARTIAL"},
        {LEAT_CANCELED, "CANCELED"}, {LEAT_TIMEOUT, "TIMEOUT"},
        {LEAT_ABANDONED, "ABANDONED"}, {LEAT_LOST, "LOST"}, {EIO, "EIO"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].status == status)
            return names[i].name;
    return leat_strstatus(status);
}

/* Always close what you open: resources, and what the items own. */
static void closed(text seen)
{
    unsigned lost = token_wrong();
    if (lost)
        snprintf(seen, sizeof(text), "thing %u of %u: %u drops", lost,
                 atomic_load(&token_count), atomic_load(&token_drops[lost]));
    else if (t->opened != t->closed || !t->opened)
        snprintf(seen, sizeof(text), "%u of %u", t->closed, t->opened);
    else
        strcpy(seen, "all");
}

/* No unbounded context. */
static void ended(text seen)
{
    snprintf(seen, sizeof(text), "%s%s",
             t->killed == SIGSEGV ? "SIGSEGV" : name_of(t->status),
             t->took < PATIENCE ? "" : " late");
}

/* No super steps: by the counts of the stages, and by the cause. */
static void blamed(text seen)
{
    const struct leat_report *r = &t->report;
    const char *who = "nobody";
    for (int s = SOURCE; s < STAGES; s++)
        if (r->stages[s].failed + r->stages[s].abandoned)
            who = t->pipeline.stages[s].name;
    if (r->cause.status)
        who = r->cause.stage ? r->cause.stage : "unknown";
    strcpy(seen, t->killed ? t->crashed_in : who);
}

static bool adds_up(const struct leat_counts *c)
{
    return c->in == c->ok + c->skipped + c->failed + c->canceled + c->abandoned;
}

static bool all_adds_up(const struct leat_report *r)
{
    bool yes = adds_up(&r->total) && adds_up(&r->errors);
    for (int s = SOURCE; s < STAGES; s++)
        yes = yes && adds_up(&r->stages[s]);
    return yes;
}

/* The last: first it was in hand, then it was left behind. */
static const struct seen *event_of_victim(void)
{
    const struct seen *last = NULL;
    for (size_t i = 0; i < t->event_count; i++)
        if (t->events[i].seq == VICTIM)
            last = &t->events[i];
    return last;
}

/* Failures will happen: what became of the item, and of the run without the
 * fault. */
static void failed(text seen)
{
    static const char *const fates[] = {
        [LEAT_EVENT_OK] = "ok", [LEAT_EVENT_FAIL] = "failed",
        [LEAT_EVENT_CANCEL] = "canceled", [LEAT_EVENT_ABANDON] = "abandoned",
        [LEAT_EVENT_LOST] = "lost"};
    const struct seen *event = event_of_victim();
    bool right = all_adds_up(&t->report) && all_adds_up(&t->report_again);
    snprintf(seen, sizeof(text), "%s, %s%s",
             t->killed ? "gone" : event ? fates[event->kind] : "not made",
             name_of(t->again), right ? "" : " does not add up");
}

/* High test coverage: each fault was reached, and harmed nobody else. */
static void reached(text seen)
{
    const struct leat_counts *all = &t->report.total;
    uint64_t others = 0;
    for (size_t i = 0; i < t->event_count; i++)
        others += t->events[i].seq != VICTIM &&
                  (t->events[i].kind == LEAT_EVENT_FAIL ||
                   t->events[i].kind == LEAT_EVENT_ABANDON);
    if (!t->killed && (t->status == LEAT_OK || t->status == LEAT_PARTIAL))
        others += ITEMS - all->failed - all->ok;
    snprintf(seen, sizeof(text), "%u hit, %u other",
             (unsigned)leat_fault_hits(&t->fault), (unsigned)others);
}

/* Channels, not shared memory: nothing is lost on the way, and nothing comes
 * twice. */
static void arrived(text seen)
{
    unsigned once = 0;
    for (uint64_t n = 0; n < ITEMS; n++)
        once += t->past[SINK][n] == 1;
    bool told = t->killed || t->saved == t->report.total.ok;
    snprintf(seen, sizeof(text), "%u once, %u twice%s", once, t->doubled,
             told ? "" : ", not as told");
}

/* Heartbeats: which step has which item in hand. A source that fails has none,
 * for it was never made. */
static void told(text seen)
{
    const struct seen *event = event_of_victim();
    if (t->killed)
        snprintf(seen, sizeof(text), "%s at %d", t->crashed_in, VICTIM);
    else if (!event)
        strcpy(seen, t->report.cause.stage ? t->report.cause.stage : "nobody");
    else if (event->kind == LEAT_EVENT_OK)
        strcpy(seen, "nobody");
    else
        snprintf(seen, sizeof(text), "%s at %d", event->stage, VICTIM);
}

/* --- the table --- */

static const struct principle {
    const char *name;
    void (*see)(text seen);
    bool again; /* is of the run without the fault, too */
} principles[] = {
    {"one", closed, true}, {"two", ended, false}, {"three", blamed, false},
    {"four", failed, true}, {"five", reached, false}, {"six", arrived, true},
    {"seven", told, false},
};
enum { PRINCIPLES = 7, COLUMNS = 7 };

#define ALL(outcome) {outcome, outcome, outcome}
#define ITSELF {"source", "middle", "sink"}
#define AT_2 {"source at 2", "middle at 2", "sink at 2"}

static const struct row {
    const char *principle, *column;
    const char *expected[STAGES];
} rows[] = {
    {"one", "hang", ALL("all")},
    {"one", "stubborn", ALL("all")},
    {"one", "slow", ALL("all")},
    {"one", "error", ALL("all")},
    {"one", "crash", ALL("all")},
    {"one", "cancel", ALL("all")},
    {"one", "deadline", ALL("all")},
    {"two", "hang", {"TIMEOUT", "PARTIAL", "PARTIAL"}},
    {"two", "stubborn", ALL("ABANDONED")},
    {"two", "slow", ALL("OK")},
    {"two", "error", {"EIO", "PARTIAL", "PARTIAL"}},
    {"two", "crash", ALL("SIGSEGV")},
    {"two", "cancel", ALL("CANCELED")},
    {"two", "deadline", ALL("TIMEOUT")},
    {"three", "hang", ITSELF},
    {"three", "stubborn", ITSELF},
    {"three", "slow", ALL("nobody")},
    {"three", "error", ITSELF},
    {"three", "crash", ITSELF},
    {"three", "cancel", ITSELF},
    {"three", "deadline", ITSELF},
    {"four", "hang", {"not made, OK", "failed, OK", "failed, OK"}},
    {"four", "stubborn", ALL("abandoned, OK")},
    {"four", "slow", ALL("ok, OK")},
    {"four", "error", {"not made, OK", "failed, OK", "failed, OK"}},
    {"four", "crash", ALL("gone, OK")},
    {"four", "cancel", ALL("canceled, OK")},
    {"four", "deadline", ALL("canceled, OK")},
    {"five", "hang", ALL("1 hit, 0 other")},
    {"five", "stubborn", ALL("1 hit, 0 other")},
    {"five", "slow", ALL("1 hit, 0 other")},
    {"five", "error", ALL("1 hit, 0 other")},
    {"five", "crash", ALL("1 hit, 0 other")},
    {"five", "cancel", ALL("1 hit, 0 other")},
    {"five", "deadline", ALL("1 hit, 0 other")},
    {"six", "hang", ALL("6 once, 0 twice")},
    {"six", "stubborn", ALL("6 once, 0 twice")},
    {"six", "slow", ALL("6 once, 0 twice")},
    {"six", "error", ALL("6 once, 0 twice")},
    {"six", "crash", ALL("6 once, 0 twice")},
    {"six", "cancel", ALL("6 once, 0 twice")},
    {"six", "deadline", ALL("6 once, 0 twice")},
    {"seven", "hang", {"source", "middle at 2", "sink at 2"}},
    {"seven", "stubborn", AT_2},
    {"seven", "slow", ALL("nobody")},
    {"seven", "error", {"source", "middle at 2", "sink at 2"}},
    {"seven", "crash", AT_2},
    {"seven", "cancel", AT_2},
    {"seven", "deadline", AT_2},
};

/* Names the row and the stage that are not as they must be. */
static void look(int p, int c, int s, text seen)
{
    const struct row *row = rows;
    while (strcmp(row->principle, principles[p].name) ||
           strcmp(row->column, columns[c].name))
        row++;
    principles[p].see(seen);
    cr_assert_str_eq(seen, row->expected[s],
                     "%s under %s, in the %s: \"%s\" expected, \"%s\" seen",
                     row->principle, row->column, t->pipeline.stages[s].name,
                     row->expected[s], seen);
}

static void look_in_each_stage(const char *principle, const char *column)
{
    int p = 0, c = 0;
    text seen;
    while (strcmp(principles[p].name, principle))
        p++;
    while (strcmp(columns[c].name, column))
        c++;
    for (int s = SOURCE; s < STAGES; s++) {
        play(columns[c].fault, columns[c].end, s, principles[p].again);
        look(p, c, s, seen);
    }
}

#define UNDER(principle, column)                     \
    Test(table, principle##_under_##column)          \
    {                                                \
        look_in_each_stage(#principle, #column);     \
    }
#define UNDER_EACH(principle)                                             \
    UNDER(principle, hang) UNDER(principle, stubborn) UNDER(principle, slow) \
    UNDER(principle, error) UNDER(principle, crash)                       \
    UNDER(principle, cancel) UNDER(principle, deadline)

UNDER_EACH(one)
UNDER_EACH(two)
UNDER_EACH(three)
UNDER_EACH(four)
UNDER_EACH(five)
UNDER_EACH(six)
UNDER_EACH(seven)

Test(table, the_whole_in_one_process)
{
    const bool print = getenv("LEAT_TABLE") != NULL;
    if (print)
        printf("| fault | in the | 1 closed | 2 ended | 3 blamed "
               "| 4 its item, and again | 5 reached | 6 arrived "
               "| 7 told |\n| --- | --- | --- | --- | --- | --- | --- | --- "
               "| --- |\n");
    for (int c = 0; c < COLUMNS; c++)
        for (int s = SOURCE; s < STAGES; s++) {
            text seen;
            play(columns[c].fault, columns[c].end, s, true);
            if (print)
                printf("| %s | %s ", columns[c].name,
                       t->pipeline.stages[s].name);
            for (int p = 0; p < PRINCIPLES; p++) {
                look(p, c, s, seen);
                if (print)
                    printf("| %s ", seen);
            }
            if (print)
                printf("|\n");
        }
}
