/*
 * input.c - what the fuzzers share.                                    [tests]
 */
#include "tests/fuzz/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/failure.h"

_Noreturn void
fuzz_fail(const char *what, const char *file, int line)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

static char *
copy_bytes(const char *bytes, size_t size)
{
	char *copy = malloc(size + 1);

	FUZZ_CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, bytes, size);
	copy[size] = '\0';
	return copy;
}

/* Where the line after this one begins. */
static size_t
line_end(const char *at, size_t left)
{
	const char *newline = left > 0 ? memchr(at, '\n', left) : NULL;

	return newline == NULL ? left : (size_t)(newline - at) + 1;
}

char *
fuzz_part(struct fuzz_input *input, size_t *size)
{
	const char *begin = input->at;
	size_t length = 0, line = 0;
	bool found = false;

	while (input->left > 0 && !found) {
		line = line_end(input->at, input->left);
		found = line == 4 && memcmp(input->at, "---\n", 4) == 0;
		length += found ? 0 : line;
		input->at += line;
		input->left -= line;
	}
	if (found && length > 0)
		length--; /* the newline before the "---" belongs to that */
	if (size != NULL)
		*size = length;
	return copy_bytes(begin, length);
}

char *
fuzz_text(const uint8_t *data, size_t size)
{
	return copy_bytes((const char *)data, size);
}

char *
fuzz_crlf(const char *text, size_t size, size_t *wire_size)
{
	char *wire = malloc(2 * size + 1);
	size_t used = 0;

	FUZZ_CHECK(wire != NULL);
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			wire[used++] = '\r';
		wire[used++] = text[i];
	}
	*wire_size = used;
	return wire;
}

int64_t
fuzz_number(const char **text)
{
	char *end;
	int64_t number = strtoll(*text, &end, 10);

	*text = *end == ' ' || *end == '\n' ? end + 1 : end;
	return number;
}

/* Bytes of the character that begins with this byte; 0: none does. */
static size_t
length_of(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xC2 && lead <= 0xDF)
		return 2;
	if (lead >= 0xE0 && lead <= 0xEF)
		return 3;
	return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* RFC 3629, 4: the second byte has bounds of its own after E0, ED, F0 and F4. */
static bool
second_fits(unsigned char lead, unsigned char second)
{
	unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
	unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;

	return second >= least && second <= most;
}

bool
fuzz_is_utf8(const char *text, size_t size, size_t *characters)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t count = 0;

	for (size_t i = 0, length; i < size; i += length, count++) {
		length = length_of(at[i]);
		if (length == 0 || length > size - i ||
		    (length > 1 && !second_fits(at[i], at[i + 1])))
			return false;
		for (size_t k = 2; k < length; k++)
			if ((at[i + k] & 0xC0U) != 0x80U)
				return false;
	}
	if (characters != NULL)
		*characters = count;
	return true;
}

void
fuzz_check_failure(const struct failure *why)
{
	size_t size = strnlen(why->message, sizeof(why->message));

	FUZZ_CHECK(why->category > FAILURE_NONE && why->category < FAILURE_CATEGORY_COUNT);
	FUZZ_CHECK(size > 0 && size < sizeof(why->message));
	FUZZ_CHECK(fuzz_is_utf8(why->message, size, NULL));
	FUZZ_CHECK(why->wait_ms >= -1 && why->wait_ms <= 24LL * 3600 * 1000);
	FUZZ_CHECK(why->error_code >= -1);
}

bool
fuzz_same(const char *left, const char *right)
{
	return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}
