#ifndef WORKER_CLASSIFY_H
#define WORKER_CLASSIFY_H
/*
 * classify.h - the one pure function that maps what was seen to a failure.   [worker]
 *
 * contract.md "Failures", first two columns; deviantart-api.md 8 and 11 (order of evaluation:
 * nothing sent; HTML or non-JSON; error_code of the endpoint; `error`; status). What happens then
 * is retry.h's table. No I/O here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"

enum endpoint { ENDPOINT_TOKEN, ENDPOINT_SUBMIT, ENDPOINT_PUBLISH, ENDPOINT_READ };

/* The CDN's block was seen to be over after 5 minutes, not after 3 (deviantart-api.md 8.1). */
#define CLASSIFY_BLOCK_WAIT_MS (5 * 60 * 1000)

/* What a request to DeviantArt came to, without a judgement. */
struct answer {
	enum endpoint endpoint;
	bool transport_ok;           /* the transfer ended as HTTP should */
	bool sent;                   /* something of the request left this host (s3-libcurl.md 6) */
	const char *transport_error; /* libcurl's words; used when !transport_ok */
	int status;                  /* 0: no status line */
	int64_t retry_after_ms;      /* -1: none; already clamped to 0..24 h */
	const char *content_type;    /* may be NULL; not believed: the body tells what it is */
	const char
		*body; /* NUL-terminated, may hold NULs before size; at most what the reader kept */
	size_t body_size;
	bool body_cut; /* larger than the reader takes */
};

/*
 * True: the answer says success (2xx, a JSON object, "status" is "success"; for reads and tokens
 * "status" may be absent when there is no "error" either). False: *why is filled with category,
 * gate, outage, http_status, error_code, wait and a message that quotes DeviantArt (cleaned, cut;
 * error_details included; from the token endpoint without anything long enough to be a token).
 *
 * A throttle is believed from its status or its `error` alone, also when the answer was cut: it
 * says that nothing was done. Everything else that was cut, is not a JSON object or is larger than
 * the reader takes is "unreadable".
 */
bool classify_answer(const struct answer *answer, struct failure *why);

#endif
