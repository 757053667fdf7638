/* choose.c - which mutants are tried, and how they are listed.
 * SPDX-License-Identifier: MIT */
#include "mutants.h"
#include <fnmatch.h>
#include <string.h>

static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t choose(struct mutants *all, const char *only, size_t sample,
              unsigned long long seed)
{
    uint64_t state = seed;
    size_t wanted = 0, left, chosen;

    for (size_t i = 0; i < all->count; i++) {
        struct mutant *m = &all->list[i];
        m->chosen = !only || strstr(m->id, only) ||
                    fnmatch(only, m->id, 0) == 0 ||
                    fnmatch(only, m->key, 0) == 0;
        wanted += m->chosen;
    }
    left = sample && sample < wanted ? sample : wanted;
    chosen = left;
    printf("%s%zu of %zu mutants", chosen < wanted ? "sample of " : "", chosen,
           wanted);
    if (wanted < all->count)
        printf(" like %s, of %zu", only, all->count);
    if (chosen < wanted)
        printf(" (seed %llu)", seed);
    puts("");
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].chosen) {
            all->list[i].chosen = draw(&state) % wanted < left;
            left -= all->list[i].chosen;
            wanted--;
        }
    return chosen;
}

void list_chosen(const struct mutants *all)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].chosen) {
            const struct mutant *m = &all->list[i];
            printf("%s:%d in %s: '%.*s' -> '%s'\n", m->id, m->column,
                   m->function, (int)m->len, m->file->text + m->at, m->with);
        }
}
