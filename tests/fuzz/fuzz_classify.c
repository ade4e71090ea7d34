/*
 * fuzz_classify.c - whatever DeviantArt or the storage answers is a success or a whole failure.
 * [tests]
 *
 * Input: "ENDPOINT STATUS FLAGS RETRY-AFTER-MS" in numbers, "---", the body. Holds: a failure has a
 * category, a message that is one line of UTF-8 and quotes nothing as long as a token, and a wait
 * that makes sense; after stash/publish only a clear no is anything but an outcome that is not
 * known; a success was a 2xx with an object.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "worker/deviantart/answer_json.h"
#include "worker/deviantart/classify.h"
#include "worker/http/storage.h"

enum { TRANSPORT_FAILED = 1, NOT_SENT = 2, BODY_CUT = 4, NO_WORDS = 8 };

/* As DeviantArt's tokens are: longer than any word of a message of ours, of letters and digits. A
 * plain link is none. */
static bool
is_token(const char *word, size_t length)
{
	bool letters = false, digits = false, query = false;

	for (size_t i = 0; i < length; i++) {
		letters = letters || isalpha((unsigned char)word[i]) != 0;
		digits = digits || isdigit((unsigned char)word[i]) != 0;
		query = query || strchr("=?&", word[i]) != NULL;
	}
	return length >= 40 && letters && digits && (query || strncmp(word, "https://", 8) != 0);
}

static bool
has_token(const char *text)
{
	for (size_t length = 0;; text += length) {
		text += strspn(text, " *");
		length = strcspn(text, " *");
		if (length == 0)
			return false;
		if (is_token(text, length))
			return true;
	}
}

static void
check_success(const struct answer *answer)
{
	struct cJSON *json = answer_json_parse(answer->body, answer->body_size);

	FUZZ_CHECK(answer->transport_ok && !answer->body_cut);
	FUZZ_CHECK(answer->status >= 200 && answer->status < 300 && json != NULL);
	answer_json_free(json);
}

static void
check_failure(const struct answer *answer, const struct failure *why)
{
	bool refused = answer->status >= 400 && answer->status < 500;

	fuzz_check_failure(why);
	FUZZ_CHECK(strpbrk(why->message, "\r\n\t\x1b") == NULL && !has_token(why->message));
	FUZZ_CHECK(why->http_status == answer->status);
	FUZZ_CHECK(why->gate == FAILURE_GATE_NONE || why->category == FAILURE_RATE_LIMIT);
	FUZZ_CHECK(!why->outage || why->category == FAILURE_NETWORK_ERROR ||
		   why->category == FAILURE_SERVER_ERROR);
	FUZZ_CHECK(why->category != FAILURE_REFRESH_TOKEN_EXPIRED ||
		   answer->endpoint == ENDPOINT_TOKEN);
	FUZZ_CHECK(why->category != FAILURE_OUTCOME_UNKNOWN ||
		   answer->endpoint == ENDPOINT_PUBLISH);
	if (answer->endpoint != ENDPOINT_PUBLISH || why->category == FAILURE_OUTCOME_UNKNOWN)
		return;
	/* Nothing was sent, or DeviantArt said no: by its status, its `error` or its code. */
	FUZZ_CHECK(why->outage || refused || why->gate != FAILURE_GATE_NONE ||
		   why->error_code >= 0 ||
		   (answer->transport_ok && answer->status < 300 &&
		    strstr(answer->body, "error") != NULL) ||
		   strchr(answer->body, '\\') != NULL);
	FUZZ_CHECK(why->category != FAILURE_SERVER_ERROR);
}

static void
try_storage(const struct answer *answer)
{
	struct failure why;

	FUZZ_CHECK(!storage_refusal(answer->status, answer->body, answer->body_size, "picture.png",
				    &why));
	fuzz_check_failure(&why);
	FUZZ_CHECK(why.http_status == answer->status);
	FUZZ_CHECK(why.category == FAILURE_AWAY || why.category == FAILURE_VALIDATION_ERROR);
	/* Only a storage that says so by its code has lost a file. */
	FUZZ_CHECK(why.category == FAILURE_AWAY ||
		   memmem(answer->body, answer->body_size, "<Code>", 6) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size};
	size_t body_size;
	char *head = fuzz_part(&input, NULL), *body = fuzz_part(&input, &body_size);
	const char *at = head;
	unsigned int endpoint = (unsigned int)fuzz_number(&at) % 4;
	unsigned int status = (unsigned int)fuzz_number(&at) % 1000;
	unsigned int flags = (unsigned int)fuzz_number(&at);
	int64_t retry_after_ms = fuzz_number(&at);
	struct answer answer = {
		.endpoint = (enum endpoint)endpoint,
		.transport_ok = (flags & TRANSPORT_FAILED) == 0,
		.sent = (flags & NOT_SENT) == 0,
		.transport_error = (flags & NO_WORDS) != 0 ? NULL : "Recv failure",
		.status = status >= 100 ? (int)status : 0,
		.retry_after_ms =
			retry_after_ms >= 0 && retry_after_ms <= 86400000 ? retry_after_ms : -1,
		.content_type = "",
		.body = body,
		.body_size = body_size,
		.body_cut = (flags & BODY_CUT) != 0,
	};
	struct failure why;

	if (classify_answer(&answer, &why))
		check_success(&answer);
	else
		check_failure(&answer, &why);
	try_storage(&answer);
	free(head);
	free(body);
	return 0;
}
