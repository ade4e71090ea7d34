/*
 * scoreboard*.c: what is told of the pool as a whole: who is idle, the dispatcher, the servers, the
 * operator's faults, deaths and counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/scoreboard.h"

static int
set_up(void **state)
{
	*state = scoreboard_new();
	return *state != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	scoreboard_free(*state);
	return 0;
}

/* clock_mono_ms() later than it is now, so that two reports have an order. */
static void
next_millisecond(void)
{
	int64_t now_ms = clock_mono_ms();

	while (clock_mono_ms() == now_ms)
		;
}

static void
idle_workers_are_counted_below_a_bound(void **state)
{
	struct scoreboard *board = *state;
	int counts[ACTIVITY_COUNT];

	for (int i = 0; i < 10; i++) {
		scoreboard_assign(board, i, 1, "t");
		scoreboard_activity(board, i, i % 2 ? ACTIVITY_IDLE : ACTIVITY_UPLOADING);
	}
	assert_int_equal(scoreboard_idle(board, 6), 3); /* 1, 3, 5 */
	assert_int_equal(scoreboard_idle(board, SCOREBOARD_SLOTS + 100), 5);
	assert_int_equal(scoreboard_idle(board, -1), 0);
	scoreboard_activity(board, 0, ACTIVITY_IDLE); /* the dispatcher is no worker */
	scoreboard_vacate(board, 1);
	assert_int_equal(scoreboard_idle(board, 10), 4);
	scoreboard_assign(board, 1, 2, "t"); /* forked, not reported */
	scoreboard_activities(board, counts);
	assert_int_equal(counts[ACTIVITY_IDLE], 4);
	assert_int_equal(counts[ACTIVITY_UPLOADING], 4);
	assert_int_equal(counts[ACTIVITY_BOOT], 1);
	assert_int_equal(counts[ACTIVITY_NONE], 0);
}

static void
new_dispatcher_is_not_parked(void **state)
{
	struct scoreboard *board = *state;

	assert_false(scoreboard_is_dispatcher_parked(board));
	scoreboard_dispatcher_parked(board, true);
	assert_true(scoreboard_is_dispatcher_parked(board));
	scoreboard_assign(board, SCOREBOARD_DISPATCHER, 2, "d");
	assert_false(scoreboard_is_dispatcher_parked(board));
}

static void
dispatcher_reborn_keeps_its_word(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;
	struct scoreboard_slot_view slot;
	int64_t heartbeat_ms;

	scoreboard_assign(board, SCOREBOARD_DISPATCHER, 1, "d");
	scoreboard_activity(board, SCOREBOARD_DISPATCHER, ACTIVITY_RUNNING);
	scoreboard_dependency(board, DEPENDENCY_REDIS, true, NULL);
	scoreboard_read(board, &view);
	heartbeat_ms = view.dispatcher_heartbeat_ms;
	assert_true(view.dispatcher_up && heartbeat_ms > 0);
	next_millisecond();
	scoreboard_vacate(board, SCOREBOARD_DISPATCHER);
	scoreboard_assign(board, SCOREBOARD_DISPATCHER, 2, "d");
	scoreboard_read(board, &view);
	assert_false(view.dispatcher_up);
	assert_true(view.dependencies[DEPENDENCY_REDIS].up);
	assert_int_equal(view.dispatcher_heartbeat_ms, heartbeat_ms);
	/* But whoever watches the new process sees that it has not reported yet. */
	assert_true(scoreboard_read_slot(board, SCOREBOARD_DISPATCHER, &slot));
	assert_int_equal(slot.heartbeat_ms, 0);
}

static void
dependency_tells_since_when(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;
	int64_t since_ms, checked_ms;

	scoreboard_assign(board, SCOREBOARD_DISPATCHER, 1, "d");
	scoreboard_read(board, &view);
	assert_int_equal(view.dependencies[DEPENDENCY_POSTGRES].checked_ms, 0);
	scoreboard_dependency(board, DEPENDENCY_POSTGRES, false, "refused");
	scoreboard_read(board, &view);
	since_ms = view.dependencies[DEPENDENCY_POSTGRES].since_ms;
	checked_ms = view.dependencies[DEPENDENCY_POSTGRES].checked_ms;
	assert_false(view.dependencies[DEPENDENCY_POSTGRES].up);
	assert_string_equal(view.dependencies[DEPENDENCY_POSTGRES].reason, "refused");
	assert_true(since_ms > 0);

	next_millisecond();
	scoreboard_dependency(board, DEPENDENCY_POSTGRES, false, "timed out");
	scoreboard_read(board, &view);
	assert_int_equal(view.dependencies[DEPENDENCY_POSTGRES].since_ms, since_ms);
	assert_true(view.dependencies[DEPENDENCY_POSTGRES].checked_ms > checked_ms);
	assert_string_equal(view.dependencies[DEPENDENCY_POSTGRES].reason, "timed out");

	scoreboard_dependency(board, DEPENDENCY_POSTGRES, true, "ignored");
	scoreboard_read(board, &view);
	assert_true(view.dependencies[DEPENDENCY_POSTGRES].up);
	assert_true(view.dependencies[DEPENDENCY_POSTGRES].since_ms > since_ms);
	assert_string_equal(view.dependencies[DEPENDENCY_POSTGRES].reason, "");
	assert_false(view.dependencies[DEPENDENCY_REDIS].up);
}

