/*
 * status_duration.c - how long something takes, for people.            [status command, supervisor]
 */
#include "health/status_duration.h"

#include <inttypes.h>
#include <stdio.h>

const char *
status_duration(int64_t ms, char out[STATUS_DURATION_SIZE])
{
	int64_t s = ms > 0 ? ms / 1000 : 0;

	if (s < 10)
		(void)snprintf(out, STATUS_DURATION_SIZE, "%" PRId64 ".%" PRId64 " s", s,
			       ms > 0 ? ms % 1000 / 100 : 0);
	else if (s < 60)
		(void)snprintf(out, STATUS_DURATION_SIZE, "%" PRId64 " s", s);
	else if (s < 3600)
		(void)snprintf(out, STATUS_DURATION_SIZE, "%" PRId64 " min %" PRId64 " s", s / 60,
			       s % 60);
	else if (s < 86400)
		(void)snprintf(out, STATUS_DURATION_SIZE, "%" PRId64 " h %" PRId64 " min", s / 3600,
			       s % 3600 / 60);
	else
		(void)snprintf(out, STATUS_DURATION_SIZE, "%" PRId64 " d %" PRId64 " h", s / 86400,
			       s % 86400 / 3600);
	return out;
}
