/*
 * scoreboard.c, scoreboard_read.c, seqlock.c: a process and its job are read in one piece or not at
 * all, whoever dies meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/scoreboard.h"
#include "common/scoreboard_failures.h"
#include "common/scoreboard_layout.h"
#include "common/scoreboard_pulse.h"
#include "common/text.h"

#define SLOT        3
#define DEADLINE_MS 20000

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

static size_t
resident_pages(struct scoreboard *board)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (sizeof(*board) + page - 1) / page, resident = 0;
	unsigned char *map = malloc(pages);

	assert_non_null(map);
	assert_int_equal(mincore(board, sizeof(*board), map), 0);
	for (size_t i = 0; i < pages; i++)
		resident += map[i] & 1;
	free(map);
	return resident;
}

static void
untouched_slots_cost_no_memory(void **state)
{
	struct scoreboard *board = *state;
	char token[SCOREBOARD_TOKEN_SIZE];
	struct scoreboard_slot_view slot;
	static struct scoreboard_view view;
	static struct scoreboard_failure failures[SCOREBOARD_FAILURES];
	int counts[ACTIVITY_COUNT];
	uint64_t serial;
	size_t at = 0;

	scoreboard_assign(board, SCOREBOARD_DISPATCHER, 1, "d");
	scoreboard_assign(board, 1, 1, "w");
	scoreboard_read(board, &view);
	scoreboard_idle(board, SCOREBOARD_SLOTS);
	scoreboard_activities(board, counts);
	assert_false(scoreboard_death_next(board, &at, &serial, token));
	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, failures), 0);
	for (int i = 2; i < SCOREBOARD_SLOTS; i++)
		assert_false(scoreboard_read_slot(board, i, &slot));
	assert_in_range(resident_pages(board), 1, 6);
	assert_in_range(sizeof(*board) / 4096, 256, 1024);
}

static void
counters_outlive_the_process(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;

	for (uint64_t generation = 1; generation <= 3; generation++) {
		scoreboard_assign(board, SLOT, generation, "t");
		scoreboard_count(board, SLOT, COUNTER_UPLOADED_BYTES, 1000);
		scoreboard_count_job(board, SLOT, JOB_COMPLETED, 700);
		scoreboard_count_job(board, SLOT, JOB_DEFERRED, 1);
		scoreboard_count_error(board, SLOT, FAILURE_RATE_LIMIT);
		scoreboard_count_reconciled(board, SLOT, RECONCILED_NO_LINK);
		scoreboard_count_wait(board, SLOT, WAIT_CIRCUIT, 1500);
		scoreboard_count_wait(board, SLOT, WAIT_CIRCUIT, -1);
		scoreboard_count_wait(board, SLOT, WAIT_REASON_COUNT, 1);
		scoreboard_vacate(board, SLOT);
	}
	scoreboard_assign(board, SLOT + 1, 1, "t");
	scoreboard_count(board, SLOT + 1, COUNTER_UPLOADED_BYTES, 5);
	scoreboard_read(board, &view);
	assert_int_equal(view.counters[COUNTER_UPLOADED_BYTES], 3005);
	assert_int_equal(view.jobs[JOB_COMPLETED], 3);
	assert_int_equal(view.jobs[JOB_DEFERRED], 3);
	assert_int_equal(view.errors[FAILURE_RATE_LIMIT], 3);
	assert_int_equal(view.reconciled[RECONCILED_NO_LINK], 3);
	assert_int_equal(view.waits[WAIT_CIRCUIT].count, 6);
	assert_true(view.waits[WAIT_CIRCUIT].sum_s > 4.499 &&
		    view.waits[WAIT_CIRCUIT].sum_s < 4.501);
	assert_int_equal(view.timings[TIMING_JOB].count, 3);
	assert_true(view.timings[TIMING_JOB].sum_s > 2.0999 &&
		    view.timings[TIMING_JOB].sum_s < 2.1001);
}

static void
pass_ms(int64_t ms)
{
	int64_t until_ms = clock_mono_ms() + ms;

	while (clock_mono_ms() < until_ms)
		(void)usleep(500);
}

/* Each moment of a worker's life belongs to what it was doing, and to nothing else; the last ones
 * of a dead worker too, and none after its death. */
