/*
 * storage_refusal.c - what the storage's errors mean.                  [worker]
 *
 * s3-libcurl.md 4. Only a storage that says clearly that the object is missing (NoSuchKey) fails a
 * post: any other 404 may come from whatever else listens at a wrong endpoint, for every file.
 * Wrong settings and load are nobody's failure (contract.md), and "access denied" may well be about
 * a file that is there.
 */
#include "worker/http/storage.h"

#include <string.h>

#include "worker/http/utf8.h"

enum meaning { MISSING, BAD_KEY, SETTING, LOAD };

static const struct refusal {
	const char *code;
	enum meaning meaning;
	const char *advice; /* SETTING: what to check */
} refusals[] = {
	{"NoSuchKey", MISSING, NULL},
	{"KeyTooLongError", BAD_KEY, NULL},
	{"InvalidObjectName", BAD_KEY, NULL},
	{"InvalidURI", BAD_KEY, NULL},
	{"AccessDenied", SETTING,
	 "check what S3_ACCESS_KEY_ID may read in S3_BUCKET_NAME, and S3_ENDPOINT"},
	{"AllAccessDisabled", SETTING, "check S3_BUCKET_NAME"},
	{"AccountProblem", SETTING, "check the account behind S3_ACCESS_KEY_ID"},
	{"SignatureDoesNotMatch", SETTING, "check S3_SECRET_ACCESS_KEY"},
	{"InvalidAccessKeyId", SETTING, "check S3_ACCESS_KEY_ID"},
	{"InvalidArgument", SETTING, "check S3_ACCESS_KEY_ID and S3_REGION"},
	{"Unauthorized", SETTING, "check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"},
	{"ExpiredToken", SETTING, "check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"},
	{"ExpiredRequest", SETTING, "check this machine's clock"},
	{"RequestTimeTooSkewed", SETTING, "check this machine's clock"},
	{"NoSuchBucket", SETTING, "check S3_BUCKET_NAME and S3_ENDPOINT"},
	{"InvalidBucketName", SETTING, "check S3_BUCKET_NAME"},
	{"AuthorizationHeaderMalformed", SETTING, "check S3_REGION"},
	{"PermanentRedirect", SETTING, "check S3_REGION and S3_ENDPOINT"},
	{"TemporaryRedirect", SETTING, "check S3_REGION and S3_ENDPOINT"},
	{"SlowDown", LOAD, NULL},
	{"TooManyRequests", LOAD, NULL},
	{"ServiceUnavailable", LOAD, NULL},
	{"InternalError", LOAD, NULL},
	{"RequestTimeout", LOAD, NULL},
};

static const struct refusal unknown_setting = {
	"", SETTING, "check S3_ENDPOINT, S3_BUCKET_NAME and S3_FORCE_PATH_STYLE"};
static const struct refusal unknown_load = {"", LOAD, NULL};

/* The text of the first <Code> element; codes are plain words. "" when there is none. */
static void
find_code(const char *body, size_t size, char *code, size_t code_size)
{
	static const char open[] = "<Code>";
	const char *at = size > 0 ? memmem(body, size, open, sizeof(open) - 1) : NULL;
	size_t length = 0;

	if (at != NULL) {
		at += sizeof(open) - 1;
		while (at + length < body + size && at[length] != '<')
			length++;
	}
	if (at == NULL || at + length == body + size)
		length = 0;
	utf8_line(code, code_size, at != NULL ? at : "", length);
}

static const struct refusal *
find_refusal(int http_status, const char *code)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (strcmp(code, refusals[i].code) == 0)
			return &refusals[i];
	return http_status >= 500 || http_status == 429 || http_status == 408 ? &unknown_load
									      : &unknown_setting;
}

bool
storage_refusal(int http_status, const char *body, size_t body_size, const char *shown_name,
		struct failure *why)
{
	const struct refusal *refusal;
	char code[64];

	find_code(body, body_size, code, sizeof(code));
	refusal = find_refusal(http_status, code);
	switch (refusal->meaning) {
	case MISSING:
		failure_set(why, FAILURE_VALIDATION_ERROR,
			    "the file \"%s\" is no longer in the storage", shown_name);
		break;
	case BAD_KEY:
		failure_set(why, FAILURE_VALIDATION_ERROR,
			    "the storage cannot have a file under the key of \"%s\" (%s)",
			    shown_name, code);
		break;
	case SETTING:
		failure_set(why, FAILURE_AWAY, "the storage refuses us (HTTP %d%s%s): %s",
			    http_status, code[0] != '\0' ? ", " : "", code, refusal->advice);
		break;
	case LOAD:
		failure_set(why, FAILURE_AWAY, "the storage is overloaded or broken (HTTP %d%s%s)",
			    http_status, code[0] != '\0' ? ", " : "", code);
		break;
	}
	if (why != NULL) {
		why->http_status = http_status;
		why->is_setting = refusal->meaning == SETTING;
	}
	return false;
}
