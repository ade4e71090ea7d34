#ifndef COMMON_MDOC_H
#define COMMON_MDOC_H
/*
 * mdoc.h - plain text as a manual page's source.                       [manual pages]
 */
#include <stdio.h>

/*
 * Whole sentences as text lines of mdoc(7): nothing in them is taken for a macro or an escape, each
 * sentence begins a line, none is longer than 80 bytes (but for a word that is). A "\n" counts as a
 * blank.
 */
void mdoc_print_text(FILE *out, const char *text);

/* One argument of a macro, as it is, in quotes. */
void mdoc_print_argument(FILE *out, const char *text);

#endif