static void
time_is_counted_by_what_it_was_spent_on(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;
	int64_t began_ms, ended_ms;
	double spent_s = 0;

	scoreboard_assign(board, SLOT, 1, "t");
	began_ms = clock_mono_ms();
	scoreboard_activity(board, SLOT, ACTIVITY_IDLE);
	pass_ms(20);
	scoreboard_activity(board, SLOT, ACTIVITY_UPLOADING);
	pass_ms(10);
	scoreboard_heartbeat(board, SLOT);
	scoreboard_read(board, &view);
	assert_true(view.spent_s[ACTIVITY_IDLE] > 0.0199);
	assert_true(view.spent_s[ACTIVITY_UPLOADING] > 0.0099); /* while it goes on */
	pass_ms(10);
	scoreboard_vacate(board, SLOT);
	ended_ms = clock_mono_ms();
	pass_ms(10);
	scoreboard_assign(board, SLOT, 2, "t");
	scoreboard_activity(board, SCOREBOARD_DISPATCHER, ACTIVITY_IDLE); /* no worker */
	pass_ms(5);
	scoreboard_heartbeat(board, SCOREBOARD_DISPATCHER);
	scoreboard_read(board, &view);
	assert_true(view.spent_s[ACTIVITY_UPLOADING] > 0.0199);
	for (int i = ACTIVITY_BOOT; i < ACTIVITY_COUNT; i++)
		spent_s += view.spent_s[i];
	assert_true(spent_s > 0.0399 && spent_s < (double)(ended_ms - began_ms + 1) / 1000.0);
}

static void
durations_fall_into_their_buckets(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;

	scoreboard_assign(board, SLOT, 1, "t");
	for (int i = 0; i < SCOREBOARD_BUCKETS; i++) {
		assert_true(i == 0 || scoreboard_bucket_ms[TIMING_JOB][i] >
					      scoreboard_bucket_ms[TIMING_JOB][i - 1]);
		scoreboard_count_job(board, SLOT, JOB_FAILED, scoreboard_bucket_ms[TIMING_JOB][i]);
	}
	scoreboard_count_job(board, SLOT, JOB_FAILED, scoreboard_bucket_ms[TIMING_JOB][0] + 1);
	scoreboard_count_job(board, SLOT, JOB_RETRIED, INT64_MAX / 4);
	scoreboard_count_job(board, SLOT, JOB_RETRIED, -5);
	scoreboard_read(board, &view);
	assert_int_equal(view.timings[TIMING_JOB].buckets[0], 2);
	assert_int_equal(view.timings[TIMING_JOB].buckets[1], 2);
	for (int i = 2; i <= SCOREBOARD_BUCKETS; i++)
		assert_int_equal(view.timings[TIMING_JOB].buckets[i], 1);
	assert_int_equal(view.timings[TIMING_JOB].count, SCOREBOARD_BUCKETS + 3);
}

static void
each_timing_has_buckets_of_its_own(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;

	scoreboard_assign(board, SLOT, 1, "t");
	for (int timing = 0; timing < TIMING_COUNT; timing++) {
		for (int i = 1; i < SCOREBOARD_BUCKETS; i++)
			assert_true(scoreboard_bucket_ms[timing][i] >
				    scoreboard_bucket_ms[timing][i - 1]);
		for (int n = 0; n <= timing; n++)
			scoreboard_time(board, SLOT, (enum timing)timing, 1000);
	}
	scoreboard_time(board, SLOT, TIMING_COUNT, 1000);
	scoreboard_read(board, &view);
	for (uint64_t timing = 0; timing < TIMING_COUNT; timing++) {
		assert_int_equal(view.timings[timing].count, timing + 1);
		assert_true(view.timings[timing].sum_s > (double)timing + 0.999);
	}
	assert_int_equal(view.timings[TIMING_LATENESS].buckets[1], TIMING_LATENESS + 1);
}

