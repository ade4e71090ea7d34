/*
 * tests/sandbox/sigv4.c: agrees with the examples that AWS publishes for S3 ("Signature
 * Calculations for the Authorization Header", 24 May 2013), and with what curl 7.88.1 sends;
 * refuses all else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/http_request.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sigv4.h"
#include "tests/sandbox/sigv4_sign.h"

#define SECRET     "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MAY_2013   INT64_C(1369353600) /* 20130524T000000Z */

#define AUTHORIZATION(signed_headers, signature)                                                   \
	"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"   \
	"aws4_request,SignedHeaders=" signed_headers ",Signature=" signature "\r\n"
#define HOST "Host: examplebucket.s3.amazonaws.com\r\n"
#define DATE "x-amz-date: 20130524T000000Z\r\n"
#define HASH "x-amz-content-sha256: " EMPTY_HASH "\r\n"

#define GET_OBJECT_SIGNATURE "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
#define GET_OBJECT_SIGNED    "host;range;x-amz-content-sha256;x-amz-date"
#define GET_OBJECT(extra)                                                                          \
	"GET /test.txt HTTP/1.1\r\n" HOST "Range: bytes=0-9\r\n" HASH DATE AUTHORIZATION(          \
		GET_OBJECT_SIGNED, GET_OBJECT_SIGNATURE) extra "\r\n"

static const struct sigv4_keys aws_keys = {"AKIAIOSFODNN7EXAMPLE", SECRET, "us-east-1", "s3"};

static void
verify(const char *text, const struct sigv4_keys *keys, int64_t now_s,
       struct sigv4_verdict *verdict)
{
	struct http_parser parser;
	struct http_slice body;
	enum http_event event;

	http_parser_init(&parser);
	(void)http_parser_read(&parser, text, strlen(text), &event, &body);
	assert_int_equal(event, HTTP_EVENT_HEADERS);
	sigv4_verify(&parser.request, keys, now_s, verdict);
	http_parser_fini(&parser);
}

static enum sigv4_result
result_of(const char *text, const struct sigv4_keys *keys, int64_t now_s)
{
	struct sigv4_verdict verdict;
	enum sigv4_result result;

	verify(text, keys, now_s, &verdict);
	result = verdict.result;
	assert_int_equal(verdict.detail[0] == '\0', result == SIGV4_GOOD);
	sigv4_verdict_fini(&verdict);
	return result;
}

static void
published_get_object_verifies(void **state)
{
	struct sigv4_verdict verdict;

	(void)state;
	verify(GET_OBJECT(""), &aws_keys, MAY_2013, &verdict);
	assert_int_equal(verdict.result, SIGV4_GOOD);
	assert_string_equal(verdict.canonical_request,
			    "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\n"
			    "range:bytes=0-9\nx-amz-content-sha256:" EMPTY_HASH "\n"
			    "x-amz-date:20130524T000000Z\n\n" GET_OBJECT_SIGNED "\n" EMPTY_HASH);
	assert_string_equal(verdict.string_to_sign,
			    "AWS4-HMAC-SHA256\n20130524T000000Z\n"
			    "20130524/us-east-1/s3/aws4_request\n"
			    "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972");
	sigv4_verdict_fini(&verdict);
}

static void
published_put_object_verifies(void **state)
{
	(void)state;
	assert_int_equal(
		result_of("PUT /test%24file.text HTTP/1.1\r\n" HOST
			  "Date: Fri, 24 May 2013 00:00:00 GMT\r\n" DATE
			  "x-amz-storage-class: REDUCED_REDUNDANCY\r\n"
			  "x-amz-content-sha256: "
			  "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\r"
			  "\n" AUTHORIZATION(
				  "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
				  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108b"
				  "d") "\r\n",
			  &aws_keys, MAY_2013),
		SIGV4_GOOD);
}

static void
published_query_without_value_verifies(void **state)
{
	(void)state;
	assert_int_equal(result_of("GET /?lifecycle HTTP/1.1\r\n" HOST DATE HASH AUTHORIZATION(
					   "host;x-amz-content-sha256;x-amz-date",
					   "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0"
					   "136783543") "\r\n",
				   &aws_keys, MAY_2013),
			 SIGV4_GOOD);
}

