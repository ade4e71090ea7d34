/*
 * view.c, render_json.c: /health, /ready and /status, to the byte; and what makes them not ready.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/scoreboard_failures.h"
#include "health/render_json.h"
#include "tests/unit/health_case.h"

/* ---- JSON ---- */

static void
health_is_as_documented(void **state)
{
	(void)state;
	assert_string_equal(rendered(render_health),
			    "{\"status\":\"healthy\",\"service\":\"isekai-publisher\","
			    "\"uptime\":3600,\"timestamp\":\"2025-12-09T00:00:00.000Z\","
			    "\"version\":\"1.0.0\",\"pid\":42,\"configGeneration\":1}\n");
}

static void
ready_is_as_documented(void **state)
{
	(void)state;
	assert_string_equal(
		rendered(render_ready),
		"{\"status\":\"ready\",\"service\":\"isekai-publisher\","
		"\"worker\":{\"running\":true,\"activeJobs\":2},\"redis\":{\"connected\":true},"
		"\"timestamp\":\"2025-12-09T00:00:00.000Z\",\"postgres\":{\"connected\":true},"
		"\"pool\":{\"phase\":\"serving\",\"workersReady\":5,\"workersIdle\":3,"
		"\"concurrency\":5,\"concurrencyLimit\":1024},"
		"\"dispatcher\":{\"running\":true,\"heartbeatAgeMs\":100},"
		"\"version\":\"1.0.0\",\"pid\":42,\"configGeneration\":1}\n");
}

static void
not_ready_says_why(void **state)
{
	(void)state;
	view.board.dependencies[DEPENDENCY_REDIS].up = false;
	snprintf(view.board.dependencies[DEPENDENCY_REDIS].reason, SCOREBOARD_TEXT_SIZE, "%s",
		 "no \"route\" \\ to host");
	snprintf(view.board.operator_fault, SCOREBOARD_TEXT_SIZE, "%s",
		 "DeviantArt says invalid_client");
	assert_string_equal(
		rendered(render_ready),
		"{\"status\":\"not_ready\",\"service\":\"isekai-publisher\","
		"\"worker\":{\"running\":true,\"activeJobs\":2},\"redis\":{\"connected\":false},"
		"\"timestamp\":\"2025-12-09T00:00:00.000Z\","
		"\"error\":\"Redis is away: no \\\"route\\\" \\\\ to host\","
		"\"postgres\":{\"connected\":true},"
		"\"pool\":{\"phase\":\"serving\",\"workersReady\":5,\"workersIdle\":3,"
		"\"concurrency\":5,\"concurrencyLimit\":1024},"
		"\"dispatcher\":{\"running\":true,\"heartbeatAgeMs\":100},"
		"\"operatorFault\":\"DeviantArt says invalid_client\","
		"\"version\":\"1.0.0\",\"pid\":42,\"configGeneration\":1}\n");
}

static void
ready_of_an_empty_scoreboard_is_valid_json(void **state)
{
	cJSON *json;

	(void)state;
	memset(&view.board, 0, sizeof(view.board));
	json = cJSON_Parse(rendered(render_ready));
	assert_non_null(json);
	assert_string_equal(cJSON_GetObjectItem(json, "status")->valuestring, "not_ready");
	assert_string_equal(cJSON_GetObjectItem(json, "error")->valuestring,
			    "no worker is up; Redis and PostgreSQL are unknown: the dispatcher has "
			    "not reported yet");
	assert_true(
		cJSON_IsFalse(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "worker"), "running")));
	cJSON_Delete(json);
}

