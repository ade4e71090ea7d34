/*
 * failure.c - filling and naming failures.                             [every process]
 *
 * Whatever goes in, the message that stays is valid UTF-8 and terminated: it goes on to a log line,
 * a row of the API server and a BullMQ job.
 */
#include "common/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/text.h"

static const char *const names[FAILURE_CATEGORY_COUNT] = {
	[FAILURE_NONE] = "NONE",
	[FAILURE_RATE_LIMIT] = "RATE_LIMIT",
	[FAILURE_AUTH_ERROR] = "AUTH_ERROR",
	[FAILURE_TOKEN_EXPIRED] = "TOKEN_EXPIRED",
	[FAILURE_REFRESH_TOKEN_EXPIRED] = "REFRESH_TOKEN_EXPIRED",
	[FAILURE_NETWORK_ERROR] = "NETWORK_ERROR",
	[FAILURE_SERVER_ERROR] = "SERVER_ERROR",
	[FAILURE_QUOTA_EXCEEDED] = "QUOTA_EXCEEDED",
	[FAILURE_VALIDATION_ERROR] = "VALIDATION_ERROR",
	[FAILURE_UNKNOWN] = "UNKNOWN",
	[FAILURE_AWAY] = "AWAY",
	[FAILURE_OPERATOR] = "OPERATOR",
	[FAILURE_LOST] = "LOST",
	[FAILURE_STOPPED] = "STOPPED",
	[FAILURE_OUTCOME_UNKNOWN] = "OUTCOME_UNKNOWN",
};

/*
 * The text is composed aside, twice as long as what is kept: an argument may point into the very
 * message that is replaced, and a repaired byte takes more room than a broken one.
 */
#define SCRATCH_SIZE (2 * FAILURE_MESSAGE_SIZE)

__attribute__((format(printf, 2, 0))) static void
compose(char scratch[SCRATCH_SIZE], const char *format, va_list args)
{
	if (vsnprintf(scratch, SCRATCH_SIZE, format, args) < 0)
		text_copy(scratch, SCRATCH_SIZE, format);
}

/* The parentheses keep the macros of the header out of the two definitions. */
bool(failure_set)(struct failure *why, enum failure_category category, const char *format, ...)
{
	char scratch[SCRATCH_SIZE];
	int saved_errno = errno;
	va_list args;

	if (why == NULL)
		return false;
	va_start(args, format);
	compose(scratch, format, args);
	va_end(args);
	why->category = category;
	why->gate = FAILURE_GATE_NONE;
	why->absent = FAILURE_ABSENT_SERVER;
	why->is_setting = why->outage = false;
	why->http_status = 0;
	why->error_code = -1;
	why->wait_ms = -1;
	text_copy(why->message, sizeof(why->message), scratch);
	errno = saved_errno;
	return false;
}

bool(failure_prefix)(struct failure *why, const char *format, ...)
{
	char scratch[SCRATCH_SIZE], whole[2 * SCRATCH_SIZE];
	int saved_errno = errno;
	va_list args;

	if (why == NULL)
		return false;
	va_start(args, format);
	compose(scratch, format, args);
	va_end(args);
	snprintf(whole, sizeof(whole), "%s%s", scratch, why->message);
	text_copy(why->message, sizeof(why->message), whole);
	errno = saved_errno;
	return false;
}

const char *
failure_category_name(enum failure_category category)
{
	unsigned int index = (unsigned int)category;

	return index < FAILURE_CATEGORY_COUNT ? names[index] : names[FAILURE_UNKNOWN];
}