static void
published_query_verifies_in_any_order(void **state)
{
#define LIST_OBJECTS(query)                                                                        \
	"GET /?" query " HTTP/1.1\r\n" HOST DATE HASH AUTHORIZATION(                               \
		"host;x-amz-content-sha256;x-amz-date",                                            \
		"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7") "\r\n"
	(void)state;
	assert_int_equal(result_of(LIST_OBJECTS("max-keys=2&prefix=J"), &aws_keys, MAY_2013),
			 SIGV4_GOOD);
	assert_int_equal(result_of(LIST_OBJECTS("prefix=J&max-keys=2"), &aws_keys, MAY_2013),
			 SIGV4_GOOD);
	assert_int_equal(result_of(LIST_OBJECTS("prefix=K&max-keys=2"), &aws_keys, MAY_2013),
			 SIGV4_MISMATCH);
#undef LIST_OBJECTS
}

/* Recorded from: curl --aws-sigv4 aws:amz:auto:s3 -u ... */
#define CURL_REQUEST(path)                                                                         \
	"GET " path " HTTP/1.1\r\nHost: 127.0.0.1:39123\r\n"                                       \
	"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261125/auto/s3/"        \
	"aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "  \
	"Signature=4346044d2a87abdd976261fab26065823feec78622e892c6a3813b445969d684\r\n"           \
	"X-Amz-Date: 20261125T035527Z\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n"               \
	"x-amz-content-sha256: UNSIGNED-PAYLOAD\r\nx-amz-security-token: a  b\r\n\r\n"

static void
request_of_curl_verifies_only_as_it_was_signed(void **state)
{
	static const struct sigv4_keys keys = {"AKIAIOSFODNN7EXAMPLE", SECRET, "auto", "s3"};
	static const int64_t then_s = INT64_C(1795578927); /* 20261125T035527Z */

	(void)state;
	assert_int_equal(result_of(CURL_REQUEST("/art/sp%20ace%3D%C3%BC.png?a=1%2F&list-type=2"),
				   &keys, then_s),
			 SIGV4_GOOD);
	assert_int_equal(result_of(CURL_REQUEST("/art/sp%20ace%3D%C3%BD.png?a=1%2F&list-type=2"),
				   &keys, then_s),
			 SIGV4_MISMATCH);
	assert_int_equal(result_of(CURL_REQUEST("/art/sp%20ace%3D%C3%BC.png"), &keys, then_s),
			 SIGV4_MISMATCH);
}

static void
wrong_secret_does_not_match(void **state)
{
	struct sigv4_keys keys = aws_keys;

	(void)state;
	keys.secret_key = "another";
	assert_int_equal(result_of(GET_OBJECT(""), &keys, MAY_2013), SIGV4_MISMATCH);
}

static void
unknown_key_and_region_are_told_apart(void **state)
{
	struct sigv4_keys keys = aws_keys;

	(void)state;
	keys.access_key = "AKIAOTHER";
	assert_int_equal(result_of(GET_OBJECT(""), &keys, MAY_2013), SIGV4_UNKNOWN_KEY);
	keys = aws_keys;
	keys.region = "eu-west-1";
	assert_int_equal(result_of(GET_OBJECT(""), &keys, MAY_2013), SIGV4_MALFORMED);
}

static void
clock_may_be_a_quarter_of_an_hour_off_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(result_of(GET_OBJECT(""), &aws_keys, MAY_2013 + 900), SIGV4_GOOD);
	assert_int_equal(result_of(GET_OBJECT(""), &aws_keys, MAY_2013 - 900), SIGV4_GOOD);
	assert_int_equal(result_of(GET_OBJECT(""), &aws_keys, MAY_2013 + 901), SIGV4_SKEWED);
	assert_int_equal(result_of(GET_OBJECT(""), &aws_keys, MAY_2013 - 901), SIGV4_SKEWED);
}

static void
amazon_headers_must_be_signed(void **state)
{
	(void)state;
	assert_int_equal(result_of(GET_OBJECT("User-Agent: free\r\n"), &aws_keys, MAY_2013),
			 SIGV4_GOOD);
	assert_int_equal(result_of(GET_OBJECT("X-Amz-Meta-A: 1\r\n"), &aws_keys, MAY_2013),
			 SIGV4_UNSIGNED);
}