static void
job_in_hand_is_shown_until_it_ends(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;
	struct scoreboard_job job;
	int64_t lease_ms = -1;
	uint64_t claim;

	scoreboard_assign(board, SLOT, 1, "t");
	assert_false(scoreboard_job(board, SLOT, &job, &lease_ms));
	claim = scoreboard_job_begin(board, SLOT, "deviation-1", NULL, 2, 9000, 5000);
	scoreboard_job_deviation(board, SLOT, "dev\xC3\xA9");
	assert_true(scoreboard_job(board, SLOT, &job, &lease_ms));
	assert_string_equal(job.id, "deviation-1");
	assert_string_equal(job.deviation_id, "dev\xC3\xA9");
	assert_true(job.id_complete);
	assert_int_equal(job.attempt, 2);
	assert_int_equal(job.deadline_ms, 9000);
	assert_int_equal(job.claim, claim);
	assert_int_equal(lease_ms, 5000);
	scoreboard_read(board, &view);
	assert_int_equal(view.active_jobs, 1);
	assert_string_equal(job.title, "");
	scoreboard_job_names(board, SLOT, "Evening", "someone");
	assert_true(scoreboard_job(board, SLOT, &job, NULL));
	assert_string_equal(job.title, "Evening");
	assert_string_equal(job.user, "someone");
	assert_string_equal(job.id, "deviation-1");
	scoreboard_job_end(board, SLOT);
	assert_false(scoreboard_job(board, SLOT, &job, NULL));
	scoreboard_read(board, &view);
	assert_int_equal(view.active_jobs, 0);
	scoreboard_job_begin(board, SLOT, "deviation-2", NULL, 1, 9000, 5000);
	assert_true(scoreboard_job(board, SLOT, &job, NULL));
	assert_string_equal(job.title, "");
	assert_string_equal(job.user, "");
}

static void
dead_process_leaves_no_job_behind(void **state)
{
	struct scoreboard *board = *state;
	struct scoreboard_slot_view view;
	struct scoreboard_job job;
	uint64_t first, second;

	scoreboard_assign(board, SLOT, 1, "t");
	first = scoreboard_job_begin(board, SLOT, "a", "b", 1, 1, 1);
	scoreboard_vacate(board, SLOT);
	assert_false(scoreboard_job(board, SLOT, &job, NULL));
	assert_false(scoreboard_read_slot(board, SLOT, &view));
	scoreboard_assign(board, SLOT, 2, "t2");
	assert_false(scoreboard_job(board, SLOT, &job, NULL));
	assert_true(scoreboard_read_slot(board, SLOT, &view));
	assert_int_equal(view.generation, 2);
	assert_int_equal(view.activity, ACTIVITY_NONE);
	second = scoreboard_job_begin(board, SLOT, "a", "b", 1, 1, 1);
	assert_true(second > first && first > 0);
}

static void
id_that_is_not_shown_whole_is_no_key(void **state)
{
	struct scoreboard *board = *state;
	char longest[SCOREBOARD_ID_SIZE], text[400];
	struct scoreboard_job job;

	scoreboard_assign(board, SLOT, 1, "t");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	scoreboard_job_begin(board, SLOT, longest, NULL, 1, 1, 1);
	assert_true(scoreboard_job(board, SLOT, &job, NULL));
	assert_true(job.id_complete);
	assert_string_equal(job.id, longest);

	/* 200 two-byte characters: the cut falls within one. */
	for (size_t i = 0; i < 200; i++)
		memcpy(text + 2 * i, "\xC3\xA9", 2);
	text[399] = '\0';
	scoreboard_job_begin(board, SLOT, text, NULL, 1, 1, 1);
	assert_true(scoreboard_job(board, SLOT, &job, NULL));
	assert_false(job.id_complete);
	assert_true(text_utf8_valid(job.id));
	assert_int_equal(strlen(job.id), 158);

	scoreboard_job_begin(board, SLOT, "a\nb\xFF\x7F\xC2\x9B", NULL, 1, 1, 1);
	assert_true(scoreboard_job(board, SLOT, &job, NULL));
	assert_false(job.id_complete);
	assert_string_equal(job.id, "a?b????");
}

