/*
 * test_guard.c - who may look into our memory follows the log level, there and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/prctl.h>

#include "supervisor/guard.h"

static void
debug_alone_allows_cores_and_what_follows_takes_them_back(void **state)
{
	(void)state;
	guard_memory();
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	guard_follow(LOG_INFO);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	for (int reload = 0; reload < 2; reload++) {
		guard_follow(LOG_DEBUG);
		assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
		guard_follow(LOG_WARN);
		assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(debug_alone_allows_cores_and_what_follows_takes_them_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
