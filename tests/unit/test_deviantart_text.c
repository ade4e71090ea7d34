/*
 * deviantart_text.c, deviantart_file.c, deviantart_entity.c, form.c, utf8.c: what leaves here is
 * within DeviantArt's limits and cannot break out of its line, whatever went in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "worker/deviantart/deviantart_internal.h"
#include "worker/deviantart/form.h"
#include "worker/http/utf8.h"

#define FLAG_A "a\xCC\x81"                                    /* a and a combining acute */
#define FAMILY "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7" /* woman, joiner, girl */
#define TEN    "0123456789"

static size_t
characters(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xC0U) != 0x80U;
	return count;
}

/* A reproducible stream of bytes: mostly the awkward ones. */
static void
random_text(unsigned int *seed, char *out, size_t size)
{
	static const char *const pieces[] = {
		"a",
		"B",
		"7",
		"_",
		" ",
		"  ",
		"\t",
		"\n",
		"\r\n",
		"\x01",
		"\x7F",
		"\"",
		"\\",
		"/",
		"..",
		"%",
		"&",
		"&amp;",
		"#",
		"\xC3",
		"\xFF",
		"\x80",
		"\xC3\xA9",
		"\xE2\x82",
		"\xE2\x82\xAC",
		FAMILY,
		FLAG_A,
		"\xED\xA0\x80",
		"\xC2\xA0",
		"\xE2\x80\xA8",
		";",
		"'",
		"\xC2\x85",
	};
	size_t used = 0;

	while (used + 12 < size) {
		const char *piece;

		*seed = *seed * 1103515245U + 12345U;
		piece = pieces[(*seed >> 16) % (sizeof(pieces) / sizeof(pieces[0]))];
		memcpy(out + used, piece, strlen(piece));
		used += strlen(piece);
	}
	out[used] = '\0';
}

/* ---- titles ---- */

static void
titles_are_cut_trimmed_and_repaired(void **state)
{
	static const struct {
		const char *title, *clean;
		bool cut;
	} cases[] = {
		{"Night sky", "Night sky", false},
		{"  Night sky \n", "Night sky", false},
		{"\xC2\xA0\xE3\x80\x80Night\xC2\xA0", "Night", false},
		{"a\nb\tc\x01"
		 "d",
		 "a b c d", false},
		{"", "Untitled", false},
		{" \t\xC2\xA0 ", "Untitled", false},
		{NULL, "Untitled", false},
		{TEN TEN TEN TEN TEN, TEN TEN TEN TEN TEN, false},
		{TEN TEN TEN TEN TEN "x", TEN TEN TEN TEN TEN, true},
		{TEN TEN TEN TEN TEN "   ", TEN TEN TEN TEN TEN, false},
		{TEN TEN TEN TEN "012345678 x", TEN TEN TEN TEN "012345678", true},
		{"bad\xFFone", "bad\xEF\xBF\xBDone", false},
		{"cut\xE2\x82", "cut\xEF\xBF\xBD\xEF\xBF\xBD", false},
		/* a mark is not torn from its letter, nor a family apart */
		{TEN TEN TEN TEN "012345678" FLAG_A, TEN TEN TEN TEN "012345678", true},
		{TEN TEN TEN TEN "01234567" FLAG_A "z", TEN TEN TEN TEN "01234567" FLAG_A, true},
		{TEN TEN TEN TEN "01234567" FAMILY, TEN TEN TEN TEN "01234567", true},
		{TEN TEN TEN TEN "0123456" FAMILY "z", TEN TEN TEN TEN "0123456" FAMILY, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool cut = !cases[i].cut;
		char *clean = deviantart_clean_title(cases[i].title, &cut);

		assert_non_null(clean);
		assert_string_equal(clean, cases[i].clean);
		assert_int_equal(cut, cases[i].cut);
		free(clean);
	}
}

static void
title_of_nothing_but_marks_is_cut_all_the_same(void **state)
{
	char title[2 * 80 + 1];
	char *clean;
	bool cut = false;

	(void)state;
	for (int i = 0; i < 80; i++)
		memcpy(title + 2 * i, "\xCC\x81", 3);
	clean = deviantart_clean_title(title, &cut);
	assert_non_null(clean);
	assert_true(cut);
	assert_int_equal(characters(clean), 50);
	free(clean);
}

static void
any_title_becomes_one_that_cleaning_leaves_alone(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char title[240];
		char *clean, *again;
		bool cut;

		random_text(&seed, title, 16 + (size_t)round % 220);
		clean = deviantart_clean_title(title, NULL);
		assert_non_null(clean);
		again = deviantart_clean_title(clean, &cut);
		assert_non_null(again);
		assert_true(text_utf8_valid(clean));
		assert_in_range(characters(clean), 1, 50);
		assert_string_equal(clean, again);
		assert_false(cut);
		for (const char *c = clean; *c != '\0'; c++)
			assert_true((unsigned char)*c >= ' ' && *c != 0x7F);
		free(clean);
		free(again);
	}
}