static void
longest_reasons_stay_valid_json(void **state)
{
	cJSON *json;

	(void)state;
	for (int i = 0; i < DEPENDENCY_COUNT; i++) {
		view.board.dependencies[i].up = false;
		memset(view.board.dependencies[i].reason, '"', SCOREBOARD_TEXT_SIZE - 1);
	}
	memset(view.board.operator_fault, '\\', SCOREBOARD_TEXT_SIZE - 1);
	view.board.pool.phase = POOL_DRAINING;
	json = cJSON_Parse(rendered(render_ready));
	assert_non_null(json);
	assert_non_null(
		strstr(cJSON_GetObjectItem(json, "error")->valuestring, "PostgreSQL is away"));
	cJSON_Delete(json);
}

/* libpq names the socket first, and says in the end what the matter is. */
static void
reason_is_told_to_its_end(void **state)
{
	cJSON *json;

	(void)state;
	for (int i = 0; i < DEPENDENCY_COUNT; i++) {
		view.board.dependencies[i].up = false;
		snprintf(view.board.dependencies[i].reason, SCOREBOARD_TEXT_SIZE, "%0*d the end",
			 FAILURE_MESSAGE_SIZE - 9, i);
	}
	json = cJSON_Parse(rendered(render_ready));
	assert_non_null(json);
	assert_non_null(strstr(cJSON_GetObjectItem(json, "error")->valuestring, "0 the end; "));
	assert_non_null(strstr(cJSON_GetObjectItem(json, "error")->valuestring, "1 the end"));
	cJSON_Delete(json);
}

/* ---- /status ---- */

static const char *
status_of(struct scoreboard *board)
{
	struct page page;

	health_view_judge(&view);
	page_init(&page, room, sizeof(room));
	render_status(&page, &view, board);
	assert_false(page.full);
	return room;
}

static void
status_has_an_entry_a_slot(void **state)
{
	struct scoreboard *board = scoreboard_new();
	const cJSON *slots, *slot;
	cJSON *json;

	(void)state;
	assert_non_null(board);
	scoreboard_assign(board, SCOREBOARD_DISPATCHER, 1, "d");
	scoreboard_assign(board, 1, 2, "a");
	scoreboard_assign(board, 3, 4, "b");
	scoreboard_activity(board, 1, ACTIVITY_IDLE);
	scoreboard_activity(board, 3, ACTIVITY_UPLOADING);
	scoreboard_job_begin(board, 3, "job \"3\"", "deviation", 2, INT64_MAX, INT64_MAX);
	json = cJSON_Parse(status_of(board));
	assert_non_null(json);
	slots = cJSON_GetObjectItem(json, "slots");
	assert_int_equal(cJSON_GetArraySize(slots), 3);
	assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(slots, 0), "role")->valuestring,
			    "dispatcher");
	slot = cJSON_GetArrayItem(slots, 1);
	assert_string_equal(cJSON_GetObjectItem(slot, "activity")->valuestring, "idle");
	assert_null(cJSON_GetObjectItem(slot, "job"));
	slot = cJSON_GetArrayItem(slots, 2);
	assert_int_equal(cJSON_GetObjectItem(slot, "slot")->valueint, 3);
	assert_string_equal(cJSON_GetObjectItem(slot, "activity")->valuestring, "uploading");
	slot = cJSON_GetObjectItem(slot, "job");
	assert_string_equal(cJSON_GetObjectItem(slot, "id")->valuestring, "job \"3\"");
	assert_string_equal(cJSON_GetObjectItem(slot, "deviationId")->valuestring, "deviation");
	assert_int_equal(cJSON_GetObjectItem(slot, "attempt")->valueint, 2);
	cJSON_Delete(json);
	scoreboard_free(board);
}

