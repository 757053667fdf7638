/* version.h - which leat this is; the one place where the number stands.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_VERSION_H
#define LEAT_VERSION_H

#include <leat/abi.h>

#define LEAT_VERSION_MAJOR 0
#define LEAT_VERSION_MINOR 1
#define LEAT_VERSION_PATCH 0
#define LEAT_VERSION "0.1.0"

LEAT_BEGIN
/* The version of the library that is linked, as "0.1.0"; LEAT_VERSION is that
 * of the header. 0.y.z promises nothing to who built against another y. */
const char *leat_version(void);
LEAT_END

#endif
