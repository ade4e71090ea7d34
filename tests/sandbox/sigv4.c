/*
 * sigv4.c - checks the AWS signature (version 4) of a request's headers. [sandbox]
 */
#include "tests/sandbox/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tests/sandbox/http_request.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sigv4_sign.h"

#define ALGORITHM        "AWS4-HMAC-SHA256"
#define SKEW_MAX_SECONDS 900

/* ---- the Authorization header ---- */

struct authorization {
	char *access_key;
	char *scope; /* date/region/service/aws4_request */
	char *signed_headers;
	char *signature;
};

static void
authorization_fini(struct authorization *parsed)
{
	free(parsed->access_key);
	free(parsed->scope);
	free(parsed->signed_headers);
	free(parsed->signature);
}

static char *
parameter(const char *header, const char *name)
{
	const char *at = strstr(header, name);

	if (at == NULL)
		return NULL;
	at += strlen(name);
	return memory_text_n(at, strcspn(at, ", "));
}

static bool
parse_authorization(const char *header, struct authorization *parsed)
{
	char *credential = parameter(header, "Credential=");
	const char *slash = credential != NULL ? strchr(credential, '/') : NULL;

	parsed->signed_headers = parameter(header, "SignedHeaders=");
	parsed->signature = parameter(header, "Signature=");
	if (slash != NULL) {
		parsed->access_key = memory_text_n(credential, (size_t)(slash - credential));
		parsed->scope = memory_text(slash + 1);
	}
	free(credential);
	return parsed->scope != NULL && parsed->signed_headers != NULL && parsed->signature != NULL;
}

/* ---- the rules ---- */

static bool
is_payload_hash(const char *hash)
{
	if (strcmp(hash, "UNSIGNED-PAYLOAD") == 0)
		return true;
	return strlen(hash) == 64 && strspn(hash, "0123456789abcdef") == 64;
}

/* "20130524T000000Z" as seconds since 1970. */
static bool
parse_date(const char *date, int64_t *seconds)
{
	struct tm broken_down;
	const char *end;

	memset(&broken_down, 0, sizeof(broken_down));
	if (date == NULL || strlen(date) != 16)
		return false;
	end = strptime(date, "%Y%m%dT%H%M%SZ", &broken_down);
	if (end == NULL || *end != '\0')
		return false;
	*seconds = timegm(&broken_down);
	return true;
}

static bool
scope_fits(const struct authorization *parsed, const struct sigv4_keys *keys, const char *date)
{
	char *scope = memory_format("%.8s/%s/%s/aws4_request", date, keys->region, keys->service);
	bool fits = strcmp(scope, parsed->scope) == 0;

	free(scope);
	return fits;
}

static bool
is_signed(const char *signed_headers, const char *name)
{
	size_t length = strlen(name);

	while (*signed_headers != '\0') {
		size_t word = strcspn(signed_headers, ";");

		if (word == length && strncasecmp(signed_headers, name, length) == 0)
			return true;
		signed_headers += word + (signed_headers[word] == ';');
	}
	return false;
}

static bool
is_present(const char *name, void *context)
{
	const struct http_headers *headers = context;

	for (const char *c = name; *c != '\0'; c++)
		if (isupper((unsigned char)*c))
			return false;
	return http_headers_get(headers, name) != NULL;
}

/* host and every x-amz-* must be signed; every signed one must be there. */
static const char *
check_signed_headers(const struct http_request *request, const char *signed_headers)
{
	struct http_headers headers = request->headers;

	if (!is_signed(signed_headers, "host"))
		return "the host header is not signed";
	for (size_t i = 0; i < headers.count; i++)
		if (strncasecmp(headers.list[i].name, "x-amz-", 6) == 0 &&
		    !is_signed(signed_headers, headers.list[i].name))
			return "There were headers present in the request which were not signed";
	if (!sigv4_each_name(signed_headers, is_present, &headers))
		return "a signed header is not in the request, or its name is not in lower case";
	return NULL;
}

