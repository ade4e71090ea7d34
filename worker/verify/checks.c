/*
 * checks.c - the list of all that can be found wrong.                 [verify command]
 */
#include "worker/verify/checks.h"

/* clang-format off */
static const struct check_info table[CHECK_COUNT] = {
	[CHECK_NO_JOB]			= {"I1", "no-job", "deviation"},
	[CHECK_NO_REASON]		= {"I1", "no-reason", "deviation"},
	[CHECK_NO_LINK]			= {"I1", "no-link", "deviation"},
	[CHECK_DEAD_LOCK]		= {"I1", "dead-lock", "deviation"},
	[CHECK_JOURNAL_DIFFERS]		= {"I2", "journal-differs", "deviation"},
	[CHECK_SHARED_ITEM]		= {"I2", "shared-item", "item"},
	[CHECK_SHARED_POST]		= {"I2", "shared-post", "post"},
	[CHECK_TWICE_PUBLISHED]		= {"I2", "twice-published", "deviation"},
	[CHECK_TWICE_PUBLISHED_ITEM]	= {"I2", "twice-published-item", "item"},
	[CHECK_NOT_PUBLIC]		= {"I2", "not-public", "deviation"},
	[CHECK_PUBLIC]			= {"I2", "public", "deviation"},
	[CHECK_OTHER_POST]		= {"I2", "other-post", "deviation"},
	[CHECK_STRAY_POST]		= {"I2", "stray-post", "item"},
	[CHECK_NOT_COUNTED]		= {"I4", "not-counted", "deviation"},
	[CHECK_SOLD_TWICE]		= {"I4", "sold-twice", "deviation"},
	[CHECK_PRESENTED_TWICE]		= {"I5", "presented-twice", "user"},
	[CHECK_LOST_TOKEN]		= {"I5", "lost-token", "user"},
	[CHECK_PARKED_PAIR]		= {"I5", "parked-pair", "user"},
	[CHECK_STALE_LEASE]		= {"I5", "stale-lease", "user"},
	[CHECK_BURNED_ATTEMPT]		= {"I6", "burned-attempt", "deviation"},
	[CHECK_EARLY]			= {"I7", "early", "deviation"},
	[CHECK_LATE_JOB]		= {"I7", "late-job", "deviation"},
	[CHECK_TOO_FAST]		= {"I8", "too-fast", "user"},
	[CHECK_TOO_SOON]		= {"I8", "too-soon", "user"},
	[CHECK_TWO_PLACES]		= {"I9", "two-places", "job"},
	[CHECK_NO_PLACE]		= {"I9", "no-place", "job"},
	[CHECK_NO_HASH]			= {"I9", "no-hash", "job"},
	[CHECK_NO_LOCK]			= {"I9", "no-lock", "job"},
	[CHECK_STRAY_LOCK]		= {"I9", "stray-lock", "job"},
	[CHECK_STRAY_STALLED]		= {"I9", "stray-stalled", "job"},
	[CHECK_ENDED_OPENLY]		= {"I9", "ended-openly", "job"},
	[CHECK_BAD_SCORE]		= {"I9", "bad-score", "job"},
	[CHECK_BAD_TYPE]		= {"I9", "bad-type", "key"},
	[CHECK_BAD_EVENT]		= {"I9", "bad-event", "event"},
	[CHECK_NO_MARKER]		= {"I9", "no-marker", "queue"},
	[CHECK_DANGLING_DEDUP]		= {"I9", "dangling-dedup", "key"},
	[CHECK_STUCK_PARENT]		= {"I9", "stuck-parent", "job"},
	[CHECK_NO_TTL]			= {"I11", "no-ttl", "key"},
	[CHECK_IDLE_SESSION]		= {"I11", "idle-session", "session"},
	[CHECK_ADVISORY_LOCK]		= {"I11", "advisory-lock", "session"},
	[CHECK_SECRET_IN_ROW]		= {"I12", "secret", "deviation"},
	[CHECK_SECRET_IN_JOURNAL]	= {"I12", "secret", "deviation"},
	[CHECK_SECRET_IN_TRAIL]		= {"I12", "secret", "step"},
	[CHECK_SECRET_IN_JOB]		= {"I12", "secret", "job"},
	[CHECK_UNTRUE_READY]		= {"I13", "untrue", "probe"},
};
/* clang-format on */

const struct check_info *
check_info(enum check check)
{
	return &table[check];
}
