/*
 * view.c, render_json.c, render_metrics.c, answer.c: what is shown, to the byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/scoreboard_failures.h"
#include "health/answer.h"
#include "health/render_json.h"
#include "health/render_metrics.h"
#include "health/render_page.h"

#define NOW_MS  3605000
#define WALL_MS 1765238400000 /* 2025-12-09T00:00:00.000Z */

static struct health_view view;
static char room[ANSWER_BODY_SIZE];

/* A pool of five at work: what service.md's examples show. */
static int
serving(void **state)
{
	(void)state;
	memset(&view, 0, sizeof(view));
	view.now_mono_ms = NOW_MS;
	view.now_wall_ms = WALL_MS;
	view.pid = 42;
	view.version = "1.0.0";
	view.board.pool.started_mono_ms = NOW_MS - 3600 * 1000;
	view.board.pool.started_wall_ms = WALL_MS - 3600 * 1000;
	view.board.pool.phase = POOL_SERVING;
	view.board.pool.workers_ready = 5;
	view.board.pool.concurrency = 5;
	view.board.pool.config_generation = 1;
	view.workers[ACTIVITY_IDLE] = 3;
	view.workers[ACTIVITY_UPLOADING] = 2;
	view.board.active_jobs = 2;
	view.board.dispatcher_heartbeat_ms = NOW_MS - 100;
	for (int i = 0; i < DEPENDENCY_COUNT; i++) {
		view.board.dependencies[i].up = true;
		view.board.dependencies[i].checked_ms = NOW_MS - 100;
	}
	view.board.queue_counted_ms = NOW_MS - 1000;
	view.board.circuits_counted_ms = NOW_MS - 1000;
	view.load.connections = 1;
	view.load.connections_limit = 512;
	return 0;
}

static const char *
rendered(void (*render)(struct page *page, const struct health_view *view))
{
	struct page page;

	health_view_judge(&view);
	page_init(&page, room, sizeof(room));
	render(&page, &view);
	assert_false(page.full);
	return room;
}

static void
assert_not_ready(const char *error)
{
	health_view_judge(&view);
	assert_false(view.ready);
	assert_string_equal(view.error, error);
}

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

