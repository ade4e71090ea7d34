/*
 * status_line.c: what `systemctl status` shows of the pool.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "supervisor/notify.h"
#include "supervisor/status_line.h"

static struct health_view view;
static char line[NOTIFY_STATUS_SIZE];

/* Five workers, four of them at work, three hundred and forty jobs behind them. */
static int
busy(void **state)
{
	(void)state;
	memset(&view, 0, sizeof(view));
	view.ready = true;
	view.board.pool.concurrency = 5;
	view.board.pool.workers_ready = 5;
	view.board.active_jobs = 4;
	view.queue_known = true;
	view.board.queue[QUEUE_STATE_WAITING] = 300;
	view.board.queue[QUEUE_STATE_PRIORITIZED] = 40;
	view.board.queue[QUEUE_STATE_DELAYED] = 7;
	view.oldest_due_s = 42.9;
	view.circuits_known = true;
	view.board.circuits[CIRCUIT_OPEN] = 1;
	return 0;
}

static const char *
told(enum status_doing doing, int64_t left_ms)
{
	status_line(line, sizeof(line), &view, doing, left_ms);
	return line;
}

static void
a_pool_at_work_is_told_at_a_glance(void **state)
{
	(void)state;
	assert_string_equal(told(STATUS_SERVING, 0),
			    "4/5 busy, 340 waiting, oldest due 42 s, 1 breaker open");
	assert_string_equal(told(STATUS_RELOADING, 0),
			    "reloading; 4/5 busy, 340 waiting, oldest due 42 s, 1 breaker open");
}

static void
an_idle_pool_has_little_to_tell(void **state)
{
	(void)state;
	view.board.active_jobs = 0;
	view.board.queue[QUEUE_STATE_WAITING] = view.board.queue[QUEUE_STATE_PRIORITIZED] = 0;
	view.oldest_due_s = 0.4; /* on its way to a worker */
	view.board.circuits[CIRCUIT_OPEN] = 0;
	assert_string_equal(told(STATUS_SERVING, 0), "0/5 busy, 0 waiting");
}

static void
what_holds_jobs_back_is_told(void **state)
{
	(void)state;
	view.board.queue[QUEUE_STATE_PAUSED] = 3;
	view.board.queue_paused = true;
	view.board.circuits[CIRCUIT_OPEN] = 2;
	view.board.circuits[CIRCUIT_HALF_OPEN] = 1;
	view.board.pool.workers_ready = 3;
	assert_string_equal(told(STATUS_SERVING, 0),
			    "4/5 busy, 3 up, 343 waiting, oldest due 42 s, queue paused, "
			    "2 breakers open, 1 breaker half open");
}

static void
what_is_not_known_is_called_unknown(void **state)
{
	(void)state;
	view.queue_known = view.circuits_known = false;
	view.oldest_due_s = 0;
	assert_string_equal(told(STATUS_SERVING, 0), "4/5 busy, queue unknown");
	view.queue_known = true;
	view.board.queue[QUEUE_STATE_WAITING] = -5; /* what a stranger says */
	assert_string_equal(told(STATUS_SERVING, 0), "4/5 busy, 40 waiting");
}

static void
a_reason_comes_first_and_leaves_room_for_the_counts(void **state)
{
	(void)state;
	view.ready = false;
	view.oldest_due_s = 0;
	view.board.circuits[CIRCUIT_OPEN] = 0;
	(void)snprintf(view.error, sizeof(view.error), "Redis is away: refused");
	(void)snprintf(view.board.operator_fault, sizeof(view.board.operator_fault),
		       "invalid_client");
	assert_string_equal(told(STATUS_SERVING, 0),
			    "not ready: Redis is away: refused; operator: invalid_client; "
			    "4/5 busy, 340 waiting");
	view.board.operator_fault[0] = '\0';
	memset(view.error, 'x', sizeof(view.error) - 1);
	assert_non_null(strstr(told(STATUS_SERVING, 0), "xxx; 4/5 busy, 340 waiting"));
}

static void
the_end_is_told_with_the_time_that_is_left(void **state)
{
	(void)state;
	assert_string_equal(told(STATUS_FINISHING, 24001),
			    "draining: 4 jobs in hand, for 25 s at most");
	view.board.active_jobs = 1;
	assert_string_equal(told(STATUS_FINISHING, -1), "draining: 1 job in hand, for 0 s at most");
	assert_string_equal(told(STATUS_STOPPING, 0), "stopping: 1 job in hand");
	assert_string_equal(told(STATUS_STOPPED, 0), "stopped");
}

static void
what_does_not_fit_is_left_out_whole(void **state)
{
	char small[16];

	(void)state;
	status_line(small, sizeof(small), &view, STATUS_SERVING, 0);
	assert_string_equal(small, "4/5 busy");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_pool_at_work_is_told_at_a_glance, busy),
		cmocka_unit_test_setup(an_idle_pool_has_little_to_tell, busy),
		cmocka_unit_test_setup(what_holds_jobs_back_is_told, busy),
		cmocka_unit_test_setup(what_is_not_known_is_called_unknown, busy),
		cmocka_unit_test_setup(a_reason_comes_first_and_leaves_room_for_the_counts, busy),
		cmocka_unit_test_setup(the_end_is_told_with_the_time_that_is_left, busy),
		cmocka_unit_test_setup(what_does_not_fit_is_left_out_whole, busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
