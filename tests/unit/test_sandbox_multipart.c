/*
 * tests/sandbox/multipart.c: what a client sent is what the sink gets, however the bytes are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/multipart.h"

#define TYPE    "multipart/form-data; boundary=XyZ"
#define SEVENTY "1234567890123456789012345678901234567890123456789012345678901234567890"

/* The sink writes down what it is told: "[name|filename|type]content;" */
struct notes {
	struct buffer text;
	const char *refusal; /* of the next data; NULL: everything is welcome */
};

static const char *
note_begin(void *context, const struct multipart_part *part)
{
	struct notes *notes = context;

	(void)buffer_add_format(&notes->text, "[%s|%s|%s]", part->name,
				part->filename != NULL ? part->filename : "-",
				part->content_type != NULL ? part->content_type : "-");
	return NULL;
}

static const char *
note_data(void *context, const char *data, size_t length)
{
	struct notes *notes = context;

	if (notes->refusal != NULL)
		return notes->refusal;
	(void)buffer_add(&notes->text, data, length);
	return NULL;
}

static const char *
note_end(void *context)
{
	struct notes *notes = context;

	(void)buffer_add_text(&notes->text, ";");
	return NULL;
}

/* Feeds the body in pieces of `step` bytes; tells whether it was taken as complete. */
static bool
read_in_steps(struct notes *notes, const char *type, const char *body, size_t length, size_t step)
{
	struct multipart_sink sink = {notes, note_begin, note_data, note_end};
	struct multipart *multipart = multipart_new(type, &sink);
	bool complete;

	assert_non_null(multipart);
	for (size_t at = 0; at < length; at += step)
		(void)multipart_feed(multipart, body + at, length - at < step ? length - at : step);
	complete = multipart_finish(multipart);
	assert_int_equal(complete, multipart_error(multipart)[0] == '\0');
	multipart_free(multipart);
	return complete;
}

/* The body gives the notes, for every way to cut it. */
static void
check(const char *type, const char *body, size_t length, const char *expected,
      size_t expected_length)
{
	for (size_t step = 1; step <= length; step++) {
		struct notes notes = {.refusal = NULL};

		buffer_init(&notes.text, 65536);
		assert_true(read_in_steps(&notes, type, body, length, step));
		assert_int_equal(notes.text.length, expected_length);
		assert_memory_equal(notes.text.data, expected, expected_length);
		buffer_free(&notes.text);
	}
}

#define CHECK(type, body, expected)                                                                \
	check(type, body, sizeof(body) - 1, expected, sizeof(expected) - 1)

static void
check_refused(const char *type, const char *body, size_t length)
{
	for (size_t step = 1; step <= length; step += 7) {
		struct notes notes = {.refusal = NULL};

		buffer_init(&notes.text, 1048576);
		assert_false(read_in_steps(&notes, type, body, length, step));
		buffer_free(&notes.text);
	}
}

static void
fields_and_a_file_arrive_as_sent(void **state)
{
	(void)state;
	CHECK(TYPE,
	      "--XyZ\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nSunset\r\n"
	      "--XyZ\r\nContent-Disposition: form-data; name=\"tags[]\"\r\n\r\nsea\r\n"
	      "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n"
	      "Content-Type: image/png\r\n\r\n\x89PNG\r\n\r\n--XyZ--\r\n",
	      "[title|-|-]Sunset;[tags[]|-|-]sea;[file|a.png|image/png]\x89PNG\r\n;");
}

static void
content_that_resembles_a_boundary_stays_content(void **state)
{
	(void)state;
	CHECK(TYPE,
	      "--XyZ\r\nContent-Disposition: form-data; name=f\r\n\r\n"
	      "\r\n--Xy\r\r\n--X\r\n-\r\n--xyZ\r\n--XyY--XyZ\r\n--XyZ--",
	      "[f|-|-]\r\n--Xy\r\r\n--X\r\n-\r\n--xyZ\r\n--XyY--XyZ;");
}

static void
nul_bytes_and_lone_line_ends_stay_content(void **state)
{
	(void)state;
	CHECK(TYPE,
	      "--XyZ\r\nContent-Disposition: form-data; "
	      "name=f\r\n\r\na\0b\n\r\n\n\r\0\r\n--XyZ--\r\n",
	      "[f|-|-]a\0b\n\r\n\n\r\0;");
}

static void
empty_content_is_a_part(void **state)
{
	(void)state;
	CHECK(TYPE,
	      "--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n"
	      "--XyZ\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--XyZ--\r\n",
	      "[a|-|-];[b|-|-];");
}

static void
body_without_parts_is_complete(void **state)
{
	(void)state;
	CHECK(TYPE, "--XyZ--\r\n", "");
}

static void
preamble_and_epilogue_are_not_content(void **state)
{
	(void)state;
	CHECK(TYPE,
	      "for old mailers\r\n--XyZ \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
	      "--XyZ--\r\nand after\r\n--XyZ\r\n",
	      "[a|-|-]1;");
}

