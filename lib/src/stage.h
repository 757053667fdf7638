/* stage.h - a copy of a user's stage, with its types.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__STAGE_H
#define LEAT__STAGE_H

#include <leat/stage.h>

/* Types may stand on the caller's stack, so they are copied; in and out point
 * to the copies, or are NULL. Must not be moved. */
struct leat__stage {
    struct leat_stage pub;
    struct leat_type in_type, out_type;
};

/* With the defaults filled in: capacity, workers, batch, attempts. */
void leat__stage_copy(struct leat__stage *copy, const struct leat_stage *stage);

bool leat__type_fits(const struct leat_type *a, const struct leat_type *b);

/* What is wrong with a stage that stands alone, NULL: nothing. */
const char *leat__stage_fault(const struct leat_stage *stage);

#endif
