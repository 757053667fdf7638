/* test_fault_text.c - faults as a line of text, and back.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/scale.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <leat/fault.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

TestSuite(fault_text, .timeout = 60);

/* What is configured, field by field: padding and the rest may differ. */
static bool same(const struct leat_fault *a, const struct leat_fault *b)
{
    return a->kind == b->kind && a->how == b->how && a->error == b->error &&
           a->delay == b->delay && a->jitter == b->jitter &&
           a->rate == b->rate && a->every == b->every && a->from == b->from &&
           a->until == b->until && a->seed == b->seed &&
           a->chance == b->chance && a->attempts == b->attempts &&
           a->size == b->size && a->window == b->window && a->off == b->off;
}

static struct leat_fault parsed(const char *text)
{
    struct leat_fault fault;
    struct leat_fault_mistake mistake;
    size_t count = 1;
    int status = leat_fault_parse(text, &fault, &count, &mistake);
    cr_assert_eq(status, LEAT_OK, "%s: at %d: %s", text, (int)mistake.at,
                 mistake.message);
    cr_assert_eq(count, 1);
    return fault;
}

static const struct {
    const char *text;
    struct leat_fault fault;
} table[] = {
    {"hang@6", {.kind = LEAT_FAULT_HANG, .from = 6, .until = 7}},
    {"error", {.kind = LEAT_FAULT_ERROR}},
    {"error:every=7,code=EIO", {.error = EIO, .every = 7}},
    {"error@100..200:code=AGAIN",
     {.error = LEAT_AGAIN, .from = 100, .until = 200}},
    {"error@100..:code=-1234", {.error = -1234, .from = 100}},
    {"error@..200:code=98", {.error = 98, .until = 200}},
    {"error@0", {.until = 1}},
    {"error:chance=0.1,seed=42", {.chance = 0.1, .seed = 42}},
    {"error:chance=1", {.chance = 1}},
    {"error:chance=1e-3", {.chance = 1e-3}},
    {"flaky", {.error = LEAT_AGAIN, .attempts = 1}},
    {"flaky:attempts=2,code=EPIPE", {.error = EPIPE, .attempts = 2}},
    {"slow:20ms+-5ms", {.kind = LEAT_FAULT_SLOW, .delay = 20 * LEAT_MS,
                        .jitter = 5 * LEAT_MS}},
    {"slow:1.5s", {.kind = LEAT_FAULT_SLOW, .delay = 1500 * LEAT_MS}},
    {"slow:7ns", {.kind = LEAT_FAULT_SLOW, .delay = 7}},
    {"slow:3us,how=tail", {.kind = LEAT_FAULT_SLOW, .delay = 3 * LEAT_US,
                           .how = LEAT_FAULT_TAIL}},
    {"slow:rate=100", {.kind = LEAT_FAULT_SLOW, .rate = 100}},
    {"stubborn@3:2s,how=spin", {.kind = LEAT_FAULT_STUBBORN, .from = 3,
                                .until = 4, .delay = 2 * LEAT_S,
                                .how = LEAT_FAULT_SPIN}},
    {"stubborn:how=lock",
     {.kind = LEAT_FAULT_STUBBORN, .how = LEAT_FAULT_LOCK}},
    {"stubborn:how=read",
     {.kind = LEAT_FAULT_STUBBORN, .how = LEAT_FAULT_READ}},
    {"stubborn:how=sleep", {.kind = LEAT_FAULT_STUBBORN}},
    {"crash@3:how=abort", {.kind = LEAT_FAULT_CRASH, .from = 3, .until = 4,
                           .how = LEAT_FAULT_ABORT}},
    {"crash:how=exit,code=3", {.kind = LEAT_FAULT_CRASH, .error = 3,
                               .how = LEAT_FAULT_EXIT}},
    {"crash:how=segv", {.kind = LEAT_FAULT_CRASH}},
    {"leak:size=4096", {.kind = LEAT_FAULT_LEAK, .size = 4096}},
    {"leak:how=fd", {.kind = LEAT_FAULT_LEAK, .how = LEAT_FAULT_FD}},
    {"drop:every=3,off",
     {.kind = LEAT_FAULT_DROP, .every = 3, .off = true}},
    {"duplicate", {.kind = LEAT_FAULT_DUPLICATE}},
    {"reorder:window=8", {.kind = LEAT_FAULT_REORDER, .window = 8}},
    {"corrupt@5..9", {.kind = LEAT_FAULT_CORRUPT, .from = 5, .until = 9}},
    {"close-early@9",
     {.kind = LEAT_FAULT_CLOSE_EARLY, .from = 9, .until = 10}},
    {"never-close", {.kind = LEAT_FAULT_NEVER_CLOSE}},
};

enum { TABLE = sizeof table / sizeof *table };

Test(fault_text, says_what_the_struct_says)
{
    for (size_t i = 0; i < TABLE; i++) {
        struct leat_fault fault = parsed(table[i].text);
        cr_assert(same(&fault, &table[i].fault), "%s", table[i].text);
        cr_assert(fault.off == table[i].fault.off);
    }
}

