/* base64.c - bytes as text (RFC 4648, padded), and back.
 * SPDX-License-Identifier: MIT */
#include "line.h"
#include <errno.h>
#include <leat/status.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *leat__to_base64(const void *bytes, size_t len)
{
    const unsigned char *in = bytes;
    char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;

    if (!text)
        return NULL;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        unsigned word = (unsigned)in[i] << 16;

        word |= left > 1 ? (unsigned)in[i + 1] << 8 : 0;
        word |= left > 2 ? in[i + 2] : 0;
        *out++ = digits[word >> 18];
        *out++ = digits[word >> 12 & 63];
        *out++ = left > 1 ? digits[word >> 6 & 63] : '=';
        *out++ = left > 2 ? digits[word & 63] : '=';
    }
    *out = '\0';
    return text;
}

/* The value of a digit; 64: it is none. */
static unsigned value_of(char digit)
{
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (unsigned)(at - digits) : 64;
}

/* Four digits; false: they are none. */
static bool put_four(const char *text, size_t count, char *out)
{
    unsigned word = 0;

    for (size_t i = 0; i < 4; i++) {
        unsigned value = i < count ? value_of(text[i]) : 0;
        if (value == 64)
            return false;
        word = word << 6 | value;
    }
    for (size_t i = 0; i + 1 < count; i++)
        out[i] = (char)(unsigned char)(word >> (16 - 8 * i));
    return true;
}

int leat__from_base64(const char *text, char **bytes, size_t *len)
{
    size_t count = strlen(text), pad = 0, at = 0;
    char *out;

    if (count % 4 != 0)
        return EBADMSG;
    while (pad < 2 && pad < count && text[count - 1 - pad] == '=')
        pad++;
    if (!(out = malloc(count / 4 * 3 + 1)))
        return LEAT_NOMEM;
    for (size_t i = 0; i < count; i += 4) {
        size_t used = i + 4 < count ? 4 : 4 - pad;
        if (!put_four(text + i, used, out + at)) {
            free(out);
            return EBADMSG;
        }
        at += used - 1;
    }
    out[at] = '\0';
    *bytes = out;
    *len = at;
    return LEAT_OK;
}
