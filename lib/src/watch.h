/* watch.h - what Helgrind and DRD cannot know of C11 atomics; nothing at all
 * unless built with -DLEAT_WATCH.
 *
 * WATCH_ATOMIC: this object is only used through atomics, do not check it.
 * WATCH_PLAIN: the memory is ordinary again. WATCH_BEFORE and WATCH_AFTER stand
 * at the two ends of a release/acquire pair: they assert the order, they do not
 * check it (ThreadSanitizer does).
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__WATCH_H
#define LEAT__WATCH_H

#ifdef LEAT_WATCH
#include <valgrind/helgrind.h>
#define WATCH_BEFORE(p) ANNOTATE_HAPPENS_BEFORE(p)
#define WATCH_AFTER(p) ANNOTATE_HAPPENS_AFTER(p)
#define WATCH_ATOMIC(a) VALGRIND_HG_DISABLE_CHECKING(&(a), sizeof(a))
#define WATCH_PLAIN(a) VALGRIND_HG_ENABLE_CHECKING(&(a), sizeof(a))
#else
#define WATCH_BEFORE(p) ((void)0)
#define WATCH_AFTER(p) ((void)0)
#define WATCH_ATOMIC(a) ((void)0)
#define WATCH_PLAIN(a) ((void)0)
#endif

#endif
