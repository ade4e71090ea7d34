/*
 * answer_json.c: whatever stands in an answer is read as it is or refused; nothing is read past its
 * end, and no number loses a digit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/deviantart/answer_json.h"

static void
depth_size_and_nul_bytes_are_refused(void **state)
{
	size_t depth = 100000, size = 2 * ANSWER_JSON_LIMIT;
	char *bomb = malloc(size + 1);
	struct cJSON *json;

	(void)state;
	assert_non_null(bomb);
	memset(bomb, '[', depth);
	memcpy(bomb, "{\"a\":", 5);
	assert_null(answer_json_parse(bomb, depth));

	for (int limit = ANSWER_JSON_DEPTH; limit <= ANSWER_JSON_DEPTH + 1; limit++) {
		size_t inner = (size_t)limit - 1;

		memcpy(bomb, "{\"a\":", 5);
		memset(bomb + 5, '[', inner);
		memset(bomb + 5 + inner, ']', inner);
		bomb[5 + 2 * inner] = '}';
		json = answer_json_parse(bomb, 6 + 2 * inner);
		assert_true((json != NULL) == (limit == ANSWER_JSON_DEPTH));
		answer_json_free(json);
	}

	memset(bomb, ' ', size);
	bomb[0] = '{';
	bomb[1] = '}';
	assert_null(answer_json_parse(bomb, ANSWER_JSON_LIMIT + 1));
	json = answer_json_parse(bomb, ANSWER_JSON_LIMIT);
	assert_non_null(json);
	answer_json_free(json);
	free(bomb);

	assert_null(answer_json_parse("{\"a\":1}\0", 8));
	assert_null(answer_json_parse("{\"a\":\"x\0y\"}", 11));
	assert_null(answer_json_parse("", 0));
	assert_null(answer_json_parse(NULL, 0));
}

static void
brackets_inside_strings_do_not_count_as_depth(void **state)
{
	static const char body[] =
		"{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"[[[[[[[[[[[[[\\\"{{{\",\"b\":7}";
	struct cJSON *json = answer_json_parse(body, sizeof(body) - 1);
	int64_t b = 0;

	(void)state;
	assert_non_null(json);
	assert_true(answer_json_whole(json, "b", &b));
	assert_int_equal(b, 7);
	answer_json_free(json);
}

/* ---- ids ---- */

static void
ids_are_exact_whatever_their_size(void **state)
{
	static const struct {
		const char *body, *id;
	} cases[] = {
		{"{\"itemid\":6311111935494244}", "6311111935494244"},
		{"{\"itemid\":9007199254740993}", "9007199254740993"}, /* 2^53 + 1 */
		{"{\"itemid\":9223372036854775807}", "9223372036854775807"},
		{"{\"itemid\":18446744073709551615}", "18446744073709551615"},
		{"{\"itemid\":\"9007199254740993\"}", "9007199254740993"},
		{"  {\"a\":{\"itemid\":1},\"b\":[{\"itemid\":2}],\"itemid\" : 77 } ", "77"},
		{"{\"x\":\"\\\"itemid\\\":5\",\"itemid\":8}", "8"},
		{"{\"itemid\":3,\"itemid\":4}", "3"},
		{"\xEF\xBB\xBF{\"itemid\":12}", "12"},
		{"{\"a\":true,\"b\":null,\"c\":-1.5e3,\"itemid\":13}", "13"},
		{"{\"itemid\":0}", NULL},
		{"{\"itemid\":-5}", NULL},
		{"{\"itemid\":1.5}", NULL},
		{"{\"itemid\":6.3e15}", NULL},
		{"{\"itemid\":\"\"}", NULL},
		{"{\"itemid\":\"12a\"}", NULL},
		{"{\"itemid\":\"123456789012345678901234\"}", NULL},
		{"{\"itemid\":null}", NULL},
		{"{\"itemid\":true}", NULL},
		{"{\"itemid\":{\"a\":1}}", NULL},
		{"{\"itemid\":[1]}", NULL},
		{"{\"stackid\":8654406562271036}", NULL},
		{"{\"ITEMID\":5}", NULL},
		{"{}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[24] = "untouched";
		bool found = answer_json_id(cases[i].body, strlen(cases[i].body), "itemid", id,
					    sizeof(id));

		if (found != (cases[i].id != NULL))
			fail_msg("%s", cases[i].body);
		assert_string_equal(id, found ? cases[i].id : "untouched");
	}
}

static void
looking_for_an_id_in_garbage_stays_inside_it(void **state)
{
	static const char whole[] = "{\"a\\\"b\" : [1,{\"c\":\"]\"}], \"itemid\" :\"1234\"}";

	(void)state;
	for (size_t size = 0; size <= sizeof(whole) - 1; size++) {
		char *copy = malloc(size > 0 ? size : 1); /* not terminated, on purpose */
		char id[24];
		bool found;

		assert_non_null(copy);
		memcpy(copy, whole, size);
		found = answer_json_id(copy, size, "itemid", id, sizeof(id));
		assert_true(found == (size >= sizeof(whole) - 2));
		free(copy);
	}
}

static void
whole_numbers_come_as_numbers_or_digits(void **state)
{
	static const char body[] =
		"{\"a\":12,\"b\":\"34\",\"c\":1.5,\"d\":1e300,\"e\":\"x\",\"f\":-7,"
		"\"g\":null,\"h\":\"\",\"i\":9007199254740992,\"j\":\"1e3\"}";
	struct cJSON *json = answer_json_parse(body, sizeof(body) - 1);
	int64_t n = 0;

	(void)state;
	assert_non_null(json);
	assert_true(answer_json_whole(json, "a", &n) && n == 12);
	assert_true(answer_json_whole(json, "b", &n) && n == 34);
	assert_true(answer_json_whole(json, "f", &n) && n == -7);
	assert_true(answer_json_whole(json, "i", &n) && n == 9007199254740992);
	for (const char *name = "cdeghjz"; *name != '\0'; name++)
		assert_false(answer_json_whole(json, (char[]){*name, '\0'}, &n));
	answer_json_free(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(depth_size_and_nul_bytes_are_refused),
		cmocka_unit_test(brackets_inside_strings_do_not_count_as_depth),
		cmocka_unit_test(ids_are_exact_whatever_their_size),
		cmocka_unit_test(looking_for_an_id_in_garbage_stays_inside_it),
		cmocka_unit_test(whole_numbers_come_as_numbers_or_digits),
	};

	return cmocka_run_group_tests_name("answer_json", tests, NULL, NULL);
}
