/*
 * spelling.c - which name may have been meant by another.              [every process]
 */
#include "common/spelling.h"

#include <string.h>
#include <strings.h>

static size_t
smallest(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's, row by row. */
size_t
spelling_distance(const char *a, const char *b)
{
	size_t row[SPELLING_SIZE + 1];
	size_t a_size = strnlen(a, SPELLING_SIZE), b_size = strnlen(b, SPELLING_SIZE);

	for (size_t j = 0; j <= b_size; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t change = diagonal + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);

			diagonal = row[j];
			row[j] = smallest(row[j] + 1, row[j - 1] + 1, change);
		}
	}
	return row[b_size];
}

bool
spelling_is_like(const char *a, const char *b)
{
	size_t a_size = strlen(a), b_size = strlen(b);

	return 2 * spelling_distance(a, b) <= (a_size > b_size ? a_size : b_size);
}
