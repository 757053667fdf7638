/* test_fault_crash.c - what ends the process, and what it forgets.
 * SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE
#include <criterion/criterion.h>
#include <dirent.h>
#include <leat/fault.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif
#ifdef LEAT_WATCH
#include <valgrind/memcheck.h>
#endif

TestSuite(fault_crash, .timeout = 60);

/* How a process ends that is hit, without core files and handlers. */
static int end_of(struct leat_fault fault)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        freopen("/dev/null", "w", stderr);
        leat_fault_hit(NULL, &fault, 3);
        _exit(77);
    }
    waitpid(child, &status, 0);
    return status;
}

static int signal_of(struct leat_fault fault)
{
    int status = end_of(fault);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

Test(fault_crash, ends_the_process_by_a_signal)
{
    cr_assert_eq(signal_of((struct leat_fault){.kind = LEAT_FAULT_CRASH}),
                 SIGSEGV);
    cr_assert_eq(signal_of((struct leat_fault){.kind = LEAT_FAULT_CRASH,
                                               .how = LEAT_FAULT_ABORT}),
                 SIGABRT);
}

Test(fault_crash, exits_with_its_error_or_1)
{
    int status = end_of((struct leat_fault){.kind = LEAT_FAULT_CRASH,
                                            .how = LEAT_FAULT_EXIT});
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    status = end_of((struct leat_fault){.kind = LEAT_FAULT_CRASH, .error = 42,
                                        .how = LEAT_FAULT_EXIT});
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

Test(fault_crash, does_nothing_where_it_is_not_due)
{
    int status = end_of((struct leat_fault){.kind = LEAT_FAULT_CRASH,
                                            .from = 4});
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}

/* --- leaks --- */

static size_t descriptors(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    closedir(dir);
    return count;
}

Test(fault_crash, a_leak_of_descriptors_forgets_one_each_time)
{
    struct leat_fault leak = {.kind = LEAT_FAULT_LEAK, .how = LEAT_FAULT_FD};
    size_t before = descriptors();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(leat_fault_hit(NULL, &leak, 0), LEAT_OK);
    cr_assert_eq(descriptors(), before + 3);
}

enum { ROUNDS = 4, BYTES = 10000 };

static void leak_all(void)
{
    struct leat_fault leak = {.kind = LEAT_FAULT_LEAK, .size = BYTES};
    for (int i = 0; i < ROUNDS; i++)
        leat_fault_hit(NULL, &leak, 0);
}

/* As seen by whoever looks for leaks here; a child that is killed does not tell
 * them of it. */
static bool is_seen(void)
{
#if defined(__SANITIZE_ADDRESS__)
    leak_all();
    return __lsan_do_recoverable_leak_check() != 0;
#elif defined(__SANITIZE_THREAD__)
    leak_all(); /* its allocator does not tell */
    return true;
#else
    size_t before = mallinfo2().uordblks;
    leak_all();
#ifdef LEAT_WATCH
    if (RUNNING_ON_VALGRIND) {
        unsigned long lost = 0, maybe = 0, held = 0, kept = 0;
        VALGRIND_DISABLE_ERROR_REPORTING;
        VALGRIND_DO_QUICK_LEAK_CHECK;
        VALGRIND_COUNT_LEAKS(lost, maybe, held, kept);
        VALGRIND_ENABLE_ERROR_REPORTING;
        /* Under another tool there is nobody to ask. */
        return lost + maybe + held + kept == 0 || lost >= (ROUNDS - 1) * BYTES;
    }
#endif
    return mallinfo2().uordblks >= before + ROUNDS * BYTES;
#endif
}

Test(fault_crash, a_leak_of_memory_is_seen_by_who_looks_for_leaks)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        raise(is_seen() ? SIGKILL : SIGTERM);
    }
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGKILL);
}

#if !defined(LEAT_SLOW)
Test(fault_crash, a_leak_takes_64_bytes_where_no_size_is_given)
{
    struct leat_fault leak = {.kind = LEAT_FAULT_LEAK};
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 100; i++) /* some from what was freed before */
        cr_assert_eq(leat_fault_hit(NULL, &leak, 0), LEAT_OK);
    cr_assert_eq(leat_fault_hits(&leak), 100);
    cr_assert_geq(mallinfo2().uordblks, before + 90 * 64);
    leat_fault_switch(&leak, false);
    before = mallinfo2().uordblks;
    leat_fault_hit(NULL, &leak, 0);
    cr_assert_eq(mallinfo2().uordblks, before);
}
#endif
