/*
 * mdoc.c - plain text as a manual page's source.                       [manual pages]
 */
#include "common/mdoc.h"

#include <stdbool.h>
#include <string.h>

#define LINE_COLUMNS 78

/* A name or an address: typed by whoever reads it, so not hyphenated. */
static bool
is_literal(const char *word, size_t size)
{
	return memchr(word, '_', size) != NULL || memchr(word, '/', size) != NULL;
}

/* A "-" as it is typed, not the hyphen of a printer; a backslash that begins nothing. */
static void
print_characters(FILE *out, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\\')
			fputs("\\e", out);
		else if (text[i] == '-')
			fputs("\\-", out);
		else
			fputc(text[i], out);
	}
}

/* Of a word, with what print_characters() adds. */
static size_t
printed_size(const char *word, size_t size)
{
	size_t printed = size + (is_literal(word, size) ? strlen("\\%") : 0);

	for (size_t i = 0; i < size; i++)
		printed += word[i] == '\\' || word[i] == '-';
	return printed;
}

static bool
ends_sentence(const char *word, size_t size)
{
	return size > 0 && strchr(".?!", word[size - 1]) != NULL;
}

void
mdoc_print_text(FILE *out, const char *text)
{
	size_t column = 0;

	for (text += strspn(text, " \n"); *text != '\0';) {
		size_t size = strcspn(text, " \n");
		size_t printed = printed_size(text, size);

		if (column > 0 && column + 1 + printed > LINE_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			fputc(' ', out);
		else if (*text == '.' || *text == '\'')
			fputs("\\&", out); /* a macro would begin so */
		if (is_literal(text, size))
			fputs("\\%", out);
		print_characters(out, text, size);
		column += printed + (column > 0);
		if (ends_sentence(text, size)) {
			fputc('\n', out);
			column = 0;
		}
		text += size;
		text += strspn(text, " \n");
	}
	if (column > 0)
		fputc('\n', out);
}

void
mdoc_print_argument(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputs("\\(dq", out);
		else
			print_characters(out, text, 1);
		if (strchr("/?@", *text) != NULL)
			fputs("\\:", out); /* a long address may be broken here */
	}
	fputc('"', out);
}
