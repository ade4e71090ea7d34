/*
 * deviantart_file.c - names, types and sizes of files.                 [worker]
 *
 * Pure. Names and types go into header lines of a multipart body: nothing that leaves here can
 * break out of one.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/deviantart/deviantart_internal.h"
#include "worker/http/utf8.h"

#define NAME_LIMIT      120 /* bytes */
#define EXTENSION_LIMIT 12

/* ---- names ---- */

static const char *
last_segment(const char *path)
{
	const char *start = path;

	for (; *path != '\0'; path++)
		if (*path == '/' || *path == '\\')
			start = path + 1;
	return start;
}

/* Drops what could end the quoted text or the line; broken bytes become underscores. */
static size_t
copy_name(char *out, const char *name)
{
	size_t size = strlen(name), used = 0;

	for (size_t at = 0, length; at < size; at += length) {
		uint32_t code;

		length = utf8_next(name + at, size - at, &code);
		if (code == UTF8_BROKEN)
			code = '_';
		if (utf8_is_control(code) || code == '"' || code == 0x2028 || code == 0x2029)
			continue;
		used += utf8_put(code, out + used);
	}
	out[used] = '\0';
	return used;
}

/* Some systems take no name that ends so. */
static size_t
trim_name(char *name, size_t size)
{
	while (size > 0 && (name[size - 1] == ' ' || name[size - 1] == '.'))
		size--;
	name[size] = '\0';
	return size;
}

/* Cuts in the middle, so that the extension stays, and at a whole character. */
static size_t
shorten_name(char *name, size_t size)
{
	const char *dot = strrchr(name, '.');
	size_t extension = dot != NULL ? strlen(dot) : 0;
	size_t keep;

	if (size <= NAME_LIMIT)
		return size;
	if (extension > EXTENSION_LIMIT)
		extension = 0;
	keep = NAME_LIMIT - extension;
	while (keep > 0 && ((unsigned char)name[keep] & 0xC0U) == 0x80U)
		keep--;
	memmove(name + keep, name + size - extension, extension + 1);
	return keep + extension;
}

static const char *
name_for_type(const char *mime_type)
{
	static const char *const known[][2] = {
		{"image/png", "image.png"},       {"image/jpeg", "image.jpg"},
		{"image/gif", "image.gif"},       {"image/webp", "image.webp"},
		{"video/mp4", "video.mp4"},       {"video/webm", "video.webm"},
		{"video/quicktime", "video.mov"},
	};

	for (size_t i = 0; mime_type != NULL && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(mime_type, known[i][0]) == 0)
			return known[i][1];
	return "image";
}

char *
deviantart_clean_filename(const char *name, const char *mime_type)
{
	const char *segment = last_segment(name != NULL ? name : "");
	char *out = malloc(3 * strlen(segment) + 1);
	size_t size;

	if (out == NULL)
		return NULL;
	size = trim_name(out, copy_name(out, segment));
	size = trim_name(out, shorten_name(out, size));
	if (strspn(out, " ._") == size) {
		free(out);
		return strdup(name_for_type(mime_type));
	}
	return out;
}

/* ---- types ---- */

/* RFC 9110, 5.6.2 */
static size_t
token_size(const char *text)
{
	size_t size = 0;

	while (isalnum((unsigned char)text[size]) ||
	       (text[size] != '\0' && strchr("!#$%&'*+-.^_`|~", text[size]) != NULL))
		size++;
	return size;
}

const char *
deviantart_clean_type(const char *mime_type)
{
	size_t type, subtype;

	if (mime_type == NULL || strlen(mime_type) > 100)
		return "application/octet-stream";
	type = token_size(mime_type);
	if (type > 0 && mime_type[type] == '/') {
		subtype = token_size(mime_type + type + 1);
		if (subtype > 0 && mime_type[type + 1 + subtype] == '\0')
			return mime_type;
	}
	return "application/octet-stream";
}

/* ---- sizes ---- */

/* "1,024.5" without its commas; *step: one unit of its last digit. The rest of the text, or NULL:
 * no number. */
static const char *
read_decimal(const char *text, double *value, double *step)
{
	bool has_point = false, has_digit = false;

	*value = 0;
	*step = 1;
	for (; *text != '\0'; text++) {
		if (*text == ',' && !has_point)
			continue;
		if (*text == '.' && !has_point) {
			has_point = true;
			continue;
		}
		if (*text < '0' || *text > '9')
			break;
		has_digit = true;
		if (has_point)
			*step /= 10;
		if (*value < 1e15)
			*value = has_point ? *value + (*text - '0') * *step
					   : *value * 10 + (*text - '0');
	}
	return has_digit ? text : NULL;
}

/* How many times a thousand; -1: no unit that we know. */
static int
read_unit(const char *unit)
{
	static const char *const units[][3] = {
		{"B", "byte", "bytes"}, {"KB", "KiB", "K"}, {"MB", "MiB", "M"}, {"GB", "GiB", "G"}};

	for (int power = 0; power < 4; power++)
		for (size_t i = 0; i < 3; i++)
			if (strcasecmp(unit, units[power][i]) == 0)
				return power;
	return *unit == '\0' ? 0 : -1;
}

/*
 * Nobody says whether a KB has 1000 or 1024 bytes, or whether the text was rounded or cut: the
 * range has room for all of it.
 */
void
deviantart_parse_size(const char *text, int64_t *low, int64_t *high)
{
	double value, step, least, most;
	const char *rest = text != NULL ? read_decimal(text, &value, &step) : NULL;
	int power = -1;

	*low = 0;
	*high = 0;
	if (rest != NULL)
		power = read_unit(rest + strspn(rest, " "));
	if (power < 0 || value >= 1e12)
		return;
	if (power == 0) {
		*low = (int64_t)value;
		*high = *low;
		return;
	}
	least = value > step ? value - step : 0;
	most = value + step;
	for (; power > 0; power--) {
		least *= 1000;
		most *= 1024;
	}
	*low = (int64_t)least;
	*high = (int64_t)most + 1;
}
