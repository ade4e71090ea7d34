/*
 * classify.c: what was seen becomes the right failure. The rows are those of
 * contract.md "Failures" and of deviantart-api.md 3.4, 6.3, 8.1, 8.2 and 11.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "worker/deviantart/classify.h"

#define USER_LIMIT                                                                                 \
	"{\"error\":\"user_api_threshold\",\"error_description\":\"User request limit "            \
	"reached.\",\"status\":\"error\"}"
#define APPLICATION_LIMIT                                                                          \
	"{\"error\":\"application_api_threshold\",\"error_description\":\"Client request limit "   \
	"reached.\",\"status\":\"error\"}"
#define ERROR(type, description)                                                                   \
	"{\"status\":\"error\",\"error\":\"" type "\",\"error_description\":\"" description "\"}"
#define CODE(number)                                                                               \
	"{\"status\":\"error\",\"error\":\"invalid_request\",\"error_description\":\"It says "     \
	"no.\",\"error_code\":" #number "}"
#define HTML "<html><body><h1>The request could not be satisfied</h1></body></html>"

static struct answer
answered(enum endpoint endpoint, int status, const char *body)
{
	return (struct answer){.endpoint = endpoint,
			       .transport_ok = true,
			       .sent = true,
			       .status = status,
			       .retry_after_ms = -1,
			       .body = body,
			       .body_size = strlen(body)};
}

/* ---- the table ---- */

#define OK  FAILURE_NONE
#define ALL (-1)

