/* criterion.h - stands in for Criterion's, with the part of it that our tests
 * use, over a runner of our own: Criterion cannot start under ThreadSanitizer,
 * and swallows the exit status of a test that leaks or races (coverage/README.md
 * tells more). Each test is a forked process with an honest exit status.
 * SPDX-License-Identifier: MIT */
#ifndef PLAIN_CRITERION_H
#define PLAIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plain_options {
    void (*init)(void), (*fini)(void);
    double timeout; /* seconds */
    int signal;     /* it must end by */
    int exit_code;  /* it must end with */
    bool disabled;
    const char *description;
};

struct plain_test {
    const char *suite, *name; /* name NULL: the options of a suite */
    void (*fn)(void);
    struct plain_options options;
    struct plain_test *next;
};

void plain_register(struct plain_test *test);

/* Prints, and ends the test if fatal. */
void plain_check(bool holds, bool fatal, const char *file, int line,
                 const char *what, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void plain_log(const char *kind, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define PLAIN_REGISTER(id, s, n, f, ...)                                       \
    __attribute__((constructor)) static void id##_register(void)               \
    {                                                                          \
        static struct plain_test test = {.suite = s, .name = n, .fn = f};      \
        test.options = (struct plain_options){.disabled = false, __VA_ARGS__}; \
        plain_register(&test);                                                 \
    }

#define Test(s, n, ...)                                                        \
    static void s##_##n##_body(void);                                          \
    PLAIN_REGISTER(s##_##n, #s, #n, s##_##n##_body, __VA_ARGS__)               \
    static void s##_##n##_body(void)

#define TestSuite(s, ...)                                                      \
    PLAIN_REGISTER(s##_suite, #s, NULL, NULL, __VA_ARGS__)                     \
    struct plain_test /* the caller writes the semicolon */

#define PLAIN_CHECK(fatal, holds, what, ...)                                   \
    plain_check(holds, fatal, __FILE__, __LINE__, what, "" __VA_ARGS__)
#define PLAIN_OP(fatal, a, op, b, ...)                                         \
    PLAIN_CHECK(fatal, (a)op(b), #a " " #op " " #b, __VA_ARGS__)

#define cr_assert(c, ...) PLAIN_CHECK(true, !!(c), #c, __VA_ARGS__)
#define cr_assert_not(c, ...) PLAIN_CHECK(true, !(c), "!(" #c ")", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) PLAIN_OP(true, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) PLAIN_OP(true, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) PLAIN_OP(true, a, <, b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) PLAIN_OP(true, a, <=, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) PLAIN_OP(true, a, >, b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) PLAIN_OP(true, a, >=, b, __VA_ARGS__)
#define cr_assert_null(p, ...) PLAIN_OP(true, p, ==, NULL, __VA_ARGS__)
#define cr_assert_not_null(p, ...) PLAIN_OP(true, p, !=, NULL, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)                                            \
    PLAIN_CHECK(true, !strcmp(a, b), #a " is \"" #b "\"", __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)                                           \
    PLAIN_CHECK(true, !!strcmp(a, b), #a " is not \"" #b "\"", __VA_ARGS__)
#define cr_assert_arr_eq(a, b, size, ...)                                      \
    PLAIN_CHECK(true, !memcmp(a, b, size), #a " equals " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...)                                       \
    PLAIN_CHECK(true, (a) - (b) <= (e) && (b) - (a) <= (e), #a " is " #b,      \
                __VA_ARGS__)
#define cr_assert_fail(...) PLAIN_CHECK(true, false, "cr_assert_fail()", __VA_ARGS__)
#define cr_fatal(...) PLAIN_CHECK(true, false, "cr_fatal()", __VA_ARGS__)

#define cr_expect(c, ...) PLAIN_CHECK(false, !!(c), #c, __VA_ARGS__)
#define cr_expect_not(c, ...) PLAIN_CHECK(false, !(c), "!(" #c ")", __VA_ARGS__)
#define cr_expect_eq(a, b, ...) PLAIN_OP(false, a, ==, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) PLAIN_OP(false, a, !=, b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) PLAIN_OP(false, a, <, b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) PLAIN_OP(false, a, <=, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) PLAIN_OP(false, a, >, b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) PLAIN_OP(false, a, >=, b, __VA_ARGS__)
#define cr_expect_null(p, ...) PLAIN_OP(false, p, ==, NULL, __VA_ARGS__)
#define cr_expect_not_null(p, ...) PLAIN_OP(false, p, !=, NULL, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)                                            \
    PLAIN_CHECK(false, !strcmp(a, b), #a " is \"" #b "\"", __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)                                           \
    PLAIN_CHECK(false, !!strcmp(a, b), #a " is not \"" #b "\"", __VA_ARGS__)
#define cr_expect_arr_eq(a, b, size, ...)                                      \
    PLAIN_CHECK(false, !memcmp(a, b, size), #a " equals " #b, __VA_ARGS__)
#define cr_expect_fail(...) PLAIN_CHECK(false, false, "cr_expect_fail()", __VA_ARGS__)
#define cr_fail(...) cr_expect_fail(__VA_ARGS__)

#define cr_log_info(...) plain_log("info", __VA_ARGS__)
#define cr_log_warn(...) plain_log("warning", __VA_ARGS__)
#define cr_log_error(...) plain_log("error", __VA_ARGS__)

#endif