Test(fault_text, is_written_as_it_is_read)
{
    for (size_t i = 0; i < TABLE; i++) {
        char text[200];
        int len = leat_fault_format(&table[i].fault, 1, text, sizeof text);
        cr_assert_eq(len, (int)strlen(text));
        struct leat_fault again = parsed(text);
        cr_assert(same(&again, &table[i].fault), "%s became %s", table[i].text,
                  text);
    }
    char text[64];
    leat_fault_format(&table[0].fault, 1, text, sizeof text);
    cr_assert_str_eq(text, "hang@6");
    leat_fault_format(&table[12].fault, 1, text, sizeof text);
    cr_assert_str_eq(text, "slow:20ms+-5ms");
    struct leat_fault flaky = parsed("flaky:attempts=2");
    leat_fault_format(&flaky, 1, text, sizeof text);
    cr_assert_str_eq(text, "error:attempts=2,code=AGAIN");
}

Test(fault_text, joins_several_with_a_plus)
{
    struct leat_fault faults[3];
    size_t count = 3;
    char text[100];
    cr_assert_eq(leat_fault_parse("slow:1ms+-1us+hang@6+error", faults, &count,
                                  NULL), LEAT_OK);
    cr_assert_eq(count, 3);
    cr_assert_eq(faults[0].jitter, LEAT_US);
    cr_assert_eq(faults[1].kind, LEAT_FAULT_HANG);
    cr_assert_eq(faults[2].kind, LEAT_FAULT_ERROR);
    leat_fault_format(faults, 3, text, sizeof text);
    cr_assert_str_eq(text, "slow:1ms+-1us+hang@6+error");
}

static const struct {
    const char *text;
    size_t at;
    const char *message;
} mistakes[] = {
    {"", 0, "a fault such as hang, error, slow or crash expected, found the "
            "end"},
    {"hangs@6", 0, "a fault such as hang, error, slow or crash expected, found "
                   "\"hangs\""},
    {"hang@", 5, "a key or a range such as 6 or 10..20 expected, found the "
                 "end"},
    {"hang@x", 5, "a key or a range such as 6 or 10..20 expected, found \"x\""},
    {"error@5..5", 10, "the range is empty"},
    {"error@18446744073709551615", 6, "the number is too large"},
    {"error:every=x", 12, "a number expected, found \"x\""},
    {"error:every=0", 12, "a number above 0 expected"},
    {"error:code=EWRONG", 11, "an errno name, AGAIN or so, or a number "
                              "expected, found \"EWRONG\""},
    {"error:code=0", 11, "code 0 would be no error"},
    {"error:chance=2", 13, "a share is above 0 and at most 1"},
    {"error:chance=x", 13, "a share such as 0.1 expected, found \"x\""},
    {"slow:20", 7, "a unit (ns, us, ms or s) expected, found the end"},
    {"slow:20min", 7, "a unit (ns, us, ms or s) expected, found \"min\""},
    {"slow:20ms+-x", 11, "a time such as 20ms expected, found \"x\""},
    {"slow:99999999999s", 5, "the time is too long"},
    {"crash:how=tail", 10, "one of segv abort exit expected, found \"tail\""},
    {"hang:how=spin", 9, "this kind has no how"},
    {"error,code=1", 5, "\":\", \",\", \"+\" or the end expected, found \",\""},
    {"hang+", 5, "a fault such as hang, error, slow or crash expected, found "
                 "the end"},
    {"error+hang:20ms", 6, "delay is for slow and stubborn only"},
    {"error: every=3", 6, "a time, every= chance= seed= attempts= code= how= "
                          "rate= size= window= or off expected, found "
                          "\" every\""},
    {"hang+hang+hang+hang", 15, "that is one fault too many"},
};

Test(fault_text, tells_where_a_mistake_is_and_what_was_expected)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct leat_fault faults[3], before[3];
        struct leat_fault_mistake mistake;
        size_t count = 3;
        memset(faults, 1, sizeof faults);
        memset(before, 1, sizeof before);
        cr_assert_eq(leat_fault_parse(mistakes[i].text, faults, &count,
                                      &mistake),
                     LEAT_INVALID, "%s", mistakes[i].text);
        cr_expect_str_eq(mistake.message, mistakes[i].message, "%s: %s",
                         mistakes[i].text, mistake.message);
        cr_expect_eq(mistake.at, mistakes[i].at, "%s: at %d", mistakes[i].text,
                     (int)mistake.at);
        cr_assert_eq(count, 3);
        cr_assert_eq(memcmp(faults, before, sizeof faults), 0, "written");
    }
    cr_assert_eq(leat_fault_parse(NULL, NULL, NULL, NULL), LEAT_INVALID);
    cr_assert_eq(leat_fault_parse("hang", NULL, &(size_t){1}, NULL),
                 LEAT_INVALID);
    cr_assert_eq(leat_fault_parse("hang", NULL, &(size_t){0}, NULL),
                 LEAT_INVALID);
}