static const char metrics[] =
	"# HELP publisher_active_jobs Number of jobs currently being processed\n"
	"# TYPE publisher_active_jobs gauge\n"
	"publisher_active_jobs 2\n"
	"# HELP publisher_uptime_seconds Uptime of the publisher service in seconds\n"
	"# TYPE publisher_uptime_seconds counter\n"
	"publisher_uptime_seconds 3600\n"
	"# HELP publisher_build_info The version that runs; always 1.\n"
	"# TYPE publisher_build_info gauge\n"
	"publisher_build_info{version=\"1.0.0\"} 1\n"
	"# HELP publisher_start_time_seconds Unix time of the start.\n"
	"# TYPE publisher_start_time_seconds gauge\n"
	"publisher_start_time_seconds 1765234800.000\n"
	"# HELP publisher_ready 1 while /ready answers 200.\n"
	"# TYPE publisher_ready gauge\n"
	"publisher_ready 1\n"
	"# HELP publisher_redis_up 1 while Redis answers, as the dispatcher finds it.\n"
	"# TYPE publisher_redis_up gauge\n"
	"publisher_redis_up 1\n"
	"# HELP publisher_postgres_up 1 while PostgreSQL answers, as the dispatcher finds it.\n"
	"# TYPE publisher_postgres_up gauge\n"
	"publisher_postgres_up 1\n"
	"# HELP publisher_operator_fault 1 while something only the operator can mend holds jobs "
	"up; /ready tells what.\n"
	"# TYPE publisher_operator_fault gauge\n"
	"publisher_operator_fault 0\n"
	"# HELP publisher_workers Worker processes by what they are doing.\n"
	"# TYPE publisher_workers gauge\n"
	"publisher_workers{state=\"boot\"} 0\n"
	"publisher_workers{state=\"idle\"} 3\n"
	"publisher_workers{state=\"loading\"} 0\n"
	"publisher_workers{state=\"uploading\"} 2\n"
	"publisher_workers{state=\"publishing\"} 0\n"
	"publisher_workers{state=\"recording\"} 0\n"
	"publisher_workers{state=\"draining\"} 0\n"
	"# HELP publisher_worker_seconds_total Time of worker processes by what they spent it on.\n"
	"# TYPE publisher_worker_seconds_total counter\n"
	"publisher_worker_seconds_total{state=\"boot\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"idle\"} 12.500\n"
	"publisher_worker_seconds_total{state=\"loading\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"uploading\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"publishing\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"recording\"} 0.000\n"
	"publisher_worker_seconds_total{state=\"draining\"} 0.000\n"
	"# HELP publisher_workers_ready Workers that are up and take jobs.\n"
	"# TYPE publisher_workers_ready gauge\n"
	"publisher_workers_ready 5\n"
	"# HELP publisher_workers_limit Workers wanted (PUBLISHER_CONCURRENCY).\n"
	"# TYPE publisher_workers_limit gauge\n"
	"publisher_workers_limit 5\n"
	"# HELP publisher_draining 1 while the pool is draining.\n"
	"# TYPE publisher_draining gauge\n"
	"publisher_draining 0\n"
	"# HELP publisher_worker_restarts_total Workers started in place of dead ones.\n"
	"# TYPE publisher_worker_restarts_total counter\n"
	"publisher_worker_restarts_total 0\n"
	"# HELP publisher_workers_killed_total Workers killed because they did not let go in "
	"time.\n"
	"# TYPE publisher_workers_killed_total counter\n"
	"publisher_workers_killed_total 0\n"
	"# HELP publisher_dispatcher_up 1 while the dispatcher gives signs of life.\n"
	"# TYPE publisher_dispatcher_up gauge\n"
	"publisher_dispatcher_up 1\n"
	"# HELP publisher_dispatcher_restarts_total Dispatchers started in place of dead ones.\n"
	"# TYPE publisher_dispatcher_restarts_total counter\n"
	"publisher_dispatcher_restarts_total 0\n"
	"# HELP publisher_config_generation Counts the configurations taken so far.\n"
	"# TYPE publisher_config_generation gauge\n"
	"publisher_config_generation 1\n"
	"# HELP publisher_reloads_total Reloads asked for, by what became of them.\n"
	"# TYPE publisher_reloads_total counter\n"
	"publisher_reloads_total{result=\"done\"} 0\n"
	"publisher_reloads_total{result=\"refused\"} 0\n"
	"# HELP publisher_jobs_total Runs of jobs by how they ended.\n"
	"# TYPE publisher_jobs_total counter\n"
	"publisher_jobs_total{result=\"completed\"} 7\n"
	"publisher_jobs_total{result=\"failed\"} 0\n"
	"publisher_jobs_total{result=\"retried\"} 0\n"
	"publisher_jobs_total{result=\"deferred\"} 0\n"
	"# HELP publisher_job_duration_seconds How long jobs took from claim to finish; not the "
	"deferred.\n"
	"# TYPE publisher_job_duration_seconds histogram\n"
	"publisher_job_duration_seconds_bucket{le=\"0.05\"} 0\n"
	"publisher_job_duration_seconds_bucket{le=\"0.1\"} 0\n"
	"publisher_job_duration_seconds_bucket{le=\"0.25\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"0.5\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"1\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"2.5\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"5\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"10\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"30\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"60\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"120\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"300\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"600\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"1500\"} 3\n"
	"publisher_job_duration_seconds_bucket{le=\"+Inf\"} 4\n"
	"publisher_job_duration_seconds_sum 2000.500\n"
	"publisher_job_duration_seconds_count 4\n"
	"# HELP publisher_step_duration_seconds How long a file's upload took, and a publish that "
	"was accepted.\n"
	"# TYPE publisher_step_duration_seconds histogram\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.05\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.25\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"0.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"2.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"10\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"30\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"60\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"120\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"300\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"600\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"1500\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"upload\",le=\"+Inf\"} 0\n"
	"publisher_step_duration_seconds_sum{step=\"upload\"} 0.000\n"
	"publisher_step_duration_seconds_count{step=\"upload\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.05\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.25\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"0.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"1\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"2.5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"5\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"10\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"30\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"60\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"120\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"300\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"600\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"1500\"} 0\n"
	"publisher_step_duration_seconds_bucket{step=\"publish\",le=\"+Inf\"} 0\n"
	"publisher_step_duration_seconds_sum{step=\"publish\"} 0.000\n"
	"publisher_step_duration_seconds_count{step=\"publish\"} 0\n"
	"# HELP publisher_lateness_seconds From a post's due time until it was public.\n"
	"# TYPE publisher_lateness_seconds histogram\n"
	"publisher_lateness_seconds_bucket{le=\"0.5\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"1\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"2\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"5\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"10\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"30\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"60\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"120\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"300\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"900\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"3600\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"21600\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"86400\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"604800\"} 0\n"
	"publisher_lateness_seconds_bucket{le=\"+Inf\"} 0\n"
	"publisher_lateness_seconds_sum 0.000\n"
	"publisher_lateness_seconds_count 0\n"
	"# HELP publisher_waits_total How often a job was put off, by the reason.\n"
	"# TYPE publisher_waits_total counter\n"
	"publisher_waits_total{reason=\"not_due\"} 0\n"
	"publisher_waits_total{reason=\"locked\"} 0\n"
	"publisher_waits_total{reason=\"pace\"} 3\n"
	"publisher_waits_total{reason=\"asked_to_wait\"} 0\n"
	"publisher_waits_total{reason=\"circuit\"} 0\n"
	"publisher_waits_total{reason=\"application_circuit\"} 0\n"
	"publisher_waits_total{reason=\"rate_limit\"} 0\n"
	"publisher_waits_total{reason=\"deviantart_away\"} 0\n"
	"publisher_waits_total{reason=\"storage_away\"} 0\n"
	"publisher_waits_total{reason=\"server_away\"} 0\n"
	"publisher_waits_total{reason=\"token\"} 0\n"
	"publisher_waits_total{reason=\"operator\"} 0\n"
	"publisher_waits_total{reason=\"outcome_unknown\"} 0\n"
	"publisher_waits_total{reason=\"attempt_failed\"} 0\n"
	"publisher_waits_total{reason=\"lock_lost\"} 0\n"
	"publisher_waits_total{reason=\"stopped\"} 0\n"
	"# HELP publisher_wait_seconds_total How long jobs were put off for, by the reason, "
	"counted when the wait begins.\n"
	"# TYPE publisher_wait_seconds_total counter\n"
	"publisher_wait_seconds_total{reason=\"not_due\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"locked\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"pace\"} 4.250\n"
	"publisher_wait_seconds_total{reason=\"asked_to_wait\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"circuit\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"application_circuit\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"rate_limit\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"deviantart_away\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"storage_away\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"server_away\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"token\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"operator\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"outcome_unknown\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"attempt_failed\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"lock_lost\"} 0.000\n"
	"publisher_wait_seconds_total{reason=\"stopped\"} 0.000\n"
	"# HELP publisher_errors_total Failures by category.\n"
	"# TYPE publisher_errors_total counter\n"
	"publisher_errors_total{category=\"RATE_LIMIT\"} 0\n"
	"publisher_errors_total{category=\"AUTH_ERROR\"} 0\n"
	"publisher_errors_total{category=\"TOKEN_EXPIRED\"} 0\n"
	"publisher_errors_total{category=\"REFRESH_TOKEN_EXPIRED\"} 0\n"
	"publisher_errors_total{category=\"NETWORK_ERROR\"} 0\n"
	"publisher_errors_total{category=\"SERVER_ERROR\"} 0\n"
	"publisher_errors_total{category=\"QUOTA_EXCEEDED\"} 0\n"
	"publisher_errors_total{category=\"VALIDATION_ERROR\"} 0\n"
	"publisher_errors_total{category=\"UNKNOWN\"} 0\n"
	"publisher_errors_total{category=\"AWAY\"} 0\n"
	"publisher_errors_total{category=\"OPERATOR\"} 0\n"
	"publisher_errors_total{category=\"LOST\"} 0\n"
	"publisher_errors_total{category=\"STOPPED\"} 0\n"
	"publisher_errors_total{category=\"OUTCOME_UNKNOWN\"} 0\n"
	"# HELP publisher_reconciled_total Publishes of unknown outcome that were cleared up, by "
	"what they turned out to be.\n"
	"# TYPE publisher_reconciled_total counter\n"
	"publisher_reconciled_total{outcome=\"published\"} 0\n"
	"publisher_reconciled_total{outcome=\"published_now\"} 0\n"
	"publisher_reconciled_total{outcome=\"no_link\"} 0\n"
	"publisher_reconciled_total{outcome=\"failed\"} 0\n"
	"# HELP publisher_queue_jobs Jobs of the queue by state, at most 2 s old; absent when not "
	"known.\n"
	"# TYPE publisher_queue_jobs gauge\n"
	"publisher_queue_jobs{state=\"waiting\"} 0\n"
	"publisher_queue_jobs{state=\"paused\"} 0\n"
	"publisher_queue_jobs{state=\"active\"} 0\n"
	"publisher_queue_jobs{state=\"prioritized\"} 0\n"
	"publisher_queue_jobs{state=\"delayed\"} 0\n"
	"publisher_queue_jobs{state=\"completed\"} 0\n"
	"publisher_queue_jobs{state=\"failed\"} 0\n"
	"publisher_queue_jobs{state=\"waiting-children\"} 0\n"
	"# HELP publisher_queue_paused 1 while the queue is paused.\n"
	"# TYPE publisher_queue_paused gauge\n"
	"publisher_queue_paused 0\n"
	"# HELP publisher_queue_oldest_due_seconds How long ago the oldest job that is next in "
	"line "
	"was due; 0 when nobody waits.\n"
	"# TYPE publisher_queue_oldest_due_seconds gauge\n"
	"publisher_queue_oldest_due_seconds 0.000\n"
	"# HELP publisher_circuits Circuits that DeviantArt's refusals opened: open, or half open "
	"(their "
	"time is over, and a probe may go); absent when not known.\n"
	"# TYPE publisher_circuits gauge\n"
	"publisher_circuits{state=\"open\"} 0\n"
	"publisher_circuits{state=\"half_open\"} 0\n"
	"# HELP publisher_application_circuit 1 while the circuit that shuts everybody out is "
	"open, or half open; absent when not known.\n"
	"# TYPE publisher_application_circuit gauge\n"
	"publisher_application_circuit{state=\"open\"} 1\n"
	"publisher_application_circuit{state=\"half_open\"} 0\n"
	"# HELP publisher_uploads_total Files that stash/submit accepted.\n"
	"# TYPE publisher_uploads_total counter\n"
	"publisher_uploads_total 0\n"
	"# HELP publisher_uploaded_bytes_total Bytes of the files that stash/submit accepted.\n"
	"# TYPE publisher_uploaded_bytes_total counter\n"
	"publisher_uploaded_bytes_total 0\n"
	"# HELP publisher_publishes_total Deviations that stash/publish accepted.\n"
	"# TYPE publisher_publishes_total counter\n"
	"publisher_publishes_total 0\n"
	"# HELP publisher_token_refreshes_total Access tokens refreshed.\n"
	"# TYPE publisher_token_refreshes_total counter\n"
	"publisher_token_refreshes_total 0\n"
	"# HELP publisher_token_refresh_failures_total Token refreshes that failed.\n"
	"# TYPE publisher_token_refresh_failures_total counter\n"
	"publisher_token_refresh_failures_total 0\n"
	"# HELP publisher_dead_logins_total Users found to have to connect DeviantArt again.\n"
	"# TYPE publisher_dead_logins_total counter\n"
	"publisher_dead_logins_total 0\n"
	"# HELP publisher_fenced_publishes_total Publishes not sent because the lease or the lock "
	"was not ours.\n"
	"# TYPE publisher_fenced_publishes_total counter\n"
	"publisher_fenced_publishes_total 0\n"
	"# HELP publisher_handed_back_jobs_total Jobs of dead processes given back to the queue.\n"
	"# TYPE publisher_handed_back_jobs_total counter\n"
	"publisher_handed_back_jobs_total 0\n"
	"# HELP publisher_stalled_jobs_total Jobs that the stalled check recovered.\n"
	"# TYPE publisher_stalled_jobs_total counter\n"
	"publisher_stalled_jobs_total 0\n"
	"# HELP publisher_requeued_jobs_total Jobs put in the queue anew from PostgreSQL.\n"
	"# TYPE publisher_requeued_jobs_total counter\n"
	"publisher_requeued_jobs_total 0\n"
	"# HELP publisher_turns_total Turns handed to idle workers.\n"
	"# TYPE publisher_turns_total counter\n"
	"publisher_turns_total 0\n"
	"# HELP publisher_redis_reconnects_total Connections to Redis made anew after they were "
	"lost.\n"
	"# TYPE publisher_redis_reconnects_total counter\n"
	"publisher_redis_reconnects_total 0\n"
	"# HELP publisher_postgres_reconnects_total Connections to PostgreSQL made anew after they "
	"were lost.\n"
	"# TYPE publisher_postgres_reconnects_total counter\n"
	"publisher_postgres_reconnects_total 0\n"
	"# HELP publisher_log_dropped_total Log lines dropped because the output would not take "
	"them.\n"
	"# TYPE publisher_log_dropped_total counter\n"
	"publisher_log_dropped_total 0\n"
	"# HELP publisher_health_connections Connections to this listener.\n"
	"# TYPE publisher_health_connections gauge\n"
	"publisher_health_connections 1\n"
	"# HELP publisher_health_connections_limit Connections that it takes at most.\n"
	"# TYPE publisher_health_connections_limit gauge\n"
	"publisher_health_connections_limit 512\n"
	"# HELP publisher_health_requests_total Requests that it answered.\n"
	"# TYPE publisher_health_requests_total counter\n"
	"publisher_health_requests_total 0\n"
	"# HELP publisher_health_connections_dropped_total Connections dropped to let newer ones "
	"in.\n"
	"# TYPE publisher_health_connections_dropped_total counter\n"
	"publisher_health_connections_dropped_total 0\n"
	"# HELP publisher_health_timeouts_total Connections closed because a request or its answer "
	"took too long.\n"
	"# TYPE publisher_health_timeouts_total counter\n"
	"publisher_health_timeouts_total 0\n";