static enum sigv4_result
verdict_is(struct sigv4_verdict *verdict, enum sigv4_result result, const char *detail)
{
	verdict->detail = detail;
	return result;
}

static enum sigv4_result
compare_signature(const struct http_request *request, const struct sigv4_keys *keys,
		  const struct authorization *parsed, const char *date, const char *hash,
		  struct sigv4_verdict *verdict)
{
	char expected[65];

	verdict->canonical_request = sigv4_canonical_request(request, parsed->signed_headers, hash);
	verdict->string_to_sign =
		sigv4_string_to_sign(verdict->canonical_request, date, parsed->scope);
	sigv4_signature(keys->secret_key, parsed->scope, verdict->string_to_sign, expected);
	if (strcmp(expected, parsed->signature) == 0)
		return SIGV4_GOOD;
	return verdict_is(verdict, SIGV4_MISMATCH,
			  "The request signature we calculated does not match the signature you "
			  "provided. Check your key and signing method.");
}

static enum sigv4_result
check(const struct http_request *request, const struct sigv4_keys *keys, int64_t now_s,
      struct authorization *parsed, struct sigv4_verdict *verdict)
{
	const char *header = http_headers_get(&request->headers, "Authorization");
	const char *date = http_headers_get(&request->headers, "x-amz-date");
	const char *hash = http_headers_get(&request->headers, "x-amz-content-sha256");
	const char *wrong;
	int64_t signed_s;

	if (header == NULL)
		return verdict_is(verdict, SIGV4_ABSENT, "Access Denied");
	if (strncmp(header, ALGORITHM " ", strlen(ALGORITHM) + 1) != 0 ||
	    !parse_authorization(header, parsed))
		return verdict_is(verdict, SIGV4_MALFORMED,
				  "The authorization header that you provided is not valid.");
	if (!parse_date(date, &signed_s))
		return verdict_is(verdict, SIGV4_BAD_DATE,
				  "AWS authentication requires a valid x-amz-date header");
	if (strcmp(parsed->access_key, keys->access_key) != 0)
		return verdict_is(verdict, SIGV4_UNKNOWN_KEY,
				  "The AWS Access Key Id you provided does not exist in our "
				  "records.");
	if (!scope_fits(parsed, keys, date))
		return verdict_is(verdict, SIGV4_MALFORMED,
				  "The authorization header is malformed; the date, region or "
				  "service of its credential is wrong");
	if (hash == NULL)
		return verdict_is(verdict, SIGV4_NO_HASH,
				  "Missing required header for this request: x-amz-content-sha256");
	if (!is_payload_hash(hash))
		return verdict_is(verdict, SIGV4_BAD_HASH,
				  "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 "
				  "value.");
	wrong = check_signed_headers(request, parsed->signed_headers);
	if (wrong != NULL)
		return verdict_is(verdict, SIGV4_UNSIGNED, wrong);
	if (signed_s < now_s - SKEW_MAX_SECONDS || signed_s > now_s + SKEW_MAX_SECONDS)
		return verdict_is(verdict, SIGV4_SKEWED,
				  "The difference between the request time and the current time is "
				  "too large.");
	return compare_signature(request, keys, parsed, date, hash, verdict);
}

void
sigv4_verify(const struct http_request *request, const struct sigv4_keys *keys, int64_t now_s,
	     struct sigv4_verdict *verdict)
{
	struct authorization parsed = {NULL, NULL, NULL, NULL};

	memset(verdict, 0, sizeof(*verdict));
	verdict->detail = "";
	verdict->result = check(request, keys, now_s, &parsed, verdict);
	authorization_fini(&parsed);
}

void
sigv4_verdict_fini(struct sigv4_verdict *verdict)
{
	free(verdict->canonical_request);
	free(verdict->string_to_sign);
	memset(verdict, 0, sizeof(*verdict));
}
