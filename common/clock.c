/*
 * clock.c - the two clocks.                                            [every process]
 */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

/* The last millisecond of the year 9999: what RFC 3339 can write. */
#define LAST_WALL_MS INT64_C(253402300799999)

static int64_t
read_ms(clockid_t id)
{
	struct timespec now = {0};

	/* Fails only for an unknown clock, and Linux has had both since 2.6.39. */
	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_mono_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

int64_t
clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

char *
clock_iso(int64_t wall_ms, char out[CLOCK_ISO_SIZE])
{
	struct tm utc = {.tm_year = 70, .tm_mday = 1};
	time_t seconds;

	if (wall_ms < 0)
		wall_ms = 0;
	if (wall_ms > LAST_WALL_MS)
		wall_ms = LAST_WALL_MS;
	seconds = (time_t)(wall_ms / 1000);
	gmtime_r(&seconds, &utc);
	/* The remainders change nothing; they show the compiler that the text fits. */
	snprintf(out, CLOCK_ISO_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		 (utc.tm_year + 1900) % 10000, (utc.tm_mon + 1) % 100, utc.tm_mday % 100,
		 utc.tm_hour % 100, utc.tm_min % 100, utc.tm_sec % 100, (int)(wall_ms % 1000));
	return out;
}
