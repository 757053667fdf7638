/* retry.h - asks a server until it answers. Knows nothing of leat.
 * SPDX-License-Identifier: MIT */
#ifndef RETRY_H
#define RETRY_H

/* Asks once. 0: there is an answer. */
typedef int retry_ask(void *server);

/* How often it was asked until there was an answer; -1: not once in `most`. */
int retry(retry_ask *ask, void *server, int most);

#endif