static void
later_of_two_leases_counts(void **state)
{
	struct scoreboard *board = *state;
	struct scoreboard_job job;
	int64_t lease_ms;
	uint64_t claim;
	bool lost = true;

	scoreboard_assign(board, SLOT, 1, "t");
	assert_int_equal(scoreboard_lease_end(board, SLOT, &lost), 0);
	assert_false(lost);
	claim = scoreboard_job_begin(board, SLOT, "a", "b", 1, 1, 1000);
	scoreboard_renewed(board, SLOT, claim, 3000);
	assert_int_equal(scoreboard_lease_end(board, SLOT, &lost), 3000);
	scoreboard_lease(board, SLOT, 4000);
	assert_int_equal(scoreboard_lease_end(board, SLOT, &lost), 4000);
	assert_true(scoreboard_job(board, SLOT, &job, &lease_ms));
	assert_int_equal(lease_ms, 4000);
	assert_string_equal(job.id, "a");
	assert_false(lost);
}

static void
renewal_of_an_older_claim_is_nothing(void **state)
{
	struct scoreboard *board = *state;
	uint64_t old, new;
	bool lost = true;

	scoreboard_assign(board, SLOT, 1, "t");
	old = scoreboard_job_begin(board, SLOT, "a", "b", 1, 1, 1000);
	new = scoreboard_job_begin(board, SLOT, "c", "d", 1, 1, 2000);
	scoreboard_renewed(board, SLOT, old, 99000);
	scoreboard_lock_lost(board, SLOT, old);
	assert_int_equal(scoreboard_lease_end(board, SLOT, &lost), 2000);
	assert_false(lost);
	scoreboard_lock_lost(board, SLOT, new);
	scoreboard_lease_end(board, SLOT, &lost);
	assert_true(lost);
}

static void
token_comes_with_the_job_it_locked(void **state)
{
	struct scoreboard *board = *state;
	char token[SCOREBOARD_TOKEN_SIZE];
	struct scoreboard_job job;

	assert_int_equal(scoreboard_generation(board, SLOT), 0);
	scoreboard_token(board, SLOT, token);
	assert_string_equal(token, "");
	scoreboard_assign(board, SLOT, 7, "boot:ns:1:2:3:7");
	assert_int_equal(scoreboard_generation(board, SLOT), 7);
	assert_false(scoreboard_locked_job(board, SLOT, &job, NULL, token));
	scoreboard_job_begin(board, SLOT, "a", "b", 1, 1, 1);
	assert_true(scoreboard_locked_job(board, SLOT, &job, NULL, token));
	assert_string_equal(token, "boot:ns:1:2:3:7");
	assert_string_equal(job.id, "a");
}

static void
first_write_repairs_what_a_killed_writer_left(void **state)
{
	struct scoreboard *board = *state;
	struct scoreboard_job job;
	int64_t lease_ms;
	uint64_t claim;

	scoreboard_assign(board, SLOT, 1, "t");
	scoreboard_job_begin(board, SLOT, "a", "b", 1, 1, 1);
	atomic_fetch_add(&board->slots[SLOT].job_seq, 1);
	assert_false(scoreboard_job(board, SLOT, &job, NULL));
	scoreboard_vacate(board, SLOT);
	scoreboard_assign(board, SLOT, 2, "t");
	claim = scoreboard_job_begin(board, SLOT, "c", "d", 1, 1, 10);
	assert_true(scoreboard_job(board, SLOT, &job, NULL));
	assert_string_equal(job.id, "c");

	atomic_fetch_add(&board->slots[SLOT].renewal_seq, 1);
	assert_true(scoreboard_job(board, SLOT, &job, &lease_ms));
	assert_int_equal(lease_ms, 10); /* the worker's own word is enough */
	scoreboard_renewed(board, SLOT, claim, 20);
	assert_true(scoreboard_job(board, SLOT, &job, &lease_ms));
	assert_int_equal(lease_ms, 20);
}

/* Writes jobs whose every member tells the same letter, until it is killed. */
static void
write_for_ever(struct scoreboard *board)
{
	char id[SCOREBOARD_ID_SIZE];

	for (int i = 0;; i = (i + 1) % 26) {
		memset(id, 'a' + i, sizeof(id) - 1);
		id[20 + i] = '\0';
		scoreboard_job_begin(board, SLOT, id, id, i + 1, i, i);
		scoreboard_dependency(board, DEPENDENCY_REDIS, false, id);
	}
}

