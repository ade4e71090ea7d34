#ifndef COMMON_SCOREBOARD_FAILURES_H
#define COMMON_SCOREBOARD_FAILURES_H
/*
 * scoreboard_failures.h - the latest failures of jobs, for people.      [every process]
 *
 * A bounded memory for the status page: what is lost here is still in the log, in the row and in
 * the job. What ends a post and what makes it wait are kept apart, so that a storm of refusals
 * does not push out the post that is lost.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/scoreboard.h"

/* Kept of each outcome. */
#define SCOREBOARD_FAILURES 16

enum failure_outcome {
	FAILURE_ENDED_JOB,   /* failed for good */
	FAILURE_DELAYED_JOB, /* an attempt failed and is made again, or the job waits */
	FAILURE_OUTCOME_COUNT
};

/* Told by any process. Texts may be of any length, and are cut; NULL counts as "". */
struct scoreboard_news {
	enum failure_outcome outcome;
	enum failure_category category;
	int attempt, max_attempts; /* of the job */
	int64_t wait_ms;           /* until it is tried again; 0 where it ended */
	const char *id, *deviation_id;
	const char *title, *user; /* only where HEALTH_CHECK_DETAILS asks for them */
	const char *reason;       /* no secrets */
};
void scoreboard_tell_failure(struct scoreboard *board, const struct scoreboard_news *news);

struct scoreboard_failure {
	enum failure_outcome outcome;
	enum failure_category category;
	int attempt, max_attempts;
	int64_t wait_ms, at_wall_ms;
	char id[SCOREBOARD_ID_SIZE], deviation_id[SCOREBOARD_ID_SIZE];
	char title[SCOREBOARD_TITLE_SIZE], user[SCOREBOARD_NAME_SIZE]; /* "" = not told */
	char reason[SCOREBOARD_TEXT_SIZE];
};
/*
 * The failures of that outcome, the latest first, into `out` (SCOREBOARD_FAILURES of them). Returns
 * how many there are. One that is being told in this very moment, or whose teller died at it, is
 * left out.
 */
int scoreboard_failures(const struct scoreboard *board, enum failure_outcome outcome,
			struct scoreboard_failure out[SCOREBOARD_FAILURES]);

#endif
