/* thumbs_test.c - a thread pool of somebody else's under a list of faults.
 *
 *   ./thumbs_test               all of them
 *   ./thumbs_test hang@3 ...    what the command line says
 *
 * SPDX-License-Identifier: MIT */
#include "thumbs.h"
#include <glib.h>
#include <leat/fault.h>
#include <leat/harness.h>
#include <stdio.h>

enum { PICTURES = 12, THREADS = 4 };

static leat_ctx *ctx;
static struct leat_fault fault;

static int make(unsigned picture, void *arg)
{
    int error = leat_fault_hit(ctx, &fault, picture);

    (void)arg;
    return error;
}

/* What GLib keeps for later is nothing that the pool has left: threads for the
 * next pool, which we forbid, and what it makes at the first use of a pool,
 * which is before all scopes therefore. */
static void warm_up(void)
{
    g_thread_pool_set_max_unused_threads(0);
    fault.off = true;
    thumbs_run(PICTURES, THREADS, make, NULL);
}

/* 0, or 1 when the line is wrong, pictures are lost or something is left. */
static int run(const char *text)
{
    struct leat_watchdog_options options = {.name = text,
                                            .deadline = 20 * LEAT_S};
    struct leat_fault_mistake mistake;
    size_t count = 1;
    leat_scope *scope;
    leat_watchdog *dog;
    struct thumbs thumbs;
    int barked;

    if (leat_fault_parse(text, &fault, &count, &mistake)) {
        fprintf(stderr, "%s\n%*s %s\n", text, (int)mistake.at + 1, "^",
                mistake.message);
        return 1;
    }
    scope = leat_scope_begin(text, NULL);
    dog = leat_watchdog_begin(&options);
    ctx = leat_ctx_root(LEAT_S);
    thumbs = thumbs_run(PICTURES, THREADS, make, NULL);
    leat_ctx_free(ctx);
    barked = leat_watchdog_end(dog);
    printf("%-23s %2u made, %2u failed, %2d hit\n", text, thumbs.made,
           thumbs.failed, (int)leat_fault_hits(&fault));
    return barked || leat_scope_end(scope, NULL) != 0 ||
           thumbs.made + thumbs.failed != PICTURES;
}

int main(int argc, char **argv)
{
    static const char *const all[] = {
        "error:off",     "error:every=4", "flaky@2..6:attempts=1",
        "slow:2ms+-1ms", "hang@3",        "stubborn@3:20ms"};
    int count = argc > 1 ? argc - 1 : (int)(sizeof all / sizeof *all);
    int bad = 0;

    warm_up();
    for (int i = 0; i < count; i++)
        bad += run(argc > 1 ? argv[i + 1] : all[i]);
    printf("%d of %d bad\n", bad, count);
    return bad != 0;
}
