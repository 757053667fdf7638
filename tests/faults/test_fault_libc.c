/* test_fault_libc.c - the n-th call of libc fails.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "support/blocked.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <leat/fault_libc.h>
#include <leat/status.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(fault_libc, .timeout = 30);

static struct leat_fault_libc_report report;

static void begin(unsigned calls, uint64_t nth)
{
    cr_assert_eq(leat_fault_libc_begin(
                     &(struct leat_fault_libc){.calls = calls, .nth = nth}),
                 LEAT_OK);
}

static void end(void)
{
    cr_assert_eq(leat_fault_libc_end(&report), LEAT_OK);
}

/* --- one of each; 0, or the error --- */

static int fd, spare; /* of a temporary file that is gone; to be closed */

static int kept(void *at)
{
    int error = at ? 0 : errno;
    void *volatile seen = at; /* the pair is not optimised away */
    free(seen);
    return error;
}

static int try_malloc(void) { return kept(malloc(8)); }
static int try_calloc(void) { return kept(calloc(2, 8)); }
static int try_aligned(void) { return kept(aligned_alloc(64, 64)); }
static int try_strdup(void) { return kept(strdup("eight")); }
static int try_strndup(void) { return kept(strndup("eight", 3)); }

static int try_realloc(void)
{
    static char *old; /* kept where it fails, as it must be */
    char *larger = realloc(old, 100);
    if (!larger)
        return errno;
    old = NULL;
    return kept(larger);
}

static void *do_nothing(void *arg)
{
    return arg;
}

static int try_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, do_nothing, NULL);
    if (!error)
        pthread_join(thread, NULL);
    return error;
}

static int try_mutex(void)
{
    pthread_mutex_t mutex;
    int error = pthread_mutex_init(&mutex, NULL);
    if (!error)
        pthread_mutex_destroy(&mutex);
    return error;
}

static int try_cond(void)
{
    pthread_cond_t cond;
    int error = pthread_cond_init(&cond, NULL);
    if (!error)
        pthread_cond_destroy(&cond);
    return error;
}

static int try_read(void)
{
    char byte;
    return read(fd, &byte, 1) < 0 ? errno : 0;
}

static int try_write(void) { return write(fd, "x", 1) < 0 ? errno : 0; }
static int try_fsync(void) { return fsync(fd) < 0 ? errno : 0; }
static int try_fdatasync(void) { return fdatasync(fd) < 0 ? errno : 0; }

