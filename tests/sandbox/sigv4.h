#ifndef SANDBOX_SIGV4_H
#define SANDBOX_SIGV4_H
/*
 * sigv4.h - checks the AWS signature (version 4) of a request's headers, as S3 does. [sandbox]
 *
 * Source: AWS, "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)".
 */
#include <stdint.h>

struct http_request;

struct sigv4_keys {
	const char *access_key;
	const char *secret_key;
	const char *region;
	const char *service; /* "s3" */
};

enum sigv4_result {
	SIGV4_GOOD,
	SIGV4_ABSENT,      /* no Authorization, or another scheme: AccessDenied */
	SIGV4_MALFORMED,   /* AuthorizationHeaderMalformed; the scope's region too */
	SIGV4_UNKNOWN_KEY, /* InvalidAccessKeyId */
	SIGV4_NO_HASH,     /* x-amz-content-sha256 is missing: InvalidRequest */
	SIGV4_BAD_HASH,    /* it is neither 64 hex digits nor UNSIGNED-PAYLOAD: InvalidArgument */
	SIGV4_UNSIGNED,    /* a header that must be signed is not: AccessDenied */
	SIGV4_BAD_DATE,    /* none, or not the scope's: AccessDenied */
	SIGV4_SKEWED,      /* more than 15 min off: RequestTimeTooSkewed */
	SIGV4_MISMATCH,    /* SignatureDoesNotMatch */
};

struct sigv4_verdict {
	enum sigv4_result result;
	const char *detail;      /* static; what exactly is wrong */
	char *canonical_request; /* of a signature that was computed; else NULL */
	char *string_to_sign;
};

/* Frees the texts with sigv4_verdict_fini(). now_s: seconds since 1970. */
void sigv4_verify(const struct http_request *request, const struct sigv4_keys *keys, int64_t now_s,
		  struct sigv4_verdict *verdict);
void sigv4_verdict_fini(struct sigv4_verdict *verdict);

#endif
