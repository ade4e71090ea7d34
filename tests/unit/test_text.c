/*
 * text.c: whatever bytes go in, valid UTF-8 and valid JSON come out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define BAD "\xEF\xBF\xBD"

static void
utf8_size_knows_what_is_valid(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} cases[] = {
		{"a", 1},
		{"\x7F", 1},
		{"\xC2\x80", 2},
		{"\xE0\xA0\x80", 3},
		{"\xED\x9F\xBF", 3},
		{"\xEF\xBF\xBF", 3},
		{"\xF0\x90\x80\x80", 4},
		{"\xF4\x8F\xBF\xBF", 4},
		{"\x80", 0},             /* a continuation alone */
		{"\xC0\x80", 0},         /* an overlong NUL */
		{"\xC1\xBF", 0},         /* overlong */
		{"\xE0\x9F\xBF", 0},     /* overlong */
		{"\xED\xA0\x80", 0},     /* a surrogate */
		{"\xF0\x8F\xBF\xBF", 0}, /* overlong */
		{"\xF4\x90\x80\x80", 0}, /* past U+10FFFF */
		{"\xF5\x80\x80\x80", 0},
		{"\xFF", 0},
		{"\xC3", 0},         /* ends too early */
		{"\xE2\x82", 0},     /* ends too early */
		{"\xE2\x82z", 0},    /* no continuation */
		{"\xF0\x9F\x98", 0}, /* ends too early */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_utf8_size(cases[i].text, strlen(cases[i].text)),
				 cases[i].size);
	assert_int_equal(text_utf8_size("\xE2\x82\xAC", 2), 0);
	assert_int_equal(text_utf8_size("a", 0), 0);
	assert_true(text_utf8_valid("gr\xC3\xBC\xC3\x9F"));
	assert_true(text_utf8_valid(""));
	assert_false(text_utf8_valid("ok\xE2\x82"));
}

static void
copy_repairs_and_cuts_between_characters(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(text_copy(out, sizeof(out), "abc"), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(text_copy(out, sizeof(out), "a\xFF\x62"), 5);
	assert_string_equal(out, "a" BAD "b");
	/* Seven bytes fit; the third euro sign would be bytes seven to nine. */
	assert_int_equal(text_copy(out, sizeof(out), "\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"), 6);
	assert_true(text_utf8_valid(out));
	assert_int_equal(text_copy(out, 1, "abc"), 0);
	assert_string_equal(out, "");
}

static void
prefix_counts_characters(void **state)
{
	(void)state;
	assert_int_equal(text_prefix_size("abc", 2), 2);
	assert_int_equal(text_prefix_size("abc", 9), 3);
	assert_int_equal(text_prefix_size("\xF0\x9F\x98\x80x", 1), 4);
	assert_int_equal(text_prefix_size("\xF0\x9F\x98\x80x", 2), 5);
	assert_int_equal(text_prefix_size("\xFF\xFFx", 2), 2);
	assert_int_equal(text_prefix_size("abc", 0), 0);
}

static void
json_escapes_what_it_must(void **state)
{
	char out[128];
	bool cut = true;

	(void)state;
	text_json_escape(out, sizeof(out), "a\"b\\c/\b\f\n\r\t\x01\x1F\x7F", &cut);
	assert_string_equal(out, "a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f");
	assert_false(cut);
	text_json_escape(out, sizeof(out), "\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA\xC2\x85\xC2\xA0",
			 NULL);
	assert_string_equal(out, "\\u2028\\u2029\xE2\x80\xAA\\u0085\xC2\xA0");
	text_json_escape(out, sizeof(out), "\xED\xA0\x80", NULL);
	assert_string_equal(out, BAD BAD BAD);
}

static void
json_is_never_cut_inside_an_escape(void **state)
{
	static const char text[] = "\"\x01\xE2\x82\xAC\xFF\xE2\x80\xA8z";
	char out[64], document[80];

	(void)state;
	for (size_t size = 1; size < sizeof(out); size++) {
		bool cut = false;
		cJSON *parsed;

		memset(out, 'X', sizeof(out));
		assert_true(text_json_escape(out, size, text, &cut) < size);
		snprintf(document, sizeof(document), "\"%s\"", out);
		parsed = cJSON_Parse(document);
		assert_non_null(parsed);
		assert_int_equal(cut, strchr(cJSON_GetStringValue(parsed), 'z') == NULL);
		assert_true(text_utf8_valid(out));
		cJSON_Delete(parsed);
	}
}

static void
random_bytes_always_come_out_valid(void **state)
{
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char in[24], copy[80], escaped[160], document[168];
		size_t size = 0;
		cJSON *parsed;

		while (size < sizeof(in) - 1) {
			seed = seed * 1664525U + 1013904223U;
			/* Mostly bytes with the high bit set, where the rules are. */
			in[size++] = (char)((seed >> 24) | ((seed & 0x300) != 0 ? 0x80U : 1U));
		}
		in[size] = '\0';
		text_copy(copy, sizeof(copy), in);
		assert_true(text_utf8_valid(copy));
		text_json_escape(escaped, sizeof(escaped), in, NULL);
		snprintf(document, sizeof(document), "\"%s\"", escaped);
		parsed = cJSON_Parse(document);
		assert_non_null(parsed);
		assert_string_equal(cJSON_GetStringValue(parsed), copy);
		cJSON_Delete(parsed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_size_knows_what_is_valid),
		cmocka_unit_test(copy_repairs_and_cuts_between_characters),
		cmocka_unit_test(prefix_counts_characters),
		cmocka_unit_test(json_escapes_what_it_must),
		cmocka_unit_test(json_is_never_cut_inside_an_escape),
		cmocka_unit_test(random_bytes_always_come_out_valid),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
