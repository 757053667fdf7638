/* seen.h - what the sink adds to the set of committed ids.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT__SEEN_H
#define LEAT__SEEN_H

#include <leat/sqlite.h>

/* An id that was just committed. When the set is full or there is no memory it
 * is not added: the set never says "not committed". */
void leat__seen_add(leat_sqlite_seen *seen, const char *key, uint64_t content);

#endif
