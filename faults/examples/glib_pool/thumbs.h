/* thumbs.h - makes thumbnails in a GLib thread pool. Knows nothing of leat.
 * SPDX-License-Identifier: MIT */
#ifndef THUMBS_H
#define THUMBS_H

/* 0, or an errno; a picture that fails does not stop the others. */
typedef int thumbs_make(unsigned picture, void *arg);

struct thumbs {
    unsigned made, failed;
};

/* Makes those of the pictures 1 to count, at most `threads` at a time, and waits
 * for them. Pictures that no thread can be had for count as failed. */
struct thumbs thumbs_run(unsigned count, int threads, thumbs_make *make,
                         void *arg);

#endif