/* What the scope does not see: the other half of a pair. */
static int plain_open(void)
{
    return (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
}

static int try_open(void)
{
    int got = open("/dev/null", O_RDONLY);
    if (got < 0)
        return errno;
    syscall(SYS_close, got);
    return 0;
}

static int try_close(void)
{
    spare = plain_open();
    return close(spare) < 0 ? errno : 0;
}

static const struct {
    const char *name;
    enum leat_libc_call call;
    int (*try)(void);
    int usual;
} table[] = {
    {"malloc", LEAT_LIBC_MALLOC, try_malloc, ENOMEM},
    {"calloc", LEAT_LIBC_CALLOC, try_calloc, ENOMEM},
    {"realloc", LEAT_LIBC_REALLOC, try_realloc, ENOMEM},
    {"aligned_alloc", LEAT_LIBC_ALIGNED_ALLOC, try_aligned, ENOMEM},
    {"strdup", LEAT_LIBC_STRDUP, try_strdup, ENOMEM},
    {"strndup", LEAT_LIBC_STRNDUP, try_strndup, ENOMEM},
    {"pthread_create", LEAT_LIBC_THREAD, try_thread, EAGAIN},
    {"pthread_mutex_init", LEAT_LIBC_MUTEX, try_mutex, ENOMEM},
    {"pthread_cond_init", LEAT_LIBC_COND, try_cond, ENOMEM},
    {"read", LEAT_LIBC_READ, try_read, EIO},
    {"write", LEAT_LIBC_WRITE, try_write, EIO},
    {"fsync", LEAT_LIBC_FSYNC, try_fsync, EIO},
    {"fdatasync", LEAT_LIBC_FDATASYNC, try_fdatasync, EIO},
    {"open", LEAT_LIBC_OPEN, try_open, EIO},
    {"close", LEAT_LIBC_CLOSE, try_close, EIO},
};

enum { CALLS = sizeof table / sizeof *table };

static void make_file(void)
{
    char path[] = "/tmp/leat-fault-XXXXXX";
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
}

static void close_file(void)
{
    syscall(SYS_close, fd);
}

Test(fault_libc, the_nth_call_fails_and_no_other, .init = make_file,
     .fini = close_file)
{
    for (int i = 0; i < CALLS; i++) {
        begin(table[i].call, 2);
        cr_expect_eq(table[i].try(), 0, "%s, first", table[i].name);
        cr_expect_eq(table[i].try(), table[i].usual, "%s", table[i].name);
        cr_expect_eq(table[i].try(), 0, "%s, third", table[i].name);
        end();
        cr_expect_eq(report.reached, 3, "%s", table[i].name);
        cr_expect_eq(report.hits, 1, "%s", table[i].name);
        cr_expect_str_eq(report.call ? report.call : "", table[i].name);
        cr_expect_eq(table[i].try(), 0, "%s, after the end", table[i].name);
    }
}

Test(fault_libc, only_the_named_calls_count_each_among_them, .init = make_file,
     .fini = close_file)
{
    for (int i = 0; i < CALLS; i++) {
        begin(LEAT_LIBC_ALL & ~(unsigned)table[i].call, 1);
        int error = table[i].try();
        end();
        cr_expect_eq(error, 0, "%s", table[i].name);
    }
    begin(LEAT_LIBC_MEMORY | LEAT_LIBC_INIT, 3);
    cr_expect_eq(try_malloc(), 0);
    cr_expect_eq(try_mutex(), 0);
    cr_expect_eq(try_fsync(), 0);
    cr_expect_eq(try_calloc(), ENOMEM);
    end();
    cr_expect_eq(report.reached, 3);
}

Test(fault_libc, fails_with_the_chosen_error, .init = make_file,
     .fini = close_file)
{
    const int errors[] = {EINTR, ENOSPC, EPIPE, EAGAIN, ENOMEM, EIO};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        leat_fault_libc_begin(&(struct leat_fault_libc){
            .calls = LEAT_LIBC_ALL, .nth = 1, .times = UINT64_MAX,
            .error = errors[i]});
        for (int j = 0; j < CALLS; j++)
            cr_expect_eq(table[j].try(), errors[i], "%s", table[j].name);
        end();
    }
}

Test(fault_libc, fails_so_many_times_in_a_row)
{
    leat_fault_libc_begin(&(struct leat_fault_libc){
        .calls = LEAT_LIBC_MALLOC, .nth = 2, .times = 3});
    for (int call = 1; call <= 6; call++)
        cr_expect_eq(try_malloc(), call >= 2 && call <= 4 ? ENOMEM : 0,
                     "call %d", call);
    end();
    cr_expect_eq(report.hits, 3);
    leat_fault_libc_begin(&(struct leat_fault_libc){
        .calls = LEAT_LIBC_MALLOC, .nth = 3, .times = UINT64_MAX});
    for (int call = 1; call <= 6; call++)
        cr_expect_eq(try_malloc(), call >= 3 ? ENOMEM : 0, "call %d", call);
    end();
}

Test(fault_libc, counts_only_where_nth_is_0, .init = make_file,
     .fini = close_file)
{
    begin(LEAT_LIBC_ALL, 0);
    for (int i = 0; i < CALLS; i++)
        cr_expect_eq(table[i].try(), 0);
    struct leat_fault_libc_report now;
    leat_fault_libc_report(&now);
    end();
    cr_expect_eq(now.reached, CALLS);
    cr_expect_eq(report.reached, CALLS);
    cr_expect_eq(report.hits, 0);
    cr_expect_null(report.call);
    cr_expect_null(report.site);
    leat_fault_libc_report(&now);
    cr_expect_eq(now.reached, 0);
}

Test(fault_libc, reads_and_writes_come_short, .init = make_file,
     .fini = close_file)
{
    char bytes[10] = "0123456789";
    leat_fault_libc_begin(&(struct leat_fault_libc){
        .calls = LEAT_LIBC_READ | LEAT_LIBC_WRITE, .nth = 1, .times = 3,
        .partial = true});
    ssize_t first = write(fd, bytes, 10), second = write(fd, bytes + 5, 5);
    lseek(fd, 0, SEEK_SET);
    ssize_t back = read(fd, bytes, 10), whole = read(fd, bytes, 10);
    end();
    cr_expect_eq(first, 5);
    cr_expect_eq(second, 2);
    cr_expect_eq(back, 5);
    cr_expect_eq(whole, 2);
    leat_fault_libc_begin(&(struct leat_fault_libc){
        .calls = LEAT_LIBC_WRITE, .nth = 1, .partial = true});
    cr_expect_eq(write(fd, bytes, 1), 1, "one byte is never no byte");
    end();
}

