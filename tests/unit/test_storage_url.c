/*
 * storage.c, storage_refusal.c: the URL that is signed, and what the storage's errors mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/http/storage.h"

static char *
words(const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	return copy;
}

static struct config *
settings(const char *endpoint, const char *region, const char *bucket, bool path_style)
{
	struct config *config = calloc(1, sizeof(*config));

	assert_non_null(config);
	config->s3_endpoint = words(endpoint);
	config->s3_region = words(region);
	config->s3_bucket = words(bucket);
	config->s3_force_path_style = path_style;
	return config;
}

static void
settings_free(struct config *config)
{
	free(config->s3_endpoint);
	free(config->s3_region);
	free(config->s3_bucket);
	free(config);
}

static void
check_url(struct config *config, const char *key, const char *expected)
{
	struct storage *storage = storage_new(config);
	struct failure why = {.category = FAILURE_NONE};
	char *url = NULL;
	bool ok;

	assert_non_null(storage);
	ok = storage_url(storage, key, &url, &why);
	if (expected != NULL) {
		if (!ok)
			fail_msg("%s: %s", key, why.message);
		assert_string_equal(url, expected);
	} else {
		assert_false(ok);
		assert_null(url);
		assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	}
	free(url);
	storage_free(storage);
	settings_free(config);
}

static void
style_follows_settings_and_host(void **state)
{
	(void)state;
	check_url(settings("http://minio:9000", "us-east-1", "art", true), "a/b.png",
		  "http://minio:9000/art/a/b.png");
	check_url(settings("https://acc.r2.cloudflarestorage.com", "auto", "art", false), "a/b.png",
		  "https://art.acc.r2.cloudflarestorage.com/a/b.png");
	check_url(settings("https://acc.r2.cloudflarestorage.com", "auto", "art", true), "a/b.png",
		  "https://acc.r2.cloudflarestorage.com/art/a/b.png");
	check_url(settings("https://s3.example:8443/base", "auto", "art", false), "k",
		  "https://art.s3.example:8443/base/k");
	check_url(settings("http://127.0.0.1:9000", "auto", "art", false), "k",
		  "http://127.0.0.1:9000/art/k");
	check_url(settings("http://[::1]:9000", "auto", "art", false), "k",
		  "http://[::1]:9000/art/k");
}

static void
dots_in_a_bucket_need_path_style_over_tls(void **state)
{
	(void)state;
	check_url(settings("https://s3.example", "auto", "my.art", false), "k",
		  "https://s3.example/my.art/k");
	check_url(settings("http://s3.example", "auto", "my.art", false), "k",
		  "http://my.art.s3.example/k");
	check_url(settings("https://s3.example", "auto", "my_art", false), "k",
		  "https://s3.example/my_art/k");
}

static void
no_endpoint_is_aws_by_region(void **state)
{
	(void)state;
	check_url(settings("", "eu-central-1", "art", false), "a/b.png",
		  "https://art.s3.eu-central-1.amazonaws.com/a/b.png");
	check_url(settings("", "eu-central-1", "art", true), "a/b.png",
		  "https://s3.eu-central-1.amazonaws.com/art/a/b.png");
	check_url(settings("", "cn-north-1", "art", false), "k",
		  "https://art.s3.cn-north-1.amazonaws.com.cn/k");
}

static void
check_key(const char *key, const char *encoded)
{
	char expected[4096];

	snprintf(expected, sizeof(expected), "http://h/b/%s", encoded != NULL ? encoded : "");
	check_url(settings("http://h", "auto", "b", true), key, encoded != NULL ? expected : NULL);
}

static void
keys_are_encoded_in_the_one_form_that_is_signed_right(void **state)
{
	char every_byte[256], encoded[3 * 256];
	size_t used = 0;

	(void)state;
	check_key("u ser/p=(1)+@,;:&$!*'.png",
		  "u%20ser/p%3D%281%29%2B%40%2C%3B%3A%26%24%21%2A%27.png");
	check_key("caf\xC3\xA9/\xE2\x82\xAC~-_.", "caf%C3%A9/%E2%82%AC~-_.");
	check_key("50%25?a#b", "50%2525%3Fa%23b");
	check_key("a//b", "a//b");
	check_key("a/.hidden/..b/c..", "a/.hidden/..b/c..");
	for (int byte = 1; byte < 256; byte++) {
		every_byte[byte - 1] = (char)byte;
		if (byte == '/' ||
		    (byte < 128 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					  "0123456789-._~",
					  byte) != NULL))
			encoded[used++] = (char)byte;
		else
			used += (size_t)snprintf(encoded + used, sizeof(encoded) - used, "%%%02X",
						 (unsigned int)byte);
	}
	every_byte[255] = '\0';
	encoded[used] = '\0';
	check_key(every_byte, encoded);
}

static void
keys_that_could_name_another_object_are_refused(void **state)
{
	static const char *const bad[] = {"",     "/a",     ".",     "..",  "./a",    "../a",
					  "a/..", "a/../b", "a/./b", "a/.", "a/b/..", "a/b/."};
	char longest[1026];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_key(bad[i], NULL);
	check_url(settings("http://h", "auto", "b", true), NULL, NULL);
	memset(longest, 'k', 1025);
	longest[1025] = '\0';
	check_key(longest, NULL);
	longest[1024] = '\0';
	check_key(longest, longest);
}

/* ---- errors ---- */

