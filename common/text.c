/*
 * text.c - UTF-8 repair and JSON escaping.                             [every process]
 */
#include "common/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* What one leading byte allows (RFC 3629, 4): the size, and the range of the second byte. */
struct lead {
	size_t size;
	unsigned char second_min, second_max;
};

static struct lead
classify_lead(unsigned char byte)
{
	if (byte < 0x80)
		return (struct lead){1, 0, 0};
	if (byte >= 0xC2 && byte <= 0xDF)
		return (struct lead){2, 0x80, 0xBF};
	if (byte == 0xE0)
		return (struct lead){3, 0xA0, 0xBF}; /* below: overlong */
	if (byte == 0xED)
		return (struct lead){3, 0x80, 0x9F}; /* above: surrogates */
	if (byte >= 0xE1 && byte <= 0xEF)
		return (struct lead){3, 0x80, 0xBF};
	if (byte == 0xF0)
		return (struct lead){4, 0x90, 0xBF}; /* below: overlong */
	if (byte >= 0xF1 && byte <= 0xF3)
		return (struct lead){4, 0x80, 0xBF};
	if (byte == 0xF4)
		return (struct lead){4, 0x80, 0x8F}; /* above: past U+10FFFF */
	return (struct lead){0, 0, 0};
}

size_t
text_utf8_size(const char *text, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)text;
	struct lead lead;

	if (size == 0)
		return 0;
	lead = classify_lead(bytes[0]);
	if (lead.size <= 1)
		return lead.size;
	if (size < lead.size || bytes[1] < lead.second_min || bytes[1] > lead.second_max)
		return 0;
	for (size_t i = 2; i < lead.size; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
	}
	return lead.size;
}

/*
 * Size of the character at a terminated text, and its bytes: the text's own, or U+FFFD for one bad
 * byte. A NUL is no continuation byte, so that the look ahead never passes the end, whatever size
 * is told.
 */
static size_t
next_character(const char *text, const char **bytes, size_t *consumed)
{
	size_t size = text_utf8_size(text, strnlen(text, 4));

	*consumed = size == 0 ? 1 : size;
	*bytes = size == 0 ? replacement : text;
	return size == 0 ? sizeof(replacement) - 1 : size;
}

bool
text_utf8_valid(const char *text)
{
	while (*text != '\0') {
		size_t size = text_utf8_size(text, strnlen(text, 4));

		if (size == 0)
			return false;
		text += size;
	}
	return true;
}

size_t
text_copy(char *out, size_t size, const char *text)
{
	size_t used = 0;

	while (*text != '\0') {
		const char *bytes;
		size_t consumed, length = next_character(text, &bytes, &consumed);

		if (used + length >= size)
			break;
		memcpy(out + used, bytes, length);
		used += length;
		text += consumed;
	}
	out[used] = '\0';
	return used;
}

size_t
text_prefix_size(const char *text, size_t characters)
{
	const char *at = text;

	for (; characters > 0 && *at != '\0'; characters--) {
		const char *bytes;
		size_t consumed;

		next_character(at, &bytes, &consumed);
		at += consumed;
	}
	return (size_t)(at - text);
}

static char
short_escape(unsigned char byte)
{
	switch (byte) {
	case '"':
	case '\\':
		return (char)byte;
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return '\0';
	}
}

/* The code point of a valid character that must be written as \uXXXX; 0 if it may stand as it is.
 */
static unsigned int
needs_escape(const unsigned char *bytes, size_t length)
{
	if (length == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7F))
		return bytes[0];
	if (length == 2 && bytes[0] == 0xC2 && bytes[1] <= 0x9F)
		return bytes[1];
	if (length == 3 && bytes[0] == 0xE2 && bytes[1] == 0x80 &&
	    (bytes[2] == 0xA8 || bytes[2] == 0xA9))
		return 0x2000U | (bytes[2] & 0x3FU);
	return 0;
}

/* One character as it stands in a JSON string, into out of at least 7 bytes. Returns its length. */
static size_t
escape_character(char out[8], const char *bytes, size_t length)
{
	const unsigned char *octets = (const unsigned char *)bytes;
	char letter = length == 1 ? short_escape(octets[0]) : '\0';
	unsigned int code = needs_escape(octets, length);

	if (letter != '\0') {
		out[0] = '\\';
		out[1] = letter;
		return 2;
	}
	if (code != 0) {
		snprintf(out, 8, "\\u%04x", code & 0xFFFFU);
		return 6;
	}
	memcpy(out, bytes, length);
	return length;
}

size_t
text_json_escape(char *out, size_t size, const char *text, bool *cut)
{
	size_t used = 0;

	while (*text != '\0') {
		const char *bytes;
		char escaped[8];
		size_t consumed, length = next_character(text, &bytes, &consumed);

		length = escape_character(escaped, bytes, length);
		if (used + length >= size)
			break;
		memcpy(out + used, escaped, length);
		used += length;
		text += consumed;
	}
	out[used] = '\0';
	if (cut != NULL)
		*cut = *text != '\0';
	return used;
}

void
text_free_secret(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}