static void
operator_fault_stays_until_somebody_sees_it_mended(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;

	for (int i = 1; i <= 3; i++)
		scoreboard_assign(board, i, 1, "t");
	scoreboard_operator_fault(board, 1, OPERATOR_FAULT_APPLICATION, "older");
	next_millisecond();
	scoreboard_operator_fault(board, 2, OPERATOR_FAULT_APPLICATION, "invalid_client");
	scoreboard_read(board, &view);
	assert_string_equal(view.operator_fault, "invalid_client");
	next_millisecond();
	scoreboard_operator_fault(board, 3, OPERATOR_FAULT_APPLICATION, NULL);
	scoreboard_read(board, &view);
	assert_string_equal(view.operator_fault, "");
	next_millisecond();
	scoreboard_operator_fault(board, 1, OPERATOR_FAULT_APPLICATION, "again");
	scoreboard_read(board, &view);
	assert_string_equal(view.operator_fault, "again");
	scoreboard_vacate(board, 1);
	scoreboard_vacate(board, 2);
	scoreboard_read(board, &view);
	assert_string_equal(view.operator_fault, "");
}

static void
a_mended_fault_does_not_hide_one_of_another_kind(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;

	scoreboard_assign(board, 1, 1, "t");
	scoreboard_operator_fault(board, 1, OPERATOR_FAULT_STORAGE, "the storage refuses us");
	next_millisecond();
	scoreboard_operator_fault(board, 1, OPERATOR_FAULT_APPLICATION, "invalid_client");
	scoreboard_read(board, &view);
	assert_string_equal(view.operator_fault, "invalid_client");
	next_millisecond();
	scoreboard_operator_fault(board, 1, OPERATOR_FAULT_APPLICATION, NULL);
	scoreboard_read(board, &view);
	assert_string_equal(view.operator_fault, "the storage refuses us");
	next_millisecond();
	scoreboard_operator_fault(board, 1, OPERATOR_FAULT_STORAGE, NULL);
	scoreboard_read(board, &view);
	assert_string_equal(view.operator_fault, "");
}

static void
deaths_are_told_until_confirmed(void **state)
{
	struct scoreboard *board = *state;
	char token[SCOREBOARD_TOKEN_SIZE];
	uint64_t first, second, again;
	size_t at = 0;

	assert_true(scoreboard_death_record(board, "one", true));
	assert_true(scoreboard_death_record(board, "two", false));
	assert_true(scoreboard_death_next(board, &at, &first, token));
	assert_string_equal(token, "one");
	assert_true(scoreboard_death_blames_job(first));
	assert_true(scoreboard_death_next(board, &at, &second, token));
	assert_string_equal(token, "two");
	assert_false(scoreboard_death_blames_job(second));
	assert_false(scoreboard_death_next(board, &at, &again, token));

	scoreboard_death_confirmed(board, first);
	scoreboard_death_confirmed(board, first);
	at = 0;
	assert_true(scoreboard_death_next(board, &at, &again, token));
	assert_int_equal(again, second);
	/* The free place is used anew; the old serial confirms nothing there. */
	assert_true(scoreboard_death_record(board, "three", true));
	scoreboard_death_confirmed(board, first);
	at = 0;
	assert_true(scoreboard_death_next(board, &at, &again, token));
	assert_string_equal(token, "three");
	assert_int_not_equal(again, first);
}