static void
metrics_are_as_they_were(void **state)
{
	(void)state;
	view.board.jobs[JOB_COMPLETED] = 7;
	view.board.timings[TIMING_JOB].buckets[2] = 3;
	view.board.timings[TIMING_JOB].buckets[SCOREBOARD_BUCKETS] = 1;
	view.board.timings[TIMING_JOB].count = 4;
	view.board.timings[TIMING_JOB].sum_s = 2000.5;
	view.board.spent_s[ACTIVITY_IDLE] = 12.5;
	view.board.waits[WAIT_PACE].count = 3;
	view.board.waits[WAIT_PACE].sum_s = 4.25;
	view.board.application_until_wall_ms = WALL_MS + 1;
	assert_string_equal(rendered(render_metrics), metrics);
}

static void
application_circuit_is_open_until_its_time_is_over(void **state)
{
	(void)state;
	view.board.application_until_wall_ms = 0;
	assert_non_null(strstr(rendered(render_metrics),
			       "publisher_application_circuit{state=\"open\"} 0\n"
			       "publisher_application_circuit{state=\"half_open\"} 0\n"));
	view.board.application_until_wall_ms = WALL_MS;
	assert_non_null(strstr(rendered(render_metrics),
			       "publisher_application_circuit{state=\"open\"} 0\n"
			       "publisher_application_circuit{state=\"half_open\"} 1\n"));
}