static void
status_tells_the_queue_or_that_it_is_not_known(void **state)
{
	struct scoreboard *board = scoreboard_new();
	const cJSON *queue;
	cJSON *json;

	(void)state;
	assert_non_null(board);
	view.board.queue[QUEUE_STATE_WAITING_CHILDREN] = 7;
	view.board.queue_paused = true;
	view.now_wall_ms = 100000;
	view.board.oldest_due_wall_ms = 99000;
	json = cJSON_Parse(status_of(board));
	assert_non_null(json);
	queue = cJSON_GetObjectItem(json, "queue");
	assert_int_equal(cJSON_GetObjectItem(queue, "waiting-children")->valueint, 7);
	assert_int_equal(cJSON_GetObjectItem(queue, "oldestDueMs")->valueint, 1000);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(queue, "isPaused")));
	assert_true(cJSON_IsObject(cJSON_GetObjectItem(json, "circuits")));
	assert_true(cJSON_HasObjectItem(cJSON_GetObjectItem(json, "errors"), "RATE_LIMIT"));
	cJSON_Delete(json);

	view.board.queue_counted_ms = view.board.circuits_counted_ms = 0;
	json = cJSON_Parse(status_of(board));
	assert_non_null(json);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "queue")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "circuits")));
	cJSON_Delete(json);
	scoreboard_free(board);
}

static void
status_of_the_largest_pool_fits(void **state)
{
	static char id[SCOREBOARD_ID_SIZE], reason[SCOREBOARD_TEXT_SIZE];
	struct scoreboard *board = scoreboard_new();

	(void)state;
	assert_non_null(board);
	memset(id, '"', sizeof(id) - 1);
	memset(reason, '"', sizeof(reason) - 1);
	for (int i = 0; i < SCOREBOARD_SLOTS; i++) {
		scoreboard_assign(board, i, UINT64_MAX, "token");
		scoreboard_activity(board, i, ACTIVITY_PUBLISHING);
		scoreboard_job_begin(board, i, id, id, INT_MAX, INT64_MAX, INT64_MAX);
		scoreboard_job_names(board, i, id, id);
	}
	for (int i = 0; i < 2 * SCOREBOARD_FAILURES; i++)
		scoreboard_tell_failure(
			board, &(struct scoreboard_news){.outcome = i % 2 ? FAILURE_DELAYED_JOB
									  : FAILURE_ENDED_JOB,
							 .id = id,
							 .deviation_id = id,
							 .title = id,
							 .user = id,
							 .reason = reason});
	view.board.pool.shows_details = true;
	assert_non_null(strstr(status_of(board), "\"slot\":1025,"));
	scoreboard_free(board);
}

static struct scoreboard *
board_with_names(void)
{
	struct scoreboard *board = scoreboard_new();

	assert_non_null(board);
	scoreboard_assign(board, 1, 2, "a");
	scoreboard_activity(board, 1, ACTIVITY_UPLOADING);
	scoreboard_job_begin(board, 1, "job-1", "d-1", 1, INT64_MAX, INT64_MAX);
	scoreboard_job_names(board, 1, "</script><script>alert(1)", "some\"one");
	scoreboard_tell_failure(board,
				&(struct scoreboard_news){.outcome = FAILURE_ENDED_JOB,
							  .category = FAILURE_VALIDATION_ERROR,
							  .attempt = 1,
							  .max_attempts = 7,
							  .id = "job-2",
							  .deviation_id = "d-2",
							  .title = "A title",
							  .user = "somebody",
							  .reason = "refused: \"x\"\n<b>"});
	scoreboard_tell_failure(board, &(struct scoreboard_news){.outcome = FAILURE_DELAYED_JOB,
								 .category = FAILURE_RATE_LIMIT,
								 .wait_ms = 60000,
								 .id = "job-3"});
	return board;
}

