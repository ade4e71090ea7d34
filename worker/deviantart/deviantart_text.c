/*
 * deviantart_text.c - titles, tags and names as DeviantArt wants them. [worker]
 *
 * Pure. Invariant: what comes out is valid UTF-8, within DeviantArt's limits (deviantart-api.md 7),
 * and cleaning it once more changes nothing.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/deviantart/deviantart_internal.h"
#include "worker/http/utf8.h"

#define TITLE_LIMIT 50 /* characters; longer ones are refused with 400 */
#define TAG_LIMIT   30

#define ZERO_WIDTH_JOINER 0x200DU

/* ---- titles ---- */

/* Belongs to the character before it: combining marks, variation selectors, skin tones. */
static bool
extends_cluster(uint32_t code)
{
	return (code >= 0x300 && code < 0x370) || (code >= 0x1AB0 && code < 0x1B00) ||
	       (code >= 0x1DC0 && code < 0x1E00) || (code >= 0x20D0 && code < 0x2100) ||
	       (code >= 0xFE00 && code < 0xFE10) || (code >= 0x1F3FB && code <= 0x1F3FF) ||
	       code == ZERO_WIDTH_JOINER;
}

/* One line of valid UTF-8: broken bytes become U+FFFD, controls spaces. Room: 3 bytes for each of
 * text. */
static size_t
make_line(char *out, const char *text)
{
	size_t size = strlen(text), used = 0;

	for (size_t at = 0; at < size;) {
		uint32_t code;

		at += utf8_next(text + at, size - at, &code);
		if (utf8_is_control(code))
			code = ' ';
		used += utf8_put(code, out + used);
	}
	return used;
}

static size_t
trim_start(const char *text, size_t size)
{
	size_t at = 0;

	while (at < size) {
		uint32_t code;
		size_t length = utf8_next(text + at, size - at, &code);

		if (!utf8_is_blank(code))
			break;
		at += length;
	}
	return at;
}

/* The size without blanks at the end. */
static size_t
trim_end(const char *text, size_t size)
{
	size_t kept = 0;

	for (size_t at = 0; at < size;) {
		uint32_t code;

		at += utf8_next(text + at, size - at, &code);
		if (!utf8_is_blank(code))
			kept = at;
	}
	return kept;
}

/* Where to cut so that at most TITLE_LIMIT characters stay and none loses its marks; size: not at
 * all. */
static size_t
cut_point(const char *text, size_t size)
{
	size_t cluster = 0, characters = 0;
	bool joined = false;

	for (size_t at = 0; at < size; characters++) {
		uint32_t code;
		size_t length = utf8_next(text + at, size - at, &code);
		bool is_new = !extends_cluster(code) && !joined;

		if (characters == TITLE_LIMIT)
			return is_new || cluster == 0 ? at : cluster;
		if (is_new)
			cluster = at;
		joined = code == ZERO_WIDTH_JOINER;
		at += length;
	}
	return size;
}

char *
deviantart_clean_title(const char *title, bool *cut)
{
	static const char nothing[] = "Untitled";
	char *out = malloc(title != NULL ? 3 * strlen(title) + sizeof(nothing) : sizeof(nothing));
	size_t size, start, keep;

	if (out == NULL)
		return NULL;
	size = make_line(out, title != NULL ? title : "");
	start = trim_start(out, size);
	size = trim_end(out + start, size - start);
	memmove(out, out + start, size);
	keep = cut_point(out, size);
	if (cut != NULL)
		*cut = keep < size;
	keep = trim_end(out, keep);
	out[keep] = '\0';
	if (keep == 0)
		memcpy(out, nothing, sizeof(nothing));
	return out;
}

char *
deviantart_plain_title(const char *title)
{
	const char *at = title != NULL ? title : "";
	char *decoded = malloc(strlen(at) + 1);
	char *out = NULL;
	size_t used = 0;

	if (decoded == NULL)
		return NULL;
	while (*at != '\0') { /* a reference is never shorter than the character it stands for */
		size_t length = 1;
		uint32_t code = *at == '&' ? deviantart_entity(at, &length) : 0;

		if (code != 0)
			used += utf8_put(code, decoded + used);
		else
			decoded[used++] = *at;
		at += length;
	}
	out = malloc(used + 1);
	if (out != NULL)
		utf8_line(out, used + 1, decoded, used);
	free(decoded);
	return out;
}

char *
deviantart_clean_description(const char *text)
{
	size_t size = strlen(text), used = 0;
	char *out = malloc(3 * size + 1);

	if (out == NULL)
		return NULL;
	for (size_t at = 0; at < size;) {
		uint32_t code;

		at += utf8_next(text + at, size - at, &code);
		if (!utf8_is_control(code) || code == '\t' || code == '\n' || code == '\r')
			used += utf8_put(code, out + used);
	}
	out[used] = '\0';
	return out;
}

/* ---- tags ---- */

static bool
is_plain_letter(uint32_t code)
{
	return (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') ||
	       (code >= 'a' && code <= 'z');
}

/* Result: free(); "" where no letter or digit is left; NULL: out of memory. */
static char *
clean_tag(const char *tag)
{
	size_t size = strlen(tag), used = 0;
	char *out = malloc(size + 1);
	bool gap = false, has_letter = false;

	if (out == NULL)
		return NULL;
	for (size_t at = 0; at < size;) {
		uint32_t code;

		at += utf8_next(tag + at, size - at, &code);
		if (utf8_is_blank(code)) {
			gap = used > 0;
			continue;
		}
		if (!is_plain_letter(code) && code != '_')
			continue;
		if (gap)
			out[used++] = '_';
		gap = false;
		has_letter = has_letter || code != '_';
		out[used++] = (char)code;
	}
	out[has_letter ? used : 0] = '\0';
	return out;
}

static bool
is_known_tag(char *const *tags, const char *tag)
{
	for (; *tags != NULL; tags++)
		if (strcasecmp(*tags, tag) == 0)
			return true;
	return false;
}

char **
deviantart_clean_tags(char *const *tags)
{
	char **out = calloc(TAG_LIMIT + 1, sizeof(*out));
	size_t count = 0;

	if (out == NULL)
		return NULL;
	for (; tags != NULL && *tags != NULL && count < TAG_LIMIT; tags++) {
		char *tag = clean_tag(*tags);

		if (tag == NULL) {
			deviantart_free_tags(out);
			return NULL;
		}
		if (tag[0] == '\0' || is_known_tag(out, tag))
			free(tag);
		else
			out[count++] = tag;
	}
	return out;
}

void
deviantart_free_tags(char **tags)
{
	for (size_t i = 0; tags != NULL && tags[i] != NULL; i++)
		free(tags[i]);
	free(tags);
}