static void
old_counts_are_left_out(void **state)
{
	const char *text;

	(void)state;
	view.board.queue_counted_ms = NOW_MS - HEALTH_QUEUE_MAX_AGE_MS;
	assert_non_null(strstr(rendered(render_metrics), "publisher_queue_jobs{"));
	view.board.queue_counted_ms--;
	view.board.circuits_counted_ms = 0;
	text = rendered(render_metrics);
	assert_null(strstr(text, "publisher_queue_"));
	assert_null(strstr(text, "publisher_circuits"));
	assert_null(strstr(text, "publisher_application_circuit"));
}

/* The family a sample belongs to: a histogram's samples have suffixes. */
static void
assert_is_declared(const char *text, const char *sample)
{
	char name[128], line[160];
	size_t size = strcspn(sample, "{ ");
	static const char *const suffixes[] = {"", "_bucket", "_sum", "_count"};

	assert_in_range(size, 1, sizeof(name) - 1);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t cut = strlen(suffixes[i]);

		if (cut > size || memcmp(sample + size - cut, suffixes[i], cut) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(size - cut), sample);
		snprintf(line, sizeof(line), "# TYPE %s ", name);
		if (strstr(text, line) == NULL)
			continue;
		snprintf(line, sizeof(line), "# HELP %s ", name);
		assert_non_null(strstr(text, line));
		return;
	}
	fail_msg("no TYPE for %.*s", (int)size, sample);
}

