/* plain.c - runs tests written for Criterion, each in a process of its own.
 *
 * usage: all-tests [--list] [--jobs N] [--verbose] [PATTERN...]
 *
 * A pattern is a shell's, over suite/name. A test fails when an assertion does,
 * when it ends by a signal or with another status than 0 (a sanitizer's, or
 * Valgrind's --error-exitcode), when somebody calls exit in it, when it takes
 * too long, and when it leaves a thread running. No test at all is a failure,
 * too. --verbose tells of each test the seconds and the processor's seconds.
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "criterion/criterion.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Under Valgrind and the sanitizers everything takes longer. */
#ifdef LEAT_SLOW
enum { SLOWER = LEAT_SLOW };
#else
enum { SLOWER = 1 };
#endif
enum { MOST_SECONDS = 150 }; /* of one test, however much slower all is */

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

static void run_here(const struct plain_test *test, bool *done)
{
    if (test->options.init)
        test->options.init();
    test->fn();
    if (test->options.fini)
        test->options.fini();
    check_threads();
    *done = true;
    exit(failures ? 1 : 0);
}

/* --- in the runner --- */

struct job {
    const struct plain_test *test;
    pid_t pid;
    FILE *output;
    double began;
    bool *done; /* shared with the test: it came to its end */
};

static struct {
    int run, passed, failed, crashed;
    bool verbose;
} total;

static volatile sig_atomic_t stop; /* a signal that wants us to end */

static void note_signal(int number)
{
    stop = number;
}

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
    *job->done = false;
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0) {
        struct plain_test copy = *test;
        copy.options = options_of(test);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the runner */
        signal(SIGTERM, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        if (job->output) {
            dup2(fileno(job->output), STDOUT_FILENO);
            dup2(fileno(job->output), STDERR_FILENO);
        }
        setpgid(0, 0);
        run_here(&copy, job->done);
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

/* Whether it ended as it should; how it ended as text. */
static bool judge(const struct job *job, int status, bool late, char how[64])
{
    const struct plain_options *o = &job->test->options;

    if (late) {
        snprintf(how, 64, "timed out");
        return false;
    }
    if (WIFSIGNALED(status)) {
        snprintf(how, 64, "signal %d", WTERMSIG(status));
        return o->signal == WTERMSIG(status);
    }
    snprintf(how, 64, "exit status %d%s", WEXITSTATUS(status),
             WEXITSTATUS(status) || *job->done ? "" : " before its end");
    return !o->signal && WEXITSTATUS(status) == o->exit_code &&
           (*job->done || o->exit_code != 0);
}

static void finish(struct job *job, int status, bool late,
                   const struct rusage *used)
{
    char how[64];
    bool good = judge(job, status, late, how);

    total.run++;
    total.passed += good;
    total.failed += !good;
    total.crashed += !good && !late && WIFSIGNALED(status);
    if (!good || total.verbose) {
        fprintf(stderr, "[%s] %s/%s: %s (%.2f s, %.2f s of a processor)\n",
                good ? "ok" : "FAIL", job->test->suite, job->test->name, how,
                now() - job->began,
                (double)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) +
                    1e-6 * (double)(used->ru_utime.tv_usec +
                                    used->ru_stime.tv_usec));
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
    struct rusage used;
    int status;
    pid_t pid = wait4(job->pid, &status, WNOHANG, &used);

    if (limit > MOST_SECONDS)
        limit = MOST_SECONDS;
    if (getenv("LEAT_LONG"))
        limit *= 10;
    if (pid == job->pid) {
        finish(job, status, false, &used);
    } else if (stop || now() - job->began > limit) {
        kill(-job->pid, SIGKILL);
        kill(job->pid, SIGKILL);
        wait4(job->pid, &status, 0, &used);
        finish(job, status, true, &used);
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
            while (!jobs[i].test && next && !stop) {
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
    } while (running || (next && !stop));
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
    count = count < 1 ? 1 : count > MOST ? MOST : count;
    bool *done = mmap(NULL, sizeof *done * MOST, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    for (int j = 0; j < count; j++)
        jobs[j].done = &done[j];
    signal(SIGTERM, note_signal);
    signal(SIGINT, note_signal);
    run_all(jobs, count, argv + i);
    if (stop)
        fprintf(stderr, "ended by signal %d\n", (int)stop);
    fprintf(stderr, "Tested: %d | Passing: %d | Failing: %d | Crashing: %d\n",
            total.run, total.passed, total.failed, total.crashed);
    if (total.run == 0)
        fprintf(stderr, "no test was run\n");
    printf("%d passed, %d failed\n", total.passed, total.failed);
    return stop ? 128 + (int)stop : total.failed || total.run == 0 ? 1 : 0;
}
