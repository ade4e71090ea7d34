#ifndef WORKER_HTTP_ANSWER_H
#define WORKER_HTTP_ANSWER_H
/*
 * answer.h - what a request came to, without a judgement.               [worker]
 *
 * Filled where libcurl is; judged by worker/deviantart/classify.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which of DeviantArt's endpoints was asked: the same answer means different things. */
enum endpoint { ENDPOINT_TOKEN, ENDPOINT_SUBMIT, ENDPOINT_PUBLISH, ENDPOINT_READ };

struct answer {
	enum endpoint endpoint;
	bool transport_ok;           /* the transfer ended as HTTP should */
	bool sent;                   /* something of the request left this host (s3-libcurl.md 6) */
	const char *transport_error; /* libcurl's words; used when !transport_ok */
	bool out_of_memory;          /* the transfer ended for want of memory of our own */
	int status;                  /* 0: no status line */
	int64_t retry_after_ms;      /* -1: none; already clamped to 0..24 h */
	const char *content_type;    /* may be NULL; not believed: the body tells what it is */
	const char
		*body; /* NUL-terminated, may hold NULs before size; at most what the reader kept */
	size_t body_size;
	bool body_cut; /* larger than the reader takes */
};

#endif
