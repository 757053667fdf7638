/* flow.h - stages by hand: the small functions of channels that pipelines are
 * made of.
 *
 * The channels carry struct leat_item *; one of another type is refused. They
 * are made, closed and freed by the group; the tasks that fill them are the
 * group's. Of a stage name, fn, arg, in, out, capacity, workers and the
 * resource's open and close are used; any other field that is not zero is
 * refused. A refused or failed call returns NULL, and so does every call that
 * is given such a NULL: the group keeps the first reason for leat_group_wait(),
 * and is canceled by it.
 *
 * A stage is copied, but for its name, arg and resource, which must outlive the
 * items.
 *
 * Failed items travel on untouched. An item that cannot be sent on because the
 * group's context ended is freed: none is lost, none is doubled.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_FLOW_H
#define LEAT_FLOW_H

#include <leat/chan.h>
#include <leat/group.h>
#include <leat/stage.h>

LEAT_BEGIN

/* What a source makes, until it says LEAT_CLOSED. Its error ends the group. */
leat_chan *leat_generate(leat_group *group, const struct leat_stage *source);

/* What the stage makes of what comes from in; workers share in. A failure goes
 * with the item; LEAT_AGAIN and LEAT_FATAL are failures here. LEAT_CLOSED: in
 * is closed from the receiving side, and what is left in it freed. */
leat_chan *leat_map(leat_group *group, leat_chan *in,
                    const struct leat_stage *stage);

/* The same with an output channel for each worker (stage->workers of them, or
 * one). LEAT_OK, or why not; then every outs[i] is NULL. */
int leat_fan_out(leat_group *group, leat_chan *in,
                 const struct leat_stage *stage, leat_chan *outs[]);

/* Everything from all of them in one; ends when the last has ended. */
leat_chan *leat_fan_in(leat_group *group, leat_chan *const ins[], size_t count);

/* Every item to every output, which must all be read, or closed by who does not
 * want more. The values are shared,
 * not copied: they live until the last of the items is freed. LEAT_OK, or why
 * not; then every outs[i] is NULL. */
int leat_tee(leat_group *group, leat_chan *in, leat_chan *outs[], size_t count);

/* What comes from in, which may be another group's, for as long as this group
 * lives. An item that it has taken and cannot pass on is freed, never lost. */
leat_chan *leat_or_done(leat_group *group, leat_chan *in);

LEAT_END

#endif