static void
every_series_has_help_and_type(void **state)
{
	static char copy[ANSWER_BODY_SIZE];
	char *rest = NULL;

	(void)state;
	snprintf(copy, sizeof(copy), "%s", rendered(render_metrics));
	assert_null(strstr(copy, "(null)")); /* a counter without a line in the table */
	for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		assert_true(strncmp(line, "publisher_", 10) == 0 || strncmp(line, "# ", 2) == 0);
		if (line[0] != '#')
			assert_is_declared(room, line);
	}
}

static void
fullest_page_fits(void **state)
{
	struct page page;

	(void)state;
	memset(view.board.jobs, 0xFF, sizeof(view.board.jobs));
	memset(view.board.errors, 0xFF, sizeof(view.board.errors));
	memset(view.board.reconciled, 0xFF, sizeof(view.board.reconciled));
	memset(view.board.counters, 0xFF, sizeof(view.board.counters));
	memset(view.board.timings[TIMING_JOB].buckets, 0xFF,
	       sizeof(view.board.timings[TIMING_JOB].buckets));
	view.board.timings[TIMING_JOB].sum_s = 1.8e16;
	for (int i = 0; i < QUEUE_STATE_COUNT; i++)
		view.board.queue[i] = INT64_MAX;
	for (int i = 0; i < CIRCUIT_STATE_COUNT; i++)
		view.board.circuits[i] = INT64_MIN;
	view.board.pool.config_generation = UINT64_MAX;
	view.board.pool.worker_restarts = UINT64_MAX;
	health_view_judge(&view);
	page_init(&page, room, sizeof(room));
	render_metrics(&page, &view);
	assert_false(page.full);
	assert_true(page.size < sizeof(room) / 2);
	assert_non_null(strstr(room, "publisher_circuits{state=\"open\"} 0\n"));
}

