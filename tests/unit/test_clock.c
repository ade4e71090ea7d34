/*
 * clock.c: two clocks and one way to write the time of day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "common/clock.h"

static void
iso_is_utc_with_milliseconds(void **state)
{
	char out[CLOCK_ISO_SIZE];

	(void)state;
	assert_string_equal(clock_iso(0, out), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_iso(INT64_C(1765238400007), out), "2025-12-09T00:00:00.007Z");
	assert_string_equal(clock_iso(INT64_C(1709251199999), out), "2024-02-29T23:59:59.999Z");
}

static void
iso_of_an_absurd_time_stays_a_time(void **state)
{
	char out[CLOCK_ISO_SIZE];

	(void)state;
	assert_string_equal(clock_iso(-1, out), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_iso(INT64_MIN, out), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_iso(INT64_MAX, out), "9999-12-31T23:59:59.999Z");
}

static void
mono_counts_with_boottime_and_never_back(void **state)
{
	struct timespec boot;
	int64_t first = clock_mono_ms(), second;

	(void)state;
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &boot), 0);
	second = clock_mono_ms();
	assert_true(first <= (int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000);
	assert_true(second >= (int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000);
}

static void
wall_is_unix_time(void **state)
{
	time_t before = time(NULL);
	int64_t now = clock_wall_ms();

	(void)state;
	/* time() may read a coarser clock, which runs up to a tick behind. */
	assert_true(now >= (int64_t)before * 1000);
	assert_true(now < ((int64_t)time(NULL) + 2) * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iso_is_utc_with_milliseconds),
		cmocka_unit_test(iso_of_an_absurd_time_stays_a_time),
		cmocka_unit_test(mono_counts_with_boottime_and_never_back),
		cmocka_unit_test(wall_is_unix_time),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
