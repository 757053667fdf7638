/* utf8.c - where text ends to be UTF-8.
 * SPDX-License-Identifier: MIT */
#include "utf8.h"

size_t leat__utf8_span(const void *bytes, size_t len)
{
    const unsigned char *text = bytes;
    size_t at = 0;

    while (at < len) {
        unsigned char first = text[at], low = 0x80, high = 0xBF;
        size_t more = first < 0x80   ? 0
                      : first < 0xE0 ? 1
                      : first < 0xF0 ? 2
                                     : 3;

        if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || len - at <= more)
            return at;
        if (first == 0xE0)
            low = 0xA0; /* less would be overlong */
        else if (first == 0xED)
            high = 0x9F; /* above are surrogates */
        else if (first == 0xF0)
            low = 0x90;
        else if (first == 0xF4)
            high = 0x8F; /* above there is no Unicode */
        for (size_t i = 1; i <= more; i++) {
            if (text[at + i] < low || text[at + i] > high)
                return at;
            low = 0x80;
            high = 0xBF;
        }
        at += more + 1;
    }
    return at;
}