Test(fault_libc, a_failing_close_has_closed)
{
    begin(LEAT_LIBC_CLOSE, 1);
    int error = try_close();
    end();
    cr_expect_eq(error, EIO);
    cr_expect_eq(fcntl(spare, F_GETFD), -1);
}

Test(fault_libc, open_makes_files_with_their_mode)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/leat-fault-%d", (int)getpid());
    begin(LEAT_LIBC_OPEN, 0);
    fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    end();
    cr_assert_geq(fd, 0);
    cr_expect_eq(access(path, R_OK | W_OK), 0);
    unlink(path);
    close(fd);
}

__attribute__((noinline)) static int the_culprit(void)
{
    int error = kept(malloc(16));
    __asm__ volatile("" ::: "memory"); /* no tail call: it is returned to */
    return error;
}

Test(fault_libc, tells_where_the_failing_call_was_made)
{
    begin(LEAT_LIBC_MALLOC, 2);
    try_malloc();
    cr_expect_eq(the_culprit(), ENOMEM);
    end();
    const char *from = (const char *)(uintptr_t)the_culprit;
    const char *site = report.site;
    cr_expect(site > from && site < from + 200, "%d bytes after",
              (int)(site - from));
    cr_expect_eq(report.thread, (unsigned long)syscall(SYS_gettid));
}

static void *allocates(void *arg)
{
    *(int *)arg = try_malloc();
    return NULL;
}

static int in_another_thread(void)
{
    pthread_t thread;
    int error = 0;
    thread_start(&thread, allocates, &error);
    pthread_join(thread, NULL);
    return error;
}

Test(fault_libc, may_be_bound_to_one_thread)
{
    leat_fault_libc_begin(&(struct leat_fault_libc){
        .calls = LEAT_LIBC_MALLOC, .nth = 1, .this_thread = true});
    cr_expect_eq(in_another_thread(), 0);
    cr_expect_eq(try_malloc(), ENOMEM);
    end();
    cr_expect_eq(report.reached, 1);
    begin(LEAT_LIBC_MALLOC, 1);
    cr_expect_eq(in_another_thread(), ENOMEM);
    end();
    cr_expect_neq(report.thread, (unsigned long)syscall(SYS_gettid));
}

static void *allocates_often(void *arg)
{
    for (int i = 0; i < 100; i++)
        if (try_malloc())
            gate_step(arg);
    return NULL;
}

Test(fault_libc, exactly_one_fails_among_many_threads)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct gate failed;
    gate_init(&failed);
    begin(LEAT_LIBC_MALLOC, 150);
    for (int i = 0; i < THREADS; i++)
        thread_start(&threads[i], allocates_often, &failed);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    end();
    cr_expect_eq(report.reached, THREADS * 100);
    cr_expect_eq(report.hits, 1);
    cr_expect(gate_passed(&failed, 1) && !gate_passed(&failed, 2));
}

Test(fault_libc, has_one_scope_at_a_time)
{
    const struct leat_fault_libc one = {.calls = LEAT_LIBC_MALLOC},
                                 none = {0},
                                 unknown = {.calls = 1u << 20},
                                 negative = {.calls = 1, .error = -1};
    cr_expect_eq(leat_fault_libc_end(&report), LEAT_INVALID);
    cr_expect_eq(leat_fault_libc_begin(NULL), LEAT_INVALID);
    cr_expect_eq(leat_fault_libc_begin(&none), LEAT_INVALID);
    cr_expect_eq(leat_fault_libc_begin(&unknown), LEAT_INVALID);
    cr_expect_eq(leat_fault_libc_begin(&negative), LEAT_INVALID);
    cr_expect_eq(leat_fault_libc_begin(&one), LEAT_OK);
    cr_expect_eq(leat_fault_libc_begin(&one), LEAT_INVALID);
    cr_expect_eq(leat_fault_libc_end(NULL), LEAT_OK);
    cr_expect_eq(leat_fault_libc_end(NULL), LEAT_INVALID);
}
