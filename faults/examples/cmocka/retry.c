/* retry.c - SPDX-License-Identifier: MIT */
#include "retry.h"

int retry(retry_ask *ask, void *server, int most)
{
    for (int asked = 1; asked <= most; asked++)
        if (ask(server) == 0)
            return asked;
    return -1;
}
