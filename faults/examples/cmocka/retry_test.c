/* retry_test.c - faults as lines of text, in tests by cmocka.
 *
 * A watchdog and a scope are round every test, set up and taken down by cmocka:
 * a test that gets stuck says where, and one that leaves a thread behind fails.
 * SPDX-License-Identifier: MIT */
#include "retry.h"
#include <leat/fault.h>
#include <leat/harness.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct test {
    leat_ctx *ctx;
    leat_scope *scope;
    leat_watchdog *dog;
    struct leat_fault fault;
};

static int set_up(void **state)
{
    static struct test test;
    struct leat_watchdog_options options = {.name = "retry",
                                            .deadline = 20 * LEAT_S};

    test = (struct test){.scope = leat_scope_begin("retry", NULL)};
    test.ctx = leat_ctx_root(100 * LEAT_MS);
    test.dog = leat_watchdog_begin(&options);
    *state = &test;
    return test.ctx && test.scope && test.dog ? 0 : -1;
}

static int tear_down(void **state)
{
    struct test *test = *state;
    int barked = leat_watchdog_end(test->dog);

    leat_ctx_free(test->ctx);
    return leat_scope_end(test->scope, NULL) || barked;
}

static int ask(void *server)
{
    struct test *test = server;

    return leat_fault_hit(test->ctx, &test->fault, LEAT_FAULT_CALL);
}

static int asked(struct test *test, const char *text)
{
    struct leat_fault_mistake mistake;
    size_t count = 1;

    if (leat_fault_parse(text, &test->fault, &count, &mistake))
        fail_msg("%s, at %d: %s", text, (int)mistake.at, mistake.message);
    return retry(ask, test, 4);
}

static void asks_once_where_all_is_well(void **state)
{
    assert_int_equal(asked(*state, "error:off"), 1);
}

static void asks_again_while_there_is_no_answer(void **state)
{
    struct test *test = *state;

    assert_int_equal(asked(test, "flaky:attempts=2"), 3);
    assert_int_equal(leat_fault_calls(&test->fault), 3);
}

static void gives_up_in_an_outage_and_works_again_after_it(void **state)
{
    struct test *test = *state;

    assert_int_equal(asked(test, "error@1..6:code=ECONNREFUSED"), -1);
    assert_int_equal(retry(ask, test, 4), 2); /* the fifth call fails, too */
}

static void a_server_that_hangs_takes_no_longer_than_its_context(void **state)
{
    struct test *test = *state;

    assert_int_equal(asked(test, "hang"), -1);
    assert_int_equal(leat_fault_hits(&test->fault), 4);
    assert_int_equal(leat_ctx_cause(test->ctx), LEAT_TIMEOUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(asks_once_where_all_is_well),
        TEST(asks_again_while_there_is_no_answer),
        TEST(gives_up_in_an_outage_and_works_again_after_it),
        TEST(a_server_that_hangs_takes_no_longer_than_its_context),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