static void
signed_headers_must_be_there(void **state)
{
	(void)state;
	assert_int_equal(result_of("GET /test.txt HTTP/1.1\r\n" HOST HASH DATE AUTHORIZATION(
					   GET_OBJECT_SIGNED, GET_OBJECT_SIGNATURE) "\r\n",
				   &aws_keys, MAY_2013),
			 SIGV4_UNSIGNED);
	assert_int_equal(
		result_of("GET /test.txt HTTP/1.1\r\n" HOST HASH DATE AUTHORIZATION(
				  "x-amz-content-sha256;x-amz-date", GET_OBJECT_SIGNATURE) "\r\n",
			  &aws_keys, MAY_2013),
		SIGV4_UNSIGNED);
}

static void
requests_that_lack_something_are_refused_for_it(void **state)
{
	static const struct {
		const char *request;
		enum sigv4_result result;
	} cases[] = {
		{"GET / HTTP/1.1\r\n" HOST HASH DATE "\r\n", SIGV4_ABSENT},
		{"GET / HTTP/1.1\r\n" HOST HASH DATE "Authorization: Bearer x\r\n\r\n",
		 SIGV4_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST HASH DATE "Authorization: AWS4-HMAC-SHA256 \r\n\r\n",
		 SIGV4_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST HASH DATE
		 "Authorization: AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, "
		 "Signature=0\r\n\r\n",
		 SIGV4_MALFORMED},
		{"GET / HTTP/1.1\r\n" HOST HASH AUTHORIZATION("host", "0") "\r\n", SIGV4_BAD_DATE},
		{"GET / HTTP/1.1\r\n" HOST HASH
		 "x-amz-date: 20130524T000000X\r\n" AUTHORIZATION("host", "0") "\r\n",
		 SIGV4_BAD_DATE},
		{"GET / HTTP/1.1\r\n" HOST DATE AUTHORIZATION("host", "0") "\r\n", SIGV4_NO_HASH},
		{"GET / HTTP/1.1\r\n" HOST DATE
		 "x-amz-content-sha256: e3b0\r\n" AUTHORIZATION("host", "0") "\r\n",
		 SIGV4_BAD_HASH},
		{"GET / HTTP/1.1\r\n" HOST HASH
		 "x-amz-date: 20130525T000000Z\r\n" AUTHORIZATION("host", "0") "\r\n",
		 SIGV4_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(result_of(cases[i].request, &aws_keys, MAY_2013), cases[i].result);
}

static char *
canonical(const char *request_line, const char *headers, const char *signed_headers)
{
	char *text = memory_format("%s HTTP/1.1\r\n%s\r\n", request_line, headers);
	struct http_parser parser;
	struct http_slice body;
	enum http_event event;
	char *result;

	http_parser_init(&parser);
	(void)http_parser_read(&parser, text, strlen(text), &event, &body);
	assert_int_equal(event, HTTP_EVENT_HEADERS);
	result = sigv4_canonical_request(&parser.request, signed_headers, "H");
	http_parser_fini(&parser);
	free(text);
	return result;
}

static void
canonical_form_encodes_path_and_query_and_folds_blanks(void **state)
{
	char *text = canonical(
		"GET /a/b=(c)%7e%41%2f?z=1+2&a&b=%2f&a=", "Host:  x   y \r\nHOST: z\r\n", "host");

	(void)state;
	assert_string_equal(text,
			    "GET\n/a/b%3D%28c%29~A/\na=&a=&b=%2F&z=1%2B2\nhost:x y,z\n\nhost\nH");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_get_object_verifies),
		cmocka_unit_test(published_put_object_verifies),
		cmocka_unit_test(published_query_without_value_verifies),
		cmocka_unit_test(published_query_verifies_in_any_order),
		cmocka_unit_test(request_of_curl_verifies_only_as_it_was_signed),
		cmocka_unit_test(wrong_secret_does_not_match),
		cmocka_unit_test(unknown_key_and_region_are_told_apart),
		cmocka_unit_test(clock_may_be_a_quarter_of_an_hour_off_and_no_more),
		cmocka_unit_test(amazon_headers_must_be_signed),
		cmocka_unit_test(signed_headers_must_be_there),
		cmocka_unit_test(requests_that_lack_something_are_refused_for_it),
		cmocka_unit_test(canonical_form_encodes_path_and_query_and_folds_blanks),
	};

	return cmocka_run_group_tests_name("sandbox sigv4", tests, NULL, NULL);
}
