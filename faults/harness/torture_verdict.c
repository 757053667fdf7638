/* torture_verdict.c - what one point has shown.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "torture.h"
#include <leat/watchdog.h>
#include <string.h>
#include <sys/wait.h>

static void say_verdict(struct leat__torture *torture, const char *verdict,
                        const char *why)
{
    const struct leat__point *point = &torture->shared->point;
    char where[256];

    leat__say(&torture->text, "  ");
    if (point->report.call && point->report.hits) {
        leat_where(point->report.site, where, sizeof where);
        leat__say(&torture->text, "n=%llu, %s in %s%s: ",
                  (unsigned long long)point->fault.nth, point->report.call,
                  where, point->fault.partial ? ", by halves" : "");
    } else if (point->fault.nth) {
        leat__say(&torture->text, "n=%llu: ",
                  (unsigned long long)point->fault.nth);
    }
    leat__say(&torture->text, "%s%s%s\n", verdict, *why ? ": " : "", why);
}

void leat__torture_judge(struct leat__torture *torture, int status)
{
    const struct leat__point *point = &torture->shared->point;
    struct leat_torture_report *report = torture->report;
    char why[64];
    struct leat__text text = leat__text_in(why, sizeof why);

    if (status == -1) {
        report->hangs++;
        say_verdict(torture, "hang", "");
    } else if (point->verdict == LEAT__UNDECIDED || WIFSIGNALED(status)) {
        report->crashes++;
        if (WIFSIGNALED(status))
            leat__say(&text, "%s", strsignal(WTERMSIG(status)));
        else
            leat__say(&text, "exit status %d", WEXITSTATUS(status));
        say_verdict(torture, "crash", why);
    } else if (point->verdict == LEAT__SWALLOWED) {
        report->swallowed++;
        say_verdict(torture, "swallowed", point->why);
    } else if (point->verdict == LEAT__SHORT) {
        report->shorts++;
        say_verdict(torture, "short", point->why);
    } else if (point->verdict == LEAT__LEAKED || status != 0) {
        report->leaks++; /* status: Valgrind's, of what is left at the end */
        say_verdict(torture, "leak", status ? "says the tool" : point->why);
    }
}