static void
plain_title_decodes_references_once(void **state)
{
	static const char *const cases[][2] = {
		{"Tom &amp; Jerry", "Tom & Jerry"},
		{"&lt;3 &quot;x&quot; &#039;y&#039;", "<3 \"x\" 'y'"},
		{"&#xE9;t&eacute;&nbsp;", "\xC3\xA9t\xC3\xA9"},
		{"&amp;lt;", "&lt;"},
		{"&hearts;&hellip;", "\xE2\x99\xA5\xE2\x80\xA6"},
		{"&Eacute;&yuml;&iexcl;", "\xC3\x89\xC3\xBF\xC2\xA1"},
		{"&nosuch; &; & &amp &#; &#x; &#0; &#xD800; &#x110000; &#12a;",
		 "&nosuch; &; & &amp &#; &#x; &#0; &#xD800; &#x110000; &#12a;"},
		{"&#99999999999999999999;", "&#99999999999999999999;"},
		{"  a \n b  ", "a b"},
		{"", ""},
	};
	char *plain;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		plain = deviantart_plain_title(cases[i][0]);
		assert_non_null(plain);
		assert_string_equal(plain, cases[i][1]);
		free(plain);
	}
	plain = deviantart_plain_title(NULL);
	assert_string_equal(plain, "");
	free(plain);
}

/* What the artist wrote is found again in the gallery, however often the site escaped the five. */
static void
title_survives_the_way_to_the_gallery_and_back(void **state)
{
	char *ours = deviantart_plain_title("Tom & \"Jerry\" <3  it's");
	char *theirs = deviantart_plain_title("Tom &amp; &quot;Jerry&quot; &lt;3 it&#039;s");

	(void)state;
	assert_string_equal(ours, theirs);
	free(ours);
	free(theirs);
}

static void
description_keeps_its_lines(void **state)
{
	char *clean = deviantart_clean_description("a\r\n\n\tb\x02"
						   "c\xFF <b>d</b> \xE2\x82\xAC");

	(void)state;
	assert_non_null(clean);
	assert_string_equal(clean, "a\r\n\n\tbc\xEF\xBF\xBD <b>d</b> \xE2\x82\xAC");
	free(clean);
}

/* ---- tags ---- */

static void
check_tags(const char *const *expected, char **tags)
{
	size_t i;

	assert_non_null(tags);
	for (i = 0; expected[i] != NULL; i++) {
		assert_non_null(tags[i]);
		assert_string_equal(tags[i], expected[i]);
	}
	assert_null(tags[i]);
	deviantart_free_tags(tags);
}

static char *
writable(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	return copy;
}

static void
tags_are_cleaned_and_not_repeated(void **state)
{
	static const char *const given[] = {
		"digital art", "#fantasy",    "  sci-fi  ",   "Digital_Art", "",  "!!!",
		"___",         "caf\xC3\xA9", "a \xC2\xA0 b", "x\xFFy",      NULL};
	static const char *const expected[] = {"digital_art", "fantasy", "scifi", "caf",
					       "a_b",         "xy",      NULL};
	static const char *const none[] = {NULL};
	char *tags[sizeof(given) / sizeof(given[0])] = {NULL};

	(void)state;
	for (size_t i = 0; given[i] != NULL; i++)
		tags[i] = writable(given[i]);
	check_tags(expected, deviantart_clean_tags(tags));
	check_tags(none, deviantart_clean_tags(NULL));
	for (size_t i = 0; tags[i] != NULL; i++)
		free(tags[i]);
}

static void
at_most_thirty_tags_of_allowed_letters_come_out(void **state)
{
	unsigned int seed = 7;

	(void)state;
	for (int round = 0; round < 300; round++) {
		char texts[60][40];
		char *tags[61] = {NULL};
		char **clean;
		size_t count = 0;

		for (size_t i = 0; i < 60; i++) {
			random_text(&seed, texts[i], sizeof(texts[i]));
			tags[i] = texts[i];
		}
		clean = deviantart_clean_tags(tags);
		assert_non_null(clean);
		for (; clean[count] != NULL; count++) {
			assert_true(clean[count][0] != '\0');
			assert_int_equal(
				strspn(clean[count],
				       "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789"),
				strlen(clean[count]));
			for (size_t i = 0; i < count; i++)
				assert_int_not_equal(strcasecmp(clean[i], clean[count]), 0);
		}
		assert_in_range(count, 1, 30);
		deviantart_free_tags(clean);
	}
}

