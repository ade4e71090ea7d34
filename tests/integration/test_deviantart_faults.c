/*
 * deviantart*.c, storage.c, upload.c against build/deviantart-sandbox, limited or broken: every
 * kind of failure of contract.md "Failures" is provoked here once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/sandbox_bench.h"

static struct sandbox_bench *const bench = &sandbox_bench;

/* ---- limits ---- */

static void
limits_close_the_right_gate(void **state)
{
	struct deviantart_gallery_post posts[24];
	struct failure why;
	size_t count;
	bool more;

	(void)state;
	sandbox_bench_tell("settings",
			   "{\"user_limit\":1,\"user_limit_window_ms\":60000,\"retry_after_s\":7}");
	assert_true(deviantart_gallery(bench->da, "A1", 0, NULL, posts, &count, &more, &why));
	assert_false(deviantart_gallery(bench->da, "A1", 0, NULL, posts, &count, &more, &why));
	assert_int_equal(why.category, FAILURE_RATE_LIMIT);
	assert_int_equal(why.gate, FAILURE_GATE_USER);
	assert_int_equal(why.wait_ms, 7000);
	sandbox_bench_tell("settings",
			   "{\"user_limit\":0,\"application_limit\":1,\"retry_after_s\":-1,"
			   "\"application_limit_window_ms\":60000}");
	(void)deviantart_gallery(bench->da, "A1", 0, NULL, posts, &count, &more, &why);
	assert_false(deviantart_gallery(bench->da, "A1", 0, NULL, posts, &count, &more, &why));
	assert_int_equal(why.category, FAILURE_RATE_LIMIT);
	assert_int_equal(why.gate, FAILURE_GATE_APPLICATION);
	assert_int_equal(why.wait_ms, -1);
}

/* ---- faults on the way ---- */

static const struct fault_case {
	const char *rule; /* without its match */
	enum failure_category submit, publish, token;
	bool outage; /* where it is a SERVER_ERROR */
} fault_cases[] = {
	{"\"action\":\"reset_before\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"reset_after\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"close\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"truncate\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"truncate_headers\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"empty\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"garbage\"", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"garbage\",\"bytes\":5000", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"bomb\",\"bytes\":50000000", FAILURE_NETWORK_ERROR, FAILURE_OUTCOME_UNKNOWN,
	 FAILURE_NETWORK_ERROR, false},
	{"\"action\":\"html_403\"", FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT,
	 false},
	{"\"action\":\"status\",\"status\":403", FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT,
	 FAILURE_RATE_LIMIT, false},
	{"\"action\":\"status\",\"status\":429", FAILURE_RATE_LIMIT, FAILURE_RATE_LIMIT,
	 FAILURE_RATE_LIMIT, false},
	{"\"action\":\"status\",\"status\":503,\"body\":\"<html>maintenance</html>\"",
	 FAILURE_SERVER_ERROR, FAILURE_OUTCOME_UNKNOWN, FAILURE_SERVER_ERROR, true},
	{"\"action\":\"status\",\"status\":500,\"body\":{\"status\":\"error\",\"error\":"
	 "\"server_error\"}",
	 FAILURE_SERVER_ERROR, FAILURE_OUTCOME_UNKNOWN, FAILURE_SERVER_ERROR, false},
	{"\"action\":\"status\",\"status\":504,\"body\":\"<html>timeout</html>\"",
	 FAILURE_SERVER_ERROR, FAILURE_OUTCOME_UNKNOWN, FAILURE_SERVER_ERROR, false},
	{"\"action\":\"status\",\"status\":400,\"body\":{\"status\":\"error\",\"error\":"
	 "\"invalid_request\",\"error_description\":\"Your Sta.sh quota is used up\"}",
	 FAILURE_QUOTA_EXCEEDED, FAILURE_QUOTA_EXCEEDED, FAILURE_QUOTA_EXCEEDED, false},
	{"\"action\":\"status\",\"status\":403,\"body\":{\"status\":\"error\",\"error\":\"no\"}",
	 FAILURE_AUTH_ERROR, FAILURE_AUTH_ERROR, FAILURE_AUTH_ERROR, false},
	{"\"action\":\"status\",\"status\":418,\"body\":{\"status\":\"error\",\"error\":\"no\"}",
	 FAILURE_UNKNOWN, FAILURE_UNKNOWN, FAILURE_UNKNOWN, false},
};

static void
check_fault(const struct fault_case *fault, const char *endpoint, enum failure_category wanted,
	    const struct failure *why)
{
	if (why->category != wanted ||
	    why->outage != (fault->outage && wanted == FAILURE_SERVER_ERROR))
		fail_msg("%s, %s: is %s (%s), should be %s", endpoint, fault->rule,
			 failure_category_name(why->category), why->message,
			 failure_category_name(wanted));
}

static void
set_fault(const char *endpoint, const char *rule)
{
	char body[512];

	snprintf(body, sizeof(body), "{\"match\":{\"endpoint\":\"%s\"},\"count\":1,%s}", endpoint,
		 rule);
	sandbox_bench_tell("faults", body);
}

