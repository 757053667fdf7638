/* leat.h - all of leat's core; see leat/<idea>.h for the contracts.
 *
 *   status type time version   words that everything uses
 *   ctx chan select group      who may work until when, and how they talk
 *   item stage flow            what travels, through what, joined by hand
 *   pipeline report array      the same, run to the end and accounted for
 *   trace                      a record of what happened
 *
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_H
#define LEAT_H

#include <leat/array.h>
#include <leat/chan.h>
#include <leat/ctx.h>
#include <leat/flow.h>
#include <leat/group.h>
#include <leat/item.h>
#include <leat/pipeline.h>
#include <leat/report.h>
#include <leat/select.h>
#include <leat/stage.h>
#include <leat/status.h>
#include <leat/time.h>
#include <leat/trace.h>
#include <leat/type.h>
#include <leat/version.h>

#endif
