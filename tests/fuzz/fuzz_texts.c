/*
 * fuzz_texts.c - titles, tags, names, sizes, waits: what others wrote, made fit to send on. [tests]
 *
 * Holds: whatever goes in, valid UTF-8 within its limit comes out, and cleaning it again changes
 * nothing; a JSON string made of it is a JSON string; header values are within their bounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/queue/queue_internal.h"
#include "common/text.h"
#include "tests/fuzz/input.h"
#include "worker/deviantart/deviantart_internal.h"
#include "worker/http/utf8.h"

static void
try_copy(const char *text, size_t room)
{
	char out[512], again[512], json[520];
	size_t size = text_copy(out, room, text), escaped;
	bool cut;

	FUZZ_CHECK(size < room && size == strlen(out) && fuzz_is_utf8(out, size, NULL));
	FUZZ_CHECK(text_utf8_valid(out));
	FUZZ_CHECK(text_copy(again, room, out) == size && strcmp(out, again) == 0);
	FUZZ_CHECK(!fuzz_is_utf8(text, strlen(text), NULL) || strncmp(text, out, size) == 0);

	json[0] = '"';
	escaped = text_json_escape(json + 1, room, text, &cut);
	FUZZ_CHECK(escaped < room && escaped == strlen(json + 1));
	memcpy(json + 1 + escaped, "\"", 2);
	FUZZ_CHECK(queue_json_is_valid(json) && fuzz_is_utf8(json, escaped + 2, NULL));
	FUZZ_CHECK(strpbrk(json, "\n\r\x7f") == NULL);

	utf8_line(out, room, text, strlen(text));
	FUZZ_CHECK(strlen(out) < room && fuzz_is_utf8(out, strlen(out), NULL));
	FUZZ_CHECK(strpbrk(out, "\n\r\t\x7f\x1b") == NULL && out[0] != ' ');
}

static void
try_prefix(const char *text)
{
	size_t characters, size = text_prefix_size(text, 50);

	FUZZ_CHECK(size <= strlen(text) && size <= 4 * (size_t)50);
	if (fuzz_is_utf8(text, strlen(text), NULL)) {
		FUZZ_CHECK(fuzz_is_utf8(text, size, &characters));
		FUZZ_CHECK(characters == 50 || size == strlen(text));
	}
	FUZZ_CHECK(text_utf8_valid(text) == fuzz_is_utf8(text, strlen(text), NULL));
}

static void
try_title(const char *text)
{
	bool cut, cut_again;
	char *title = deviantart_clean_title(text, &cut);
	char *again = deviantart_clean_title(title, &cut_again);
	char *plain = deviantart_plain_title(text);
	size_t characters;

	FUZZ_CHECK(title != NULL && again != NULL && plain != NULL);
	FUZZ_CHECK(fuzz_is_utf8(title, strlen(title), &characters));
	FUZZ_CHECK(characters >= 1 && characters <= 50 && strpbrk(title, "\r\n\t\x7f") == NULL);
	FUZZ_CHECK(strcmp(title, again) == 0 && !cut_again);
	FUZZ_CHECK(fuzz_is_utf8(plain, strlen(plain), NULL));
	free(plain);
	free(again);
	free(title);
}

static void
try_description(const char *text)
{
	char *clean = deviantart_clean_description(text), *again;

	FUZZ_CHECK(clean != NULL && fuzz_is_utf8(clean, strlen(clean), NULL));
	again = deviantart_clean_description(clean);
	FUZZ_CHECK(fuzz_same(clean, again));
	free(again);
	free(clean);
}

static void
check_tag(const char *tag)
{
	FUZZ_CHECK(tag[0] != '\0' &&
		   strspn(tag, "abcdefghijklmnopqrstuvwxyz"
			       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(tag));
}

/* Each line is a tag. */
static void
try_tags(const char *text)
{
	char *lines = strdup(text), *rest = NULL;
	char *list[100] = {NULL};
	char **tags, **again;
	size_t count = 0;

	FUZZ_CHECK(lines != NULL);
	for (char *line = strtok_r(lines, "\n", &rest); line != NULL && count < 99;
	     line = strtok_r(NULL, "\n", &rest))
		list[count++] = line;
	tags = deviantart_clean_tags(list);
	again = deviantart_clean_tags(tags);
	FUZZ_CHECK(tags != NULL && again != NULL);
	for (count = 0; tags[count] != NULL; count++) {
		check_tag(tags[count]);
		FUZZ_CHECK(fuzz_same(tags[count], again[count]));
		for (size_t i = 0; i < count; i++)
			FUZZ_CHECK(strcasecmp(tags[i], tags[count]) != 0);
	}
	FUZZ_CHECK(count <= 30 && again[count] == NULL);
	deviantart_free_tags(again);
	deviantart_free_tags(tags);
	free(lines);
}

static void
try_file(const char *text)
{
	char *name = deviantart_clean_filename(text, "image/png"), *again;
	const char *type = deviantart_clean_type(text);
	int64_t low, high;

	FUZZ_CHECK(name != NULL && name[0] != '\0' && strlen(name) <= 120);
	FUZZ_CHECK(fuzz_is_utf8(name, strlen(name), NULL));
	FUZZ_CHECK(strpbrk(name, "\"\r\n/\\") == NULL);
	again = deviantart_clean_filename(name, "image/png");
	FUZZ_CHECK(fuzz_same(name, again));
	FUZZ_CHECK(strchr(type, '/') != NULL && strpbrk(type, " \r\n\"\t;,") == NULL);
	deviantart_parse_size(text, &low, &high);
	FUZZ_CHECK(low >= 0 && low <= high);
	free(again);
	free(name);
}

static void
try_link(const char *text)
{
	char id[64] = "", url[512];

	if (deviantart_copy_id(id, text))
		FUZZ_CHECK(strcmp(id, text) == 0);
	deviantart_copy_url(url, text);
	FUZZ_CHECK(url[0] == '\0' || strcmp(url, text) == 0);
	FUZZ_CHECK(url[0] == '\0' || strncasecmp(url, "http", 4) == 0);
}

static void
try_retry_after(const char *text)
{
	int64_t wait_ms = http_retry_after_ms(text, 1795513820407);
	size_t digits = strspn(text, "0123456789");

	FUZZ_CHECK(wait_ms >= -1 && wait_ms <= 86400000);
	if (digits > 0 && text[digits] == '\0')
		FUZZ_CHECK(wait_ms == (digits > 9 && strtod(text, NULL) > 86400 ? 86400000
				       : strtoll(text, NULL, 10) > 86400
					       ? 86400000
					       : strtoll(text, NULL, 10) * 1000));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size < 8192 ? size : 8192);

	try_copy(text, 512);
	try_copy(text, 1 + (size > 0 ? data[0] % 40 : 0));
	try_prefix(text);
	try_title(text);
	try_description(text);
	try_tags(text);
	try_file(text);
	try_link(text);
	try_retry_after(text);
	free(text);
	return 0;
}