static void
assert_of_one_piece(const struct scoreboard_job *job)
{
	int i = job->attempt - 1;

	assert_in_range(i, 0, 25);
	assert_int_equal(strlen(job->id), 20 + i);
	assert_int_equal(job->id[0], 'a' + i);
	assert_int_equal(job->id[19 + i], 'a' + i);
	assert_string_equal(job->id, job->deviation_id);
	assert_int_equal(job->deadline_ms, i);
}

static pid_t
start_writer(struct scoreboard *board)
{
	pid_t pid = fork();

	if (pid == 0)
		write_for_ever(board);
	assert_true(pid > 0);
	return pid;
}

static void
end_writer(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
no_job_is_read_torn(void **state)
{
	struct scoreboard *board = *state;
	int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
	struct scoreboard_job job;
	uint64_t last_claim = 0;
	int changes = 0;
	pid_t pid;

	scoreboard_assign(board, SLOT, 1, "t");
	pid = start_writer(board);
	while (changes < 20000 && clock_mono_ms() < until_ms)
		if (scoreboard_job(board, SLOT, &job, NULL)) {
			assert_of_one_piece(&job);
			changes += job.claim != last_claim;
			last_claim = job.claim;
		}
	end_writer(pid);
	assert_int_equal(changes, 20000);
}

static void
writers_killed_anywhere_leave_a_usable_slot(void **state)
{
	struct scoreboard *board = *state;
	struct scoreboard_job job;

	for (uint64_t generation = 1; generation <= 40; generation++) {
		uint64_t before = atomic_load(&board->slots[SLOT].claims_made);
		int64_t until_ms = clock_mono_ms() + DEADLINE_MS;
		pid_t pid;

		scoreboard_assign(board, SLOT, generation, "t");
		pid = start_writer(board);
		while (atomic_load(&board->slots[SLOT].claims_made) < before + 100)
			assert_true(clock_mono_ms() < until_ms);
		end_writer(pid);
		if (scoreboard_job(board, SLOT, &job, NULL))
			assert_of_one_piece(&job);
		scoreboard_vacate(board, SLOT);
		assert_false(scoreboard_job(board, SLOT, &job, NULL));
	}
	scoreboard_assign(board, SLOT, 99, "t");
	scoreboard_job_begin(board, SLOT, "whole", "whole", 1, 1, 1);
	assert_true(scoreboard_job(board, SLOT, &job, NULL));
	assert_string_equal(job.id, "whole");
}

static void
garbage_is_read_without_harm(void **state)
{
	struct scoreboard *board = *state;
	static struct scoreboard_view view;
	struct scoreboard_slot_view slot;
	char token[SCOREBOARD_TOKEN_SIZE];
	uint64_t serial;
	unsigned int seed = 7;

	for (int round = 0; round < 50; round++) {
		unsigned char *bytes = (unsigned char *)board;

		for (size_t i = 0; i < offsetof(struct scoreboard, slots) + 8 * 4096; i++)
			bytes[i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
		/* Even sequences, so that what lies there is taken for whole. */
		for (int i = 0; i < SLOT + 1; i++) {
			atomic_fetch_and(&board->slots[i].job_seq, ~1ULL);
			for (int kind = 0; kind < OPERATOR_FAULT_COUNT; kind++)
				atomic_fetch_and(&board->slots[i].faults[kind].seq, ~1ULL);
		}
		for (int d = 0; d < DEPENDENCY_COUNT; d++)
			atomic_fetch_and(&board->dependencies[d].seq, ~1ULL);
		atomic_store(&board->slots_used, round % 2 ? -5 : SLOT + 1);
		atomic_store(&board->pool_seq, 2);
		scoreboard_read(board, &view);
		assert_true(text_utf8_valid(view.operator_fault));
		assert_true(text_utf8_valid(view.dependencies[0].reason));
		assert_in_range(view.pool.phase, POOL_STARTING, POOL_DRAINING);
		assert_in_range(view.pool.concurrency, 0, SCOREBOARD_WORKERS_MAX);
		for (int i = 0; i <= SLOT; i++)
			if (scoreboard_read_slot(board, i, &slot) && slot.has_job)
				assert_true(text_utf8_valid(slot.job.id));
		for (size_t d = 0; scoreboard_death_next(board, &d, &serial, token);)
			assert_true(text_utf8_valid(token));
	}
}

static void
slots_out_of_range_are_ignored(void **state)
{
	static const int slots[] = {-1, SCOREBOARD_SLOTS, INT32_MAX, INT32_MIN};
	struct scoreboard *board = *state;
	struct scoreboard_job job;
	bool lost;

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		scoreboard_assign(board, slots[i], 1, "t");
		scoreboard_vacate(board, slots[i]);
		scoreboard_activity(board, slots[i], ACTIVITY_IDLE);
		scoreboard_heartbeat(board, slots[i]);
		assert_int_not_equal(scoreboard_job_begin(board, slots[i], "a", "b", 1, 1, 1), 0);
		scoreboard_job_deviation(board, slots[i], "b");
		scoreboard_job_names(board, slots[i], "c", "d");
		scoreboard_job_end(board, slots[i]);
		scoreboard_lease(board, slots[i], 1);
		scoreboard_renewed(board, slots[i], 1, 1);
		scoreboard_lock_lost(board, slots[i], 1);
		scoreboard_count(board, slots[i], COUNTER_TURNS, 1);
		scoreboard_count_job(board, slots[i], JOB_FAILED, 1);
		scoreboard_count_error(board, slots[i], FAILURE_UNKNOWN);
		scoreboard_count_reconciled(board, slots[i], RECONCILED_FAILED);
		scoreboard_operator_fault(board, slots[i], OPERATOR_FAULT_APPLICATION, "x");
		assert_false(scoreboard_job(board, slots[i], &job, NULL));
		assert_int_equal(scoreboard_lease_end(board, slots[i], &lost), 0);
		assert_int_equal(scoreboard_generation(board, slots[i]), 0);
	}
	assert_in_range(resident_pages(board), 0, 6);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* ---- the pulse ---- */

static void
only_what_the_pulse_has_outlived_waits_in_vain(void **state)
{
	struct scoreboard *board = *state;
	const int64_t renewed_ms = 10000;

	/* Nothing was ever missed: a silent server takes its time. */
	scoreboard_set_pulse(board, DEPENDENCY_POSTGRES, 0, 90000);
	assert_false(scoreboard_waits_in_vain(board, DEPENDENCY_POSTGRES, 1, 1));

	scoreboard_set_pulse(board, DEPENDENCY_POSTGRES, renewed_ms, renewed_ms + 1499);
	assert_false(scoreboard_waits_in_vain(board, DEPENDENCY_POSTGRES, 9000, 9000));
	scoreboard_set_pulse(board, DEPENDENCY_POSTGRES, renewed_ms, renewed_ms + 1500);
	assert_true(scoreboard_waits_in_vain(board, DEPENDENCY_POSTGRES, 9000, 9000));
	assert_true(scoreboard_waits_in_vain(board, DEPENDENCY_POSTGRES, 9999, renewed_ms));
	/* A connection of after the return, an answer that came later, the other server. */
	assert_false(scoreboard_waits_in_vain(board, DEPENDENCY_POSTGRES, renewed_ms, 9000));
	assert_false(scoreboard_waits_in_vain(board, DEPENDENCY_POSTGRES, 9000, renewed_ms + 1));
	assert_false(scoreboard_waits_in_vain(board, DEPENDENCY_REDIS, 9000, 9000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(untouched_slots_cost_no_memory),
		TEST(counters_outlive_the_process),
		TEST(time_is_counted_by_what_it_was_spent_on),
		TEST(durations_fall_into_their_buckets),
		TEST(each_timing_has_buckets_of_its_own),
		TEST(job_in_hand_is_shown_until_it_ends),
		TEST(dead_process_leaves_no_job_behind),
		TEST(id_that_is_not_shown_whole_is_no_key),
		TEST(later_of_two_leases_counts),
		TEST(renewal_of_an_older_claim_is_nothing),
		TEST(token_comes_with_the_job_it_locked),
		TEST(first_write_repairs_what_a_killed_writer_left),
		TEST(no_job_is_read_torn),
		TEST(writers_killed_anywhere_leave_a_usable_slot),
		TEST(garbage_is_read_without_harm),
		TEST(slots_out_of_range_are_ignored),
		TEST(only_what_the_pulse_has_outlived_waits_in_vain),
	};

	return cmocka_run_group_tests_name("scoreboard", tests, NULL, NULL);
}