static void
errors_of_the_storage_mean_what_they_say(void **state)
{
	static const struct {
		int status;
		const char *code;
		enum failure_category category;
		const char *words;
	} cases[] = {
		{404, "NoSuchKey", FAILURE_VALIDATION_ERROR,
		 "the file \"cat.png\" is no longer in the storage"},
		{400, "KeyTooLongError", FAILURE_VALIDATION_ERROR, "cat.png"},
		{400, "InvalidObjectName", FAILURE_VALIDATION_ERROR, "cat.png"},
		{403, "AccessDenied", FAILURE_AWAY, "S3_ACCESS_KEY_ID"},
		{403, "SignatureDoesNotMatch", FAILURE_AWAY, "S3_SECRET_ACCESS_KEY"},
		{403, "InvalidAccessKeyId", FAILURE_AWAY, "S3_ACCESS_KEY_ID"},
		{403, "RequestTimeTooSkewed", FAILURE_AWAY, "clock"},
		{401, "Unauthorized", FAILURE_AWAY, "S3_ACCESS_KEY_ID"},
		{404, "NoSuchBucket", FAILURE_AWAY, "S3_BUCKET_NAME"},
		{400, "AuthorizationHeaderMalformed", FAILURE_AWAY, "S3_REGION"},
		{301, "PermanentRedirect", FAILURE_AWAY, "S3_REGION"},
		{307, "TemporaryRedirect", FAILURE_AWAY, "S3_ENDPOINT"},
		{400, "ExpiredToken", FAILURE_AWAY, "S3_"},
		{503, "SlowDown", FAILURE_AWAY, "overloaded"},
		{500, "InternalError", FAILURE_AWAY, "overloaded"},
		{429, "TooManyRequests", FAILURE_AWAY, "overloaded"},
		{503, "NewCode", FAILURE_AWAY, "overloaded"},
		{403, "NewCode", FAILURE_AWAY, "S3_ENDPOINT"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char body[300];
		struct failure why;

		snprintf(body, sizeof(body),
			 "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>secret "
			 "StringToSign</Message></Error>",
			 cases[i].code);
		assert_false(storage_refusal(cases[i].status, body, strlen(body), "cat.png", &why));
		assert_int_equal(why.category, cases[i].category);
		assert_int_equal(why.http_status, cases[i].status);
		assert_non_null(strstr(why.message, cases[i].words));
		assert_null(strstr(why.message, "secret"));
	}
}

static void
errors_without_a_code_are_nobodys_failure(void **state)
{
	static const char *const bodies[] = {"<html>404</html>", "<Code>", "<Code>NoSuchKey",
					     "<Code></Code>", "<Code>NoSuchKeyX</Code>"};
	struct failure why;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_false(storage_refusal(404, bodies[i], strlen(bodies[i]), "x", &why));
		assert_int_equal(why.category, FAILURE_AWAY);
		assert_true(why.is_setting);
	}
	assert_false(storage_refusal(500, NULL, 0, "x", &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_false(why.is_setting);
	assert_false(storage_refusal(404, "", 0, "x", NULL));
}

static void
a_404_without_a_code_is_no_missing_file(void **state)
{
	static const char *const bodies[] = {"", "Not Found", "{\"error\": \"not found\"}"};
	struct failure why;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_false(storage_refusal(404, bodies[i], strlen(bodies[i]), "x.png", &why));
		assert_int_equal(why.category, FAILURE_AWAY);
		assert_true(why.is_setting);
	}
	assert_false(storage_refusal(403, "", 0, "x.png", &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_true(why.is_setting);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(style_follows_settings_and_host),
		cmocka_unit_test(dots_in_a_bucket_need_path_style_over_tls),
		cmocka_unit_test(no_endpoint_is_aws_by_region),
		cmocka_unit_test(keys_are_encoded_in_the_one_form_that_is_signed_right),
		cmocka_unit_test(keys_that_could_name_another_object_are_refused),
		cmocka_unit_test(errors_of_the_storage_mean_what_they_say),
		cmocka_unit_test(errors_without_a_code_are_nobodys_failure),
		cmocka_unit_test(a_404_without_a_code_is_no_missing_file),
	};

	return cmocka_run_group_tests_name("storage_url", tests, NULL, NULL);
}