Test(fault_text, is_cut_short_as_by_snprintf)
{
    char text[] = "xxxxx";
    cr_assert_eq(leat_fault_format(&table[0].fault, 1, text, 4), 6);
    cr_assert_str_eq(text, "han");
    cr_assert_eq(text[4], 'x');
    cr_assert_eq(leat_fault_format(&table[0].fault, 1, NULL, 0), 6);
    cr_assert_eq(leat_fault_format(&table[0].fault, 0, text, 4), -1);
    struct leat_fault wrong = {.window = 1};
    cr_assert_eq(leat_fault_format(&wrong, 1, text, 4), -1);
}

Test(fault_text, names_every_kind)
{
    cr_assert_str_eq(leat_fault_name(LEAT_FAULT_NEVER_CLOSE), "never-close");
    cr_assert_null(leat_fault_name((enum leat_fault_kind)99));
}

/* --- at random --- */

static uint64_t seed = 20;

static uint64_t dice(uint64_t sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 24) % sides;
}

static uint64_t any_number(void)
{
    return dice(3) ? dice(1000) : dice(UINT64_C(1) << 40) << dice(24);
}

static struct leat_fault any_fault(void)
{
    struct leat_fault fault;
    do {
        fault = (struct leat_fault){
            .kind = (enum leat_fault_kind)dice(12),
            .how = dice(2) ? (enum leat_fault_how)dice(8) : LEAT_FAULT_PLAIN,
            .error = dice(2) ? (int)dice(400) - 100 : 0,
            .delay = dice(2) ? (leat_duration)(any_number() >> 2) : 0,
            .jitter = dice(3) ? 0 : (leat_duration)(any_number() >> 2),
            .rate = dice(3) ? 0 : any_number(),
            .from = dice(2) ? 0 : any_number(),
            .until = dice(2) ? 0 : any_number(),
            .every = dice(2) ? 0 : any_number(),
            .chance = dice(2) ? 0 : (double)dice(UINT64_C(1) << 39) * 0x1p-39,
            .seed = dice(2) ? 0 : any_number(),
            .attempts = dice(2) ? 0 : (unsigned)dice(70000),
            .size = dice(4) ? 0 : (size_t)any_number(),
            .window = dice(4) ? 0 : (size_t)dice(65),
            .off = !dice(4),
        };
    } while (leat_fault_check(&fault));
    return fault;
}

Test(fault_text, comes_back_as_it_was_for_any_fault)
{
    for (size_t round = 0; round < scaled(3000); round++) {
        struct leat_fault faults[3], again[3];
        size_t count = 1 + dice(3), room = 3;
        char text[600];
        for (size_t i = 0; i < count; i++)
            faults[i] = any_fault();
        int len = leat_fault_format(faults, count, text, sizeof text);
        cr_assert(len > 0 && len < 600);
        struct leat_fault_mistake mistake;
        int status = leat_fault_parse(text, again, &room, &mistake);
        cr_assert_eq(status, LEAT_OK, "%s: at %d: %s", text, (int)mistake.at,
                     mistake.message);
        cr_assert_eq(room, count);
        for (size_t i = 0; i < count; i++)
            cr_assert(same(&faults[i], &again[i]), "%s", text);
    }
}

Test(fault_text, comes_back_in_a_locale_with_a_decimal_comma)
{
    const char *names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", NULL};
    size_t i = 0;
    while (names[i] && !setlocale(LC_NUMERIC, names[i]))
        i++;
    struct leat_fault fault = parsed("error:chance=0.25");
    char text[40];
    cr_assert_eq(fault.chance, 0.25);
    leat_fault_format(&fault, 1, text, sizeof text);
    setlocale(LC_NUMERIC, "C");
    cr_assert_str_eq(text, "error:chance=0.25");
}

/* Whatever comes: it answers, a mistake is inside the text, and what it takes
 * makes sense and can be written. */
static void feed(const char *text)
{
    struct leat_fault faults[3];
    struct leat_fault_mistake mistake;
    size_t count = 3;
    char back[600];
    int status = leat_fault_parse(text, faults, &count, &mistake);
    if (status == LEAT_OK) {
        cr_assert(count >= 1 && count <= 3);
        cr_assert_gt(leat_fault_format(faults, count, back, sizeof back), 0);
        return;
    }
    cr_assert_eq(status, LEAT_INVALID);
    cr_assert_leq(mistake.at, strlen(text));
    cr_assert(*mistake.message && strlen(mistake.message) < 160);
}

Test(fault_text, survives_random_bytes_and_spoilt_texts)
{
    static const char letters[] = "@:,+-=.0123456789ehangslowms";
    for (size_t round = 0; round < scaled(20000); round++) {
        char text[64] = "";
        size_t len = dice(40);
        if (round % 3 == 0)
            for (size_t i = 0; i < len; i++)
                text[i] = (char)(1 + dice(255));
        else if (round % 3 == 1)
            for (size_t i = 0; i < len; i++)
                text[i] = letters[dice(sizeof letters - 1)];
        else {
            strcpy(text, table[dice(TABLE)].text);
            for (size_t i = 0; i < 1 + dice(2); i++)
                text[dice(strlen(text))] = letters[dice(sizeof letters - 1)];
        }
        feed(text);
    }
}