static void
page_that_is_full_says_so_and_stays_terminated(void **state)
{
	char small[16];
	struct page page;

	(void)state;
	page_init(&page, small, sizeof(small));
	page_print(&page, "%s", "0123456789");
	page_print(&page, "%s", "0123456789");
	assert_true(page.full);
	assert_string_equal(small, "0123456789");
	page_print(&page, "x");
	assert_string_equal(small, "0123456789");

	page_init(&page, small, sizeof(small));
	page_print(&page, "%s", "0123456789");
	page_json(&page, "\n");
	assert_string_equal(small, "0123456789\"\\n\"");
	assert_false(page.full);
	page_json(&page, "");
	assert_true(page.full);
	page_init(&page, small, sizeof(small));
	page_json(&page, "0123456789abcde");
	assert_true(page.full);
	assert_string_equal(small, "");
}

/* ---- answers ---- */

static char head_room[ANSWER_HEAD_SIZE];

static void
assert_answer(const char *text, int status, const char *needle)
{
	static struct http_request request;
	const struct health_load load = {0};
	struct scoreboard *board = scoreboard_new();
	struct page head, body;
	char length[64];
	int told;

	assert_non_null(board);
	http_request_init(&request);
	http_request_feed(&request, text, strlen(text));
	page_init(&head, head_room, sizeof(head_room));
	page_init(&body, room, sizeof(room));
	answer_request(&request, board, &load, &head, &body);
	assert_int_equal(sscanf(head_room, "HTTP/1.1 %d ", &told), 1);
	assert_int_equal(told, status);
	assert_non_null(strstr(head_room, needle));
	assert_non_null(strstr(head_room, "\r\nDate: "));
	assert_string_equal(head_room + head.size - 4, "\r\n\r\n");
	if (request.method != HTTP_HEAD) {
		snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", body.size);
		assert_non_null(strstr(head_room, length));
		assert_true(body.size > 0);
	} else {
		assert_int_equal(body.size, 0);
		assert_null(strstr(head_room, "\r\nContent-Length: 0\r\n"));
	}
	scoreboard_free(board);
}

