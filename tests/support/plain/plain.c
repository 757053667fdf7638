/* plain.c - runs tests written for Criterion, each in a process of its own.
 *
 * usage: all-tests [--list] [--jobs N] [--verbose] [PATTERN...]
 *
 * A pattern is a shell's, over suite/name. A test fails when an assertion does,
 * when it ends by a signal or with another status than 0 (a sanitizer's, or
 * Valgrind's --error-exitcode), when it takes too long, and when it leaves a
 * thread running. No test at all is a failure, too.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "criterion/criterion.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Under Valgrind and the sanitizers everything takes longer. */
#ifdef LEAT_SLOW
enum { SLOWER = LEAT_SLOW };
#else
enum { SLOWER = 1 };
#endif

#if defined(__SANITIZE_THREAD__)
#define HAS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_TSAN 1
#endif
#endif

static struct plain_test *tests, **last_test = &tests;
static int failures; /* of the test that this process is */

void plain_register(struct plain_test *test)
{
    *last_test = test;
    last_test = &test->next;
}

void plain_check(bool holds, bool fatal, const char *file, int line,
                 const char *what, const char *format, ...)
{
    va_list args;

    if (holds)
        return;
    failures++;
    fprintf(stderr, "%s:%d: error: not so: %s", file, line, what);
    if (*format) {
        fputs(": ", stderr);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
    }
    fputc('\n', stderr);
    if (fatal)
        exit(1);
}

void plain_log(const char *kind, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "[%s] ", kind);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* --- in the test's process --- */

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nap(double seconds)
{
    nanosleep(&(struct timespec){0, (long)(seconds * 1e9)}, NULL);
}

/* Threads of this process; 0 where the system does not tell. */
static int count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = 0;

    if (!dir)
        return 0;
    for (struct dirent *e; (e = readdir(dir));)
        count += e->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* A joined thread is still listed for a moment, so it gets one. */
static void check_threads(void)
{
    int most = 1;
    double until = now() + 2.0 * SLOWER;

#ifdef HAS_TSAN
    most = 3; /* it has one of its own in each process it was forked in */
#endif
    while (count_threads() > most && now() < until)
        nap(0.001);
    plain_check(count_threads() <= most, false, "plain.c", __LINE__,
                "no thread is left running", "%d are", count_threads() - most);
}

static void run_here(const struct plain_test *test)
{
    if (test->options.init)
        test->options.init();
    test->fn();
    if (test->options.fini)
        test->options.fini();
    check_threads();
    exit(failures ? 1 : 0);
}

/* --- in the runner --- */

struct job {
    const struct plain_test *test;
    pid_t pid;
    FILE *output;
    double began;
};

static struct {
    int run, passed, failed, crashed;
    bool verbose;
} total;

static struct plain_options options_of(const struct plain_test *test)
{
    struct plain_options options = test->options;

    for (const struct plain_test *t = tests; t; t = t->next) {
        if (t->name || strcmp(t->suite, test->suite) != 0)
            continue;
        if (!options.init)
            options.init = t->options.init;
        if (!options.fini)
            options.fini = t->options.fini;
        if (options.timeout <= 0)
            options.timeout = t->options.timeout;
    }
    if (options.timeout <= 0)
        options.timeout = 30;
    return options;
}

static void start(struct job *job, const struct plain_test *test)
{
    job->test = test;
    job->began = now();
    job->output = tmpfile();
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0) {
        struct plain_test copy = *test;
        copy.options = options_of(test);
        if (job->output) {
            dup2(fileno(job->output), STDOUT_FILENO);
            dup2(fileno(job->output), STDERR_FILENO);
        }
        setpgid(0, 0);
        run_here(&copy);
    }
    if (job->pid < 0) {
        perror("fork");
        exit(2);
    }
}

static void show(FILE *output)
{
    char line[4096];

    if (!output)
        return;
    rewind(output);
    while (fgets(line, sizeof line, output))
        fputs(line, stderr);
}

static void finish(struct job *job, int status, bool late)
{
    const struct plain_options *o = &job->test->options;
    char how[64] = "";
    bool good;

    if (WIFSIGNALED(status))
        good = !late && o->signal == WTERMSIG(status);
    else
        good = !o->signal && WEXITSTATUS(status) == o->exit_code;
    if (late)
        snprintf(how, sizeof how, "timed out");
    else if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "signal %d", WTERMSIG(status));
    else
        snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(status));
    total.run++;
    total.passed += good;
    total.failed += !good;
    total.crashed += !good && !late && WIFSIGNALED(status);
    if (!good || total.verbose) {
        fprintf(stderr, "[%s] %s/%s: %s (%.2f s)\n", good ? "ok" : "FAIL",
                job->test->suite, job->test->name, how, now() - job->began);
        show(job->output);
    }
    if (job->output)
        fclose(job->output);
    kill(-job->pid, SIGKILL); /* what the test has started */
    job->test = NULL;
}

/* Looks whether it has ended. */
static void look(struct job *job)
{
    double limit = options_of(job->test).timeout * SLOWER;
    int status;
    pid_t pid = waitpid(job->pid, &status, WNOHANG);

    if (pid == job->pid) {
        finish(job, status, false);
    } else if (now() - job->began > limit) {
        kill(-job->pid, SIGKILL);
        kill(job->pid, SIGKILL);
        waitpid(job->pid, &status, 0);
        finish(job, status, true);
    }
}

static bool wanted(const struct plain_test *test, char **patterns)
{
    char name[512];

    if (!test->name || test->options.disabled)
        return false;
    if (!*patterns)
        return true;
    snprintf(name, sizeof name, "%s/%s", test->suite, test->name);
    for (; *patterns; patterns++)
        if (fnmatch(*patterns, name, 0) == 0)
            return true;
    return false;
}

static void run_all(struct job *jobs, int count, char **patterns)
{
    const struct plain_test *next = tests;
    int running;

    do {
        running = 0;
        for (int i = 0; i < count; i++) {
            while (!jobs[i].test && next) {
                if (wanted(next, patterns))
                    start(&jobs[i], next);
                next = next->next;
            }
            if (jobs[i].test)
                look(&jobs[i]);
            running += jobs[i].test != NULL;
        }
        if (running)
            nap(0.0005);
    } while (running || next);
}

int main(int argc, char **argv)
{
    enum { MOST = 64 };
    struct job jobs[MOST] = {{0}};
    int count = 2, i = 1;
    bool list = false;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--list")) {
            list = true;
        } else if (!strcmp(argv[i], "--verbose")) {
            total.verbose = true;
        } else if (!strcmp(argv[i], "--jobs") && i + 1 < argc) {
            count = atoi(argv[++i]);
        } else {
            fprintf(stderr, "usage: %s [--list] [--jobs N] [--verbose] "
                            "[PATTERN...]\n", argv[0]);
            return 2;
        }
    }
    if (list) {
        for (const struct plain_test *t = tests; t; t = t->next)
            if (wanted(t, argv + i))
                printf("%s/%s\n", t->suite, t->name);
        return 0;
    }
    run_all(jobs, count < 1 ? 1 : count > MOST ? MOST : count, argv + i);
    fprintf(stderr, "Tested: %d | Passing: %d | Failing: %d | Crashing: %d\n",
            total.run, total.passed, total.failed, total.crashed);
    if (total.run == 0)
        fprintf(stderr, "no test was run\n");
    printf("%d passed, %d failed\n", total.passed, total.failed);
    return total.failed || total.run == 0 ? 1 : 0;
}