static void
every_fault_is_what_contract_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
		const struct fault_case *fault = &fault_cases[i];
		struct failure why = {.category = FAILURE_NONE};
		char item[DEVIANTART_ITEM_SIZE];
		struct deviantart_tokens tokens = {0};

		sandbox_bench_tell("reset", "{}");
		sandbox_bench_tell("users", "[{\"username\":\"alice\",\"access_token\":\"A1\","
					    "\"refresh_token\":\"R1\"}]");
		sandbox_bench_submit_plain(item);
		set_fault("publish", fault->rule);
		assert_false(sandbox_bench_publish(item, &why));
		check_fault(fault, "publish", fault->publish, &why);
		set_fault("submit", fault->rule);
		http_rest(bench->http); /* on a used connection libcurl may try again, which is fine
					 */
		assert_false(sandbox_bench_submit(&sandbox_bench_plain, &sandbox_bench_small_file,
						  NULL, item, &why));
		check_fault(fault, "submit", fault->submit, &why);
		set_fault("token", fault->rule);
		assert_false(deviantart_refresh(bench->da, "R1", NULL, &tokens, &why));
		check_fault(fault, "token", fault->token, &why);
	}
}

static void
slow_answers_are_waited_for(void **state)
{
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	sandbox_bench_submit_plain(item);
	set_fault("publish", "\"action\":\"slow\",\"bytes\":20,\"every_ms\":50");
	if (!sandbox_bench_publish(item, &why))
		fail_msg("%s", why.message);
}

static void
reset_in_mid_upload_leaves_no_item(void **state)
{
	struct deviantart_file file = {.storage_key = "big.png",
				       .mime_type = "image/png",
				       .original_filename = "big.png",
				       .size_bytes = SANDBOX_BENCH_BIG_SIZE};
	char item[DEVIANTART_ITEM_SIZE], *summary;
	struct failure why;

	(void)state;
	set_fault("submit", "\"action\":\"reset_middle\"");
	assert_false(sandbox_bench_submit(&sandbox_bench_plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_NETWORK_ERROR);
	summary = sandbox_bench_control("ledger/summary", NULL);
	assert_non_null(strstr(summary, "\"items\":0"));
	free(summary);
	assert_true(sandbox_bench_submit(&sandbox_bench_plain, &file, NULL, item, &why));
}

/* ---- the storage ---- */

static char no_bucket[] = "nowhere";

static void
storage_is_asked_first_and_names_what_to_mend(void **state)
{
	struct deviantart_file file = sandbox_bench_small_file;
	char item[DEVIANTART_ITEM_SIZE], *summary;
	char *right_id = bench->config.s3_access_key_id,
	     *right_secret = bench->config.s3_secret_access_key;
	struct failure why;

	(void)state;
	file.storage_key = "missing.png";
	assert_false(sandbox_bench_submit(&sandbox_bench_plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_non_null(strstr(why.message, "\"night.png\" is no longer in the storage"));
	file.storage_key = "short.png";
	assert_false(sandbox_bench_submit(&sandbox_bench_plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_non_null(strstr(why.message, "999"));
	file.storage_key = "a/../" SANDBOX_BENCH_STRANGE_KEY;
	assert_false(sandbox_bench_submit(&sandbox_bench_plain, &file, NULL, item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);

	bench->config.s3_secret_access_key = sandbox_bench_wrong_secret;
	assert_false(sandbox_bench_submit(&sandbox_bench_plain, &sandbox_bench_small_file, NULL,
					  item, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "S3_SECRET_ACCESS_KEY"));
	assert_null(strstr(why.message, sandbox_bench_wrong_secret));
	bench->config.s3_secret_access_key = right_secret;
	bench->config.s3_access_key_id = sandbox_bench_wrong_secret;
	assert_false(sandbox_bench_submit(&sandbox_bench_plain, &sandbox_bench_small_file, NULL,
					  item, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "S3_ACCESS_KEY_ID"));
	bench->config.s3_access_key_id = right_id;
	bench->config.s3_bucket = no_bucket;
	assert_false(sandbox_bench_submit(&sandbox_bench_plain, &sandbox_bench_small_file, NULL,
					  item, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "S3_BUCKET_NAME"));
	summary = sandbox_bench_control("ledger/summary", NULL);
	assert_non_null(strstr(summary, "\"submits\":0"));
	assert_null(strstr(summary, "\"submit\":{"));
	free(summary);
}

static void
storage_faults_are_nobodys_failure(void **state)
{
	static const char *const rules[] = {
		"\"action\":\"reset_before\"",
		"\"action\":\"close\"",
		"\"action\":\"truncate\"",
		"\"action\":\"status\",\"status\":503,\"body\":\"<Code>SlowDown</Code>\"",
		"\"action\":\"status\",\"status\":500",
		"\"action\":\"status\",\"status\":403"};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char item[DEVIANTART_ITEM_SIZE], *summary;
		struct failure why;

		set_fault("s3", rules[i]);
		if (sandbox_bench_submit(&sandbox_bench_plain, &sandbox_bench_small_file, NULL,
					 item, &why) ||
		    why.category != FAILURE_AWAY)
			fail_msg("%s: %s", rules[i], why.message);
		summary = sandbox_bench_control("ledger/summary", NULL);
		assert_non_null(strstr(summary, "\"items\":0"));
		free(summary);
	}
}

#define test(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, sandbox_bench_open, sandbox_bench_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(limits_close_the_right_gate),
		test(every_fault_is_what_contract_says),
		test(slow_answers_are_waited_for),
		test(reset_in_mid_upload_leaves_no_item),
		test(storage_is_asked_first_and_names_what_to_mend),
		test(storage_faults_are_nobodys_failure),
	};

	return cmocka_run_group_tests_name("deviantart_faults", tests, sandbox_bench_start,
					   sandbox_bench_stop);
}