/* ---- files ---- */

static void
file_names_are_fit_for_a_header(void **state)
{
	static const char *const cases[][3] = {
		{"cat.png", "image/png", "cat.png"},
		{"my cat (1).png", "image/png", "my cat (1).png"},
		{"../../etc/passwd", "image/png", "passwd"},
		{"C:\\art\\cat.png", "image/png", "cat.png"},
		{"a\"b\r\nX-Evil: 1.png", "image/png", "abX-Evil: 1.png"},
		{"caf\xC3\xA9.png", "image/png", "caf\xC3\xA9.png"},
		{"bad\xFF.png", "image/png", "bad_.png"},
		{"", "image/png", "image.png"},
		{NULL, "image/jpeg", "image.jpg"},
		{"dir/", "video/mp4", "video.mp4"},
		{"..", "image/gif", "image.gif"},
		{" . ", "text/x", "image"},
		{"...", NULL, "image"},
		{"\"\"\"", "image/webp", "image.webp"},
		{"trailing. ", "image/png", "trailing"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *name = deviantart_clean_filename(cases[i][0], cases[i][1]);

		assert_non_null(name);
		assert_string_equal(name, cases[i][2]);
		free(name);
	}
}

static void
long_names_keep_their_extension_and_whole_characters(void **state)
{
	char long_name[1000];
	char *name;
	size_t used = 0;

	(void)state;
	while (used < 900) {
		memcpy(long_name + used, "\xE2\x82\xAC", 3);
		used += 3;
	}
	memcpy(long_name + used, ".jpeg", 6);
	name = deviantart_clean_filename(long_name, "image/jpeg");
	assert_non_null(name);
	assert_in_range(strlen(name), 100, 120);
	assert_true(text_utf8_valid(name));
	assert_string_equal(name + strlen(name) - 5, ".jpeg");
	free(name);
}

static void
a_name_ends_in_no_dot_or_blank_where_it_was_cut_either(void **state)
{
	char long_name[400];
	char *name;

	(void)state;
	memset(long_name, '.', sizeof(long_name));
	memcpy(long_name, "cat", 3);
	memcpy(long_name + sizeof(long_name) - 16, ".no_extension_x", 16);
	name = deviantart_clean_filename(long_name, "image/png");
	assert_non_null(name);
	assert_string_equal(name, "cat");
	free(name);
	memset(long_name, '.', 3);
	name = deviantart_clean_filename(long_name, "image/png");
	assert_non_null(name);
	assert_string_equal(name, "image.png");
	free(name);
}

static void
any_file_name_is_harmless(void **state)
{
	unsigned int seed = 99;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char text[300];
		char *name;

		random_text(&seed, text, 14 + (size_t)round % 280);
		name = deviantart_clean_filename(text, "image/png");
		assert_non_null(name);
		assert_true(name[0] != '\0' && strlen(name) <= 120);
		assert_true(text_utf8_valid(name));
		assert_null(strpbrk(name, "\"\\/\r\n\x01\x7F"));
		free(name);
	}
}