static const struct row {
	int endpoint; /* ALL: every one */
	int status;
	const char *body;
	enum failure_category category;
	enum failure_gate gate;
	bool outage;
	int64_t wait_ms;
} rows[] = {
	/* success */
	{ENDPOINT_SUBMIT, 200, "{\"status\":\"success\",\"itemid\":1}", OK, 0, false, 0},
	{ENDPOINT_SUBMIT, 200, " \n                    {\"status\":\"success\"}  \r\n", OK, 0,
	 false, 0},
	{ENDPOINT_PUBLISH, 200, "{\"status\":\"success\"}", OK, 0, false, 0},
	{ENDPOINT_PUBLISH, 201, "{\"status\":\"success\"}", OK, 0, false, 0},
	{ENDPOINT_READ, 200, "{\"results\":[],\"has_more\":false}", OK, 0, false, 0},
	{ENDPOINT_READ, 200, "\xEF\xBB\xBF{\"results\":[]}", OK, 0, false, 0},
	{ENDPOINT_TOKEN, 200, "{\"access_token\":\"a\"}", OK, 0, false, 0},

	/* throttles, whatever the status (8.3) */
	{ALL, 429, USER_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	{ALL, 429, APPLICATION_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_APPLICATION, false, -1},
	{ALL, 200, USER_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	{ALL, 200, APPLICATION_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_APPLICATION, false, -1},
	{ALL, 403, USER_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	{ENDPOINT_SUBMIT, 503, USER_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	{ENDPOINT_READ, 503, USER_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	/* after a 5xx the post may be public, whatever its body says */
	{ENDPOINT_PUBLISH, 500, USER_LIMIT, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 503, USER_LIMIT, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 504, APPLICATION_LIMIT, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 403, USER_LIMIT, FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	{ALL, 429, "", FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	{ALL, 429, HTML, FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},
	{ALL, 429, ERROR("x", "y"), FAILURE_RATE_LIMIT, FAILURE_GATE_USER, false, -1},

	/* the CDN (8.1) */
	{ALL, 403, HTML, FAILURE_RATE_LIMIT, FAILURE_GATE_APPLICATION, false, 300000},
	{ALL, 403, "", FAILURE_RATE_LIMIT, FAILURE_GATE_APPLICATION, false, 300000},
	{ALL, 403, "   \n", FAILURE_RATE_LIMIT, FAILURE_GATE_APPLICATION, false, 300000},
	{ALL, 403, "{\"status\":\"err", FAILURE_RATE_LIMIT, FAILURE_GATE_APPLICATION, false,
	 300000},

	/* logins */
	{ALL, 403, ERROR("unauthorized", "Not for you."), FAILURE_AUTH_ERROR, 0, false, -1},
	{ALL, 401, ERROR("unauthorized", "Who are you?"), FAILURE_AUTH_ERROR, 0, false, -1},
	{ENDPOINT_READ, 401, HTML, FAILURE_AUTH_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 401, "", FAILURE_AUTH_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 401, ERROR("invalid_token", "Expired oAuth2 user token."),
	 FAILURE_TOKEN_EXPIRED, 0, false, -1},
	{ENDPOINT_PUBLISH, 401, ERROR("invalid_token", "Expired oAuth2 user token."),
	 FAILURE_TOKEN_EXPIRED, 0, false, -1},
	{ENDPOINT_READ, 401, ERROR("other", "The token EXPIRED."), FAILURE_TOKEN_EXPIRED, 0, false,
	 -1},
	{ENDPOINT_READ, 200, ERROR("invalid_token", ""), FAILURE_TOKEN_EXPIRED, 0, false, -1},
	{ENDPOINT_READ, 403, ERROR("insufficient_scope", "x"), FAILURE_AUTH_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 401, ERROR("invalid_token", "The request needs a higher scope."),
	 FAILURE_AUTH_ERROR, 0, false, -1},
	{ALL, 401, ERROR("invalid_client", "Client authentication failed."), FAILURE_OPERATOR, 0,
	 false, -1},
	{ALL, 400, ERROR("invalid_client", "Client authentication failed."), FAILURE_OPERATOR, 0,
	 false, -1},
	{ENDPOINT_TOKEN, 400, ERROR("unauthorized_client", "x"), FAILURE_OPERATOR, 0, false, -1},

	/* the token endpoint (3.4) */
	{ENDPOINT_TOKEN, 400, ERROR("invalid_request", "The refresh_token is invalid."),
	 FAILURE_REFRESH_TOKEN_EXPIRED, 0, false, -1},
	{ENDPOINT_TOKEN, 400, ERROR("invalid_grant", "x"), FAILURE_REFRESH_TOKEN_EXPIRED, 0, false,
	 -1},
	{ENDPOINT_TOKEN, 400, ERROR("invalid_request", "Your Refresh Token has expired."),
	 FAILURE_REFRESH_TOKEN_EXPIRED, 0, false, -1},
	{ENDPOINT_TOKEN, 400, ERROR("invalid_request", "Unknown grant_type"), FAILURE_UNKNOWN, 0,
	 false, -1},
	{ENDPOINT_TOKEN, 400, ERROR("invalid_request", ""), FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_TOKEN, 401, ERROR("x", "The refresh_token is invalid."), FAILURE_AUTH_ERROR, 0,
	 false, -1},
	{ENDPOINT_TOKEN, 400, HTML, FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_TOKEN, 401, HTML, FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_TOKEN, 200, "", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_TOKEN, 200, HTML, FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 400, ERROR("invalid_request", "The refresh_token is invalid."),
	 FAILURE_VALIDATION_ERROR, 0, false, -1},

	/* quotas */
	{ENDPOINT_SUBMIT, 400, ERROR("invalid_request", "Sta.sh quota exceeded"),
	 FAILURE_QUOTA_EXCEEDED, 0, false, -1},
	{ENDPOINT_SUBMIT, 403, ERROR("quota_exceeded", "x"), FAILURE_QUOTA_EXCEEDED, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, ERROR("x", "Your Quota is used up"), FAILURE_QUOTA_EXCEEDED, 0,
	 false, -1},
	{ENDPOINT_SUBMIT, 400, ERROR("invalid_request", "no quotation marks"),
	 FAILURE_VALIDATION_ERROR, 0, false, -1},

	/* validation */
	{ENDPOINT_SUBMIT, 400, ERROR("invalid_request", "title has incorrect length"),
	 FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, ERROR("invalid_request", "title has incorrect length"),
	 FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_READ, 400, "{\"status\":\"error\"}", FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 400, ERROR("invalid_request", "galleryids"), FAILURE_VALIDATION_ERROR, 0,
	 false, -1},
	{ENDPOINT_PUBLISH, 200, ERROR("invalid_request", "galleryids"), FAILURE_VALIDATION_ERROR, 0,
	 false, -1},

	/* anything else (contract.md "Failures") */
	{ENDPOINT_READ, 404, ERROR("x", "y"), FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_SUBMIT, 404, ERROR("x", "y"), FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_SUBMIT, 413, HTML, FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_SUBMIT, 415, ERROR("x", "y"), FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_SUBMIT, 422, ERROR("x", "y"), FAILURE_UNKNOWN, 0, false, -1},

	/* servers */
	{ENDPOINT_SUBMIT, 503, HTML, FAILURE_SERVER_ERROR, 0, true, -1},
	{ENDPOINT_READ, 503, "", FAILURE_SERVER_ERROR, 0, true, -1},
	{ENDPOINT_TOKEN, 503, ERROR("server_error", "x"), FAILURE_SERVER_ERROR, 0, true, -1},
	{ENDPOINT_PUBLISH, 503, HTML, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_READ, 500, ERROR("server_error", "x"), FAILURE_SERVER_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 500, HTML, FAILURE_SERVER_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 502, "", FAILURE_SERVER_ERROR, 0, false, -1},
	{ENDPOINT_TOKEN, 504, HTML, FAILURE_SERVER_ERROR, 0, false, -1},
	{ENDPOINT_READ, 599, "", FAILURE_SERVER_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, ERROR("server_error", "x"), FAILURE_SERVER_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 500, ERROR("server_error", "x"), FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 500, HTML, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 502, "", FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 504, HTML, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, ERROR("server_error", "x"), FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 500, CODE(0), FAILURE_OUTCOME_UNKNOWN, 0, false, -1},

	/* unreadable */
	{ENDPOINT_SUBMIT, 200, "", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, "                    ", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, "{\"status\":\"success\",\"item", FAILURE_NETWORK_ERROR, 0, false,
	 -1},
	{ENDPOINT_SUBMIT, 200, "{\"status\":\"success\"} x", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, "[]", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, "\"success\"", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, "{\"status\":1}", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, "{\"status\":null,\"error\":{}}", FAILURE_NETWORK_ERROR, 0, false,
	 -1},
	{ENDPOINT_SUBMIT, 200, "{\"itemid\":1}", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_READ, 200, "{\"status\":\"error\"}", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_READ, 400, HTML, FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_READ, 408, "", FAILURE_NETWORK_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, "", FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, HTML, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, "{\"status\":\"succ", FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, "{\"status\":true}", FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, "{\"deviationid\":\"x\"}", FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 400, HTML, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 408, "", FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 0, "", FAILURE_OUTCOME_UNKNOWN, 0, false, -1},

	/* anything else */
	{ENDPOINT_READ, 302, HTML, FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 302, HTML, FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_READ, 405, ERROR("x", "y"), FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 405, ERROR("x", "y"), FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_SUBMIT, 200, ERROR("riddle", "y"), FAILURE_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, ERROR("riddle", "y"), FAILURE_OUTCOME_UNKNOWN, 0, false, -1},

	/* publish's own numbers (6.3) */
	{ENDPOINT_PUBLISH, 400, CODE(6), FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 200, CODE(6), FAILURE_OUTCOME_UNKNOWN, 0, false, -1},
	{ENDPOINT_PUBLISH, 400, CODE(9), FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 500, CODE(9), FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 403, CODE(0), FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 400, CODE("9"), FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_PUBLISH, 400, CODE(77), FAILURE_VALIDATION_ERROR, 0, false, -1},
	{ENDPOINT_SUBMIT, 400, CODE(6), FAILURE_VALIDATION_ERROR, 0, false, -1},
};

static void
check_row(const struct row *row, enum endpoint endpoint)
{
	struct answer answer = answered(endpoint, row->status, row->body);
	struct failure why = {.category = FAILURE_NONE};
	bool ok = classify_answer(&answer, &why);

	if (ok != (row->category == OK) || (!ok && why.category != row->category))
		fail_msg("endpoint %d, %d %s: is %s (%s), should be %s", endpoint, row->status,
			 row->body, ok ? "OK" : failure_category_name(why.category), why.message,
			 failure_category_name(row->category));
	if (ok)
		return;
	assert_int_equal(why.gate, row->gate);
	assert_int_equal(why.outage, row->outage);
	assert_int_equal(why.wait_ms, row->wait_ms);
	assert_int_equal(why.http_status, row->status);
	assert_true(text_utf8_valid(why.message));
	assert_true(strlen(why.message) > 10);
}

static void
every_row_of_the_table_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].endpoint != ALL) {
			check_row(&rows[i], (enum endpoint)rows[i].endpoint);
			continue;
		}
		for (int e = ENDPOINT_TOKEN; e <= ENDPOINT_READ; e++)
			check_row(&rows[i], (enum endpoint)e);
	}
}

/* ---- transport ---- */

static void
nothing_sent_is_an_outage_for_every_endpoint(void **state)
{
	(void)state;
	for (int e = ENDPOINT_TOKEN; e <= ENDPOINT_READ; e++) {
		struct answer answer = {.endpoint = (enum endpoint)e,
					.transport_error = "Could not resolve host",
					.retry_after_ms = -1,
					.body = ""};
		struct failure why;

		assert_false(classify_answer(&answer, &why));
		assert_int_equal(why.category, FAILURE_NETWORK_ERROR);
		assert_true(why.outage);
		assert_non_null(strstr(why.message, "Could not resolve host"));
	}
}

static void
lost_answer_is_network_error_but_unknown_for_publish(void **state)
{
	(void)state;
	for (int e = ENDPOINT_TOKEN; e <= ENDPOINT_READ; e++) {
		/* status and body came, the end did not: not believed */
		struct answer answer =
			answered((enum endpoint)e, 200, "{\"status\":\"success\",\"itemid\":1}");
		struct failure why;

		answer.transport_ok = false;
		answer.transport_error = "Connection reset by peer";
		assert_false(classify_answer(&answer, &why));
		assert_int_equal(why.category, e == ENDPOINT_PUBLISH ? FAILURE_OUTCOME_UNKNOWN
								     : FAILURE_NETWORK_ERROR);
		assert_false(why.outage);
		assert_int_equal(why.http_status, 200);
	}
}

static void
cut_answer_with_429_is_a_throttle_all_the_same(void **state)
{
	struct answer answer = answered(ENDPOINT_PUBLISH, 429, "{\"err");
	struct failure why;

	(void)state;
	answer.transport_ok = false;
	answer.transport_error = "transfer closed";
	answer.retry_after_ms = 7000;
	assert_false(classify_answer(&answer, &why));
	assert_int_equal(why.category, FAILURE_RATE_LIMIT);
	assert_int_equal(why.wait_ms, 7000);
}

static void
body_larger_than_the_reader_takes_is_unreadable(void **state)
{
	struct answer answer = answered(ENDPOINT_PUBLISH, 200, "{\"status\":\"success\"}");
	struct failure why;

	(void)state;
	answer.body_cut = true;
	assert_false(classify_answer(&answer, &why));
	assert_int_equal(why.category, FAILURE_OUTCOME_UNKNOWN);
	answer.endpoint = ENDPOINT_READ;
	assert_false(classify_answer(&answer, &why));
	assert_int_equal(why.category, FAILURE_NETWORK_ERROR);
	answer.status = 403;
	assert_false(classify_answer(&answer, &why));
	assert_int_equal(why.category, FAILURE_RATE_LIMIT);
}

static void
waits_are_what_the_other_side_asked_for(void **state)
{
	struct answer answer = answered(ENDPOINT_SUBMIT, 429, USER_LIMIT);
	struct failure why;

	(void)state;
	answer.retry_after_ms = 0;
	classify_answer(&answer, &why);
	assert_int_equal(why.wait_ms, 0);
	answer.retry_after_ms = 120000;
	classify_answer(&answer, &why);
	assert_int_equal(why.wait_ms, 120000);
	answer = answered(ENDPOINT_SUBMIT, 403, HTML);
	answer.retry_after_ms = 1000; /* a block is not over before 5 minutes */
	classify_answer(&answer, &why);
	assert_int_equal(why.wait_ms, 300000);
	answer.retry_after_ms = 900000;
	classify_answer(&answer, &why);
	assert_int_equal(why.wait_ms, 900000);
	answer = answered(ENDPOINT_SUBMIT, 503, "");
	answer.retry_after_ms = 60000;
	classify_answer(&answer, &why);
	assert_int_equal(why.wait_ms, 60000);
}

/* ---- messages ---- */

static void
publish_codes_carry_their_number_and_words_for_people(void **state)
{
	static const char *const words[] = {
		"submission policy", "terms of service", "category", "category",
		"licence",           "resolution",       "failed",   "Sta.sh",
		"preview",           "already published"};

	(void)state;
	for (int code = 0; code <= 9; code++) {
		char body[200];
		struct failure why;
		struct answer answer;

		snprintf(body, sizeof(body),
			 "{\"status\":\"error\",\"error\":\"invalid_request\","
			 "\"error_description\":\"It says no.\",\"error_code\":%d}",
			 code);
		answer = answered(ENDPOINT_PUBLISH, 400, body);
		assert_false(classify_answer(&answer, &why));
		assert_int_equal(why.error_code, code);
		assert_int_equal(why.category,
				 code == 6 ? FAILURE_OUTCOME_UNKNOWN : FAILURE_VALIDATION_ERROR);
		assert_non_null(strstr(why.message, words[code]));
		assert_non_null(strstr(why.message, "It says no."));
	}
}

static void
messages_quote_details_and_clean_them(void **state)
{
	struct answer answer = answered(
		ENDPOINT_SUBMIT, 400,
		"{\"status\":\"error\",\"error\":\"invalid_request\",\"error_description\":"
		"\"Request "
		"field\\n\\u0007 validation \\ufeff failed.\",\"error_details\":{\"title\":\"too "
		"long\",\"tags\":[\"bad\",\"worse\"],\"n\":5},\"error_code\":-3}");
	struct failure why;

	(void)state;
	assert_false(classify_answer(&answer, &why));
	assert_string_equal(why.message,
			    "DeviantArt refused this: Request field validation failed. "
			    "(title: too long; tags: bad; tags: worse)");
	assert_int_equal(why.error_code, -1);
}

static void
long_or_broken_words_leave_a_valid_message(void **state)
{
	char body[9000];
	struct answer answer;
	struct failure why;
	size_t used;

	(void)state;
	used = (size_t)snprintf(body, sizeof(body),
				"{\"status\":\"error\",\"error\":\"x\",\"error_description\":\"");
	while (used < 8000) {
		memcpy(body + used, "\xE2\x82\xAC\xFFz", 5);
		used += 5;
	}
	memcpy(body + used, "\"}", 3);
	answer = answered(ENDPOINT_READ, 400, body);
	assert_false(classify_answer(&answer, &why));
	assert_true(text_utf8_valid(why.message));
	assert_true(strlen(why.message) < sizeof(why.message));
}

static void
tokens_echoed_by_the_token_endpoint_are_not_repeated(void **state)
{
	struct answer answer = answered(
		ENDPOINT_TOKEN, 400,
		ERROR("invalid_request",
		      "The refresh_token 0123456789abcdef0123456789abcdef01234567 is invalid."));
	struct failure why;

	(void)state;
	assert_false(classify_answer(&answer, &why));
	assert_int_equal(why.category, FAILURE_REFRESH_TOKEN_EXPIRED);
	assert_null(strstr(why.message, "0123456789"));
}

static void
long_words_and_links_of_a_refusal_stay_readable(void **state)
{
	struct answer answer =
		answered(ENDPOINT_SUBMIT, 400,
			 ERROR("invalid_request", "Urheberrechtsverletzungsverdacht: see "
						  "https://www.deviantart.com/about/policy/2026 "
						  "(https://x.example/?key=0123456789abcdef)"));
	struct failure why;

	(void)state;
	assert_false(classify_answer(&answer, &why));
	assert_non_null(strstr(why.message, "Urheberrechtsverletzungsverdacht: see "
					    "https://www.deviantart.com/about/policy/2026 "));
	assert_null(strstr(why.message, "0123456789"));
}

static void
nobody_who_wants_to_know_is_fine(void **state)
{
	struct answer answer = answered(ENDPOINT_READ, 500, "");

	(void)state;
	assert_false(classify_answer(&answer, NULL));
}

/* ---- cut answers ---- */

/* No prefix of a good answer is read as success, and none crashes. */
static void
no_truncation_of_an_answer_is_success(void **state)
{
	static const char whole[] = "{\"status\":\"success\",\"itemid\":6311111935494244,"
				    "\"stack\":\"Sta.sh\",\"d\":{\"x\":[1,2,\"\\u00e9\"]}}";
	struct failure why;

	(void)state;
	for (size_t size = 0; size < sizeof(whole) - 1; size++) {
		char *copy = strndup(whole, size); /* its own block: sanitizers see the end */
		struct answer answer;

		assert_non_null(copy);
		answer = answered(ENDPOINT_PUBLISH, 200, copy);
		assert_false(classify_answer(&answer, &why));
		assert_int_equal(why.category, FAILURE_OUTCOME_UNKNOWN);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_holds),
		cmocka_unit_test(nothing_sent_is_an_outage_for_every_endpoint),
		cmocka_unit_test(lost_answer_is_network_error_but_unknown_for_publish),
		cmocka_unit_test(cut_answer_with_429_is_a_throttle_all_the_same),
		cmocka_unit_test(body_larger_than_the_reader_takes_is_unreadable),
		cmocka_unit_test(waits_are_what_the_other_side_asked_for),
		cmocka_unit_test(publish_codes_carry_their_number_and_words_for_people),
		cmocka_unit_test(messages_quote_details_and_clean_them),
		cmocka_unit_test(long_or_broken_words_leave_a_valid_message),
		cmocka_unit_test(tokens_echoed_by_the_token_endpoint_are_not_repeated),
		cmocka_unit_test(long_words_and_links_of_a_refusal_stay_readable),
		cmocka_unit_test(nobody_who_wants_to_know_is_fine),
		cmocka_unit_test(no_truncation_of_an_answer_is_success),
	};

	return cmocka_run_group_tests_name("classify", tests, NULL, NULL);
}
