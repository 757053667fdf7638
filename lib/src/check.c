/* check.c - what is wrong with a pipeline, before anything is run.
 * SPDX-License-Identifier: MIT */
#include "run.h"
#include <stdio.h>

static bool is_empty(const struct leat_stage *stage)
{
    return !stage->name && !stage->arg && !stage->in && !stage->out &&
           !stage->resource;
}

static const char *check_source(const struct leat_stage *source)
{
    if (source->in)
        return "a source takes nothing, but in is set";
    if (!source->out)
        return "out is missing";
    if (source->linger)
        return "a source has no linger";
    return NULL;
}

static const char *check_sink(const struct leat_stage *sink)
{
    if (sink->out)
        return "a sink makes nothing, but out is set";
    if (sink->ordered)
        return "a sink has no output to order";
    return NULL;
}

static const char *check_stage(const struct leat_stage *stages, size_t i,
                               size_t count, char message[240])
{
    const struct leat_stage *stage = &stages[i];
    const struct leat_type *before;
    const char *fault = leat__stage_fault(stage);

    if (fault)
        return fault;
    if (i == 0)
        return check_source(stage);
    if (!stage->in)
        return "in is missing";
    before = stages[i - 1].out;
    if (!leat__type_fits(before, stage->in)) {
        snprintf(message, 240, "takes %s (%zu bytes), but %s makes %s (%zu)",
                 stage->in->name ? stage->in->name : "", stage->in->size,
                 stages[i - 1].name, before->name ? before->name : "",
                 before->size);
        return message;
    }
    if (i == count - 1)
        return check_sink(stage);
    return stage->out ? NULL : "out is missing, and it is not the last stage";
}

static const char *check_errors(const struct leat_stage *errors,
                                const struct leat_type *input)
{
    const char *fault;

    if (!errors->fn)
        return is_empty(errors) ? NULL : "fn is missing";
    if ((fault = leat__stage_fault(errors)) || (fault = check_sink(errors)))
        return fault;
    if (errors->in && errors->in->encode && (!input->encode || !input->decode))
        return "it writes items as text, but the source's type has no encode "
               "and decode";
    return NULL;
}

static const char *check_rest(const struct leat_pipeline *p)
{
    if (p->item_timeout < 0 || p->grace < 0 || p->tick < 0)
        return "item_timeout, grace or tick is negative";
    if (!(p->threshold.ratio >= 0 && p->threshold.ratio <= 1))
        return "threshold.ratio is not between 0 and 1";
    if (p->spares)
        return "spares is not built yet";
    if (p->silence)
        return "silence is not built yet";
    return NULL;
}

const char *leat__check(const struct leat_pipeline *p, size_t *count,
                        const char **stage, char message[240])
{
    const char *fault;
    size_t n = 0;

    while (n < LEAT_STAGES && p->stages[n].fn)
        n++;
    *count = n;
    *stage = NULL;
    if (n < LEAT_STAGES && !is_empty(&p->stages[n])) {
        *stage = p->stages[n].name;
        return "fn is missing";
    }
    if (n < 2)
        return "a pipeline has a source and a sink at least";
    for (size_t i = 0; i < n; i++)
        if ((fault = check_stage(p->stages, i, n, message))) {
            *stage = p->stages[i].name;
            return fault;
        }
    if ((fault = check_errors(&p->errors, p->stages[0].out))) {
        *stage = p->errors.name;
        return fault;
    }
    return check_rest(p);
}
