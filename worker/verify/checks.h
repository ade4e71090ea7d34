#ifndef WORKER_VERIFY_CHECKS_H
#define WORKER_VERIFY_CHECKS_H
/*
 * checks.h - the list of all that can be found wrong, and who looks for it.   [verify command]
 */

/* Who finds it, and looks again. */
enum examiner {
	EXAMINER_JOBS,    /* the publisher's queue */
	EXAMINER_CLEANUP, /* the queue storage-cleanup */
	EXAMINER_KEYS,    /* keys of ours in Redis */
	EXAMINER_ROWS,
	EXAMINER_JOURNAL,
	EXAMINER_TRAIL,
	EXAMINER_TOKENS,
	EXAMINER_SESSIONS,
	EXAMINER_LEDGER,
	EXAMINER_READY,
	EXAMINER_COUNT
};

enum check {
	/* I1: none vanishes */
	CHECK_NO_JOB,
	CHECK_NO_REASON,
	CHECK_NO_LINK,
	CHECK_DEAD_LOCK,
	/* I2: nothing twice, nothing unsaid */
	CHECK_JOURNAL_DIFFERS,
	CHECK_SHARED_ITEM,
	CHECK_SHARED_POST,
	CHECK_TWICE_PUBLISHED,
	CHECK_TWICE_PUBLISHED_ITEM,
	CHECK_NOT_PUBLIC,
	CHECK_PUBLIC,
	CHECK_OTHER_POST,
	CHECK_STRAY_POST,
	/* I4 */
	CHECK_NOT_COUNTED,
	CHECK_SOLD_TWICE,
	/* I5 */
	CHECK_PRESENTED_TWICE,
	CHECK_LOST_TOKEN,
	CHECK_PARKED_PAIR,
	CHECK_STALE_LEASE,
	/* I6, I7, I8 */
	CHECK_BURNED_ATTEMPT,
	CHECK_EARLY,
	CHECK_LATE_JOB,
	CHECK_TOO_FAST,
	CHECK_TOO_SOON,
	/* I9: of a queue; the second set is that of storage-cleanup */
	CHECK_TWO_PLACES,
	CHECK_NO_PLACE,
	CHECK_NO_HASH,
	CHECK_NO_LOCK,
	CHECK_STRAY_LOCK,
	CHECK_STRAY_STALLED,
	CHECK_ENDED_OPENLY,
	CHECK_BAD_SCORE,
	CHECK_BAD_TYPE,
	CHECK_BAD_EVENT,
	CHECK_NO_MARKER,
	CHECK_DANGLING_DEDUP,
	CHECK_STUCK_PARENT,
	/* I11 */
	CHECK_NO_TTL,
	CHECK_IDLE_SESSION,
	CHECK_ADVISORY_LOCK,
	/* I12 */
	CHECK_SECRET_IN_ROW,
	CHECK_SECRET_IN_JOURNAL,
	CHECK_SECRET_IN_TRAIL,
	CHECK_SECRET_IN_JOB,
	/* I13 */
	CHECK_UNTRUE_READY,
	CHECK_COUNT
};

struct check_info {
	const char *invariant; /* "I9" */
	const char *name;      /* "two-places" */
	const char *subject;   /* what the id is one of: "job" */
};

/* Of every check below CHECK_COUNT. */
const struct check_info *check_info(enum check check);

#endif
