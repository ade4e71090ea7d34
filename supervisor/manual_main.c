/*
 * manual_main.c - writes a page with its parts.                        [a program of its own]
 *
 *   manual <page >out
 *
 * The build's: it makes build/man/ and build/completion/ from scripts/manuals/, and is not
 * installed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/manual.h"

int
main(void)
{
	struct failure why;

	if (manual_write(stdin, stdout, &why))
		return EXIT_SUCCESS;
	fprintf(stderr, "manual: %s\n", why.message);
	return EXIT_FAILURE;
}
