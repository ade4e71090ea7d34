/*
 * s3_answers.c - the XML in which storage refuses.                     [sandbox]
 */
#include "tests/sandbox/s3_answers.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/sigv4.h"

static void
add_escaped(struct buffer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '<')
			(void)buffer_add_text(out, "&lt;");
		else if (c == '>')
			(void)buffer_add_text(out, "&gt;");
		else if (c == '&')
			(void)buffer_add_text(out, "&amp;");
		else if (c < 0x20 && c != '\n' && c != '\t')
			(void)buffer_add_text(out, "?"); /* XML 1.0 has no way to write it */
		else
			(void)buffer_add(out, text, 1);
	}
}

static void
add_element(struct buffer *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	(void)buffer_add_format(out, "<%s>", name);
	add_escaped(out, text);
	(void)buffer_add_format(out, "</%s>", name);
}

static void
begin(struct buffer *out, const struct call *call, const char *code, const char *message)
{
	buffer_init(out, SIZE_MAX / 2);
	(void)buffer_add_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
	add_element(out, "Code", code);
	add_element(out, "Message", message);
	add_element(out, "Resource", call->path);
	(void)buffer_add_format(out, "<RequestId>%016" PRIX64 "</RequestId>", (uint64_t)call->id);
}

static void
finish(struct buffer *out, const struct call *call, int status, const char *code,
       struct answer *answer)
{
	char *id = memory_format("%016" PRIX64, (uint64_t)call->id);
	char *reason = memory_format("s3:%s", code);
	size_t length;

	(void)buffer_add_text(out, "</Error>\n");
	length = out->length;
	answer_init(answer, status);
	answer_take_body(answer, "application/xml", buffer_take(out), length);
	http_headers_add(&answer->headers, "x-amz-request-id", id);
	ledger_count_refused(call->sandbox->ledger, reason);
	buffer_free(out);
	free(reason);
	free(id);
}

void
s3_answer_error(struct answer *answer, const struct call *call, int status, const char *code,
		const char *message)
{
	struct buffer out;

	begin(&out, call, code, message);
	finish(&out, call, status, code, answer);
}

static const struct {
	enum sigv4_result result;
	int status;
	const char *code;
} refusals[] = {
	{SIGV4_ABSENT, 403, "AccessDenied"},
	{SIGV4_MALFORMED, 400, "AuthorizationHeaderMalformed"},
	{SIGV4_UNKNOWN_KEY, 403, "InvalidAccessKeyId"},
	{SIGV4_NO_HASH, 400, "InvalidRequest"},
	{SIGV4_BAD_HASH, 400, "InvalidArgument"},
	{SIGV4_UNSIGNED, 403, "AccessDenied"},
	{SIGV4_BAD_DATE, 403, "AccessDenied"},
	{SIGV4_SKEWED, 403, "RequestTimeTooSkewed"},
	{SIGV4_MISMATCH, 403, "SignatureDoesNotMatch"},
};

void
s3_answer_refusal(struct answer *answer, const struct call *call,
		  const struct sigv4_verdict *verdict, const char *region)
{
	const char *code = "AccessDenied";
	struct buffer out;
	int status = 403;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].result == verdict->result) {
			status = refusals[i].status;
			code = refusals[i].code;
		}
	begin(&out, call, code, verdict->detail);
	if (verdict->result == SIGV4_MALFORMED)
		add_element(&out, "Region", region);
	add_element(&out, "StringToSign", verdict->string_to_sign);
	add_element(&out, "CanonicalRequest", verdict->canonical_request);
	finish(&out, call, status, code, answer);
}
