/*
 * http_answer.c - how an answer becomes bytes.                         [sandbox]
 */
#include "tests/sandbox/http_answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#define PIECE_MAX 65536

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{413, "Content Too Large"},
	{416, "Range Not Satisfiable"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

static const char *
reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Answer";
}

void
answer_fini(struct answer *answer)
{
	http_headers_free(&answer->headers);
	free(answer->body);
	if (answer->file >= 0)
		(void)close(answer->file);
	answer_init(answer, 0);
}

void
answer_take_body(struct answer *answer, const char *type, char *body, size_t length)
{
	free(answer->body);
	answer->body = body;
	answer->length = answer->send_length = length;
	if (type != NULL)
		http_headers_add(&answer->headers, "Content-Type", type);
}

bool
answer_is_cut(const struct answer *answer)
{
	return answer->cut_headers || answer->send_length < answer->length;
}

/* RFC 9110 6.4.1: these have no body, nor a length of one. */
static bool
has_no_body(int status)
{
	return status == 204 || status == 304 || status < 200;
}

void
answer_write_headers(const struct answer *answer, bool cut, struct evbuffer *out)
{
	struct evbuffer *section = evbuffer_new();
	const struct http_headers *headers = &answer->headers;
	size_t length;

	(void)evbuffer_add_printf(section, "HTTP/1.1 %d %s\r\nServer: deviantart-sandbox\r\n",
				  answer->status, reason_of(answer->status));
	for (size_t i = 0; i < headers->count; i++)
		(void)evbuffer_add_printf(section, "%s: %s\r\n", headers->list[i].name,
					  headers->list[i].value);
	if (answer->chunked)
		(void)evbuffer_add_printf(section, "Transfer-Encoding: chunked\r\n");
	else if (!has_no_body(answer->status))
		(void)evbuffer_add_printf(section, "Content-Length: %" PRIu64 "\r\n",
					  answer->length);
	if (answer->close)
		(void)evbuffer_add_printf(section, "Connection: close\r\n");
	(void)evbuffer_add(section, "\r\n", 2);
	length = evbuffer_get_length(section);
	if (cut) /* in the middle of a line, after the status line */
		length = length > 60 ? 60 : length / 2;
	(void)evbuffer_remove_buffer(section, out, length);
	evbuffer_free(section);
}

void
answer_begin(const struct answer *answer, struct answer_cursor *cursor, bool head,
	     struct evbuffer *out)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->head = head;
	cursor->ended = head || answer->cut_headers || has_no_body(answer->status);
	answer_write_headers(answer, answer->cut_headers, out);
}

static bool
write_piece(const struct answer *answer, uint64_t offset, size_t length, struct evbuffer *out)
{
	char piece[PIECE_MAX];
	ssize_t got;

	if (answer->file < 0)
		return evbuffer_add(out, answer->body + offset, length) == 0;
	got = pread(answer->file, piece, length, (off_t)(answer->file_offset + offset));
	return got == (ssize_t)length && evbuffer_add(out, piece, length) == 0;
}

bool
answer_write(const struct answer *answer, struct answer_cursor *cursor, struct evbuffer *out)
{
	uint64_t left = answer->send_length - cursor->sent;
	size_t piece = answer->slice_bytes > 0 && answer->slice_bytes < PIECE_MAX
			       ? answer->slice_bytes
			       : PIECE_MAX;

	if (piece > left)
		piece = (size_t)left;
	if (piece > 0) {
		if (answer->chunked)
			(void)evbuffer_add_printf(out, "%zx\r\n", piece);
		if (!write_piece(answer, cursor->sent, piece, out))
			return false;
		if (answer->chunked)
			(void)evbuffer_add(out, "\r\n", 2);
	}
	cursor->sent += piece;
	if (cursor->sent < answer->send_length)
		return true;
	cursor->ended = true;
	if (answer->chunked && !answer_is_cut(answer))
		(void)evbuffer_add(out, "0\r\n\r\n", 5);
	return true;
}
