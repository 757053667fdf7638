/* toy.h - see toy.c.
 * SPDX-License-Identifier: MIT */
int toy_held(void);
int toy_sum(const int *list, int n);
unsigned toy_down(unsigned n);
int toy_positive(int n);
int toy_natural(int n);
int toy_many(int n);
void toy_forget(void *block);