static void
status_tells_recent_failures_with_their_reasons(void **state)
{
	struct scoreboard *board = board_with_names();
	const cJSON *failures, *failure;
	cJSON *json;

	(void)state;
	view.now_wall_ms = clock_wall_ms() + 5000;
	json = cJSON_Parse(status_of(board));
	assert_non_null(json);
	failures = cJSON_GetObjectItem(json, "failures");
	assert_int_equal(cJSON_GetArraySize(failures), 2);
	failure = cJSON_GetArrayItem(failures, 0);
	assert_string_equal(cJSON_GetObjectItem(failure, "result")->valuestring, "failed");
	assert_string_equal(cJSON_GetObjectItem(failure, "category")->valuestring,
			    "VALIDATION_ERROR");
	assert_string_equal(cJSON_GetObjectItem(failure, "reason")->valuestring,
			    "refused: \"x\"?<b>");
	assert_string_equal(cJSON_GetObjectItem(failure, "jobId")->valuestring, "job-2");
	assert_string_equal(cJSON_GetObjectItem(failure, "deviationId")->valuestring, "d-2");
	assert_in_range(cJSON_GetObjectItem(failure, "agoMs")->valueint, 4000, 60000);
	failure = cJSON_GetArrayItem(failures, 1);
	assert_string_equal(cJSON_GetObjectItem(failure, "result")->valuestring, "waits");
	assert_int_equal(cJSON_GetObjectItem(failure, "waitMs")->valueint, 60000);
	cJSON_Delete(json);
	scoreboard_free(board);
}

static void
names_are_told_only_where_the_setting_asks_for_them(void **state)
{
	struct scoreboard *board = board_with_names();
	const cJSON *job;
	cJSON *json;

	(void)state;
	assert_null(strstr(status_of(board), "A title"));
	assert_null(strstr(room, "alert"));
	assert_null(strstr(room, "somebody"));
	assert_null(strstr(room, "one\\"));
	assert_non_null(strstr(room, "\"details\":false"));

	view.board.pool.shows_details = true;
	json = cJSON_Parse(status_of(board));
	assert_non_null(json);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "details")));
	job = cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "slots"), 0), "job");
	assert_string_equal(cJSON_GetObjectItem(job, "title")->valuestring,
			    "</script><script>alert(1)");
	assert_string_equal(cJSON_GetObjectItem(job, "user")->valuestring, "some\"one");
	job = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "failures"), 0);
	assert_string_equal(cJSON_GetObjectItem(job, "title")->valuestring, "A title");
	assert_string_equal(cJSON_GetObjectItem(job, "user")->valuestring, "somebody");
	cJSON_Delete(json);
	scoreboard_free(board);
}

static void
status_has_a_histogram_of_each_timing(void **state)
{
	static const char *const names[TIMING_COUNT] = {"job", "upload", "publish", "lateness"};
	struct scoreboard *board = scoreboard_new();
	const cJSON *timings, *timing;
	cJSON *json;

	(void)state;
	assert_non_null(board);
	view.board.timings[TIMING_LATENESS].count = 3;
	view.board.timings[TIMING_LATENESS].sum_s = 4.5;
	view.board.timings[TIMING_LATENESS].buckets[SCOREBOARD_BUCKETS] = 3;
	json = cJSON_Parse(status_of(board));
	assert_non_null(json);
	timings = cJSON_GetObjectItem(json, "timings");
	assert_int_equal(cJSON_GetArraySize(timings), TIMING_COUNT);
	for (int i = 0; i < TIMING_COUNT; i++) {
		timing = cJSON_GetObjectItem(timings, names[i]);
		assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(timing, "boundsMs")),
				 SCOREBOARD_BUCKETS);
		assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(timing, "counts")),
				 SCOREBOARD_BUCKETS + 1);
	}
	assert_int_equal(cJSON_GetObjectItem(timing, "count")->valueint, 3);
	assert_int_equal(cJSON_GetObjectItem(timing, "sumMs")->valueint, 4500);
	assert_int_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(timing, "counts"), 14)->valueint,
			 3);
	assert_int_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(timing, "boundsMs"), 0)->valueint,
			 500);
	cJSON_Delete(json);
	scoreboard_free(board);
}

/* ---- judging ---- */

