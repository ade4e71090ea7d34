/*
 * text.c - small questions about texts, and the two clocks.            [sandbox]
 */
#include "tests/sandbox/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <time.h>

#include <openssl/rand.h>

#include "tests/sandbox/memory.h"

bool
text_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
text_percent_decode(struct buffer *out, const char *text, size_t length, bool plus_is_blank)
{
	bool well_formed = true;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '+' && plus_is_blank) {
			c = ' ';
		} else if (c == '%') {
			bool whole = length - i > 2;
			int high = whole ? hex_value(text[i + 1]) : -1;
			int low = whole ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0) {
				well_formed = false;
			} else {
				c = (char)(high * 16 + low);
				i += 2;
			}
		}
		if (!buffer_add(out, &c, 1))
			return false;
	}
	return well_formed;
}

void
text_percent_encode(struct buffer *out, const char *text, size_t length, bool keep_slash)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			     (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);

		if (plain || (c == '/' && keep_slash))
			(void)buffer_add(out, &text[i], 1);
		else
			(void)buffer_add_format(out, "%%%02X", c);
	}
}

/* The length of the well-formed UTF-8 sequence at `text`, 0 if there is none. */
static size_t
utf8_sequence(const unsigned char *text)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t point;
	size_t size;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf)
		size = 2;
	else if (text[0] >= 0xe0 && text[0] <= 0xef)
		size = 3;
	else if (text[0] >= 0xf0 && text[0] <= 0xf4)
		size = 4;
	else
		return 0;
	point = text[0] & (0xffu >> (size + 1));
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3fu);
	}
	if (point < smallest[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	return size;
}

bool
text_utf8_length(const char *text, size_t *count)
{
	size_t points = 0;

	while (*text != '\0') {
		size_t size = utf8_sequence((const unsigned char *)text);

		if (size == 0)
			return false;
		text += size;
		points++;
	}
	*count = points;
	return true;
}

char *
text_clean(const char *text)
{
	struct buffer out;
	char *clean;

	buffer_init(&out, SIZE_MAX / 2);
	while (*text != '\0') {
		size_t size = utf8_sequence((const unsigned char *)text);

		if (size == 0)
			(void)buffer_add_text(&out, "\xef\xbf\xbd");
		else
			(void)buffer_add(&out, text, size);
		text += size > 0 ? size : 1;
	}
	clean = buffer_take(&out);
	buffer_free(&out);
	return clean;
}

bool
text_is_uuid(const char *text)
{
	if (strlen(text) != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : hex_value(text[i]) < 0)
			return false;
	}
	return true;
}

bool
text_parse_integer(const char *text, int64_t *value)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	char *end = NULL;
	int64_t parsed;

	if (!isdigit((unsigned char)digits[0]))
		return false;
	errno = 0;
	parsed = strtoimax(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*value = parsed;
	return true;
}

bool
text_parse_bool(const char *text, bool *value)
{
	bool yes = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;

	if (!yes && strcasecmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return false;
	*value = yes;
	return true;
}

void
text_hex(char *out, const unsigned char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * size] = '\0';
}

char *
text_slug(const char *title)
{
	struct buffer out;
	char *slug;

	buffer_init(&out, 200);
	for (; *title != '\0'; title++) {
		if (isascii(*title) && isalnum((unsigned char)*title))
			(void)buffer_add(&out, title, 1);
		else if (out.length > 0 && out.data[out.length - 1] != '-')
			(void)buffer_add(&out, "-", 1);
	}
	while (out.length > 0 && out.data[out.length - 1] == '-')
		out.data[--out.length] = '\0';
	if (out.length == 0)
		(void)buffer_add_text(&out, "Untitled");
	slug = buffer_take(&out);
	buffer_free(&out);
	return slug;
}

char *
text_human_size(uint64_t size_bytes)
{
	static const char *const units[] = {"bytes", "KB", "MB", "GB"};
	double size = (double)size_bytes;
	size_t unit = 0;

	while (size >= 1024 && unit < 3) {
		size /= 1024;
		unit++;
	}
	if (unit == 0)
		return memory_format("%" PRIu64 " bytes", size_bytes);
	return memory_format("%.1f %s", size, units[unit]);
}

static void
random_bytes(unsigned char *bytes, size_t size)
{
	if (RAND_bytes(bytes, (int)size) != 1) {
		fputs("deviantart-sandbox: no random bytes from libcrypto\n", stderr);
		exit(EX_OSERR);
	}
}

char *
text_new_uuid(void)
{
	unsigned char bytes[16];
	char hex[33];

	random_bytes(bytes, sizeof(bytes));
	text_hex(hex, bytes, sizeof(bytes));
	for (char *c = hex; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	return memory_format("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
			     hex + 20);
}

char *
text_new_token(void)
{
	unsigned char bytes[20];
	char *token = memory_alloc(2 * sizeof(bytes) + 1);

	random_bytes(bytes, sizeof(bytes));
	text_hex(token, bytes, sizeof(bytes));
	return token;
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0) {
		perror("deviantart-sandbox: clock_gettime");
		exit(EX_OSERR);
	}
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
text_now_ms(void)
{
	return clock_us(CLOCK_REALTIME) / 1000;
}

int64_t
text_monotonic_ms(void)
{
	return text_monotonic_us() / 1000;
}

int64_t
text_monotonic_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}
