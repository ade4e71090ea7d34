#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H
/*
 * clock.h - the two clocks.                                            [every process]
 *
 * Deadlines, leases and durations use clock_mono_ms(), which counts through suspend and never
 * jumps; wall time is only for people, for BullMQ's fields where Redis' own TIME is not at hand,
 * and for HTTP.
 */
#include <stddef.h>
#include <stdint.h>

/* CLOCK_BOOTTIME in ms: the same for every process of this boot, so it may be compared across them.
 */
int64_t clock_mono_ms(void);

/* Unix time in ms. */
int64_t clock_wall_ms(void);

#define CLOCK_ISO_SIZE 32

/* "2025-12-09T00:00:00.000Z" (RFC 3339, UTC, ms) into out. Returns out. */
char *clock_iso(int64_t wall_ms, char out[CLOCK_ISO_SIZE]);

#endif
