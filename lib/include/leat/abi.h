/* abi.h - what stands round every public header: C linkage, and visibility in
 * a library that hides everything else.
 * SPDX-License-Identifier: MIT */
#ifndef LEAT_ABI_H
#define LEAT_ABI_H

#if defined(__GNUC__)
#define LEAT_VISIBLE_ _Pragma("GCC visibility push(default)")
#define LEAT_HIDDEN_ _Pragma("GCC visibility pop")
#define LEAT_PRINTF_(text, first) \
    __attribute__((format(printf, text, first)))
#else
#define LEAT_VISIBLE_
#define LEAT_HIDDEN_
#define LEAT_PRINTF_(text, first)
#endif

#ifdef __cplusplus
#define LEAT_BEGIN extern "C" { LEAT_VISIBLE_
#define LEAT_END LEAT_HIDDEN_ }
#else
#define LEAT_BEGIN LEAT_VISIBLE_
#define LEAT_END LEAT_HIDDEN_
#endif

#endif
