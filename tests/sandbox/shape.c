/*
 * shape.c - what a fault, or a setting, makes of an answer.            [sandbox]
 */
#include "tests/sandbox/shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/faults.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/settings.h"

#define MEGABYTE 1048576

/* Where nothing worked but something like a success is to be cut or slowed. */
static const char plausible[] = "{\"status\":\"success\",\"itemid\":1234567890123456,\"stack\":"
				"\"Sta.sh\",\"stackid\":1234567890123457,\"deviationid\":"
				"\"00000000-0000-0000-0000-000000000000\"}";

static void
replace(struct answer *answer, const struct fault *fault, int status, const char *type,
	const char *text)
{
	int chosen = fault->status != 0 ? (int)fault->status : status;

	answer_fini(answer);
	answer_text(answer, chosen, type, fault->body != NULL ? fault->body : text);
}

static const char *
type_of_body(const struct fault *fault)
{
	const char *body = fault->body != NULL ? fault->body : "{";

	if (body[0] == '{' || body[0] == '[')
		return "application/json";
	if (strncasecmp(body, "<!doctype", 9) == 0 || strncasecmp(body, "<html", 5) == 0)
		return "text/html";
	return body[0] == '<' ? "application/xml" : "text/plain";
}

/* As many NUL bytes as are wanted, from a file without content: nothing of it is held in memory. */
static void
fill_with_nothing(struct answer *answer, int64_t bytes)
{
	int file = memfd_create("sandbox-garbage", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, bytes) != 0) {
		fprintf(stderr, "deviantart-sandbox: memfd: %s\n", strerror(errno));
		exit(EX_OSERR);
	}
	answer_fini(answer);
	answer_init(answer, 200);
	http_headers_add(&answer->headers, "Content-Type", "application/json");
	answer->file = file;
	answer->length = answer->send_length = (uint64_t)bytes;
}

static void
set_headers(struct answer *answer, const struct fault *fault)
{
	if (fault->headers.count > 0 && http_headers_get(&fault->headers, "Content-Type") != NULL) {
		/* The rule's own type stands in for ours. */
		http_headers_free(&answer->headers);
	}
	for (size_t i = 0; i < fault->headers.count; i++)
		http_headers_add(&answer->headers, fault->headers.list[i].name,
				 fault->headers.list[i].value);
}

/* Actions that speak for themselves, whatever the endpoint said. */
static void
speak(struct answer *answer, const struct fault *fault)
{
	switch (fault->action) {
	case FAULT_STATUS:
		replace(answer, fault, 200, type_of_body(fault), "");
		break;
	case FAULT_EMPTY:
		replace(answer, fault, 200, "application/json", "                    ");
		break;
	case FAULT_GARBAGE:
		replace(answer, fault, 200, "application/json",
			"{\"status\":\"succ<html>Oops! \xff\xfe}] not JSON");
		break;
	case FAULT_HTML_403:
		answer_fini(answer);
		answer_cdn_block(answer);
		break;
	case FAULT_PUBLISHED_500:
		replace(answer, fault, 500, "application/json",
			"{\"error\":\"server_error\",\"error_description\":\"Internal Server "
			"Error.\",\"status\":\"error\"}");
		break;
	case FAULT_BOMB:
		answer_fini(answer);
		answer_bomb(answer, fault->bytes > 0 ? (size_t)(fault->bytes / MEGABYTE) : 64);
		break;
	case FAULT_RESET_BEFORE:
	case FAULT_RESET_MIDDLE:
	case FAULT_RESET_AFTER:
	case FAULT_CLOSE:
	case FAULT_HANG:
	case FAULT_STALL:
	case FAULT_DEAF:
	case FAULT_DEAF_AFTER:
	case FAULT_TRUNCATE:
	case FAULT_TRUNCATE_HEADERS:
	case FAULT_SLOW:
	case FAULT_DELAY:
	case FAULT_ACTION_COUNT:
		break;
	}
}

void
shape_by_fault(struct answer *answer, const struct fault *fault, bool worked)
{
	if (!worked)
		replace(answer, fault, 200, "application/json", plausible);
	speak(answer, fault);
	if (fault->action == FAULT_GARBAGE && fault->bytes > 0)
		fill_with_nothing(answer, fault->bytes);
	set_headers(answer, fault);
	if (fault->action == FAULT_TRUNCATE)
		answer->send_length = answer->length / 2;
	if (fault->action == FAULT_TRUNCATE_HEADERS)
		answer->cut_headers = true;
	if (fault->action == FAULT_SLOW) {
		answer->slice_bytes = fault->bytes > 0 ? (size_t)fault->bytes : 1;
		answer->slice_ms = fault->every_ms > 0 ? (int)fault->every_ms : 100;
	}
}

void
shape_by_settings(struct answer *answer, const struct settings *settings, bool takes_gzip)
{
	bool cut = answer->send_length < answer->length;

	if (answer->body == NULL || answer->length == 0)
		return;
	if (!cut)
		answer_pad(answer, (size_t)settings->padding);
	if (!cut && settings->gzip && takes_gzip)
		answer_compress(answer);
	answer->chunked = settings->chunked;
}
