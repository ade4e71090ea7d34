#ifndef COMMON_SPELLING_H
#define COMMON_SPELLING_H
/*
 * spelling.h - which name may have been meant by another.              [every process]
 */
#include <stdbool.h>
#include <stddef.h>

/* Of a name, only so many bytes count. */
#define SPELLING_SIZE 64

/* How many letters have to be added, taken away or changed to make the one of the other; letter
 * case aside. */
size_t spelling_distance(const char *a, const char *b);

/* May the one be a misspelling of the other? Not where more than half would have to be changed. */
bool spelling_is_like(const char *a, const char *b);

#endif
