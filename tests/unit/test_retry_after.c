/*
 * http.c: how long a Retry-After asks us to wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>

#include "worker/http/http.h"

static void
retry_after_is_read_and_clamped(void **state)
{
	static const int64_t now_ms = 1700000000000; /* Tue, 14 Nov 2023 22:13:20 GMT */
	static const struct {
		const char *value;
		int64_t wait_ms;
	} cases[] = {
		{"120", 120000},
		{" 5 ", 5000},
		{"0", 0},
		{"-5", 0},
		{"1.5", 1500},
		{"86400", 86400000},
		{"86401", 86400000},
		{"99999999999999999999999999", 86400000},
		{"Tue, 14 Nov 2023 22:13:50 GMT", 30000},
		{"Tuesday, 14-Nov-23 22:13:50 GMT", 30000},
		{"Tue Nov 14 22:13:50 2023", 30000},
		{"Tue, 14 Nov 2023 22:13:10 GMT", 0},
		{"Fri, 31 Dec 2049 23:59:59 GMT", 86400000},
		{"01 Jan 2049 00:00:00 GMT", -1},
		{"soon", -1},
		{"", -1},
		{"   ", -1},
		{"12 monkeys", -1},
		{"1-2", -1},
		{"..", -1},
		{"nan", -1},
		{"inf", -1},
		{"0x10", -1},
		{"Tue, 99 Foo 2023 22:13:50 GMT", -1},
		{NULL, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t wait_ms = http_retry_after_ms(cases[i].value, now_ms);

		if (wait_ms != cases[i].wait_ms)
			fail_msg("%s: %lld", cases[i].value, (long long)wait_ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_after_is_read_and_clamped),
	};

	return cmocka_run_group_tests_name("retry_after", tests, NULL, NULL);
}
