#ifndef SANDBOX_SIGV4_SIGN_H
#define SANDBOX_SIGV4_SIGN_H
/*
 * sigv4_sign.h - the calculations of the AWS signature (version 4).    [sandbox]
 *
 * Source: AWS, "Signature Calculations for the Authorization Header: Transferring Payload in a
 * Single Chunk (AWS Signature Version 4)".
 */
#include <stdbool.h>

struct http_request;

/*
 * `signed_headers` is "host;range;...". The path is decoded and encoded again: what a client left
 * raw or encoded needlessly does not verify, as at S3. Free with free().
 */
char *sigv4_canonical_request(const struct http_request *request, const char *signed_headers,
			      const char *payload_hash);

/* amz_date: "20130524T000000Z"; scope: "20130524/us-east-1/s3/aws4_request". Free with free(). */
char *sigv4_string_to_sign(const char *canonical_request, const char *amz_date, const char *scope);

/* 64 hex digits and NUL. */
void sigv4_signature(const char *secret_key, const char *scope, const char *string_to_sign,
		     char signature[65]);

/* Calls visit() with each name of "a;b;c"; stops, and returns false, when it does. */
bool sigv4_each_name(const char *signed_headers, bool (*visit)(const char *name, void *context),
		     void *context);

#endif