static void
full_list_of_deaths_says_so(void **state)
{
	struct scoreboard *board = *state;
	char token[SCOREBOARD_TOKEN_SIZE];
	uint64_t serial;
	size_t at = 0, told = 0;

	for (int i = 0; i < SCOREBOARD_DEATHS; i++) {
		snprintf(token, sizeof(token), "token-%d", i);
		assert_true(scoreboard_death_record(board, token, true));
	}
	assert_false(scoreboard_death_record(board, "one too many", true));
	while (scoreboard_death_next(board, &at, &serial, token)) {
		scoreboard_death_confirmed(board, serial);
		told++;
	}
	assert_int_equal(told, SCOREBOARD_DEATHS);
	assert_true(scoreboard_death_record(board, "next", true));
	at = 0;
	assert_true(scoreboard_death_next(board, &at, &serial, token));
	assert_string_equal(token, "next");
	assert_int_equal(at, 1);
	assert_false(scoreboard_death_next(board, &at, &serial, token));
}

static void
queue_circuits_and_pool_come_out_as_they_went_in(void **state)
{
	const int64_t queue[QUEUE_STATE_COUNT] = {1, 2, 3, 4, 5, 6, 7, 8};
	const int64_t circuits[CIRCUIT_STATE_COUNT] = {9, 8};
	const struct scoreboard_pool pool = {
		.phase = POOL_DRAINING,
		.concurrency = 5,
		.workers_ready = 4,
		.config_generation = 3,
		.worker_restarts = 11,
		.dispatcher_restarts = 12,
		.workers_killed = 13,
		.reloads = 14,
		.reloads_refused = 15,
		.started_wall_ms = 16,
		.started_mono_ms = 17,
	};
	struct scoreboard *board = *state;
	static struct scoreboard_view view;

	scoreboard_read(board, &view);
	assert_int_equal(view.queue_counted_ms, 0);
	scoreboard_queue(board, queue, true, 99);
	scoreboard_circuits(board, circuits, 98);
	scoreboard_pool_set(board, &pool);
	scoreboard_read(board, &view);
	assert_memory_equal(view.queue, queue, sizeof(queue));
	assert_memory_equal(view.circuits, circuits, sizeof(circuits));
	assert_true(view.queue_paused);
	assert_int_equal(view.oldest_due_wall_ms, 99);
	assert_int_equal(view.application_until_wall_ms, 98);
	assert_true(view.queue_counted_ms > 0 && view.circuits_counted_ms > 0);
	assert_int_equal(view.pool.phase, pool.phase);
	assert_int_equal(view.pool.concurrency, 5);
	assert_int_equal(view.pool.workers_ready, 4);
	assert_int_equal(view.pool.config_generation, 3);
	assert_int_equal(view.pool.worker_restarts, 11);
	assert_int_equal(view.pool.dispatcher_restarts, 12);
	assert_int_equal(view.pool.workers_killed, 13);
	assert_int_equal(view.pool.reloads, 14);
	assert_int_equal(view.pool.reloads_refused, 15);
	assert_int_equal(view.pool.started_wall_ms, 16);
	assert_int_equal(view.pool.started_mono_ms, 17);
}

static void
everything_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < ACTIVITY_COUNT; i++)
		assert_true(strlen(activity_name((enum activity)i)) > 0);
	for (int i = 0; i < JOB_RESULT_COUNT; i++)
		assert_true(strlen(job_result_name((enum job_result)i)) > 0);
	for (int i = 0; i < RECONCILE_OUTCOME_COUNT; i++)
		assert_true(strlen(reconcile_outcome_name((enum reconcile_outcome)i)) > 0);
	for (int i = 0; i < WAIT_REASON_COUNT; i++)
		assert_true(strlen(wait_reason_name((enum wait_reason)i)) > 0);
	for (int i = 0; i < QUEUE_STATE_COUNT; i++)
		assert_true(strlen(queue_state_name((enum queue_state)i)) > 0);
	for (int i = 0; i < CIRCUIT_STATE_COUNT; i++)
		assert_true(strlen(circuit_state_name((enum circuit_state)i)) > 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(idle_workers_are_counted_below_a_bound),
		TEST(new_dispatcher_is_not_parked),
		TEST(dispatcher_reborn_keeps_its_word),
		TEST(dependency_tells_since_when),
		TEST(operator_fault_stays_until_somebody_sees_it_mended),
		TEST(a_mended_fault_does_not_hide_one_of_another_kind),
		TEST(deaths_are_told_until_confirmed),
		TEST(full_list_of_deaths_says_so),
		TEST(queue_circuits_and_pool_come_out_as_they_went_in),
		TEST(everything_has_a_name),
	};

	return cmocka_run_group_tests_name("scoreboard_pool", tests, NULL, NULL);
}
