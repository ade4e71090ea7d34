/*
 * scoreboard_failures.c: the latest failures are kept, whole or not at all, whoever tells them at
 * the same time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/scoreboard_failures.h"
#include "common/scoreboard_layout.h"
#include "common/text.h"

#define TELLERS     4
#define DEADLINE_MS 20000

static struct scoreboard_failure found[SCOREBOARD_FAILURES];

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

static void
tell(struct scoreboard *board, enum failure_outcome outcome, const char *id, const char *reason)
{
	scoreboard_tell_failure(board, &(struct scoreboard_news){.outcome = outcome,
								 .category = FAILURE_SERVER_ERROR,
								 .attempt = 2,
								 .max_attempts = 7,
								 .wait_ms = 3000,
								 .id = id,
								 .deviation_id = id,
								 .reason = reason});
}

static void
failure_is_read_as_it_was_told(void **state)
{
	struct scoreboard *board = *state;

	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 0);
	scoreboard_tell_failure(board, &(struct scoreboard_news){.outcome = FAILURE_DELAYED_JOB,
								 .category = FAILURE_RATE_LIMIT,
								 .attempt = 3,
								 .max_attempts = 7,
								 .wait_ms = 60000,
								 .id = "deviation-1",
								 .deviation_id = "1",
								 .title = "Evening",
								 .user = "someone",
								 .reason = "slow down"});
	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 0);
	assert_int_equal(scoreboard_failures(board, FAILURE_DELAYED_JOB, found), 1);
	assert_int_equal(found[0].outcome, FAILURE_DELAYED_JOB);
	assert_int_equal(found[0].category, FAILURE_RATE_LIMIT);
	assert_int_equal(found[0].attempt, 3);
	assert_int_equal(found[0].max_attempts, 7);
	assert_int_equal(found[0].wait_ms, 60000);
	assert_in_range(found[0].at_wall_ms, clock_wall_ms() - DEADLINE_MS, clock_wall_ms());
	assert_string_equal(found[0].id, "deviation-1");
	assert_string_equal(found[0].deviation_id, "1");
	assert_string_equal(found[0].title, "Evening");
	assert_string_equal(found[0].user, "someone");
	assert_string_equal(found[0].reason, "slow down");
}

static void
latest_come_first_and_waiting_ones_push_out_no_lost_post(void **state)
{
	struct scoreboard *board = *state;
	char id[16];

	tell(board, FAILURE_ENDED_JOB, "lost", "gone");
	for (int i = 0; i < 3 * SCOREBOARD_FAILURES; i++) {
		snprintf(id, sizeof(id), "%d", i);
		tell(board, FAILURE_DELAYED_JOB, id, "later");
	}
	assert_int_equal(scoreboard_failures(board, FAILURE_DELAYED_JOB, found),
			 SCOREBOARD_FAILURES);
	for (int i = 0; i < SCOREBOARD_FAILURES; i++) {
		snprintf(id, sizeof(id), "%d", 3 * SCOREBOARD_FAILURES - 1 - i);
		assert_string_equal(found[i].id, id);
	}
	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 1);
	assert_string_equal(found[0].id, "lost");
}

static void
texts_are_cut_and_cleaned(void **state)
{
	struct scoreboard *board = *state;
	size_t size = 5 * 1024 * 1024;
	char *huge = malloc(size + 1);

	assert_non_null(huge);
	for (size_t i = 0; i < size; i++)
		huge[i] = "\xE2\x98\x83\x1B"[i % 4];
	huge[size] = '\0';
	scoreboard_tell_failure(
		board,
		&(struct scoreboard_news){.id = huge, .title = huge, .user = huge, .reason = huge});
	free(huge);
	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 1);
	assert_int_equal(found[0].outcome, FAILURE_ENDED_JOB);
	assert_true(text_utf8_valid(found[0].id) && text_utf8_valid(found[0].title));
	assert_true(text_utf8_valid(found[0].user) && text_utf8_valid(found[0].reason));
	assert_null(strchr(found[0].reason, '\x1B'));
	assert_in_range(strlen(found[0].reason), SCOREBOARD_TEXT_SIZE - 4,
			SCOREBOARD_TEXT_SIZE - 1);
	assert_string_equal(found[0].deviation_id, "");
}

static void
what_is_not_whole_is_not_shown(void **state)
{
	struct scoreboard *board = *state;
	_Atomic uint64_t *place = board->failures[FAILURE_ENDED_JOB][2 % SCOREBOARD_FAILURES];

	tell(board, FAILURE_ENDED_JOB, "a", "first");
	tell(board, FAILURE_ENDED_JOB, "b", "second");
	tell(board, FAILURE_ENDED_JOB, "c", "third");
	for (size_t i = 0; i < TOLD_WORDS; i++) {
		uint64_t was = atomic_load(&place[i]);

		atomic_store(&place[i], was ^ 1);
		assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 2);
		assert_string_equal(found[0].id, "c");
		assert_string_equal(found[1].id, "a");
		atomic_store(&place[i], was);
	}
	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 3);
	/* A teller that died before it had written anything. */
	atomic_fetch_add(&board->failures_told[FAILURE_ENDED_JOB], 1);
	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 3);
	/* A number that cannot be. */
	atomic_store(&board->failures_told[FAILURE_ENDED_JOB], UINT64_MAX);
	assert_int_equal(scoreboard_failures(board, FAILURE_ENDED_JOB, found), 0);
}