static void
types_are_token_slash_token_or_octets(void **state)
{
	static const char octets[] = "application/octet-stream";
	static const char *const good[] = {"image/png", "image/svg+xml", "video/x-ms.wmv"};
	static const char *const bad[] = {
		"",      "png",         "/png",           "image/",          "image/a b",
		"a/b/c", "a/b\r\nX: 1", "image/png; x=1", "im\xC3\xA9ge/png"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(deviantart_clean_type(good[i]), good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_string_equal(deviantart_clean_type(bad[i]), octets);
	assert_string_equal(deviantart_clean_type(NULL), octets);
}

static void
sizes_for_people_become_ranges(void **state)
{
	static const struct {
		const char *text;
		int64_t size; /* must be inside; -1: unreadable */
		int64_t far;  /* must be outside */
	} cases[] = {
		{"512 bytes", 512, 513},
		{"1,024 B", 1024, 1023},
		{"20 KB", 20000, 30000},
		{"20 KB", 20480, 15000},
		{"2.3 MB", 2300000, 1000000},
		{"2.3 MB", 2411724, 5000000},
		{"2.3MB", 2345678, 3000000},
		{"1.0 GB", 1073741824, 100},
		{"845 kb", 845000, 1},
		{"", -1, 0},
		{"big", -1, 0},
		{"3 parsecs", -1, 0},
		{"999999999999999999999999999999 GB", -1, 0},
		{NULL, -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t low = 7, high = 7;

		deviantart_parse_size(cases[i].text, &low, &high);
		if (cases[i].size < 0) {
			assert_int_equal(low, 0);
			assert_int_equal(high, 0);
			continue;
		}
		assert_true(low <= cases[i].size && cases[i].size <= high);
		assert_false(low <= cases[i].far && cases[i].far <= high);
	}
}

static void
ids_and_links_are_checked(void **state)
{
	char id[64] = "old", url[512];

	(void)state;
	assert_true(deviantart_copy_id(id, "FCD30B6B-9173-A4E1-AB5B-81EEA06E2C86"));
	assert_string_equal(id, "FCD30B6B-9173-A4E1-AB5B-81EEA06E2C86");
	assert_false(deviantart_copy_id(id, "short"));
	assert_false(deviantart_copy_id(id, "FCD30B6B 9173"));
	assert_false(deviantart_copy_id(id, NULL));
	assert_false(deviantart_copy_id(
		id, "FCD30B6B-9173-A4E1-AB5B-81EEA06E2C86-FCD30B6B-9173-A4E1-AB5B-81EEA06E2C86"));
	deviantart_copy_url(url, "https://www.deviantart.com/u/art/T-1");
	assert_string_equal(url, "https://www.deviantart.com/u/art/T-1");
	deviantart_copy_url(url, "javascript:alert(1)");
	assert_string_equal(url, "");
	deviantart_copy_url(url, "https://x/\n");
	assert_string_equal(url, "");
	deviantart_copy_url(url, NULL);
	assert_string_equal(url, "");
}

/* ---- forms and UTF-8 ---- */

static void
forms_encode_everything_but_unreserved_bytes(void **state)
{
	struct form form = {0};
	char one[] = "b c", empty[] = "", two[] = "\xC3\xA9";
	char *list[] = {one, empty, two, NULL};

	(void)state;
	form_add(&form, "a", "x&y=z+%/\r\n~");
	form_add_bool(&form, "t", true);
	form_add_bool(&form, "f", false);
	form_add(&form, "none", NULL);
	form_add_list(&form, "l", list);
	form_add_list(&form, "m", NULL);
	assert_false(form.is_broken);
	assert_string_equal(form.text, "a=x%26y%3Dz%2B%25%2F%0D%0A~&t=true&f=false&"
				       "l%5B%5D=b%20c&l%5B%5D=%C3%A9");
	assert_int_equal(form.size, strlen(form.text));
	form_free(&form);
	assert_null(form.text);
}

static void
utf8_goes_round(void **state)
{
	char out[5];
	uint32_t code;

	(void)state;
	for (uint32_t c = 1; c < 0x110000; c += c < 0x3000 ? 1 : 97) {
		size_t size = utf8_put(c, out);

		assert_int_equal(utf8_next(out, size, &code), size);
		assert_int_equal(code, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
	}
	assert_int_equal(utf8_next("\xC0\x80", 2, &code), 1);
	assert_true(code == UTF8_BROKEN);
}

static void
lines_are_cut_at_whole_characters(void **state)
{
	char out[8];

	(void)state;
	utf8_line(out, sizeof(out), " a \n\x01 b\xFF\xE2\x82\xAC\xE2\x82\xAC", 14);
	assert_string_equal(out, "a b?\xE2\x82\xAC");
	utf8_line(out, 1, "abc", 3);
	assert_string_equal(out, "");
	utf8_line(out, 4, "ab  c", 5);
	assert_string_equal(out, "ab");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(titles_are_cut_trimmed_and_repaired),
		cmocka_unit_test(title_of_nothing_but_marks_is_cut_all_the_same),
		cmocka_unit_test(any_title_becomes_one_that_cleaning_leaves_alone),
		cmocka_unit_test(plain_title_decodes_references_once),
		cmocka_unit_test(title_survives_the_way_to_the_gallery_and_back),
		cmocka_unit_test(description_keeps_its_lines),
		cmocka_unit_test(tags_are_cleaned_and_not_repeated),
		cmocka_unit_test(at_most_thirty_tags_of_allowed_letters_come_out),
		cmocka_unit_test(file_names_are_fit_for_a_header),
		cmocka_unit_test(a_name_ends_in_no_dot_or_blank_where_it_was_cut_either),
		cmocka_unit_test(long_names_keep_their_extension_and_whole_characters),
		cmocka_unit_test(any_file_name_is_harmless),
		cmocka_unit_test(types_are_token_slash_token_or_octets),
		cmocka_unit_test(sizes_for_people_become_ranges),
		cmocka_unit_test(ids_and_links_are_checked),
		cmocka_unit_test(forms_encode_everything_but_unreserved_bytes),
		cmocka_unit_test(utf8_goes_round),
		cmocka_unit_test(lines_are_cut_at_whole_characters),
	};

	return cmocka_run_group_tests_name("deviantart_text", tests, NULL, NULL);
}
