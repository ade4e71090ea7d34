#ifndef COMMON_FAILURE_H
#define COMMON_FAILURE_H
/*
 * failure.h - the one failure type.                                    [every process]
 *
 * A failure is filled where it happens (a socket, an HTTP answer, a SQLSTATE) and decided on once,
 * at the end of the job (worker/retry.h). Nothing between the two interprets it; it is passed up as
 * it is.
 */
#include <stdbool.h>
#include <stdint.h>

enum failure_category {
	FAILURE_NONE,
	/* The categories of contract.md "Failures", named so in logs, metrics and the journal. */
	FAILURE_RATE_LIMIT,
	FAILURE_AUTH_ERROR,
	FAILURE_TOKEN_EXPIRED,
	FAILURE_REFRESH_TOKEN_EXPIRED,
	FAILURE_NETWORK_ERROR,
	FAILURE_SERVER_ERROR,
	FAILURE_QUOTA_EXCEEDED,
	FAILURE_VALIDATION_ERROR,
	FAILURE_UNKNOWN,
	/* Nobody's failure: the job waits or goes back, and no attempt is burned. */
	FAILURE_AWAY,     /* Redis, PostgreSQL or the storage is not there, or refuses work */
	FAILURE_OPERATOR, /* invalid_client: only the operator can mend it */
	FAILURE_LOST,     /* the lease or the execution lock is no longer ours: change nothing */
	FAILURE_STOPPED,  /* the process was asked to stop, or the job's time is over */
	FAILURE_OUTCOME_UNKNOWN, /* stash/publish was sent, what became of it is not known */
	FAILURE_CATEGORY_COUNT
};

/* Whose gate a RATE_LIMIT closes (deviantart-api.md 8.3). */
enum failure_gate { FAILURE_GATE_NONE, FAILURE_GATE_USER, FAILURE_GATE_APPLICATION };

/* What is AWAY: Redis, PostgreSQL or our memory; the storage; a token that another worker fetches.
 */
enum failure_absent { FAILURE_ABSENT_SERVER, FAILURE_ABSENT_STORAGE, FAILURE_ABSENT_TOKEN };

#define FAILURE_MESSAGE_SIZE 480

struct failure {
	enum failure_category category;
	enum failure_gate gate;
	enum failure_absent absent;
	bool is_setting; /* AWAY because of a setting that only the operator can mend */
	bool outage;     /* nothing was sent, or 503: waiting burns no attempt */
	int http_status; /* 0: there was no answer */
	int error_code;  /* DeviantArt's endpoint-specific number; -1: none */
	int64_t wait_ms; /* what the other side asked for; -1: nothing */
	char message[FAILURE_MESSAGE_SIZE]; /* for people; never holds a secret; valid UTF-8, cut if
					       long */
};

/*
 * Fills *why with a category and a printf-style message; every other member is set to its "none".
 * `why` may be NULL where the caller does not want to know. Always returns false, so that a
 * function can end with `return failure_set(why, ...)`.
 */
bool failure_set(struct failure *why, enum failure_category category, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts a context ("stash/submit: ") in front of the message that *why already has. Returns false.
 */
bool failure_prefix(struct failure *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Compilers and the analyzer see no further than a file, and would wonder what became of an output
 * after a `return failure_set(...)` that might be true. So they are told that it is not.
 */
static inline bool
failure_false(bool always)
{
	(void)always;
	return false;
}
#define failure_set(...)    failure_false(failure_set(__VA_ARGS__))
#define failure_prefix(...) failure_false(failure_prefix(__VA_ARGS__))

/* "RATE_LIMIT" ...; a static string, never NULL, also for numbers out of range ("UNKNOWN"). */
const char *failure_category_name(enum failure_category category);

#endif