static void
each_thing_that_is_missing_makes_not_ready(void **state)
{
	health_view_judge(&view);
	assert_true(view.ready);
	assert_string_equal(view.error, "");

	view.board.pool.phase = POOL_DRAINING;
	assert_not_ready("the pool is draining");
	serving(state);
	view.board.pool.workers_ready = 0;
	assert_not_ready("no worker is up");
	serving(state);
	view.board.dependencies[DEPENDENCY_POSTGRES].up = false;
	assert_not_ready("PostgreSQL is away");
	assert_true(view.redis_up && !view.postgres_up);
	serving(state);
	view.board.dependencies[DEPENDENCY_REDIS].checked_ms = 0;
	assert_not_ready("Redis has not been reached yet");
	assert_true(!view.redis_up && view.postgres_up);
	serving(state);
	view.board.pool.phase = POOL_STARTING; /* one worker is enough */
	view.board.pool.workers_ready = 1;
	health_view_judge(&view);
	assert_true(view.ready);
}

static void
all_words_are_from(int64_t ms)
{
	view.board.dispatcher_heartbeat_ms = ms;
	for (int i = 0; i < DEPENDENCY_COUNT; i++)
		view.board.dependencies[i].checked_ms = ms;
}

static void
word_of_a_silent_dispatcher_does_not_count(void **state)
{
	(void)state;
	all_words_are_from(NOW_MS - HEALTH_WORD_MAX_AGE_MS);
	health_view_judge(&view);
	assert_true(view.ready);
	all_words_are_from(NOW_MS - HEALTH_WORD_MAX_AGE_MS - 1);
	assert_not_ready("Redis and PostgreSQL are unknown: the dispatcher is silent");
	assert_true(!view.redis_up && !view.postgres_up && !view.dispatcher_fresh);
	all_words_are_from(INT64_MAX); /* garbage is no sign of life */
	health_view_judge(&view);
	assert_false(view.ready);
	all_words_are_from(NOW_MS + 5); /* said while we were reading */
	health_view_judge(&view);
	assert_true(view.ready);
}

static void
word_about_each_server_ages_by_itself(void **state)
{
	(void)state;
	view.board.dependencies[DEPENDENCY_POSTGRES].checked_ms =
		NOW_MS - HEALTH_WORD_MAX_AGE_MS - 1;
	assert_not_ready("PostgreSQL is unknown: nobody has asked it for too long");
	assert_true(view.redis_up && !view.postgres_up && view.dispatcher_fresh);
}

/* One that waits for a slow statement lives: its word about the servers is fresh. */
static void
slow_dispatcher_is_not_a_silent_one(void **state)
{
	(void)state;
	view.board.dispatcher_heartbeat_ms = NOW_MS - 4000;
	health_view_judge(&view);
	assert_true(view.ready && view.dispatcher_fresh);
}

/* ---- metrics ---- */

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(health_is_as_documented, serving),
		cmocka_unit_test_setup(ready_is_as_documented, serving),
		cmocka_unit_test_setup(not_ready_says_why, serving),
		cmocka_unit_test_setup(ready_of_an_empty_scoreboard_is_valid_json, serving),
		cmocka_unit_test_setup(longest_reasons_stay_valid_json, serving),
		cmocka_unit_test_setup(reason_is_told_to_its_end, serving),
		cmocka_unit_test_setup(status_has_an_entry_a_slot, serving),
		cmocka_unit_test_setup(status_tells_the_queue_or_that_it_is_not_known, serving),
		cmocka_unit_test_setup(status_of_the_largest_pool_fits, serving),
		cmocka_unit_test_setup(status_tells_recent_failures_with_their_reasons, serving),
		cmocka_unit_test_setup(names_are_told_only_where_the_setting_asks_for_them,
				       serving),
		cmocka_unit_test_setup(status_has_a_histogram_of_each_timing, serving),
		cmocka_unit_test_setup(each_thing_that_is_missing_makes_not_ready, serving),
		cmocka_unit_test_setup(word_of_a_silent_dispatcher_does_not_count, serving),
		cmocka_unit_test_setup(word_about_each_server_ages_by_itself, serving),
		cmocka_unit_test_setup(slow_dispatcher_is_not_a_silent_one, serving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
