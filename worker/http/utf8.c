/*
 * utf8.c - text that others wrote, character by character.             [worker]
 */
#include "worker/http/utf8.h"

#include <string.h>

#include "common/text.h"

size_t
utf8_next(const char *text, size_t size, uint32_t *code)
{
	size_t length = text_utf8_size(text, size);
	uint32_t value;

	if (length == 0) {
		*code = UTF8_BROKEN;
		return 1;
	}
	value = (unsigned char)text[0];
	if (length > 1)
		value &= 0x7FU >> length;
	for (size_t i = 1; i < length; i++)
		value = (value << 6) | ((unsigned char)text[i] & 0x3FU);
	*code = value;
	return length;
}

size_t
utf8_put(uint32_t code, char out[4])
{
	if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
		code = 0xFFFD;
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xC0U | (code >> 6));
		out[1] = (char)(0x80U | (code & 0x3FU));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xE0U | (code >> 12));
		out[1] = (char)(0x80U | ((code >> 6) & 0x3FU));
		out[2] = (char)(0x80U | (code & 0x3FU));
		return 3;
	}
	out[0] = (char)(0xF0U | (code >> 18));
	out[1] = (char)(0x80U | ((code >> 12) & 0x3FU));
	out[2] = (char)(0x80U | ((code >> 6) & 0x3FU));
	out[3] = (char)(0x80U | (code & 0x3FU));
	return 4;
}

bool
utf8_is_blank(uint32_t code)
{
	return code == ' ' || (code >= '\t' && code <= '\r') || code == 0x85 || code == 0xA0 ||
	       code == 0x1680 || (code >= 0x2000 && code <= 0x200B) || code == 0x2028 ||
	       code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000 ||
	       code == 0xFEFF;
}

bool
utf8_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

void
utf8_line(char *out, size_t out_size, const char *text, size_t size)
{
	size_t used = 0;
	bool gap = false;

	for (size_t at = 0, length; at < size; at += length) {
		const char *piece = text + at;
		uint32_t code;

		length = utf8_next(piece, size - at, &code);
		if (utf8_is_blank(code) || utf8_is_control(code)) {
			gap = used > 0;
			continue;
		}
		if (code == UTF8_BROKEN)
			piece = "?";
		if (used + (gap ? 1 : 0) + length + 1 > out_size)
			break;
		if (gap)
			out[used++] = ' ';
		gap = false;
		memcpy(out + used, piece, length);
		used += length;
	}
	out[used] = '\0';
}
