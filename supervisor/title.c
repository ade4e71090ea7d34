/*
 * title.c - what ps(1) shows, and what /proc/<pid>/environ does not.   [supervisor, its children]
 *
 * The kernel shows argv's memory as the command line, and goes on into that of the environment if
 * argv's last byte is not NUL any more (fs/proc/base.c, get_mm_cmdline), so that a title may be
 * longer than the arguments were.
 */
#include "supervisor/title.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* argv[0] up to the end of the environment's last string; NULL: not taken over. */
static char *area;
static size_t area_size;

/* The end of strings that lie behind each other without a gap, beginning at `end`. */
static char *
end_of_row(char **strings, char *end)
{
	for (size_t i = 0; strings[i] != NULL; i++)
		if (strings[i] == end)
			end += strlen(end) + 1;
	return end;
}

static char **
copy_environment(void)
{
	size_t count = 0;
	char **copy;

	while (environ[count] != NULL)
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy != NULL && i < count; i++) {
		copy[i] = strdup(environ[i]);
		if (copy[i] == NULL) {
			while (i > 0)
				free(copy[--i]);
			free(copy);
			return NULL;
		}
	}
	return copy;
}

void
title_take_over(int argc, char **argv)
{
	char *arguments_end, *end;
	char **copy;

	if (argc < 1 || environ == NULL)
		return;
	arguments_end = end_of_row(argv, argv[0]);
	end = end_of_row(environ, arguments_end);
	copy = copy_environment();
	if (copy == NULL)
		return;
	environ = copy;
	area = argv[0];
	area_size = (size_t)(end - area);
	explicit_bzero(arguments_end, (size_t)(end - arguments_end));
}

void
title_set(const char *format, ...)
{
	va_list arguments;

	if (area == NULL || area_size < 2)
		return;
	/* What a short title leaves free are NULs, which ps does not show. */
	memset(area, 0, area_size);
	va_start(arguments, format);
	(void)vsnprintf(area, area_size, format, arguments);
	va_end(arguments);
}