static void
tell_for_ever(struct scoreboard *board, int teller)
{
	char id[SCOREBOARD_ID_SIZE], reason[SCOREBOARD_TEXT_SIZE];

	memset(id, 'a' + teller, sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	memset(reason, 'a' + teller, sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	for (;;)
		tell(board, FAILURE_ENDED_JOB, id, reason);
}

/* Every character of a failure is its teller's. */
static void
assert_is_of_one(const struct scoreboard_failure *failure)
{
	const char of[2] = {failure->id[0], '\0'};

	assert_in_range(of[0], 'a', 'a' + TELLERS - 1);
	assert_int_equal(strspn(failure->id, of), SCOREBOARD_ID_SIZE - 1);
	assert_int_equal(strspn(failure->deviation_id, of), SCOREBOARD_ID_SIZE - 1);
	assert_int_equal(strspn(failure->reason, of), SCOREBOARD_TEXT_SIZE - 1);
}

static void
tellers_at_the_same_time_mix_nothing_even_if_they_die(void **state)
{
	struct scoreboard *board = *state;
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;
	int whole = 0, rounds = 0;
	pid_t pids[TELLERS];

	fflush(NULL);
	for (int i = 0; i < TELLERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			tell_for_ever(board, i);
	}
	while ((whole < 2000 || rounds < 200) && clock_mono_ms() < deadline_ms) {
		int count = scoreboard_failures(board, FAILURE_ENDED_JOB, found);

		for (int i = 0; i < count; i++)
			assert_is_of_one(&found[i]);
		whole += count;
		rounds++;
	}
	for (int i = 0; i < TELLERS; i++) {
		assert_int_equal(kill(pids[i], SIGKILL), 0);
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	}
	assert_true(whole >= 2000);
	tell(board, FAILURE_ENDED_JOB, "last", "told after they died");
	assert_true(scoreboard_failures(board, FAILURE_ENDED_JOB, found) > 0);
	assert_string_equal(found[0].id, "last");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(failure_is_read_as_it_was_told),
		TEST(latest_come_first_and_waiting_ones_push_out_no_lost_post),
		TEST(texts_are_cut_and_cleaned),
		TEST(what_is_not_whole_is_not_shown),
		TEST(tellers_at_the_same_time_mix_nothing_even_if_they_die),
	};

	return cmocka_run_group_tests_name("scoreboard_failures", tests, NULL, NULL);
}