static void
each_request_gets_its_status(void **state)
{
	(void)state;
	assert_answer("GET /health HTTP/1.1\r\n\r\n", 200, "Type: application/json");
	assert_answer("HEAD /health HTTP/1.1\r\n\r\n", 200, "Connection: keep-alive");
	assert_answer("GET /ready HTTP/1.0\r\n\r\n", 503, "Connection: close");
	assert_answer("GET /metrics HTTP/1.1\r\n\r\n", 200,
		      "Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_answer("GET / HTTP/1.1\r\n\r\n", 200, "Type: text/html; charset=utf-8\r\n");
	assert_answer("HEAD / HTTP/1.1\r\n\r\n", 200, "Type: text/html; charset=utf-8\r\n");
	assert_answer("POST / HTTP/1.1\r\n\r\n", 405, "Type: application/json");
	assert_answer("GET /status HTTP/1.1\r\n\r\n", 200, "Type: application/json");
	assert_answer("GET /page.css HTTP/1.1\r\n\r\n", 404, "Type: application/json");
	assert_answer("GET /health/ HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("GET /HEALTH HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("HEAD /x HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("POST /x HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("POST /ready HTTP/1.1\r\n\r\n", 405, "Allow: GET, HEAD\r\n");
	assert_answer("DELETE /ready HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 405, ": close\r\n");
	assert_answer("BREW /ready HTTP/1.1\r\n\r\n", 501, "Connection: keep-alive");
	assert_answer("GET /ready HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 413, ": close\r\n");
	assert_answer("GET /ready HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 413, ": close");
	assert_answer("GET /ready HTTP/3.0\r\n\r\n", 505, "Connection: close");
	assert_answer("nonsense\r\n", 400, "Connection: close");
}

/* ---- the page ---- */

/* "'sha256-<digest in base64>'" of what is between the tags of the page. */
static void
assert_policy_has_digest_of(const char *html, const char *tag, const char *rule)
{
	unsigned char digest[SHA256_DIGEST_LENGTH], base64[64];
	char open[16], close[16], wanted[128];
	const char *from, *to;

	snprintf(open, sizeof(open), "<%s>", tag);
	snprintf(close, sizeof(close), "</%s>", tag);
	from = strstr(html, open);
	assert_non_null(from);
	from += strlen(open);
	to = strstr(from, close);
	assert_non_null(to);
	assert_null(strstr(to, open)); /* there is one */
	assert_in_range(to - from, 1000, 100000);
	SHA256((const unsigned char *)from, (size_t)(to - from), digest);
	EVP_EncodeBlock(base64, digest, sizeof(digest));
	snprintf(wanted, sizeof(wanted), "; %s 'sha256-%s';", rule, (const char *)base64);
	assert_non_null(strstr(render_page_policy, wanted));
}

static void
page_runs_its_own_script_and_nothing_else(void **state)
{
	struct page page;

	(void)state;
	page_init(&page, room, sizeof(room));
	render_page(&page);
	assert_false(page.full);
	assert_policy_has_digest_of(room, "style", "style-src");
	assert_policy_has_digest_of(room, "script", "script-src");
	assert_memory_equal(render_page_policy, "default-src 'none'; ", 20);
	assert_null(strstr(render_page_policy, "unsafe"));
	assert_null(strstr(render_page_policy, "*"));
	assert_non_null(strstr(render_page_policy, "frame-ancestors 'none'"));
	/* Texts become text: nothing in it makes HTML of one. */
	assert_null(strstr(room, "innerHTML"));
	assert_null(strstr(room, "outerHTML"));
	assert_null(strstr(room, "insertAdjacent"));
	assert_null(strstr(room, "document.write"));
	/* Nothing is fetched but /status, wherever the page is served. */
	assert_null(strstr(room, "src="));
	assert_null(strstr(room, "@import"));
	assert_null(strstr(room, "url("));
	assert_null(strstr(room, "https:"));
	assert_null(strstr(room, "<!--"));
}

static void
every_answer_has_the_rules_for_browsers(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\n\r\n", "GET /status HTTP/1.1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\n\r\n", "nonsense\r\n"};
	static const char *const rules[] = {
		"\r\nX-Content-Type-Options: nosniff\r\n", "\r\nReferrer-Policy: no-referrer\r\n",
		"\r\nCache-Control: no-store\r\n",
		"\r\nContent-Security-Policy: default-src 'none'; ", "frame-ancestors 'none'"};
	static const int statuses[] = {200, 200, 200, 404, 400};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		for (size_t j = 0; j < sizeof(rules) / sizeof(rules[0]); j++)
			assert_answer(requests[i], statuses[i], rules[j]);
}

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
		cmocka_unit_test_setup(metrics_are_as_they_were, serving),
		cmocka_unit_test_setup(application_circuit_is_open_until_its_time_is_over, serving),
		cmocka_unit_test_setup(old_counts_are_left_out, serving),
		cmocka_unit_test_setup(every_series_has_help_and_type, serving),
		cmocka_unit_test_setup(fullest_page_fits, serving),
		cmocka_unit_test(page_that_is_full_says_so_and_stays_terminated),
		cmocka_unit_test(each_request_gets_its_status),
		cmocka_unit_test(page_runs_its_own_script_and_nothing_else),
		cmocka_unit_test(every_answer_has_the_rules_for_browsers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