static void
quoted_parameters_are_unquoted(void **state)
{
	(void)state;
	CHECK(TYPE,
	      "--XyZ\r\nContent-Type: image/png\r\n"
	      "content-disposition: form-data; name=\"a;b\"; filename=\"C:\\x \\\"y\\\" "
	      "%22.png\"\r\n\r\n"
	      "1\r\n--XyZ--\r\n",
	      "[a;b|C:\\x \"y\" %22.png|image/png]1;");
}

static void
missing_file_name_differs_from_an_empty_one(void **state)
{
	(void)state;
	CHECK(TYPE,
	      "--XyZ\r\nContent-Disposition: form-data; name=f\r\nContent-Type: "
	      "image/png\r\n\r\n1\r\n"
	      "--XyZ\r\nContent-Disposition: form-data; name=f; "
	      "filename=\"\"\r\n\r\n2\r\n--XyZ--\r\n",
	      "[f|-|image/png]1;[f||-]2;");
}

static void
boundary_may_be_quoted_and_stand_last(void **state)
{
	(void)state;
	CHECK("Multipart/Form-Data; charset=utf-8; boundary=\"a b'()+_,-./:=?\"",
	      "--a b'()+_,-./:=?\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
	      "--a b'()+_,-./:=?--\r\n",
	      "[a|-|-]1;");
}

static void
types_without_a_usable_boundary_are_refused(void **state)
{
	static const char *const types[] = {
		NULL,
		"",
		"application/x-www-form-urlencoded",
		"multipart/mixed; boundary=XyZ",
		"multipart/form-data",
		"multipart/form-data; boundary",
		"multipart/form-data; boundary=",
		"multipart/form-data; boundary=\"\"",
		("multipart/form-data; boundary=" SEVENTY "1"),
	};
	struct multipart_sink sink = {NULL, note_begin, note_data, note_end};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_null(multipart_new(types[i], &sink));
}

static void
cut_body_is_an_error(void **state)
{
	static const char body[] =
		"--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XyZ--";

	(void)state;
	for (size_t length = 0; length < sizeof(body) - 1; length++) {
		struct notes notes = {.refusal = NULL};

		buffer_init(&notes.text, 65536);
		assert_false(read_in_steps(&notes, TYPE, body, length, 5));
		buffer_free(&notes.text);
	}
}

static void
text_behind_a_boundary_is_an_error(void **state)
{
	static const char body[] = "--XyZ\r\nContent-Disposition: form-data; "
				   "name=a\r\n\r\n1\r\n--XyZabc\r\n\r\n2\r\n--XyZ--";

	(void)state;
	check_refused(TYPE, body, sizeof(body) - 1);
}

static void
header_without_a_colon_is_an_error(void **state)
{
	static const char body[] = "--XyZ\r\nContent-Disposition\r\n\r\n1\r\n--XyZ--";

	(void)state;
	check_refused(TYPE, body, sizeof(body) - 1);
}

static void
endless_part_header_is_an_error(void **state)
{
	char *body = memory_alloc(20000);

	(void)state;
	memset(body, 'a', 20000);
	memcpy(body, "--XyZ\r\nX: ", 10);
	check_refused(TYPE, body, 20000);
	free(body);
}

static void
refusal_of_the_sink_ends_the_reading(void **state)
{
	static const char body[] =
		"--XyZ\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
		"--XyZ\r\nContent-Disposition: form-data; name=b\r\n\r\n2\r\n--XyZ--";
	struct notes notes = {.refusal = "too much"};
	struct multipart_sink sink = {&notes, note_begin, note_data, note_end};
	struct multipart *multipart = multipart_new(TYPE, &sink);

	(void)state;
	buffer_init(&notes.text, 65536);
	assert_false(multipart_feed(multipart, body, sizeof(body) - 1));
	assert_false(multipart_finish(multipart));
	assert_string_equal(multipart_error(multipart), "too much");
	assert_string_equal(notes.text.data, "[a|-|-]");
	multipart_free(multipart);
	buffer_free(&notes.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_a_file_arrive_as_sent),
		cmocka_unit_test(content_that_resembles_a_boundary_stays_content),
		cmocka_unit_test(nul_bytes_and_lone_line_ends_stay_content),
		cmocka_unit_test(empty_content_is_a_part),
		cmocka_unit_test(body_without_parts_is_complete),
		cmocka_unit_test(preamble_and_epilogue_are_not_content),
		cmocka_unit_test(quoted_parameters_are_unquoted),
		cmocka_unit_test(missing_file_name_differs_from_an_empty_one),
		cmocka_unit_test(boundary_may_be_quoted_and_stand_last),
		cmocka_unit_test(types_without_a_usable_boundary_are_refused),
		cmocka_unit_test(cut_body_is_an_error),
		cmocka_unit_test(text_behind_a_boundary_is_an_error),
		cmocka_unit_test(header_without_a_colon_is_an_error),
		cmocka_unit_test(endless_part_header_is_an_error),
		cmocka_unit_test(refusal_of_the_sink_ends_the_reading),
	};

	return cmocka_run_group_tests_name("sandbox multipart", tests, NULL, NULL);
}
