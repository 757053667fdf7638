/* error_file.h - failed items in a file, and their re-run.
 *
 * The file is JSON Lines: one failed item a line, an object with
 *   run       which run wrote it: the time of its start and its process id
 *   seq       the item's number, kept through re-runs
 *   input     what the source had made, as its type's encode writes it; where
 *             that is not UTF-8, input_base64; null where encode refused
 *   stage     which failed
 *   class     "permanent", "transient" (LEAT_AGAIN, LEAT_NOMEM), "timeout" or
 *             "fatal"
 *   code      the status; positive: the application's own
 *   message   why
 *   attempts  calls of a stage for it so far, all runs together
 *   time      RFC 3339, UTC
 *   first     only after a re-run: the message of the first run
 *   line      only for a line of an error file that could not be understood:
 *             the line itself, in place of input
 *
 * A line is synced to the disk before its item counts as failed. After a crash
 * a line may be there twice, never missing, and the last one may be torn.
 *
 * To run it again: mend what can be mended in `input` (or delete a line that
 * nobody wants any more) and run the same pipeline with leat_rerun(). What
 * fails again goes to a fresh file of the same name, so a run over it
 * converges, and because effects are idempotent running it twice has no second
 * effect.
 *
 *   struct leat_rerun rerun = {.path = "errors.jsonl"};
 *   leat_rerun(&pipeline, &rerun);
 *   status = leat_run(ctx, &pipeline, &report);
 *   leat_rerun_finish(&rerun, &report);
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_ERROR_FILE_H
#define LEAT_ERROR_FILE_H

#include <leat/pipeline.h>

LEAT_BEGIN

/* For leat_pipeline.errors: appends failed items to the file at path, which is
 * made with the first of them; a run without failures makes none. The source's
 * type must have encode and decode: without, leat_run() refuses. path must
 * outlive the run. The run ends with an errno and a message that has the path
 * in it when the file cannot be opened (at the start already, as far as that
 * can be known without making it), written or synced; EBUSY: another run
 * writes to it or runs it again. One worker, batches of 64, which share a
 * sync; a torn last line is given its line feed first. */
struct leat_stage leat_error_file(const char *path);

/* A re-run of an error file. Must outlive the run. */
struct leat_rerun {
    const char *path;             /* of the error file */
    const struct leat_type *type; /* of the inputs, with a decode; leat_rerun()
                                     fills it in */
    struct leat_rerun_state *private_; /* leat's own; zero at the start */
};

/* Puts the inputs of an error file in the place of the pipeline's source, whose
 * type they must have: two stages, leat_rerun_source() and
 * leat_rerun_decode(), so the other stages move back by one. LEAT_OK.
 * LEAT_INVALID: a pointer is NULL, there is no source, its type has no decode,
 * or there is no room for one more stage; nothing was changed. */
int leat_rerun(struct leat_pipeline *pipeline, struct leat_rerun *rerun);

/* The two, to put them in place by hand.
 *
 * The source, named "rerun", emits one line after the other. At its start it
 * renames the file to path.rerunning, so that new failures go to a fresh file
 * at path; if there is a path.rerunning already, left over from a run that was
 * broken off, that is taken up instead and path left alone (for the next
 * re-run). The run ends with an errno and a message that has the path in it
 * when there is nothing to open or it cannot be read; EBUSY: another run has
 * it. A torn last line (its item never counted as failed) counts as skipped.
 *
 * The decoder, named "decode", makes the input of it. A line that cannot be
 * understood fails there with EBADMSG and a message that names file, line and
 * field, and is kept by leat_error_file() as it is. */
struct leat_stage leat_rerun_source(struct leat_rerun *rerun);
struct leat_stage leat_rerun_decode(struct leat_rerun *rerun);

/* To be called after leat_run() with its report. Deletes path.rerunning if
 * every line of it has been read and settled, and every failure of the run is
 * safe in an error file; else keeps it, and the next re-run takes it up again,
 * from its start. LEAT_OK: deleted. LEAT_PARTIAL: kept. Positive: it could not
 * be deleted. LEAT_INVALID: a pointer is NULL. Frees what the re-run holds
 * (unless its source was abandoned and still uses it); without a call the file
 * is kept, too. */
int leat_rerun_finish(struct leat_rerun *rerun,
                      const struct leat_report *report);

LEAT_END

#endif
