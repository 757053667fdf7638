/* seen.c - the set of ids that are certainly committed: open addressing, linear
 * probing, nothing is ever taken out.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "seen.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *key; /* NULL: free */
    uint64_t hash, content;
};

struct leat_sqlite_seen {
    pthread_mutex_t lock;  /* protects all below */
    struct entry *entries; /* room of them, a power of two */
    size_t room, count, most;
};

uint64_t leat_sqlite_hash(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *byte = bytes; /* FNV-1a, and the length behind it, so
                                          "ab" + "c" differs from "a" + "bc" */
    const uint64_t prime = UINT64_C(1099511628211);
    uint64_t rest = len;

    if (hash == 0)
        hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * prime;
    for (int i = 0; i < 8; i++, rest >>= 8)
        hash = (hash ^ (rest & 255)) * prime;
    return hash;
}

leat_sqlite_seen *leat_sqlite_seen_new(size_t most)
{
    leat_sqlite_seen *seen = calloc(1, sizeof *seen);

    if (!seen)
        return NULL;
    if (pthread_mutex_init(&seen->lock, NULL) != 0) {
        free(seen);
        return NULL;
    }
    seen->most = most ? most : 1000000;
    return seen;
}

/* The entry of the key, or the free one where it would go. There is one. */
static struct entry *find_locked(struct entry *entries, size_t room,
                                 uint64_t hash, const char *key)
{
    size_t at = hash & (room - 1);

    while (entries[at].key &&
           (entries[at].hash != hash || strcmp(entries[at].key, key) != 0))
        at = (at + 1) & (room - 1);
    return &entries[at];
}

static bool grow_locked(leat_sqlite_seen *seen)
{
    size_t room = seen->room ? seen->room * 2 : 64;
    struct entry *entries = calloc(room, sizeof *entries);

    if (!entries)
        return false;
    for (size_t i = 0; i < seen->room; i++)
        if (seen->entries[i].key)
            *find_locked(entries, room, seen->entries[i].hash,
                         seen->entries[i].key) = seen->entries[i];
    free(seen->entries);
    seen->entries = entries;
    seen->room = room;
    return true;
}

void leat__seen_add(leat_sqlite_seen *seen, const char *key, uint64_t content)
{
    uint64_t hash = leat_sqlite_hash(0, key, strlen(key));
    struct entry *entry;

    pthread_mutex_lock(&seen->lock);
    if (seen->count < seen->most &&
        (seen->count < seen->room / 4 * 3 || grow_locked(seen))) {
        entry = find_locked(seen->entries, seen->room, hash, key);
        if (!entry->key && (entry->key = strdup(key))) {
            entry->hash = hash;
            entry->content = content;
            seen->count++;
        }
    }
    pthread_mutex_unlock(&seen->lock);
}

bool leat_sqlite_seen_has(leat_sqlite_seen *seen, const char *key,
                          uint64_t *content)
{
    const struct entry *entry = NULL;
    uint64_t hash;
    bool has;

    if (!seen || !key)
        return false;
    hash = leat_sqlite_hash(0, key, strlen(key));
    pthread_mutex_lock(&seen->lock);
    if (seen->room > 0)
        entry = find_locked(seen->entries, seen->room, hash, key);
    if ((has = entry && entry->key) && content)
        *content = entry->content;
    pthread_mutex_unlock(&seen->lock);
    return has;
}

void leat_sqlite_seen_free(leat_sqlite_seen *seen)
{
    if (!seen)
        return;
    for (size_t i = 0; i < seen->room; i++)
        free(seen->entries[i].key);
    free(seen->entries);
    pthread_mutex_destroy(&seen->lock);
    free(seen);
}
