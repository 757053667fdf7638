/* version.c - which leat is linked.
 * SPDX-License-Identifier: MIT */
#include <leat/version.h>

const char *leat_version(void)
{
    return LEAT_VERSION;
}
